/*
 * What becomes of a message: said once though it was sent twice, edited, taken back, answered, reacted to; who may,
 * how long, and that it is still so in the next life of the server.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectAgain, member, people } from './support/client.mjs';
import { hall } from './support/hall.mjs';
import { back, data, fill, hears, seqs } from './support/log.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const messageOf = async (client, room, seq) => {
    const { messages } = await client.ok('history', { room, around: seq, limit: 1 });
    assert.deepEqual(seqs(messages), [seq]);
    return messages[0];
};

/* Says something under an id of the test's own. */
async function says(client, id, fields) {
    client.send({ type: 'message', id, ...fields });
    return client.next({ id });
}

for (const args of [['--store', 'memory'], data()]) {
    const kept = args[0] === '--data';

    test(`sent twice under one id it is said once${kept ? ', also after a restart' : ''}`, async (t) => {
        let server = await startServer(t, args);
        let { alice, bob } = await people(t, server, 'alice', 'bob');
        for (const one of [alice, bob]) for (const room of ['lobby', 'den']) await one.join(room);
        const first = await says(alice, 'a', { room: 'lobby', content: 'hello' });
        assert.deepEqual([first.type, first.seq, first.dup], ['ok', 1, undefined]);
        const again = await says(alice, 'a', { room: 'lobby', content: 'hello' });
        assert.deepEqual(again, { ...first, dup: true });
        const other = await says(alice, 'a', { room: 'lobby', content: 'hullo' });
        assert.deepEqual([other.type, other.code], ['error', 'conflict']);
        assert.deepEqual((({ seq, dup }) => [seq, dup])(await says(alice, 'a', { room: 'den', content: 'hello' })), [1, undefined], 'another room');
        assert.deepEqual((({ seq, dup }) => [seq, dup])(await says(bob, 'a', { room: 'lobby', content: 'hello' })), [2, undefined], 'another user');
        for (let i = 0; i < 2; i++) alice.send({ type: 'message', room: 'lobby', content: 'hello' }); // without an id
        const tab = await connectAgain(t, server, alice);
        await tab.join('lobby');
        assert.deepEqual(await says(tab, 'a', { room: 'lobby', content: 'hello' }), { ...first, dup: true }, 'another tab');
        await hears(bob, 'lobby', 1, 4);

        // Many at once, all of them twice.
        const pairs = await Promise.all(Array.from({ length: 50 }, (_, i) => {
            const fields = { room: 'lobby', content: `line ${i}` };
            tab.send({ type: 'message', id: `p${i}`, ...fields });
            return says(alice, `p${i}`, fields);
        }));
        assert.equal(new Set(seqs(pairs)).size, 50);
        for (const reply of pairs) assert.equal((await tab.next({ id: reply.id })).seq, reply.seq);
        await hears(bob, 'lobby', 5, 54);

        await alice.ok('delete', { room: 'lobby', seq: 1 });
        assert.deepEqual(await says(alice, 'a', { room: 'lobby', content: 'hello' }), { ...first, dup: true }, 'taken back and sent again');
        if (!kept) return;
        await alice.ok('edit', { room: 'lobby', seq: pairs[3].seq, content: 'in other words' });
        await alice.ok('delete', { room: 'lobby', seq: pairs[4].seq });
        for (const end of ['stop', 'kill']) {
            await server[end]();
            server = await startAgain(t, server);
            ({ alice, bob } = await back(t, server, alice, bob));
            for (const one of [alice, bob]) await one.join('lobby');
            for (const reply of pairs) {
                assert.deepEqual(await says(alice, reply.id, { room: 'lobby', content: `line ${reply.id.slice(1)}` }), { ...reply, dup: true });
            }
            const conflict = await says(alice, 'p7', { room: 'lobby', content: 'another line' });
            assert.deepEqual([conflict.type, conflict.code], ['error', 'conflict']);
            await hears(bob, 'lobby', 1, 0);
        }
        assert.equal((await says(alice, 'new', { room: 'lobby', content: 'x' })).seq, 55);
    });
}

test('edit: one\'s own, and everybody sees it, also later', async (t) => {
    const all = await hall(t, { bob: 'moderator', carol: 'guest' }, data());
    const { alice, bob, carol } = all;
    await fill(carol, 'hall', 3);
    await hears(alice, 'hall', 1, 3);
    const before = Date.now();
    const reply = await carol.ok('edit', { room: 'hall', seq: 2, content: 'better "now"\n🦊' });
    assert.deepEqual([reply.room, reply.seq], ['hall', 2]);
    assert.ok(reply.editedTs >= before - 1000 && reply.editedTs <= Date.now() + 1000);
    for (const one of [alice, bob, carol]) {
        assert.deepEqual(await one.next({ type: 'edit' }), {
            type: 'edit', room: 'hall', seq: 2, userId: 'carol', username: 'carol', content: 'better "now"\n🦊', editedTs: reply.editedTs,
        });
    }
    const said = await messageOf(alice, 'hall', 2);
    assert.deepEqual([said.content, said.editedTs, said.username, said.seq], ['better "now"\n🦊', reply.editedTs, 'carol', 2]);
    const twice = await carol.ok('edit', { room: 'hall', seq: 2, content: 'best' });
    assert.ok(twice.editedTs >= reply.editedTs);

    for (const one of [alice, bob]) await one.refused('forbidden', 'edit', { room: 'hall', seq: 2, content: 'mine' });
    await carol.refused('unknown_message', 'edit', { room: 'hall', seq: 9, content: 'x' });
    for (const bad of [{ seq: 0, content: 'x' }, { seq: -1, content: 'x' }, { seq: 1.5, content: 'x' }, { seq: '2', content: 'x' }, { content: 'x' }, { seq: 2 }]) {
        await carol.refused('bad_request', 'edit', { room: 'hall', ...bad });
    }
    await alice.ok('mute', { room: 'hall', user: 'carol' });
    await carol.refused('muted', 'edit', { room: 'hall', seq: 2, content: 'x' });
    await alice.ok('unmute', { room: 'hall', user: 'carol' });
    await carol.ok('delete', { room: 'hall', seq: 3 });
    const gone = await carol.request('edit', { room: 'hall', seq: 3, content: 'back again' });
    assert.deepEqual([gone.type, gone.code], ['error', 'unknown_message'], 'taken back is taken back');
    await carol.ok('leave', { room: 'hall' });
    await carol.refused('not_in_room', 'edit', { room: 'hall', seq: 2, content: 'x' });

    const server = await startAgain(t, all.server);
    const later = await connectAgain(t, server, alice);
    await later.join('hall');
    const kept = await messageOf(later, 'hall', 2);
    assert.deepEqual([kept.content, kept.editedTs], ['best', twice.editedTs]);
    assert.equal((await messageOf(later, 'hall', 3)).deleted, true);
    await later.refused('forbidden', 'edit', { room: 'hall', seq: 2, content: 'x' });
    const author = await connectAgain(t, server, carol);
    await author.join('hall');
    await author.ok('edit', { room: 'hall', seq: 2, content: 'the author may still' });
    assert.equal((await later.next({ type: 'edit' })).content, 'the author may still');
});

test('too late to edit or to take back; moderators always may remove', async (t) => {
    const { alice, carol } = await hall(t, { carol: 'guest' }, data('--edit-window', '1s', '--delete-window', '1s'));
    const { seq } = await carol.ok('message', { room: 'hall', content: 'old' });
    const late = (type, fields) => until(async () => {
        const reply = await carol.request(type, { room: 'hall', seq, ...fields });
        return reply.code === 'too_late' || (assert.equal(reply.type, 'ok', JSON.stringify(reply)), false);
    }, `${type} is too late`);
    await late('edit', { content: 'new' });
    await until(async () => {
        const next = await carol.ok('message', { room: 'hall', content: 'x' });
        assert.equal((await carol.request('delete', { room: 'hall', seq: next.seq })).type, 'ok', 'in time');
        return (await carol.request('delete', { room: 'hall', seq })).code === 'too_late';
    }, 'delete is too late');
    assert.equal((await messageOf(alice, 'hall', seq)).deleted, undefined);
    await alice.ok('delete', { room: 'hall', seq });
    assert.equal((await messageOf(alice, 'hall', seq)).deleted, true);
});

test('taken back: a tombstone is left, whoever it was and however long ago', async (t) => {
    const all = await hall(t, { bob: 'moderator', carol: 'guest', dave: 'guest' }, data('--history-memory', '10'));
    let { alice, bob, carol, dave } = all;
    await fill(carol, 'hall', 300);
    await bob.next({ type: 'message', seq: 300 });
    await bob.ok('react', { room: 'hall', seq: 5, emoji: '👍' });
    await dave.refused('forbidden', 'delete', { room: 'hall', seq: 5 });
    await bob.ok('delete', { room: 'hall', seq: 5, reason: 'rude' });
    assert.deepEqual(await alice.next({ type: 'delete' }), {
        type: 'delete', room: 'hall', seq: 5, userId: 'bob', username: 'bob', reason: 'rude',
    });
    await carol.ok('delete', { room: 'hall', seq: 299 });
    const check = async (one) => {
        for (const seq of [5, 299]) {
            const gone = await messageOf(one, 'hall', seq);
            assert.deepEqual([gone.content, gone.deleted, gone.takenBack, gone.reactions, gone.username], ['', true, seq === 299 || undefined, undefined, 'carol']);
        }
    };
    await check(dave);
    await bob.refused('unknown_message', 'delete', { room: 'hall', seq: 301 });
    await carol.refused('unknown_message', 'react', { room: 'hall', seq: 5, emoji: '👍' });

    const server = await startAgain(t, all.server);
    ({ alice, bob, carol, dave } = await back(t, server, alice, bob, carol, dave));
    for (const one of [alice, bob, carol, dave]) await one.join('hall');
    await check(dave);
    await dave.refused('forbidden', 'delete', { room: 'hall', seq: 6 });
    await carol.ok('delete', { room: 'hall', seq: 6 });
    await bob.ok('delete', { room: 'hall', seq: 7 });
    for (const seq of [6, 7]) assert.equal((await dave.next({ type: 'delete' })).seq, seq);
    await alice.ok('message', { room: 'hall', content: 'by the owner' });
    await bob.refused('forbidden', 'delete', { room: 'hall', seq: 301 });
});

test('reactions: counted once for each user, and mine', async (t) => {
    let server = await startServer(t, data());
    let { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    for (const one of [alice, bob, carol]) await one.join('lobby');
    await fill(alice, 'lobby', 2);
    const react = (one, emoji, remove) => one.ok('react', { room: 'lobby', seq: 1, emoji, ...remove && { remove } });
    const first = await react(alice, '👍');
    assert.deepEqual([first.room, first.seq, first.emoji, first.count], ['lobby', 1, '👍', 1]);
    assert.equal((await react(bob, '👍')).count, 2);
    assert.equal((await react(bob, '👍')).count, 2, 'twice');
    assert.equal((await react(await tab(bob), '👍')).count, 2, 'another tab');
    assert.equal((await react(bob, '🦊')).count, 1);
    assert.equal((await react(alice, '🦊', true)).count, 1, 'it was not there');
    assert.equal((await react(alice, '👍', true)).count, 1);
    assert.equal((await react(alice, '👍', true)).count, 1, 'twice');
    await carol.barrier();
    const who = { type: 'reaction', room: 'lobby', seq: 1, userId: bob.welcome.userId, username: 'bob' };
    const alices = { ...who, userId: alice.welcome.userId, username: 'alice' };
    assert.deepEqual(carol.take({ type: 'reaction' }), [
        { ...alices, emoji: '👍', count: 1 }, { ...who, emoji: '👍', count: 2 }, { ...who, emoji: '🦊', count: 1 },
        { ...alices, emoji: '👍', count: 1, removed: true },
    ]);
    const seen = async (one) => (await messageOf(one, 'lobby', 1)).reactions;
    const check = async () => {
        assert.deepEqual(await seen(bob), [{ emoji: '👍', count: 1, mine: true }, { emoji: '🦊', count: 1, mine: true }]);
        assert.deepEqual(await seen(carol), [{ emoji: '👍', count: 1 }, { emoji: '🦊', count: 1 }]);
        assert.equal((await messageOf(carol, 'lobby', 2)).reactions, undefined);
    };
    await check();
    server = await startAgain(t, server);
    ({ alice, bob, carol } = await back(t, server, alice, bob, carol));
    for (const one of [alice, bob, carol]) await one.join('lobby');
    await check();
    assert.equal((await react(bob, '🦊')).count, 1, 'twice, in two lives');
    assert.equal((await react(carol, '🦊')).count, 2);
    assert.equal((await react(bob, '👍', true)).count, 0);
    assert.deepEqual(await seen(bob), [{ emoji: '🦊', count: 2, mine: true }]);

    async function tab(of) {
        const other = await connectAgain(t, server, of);
        await other.join('lobby');
        return other;
    }
});

test('reactions: twenty kinds, of visible text', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'lobby');
    const bob = await member(t, server, 'bob', 'lobby');
    await fill(alice, 'lobby', 1);
    const react = (one, emoji, more) => one.request('react', { room: 'lobby', seq: 1, emoji, ...more });
    for (let i = 0; i < 20; i++) assert.equal((await react(i % 2 ? alice : bob, `k${i}`)).type, 'ok');
    for (const one of [alice, bob]) assert.equal((await react(one, 'one more')).code, 'bad_request');
    assert.equal((await react(alice, 'k20')).code, 'bad_request');
    assert.equal((await react(alice, 'k0')).count, 2, 'another of a kind that is there');
    assert.equal((await react(alice, 'k1', { remove: true })).count, 0);
    assert.equal((await react(alice, '👩‍👩‍👧')).count, 1);
    const { reactions } = await messageOf(bob, 'lobby', 1);
    assert.equal(reactions.length, 20);
    for (const emoji of ['', 'x'.repeat(33), 'a b', ' ', '\n', '\u0007', '\u200b', 7, null]) {
        assert.equal((await react(alice, emoji)).code, 'bad_request', JSON.stringify(emoji));
    }
    assert.equal((await react(alice, 'x'.repeat(32), {})).code, 'bad_request', 'the twenty-first');
    assert.equal((await alice.request('react', { room: 'lobby', seq: 2, emoji: 'x' })).code, 'unknown_message');
    assert.equal((await alice.request('react', { room: 'den', seq: 1, emoji: 'x' })).code, 'not_in_room');
});

test('replies say what they answer', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'lobby');
    const bob = await member(t, server, 'bob', 'lobby');
    await fill(alice, 'lobby', 2);
    await hears(alice, 'lobby', 1, 2);
    await bob.ok('message', { room: 'lobby', content: 'indeed', replyTo: 1 });
    const [heard] = await hears(alice, 'lobby', 3, 3);
    assert.equal(heard.replyTo, 1);
    assert.deepEqual(await messageOf(bob, 'lobby', 3), heard);
    await alice.ok('delete', { room: 'lobby', seq: 1 });
    assert.equal((await messageOf(bob, 'lobby', 3)).replyTo, 1, 'also when that is taken back');
    for (const replyTo of [0, -1, 1.5, '1', null, {}]) {
        await bob.refused('bad_request', 'message', { room: 'lobby', content: 'x', replyTo });
    }
    const next = (await back(t, await startAgain(t, server), bob)).bob;
    await next.join('lobby', { history: 1 });
    assert.deepEqual(await hears(next, 'lobby', 3, 3), [heard]);
});

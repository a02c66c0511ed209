/*
 * Mentions: who is meant by a name, who hears of it, and the list of those that mention me.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectAgain, people } from './support/client.mjs';
import { hall } from './support/hall.mjs';
import { back, data } from './support/log.mjs';
import { startPostgres } from './support/postgres.mjs';
import { startAgain, startServer } from './support/server.mjs';

const say = (client, content, room = 'lobby') => client.ok('message', { room, content });
const places = (reply) => reply.messages.map((one) => `${one.room} ${one.seq}`);
const list = async (client, fields) => places(await client.ok('mentions', fields));

/* Says it; whom the others hear it mention, by name. */
async function named(speaker, listener, content, all) {
    const { seq } = await say(speaker, content);
    const heard = await listener.next({ type: 'message', room: 'lobby', seq });
    const names = new Map(all.map((one) => [one.welcome.userId, one.welcome.username]));
    return (heard.mentions ?? []).map((id) => names.get(id) ?? id);
}

test('names are understood where they stand', async (t) => {
    const server = await startServer(t, data());
    const everybody = await people(t, server, 'alice', 'bob', 'Bob Dylan', 'Łukasz', 'o"neil\\', '太郎', 'zoe.x', 'dave');
    const all = Object.values(everybody);
    const { alice, bob } = everybody;
    for (const one of all.slice(0, -1)) await one.join('lobby'); // dave is not in
    for (const [content, ...wanted] of [
        ['hello @bob', 'bob'],
        ['@BOB!', 'bob'],
        ['@Bob Dylan sings', 'Bob Dylan'],
        ['@bob dylan, @bob and @bob', 'Bob Dylan', 'bob'],
        ['@bobby and @bob-2 and @bob_'],
        ["@bob's and (@bob)", 'bob'],
        ['mail bob@bob, x@bob _@bob'],
        ['a-@bob', 'bob'],
        ['@łukasz', 'Łukasz'],
        ['@o"neil\\ and\n@bob', 'o"neil\\', 'bob'],
        ['@bob\n@Bob\nDylan', 'bob'],
        ['@太郎さん、@bob', '太郎', 'bob'],
        ['@zoe.x. @zoe', 'zoe.x'],
        ['@alice @dave @nobody @ @@ @room @'],
        ['@@bob', 'bob'],
        ['@ｂｏｂ', 'bob'],
        ['no name'],
    ]) assert.deepEqual(await named(alice, bob, content, all), wanted, content);

    const crowd = await Promise.all(Array.from({ length: 22 }, (_, i) => connect(t, server, { username: `m${i}` })));
    for (const one of crowd) await one.join('lobby');
    const many = await named(alice, bob, crowd.map((_, i) => `@m${i}`).join(' '), crowd);
    assert.deepEqual(many, crowd.slice(0, 20).map((one) => one.name));
    const kindly = crowd.slice(0, 20).map((_, i) => `@m${i}, would you please look after the window on the left today?`);
    assert.deepEqual(await named(alice, bob, kindly.join('\n'), crowd), crowd.slice(0, 20).map((one) => one.name));
    assert.deepEqual(await named(alice, bob, '@x '.repeat(319) + '@bob', all), ['bob']);
    for (const more of [320, 3000])
        assert.deepEqual(await named(alice, bob, '@x '.repeat(more) + '@bob', all), [], 'not for ever');
});

test('it is part of the message, and not of an edit', async (t) => {
    const server = await startServer(t, data('--history-memory', '0'));
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    const old = await connect(t, server, { username: 'old', full: false });
    old.send({ type: 'join', room: 'lobby' });
    for (const one of [alice, bob, carol]) await one.join('lobby');
    await say(alice, 'ask @bob');
    const event = await bob.next({ type: 'message', seq: 1 });
    assert.deepEqual(event.mentions, [bob.welcome.userId]);
    assert.equal('mentions' in await old.next({ type: 'message', seq: 1 }), false, 'classic');

    await alice.ok('edit', { room: 'lobby', seq: 1, content: 'ask @carol' });
    assert.equal('mentions' in await bob.next({ type: 'edit', seq: 1 }), false);
    const now = { ...event, content: 'ask @carol' };
    const check = (one, why) => assert.deepEqual({ ...one, editedTs: 0 }, { ...now, editedTs: 0 }, why);
    check((await bob.ok('history', { room: 'lobby' })).messages[0], 'history');
    check((await bob.ok('search', { query: 'carol' })).messages[0], 'search');
    check((await bob.ok('mentions')).messages[0], 'mentions');
    const late = await connect(t, server, { username: 'late' });
    await late.join('lobby', { history: 1 });
    check(await late.next({ type: 'message', seq: 1 }), 'join');
    assert.deepEqual(await list(carol), []);

    await bob.ok('react', { room: 'lobby', seq: 1, emoji: '+1' });
    assert.deepEqual((await bob.ok('mentions')).messages[0].reactions, [{ emoji: '+1', count: 1, mine: true }]);
    await alice.ok('delete', { room: 'lobby', seq: 1 });
    assert.deepEqual(await list(bob), []);
    const [grave] = (await bob.ok('history', { room: 'lobby' })).messages;
    assert.deepEqual([grave.deleted, 'mentions' in grave], [true, false]);
});

test('@room is for moderators', async (t) => {
    const { alice, bob, carol } = await hall(t, { bob: 'moderator', carol: 'guest' }, data());
    for (const [one, content, room, who] of [
        [carol, 'hello @room', undefined, undefined], [bob, 'hello @room', true, undefined], [alice, '@room and @carol', true, ['carol']],
        [bob, '@roommates', undefined, undefined], [carol, '@room @bob', undefined, ['bob']],
    ]) {
        const { seq } = await say(one, content, 'hall');
        const heard = await carol.next({ type: 'message', seq });
        assert.deepEqual([heard.mentionsRoom, heard.mentions], [room, who], content);
    }
    assert.deepEqual(await list(carol), ['hall 3'], 'it is in nobody\'s list');
});

for (const kind of ['sqlite', 'postgres']) {
    test(`the list: newest first, also what was said while away (${kind})`, async (t) => {
        const where = kind === 'sqlite' ? data() : data('--store', (await startPostgres(t)).url());
        let { alice, bob, carol, server } = await hall(t, { bob: 'member', carol: 'guest' }, where);
        await carol.join('lobby');
        await bob.join('lobby');
        await say(carol, 'one @bob');
        await say(alice, 'two @bob', 'hall');
        await bob.close();
        await say(carol, 'gone: @bob');
        await say(alice, 'three @bob @carol', 'hall');
        await say(alice, 'four, no name', 'hall');
        await say(alice, 'five, @bob', 'hall');
        bob = await connectAgain(t, server, bob);
        const wanted = ['hall 4', 'hall 2', 'hall 1', 'lobby 1'];
        assert.deepEqual(await list(bob), wanted);
        assert.deepEqual(await list(carol), ['hall 2']);
        assert.deepEqual(await list(alice), []);

        const pages = [];
        for (let cursor; cursor !== '';) {
            const page = await bob.ok('mentions', { limit: 1, cursor });
            pages.push(...places(page));
            cursor = page.cursor ?? '';
        }
        assert.deepEqual(pages, wanted);
        for (const cursor of ['x', '1.2', '1.2.3.4', '1.2.-3', ' 1.2.3', 7]) await bob.refused('bad_request', 'mentions', { cursor });
        for (const limit of [0, 101, '5', 1.5]) await bob.refused('bad_request', 'mentions', { limit });

        await server.stop();
        server = await startAgain(t, server);
        ({ alice, bob } = await back(t, server, alice, bob));
        assert.deepEqual(await list(bob), wanted);

        // only of what one may read now
        await alice.ok('update', { room: 'hall', visibility: 'private' });
        assert.deepEqual(await list(bob), wanted, 'of a private room that one belongs to');
        await alice.ok('remove', { room: 'hall', user: 'bob' });
        assert.deepEqual(await list(bob), ['lobby 1']);
        assert.deepEqual((await bob.ok('mentions', { limit: 1 })).messages.length, 1);
        await alice.ok('add', { room: 'hall', user: 'bob' });
        assert.deepEqual(await list(bob), wanted);
        await alice.ok('ban', { room: 'hall', user: 'bob' });
        assert.deepEqual(await list(bob), ['lobby 1']);
        await alice.ok('destroy', { room: 'hall' });
        assert.deepEqual(await list(bob), ['lobby 1']);
    });
}

test('without a store: of the rooms one is in, as far as memory goes', async (t) => {
    const server = await startServer(t, ['--store', 'memory', '--history-memory', '3']);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    for (const room of ['den', 'lobby']) for (const one of [alice, bob]) await one.join(room);
    for (const room of ['lobby', 'den', 'lobby', 'lobby', 'lobby']) await say(alice, 'hello @bob', room);
    const all = await list(bob);
    assert.deepEqual(all.slice().sort(), ['den 1', 'lobby 2', 'lobby 3', 'lobby 4']);
    assert.equal(all[0], 'lobby 4');
    assert.deepEqual(await list(bob, { limit: 1 }), ['lobby 4']);
    await bob.ok('leave', { room: 'lobby' });
    assert.deepEqual(await list(bob), ['den 1']);
});

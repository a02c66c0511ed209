/*
 * Rooms that hide what was said before one joined: from joins, pages, searches, mentions and files, over both ways in, from
 * the memory and from the disk; not from moderators; and since when that is lasts through lives of the server.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearing, connectAgain, people } from './support/client.mjs';
import { download, share } from './support/files.mjs';
import { hall, run } from './support/hall.mjs';
import { back, data, fill, hears, range, seqs } from './support/log.mjs';
import { startPostgres } from './support/postgres.mjs';
import { startAgain, startServer } from './support/server.mjs';

const hide = (alice, on = true, room = 'hall') => alice.ok('update', { room, hidesPast: on });
const page = (client, fields, room = 'hall') => client.ok('history', { room, ...fields });
const pages = async (server, client, fields = {}, room = 'hall') => {
    const answer = await server.request(`/rooms/${room}/messages?${new URLSearchParams(fields)}`, { headers: bearing(client?.token) });
    assert.equal(answer.status, 200, answer.text);
    return answer.json();
};

/* Both ways in show these, as if the log began with the first of them; to one who has a token. */
async function shows(server, client, from, to) {
    for (const one of [await page(client), await pages(server, client), await page(client, { after: 0 }), await page(client, { around: 1 })]) {
        assert.deepEqual(seqs(one.messages), range(from, to), client.name);
        assert.deepEqual([one.first, one.last, one.hasMoreBefore, one.hasMoreAfter], from > to ? [0, 0, false, false] : [from, to, false, false]);
    }
}

/* A hall in which alice has said `count` lines before bob joins. */
async function hiding(t, count, args = data()) {
    const all = await hall(t, {}, args);
    await hide(all.alice);
    await fill(all.alice, 'hall', count);
    all.bob = await all.enter('bob');
    all.joined = await all.bob.join('hall', { history: 300 });
    return all;
}

test('the setting is told, changed by admins, and for kept rooms only', async (t) => {
    const { server, alice, enter } = await hall(t, {}, data());
    const bob = await enter('bob');
    const hides = async (one) => [(await one.join('hall')).hidesPast, (await alice.ok('settings', { room: 'hall' })).hidesPast,
        (await one.ok('rooms')).rooms.find((row) => row.room === 'hall').hidesPast];
    assert.deepEqual(await hides(bob), [false, false, false]);
    await hide(alice);
    assert.deepEqual((({ hidesPast, by, title }) => [hidesPast, by, title])(await bob.next({ type: 'room' })), [true, 'alice', undefined]);
    assert.deepEqual(await hides(bob), [true, true, true]);
    await bob.refused('forbidden', 'update', { room: 'hall', hidesPast: false });
    for (const wrong of [1, 'true', null, []]) await alice.refused('bad_request', 'update', { room: 'hall', hidesPast: wrong });

    await bob.join('open');
    await bob.refused('forbidden', 'update', { room: 'open', hidesPast: true });
    await bob.ok('create', { room: 'open', hidesPast: true });
    const { alice: later } = await back(t, await startAgain(t, server), alice);
    assert.equal((await later.join('hall')).hidesPast, true);
    assert.equal((await later.join('open')).hidesPast, true);
});

for (const [kind, memory] of [['sqlite', '256'], ['sqlite', '0'], ['postgres', '0'], ['memory', '256']]) {
    test(`what was said before one joined is not shown (${kind}, ${memory} in memory)`, async (t) => {
        const where = kind === 'postgres' ? data('--store', (await startPostgres(t)).url()) : kind === 'memory' ? ['--store', 'memory'] : data();
        const { server, alice, bob, enter, joined } = await hiding(t, 5, [...where, '--history-memory', memory]);
        assert.deepEqual([joined.seq, joined.read, joined.shownFrom], [5, 5, 6]);
        assert.equal('shownFrom' in await alice.join('hall'), false, 'nothing is hidden from who was there');
        assert.deepEqual(bob.take({ type: 'message' }), [], 'none of the 300 that were asked for');
        await shows(server, bob, 1, 0);
        await shows(server, alice, 1, 5);

        await fill(alice, 'hall', 3);
        await hears(bob, 'hall', 6, 8);
        await shows(server, bob, 6, 8);
        assert.deepEqual(await page(bob, { before: 6 }).then((one) => [one.messages, one.hasMoreBefore]), [[], false]);
        assert.deepEqual(seqs((await page(bob, { around: 2, limit: 2 })).messages), [6, 7]);
        assert.deepEqual(await page(bob, { before: 8, limit: 1 }).then((one) => [seqs(one.messages), one.hasMoreBefore, one.hasMoreAfter]), [[7], true, true]);

        // Again, from elsewhere, and who asks without being in.
        await bob.ok('leave', { room: 'hall' });
        await fill(alice, 'hall', 2);
        const tab = await connectAgain(t, server, bob);
        assert.equal((await tab.join('hall', { history: 300 })).shownFrom, 6);
        await hears(tab, 'hall', 6, 10);
        await shows(server, tab, 6, 10);
        const carol = await enter('carol');
        await shows(server, carol, 1, 0);
        assert.deepEqual((await pages(server)).messages, [], 'nobody in particular');
        assert.deepEqual((await carol.ok('search', { query: 'line', room: 'hall' }).catch((error) => error)).messages ?? [], []);
    });
}

for (const kind of ['sqlite', 'postgres']) {
    test(`since when is known in the next life, and to who is not connected (${kind})`, async (t) => {
        const where = kind === 'postgres' ? data('--store', (await startPostgres(t)).url()) : data();
        let { server, alice, bob, joined } = await hiding(t, 4, where);
        await fill(alice, 'hall', 2);
        await bob.close();
        assert.deepEqual(seqs((await pages(server, bob)).messages), [5, 6], 'it has just left');

        await server.kill();
        server = await startAgain(t, server);
        assert.deepEqual(seqs((await pages(server, bob)).messages), [5, 6], 'it is not here');
        ({ alice, bob } = await back(t, server, alice, bob));
        await alice.join('hall');
        await shows(server, bob, 5, 6);

        // A resume across the floor: the position is good, what is hidden is no gap.
        const reply = await bob.join('hall', { since: 2, epoch: joined.epoch });
        assert.equal(reply.recovered, true);
        await hears(bob, 'hall', 5, 6);
        assert.deepEqual(bob.take({ type: 'gap' }), []);
        await bob.ok('leave', { room: 'hall' });
        await fill(alice, 'hall', 2);
        assert.equal((await bob.join('hall', { since: 6, epoch: reply.epoch })).recovered, true);
        await hears(bob, 'hall', 7, 8);
    });
}

test('who was there before anything was said sees all of it, also in the next life', async (t) => {
    const { server, alice, bob } = await hiding(t, 0);
    await bob.ok('leave', { room: 'hall' });
    await fill(alice, 'hall', 3);
    await shows(server, bob, 1, 3);
    const next = await startAgain(t, server);
    const { bob: later } = await back(t, next, bob);
    await shows(next, later, 1, 3);
});

test('moderators see all, as long as they are', async (t) => {
    const { server, alice, bob, root, enter } = await hiding(t, 4);
    await shows(server, root, 1, 4);
    await alice.ok('role', { room: 'hall', user: 'bob', role: 'moderator' });
    await shows(server, bob, 1, 4);
    const carol = await enter('carol');
    await alice.ok('role', { room: 'hall', user: 'carol', role: 'moderator' });
    await carol.join('hall', { history: 300 });
    await hears(carol, 'hall', 1, 4);
    await fill(alice, 'hall', 1);
    for (const user of ['bob', 'carol']) await alice.ok('role', { room: 'hall', user, role: 'member' });
    await shows(server, bob, 5, 5);
    await shows(server, carol, 5, 5);
});

test('switched on it hides from those who come later, switched off from nobody', async (t) => {
    const { server, alice, enter } = await hall(t, {}, data());
    const [bob, carol, dave] = await Promise.all(['bob', 'carol', 'dave'].map((name) => enter(name)));
    await fill(alice, 'hall', 3);
    await bob.join('hall'); // is there when it happens
    await carol.join('hall');
    await carol.ok('read', { room: 'hall', seq: 2 }); // has been there
    await carol.ok('leave', { room: 'hall' });
    await hide(alice);
    await dave.join('hall');
    await fill(alice, 'hall', 1);
    const all = async (where, [b, c, d]) => {
        await shows(where, b, 1, 4);
        await shows(where, c, 1, 4);
        await shows(where, d, 4, 4);
    };
    await all(server, [bob, carol, dave]);
    await bob.ok('leave', { room: 'hall' });
    await bob.join('hall');
    await all(server, [bob, carol, dave]);

    const next = await startAgain(t, server);
    const { alice: boss, ...later } = await back(t, next, alice, bob, carol, dave);
    await all(next, [later.bob, later.carol, later.dave]);
    await boss.join('hall');
    await hide(boss, false);
    await shows(next, later.dave, 1, 4);
    await later.dave.join('hall', { history: 10 });
    await hears(later.dave, 'hall', 1, 4);
    await hide(boss);
    await shows(next, later.dave, 4, 4);
});

test('a room of the same name that is made anew remembers nobody', async (t) => {
    const { server, alice, bob } = await hiding(t, 2);
    await fill(alice, 'hall', 2);
    await alice.ok('destroy', { room: 'hall' });
    await alice.ok('create', { room: 'hall', hidesPast: true });
    await alice.join('hall');
    await fill(alice, 'hall', 6);
    await shows(server, bob, 1, 0);
    await bob.join('hall');
    await fill(alice, 'hall', 1);
    await shows(server, bob, 7, 7);
});

test('search and mentions leave it out', async (t) => {
    const { server, alice, root, enter } = await run(t, data()).then(async (all) => ({ ...all, alice: await all.enter('alice') }));
    const bob = await enter('bob');
    for (const room of ['hall', 'other']) await alice.ok('create', { room, hidesPast: room === 'hall' });
    for (const room of ['hall', 'other']) {
        await alice.join(room);
        await fill(alice, room, 3, (n) => `wanted @bob ${n}`);
    }
    const found = async (one, fields) => (await one.ok('search', { query: 'wanted', ...fields })).messages.map((m) => `${m.room} ${m.seq}`).sort();
    const asked = async (one, fields) => {
        const answer = await server.request(`/search?${new URLSearchParams({ query: 'wanted', ...fields })}`, { headers: bearing(one?.token) });
        assert.equal(answer.status, 200, answer.text);
        return answer.json().messages.map((m) => `${m.room} ${m.seq}`).sort();
    };
    const other = ['other 1', 'other 2', 'other 3'], mine = ['hall 4', ...other];
    assert.deepEqual(await found(bob), other, 'has never been in any room');
    assert.deepEqual(await found(bob, { room: 'hall' }), []);
    assert.deepEqual(await asked(), other);
    await bob.join('hall');
    await bob.ok('leave', { room: 'hall' });
    await fill(alice, 'hall', 1, () => 'wanted by @bob');
    assert.deepEqual(await found(bob), mine);
    assert.deepEqual(await found(bob, { room: 'hall' }), ['hall 4']);
    assert.deepEqual((await found(root)).length, 7);
    await bob.close();
    assert.deepEqual(await asked(bob), mine);

    const next = await startAgain(t, server);
    const { bob: later } = await back(t, next, bob);
    assert.deepEqual(await found(later), mine);
    assert.ok((await later.ok('mentions')).messages.every((m) => m.room !== 'hall' || m.seq > 3));
});

test('what is done to hidden messages is not told, and cannot be done', async (t) => {
    const { alice, bob, enter } = await hiding(t, 2);
    const carol = await enter('carol');
    await alice.ok('role', { room: 'hall', user: 'carol', role: 'moderator' });
    await carol.join('hall');
    for (const type of ['edit', 'reaction', 'message']) bob.take({ type });
    await alice.ok('edit', { room: 'hall', seq: 1, content: 'the secret' });
    await alice.ok('react', { room: 'hall', seq: 2, emoji: '+1' });
    await bob.refused('unknown_message', 'react', { room: 'hall', seq: 2, emoji: '+1' });
    await fill(alice, 'hall', 1);
    await alice.ok('edit', { room: 'hall', seq: 3, content: 'in other words' });
    await bob.ok('react', { room: 'hall', seq: 3, emoji: '+1' });
    await bob.ok('message', { room: 'hall', content: 'what was that?', replyTo: 1 });
    assert.equal((await bob.next({ type: 'edit' })).seq, 3, 'the first it hears of');
    assert.equal((await bob.next({ type: 'reaction' })).seq, 3);
    assert.deepEqual([(await carol.next({ type: 'edit' })).content, (await carol.next({ type: 'edit' })).content], ['the secret', 'in other words']);
    assert.equal((await page(bob)).messages[1].replyTo, 1);
});

test('nor are its files given', async (t) => {
    const { server, alice, bob, enter } = await hiding(t, 0);
    await bob.ok('leave', { room: 'hall' });
    const shared = async (name) => {
        const file = await share(server, alice, 'hall', name, 'hello');
        await alice.ok('message', { room: 'hall', content: '', files: [file.id] });
        return file;
    };
    const file = await shared('a.txt');
    const carol = await enter('carol');
    const status = async (one, what) => (await download(server, one, what)).status;
    assert.deepEqual([await status(alice, file), await status(bob, file), await status(carol, file)], [200, 200, 404]);
    await carol.join('hall');
    assert.equal(await status(carol, file), 404);
    const later = await shared('b.txt');
    assert.equal(await status(carol, later), 200);
    await bob.close();
    const asked = async (one, what) => (await server.request(`/files/${what.id}/x`, { headers: bearing(one.token) })).status;
    await carol.close();
    assert.deepEqual([await asked(bob, file), await asked(carol, file), await asked(carol, later)], [200, 404, 200], 'who is not here');
});

test('without a store it is known while the user is here', async (t) => {
    const server = await startServer(t, ['--store', 'memory']);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.ok('create', { room: 'hall', hidesPast: true });
    await alice.join('hall');
    await fill(alice, 'hall', 2);
    await bob.join('hall');
    await fill(alice, 'hall', 2);
    assert.deepEqual((await bob.ok('search', { query: 'line', room: 'hall' })).messages.map((m) => m.seq), [4, 3]);
    await bob.ok('leave', { room: 'hall' });
    await bob.join('hall', { history: 10 });
    assert.deepEqual(seqs((await page(bob)).messages), [3, 4]);
    await bob.close();
    const again = await connectAgain(t, server, bob);
    assert.deepEqual((await page(again)).messages, []);
});

/*
 * Read markers: how far somebody has read, the same in all of their connections, in the next life of the server, and gone
 * with what was said.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectAgain, people } from './support/client.mjs';
import { hall } from './support/hall.mjs';
import { back, data, directory, fill } from './support/log.mjs';
import { startPostgres } from './support/postgres.mjs';
import { runToEnd, startAgain, startServer } from './support/server.mjs';

const read = (client, room, seq) => client.ok('read', { room, seq }).then((reply) => reply.seq);

test('two connections of a user agree, and nobody else hears of it', async (t) => {
    const server = await startServer(t, data());
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    const tab = await connectAgain(t, server, alice);
    const old = await connectAgain(t, server, alice, { full: false });
    assert.equal('read' in await alice.join('lobby'), false);
    await bob.join('lobby');
    await fill(bob, 'lobby', 5);

    assert.deepEqual({ ...await alice.ok('read', { room: 'lobby', seq: 3 }), id: 0 }, { type: 'ok', id: 0, room: 'lobby', seq: 3 });
    assert.deepEqual(await tab.next({ type: 'read' }), { type: 'read', room: 'lobby', seq: 3 });
    const joined = await tab.join('lobby');
    assert.deepEqual([joined.read, joined.seq], [3, 5]);

    assert.equal(await read(tab, 'lobby', 4), 4);
    assert.equal((await alice.next({ type: 'read' })).seq, 4);
    assert.equal((await alice.join('lobby')).read, 4, 'joining again');
    for (const one of [alice, tab, bob, old]) {
        await one.ok('ping').catch(() => {});
        assert.deepEqual(one.take({ type: 'read' }), [], one.name);
    }
    assert.equal('read' in await bob.join('lobby'), false, 'those who talk have not read');
});

test('it never goes back, nor beyond what was said', async (t) => {
    const server = await startServer(t, data());
    const { alice } = await people(t, server, 'alice');
    const tab = await connectAgain(t, server, alice);
    await alice.join('lobby');
    assert.equal(await read(alice, 'lobby', 7), 0, 'nothing was said');
    await fill(alice, 'lobby', 5);
    assert.equal(await read(alice, 'lobby', 4), 4);
    assert.equal(await read(alice, 'lobby', 2), 4);
    assert.equal(await read(alice, undefined, 4), 4, 'the only room');
    assert.equal(await read(alice, 'lobby', Number.MAX_SAFE_INTEGER), 5);
    await tab.barrier();
    assert.deepEqual(tab.take({ type: 'read' }).map((one) => one.seq), [4, 5], 'only news');

    for (const seq of [0, -1, 1.5, '3', null, undefined, 2 ** 53]) await alice.refused('bad_request', 'read', { room: 'lobby', seq });
    await alice.refused('not_in_room', 'read', { room: 'den', seq: 1 });
    await tab.refused('not_in_room', 'read', { room: 'lobby', seq: 1 });
    await alice.refused('invalid_room', 'read', { room: 'a\nb', seq: 1 });
});

for (const kind of ['sqlite', 'postgres']) {
    test(`it is there when one comes back, and in the next life (${kind})`, async (t) => {
        const where = kind === 'sqlite' ? data() : data('--store', (await startPostgres(t)).url());
        let server = await startServer(t, where);
        let { alice, bob } = await people(t, server, 'alice', 'bob');
        for (const room of ['lobby', 'den']) {
            await alice.join(room);
            await bob.join(room);
            await fill(bob, room, 4);
        }
        assert.equal(await read(alice, 'lobby', 2), 2);
        assert.equal(await read(alice, 'den', 3), 3);

        await alice.close();
        alice = await connectAgain(t, server, alice); // it may not be on the disk yet
        assert.deepEqual([(await alice.join('lobby')).read, (await alice.join('den')).read], [2, 3]);
        assert.equal(await read(alice, 'lobby', 3), 3);

        server = await startAgain(t, server);
        ({ alice, bob } = await back(t, server, alice, bob));
        assert.deepEqual([(await alice.join('lobby')).read, (await alice.join('den')).read], [3, 3]);
        assert.equal('read' in await bob.join('lobby'), false);
        assert.equal(await read(alice, 'den', 1), 3);

        server = await startAgain(t, server);
        ({ alice } = await back(t, server, alice));
        await alice.join('lobby');
        await alice.ok('leave', { room: 'lobby' });
        const calls = await server.request('/join-room', {
            method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ session: alice.welcome.session, room: 'den', stay: true }),
        });
        assert.equal(calls.status, 200, calls.text);
        assert.equal((await alice.join('den')).read, 3);
    });
}

test('what was said in a room that is gone was not read in the next of its name', async (t) => {
    const { alice, server } = await hall(t, {}, data());
    await fill(alice, 'hall', 5);
    assert.equal(await read(alice, 'hall', 5), 5);
    await alice.ok('destroy', { room: 'hall' });
    await alice.ok('create', { room: 'hall' });
    assert.equal('read' in await alice.join('hall'), false);
    await fill(alice, 'hall', 3);
    assert.equal('read' in await alice.join('hall'), false);
    assert.equal(await read(alice, 'hall', 1), 1);

    const again = await startAgain(t, server);
    const { alice: later } = await back(t, again, alice);
    assert.equal((await later.join('hall')).read, 1);
});

test('without a store it lives while the user is here', async (t) => {
    const server = await startServer(t, ['--store', 'memory']);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await bob.join('lobby');
    await alice.join('lobby');
    await fill(bob, 'lobby', 3);
    assert.equal(await read(alice, 'lobby', 2), 2);
    await alice.ok('leave', { room: 'lobby' });
    assert.equal((await alice.join('lobby')).read, 2);
    const tab = await connectAgain(t, server, alice);
    assert.equal((await tab.join('lobby')).read, 2);
    await bob.join('den');
    await alice.join('den');
    await fill(bob, 'den', 2);
    assert.equal(await read(alice, 'den', 2), 2);
    for (const one of [alice, bob]) await one.ok('leave', { room: 'den' });
    await bob.join('den');
    await fill(bob, 'den', 3);
    assert.equal('read' in await alice.join('den'), false, 'another room, though it is called the same');
});

test('erasing a user takes its markers, and its name out of what mentions it', async (t) => {
    const server = await startServer(t, data());
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    for (const one of [alice, bob, carol]) await one.join('lobby');
    await alice.ok('message', { room: 'lobby', content: 'hello @bob and @carol' });
    await alice.ok('message', { room: 'lobby', content: 'and @bob' });
    await bob.ok('message', { room: 'lobby', content: 'hello @carol' });
    assert.equal(await read(bob, 'lobby', 3), 3);
    await server.stop();
    const erased = await runToEnd(['erase', '--user', bob.welcome.userId, '--data', directory(server)]);
    assert.equal(erased.code, 0, erased.stderr);
    assert.match(erased.stderr, /2 mentions, 1 read marker\n/);

    const next = await startAgain(t, server);
    const { bob: nobody, carol: still } = await back(t, next, bob, carol);
    assert.equal('read' in await nobody.join('lobby'), false);
    const { messages } = await nobody.ok('history', { room: 'lobby' });
    assert.deepEqual(messages.map((one) => one.mentions), [[carol.welcome.userId], undefined, undefined]);
    assert.deepEqual((await nobody.ok('mentions')).messages, []);
    assert.deepEqual((await still.ok('mentions')).messages.map((one) => one.seq), [1]);
    await connect(t, next);
});

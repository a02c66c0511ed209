/*
 * Operators: who they are, what they may do in every room, whom they keep out of the server, what they tell
 * everybody.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect, connectAgain, turnedAway } from './support/client.mjs';
import { hall, run } from './support/hall.mjs';
import { folder, startServer } from './support/server.mjs';
import { Issuer } from './support/tokens.mjs';
import { until } from './support/wait.mjs';

test('an operator may do all of it anywhere', async (t) => {
    const { alice, bob, root, enter } = await hall(t, { bob: 'admin' });
    assert.equal(root.welcome.operator, true);
    assert.ok(!alice.welcome.operator);
    await alice.ok('create', { room: 'secret', visibility: 'private', password: 'p' });
    assert.ok((await root.ok('rooms')).rooms.some((row) => row.room === 'secret'));
    assert.equal((await root.ok('settings', { room: 'secret' })).visibility, 'private');
    assert.equal((await root.join('secret')).role, 'operator');
    await root.ok('kick', { room: 'hall', user: 'bob', reason: 'from outside' });
    assert.equal((await bob.next({ type: 'moderation', action: 'kick' })).by, 'root');
    await root.ok('role', { room: 'hall', user: 'bob', role: 'owner' });
    await root.ok('role', { room: 'hall', user: 'alice', role: 'member' });
    await root.ok('ban', { room: 'hall', user: 'bob' });
    await root.ok('update', { room: 'hall', topic: 'by the house' });
    await alice.next({ type: 'room', topic: 'by the house' });
    await root.ok('destroy', { room: 'hall' });
    const carol = await enter('carol', { room: 'open' });
    await carol.next({ type: 'join' });
    await root.ok('mute', { room: 'open', user: 'carol' });
    await carol.refused('muted', 'message', { content: 'x' });
});

test('operators are named by userId when the server starts, and on SIGHUP', async (t) => {
    const issuer = new Issuer();
    const file = path.join(folder(), 'hubbub.ini');
    writeFileSync(file, 'admin = root, alice\n');
    const server = await startServer(t, ['--config', file, ...issuer.args]);
    const root = await connect(t, server, { token: issuer.token('root') });
    const bob = await connect(t, server, { token: issuer.token('bob') });
    assert.ok(!(await connect(t, server, { username: 'root' })).welcome.operator, 'a name is no identity');
    assert.equal((await connect(t, server, { token: issuer.token('alice') })).welcome.operator, true);
    await root.ok('notice', { content: 'x' });
    await bob.refused('forbidden', 'notice', { content: 'x' });
    writeFileSync(file, 'admin = bob\n');
    server.signal('SIGHUP');
    await until(async () => (await bob.request('notice', { content: 'x' })).type === 'ok', 'bob to be an operator');
    await root.refused('forbidden', 'notice', { content: 'x' });
});

test('a ban from the server: 4003 for every connection, and at every return', async (t) => {
    const { server, root, alice, enter, bob } = await hall(t, { bob: 'member' });
    const second = await connectAgain(t, server, bob);
    const small = await enter('bob', { full: false });
    const third = await connect(t, server, { username: 'carol' });
    const reply = await root.ok('ban', { user: 'bob', reason: 'enough' });
    assert.equal(reply.userId, 'bob');
    assert.equal(reply.room, undefined);
    for (const one of [bob, second, small]) {
        const error = await one.next({ type: 'error' });
        assert.equal(error.code, 'banned');
        assert.equal(error.reason, 'enough');
        const end = await one.expectClose(4003);
        assert.equal(end.reason, 'banned');
    }
    await alice.next({ type: 'leave', room: 'hall', username: 'bob' });
    await turnedAway(t, server, 4003, 'banned', { username: 'bob', token: bob.token });
    await turnedAway(t, server, 4003, 'banned', { username: 'bob', token: bob.token, full: false });
    await third.join('hall'); // nobody else
    await server.metricUntil('hubbub_banned_clients_closed_total', (n) => n === 5, '5');

    const own = await root.ok('settings');
    assert.deepEqual(own.sanctions.map((row) => [row.action, row.userId, row.reason]), [['ban', 'bob', 'enough']]);
    const { entries } = await root.ok('ledger');
    assert.deepEqual([entries[0].action, entries[0].userId, entries[0].by], ['ban', 'bob', 'root']);
    await root.ok('unban', { user: 'bob' });
    await enter('bob');
    await root.refused('unknown_user', 'unban', { user: 'bob' });
});

test('a ban from the server ends by itself, too, and can be undone', async (t) => {
    const { root, enter, server } = await run(t);
    const bob = await enter('bob');
    const { until: end } = await root.ok('ban', { user: 'bob', seconds: 1 });
    const error = await bob.next({ type: 'error' });
    assert.equal(error.retryAfter, 1);
    await bob.expectClose(4003);
    let back;
    await until(async () => {
        back = await connect(t, server, { token: bob.token, welcomed: false });
        return (await back.next(() => true)).type === 'welcome';
    }, 'bob to be let in again');
    assert.ok(Date.now() >= end, 'not before its time');
    const { entry } = await root.ok('ban', { user: 'bob' });
    await back.expectClose(4003);
    await root.ok('undo', { entry });
    await enter('bob');
});

test('only operators ban from the server or speak to everybody', async (t) => {
    const { enter, root, alice } = await hall(t);
    await alice.ok('leave', { room: 'hall' });
    const bob = await enter('bob');
    for (const one of [alice, bob]) {
        for (const type of ['ban', 'unban']) await one.refused('forbidden', type, { user: 'root' });
        await one.refused('forbidden', 'notice', { content: 'x' });
        await one.refused('forbidden', 'notice', { content: 'x', room: 'hall' });
        for (const type of ['ledger', 'settings']) await one.refused('forbidden', type);
    }
    await root.refused('forbidden', 'ban', { user: 'root' });
    await root.refused('unknown_user', 'ban', { user: 'nobody at all' });
});

test('a ban by address keeps out who comes from there, as the trusted proxy tells', async (t) => {
    const { server, root } = await run(t, ['--trusted-proxy', '127.0.0.1']);
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const mallory = await connect(t, server, { username: 'mallory', ...from('203.0.113.7') });
    const beside = await connect(t, server, { username: 'bob', ...from('203.0.113.8') });
    await root.ok('ban', { user: 'mallory', address: true });
    await mallory.expectClose(4003);
    await turnedAway(t, server, 4003, 'banned', { username: 'a new name', ...from('203.0.113.7') });
    await turnedAway(t, server, 4003, 'banned', { username: 'a forged hop', ...from('198.51.100.1, 203.0.113.7') });
    await turnedAway(t, server, 4003, 'banned', { token: mallory.token, username: 'mallory', ...from('203.0.113.9') });
    await connect(t, server, { username: 'carol', ...from('203.0.113.9') });
    await beside.join('hall');
    await root.ok('unban', { user: mallory.welcome.userId });
    await connect(t, server, { username: 'a new name', ...from('203.0.113.7') });
});

test('a notice reaches everybody, or a room', async (t) => {
    const { root, alice, bob, enter } = await hall(t, { bob: 'guest' });
    const small = await enter('carol', { full: false, room: 'hall' });
    await small.next({ type: 'join', username: 'carol' });
    const dave = await enter('dave');
    await root.ok('notice', { content: 'Back at "noon" \\ 🦊' });
    for (const one of [alice, bob, dave, root]) {
        const event = await one.next({ type: 'notice' });
        assert.equal(event.content, 'Back at "noon" \\ 🦊');
        assert.equal(event.by, 'root');
        assert.equal(event.room, undefined);
    }
    const plain = await small.next({ type: 'message' });
    assert.equal(plain.username, 'server');
    assert.equal(plain.content, 'Back at "noon" \\ 🦊');
    assert.equal(typeof plain.room, 'string');

    await root.ok('notice', { content: 'to the hall', room: 'hall' });
    for (const one of [alice, bob]) assert.equal((await one.next({ type: 'notice' })).room, 'hall');
    assert.equal((await small.next({ type: 'message' })).room, 'hall');
    await dave.barrier();
    assert.deepEqual(dave.take({ type: 'notice' }), []);
    await root.refused('bad_request', 'notice', {});
    await root.refused('bad_request', 'notice', { content: '' });
    await root.refused('no_such_room', 'notice', { content: 'x', room: 'nowhere' });
});

/*
 * Ranks, bans and names from outside: what one may do with the own rank, what lists show to whom, whose names
 * are nobody's.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { connect, turnedAway } from './support/client.mjs';
import { hall, run } from './support/hall.mjs';
import { folder, startServer } from './support/server.mjs';
import { Issuer } from './support/tokens.mjs';
import { until } from './support/wait.mjs';

const get = (server, target, token) => server.request(target, { headers: { Authorization: `Bearer ${token}` } });
const rolesIn = async (asker, room) =>
    Object.fromEntries((await asker.ok('members', { room })).members.map((row) => [row.username, row.role]));

test('one lowers or lays down the own rank, whatever it is, but not the last owner', async (t) => {
    const { alice, bob, carol } = await hall(t, { bob: 'moderator', carol: 'member' });
    await bob.refused('forbidden', 'role', { room: 'hall', user: 'bob', role: 'admin' });
    await bob.ok('role', { room: 'hall', user: 'bob', role: 'member' });
    await carol.refused('forbidden', 'remove', { room: 'hall', user: 'bob' });
    await carol.ok('remove', { room: 'hall', user: 'carol' });
    await alice.refused('forbidden', 'remove', { room: 'hall', user: 'alice' });
    assert.deepEqual(await rolesIn(alice, 'hall'), { alice: 'owner', bob: 'member', carol: 'guest' });
});

test('members see operators come and go when the configuration is read again', async (t) => {
    const issuer = new Issuer();
    const file = path.join(folder(), 'hubbub.ini');
    writeFileSync(file, 'admin = alice\n');
    const server = await startServer(t, ['--config', file, ...issuer.args]);
    const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol']
        .map((name) => connect(t, server, { token: issuer.token(name) })));
    await carol.ok('create', { room: 'den' });
    for (const one of [alice, bob, carol]) await one.join('den');
    assert.deepEqual(await rolesIn(carol, 'den'), { alice: 'operator', bob: 'guest', carol: 'owner' });
    writeFileSync(file, 'admin = bob\n');
    server.signal('SIGHUP');
    const wanted = { alice: 'guest', bob: 'operator', carol: 'owner' };
    await until(async () => isDeepStrictEqual(await rolesIn(carol, 'den'), wanted), 'bob to be an operator, and alice none');
    await alice.refused('forbidden', 'kick', { room: 'den', user: 'carol' });
    await bob.ok('kick', { room: 'den', user: 'carol' });
});

test('who is banned from the server sees no lists either, until the ban is lifted', async (t) => {
    const { server, root, alice, issuer } = await hall(t);
    const token = issuer.token('bob');
    assert.equal((await get(server, '/rooms', token)).status, 200);
    await root.ok('ban', { user: 'id:bob' });
    for (const target of ['/rooms', '/members?room=hall']) {
        const answer = await get(server, target, token);
        assert.equal(answer.status, 403);
        assert.equal(answer.json().error.code, 'banned');
    }
    assert.equal((await get(server, '/rooms', issuer.token('alice'))).status, 200);
    await root.ok('unban', { user: 'id:bob' });
    assert.equal((await get(server, '/members?room=hall', token)).status, 200);
    await alice.ok('ban', { room: 'hall', user: 'id:bob' }); // from one room: the lists go on
    assert.equal((await get(server, '/rooms', token)).status, 200);
});

test('a rank by token shows no private room to whom is banned from it', async (t) => {
    const { server, alice, issuer } = await hall(t);
    const token = issuer.token('bob', { rooms: { hall: 'moderator' } });
    await alice.ok('update', { room: 'hall', visibility: 'private' });
    const rooms = async () => (await get(server, '/rooms', token)).json().rooms.map((row) => row.room);
    assert.deepEqual(await rooms(), ['hall']);
    await alice.ok('ban', { room: 'hall', user: 'id:bob' });
    assert.deepEqual(await rooms(), []);
    assert.equal((await get(server, '/members?room=hall', token)).status, 404);
});

test('a wrong password is told from none at all', async (t) => {
    const { alice, enter } = await hall(t);
    await alice.ok('update', { room: 'hall', password: 'open sesame' });
    const bob = await enter('bob');
    assert.match((await bob.refused('wrong_password', 'join', { room: 'hall' })).message, /asks for a password/);
    assert.match((await bob.refused('wrong_password', 'join', { room: 'hall', password: 'sesame' })).message, /not the room's/);
    await bob.ok('join', { room: 'hall', password: 'open sesame' });
});

test('nobody is called like the server, like a user id, or with its mark', async (t) => {
    const { server, root, alice } = await hall(t);
    const names = { server: 'server-2', 'id:alice': 'id-alice', g0123456789abcdef: 'g0123456789abcdef-2' };
    for (const [wish, given] of Object.entries(names)) {
        const guest = await connect(t, server, { username: wish });
        assert.equal(guest.welcome.username, given);
    }
    await root.ok('ban', { user: 'id:alice' }); // means her, not who wished to be called so
    await alice.expectClose(4003);
});

test('an address ban of IPv6 is for its /64', async (t) => {
    const { root, enter, server } = await run(t, ['--trusted-proxy', '127.0.0.1']);
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const bob = await enter('bob', from('2001:db8:0:1::1'));
    await root.ok('ban', { user: 'bob', address: true });
    await bob.expectClose(4003);
    await turnedAway(t, server, 4003, 'banned', { username: 'eve', ...from('2001:db8:0:1:ffff::2') });
    await enter('carol', from('2001:db8:0:2::1'));
});

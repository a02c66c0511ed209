/*
 * Who is in the chat and where: names, joining and leaving, rooms and their members, the notices of it. Every
 * test has a server of its own.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertChats, connect, member } from './support/client.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

test('welcome is the first frame and says who and what', async (t) => {
    const server = await startServer(t, ['--max-message', '4K', '--max-rooms-per-client', '7',
        '--max-per-room', '9', '--ping-period', '20s', '--node', 'north']);
    const alice = await connect(t, server, { username: 'alice', room: 'lobby', opened: false });
    const first = await alice.next(() => true);
    assert.equal(first.type, 'welcome');
    assert.equal(first.username, 'alice');
    assert.match(first.session, /^\S{16,}$/);
    assert.ok(first.userId);
    assert.notEqual(first.session, first.userId, 'the session is a secret, the userId is not');
    assert.equal(first.node, 'north');
    assert.match(first.version, /^\d/);
    assert.equal(first.limits.maxMessage, 4096);
    assert.equal(first.limits.maxRooms, 7);
    assert.equal(first.limits.maxPerRoom, 9);
    assert.equal(first.pingInterval, 20000);
    assert.equal(alice.socket.protocol, 'hubbub.v1');
});

test('without a name a client is anonymous', async (t) => {
    const server = await startServer(t);
    const bare = await connect(t, server, { target: '/ws' });
    const empty = await connect(t, server, { target: '/ws?username=' });
    assert.equal(bare.welcome.username, 'anonymous');
    assert.match(empty.welcome.username, /^anonymous-\d+$/);
});

test('equal names get a suffix, and a name is free again after its holder left', async (t) => {
    const server = await startServer(t);
    const first = await connect(t, server, { username: 'alice' });
    const second = await connect(t, server, { username: 'alice' });
    const third = await connect(t, server, { username: 'alice' });
    assert.deepEqual([first, second, third].map((c) => c.welcome.username), ['alice', 'alice-2', 'alice-3']);
    assert.equal(new Set([first, second, third].map((c) => c.welcome.userId)).size, 3);
    await first.close();
    await until(async () => {
        const again = await connect(t, server, { username: 'alice' });
        await again.close();
        return again.welcome.username === 'alice';
    }, 'the name to be free again');
});

test('names may be in any script and come back as they were', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'Älïçé 愛 🦊', 'Café "№1" \\ ☕');
    assert.equal(alice.welcome.username, 'Älïçé 愛 🦊');
    const { members } = await alice.ok('members', { room: 'Café "№1" \\ ☕' });
    assert.deepEqual(members.map((m) => m.username), ['Älïçé 愛 🦊']);
});

test('join is answered and told to the whole room, the joiner too', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    const reply = await alice.join('lobby');
    assert.equal(reply.room, 'lobby');
    assert.equal(reply.seq, 0);
    assert.equal(reply.members, 1);
    assert.equal(typeof reply.epoch, 'string');
    const own = await alice.next({ type: 'join' });
    assert.deepEqual(own, {
        type: 'join', room: 'lobby', username: 'alice', content: 'alice joined the room',
        userId: alice.welcome.userId, role: 'owner', count: 1,
    });
    const bob = await member(t, server, 'bob', 'lobby');
    assert.equal(bob.joined.members, 2);
    assert.equal(bob.joined.epoch, reply.epoch);
    const seen = await alice.next({ type: 'join' });
    assert.equal(seen.username, 'bob');
    assert.equal(seen.role, 'guest');
    assert.equal(seen.count, 2);
});

test('leave is answered and told to those who stay', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'lobby');
    const bob = await member(t, server, 'bob', 'lobby');
    await bob.ok('leave', { room: 'lobby' });
    assert.deepEqual(await alice.next({ type: 'leave' }), {
        type: 'leave', room: 'lobby', username: 'bob', content: 'bob left the room',
        userId: bob.welcome.userId, count: 1,
    });
    await alice.ok('message', { room: 'lobby', content: 'alone' });
    await bob.barrier();
    assert.deepEqual(bob.take({ type: 'message' }), []);
    await bob.refused('not_in_room', 'message', { room: 'lobby', content: 'am I here?' });
});

test('a connection that ends leaves its rooms', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'a');
    await alice.join('b');
    const bob = await member(t, server, 'bob', 'a');
    await bob.join('b');
    const carol = await member(t, server, 'carol', 'a');
    await bob.close();
    assert.equal((await alice.next({ type: 'leave', room: 'a' })).count, 2);
    assert.equal((await alice.next({ type: 'leave', room: 'b' })).count, 1);
    carol.socket.terminate(); // without a closing handshake
    assert.equal((await alice.next({ type: 'leave', room: 'a' })).username, 'carol');
});

test('one room at a time without stay, several with it', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'one');
    const watch = await member(t, server, 'watch', 'one');
    await alice.ok('join', { room: 'two' });
    assert.equal((await watch.next({ type: 'leave' })).username, 'alice');
    await alice.refused('not_in_room', 'message', { room: 'one', content: 'hi' });

    await alice.join('three');
    await alice.join('four');
    for (const room of ['two', 'three', 'four']) {
        await alice.ok('message', { room, content: `in ${room}` });
        assert.equal((await alice.next({ type: 'message', room })).content, `in ${room}`);
    }
    await alice.ok('join', { room: 'five', stay: false });
    for (const room of ['two', 'three', 'four']) {
        await alice.refused('not_in_room', 'message', { room, content: 'hi' });
    }
});

test('the room may be left out while there is only one', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'lobby');
    assert.equal((await alice.ok('message', { content: 'hello' })).room, 'lobby');
    assert.equal((await alice.next({ type: 'message' })).room, 'lobby');
    assert.equal((await alice.ok('members')).room, 'lobby');
    await alice.ok('leave');
    await alice.refused('not_in_room', 'leave');
    await alice.refused('not_in_room', 'message', { content: 'anybody?' });
    await alice.refused('not_in_room', 'typing');

    await alice.join('a');
    await alice.join('b');
    await alice.refused('bad_request', 'message', { content: 'in two rooms a message must say which' });
});

test('the query parameter room joins right after the upgrade', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice', room: 'lobby' });
    await alice.next({ type: 'join', room: 'lobby', username: 'alice' });
    const bob = await connect(t, server, { username: 'bob', room: 'lobby', full: false });
    await bob.next({ type: 'join', room: 'lobby', username: 'bob' });
    bob.send({ type: 'message', content: 'here at once' });
    await alice.next({ type: 'message', room: 'lobby', content: 'here at once' });
});

test('entering a room twice changes nothing', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'lobby');
    const bob = await member(t, server, 'bob', 'lobby');
    await alice.next({ type: 'join', username: 'bob' });
    assert.equal((await bob.join('lobby')).members, 2);
    assert.equal((await bob.ok('join', { room: 'lobby' })).members, 2);
    await assertChats(alice, bob, 'lobby');
    assert.deepEqual(alice.take({ type: 'leave' }), []);
});

test('members and rooms tell who is where', async (t) => {
    const server = await startServer(t, ['--max-per-room', '50']);
    const alice = await member(t, server, 'alice', 'a');
    const bob = await member(t, server, 'bob', 'a');
    await bob.join('b');
    const { members } = await alice.ok('members', { room: 'a' });
    assert.deepEqual(members.sort((x, y) => x.username.localeCompare(y.username)), [
        { userId: alice.welcome.userId, username: 'alice', role: 'owner', status: 'online' },
        { userId: bob.welcome.userId, username: 'bob', role: 'guest', status: 'online' },
    ]);
    const { rooms } = await alice.ok('rooms');
    const byName = new Map(rooms.map((row) => [row.room, row]));
    assert.deepEqual([...byName.keys()].sort(), ['a', 'b']);
    assert.equal(byName.get('a').members, 2);
    assert.equal(byName.get('b').members, 1);
    assert.equal(byName.get('a').maxUsers, 50);
    await alice.refused('no_such_room', 'members', { room: 'nowhere' });
});

test('rooms can be searched, and many are given in pages', async (t) => {
    const server = await startServer(t, ['--max-rooms-per-client', '1000']);
    const alice = await connect(t, server, { username: 'alice' });
    const wanted = new Set();
    for (let i = 0; i < 450; i++) {
        const room = `room-${String(i).padStart(3, '0')}`;
        wanted.add(room);
        alice.send({ type: 'join', room, stay: true });
    }
    await alice.barrier();
    const found = [];
    for (let cursor; ;) {
        const reply = await alice.ok('rooms', cursor === undefined ? {} : { cursor });
        found.push(...reply.rooms.map((row) => row.room));
        cursor = reply.cursor;
        if (cursor === undefined) break;
        assert.ok(reply.rooms.length > 0, 'a page with a cursor has rooms');
    }
    assert.equal(found.length, 450, 'every room once');
    assert.deepEqual(new Set(found), wanted);
    const { rooms } = await alice.ok('rooms', { query: 'room-44' });
    assert.equal(rooms.length, 10);
});

test('a room exists from the first join until the last leave', async (t) => {
    const server = await startServer(t);
    const watch = await connect(t, server);
    const names = async () => (await watch.ok('rooms')).rooms.map((row) => row.room);
    assert.deepEqual(await names(), []);
    const alice = await member(t, server, 'alice', 'lobby');
    await alice.ok('message', { room: 'lobby', content: 'one' });
    assert.deepEqual(await names(), ['lobby']);
    await alice.ok('leave', { room: 'lobby' });
    assert.deepEqual(await names(), []);
    const again = await alice.join('lobby');
    assert.equal(again.seq, 0, 'a new room of the same name');
    assert.notEqual(again.epoch, alice.joined.epoch, 'and another epoch says so');
});

test('a full room says room_full until somebody leaves', async (t) => {
    const server = await startServer(t, ['--max-per-room', '2']);
    const alice = await member(t, server, 'alice', 'lobby');
    const bob = await member(t, server, 'bob', 'lobby');
    const carol = await connect(t, server, { username: 'carol' });
    const error = await carol.refused('room_full', 'join', { room: 'lobby', stay: true });
    assert.equal(error.room, 'lobby');
    await carol.join('elsewhere');
    await bob.ok('leave', { room: 'lobby' });
    await carol.join('lobby');
    await assertChats(alice, carol, 'lobby');
});

test('a full room does not cost the room one is in', async (t) => {
    const server = await startServer(t, ['--max-per-room', '1']);
    await member(t, server, 'alice', 'full');
    const bob = await member(t, server, 'bob', 'own');
    await bob.refused('room_full', 'join', { room: 'full' }); // without stay
    await bob.ok('message', { room: 'own', content: 'still here' });
});

test('notices of a large room are merged', async (t) => {
    const server = await startServer(t, ['--notice-limit', '3']);
    const alice = await member(t, server, 'alice', 'lobby');
    await member(t, server, 'bob', 'lobby');
    await member(t, server, 'carol', 'lobby');
    await alice.next({ type: 'join', username: 'carol' });
    alice.take({ type: 'join' });

    const late = ['dave', 'erin', 'frank', 'grace', 'heidi'];
    const crowd = [];
    for (const username of late) {
        const one = await connect(t, server, { username });
        await one.join('lobby');
        crowd.push(one);
    }
    const joined = [];
    let count;
    await until(async () => {
        const merged = await alice.next({ type: 'presence', room: 'lobby' });
        joined.push(...merged.joined);
        count = merged.count;
        return joined.length >= late.length;
    }, 'all to be announced');
    assert.deepEqual(joined.slice().sort(), late);
    assert.equal(count, 8);
    assert.deepEqual(alice.take({ type: 'join' }), [], 'and not one by one');

    const left = [];
    for (const one of crowd.slice(0, 4)) await one.close();
    await until(async () => {
        const merged = await alice.next({ type: 'presence', room: 'lobby' });
        left.push(...merged.left);
        return left.length >= 4;
    }, 'all departures to be announced');
    assert.deepEqual(left.sort(), late.slice(0, 4));
});

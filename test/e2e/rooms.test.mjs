/*
 * Rooms that people run, over the wire: made and kept, their settings and their end, and open rooms.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect, namesOf, people, roomsOf } from './support/client.mjs';
import { folder, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

/* Making, changing, ending */

test('create makes a kept room with an owner, who is not in it yet', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    const reply = await alice.ok('create', {
        room: 'garden', title: 'The garden', topic: 'What grows', visibility: 'public', maxUsers: 5, slowMode: 0,
    });
    assert.equal(reply.room, 'garden');
    await alice.refused('not_in_room', 'message', { room: 'garden', content: 'x' });
    const [row] = await roomsOf(bob);
    assert.deepEqual(row, {
        room: 'garden', title: 'The garden', topic: 'What grows', visibility: 'public', members: 0, maxUsers: 5,
        slowMode: 0, hidesPast: false, hasPassword: false, kept: true,
    });
    assert.equal((await roomsOf(alice))[0].role, 'owner', 'one’s own role is in the row');

    const joined = await alice.join('garden');
    assert.equal(joined.title, 'The garden');
    assert.equal(joined.topic, 'What grows');
    assert.equal(joined.visibility, 'public');
    assert.equal(joined.slowMode, 0);
    assert.equal(joined.kept, true);
    assert.equal(joined.role, 'owner');
    assert.equal(joined.members, 1);
    assert.equal(joined.mutedUntil, undefined);
    assert.equal((await alice.next({ type: 'join' })).role, 'owner');
    assert.equal((await bob.join('garden')).role, 'guest');
    assert.equal((await alice.next({ type: 'join', username: 'bob' })).role, 'guest');
    await server.metricUntil('hubbub_kept_rooms', (n) => n === 1, 'one');
});

test('a kept room outlives its members', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.ok('create', { room: 'garden' });
    await alice.join('garden');
    await alice.ok('message', { room: 'garden', content: 'one' });
    await alice.ok('leave', { room: 'garden' });
    assert.deepEqual(await namesOf(bob), ['garden']);
    assert.equal((await alice.join('garden')).seq, 1, 'the same room');
    await alice.close();
    assert.equal((await bob.join('garden')).role, 'guest', 'and nobody else’s now');
    const { members } = await bob.ok('members', { room: 'garden' });
    assert.deepEqual(members.map((row) => [row.username, row.role, row.status]), [
        ['bob', 'guest', 'online'], ['alice', 'owner', 'offline'],
    ], 'members who are away come last');
});

test('create is refused where there is a room, but for its owner', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.ok('create', { room: 'garden' });
    for (const each of [alice, bob]) await each.refused('room_exists', 'create', { room: 'garden' });

    await alice.join('open');
    await bob.join('open');
    await bob.refused('room_exists', 'create', { room: 'open' });
    const changed = bob.next({ type: 'room', room: 'open' });
    await alice.ok('create', { room: 'open', topic: 'kept from now on' });
    assert.equal((await changed).kept, true);
    for (const each of [bob, alice]) await each.ok('leave', { room: 'open' });
    assert.equal((await bob.join('open')).topic, 'kept from now on');
});

test('fields of a room have limits', async (t) => {
    const server = await startServer(t, ['--max-per-room', '1000000']);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.ok('create', { room: 'garden' });
    for (const [field, good, bad] of [
        ['title', ['', 'x', 'é'.repeat(64)], ['x'.repeat(129), 7, null]],
        ['topic', ['', 'Tea & "cakes" ☕', 'x'.repeat(512)], ['x'.repeat(513), 'two\nlines', []]],
        ['visibility', ['public', 'restricted', 'private', 'public'], ['secret', '', 0]],
        ['maxUsers', [0, 1, 1_000_000, 0], [-1, 1_000_001, 1.5, '5']],
        ['slowMode', [0, 1, 86400, 0], [-1, 86401, 0.5, '1']],
        ['hidesPast', [true, false], [1, 'true', null]],
        ['password', ['x', 'y'.repeat(128), ''], ['x'.repeat(129), 5]],
    ]) {
        for (const value of good) await alice.ok('update', { room: 'garden', [field]: value });
        for (const value of bad) {
            await alice.refused('bad_request', 'update', { room: 'garden', [field]: value });
            await alice.refused('bad_request', 'create', { room: 'other', [field]: value });
        }
    }
    await alice.refused('bad_request', 'update', { room: 'garden' });
    await alice.refused('invalid_room', 'create', {});
    await alice.refused('invalid_room', 'create', { room: ' ' });
    assert.deepEqual(await namesOf(alice), ['garden']);
});

test('update tells the room what changed, and only that', async (t) => {
    const server = await startServer(t);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    await alice.ok('create', { room: 'garden', title: 'old' });
    for (const each of [alice, bob]) await each.join('garden');
    await alice.ok('update', { room: 'garden', title: 'new', slowMode: 0, topic: 'tea' });
    for (const each of [alice, bob]) {
        const event = await each.next({ type: 'room', room: 'garden' });
        assert.equal(event.title, 'new');
        assert.equal(event.topic, 'tea');
        assert.equal(event.by, 'alice');
        assert.equal(event.kept, true);
        for (const other of ['visibility', 'maxUsers', 'hasPassword', 'destroyed', 'password']) {
            assert.equal(event[other], undefined, other);
        }
    }
    await alice.ok('update', { room: 'garden', password: 'open sesame' });
    const event = await bob.next({ type: 'room', room: 'garden' });
    assert.equal(event.hasPassword, true);
    assert.doesNotMatch(JSON.stringify(event), /sesame|argon/i);
    await alice.ok('update', { room: 'garden', password: '' });
    assert.equal((await bob.next({ type: 'room' })).hasPassword, false);
    await carol.barrier();
    assert.deepEqual(carol.take({ type: 'room' }), [], 'whoever is not in it need not know');
    assert.equal((await roomsOf(carol))[0].title, 'new');
    await bob.refused('forbidden', 'update', { room: 'garden', title: 'mine' });
    await carol.refused('forbidden', 'update', { room: 'garden', title: 'mine' });
    await carol.refused('no_such_room', 'update', { room: 'nowhere', title: 'mine' });
});

test('settings show those who run a room all of it', async (t) => {
    const server = await startServer(t);
    const { alice, bob, carol, dave } = await people(t, server, 'alice', 'bob', 'carol', 'dave');
    await alice.ok('create', { room: 'garden', title: 'T', topic: 't', visibility: 'restricted', maxUsers: 9, slowMode: 5, password: 'p' });
    await alice.ok('add', { room: 'garden', user: 'bob' });
    await alice.ok('role', { room: 'garden', user: 'bob', role: 'moderator' });
    await alice.ok('add', { room: 'garden', user: 'carol' });
    await alice.ok('invite', { room: 'garden' });
    const { entry } = await alice.ok('ban', { room: 'garden', user: 'dave', reason: 'noise', seconds: 600 });
    const { id, type, roster, sanctions, ...rest } = await bob.ok('settings', { room: 'garden' });
    assert.ok(id && type);
    assert.deepEqual(rest, {
        room: 'garden', title: 'T', topic: 't', visibility: 'restricted', maxUsers: 9, slowMode: 5,
        hidesPast: false, hasPassword: true, kept: true, role: 'moderator', rosterCount: 3, sanctionCount: 1, invites: 1,
    });
    assert.deepEqual(roster.sort((a, b) => (a.username < b.username ? -1 : 1)), [
        { userId: alice.welcome.userId, username: 'alice', role: 'owner' },
        { userId: bob.welcome.userId, username: 'bob', role: 'moderator' },
        { userId: carol.welcome.userId, username: 'carol', role: 'member' },
    ]);
    assert.equal(sanctions.length, 1);
    const [ban] = sanctions;
    assert.equal(ban.userId, dave.welcome.userId);
    assert.equal(ban.username, 'dave');
    assert.equal(ban.action, 'ban');
    assert.equal(ban.by, 'alice');
    assert.equal(ban.reason, 'noise');
    assert.equal(ban.until - ban.ts, 600_000);
    assert.ok(entry > 0);
    await carol.refused('forbidden', 'settings', { room: 'garden' });
    await dave.refused('no_such_room', 'settings', { room: 'nowhere' });
});

test('destroy ends a room for everybody, in both dialects', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    const small = await connect(t, server, { username: 'carol', full: false });
    await alice.ok('create', { room: 'garden' });
    for (const each of [alice, bob]) await each.join('garden');
    small.send({ type: 'join', room: 'garden' });
    await small.next({ type: 'join', username: 'carol' });
    await bob.refused('forbidden', 'destroy', { room: 'garden' });
    const { room } = await alice.ok('destroy', { room: 'garden', reason: 'winter' });
    assert.equal(room, 'garden');
    for (const each of [alice, bob]) {
        const event = await each.next({ type: 'room', room: 'garden' });
        assert.equal(event.destroyed, true);
        assert.equal(event.by, 'alice');
        assert.equal(event.reason, 'winter');
        await each.refused('not_in_room', 'message', { room: 'garden', content: 'x' });
    }
    const told = await small.next({ type: 'error' });
    assert.equal(told.code, 'no_such_room');
    assert.equal(told.room, 'garden');
    assert.equal(told.username, 'server');
    assert.ok(told.content.length > 0);
    assert.deepEqual(await namesOf(bob), []);
    await alice.refused('no_such_room', 'destroy', { room: 'garden' });
    assert.equal((await bob.join('garden')).role, 'owner', 'the name is free');
});

/* Open rooms */

test('an open room is run by who made it, then by whoever is in it longest', async (t) => {
    const server = await startServer(t);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    assert.equal((await alice.join('open')).role, 'owner');
    assert.equal((await bob.join('open')).role, 'guest');
    assert.equal((await carol.join('open')).role, 'guest');
    assert.equal((await alice.ok('settings', { room: 'open' })).kept, false);
    await bob.refused('forbidden', 'settings', { room: 'open' });

    await alice.ok('leave', { room: 'open' });
    await bob.ok('kick', { room: 'open', user: 'carol' });
    await carol.join('open');
    await carol.refused('forbidden', 'kick', { room: 'open', user: 'bob' });

    await alice.join('open'); // who made it runs it again
    await bob.refused('forbidden', 'kick', { room: 'open', user: 'carol' });
    await alice.ok('kick', { room: 'open', user: 'bob' });
});

test('an open room may have settings, and forgets them with its last member', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.join('open');
    await alice.ok('update', { room: 'open', topic: 'just for now' });
    assert.equal((await bob.join('open')).topic, 'just for now');
    for (const each of [alice, bob]) await each.ok('leave', { room: 'open' });
    assert.equal((await bob.join('open')).topic, '');
});

test('--no-open-rooms: only what was created can be joined', async (t) => {
    const server = await startServer(t, ['--no-open-rooms']);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.refused('no_such_room', 'join', { room: 'open' });
    await alice.ok('create', { room: 'open' });
    await bob.join('open');
    const late = await connect(t, server, { username: 'carol', room: 'elsewhere' });
    await late.told('no_such_room');
});

test('the server holds so many rooms, kept ones too', async (t) => {
    const server = await startServer(t, ['--max-rooms', '2']);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.join('open');
    await alice.ok('create', { room: 'kept' });
    await alice.refused('room_limit', 'create', { room: 'one more' });
    await alice.refused('room_limit', 'join', { room: 'one more', stay: true });
    await alice.join('kept');
    await alice.ok('destroy', { room: 'kept' });
    await alice.ok('create', { room: 'one more' });
});

test('open rooms may be allowed and forbidden while the server runs', async (t) => {
    const file = path.join(folder(), 'hubbub.ini');
    writeFileSync(file, 'open-rooms = no\n');
    const server = await startServer(t, ['--config', file]);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.refused('no_such_room', 'join', { room: 'open' });
    writeFileSync(file, 'open-rooms = yes\n');
    server.signal('SIGHUP');
    await until(async () => (await alice.request('join', { room: 'open' })).type === 'ok', 'open rooms');
});

/*
 * Rooms that people run, over the wire: made and kept, their settings, who sees them, who gets in.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearing, connect, connectAgain, people } from './support/client.mjs';
import { folder, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const roomsOf = async (asker, fields) => (await asker.ok('rooms', fields)).rooms;
const namesOf = async (asker) => (await roomsOf(asker)).map((row) => row.room).sort();
const post = (server, target, body) => server.request(target, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
});

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
        slowMode: 0, hasPassword: false, kept: true,
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
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.ok('create', { room: 'garden' });
    for (const [field, good, bad] of [
        ['title', ['', 'x', 'é'.repeat(64)], ['x'.repeat(129), 7, null]],
        ['topic', ['', 'Tea & "cakes" ☕', 'x'.repeat(512)], ['x'.repeat(513), 'two\nlines', []]],
        ['visibility', ['public', 'restricted', 'private', 'public'], ['secret', '', 0]],
        ['maxUsers', [0, 1, 1_000_000, 0], [-1, 1_000_001, 1.5, '5']],
        ['slowMode', [0, 1, 86400, 0], [-1, 86401, 0.5, '1']],
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
        hasPassword: true, kept: true, role: 'moderator', invites: 1,
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

/* Who gets in */

test('a restricted room is listed, and entered by members', async (t) => {
    const server = await startServer(t);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    await alice.ok('create', { room: 'club', visibility: 'restricted' });
    assert.deepEqual(await namesOf(bob), ['club']);
    await bob.refused('invite_required', 'join', { room: 'club' });
    const added = await alice.ok('add', { room: 'club', user: 'bob' });
    assert.equal(added.userId, bob.welcome.userId);
    assert.equal(added.username, 'bob');
    assert.equal((await bob.join('club')).role, 'member');
    await carol.refused('invite_required', 'join', { room: 'club' });
    await bob.refused('forbidden', 'add', { room: 'club', user: 'carol' });
    await alice.refused('unknown_user', 'add', { room: 'club', user: 'nobody at all' });

    await alice.join('club');
    await alice.ok('remove', { room: 'club', user: 'bob' });
    const event = await bob.next({ type: 'moderation', action: 'remove' });
    assert.equal(event.userId, bob.welcome.userId);
    assert.equal(event.by, 'alice');
    await bob.next({ type: 'leave', room: 'club', username: 'bob' });
    await alice.next({ type: 'leave', room: 'club', username: 'bob' });
    await bob.refused('invite_required', 'join', { room: 'club' });
});

test('not being in a restricted room means not seeing who is', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.ok('create', { room: 'club', visibility: 'restricted' });
    await alice.join('club');
    await bob.refused('not_member', 'members', { room: 'club' });
    const reply = await server.request('/members?room=club');
    assert.equal(reply.status, 403, reply.text);
    assert.equal(reply.json().error.code, 'not_member');
    const own = await server.request('/members?room=club', { headers: bearing(alice.token) });
    assert.equal(own.status, 200, own.text);
    assert.deepEqual(own.json().members.map((row) => [row.username, row.role]), [['alice', 'owner']]);
});

test('a password opens a room, to members it is open', async (t) => {
    const server = await startServer(t);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    for (const visibility of ['public', 'restricted']) {
        const room = `${visibility} club`;
        await alice.ok('create', { room, visibility, password: 'open sesame' });
        const row = (await roomsOf(bob, { query: room }))[0];
        assert.equal(row.hasPassword, true);
        assert.doesNotMatch(JSON.stringify(row), /sesame|argon/i);
        const asked = await bob.refused('wrong_password', 'join', { room });
        assert.match(asked.message, /password/);
        await bob.refused('wrong_password', 'join', { room, password: 'close sesame' });
        await bob.refused('wrong_password', 'join', { room, password: '' });
        assert.equal((await bob.join(room, { password: 'open sesame' })).role, 'guest');
        await alice.join(room); // members need none
        await alice.ok('add', { room, user: 'carol' });
        assert.equal((await carol.join(room)).role, 'member');
    }
    await alice.ok('update', { room: 'public club', password: 'another' });
    await bob.ok('leave', { room: 'public club' });
    await bob.refused('wrong_password', 'join', { room: 'public club', password: 'open sesame' });
    await bob.join('public club', { password: 'another' });
    await alice.ok('update', { room: 'public club', password: '' });
    await bob.ok('leave', { room: 'public club' });
    await bob.join('public club');
    assert.ok(await server.metric('hubbub_password_checks_total') >= 6);
});

test('an invitation is good for one, who becomes a member', async (t) => {
    const server = await startServer(t);
    const { alice, bob, carol, dave } = await people(t, server, 'alice', 'bob', 'carol', 'dave');
    await alice.ok('create', { room: 'club', visibility: 'restricted' });
    const { invite, expires } = await alice.ok('invite', { room: 'club' });
    assert.match(invite, /^[\w-]{8,32}$/);
    assert.ok(Math.abs(expires - Date.now() - 86_400_000) < 120_000, 'good for a day');
    await bob.refused('invite_required', 'join', { room: 'club', invite: 'x'.repeat(invite.length) });
    assert.equal((await bob.join('club', { invite })).role, 'member');
    await carol.refused('invite_required', 'join', { room: 'club', invite });
    await bob.ok('leave', { room: 'club' });
    await bob.join('club'); // once a member, always

    // By name: good for that user alone, who is told.
    const named = await alice.ok('invite', { room: 'club', user: 'carol' });
    const told = await carol.next({ type: 'invite' });
    assert.equal(told.room, 'club');
    assert.equal(told.by, 'alice');
    assert.equal(told.invite, named.invite);
    assert.equal(told.expires, named.expires);
    await dave.refused('invite_required', 'join', { room: 'club', invite: named.invite });
    await carol.join('club', { invite: named.invite });
    await bob.refused('forbidden', 'invite', { room: 'club' });
    await alice.refused('unknown_user', 'invite', { room: 'club', user: 'nobody at all' });
    assert.equal((await alice.ok('settings', { room: 'club' })).invites, 0);
    await dave.barrier();
    assert.deepEqual(dave.take({ type: 'invite' }), []);
});

test('an invitation opens a room with a password, too', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.ok('create', { room: 'club', visibility: 'restricted', password: 'p' });
    const { invite } = await alice.ok('invite', { room: 'club' });
    assert.equal((await bob.join('club', { invite })).role, 'member');
});

test('a ban from a private room tells a stranger nothing of it', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.ok('create', { room: 'secret', visibility: 'private' });
    await alice.ok('ban', { room: 'secret', user: 'bob', reason: 'hush' });
    assert.deepEqual((await bob.ok('why', { room: 'secret' })).reasons, [{ rule: 'no_such_room' }]);
    await bob.refused('no_such_room', 'join', { room: 'secret' });
    assert.deepEqual(bob.take({ type: 'moderation' }), []);
});

test('a private room answers like one that is not there', async (t) => {
    const server = await startServer(t, ['--no-open-rooms']);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    await alice.ok('create', { room: 'secret', visibility: 'private' });
    await alice.join('secret');
    const shown = ({ id, room, message, ...rest }, name) => ({ ...rest, message: message.replaceAll(name, 'R') });
    for (const [type, fields] of [
        ['join', {}], ['join', { password: 'x' }], ['join', { invite: 'abcdefgh' }], ['members', {}], ['settings', {}],
        ['update', { topic: 'x' }], ['destroy', {}], ['invite', {}], ['add', { user: 'bob' }], ['remove', { user: 'bob' }],
        ['kick', { user: 'alice' }], ['ban', { user: 'alice' }], ['unban', { user: 'alice' }], ['mute', { user: 'alice' }],
        ['unmute', { user: 'alice' }], ['role', { user: 'bob', role: 'owner' }], ['ledger', {}], ['undo', { entry: 1 }],
        ['message', { content: 'x' }], ['typing', {}], ['leave', {}], ['delete', { seq: 1 }],
    ]) {
        const there = await bob.request(type, { room: 'secret', ...fields });
        const nowhere = await bob.request(type, { room: 'nowhere', ...fields });
        assert.equal(nowhere.type, 'error', type);
        assert.deepEqual(shown(there, 'secret'), shown(nowhere, 'nowhere'), `${type}: tells nothing`);
    }
    assert.deepEqual(
        (await bob.ok('why', { room: 'secret' })).reasons, (await bob.ok('why', { room: 'nowhere' })).reasons);
    await bob.refused('no_such_room', 'join', { room: 'secret' });
    await bob.refused('no_such_room', 'members', { room: 'secret' });
    await bob.refused('no_such_room', 'kick', { room: 'secret', user: 'alice' });
    assert.deepEqual(await namesOf(bob), []);
    assert.deepEqual(await namesOf(alice), ['secret'], 'listed to members');

    const { invite } = await alice.ok('invite', { room: 'secret' });
    assert.equal((await bob.join('secret', { invite })).role, 'member');
    assert.deepEqual(await namesOf(bob), ['secret']);
    await carol.refused('no_such_room', 'join', { room: 'secret', invite });
    await alice.ok('add', { room: 'secret', user: 'carol' });
    await carol.join('secret');
    await alice.ok('ban', { room: 'secret', user: 'carol' });
    assert.deepEqual(await namesOf(carol), [], 'thrown out means not seeing it any more');
});

test('a private room with a password opens to those who know both', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.ok('create', { room: 'secret', visibility: 'private', password: 'p' });
    await bob.refused('no_such_room', 'join', { room: 'secret', password: 'wrong' });
    await bob.refused('no_such_room', 'join', { room: 'secret' });
    assert.equal((await bob.join('secret', { password: 'p' })).role, 'guest');
    assert.equal((await bob.ok('members', { room: 'secret' })).members.length >= 1, true, 'who is in it sees who is');
});

test('who is in a room that closes its doors stays in it', async (t) => {
    const server = await startServer(t);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    await alice.ok('create', { room: 'garden' });
    for (const each of [alice, bob]) await each.join('garden');
    await alice.ok('update', { room: 'garden', visibility: 'private' });
    assert.equal((await bob.next({ type: 'room' })).visibility, 'private');
    await bob.ok('message', { room: 'garden', content: 'still here' });
    await alice.next({ type: 'message', content: 'still here' });
    await carol.refused('no_such_room', 'members', { room: 'garden' });
    assert.deepEqual(await namesOf(carol), []);
});

test('a full room lets nobody else in, until it is made larger', async (t) => {
    const server = await startServer(t, ['--max-per-room', '3']);
    const { alice, bob, carol, dave } = await people(t, server, 'alice', 'bob', 'carol', 'dave');
    await alice.ok('create', { room: 'bench', maxUsers: 2 });
    for (const each of [alice, bob]) await each.join('bench');
    await carol.refused('room_full', 'join', { room: 'bench' });
    await alice.ok('update', { room: 'bench', maxUsers: 1 });
    await bob.ok('message', { room: 'bench', content: 'nobody is moved out' });
    await alice.ok('update', { room: 'bench', maxUsers: 1000 });
    await carol.join('bench');
    await dave.refused('room_full', 'join', { room: 'bench' }); // the server's own limit
});

test('slow mode: one message in so many seconds, but for moderators', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.ok('create', { room: 'hall', slowMode: 3600 });
    assert.equal((await alice.join('hall')).slowMode, 3600);
    await bob.join('hall');
    await bob.ok('message', { room: 'hall', content: 'one' });
    const error = await bob.refused('slow_mode', 'message', { room: 'hall', content: 'two' });
    assert.ok(error.retryAfter > 3500 && error.retryAfter <= 3600, `${error.retryAfter}`);
    const second = await connectAgain(t, server, bob);
    await second.join('hall');
    await second.refused('slow_mode', 'message', { room: 'hall', content: 'from another tab' });
    const [reason] = (await bob.ok('why', { room: 'hall' })).reasons;
    assert.equal(reason.rule, 'slow_mode');
    assert.ok(reason.retryAfter > 3500 && reason.retryAfter <= 3600);
    for (let i = 0; i < 3; i++) await alice.ok('message', { room: 'hall', content: 'as I like' });
    await alice.ok('update', { room: 'hall', slowMode: 0 });
    for (let i = 0; i < 3; i++) await bob.ok('message', { room: 'hall', content: 'at last' });
    assert.deepEqual((await bob.ok('why', { room: 'hall' })).reasons, []);
});

/* HTTP */

test('GET /rooms and /members see what the bearer of the token sees', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    for (const visibility of ['public', 'restricted', 'private']) {
        await alice.ok('create', { room: visibility, visibility });
        await alice.join(visibility);
    }
    const names = async (headers, query = '') =>
        (await server.request(`/rooms${query}`, { headers })).json().rooms.map((row) => row.room).sort();
    assert.deepEqual(await names(), ['public', 'restricted']);
    assert.deepEqual(await names(bearing(bob.token)), ['public', 'restricted']);
    assert.deepEqual(await names(bearing(alice.token)), ['private', 'public', 'restricted']);
    assert.deepEqual(await names(bearing(alice.token, 'cookie')), ['private', 'public', 'restricted']);
    assert.deepEqual(await names({}, `?token=${alice.token}`), ['private', 'public', 'restricted']);

    const members = async (room, headers) => {
        const reply = await server.request(`/members?room=${room}`, { headers });
        return reply.status === 200 ? reply.json().members.map((row) => row.username) : [reply.status, reply.json().error.code];
    };
    for (const headers of [{}, bearing(bob.token)]) {
        assert.deepEqual(await members('public', headers), ['alice']);
        assert.deepEqual(await members('restricted', headers), [403, 'not_member']);
        assert.deepEqual(await members('private', headers), [404, 'no_such_room']);
    }
    for (const room of ['public', 'restricted', 'private']) {
        assert.deepEqual(await members(room, bearing(alice.token)), ['alice']);
    }
    const bad = await server.request('/rooms', { headers: bearing('nonsense') });
    assert.equal(bad.status, 401, bad.text);
    assert.equal(bad.json().error.code, 'not_authenticated');
});

test('POST /join-room takes a password or an invitation', async (t) => {
    const server = await startServer(t);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    await alice.ok('create', { room: 'club', visibility: 'restricted', password: 'p' });
    await alice.ok('create', { room: 'secret', visibility: 'private' });
    const { session } = bob.welcome;
    for (const [body, status, code] of [
        [{ room: 'club' }, 403, 'wrong_password'],
        [{ room: 'club', password: 'wrong' }, 403, 'wrong_password'],
        [{ room: 'club', password: 7 }, 400, 'bad_request'],
        [{ room: 'secret', invite: 'abcdefgh' }, 404, 'no_such_room'],
    ]) {
        const reply = await post(server, '/join-room', { session, ...body });
        assert.equal(reply.status, status, `${JSON.stringify(body)}: ${reply.text}`);
        assert.equal(reply.json().error.code, code);
    }
    assert.equal((await post(server, '/join-room', { session, room: 'club', password: 'p' })).status, 200);
    await bob.next({ type: 'join', room: 'club', username: 'bob' });
    const { invite } = await alice.ok('invite', { room: 'secret' });
    assert.equal((await post(server, '/join-room', { session: carol.welcome.session, room: 'secret', invite })).status, 200);
    await carol.ok('message', { room: 'secret', content: 'I am in' });
    assert.equal((await post(server, '/leave-room', { session, room: 'club' })).status, 200);
    await alice.ok('ban', { room: 'club', user: 'bob' });
    const banned = await post(server, '/join-room', { session, room: 'club', password: 'p' });
    assert.equal(banned.status, 403);
    assert.equal(banned.json().error.code, 'banned');
});

/*
 * Who sees a room that people run, and who gets in, over the wire: members, passwords, invitations, private
 * rooms, limits; and the same over plain HTTP.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearing, connectAgain, namesOf, people, roomsOf } from './support/client.mjs';
import { folder, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const post = (server, target, body) => server.request(target, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
});

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
    await alice.ok('update', { room: 'bench', maxUsers: 0 });
    await carol.join('bench');
    await dave.refused('room_full', 'join', { room: 'bench' }); // the server's own limit
});

test('a room is not made larger than the server allows, and says what it is', async (t) => {
    const file = path.join(folder(), 'hubbub.ini');
    writeFileSync(file, 'max-per-room = 3\n');
    const server = await startServer(t, ['--config', file]);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    const refused = await alice.refused('bad_request', 'create', { room: 'bench', maxUsers: 4 });
    assert.match(refused.message, /maxUsers .*: 3$/);
    await alice.refused('no_such_room', 'settings', { room: 'bench' });
    await alice.ok('create', { room: 'bench', maxUsers: 3 });
    await alice.refused('bad_request', 'update', { room: 'bench', maxUsers: 4, title: 'The bench' });
    assert.deepEqual(Object.entries(await alice.ok('settings', { room: 'bench' })).filter(([key]) => /title|maxUsers/.test(key)),
        [['title', ''], ['maxUsers', 3]], 'all or nothing');

    writeFileSync(file, 'max-per-room = 2\n');
    server.signal('SIGHUP');
    await until(() => /msg=reloaded/.test(server.stderr), 'the reload');
    const says = async () => [(await alice.ok('settings', { room: 'bench' })).maxUsers, (await alice.ok('rooms')).rooms[0].maxUsers];
    await until(async () => (await says())[1] === 2, 'the new limit');
    assert.deepEqual(await says(), [2, 2]);
    for (const each of [alice, bob]) assert.equal((await each.join('bench')).maxUsers, 2);
    await carol.refused('room_full', 'join', { room: 'bench' });
    await alice.ok('update', { room: 'bench', maxUsers: 0 });
    assert.deepEqual(await says(), [0, 2]);
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

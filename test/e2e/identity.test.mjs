/*
 * Who somebody is, over the wire: guests who come back, several tabs of one user, names that look alike.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearing, connect, connectAgain, people, turnedAway } from './support/client.mjs';
import { startServer } from './support/server.mjs';
import { GUEST, now } from './support/tokens.mjs';

/* Guests */

test('a guest gets an identity to come back with', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    assert.match(alice.welcome.userId, GUEST);
    assert.equal(alice.welcome.auth, 'guest');
    assert.match(alice.welcome.token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.ok(!alice.welcome.operator);
    assert.equal(alice.welcome.tokenExpires, undefined, 'guests need not care');
    const bob = await connect(t, server, { username: 'bob' });
    assert.notEqual(bob.welcome.userId, alice.welcome.userId);
    await alice.close();
    await bob.close();
    for (const via of ['header', 'cookie', 'query']) {
        const again = await connectAgain(t, server, alice, { via });
        assert.equal(again.welcome.userId, alice.welcome.userId, via);
        assert.equal(again.welcome.username, 'alice', via);
        assert.match(again.welcome.token, /^[\w-]+\.[\w-]+\.[\w-]+$/, 'and a token for the next time');
        await again.close();
    }
});

test('a guest who comes back has the old name, or the one now wished for', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.close();
    const same = await connectAgain(t, server, alice, { username: null });
    assert.equal(same.welcome.username, 'alice');
    await same.close();
    await server.metricUntil('hubbub_users', (n) => n === 0, 'nobody');
    const other = await connectAgain(t, server, alice, { username: 'alicia' });
    assert.equal(other.welcome.username, 'alicia');
    assert.equal(other.welcome.userId, alice.welcome.userId);
});

test('of several tokens the header counts, then the cookie', async (t) => {
    const server = await startServer(t);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    const query = `/ws?username=x&token=${carol.token}`;
    const first = await connect(t, server, {
        target: query, headers: { ...bearing(alice.token), ...bearing(bob.token, 'cookie') },
    });
    assert.equal(first.welcome.userId, alice.welcome.userId);
    const second = await connect(t, server, { target: query, headers: bearing(bob.token, 'cookie') });
    assert.equal(second.welcome.userId, bob.welcome.userId);
});

test('tokens of guests are this server’s own', async (t) => {
    const [here, there] = [await startServer(t), await startServer(t)];
    const alice = await connect(t, here, { username: 'alice' });
    await turnedAway(t, there, 4001, 'not_authenticated', { token: alice.token });
    const [head, body, signature] = alice.token.split('.');
    const claims = JSON.parse(Buffer.from(body, 'base64url'));
    assert.equal(claims.sub, alice.welcome.userId);
    assert.ok(claims.exp - now() > 399 * 86400 && claims.exp - now() <= 400 * 86400 + 60, 'good for 400 days');
    const other = Buffer.from(JSON.stringify({ ...claims, sub: 'g0123456789abcdef' })).toString('base64url');
    await turnedAway(t, here, 4001, 'not_authenticated', { token: `${head}.${other}.${signature}` });
});

/* Several connections of one user */

test('several tabs are one user: one name, told once, counted once', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    const { userId } = alice.welcome;
    await bob.join('lobby');
    await alice.join('lobby');
    assert.equal((await bob.next({ type: 'join', username: 'alice' })).count, 2);

    const second = await connectAgain(t, server, alice, { username: 'another name' });
    assert.equal(second.welcome.userId, userId);
    assert.equal(second.welcome.username, 'alice', 'a user has one name');
    assert.notEqual(second.welcome.session, alice.welcome.session);
    assert.equal((await second.join('lobby')).members, 2);
    const rows = (await bob.ok('members', { room: 'lobby' })).members;
    assert.deepEqual(rows.map((row) => row.username).sort(), ['alice', 'bob']);
    assert.deepEqual((await server.request('/rooms')).json().rooms.map((row) => row.members), [2]);
    await server.metricUntil('hubbub_users', (n) => n === 2, 'two users');
    assert.equal(await server.metric('hubbub_sessions'), 3);

    await bob.ok('message', { room: 'lobby', content: 'to both' });
    for (const tab of [alice, second]) await tab.next({ type: 'message', content: 'to both' });
    await second.ok('message', { room: 'lobby', content: 'from the second' });
    for (const one of [alice, second, bob]) {
        const heard = await one.next({ type: 'message', content: 'from the second' });
        assert.equal(heard.username, 'alice');
        assert.equal(heard.userId, userId);
    }

    await alice.close();
    await server.metricUntil('hubbub_sessions', (n) => n === 2, 'one tab less');
    await bob.barrier();
    assert.deepEqual(bob.take({ type: 'leave' }), [], 'alice is still there');
    assert.deepEqual(bob.take({ type: 'join', username: 'alice' }), [], 'and came once');
    await second.ok('leave', { room: 'lobby' });
    assert.equal((await bob.next({ type: 'leave', username: 'alice' })).count, 1);
});

test('tabs of one user are in rooms on their own', async (t) => {
    const server = await startServer(t);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    const second = await connectAgain(t, server, alice);
    for (const one of [alice, bob]) await one.join('a');
    await second.join('b');
    await second.refused('not_in_room', 'message', { room: 'a', content: 'x' });
    await alice.refused('not_in_room', 'message', { room: 'b', content: 'x' });
    await bob.ok('message', { room: 'a', content: 'hello' });
    await alice.next({ type: 'message', content: 'hello' });
    await second.barrier();
    assert.deepEqual(second.take({ type: 'message' }), []);
    // Without stay the second tab leaves its own rooms only.
    await second.ok('join', { room: 'c' });
    await alice.ok('message', { room: 'a', content: 'still in a' });
});

test('a room is full of users, not of tabs', async (t) => {
    const server = await startServer(t, ['--max-per-room', '2']);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    await alice.join('lobby');
    const second = await connectAgain(t, server, alice);
    await second.join('lobby');
    await bob.join('lobby');
    await carol.refused('room_full', 'join', { room: 'lobby' });
    await (await connectAgain(t, server, bob)).join('lobby');
});

test('merged notices tell of users, not of tabs', async (t) => {
    const server = await startServer(t, ['--notice-limit', '1']);
    const { alice, bob, carol, dave } = await people(t, server, 'alice', 'bob', 'carol', 'dave');
    for (const one of [alice, bob]) await one.join('lobby');
    const tabs = [carol, await connectAgain(t, server, carol), dave, await connectAgain(t, server, dave)];
    for (const tab of tabs) await tab.join('lobby');
    const joined = [];
    let last;
    while (!joined.includes('dave')) {
        last = await alice.next({ type: 'presence', room: 'lobby' });
        joined.push(...last.joined);
    }
    assert.deepEqual(joined.filter((name) => name !== 'bob').sort(), ['carol', 'dave']);
    assert.equal(last.count, 4);
    for (const tab of tabs.slice(0, 3)) await tab.close(); // carol is gone, dave is not
    last = await alice.next({ type: 'presence', room: 'lobby' });
    assert.deepEqual(last.left, ['carol']);
    assert.equal(last.count, 3);
});

/* Names */

test('names that look alike count as equal', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    assert.equal(alice.welcome.username, 'alice');
    const same = {
        'in capitals': 'ALICE', 'wide letters': 'ＡＬＩＣＥ', 'a Cyrillic а': '\u0430lice', 'a one for the l': 'a1ice',
        'mathematical letters': '\u{1d41a}\u{1d425}\u{1d422}\u{1d41c}\u{1d41e}', 'a space without width': 'ali\u200bce',
    };
    for (const [what, username] of Object.entries(same)) {
        const twin = await connect(t, server, { username });
        assert.ok(/-\d+$/.test(twin.welcome.username), `${what}: ${twin.welcome.username}`);
        await twin.close();
        await server.metricUntil('hubbub_users', (n) => n === 1, 'alice alone');
    }
    for (const username of ['alise', 'alicia', 'alice b', 'élise', 'أليس', '愛麗絲']) {
        assert.equal((await connect(t, server, { username })).welcome.username, username);
    }
});

test('names that grow long when they are compared are told apart like others', async (t) => {
    const server = await startServer(t);
    const username = '\ufdfa'.repeat(21); // each is eighteen letters to NFKC
    const names = [];
    for (let i = 0; i < 4; i++) names.push((await connect(t, server, { username })).welcome.username);
    assert.equal(new Set(names).size, 4);
});

test('who takes a name with a suffix is as unique', async (t) => {
    const server = await startServer(t);
    const names = [];
    for (const username of ['alice-2', 'alice', 'Alice', '\u0430lice']) {
        names.push((await connect(t, server, { username })).welcome.username);
    }
    assert.deepEqual(names.slice(0, 2), ['alice-2', 'alice']);
    assert.match(names[2], /^Alice-\d+$/);
    assert.match(names[3], /^\u0430lice-\d+$/);
    assert.equal(new Set(names.map((name) => name.split('-')[1])).size, 4, 'look-alikes with one suffix would be no better');
});

test('a user who is online keeps the name against newcomers, and gives it up by leaving', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    const second = await connectAgain(t, server, alice);
    await alice.close();
    await server.metricUntil('hubbub_sessions', (n) => n === 1, 'the second tab');
    const late = await connect(t, server, { username: 'alice' });
    assert.equal(late.welcome.username, 'alice-2');
    await second.close();
    await server.metricUntil('hubbub_users', (n) => n === 1, 'the newcomer');
    assert.equal((await connect(t, server, { username: 'alice' })).welcome.username, 'alice');
});

/*
 * What is said, in both dialects: messages and their order, replies and ids, typing, what the classic dialect
 * is spared. Every test has a server of its own.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertChats, classicMember, connect, connectAgain, member } from './support/client.mjs';
import { rawSocket } from './support/raw.mjs';
import { startServer } from './support/server.mjs';

test('a message reaches every member once, with all its fields', async (t) => {
    const server = await startServer(t);
    const people = [];
    for (const name of ['alice', 'bob', 'carol']) people.push(await member(t, server, name, 'lobby'));
    const stranger = await member(t, server, 'dave', 'elsewhere');
    const before = Date.now();
    const reply = await people[0].ok('message', { room: 'lobby', content: 'hello' });
    for (const each of people) {
        const heard = await each.next({ type: 'message' });
        assert.deepEqual(heard, {
            type: 'message', room: 'lobby', username: 'alice', userId: people[0].welcome.userId,
            content: 'hello', seq: 1, ts: reply.ts,
        });
    }
    assert.equal(reply.seq, 1);
    assert.equal(reply.durable, false, 'nothing is stored on disk, and that is said');
    assert.ok(reply.ts >= before - 1000 && reply.ts <= Date.now() + 1000);
    for (const each of [...people, stranger]) {
        await each.barrier();
        assert.deepEqual(each.take({ type: 'message' }), []);
    }
});

test('chat with text is the same request as message with content', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'lobby');
    await alice.ok('chat', { room: 'lobby', text: 'hello' });
    const heard = await alice.next({ type: 'message' });
    assert.equal(heard.content, 'hello');
    assert.equal(heard.text, undefined);
});

test('content comes back byte for byte', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'lobby');
    const contents = [
        ' leading and trailing ', 'two\nlines\r\n\ttab', '"quotes" \\ and / slashes', '<script>alert(1)</script>',
        'héllo wörld', '日本語', '🦊👩‍👩‍👧', '\u2028\u2029', '\u0001\u001f\u007f', '\uffff\u{10ffff}', 'x'.repeat(12000),
    ];
    for (const content of contents) {
        await alice.ok('message', { room: 'lobby', content });
        assert.equal((await alice.next({ type: 'message' })).content, content);
    }
    alice.send('{"type":"message","room":"lobby","content":"\\u0048\\u00e9\\ud83e\\udd8a\\/"}');
    assert.equal((await alice.next({ type: 'message' })).content, 'Hé🦊/');
});

test('all members get all messages in the same order, by seq', async (t) => {
    const server = await startServer(t);
    const senders = [], readers = [];
    for (let i = 0; i < 4; i++) senders.push(await member(t, server, `sender${i}`, 'lobby'));
    for (let i = 0; i < 4; i++) readers.push(await member(t, server, `reader${i}`, 'lobby'));
    const each = 250;
    for (let n = 0; n < each; n++) {
        for (const sender of senders) sender.send({ type: 'message', room: 'lobby', content: `${sender.name} ${n}` });
    }
    const total = each * senders.length;
    const orders = await Promise.all([...senders, ...readers].map(async (one) => {
        await one.next({ type: 'message', seq: total });
        return one.take({ type: 'message' });
    }));
    for (const order of orders) {
        assert.deepEqual(order.map((m) => m.seq), Array.from({ length: total - 1 }, (_, i) => i + 1));
        assert.deepEqual(order, orders[0]);
    }
    for (const sender of senders) { // what one sender says stays in its order
        const own = orders[0].filter((m) => m.username === sender.name).map((m) => Number(m.content.split(' ')[1]));
        assert.deepEqual(own, own.slice().sort((a, b) => a - b));
    }
});

test('seq counts per room', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'a');
    await alice.join('b');
    const seqs = [];
    for (const room of ['a', 'b', 'b', 'a', 'b']) seqs.push((await alice.ok('message', { room, content: 'x' })).seq);
    assert.deepEqual(seqs, [1, 1, 2, 2, 3]);
    const bob = await member(t, server, 'bob', 'b');
    assert.equal(bob.joined.seq, 3, 'a later member learns where the room is');
});

test('success is silent without an id, an error is not', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    alice.send({ type: 'join', room: 'lobby', stay: true });
    alice.send({ type: 'message', room: 'lobby', content: 'hi' });
    alice.send({ type: 'leave', room: 'lobby' });
    alice.send({ type: 'message', room: 'lobby', content: 'too late' });
    const error = await alice.next({ type: 'error' });
    assert.equal(error.code, 'not_in_room');
    assert.equal(error.room, 'lobby');
    assert.equal(error.id, undefined);
    await alice.barrier();
    assert.deepEqual(alice.take({ type: 'ok' }), []);
});

test('an id is repeated as it was, and may be used again', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    const id = `é"\\ ${'x'.repeat(50)}`;
    for (const [request, type] of [
        [{ type: 'join', room: 'lobby' }, 'ok'],
        [{ type: 'members', room: 'lobby' }, 'ok'],
        [{ type: 'rooms' }, 'ok'],
        [{ type: 'ping' }, 'pong'],
        [{ type: 'nonsense' }, 'error'],
        [{ type: 'leave', room: 'lobby' }, 'ok'],
        [{ type: 'leave', room: 'lobby' }, 'error'],
    ]) {
        alice.send({ ...request, id });
        assert.equal((await alice.next({ id })).type, type, request.type);
    }
});

test('fields nobody knows are ignored', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.ok('join', { room: 'lobby', since: 3, epoch: 'x', colour: { is: ['red', null, 1e3] } });
    await alice.ok('message', { room: 'lobby', content: 'hi', username: 'mallory', seq: 99, userId: 'x' });
    const heard = await alice.next({ type: 'message' });
    assert.equal(heard.username, 'alice');
    assert.equal(heard.seq, 1);
});

test('typing goes to the others, and never to the classic dialect', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'lobby');
    const bob = await member(t, server, 'bob', 'lobby');
    const carol = await classicMember(t, server, 'carol', 'lobby');
    await alice.ok('typing', { room: 'lobby', state: 'active' });
    assert.deepEqual(await bob.next({ type: 'typing' }), {
        type: 'typing', room: 'lobby', userId: alice.welcome.userId, username: 'alice', state: 'active',
    });
    await alice.ok('typing', { room: 'lobby' }); // told a moment ago
    await alice.ok('typing', { room: 'lobby', state: 'paused' });
    assert.equal((await bob.next({ type: 'typing' })).state, 'paused');
    await alice.ok('typing', { room: 'lobby' });
    assert.equal((await bob.next({ type: 'typing' })).state, 'active', 'active is the default');
    await alice.ok('typing', { room: 'lobby', state: 'paused' });
    assert.equal((await bob.next({ type: 'typing' })).state, 'paused');
    await alice.refused('bad_request', 'typing', { room: 'lobby', state: 'dancing' });
    await assertChats(alice, bob, 'lobby');
    await carol.next({ type: 'message' });
    assert.deepEqual(alice.take({ type: 'typing' }), []);
    assert.deepEqual(carol.take({ type: 'typing' }), []);
});

test('ping is answered with pong and the same t', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    for (const stamp of [0, 1700000000123, -1.5, 'a "text"']) {
        alice.send({ type: 'ping', t: stamp });
        assert.deepEqual(await alice.next({ type: 'pong' }), { type: 'pong', t: stamp });
    }
    const { type, id, ...more } = await alice.request('ping');
    assert.deepEqual([type, typeof id, more], ['pong', 'string', {}]);
});

test('the classic dialect gets only what the small pages know', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice', full: false });
    alice.send({ type: 'join', room: 'lobby' });
    const own = await alice.next(() => true);
    assert.equal(own.type, 'join', 'no welcome');
    assert.equal(own.room, 'lobby');
    assert.equal(own.username, 'alice');
    assert.equal(own.content, 'alice joined the room');
    assert.equal(alice.socket.protocol, '');

    const bob = await member(t, server, 'bob', 'lobby');
    assert.equal((await alice.next({ type: 'join' })).content, 'bob joined the room');
    alice.send({ type: 'message', content: 'from the small page' });
    for (const each of [alice, bob]) {
        const heard = await each.next({ type: 'message' });
        assert.equal(heard.room, 'lobby');
        assert.equal(heard.username, 'alice');
        assert.equal(heard.content, 'from the small page');
    }
    await bob.ok('message', { room: 'lobby', content: 'and back' });
    assert.equal((await alice.next({ type: 'message' })).content, 'and back');

    alice.send({ type: 'nonsense' });
    const error = await alice.next({ type: 'error' });
    assert.equal(error.username, 'server');
    assert.equal(error.content, error.message);
    assert.equal(error.code, 'unknown_type');
    assert.equal(typeof error.room, 'string');

    alice.send({ type: 'join', room: 'garden' }); // leaves the lobby, as it always did
    assert.equal((await bob.next({ type: 'leave' })).username, 'alice');
    await alice.next({ type: 'join', room: 'garden' });
    bob.send({ type: 'message', room: 'lobby', content: 'gone?' });
    await bob.next({ type: 'message', content: 'gone?' });
    await alice.barrier();
    assert.deepEqual(alice.take({ type: 'message' }), []);
    alice.send({ type: 'leave', room: 'garden' });
    await alice.barrier();
});

test('another subprotocol than ours is not chosen', async (t) => {
    const server = await startServer(t);
    const both = await rawSocket(t, server, '/ws', { 'Sec-WebSocket-Protocol': 'other.v7, hubbub.v1' });
    assert.equal(both.reply.headers['sec-websocket-protocol'], 'hubbub.v1');
    await both.nextJson({ type: 'welcome' });
});

test('a private message is for one user, in all tabs, and for nobody else', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice', room: 'lobby' });
    const bob = await connect(t, server, { username: 'bob', room: 'lobby' });
    const carol = await connect(t, server, { username: 'carol', room: 'lobby' });
    const tabs = [await connectAgain(t, server, bob), await connectAgain(t, server, alice)];
    const reply = await alice.ok('dm', { to: 'bob', content: 'between \"us\"' });
    assert.deepEqual([reply.userId, reply.username], [bob.welcome.userId, 'bob']);
    for (const one of [bob, ...tabs]) {
        const { ts, ...event } = await one.next({ type: 'dm' });
        assert.deepEqual(event, {
            type: 'dm', room: reply.room, seq: 1, from: 'alice', fromId: alice.welcome.userId,
            to: 'bob', toId: bob.welcome.userId, content: 'between \"us\"',
        });
        assert.ok(ts > 1.6e12);
    }
    await bob.ok('dm', { to: alice.welcome.userId, content: 'by id' });
    await alice.next({ type: 'dm', content: 'by id' });
    for (const one of [alice, bob, carol]) await one.barrier();
    for (const one of [alice, bob, carol]) assert.deepEqual(one.take({ type: 'dm' }), []);
    await alice.refused('unknown_user', 'dm', { to: 'nobody', content: 'x' });
    await alice.refused('bad_request', 'dm', { content: 'x' });
    const classic = await classicMember(t, server, 'dora', 'lobby');
    await alice.ok('dm', { to: 'dora', content: 'to a small page' });
    await classic.next({ type: 'message', room: '', username: 'alice', content: 'to a small page' });
});

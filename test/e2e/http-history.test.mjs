/*
 * GET /rooms/ROOM/messages beside the request `history`: the same pages, from memory and from the disk, with what
 * was done to the messages, as whoever asks sees them; who may ask, and how often.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { bearing, member, people } from './support/client.mjs';
import { back, data, fill, range, seqs } from './support/log.mjs';
import { startAgain, startServer } from './support/server.mjs';

const route = (room, fields = {}) => `/rooms/${encodeURIComponent(room)}/messages?${new URLSearchParams(fields)}`;

/* The reply to `history`, and the body of the route for the same user. */
async function both(server, client, room, fields) {
    const { type, id, ...reply } = await client.ok('history', { room, ...fields });
    assert.equal(type, 'ok');
    assert.ok(id);
    const answer = await server.request(route(room, fields), { headers: bearing(client.token) });
    assert.equal(answer.status, 200, answer.text);
    return { reply, body: answer.json() };
}

for (const store of ['memory', 'disk']) {
    test(`the pages are those of the request, from ${store}`, async (t) => {
        // in memory there is room for all of it, or for none
        const server = await startServer(t, data('--history-memory', store === 'memory' ? '256' : '0'));
        const alice = await member(t, server, 'alice', 'lobby');
        await fill(alice, 'lobby', 70);
        for (const [fields, from, to, before, after] of [
            [{}, 21, 70, true, false],
            [{ limit: 3 }, 68, 70, true, false],
            [{ before: 11, limit: 4 }, 7, 10, true, true],
            [{ before: 3 }, 1, 2, false, true],
            [{ after: 0, limit: 2 }, 1, 2, false, true],
            [{ after: 68 }, 69, 70, true, false],
            [{ limit: 300, before: 1000 }, 1, 70, false, false],
        ]) {
            const { reply, body } = await both(server, alice, 'lobby', fields);
            assert.deepEqual(body, reply, JSON.stringify(fields));
            assert.deepEqual(seqs(body.messages), range(from, to), JSON.stringify(fields));
            assert.deepEqual([body.first, body.last, body.hasMoreBefore, body.hasMoreAfter],
                [from, to, before, after], JSON.stringify(fields));
        }
        const { reply, body } = await both(server, alice, 'lobby', { around: 30, limit: 5 });
        assert.deepEqual(body, reply);
        assert.equal(body.messages.length, 5);
        assert.ok(body.messages.some((one) => one.seq === 30));
        const { body: empty } = await both(server, alice, 'lobby', { after: 70 });
        assert.deepEqual(empty.messages, []);
    });
}

test('what was done to messages is in them, as whoever asks sees it, also after a restart', async (t) => {
    const first = await startServer(t, data());
    const { alice, bob } = await people(t, first, 'alice', 'bob');
    await alice.ok('create', { room: 'hall' });
    await alice.join('hall');
    await bob.join('hall');
    await fill(alice, 'hall', 3);
    await bob.ok('message', { room: 'hall', content: 'an answer', replyTo: 1 });
    const { editedTs } = await alice.ok('edit', { room: 'hall', seq: 1, content: 'line one' });
    await alice.ok('delete', { room: 'hall', seq: 2 });
    await alice.ok('react', { room: 'hall', seq: 3, emoji: '👍' });
    await bob.ok('react', { room: 'hall', seq: 3, emoji: '👍' });
    await bob.ok('react', { room: 'hall', seq: 3, emoji: '🎉' });

    const look = async (server, headers) => (await server.request(route('hall'), { headers })).json().messages;
    const check = async (server) => {
        const [edited, gone, liked, answer] = await look(server, bearing(alice.token));
        assert.deepEqual([edited.content, edited.editedTs], ['line one', editedTs]);
        assert.deepEqual([gone.content, gone.deleted], ['', true]);
        assert.deepEqual(liked.reactions, [{ emoji: '👍', count: 2, mine: true }, { emoji: '🎉', count: 1 }]);
        assert.equal(answer.replyTo, 1);
        assert.deepEqual((await look(server, bearing(bob.token)))[2].reactions,
            [{ emoji: '👍', count: 2, mine: true }, { emoji: '🎉', count: 1, mine: true }]);
        assert.deepEqual((await look(server))[2].reactions, [{ emoji: '👍', count: 2 }, { emoji: '🎉', count: 1 }]);
    };
    await check(first);
    const server = await startAgain(t, first);
    await back(t, server, alice);
    await check(server);
});

test('names of rooms in paths', async (t) => {
    const server = await startServer(t);
    for (const room of ['a/b', 'a b', '50%', 'messages', 'a/messages', 'käse', '?before=1', 'a..b', '日本 🎉', '"\\']) {
        const someone = await member(t, server, 'someone', room);
        await fill(someone, room, 1);
        const { body } = await both(server, someone, room);
        assert.equal(body.room, room);
        assert.deepEqual(seqs(body.messages), [1], room);
    }
    for (const [target, status] of [['/rooms//messages', 404], ['/rooms/%20a/messages', 400], ['/rooms/%0A/messages', 400],
        ['/rooms/nowhere/messages', 404],
        ['/rooms/%2E%2E/messages', 404], ['/rooms/a/../../messages', 404], ['/rooms/a%20b/messages/', 404]]) {
        assert.equal((await server.request(target)).status, status, target);
    }
});

test('packed, not sent twice, and HEAD', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'lobby');
    await fill(alice, 'lobby', 50);
    const plain = await server.request(route('lobby'));
    const packed = await server.request(route('lobby'), { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.deepEqual(gunzipSync(packed.bytes), plain.bytes);
    assert.notEqual(packed.headers.etag, plain.headers.etag);
    assert.match(plain.headers['cache-control'], /private/);

    for (const one of [plain, packed]) {
        const headers = { 'If-None-Match': one.headers.etag, ...(one === packed && { 'Accept-Encoding': 'gzip' }) };
        const same = await server.request(route('lobby'), { headers });
        assert.deepEqual([same.status, same.bytes.length, same.headers.etag], [304, 0, one.headers.etag]);
    }
    const head = await server.request(route('lobby'), { method: 'HEAD' });
    assert.deepEqual([head.status, head.bytes.length], [200, 0]);
    assert.equal(head.headers['content-length'], plain.headers['content-length']);

    await alice.ok('react', { room: 'lobby', seq: 50, emoji: '👍' });
    const changed = await server.request(route('lobby'), { headers: { 'If-None-Match': plain.headers.etag } });
    assert.equal(changed.status, 200);
    assert.equal(changed.json().messages.at(-1).reactions[0].emoji, '👍');
});

test('looking back too often: whoever shows a token pays alone, all others of an address together', async (t) => {
    const server = await startServer(t, ['--trusted-proxy', '127.0.0.1', '--history-per-minute', '3']);
    const alice = await member(t, server, 'alice', 'lobby');
    const ask = (address, token) => server.request(route('lobby'),
        { headers: { 'X-Forwarded-For': address, ...bearing(token) } });
    for (const asker of [['203.0.113.7'], ['203.0.113.8'], ['203.0.113.7', alice.token]]) {
        for (let i = 0; i < 3; i++) assert.equal((await ask(...asker)).status, 200, asker[0]);
        const refused = await ask(...asker);
        assert.equal(refused.status, 429);
        assert.equal(refused.json().error.code, 'rate_limited');
        assert.ok(Number(refused.headers['retry-after']) > 0);
    }
    const over = await alice.request('history', { room: 'lobby' }); // the same purse
    assert.equal(over.code, 'rate_limited');
    await server.metricUntil('hubbub_limited_history_total', (n) => n === 4);
});

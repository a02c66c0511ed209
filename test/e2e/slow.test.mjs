/*
 * Slow and fast peers in one room: who does not read is let go and everybody else gets everything;
 * who keeps reading is never dropped, however fast the others talk.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from './support/client.mjs';
import { CLOSE, TEXT, rawSocket } from './support/raw.mjs';
import { startServer } from './support/server.mjs';
import { until, within } from './support/wait.mjs';

const SMALL = ['--socket-buffer', '64K', '--write-wait', '1s'];

/* Counts what a reader hears and complains of the first gap; the inbox stays empty. */
function listen(client) {
    const heard = { last: 0, problem: null };
    client.socket.removeAllListeners('message');
    client.socket.on('message', (data) => {
        const frame = JSON.parse(data);
        if (frame.type !== 'message') return;
        if (frame.seq !== heard.last + 1) heard.problem ??= `${frame.seq} after ${heard.last}`;
        heard.last = frame.seq;
    });
    return heard;
}

/* Sends as fast as the socket takes it. */
async function pour(client, count, content) {
    for (let i = 0; i < count; i++) {
        client.send({ type: 'message', room: 'lobby', content });
        if (i % 4 === 3) await new Promise(setImmediate); // the readers live in this process, too
        if (client.socket.bufferedAmount > 1 << 20) {
            await until(() => client.socket.bufferedAmount < 1 << 18, `${client.name} to be read from`);
        }
    }
}

async function allHeard(all, total) {
    const state = () => JSON.stringify(all);
    await until(() => all.every((one) => one.last === total || one.problem), () => `${total} for all: ${state()}`, 60_000);
    for (const one of all) assert.equal(one.problem, null, state());
}

test('a peer that never reads is let go, and the others get every message', async (t) => {
    const server = await startServer(t, SMALL);
    const sender = await connect(t, server, { username: 'sender', room: 'lobby' });
    const readers = [];
    for (const username of ['alice', 'bob', 'carol']) readers.push(await connect(t, server, { username, room: 'lobby' }));
    const slow = await rawSocket(t, server, '/ws?username=mallory&room=lobby', { 'Sec-WebSocket-Protocol': 'hubbub.v1' });
    await slow.nextJson({ type: 'join', username: 'mallory' });
    slow.socket.pause();

    const left = readers[0].next({ type: 'leave', username: 'mallory' });
    const heard = readers.slice(1).map(listen);
    const total = 3000;
    await pour(sender, total, 'x'.repeat(4000));
    await allHeard(heard, total);
    await left;
    await readers[0].next({ type: 'message', seq: total });
    assert.deepEqual(readers[0].take({ type: 'message' }).map((m) => m.seq), Array.from({ length: total - 1 }, (_, i) => i + 1));
    await server.metricUntil('hubbub_sessions', (n) => n === 4, 'without mallory');

    // What it finds when it wakes up: the messages that were on the way, in order, and then the end.
    slow.socket.resume();
    const how = await slow.over();
    const seqs = slow.frames.filter((f) => f.opcode === TEXT).map((f) => JSON.parse(f.payload.toString()))
        .filter((f) => f.type === 'message').map((f) => f.seq);
    assert.deepEqual(seqs, seqs.map((_, i) => i + 1), 'no gap in what came through');
    assert.ok(seqs.length < total);
    const close = slow.frames.find((f) => f.opcode === CLOSE);
    if (close) assert.equal(close.code, 4013);
    else assert.match(how, /^(ECONNRESET|end|close)$/);
});

test('a flood by one fast sender with several readers loses nothing', async (t) => {
    const server = await startServer(t, ['--send-queue', '16', '--hub-queue', '64']);
    const sender = await connect(t, server, { username: 'sender', room: 'lobby' });
    const heard = [listen(sender)];
    for (let i = 0; i < 8; i++) heard.push(listen(await connect(t, server, { username: `reader${i}`, room: 'lobby' })));
    await pour(sender, 20_000, 'x'.repeat(120));
    await allHeard(heard, 20_000);
});

test('floods by everybody at once lose nothing', async (t) => {
    const server = await startServer(t, ['--send-queue', '16', '--hub-queue', '64']);
    const people = [];
    for (let i = 0; i < 6; i++) people.push(await connect(t, server, { username: `user${i}`, room: 'lobby' }));
    const heard = people.map(listen);
    await Promise.all(people.map((one) => pour(one, 2000, 'x'.repeat(120))));
    await allHeard(heard, people.length * 2000);
    for (const one of people) assert.equal(one.socket.readyState, one.socket.OPEN);
});

test('a peer that reads in fits and starts is not dropped', async (t) => {
    const server = await startServer(t, ['--send-queue', '64', '--socket-buffer', '64K', '--write-wait', '10s']);
    const sender = await connect(t, server, { username: 'sender', room: 'lobby' });
    const fitful = await connect(t, server, { username: 'fitful', room: 'lobby' });
    const heard = [listen(sender), listen(fitful)];
    for (let fit = 1; fit <= 20; fit++) { // each less than what queue and socket hold
        fitful.socket.pause();
        await pour(sender, 50, 'x'.repeat(500));
        await until(() => heard[0].last === fit * 50, 'the sender to hear itself');
        fitful.socket.resume();
        await until(() => heard[1].last === fit * 50 || heard[1].problem, 'the other to catch up');
    }
    await allHeard(heard, 1000);
});

test('a slow peer in one room does not hold up another room', async (t) => {
    const server = await startServer(t, SMALL);
    const sender = await connect(t, server, { username: 'sender', room: 'lobby' });
    const slow = await rawSocket(t, server, '/ws?username=mallory&room=lobby');
    await slow.nextJson({ type: 'join', username: 'mallory' });
    slow.socket.pause();
    const alice = await connect(t, server, { username: 'alice', room: 'quiet' });
    const bob = await connect(t, server, { username: 'bob', room: 'quiet' });
    let done = false;
    const poured = pour(sender, 2000, 'x'.repeat(4000)).finally(() => { done = true; });
    let said = 0;
    while (!done || said < 20) {
        await alice.ok('message', { room: 'quiet', content: 'calm' });
        await within(bob.next({ type: 'message', seq: ++said }), 'the quiet room to be heard');
    }
    await poured;
});

test('who falls behind stays, is told what it missed, and can ask for it', async (t) => {
    const server = await startServer(t, ['--socket-buffer', '64K', '--write-wait', '60s', '--history-memory', '4000',
        '--history-memory-bytes', '64M']);
    const sender = await connect(t, server, { username: 'sender', room: 'lobby' });
    const slow = await connect(t, server, { username: 'slow', room: 'lobby' });
    slow.socket.pause();
    const total = 3000;
    await pour(sender, total, 'x'.repeat(4000));
    await server.metricUntil('hubbub_pauses_total', (n) => n === 1, 'it to fall behind');
    await server.metricUntil('hubbub_messages_total', (n) => n === total, 'all to be said');
    slow.socket.resume();
    const gap = await slow.next({ type: 'gap', room: 'lobby' });
    await slow.next({ type: 'presence', room: 'lobby', count: 2 });
    const heard = slow.take({ type: 'message' }).map((m) => m.seq);
    assert.deepEqual(heard, Array.from({ length: gap.from - 1 }, (_, i) => i + 1), 'all before the gap');
    assert.equal(gap.kept, true);

    let next = gap.from;
    while (next <= gap.to) {
        const { messages } = await slow.ok('history', { room: 'lobby', after: next - 1, limit: 300 });
        for (const one of messages) if (one.seq <= gap.to) assert.equal(one.seq, next++);
    }
    await slow.ok('message', { room: 'lobby', content: 'here again' });
    const rest = (await slow.next({ type: 'message', content: 'here again' })).seq;
    assert.deepEqual(slow.take({ type: 'message' }).map((m) => m.seq),
        Array.from({ length: rest - 1 - gap.to }, (_, i) => gap.to + 1 + i), 'and all after it');
    assert.equal(await server.metric('hubbub_slow_clients_closed_total'), 0);
});

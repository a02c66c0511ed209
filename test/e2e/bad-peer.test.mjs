/*
 * What a connection can do wrong below the requests: handshakes that never end, frames against the rules,
 * floods, silence, garbage. Each time: an end with a reason, the others chat on, and nothing is left behind in
 * the server.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closesWith, withstand } from './support/abuse.mjs';
import { CLOSE, PING, PONG, TEXT, frame, rawPeer, rawSocket } from './support/raw.mjs';
import { until } from './support/wait.mjs';

const MIB = 1024 * 1024;

test('half a handshake is ended by a deadline', async (t) => withstand(t, {
    args: ['--handshake-wait', '200ms', '--idle-wait', '200ms'],
}, async (server) => {
    const halves = [];
    for (const start of ['', 'G', 'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: webso', 'POST /join-room HTTP/1.1\r\nContent-Length: 50\r\n\r\n{"se']) {
        for (let i = 0; i < 5; i++) {
            const peer = await rawPeer(t, server);
            peer.write(start);
            halves.push(peer);
        }
    }
    for (const peer of halves) await peer.over('a silent handshake to be ended');
}));

test('a handshake of one byte now and then is ended by the same deadline', async (t) => withstand(t, {
    args: ['--handshake-wait', '300ms'], rounds: 2,
}, async (server) => {
    const peer = await rawPeer(t, server);
    const drip = setInterval(() => peer.write('x'), 20);
    peer.write('GET /ws HTTP/1.1\r\nX-Slow: ');
    await peer.over('a dribbling handshake to be ended').finally(() => clearInterval(drip));
}));

test('giant headers', async (t) => withstand(t, {}, async (server) => {
    const line = `X-Filler: ${'x'.repeat(1000)}\r\n`;
    for (const head of [
        `GET /ws HTTP/1.1\r\nHost: x\r\n${line.repeat(2000)}\r\n`,
        `GET /ws HTTP/1.1\r\nHost: ${'x'.repeat(MIB)}\r\n\r\n`,
        `GET /${'x'.repeat(MIB)} HTTP/1.1\r\n\r\n`,
        `GET /ws?${'a=b&'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
        `${'X'.repeat(MIB)}`,
    ]) {
        const peer = await rawPeer(t, server);
        peer.write(head);
        await peer.over('giant headers to be refused');
        const text = peer.bytes.toString('latin1');
        assert.match(text, /^$|^HTTP\/1\.[01] (400|403|404|413|414|431) /, 'closed, or told why');
    }
}));

test('an unmasked frame is closed with 1002', closesWith(1002,
    (peer) => peer.send(TEXT, '{"type":"ping"}', { mask: null })));

for (const rsv of [1, 2, 3, 4, 7]) {
    test(`reserved bits ${rsv} are closed with 1002`, closesWith(1002,
        (peer) => peer.send(TEXT, '{"type":"ping"}', { rsv })));
}

for (const opcode of [CLOSE, PING, PONG]) {
    test(`a fragmented control frame ${opcode} is closed with 1002`, closesWith(1002,
        (peer) => peer.send(opcode, '', { fin: false })));
}

// libwebsockets answers the first of the pings it reads at once and drops the others.
test('a flood of pings costs the others nothing, and pings are answered after it', async (t) => withstand(t, { rounds: 2 }, async (server) => {
    const peer = await rawSocket(t, server, '/ws?username=mallory');
    const ping = frame(PING, 'x'.repeat(100));
    peer.write(Buffer.concat(Array(20_000).fill(ping)));
    peer.send(TEXT, '{"type":"ping","t":"after the flood"}');
    await peer.nextThat((one) => one.opcode === TEXT && one.payload.includes('after the flood'), 'the end of the flood');
    peer.send(PING, 'the last');
    await peer.nextThat((one) => one.opcode === PONG && one.payload.toString() === 'the last', 'the last pong');
    peer.socket.destroy();
}));

test('a flood of pings whose pongs nobody reads', async (t) => withstand(t, {
    args: ['--write-wait', '500ms', '--ping-period', '200ms', '--pong-wait', '1s'], rounds: 2, slack: 8 * MIB,
}, async (server) => {
    const peer = await rawSocket(t, server, '/ws?username=mallory');
    peer.socket.pause();
    const pings = Buffer.concat(Array(1000).fill(frame(PING, 'x'.repeat(125))));
    const most = server.proc().rss + 64 * MIB;
    let gone = false;
    peer.socket.on('close', () => { gone = true; });
    // Until the server lets go of it: what it owes is bounded meanwhile.
    await until(() => {
        assert.ok(server.proc().rss < most, 'pongs pile up in the server');
        if (!gone && peer.socket.writableLength < MIB) peer.write(pings);
        return gone;
    }, 'the flood to be ended').finally(() => peer.socket.destroy());
}));

test('a half-open connection is closed with 4008', async (t) => withstand(t, {
    args: ['--ping-period', '300ms', '--pong-wait', '2s', '--close-wait', '200ms'], rounds: 2,
}, async (server) => {
    const peer = await rawSocket(t, server, '/ws?username=mallory&room=lobby');
    peer.answersPings = false;
    await peer.nextThat((one) => one.opcode === PING, 'a ping');
    assert.equal(await peer.closeCode('the close for want of a pong'), 4008);
    await peer.over('the end although the close is not answered');
}));

test('a connection that pongs is not closed', async (t) => withstand(t, {
    args: ['--ping-period', '200ms', '--pong-wait', '2s'], rounds: 1,
}, async (server) => {
    const peer = await rawSocket(t, server, '/ws?username=mallory');
    peer.answersPings = false;
    for (let i = 0; i < 15; i++) { // beyond the deadline
        const ping = await peer.nextThat((one) => one.opcode === PING, 'a ping');
        peer.send(PONG, ping.payload);
    }
    peer.sendJson({ type: 'ping', t: 1 });
    await peer.nextJson({ type: 'pong', t: 1 });
    peer.socket.destroy();
}));

/* Fills a room with 8 MiB, more than the buffers between two sockets hold. */
async function flood(alice) {
    const content = 'x'.repeat(4000);
    for (let i = 0; i < 2000; i++) {
        alice.send({ type: 'message', room: 'lobby', content });
        if (i % 4 === 3) await alice.next({ type: 'message' }).then(() => alice.take({ type: 'message' }));
    }
    await alice.barrier();
    alice.take({ type: 'message' });
}

const SLOW = { args: ['--socket-buffer', '64K', '--write-wait', '500ms'], rounds: 2, slack: 8 * MIB };

test('a peer that never reads is let go', async (t) => withstand(t, SLOW, async (server, alice) => {
    const peer = await rawSocket(t, server, '/ws?username=mallory&room=lobby');
    await peer.nextJson({ type: 'join', username: 'mallory' });
    peer.socket.pause();
    await flood(alice);
    await server.metricUntil('hubbub_sessions', (n) => n === 2, 'without mallory');
    peer.socket.destroy();
}));

test('a peer that reads a byte now and then is let go', async (t) => withstand(t, SLOW, async (server, alice) => {
    const peer = await rawSocket(t, server, '/ws?username=mallory&room=lobby');
    await peer.nextJson({ type: 'join', username: 'mallory' });
    peer.socket.pause();
    const drip = setInterval(() => peer.socket.read(1), 100);
    try {
        await flood(alice);
        await server.metricUntil('hubbub_sessions', (n) => n === 2, 'without mallory');
    } finally {
        clearInterval(drip);
    }
    peer.socket.destroy();
}));

test('a path that climbs', async (t) => withstand(t, {}, async (server) => {
    for (const target of ['/../../etc/passwd', '/static/../../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/static/..%2f..%2fetc/passwd']) {
        const peer = await rawPeer(t, server);
        peer.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        await peer.over();
        assert.match(peer.bytes.toString(), /^HTTP\/1\.[01] (400|403|404) /, target);
        assert.doesNotMatch(peer.bytes.toString(), /root:/);
    }
}));

/* The same noise in every run. */
function* noise(seed) {
    for (let x = seed; ;) {
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        yield x >>> 24;
    }
}

test('HTTP garbage', async (t) => withstand(t, { args: ['--handshake-wait', '300ms'] }, async (server) => {
    const random = noise(7);
    const garbage = [
        '\r\n\r\n', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'HELLO / HTTP/1.1\r\n\r\n', ' / HTTP/1.1\r\n\r\n',
        'GET / HTTP/1.1\r\nno colon here\r\n\r\n', 'GET / HTTP/1.1\r\n: no name\r\n\r\n',
        'GET http://x:99999999/ HTTP/1.1\r\nHost: x\r\n\r\n', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
        'POST /join-room HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n',
        'POST /join-room HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}',
        'POST /join-room HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
        'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
        'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', Buffer.from('16030100c8010000c403034a', 'hex'), Buffer.alloc(5000),
        ...Array.from({ length: 30 }, () => Buffer.from(Array.from({ length: 300 }, () => random.next().value))),
    ];
    for (const bytes of garbage) {
        const peer = await rawPeer(t, server);
        peer.write(bytes);
        peer.socket.end();
        await peer.over(`an end after ${bytes.toString('latin1').slice(0, 40)}`);
        assert.match(peer.bytes.toString('latin1'), /^$|^HTTP\/1\.[01] /);
        assert.doesNotMatch(peer.bytes.toString('latin1'), /^HTTP\/1\.1 5(?!0[15])/);
    }
}));

test('noise after the upgrade', async (t) => withstand(t, { rounds: 3 }, async (server) => {
    const random = noise(11);
    for (let i = 0; i < 20; i++) {
        const peer = await rawSocket(t, server, '/ws?username=mallory');
        peer.write(Buffer.from(Array.from({ length: 500 }, () => random.next().value)));
        peer.socket.end();
        await peer.over('the noise to be ended');
    }
}));

test('two thousand connections opened and dropped at once', async (t) => withstand(t, { rounds: 3, slack: 24 * MIB }, async (server) => {
    const ends = Array.from({ length: 2000 }, async (_, i) => {
        const peer = await rawPeer(t, server).catch(() => null); // a full backlog refuses some
        if (!peer) return;
        if (i % 4 > 0) {
            const shaken = peer.handshake(`/ws?username=crowd${i}&room=lobby`).catch(() => null);
            if (i % 4 > 1) await shaken; // others are dropped in the middle of it
        }
        if (i % 2) peer.socket.resetAndDestroy?.();
        peer.socket.destroy();
    });
    await Promise.all(ends);
}));

/*
 * Everything a peer can do wrong, by accident or on purpose. Each time: a clear error or close code,
 * the others chat on, and nothing is left behind in the server.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withstand } from './support/abuse.mjs';
import { connect, refusal } from './support/client.mjs';
import {
    BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, rawPeer, rawSocket,
} from './support/raw.mjs';
import { until } from './support/wait.mjs';

const MIB = 1024 * 1024;

/* One more connection does something, and must be closed with this code. */
function closesWith(code, act, args) {
    return (t) => withstand(t, { args }, async (server) => {
        const peer = await rawSocket(t, server, '/ws?username=mallory');
        await act(peer);
        assert.equal(await peer.closeCode(), code);
        peer.send(CLOSE, Buffer.from([code >> 8, code & 255]));
        await peer.over();
    });
}

/* One more connection in the full dialect sends these texts; each must be answered with its code, and
 * the connection live on. */
function answersWith(cases) {
    return (t) => withstand(t, {}, async (server) => {
        const mallory = await connect(t, server, { username: 'mallory' });
        for (const [code, text] of cases) {
            mallory.send(text);
            const error = await mallory.next({ type: 'error' });
            assert.equal(error.code, code, `${String(text).slice(0, 100)}: ${error.message}`);
            assert.ok(error.message.length > 0);
        }
        await mallory.join('still alive');
        await mallory.close();
    });
}

test('an oversized message is closed with 1009', closesWith(1009,
    (peer) => peer.send(TEXT, 'x'.repeat(20_000))));

test('an oversized message is closed with 1009 before it has arrived', closesWith(1009,
    (peer) => peer.send(TEXT, 'x', { length: 2 ** 40 })));

test('an oversized message in small pieces is closed with 1009', closesWith(1009, (peer) => {
    peer.send(TEXT, 'x'.repeat(1000), { fin: false });
    for (let i = 0; i < 30; i++) peer.send(CONTINUATION, 'x'.repeat(1000), { fin: false });
}));

test('the limit itself is still accepted', async (t) => withstand(t, { args: ['--max-message', '512'] }, async (server) => {
    const mallory = await connect(t, server, { username: 'mallory', room: 'limits' });
    const empty = JSON.stringify({ type: 'message', room: 'limits', content: '' }).length;
    mallory.send({ type: 'message', room: 'limits', content: 'x'.repeat(512 - empty) });
    assert.equal((await mallory.next({ type: 'message' })).content.length, 512 - empty);
    mallory.send({ type: 'message', room: 'limits', content: 'x'.repeat(513 - empty) });
    assert.equal((await mallory.closed()).code, 1009);
}));

test('text that is not UTF-8 is closed with 1007', closesWith(1007,
    (peer) => peer.send(TEXT, Buffer.concat([
        Buffer.from('{"type":"join","room":"'), Buffer.from([0xc3, 0x28, 0xed, 0xa0, 0x80]), Buffer.from('"}'),
    ]))));

test('a binary frame is answered, and the connection stays', async (t) => withstand(t, {}, async (server) => {
    const mallory = await connect(t, server, { username: 'mallory' });
    mallory.send(Buffer.from('{"type":"join","room":"lobby"}'));
    assert.equal((await mallory.next({ type: 'error' })).code, 'binary_unsupported');
    mallory.send(Buffer.from([0, 1, 2, 255]));
    assert.equal((await mallory.next({ type: 'error' })).code, 'binary_unsupported');
    await mallory.join('text');
    await mallory.close();
}));

test('malformed JSON', answersWith([
    '', ' ', '{', '}', '{}}', '[]', '[{"type":"ping"}]', 'null', 'true', '17', '"join"', 'join lobby',
    '{"type":"ping"', '{"type":"ping",}', '{"type" "ping"}', '{type:"ping"}', "{'type':'ping'}",
    '{"type":"ping"}{"type":"ping"}', '{"type":"ping"} x', '{"type":"ping"/* no */}', '{"type":"pi\nng"}',
    '{"type":"ping","t":01}', '{"type":"ping","t":NaN}', '{"type":"ping","t":+1}', '{"type":"\\x41"}',
    '{"type":"\\u12"}', '{"type":"message","content":"\\ud800","room":"x"}', '{"type":"ping","t":1e}', '\ufeff{"type":"ping"}',
    '\0', '{"type":"ping"}\0',
].map((text) => ['bad_json', text])));

test('JSON nested too deeply', answersWith([
    ['too_deep', `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`],
    ['too_deep', `{"type":"ping","t":${'['.repeat(500)}${']'.repeat(500)}}`],
    ['too_deep', `{"a":${'['.repeat(16_000)}`],
    ['too_deep', '{"a":'.repeat(3000)],
]));

test('a key that appears twice', answersWith([
    ['bad_request', '{"type":"join","type":"leave","room":"lobby"}'],
    ['bad_request', '{"type":"join","room":"a","room":"b"}'],
    ['bad_request', '{"type":"ping","x":1,"\\u0078":2}'],
]));

test('wrong types', answersWith([
    ['bad_request', '{}'],
    ['bad_request', '{"room":"lobby"}'],
    ['bad_request', '{"type":null}'],
    ['bad_request', '{"type":5}'],
    ['bad_request', '{"type":["join"],"room":"lobby"}'],
    ['bad_request', '{"type":"join","room":5}'],
    ['bad_request', '{"type":"join","room":null}'],
    ['bad_request', '{"type":"join","room":{"name":"lobby"}}'],
    ['bad_request', '{"type":"join","room":"lobby","stay":"yes"}'],
    ['bad_request', '{"type":"join","room":"lobby","id":7}'],
    ['bad_request', `{"type":"ping","id":"${'x'.repeat(65)}"}`],
    ['bad_request', '{"type":"message","room":"lobby","content":7}'],
    ['bad_request', '{"type":"message","room":"lobby","content":{}}'],
    ['bad_request', '{"type":"message","room":"lobby"}'],
    ['bad_request', '{"type":"chat","room":"lobby","content":"not its field"}'],
    ['bad_request', '{"type":"message","room":"lobby","content":""}'],
    ['bad_request', '{"type":"typing","room":"lobby","state":1}'],
    ['bad_request', '{"type":"ping","t":{}}'],
    ['bad_request', '{"type":"ping","t":"\\u0000"}'],
    ['bad_request', `{${Array.from({ length: 1000 }, (_, i) => `"k${i}":0`).join(',')}}`],
]));

test('fields of the rarer requests', answersWith([
    ['invalid_room', '{"type":"create"}'],
    ['invalid_room', '{"type":"kick","user":"bob"}'],
    ['invalid_room', '{"type":"role","room":"a\\nb","user":"bob","role":"member"}'],
    ['bad_request', '{"type":"create","room":"x","title":7}'],
    ['bad_request', '{"type":"create","room":"x","title":"two\\nlines"}'],
    ['bad_request', '{"type":"create","room":"x","maxUsers":1e99}'],
    ['bad_request', '{"type":"create","room":"x","visibility":["public"]}'],
    ['bad_request', '{"type":"create","room":"x","password":null}'],
    ['bad_request', '{"type":"update","room":"x"}'],
    ['bad_request', '{"type":"join","room":"x","password":7}'],
    ['bad_request', '{"type":"join","room":"x","invite":{}}'],
    ['bad_request', `{"type":"join","room":"x","invite":"${'x'.repeat(33)}"}`],
    ['bad_request', '{"type":"kick","room":"x"}'],
    ['bad_request', '{"type":"kick","room":"x","user":""}'],
    ['bad_request', '{"type":"kick","room":"x","user":7}'],
    ['bad_request', `{"type":"kick","room":"x","user":"${'x'.repeat(65)}"}`],
    ['bad_request', `{"type":"kick","room":"x","user":"bob","reason":"${'x'.repeat(501)}"}`],
    ['bad_request', '{"type":"ban","room":"x","user":"bob","seconds":"5"}'],
    ['bad_request', '{"type":"ban","room":"x","user":"bob","seconds":-1}'],
    ['bad_request', '{"type":"ban","room":"x","user":"bob","address":1}'],
    ['bad_request', '{"type":"role","room":"x","user":"bob"}'],
    ['bad_request', '{"type":"role","room":"x","user":"bob","role":"operator"}'],
    ['bad_request', '{"type":"delete","room":"x"}'],
    ['bad_request', '{"type":"delete","room":"x","seq":1.5}'],
    ['bad_request', '{"type":"delete","room":"x","seq":1e300}'],
    ['bad_request', '{"type":"undo","room":"x"}'],
    ['bad_request', '{"type":"undo","room":"x","entry":"1"}'],
    ['bad_request', '{"type":"ledger","room":"x","limit":0}'],
    ['bad_request', '{"type":"ledger","room":"x","limit":201}'],
    ['bad_request', '{"type":"auth"}'],
    ['bad_request', '{"type":"auth","token":5}'],
    ['bad_request', `{"type":"auth","token":"${'x'.repeat(8193)}"}`],
    ['not_authenticated', '{"type":"auth","token":"x.y.z"}'],
    ['bad_request', '{"type":"notice"}'],
    ['bad_request', '{"type":"notice","content":""}'],
    ['no_such_room', '{"type":"ledger","room":"x"}'],
    ['forbidden', '{"type":"kick","room":"lobby","user":"bob"}'],
]));

test('empty, overlong and unprintable room names', answersWith([
    ['invalid_room', '{"type":"join"}'],
    ['invalid_room', '{"type":"join","room":""}'],
    ['invalid_room', `{"type":"join","room":"${'x'.repeat(65)}"}`],
    ['invalid_room', `{"type":"join","room":"${'é'.repeat(33)}"}`],
    ['invalid_room', '{"type":"join","room":"a\\nb"}'],
    ['invalid_room', '{"type":"join","room":"a\\u007f"}'],
    ['invalid_room', '{"type":"join","room":"a\\u0085"}'],
    ['invalid_room', '{"type":"join","room":" "}'],
    ['invalid_room', '{"type":"leave","room":"\\u0001"}'],
    ['invalid_room', `{"type":"message","room":"${'x'.repeat(65)}","content":"x"}`],
]));

test('the longest names are accepted', async (t) => withstand(t, {}, async (server) => {
    const name = 'é'.repeat(32);
    const mallory = await connect(t, server, { username: name });
    assert.equal(mallory.welcome.username, name);
    await mallory.join(name);
    const twin = await connect(t, server, { username: name });
    assert.ok(Buffer.byteLength(twin.welcome.username) <= 64, 'with its suffix, too');
    assert.notEqual(twin.welcome.username, name);
    assert.doesNotMatch(twin.welcome.username, /\ufffd/, 'cut between characters');
    await twin.close();
    await mallory.close();
}));

test('overlong and unprintable user names are refused before the upgrade', async (t) => withstand(t, {}, async (server) => {
    for (const username of ['x'.repeat(65), 'é'.repeat(33), 'a\nb', '\u0007', ' ']) {
        const error = await refusal(t, server, { username });
        assert.equal(error.status, 400, JSON.stringify(username));
    }
    for (const escaped of ['%ff', '%c3%28']) {
        const error = await refusal(t, server, { target: `/ws?username=${escaped}` });
        assert.equal(error.status, 400, escaped);
    }
    for (const escaped of ['%00', 'a%00b']) { // such a request is not even HTTP
        await assert.rejects(connect(t, server, { target: `/ws?username=${escaped}` }), escaped);
    }
}));

test('an unusable room in the query is answered, and the connection stays', async (t) => withstand(t, {}, async (server) => {
    const mallory = await connect(t, server, { username: 'mallory', room: 'x'.repeat(65) });
    assert.equal((await mallory.next({ type: 'error' })).code, 'invalid_room');
    await mallory.join('a better one');
    await mallory.close();
}));

test('unknown types', answersWith([
    ['unknown_type', '{"type":""}'],
    ['unknown_type', '{"type":"JOIN","room":"lobby"}'],
    ['unknown_type', '{"type":"join ","room":"lobby"}'],
    ['unknown_type', '{"type":"welcome"}'],
    ['unknown_type', '{"type":"ok"}'],
    ['unknown_type', `{"type":"${'x'.repeat(10_000)}"}`],
]));

test('requests for a room one is not in', answersWith([
    ['not_in_room', '{"type":"message","content":"nowhere"}'],
    ['not_in_room', '{"type":"message","room":"lobby","content":"from outside"}'],
    ['not_in_room', '{"type":"typing","room":"lobby"}'],
    ['not_in_room', '{"type":"leave","room":"lobby"}'],
    ['not_in_room', '{"type":"leave"}'],
]));

test('joining a full room', async (t) => withstand(t, { args: ['--max-per-room', '2'] }, async (server) => {
    const mallory = await connect(t, server, { username: 'mallory' });
    for (let i = 0; i < 100; i++) await mallory.refused('room_full', 'join', { room: 'lobby', stay: true });
    await mallory.close();
}));

test('ten thousand rooms joined by one connection', async (t) => {
    const server = await withstand(t, { rounds: 2 }, async (server) => {
        const mallory = await connect(t, server, { username: 'mallory' });
        const replies = [];
        for (let i = 0; i < 10_000; i++) {
            replies.push(mallory.request('join', { room: `room ${i}`, stay: true }));
            if (i % 500 === 499) await replies.at(-1);
        }
        const codes = (await Promise.all(replies)).map((reply) => reply.code ?? reply.type);
        assert.deepEqual(codes.slice(0, 100), Array(100).fill('ok'));
        assert.deepEqual(codes.slice(100), Array(9900).fill('room_limit'));
        assert.equal(await server.metric('hubbub_rooms'), 101);
        await mallory.close();
    });
    await server.metricUntil('hubbub_rooms', (n) => n === 1, 'the lobby alone');
});

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
    args: ['--ping-period', '100ms', '--pong-wait', '400ms', '--close-wait', '200ms'], rounds: 2,
}, async (server) => {
    const peer = await rawSocket(t, server, '/ws?username=mallory&room=lobby');
    peer.answersPings = false;
    await peer.nextThat((one) => one.opcode === PING, 'a ping');
    assert.equal(await peer.closeCode('the close for want of a pong'), 4008);
    await peer.over('the end although the close is not answered');
}));

test('a connection that pongs is not closed', async (t) => withstand(t, {
    args: ['--ping-period', '50ms', '--pong-wait', '250ms'], rounds: 1,
}, async (server) => {
    const peer = await rawSocket(t, server, '/ws?username=mallory');
    peer.answersPings = false;
    for (let i = 0; i < 12; i++) { // well beyond the deadline
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

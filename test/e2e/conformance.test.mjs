/*
 * RFC 6455 through the plain echo at /echo, in the manner of the Autobahn cases: frames made by hand,
 * and for each what must come back. One server serves them all, one connection each.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { connect } from './support/client.mjs';
import {
    BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closePayload, frame, rawPeer, rawSocket,
} from './support/raw.mjs';
import { startServer } from './support/server.mjs';

const KINDS = [['text', TEXT], ['binary', BINARY]];
const payloadOf = (opcode, n) => (opcode === TEXT ? ascii(n) : randomBytes(n));
const ascii = (n) => Buffer.alloc(n, 'x');

/* The next message with its fragments put together; pongs on the way are returned beside it. */
async function message(peer) {
    const got = { opcode: -1, parts: [], pongs: [] };
    for (;;) {
        const one = await peer.next('a message');
        assert.equal(one.masked, false, 'a server does not mask');
        assert.equal(one.rsv, 0);
        if (one.opcode === PONG) {
            got.pongs.push(one.payload.toString());
            continue;
        }
        assert.notEqual(one.opcode, CLOSE, `closed with ${one.code}`);
        if (got.opcode < 0) got.opcode = one.opcode;
        else assert.equal(one.opcode, CONTINUATION);
        got.parts.push(one.payload);
        if (one.fin) return { ...got, payload: Buffer.concat(got.parts) };
    }
}

async function echoes(peer, opcode, payload) {
    const got = await message(peer);
    assert.equal(got.opcode, opcode);
    assert.ok(got.payload.equals(Buffer.from(payload)), `want ${payload.length} bytes, got ${got.payload.length}`);
    return got;
}

/* The peer is told why, and then the server ends the connection. */
async function fails(peer, code) {
    assert.equal(await peer.closeCode(), code);
    peer.send(CLOSE, closePayload(code));
    await peer.over();
}

test('RFC 6455', async (t) => {
    const server = await startServer(t, ['--echo', '--max-message', '16M', '--close-wait', '2s']);
    const open = (t) => rawSocket(t, server, '/echo');

    await t.test('handshake', async (t) => {
        await t.test('header names and tokens in any case, among others', async (t) => {
            const peer = await rawPeer(t, server);
            peer.write('GET /echo HTTP/1.1\r\nhOST: x\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, upgrade\r\n' +
                'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nSEC-WEBSOCKET-VERSION: 13\r\n\r\n');
            const head = await peer.head();
            assert.equal(head.status, 101);
            assert.equal(head.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
            assert.match(head.headers.upgrade, /^websocket$/i);
            assert.match(head.headers.connection, /upgrade/i);
            assert.equal(head.headers['sec-websocket-protocol'], undefined);
            assert.equal(head.headers['sec-websocket-extensions'], undefined);
        });
        await t.test('a frame in the packet of the handshake', async (t) => {
            const peer = await rawPeer(t, server);
            const { socket } = peer;
            socket.cork();
            const shaken = peer.handshake('/echo');
            peer.send(TEXT, 'early');
            socket.uncork();
            await shaken;
            await echoes(peer, TEXT, 'early');
        });
        for (const [what, lines] of Object.entries({
            'no key': ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'],
            'no version': ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
            'another version': ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 12'],
            'no upgrade': ['Connection: Upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'],
        })) {
            await t.test(`${what} is no upgrade`, async (t) => {
                const peer = await rawPeer(t, server);
                peer.write(`GET /echo HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\n\r\n`);
                peer.socket.end();
                await peer.over();
                assert.doesNotMatch(peer.bytes.toString(), /^HTTP\/1\.1 101/);
            });
        }
    });

    await t.test('lengths', async (t) => {
        for (const [kind, opcode] of KINDS) {
            for (const n of [0, 1, 2, 125, 126, 127, 128, 1000, 4095, 4096, 65534, 65535, 65536, 65537, 1_000_000]) {
                await t.test(`${kind} of ${n}`, async (t) => {
                    const peer = await open(t);
                    const payload = payloadOf(opcode, n);
                    peer.send(opcode, payload);
                    await echoes(peer, opcode, payload);
                    peer.send(opcode, payload); // and the frame behind it is still in step
                    await echoes(peer, opcode, payload);
                });
            }
        }
        for (const [n, chop] of [[127, 1], [65536, 997], [100_000, 1460]]) {
            await t.test(`${n} bytes, ${chop} at a time`, async (t) => {
                const peer = await open(t);
                const payload = randomBytes(n), bytes = frame(BINARY, payload);
                for (let at = 0; at < bytes.length; at += chop) {
                    peer.write(bytes.subarray(at, at + chop));
                    if (at % (chop * 8) === 0) await new Promise(setImmediate);
                }
                await echoes(peer, BINARY, payload);
            });
        }
        await t.test('many small ones in one packet', async (t) => {
            const peer = await open(t);
            peer.write(Buffer.concat(Array.from({ length: 500 }, (_, i) => frame(TEXT, `number ${i}`))));
            for (let i = 0; i < 500; i++) await echoes(peer, TEXT, `number ${i}`);
        });
        await t.test('a length with its highest bit set', async (t) => {
            const peer = await open(t);
            const bytes = frame(BINARY, '', { length: 70_000 });
            bytes[2] = 0x80;
            peer.write(bytes);
            assert.equal(await peer.closeCode(), 1002);
        });
    });

    await t.test('masks', async (t) => {
        for (const mask of [[0, 0, 0, 0], [255, 255, 255, 255], [1, 2, 3, 4], [0, 0, 0, 1]]) {
            await t.test(mask.join(' '), async (t) => {
                const peer = await open(t);
                for (const n of [1, 2, 3, 4, 5, 7, 8, 9, 1001]) {
                    const payload = randomBytes(n);
                    peer.send(BINARY, payload, { mask: Buffer.from(mask) });
                    await echoes(peer, BINARY, payload);
                }
            });
        }
        for (const opcode of [TEXT, BINARY, PING, CLOSE]) {
            await t.test(`opcode ${opcode} without one`, async (t) => {
                const peer = await open(t);
                peer.send(opcode, opcode === CLOSE ? closePayload(1000) : 'bare', { mask: null });
                await fails(peer, 1002);
            });
        }
    });

    await t.test('pings and pongs', async (t) => {
        for (const n of [0, 1, 64, 124, 125]) {
            await t.test(`ping of ${n}`, async (t) => {
                const peer = await open(t);
                const payload = randomBytes(n);
                peer.send(PING, payload);
                const pong = await peer.next();
                assert.equal(pong.opcode, PONG);
                assert.ok(pong.fin);
                assert.deepEqual(pong.payload, payload);
            });
        }
        for (const opcode of [PING, PONG]) {
            await t.test(`control frame ${opcode} of 126`, async (t) => {
                const peer = await open(t);
                peer.send(opcode, ascii(126));
                await fails(peer, 1002);
            });
        }
        await t.test('a byte at a time', async (t) => {
            const peer = await open(t);
            for (const byte of frame(PING, 'slowly')) {
                peer.write(Buffer.from([byte]));
                await new Promise(setImmediate);
            }
            assert.equal((await peer.next()).payload.toString(), 'slowly');
        });
        await t.test('a pong nobody asked for is ignored', async (t) => {
            const peer = await open(t);
            peer.send(PONG, 'unsolicited');
            peer.send(PONG, '');
            peer.send(PING, 'asked');
            assert.equal((await peer.next()).payload.toString(), 'asked');
        });
        await t.test('ten pings, one after the other, ten pongs', async (t) => {
            const peer = await open(t);
            for (let i = 0; i < 10; i++) {
                peer.send(PING, `ping ${i}`);
                assert.equal((await peer.next()).payload.toString(), `ping ${i}`);
            }
        });
    });

    await t.test('reserved bits and opcodes', async (t) => {
        for (const rsv of [1, 2, 3, 4, 5, 6, 7]) {
            for (const opcode of [TEXT, BINARY, PING, CLOSE]) {
                await t.test(`bits ${rsv} of opcode ${opcode}`, async (t) => {
                    const peer = await open(t);
                    peer.send(opcode, opcode === CLOSE ? closePayload(1000) : 'reserved', { rsv });
                    await fails(peer, 1002);
                });
            }
        }
        for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
            await t.test(`opcode ${opcode}`, async (t) => {
                const peer = await open(t);
                peer.send(TEXT, 'before');
                await echoes(peer, TEXT, 'before');
                peer.send(opcode, 'what is this');
                await fails(peer, 1002);
            });
        }
    });

    await t.test('fragmentation', async (t) => {
        for (const [kind, opcode] of KINDS) {
            await t.test(`${kind} in two`, async (t) => {
                const peer = await open(t);
                peer.send(opcode, 'frag', { fin: false });
                peer.send(CONTINUATION, 'ment');
                await echoes(peer, opcode, 'fragment');
            });
            await t.test(`${kind} in single bytes`, async (t) => {
                const peer = await open(t);
                const payload = ascii(300);
                payload.forEach((byte, i) => peer.send(i ? CONTINUATION : opcode, Buffer.from([byte]), { fin: i === 299 }));
                await echoes(peer, opcode, payload);
            });
            await t.test(`${kind} with empty pieces`, async (t) => {
                const peer = await open(t);
                peer.send(opcode, '', { fin: false });
                peer.send(CONTINUATION, '', { fin: false });
                peer.send(CONTINUATION, 'middle', { fin: false });
                peer.send(CONTINUATION, '');
                await echoes(peer, opcode, 'middle');
                peer.send(opcode, '', { fin: false });
                peer.send(CONTINUATION, '');
                await echoes(peer, opcode, '');
            });
            await t.test(`${kind} in large pieces`, async (t) => {
                const peer = await open(t);
                const parts = [65536, 126, 200_000, 1].map((n) => ascii(n));
                parts.forEach((part, i) => peer.send(i ? CONTINUATION : opcode, part, { fin: i === parts.length - 1 }));
                await echoes(peer, opcode, Buffer.concat(parts));
            });
        }
        await t.test('control frames in between are answered at once', async (t) => {
            const peer = await open(t);
            peer.send(TEXT, 'one ', { fin: false });
            peer.send(PING, 'first');
            assert.equal((await peer.next()).payload.toString(), 'first', 'before the message has ended');
            peer.send(CONTINUATION, 'two ', { fin: false });
            peer.send(PONG, 'nothing');
            peer.send(PING, 'second');
            peer.send(CONTINUATION, 'three');
            const { pongs } = await echoes(peer, TEXT, 'one two three');
            if (pongs.length === 0) pongs.push((await peer.next()).payload.toString());
            assert.deepEqual(pongs, ['second']);
        });
        for (const opcode of [PING, PONG, CLOSE]) {
            await t.test(`control frame ${opcode} in pieces`, async (t) => {
                const peer = await open(t);
                peer.send(opcode, '', { fin: false });
                await fails(peer, 1002);
            });
        }
        await t.test('a continuation of nothing', async (t) => {
            const peer = await open(t);
            peer.send(CONTINUATION, 'of what?');
            await fails(peer, 1002);
        });
        await t.test('a continuation after the end', async (t) => {
            const peer = await open(t);
            peer.send(TEXT, 'whole');
            await echoes(peer, TEXT, 'whole');
            peer.send(CONTINUATION, 'more', { fin: false });
            await fails(peer, 1002);
        });
        await t.test('a new message before the end of the last', async (t) => {
            const peer = await open(t);
            peer.send(TEXT, 'never ', { fin: false });
            peer.send(TEXT, 'ended');
            await fails(peer, 1002);
        });
    });

    await t.test('UTF-8', async (t) => {
        const good = Buffer.from('κόσμε £ € 𝄞 \u{10ffff} \u{ffff} \u0000 é');
        await t.test('split between frames at every byte', async (t) => {
            const peer = await open(t);
            for (let at = 0; at <= good.length; at++) {
                peer.send(TEXT, good.subarray(0, at), { fin: false });
                peer.send(CONTINUATION, good.subarray(at));
                await echoes(peer, TEXT, good);
            }
        });
        await t.test('split between packets at every byte', async (t) => {
            const peer = await open(t);
            const bytes = frame(TEXT, good);
            for (let at = 1; at < bytes.length; at++) {
                peer.write(bytes.subarray(0, at));
                await new Promise(setImmediate);
                peer.write(bytes.subarray(at));
                await echoes(peer, TEXT, good);
            }
        });
        await t.test('a frame for every byte', async (t) => {
            const peer = await open(t);
            good.forEach((byte, i) => peer.send(i ? CONTINUATION : TEXT, Buffer.from([byte]), { fin: i === good.length - 1 }));
            await echoes(peer, TEXT, good);
        });
        const bad = {
            'a lone continuation byte': '80', 'a lead without its rest': 'c3', 'a lead before a letter': 'c328',
            'overlong two': 'c0af', 'overlong three': 'e08080', 'overlong four': 'f0808080', 'a surrogate': 'eda080',
            'a pair of surrogates': 'eda080edb080', 'above U+10FFFF': 'f4908080', 'a five byte form': 'f888808080',
            'fe': 'fe', 'ff': 'ff', 'three of four': 'f09d84', 'two of three': 'e282',
        };
        for (const [what, hex] of Object.entries(bad)) {
            const payload = Buffer.concat([Buffer.from('héllo '), Buffer.from(hex, 'hex')]);
            await t.test(what, async (t) => {
                const peer = await open(t);
                peer.send(TEXT, payload);
                await fails(peer, 1007);
            });
            await t.test(`${what}, with more behind it`, async (t) => {
                const peer = await open(t);
                peer.send(TEXT, Buffer.concat([payload, Buffer.from(' wörld')]));
                await fails(peer, 1007);
            });
            await t.test(`${what}, a byte in a frame`, async (t) => {
                const peer = await open(t);
                peer.write(Buffer.concat(Array.from(payload, (byte, i) =>
                    frame(i ? CONTINUATION : TEXT, [byte], { fin: i === payload.length - 1 }))));
                await fails(peer, 1007);
            });
            await t.test(`${what}, in binary it is welcome`, async (t) => {
                const peer = await open(t);
                peer.send(BINARY, payload);
                await echoes(peer, BINARY, payload);
            });
        }
    });

    await t.test('close', async (t) => {
        for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
            await t.test(`code ${code} is returned`, async (t) => {
                const peer = await open(t);
                peer.send(CLOSE, closePayload(code, 'as agreed'));
                const answer = await peer.next();
                assert.equal(answer.opcode, CLOSE);
                assert.equal(answer.code, code);
                await peer.over('the server to end the connection first');
            });
        }
        await t.test('without a code', async (t) => {
            const peer = await open(t);
            peer.send(CLOSE);
            const answer = await peer.next();
            assert.equal(answer.opcode, CLOSE);
            assert.equal(answer.code, undefined);
            await peer.over();
        });
        await t.test('a reason of 123 bytes', async (t) => {
            const peer = await open(t);
            peer.send(CLOSE, closePayload(1000, 'é'.repeat(61) + 'x'));
            assert.equal(await peer.closeCode(), 1000);
            await peer.over();
        });
        for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
            await t.test(`code ${code} is none`, async (t) => {
                const peer = await open(t);
                peer.send(CLOSE, closePayload(code));
                await fails(peer, 1002);
            });
        }
        await t.test('half a code', async (t) => {
            const peer = await open(t);
            peer.send(CLOSE, Buffer.from([3]));
            await fails(peer, 1002);
        });
        await t.test('a reason that is too long', async (t) => {
            const peer = await open(t);
            peer.send(CLOSE, closePayload(1000, 'x'.repeat(124)));
            await fails(peer, 1002);
        });
        await t.test('a reason that is not UTF-8', async (t) => {
            const peer = await open(t);
            peer.send(CLOSE, Buffer.concat([closePayload(1000), Buffer.from([0xce, 0xba, 0xe1, 0xbd])]));
            await fails(peer, 1007);
        });
        await t.test('nothing is heard after it', async (t) => {
            const peer = await open(t);
            peer.write(Buffer.concat([frame(CLOSE, closePayload(1000)), frame(TEXT, 'too late'), frame(PING, 'too late')]));
            const answer = await peer.next();
            assert.equal(answer.opcode, CLOSE);
            await peer.over();
            assert.deepEqual(peer.frames, []);
        });
        await t.test('what was said before it is still echoed', async (t) => {
            const peer = await open(t);
            peer.write(Buffer.concat([frame(TEXT, 'last words'), frame(CLOSE, closePayload(1000))]));
            await echoes(peer, TEXT, 'last words');
            assert.equal(await peer.closeCode(), 1000);
            await peer.over();
        });
        await t.test('in the middle of a message', async (t) => {
            const peer = await open(t);
            peer.send(TEXT, 'unfinished', { fin: false });
            peer.send(CLOSE, closePayload(1000));
            assert.equal(await peer.closeCode(), 1000);
            await peer.over();
        });
        await t.test('without a word', async (t) => {
            const peer = await open(t);
            peer.socket.end();
            await peer.over();
        });
    });

    await t.test('the npm package ws agrees', async (t) => {
        const client = await connect(t, server, { target: '/echo', full: false });
        for (const n of [0, 1, 125, 126, 65535, 65536, 500_000]) {
            const payload = randomBytes(n);
            client.send(payload);
            assert.deepEqual((await client.next((f) => f.binary)).binary, payload);
        }
        client.send('"text"');
        await client.next((f) => f === 'text');
        assert.equal((await client.close(4321)).code, 4321);
    });
});

test('without --echo there is no echo', async (t) => {
    const server = await startServer(t);
    await assert.rejects(rawSocket(t, server, '/echo'), /no upgrade: HTTP\/1\.1 (403|404)/);
});

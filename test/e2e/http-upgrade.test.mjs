/*
 * Who may open a WebSocket, from which pages, when there is room; and what those are told who may not, or who ask for
 * something else.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { connect, refusal } from './support/client.mjs';
import { rawPeer, rawSocket } from './support/raw.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const upgradeFrom = (t, server, origin, host) => {
    const headers = { ...(origin && { Origin: origin }), ...(host && { Host: host }) };
    return connect(t, server, { headers });
};
const refusedFrom = async (t, server, origin, host) => {
    const headers = { Origin: origin, ...(host && { Host: host }) };
    assert.equal((await refusal(t, server, { headers })).status, 403, `${origin} at ${host}`);
};

test('by default pages of the same host may connect, and those from disk on this machine', async (t) => {
    const server = await startServer(t);
    const host = `127.0.0.1:${server.port}`;
    await upgradeFrom(t, server, undefined); // no browser
    await upgradeFrom(t, server, `http://${host}`);
    await upgradeFrom(t, server, `https://${host}`); // behind a proxy that ends TLS
    await upgradeFrom(t, server, 'http://chat.example.org', 'chat.example.org');
    await upgradeFrom(t, server, 'null');
    for (const origin of [
        'http://evil.example', `http://127.0.0.1:${server.port + 1}`, `http://127.0.0.1`,
        `http://${host}.evil.example`, `http://evil.example/${host}`, `http://evil.example#${host}`,
        `http://user@${host}`, 'file://',
    ]) {
        await refusedFrom(t, server, origin);
    }
    await refusedFrom(t, server, 'http://chat.example.org', 'chat.example.org.evil.example');
});

test('--origin is exact, and says all there is', async (t) => {
    const server = await startServer(t, ['--origin', 'https://chat.example.org,https://b.example:8443',
        '--origin', 'http://c.example']);
    await upgradeFrom(t, server, undefined);
    await upgradeFrom(t, server, 'https://chat.example.org');
    await upgradeFrom(t, server, 'https://b.example:8443');
    await upgradeFrom(t, server, 'http://c.example');
    for (const origin of ['http://chat.example.org', 'https://chat.example.org:8443', 'https://b.example',
        'https://a.chat.example.org', 'https://chat.example.org.evil', 'null']) {
        await refusedFrom(t, server, origin);
    }
});

test('* lets everybody in, once asked for', async (t) => {
    const server = await startServer(t, ['--origin', '*']);
    await upgradeFrom(t, server, 'https://anything.example');
    await upgradeFrom(t, server, 'null');
});

test('an upgrade that is refused says why in the body', async (t) => {
    const server = await startServer(t, ['--max-connections', '2']);
    const upgrade = async (target, headers = {}) => {
        const peer = await rawPeer(t, server);
        await assert.rejects(peer.handshake(target, headers), /no upgrade/);
        await peer.over();
        return JSON.parse(peer.bytes.toString()).error.code;
    };
    assert.equal(await upgrade(`/ws?username=${'x'.repeat(65)}`), 'invalid_username');
    assert.equal(await upgrade('/ws', { Origin: 'http://evil.example' }), 'forbidden');
    await connect(t, server, { username: 'alice' });
    await connect(t, server, { username: 'bob' });
    assert.equal(await upgrade('/ws'), 'unavailable');
});

test('a full server says 503 and when to come back', async (t) => {
    const server = await startServer(t, ['--max-connections', '2']);
    const alice = await connect(t, server, { username: 'alice' });
    await connect(t, server, { username: 'bob' });
    const full = await refusal(t, server, {});
    assert.equal(full.status, 503);
    assert.ok(Number(full.headers['retry-after']) >= 1);
    await alice.close();
    // The place is free when the server has seen the end.
    await until(() => connect(t, server, { username: 'carol' }).catch((error) => assert.equal(error.status, 503)), 'a place');
});

/* The library's tables are as long as the limit, and it goes through them whenever a connection ends. */
test('no more descriptors than the connections can use', async (t) => {
    const server = await startServer(t, ['--max-connections', '100']);
    const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${server.pid}/limits`, 'utf8'));
    assert.ok(limit >= 200 && limit <= 2000, `${limit} for 100 connections`);
});

test('what is not an upgrade is told so', async (t) => {
    const server = await startServer(t);
    const plain = await server.request('/ws');
    assert.equal(plain.status, 426);
    const old = await rawPeer(t, server);
    old.write('GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 8\r\n\r\n');
    const head = await old.head();
    assert.equal(head.status, 426, head.text);
    assert.equal(head.headers['sec-websocket-version'], '13');
});

test('who offers subprotocols, and none that is spoken here, is told which is', async (t) => {
    const server = await startServer(t);
    const offer = (list) => server.request('/ws', {
        headers: {
            Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
            'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol': list,
        },
    });
    for (const list of ['other.v7', 'chat, superchat', 'HUBBUB.V1', 'hubbub.v10', ',', '"hubbub.v1"', '1.5, hubbub.v1',
        'a/b, hubbub.v1', `hubbub.v1, ${'x'.repeat(200)}`, 'x'.repeat(100)]) {
        const reply = await offer(list);
        assert.equal(reply.status, 400, list);
        const { error } = reply.json();
        assert.equal(error.code, 'bad_request', list);
        assert.match(error.message, /hubbub\.v1/);
    }
    for (const list of ['hubbub.v1', 'hubbub.v1, other.v7', 'other.v7, hubbub.v1']) {
        const peer = await rawSocket(t, server, '/ws', { 'Sec-WebSocket-Protocol': list });
        assert.equal(peer.reply.headers['sec-websocket-protocol'], 'hubbub.v1', list);
    }
});

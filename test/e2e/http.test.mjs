/*
 * HTTP on the chat's port: the page and its headers, the read-only routes, joining a live connection
 * to a room, health and metrics. Who may open a WebSocket: http-upgrade.test.mjs.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { connect } from './support/client.mjs';
import { rawPeer } from './support/raw.mjs';
import { folder, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const pageFolder = fileURLToPath(new URL('../../web/static/', import.meta.url));
const onDisk = (name) => readFileSync(pageFolder + name);
const lean = fileURLToPath(new URL('../../web/lean.sed', import.meta.url));
const join = fileURLToPath(new URL('../../web/join.sed', import.meta.url));
const scripts = [...String(onDisk('index.html')).matchAll(/<script src="([^"]+)"/g)].map((match) => match[1]);
function asServed(name) {
    if (name === 'page.js') { // of many files, without empty lines
        const lines = scripts.filter((one) => one !== 'hubbub.js').flatMap((one) => String(asServed(one)).split('\n'));
        return Buffer.from(lines.filter(Boolean).map((line) => line + '\n').join(''));
    }
    const bytes = execFileSync('sed', ['-f', lean, pageFolder + name]);
    return name === 'index.html' ? execFileSync('sed', ['-f', join], { input: bytes }) : bytes;
}

const TYPES = {
    html: /^text\/html; ?charset=utf-8$/i,
    css: /^text\/css/,
    js: /^(text|application)\/javascript/,
    svg: /^image\/svg\+xml/,
};

test('the page and everything it is made of are served, at / and at /static/', async (t) => {
    const server = await startServer(t);
    for (const name of [...readdirSync(pageFolder), 'page.js']) {
        for (const target of [`/${name}`, `/static/${name}`]) {
            const reply = await server.request(target);
            assert.equal(reply.status, 200, target);
            assert.deepEqual(reply.bytes, asServed(name), target);
            assert.match(reply.headers['content-type'], TYPES[name.split('.').pop()], target);
        }
    }
    for (const target of ['/', '/?x=1', '/static/']) {
        const reply = await server.request(target);
        assert.equal(reply.status, 200, target);
        assert.deepEqual(reply.bytes, asServed('index.html'), target);
        assert.match(reply.headers['content-type'], TYPES.html);
    }
});

test('what the page names, the page has', () => {
    const html = onDisk('index.html').toString();
    for (const [, name] of html.matchAll(/(?:src|href)="([^"#]+)"/g)) {
        assert.doesNotMatch(name, /[:/]/, 'only files beside the page');
        assert.ok(onDisk(name).length > 0);
    }
    assert.doesNotMatch(html, /<script>|<style|\son\w+=|\sstyle=/, 'nothing inline, so that a strict policy can hold');
});

test('the page comes with headers that keep it safe', async (t) => {
    const server = await startServer(t);
    const { headers } = await server.request('/');
    assert.match(headers['content-security-policy'], /default-src 'self'/);
    assert.doesNotMatch(headers['content-security-policy'], /unsafe/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal((await server.request('/chat.js')).headers['x-content-type-options'], 'nosniff');
});

test('gzip for those who take it', async (t) => {
    const server = await startServer(t);
    const packed = await server.request('/chat.js', { headers: { 'Accept-Encoding': 'br, gzip;q=0.8' } });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.match(packed.headers.vary, /accept-encoding/i);
    assert.deepEqual(gunzipSync(packed.bytes), asServed('chat.js'));
    assert.ok(packed.bytes.length < asServed('chat.js').length);
    for (const wish of [undefined, 'identity', 'gzip;q=0']) {
        const plain = await server.request('/chat.js', wish ? { headers: { 'Accept-Encoding': wish } } : {});
        assert.equal(plain.headers['content-encoding'], undefined, wish);
        assert.deepEqual(plain.bytes, asServed('chat.js'));
    }
});

test('what the browser has already is not sent again', async (t) => {
    const server = await startServer(t);
    const first = await server.request('/chat.css');
    const { etag } = first.headers;
    assert.match(etag, /^(W\/)?"[^"]+"$/);
    for (const condition of [etag, `"other", ${etag}`, '*']) {
        const again = await server.request('/chat.css', { headers: { 'If-None-Match': condition } });
        assert.equal(again.status, 304, condition);
        assert.equal(again.bytes.length, 0);
        assert.equal(again.headers.etag, etag);
    }
    const changed = await server.request('/chat.css', { headers: { 'If-None-Match': '"something else"' } });
    assert.equal(changed.status, 200);
});

test('HEAD is GET without the body, also on a connection that lives on', async (t) => {
    const server = await startServer(t);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    for (const target of ['/', '/chat.js', '/rooms', '/healthz', '/nothing']) {
        const head = await server.request(target, { method: 'HEAD', agent });
        const get = await server.request(target, { agent });
        assert.equal(head.status, get.status, target);
        assert.equal(head.bytes.length, 0, target);
        assert.equal(head.headers['content-type'], get.headers['content-type'], target);
        assert.equal(head.headers['content-length'], get.headers['content-length'], target);
    }
});

test('what is not there is 404, with a body that says so', async (t) => {
    const server = await startServer(t);
    for (const target of ['/nothing', '/static/nothing.js', '/static', '/wsx', '/rooms/x', '/echo']) {
        const reply = await server.request(target);
        assert.equal(reply.status, 404, target);
        assert.ok(reply.text.length > 0);
    }
});

test('the wrong method is 405 and names the right ones', async (t) => {
    const server = await startServer(t);
    for (const [method, target, allow] of [
        ['POST', '/', /GET/], ['DELETE', '/chat.js', /GET/], ['PUT', '/rooms', /GET/],
        ['POST', '/metrics', /GET/], ['GET', '/join-room', /POST/], ['DELETE', '/leave-room', /POST/],
    ]) {
        const reply = await server.request(target, { method });
        assert.equal(reply.status, 405, `${method} ${target}`);
        assert.match(reply.headers.allow ?? '', allow);
    }
});

test('no path leads out of the folder', async (t) => {
    const outside = folder();
    const page = path.join(outside, 'page');
    writeFileSync(path.join(outside, 'secret.txt'), 'do not show');
    mkdirSync(page);
    writeFileSync(path.join(page, 'index.html'), '<p>own page</p>');

    for (const args of [[], ['--web', page]]) {
        const server = await startServer(t, args);
        for (const target of [
            '/../secret.txt', '/static/../../secret.txt', '/static/..%2fsecret.txt', '/%2e%2e/secret.txt',
            '/static/%2e%2e/%2e%2e/secret.txt', '/..\\secret.txt', '/static//../secret.txt', '/.', '/..',
            '/static/..', '//etc/passwd', '/static//etc/passwd', '/index.html%00.js', '/%c0%ae%c0%ae/secret.txt',
        ]) {
            const peer = await rawPeer(t, server); // node's client would tidy the path up
            peer.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
            await peer.over();
            const text = peer.bytes.toString();
            assert.doesNotMatch(text, /do not show|root:/, target);
            assert.match(text, /^$|^HTTP\/1\.1 (200|30\d|400|403|404)/, `${target}: refused, or cleaned and found`);
        }
        assert.equal((await server.request('/')).status, 200);
    }
});

test('--web serves a folder instead of the built-in page', async (t) => {
    const page = folder();
    writeFileSync(path.join(page, 'index.html'), '<p>own page</p>');
    writeFileSync(path.join(page, 'own.css'), 'p { color: teal }');
    symlinkSync('own.css', path.join(page, 'link.css')); // whoever lays out the folder may link what belongs to it
    const server = await startServer(t, ['--web', page]);
    assert.equal((await server.request('/')).text, '<p>own page</p>');
    assert.equal((await server.request('/static/own.css')).text, 'p { color: teal }');
    assert.match((await server.request('/own.css')).headers['content-type'], TYPES.css);
    assert.equal((await server.request('/link.css')).text, 'p { color: teal }');
    assert.equal((await server.request('/chat.js')).status, 404);
});

test('/rooms and /members show who is where', async (t) => {
    const server = await startServer(t);
    assert.deepEqual((await server.request('/rooms')).json(), { rooms: [] });
    const alice = await connect(t, server, { username: 'alice' });
    await alice.join('a & b/ü');
    const rooms = await server.request('/rooms');
    assert.match(rooms.headers['content-type'], /^application\/json/);
    assert.deepEqual(rooms.json().rooms.map((row) => [row.room, row.members]), [['a & b/ü', 1]]);

    const members = await server.request(`/members?room=${encodeURIComponent('a & b/ü')}`);
    assert.equal(members.status, 200);
    assert.deepEqual(members.json(), {
        room: 'a & b/ü',
        members: [{ userId: alice.welcome.userId, username: 'alice', role: 'owner', status: 'online' }],
    });
    assert.doesNotMatch(members.text, new RegExp(alice.welcome.session), 'the session is nobody else’s business');

    const plus = await server.request('/members?room=a+%26+b%2F%C3%BC');
    assert.equal(plus.status, 200, 'a plus is a space in a query');
    for (const [target, status, code] of [
        ['/members?room=nowhere', 404, 'no_such_room'],
        ['/members', 400, 'invalid_room'],
        ['/members?room=', 400, 'invalid_room'],
        ['/members?room=%01', 400, 'invalid_room'],
        [`/members?room=${'x'.repeat(65)}`, 400, 'invalid_room'],
    ]) {
        const reply = await server.request(target);
        assert.equal(reply.status, status, target);
        assert.equal(reply.json().error.code, code, target);
        assert.equal(typeof reply.json().error.message, 'string');
    }
});

test('/join-room and /leave-room act on a live connection', async (t) => {
    const server = await startServer(t, ['--max-per-room', '2']);
    const post = (target, body, headers = { 'Content-Type': 'application/json' }) => server.request(target, {
        method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const alice = await connect(t, server, { username: 'alice' });
    const bob = await connect(t, server, { username: 'bob' });
    await bob.join('lobby');
    const { session } = alice.welcome;

    const joined = await post('/join-room', { session, room: 'lobby' });
    assert.equal(joined.status, 200, joined.text);
    assert.equal((await bob.next({ type: 'join', username: 'alice' })).count, 2);
    await alice.next({ type: 'join', username: 'alice' });
    await alice.ok('message', { room: 'lobby', content: 'came by HTTP' });
    await bob.next({ type: 'message', content: 'came by HTTP' });

    assert.equal((await post('/leave-room', { session, room: 'lobby' })).status, 200);
    await bob.next({ type: 'leave', username: 'alice' });
    await alice.refused('not_in_room', 'message', { room: 'lobby', content: 'x' });

    const carol = await connect(t, server, { username: 'carol' });
    await carol.join('lobby');
    for (const [target, body, status, code] of [
        ['/join-room', { session, room: 'lobby' }, 409, 'room_full'],
        ['/leave-room', { session, room: 'lobby' }, 409, 'not_in_room'],
        ['/join-room', { session: 'f'.repeat(session.length), room: 'x' }, 404, 'unknown_session'],
        ['/join-room', { session: alice.welcome.userId, room: 'x' }, 404, 'unknown_session'],
        ['/join-room', { session: 'x'.repeat(5000), room: 'x' }, 404, 'unknown_session'],
        ['/join-room', { room: 'x' }, 400, 'bad_request'],
        ['/join-room', { session, room: 7 }, 400, 'bad_request'],
        ['/join-room', { session, room: '' }, 400, 'invalid_room'],
        ['/join-room', '{"session":', 400, 'bad_json'],
        ['/join-room', '', 400, 'bad_json'],
        ['/join-room', 'x'.repeat(100_000), 413, 'too_large'],
    ]) {
        const reply = await post(target, body);
        assert.equal(reply.status, status, `${target} ${JSON.stringify(body).slice(0, 80)}: ${reply.text}`);
        assert.equal(reply.json().error.code, code);
    }
    await alice.close();
    const gone = async () => (await post('/join-room', { session, room: 'x' })).status;
    await server.metricUntil('hubbub_sessions', (n) => n === 2, '2');
    assert.equal(await gone(), 404);
});

test('no password is tried for a session that nobody has', async (t) => {
    const server = await startServer(t);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.ok('create', { room: 'vault', password: 'open sesame' });
    const bob = await connect(t, server, { username: 'bob' });
    const tries = (session) => server.request('/join-room', {
        method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ session, room: 'vault', password: 'open barley' }),
    });
    const before = await server.metric('hubbub_password_checks_total');
    for (const session of ['f'.repeat(bob.welcome.session.length), bob.welcome.userId, 'x']) {
        assert.equal((await tries(session)).status, 404, session);
    }
    assert.equal(await server.metric('hubbub_password_checks_total'), before);
    assert.equal((await tries(bob.welcome.session)).json().error.code, 'wrong_password');
    assert.equal(await server.metric('hubbub_password_checks_total'), before + 1, 'or the count counts nothing');
});

test('/healthz and /readyz', async (t) => {
    const server = await startServer(t);
    for (const target of ['/healthz', '/readyz']) {
        const reply = await server.request(target);
        assert.equal(reply.status, 200);
        assert.match(reply.headers['cache-control'] ?? '', /no-store|no-cache/);
    }
});

test('/metrics is Prometheus text and counts', async (t) => {
    const server = await startServer(t);
    const reply = await server.request('/metrics');
    assert.match(reply.headers['content-type'], /^text\/plain; ?version=0\.0\.4/);
    const families = new Set();
    for (const line of reply.text.split('\n').filter(Boolean)) {
        const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
        if (line.startsWith('#')) assert.ok(comment, line);
        if (comment?.[1] === 'TYPE') {
            assert.match(comment[3], /^(counter|gauge|histogram|summary|untyped)$/);
            assert.ok(!families.has(comment[2]), `two families ${comment[2]}`);
            families.add(comment[2]);
        }
    }
    const before = await server.metrics();
    for (const name of before.keys()) {
        const family = name.replace(/\{.*/, '');
        assert.ok(families.has(family) || families.has(family.replace(/_(bucket|sum|count)$/, '')), `no TYPE for ${name}`);
    }
    const alice = await connect(t, server, { username: 'alice' });
    await alice.join('lobby');
    await alice.ok('message', { room: 'lobby', content: 'hi' });
    await alice.next({ type: 'message' });
    const after = await server.metrics();
    assert.equal(after.get('hubbub_sessions'), before.get('hubbub_sessions') + 1);
    assert.equal(after.get('hubbub_rooms'), 1);
    assert.equal(after.get('hubbub_messages_total'), before.get('hubbub_messages_total') + 1);
});

test('several requests on one connection, also sent at once', async (t) => {
    const server = await startServer(t);
    const peer = await rawPeer(t, server);
    peer.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3) +
        'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await peer.over();
    assert.equal(peer.bytes.toString().match(/HTTP\/1\.1 200/g)?.length, 4);
});

test('a request with a body waits for the answer to the one before, or is refused', async (t) => {
    const server = await startServer(t);
    const get = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
    const post = (target, length, body = 'b'.repeat(length), method = 'POST') =>
        `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`;
    for (const both of [
        get + post('/join-room', 11), get + post('/healthz', 11, undefined, 'GET'), get + get + post('/x', 5, undefined, 'PUT'),
        post('/join-room', 5) + post('/join-room', 5), get + post('/files?room=a&name=b', 9000, 'b'.repeat(3000)),
        post('/files?room=a&name=b', 30) + post('/files?room=a&name=b', 30), get + post('/join-room', 300_000),
    ]) {
        const peer = await rawPeer(t, server);
        peer.write(both);
        await peer.over();
        assert.match(peer.bytes.toString(), /HTTP\/1\.1 400 [^]*wait for the answer/, both.slice(0, 100));
    }
    const patient = await rawPeer(t, server);
    for (let i = 1; i <= 5; i++) {
        patient.write(post('/join-room', 11));
        await until(() => patient.bytes.toString().split('HTTP/1.1 400').length === i + 1, `answer ${i}`);
    }
    assert.doesNotMatch(patient.bytes.toString(), /wait for the answer/);
    const healthy = await Promise.all(Array.from({ length: 40 }, () => server.request('/healthz')));
    assert.ok(healthy.every(({ status }) => status === 200));
});

test('HTTP/1.0 and a body in pieces are understood', async (t) => {
    const server = await startServer(t);
    const old = await rawPeer(t, server);
    old.write('GET /healthz HTTP/1.0\r\n\r\n');
    await old.over();
    assert.match(old.bytes.toString(), /^HTTP\/1\.[01] 200/);

    const alice = await connect(t, server, { username: 'alice' });
    const body = JSON.stringify({ session: alice.welcome.session, room: 'pieces' });
    const slow = await rawPeer(t, server);
    slow.write(`POST /join-room HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`);
    for (const letter of body) slow.write(letter);
    assert.equal((await slow.head()).status, 200);
    await alice.next({ type: 'join', room: 'pieces' });
});

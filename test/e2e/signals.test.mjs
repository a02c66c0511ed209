/*
 * The server as a process: how it starts, what it says about itself, what signals do to it.
 */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { connect, refusal } from './support/client.mjs';
import { rawPeer } from './support/raw.mjs';
import { folder, freePort, httpRequest, launch, runToEnd, startServer } from './support/server.mjs';
import { until, within } from './support/wait.mjs';

const lines = (text) => text.split('\n').filter(Boolean);

/* Stopping */

for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal}: everybody gets a slot and a close, then exit 0`, async (t) => {
        const server = await startServer(t, ['--drain', '1s']);
        const people = [];
        for (let i = 0; i < 20; i++) people.push(await connect(t, server, { username: `user${i}`, room: 'lobby' }));
        const small = await connect(t, server, { username: 'small', full: false, room: 'lobby' });
        server.signal(signal);
        const slots = await Promise.all(people.map(async (one) => {
            const goaway = await one.next({ type: 'goaway' });
            assert.ok(goaway.reason.length > 0);
            assert.ok(Number.isInteger(goaway.retryAfterMs) && goaway.retryAfterMs >= 0, `${goaway.retryAfterMs}`);
            return goaway.retryAfterMs;
        }));
        assert.ok(new Set(slots).size >= 10, `not all at once: ${slots}`);
        for (const one of [...people, small]) assert.equal((await one.closed()).code, 1001);
        assert.deepEqual(small.take({ type: 'goaway' }), [], 'the classic dialect does not know it');
        server.stopped = true;
        server.assertClean(await server.exited());
    });
}

test('while it stops it is not ready and lets nobody in', async (t) => {
    const server = await startServer(t, ['--drain', '3s']);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const people = [];
    for (let i = 0; i < 5; i++) people.push(await connect(t, server));
    assert.equal((await server.request('/readyz', { agent })).status, 200);
    server.signal('SIGTERM');
    await people[0].next({ type: 'goaway' });
    // The connection that is open already is told, unless the server has closed it.
    const told = await server.request('/readyz', { agent }).then((reply) => reply.status, (error) => error.code);
    assert.ok([503, 'ECONNREFUSED', 'ECONNRESET'].includes(told), `readyz: ${told}`);
    await assert.rejects(connect(t, server), (error) => error.code === 'ECONNREFUSED' ||
        error.code === 'ECONNRESET' || error.status === 503 || /hang up/.test(error.message));
    for (const one of people) assert.equal((await one.closed()).code, 1001);
});

test('what was acknowledged is delivered before the end', async (t) => {
    const server = await startServer(t, ['--drain', '0']);
    const alice = await connect(t, server, { username: 'alice', room: 'lobby' });
    const bob = await connect(t, server, { username: 'bob', room: 'lobby' });
    await alice.next({ type: 'join', username: 'bob' });
    for (let i = 0; i < 500; i++) alice.send({ type: 'message', id: `m${i}`, room: 'lobby', content: 'x'.repeat(500) });
    await alice.next({ type: 'ok', id: 'm20' });
    server.signal('SIGTERM');
    assert.equal((await alice.closed()).code, 1001);
    assert.equal((await bob.closed()).code, 1001);
    const said = Math.max(...alice.take({ type: 'ok' }).map((ok) => ok.seq));
    const heard = bob.take({ type: 'message' }).map((m) => m.seq);
    assert.deepEqual(heard, heard.map((_, i) => i + 1));
    assert.ok(heard.length >= said, `${said} acknowledged, ${heard.length} delivered`);
    await bob.next({ type: 'goaway' }).catch(() => assert.fail('no goaway'));
});

test('a second signal stops it at once', async (t) => {
    const server = await startServer(t, ['--drain', '1h']);
    const people = [];
    for (let i = 0; i < 10; i++) people.push(await connect(t, server));
    server.signal('SIGTERM');
    await people[0].next({ type: 'goaway' });
    server.signal('SIGTERM');
    server.stopped = true;
    server.assertClean(await server.exited('the end after the second signal'));
    const ends = await Promise.all(people.map(async (one) => (await one.closed()).code));
    assert.ok(ends.every((code) => code === 1001 || code === 1006), `${ends}`); // 1001: it had its slot already
    assert.ok(ends.includes(1006), `${ends}`);
});

test('peers that do not answer the close do not hold it up', async (t) => {
    const server = await startServer(t, ['--drain', '0', '--close-wait', '300ms', '--handshake-wait', '30s']);
    const silent = await rawPeer(t, server);
    await silent.handshake('/ws?username=silent');
    const half = await rawPeer(t, server);
    half.write('GET /ws HTT');
    server.signal('SIGTERM');
    assert.equal(await silent.closeCode(), 1001);
    server.stopped = true;
    server.assertClean(await server.exited('the end although a peer is silent'));
});

/* Reloading */

test('SIGHUP reads the configuration again, and nobody notices', async (t) => {
    const file = path.join(folder(), 'hubbub.ini');
    const write = (text) => writeFileSync(file, text);
    write('# first\norigin = https://a.example\nlog-level = info\nmax-per-room = 10\n');
    const server = await startServer(t, ['--config', file]);
    const alice = await connect(t, server, { username: 'alice', room: 'lobby' });
    await connect(t, server, { headers: { Origin: 'https://a.example' } });
    assert.equal((await refusal(t, server, { headers: { Origin: 'https://b.example' } })).status, 403);

    write('# second\norigin = https://b.example\nlog-level = debug\nmax-per-room = 1\n');
    server.signal('SIGHUP');
    await until(() => connect(t, server, { headers: { Origin: 'https://b.example' } }).then(() => true, () => false),
        'the new origin to be let in');
    assert.equal((await refusal(t, server, { headers: { Origin: 'https://a.example' } })).status, 403);
    const bob = await connect(t, server, { username: 'bob' });
    await bob.refused('room_full', 'join', { room: 'lobby', stay: true });
    await alice.ok('message', { room: 'lobby', content: 'still connected' });

    write('max-per-room = none at all\n');
    const before = lines(server.stderr).length;
    server.signal('SIGHUP');
    await until(() => lines(server.stderr).slice(before).some((line) => /max-per-room/.test(line)), 'a complaint about the file');
    await bob.refused('room_full', 'join', { room: 'lobby', stay: true });
    await connect(t, server, { headers: { Origin: 'https://b.example' } }); // all stays as it was
});

/* Starting */

test('a taken port is one clear line and exit 1', async (t) => {
    const squatter = net.createServer().listen(0, '127.0.0.1');
    t.after(() => squatter.close());
    await new Promise((resolve) => squatter.once('listening', resolve));
    const { port } = squatter.address();
    const end = await runToEnd(['--store', 'memory', '--listen', `127.0.0.1:${port}`]);
    assert.equal(end.code, 1, end.stderr);
    const errors = lines(end.stderr).filter((line) => new RegExp(`${port}`).test(line));
    assert.equal(errors.length, 1, end.stderr);
    assert.match(errors[0], /in use/);
});

for (const args of [
    ['--prot', '1'], ['--port'], ['--port', 'http'], ['--port', '65536'], ['--port', '-1'], ['--port', '80 80'],
    ['--max-per-room', '0'], ['--max-message', '10Q'], ['--pong-wait', '5 parsecs'],
    ['--pong-wait', '10s', '--ping-period', '10s'], ['--log-level', 'loud'], ['--log', 'xml'],
    ['--origin', 'chat.example.org'], ['--listen', 'nonsense'], ['--web', '/nowhere/at/all'],
    ['--config', '/nowhere/at/all.ini'], ['stray'], ['--'],
    ['--store', 'paper'], ['--auth', 'nobody'], ['--trusted-proxy', 'nonsense'], ['--trusted-proxy', '10.0.0.0/33'],
    ['--message-rate', '-1'], ['--connections-per-user', 'few'],
]) {
    test(`hubbub ${args.join(' ')}: one clear line and exit 2`, async () => {
        const end = await runToEnd(args);
        assert.equal(end.code, 2, end.stderr);
        assert.equal(lines(end.stderr).length, 1, end.stderr);
        assert.ok(end.stderr.includes(args.at(args[0] === '--pong-wait' && args.length > 2 ? 2 : 0)), end.stderr);
        assert.equal(end.stdout, '');
    });
}

test('a bad file names the file and the line', async (t) => {
    const file = path.join(folder(), 'bad.ini');
    writeFileSync(file, '# fine\nport = 9000\nmax-per-rom = 5\n');
    const end = await runToEnd(['--config', file]);
    assert.equal(end.code, 2);
    assert.ok(end.stderr.includes(`${file}:3`), end.stderr);
    assert.match(end.stderr, /max-per-room/, 'and guesses what was meant');
});

test('--help tells every option, its default and its unit', async () => {
    const end = await runToEnd(['--help']);
    assert.equal(end.code, 0);
    assert.equal(end.stderr, '');
    for (const option of ['port', 'listen', 'max-per-room', 'max-connections', 'max-rooms-per-client', 'notice-limit',
        'pong-wait', 'ping-period', 'write-wait', 'handshake-wait', 'close-wait', 'send-queue', 'max-message', 'drain',
        'origin', 'echo', 'log', 'log-level', 'web', 'config', 'socket-buffer', 'data', 'store',
        'auth', 'auth-key', 'auth-alg', 'auth-jwks', 'auth-issuer', 'auth-audience', 'admin', 'trusted-proxy', 'open-rooms',
        'rate-limits', 'message-burst', 'message-rate', 'messages-per-minute', 'joins-per-minute', 'creates-per-hour',
        'moderation-per-minute', 'history-per-minute', 'connections-per-address', 'connections-per-user',
        'check', 'version', 'help']) {
        assert.match(end.stdout, new RegExp(`--(\\[no-\\])?${option}\\b`), option);
    }
    assert.match(end.stdout, /8080/);
    assert.ok(end.stdout.split('\n').every((line) => line.length <= 100), 'lines fit a terminal');
});

test('--version is one line', async () => {
    const end = await runToEnd(['--version']);
    assert.equal(end.code, 0);
    assert.match(end.stdout, /^hubbub \d+\.\d+(\.\d+)?\S*\n$/);
});

test('--check prints what counts: command line over environment over file', async (t) => {
    const file = path.join(folder(), 'all.ini');
    writeFileSync(file, 'max-per-room = 5\nnotice-limit = 6\nsend-queue = 7\n');
    const end = await runToEnd(['--config', file, '--port', '0', '--store', 'memory', '--max-per-room', '11', '--check'], {
        env: { HUBBUB_MAX_PER_ROOM: '8', HUBBUB_NOTICE_LIMIT: '9' },
    });
    assert.equal(end.code, 0, end.stderr);
    assert.match(end.stdout, /^max-per-room = 11$/m);
    assert.match(end.stdout, /^notice-limit = 9$/m);
    assert.match(end.stdout, /^send-queue = 7$/m);
    assert.match(end.stdout, /connections/, 'and what this machine carries');

    // What it prints is itself a file to start from.
    const again = path.join(path.dirname(file), 'again.ini');
    writeFileSync(again, end.stdout);
    const second = await runToEnd(['--config', again, '--check']);
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stdout, /^max-per-room = 11$/m);
});

test('at its start it says how many connections fit and why, and logs nothing per message', async (t) => {
    const server = await startServer(t, ['--log', 'json', '--max-connections', '123']);
    const records = () => lines(server.stderr).map((line) => JSON.parse(line)); // every line is JSON
    await until(() => records().some((record) => /123 connections/.test(Object.values(record).join(' '))),
        () => `how many fit in: ${server.stderr}`);
    const alice = await connect(t, server, { username: 'alice', room: 'lobby' });
    await alice.barrier();
    const before = records().length;
    for (let i = 0; i < 200; i++) alice.send({ type: 'message', room: 'lobby', content: 'x' });
    await alice.next({ type: 'message', seq: 200 });
    assert.ok(records().length < before + 10, server.stderr);
});

test('logfmt is the default', async (t) => {
    const server = await startServer(t);
    await until(() => server.stderr.includes('listening'), 'the first line');
    assert.match(server.stderr, new RegExp(` port=${server.port} url="?http://localhost:${server.port}/"? `), 'an address to open');
    for (const line of lines(server.stderr)) assert.match(line, /^(\w+=("(\\.|[^"\\])*"|[^\s"]*)( |$))+$/);
});

test('a name cannot forge a log line', async (t) => {
    const server = await startServer(t, ['--log-level', 'debug']);
    const alice = await connect(t, server, { username: 'a" level=error msg="forged' });
    await alice.join('x" level=error');
    await alice.close();
    await server.metricUntil('hubbub_sessions', (n) => n === 0, 'nobody');
    for (const line of lines(server.stderr)) {
        assert.doesNotMatch(line.replace(/"(\\.|[^"\\])*"/g, '""'), /level=error/, line);
    }
});

/* Where it listens */

test('several addresses: IPv4, IPv6 and a Unix socket', async (t) => {
    const port = await freePort();
    const socket = path.join(folder(), 'hubbub.sock');
    const server = await startServer(t, [`--listen=127.0.0.1:${port}`, `--listen=[::1]:${port}`, `--listen=unix:${socket}`], { port });
    const places = [{ host: '127.0.0.1', port }, { host: '::1', port }, { path: socket }];
    const peers = [];
    for (const [i, place] of places.entries()) {
        const where = place.path ? { socketPath: place.path } : place;
        assert.equal((await httpRequest(where, { path: '/healthz' })).status, 200, JSON.stringify(place));
        const peer = await rawPeer(t, { where: place });
        await peer.handshake(`/ws?username=user${i}&room=lobby`);
        await peer.nextJson({ type: 'join', username: `user${i}` });
        peers.push(peer);
    }
    peers[2].sendJson({ type: 'message', content: 'from the file system' });
    for (const peer of peers) await peer.nextJson({ type: 'message', content: 'from the file system' });
    await server.stop();
    assert.ok(!existsSync(socket), 'it takes its socket away');
});

test('--port listens on IPv4 and IPv6', async (t) => {
    const server = await startServer(t);
    for (const host of ['127.0.0.1', '::1']) {
        assert.equal((await httpRequest({ host, port: server.port }, { path: '/healthz' })).status, 200, host);
    }
});

test('a Unix socket left behind by a crash is taken over, one in use is not', async (t) => {
    const socket = path.join(folder(), 'hubbub.sock');
    const port = await freePort();
    const args = [`--listen=unix:${socket}`, `--listen=127.0.0.1:${port}`];
    const first = await startServer(t, args, { port });
    const rival = await runToEnd(['--store', 'memory', `--listen=unix:${socket}`]);
    assert.equal(rival.code, 1, rival.stderr);
    first.stopped = true;
    first.signal('SIGKILL');
    await first.exited();
    assert.ok(existsSync(socket));
    await startServer(t, args, { port });
    assert.equal((await httpRequest({ socketPath: socket }, { path: '/healthz' })).status, 200);
});

test('--port 0 takes a free port and says which', async (t) => {
    const run = launch(['--port', '0', '--drain', '0', '--store', 'memory']);
    t.after(() => run.child.kill('SIGKILL'));
    const found = await until(() => /(?:port=|:)(\d{4,5})\b/.exec(run.stderr.replace(/ts=\S+|time=\S+/g, '')), () => `a port in: ${run.stderr}`);
    assert.equal((await httpRequest({ host: '127.0.0.1', port: Number(found[1]) }, { path: '/readyz' })).status, 200);
    run.child.kill('SIGTERM');
    assert.equal((await within(run.exited.promise, 'the end')).code, 0);
});

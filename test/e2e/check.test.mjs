/*
 * `hubbub --check`: says beforehand what a start would fail at, and leaves nothing behind.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { folder, runToEnd, startServer } from './support/server.mjs';

const anywhere = ['--port', '0'];

async function fails(args, ...words) {
    const end = await runToEnd([...args, '--check']);
    assert.equal(end.code, 1, end.stderr);
    assert.equal(end.stdout, '');
    assert.equal(end.stderr.trimEnd().split('\n').length, 1, end.stderr);
    for (const word of words) assert.ok(end.stderr.includes(word), `${end.stderr} does not say ${word}`);
}

async function passes(args) {
    const end = await runToEnd([...args, '--check']);
    assert.equal(end.code, 0, end.stderr);
    assert.equal(end.stderr, '');
    return end.stdout;
}

test('a data directory that can be made, or is there, will do, and stays as it is', async () => {
    const above = folder();
    const data = path.join(above, 'one', 'two');
    await passes([...anywhere, '--data', data]);
    assert.deepEqual(readdirSync(above), []);
    mkdirSync(data, { recursive: true });
    await passes([...anywhere, '--data', data]);
    assert.deepEqual(readdirSync(data), []);
});

test('a data directory that is none is refused, with what to do', async () => {
    const file = path.join(folder(), 'letter');
    writeFileSync(file, 'dear reader');
    for (const data of [file, path.join(file, 'below'), '/proc/none/of/that']) {
        await fails([...anywhere, '--data', data], `data directory ${data}`, 'choose another with --data');
    }
});

test('a key that others may read is refused, with what to do', async () => {
    const data = folder();
    const key = path.join(data, 'server.key');
    writeFileSync(key, Buffer.alloc(32), { mode: 0o644 });
    await fails([...anywhere, '--data', data], `chmod 600 ${key}`);
    chmodSync(key, 0o600);
    await passes([...anywhere, '--data', data]);
});

test('a port that is taken is refused, with what to do', async (t) => {
    const squatter = net.createServer().listen(0, '127.0.0.1');
    t.after(() => squatter.close());
    await new Promise((resolve) => squatter.once('listening', resolve));
    const { port } = squatter.address();
    const data = ['--data', path.join(folder(), 'data')];
    for (const where of [['--port', `${port}`], [`--listen=127.0.0.1:${port}`]]) {
        await fails([...where, ...data], `:${port}`, 'in use', 'choose another address');
    }
});

test('a Unix socket that nobody has is tried, and is not there afterwards', async () => {
    const above = folder();
    await passes([`--listen=unix:${above}/hubbub.sock`, '--store', 'memory']);
    assert.deepEqual(readdirSync(above), []);
    await fails([`--listen=unix:${above}/none/hubbub.sock`, '--store', 'memory'], '/none/hubbub.sock');
});

test('it may be asked while the server runs, as before a reload', async (t) => {
    const data = path.join(folder(), 'data');
    const server = await startServer(t, ['--data', data]);
    const said = await passes(['--port', `${server.port}`, '--data', data]);
    assert.match(said, new RegExp(`in use by another server, process ${server.pid}: its addresses were not tried`));
    assert.ok(existsSync(path.join(data, 'hubbub.lock')));
    await fails(['--port', `${server.port}`, '--data', path.join(folder(), 'data')], 'in use'); // another one
});

test('a first start that fails leaves nothing behind', async (t) => {
    const squatter = net.createServer().listen(0, '127.0.0.1');
    t.after(() => squatter.close());
    await new Promise((resolve) => squatter.once('listening', resolve));
    const taken = ['--listen', `127.0.0.1:${squatter.address().port}`];
    for (const [args, word] of [
        [taken, 'cannot listen'],
        [['--port', '0', '--listen', `unix:${path.join(folder(), 'none', 'x')}`], '--port'],
        [['--listen', '127.0.0.1:0', ...taken], 'cannot listen'],
        [[...anywhere, '--auth-alg', 'RS256', '--auth-key', '/nowhere/at/all.pem'], '/nowhere/at/all.pem'],
        [[...anywhere, '--store', 'postgres://u@/d?host=/nowhere'], 'cannot use the database'],
    ]) {
        const above = folder();
        const end = await runToEnd([...args, '--data', path.join(above, 'one', 'two')]);
        assert.notEqual(end.code, 0);
        assert.ok(end.stderr.includes(word), end.stderr);
        assert.deepEqual(readdirSync(above), [], word);
    }
});

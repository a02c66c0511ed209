/*
 * The load generator, as far as its words are concerned: what it measures is its own affair.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { data } from './support/log.mjs';
import { binary, startServer } from './support/server.mjs';
import { deferred, within } from './support/wait.mjs';

const fine = { code: 0, stdout: '', stderr: '' };

/* A short run beside the server: {code, stdout, stderr}. */
async function load(t, server, more = ['--members', '3']) {
    const args = ['--port', `${server.port}`, '--warmup', '0.1', '--duration', '0.2', '--quiet', ...more];
    const child = spawn(path.join(path.dirname(binary), 'hubbub-bench'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    let stdout = '', stderr = '';
    child.stdout.on('data', (bytes) => { stdout += bytes; });
    child.stderr.on('data', (bytes) => { stderr += bytes; });
    const exited = deferred();
    child.on('error', exited.reject);
    child.on('close', exited.resolve);
    return { code: await within(exited.promise, 'the end of hubbub-bench'), stdout, stderr };
}

test('against rate limits it says how to do without them', async (t) => {
    const limited = await load(t, await startServer(t, ['--rate-limits']));
    assert.equal(limited.code, 1, limited.stderr);
    assert.match(limited.stderr, /rate_limited[^]*start it with --no-rate-limits/);
    const free = await load(t, await startServer(t, ['--no-rate-limits']));
    assert.deepEqual(free, fine);
});

/* Each as far as it can be small; 'return' has a test of its own. */
const scenarios = {
    fanout: ['--members', '5'],
    rooms: ['--rooms', '4', '--members', '3'],
    burst: ['--members', '5', '--count', '5'],
    slow: ['--members', '5', '--slow', '2'],
    crowd: ['--connections', '40'],
    idle: ['--connections', '40'],
    churn: ['--rate', '200', '--rooms', '3', '--connections', '200', '--duration', '1'], // connections and rooms used again
    joins: ['--connections', '200', '--rate', '200'],
    acked: ['--window', '20'],
};

test('all scenarios are tried here', async (t) => {
    const { stdout } = await load(t, { port: 1 }, ['--help']);
    const named = stdout.match(/^ {2}[a-z]+ +\S/gm).map((line) => line.trim().split(' ')[0]);
    assert.deepEqual(named.sort(), [...Object.keys(scenarios), 'return'].sort());
});

for (const [scenario, more] of Object.entries(scenarios)) {
    test(`scenario ${scenario}`, async (t) => {
        assert.deepEqual(await load(t, await startServer(t, data()), ['--scenario', scenario, ...more]), fine);
    });
}

test('everybody comes back: it sees that all are whole, and that some are not', async (t) => {
    const server = await startServer(t, data());
    const back = (missed) => load(t, server, ['--scenario', 'return', '--connections', '60', '--members', '20', '--drain', '2', '--missed', missed]);
    assert.deepEqual(await back('20'), fine);
    const { code, stderr } = await back('400'); // more than comes at once, and it reads no pages
    assert.equal(code, 1, stderr);
    assert.match(stderr, /lost [1-9]\d* .*"type":"gap"/);
});

test('the comparison says how it is used, and what it does not know', () => {
    const program = fileURLToPath(new URL('../../bench/compare', import.meta.url));
    const compare = (...args) => spawnSync(program, args, { encoding: 'utf8' });
    const help = compare('--help');
    assert.deepEqual([help.status, help.stderr], [0, '']);
    assert.match(help.stdout, /^Usage: bench\/compare [^]*--only ROW/);
    const wrong = compare('--nope', '--list');
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /^compare: [^\n]*--nope[^\n]*\n$/);
});

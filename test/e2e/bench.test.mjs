/*
 * The load generator, as far as its words are concerned: what it measures is its own affair.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { data } from './support/log.mjs';
import { binary, startServer } from './support/server.mjs';
import { deferred, within } from './support/wait.mjs';

/* A short run beside the server: {code, stderr}. */
async function load(t, server, more = ['--members', '3']) {
    const args = ['--port', `${server.port}`, '--warmup', '0.1', '--duration', '0.2', '--quiet', ...more];
    const child = spawn(path.join(path.dirname(binary), 'hubbub-bench'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    let stderr = '';
    child.stderr.on('data', (bytes) => { stderr += bytes; });
    const exited = deferred();
    child.on('error', exited.reject);
    child.on('close', exited.resolve);
    return { code: await within(exited.promise, 'the end of hubbub-bench'), stderr };
}

test('against rate limits it says how to do without them', async (t) => {
    const limited = await load(t, await startServer(t, ['--rate-limits']));
    assert.equal(limited.code, 1, limited.stderr);
    assert.match(limited.stderr, /rate_limited[^]*start it with --no-rate-limits/);
    const free = await load(t, await startServer(t, ['--no-rate-limits']));
    assert.deepEqual(free, { code: 0, stderr: '' });
});

for (const [scenario, ...more] of [['joins', '--connections', '60', '--rate', '200'], ['acked', '--window', '20']]) {
    test(`what is kept: ${scenario}`, async (t) => {
        const end = await load(t, await startServer(t, data()), ['--scenario', scenario, ...more]);
        assert.deepEqual(end, { code: 0, stderr: '' });
    });
}

test('everybody comes back: it sees that all are whole, and that some are not', async (t) => {
    const server = await startServer(t, data());
    const back = (missed) => load(t, server, ['--scenario', 'return', '--connections', '60', '--members', '20', '--drain', '2', '--missed', missed]);
    assert.deepEqual(await back('20'), { code: 0, stderr: '' });
    const { code, stderr } = await back('400'); // more than comes at once, and it reads no pages
    assert.equal(code, 1, stderr);
    assert.match(stderr, /lost [1-9]\d* .*"type":"gap"/);
});

/*
 * The load generator, as far as its words are concerned: what it measures is its own affair.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { binary, startServer } from './support/server.mjs';
import { deferred, within } from './support/wait.mjs';

/* A short run beside the server: {code, stderr}. */
async function load(t, server) {
    const args = ['--port', `${server.port}`, '--members', '3', '--warmup', '0.1', '--duration', '0.2', '--quiet'];
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

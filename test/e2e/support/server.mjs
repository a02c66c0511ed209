/*
 * Runs the real server for a test: starts it on a free port, waits until it is ready, collects what it
 * writes, and stops it at the end of the test, asserting that it goes with exit code 0 and that no
 * sanitizer complained.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { deferred, until, within } from './wait.mjs';

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const binary = path.resolve(repository, process.env.HUBBUB || 'build/release/hubbub');

const SANITIZER = /(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:/;

/* A port nobody listens on, and not one of those that the kernel gives to connections of other tests (from 32768 on):
 * it stays free until the server takes it, and between two lives of one. */
export async function freePort() {
    for (;;) {
        const port = randomInt(10240, 32768), probe = net.createServer();
        const free = await new Promise((resolve) => probe.once('error', () => resolve(false)).listen(port, '::', () => resolve(true)));
        if (!free) continue;
        await new Promise((resolve) => probe.close(resolve));
        return port;
    }
}

const folders = [];
process.once('exit', () => folders.forEach((one) => rmSync(one, { recursive: true, force: true })));

/* A folder of its own for a test, gone when the test program ends: servers write into it until then. */
export function folder() {
    folders.push(mkdtempSync(path.join(tmpdir(), 'hubbub-')));
    return folders.at(-1);
}

/* The environment without settings of the server that happen to be in it. */
function cleanEnvironment(extra) {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('HUBBUB'));
    return { ...Object.fromEntries(kept), ...extra };
}

/* Starts the binary and only collects: for runs that are meant to end by themselves, too. */
export function launch(args, { env = {}, cwd } = {}) {
    const child = spawn(binary, args, { env: cleanEnvironment(env), cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const run = { child, args, stdout: '', stderr: '', exited: deferred() };
    child.stdout.on('data', (bytes) => { run.stdout += bytes; });
    child.stderr.on('data', (bytes) => { run.stderr += bytes; });
    child.on('error', (error) => run.exited.reject(error));
    child.on('close', (code, signal) => {
        run.over = true;
        run.exited.resolve({ code, signal });
    });
    return run;
}

/* Runs it to its end: {code, signal, stdout, stderr}. */
export async function runToEnd(args, options) {
    const run = launch(args, options);
    try {
        const end = await within(run.exited.promise, `the end of hubbub ${args.join(' ')}`);
        return { ...end, stdout: run.stdout, stderr: run.stderr };
    } finally {
        run.child.kill('SIGKILL');
    }
}

/* HTTP without a pool of connections: {status, headers, body, text, json()}. */
export function httpRequest(where, { method = 'GET', path: target = '/', headers = {}, body, agent } = {}) {
    return within(new Promise((resolve, reject) => {
        const request = http.request({ ...where, method, path: target, headers, agent: agent ?? false }, (reply) => {
            const parts = [];
            reply.on('data', (part) => parts.push(part));
            reply.on('error', reject);
            reply.on('end', () => {
                const bytes = Buffer.concat(parts);
                resolve({
                    status: reply.statusCode, headers: reply.headers, bytes, text: bytes.toString(),
                    json: () => JSON.parse(bytes.toString()),
                });
            });
        });
        request.on('error', reject);
        request.end(body);
    }), `an answer to ${method} ${target}`);
}

/* Prometheus text as a Map of "name" or "name{labels}" to its value. */
export function parseMetrics(text) {
    const values = new Map();
    for (const line of text.split('\n')) {
        if (!line || line.startsWith('#')) continue;
        const found = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)( \d+)?$/.exec(line);
        assert.ok(found, `not a sample of the Prometheus text format: ${line}`);
        values.set(found[1] + (found[2] ?? ''), Number(found[3].replace('Inf', 'Infinity')));
    }
    return values;
}

class Server {
    constructor(run, args, port) {
        this.run = run;
        this.args = args; // what the test asked for
        this.port = port;
        this.pid = run.child.pid;
        this.where = { host: '127.0.0.1', port };
    }

    get stderr() { return this.run.stderr; }
    http(scheme = 'http') { return `${scheme}://127.0.0.1:${this.port}`; }
    ws(target = '/ws') { return this.http('ws') + target; }
    request(target, options) { return httpRequest(this.where, { path: target, ...options }); }

    async metrics() {
        const reply = await this.request('/metrics');
        assert.equal(reply.status, 200);
        return parseMetrics(reply.text);
    }

    async metric(name) {
        const values = await this.metrics();
        assert.ok(values.has(name), `no metric ${name}`);
        return values.get(name);
    }

    /* Waits until a metric satisfies a test; tests expect metrics rather than time. */
    async metricUntil(name, test, what = test) {
        let last;
        await until(async () => test(last = await this.metric(name)), () => `${name} is ${last}, want ${what}`);
        return last;
    }

    /* {threads, fds, rss}, rss in bytes */
    proc() {
        const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
        const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
        return {
            threads: number('Threads'),
            fds: readdirSync(`/proc/${this.pid}/fd`).length,
            rss: number('VmRSS') * 1024,
        };
    }

    signal(name) { this.run.child.kill(name); }

    exited(what = 'the server to stop') { return within(this.run.exited.promise, what); }

    /* Stops it and asserts that it went well. */
    async stop() {
        if (this.stopped) return;
        this.stopped = true;
        if (!this.run.over) this.signal('SIGTERM');
        let end;
        try {
            end = await this.exited('the server to stop after SIGTERM');
        } finally {
            if (!this.run.over) this.signal('SIGKILL');
        }
        this.assertClean(end);
    }

    /* SIGKILL: nothing is written, nobody is told. */
    async kill() {
        this.stopped = true;
        this.signal('SIGKILL');
        await this.exited('the server to be killed');
    }

    assertClean(end) {
        assert.doesNotMatch(this.stderr, SANITIZER);
        assert.deepEqual(end, { code: 0, signal: null }, `the server ended badly:\n${tail(this.stderr)}`);
    }
}

function tail(text) {
    return text.split('\n').slice(-40).join('\n');
}

const RATES = /^--(rate-limits|message-(burst|rate)|(messages|joins|moderation|history)-per-minute|creates-per-hour|connections-per-)/;

/*
 * What tests want unless they say otherwise: a server that does not spread departures over time, nor waits
 * long for those who do not answer its close, keeps nothing and lets everybody talk as fast as they can.
 */
function usual(args) {
    const given = (...names) => names.some((name) => args.some((arg) => arg === name || arg.startsWith(`${name}=`)));
    return [
        ...given('--drain') ? [] : ['--drain', '0'],
        ...given('--close-wait') ? [] : ['--close-wait', '1s'],
        ...given('--data', '--store') ? [] : ['--store', 'memory'],
        ...args.some((arg) => RATES.test(arg)) ? [] : ['--no-rate-limits'],
    ];
}

/* A server for this test, stopped after it. */
export async function startServer(t, args = [], options = {}) {
    const port = options.port ?? await freePort();
    const where = args.some((arg) => arg.startsWith('--listen')) ? [] : ['--port', String(port)];
    const server = new Server(launch([...where, ...usual(args), ...args], options), args, port);
    if (options.where) server.where = options.where(port);
    t.after(() => server.stop());
    const early = server.run.exited.promise.then((end) => {
        throw new Error(`the server ended at its start (${end.code ?? end.signal}):\n${tail(server.stderr)}`);
    });
    const ready = until(async () => {
        if (server.run.over) return true; // `early` knows
        try {
            return (await server.request('/readyz')).status === 200;
        } catch {
            return false;
        }
    }, () => `ready\n${tail(server.stderr)}`);
    await Promise.race([ready, early]).catch((error) => {
        server.stopped = true;
        server.signal('SIGKILL');
        throw error;
    });
    early.catch(() => {}); // from now on the end of the server is looked at in stop()
    return server;
}

/* The next life of a server: the first is stopped unless it is over, and one begins on its port, with the same
 * data directory and options, or others. */
export async function startAgain(t, server, args = server.args, options = {}) {
    await server.stop();
    return startServer(t, args, { port: server.port, ...options });
}

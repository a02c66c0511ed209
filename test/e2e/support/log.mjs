/*
 * For tests of the log: servers that keep what is said, rooms full of numbered lines, and what somebody hears of
 * them.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { connectAgain } from './client.mjs';
import { folder } from './server.mjs';

/* Arguments of a server with a data directory of its own, which is not there yet. */
export const data = (...args) => ['--data', path.join(folder(), 'data'), ...args];

export const directory = (server) => server.args[server.args.indexOf('--data') + 1];

export function database(server) {
    const where = directory(server);
    const found = readdirSync(where).filter((name) => readFileSync(path.join(where, name)).subarray(0, 15).toString() === 'SQLite format 3');
    assert.equal(found.length, 1, `one database in ${readdirSync(where)}`);
    return path.join(where, found[0]);
}

/* The same people in the next life, by name. */
export async function back(t, server, ...before) {
    const all = await Promise.all(before.map((one) => connectAgain(t, server, one)));
    return Object.fromEntries(all.map((one) => [one.name, one]));
}

export const range = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
export const seqs = (messages) => messages.map((one) => one.seq);

/* Says lines, as fast as they are taken; the replies. `text` makes the nth, counted from 1. */
export function fill(client, room, count, text = (n) => `line ${n}`) {
    return Promise.all(range(1, count).map((n) => client.ok('message', { room, content: text(n) })));
}

/* The messages of a room that have come to somebody, up to the one numbered `to`: those from `from` on, in order and
 * nothing else. Takes them. */
export async function hears(client, room, from, to) {
    if (from <= to) client.inbox.push(await client.next({ type: 'message', room, seq: to }));
    else await client.barrier();
    const all = client.take({ type: 'message', room });
    assert.deepEqual(seqs(all), range(from, to), `what ${client.name} hears of ${room}`);
    return all;
}

/* Every frame that comes from now on, in order. */
export function record(client) {
    const frames = [];
    client.socket.on('message', (bytes) => frames.push(JSON.parse(bytes)));
    return frames;
}

export const bytesOf = (frames) => frames.reduce((sum, one) => sum + Buffer.byteLength(JSON.stringify(one)), 0);

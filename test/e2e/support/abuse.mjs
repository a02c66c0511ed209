/*
 * The frame of every test with bad input: two people chat on a server, something bad happens beside
 * them several times, they still chat, and afterwards the server has as many threads, descriptors and
 * connections as before, and about as much memory.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { assertChats, connect } from './client.mjs';
import { CLOSE, rawSocket } from './raw.mjs';
import { startServer } from './server.mjs';
import { DEADLINE, until } from './wait.mjs';

const MIB = 1024 * 1024;

/* Sanitizers keep freed memory, and find leaks better than a look at the resident size. */
function sanitized(server) {
    const size = Number(/^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
    return size > 1024 * 1024 * 1024; // KiB; shadow memory takes terabytes
}

/*
 * attack(server, alice) runs once to warm up (allocators and thread stacks grow on first use), then
 * `rounds` times. slack is how much larger the resident memory may be afterwards.
 */
export async function withstand(t, { args = [], rounds = 5, slack = 4 * MIB }, attack) {
    const server = await startServer(t, args);
    const alice = await connect(t, server, { username: 'alice', room: 'lobby' });
    const bob = await connect(t, server, { username: 'bob', room: 'lobby' });
    await alice.next({ type: 'join', username: 'bob' });
    const calm = async () => {
        await server.metricUntil('hubbub_sessions', (n) => n === 2, 'alice and bob alone');
        await server.metricUntil('hubbub_connections', (n) => n <= 3, 'these two and the one that asks');
        await assertChats(alice, bob, 'lobby');
        for (const each of [alice, bob]) each.take(() => true);
    };
    await calm();
    const before = await settled(server);
    await attack(server, alice);
    await calm();
    const warm = (await settled(server)).rss;

    for (let round = 0; round < rounds; round++) await attack(server, alice);
    await calm();

    let now;
    await until(() => {
        now = server.proc();
        return now.threads <= before.threads && now.fds <= before.fds;
    }, () => `as few threads and descriptors as before: ${JSON.stringify({ before, now })}`);
    if (!sanitized(server)) {
        await until(() => (now = server.proc()).rss <= warm + slack,
            () => `memory as before: ${warm} grew to ${now.rss}`);
    }
    for (const each of [alice, bob]) assert.equal(each.socket.readyState, each.socket.OPEN);
    return server;
}

/* The figures once two looks in a row agree: connections of the test itself take a moment to go. */
async function settled(server) {
    let last, now;
    await until(() => {
        [last, now] = [now, server.proc()];
        return now.threads === last?.threads && now.fds === last?.fds;
    }, 'the server to settle', DEADLINE, 50);
    return now;
}

/* One more connection does something, and must be closed with this code. */
export function closesWith(code, act) {
    return (t) => withstand(t, {}, async (server) => {
        const peer = await rawSocket(t, server, '/ws?username=mallory');
        await act(peer);
        assert.equal(await peer.closeCode(), code);
        peer.send(CLOSE, Buffer.from([code >> 8, code & 255]));
        await peer.over();
    });
}

/*
 * A server that is killed with -9 at random moments while people talk and listen, also while its disk is slow or full. In
 * its next life nothing that was acknowledged is missing, nothing is there twice, nothing out of order; whoever listens
 * goes on where they were, and what they have heard and the log has lost is said to be void. The rooms go on from life
 * to life.
 *
 * HUBBUB_CRASHES: how often (20). HUBBUB_SEED: repeats who says what, though not the moment of the kill.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect, connectAgain } from './support/client.mjs';
import { dice } from './support/dice.mjs';
import { live, pause } from './support/lives.mjs';
import { data } from './support/log.mjs';
import { folder, startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const CRASHES = Number(process.env.HUBBUB_CRASHES || 20);
const SEED = Number(process.env.HUBBUB_SEED || Math.floor(Math.random() * 2 ** 31));

test(`what was acknowledged survives ${CRASHES} kills`, async (t) => {
    console.log(`# HUBBUB_SEED=${SEED}`);
    await live(t, CRASHES, dice(SEED));
});

/* A disk that is as a file says: see bad_disk.c. */
function badDisk() {
    const where = folder(), library = path.join(where, 'bad_disk.so'), control = path.join(where, 'control');
    const source = new URL('../preload/bad_disk.c', import.meta.url).pathname;
    execFileSync('cc', ['-D_GNU_SOURCE', '-std=gnu11', '-O1', '-shared', '-fPIC', '-o', library, source, '-ldl']);
    return {
        env: { LD_PRELOAD: library, BAD_DISK: control, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0` },
        be: (slow, oneIn) => writeFileSync(control, `${slow} ${oneIn}`),
        calm: () => rmSync(control, { force: true }),
    };
}

test(`so it does when the disk is slow, full, or now and then full, over ${CRASHES} kills`, async (t) => {
    const disk = badDisk(), roll = dice(SEED + 1);
    const kinds = [[2000, 0], [20000, 0], [0, 1], [0, 2], [0, 10], [1000, 5]];
    const trouble = async () => {
        disk.be(...kinds[roll(kinds.length)]);
        await pause(roll(1000));
        if (roll(3) > 0) return;
        disk.calm(); // and it is over
        await pause(roll(1500));
    };
    await live(t, CRASHES, roll, { ...disk, trouble });
});

test('a disk that is full for a while: what was said is kept once there is room, and acknowledged then', async (t) => {
    const disk = badDisk();
    disk.calm();
    const server = await startServer(t, data(), { env: disk.env });
    const alice = await connect(t, server, { username: 'alice' });
    await alice.join('lobby');
    disk.be(0, 1);
    const say = (id) => {
        alice.send({ type: 'message', room: 'lobby', content: id, id });
        return alice.next({ id });
    };
    const first = await say('a');
    assert.deepEqual([first.type, first.code], ['error', 'unavailable']);
    await until(async () => (await server.request('/readyz')).status === 503, 'the probe knows');
    const again = await say('a');
    assert.equal(again.code, 'unavailable', 'it is not on the disk yet');
    await say('b');
    disk.calm();
    for (const [id, seq] of [['a', 1], ['b', 2]]) {
        const reply = await until(async () => {
            const one = await say(id);
            return one.type === 'ok' && one;
        }, `${id} to be kept`);
        assert.deepEqual([reply.seq, reply.dup, reply.durable], [seq, true, true]);
    }
    await server.kill();
    const next = await startAgain(t, server);
    const later = await connectAgain(t, next, alice);
    await later.join('lobby');
    assert.deepEqual((await later.ok('history', { room: 'lobby' })).messages.map((one) => one.content), ['a', 'b']);
});

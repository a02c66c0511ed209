/*
 * A server that is killed with -9 at random moments while people talk and listen, also while its disk is slow or full. In
 * its next life nothing that was acknowledged is missing, nothing is there twice, nothing out of order; whoever listens
 * goes on where they were, and what they have heard and the log has lost is said to be void. The rooms go on from life
 * to life.
 *
 * HUBBUB_CRASHES: how often (20). HUBBUB_SEED: repeats who says what, though not the moment of the kill.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectAgain } from './support/client.mjs';
import { dice } from './support/dice.mjs';
import { badDisk } from './support/disk.mjs';
import { live, pause } from './support/lives.mjs';
import { data } from './support/log.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const CRASHES = Number(process.env.HUBBUB_CRASHES || 20);
const SEED = Number(process.env.HUBBUB_SEED || Math.floor(Math.random() * 2 ** 31));

test(`what was acknowledged survives ${CRASHES} kills`, async (t) => {
    console.log(`# HUBBUB_SEED=${SEED}`);
    await live(t, CRASHES, dice(SEED));
});

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

test('a reaction that was there already is confirmed when it is on the disk; what is taken back does not rest', async (t) => {
    const first = await startServer(t, data('--commit-delay', '1m'));
    const alice = await connect(t, first, { username: 'alice' });
    await alice.join('lobby');
    for (const content of ['one', 'two']) await alice.ok('message', { room: 'lobby', content });
    for (let n = 0; n < 2; n++) alice.send({ type: 'message', room: 'lobby', content: 'and now it rests' });
    alice.send({ type: 'react', room: 'lobby', seq: 1, emoji: '+1' });
    await alice.next({ type: 'reaction', room: 'lobby', seq: 1 });
    await alice.ok('react', { room: 'lobby', seq: 1, emoji: '+1' });
    await first.kill();
    const server = await startAgain(t, first);
    const again = await connectAgain(t, server, alice);
    await again.join('lobby');
    const history = async () => (await again.ok('history', { room: 'lobby' })).messages;
    assert.deepEqual((await history())[0].reactions, [{ emoji: '+1', count: 1, mine: true }]);

    const commits = () => server.metric('hubbub_store_commits_total');
    await again.ok('message', { room: 'lobby', content: 'waited for' });
    const before = await commits();
    again.send({ type: 'message', room: 'lobby', content: 'written at once' });
    await until(async () => await commits() > before, 'the first');
    again.send({ type: 'message', room: 'lobby', content: 'rests' });
    again.send({ type: 'delete', room: 'lobby', seq: 2 });
    await until(async () => await commits() > before + 1, 'what is taken back is written');
    await server.kill();
    const last = await startAgain(t, server);
    const third = await connectAgain(t, last, again);
    await third.join('lobby');
    assert.ok((await third.ok('history', { room: 'lobby' })).messages[1].deleted);
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

/*
 * A join that goes on where somebody was: what was missed comes once, in order and before anything newer, from
 * memory or from the disk, however busy the room is; what does not come is named; and a log that is another one is
 * told from one that goes on.
 */
import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect, connectAgain, member, people } from './support/client.mjs';
import { back, bytesOf, data, directory, fill, hears, range, record, seqs } from './support/log.mjs';
import { folder, startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const KIB = 1024;
const result = ({ seq, recovered }) => [seq, recovered];

for (const [where, memory, life] of [['memory', 300, 1], ['the disk', 0, 1], ['both', 7, 1], ['the log of an earlier run', 300, 2]]) {
    test(`what was missed comes from ${where}`, async (t) => {
        let server = await startServer(t, data('--history-memory', String(memory)));
        let alice = await member(t, server, 'alice', 'lobby');
        const { epoch } = alice.joined;
        await fill(alice, 'lobby', 20);
        if (life === 2) {
            server = await startAgain(t, server);
            alice = await connectAgain(t, server, alice);
            await alice.join('lobby');
        }
        for (const since of [0, 1, 12, 13, 14, 19, 20]) {
            const bob = await connect(t, server, { username: `bob ${since}` });
            const frames = record(bob);
            const joined = await bob.join('lobby', { since, epoch });
            assert.deepEqual(result(joined), [20, true], `since ${since}`);
            const heard = await hears(bob, 'lobby', since + 1, 20);
            assert.deepEqual(heard.map((one) => one.content), range(since + 1, 20).map((n) => `line ${n}`));
            assert.deepEqual(bob.take({ type: 'gap' }), []);
            const about = frames.filter((one) => one.type === 'message' || one.id === joined.id).map((one) => one.type);
            assert.equal(about.indexOf('ok'), 0, 'the reply comes first');
            await bob.close();
        }
        const bob = await connect(t, server, { username: 'bob' });
        assert.deepEqual(result(await bob.join('lobby', { since: 15, epoch, history: 2 })), [20, true]);
        await hears(bob, 'lobby', 16, 20);
        await alice.ok('message', { room: 'lobby', content: 'live' });
        await hears(bob, 'lobby', 21, 21);
    });
}

test('a position that is none: not recovered, and the latest come if they were asked for', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'lobby');
    const { epoch } = alice.joined;
    await fill(alice, 'lobby', 5);
    const bob = await connect(t, server, { username: 'bob' });
    const tries = async (fields, from) => {
        const joined = await bob.join('lobby', fields);
        assert.deepEqual([...result(joined), joined.epoch], [5, false, epoch], JSON.stringify(fields));
        await hears(bob, 'lobby', from, 5);
        assert.deepEqual(bob.take({ type: 'gap' }), []);
        await bob.ok('leave', { room: 'lobby' });
    };
    await tries({ since: 6, epoch }, 6);
    await tries({ since: 2 ** 50, epoch }, 6);
    await tries({ since: 3, epoch: 'another' }, 6);
    await tries({ since: 3, epoch: 'another', history: 4 }, 2);
    await tries({ since: 3, epoch: epoch.slice(1), history: 1 }, 5);
    for (const bad of [{ since: 3 }, { epoch }, { since: -1, epoch }, { since: 1.5, epoch }, { since: '3', epoch },
        { since: 3, epoch: 7 }, { since: 3, epoch: 'x'.repeat(17) }, { since: null, epoch }]) {
        await bob.refused('bad_request', 'join', { room: 'lobby', stay: true, ...bad });
    }
});

test('more than may come at once: the rest is named first', async (t) => {
    const server = await startServer(t, data('--history-memory', '1000', '--history-memory-bytes', '8M'));
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    const { epoch } = await alice.join('lobby');
    await fill(alice, 'lobby', 700);
    const frames = record(bob);
    assert.deepEqual(result(await bob.join('lobby', { since: 5, epoch })), [700, true]);
    assert.deepEqual(await bob.next({ type: 'gap' }), { type: 'gap', room: 'lobby', from: 6, to: 400, kept: true });
    await hears(bob, 'lobby', 401, 700);
    assert.deepEqual(frames.map((one) => one.type).filter((type) => type !== 'join').slice(0, 3), ['ok', 'gap', 'message']);
    const { messages } = await bob.ok('history', { room: 'lobby', after: 5, limit: 300 });
    assert.deepEqual(seqs(messages), range(6, 305), 'and it is kept');

    const big = await alice.join('big');
    await fill(alice, 'big', 50, (n) => String(n).padEnd(12 * KIB, '.'));
    assert.equal((await bob.join('big', { since: 10, epoch: big.epoch })).recovered, true);
    const gap = await bob.next({ type: 'gap' });
    assert.deepEqual([gap.from, gap.kept], [11, true]);
    const heard = await hears(bob, 'big', gap.to + 1, 50);
    assert.ok(heard.length > 10 && bytesOf(heard) <= 256 * KIB, `${heard.length} messages`);
});

test('what became of the messages meanwhile comes with them', async (t) => {
    for (const memory of [0, 300]) {
        const server = await startServer(t, data('--history-memory', String(memory)));
        const { alice, bob } = await people(t, server, 'alice', 'bob');
        const { epoch } = await alice.join('lobby');
        await fill(alice, 'lobby', 6);
        const { editedTs } = await alice.ok('edit', { room: 'lobby', seq: 3, content: 'better' });
        await alice.ok('delete', { room: 'lobby', seq: 4 });
        await alice.ok('react', { room: 'lobby', seq: 5, emoji: '👍' });
        await alice.ok('message', { room: 'lobby', content: 'so it is', replyTo: 3 });
        await bob.join('lobby', { since: 2, epoch });
        const heard = await hears(bob, 'lobby', 3, 7);
        assert.deepEqual(heard.map(({ content, editedTs, deleted, reactions, replyTo }) => ({ content, editedTs, deleted, reactions, replyTo })), [
            { content: 'better', editedTs },
            { content: '', deleted: true },
            { content: 'line 5', reactions: [{ emoji: '👍', count: 1 }] },
            { content: 'line 6' },
            { content: 'so it is', replyTo: 3 },
        ].map((one) => ({ content: undefined, editedTs: undefined, deleted: undefined, reactions: undefined, replyTo: undefined, ...one })));
        await server.stop();
    }
});

test('positions of runs long ago are good, those that the log never reached are not', async (t) => {
    let server = await startServer(t, data());
    let alice = await member(t, server, 'alice', 'lobby');
    const epochs = [alice.joined.epoch];
    await fill(alice, 'lobby', 3);
    for (let run = 1; run < 6; run++) {
        server = await startAgain(t, server);
        alice = await connectAgain(t, server, alice);
        epochs.push((await alice.join('lobby')).epoch);
        await fill(alice, 'lobby', 3);
    }
    assert.equal(new Set(epochs).size, epochs.length);
    const bob = await connect(t, server, { username: 'bob' });
    for (const [run, epoch] of epochs.entries()) {
        const end = (run + 1) * 3;
        for (const [since, recovered] of [[end - 1, true], [end, true], [end + 1, false]]) {
            assert.deepEqual(result(await bob.join('lobby', { since, epoch })), [18, recovered], `${since} of run ${run}`);
            await hears(bob, 'lobby', recovered ? since + 1 : 19, 18);
            await bob.ok('leave', { room: 'lobby' });
        }
    }
});

test('a backup that was restored is noticed', async (t) => {
    let server = await startServer(t, data());
    let alice = await member(t, server, 'alice', 'lobby');
    const first = alice.joined.epoch, where = directory(server), copy = path.join(folder(), 'copy');
    const live = async (lines) => {
        server = await startServer(t, server.args, { port: server.port });
        alice = await connectAgain(t, server, alice);
        const { epoch } = await alice.join('lobby');
        await fill(alice, 'lobby', lines);
        return epoch;
    };
    const move = (from, to) => {
        rmSync(to, { recursive: true, force: true });
        cpSync(from, to, { recursive: true });
    };
    await fill(alice, 'lobby', 5);
    await server.stop();
    move(where, copy);
    const second = await live(5);
    await server.stop();
    move(copy, where);
    const third = await live(8);

    const bob = await connect(t, server, { username: 'bob' });
    for (const [since, epoch, recovered] of [[10, second, false], [7, second, false], [7, first, false], [5, first, true], [3, first, true], [13, third, true]]) {
        assert.deepEqual(result(await bob.join('lobby', { since, epoch, history: 2 })), [13, recovered]);
        await hears(bob, 'lobby', recovered ? since + 1 : 12, 13);
        await bob.ok('leave', { room: 'lobby' });
    }
});

for (const memory of [0, 5, 300]) {
    test(`a busy room, with ${memory} messages in memory: those who come and go miss nothing, and hear nothing twice`, async (t) => {
        const server = await startServer(t, data('--history-memory', String(memory)));
        const ROUNDS = 12, names = ['bob', 'carol', 'dave', 'erin'];
        const talkers = await Promise.all(['alice 1', 'alice 2', 'alice 3'].map((name) => member(t, server, name, 'lobby')));
        const { epoch } = talkers[0].joined;
        const ends = names.map(() => 0); // how far each has got
        let over = false, total = 0;
        const talks = Promise.all(talkers.map(async (one) => {
            while (!over) {
                await one.ok('message', { room: 'lobby', content: `${one.name} ${++total}` });
                // As much as may be missed and still comes whole.
                await until(() => over || total - Math.min(...ends) < 200, 'the listeners to follow');
            }
        }));
        const listens = names.map(async (name, i) => {
            const heard = [];
            let one, at = { since: 0, epoch };
            for (let round = 0; round < ROUNDS; round++) {
                one = one ? await connectAgain(t, server, one) : await connect(t, server, { username: name });
                const frames = record(one);
                one.socket.on('message', () => { if (frames.at(-1).type === 'message') ends[i] = frames.at(-1).seq; });
                const joined = await one.join('lobby', at);
                assert.equal(joined.recovered, true, `${name} from ${at.since}`);
                const enough = joined.seq + 5 * round;
                const gaps = () => frames.filter((frame) => frame.type === 'gap');
                await until(() => gaps().length > 0 || frames.some((frame) => frame.type === 'message' && frame.seq >= enough), `${name} to hear ${enough}`);
                one.socket.terminate();
                assert.deepEqual(gaps(), [], 'not so much was said');
                heard.push(...frames.filter((frame) => frame.type === 'message'));
                at = { since: heard.at(-1)?.seq ?? 0, epoch: joined.epoch };
            }
            return heard;
        });
        const all = await Promise.all(listens).finally(() => { over = true; });
        await talks;
        const { messages } = await talkers[0].ok('history', { room: 'lobby', limit: 300 });
        assert.equal(messages.at(-1).seq, total);
        for (const [i, heard] of all.entries()) {
            assert.deepEqual(seqs(heard), range(1, heard.length), names[i]);
            for (const [k, message] of heard.entries()) assert.deepEqual(message, all[0][k] ?? message, 'the same for all');
        }
    });
}

test('somebody who is no longer let in is sent nothing of what was missed', async (t) => {
    const server = await startServer(t, data());
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    await alice.ok('create', { room: 'hall', visibility: 'private' });
    const { epoch } = await alice.join('hall');
    for (const user of ['bob', 'carol']) await alice.ok('add', { room: 'hall', user });
    await fill(alice, 'hall', 3);
    for (const one of [bob, carol]) {
        await one.join('hall', { since: 2, epoch });
        await hears(one, 'hall', 3, 3);
        await one.ok('leave', { room: 'hall' });
    }
    await alice.ok('ban', { room: 'hall', user: 'bob' });
    await alice.ok('remove', { room: 'hall', user: 'carol' });
    await bob.refused('banned', 'join', { room: 'hall', stay: true, since: 1, epoch });
    await carol.refused('no_such_room', 'join', { room: 'hall', stay: true, since: 1, epoch });
    const next = await back(t, await startAgain(t, server), alice, bob, carol);
    await next.bob.refused('banned', 'join', { room: 'hall', stay: true, since: 1, epoch });
    await next.carol.refused('no_such_room', 'join', { room: 'hall', stay: true, since: 1, epoch });
    for (const one of [next.bob, next.carol]) {
        const refused = await one.request('history', { room: 'hall' });
        assert.equal(refused.type, 'error');
        await one.barrier();
        assert.deepEqual(one.take({ type: 'message' }), []);
    }
});

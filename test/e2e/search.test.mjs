/*
 * The request `search` and GET /search: what is found, by whom, before and after it is in the index, and what has become
 * of it since; in both databases.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearing, connect, connectAgain, member, people } from './support/client.mjs';
import { hall } from './support/hall.mjs';
import { data, fill } from './support/log.mjs';
import { kept, STORES } from './support/postgres.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const places = (rows) => rows.map((one) => `${one.room} ${one.seq}`).sort();
const search = async (client, query, fields) => (await client.ok('search', { query, ...fields })).messages;
const finds = async (client, query, fields) => places(await search(client, query, fields));

const route = (fields) => `/search?${new URLSearchParams(fields)}`;
const asked = async (server, fields, client) => {
    const answer = await server.request(route(fields), { headers: bearing(client?.token) });
    return answer.status === 200 ? places(answer.json().messages) : answer.json().error.code;
};

const indexed = async (server) => (await server.metrics()).get('hubbub_store_indexed_total');
const allIndexed = (server, count) => until(async () => await indexed(server) >= count, `${count} messages in the index`);

for (const store of STORES) {
    const where = async (...args) => data(...await kept(store), ...args);

    for (const when of ['at once', 'from the index']) {
        test(`${store}: words, phrases and beginnings are found ${when}`, async (t) => {
            const server = await startServer(t, await where('--history-memory', '0'));
            const { alice, bob } = await people(t, server, 'alice', 'bob');
            await alice.join('lobby');
            await bob.join('den');
            const said = ['The quick brown fox', 'a brown, quick FOX?', 'Crème brûlée and naïve foxes', 'AND OR NOT NEAR',
                'say "hello world" \\ {x}: y*', 'Größe и Мир 東京', 'line\nbreak\ttab', 'the fox'];
            for (const content of said) await alice.ok('message', { room: 'lobby', content });
            await bob.ok('message', { room: 'den', content: 'a fox in the den' });
            await bob.ok('react', { room: 'den', seq: 1, emoji: '+1' });
            if (when !== 'at once') await allIndexed(server, said.length + 1);

            for (const [query, ...wanted] of [
                ['fox', 'den 1', 'lobby 1', 'lobby 2', 'lobby 3', 'lobby 8'],
                ['fox quick', 'lobby 1', 'lobby 2'],
                ['quick fo', 'lobby 1', 'lobby 2'],
                ['qui fox'],
                ['"brown fox"', 'lobby 1'],
                ['"fox brown"'],
                ['"quick brown', 'lobby 1'],
                ['creme', 'lobby 3'],
                ['BRULEE NAIVE', 'lobby 3'],
                ['AND', 'lobby 3', 'lobby 4'],
                ['OR NOT', 'lobby 4'],
                ['NEAR(and or)'],
                ['NEAR and or', 'lobby 4'],
                ['fox OR hello'],
                ['fox NOT quick'],
                ['text:fox'],
                ['hello * world', 'lobby 5'],
                ['hello ^ - + world', 'lobby 5'],
                ['"hello world"', 'lobby 5'],
                ['größe', 'lobby 6'],
                ['мир', 'lobby 6'],
                ['東京', 'lobby 6'],
                ['break', 'lobby 7'],
                ['nbreak'],
                ['elephant'],
            ]) assert.deepEqual(await finds(alice, query), wanted, query);

            const rows = await search(alice, 'fox', { room: 'den' });
            assert.deepEqual(rows, [{ type: 'message', room: 'den', username: 'bob', userId: bob.welcome.userId,
                content: 'a fox in the den', seq: 1, ts: rows[0].ts, reactions: [{ emoji: '+1', count: 1 }] }]);
            assert.equal((await search(bob, 'den'))[0].reactions[0].mine, true);
            assert.deepEqual((await search(alice, 'fox', { limit: 2 })).length, 2);
            assert.deepEqual((await alice.ok('search', { query: 'fox', room: 'den' })).room, 'den');
            assert.deepEqual(await asked(server, { query: 'fox quick' }), ['lobby 1', 'lobby 2']);
            assert.deepEqual(await asked(server, { query: 'fox', room: 'den', limit: '5' }), ['den 1']);
        });
    }

    test(`${store}: hostile queries find nothing and break nothing`, async (t) => {
        const server = await startServer(t, await where());
        const alice = await member(t, server, 'alice', 'lobby');
        await alice.ok('message', { room: 'lobby', content: 'all is well' });
        for (const query of ['"', '""', '" "', '*', '"*', "'", "'; DROP TABLE words; --", 'a" OR "b', '((((', 'NEAR(', '^', '{text}:', ':', '- -',
            'x'.repeat(200), '"a '.repeat(66), '" '.repeat(100), 'a '.repeat(100), '\u0001\u001f', '\u{1F600}', '%', '\\', '\u2028', 'text : *',
            'rank', 'words', '. , ;']) {
            for (const fields of [{}, { room: 'lobby' }]) {
                const found = await finds(alice, query, fields);
                assert.deepEqual(found, [], query);
            }
            assert.deepEqual(await asked(server, { query }), [], query);
        }
        for (const query of ['', 'x'.repeat(201), 5, null, undefined]) await alice.refused('bad_request', 'search', { query });
        for (const limit of [0, 101, 1.5, '5']) await alice.refused('bad_request', 'search', { query: 'well', limit });
        await alice.refused('invalid_room', 'search', { query: 'well', room: 'a\nb' });
        for (const fields of [{}, { query: '' }, { query: 'well', limit: '0' }, { query: 'well', limit: 'x' }]) {
            assert.equal(await asked(server, fields), 'bad_request');
        }
        assert.deepEqual(await finds(alice, 'well'), ['lobby 1']);
    });

    test(`${store}: only what one may read is found`, async (t) => {
        const { alice, bob, carol, dave, enter, server, issuer } = await hall(t, { bob: 'member', carol: 'guest', dave: 'guest' }, await where('--history-memory', '0'));
        await alice.ok('message', { room: 'hall', content: 'a secret of the hall' });
        await alice.ok('message', { room: 'hall', content: 'not for all' });
        const http = async (one) => asked(server, { query: 'secret' }, one && { token: issuer.token(one.name) });
        const erin = await enter('erin');
        const zoe = await connect(t, server, { token: issuer.token('zoe', { rooms: ['lobby'] }) });
        await carol.ok('leave', { room: 'hall' });
        await alice.ok('ban', { room: 'hall', user: 'dave' });

        for (const visibility of ['public', 'restricted', 'private']) {
            await alice.ok('update', { room: 'hall', visibility });
            const [may, none] = [['hall 1'], []];
            for (const one of [alice, bob]) {
                assert.deepEqual(await finds(one, 'secret'), may, `${one.name} ${visibility}`);
                assert.deepEqual(await http(one), may);
            }
            const open = visibility === 'public';
            for (const one of [carol, erin]) {
                assert.deepEqual(await finds(one, 'secret'), open ? may : none, `${one.name} ${visibility}`);
                assert.deepEqual(await http(one), open ? may : none);
            }
            assert.deepEqual(await http(), open ? may : none);
            for (const one of [dave, zoe]) assert.deepEqual(await finds(one, 'secret'), none, `${one.name} ${visibility}`);
            const code = visibility === 'private' ? 'no_such_room' : 'banned';
            await dave.refused(code, 'search', { query: 'secret', room: 'hall' });
            await zoe.refused(visibility === 'private' ? 'no_such_room' : 'forbidden', 'search', { query: 'secret', room: 'hall' });
            if (!open) await erin.refused(visibility === 'private' ? 'no_such_room' : 'not_member', 'search', { query: 'secret', room: 'hall' });
        }
        await erin.refused('no_such_room', 'search', { query: 'secret', room: 'nowhere' });

        await alice.ok('update', { room: 'hall', visibility: 'public', password: 'sesame' });
        assert.deepEqual(await finds(erin, 'secret'), []);
        await erin.refused('not_member', 'search', { query: 'secret', room: 'hall' });
        await erin.join('hall', { password: 'sesame' });
        assert.deepEqual(await finds(erin, 'secret'), ['hall 1']);

        // enough is looked through to find what is one's own
        await alice.ok('update', { room: 'hall', visibility: 'private' });
        await fill(alice, 'hall', 150, () => 'a secret');
        await carol.join('lobby');
        await carol.ok('message', { room: 'lobby', content: 'no secret at all in a long message of many words' });
        await allIndexed(server, 153);
        assert.deepEqual(await finds(carol, 'secret', { limit: 1 }), ['lobby 1']);
        await alice.ok('destroy', { room: 'hall' });
        assert.deepEqual(await finds(carol, 'secret'), ['lobby 1']);
        const again = await enter('frank');
        await again.join('hall');
        await again.ok('message', { room: 'hall', content: 'new here' });
        assert.deepEqual(await finds(carol, 'secret'), ['lobby 1']);
    });

    for (const memory of ['0', '256']) {
        test(`${store}: what was edited or removed is found as it is now, with ${memory} messages in memory`, async (t) => {
            const server = await startServer(t, await where('--history-memory', memory));
            const alice = await member(t, server, 'alice', 'lobby');
            await fill(alice, 'lobby', 3, (n) => `apple ${n}`);
            for (const index of [false, true]) {
                const [one, two, three] = index ? [4, 5, 6] : [1, 2, 3];
                if (index) {
                    await fill(alice, 'lobby', 3, (n) => `apple ${n + 3}`);
                    await allIndexed(server, 6);
                }
                await alice.ok('edit', { room: 'lobby', seq: one, content: 'pear' });
                await alice.ok('delete', { room: 'lobby', seq: two });
                assert.deepEqual(await finds(alice, 'apple', { limit: 100 }), index ? ['lobby 3', 'lobby 6'] : [`lobby ${three}`]);
                assert.deepEqual(await finds(alice, 'pear'), index ? ['lobby 1', 'lobby 4'] : ['lobby 1']);
            }
            assert.equal((await search(alice, 'pear'))[0].editedTs > 0, true);
        });
    }

    test(`${store}: what is edited, and is not on the disk yet, takes nothing away from what is found`, async (t) => {
        const server = await startServer(t, await where('--history-memory', '10', '--commit-delay', '10s'));
        const { alice, bob } = await people(t, server, 'alice', 'bob');
        for (const one of [alice, bob]) await one.join('lobby');
        await fill(alice, 'lobby', 60, (n) => `word${n} each`);
        for (let n = 0; n < 20; n++) {
            alice.send({ type: 'edit', room: 'lobby', seq: 60 - n % 2 * 55, content: `again ${n}` }); // in memory, and not
            await bob.next({ type: 'edit', seq: 60 - n % 2 * 55 });
            const found = await bob.ok('search', { query: 'each', limit: 100 });
            assert.deepEqual([found.messages.length, found.partial], [n === 0 ? 59 : 58, undefined]);
        }
    });

    test(`${store}: what is not kept any more is not found`, async (t) => {
        const server = await startServer(t, await where('--history-memory', '0', '--retain-messages', '10'));
        const alice = await member(t, server, 'alice', 'lobby');
        await fill(alice, 'lobby', 50, (n) => `word${n} each`);
        await until(async () => (await search(alice, 'each', { limit: 100 })).length === 10, 'the others to go');
        assert.deepEqual(await finds(alice, 'word40'), []);
        assert.deepEqual(await finds(alice, 'word41'), ['lobby 41']);
    });

    test(`${store}: a server that is killed while it indexes goes on with it`, async (t) => {
        const first = await startServer(t, await where('--history-memory', '0'));
        const { alice, bob } = await people(t, first, 'alice', 'bob');
        await alice.join('lobby');
        await bob.join('den');
        const confirmed = { lobby: [], den: [] };
        const say = async (one, room) => {
            for (let n = 0;;) {
                const wave = Array.from({ length: 100 }, () => one.ok('message', { room, content: `${room}${n++} every` }));
                confirmed[room].push(...(await Promise.all(wave)).map((reply) => reply.seq));
            }
        };
        const both = [say(alice, 'lobby'), say(bob, 'den')].map((one) => assert.rejects(one));
        await first.metricUntil('hubbub_store_indexed_total', (n) => n > 1000, 'something in the index');
        await first.kill();
        await Promise.all(both);
        const server = await startAgain(t, first);
        const again = await connectAgain(t, server, alice);
        for (const room of ['lobby', 'den']) {
            const { length } = confirmed[room];
            for (const at of [0, 1, length >> 2, length >> 1, length - 2, length - 1]) {
                const seq = confirmed[room][at];
                await until(async () => String(await finds(again, `"${room}${seq - 1}"`)) === `${room} ${seq}`, `${room} ${seq} of ${length}`);
            }
        }
    });
}

test('without a disk one room is looked through, as far as memory goes', async (t) => {
    const server = await startServer(t);
    const alice = await member(t, server, 'alice', 'lobby');
    for (const content of ['Hello "World"', 'hello there', 'other']) await alice.ok('message', { room: 'lobby', content });
    await alice.ok('delete', { room: 'lobby', seq: 2 });
    assert.deepEqual(await finds(alice, 'HELLO', { room: 'lobby' }), ['lobby 1']);
    assert.deepEqual(await finds(alice, 'world hello', { room: 'lobby' }), ['lobby 1']);
    assert.deepEqual(await finds(alice, '"', { room: 'lobby' }), []);
    await alice.refused('bad_request', 'search', { query: 'hello' });
    await alice.refused('no_such_room', 'search', { query: 'hello', room: 'den' });
});

test('it counts against the rate of history', async (t) => {
    const server = await startServer(t, data('--history-per-minute', '3'));
    const alice = await member(t, server, 'alice', 'lobby');
    let reply;
    for (let n = 0; n < 9 && reply?.code !== 'rate_limited'; n++) reply = await alice.request('search', { query: 'x' });
    assert.equal(reply.code, 'rate_limited');
    assert.ok(reply.retryAfter > 0);
    await alice.refused('rate_limited', 'history', { room: 'lobby' });
});

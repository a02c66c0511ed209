/*
 * The request `search` and GET /search: what is found, by whom, before and after it is in the index, and what has become
 * of it since.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearing, connect, connectAgain, member, people } from './support/client.mjs';
import { data, fill, range } from './support/log.mjs';
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

for (const when of ['at once', 'from the index']) {
    test(`words, phrases and beginnings are found ${when}`, async (t) => {
        const server = await startServer(t, data('--history-memory', '0'));
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

test('hostile queries find nothing and break nothing', async (t) => {
    const server = await startServer(t, data());
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

/*
 * A server that keeps its data in PostgreSQL: over restarts, while the database is stopped and started again under load,
 * and killed itself meanwhile. And what it says of the database, to whom, and what never.
 *
 * HUBBUB_CRASHES: how often it is killed (8). HUBBUB_SEED: repeats who says what, though not the moments.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearing, connect, connectAgain } from './support/client.mjs';
import { dice } from './support/dice.mjs';
import { live, pause } from './support/lives.mjs';
import { startPostgres } from './support/postgres.mjs';
import { folder, runToEnd, startAgain, startServer } from './support/server.mjs';
import { until, within } from './support/wait.mjs';

const CRASHES = Number(process.env.HUBBUB_CRASHES || 8);
const SEED = Number(process.env.HUBBUB_SEED || Math.floor(Math.random() * 2 ** 31));

const data = (url, ...args) => ['--data', path.join(folder(), 'data'), '--store', url, ...args];
const ready = async (server) => (await server.request('/readyz')).status === 200;
const say = (client, room, content, id) => {
    client.send({ type: 'message', room, content, id });
    return client.next({ id });
};
const lines = (text) => text.split('\n').filter((line) => line !== '');

test('what was said and settled is there in the next life', async (t) => {
    const postgres = await startPostgres(t);
    const first = await startServer(t, data(postgres.url()));
    const alice = await connect(t, first, { username: 'alice' });
    await alice.ok('create', { room: 'den', title: 'The "den" ☕', topic: 'a; DROP TABLE rooms;--' });
    await alice.join('den');
    const said = await say(alice, 'den', 'hello', 'm1');
    assert.equal(said.durable, true);
    await alice.ok('react', { room: 'den', seq: said.seq, emoji: '👍' });
    await say(alice, 'den', 'wrong', 'm2');
    await alice.ok('edit', { room: 'den', seq: 2, content: 'right' });
    const before = await alice.ok('history', { room: 'den' });
    await first.kill();

    const server = await startAgain(t, first);
    const again = await connectAgain(t, server, alice);
    await again.join('den');
    const after = await again.ok('history', { room: 'den' });
    assert.deepEqual(after.messages, before.messages);
    assert.equal((await again.ok('settings', { room: 'den' })).title, 'The "den" ☕');
    assert.equal(postgres.ask('SELECT count(*) FROM messages'), '2');
    const repeated = await say(again, 'den', 'hello', 'm1');
    assert.deepEqual([repeated.seq, repeated.dup], [said.seq, true]);
});

test('what SQLite has in the directory is not in the database, and the log says so', async (t) => {
    const postgres = await startPostgres(t);
    const unread = /level=warn msg="[^"]*--store sqlite, which are not in this database"/;
    const former = await startServer(t, data('sqlite'));
    await former.stop();
    const [, where] = former.args;
    const empty = await startServer(t, ['--data', where, '--store', postgres.url()]);
    await empty.stop();
    assert.doesNotMatch(empty.stderr, unread, 'nobody said anything');

    const again = await startAgain(t, former);
    const alice = await connect(t, again, { username: 'alice' });
    await alice.join('lobby');
    await say(alice, 'lobby', 'hello', 'm1');
    await again.stop();
    const server = await startServer(t, ['--data', where, '--store', postgres.url()]);
    assert.match(server.stderr, unread);
    const bob = await connect(t, server, { username: 'bob' });
    assert.equal((await bob.join('lobby')).seq, 0);
});

test('while the database is away people talk on, and the probe says so', async (t) => {
    const postgres = await startPostgres(t);
    const server = await startServer(t, data(postgres.url(), '--history-memory', '2'));
    const alice = await connect(t, server, { username: 'alice' }), bob = await connect(t, server, { username: 'bob' });
    await alice.join('lobby');
    await bob.join('lobby');
    for (let i = 1; i <= 5; i++) await say(alice, 'lobby', `${i}`, `m${i}`);

    await postgres.kill();
    await until(async () => !await ready(server), 'the probe to know');
    const reply = await server.request('/readyz');
    assert.deepEqual([reply.status, reply.headers['retry-after']], [503, '5']);
    assert.match(reply.text, /^store: PostgreSQL: /);
    const said = await say(alice, 'lobby', '6', 'm6');
    assert.equal(said.durable, true);
    assert.equal((await bob.next({ type: 'message', content: '6' })).seq, 6);
    await bob.join('nobody was ever here');
    for (const [type, args] of [['history', { room: 'lobby', before: 3 }], ['search', { query: 'fox' }]]) {
        const refusal = await bob.request(type, args);
        assert.deepEqual([refusal.code, refusal.message], ['unavailable', 'what is kept cannot be read, try again']);
    }
    assert.deepEqual((await bob.ok('history', { room: 'lobby', limit: 1 })).messages.map((one) => one.content), ['6']);
    assert.ok(await server.metric('hubbub_store_parked') > 0);

    await postgres.start();
    await until(() => ready(server), 'the probe to be well');
    assert.equal(await server.metric('hubbub_store_parked'), 0);
    const all = await bob.ok('history', { room: 'lobby' });
    assert.deepEqual(all.messages.map((one) => one.content), ['1', '2', '3', '4', '5', '6']);
});

test('an export says what it does not have, because it waits', async (t) => {
    const postgres = await startPostgres(t);
    const server = await startServer(t, data(postgres.url()));
    const alice = await connect(t, server, { username: 'alice' });
    await alice.join('lobby');
    await say(alice, 'lobby', '1', 'm1');
    const export_ = (...args) => runToEnd(['export', ...args, ...server.args]);
    assert.equal((await export_('--room', 'lobby')).stderr, '');
    postgres.ask('CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN'
        + " RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$");
    postgres.ask('CREATE TRIGGER no_space BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION no_space()');
    await say(alice, 'lobby', '2', 'm2');
    const waits = /^hubbub [a-z]+: not in this: \d+ changes? waiting in .*\/backlog\.db for the database/m;
    for (let life = 0; life < 2; life++) { // with the server, and without
        const end = await export_('--room', 'lobby');
        assert.deepEqual([end.code, lines(end.stdout).length], [0, 1], end.stderr);
        assert.match(end.stderr, waits);
        assert.match((await export_('--list')).stderr, waits);
        const dry = await runToEnd(['erase', '--dry-run', '--user', alice.welcome.userId, ...server.args]);
        assert.match(dry.stderr, /: 1 message, /);
        assert.match(dry.stderr, waits);
        await server.kill();
    }
    postgres.ask('DROP TRIGGER no_space ON messages');
    const again = await startAgain(t, server);
    await until(() => ready(again), 'the probe to be well');
    const end = await export_('--room', 'lobby');
    assert.deepEqual([lines(end.stdout).length, end.stderr], [2, '']);
});

/* Its own disk has no room: for what is written, or only when it is committed. */
for (const [when, trigger] of [
    ['at each row', 'TRIGGER no_space BEFORE INSERT ON messages FOR EACH ROW'],
    ['at the commit', 'CONSTRAINT TRIGGER no_space AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW'],
]) {
    test(`a database out of disk, ${when}: people talk on, and nothing is lost`, async (t) => {
        const postgres = await startPostgres(t);
        const server = await startServer(t, data(postgres.url(), '--history-memory', '2'));
        const alice = await connect(t, server, { username: 'alice' }), bob = await connect(t, server, { username: 'bob' });
        await alice.join('lobby');
        await bob.join('lobby');
        for (let i = 1; i <= 3; i++) await say(alice, 'lobby', `${i}`, `m${i}`);
        postgres.ask('CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN'
            + " RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$");
        postgres.ask(`CREATE ${trigger} EXECUTE FUNCTION no_space()`);

        for (let i = 4; i <= 6; i++) assert.equal((await say(alice, 'lobby', `${i}`, `m${i}`)).durable, true);
        assert.equal((await bob.next({ type: 'message', content: '6' })).seq, 6);
        await alice.ok('edit', { room: 'lobby', seq: 6, content: 'six' });
        await alice.ok('create', { room: 'den' });
        const probe = await server.request('/readyz');
        assert.equal(probe.status, 503);
        assert.match(probe.text, /^store: PostgreSQL: could not extend file: No space left on device/);
        assert.ok(await server.metric('hubbub_store_parked') > 0);
        await bob.refused('unavailable', 'history', { room: 'lobby' });
        assert.equal(postgres.ask('SELECT max(seq) FROM messages'), '3');
        await server.kill();

        const end = await runToEnd(['--port', '0', ...server.args]);
        assert.equal(end.code, 1);
        assert.match(end.stderr, /^hubbub: cannot write what waits in .*: PostgreSQL: could not extend file: No space left on device$/m);
        postgres.ask('DROP TRIGGER no_space ON messages');
        const again = await startAgain(t, server), late = await connectAgain(t, again, alice);
        await late.join('lobby');
        const { messages } = await late.ok('history', { room: 'lobby' });
        assert.deepEqual(messages.map((one) => one.content), ['1', '2', '3', '4', '5', 'six']);
        await late.ok('settings', { room: 'den' });
        assert.equal((await say(late, 'lobby', '5', 'm5')).dup, true);

        postgres.ask(`CREATE ${trigger} EXECUTE FUNCTION no_space()`);
        await say(late, 'lobby', '7', 'm7');
        assert.equal(await ready(again), false);
        postgres.ask('DROP TRIGGER no_space ON messages');
        await until(() => ready(again), 'the probe to be well without a restart');
        assert.equal(postgres.ask('SELECT max(seq) FROM messages'), '7');
    });
}

/* SQL that holds on to something until it is closed. */
async function hold(t, postgres, sql) {
    const holder = spawn(path.join(postgres.bin, 'psql'), ['-XAtq', postgres.url()], { ...postgres.options, stdio: ['pipe', 'pipe', 'ignore'] });
    t.after(() => holder.kill());
    holder.stdin.write(`BEGIN; ${sql}; SELECT 1;\n`);
    await within(once(holder.stdout, 'data'), sql);
}

test('a search that had not the time to look at all says so', async (t) => {
    const postgres = await startPostgres(t);
    const server = await startServer(t, data(postgres.url()));
    const alice = await connect(t, server, { username: 'alice' });
    await alice.join('lobby');
    await say(alice, 'lobby', 'an old fox', 'm1');
    await server.metricUntil('hubbub_store_indexed_total', (n) => n === 1, 'it is in the index');
    const all = await alice.ok('search', { query: 'fox' });
    assert.deepEqual([all.messages.length, all.partial], [1, undefined]);
    await hold(t, postgres, 'LOCK TABLE words');
    await say(alice, 'lobby', 'a new fox', 'm2');
    const some = await alice.ok('search', { query: 'fox' });
    assert.deepEqual([some.messages.map((one) => one.seq), some.partial], [[2], true]);
    const enough = await alice.ok('search', { query: 'fox', limit: 1 });
    assert.deepEqual([enough.messages.map((one) => one.seq), enough.partial], [[2], undefined]);
    const web = await server.request('/search?query=fox', { headers: bearing(alice.token) });
    assert.equal(web.json().partial, true);
});

test('searches that fail do not fill the log', async (t) => {
    const postgres = await startPostgres(t);
    const server = await startServer(t, data(postgres.url()));
    const alice = await connect(t, server, { username: 'alice' });
    await alice.join('lobby');
    await say(alice, 'lobby', 'an old fox', 'm1');
    await server.metricUntil('hubbub_store_indexed_total', (n) => n === 1, 'it is in the index');
    postgres.ask('ALTER TABLE words RENAME TO gone');
    for (let i = 0; i < 20; i++) await alice.refused('unavailable', 'search', { query: 'fox' });
    const said = () => lines(server.stderr).filter((line) => line.includes('cannot be searched')).length;
    await until(() => said() > 0, 'the log to say why');
    assert.ok(said() < 5, server.stderr);
    postgres.ask('ALTER TABLE gone RENAME TO words');
    assert.equal((await alice.ok('search', { query: 'fox' })).messages.length, 1);
});

test('guests of one address who search at once leave others their turn', async (t) => {
    const postgres = await startPostgres(t);
    const server = await startServer(t, data(postgres.url(), '--trusted-proxy', '127.0.0.1'));
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const guests = await Promise.all(Array.from({ length: 4 }, () => connect(t, server, from('203.0.113.7'))));
    const bob = await connect(t, server, { username: 'bob', ...from('203.0.113.8') });
    await hold(t, postgres, 'LOCK TABLE words'); // now each takes a second
    const order = [];
    const search = (client) => client.request('search', { query: 'fox' }).then(() => order.push(client));
    const all = guests.map(search);
    for (let i = 0; i < 10; i++) await bob.barrier(); // theirs are there by now
    await Promise.all([...all, search(bob)]);
    assert.notEqual(order.at(-1), bob);
});

test('without the database it does not begin, in one line', async (t) => {
    const postgres = await startPostgres(t);
    const server = await startServer(t, data(postgres.url()));
    await postgres.kill();
    await until(async () => !await ready(server), 'the probe to know');
    await server.stop();
    const end = await runToEnd(['--port', '0', ...server.args]);
    assert.equal(end.code, 1);
    assert.equal(lines(end.stderr).filter((line) => line.startsWith('hubbub: ')).length, 1, end.stderr);
    assert.match(end.stderr, /hubbub: cannot use the database of --store: connection to server/);
});

test('a second server on the same database is refused', async (t) => {
    const postgres = await startPostgres(t);
    await startServer(t, data(postgres.url()));
    const end = await runToEnd(['--port', '0', ...data(postgres.url())]);
    assert.equal(end.code, 1);
    assert.match(end.stderr, /^hubbub: cannot use the database of --store: it is in use by another server$/m);
});

test('the password is nowhere to be seen', async (t) => {
    const postgres = await startPostgres(t);
    const url = postgres.url('postgres', 'hubbub:s3cret').replace('?', '?sslpassword=s3cret&');
    const warned = await startServer(t, data(url));
    assert.match(warned.stderr, /the password of --store can be seen in the list of processes/);
    await warned.stop();
    assert.doesNotMatch(warned.stderr, /s3cret/);

    const where = ['--data', path.join(folder(), 'data')];
    const file = path.join(folder(), 'hubbub.ini');
    writeFileSync(file, `store = ${url}\n`);
    for (const [args, env] of [[['--config', file], {}], [[], { HUBBUB_STORE: url }], [['--store', url], {}]]) {
        const end = await runToEnd(['--port', '0', ...where, ...args, '--check'], { env });
        assert.equal(end.code, 0, end.stderr);
        assert.match(end.stdout, /^store = postgres:\/\/hubbub:\*\*\*@\/postgres\?sslpassword=\*\*\*&host=/m);
        assert.doesNotMatch(end.stdout + end.stderr, /s3cret/);
    }
    const quiet = await startServer(t, where, { env: { HUBBUB_STORE: url } });
    await quiet.stop();
    assert.doesNotMatch(quiet.stderr, /s3cret|list of processes/);
    for (const bad of ['postgres://u:s3cret@h/d?colour=red', 'postgres://u:s3cret@[h/d', 'postgre://u:s3cret@h/d']) {
        const end = await runToEnd(['--store', bad]);
        assert.equal(end.code, 2, end.stderr);
        assert.equal(lines(end.stderr).length, 1, end.stderr);
        assert.doesNotMatch(end.stderr, /s3cret/);
    }
});

test(`what was acknowledged survives ${CRASHES} kills, of the server and of the database`, async (t) => {
    console.log(`# HUBBUB_SEED=${SEED}`);
    const postgres = await startPostgres(t), roll = dice(SEED);
    const trouble = async () => {
        for (let times = roll(3); times > 0; times--) {
            await postgres.kill();
            await pause(roll(700));
            if (roll(3) > 0) await postgres.start();
            await pause(roll(500)); // it may be on its way over
        }
    };
    await live(t, CRASHES, roll, { args: data(postgres.url()), trouble, calm: () => postgres.start() });
});

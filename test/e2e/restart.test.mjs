/*
 * Lives of a server on one data directory: what was answered with ok is there in the next, what has ended is
 * not; and what a server does when its data cannot be read, or its disk not be written.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { connect, connectAgain, people, turnedAway } from './support/client.mjs';
import { back, data, database } from './support/log.mjs';
import { folder, runToEnd, startAgain, startServer } from './support/server.mjs';
import { Issuer } from './support/tokens.mjs';
import { until } from './support/wait.mjs';

for (const end of ['stopped', 'killed']) {
    test(`a private room is found as it was, after a server that was ${end}`, async (t) => {
        const first = await startServer(t, data());
        const { alice, bob, carol, dave } = await people(t, first, 'alice', 'bob', 'carol', 'dave');
        await alice.ok('create', { room: 'friends', title: 'Friends', topic: 'Tea "and" ☕', visibility: 'private', maxUsers: 12, slowMode: 0 });
        await alice.ok('add', { room: 'friends', user: 'bob' });
        await alice.ok('role', { room: 'friends', user: 'bob', role: 'moderator' });
        await alice.ok('add', { room: 'friends', user: 'carol' });
        const { invite } = await alice.ok('invite', { room: 'friends' });
        const used = await alice.ok('invite', { room: 'friends' });
        for (const one of [alice, bob, carol]) await one.join('friends');
        await dave.join('friends', { invite: used.invite });
        await bob.ok('ban', { room: 'friends', user: 'dave', reason: 'rude' });
        const mute = await bob.ok('mute', { room: 'friends', user: 'carol', seconds: 86400, reason: 'a day of peace' });
        const before = {
            settings: await alice.ok('settings', { room: 'friends' }),
            ledger: (await alice.ok('ledger', { room: 'friends' })).entries,
        };
        const ids = Object.fromEntries([alice, bob, carol, dave].map((one) => [one.name, one.welcome.userId]));
        if (end === 'killed') await first.kill();

        const server = await startAgain(t, first);
        const again = await back(t, server, alice, bob, carol, dave);
        for (const one of Object.values(again)) assert.equal(one.welcome.userId, ids[one.name], 'the same guest');
        const after = await again.alice.ok('settings', { room: 'friends' });
        const ledger = (await again.alice.ok('ledger', { room: 'friends' })).entries;
        assert.deepEqual({ ...after, id: 0 }, { ...before.settings, id: 0 });
        assert.deepEqual(ledger, before.ledger);
        assert.equal(after.title, 'Friends');
        assert.equal(after.topic, 'Tea "and" ☕');
        assert.equal(after.roster.length, 4);

        assert.equal((await again.alice.join('friends')).role, 'owner');
        assert.equal((await again.bob.join('friends')).role, 'moderator');
        const carols = await again.carol.join('friends');
        assert.equal(carols.role, 'member');
        assert.equal(carols.mutedUntil, mute.until);
        await again.carol.refused('muted', 'message', { room: 'friends', content: 'x' });
        await again.dave.refused('banned', 'join', { room: 'friends' });
        const erin = await connect(t, server, { username: 'erin' });
        await erin.refused('no_such_room', 'join', { room: 'friends' });
        await erin.refused('no_such_room', 'join', { room: 'friends', invite: used.invite });
        assert.equal((await erin.join('friends', { invite })).role, 'member');

        // The ledger goes on where it was, and the sanctions of the first life can be lifted in the second.
        await again.bob.ok('undo', { room: 'friends', entry: mute.entry });
        await again.carol.ok('message', { room: 'friends', content: 'at last' });
        const kick = await again.alice.ok('kick', { room: 'friends', user: 'erin' });
        assert.ok(kick.entry > ledger[0].entry);
    });
}

test('passwords, slow mode and settings of a room survive, open rooms do not', async (t) => {
    const first = await startServer(t, data());
    const { alice, bob } = await people(t, first, 'alice', 'bob');
    await alice.ok('create', { room: 'club', visibility: 'restricted', password: 'open sesame', slowMode: 60, maxUsers: 3 });
    await alice.join('was open');
    await alice.ok('create', { room: 'was open' });
    await bob.join('open');
    const text = readFileSync(database(first)).toString('latin1');
    assert.doesNotMatch(text, /open sesame/);
    const server = await startAgain(t, first);
    const again = await back(t, server, alice, bob);
    const rooms = (await again.bob.ok('rooms')).rooms.sort((a, b) => (a.room < b.room ? -1 : 1));
    assert.deepEqual(rooms.map((row) => [row.room, row.visibility, row.hasPassword, row.slowMode, row.maxUsers, row.members, row.kept]), [
        ['club', 'restricted', true, 60, 3, 0, true],
        ['was open', 'public', false, 0, rooms[1].maxUsers, 0, true],
    ]);
    await again.bob.refused('wrong_password', 'join', { room: 'club', password: 'close sesame' });
    await again.bob.join('club', { password: 'open sesame' });
    await again.bob.ok('message', { room: 'club', content: 'one' });
    await again.bob.refused('slow_mode', 'message', { room: 'club', content: 'two' });
    assert.equal((await again.alice.join('was open')).role, 'owner');
});

test('what was changed and ended stays so', async (t) => {
    const first = await startServer(t, data());
    const { alice, bob, carol } = await people(t, first, 'alice', 'bob', 'carol');
    await alice.ok('create', { room: 'gone' });
    await alice.ok('ban', { room: 'gone', user: 'bob' });
    await alice.ok('destroy', { room: 'gone' });
    await alice.ok('create', { room: 'hall', title: 'old', password: 'p' });
    await alice.ok('update', { room: 'hall', title: 'new', password: '' });
    await alice.ok('ban', { room: 'hall', user: 'bob' });
    await alice.ok('unban', { room: 'hall', user: 'bob' });
    await alice.ok('add', { room: 'hall', user: 'carol' });
    await alice.ok('remove', { room: 'hall', user: 'carol' });
    const { entry } = await alice.ok('mute', { room: 'hall', user: 'carol' });
    await alice.ok('undo', { room: 'hall', entry });
    await first.kill();

    const server = await startAgain(t, first);
    const again = await back(t, server, alice, bob, carol);
    assert.deepEqual((await again.alice.ok('rooms')).rooms.map((row) => row.room), ['hall']);
    const joined = await again.bob.join('hall');
    assert.equal(joined.title, 'new');
    assert.equal((await again.carol.join('hall')).role, 'guest');
    await again.carol.ok('message', { room: 'hall', content: 'heard' });
    const settings = await again.alice.ok('settings', { room: 'hall' });
    assert.deepEqual(settings.sanctions, []);
    const { entries } = await again.alice.ok('ledger', { room: 'hall' });
    assert.equal(entries.find((row) => row.entry === entry).undone, true);
    assert.equal((await again.bob.join('gone')).role, 'owner', 'a new, open room: the ban went with the old one');
});

test('what has ended while the server was away is not there', async (t) => {
    const first = await startServer(t, data());
    const { alice, bob, carol } = await people(t, first, 'alice', 'bob', 'carol');
    await alice.ok('create', { room: 'hall' });
    await carol.join('hall');
    await alice.ok('ban', { room: 'hall', user: 'bob', seconds: 2 });
    const { until: end } = await alice.ok('mute', { room: 'hall', user: 'carol', seconds: 2 });
    await first.stop();
    await until(() => Date.now() > end, 'the end of both');
    const server = await startAgain(t, first);
    const again = await back(t, server, alice, bob, carol);
    await again.bob.join('hall');
    assert.equal((await again.carol.join('hall')).mutedUntil, undefined);
    await again.carol.ok('message', { room: 'hall', content: 'x' });
    assert.deepEqual((await again.alice.ok('settings', { room: 'hall' })).sanctions, []);
    const { entries } = await again.alice.ok('ledger', { room: 'hall' });
    assert.deepEqual(entries.map((row) => row.action).slice(0, 2), ['mute', 'ban'], 'but the ledger remembers');
});

test('bans from the server survive, with their addresses', async (t) => {
    const issuer = new Issuer();
    const first = await startServer(t, data(...issuer.args, '--admin', 'root', '--trusted-proxy', '127.0.0.1'));
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const root = await connect(t, first, { token: issuer.token('root') });
    const mallory = await connect(t, first, { username: 'mallory', ...from('203.0.113.7') });
    await root.ok('ban', { user: 'mallory', address: true, reason: 'enough' });
    await mallory.expectClose(4003);
    const server = await startAgain(t, first);
    await turnedAway(t, server, 4003, 'banned', { token: mallory.token });
    await turnedAway(t, server, 4003, 'banned', { username: 'bob', ...from('203.0.113.7') });
    const again = await connect(t, server, { token: issuer.token('root') });
    await again.ok('unban', { user: mallory.welcome.userId });
    await connect(t, server, { token: mallory.token, ...from('203.0.113.7') });
});

test('--store memory keeps nothing', async (t) => {
    const cwd = folder();
    const first = await startServer(t, ['--store', 'memory'], { cwd });
    const alice = await connect(t, first, { username: 'alice' });
    await alice.ok('create', { room: 'hall' });
    const server = await startAgain(t, first, first.args, { cwd });
    await turnedAway(t, server, 4001, 'not_authenticated', { token: alice.token });
    assert.deepEqual((await server.request('/rooms')).json(), { rooms: [] });
    assert.deepEqual(readdirSync(cwd), []);
});

test('the data directory is ./hubbub-data unless said otherwise', async (t) => {
    const cwd = folder();
    await startServer(t, ['--store', 'sqlite'], { cwd });
    assert.deepEqual(readdirSync(cwd), ['hubbub-data']);
});

test('the page of a client that comes back finds its room', async (t) => {
    const first = await startServer(t, data());
    const alice = await connect(t, first, { username: 'alice' });
    await alice.ok('create', { room: 'hall' });
    const { epoch } = await alice.join('hall');
    const server = await startAgain(t, first);
    assert.equal((await alice.next({ type: 'goaway' })).type, 'goaway');
    const again = await connectAgain(t, server, alice, { room: 'hall' });
    await again.next({ type: 'join', username: 'alice' });
    assert.notEqual((await again.join('hall')).epoch, epoch, 'messages are counted anew');
});

/* Data that cannot be used */

/* The schema's number: a big-endian word at offset 60 of a SQLite file. */
function setSchema(file, version) {
    const bytes = readFileSync(file);
    const old = bytes.readUInt32BE(60);
    bytes.writeUInt32BE(version ?? old + 1, 60);
    writeFileSync(file, bytes);
    return old;
}

test('a newer schema is refused in one clear line, and left alone', async (t) => {
    const first = await startServer(t, data());
    const alice = await connect(t, first, { username: 'alice' });
    await alice.ok('create', { room: 'hall' });
    await first.stop();
    const file = database(first);
    const version = setSchema(file);
    assert.ok(version >= 1);
    const end = await runToEnd(['--port', '0', ...first.args]);
    assert.equal(end.code, 1, end.stderr);
    const told = end.stderr.split('\n').filter((line) => /newer|schema/i.test(line));
    assert.equal(told.length, 1, end.stderr);
    assert.ok(told[0].includes(String(version + 1)), told[0]);
    setSchema(file, version);
    const server = await startAgain(t, first);
    assert.equal((await server.request('/rooms')).json().rooms.length, 1);
});

test('a second server on the same directory is refused', async (t) => {
    const server = await startServer(t, data());
    const end = await runToEnd(['--port', '0', ...server.args]);
    assert.equal(end.code, 1, end.stderr);
    assert.ok(end.stderr.includes(`is in use by another server, process ${server.pid}`), end.stderr);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.ok('create', { room: 'hall' });
});

test('what is no database is refused', async (t) => {
    const first = await startServer(t, data());
    await first.stop();
    const file = database(first);
    writeFileSync(file, 'this is not a database, but a letter'.repeat(300));
    const end = await runToEnd(['--port', '0', ...first.args]);
    assert.equal(end.code, 1, end.stderr);
    assert.ok(end.stderr.includes(file), end.stderr);
});

test('a data directory that cannot be made is refused', async () => {
    const end = await runToEnd(['--port', '0', '--data', '/proc/none/of/that']);
    assert.equal(end.code, 1, end.stderr);
    assert.match(end.stderr, /\/proc\/none\/of\/that/);
});

/* A disk that cannot be written */

/* Limits the size of files that the server may write, or lifts the limit: to the program a full disk. Its
 * soft limit alone is set, so that it can be raised again. */
function limitFiles(server, bytes) {
    const { status, stderr } = spawnSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:unlimited`]);
    assert.equal(status, 0, String(stderr));
}

test('a full disk: chat goes on, it is said, and heals by itself', async (t) => {
    const first = await startServer(t, data());
    const { alice, bob } = await people(t, first, 'alice', 'bob');
    await alice.ok('create', { room: 'hall' });
    for (const one of [alice, bob]) await one.join('hall');
    assert.equal((await first.request('/readyz')).status, 200);

    limitFiles(first, 0);
    const reply = await alice.request('ban', { room: 'hall', user: 'bob', reason: 'while the disk is full' });
    assert.equal(reply.code, 'unavailable', JSON.stringify(reply));
    await until(async () => (await first.request('/readyz')).status === 503, '/readyz to say so');
    assert.match((await first.request('/readyz')).text, /store/);
    assert.ok(await first.metric('hubbub_store_failures_total') >= 1);
    assert.ok(await first.metric('hubbub_store_backlog') >= 1);
    assert.equal((await first.request('/healthz')).status, 200);
    await bob.refused('banned', 'join', { room: 'hall' }); // what was decided counts all the same
    await alice.refused('unavailable', 'message', { room: 'hall', content: 'chat goes on' }); // and is not saved yet
    await alice.next({ type: 'message', content: 'chat goes on' });
    const carol = await connect(t, first, { username: 'carol' });
    await carol.join('hall');
    carol.send({ type: 'message', room: 'hall', content: 'for newcomers, too' });
    await alice.next({ type: 'message', content: 'for newcomers, too' });

    limitFiles(first, 'unlimited');
    await until(async () => (await first.request('/readyz')).status === 200, 'it to heal');
    await first.metricUntil('hubbub_store_backlog', (n) => n === 0, 'all to be written');
    await alice.ok('mute', { room: 'hall', user: 'carol' });
    await first.kill();
    const server = await startAgain(t, first);
    const again = await back(t, server, alice, bob, carol);
    await again.bob.refused('banned', 'join', { room: 'hall' });
    assert.equal((await again.carol.join('hall')).mutedUntil, 0);
    const { messages } = await again.carol.ok('history', { room: 'hall' });
    assert.deepEqual(messages.map((m) => m.content), ['chat goes on', 'for newcomers, too']);
});

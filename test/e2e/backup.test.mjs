/*
 * The data beside a running server: backed up while people talk and restored elsewhere, exported as lines, and
 * a user forgotten once the server is stopped.
 */
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect, connectAgain, member } from './support/client.mjs';
import { download, share } from './support/files.mjs';
import { copyDatabase, kept, newDatabase, STORES } from './support/postgres.mjs';
import { folder, runToEnd, startAgain, startServer } from './support/server.mjs';

/* The arguments that say where it is. */
const whereOf = ({ args }) => args.filter((word, i) => ['--data', '--store'].includes(word) || ['--data', '--store'].includes(args[i - 1]));
const dataOf = (server) => server.args[server.args.indexOf('--data') + 1];
const start = (t, ...args) => startServer(t, ['--data', path.join(folder(), 'data'), '--no-rate-limits', ...args]);
const command = (name, ...args) => runToEnd([name, ...args]);

async function done(name, ...args) {
    const end = await command(name, ...args);
    assert.equal(end.code, 0, end.stderr);
    return end;
}

async function fails(code, words, name, ...args) {
    const end = await command(name, ...args);
    assert.equal(end.code, code, end.stderr);
    assert.match(end.stderr, words);
    assert.match(end.stderr, new RegExp(`^hubbub ${name}: [^\n]+\n$`), 'one line');
    assert.equal(end.stdout, '');
}

async function exported(server, room) {
    const { stdout, stderr } = await done('export', '--room', room, ...whereOf(server));
    assert.equal(stderr, '');
    assert.ok(stdout === '' || stdout.endsWith('\n'));
    return stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line));
}

/* A directory with nothing but the copy, the key and what else is named of the old one. */
function restore(server, copy, ...more) {
    const data = path.join(folder(), 'data');
    mkdirSync(data, { mode: 0o700 });
    if (copy) copyFileSync(copy, path.join(data, 'hubbub.db'));
    for (const name of ['server.key', ...more]) cpSync(path.join(dataOf(server), name), path.join(data, name), { recursive: true });
    return server.args.map((word) => (word === dataOf(server) ? data : word));
}

const textsOf = (messages) => messages.map((one) => one.content);
const count = (n, from = 1) => Array.from({ length: n }, (_, i) => String(i + from));

test('a backup taken while people talk is a moment of it, and lives on elsewhere', async (t) => {
    const server = await start(t);
    const alice = await member(t, server, 'alice', 'den');
    await alice.ok('create', { room: 'club', title: 'The club' });
    const copy = path.join(folder(), 'copy.db');
    let said = 0;
    const talk = async (n) => {
        for (const end = said + n; said < end;) await alice.ok('message', { room: 'den', content: String(++said) });
    };
    await talk(100);
    const before = said;
    const backup = done('backup', copy, '--data', dataOf(server));
    backup.catch(() => {});
    await talk(200);
    const { stderr } = await backup;
    const { size } = statSync(copy);
    assert.match(stderr, new RegExp(`copy.db has ${size} bytes; not in it, so copy them beside it: .*/files/ and .*/server.key\n$`));
    assert.equal(statSync(copy).mode & 0o7777, 0o600);
    assert.deepEqual(readdirSync(path.dirname(copy)), ['copy.db']);
    await talk(5); // the server has not noticed
    const { epoch, seq } = await (await connectAgain(t, server, alice)).join('den');
    assert.equal(seq, said);
    await server.stop();

    const again = await startServer(t, restore(server, copy));
    const back = await connectAgain(t, again, alice);
    assert.equal(back.welcome.userId, alice.welcome.userId, 'the same guest, by the same key');
    assert.equal((await back.join('club')).title, 'The club');
    const joined = await back.join('den', { since: seq, epoch });
    assert.equal(joined.recovered, false, 'it is an older state, and that is said');
    assert.ok(joined.seq >= before && joined.seq < said, `${before} <= ${joined.seq} < ${said}`);
    const { messages } = await back.ok('history', { room: 'den', limit: 300 });
    assert.deepEqual(textsOf(messages), count(messages.length, joined.seq - messages.length + 1), 'no holes');
    assert.deepEqual(textsOf(await exported(again, 'den')), count(joined.seq));
    assert.equal((await back.ok('message', { room: 'den', content: 'on' })).seq, joined.seq + 1);
});

test('positions from before the backup are good after it was restored', async (t) => {
    const server = await start(t);
    const alice = await member(t, server, 'alice', 'den');
    const { epoch } = alice.joined;
    for (const content of count(5)) await alice.ok('message', { room: 'den', content });
    const copy = path.join(folder(), 'copy.db');
    await done('backup', copy, `--data=${dataOf(server)}`);
    await alice.ok('message', { room: 'den', content: 'lost' });
    await server.stop();

    const again = await startServer(t, restore(server, copy));
    const back = await connectAgain(t, again, alice);
    const joined = await back.join('den', { since: 3, epoch });
    assert.equal(joined.recovered, true);
    for (const content of ['4', '5']) await back.next({ type: 'message', content });
    await back.close();
    const late = await connectAgain(t, again, alice);
    assert.equal((await late.join('den', { since: 6, epoch })).recovered, false);
});

test('a backup is the copy, the key and the files, and a start says when these are missing', async (t) => {
    const server = await start(t);
    const alice = await member(t, server, 'alice', 'den');
    const files = [];
    for (const name of ['one.txt', 'two.txt']) files.push(await share(server, alice, 'den', name, name));
    await alice.ok('message', { room: 'den', content: '', files: files.map((one) => one.id) });
    const copy = path.join(folder(), 'copy.db');
    await done('backup', copy, '--data', dataOf(server));
    assert.ok(!server.stderr.includes('not on the disk'));

    const again = await startServer(t, restore(server, copy, 'files'));
    const back = await connectAgain(t, again, alice);
    await back.join('den');
    for (const file of files) assert.equal((await download(again, back, file)).text, file.name);
    assert.ok(!again.stderr.includes('not on the disk'));

    const bare = await startServer(t, restore(server, copy));
    const said = bare.stderr.split('\n').filter((line) => line.includes('not on the disk'));
    assert.equal(said.length, 1, bare.stderr);
    assert.match(said[0], /level=warn .* missing=2$/);
});

for (const store of STORES) {
    test(`${store}: an export has what was said, in lines`, async (t) => {
        const server = await start(t, ...await kept(store));
        const alice = await member(t, server, 'alice', 'a "room"');
        const bob = await member(t, server, 'bob', 'a "room"');
        const room = 'a "room"';
        const first = await alice.ok('message', { room, content: 'line 1\nline 2 "☕"' });
        const second = await bob.ok('message', { room, content: 'two', replyTo: 1 });
        await alice.ok('message', { room, content: 'three' });
        await alice.ok('message', { room, content: 'four' });
        for (const [who, emoji] of [[bob, '👍'], [alice, 'x'], [alice, '👍']]) await who.ok('react', { room, seq: 1, emoji });
        const { editedTs } = await alice.ok('edit', { room, seq: 3, content: 'three!' });
        await alice.ok('delete', { room, seq: 4 });
        const [a, b] = [alice, bob].map((one) => one.welcome.userId);
        const lines = await exported(server, room);
        assert.equal(typeof lines[0].id, 'string');
        for (const line of lines) delete line.id;
        assert.deepEqual(lines.slice(0, 3), [
            {
                room, seq: 1, ts: first.ts, userId: a, username: 'alice', content: 'line 1\nline 2 "☕"',
                reactions: [{ emoji: '👍', users: [b, a] }, { emoji: 'x', users: [a] }],
            },
            { room, seq: 2, ts: second.ts, userId: b, username: 'bob', content: 'two', replyTo: 1 },
            { room, seq: 3, ts: lines[2].ts, userId: a, username: 'alice', content: 'three!', editedTs },
        ]);
        assert.equal(lines.length, 4);
        assert.equal(lines[3].content, '');
        assert.equal(lines[3].deleted, true);
        await server.stop(); // and it needs no server
        assert.equal((await exported(server, room)).length, 4);
    });

    test(`${store}: an export has all that the wire has`, async (t) => {
        const server = await start(t, ...await kept(store));
        const [alice, bob] = [await connect(t, server, { username: 'alice' }), await connect(t, server, { username: 'bob' })];
        await alice.ok('create', { room: 'den' });
        for (const one of [alice, bob]) await one.join('den');
        const files = [];
        for (const name of ['one.txt', 'two.txt', 'three.txt', 'four.txt']) files.push((await share(server, alice, 'den', name, name)).id);
        await alice.ok('message', { room: 'den', content: '', files: files.slice(0, 2) });
        await alice.ok('message', { room: 'den', content: '@bob and @room', files: [files[2]], replyTo: 1 });
        await bob.ok('react', { room: 'den', seq: 2, emoji: 'x' });
        await alice.ok('edit', { room: 'den', seq: 2, content: 'look' });
        await alice.ok('message', { room: 'den', content: '@bob', files: [files[3]] });
        await alice.ok('delete', { room: 'den', seq: 3 });
        const { messages } = await bob.ok('history', { room: 'den' });
        const lines = await exported(server, 'den');
        assert.deepEqual(messages[1].files.map(({ id, name, size }) => ({ id, name, size })), [{ id: files[2], name: 'three.txt', size: 9 }]);
        assert.deepEqual(lines[1].reactions, [{ emoji: 'x', users: [bob.welcome.userId] }]);
        assert.deepEqual(lines[1].mentions, [bob.welcome.userId]);
        assert.equal(typeof lines[1].id, 'string'); // which on the wire the sender alone has
        for (const one of [...messages, ...lines]) for (const name of ['type', 'id', 'reactions']) delete one[name];
        assert.deepEqual(lines, messages);
        for (const name of ['files', 'mentionsRoom', 'replyTo', 'editedTs']) assert.ok(name in lines[1], name);
    });

    test(`${store}: what can be exported is listed`, async (t) => {
        const server = await start(t, ...await kept(store));
        const list = async () => {
            const { stdout, stderr } = await done('export', '--list', ...whereOf(server));
            assert.equal(stderr, '');
            return stdout.split('\n').slice(0, -1).map((line) => JSON.parse(line));
        };
        assert.deepEqual(await list(), []);
        const alice = await member(t, server, 'alice', 'den');
        const bob = await member(t, server, 'bob', 'a "room"');
        await alice.ok('create', { room: 'club' }); // where nothing was said
        const first = await alice.ok('message', { room: 'den', content: 'one' });
        await alice.ok('message', { room: 'den', content: 'two' });
        const last = await alice.ok('message', { room: 'den', content: 'three' });
        await alice.ok('delete', { room: 'den', seq: 3 });
        const only = await bob.ok('message', { room: 'a "room"', content: 'one' });
        const rows = [
            { room: 'a "room"', first: 1, last: 1, firstTs: only.ts, lastTs: only.ts },
            { room: 'den', first: 1, last: 3, firstTs: first.ts, lastTs: last.ts },
        ];
        assert.deepEqual(await list(), rows);
        const pair = await alice.ok('dm', { to: 'bob', content: 'psst' });
        assert.deepEqual((await list()).map((row) => row.room).sort(), [...rows.map((row) => row.room), pair.room].sort());
        for (const { room } of await list()) await exported(server, room); // each can be had
    });

    test(`${store}: an erasure is told beforehand, and a name is not an id`, async (t) => {
        const server = await start(t, ...await kept(store));
        const alice = await member(t, server, 'alice', 'den');
        const bob = await member(t, server, 'bob', 'den');
        const carol = await member(t, server, 'carol', 'den');
        const dave = await member(t, server, 'dave', 'den'); // comes and reads
        await alice.ok('create', { room: 'club' });
        await alice.join('club');
        await alice.ok('invite', { room: 'club', user: 'bob' });
        await alice.ok('ban', { room: 'club', user: 'carol' });
        await alice.ok('block', { user: 'carol' });
        await alice.ok('dm', { to: 'bob', content: 'psst' });
        const file = await share(server, alice, 'den', 'words.txt', 'words');
        await alice.ok('message', { room: 'den', content: '@alice and @bob', files: [file.id] });
        await bob.ok('message', { room: 'den', content: '@alice and @carol' });
        await bob.ok('react', { room: 'den', seq: 1, emoji: 'x' });
        await carol.ok('react', { room: 'den', seq: 1, emoji: 'x' });
        await alice.ok('react', { room: 'den', seq: 1, emoji: 'x' });
        await alice.ok('read', { room: 'den', seq: 2 });
        await dave.ok('read', { room: 'den', seq: 1 });
        const where = whereOf(server), id = alice.welcome.userId;
        const named = new RegExp(`'Alice' is a name, and --user wants the id: ${id} \\(2 messages, last seen \\d{4}-\\d\\d-\\d\\d\\)`);
        await fails(2, named, 'erase', '--user', 'Alice', ...where); // also while the server runs
        await fails(2, named, 'erase', '--user', 'Alice', '--dry-run', ...where);
        assert.match((await done('erase', '--user', id, '--dry-run', ...where)).stderr, /: 2 messages, /);
        await server.stop();
        await fails(2, named, 'erase', '--user', 'Alice', ...where);
        for (const name of ['nobody', 'dave']) {
            const none = new RegExp(`nothing is kept of a user with the id '${name}', and nobody of that name said anything, .* read markers.* by id alone\\n$`);
            await fails(1, none, 'erase', '--user', name, ...where);
            await fails(1, none, 'erase', '--user', name, '--dry-run', ...where);
        }
        assert.match((await done('erase', '--user', dave.welcome.userId, '--dry-run', ...where)).stderr, /: 0 mentions, 1 read marker$/m);

        const told = await done('erase', '--dry-run', '--user', id, ...where);
        assert.equal(told.stdout, '');
        const [head, ...rows] = told.stderr.split('\n');
        assert.equal(head, 'hubbub erase: nothing is erased yet; without --dry-run it would be:');
        const again = await done('erase', '--dry-run', '--user', id, ...where);
        assert.equal(again.stderr, told.stderr, 'nothing has changed');
        for (const row of [/2 messages, 1 reaction, 1 rank, 1 name in ledgers$/, /1 mention, 1 read marker$/,
            /1 file, 2 reactions of others to the messages$/, /0 invitations, 1 block$/, /1 conversation stays/,
            /: 2 .*by the user stay/, /1 room has no owner/])
            assert.ok(rows.some((one) => row.test(one)), `${row} in ${told.stderr}`);
        assert.deepEqual(readdirSync(path.join(dataOf(server), 'files')), [file.id]);
        const erased = await done('erase', '--user', id, ...where);
        assert.deepEqual(erased.stderr.split('\n'), rows, 'as it was told');
    });

    test(`${store}: a user is forgotten when no server runs`, async (t) => {
        const server = await start(t, ...await kept(store));
        const alice = await member(t, server, 'alice', 'den');
        const bob = await member(t, server, 'bob', 'den');
        await alice.ok('create', { room: 'club' });
        for (const one of [alice, bob]) await one.ok('message', { room: 'den', content: `the words of ${one.name}` });
        await alice.ok('react', { room: 'den', seq: 2, emoji: 'x' });
        await bob.ok('react', { room: 'den', seq: 2, emoji: 'x' });
        const files = [];
        for (const one of [alice, bob]) files.push(await share(server, one, 'den', 'words.txt', `the words of ${one.name}`));
        const user = ['--user', alice.welcome.userId, ...whereOf(server)];
        await fails(1, /in use by another server.*: stop it first/, 'erase', ...user);
        await server.stop();
        const { stderr, stdout } = await done('erase', ...user);
        assert.equal(stdout, '');
        assert.match(stderr, /^hubbub erase: 1 message, 1 reaction, 1 rank, \d+ names? in ledgers$/m);
        assert.match(stderr, /^hubbub erase: 1 file, 0 reactions of others/m);
        assert.match(stderr, /^hubbub erase: 1 room has no owner any more/m);
        assert.deepEqual(readdirSync(path.join(dataOf(server), 'files')), [files[1].id]);
        for (const file of readdirSync(dataOf(server), { recursive: true })) {
            if (file === 'files') continue; // a directory
            const bytes = readFileSync(path.join(dataOf(server), file));
            for (const trace of ['words of alice', alice.welcome.userId]) assert.ok(!bytes.includes(trace), `${trace} in ${file}`);
        }
        await fails(1, /nothing is kept of a user with the id/, 'erase', ...user);

        const again = await startAgain(t, server);
        const back = await connectAgain(t, again, bob);
        await back.join('den');
        const { messages } = await back.ok('history', { room: 'den' });
        assert.deepEqual(messages.map(({ seq, username, content, deleted }) => ({ seq, username, content, deleted })), [
            { seq: 1, username: 'erased', content: '', deleted: true },
            { seq: 2, username: 'bob', content: 'the words of bob', deleted: undefined },
        ]);
        assert.deepEqual(messages[1].reactions, [{ emoji: 'x', count: 1, mine: true }]);
    });
}

test('what pg_dump has copied lives on elsewhere', async (t) => {
    const [from, to] = [await newDatabase(), await newDatabase()];
    const server = await start(t, '--store', from);
    const alice = await member(t, server, 'alice', 'den');
    await alice.ok('create', { room: 'club', title: 'The club' });
    for (const content of count(5)) await alice.ok('message', { room: 'den', content });
    await alice.ok('react', { room: 'den', seq: 1, emoji: 'x' });
    await alice.join('club');
    const file = await share(server, alice, 'club', 'words.txt', 'words');
    await alice.ok('message', { room: 'club', content: '', files: [file.id] });
    const { epoch } = alice.joined;
    await copyDatabase(from, to);
    await alice.ok('message', { room: 'den', content: 'lost' });
    await server.stop();

    const args = restore(server, null, 'files', 'files.origin').map((word) => (word === from ? to : word));
    const again = await startServer(t, args);
    assert.ok(!again.stderr.includes('not on the disk'));
    const back = await connectAgain(t, again, alice);
    assert.equal((await back.join('club')).title, 'The club');
    assert.equal((await download(again, back, file)).text, 'words');
    assert.equal((await back.join('den', { since: 6, epoch })).recovered, false);
    assert.deepEqual(textsOf((await back.ok('history', { room: 'den' })).messages), count(5));
    assert.deepEqual((await back.ok('search', { query: '3' })).messages.map((one) => one.seq), [3]);
    assert.equal((await back.ok('message', { room: 'den', content: 'on' })).seq, 6);
});

test('what cannot be done is told in one line, and nothing is made', async (t) => {
    const nowhere = path.join(folder(), 'nowhere');
    for (const args of [['backup', path.join(folder(), 'copy')], ['export', '--room', 'den'], ['erase', '--user', 'u1']])
        await fails(1, /cannot read .*hubbub\.db: No such file or directory/, ...args, '--data', nowhere);
    assert.ok(!existsSync(nowhere));
    await fails(2, /the file must be named/, 'backup');
    await fails(2, /want --name value/, 'backup', 'one', 'two');
    await fails(2, /--room must say which/, 'export');
    await fails(2, /--room: 1 to 64 bytes/, 'export', '--room', '');
    await fails(2, /--user must say whom/, 'erase');
    await fails(2, /--list stand alone/, 'export', '--list', '--room', 'den');
    await fails(1, /cannot read .*hubbub\.db: No such file/, 'export', '--list', '--data', nowhere);
    await fails(1, /cannot read .*hubbub\.db: No such file/, 'erase', '--dry-run', '--user', 'u1', '--data', nowhere);
    await fails(2, /--dry-run: no such option/, 'export', '--dry-run', 'x');
    await fails(2, /--usr: no such option/, 'erase', '--usr', 'u1');
    await fails(2, /--data: wants a value/, 'export', '--data');
    await fails(1, /it is in PostgreSQL: use pg_dump/, 'backup', 'x', '--store', 'postgres://h/d');
    await fails(1, /cannot read .*backlog\.db: No such file/, 'erase', '--user', 'u1', '--data', nowhere, '--store', 'postgres://h/d');
    await fails(1, /cannot use the database of --store: /, 'export', '--room', 'den', '--store', 'postgres://u@/d?host=/nowhere');
    await fails(2, /--store: no such option/, 'token', '--store', 'memory');
    const server = await start(t);
    const where = ['--data', dataOf(server)];
    const taken = path.join(dataOf(server), 'hubbub.db');
    await fails(1, /is there already/, 'backup', taken, ...where);
    await fails(1, /there is no log of a room 'den'/, 'export', '--room', 'den', ...where);
    for (const name of ['backup', 'export', 'erase'])
        assert.match((await done(name, '--help')).stdout, new RegExp(`^Usage: hubbub ${name} [^]+--data DIR`));
    for (const [name, args] of [['backup', ['x']], ['export', ['--room', 'x']], ['erase', ['--user', 'x']]]) {
        const end = await runToEnd([name, ...args], { env: { HUBBUB_STORE: 'memory' } });
        assert.equal(end.code, 1);
        assert.match(end.stderr, /a server with --store memory keeps nothing/);
    }
});

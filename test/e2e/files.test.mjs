/*
 * Files: sent, said, fetched by those who may read the room, and gone with what said them; what the database has to do with it, in both.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bearing, member, people } from './support/client.mjs';
import { download, onDisk, png, session, share, upload } from './support/files.mjs';
import { back, data, directory } from './support/log.mjs';
import { kept, STORES } from './support/postgres.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const SHAPE = /^[0-9a-f]{32}$/;
const sum = (bytes) => createHash('sha256').update(bytes).digest('hex');
const refused = (answer, status, code) => {
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.json().error.code, code);
};

for (const store of STORES) {
    const where = async (...args) => data(...await kept(store), ...args);

    test(`${store}: a file is sent, said, heard, fetched, and there after a restart`, async (t) => {
        const first = await startServer(t, await where());
        const { alice, bob } = await people(t, first, 'alice', 'bob');
        await alice.ok('create', { room: 'hall' });
        await alice.join('hall');
        await bob.join('hall');
        assert.equal(alice.welcome.limits.maxFile, 8 << 20);

        const bytes = randomBytes(300_000);
        const file = await share(first, alice, 'hall', 'notes.bin', bytes);
        assert.match(file.id, SHAPE);
        assert.deepEqual({ ...file, id: '' }, { id: '', name: 'notes.bin', type: 'application/octet-stream', size: bytes.length });
        refused(await download(first, bob, file), 404, 'unknown_file'); // it is alice's until she says it
        assert.equal(sum((await download(first, alice, file)).bytes), sum(bytes));

        const { seq } = await alice.ok('message', { room: 'hall', content: '', files: [file.id] });
        const heard = await bob.next({ type: 'message', seq });
        assert.deepEqual([heard.content, heard.files], ['', [file]]);
        const got = await download(first, bob, file);
        assert.equal(got.status, 200);
        assert.equal(sum(got.bytes), sum(bytes));
        assert.equal(got.headers['content-type'], 'application/octet-stream');
        assert.match(got.headers['content-disposition'], /^attachment; filename="notes\.bin"/);
        assert.equal(got.headers['x-content-type-options'], 'nosniff');
        assert.match(got.headers['content-security-policy'], /default-src 'none'; sandbox/);
        assert.match(got.headers['cache-control'], /private/);

        const server = await startAgain(t, first);
        const now = await back(t, server, alice, bob);
        await now.bob.join('hall');
        const { messages } = await now.bob.ok('history', { room: 'hall' });
        assert.deepEqual(messages[0].files, [file]);
        assert.equal(sum((await download(server, now.bob, file)).bytes), sum(bytes));
        assert.deepEqual(onDisk(server), [file.id]);
    });

    test(`${store}: a file is said once, by its sender, in its room, and repeating the message says it no second time`, async (t) => {
        const server = await startServer(t, await where());
        const { alice, bob } = await people(t, server, 'alice', 'bob');
        for (const one of [alice, bob]) for (const room of ['hall', 'other']) await one.join(room);
        const file = await share(server, alice, 'hall', 'a.txt', 'a text');
        assert.equal(file.type, 'text/plain');
        await bob.refused('unknown_file', 'message', { room: 'hall', content: 'mine', files: [file.id] });
        await alice.refused('unknown_file', 'message', { room: 'other', content: 'here', files: [file.id] });
        await alice.refused('unknown_file', 'message', { room: 'hall', content: 'guessed', files: ['0'.repeat(32)] });

        const ask = (fields) => { alice.send({ type: 'message', id: 'once', room: 'hall', content: 'look', ...fields }); return alice.next({ id: 'once' }); };
        const { seq } = await ask({ files: [file.id] });
        assert.deepEqual([(await ask({ files: [file.id] })).seq, (await ask({ files: [file.id] })).dup], [seq, true]);
        assert.equal((await ask({})).code, 'conflict');
        await alice.refused('unknown_file', 'message', { room: 'hall', content: 'again', files: [file.id] });

        for (const files of [[], 'x', [file.id, file.id], ['../../etc/passwd'], [1], Array(11).fill(0).map((_, i) => String(i).padStart(32, '0'))])
            await alice.refused('bad_request', 'message', { room: 'hall', content: 'x', files });
        await alice.refused('bad_request', 'message', { room: 'hall', content: '' });
        const ten = [];
        for (let i = 0; i < 10; i++) ten.push((await share(server, alice, 'hall', `${i}.txt`, `text ${i}`)).id);
        const many = await alice.ok('message', { room: 'hall', content: 'ten', files: ten });
        assert.deepEqual((await bob.next({ type: 'message', seq: many.seq })).files.map((one) => one.id), ten);
    });

    test(`${store}: files go with their message: deleted, edited not, destroyed, too old; and their room counts again`, async (t) => {
        const server = await startServer(t, await where('--file-quota', '100K'));
        const alice = await member(t, server, 'alice', 'hall');
        const say = async (room, name, bytes) => {
            const file = await share(server, alice, room, name, bytes);
            return { file, seq: (await alice.ok('message', { room, content: name, files: [file.id] })).seq };
        };
        const gone = (file) => until(async () => (await download(server, alice, file)).status === 404 && !onDisk(server).includes(file.id), `${file.name} gone`);
        const one = await say('hall', 'one', randomBytes(60_000));
        refused(await upload(server, alice, 'hall', 'two', randomBytes(60_000)), 507, 'quota_exceeded');
        await alice.ok('edit', { room: 'hall', seq: one.seq, content: 'other words' });
        assert.deepEqual((await alice.ok('history', { room: 'hall' })).messages[0].files, [one.file]);
        await alice.ok('delete', { room: 'hall', seq: one.seq });
        assert.equal((await alice.ok('history', { room: 'hall' })).messages[0].files, undefined);
        await gone(one.file);

        await alice.ok('create', { room: 'kept' });
        await alice.join('kept');
        const two = await say('kept', 'two', randomBytes(60_000));
        const waiting = await share(server, alice, 'kept', 'unsaid', 'x');
        await alice.ok('destroy', { room: 'kept' });
        await gone(two.file);
        await gone(waiting);
        await server.metricUntil('hubbub_files_removed_total', (n) => n === 3);
    });

    test(`${store}: the oldest messages of a room take their files along`, async (t) => {
        const server = await startServer(t, await where('--retain-messages', '2'));
        const alice = await member(t, server, 'alice', 'hall');
        const file = await share(server, alice, 'hall', 'old', 'old');
        await alice.ok('message', { room: 'hall', content: 'old', files: [file.id] });
        for (let i = 0; i < 4; i++) await alice.ok('message', { room: 'hall', content: `new ${i}` });
        await until(async () => onDisk(server).length === 0, 'the file of a message that is not kept gone');
        refused(await download(server, alice, file), 404, 'unknown_file');
    });

    test(`${store}: what no row knows is swept at the start, and what was said stays`, async (t) => {
        const first = await startServer(t, await where());
        const alice = await member(t, first, 'alice', 'hall');
        const said = await share(first, alice, 'hall', 'said', 'said');
        await alice.ok('message', { room: 'hall', content: 'x', files: [said.id] });
        const waiting = await share(first, alice, 'hall', 'waiting', 'waiting');
        await first.kill();
        for (const name of [`${'a'.repeat(32)}.part`, 'b'.repeat(32), `${'c'.repeat(32)}.webp`, 'stray'])
            writeFileSync(path.join(directory(first), 'files', name), 'left by a crash');
        const server = await startServer(t, first.args, { port: first.port });
        assert.deepEqual(onDisk(server), [said.id, waiting.id].sort());
        const again = (await back(t, server, alice)).alice;
        await again.join('hall');
        await again.ok('message', { room: 'hall', content: 'said now', files: [waiting.id] }); // it waited through the crash
    });
}

test('who may send and read: rooms that are private, have a password, are left, or ban', async (t) => {
    const server = await startServer(t, data());
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    await alice.ok('create', { room: 'cellar', visibility: 'private' });
    await alice.join('cellar');
    await alice.ok('add', { room: 'cellar', user: bob.welcome.userId });
    const file = await share(server, alice, 'cellar', 'plan.txt', 'the plan');
    await alice.ok('message', { room: 'cellar', content: 'x', files: [file.id] });
    assert.equal((await download(server, bob, file)).status, 200);
    refused(await download(server, carol, file), 404, 'unknown_file');
    refused(await download(server, null, file), 404, 'unknown_file');
    refused(await upload(server, carol, 'cellar', 'x', 'x'), 404, 'no_such_room');
    assert.equal((await download(server, null, file, { headers: bearing(bob.token) })).status, 200);

    await alice.ok('create', { room: 'vault', password: 'sesame' });
    await alice.join('vault');
    const secret = await share(server, alice, 'vault', 'secret.txt', 'secret');
    await alice.ok('message', { room: 'vault', content: 'x', files: [secret.id] });
    refused(await download(server, carol, secret), 403, 'not_member');
    await carol.join('vault', { password: 'sesame' });
    assert.equal((await download(server, carol, secret)).status, 200);
    await alice.ok('mute', { room: 'vault', user: 'carol' });
    refused(await upload(server, carol, 'vault', 'x', 'x'), 403, 'muted');
    await alice.ok('ban', { room: 'vault', user: 'carol' });
    refused(await download(server, carol, secret), 403, 'banned');

    refused(await upload(server, alice, 'vault', 'x', 'x', { headers: {} }), 401, 'not_authenticated');
    refused(await upload(server, alice, 'vault', 'x', 'x', { headers: { Authorization: 'Session nobody' } }), 404, 'unknown_session');
    refused(await upload(server, alice, 'vault', 'x', 'x', { headers: { Authorization: `Session ${'x'.repeat(500)}` } }), 404, 'unknown_session');
    refused(await upload(server, alice, 'vault', 'x', 'x', { headers: { ...session(alice), Origin: 'https://elsewhere.example' } }), 403, 'forbidden');
    assert.equal((await upload(server, alice, 'vault', 'x', 'x', { headers: bearing(alice.token) })).status, 200);
});

test('a part of a file, the head of it, and what is known already', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'hall');
    const bytes = randomBytes(200_000);
    const file = await share(server, alice, 'hall', 'r', bytes);
    for (const [range, status, from, to] of [
        ['bytes=0-0', 206, 0, 1], ['bytes=100-199', 206, 100, 200], ['bytes=199999-', 206, 199999, 200000],
        ['bytes=-10', 206, 199990, 200000], ['bytes=-300000', 206, 0, 200000], ['bytes=5-999999999', 206, 5, 200000],
        ['bytes=0-', 206, 0, 200000],
        ['bytes=200000-', 416], ['bytes=-0', 416], ['bytes=999999999999999999-', 416],
        ['bytes=5-4', 200, 0, 200000], ['bytes=0-1,3-4', 200, 0, 200000], ['bytes=--1', 200, 0, 200000], ['bytes=', 200, 0, 200000],
        ['bytes=-', 200, 0, 200000], ['bytes=a-b', 200, 0, 200000], ['lines=1-2', 200, 0, 200000],
        [`bytes=${'9'.repeat(40)}-`, 200, 0, 200000], ['bytes=99999999999999999999-', 200, 0, 200000],
    ]) {
        const answer = await download(server, alice, file, { headers: { Range: range } });
        assert.equal(answer.status, status, range);
        if (status === 416) assert.equal(answer.headers['content-range'], 'bytes */200000');
        else assert.ok(answer.bytes.equals(bytes.subarray(from, to)), range);
        if (status === 206) assert.equal(answer.headers['content-range'], `bytes ${from}-${to - 1}/200000`);
    }
    const head = await download(server, alice, file, { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers['content-length'], head.bytes.length], [200, '200000', 0]);
    const same = await download(server, alice, file, { headers: { 'If-None-Match': head.headers.etag } });
    assert.deepEqual([same.status, same.bytes.length], [304, 0]);
    const any = await download(server, alice, file, { headers: { 'If-None-Match': '*', Range: 'bytes=0-9' } });
    assert.deepEqual([any.status, any.bytes.length, any.headers['content-range']], [304, 0, undefined]);
});

test('a room full of pictures can be looked at, but not on and on', async (t) => {
    const server = await startServer(t, data('--rate-limits'));
    const alice = await member(t, server, 'alice', 'hall');
    const file = await share(server, alice, 'hall', 'a.txt', 'hello');
    const statuses = [];
    const fetchAll = async () => statuses.push((await download(server, alice, file)).status);
    await Promise.all(Array.from({ length: 200 }, fetchAll));
    assert.ok(statuses.every((status) => status === 200), String(statuses));
    for (let n = 0; n < 5000 && !statuses.includes(429); n += 100) await Promise.all(Array.from({ length: 100 }, fetchAll));
    assert.ok(statuses.includes(429));
    await alice.ok('message', { room: 'hall', content: 'still here' });
});

test('who hears of a file can have it, though the disk does not know yet that it was said', async (t) => {
    const server = await startServer(t, data());
    const [alice, bob] = [await member(t, server, 'alice', 'hall'), await member(t, server, 'bob', 'hall')];
    for (let i = 0; i < 20; i++) {
        const file = await share(server, alice, 'hall', `${i}.txt`, `number ${i}`);
        assert.equal((await download(server, bob, file)).status, 404, 'nobody has said it');
        alice.send({ type: 'message', room: 'hall', content: '', files: [file.id] });
        const [heard] = (await bob.next({ type: 'message', room: 'hall' })).files;
        const answer = await download(server, bob, heard);
        assert.deepEqual([answer.status, answer.text], [200, `number ${i}`]);
    }
});

test('pictures get thumbnails, and say how large they are', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'hall');
    const file = await share(server, alice, 'hall', 'lines.png', png(1200, 600));
    assert.deepEqual({ ...file, id: '', size: 0 },
        { id: '', name: 'lines.png', type: 'image/png', size: 0, width: 1200, height: 600, thumbnail: true });
    await alice.ok('message', { room: 'hall', content: '', files: [file.id] });
    const small = await download(server, alice, file, { part: 'thumbnail' });
    assert.equal(small.headers['content-type'], 'image/webp');
    assert.match(small.headers['content-disposition'], /^inline/);
    assert.equal(small.bytes.subarray(8, 12).toString(), 'WEBP');
    assert.match((await download(server, alice, file)).headers['content-disposition'], /^inline/);
    assert.deepEqual(onDisk(server), [file.id, `${file.id}.webp`]);
    await alice.ok('delete', { room: 'hall', seq: 1 });
    await until(async () => onDisk(server).length === 0, 'the picture and its thumbnail gone');
});

test('without a store, or when it is told so, there are no files', async (t) => {
    for (const args of [[], data('--max-file', '0')]) {
        const server = await startServer(t, args);
        const alice = await member(t, server, 'alice', 'hall');
        assert.equal(alice.welcome.limits.maxFile, undefined);
        refused(await upload(server, alice, 'hall', 'x', 'x'), 403, 'forbidden');
        refused(await server.request(`/files/${'0'.repeat(32)}/x`), 404, 'unknown_file');
    }
});


/*
 * Files that are meant to do harm, and senders that do: none costs more than its own upload.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { test } from 'node:test';
import { connect, member } from './support/client.mjs';
import { badDisk } from './support/disk.mjs';
import { bomb, download, onDisk, png, session, share, upload } from './support/files.mjs';
import { data } from './support/log.mjs';
import { startServer } from './support/server.mjs';
import { until, within } from './support/wait.mjs';

const refused = (answer, status, code) => {
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.json().error.code, code);
};

/* An upload by hand: {socket, text(), ended}. */
function begin(t, server, client, length, { extra = '', path = '/files?room=hall&name=x' } = {}) {
    const socket = net.connect(server.port, '127.0.0.1');
    const one = { socket, text: '' };
    one.ended = new Promise((resolve) => socket.once('close', resolve));
    socket.on('data', (bytes) => { one.text += bytes; });
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${session(client).Authorization}\r\n`
        + (length === null ? '' : `Content-Length: ${length}\r\n`) + `${extra}\r\n`);
    return one;
}

const status = (one) => Number(/^HTTP\/1\.1 (\d+)/.exec(one.text)?.[1]);
const quiet = (server) => server.metricUntil('hubbub_uploads', (n) => n === 0, 'no upload under way');

test('what is more than it may be is refused before it is sent, or as soon as it is', async (t) => {
    const server = await startServer(t, data('--max-file', '100K'));
    const alice = await member(t, server, 'alice', 'hall');
    const large = begin(t, server, alice, 102401); // no byte of it is sent
    await within(large.ended, 'the end of what is too large');
    assert.equal(status(large), 413);
    refused(await upload(server, alice, 'hall', 'x', randomBytes(102401)), 413, 'too_large');
    const huge = begin(t, server, alice, '999999999999999');
    await within(huge.ended, 'the end of what is huge');
    assert.equal(status(huge), 413);
    // a sender that does not stop to listen hears why, and is not read for ever
    const deaf = begin(t, server, alice, 50 << 20);
    const flood = Buffer.alloc(1 << 20);
    const pour = () => { while (!deaf.socket.destroyed && deaf.socket.write(flood)); };
    deaf.socket.on('drain', pour);
    pour();
    await within(deaf.ended, 'the end of a flood');
    assert.equal(status(deaf), 413);
    assert.equal((await upload(server, alice, 'hall', 'x', randomBytes(102400))).status, 200);
    assert.equal(onDisk(server).length, 1);
});

test('lengths that lie, bodies that have none, forms, and methods', async (t) => {
    const server = await startServer(t, data('--upload-wait', '500ms'));
    const alice = await member(t, server, 'alice', 'hall');
    for (const [length, extra, want] of [
        [null, '', 400], ['0', '', 400], ['-1', '', 400], ['1x', '', 400], ['1, 1', '', 400], ['9'.repeat(30), '', 400],
        [null, 'Transfer-Encoding: chunked\r\n', 400], ['5', 'Transfer-Encoding: chunked\r\n', 400],
        ['5', 'Content-Type: multipart/form-data; boundary=x\r\n', 415], ['5', 'Content-Type: Multipart/mixed\r\n', 415],
    ]) {
        const one = begin(t, server, alice, length, { extra });
        one.socket.end('hello');
        await within(one.ended, `the end of ${length} ${extra}`);
        assert.equal(status(one), want, `${length} ${extra}: ${one.text}`);
        assert.ok(one.text.includes(JSON.stringify(want === 415 ? 'unsupported' : 'bad_request')), one.text);
    }
    const short = begin(t, server, alice, 1000);
    short.socket.end('too short'); // the end of what it says, not of what it hears
    await within(short.ended, 'the end of what is too short');
    const gone = begin(t, server, alice, 1000);
    gone.socket.write('half');
    await server.metricUntil('hubbub_uploads', (n) => n > 0);
    gone.socket.destroy();
    await quiet(server);
    // what is behind the body is the next request, not the file
    const two = begin(t, server, alice, 5);
    two.socket.write('helloGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await within(two.ended, 'two answers');
    assert.match(two.text, /"size":5[\s\S]*\r\n\r\nok\n$/);
    for (const method of ['PUT', 'DELETE', 'GET']) assert.equal((await server.request('/files', { method })).status, 405);
    for (const room of ['', ' x', 'x'.repeat(65), '\u0000', '\u202e'.repeat(3)])
        assert.ok([400, 404, 'ECONNRESET'].includes(await upload(server, alice, room, 'x', 'x').then((answer) => answer.status, (error) => error.code)), JSON.stringify(room));
    assert.equal(onDisk(server).length, 1);
});

test('a sender that asks first is told to go on, or why not', async (t) => {
    const server = await startServer(t, data('--max-file', '100K'));
    const alice = await member(t, server, 'alice', 'hall');
    const polite = begin(t, server, alice, 5, { extra: 'Expect: 100-continue\r\nConnection: close\r\n' });
    await until(() => /^HTTP\/1\.1 100 Continue\r\n\r\n/.test(polite.text), 'to be told to go on');
    polite.socket.write('hello');
    await within(polite.ended, 'the answer');
    assert.match(polite.text, /\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*"size":5/);
    const large = begin(t, server, alice, 200000, { extra: 'Expect: 100-continue\r\n' });
    await within(large.ended, 'the refusal');
    assert.equal(status(large), 413);
});

test('slow senders: one that stops, and one that trickles; others go on meanwhile', async (t) => {
    const server = await startServer(t, data('--upload-wait', '1s')); // 3 s at any speed, 40 s in all
    const alice = await member(t, server, 'alice', 'hall');
    const bob = await member(t, server, 'bob', 'hall');
    const still = begin(t, server, alice, 100000);
    still.socket.write('a beginning');
    const slow = begin(t, server, alice, 100000);
    const tick = setInterval(() => slow.socket.write('x'), 20);
    t.after(() => clearInterval(tick));
    await within(still.ended, 'the end of one that stopped');
    assert.equal(status(still), 408);
    assert.ok(await share(server, bob, 'hall', 'quick', 'quick'));
    await within(slow.ended, 'the end of one that trickles');
    assert.equal(status(slow), 408);
    await quiet(server);
    assert.equal(onDisk(server).length, 1);
});

test('no more than three at once of one user, and their room counts while they are under way', async (t) => {
    const server = await startServer(t, data('--file-quota', '1M'));
    const alice = await member(t, server, 'alice', 'hall');
    const bob = await member(t, server, 'bob', 'hall');
    const some = [1, 2, 3].map(() => begin(t, server, alice, 300000));
    await server.metricUntil('hubbub_uploads', (n) => n === 3);
    refused(await upload(server, alice, 'hall', 'x', 'x'), 429, 'rate_limited');
    assert.ok(await share(server, bob, 'hall', 'x', 'x'));
    some.pop().socket.destroy();
    await server.metricUntil('hubbub_uploads', (n) => n === 2);
    refused(await upload(server, alice, 'hall', 'x', randomBytes(500000)), 507, 'quota_exceeded');
    for (const one of some) one.socket.end(randomBytes(300000));
    for (const one of some) await within(one.ended, 'an upload');
    assert.deepEqual(some.map(status), [200, 200]);
    refused(await upload(server, alice, 'hall', 'x', randomBytes(500000)), 507, 'quota_exceeded');
    await quiet(server);
    assert.equal(onDisk(server).length, 3);
});

test('types are what the bytes are, and nothing that a browser would run is shown in place', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'hall');
    const gif = Buffer.from('GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;', 'latin1');
    const script = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
    for (const [name, bytes, type, inside] of [
        ['page.png', '<!DOCTYPE html><html><script>alert(1)</script></html>', 'text/html', false],
        ['drawing.svg', `<?xml version="1.0"?>${script}`, 'image/svg+xml', false],
        ['drawing.png', script, 'image/svg+xml', false],
        ['code.jpg', '#!/bin/sh\nrm -rf /\n', 'text/x-shellscript', false],
        ['paper.pdf', '%PDF-1.4\n%\u00e2\u00e3\n1 0 obj\n<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>\nendobj\n', 'application/pdf', false],
        ['both.gif', Buffer.concat([gif, Buffer.from('<script>alert(1)</script>')]), 'image/gif', true], // a polyglot: an image to whoever looks
        ['almost.gif', 'GIF89/*<script>*/=alert(1)', null, false],
        ['webp', 'RIFFxxxxWEBQ', null, false],
        ['nothing.bin', Buffer.alloc(1000), 'application/octet-stream', false],
    ]) {
        const file = await share(server, alice, 'hall', name, bytes);
        if (type) assert.equal(file.type, type, name);
        const got = await download(server, alice, file);
        assert.ok(got.bytes.equals(Buffer.from(bytes)), name);
        assert.equal(got.headers['content-disposition'].startsWith('inline'), inside, name);
        assert.equal(got.headers['x-content-type-options'], 'nosniff');
        assert.match(got.headers['content-security-policy'], /default-src 'none'; sandbox;/);
        assert.equal(got.headers['cross-origin-resource-policy'], 'same-origin');
        if (!inside) assert.equal(file.thumbnail, undefined, name);
    }
});

test('images that unpack to more than there is cost nobody anything, and are files like others', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'hall');
    const before = server.proc();
    const whole = png(200, 200);
    for (const [name, bytes] of [
        ['wide.png', bomb(1_000_000, 1_000_000, 1 << 20)],
        ['deep.png', bomb(30_000, 30_000, 1 << 20)],
        ['late.png', bomb(8000, 8000, 60 << 20)], // may be decoded, for as long as it is allowed to
        ['cut.png', whole.subarray(0, whole.length / 2)],
        ['broken.png', Buffer.concat([whole.subarray(0, 60), randomBytes(200)])],
        ['empty.png', whole.subarray(0, 8)],
        ['trap.jpg', Buffer.concat([Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'), randomBytes(5000)])],
        ['trap.webp', Buffer.concat([Buffer.from('RIFF\xff\xff\xff\x7fWEBPVP8L', 'latin1'), randomBytes(5000)])],
        ['trap.gif', Buffer.concat([Buffer.from('GIF89a\xff\xff\xff\xff\xf7\x00\x00', 'latin1'), randomBytes(5000)])],
    ]) {
        const file = await share(server, alice, 'hall', name, bytes);
        assert.ok((await download(server, alice, file)).bytes.equals(bytes), name);
        if (file.thumbnail) assert.equal((await download(server, alice, file, { part: 'thumbnail' })).headers['content-type'], 'image/webp');
        else assert.equal((await download(server, alice, file, { part: 'thumbnail' })).status, 404, name);
        if (/wide|deep|empty/.test(name)) assert.equal(file.thumbnail, undefined, name);
    }
    assert.ok(server.proc().rss - before.rss < 64 << 20, `${before.rss} grew to ${server.proc().rss}`);
    assert.equal((await share(server, alice, 'hall', 'good.png', whole)).thumbnail, true);
    await until(() => server.proc().fds <= before.fds + 1, 'no descriptor left open');
});

test('names are only names', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'hall');
    for (const [wish, name] of [
        ['../../../etc/passwd', 'passwd'], ['C:\\temp\\a.txt', 'a.txt'], ['..', 'file'], ['', 'file'], ['.htaccess', 'htaccess'],
        ['photo\u202Egpj.exe', 'photogpj.exe'], ['"; filename="evil.exe', '__ filename=_evil.exe'],
        ['käse 🎉.txt', 'käse 🎉.txt'], ['thumbnail', '_thumbnail'], ['x'.repeat(4000) + '.txt', `${'x'.repeat(116)}.txt`],
    ]) {
        const file = await share(server, alice, 'hall', wish, 'text');
        assert.equal(file.name, name);
        const got = await download(server, alice, file);
        assert.equal(got.text, 'text', wish);
        assert.equal(got.headers['set-cookie'], undefined);
        assert.ok(got.headers['content-disposition'].endsWith(`filename*=UTF-8''${encodeURIComponent(name).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`), got.headers['content-disposition']);
    }
    refused(await upload(server, alice, 'hall', 'a\r\nSet-Cookie: x=1', 'text'), 400, 'bad_request');
    assert.ok(onDisk(server).every((name) => /^[0-9a-f]{32}$/.test(name)));
});

test('ids are not to be guessed, and paths lead nowhere else', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'hall');
    const file = await share(server, alice, 'hall', 'x', 'x');
    await alice.ok('message', { room: 'hall', content: 'x', files: [file.id] });
    const headers = session(alice);
    const near = file.id.slice(0, 31) + (file.id.endsWith('0') ? '1' : '0');
    for (const target of ['/files/', `/files/${near}/x`, `/files/${file.id.toUpperCase()}/x`.replace(/[A-F]|$/, 'A'), `/files/${file.id}.part/x`,
        `/files/${file.id}.webp`, '/files/../hubbub.db', '/files/%2e%2e/hubbub.db', '/files/..%2Fhubbub.db', `/files/${file.id}%00/x`, '/files//x',
        `/files/${'0'.repeat(31)}/x`, `/files/${'a'.repeat(4000)}`, `/files/${file.id}/../../hubbub.db`, `/files/${file.id}/thumbnail`])
        assert.ok([400, 404, 'ECONNRESET'].includes(await server.request(target, { headers }).then((answer) => answer.status, (error) => error.code)), target);
    assert.equal((await server.request(`/files/${file.id}`, { headers })).text, 'x');
    assert.equal((await server.request(`/files/${file.id}/any/thing`, { headers })).text, 'x');
});

test('a disk that is full: said so, nothing left behind, and files are taken again when there is room', async (t) => {
    const disk = badDisk();
    disk.calm();
    const server = await startServer(t, data(), { env: disk.env });
    const alice = await member(t, server, 'alice', 'hall');
    disk.be(0, 1);
    refused(await upload(server, alice, 'hall', 'x', randomBytes(300000)), 507, 'disk_full');
    assert.equal((await server.request('/healthz')).status, 200);
    assert.deepEqual(onDisk(server), []);
    disk.calm();
    let file;
    await until(async () => {
        const answer = await upload(server, alice, 'hall', 'x', 'now');
        file = answer.status === 200 && answer.json().file;
        return file;
    }, 'a file to be taken');
    await alice.ok('message', { room: 'hall', content: 'x', files: [file.id] });
    // now and then full: each upload is whole, or refused and gone
    disk.be(0, 4);
    let taken = 1;
    for (let i = 0; i < 30; i++) {
        const answer = await upload(server, alice, 'hall', 'x', randomBytes(50000));
        if (answer.status === 200) taken++;
        else assert.ok([503, 507].includes(answer.status), answer.text);
    }
    disk.calm();
    await until(() => onDisk(server).length === taken, () => `${onDisk(server).length} files, ${taken} were taken`);
});

test('what is removed while the disk takes nothing is given to nobody, whoever has the room then', async (t) => {
    const disk = badDisk();
    const server = await startServer(t, data(), { env: disk.env });
    t.after(() => disk.calm());
    const alice = await connect(t, server, { username: 'alice' }), bob = await connect(t, server, { username: 'bob' });
    const has = async (who, file) => (await download(server, who, file)).status;
    await alice.ok('create', { room: 'den', visibility: 'private' });
    await alice.join('den');
    const files = [];
    for (const name of ['first', 'second', 'unsaid']) files.push(await share(server, alice, 'den', name, name));
    for (const [i, file] of files.slice(0, 2).entries())
        assert.equal((await alice.ok('message', { room: 'den', content: '', files: [file.id] })).seq, i + 1);
    const { room } = await alice.ok('dm', { to: 'bob', content: 'psst' });
    const between = await share(server, alice, room, 'between', 'us');
    await alice.join(room);
    await alice.ok('message', { room, content: '', files: [between.id] });
    assert.equal(await has(bob, between), 200);

    disk.be(0, 1);
    await alice.refused('unavailable', 'delete', { room: 'den', seq: 1 }); // done, but not saved
    assert.deepEqual([await has(alice, files[0]), await has(alice, files[1])], [404, 200]);
    await alice.refused('unavailable', 'delete', { room, seq: 2 });
    assert.equal(await has(bob, between), 404);
    await alice.refused('unavailable', 'destroy', { room: 'den' });
    await bob.join('den'); // another room, open to all
    for (const file of files) assert.equal(await has(bob, file), 404);
});

test('many that come and go at once leave nothing behind', async (t) => {
    const server = await startServer(t, data('--upload-wait', '5s'));
    const users = await Promise.all(Array.from({ length: 12 }, (_, i) => member(t, server, `user${i}`, 'hall')));
    let kept = 0;
    await Promise.all(users.map(async (user, i) => {
        for (let k = 0; k < 6; k++) {
            if ((i + k) % 3 === 0) {
                const one = begin(t, server, user, 50000);
                one.socket.write(randomBytes(20000));
                one.socket.destroySoon();
            } else {
                const answer = await upload(server, user, 'hall', `${i}-${k}`, randomBytes(40000));
                if (answer.status === 200) kept++;
                else assert.equal(answer.status, 429, answer.text); // those that were cut off count until it is noticed
            }
        }
    }));
    assert.ok(kept > 0);
    await server.metricUntil('hubbub_uploads_total', (n) => n === kept);
    // one that was cut off may be noticed later than the last that was taken, or only now begin
    await until(() => onDisk(server).length === kept, () => `${onDisk(server)}: ${kept} were taken`);
    await server.stop();
    assert.equal(onDisk(server).length, kept);
});

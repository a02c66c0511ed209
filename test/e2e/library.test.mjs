/*
 * The client library, web/hubbub.js, in Node and from disk, against the real server. Lines break at a chosen
 * moment by the WebSocket that is passed in. Who one is and what one may is in library-people.test.mjs; what the
 * real server cannot be brought to say at will in library-script.test.mjs.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import vm from 'node:vm';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { Storage, brittle, code, event, makeHub, onlineHub, said, state, texts } from './support/hub.mjs';
import { folder, startAgain, startServer } from './support/server.mjs';
import { until, within } from './support/wait.mjs';

test('connect, join, say, members, rooms, leave', async (t) => {
    const server = await startServer(t);
    const alice = await onlineHub(t, server, 'alice');
    assert.equal(alice.state, 'online');
    assert.equal(alice.username, 'alice');
    assert.ok(alice.userId && alice.session && alice.limits.maxMessage > 0);

    const reply = await alice.join('lobby');
    assert.equal(reply.room, 'lobby');
    const room = alice.rooms.get('lobby');
    assert.deepEqual([room.name, room.seq, room.count, room.joined], ['lobby', 0, 1, true]);

    const bob = await onlineHub(t, server, 'bob', 'lobby');
    await until(() => room.count === 2, 'alice counts bob');

    const heard = said(bob, 'hello');
    const message = alice.say('lobby', 'hello');
    const confirmed = await message;
    assert.equal(message.state, 'confirmed');
    assert.equal(message.seq, 1);
    assert.equal(confirmed.seq, 1);
    assert.equal((await heard).userId, alice.userId);
    await until(() => room.seq === 1 && bob.rooms.get('lobby').seq === 1, 'both know the last message');

    const { members } = await alice.members('lobby');
    assert.deepEqual(members.map((one) => one.username).sort(), ['alice', 'bob']);
    const { rooms } = await alice.list('lob');
    assert.deepEqual(rooms.map((one) => one.room), ['lobby']);

    const typing = event(alice, 'typing');
    bob.typing('lobby', true);
    assert.equal((await typing).state, 'active');

    const parted = event(bob, 'parted');
    await bob.leave('lobby');
    assert.deepEqual(await parted, { type: 'parted', room: 'lobby', why: 'left' });
    assert.equal(bob.rooms.size, 0);
    await until(() => room.count === 1, 'alice counts one less');
});

test('requests: errors of the server, unknown rooms, offline, too large', async (t) => {
    const server = await startServer(t);
    const alice = await onlineHub(t, server, 'alice', 'lobby');
    await assert.rejects(alice.request('dance'), code('unknown_type'));
    await assert.rejects(alice.join('\u0007'), code('invalid_room'));
    await assert.rejects(alice.members('nowhere'), code('no_such_room'));
    await assert.rejects(alice.say('nowhere', 'hello'), code('not_in_room'));
    await assert.rejects(alice.say('lobby', 'x'.repeat(alice.limits.maxMessage)), code('too_large'));
    await assert.rejects(alice.join('x'.repeat(alice.limits.maxMessage)), code('too_large'));
    assert.deepEqual(alice.outbox, []);

    alice.close();
    assert.equal(alice.state, 'closed');
    await assert.rejects(alice.list(), (error) => code('offline')(error) && error.sent === false);
    await assert.rejects(alice.join('lobby'), code('offline'));
});

test('events: on, off, once, all, and one that throws', async (t) => {
    const server = await startServer(t);
    const alice = await onlineHub(t, server, 'alice', 'lobby');
    const seen = [];
    const off = alice.on('message', () => seen.push('on'));
    const counted = () => seen.push('counted');
    alice.on('message', counted);
    alice.once('message', () => seen.push('once'));
    await alice.say('lobby', 'one');
    await until(() => seen.length === 3, 'three handlers');
    off();
    alice.off('message', counted);
    const end = said(alice, 'two');
    await alice.say('lobby', 'two');
    await end;
    assert.deepEqual(seen, ['on', 'counted', 'once']);

    // In a process of its own a handler's error would end it; here the test runner would count it.
    const errors = [];
    const context = { module: { exports: {} }, queueMicrotask: (act) => { try { act(); } catch (e) { errors.push(e); } },
        URL, TextEncoder, setTimeout, clearTimeout };
    vm.runInNewContext(readFileSync(new URL('../../web/hubbub.js', import.meta.url), 'utf8'), context);
    const other = new context.module.exports({ url: server.ws(), WebSocket, storage: null });
    t.after(() => other.close());
    other.on('state', () => { throw new Error('mine'); });
    await within(other.connect(), 'a welcome in spite of a handler that throws');
    assert.ok(errors.length >= 2 && errors.every((error) => error.message === 'mine'));
});

test('an address that is none ends it at once', async (t) => {
    const hub = makeHub(t, 'ws://not an address');
    await assert.rejects(hub.connect(), code('invalid_url'));
    assert.equal(hub.state, 'closed');
});

test('the server stops and starts again: back in the rooms, what was said meanwhile arrives in order', async (t) => {
    const server = await startServer(t);
    const alice = await onlineHub(t, server, 'alice', 'lobby');
    await alice.join('kitchen');
    const waiting = state(alice, 'waiting');
    await server.stop();
    const went = await waiting;
    assert.equal(went.code, 1001);
    assert.ok(went.retryAt > 0);
    assert.ok(alice.heard.some((one) => one.type === 'goaway'));
    assert.equal(alice.rooms.get('lobby').joined, false);

    const lines = ['one', 'two', 'three', 'four'];
    const messages = lines.map((text) => alice.say('lobby', text));
    const aside = alice.say('kitchen', 'aside');
    const dropped = alice.say('lobby', 'dropped');
    assert.ok(messages.every((message) => message.state === 'queued'));
    assert.equal(alice.outbox.length, 6);
    assert.equal(dropped.cancel(), true);
    await assert.rejects(dropped, code('cancelled'));

    const again = event(alice, 'joined', (one) => one.room === 'lobby');
    await startServer(t, [], { port: server.port });
    const joined = await again;
    assert.equal(joined.again, true);
    assert.equal(joined.missed, undefined, 'a room of another life');
    for (const message of [...messages, aside]) await within(message, message.text);
    assert.deepEqual(messages.map((message) => message.seq), [1, 2, 3, 4]);
    await until(() => texts(alice).length === 5, 'alice hears all of it');
    assert.deepEqual(texts(alice).filter((text) => text !== 'aside'), lines);
    assert.deepEqual(alice.outbox, []);
    assert.equal(dropped.cancel(), false, 'only once');

    const first = alice.heard.filter((one) => one.type === 'outbox' && one.message === messages[0]);
    assert.equal(first.length, 3, 'queued, sent, confirmed');
});

test('leaving a room while away: it is not entered again', async (t) => {
    const server = await startServer(t);
    const alice = await onlineHub(t, server, 'alice', 'lobby');
    await alice.join('kitchen');
    const waiting = state(alice, 'waiting');
    await server.stop();
    await waiting;
    const lost = alice.say('kitchen', 'never');
    assert.deepEqual(await alice.leave('kitchen'), { room: 'kitchen' });
    await assert.rejects(lost, code('cancelled'));
    const joined = event(alice, 'joined');
    await startServer(t, [], { port: server.port });
    assert.equal((await joined).room, 'lobby');
    const { rooms } = await alice.list();
    assert.deepEqual(rooms.map((row) => row.room), ['lobby']);
});

test('the line breaks before a message has left: it is sent again, once', async (t) => {
    const server = await startServer(t);
    const bob = await onlineHub(t, server, 'bob', 'lobby');
    const line = brittle();
    const alice = await onlineHub(t, server, 'alice', 'lobby', { WebSocket: line.WebSocket });
    await alice.say('lobby', 'before');
    line.lose = (frame) => frame.content === 'lost';
    const message = alice.say('lobby', 'lost');
    const next = alice.say('lobby', 'after');
    await within(next, 'the next one');
    assert.equal(message.state, 'confirmed');
    await until(() => texts(bob).includes('after'), 'bob hears the last');
    assert.deepEqual(texts(bob), ['before', 'lost', 'after']);
    assert.equal(line.opened, 2);
});

test('the reply is lost: the message is sent again, and was said once', async (t) => {
    const server = await startServer(t);
    const bob = await onlineHub(t, server, 'bob', 'lobby');
    const line = brittle();
    const alice = await onlineHub(t, server, 'alice', 'lobby', { WebSocket: line.WebSocket });
    // Neither the reply nor the message as the room hears it comes through.
    let id;
    line.deafen = (frame) => frame.id === id || frame.content === 'heard';
    const message = alice.say('lobby', 'heard');
    id = message.id;
    const next = alice.say('lobby', 'next');
    await within(next, 'the next one');
    assert.equal((await message).dup, true);
    assert.deepEqual([message.seq, message.state, next.seq], [1, 'confirmed', 2]);
    for (const one of [alice, bob]) {
        await until(() => texts(one).includes('next'), 'the next is heard');
        assert.deepEqual(texts(one), ['heard', 'next'], 'not said twice');
    }
    assert.equal(alice.heard.find((one) => one.content === 'heard').outgoing, message);
    assert.equal(alice.heard.filter((one) => one.type === 'joined').pop().missed, 1);
    assert.equal(message.resend(), false);
    assert.deepEqual(alice.outbox, []);
});

test('what the room repeats is told from what others say', async (t) => {
    const server = await startServer(t);
    const bob = await onlineHub(t, server, 'bob', 'lobby');
    const alice = await onlineHub(t, server, 'alice', 'lobby');
    const mine = said(alice, 'same');
    const message = alice.say('lobby', 'same');
    assert.equal((await mine).outgoing, message);
    const other = event(alice, 'message', (one) => one.userId === bob.userId);
    await bob.say('lobby', 'same');
    assert.equal((await other).outgoing, undefined);
});

test('a server that hangs is noticed and left', async (t) => {
    const server = await startServer(t);
    const alice = await onlineHub(t, server, 'alice', 'lobby', { ping: 5, pingTimeout: 1000 });
    const waiting = state(alice, 'waiting');
    server.signal('SIGSTOP');
    assert.equal((await waiting).code, 4008);
    const again = event(alice, 'joined');
    server.signal('SIGCONT');
    assert.equal((await again).room, 'lobby');
});

test('retry() does not wait for the backoff, close() does not come back', async (t) => {
    const server = await startServer(t);
    const never = { min: 1e8, max: 1e9 };
    const alice = await onlineHub(t, server, 'alice', 'lobby', { backoff: never });
    const waiting = state(alice, 'waiting');
    await server.stop();
    await waiting;
    const next = await startServer(t, [], { port: server.port });
    assert.equal(alice.state, 'waiting');
    alice.retry();
    await event(alice, 'joined');

    const left = alice.say('nowhere', 'never');
    alice.close();
    await assert.rejects(left, code('cancelled'));
    assert.equal(alice.state, 'closed');
    assert.equal(alice.rooms.size, 0);
    await next.metricUntil('hubbub_sessions', (n) => n === 0, 0);
    await alice.connect();
    assert.equal(alice.rooms.size, 0, 'a new beginning');
});

test('without autoReconnect a lost connection is the end', async (t) => {
    const server = await startServer(t);
    const alice = await onlineHub(t, server, 'alice', 'lobby', { autoReconnect: false });
    const closed = state(alice, 'closed');
    await server.stop();
    assert.equal((await closed).code, 1001);
});

test('a connection that was never there: connect() waits, close() rejects it', async (t) => {
    const server = await startServer(t);
    await server.stop();
    const alice = makeHub(t, server.ws(), { username: 'alice' });
    const promise = alice.connect();
    assert.equal(alice.connect(), promise);
    await state(alice, 'waiting');
    alice.close();
    await assert.rejects(promise, code('offline'));
});

test('storage that forbids everything is no obstacle', async (t) => {
    const forbidden = { getItem() { throw new Error('no'); }, setItem() { throw new Error('no'); }, removeItem() { throw new Error('no'); } };
    const server = await startServer(t);
    await onlineHub(t, server, 'alice', 'lobby', { storage: forbidden });
});

/* What was missed */

test('a server with a log starts again: what was said goes on, nothing is missing and nothing comes twice', async (t) => {
    let server = await startServer(t, ['--data', folder()]);
    const alice = await onlineHub(t, server, 'alice', 'lobby');
    const bob = await onlineHub(t, server, 'bob');
    await bob.join('lobby', { history: 50 });
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    for (const [i, text] of lines.entries()) {
        if (i === 15) await server.kill(); // not in the midst: what is heard and not yet kept would be void after that
        const message = alice.say('lobby', text);
        if (i % 10 === 5) server = await startAgain(t, server); // which stops it, in the midst of it
        const { seq } = await within(message, text);
        assert.equal(seq, i + 1);
    }
    for (const hub of [alice, bob]) {
        await until(() => texts(hub).length === 30, `${hub.username} hears all`);
        assert.deepEqual(texts(hub), lines);
        assert.deepEqual(hub.heard.filter((one) => one.type === 'gap' || one.type === 'reset'), []);
        assert.ok(hub.heard.filter((one) => one.type === 'joined' && one.again).every((one) => one.recovered));
    }
});

test('lines that break all the time: everybody hears everything, once and in order', async (t) => {
    const server = await startServer(t, ['--data', folder(), '--history-memory', '20']);
    const lines = ['alice', 'bob', 'carol'].map(() => brittle());
    const hubs = await Promise.all(['alice', 'bob', 'carol'].map((name, i) => onlineHub(t, server, name, 'lobby', { WebSocket: lines[i].WebSocket })));
    const each = 60;
    await Promise.all(hubs.map(async (hub, i) => {
        for (let n = 0; n < each; n++) {
            const breaks = (n + i) % 4, message = hub.say('lobby', `${hub.username} ${n}`);
            if (breaks === 0) lines[i].lose = (frame) => frame.type === 'message';
            if (breaks === 1) lines[i].deafen = (frame) => frame.type === 'ok' && frame.seq !== undefined;
            if (breaks === 2) lines[i].deafen = (frame) => frame.type === 'message';
            await within(message, message.text);
        }
        Object.assign(lines[i], { lose: null, deafen: null });
    }));
    assert.ok(lines.every((line) => line.opened > each / 2), 'they did break');
    for (const hub of hubs) await until(() => texts(hub).length >= 3 * each, () => `${hub.username} hears all, not ${texts(hub).length}`);
    for (const hub of hubs) {
        const heard = hub.heard.filter((one) => one.type === 'message');
        assert.deepEqual(heard.map((one) => one.seq), Array.from({ length: 3 * each }, (_, i) => i + 1));
        assert.deepEqual(texts(hub), texts(hubs[0]));
        const own = heard.filter((one) => one.userId === hub.userId);
        assert.deepEqual(own.map((one) => one.content), Array.from({ length: each }, (_, n) => `${hub.username} ${n}`));
        assert.deepEqual(hub.heard.filter((one) => one.type === 'gap' || one.type === 'reset'), []);
    }
});

test('more than fits is a gap that history() fills; another log is a reset', async (t) => {
    const server = await startServer(t, ['--data', folder()]);
    const alice = await onlineHub(t, server, 'alice', 'lobby');
    const line = brittle();
    const bob = await onlineHub(t, server, 'bob', undefined, { WebSocket: line.WebSocket, backoff: { min: 1e8, max: 1e9 } });
    await bob.join('lobby', { history: 10 });
    await alice.say('lobby', 'first');
    await until(() => texts(bob).length === 1, 'bob hears it');
    const away = async (act) => {
        const waiting = state(bob, 'waiting');
        line.lose = () => true;
        bob.request('ping').catch(() => {});
        await waiting;
        await act();
        const again = event(bob, 'joined');
        bob.retry();
        return again;
    };
    const gap = event(bob, 'gap');
    const joined = await away(() => Promise.all(Array.from({ length: 400 }, (_, i) => alice.request('message', { room: 'lobby', content: `line ${i}` }))));
    assert.deepEqual([joined.missed, joined.recovered], [400, true]);
    const { from, to, kept } = await gap;
    assert.deepEqual([from, to, kept], [2, 101, true]);
    await until(() => bob.rooms.get('lobby').seq === 401, 'bob is up to date');
    const { messages } = await bob.history('lobby', { after: from - 1, limit: to - from + 1 });
    assert.deepEqual(messages.map((one) => one.seq), Array.from({ length: 100 }, (_, i) => i + 2));

    bob.heard.length = 0;
    const other = await away(async () => {
        await alice.leave('lobby');
        await alice.create('lobby');
        await alice.join('lobby');
        await alice.say('lobby', 'a new beginning');
    });
    assert.deepEqual([other.missed, other.recovered, other.seq], [undefined, false, 1]);
    await until(() => texts(bob).length === 1, 'bob hears the new one');
    assert.deepEqual(bob.heard.map((one) => one.type).filter((type) => ['reset', 'joined', 'message'].includes(type)), ['reset', 'joined', 'message']);

    const reply = await alice.say('lobby', 'indeed', { replyTo: 1 });
    const edited = event(bob, 'edit'), reaction = event(bob, 'reaction');
    await alice.edit('lobby', reply.seq, 'so it is');
    assert.equal((await alice.react('lobby', 1, '☕')).count, 1);
    assert.deepEqual([(await edited).content, (await reaction).emoji], ['so it is', '☕']);
    assert.equal((await alice.react('lobby', 1, '☕', { remove: true })).count, 0);
    const last = (await alice.history('lobby')).messages.at(-1);
    assert.deepEqual([last.content, last.replyTo], ['so it is', 1]);
});

test('how far one has read, in two tabs, and who is mentioned', async (t) => {
    const server = await startServer(t);
    const storage = new Storage();
    const alice = await onlineHub(t, server, 'alice', 'lobby', { storage });
    const tab = await onlineHub(t, server, 'alice', 'lobby', { storage });
    assert.equal(tab.userId, alice.userId);
    assert.equal(alice.rooms.get('lobby').read, 0);
    const bob = await onlineHub(t, server, 'bob', 'lobby');
    const meant = event(tab, 'message', (one) => one.mentions !== undefined);
    await bob.say('lobby', 'hello @alice');
    await bob.say('lobby', 'and @room');
    assert.deepEqual((await meant).mentions, [alice.userId]);

    const heard = event(tab, 'read');
    assert.equal((await alice.read('lobby', 2)).seq, 2);
    assert.deepEqual(await heard, { type: 'read', room: 'lobby', seq: 2 });
    assert.equal(tab.rooms.get('lobby').read, 2);
    const third = await onlineHub(t, server, 'alice', 'lobby', { storage });
    assert.equal(third.rooms.get('lobby').read, 2);
    await assert.rejects(alice.read('lobby', 0), code('bad_request'));

    assert.deepEqual((await alice.mentions()).messages.map((one) => one.content), ['hello @alice']);
    assert.deepEqual((await alice.mentions({ limit: 1 })).messages.length, 1);
    assert.deepEqual((await bob.mentions()).messages, []);
});

test('a bot shares a file as the manual has it', async (t) => {
    const near = (name) => fileURLToPath(new URL(name, import.meta.url));
    const server = await startServer(t, ['--data', path.join(folder(), 'data')]);
    const alice = await onlineHub(t, server, 'alice');
    await alice.join('lobby');
    const heard = event(alice, 'message');

    const home = folder();
    const [, example] = /```js\n(import \{ readFile \}[^]*?)```/.exec(readFileSync(near('../../web/README.md'), 'utf8'));
    assert.ok(example.includes("'http://localhost:8080'"));
    writeFileSync(path.join(home, 'bot.mjs'), example.replace('http://localhost:8080', server.http()));
    writeFileSync(path.join(home, 'report.pdf'), 'the figures');
    copyFileSync(near('../../web/static/hubbub.js'), path.join(home, 'hubbub.cjs'));
    symlinkSync(near('../node_modules'), path.join(home, 'node_modules'));
    const bot = spawn(process.execPath, ['bot.mjs'], { cwd: home, stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => bot.kill('SIGKILL'));
    let stderr = '';
    bot.stderr.on('data', (bytes) => { stderr += bytes; });
    const status = await within(new Promise((resolve) => bot.on('close', resolve)), 'the end of the bot');
    assert.deepEqual([status, stderr], [0, '']);
    const { username, content, files } = await heard;
    assert.deepEqual([username, content, files[0].name, files[0].size], ['bot', 'the report', 'report.pdf', 11]);
});

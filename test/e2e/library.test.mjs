/*
 * The client library, web/hubbub.js, in Node against the real server: every line that breaks here is
 * broken at a chosen moment by the WebSocket that is passed in. What the real server cannot be brought
 * to say at will (close codes, refusals for now) is said by a scripted one.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import vm from 'node:vm';
import WebSocket, { WebSocketServer } from 'ws';
import Hubbub from '../../web/hubbub.js';
import { startServer } from './support/server.mjs';
import { until, within } from './support/wait.mjs';

const OFTEN = { min: 1, max: 50 };

/* localStorage as far as the library needs it. */
class Storage {
    constructor() { this.all = new Map(); }
    getItem(key) { return this.all.has(key) ? this.all.get(key) : null; }
    setItem(key, value) { this.all.set(key, String(value)); }
    removeItem(key) { this.all.delete(key); }
}

/* A hub that is closed after the test, with all its events in `heard`. */
function make(t, url, options = {}) {
    const hub = new Hubbub({ url, WebSocket, storage: null, backoff: OFTEN, ...options });
    hub.heard = [];
    hub.on('*', (event) => hub.heard.push(event));
    t.after(() => hub.close());
    return hub;
}

async function online(t, server, username, room, options) {
    const hub = make(t, typeof server === 'string' ? server : server.ws(), { username, ...options });
    await within(hub.connect(), `the welcome of ${username}`);
    if (room) await within(hub.join(room), `${username} in ${room}`);
    return hub;
}

/* The next event of this type, from now on, that passes the test. */
function event(hub, type, passes = () => true) {
    return within(new Promise((resolve) => {
        const off = hub.on(type, (one) => {
            if (!passes(one)) return;
            off();
            resolve(one);
        });
    }), `an event ${type} ${passes}`);
}

const state = (hub, wanted) => event(hub, 'state', (one) => one.state === wanted);
const said = (hub, content) => event(hub, 'message', (one) => one.content === content);
const texts = (hub) => hub.heard.filter((one) => one.type === 'message').map((one) => one.content);
const code = (wanted) => (error) => error instanceof Hubbub.Error && error.code === wanted;

/* A WebSocket whose line breaks where a test wants it: `line.lose` looks at what is to be sent, `line.deafen`
 * at what comes; when they say so, it and all that follows are lost, and the line is cut. */
function brittle() {
    const line = { lose: null, deafen: null, opened: 0 };
    line.WebSocket = class extends WebSocket {
        constructor(...args) {
            super(...args);
            line.opened++;
        }

        send(text) {
            if (!this.cut && line.lose && line.lose(JSON.parse(text))) this.#cut();
            if (!this.cut) super.send(text);
        }

        set onmessage(handler) {
            super.onmessage = (event) => {
                if (!this.cut && line.deafen && line.deafen(JSON.parse(event.data))) this.#cut();
                if (!this.cut) handler(event);
            };
        }

        #cut() {
            this.cut = true;
            line.lose = null;
            line.deafen = null;
            this.terminate();
        }
    };
    return line;
}

/* A server that says what the test makes it say: act(request, socket, n) for each frame of the nth connection. */
async function scripted(t, { greet = () => {}, act = () => {} }) {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    t.after(() => {
        for (const socket of server.clients) socket.terminate();
        server.close();
    });
    const script = { sockets: server.clients, url: `ws://127.0.0.1:${server.address().port}/ws`, requests: [], tokens: [] };
    server.on('connection', (socket, request) => {
        script.tokens.push(new URL(request.url, script.url).searchParams.get('token'));
        const nth = script.tokens.length;
        socket.tell = (frame) => socket.send(JSON.stringify(frame));
        socket.welcome = (more) => socket.tell({ type: 'welcome', session: 's', userId: 'u1', username: 'alice',
            limits: { maxMessage: 1000 }, ...more });
        socket.on('message', (data) => {
            const frame = JSON.parse(data);
            script.requests.push(frame);
            const reply = act(frame, socket, nth);
            if (reply) socket.tell({ type: 'ok', id: frame.id, room: frame.room, ...reply });
        });
        if (greet(socket, nth) === undefined) socket.welcome();
    });
    return script;
}

test('connect, join, say, members, rooms, leave', async (t) => {
    const server = await startServer(t);
    const alice = await online(t, server, 'alice');
    assert.equal(alice.state, 'online');
    assert.equal(alice.username, 'alice');
    assert.ok(alice.userId && alice.session && alice.limits.maxMessage > 0);

    const reply = await alice.join('lobby');
    assert.equal(reply.room, 'lobby');
    const room = alice.rooms.get('lobby');
    assert.deepEqual([room.name, room.seq, room.count, room.joined], ['lobby', 0, 1, true]);

    const bob = await online(t, server, 'bob', 'lobby');
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
    const alice = await online(t, server, 'alice', 'lobby');
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

test('a request without an answer ends after its time, or with the connection', async (t) => {
    const script = await scripted(t, {});
    const hub = await online(t, script.url, 'alice');
    await assert.rejects(hub.request('members', {}, { timeout: 1 }), (error) => code('timeout')(error) && error.sent);
    const last = hub.list();
    hub.close();
    await assert.rejects(last, (error) => code('offline')(error) && error.sent);
});

test('events: on, off, once, all, and one that throws', async (t) => {
    const server = await startServer(t);
    const alice = await online(t, server, 'alice', 'lobby');
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

test('a page gets the global Hubbub, node a module', () => {
    assert.equal(createRequire(import.meta.url)('../../web/hubbub.js'), Hubbub);
    const source = readFileSync(new URL('../../web/static/hubbub.js', import.meta.url), 'utf8');
    const page = { URL, TextEncoder, WebSocket, location: new URL('http://chat.example/'), setTimeout, clearTimeout };
    vm.runInNewContext(source, page);
    assert.equal(typeof page.Hubbub, 'function');
    assert.equal(new page.Hubbub().url, 'ws://chat.example/ws');
    const disk = { URL, TextEncoder, WebSocket, location: new URL('file:///chat/index.html') };
    vm.runInNewContext(source, disk);
    assert.throws(() => new disk.Hubbub(), /url is missing/);
    assert.throws(() => new page.Hubbub.prototype.constructor.call(), TypeError);
    for (const url of ['localhost:8080', 'http://localhost:8080', 'ws://localhost:8080/', 'ws://localhost:8080/ws']) {
        assert.equal(new disk.Hubbub({ url }).url, 'ws://localhost:8080/ws');
    }
    assert.equal(new disk.Hubbub({ url: 'https://chat.example/a/ws' }).url, 'wss://chat.example/a/ws');
});

test('an address that is none ends it at once', async (t) => {
    const hub = make(t, 'ws://not an address');
    await assert.rejects(hub.connect(), code('invalid_url'));
    assert.equal(hub.state, 'closed');
});

test('the server stops and starts again: back in the rooms, what was said meanwhile arrives in order', async (t) => {
    const server = await startServer(t);
    const alice = await online(t, server, 'alice', 'lobby');
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
    const alice = await online(t, server, 'alice', 'lobby');
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
    const bob = await online(t, server, 'bob', 'lobby');
    const line = brittle();
    const alice = await online(t, server, 'alice', 'lobby', { WebSocket: line.WebSocket });
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

test('the reply is lost, and others spoke: the message is unsure, those behind it go on', async (t) => {
    const server = await startServer(t);
    const bob = await online(t, server, 'bob', 'lobby');
    const line = brittle();
    const alice = await online(t, server, 'alice', 'lobby', { WebSocket: line.WebSocket });
    // Neither the reply nor the message as the room hears it comes through.
    let id;
    line.deafen = (frame) => frame.id === id || frame.content === 'heard';
    const message = alice.say('lobby', 'heard');
    id = message.id;
    const next = alice.say('lobby', 'next');
    await within(next, 'the next one');
    assert.equal(message.state, 'unsure');
    assert.deepEqual(alice.outbox, [message]);
    await until(() => texts(bob).includes('next'), 'bob hears the next');
    assert.deepEqual(texts(bob), ['heard', 'next'], 'not said twice');
    const joined = alice.heard.filter((one) => one.type === 'joined').pop();
    assert.equal(joined.missed, 1);

    assert.equal(message.resend(), true, 'only people can decide');
    await within(message, 'said again');
    assert.equal(message.resend(), false);
    await until(() => texts(bob).length === 3, 'bob hears it again');
    assert.deepEqual(alice.outbox, []);
});

test('the reply is lost, but the room was heard repeating it: confirmed', async (t) => {
    const script = await scripted(t, {
        act: (frame, socket, nth) => {
            if (frame.type === 'join') return { seq: nth === 1 ? 6 : 7, epoch: 'e', members: 1 };
            if (frame.type !== 'message') return undefined;
            socket.tell({ type: 'message', room: 'lobby', userId: 'u1', username: 'alice', content: frame.content, seq: 7, ts: 9 });
            socket.close(1012);
            return undefined;
        },
    });
    const alice = await online(t, script.url, 'alice', 'lobby');
    const heard = said(alice, 'hello');
    const message = alice.say('lobby', 'hello');
    await within(message, 'confirmed by what the room heard');
    assert.deepEqual([message.state, message.seq, message.ts], ['confirmed', 7, 9]);
    assert.equal((await heard).outgoing, message);
    await event(alice, 'joined');
    assert.equal(script.requests.filter((frame) => frame.type === 'message').length, 1);
});

test('what the room repeats is told from what others say', async (t) => {
    const server = await startServer(t);
    const bob = await online(t, server, 'bob', 'lobby');
    const alice = await online(t, server, 'alice', 'lobby');
    const mine = said(alice, 'same');
    const message = alice.say('lobby', 'same');
    assert.equal((await mine).outgoing, message);
    const other = event(alice, 'message', (one) => one.userId === bob.userId);
    await bob.say('lobby', 'same');
    assert.equal((await other).outgoing, undefined);
});

test('a server that hangs is noticed and left', async (t) => {
    const server = await startServer(t);
    const alice = await online(t, server, 'alice', 'lobby', { ping: 5, pingTimeout: 1000 });
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
    const alice = await online(t, server, 'alice', 'lobby', { backoff: never });
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
    const alice = await online(t, server, 'alice', 'lobby', { autoReconnect: false });
    const closed = state(alice, 'closed');
    await server.stop();
    assert.equal((await closed).code, 1001);
});

test('a connection that was never there: connect() waits, close() rejects it', async (t) => {
    const server = await startServer(t);
    await server.stop();
    const alice = make(t, server.ws(), { username: 'alice' });
    const promise = alice.connect();
    assert.equal(alice.connect(), promise);
    await state(alice, 'waiting');
    alice.close();
    await assert.rejects(promise, code('offline'));
});

test('a page is back at once when the network or the tab is, but not before the server wants it', async (t) => {
    const script = await scripted(t, {
        greet: (socket, nth) => {
            if (nth !== 3) return undefined;
            socket.tell({ type: 'error', code: 'rate_limited', message: 'too much', retryAfter: 1000 });
            socket.close(4029, 'flooding');
            return false;
        },
    });
    const page = new EventTarget();
    const document = new EventTarget();
    document.visibilityState = 'visible';
    const context = { URL, TextEncoder, WebSocket, document, setTimeout, clearTimeout, queueMicrotask,
        addEventListener: page.addEventListener.bind(page), removeEventListener: page.removeEventListener.bind(page) };
    vm.runInNewContext(readFileSync(new URL('../../web/hubbub.js', import.meta.url), 'utf8'), context);
    const hub = new context.Hubbub({ url: script.url, storage: null, backoff: { min: 1e8, max: 1e9 } });
    t.after(() => hub.close());
    await within(hub.connect(), 'a welcome');

    let waiting = state(hub, 'waiting');
    hub.request('ping').catch(() => {});
    const cut = () => { for (const socket of script.sockets) socket.terminate(); };
    cut();
    await waiting;
    document.visibilityState = 'hidden';
    document.dispatchEvent(new Event('visibilitychange'));
    assert.equal(hub.state, 'waiting', 'not when it goes');
    document.visibilityState = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
    assert.equal(hub.state, 'connecting');
    await state(hub, 'online');

    waiting = state(hub, 'waiting');
    cut();
    await waiting;
    waiting = state(hub, 'waiting');
    page.dispatchEvent(new Event('online'));
    const flooded = await waiting;
    assert.deepEqual([flooded.code, flooded.retryAfter], [4029, 1000]);
    page.dispatchEvent(new Event('online'));
    assert.equal(hub.state, 'waiting', 'the server said when');
    hub.retry();
    assert.equal(hub.state, 'connecting', 'people may try');
    await state(hub, 'online');
});

test('a guest token is kept: the same user in the next instance, and dropped when the server refuses it', async (t) => {
    const script = await scripted(t, {
        greet: (socket, nth) => {
            if (nth < 4) return socket.welcome({ token: `t${nth}`, userId: nth < 3 ? 'u1' : 'u2' }), false;
            if (nth === 4) {
                socket.tell({ type: 'error', code: 'not_authenticated', message: 'no such key' });
                socket.close(4001, 'not_authenticated');
                return false;
            }
            return socket.welcome({ token: 't5', userId: 'u3' }), false;
        },
    });
    const storage = new Storage();
    const tab = async (more) => {
        const hub = await online(t, script.url, 'alice', undefined, { storage, ...more });
        hub.close();
        return hub;
    };
    await tab();
    const second = await tab();
    assert.equal(second.token, 't2');
    await tab({ storage: null });
    assert.deepEqual(script.tokens, [null, 't1', null]);
    assert.deepEqual([...storage.all.values()], ['t2']);

    const fourth = await tab();
    assert.deepEqual(script.tokens.slice(3), ['t2', null], 'tried, dropped, tried without');
    assert.equal(fourth.userId, 'u3');
    assert.deepEqual([...storage.all.values()], ['t5']);
    assert.ok(!fourth.heard.some((one) => one.type === 'auth-needed'));
});

test('storage that forbids everything is no obstacle', async (t) => {
    const forbidden = { getItem() { throw new Error('no'); }, setItem() { throw new Error('no'); }, removeItem() { throw new Error('no'); } };
    const server = await startServer(t);
    await online(t, server, 'alice', 'lobby', { storage: forbidden });
});

test('4001 with a token that was given: auth-needed, and on with another', async (t) => {
    const script = await scripted(t, {
        greet: (socket, nth) => {
            if (nth === 2) return undefined;
            socket.tell({ type: 'error', code: 'token_expired', message: 'it has expired' });
            socket.close(4001, 'token_expired');
            return false;
        },
        act: (frame) => frame.type === 'auth' && { userId: 'u1' },
    });
    const hub = make(t, script.url, { token: 'old' });
    const needed = event(hub, 'auth-needed');
    await assert.rejects(hub.connect(), code('offline'));
    assert.equal(hub.state, 'closed');
    assert.deepEqual(await needed, { type: 'auth-needed', code: 'token_expired', message: 'it has expired' });
    await within(hub.auth('new'), 'a welcome for the new token');
    assert.deepEqual(script.tokens, ['old', 'new']);
    await hub.auth('newer');
    assert.deepEqual(script.requests.map((frame) => [frame.type, frame.token]), [['auth', 'newer']]);
    assert.equal(hub.token, 'newer');
});

test('4003: banned, and that is the end', async (t) => {
    const script = await scripted(t, {
        greet: (socket) => {
            socket.tell({ type: 'error', code: 'banned', message: 'not here', retryAfter: 77 });
            socket.close(4003, 'banned');
            return false;
        },
    });
    const hub = make(t, script.url);
    const closed = state(hub, 'closed');
    await assert.rejects(hub.connect(), code('offline'));
    assert.deepEqual(await closed, { type: 'state', state: 'closed', code: 4003, reason: 'banned', retryAfter: 77 });
});

test('4010, 4029, goaway: it waits as long as it is told', async (t) => {
    const script = await scripted(t, {
        greet: (socket, nth) => {
            if (nth === 1) socket.close(4010);
            if (nth === 2) socket.close(4029);
            if (nth < 3) return false;
            socket.welcome();
            socket.tell({ type: 'goaway', reason: 'stopping', retryAfterMs: 1e7 });
            socket.close(1001);
            return false;
        },
    });
    const hub = make(t, script.url);
    hub.connect();
    const least = async (ms) => {
        const before = Date.now();
        assert.ok((await state(hub, 'waiting')).retryAt >= before + ms);
        hub.retry();
    };
    await least(15000);
    await least(10000);
    const before = Date.now();
    const last = await state(hub, 'waiting');
    assert.ok(last.retryAt >= before + 1e7);
});

test('1009, 1003: what the server closed over fails, the rest goes on', async (t) => {
    for (const [closing, blame] of [[1009, 'too_large'], [1003, 'bad_request'], [1007, 'bad_request']]) {
        const script = await scripted(t, {
            act: (frame, socket) => {
                if (frame.type === 'join') return { seq: 0, epoch: 'e', members: 1 };
                if (frame.content === 'poison') socket.close(closing);
                else return { seq: 1, ts: 1 };
                return undefined;
            },
        });
        const hub = await online(t, script.url, 'alice', 'lobby');
        const poison = hub.say('lobby', 'poison');
        const good = hub.say('lobby', 'good');
        await assert.rejects(within(poison, 'its failure'), code(blame));
        await within(good, 'the next one');
        assert.deepEqual([poison.state, good.state], ['failed', 'confirmed']);
        assert.equal(script.requests.filter((frame) => frame.content === 'poison').length, 1);
    }
});

test('slow mode and rates: what is refused for now is sent later, in order', async (t) => {
    let refused = 0;
    let seq = 0;
    const script = await scripted(t, {
        act: (frame, socket) => {
            if (frame.type === 'join') return { seq, epoch: 'e', members: 1 };
            if (++refused > 2) return { seq: ++seq, ts: 1 };
            const why = refused === 1 ? 'slow_mode' : 'rate_limited';
            socket.tell({ type: 'error', id: frame.id, code: why, message: 'later', room: frame.room, retryAfter: 1 });
            return undefined;
        },
    });
    const hub = await online(t, script.url, 'alice', 'lobby');
    const back = event(hub, 'outbox', ({ message }) => message.retryAt > 0);
    const all = ['one', 'two', 'three'].map((text) => hub.say('lobby', text));
    assert.equal((await back).message, all[0]);
    assert.deepEqual(all.map((message) => message.state), ['queued', 'queued', 'queued']);
    for (const message of all) await within(message, message.text);
    assert.deepEqual(all.map((message) => message.seq), [1, 2, 3]);
    const sent = script.requests.filter((frame) => frame.type === 'message');
    assert.deepEqual(sent.map((frame) => frame.content), ['one', 'one', 'one', 'two', 'three']);
    assert.equal(new Set(sent.slice(0, 3).map((frame) => frame.id)).size, 1, 'the same id each time');
});

test('a message without an answer: the line is taken for dead, and the room tells', async (t) => {
    const script = await scripted(t, {
        act: (frame, socket, nth) => {
            if (frame.type === 'join') return { seq: 3, epoch: 'e', members: 1 };
            return nth === 1 ? undefined : { seq: 4, ts: 1 };
        },
    });
    const hub = await online(t, script.url, 'alice', 'lobby', { timeout: 1000 });
    const message = hub.say('lobby', 'hello');
    await within(message, 'sent over the second line');
    assert.equal(script.tokens.length, 2);
    assert.deepEqual(script.requests.map((frame) => frame.type), ['join', 'message', 'join', 'message']);
});

test('rooms are kept current by events; thrown out, destroyed, refused at the return', async (t) => {
    let socket;
    const script = await scripted(t, {
        act: (frame, from, nth) => {
            socket = from;
            if (nth > 1 && frame.room === 'full') {
                from.tell({ type: 'error', id: frame.id, code: 'room_full', message: 'full', room: 'full' });
                return undefined;
            }
            return { seq: 0, epoch: 'e', members: 3, title: 'T', role: 'member', kept: true, password: frame.password };
        },
    });
    const hub = await online(t, script.url, 'alice');
    for (const room of ['a', 'b', 'full']) await hub.join(room, { password: `${room}!` });
    const room = hub.rooms.get('a');
    assert.deepEqual([room.title, room.role, room.kept, room.count], ['T', 'member', true, 3]);
    const tell = async (frame) => {
        const seen = event(hub, frame.type);
        socket.tell(frame);
        return seen;
    };
    await tell({ type: 'room', room: 'a', topic: 'new', slowMode: 5, by: 'bob' });
    assert.deepEqual([room.topic, room.slowMode, room.title], ['new', 5, 'T']);
    await tell({ type: 'moderation', room: 'a', action: 'role', userId: 'u1', role: 'admin', by: 'bob' });
    assert.equal(room.role, 'admin');
    await tell({ type: 'moderation', room: 'a', action: 'mute', userId: 'u1', by: 'bob', until: 99 });
    assert.equal(room.mutedUntil, 99);
    await tell({ type: 'moderation', room: 'a', action: 'undo', undone: 'mute', userId: 'u1', by: 'bob' });
    assert.equal(room.mutedUntil, undefined);
    await tell({ type: 'moderation', room: 'a', action: 'mute', userId: 'u9', by: 'bob' });
    assert.equal(room.mutedUntil, undefined, 'somebody else');
    await tell({ type: 'presence', room: 'a', joined: ['x'], left: [], count: 40 });
    assert.equal(room.count, 40);

    let parted = event(hub, 'parted');
    await tell({ type: 'moderation', room: 'a', action: 'ban', userId: 'u1', by: 'bob', reason: 'spam', until: 5 });
    await tell({ type: 'leave', room: 'a', userId: 'u1', username: 'alice', count: 39 });
    assert.deepEqual(await parted, { type: 'parted', room: 'a', why: 'ban', by: 'bob', reason: 'spam', until: 5 });
    parted = event(hub, 'parted');
    await tell({ type: 'room', room: 'b', destroyed: true, by: 'bob', reason: 'over' });
    assert.deepEqual(await parted, { type: 'parted', room: 'b', why: 'destroyed', by: 'bob', reason: 'over', until: undefined });

    parted = event(hub, 'parted');
    const last = hub.say('full', 'still there?');
    await within(last, 'said');
    socket.terminate();
    assert.equal((await parted).why, 'room_full');
    assert.equal(hub.rooms.size, 0);
    const joins = script.requests.filter((frame) => frame.type === 'join' && frame.room === 'full');
    assert.deepEqual(joins.map((frame) => frame.password), ['full!', 'full!'], 'the password is used again');
});

test('methods make the requests of the protocol', async (t) => {
    const script = await scripted(t, { act: () => ({ reasons: [] }) });
    const hub = await online(t, script.url, 'alice');
    const cases = [
        [hub.create('r', { title: 'T', password: 'p' }), { type: 'create', room: 'r', title: 'T', password: 'p' }],
        [hub.update('r', { slowMode: 3 }), { type: 'update', room: 'r', slowMode: 3 }],
        [hub.settings('r'), { type: 'settings', room: 'r' }],
        [hub.destroy('r', 'over'), { type: 'destroy', room: 'r', reason: 'over' }],
        [hub.invite('r', 'bob'), { type: 'invite', room: 'r', user: 'bob' }],
        [hub.add('r', 'bob'), { type: 'add', room: 'r', user: 'bob' }],
        [hub.remove('r', 'bob'), { type: 'remove', room: 'r', user: 'bob' }],
        [hub.kick('r', 'bob', 'why'), { type: 'kick', room: 'r', user: 'bob', reason: 'why' }],
        [hub.ban('r', 'bob', { seconds: 60 }), { type: 'ban', room: 'r', user: 'bob', seconds: 60 }],
        [hub.ban(null, 'bob', { address: true }), { type: 'ban', user: 'bob', address: true }],
        [hub.unban('r', 'bob'), { type: 'unban', room: 'r', user: 'bob' }],
        [hub.mute('r', 'bob', 'loud', 60), { type: 'mute', room: 'r', user: 'bob', reason: 'loud', seconds: 60 }],
        [hub.unmute('r', 'bob'), { type: 'unmute', room: 'r', user: 'bob' }],
        [hub.role('r', 'bob', 'admin'), { type: 'role', room: 'r', user: 'bob', role: 'admin' }],
        [hub.deleteMessage('r', 7), { type: 'delete', room: 'r', seq: 7 }],
        [hub.ledger('r', { limit: 9 }), { type: 'ledger', room: 'r', limit: 9 }],
        [hub.undo('r', 4), { type: 'undo', room: 'r', entry: 4 }],
        [hub.why('r'), { type: 'why', room: 'r' }],
        [hub.notice('hear'), { type: 'notice', content: 'hear' }],
        [hub.list('q', 'c'), { type: 'rooms', query: 'q', cursor: 'c' }],
    ];
    for (const [reply] of cases) await within(reply, 'a reply');
    const made = script.requests.map(({ id, ...fields }) => fields);
    assert.deepEqual(made, cases.map(([, fields]) => fields));
});

/*
 * The client library, web/hubbub.js, against a server that follows a script: close codes, refusals for now,
 * answers that do not come, events one after the other; and as a page would load it.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import vm from 'node:vm';
import WebSocket from 'ws';
import Hubbub from '../../web/hubbub.js';
import { Storage, code, event, makeHub, onlineHub, scripted, state } from './support/hub.mjs';
import { folder } from './support/server.mjs';
import { until, within } from './support/wait.mjs';

test('a request without an answer ends after its time, or with the connection', async (t) => {
    const script = await scripted(t, {});
    const hub = await onlineHub(t, script.url, 'alice');
    await assert.rejects(hub.request('members', {}, { timeout: 1 }), (error) => code('timeout')(error) && error.sent);
    const last = hub.list();
    hub.close();
    await assert.rejects(last, (error) => code('offline')(error) && error.sent);
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

test('in Node it is imported and required as the manual has it, in packages of either type', () => {
    const manual = readFileSync(new URL('../../web/README.md', import.meta.url), 'utf8');
    const [, imports, requires] = /^(import Hubbub from .*;) \/\/ or: (const Hubbub = require.*;)$/m.exec(manual);
    for (const type of ['module', 'commonjs']) {
        const home = folder();
        writeFileSync(path.join(home, 'package.json'), JSON.stringify({ type }));
        copyFileSync(new URL('../../web/static/hubbub.js', import.meta.url), path.join(home, 'hubbub.cjs'));
        for (const [name, line] of [['a.mjs', imports], ['b.cjs', requires], [type === 'module' ? 'c.js' : 'd.js', type === 'module' ? imports : requires]]) {
            writeFileSync(path.join(home, name), `${line}\nconsole.log(new Hubbub({ url: 'localhost:1', WebSocket: class {} }).url);`);
            assert.equal(execFileSync(process.execPath, [name], { cwd: home, encoding: 'utf8' }), 'ws://localhost:1/ws\n', `${name} in a ${type}`);
        }
    }
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

    script.cut();
    await waiting;
    document.visibilityState = 'hidden';
    document.dispatchEvent(new Event('visibilitychange'));
    assert.equal(hub.state, 'waiting', 'not when it goes');
    document.visibilityState = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
    assert.equal(hub.state, 'connecting');
    await state(hub, 'online');

    waiting = state(hub, 'waiting');
    script.cut();
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
        const hub = await onlineHub(t, script.url, 'alice', undefined, { storage, ...more });
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
    const hub = makeHub(t, script.url, { token: 'old' });
    const needed = event(hub, 'auth-needed');
    await assert.rejects(hub.connect(), (error) => code('token_expired')(error) && error.message === 'it has expired');
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
            socket.tell({ type: 'error', code: 'banned', message: 'not here', reason: 'spam', retryAfter: 77 });
            socket.close(4003, 'banned');
            return false;
        },
    });
    const hub = makeHub(t, script.url);
    const closed = state(hub, 'closed');
    await assert.rejects(hub.connect(), (error) => code('banned')(error) && error.retryAfter === 77 && error.reason === 'spam');
    assert.deepEqual(await closed, { type: 'state', state: 'closed', code: 4003, reason: 'banned', retryAfter: 77, why: 'spam' });
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
    const hub = makeHub(t, script.url);
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
        const hub = await onlineHub(t, script.url, 'alice', 'lobby');
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
    const hub = await onlineHub(t, script.url, 'alice', 'lobby');
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

test('a message without an answer: the line is taken for dead, and it is sent again', async (t) => {
    const script = await scripted(t, {
        act: (frame, socket, nth) => {
            if (frame.type === 'join') return { seq: 3, epoch: 'e', members: 1 };
            return nth === 1 ? undefined : { seq: 4, ts: 1 };
        },
    });
    const hub = await onlineHub(t, script.url, 'alice', 'lobby', { timeout: 1000 });
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
    const hub = await onlineHub(t, script.url, 'alice');
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

test('left while a message is under way: the answer to it still counts', async (t) => {
    const script = await scripted(t, {
        act: (frame, socket) => {
            if (frame.type === 'message') return undefined;
            if (frame.type !== 'leave') return { seq: 0, epoch: 'e', members: 1 };
            const { id } = script.requests.find((one) => one.type === 'message');
            socket.tell({ type: 'ok', id, room: 'lobby', seq: 1, ts: 1 });
            return {};
        },
    });
    const hub = await onlineHub(t, script.url, 'alice', 'lobby');
    const first = hub.say('lobby', 'under way');
    const second = hub.say('lobby', 'in line');
    await hub.leave('lobby');
    await within(first, 'confirmed');
    await assert.rejects(second, code('cancelled'));
    assert.deepEqual([first.state, second.state], ['confirmed', 'failed']);
});

test('a handler that acts while the line breaks finds it broken', async (t) => {
    const script = await scripted(t, {
        act: (frame, socket, nth) => {
            if (frame.type === 'join') return { seq: 0, epoch: 'e', members: 1 };
            if (nth === 1) socket.terminate();
            return nth === 1 ? undefined : { seq: 1, ts: 1 };
        },
    });
    const hub = await onlineHub(t, script.url, 'alice', 'lobby');
    const tried = new Promise((resolve) => {
        hub.on('outbox', ({ message }) => {
            if (message.state === 'unsure') resolve(hub.list().then(() => null, (error) => error));
        });
    });
    await within(hub.say('lobby', 'hello'), 'said over the second line');
    const error = await within(tried, 'an answer');
    assert.ok(code('offline')(error) && error.sent === false);
});

test('methods make the requests of the protocol', async (t) => {
    const script = await scripted(t, { act: () => ({ reasons: [] }) });
    const hub = await onlineHub(t, script.url, 'alice');
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
        [hub.edit('r', 7, 'better'), { type: 'edit', room: 'r', seq: 7, content: 'better' }],
        [hub.react('r', 7, '🍵'), { type: 'react', room: 'r', seq: 7, emoji: '🍵' }],
        [hub.react('r', 7, '🍵', { remove: true }), { type: 'react', room: 'r', seq: 7, emoji: '🍵', remove: true }],
        [hub.history('r'), { type: 'history', room: 'r' }],
        [hub.history('r', { around: 7, limit: 9 }), { type: 'history', room: 'r', around: 7, limit: 9 }],
        [hub.say('r', 'so it is', { replyTo: 7 }), { type: 'message', room: 'r', content: 'so it is', replyTo: 7 }],
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

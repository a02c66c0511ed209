/*
 * The client library, web/hubbub.js, where a line breaks: it goes on where it left off, passes every message on
 * once and in order, names what is missing, and what it said is said once. Against a server that follows a script,
 * so that the line breaks at the worst of moments.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { code, event, onlineHub, said, scripted, texts } from './support/hub.mjs';
import { until, within } from './support/wait.mjs';

/* What bob says in the lobby, from seq to seq: the line numbered n says "n". */
function talk(socket, from, to = from) {
    for (let seq = from; seq <= to; seq++) {
        socket.tell({ type: 'message', room: 'lobby', userId: 'u2', username: 'bob', content: String(seq), seq, ts: seq });
    }
}

const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
const joins = (script) => script.requests.filter((frame) => frame.type === 'join').map(({ id, ...rest }) => rest);
const types = (hub, ...wanted) => hub.heard.filter((one) => wanted.includes(one.type));

/* A server on which `lives` says, for each join in turn, what the reply is and what comes after it. */
const server = (t, ...lives) => {
    let nth = 0;
    return scripted(t, {
        act: (frame, socket) => {
            if (frame.type !== 'join') return undefined;
            const [reply, then = () => {}] = lives[Math.min(nth++, lives.length - 1)];
            setImmediate(() => then(socket));
            return { members: 1, ...reply };
        },
    });
};

test('after a break it asks for what comes after the last it saw; each message is passed on once, in order', async (t) => {
    const script = await server(t,
        [{ seq: 4, epoch: 'one' }, (socket) => { talk(socket, 5, 7); socket.terminate(); }],
        [{ seq: 12, epoch: 'two', recovered: true }, (socket) => { talk(socket, 8, 10); socket.terminate(); }],
        [{ seq: 12, epoch: 'two', recovered: true }, (socket) => { talk(socket, 9, 14); }]); // too many
    const alice = await onlineHub(t, script.url, 'alice', 'lobby');
    await said(alice, '14');
    assert.deepEqual(texts(alice), numbers(5, 14));
    assert.deepEqual(joins(script), [
        { type: 'join', room: 'lobby', stay: true },
        { type: 'join', room: 'lobby', stay: true, since: 7, epoch: 'one' },
        { type: 'join', room: 'lobby', stay: true, since: 10, epoch: 'two' },
    ]);
    assert.deepEqual(types(alice, 'joined').map((one) => [one.again, one.missed]), [[false, undefined], [true, 5], [true, 2]]);
    assert.deepEqual(types(alice, 'gap', 'reset'), []);
    const room = alice.rooms.get('lobby');
    assert.deepEqual([room.seq, room.epoch], [14, 'two']);
});

test('nothing was heard yet: the next join asks for what came after the first', async (t) => {
    const script = await server(t,
        [{ seq: 40, epoch: 'one' }, (socket) => socket.terminate()],
        [{ seq: 42, epoch: 'one', recovered: true }, (socket) => talk(socket, 41, 42)]);
    const alice = await onlineHub(t, script.url, 'alice', 'lobby');
    await said(alice, '42');
    assert.deepEqual(texts(alice), ['41', '42']);
    assert.equal(joins(script)[1].since, 40);
});

test('an answer that overtakes what others said leaves no hole', async (t) => {
    const script = await scripted(t, {
        act: (frame, socket, nth) => {
            if (frame.type === 'message') {
                setImmediate(() => socket.terminate());
                return { seq: 6, ts: 1 }; // 5 and 6 as the room hears them are lost
            }
            if (nth > 1) setImmediate(() => { talk(socket, 5); socket.tell({ type: 'message', room: 'lobby', userId: 'u1', username: 'alice', content: 'hello', seq: 6, ts: 1 }); });
            return { seq: nth === 1 ? 4 : 6, epoch: 'e', members: 1, recovered: nth > 1 || undefined };
        },
    });
    const alice = await onlineHub(t, script.url, 'alice', 'lobby');
    const heard = said(alice, 'hello');
    const message = alice.say('lobby', 'hello');
    await message;
    assert.equal((await heard).outgoing, message);
    assert.deepEqual(texts(alice), ['5', 'hello']);
    assert.equal(joins(script)[1].since, 4);
});

test('history: what the join brings; when the line breaks before it came, the next join brings it', async (t) => {
    const script = await server(t,
        [{ seq: 100, epoch: 'one' }, (socket) => socket.terminate()],
        [{ seq: 101, epoch: 'one', recovered: true }, (socket) => { talk(socket, 51, 60); socket.terminate(); }],
        [{ seq: 101, epoch: 'one', recovered: true }, (socket) => talk(socket, 61, 101)],
        [{ seq: 102, epoch: 'one' }, (socket) => { talk(socket, 102); socket.terminate(); }],
        [{ seq: 102, epoch: 'one', recovered: true }, (socket) => talk(socket, 103)]);
    const alice = await onlineHub(t, script.url, 'alice');
    await alice.join('lobby', { history: 50 });
    await said(alice, '101');
    assert.deepEqual(texts(alice), numbers(51, 101));
    assert.deepEqual(joins(script).map((one) => [one.history, one.since]), [[50, undefined], [50, 50], [50, 60]]);

    const last = said(alice, '103');
    await alice.join('lobby', { history: 5 }); // it is in there already: nothing comes
    await last;
    assert.deepEqual(texts(alice), numbers(51, 103));
    assert.deepEqual([joins(script)[3].since, joins(script)[4].since], [undefined, 102]);
});

test('a gap is named, and is not asked for again', async (t) => {
    const script = await server(t,
        [{ seq: 4, epoch: 'one' }, (socket) => socket.terminate()],
        [{ seq: 1000, epoch: 'one', recovered: true }, (socket) => {
            socket.tell({ type: 'gap', room: 'lobby', from: 5, to: 997, kept: true });
            setImmediate(() => socket.terminate());
        }],
        [{ seq: 1000, epoch: 'one', recovered: true }, (socket) => talk(socket, 998, 1000)]);
    const alice = await onlineHub(t, script.url, 'alice', 'lobby');
    await said(alice, '1000');
    assert.deepEqual(texts(alice), numbers(998, 1000));
    assert.deepEqual(types(alice, 'gap'), [{ type: 'gap', room: 'lobby', from: 5, to: 997, kept: true }]);
    assert.equal(joins(script)[2].since, 997);
});

test('another numbering: reset before joined, and it counts from there', async (t) => {
    const script = await server(t,
        [{ seq: 4, epoch: 'one' }, (socket) => { talk(socket, 5, 9); socket.terminate(); }],
        [{ seq: 3, epoch: 'other', recovered: false }, (socket) => { talk(socket, 2, 5); socket.terminate(); }],
        [{ seq: 6, epoch: 'other', recovered: true }, (socket) => talk(socket, 6)]);
    const alice = await onlineHub(t, script.url, 'alice');
    await alice.join('lobby', { history: 2 });
    await said(alice, '6');
    assert.deepEqual(types(alice, 'reset', 'joined', 'message').map((one) => one.content ?? one.type),
        ['joined', ...numbers(5, 9), 'reset', 'joined', ...numbers(2, 5), 'joined', '6']);
    assert.deepEqual(types(alice, 'reset'), [{ type: 'reset', room: 'lobby', seq: 3, epoch: 'other' }]);
    assert.deepEqual([joins(script)[2].since, joins(script)[2].epoch], [5, 'other']);
});

test('a position that was kept elsewhere', async (t) => {
    const script = await server(t,
        [{ seq: 9, epoch: 'now', recovered: true }, (socket) => talk(socket, 8, 9)],
        [{ seq: 2, epoch: 'now', recovered: false }]);
    const alice = await onlineHub(t, script.url, 'alice');
    const last = said(alice, '9');
    await alice.join('lobby', { since: 7, epoch: 'then' });
    await last;
    assert.deepEqual(texts(alice), ['8', '9']);
    assert.deepEqual([joins(script)[0].since, joins(script)[0].epoch], [7, 'then']);
    const joined = types(alice, 'joined')[0];
    assert.deepEqual([joined.again, joined.missed], [false, 2]);

    await alice.join('den', { since: 7, epoch: 'then' });
    assert.deepEqual(types(alice, 'reset').map((one) => one.room), ['den']);
    assert.equal(alice.rooms.get('den').seq, 2);
});

/* A server that keeps what is said, and knows the ids; `hear` may lose the answer to the nth request of that kind,
 * before or after it was said, with the line. */
async function keeper(t, hear = () => undefined) {
    const log = [];
    let asked = 0;
    const script = await scripted(t, { act: (frame, socket) => script.act(frame, socket) });
    const act = (frame, socket) => {
        if (frame.type === 'join') {
            setImmediate(() => log.slice(frame.since ?? log.length).forEach((one) => socket.tell(one)));
            return { seq: log.length, epoch: 'e', members: 1, recovered: frame.since === undefined ? undefined : true };
        }
        const lost = hear(frame, ++asked);
        if (lost === 'before') return socket.terminate();
        const known = log.find((one) => one.id === frame.id);
        const said = known || { type: 'message', room: 'lobby', userId: 'u1', username: 'alice', content: frame.content, seq: log.length + 1, ts: 1 };
        if (!known) log.push(Object.defineProperty(said, 'id', { value: frame.id })); // not told
        if (!known && lost !== 'after') socket.tell(said);
        if (lost) return socket.terminate();
        return { seq: said.seq, ts: said.ts, durable: true, ...known && { dup: true } };
    };
    return Object.assign(script, { act, log, sent: () => script.requests.filter((frame) => frame.type === 'message') });
}

test('what was not answered when the line broke is sent again under its id, and said once, in order', async (t) => {
    const fates = { 2: 'before', 3: 'after', 5: 'heard', 6: 'before', 7: 'heard' };
    const script = await keeper(t, (frame, nth) => fates[nth]);
    const alice = await onlineHub(t, script.url, 'alice', 'lobby');
    const lines = ['one', 'two', 'two', 'three', 'four'];
    const messages = lines.map((text) => alice.say('lobby', text));
    const replies = [];
    for (const message of messages) replies.push(await within(message, message.text));
    assert.deepEqual(script.log.map((one) => one.content), lines);
    assert.deepEqual(messages.map((one) => [one.seq, one.state, one.durable]), lines.map((_, i) => [i + 1, 'confirmed', true]));
    assert.deepEqual(replies.map((one) => one.dup ?? false), [false, true, true, false, false]);
    assert.deepEqual(script.sent().map((one) => one.id), [0, 1, 1, 1, 2, 2, 2, 2, 3, 4].map((i) => messages[i].id));
    await until(() => texts(alice).length === 5, 'alice hears all of it');
    assert.deepEqual(texts(alice), lines);
    assert.deepEqual(types(alice, 'message').map((one) => one.outgoing), messages);
    assert.deepEqual(alice.outbox, []);
});

test('a server that may have forgotten the id: the message is left to people, those behind it go on', async (t) => {
    let hours = 0;
    const clock = Date.now;
    t.mock.method(Date, 'now', () => clock() + hours * 3600_000);
    const script = await keeper(t, (frame, nth) => (nth === 1 ? 'after' : undefined));
    const alice = await onlineHub(t, script.url, 'alice', 'lobby');
    alice.on('state', ({ state }) => { if (state === 'waiting') hours = 1; });
    const message = alice.say('lobby', 'hello');
    await within(alice.say('lobby', 'next'), 'the next one');
    assert.deepEqual([message.state, alice.outbox], ['unsure', [message]]);
    assert.equal(message.resend(), true);
    assert.equal((await within(message, 'an answer')).dup, true, 'under its id');
    assert.equal(message.resend(), false);
});

test('what is not on the disk yet is asked for again under its id, for some minutes', async (t) => {
    let hours = 0;
    const clock = Date.now;
    t.mock.method(Date, 'now', () => clock() + hours * 3600_000);
    const script = await keeper(t);
    const { log } = script;
    let ill = 1;
    const inner = script.act;
    script.act = (frame, socket) => {
        const reply = inner(frame, socket);
        if (frame.type !== 'message' || ill-- <= 0) return reply;
        return socket.tell({ type: 'error', id: frame.id, code: 'unavailable', message: 'not saved yet', room: 'lobby', retryAfter: 1 });
    };
    const alice = await onlineHub(t, script.url, 'alice', 'lobby');
    const first = alice.say('lobby', 'hello');
    const reply = await within(first, 'an answer');
    assert.deepEqual([reply.dup, first.state, log.length], [true, 'confirmed', 1]);

    ill = 9;
    const held = event(alice, 'outbox', ({ message }) => message.retryAt > 0);
    const second = alice.say('lobby', 'anybody?');
    await held;
    hours = 1;
    await assert.rejects(within(second, 'its failure'), code('unavailable'));
});

test('a room that is not entered again: what was under way stays unsure', async (t) => {
    const script = await scripted(t, {
        act: (frame, socket, nth) => {
            if (frame.type === 'message') return socket.terminate();
            if (nth === 1) return { seq: 0, epoch: 'e', members: 1 };
            return socket.tell({ type: 'error', id: frame.id, code: 'banned', message: 'not here', reason: 'spam', retryAfter: 60, room: 'lobby' });
        },
    });
    const alice = await onlineHub(t, script.url, 'alice', 'lobby');
    const parted = event(alice, 'parted');
    const message = alice.say('lobby', 'hello');
    const next = alice.say('lobby', 'next');
    assert.deepEqual(await parted, { type: 'parted', room: 'lobby', why: 'banned', message: 'not here', reason: 'spam', retryAfter: 60 });
    await assert.rejects(next, code('banned'));
    assert.equal(message.state, 'unsure');
    assert.equal(message.cancel(), true);
    await assert.rejects(message, code('cancelled'));
    assert.equal(script.requests.filter((frame) => frame.type === 'message').length, 1);
});

test('no more than the backlog waits', async (t) => {
    const script = await keeper(t);
    const alice = await onlineHub(t, script.url, 'alice', 'lobby', { backlog: 3 });
    const messages = ['one', 'two', 'three', 'four'].map((text) => alice.say('lobby', text));
    assert.deepEqual(messages.map((one) => one.state), ['sent', 'queued', 'queued', 'failed']);
    await assert.rejects(messages[3], code('backlog'));
    await within(Promise.all(messages.slice(0, 3)), 'the others');
    await within(alice.say('lobby', 'five'), 'one that fits again');
});

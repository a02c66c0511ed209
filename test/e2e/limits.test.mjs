/*
 * What the server does about those who ask for too much, over the wire: every rate, abuse, too many
 * connections; who is exempt, and that the metrics tell by which rule. Figures are chosen so that a slow
 * machine does not matter: bursts that are used up at once, and rates that fill up within hours or at once.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect, connectAgain, people, refusal, turnedAway } from './support/client.mjs';
import { data } from './support/log.mjs';
import { rawPeer } from './support/raw.mjs';
import { folder, freePort, startServer } from './support/server.mjs';
import { Issuer } from './support/tokens.mjs';
import { DEADLINE, until } from './support/wait.mjs';

/* Asks until it is refused by a rate; how often it was not, and the refusal. */
async function untilLimited(one, type, fields = () => ({}), most = 100) {
    for (let done = 0; done < most; done++) {
        const reply = await one.request(type, fields(done, one));
        if (reply.code !== 'rate_limited') continue;
        assert.ok(Number.isInteger(reply.retryAfter) && reply.retryAfter >= 1, JSON.stringify(reply));
        return { done, reply };
    }
    throw new Error(`${type}: never limited`);
}

test('messages: a burst, then so many a second', async (t) => {
    const server = await startServer(t, ['--message-burst', '3', '--message-rate', '1', '--messages-per-minute', '600']);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.join('lobby'); // it is alice's
    await bob.join('lobby');
    const { done, reply } = await untilLimited(bob, 'message', (i) => ({ room: 'lobby', content: `${i}` }));
    assert.ok(done >= 3, `a burst of 3, not ${done}`);
    assert.equal(reply.room, 'lobby');
    await until(async () => (await bob.request('message', { content: 'slowly' })).type === 'ok', 'bob to be heard again',
        DEADLINE, 400); // more often would be abuse
    const heard = (await alice.next({ type: 'message', content: 'slowly' })).seq;
    assert.equal(heard, done + 1, 'what was refused has no number');
    assert.ok(await server.metric('hubbub_limited_messages_total') >= 1);
});

test('messages: so many a minute, over all connections of a user', async (t) => {
    const server = await startServer(t, ['--message-burst', '100', '--message-rate', '1000', '--messages-per-minute', '6']);
    const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
    for (const one of [alice, bob, carol]) await one.join('lobby');
    const second = await connectAgain(t, server, bob);
    await second.join('lobby');
    for (let i = 0; i < 3; i++) {
        for (const tab of [bob, second]) await tab.ok('message', { content: 'x' });
    }
    for (const tab of [second, bob]) {
        const error = await tab.refused('rate_limited', 'message', { content: 'x' });
        assert.ok(error.retryAfter >= 1 && error.retryAfter <= 60);
    }
    const [reason] = (await bob.ok('why')).reasons;
    assert.equal(reason.rule, 'rate_limited');
    assert.ok(reason.retryAfter >= 1 && reason.retryAfter <= 60);
    await carol.ok('message', { content: 'each on their own' });
    assert.equal(await server.metric('hubbub_limited_messages_total'), 2);
});

test('messages: who moderates a kept room says in it what it likes, who merely opened a room does not', async (t) => {
    const server = await startServer(t, ['--message-burst', '100', '--message-rate', '1000', '--messages-per-minute', '6']);
    const { alice } = await people(t, server, 'alice');
    await alice.ok('create', { room: 'own' });
    await alice.join('own');
    await alice.join('lobby');
    for (let i = 0; i < 6; i++) await alice.ok('message', { room: 'lobby', content: 'as anybody' });
    await alice.refused('rate_limited', 'message', { room: 'lobby', content: 'x' });
    for (let i = 0; i < 20; i++) await alice.ok('message', { room: 'own', content: 'as its owner likes' });
    await alice.refused('rate_limited', 'dm', { room: 'own', to: 'alice', content: 'x' });
});

/* A room for each to run. */
const own = (_, one) => ({ room: `of ${one.name}` });
const create = (one) => one.ok('create', own(0, one));

for (const [rule, option, type, fields, prepare] of [
    ['joins', '--joins-per-minute', 'join', (i) => ({ room: `room ${i}` })],
    ['creates', '--creates-per-hour', 'create', (i) => ({ room: `room ${i}` })],
    ['moderation', '--moderation-per-minute', 'invite', own, create],
    ['history', '--history-per-minute', 'ledger', own, create],
]) {
    test(`${rule}: ${option}`, async (t) => {
        const server = await startServer(t, [option, '5']);
        const { alice, bob } = await people(t, server, 'alice', 'bob');
        await prepare?.(alice);
        const { done } = await untilLimited(alice, type, fields);
        assert.ok(done >= 5 && done <= 6, `${done} of 5`); // one may have come back meanwhile
        assert.ok(await server.metric(`hubbub_limited_${rule}_total`) >= 1);
        await prepare?.(bob);
        await bob.ok(type, fields('by bob', bob)); // each on their own
        assert.equal((await alice.request('ping')).type, 'pong', 'other calls go on');
    });
}

test('passwords, set or tried, and slow mode are told by what they are', async (t) => {
    const server = await startServer(t, ['--rate-limits']);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    await alice.ok('create', { room: 'club', password: 'open sesame' });
    await alice.ok('create', { room: 'hall', slowMode: 3600 });
    const { reply } = await untilLimited(bob, 'join', () => ({ room: 'club', password: 'close sesame' }), 15);
    assert.equal(reply.message, 'too many passwords, wait a moment');
    const web = await server.request('/join-room', {
        method: 'POST', body: JSON.stringify({ session: bob.welcome.session, room: 'club', password: 'close sesame' }),
    });
    assert.equal(web.status, 429);
    assert.equal(web.json().error.message, 'too many passwords, wait a moment');
    assert.ok(web.headers['retry-after'] >= 1);
    assert.equal(await server.metric('hubbub_limited_passwords_total'), 2);
    assert.equal(await server.metric('hubbub_limited_joins_total'), 0);
    await bob.join('hall');
    assert.equal(await server.metric('hubbub_limited_slow_mode_total'), 0);
    await bob.ok('message', { room: 'hall', content: 'one' });
    await bob.refused('slow_mode', 'message', { room: 'hall', content: 'two' });
    assert.equal(await server.metric('hubbub_limited_slow_mode_total'), 1);
    assert.equal(await server.metric('hubbub_limited_messages_total'), 0);
});

test('creates: over all guests of an address, so that another guest does not get more', async (t) => {
    const server = await startServer(t, ['--trusted-proxy', '127.0.0.1', '--creates-per-hour', '3']);
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol']
        .map((username) => connect(t, server, { username, ...from('203.0.113.7') })));
    await alice.ok('create', { room: 'one' });
    await alice.ok('create', { room: 'two' });
    await bob.ok('create', { room: 'three' });
    for (const one of [bob, carol, alice]) {
        const error = await one.refused('rate_limited', 'create', { room: 'four' });
        assert.ok(error.retryAfter > 60 && error.retryAfter <= 1200, `${error.retryAfter} s of 20 minutes`);
    }
    assert.equal(await server.metric('hubbub_limited_creates_total'), 3);
    const dave = await connect(t, server, { username: 'dave', ...from('203.0.113.8') }); // next door
    await dave.ok('create', { room: 'four' });
    for (const username of ['erin', 'frank']) { // this machine's own are each on their own
        const one = await connect(t, server, { username });
        for (let i = 0; i < 3; i++) await one.ok('create', { room: `${username} ${i}` });
    }
});

test('conversations stay, so an address begins no end of them, whoever its guests are', async (t) => {
    const free = ['--message-burst', '0', '--messages-per-minute', '0'];
    const server = await startServer(t, ['--trusted-proxy', '127.0.0.1', ...free]);
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const crowd = await Promise.all(Array.from({ length: 33 }, (_, i) => connect(t, server, { username: `m${i}`, ...from('203.0.113.7') })));
    const begun = [], late = [];
    for (const [i, one] of crowd.entries())
        for (const other of crowd.slice(i + 1)) {
            const reply = await one.request('dm', { to: other.name, content: 'psst' });
            (reply.type === 'ok' ? begun : late).push({ one, other, reply });
        }
    assert.ok(begun.length >= 500 && late.length > 0, `${begun.length} and ${late.length}`);
    for (const { reply } of late) {
        assert.equal(reply.code, 'rate_limited', reply.message);
        assert.ok(reply.retryAfter >= 1 && reply.retryAfter <= 2, `${reply.retryAfter} s`);
    }
    assert.equal(await server.metric('hubbub_limited_new_total'), late.length);
    await begun[0].one.ok('dm', { to: begun[0].other.name, content: 'those that there are go on' });
    const dave = await connect(t, server, { username: 'dave', ...from('203.0.113.8') });
    await dave.ok('dm', { to: 'm0', content: 'from next door' });
    await (await connect(t, server, { username: 'erin' })).ok('dm', { to: 'm0', content: 'from here' });
});

test('nor does it open any number of rooms', async (t) => {
    const server = await startServer(t, data('--trusted-proxy', '127.0.0.1', '--joins-per-minute', '0'));
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const alice = await connect(t, server, { username: 'alice', ...from('203.0.113.7') });
    const bob = await connect(t, server, { username: 'bob', ...from('203.0.113.8') });
    await bob.join('lobby');
    await bob.ok('join', { room: 'quiet' });
    await bob.ok('join', { room: 'lobby' });
    await bob.ok('message', { room: 'lobby', content: 'hello' });
    await bob.ok('leave', { room: 'lobby' });
    let n = 0, reply;
    while ((reply = await alice.request('join', { room: `room ${n}` })).type === 'ok') assert.ok(++n < 2000);
    assert.ok(n >= 500, `${n}`);
    assert.equal(reply.code, 'rate_limited', reply.message);
    assert.equal((await alice.ok('rooms', { query: `room ${n}` })).rooms.length, 0, 'it has not begun');
    assert.equal((await alice.ok('why', { room: `room ${n - 1}` })).reasons.length, 0, 'and the one before is not left');
    await alice.ok('join', { room: 'lobby' }); // which there is, if in nobody's mind
    await bob.ok('join', { room: 'next door' });
});

test('all other requests have a rate as well', async (t) => {
    const server = await startServer(t, ['--rate-limits']);
    const alice = await connect(t, server, { username: 'alice' });
    await untilLimited(alice, 'rooms', () => ({}), 5000);
    assert.ok(await server.metric('hubbub_limited_requests_total') >= 1);
});

test('who goes on after being told is let go with 4029, and stays out for a while', async (t) => {
    const server = await startServer(t, ['--trusted-proxy', '127.0.0.1', '--message-burst', '1', '--message-rate', '1',
        '--messages-per-minute', '1']);
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const alice = await connect(t, server, { username: 'alice', ...from('203.0.113.1') });
    await alice.join('lobby');
    const mallory = await connect(t, server, { username: 'mallory', ...from('203.0.113.7') });
    await mallory.join('lobby');
    const flood = setInterval(() => {
        for (let i = 0; i < 50; i++) mallory.send({ type: 'message', room: 'lobby', content: 'spam' });
    }, 20);
    t.after(() => clearInterval(flood));
    const end = await mallory.expectClose(4029);
    clearInterval(flood);
    assert.equal(end.reason, 'flooding');
    const errors = mallory.take({ type: 'error' });
    assert.ok(errors.length >= 1);
    for (const error of errors) assert.equal(error.code, 'rate_limited');
    await alice.next({ type: 'leave', username: 'mallory' });
    await server.metricUntil('hubbub_flooding_clients_closed_total', (n) => n === 1, 'one');

    const kept = await refusal(t, server, { username: 'mallory', ...from('203.0.113.7') });
    assert.equal(kept.status, 429);
    const wait = Number(kept.headers['retry-after']);
    assert.ok(wait >= 1 && wait <= 10, `${wait}`);
    await connect(t, server, { username: 'bob', ...from('203.0.113.8') }); // not from next door
    await connect(t, server, { username: 'carol', ...from('203.0.113.7, 203.0.113.9') }); // the hop before is hearsay
});

test('too many connections of one user: 4010', async (t) => {
    const server = await startServer(t, ['--connections-per-user', '3']);
    const alice = await connect(t, server, { username: 'alice' });
    const tabs = [];
    for (let i = 0; i < 2; i++) tabs.push(await connectAgain(t, server, alice));
    await turnedAway(t, server, 4010, 'rate_limited', { username: 'alice', token: alice.token });
    await turnedAway(t, server, 4010, 'rate_limited', { username: 'alice', token: alice.token, full: false });
    await server.metricUntil('hubbub_limited_user_total', (n) => n === 2, 'two');
    await connect(t, server, { username: 'bob' });
    await tabs[0].close();
    await until(async () => {
        const tab = await connect(t, server, { token: alice.token, welcomed: false });
        return (await tab.next(() => true)).type === 'welcome';
    }, 'the place to be free again');
});

test('too many connections of one address: 4010, but not of this machine', async (t) => {
    const server = await startServer(t, ['--trusted-proxy', '127.0.0.1', '--connections-per-address', '2']);
    const from = { headers: { 'X-Forwarded-For': '203.0.113.7' } };
    const alice = await connect(t, server, { username: 'alice', ...from });
    await connect(t, server, { username: 'bob', ...from });
    await turnedAway(t, server, 4010, 'rate_limited', { username: 'carol', ...from });
    await server.metricUntil('hubbub_limited_address_total', (n) => n === 1, 'one');
    await connect(t, server, { username: 'carol', headers: { 'X-Forwarded-For': '203.0.113.8' } });
    for (let i = 0; i < 5; i++) await connect(t, server);
    await alice.close();
    await until(async () => {
        const next = await connect(t, server, { ...from, welcomed: false });
        return (await next.next(() => true)).type === 'welcome';
    }, 'the place to be free again');
});

test('X-Forwarded-For counts only from a trusted proxy', async (t) => {
    const server = await startServer(t, ['--connections-per-address', '2']);
    for (let i = 0; i < 5; i++) { // this machine is exempt, whatever it says it speaks for
        await connect(t, server, { headers: { 'X-Forwarded-For': '203.0.113.7' } });
    }
    const nets = await startServer(t, ['--connections-per-address', '1', '--trusted-proxy', '127.0.0.0/8',
        '--trusted-proxy', '203.0.113.0/24']);
    await connect(t, nets, { headers: { 'X-Forwarded-For': '198.51.100.1, 203.0.113.7' } });
    await turnedAway(t, nets, 4010, 'rate_limited', {
        headers: { 'X-Forwarded-For': '9.9.9.9, 198.51.100.1, 203.0.113.9, 203.0.113.200' },
    });
    await connect(t, nets, { headers: { 'X-Forwarded-For': '2001:db8::1' } });
    await turnedAway(t, nets, 4010, 'rate_limited', { headers: { 'X-Forwarded-For': '2001:db8:0::1' } });
});

test('a proxy on a Unix socket may be trusted as well', async (t) => {
    const socket = path.join(folder(), 'hubbub.sock');
    const port = await freePort();
    const server = await startServer(t, [`--listen=unix:${socket}`, `--listen=127.0.0.1:${port}`, '--trusted-proxy', 'unix',
        '--connections-per-address', '1'], { port });
    const from = async (address) => {
        const peer = await rawPeer(t, { where: { path: socket } });
        await peer.handshake('/ws', { 'Sec-WebSocket-Protocol': 'hubbub.v1', 'X-Forwarded-For': address });
        return peer;
    };
    await (await from('203.0.113.7')).nextJson({ type: 'welcome' });
    assert.equal(await (await from('203.0.113.7')).closeCode(), 4010);
    await (await from('203.0.113.8')).nextJson({ type: 'welcome' });
    assert.equal(await server.metric('hubbub_limited_address_total'), 1);
});

test('rates can be changed while the server runs', async (t) => {
    const file = path.join(folder(), 'hubbub.ini');
    writeFileSync(file, 'creates-per-hour = 1\n');
    const server = await startServer(t, ['--rate-limits', '--config', file]);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.ok('create', { room: 'one' });
    await alice.refused('rate_limited', 'create', { room: 'two' });
    writeFileSync(file, 'creates-per-hour = 0\n');
    server.signal('SIGHUP');
    await until(async () => (await alice.request('create', { room: 'two' })).type === 'ok', 'no limit', DEADLINE, 400);
});

test('moderators are exempt from the rate of messages in their room, operators from all', async (t) => {
    const issuer = new Issuer();
    const server = await startServer(t, [...issuer.args, '--admin', 'root', '--message-burst', '2', '--messages-per-minute', '2',
        '--joins-per-minute', '2', '--creates-per-hour', '1']);
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    const root = await connect(t, server, { token: issuer.token('root') });
    await alice.ok('create', { room: 'hall' });
    for (const one of [alice, bob]) await one.join('hall');
    await alice.ok('role', { room: 'hall', user: 'bob', role: 'moderator' });
    for (let i = 0; i < 20; i++) {
        for (const one of [alice, bob]) await one.ok('message', { room: 'hall', content: 'x' });
    }
    await alice.ok('role', { room: 'hall', user: 'bob', role: 'member' });
    await untilLimited(bob, 'message', () => ({ room: 'hall', content: 'x' }));
    await alice.refused('rate_limited', 'create', { room: 'another' });

    await root.join('hall');
    for (let i = 0; i < 20; i++) {
        await root.ok('create', { room: `of root ${i}` });
        await root.join(`of root ${i}`);
        await root.ok('message', { room: 'hall', content: 'x' });
    }
});

test('--no-rate-limits switches all of it off', async (t) => {
    const server = await startServer(t, ['--no-rate-limits', '--trusted-proxy', '127.0.0.1', '--message-burst', '1',
        '--message-rate', '1', '--messages-per-minute', '1', '--joins-per-minute', '1', '--creates-per-hour', '1',
        '--connections-per-user', '1', '--connections-per-address', '1']);
    const from = { headers: { 'X-Forwarded-For': '203.0.113.7' } };
    const { alice } = await people(t, server, 'alice');
    await alice.join('lobby');
    const tabs = [await connect(t, server, { username: 'bob', ...from })];
    for (let i = 0; i < 4; i++) tabs.push(await connectAgain(t, server, tabs[0], from));
    for (const tab of tabs) await tab.join('lobby');
    for (let i = 0; i < 500; i++) tabs[i % 5].send({ type: 'message', content: `${i}` });
    await alice.next({ type: 'message', seq: 500 });
    for (let i = 0; i < 30; i++) await tabs[0].ok('create', { room: `room ${i}` });
    const metrics = await server.metrics();
    for (const [name, value] of metrics) if (/^hubbub_limited_/.test(name)) assert.equal(value, 0, name);
});

test('the classic dialect is told in words it knows', async (t) => {
    const server = await startServer(t, ['--messages-per-minute', '1', '--message-burst', '1']);
    const alice = await connect(t, server, { username: 'alice', room: 'lobby' });
    await alice.next({ type: 'join' });
    const small = await connect(t, server, { username: 'bob', room: 'lobby', full: false });
    await small.next({ type: 'join', username: 'bob' });
    for (let i = 0; i < 2; i++) small.send({ type: 'message', content: 'x' });
    const error = await small.next({ type: 'error' });
    assert.equal(error.code, 'rate_limited');
    assert.equal(error.username, 'server');
    assert.equal(error.content, error.message);
    assert.ok(error.retryAfter >= 1);
});

/*
 * Who may do what to whom in a room, and what it does: to every connection of a user, to those that come
 * later, and to what the others see.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect, connectAgain, turnedAway } from './support/client.mjs';
import { folder, startServer } from './support/server.mjs';
import { Issuer } from './support/tokens.mjs';
import { until } from './support/wait.mjs';

const RANKS = ['guest', 'member', 'moderator', 'admin', 'owner']; // low to high
const rank = (name) => RANKS.indexOf(name);

/* A server with an operator called root, and users with identities of another system: their userIds are
 * their names. */
async function run(t, args = []) {
    const issuer = new Issuer();
    const server = await startServer(t, [...issuer.args, '--admin', 'root', ...args]);
    const enter = (username, options) => connect(t, server, { username, token: issuer.token(username), ...options });
    return { server, enter, root: await enter('root'), issuer };
}

/* The hall: a kept room of alice's, and these people in it with these ranks. */
async function hall(t, ranks = {}, args = []) {
    const all = await run(t, args);
    all.alice = await all.enter('alice');
    await all.alice.ok('create', { room: 'hall' });
    await all.alice.join('hall');
    for (const [name, role] of Object.entries(ranks)) {
        all[name] = await all.enter(name);
        if (role !== 'guest') await all.alice.ok('role', { room: 'hall', user: name, role });
        assert.equal((await all[name].join('hall')).role, role);
    }
    return all;
}

const talks = (one, room = 'hall') => one.ok('message', { room, content: 'hello' });
const talksAgain = (one, room = 'hall') =>
    until(async () => (await one.request('message', { room, content: 'hello' })).type === 'ok', `${one.name} to be heard`);
const reasons = async (one, room = 'hall') => (await one.ok('why', { room })).reasons;
const rules = async (one, room) => (await reasons(one, room)).map((reason) => reason.rule);

/* Who may do what to whom */

test('nobody acts on an equal or higher rank, or without the rank it takes', async (t) => {
    const { root, enter, alice } = await hall(t);
    const actors = {}, targets = {};
    const becomes = (name, role) => root.ok('role', { room: 'hall', user: name, role });
    for (const role of RANKS) {
        for (const [group, kind] of [[actors, 'actor'], [targets, 'target']]) {
            const one = group[role] = await enter(`${role}-${kind}`);
            await one.join('hall');
            if (role !== 'guest') await becomes(one.name, role);
        }
    }
    await alice.ok('leave', { room: 'hall' });
    await root.join('hall');

    /* Asks, and wants it to go as the ranks say. */
    const asks = async (actor, type, fields, allowed, what) => {
        const reply = await actors[actor].request(type, { room: 'hall', ...fields });
        if (!allowed) assert.equal(reply.code, 'forbidden', `${what}: ${JSON.stringify(reply)}`);
        else assert.equal(reply.type, 'ok', `${what}: ${JSON.stringify(reply)}`);
        return reply;
    };

    const least = { kick: 'moderator', ban: 'moderator', mute: 'moderator', remove: 'admin' };
    for (const actor of RANKS) {
        for (const target of RANKS) {
            const user = `${target}-target`, above = rank(actor) > rank(target);
            for (const [type, needed] of Object.entries(least)) {
                if (type === 'remove' && target === 'guest') continue; // there is nothing to take
                const allowed = above && rank(actor) >= rank(needed);
                const what = `${actor} ${type} ${target}`;
                await asks(actor, type, { user }, allowed, what);
                if (type === 'ban' || type === 'mute') {
                    // Those who may impose it may lift it; nobody else.
                    if (!allowed) await root.ok(type, { room: 'hall', user });
                    await asks(actor, `un${type}`, { user }, allowed, `${actor} un${type} ${target}`);
                    if (!allowed) await root.ok(`un${type}`, { room: 'hall', user });
                }
                if (target !== 'guest') await becomes(user, target);
                await targets[target].join('hall');
            }
            for (const role of RANKS.slice(1)) {
                const allowed = above && rank(actor) >= rank('admin') && rank(role) <= rank(actor);
                await asks(actor, 'role', { user, role }, allowed, `${actor} makes ${target} ${role}`);
                if (!allowed) continue;
                if (target === 'guest') await root.ok('remove', { room: 'hall', user });
                else await becomes(user, target);
                await targets[target].join('hall');
            }
            const { seq } = await talks(targets[target]);
            await asks(actor, 'delete', { seq }, above && rank(actor) >= rank('moderator'), `${actor} delete of ${target}`);
        }
        const own = await talks(actors[actor]);
        await asks(actor, 'delete', { seq: own.seq }, true, `${actor} delete of the own`);
        const admin = rank(actor) >= rank('admin'), moderator = rank(actor) >= rank('moderator');
        const added = await asks(actor, 'add', { user: 'guest-target' }, admin, `${actor} add`);
        if (added.type === 'ok') await root.ok('remove', { room: 'hall', user: 'guest-target' });
        await targets.guest.join('hall');
        await asks(actor, 'update', { topic: `by ${actor}` }, admin, `${actor} update`);
        for (const type of ['invite', 'ledger', 'settings']) await asks(actor, type, {}, moderator, `${actor} ${type}`);
        await asks(actor, 'destroy', {}, actor === 'owner', `${actor} destroy`);
    }
    await root.refused('no_such_room', 'settings', { room: 'hall' }); // the owner was the last of them
});

test('nobody stands above an operator', async (t) => {
    const { alice, root, bob } = await hall(t, { bob: 'moderator' });
    await root.join('hall');
    assert.equal((await alice.next({ type: 'join', username: 'root' })).role, 'operator');
    const rows = (await alice.ok('members', { room: 'hall' })).members;
    assert.equal(rows.find((row) => row.username === 'root').role, 'operator');
    for (const one of [alice, bob]) {
        for (const type of ['kick', 'ban', 'mute']) await one.refused('forbidden', type, { room: 'hall', user: 'root' });
    }
    await root.ok('mute', { room: 'hall', user: 'alice' });
    await alice.refused('forbidden', 'unmute', { room: 'hall', user: 'alice' });
});

test('nobody acts on oneself, but may step down', async (t) => {
    const { alice, bob, carol } = await hall(t, { bob: 'admin', carol: 'member' });
    for (const type of ['kick', 'ban', 'mute']) {
        for (const one of [alice, bob, carol]) {
            await one.refused('forbidden', type, { room: 'hall', user: one.name });
        }
    }
    const down = await bob.ok('role', { room: 'hall', user: 'bob', role: 'moderator' });
    assert.equal(down.role, 'moderator');
    await bob.refused('forbidden', 'role', { room: 'hall', user: 'bob', role: 'admin' });
    const error = await alice.refused('forbidden', 'role', { room: 'hall', user: 'alice', role: 'admin' });
    assert.match(error.message, /last owner/);
    await alice.refused('forbidden', 'remove', { room: 'hall', user: 'alice' });
    await alice.ok('role', { room: 'hall', user: 'bob', role: 'owner' });
    await alice.ok('role', { room: 'hall', user: 'alice', role: 'member' });
    await bob.refused('forbidden', 'role', { room: 'hall', user: 'bob', role: 'member' });
    await alice.refused('forbidden', 'kick', { room: 'hall', user: 'carol' });
});

test('roles are told to the room and count at once', async (t) => {
    const { alice, bob, carol } = await hall(t, { bob: 'guest', carol: 'guest' });
    const reply = await alice.ok('role', { room: 'hall', user: 'bob', role: 'moderator', reason: 'trusted' });
    assert.equal(reply.userId, 'bob');
    assert.equal(reply.username, 'bob');
    assert.equal(reply.role, 'moderator');
    for (const one of [alice, bob, carol]) {
        const event = await one.next({ type: 'moderation', action: 'role', username: 'bob' });
        assert.equal(event.room, 'hall');
        assert.equal(event.userId, 'bob');
        assert.equal(event.by, 'alice');
        assert.equal(event.role, 'moderator');
    }
    await bob.ok('mute', { room: 'hall', user: 'carol' });
    await alice.ok('role', { room: 'hall', user: 'bob', role: 'member' });
    await bob.refused('forbidden', 'unmute', { room: 'hall', user: 'carol' });
    await alice.refused('bad_request', 'role', { room: 'hall', user: 'bob', role: 'emperor' });
    await alice.refused('bad_request', 'role', { room: 'hall', user: 'bob', role: 'operator' });
    await alice.refused('bad_request', 'role', { room: 'hall', user: 'bob' });
    await alice.refused('unknown_user', 'role', { room: 'hall', user: 'nobody at all', role: 'member' });
});

/* Kick, ban, mute */

test('kick: out of the room with every connection, and free to come back', async (t) => {
    const { server, alice, bob, carol } = await hall(t, { bob: 'member', carol: 'member' });
    const second = await connectAgain(t, server, bob);
    await second.join('hall');
    await bob.join('other');
    const reply = await alice.ok('kick', { room: 'hall', user: 'bob', reason: 'too loud' });
    assert.equal(reply.userId, 'bob');
    assert.equal(reply.username, 'bob');
    assert.ok(reply.entry >= 1);
    for (const one of [alice, carol, bob, second]) {
        const event = await one.next({ type: 'moderation', action: 'kick' });
        assert.equal(event.room, 'hall');
        assert.equal(event.userId, 'bob');
        assert.equal(event.username, 'bob');
        assert.equal(event.by, 'alice');
        assert.equal(event.reason, 'too loud');
        assert.equal(event.until, undefined);
        assert.equal((await one.next({ type: 'leave', room: 'hall' })).username, 'bob');
    }
    for (const one of [alice, carol]) {
        await one.barrier();
        assert.deepEqual(one.take({ type: 'leave' }), [], 'told once');
    }
    for (const one of [bob, second]) await one.refused('not_in_room', 'message', { room: 'hall', content: 'x' });
    await talks(bob, 'other');
    assert.equal((await bob.join('hall')).role, 'member', 'a kick takes no rank');
    await alice.refused('unknown_user', 'kick', { room: 'hall', user: 'nobody at all' });
    await bob.ok('leave', { room: 'hall' });
    await alice.refused('unknown_user', 'kick', { room: 'hall', user: 'bob' });
    await alice.refused('bad_request', 'kick', { room: 'hall' });
    await alice.refused('no_such_room', 'kick', { room: 'nowhere', user: 'bob' });
    await alice.refused('bad_request', 'kick', { room: 'hall', user: 'bob', reason: 'x'.repeat(501) });
});

test('ban: out with every connection, also those to come', async (t) => {
    const { server, alice, bob, carol, enter } = await hall(t, { bob: 'guest', carol: 'guest' });
    const second = await connectAgain(t, server, bob); // not in the room
    const reply = await alice.ok('ban', { room: 'hall', user: 'bob', reason: 'spam' });
    assert.ok(reply.entry >= 1);
    assert.equal(reply.until, undefined, 'without end');
    for (const one of [alice, bob, carol]) {
        const event = await one.next({ type: 'moderation', action: 'ban', room: 'hall' });
        assert.equal(event.username, 'bob');
        assert.equal(event.reason, 'spam');
        await one.next({ type: 'leave', room: 'hall', username: 'bob' });
    }
    for (const one of [bob, second, await connectAgain(t, server, bob)]) {
        const error = await one.refused('banned', 'join', { room: 'hall' });
        assert.equal(error.retryAfter, undefined);
    }
    const late = await enter('bob', { room: 'hall' });
    await late.told('banned');
    assert.ok((await rules(bob)).includes('banned'));
    await alice.ok('unban', { room: 'hall', user: 'bob' });
    await bob.join('hall');
    await alice.refused('unknown_user', 'unban', { room: 'hall', user: 'bob' });
    await alice.refused('unknown_user', 'unban', { room: 'hall', user: 'nobody at all' });
});

test('ban: a user who is not there', async (t) => {
    const { server, alice, carol, enter } = await hall(t, { carol: 'guest' });
    const guest = await connect(t, server, { username: 'dave' });
    await guest.close();
    await server.metricUntil('hubbub_sessions', (n) => n === 3, 'dave to be gone');
    await alice.ok('ban', { room: 'hall', user: guest.welcome.userId });
    const again = await connectAgain(t, server, guest);
    await again.refused('banned', 'join', { room: 'hall' });
    await (await connect(t, server, { username: 'erin' })).join('hall');
    await alice.ok('ban', { room: 'hall', user: 'id:mallory' }); // of another system, and never seen
    await (await enter('mallory')).refused('banned', 'join', { room: 'hall' });
    await alice.ok('unban', { room: 'hall', user: 'mallory' });
    // Nor does a ban open a way to guess: carol is in the room and sees no names of those banned.
    await carol.refused('forbidden', 'settings', { room: 'hall' });
    const { sanctions } = await alice.ok('settings', { room: 'hall' });
    assert.deepEqual(sanctions.map((row) => [row.action, row.userId]), [['ban', guest.welcome.userId]]);
});

test('mute: hears but is not heard, on every connection', async (t) => {
    const { server, alice, bob } = await hall(t, { bob: 'member' });
    const second = await connectAgain(t, server, bob);
    await second.join('hall');
    await alice.ok('mute', { room: 'hall', user: 'bob', reason: 'a pause' });
    const event = await bob.next({ type: 'moderation', action: 'mute' });
    assert.equal(event.reason, 'a pause');
    for (const one of [bob, second]) {
        const error = await one.refused('muted', 'message', { room: 'hall', content: 'x' });
        assert.equal(error.retryAfter, undefined);
    }
    await bob.ok('leave', { room: 'hall' });
    const joined = await bob.join('hall');
    assert.equal(joined.mutedUntil, 0, 'coming back does not help, and says so');
    await bob.refused('muted', 'message', { room: 'hall', content: 'x' });
    assert.deepEqual(await rules(bob), ['muted']);
    await talks(alice);
    await bob.next({ type: 'message', room: 'hall', username: 'alice' });
    await alice.ok('unmute', { room: 'hall', user: 'bob' });
    await bob.next({ type: 'moderation', action: 'unmute' });
    for (const one of [bob, second]) await talks(one);
    await alice.refused('unknown_user', 'unmute', { room: 'hall', user: 'bob' });
});

test('bans and mutes end by themselves', async (t) => {
    const { alice, bob, carol } = await hall(t, { bob: 'guest', carol: 'guest' });
    const before = Date.now();
    const muted = await alice.ok('mute', { room: 'hall', user: 'bob', seconds: 1 });
    assert.ok(muted.until >= before + 900 && muted.until <= Date.now() + 1100, `${muted.until}`);
    assert.equal((await bob.next({ type: 'moderation', action: 'mute' })).until, muted.until);
    const error = await bob.refused('muted', 'message', { room: 'hall', content: 'x' });
    assert.equal(error.retryAfter, 1);
    const banned = await alice.ok('ban', { room: 'hall', user: 'carol', seconds: 1 });
    assert.ok(banned.until >= muted.until);
    assert.equal((await carol.refused('banned', 'join', { room: 'hall' })).retryAfter, 1);
    const reason = (await reasons(carol)).find(({ rule }) => rule === 'banned');
    assert.equal(reason.until, banned.until);

    await talksAgain(bob);
    await until(async () => (await carol.request('join', { room: 'hall' })).type === 'ok', 'carol to get in again');
    assert.deepEqual(await reasons(bob), []);
    assert.deepEqual(await rules(carol), []);
    assert.deepEqual((await alice.ok('settings', { room: 'hall' })).sanctions, []);
    await alice.refused('unknown_user', 'unmute', { room: 'hall', user: 'bob' });
    for (const seconds of [0, -1, 1.5, 315_360_001, '5', null]) {
        await alice.refused('bad_request', 'mute', { room: 'hall', user: 'bob', seconds });
    }
});

test('a later sanction takes the place of the earlier', async (t) => {
    const { alice, bob } = await hall(t, { bob: 'guest' });
    await alice.ok('mute', { room: 'hall', user: 'bob' });
    await alice.ok('mute', { room: 'hall', user: 'bob', seconds: 1 });
    await talksAgain(bob);
});

test('what a higher rank imposed a lower one cannot lift', async (t) => {
    const { alice, bob, carol, root } = await hall(t, { bob: 'moderator', carol: 'guest' });
    const { entry } = await alice.ok('mute', { room: 'hall', user: 'carol' });
    await bob.refused('forbidden', 'unmute', { room: 'hall', user: 'carol' });
    await bob.refused('forbidden', 'undo', { room: 'hall', entry });
    await carol.refused('muted', 'message', { room: 'hall', content: 'x' });
    await root.ok('unmute', { room: 'hall', user: 'carol' });
    await talks(carol);
    await bob.ok('ban', { room: 'hall', user: 'carol' });
    await alice.ok('unban', { room: 'hall', user: 'carol' });
});

test('who is muted keeps reading, and members keep their rank through a ban', async (t) => {
    const { alice, bob } = await hall(t, { bob: 'member' });
    await alice.ok('ban', { room: 'hall', user: 'bob' });
    await bob.refused('banned', 'join', { room: 'hall' });
    await alice.ok('unban', { room: 'hall', user: 'bob' });
    await bob.join('hall');
});

test('users are named by userId as well as by name', async (t) => {
    const { server, alice } = await hall(t);
    const first = await connect(t, server, { username: 'dave' });
    const second = await connect(t, server, { username: 'dave' });
    for (const one of [first, second]) await one.join('hall');
    await alice.ok('mute', { room: 'hall', user: second.welcome.userId });
    await talks(first);
    await second.refused('muted', 'message', { room: 'hall', content: 'x' });
    await alice.ok('kick', { room: 'hall', user: 'dave-2' });
    await second.next({ type: 'leave', username: 'dave-2' });
    await talks(first);
});

test('the classic dialect sees who goes, and gets told why it may not', async (t) => {
    const { alice, bob, enter } = await hall(t, { bob: 'guest' });
    const small = await enter('carol', { full: false, room: 'hall' });
    await small.next({ type: 'join', username: 'carol' });
    await alice.ok('mute', { room: 'hall', user: 'carol', seconds: 600 });
    small.send({ type: 'message', content: 'can you hear me?' });
    const error = await small.next({ type: 'error' });
    assert.equal(error.code, 'muted');
    assert.equal(error.username, 'server');
    assert.equal(error.content, error.message);
    assert.ok(error.retryAfter > 590 && error.retryAfter <= 600);

    await alice.ok('kick', { room: 'hall', user: 'bob' });
    const left = await small.next({ type: 'leave', username: 'bob' });
    assert.match(left.content, /^bob .*/);
    const full = await bob.next({ type: 'leave', username: 'bob' });
    assert.equal(full.content, left.content);

    await alice.ok('ban', { room: 'hall', user: 'carol' });
    assert.equal((await small.next({ type: 'leave', username: 'carol' })).room, 'hall');
    small.send({ type: 'join', room: 'hall' });
    assert.equal((await small.next({ type: 'error' })).code, 'banned');
    for (const type of ['moderation', 'room', 'delete', 'invite', 'notice', 'ok']) {
        assert.deepEqual(small.take({ type }), [], type);
    }
});

/* Messages */

test('delete: by the author or a moderator, told to all, once', async (t) => {
    const { alice, bob, carol, enter } = await hall(t, { bob: 'moderator', carol: 'guest' });
    const small = await enter('dave', { full: false, room: 'hall' });
    await small.next({ type: 'join', username: 'dave' });
    const [one, two, three] = [await talks(carol), await talks(carol), await talks(alice)];
    const reply = await bob.ok('delete', { room: 'hall', seq: one.seq, reason: 'not here' });
    assert.equal(reply.room, 'hall');
    assert.equal(reply.seq, one.seq);
    for (const each of [alice, bob, carol]) {
        const event = await each.next({ type: 'delete', room: 'hall' });
        assert.equal(event.seq, one.seq);
        assert.equal(event.userId, 'bob');
        assert.equal(event.username, 'bob');
        assert.equal(event.reason, 'not here');
    }
    await carol.ok('delete', { seq: two.seq }); // of one’s own, in the only room
    assert.equal((await bob.next({ type: 'delete' })).username, 'carol');
    await carol.refused('forbidden', 'delete', { room: 'hall', seq: three.seq });
    await bob.refused('forbidden', 'delete', { room: 'hall', seq: three.seq });
    for (const seq of [three.seq + 1, 2 ** 40]) await bob.refused('unknown_message', 'delete', { room: 'hall', seq });
    for (const seq of [0, -1, 1.5, '1']) await bob.refused('bad_request', 'delete', { room: 'hall', seq });
    await bob.refused('bad_request', 'delete', { room: 'hall' });
    const stranger = await enter('erin');
    await stranger.refused('forbidden', 'delete', { room: 'hall', seq: three.seq });
    assert.equal((await talks(alice)).seq, three.seq + 1, 'numbers are not used again');
    await small.next({ type: 'message', seq: three.seq + 1 });
    assert.deepEqual(small.take({ type: 'delete' }), []);
});

/* The ledger */

test('the ledger tells who, whom, what, when, why and until, newest first', async (t) => {
    const { alice, bob, carol } = await hall(t, { bob: 'moderator', carol: 'guest' });
    const before = Date.now();
    const entries = [
        (await bob.ok('mute', { room: 'hall', user: 'carol', seconds: 600, reason: 'a pause' })).entry,
        (await bob.ok('unmute', { room: 'hall', user: 'carol', reason: 'enough' })).entry,
        (await bob.ok('kick', { room: 'hall', user: 'carol', reason: 'again' })).entry,
        (await alice.ok('ban', { room: 'hall', user: 'carol', reason: 'and again' })).entry,
    ];
    const ledger = (await bob.ok('ledger', { room: 'hall' })).entries;
    const sanctions = ledger.filter((row) => ['kick', 'ban', 'mute', 'unmute'].includes(row.action));
    assert.deepEqual(sanctions.map((row) => row.action), ['ban', 'kick', 'unmute', 'mute']);
    assert.deepEqual(ledger.map((row) => row.entry), ledger.map((row) => row.entry).sort((a, b) => b - a));
    for (const [i, row] of sanctions.entries()) {
        const entry = entries.at(-1 - i);
        if (entry !== undefined) assert.equal(row.entry, entry);
        assert.equal(row.userId, 'carol');
        assert.equal(row.username, 'carol');
        assert.ok(row.ts >= before - 1000 && row.ts <= Date.now() + 1000);
        assert.ok(!row.undone);
    }
    const [ban, kick, , mute] = sanctions;
    assert.deepEqual([ban.by, ban.byId, ban.reason], ['alice', 'alice', 'and again']);
    assert.ok(!ban.until);
    assert.deepEqual([kick.by, kick.reason], ['bob', 'again']);
    assert.deepEqual([mute.by, mute.byId, mute.reason, mute.until - mute.ts], ['bob', 'bob', 'a pause', 600_000]);

    const role = ledger.find((row) => row.action === 'role');
    assert.deepEqual([role.username, role.by], ['bob', 'alice']);

    // In pages.
    const paged = [];
    for (let earlier; ;) {
        const page = (await bob.ok('ledger', { room: 'hall', limit: 2, ...earlier && { before: earlier } })).entries;
        assert.ok(page.length <= 2);
        if (page.length === 0) break;
        paged.push(...page);
        earlier = page.at(-1).entry;
    }
    assert.deepEqual(paged, ledger);
    await carol.refused('banned', 'ledger', { room: 'hall' });
    for (const limit of [0, -1, 201, 'all']) await bob.refused('bad_request', 'ledger', { room: 'hall', limit });
    await alice.refused('no_such_room', 'ledger', { room: 'nowhere' });
});

test('undo takes a ban or a mute back, and the ledger says so', async (t) => {
    const { alice, bob, carol } = await hall(t, { bob: 'moderator', carol: 'guest' });
    const mute = (await bob.ok('mute', { room: 'hall', user: 'carol' })).entry;
    const reply = await bob.ok('undo', { room: 'hall', entry: mute });
    assert.equal(reply.entry, mute);
    for (const one of [alice, bob, carol]) {
        const event = await one.next({ type: 'moderation', action: 'undo' });
        assert.equal(event.by, 'bob');
        assert.equal(event.userId, 'carol');
    }
    await talks(carol);

    const ban = (await bob.ok('ban', { room: 'hall', user: 'carol' })).entry;
    await alice.ok('undo', { room: 'hall', entry: ban });
    await carol.join('hall');
    const { entries } = await alice.ok('ledger', { room: 'hall' });
    for (const entry of [mute, ban]) assert.equal(entries.find((row) => row.entry === entry).undone, true);

    await bob.refused('too_late', 'undo', { room: 'hall', entry: mute });

    const kick = (await bob.ok('kick', { room: 'hall', user: 'carol' })).entry;
    await bob.refused('bad_request', 'undo', { room: 'hall', entry: kick });
    await bob.refused('unknown_message', 'undo', { room: 'hall', entry: 1_000_000 });
    await bob.refused('bad_request', 'undo', { room: 'hall' });
    await carol.refused('forbidden', 'undo', { room: 'hall', entry: ban });
});

test('undo of a lifted ban imposes it again', async (t) => {
    const { alice, bob } = await hall(t, { bob: 'guest' });
    await alice.ok('ban', { room: 'hall', user: 'bob' });
    const { entry } = await alice.ok('unban', { room: 'hall', user: 'bob' });
    const reply = await alice.request('undo', { room: 'hall', entry });
    if (reply.type === 'ok') await bob.refused('banned', 'join', { room: 'hall' });
    else assert.equal(reply.code, 'bad_request', 'or it is not among what can be undone');
});

/* Why */

test('why names each rule that stands in the way', async (t) => {
    const { alice, bob, enter } = await hall(t, { bob: 'guest' });
    assert.deepEqual(await reasons(bob), []);
    const carol = await enter('carol');
    assert.deepEqual(await rules(carol), ['not_in_room']);
    assert.ok((await rules(carol, 'nowhere')).includes('no_such_room'));
    await alice.ok('create', { room: 'club', visibility: 'restricted' });
    assert.ok((await rules(carol, 'club')).includes('not_member'));
    await alice.ok('create', { room: 'secret', visibility: 'private' });
    assert.ok((await rules(carol, 'secret')).includes('no_such_room'));

    await alice.ok('update', { room: 'hall', slowMode: 600 });
    await talks(bob);
    const { until } = await alice.ok('mute', { room: 'hall', user: 'bob', seconds: 600 });
    const both = Object.fromEntries((await reasons(bob)).map((reason) => [reason.rule, reason]));
    assert.deepEqual(Object.keys(both).sort(), ['muted', 'slow_mode']);
    assert.equal(both.muted.until, until);
    assert.ok(both.slow_mode.retryAfter > 0 && both.slow_mode.retryAfter <= 600);
    assert.deepEqual((await bob.ok('why')).reasons.length, 2, 'the only room');
});

/* Operators */

test('an operator may do all of it anywhere', async (t) => {
    const { alice, bob, root, enter } = await hall(t, { bob: 'admin' });
    assert.equal(root.welcome.operator, true);
    assert.ok(!alice.welcome.operator);
    await alice.ok('create', { room: 'secret', visibility: 'private', password: 'p' });
    assert.ok((await root.ok('rooms')).rooms.some((row) => row.room === 'secret'));
    assert.equal((await root.ok('settings', { room: 'secret' })).visibility, 'private');
    assert.equal((await root.join('secret')).role, 'operator');
    await root.ok('kick', { room: 'hall', user: 'bob', reason: 'from outside' });
    assert.equal((await bob.next({ type: 'moderation', action: 'kick' })).by, 'root');
    await root.ok('role', { room: 'hall', user: 'bob', role: 'owner' });
    await root.ok('role', { room: 'hall', user: 'alice', role: 'member' });
    await root.ok('ban', { room: 'hall', user: 'bob' });
    await root.ok('update', { room: 'hall', topic: 'by the house' });
    await alice.next({ type: 'room', topic: 'by the house' });
    await root.ok('destroy', { room: 'hall' });
    const carol = await enter('carol', { room: 'open' });
    await carol.next({ type: 'join' });
    await root.ok('mute', { room: 'open', user: 'carol' });
    await carol.refused('muted', 'message', { content: 'x' });
});

test('operators are named by userId when the server starts, and on SIGHUP', async (t) => {
    const issuer = new Issuer();
    const file = path.join(folder(), 'hubbub.ini');
    writeFileSync(file, 'admin = root, alice\n');
    const server = await startServer(t, ['--config', file, ...issuer.args]);
    const root = await connect(t, server, { token: issuer.token('root') });
    const bob = await connect(t, server, { token: issuer.token('bob') });
    assert.ok(!(await connect(t, server, { username: 'root' })).welcome.operator, 'a name is no identity');
    assert.equal((await connect(t, server, { token: issuer.token('alice') })).welcome.operator, true);
    await root.ok('notice', { content: 'x' });
    await bob.refused('forbidden', 'notice', { content: 'x' });
    writeFileSync(file, 'admin = bob\n');
    server.signal('SIGHUP');
    await until(async () => (await bob.request('notice', { content: 'x' })).type === 'ok', 'bob to be an operator');
    await root.refused('forbidden', 'notice', { content: 'x' });
});

test('a ban from the server: 4003 for every connection, and at every return', async (t) => {
    const { server, root, alice, enter, bob } = await hall(t, { bob: 'member' });
    const second = await connectAgain(t, server, bob);
    const small = await enter('bob', { full: false });
    const third = await connect(t, server, { username: 'carol' });
    const reply = await root.ok('ban', { user: 'bob', reason: 'enough' });
    assert.equal(reply.userId, 'bob');
    assert.equal(reply.room, undefined);
    for (const one of [bob, second, small]) {
        const error = await one.next({ type: 'error' });
        assert.equal(error.code, 'banned');
        const end = await one.expectClose(4003);
        assert.equal(end.reason, 'banned');
    }
    await alice.next({ type: 'leave', room: 'hall', username: 'bob' });
    await turnedAway(t, server, 4003, 'banned', { username: 'bob', token: bob.token });
    await turnedAway(t, server, 4003, 'banned', { username: 'bob', token: bob.token, full: false });
    await third.join('hall'); // nobody else
    await server.metricUntil('hubbub_banned_clients_closed_total', (n) => n === 5, '5');

    const own = await root.ok('settings');
    assert.deepEqual(own.sanctions.map((row) => [row.action, row.userId, row.reason]), [['ban', 'bob', 'enough']]);
    const { entries } = await root.ok('ledger');
    assert.deepEqual([entries[0].action, entries[0].userId, entries[0].by], ['ban', 'bob', 'root']);
    await root.ok('unban', { user: 'bob' });
    await enter('bob');
    await root.refused('unknown_user', 'unban', { user: 'bob' });
});

test('a ban from the server ends by itself, too, and can be undone', async (t) => {
    const { root, enter, server } = await run(t);
    const bob = await enter('bob');
    const { until: end } = await root.ok('ban', { user: 'bob', seconds: 1 });
    const error = await bob.next({ type: 'error' });
    assert.equal(error.retryAfter, 1);
    await bob.expectClose(4003);
    let back;
    await until(async () => {
        back = await connect(t, server, { token: bob.token, welcomed: false });
        return (await back.next(() => true)).type === 'welcome';
    }, 'bob to be let in again');
    assert.ok(Date.now() >= end - 1000);
    const { entry } = await root.ok('ban', { user: 'bob' });
    await back.expectClose(4003);
    await root.ok('undo', { entry });
    await enter('bob');
});

test('only operators ban from the server or speak to everybody', async (t) => {
    const { enter, root, alice } = await hall(t);
    await alice.ok('leave', { room: 'hall' });
    const bob = await enter('bob');
    for (const one of [alice, bob]) {
        for (const type of ['ban', 'unban']) {
            const reply = await one.request(type, { user: 'root' });
            assert.ok(['forbidden', 'not_in_room'].includes(reply.code), JSON.stringify(reply));
        }
        await one.refused('forbidden', 'notice', { content: 'x' });
        await one.refused('forbidden', 'notice', { content: 'x', room: 'hall' });
        for (const type of ['ledger', 'settings']) {
            const reply = await one.request(type);
            assert.ok(['forbidden', 'not_in_room'].includes(reply.code), JSON.stringify(reply));
        }
    }
    await root.refused('forbidden', 'ban', { user: 'root' });
    await root.refused('unknown_user', 'ban', { user: 'nobody at all' });
});

test('a ban by address keeps out who comes from there, as the trusted proxy tells', async (t) => {
    const { server, root } = await run(t, ['--trusted-proxy', '127.0.0.1']);
    const from = (address) => ({ headers: { 'X-Forwarded-For': address } });
    const mallory = await connect(t, server, { username: 'mallory', ...from('203.0.113.7') });
    const beside = await connect(t, server, { username: 'bob', ...from('203.0.113.8') });
    await root.ok('ban', { user: 'mallory', address: true });
    await mallory.expectClose(4003);
    await turnedAway(t, server, 4003, 'banned', { username: 'a new name', ...from('203.0.113.7') });
    await turnedAway(t, server, 4003, 'banned', { username: 'a forged hop', ...from('198.51.100.1, 203.0.113.7') });
    await turnedAway(t, server, 4003, 'banned', { token: mallory.token, username: 'mallory', ...from('203.0.113.9') });
    await connect(t, server, { username: 'carol', ...from('203.0.113.9') });
    await beside.join('hall');
    await root.ok('unban', { user: mallory.welcome.userId });
    await connect(t, server, { username: 'a new name', ...from('203.0.113.7') });
});

test('a notice reaches everybody, or a room', async (t) => {
    const { root, alice, bob, enter } = await hall(t, { bob: 'guest' });
    const small = await enter('carol', { full: false, room: 'hall' });
    await small.next({ type: 'join', username: 'carol' });
    const dave = await enter('dave');
    await root.ok('notice', { content: 'Back at "noon" \\ 🦊' });
    for (const one of [alice, bob, dave, root]) {
        const event = await one.next({ type: 'notice' });
        assert.equal(event.content, 'Back at "noon" \\ 🦊');
        assert.equal(event.by, 'root');
        assert.equal(event.room, undefined);
    }
    const plain = await small.next({ type: 'message' });
    assert.equal(plain.username, 'server');
    assert.equal(plain.content, 'Back at "noon" \\ 🦊');
    assert.equal(typeof plain.room, 'string');

    await root.ok('notice', { content: 'to the hall', room: 'hall' });
    for (const one of [alice, bob]) assert.equal((await one.next({ type: 'notice' })).room, 'hall');
    assert.equal((await small.next({ type: 'message' })).room, 'hall');
    await dave.barrier();
    assert.deepEqual(dave.take({ type: 'notice' }), []);
    await root.refused('bad_request', 'notice', {});
    await root.refused('bad_request', 'notice', { content: '' });
    await root.refused('no_such_room', 'notice', { content: 'x', room: 'nowhere' });
});

/*
 * Who may do what to whom in a room, and what it does: to every connection of a user, to those that come
 * later, and to what the others see.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectAgain } from './support/client.mjs';
import { hall, reasons, rules, talks, talksAgain } from './support/hall.mjs';
import { until } from './support/wait.mjs';

const RANKS = ['guest', 'member', 'moderator', 'admin', 'owner']; // low to high
const rank = (name) => RANKS.indexOf(name);

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
        assert.equal(error.reason, 'spam');
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
    const muted = await alice.ok('mute', { room: 'hall', user: 'bob', seconds: 2 });
    assert.ok(muted.until >= before + 2000 && muted.until <= Date.now() + 2000, `${muted.until}`);
    assert.equal((await bob.next({ type: 'moderation', action: 'mute' })).until, muted.until);
    const error = await bob.refused('muted', 'message', { room: 'hall', content: 'x' });
    assert.ok([1, 2].includes(error.retryAfter), `${error.retryAfter}`);
    const banned = await alice.ok('ban', { room: 'hall', user: 'carol', seconds: 2 });
    assert.ok(banned.until >= muted.until);
    const { retryAfter, reason: none } = await carol.refused('banned', 'join', { room: 'hall' });
    assert.equal(none, undefined, 'none was given');
    assert.ok([1, 2].includes(retryAfter), `${retryAfter}`);
    const reason = (await reasons(carol)).find(({ rule }) => rule === 'banned');
    assert.equal(reason.until, banned.until);

    await talksAgain(bob);
    assert.ok(Date.now() >= muted.until, 'not before its time');
    await until(async () => (await carol.request('join', { room: 'hall' })).type === 'ok', 'carol to get in again');
    assert.ok(Date.now() >= banned.until, 'nor this');
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

test('members keep their rank through a ban', async (t) => {
    const { alice, bob } = await hall(t, { bob: 'member' });
    await alice.ok('ban', { room: 'hall', user: 'bob' });
    await bob.refused('banned', 'join', { room: 'hall' });
    await alice.ok('unban', { room: 'hall', user: 'bob' });
    assert.equal((await bob.join('hall')).role, 'member');
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

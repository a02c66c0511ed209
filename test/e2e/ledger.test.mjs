/*
 * What is known of what was done in a room: the ledger and how its entries are undone, and why somebody may not.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hall, reasons, rules, talks } from './support/hall.mjs';

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
        assert.equal(row.entry, entries.at(-1 - i));
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
    assert.deepEqual([role.username, role.by, role.role], ['bob', 'alice', 'moderator']);

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
    await alice.ok('undo', { room: 'hall', entry });
    await bob.refused('banned', 'join', { room: 'hall' });
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

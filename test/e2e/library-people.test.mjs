/*
 * The client library, web/hubbub.js, for people who are somebody, and in rooms that people run: guests who come back,
 * tokens, ranks, what moderators do, rates.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Storage, code, event, makeHub, onlineHub, state, texts } from './support/hub.mjs';
import { folder, startAgain, startServer } from './support/server.mjs';
import { Issuer } from './support/tokens.mjs';
import { until, within } from './support/wait.mjs';

/* A server with an operator called root, and hubs of users whose userIds are their names. */
async function town(t, args = []) {
    const issuer = new Issuer();
    const server = await startServer(t, [...issuer.args, '--admin', 'root', ...args]);
    const enter = (name, room, options) => onlineHub(t, server, name, room, { token: issuer.token(name), ...options });
    return { server, issuer, enter };
}

test('a guest comes back as the same user: in the next instance, in another tab, after a restart', async (t) => {
    const server = await startServer(t, ['--data', folder()]);
    const storage = new Storage();
    const first = await onlineHub(t, server, 'alice', 'lobby', { storage });
    const { userId } = first;
    const tab = await onlineHub(t, server, undefined, 'lobby', { storage });
    assert.deepEqual([tab.userId, tab.username], [userId, 'alice']);
    assert.equal(first.rooms.get('lobby').count, 1, 'two tabs are one user');
    tab.close();

    const back = event(first, 'joined', (one) => one.again);
    const next = await startAgain(t, server);
    await back;
    assert.equal(first.userId, userId);
    first.close();
    const reloaded = await onlineHub(t, next, undefined, undefined, { storage });
    assert.equal(reloaded.userId, userId);
    const { token } = reloaded;
    reloaded.close();
    const carried = await onlineHub(t, next, undefined, undefined, { token });
    assert.equal(carried.userId, userId, 'a token kept by hand');
});

test('a guest of another server begins as somebody new', async (t) => {
    const server = await startServer(t, ['--data', folder()]);
    const storage = new Storage();
    const alice = await onlineHub(t, server, 'alice', 'lobby', { storage });
    const before = alice.userId;
    const back = event(alice, 'joined', (one) => one.again);
    await startAgain(t, server, ['--data', folder()]);
    await back;
    assert.notEqual(alice.userId, before);
    assert.deepEqual([...storage.all.values()], [alice.token]);
});

test('tokens of other systems; none where one is wanted', async (t) => {
    const { server, issuer, enter } = await town(t, ['--auth', 'token']);
    const root = await enter('root');
    assert.deepEqual([root.userId, root.operator], ['root', true]);
    const alice = await enter('alice');
    assert.deepEqual([alice.userId, alice.operator], ['alice', false]);

    const nobody = makeHub(t, server.ws(), { username: 'alice' });
    const needed = event(nobody, 'auth-needed');
    await assert.rejects(within(nobody.connect(), 'a refusal'), code('not_authenticated'));
    assert.equal((await needed).code, 'not_authenticated');
    const welcome = await within(nobody.auth(issuer.token('bob')), 'bob by a token');
    assert.equal(welcome.userId, 'bob');
    assert.equal((await nobody.auth(issuer.token('bob'))).userId, 'bob', 'and renewed');
    await assert.rejects(nobody.auth(issuer.token('carol')), code('forbidden'));

    const old = makeHub(t, server.ws(), { token: issuer.token('dave', { exp: 1000 }) });
    const expired = event(old, 'auth-needed');
    old.connect();
    assert.equal((await expired).code, 'token_expired');
    assert.equal(old.state, 'closed');
});

test('a room of one\'s own: password, settings, rank, and all of it again after a restart', async (t) => {
    const { server, enter } = await town(t, ['--data', folder(), '--store', 'sqlite']);
    const alice = await enter('alice');
    await alice.create('den', { title: 'The den', topic: 'tea', password: 'sesame' });
    assert.equal((await alice.join('den')).role, 'owner');
    const bob = await enter('bob');
    await assert.rejects(bob.join('den'), code('wrong_password'));
    await bob.join('den', { password: 'sesame' });
    const room = bob.rooms.get('den');
    assert.deepEqual([room.title, room.topic, room.role, room.kept], ['The den', 'tea', 'guest', true]);

    const news = event(bob, 'room');
    await alice.update('den', { topic: 'coffee', slowMode: 0 });
    assert.equal((await news).by, 'alice');
    assert.equal(room.topic, 'coffee');

    const backs = [alice, bob].map((hub) => event(hub, 'joined', (one) => one.again));
    await startAgain(t, server);
    await Promise.all(backs);
    assert.equal(alice.rooms.get('den').role, 'owner');
    assert.deepEqual([bob.rooms.get('den').topic, bob.rooms.get('den').role], ['coffee', 'guest']);

    const raised = event(bob, 'moderation');
    await alice.role('den', 'bob', 'moderator');
    await raised;
    assert.equal(bob.rooms.get('den').role, 'moderator');
    const { roster, hasPassword } = await bob.settings('den');
    assert.deepEqual(roster.map((row) => row.role).sort(), ['moderator', 'owner']);
    assert.equal(hasPassword, true);

    const parted = event(bob, 'parted');
    await alice.destroy('den', 'over');
    const why = await parted;
    assert.deepEqual([why.room, why.why, why.by, why.reason], ['den', 'destroyed', 'alice', 'over']);
});

test('mute, kick, ban, undo, invitations, messages removed', async (t) => {
    const { enter } = await town(t);
    const alice = await enter('alice');
    await alice.create('den');
    await alice.join('den');
    const bob = await enter('bob', 'den');
    const room = bob.rooms.get('den');

    let told = event(bob, 'moderation');
    const mute = await alice.mute('den', 'bob', 'loud', 600);
    await told;
    assert.equal(room.mutedUntil, mute.until);
    await assert.rejects(bob.say('den', 'hello'), code('muted'));
    assert.deepEqual((await bob.why('den')).reasons.map((one) => one.rule), ['muted']);
    told = event(bob, 'moderation');
    await alice.undo('den', mute.entry);
    await told;
    assert.equal(room.mutedUntil, undefined);

    const message = bob.say('den', 'oops');
    await message;
    const gone = event(bob, 'delete');
    await alice.deleteMessage('den', message.seq, 'rude');
    assert.equal((await gone).seq, message.seq);

    let parted = event(bob, 'parted');
    await alice.kick('den', 'bob', 'out');
    let why = await parted;
    assert.deepEqual([why.why, why.by, why.reason], ['kick', 'alice', 'out']);
    assert.equal(bob.rooms.size, 0);
    await bob.join('den');
    parted = event(bob, 'parted');
    await alice.ban('den', 'bob', { seconds: 600, reason: 'spam' });
    why = await parted;
    assert.equal(why.why, 'ban');
    assert.ok(why.until > 0);
    await assert.rejects(bob.join('den'), (error) => code('banned')(error) && error.retryAfter > 0 && error.reason === 'spam');
    await alice.unban('den', 'bob');

    await alice.update('den', { visibility: 'restricted' });
    await assert.rejects(bob.join('den'), code('invite_required'));
    const invited = event(bob, 'invite');
    await alice.invite('den', 'bob');
    assert.equal((await bob.join('den', { invite: (await invited).invite })).role, 'member');
    const { entries } = await alice.ledger('den', { limit: 2 });
    assert.equal(entries.length, 2);
});

test('banned from the server: out of the rooms, closed, and no way back', async (t) => {
    const { enter } = await town(t);
    const root = await enter('root');
    const bob = await enter('bob', 'lobby');
    const parted = event(bob, 'parted');
    const closed = state(bob, 'closed');
    await root.ban(null, 'bob', 'enough');
    assert.equal((await parted).why, 'ban');
    assert.equal((await closed).code, 4003);
    await assert.rejects(within(bob.connect(), 'a refusal'), code('banned'));

    const carol = await enter('carol');
    const notice = event(carol, 'notice');
    await root.notice('tea is ready');
    assert.equal((await notice).content, 'tea is ready');
});

test('slow mode and the rate of messages: nothing is lost, and the order holds', async (t) => {
    const { enter } = await town(t, ['--message-burst', '2', '--message-rate', '1']);
    const alice = await enter('alice', 'lobby');
    const bob = await enter('bob', 'lobby');
    const lines = ['one', 'two', 'three', 'four'];
    const held = event(bob, 'outbox', ({ message }) => message.retryAt > 0);
    const messages = lines.map((text) => bob.say('lobby', text));
    assert.equal((await held).message.state, 'queued');
    await within(Promise.all(messages), 'all of it');
    await until(() => texts(alice).length === 4, 'alice hears all of it');
    assert.deepEqual(texts(alice), lines);

    const carol = await enter('carol');
    await carol.create('slow', { slowMode: 1 });
    await carol.join('slow');
    await alice.join('slow');
    const pair = ['five', 'six'].map((text) => alice.say('slow', text));
    await within(Promise.all(pair), 'both');
    assert.deepEqual(pair.map((message) => message.seq), [1, 2]);
});

test('led into a room and out of it by HTTP', async (t) => {
    const server = await startServer(t);
    const alice = await onlineHub(t, server, 'alice');
    const post = (route, fields) => server.request(route, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ session: alice.session, ...fields }),
    });
    const joined = event(alice, 'joined');
    assert.equal((await post('/join-room', { room: 'lobby', stay: true })).status, 200);
    assert.equal((await joined).room, 'lobby');
    assert.equal((await post('/leave-room', { room: 'lobby' })).status, 200);
    const parted = event(alice, 'parted');
    await assert.rejects(alice.say('lobby', 'hello'), code('not_in_room'));
    assert.equal((await parted).why, 'left');
});

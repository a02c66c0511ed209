/*
 * Private conversations: rooms of two that nobody else can find, blocks, and that nobody can tell whether somebody who
 * blocked them is there.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearing, connect, connectAgain, people } from './support/client.mjs';
import { download, share, upload } from './support/files.mjs';
import { run } from './support/hall.mjs';
import { back, data } from './support/log.mjs';
import { startPostgres } from './support/postgres.mjs';
import { startAgain, startServer } from './support/server.mjs';

const id = (client) => client.welcome.userId;
const NOBODYS = `dm:${'0123456789abcdef'.repeat(2)}`; // such a name that was never given
const list = async (client) => (await client.ok('conversations')).conversations;
const texts = (frames) => frames.map((one) => one.content);

/* Everything that came to somebody and nobody asked for is taken; it must have been nothing. */
async function hearsNothing(...clients) {
    for (const one of clients) {
        await one.barrier();
        assert.deepEqual(one.take(() => true), [], one.name);
    }
}

/* Two with a conversation; alice has begun it. */
async function pair(t, server) {
    const two = await people(t, server, 'alice', 'bob');
    const { room } = await two.alice.ok('dm', { to: 'bob', content: 'first' });
    await two.bob.next({ type: 'dm' });
    return { ...two, room };
}

for (const [store, args] of [['memory', []], ['sqlite', data()]]) {
    test(`a conversation is a room of two (${store})`, async (t) => {
        const server = await startServer(t, args);
        const { alice, bob, carol } = await people(t, server, 'alice', 'bob', 'carol');
        const tab = await connectAgain(t, server, alice);
        assert.deepEqual(await list(alice), []);
        const reply = await alice.ok('dm', { to: 'bob', content: 'hi' });
        const { room } = reply;
        assert.match(room, /^dm:[0-9a-f]{32}$/);
        assert.deepEqual([reply.seq, reply.durable, reply.userId, reply.username], [1, store !== 'memory', id(bob), 'bob']);
        for (const one of [bob, tab]) {
            const { ts, ...event } = await one.next({ type: 'dm' });
            assert.deepEqual(event, { type: 'dm', room, seq: 1, from: 'alice', fromId: id(alice), to: 'bob', toId: id(bob), content: 'hi' });
            assert.equal(ts, reply.ts);
        }
        assert.deepEqual(await list(bob), [{ room, userId: id(alice), username: 'alice', seq: 1, ts: reply.ts }]);

        // Those who are in it hear messages, the other connections of the two what is private.
        const joined = await bob.join(room, { history: 10 });
        assert.equal((await bob.next({ type: 'message' })).content, 'hi');
        assert.deepEqual([joined.seq, joined.members, joined.visibility, joined.kept, joined.role], [1, 2, 'private', true, 'member']);
        await alice.join(room);
        await bob.ok('message', { room, content: 'hello', replyTo: 1 });
        await alice.next({ type: 'message', room, seq: 2, replyTo: 1, userId: id(bob) });
        assert.equal((await tab.next({ type: 'dm', seq: 2 })).fromId, id(bob));
        await bob.next({ type: 'message', seq: 2 });
        await tab.ok('dm', { to: id(bob), content: 'from a tab' });
        for (const one of [alice, bob]) await one.next({ type: 'message', room, seq: 3, userId: id(alice) });

        // What else there is in rooms is here, too.
        await bob.ok('edit', { room, seq: 2, content: 'hello!' });
        await alice.next({ type: 'edit', seq: 2, content: 'hello!' });
        await alice.ok('react', { room, seq: 2, emoji: '+1' });
        await bob.next({ type: 'reaction', seq: 2, count: 1 });
        await alice.ok('typing', { room });
        await bob.next({ type: 'typing', userId: id(alice) });
        await alice.ok('delete', { room, seq: 3 });
        await bob.next({ type: 'delete', seq: 3 });
        await alice.refused('forbidden', 'delete', { room, seq: 2 });
        assert.deepEqual(texts((await alice.ok('search', { room, query: 'hello' })).messages), ['hello!']);

        // Said once.
        const once = { type: 'dm', id: 'm1', to: 'bob', content: 'once' };
        alice.send(once);
        const first = await alice.next({ id: 'm1' });
        alice.send(once);
        assert.deepEqual(await alice.next({ id: 'm1' }), { ...first, dup: true });
        alice.send({ ...once, content: 'twice' });
        const { code, room: where } = await alice.next({ id: 'm1' });
        assert.deepEqual([code, where], ['conflict', room]);
        await bob.next({ type: 'message', seq: 4 });

        // Come and go: nobody is told, and nothing shows it.
        const position = { since: 4, epoch: joined.epoch };
        for (const one of [alice, tab, bob]) await one.barrier();
        for (const one of [alice, tab, bob]) one.take(() => true);
        await bob.ok('leave', { room });
        await hearsNothing(alice, tab, bob, carol);
        const rows = [{ userId: id(alice), username: 'alice', role: 'member' }, { userId: id(bob), username: 'bob', role: 'member' }];
        assert.deepEqual((await alice.ok('members', { room })).members, rows);
        assert.deepEqual((await bob.ok('members', { room })).members, rows);
        await alice.ok('leave', { room });
        await alice.ok('dm', { to: 'bob', content: 'nobody is in' });
        await bob.next({ type: 'dm', room, seq: 5 });
        const again = await bob.join(room, position);
        assert.deepEqual([again.recovered, again.epoch], [true, joined.epoch]);
        await bob.next({ type: 'message', seq: 5 });
        assert.equal((await alice.ok('history', { room })).messages.length, 5, 'without being in');
        await bob.close();

        // Away, he is still to be written to by those who know him, and by nobody else.
        await alice.ok('dm', { to: 'bob', content: 'later' });
        await alice.ok('dm', { to: id(bob), content: 'by id' });
        await alice.ok('dm', { to: `id:${id(bob)}`, content: 'by id' });
        await carol.refused('unknown_user', 'dm', { to: 'bob', content: 'x' });
        await carol.refused('unknown_user', 'dm', { to: id(bob), content: 'x' });
        await alice.refused('forbidden', 'dm', { to: 'alice', content: 'x' });
        const late = await connectAgain(t, server, bob);
        assert.equal((await list(late))[0].seq, 8);
        await late.ok('dm', { to: 'carol', content: 'x' });
        assert.deepEqual((await list(late)).map((one) => one.username), ['carol', 'alice'], 'the latest first');
    });

    test(`to others there is no such room (${store})`, async (t) => {
        const { server, root, enter } = await run(t, store === 'memory' ? [] : data());
        const [alice, bob, carol] = [await enter('alice'), await enter('bob'), await enter('carol')];
        const { room } = await alice.ok('dm', { to: 'bob', content: 'first' });
        await bob.next({ type: 'dm' });
        await alice.join(room);
        alice.take(() => true);
        const requests = [
            ['join', { stay: true }], ['history'], ['members'], ['search', { query: 'first' }], ['why'], ['message', { content: 'x' }],
            ['typing'], ['leave'], ['edit', { seq: 1, content: 'x' }], ['delete', { seq: 1 }], ['react', { seq: 1, emoji: 'x' }],
            ['create', { title: 'x' }], ['update', { title: 'x' }], ['settings'], ['destroy'], ['invite', { user: 'carol' }], ['add', { user: 'carol' }],
            ['remove', { user: 'alice' }], ['role', { user: 'carol', role: 'owner' }], ['kick', { user: 'alice' }], ['ban', { user: 'alice' }],
            ['unban', { user: 'alice' }], ['mute', { user: 'alice' }], ['unmute', { user: 'alice' }], ['ledger'], ['undo', { entry: 1 }], ['notice', { content: 'x' }],
        ];
        for (const one of [carol, root])
            for (const [type, fields] of requests) {
                const [real, not] = [await one.request(type, { room, ...fields }), await one.request(type, { room: NOBODYS, ...fields })];
                assert.deepEqual({ ...real, id: 0, room: 0 }, { ...not, id: 0, room: 0 }, type);
                if (type !== 'why') assert.equal(real.type, 'error', type);
            }
        await carol.refused('no_such_room', 'join', { room });
        await carol.refused('invalid_room', 'create', { room: NOBODYS });
        if (store !== 'memory') assert.deepEqual((await root.ok('search', { query: 'first' })).messages, []);
        for (const path of [`/rooms/${room}/messages`, `/members?room=${room}`]) {
            const [real, not] = [await server.request(path, { headers: bearing(carol.token) }), await server.request(path.replace(room, NOBODYS), { headers: bearing(carol.token) })];
            assert.deepEqual([real.status, real.text], [404, not.text]);
        }
        assert.equal((await server.request('/join-room', { method: 'POST', body: JSON.stringify({ session: carol.welcome.session, room }) })).status, 404);
        for (const one of [alice, carol, root]) assert.deepEqual((await one.ok('rooms')).rooms, []);
        assert.deepEqual((await server.request('/rooms')).json().rooms, []);
        const metrics = await server.metrics();
        assert.deepEqual(['rooms', 'members', 'joins_total'].map((name) => metrics.get(`hubbub_${name}`)), [0, 0, 0]);
        assert.ok(!(await server.request('/metrics')).text.includes('dm:'));

        // Nor can the two run it.
        for (const [type, fields] of requests.slice(12))
            await alice.refused('forbidden', type, { room, ...fields });
        await alice.refused('invalid_room', 'create', { room });
        await hearsNothing(alice, bob, carol, root);
    });

    test(`a block shuts the door for one and is told to nobody (${store})`, async (t) => {
        const server = await startServer(t, store === 'memory' ? [] : data());
        const { alice, bob, room } = await pair(t, server);
        const tab = await connectAgain(t, server, bob);
        for (const one of [alice, bob]) await one.join(room);
        await alice.ok('create', { room: 'den', visibility: 'private' });
        assert.equal((await tab.ok('block', { user: 'alice' })).userId, id(alice));
        assert.deepEqual(await bob.next(() => true), { type: 'block', userId: id(alice), username: 'alice' }, 'it is known why');
        await bob.next({ type: 'leave', room, userId: id(bob) });
        assert.equal((await bob.ok('blocks')).blocks[0].username, 'alice');
        assert.equal((await list(bob))[0].blocked, true);

        await alice.ok('message', { room, content: 'can you hear me?' });
        await alice.next({ type: 'message', seq: 2 });
        await alice.ok('dm', { to: 'bob', content: 'hello?' });
        await alice.next({ type: 'message', seq: 3 });
        await alice.ok('typing', { room });
        await alice.ok('react', { room, seq: 1, emoji: '+1' });
        await alice.ok('edit', { room, seq: 2, content: 'hear me!' });
        await alice.ok('invite', { room: 'den', user: 'bob' });
        await hearsNothing(bob, tab);

        for (const [type, fields] of [['join', { stay: true }], ['history'], ['members'], ['search', { query: 'x' }], ['message', { content: 'x' }]])
            await bob.refused('blocked', type, { room, ...fields });
        await bob.refused('blocked', 'dm', { to: 'alice', content: 'x' });
        assert.equal((await server.request(`/rooms/${room}/messages`, { headers: bearing(bob.token) })).json().error.code, 'blocked');
        assert.deepEqual((await bob.ok('why', { room })).reasons, [{ rule: 'blocked' }]);
        await bob.refused('forbidden', 'block', { user: 'bob' });
        await bob.refused('unknown_user', 'block', { user: 'nobody' });
        await bob.refused('unknown_user', 'unblock', { user: 'carol' });
        assert.equal((await bob.ok('block', { user: id(alice) })).username, 'alice', 'twice is no harm');
        await tab.next({ type: 'block', userId: id(alice) });
        assert.equal((await bob.ok('blocks')).blocks.length, 1);

        assert.equal((await bob.ok('unblock', { user: 'alice' })).userId, id(alice));
        assert.deepEqual(await tab.next({ type: 'unblock' }), { type: 'unblock', userId: id(alice), username: 'alice' });
        assert.deepEqual((await bob.ok('blocks')).blocks, []);
        await bob.join(room, { history: 10 });
        for (const content of ['first', 'hear me!', 'hello?']) await bob.next({ type: 'message', content });
        await alice.ok('message', { room, content: 'at last' });
        await bob.next({ type: 'message', content: 'at last' });
        await tab.next({ type: 'dm', content: 'at last' });
    });

    test(`without a conversation, who blocks somebody is not here for them (${store})`, async (t) => {
        const server = await startServer(t, store === 'memory' ? [] : data());
        const { alice, bob } = await people(t, server, 'alice', 'bob');
        await bob.ok('block', { user: 'alice' });
        const answers = async () => {
            const all = [];
            for (const to of ['bob', id(bob), `id:${id(bob)}`]) all.push({ ...await alice.request('dm', { to, content: 'x' }), id: 0 });
            return [...all, await list(alice)];
        };
        const blocked = await answers();
        assert.equal(blocked[0].code, 'unknown_user');
        await hearsNothing(bob);
        await bob.close();
        await server.metricUntil('hubbub_sessions', (n) => n === 1, 'bob to be gone');
        assert.deepEqual(await answers(), blocked);
        const later = await connectAgain(t, server, bob);
        assert.deepEqual(await answers(), blocked);
        await later.ok('unblock', { user: id(alice) });
        await alice.ok('dm', { to: 'bob', content: 'now' });
        await later.next({ type: 'dm', content: 'now' });
    });
}

for (const store of ['sqlite', 'postgres']) test(`conversations and blocks outlive the server (${store})`, async (t) => {
    const server = await startServer(t, data(...(store === 'postgres' ? ['--store', (await startPostgres(t)).url()] : [])));
    const { alice, bob, room } = await pair(t, server);
    const carol = await connect(t, server, { username: 'carol' });
    await carol.ok('dm', { to: 'bob', content: 'also' });
    await bob.ok('block', { user: 'carol' });
    const before = [await list(bob), (await bob.ok('blocks')).blocks, await list(alice)];
    const next = await startAgain(t, server);
    const now = await back(t, next, alice, bob, carol);
    assert.deepEqual([await list(now.bob), (await now.bob.ok('blocks')).blocks, await list(now.alice)], before);
    await now.carol.ok('dm', { to: 'bob', content: 'unheard' });
    await now.alice.ok('dm', { to: 'bob', content: 'second' });
    await now.bob.next({ type: 'dm', room, seq: 2, content: 'second' });
    assert.deepEqual(texts((await now.bob.ok('history', { room })).messages), ['first', 'second']);
    await hearsNothing(now.bob);
    await now.bob.ok('unblock', { user: 'carol' });
    await next.kill();
    const last = await startAgain(t, next);
    const { bob: again } = await back(t, last, now.bob);
    assert.deepEqual((await again.ok('blocks')).blocks, []);
    assert.equal((await list(again)).length, 2);
});

test('files, history and search over HTTP are for the two', async (t) => {
    const server = await startServer(t, data());
    const { alice, bob, room } = await pair(t, server);
    const carol = await connect(t, server, { username: 'carol' });
    assert.equal((await upload(server, carol, room, 'a.txt', 'text')).status, 404);
    await alice.join(room);
    const file = await share(server, alice, room, 'a.txt', 'text');
    await alice.ok('message', { room, content: '', files: [file.id] });
    await alice.ok('leave', { room }); // nobody is in it now
    assert.equal((await download(server, bob, file)).text, 'text');
    assert.equal((await download(server, carol, file)).status, 404);
    const read = (who, path) => server.request(path, { headers: bearing(who.token) });
    assert.equal((await read(bob, `/rooms/${room}/messages`)).json().messages.length, 2);
    assert.deepEqual(texts((await read(bob, '/search?query=first')).json().messages), ['first']);
    assert.deepEqual((await read(carol, '/search?query=first')).json().messages, []);
    assert.equal((await server.request(`/rooms/${room}/messages`)).status, 404);
    await bob.ok('block', { user: 'alice' });
    assert.notEqual((await download(server, bob, file)).status, 200);
    assert.deepEqual((await read(bob, '/search?query=first')).json().messages, []);
    assert.equal((await read(alice, `/rooms/${room}/messages`)).json().messages.length, 2);
});

/* ---- nothing is to be learnt of somebody who blocked one ------------------------------------------ */

/* What differs by chance or by time gets the same name whenever it is the same: numbers count up in each world. */
function plain(frames, names) {
    const seen = new Map(Object.entries(names));
    const name = (kind, value) => {
        if (!seen.has(value)) seen.set(value, `${kind}${seen.size}`);
        return seen.get(value);
    };
    const KINDS = { id: 'id', room: 'room', epoch: 'epoch', userId: 'user', fromId: 'user', toId: 'user', invite: 'invite' };
    const TIMES = new Set(['ts', 'editedTs', 'expires', 'until']);
    const walk = (key, value) => {
        if (Array.isArray(value)) return value.map((one) => walk(key, one));
        if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, walk(k, v)]));
        if (TIMES.has(key)) return 'a time';
        return key in KINDS && typeof value === 'string' ? name(KINDS[key], value) : value;
    };
    return frames.map((one) => walk('', one));
}

/* All that alice does, with two tabs, and all that comes of it. */
async function alices(t, server, alice, tab, room, bobs, files) {
    const record = [];
    const got = async (what, answer) => {
        record.push({ what, answer });
        for (const one of [alice, tab]) {
            await one.barrier();
            await one.ok('rooms'); // waits for what the hub still holds back
            record.push(...one.take(() => true).map((frame) => ({ [one === alice ? 'first' : 'second']: frame })));
        }
    };
    const ask = async (who, type, fields) => {
        const reply = await who.request(type, fields);
        await got(`${type} ${Object.keys(fields ?? {})}`, reply);
        return reply;
    };
    const get = async (path) => {
        const answer = await server.request(path, { headers: bearing(alice.token) });
        await got(path.replace(room, 'ROOM'), { status: answer.status, ...answer.json() });
    };
    const figures = async () => {
        const metrics = await server.metrics();
        const NAMES = ['rooms', 'members', 'kept_rooms', 'joins_total', 'leaves_total', 'messages_total', 'deliveries_total'];
        await got('metrics', NAMES.map((one) => metrics.get(`hubbub_${one}`)));
    };
    await ask(alice, 'conversations');
    await ask(alice, 'dm', { to: 'bob', content: 'by name' });
    await ask(alice, 'dm', { to: 'BOB', content: 'by a name that looks like it' });
    await ask(alice, 'dm', { to: bobs, content: 'by id' });
    await ask(alice, 'dm', { to: `id:${bobs}`, content: 'by marked id' });
    for (const content of ['once', 'once', 'other']) {
        alice.send({ type: 'dm', id: 'twice', to: 'bob', content });
        await got('again', await alice.next({ id: 'twice' }));
    }
    await ask(alice, 'dm', { to: 'bob', content: 'a reply', replyTo: 1 });
    await ask(alice, 'dm', { to: 'bob', content: 'a reply', replyTo: 1000 });
    await ask(tab, 'dm', { to: 'bob', content: 'from the other tab' });
    await ask(alice, 'history', { room, limit: 3 });
    await ask(alice, 'members', { room });
    await ask(alice, 'why', { room });
    await ask(alice, 'search', { room, query: 'nothing like that' });
    await ask(alice, 'delete', { room, seq: 1 });
    const { epoch, seq } = await ask(alice, 'join', { room, stay: true, history: 5 });
    for (const type of ['why', 'members', 'history', 'typing', 'typing', 'settings', 'ledger']) await ask(alice, type, { room });
    await ask(alice, 'typing', { room, state: 'paused' });
    for (const type of ['kick', 'ban', 'mute', 'unmute', 'invite', 'add', 'remove']) await ask(alice, type, { room, user: 'bob' });
    await ask(alice, 'message', { room, content: 'in it', replyTo: 2 });
    await ask(alice, 'message', { room, content: 'wrong', replyTo: 2000 });
    await ask(tab, 'message', { room, content: 'not in it' });
    await ask(alice, 'edit', { room, seq: seq + 1, content: 'in it, edited' });
    await ask(alice, 'edit', { room, seq: 2, content: 'not mine' });
    await ask(alice, 'react', { room, seq: 2, emoji: '+1' });
    await ask(alice, 'react', { room, seq: 2, emoji: '+1', remove: true });
    await ask(alice, 'delete', { room, seq: seq + 1 });
    await ask(alice, 'delete', { room, seq: 2 });
    await ask(alice, 'search', { room, query: 'name' });
    if (files) await ask(alice, 'search', { query: 'name' });
    await figures();
    await ask(alice, 'leave', { room });
    await ask(alice, 'create', { room: 'den', visibility: 'private' }); // begins a log anew
    await ask(alice, 'invite', { room: 'den', user: 'bob' });
    await ask(alice, 'add', { room: 'den', user: 'bob' });
    await ask(alice, 'members', { room: 'den' });
    await ask(alice, 'remove', { room: 'den', user: 'bob' });
    await ask(alice, 'create', { room: 'shed' });
    await ask(alice, 'destroy', { room: 'shed' });
    await ask(alice, 'join', { room, stay: true, since: seq, epoch });
    await ask(alice, 'join', { room: 'hall' }); // which leaves the other
    await ask(alice, 'history', { room, before: 5 });
    await ask(alice, 'search', { room, query: 'nothing like that' });
    await ask(alice, 'rooms');
    await ask(alice, 'conversations');
    await ask(alice, 'block', { user: 'bob' });
    await ask(alice, 'dm', { to: 'bob', content: 'x' });
    await ask(alice, 'join', { room, stay: true });
    await ask(alice, 'conversations');
    await ask(alice, 'blocks');
    await ask(alice, 'unblock', { user: 'bob' });
    await ask(alice, 'dm', { to: 'bob', content: 'the last' });
    await get(`/rooms/${room}/messages?limit=4`);
    await get(`/members?room=${room}`);
    await get('/rooms');
    if (files) {
        const answer = await upload(server, alice, room, 'a.txt', 'text');
        await got('upload', answer.status);
        const file = answer.json().file;
        await alice.join(room);
        const said = await alice.request('message', { room, content: 'a file', files: [file.id] });
        await got('a file', said.seq);
        await got('download', (await download(server, alice, file)).status);
    }
    await figures();
    const { token, session, ...welcome } = (await connectAgain(t, server, alice)).welcome;
    await got('welcome', welcome);
    return record.map((one) => {
        const frame = one.first ?? one.second;
        return frame?.files ? { ...one, files: 'one' } : one;
    });
}

for (const store of ['memory', 'sqlite', 'postgres']) {
    test(`here, blocking or away: it is all the same to the other (${store})`, async (t) => {
        const worlds = {};
        const args = { memory: () => [], sqlite: () => data(), postgres: async () => data('--store', (await startPostgres(t)).url()) }[store];
        for (const world of ['here', 'blocking', 'away', 'blocking and away']) {
            const server = await startServer(t, [...await args(), '--no-rate-limits']);
            const { alice, bob, room } = await pair(t, server);
            const tab = await connectAgain(t, server, alice);
            const bobs = await connectAgain(t, server, bob);
            await bob.ok('dm', { to: 'alice', content: 'second' });
            for (const one of [alice, tab]) await one.next({ type: 'dm' });
            await bob.join(room);
            if (world.startsWith('blocking')) await bob.ok('block', { user: 'alice' });
            if (world.endsWith('away')) {
                for (const one of [bob, bobs]) await one.close();
                await server.metricUntil('hubbub_sessions', (n) => n === 2, 'bob to be gone');
            } else {
                for (const one of [bob, bobs]) await one.barrier();
                for (const one of [bob, bobs]) one.take(() => true);
            }
            const all = await alices(t, server, alice, tab, room, id(bob), store === 'sqlite');
            const cut = all.map((one) => JSON.parse(JSON.stringify(one, (key, value) => (key === 'files' ? 'one' : value))));
            worlds[world] = plain(cut, { [id(alice)]: 'alice', [id(bob)]: 'bob', [room]: 'ROOM' });
            if (world === 'here') {
                for (const one of [bob, bobs]) await one.barrier();
                assert.ok(bob.take({ type: 'message' }).length > 5 && bobs.take({ type: 'dm' }).length > 5, 'bob hears all of it');
                for (const type of ['invite', 'moderation']) assert.ok(bob.take({ type }).length > 0, type);
            } else if (world === 'blocking') {
                await hearsNothing(bob, bobs); // nor of what she does in rooms of hers
            }
            await server.stop();
        }
        assert.ok(worlds.here.length > 80, String(worlds.here.length));
        for (const world of ['blocking', 'away', 'blocking and away'])
            for (let i = 0; i < worlds.here.length; i++) assert.deepEqual(worlds[world][i], worlds.here[i], `${world}, ${i}`);
    });
}

/*
 * The log of a room: what was said is there in the next life of the server and the numbering goes on, pages of
 * it, who may read it, how long it lives.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { classicMember, connect, member, namesOf, people } from './support/client.mjs';
import { hall } from './support/hall.mjs';
import { back, bytesOf, data, fill, hears, range, seqs } from './support/log.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const KIB = 1024;

const messagesOf = async (client, room, fields) => (await client.ok('history', { room, ...fields })).messages;

for (const end of ['stopped', 'killed']) {
    test(`what was said is there after a server that was ${end}, and the numbering goes on`, async (t) => {
        const first = await startServer(t, data());
        const { alice, bob } = await people(t, first, 'alice', 'bob');
        await alice.ok('create', { room: 'hall' });
        const before = {};
        for (const room of ['hall', 'lobby']) {
            const { epoch } = await alice.join(room);
            await bob.join(room);
            const replies = await fill(alice, room, 3);
            assert.deepEqual(seqs(replies), [1, 2, 3]);
            for (const reply of replies) assert.equal(reply.durable, true);
            before[room] = { epoch, heard: await hears(bob, room, 1, 3) };
        }
        if (end === 'killed') await first.kill();

        const server = await startAgain(t, first);
        const again = await back(t, server, alice, bob);
        for (const room of ['hall', 'lobby']) {
            const joined = await again.bob.join(room, { history: 50 });
            assert.equal(joined.seq, 3);
            assert.notEqual(joined.epoch, before[room].epoch, 'another run');
            assert.deepEqual(await hears(again.bob, room, 1, 3), before[room].heard);
            const page = await again.bob.ok('history', { room });
            assert.deepEqual(page.messages, before[room].heard);
            assert.equal(page.epoch, joined.epoch);
            await again.alice.join(room);
            assert.equal((await again.alice.ok('message', { room, content: 'four' })).seq, 4);
            await hears(again.bob, room, 4, 4);
        }
    });
}

test('the log of an open room outlives it', async (t) => {
    const server = await startServer(t, data());
    const { alice, bob } = await people(t, server, 'alice', 'bob');
    const { epoch } = await alice.join('lobby');
    await fill(alice, 'lobby', 3);
    await alice.ok('leave', { room: 'lobby' });
    assert.deepEqual(await namesOf(alice), []);
    const joined = await bob.join('lobby', { since: 1, epoch });
    assert.deepEqual([joined.seq, joined.recovered], [3, true]);
    await hears(bob, 'lobby', 2, 3);
    assert.equal((await bob.ok('message', { room: 'lobby', content: 'x' })).seq, 4);
    assert.deepEqual(seqs(await messagesOf(bob, 'lobby')), [1, 2, 3, 4]);
});

test('a join brings as many of the latest messages as it asks for', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'lobby');
    await fill(alice, 'lobby', 400);
    for (const [history, from] of [[undefined, 401], [0, 401], [1, 400], [50, 351], [300, 101]]) {
        const bob = await connect(t, server, { username: `bob ${history}` });
        const joined = await bob.join('lobby', { history });
        assert.deepEqual([joined.seq, joined.recovered], [400, undefined]);
        await hears(bob, 'lobby', from, 400);
        assert.deepEqual(bob.take({ type: 'gap' }), []);
        await bob.close();
    }
    for (const history of [301, -1, 1.5, '5']) await alice.refused('bad_request', 'join', { room: 'den', stay: true, history });
    const carol = await connect(t, server, { username: 'carol' });
    await carol.join('new', { history: 50 });
    await hears(carol, 'new', 1, 0);
});

for (const memory of [0, 100, 1000]) {
    test(`pages before, after and around, with ${memory} messages in memory`, async (t) => {
        const server = await startServer(t, data('--history-memory', String(memory)));
        const alice = await member(t, server, 'alice', 'lobby');
        await fill(alice, 'lobby', 700);
        const page = async (fields, from, to) => {
            const { messages, first, last, hasMoreBefore, hasMoreAfter, room, epoch } = await alice.ok('history', { room: 'lobby', ...fields });
            assert.deepEqual(seqs(messages), range(from, to), JSON.stringify(fields));
            assert.deepEqual([first, last], from <= to ? [from, to] : [0, 0], JSON.stringify(fields));
            assert.deepEqual([hasMoreBefore, hasMoreAfter],
                from <= to ? [from > 1, to < 700] : [fields.after >= 700, fields.before === 1], JSON.stringify(fields));
            assert.deepEqual([room, epoch], ['lobby', alice.joined.epoch]);
            return messages;
        };
        await page({}, 651, 700);
        await page({ limit: 300 }, 401, 700);
        await page({ before: 701, limit: 10 }, 691, 700);
        await page({ before: 1e9, limit: 10 }, 691, 700);
        await page({ before: 400 }, 350, 399);
        await page({ before: 30 }, 1, 29);
        await page({ before: 1 }, 1, 0);
        await page({ after: 0, limit: 300 }, 1, 300);
        await page({ after: 599 }, 600, 649);
        await page({ after: 680 }, 681, 700);
        await page({ after: 700 }, 1, 0);
        await page({ after: 1e9 }, 1, 0);
        await page({ after: 5, limit: 1 }, 6, 6);
        for (const around of [1, 2, 350, 601, 699, 700]) {
            const { messages, first, last } = await alice.ok('history', { room: 'lobby', around, limit: 11 });
            assert.ok(messages.length <= 11 && first <= around && around <= last, `around ${around}: ${first} to ${last}`);
            assert.deepEqual(seqs(messages), range(Math.max(1, around - 5), Math.min(700, around + 5)).length === 11
                ? range(around - 5, around + 5) : range(first, last));
        }
        for (const bad of [{ limit: 0 }, { limit: 301 }, { limit: '5' }, { before: 5, after: 2 }, { around: 5, before: 9 },
            { before: -1 }, { after: -1 }, { around: 'x' }, { before: 1.5 }]) {
            await alice.refused('bad_request', 'history', { room: 'lobby', ...bad });
        }

        const walked = [];
        for (let before; ;) {
            const { messages, first, hasMoreBefore } = await alice.ok('history', { room: 'lobby', before, limit: 97 });
            walked.unshift(...messages);
            if (!hasMoreBefore) break;
            before = first;
        }
        assert.deepEqual(walked.map((one) => one.content), range(1, 700).map((n) => `line ${n}`));
    });
}

test('a page is at most 256 KiB, and the walk goes on where it ended', async (t) => {
    const server = await startServer(t, data('--history-memory', '20', '--max-message', '1M'));
    const alice = await member(t, server, 'alice', 'lobby');
    const text = (n) => String(n).padEnd(n === 30 ? 400 * KIB : 12 * KIB, '.');
    await fill(alice, 'lobby', 60, text);
    for (const [towards, edge, more] of [['before', 'first', 'hasMoreBefore'], ['after', 'last', 'hasMoreAfter']]) {
        const walked = [];
        let at = towards === 'after' ? 0 : 61, pages = 0;
        for (let page; !page || page[more]; pages++) {
            page = await alice.ok('history', { room: 'lobby', [towards]: at, limit: 300 });
            assert.ok(page.messages.length > 0, `at ${at}`);
            assert.ok(page.messages.length === 1 || bytesOf([page]) <= 256 * KIB, `${bytesOf([page])} bytes`);
            at = page[edge];
            if (towards === 'after') walked.push(...page.messages);
            else walked.unshift(...page.messages);
        }
        assert.deepEqual(walked.map((one) => one.content), range(1, 60).map(text));
        assert.ok(pages >= 5 && pages <= 9, `${pages} pages ${towards}`);
    }
    const around = await alice.ok('history', { room: 'lobby', around: 45, limit: 300 });
    assert.ok(around.first < 45 && 45 < around.last && bytesOf([around]) <= 256 * KIB);
    const bob = await connect(t, server, { username: 'bob' });
    await bob.join('lobby', { history: 300 });
    const last = await bob.next({ type: 'message', seq: 60 });
    const heard = [...bob.take({ type: 'message' }), last];
    assert.deepEqual(seqs(heard), range(heard[0].seq, 60));
    assert.ok(heard.length > 10 && bytesOf(heard) <= 256 * KIB);
});

test('whoever may read a room reads its log, and nobody else', async (t) => {
    const { alice, bob, carol, dave, enter, server, issuer } = await hall(t, { bob: 'member', carol: 'guest', dave: 'guest' }, data());
    await fill(alice, 'hall', 3);
    const reads = async (one, room = 'hall') => assert.equal((await messagesOf(one, room)).length, 3, one.name);
    const http = (one, room = 'hall') => server.request(`/rooms/${room}/messages`,
        one ? { headers: { Authorization: `Bearer ${issuer.token(one.name)}` } } : {});
    const [erin, bobs] = [await enter('erin'), await enter('bob')];
    for (const one of [alice, bob, carol, erin, bobs]) await reads(one);
    assert.equal((await http()).json().messages.length, 3, 'public');

    await carol.ok('leave', { room: 'hall' });
    await hears(dave, 'hall', 1, 3);
    await alice.ok('ban', { room: 'hall', user: 'dave' });
    for (const visibility of ['public', 'restricted', 'private']) {
        await alice.ok('update', { room: 'hall', visibility });
        for (const one of [alice, bob, bobs]) {
            await reads(one);
            assert.equal((await http(one)).json().messages.length, 3);
        }
        const refused = await dave.request('history', { room: 'hall' });
        assert.equal(refused.type, 'error');
        assert.ok(['banned', 'no_such_room'].includes(refused.code), refused.code);
        assert.ok([403, 404].includes((await http(dave)).status));
        await dave.refused(visibility === 'private' ? 'no_such_room' : 'banned', 'join', { room: 'hall', stay: true, since: 0, epoch: 'x', history: 3 });
        await hears(dave, 'hall', 4, 3);
        if (visibility === 'public') continue;
        const code = visibility === 'private' ? 'no_such_room' : 'not_member';
        for (const one of [carol, erin]) {
            await one.refused(code, 'history', { room: 'hall' });
            assert.equal((await http(one)).status, code === 'not_member' ? 403 : 404);
        }
        assert.equal((await http()).status, code === 'not_member' ? 403 : 404);
    }
    await erin.refused('no_such_room', 'history', { room: 'nowhere' });
    await erin.refused('no_such_room', 'join', { room: 'hall', stay: true, history: 3 });

    await alice.ok('update', { room: 'hall', visibility: 'public', password: 'sesame' });
    const stranger = await erin.request('history', { room: 'hall' });
    assert.equal(stranger.type, 'error', 'behind a password');
    assert.equal((await http()).status, 403);
    await reads(bobs);
    await erin.join('hall', { password: 'sesame' });
    await reads(erin);
});

test('destroy removes the log, and create begins a new one', async (t) => {
    const first = await startServer(t, data());
    const { alice, bob } = await people(t, first, 'alice', 'bob');
    await alice.ok('create', { room: 'hall' });
    const old = await alice.join('hall');
    await bob.join('hall');
    await fill(alice, 'hall', 3);
    await alice.ok('destroy', { room: 'hall' });
    await alice.ok('create', { room: 'hall' });
    const joined = await bob.join('hall', { since: 2, epoch: old.epoch, history: 50 });
    assert.deepEqual([joined.seq, joined.recovered], [0, false]);
    assert.notEqual(joined.epoch, old.epoch);
    assert.deepEqual(await messagesOf(bob, 'hall'), []);
    assert.equal((await bob.ok('message', { room: 'hall', content: 'one' })).seq, 1);

    // An open room that nobody is in any more, made a kept one.
    const { epoch } = await alice.join('den');
    await fill(alice, 'den', 2);
    await alice.ok('leave', { room: 'den' });
    await bob.ok('create', { room: 'den' });
    assert.deepEqual((({ seq, recovered }) => [seq, recovered])(await alice.join('den', { since: 1, epoch })), [0, false]);
    // One that the maker is in: it goes on.
    await alice.join('tea');
    await fill(alice, 'tea', 2);
    await alice.ok('create', { room: 'tea' });
    assert.equal((await alice.ok('message', { room: 'tea', content: 'three' })).seq, 3);

    const again = await back(t, await startAgain(t, first), alice, bob);
    for (const [room, contents] of [['hall', ['one']], ['den', []], ['tea', ['line 1', 'line 2', 'three']]]) {
        await again.alice.join(room);
        assert.deepEqual((await messagesOf(again.alice, room)).map((one) => one.content), contents, room);
    }
    await again.bob.ok('destroy', { room: 'den' });
    assert.equal((await again.bob.join('den')).seq, 0, 'an open room of that name begins anew');
});

test('in memory only: the latest are kept, the rest is gone, and all of it with the server', async (t) => {
    const first = await startServer(t, ['--history-memory', '20']);
    const alice = await member(t, first, 'alice', 'lobby');
    const replies = await fill(alice, 'lobby', 100);
    assert.ok(replies.every((one) => one.durable === false));
    const page = await alice.ok('history', { room: 'lobby', limit: 300 });
    assert.deepEqual(seqs(page.messages), range(81, 100));
    assert.deepEqual([page.hasMoreBefore, page.hasMoreAfter], [false, false]);
    assert.deepEqual(await messagesOf(alice, 'lobby', { before: 50 }), []);
    const bob = await connect(t, first, { username: 'bob' });
    const joined = await bob.join('lobby', { since: 10, epoch: alice.joined.epoch });
    assert.equal(joined.recovered, true);
    assert.deepEqual(await bob.next({ type: 'gap' }), { type: 'gap', room: 'lobby', from: 11, to: 80, kept: false });
    await hears(bob, 'lobby', 81, 100);

    const server = await startAgain(t, first);
    const carol = await connect(t, server, { username: 'carol' });
    const next = await carol.join('lobby', { since: 100, epoch: alice.joined.epoch, history: 50 });
    assert.deepEqual([next.seq, next.recovered], [0, false]);
});

test('--history-memory-bytes bounds what is kept in memory', async (t) => {
    const server = await startServer(t, ['--history-memory', '1000', '--history-memory-bytes', '64K']);
    const alice = await member(t, server, 'alice', 'lobby');
    await fill(alice, 'lobby', 50, (n) => String(n).padEnd(4 * KIB, '.'));
    const { messages, last } = await alice.ok('history', { room: 'lobby', limit: 300 });
    assert.equal(last, 50);
    assert.ok(messages.length >= 8 && messages.length <= 16, `${messages.length} messages of 4 KiB`);
});

test('retention: the oldest go, and what is missing is named', async (t) => {
    const server = await startServer(t, data('--retain-messages', '100', '--history-memory', '10'));
    const alice = await member(t, server, 'alice', 'lobby');
    await fill(alice, 'lobby', 300);
    await until(async () => (await alice.ok('history', { room: 'lobby', after: 0, limit: 1 })).first >= 201, 'no more than 100', 60_000, 200);
    const page = await alice.ok('history', { room: 'lobby', limit: 300 });
    assert.deepEqual(seqs(page.messages), range(201, 300));
    assert.equal(page.hasMoreBefore, false);
    const bob = await connect(t, server, { username: 'bob' });
    const joined = await bob.join('lobby', { since: 100, epoch: alice.joined.epoch });
    assert.equal(joined.recovered, true);
    assert.deepEqual(await bob.next({ type: 'gap' }), { type: 'gap', room: 'lobby', from: 101, to: 200, kept: false });
    await hears(bob, 'lobby', 201, 300);

    const again = await back(t, await startAgain(t, server), alice);
    assert.equal((await again.alice.join('lobby')).seq, 300, 'the numbering goes on');
});

test('retention by age counts for what is in memory, too', async (t) => {
    const server = await startServer(t, data('--retain', '2s'));
    const alice = await member(t, server, 'alice', 'lobby');
    await fill(alice, 'lobby', 5);
    await until(async () => (await alice.ok('history', { room: 'lobby' })).messages.length === 0, 'all to be gone', 60_000, 200);
    await alice.refused('unknown_message', 'edit', { room: 'lobby', seq: 1, content: 'never' });
    assert.equal((await alice.ok('message', { room: 'lobby', content: 'six' })).seq, 6);
});

test('an open room cannot be closed: what was said there is for whoever opens it next', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'lobby');
    for (const fields of [{ visibility: 'private' }, { visibility: 'restricted' }, { password: 'sesame' }])
        await alice.refused('forbidden', 'update', { room: 'lobby', ...fields });
    await alice.ok('update', { room: 'lobby', topic: 'open to all', visibility: 'public', password: '' });
    await alice.ok('create', { room: 'lobby', visibility: 'private' });
});

test('over HTTP: the same pages, with a tag and compressed', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'a/b c?é');
    const room = 'a/b c?é', route = `/rooms/${encodeURIComponent(room)}/messages`;
    await fill(alice, room, 120);
    for (const [query, fields] of [['', {}], ['?before=50', { before: 50 }], ['?after=3&limit=7', { after: 3, limit: 7 }], ['?around=60', { around: 60 }]]) {
        const { type, id, ...reply } = await alice.ok('history', { room, ...fields });
        const answer = await server.request(route + query);
        assert.equal(answer.status, 200);
        assert.match(answer.headers['content-type'], /^application\/json/);
        assert.deepEqual(answer.json(), reply, query);
    }
    const whole = await server.request(route);
    const { etag } = whole.headers;
    assert.ok(etag);
    const same = await server.request(route, { headers: { 'If-None-Match': etag } });
    assert.deepEqual([same.status, same.text], [304, '']);
    await alice.ok('message', { room, content: 'news' });
    const news = await server.request(route, { headers: { 'If-None-Match': etag } });
    assert.equal(news.status, 200);
    assert.notEqual(news.headers.etag, etag);
    const packed = await server.request(route, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.deepEqual(JSON.parse(gunzipSync(packed.bytes)), news.json());
    assert.ok(packed.bytes.length < news.bytes.length / 2);
    for (const query of ['?limit=0', '?limit=301', '?before=x', '?before=1&after=2', '?after=-1']) {
        assert.equal((await server.request(route + query)).status, 400, query);
    }
    assert.equal((await server.request('/rooms/nowhere/messages')).status, 404);
});

test('the classic dialect gets plain messages, without those that were taken back', async (t) => {
    const server = await startServer(t, data());
    const alice = await member(t, server, 'alice', 'lobby');
    const bob = await classicMember(t, server, 'bob', 'lobby');
    await fill(alice, 'lobby', 4);
    await alice.ok('delete', { room: 'lobby', seq: 3 });
    await alice.ok('edit', { room: 'lobby', seq: 2, content: 'better' });
    await bob.barrier();
    assert.deepEqual(bob.inbox.map((one) => one.type).filter((type) => type !== 'message'), []);
    const carol = await connect(t, server, { username: 'carol', full: false });
    carol.send({ type: 'join', room: 'lobby', history: 50 });
    await carol.next({ type: 'message', seq: 4 });
    assert.deepEqual(carol.take({ type: 'message' }).map((one) => one.content), ['line 1', 'better']);
});

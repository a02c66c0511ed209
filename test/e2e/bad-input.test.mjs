/*
 * Everything a peer can say wrong, by accident or on purpose: too long, not text, not JSON, not a request. Each
 * time: a clear error or close code, the others chat on, and nothing is left behind in the server.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closesWith, withstand } from './support/abuse.mjs';
import { connect, refusal } from './support/client.mjs';
import { CONTINUATION, TEXT } from './support/raw.mjs';

/* One more connection in the full dialect sends these texts; each must be answered with its code, and
 * the connection live on. */
function answersWith(cases) {
    return (t) => withstand(t, {}, async (server) => {
        const mallory = await connect(t, server, { username: 'mallory' });
        for (const [code, text] of cases) {
            mallory.send(text);
            const error = await mallory.next({ type: 'error' });
            assert.equal(error.code, code, `${String(text).slice(0, 100)}: ${error.message}`);
            assert.ok(error.message.length > 0);
        }
        await mallory.join('still alive');
        await mallory.close();
    });
}

test('an oversized message is closed with 1009', closesWith(1009,
    (peer) => peer.send(TEXT, 'x'.repeat(20_000))));

test('an oversized message is closed with 1009 before it has arrived', closesWith(1009,
    (peer) => peer.send(TEXT, 'x', { length: 2 ** 40 })));

test('an oversized message in small pieces is closed with 1009', closesWith(1009, (peer) => {
    peer.socket.cork(); // all at once: a write after the close would end the reading, too
    peer.send(TEXT, 'x'.repeat(1000), { fin: false });
    for (let i = 0; i < 30; i++) peer.send(CONTINUATION, 'x'.repeat(1000), { fin: false });
    peer.socket.uncork();
}));

test('the limit itself is still accepted', async (t) => withstand(t, { args: ['--max-message', '512'] }, async (server) => {
    const mallory = await connect(t, server, { username: 'mallory', room: 'limits' });
    const empty = JSON.stringify({ type: 'message', room: 'limits', content: '' }).length;
    mallory.send({ type: 'message', room: 'limits', content: 'x'.repeat(512 - empty) });
    assert.equal((await mallory.next({ type: 'message' })).content.length, 512 - empty);
    mallory.send({ type: 'message', room: 'limits', content: 'x'.repeat(513 - empty) });
    assert.equal((await mallory.closed()).code, 1009);
}));

test('text that is not UTF-8 is closed with 1007', closesWith(1007,
    (peer) => peer.send(TEXT, Buffer.concat([
        Buffer.from('{"type":"join","room":"'), Buffer.from([0xc3, 0x28, 0xed, 0xa0, 0x80]), Buffer.from('"}'),
    ]))));

test('a binary frame is answered, and the connection stays', async (t) => withstand(t, {}, async (server) => {
    const mallory = await connect(t, server, { username: 'mallory' });
    mallory.send(Buffer.from('{"type":"join","room":"lobby"}'));
    assert.equal((await mallory.next({ type: 'error' })).code, 'binary_unsupported');
    mallory.send(Buffer.from([0, 1, 2, 255]));
    assert.equal((await mallory.next({ type: 'error' })).code, 'binary_unsupported');
    await mallory.join('text');
    await mallory.close();
}));

test('malformed JSON', answersWith([
    '', ' ', '{', '}', '{}}', '[]', '[{"type":"ping"}]', 'null', 'true', '17', '"join"', 'join lobby',
    '{"type":"ping"', '{"type":"ping",}', '{"type" "ping"}', '{type:"ping"}', "{'type':'ping'}",
    '{"type":"ping"}{"type":"ping"}', '{"type":"ping"} x', '{"type":"ping"/* no */}', '{"type":"pi\nng"}',
    '{"type":"ping","t":01}', '{"type":"ping","t":NaN}', '{"type":"ping","t":+1}', '{"type":"\\x41"}',
    '{"type":"\\u12"}', '{"type":"message","content":"\\ud800","room":"x"}', '{"type":"ping","t":1e}', '\ufeff{"type":"ping"}',
    '\0', '{"type":"ping"}\0',
].map((text) => ['bad_json', text])));

test('JSON nested too deeply', answersWith([
    ['too_deep', `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`],
    ['too_deep', `{"type":"ping","t":${'['.repeat(500)}${']'.repeat(500)}}`],
    ['too_deep', `{"a":${'['.repeat(16_000)}`],
    ['too_deep', '{"a":'.repeat(3000)],
]));

test('a key that appears twice', answersWith([
    ['bad_request', '{"type":"join","type":"leave","room":"lobby"}'],
    ['bad_request', '{"type":"join","room":"a","room":"b"}'],
    ['bad_request', '{"type":"ping","x":1,"\\u0078":2}'],
]));

test('wrong types', answersWith([
    ['bad_request', '{}'],
    ['bad_request', '{"room":"lobby"}'],
    ['bad_request', '{"type":null}'],
    ['bad_request', '{"type":5}'],
    ['bad_request', '{"type":["join"],"room":"lobby"}'],
    ['bad_request', '{"type":"join","room":5}'],
    ['bad_request', '{"type":"join","room":null}'],
    ['bad_request', '{"type":"join","room":{"name":"lobby"}}'],
    ['bad_request', '{"type":"join","room":"lobby","stay":"yes"}'],
    ['bad_request', '{"type":"join","room":"lobby","id":7}'],
    ['bad_request', `{"type":"ping","id":"${'x'.repeat(65)}"}`],
    ['bad_request', '{"type":"message","room":"lobby","content":7}'],
    ['bad_request', '{"type":"message","room":"lobby","content":{}}'],
    ['bad_request', '{"type":"message","room":"lobby"}'],
    ['bad_request', '{"type":"chat","room":"lobby","content":"not its field"}'],
    ['bad_request', '{"type":"message","room":"lobby","content":""}'],
    ['bad_request', '{"type":"typing","room":"lobby","state":1}'],
    ['bad_request', '{"type":"ping","t":{}}'],
    ['bad_request', '{"type":"ping","t":"\\u0000"}'],
    ['bad_request', `{${Array.from({ length: 1000 }, (_, i) => `"k${i}":0`).join(',')}}`],
]));

test('fields of the rarer requests', answersWith([
    ['invalid_room', '{"type":"create"}'],
    ['invalid_room', '{"type":"kick","user":"bob"}'],
    ['invalid_room', '{"type":"role","room":"a\\nb","user":"bob","role":"member"}'],
    ['bad_request', '{"type":"create","room":"x","title":7}'],
    ['bad_request', '{"type":"create","room":"x","title":"two\\nlines"}'],
    ['bad_request', '{"type":"create","room":"x","maxUsers":1e99}'],
    ['bad_request', '{"type":"create","room":"x","visibility":["public"]}'],
    ['bad_request', '{"type":"create","room":"x","password":null}'],
    ['bad_request', '{"type":"update","room":"x"}'],
    ['bad_request', '{"type":"join","room":"x","password":7}'],
    ['bad_request', '{"type":"join","room":"x","invite":{}}'],
    ['bad_request', `{"type":"join","room":"x","invite":"${'x'.repeat(33)}"}`],
    ['bad_request', '{"type":"kick","room":"x"}'],
    ['bad_request', '{"type":"kick","room":"x","user":""}'],
    ['bad_request', '{"type":"kick","room":"x","user":7}'],
    ['bad_request', `{"type":"kick","room":"x","user":"${'x'.repeat(65)}"}`],
    ['bad_request', `{"type":"kick","room":"x","user":"bob","reason":"${'x'.repeat(501)}"}`],
    ['bad_request', '{"type":"ban","room":"x","user":"bob","seconds":"5"}'],
    ['bad_request', '{"type":"ban","room":"x","user":"bob","seconds":-1}'],
    ['bad_request', '{"type":"ban","room":"x","user":"bob","address":1}'],
    ['bad_request', '{"type":"role","room":"x","user":"bob"}'],
    ['bad_request', '{"type":"role","room":"x","user":"bob","role":"operator"}'],
    ['bad_request', '{"type":"delete","room":"x"}'],
    ['bad_request', '{"type":"delete","room":"x","seq":1.5}'],
    ['bad_request', '{"type":"delete","room":"x","seq":1e300}'],
    ['bad_request', '{"type":"undo","room":"x"}'],
    ['bad_request', '{"type":"undo","room":"x","entry":"1"}'],
    ['bad_request', '{"type":"ledger","room":"x","limit":0}'],
    ['bad_request', '{"type":"ledger","room":"x","limit":201}'],
    ['bad_request', '{"type":"auth"}'],
    ['bad_request', '{"type":"auth","token":5}'],
    ['bad_request', `{"type":"auth","token":"${'x'.repeat(8193)}"}`],
    ['not_authenticated', '{"type":"auth","token":"x.y.z"}'],
    ['bad_request', '{"type":"notice"}'],
    ['bad_request', '{"type":"notice","content":""}'],
    ['no_such_room', '{"type":"ledger","room":"x"}'],
    ['forbidden', '{"type":"kick","room":"lobby","user":"bob"}'],
]));

test('empty, overlong and unprintable room names', answersWith([
    ['invalid_room', '{"type":"join"}'],
    ['invalid_room', '{"type":"join","room":""}'],
    ['invalid_room', `{"type":"join","room":"${'x'.repeat(65)}"}`],
    ['invalid_room', `{"type":"join","room":"${'é'.repeat(33)}"}`],
    ['invalid_room', '{"type":"join","room":"a\\nb"}'],
    ['invalid_room', '{"type":"join","room":"a\\u007f"}'],
    ['invalid_room', '{"type":"join","room":"a\\u0085"}'],
    ['invalid_room', '{"type":"join","room":" "}'],
    ['invalid_room', '{"type":"leave","room":"\\u0001"}'],
    ['invalid_room', `{"type":"message","room":"${'x'.repeat(65)}","content":"x"}`],
]));

test('the longest names are accepted', async (t) => withstand(t, {}, async (server) => {
    const name = 'é'.repeat(32);
    const mallory = await connect(t, server, { username: name });
    assert.equal(mallory.welcome.username, name);
    await mallory.join(name);
    const twin = await connect(t, server, { username: name });
    assert.ok(Buffer.byteLength(twin.welcome.username) <= 64, 'with its suffix, too');
    assert.notEqual(twin.welcome.username, name);
    assert.doesNotMatch(twin.welcome.username, /\ufffd/, 'cut between characters');
    await twin.close();
    await mallory.close();
}));

test('overlong and unprintable user names are refused before the upgrade', async (t) => withstand(t, {}, async (server) => {
    for (const username of ['x'.repeat(65), 'é'.repeat(33), 'a\nb', '\u0007', ' ']) {
        const error = await refusal(t, server, { username });
        assert.equal(error.status, 400, JSON.stringify(username));
    }
    for (const escaped of ['%ff', '%c3%28']) {
        const error = await refusal(t, server, { target: `/ws?username=${escaped}` });
        assert.equal(error.status, 400, escaped);
    }
    for (const escaped of ['%00', 'a%00b']) { // such a request is not even HTTP
        await assert.rejects(connect(t, server, { target: `/ws?username=${escaped}` }), escaped);
    }
}));

test('an unusable room in the query is answered, and the connection stays', async (t) => withstand(t, {}, async (server) => {
    const mallory = await connect(t, server, { username: 'mallory', room: 'x'.repeat(65) });
    assert.equal((await mallory.next({ type: 'error' })).code, 'invalid_room');
    await mallory.join('a better one');
    await mallory.close();
}));

test('unknown types', answersWith([
    ['unknown_type', '{"type":""}'],
    ['unknown_type', '{"type":"JOIN","room":"lobby"}'],
    ['unknown_type', '{"type":"join ","room":"lobby"}'],
    ['unknown_type', '{"type":"welcome"}'],
    ['unknown_type', '{"type":"ok"}'],
    ['unknown_type', `{"type":"${'x'.repeat(10_000)}"}`],
]));

test('requests for a room one is not in', answersWith([
    ['not_in_room', '{"type":"message","content":"nowhere"}'],
    ['not_in_room', '{"type":"message","room":"lobby","content":"from outside"}'],
    ['not_in_room', '{"type":"typing","room":"lobby"}'],
    ['not_in_room', '{"type":"leave","room":"lobby"}'],
    ['not_in_room', '{"type":"leave"}'],
]));

test('joining a full room', async (t) => withstand(t, { args: ['--max-per-room', '2'] }, async (server) => {
    const mallory = await connect(t, server, { username: 'mallory' });
    for (let i = 0; i < 100; i++) await mallory.refused('room_full', 'join', { room: 'lobby', stay: true });
    await mallory.close();
}));

test('ten thousand rooms joined by one connection', async (t) => {
    const server = await withstand(t, { rounds: 2 }, async (server) => {
        const mallory = await connect(t, server, { username: 'mallory' });
        const replies = [];
        for (let i = 0; i < 10_000; i++) {
            replies.push(mallory.request('join', { room: `room ${i}`, stay: true }));
            if (i % 500 === 499) await replies.at(-1);
        }
        const codes = (await Promise.all(replies)).map((reply) => reply.code ?? reply.type);
        assert.deepEqual(codes.slice(0, 100), Array(100).fill('ok'));
        assert.deepEqual(codes.slice(100), Array(9900).fill('room_limit'));
        assert.equal(await server.metric('hubbub_rooms'), 101);
        await mallory.close();
    });
    await server.metricUntil('hubbub_rooms', (n) => n === 1, 'the lobby alone');
});

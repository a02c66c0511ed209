/*
 * Everything at once: people with several tabs join, talk, moderate each other, make rooms and end them, in an
 * order that is random but the same in every run. Nothing may break, and a server that is killed afterwards
 * comes back with the rooms it had.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { connect, connectAgain } from './support/client.mjs';
import { folder, startAgain, startServer } from './support/server.mjs';
import { Issuer } from './support/tokens.mjs';

const ROOMS = ['garden', 'hall', 'club', 'secret', 'open'];
const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];
const EXPECTED = new Set(['not_in_room', 'no_such_room', 'room_exists', 'room_full', 'wrong_password', 'invite_required',
    'not_member', 'banned', 'muted', 'slow_mode', 'forbidden', 'unknown_message', 'too_late', 'unknown_user', 'bad_request']);

/* The same numbers in every run (Numerical Recipes' generator). */
function random(seed) {
    let x = seed;
    return (n) => {
        x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
        return Math.floor((x / 2 ** 32) * n);
    };
}

/* What somebody may think of next. */
function idea(pick) {
    const one = (...values) => values[pick(values.length)];
    const room = one(...ROOMS), user = one(...NAMES);
    return one(
        ['join', { room, stay: true }], ['join', { room, stay: true }], ['join', { room, stay: true }], ['join', { room }],
        ['message', { room, content: 'hello' }], ['message', { room, content: 'hello' }], ['leave', { room }],
        ['create', { room, topic: `${pick(100)}`, visibility: one('public', 'public', 'restricted', 'private') }],
        ['create', { room }], ['update', { room, topic: `${pick(100)}`, slowMode: one(0, 0, 1) }],
        ['update', { room, visibility: one('public', 'public', 'restricted', 'private'), maxUsers: one(0, 0, 3) }],
        ['update', { room, hidesPast: one(false, true) }],
        pick(4) > 0 ? ['members', { room }] : ['destroy', { room }], ['invite', { room, user }], ['add', { room, user }], ['remove', { room, user }],
        ['role', { room, user, role: one('member', 'moderator', 'admin', 'owner') }], ['kick', { room, user, reason: 'why not' }],
        ['ban', { room, user }], ['unban', { room, user }], ['mute', { room, user, seconds: 3600 }], ['unmute', { room, user }],
        ['delete', { room, seq: 1 + pick(20) }], ['undo', { room, entry: 1 + pick(20) }], ['ledger', { room }],
        ['settings', { room }], ['rooms', {}], ['why', { room }], ['typing', { room }],
    );
}

/* All that is to be found again: rooms with their settings, people, sanctions and ledgers. */
async function everything(root) {
    const rooms = (await root.ok('rooms')).rooms.filter((row) => row.kept).map((row) => row.room).sort();
    const found = [];
    for (const room of rooms) {
        const { id, ...settings } = await root.ok('settings', { room });
        const { entries } = await root.ok('ledger', { room });
        for (const list of [settings.roster, settings.sanctions]) {
            list.sort((a, b) => (`${a.userId} ${a.action}` < `${b.userId} ${b.action}` ? -1 : 1));
        }
        found.push({ ...settings, entries });
    }
    return found;
}

for (const seed of [1, 2, 3]) {
    test(`six people with three tabs each, and a server killed in the end (${seed})`, async (t) => {
        const issuer = new Issuer();
        const first = await startServer(t, ['--data', path.join(folder(), 'data'), ...issuer.args, '--admin', 'root']);
        const pick = random(seed);
        const root = await connect(t, first, { username: 'root', token: issuer.token('root') });
        const tabs = [root]; // who may do anything, so that all of it is done
        for (const name of NAMES) {
            const tab = await connect(t, first, { username: name });
            tabs.push(tab, await connectAgain(t, first, tab), await connectAgain(t, first, tab, { full: false }));
        }
        const done = {};
        for (let round = 0; round < 500; round++) {
            await Promise.all(tabs.map(async (tab) => {
                const [type, fields] = idea(pick);
                const reply = await tab.request(type, fields);
                const result = reply.code ?? reply.type;
                if (reply.type === 'error') assert.ok(EXPECTED.has(result), `${type} ${JSON.stringify(fields)}: ${JSON.stringify(reply)}`);
                done[type] ??= new Set();
                done[type].add(result);
                tab.inbox = [];
            }));
        }
        for (const [type, results] of Object.entries(done)) {
            assert.ok(results.has('ok'), `${type} never went well: ${[...results]}`);
        }
        assert.equal(await first.metric('hubbub_users'), NAMES.length + 1);
        assert.equal(await first.metric('hubbub_sessions'), tabs.length);

        // How many are in a room is told alike by all that tell it.
        for (const row of (await root.ok('rooms')).rooms) {
            const { members } = await root.ok('members', { room: row.room });
            assert.equal(members.filter((one) => one.status === 'online').length, row.members, row.room);
            assert.equal(new Set(members.map((one) => one.userId)).size, members.length, 'each once');
        }
        const before = await everything(root);
        assert.ok(before.length > 0);
        await first.kill();
        const server = await startAgain(t, first);
        assert.deepEqual(await everything(await connect(t, server, { username: 'root', token: issuer.token('root') })), before);
    });
}

/*
 * A server that is killed with -9 at random moments while people make rooms, give and take roles, ban, mute,
 * invite and destroy, many requests under way at once. In its next life each of them finds their rooms as
 * they were after some request of theirs that was not answered before the last `ok`: nothing that was
 * confirmed is missing, nothing is there by half, nothing is out of order. The rooms go on from life to life.
 *
 * HUBBUB_CRASHES: how often (50). HUBBUB_SEED: repeats what is asked for, though not the moment of the kill.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { connect, connectAgain } from './support/client.mjs';
import { dice } from './support/dice.mjs';
import { folder, startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const CRASHES = Number(process.env.HUBBUB_CRASHES || 50);
const SEED = Number(process.env.HUBBUB_SEED || Math.floor(Math.random() * 2 ** 31));
const OWNERS = 4, UNDER_WAY = 16, ROOMS = 3, LONGEST_LEDGER = 150;

/* ---- what a request does ------------------------------------------------------------------------- */

/* Rooms are plain objects: {settings, roster: {userId: role}, sanctions: {"ban userId": reason}, ledger, invites}. */
function apply(rooms, { type, room: name, ...fields }, me) {
    const room = rooms[name];
    const write = (reason = '') => room.ledger.push([type, fields.user, reason]);
    switch (type) {
    case 'create':
        rooms[name] = { settings: fields, roster: { [me]: 'owner' }, sanctions: {}, ledger: [], invites: 0 };
        break;
    case 'update': Object.assign(room.settings, fields); break;
    case 'destroy': delete rooms[name]; break;
    case 'invite': room.invites++; break;
    case 'add': room.roster[fields.user] = 'member'; write(); break;
    case 'role': room.roster[fields.user] = fields.role; write(); break;
    case 'remove': delete room.roster[fields.user]; write(); break;
    case 'ban': case 'mute': room.sanctions[`${type} ${fields.user}`] = fields.reason; write(fields.reason); break;
    case 'unban': case 'unmute': delete room.sanctions[`${type.slice(2)} ${fields.user}`]; write(); break;
    default: assert.fail(type);
    }
}

/* A request that must succeed, the rooms being so. */
function think(roll, rooms, { me, prefix, friends, foes }) {
    const pick = (list) => list[roll(list.length)];
    const words = () => `${prefix} ${roll(1e9)}`;
    const fresh = () => ({
        title: words(), topic: 'x'.repeat(roll(500)), visibility: pick(['public', 'restricted', 'private']),
        maxUsers: 1 + roll(1000), slowMode: roll(3600), hidesPast: roll(2) === 1,
    });
    const names = Object.keys(rooms);
    if (names.length < ROOMS) return { type: 'create', room: `${prefix} ${roll(1e9)}`, ...fresh() };
    const name = pick(names), room = rooms[name];
    if (room.ledger.length > LONGEST_LEDGER || roll(40) === 0) return { type: 'destroy', room: name };
    const user = pick(friends), foe = pick(foes), kind = pick(['ban', 'mute']);
    switch (roll(5)) {
    case 0: return { type: 'update', room: name, ...Object.fromEntries([pick(Object.entries(fresh()))]) };
    case 1: return room.invites < 50 ? { type: 'invite', room: name } : { type: 'destroy', room: name };
    case 2: case 3: {
        const role = room.roster[user];
        if (role === undefined) return { type: 'add', room: name, user };
        if (roll(3) === 0) return { type: 'remove', room: name, user };
        return { type: 'role', room: name, user, role: pick(['member', 'moderator', 'admin'].filter((r) => r !== role)) };
    }
    default:
        if (`${kind} ${foe}` in room.sanctions) return { type: `un${kind}`, room: name, user: foe };
        return { type: kind, room: name, user: foe, reason: words() };
    }
}

/* ---- one who owns rooms -------------------------------------------------------------------------- */

class Owner {
    constructor(client, roll, friends, foes) {
        this.who = { me: client.welcome.userId, prefix: client.name, friends, foes };
        this.roll = roll;
        this.rooms = {};
        this.begin(client);
    }

    /* A life begins: what is asked for in it comes after `rooms`. */
    begin(client) {
        this.client = client;
        this.asked = [];
        this.answered = 0; // that many of them
        this.planned = structuredClone(this.rooms);
    }

    /* Until the server is gone. */
    async work() {
        const lane = async () => {
            for (;;) {
                const request = think(this.roll, this.planned, this.who);
                apply(this.planned, request, this.who.me);
                this.asked.push(request);
                const { type, ...fields } = request, number = this.asked.length;
                const reply = await this.client.request(type, fields).catch(() => null);
                if (reply === null) return;
                assert.equal(reply.type, 'ok', `${JSON.stringify(request)}: ${JSON.stringify(reply)}`);
                assert.equal(number, this.answered + 1, 'answered in order');
                this.answered = number;
            }
        };
        await Promise.all(Array.from({ length: UNDER_WAY }, lane));
    }

    async look(name) {
        const reply = await this.client.request('settings', { room: name });
        if (reply.type === 'error') {
            assert.equal(reply.code, 'no_such_room', JSON.stringify(reply));
            return undefined;
        }
        const { title, topic, visibility, maxUsers, slowMode, hidesPast } = reply;
        const { entries } = await this.client.ok('ledger', { room: name, limit: 200 });
        assert.deepEqual(entries.map((one) => one.entry), entries.map((_, i) => entries.length - i), name);
        return {
            settings: { title, topic, visibility, maxUsers, slowMode, hidesPast },
            roster: Object.fromEntries(reply.roster.map((row) => [row.userId, row.role])),
            sanctions: Object.fromEntries(reply.sanctions.map((row) => [`${row.action} ${row.userId}`, row.reason])),
            ledger: entries.reverse().map((one) => [one.action, one.userId, one.reason ?? '']),
            invites: reply.invites,
        };
    }

    /* Asked in the next life. How many requests of the last one it has seen, `answered` or more. */
    async find(client) {
        const names = new Set(Object.keys(this.rooms));
        for (const { room } of this.asked) names.add(room);
        this.client = client;
        const found = {};
        for (const name of names) {
            const room = await this.look(name);
            if (room !== undefined) found[name] = room;
        }
        const rooms = structuredClone(this.rooms);
        for (let done = 0; ; done++) {
            if (done >= this.answered && isDeepStrictEqual(rooms, found)) {
                this.rooms = rooms;
                return done;
            }
            if (done === this.answered) this.least = structuredClone(rooms);
            if (done === this.asked.length) break;
            apply(rooms, this.asked[done], this.who.me);
        }
        assert.deepEqual(found, this.least, `${client.name}: ${this.answered} of ${this.asked.length} were answered, and this is none of what may be`);
    }
}

test(`what was confirmed survives ${CRASHES} kills`, async (t) => {
    console.log(`# HUBBUB_SEED=${SEED}`);
    const roll = dice(SEED);
    let server = await startServer(t, ['--data', path.join(folder(), 'data')]);
    const others = await Promise.all(['bob', 'carol', 'dave', 'erin'].map((username) => connect(t, server, { username })));
    const ids = others.map((one) => one.welcome.userId);
    let clients = await Promise.all(Array.from({ length: OWNERS }, (_, i) => connect(t, server, { username: `alice ${i}` })));
    const owners = clients.map((client) => new Owner(client, dice(roll(2 ** 31)), ids.slice(0, 2), ids.slice(2)));
    const total = { answered: 0, asked: 0, seen: 0 };

    for (let crash = 0; crash < CRASHES; crash++) {
        const enough = roll(500), pause = roll(10);
        const work = Promise.all(owners.map((owner) => owner.work()));
        work.catch(() => {}); // looked at below
        const answered = () => owners.reduce((sum, owner) => sum + owner.answered, 0);
        await Promise.race([work, until(() => answered() >= enough, () => `${enough} answers, there are ${answered()}`)]);
        await new Promise((resolve) => setTimeout(resolve, pause)); // the moment is what is random
        await server.kill();
        await work;

        server = await startAgain(t, server);
        const again = (one) => connectAgain(t, server, one);
        await Promise.all(others.map(again));
        clients = await Promise.all(clients.map(again));
        for (const [i, owner] of owners.entries()) {
            assert.equal(clients[i].welcome.userId, owner.who.me, 'the same guest');
            total.seen += await owner.find(clients[i]);
            total.answered += owner.answered;
            total.asked += owner.asked.length;
            owner.begin(clients[i]);
        }
    }
    console.log(`# ${total.asked} asked for, ${total.answered} confirmed, ${total.seen} found`);
    assert.ok(total.answered > CRASHES, 'there was something to lose');
});

/*
 * People with several connections each join, leave, talk, say things twice, answer, edit, take back, react, hang up without
 * a word, stop reading for a while, read back and come back, on a server that is stopped and killed meanwhile. After every
 * round what each of them holds is compared with a simple model of the rooms (support/model.mjs): in order, none twice,
 * none missing, each as it is now. What was confirmed outlives a kill; what was not is there or not, but for all alike.
 *
 * HUBBUB_SEED repeats a run, but for the moments of kills; a failure names it, and the last things done.
 * HUBBUB_MODEL_SECONDS: how long in all (20).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from './support/client.mjs';
import { dice } from './support/dice.mjs';
import { data } from './support/log.mjs';
import { Room, plain } from './support/model.mjs';
import { Tab } from './support/model-tab.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const SECONDS = Number(process.env.HUBBUB_MODEL_SECONDS || 20);
const ROUNDS = 10; // at least, on a machine that has other work
const SEED = Number(process.env.HUBBUB_SEED || Math.floor(Math.random() * 2 ** 31));
const ROOMS = ['hall', 'lobby', 'den'], KEPT = 'hall', OWNER = 'alice';
const PEOPLE = { alice: 3, bob: 2, carol: 2, dave: 2 };
const MEMORY = ['0', '1', '5', '40', '1000'];
const EMOJI = Array.from({ length: 24 }, (_, i) => String.fromCodePoint(0x1f600 + i));
const REPEAT_MS = 4 * 60_000; // an id is good for five minutes
const SMALL_QUEUES = ['--send-queue', '16', '--socket-buffer', '128K'];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* ---- all of them, and the server ------------------------------------------------------------------- */

class World {
    constructor(t, seed) {
        Object.assign(this, { t, roll: dice(seed), rooms: ROOMS.map((name) => new Room(name)), notes: [], tokens: {}, ids: 0, said: 0 });
        Object.assign(this, { rounds: 0, kills: 0, stops: 0, gaps: 0, dropped: 0, repeated: 0 });
        this.userIds = {};
    }

    id() { return `m${++this.ids}`; }
    pick(list) { return list[this.roll(list.length)]; }
    chance(percent) { return this.roll(100) < percent; }

    note(what) {
        this.notes.push(`${this.rounds}: ${what}`);
        if (this.notes.length > 150) this.notes.shift();
    }

    async connect(user) {
        const client = await connect(this.t, this.server, { username: user, token: this.tokens[user] });
        this.tokens[user] ??= client.welcome.token;
        assert.equal(client.welcome.userId, this.userIds[user] ??= client.welcome.userId);
        return client;
    }

    async begin() {
        const memory = this.pick(MEMORY);
        this.server = await startServer(this.t, data('--history-memory', memory, ...SMALL_QUEUES));
        this.note(`begins with ${memory} in memory`);
        await this.openEyes();
        await this.eyes[OWNER].ok('create', { room: KEPT });
        this.tabs = Object.entries(PEOPLE).flatMap(([user, n]) => Array.from({ length: n }, (_, i) => new Tab(this, user, i)));
    }

    /* One connection more for each, that looks at the rooms after every round. */
    async openEyes() {
        this.eyes = {};
        for (const user of Object.keys(PEOPLE)) this.eyes[user] = await this.connect(user);
    }

    /* ---- what may be done ------------------------------------------------------------------------ */

    plan() {
        const work = new Map();
        for (const tab of this.tabs) {
            tab.again.clear();
            if (tab.slow > 0 && --tab.slow === 0 && tab.online) tab.read();
        }
        for (const room of this.rooms) room.hot = 1 + this.roll(room.last); // changed and looked at by several in this round
        for (let n = 2 + this.roll(24); n > 0; n--) {
            const tab = this.pick(this.tabs);
            if (tab.slow > 0) continue;
            if (!work.has(tab)) work.set(tab, []);
            const plans = work.get(tab);
            if (plans.over) continue;
            if (!tab.online) {
                if (plans.length === 0) plans.push(() => tab.connect());
                plans.over = true; // joins in the next round
            } else {
                const room = this.pick(this.rooms);
                const act = tab.inside.has(room.name) ? this.insider(tab, room, plans) : this.outsider(tab, room);
                if (act) plans.push(act);
            }
        }
        return work;
    }

    outsider(tab, room) {
        const view = tab.views.get(room.name);
        const fields = {};
        if (view.epoch !== undefined && this.chance(80)) Object.assign(fields, { since: view.position, epoch: view.epoch });
        if (this.chance(40)) fields.history = this.pick([0, 1, 3, 50, 300]);
        if (!this.chance(70)) return undefined;
        const good = view.good; // now: it may be planned to join twice
        this.note(`${tab.name} joins ${room.name} ${JSON.stringify(fields)}`);
        tab.inside.add(room.name);
        return () => tab.join(room, fields, good);
    }

    insider(tab, room, plans) {
        const what = this.roll(100);
        if (what < 45) return this.say(tab, room);
        if (what < 50) return this.sayAgain(tab, room);
        if (what < 76) return this.change(tab, room);
        if (what < 86) return this.scroll(tab, room);
        if (what < 91) {
            this.note(`${tab.name} leaves ${room.name}`);
            tab.inside.delete(room.name);
            return () => tab.leave(room);
        }
        if (what < 94) {
            plans.over = true;
            this.note(`${tab.name} hangs up`);
            return () => tab.hangUp();
        }
        if (what < 97) return this.flood(tab, room);
        plans.over = true;
        const rounds = 1 + this.roll(4);
        this.note(`${tab.name} stops reading for ${rounds}`);
        plans.last = () => tab.stopReading(rounds); // once everything is answered
        return undefined;
    }

    line(tab, room, size) {
        const content = `${tab.name} ${++this.said} ${'.'.repeat(size)}`;
        const line = { content, userId: this.userIds[tab.user], id: this.chance(75) ? `${tab.name} ${this.said}` : undefined, since: Date.now() };
        if (room.last > 0 && this.chance(10)) line.replyTo = 1 + this.roll(room.last);
        room.lines.set(content, line);
        return line;
    }

    say(tab, room) {
        const line = this.line(tab, room, this.chance(10) ? this.roll(8000) : this.roll(100));
        this.note(`${tab.name} says ${line.content.slice(0, 30)} in ${room.name}${line.id ? '' : ' without id'}`);
        return () => this.send(tab, room, line);
    }

    /* So much that who does not read falls behind. */
    flood(tab, room) {
        this.note(`${tab.name} floods ${room.name}`);
        const lines = Array.from({ length: 20 + this.roll(60) }, () => this.line(tab, room, 8000));
        return () => Promise.all(lines.map((line) => this.send(tab, room, line)));
    }

    async send(tab, room, line) {
        const { id, content, replyTo } = line;
        if (id === undefined) {
            if (!tab.online) line.doubtful = true;
            else tab.client.send({ type: 'message', room: room.name, content, replyTo });
            // What comes after it on the same line is answered later.
            if (await tab.ask('leave', { room: 'nobody is ever in here' }) === undefined) line.doubtful = true;
            return;
        }
        const known = line.seq;
        const reply = await tab.ask('message', { room: room.name, content, replyTo }, id);
        if (reply === undefined) {
            line.doubtful = true;
            return;
        }
        assert.equal(reply.type, 'ok', JSON.stringify(reply));
        assert.equal(reply.durable, true);
        if (known !== undefined) assert.deepEqual([reply.seq, reply.dup], [known, true], content.slice(0, 30));
        if (line.acknowledged !== undefined) assert.equal(reply.seq, line.acknowledged, `${content.slice(0, 30)} was confirmed twice`);
        if (reply.dup) this.repeated++;
        line.acknowledged = reply.seq;
        if (known !== undefined) room.at(known).acknowledged = true;
    }

    /* Something that was said lately, or of which it is not known, by this connection or another of the same user; or
     * something else under its id. */
    sayAgain(tab, room) {
        const userId = this.userIds[tab.user];
        const mine = [...room.lines.values()].slice(-60)
            .filter((line) => line.userId === userId && line.id !== undefined && line.since > Date.now() - REPEAT_MS);
        if (mine.length === 0) return undefined;
        const line = this.pick(mine);
        if (tab.again.has(line)) return undefined; // a refusal comes at once, an `ok` after the commit: which would be whose?
        tab.again.add(line);
        if (line.seq !== undefined && this.chance(30)) {
            this.note(`${tab.name} says something else as ${line.id} in ${room.name}`);
            return async () => {
                const reply = await tab.ask('message', { room: room.name, content: `not ${line.content}` }, line.id);
                if (reply === undefined) return;
                const { editedTs, deleted } = room.at(line.seq); // then what it said at first may be forgotten
                if ((editedTs || deleted) && reply.type === 'ok') assert.deepEqual([reply.seq, reply.dup], [line.seq, true]);
                else assert.equal(reply.code, 'conflict', JSON.stringify(reply));
            };
        }
        this.note(`${tab.name} says ${line.content.slice(0, 30)} in ${room.name} again`);
        return () => Promise.all([this.send(tab, room, line), this.send(tab, room, line)]);
    }

    /* An edit, a removal or a reaction. Of one message one at a time, but for reactions. */
    change(tab, room) {
        if (room.last === 0) return undefined;
        const userId = this.userIds[tab.user];
        const seq = this.chance(40) ? Math.min(room.hot, room.last) : this.chance(60) ? Math.max(1, room.last - this.roll(20)) : 1 + this.roll(room.last);
        const entry = room.at(seq);
        const kind = this.pick(['edit', 'remove', 'react', 'react', 'react']);
        const own = entry.userId === userId;
        const about = { kind, seq, userId };
        if (kind === 'edit') about.content = `${tab.name} means ${++this.said}`;
        if (kind === 'react') Object.assign(about, { emoji: this.pick(this.chance(80) ? EMOJI.slice(0, 4) : EMOJI), remove: this.chance(30) });
        const key = kind === 'react' ? `${seq} ${about.emoji} ${userId}` : seq;
        if (room.busy.has(seq) || room.busy.has(key) || (kind !== 'react' && room.busy.has(`${seq} reactions`))) return undefined;
        room.busy.add(key);
        if (kind === 'react') room.busy.add(`${seq} reactions`);
        room.touched.add(seq);
        const moderates = room.name === KEPT && tab.user === OWNER;
        const refusal = entry.deleted ? 'unknown_message' : kind === 'react' || own || (kind === 'remove' && moderates) ? undefined : 'forbidden';
        if (kind === 'remove' && !own && room.name !== KEPT) return undefined; // who runs an open room is another matter
        this.note(`${tab.name}: ${JSON.stringify(about)} in ${room.name}`);
        return () => this.request(tab, room, about, refusal);
    }

    async request(tab, room, about, refusal) {
        const { kind, seq, content, emoji, remove } = about;
        const type = { edit: 'edit', remove: 'delete', react: 'react' }[kind];
        const reply = await tab.ask(type, { room: room.name, seq, content, emoji, remove: remove || undefined });
        if (reply === undefined) {
            if (refusal === undefined) room.doubts.push(about);
        } else if (refusal !== undefined) {
            assert.equal(reply.code, refusal, JSON.stringify([about, reply]));
        } else if (reply.type === 'ok') {
            room.done({ ...about, editedTs: reply.editedTs });
        } else { // others may have come before it
            assert.equal(reply.code, 'bad_request', JSON.stringify([about, reply]));
            assert.ok(kind === 'react' && !remove, JSON.stringify([about, reply]));
            room.full = [...room.full ?? [], about];
        }
    }

    scroll(tab, room) {
        const view = tab.views.get(room.name);
        const limit = 1 + this.roll(60);
        return async () => {
            const places = [{ before: view.start ?? 1 }, { around: 1 + this.roll(room.last + 1) }, { after: this.roll(room.last + 1) }, {}];
            if (this.chance(50)) await tab.page(room, { limit, ...this.pick(places) });
            else await Promise.all(Array.from({ length: 8 }, () => tab.page(room, { around: room.hot, limit: 3 })));
        };
    }

    /* ---- looking -------------------------------------------------------------------------------- */

    async read(user, room, from, to) {
        const rows = [];
        while (from + rows.length <= to) {
            const limit = Math.min(300, to - from - rows.length + 1);
            const { messages } = await this.eyes[user].ok('history', { room: room.name, after: from + rows.length - 1, limit });
            assert.ok(messages.length > 0, `${room.name} has nothing after ${from + rows.length - 1}, where ${to} was`);
            for (const message of messages) assert.equal(message.seq, from + rows.push(message) - 1, room.name);
        }
        return rows;
    }

    /* What the room has become; `killed`: what was not confirmed may be gone. */
    async look(room, { killed = false, whole = false }) {
        const user = this.pick(Object.keys(PEOPLE)), eye = this.eyes[user];
        for (const one of Object.values(this.eyes)) room.seq = (await one.join(room.name)).seq;
        if (killed) {
            if (room.seq < room.last) room.cut(room.seq);
            for (const view of this.views(room)) {
                view.lives++;
                if (view.position > room.seq) view.void = true;
            }
        }
        for (const message of await this.read(user, room, room.last + 1, room.seq)) {
            room.grow(message);
            room.touched.add(message.seq);
        }
        room.complete(killed);
        for (const doubt of room.doubts.splice(0)) {
            const by = Object.keys(PEOPLE).find((one) => this.userIds[one] === doubt.userId);
            const { messages: [message] } = await this.eyes[by].ok('history', { room: room.name, around: doubt.seq, limit: 1 });
            room.settle(doubt, message);
        }
        const touched = [...room.touched].sort((a, b) => a - b);
        for (let i = 0; i < touched.length;) {
            let n = 1;
            while (i + n < touched.length && touched[i + n] <= touched[i] + 50) n++;
            for (const message of await this.read(user, room, touched[i], touched[i + n - 1])) {
                if (room.touched.has(message.seq)) room.order(message.seq, message.reactions);
            }
            i += n;
        }
        for (const { seq, emoji } of room.full ?? []) { // some may have been taken back since
            assert.ok(room.at(seq).reactions.size > 15, `${emoji} was refused for ${seq} of ${room.name}`);
        }
        room.full = [];
        for (const message of whole ? await this.read(user, room, 1, room.last) : []) {
            assert.deepEqual(plain(message), room.shown(message.seq, this.userIds[user]), room.name);
        }
        room.touched.clear();
        room.busy.clear();
        for (const one of Object.values(this.eyes)) await one.ok('leave', { room: room.name });
        eye.inbox.length = 0;
    }

    views(room) { return this.tabs.map((tab) => tab.views.get(room.name)); }

    async check({ whole = false } = {}) {
        const here = () => this.tabs.filter((tab) => tab.online).length + Object.keys(this.eyes).length;
        await this.server.metricUntil('hubbub_sessions', (n) => n === here(), 'the server to know who hung up'); // and what they said before
        const readers = this.tabs.filter((tab) => tab.online && tab.slow === 0);
        for (const room of this.rooms) await this.look(room, { whole });
        await Promise.all(readers.map(async (tab) => {
            for (const view of tab.views.values()) {
                if (!view.inside) continue;
                const hasAll = () => view.wrong || !view.inside || view.position >= view.room.last;
                await until(hasAll, () => `${view.name}, ${tab.name}: at ${view.position} of ${view.room.last}`);
                for (let place; view.inside && (place = view.missing()) !== undefined;) {
                    const reply = await tab.page(view.room, place);
                    if (reply === undefined) break;
                    assert.ok(reply.messages.length > 0, `${view.name}: nothing ${JSON.stringify(place)}`);
                }
            }
            await tab.ask('leave', { room: 'nobody is ever in here' }); // all that was sent before has come
            for (const view of tab.views.values()) {
                assert.ok(view.wrong === undefined, view.wrong);
                let wrong; // who fell behind is told so a little later
                await until(() => !view.inside || (wrong = view.whyNot()) === undefined, () => wrong);
            }
            tab.client.inbox.length = 0;
        }));
    }

    /* ---- rounds --------------------------------------------------------------------------------- */

    async round() {
        this.rounds++;
        const work = this.plan();
        const all = Promise.all([...work].map(([, plans]) => Promise.all(plans.map((act) => act())).then(plans.last)));
        all.catch(() => {}); // looked at below
        if (!this.chance(6)) {
            await all;
            await this.check({ whole: this.chance(5) });
            return;
        }
        this.falling = true;
        const kill = this.chance(60), memory = this.pick(MEMORY);
        await pause(this.roll(this.pick([1, 5, 30])));
        this.note(kill ? `the server is killed, and comes back with ${memory} in memory` : `the server is stopped, and comes back with ${memory} in memory`);
        if (kill) {
            await this.server.kill();
            this.kills++;
        } else {
            await this.server.stop();
            this.stops++;
        }
        for (const tab of this.tabs) if (tab.client) tab.hangUp();
        await all;
        for (const tab of this.tabs) tab.over();
        this.falling = false;
        this.server = await startAgain(this.t, this.server, this.server.args.map((arg, i, args) => args[i - 1] === '--history-memory' ? memory : arg));
        await this.openEyes();
        for (const room of this.rooms) await this.look(room, { killed: true, whole: true });
    }
}

test('what everybody holds is what the model says', async (t) => {
    console.log(`# HUBBUB_SEED=${SEED}`);
    const world = new World(t, SEED);
    const end = Date.now() + SECONDS * 1000;
    try {
        await world.begin();
        while (Date.now() < end || world.rounds < ROUNDS) await world.round();
        for (const tab of world.tabs) if (tab.slow > 0 && tab.online) tab.read();
        await world.check({ whole: true });
        await world.server.stop();
    } catch (error) {
        console.log(world.notes.map((note) => `# ${note}`).join('\n'));
        throw new Error(`with HUBBUB_SEED=${SEED}, round ${world.rounds}: ${error.message}`, { cause: error });
    }
    const { rounds, kills, stops, gaps, dropped, repeated, said } = world;
    console.log(`# ${JSON.stringify({ rounds, kills, stops, gaps, dropped, repeated, said, kept: world.rooms.map((room) => room.last) })}`);
    assert.ok(world.rooms.some((room) => room.last > 0), 'something was said');
});

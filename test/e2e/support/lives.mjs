/*
 * Lives of a server that is killed at random moments while people talk and listen, and what must be so in each: nothing
 * that was acknowledged is missing, nothing is there twice, nothing out of order.
 */
import assert from 'node:assert/strict';
import { connect, connectAgain } from './client.mjs';
import { dice } from './dice.mjs';
import { data, range, record, seqs } from './log.mjs';
import { startAgain, startServer } from './server.mjs';
import { until } from './wait.mjs';

const ROOMS = ['hall', 'lobby', 'den'], TALKERS = 4, LISTENERS = 2, UNDER_WAY = 16;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* ---- one who talks ------------------------------------------------------------------------------- */

/* Says lines, many under way at once; what was not acknowledged in one life is sent again, under its id and in order,
 * before anything new in the next, as a good client does. */
class Talker {
    constructor(client, roll) {
        this.client = client;
        this.roll = roll;
        this.lines = []; // {room, content, id, sent: [numbers of this talker's sends], seq: when it was acknowledged}
        this.sends = 0;
        this.acknowledged = 0;
        this.repeated = 0;
    }

    get due() { return this.lines.filter((line) => line.seq === undefined); }

    line() {
        const n = this.lines.length;
        const line = { room: ROOMS[this.roll(ROOMS.length)], content: `${this.client.name}: ${n} ${'.'.repeat(this.roll(300))}`, id: `${this.client.name} ${n}`, sent: [] };
        this.lines.push(line);
        return line;
    }

    /* False when the server is gone. One whose write failed is asked for again, under its id. */
    async send(line) {
        for (;;) {
            const { room, content, id } = line;
            if (this.client.socket.readyState !== this.client.socket.OPEN) return false;
            line.sent.push(++this.sends);
            this.client.send({ type: 'message', room, content, id });
            const reply = await this.client.next({ id }).catch(() => null);
            if (reply === null) return false;
            if (reply.type === 'ok') {
                assert.equal(reply.durable, true);
                if (reply.dup) this.repeated++;
                line.seq = reply.seq;
                this.acknowledged++;
                return true;
            }
            assert.equal(reply.code, 'unavailable', JSON.stringify(reply));
            await pause(20);
        }
    }

    async work() {
        const again = this.due;
        const lane = async () => { while (await this.send(again.shift() ?? this.line())); };
        await Promise.all(Array.from({ length: UNDER_WAY }, lane));
    }
}

/* ---- one who listens ----------------------------------------------------------------------------- */

class Listener {
    constructor(client) {
        this.client = client;
        this.rooms = Object.fromEntries(ROOMS.map((room) => [room, { heard: [], epoch: undefined }]));
        this.resets = 0;
        this.gaps = 0;
    }

    /* `ends`: where the logs ended when the life began. What the log has lost is forgotten; the rest must be as it was. */
    async enter(client, logs) {
        this.client = client;
        for (const [name, room] of Object.entries(this.rooms)) {
            const frames = record(client);
            const since = room.heard.at(-1)?.seq ?? 0;
            const joined = await client.join(name, room.epoch === undefined ? {} : { since, epoch: room.epoch });
            const log = logs[name];
            if (room.epoch !== undefined) {
                assert.equal(joined.recovered, since <= log.length, `${client.name} at ${since} of ${log.length} in ${name}`);
                if (!joined.recovered) this.resets++;
            }
            room.heard = room.heard.filter((one) => one.seq <= log.length);
            for (const { seq, content } of room.heard.slice(-50)) assert.equal(content, log[seq - 1].content, `${client.name} heard this in ${name}`);
            if (joined.recovered === false) room.heard = log.slice(); // read anew
            room.epoch = joined.epoch;
            client.socket.on('message', (bytes) => {
                const frame = JSON.parse(bytes);
                if (frame.room !== name) return;
                if (frame.type === 'gap') this.gaps++;
                if (frame.type !== 'message') return;
                this.wrong ??= frame.seq === (room.heard.at(-1)?.seq ?? 0) + 1 ? undefined : `${client.name} hears ${frame.seq} after ${room.heard.at(-1)?.seq} in ${name}`;
                room.heard.push(frame);
            });
            for (const frame of frames.filter((one) => one.type === 'message' && one.room === name)) room.heard.push(frame);
        }
    }
}

/* ---- what must be so ----------------------------------------------------------------------------- */

/* All of a room's log after what is known of it already. */
async function readOn(client, room, known) {
    const log = known.slice();
    for (;;) {
        const { messages, hasMoreAfter } = await client.ok('history', { room, after: log.length, limit: 300 });
        assert.deepEqual(seqs(messages), range(log.length + 1, log.length + messages.length), room);
        log.push(...messages);
        if (!hasMoreAfter) return log;
    }
}

/* Nothing acknowledged is missing, nothing is there twice, all of it is what was said, in the order it was sent. */
function check(logs, talkers) {
    for (const talker of talkers) {
        const lines = new Map(talker.lines.map((line) => [line.content, line]));
        for (const [room, log] of Object.entries(logs)) {
            const seen = new Set();
            let at = 0;
            for (const { seq, content, userId } of log) {
                if (userId !== talker.client.welcome.userId) continue;
                const line = lines.get(content);
                assert.ok(line && line.room === room, `${seq} of ${room} was never said: ${content}`);
                assert.ok(!seen.has(line), `${seq} of ${room} is there twice: ${content}`);
                seen.add(line);
                if (line.seq !== undefined) assert.equal(seq, line.seq, `acknowledged under another number: ${content}`);
                const send = line.sent.find((one) => one > at);
                assert.ok(send, `${seq} of ${room} is out of order: ${content}`);
                at = send;
            }
            for (const line of talker.lines) {
                if (line.room === room && line.seq !== undefined) assert.ok(seen.has(line), `${line.seq} of ${room} was acknowledged and is lost: ${line.content}`);
            }
        }
    }
}

/* One life after the other. trouble(): something happens to the disk, or the database, before the kill; calm(): all is
 * well for the next life. */
export async function live(t, crashes, roll, { trouble = () => {}, calm = () => {}, env, args = data() } = {}) {
    const options = { env };
    await calm();
    let server = await startServer(t, [...args, '--history-memory', '100'], options);
    const people = (prefix, n) => Promise.all(range(1, n).map((i) => connect(t, server, { username: `${prefix} ${i}` })));
    const talkers = (await people('alice', TALKERS)).map((client) => new Talker(client, dice(roll(2 ** 31))));
    const listeners = (await people('bob', LISTENERS)).map((client) => new Listener(client));
    await talkers[0].client.ok('create', { room: ROOMS[0] });
    let logs = Object.fromEntries(ROOMS.map((room) => [room, []]));
    const totals = { sent: 0, acknowledged: 0, repeated: 0, kept: 0, resets: 0 };

    for (let crash = 0; ; crash++) {
        const reader = talkers[0].client;
        for (const { client } of talkers) for (const room of ROOMS) await client.join(room);
        for (const room of ROOMS) logs[room] = await readOn(reader, room, logs[room]);
        check(logs, talkers);
        for (const listener of listeners) await listener.enter(listener.client, logs);
        for (const { client } of talkers) client.inbox.length = 0;
        if (crash === crashes) break;

        const before = talkers.reduce((sum, one) => sum + one.acknowledged, 0);
        const acknowledged = () => talkers.reduce((sum, one) => sum + one.acknowledged, 0) - before;
        const enough = roll(400);
        const work = Promise.all(talkers.map((one) => one.work()));
        work.catch(() => {}); // looked at below
        await Promise.race([work, until(() => acknowledged() >= enough, () => `${enough} acknowledged, there are ${acknowledged()}`)]);
        await trouble();
        await pause(roll(30)); // the moment is what is random
        await server.kill();
        await work;
        await calm();

        server = await startAgain(t, server, server.args, options);
        for (const one of [...talkers, ...listeners]) {
            assert.equal(one.wrong, undefined);
            const { userId } = one.client.welcome;
            one.client = await connectAgain(t, server, one.client);
            assert.equal(one.client.welcome.userId, userId, 'the same guest');
        }
    }
    for (const one of talkers) {
        totals.sent += one.lines.length;
        totals.acknowledged += one.acknowledged;
        totals.repeated += one.repeated;
    }
    for (const one of listeners) totals.resets += one.resets;
    totals.kept = Object.values(logs).reduce((sum, log) => sum + log.length, 0);
    console.log(`# ${JSON.stringify(totals)}`);
    assert.ok(totals.acknowledged > 10 * crashes, 'there was something to lose');
}

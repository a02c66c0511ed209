/*
 * What the model-based test knows: a room as it should be, and what one connection holds of it. A room is a list of
 * messages; what is asked for is confirmed, refused, or, when the line broke or the server was killed, in doubt: then
 * it was done or not, and whoever looks first finds out for all.
 */
import assert from 'node:assert/strict';
import { range } from './log.mjs';

const PAGE = 300;
const LEAST_OF_A_PAGE = 25; // as many of the largest that are said fit into one
const EPOCHS = 12; // positions of so many lives of the server are good

/* ---- the room ------------------------------------------------------------------------------------ */

export class Room {
    constructor(name) {
        this.name = name;
        this.log = []; // of {line, userId, content, ts, replyTo, editedTs, deleted, reactions, acknowledged}
        this.lines = new Map(); // by content as it was said: {id, userId, content, replyTo, seq, said, doubtful}
        this.doubts = []; // what was asked for and may have happened: {kind, seq, userId, …}
        this.touched = new Set(); // numbers of messages that were changed since the last look
        this.busy = new Set(); // numbers that something is under way for
    }

    get last() { return this.log.length; }
    at(seq) { return this.log[seq - 1]; }

    /* As a user is shown it. */
    shown(seq, userId) {
        const { content, ts, replyTo, editedTs, deleted, reactions, userId: author } = this.at(seq);
        return {
            seq, userId: author, ts, replyTo, editedTs, deleted, content: deleted ? '' : content,
            reactions: [...reactions].map(([emoji, users]) => ({ emoji, count: users.size, mine: users.has(userId) })),
        };
    }

    edit({ seq, content, editedTs }) { Object.assign(this.at(seq), { content, editedTs }); }

    remove({ seq }) {
        this.at(seq).deleted = true;
        this.at(seq).reactions.clear();
    }

    react({ seq, emoji, userId, remove }) {
        const { reactions } = this.at(seq);
        const users = reactions.get(emoji) ?? new Set();
        if (remove) users.delete(userId);
        else users.add(userId);
        if (users.size > 0) reactions.set(emoji, users);
        else reactions.delete(emoji);
    }

    /* It was confirmed, so it is done and will stay. */
    done(change) {
        this[change.kind](change);
        this.at(change.seq).acknowledged = true;
    }

    /* More of the log was read: every message is one that was said, once, and under the number it was confirmed with. */
    grow(message) {
        const { seq } = message;
        assert.equal(seq, this.last + 1, `${this.name} goes on`);
        const line = this.lines.get(message.content);
        assert.ok(line, `${seq} of ${this.name} was never said: ${JSON.stringify(message).slice(0, 200)}`);
        assert.equal(line.seq, undefined, `${seq} of ${this.name} is there twice: ${line.seq}`);
        assert.ok(line.acknowledged === undefined || line.acknowledged === seq, `${line.content.slice(0, 30)} confirmed as ${line.acknowledged}, is ${seq}`);
        assert.deepEqual([message.userId, message.replyTo], [line.userId, line.replyTo]);
        line.seq = seq;
        this.log.push({
            line, userId: line.userId, content: line.content, ts: message.ts, replyTo: line.replyTo, editedTs: undefined, deleted: undefined,
            reactions: new Map(), acknowledged: line.acknowledged !== undefined,
        });
    }

    /* After the look: whatever was confirmed is there. */
    complete(lost) {
        for (const line of this.lines.values()) {
            if (line.seq === undefined) {
                assert.equal(line.acknowledged, undefined, `${line.acknowledged} of ${this.name} was confirmed and is lost: ${line.content.slice(0, 30)}`);
                line.doubtful ||= lost;
                assert.ok(line.doubtful, `${line.content.slice(0, 30)} is lost in ${this.name}`);
            }
        }
    }

    /* The server was killed, and this is all that its log has. */
    cut(last) {
        for (const entry of this.log.splice(last)) {
            assert.ok(!entry.acknowledged, `${entry.line.seq} of ${this.name} was confirmed and is lost: ${entry.line.content.slice(0, 30)}`);
            entry.line.seq = undefined;
            entry.line.doubtful = true;
        }
        this.doubts = this.doubts.filter(({ seq }) => seq <= last);
        this.touched = new Set([...this.touched].filter((seq) => seq <= last));
    }

    /* What became of what was in doubt, by what its user is shown now. */
    settle(doubt, message) {
        const entry = this.at(doubt.seq);
        if (doubt.kind === 'remove' && message.deleted) this.done(doubt);
        if (doubt.kind === 'edit' && message.content === doubt.content && !entry.deleted) this.done({ ...doubt, editedTs: message.editedTs });
        if (doubt.kind !== 'react' || entry.deleted) return;
        const mine = (message.reactions ?? []).some((one) => one.emoji === doubt.emoji && one.mine);
        if (mine !== Boolean(doubt.remove)) this.done(doubt);
    }

    /* The order of the kinds of reactions is the server's when several came at once; from then on it stays. */
    order(seq, reactions = []) {
        const entry = this.at(seq), order = reactions.map((one) => one.emoji);
        assert.deepEqual(order.slice().sort(), [...entry.reactions.keys()].sort(), `reactions of ${seq} in ${this.name}`);
        entry.reactions = new Map(order.map((emoji) => [emoji, entry.reactions.get(emoji)]));
    }
}

/* A message event or row, to be compared with shown(). */
export function plain({ seq, userId, ts, replyTo, editedTs, deleted, content, reactions = [] }) {
    return { seq, userId, ts, replyTo, editedTs, deleted, content, reactions: reactions.map(({ emoji, count, mine = false }) => ({ emoji, count, mine })) };
}

/* ---- what a connection holds --------------------------------------------------------------------- */

/* Takes what comes, in the order in which it comes, and keeps what is wrong with it for the next check. */
export class View {
    constructor(room, userId) {
        this.room = room;
        this.userId = userId;
        this.held = new Map(); // seq: message
        this.stale = new Set(); // numbers that may have changed unseen
        this.holes = []; // [from, to] that were announced and have not been fetched
        this.position = undefined; // the last that came
        this.epoch = undefined;
        this.inside = false;
        this.void = false; // the log has lost what this has heard
        this.lives = 0; // of the server since the position was given
        this.wrong = undefined;
    }

    get name() { return `${this.userId} in ${this.room.name}`; }
    #is(ok, what) { if (!ok) this.wrong ??= `${this.name}: ${what()}`; }

    leave() {
        this.inside = false;
        this.doubt();
    }

    doubt() { this.stale = new Set(this.held.keys()); }

    /* Is the position? undefined: too many lives ago to tell. */
    get good() { return this.lives < EPOCHS ? !this.void : undefined; }

    joined(reply, { since, history = 0 }, good) {
        this.inside = true;
        this.epoch = reply.epoch;
        this.maySkipTo = 0;
        if (since > 0 && good !== undefined) {
            this.#is(reply.recovered === good, () => `from ${since}: ${JSON.stringify(reply)}, the position was ${good ? 'good' : 'void'}`);
        }
        this.void = false;
        this.lives = 0;
        if (since !== undefined && reply.recovered) {
            this.position = since; // what came meanwhile comes again
            return;
        }
        this.held.clear();
        this.stale.clear();
        this.holes = [];
        const n = Math.min(history, reply.seq);
        this.position = reply.seq - n;
        this.start = this.position + 1;
        if (n > LEAST_OF_A_PAGE) this.maySkipTo = reply.seq - LEAST_OF_A_PAGE;
    }

    take(frame) {
        if (frame.type === 'message') this.#message(frame);
        else if (frame.type === 'gap') this.#gap(frame);
        else if (['edit', 'delete', 'reaction'].includes(frame.type)) this.#change(frame);
    }

    #message(frame) {
        const { seq } = frame;
        if (seq <= this.maySkipTo && this.position === this.start - 1 && seq > this.position) {
            this.start = seq;
            this.position = seq - 1;
        }
        this.#is(seq === this.position + 1, () => `hears ${seq} after ${this.position}`);
        this.position = seq;
        this.held.set(seq, plain(frame));
        this.maySkipTo = 0;
    }

    #gap({ from, to, kept, changed }) {
        this.#is(from === this.position + 1 && to >= from - (changed ? 1 : 0), () => `a gap from ${from} to ${to} after ${this.position}`);
        this.#is(kept, () => `${from} to ${to} are not kept`);
        if (to >= from) this.holes.push([from, to]);
        this.position = to;
        if (changed) this.doubt();
    }

    #change(frame) {
        const { seq } = frame;
        this.#is(seq <= this.position, () => `${frame.type} of ${seq}, which has not come: ${this.position}`);
        const message = this.held.get(seq);
        if (message === undefined) return;
        if (frame.type === 'edit') Object.assign(message, { content: frame.content, editedTs: frame.editedTs });
        if (frame.type === 'delete') Object.assign(message, { content: '', deleted: true, reactions: [] });
        if (frame.type === 'reaction') this.#reaction(message, frame);
    }

    #reaction(message, { emoji, count, userId, removed }) {
        let kind = message.reactions.find((one) => one.emoji === emoji);
        if (kind === undefined) message.reactions.push(kind = { emoji, count, mine: false });
        kind.count = count;
        if (userId === this.userId) kind.mine = !removed;
        if (count === 0) message.reactions.splice(message.reactions.indexOf(kind), 1);
    }

    /* Rows of a page, consecutive as they must be. */
    page({ messages, first, last, hasMoreBefore }, { before }) {
        const seqs = messages.map((one) => one.seq);
        this.#is(seqs.every((seq, i) => seq === first + i) && (seqs.length === 0 || seqs.at(-1) === last), () => `a page of ${seqs}, from ${first} to ${last}`);
        this.#is(seqs.length === 0 || hasMoreBefore === first > 1, () => `more before ${first}: ${hasMoreBefore}`);
        if (!this.inside) return;
        for (const message of messages) {
            if (message.seq > this.position) continue; // will come
            const held = this.held.get(message.seq); // a page is not older than what came before it
            this.#is(!held || ((held.editedTs ?? 0) <= (message.editedTs ?? 0) && (!held.deleted || message.deleted)),
                () => `a page has ${JSON.stringify(message)} after ${JSON.stringify(held)}`);
            this.held.set(message.seq, plain(message));
            this.stale.delete(message.seq);
        }
        if (before === this.start && seqs.length > 0) this.start = first;
    }

    /* The next to be fetched, if anything was left out. */
    missing() {
        while (this.holes.length > 0) {
            const [from, to] = this.holes[0];
            const next = range(from, to).find((seq) => !this.held.has(seq));
            if (next !== undefined) return { after: next - 1, limit: Math.min(PAGE, to - next + 1) };
            this.holes.shift();
        }
        return undefined;
    }

    /* Does it hold everything that it should, as the room is? */
    whyNot() {
        const { room, held, position, start, stale } = this;
        if (this.wrong !== undefined) return this.wrong;
        if (position !== room.last) return `${this.name} has heard ${position} of ${room.last}`;
        for (let seq = start; seq <= position; seq++) {
            if (!held.has(seq)) return `${this.name} has no ${seq} of ${start} to ${position}`;
        }
        for (const [seq, message] of held) {
            const shown = room.shown(seq, this.userId);
            if (!(stale.has(seq) ? alike(message, shown) : same(message, shown))) {
                return `${this.name} holds ${JSON.stringify(message)} where the room has ${JSON.stringify(shown)}`;
            }
        }
        return undefined;
    }
}

/* As far as it cannot change. */
function alike(a, b) {
    return a.ts === b.ts && a.userId === b.userId && a.replyTo === b.replyTo;
}

function same(a, b) {
    return alike(a, b) && a.content === b.content && a.editedTs === b.editedTs && a.deleted === b.deleted && a.reactions.length === b.reactions.length
        && a.reactions.every(({ emoji, count, mine }, i) => emoji === b.reactions[i].emoji && count === b.reactions[i].count && mine === b.reactions[i].mine);
}

/*
 * room.js: what the page knows of a room: what was said and happened (items), who is there, what is
 * unread, what is being written. Touches no document.
 *
 * items: in the order they are shown.
 *   {kind: 'message', userId, username, content, seq, ts, replyTo?, editedTs?, head, day, mention, all?: of all in the room,
 *    gone?: {own, by?, reason?}, reactions: [{emoji, count, mine?}], names: {emoji: [username]} as far as known,
 *    handle?: the Outgoing of the library it was said with}
 *   {kind: 'hole', after, before}     what was said between these two is on the server. `missed`: loaded when
 *                                     asked for, the others when one comes near
 *   {kind: 'traffic', joined, left}   who came and went meanwhile
 *   {kind: 'notice', build}           build() returns its nodes, in the language of the moment
 * `head`: shows who says it; the next ones of the same person soon after do not. `day`: begins another day.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const GROUP = 5 * 60 * 1000;
    const MOST = 20000; // items kept; the oldest quarter goes when there are more
    const TYPING_FADES = 7000; // a typing notice nobody took back
    const RANKS = ['guest', 'member', 'moderator', 'admin', 'owner', 'operator'];

    Chat.RANKS = RANKS;
    Chat.rank = (role) => Math.max(0, RANKS.indexOf(role));
    Chat.rooms = new Map(); // name -> Room, in the order of the list
    Chat.active = null;
    Chat.talks = new Map(); // private conversations, by room: {userId, username, blocked?}

    Chat.Room = class Room {
        constructor(name) {
            this.name = name;
            this.info = { name, title: '', topic: '', visibility: 'public', role: 'guest' };
            this.reset();
            this.seenTo = null; // [epoch, seq]
            this.read = 0; // the seq that the server was told of, here or elsewhere
            this.marking = 0; // timer: it is not told more before
            this.old = 0; // what comes up to this seq is no news: it was said before we came
            this.until = 0; // and what comes up to this one was said while we were away
            this.pending = []; // what was said and is not confirmed: Outgoing of the library
            this.members = new Map(); // userId, or '@name' where the id is not known -> row
            this.sanctions = new Map(); // 'mute' or 'ban', and the userId -> until when, as far as we know
            this.rows = new Map(); // of people.js: userId or name -> what shows them
            this.count = 0;
            this.draft = '';
            this.out = null; // {text}: why the server does not have us in it
            this.typing = new Map(); // username -> timer
        }

        /* Of a private conversation: who the other one is. */
        get with() { return Chat.talks.get(this.name); }
        get label() { return this.with ? this.with.username : this.info.title || this.name; }
        get place() { return (this.with ? '' : '#') + Chat.plain(this.label); }
        get myRole() { return Chat.hub.operator && !this.with ? 'operator' : this.info.role || 'guest'; }
        may(role) { return Chat.rank(this.myRole) >= Chat.rank(role); }

        /* Nobody acts on an equal or higher rank. */
        outranks(member) { return Chat.rank(this.myRole) > Chat.rank(member ? member.role : 'guest'); }

        /* ---- what happens ---- */

        add(item) {
            this.items.push(item);
            if (item.kind === 'message') this.tie(this.items.length - 1);
            if (!this.view.follow && item.kind === 'message') this.view.fresh++;
            if (this.items.length > MOST && (this.view.follow || this.view.from > MOST / 4)) this.forgetOldest();
            Chat.timeline.touched(this);
            return item;
        }

        forgetOldest() {
            const gone = MOST / 4;
            for (const item of this.items.slice(0, gone)) this.bySeq.delete(item.seq);
            const next = this.items.find((item, i) => i >= gone && item.seq);
            this.replace(0, gone, next ? [this.hole(0, next.seq)] : []);
        }

        /* The window of the timeline stays over the same items. */
        replace(at, count, list) {
            const { view } = this;
            const more = list.length - count;
            this.items.splice(at, count, ...list);
            if (at < view.from) view.from = Math.max(0, view.from + more);
            if (at < view.to) view.to = Math.max(0, view.to + more);
        }

        hole(after, before, missed) {
            return { kind: 'hole', after, before, missed };
        }

        holeAt(seq) {
            return this.items.find((item) => item.kind === 'hole' && item.after < seq && seq < item.before);
        }

        /* What the server says now, again, or in a page of what was said before. */
        message(m) {
            if (this.bySeq.has(m.seq)) return null;
            if (m.seq <= this.last) {
                const hole = this.holeAt(m.seq);
                if (hole) this.fill(hole, { messages: [m], first: m.seq, last: m.seq, hasMoreBefore: true, hasMoreAfter: true });
                return this.bySeq.get(m.seq);
            }
            if (m.seq > this.last + 1) this.missing(m.seq);
            this.last = m.seq;
            return this.add(this.made(m));
        }

        /* Something is left out before this seq. At the very beginning that is before all there is. */
        missing(before, missed) {
            this.replace(this.last ? this.items.length : 0, 0, [this.hole(this.last, before, missed)]);
            this.last = before - 1;
            Chat.timeline.touched(this);
        }

        made(m) {
            const item = {
                kind: 'message', userId: m.userId, username: m.username, content: m.content, seq: m.seq, ts: m.ts || Date.now(),
                replyTo: m.replyTo, files: m.files || [], editedTs: m.editedTs, gone: m.deleted ? { own: m.takenBack } : undefined, reactions: m.reactions || [], names: Object.create(null),
            };
            const me = Chat.hub.userId;
            item.all = m.mentionsRoom;
            item.mention = item.userId !== me && (item.all || (m.mentions || []).includes(me));
            this.bySeq.set(m.seq, item);
            return item;
        }

        /* A page takes the place of a hole. `side`: where it was asked for, before the hole's end or after its
         * beginning; else what is left of the hole is on both sides. */
        fill(hole, page, side) {
            const at = this.items.indexOf(hole);
            if (at < 0) return;
            const list = page.messages.filter(({ seq }) => hole.after < seq && seq < hole.before && !this.bySeq.has(seq)).map((m) => this.made(m));
            const { length } = list;
            if (length && side !== 'after' && page.hasMoreBefore && page.first > hole.after + 1) list.unshift(this.hole(hole.after, page.first));
            if (length && side !== 'before' && page.hasMoreAfter && page.last < hole.before - 1) list.push(this.hole(page.last, hole.before));
            this.replace(at, 1, list);
            this.tie(at, at + list.length);
            Chat.timeline.touched(this);
        }

        /* Says anew who shows a heading and where a day begins, from here to the first message that is not before `to`. */
        tie(from, to = from) {
            const { items } = this;
            const date = (ts) => new Date(ts).toDateString();
            for (let i = from; i < items.length; i++) {
                const item = items[i];
                if (item.kind !== 'message') continue;
                let before = i - 1;
                while (before >= 0 && !items[before].seq && items[before].kind !== 'hole') before--;
                const last = items[before] || item;
                const day = date(item.ts) !== date(last.seq && last !== item ? last.ts : Date.now());
                const head = before < i - 1 || last === item || last.kind === 'hole' || Boolean(last.gone || day || item.replyTo) ||
                    last.userId !== item.userId || last.username !== item.username || item.ts - last.ts >= GROUP;
                if (item.head !== head || item.day !== day) {
                    Object.assign(item, { head, day });
                    Chat.timeline.redraw(this, item);
                }
                if (i >= to) return;
            }
        }

        /* The text is forgotten here, too; a tombstone stays. */
        remove(event) {
            const item = this.bySeq.get(event.seq);
            if (!item || item.gone) return;
            item.gone = { by: event.username, own: event.userId === item.userId, reason: event.reason };
            Object.assign(item, { content: '', mention: false, reactions: [], editor: null });
            Chat.timeline.redraw(this, item);
            this.tie(this.items.indexOf(item) + 1);
        }

        edit(event) {
            const item = this.bySeq.get(event.seq);
            if (!item) return;
            Object.assign(item, { content: event.content, editedTs: event.editedTs });
            Chat.timeline.redraw(this, item);
        }

        react({ seq, emoji, count, userId, username, removed }) {
            const item = this.bySeq.get(seq);
            if (!item || item.gone) return;
            let row = item.reactions.find((one) => one.emoji === emoji);
            if (!row) item.reactions.push(row = { emoji });
            row.count = count;
            if (userId === Chat.hub.userId) row.mine = !removed;
            item.reactions = item.reactions.filter((one) => one.count);
            if (userId) item.names[emoji] = (item.names[emoji] || []).filter((name) => name !== username).concat(removed ? [] : username);
            Chat.timeline.redraw(this, item);
        }

        /* It is another one now, of the same name. */
        reset() {
            this.items = [];
            this.bySeq = new Map();
            this.last = 0; // the seq up to which what was said is here, or in a hole
            this.unread = this.mentions = 0;
            this.firstNew = null; // has the line of what is new
            this.toShow = null; // the same, until the way there was shown
            this.answer = null; // the message that is being answered
            this.view = { from: 0, to: 0, follow: true, fresh: 0, anchor: null };
        }

        notice(build, tone) {
            return this.add({ kind: 'notice', build, tone });
        }

        /* Comings and goings in a row make one line, in which who is back already does not appear. */
        traffic(joined, left) {
            let item = this.items[this.items.length - 1];
            if (!item || item.kind !== 'traffic') item = this.add({ kind: 'traffic', joined: [], left: [] });
            const move = (names, to, from) => {
                for (const name of names) {
                    const at = item[from].indexOf(name);
                    if (at >= 0) item[from].splice(at, 1);
                    else if (!item[to].includes(name)) item[to].push(name);
                }
            };
            move(left, 'left', 'joined');
            move(joined, 'joined', 'left');
            Chat.timeline.redraw(this, item);
        }

        /* What was said before one came is not hidden any more. */
        unhide() {
            const { shownFrom, hidesPast } = this.info;
            if (!shownFrom || (hidesPast && !this.may('moderator'))) return;
            this.info.shownFrom = 0;
            this.replace(0, 0, [this.hole(0, shownFrom)]);
            Chat.timeline.touched(this);
        }

        /* Read elsewhere, up to there. */
        readTo(seq) {
            const next = this.items.find((item) => item.seq > seq && item.userId !== Chat.hub.userId);
            this.unread = next ? Math.min(this.unread, this.last - seq) : 0;
            this.mentions = this.items.filter((item) => item.seq > seq && item.mention).length;
            if (next && this.unread) Chat.markNew(this, next);
            else Chat.clearNew(this);
        }

        /* ---- who is there ---- */

        setMembers(rows) {
            this.members = new Map(rows.map((row) => [row.userId || '@' + row.username, row]));
            for (const id of this.rows.keys()) if (!this.members.has(id)) this.rows.delete(id);
        }

        joined(event) {
            this.members.delete('@' + event.username);
            const known = this.members.get(event.userId);
            this.members.set(event.userId, {
                userId: event.userId, username: event.username, status: 'online',
                role: event.role || (known && known.role) || 'guest',
            });
            this.count = event.count;
        }

        left(event) {
            const known = this.members.get(event.userId);
            const stays = known && this.info.kept && Chat.rank(known.role) >= Chat.rank('member');
            if (stays) known.status = 'offline';
            else this.members.delete(event.userId);
            this.setTyping(event.username, false);
            this.count = event.count;
        }

        /* Many at once, in a large room: names only. */
        presence(event) {
            const names = new Set(event.left);
            for (const [key, row] of this.members) {
                if (names.has(row.username)) this.members.delete(key);
            }
            const here = new Set(Array.from(this.members.values(), (row) => row.username));
            for (const username of event.joined || []) {
                if (!here.has(username)) this.members.set('@' + username, { username, role: 'guest', status: 'online' });
            }
            this.count = event.count;
        }

        setRole(userId, role) {
            const row = this.members.get(userId);
            if (row) row.role = role;
        }

        sanction(action, userId, until) {
            this.sanctions.set(action + userId, until || Infinity);
            if (until) setTimeout(Chat.drawPeople, Math.min(until - Date.now() + 50, 86400000));
        }

        moderated({ action, undone, userId, until }) {
            const done = (undone ? 'un' + undone : action).replace('unun', '');
            if (done === 'mute' || done === 'ban') this.sanction(done, userId, until);
            else this.sanctions.delete(done.slice(2) + userId);
        }

        /* For those who may lift it. */
        shows(action, { userId }) { return this.may('moderator') && this.sanctions.get(action + userId) > Date.now(); }

        called(name) {
            const wanted = name.toLowerCase();
            for (const row of this.members.values()) if (row.username.toLowerCase() === wanted) return row;
            return null;
        }

        /* ---- who types ---- */

        setTyping(username, active) {
            if (!active && !this.typing.has(username)) return;
            clearTimeout(this.typing.get(username));
            this.typing.delete(username);
            if (active) this.typing.set(username, setTimeout(() => this.setTyping(username, false), TYPING_FADES));
            if (this === Chat.active) Chat.showTyping(this);
        }

        close() {
            clearTimeout(this.marking);
            for (const timer of this.typing.values()) clearTimeout(timer);
        }
    };
})();

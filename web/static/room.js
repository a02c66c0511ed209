/*
 * room.js: what the page knows of a room: what was said and happened (items), who is there, what is
 * unread, what is being written. Touches no document.
 *
 * items: in the order they are shown.
 *   {kind: 'message', userId, username, content, seq, ts, head, mention, gone?: {by, reason}}
 *   {kind: 'traffic', joined, left}   who came and went meanwhile
 *   {kind: 'notice', build}           build() returns its nodes, in the language of the moment
 *   {kind: 'day', ts}
 * `head`: shows who says it; the next ones of the same person soon after do not.
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

    Chat.Room = class Room {
        constructor(name) {
            this.name = name;
            this.info = { name, title: '', topic: '', visibility: 'public', role: 'guest' };
            this.items = [];
            this.bySeq = new Map();
            this.pending = []; // what was said and is not confirmed: Outgoing of the library
            this.members = new Map(); // userId, or '@name' where the id is not known -> row
            this.rows = new Map(); // of people.js: userId or name -> what shows them
            this.count = 0;
            this.unread = 0;
            this.mentions = 0;
            this.draft = '';
            this.out = null; // {text}: why the server does not have us in it
            this.typing = new Map(); // username -> timer
            this.view = { from: 0, to: 0, follow: true, fresh: 0, anchor: null };
            this.lastDay = '';
        }

        get label() { return this.info.title || this.name; }
        get myRole() { return Chat.hub.operator ? 'operator' : this.info.role || 'guest'; }
        may(role) { return Chat.rank(this.myRole) >= Chat.rank(role); }

        /* Nobody acts on an equal or higher rank. */
        outranks(member) { return Chat.rank(this.myRole) > Chat.rank(member ? member.role : 'guest'); }

        /* ---- what happens ---- */

        add(item) {
            const when = item.ts || Date.now();
            const day = new Date(when).toDateString();
            if (item.kind !== 'traffic' && day !== this.lastDay) {
                if (this.lastDay) this.items.push({ kind: 'day', ts: when });
                this.lastDay = day;
            }
            this.items.push(item);
            if (!this.view.follow && item.kind === 'message') this.view.fresh++;
            if (this.items.length > MOST) this.forgetOldest();
            Chat.timeline.touched(this);
            return item;
        }

        forgetOldest() {
            const gone = Math.floor(MOST / 4);
            for (const item of this.items.splice(0, gone)) this.bySeq.delete(item.seq);
            this.view.from = Math.max(0, this.view.from - gone);
            this.view.to = Math.max(0, this.view.to - gone);
        }

        message(m) {
            if (this.bySeq.has(m.seq)) return null;
            const last = this.items[this.items.length - 1];
            const follows = last && last.kind === 'message' && !last.gone && last.userId === m.userId &&
                last.username === m.username && m.ts - last.ts < GROUP &&
                new Date(m.ts).toDateString() === new Date(last.ts).toDateString();
            const item = this.add({
                kind: 'message', userId: m.userId, username: m.username, content: m.content, seq: m.seq,
                ts: m.ts || Date.now(), head: !follows,
                mention: m.userId !== Chat.hub.userId && Chat.mentions(m.content, Chat.hub.username || ''),
            });
            this.bySeq.set(m.seq, item);
            return item;
        }

        /* The text is forgotten here, too; a tombstone stays. */
        remove(event) {
            const item = this.bySeq.get(event.seq);
            if (!item || item.gone) return;
            item.gone = { by: event.username, own: event.userId === item.userId, reason: event.reason };
            item.content = '';
            item.mention = false;
            Chat.timeline.redraw(this, item);
            const next = this.items[this.items.indexOf(item) + 1];
            if (next && next.kind === 'message' && !next.head) {
                next.head = true;
                Chat.timeline.redraw(this, next);
            }
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

        /* ---- what is unread ---- */

        seen() {
            this.unread = this.mentions = 0;
        }

        close() {
            for (const timer of this.typing.values()) clearTimeout(timer);
        }
    };
})();

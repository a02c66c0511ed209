/*
 * hubbub.js: the client library of hubbub, for pages (a plain script, also from file://) and for Node.
 *
 *   const hub = new Hubbub({ url: 'ws://localhost:8080/ws', username: 'alice' });
 *   hub.on('message', (m) => console.log(m.room, m.username, m.content));
 *   await hub.connect();
 *   await hub.join('lobby');
 *   await hub.say('lobby', 'hello');
 *
 * It keeps a connection (comes back by itself, as the same user, into the same rooms, where it left off),
 * matches replies to requests, keeps what was said until the server has it, and knows the rooms it is in.
 * It touches nothing of the page. web/README.md is the reference.
 */
(function (global) {
    'use strict';

    const PROTOCOL = 'hubbub.v1';
    const DEFAULTS = {
        autoReconnect: true,
        backoff: { min: 500, max: 15000 },
        timeout: 15000, // for a reply, and for the welcome
        ping: 25000, // after so long a silence the line is tested
        pingTimeout: 10000,
        backlog: 1000, // messages that may wait
    };
    const STABLE = 10000; // a connection that lived this long (ms) starts the backoff afresh
    const REPEAT = 4.5 * 60000; // so long (ms) the server surely knows the ids it has heard: it says 5 minutes
    const REJOIN = { rate_limited: 1, unavailable: 5, timeout: 1 }; // seconds, unless the server names them

    // Close codes that mean more than "come back by the usual backoff". `least`: seconds to wait, unless
    // the server names them; `blame`: what the request that caused it fails with.
    const CLOSES = {
        1003: { blame: 'bad_request' },
        1007: { blame: 'bad_request' },
        1009: { blame: 'too_large' },
        4001: { auth: true },
        4003: { stop: true },
        4010: { least: 15 },
        4029: { least: 10 },
    };

    // Methods that are no more than a request of that type: the fields that are given by position. An object
    // among the arguments brings further fields: ban('lobby', 'mallory', { seconds: 600 }).
    const REQUESTS = {
        list: 'query cursor',
        members: 'room',
        create: 'room',
        update: 'room',
        settings: 'room',
        destroy: 'room reason',
        invite: 'room user',
        add: 'room user',
        remove: 'room user',
        role: 'room user role',
        kick: 'room user reason',
        ban: 'room user reason seconds',
        unban: 'room user reason',
        mute: 'room user reason seconds',
        unmute: 'room user reason',
        edit: 'room seq content',
        deleteMessage: 'room seq reason',
        react: 'room seq emoji',
        history: 'room',
        search: 'query',
        mentions: '',
        read: 'room seq',
        ledger: 'room limit before',
        undo: 'room entry',
        why: 'room',
        notice: 'content room',
        dm: 'to content',
        conversations: '',
        block: 'user',
        unblock: 'user',
        blocks: '',
    };
    const TYPES = { list: 'rooms', deleteMessage: 'delete' }; // those that cannot go by their type

    // What the reply to a join says of the room, or else is so; the event `room` brings changes, and more.
    // `seq` and `epoch` are how far we have got in it, `read` how far its user has read.
    const ROOM = {
        title: '', topic: '', visibility: 'public', slowMode: 0, kept: false, hidesPast: false, shownFrom: 0,
        role: 'guest', mutedUntil: undefined, seq: 0, epoch: undefined, read: 0,
    };
    const SETTINGS = ['title', 'topic', 'visibility', 'maxUsers', 'slowMode', 'hidesPast', 'hasPassword', 'kept'];

    /* `code` is one of the protocol's, or offline, timeout, cancelled, backlog, invalid_url. `sent` tells of the
     * first two whether the server may have heard the request. */
    class HubbubError extends Error {
        constructor(code, message, more) {
            super(message || code);
            this.name = 'HubbubError';
            this.code = code;
            Object.assign(this, more);
        }
    }

    /* Something said. Await it for the reply; a failure that nobody awaits is not an uncaught one.
     *   queued     waits for the connection, the room, its turn, or for `retryAt`
     *   sent       the server has not answered yet
     *   unsure     the line broke before the answer: it is sent again; after minutes resend() or cancel() it
     *   confirmed  has `seq`, `ts` and `durable`
     *   failed     has `error`; also what was cancelled */
    class Outgoing {
        #done;
        #control;

        constructor(id, room, text, replyTo, control) {
            Object.assign(this, { id, room, text, replyTo, state: 'queued', since: Date.now() });
            this.#control = control;
            this.#done = new Promise((resolve, reject) => Object.assign(control, { resolve, reject }));
            this.#done.catch(() => {});
        }

        cancel() { return this.#control.cancel(this); }
        resend() { return this.#control.resend(this); }
        then(good, bad) { return this.#done.then(good, bad); }
        catch(bad) { return this.#done.catch(bad); }
        finally(act) { return this.#done.finally(act); }
    }

    class Hubbub {
        #options;
        #handlers = new Map(); // type -> Set of functions
        #socket = null;
        #pending = new Map(); // request id -> {done, timer, size}
        #prefix = Math.random().toString(36).slice(2, 10);
        #count = 0;
        #token; // as given; a guest's own is in #guest
        #guest = null;
        #presented = null; // the token that the present connection was opened with
        #first = null; // {promise, resolve, reject} of connect()
        #outbox = new Map(); // Outgoing, not settled -> its control
        #sides = new Map(); // room -> what only we need to know of it, see #side()
        #hold = 0; // timer: nothing is sent to any room until it ends
        #failures = 0;
        #onlineAt = 0;
        #heardAt = 0;
        #notBefore = 0; // the server does not want to see us earlier
        #goaway = 0;
        #complaint = null; // the last error that answers no request: says why a close follows
        #timers = {};
        #nudge = null;

        constructor(options = {}) {
            this.#options = Object.assign({}, DEFAULTS, options);
            this.#options.backoff = Object.assign({}, DEFAULTS.backoff, options.backoff);
            this.#options.WebSocket = options.WebSocket || global.WebSocket;
            if (!this.#options.WebSocket) throw new TypeError('Hubbub: there is no WebSocket, pass one as an option');
            if (options.storage === undefined) this.#options.storage = ownStorage();
            this.#token = options.token || null;
            this.url = address(options.url);
            this.username = options.username || '';
            Object.assign(this, { state: 'idle', welcome: null, userId: null, session: null, operator: false });
            this.limits = {};
            this.rooms = new Map();
        }

        /* Events */

        on(type, handler) {
            if (!this.#handlers.has(type)) this.#handlers.set(type, new Set());
            this.#handlers.get(type).add(handler);
            return () => this.off(type, handler);
        }

        off(type, handler) {
            const handlers = this.#handlers.get(type);
            if (handlers) handlers.delete(handler);
        }

        once(type, handler) {
            const off = this.on(type, (event) => {
                off();
                handler(event);
            });
            return off;
        }

        /* A handler that throws is reported as uncaught, and does no harm to the others. */
        #emit(type, fields) {
            const event = Object.assign({}, fields, { type });
            for (const key of [type, '*']) {
                for (const handler of Array.from(this.#handlers.get(key) || [])) {
                    try { handler(event); } catch (error) { queueMicrotask(() => { throw error; }); }
                }
            }
        }

        /* Connection */

        /* Promises the first welcome; rejected when there will be none without another connect(). */
        connect() {
            if (this.state === 'online') return Promise.resolve(this.welcome);
            if (!this.#first) {
                const first = this.#first = {};
                first.promise = new Promise((resolve, reject) => Object.assign(first, { resolve, reject }));
                first.promise.catch(() => {});
            }
            const { promise } = this.#first;
            if (this.state !== 'connecting') {
                this.#failures = 0;
                this.#watch(true);
                this.#open();
            }
            return promise;
        }

        /* For good: rooms are forgotten, what was not sent is cancelled. */
        close() {
            const idle = this.state === 'closed' || this.state === 'idle';
            this.#drop('Closed.', 1000);
            this.rooms.clear();
            for (const message of this.outbox) this.#fail(message, new HubbubError('cancelled', 'Closed.'));
            for (const side of this.#sides.values()) clearTimeout(side.hold);
            this.#sides.clear();
            clearTimeout(this.#hold);
            this.#hold = 0;
            if (!idle) this.#end({ code: 1000, reason: '' });
        }

        /* Now, instead of when the backoff says so; a connection that seems to be there is tested. */
        retry() {
            if (this.state === 'online') this.#probe();
            else this.connect();
        }

        /* Another token: when the server is about to want one (event `auth`), or did (`auth-needed`). */
        async auth(token) {
            const online = this.state === 'online';
            const reply = online && await this.request('auth', { token });
            this.#token = token;
            return online ? reply : this.connect();
        }

        /* What the next connection will show. Another tab may have stored a newer one. */
        get token() { return this.#token || this.#stored('getItem') || this.#guest; }

        /* Our own, of another life of the server, is no good any more. True when that changes anything. */
        #forget() {
            if (this.#token || !this.#presented) return false;
            this.#guest = null;
            if (this.#stored('getItem') === this.#presented) this.#stored('removeItem');
            return this.token !== this.#presented;
        }

        #open() {
            clearTimeout(this.#timers.retry);
            let socket;
            try {
                const url = new URL(this.url);
                this.#presented = this.token;
                if (this.username) url.searchParams.set('username', this.username);
                if (this.#presented) url.searchParams.set('token', this.#presented);
                socket = new this.#options.WebSocket(url.href, PROTOCOL);
            } catch (error) {
                this.#end({ code: 'invalid_url', reason: error.message }, { code: 'invalid_url' });
                return;
            }
            this.#socket = socket;
            this.#goaway = 0;
            this.#complaint = null;
            // A server that accepts and then says nothing would hold us for ever.
            this.#timers.open = setTimeout(() => this.#lost(socket, 1006, 'no welcome'), this.#options.timeout);
            socket.onmessage = (event) => { if (socket === this.#socket) this.#receive(event.data); };
            socket.onclose = (event) => this.#lost(socket, event.code, event.reason);
            socket.onerror = () => {}; // the close that follows tells
            this.#setState('connecting');
        }

        /* Lets go of the socket; its own close event will be ignored. `culprit` is the request that the
         * server closed over, if any. */
        #drop(why, code, culprit) {
            const socket = this.#socket;
            const pending = Array.from(this.#pending.values());
            this.#socket = null;
            this.#pending.clear();
            if (this.state === 'online') this.state = 'waiting';
            for (const timer of ['open', 'ping', 'probe', 'retry']) clearTimeout(this.#timers[timer]);
            this.#timers = {};
            for (const room of this.rooms.values()) room.joined = false;
            for (const one of pending) {
                clearTimeout(one.timer);
                one.done(one === culprit ? culprit.error : new HubbubError('offline', why, { sent: true }));
            }
            if (!socket) return;
            try { socket.close(code); } catch (odd) { /* it is closing already */ }
        }

        #lost(socket, code, reason) {
            if (!socket || socket !== this.#socket) return;
            const meaning = CLOSES[code] || {};
            const complaint = this.#complaint || {};
            const detail = { code, reason: reason || (CLOSES[code] && complaint.code) || '' };
            if (this.state === 'online' && Date.now() - this.#onlineAt > STABLE) this.#failures = 0;
            this.#drop('The connection was lost.', undefined, meaning.blame && this.#culprit(code, meaning.blame));
            if (meaning.auth && this.#forget()) {
                this.#open(); // as somebody new
                return;
            }
            if (complaint.retryAfter && CLOSES[code]) detail.retryAfter = complaint.retryAfter;
            if (complaint.reason && CLOSES[code]) detail.why = complaint.reason;
            if (meaning.auth || meaning.stop || !this.#options.autoReconnect) {
                this.#end(detail, CLOSES[code] && complaint);
                if (meaning.auth) this.#emit('auth-needed', { code: detail.reason, message: complaint.message });
                return;
            }
            const least = Math.max((detail.retryAfter || meaning.least || 0) * 1000, this.#goaway - Date.now(), 0);
            const { min, max } = this.#options.backoff;
            const delay = least + Math.random() * Math.min(max, min * Math.pow(2, this.#failures++));
            this.#notBefore = Date.now() + least;
            this.#timers.retry = setTimeout(() => this.#open(), delay);
            this.#setState('waiting', Object.assign(detail, { retryAt: Date.now() + delay }));
        }

        /* Of those without an answer the longest, or else the last. */
        #culprit(code, blame) {
            const all = Array.from(this.#pending.values());
            if (code === 1009) all.sort((a, b) => a.size - b.size);
            const found = all.pop();
            if (found) found.error = new HubbubError(blame, 'The server closed the connection over this.');
            return found;
        }

        /* `refusal`: the error frame that says why, if there was one. */
        #end(detail, { code = 'offline', message = detail.reason || 'The connection was closed.', retryAfter, reason } = {}) {
            const first = this.#first;
            this.#first = null;
            this.#watch(false);
            this.#setState('closed', detail);
            if (first) first.reject(new HubbubError(code, message, { retryAfter, reason }));
        }

        #setState(state, detail) {
            this.state = state;
            this.#emit('state', Object.assign({ state }, detail));
        }

        /* When the network or the tab is back: but not before the moment that the server asked for. */
        #watch(on) {
            if (typeof global.addEventListener !== 'function' || on === Boolean(this.#nudge)) return;
            const verb = on ? 'addEventListener' : 'removeEventListener';
            this.#nudge = this.#nudge || ((event) => {
                if (event.type === 'visibilitychange' && global.document.visibilityState === 'hidden') return;
                if (this.state === 'online' || (this.state === 'waiting' && Date.now() >= this.#notBefore)) this.retry();
            });
            global[verb]('online', this.#nudge);
            if (global.document) global.document[verb]('visibilitychange', this.#nudge);
            if (!on) this.#nudge = null;
        }

        /* A page cannot see WebSocket pings: after a silence it asks, and when nothing at all comes the
         * line is taken for dead (a laptop that slept, a network that changed). */
        #listen(wait = this.#options.ping) {
            this.#timers.ping = setTimeout(() => {
                const left = this.#heardAt + this.#options.ping - Date.now();
                if (left <= 0) this.#probe();
                this.#listen(left > 0 ? left : undefined);
            }, wait);
        }

        #probe() {
            if (this.#timers.probe) return;
            const socket = this.#socket;
            this.#timers.probe = setTimeout(() => this.#lost(socket, 4008, 'no answer'), this.#options.pingTimeout);
            socket.send(JSON.stringify({ type: 'ping', t: Date.now() }));
        }

        #stored(verb, value) {
            try {
                return this.#options.storage[verb]('hubbub.token ' + this.url, value);
            } catch (forbidden) { // or there is none
                return null;
            }
        }

        /* Requests */

        /* Promises the reply. options: timeout in ms (0: wait as long as the connection lives). */
        request(type, fields, options) {
            return new Promise((resolve, reject) => {
                this.#ask(type, fields, options, (error, reply) => (error ? reject(error) : resolve(reply)));
            });
        }

        /* The same with a callback, for what has to be done before the next frame is looked at. */
        #ask(type, fields, { id = this.#newId(), timeout = this.#options.timeout } = {}, done) {
            const text = JSON.stringify(Object.assign({}, fields, { type, id }));
            const size = new TextEncoder().encode(text).length;
            const room = fields && fields.room;
            if (this.state !== 'online') {
                done(new HubbubError('offline', 'Not connected.', { room, sent: false }));
            } else if (size > this.limits.maxMessage) {
                done(new HubbubError('too_large', 'This is too long to be sent.', { room }));
            } else {
                const timer = timeout && setTimeout(() => {
                    this.#pending.delete(id);
                    done(new HubbubError('timeout', 'The server did not answer.', { room, sent: true }));
                }, timeout);
                this.#pending.set(id, { done, timer, size });
                this.#socket.send(text);
            }
        }

        #newId() { return this.#prefix + '-' + ++this.#count; }

        /* Fire and forget: nobody waits for a typing notice. `state`: active (true) or paused (false). */
        typing(room, state = 'active') {
            if (this.state !== 'online') return;
            const word = typeof state === 'string' ? state : state ? 'active' : 'paused';
            this.#socket.send(JSON.stringify({ type: 'typing', room, state: word }));
        }

        /* Rooms */

        /* What only we need to know of a room. */
        #side(name) {
            if (!this.#sides.has(name)) {
                this.#sides.set(name, {
                    joining: null, // promise of the reply
                    password: undefined, // for entering it again
                    history: undefined,
                    queue: [], // said, in order; the first may be under way
                    hold: 0, // timer: nothing is sent until it ends
                    echo: null, // the message that the room was heard repeating, before the reply came
                    last: null, // the last that was confirmed
                    thrown: null, // the moderation event that puts us out
                });
            }
            return this.#sides.get(name);
        }

        /* Enters a room, and again after every reconnect until it is left: then where we left off. */
        join(name, { password, invite, history, since, epoch } = {}) {
            const side = this.#side(name);
            const room = this.rooms.get(name);
            if (side.joining) return side.joining;
            if (since === undefined && room && !room.joined && room.epoch) ({ seq: since, epoch } = room);
            const fields = { room: name, stay: true, password, invite, history, since, epoch };
            let answered = false;
            const promise = new Promise((resolve, reject) => {
                this.#ask('join', fields, {}, (error, reply) => {
                    answered = true;
                    side.joining = null;
                    if (error) {
                        reject(error);
                        this.#flush(name); // what was said meanwhile gets its own refusal
                        return;
                    }
                    Object.assign(side, { password, history });
                    this.#entered(name, reply, fields);
                    resolve(reply);
                });
            });
            if (!answered) side.joining = promise;
            return promise;
        }

        /* Works offline, too: the room is then simply not entered again. */
        leave(name) {
            const { joining } = this.#side(name);
            if (joining) return joining.then(() => this.leave(name), () => ({ room: name }));
            const online = this.state === 'online';
            const reply = online ? this.request('leave', { room: name }) : Promise.resolve({ room: name });
            this.#part(name, { why: 'left' }, 'cancelled');
            return reply;
        }

        #entered(name, reply, { since, history = 0 }) {
            const side = this.#side(name);
            const room = this.rooms.get(name) || { name };
            const again = this.rooms.has(name);
            const missed = reply.recovered ? reply.seq - since : undefined;
            // What the server sends after its reply is still to come: the line may break before it is here.
            const seq = room.joined ? room.seq : reply.recovered ? since : Math.max(0, reply.seq - history);
            for (const key in ROOM) room[key] = key in reply ? reply[key] : ROOM[key];
            if (missed === undefined && !room.joined) side.last = null;
            Object.assign(room, { count: reply.members, joined: true, seq });
            side.thrown = null;
            this.rooms.set(name, room);
            if (reply.recovered === false) this.#emit('reset', { room: name, seq: reply.seq, epoch: reply.epoch });
            this.#settle(name, true);
            this.#emit('joined', Object.assign({}, reply, { room: name, again, missed }));
            this.#flush(name);
        }

        async #reenter(name) {
            const socket = this.#socket;
            const { password, history } = this.#side(name);
            try {
                await this.join(name, { password, history });
            } catch (error) {
                if (error.code === 'offline' || !this.rooms.has(name)) return; // the next connection tries again
                if (!(error.code in REJOIN)) {
                    const { code: why, message, reason, retryAfter } = error;
                    this.#part(name, { why, message, reason, retryAfter }, why);
                    return;
                }
                setTimeout(() => {
                    if (socket === this.#socket && this.rooms.has(name)) this.#reenter(name);
                }, (error.retryAfter || REJOIN[error.code]) * 1000);
            }
        }

        /* Out of a room, however it came: what was said and not sent cannot be sent any more. */
        #part(name, why, code) {
            const side = this.#side(name);
            const here = this.rooms.delete(name);
            this.#settle(name, false);
            for (const message of side.queue.slice()) {
                const error = new HubbubError(code, why.reason || why.message || 'Not in this room any more.', { room: name });
                if (message.state !== 'sent') this.#fail(message, error);
            }
            side.password = undefined;
            if (side.queue.length === 0 && !side.hold && !side.joining) this.#sides.delete(name);
            if (here) this.#emit('parted', Object.assign({ room: name }, why));
        }

        /* Saying something */

        get outbox() { return Array.from(this.#outbox.keys()); }

        say(room, text, { replyTo, files } = {}) {
            const control = {
                cancel: (message) => this.#cancel(message),
                resend: (message) => this.#resend(message),
            };
            const message = Object.assign(new Outgoing(this.#newId(), room, text, replyTo, control), files && files.length ? { files } : {});
            const full = this.#outbox.size >= this.#options.backlog;
            this.#outbox.set(message, control);
            if (full) this.#fail(message, new HubbubError('backlog', 'Too much waits to be sent.', { room }));
            else this.#enqueue(message);
            return message;
        }

        #enqueue(message) {
            this.#side(message.room).queue.push(message);
            this.#mark(message, 'queued');
            this.#flush(message.room);
        }

        #dequeue(message) {
            const { queue } = this.#side(message.room);
            const at = queue.indexOf(message);
            if (at >= 0) queue.splice(at, 1);
            return at >= 0;
        }

        #mark(message, state, more) {
            Object.assign(message, { state, retryAt: undefined }, more);
            this.#emit('outbox', { room: message.room, message });
        }

        #confirm(message, reply) {
            const side = this.#side(message.room);
            const { resolve } = this.#outbox.get(message);
            this.#dequeue(message);
            this.#outbox.delete(message);
            side.last = message;
            this.#mark(message, 'confirmed', { seq: reply.seq, ts: reply.ts, durable: reply.durable });
            resolve(reply);
        }

        #fail(message, error) {
            const { reject } = this.#outbox.get(message);
            this.#dequeue(message);
            this.#outbox.delete(message);
            this.#mark(message, 'failed', { error });
            reject(error);
        }

        /* False when it is too late. */
        #cancel(message) {
            if (!this.#outbox.has(message) || message.state === 'sent') return false;
            this.#fail(message, new HubbubError('cancelled', 'Cancelled.', { room: message.room }));
            return true;
        }

        /* For those that stayed unsure: puts it in line again. */
        #resend(message) {
            if (message.state !== 'unsure') return false;
            this.#dequeue(message);
            this.#outbox.get(message).sentAt = 0;
            this.#enqueue(message);
            return true;
        }

        /* Sends the next to each room, or to one. One at a time: only so the order holds when the server
         * refuses one for now. */
        #flush(only) {
            for (const name of only === undefined ? Array.from(this.#sides.keys()) : [only]) {
                const side = this.#side(name);
                const room = this.rooms.get(name);
                const ready = room ? room.joined : !side.joining;
                const [message] = side.queue;
                if (this.state !== 'online' || this.#hold || side.hold || !ready) continue;
                if (message && message.state === 'queued') this.#transmit(message, side);
            }
        }

        #transmit(message, side) {
            const { id, room, text: content, replyTo, files } = message;
            const control = this.#outbox.get(message);
            control.sentAt = control.sentAt || Date.now();
            this.#mark(message, 'sent');
            this.#ask('message', { room, content, replyTo, files }, { id }, (error, reply) => {
                if (!this.#outbox.has(message)) return; // closed meanwhile
                if (!error) {
                    this.#confirm(message, reply);
                } else if (error.sent) {
                    this.#mark(message, 'unsure'); // see #settle()
                    if (error.code === 'timeout') this.#lost(this.#socket, 4008, 'no answer');
                } else if (error.code === 'offline') {
                    this.#mark(message, 'queued');
                } else if (error.code === 'unavailable' && Date.now() - control.sentAt < REPEAT) {
                    // Perhaps it was said, and is not on the disk yet: under its id that can be asked again.
                    this.#pause(message, side, (error.retryAfter || REJOIN.unavailable) * 1000);
                } else if (error.retryAfter && (error.code === 'rate_limited' || error.code === 'slow_mode')) {
                    this.#pause(message, error.code === 'slow_mode' ? side : null, error.retryAfter * 1000);
                } else {
                    this.#fail(message, error);
                    if (error.code === 'not_in_room') this.#thrown(message.room, { action: 'left' }); // by HTTP
                }
                this.#flush(message.room);
            });
        }

        /* The rate is about all rooms (no `side`), the rest about one. */
        #pause(message, side, wait) {
            const timer = setTimeout(() => {
                if (side) side.hold = 0;
                else this.#hold = 0;
                this.#flush(side ? message.room : undefined);
            }, wait);
            clearTimeout(side ? side.hold : this.#hold);
            if (side) side.hold = timer;
            else this.#hold = timer;
            this.#mark(message, 'queued', { retryAt: Date.now() + wait });
        }

        /* A line broke over a message. Sent again under its id it is said once, as long as the server knows the
         * ids of then, and if we are let in. Otherwise it stays unsure, and out of the others' way. */
        #settle(name, here) {
            const [message] = this.#side(name).queue;
            if (!message || message.state !== 'unsure') return;
            const again = here && Date.now() - this.#outbox.get(message).sentAt < REPEAT;
            if (!again) this.#dequeue(message);
            this.#mark(message, again ? 'queued' : 'unsure');
        }

        /* Frames */

        #receive(text) {
            let frame;
            try { frame = JSON.parse(text); } catch (odd) { return; }
            this.#heardAt = Date.now();
            clearTimeout(this.#timers.probe);
            this.#timers.probe = 0;
            const { type, id } = frame;
            const waiting = this.#pending.get(id);
            if (waiting && (type === 'ok' || type === 'error' || type === 'pong')) {
                const { code, message, room, retryAfter, reason } = frame;
                this.#pending.delete(id);
                clearTimeout(waiting.timer);
                if (type === 'error') waiting.done(new HubbubError(code, message, { room, retryAfter, reason }));
                else waiting.done(null, frame);
            } else if (type === 'welcome') {
                this.#online(frame);
            } else if (type !== 'pong' && type !== 'ok') {
                const after = this.#follow(frame, this.rooms.get(frame.room), frame.userId === this.userId);
                if (after === false) return;
                this.#emit(type, frame);
                if (after) after();
            }
        }

        #online(welcome) {
            const { userId, username, session, limits = {}, operator = false, token } = welcome;
            clearTimeout(this.#timers.open);
            // From now on the name that was given is asked for: people do not swap names when all come back.
            Object.assign(this, { welcome, userId, username, session, limits, operator });
            if (token && this.#token) {
                this.#token = token;
            } else if (token) {
                this.#guest = token;
                this.#stored('setItem', token);
            }
            this.#onlineAt = Date.now();
            this.#listen();
            const first = this.#first;
            this.#first = null;
            this.#setState('online');
            this.#emit('welcome', welcome);
            if (first) first.resolve(welcome);
            for (const name of this.rooms.keys()) this.#reenter(name);
            for (const name of Array.from(this.#sides.keys())) {
                if (!this.rooms.has(name)) this.#settle(name, false);
            }
            this.#flush();
        }

        /* Keeps the rooms current, before the handlers see the event. What is returned is to be done after
         * they saw it; false: they saw it before. `mine`: it is about this user. */
        #follow(frame, room, mine) {
            const name = frame.room;
            switch (frame.type) {
            case 'message':
                if (!room) break;
                if (frame.seq <= room.seq) return false;
                room.seq = frame.seq;
                if (mine) this.#heard(name, frame);
                break;
            case 'read':
                if (room) room.read = frame.seq;
                break;
            case 'gap':
                if (room) room.seq = Math.max(room.seq, frame.to);
                break;
            case 'join':
                if (room) room.count = frame.count;
                else if (mine && !this.#side(name).joining) this.join(name).catch(() => {}); // let in by HTTP
                break;
            case 'leave':
            case 'presence':
                if (room) room.count = frame.count;
                if (room && mine) return () => this.#thrown(name, this.#side(name).thrown || { action: 'left' });
                break;
            case 'room':
                for (const key of SETTINGS) if (room && key in frame) room[key] = frame[key];
                if (frame.destroyed) return () => this.#thrown(name, Object.assign({ action: 'destroyed' }, frame));
                break;
            case 'moderation':
                for (const [one, at] of mine ? this.rooms : []) {
                    if (!name || name === one) this.#moderated(one, at, frame); // none named: in all of them
                }
                break;
            case 'goaway':
                this.#goaway = Date.now() + (frame.retryAfterMs || 0);
                break;
            case 'error':
                this.#complaint = frame;
            }
            return undefined;
        }

        #thrown(name, { action, by, reason, until }) {
            if (this.rooms.has(name)) this.#part(name, { why: action, by, reason, until }, 'not_in_room');
        }

        /* Is this what was said here? Then a page need not show it twice. */
        #heard(name, frame) {
            const side = this.#side(name);
            const [message] = side.queue;
            if (side.last && frame.seq <= side.last.seq) {
                if (frame.seq === side.last.seq) frame.outgoing = side.last;
            } else if (message && message.state === 'sent' && message.text === frame.content && side.echo !== message) {
                side.echo = message;
                frame.outgoing = message;
            }
        }

        #moderated(name, room, frame) {
            switch (frame.undone ? 'un' + frame.undone : frame.action) {
            case 'mute':
            case 'ununmute': room.mutedUntil = frame.until || 0; break;
            case 'unmute': room.mutedUntil = undefined; break;
            case 'add': room.role = frame.role || 'member'; break;
            case 'role': room.role = frame.role; break;
            case 'remove': room.role = 'guest'; // and perhaps thrown out
            // fall through
            case 'kick':
            case 'ban': this.#side(name).thrown = frame;
            }
        }
    }

    for (const [name, fields] of Object.entries(REQUESTS)) {
        const names = fields.split(' ');
        Hubbub.prototype[name] = function (...values) {
            const given = values.map((value, at) => (typeof value === 'object' ? value : { [names[at]]: value }));
            return this.request(TYPES[name] || name, Object.assign({}, ...given));
        };
    }

    /* As people write it: localhost:8080, http://localhost:8080 and ws://localhost:8080/ws are one. A page
     * that hubbub serves needs none. */
    function address(given) {
        const page = global.location && /^http/.test(global.location.protocol) ? global.location.href : undefined;
        if (!given && !page) throw new TypeError('Hubbub: options.url is missing');
        const text = String(given || new URL('ws', page));
        try {
            const url = new URL(/^[a-z]+:\/\//i.test(text) ? text.replace(/^http/i, 'ws') : 'ws://' + text);
            if (url.pathname === '/') url.pathname = '/ws';
            url.hash = '';
            return url.href;
        } catch (malformed) {
            return text; // connect() says what is wrong with it
        }
    }

    function ownStorage() {
        try { return global.localStorage || null; } catch (forbidden) { return null; }
    }

    Hubbub.Error = HubbubError;
    if (typeof module === 'object' && module.exports) module.exports = Hubbub;
    else global.Hubbub = Hubbub;
})(typeof globalThis === 'object' ? globalThis : this);

/*
 * hubbub.js: the client library of hubbub, for pages (a plain script, also from file://) and for Node.
 *
 *   const hub = new Hubbub({ url: 'ws://localhost:8080/ws', username: 'alice' });
 *   hub.on('message', (m) => console.log(m.room, m.username, m.content));
 *   await hub.connect();
 *   await hub.join('lobby');
 *   await hub.say('lobby', 'hello');
 *
 * It keeps a connection (comes back by itself, as the same user, into the same rooms), matches replies
 * to requests, keeps what was said until the server has it, and knows the rooms it is in. It touches
 * nothing of the page. web/README.md has the reference.
 */
(function (global) {
    'use strict';

    const PROTOCOL = 'hubbub.v1';
    const STABLE = 10000; // a connection that lived this long (ms) starts the backoff afresh
    const PROBE = 10000; // how long the answer to a ping may take
    const REJOIN = { rate_limited: 1, unavailable: 5, timeout: 1 }; // seconds, unless the server names them

    // Close codes that do not mean "come back by the usual backoff". `least`: seconds, unless the server
    // names them; `blame`: what the request that caused it fails with.
    const CLOSES = {
        1003: { blame: 'bad_request' },
        1007: { blame: 'bad_request' },
        1009: { blame: 'too_large' },
        1013: { least: 1 },
        4001: { auth: true },
        4003: { stop: true },
        4010: { least: 15 },
        4029: { least: 10 },
    };

    // Methods that are no more than a request: their arguments by position. An object among the
    // arguments brings further fields: ban('lobby', 'mallory', { seconds: 600, reason: 'spam' }).
    const REQUESTS = {
        list: ['rooms', 'query', 'cursor'],
        members: ['members', 'room'],
        create: ['create', 'room'],
        update: ['update', 'room'],
        settings: ['settings', 'room'],
        destroy: ['destroy', 'room', 'reason'],
        invite: ['invite', 'room', 'user'],
        add: ['add', 'room', 'user'],
        remove: ['remove', 'room', 'user'],
        kick: ['kick', 'room', 'user', 'reason'],
        ban: ['ban', 'room', 'user', 'reason', 'seconds'],
        unban: ['unban', 'room', 'user', 'reason'],
        mute: ['mute', 'room', 'user', 'reason', 'seconds'],
        unmute: ['unmute', 'room', 'user', 'reason'],
        role: ['role', 'room', 'user', 'role'],
        deleteMessage: ['delete', 'room', 'seq', 'reason'],
        ledger: ['ledger', 'room', 'limit', 'before'],
        undo: ['undo', 'room', 'entry'],
        why: ['why', 'room'],
        notice: ['notice', 'content', 'room'],
    };

    /* `code` is one of the protocol's, or: offline (`sent` tells whether it was under way already),
     * timeout, cancelled, invalid_url. */
    class HubbubError extends Error {
        constructor(code, message, more) {
            super(message || code);
            this.name = 'HubbubError';
            this.code = code;
            Object.assign(this, more);
        }
    }

    /* Something said. Await it for {seq, ts, …}; one who does not care for failures may ignore it.
     *   queued     waits for the connection, the room, its turn, or until `retryAt`
     *   sent       the server has not answered yet
     *   unsure     the line broke before the answer, and nobody can tell: resend() or cancel() it
     *   confirmed  has `seq` and `ts`
     *   failed     has `error`; also what was cancelled */
    class Outgoing {
        #hub;
        #done;

        constructor(hub, id, room, text) {
            this.#hub = hub;
            this.id = id;
            this.room = room;
            this.text = text;
            this.state = 'queued';
            this.since = Date.now();
            this.#done = new Promise((resolve, reject) => { this.settle = { resolve, reject }; });
            this.#done.catch(() => {});
            Object.defineProperty(this, 'settle', { enumerable: false });
        }

        cancel() { return this.#hub._cancel(this); }
        resend() { return this.#hub._resend(this); }
        then(good, bad) { return this.#done.then(good, bad); }
        catch(bad) { return this.#done.catch(bad); }
        finally(act) { return this.#done.finally(act); }
    }

    class Hubbub {
        #options;
        #handlers = new Map(); // type -> Set of functions
        #socket = null;
        #pending = new Map(); // request id -> {resolve, reject, timer, size}
        #ids = Math.random().toString(36).slice(2, 10);
        #count = 0;
        #token; // as given; a guest's own is in #guest
        #guest = null;
        #presented = null; // the token that the present connection was opened with
        #keys = new Map(); // room -> password, for entering it again
        #joining = new Map(); // room -> promise of the reply
        #banished = new Map(); // room -> the moderation event that throws us out
        #outbox = new Set(); // everything said that is not settled
        #queues = new Map(); // room -> those in line, the first may be under way
        #holds = new Map(); // room, or '' for all -> timer: nothing is sent until it ends
        #failures = 0;
        #onlineAt = 0;
        #notBefore = 0;
        #goaway = 0; // the moment it told us to come back
        #complaint = null; // the last error that answers no request: says why a close follows
        #first = null; // {promise, resolve, reject} of connect()
        #timers = {};
        #nudge = null;

        constructor(options = {}) {
            this.#options = Object.assign({ autoReconnect: true, timeout: 15000, ping: 25000 }, options);
            this.#options.backoff = Object.assign({ min: 500, max: 15000 }, options.backoff);
            if (options.storage === undefined) this.#options.storage = ownStorage();
            this.#token = options.token || null;
            this.url = address(options.url);
            this.username = options.username || '';
            this.state = 'idle';
            this.userId = null;
            this.session = null;
            this.limits = {};
            this.operator = false;
            this.welcome = null;
            this.rooms = new Map();
            this.#guest = this.#stored('getItem') || null;
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

        /* A handler that throws is reported as uncaught, and harms nobody else. */
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
                const first = {};
                first.promise = new Promise((resolve, reject) => Object.assign(first, { resolve, reject }));
                first.promise.catch(() => {});
                this.#first = first;
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
            this.#drop(new HubbubError('offline', 'Closed.'), 1000);
            this.rooms.clear();
            this.#keys.clear();
            for (const message of this.outbox) this._cancel(message, true);
            for (const timer of this.#holds.values()) clearTimeout(timer);
            this.#holds.clear();
            if (this.state !== 'closed' && this.state !== 'idle') this.#end({ code: 1000, reason: '' });
        }

        /* Now, instead of when the backoff says so; a connection that seems to be there is tested. */
        retry() {
            if (this.state === 'online') this.#probe();
            else if (this.state !== 'connecting') this.connect();
        }

        /* Another token, when the server is about to want one, or did (event auth-needed). */
        async auth(token) {
            if (this.state !== 'online') {
                this.#token = token;
                return this.connect();
            }
            const reply = await this.request('auth', { token });
            this.#token = token;
            return reply;
        }

        /* What the next connection will show: keep it where there is no storage. */
        get token() { return this.#token || this.#guest; }

        get outbox() { return Array.from(this.#outbox); }

        #open() {
            clearTimeout(this.#timers.retry);
            let socket;
            try {
                const url = new URL(this.url);
                this.#presented = this.token;
                if (this.username) url.searchParams.set('username', this.username);
                if (this.#presented) url.searchParams.set('token', this.#presented);
                const WebSocket = this.#options.WebSocket || global.WebSocket;
                socket = new WebSocket(url.href, PROTOCOL);
            } catch (error) {
                this.#end({ code: 'invalid_url', reason: error.message });
                return;
            }
            this.#socket = socket;
            this.#goaway = 0;
            this.#complaint = null;
            // A server that accepts and then says nothing would hold us for ever.
            this.#timers.open = setTimeout(() => this.#lost(socket, 1006, 'no welcome'), this.#options.timeout);
            socket.onmessage = (event) => { if (socket === this.#socket) this.#receive(event.data); };
            socket.onclose = (event) => this.#lost(socket, event.code, event.reason);
            socket.onerror = () => {}; // the close that follows says it
            this.#setState('connecting');
        }

        /* Lets go of the socket; its own close event will be ignored. `culprit` caused it. */
        #drop(error, code, culprit) {
            const socket = this.#socket;
            this.#socket = null;
            for (const timer of ['open', 'ping', 'probe', 'retry']) clearTimeout(this.#timers[timer]);
            this.#timers.probe = null;
            for (const room of this.rooms.values()) room.joined = false;
            this.#joining.clear();
            const pending = Array.from(this.#pending.values());
            this.#pending.clear();
            for (const one of pending) {
                clearTimeout(one.timer);
                one.reject(one === culprit ? culprit.error : error);
            }
            if (socket) try { socket.close(code); } catch (odd) { /* closing already */ }
        }

        #lost(socket, code, reason) {
            if (!socket || socket !== this.#socket) return;
            const meaning = CLOSES[code] || {};
            const complaint = this.#complaint || {};
            const detail = { code, reason: reason || complaint.code || '' };
            if (this.state === 'online' && Date.now() - this.#onlineAt > STABLE) this.#failures = 0;
            this.#drop(new HubbubError('offline', 'The connection was lost.', { sent: true }), undefined,
                meaning.blame && this.#culprit(code, meaning.blame));

            if (meaning.auth && this.#presented && this.#presented === this.#guest && !this.#token) {
                this.#guest = null; // our own, of another life of the server: begin as somebody new
                this.#stored('removeItem');
                this.#open();
                return;
            }
            if (meaning.auth || meaning.stop || !this.#options.autoReconnect) {
                if (complaint.retryAfter) detail.retryAfter = complaint.retryAfter;
                this.#end(detail);
                if (meaning.auth) this.#emit('auth-needed', { code: detail.reason, reason: complaint.message || '' });
                return;
            }
            const named = code === 1013 || code >= 4000 ? complaint.retryAfter : 0;
            const least = Math.max((named || meaning.least || 0) * 1000, this.#goaway - Date.now(), 0);
            const { min, max } = this.#options.backoff;
            const delay = least + Math.random() * Math.min(max, min * Math.pow(2, this.#failures++));
            this.#notBefore = Date.now() + least;
            this.#timers.retry = setTimeout(() => this.#open(), delay);
            this.#setState('waiting', Object.assign(detail, { retryAt: Date.now() + delay }));
        }

        /* The request that the server closed over: the longest, or else the last. */
        #culprit(code, blame) {
            const all = Array.from(this.#pending.values());
            const found = code === 1009 ? all.sort((a, b) => a.size - b.size).pop() : all.pop();
            if (found) found.error = new HubbubError(blame, 'The server closed the connection over this.');
            return found;
        }

        #end(detail) {
            this.#watch(false);
            this.#setState('closed', detail);
            if (!this.#first) return;
            this.#first.reject(new HubbubError(detail.code === 'invalid_url' ? detail.code : 'offline',
                String(detail.reason || 'The connection was closed.'), detail.retryAfter && { retryAfter: detail.retryAfter }));
            this.#first = null;
        }

        #setState(state, detail) {
            this.state = state;
            this.#emit('state', Object.assign({ state }, detail));
        }

        /* When the network or the tab is back: not before the moment that the server asked for. */
        #watch(on) {
            if (typeof global.addEventListener !== 'function' || on === Boolean(this.#nudge)) return;
            const verb = on ? 'addEventListener' : 'removeEventListener';
            this.#nudge = this.#nudge || (() => {
                if (global.document && global.document.visibilityState === 'hidden') return;
                if (this.state === 'online' || (this.state === 'waiting' && Date.now() >= this.#notBefore)) this.retry();
            });
            global[verb]('online', this.#nudge);
            if (global.document) global.document[verb]('visibilitychange', this.#nudge);
            if (!on) this.#nudge = null;
        }

        /* A page cannot see WebSocket pings: after a silence it asks, and when nothing at all comes the
         * line is taken for dead (a laptop that slept, a network that changed). */
        #listen() {
            clearTimeout(this.#timers.ping);
            this.#timers.ping = setTimeout(() => this.#probe(), this.#options.ping);
        }

        #probe() {
            if (this.#timers.probe) return;
            const socket = this.#socket;
            this.#timers.probe = setTimeout(() => this.#lost(socket, 4008, 'no answer'), PROBE);
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

        /* Promises the reply. options: timeout in ms (0: none). */
        request(type, fields, options = {}) {
            const id = options.id || this.#newId();
            const text = JSON.stringify(Object.assign({}, fields, { type, id }));
            const size = new TextEncoder().encode(text).length;
            const room = fields && fields.room;
            if (this.state !== 'online') {
                return Promise.reject(new HubbubError('offline', 'Not connected.', { room, sent: false }));
            }
            if (size > this.limits.maxMessage) {
                return Promise.reject(new HubbubError('too_large', 'This is too long to be sent.', { room }));
            }
            return new Promise((resolve, reject) => {
                const patience = options.timeout === undefined ? this.#options.timeout : options.timeout;
                const timer = patience && setTimeout(() => {
                    this.#pending.delete(id);
                    reject(new HubbubError('timeout', 'The server did not answer.', { room, sent: true }));
                }, patience);
                this.#pending.set(id, { resolve, reject, timer, size });
                this.#socket.send(text);
            });
        }

        #newId() { return this.#ids + '-' + ++this.#count; }

        /* Enters a room, and again after every reconnect until it is left. */
        join(room, options = {}) {
            if (this.#joining.has(room)) return this.#joining.get(room);
            const { password, invite } = options || {};
            const entering = this.request('join', { room, stay: true, password, invite });
            const promise = entering.then((reply) => {
                this.#joining.delete(room);
                if (password !== undefined) this.#keys.set(room, password);
                this.#entered(room, reply);
                return reply;
            });
            if (this.state === 'online') this.#joining.set(room, promise);
            promise.catch(() => {
                if (this.#joining.get(room) === promise) this.#joining.delete(room);
                this.#flush(room);
            });
            return promise;
        }

        /* Works offline, too: the room is then simply not entered again. */
        leave(room) {
            const here = this.rooms.has(room);
            const reply = this.state === 'online' ? this.request('leave', { room }) : Promise.resolve({ room });
            if (here) this.#part(room, { why: 'left' }, new HubbubError('cancelled', 'The room was left.', { room }));
            return reply;
        }

        /* Fire and forget: nobody waits for a typing notice. */
        typing(room, state = 'active') {
            if (this.state !== 'online') return;
            this.#socket.send(JSON.stringify({ type: 'typing', room, state: state === true ? 'active' : state || 'paused' }));
        }

        /* Saying something */

        say(room, text) {
            const message = new Outgoing(this, this.#newId(), room, text);
            this.#outbox.add(message);
            this.#enqueue(message);
            return message;
        }

        #enqueue(message) {
            if (!this.#queues.has(message.room)) this.#queues.set(message.room, []);
            this.#queues.get(message.room).push(message);
            this.#mark(message, 'queued');
            this.#flush(message.room);
        }

        #mark(message, state, more) {
            Object.assign(message, { state, retryAt: undefined }, more);
            if (state === 'confirmed' || state === 'failed') this.#outbox.delete(message);
            this.#emit('outbox', { room: message.room, message });
        }

        #fail(message, error) {
            this.#dequeue(message);
            this.#mark(message, 'failed', { error });
            message.settle.reject(error);
        }

        #confirm(message, reply) {
            this.#dequeue(message);
            const room = this.rooms.get(message.room);
            if (room) {
                room.mine = reply.seq;
                if (reply.seq === room.seq + 1) room.seq = reply.seq;
            }
            this.#mark(message, 'confirmed', { seq: reply.seq, ts: reply.ts });
            message.settle.resolve(reply);
        }

        #dequeue(message) {
            const queue = this.#queues.get(message.room) || [];
            const at = queue.indexOf(message);
            if (at >= 0) queue.splice(at, 1);
            if (queue.length === 0) this.#queues.delete(message.room);
        }

        /* Sends the next to each room, one at a time: only so the order holds when the server refuses
         * one for now. */
        #flush(only) {
            if (this.state !== 'online' || this.#holds.has('')) return;
            for (const name of only === undefined ? Array.from(this.#queues.keys()) : [only]) {
                const [message] = this.#queues.get(name) || [];
                const room = this.rooms.get(name);
                const ready = room ? room.joined : !this.#joining.has(name);
                if (message && message.state === 'queued' && ready && !this.#holds.has(name)) this.#transmit(message);
            }
        }

        #transmit(message) {
            this.#mark(message, 'sent', { echo: undefined });
            this.request('message', { room: message.room, content: message.text }, { id: message.id }).then((reply) => {
                if (message.state === 'sent') this.#confirm(message, reply);
                this.#flush(message.room);
            }, (error) => {
                if (error.sent) {
                    // Decided when we are back in the room: #settle().
                    if (message.echo) this.#confirm(message, message.echo);
                    else this.#mark(message, 'unsure');
                    if (error.code === 'timeout') this.#lost(this.#socket, 4008, 'no answer');
                } else if (error.retryAfter && (error.code === 'rate_limited' || error.code === 'slow_mode')) {
                    const wait = error.retryAfter * 1000;
                    this.#mark(message, 'queued', { retryAt: Date.now() + wait });
                    this.#hold(error.code === 'slow_mode' ? message.room : '', wait);
                } else {
                    this.#fail(message, error);
                    this.#flush(message.room);
                }
            });
        }

        #hold(key, wait) {
            clearTimeout(this.#holds.get(key));
            this.#holds.set(key, setTimeout(() => {
                this.#holds.delete(key);
                this.#flush(key || undefined);
            }, wait));
        }

        /* The line broke over a message, and now we know where its room is. When we have seen every
         * message up to the room's last and ours was not among them, it cannot have arrived: it is
         * sent again, under its id. Otherwise only people can decide. */
        #settle(name, unseen) {
            const [message] = this.#queues.get(name) || [];
            if (!message || message.state !== 'unsure') return;
            if (unseen) this.#mark(message, 'queued');
            else this.#dequeue(message);
        }

        _cancel(message, always) {
            if (!this.#outbox.has(message) || (message.state === 'sent' && !always)) return false;
            this.#fail(message, new HubbubError('cancelled', 'Cancelled.', { room: message.room }));
            return true;
        }

        _resend(message) {
            if (message.state !== 'unsure' || (this.#queues.get(message.room) || []).includes(message)) return false;
            this.#enqueue(message);
            return true;
        }

        /* Frames */

        #receive(text) {
            let frame;
            try { frame = JSON.parse(text); } catch (odd) { return; }
            clearTimeout(this.#timers.probe);
            this.#timers.probe = null;
            this.#listen();
            const waiting = this.#pending.get(frame.id);
            if (waiting && ['ok', 'error', 'pong'].includes(frame.type)) {
                this.#pending.delete(frame.id);
                clearTimeout(waiting.timer);
                if (frame.type === 'error') {
                    const { code, message, room, retryAfter } = frame;
                    waiting.reject(new HubbubError(code, message, { room, retryAfter }));
                } else {
                    waiting.resolve(frame);
                }
                return;
            }
            if (frame.type === 'pong') return;
            if (frame.type === 'welcome') {
                this.#online(frame);
                return;
            }
            const follow = FOLLOW[frame.type];
            const after = follow && follow.call(this, frame, this.rooms.get(frame.room), frame.userId === this.userId);
            this.#emit(frame.type, frame);
            if (after) after();
        }

        #online(welcome) {
            clearTimeout(this.#timers.open);
            this.welcome = welcome;
            const { userId, username, session } = welcome;
            // From now on the name that was given is asked for: people do not swap names when all come back.
            Object.assign(this, { userId, username, session });
            this.limits = welcome.limits || {};
            this.operator = Boolean(welcome.operator);
            if (welcome.token && !this.#token) {
                this.#guest = welcome.token;
                this.#stored('setItem', welcome.token);
            }
            this.#onlineAt = Date.now();
            this.#setState('online');
            this.#emit('welcome', welcome);
            if (this.#first) this.#first.resolve(welcome);
            this.#first = null;
            for (const name of this.rooms.keys()) this.#reenter(name);
            for (const name of Array.from(this.#queues.keys())) {
                if (!this.rooms.has(name)) this.#settle(name, false);
            }
            this.#flush();
        }

        async #reenter(name) {
            const socket = this.#socket;
            try {
                await this.join(name, { password: this.#keys.get(name) });
            } catch (error) {
                if (error.code === 'offline' || !this.rooms.has(name)) return; // the next connection tries again
                if (error.code in REJOIN) {
                    setTimeout(() => {
                        if (socket === this.#socket && this.rooms.has(name)) this.#reenter(name);
                    }, (error.retryAfter || REJOIN[error.code]) * 1000);
                    return;
                }
                this.#part(name, { why: error.code, reason: error.message, retryAfter: error.retryAfter }, error);
            }
        }

        #entered(name, reply) {
            const before = this.rooms.get(name);
            const again = Boolean(before);
            const same = again && before.epoch === reply.epoch;
            const room = before || { name };
            const missed = same ? reply.seq - room.seq : undefined;
            const { title = '', topic = '', visibility = 'public', slowMode = 0, kept = false, role = 'guest' } = reply;
            Object.assign(room, { title, topic, visibility, slowMode, kept, role, mutedUntil: reply.mutedUntil });
            Object.assign(room, { seq: reply.seq, epoch: reply.epoch, count: reply.members, joined: true });
            if (!same) room.mine = 0;
            Object.defineProperty(room, 'mine', { enumerable: false, writable: true });
            this.rooms.set(name, room);
            this.#settle(name, missed === 0);
            this.#emit('joined', Object.assign({}, reply, { id: undefined, room: name, again, missed }));
            this.#flush(name);
        }

        /* Out of a room, for whatever reason: what was said and not sent cannot be sent any more. */
        #part(name, why, error) {
            this.rooms.delete(name);
            this.#keys.delete(name);
            this.#banished.delete(name);
            this.#settle(name, false);
            for (const message of Array.from(this.#queues.get(name) || [])) {
                if (message.state === 'queued') this.#fail(message, error);
            }
            this.#emit('parted', Object.assign({ room: name }, why));
        }

        _thrown(name, why) {
            if (this.rooms.has(name)) this.#part(name, why, new HubbubError('not_in_room', 'Not in this room any more.', { room: name }));
        }

        _heard(name, frame) {
            const [message] = this.#queues.get(name) || [];
            const room = this.rooms.get(name);
            if (message && message.state === 'sent' && message.text === frame.content && frame.seq > room.mine) {
                message.echo = frame;
                frame.outgoing = message;
            }
        }

        _moderated(frame) {
            if (['kick', 'ban', 'remove'].includes(frame.action)) this.#banished.set(frame.room, frame);
        }

        _why(name) {
            const { action = 'left', by, reason, until } = this.#banished.get(name) || {};
            return { why: action, by, reason, until };
        }

        _hurried(frame) { this.#goaway = Date.now() + (frame.retryAfterMs || 0); }
        _complained(frame) { this.#complaint = frame; }
        _invited(name) { if (!this.#joining.has(name)) this.join(name).catch(() => {}); }
    }

    /* How events change what is known of the rooms; before the handlers see them. What is returned is
     * called after the handlers. */
    const SETTINGS = ['title', 'topic', 'visibility', 'maxUsers', 'slowMode', 'hasPassword', 'kept'];
    const FOLLOW = {
        message(frame, room, mine) {
            if (!room) return;
            if (mine) this._heard(frame.room, frame);
            room.seq = Math.max(room.seq, frame.seq);
        },
        join(frame, room, mine) {
            if (room) room.count = frame.count;
            else if (mine) this._invited(frame.room); // somebody let us in by HTTP: ask what room it is
        },
        leave(frame, room, mine) {
            if (!room) return undefined;
            room.count = frame.count;
            return mine ? () => this._thrown(frame.room, this._why(frame.room)) : undefined;
        },
        presence(frame, room) {
            if (room) room.count = frame.count;
        },
        room(frame, room) {
            if (frame.destroyed) {
                const { by, reason } = frame;
                return () => this._thrown(frame.room, { why: 'destroyed', by, reason });
            }
            for (const key of SETTINGS) if (room && key in frame) room[key] = frame[key];
            return undefined;
        },
        moderation(frame, room, mine) {
            if (!mine || !room) return;
            this._moderated(frame);
            switch (frame.action) {
            case 'mute': room.mutedUntil = frame.until || 0; break;
            case 'unmute': delete room.mutedUntil; break;
            case 'add': room.role = frame.role || 'member'; break;
            case 'remove': room.role = 'guest'; break;
            case 'role': room.role = frame.role; break;
            case 'undo': // of which sanction, it does not say
                this.why(frame.room).then(({ reasons }) => {
                    const muted = reasons.find((one) => one.rule === 'muted');
                    room.mutedUntil = muted && (muted.until || 0);
                }, () => {});
            }
        },
        goaway(frame) { this._hurried(frame); },
        error(frame) { this._complained(frame); },
    };

    for (const [name, [type, ...names]] of Object.entries(REQUESTS)) {
        Hubbub.prototype[name] = function (...values) {
            const fields = {};
            values.forEach((value, at) => {
                if (typeof value === 'object') Object.assign(fields, value);
                else fields[names[at]] = value;
            });
            return this.request(type, fields);
        };
    }

    /* As people write it: localhost:8080, http://localhost:8080 and ws://localhost:8080/ws are one.
     * A page that was served by hubbub needs none. */
    function address(given) {
        const page = global.location && /^http/.test(global.location.protocol) ? global.location.href : undefined;
        if (!given && !page) throw new TypeError('Hubbub: options.url is missing');
        const text = String(given || new URL('ws', page));
        try {
            const url = new URL(/^[a-z]+:\/\//i.test(text) ? text.replace(/^http/i, 'ws') : 'ws://' + text);
            if (url.pathname === '/') url.pathname = '/ws';
            return url.href;
        } catch (malformed) {
            return text; // connect() says what is wrong with it
        }
    }

    function ownStorage() {
        try { return global.localStorage || null; } catch (forbidden) { return null; }
    }

    /* For the page until it is built on Hubbub itself. */
    class HubbubClient {
        constructor(options) {
            const hub = this.hub = new Hubbub(options);
            for (const name of ['request', 'join', 'leave', 'say', 'typing', 'connect']) this[name] = hub[name].bind(hub);
            this.disconnect = () => hub.close();
            this.hurry = () => hub.retry();
            this.members = (room) => hub.members(room).then((reply) => reply.members);
            this.list = () => hub.list().then((reply) => reply.rooms);
        }
        get state() { return this.hub.state; }
        get rooms() { return this.hub.rooms; }
        get username() { return this.hub.username; }
        get welcome() { return this.hub.welcome; }
        on(type, act) {
            if (type === 'online') this.hub.on('welcome', act);
            else if (type === 'lost') this.hub.on('parted', (e) => act({ room: e.room, error: { code: e.why, message: e.reason } }));
            else if (type === 'joined') this.hub.on(type, (e) => act({ room: e.room, reply: e, again: e.again }));
            else if (type !== 'state') this.hub.on(type, act);
            else this.hub.on(type, (e) => act({ state: e.state === 'closed' ? 'offline' : e.state, reason: e.reason || '', delay: e.retryAt - Date.now() }));
            return this;
        }
    }
    if (typeof module !== 'object') global.HubbubClient = HubbubClient;

    Hubbub.Error = HubbubError;
    Hubbub.REQUESTS = Object.keys(REQUESTS);
    if (typeof module === 'object' && module.exports) module.exports = Hubbub;
    else global.Hubbub = Hubbub;
})(typeof globalThis === 'object' ? globalThis : this);

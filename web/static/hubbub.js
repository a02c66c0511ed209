/*
 * hubbub.js: a small client for the hubbub.v1 dialect, for pages.
 *
 *   const chat = new HubbubClient({ url: 'ws://localhost:8080/ws', username: 'alice' });
 *   chat.on('message', (m) => console.log(m.room, m.username, m.content));
 *   chat.on('online', () => chat.join('lobby'));
 *   chat.connect();
 *
 * Requests return promises that settle with the server's reply. A lost connection is opened again
 * by itself, later after each failure and at a random moment of the interval, and the rooms are
 * entered again. Nothing here touches the document.
 *
 * Events of the server are passed on under their type. Its own events:
 *   state    {state, reason, delay}   offline | connecting | online | waiting (delay in ms)
 *   online   the welcome              each time a connection is ready; known rooms follow as:
 *   joined   {room, reply, again}     entered, `again` after a reconnect
 *   lost     {room, error}            could not be entered again
 */
(function (global) {
    'use strict';

    const PROTOCOL = 'hubbub.v1';
    const REPLY_TIMEOUT = 15000;
    const CONNECT_TIMEOUT = 15000;
    const QUIET_BEFORE_PING = 25000; // and as long again for the answer
    const BACKOFF_FIRST = 500;
    const BACKOFF_MOST = 30000;
    const STABLE_AFTER = 10000; // a connection that lived this long starts the backoff afresh

    // What a close code means to somebody who reads it, and whether coming back makes sense.
    const CLOSE_CODES = {
        1000: { text: 'The connection was closed.', retry: true },
        1001: { text: 'The server is restarting.', retry: true },
        1003: { text: 'The server did not understand this page.', retry: false },
        1007: { text: 'The server did not understand this page.', retry: false },
        1009: { text: 'That message was too large.', retry: false },
        4001: { text: 'You are not signed in any more.', retry: false },
        4003: { text: 'You are banned from this server.', retry: false },
        4008: { text: 'The server did not hear from this page in time.', retry: true },
        4010: { text: 'Too many connections from here.', retry: true, least: 15000 },
        4013: { text: 'This connection was too slow.', retry: true },
        4029: { text: 'Too many messages in a short time.', retry: true, least: 10000 },
    };
    const UNREACHABLE = { text: 'The server cannot be reached.', retry: true };
    const CUT = { text: 'The connection was lost.', retry: true };

    class HubbubError extends Error {
        constructor(code, message, reply) {
            super(message);
            this.name = 'HubbubError';
            this.code = code;
            this.reply = reply || null;
        }
    }

    class HubbubClient {
        constructor(options) {
            this.url = options.url;
            this.username = options.username || 'anonymous';
            this.state = 'offline';
            this.welcome = null;
            this.rooms = new Map(); // name -> {seq, epoch}: where to be after a reconnect
            this._handlers = new Map();
            this._pending = new Map(); // request id -> {resolve, reject, timer}
            this._idPrefix = randomText();
            this._idCount = 0;
            this._wanted = false;
            this._failures = 0;
            this._goaway = null;
        }

        on(type, handler) {
            if (!this._handlers.has(type)) this._handlers.set(type, []);
            this._handlers.get(type).push(handler);
            return this;
        }

        /* Connection */

        connect() {
            this._wanted = true;
            this._failures = 0;
            clearTimeout(this._retryTimer);
            if (!this._socket) this._open();
        }

        disconnect() {
            this._wanted = false;
            clearTimeout(this._retryTimer);
            if (this._socket) this._drop(1000, 'bye');
            this._setState('offline', { reason: '' });
        }

        /* Tries at once instead of when the backoff says so. */
        hurry() {
            if (this.state === 'waiting') this.connect();
        }

        _open() {
            let socket;
            try {
                const url = new URL(this.url);
                url.searchParams.set('username', this.username);
                socket = new WebSocket(url.href, PROTOCOL);
            } catch (error) {
                this._wanted = false;
                this._setState('offline', { reason: 'This is not the address of a server.' });
                return;
            }
            this._socket = socket;
            this._goaway = null;
            this._setState('connecting');
            // A server that accepts and then says nothing would hold the page for ever.
            this._connectTimer = setTimeout(() => this._lost(socket, 1006), CONNECT_TIMEOUT);
            socket.onmessage = (event) => {
                if (socket === this._socket) this._receive(event.data);
            };
            socket.onclose = (event) => this._lost(socket, event.code);
        }

        /* Lets go of the socket now; its own close event will be ignored. */
        _drop(code, reason) {
            const socket = this._socket;
            this._socket = null;
            clearTimeout(this._connectTimer);
            clearTimeout(this._stableTimer);
            clearInterval(this._quietTimer);
            for (const waiting of this._pending.values()) {
                clearTimeout(waiting.timer);
                waiting.reject(new HubbubError('disconnected', 'The connection was lost.'));
            }
            this._pending.clear();
            if (socket) socket.close(code, reason);
        }

        _lost(socket, code) {
            if (socket !== this._socket) return;
            this._drop();
            const meaning = CLOSE_CODES[code] || (this.state === 'online' ? CUT : UNREACHABLE);
            if (!this._wanted) return;
            if (!meaning.retry) {
                this._wanted = false;
                this._setState('offline', { reason: meaning.text, code });
                return;
            }
            // A server that goes away gives each its slot, counted from a moment when it is still there.
            const least = this._goaway ? this._goaway.retryAfterMs : meaning.least;
            const delay = this._backoff(least || 0);
            this._retryTimer = setTimeout(() => this._open(), delay);
            this._setState('waiting', { reason: meaning.text, code, delay });
        }

        /* Doubles each time; the random half keeps a crowd from coming back in one moment. */
        _backoff(least) {
            const most = Math.min(BACKOFF_MOST, BACKOFF_FIRST * Math.pow(2, this._failures++));
            return least + most / 2 + Math.random() * most / 2;
        }

        _setState(state, detail) {
            this.state = state;
            this._emit('state', Object.assign({ state, reason: '' }, detail));
        }

        /* Requests */

        /* Sends a request; the promise settles with the reply. */
        request(type, fields) {
            if (this.state !== 'online') {
                return Promise.reject(new HubbubError('disconnected', 'Not connected.'));
            }
            const id = this._idPrefix + '-' + ++this._idCount;
            const text = JSON.stringify(Object.assign({ type, id }, fields));
            const most = this.welcome.limits && this.welcome.limits.maxMessage;
            if (most && byteLength(text) > most) {
                return Promise.reject(new HubbubError('too_large', 'This is too long to be sent.'));
            }
            return new Promise((resolve, reject) => {
                const timer = setTimeout(() => {
                    this._pending.delete(id);
                    reject(new HubbubError('timeout', 'The server did not answer.'));
                }, REPLY_TIMEOUT);
                this._pending.set(id, { resolve, reject, timer });
                this._socket.send(text);
            });
        }

        async join(room) {
            const reply = await this.request('join', { room, stay: true });
            this._entered(room, reply, false);
            return reply;
        }

        leave(room) {
            this.rooms.delete(room);
            return this.request('leave', { room });
        }

        say(room, content) {
            return this.request('message', { room, content });
        }

        /* Fire and forget: nobody waits for a typing notice. */
        typing(room, active) {
            if (this.state !== 'online') return;
            this._socket.send(JSON.stringify({ type: 'typing', room, state: active ? 'active' : 'paused' }));
        }

        members(room) {
            return this.request('members', { room }).then((reply) => reply.members);
        }

        list() {
            return this.request('rooms').then((reply) => reply.rooms);
        }

        _entered(room, reply, again) {
            this.rooms.set(room, { seq: reply.seq || 0, epoch: reply.epoch });
            this._emit('joined', { room, reply, again });
        }

        /* After a reconnect: into every room again, from where we left it. */
        async _reenter(room, known) {
            const fields = { room, stay: true };
            if (known.epoch !== undefined) {
                fields.since = known.seq;
                fields.epoch = known.epoch;
            }
            try {
                this._entered(room, await this.request('join', fields), true);
            } catch (error) {
                if (error.code === 'disconnected') return; // the next connection tries again
                this.rooms.delete(room);
                this._emit('lost', { room, error });
            }
        }

        /* Frames */

        _receive(text) {
            this._heard = Date.now();
            this._asked = false;
            const frame = JSON.parse(text);
            if ((frame.type === 'ok' || frame.type === 'error') && this._pending.has(frame.id)) {
                this._settle(frame);
                return;
            }
            switch (frame.type) {
            case 'welcome':
                this._ready(frame);
                return;
            case 'goaway':
                this._goaway = frame;
                break;
            case 'message':
                if (this.rooms.has(frame.room)) this.rooms.get(frame.room).seq = frame.seq;
                break;
            }
            this._emit(frame.type, frame);
        }

        _settle(frame) {
            const waiting = this._pending.get(frame.id);
            this._pending.delete(frame.id);
            clearTimeout(waiting.timer);
            if (frame.type === 'error') waiting.reject(new HubbubError(frame.code, frame.message, frame));
            else waiting.resolve(frame);
        }

        _ready(welcome) {
            clearTimeout(this._connectTimer);
            // From now on the name that was given is asked for: people do not swap names when all come back.
            if (!this.welcome) this.username = welcome.username;
            this.welcome = welcome;
            this._stableTimer = setTimeout(() => { this._failures = 0; }, STABLE_AFTER);
            this._quietTimer = setInterval(() => this._checkQuiet(), QUIET_BEFORE_PING);
            this._setState('online');
            this._emit('online', welcome);
            for (const [room, known] of this.rooms) this._reenter(room, known);
        }

        /* A page cannot see WebSocket pings: after a silence it asks, and when the silence goes on the
         * connection is taken for dead (a laptop that slept, a network that changed). */
        _checkQuiet() {
            const quiet = Date.now() - this._heard >= QUIET_BEFORE_PING;
            if (quiet && this._asked) {
                this._lost(this._socket, 4008);
                return;
            }
            this._asked = quiet;
            if (quiet) this._socket.send(JSON.stringify({ type: 'ping', t: Date.now() }));
        }

        _emit(type, event) {
            for (const handler of this._handlers.get(type) || []) handler(event);
        }
    }

    function byteLength(text) {
        return new TextEncoder().encode(text).length;
    }

    /* Request ids must differ between tabs of one user, too. */
    function randomText() {
        const bytes = crypto.getRandomValues(new Uint8Array(6));
        return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
    }

    global.HubbubClient = HubbubClient;
    global.HubbubError = HubbubError;
})(window);

/*
 * The client library under test, and what it is made to live with: storage, lines that break at a chosen
 * moment, a server that says what a test makes it say.
 */
import { once } from 'node:events';
import WebSocket, { WebSocketServer } from 'ws';
import Hubbub from '../../../web/hubbub.js';
import { within } from './wait.mjs';

const OFTEN = { min: 1, max: 50 };

/* localStorage as far as the library needs it. */
export class Storage {
    constructor() { this.all = new Map(); }
    getItem(key) { return this.all.has(key) ? this.all.get(key) : null; }
    setItem(key, value) { this.all.set(key, String(value)); }
    removeItem(key) { this.all.delete(key); }
}

/* A hub that is closed after the test, with all its events in `heard`. */
export function makeHub(t, url, options = {}) {
    const hub = new Hubbub({ url, WebSocket, storage: null, backoff: OFTEN, ...options });
    hub.heard = [];
    hub.on('*', (event) => hub.heard.push(event));
    t.after(() => hub.close());
    return hub;
}

/* Connected, and in a room when one is named. `server` may be an address. */
export async function onlineHub(t, server, username, room, options) {
    const hub = makeHub(t, typeof server === 'string' ? server : server.ws(), { username, ...options });
    await within(hub.connect(), `the welcome of ${username}`);
    if (room) await within(hub.join(room), `${username} in ${room}`);
    return hub;
}

/* The next event of this type, from now on, that passes the test. */
export function event(hub, type, passes = () => true) {
    return within(new Promise((resolve) => {
        const off = hub.on(type, (one) => {
            if (!passes(one)) return;
            off();
            resolve(one);
        });
    }), `an event ${type} ${passes}`);
}

export const state = (hub, wanted) => event(hub, 'state', (one) => one.state === wanted);
export const said = (hub, content) => event(hub, 'message', (one) => one.content === content);

/* The texts of all messages heard so far. */
export const texts = (hub) => hub.heard.filter((one) => one.type === 'message').map((one) => one.content);

/* For assert.rejects: an error of the library with this code. */
export const code = (wanted) => (error) => error instanceof Hubbub.Error && error.code === wanted;

/* A WebSocket whose line breaks where a test wants it: `line.lose` looks at what is to be sent, `line.deafen`
 * at what comes; when they say so, it and all that follows are lost, and the line is cut. */
export function brittle() {
    const line = { lose: null, deafen: null, opened: 0 };
    line.WebSocket = class extends WebSocket {
        constructor(...args) {
            super(...args);
            line.opened++;
        }

        send(text) {
            if (!this.cut && line.lose && line.lose(JSON.parse(text))) this.#cut();
            if (!this.cut) super.send(text);
        }

        set onmessage(handler) {
            super.onmessage = (message) => {
                if (!this.cut && line.deafen && line.deafen(JSON.parse(message.data))) this.#cut();
                if (!this.cut) handler(message);
            };
        }

        #cut() {
            this.cut = true;
            line.lose = null;
            line.deafen = null;
            this.terminate();
        }
    };
    return line;
}

/*
 * A server that follows a script. greet(socket, nth) is called for the nth connection, which is welcomed unless
 * it returns false; act(request, socket, nth) for each request, and what it returns are the fields of the reply.
 * `requests` and `tokens` are what came.
 */
export async function scripted(t, { greet = () => {}, act = () => {} }) {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const cut = () => { for (const socket of server.clients) socket.terminate(); };
    t.after(() => {
        cut();
        server.close();
    });
    const script = { url: `ws://127.0.0.1:${server.address().port}/ws`, requests: [], tokens: [], cut };
    server.on('connection', (socket, request) => {
        script.tokens.push(new URL(request.url, script.url).searchParams.get('token'));
        const nth = script.tokens.length;
        socket.tell = (frame) => socket.send(JSON.stringify(frame));
        socket.welcome = (more) => socket.tell({
            type: 'welcome', session: 's', userId: 'u1', username: 'alice', limits: { maxMessage: 1000 }, ...more,
        });
        socket.on('message', (data) => {
            const frame = JSON.parse(data);
            script.requests.push(frame);
            const reply = act(frame, socket, nth);
            if (reply) socket.tell({ type: 'ok', id: frame.id, room: frame.room, ...reply });
        });
        if (greet(socket, nth) !== false) socket.welcome();
    });
    return script;
}

/*
 * A chat client for tests on the npm package `ws`: every frame goes into an inbox, and the test waits
 * for what it wants to see, with a deadline, never for a time.
 */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import WebSocket from 'ws';
import { deferred, within } from './wait.mjs';

let names = 0;
let ids = 0; // over all clients: an id means a message of its user, whatever the connection

/* Does the frame have all these fields with these values? A function may look at the whole. */
function fits(frame, wanted) {
    if (typeof wanted === 'function') return wanted(frame);
    return Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(frame[key], value));
}

export class Client {
    constructor(socket) {
        this.socket = socket;
        this.inbox = []; // frames nobody asked for yet
        this.waiting = [];
        this.opened = deferred();
        this.ended = deferred();
        socket.on('message', (data, binary) => this.#receive(binary ? { binary: data } : JSON.parse(data)));
        socket.on('open', () => this.opened.resolve());
        socket.on('unexpected-response', (request, reply) => {
            const error = new Error(`refused with ${reply.statusCode}`);
            this.opened.reject(Object.assign(error, { status: reply.statusCode, headers: reply.headers }));
            reply.resume();
            request.destroy();
        });
        socket.on('error', (error) => this.opened.reject(error));
        socket.on('close', (code, reason) => this.#close(code, reason.toString()));
        this.opened.promise.catch(() => {});
        this.ended.promise.catch(() => {});
    }

    #receive(frame) {
        const at = this.waiting.findIndex((one) => fits(frame, one.wanted));
        if (at < 0) this.inbox.push(frame);
        else this.waiting.splice(at, 1)[0].resolve(frame);
    }

    #close(code, reason) {
        this.ended.resolve({ code, reason });
        const error = new Error(`closed with ${code} ${reason} while waiting`);
        for (const one of this.waiting.splice(0)) one.reject(error);
    }

    /* The next frame that fits, from those that are here or the first that comes. */
    next(wanted, ms) {
        const at = this.inbox.findIndex((frame) => fits(frame, wanted));
        if (at >= 0) return Promise.resolve(this.inbox.splice(at, 1)[0]);
        const one = { wanted, ...deferred() };
        if (this.socket.readyState >= WebSocket.CLOSING) return Promise.reject(new Error('closed already'));
        this.waiting.push(one);
        const what = typeof wanted === 'function' ? String(wanted) : JSON.stringify(wanted);
        return within(one.promise, `${this.name}: ${what}, here is ${JSON.stringify(this.inbox.slice(-5))}`, ms);
    }

    /* All frames of this kind that are here; takes them. */
    take(wanted) {
        const taken = this.inbox.filter((frame) => fits(frame, wanted));
        this.inbox = this.inbox.filter((frame) => !fits(frame, wanted));
        return taken;
    }

    send(frame) {
        this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
    }

    /* Sends with an id and returns the reply to it, whatever it is. */
    request(type, fields = {}) {
        const id = `r${++ids}`;
        this.send({ type, id, ...fields });
        return this.next({ id });
    }

    /* The same, and it must succeed; or fail with this code. */
    async ok(type, fields) {
        const reply = await this.request(type, fields);
        assert.equal(reply.type, 'ok', `${type} ${JSON.stringify(fields)}: ${JSON.stringify(reply)}`);
        return reply;
    }

    async refused(code, type, fields) {
        const reply = await this.request(type, fields);
        assert.equal(reply.type, 'error', `${type} ${JSON.stringify(fields)}: ${JSON.stringify(reply)}`);
        assert.equal(reply.code, code, reply.message);
        assert.equal(typeof reply.message, 'string');
        return reply;
    }

    /* An `error` frame that answers no request. */
    async told(code) {
        const error = await this.next((frame) => frame.type === 'error' && frame.id === undefined);
        assert.equal(error.code, code, error.message);
        return error;
    }

    join(room, fields) { return this.ok('join', { room, stay: true, ...fields }); }

    /* What the hub sent us before now is here when this returns: a round trip through the hub. */
    async barrier() {
        const reply = await this.request('leave', { room: 'nobody is ever in here' });
        assert.equal(reply.code, 'not_in_room');
    }

    closed() { return within(this.ended.promise, `${this.name}: the close`); }

    async expectClose(code) {
        const end = await this.closed();
        assert.equal(end.code, code, `${this.name}: closed with ${end.code} ${end.reason}`);
        return end;
    }

    async close(code = 1000) {
        this.socket.close(code);
        return this.closed();
    }
}

/*
 * Connects and waits for the opening (full dialect: for the welcome, and to be in the room); cut off after the test.
 * With {opened: false} returns at once, with {welcomed: false} without the welcome. username null: none is
 * wished for. token: who one is, sent as `via` says.
 */
export async function connect(t, server, options = {}) {
    const {
        username = `user${++names}`, room, full = true, headers, target, token, via = 'header',
        opened = true, welcomed = full && !target?.startsWith('/echo'), ...rest
    } = options;
    const query = new URLSearchParams(Object.entries({
        username, room, ...(via === 'query' && { token }),
    }).filter(([, value]) => value !== undefined && value !== null));
    const url = server.ws(target ?? `/ws?${query}`);
    const client = new Client(new WebSocket(url, full ? ['hubbub.v1'] : [], {
        perMessageDeflate: false, headers: { ...bearing(token, via), ...headers }, ...rest,
    }));
    client.name = username ?? 'nameless';
    client.token = token;
    t.after(() => client.socket.terminate());
    if (!opened) return client;
    await within(client.opened.promise, `${client.name}: to be connected`);
    if (welcomed) {
        client.welcome = await client.next({ type: 'welcome' });
        client.token ??= client.welcome.token;
        if (room !== undefined) await client.barrier(); // it has entered, or been told why not
    }
    return client;
}

/* The header that carries a token. */
export function bearing(token, via = 'header') {
    if (token === undefined || via === 'query') return {};
    return via === 'cookie' ? { Cookie: `a=b; hubbub_session=${token}` } : { Authorization: `Bearer ${token}` };
}

/* One more connection of the same user: another tab, or the same person later. */
export function connectAgain(t, server, client, options) {
    return connect(t, server, { username: client.name, token: client.token, ...options });
}

/* Several at once, by name: const { alice, bob } = await people(t, server, 'alice', 'bob') */
export async function people(t, server, ...usernames) {
    const all = await Promise.all(usernames.map((username) => connect(t, server, { username })));
    return Object.fromEntries(usernames.map((username, i) => [username, all[i]]));
}

/* Connects and enters; returns the client with the reply of the join. */
export async function member(t, server, username, room, options) {
    const client = await connect(t, server, { username, ...options });
    client.joined = await client.join(room);
    await client.next({ type: 'join', room, username: client.welcome.username });
    return client;
}

export async function classicMember(t, server, username, room) {
    const client = await connect(t, server, { username, full: false });
    client.send({ type: 'join', room });
    await client.next({ type: 'join', room, username });
    return client;
}

/* The rooms somebody sees, as rows or by name. */
export const roomsOf = async (asker, fields) => (await asker.ok('rooms', fields)).rooms;
export const namesOf = async (asker) => (await roomsOf(asker)).map((row) => row.room).sort();

/* Somebody the server takes the call of only to say why not: the error, then this close. */
export async function turnedAway(t, server, close, code, options) {
    const client = await connect(t, server, { ...options, welcomed: false });
    const error = await client.next(() => true); // the first frame, no welcome before it
    assert.equal(error.type, 'error', JSON.stringify(error));
    assert.equal(error.code, code, error.message);
    await client.expectClose(close);
    assert.deepEqual(client.inbox, [], 'nothing but the error');
    return error;
}

/* Two members of one room still hear each other: what every abuse has to leave intact. */
export async function assertChats(a, b, room) {
    const content = `still here ${Math.random()}`;
    await a.ok('message', { room, content });
    for (const each of [a, b]) {
        const heard = await each.next({ type: 'message', room, content });
        assert.equal(heard.username, a.welcome.username);
    }
}

/* The status an upgrade is refused with. */
export async function refusal(t, server, options) {
    const client = await connect(t, server, { ...options, opened: false });
    try {
        await within(client.opened.promise, 'a refusal');
    } catch (error) {
        assert.ok(error.status, `want an HTTP refusal, got ${error.message}`);
        return error;
    }
    throw new Error('was let in');
}

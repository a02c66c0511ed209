/*
 * A peer that speaks WebSocket by hand over a bare socket (RFC 6455), and therefore can speak it wrong:
 * any header bit, any length, any piece of a frame, and silence.
 */
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { deferred, within } from './wait.mjs';

export const TEXT = 1, BINARY = 2, CONTINUATION = 0, CLOSE = 8, PING = 9, PONG = 10;

/* The bytes of one frame. `length` lies about the payload; mask null leaves it unmasked. */
export function frame(opcode, payload = '', { fin = true, rsv = 0, mask = randomBytes(4), length, form } = {}) {
    const body = Buffer.from(payload);
    const n = length ?? body.length;
    const size = form ?? (n < 126 ? 7 : n < 65536 ? 16 : 64);
    const head = Buffer.alloc(size === 7 ? 2 : size === 16 ? 4 : 10);
    head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
    head[1] = mask ? 0x80 : 0;
    if (size === 7) head[1] |= n;
    else if (size === 16) { head[1] |= 126; head.writeUInt16BE(n, 2); }
    else { head[1] |= 127; head.writeBigUInt64BE(BigInt(n), 2); }
    if (!mask) return Buffer.concat([head, body]);
    const masked = Buffer.from(body.map((byte, i) => byte ^ mask[i & 3]));
    return Buffer.concat([head, mask, masked]);
}

export function closePayload(code, reason = '') {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(code);
    return Buffer.concat([head, Buffer.from(reason)]);
}

export class RawPeer {
    constructor(socket) {
        this.socket = socket;
        this.bytes = Buffer.alloc(0); // not yet taken apart
        this.frames = [];
        this.change = deferred();
        this.answersPings = true;
        this.ended = false;
        this.framed = false;
        socket.on('data', (bytes) => {
            this.bytes = Buffer.concat([this.bytes, bytes]);
            if (this.framed) this.#parse();
            this.#changed();
        });
        socket.on('end', () => this.#end('end'));
        socket.on('error', (error) => this.#end(error.code));
        socket.on('close', () => this.#end('close'));
    }

    #end(how) {
        this.ended ||= how; // the first reason is the real one
        this.#changed();
    }

    #changed() {
        this.change.resolve();
        this.change = deferred();
    }

    async #until(check, what, ms) {
        const wait = async () => {
            for (;;) {
                const found = check();
                if (found) return found;
                if (this.ended) throw new Error(`connection is over (${this.ended}) while waiting for ${what}`);
                await this.change.promise;
            }
        };
        return within(wait(), what, ms);
    }

    #parse() {
        for (;;) {
            const b = this.bytes;
            if (b.length < 2) return;
            let at = 2, n = b[1] & 0x7f;
            if (n === 126) { if (b.length < 4) return; n = b.readUInt16BE(2); at = 4; }
            else if (n === 127) { if (b.length < 10) return; n = Number(b.readBigUInt64BE(2)); at = 10; }
            if (b.length < at + n) return;
            const one = {
                fin: b[0] >> 7 === 1, rsv: (b[0] >> 4) & 7, opcode: b[0] & 15,
                masked: b[1] >> 7 === 1, payload: b.subarray(at, at + n),
            };
            if (one.opcode === CLOSE && n >= 2) one.code = one.payload.readUInt16BE(0);
            this.bytes = b.subarray(at + n);
            if (one.opcode === PING && this.answersPings) this.send(PONG, one.payload);
            else this.frames.push(one);
        }
    }

    write(bytes) { this.socket.write(bytes); }
    send(opcode, payload, options) { this.write(frame(opcode, payload, options)); }
    sendJson(value) { this.send(TEXT, JSON.stringify(value)); }

    /* Upgrades; returns the head of the answer. */
    async handshake(target = '/ws', headers = {}) {
        const key = randomBytes(16).toString('base64');
        const all = {
            Host: 'localhost', Upgrade: 'websocket', Connection: 'Upgrade',
            'Sec-WebSocket-Key': key, 'Sec-WebSocket-Version': '13', ...headers,
        };
        const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
        this.write(`GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`);
        const head = await this.head();
        const accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
        if (head.status !== 101 || head.headers['sec-websocket-accept'] !== accept) {
            throw new Error(`no upgrade: ${head.text}`);
        }
        this.framed = true;
        this.#parse();
        return head;
    }

    /* The head of an HTTP answer. */
    async head(what = 'an HTTP answer') {
        const end = await this.#until(() => this.bytes.indexOf('\r\n\r\n') + 1, what) - 1;
        const text = this.bytes.subarray(0, end).toString('latin1');
        this.bytes = this.bytes.subarray(end + 4);
        const [first, ...lines] = text.split('\r\n');
        const headers = Object.fromEntries(lines.map((line) => {
            const colon = line.indexOf(':');
            return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }));
        return { status: Number(first.split(' ')[1]), headers, text };
    }

    /* The next frame, whatever it is; pings are answered and left out. */
    async next(what = 'a frame', ms) {
        await this.#until(() => this.frames.length > 0, what, ms);
        return this.frames.shift();
    }

    /* The next frame that satisfies the test; others before it are dropped. */
    async nextThat(test, what) {
        for (;;) {
            const one = await this.next(what);
            if (test(one)) return one;
        }
    }

    nextJson(wanted) {
        return this.nextThat((one) => {
            if (one.opcode !== TEXT) return false;
            const value = JSON.parse(one.payload.toString());
            return Object.entries(wanted).every(([key, v]) => value[key] === v);
        }, JSON.stringify(wanted)).then((one) => JSON.parse(one.payload.toString()));
    }

    /* The code the server closes with; other frames before it are dropped. */
    async closeCode(what = 'a close frame') {
        const one = await this.nextThat(({ opcode }) => opcode === CLOSE, what);
        return one.code;
    }

    /* The end of the connection: 'end', 'close' or an error such as 'ECONNRESET'. */
    async over(what = 'the connection to end', ms) {
        await within((async () => {
            while (!this.ended) await this.change.promise;
        })(), what, ms);
        return this.ended;
    }
}

/* A bare connection to the server, cut off after the test. */
export async function rawPeer(t, server, options = {}) {
    const socket = net.connect({ ...server.where, ...options });
    t.after(() => socket.destroy());
    socket.setNoDelay(true);
    const peer = new RawPeer(socket);
    const open = deferred();
    socket.once('connect', open.resolve);
    socket.once('error', open.reject);
    await within(open.promise, 'a TCP connection');
    return peer;
}

/* The same, already upgraded. */
export async function rawSocket(t, server, target, headers) {
    const peer = await rawPeer(t, server);
    peer.reply = await peer.handshake(target, headers);
    return peer;
}

/*
 * Files for tests: sending and fetching them as programs do, and small ones of every kind that counts.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { directory } from './log.mjs';

export const session = (client) => ({ Authorization: `Session ${client.welcome.session}` });

/* POST /files by the client's live session, or with other headers. */
export function upload(server, client, room, name, body, { headers = session(client), query = {} } = {}) {
    const target = `/files?${new URLSearchParams({ room, name, ...query })}`;
    return server.request(target, { method: 'POST', body, headers });
}

/* The same, and it must be taken. */
export async function share(server, client, room, name, body) {
    const answer = await upload(server, client, room, name, body);
    if (answer.status !== 200) throw new Error(`${name} was not taken: ${answer.status} ${answer.text}`);
    return answer.json().file;
}

export function download(server, client, file, { part = encodeURIComponent(file.name), headers = {}, method } = {}) {
    return server.request(`/files/${file.id}/${part}`, { method, headers: { ...(client && session(client)), ...headers } });
}

/* What is in the directory of the bytes, sorted. */
export function onDisk(server) {
    const where = path.join(directory(server), 'files');
    return existsSync(where) ? readdirSync(where).sort() : [];
}

/* ---- images -------------------------------------------------------------------------------------- */

/* CRC-32 as PNG has it (RFC 2083, appendix): zlib of older versions of node does not give it. */
function checksum(bytes) {
    if (crc32) return crc32(bytes);
    let crc = ~0;
    for (const byte of bytes) {
        crc ^= byte;
        for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xEDB88320 : crc >>> 1;
    }
    return ~crc >>> 0;
}

function chunk(type, data) {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(checksum(body), body.length + 4);
    return out;
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

function header(width, height) {
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB
    return chunk('IHDR', head);
}

/* Of lines, each with the number of its filter before the pixels. */
export const pngOf = (width, height, lines) => Buffer.concat([SIGNATURE, header(width, height),
    chunk('IDAT', deflateSync(lines, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);

/* An image with lines of two colours. */
export function png(width, height) {
    const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, 'ab\0')]);
    return pngOf(width, height, Buffer.concat(Array(height).fill(line)));
}

/* A few kilobytes that claim to be so many pixels, and unpack to `bytes` of zeros. */
export const bomb = (width, height, bytes) => pngOf(width, height, Buffer.alloc(bytes));

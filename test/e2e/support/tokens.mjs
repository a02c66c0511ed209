/*
 * An identity system of the test: signs JSON Web Tokens (RFC 7519) as another system would, well or badly.
 * The server gets only what it would get there: the public keys, or the shared secret, in a file.
 */
import { constants, createHmac, generateKeyPairSync, randomBytes, sign as signBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { folder } from './server.mjs';

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
export const now = () => Math.floor(Date.now() / 1000);

export const GUEST = /^g[0-9a-f]{16}$/; // the form of a guest's userId

/* The bytes of a signature of `text`; key: a KeyObject, or for HS* the secret. */
function signature(alg, text, key) {
    const hash = `sha${alg.slice(2)}`;
    switch (alg.slice(0, 2)) {
    case 'HS': return createHmac(hash, key).update(text).digest();
    case 'RS': return signBytes(hash, Buffer.from(text), { key, padding: constants.RSA_PKCS1_PADDING });
    case 'ES': return signBytes(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
    case 'Ed': return signBytes(null, Buffer.from(text), key);
    default: return Buffer.alloc(0); // none
    }
}

export function signToken(alg, key, claims, header = {}) {
    const text = `${encode({ alg, typ: 'JWT', ...header })}.${encode(claims)}`;
    return `${text}.${signature(alg, text, key).toString('base64url')}`;
}

function newKeys(alg) {
    switch (alg.slice(0, 2)) {
    case 'RS': return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'ES': return generateKeyPairSync('ec', { namedCurve: { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg] });
    case 'Ed': return generateKeyPairSync('ed25519');
    default: {
        const secret = randomBytes(64).toString('base64'); // text, as such files hold
        return { privateKey: secret, publicKey: secret };
    }
    }
}

/* A key of that system, its file for --auth-key, and tokens signed with it. */
export class Issuer {
    constructor(alg = 'HS256') {
        this.alg = alg;
        Object.assign(this, newKeys(alg));
        this.file = path.join(folder(), `${alg}.key`);
        writeFileSync(this.file, this.publicText());
    }

    publicText() {
        return this.alg.startsWith('HS') ? this.publicKey : this.publicKey.export({ type: 'spki', format: 'pem' });
    }

    get args() { return ['--auth-alg', this.alg, '--auth-key', this.file]; }

    /* The token of a user for the next hour; claims that are undefined are left out. */
    token(sub, claims = {}, header) {
        return signToken(this.alg, this.privateKey, { sub, exp: now() + 3600, ...claims }, header);
    }

    /* The key as a member of a JWK set (RFC 7517). */
    jwk(kid) {
        const key = this.alg.startsWith('HS')
            ? { kty: 'oct', k: Buffer.from(this.publicKey).toString('base64url') }
            : this.publicKey.export({ format: 'jwk' });
        return { ...key, kid, use: 'sig', alg: this.alg };
    }
}

/*
 * Tokens of other systems and everything that can be wrong with them, what they open, how they end, and those
 * that hubbub token makes.
 */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connect, connectAgain, turnedAway } from './support/client.mjs';
import { folder, runToEnd, startAgain, startServer } from './support/server.mjs';
import { GUEST, Issuer, now, signToken } from './support/tokens.mjs';
import { until } from './support/wait.mjs';

/* Tokens of other systems */

for (const alg of ['HS256', 'HS384', 'HS512', 'RS256', 'ES256']) {
    test(`an identity of another system, ${alg}`, async (t) => {
        const issuer = new Issuer(alg);
        const server = await startServer(t, issuer.args);
        const exp = now() + 3600;
        for (const via of ['header', 'cookie', 'query']) {
            const alice = await connect(t, server, {
                token: issuer.token('id-of-alice', { name: 'alice', exp }), via, username: 'whoever',
            });
            const { welcome } = alice;
            assert.equal(welcome.userId, 'id-of-alice');
            assert.equal(welcome.username, 'alice', 'the name is the other system’s to say');
            assert.equal(welcome.auth, 'token');
            assert.equal(welcome.token, undefined, 'there is one already');
            assert.equal(welcome.tokenExpires, exp * 1000);
            await alice.close();
        }
        const unnamed = await connect(t, server, { token: issuer.token('just an id', { exp: undefined }), username: null });
        assert.equal(unnamed.welcome.username, 'just an id');
        assert.equal(unnamed.welcome.tokenExpires, undefined);
        await turnedAway(t, server, 4001, 'not_authenticated', { token: new Issuer(alg).token('mallory') });
    });
}

test('EdDSA works or is refused in one clear line', async (t) => {
    const issuer = new Issuer('EdDSA');
    const tried = await runToEnd(['--port', '0', '--store', 'memory', ...issuer.args, '--check']);
    if (tried.code !== 0) { // libjwt of Debian 12
        assert.equal(tried.code, 2);
        assert.match(tried.stderr, /^hubbub: --auth-alg: 'EdDSA': .+\n$/);
        return;
    }
    const server = await startServer(t, issuer.args);
    assert.equal((await connect(t, server, { token: issuer.token('alice') })).welcome.userId, 'alice');
});

test('both kinds together, each on its own, and neither takes the other’s place', async (t) => {
    const issuer = new Issuer();
    const token = issuer.token('alice');
    const both = await startServer(t, [...issuer.args, '--auth', 'both']);
    const guest = await connect(t, both, { username: 'bob' });
    assert.match(guest.welcome.userId, GUEST);
    assert.equal((await connect(t, both, { token })).welcome.userId, 'alice');

    const guests = await startServer(t, ['--auth', 'guest']);
    const carol = await connect(t, guests, { username: 'carol' });
    assert.equal((await connectAgain(t, guests, carol)).welcome.userId, carol.welcome.userId);
    await turnedAway(t, guests, 4001, 'not_authenticated', { token });

    const data = folder();
    const strict = ['--data', data, ...issuer.args];
    const before = await startServer(t, [...strict, '--no-rate-limits']);
    const dave = await connect(t, before, { username: 'dave' });
    await before.stop();
    const tokens = await startServer(t, [...strict, '--auth', 'token']);
    assert.equal((await connect(t, tokens, { token })).welcome.userId, 'alice');
    await turnedAway(t, tokens, 4001, 'not_authenticated', { username: 'erin' });
    await turnedAway(t, tokens, 4001, 'not_authenticated', { token: dave.token });
    await turnedAway(t, tokens, 4001, 'not_authenticated', { username: 'erin', full: false });
    await tokens.metricUntil('hubbub_auth_failed_total', (n) => n === 3, 'three');
});

test('forged, broken and foreign tokens', async (t) => {
    const issuer = new Issuer('RS256');
    const server = await startServer(t, [...issuer.args, '--auth-issuer', 'https://id.example', '--auth-audience', 'chat']);
    const good = { iss: 'https://id.example', aud: 'chat' };
    const token = (claims, header) => issuer.token('alice', { ...good, ...claims }, header);
    assert.equal((await connect(t, server, { token: token({}) })).welcome.userId, 'alice');
    assert.equal((await connect(t, server, { token: token({ aud: ['mail', 'chat'] }) })).welcome.userId, 'alice');
    assert.equal((await connect(t, server, { token: token({ nbf: now() - 5 }) })).welcome.userId, 'alice');

    const claims = { sub: 'alice', exp: now() + 3600, ...good };
    const [head, body, signature] = token({}).split('.');
    const elliptic = new Issuer('ES256');
    const bad = {
        'alg none': signToken('none', null, claims),
        'alg None': signToken('None', null, claims),
        'alg none with the signature left in': `${signToken('none', null, claims)}${signature}`,
        'no signature': `${head}.${body}.`,
        'no signature at all': `${head}.${body}`,
        'the public key as a secret': signToken('HS256', issuer.publicText(), claims),
        'the public key, called RS256': signToken('HS256', issuer.publicText(), claims, { alg: 'RS256' }),
        'another algorithm': signToken('RS512', issuer.privateKey, claims),
        'a key of another kind': signToken('ES256', elliptic.privateKey, claims),
        'somebody else’s key': signToken('RS256', new Issuer('RS256').privateKey, claims),
        'other claims under the signature': `${head}.${Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url')}.${signature}`,
        'a wrong issuer': token({ iss: 'https://evil.example' }),
        'no issuer': token({ iss: undefined }),
        'a wrong audience': token({ aud: 'mail' }),
        'audiences without ours': token({ aud: ['mail', 'chat2'] }),
        'no audience': token({ aud: undefined }),
        'not yet valid': token({ nbf: now() + 3600 }),
        'nobody': token({ sub: undefined }),
        'an empty sub': token({ sub: '' }),
        'a sub that is a number': token({ sub: 7 }),
        'a sub that is no name': token({ sub: 'a\u0007b' }),
        'a sub too long': token({ sub: 'x'.repeat(65) }),
        'a sub in the form of guests': token({ sub: 'g0123456789abcdef' }),
        'rooms that are none': token({ rooms: 'lobby' }),
        'a role that is none': token({ rooms: { lobby: 'emperor' } }),
        'nonsense': 'nonsense', 'dots': '...', 'no JSON': 'YQ.YQ.YQ', 'very long': 'x'.repeat(3000),
    };
    for (const [what, token] of Object.entries(bad)) {
        await t.test(what, (t) => turnedAway(t, server, 4001, 'not_authenticated', { token }));
    }
    await t.test('expired', async (t) => {
        const error = await turnedAway(t, server, 4001, 'token_expired', { token: token({ exp: now() - 60 }) });
        assert.equal(error.retryAfter, undefined);
        await turnedAway(t, server, 4001, 'token_expired', { token: token({ exp: now() - 60 }), full: false });
    });
    await t.test('a bad token is not a guest', (t) => turnedAway(t, server, 4001, 'not_authenticated', {
        username: 'alice', token: 'nonsense', via: 'cookie',
    }));
    assert.ok(await server.metric('hubbub_auth_failed_total') >= Object.keys(bad).length);
});

test('keys by kid: a set is read again on SIGHUP, the previous key counts while it is listed', async (t) => {
    const [old, next, other] = [new Issuer('ES256'), new Issuer('ES256'), new Issuer('ES256')];
    const file = path.join(folder(), 'jwks.json');
    const publish = (...keys) => writeFileSync(file, JSON.stringify({ keys }));
    publish(old.jwk('2026-1'));
    const server = await startServer(t, ['--auth-alg', 'ES256', '--auth-jwks', file]);
    const enters = (issuer, kid) => connect(t, server, { token: issuer.token('alice', {}, { kid }) })
        .then((client) => client.close()).then(() => true, () => false);
    assert.ok(await enters(old, '2026-1'));
    assert.ok(!await enters(next, '2026-2'), 'not published yet');

    publish(old.jwk('2026-1'), next.jwk('2026-2'));
    server.signal('SIGHUP');
    await until(() => enters(next, '2026-2'), 'the new key');
    assert.ok(await enters(old, '2026-1'), 'both meanwhile');
    assert.ok(!await enters(next, '2026-1'), 'the kid says which key');
    assert.ok(!await enters(other, '2026-2'));

    publish(next.jwk('2026-2'));
    server.signal('SIGHUP');
    await until(async () => !await enters(old, '2026-1'), 'the old key to be gone');
    assert.ok(await enters(next, '2026-2'));

    writeFileSync(file, '{"keys":'); // a bad file is complained of, and all stays as it was
    const before = server.stderr.length;
    server.signal('SIGHUP');
    await until(() => /level=error|level=warn/.test(server.stderr.slice(before)), 'a complaint');
    assert.ok(await enters(next, '2026-2'));
});

test('two key files: the previous one is listed as well', async (t) => {
    const [old, next] = [new Issuer('RS256'), new Issuer('RS256')];
    const server = await startServer(t, ['--auth-alg', 'RS256', '--auth-key', old.file, '--auth-key', next.file]);
    for (const issuer of [old, next]) {
        assert.equal((await connect(t, server, { token: issuer.token('alice') })).welcome.userId, 'alice');
    }
});

test('a key that cannot be read, or does not fit, ends the start in one line', async () => {
    const issuer = new Issuer('RS256');
    for (const [code, complaint, ...args] of [
        [1, '/nowhere/at/all.pem', '--auth-alg', 'RS256', '--auth-key', '/nowhere/at/all.pem'],
        [1, `${issuer.file}: ES256`, '--auth-alg', 'ES256', '--auth-key', issuer.file],
        [2, "--auth-alg: 'none'", '--auth-alg', 'none', '--auth-key', issuer.file],
        [1, `${issuer.file} is not a JSON Web Key set`, '--auth-alg', 'ES256', '--auth-jwks', issuer.file],
    ]) {
        const end = await runToEnd(['--port', '0', '--store', 'memory', ...args]);
        assert.equal(end.code, code, end.stderr);
        assert.ok(end.stderr.includes(complaint), end.stderr);
        assert.equal(end.stderr.split('\n').filter((line) => !/level=info/.test(line)).length, 2, end.stderr);
    }
});

test('of a secret that others may read the log tells once', async (t) => {
    const issuer = new Issuer();
    const told = (text) => text.split('\n').filter((line) => line.includes('everybody on this machine may read')).length;
    for (const [mode, times] of [[0o644, 1], [0o600, 0]]) {
        chmodSync(issuer.file, mode);
        const args = ['--data', path.join(folder(), 'data'), ...issuer.args];
        assert.equal(told((await runToEnd(['--check', '--port', '0', ...args])).stderr), times);
        const first = await startServer(t, args);
        await first.stop();
        assert.equal(told(first.stderr), times, 'with a directory that is made');
        const next = await startAgain(t, first);
        await next.stop();
        assert.equal(told(next.stderr), times, 'with one that is there');
    }
});

/* What a token opens */

test('the claim rooms says which, and with what role at least', async (t) => {
    const issuer = new Issuer();
    const server = await startServer(t, issuer.args);
    const alice = await connect(t, server, { token: issuer.token('alice', { rooms: ['lobby', 'x'] }) });
    await alice.join('lobby');
    await alice.join('x');
    await alice.refused('forbidden', 'join', { room: 'elsewhere', stay: true });

    const bob = await connect(t, server, {
        token: issuer.token('bob', { rooms: { lobby: 'moderator', '*': 'member', hall: 'owner' } }),
    });
    assert.equal((await bob.join('lobby')).role, 'moderator');
    const carol = await connect(t, server, { username: 'carol' });
    assert.equal((await carol.join('lobby')).role, 'guest');
    await bob.ok('mute', { room: 'lobby', user: 'carol' });
    await carol.join('hall');
    assert.equal((await bob.join('hall')).role, 'admin', 'owners are not made by token');
    await carol.join('any');
    assert.equal((await bob.join('any')).role, 'member');
    await alice.ok('members', { room: 'lobby' });
    await alice.refused('not_member', 'members', { room: 'any' });
});

test('a token may open a restricted room that its bearer is no member of', async (t) => {
    const issuer = new Issuer();
    const server = await startServer(t, issuer.args);
    const alice = await connect(t, server, { username: 'alice' });
    await alice.ok('create', { room: 'club', visibility: 'restricted' });
    const bob = await connect(t, server, { token: issuer.token('bob', { rooms: { club: 'member' } }) });
    assert.equal((await bob.join('club')).role, 'member');
    const carol = await connect(t, server, { token: issuer.token('carol', {}) });
    await carol.refused('invite_required', 'join', { room: 'club' });
});

/* The end of a token */

test('a token about to expire is announced, and renewed or the connection closed', async (t) => {
    const issuer = new Issuer();
    const server = await startServer(t, issuer.args);
    const exp = now() + 5;
    const alice = await connect(t, server, { token: issuer.token('alice', { exp }) });
    const bob = await connect(t, server, { token: issuer.token('bob', { exp }) });
    const small = await connect(t, server, { token: issuer.token('carol', { exp }), full: false });
    for (const each of [alice, bob]) {
        const warning = await each.next({ type: 'auth' });
        assert.equal(warning.expires, exp * 1000);
        assert.ok(Number.isInteger(warning.in) && warning.in >= 0 && warning.in <= 30, `${warning.in}`);
    }
    await alice.refused('forbidden', 'auth', { token: issuer.token('bob') });
    await alice.refused('not_authenticated', 'auth', { token: 'nonsense' });
    await alice.refused('not_authenticated', 'auth', { token: new Issuer().token('alice') });
    await alice.refused('token_expired', 'auth', { token: issuer.token('alice', { exp: now() - 60 }) });
    await alice.refused('bad_request', 'auth');
    const later = now() + 3600;
    const renewed = await alice.ok('auth', { token: issuer.token('alice', { exp: later }) });
    assert.equal(renewed.userId, 'alice');
    assert.equal(renewed.expires, later * 1000);

    assert.equal((await bob.expectClose(4001)).reason, 'token_expired');
    await small.expectClose(4001);
    assert.deepEqual(small.take({ type: 'auth' }), []);
    await alice.join('lobby'); // whose first token has expired by now, too
    assert.deepEqual(alice.take({ type: 'auth' }), [], 'warned once');
});

test('a token without end may take the place of one with', async (t) => {
    const issuer = new Issuer();
    const server = await startServer(t, issuer.args);
    const exp = now() + 5;
    const alice = await connect(t, server, { token: issuer.token('alice', { exp }) });
    const reply = await alice.ok('auth', { token: issuer.token('alice', { exp: undefined }) });
    assert.equal(reply.expires, undefined);
    const second = await connect(t, server, { token: issuer.token('alice', { exp }) });
    await second.expectClose(4001);
    await alice.join('lobby');
});

/* hubbub token */

test('hubbub token makes one, signed with the server’s own key', async (t) => {
    const data = folder();
    const server = await startServer(t, ['--data', data, '--no-rate-limits', '--auth', 'token']);
    const make = async (...args) => {
        const end = await runToEnd(['token', '--data', data, ...args]);
        assert.equal(end.code, 0, end.stderr);
        assert.match(end.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
        return end.stdout.trim();
    };
    const alice = await connect(t, server, { token: await make('--user', 'alice', '--name', 'Alice B.') });
    assert.equal(alice.welcome.userId, 'alice');
    assert.equal(alice.welcome.username, 'Alice B.');
    assert.equal(alice.welcome.auth, 'token');
    await alice.join('anywhere');

    const before = Date.now();
    const bob = await connect(t, server, {
        token: await make('--user', 'bob', '--room', 'lobby', '--room', 'anywhere:moderator', '--expires', '1h'), username: null,
    });
    assert.equal(bob.welcome.username, 'bob');
    assert.ok(Math.abs(bob.welcome.tokenExpires - before - 3_600_000) < 120_000, `${bob.welcome.tokenExpires}`);
    assert.equal((await bob.join('anywhere')).role, 'moderator');
    await bob.join('lobby');
    await bob.refused('forbidden', 'join', { room: 'elsewhere', stay: true });

    for (const args of [[], ['--user', ''], ['--user', 'x'.repeat(65)], ['--user', 'a', '--room', 'b:emperor'], ['--user', 'a', '--expires', 'soon']]) {
        const end = await runToEnd(['token', '--data', data, ...args]);
        assert.notEqual(end.code, 0, args.join(' '));
        assert.equal(end.stdout, '');
        assert.equal(end.stderr.trim().split('\n').length, 1, end.stderr);
    }
});

test('the server’s own key is nobody else’s to read', async (t) => {
    const data = path.join(folder(), 'data');
    const server = await startServer(t, ['--data', data]);
    assert.equal(statSync(data).mode & 0o777, 0o700);
    const keys = readdirSync(data).filter((name) => /key/.test(name));
    assert.equal(keys.length, 1, readdirSync(data).join());
    assert.equal(statSync(path.join(data, keys[0])).mode & 0o777, 0o600);
    const alice = await connect(t, server, { username: 'alice' });
    await server.stop();
    const next = await startServer(t, ['--data', data]);
    assert.equal((await connectAgain(t, next, alice)).welcome.userId, alice.welcome.userId, 'the key was kept');
});

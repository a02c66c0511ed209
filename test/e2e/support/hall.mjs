/*
 * A server with an operator and a room that is run, the hall, with people of every rank in it: for tests of who
 * may do what there, and of what comes of it.
 */
import assert from 'node:assert/strict';
import { connect } from './client.mjs';
import { startServer } from './server.mjs';
import { Issuer } from './tokens.mjs';
import { until } from './wait.mjs';

/* A server with an operator called root, and users with identities of another system: their userIds are
 * their names. */
export async function run(t, args = []) {
    const issuer = new Issuer();
    const server = await startServer(t, [...issuer.args, '--admin', 'root', ...args]);
    const enter = (username, options) => connect(t, server, { username, token: issuer.token(username), ...options });
    return { server, enter, root: await enter('root'), issuer };
}

/* The hall: a kept room of alice's, and these people in it with these ranks. */
export async function hall(t, ranks = {}, args = []) {
    const all = await run(t, args);
    all.alice = await all.enter('alice');
    await all.alice.ok('create', { room: 'hall' });
    await all.alice.join('hall');
    for (const [name, role] of Object.entries(ranks)) {
        all[name] = await all.enter(name);
        if (role !== 'guest') await all.alice.ok('role', { room: 'hall', user: name, role });
        assert.equal((await all[name].join('hall')).role, role);
    }
    return all;
}

export const talks = (one, room = 'hall') => one.ok('message', { room, content: 'hello' });
export const talksAgain = (one, room = 'hall') =>
    until(async () => (await one.request('message', { room, content: 'hello' })).type === 'ok', `${one.name} to be heard`);
export const reasons = async (one, room = 'hall') => (await one.ok('why', { room })).reasons;
export const rules = async (one, room) => (await reasons(one, room)).map((reason) => reason.rule);

/*
 * One connection of the model-based test, which comes back as the same user again and again. What comes goes to its views
 * at once and in order, the replies among it: before anything that was sent after them.
 */
import assert from 'node:assert/strict';
import { View } from './model.mjs';

export class Tab {
    constructor(world, user, n) {
        Object.assign(this, { world, user, name: `${user} ${n}`, views: new Map(), inside: new Set(), slow: 0 });
        this.again = new Set(); // lines that are said again in this round
        for (const room of world.rooms) this.views.set(room.name, new View(room, world.userIds[user]));
        this.asked = new Map(); // what to do with a reply, by id: at once, before what comes after it
    }

    get online() { return this.client?.socket.readyState === 1; }

    async connect() {
        const { world } = this;
        const client = await world.connect(this.user).catch((error) => {
            if (!world.falling) throw error;
        });
        if (client === undefined) return;
        this.client = client;
        client.socket.on('message', (bytes) => this.#take(JSON.parse(bytes)));
        client.socket.on('close', (code) => {
            if (this.client === client) this.over();
            if (!world.falling) world.note(`${this.name} is closed with ${code}`);
            if (code === 4013) world.dropped++;
        });
        this.slow = 0;
    }

    #take(frame) {
        if (frame.type === 'ok') this.asked.get(frame.id)?.(frame);
        this.asked.delete(frame.id);
        const view = this.views.get(frame.room);
        if (view?.inside) view.take(frame);
        if (frame.type === 'gap') this.world.gaps++;
    }

    over() {
        this.inside.clear();
        for (const view of this.views.values()) if (view.inside) view.leave();
    }

    hangUp() {
        this.over();
        this.client.socket.terminate();
    }

    /* The reply; undefined when the line breaks before it comes. */
    async ask(type, fields, id = this.world.id()) {
        if (!this.online) return undefined;
        const { client } = this;
        client.send({ type, id, ...fields });
        return client.next({ id }).catch((error) => {
            if (/closed/.test(error.message)) return undefined;
            throw error;
        });
    }

    async join(room, fields, good) {
        const id = this.world.id();
        this.asked.set(id, (reply) => this.views.get(room.name).joined(reply, fields, good));
        this.inside.add(room.name);
        const reply = await this.ask('join', { room: room.name, stay: true, ...fields }, id);
        if (reply !== undefined) assert.equal(reply.type, 'ok', JSON.stringify(reply));
    }

    async page(room, place) {
        const id = this.world.id();
        this.asked.set(id, (reply) => this.views.get(room.name).page(reply, place));
        const reply = await this.ask('history', { room: room.name, ...place }, id);
        if (reply !== undefined) assert.equal(reply.type, 'ok', JSON.stringify(reply));
        return reply;
    }

    async leave(room) {
        this.inside.delete(room.name);
        const reply = await this.ask('leave', { room: room.name });
        if (reply !== undefined) assert.equal(reply.type, 'ok', JSON.stringify(reply));
        const view = this.views.get(room.name);
        if (view.inside) view.leave();
    }

    read() {
        this.slow = 0;
        this.client.socket.resume();
    }

    stopReading(rounds) {
        if (!this.online) return;
        this.slow = rounds;
        this.client.socket.pause();
    }
}

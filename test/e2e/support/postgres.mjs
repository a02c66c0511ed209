/*
 * A PostgreSQL server of a test's own: in a temporary directory, on a socket there, gone when the test program ends.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from './wait.mjs';

function programs() {
    const root = '/usr/lib/postgresql';
    const versions = readdirSync(root).sort((a, b) => b - a);
    assert.ok(versions.length > 0, 'PostgreSQL is installed');
    return path.join(root, versions[0], 'bin');
}

/* It refuses to run as root: then by its own user, or nobody. */
function owner() {
    if (process.getuid() !== 0) return {};
    for (const name of ['postgres', 'nobody']) {
        try {
            const id = (flag) => Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
            return { uid: id('-u'), gid: id('-g') };
        } catch { /* there is no such user */ }
    }
    throw new Error('neither postgres nor nobody is a user');
}

class Postgres {
    constructor() {
        this.directory = mkdtempSync(path.join(tmpdir(), 'hubbub-pg-'));
        this.as = owner();
        this.bin = programs();
        chmodSync(this.directory, 0o755);
        if (this.as.uid !== undefined) chownSync(this.directory, this.as.uid, this.as.gid);
        this.options = { ...this.as, cwd: this.directory, stdio: 'ignore' };
        execFileSync(path.join(this.bin, 'initdb'), ['--no-sync', '--auth=trust', '--username=hubbub', '--encoding=UTF8', '--locale=C', '-D', 'data'], this.options);
        process.once('exit', () => {
            this.child?.kill('SIGQUIT');
            rmSync(this.directory, { recursive: true, force: true });
        });
    }

    url(database = 'postgres', user = 'hubbub') {
        return `postgres://${user}@/${database}?host=${encodeURIComponent(this.directory)}`;
    }

    /* Nothing when it runs already. */
    async start() {
        if (this.child) return;
        const args = ['-D', 'data', '-k', this.directory, '-h', '', '-c', 'fsync=off'];
        this.child = spawn(path.join(this.bin, 'postgres'), args, this.options);
        await until(() => this.answers(), 'PostgreSQL to be there', 60_000);
    }

    answers() {
        try {
            this.ask('SELECT 1');
            return true;
        } catch {
            return false;
        }
    }

    /* At once, as in a crash. */
    async kill() {
        const child = this.child;
        this.child = undefined;
        if (!child) return;
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGQUIT');
        await gone;
    }

    /* A copy of a database, by its address, made and put back by PostgreSQL's own programs. */
    copy(from, to) {
        const file = path.join(this.directory, 'copy.dump');
        execFileSync(path.join(this.bin, 'pg_dump'), ['--format', 'custom', '--file', file, from], this.options);
        execFileSync(path.join(this.bin, 'pg_restore'), ['--no-owner', '--dbname', to, file], this.options);
    }

    /* What a query gives, as text. */
    ask(sql, database) {
        return execFileSync(path.join(this.bin, 'psql'), ['-XAtq', '-c', sql, this.url(database)], { ...this.options, stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim();
    }
}

/* The address of a new database on a server that all tests of a program share. */
let shared, databases = 0;
export async function newDatabase() {
    shared ??= (async () => {
        const postgres = new Postgres();
        await postgres.start();
        postgres.child.unref();
        return postgres;
    })();
    const postgres = await shared, name = `d${++databases}`;
    postgres.ask(`CREATE DATABASE ${name}`);
    return postgres.url(name);
}

/* Arguments of a server that keeps its data in one of both, in a database of its own. */
export const STORES = ['sqlite', 'postgres'];
export const kept = async (store) => (store === 'postgres' ? ['--store', await newDatabase()] : []);

export const copyDatabase = async (from, to) => (await shared).copy(from, to);

/* One that runs, stopped after the test. */
export async function startPostgres(t) {
    const postgres = new Postgres();
    t.after(() => postgres.kill());
    await postgres.start();
    return postgres;
}

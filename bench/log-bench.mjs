// What keeping the messages costs: fan-out with and without the disk, confirmed messages beside SQLite alone,
// joins with and without what was said before, everybody coming back at once, and memory. Starts its own
// servers, on data directories on the disk it is told; several rounds interleaved; prints a Markdown table of
// the medians.
//
//   node bench/log-bench.mjs [--rounds 3] [--duration 3] [--only fanout,acked,joins,return,memory,disk]
//                            [--connections 10000] [--on DIR] [--built build/release] [--json FILE]
//
// --on is where the data is put: a directory on the disk to be measured, by default the current one.
// Exit code 1 when a run of hubbub failed its verification.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { cpus, release } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: opt } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    duration: { type: 'string', default: '3' },
    only: { type: 'string', default: 'fanout,acked,joins,return,memory,disk' },
    connections: { type: 'string', default: '10000' },
    on: { type: 'string', default: '.' },
    built: { type: 'string', default: join(root, 'build/release') },
    json: { type: 'string' },
  },
});
const program = name => join(resolve(opt.built), name);
const ROUNDS = Number(opt.rounds), MIB = 1024 * 1024;
const ROOMS_IN_MEMORY = 20000, MESSAGES_IN_MEMORY = 16, ROOMS_ON_DISK = 100000, MESSAGES_ON_DISK = 10;

// ---- servers and what loads them -------------------------------------------------------------------

const data = mkdtempSync(join(resolve(opt.on), 'log-bench-'));
const children = new Set();
process.on('exit', () => {
  children.forEach(child => child.kill('SIGKILL'));
  rmSync(data, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

let directories = 0;
const fresh = () => join(data, String(++directories));

const freePort = () => new Promise((resolve, reject) => {
  const s = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = s.address();
    s.close(() => resolve(port));
  });
});

const answers = port => new Promise(resolve => {
  get({ port, host: '127.0.0.1', path: '/readyz', agent: false }, reply => {
    reply.resume();
    resolve(reply.statusCode === 200);
  }).on('error', () => resolve(false));
});

async function serve(args, act) {
  const port = await freePort();
  const child = spawn(program('hubbub'), ['--port', String(port), '--log-level', 'warn', '--no-rate-limits', '--drain', '0', ...args],
    { stdio: ['ignore', 'ignore', 'inherit'] });
  children.add(child);
  let over = false;
  const end = new Promise(resolve => child.on('exit', () => { over = true; resolve(); }));
  const began = performance.now();
  while (!await answers(port)) {
    if (over || performance.now() - began > 60000) throw new Error('the server does not start');
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  try {
    return await act({ port, pid: child.pid, startMs: performance.now() - began });
  } finally {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 20000);
    await end;
    clearTimeout(late);
    children.delete(child);
  }
}

const stored = (sync, ...more) => sync === 'memory' ? ['--store', 'memory', ...more] : ['--data', fresh(), '--sync', sync, ...more];

function load({ port, pid }, ...args) {
  const file = join(data, 'load.json');
  rmSync(file, { force: true });
  const child = spawn(program('hubbub-bench'), ['--port', String(port), '--server-pid', String(pid), '--quiet', '--json', file,
    '--duration', opt.duration, ...args.map(String)], { stdio: ['ignore', 'ignore', 'pipe'] });
  children.add(child);
  let said = '';
  child.stderr.on('data', bytes => { said += bytes; });
  return new Promise((resolve, reject) => child.on('exit', () => {
    children.delete(child);
    if (!existsSync(file)) return reject(new Error(said.trim() || 'the load was killed'));
    const result = JSON.parse(readFileSync(file, 'utf8'));
    if (!result.ok) {
      console.error(`log-bench: ${args.join(' ')}: ${said.trim()}`);
      process.exitCode = 1;
    }
    resolve(result);
  }));
}

function alone(batch) {
  const where = fresh();
  mkdirSync(where);
  const { stdout, stderr, status, error } = spawnSync(program('bench/log-store'), ['sqlite', where, String(batch), opt.duration, 'full']);
  rmSync(where, { recursive: true });
  if (error) throw new Error(`${error.message}: make bench-log builds it`);
  if (status !== 0) throw new Error(stderr.toString());
  return JSON.parse(stdout).rows_per_s;
}

const resident = pid => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

// ---- the table -------------------------------------------------------------------------------------

const median = list => {
  const s = [...list].sort((a, b) => a - b);
  return (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2;
};
const rows = [];
const print = (what, ...cells) => {
  rows.push([what, ...cells]);
  console.log(`| ${[what, ...cells].join(' | ')} |`);
};
const section = (...heads) => {
  console.log(`\n| ${heads.join(' | ')} |\n|${heads.map((_, i) => (i ? '--:|' : '---|')).join('')}`);
};
const per = (a, b) => (a / b).toFixed(2);
const thousands = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ' ');

// Each of the ways in turn, round after round: {way: [results]}.
async function interleaved(ways, measure) {
  const all = Object.fromEntries(ways.map(way => [way, []]));
  for (let round = 0; round < ROUNDS; round++) for (const way of ways) all[way].push(await measure(way));
  return all;
}

// ---- what is measured ------------------------------------------------------------------------------

async function fanout() {
  section('fan-out, messages of 128 bytes', 'memory', 'sync normal', 'sync full', 'normal / memory', 'full / memory');
  const loads = [
    ['one room of 100, 32 in flight', '--members', 100, '--window', 32],
    ['one room of 1 000, 32 in flight', '--members', 1000, '--window', 32],
    ['one room of 100, 5 000 messages/s', '--members', 100, '--rate', 5000],
  ];
  for (const [title, ...args] of loads) {
    const all = await interleaved(['memory', 'normal', 'full'], sync => serve(stored(sync, '--max-per-room', '2000'),
      server => load(server, '--scenario', 'fanout', ...args)));
    for (const [key, figure] of [['deliveries_per_s', 'deliveries/s'], ['p99_ms', 'p99 ms']]) {
      const [memory, normal, full] = Object.values(all).map(results => median(results.map(one => one[key])));
      const show = key === 'p99_ms' ? n => n.toFixed(2) : thousands;
      print(`${title}: ${figure}`, show(memory), show(normal), show(full), per(normal, memory), per(full, memory));
    }
  }
}

async function acked() {
  section('confirmed messages/s, sync full', 'hubbub', 'SQLite alone', 'hubbub / SQLite', 'p50 ms', 'p99 ms');
  for (const window of [1, 16, 128, 1024]) {
    const all = await interleaved(['hubbub', 'alone'], way => way === 'alone' ? alone(window)
      : serve(stored('full'), server => load(server, '--scenario', 'acked', '--window', window)));
    const here = median(all.hubbub.map(one => one.acked_per_s)), there = median(all.alone);
    print(`${window} under way; ${window} in a transaction`, thousands(here), thousands(there), per(here, there),
      ...['p50_ms', 'p99_ms'].map(key => median(all.hubbub.map(one => one[key])).toFixed(2)));
  }
}

async function joins() {
  section('joins, 500 a second, from memory', 'without history', 'with 50 messages', 'ratio');
  const all = [];
  for (let round = 0; round < ROUNDS; round++) all.push(await serve(stored('full'), server => load(server, '--scenario', 'joins')));
  for (const p of ['p50', 'p99']) {
    const [plain, with50] = ['join', 'join_50'].map(key => median(all.map(one => one[`${key}_${p}_ms`])));
    print(`${p}, ms`, plain.toFixed(3), with50.toFixed(3), per(with50, plain));
  }
}

async function comingBack() {
  const n = Number(opt.connections), members = Math.ceil(n / 100);
  const one = await serve(stored('full', '--max-connections', String(n + 100), '--max-per-room', '20000'),
    server => load(server, '--scenario', 'return', '--connections', n, '--members', members, '--drain', 60));
  section(`${thousands(n - one.rooms)} of ${thousands(n)} clients in ${one.rooms} rooms come back at once, 20 messages missed by each`, '');
  print('all are in after, s', one.joined_s.toFixed(2));
  print('all are whole after, s', one.whole_s.toFixed(2));
  print('messages verified, each once and in order', thousands(one.delivered));
  print('lost, twice, out of order, not recovered, refused', ['lost', 'duplicate', 'reordered', 'errors', 'refused'].map(key => one[key]).join(', '));
  for (const [key, title] of [['with_all', 'all there'], ['away', 'before they come back'], ['peak', 'at most'], ['after', 'after']]) {
    print(`server resident, ${title}, MiB`, one[`rss_${key}_mib`].toFixed(0));
  }
}

// One client in all of these rooms, that waits for its replies, so many at a time.
async function talker({ port }) {
  const WebSocket = createRequire(new URL('../test/package.json', import.meta.url))('ws');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?username=alice`, 'hubbub.v1', { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map();
  let ids = 0;
  socket.on('message', bytes => {
    const frame = JSON.parse(bytes);
    waiting.get(frame.id)?.(frame);
    waiting.delete(frame.id);
  });
  const ask = async fields => {
    const id = `q${++ids}`, reply = new Promise(resolve => waiting.set(id, resolve));
    socket.send(JSON.stringify({ ...fields, id }));
    const frame = await reply;
    if (frame.type !== 'ok') throw new Error(JSON.stringify(frame));
    return frame;
  };
  const many = async (n, fields) => {
    let next = 0;
    await Promise.all(Array.from({ length: 500 }, async () => { while (next < n) await ask(fields(next++)); }));
  };
  return { ask, many, close: () => socket.terminate() };
}

async function memory() {
  section(`memory, ${thousands(ROOMS_IN_MEMORY)} rooms of one member, ${MESSAGES_IN_MEMORY} messages of 128 bytes in each`, 'bytes');
  const args = ['--max-rooms-per-client', '100000', '--max-rooms', '200000', '--log-level', 'error'];
  const { room, message, left } = await serve(stored('full', ...args), async server => {
    const alice = await talker(server), steps = [];
    await alice.ask({ type: 'join', room: 'the first', stay: true });
    const look = () => steps.push(resident(server.pid));
    look();
    await alice.many(ROOMS_IN_MEMORY, n => ({ type: 'join', room: `room ${n}`, stay: true }));
    look();
    const content = 'x'.repeat(128), total = ROOMS_IN_MEMORY * MESSAGES_IN_MEMORY;
    await alice.many(total, n => ({ type: 'message', room: `room ${n % ROOMS_IN_MEMORY}`, content }));
    look();
    await alice.many(ROOMS_IN_MEMORY, n => ({ type: 'leave', room: `room ${n}` }));
    look();
    alice.close();
    return { room: (steps[1] - steps[0]) / ROOMS_IN_MEMORY, message: (steps[2] - steps[1]) / total, left: steps[3] - steps[0] };
  });
  print('a room with its member', thousands(room));
  print('a message in memory', thousands(message));
  print('kept by the allocator when all rooms are empty again, MiB', (left / MIB).toFixed(0));
}

async function disk() {
  section(`${thousands(ROOMS_ON_DISK)} rooms of ${MESSAGES_ON_DISK} messages on the disk, nobody there`, 'empty directory', 'full', 'difference');
  const where = fresh();
  const filled = spawnSync(program('bench/log-store'), ['fill', where, String(ROOMS_ON_DISK), String(MESSAGES_ON_DISK)]);
  if (filled.status !== 0) throw new Error(filled.stderr.toString());
  const look = (at, args) => serve(['--data', at, ...args], async server => {
    const rss = resident(server.pid), alice = await talker(server);
    const said = await alice.ask({ type: 'join', room: 'room 7', stay: true, history: 50 });
    alice.close();
    return { rss, startMs: server.startMs, seq: said.seq };
  });
  const all = await interleaved(['empty', 'full'], way => look(way === 'full' ? where : fresh(), []));
  if (all.full.some(one => one.seq !== MESSAGES_ON_DISK)) throw new Error('the messages are not there');
  const [empty, full] = [all.empty, all.full].map(results => median(results.map(one => one.rss)) / MIB);
  print('server resident, MiB', empty.toFixed(2), full.toFixed(2), (full - empty).toFixed(2));
  print('ready after, ms', ...[all.empty, all.full].map(results => median(results.map(one => one.startMs)).toFixed(0)), '');
  print('the database, MiB', '', (statSync(join(where, 'hubbub.db')).size / MIB).toFixed(0), '');
}

const parts = { fanout, acked, joins, return: comingBack, memory, disk };
const wanted = opt.only.split(',');
const strange = wanted.find(name => !parts[name]);
if (strange) throw new Error(`no such part: ${strange} (there are ${Object.keys(parts).join(', ')})`);
console.log(`${opt.rounds} rounds of ${opt.duration} s, medians; ${cpus().length} cores, ${cpus()[0].model.trim()}, Linux ${release()}`);
for (const name of wanted) await parts[name]();
if (opt.json) writeFileSync(opt.json, `${JSON.stringify(rows, null, 1)}\n`);

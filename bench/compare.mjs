// hubbub beside its peers: see the text of its --help.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const built = (...names) => names.map(n => join(root, 'build', n)).find(existsSync);

const help = `Usage: bench/compare [options]

Starts each server in turn, lets hubbub-bench load it, several rounds interleaved, and prints the
medians and the ratios as a Markdown table. All are built first by \`make bench-compare\`, which
also runs this. Exit status 1 when a run of hubbub failed its verification, 2 when it cannot start.

  --rounds N            how often each is loaded (3)
  --duration SECONDS    of each run (4)
  --quick               one round of 1.5 s
  --only ROW,…          these rows (all; --list names them)
  --servers NAME,…      these servers (bare,tuned,go,memory,hubbub); memory is hubbub that keeps
                        nothing, as the peers do
  --before FILE         another build of hubbub, too, to see what a change costs
  --json FILE           write the results of all runs there
  --list                the rows, then exit
  --help                print this, then exit`;

function fail(e) {
  console.error(`compare: ${e.message}`);
  process.exit(2);
}

function readArgs(config) {
  try {
    return parseArgs(config).values;
  } catch (e) {
    return fail(new Error(`${e.message} (see --help)`));
  }
}

const opt = readArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    duration: { type: 'string', default: '4' },
    only: { type: 'string' },
    servers: { type: 'string', default: 'bare,tuned,go,memory,hubbub' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    before: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (opt.quick) Object.assign(opt, { rounds: '1', duration: '1.5' });
if (opt.before) opt.servers += ',before';

const servers = {
  bare: { title: 'bare', program: built('release/bench/peer-bare', 'release/peer-bare'), args: [] },
  tuned: { title: 'Go tuned', program: built('peer-go'), args: ['-mode', 'tuned'] },
  go: { title: 'Go', program: built('peer-go'), args: ['-mode', 'plain'] },
  hubbub: { title: 'hubbub', program: built('release/hubbub') },
  memory: { title: 'hubbub, memory', program: built('release/hubbub') },
  before: { title: 'before', program: opt.before },
};
// As it is run by default, but for the limits on how fast one may be: the load is faster on purpose. Each run begins with
// an empty directory. An older build has neither.
const data = mkdtempSync(join(tmpdir(), 'hubbub-bench-'));
let runs = 0;
for (const server of [servers.hubbub, servers.memory, servers.before].filter(s => s.program)) {
  const known = spawnSync(server.program, ['--help']).stdout.includes('rate-limits');
  server.args = ['--log-level', 'warn', ...known ? ['--no-rate-limits'] : [], ...server === servers.memory ? ['--store', 'memory'] : []];
  server.keeps = known && server !== servers.memory;
}
const bench = built('release/hubbub-bench');

// A figure: title, key in the bench's JSON, factor and digits for print, whether more is better.
const throughput = [
  ['M deliveries/s', 'deliveries_per_s', 1e-6, 2, true],
  ['server CPU µs per delivery', 'server_us_per_delivery', 1, 2, false],
  ['load generator, % of a core', 'bench_cpu_percent', 1, 0, null],
];
const latency = [
  ['p50 ms', 'p50_ms', 1, 3, false],
  ['p99 ms', 'p99_ms', 1, 3, false],
  ['server CPU µs per delivery', 'server_us_per_delivery', 1, 2, false],
];
const rows = [
  { name: 'fanout-100-32', title: 'one room of 100, 1 sender, 32 in flight',
    args: '--scenario fanout --members 100 --window 32', figures: throughput },
  { name: 'fanout-100-8', title: 'the same, 8 in flight',
    args: '--scenario fanout --members 100 --window 8', figures: throughput },
  { name: 'fanout-1000-32', title: 'one room of 1 000, 32 in flight',
    args: '--scenario fanout --members 1000 --window 32', figures: throughput },
  { name: 'fanout-1000-128', title: 'one room of 1 000, 128 in flight',
    args: '--scenario fanout --members 1000 --window 128', figures: throughput },
  { name: 'rooms', title: '100 rooms of 10, everybody talks, 1 in flight each',
    args: '--scenario rooms --rooms 100 --members 10 --window 1', figures: throughput },
  { name: 'rooms-rate', title: 'the same rooms at 100 000 deliveries/s offered',
    args: '--scenario rooms --rooms 100 --members 10 --rate 100000', figures: latency },
  { name: 'slow-rate', title: 'one room of 200, 10 messages/s', apart: true, longer: 2,
    args: '--scenario fanout --members 200 --rate 10', figures: latency },
  { name: 'idle', title: '10 000 idle', args: '--scenario idle --connections 10000',
    figures: [['KiB each, resident and kernel', 'whole_kib', 1, 1, false],
      ['KiB each, MemAvailable', 'system_kib', 1, 1, false],
      ['connects/s', 'connects_per_s', 1, 0, true]] },
  { name: 'churn', title: '2 000 connect-join-leave-close a second',
    args: '--scenario churn --rate 2000',
    figures: [['server CPU µs per cycle', 'server_us_per_cycle', 1, 0, false],
      ['p99 ms of a cycle', 'p99_ms', 1, 2, false]] },
  { name: 'crowd', title: '15 000 connections, a message a second in every tenth room', longer: 2,
    args: '--scenario crowd --connections 15000 --members 10',
    figures: [['p50 ms', 'p50_ms', 1, 3, false], ['p99 ms', 'p99_ms', 1, 3, false],
      ['server CPU, % of a core', 'server_cpu_percent', 1, 1, false],
      ['server resident, MiB', 'server_rss_mib', 1, 0, false]] },
];
const faults = ['lost', 'duplicate', 'reordered', 'damaged', 'wrong', 'errors', 'disconnected',
  'refused', 'unjoined', 'failed_cycles'];

// ---- running ------------------------------------------------------------------------------------

const children = new Set();
process.on('exit', () => {
  children.forEach(c => c.kill('SIGKILL'));
  rmSync(data, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

// With two cores or more, server and load may be kept apart: the load has the last core.
const pinned = (cores, program, args) =>
  cores ? ['taskset', ['-c', cores, program, ...args]] : [program, args];

function start(cores, program, args) {
  const child = spawn(...pinned(cores, program, args), { stdio: ['ignore', 'ignore', 'pipe'] });
  children.add(child);
  child.said = '';
  child.stderr.on('data', d => { child.said = (child.said + d).slice(-4000); });
  child.done = new Promise(resolve => {
    child.on('error', e => { child.said += e.message; resolve(-1); });
    child.on('exit', code => resolve(code));
  }).finally(() => children.delete(child));
  return child;
}

const freePort = () => new Promise((resolve, reject) => {
  const s = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = s.address();
    s.close(() => resolve(port));
  });
});

const answers = port => new Promise(resolve => {
  const s = createConnection(port, '127.0.0.1', () => { s.destroy(); resolve(true); });
  s.on('error', () => resolve(false));
});

async function listening(server, port) {
  let ended = false;
  server.done.then(() => { ended = true; });
  for (const end = Date.now() + 10000; !ended && Date.now() < end;) {
    if (await answers(port)) return;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  throw new Error(`the server does not listen: ${server.said.trim()}`);
}

async function run(row, name) {
  const { program, args, keeps } = servers[name];
  const port = await freePort(), apart = row.apart && availableParallelism() > 1;
  const server = start(apart && '0', program,
    [...args, ...keeps ? ['--data', join(data, String(++runs))] : [], '--port', String(port), '--max-per-room', '20000']);
  const file = join(tmpdir(), `hubbub-bench-${process.pid}.json`);
  try {
    await listening(server, port);
    const load = start(apart && String(cpus().length - 1), bench, [...row.args.split(' '),
      '--port', String(port), '--server-pid', String(server.pid), '--quiet', '--json', file,
      '--duration', String(Number(opt.duration) * (row.longer ?? 1))]);
    const limit = setTimeout(() => load.kill('SIGKILL'), 120000);
    await load.done;
    clearTimeout(limit);
    if (!existsSync(file)) return { ok: false, why: load.said.trim() || 'the load was killed' };
    const result = JSON.parse(readFileSync(file, 'utf8'));
    const why = faults.filter(f => result[f]).map(f => `${result[f]} ${f}`).join(', ');
    return { ...result, why };
  } finally {
    rmSync(file, { force: true });
    server.kill('SIGKILL');
    await server.done;
  }
}

// ---- printing -----------------------------------------------------------------------------------

const median = list => {
  const s = list.filter(v => v !== undefined).sort((a, b) => a - b);
  return s.length ? (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2 : undefined;
};

// Memory that the machine gave back meanwhile is no figure.
function value(results, key) {
  const v = median(results.map(r => r[key]));
  return v < 0 ? undefined : v;
}

function cell(results, [, key, factor, digits], first) {
  const v = value(results, key), bad = results.filter(r => !r.ok);
  const text = v === undefined ? '–' : (v * factor).toFixed(digits);
  return first && bad.length ? `${text} (${bad[0].why}; ${bad.length} of ${results.length} runs)` : text;
}

function ratio(results, peer, key) {
  const a = results.hubbub && value(results.hubbub, key), b = results[peer] && value(results[peer], key);
  return a === undefined || !b ? '–' : (a / b).toFixed(2);
}

const line = cells => `| ${cells.join(' | ')} |`;

function heading(names) {
  const peers = names.includes('hubbub') ? names.filter(n => n !== 'hubbub') : [];
  const cells = ['scenario', 'figure', ...names.map(n => servers[n].title),
    ...peers.map(n => `hubbub / ${servers[n].title}`)];
  return [line(cells), line(cells.map((_, i) => (i < 2 ? '---' : '--:')))].join('\n');
}

function rowLines(row, names, results) {
  const peers = names.includes('hubbub') ? names.filter(n => n !== 'hubbub') : [];
  return row.figures.map((figure, i) => line([
    i ? '' : row.title,
    figure[0] + (figure[4] === null ? '' : figure[4] ? ' ↑' : ' ↓'),
    ...names.map(n => cell(results[n], figure, !i)),
    ...peers.map(n => (figure[4] === null ? '' : ratio(results, n, figure[1]))),
  ])).join('\n');
}

// ---- main ---------------------------------------------------------------------------------------

function chosen(list, known, what) {
  const names = list.split(',').filter(Boolean);
  const strange = names.find(n => !known.includes(n));
  if (strange) throw new Error(`no such ${what}: ${strange} (there are ${known.join(', ')})`);
  return names;
}

async function main() {
  if (opt.help) return console.log(help);
  if (opt.list) return rows.forEach(r => console.log(r.name.padEnd(16), r.title));
  const wanted = opt.only ? chosen(opt.only, rows.map(r => r.name), 'row') : rows.map(r => r.name);
  const names = chosen(opt.servers, Object.keys(servers), 'server');
  const absent = names.filter(n => !servers[n].program);
  if (absent.length || !bench)
    throw new Error(`not built: ${[...absent, ...(bench ? [] : ['hubbub-bench'])].join(', ')}`);

  console.log(`${opt.rounds} rounds of ${opt.duration} s, medians; ${cpus().length} cores,`,
    `${cpus()[0].model.trim()}, Linux ${release()}; ↑ more is better, ↓ less is better\n`);
  console.log(heading(names));
  const all = {};
  for (const row of rows.filter(r => wanted.includes(r.name))) {
    const results = all[row.name] = Object.fromEntries(names.map(n => [n, []]));
    for (let round = 0; round < Number(opt.rounds); round++) {
      for (const name of names) {
        if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${row.name}: ${name}, round ${round + 1}`);
        results[name].push(await run(row, name));
      }
    }
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    console.log(rowLines(row, names, results));
  }
  if (opt.json) writeFileSync(opt.json, `${JSON.stringify(all, null, 1)}\n`);
  if (Object.values(all).some(r => r.hubbub?.some(x => !x.ok))) process.exitCode = 1;
}

main().catch(fail);

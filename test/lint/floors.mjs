// The house keeps its floors: proves over all #includes of src/ and include/ that
//   - a file includes only headers of its own room and of lower floors,
//   - another room's headers are included through its door, include/hubbub/, never from src/ROOM/,
//   - there is no cycle, between files or between rooms,
//   - libraries and thread creation stay in the one place that is meant for them.
//
//   floors.mjs [ROOT]      checks a tree, prints what is wrong and where
//   floors.mjs --self-test checks this script by trees that must fail
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

// Low to high. Rooms of one floor do not know each other.
const FLOORS = [
    ['base'],
    ['channel'],
    ['message', 'net'],
    ['room', 'protocol', 'store', 'files'],
    ['hub', 'identity'],
    ['client'],
    ['http', 'cluster', 'bot'],
    ['server'],
];

// include/hubbub/X.h belongs to the room X, else to the one room that has src/ROOM/X.c, else:
const OWNERS = {
    check: 'base', clock: 'base', err: 'base', log: 'base', metrics: 'base', rcu: 'base', thread: 'base',
    event: 'message', frame: 'message', outbox: 'message',
    history: 'room',
    pairs: 'room',
    rank: 'message',
    settings: 'message',
    request: 'message', // decoded by protocol, carried in an event
    web_asset: 'http', // generated into the binary, served by http
};

// [what, pattern in the code, where it is allowed]
const PLACES = [
    ['libwebsockets', /#\s*include\s*[<"]libwebsockets/, /^src\/net\//],
    ['cJSON', /#\s*include\s*[<"](cjson\/)?cJSON/, /^src\/protocol\//],
    ['liburcu', /#\s*include\s*[<"]urcu/, /^include\/hubbub\/rcu\.h$/],
    ['libpq', /#\s*include\s*[<"](postgresql\/)?libpq/, /^src\/store\//],
    ['SQLite', /#\s*include\s*[<"]sqlite3/, /^src\/store\//],
    ['libjwt', /#\s*include\s*[<"]jwt/, /^src\/identity\//],
    ['libsodium', /#\s*include\s*[<"]sodium/, /^src\/identity\//],
    ['OpenSSL', /#\s*include\s*[<"]openssl/, /^src\/identity\//],
    ['ICU', /#\s*include\s*[<"]unicode\//, /^src\/room\//],
    ['libmagic', /#\s*include\s*[<"]magic/, /^src\/files\//],
    ['libvips', /libvips\.so/, /^src\/files\//],
    ['child processes', /(?<!->)\b(posix_spawnp?|v?fork|execv?[lpe]*e?|popen|system)\s*\(/, /^src\/files\//],
    ['inih', /#\s*include\s*[<"]ini\.h/, /^src\/server\//],
    ['cmocka', /#\s*include\s*[<"]cmocka/, /^$/],
    ['pthread_create', /\b(pthread_create|thrd_create|clone3?)\s*\(/, /^src\/base\/thread\.c$/],
];

const floorOf = (room) => FLOORS.findIndex((rooms) => rooms.includes(room));

function sources(root) {
    const found = [];
    for (const top of ['include', 'src'])
        for (const entry of fs.existsSync(path.join(root, top)) ? fs.readdirSync(path.join(root, top), {recursive: true}) : [])
            if (/\.[ch]$/.test(entry))
                found.push(path.posix.join(top, entry.split(path.sep).join('/')));
    return found.sort();
}

// Blanks comments and keeps line numbers. String literals stay: none holds a comment's beginning
// that matters here.
const withoutComments = (text) =>
    text.replace(/"(?:\\.|[^"\\\n])*"|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (m) => (m[0] === '"' ? m : m.replace(/[^\n]/g, ' ')));

// The room of a file, or undefined when no rule names one.
function roomOf(file, files) {
    const inRoom = file.match(/^src\/([^/]+)\/[^/]+$/);
    if (inRoom)
        return inRoom[1];
    const header = file.match(/^include\/hubbub\/([^/]+)\.h$/)?.[1];
    if (header === undefined)
        return undefined;
    if (floorOf(header) >= 0)
        return header;
    if (OWNERS[header])
        return OWNERS[header];
    const rooms = files.map((f) => f.match(`^src/([^/]+)/${header}\\.c$`)?.[1]).filter(Boolean);
    return rooms.length === 1 ? rooms[0] : undefined;
}

// Depth first; returns one cycle as a list of nodes, or null.
function findCycle(edges) {
    const state = new Map();
    const trail = [];
    const visit = (node) => {
        if (state.get(node) === 'done')
            return null;
        if (state.get(node) === 'open')
            return [...trail.slice(trail.indexOf(node)), node];
        state.set(node, 'open');
        trail.push(node);
        for (const next of edges.get(node) ?? []) {
            const cycle = visit(next);
            if (cycle)
                return cycle;
        }
        trail.pop();
        state.set(node, 'done');
        return null;
    };
    for (const node of edges.keys()) {
        const cycle = visit(node);
        if (cycle)
            return cycle;
    }
    return null;
}

function addEdge(edges, from, to) {
    if (!edges.has(from))
        edges.set(from, new Set());
    edges.get(from).add(to);
}

// All that is wrong with a tree, one text each.
export function check(root) {
    const files = sources(root);
    const wrong = [];
    const fileEdges = new Map();
    const roomEdges = new Map();

    for (const file of files) {
        const room = roomOf(file, files);
        if (room === undefined || floorOf(room) < 0) {
            wrong.push(`${file}: belongs to no room that test/lint/floors.mjs knows (see FLOORS and OWNERS)`);
            continue;
        }
        const lines = withoutComments(fs.readFileSync(path.join(root, file), 'utf8')).split('\n');
        lines.forEach((line, i) => {
            const where = `${file}:${i + 1}`;
            for (const [what, pattern, place] of PLACES)
                if (pattern.test(line) && !place.test(file))
                    wrong.push(`${where}: ${what} is not for this place (${place.source})`);

            const [, bracket, name] = line.match(/^\s*#\s*include\s*([<"])([^>"]+)[>"]/) ?? [];
            if (name === undefined || (bracket === '<' && !name.startsWith('hubbub/')))
                return;
            const sibling = path.posix.join(path.posix.dirname(file), name);
            const target = bracket === '<' ? `include/${name}` : files.includes(sibling) ? sibling : `src/${name}`;
            if (bracket === '"' && name.startsWith('hubbub/'))
                return void wrong.push(`${where}: write <${name}>`);
            if (!files.includes(target))
                return void wrong.push(`${where}: there is no ${target}`);
            const other = roomOf(target, files);
            addEdge(fileEdges, file, target);
            if (other === undefined || other === room)
                return;
            addEdge(roomEdges, room, other);
            if (floorOf(other) >= floorOf(room))
                wrong.push(`${where}: ${room} (floor ${floorOf(room)}) includes ${target} of ${other} (floor ${floorOf(other)})`);
            if (target.startsWith('src/'))
                wrong.push(`${where}: ${target} is private to ${other}; its door is include/hubbub/`);
        });
    }
    for (const [kind, edges] of [['files', fileEdges], ['rooms', roomEdges]]) {
        const cycle = findCycle(edges);
        if (cycle)
            wrong.push(`a cycle of ${kind}: ${cycle.join(' -> ')}`);
    }
    return wrong;
}

// ---- self-test ------------------------------------------------------------------------------------

const GOOD = {
    'include/hubbub/err.h': '',
    'include/hubbub/rcu.h': '#include <urcu/urcu-memb.h>\n',
    'include/hubbub/channel.h': '#include <hubbub/err.h>\n',
    'include/hubbub/hub.h': '#include <hubbub/channel.h>\n',
    'include/hubbub/handlers.h': '',
    'src/base/thread.c': '#include <hubbub/rcu.h>\nint f(void) { return pthread_create(0, 0, 0, 0); }\n',
    'src/net/conn.c': '#include <libwebsockets.h>\n#include <hubbub/channel.h>\n',
    'src/protocol/json.h': '',
    'src/protocol/decode.c': '#include <cjson/cJSON.h>\n#include "protocol/json.h"\n',
    'src/hub/handlers.c': '/* #include <libwebsockets.h> and pthread_create() */\n#include <hubbub/hub.h> // #include "net/x.h"\n',
};

// Each adds to the good tree what must be found, in these words.
const BAD = [
    ['going up', {'src/channel/a.c': '\n#include <hubbub/hub.h>\n'}, 'src/channel/a.c:2: channel (floor 1) includes include/hubbub/hub.h'],
    ['going up by a header', {'include/hubbub/err.h': '#include <hubbub/channel.h>\n'}, 'include/hubbub/err.h:1: base'],
    ['a neighbour', {'src/message/a.c': '#include <hubbub/net.h>\n', 'include/hubbub/net.h': ''}, 'message (floor 2) includes include/hubbub/net.h of net (floor 2)'],
    ["another's private header", {'src/hub/a.c': '#include "protocol/json.h"\n'}, 'src/protocol/json.h is private to protocol'],
    ['a cycle of headers', {'src/hub/a.h': '#include "hub/b.h"\n', 'src/hub/b.h': '#include "hub/a.h"\n'}, 'a cycle of files: src/hub/a.h -> src/hub/b.h -> src/hub/a.h'],
    ['a cycle of rooms', {'include/hubbub/err.h': '#include <hubbub/hub.h>\n'}, 'a cycle of rooms'],
    ['libwebsockets elsewhere', {'src/http/a.c': '#include <libwebsockets.h>\n'}, 'src/http/a.c:1: libwebsockets'],
    ['libwebsockets in a door', {'include/hubbub/net.h': '#include <libwebsockets.h>\n'}, 'include/hubbub/net.h:1: libwebsockets'],
    ['cJSON elsewhere', {'src/http/a.c': '#  include "cjson/cJSON.h"\n'}, 'src/http/a.c:1: cJSON'],
    ['liburcu elsewhere', {'src/hub/a.c': '#include <urcu/rculfhash.h>\n'}, 'src/hub/a.c:1: liburcu'],
    ['libpq elsewhere', {'src/http/a.c': '#include <libpq-fe.h>\n'}, 'src/http/a.c:1: libpq'],
    ['a thread elsewhere', {'src/client/a.c': 'int f(void) { return pthread_create(0, 0, 0, 0); }\n'}, 'src/client/a.c:1: pthread_create'],
    ['a room that is none', {'src/attic/a.c': ''}, 'src/attic/a.c: belongs to no room'],
    ['a door that is none', {'include/hubbub/attic.h': ''}, 'include/hubbub/attic.h: belongs to no room'],
    ['a header that is not there', {'src/hub/a.c': '#include "nowhere.h"\n'}, 'there is no src/nowhere.h'],
    ['a door in quotes', {'src/hub/a.c': '#include "hubbub/hub.h"\n'}, 'write <hubbub/hub.h>'],
];

function checkFixture(files) {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'floors-'));
    try {
        for (const [name, text] of Object.entries(files)) {
            fs.mkdirSync(path.dirname(path.join(root, name)), {recursive: true});
            fs.writeFileSync(path.join(root, name), text);
        }
        return check(root);
    } finally {
        fs.rmSync(root, {recursive: true});
    }
}

function selfTest() {
    const failures = checkFixture(GOOD).map((text) => `the good tree: ${text}`);
    for (const [name, files, words] of BAD) {
        const wrong = checkFixture({...GOOD, ...files});
        if (!wrong.some((text) => text.includes(words)))
            failures.push(`${name}: not found; found: ${wrong.join(' | ') || 'nothing'}`);
    }
    return failures;
}

const problems = process.argv[2] === '--self-test' ? selfTest() : check(process.argv[2] ?? '.');
for (const text of problems)
    console.log(text);
process.exit(problems.length > 0 ? 1 : 0);

/*
 * Keeps the suite honest: every request, error code, close code and event that the protocol has is expected by
 * a test of this folder. The tables in the headers and in PROTOCOL.md are the lists.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = new URL('../../', import.meta.url);
const read = (name) => readFileSync(new URL(name, repository), 'utf8');
const folder = new URL('test/e2e/', repository);
const tests = readdirSync(folder)
    .filter((name) => name.endsWith('.test.mjs') && name !== fileURLToPath(import.meta.url).split('/').at(-1))
    .map((name) => read(`test/e2e/${name}`)).join('\n');

/* The rows of an X-macro table: what stands in quotes, by the pattern of a row. */
function table(file, name, row) {
    const body = new RegExp(`#define ${name}\\(X\\)((?:.*\\\\\\n)+.*)`).exec(read(file));
    assert.ok(body, `${name} in ${file}`);
    const rows = [...body[1].matchAll(row)].map((found) => found[1]);
    assert.ok(rows.length > 5, `${name}: ${rows}`);
    return rows;
}

const expects = (pattern) => new RegExp(pattern).test(tests);

test('every request is made', () => {
    const missing = table('include/hubbub/request.h', 'REQUEST_TABLE', /X\("(\w+)",/g).filter((type) =>
        !expects(`(ok|request)\\('${type}'|refused\\('\\w+', '${type}'|type: '${type}'|\\['${type}', \\{`));
    assert.deepEqual(missing, []);
});

/* What cannot be brought about from outside. */
const INSIDE = {
    internal: 'a defect of the server',
};

test('every error code is expected', () => {
    const missing = table('include/hubbub/protocol.h', 'PROBLEM_TABLE', /X\(\w+,\s*"(\w+)"/g)
        .filter((code) => !(code in INSIDE) && !expects(`'${code}'`));
    assert.deepEqual(missing, []);
});

/* The first column of the table under a heading of PROTOCOL.md. */
function column(heading, cell) {
    const section = read('src/protocol/PROTOCOL.md').split(/^#+ /m).find((part) => part.startsWith(heading));
    assert.ok(section, heading);
    return section.split('\n').filter((line) => line.startsWith('| ')).flatMap((line) =>
        [...line.split('|')[1].matchAll(cell)].map((found) => found[1]));
}

test('every event is expected', () => {
    const events = column('Events', /`(\w+)`/g);
    assert.ok(events.length > 8, `${events}`);
    assert.deepEqual(events.filter((type) => !expects(`type: '${type}'`)), []);
});

test('every close code is expected', () => {
    const codes = column('Closing', /^ (\d{4}) $/g);
    assert.ok(codes.length > 10, `${codes}`);
    const never = ['1000', '1003', '1006', '1013']; // the client's own, never sent, no close at all, no thread left
    assert.deepEqual(codes.filter((code) => !never.includes(code) && !expects(`\\b${code}\\b`)), []);
});

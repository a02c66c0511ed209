/* What people with bad intentions call themselves and say, and ten thousand messages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, refusal } from './support/client.mjs';
import { composer, inRoom, log, message, noComplaints, openTab, peopleOf, person, said, says, sees, startBrowser } from './support/page.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const RLO = '\u202e', RLM = '\u200f';
const ZERO_WIDTH = '\u200b\u200c\u200d\u2060\ufeff';

test('HTML in names, rooms, topics, reasons and messages is only ever text', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await alice.evaluate(() => { window.alert = () => { window.hit = true; }; });
    const html = '<img src=x onerror=alert(1)>';
    const evil = await connect(t, server, { username: html });
    await evil.ok('create', { room: html, title: `${html}!`, topic: '"><script>alert(2)</script>' });
    await evil.join('lobby');
    const lines = [html, '<script>alert(3)</script>', '[x](javascript:alert(4))', '[x](https://a"onclick=alert(5))',
        '```<svg onload=alert(6)>\n```', '**<b>**', '&lt;b&gt;', 'https://a.example/"><img>', '</p></div>', '${alert(7)}', `@${html}`];
    for (const content of lines) await evil.ok('message', { room: 'lobby', content });
    await sees(alice, '</p></div>');
    await message(alice, '@<img').waitFor();
    assert.equal(await alice.locator('#log :is(img, script, svg:not(.icon), b)').count(), 0);
    assert.equal(await log(alice).locator('a[href^="javascript"]').count(), 0);
    assert.deepEqual(await log(alice).locator('a').evaluateAll((all) => all.map((a) => new URL(a.href).protocol)).then((all) => Array.from(new Set(all))), ['https:']);
    assert.ok((await peopleOf(alice)).includes(html));

    await alice.getByRole('searchbox').first().fill('<img');
    await alice.locator('#all-rooms .room', { hasText: `${html}!` }).click();
    await alice.locator('#room-topic').getByText('"><script>alert(2)</script>').waitFor();
    assert.equal(await alice.locator('#room-title').textContent(), `${html}!`);
    const { userId } = await alice.evaluate(() => ({ userId: window.Chat.hub.userId }));
    await evil.join(html);
    await evil.ok('kick', { room: html, user: userId, reason: html });
    await alice.locator('#hindrance').getByText(`by ${html}`).waitFor();
    assert.equal(await alice.locator('#hindrance img').count(), 0);
    assert.equal(await alice.evaluate(() => window.hit), undefined, 'nothing ran');
    noComplaints(alice);
});

test('writing directions, invisible and towering letters stay where they are', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await refusal(t, server, { username: `${RLO}evil` });
    const evil = await connect(t, server, { username: `${RLM}evil`, room: 'lobby' });
    const lines = [`${RLO}turned around`, 'שלום עולם', `in${ZERO_WIDTH}visible`, 'Z\u0351\u036b\u0343\u036a\u0302'.repeat(40) + 'algo', '😀👩‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿𝕳𐍈', 'a'.repeat(4000), '\u2028\u2029 separators', ' \t '];
    for (const content of lines) await evil.ok('message', { room: 'lobby', content });
    await said(alice, 'after all that');
    await sees(alice, '😀👩‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿𝕳𐍈');

    // The heading of who turns lines around reads as that of any other: name first, then the time.
    const heading = message(alice, 'turned around').locator('.heading');
    const [name, time] = [await heading.locator('.who').boundingBox(), await heading.locator('time').boundingBox()];
    assert.ok(name.x < time.x, 'the name does not turn what follows it');
    assert.equal(await message(alice, 'שלום').locator('p').last().evaluate((p) => getComputedStyle(p).direction), 'rtl');

    // Marks on marks on marks do not cover the neighbours.
    const tower = await message(alice, 'algo').boundingBox();
    const inside = await message(alice, 'algo').locator('.text').evaluate((node) => getComputedStyle(node).overflowY);
    assert.equal(inside, 'clip');
    assert.ok(tower.height < 300);
    assert.ok(await alice.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth && document.getElementById('log').scrollWidth <= document.getElementById('log').clientWidth), 'nothing sticks out');
    await message(alice, 'aaaa').getByRole('button', { name: 'Show all of it' }).click();
    await until(async () => await message(alice, 'aaaa').getByRole('button', { name: 'Show all of it' }).count() === 0, 'all of it');

    await evil.refused('invalid_room', 'join', { room: `${RLO}room` });
    await enterAs(alice, `${RLM}room`, server);
    assert.doesNotMatch(await alice.title(), /\u200f/, 'nor the title of the window');
    noComplaints(alice);
});

async function enterAs(tab, room, server) {
    await tab.goto(`${server.http()}/#${encodeURIComponent(room)}`);
    await inRoom(tab, room);
}

test('what takes others long to read is read at once', async (t) => {
    const server = await startServer(t, ['--max-message', '256K']);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const evil = await connect(t, server, { username: 'evil', room: 'lobby' });
    for (const [part, times] of [['*', 60000], ['**a ', 15000], ['_(*a', 15000], ['[', 60000], ['`', 60001], ['> '.repeat(30) + 'x\n', 900], ['@@', 30000], ['https://', 7000], ['](', 30000], ['\n', 60000]]) {
        await evil.ok('message', { room: 'lobby', content: part.repeat(times) });
    }
    await evil.ok('message', { room: 'lobby', content: 'the end' });
    await sees(alice, 'the end');
    await said(alice, 'still alive');
    noComplaints(alice);
});

test('ten thousand messages', async (t) => {
    const server = await startServer(t, ['--send-queue', '4096']);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await connect(t, server, { username: 'bob', room: 'lobby' });
    const rows = () => log(alice).locator('.row').count();
    const held = () => alice.evaluate(() => window.Chat.active.items.filter((item) => item.kind === 'message').length);
    const MANY = 10_000;
    for (let i = 1; i <= MANY; i++) {
        bob.send({ type: 'message', room: 'lobby', content: `message ${i} of many, ${'with some words '.repeat(i % 7)}` });
        if (i % 500 === 0) await until(async () => await held() >= i, () => `message ${i}`);
    }
    await log(alice).getByText(`message ${MANY} of many`).waitFor();
    assert.equal(await held(), MANY);
    const inDocument = await rows();
    assert.ok(inDocument > 50 && inDocument < 300, `${inDocument} rows in the document`);

    // Upwards: what is in view stays in view while the window moves.
    await log(alice).hover();
    const first = () => alice.evaluate(() => Number(document.querySelector('#rows .said').dataset.seq));
    const before = await first();
    await until(async () => {
        await alice.mouse.wheel(0, -3000);
        return await first() < before - 500;
    }, 'older messages');
    assert.ok(await rows() < 300);
    const top = () => alice.evaluate(() => {
        const box = document.getElementById('log');
        const row = Array.from(document.querySelectorAll('#rows .said')).find((one) => one.getBoundingClientRect().bottom > box.getBoundingClientRect().top + 1);
        return [row.dataset.seq, Math.round(row.getBoundingClientRect().top)].join(' at ');
    });
    let settled = '';
    let same = 0; // a turn of the wheel may still be on its way
    await until(async () => {
        const last = settled;
        settled = await top();
        same = last === settled ? same + 1 : 0;
        return same > 20;
    }, 'scrolling to end');
    for (let i = 0; i < 20; i++) await bob.ok('message', { room: 'lobby', content: 'one more' });
    await alice.getByRole('button', { name: '20 new messages' }).waitFor();
    assert.equal(await top(), settled, 'what others say does not move what one reads');

    // Another room and back: the place is kept.
    await says(alice, '/join garden');
    await inRoom(alice, 'garden');
    await alice.locator('[data-room=lobby]').click();
    await inRoom(alice, 'lobby');
    assert.equal(await top(), settled);

    // The very beginning, and the very end.
    await log(alice).focus();
    await alice.keyboard.press('Home');
    await log(alice).getByText('message 1 of many').waitFor();
    assert.ok(await rows() < 300);
    await alice.getByRole('button', { name: '20 new messages' }).click();
    await message(alice, 'one more').waitFor();
    await said(alice, 'phew');
    assert.equal(await composer(alice).inputValue(), '');
    noComplaints(alice);
});

test('a crowd in one room', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const tab = await openTab(browser, `${server.http()}/#lobby`);
    for (let i = 0; i < 300; i++) await connect(t, server, { username: `visitor-${String(i).padStart(3, '0')}`, room: 'lobby' });
    await tab.locator('#door-name').fill('alice');
    await tab.keyboard.press('Enter');
    await inRoom(tab, 'lobby');
    await tab.getByText('Online: 301').waitFor();
    await tab.getByText('and 101 more').waitFor();
    assert.equal(await tab.locator('.person').count(), 200);
    await tab.getByRole('searchbox', { name: 'Find people' }).fill('visitor-29');
    await until(async () => await tab.locator('.person').count() === 10, 'ten people');
    noComplaints(tab);
});

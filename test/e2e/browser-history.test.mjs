/*
 * The page and what was said before: the latest on entering, older and newer pages while one scrolls, where one
 * left off, and answers, which lead to what they answer.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { member } from './support/client.mjs';
import { data, fill, range } from './support/log.mjs';
import {
    assertAccessible, closed, composer, dialog, focusIs, inRoom, log, message, noComplaints, noSidewaysScrolling,
    person, roomTab, said, sees, startBrowser,
} from './support/page.mjs';
import { act, assertDrawnInOrder, held, holes, menuOf, reaction, reading } from './support/rows.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

/* In the document; held() is what the page has in memory. */
const drawn = (tab) => tab.evaluate(() => Array.from(document.querySelectorAll('#rows .said[data-seq]'), (row) => Number(row.dataset.seq)));
const inOrder = (numbers, what) => assert.deepEqual(numbers, range(numbers[0], numbers.at(-1)), what);
const scrollTo = (tab, top) => tab.evaluate((y) => { document.getElementById('log').scrollTop = y; }, top);
const frame = (tab) => tab.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); }));

test('the latest on entering, and upwards all the rest, while what one reads stays where it is', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    await fill(bob, 'lobby', 700);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await message(alice, 'line 700').waitFor();
    const first = await held(alice);
    assert.ok(first.length >= 50 && first.length < 400, `${first.length} messages`);
    inOrder(first);
    assert.equal(await alice.locator('.new-line').count(), 0, 'nothing is new to who never was here');
    assert.equal(await alice.locator('#announcer').textContent(), '', 'nor read out');

    for (let rounds = 0; (await held(alice))[0] > 1; rounds++) {
        assert.ok(rounds < 40);
        const [oldest] = await held(alice);
        await scrollTo(alice, 300);
        const before = await reading(alice);
        await until(async () => (await held(alice))[0] < oldest, () => `what is before ${oldest}`);
        await frame(alice);
        assert.equal(await reading(alice), before, 'what one reads does not move');
        assert.ok((await drawn(alice)).length <= 241);
    }
    inOrder(await held(alice));
    assert.equal((await held(alice)).length, 700);
    await log(alice).focus();
    await alice.keyboard.press('Home');
    await log(alice).getByText('This is where #lobby begins').waitFor();
    await message(alice, 'line 1').first().waitFor();
    await alice.keyboard.press('End');
    await sees(alice, 'line 700');
    noComplaints(alice);
});

test('ten thousand messages of the log: to their beginning, from there on, and back to the newest', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    const MANY = 10_000;
    for (let i = 0; i < MANY; i += 1000) await fill(bob, 'lobby', 1000, (n) => `line ${i + n}, ${'with some words '.repeat(n % 7)}`);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await message(alice, 'line 10000,').waitFor();
    await log(alice).focus();
    await alice.keyboard.press('Home');
    await log(alice).getByText('line 1, with some words').waitFor();
    assert.ok((await held(alice)).length < 1000, 'what is between has not been asked for');

    await log(alice).hover();
    let last = 0;
    await until(async () => { // downwards: page after page
        await alice.mouse.wheel(0, 2500);
        const seqs = await drawn(alice);
        await assertDrawnInOrder(alice);
        assert.ok(seqs.length <= 241, `${seqs.length} rows in the document`);
        last = seqs.at(-1);
        return last > 1500;
    }, () => `the messages after ${last}`);
    await scrollTo(alice, 400);
    await frame(alice);
    const before = await reading(alice);
    await bob.ok('message', { room: 'lobby', content: 'one more' });
    await alice.getByRole('button', { name: '1 new message' }).waitFor();
    assert.equal(await reading(alice), before);
    await alice.getByRole('button', { name: '1 new message' }).click();
    await message(alice, 'one more').waitFor();
    await said(alice, 'phew');
    noComplaints(alice);
});

test('where one left off there is a line, also after a reload and in rooms one was not looking at', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    await bob.join('garden');
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await alice.evaluate(() => window.Chat.enter('garden'));
    await inRoom(alice, 'garden');
    await roomTab(alice, 'lobby').click();
    await bob.ok('message', { room: 'lobby', content: 'seen' });
    await sees(alice, 'seen');
    await alice.goto('about:blank');
    for (const content of ['one', 'two', 'three']) await bob.ok('message', { room: 'lobby', content });
    await fill(bob, 'garden', 120);
    await alice.goto(`${server.http()}/#lobby`);
    await inRoom(alice, 'lobby');
    await message(alice, 'three').waitFor();
    await log(alice).locator('.said', { hasText: 'one' }).locator('.new-line').waitFor();
    assert.equal(await log(alice).locator('.new-line').count(), 1);
    await sees(alice, 'seen');
    inOrder(await held(alice));

    await roomTab(alice, 'garden').getByText('120 unread').waitFor();
    await roomTab(alice, 'garden').click();
    await log(alice).locator('.said', { hasText: 'line 1' }).first().locator('.new-line').waitFor();
    assert.match(await reading(alice), /^1 at /, 'it opens where one left off');
    await alice.getByRole('button', { name: '120 new messages' }).click();
    await sees(alice, 'line 120');
    await alice.reload();
    await sees(alice, 'line 120');
    assert.equal(await alice.locator('.new-line').count(), 0, 'all is seen');
    noComplaints(alice);
});

test('a tab that nobody looked at shows where one left off, once', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const look = (state) => alice.evaluate((visible) => {
        Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => visible });
        document.dispatchEvent(new Event('visibilitychange'));
    }, state);
    await said(alice, 'before');
    await look('hidden');
    await fill(bob, 'lobby', 100);
    await message(alice, 'line 100').waitFor();
    await look('visible');
    assert.match(await reading(alice), /^[12] at /);
    await log(alice).locator('.said[data-seq="2"] .new-line').waitFor();
    await alice.getByRole('button', { name: '100 new messages' }).click();
    await sees(alice, 'line 100');
    await look('hidden');
    await look('visible');
    await frame(alice);
    await sees(alice, 'line 100');
    assert.equal(await alice.locator('#to-newest').isVisible(), false, 'it stays at the end');
    noComplaints(alice);
});

test('an answer shows what it answers, and leads there wherever it is', async (t) => {
    const server = await startServer(t, data());
    const hub = await member(t, server, 'carol', 'lobby');
    await fill(hub, 'lobby', 500);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await said(alice, 'what do you think?');
    await act(bob, 'what do you think?', 'Reply');
    await bob.locator('#answer').getByText('what do you think?').waitFor();
    await focusIs(bob, 'box');
    await bob.keyboard.press('Escape');
    await bob.locator('#answer').waitFor({ state: 'hidden' });
    await act(bob, 'what do you think?', 'Reply');
    await bob.keyboard.type('a lot');
    await bob.keyboard.press('Enter');
    await bob.locator('#answer').waitFor({ state: 'hidden' });
    const quote = message(alice, 'a lot').locator('.quote');
    await quote.getByText('alice: what do you think?').waitFor();
    await composer(alice).press('ArrowUp');
    await log(alice).getByRole('textbox', { name: 'Edit' }).fill('what do you know?');
    await alice.keyboard.press('Enter');
    await quote.getByText('alice: what do you know?').waitFor();
    await quote.click();
    await until(() => alice.evaluate(() => /know/.test(document.activeElement.textContent) && document.activeElement.classList.contains('found')), 'the message');

    // Far up, where the page has not been.
    await hub.ok('message', { room: 'lobby', content: 'about long ago', replyTo: 40 });
    await message(alice, 'about long ago').locator('.quote').getByText('an earlier message').click();
    await until(() => alice.evaluate(() => document.activeElement.dataset.seq === '40'), 'message 40');
    await sees(alice, 'line 40');
    assert.ok(await holes(alice) > 0, 'between there and here is more');
    inOrder(await drawn(alice), 'around it nothing is left out');

    // Upwards and downwards from there.
    await log(alice).hover();
    for (const [step, done] of [[-600, (seqs) => seqs[0] === 1], [1500, (seqs) => seqs.at(-1) >= 503]]) {
        await until(async () => {
            await alice.mouse.wheel(0, step);
            await assertDrawnInOrder(alice);
            return done(await drawn(alice));
        }, `by ${step}`);
    }
    await until(async () => { // what one went past faster than it came
        await alice.mouse.wheel(0, -600);
        return (await holes(alice)) === 0;
    }, 'all of it');
    inOrder(await held(alice));
    noComplaints(alice, bob);
});

test('who sees the end is not shown the way there, however the end came into view', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const offered = (wanted) => until(async () => await alice.locator('#to-newest').isVisible() === wanted, `the way to be there: ${wanted}`);
    const below = () => alice.locator('#log').evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight);
    const atEnd = () => until(async () => await below() < 2, 'the end');

    // all there is fits in
    await fill(bob, 'lobby', 2);
    await bob.ok('message', { room: 'lobby', content: 'about the first', replyTo: 1 });
    await sees(alice, 'about the first');
    await log(alice).focus();
    await alice.keyboard.press('Home');
    await frame(alice);
    assert.equal(await alice.locator('#to-newest').isVisible(), false);
    await message(alice, 'about the first').locator('.quote').click();
    await alice.locator('.row.found[data-seq="1"]').waitFor();
    await frame(alice);
    assert.equal(await alice.locator('#to-newest').isVisible(), false);

    // the window grows, the other way round there is nothing to see of it
    await fill(bob, 'lobby', 60);
    await sees(alice, 'line 60');
    await atEnd();
    await scrollTo(alice, await alice.evaluate(() => document.getElementById('log').scrollTop - 200));
    await offered(true);
    await alice.setViewportSize({ width: 1200, height: 560 });
    await frame(alice);
    await offered(true);
    await alice.setViewportSize({ width: 1200, height: 1300 });
    await offered(false);
    await alice.setViewportSize({ width: 1200, height: 500 });
    await atEnd();
    await offered(false);

    // what one writes grows just when the page has gone to the end
    await alice.evaluate(() => document.addEventListener('scroll', () => {
        const box = document.getElementById('box');
        box.value = 'line\n'.repeat(6);
        box.dispatchEvent(new Event('input', { bubbles: true }));
    }, { capture: true, once: true }));
    await bob.ok('message', { room: 'lobby', content: 'one more' });
    await until(async () => (await composer(alice).inputValue()) !== '', 'it to have grown');
    await frame(alice);
    await atEnd();
    assert.equal(await alice.locator('#to-newest').isVisible(), false);
    await bob.ok('message', { room: 'lobby', content: 'and another' });
    await sees(alice, 'and another');
    await atEnd();
    await scrollTo(alice, 0);
    await offered(true);
    noComplaints(alice);
});

test('what is answered may be gone', async (t) => {
    const server = await startServer(t, ['--history-memory', '20']);
    const bob = await member(t, server, 'bob', 'lobby');
    await fill(bob, 'lobby', 15);
    await bob.ok('message', { room: 'lobby', content: 'about the first', replyTo: 1 });
    await fill(bob, 'lobby', 10);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await message(alice, 'about the first').locator('.quote').click();
    await alice.locator('#toast').getByText('It is gone already.').waitFor();
    assert.deepEqual(await held(alice), range(7, 26));
    await log(alice).getByText('What was said before is not kept any more.').waitFor();
    noComplaints(alice);
});

test('on a phone, in German, nothing sticks out', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    await fill(bob, 'lobby', 200, (n) => `Zeile ${n}`);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice', { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true, locale: 'de-AT' });
    await sees(alice, 'Zeile 200');
    await until(async () => {
        await scrollTo(alice, 200);
        return (await held(alice))[0] === 1;
    }, 'older ones');
    await alice.getByRole('button', { name: 'Neueste Nachrichten' }).tap();
    await sees(alice, 'Zeile 200');
    const box = alice.getByRole('textbox', { name: 'Nachricht', exact: true });
    await box.fill('lang '.repeat(60));
    await alice.getByRole('button', { name: 'Senden', exact: true }).tap();
    const mine = log(alice).locator('.said:not(.pending)', { hasText: 'lang lang' });
    const choose = async (name) => {
        await mine.tap();
        await mine.getByRole('button', { name: 'Was mit dieser Nachricht tun' }).tap();
        const item = alice.getByRole('menuitem', { name, exact: true });
        const { width, height } = await item.boundingBox();
        assert.ok(width >= 34 && height >= 44, `${name} is for thumbs`);
        await item.tap();
    };
    for (const emoji of ['👍', '🎉', '😂', '👀', '😮', '❤️']) {
        await choose(emoji);
        await mine.locator('.reaction', { hasText: emoji }).waitFor();
    }
    for (const emoji of ['quite-long-so-it-wraps', '🦆', '🦩', '🐢', '🐙']) await bob.ok('react', { room: 'lobby', seq: 201, emoji });
    await mine.locator('.reaction', { hasText: '🐙' }).waitFor();
    await noSidewaysScrolling(alice);
    await mine.locator('.reaction', { hasText: '🦆' }).tap();
    await mine.locator('.reaction', { hasText: '🦆 2' }).waitFor();
    await choose('Antworten');
    await alice.locator('#answer').getByText('Antwort auf').waitFor();
    await noSidewaysScrolling(alice);
    await assertAccessible(alice, 'answering');
    await alice.locator('#answer').getByRole('button', { name: 'Abbrechen' }).tap();
    await choose('Bearbeiten');
    await log(alice).getByRole('textbox').fill('kurz');
    await noSidewaysScrolling(alice);
    await log(alice).getByRole('button', { name: 'Speichern' }).tap();
    await log(alice).locator('.said', { hasText: 'kurz' }).getByText('(bearbeitet)').waitFor();
    await noSidewaysScrolling(alice);
    noComplaints(alice);
});

for (const colorScheme of ['light', 'dark']) {
    test(`axe-core finds nothing grave in what was said before (${colorScheme})`, async (t) => {
        const server = await startServer(t, data());
        const bob = await member(t, server, 'bob', 'lobby');
        const browser = await startBrowser(t);
        const alice = await person(browser, server, 'alice', { colorScheme });
        await said(alice, 'first');
        await alice.goto('about:blank');
        await fill(bob, 'lobby', 320);
        await bob.ok('message', { room: 'lobby', content: 'removed' });
        await bob.ok('delete', { room: 'lobby', seq: 322 });
        await bob.ok('message', { room: 'lobby', content: 'an answer', replyTo: 320 });
        await bob.ok('react', { room: 'lobby', seq: 323, emoji: '👍' });
        await alice.goto(`${server.http()}/#lobby`);
        await log(alice).getByText('You missed 22 messages.').waitFor();
        await log(alice).locator('.new-line').waitFor();
        await assertAccessible(alice, 'missed');
        await log(alice).focus();
        await alice.keyboard.press('End');
        await reaction(alice, 'an answer', '👍').click();
        await reaction(alice, 'an answer', '👍 2').waitFor();
        await said(alice, 'mine');
        await act(alice, 'an answer', 'Reply');
        await act(alice, 'mine', 'Edit');
        await assertAccessible(alice, 'editing');
        await alice.keyboard.press('Escape');
        await menuOf(alice, 'an answer');
        await assertAccessible(alice, 'menu');
        await alice.getByRole('menuitem', { name: 'React…' }).click();
        await dialog(alice).waitFor();
        await assertAccessible(alice, 'any reaction');
        await alice.keyboard.press('Escape');
        await closed(alice);
        await message(alice, 'an answer').locator('.quote').click();
        await assertAccessible(alice, 'found');
        noComplaints(alice);
    });
}

/*
 * The page and what was said before: the latest on entering, older and newer pages while one scrolls, where one
 * left off, edits, removals, reactions, answers, how far a message came, and what was missed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, member } from './support/client.mjs';
import { data, fill, range } from './support/log.mjs';
import {
    assertAccessible, closed, composer, dialog, focusIs, inRoom, log, message, noComplaints, noSidewaysScrolling, notice, openTab,
    person, roomTab, said, says, sees, startBrowser, stateIs,
} from './support/page.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

/* In the document, and in the memory of the page. */
const drawn = (tab) => tab.evaluate(() => Array.from(document.querySelectorAll('#rows .said[data-seq]'), (row) => Number(row.dataset.seq)));
const held = (tab) => tab.evaluate(() => window.Chat.active.items.filter((item) => item.seq).map((item) => item.seq));
const holes = (tab) => tab.evaluate(() => window.Chat.active.items.filter((item) => item.kind === 'hole').length);
const inOrder = (numbers, what) => assert.deepEqual(numbers, range(numbers[0], numbers.at(-1)), what);
/* Nothing is left out without a row that says so. */
const assertDrawnInOrder = async (tab) => assert.deepEqual(await tab.evaluate(() => {
    let last = 0;
    return Array.from(document.querySelectorAll('#rows :is([data-seq], .hole)'), (row) => {
        const before = last;
        last = Number(row.dataset.seq ?? 0);
        return before && last && last !== before + 1 ? `${before} and then ${last}` : '';
    }).filter(Boolean);
}), []);
const scrollTo = (tab, top) => tab.evaluate((y) => { document.getElementById('log').scrollTop = y; }, top);
const frame = (tab) => tab.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); }));

/* The first message in view and where it is. */
const reading = (tab) => tab.evaluate(() => {
    const edge = document.getElementById('log').getBoundingClientRect().top;
    const row = Array.from(document.querySelectorAll('#rows .said')).find((one) => one.getBoundingClientRect().bottom > edge + 1);
    return `${row.dataset.seq} at ${Math.round(row.getBoundingClientRect().top - edge)}`;
});

const menuOf = async (tab, text) => {
    await message(tab, text).hover();
    await message(tab, text).getByRole('button', { name: 'What to do with this message' }).click();
};

const act = async (tab, text, item) => {
    await menuOf(tab, text);
    await tab.getByRole('menuitem', { name: item, exact: true }).click();
};

const reaction = (tab, text, emoji) => message(tab, text).locator('.reaction', { hasText: emoji });

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

test('one edits in place what one said', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await said(alice, 'first version');
    await said(bob, 'of bob');
    await message(alice, 'of bob').waitFor();
    const editor = log(alice).getByRole('textbox', { name: 'Edit' });
    await composer(alice).press('ArrowUp');
    await until(() => editor.evaluate((node) => node === document.activeElement), 'the editor');
    assert.equal(await editor.inputValue(), 'first version');
    await editor.fill('never mind');
    await alice.keyboard.press('Escape');
    await focusIs(alice, 'box');
    await message(alice, 'first version').waitFor();

    await composer(alice).press('ArrowUp');
    await editor.fill('second');
    await alice.keyboard.press('Shift+Enter');
    await alice.keyboard.type('version @bob');
    await said(bob, 'in between'); // the row is drawn anew around the editor
    await message(alice, 'in between').waitFor();
    assert.equal(await editor.inputValue(), 'second\nversion @bob');
    await editor.press('Enter');
    for (const tab of [alice, bob]) {
        await message(tab, 'version @bob').getByText('(edited)').waitFor();
        assert.equal(await log(tab).getByText('first version').count(), 0);
    }
    await message(bob, 'version @bob').locator('.mention.mine').waitFor();
    await focusIs(alice, 'box');

    await menuOf(bob, 'version @bob');
    assert.equal(await bob.getByRole('menuitem', { name: 'Edit' }).count(), 0, 'not what others said');
    await bob.keyboard.press('Escape');
    await act(alice, 'version @bob', 'Edit');
    await editor.fill('x'.repeat(100_000));
    await log(alice).getByRole('button', { name: 'Save' }).click();
    await log(alice).getByRole('alert').getByText('too long').waitFor();
    await log(alice).getByRole('button', { name: 'Cancel' }).click();
    await bob.reload();
    await message(bob, 'version @bob').getByText('(edited)').waitFor();
    await composer(bob).fill('not empty');
    await composer(bob).press('ArrowUp');
    assert.equal(await log(bob).getByRole('textbox').count(), 0);
    noComplaints(alice, bob);
});

test('what is too old to be edited says so', async (t) => {
    const server = await startServer(t, data('--edit-window', '1s'));
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await said(alice, 'soon too old');
    await composer(alice).press('ArrowUp');
    const editor = log(alice).getByRole('textbox', { name: 'Edit' });
    let round = 0;
    await until(async () => { // until the second is over
        if (await editor.count() === 0) await composer(alice).press('ArrowUp');
        await editor.fill(`version ${++round}`);
        await editor.press('Enter');
        const late = log(alice).getByRole('alert').getByText('Too late');
        await until(async () => await late.isVisible() || await editor.count() === 0, 'an answer');
        return late.isVisible();
    }, 'too late');
    assert.equal(await editor.inputValue(), `version ${round}`, 'what was typed is kept');
    noComplaints(alice);
});

test('what is removed leaves a tombstone, also for who comes later', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    for (const text of ['stays', 'goes', 'stays too']) await said(alice, text);
    await act(bob, 'goes', '👍');
    await reaction(alice, 'goes', '👍').waitFor();
    await act(alice, 'goes', 'Remove message…');
    await dialog(alice).getByRole('button', { name: 'Remove' }).click();
    await closed(alice);
    await log(bob).getByText('Message taken back').waitFor();
    assert.equal(await log(bob).locator('.reaction').count(), 0);
    const carol = await person(browser, server, 'carol');
    await sees(carol, 'stays too');
    await log(carol).getByText('Message taken back').waitFor();
    assert.equal(await log(carol).getByText('goes').count(), 0);

    // that somebody else did it is known later, too
    await said(bob, 'not here');
    await act(alice, 'not here', 'Remove message…');
    await dialog(alice).getByRole('button', { name: 'Remove' }).click();
    await log(carol).getByText('Message removed by alice').waitFor();
    await carol.reload();
    await log(carol).getByText('Message removed', { exact: true }).waitFor();
    await log(carol).getByText('Message taken back').waitFor();
    noComplaints(alice, bob, carol);
});

test('reactions: a few at hand, any other, counted, mine marked, taken back', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await said(alice, 'cake?');
    await act(bob, 'cake?', '👍');
    await reaction(alice, 'cake?', '👍 1').waitFor();
    assert.equal(await reaction(alice, 'cake?', '👍').getAttribute('aria-pressed'), 'false');
    assert.equal(await reaction(alice, 'cake?', '👍').getAttribute('title'), 'bob');
    assert.equal(await reaction(bob, 'cake?', '👍').getAttribute('aria-pressed'), 'true');
    await reaction(alice, 'cake?', '👍').click();
    await reaction(bob, 'cake?', '👍 2').waitFor();
    assert.equal(await reaction(bob, 'cake?', '👍').getAttribute('title'), 'bob, alice');

    await act(bob, 'cake?', 'React…');
    await dialog(bob).getByLabel('Emoji').fill('not one word');
    await bob.keyboard.press('Enter');
    await dialog(bob).getByRole('alert').waitFor();
    await dialog(bob).getByLabel('Emoji').fill('🍰');
    await bob.keyboard.press('Enter');
    await closed(bob);
    await reaction(alice, 'cake?', '🍰 1').waitFor();
    await act(bob, 'cake?', 'React…'); // the usual ones need no typing
    await dialog(bob).getByRole('button', { name: '🔥' }).click();
    await closed(bob);
    await reaction(alice, 'cake?', '🔥 1').waitFor();

    const carol = await person(browser, server, 'carol');
    await reaction(carol, 'cake?', '👍 2').waitFor();
    assert.equal(await reaction(carol, 'cake?', '👍').getAttribute('title'), null, 'who that was is not known to who came later');
    await reaction(carol, 'cake?', '🍰').click();
    await reaction(carol, 'cake?', '🍰 2').waitFor();
    assert.equal(await reaction(carol, 'cake?', '🍰').getAttribute('title'), 'carol and 1 more');
    await bob.reload();
    await reaction(bob, 'cake?', '👍 2').waitFor();
    assert.equal(await reaction(bob, 'cake?', '👍').getAttribute('aria-pressed'), 'true', 'still mine');
    await reaction(bob, 'cake?', '👍').click();
    await reaction(alice, 'cake?', '👍 1').waitFor();
    await reaction(alice, 'cake?', '👍').click();
    await reaction(alice, 'cake?', '👍').waitFor({ state: 'detached' });
    noComplaints(alice, bob, carol);
});

test('what means something to JavaScript is a name like any other', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice', { room: 'constructor' });
    assert.equal(await composer(alice).inputValue(), '');
    await alice.evaluate(() => window.Chat.enter('__proto__'));
    await inRoom(alice, '__proto__');
    const bob = await member(t, server, 'bob', '__proto__');
    await said(alice, 'hello');
    for (const emoji of ['constructor', '__proto__', '<b>x</b>', '\u202eevil']) {
        await bob.ok('react', { room: '__proto__', seq: 1, emoji });
        await reaction(alice, 'hello', emoji).click();
        await reaction(alice, 'hello', `${emoji} 2`).waitFor();
        assert.equal(await reaction(alice, 'hello', emoji).getAttribute('title'), 'bob, alice');
    }
    await alice.reload();
    await reaction(alice, 'hello', 'constructor 2').waitFor();
    assert.equal(await log(alice).locator('b').count(), 0);
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

test('how far a message came is shown: on its way, sent, stored, failed and sent again', async (t) => {
    const browser = await startBrowser(t);
    for (const [args, mark] of [[data(), 'Sent and stored'], [[], 'Sent']]) {
        const server = await startServer(t, args);
        const alice = await person(browser, server, 'alice');
        await says(alice, 'hello');
        await message(alice, 'hello').getByRole('img', { name: mark, exact: true }).waitFor();
        const bob = await person(browser, server, 'bob');
        await message(bob, 'hello').waitFor();
        assert.equal(await message(bob, 'hello').locator('.mark').count(), 0, 'for the author only');
        // what it means is said to who cannot hover: to a finger, to a screen reader, and in the help
        await message(alice, 'hello').locator('.mark').click();
        await alice.locator('#toast').getByText(mark, { exact: true }).waitFor();
        assert.match(await message(alice, 'hello').getAttribute('aria-label'), new RegExp(`^alice, .*, ${mark}$`));
        assert.match(await message(bob, 'hello').getAttribute('aria-label'), /^alice, \d+:\d+$/);
        await says(alice, '/help');
        await dialog(alice).locator('.keys div').filter({ hasText: /^✓✓Sent and stored$/ }).waitFor();
        await alice.keyboard.press('Escape');
        await closed(alice);

        await alice.evaluate(() => { // the next message is damaged on its way
            const { send } = WebSocket.prototype;
            WebSocket.prototype.send = function (text) {
                if (!text.includes('"message"')) return send.call(this, text);
                WebSocket.prototype.send = send;
                return send.call(this, text.replace('"content"', '"contents"'));
            };
        });
        await says(alice, 'once more');
        const failed = log(alice).locator('.pending.failed');
        await failed.getByText('Not sent.').waitFor();
        await failed.getByRole('button', { name: 'Send again' }).click();
        await message(alice, 'once more').getByRole('img', { name: mark, exact: true }).waitFor();
        await sees(bob, 'once more');
        assert.equal(await log(alice).locator('.pending').count(), 0);
        noComplaints(alice, bob);
    }
});

test('what was said and is not stored, or not yet, is marked as that', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await fragile(browser, server, 'alice');
    const refuse = (code) => alice.evaluate((why) => { // the next ok of a message
        window.tamper = (text) => {
            const { id, room, durable } = JSON.parse(text);
            if (!durable) return text;
            window.tamper = null;
            return JSON.stringify({ type: 'error', id, room, code: why, message: 'not stored' });
        };
    }, code);
    const marked = (text, name) => message(alice, text).getByRole('img', { name, exact: true }).waitFor();
    await refuse('internal');
    await says(alice, 'one');
    await marked('one', 'Sent, but not stored');
    await refuse('unavailable');
    await says(alice, 'two');
    await marked('two', 'Sent');
    await marked('two', 'Sent and stored'); // asked for again after a while
    assert.equal(await log(alice).locator('.pending').count(), 0, 'the others have heard both');
    assert.deepEqual(await held(alice), [1, 2]);
    noComplaints(alice);
});

/* A tab whose line the test can cut, and keep cut while `shut`; `tamper` changes what comes over it. */
async function fragile(browser, server, name) {
    const tab = await openTab(browser, 'about:blank');
    await tab.addInitScript(() => {
        const Plain = window.WebSocket;
        window.WebSocket = class extends Plain {
            constructor(url, protocol) {
                super(window.shut ? url.replace('/ws', '/not') : url, protocol);
                window.line = this;
            }

            set onmessage(act) {
                super.onmessage = (event) => act({ data: window.tamper ? window.tamper(event.data) : event.data });
            }
        };
    });
    await tab.goto(`${server.http()}/#lobby`);
    await tab.locator('#door-name').fill(name);
    await tab.keyboard.press('Enter');
    await inRoom(tab, 'lobby');
    return tab;
}

const cut = async (tab) => {
    await tab.evaluate(() => {
        window.shut = true;
        window.line.close();
    });
    await stateIs(tab, 'Reconnecting');
};

const mend = async (tab) => {
    await tab.evaluate(() => { window.shut = false; });
    await until(async () => {
        const again = tab.getByRole('button', { name: 'Try now' });
        if (await again.isVisible()) await again.click({ timeout: 1000 }).catch(() => {});
        return (await tab.locator('html').getAttribute('data-state')) === 'online';
    }, 'to be online');
};

test('what was missed while the line was broken: all of it, or named and fetched', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    const browser = await startBrowser(t);
    const alice = await fragile(browser, server, 'alice');
    await said(alice, 'before');
    await cut(alice);
    await fill(bob, 'lobby', 3, (n) => `few ${n}`);
    await mend(alice);
    await notice(alice, '3 messages were said while you were away.');
    await sees(alice, 'few 3');
    await log(alice).locator('.said', { hasText: 'few 1' }).locator('.new-line').waitFor();
    assert.equal(await log(alice).locator('.hole').count(), 0);

    await cut(alice);
    await fill(bob, 'lobby', 430, (n) => `many ${n}`);
    await mend(alice);
    await until(async () => (await held(alice)).length === 304, 'the latest 300');
    assert.match(await reading(alice), /^13[45] at /, 'it goes on where what was sent begins');
    await log(alice).getByText('You missed 130 messages.').waitFor();
    assert.equal(await holes(alice), 1);
    await log(alice).getByRole('button', { name: 'Show' }).click();
    await until(() => alice.evaluate(() => document.activeElement.dataset.seq === '5'), 'the first that was missed');
    await log(alice).hover();
    await until(async () => {
        await alice.mouse.wheel(0, 1000);
        await assertDrawnInOrder(alice);
        return await holes(alice) === 0;
    }, 'the rest');
    assert.equal((await held(alice)).length, 434);
    noComplaints(alice);
});

test('a room that began anew is shown anew', async (t) => {
    const first = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, first, 'alice');
    await said(alice, 'of the old room');
    await startAgain(t, first);
    await mend(alice);
    await notice(alice, 'This room began anew.');
    assert.equal(await log(alice).getByText('of the old room').count(), 0);
    await said(alice, 'of the new one');
    assert.deepEqual(await held(alice), [1]);
    noComplaints(alice);
});

test('a server that starts again with its data has all that was said', async (t) => {
    const first = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, first, 'alice');
    await said(alice, 'of the first day');
    const second = await startAgain(t, first);
    await mend(alice);
    await notice(alice, 'Connected again.');
    await sees(alice, 'of the first day');
    await said(alice, 'of the second');
    const bob = await connect(t, second, { username: 'bob' });
    await bob.join('lobby', { history: 50 });
    assert.equal((await bob.next({ type: 'message', seq: 2 })).content, 'of the second');
    assert.deepEqual(await held(alice), [1, 2]);
    noComplaints(alice);
});

test('with the keyboard alone', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const { keyboard } = alice;
    await bob.ok('message', { room: 'lobby', content: 'walk to me' });
    await message(alice, 'walk to me').waitFor();
    await log(alice).focus();
    for (const key of ['ArrowUp', 'Enter', 'ArrowRight', 'Enter']) await keyboard.press(key); // the second of the palette
    await reaction(alice, 'walk to me', '❤️ 1').waitFor();
    await log(alice).focus();
    await keyboard.press('ArrowUp');
    const onReaction = () => alice.evaluate(() => document.activeElement.dataset.key === '❤️');
    await until(async () => {
        await keyboard.press('ArrowRight');
        return onReaction();
    }, 'the reaction');
    await bob.ok('react', { room: 'lobby', seq: 1, emoji: '❤️' });
    await reaction(alice, 'walk to me', '❤️ 2').waitFor();
    assert.ok(await onReaction(), 'the focus stays though the row is another one');
    await keyboard.press('Enter');
    await reaction(alice, 'walk to me', '❤️ 1').waitFor();
    assert.ok(await onReaction());

    await log(alice).focus();
    for (const key of ['ArrowUp', 'Enter', 'End']) await keyboard.press(key);
    await until(async () => {
        await keyboard.press('ArrowUp');
        return alice.evaluate(() => document.activeElement.textContent === 'Reply');
    }, 'Reply');
    await keyboard.press('Enter');
    await focusIs(alice, 'box');
    await keyboard.type('here I am');
    await keyboard.press('Enter');
    await message(alice, 'here I am').waitFor();
    await keyboard.press('ArrowUp');
    await keyboard.type('!');
    await keyboard.press('Enter');
    await bob.next({ type: 'edit', seq: 2, content: 'here I am!' });
    await focusIs(alice, 'box');
    await log(alice).focus();
    await keyboard.press('ArrowUp');
    await until(async () => {
        await keyboard.press('ArrowRight');
        return alice.evaluate(() => document.activeElement.dataset.key === 'quote');
    }, 'the quote');
    await keyboard.press('Enter');
    await until(() => alice.evaluate(() => document.activeElement.dataset.seq === '1'), 'what is answered');
    await keyboard.press('Escape');
    await focusIs(alice, 'box');
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

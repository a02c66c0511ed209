/*
 * The page and a line that breaks: how far a message came, what was missed meanwhile, and a server that starts again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, member } from './support/client.mjs';
import { data, fill } from './support/log.mjs';
import {
    closed, dialog, inRoom, log, message, noComplaints, notice, openTab, person, said, says, sees, startBrowser, stateIs,
} from './support/page.mjs';
import { assertDrawnInOrder, held, holes, reading } from './support/rows.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

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

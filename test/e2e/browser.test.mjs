/*
 * The page in a real browser: people in tabs who talk, move between rooms and survive a restart of the
 * server; the page opened from disk; and the smallest classic page, which knows nothing of our dialect.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { connect } from './support/client.mjs';
import { freePort, startServer } from './support/server.mjs';
import { DEADLINE, until } from './support/wait.mjs';

const page = fileURLToPath(new URL('../../web/static/index.html', import.meta.url));
const classic = new URL('fixtures/classic.html', import.meta.url);

async function startBrowser(t) {
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    t.after(() => browser.close());
    return browser;
}

/* A tab with a storage of its own. What the page complains of in its console is an error of the test,
 * but for connections that are meant to fail. */
async function openTab(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 700 }, ...options });
    context.setDefaultTimeout(DEADLINE);
    const tab = await context.newPage();
    tab.complaints = [];
    tab.on('pageerror', (error) => tab.complaints.push(error.stack));
    tab.on('console', (line) => {
        if (line.type() === 'error' && !/WebSocket connection to/.test(line.text())) tab.complaints.push(line.text());
    });
    await tab.goto(url);
    return tab;
}

/* A person at the page, already in the room of the address. */
async function person(browser, server, name, { room = 'lobby', ...options } = {}) {
    const tab = await openTab(browser, `${server.http()}/#${encodeURIComponent(room)}`, options);
    await tab.getByLabel('Your name').fill(name);
    await tab.getByRole('button', { name: 'Connect' }).click();
    await inRoom(tab, room);
    return tab;
}

const inRoom = (tab, room) => tab.getByRole('tab', { name: room, exact: false, selected: true }).waitFor();
const stateIs = (tab, text) => tab.getByRole('status').filter({ hasText: text }).waitFor();
const sees = (tab, text) => tab.getByRole('log').getByText(text, { exact: true }).first().waitFor();
const composer = (tab) => tab.getByLabel('Message', { exact: true });

async function says(tab, text) {
    await composer(tab).fill(text);
    await composer(tab).press('Enter');
}

async function joins(tab, room) {
    await tab.getByRole('button', { name: 'Join a room' }).click();
    await tab.getByLabel('Room name').fill(room);
    await tab.getByLabel('Room name').press('Enter');
    await inRoom(tab, room);
}

const focusIs = (tab, id) => until(() => tab.evaluate((want) => document.activeElement.id === want, id), `the focus on ${id}`);
const membersOf = (tab) => tab.locator('#members .member-name').allTextContents();
const membersAre = (tab, names) => until(async () => String(await membersOf(tab)) === String(names), `members ${names}`);

function noComplaints(...tabs) {
    for (const tab of tabs) assert.deepEqual(tab.complaints, []);
}

test('two tabs talk', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await stateIs(alice, 'Online');
    const bob = await person(browser, server, 'bob');
    await sees(alice, 'bob joined the room');
    await membersAre(alice, ['alice', 'bob']);
    await membersAre(bob, ['alice', 'bob']);

    await says(alice, 'hello bob');
    await sees(bob, 'hello bob');
    await sees(alice, 'hello bob');
    await says(bob, '<img src=x onerror=alert(1)> & "quotes"');
    await sees(alice, '<img src=x onerror=alert(1)> & "quotes"');
    assert.equal(await alice.locator('.line img').count(), 0, 'text is only ever text');

    await composer(bob).pressSequentially('thinking');
    await alice.getByText('bob is typing…').waitFor();
    await composer(bob).fill('');
    await alice.getByText('bob is typing…').waitFor({ state: 'detached' });

    await bob.close();
    await sees(alice, 'bob left the room');
    await membersAre(alice, ['alice']);
    noComplaints(alice, bob);
});

test('equal names are told apart', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const one = await person(browser, server, 'alice');
    const two = await person(browser, server, 'alice');
    await membersAre(one, ['alice', 'alice-2']);
    await two.locator('#me-name').getByText('alice-2').waitFor();
});

test('who was given a name keeps it, over a reload and a restart of the server', async (t) => {
    const port = await freePort();
    const first = await startServer(t, [], { port });
    const browser = await startBrowser(t);
    const one = await person(browser, first, 'alice');
    const two = await person(browser, first, 'alice');
    await membersAre(two, ['alice', 'alice-2']);
    await one.close();
    await membersAre(two, ['alice-2']);
    const address = two.url();
    await two.goto('about:blank'); // a reload, but the old connection is surely gone before the new one comes
    await first.metricUntil('hubbub_sessions', (n) => n === 0, 'nobody');
    await two.goto(address);
    await inRoom(two, 'lobby');
    await membersAre(two, ['alice-2']);

    await first.stop();
    await stateIs(two, 'Reconnecting');
    await startServer(t, [], { port });
    await sees(two, 'Connected again.');
    await membersAre(two, ['alice-2']);
    await two.getByRole('button', { name: 'Disconnect' }).click();
    assert.equal(await two.getByLabel('Your name').inputValue(), 'alice', 'the door offers the name that was typed');
});

test('several rooms as tabs, with unread counts, joined and left', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob', { room: 'garden' });
    await joins(alice, 'garden');
    assert.equal(await alice.evaluate(() => location.hash), '#garden');
    await says(alice, 'hello garden');
    await sees(bob, 'hello garden');

    await alice.getByRole('tab', { name: 'lobby' }).click();
    await says(bob, 'one'); // alice looks elsewhere
    await says(bob, 'two');
    await alice.getByRole('tab', { name: 'garden' }).getByLabel('2 unread').waitFor();
    assert.match(await alice.title(), /^\(2\) #lobby/);
    await alice.getByRole('tab', { name: 'garden' }).click();
    await sees(alice, 'two');
    await until(async () => !/\(/.test(await alice.title()), 'nothing unread');

    // The dialog shows what is open elsewhere.
    await bob.getByRole('button', { name: 'Join a room' }).click();
    await bob.getByRole('button', { name: '#lobby 1 person' }).click();
    await inRoom(bob, 'lobby');
    await sees(bob, 'bob joined the room');

    await alice.getByRole('button', { name: 'Leave room' }).click();
    await focusIs(alice, 'say-text');
    await bob.getByRole('tab', { name: 'garden' }).click();
    await sees(bob, 'alice left the room');
    assert.deepEqual(await alice.getByRole('tab').allTextContents(), ['#lobby']);
    await alice.getByRole('button', { name: 'Leave room' }).click();
    await alice.getByText('You are in no room').waitFor();
    await focusIs(alice, 'open-join');
    assert.equal(await alice.locator('#talk-head').isVisible(), false);
    const { x, width } = await alice.getByRole('main').boundingBox();
    assert.equal(x + width, 1100, 'the middle takes the place of the members');
    noComplaints(alice, bob);
});

test('errors are shown where they belong', async (t) => {
    const server = await startServer(t, ['--max-per-room', '1', '--max-message', '2K']);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');

    const bob = await openTab(browser, `${server.http()}/#lobby`);
    await bob.getByRole('button', { name: 'Connect' }).click();
    await bob.getByRole('alert').getByText('Please enter a name.').waitFor();
    await bob.getByLabel('Your name').fill('bob');
    const room = bob.getByLabel('Room', { exact: true });
    await room.fill('é'.repeat(40)); // 80 bytes
    await bob.getByRole('button', { name: 'Connect' }).click();
    await bob.getByRole('alert').getByText('at most 64 bytes').waitFor();
    await focusIs(bob, 'door-room');
    await bob.evaluate(() => { location.hash = ''; });
    await until(async () => await room.inputValue() === '', 'the room of the address');
    await room.fill('lobby');
    await bob.getByRole('button', { name: 'Connect' }).click();
    await focusIs(bob, 'door-room');
    await bob.getByRole('alert').getByText('This room is full.').waitFor();
    assert.equal(await room.inputValue(), 'lobby', 'what was typed is kept');
    await room.fill('own');
    await bob.getByRole('button', { name: 'Connect' }).click();
    await inRoom(bob, 'own');

    await bob.getByRole('button', { name: 'Join a room' }).click();
    await bob.getByLabel('Room name').fill('lobby');
    await bob.getByLabel('Room name').press('Enter');
    await bob.getByRole('dialog').getByText('This room is full.').waitFor();
    await bob.keyboard.press('Escape');

    await says(alice, 'x'.repeat(3000));
    await alice.getByRole('alert').getByText('Not sent').waitFor();
    assert.equal((await composer(alice).inputValue()).length, 3000, 'what was typed is kept');
    await says(alice, 'shorter');
    await sees(alice, 'shorter');
    assert.equal(await alice.locator('#room-error').isVisible(), false);
    noComplaints(alice, bob);
});

test('the page comes back by itself when the server does, and enters its rooms again', async (t) => {
    const port = await freePort();
    const first = await startServer(t, [], { port });
    const browser = await startBrowser(t);
    const alice = await person(browser, first, 'alice');
    await joins(alice, 'garden');
    await says(alice, 'before');
    await sees(alice, 'before');

    await first.stop();
    await stateIs(alice, 'Reconnecting');
    await alice.getByText(/The server (is restarting|cannot be reached)\. Trying again in \d+\ss\./).waitFor();
    await composer(alice).fill('typed meanwhile');

    const second = await startServer(t, [], { port });
    await stateIs(alice, 'Online');
    await sees(alice, 'Connected again.');
    assert.equal(await composer(alice).inputValue(), 'typed meanwhile');
    await composer(alice).press('Enter');
    await sees(alice, 'typed meanwhile');
    await sees(alice, 'before');
    await until(async () => {
        const { rooms } = (await second.request('/rooms')).json();
        return String(rooms.map((row) => row.room).sort()) === 'garden,lobby';
    }, 'both rooms to be entered again');
    noComplaints(alice);
});

test('the page comes back after a server that died, when asked at once', async (t) => {
    const port = await freePort();
    const first = await startServer(t, [], { port });
    const browser = await startBrowser(t);
    const alice = await person(browser, first, 'alice');
    first.stopped = true; // it does not end well, and that is meant
    first.signal('SIGKILL');
    await stateIs(alice, 'Reconnecting');
    await first.exited();
    await startServer(t, [], { port });
    await until(async () => { // whatever the backoff says
        const again = alice.getByRole('button', { name: 'Try now' });
        if (await again.isVisible()) await again.click({ timeout: 1000 }).catch(() => {});
        return (await alice.locator('#state').getAttribute('data-state')) === 'online';
    }, 'to be online');
    await says(alice, 'back');
    await sees(alice, 'back');
});

test('a reload goes straight in again, disconnect goes out', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await joins(alice, 'garden');
    await alice.reload();
    await inRoom(alice, 'garden');
    await alice.getByRole('tab', { name: 'lobby' }).waitFor();
    await alice.getByRole('button', { name: 'Disconnect' }).click();
    await alice.getByRole('button', { name: 'Connect' }).waitFor();
    await server.metricUntil('hubbub_rooms', (n) => n === 0, 'no rooms');
    await alice.reload();
    await alice.getByLabel('Your name').waitFor();
    assert.equal(await alice.getByLabel('Your name').inputValue(), 'alice', 'the name is remembered');
    await alice.getByRole('button', { name: 'Connect' }).click();
    await inRoom(alice, 'garden');
    await says(alice, 'alone');
    await sees(alice, 'alone');
    assert.deepEqual(await alice.getByRole('tab').allTextContents(), ['#garden'], 'the other rooms are forgotten');
    noComplaints(alice);
});

test('the keyboard is enough', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const tab = await openTab(browser, `${server.http()}/static/index.html`);
    await tab.keyboard.type('alice');
    await tab.keyboard.press('Tab');
    await tab.keyboard.type('lobby');
    await tab.keyboard.press('Enter');
    await inRoom(tab, 'lobby');
    await tab.keyboard.type('first line');
    await tab.keyboard.press('Shift+Enter');
    await tab.keyboard.type('second line');
    await tab.keyboard.press('Enter');
    await sees(tab, 'first line\nsecond line');
    await joins(tab, 'garden');
    await tab.getByRole('tab', { name: 'garden' }).focus();
    await tab.keyboard.press('ArrowUp');
    await inRoom(tab, 'lobby');
    await tab.keyboard.press('ArrowUp');
    await inRoom(tab, 'garden');
    noComplaints(tab);
});

test('a phone shows all of it, and nothing sticks out', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice', { viewport: { width: 360, height: 640 } });
    await joins(alice, 'a-room-with-a-rather-long-name-that-does-not-fit');
    await joins(alice, 'kitchen');
    const [left, right] = await Promise.all([alice.getByRole('tab').last(), alice.locator('#open-join')]
        .map((place) => place.boundingBox()));
    assert.ok(left.x + left.width <= right.x, 'the button stands after the tabs, not on them');
    await says(alice, 'x'.repeat(300));
    await alice.getByRole('log').getByText('xxx').waitFor();
    for (const button of ['Leave room', 'Disconnect', 'Send', '1 person']) {
        await alice.getByRole('button', { name: button }).click({ trial: true });
    }
    assert.equal(await alice.getByText('alice', { exact: true }).locator('visible=true').locator('xpath=self::*[ancestor::ul]').count(), 0);
    await alice.getByRole('button', { name: '1 person' }).click();
    await alice.locator('#members').getByText('alice').waitFor({ state: 'visible' });
    assert.ok(await alice.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth), 'no sideways scrolling');
});

test('the page from disk connects to the address it is given', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await openTab(browser, `${pathToFileURL(page)}#lobby`);
    assert.equal(await alice.getByLabel('Server').inputValue(), 'ws://localhost:8080/ws');
    await alice.getByLabel('Your name').fill('alice');
    await alice.getByLabel('Server').fill(`http://localhost:${server.port}`);
    await alice.getByRole('button', { name: 'Connect' }).click();
    await inRoom(alice, 'lobby');
    const bob = await connect(t, server, { username: 'bob', room: 'lobby' });
    await says(alice, 'from disk');
    await bob.next({ type: 'message', content: 'from disk' });
    noComplaints(alice);

    const lost = await openTab(browser, String(pathToFileURL(page)));
    await lost.getByLabel('Your name').fill('lost');
    await lost.getByLabel('Server').fill(`localhost:${await freePort()}`);
    await lost.getByRole('button', { name: 'Connect' }).click();
    await lost.getByRole('alert').getByText('cannot be reached').waitFor();
});

test('the smallest classic page chats, with its like and with the full page', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const tabs = [];
    for (const name of ['carol', 'dave']) {
        const tab = await openTab(browser, `${classic}?port=${server.port}`);
        const line = (text) => tab.locator('#log li').getByText(text, { exact: true }).waitFor();
        const submit = async (form, value) => {
            await tab.locator(`#${form} input`).fill(value);
            await tab.locator(`#${form} button`).click();
        };
        await submit('who', name);
        await line('connected');
        await submit('where', 'lobby');
        await line(`${name} joined the room`);
        tabs.push({ tab, line, submit });
    }
    const [carol, dave] = tabs;
    await carol.line('dave joined the room');
    await carol.submit('what', 'hello dave');
    await dave.line('carol: hello dave');
    await carol.line('carol: hello dave');

    const alice = await person(browser, server, 'alice');
    await says(alice, 'hello from the full page');
    await dave.line('alice: hello from the full page');
    await dave.submit('what', 'hello full page');
    await sees(alice, 'hello full page');
    await alice.getByRole('button', { name: 'Leave room' }).click();
    await dave.line('alice left the room');
    await dave.submit('where', 'garden');
    await carol.line('dave left the room');
    assert.equal(await carol.tab.locator('#log li').getByText('undefined').count(), 0, 'every frame had what the page prints');
    assert.equal(await dave.tab.locator('#log li').getByText('undefined').count(), 0);
    noComplaints(carol.tab, dave.tab, alice);
});

/*
 * The page for everybody: with the keyboard alone, on a phone, in the dark, enlarged, in German, and
 * what axe-core finds in its main states.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import {
    assertAccessible, choose, closed, composer, createRoom, dialog, enters, focusIs, inRoom, log, message, noComplaints,
    noSidewaysScrolling, openTab, peopleAre, person, roleIs, roomMenu, roomTab, said, says, settingsOf, startBrowser, stateIs,
} from './support/page.mjs';
import { folder, runToEnd, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const pageFolder = fileURLToPath(new URL('../../web/static/', import.meta.url));

for (const colorScheme of ['light', 'dark']) {
    test(`axe-core finds nothing grave (${colorScheme})`, async (t) => {
        const server = await startServer(t);
        const browser = await startBrowser(t);
        const alice = await openTab(browser, server.http(), { colorScheme });
        await assertAccessible(alice, 'door');
        await alice.locator('#door-name').fill('alice');
        await alice.keyboard.press('Enter');
        await inRoom(alice, 'lobby');
        await createRoom(alice, { 'Name of the room': 'yard', Topic: 'Out in the open' });
        const bob = await person(browser, server, 'bob', { room: 'yard' });
        await says(bob, '@alice **look**: `code` and https://example.org\n> a quote');
        await said(bob, 'to be removed');
        await message(alice, 'to be removed').waitFor();
        await roomTab(alice, 'lobby').click();
        await said(bob, 'more @alice');
        await roomTab(alice, 'lobby').waitFor();
        await assertAccessible(alice, 'unread elsewhere');
        await roomTab(alice, 'yard').click();
        await assertAccessible(alice, 'conversation');
        await message(alice, 'to be removed').hover();
        await message(alice, 'to be removed').getByRole('button', { name: 'What to do with this message' }).click();
        await assertAccessible(alice, 'menu');
        await alice.keyboard.press('Escape');
        await composer(alice).pressSequentially('/');
        await alice.getByRole('option').first().waitFor();
        await assertAccessible(alice, 'suggestions');
        await composer(alice).fill('');
        await choose(alice, 'bob', 'Mute…');
        await assertAccessible(alice, 'mute dialog');
        await dialog(alice).getByRole('button', { name: 'Mute', exact: true }).click();
        await closed(alice);
        await bob.locator('#hindrance').waitFor();
        await assertAccessible(bob, 'muted');
        for (const part of ['General', 'Members', 'Bans and mutes', 'Ledger', 'Invitations']) {
            await settingsOf(alice, part);
            await dialog(alice).locator('#settings-pane > *').first().waitFor();
            await assertAccessible(alice, `settings: ${part}`);
            await alice.keyboard.press('Escape');
            await closed(alice);
        }
        await says(alice, '/help');
        await dialog(alice).waitFor();
        await assertAccessible(alice, 'help');
        await alice.keyboard.press('Escape');
        await server.stop();
        await stateIs(alice, 'Reconnecting');
        await says(alice, 'waiting');
        await log(alice).locator('.pending').waitFor();
        await assertAccessible(alice, 'reconnecting');
        noComplaints(alice, bob);
    });
}

test('axe-core finds nothing grave in what operators have', async (t) => {
    const data = folder();
    const server = await startServer(t, ['--data', data, '--admin', 'root']);
    const made = await runToEnd(['token', '--user', 'root', '--name', 'olivia', '--data', data]);
    const browser = await startBrowser(t);
    const bob = await person(browser, server, 'bob');
    const olivia = await openTab(browser, `${server.http()}/#token=${made.stdout.trim()}&room=lobby`);
    await inRoom(olivia, 'lobby');
    await choose(olivia, 'bob', 'Ban from the server…');
    await dialog(olivia).getByRole('button', { name: 'Ban', exact: true }).click();
    await bob.locator('#door-error').getByText('You are banned here.').waitFor();
    await olivia.locator('#me').click();
    await olivia.getByRole('menuitem', { name: 'Server', exact: true }).click();
    for (const part of ['Notice', 'Bans', 'Ledger']) {
        await dialog(olivia).getByRole('tab', { name: part }).click();
        await dialog(olivia).getByRole('tabpanel', { name: part }).locator(part === 'Notice' ? 'textarea' : '.line').waitFor();
        await assertAccessible(olivia, part);
    }
    noComplaints(olivia, bob);
});

test('the keyboard is enough', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const tab = await openTab(browser, `${server.http()}/static/index.html`);
    const { keyboard } = tab;
    await focusIs(tab, 'door-name');
    await keyboard.type('alice');
    await keyboard.press('Tab');
    await keyboard.type('lobby');
    await keyboard.press('Enter');
    await inRoom(tab, 'lobby');
    await focusIs(tab, 'box');
    await keyboard.type('first line');
    await keyboard.press('Shift+Enter');
    await keyboard.type('second line');
    await keyboard.press('Enter');
    await message(tab, 'first line').waitFor();
    assert.equal(await message(tab, 'first line').locator('.text').textContent(), 'first line\nsecond line');

    await keyboard.press('Control+k');
    await focusIs(tab, 'find');
    await keyboard.type('garden');
    await keyboard.press('Enter');
    await inRoom(tab, 'garden');
    await focusIs(tab, 'box');
    await keyboard.press('Alt+ArrowUp');
    await inRoom(tab, 'lobby');
    await keyboard.press('Alt+ArrowDown');
    await inRoom(tab, 'garden');

    // To create a room, from its button on.
    await tab.getByRole('button', { name: 'Create a room' }).focus();
    await keyboard.press('Enter');
    await keyboard.type('cave');
    await keyboard.press('Enter');
    await inRoom(tab, 'cave');
    const bob = await person(browser, server, 'bob', { room: 'cave' });
    await peopleAre(tab, ['alice', 'bob']);
    await focusIs(tab, 'box');

    // Columns, people, a menu, a dialog, and back.
    await keyboard.press('F6');
    await keyboard.press('ArrowDown');
    await keyboard.press('Enter');
    await tab.getByRole('menuitem', { name: 'Mention bob' }).waitFor();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'Enter']) await keyboard.press(key); // Role…
    await dialog(tab).getByText('Role of bob').waitFor();
    for (const key of ['ArrowUp', 'Enter']) await keyboard.press(key); // from guest to member
    await closed(tab);
    await roleIs(bob, 'bob', 'member');
    await until(() => tab.evaluate(() => document.activeElement.dataset.user === 'bob'), 'the focus where it was');

    // A message: walked to, acted on.
    await said(bob, 'walk to me');
    await message(tab, 'walk to me').waitFor();
    await log(tab).focus();
    await keyboard.press('ArrowUp');
    await keyboard.press('Enter');
    await tab.getByRole('menuitem', { name: 'Copy text' }).waitFor();
    await keyboard.press('Escape');
    await keyboard.press('?');
    await dialog(tab).getByText('walk through messages').waitFor();
    await keyboard.press('Escape');
    await closed(tab);
    await keyboard.press('Escape');
    await focusIs(tab, 'box');

    // Parts of the settings.
    await tab.getByRole('button', { name: 'More about this room' }).focus();
    await keyboard.press('Enter');
    await keyboard.press('Enter');
    await dialog(tab).getByRole('tab', { name: 'General', selected: true }).waitFor();
    await keyboard.press('ArrowRight');
    await dialog(tab).locator('.line', { hasText: 'bob' }).waitFor();
    await keyboard.press('Escape');
    await closed(tab);
    noComplaints(tab, bob);
});

test('what is new is read out, and nothing else', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    assert.equal(await alice.locator('#announcer').getAttribute('aria-live'), 'polite');
    await said(bob, 'are you there?');
    await alice.locator('#announcer').getByText('bob: are you there?').waitFor({ state: 'attached' });
    await said(alice, 'I am');
    await message(bob, 'I am').waitFor();
    assert.equal(await alice.locator('#announcer').textContent(), 'bob: are you there?', 'the own words are known');
    assert.equal(await log(alice).getAttribute('aria-live'), 'off', 'rows that scrolling brings are not news');
    noComplaints(alice, bob);
});

test('on a phone there is one pane at a time, and nothing sticks out', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice', { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
    const visible = async (...ids) => {
        for (const id of ['rooms-nav', 'log', 'people-online']) {
            await alice.locator(`#${id}`).waitFor({ state: ids.includes(id) ? 'visible' : 'hidden' });
        }
        await noSidewaysScrolling(alice);
    };
    await visible('log');
    await said(alice, 'x'.repeat(300));
    await noSidewaysScrolling(alice);
    await alice.getByRole('button', { name: /^Rooms/ }).click();
    await visible('rooms-nav');
    await stateIs(alice, 'Online');
    await enters(alice, 'a-room-with-a-rather-long-name-that-does-not-fit');
    await visible('log');
    await alice.getByRole('button', { name: /^People in this room/ }).click();
    await alice.locator('.person').first().waitFor();
    await noSidewaysScrolling(alice);
    await alice.getByRole('button', { name: 'Close' }).click();
    await visible('log');
    for (const name of ['Send', 'More about this room']) {
        const { width, height } = await alice.getByRole('button', { name }).boundingBox();
        assert.ok(width >= 44 && height >= 44, `${name} is for thumbs`);
    }
    await alice.getByRole('button', { name: /^Rooms/ }).click();
    await createRoom(alice, { 'Name of the room': 'tent' });
    await settingsOf(alice, 'General');
    await dialog(alice).getByRole('button', { name: 'Save' }).click({ trial: true });
    await noSidewaysScrolling(alice);
    await alice.keyboard.press('Escape');
    await closed(alice);
    await assertAccessible(alice, 'phone');
    noComplaints(alice);
});

test('enlarged to 200 % everything is there', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    // What a window of 1280 x 800 leaves at that zoom.
    const alice = await person(browser, server, 'alice', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });
    await said(alice, 'large');
    await noSidewaysScrolling(alice);
    await alice.getByRole('button', { name: /^Rooms/ }).click();
    await createRoom(alice, { 'Name of the room': 'hall' });
    await roomMenu(alice, 'Room settings');
    await dialog(alice).getByRole('button', { name: 'Save' }).click({ trial: true });
    await alice.keyboard.press('Escape');
    await closed(alice);
    await alice.getByRole('button', { name: /^People in this room/ }).click();
    await alice.locator('.person').first().click({ trial: true });
    noComplaints(alice);
});

test('dark by the system, light by choice, in German, and it stays so', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice', { colorScheme: 'dark' });
    const brightness = () => alice.evaluate(() => getComputedStyle(document.querySelector('.talk')).backgroundColor.match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0));
    assert.ok(await brightness() < 200, 'dark as the system is');
    await alice.locator('#me').click();
    await alice.getByRole('menuitemradio', { name: 'Light' }).click();
    assert.ok(await brightness() > 700, 'light by choice');
    await alice.locator('#me').click();
    await alice.getByRole('menuitemradio', { name: 'Deutsch' }).click();
    await alice.getByText('Deine Räume').waitFor();
    await alice.reload();
    await alice.locator('#my-rooms .room').first().waitFor();
    await alice.getByText('Deine Räume').waitFor();
    assert.ok(await brightness() > 700);
    assert.equal(await alice.locator('html').getAttribute('lang'), 'de');

    const german = await openTab(browser, server.http(), { locale: 'de-AT' });
    await german.getByLabel('Dein Name').waitFor();
    const french = await openTab(browser, server.http(), { locale: 'fr-FR' });
    await french.getByLabel('Your name').waitFor();

    const still = await person(browser, server, 'still', { reducedMotion: 'reduce' });
    assert.ok(await still.evaluate(() => Array.from(document.querySelectorAll('*')).every((node) => parseFloat(getComputedStyle(node).transitionDuration) === 0)), 'nothing moves');
    noComplaints(alice, german, french, still);
});

test('one is told of being meant while looking elsewhere, if one wants it', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await alice.evaluate(() => { // the browser's own cannot be seen from here
        window.shown = [];
        window.Notification = class {
            static permission = 'default';

            static async requestPermission() { return (this.permission = 'granted'); }

            constructor(title, options) { window.shown.push([title, options.body]); }
        };
    });
    await said(bob, '@alice one');
    await alice.locator('#me').click();
    await alice.getByRole('menuitem', { name: 'Notify me when I am mentioned' }).click();
    await said(bob, '@alice two');
    await message(alice, '@alice two').waitFor();
    await alice.evaluate(() => Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' }));
    await said(bob, 'not for anybody');
    await said(bob, '@alice three');
    await until(async () => (await alice.evaluate(() => window.shown.length)) > 0, 'a notification');
    assert.deepEqual(await alice.evaluate(() => window.shown), [['bob · #lobby', '@alice three']]);
    noComplaints(alice, bob);
});

test('comments and indentation stay at home, lines and texts do not', () => {
    const scripts = readdirSync(pageFolder).filter((name) => name.endsWith('.js'));
    const both = (name) => [readFileSync(pageFolder + name, 'utf8'), execFileSync('sed', ['-f', `${pageFolder}../lean.sed`, pageFolder + name], { encoding: 'utf8' })];
    for (const name of scripts) {
        const [kept, sent] = both(name);
        assert.equal(sent.split('\n').length, kept.split('\n').length, `${name}: what is wrong in line 40 is wrong in line 40`);
        assert.doesNotMatch(sent, /^ |^\/\*|; \/\/ [^'"`]*$/m, name);
        new vm.Script(sent, { filename: name });
        for (const [text] of sent.matchAll(/'(?:[^'\\\n]|\\.)*'/g)) assert.ok(kept.includes(text), `${name}: ${text}`);
    }
    // A style sheet says the same with fewer spaces.
    const [style, lean] = both('chat.css');
    const bare = (text) => text.replace(/\/\*[^]*?\*\/|\s/g, '').replaceAll(';}', '}');
    assert.equal(lean.split('\n').length, style.split('\n').length);
    assert.equal(bare(lean), bare(style));
    assert.ok(lean.length < style.length * 0.95);
    // A text over several lines could be taken for code with comments.
    const table = (text) => text.split('new Map(`')[1].split('`')[0].split('\n').map((line) => line.trim());
    const [kept, sent] = both('i18n.js').map(table);
    assert.ok(kept.length > 300);
    assert.deepEqual(sent, kept);
});

test('the page weighs less than 60 KiB, file by file as it is sent, and needs nothing from elsewhere', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const tab = await person(browser, server, 'alice');
    const loaded = await tab.evaluate(() => performance.getEntriesByType('resource').map((one) => one.name));
    const files = [server.http() + '/', ...new Set(loaded.filter((address) => address.startsWith('http')))];
    assert.deepEqual(files.map((address) => new URL(address).pathname.slice(1) || 'index.html').sort(), [...readdirSync(pageFolder).filter((name) => !name.endsWith('.js')), 'hubbub.js', 'page.js'].sort(), 'all of its files, its scripts as one, and no others');
    let weight = 0;
    for (const address of files) {
        const { headers } = await server.request(new URL(address).pathname, { headers: { 'Accept-Encoding': 'gzip' } });
        assert.equal(headers['content-encoding'], 'gzip', address);
        weight += Number(headers['content-length']);
    }
    assert.ok(weight < 60 * 1024, `${weight} bytes`);
    const html = readFileSync(`${pageFolder}index.html`, 'utf8');
    assert.doesNotMatch(html, /\sstyle=|\son\w+=|<script>|<style|https?:/, 'nothing that a strict policy forbids');
    const policy = (await server.request('/')).headers['content-security-policy'];
    assert.match(policy, /default-src 'self'/);
    assert.doesNotMatch(policy, /unsafe/);
});

/*
 * Makes the pictures of the README anew: node web/screenshots.mjs, with the server built (or named by HUBBUB), Chromium,
 * a font with emoji (fonts-noto-color-emoji), and `npm ci` done in test/. The sleeve is drawn here.
 */
import { writeFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { pngOf } from '../test/e2e/support/files.mjs';
import { data } from '../test/e2e/support/log.mjs';
import { createRoom, enters, inRoom, message, person, roomMenu, roomTab, says, startBrowser } from '../test/e2e/support/page.mjs';
import { startServer } from '../test/e2e/support/server.mjs';
import { until } from '../test/e2e/support/wait.mjs';

const SLEEVE = `<body style="margin:0"><svg width="320" height="112" viewBox="0 0 960 336" font-family="sans-serif">
    <rect width="960" height="336" fill="#1f3b4d"/><circle cx="700" cy="150" r="110" fill="#f2b84b"/>
    <path d="M0 270l160-110 110 60 170-140 190 150 130-80 200 120v66H0z" fill="#2f6f73"/>
    <path d="M0 310l220-80 200 50 210-90 330 100v46H0z" fill="#14262f"/>
    <text x="50" y="80" font-size="56" font-weight="700" fill="#f7ead2">Half-finished songs</text>
    <text x="52" y="126" font-size="36" fill="#f2b84b">volume two</text></svg>`;

const end = [];
const t = { after: (act) => end.unshift(act) };
const option = { viewport: { width: 1160, height: 720 } };

/* The browser packs for speed: without its filters the large plain areas take a fifth less. */
function lighter(png) {
    const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
    const packed = [];
    for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at))
        if (png.toString('latin1', at + 4, at + 8) === 'IDAT') packed.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
    const lines = inflateSync(Buffer.concat(packed));
    const line = 1 + width * 3;
    for (let y = 0; y < height; y++) {
        for (let x = 1; x < line; x++) { // what was taken off each byte: RFC 2083, 6
            const at = y * line + x;
            const [left, up, corner] = [x > 3 && lines[at - 3], y && lines[at - line], x > 3 && y && lines[at - line - 3]].map(Number);
            const paeth = [left, up, corner].map((one) => Math.abs(left + up - corner - one));
            const near = paeth[0] <= paeth[1] && paeth[0] <= paeth[2] ? left : paeth[1] <= paeth[2] ? up : corner;
            lines[at] += [0, left, up, (left + up) >> 1, near][lines[y * line]];
        }
        lines[y * line] = 0;
    }
    return pngOf(width, height, lines);
}

const shot = async (tab, name) => writeFileSync(new URL(name, import.meta.url), lighter(await tab.screenshot()));

async function drawn(browser) {
    const tab = await browser.newPage({ viewport: { width: 320, height: 112 } });
    await tab.setContent(SLEEVE);
    const picture = await tab.screenshot();
    await tab.close();
    return picture;
}

async function said(tab, text) {
    await says(tab, text);
    await until(() => tab.evaluate(() => window.Chat.hub.outbox.length === 0), `${text} to be said`);
}

/* Says it with a file, from the page. */
async function shares(tab, name, bytes, text) {
    await tab.locator('#attach-file').setInputFiles([{ name, mimeType: 'application/octet-stream', buffer: bytes }]);
    await tab.locator('#tray li').waitFor();
    await tab.locator('#tray progress').waitFor({ state: 'detached' });
    await said(tab, text);
}

const react = (tab, text, ...emoji) => message(tab, text).evaluate((row, all) =>
    Promise.all(all.map((one) => window.Chat.react(window.Chat.active, row.item, one))), emoji);

async function reply(tab, to, text) {
    await message(tab, to).evaluate((row) => window.Chat.answer(window.Chat.active, row.item));
    await said(tab, text);
}

async function take() {
    const server = await startServer(t, data('--no-rate-limits'));
    const browser = await startBrowser(t);
    const enter = (name) => person(browser, server, name, option);
    const [alice, bob, carol, dave, erin] = [await enter('alice'), await enter('bob'), await enter('carol'), await enter('dave'), await enter('erin')];
    const on = (tab, act, ...values) => tab.evaluate(([verb, all]) => window.Chat.hub[verb](...all), [act, values]);

    await createRoom(alice, { 'Name of the room': 'studio', Title: 'Studio', Topic: 'Sounds, sketches and half-finished songs' });
    await createRoom(bob, { 'Name of the room': 'kitchen', Title: 'Kitchen' });
    await createRoom(carol, { 'Name of the room': 'book-club', Title: 'Book club' });
    await createRoom(carol, { 'Name of the room': 'release-notes', Title: 'Release notes', Restricted: true });
    await enters(alice, 'kitchen');
    for (const tab of [bob, carol, dave, erin]) await enters(tab, 'studio');
    for (const [name, role] of [['bob', 'moderator'], ['dave', 'member'], ['erin', 'member']]) await on(alice, 'role', 'studio', name, role);
    const olivia = await enter('olivia');
    await enters(olivia, 'studio');
    await on(alice, 'role', 'studio', 'olivia', 'member');
    await olivia.context().close();

    await roomTab(alice, 'studio').click();
    await said(alice, 'Welcome to the studio, everybody');
    await shares(bob, 'sleeve.png', await drawn(browser), 'Morning! The sleeve is back from the printer:');
    await message(alice, 'The sleeve').locator('img').evaluate((image) => image.decode());
    await react(carol, 'The sleeve', '❤️', '🎉');
    await react(dave, 'The sleeve', '❤️');
    await react(alice, 'The sleeve', '❤️');
    await roomTab(alice, 'lobby').click();
    await inRoom(alice, 'lobby');
    await reply(dave, 'The sleeve', 'It is *just* right. **Do not touch it again.**');
    await shares(carol, 'verse-2.flac', Buffer.alloc(2_310_000, 7), 'Listening … there is still a click at `1:47`');
    await said(erin, '@alice shall I order 200 of them?');
    await roomTab(alice, 'studio').click();
    await inRoom(alice, 'studio');
    await reply(alice, 'shall I order', 'Yes please! And the click is my guitar cable, sorry');
    await message(alice, 'Yes please').getByRole('img', { name: 'Sent and stored' }).waitFor();
    await react(erin, 'Yes please', '🎸');

    await on(dave, 'dm', 'alice', 'have you got a minute?');
    await alice.locator('#my-talks .count').waitFor();
    await roomTab(bob, 'kitchen').click();
    await said(bob, 'Soup is ready');
    await said(bob, '@alice there is one bowl left');
    await roomTab(alice, 'kitchen').locator('.mentions').waitFor();
    await roomTab(bob, 'studio').click();
    await alice.evaluate(() => window.Chat.refreshRooms());
    await carol.locator('#box').pressSequentially('I will recut it');
    await alice.getByText('carol is typing').waitFor();
    await alice.locator('#log').evaluate((log) => { log.scrollTop = log.scrollHeight; });
    await shot(alice, 'screenshot.png');

    await alice.emulateMedia({ colorScheme: 'dark' });
    await roomMenu(alice, 'Room settings');
    await until(() => alice.locator('#settings-pane input').first().inputValue().then((title) => title === 'Studio'), 'the settings');
    await shot(alice, 'screenshot-settings.png');
}

await take().finally(async () => { for (const act of end) await act(); });

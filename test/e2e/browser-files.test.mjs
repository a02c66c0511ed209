/*
 * Files on the page, in Chromium: chosen, pasted and dropped; on their way, and in the conversation.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bomb, png } from './support/files.mjs';
import { data } from './support/log.mjs';
import { closed, composer, focusIs, person, startBrowser, stateIs } from './support/page.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const choose = (tab, ...files) => tab.locator('#attach-file').setInputFiles(files.map(([name, bytes, mimeType = 'application/octet-stream']) => ({ name, mimeType, buffer: Buffer.from(bytes) })));
/* All are there, and none was refused. */
async function done(tab, n) {
    await tab.waitForFunction((count) => document.querySelectorAll('#tray li').length === count && !document.querySelector('#tray progress'), n);
    assert.deepEqual(await tab.locator('#tray .failed').allTextContents(), []);
}
const calm = (tab) => assert.deepEqual(tab.complaints, []);

/* A file that comes with an event of this kind, as from another window or a screenshot. */
const bring = (tab, selector, kind, name, type, bytes) => tab.locator(selector).evaluate((node, [event, file, mime, base64]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], file, { type: mime }));
    const made = event === 'paste' ? new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true })
        : new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true });
    return node.dispatchEvent(made);
}, [kind, name, type, Buffer.from(bytes).toString('base64')]);

test('pictures are shown where they were said, other files are saved', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await choose(alice, ['lines.png', png(600, 300)], ['notes.txt', 'some notes']);
    await done(alice, 2);
    await alice.locator('#send').click();
    for (const tab of [alice, bob]) {
        const picture = tab.locator('#rows .picture img');
        await picture.waitFor();
        await tab.waitForFunction(() => document.querySelector('#rows .picture img').naturalWidth > 0);
        assert.deepEqual(await picture.evaluate((image) => [image.getAttribute('width'), image.getAttribute('height'), image.naturalWidth, new URL(image.src).protocol]), ['320', '160', 480, 'blob:']);
    }
    assert.ok((await bob.locator('#rows .file').boundingBox()).height < 60, 'not as high as the picture beside it');
    assert.equal(await alice.locator('#tray').isHidden(), true);
    const saved = bob.waitForEvent('download');
    await bob.locator('#rows .file').click();
    const download = await saved;
    assert.equal(download.suggestedFilename(), 'notes.txt');
    assert.equal(readFileSync(await download.path(), 'utf8'), 'some notes');

    await bob.locator('#rows .picture').click();
    await bob.waitForFunction(() => (document.querySelector('dialog .picture-whole') || {}).naturalWidth === 600);
    assert.deepEqual(await bob.getByRole('dialog').getByRole('button').evaluateAll((all) => all.map((one) => one.ariaLabel || one.textContent)), ['Close', 'Save']);
    await bob.keyboard.press('Escape');
    await closed(bob);
    await bob.reload(); // from the history
    await bob.waitForFunction(() => (document.querySelector('#rows .picture img') || {}).naturalWidth === 480);
    [alice, bob].forEach(calm);
});

test('a large picture takes the window, and not more', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    for (const [i, [width, height]] of [[2000, 600], [700, 2000]].entries()) {
        await choose(alice, [`${i}.png`, png(width, height)]);
        await done(alice, 1);
        await focusIs(alice, 'box'); // to write on, or send
        await alice.keyboard.press('Enter');
        await alice.getByRole('button', { name: `Open ${i}.png` }).click();
        await alice.waitForFunction((want) => (document.querySelector('dialog .picture-whole') || {}).naturalWidth === want, width);
        const [image, box, inner] = await alice.evaluate(() => [...['.picture-whole', 'dialog'].map((one) => {
            const { width: w, height: h } = document.querySelector(one).getBoundingClientRect();
            return [w, h];
        }), [innerWidth, innerHeight]]);
        assert.ok(image[0] > inner[0] * 0.9 || image[1] > inner[1] * 0.75, `${image} of ${inner}`);
        assert.ok(Math.abs(image[0] / image[1] - width / height) < 0.05 * width / height, 'as it is');
        assert.ok(box[0] <= inner[0] && box[1] <= inner[1]);
        assert.ok(await alice.evaluate(() => { const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.querySelector('dialog'); return scrollWidth <= clientWidth && scrollHeight <= clientHeight; }), 'all of it is in view');
        await alice.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
        await closed(alice);
    }
    calm(alice);
});

test('a picture that cannot be had is asked for again, then there is a link to it', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    let asked = 0;
    await bob.route('**/thumbnail', (route) => (++asked === 1 ? route.fulfill({ status: 404 }) : route.fallback()));
    await alice.route('**/thumbnail', (route) => route.fulfill({ status: 404 }));
    await choose(alice, ['lines.png', png(600, 300)]);
    await done(alice, 1);
    await alice.locator('#send').click();
    await bob.waitForFunction(() => (document.querySelector('#rows .picture img') || {}).naturalWidth === 480);
    assert.equal(asked, 2);
    await alice.locator('#rows .file', { hasText: 'lines.png' }).waitFor();
    assert.equal(await alice.locator('#rows .picture').count(), 0);
});

test('the end stays in view, whatever size a picture turns out to have; and it is read out by its name', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await alice.evaluate(() => { // as from a server that cannot tell
        const { prototype } = window.Chat.Room;
        const { made } = prototype;
        prototype.made = function (m) {
            return made.call(this, { ...m, files: (m.files || []).map(({ width, height, ...file }) => file) });
        };
    });
    for (let i = 0; i < 20; i++) await bob.evaluate((n) => window.Chat.hub.say('lobby', `line ${n}`), i);
    await choose(bob, ['tall.png', png(200, 300)]);
    await done(bob, 1);
    await bob.locator('#send').click();
    await alice.waitForFunction(() => (document.querySelector('#rows .picture img') || {}).naturalHeight > 200);
    await alice.waitForFunction(() => {
        const { scrollHeight, scrollTop, clientHeight } = document.getElementById('log');
        return scrollHeight - scrollTop - clientHeight < 2;
    });
    await alice.locator('#announcer').getByText('bob: tall.png', { exact: true }).waitFor({ state: 'attached' });
    await choose(bob, ['empty.txt', ''], ['words.txt', 'words']);
    await done(bob, 1);
    [alice, bob].forEach(calm);
});

test('who goes out takes along what waits to be sent, and what failed stays to be seen', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const held = [];
    let asked = 0;
    await alice.route('**/files?*', (route) => { held.push(route); asked++; });
    await choose(alice, ...[1, 2, 3].map((n) => [`${n}.txt`, `text ${n}`]));
    await until(() => held.length === 2, 'two uploads');
    await alice.locator('#me').click();
    await alice.getByRole('menuitem', { name: 'Disconnect' }).click();
    await alice.locator('#door-connect').click();
    await composer(alice).waitFor();
    for (const route of held.splice(0)) await route.fulfill({ status: 400, body: '{}' });
    await choose(alice, ['4.txt', 'text 4'], ['5.txt', 'text 5']);
    await until(() => held.length === 2, 'those of now');
    assert.deepEqual(held.map((route) => new URL(route.request().url()).searchParams.get('name')), ['4.txt', '5.txt']);
    await held[0].fulfill({ status: 507, body: '{"error":{"code":"disk_full","message":"full"}}' });
    await held[1].fallback();
    await alice.locator('#tray .failed').getByText('The server has no room for this file.').waitFor();
    await alice.locator('#send:enabled').click();
    await alice.locator('#rows .file', { hasText: '5.txt' }).waitFor();
    assert.deepEqual(await alice.locator('#tray bdi').allTextContents(), ['4.txt']);
    assert.equal(asked, 4);
    assert.deepEqual(alice.complaints.filter((one) => !/^Failed to load/.test(one)), []);
});

test('what is chosen while there is no line is sent when there is one, and pictures wait for it', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    const held = [];
    await bob.clock.install();
    await bob.route('**/thumbnail', (route) => held.push(route));
    await choose(alice, ['lines.png', png(600, 300)]);
    await done(alice, 1);
    await alice.locator('#send').click();
    await until(() => held.length === 1, 'the picture to be asked for');
    await server.stop();
    await stateIs(alice, 'Reconnecting');
    await stateIs(bob, 'Reconnecting');
    await choose(alice, ['later.txt', 'words']);
    await alice.locator('#tray progress').waitFor();
    await held[0].abort();
    await bob.unroute('**/thumbnail');
    for (let i = 0; i < 5; i++) await bob.clock.runFor(6000); // longer than it would be asked for
    await startAgain(t, server);
    await done(alice, 1);
    await alice.locator('#send').click();
    await bob.locator('#rows .file', { hasText: 'later.txt' }).waitFor();
    await bob.waitForFunction(() => (document.querySelector('#rows .picture img') || {}).naturalWidth === 480);
    for (const tab of [alice, bob]) assert.deepEqual(tab.complaints.filter((one) => !/^Failed to load/.test(one)), []);
});

test('pasted and dropped, with words; taken out again before it is said', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    assert.equal(await bring(alice, '#box', 'paste', 'image.png', 'image/png', png(40, 40)), false, 'the page takes it');
    await done(alice, 1);
    const target = () => alice.evaluate(() => getComputedStyle(document.body, '::after').content);
    assert.equal(await bring(alice, '#log', 'dragover', 'x.txt', 'text/plain', 'x'), false);
    assert.equal(await target(), '"Share files"', 'where it may be dropped');
    await bring(alice, 'html', 'dragleave', 'x.txt', 'text/plain', 'x');
    assert.equal(await target(), 'none', 'it left the window');
    await bring(alice, '#log', 'dragover', 'x.txt', 'text/plain', 'x');
    assert.equal(await bring(alice, '#log', 'drop', 'dropped.txt', 'text/plain', 'dropped'), false);
    await done(alice, 2);
    assert.equal(await target(), 'none');
    await bring(alice, 'body', 'drop', 'mistake.txt', 'text/plain', 'mistake');
    await done(alice, 3);
    await alice.getByRole('button', { name: 'Remove mistake.txt' }).click();
    await done(alice, 2);
    await alice.locator('#box').fill('look at **this**');
    await alice.keyboard.press('Enter');
    await alice.locator('#rows .said strong', { hasText: 'this' }).waitFor();
    await alice.locator('#rows .said .picture').waitFor();
    assert.deepEqual(await alice.locator('#rows .file bdi').allTextContents(), ['dropped.txt']);
    calm(alice);
});

test('what is too large, too many, empty or hostile is said so, and shown as it is', async (t) => {
    const server = await startServer(t, data('--max-file', '10K'));
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const problem = alice.locator('#composer-error');
    await choose(alice, ['large.bin', Buffer.alloc(10241)]);
    await problem.getByText('large.bin is larger than 10 KB.').waitFor();
    await choose(alice, ['empty.bin', '']);
    await problem.getByText('empty.bin is empty.').waitFor();
    await choose(alice, ['first.bin', ''], ['vast.bin', Buffer.alloc(20000)], ['last.bin', '']);
    await problem.getByText('first.bin is empty. vast.bin is larger than 10 KB. last.bin is empty.', { exact: true }).waitFor();
    await choose(alice, ['page.html', '<script>document.title = "owned"</script><h1>x</h1>', 'image/png'],
        ['picture.svg', '<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=\'owned\'"/>', 'image/png'],
        ['<img src=x onerror=alert(1)>.txt', 'x'], ['bomb.png', bomb(30000, 30000, 5000)]);
    await done(alice, 4);
    await alice.locator('#send').click();
    await alice.locator('#rows .file').nth(2).waitFor();
    await alice.locator('#rows .files > *').nth(3).waitFor();
    assert.notEqual(await alice.title(), 'owned');
    assert.equal(await alice.locator('#rows .files img[src^="http"], #rows .files iframe, #rows .files object').count(), 0);
    await choose(alice, ...Array.from({ length: 11 }, (_, i) => [`${i}.txt`, `text ${i}`]));
    await problem.getByText('At most 10 files with one message.').waitFor();
    await done(alice, 10);
    calm(alice);
});

test('without files on the server there is nothing to press', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    assert.equal(await alice.locator('#attach').isHidden(), true);
    await bring(alice, '#log', 'dragover', 'x.txt', 'text/plain', 'x');
    assert.equal(await alice.locator('[data-drop]').count(), 0);
    await bring(alice, '#log', 'drop', 'x.txt', 'text/plain', 'x');
    assert.equal(await alice.locator('#tray').isHidden(), true);
    calm(alice);
});

/* The page tells how far one has read, and one's other tabs and devices know: the line of what is new, what is unread in
 * each room, who is meant where; and the list of mentions, from which one gets there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, member } from './support/client.mjs';
import { data, fill } from './support/log.mjs';
import { assertAccessible, closed, dialog, enters, inRoom, log, message, noComplaints, noSidewaysScrolling, openTab, person, roomTab, said, sees, startBrowser } from './support/page.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const token = (tab) => tab.evaluate(() => window.Chat.hub.token);
const name = (tab) => tab.evaluate(() => window.Chat.hub.userId);

/* The same person in another browser. */
async function device(browser, server, tab, room) {
    const other = await openTab(browser, `${server.http()}/#${new URLSearchParams({ room, token: await token(tab) })}`);
    await inRoom(other, room);
    assert.equal(await name(other), await name(tab));
    return other;
}

/* The same person without a page: what the server says of how far it has read. */
async function asked(t, server, tab, room, seq) {
    const same = await connect(t, server, { username: 'alice', token: await token(tab) });
    await until(async () => {
        const { read } = await same.join(room);
        return read === seq;
    }, `${room} read to ${seq}`);
    await same.close();
}

const unread = (tab, room) => roomTab(tab, room).locator('.count');
const nothing = (tab, room) => until(async () => await unread(tab, room).count() === 0, `nothing unread in ${room}`);

test('what one has read here is read on all devices', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    await bob.join('garden');
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await enters(alice, 'garden');
    await roomTab(alice, 'lobby').click();
    await inRoom(alice, 'lobby');
    await bob.ok('message', { room: 'lobby', content: 'seen' });
    await sees(alice, 'seen');
    await asked(t, server, alice, 'lobby', 1);

    const phone = await device(browser, server, alice, 'garden');
    await enters(phone, 'lobby');
    await roomTab(phone, 'garden').click();
    await inRoom(phone, 'garden');

    // what the one sees the other need not
    await alice.goto('about:blank');
    for (const content of ['one', 'two @alice', 'three']) await bob.ok('message', { room: 'lobby', content });
    await roomTab(phone, 'lobby').getByText('3 unread').waitFor();
    await roomTab(phone, 'lobby').getByText('1 mention').waitFor();
    await alice.goto(`${server.http()}/#lobby`);
    await inRoom(alice, 'lobby');
    await log(alice).locator('.said', { hasText: 'one' }).locator('.new-line').waitFor();
    await nothing(phone, 'lobby');
    await roomTab(phone, 'lobby').click();
    await sees(phone, 'three');
    assert.equal(await phone.locator('.new-line').count(), 0);

    await asked(t, server, phone, 'lobby', 4);
    noComplaints(alice, phone);
});

test('a device that was never here knows what is new', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    await bob.join('garden');
    const alice = await connect(t, server, { username: 'alice' });
    for (const room of ['lobby', 'garden']) {
        await alice.join(room);
        await fill(bob, room, 130);
    }
    await alice.ok('read', { room: 'lobby', seq: 127 });
    await alice.ok('read', { room: 'garden', seq: 10 });
    const browser = await startBrowser(t);
    const tab = await openTab(browser, `${server.http()}/#${new URLSearchParams({ room: 'lobby', token: alice.token })}`);
    await inRoom(tab, 'lobby');
    await log(tab).locator('.said[data-seq="128"] .new-line').waitFor();
    assert.equal(await tab.locator('.new-line').count(), 1);
    await asked(t, server, tab, 'lobby', 130);

    await tab.evaluate(() => window.Chat.join('garden'));
    await unread(tab, 'garden').getByText('120 unread').waitFor();
    const { read } = await alice.join('garden');
    assert.equal(read, 10, 'nobody has looked');
    await roomTab(tab, 'garden').click();
    await log(tab).locator('.said .new-line').waitFor();
    assert.equal((await alice.join('garden')).read, 10, 'the newest is not in view');
    await tab.locator('#to-newest').click();
    await sees(tab, 'line 130');
    await asked(t, server, tab, 'garden', 130);

    // and another tab says so while one looks elsewhere
    await roomTab(tab, 'lobby').click();
    await inRoom(tab, 'lobby');
    await fill(bob, 'garden', 3);
    await unread(tab, 'garden').getByText('3 unread').waitFor();
    await alice.ok('read', { room: 'garden', seq: 132 });
    await unread(tab, 'garden').getByText('1 unread').waitFor();
    await roomTab(tab, 'garden').click();
    await log(tab).locator('.said[data-seq="133"] .new-line').waitFor();
    noComplaints(tab);
});

test('a tab that nobody looks at has not read', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await alice.evaluate(() => Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' }));
    await bob.ok('message', { room: 'lobby', content: 'anybody?' });
    await sees(alice, 'anybody?');
    const same = await connect(t, server, { username: 'alice', token: await token(alice) });
    assert.equal('read' in await same.join('lobby'), false);
    await alice.evaluate(() => {
        delete document.visibilityState;
        document.dispatchEvent(new Event('visibilitychange'));
    });
    await same.next({ type: 'read', seq: 1 });
    noComplaints(alice);
});

test('mentions: marked, counted, listed, and one gets there', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await member(t, server, 'bob', 'lobby');
    await bob.join('den');
    await enters(alice, 'den');
    await bob.ok('message', { room: 'den', content: 'a <b>word</b> with @alice' });
    await message(alice, 'a <b>word</b>').and(alice.locator('.mention-row')).waitFor();
    await said(alice, 'I, @alice, mention myself');
    assert.equal(await message(alice, 'mention myself').and(alice.locator('.mention-row')).count(), 0);
    await roomTab(alice, 'lobby').click();
    await inRoom(alice, 'lobby');
    await bob.ok('message', { room: 'lobby', content: '@alice: first' });
    await fill(bob, 'lobby', 200);
    await bob.ok('message', { room: 'lobby', content: 'of all, @room' });
    await bob.ok('message', { room: 'lobby', content: 'nobody, @alicex' });
    await sees(alice, 'nobody, @alicex');
    assert.equal(await log(alice).locator('.mention', { hasText: /@room|@alicex/ }).count(), 0);

    await alice.locator('#me').click();
    await alice.getByRole('menuitem', { name: 'Mentions of you' }).click();
    const rows = dialog(alice).locator('li button');
    await until(async () => await rows.count() === 2, 'two mentions');
    assert.match(await rows.first().textContent(), /#lobby.*@alice: first/s);
    await assertAccessible(alice, 'mentions');
    await noSidewaysScrolling(alice);
    await rows.first().click();
    await closed(alice);
    await alice.locator('.row.found[data-seq="1"]').waitFor();

    await alice.locator('#me').click();
    await alice.getByRole('menuitem', { name: 'Mentions of you' }).click();
    await rows.filter({ hasText: 'a <b>word</b> with @alice' }).click();
    await inRoom(alice, 'den');
    await alice.locator('.row.found[data-seq="1"]').waitFor();

    // more than fit into one answer
    await fill(bob, 'den', 60, () => 'once more, @alice');
    await alice.locator('#me').click();
    await alice.getByRole('menuitem', { name: 'Mentions of you' }).click();
    const more = dialog(alice).getByRole('button', { name: 'More', exact: true });
    await more.click();
    await until(async () => await rows.count() === 62, 'all mentions');
    await rows.last().filter({ hasText: 'a <b>word</b> with @alice' }).waitFor();
    assert.equal(await more.count(), 0);
    assert.equal(await rows.evaluateAll((all) => all.indexOf(document.activeElement)), 50, 'the first of what came');
    await alice.keyboard.press('Escape');
    await closed(alice);

    // who runs the room calls all of it
    await enters(alice, 'attic');
    const carol = await person(browser, server, 'carol', { room: 'attic' });
    await said(alice, 'hello @room');
    await message(carol, 'hello').locator('.mention.mine').waitFor();
    await carol.locator('#me').click();
    await carol.getByRole('menuitem', { name: 'Mentions of you' }).click();
    await carol.getByText('Nothing found.').waitFor();
    noComplaints(alice, carol);
});

/*
 * Private conversations in the page, in Chromium: begun by a command or from the menu of a person, in a group of their own
 * among the rooms, there again after a reload; and blocks.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    assertAccessible, choose, closed, composer, connectAs, createRoom, dialog, fillIn, inRoom, log, message, newTab, noComplaints, openTab, person, roomMenu, roomTab,
    said, says, sees, startBrowser,
} from './support/page.mjs';
import { data } from './support/log.mjs';
import { startAgain, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const talk = (tab, name) => tab.locator('#my-talks').getByRole('button', { name });
const inTalk = async (tab, name) => {
    await tab.locator('#my-talks [aria-current=true]').waitFor();
    assert.equal(await tab.locator('#room-title').textContent(), name);
};
const unread = (tab, name) => talk(tab, name).locator('.count').waitFor();

test('/msg opens a conversation that only the two have, and a reload finds it again', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const [alice, bob, carol] = [await person(browser, server, 'alice'), await person(browser, server, 'bob'), await person(browser, server, 'carol')];
    assert.ok(await alice.locator('#my-talks-title').isHidden());
    await says(alice, '/msg bob under the <b>rose</b>');
    await inTalk(alice, 'bob');
    await sees(alice, 'under the <b>rose</b>');
    assert.equal(await alice.title(), 'bob – hubbub');
    assert.equal(await composer(alice).getAttribute('placeholder'), 'Message to bob');
    assert.equal(await alice.locator('#online-title').first().textContent(), '2 people');
    await log(alice).getByText('This is where your conversation with bob begins.', { exact: true }).waitFor();
    await alice.locator('.person[data-user=bob]').waitFor();
    assert.deepEqual(await alice.locator('.person').evaluateAll((all) => all.map((one) => // a dot, and what follows the name
        [getComputedStyle(one.querySelector('.avatar'), '::after').content, ...Array.from(one.querySelectorAll('.badge-role'), (badge) => badge.textContent)])),
    [['none', 'you'], ['none']], 'nothing tells who is here, and nobody has a rank');
    assert.equal(await carol.locator('.person .avatar').first().evaluate((one) => getComputedStyle(one, '::after').content), '""');
    await alice.locator('.person[data-user=alice]').click();
    assert.equal(await alice.getByRole('menuitem', { name: 'Role…' }).count(), 0, 'nobody runs it');
    await alice.keyboard.press('Escape');

    await unread(bob, 'alice');
    await inRoom(bob, 'lobby');
    await talk(bob, 'alice').click();
    await inTalk(bob, 'alice');
    await message(bob, 'under the <b>rose</b>').waitFor();
    assert.equal(await log(bob).getByText('under the <b>rose</b>', { exact: true }).count(), 1, 'once');
    await said(bob, 'a thorn');
    await sees(alice, 'a thorn');
    await roomTab(bob, 'lobby').click();
    await said(alice, 'are you there?');
    await unread(bob, 'alice');
    assert.equal(await carol.getByText('rose').count(), 0);
    assert.ok(await carol.locator('#my-talks-title').isHidden());

    await alice.reload();
    await inTalk(alice, 'bob');
    await sees(alice, 'a thorn');
    await bob.reload();
    await inRoom(bob, 'lobby');
    await talk(bob, 'alice').click();
    await sees(bob, 'are you there?');
    await assertAccessible(bob);

    await roomTab(alice, 'lobby').click();
    await says(alice, '/msg nobody x');
    await alice.getByRole('alert').waitFor();
    await says(alice, '/msg bob');
    await inTalk(alice, 'bob');
    for (const one of [alice, bob, carol]) noComplaints(one);
});

test('what was read is not news anywhere, nor after the conversation was closed', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const [alice, bob, carol] = [await person(browser, server, 'alice'), await person(browser, server, 'bob'), await person(browser, server, 'carol')];
    const unreadOf = (tab, name) => talk(tab, name).locator('.count .unseen').allTextContents();
    const counts = (tab, name, want) => until(async () => String(await unreadOf(tab, name)) === want, `${name}: ${want}`);
    await says(alice, '/msg bob hi');
    await inTalk(alice, 'bob');
    await talk(bob, 'alice').click();
    await inTalk(bob, 'alice');
    for (const text of ['one', 'two']) {
        await said(bob, text);
        await sees(alice, text);
    }
    await roomMenu(alice, 'Close conversation');
    await inRoom(alice, 'lobby');
    await alice.evaluate(() => window.Chat.hub.conversations()); // what was sent before was heard
    await says(carol, '/msg alice psst');
    await inTalk(carol, 'alice');
    await said(carol, 'are you there?');
    await counts(alice, 'carol', ' 2 unread');

    // nothing was read of what carol said, all of what bob did
    const token = await alice.evaluate(() => window.Chat.hub.token);
    const phone = await openTab(browser, `${server.http()}/#${new URLSearchParams({ room: 'lobby', token })}`);
    await inRoom(phone, 'lobby');
    await counts(phone, 'carol', ' 2 unread');
    await talk(phone, 'bob').waitFor();
    await roomTab(bob, 'lobby').click();
    await said(bob, 'in the lobby');
    await sees(phone, 'in the lobby');
    assert.deepEqual(await unreadOf(phone, 'bob'), []);

    await alice.reload();
    await inRoom(alice, 'lobby');
    await counts(alice, 'carol', ' 2 unread');
    await said(bob, 'still there');
    await sees(alice, 'still there');
    assert.equal(await talk(alice, 'bob').count(), 0, 'closed');
    await talk(bob, 'alice').click();
    await said(bob, 'three');
    for (const tab of [alice, phone]) await counts(tab, 'bob', ' 1 unread');
    await talk(alice, 'bob').click();
    await sees(alice, 'two'); // what was before is there again
    noComplaints(alice, bob, carol, phone);
});

test('from the menu of a person, with a page in German', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob', { locale: 'de-DE' });
    await composer(alice).fill('half a thought');
    await choose(alice, 'bob', 'Message privately');
    await assertAccessible(alice, 'a first message');
    await alice.keyboard.press('Enter');
    await alice.keyboard.type('hello'); // nothing to say is nothing to send
    await alice.keyboard.press('Enter');
    await closed(alice);
    await inTalk(alice, 'bob');
    assert.equal(await composer(alice).inputValue(), '');
    await roomTab(alice, 'lobby').click();
    assert.equal(await composer(alice).inputValue(), 'half a thought', 'of the room, and stays there');
    await choose(alice, 'bob', 'Message privately');
    await inTalk(alice, 'bob');
    await bob.getByText('Private Gespräche', { exact: true }).waitFor();
    await bob.locator('.person[data-user=alice]').click();
    await bob.getByRole('menuitem', { name: 'Privat schreiben' }).click();
    await inTalk(bob, 'alice');
    await sees(bob, 'hello');
    for (const one of [alice, bob]) noComplaints(one);
});

test('a conversation is offered where it can begin, and who cannot be reached may be away or not', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await createRoom(alice, { 'Name of the room': 'yard' });
    const [bob, carol] = [await person(browser, server, 'bob', { room: 'yard' }), await person(browser, server, 'carol', { room: 'yard' })];
    for (const name of ['bob', 'carol']) await alice.evaluate((user) => window.Chat.hub.role('yard', user, 'member'), name);
    const refusal = 'Nobody of this name can be reached now. A conversation begins while both are here.';
    await bob.evaluate(() => window.Chat.hub.block('alice'));
    await says(alice, '/msg bob hello');
    await alice.getByRole('alert').getByText(refusal).waitFor();
    await composer(alice).fill('');
    await choose(alice, 'carol', 'Message privately');
    await carol.context().close();
    await alice.locator('#people-offline .person[data-user=carol]').waitFor();
    await fillIn(alice, { 'Message to carol': 'hello' }, 'Send');
    await dialog(alice).getByRole('alert').getByText(refusal).waitFor();
    assert.equal(await dialog(alice).getByLabel('Message to carol').inputValue(), 'hello');
    await alice.keyboard.press('Escape');
    await closed(alice);
    await alice.locator('.person[data-user=carol]').click();
    await alice.getByRole('menuitem', { name: 'Mention carol' }).waitFor();
    assert.equal(await alice.getByRole('menuitem', { name: 'Message privately' }).count(), 0, 'she is away');
    await alice.keyboard.press('Escape');

    await bob.evaluate(() => window.Chat.hub.unblock('alice'));
    await says(alice, '/msg bob hello');
    await inTalk(alice, 'bob');
    await bob.context().close();
    await roomTab(alice, 'yard').click();
    await alice.locator('#people-offline .person[data-user=bob]').waitFor();
    await choose(alice, 'bob', 'Message privately');
    await inTalk(alice, 'bob');
    noComplaints(alice);
});

test('a block and its end', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const [alice, bob] = [await person(browser, server, 'alice'), await person(browser, server, 'bob')];
    await says(alice, '/msg bob first');
    await talk(bob, 'alice').click();
    await sees(bob, 'first');
    await roomMenu(bob, 'Block');
    await bob.locator('#hindrance').getByText('You have blocked this person').waitFor();
    await said(alice, 'unheard');
    await bob.reload(); // it is remembered, and shown
    await bob.locator('#hindrance').getByText('You have blocked this person').waitFor();
    assert.equal(await bob.getByText('unheard').count(), 0);
    await said(alice, 'unheard, too');
    await bob.getByRole('button', { name: 'Unblock' }).click();
    await sees(bob, 'unheard');
    await sees(bob, 'unheard, too');
    await said(bob, 'again');
    await sees(alice, 'again');
    await roomMenu(bob, 'Close conversation');
    await until(async () => await talk(bob, 'alice').count() === 0, 'the conversation to be off the list');
    await said(alice, 'come back');
    await unread(bob, 'alice');
    for (const one of [alice, bob]) noComplaints(one);
});

test('a block is one in all tabs, and so is its end', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const [alice, bob] = [await person(browser, server, 'alice'), await person(browser, server, 'bob')];
    await says(alice, '/msg bob first');
    await talk(bob, 'alice').click();
    await sees(bob, 'first');
    const tab = await newTab(bob.context(), `${server.http()}/#lobby`);
    await connectAs(tab, 'bob');
    await talk(tab, 'alice').click();
    await sees(tab, 'first');
    await roomMenu(bob, 'Block');
    for (const one of [bob, tab]) await one.locator('#hindrance').getByText('You have blocked this person').waitFor();
    await said(alice, 'unheard');
    await tab.getByRole('button', { name: 'Unblock' }).click();
    for (const one of [tab, bob]) {
        await sees(one, 'unheard');
        await composer(one).waitFor();
    }
    await said(alice, 'heard');
    for (const one of [tab, bob]) await sees(one, 'heard');

    // whoever is called another name from now on is so in the list, too
    await alice.evaluate(() => {
        window.Chat.here.set('in', 'alison');
        window.Chat.kept.set('name', 'alison');
    });
    await alice.goto('about:blank');
    await server.metricUntil('hubbub_sessions', (n) => n === 2, 'alice to be gone, with her name');
    await alice.goto(`${server.http()}/#lobby`);
    await alice.locator('#me-name').getByText('alison').waitFor();
    await talk(alice, 'bob').click();
    await said(alice, 'it is me');
    for (const one of [tab, bob]) await talk(one, 'alison').waitFor();

    // and one that was away meanwhile learns of it when it comes back
    const session = (one) => one.evaluate(() => window.Chat.hub.state === 'online' && window.Chat.hub.session);
    const before = await session(bob);
    await tab.evaluate(() => { window.Chat.hub.url = window.Chat.hub.url.replace(/ws$/, 'nowhere'); });
    await startAgain(t, server);
    await until(async () => ![false, before].includes(await session(bob)), 'one tab to be back');
    await roomMenu(bob, 'Block');
    await bob.locator('#hindrance').getByText('You have blocked this person').waitFor();
    await tab.evaluate(() => {
        window.Chat.hub.url = window.Chat.hub.url.replace(/nowhere$/, 'ws');
        window.Chat.hub.retry();
    });
    await tab.locator('#hindrance').getByText('You have blocked this person').waitFor();
    await tab.getByRole('button', { name: 'Unblock' }).click();
    await composer(bob).waitFor();
    noComplaints(alice, bob, tab);
});

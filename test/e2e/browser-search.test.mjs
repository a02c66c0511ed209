/* The page looks for what was said: in one room or in all, and goes there, also where one is not in yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, member } from './support/client.mjs';
import { data, fill } from './support/log.mjs';
import { assertAccessible, closed, dialog, inRoom, noComplaints, noSidewaysScrolling, person, roomMenu, says, startBrowser, stateIs } from './support/page.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const results = (tab) => tab.locator('dialog li button');
const found = (tab, n) => until(async () => await results(tab).count() === n, `${n} messages`);

test('messages are found in all rooms or in this one, and one gets there', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    await fill(bob, 'lobby', 400, (n) => (n === 7 ? 'the <b>needle</b> & hay' : `hay ${n}`));
    const carol = await connect(t, server, { username: 'carol' });
    await carol.join('den');
    await carol.ok('message', { room: 'den', content: 'a needle of the den' });
    await carol.ok('create', { room: 'attic', visibility: 'private' });
    await carol.join('attic');
    await carol.ok('message', { room: 'attic', content: 'a needle nobody sees' });

    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await alice.keyboard.press('Control+Shift+F');
    await dialog(alice).waitFor();
    await until(() => alice.evaluate(() => document.activeElement.type === 'search'), 'the focus in it');
    await alice.keyboard.type('Needle');
    await alice.keyboard.press('Enter');
    await found(alice, 2);
    assert.equal(await results(alice).count(), 2);
    await results(alice).filter({ hasText: 'the <b>needle</b> & hay' }).waitFor(); // as text
    await assertAccessible(alice, 'search');
    await noSidewaysScrolling(alice);
    await alice.getByLabel('Only here: #lobby', { exact: true }).check();
    await alice.keyboard.press('Enter');
    await found(alice, 1);

    await results(alice).click();
    await closed(alice);
    await alice.locator('.row.found[data-seq="7"]').waitFor();

    await roomMenu(alice, 'Search messages');
    await alice.keyboard.type('needle den');
    await alice.keyboard.press('Enter');
    await found(alice, 1);
    await results(alice).click();
    await inRoom(alice, 'den');
    await alice.locator('.row.found[data-seq="1"]').waitFor();

    await alice.keyboard.press('Control+Shift+F');
    await alice.keyboard.type('nobody');
    await alice.keyboard.press('Enter');
    await dialog(alice).getByRole('status').getByText('Nothing found.').waitFor();
    assert.ok(await dialog(alice).locator('.error').isHidden(), 'nothing went wrong');
    await found(alice, 0);
    await alice.keyboard.press('Escape'); // closes it, though there is something in the field
    await closed(alice);

    await says(alice, '/search Needle');
    await found(alice, 2);
    assert.equal(await dialog(alice).getByRole('searchbox').inputValue(), 'Needle');
    await alice.keyboard.press('Escape');
    await closed(alice);
    await alice.getByRole('button', { name: 'Search messages' }).click();
    await dialog(alice).waitFor();
    await alice.keyboard.type('needle');
    await alice.keyboard.press('Enter');
    await found(alice, 2);
    noComplaints(alice);
    await server.stop();
    await stateIs(alice, 'Reconnecting');
    await results(alice).filter({ hasText: 'the <b>needle</b>' }).click();
    await closed(alice);
    await alice.locator('.row.found[data-seq="7"]').waitFor();
    assert.deepEqual(alice.complaints.filter((one) => !/^Failed to load/.test(one)), []); // the browser looks for the icon
});

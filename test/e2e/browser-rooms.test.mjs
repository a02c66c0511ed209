/*
 * Rooms that people run, in the page: created, found, restricted, private, with a password or an invitation,
 * their settings, their end; and found again after a restart of the server.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from './support/client.mjs';
import { data } from './support/log.mjs';
import {
    assertAccessible, choose, closed, connectAs, createRoom, dialog, enters, fillIn, inRoom, log, message, noComplaints, notice, openTab, otherRoom,
    peopleAre, person, roleIs, roomMenu, roomTab, said, says, sees, settingsOf, startBrowser, stateIs,
} from './support/page.mjs';
import { folder, freePort, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const KEY = 'Password or invitation code';

test('a room is created, found by others, and renamed', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await createRoom(alice, { 'Name of the room': 'studio', Title: 'The Studio', Topic: 'Half-finished songs' });
    await roleIs(alice, 'alice', 'owner');
    assert.equal(await alice.locator('#room-title').textContent(), 'The Studio');

    await bob.getByRole('searchbox', { name: 'Find or enter a room' }).fill('stu');
    await otherRoom(bob, 'studio').click();
    await inRoom(bob, 'studio');
    await notice(alice, 'bob joined the room');
    await bob.getByText('Half-finished songs').first().waitFor();

    await settingsOf(alice, 'General');
    await fillIn(alice, { Title: 'The Big Studio', Topic: 'Finished songs', 'Slow mode': 'one message every 10 seconds',
        'Newcomers do not see what was said before they came': true }, 'Save');
    await dialog(alice).getByText('Saved.').waitFor();
    await alice.keyboard.press('Escape');
    await closed(alice);
    await bob.locator('#room-title').getByText('The Big Studio').waitFor();
    await bob.locator('#room-topic').getByText('one message every 10 seconds').waitFor();
    await notice(bob, 'alice changed the settings');
    await roomTab(bob, 'studio').getByText('The Big Studio').waitFor();
    await said(alice, 'before carol came');
    const carol = await person(browser, server, 'carol', { room: 'studio' });
    await said(alice, 'hello carol');
    await sees(carol, 'hello carol');
    assert.equal(await log(carol).getByText('before carol came').count(), 0);
    await settingsOf(alice, 'General');
    const hides = dialog(alice).getByRole('checkbox', { name: 'Newcomers do not see' });
    assert.equal(await hides.isChecked(), true);
    await hides.uncheck();
    await fillIn(alice, {}, 'Save');
    await dialog(alice).getByText('Saved.').waitFor();
    await alice.keyboard.press('Escape');
    await closed(alice);
    await roomMenu(carol, 'Leave room');
    await enters(carol, 'studio');
    await sees(carol, 'before carol came');

    // Slow mode: the first goes, the second waits by itself.
    await said(bob, 'one');
    await says(bob, 'two');
    await log(bob).locator('.pending').getByText(/goes out in \d+ s/).waitFor();
    assert.match(await log(bob).locator('.pending .body').textContent(), /^twogoes out in \d+ s$/);
    await says(alice, '/topic Songs');
    await notice(bob, 'alice set the topic: Songs');

    await createRoom(bob, { 'Name of the room': 'other' });
    await bob.getByRole('button', { name: 'Create a room' }).click();
    await fillIn(bob, { 'Name of the room': 'studio' }, 'Create');
    await dialog(bob).getByText('There is already a room of this name.').waitFor();
    noComplaints(alice, bob);
});

test('a password is asked for, told to be wrong, and taken away', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await createRoom(alice, { 'Name of the room': 'vault', Restricted: true, Password: 'open sesame' });

    await bob.getByRole('searchbox', { name: 'Find or enter a room' }).fill('vault');
    await otherRoom(bob, 'vault').click();
    await dialog(bob).getByText('This room asks for a password.').waitFor();
    await fillIn(bob, { [KEY]: 'abracadabra' }, 'Enter');
    await dialog(bob).getByRole('alert').getByText('not the password').waitFor();
    await fillIn(bob, { [KEY]: 'open sesame' }, 'Enter');
    await inRoom(bob, 'vault');
    await peopleAre(bob, ['alice', 'bob']);
    await roomMenu(bob, 'Leave room');
    await inRoom(bob, 'lobby');
    await says(bob, '/join vault open sesame');
    await inRoom(bob, 'vault');
    await roomMenu(bob, 'Leave room');
    await inRoom(bob, 'lobby');

    await settingsOf(alice, 'General');
    await fillIn(alice, { 'Take the password away': true, Public: true }, 'Save');
    await dialog(alice).getByText('Saved.').waitFor();
    await enters(bob, 'vault');
    noComplaints(alice, bob);
});

test('a private room is not there for others, until they are invited', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await createRoom(alice, { 'Name of the room': 'den', Private: true });
    await bob.getByRole('searchbox', { name: 'Find or enter a room' }).fill('den');
    await bob.getByRole('searchbox', { name: 'Find or enter a room' }).press('Enter');
    await dialog(bob).getByText('There is no such room.').waitFor();
    await bob.keyboard.press('Escape');
    await closed(bob);

    // By name: told at once.
    await says(alice, '/invite bob');
    await bob.getByText('alice invites you to #den.').waitFor();
    await bob.locator('.slip').getByRole('button', { name: 'Enter' }).click();
    await inRoom(bob, 'den');
    await roleIs(alice, 'bob', 'member');

    // By a link, for whoever has it.
    await settingsOf(alice, 'Invitations');
    await dialog(alice).getByRole('button', { name: 'Make an invitation' }).click();
    const link = await dialog(alice).getByLabel('Link', { exact: true }).inputValue();
    const carol = await openTab(browser, link);
    assert.doesNotMatch(carol.url(), /invite/, 'the code leaves the address at once');
    await connectAs(carol, 'carol');
    await inRoom(carol, 'den');
    await peopleAre(carol, ['alice', 'bob', 'carol']);
    const dave = await openTab(browser, link); // it was for one
    await connectAs(dave, 'dave');
    await dialog(dave).getByRole('alert').getByText('Or the invitation was used or is too old.').waitFor();

    // By its code, in the dialog and behind the name.
    const code = async () => {
        await dialog(alice).getByRole('button', { name: 'Make an invitation' }).click();
        const field = dialog(alice).getByLabel('Code', { exact: true });
        await until(async () => await field.inputValue() !== last, 'another code');
        last = await field.inputValue();
        return last;
    };
    let last = await dialog(alice).getByLabel('Code', { exact: true }).inputValue();
    await fillIn(dave, { [KEY]: 'no code at all' }, 'Enter');
    await dialog(dave).getByRole('alert').getByText('There is no such room.').waitFor();
    await fillIn(dave, { [KEY]: await code() }, 'Enter');
    await inRoom(dave, 'den');
    await closed(dave);
    const erin = await person(browser, server, 'erin');
    await says(erin, '/join den nonsense');
    await dialog(erin).getByRole('alert').getByText('There is no such room.').waitFor();
    await assertAccessible(erin, 'a room that may be there');
    await erin.keyboard.press('Escape');
    await closed(erin);
    await says(erin, `/join #den ${await code()}`);
    await inRoom(erin, 'den');
    await roleIs(alice, 'erin', 'member');
    noComplaints(alice, bob, carol, dave, erin);
});

test('members are added and removed, and wait outside meanwhile', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await createRoom(alice, { 'Name of the room': 'club', Restricted: true });
    await bob.getByRole('searchbox', { name: 'Find or enter a room' }).fill('club');
    await otherRoom(bob, 'club').click();
    await dialog(bob).getByText('This room needs an invitation').waitFor();
    await fillIn(bob, { [KEY]: 'nonsense' }, 'Enter');
    await dialog(bob).getByRole('alert').getByText('needs an invitation').waitFor();
    await bob.keyboard.press('Escape');

    await settingsOf(alice, 'Members');
    await fillIn(alice, { 'Add a member': 'bob' }, 'Add');
    await dialog(alice).locator('.line', { hasText: 'bob' }).waitFor();
    await enters(bob, 'club');
    await dialog(alice).locator('.line', { hasText: 'bob' }).getByRole('button', { name: 'Remove' }).click();
    await bob.locator('#hindrance').getByText('alice ended your membership of this room.').waitFor();
    await until(async () => await dialog(alice).locator('.line', { hasText: 'bob' }).count() === 0, 'bob off the roster');
    await fillIn(alice, { 'Add a member': 'nobody-at-all' }, 'Add');
    await dialog(alice).getByText('There is nobody of this name.').waitFor();
    noComplaints(alice, bob);
});

test('a room is deleted, by typing its name', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await createRoom(alice, { 'Name of the room': 'attic' });
    await enters(bob, 'attic');
    await settingsOf(alice, 'General');
    await dialog(alice).getByRole('button', { name: 'Delete room' }).click();
    await dialog(alice).getByText('All messages and files').waitFor();
    const name = 'Type the name of the room, attic, to confirm';
    await fillIn(alice, { [name]: 'cellar' }, 'Delete room');
    await dialog(alice).getByText('not the name of this room').waitFor();
    await fillIn(alice, { [name]: 'attic', Reason: 'spring cleaning' }, 'Delete room');
    await bob.locator('#hindrance').getByText('This room was deleted by alice. Reason: spring cleaning').waitFor();
    await closed(alice);
    await bob.getByRole('button', { name: 'Take off the list' }).click();
    await inRoom(bob, 'lobby');
    await roomTab(bob, 'attic').waitFor({ state: 'detached' });
    noComplaints(alice, bob);
});

test('an open room is kept, by the one who made it', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice', { room: 'porch' });
    const bob = await person(browser, server, 'bob', { room: 'porch' });
    await alice.locator('#room-topic').getByText('Open to all; roles and settings end when the last one leaves').waitFor();
    await bob.getByRole('button', { name: 'More about this room' }).click();
    assert.equal(await bob.getByRole('menuitem', { name: 'Keep this room…' }).count(), 0);
    await bob.keyboard.press('Escape');
    await roomMenu(alice, 'Keep this room…');
    await fillIn(alice, { Title: 'The porch' }, 'Keep');
    await closed(alice);
    await bob.locator('#room-title').getByText('The porch').waitFor();
    await settingsOf(alice, 'Members');
    await dialog(alice).locator('.line', { hasText: 'alice' }).getByText('Owner').waitFor();
    noComplaints(alice, bob);
});

test('a room hides what was said before one came, and says so', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const hidden = (tab) => log(tab).locator('.hello', { hasText: 'What was said before you came is hidden in this room.' });
    const begins = (tab) => log(tab).locator('.hello', { hasText: 'This is where #den begins.' });
    const alice = await person(browser, server, 'alice');
    await createRoom(alice, { 'Name of the room': 'den', 'Newcomers do not see what was said before they came': true });
    await said(alice, 'early');
    await begins(alice).waitFor();
    const bob = await person(browser, server, 'bob', { room: 'den' });
    await hidden(bob).waitFor();
    await said(alice, 'now');
    await sees(bob, 'now');
    await hidden(bob).waitFor();
    await bob.reload();
    await sees(bob, 'now');
    await hidden(bob).waitFor();
    assert.equal(await log(bob).getByText('early').count(), 0);
    assert.equal(await log(bob).locator('.hole').count(), 0);
    await alice.reload();
    await sees(alice, 'early');
    await begins(alice).waitFor();

    // a moderator sees all, at once
    await alice.evaluate(() => window.Chat.hub.role('den', 'bob', 'moderator'));
    await sees(bob, 'early');
    await begins(bob).waitFor();
    const carol = await person(browser, server, 'carol', { room: 'den' });
    await hidden(carol).waitFor();
    await assertAccessible(carol, 'a hidden past');
    await settingsOf(alice, 'General');
    await dialog(alice).getByLabel('Newcomers do not see').uncheck();
    await dialog(alice).getByRole('button', { name: 'Save' }).click();
    await sees(carol, 'early');
    await begins(carol).waitFor();
    noComplaints(alice, bob, carol);
});

test('the list of rooms comes in pages', async (t) => {
    const server = await startServer(t);
    const hosts = [await connect(t, server), await connect(t, server)]; // one may be in a hundred rooms
    const names = Array.from({ length: 130 }, (_, i) => `shelf-${String(i).padStart(3, '0')}`);
    for (const [i, room] of names.entries()) await hosts[i % 2].join(room);
    const { cursor } = await hosts[0].ok('rooms');
    assert.ok(cursor, 'more rooms than one answer has');
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const shown = () => alice.locator('#all-rooms .room').count();
    await until(async () => await shown() > 0, 'some rooms');
    for (let before = await shown(); before < names.length; before = await shown()) {
        await alice.getByRole('button', { name: 'Show more rooms' }).click();
        await until(async () => await shown() > before, 'more rooms');
    }
    assert.equal(await shown(), names.length);
    assert.equal(await alice.getByRole('button', { name: 'Show more rooms' }).isVisible(), false);
    await alice.getByRole('searchbox', { name: 'Find or enter a room' }).fill('shelf-07');
    await until(async () => await shown() === 10, 'ten rooms');
    noComplaints(alice);
});

test('a room for friends is as it was after a restart', async (t) => {
    const data = folder();
    const port = await freePort();
    const first = await startServer(t, ['--data', data], { port });
    const browser = await startBrowser(t);
    const alice = await person(browser, first, 'alice');
    const bob = await person(browser, first, 'bob');
    const mallory = await person(browser, first, 'mallory');
    await createRoom(alice, { 'Name of the room': 'hut', Title: 'The hut', Private: true });
    for (const [name, tab] of [['bob', bob], ['mallory', mallory]]) {
        await says(alice, `/invite ${name}`);
        await tab.locator('.slip').getByRole('button', { name: 'Enter' }).click();
        await inRoom(tab, 'hut');
    }
    await choose(alice, 'bob', 'Role…');
    await dialog(alice).getByText('Moderator', { exact: true }).click();
    await fillIn(alice, {}, 'Save');
    await roleIs(bob, 'bob', 'moderator');
    await choose(bob, 'mallory', 'Ban…');
    await fillIn(bob, { Reason: 'noise', Ends: 'never' }, 'Ban');
    await mallory.locator('#hindrance').getByText('You were banned from this room by bob. Reason: noise').waitFor();

    await first.stop();
    await stateIs(alice, 'Reconnecting');
    await startServer(t, ['--data', data], { port });
    for (const tab of [alice, bob]) {
        await until(async () => {
            const again = tab.getByRole('button', { name: 'Try now' });
            if (await again.isVisible()) await again.click({ timeout: 1000 }).catch(() => {});
            return (await tab.locator('html').getAttribute('data-state')) === 'online';
        }, 'to be online');
    }
    await roleIs(alice, 'alice', 'owner');
    await roleIs(alice, 'bob', 'moderator');
    assert.equal(await alice.locator('#room-title').textContent(), 'The hut');
    await said(bob, 'like before');
    await message(alice, 'like before').waitFor();
    await settingsOf(alice, 'Bans and mutes');
    await dialog(alice).locator('.line', { hasText: 'mallory' }).getByText('noise').waitFor();
    noComplaints(alice, bob, mallory);
});

/* Moderation seen from both sides: who does it, whom it is done to, and those who watch. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    assertAccessible, choose, closed, composer, createRoom, dialog, enters, fillIn, inRoom, log, message, noComplaints, notice, openTab, peopleAre,
    person, roleIs, said, says, settingsOf, startBrowser,
} from './support/page.mjs';
import { folder, runToEnd, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

/* A kept room of alice's, with bob and carol in it. */
async function roomOfThree(t, args) {
    const server = await startServer(t, args);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await createRoom(alice, { 'Name of the room': 'yard' });
    const bob = await person(browser, server, 'bob', { room: 'yard' });
    const carol = await person(browser, server, 'carol', { room: 'yard' });
    await peopleAre(alice, ['alice', 'bob', 'carol']);
    return { server, browser, alice, bob, carol };
}

test('kicked: out at once, told why, and free to come back', async (t) => {
    const { alice, bob, carol } = await roomOfThree(t);
    await choose(alice, 'bob', 'Kick…');
    await fillIn(alice, { Reason: 'shouting' }, 'Kick');
    await closed(alice);
    await bob.locator('#hindrance').getByText('You were thrown out by alice. Reason: shouting').waitFor();
    assert.equal(await composer(bob).isVisible(), false);
    await notice(carol, 'alice threw bob out – shouting');
    assert.equal(await log(carol).getByText('bob left the room').count(), 0, 'said once is enough');
    await peopleAre(carol, ['alice', 'carol']);
    await bob.getByRole('button', { name: 'Enter again' }).click();
    await peopleAre(carol, ['alice', 'bob', 'carol']);
    await said(bob, 'sorry');
    noComplaints(alice, bob, carol);
});

const BANNED = /^You are banned here\. Again in (1 hour|\d\d minutes)\. Reason: spam$/;

test('banned: out, kept out, lifted from the settings', async (t) => {
    const { alice, bob, carol } = await roomOfThree(t);
    await choose(alice, 'bob', 'Ban…');
    await fillIn(alice, { Reason: 'spam', Ends: 'after 1 hour' }, 'Ban');
    await bob.locator('#hindrance').getByText('You were banned from this room by alice.').waitFor();
    await bob.locator('#hindrance').getByText('Reason: spam').waitFor();
    await bob.getByRole('button', { name: 'Enter again' }).click();
    await dialog(bob).getByText(BANNED).waitFor();
    await bob.keyboard.press('Escape');
    await closed(bob);
    await bob.getByRole('button', { name: 'Take off the list' }).click();
    await bob.getByText('You are in no room.').waitFor();
    await bob.getByRole('searchbox', { name: 'Find or enter a room' }).fill('yard');
    await bob.getByRole('searchbox', { name: 'Find or enter a room' }).press('Enter');
    await dialog(bob).getByText(BANNED).waitFor();
    await bob.keyboard.press('Escape');

    await settingsOf(alice, 'Bans and mutes');
    const line = dialog(alice).locator('.line', { hasText: 'bob' });
    await line.getByText('by alice').waitFor();
    await line.getByRole('button', { name: 'Lift' }).click();
    await dialog(alice).getByText('Nobody is banned or muted.').waitFor();
    await notice(carol, 'alice lifted the ban on bob');
    await enters(bob, 'yard');
    noComplaints(alice, bob, carol);
});

test('muted: reads but cannot write, until it is taken back in the ledger', async (t) => {
    const { alice, bob, carol } = await roomOfThree(t);
    await choose(alice, 'bob', 'Mute…');
    await fillIn(alice, { Ends: 'after 10 minutes' }, 'Mute');
    await bob.locator('#hindrance').getByText('You may read here but not write until').waitFor();
    await said(carol, 'poor bob');
    await message(bob, 'poor bob').waitFor();

    await settingsOf(alice, 'Ledger');
    const line = dialog(alice).locator('.line', { hasText: 'alice muted bob' });
    await line.getByRole('button', { name: 'Undo' }).click();
    await dialog(alice).locator('.line.undone', { hasText: 'alice muted bob' }).waitFor();
    await composer(bob).waitFor();
    await said(bob, 'thank you');
    await notice(carol, 'alice took back what was done to bob');
    noComplaints(alice, bob, carol);
});

test('who is muted is marked for those who may lift it', async (t) => {
    const { alice, bob, carol } = await roomOfThree(t);
    const marked = (tab) => tab.locator('.person[data-user=bob] .badge-role', { hasText: 'muted' });
    const lifted = (tab) => until(async () => await marked(tab).count() === 0, 'nobody to be marked');
    await choose(alice, 'bob', 'Mute…');
    await fillIn(alice, { Ends: 'never' }, 'Mute');
    await marked(alice).waitFor();
    await notice(carol, 'alice muted bob');
    assert.equal(await marked(carol).count(), 0, 'it is nothing to stare at');
    assert.equal(await marked(bob).count(), 0);
    await alice.reload();
    await marked(alice).waitFor();
    await carol.reload();
    await inRoom(carol, 'yard');
    await alice.evaluate(() => window.Chat.hub.role('yard', 'carol', 'moderator'));
    await marked(carol).waitFor();
    await assertAccessible(carol, 'somebody is muted');
    await choose(carol, 'bob', 'Unmute');
    await carol.locator('#toast').getByText('This is not allowed').waitFor(); // what the owner has done
    await choose(alice, 'bob', 'Unmute');
    await lifted(carol);
    await lifted(alice);
    await said(bob, 'thank you');

    await alice.evaluate(() => window.Chat.hub.mute('yard', 'bob', { seconds: 2 }));
    await marked(carol).waitFor();
    await lifted(carol); // by itself
    await carol.evaluate(() => window.Chat.hub.mute('yard', 'bob').then(({ entry }) => { window.entry = entry; }));
    await marked(alice).waitFor();
    await carol.evaluate(() => window.Chat.hub.undo('yard', window.entry));
    await lifted(alice);
    await lifted(carol);
    noComplaints(alice, bob, carol);
});

test('a member who is banned is marked, for those who may lift it', async (t) => {
    const { alice, bob, carol } = await roomOfThree(t);
    for (const name of ['bob', 'carol']) await alice.evaluate((user) => window.Chat.hub.role('yard', user, 'member'), name);
    await choose(alice, 'bob', 'Ban…');
    await fillIn(alice, { Reason: 'spam' }, 'Ban');
    const marked = (tab) => tab.locator('#people-offline .person[data-user=bob] .badge-role', { hasText: 'banned' });
    await marked(alice).waitFor();
    assert.equal(await alice.locator('.person[data-user=bob] .badge-role').count(), 1, 'there is room for the name');
    await carol.locator('#people-offline .person[data-user=bob]').waitFor();
    assert.equal(await marked(carol).count(), 0);
    await alice.reload();
    await marked(alice).waitFor();
    await choose(alice, 'bob', 'Lift ban');
    await until(async () => await marked(alice).count() === 0, 'nobody to be marked');
    await enters(bob, 'yard');
    await choose(alice, 'bob', 'Ban…');
    await fillIn(alice, {}, 'Ban');
    await marked(alice).waitFor();
    await alice.evaluate(() => window.Chat.hub.ledger('yard', 1).then(({ entries: [last] }) => window.Chat.hub.undo('yard', last.entry)));
    await until(async () => await marked(alice).count() === 0, 'the ban to be taken back');
    noComplaints(alice, bob, carol);
});

test('what is done about an old message is done to its author, whoever has the name now', async (t) => {
    const { server, browser, alice, bob, carol } = await roomOfThree(t);
    await said(bob, 'I was here first');
    await bob.context().close();
    await peopleAre(alice, ['alice', 'carol']);
    const other = await person(browser, server, 'bob', { room: 'yard' });
    await peopleAre(alice, ['alice', 'bob', 'carol']);
    const author = message(alice, 'I was here first').locator('.who');
    await author.click();
    await alice.getByRole('menuitem', { name: 'Mute…' }).waitFor();
    assert.equal(await alice.getByRole('menuitem', { name: 'Message privately' }).count(), 0, 'who said it is not here');
    await alice.getByRole('menuitem', { name: 'Mute…' }).click();
    await fillIn(alice, {}, 'Mute');
    await notice(carol, /alice muted bob/);
    assert.equal(await alice.locator('.person .badge-role', { hasText: 'muted' }).count(), 0);
    await said(other, 'and I am another one');
    noComplaints(alice, carol, other);
});

test('by commands, with a time and a reason', async (t) => {
    const { alice, bob, carol } = await roomOfThree(t);
    await says(alice, '/mute bob 10m too loud');
    await notice(carol, /alice muted bob until .* – too loud/);
    await bob.locator('#hindrance').getByText('You may read here but not write until').waitFor();
    await says(alice, '/unmute bob');
    await composer(bob).waitFor();
    // However a time is written; what only looks like one is not taken for "without end".
    const ending = /alice muted bob until .* – as said$/;
    for (const [i, time] of ['10min', '1 day', '2 hours', '1 Woche', '3 Stunden', '30 sec', '2 Tage'].entries()) {
        await says(alice, `/mute bob ${time} as said`);
        await until(async () => await log(carol).locator('.notice').filter({ hasText: ending }).count() === i + 1, time);
    }
    const hours = (from, to) => until(() => bob.evaluate(([a, b]) => {
        const { mutedUntil } = window.Chat.active.info;
        return mutedUntil > Date.now() + a * 3600000 && mutedUntil < Date.now() + b * 3600000;
    }, [from, to]), `${from} to ${to} hours`);
    await hours(47, 49);
    await says(alice, '/mute bob 1 WEEK');
    await hours(167, 169);
    for (const wrong of ['10', '0m', '1.5h', '3rd time', '1 month', '7x']) {
        await says(alice, `/ban bob ${wrong}`);
        await alice.getByRole('alert').getByText('How long is that?').waitFor();
        assert.equal(await composer(alice).inputValue(), `/ban bob ${wrong}`);
    }
    await says(alice, '/unmute bob');
    await composer(bob).waitFor();
    await says(alice, '/ban @carol');
    await carol.locator('#hindrance').getByText('You were banned').waitFor();
    await says(alice, '/unban carol');
    await notice(bob, 'alice lifted the ban on carol');
    await carol.getByRole('button', { name: 'Enter again' }).click();
    await composer(carol).waitFor();
    await peopleAre(alice, ['alice', 'bob', 'carol']);
    await says(alice, '/kick nobody');
    await alice.getByRole('alert').getByText('There is nobody of this name.').waitFor();
    assert.equal(await composer(alice).inputValue(), '/kick nobody', 'to be corrected');
    await composer(bob).pressSequentially('/ba');
    assert.equal(await bob.getByRole('option').count(), 0, 'what one may not do is not offered');
    await composer(bob).fill('/kick carol now');
    await composer(bob).press('Enter');
    await bob.getByRole('alert').getByText('This is not allowed (this takes the rank of moderator, yours is guest).').waitFor();
    noComplaints(alice, bob, carol);
});

test('a role changes what is offered', async (t) => {
    const { alice, bob, carol } = await roomOfThree(t);
    await bob.locator('.person[data-user=carol]').click();
    assert.deepEqual(await bob.getByRole('menuitem').allTextContents(), ['Mention carol', 'Message privately']);
    await bob.keyboard.press('Escape');
    await choose(alice, 'bob', 'Role…');
    await dialog(alice).getByText('Moderator', { exact: true }).click();
    await fillIn(alice, {}, 'Save');
    await roleIs(bob, 'bob', 'moderator');
    await notice(carol, 'alice gave bob the role Moderator');
    await bob.locator('.person[data-user=carol]').click();
    assert.deepEqual(await bob.getByRole('menuitem').allTextContents(), ['Mention carol', 'Message privately', 'Kick…', 'Mute…', 'Ban…']);
    await bob.keyboard.press('Escape');
    await bob.locator('.person[data-user=alice]').click();
    assert.deepEqual(await bob.getByRole('menuitem').allTextContents(), ['Mention alice', 'Message privately'], 'nobody acts on a higher rank');
    await bob.keyboard.press('Escape');
    await settingsOf(bob, 'Ledger');
    await dialog(bob).getByText('alice changed the role of bob').or(dialog(bob).getByText('alice gave bob the role Moderator')).waitFor();
    assert.equal(await dialog(bob).getByRole('tab', { name: 'General' }).count(), 0, 'settings are for admins');
    await bob.keyboard.press('Escape');
    await closed(bob);

    // Down again, by oneself: to member, then to nothing.
    await choose(bob, 'bob', 'Role…');
    await dialog(bob).getByText('Member', { exact: true }).click();
    await fillIn(bob, {}, 'Save');
    await roleIs(carol, 'bob', 'member');
    await closed(bob);
    await choose(bob, 'bob', 'Role…');
    await dialog(bob).getByText('Guest', { exact: true }).click();
    await fillIn(bob, {}, 'Save');
    await roleIs(carol, 'bob', 'guest');
    await notice(carol, 'bob ended the membership of bob');
    await choose(alice, 'alice', 'Role…');
    await dialog(alice).getByText('Guest', { exact: true }).click();
    await fillIn(alice, {}, 'Save');
    await dialog(alice).getByText('This is not allowed (the last owner stays').waitFor();
    noComplaints(alice, bob, carol);
});

test('of very many members the settings list the first, and count the rest', async (t) => {
    const server = await startServer(t, ['--no-rate-limits']);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await createRoom(alice, { 'Name of the room': 'yard' });
    await alice.evaluate(() => Promise.all(Array.from({ length: 501 }, (_, n) => window.Chat.hub.add('yard', `id:m${n}`))));
    await settingsOf(alice, 'Members');
    await dialog(alice).getByText('and 2 more').waitFor();
    assert.equal(await dialog(alice).locator('.line').count(), 500);
    noComplaints(alice);
});

test('a message is removed: gone for all, by its author and by a moderator', async (t) => {
    const { alice, bob, carol } = await roomOfThree(t);
    await said(bob, 'something rude');
    await said(bob, 'something silly');
    await message(alice, 'something rude').hover();
    await message(alice, 'something rude').getByRole('button', { name: 'What to do with this message' }).click();
    await alice.getByRole('menuitem', { name: 'Remove message…' }).click();
    await fillIn(alice, {}, 'Remove');
    for (const tab of [alice, bob, carol]) {
        await log(tab).getByText('Message removed by alice').waitFor();
        assert.equal(await tab.getByText('something rude').count(), 0);
    }
    // Their own, with the keys alone.
    await log(bob).focus();
    await bob.keyboard.press('ArrowUp');
    await bob.keyboard.press('Delete');
    await dialog(bob).getByText('something silly').waitFor();
    await fillIn(bob, {}, 'Remove');
    await log(carol).getByText('Message taken back').waitFor();
    await until(async () => await carol.getByText('something silly').count() === 0, 'the text to be gone');
    await message(carol, 'Message taken back').hover();
    assert.equal(await message(carol, 'Message taken back').getByRole('button', { name: 'What to do with this message' }).count(), 0);
    noComplaints(alice, bob, carol);
});

test('an operator speaks to everybody, bans from the server, and takes it back', async (t) => {
    const data = folder();
    const server = await startServer(t, ['--data', data, '--admin', 'root']);
    const made = await runToEnd(['token', '--user', 'root', '--name', 'olivia', '--data', data]);
    const browser = await startBrowser(t);
    const bob = await person(browser, server, 'bob');
    const olivia = await openTab(browser, `${server.http()}/#token=${made.stdout.trim()}&room=lobby`);
    await inRoom(olivia, 'lobby'); // no door for those who bring a token
    assert.doesNotMatch(olivia.url(), /token/, 'which leaves the address at once');
    await roleIs(bob, 'olivia', 'operator');
    const serverPart = async (part) => {
        await olivia.locator('#me').click();
        await olivia.getByRole('menuitem', { name: 'Server', exact: true }).click();
        await dialog(olivia).getByRole('tab', { name: part }).click();
    };
    await serverPart('Notice');
    await fillIn(olivia, { Message: 'Tea is ready' }, 'Send');
    await dialog(olivia).getByText('Sent.').waitFor();
    await olivia.keyboard.press('Escape');
    await closed(olivia);
    await bob.getByText('Tea is ready').waitFor();
    await bob.getByText('Notice from olivia').waitFor();
    await choose(olivia, 'bob', 'Ban from the server…');
    await fillIn(olivia, { Reason: 'no tea' }, 'Ban');
    const refusal = bob.locator('#door-error').getByText('You are banned here. Again in 1 day. Reason: no tea');
    await refusal.waitFor();
    await peopleAre(olivia, ['olivia']);
    await bob.getByRole('button', { name: 'Connect' }).click();
    await refusal.waitFor();

    // What was done to the whole server, and taken back: in the ledger, and in the list of those banned.
    await serverPart('Ledger');
    const entry = dialog(olivia).locator('.line', { hasText: 'olivia banned bob' });
    await entry.getByText('no tea').waitFor();
    await entry.getByRole('button', { name: 'Undo' }).click();
    await dialog(olivia).locator('.line.undone', { hasText: 'olivia banned bob' }).waitFor();
    await bob.getByRole('button', { name: 'Connect' }).click();
    await inRoom(bob, 'lobby');
    await dialog(olivia).getByRole('tab', { name: 'Bans' }).click();
    await dialog(olivia).getByText('Nobody is banned or muted.').waitFor();
    await fillIn(olivia, { 'Ban from the server': 'bob' }, 'Ban…');
    await dialog(olivia).getByLabel('Reason').waitFor();
    await fillIn(olivia, { Reason: 'no biscuits' }, 'Ban');
    await dialog(olivia).locator('.line', { hasText: 'bob' }).getByText('no biscuits').waitFor();
    await bob.locator('#door-error').getByText('You are banned here.').waitFor();
    await dialog(olivia).locator('.line', { hasText: 'bob' }).getByRole('button', { name: 'Lift' }).click();
    await dialog(olivia).getByText('Nobody is banned or muted.').waitFor();
    await bob.getByRole('button', { name: 'Connect' }).click();
    await inRoom(bob, 'lobby');
    noComplaints(bob, olivia);
});

/*
 * The page and what becomes of a message: edits, removals and reactions, by mouse and by keyboard.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { member } from './support/client.mjs';
import { data } from './support/log.mjs';
import {
    closed, composer, dialog, focusIs, inRoom, log, message, noComplaints, person, said, sees, startBrowser,
} from './support/page.mjs';
import { act, menuOf, reaction } from './support/rows.mjs';
import { startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

test('one edits in place what one said', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await said(alice, 'first version');
    await said(bob, 'of bob');
    await message(alice, 'of bob').waitFor();
    const editor = log(alice).getByRole('textbox', { name: 'Edit' });
    await composer(alice).press('ArrowUp');
    await until(() => editor.evaluate((node) => node === document.activeElement), 'the editor');
    assert.equal(await editor.inputValue(), 'first version');
    await editor.fill('never mind');
    await alice.keyboard.press('Escape');
    await focusIs(alice, 'box');
    await message(alice, 'first version').waitFor();

    await composer(alice).press('ArrowUp');
    await editor.fill('second');
    await alice.keyboard.press('Shift+Enter');
    await alice.keyboard.type('version @bob');
    await said(bob, 'in between'); // the row is drawn anew around the editor
    await message(alice, 'in between').waitFor();
    assert.equal(await editor.inputValue(), 'second\nversion @bob');
    await editor.press('Enter');
    for (const tab of [alice, bob]) {
        await message(tab, 'version @bob').getByText('(edited)').waitFor();
        assert.equal(await log(tab).getByText('first version').count(), 0);
    }
    await message(bob, 'version @bob').locator('.mention.mine').waitFor();
    await focusIs(alice, 'box');

    await menuOf(bob, 'version @bob');
    assert.equal(await bob.getByRole('menuitem', { name: 'Edit' }).count(), 0, 'not what others said');
    await bob.keyboard.press('Escape');
    await act(alice, 'version @bob', 'Edit');
    await editor.fill('x'.repeat(100_000));
    await log(alice).getByRole('button', { name: 'Save' }).click();
    await log(alice).getByRole('alert').getByText('too long').waitFor();
    await log(alice).getByRole('button', { name: 'Cancel' }).click();
    await bob.reload();
    await message(bob, 'version @bob').getByText('(edited)').waitFor();
    await composer(bob).fill('not empty');
    await composer(bob).press('ArrowUp');
    assert.equal(await log(bob).getByRole('textbox').count(), 0);
    noComplaints(alice, bob);
});

test('what is too old to be edited says so', async (t) => {
    const server = await startServer(t, data('--edit-window', '1s', '--delete-window', '1s'));
    const browser = await startBrowser(t);
    await person(browser, server, 'bob'); // runs the room, and could remove at any time
    const alice = await person(browser, server, 'alice', { viewport: { width: 1200, height: 420 } });
    for (const text of ['one', 'two', 'three', 'soon too old']) await said(alice, text);
    await composer(alice).press('ArrowUp');
    const editor = log(alice).getByRole('textbox', { name: 'Edit' });
    let round = 0;
    await until(async () => { // until the second is over
        if (await editor.count() === 0) await composer(alice).press('ArrowUp');
        await editor.fill(`version ${++round}`);
        await editor.press('Enter');
        const late = log(alice).getByRole('alert').getByText('Too late');
        await until(async () => await late.isVisible() || await editor.count() === 0, 'an answer');
        return late.isVisible();
    }, 'too late');
    assert.equal(await editor.inputValue(), `version ${round}`, 'what was typed is kept');
    const ends = (locator) => locator.evaluate((node) => node.getBoundingClientRect().bottom);
    assert.ok(await log(alice).evaluate((node) => node.scrollHeight > node.clientHeight), 'there is more than fits in');
    assert.ok(await ends(log(alice).getByRole('button', { name: 'Save' })) <= await ends(log(alice)), 'and the way out is in view');
    await alice.keyboard.press('Escape');

    // and is not offered again, of what is as old
    await act(alice, 'three', 'Remove message…');
    await dialog(alice).getByRole('button', { name: 'Remove', exact: true }).click();
    await dialog(alice).getByRole('alert').getByText('Too late').waitFor();
    await alice.keyboard.press('Escape');
    await closed(alice);
    const offered = async (text) => {
        await menuOf(alice, text);
        const all = await alice.getByRole('menuitem').allTextContents();
        await alice.keyboard.press('Escape');
        return ['Edit', 'Remove message…'].filter((name) => all.includes(name));
    };
    assert.deepEqual(await offered('three'), []);
    await said(alice, 'another');
    assert.deepEqual(await offered('another'), ['Edit', 'Remove message…']);
    noComplaints(alice);
});

test('what is removed leaves a tombstone, also for who comes later', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    for (const text of ['stays', 'goes', 'stays too']) await said(alice, text);
    await act(bob, 'goes', '👍');
    await reaction(alice, 'goes', '👍').waitFor();
    await act(alice, 'goes', 'Remove message…');
    await dialog(alice).getByRole('button', { name: 'Remove' }).click();
    await closed(alice);
    await log(bob).getByText('Message taken back').waitFor();
    assert.equal(await log(bob).locator('.reaction').count(), 0);
    const carol = await person(browser, server, 'carol');
    await sees(carol, 'stays too');
    await log(carol).getByText('Message taken back').waitFor();
    assert.equal(await log(carol).getByText('goes').count(), 0);

    // that somebody else did it is known later, too
    await said(bob, 'not here');
    await act(alice, 'not here', 'Remove message…');
    await dialog(alice).getByRole('button', { name: 'Remove' }).click();
    await log(carol).getByText('Message removed by alice').waitFor();
    await carol.reload();
    await log(carol).getByText('Message removed', { exact: true }).waitFor();
    await log(carol).getByText('Message taken back').waitFor();
    noComplaints(alice, bob, carol);
});

test('reactions: a few at hand, any other, counted, mine marked, taken back', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await said(alice, 'cake?');
    await act(bob, 'cake?', '👍');
    await reaction(alice, 'cake?', '👍 1').waitFor();
    assert.equal(await reaction(alice, 'cake?', '👍').getAttribute('aria-pressed'), 'false');
    assert.equal(await reaction(alice, 'cake?', '👍').getAttribute('title'), 'bob');
    assert.equal(await reaction(bob, 'cake?', '👍').getAttribute('aria-pressed'), 'true');
    await reaction(alice, 'cake?', '👍').click();
    await reaction(bob, 'cake?', '👍 2').waitFor();
    assert.equal(await reaction(bob, 'cake?', '👍').getAttribute('title'), 'bob, alice');

    await act(bob, 'cake?', 'React…');
    await dialog(bob).getByLabel('Emoji').fill('not one word');
    await bob.keyboard.press('Enter');
    await dialog(bob).getByRole('alert').waitFor();
    await dialog(bob).getByLabel('Emoji').fill('🍰');
    await bob.keyboard.press('Enter');
    await closed(bob);
    await reaction(alice, 'cake?', '🍰 1').waitFor();
    await act(bob, 'cake?', 'React…'); // the usual ones need no typing
    await dialog(bob).getByRole('button', { name: '🔥' }).click();
    await closed(bob);
    await reaction(alice, 'cake?', '🔥 1').waitFor();

    const carol = await person(browser, server, 'carol');
    await reaction(carol, 'cake?', '👍 2').waitFor();
    assert.equal(await reaction(carol, 'cake?', '👍').getAttribute('title'), null, 'who that was is not known to who came later');
    await reaction(carol, 'cake?', '🍰').click();
    await reaction(carol, 'cake?', '🍰 2').waitFor();
    assert.equal(await reaction(carol, 'cake?', '🍰').getAttribute('title'), 'carol and 1 more');
    await bob.reload();
    await reaction(bob, 'cake?', '👍 2').waitFor();
    assert.equal(await reaction(bob, 'cake?', '👍').getAttribute('aria-pressed'), 'true', 'still mine');
    await reaction(bob, 'cake?', '👍').click();
    await reaction(alice, 'cake?', '👍 1').waitFor();
    await reaction(alice, 'cake?', '👍').click();
    await reaction(alice, 'cake?', '👍').waitFor({ state: 'detached' });
    noComplaints(alice, bob, carol);
});

test('what means something to JavaScript is a name like any other', async (t) => {
    const server = await startServer(t, data());
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice', { room: 'constructor' });
    assert.equal(await composer(alice).inputValue(), '');
    await alice.evaluate(() => window.Chat.enter('__proto__'));
    await inRoom(alice, '__proto__');
    const bob = await member(t, server, 'bob', '__proto__');
    await said(alice, 'hello');
    for (const emoji of ['constructor', '__proto__', '<b>x</b>', '\u200fevil']) {
        await bob.ok('react', { room: '__proto__', seq: 1, emoji });
        await reaction(alice, 'hello', emoji).click();
        await reaction(alice, 'hello', `${emoji} 2`).waitFor();
        assert.equal(await reaction(alice, 'hello', emoji).getAttribute('title'), 'bob, alice');
    }
    await alice.reload();
    await reaction(alice, 'hello', 'constructor 2').waitFor();
    assert.equal(await log(alice).locator('b').count(), 0);
    noComplaints(alice);
});

test('with the keyboard alone', async (t) => {
    const server = await startServer(t, data());
    const bob = await member(t, server, 'bob', 'lobby');
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const { keyboard } = alice;
    await bob.ok('message', { room: 'lobby', content: 'walk to me' });
    await message(alice, 'walk to me').waitFor();
    await log(alice).focus();
    for (const key of ['ArrowUp', 'Enter', 'ArrowRight', 'Enter']) await keyboard.press(key); // the second of the palette
    await reaction(alice, 'walk to me', '❤️ 1').waitFor();
    await log(alice).focus();
    await keyboard.press('ArrowUp');
    const onReaction = () => alice.evaluate(() => document.activeElement.dataset.key === '❤️');
    await until(async () => {
        await keyboard.press('ArrowRight');
        return onReaction();
    }, 'the reaction');
    await bob.ok('react', { room: 'lobby', seq: 1, emoji: '❤️' });
    await reaction(alice, 'walk to me', '❤️ 2').waitFor();
    assert.ok(await onReaction(), 'the focus stays though the row is another one');
    await keyboard.press('Enter');
    await reaction(alice, 'walk to me', '❤️ 1').waitFor();
    assert.ok(await onReaction());

    await log(alice).focus();
    for (const key of ['ArrowUp', 'Enter', 'End']) await keyboard.press(key);
    await until(async () => {
        await keyboard.press('ArrowUp');
        return alice.evaluate(() => document.activeElement.textContent === 'Reply');
    }, 'Reply');
    await keyboard.press('Enter');
    await focusIs(alice, 'box');
    await keyboard.type('here I am');
    await keyboard.press('Enter');
    await message(alice, 'here I am').waitFor();
    await keyboard.press('ArrowUp');
    await keyboard.type('!');
    await keyboard.press('Enter');
    await bob.next({ type: 'edit', seq: 2, content: 'here I am!' });
    await focusIs(alice, 'box');
    await log(alice).focus();
    await keyboard.press('ArrowUp');
    await until(async () => {
        await keyboard.press('ArrowRight');
        return alice.evaluate(() => document.activeElement.dataset.key === 'quote');
    }, 'the quote');
    await keyboard.press('Enter');
    await until(() => alice.evaluate(() => document.activeElement.dataset.seq === '1'), 'what is answered');
    await keyboard.press('Escape');
    await focusIs(alice, 'box');
    noComplaints(alice);
});

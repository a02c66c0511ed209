/*
 * People in tabs who talk, lose the server and find it again: the conversation, what waits for the
 * connection, drafts and completion; the page from disk; and the smallest classic page.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { connect } from './support/client.mjs';
import {
    closed, composer, connectAs, dialog, enters, focusIs, inRoom, log, message, newTab, noComplaints, notice, openTab, peopleAre,
    person, roomMenu, roomTab, said, says, sees, startBrowser, stateIs,
} from './support/page.mjs';
import { folder, freePort, runToEnd, startServer } from './support/server.mjs';
import { until } from './support/wait.mjs';

const page = fileURLToPath(new URL('../../web/static/index.html', import.meta.url));
const classic = new URL('fixtures/classic.html', import.meta.url);

test('two people talk', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await stateIs(alice, 'Online');
    const bob = await person(browser, server, 'bob');
    await notice(alice, 'bob joined the room');
    await peopleAre(alice, ['alice', 'bob']);
    await peopleAre(bob, ['alice', 'bob']);

    await said(alice, 'hello bob');
    await sees(bob, 'hello bob');
    await said(alice, 'how are you?');
    assert.equal(await log(bob).locator('.said.head').count(), 1, 'what one says in a row has one heading');
    await said(bob, 'fine');
    assert.equal(await log(bob).locator('.said.head').count(), 2);
    assert.equal(await log(alice).locator('.pending').count(), 0, 'all of it is confirmed');

    await composer(bob).pressSequentially('thinking');
    await alice.getByText('bob is typing…').waitFor();
    await composer(bob).fill('');
    await alice.getByText('bob is typing…').waitFor({ state: 'detached' });

    await bob.close();
    await notice(alice, 'bob left the room');
    await peopleAre(alice, ['alice']);
    noComplaints(alice, bob);
});

test('the time beside a line that follows keeps off its text, in twelve hours and on a phone', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    for (const [name, width] of [['alice', 1200], ['bob', 360]]) {
        const tab = await person(browser, server, name, { locale: 'en-US', viewport: { width, height: 640 } });
        await said(tab, `${name} begins`);
        await said(tab, `${name} goes on`);
        const row = message(tab, `${name} goes on`);
        assert.match(await row.locator('.gutter').textContent(), /^\d\d:\d\d\s[AP]M$/);
        const [edge, time, text] = await row.evaluate((node) => [node, node.querySelector('.gutter time'), node.querySelector('.text')].map((one) => one.getBoundingClientRect().toJSON()));
        assert.ok(time.left >= edge.left, `${name}: from ${time.left - edge.left}`);
        assert.ok(text.left - time.right >= 8, `${name}: ${text.left - time.right} between`);
        noComplaints(tab);
    }
});

test('a small Markdown, made of nodes', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await says(alice, '**bold** *slanted* _too_ `a*b*c` snake_case_name 2 * 3 * 4 [docs](https://example.org/a?b=1) see https://example.org/x_(y).');
    const text = message(alice, 'bold').locator('.text');
    assert.equal(await text.locator('strong').textContent(), 'bold');
    assert.deepEqual(await text.locator('em').allTextContents(), ['slanted', 'too']);
    assert.equal(await text.locator('code').textContent(), 'a*b*c');
    assert.deepEqual(await text.locator('a').evaluateAll((all) => all.map((a) => [a.href, a.rel.includes('noopener'), a.target])),
        [['https://example.org/a?b=1', true, '_blank'], ['https://example.org/x_(y)', true, '_blank']]);
    assert.ok((await text.textContent()).includes('snake_case_name 2 * 3 * 4'));

    await composer(alice).fill('> quoted\n> twice\n```\n<b>code</b>\n```\n[no](javascript:alert(1)) [nor](data:text/html,x)');
    await composer(alice).press('Enter');
    const blocks = message(alice, 'quoted').locator('.text');
    assert.equal(await blocks.locator('blockquote').textContent(), 'quoted\ntwice');
    assert.equal(await blocks.locator('pre').textContent(), '<b>code</b>');
    assert.equal(await blocks.locator('a, b').count(), 0);
    noComplaints(alice);
});

test('what is unread, and who is meant', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob', { room: 'garden' });
    await enters(alice, 'garden');
    assert.equal(await alice.evaluate(() => location.hash), '#garden');
    await roomTab(alice, 'lobby').click();
    await inRoom(alice, 'lobby');
    await said(bob, 'one'); // alice looks elsewhere
    await roomTab(alice, 'garden').getByText('1 unread').waitFor();
    assert.match(await alice.title(), /^• #lobby/);
    await said(bob, 'come here, @alice!');
    await roomTab(alice, 'garden').getByText('1 mention').waitFor();
    await roomTab(alice, 'garden').getByText('2 unread').waitFor();
    await until(async () => /^\(1\) #lobby/.test(await alice.title()), 'the mention in the title');
    await roomTab(alice, 'garden').click();
    await message(alice, 'come here').locator('.mention.mine').waitFor();
    await log(alice).locator('.said', { hasText: 'one' }).locator('.new-line').waitFor();
    await until(async () => /^#garden/.test(await alice.title()), 'nothing unread');

    // A tab nobody looks at counts for the room it shows, too.
    await alice.evaluate(() => Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' }));
    await said(bob, 'still there @alice?');
    await until(async () => /^\(1\) #garden/.test(await alice.title()), 'the mention in the title');
    await alice.evaluate(() => {
        delete document.visibilityState;
        document.dispatchEvent(new Event('visibilitychange'));
    });
    await until(async () => /^#garden/.test(await alice.title()), 'seen');
    noComplaints(alice, bob);
});

test('names and commands are completed, drafts kept', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await person(browser, server, 'bartholomew');
    await peopleAre(alice, ['alice', 'bartholomew']);
    await composer(alice).pressSequentially('hi @bar');
    await alice.getByRole('option', { name: 'bartholomew' }).waitFor();
    await composer(alice).press('Tab');
    assert.equal(await composer(alice).inputValue(), 'hi @bartholomew ');
    await composer(alice).fill('');
    await composer(alice).pressSequentially('/jo');
    await composer(alice).press('Enter');
    assert.equal(await composer(alice).inputValue(), '/join ');
    await composer(alice).pressSequentially('garden');
    await composer(alice).press('Enter');
    await inRoom(alice, 'garden');

    await composer(alice).fill('for the garden');
    await roomTab(alice, 'lobby').click();
    assert.equal(await composer(alice).inputValue(), '');
    await roomTab(alice, 'garden').click();
    assert.equal(await composer(alice).inputValue(), 'for the garden');
    await alice.reload();
    await inRoom(alice, 'garden');
    assert.equal(await composer(alice).inputValue(), 'for the garden');

    await says(alice, '/nonsense');
    await alice.getByRole('alert').getByText('There is no command /nonsense').waitFor();
    await says(alice, '/kick'); // completed first
    await composer(alice).press('Enter');
    await alice.getByRole('alert').getByText('Like this: /kick <name> [reason]').waitFor();
    await says(alice, '//shrug');
    await sees(alice, '/shrug');
    await says(alice, '/help');
    await dialog(alice).getByText('jump to the newest message').waitFor();
    await alice.keyboard.press('Escape');
    await closed(alice);
    await says(alice, '/leave');
    await inRoom(alice, 'lobby');
    noComplaints(alice);
});

test('a word in passing is above where one writes, and lets clicks through', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await alice.evaluate(() => window.Chat.toast('in passing'));
    const boxes = await alice.evaluate(() => ['toast', 'composer'].map((id) => document.getElementById(id).getBoundingClientRect().toJSON()));
    assert.ok(boxes[0].bottom <= boxes[1].top && boxes[0].top > 300);
    const { x, y, width, height } = boxes[0];
    assert.notEqual(await alice.evaluate(([left, top]) => document.elementFromPoint(left, top).id, [x + width / 2, y + height / 2]), 'toast');
    noComplaints(alice);
});

test('the limit of a message is shown before it is met', async (t) => {
    const server = await startServer(t, ['--max-message', '2K']);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    await composer(alice).fill('é'.repeat(900));
    await alice.locator('#counter').getByText(/^\d+ left$/).waitFor();
    await composer(alice).fill('é'.repeat(1200));
    await alice.locator('#counter').getByText(/^\d+ too long$/).waitFor();
    await composer(alice).press('Enter');
    await alice.getByRole('alert').getByText(/bytes too long/).waitFor();
    assert.equal((await composer(alice).inputValue()).length, 1200, 'what was typed is kept');
    await said(alice, 'shorter');
    assert.equal(await alice.locator('#composer-error').isVisible(), false);
    noComplaints(alice);
});

test('the page comes back by itself, enters its rooms again, and says what waited', async (t) => {
    const port = await freePort();
    const first = await startServer(t, [], { port });
    const browser = await startBrowser(t);
    const alice = await person(browser, first, 'alice');
    await enters(alice, 'garden');
    await said(alice, 'before');
    await first.stop();
    await stateIs(alice, 'Reconnecting');
    await alice.locator('#banner').getByText(/Trying again/).waitFor();
    await says(alice, 'first while away');
    await says(alice, 'second while away');
    await log(alice).locator('.pending').getByText('waits for the connection').first().waitFor();
    assert.deepEqual(await log(alice).locator('.pending .text').allTextContents(), ['first while away', 'second while away']);
    assert.equal(await log(alice).locator('.pending .body').last().textContent(), 'second while awaywaits for the connection', 'and nothing else');
    await composer(alice).fill('typed meanwhile');

    const second = await startServer(t, [], { port });
    const bob = await connect(t, second, { username: 'bob', room: 'garden' });
    await until(async () => { // whatever the backoff says
        const again = alice.getByRole('button', { name: 'Try now' });
        if (await again.isVisible()) await again.click({ timeout: 1000 }).catch(() => {});
        return (await alice.locator('html').getAttribute('data-state')) === 'online';
    }, 'to be online');
    const heard = [await bob.next({ type: 'message' }), await bob.next({ type: 'message' })];
    assert.deepEqual(heard.map((m) => m.content), ['first while away', 'second while away']);
    await until(async () => await log(alice).locator('.pending').count() === 0, 'all confirmed');
    assert.equal(await log(alice).getByText('first while away').count(), 1);
    assert.equal(await composer(alice).inputValue(), 'typed meanwhile');
    await notice(alice, 'This room began anew');
    assert.equal(await log(alice).getByText('before', { exact: true }).count(), 0, 'the server that starts knows nothing of before');
    await until(async () => {
        const { rooms } = (await second.request('/rooms')).json();
        return String(rooms.map((row) => row.room).sort()) === 'garden,lobby';
    }, 'both rooms to be entered again');
    noComplaints(alice);
});

test('a reload is the same user, two tabs are one, disconnect goes out', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await person(browser, server, 'alice');
    const bob = await person(browser, server, 'bob');
    await enters(alice, 'garden');
    const who = () => alice.evaluate(() => window.Chat.hub.userId);
    const before = await who();
    await alice.reload();
    await inRoom(alice, 'garden');
    await roomTab(alice, 'lobby').waitFor();
    assert.equal(await who(), before);

    const other = await newTab(alice.context(), `${server.http()}/#lobby`);
    await other.getByText('You are known here as').waitFor();
    await other.getByRole('button', { name: 'Connect' }).click();
    await inRoom(other, 'lobby');
    await peopleAre(bob, ['alice', 'bob']);
    await other.close();
    await said(alice, 'still here');
    await peopleAre(bob, ['alice', 'bob']);

    await alice.locator('#me').click();
    await alice.getByRole('menuitem', { name: 'Disconnect' }).click();
    await alice.getByRole('button', { name: 'Connect' }).waitFor();
    await peopleAre(bob, ['bob']);
    await alice.reload();
    assert.equal(await alice.locator('#door-name').inputValue(), 'alice', 'the name is remembered');
    await alice.evaluate(() => window.Chat.kept.set('drafts', '{"lobby":"what alice had in mind"}'));
    await alice.getByRole('button', { name: 'Come as somebody new' }).click();
    assert.equal(await alice.evaluate(() => window.Chat.kept.get('drafts')), null);
    await connectAs(alice, 'alison');
    await alice.locator('#me-name').getByText('alison').waitFor();
    assert.notEqual(await who(), before);
    noComplaints(alice, bob, other);
});

test('equal names are told apart', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const one = await person(browser, server, 'alice');
    const two = await person(browser, server, 'alice');
    await peopleAre(one, ['alice', 'alice-2']);
    await two.locator('#me-name').getByText('alice-2').waitFor();
    await two.locator('#toast').getByText('You are alice-2 here: alice was taken.').waitFor();
    await two.reload();
    await two.locator('#me-name').getByText('alice-2').waitFor();
    await inRoom(two, 'lobby');
    assert.equal(await two.locator('#toast').textContent(), '', 'this is whom one wanted to be now');
    assert.equal(await one.locator('#toast').textContent(), '');
    const other = await newTab(one.context(), `${server.http()}/#lobby`);
    await connectAs(other, 'alison'); // the same person as in the other tab
    await other.locator('#toast').getByText('You are alice here.').waitFor();
    noComplaints(one, two, other);
});

test('the door says what is wrong, and keeps what was typed', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const bob = await openTab(browser, `${server.http()}/#lobby`);
    await bob.getByRole('button', { name: 'Connect' }).click();
    await bob.getByRole('alert').getByText('Please enter a name.').waitFor();
    await focusIs(bob, 'door-name');
    await bob.locator('#door-name').fill('bob');
    await bob.locator('#door-room').fill('é'.repeat(40)); // 80 bytes
    await bob.getByRole('button', { name: 'Connect' }).click();
    await bob.getByRole('alert').getByText('at most 64 bytes').waitFor();
    await focusIs(bob, 'door-room');
    await bob.locator('#door-room').fill('own');
    await bob.getByRole('button', { name: 'Connect' }).click();
    await inRoom(bob, 'own');
    await roomMenu(bob, 'Leave room');
    await bob.getByText('You are in no room.').waitFor();
    noComplaints(bob);
});

test('a link with a token that is not valid says so once, and one may come as a guest', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const bob = await openTab(browser, `${server.http()}/#token=nonsense&room=lobby`);
    await bob.getByRole('alert').getByText('You need a sign-in link that is still valid: ask whoever runs this server for a new one. Where guests may enter, a name is enough.').waitFor();
    await focusIs(bob, 'door-name');
    assert.equal(await bob.getByText('You were signed in').isVisible(), false);
    await connectAs(bob, 'bob');
    await inRoom(bob, 'lobby');
    await bob.reload();
    await inRoom(bob, 'lobby');
    noComplaints(bob);
});

test('whose sign-in is missing, wrong or over is told the same, and what to do', async (t) => {
    const where = folder();
    const server = await startServer(t, ['--auth', 'token', '--data', where]);
    const browser = await startBrowser(t);
    const told = (tab, text) => until(async () => await tab.getByRole('alert').textContent() === text, text);
    const text = 'You need a sign-in link that is still valid: ask whoever runs this server for a new one.';
    const hint = `${text} Where guests may enter, a name is enough.`;
    const [none, wrong] = [await openTab(browser, `${server.http()}/#lobby`), await openTab(browser, `${server.http()}/#token=nonsense&room=lobby`)];
    await connectAs(none, 'nobody');
    await told(none, text);
    await told(wrong, hint);
    const { stdout } = await runToEnd(['token', '--user', 'bob', '--expires', '3s', '--data', where]);
    const over = await openTab(browser, `${server.http()}/#token=${stdout.trim()}&room=lobby`);
    await inRoom(over, 'lobby');
    assert.equal(await over.evaluate(() => window.Chat.errorText({ code: 'token_expired', message: 'the token has expired' })), text);
    await told(over, hint);
    noComplaints(none, wrong, over);
});

test('the page from disk connects to the address it is given', async (t) => {
    const server = await startServer(t);
    const browser = await startBrowser(t);
    const alice = await openTab(browser, `${pathToFileURL(page)}#lobby`);
    assert.equal(await alice.getByLabel('Server').inputValue(), 'ws://localhost:8080/ws');
    await alice.getByLabel('Server').fill(`http://localhost:${server.port}`);
    await connectAs(alice, 'alice');
    await inRoom(alice, 'lobby');
    const bob = await connect(t, server, { username: 'bob', room: 'lobby' });
    await says(alice, 'from disk');
    await bob.next({ type: 'message', content: 'from disk' });
    noComplaints(alice);

    const lost = await openTab(browser, String(pathToFileURL(page)));
    await lost.getByLabel('Server').fill(`localhost:${await freePort()}`);
    await connectAs(lost, 'lost');
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
    await roomMenu(alice, 'Leave room');
    await dave.line('alice left the room');
    await dave.submit('where', 'garden');
    await carol.line('dave left the room');
    assert.equal(await carol.tab.locator('#log li').getByText('undefined').count(), 0, 'every frame had what the page prints');
    assert.equal(await dave.tab.locator('#log li').getByText('undefined').count(), 0);
    noComplaints(carol.tab, dave.tab, alice);
});

/* The page in Chromium: tabs with a storage of their own, and what people do in them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { DEADLINE, until } from './wait.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function startBrowser(t) {
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
        args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    t.after(() => browser.close());
    return browser;
}

/* What the page complains of in its console is an error of the test, but for connections that are meant
 * to fail. So is whatever the page wants from elsewhere. */
export async function openTab(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 760 }, locale: 'en-GB', ...options });
    return newTab(context, url);
}

/* Another tab of the same browser profile. */
export async function newTab(context, url) {
    context.setDefaultTimeout(DEADLINE);
    const tab = await context.newPage();
    tab.complaints = [];
    tab.on('pageerror', (error) => tab.complaints.push(error.stack));
    tab.on('console', (line) => {
        if (line.type() === 'error' && !/WebSocket connection to/.test(line.text())) tab.complaints.push(line.text());
    });
    tab.on('request', (request) => {
        const { hostname, protocol } = new URL(request.url());
        if (!['127.0.0.1', 'localhost', ''].includes(hostname) || protocol === 'data:') tab.complaints.push(`asks for ${request.url()}`);
    });
    await tab.goto(url);
    return tab;
}

/* A person at the page, already in the room of the address. */
export async function person(browser, server, name, { room = 'lobby', ...options } = {}) {
    const tab = await openTab(browser, `${server.http()}/#${encodeURIComponent(room)}`, options);
    await connectAs(tab, name);
    await inRoom(tab, room);
    return tab;
}

export async function connectAs(tab, name) {
    await tab.locator('#door-name').fill(name);
    await tab.locator('#door-connect').click();
}

export const roomTab = (tab, room) => tab.locator(`#my-rooms [data-room=${JSON.stringify(room)}]`);
export const otherRoom = (tab, room) => tab.locator(`#all-rooms [data-room=${JSON.stringify(room)}]`);
export const inRoom = (tab, room) => tab.locator(`#my-rooms [data-room=${JSON.stringify(room)}][aria-current=true]`).waitFor({ state: 'attached' });
export const stateIs = (tab, text) => tab.locator('#state').getByText(text, { exact: true }).waitFor();
export const composer = (tab) => tab.getByRole('textbox', { name: 'Message', exact: true });
export const log = (tab) => tab.getByRole('log');
export const sees = (tab, text) => log(tab).getByText(text, { exact: true }).first().waitFor();
export const message = (tab, text) => log(tab).locator('.said:not(.pending)').filter({ hasText: text }).last();
export const notice = (tab, text) => log(tab).locator('.notice').filter({ hasText: text }).last().waitFor();
export const dialog = (tab) => tab.getByRole('dialog').last();
export const closed = (tab) => until(async () => await tab.getByRole('dialog').count() === 0, 'all dialogs to close');

export async function says(tab, text) {
    await composer(tab).fill(text);
    await composer(tab).press('Enter');
}

/* Says it and waits until it is there for good. */
export async function said(tab, text) {
    await says(tab, text);
    await message(tab, text).waitFor();
}

export async function enters(tab, room) {
    await tab.getByRole('searchbox', { name: 'Find or enter a room' }).fill(room);
    await tab.getByRole('searchbox', { name: 'Find or enter a room' }).press('Enter');
    await inRoom(tab, room);
}

/* Fills the fields of the dialog in front, by their labels, and does what its button says. */
export async function fillIn(tab, fields, button) {
    const form = dialog(tab);
    for (const [label, value] of Object.entries(fields)) {
        const field = form.getByLabel(label, { exact: true });
        if (value === true) await form.locator('label', { hasText: label }).locator('input').check();
        else if (await field.evaluate((node) => node.tagName) === 'SELECT') await field.selectOption({ label: value });
        else await field.fill(value);
    }
    if (button) await form.getByRole('button', { name: button, exact: true }).click();
}

/* The menu of a person in the column of people. */
export async function choose(tab, user, item) {
    await tab.locator(`.person[data-user=${JSON.stringify(user)}]`).click();
    await tab.getByRole('menuitem', { name: item, exact: true }).click();
}

export async function roomMenu(tab, item) {
    await tab.getByRole('button', { name: 'More about this room' }).click();
    await tab.getByRole('menuitem', { name: item, exact: true }).click();
}

export async function createRoom(tab, fields) {
    await tab.getByRole('button', { name: 'Create a room' }).click();
    await fillIn(tab, fields, 'Create');
    await inRoom(tab, fields['Name of the room']);
    await closed(tab);
}

export async function settingsOf(tab, part) {
    await roomMenu(tab, 'Room settings');
    await dialog(tab).getByRole('tab', { name: part }).click();
    await dialog(tab).getByRole('tab', { name: part, selected: true }).waitFor();
}

export const peopleOf = (tab) => tab.locator('.person .person-name').allTextContents();
export const peopleAre = (tab, names) => until(async () => String(await peopleOf(tab)) === String(names), `people ${names}`);
export const roleIs = (tab, user, role) => tab.locator(`.person[data-user=${JSON.stringify(user)}][data-role=${role}]`).waitFor({ state: 'attached' });
export const focusIs = (tab, id) => until(() => tab.evaluate((want) => document.activeElement.id === want, id), `the focus on ${id}`);

export function noComplaints(...tabs) {
    for (const tab of tabs) assert.deepEqual(tab.complaints, []);
}

/* What axe-core finds that keeps people out. */
export async function assertAccessible(tab, state) {
    await tab.evaluate(() => Promise.allSettled(document.getAnimations() // what fades in has other colours meanwhile
        .filter((one) => one.effect.getComputedTiming().endTime < Infinity).map((one) => one.finished)));
    await tab.evaluate(axe);
    const { violations, passes } = await tab.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ')}`);
    assert.deepEqual(grave, [], state);
    assert.ok(passes.length > 10, 'it has looked');
}

export const noSidewaysScrolling = async (tab) => assert.ok(await tab.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth), 'no sideways scrolling');

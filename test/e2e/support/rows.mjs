/* The messages of a room in the page: which of them it holds, what it shows of them, and what is done to one. */
import assert from 'node:assert/strict';
import { message } from './page.mjs';

/* In the memory of the page. */
export const held = (tab) => tab.evaluate(() => window.Chat.active.items.filter((item) => item.seq).map((item) => item.seq));
export const holes = (tab) => tab.evaluate(() => window.Chat.active.items.filter((item) => item.kind === 'hole').length);

/* Nothing is left out without a row that says so. */
export const assertDrawnInOrder = async (tab) => assert.deepEqual(await tab.evaluate(() => {
    let last = 0;
    return Array.from(document.querySelectorAll('#rows :is([data-seq], .hole)'), (row) => {
        const before = last;
        last = Number(row.dataset.seq ?? 0);
        return before && last && last !== before + 1 ? `${before} and then ${last}` : '';
    }).filter(Boolean);
}), []);

/* The first message in view and where it is. */
export const reading = (tab) => tab.evaluate(() => {
    const edge = document.getElementById('log').getBoundingClientRect().top;
    const row = Array.from(document.querySelectorAll('#rows .said')).find((one) => one.getBoundingClientRect().bottom > edge + 1);
    return `${row.dataset.seq} at ${Math.round(row.getBoundingClientRect().top - edge)}`;
});

export const menuOf = async (tab, text) => {
    await message(tab, text).hover();
    await message(tab, text).getByRole('button', { name: 'What to do with this message' }).click();
};

export const act = async (tab, text, item) => {
    await menuOf(tab, text);
    await tab.getByRole('menuitem', { name: item, exact: true }).click();
};

export const reaction = (tab, text, emoji) => message(tab, text).locator('.reaction', { hasText: emoji });

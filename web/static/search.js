/*
 * search.js: looking for what was said, here or in all rooms that one may read, and the way there.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, el, t, bdi } = Chat;
    const MOST = 50;

    /* Enters the room if need be. */
    async function goTo({ room, seq }) {
        await Chat.enter(room);
        if (Chat.active && Chat.active.name === room) await Chat.timeline.jump(seq);
    }

    function rowOf(found, close) {
        const button = el('button', { type: 'button', class: 'found-row' },
            el('span', { class: 'hint' }, bdi('#' + found.room), ' · ', bdi(found.username), ' · ', Chat.moment(found.ts)),
            el('span', { class: 'found-text', dir: 'auto' }, found.content));
        button.addEventListener('click', () => {
            close();
            goTo(found);
        });
        return el('li', {}, button);
    }

    Chat.search = function () {
        if (document.querySelector('dialog[open]')) return;
        const input = el('input', { id: 'search-words', type: 'search', autocomplete: 'off', autofocus: true, required: true, 'aria-label': t('search said') });
        const here = el('input', { type: 'checkbox', checked: false });
        const list = el('ul', { class: 'found-list', 'aria-label': t('search results') });
        let asked = 0;
        const look = async () => {
            const query = input.value.trim();
            const mine = ++asked; // only the latest counts
            if (!query) return;
            dialog.error('');
            try {
                const { messages } = await Chat.hub.search(query, { room: here.checked ? Chat.active.name : undefined, limit: MOST });
                if (mine !== asked) return;
                list.replaceChildren(...messages.map((found) => rowOf(found, dialog.close)));
                dialog.say(t('n found', { n: messages.length }));
            } catch (error) {
                if (mine === asked) dialog.error(Chat.errorText(error));
            }
        };
        const dialog = Chat.dialog({
            title: t('search said'), wide: 'tall',
            content: [el('div', { class: 'pair' }, input, el('button', { class: 'primary' }, t('search'))),
                ...(Chat.active ? [el('label', {}, here, ' ', t('search here'))] : []), list],
            onsubmit: look,
        });
        here.addEventListener('change', look);
    };

    $('search').addEventListener('click', () => Chat.search());
})();

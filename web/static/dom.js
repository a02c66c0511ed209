/*
 * dom.js: what all parts of the page share: making elements, menus, dialogs, messages in passing,
 * and what is remembered from visit to visit. Opens the namespace `Chat`.
 *
 * Text from others becomes part of the document as text nodes only: el() takes strings for text.
 */
(function () {
    'use strict';

    const Chat = window.Chat = {};
    const $ = Chat.$ = (id) => document.getElementById(id);

    /* el('p', {class: 'x', hidden: true, onclick: f}, child or text or list, …); null is nothing. */
    Chat.el = function (name, attributes, ...children) {
        const made = document.createElement(name);
        for (const [key, value] of Object.entries(attributes || {})) {
            if (value === undefined || value === null || value === false) continue;
            if (typeof value === 'function') made.addEventListener(key.slice(2), value);
            else if (key === 'value' || key === 'checked') made[key] = value;
            else made.setAttribute(key, value === true ? '' : value);
        }
        made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ''));
        return made;
    };
    const el = Chat.el;

    /* A name of somebody or something: its own direction of writing stays inside. */
    Chat.bdi = (text, attributes) => el('bdi', attributes, text);

    /* For where no element fits (the title of the window): without marks that turn the line around. */
    Chat.plain = (text) => text.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '');

    Chat.bytes = (text) => new TextEncoder().encode(text).length;

    /* The same name has the same colour everywhere; alice, alice-2 and alice-3 have colours far apart. */
    Chat.hue = function (name) {
        const [, base, number] = /^(.*?)(?:-(\d{1,6}))?$/su.exec(name);
        let sum = 0;
        for (const letter of base) sum = (sum * 31 + letter.codePointAt(0)) % 997;
        return ((sum + Number(number || 0)) * 137) % 360;
    };

    Chat.avatar = function (name, status) {
        const letter = /[\p{L}\p{N}\p{Extended_Pictographic}]/u.exec(name) || [Array.from(name)[0] || '?'];
        const made = el('span', { class: 'avatar', 'aria-hidden': 'true', 'data-status': status }, letter[0].toUpperCase());
        made.style.setProperty('--hue', Chat.hue(name));
        return made;
    };

    /* Lines on a square of 24. */
    const ICONS = {
        ban: 'M5.6 5.6l12.8 12.8M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
        back: 'M15 5l-7 7 7 7',
        bell: 'M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5a2 2 0 0 0 4 0',
        close: 'M6 6l12 12M18 6L6 18',
        copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
        door: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
        down: 'M12 5v14M6 13l6 6 6-6',
        find: 'M17 10.5a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0zM15.2 15.2L20.5 20.5',
        gear: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
        hash: 'M10 4L8 20M16 4l-2 16M4.5 9h16M3.5 15h16',
        help: 'M9.2 9.3a2.9 2.9 0 1 1 4.3 2.5c-1 .6-1.5 1.1-1.5 2.2M12 17v.2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
        hidden: 'M4 4l16 16M9.5 5.3A10 10 0 0 1 12 5c6 0 9.5 7 9.5 7a16 16 0 0 1-2.6 3.5M6 7.3A16 16 0 0 0 2.5 12s3.5 7 9.5 7a9.5 9.5 0 0 0 4.3-1',
        kick: 'M15 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0zM3 20a8 8 0 0 1 13-6M17 16l4 4M21 16l-4 4',
        lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
        mail: 'M3 6h18v12H3zM3 7l9 7 9-7',
        more: 'M12 5.5v.01M12 12v.01M12 18.5v.01',
        mute: 'M4 4l16 16M9 9v3a3 3 0 0 0 5 2.2M15 10V6a3 3 0 0 0-5.7-1.3M6 11v1a6 6 0 0 0 10 4.5M12 18v3',
        people: 'M12.5 8a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0zM2.5 20a6.5 6.5 0 0 1 13 0M15.5 4.8a3.5 3.5 0 0 1 0 6.4M18 14.2a6.5 6.5 0 0 1 3.5 5.8',
        plus: 'M12 5v14M5 12h14',
        pen: 'M4 20l1-5L16 4l4 4L9 19zM14 6l4 4',
        rank: 'M12 3l2.6 5.6 6.1.7-4.5 4.2 1.2 6L12 16.5 6.6 19.5l1.2-6L3.3 9.3l6.1-.7z',
        send: 'M4 12l16-8-5 16-3.5-6.5zM11.5 13.5L20 4',
        trash: 'M4 7h16M9 7V4h6v3M6.5 7l1 13h9l1-13',
        undo: 'M4 9h10a5 5 0 0 1 0 10H8M8 5L4 9l4 4',
    };

    Chat.icon = function (name) {
        const make = (kind, attributes) => {
            const made = document.createElementNS('http://www.w3.org/2000/svg', kind);
            for (const key in attributes) made.setAttribute(key, attributes[key]);
            return made;
        };
        const svg = make('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' });
        svg.append(make('path', { d: ICONS[name] }));
        return svg;
    };

    /* Remembered in this browser, or (`here`) in this tab. A browser may forbid it: nothing is kept then. */
    const keeper = (store) => ({
        get(key) {
            try { return window[store].getItem('hubbub.' + key); } catch (forbidden) { return null; }
        },
        set(key, value) {
            try {
                if (value) window[store].setItem('hubbub.' + key, value);
                else window[store].removeItem('hubbub.' + key);
            } catch (forbidden) { /* not kept */ }
        },
    });
    Chat.kept = keeper('localStorage');
    Chat.here = keeper('sessionStorage');

    /* Makes these the children, leaving alone those that are there already: they keep focus and place. */
    Chat.arrange = function (parent, wanted, ongone) {
        const stay = new Set(wanted);
        for (const child of Array.from(parent.children)) {
            if (stay.has(child)) continue;
            child.remove();
            if (ongone) ongone(child);
        }
        let next = parent.firstChild;
        for (const child of wanted) {
            if (child === next) next = next.nextSibling;
            else parent.insertBefore(child, next);
        }
    };

    /* Once a frame, however often it was asked for. */
    Chat.batched = function (draw) {
        let due = false;
        return () => {
            if (due) return;
            due = true;
            requestAnimationFrame(() => {
                due = false;
                draw();
            });
        };
    };

    /* Said to screen readers; one line at a time, or they would be read as one. */
    Chat.announce = function (text) {
        $('announcer').replaceChildren(el('p', {}, text));
    };

    /* A word in passing, gone by itself; above where one writes. */
    let toastTimer = 0;
    Chat.toast = function (text) {
        clearTimeout(toastTimer);
        $('toast').textContent = text;
        const { top } = $('composer').getBoundingClientRect(); // 0: it is not shown
        $('toast').style.bottom = top ? innerHeight - top + 8 + 'px' : '';
        $('toast').classList.add('shown');
        toastTimer = setTimeout(() => $('toast').classList.remove('shown'), 5000);
    };

    /* Something that waits for an answer, beside what goes on: [[label, run], …]; all take it away. */
    Chat.card = function (title, content, actions) {
        const node = el('section', { class: 'slip', role: 'status' }, el('p', { class: 'slip-title' }, title),
            content ? el('p', { dir: 'auto' }, content) : null,
            el('div', { class: 'buttons' }, actions.map(([label, run], i) => el('button', {
                type: 'button', class: i === 0 ? 'primary' : 'quiet',
                onclick: () => {
                    node.remove();
                    if (run) run();
                },
            }, label))));
        $('cards').append(node);
        return node;
    };

    Chat.toastError = (error) => Chat.toast(Chat.errorText(error));

    Chat.copy = async function (text) {
        try {
            await navigator.clipboard.writeText(text);
            Chat.toast(Chat.t('copied'));
        } catch (forbidden) { // by the browser, or not served over https
            Chat.toast(Chat.t('cannot copy'));
        }
    };

    Chat.showError = function (node, text) {
        node.textContent = text || '';
        node.hidden = !text;
    };

    /* ---- menus: [{label, icon?, run, danger?, className?, checked?}, or null for a line] ------------------------- */

    let openMenu = null;

    Chat.closeMenu = function (giveFocusBack) {
        if (!openMenu) return;
        const { node, anchor } = openMenu;
        openMenu = null;
        node.remove();
        anchor.setAttribute('aria-expanded', 'false');
        if (giveFocusBack) anchor.focus();
    };

    Chat.menu = function (anchor, items) {
        const again = openMenu && openMenu.anchor === anchor;
        Chat.closeMenu(false);
        if (again || items.length === 0) return;
        const node = el('div', { class: 'menu', role: 'menu', onkeydown: onMenuKey },
            items.map((item) => (item === null ? el('div', { class: 'menu-line', role: 'separator' }) : el('button', {
                type: 'button', tabindex: '-1', class: item.className || (item.danger ? 'danger' : ''),
                role: item.checked === undefined ? 'menuitem' : 'menuitemradio',
                'aria-checked': item.checked === undefined ? null : String(item.checked),
                onclick: () => {
                    Chat.closeMenu(true);
                    item.run();
                },
            }, item.icon ? Chat.icon(item.icon) : null, item.label))));
        // Within a dialog, so that it is above it and not inert.
        (anchor.closest('dialog') || document.body).append(node);
        place(node, anchor.getBoundingClientRect());
        anchor.setAttribute('aria-expanded', 'true');
        openMenu = { node, anchor };
        node.querySelector('button').focus();
    };

    function place(node, at) {
        const { width, height } = node.getBoundingClientRect();
        const below = at.bottom + 4 + height <= innerHeight;
        const top = below ? at.bottom + 4 : Math.max(8, at.top - height - 4);
        const left = Math.min(Math.max(8, at.right - width), innerWidth - width - 8);
        node.style.top = Math.max(8, Math.min(top, innerHeight - height - 8)) + 'px';
        node.style.left = (at.left + width < innerWidth - 8 ? Math.max(8, at.left) : left) + 'px';
    }

    function onMenuKey(event) {
        const buttons = Array.from(event.currentTarget.querySelectorAll('button'));
        const at = buttons.indexOf(document.activeElement);
        const steps = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1 + buttons.length, ArrowLeft: at - 1 + buttons.length, Home: 0, End: buttons.length - 1 };
        if (event.key === 'Escape' || event.key === 'Tab') Chat.closeMenu(true);
        else if (event.key in steps) buttons[steps[event.key] % buttons.length].focus();
        else return;
        event.preventDefault();
        event.stopPropagation();
    }

    document.addEventListener('pointerdown', (event) => {
        if (openMenu && !openMenu.node.contains(event.target) && !openMenu.anchor.contains(event.target)) Chat.closeMenu(false);
    });
    window.addEventListener('resize', () => Chat.closeMenu(false));

    /* ---- dialogs: one <dialog> each time, gone when it closes ---------------------------------------- */

    let dialogs = 0;

    /* Shows `content` under a title, and below a way back beside what is done (`action`), or other buttons; returns
     * {node, close, error(text)}. Closing gives the focus back. */
    Chat.dialog = function ({ title, wide, content, action, danger, buttons, onsubmit }) {
        const id = 'dialog-' + ++dialogs;
        const problem = el('p', { class: 'error', role: 'alert', hidden: true, id: id + '-error' });
        const note = el('p', { class: 'note', role: 'status' });
        const node = el('dialog', { class: 'card' + (wide ? ' wide' : '') + (typeof wide === 'string' ? ' ' + wide : ''), 'aria-labelledby': id },
            el('form', {
                method: 'dialog', novalidate: true,
                onsubmit: (event) => {
                    event.preventDefault();
                    if (onsubmit) onsubmit(api);
                },
            },
            el('header', { class: 'dialog-head' }, el('h2', { id }, title),
                el('button', { type: 'button', class: 'plain', 'aria-label': Chat.t('close'), onclick: () => node.close() }, Chat.icon('close'))),
            el('div', { class: 'dialog-body' }, content), problem, note,
            action || buttons ? el('div', { class: 'buttons' }, buttons || [
                el('button', { type: 'button', class: 'quiet', onclick: () => node.close() }, Chat.t('cancel')), el('button', { class: danger ? 'primary danger' : 'primary' }, action),
            ]) : null));
        const api = {
            node,
            close: () => node.close(),
            error: (text) => Chat.showError(problem, text),
            say: (text) => { note.textContent = text; },
        };
        node.addEventListener('close', () => {
            Chat.closeMenu(false);
            node.remove();
        });
        node.addEventListener('click', (event) => { if (event.target === node && (!wide || wide === 'picture-box')) node.close(); });
        document.body.append(node);
        node.showModal();
        const first = node.querySelector('[autofocus]') || node.querySelector('.dialog-body :is(input, select, textarea, button)');
        if (first) first.focus();
        return api;
    };

    /* A labelled field: field('Title', input, 'what it is good for', a button beside it). */
    let fields = 0;
    Chat.field = function (label, control, hint, ...beside) {
        const id = control.id || (control.id = 'field-' + ++fields);
        if (hint) control.setAttribute('aria-describedby', id + '-hint');
        return el('div', { class: 'field' }, el('label', { for: id }, label),
            beside.length ? el('div', { class: 'beside' }, control, beside) : control,
            hint ? el('p', { class: 'hint', id: id + '-hint' }, hint) : null);
    };

    Chat.check = (box, label) => el('label', { class: 'check' }, box, el('span', {}, label));

    Chat.select = function (rows, chosen, attributes) {
        return el('select', attributes, rows.map(([value, label]) => {
            const option = el('option', { value }, label);
            option.selected = value === chosen;
            return option;
        }));
    };

    /* Asks before what cannot be taken back. */
    Chat.confirm = function ({ title, text, action, run }) {
        return Chat.dialog({ title, content: el('p', {}, text), action, danger: true, onsubmit: (dialog) => Chat.attempt(dialog, run) });
    };

    /* Does it and closes the dialog, or says in it what went wrong. */
    Chat.attempt = async function (dialog, run) {
        const button = dialog.node.querySelector('.buttons .primary');
        dialog.error('');
        if (button) button.disabled = true;
        try {
            await run();
            dialog.close();
        } catch (error) {
            dialog.error(Chat.errorText(error));
        }
        if (button) button.disabled = false;
    };
})();

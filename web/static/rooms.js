/*
 * rooms.js: the column of rooms: those one is in with what is unread, all others with search and
 * paging, and the dialogs to create and to enter one.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, el, t, tn, bdi } = Chat;
    const REFRESH = 20000; // no event tells of other rooms
    const SOON = 300; // after something that may have changed them
    const ICON = { public: 'hash', restricted: 'lock', private: 'hidden' };

    let others = []; // rows of the server, as far as they were asked for
    let cursor = '';
    let query = '';
    let asked = 0; // answers to older questions are thrown away
    let timer = 0;

    /* ---- mine ---- */

    Chat.drawRooms = Chat.batched(() => {
        const wanted = query.toLowerCase();
        const mine = Array.from(Chat.rooms.values());
        const shown = mine.filter((room) => (room.name + '\n' + room.label).toLowerCase().includes(wanted));
        list('my-rooms', shown.filter((room) => !room.with));
        list('my-talks', shown.filter((room) => room.with));
        const rest = others.filter((row) => !Chat.rooms.has(row.room));
        Chat.arrange($('all-rooms'), rest.map(rowOf));
        const named = query && Chat.nameProblem(query) === '' && !mine.some((room) => room.name === query) && !rest.some((row) => row.room === query);
        $('enter-named').hidden = !named;
        if (named) $('enter-named').replaceChildren(Chat.icon('plus'), el('span', { class: 'room-name' }, tn('enter room', { room: bdi(query) })));
        $('all-rooms-empty').hidden = rest.length > 0 || Boolean(cursor);
        $('all-rooms-empty').textContent = t(query ? 'no rooms found' : 'no other rooms');
        $('more-rooms').hidden = !cursor;
        showTitle(mine);
    });

    function list(id, rooms) {
        Chat.arrange($(id), rooms.map(tabOf));
        $(id + '-title').hidden = $(id).hidden = rooms.length === 0;
    }

    function tabOf(room) {
        const { unread, mentions } = room;
        const current = room === Chat.active;
        if (!room.tab) {
            room.tab = el('li', {}, el('button', {
                type: 'button', class: 'room', 'data-room': room.name, onclick: () => Chat.show(room),
            }));
        }
        const button = room.tab.firstChild;
        button.classList.toggle('unread', unread > 0);
        button.classList.toggle('out', Boolean(room.out));
        if (current) button.setAttribute('aria-current', 'true');
        else button.removeAttribute('aria-current');
        button.replaceChildren(Chat.icon(room.with ? 'mail' : ICON[room.info.visibility] || 'hash'), bdi(room.label, { class: 'room-name' }),
            ...(mentions ? [count(mentions, 'n mentions', 'count mentions', '@')] : []),
            ...(unread && !current ? [count(unread, 'n unread', 'count', '')] : []));
        return room.tab;
    }

    function count(n, key, className, prefix) {
        return el('span', { class: className }, el('span', { 'aria-hidden': 'true' }, prefix + (n > 99 ? '99+' : n)),
            el('span', { class: 'unseen' }, ' ' + t(key, { n })));
    }

    /* What calls for attention comes first in the title, where it can be seen among other tabs. */
    function showTitle(mine) {
        const mentions = mine.reduce((sum, room) => sum + room.mentions, 0);
        const unread = mine.some((room) => room.unread > 0);
        const place = Chat.active ? Chat.active.place + ' – ' : '';
        document.title = (mentions ? '(' + mentions + ') ' : unread ? '• ' : '') + place + 'hubbub';
        const elsewhere = mine.reduce((sum, room) => sum + (room === Chat.active ? 0 : room.unread), 0);
        $('unread-elsewhere').hidden = elsewhere === 0;
        $('unread-elsewhere').textContent = elsewhere > 99 ? '99+' : elsewhere;
    }

    /* ---- all others ---- */

    let nodes = new Map(); // row as text -> its element, which stays while nothing changes

    function rowOf(row) {
        const key = JSON.stringify(row);
        if (!nodes.has(key)) nodes.set(key, otherRoom(row));
        return nodes.get(key);
    }

    function otherRoom(row) {
        const name = row.title || row.room;
        return el('li', {}, el('button', {
            type: 'button', class: 'room other', 'data-room': row.room, title: row.topic || null,
            onclick: () => Chat.enter(row.room),
        }, Chat.icon(row.hasPassword && row.visibility === 'public' ? 'lock' : ICON[row.visibility] || 'hash'), bdi(name, { class: 'room-name' }),
        el('span', { class: 'room-count', title: t('people', { n: row.members }) }, Chat.icon('people'), String(row.members),
            el('span', { class: 'unseen' }, ' ' + t('people', { n: row.members })))));
    }

    Chat.refreshRooms = async function (more) {
        clearTimeout(timer);
        timer = setTimeout(() => { if (document.visibilityState === 'visible') Chat.refreshRooms(); }, REFRESH);
        if (!Chat.hub || Chat.hub.state !== 'online') return;
        const mine = ++asked;
        const from = more ? cursor : undefined;
        try {
            const reply = await Chat.hub.list(query || undefined, from);
            if (mine !== asked) return;
            others = more ? others.concat(reply.rooms) : reply.rooms;
            if (!query && !more) others.sort((a, b) => b.members - a.members);
            cursor = reply.cursor || '';
            Chat.drawRooms();
        } catch (error) { /* asked again after a while */ }
    };

    Chat.forgetRooms = function () {
        others = [];
        nodes = new Map();
        cursor = query = $('find').value = '';
    };

    function onFind() {
        query = $('find').value.trim().replace(/^#/, '');
        Chat.drawRooms();
        Chat.refreshSoon();
    }

    Chat.refreshSoon = function () {
        clearTimeout(timer);
        timer = setTimeout(() => Chat.refreshRooms(), SOON);
    };

    /* Found: the whole list again. */
    Chat.endSearch = function () {
        if (!query) return;
        $('find').value = '';
        onFind();
    };

    /* ---- entering ---- */

    /* Enters a room and shows it; asks for what is missing, and says why it cannot be. */
    Chat.enter = async function (name, options = {}) {
        const known = Chat.rooms.get(name);
        if (known && !known.out) return Chat.show(known);
        try {
            await Chat.join(name, options);
            Chat.show(Chat.rooms.get(name));
        } catch (error) {
            refused(name, error, options);
        }
        return undefined;
    };

    function refused(name, error, options) {
        if (Chat.talks.has(name)) {
            Chat.stayOut(name, error);
            Chat.show(Chat.rooms.get(name));
            return;
        }
        const title = t('enter room', { room: '#' + Chat.plain(name) });
        const why = Chat.errorText(error) + (options.invite ? ' ' + t('bad invite') : '');
        const { code } = error;
        if (!['wrong_password', 'invite_required', 'no_such_room'].includes(code)) {
            Chat.dialog({ title, content: el('p', { class: 'error', role: 'alert' }, why), buttons: [el('button', { class: 'primary' }, t('close'))], onsubmit: (dialog) => dialog.close() });
            return;
        }
        const given = options.password || options.invite; // and it was not the right one
        const input = el('input', { type: 'password', autocomplete: 'off', maxlength: '128', autofocus: true });
        const dialog = Chat.dialog({
            title,
            content: [given ? '' : el('p', {}, code === 'wrong_password' ? t('asks password') : why), Chat.field(t('key'), input)],
            action: t('enter'),
            onsubmit: () => Chat.attempt(dialog, async () => {
                await Chat.join(name, Chat.key(input.value.trim()));
                Chat.show(Chat.rooms.get(name));
            }),
        });
        if (given) dialog.error(why);
    }

    /* What opens a room: its password, or an invitation if it looks like one. */
    Chat.key = (text) => text ? { password: text, invite: /^[\w-]{1,32}$/.test(text) ? text : undefined } : {};

    /* ---- private conversations ---- */

    Chat.talkWith = (test) => (Array.from(Chat.talks).find(([, one]) => test(one)) || [])[0];
    Chat.talkOf = ({ userId }) => Chat.talkWith((one) => one.userId === userId);

    Chat.block = async function (room) {
        const person = room.with;
        person.blocked = !person.blocked;
        try {
            await Chat.hub[person.blocked ? 'block' : 'unblock']('id:' + person.userId);
            if (!person.blocked) Chat.enter(room.name);
        } catch (error) {
            person.blocked = !person.blocked;
            Chat.toastError(error);
        }
    };

    /* ---- creating ---- */

    Chat.visibilityField = function (chosen) {
        return el('fieldset', { class: 'choices' }, el('legend', {}, t('visibility')), ['public', 'restricted', 'private'].map((value) => el('label', {},
            el('input', { type: 'radio', name: 'visibility', value, checked: value === chosen }),
            Chat.icon(ICON[value]), el('span', {}, el('strong', {}, t(value)), el('span', { class: 'hint' }, t(value + ' hint'))))));
    };

    Chat.createRoom = function (name = '') {
        const fields = {
            room: el('input', { maxlength: '64', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', value: name, autofocus: true }),
            title: el('input', { maxlength: '128', autocomplete: 'off' }),
            topic: el('input', { maxlength: '512', autocomplete: 'off' }),
            password: el('input', { type: 'password', maxlength: '128', autocomplete: 'new-password' }),
        };
        const hides = el('input', { type: 'checkbox' });
        const dialog = Chat.dialog({
            title: t(name ? 'keep room' : 'create room').replace(/\s?…/, ''),
            content: [
                Chat.field(t('room name'), fields.room, t('room name hint')), Chat.field(t('title'), fields.title),
                Chat.field(t('topic'), fields.topic), Chat.visibilityField('public'),
                Chat.field(t('password'), fields.password, t('password none')), Chat.check(hides, t('hides past')),
            ],
            action: t(name ? 'keep' : 'create'),
            onsubmit: () => {
                const room = fields.room.value.trim().replace(/^#/, '');
                const wrong = Chat.nameProblem(room);
                dialog.error(wrong);
                if (wrong) return;
                const settings = { visibility: dialog.node.querySelector('[name=visibility]:checked').value, hidesPast: hides.checked };
                for (const key of ['title', 'topic', 'password']) if (fields[key].value.trim()) settings[key] = fields[key].value.trim();
                Chat.attempt(dialog, () => Chat.createAndEnter(room, settings));
            },
        });
    };

    /* The owner of a room needs no password, and of an open room that is kept now, no entering. */
    Chat.createAndEnter = async function (name, settings) {
        await Chat.hub.create(name, settings);
        await Chat.join(name);
        Chat.show(Chat.rooms.get(name));
        Chat.refreshRooms();
    };

    /* ---- keys ---- */

    function onKey(event) {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step) return;
        const all = Array.from($('rooms-nav').querySelectorAll('input, .room')).filter((node) => node.offsetParent);
        const next = all[all.indexOf(document.activeElement) + step];
        if (next) next.focus();
        event.preventDefault();
    }

    /* To the room `step` further down the list; or the next one in which something is unread. */
    Chat.walkRooms = function (step, unread) {
        const all = Array.from(Chat.rooms.values());
        const at = all.indexOf(Chat.active);
        for (let i = 1; i <= all.length; i++) {
            const room = all[(at + step * i + all.length * i) % all.length];
            if (!unread || room.unread) return Chat.show(room);
        }
        return undefined;
    };

    Chat.startRooms = function () {
        $('find').addEventListener('input', onFind);
        $('find-form').addEventListener('submit', (event) => {
            event.preventDefault();
            const hit = Array.from(Chat.rooms.values()).find((room) => room.name === query);
            if (hit) Chat.show(hit);
            else if (query && Chat.nameProblem(query) === '') Chat.enter(query);
        });
        $('enter-named').addEventListener('click', () => $('find-form').requestSubmit());
        $('more-rooms').addEventListener('click', () => Chat.refreshRooms(true));
        $('create-room').addEventListener('click', () => Chat.createRoom());
        $('rooms-nav').addEventListener('keydown', onKey);
    };

    /* ---- what was said ---- */

    /* Leads there; enters the room if need be. */
    function foundRow(dialog, found) {
        const button = el('button', { type: 'button', class: 'room' },
            el('span', {}, bdi(Chat.talks.has(found.room) ? Chat.talks.get(found.room).username : '#' + found.room), ' ', bdi(found.username), ' ', Chat.moment(found.ts), el('br'), bdi(found.content)));
        button.addEventListener('click', async () => {
            dialog.close();
            await Chat.enter(found.room);
            await Chat.hub.why(found.room).catch(() => {}); // by then its messages are here
            if (Chat.active && Chat.active.name === found.room) Chat.timeline.jump(found.seq);
        });
        return el('li', {}, button);
    }

    /* `more`: the row at the end that asks for what follows, which takes its place. */
    async function showFound(dialog, list, ask, more) {
        try {
            const { messages, cursor } = await ask(more && more.cursor);
            if (more && !more.isConnected) return; // it was pressed twice
            const rows = messages.map((found) => foundRow(dialog, found));
            if (more) more.remove();
            else list.replaceChildren();
            list.append(...rows);
            if (more && rows[0]) rows[0].firstChild.focus();
            dialog.error('');
            dialog.say(list.firstChild ? '' : t('no messages'));
            if (!cursor) return;
            const next = el('li', {}, el('button', { type: 'button', class: 'quiet', onclick: () => showFound(dialog, list, ask, next) }, t('more')));
            next.cursor = cursor;
            list.append(next);
        } catch (error) {
            dialog.error(Chat.errorText(error));
        }
    }

    Chat.showMentions = function () {
        const list = el('ul', {});
        showFound(Chat.dialog({ title: t('mentions'), wide: 'tall', content: list }), list, (cursor) => Chat.hub.mentions({ limit: 50, cursor }));
    };

    Chat.search = function (words = '') {
        const input = el('input', {
            type: 'search', value: words, autofocus: true, 'aria-label': t('search'),
            onkeydown: (event) => { if (event.key === 'Escape') dialog.close(); }, // where the browser would only empty it
        });
        const here = el('input', { type: 'checkbox' });
        const list = el('ul', {});
        const dialog = Chat.dialog({
            title: t('search'), wide: 'tall',
            content: [input, Chat.active && Chat.check(here, tn('only here', { room: bdi(Chat.active.place) })), list],
            buttons: el('button', { class: 'primary' }, t('search')),
            onsubmit: () => showFound(dialog, list, () => Chat.hub.search(input.value, { room: here.checked ? Chat.active.name : undefined })),
        });
        if (words) input.form.requestSubmit();
    };
})();

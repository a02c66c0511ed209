/*
 * chat.js: the page as a whole: which room is shown and what stands above and below it, columns on a
 * phone, theme and language, notifications, the keys, and the start of everything.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, el, t, tn, bdi } = Chat;
    const root = document.documentElement;
    Chat.HISTORY = 50; // messages that come with a room that was not here before

    /* ---- the room in view ---- */

    Chat.addRoom = function (name) {
        if (!Chat.rooms.has(name)) {
            const room = new Chat.Room(name);
            room.draft = keptOf('drafts')[name] || '';
            Chat.rooms.set(name, room);
        }
        return Chat.rooms.get(name);
    };

    Chat.show = function (room) {
        const before = Chat.active;
        Chat.markRead(true);
        if (before && before !== room) Chat.clearNew(before);
        Chat.active = room || null;
        Chat.endSearch();
        Chat.refreshSoon();
        for (const id of ['conversation', 'composer', 'people']) $(id).hidden = !room;
        $('nowhere').hidden = Boolean(room);
        if (room) {
            Chat.seen(room);
            Chat.showComposer(room);
        } else {
            $('composer-error').hidden = $('hindrance').hidden = true;
        }
        Chat.timeline.show(room);
        Chat.drawHead();
        Chat.drawRooms();
        Chat.drawPeople();
        Chat.showTyping(room);
        Chat.showInAddress(room);
        Chat.remember();
        pane(room ? 'talk' : 'rooms');
        const dialog = document.querySelector('dialog[open]'); // gives the focus back when it closes: after that
        if (dialog && room) dialog.addEventListener('close', focusRoom, { once: true });
        else if (room) focusRoom();
    };

    /* Where one goes on: typing, but not where that would pull a keyboard over half the screen. */
    function focusRoom() {
        if (matchMedia('(pointer: coarse)').matches) $('room-title').focus();
        else Chat.focusComposer();
    }

    Chat.drawHead = function () {
        const room = Chat.active;
        for (const id of ['search', 'show-people', 'room-menu']) $(id).hidden = !room;
        $('room-title').replaceChildren(...(room ? [bdi(room.label)] : []));
        $('room-topic').replaceChildren(...(room ? subtitle(room) : []));
        $('room-topic').title = room ? room.info.topic || '' : '';
        if (room) Chat.showHindrance(room);
    };

    function subtitle(room) {
        const { title, topic, slowMode, kept } = room.info;
        const parts = [];
        if (title && title !== room.name) parts.push(bdi('#' + room.name));
        if (topic) parts.push(bdi(topic));
        if (slowMode) parts.push(el('span', {}, t('slow mode', { time: Chat.duration(slowMode) })));
        if (parts.length === 0 && !kept && !room.out) parts.push(el('span', {}, t('open room')));
        return parts.flatMap((part, i) => (i ? [' · ', part] : [part]));
    }

    /* Out of the room or muted: said where one would write, with what can be done. */
    Chat.showHindrance = function (room) {
        const { mutedUntil } = room.info;
        const muted = !room.out && mutedUntil !== undefined && mutedUntil !== null && (mutedUntil === 0 || mutedUntil > Date.now());
        clearTimeout(room.unmuteTimer);
        if (muted && mutedUntil) room.unmuteTimer = setTimeout(() => Chat.active === room && Chat.drawHead(), Math.min(mutedUntil - Date.now() + 50, 86400000));
        $('composer').hidden = Boolean(room.out) || muted;
        $('hindrance').hidden = !room.out && !muted;
        if (muted) $('hindrance').replaceChildren(el('p', {}, mutedUntil ? t('muted until', { until: Chat.moment(mutedUntil) }) : t('muted forever')));
        if (room.out) {
            $('hindrance').replaceChildren(el('p', {}, room.out.build()), el('div', { class: 'buttons' },
                room.out.final ? null : blocked(room) ? el('button', { type: 'button', class: 'primary', onclick: () => Chat.block(room) }, t('unblock'))
                    : el('button', { type: 'button', class: 'primary', onclick: () => Chat.enter(room.name) }, t('enter again')),
                el('button', { type: 'button', class: 'quiet', onclick: () => Chat.forget(room) }, t('take off list'))));
        }
    };

    const blocked = (room) => room.with && room.with.blocked;

    Chat.showTyping = function (room) {
        const names = room ? Array.from(room.typing.keys()) : [];
        const key = ['', 'one types', 'two type'][names.length] || 'many type';
        $('typing').replaceChildren(...(names.length ? tn(key, { a: bdi(names[0]), b: bdi(names[1] || '') }) : []));
    };

    Chat.leave = function (room) {
        Chat.markRead(true);
        if (room.out) Chat.forget(room);
        else return Chat.hub.leave(room.name).catch(() => {}); // not connected: then it is simply not entered again
        return undefined;
    };

    /* Off the list; the one beside it is shown. */
    Chat.forget = function (room) {
        const all = Array.from(Chat.rooms.values());
        const at = all.indexOf(room);
        room.close();
        keepSeen();
        Chat.rooms.delete(room.name);
        Chat.drafts(room, true);
        if (room === Chat.active) Chat.show(all[at + 1] || all[at - 1]);
        Chat.drawRooms();
        Chat.remember();
        Chat.refreshRooms();
    };

    /* ---- of each room, kept for this browser: the draft, and how far one has read ---- */

    function keptOf(what) {
        const all = Object.create(null); // a room may be called constructor
        try { return Object.assign(all, JSON.parse(Chat.kept.get(what))); } catch (odd) { return all; }
    }

    function keep(what, room, value) {
        const all = keptOf(what);
        if (value) all[room.name] = value;
        else delete all[room.name];
        Chat.kept.set(what, JSON.stringify(all));
    }

    Chat.drafts = function (room, gone) {
        if ((keptOf('drafts')[room.name] || '') !== room.draft || gone) keep('drafts', room, gone ? '' : room.draft);
        if (gone && !room.with) keep('seen', room); // a conversation that is closed comes back with what is new in it
    };

    /* All that there is in the room so far was seen. */
    let seenTimer = 0;
    Chat.seen = function (room) {
        room.unread = room.mentions = 0;
        if (!room.epoch) return;
        room.seenTo = [room.epoch, Math.max(room.last, room.old)];
        seenTimer = seenTimer || setTimeout(keepSeen, 500);
    };

    function keepSeen() {
        clearTimeout(seenTimer);
        seenTimer = 0;
        const all = keptOf('seen');
        for (const room of Chat.rooms.values()) all[room.name] = room.seenTo || all[room.name];
        Chat.kept.set('seen', JSON.stringify(all));
    }

    /* What is in view was read: the server is told, at most every two seconds or `last` before one goes elsewhere, and
     * with it one's other tabs. */
    Chat.markRead = function (last) {
        const room = Chat.active;
        if (!room || (room.marking && !last) || room.toShow || room.out || !room.view.follow || document.visibilityState !== 'visible' ||
            room.last < room.until || room.last <= room.read) return;
        room.read = room.last;
        clearTimeout(room.marking);
        room.marking = setTimeout(() => {
            room.marking = 0;
            Chat.markRead();
        }, 2000);
        Chat.hub.read(room.name, room.read).catch(() => {});
    };
    /* Has more been said there than was seen? */
    Chat.unseen = ({ room, seq }) => seq > (keptOf('seen')[room] || [0, 0])[1];

    /* Into a room, where one left it: now, or on an earlier visit. */
    Chat.join = function (name, options) {
        const room = Chat.rooms.get(name);
        const [epoch, since] = room && room.epoch ? [room.epoch, room.last] : keptOf('seen')[name] || [];
        return Chat.hub.join(name, { history: Chat.HISTORY, since, epoch, ...options });
    };

    /* ---- columns: all three where there is room, on a phone one at a time ---- */

    function pane(name) {
        root.dataset.pane = name;
    }

    function togglePeople() {
        const wide = matchMedia('(min-width: 62.01rem)').matches;
        if (wide) root.classList.toggle('no-people');
        else pane(root.dataset.pane === 'people' ? 'talk' : 'people');
        if (!wide && root.dataset.pane === 'people') $('hide-people').focus();
    }

    function walkPanes(back) {
        const stops = [$('find'), $('log'), $('box'), $('people').querySelector('.person')].filter((node) => node && node.offsetParent);
        const at = stops.findIndex((node) => node === document.activeElement || (node.id === 'log' && node.contains(document.activeElement)) ||
            (node.classList.contains('person') && $('people').contains(document.activeElement)) || (node.id === 'find' && $('rooms-nav').contains(document.activeElement)));
        stops[(at + (back ? -1 : 1) + stops.length) % stops.length].focus();
    }

    /* ---- menus ---- */

    function roomMenu(anchor) {
        const room = Chat.active;
        const items = [];
        if (!room.out && room.info.kept && room.may('moderator')) {
            items.push({ label: t('settings'), icon: 'gear', run: () => Chat.roomSettings(room) });
            items.push({ label: t('invite'), icon: 'mail', run: () => Chat.inviteDialog(room) });
        }
        if (!room.out && !room.info.kept && room.may('owner')) items.push({ label: t('keep room'), icon: 'lock', run: () => Chat.createRoom(room.name) });
        if (items.length) items.push(null);
        if (room.with) items.push({ label: t(blocked(room) ? 'unblock' : 'block'), icon: 'ban', danger: !blocked(room), run: () => Chat.block(room) });
        items.push({ label: t('search'), icon: 'find', run: () => Chat.search() });
        items.push({ label: t(room.with ? 'close talk' : 'leave room'), icon: 'door', run: () => Chat.leave(room) });
        Chat.menu(anchor, items);
    }

    function myMenu(anchor) {
        const theme = Chat.kept.get('theme') || 'auto';
        const notifying = Chat.kept.get('notify') === 'yes' && notificationsAllowed();
        Chat.menu(anchor, [
            ...['auto', 'light', 'dark'].map((name) => ({ label: t('theme ' + name), checked: theme === name, run: () => setTheme(name) })),
            null,
            ...Object.entries(Chat.LANGUAGES).map(([tag, name]) => ({ label: name, checked: Chat.language === tag, run: () => setLanguage(tag) })),
            null,
            { label: t('mentions'), run: Chat.showMentions },
            { label: t(notifying ? 'notify off' : 'notify on'), icon: 'bell', run: () => setNotify(!notifying) },
            ...(Chat.hub.operator ? [{ label: t('server'), icon: 'gear', run: () => Chat.serverSettings() }] : []),
            { label: t('help'), icon: 'help', run: () => Chat.help() },
            { label: t('disconnect'), icon: 'door', run: () => Chat.goOut('') },
        ]);
    }

    function setTheme(name) {
        Chat.kept.set('theme', name === 'auto' ? '' : name);
        root.dataset.theme = name;
    }

    function setLanguage(tag) {
        Chat.kept.set('language', tag);
        Chat.setLanguage(tag);
        $('state-text').textContent = t(root.dataset.state);
        if (Chat.active) Chat.showComposer(Chat.active);
        Chat.timeline.show(Chat.active);
        Chat.drawHead();
        Chat.drawRooms();
        Chat.drawPeople();
        Chat.showTyping(Chat.active);
    }

    /* ---- notifications ---- */

    const notificationsAllowed = () => 'Notification' in window && Notification.permission === 'granted';

    async function setNotify(on) {
        if (on && 'Notification' in window && Notification.permission === 'default') await Notification.requestPermission();
        if (on && !notificationsAllowed()) Chat.toast(t('notify denied'));
        Chat.kept.set('notify', on && notificationsAllowed() ? 'yes' : '');
    }

    Chat.notify = function (room, event) {
        if (Chat.kept.get('notify') !== 'yes' || !notificationsAllowed() || document.visibilityState === 'visible') return;
        const title = Chat.plain(event.username || '') + (room && !room.with ? ' · ' + room.place : '');
        const shown = new Notification(title, { body: Chat.gist(event).slice(0, 200), tag: room ? room.name : 'hubbub', icon: 'favicon.svg' });
        shown.onclick = () => {
            window.focus();
            if (room && Chat.rooms.has(room.name)) Chat.show(room);
            shown.close();
        };
    };

    /* ---- keys ---- */

    const KEYS = [['Enter', 'k send'], ['Shift Enter', 'k break'], ['Tab', 'k complete'], ['Alt ↑ ↓', 'k rooms'], ['Alt Shift ↓', 'k unread'],
        ['Ctrl K', 'k find'], ['Ctrl Shift F', 'search'], ['F6', 'k panes'], ['↑ ↓', 'k rows'], ['Enter', 'k actions'], ['← →', 'k parts'], ['End', 'k newest'], ['↑', 'k edit'], ['?', 'k help'], ['Ctrl /', 'k help']];
    const FORMATS = [['**x**', 'f bold'], ['*x*', 'f italic'], ['`x`', 'f code'], ['```', 'f block'], ['[x](https://…)', 'f link'], ['> x', 'f quote']];

    Chat.help = function () {
        if (document.querySelector('dialog[open]')) return;
        const table = (title, rows) => el('section', {}, el('h3', {}, t(title)), el('dl', { class: 'keys' },
            rows.map(([key, what]) => el('div', {}, el('dt', {}, el('kbd', {}, key)), el('dd', {}, t(what))))));
        Chat.dialog({
            title: t('help'), wide: true,
            content: [table('help keys', KEYS), table('help commands', Object.keys(Chat.COMMANDS).map((name) => [Chat.usage(name), 'c ' + name])), table('help format', FORMATS), table('message', Chat.MARKS)],
        });
    };

    function onKey(event) {
        if (event.isComposing || Chat.atDoor || document.querySelector('dialog[open], .menu')) return;
        const writing = event.target.closest('input, textarea, select');
        const command = event.ctrlKey || event.metaKey;
        if (event.altKey && !command && ['ArrowUp', 'ArrowDown'].includes(event.key)) Chat.walkRooms(event.key === 'ArrowUp' ? -1 : 1, event.shiftKey);
        else if (command && event.shiftKey && event.key.toLowerCase() === 'f') Chat.search();
        else if (command && event.key.toLowerCase() === 'k') {
            pane('rooms');
            $('find').focus();
        } else if (event.key === 'F6') walkPanes(event.shiftKey);
        else if ((event.key === '?' && !writing) || (command && event.key === '/')) Chat.help();
        else if (event.key === 'Escape' && root.dataset.pane !== 'talk' && Chat.active) {
            pane('talk');
            Chat.focusComposer();
        } else return;
        event.preventDefault();
    }

    /* ---- the start ---- */

    const ICONS = { 'create-room': 'plus', 'show-rooms': 'back', 'room-menu': 'more', search: 'find', 'hide-people': 'close', send: 'send' };

    function start() {
        for (const [id, name] of Object.entries(ICONS)) $(id).prepend(Chat.icon(name));
        $('show-rooms').append(el('span', { id: 'unread-elsewhere', class: 'count', hidden: true }));
        $('show-people').append(Chat.icon('people'), el('span', { id: 'people-count' }));
        $('to-newest').append(Chat.icon('down'));
        root.dataset.theme = Chat.kept.get('theme') || 'auto';
        Chat.setLanguage(Chat.kept.get('language'));
        Chat.timeline.start();
        Chat.startRooms();
        Chat.startPeople();
        Chat.startComposer();
        $('me').addEventListener('click', () => myMenu($('me')));
        $('room-menu').addEventListener('click', () => roomMenu($('room-menu')));
        $('search').addEventListener('click', () => Chat.search());
        $('show-rooms').addEventListener('click', () => pane('rooms'));
        $('show-people').addEventListener('click', togglePeople);
        $('hide-people').addEventListener('click', () => {
            pane('talk');
            $('show-people').focus();
        });
        $('banner-retry').addEventListener('click', () => Chat.hub.retry());
        document.addEventListener('keydown', onKey);
        window.addEventListener('pagehide', keepSeen);
        document.addEventListener('visibilitychange', () => {
            if (document.visibilityState !== 'visible' || !Chat.active) return;
            Chat.seen(Chat.active);
            Chat.timeline.toNew();
            Chat.markRead();
            Chat.drawRooms();
            Chat.refreshRooms();
        });
        Chat.startDoor();
    }

    start();
})();

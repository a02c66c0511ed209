/*
 * chat.js: the page. Ties the client (hubbub.js) to what is shown (view.js): the door with its form,
 * the rooms as tabs, the composer, the state of the connection.
 */
(function () {
    'use strict';

    const { RoomView, element, paintAvatar, people } = window.ChatView;
    const $ = (id) => document.getElementById(id);
    const fromDisk = location.protocol === 'file:';
    const NAME_LENGTH = 'at most 64 bytes (an é takes 2, an emoji 4)';
    const TYPING_EVERY = 3000;
    const TYPING_PAUSE = 5000;

    const rooms = new Map(); // name -> RoomView, in the order of the tabs
    let chat = null; // HubbubClient
    let active = null; // RoomView
    let atDoor = true;
    let banner = { timer: 0, until: 0 };

    /* Remembered: name and server for the next visit; for a reload of this tab its rooms, and under
     * 'here' the name it was given. A browser may forbid storage; the page then just starts empty. */
    const memory = {
        get(store, key) {
            try { return window[store].getItem('hubbub.' + key); } catch (forbidden) { return null; }
        },
        set(store, key, value) {
            try { window[store].setItem('hubbub.' + key, value); } catch (forbidden) { /* not kept */ }
        },
    };

    function serverAddress() {
        if (fromDisk) return addressFrom($('door-server').value.trim() || 'localhost:8080');
        const folder = location.pathname.replace(/(static\/)?[^/]*$/, '');
        return location.origin.replace(/^http/, 'ws') + folder + 'ws';
    }

    /* As people type it: localhost:8080, http://localhost:8080 and ws://localhost:8080/ws are one. */
    function addressFrom(typed) {
        const text = /^[a-z]+:\/\//i.test(typed) ? typed.replace(/^http/i, 'ws') : 'ws://' + typed;
        try {
            const url = new URL(text);
            if (url.pathname === '/') url.pathname = '/ws';
            return url.href;
        } catch (malformed) {
            return text; // the client says what is wrong with it
        }
    }

    function roomFromHash() {
        try { return decodeURIComponent(location.hash.slice(1)); } catch (malformed) { return ''; }
    }

    function showError(node, text) {
        node.textContent = text;
        node.hidden = !text;
    }

    function plainError(error) {
        switch (error.code) {
        case 'room_full': return 'This room is full.';
        case 'room_limit': return 'You are in as many rooms as this server allows.';
        case 'invalid_room': return 'A room’s name has visible letters, no control characters, and ' + NAME_LENGTH + '.';
        case 'not_in_room': return 'You are not in this room any more.';
        case 'too_large': return 'This is too long to be sent.';
        case 'rate_limited': return 'Slow down a little, then try again.';
        default: return error.message;
        }
    }

    /* The door */

    function openDoor(problem, field) {
        atDoor = true;
        $('house').hidden = true;
        $('door').hidden = false;
        $('door-connect').disabled = false;
        $('door-connect').textContent = 'Connect';
        if (!problem) $('door-room').value = roomFromHash();
        showError($('door-error'), problem);
        $(field || (problem || $('door-name').value ? 'door-connect' : 'door-name')).focus();
        document.title = 'hubbub';
    }

    function knock(event) {
        event.preventDefault();
        const name = $('door-name').value.trim();
        const badName = nameProblem(name, 'name');
        const bad = badName || nameProblem(roomAtDoor(), 'room name');
        showError($('door-error'), bad);
        if (bad) {
            $(badName ? 'door-name' : 'door-room').focus();
            return;
        }
        memory.set('localStorage', 'name', name);
        if (fromDisk) memory.set('localStorage', 'server', $('door-server').value.trim());
        enter(name);
    }

    function roomAtDoor() {
        return $('door-room').value.trim().replace(/^#/, '') || 'lobby';
    }

    function nameProblem(text, what) {
        const bytes = new TextEncoder().encode(text).length;
        if (bytes === 0) return 'Please enter a ' + what + '.';
        if (bytes > 64) return 'This ' + what + ' is too long: it may have ' + NAME_LENGTH + '.';
        // eslint-disable-next-line no-control-regex
        if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)) return 'A ' + what + ' has no control characters.';
        return '';
    }

    /* `kept` is the name of a tab that was inside before. It stays the one to ask for, even when this
     * time the connection from before still holds it: alice-2 must not become alice-2-2 for good. */
    function enter(name, kept) {
        const first = roomAtDoor();
        const before = (memory.get('sessionStorage', 'rooms') || '').split('\n').filter(Boolean);
        const wanted = [first].concat(before.filter((room) => room !== first));
        $('door-connect').disabled = true;
        $('door-connect').textContent = 'Connecting…';
        chat = new HubbubClient({ url: serverAddress(), username: name });
        chat.on('state', onState)
            .on('online', (welcome) => {
                paintAvatar($('me-avatar'), welcome.username);
                $('me-name').textContent = welcome.username;
                if (atDoor) firstRoom(wanted, kept || welcome.username);
            })
            .on('joined', (e) => onJoined(e.room, e.again))
            .on('lost', (e) => outOf(openRoom(e.room), plainError(e.error)))
            .on('join', (e) => {
                if (e.userId === chat.welcome.userId) openRoom(e.room);
                inRoom(e, (room) => room.joined(e));
            })
            .on('leave', (e) => inRoom(e, (room) => room.left(e)))
            .on('presence', (e) => inRoom(e, (room) => room.presence(e)))
            .on('typing', (e) => inRoom(e, (room) => room.typing(e.username, e.state !== 'paused')))
            .on('message', (e) => inRoom(e, (room) => onMessage(room, e)))
            .on('gap', (e) => inRoom(e, (room) => room.notice('Some messages were missed here.', 'gap')))
            .on('error', (e) => showRoomError(rooms.get(e.room) || active, plainError(e)));
        chat.connect();
    }

    async function firstRoom([first, ...others], name) {
        try {
            await chat.join(first);
        } catch (error) {
            chat.disconnect();
            const about = ['room_full', 'invalid_room'].includes(error.code) ? 'door-room' : '';
            if (error.code !== 'disconnected') openDoor(plainError(error), about);
            return;
        }
        atDoor = false;
        $('door').hidden = true;
        $('house').hidden = false;
        memory.set('sessionStorage', 'here', name);
        show(rooms.get(first));
        for (const room of others) chat.join(room).catch(() => forget(room));
    }

    function leaveHouse(problem) {
        for (const room of rooms.values()) room.remove();
        rooms.clear();
        active = null;
        memory.set('sessionStorage', 'here', '');
        $('door-room').value = roomFromHash();
        openDoor(problem);
    }

    /* The connection */

    function onState(e) {
        const words = { online: 'Online', connecting: 'Connecting…', waiting: 'Reconnecting', offline: 'Offline' };
        $('state').dataset.state = e.state;
        $('state-text').textContent = words[e.state];
        $('say-send').disabled = e.state !== 'online';
        clearInterval(banner.timer);
        if (atDoor) {
            if (e.state === 'waiting' || (e.state === 'offline' && e.reason)) {
                chat.disconnect();
                openDoor(fromDisk ? e.reason + ' (' + serverAddress() + ')' : e.reason);
            }
            return;
        }
        if (e.state === 'online') $('banner').hidden = true;
        if (e.state === 'waiting') {
            banner = { until: Date.now() + e.delay, timer: setInterval(tick, 500), reason: e.reason };
            $('banner').hidden = false;
            tick();
        }
        if (e.state === 'offline' && e.reason) leaveHouse(e.reason);
    }

    function tick() {
        const seconds = Math.max(0, Math.ceil((banner.until - Date.now()) / 1000));
        $('banner-text').textContent = banner.reason + ' Trying again in ' + seconds + '\u00a0s.';
    }

    /* Rooms */

    function openRoom(name) {
        if (rooms.has(name)) return rooms.get(name);
        const room = new RoomView(name, chat.welcome.userId);
        rooms.set(name, room);
        $('tabs').append(room.tab);
        $('panes').append(room.pane);
        room.tab.addEventListener('click', () => show(room));
        room.onfollow = () => { if (room === active) $('to-newest').hidden = true; };
        room.ontyping = () => { if (room === active) $('typing').textContent = room.typingText(); };
        remember();
        return room;
    }

    function onJoined(name, again) {
        const room = openRoom(name);
        room.me = chat.welcome.userId;
        room.out = false;
        room.error = '';
        if (again) room.notice('Connected again.', 'again');
        chat.members(name).then((list) => {
            room.setMembers(list);
            refresh(room);
        }, () => {}); // gone again already: the reason is shown by whatever took us out
        refresh(room);
    }

    function outOf(room, why) {
        room.out = true;
        showRoomError(room, why);
        refresh(room);
    }

    function inRoom(event, act) {
        const room = rooms.get(event.room);
        if (!room) return;
        act(room);
        refresh(room);
    }

    function onMessage(room, message) {
        room.message(message);
        const seen = room === active && document.visibilityState === 'visible';
        if (!seen) {
            room.setUnread(room.unread + 1);
            showTitle();
        }
        if (room === active && !room.following) $('to-newest').hidden = false;
    }

    function show(room) {
        if (active && active !== room) {
            active.draft = $('say-text').value;
            stopTyping();
            active.show(false);
        }
        active = room || null;
        $('nowhere').hidden = Boolean(room);
        for (const id of ['say', 'talk-head', 'members-panel']) $(id).hidden = !room;
        $('to-newest').hidden = true;
        $('say-text').value = room ? room.draft : '';
        fitComposer();
        if (room) {
            room.show(true);
            room.setUnread(0);
            room.tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
            // Not by way of location: the browser would go to the element of that id, and move the focus.
            if (roomFromHash() !== room.name) history.replaceState(null, '', '#' + encodeURIComponent(room.name));
        }
        refresh(room);
        showTitle();
        focusRoom();
    }

    /* Where one goes on: typing, but not where that would pull up a keyboard over half the screen. */
    function focusRoom() {
        if (!active) $('open-join').focus();
        else if (active.out || matchMedia('(pointer: coarse)').matches) active.tab.focus();
        else $('say-text').focus();
    }

    /* Brings what is shown around the pane in line with the room, when it is the one in view. */
    function refresh(room) {
        if (room !== active && active) return;
        $('room-title').textContent = room ? room.name : '';
        $('typing').textContent = room ? room.typingText() : '';
        showError($('room-error'), room ? room.error : '');
        if (!room) return;
        $('member-count').textContent = people(room.count);
        $('say-text').disabled = room.out;
        $('say-text').placeholder = 'Message #' + room.name;
        $('say-send').textContent = room.out ? 'Join again' : 'Send';
        room.fillMembers($('members'));
    }

    function showRoomError(room, text) {
        if (room) room.error = text;
        if (room === active) showError($('room-error'), text);
    }

    function showTitle() {
        let unread = 0;
        for (const room of rooms.values()) unread += room.unread;
        document.title = (unread ? '(' + unread + ') ' : '') + (active ? '#' + active.name + ' – ' : '') + 'hubbub';
    }

    function leave(room) {
        if (!room.out) chat.leave(room.name).catch(() => {}); // not connected: then it is simply not entered again
        chat.rooms.delete(room.name);
        forget(room.name);
    }

    function forget(name) {
        const room = rooms.get(name);
        if (room) {
            const order = Array.from(rooms.values());
            const at = order.indexOf(room);
            room.remove();
            rooms.delete(name);
            if (room === active) {
                active = null;
                $('say-text').value = '';
                show(order[at + 1] || order[at - 1]);
            }
        }
        remember();
    }

    function remember() {
        memory.set('sessionStorage', 'rooms', Array.from(rooms.keys()).join('\n'));
    }

    async function goTo(name) {
        if (!rooms.has(name)) await chat.join(name);
        show(rooms.get(name));
    }

    /* Joining another room */

    async function openJoin() {
        $('join-room').value = '';
        showError($('join-error'), '');
        $('join-open-title').hidden = true;
        $('join-open').replaceChildren();
        $('join').showModal();
        $('join-room').focus();
        const list = await chat.list().catch(() => []);
        const others = list.filter((row) => !rooms.has(row.room)).sort((a, b) => b.members - a.members);
        $('join-open-title').hidden = others.length === 0;
        $('join-open').replaceChildren(...others.slice(0, 50).map((row) => {
            const pick = element('button', { type: 'button', class: 'open-room' },
                element('span', { class: 'tab-name' }, '#' + row.room),
                element('span', { class: 'quiet-text' }, people(row.members)));
            pick.addEventListener('click', () => joinFromDialog(row.room));
            return element('li', {}, pick);
        }));
    }

    async function joinFromDialog(typed) {
        const name = typed.trim().replace(/^#/, '');
        const bad = nameProblem(name, 'room name');
        showError($('join-error'), bad);
        if (bad) return;
        try {
            await goTo(name);
            $('join').close();
            focusRoom(); // the dialog gave the focus back to the button that opened it
        } catch (error) {
            showError($('join-error'), plainError(error));
            $('join-room').focus();
        }
    }

    /* Saying something */

    async function say(event) {
        event.preventDefault();
        const room = active;
        if (!room || chat.state !== 'online') return;
        if (room.out) {
            chat.join(room.name).catch((error) => outOf(room, plainError(error)));
            return;
        }
        const text = $('say-text').value;
        if (!text.trim()) return;
        $('say-text').value = '';
        fitComposer();
        stopTyping();
        room.toEnd();
        showRoomError(room, '');
        try {
            await chat.say(room.name, text);
        } catch (error) {
            if (error.code === 'not_in_room') outOf(room, plainError(error));
            else showRoomError(room, 'Not sent: ' + plainError(error));
            if (room !== active) room.draft = room.draft || text;
            else if (!$('say-text').value) $('say-text').value = text;
            fitComposer();
        }
    }

    function fitComposer() {
        const box = $('say-text');
        box.style.height = 'auto';
        box.style.height = Math.min(box.scrollHeight + 2, 180) + 'px';
    }

    const typing = { sent: 0, timer: 0, room: '' };

    function onType() {
        fitComposer();
        if (!active || !$('say-text').value) {
            stopTyping();
            return;
        }
        if (Date.now() - typing.sent > TYPING_EVERY || typing.room !== active.name) {
            typing.sent = Date.now();
            typing.room = active.name;
            chat.typing(active.name, true);
        }
        clearTimeout(typing.timer);
        typing.timer = setTimeout(stopTyping, TYPING_PAUSE);
    }

    function stopTyping() {
        clearTimeout(typing.timer);
        if (typing.room) chat.typing(typing.room, false);
        typing.room = '';
        typing.sent = 0;
    }

    /* Arrow keys walk the tabs, as in every tab list. */
    function onTabKey(event) {
        const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
        const order = Array.from(rooms.values());
        let at = order.indexOf(active);
        if (event.key in steps) at = (at + steps[event.key] + order.length) % order.length;
        else if (event.key === 'Home') at = 0;
        else if (event.key === 'End') at = order.length - 1;
        else return;
        event.preventDefault();
        show(order[at]);
        order[at].tab.focus();
    }

    function toggleMembers(open) {
        $('house').classList.toggle('with-members', open);
        $('show-members').setAttribute('aria-expanded', String($('house').classList.contains('with-members')));
    }

    function start() {
        $('door-form').addEventListener('submit', knock);
        $('disconnect').addEventListener('click', () => {
            chat.disconnect();
            leaveHouse('');
            memory.set('sessionStorage', 'rooms', ''); // who comes next may be somebody else
        });
        $('banner-retry').addEventListener('click', () => chat.hurry());
        $('tabs').addEventListener('keydown', onTabKey);
        $('open-join').addEventListener('click', openJoin);
        $('join-form').addEventListener('submit', (event) => {
            event.preventDefault();
            joinFromDialog($('join-room').value);
        });
        $('join-cancel').addEventListener('click', () => $('join').close());
        $('leave').addEventListener('click', () => leave(active));
        $('show-members').addEventListener('click', () => toggleMembers());
        $('to-newest').addEventListener('click', () => active.toEnd());
        $('say').addEventListener('submit', say);
        $('say-text').addEventListener('input', onType);
        $('say-text').addEventListener('keydown', (event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            $('say').requestSubmit();
        });
        document.addEventListener('keydown', (event) => {
            if (event.key === 'Escape') toggleMembers(false);
        });
        document.addEventListener('visibilitychange', () => {
            if (document.visibilityState !== 'visible') return;
            if (active) active.setUnread(0);
            if (chat) chat.hurry();
            showTitle();
        });
        window.addEventListener('online', () => { if (chat) chat.hurry(); });
        window.addEventListener('hashchange', () => {
            const name = roomFromHash();
            if (atDoor) $('door-room').value = name;
            else if (name && (!active || active.name !== name)) {
                goTo(name).catch((error) => showRoomError(active, '#' + name + ': ' + plainError(error)));
            }
        });

        $('door-server-field').hidden = !fromDisk;
        $('door-server').value = memory.get('localStorage', 'server') || 'ws://localhost:8080/ws';
        $('door-name').value = memory.get('localStorage', 'name') || '';
        openDoor('');
        // A reload of a tab that was inside goes straight in again.
        const here = memory.get('sessionStorage', 'here');
        if (here) enter(here, here);
    }

    start();
})();

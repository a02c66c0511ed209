/*
 * door.js: the way in and out: the name and the room one wants, the address of the server where the page
 * was opened from disk, who one is (the guest's token is kept by the library; another may stand in the
 * address as #token=…), and what is remembered for the next visit.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, t } = Chat;
    const MISSED = 20; // private conversations that are entered because something was said in them
    const fromDisk = location.protocol === 'file:';

    Chat.atDoor = true;

    /* ---- the part of the address after # : a room, or room=…&invite=…&token=… ---- */

    function readHash() {
        const text = location.hash.slice(1);
        if (/^(room|invite|token)=/.test(text)) {
            const fields = new URLSearchParams(text);
            return { room: fields.get('room') || '', invite: fields.get('invite') || '', token: fields.get('token') || '' };
        }
        try { return { room: decodeURIComponent(text) }; } catch (malformed) { return { room: '' }; }
    }

    /* Secrets leave the address at once: it ends up in histories and screenshots. */
    function takeHash() {
        const { room, invite, token } = readHash();
        if (token) Chat.here.set('token', token);
        if (invite) Chat.here.set('invite', JSON.stringify([room, invite]));
        if (token || invite) history.replaceState(null, '', location.pathname + location.search + (room ? '#' + encodeURIComponent(room) : ''));
        return room;
    }

    /* Not by way of location.hash: the browser would go to the element of that id. */
    Chat.showInAddress = function (room) {
        const wanted = room ? '#' + encodeURIComponent(room.name) : location.pathname + location.search;
        if (location.hash !== wanted) history.replaceState(null, '', wanted);
    };

    /* An invitation in the address is good for the room it came with, once. */
    function invitationTo(room) {
        const [wanted, invite] = JSON.parse(Chat.here.get('invite') || '[]');
        if (wanted !== room) return {};
        Chat.here.set('invite', '');
        return { invite };
    }

    /* ---- the form ---- */

    Chat.nameProblem = function (text) {
        const bytes = Chat.bytes(text);
        if (bytes === 0) return t('name empty');
        if (bytes > 64) return t('name long');
        return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text) ? t('name control') : '';
    };

    function serverAddress() {
        if (fromDisk) return $('door-server').value.trim() || 'localhost:8080';
        const folder = location.pathname.replace(/(static\/)?[^/]*$/, '');
        return location.origin.replace(/^http/, 'ws') + folder + 'ws';
    }

    Chat.openDoor = function (problem, field) {
        Chat.atDoor = true;
        $('house').hidden = true;
        $('door').hidden = false;
        $('door-connect').disabled = false;
        $('door-connect').textContent = t('connect');
        $('door-name').value = $('door-name').value || Chat.kept.get('name') || '';
        if (!$('door-room').value) $('door-room').value = takeHash() || Chat.kept.get('room') || '';
        showIdentity();
        Chat.showError($('door-error'), problem);
        $(field || (problem || $('door-name').value ? 'door-connect' : 'door-name')).focus();
        document.title = 'hubbub';
    };

    /* Who has been here comes back as the same; with a token of an outside identity there is no choice. */
    function showIdentity() {
        const signedIn = Boolean(Chat.here.get('token'));
        const name = Chat.kept.get('name');
        const known = !signedIn && name && Boolean(new window.Hubbub({ url: serverAddress() }).token);
        $('door-name-field').hidden = signedIn;
        $('door-known').hidden = !known && !signedIn;
        $('door-new').hidden = signedIn;
        $('door-known-text').textContent = signedIn ? t('signed in hint') : t('somebody new hint', { name: '\u2068' + name + '\u2069' });
    }

    function becomeSomebodyNew() {
        const { url } = new window.Hubbub({ url: serverAddress() });
        try { localStorage.removeItem('hubbub.token ' + url); } catch (forbidden) { /* there is none */ }
        for (const key of ['name', 'rooms', 'room', 'seen', 'drafts']) Chat.kept.set(key, '');
        $('door-name').value = '';
        showIdentity();
        $('door-name').focus();
    }

    function knock(event) {
        event.preventDefault();
        const name = $('door-name').value.trim();
        const room = roomAtDoor();
        const badName = Chat.here.get('token') ? '' : Chat.nameProblem(name);
        const problem = badName || Chat.nameProblem(room);
        Chat.showError($('door-error'), problem);
        if (problem) {
            $(badName ? 'door-name' : 'door-room').focus();
            return;
        }
        Chat.kept.set('name', name);
        if (fromDisk) Chat.kept.set('server', $('door-server').value.trim());
        knockAs(name);
    }

    const roomAtDoor = () => $('door-room').value.trim().replace(/^#/, '') || 'lobby';

    function knockAs(name) {
        $('door-connect').disabled = true;
        $('door-connect').textContent = t('connecting');
        Chat.wanted = Chat.here.get('token') ? '' : name;
        const hub = Chat.hub = new window.Hubbub({ url: serverAddress(), username: name, token: Chat.here.get('token') || undefined });
        Chat.listen(hub);
        hub.connect().catch(() => {}); // the state tells
    }

    /* ---- in and out ---- */

    /* The door is open: into the house, into the room that was wanted, and those of last time. */
    Chat.goIn = async function () {
        const first = roomAtDoor();
        const before = JSON.parse(Chat.kept.get('rooms') || '[]').filter((name) => name !== first);
        const { hub } = Chat;
        Chat.atDoor = false;
        $('door').hidden = true;
        $('house').hidden = false;
        Chat.here.set('in', hub.username);
        Chat.show(null);
        const { conversations } = await hub.conversations().catch(() => ({ conversations: [] }));
        for (const one of conversations) Chat.talks.set(one.room, one);
        if (hub !== Chat.hub) return;
        await Chat.enter(first, invitationTo(first));
        for (const name of before) {
            if (hub !== Chat.hub || Chat.rooms.has(name)) continue;
            await Chat.join(name).catch((error) => Chat.stayOut(name, error));
        }
        for (const one of conversations.filter(Chat.unseen).slice(0, MISSED)) {
            if (hub === Chat.hub && !Chat.rooms.has(one.room) && !one.blocked) await Chat.join(one.room).catch(() => {});
        }
        Chat.remember();
        Chat.refreshRooms();
    };

    Chat.remember = function () {
        if (Chat.atDoor) return;
        Chat.kept.set('rooms', JSON.stringify(Array.from(Chat.rooms.keys())));
        if (Chat.active && !Chat.active.with) Chat.kept.set('room', Chat.active.name);
    };

    /* Out of the house, for good or because the server does not want us; back to the door. */
    Chat.goOut = function (problem, field) {
        Chat.atDoor = true;
        for (const room of Chat.rooms.values()) room.close();
        Chat.rooms.clear();
        Chat.talks.clear();
        Chat.active = null;
        Chat.forgetRooms();
        Chat.timeline.show(null);
        $('cards').replaceChildren();
        for (const dialog of document.querySelectorAll('dialog')) dialog.close();
        Chat.here.set('in', '');
        const { hub } = Chat;
        Chat.hub = null;
        if (hub) hub.close();
        Chat.openDoor(problem, field);
    };

    Chat.startDoor = function () {
        $('door-form').addEventListener('submit', knock);
        $('door-new').addEventListener('click', becomeSomebodyNew);
        $('door-server-field').hidden = !fromDisk;
        $('door-server').value = Chat.kept.get('server') || 'ws://localhost:8080/ws';
        window.addEventListener('hashchange', () => {
            const room = takeHash();
            if (Chat.atDoor) $('door-room').value = room;
            else if (room && (!Chat.active || Chat.active.name !== room)) Chat.enter(room, invitationTo(room));
        });
        Chat.openDoor('');
        // A reload of a tab that was inside, or a token in the address, goes straight in.
        const inside = Chat.here.get('in');
        if (inside || Chat.here.get('token')) knockAs(inside || '');
    };
})();

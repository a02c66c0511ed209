/*
 * events.js: what the connection tells, brought to rooms and to the eye: its own state, comings and
 * goings, messages, moderation, invitations.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, t, tn, bdi } = Chat;
    const CLOSES = { 1001: 'restarting', 4003: 'banned', 4010: 'too many', 4029: 'flooding', invalid_url: 'address' };
    const MEMBERS_AGAIN = 3000; // after a crowd came or went: ask who is there, not more often than this

    Chat.listen = function (hub) {
        for (const [type, handler] of Object.entries(EVENTS)) {
            hub.on(type, (event) => { if (hub === Chat.hub) handler(event); });
        }
    };

    const inRoom = (act) => (event) => {
        const room = Chat.rooms.get(event.room);
        if (room) act(room, event);
    };

    const EVENTS = {
        state: onState,
        welcome: onWelcome,
        'auth-needed': () => {
            const token = Chat.here.get('token');
            Chat.here.set('token', ''); // it is good for nothing: whoever is let in without one is
            Chat.goOut(t('e not_authenticated') + (token ? ' ' + t('as guest') : ''), token && 'door-name');
        },
        reset: inRoom((room) => {
            room.reset();
            room.notice(() => [t('room anew')]);
            if (room === Chat.active) Chat.timeline.show(room);
        }),
        joined: onJoined,
        parted: inRoom(onParted),
        outbox: inRoom(onOutbox),
        message: inRoom(onMessage),
        join: inRoom((room, event) => {
            room.joined(event);
            if (event.userId !== Chat.hub.userId) room.traffic([event.username], []);
            peopleChanged(room);
        }),
        leave: inRoom((room, event) => {
            room.left(event);
            if (room.thrown !== event.userId && event.userId !== Chat.hub.userId) room.traffic([], [event.username]);
            room.thrown = null;
            peopleChanged(room);
        }),
        presence: inRoom((room, event) => {
            room.presence(event);
            room.traffic(event.joined || [], event.left || []);
            peopleChanged(room);
            askMembersSoon(room);
        }),
        typing: inRoom((room, event) => room.setTyping(event.username, event.state !== 'paused')),
        delete: inRoom((room, event) => {
            room.remove(event);
            Chat.announce(t('message gone', { by: event.username })); // nor is its text read out any more
        }),
        edit: inRoom((room, event) => room.edit(event)),
        reaction: inRoom((room, event) => room.react(event)),
        read: inRoom((room, { seq }) => {
            room.read = Math.max(room.read, seq);
            if (attended(room)) return;
            room.readTo(seq);
            Chat.drawRooms();
        }),
        moderation: inRoom(onModeration),
        room: inRoom(onRoom),
        gap: inRoom(onGap),
        invite: onInvite,
        notice: onNotice,
        dm: onPrivate,
        block: onBlock,
        unblock: onBlock,
        goaway: () => Chat.toast(t('server stops')),
        auth: (event) => Chat.toast(t('sign-in ends', { n: event.in })),
        error: (event) => {
            if (!Chat.atDoor && event.code !== 'not_in_room') Chat.toast(Chat.errorText(event));
        },
    };

    /* ---- the connection ---- */

    let banner = { timer: 0 };

    function onState(event) {
        const shown = { idle: 'offline', closed: 'offline' }[event.state] || event.state;
        document.documentElement.dataset.state = shown;
        $('state-text').textContent = t(shown);
        clearInterval(banner.timer);
        $('banner').hidden = event.state === 'online' || (event.state === 'connecting' && !banner.why);
        for (const room of Chat.rooms.values()) if (room.pending.length) Chat.timeline.touched(room);
        if (event.state === 'online') banner = { timer: 0 };
        else if (event.state === 'waiting') onWaiting(event);
        else if (event.state === 'connecting') tick();
        else if (event.state === 'closed' && event.code !== 1000 && event.code !== 4001) Chat.goOut(reasonOf(event), event.code === 'invalid_url' ? 'door-server' : '');
    }

    function onWaiting(event) {
        if (Chat.atDoor) { // nobody is in yet, so nobody waits: they may want to try another address
            const problem = reasonOf(event);
            Chat.goOut(location.protocol === 'file:' ? problem + ' (' + $('door-server').value + ')' : problem);
            return;
        }
        banner = { until: event.retryAt, why: reasonOf(event), timer: setInterval(tick, 500) };
        tick();
    }

    function tick() {
        if (!banner.why) return;
        const n = Math.max(0, Math.ceil((banner.until - Date.now()) / 1000));
        const text = Chat.hub.state === 'connecting' || n === 0 ? t('trying now', banner) : t('trying in', { why: banner.why, n });
        if ($('banner-text').textContent !== text) $('banner-text').textContent = text;
    }

    function reasonOf({ code, retryAfter, why }) {
        const lost = Chat.hub.welcome && !Chat.atDoor && !banner.why;
        return Chat.errorText({ code: CLOSES[code] || (lost ? 'lost' : 'unreachable'), retryAfter, reason: why });
    }

    function onWelcome(welcome) {
        const wanted = Chat.atDoor ? Chat.wanted : $('me-name').textContent;
        const name = Chat.plain(welcome.username);
        if (wanted && wanted !== welcome.username) Chat.toast(t(/^-\d+$/.test(name.slice(Chat.plain(wanted).length)) ? 'name taken' : 'you are', { name, wanted: Chat.plain(wanted) }));
        $('me-avatar').replaceChildren(Chat.avatar(welcome.username));
        $('me-name').textContent = welcome.username;
        if (Chat.atDoor) Chat.goIn();
        else Chat.refreshRooms();
    }

    /* ---- in and out of rooms ---- */

    function onJoined(event) {
        const room = Chat.addRoom(event.room);
        const { missed, seq, read } = event; // missed: undefined where there is nothing to go on from
        room.epoch = event.epoch;
        room.read = read || 0;
        const from = read || (room.with ? 0 : seq); // where nothing is known of it, only what is private is news
        room.old = missed === undefined ? from : Math.max(seq - missed, room.read);
        room.until = seq;
        room.marked = false;
        room.last = Math.max(room.last, (event.shownFrom || 1) - 1); // of what is hidden nothing is on its way
        if (!event.again && seq - missed > room.last) room.missing(seq - missed + 1);
        if (!event.again || missed === undefined) Chat.seen(room);
        if (missed === undefined && !attended(room)) room.unread = Math.max(0, seq - from - Chat.HISTORY);
        for (const item of room.items) if (item.error) Chat.timeline.tryAgain(room, item);
        room.info = Chat.hub.rooms.get(event.room);
        room.out = null;
        room.count = event.members;
        if (event.again && missed > 0) {
            room.notice(() => [t('missed', { n: missed })]);
            if (room === Chat.active) Chat.announce(t('missed', { n: missed }));
        } else if (event.again && missed === 0) room.notice(() => [t('back again')]);
        askMembers(room);
        askSanctions(room);
        roomChanged(room);
        Chat.files.next();
        Chat.remember();
    }

    function askMembers(room) {
        Chat.hub.members(room.name).then((reply) => {
            room.setMembers(reply.members);
            peopleChanged(room);
        }, () => {}); // out again already: what took us out is shown
    }

    /* What comes later is told by events. */
    function askSanctions(room) {
        if (!room.may('moderator')) return;
        Chat.hub.settings(room.name).then(({ sanctions }) => {
            room.sanctions.clear();
            for (const { action, userId, until } of sanctions) room.sanction(action, userId, until);
            peopleChanged(room);
        }, () => {});
    }

    function askMembersSoon(room) {
        if (room.asking) return;
        room.asking = setTimeout(() => {
            room.asking = 0;
            if (!room.out && Chat.rooms.has(room.name)) askMembers(room);
        }, MEMBERS_AGAIN);
    }

    function onParted(room, event) {
        if (event.why === 'blocked') room.with.blocked = true; // while we were away
        const blocked = room.with && room.with.blocked;
        if (event.why === 'left' && !blocked) {
            Chat.forget(room);
            return;
        }
        const known = { kick: 'you kick', ban: 'you ban', remove: 'you remove', destroyed: 'you destroyed' }[event.why];
        room.out = {
            final: event.why === 'destroyed', // of all else a try tells whether it still holds
            build: () => (known ? [...tn(known, { by: bdi(event.by || '?') }), ...(event.until ? [' ', t('ends at', { until: Chat.moment(event.until) })] : []),
                ...(event.reason ? [' ', ...tn('because', { reason: bdi(event.reason) })] : [])] : [Chat.errorText({ ...event, code: blocked ? 'blocked' : event.why })]),
        };
        room.members.clear();
        room.count = 0;
        roomChanged(room);
        if (room === Chat.active) Chat.announce($('hindrance').textContent);
    }

    /* Not in a room that was wanted: it stays in the list, to be tried again, unless it is gone. */
    Chat.stayOut = function (name, error) {
        if (error.code === 'no_such_room' || error.code === 'offline') return;
        const room = Chat.addRoom(name);
        if (error.code === 'blocked') room.with.blocked = true;
        room.out = { build: () => [Chat.errorText(error)] };
        roomChanged(room);
    };

    function onRoom(room, event) {
        if (event.destroyed) return; // followed by our leaving
        const changed = Object.keys(event).filter((key) => !['type', 'room', 'by', 'kept'].includes(key));
        const by = event.by || '?';
        if (changed.length === 1 && changed[0] === 'topic') room.notice(() => tn('m topic', { by: bdi(by), topic: bdi(event.topic) }));
        else room.notice(() => tn('m update', { by: bdi(by) }));
        roomChanged(room);
    }

    function roomChanged(room) {
        room.unhide();
        Chat.drawRooms();
        if (room === Chat.active) Chat.drawHead();
        peopleChanged(room);
    }

    function peopleChanged(room) {
        if (room === Chat.active) Chat.drawPeople();
    }

    /* ---- what is said ---- */

    const attended = (room) => room === Chat.active && document.visibilityState === 'visible';

    function onMessage(room, event) {
        const mine = event.userId === Chat.hub.userId;
        const { old, until } = room;
        room.setTyping(event.username, false);
        // Ours, on its way back: it takes the place of what waited.
        if (event.outgoing) room.pending = room.pending.filter((message) => message !== event.outgoing);
        const item = room.message(event);
        if (!item) return;
        if (room.with && !mine && room.with.username !== event.username) {
            room.with.username = event.username;
            roomChanged(room);
        }
        if (event.outgoing) own(item, event.outgoing);
        const news = event.seq > old;
        const seen = attended(room);
        if (seen) Chat.seen(room);
        if (news && !mine) {
            if (seen ? event.seq <= until && !room.marked : !room.unread || !room.firstNew) Chat.markNew(room, item);
            if (event.seq <= until) room.marked = true;
            else if (room === Chat.active) Chat.announce(Chat.plain(event.username) + ': ' + Chat.gist(event).slice(0, 500));
        }
        if (news && !mine && !seen) {
            room.unread++;
            if (item.mention) room.mentions++;
            Chat.drawRooms();
            if (item.mention || room.with) Chat.notify(room, event);
        }
        if (event.seq === until && room === Chat.active) Chat.timeline.toNew();
    }

    /* How far it came is shown with it. */
    function own(item, message) {
        item.handle = message;
        message.item = item;
    }

    function onGap(room, { from, to, kept, changed }) {
        if (changed) room.reset(); // what is shown may be old: all of it is asked for anew
        const n = to - (changed ? 1 : from) + 1;
        if (kept || changed) room.missing(to + 1, n);
        else room.notice(() => [t('gap here', { n })]);
        room.last = Math.max(room.last, to);
        if (room !== Chat.active) room.unread += to - from + 1;
        else if (changed) Chat.timeline.show(room);
    }

    Chat.markNew = function (room, item) {
        Chat.clearNew(room);
        room.firstNew = room.toShow = item;
        item.firstNew = true;
        Chat.timeline.redraw(room, item);
    };

    Chat.clearNew = function (room) {
        if (!room.firstNew) return;
        room.firstNew.firstNew = false;
        Chat.timeline.redraw(room, room.firstNew);
        room.firstNew = room.toShow = null;
    };

    function onOutbox(room, { message }) {
        if (message.state === 'confirmed') {
            room.pending = room.pending.filter((one) => one !== message);
            const { text: content, shown: files, seq, ts, replyTo } = message;
            own(room.message({ userId: Chat.hub.userId, username: Chat.hub.username, content, files, seq, ts, replyTo }) || room.bySeq.get(seq) || {}, message);
        } else if (message.state === 'failed' && message.error.code === 'cancelled') {
            room.pending = room.pending.filter((one) => one !== message);
        }
        if (message.item) Chat.timeline.redraw(room, message.item);
        else Chat.timeline.touched(room);
    }

    /* ---- moderation ---- */

    function onModeration(room, event) {
        if (event.action === 'role') room.setRole(event.userId, event.role);
        if (event.action === 'add') room.setRole(event.userId, event.role || 'member');
        if (event.action === 'remove') room.setRole(event.userId, 'guest');
        if (event.action === 'kick' || event.action === 'ban') room.thrown = event.userId; // that they left needs no word
        room.moderated(event);
        room.notice(Chat.moderationNotice(event), 'moderation');
        if (event.role && event.userId === Chat.hub.userId) askSanctions(room);
        if (['add', 'remove', 'role'].includes(event.action) && !room.members.has(event.userId)) askMembersSoon(room);
        if (event.userId === Chat.hub.userId && room === Chat.active) Chat.announce(t('m ' + event.action, { by: event.by, who: event.username, role: event.role ? t(event.role) : '' }));
        roomChanged(room);
        if (event.action === 'undo') askWhy(room);
    }

    /* Which sanction was taken back is known to the server: the library asks, we look a little later. */
    function askWhy(room) {
        Chat.hub.why(room.name).then(({ reasons }) => {
            const muted = reasons.find((one) => one.rule === 'muted');
            room.info.mutedUntil = muted && (muted.until || 0);
            roomChanged(room);
        }, () => {});
    }

    function onInvite(event) {
        Chat.card(t('invitations'), tn('invited by', { by: bdi(event.by || '?'), room: bdi('#' + event.room) }), [
            [t('enter'), () => Chat.enter(event.room, { invite: event.invite })], [t('not now')],
        ]);
        Chat.notify(null, { username: event.by, content: '#' + event.room });
    }

    /* Of a conversation that this tab is not in. */
    function onPrivate({ room, from, fromId, to, toId }) {
        const known = Chat.rooms.get(room);
        Chat.talks.set(room, fromId === Chat.hub.userId ? { userId: toId, username: to } : { userId: fromId, username: from });
        if (!known || known.out) Chat.join(room).catch(() => {}); // else it is on its way in
    }

    /* In another tab. When it ends, both are in the conversation again. */
    function onBlock({ type, userId }) {
        const name = Chat.talkOf({ userId });
        if (!name) return;
        Chat.talks.get(name).blocked = type === 'block';
        const room = Chat.rooms.get(name);
        if (room && room.out) Chat.join(name).catch((error) => Chat.stayOut(name, error));
    }

    function onNotice(event) {
        const room = Chat.rooms.get(event.room);
        if (room) room.notice(() => [...tn('notice from', { by: bdi(event.by || '?') }), ': ', bdi(event.content)], 'moderation');
        else Chat.card(t('notice from', { by: Chat.plain(event.by || '?') }), event.content, [[t('close')]]);
    }
})();

/*
 * timeline.js: the conversation in view. Of a room's items only a window around what is looked at is in
 * the document: it moves when one scrolls near its ends, so ten thousand messages cost what two
 * hundred do. Changes are drawn once a frame, however many there were.
 *
 * room.view: {from, to} the window, `follow` whether the newest is in view and stays there, `fresh`
 * messages since it is not, `anchor` {item, top} where to be when the room is shown again.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, el, t, tn, bdi } = Chat;
    const SPAN = 120; // rows of a fresh window, MOST at most
    const MOST = 240;
    const STEP = 60;
    const MARGIN = 800; // pixels from an end at which the window moves on
    const LONG = 2500; // characters, or LINES lines: shown in part
    const LINES = 30;

    const timeline = Chat.timeline = { room: null, due: false };
    let log, list;

    timeline.start = function () {
        log = $('log');
        list = $('rows');
        log.addEventListener('scroll', onScroll, { passive: true });
        log.addEventListener('keydown', onKey);
        log.addEventListener('click', onClick);
        $('to-newest').addEventListener('click', () => {
            timeline.toEnd();
            Chat.focusComposer();
        });
        // Another width breaks lines elsewhere, another height moves the end: stay where we are.
        new ResizeObserver(() => {
            if (!timeline.room) return;
            if (timeline.room.view.follow) log.scrollTop = log.scrollHeight;
            else restore(timeline.room.view.anchor);
        }).observe(log);
        setInterval(() => { // for the seconds that what waits shows
            if (timeline.room && timeline.room.pending.some((message) => message.retryAt)) timeline.touched(timeline.room);
        }, 1000);
    };

    /* ---- what others call ---- */

    timeline.show = function (room) {
        timeline.room = room;
        list.replaceChildren();
        log.setAttribute('aria-label', room ? t('messages', { room: Chat.plain(room.label) }) : t('rooms'));
        if (!room) return;
        for (const item of room.items) item.node = null;
        const { view } = room;
        draw();
        if (!view.follow) restore(view.anchor);
        showJump();
    };

    timeline.touched = function (room) {
        if (room !== timeline.room || timeline.due) return;
        timeline.due = true;
        requestAnimationFrame(() => {
            timeline.due = false;
            if (timeline.room) draw();
        });
    };

    /* An item that is shown already looks different now. */
    timeline.redraw = function (room, item) {
        item.node = null;
        timeline.touched(room);
    };

    timeline.toEnd = function () {
        const { view } = timeline.room;
        view.follow = true;
        view.fresh = 0;
        view.from = Math.max(0, timeline.room.items.length - SPAN);
        draw();
    };

    function toStart() {
        const { view, items } = timeline.room;
        Object.assign(view, { follow: false, from: 0, to: Math.min(items.length, SPAN), anchor: null });
        draw();
        log.scrollTop = 0;
    }

    /* ---- drawing ---- */

    function draw() {
        const { room } = timeline;
        const { items, view } = room;
        if (view.follow) {
            view.to = items.length;
            if (view.to - view.from > MOST) view.from = view.to - SPAN;
        }
        const keep = view.follow ? null : anchorNow();
        const wanted = view.from === 0 ? [hello(room)] : [];
        for (let i = view.from; i < view.to; i++) wanted.push(rowOf(items[i]));
        if (view.to === items.length) room.pending.forEach((message, i) => wanted.push(pendingRow(message, i === 0)));
        put(wanted);
        if (view.follow) log.scrollTop = log.scrollHeight;
        else restore(keep);
        if (extend()) timeline.touched(room);
        showJump();
    }

    function put(wanted) {
        const hadFocus = list.contains(document.activeElement);
        Chat.arrange(list, wanted, (row) => {
            if (row.item && row.item.node === row) row.item.node = null;
        });
        if (hadFocus && !list.contains(document.activeElement)) log.focus({ preventScroll: true });
    }

    /* The topmost row in view and where it is. */
    function anchorNow() {
        const edge = log.scrollTop;
        for (const row of list.children) {
            if (row.item && row.offsetTop + row.offsetHeight > edge) return { item: row.item, top: row.offsetTop - edge };
        }
        return timeline.room.view.anchor;
    }

    function restore(anchor) {
        if (anchor && anchor.item.node) log.scrollTop = anchor.item.node.offsetTop - anchor.top;
    }

    function onScroll() {
        const { room } = timeline;
        if (!room) return;
        const below = log.scrollHeight - log.scrollTop - log.clientHeight;
        const { view } = room;
        // Who was at the end and still is follows, though more may have come that is not drawn yet.
        view.follow = below < 40 && (view.follow || view.to === room.items.length);
        if (view.follow) view.fresh = 0;
        else view.anchor = anchorNow();
        if (!timeline.due && extend()) draw();
        showJump();
    }

    /* Moves the window on when the view is near one of its ends; true when it did. */
    function extend() {
        const { items, view } = timeline.room;
        const below = log.scrollHeight - log.scrollTop - log.clientHeight;
        if (view.follow) return false;
        if (log.scrollTop < MARGIN && view.from > 0) {
            view.from = Math.max(0, view.from - STEP);
            view.to = Math.min(view.to, view.from + MOST);
        } else if (below < MARGIN && view.to < items.length) {
            view.to = Math.min(items.length, view.to + STEP);
            view.from = Math.max(view.from, view.to - MOST);
        } else {
            return false;
        }
        return true;
    }

    function showJump() {
        const { view } = timeline.room;
        $('to-newest').hidden = view.follow;
        $('to-newest-text').textContent = view.fresh ? t('n new', { n: view.fresh }) : t('to newest');
    }

    /* ---- rows ---- */

    function rowOf(item) {
        if (item.node) return item.node;
        const row = ROWS[item.kind](item);
        if (item.firstNew) row.prepend(el('p', { class: 'new-line' }, t('new here')));
        row.item = item;
        item.node = row;
        return row;
    }

    const ROWS = {
        message(item) {
            return said(item, item.head, item.gone ? tombstone(item) : text(item),
                item.gone ? null : el('button', {
                    type: 'button', class: 'plain row-menu', tabindex: '-1', 'aria-haspopup': 'menu', 'aria-expanded': 'false',
                    'aria-label': t('message actions'),
                }, Chat.icon('more')));
        },
        notice(item) {
            return el('p', { class: 'row notice' + (item.tone ? ' ' + item.tone : '') }, item.build());
        },
        traffic(item) {
            const parts = [];
            if (item.joined.length) parts.push(...tn('x joined', { who: nameList(item.joined) }));
            if (item.joined.length && item.left.length) parts.push(' · ');
            if (item.left.length) parts.push(...tn('x left', { who: nameList(item.left) }));
            return el('p', { class: 'row notice traffic', hidden: parts.length === 0 }, parts);
        },
        day(item) {
            return el('p', { class: 'row day' }, el('time', { datetime: new Date(item.ts).toISOString().slice(0, 10) }, Chat.day(item.ts)));
        },
    };

    function said(item, head, content, menu) {
        const when = el('time', { datetime: new Date(item.ts).toISOString(), title: Chat.moment(item.ts) }, Chat.clock(item.ts));
        const mine = item.userId === Chat.hub.userId;
        const row = el('article', {
            class: 'row said' + (head ? ' head' : '') + (item.mention ? ' mention-row' : ''), tabindex: '-1', 'data-seq': item.seq,
            'aria-label': Chat.plain(item.username) + ', ' + Chat.clock(item.ts),
        }, head ? Chat.avatar(item.username) : el('span', { class: 'gutter', 'aria-hidden': 'true' }, when),
        el('div', { class: 'body' }, head ? el('p', { class: 'heading' }, whoButton(item), badge(item, mine), when) : null, content), menu);
        return row;
    }

    function whoButton(item) {
        const who = el('button', {
            type: 'button', class: 'plain who', tabindex: '-1', 'aria-haspopup': 'menu', 'aria-expanded': 'false',
        }, bdi(item.username));
        who.style.setProperty('--hue', Chat.hue(item.username));
        return who;
    }

    function badge(item, mine) {
        const row = timeline.room && timeline.room.members.get(item.userId);
        if (row && Chat.rank(row.role) >= Chat.rank('moderator')) return el('span', { class: 'badge-role' }, t(row.role));
        return mine ? el('span', { class: 'badge-role' }, t('you')) : null;
    }

    function text(item) {
        const { room } = timeline;
        const lines = item.content.split('\n', LINES + 1);
        const long = !item.open && (item.content.length > LONG || lines.length > LINES);
        const shown = long ? lines.slice(0, LINES).join('\n').slice(0, LONG) : item.content;
        const made = el('div', { class: 'text' }, Chat.markdown(shown, {
            known: (name) => Boolean(room.called(name)) || name.toLowerCase() === Chat.hub.username.toLowerCase(),
            mine: (name) => name.toLowerCase() === Chat.hub.username.toLowerCase(),
        }));
        if (!long) return made;
        made.classList.add('long');
        return [made, el('button', { type: 'button', class: 'quiet open-text' }, t('show all'))];
    }

    function tombstone(item) {
        const { by, own, reason } = item.gone;
        return el('p', { class: 'gone' }, own ? t('message gone own') : tn('message gone', { by: bdi(by || '?') }),
            reason ? [' – ', bdi(reason)] : null);
    }

    /* What is said and not confirmed: rebuilt each time, there are few. */
    function pendingRow(message, first) {
        const last = timeline.room.items[timeline.room.items.length - 1];
        const item = { userId: Chat.hub.userId, username: Chat.hub.username, content: message.text, ts: message.since };
        const head = first && !(last && last.kind === 'message' && last.userId === item.userId && !last.gone);
        const row = said(item, head, [text(item), el('p', { class: 'fate' }, fate(message))]);
        row.classList.add('pending', message.state);
        row.message = message;
        return row;
    }

    function fate(message) {
        const button = (key, className) => el('button', { type: 'button', class: 'quiet ' + className }, t(key));
        if (message.state === 'failed') return [t('not sent', { why: Chat.errorText(message.error) }), button('send again', 'resend'), button('discard', 'discard')];
        if (message.state === 'unsure') return [t('unsure'), button('send again', 'resend'), button('discard', 'discard')];
        if (message.retryAt) return t('goes out in', { n: Math.max(1, Math.ceil((message.retryAt - Date.now()) / 1000)) });
        return Chat.hub.state === 'online' ? t('not confirmed') : t('waits for line');
    }

    function nameList(names) {
        if (names.length === 1) return bdi(names[0]);
        const rest = names.length === 2 ? tn('list and', { a: bdi(names[0]), b: bdi(names[1]) })
            : tn('list more', { a: bdi(names[0]), n: names.length - 1 });
        return el('span', {}, rest);
    }

    function hello(room) {
        if (!room.hello) room.hello = el('div', { class: 'row hello' });
        room.hello.replaceChildren(el('p', {}, tn('begins here', { room: el('strong', {}, '#', bdi(room.name)) })),
            room.info.topic ? el('p', { class: 'hint', dir: 'auto' }, room.info.topic) : '');
        return room.hello;
    }

    /* ---- mouse and keys ---- */

    function onClick(event) {
        const row = event.target.closest('.row');
        const hit = (selector) => event.target.closest(selector);
        if (!row) return;
        if (hit('.row-menu')) Chat.messageMenu(timeline.room, row.item, hit('.row-menu'));
        else if (hit('.who') && row.item) Chat.personMenu(timeline.room, row.item, hit('.who'));
        else if (hit('.open-text')) {
            row.item.open = true;
            timeline.redraw(timeline.room, row.item);
        } else if (hit('.resend')) Chat.sayAgain(timeline.room, row.message);
        else if (hit('.discard')) Chat.discard(timeline.room, row.message);
    }

    function onKey(event) {
        if (event.ctrlKey || event.altKey || event.metaKey || !timeline.room) return;
        const row = event.target.closest('.said');
        const go = { ArrowUp: 'previousElementSibling', ArrowDown: 'nextElementSibling' }[event.key];
        if (go && (event.target === log || event.target === row)) {
            let next = row ? row[go] : event.key === 'ArrowUp' ? list.lastElementChild : null;
            while (next && (!next.classList.contains('said'))) next = next[go];
            if (next) next.focus();
            else if (row && event.key === 'ArrowDown') Chat.focusComposer();
            else if (!row) return;
        } else if (event.key === 'Home' && event.target.closest('input,textarea') === null) toStart();
        else if (event.key === 'End') timeline.toEnd();
        else if (event.key === 'Escape') Chat.focusComposer();
        else if (row && event.target === row && ['Enter', ' ', 'Delete'].includes(event.key)) {
            const button = row.querySelector('.row-menu');
            if (!button) return;
            if (event.key === 'Delete') Chat.removeMessage(timeline.room, row.item);
            else Chat.messageMenu(timeline.room, row.item, button);
        } else return;
        event.preventDefault();
    }
})();

/*
 * timeline.js: the conversation in view. Of a room's items only a window around what is looked at is in
 * the document: it moves when one scrolls near its ends, so ten thousand messages cost what two
 * hundred do. Changes are drawn once a frame, however many there were. Holes in what is known are filled
 * from the server when one comes near them.
 *
 * room.view: {from, to} the window, `follow` whether the newest is in view and stays there, `fresh`
 * messages since it is not, `anchor` {item, top} where to be when the room is shown again.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, t } = Chat;
    const SPAN = 120; // rows of a fresh window, MOST at most
    const MOST = 240;
    const STEP = 60;
    const MARGIN = 800; // pixels from an end at which the window moves on
    const PAGE = 100; // messages asked for at once
    const NEAR = 40; // pixels from the end: who is nearer is there

    const timeline = Chat.timeline = { room: null, due: false };
    let log, list;
    let settled = 0; // where we scrolled to last

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
        const stay = () => timeline.room && settle(timeline.room.view.anchor);
        list.addEventListener('load', stay, true); // a picture of unknown size
        // Another width breaks lines elsewhere, another height moves the end: stay where we are.
        new ResizeObserver(stay).observe(log);
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
        for (const item of room.items) item.node = item.dayNode = null;
        const { view } = room;
        draw(view.anchor);
        timeline.toNew();
    };

    timeline.touched = function (room) {
        if (room !== timeline.room || timeline.due) return;
        timeline.due = true;
        requestAnimationFrame(() => {
            timeline.due = false;
            if (timeline.room) draw();
        });
    };

    /* An item that is shown already looks different now, and so do its quotes. */
    timeline.redraw = function (room, item) {
        item.node = null;
        if (room === timeline.room) {
            for (const { item: other } of list.children) if (other && other.replyTo && other.replyTo === item.seq) other.node = null;
        }
        timeline.touched(room);
    };

    timeline.toEnd = function () {
        const { view } = timeline.room;
        view.follow = true;
        view.from = Math.max(0, timeline.room.items.length - SPAN);
        draw();
    };

    async function toStart() {
        const { room } = timeline;
        for (let first; (first = room.items[0]) && first.kind === 'hole' && !first.error;) await load(first, 'after');
        if (room !== timeline.room) return;
        Object.assign(room.view, { follow: false, from: 0, to: Math.min(room.items.length, SPAN), anchor: null });
        draw(null);
        log.scrollTop = 0;
    }

    /* To a message that is here, so far below the upper edge. */
    function goTo(item, top) {
        const { view, items } = timeline.room;
        const at = items.indexOf(item);
        Object.assign(view, { follow: false, from: Math.max(0, at - SPAN / 2), to: Math.min(items.length, at + SPAN / 2), anchor: { item, top } });
        draw(view.anchor);
    }

    /* Where one left off, when that is further up than what is in view. Once. */
    timeline.toNew = function () {
        const { room } = timeline;
        const item = room && room.toShow;
        if (!item) return;
        if (room.view.follow) draw();
        room.toShow = null;
        if (room.view.follow && !(item.node && item.node.offsetTop >= log.scrollTop)) {
            room.view.fresh = room.items.slice(room.items.indexOf(item)).filter((one) => one.seq).length;
            goTo(item, 40);
        } else showJump();
    };

    /* Into view, where it is in the document or comes into it. */
    timeline.reveal = function (room, item) {
        if (room !== timeline.room) return;
        const { from, to } = room.view;
        const at = room.items.indexOf(item);
        item.node = null;
        if (at < from || at >= to) goTo(item, log.clientHeight / 3);
        else draw();
        item.node.scrollIntoView({ block: 'nearest' });
    };

    /* To what is quoted, which may have to be asked for. */
    timeline.jump = async function (seq) {
        const { room } = timeline;
        try {
            const page = room.holeAt(seq) && await Chat.hub.history(room.name, { around: seq, limit: PAGE });
            const hole = room.holeAt(seq); // it may have been filled meanwhile
            if (hole) room.fill(hole, page);
        } catch (error) {
            Chat.toastError(error);
            return;
        }
        const item = room.bySeq.get(seq);
        if (room !== timeline.room) return;
        if (!item) {
            Chat.toast(t('e unknown_message'));
            return;
        }
        item.node = null;
        goTo(item, log.clientHeight / 3);
        item.node.classList.add('found');
        item.node.focus({ preventScroll: true });
    };

    /* ---- drawing ---- */

    /* `keep`: what has to stay where it is, else what is at the upper edge now. */
    function draw(keep = anchorNow()) {
        const { room } = timeline;
        const { items, view } = room;
        if (view.follow) view.to = items.length;
        if (view.to - view.from > MOST) { // what is in view is at the end, or around what has to stay
            const at = view.follow || !keep ? items.length : items.indexOf(keep.item);
            view.from = Math.max(view.from, at - SPAN);
            view.to = Math.min(view.to, at + SPAN);
        }
        const begins = view.from === 0 && room.last >= room.until && !(items[0] && items[0].kind === 'hole');
        const wanted = begins ? [Chat.hello(room)] : [];
        for (let i = view.from; i < view.to; i++) {
            if (items[i].day) wanted.push(Chat.dayRow(items[i]));
            wanted.push(Chat.rowOf(items[i]));
        }
        if (view.to === items.length) room.pending.forEach((message, i) => wanted.push(Chat.pendingRow(room, message, i === 0)));
        put(wanted);
        settle(keep);
        if (extend()) timeline.touched(room);
        seek();
    }

    /* A row that is made anew keeps the focus, where it was in it. */
    function put(wanted) {
        const { activeElement: focus } = document;
        const row = list.contains(focus) && focus.closest('.row');
        Chat.arrange(list, wanted, (gone) => {
            if (gone.item && gone.item.node === gone) gone.item.node = null;
        });
        if (!row || list.contains(document.activeElement)) return;
        const again = row.item && row.item.node;
        if (again && row.classList.contains('found')) again.classList.add('found');
        const same = again && Array.from(again.querySelectorAll('[data-key]')).find((node) => node.dataset.key === focus.dataset.key);
        (same || again || log).focus({ preventScroll: true });
    }

    /* The topmost row in view and where it is. Holes are filled, so what is around them stays. */
    function anchorNow() {
        const edge = log.scrollTop;
        for (const row of list.children) {
            if (row.item && row.item.kind !== 'hole' && row.offsetTop + row.offsetHeight > edge) return { item: row.item, top: row.offsetTop - edge };
        }
        return timeline.room.view.anchor;
    }

    /* Holes that one comes near: who is below one reads upwards. */
    function seek() {
        const { room } = timeline;
        if (room.last < room.until) return; // what is on its way here needs not be asked for
        const edge = log.scrollTop;
        const anchor = anchorNow();
        const reading = anchor && anchor.item.node ? anchor.item.node.offsetTop : Infinity;
        for (const { item, offsetTop: top } of list.querySelectorAll('.hole')) {
            if (item.missed || item.error) continue;
            if (top > edge - MARGIN && top < edge + log.clientHeight + MARGIN) load(item, top < reading ? 'before' : 'after');
        }
    }

    /* Fills a hole from one of its ends. */
    function load(hole, side) {
        hole.busy = hole.busy || ask(timeline.room, hole, side);
        return hole.busy;
    }

    async function ask(room, hole, side) {
        try {
            room.fill(hole, await Chat.hub.history(room.name, { [side]: hole[side], limit: PAGE }), side);
        } catch (error) {
            hole.error = Chat.errorText(error);
            if (error.retryAfter) setTimeout(() => timeline.tryAgain(room, hole), error.retryAfter * 1000);
        }
        hole.busy = null;
        timeline.redraw(room, hole);
    }

    timeline.tryAgain = function (room, hole) {
        hole.error = '';
        timeline.redraw(room, hole);
    };

    /* What was missed is read from its beginning. */
    async function loadMissed(row) {
        const { room } = timeline;
        const top = row.offsetTop - log.scrollTop;
        const at = room.items.indexOf(row.item);
        await load(row.item, 'after');
        if (room !== timeline.room || row.item === room.items[at]) return;
        goTo(room.items[at], top);
        room.items[at].node.focus({ preventScroll: true });
    }

    const below = () => log.scrollHeight - log.scrollTop - log.clientHeight;

    /* Where we were: at the end, or at what is to stay where it is. The end may come into view by that, and without
     * any scrolling: where all there is fits in. */
    function settle(anchor) {
        const { view, items } = timeline.room;
        if (view.follow) log.scrollTop = log.scrollHeight;
        else if (anchor && anchor.item.node) log.scrollTop = anchor.item.node.offsetTop - anchor.top;
        settled = log.scrollTop;
        if (log.clientHeight && below() < NEAR && view.to === items.length && !(view.from && settled < MARGIN)) view.follow = true;
        showJump();
    }

    function onScroll() {
        const { room } = timeline;
        if (!room) return;
        const { view } = room;
        // Who was at the end follows, though more may have come that is not drawn yet, or what is there has grown since.
        view.follow = below() < NEAR ? view.follow || view.to === room.items.length : view.follow && log.scrollTop > settled - NEAR;
        if (!view.follow) view.anchor = anchorNow();
        if (!timeline.due && extend()) draw();
        else seek();
        showJump();
    }

    /* Moves the window on when the view is near one of its ends; true when it did. */
    function extend() {
        const { items, view } = timeline.room;
        if (view.follow) return false;
        if (log.scrollTop < MARGIN && view.from > 0) {
            view.from = Math.max(0, view.from - STEP);
            view.to = Math.min(view.to, view.from + MOST);
        } else if (below() < MARGIN && view.to < items.length) {
            view.to = Math.min(items.length, view.to + STEP);
            view.from = Math.max(view.from, view.to - MOST);
        } else {
            return false;
        }
        return true;
    }

    function showJump() {
        const { view } = timeline.room;
        if (view.follow) view.fresh = 0;
        Chat.markRead();
        $('to-newest').hidden = view.follow;
        $('to-newest-text').textContent = view.fresh ? t('n new', { n: view.fresh }) : t('to newest');
    }

    /* ---- mouse and keys ---- */

    function onClick(event) {
        const row = event.target.closest('.row');
        const hit = (selector) => event.target.closest(selector);
        if (!row) return;
        if (hit('.row-menu')) Chat.messageMenu(timeline.room, row.item, hit('.row-menu'));
        else if (hit('.who') && row.item) Chat.personMenu(timeline.room, row.item, hit('.who'));
        else if (hit('.mark')) Chat.toast(hit('.mark').title); // where nothing hovers
        else if (hit('.quote')) timeline.jump((row.item || row.message).replyTo);
        else if (hit('.reaction')) Chat.reactFrom(timeline.room, row.item, hit('.reaction').dataset.key);
        else if (hit('.load') && row.item.error) timeline.tryAgain(timeline.room, row.item);
        else if (hit('.load')) loadMissed(row);
        else if (hit('.open-text')) {
            row.item.open = true;
            timeline.redraw(timeline.room, row.item);
        } else if (hit('.resend')) Chat.sayAgain(timeline.room, row.message);
        else if (hit('.discard')) Chat.discard(timeline.room, row.message);
    }

    function onKey(event) {
        if (event.ctrlKey || event.altKey || event.metaKey || !timeline.room || event.target.closest('textarea')) return;
        const row = event.target.closest('.said');
        const aside = row && { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const go = { ArrowUp: 'previousElementSibling', ArrowDown: 'nextElementSibling' }[event.key];
        if (go && (event.target === log || event.target === row)) {
            let next = row ? row[go] : event.key === 'ArrowUp' ? list.lastElementChild : null;
            while (next && (!next.classList.contains('said'))) next = next[go];
            if (next) next.focus();
            else if (row && event.key === 'ArrowDown') Chat.focusComposer();
            else if (!row) return;
        } else if (aside) {
            const all = [row, ...row.querySelectorAll('button, a')];
            (all[all.indexOf(event.target) + aside] || event.target).focus();
        } else if (event.key === 'Home') toStart();
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

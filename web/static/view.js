/*
 * view.js: what the page shows of a room: its tab, what was said, who is there, who types.
 *
 * Only the document is touched here, never the network; chat.js owns both and connects them.
 * Text from others enters the document through textContent alone.
 */
(function (global) {
    'use strict';

    const GROUP_WITHIN = 5 * 60 * 1000; // messages of one person this close share a heading
    const MOST_ROWS = 500;
    const MOST_MEMBERS = 200;
    const TYPING_FADES = 7000; // a typing notice nobody took back

    const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
    const calendar = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });

    /* element('p', {class: 'x', hidden: true}, child or text, …) */
    function element(name, attributes, ...children) {
        const made = document.createElement(name);
        for (const [key, value] of Object.entries(attributes || {})) {
            if (value === true) made.setAttribute(key, '');
            else if (value !== false && value !== undefined) made.setAttribute(key, value);
        }
        made.append(...children);
        return made;
    }

    /* The same name has the same colour everywhere; alice, alice-2 and alice-3 have colours far apart. */
    function hue(name) {
        const [, base, number] = /^(.*?)(?:-(\d+))?$/su.exec(name);
        let sum = 0;
        for (const letter of base) sum = (sum * 31 + letter.codePointAt(0)) % 997;
        return ((sum + Number(number || 0)) * 137) % 360; // neighbours land far apart
    }

    function paintAvatar(node, name) {
        node.textContent = Array.from(name)[0].toUpperCase();
        node.style.setProperty('--hue', hue(name));
        return node;
    }

    function avatar(name) {
        return paintAvatar(element('span', { class: 'avatar', 'aria-hidden': 'true' }), name);
    }

    function people(count) {
        return count === 1 ? '1 person' : count + ' people';
    }

    /* "a", "a and b", "a, b and 3 others" */
    function nameList(names) {
        if (names.length <= 1) return names.join('');
        if (names.length === 2) return names[0] + ' and ' + names[1];
        return names[0] + ', ' + names[1] + ' and ' + (names.length - 2) +
            (names.length === 3 ? ' other' : ' others');
    }

    class RoomView {
        constructor(name, me) {
            this.name = name;
            this.me = me; // userId
            this.members = new Map(); // username -> {userId, role, status}
            this.count = 0;
            this.unread = 0;
            this.draft = '';
            this.error = '';
            this.out = false; // the server does not have us in it any more
            this._typing = new Map(); // username -> timer
            this._last = null; // what the next message may be grouped with
            this._atEnd = true;
            this._badge = element('span', { class: 'badge', hidden: true });
            this.tab = element('button', {
                type: 'button', role: 'tab', class: 'tab', tabindex: '-1',
                'aria-selected': 'false', 'aria-controls': 'panes',
            }, element('span', { class: 'hash', 'aria-hidden': 'true' }, '#'),
            element('span', { class: 'tab-name' }, name), this._badge);
            this.tab.dataset.room = name;
            this._hello = element('p', { class: 'hello' },
                'This is where #' + name + ' begins. Say hello, or open this page in a second tab.');
            this.pane = element('div', {
                class: 'pane', role: 'log', tabindex: '0', hidden: true, 'aria-label': 'Messages in ' + name,
            }, this._hello);
            this.pane.addEventListener('scroll', () => {
                const left = this.pane.scrollHeight - this.pane.scrollTop - this.pane.clientHeight;
                this._atEnd = left < 40;
                if (this._atEnd) this.onfollow();
            });
            this.onfollow = () => {};
            this.ontyping = () => {};
        }

        get following() {
            return this._atEnd;
        }

        show(visible) {
            if (!visible) this._scrolledTo = this.pane.scrollTop;
            this.pane.hidden = !visible;
            this.tab.setAttribute('aria-selected', String(visible));
            this.tab.tabIndex = visible ? 0 : -1;
            if (!visible) return;
            if (this._atEnd) this.toEnd();
            else this.pane.scrollTop = this._scrolledTo;
        }

        toEnd() {
            this._atEnd = true;
            this.pane.scrollTop = this.pane.scrollHeight;
        }

        setUnread(count) {
            this.unread = count;
            this._badge.hidden = count === 0;
            this._badge.textContent = count === 0 ? '' : count > 99 ? '99+' : String(count);
            this._badge.setAttribute('aria-label', count + ' unread');
        }

        remove() {
            for (const timer of this._typing.values()) clearTimeout(timer);
            this.tab.remove();
            this.pane.remove();
        }

        /* What is said */

        message(m) {
            const when = new Date(m.ts || Date.now());
            this._hello.remove();
            this._day(when);
            const last = this._last;
            if (!last || last.userId !== m.userId || last.username !== m.username ||
                when - last.when > GROUP_WITHIN) {
                this._last = { userId: m.userId, username: m.username, body: this._heading(m, when) };
            }
            this._last.when = when;
            const line = element('p', { class: 'line' }, m.content);
            line.dataset.seq = m.seq;
            line.title = clock.format(when);
            this._last.body.append(line);
            this.typing(m.username, false);
            this._follow();
        }

        _heading(m, when) {
            const who = element('span', { class: 'who' }, m.username);
            who.style.setProperty('--hue', hue(m.username));
            const body = element('div', { class: 'body' },
                element('p', { class: 'heading' }, who,
                    m.userId === this.me ? element('span', { class: 'you' }, 'you') : '',
                    element('time', { datetime: when.toISOString() }, clock.format(when))));
            this.pane.append(element('article', { class: 'said' }, avatar(m.username), body));
            return body;
        }

        _day(when) {
            const day = calendar.format(when);
            if (day !== this._today && this._today) {
                this.pane.append(element('p', { class: 'day' }, day));
                this._last = null;
            }
            this._today = day;
        }

        notice(text, kind) {
            this.pane.append(element('p', { class: 'notice', 'data-kind': kind }, text));
            this._last = null;
            this._follow();
        }

        _follow() {
            while (this.pane.childElementCount > MOST_ROWS) this.pane.firstElementChild.remove();
            if (this._atEnd && !this.pane.hidden) this.toEnd();
        }

        /* Who is here */

        setMembers(list) {
            this.members = new Map(list.map((member) => [member.username, member]));
            this.count = list.length;
        }

        joined(event) {
            this.members.set(event.username, event);
            this._recount(event);
            this.notice(event.content, 'join');
        }

        left(event) {
            this._gone(event.username);
            this._recount(event);
            this.notice(event.content, 'leave');
        }

        /* Many at once, in a large room; names come bare or as member rows. */
        presence(event) {
            const rows = (list) => (list || []).map((x) => (typeof x === 'string' ? { username: x } : x));
            const joined = rows(event.joined);
            const left = rows(event.left);
            for (const member of joined) {
                if (!this.members.has(member.username)) this.members.set(member.username, member);
            }
            for (const member of left) this._gone(member.username);
            this._recount(event);
            if (event.status && this.members.has(event.username)) {
                this.members.get(event.username).status = event.status;
            }
            const said = [];
            if (joined.length) said.push(nameList(joined.map((m) => m.username)) + ' joined the room');
            if (left.length) said.push(nameList(left.map((m) => m.username)) + ' left the room');
            if (said.length) this.notice(said.join('; '), 'presence');
        }

        _recount(event) {
            this.count = event.count === undefined ? this.members.size : event.count;
        }

        _gone(username) {
            this.members.delete(username);
            this.typing(username, false);
        }

        fillMembers(list) {
            const names = Array.from(this.members.values())
                .sort((a, b) => a.username.localeCompare(b.username));
            const rows = names.slice(0, MOST_MEMBERS).map((member) => element('li', {
                'data-status': member.status || 'online',
            }, avatar(member.username), element('span', { class: 'member-name' }, member.username),
            member.userId === this.me ? element('span', { class: 'you' }, 'you') : ''));
            if (this.count > rows.length) {
                rows.push(element('li', { class: 'more' }, 'and ' + (this.count - rows.length) + ' more'));
            }
            list.replaceChildren(...rows);
        }

        /* Who types */

        typing(username, active) {
            if (!active && !this._typing.has(username)) return;
            clearTimeout(this._typing.get(username));
            this._typing.delete(username);
            if (active) this._typing.set(username, setTimeout(() => this.typing(username, false), TYPING_FADES));
            this.ontyping();
        }

        typingText() {
            const names = Array.from(this._typing.keys());
            if (names.length === 0) return '';
            return nameList(names) + (names.length === 1 ? ' is typing…' : ' are typing…');
        }
    }

    global.ChatView = { RoomView, element, paintAvatar, people };
})(window);

/*
 * people.js: the column of people, and what one may do with them: the menu of a person, of a message,
 * and the dialogs of moderation. What is offered follows the own role; the server decides.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, el, t, tn, bdi } = Chat;
    const MOST = 200; // shown at once; the filter finds the rest
    const FILTER_FROM = 12;
    const MINUTE = 60;
    const HOUR = 3600;
    const DAY = 86400;
    const PERIODS = [10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY];

    let filter = '';

    /* ---- the column ---- */

    Chat.drawPeople = Chat.batched(() => {
        const room = Chat.active;
        if (!room) return;
        const rows = Array.from(room.members.values());
        $('find-people').hidden = rows.length < FILTER_FROM;
        const wanted = $('find-people').hidden ? '' : filter.toLowerCase();
        const order = (a, b) => Chat.rank(b.role) - Chat.rank(a.role) || a.username.localeCompare(b.username);
        const hits = rows.filter((row) => row.username.toLowerCase().includes(wanted)).sort(order);
        const online = hits.filter((row) => row.status !== 'offline');
        const away = hits.filter((row) => row.status === 'offline');
        fill('online', online, wanted ? online.length : room.count);
        fill('offline', away, away.length);
        $('people-count').textContent = room.count;
        $('show-people').setAttribute('aria-label', t('show people') + ': ' + t('people', { n: room.count }));
    });

    function fill(status, rows, count) {
        const list = $('people-' + status);
        $(status + '-title').hidden = list.hidden = rows.length === 0;
        $(status + '-title').textContent = t(Chat.active.with ? 'people' : 'n ' + status, { n: count });
        const wanted = rows.slice(0, MOST).map((member) => rowOf(Chat.active, member));
        if (count > wanted.length && rows.length > 0) wanted.push(el('li', { class: 'hint' }, t('n more', { n: count - wanted.length })));
        Chat.arrange(list, wanted);
    }

    /* The element of a person stays the same, or it would lose the focus; its content follows. */
    function rowOf(room, member) {
        const id = idOf(member);
        if (!room.rows.has(id)) {
            const button = el('button', { type: 'button', class: 'person', 'aria-haspopup': 'menu', 'aria-expanded': 'false' });
            button.addEventListener('click', () => Chat.personMenu(room, room.members.get(id) || member, button));
            room.rows.set(id, { node: el('li', {}, button) });
        }
        const row = room.rows.get(id);
        const mine = member.userId === Chat.hub.userId;
        const marks = [mine && 'you', // two at most, or there is no room for the name
            room.shows('ban', member) ? 'banned' : room.shows('mute', member) ? 'muted' : !room.with && Chat.rank(member.role) > 0 && member.role].filter(Boolean);
        const look = [member.username, member.role, member.status, marks, Chat.language].join('\n');
        if (row.look === look) return row.node;
        row.look = look;
        const button = row.node.firstChild;
        Object.assign(button.dataset, { user: member.username, role: member.role });
        button.replaceChildren(Chat.avatar(member.username, member.status), bdi(member.username, { class: 'person-name' }),
            ...marks.map((mark) => el('span', { class: 'badge-role ' + mark }, t(mark))));
        return row.node;
    }

    /* ---- menus ---- */

    /* `person` is a row of members or somebody who said something and may be gone. */
    Chat.personMenu = function (room, person, anchor) {
        const row = person.userId ? room.members.get(person.userId) : person; // never by the name, which may be somebody else's by now
        Chat.menu(anchor, [
            { label: t('mention', { name: person.username }), icon: 'mail', run: () => Chat.insertText('@' + person.username + ' ') },
            ...(person.userId !== Chat.hub.userId && !room.with && ((row && row.status === 'online') || Chat.talkOf(person))
                ? [{ label: t('talk to'), icon: 'send', run: () => Chat.talkTo(person) }] : []),
            ...moderation(room, row || { userId: person.userId, username: person.username, role: 'guest' }),
        ]);
    };

    Chat.messageMenu = function (room, item, anchor) {
        const mine = item.userId === Chat.hub.userId;
        const items = [
            ...(room.out ? [] : [
                ...Chat.PALETTE.map((emoji) => ({ label: emoji, className: 'emoji', run: () => Chat.reactFrom(room, item, emoji) })),
                { label: t('react') + '…', icon: 'plus', run: () => Chat.askReaction(room, item) },
                { label: t('reply'), icon: 'undo', run: () => Chat.answer(room, item) },
                ...(mine && !(item.ts <= late.edit) ? [{ label: t('edit'), icon: 'pen', run: () => Chat.edit(room, item) }] : []),
            ]),
            { label: t('copy text'), icon: 'copy', run: () => Chat.copy(item.content) },
            ...(mine ? [] : [{ label: t('mention', { name: item.username }), icon: 'mail', run: () => Chat.insertText('@' + item.username + ' ') }]),
        ];
        if (mayRemove(room, item)) items.push({ label: t('remove message'), icon: 'trash', danger: true, run: () => Chat.removeMessage(room, item) });
        if (!mine) items.push(...moderation(room, room.members.get(item.userId) || { userId: item.userId, username: item.username, role: 'guest' }));
        Chat.menu(anchor, items);
    };

    function mayRemove(room, item) {
        if (item.gone || room.out) return false;
        if (item.userId === Chat.hub.userId && !(item.ts <= late.remove)) return true;
        return room.may('moderator') && (item.userId === Chat.hub.userId || room.outranks(room.members.get(item.userId)));
    }

    /* Of what one said: what came up to then can no more be edited, or removed, as far as the server has told. */
    const late = {};
    Chat.late = (what, { ts }) => (error) => {
        if (error.code === 'too_late') late[what] = ts;
        throw error;
    };

    function moderation(room, member) {
        const role = { label: t('role of'), icon: 'rank', run: () => Chat.askRole(room, member) };
        if (member.userId === Chat.hub.userId && room.info.kept && !room.with && !room.out && Chat.rank(member.role) > 0) return [null, role]; // to step down
        if (room.out || member.userId === Chat.hub.userId || !room.may('moderator') || !room.outranks(member)) return [];
        const item = (action) => ({ label: t(action), icon: action, danger: true, run: () => Chat.sanction(room, member, action) });
        const items = [null];
        if (member.status === 'online' || !member.status) items.push(item('kick'));
        for (const action of ['mute', 'ban']) {
            items.push(room.shows(action, member)
                ? { label: t('un' + action), icon: action, run: () => Chat.hub['un' + action](room.name, idOf(member)).catch(Chat.toastError) } : item(action));
        }
        if (room.may('admin') && room.info.kept) {
            items.push(null, role);
            if (Chat.rank(member.role) > 0) {
                items.push({
                    label: t('remove member'), icon: 'door', danger: true, run: () => Chat.confirm({
                        title: t('remove member'), text: tn('remove member text', { name: bdi(member.username) }), action: t('remove'),
                        run: () => Chat.hub.remove(room.name, idOf(member)),
                    }),
                });
            }
        }
        if (Chat.hub.operator) items.push(null, { label: t('ban server'), icon: 'ban', danger: true, run: () => Chat.sanction(null, member, 'ban') });
        return items;
    }

    const idOf = (member) => member.userId || member.username;

    /* ---- dialogs ---- */

    /* kick, ban or mute, with reason and end; without a room: from the server. Then `done`. */
    Chat.sanction = function (room, member, action, done) {
        const reason = el('input', { maxlength: '400', autocomplete: 'off', autofocus: true });
        const period = Chat.select([...PERIODS.map((n) => [String(n), t('ends after', { time: Chat.duration(n) })]), ['', t('no end')]], action === 'mute' ? String(10 * MINUTE) : String(DAY), {});
        const address = el('input', { type: 'checkbox' });
        Chat.dialog({
            title: room ? t(action + ' title', { name: Chat.plain(member.username) }) : t('ban server').replace('…', ''),
            content: [
                el('p', { class: 'hint' }, t(action + ' text')),
                Chat.field(t('reason'), reason, t('reason hint')),
                action === 'kick' ? null : Chat.field(t('ends'), period),
                room ? null : Chat.check(address, t('ban address')),
            ],
            action: t(action).replace(/\s?…/, ''), danger: true,
            onsubmit: (dialog) => Chat.attempt(dialog, async () => {
                await Chat.hub[action](room ? room.name : null, idOf(member), {
                    ...(reason.value.trim() ? { reason: reason.value.trim() } : {}),
                    ...(action !== 'kick' && period.value ? { seconds: Number(period.value) } : {}),
                    ...(address.checked ? { address: true } : {}),
                });
                if (done) done();
            }),
        });
    };

    Chat.askRole = function (room, member, done) {
        const own = Chat.rank(room.myRole);
        const offered = Chat.RANKS.slice(0, 5).filter((role) => Chat.rank(role) <= own).reverse();
        Chat.dialog({
            title: t('role title', { name: Chat.plain(member.username) }),
            content: el('fieldset', { class: 'choices' }, el('legend', { class: 'unseen' }, t('role')), offered.map((role) => el('label', {},
                el('input', { type: 'radio', name: 'role', value: role, checked: role === member.role, autofocus: role === member.role }),
                el('span', {}, el('strong', {}, t(role)), el('span', { class: 'hint' }, t(role + ' hint')))))),
            action: t('save'),
            onsubmit: (dialog) => Chat.attempt(dialog, async () => {
                const role = dialog.node.querySelector('[name=role]:checked').value;
                if (role === member.role) return;
                if (role === 'guest') await Chat.hub.remove(room.name, idOf(member));
                else await Chat.hub.role(room.name, idOf(member), role);
                if (done) done();
            }),
        });
    };

    Chat.removeMessage = function (room, item) {
        if (!item || !mayRemove(room, item)) return;
        Chat.confirm({
            title: t('remove message').replace(/\s?…/, ''), action: t('remove'),
            text: [el('span', { class: 'excerpt', dir: 'auto' }, Chat.gist(item).slice(0, 200)), t('remove message text')],
            run: () => Chat.hub.deleteMessage(room.name, item.seq).catch(Chat.late('remove', item)),
        });
    };

    /* An invitation: a code for whoever has it, or for one person who is told. */
    Chat.inviteForm = function (room) {
        const user = el('input', { autocomplete: 'off', maxlength: '64', autofocus: true });
        const made = el('div', { class: 'invitation', role: 'status', hidden: true });
        return {
            content: [el('p', { class: 'hint' }, t('invite hint')), Chat.field(t('invite whom'), user, t('invite whom hint'), el('button', { class: 'primary' }, t('invite make'))), made],
            submit: async (dialog) => {
                dialog.error('');
                try {
                    const reply = await Chat.hub.invite(room.name, ...(user.value.trim() ? [user.value.trim()] : []));
                    made.hidden = false;
                    made.replaceChildren(...invitation(room, reply));
                } catch (error) {
                    dialog.error(Chat.errorText(error));
                }
            },
        };
    };

    Chat.inviteDialog = function (room) {
        const form = Chat.inviteForm(room);
        Chat.dialog({ title: t('invite').replace(/\s?…/, ''), content: form.content, onsubmit: form.submit });
    };

    function invitation(room, { invite, expires }) {
        const link = location.href.replace(/#.*/, '') + '#' + new URLSearchParams({ room: room.name, invite });
        const row = (label, text) => el('div', { class: 'copy-row' }, el('label', {}, label, el('input', { readonly: true, value: text, onfocus: (event) => event.target.select() })),
            el('button', { type: 'button', class: 'quiet', 'aria-label': t('copy') + ': ' + label, onclick: () => Chat.copy(text) }, Chat.icon('copy')));
        return [row(t('invite code'), invite), row(t('invite link'), link), el('p', { class: 'hint' }, t('invite good', { until: Chat.moment(expires) }))];
    }

    /* What a sanction or a change of role looks like in the conversation. */
    Chat.moderationNotice = function (event) {
        const key = event.action === 'role' && !event.role ? 'm role changed' : 'm ' + event.action;
        return () => [
            ...tn(key, { by: bdi(event.by || '?'), who: bdi(event.username || '?'), role: event.role ? t(event.role) : '' }),
            event.until ? ' ' + t('until x', { until: Chat.moment(event.until) }) : '',
            event.reason ? [' – ', bdi(event.reason)] : '',
        ].flat();
    };

    Chat.startPeople = function () {
        $('find-people').addEventListener('input', () => {
            filter = $('find-people').value.trim();
            Chat.drawPeople();
        });
        $('people').addEventListener('keydown', (event) => {
            const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (!step) return;
            const all = Array.from($('people').querySelectorAll('.person'));
            const next = all[all.indexOf(document.activeElement) + step];
            if (next) next.focus();
            event.preventDefault();
        });
    };
})();

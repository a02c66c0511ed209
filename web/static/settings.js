/*
 * settings.js: the dialog of a room's settings: what it is called and who may enter, its members, bans
 * and mutes, the ledger, invitations, and its end; and what operators do with the whole server. Asks the
 * server for all of it each time a part is shown, so what others changed meanwhile is there.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { el, t, tn, bdi } = Chat;
    const SLOW = [0, 5, 10, 30, 60, 300, 900, 3600];
    const UNDO_WITHIN = 10 * 60 * 1000;
    const PAGE = 50;
    const PARTS = { general: 'admin', members: 'moderator', sanctions: 'moderator', ledger: 'moderator', invitations: 'moderator' };

    Chat.roomSettings = (room) => show(room, t('settings of', { room: '#' + Chat.plain(room.name) }), Object.keys(PARTS).filter((name) => room.may(PARTS[name])));

    /* Without a room to be named, the same requests are about the whole server. */
    Chat.serverSettings = () => show({ name: null }, t('server'), ['notice', 'bans', 'ledger']);

    function show(room, title, names) {
        const pane = el('div', { class: 'pane', role: 'tabpanel', id: 'settings-pane', tabindex: '-1' });
        const tabs = el('div', { role: 'tablist', class: 'tabs', 'aria-label': t('settings'), onkeydown: (event) => onTabKey(event, names, open) },
            names.map((name) => el('button', {
                type: 'button', role: 'tab', id: 'settings-' + name, 'aria-controls': 'settings-pane', onclick: () => open(name),
            }, t(name === 'members' ? 'roster' : name))));
        const dialog = Chat.dialog({
            title, wide: 'tall', content: [tabs, pane],
            onsubmit: () => { if (pane.submit) pane.submit(); },
        });
        const context = { room, pane, dialog, again: () => open(context.part) };

        async function open(name) {
            context.part = name;
            dialog.error('');
            dialog.say('');
            for (const tab of tabs.children) {
                const selected = tab.id === 'settings-' + name;
                tab.setAttribute('aria-selected', String(selected));
                tab.tabIndex = selected ? 0 : -1;
            }
            pane.setAttribute('aria-labelledby', 'settings-' + name);
            try {
                const known = await Chat.hub.settings(room.name);
                if (context.part !== name) return;
                pane.submit = null;
                const content = await SHOW[name](context, known);
                if (context.part === name) pane.replaceChildren(...content);
            } catch (error) {
                pane.replaceChildren();
                dialog.error(Chat.errorText(error));
            }
        }

        open(names[0]);
        tabs.firstChild.focus();
    }

    function onTabKey(event, names, open) {
        const at = names.findIndex((name) => event.target.id === 'settings-' + name);
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + names.length, Home: 0, End: names.length - 1 }[event.key];
        if (to === undefined) return;
        const name = names[to % names.length];
        open(name);
        document.getElementById('settings-' + name).focus();
        event.preventDefault();
    }

    /* Runs something, then shows the part anew; errors at the foot of the dialog, and what was `done`. */
    async function act(context, button, run, done) {
        button.disabled = true;
        context.dialog.error('');
        context.dialog.say('');
        try {
            await run();
            await context.again();
            if (done) context.dialog.say(t(done));
        } catch (error) {
            context.dialog.error(Chat.errorText(error));
        }
        button.disabled = false;
    }

    const rowButton = (context, label, run, danger) => el('button', {
        type: 'button', class: danger ? 'quiet danger' : 'quiet', onclick: (event) => act(context, event.currentTarget, run),
    }, label);

    /* Of very many the server names the first. */
    const lines = (rows, count, none) => el('ul', { class: 'lines' }, rows, rows.length < (count || 1)
        ? el('li', { class: 'hint' }, rows.length ? t('n more', { n: count - rows.length }) : t(none)) : null);

    const SHOW = {
        /* ---- general ---- */

        general(context, known) {
            const { room, pane } = context;
            const save = el('button', { class: 'primary' }, t('save'));
            const fields = {
                title: el('input', { maxlength: '128', value: known.title || '', autocomplete: 'off' }),
                topic: el('textarea', { rows: '2', maxlength: '512', value: known.topic || '' }),
                password: el('input', { type: 'password', maxlength: '128', autocomplete: 'new-password' }),
                maxUsers: el('input', { type: 'number', min: '0', max: '1000000', value: String(known.maxUsers || 0) }),
                slowMode: Chat.select(choices(known.slowMode || 0), String(known.slowMode || 0), {}),
            };
            const off = el('input', { type: 'checkbox' });
            const hides = el('input', { type: 'checkbox', checked: !!known.hidesPast });
            pane.submit = () => act(context, save, async () => {
                const changes = {
                    title: fields.title.value.trim(), topic: fields.topic.value.trim(), maxUsers: Number(fields.maxUsers.value) || 0,
                    slowMode: Number(fields.slowMode.value), visibility: pane.querySelector('[name=visibility]:checked').value,
                    hidesPast: hides.checked,
                };
                for (const key of Object.keys(changes)) if (changes[key] === (known[key] || { number: 0, boolean: false, string: '' }[typeof changes[key]])) delete changes[key];
                if (fields.password.value || off.checked) changes.password = off.checked ? '' : fields.password.value;
                if (Object.keys(changes).length) await Chat.hub.update(room.name, changes);
            }, 'saved');
            return [
                Chat.field(t('title'), fields.title, t('title hint', { room: Chat.plain(room.name) })),
                Chat.field(t('topic'), fields.topic),
                Chat.visibilityField(known.visibility || 'public'),
                Chat.field(t('password'), fields.password, t(known.hasPassword ? 'password set' : 'password none')),
                known.hasPassword ? Chat.check(off, t('password off')) : null,
                known.kept ? Chat.check(hides, t('hides past')) : null,
                el('div', { class: 'pair' }, Chat.field(t('size'), fields.maxUsers, t('size hint')), Chat.field(t('slow'), fields.slowMode, t('slow hint'))),
                el('div', { class: 'buttons' }, save),
                ...(room.may('owner') ? [end(context)] : []),
            ].filter(Boolean);
        },

        /* ---- members ---- */

        members(context, known) {
            const { room, pane } = context;
            const roster = (known.roster || []).slice().sort((a, b) => Chat.rank(b.role) - Chat.rank(a.role) || a.username.localeCompare(b.username));
            const rows = roster.map((row) => el('li', { class: 'line' }, Chat.avatar(row.username), el('span', { class: 'grow' }, bdi(row.username),
                el('span', { class: 'hint' }, t(row.role), row.userId === Chat.hub.userId ? ' · ' + t('you') : '')),
            ...(row.userId === Chat.hub.userId || (room.may('admin') && room.outranks(row)) ? [
                el('button', { type: 'button', class: 'quiet', onclick: () => Chat.askRole(room, row, context.again) }, t('role of'))] : []),
            ...(room.may('admin') && room.outranks(row) ? [rowButton(context, t('remove'), () => Chat.hub.remove(room.name, row.userId), true)] : [])));
            const name = el('input', { maxlength: '64', autocomplete: 'off', list: 'people-here' });
            pane.submit = () => { if (name.value.trim()) act(context, name, () => Chat.hub.add(room.name, name.value.trim())); };
            const here = Array.from(room.members.values()).filter((row) => Chat.rank(row.role) === 0).slice(0, 50);
            const people = el('datalist', { id: 'people-here' }, here.map((row) => el('option', { value: row.username })));
            return [
                ...(room.may('admin') ? [Chat.field(t('add member'), name, t('add member hint'), people, el('button', { class: 'primary' }, t('add')))] : []),
                lines(rows, known.rosterCount, 'no members'),
            ];
        },

        /* ---- bans and mutes ---- */

        sanctions(context, known) {
            const { room } = context;
            const rows = (known.sanctions || []).map((row) => el('li', { class: 'line' }, Chat.avatar(row.username || '?'),
                el('span', { class: 'grow' }, bdi(row.username || row.userId), ' ', el('span', { class: 'badge-role' }, t(row.action === 'ban' ? 'banned' : 'muted')),
                    el('span', { class: 'hint' }, row.until ? t('until x', { until: Chat.moment(row.until) }) : t('without end'), ' · ', tn('by x', { by: bdi(row.by || '?') }),
                        row.reason ? [' · ', bdi(row.reason)] : null)),
                rowButton(context, t('lift'), () => Chat.hub[row.action === 'ban' ? 'unban' : 'unmute'](room.name, row.userId || row.username))));
            return [lines(rows, known.sanctionCount, 'no sanctions')];
        },

        /* ---- the server ---- */

        notice(context) {
            const text = el('textarea', { rows: '3', maxlength: '2000' });
            const send = el('button', { class: 'primary' }, t('send'));
            context.pane.submit = () => text.value.trim() && act(context, send, () => Chat.hub.notice(text.value.trim()), 'notice sent');
            return [Chat.field(t('message'), text, t('notice hint')), el('div', { class: 'buttons' }, send)];
        },

        bans(context, known) {
            const name = el('input', { maxlength: '64', autocomplete: 'off' });
            const ban = el('button', { class: 'primary' }, t('ban'));
            context.pane.submit = () => name.value.trim() && Chat.sanction(null, { username: name.value.trim() }, 'ban', context.again);
            return [Chat.field(t('ban whom'), name, t('add member hint'), ban), ...SHOW.sanctions(context, known)];
        },

        /* ---- ledger ---- */

        async ledger(context) {
            const { room, dialog } = context;
            const list = el('ol', { class: 'lines' });
            const more = el('button', { type: 'button', class: 'quiet', hidden: true }, t('older entries'));
            const fetch = async (before) => {
                const { entries } = await Chat.hub.ledger(room.name, { limit: PAGE, ...(before ? { before } : {}) });
                list.append(...entries.map((entry) => ledgerRow(context, entry)));
                more.hidden = entries.length < PAGE;
                more.onclick = () => fetch(entries[entries.length - 1].entry).catch((error) => dialog.error(Chat.errorText(error)));
            };
            await fetch();
            if (!list.children.length) list.append(el('li', { class: 'hint' }, t('no entries')));
            return [list, more];
        },

        /* ---- invitations ---- */

        invitations(context, known) {
            const form = Chat.inviteForm(context.room);
            context.pane.submit = () => form.submit(context.dialog);
            return [...form.content, known.invites ? el('p', { class: 'hint' }, t('invites out', { n: known.invites })) : ''];
        },
    };

    function choices(present) {
        const all = SLOW.includes(present) ? SLOW : SLOW.concat(present).sort((a, b) => a - b);
        return all.map((n) => [String(n), n ? t('every time', { time: Chat.duration(n) }) : t('off')]);
    }

    function ledgerRow(context, entry) {
        const { room } = context;
        const key = entry.action === 'role' && !entry.role ? 'm role changed' : 'm ' + entry.action;
        const sanction = ['ban', 'mute', 'unban', 'unmute'].includes(entry.action);
        const open = sanction && !entry.undone && Date.now() - entry.ts < UNDO_WITHIN;
        return el('li', { class: entry.undone ? 'line undone' : 'line' },
            el('span', { class: 'grow' },
                Chat.hasText(key) ? tn(key, { by: bdi(entry.by || '?'), who: bdi(entry.username || '?'), role: entry.role ? t(entry.role) : '' }) : [entry.action, ' ', bdi(entry.username || '')],
                el('span', { class: 'hint' }, Chat.moment(entry.ts), entry.until ? ' · ' + t('until x', { until: Chat.moment(entry.until) }) : '',
                    entry.reason ? [' · ', bdi(entry.reason)] : null, entry.undone ? ' · ' + t('undone') : '')),
            open ? rowButton(context, t('undo'), () => Chat.hub.undo(room.name, entry.entry)) : null);
    }

    /* Asks for the name, so that nobody deletes the wrong room, or by a slip. */
    function end({ room, dialog }) {
        return el('section', { class: 'danger-zone' }, el('p', {}, t('delete room text')), el('button', {
            type: 'button', class: 'quiet danger',
            onclick: () => {
                const name = el('input', { autocomplete: 'off', spellcheck: 'false', autofocus: true });
                const reason = el('input', { maxlength: '400', autocomplete: 'off' });
                Chat.dialog({
                    title: t('delete room'),
                    content: [el('p', {}, t('delete room text')), Chat.field(t('delete room type', { room: room.name }), name), Chat.field(t('reason'), reason, t('reason hint'))],
                    action: t('delete room'), danger: true,
                    onsubmit: (sure) => {
                        if (name.value.trim() !== room.name.trim()) sure.error(t('delete room wrong'));
                        else {
                            Chat.attempt(sure, async () => {
                                await Chat.hub.destroy(room.name, ...(reason.value.trim() ? [reason.value.trim()] : []));
                                dialog.close();
                            });
                        }
                    },
                });
            },
        }, Chat.icon('trash'), t('delete room')));
    }
})();

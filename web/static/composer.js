/*
 * composer.js: where one writes: sending, drafts, the counter near the limit, completion of names and
 * commands, the commands themselves, and telling others that one types.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, el, t, bdi } = Chat;
    const COUNT_FROM = 0.8; // of the limit
    const SHOWN = 8; // suggestions
    const TYPING_EVERY = 3000;
    const TYPING_PAUSE = 5000;
    // In full; a beginning is enough, and of those with the same beginning the first counts.
    const UNITS = {
        seconds: 1, secs: 1, sekunden: 1, minutes: 60, mins: 60, minuten: 60, hours: 3600, hrs: 3600, stunden: 3600, std: 3600,
        days: 86400, tage: 86400, weeks: 604800, wochen: 604800,
    };

    /* name: [usage in keys of texts, needed rank, needs a room, run(room, argument)] */
    const COMMANDS = {
        join: { usage: '<u room> [u password]', run: (room, text) => join(text) },
        leave: { usage: '', here: true, run: (room) => Chat.leave(room) },
        create: { usage: '<u room> [u title]', run: (room, text) => create(text) },
        kick: { usage: '<u name> [u reason]', rank: 'moderator', here: true, run: sanction('kick') },
        ban: { usage: '<u name> [u time] [u reason]', rank: 'moderator', here: true, run: sanction('ban') },
        unban: { usage: '<u name>', rank: 'moderator', here: true, run: sanction('unban') },
        mute: { usage: '<u name> [u time] [u reason]', rank: 'moderator', here: true, run: sanction('mute') },
        unmute: { usage: '<u name>', rank: 'moderator', here: true, run: sanction('unmute') },
        msg: { usage: '<u name> <u text>', here: true, run: whisper },
        topic: { usage: '[u text]', rank: 'admin', here: true, run: (room, topic) => topic ? Chat.hub.update(room.name, { topic }) : Chat.toast(room.info.topic || t('no topic')) },
        invite: { usage: '[u name]', rank: 'moderator', here: true, run: invite },
        search: { usage: '[u text]', run: (room, text) => Chat.search(text) },
        help: { usage: '', run: () => Chat.help() },
    };
    Chat.COMMANDS = COMMANDS;

    Chat.usage = (name) => '/' + name + ' ' + COMMANDS[name].usage.replace(/u \w+/g, (key) => t(key));

    let box;
    let options = []; // suggestions: {insert, from, show}
    let chosen = 0;

    /* ---- sending ---- */

    function submit(event) {
        event.preventDefault();
        const room = Chat.active;
        const text = box.value;
        if (!room || !(text.trim() || Chat.files.ready(room)) || Chat.files.busy(room)) return;
        const over = bytesOver(room, text);
        if (over > 0) {
            problem(t('too long', { n: over }));
            return;
        }
        problem('');
        if (/^\/(?!\/)/.test(text)) {
            command(room, text);
            return;
        }
        if (room.out) return;
        clear();
        say(room, text.replace(/^\/\//, '/'), room.answer && room.answer.seq, Chat.files.take(room));
        room.answer = null;
        Chat.showAnswer(room);
    }

    function say(room, text, replyTo, files = []) {
        const message = Chat.hub.say(room.name, text, { ...(replyTo ? { replyTo } : {}), files: files.map((one) => one.id) });
        message.shown = files;
        room.pending.push(message);
        if (room === Chat.active) Chat.timeline.toEnd();
    }

    Chat.sayAgain = function (room, message) {
        if (message.state === 'unsure' && message.resend()) return;
        Chat.discard(room, message);
        say(room, message.text, message.replyTo, message.shown);
    };

    Chat.discard = function (room, message) {
        room.pending = room.pending.filter((one) => one !== message);
        message.cancel();
        Chat.timeline.touched(room);
    };

    function clear() {
        box.value = '';
        changed();
        stopTyping();
    }

    function problem(text) {
        Chat.showError($('composer-error'), text);
    }

    /* As the server counts: the bytes of the whole frame, with escapes. */
    function bytesOver(room, text) {
        const most = Chat.hub.limits.maxMessage;
        return most ? frameBytes(room, text) - most : 0;
    }

    const frameBytes = (room, text) => Chat.bytes(JSON.stringify({ room: room.name, content: text, replyTo: room.answer ? room.answer.seq : undefined, type: 'message', id: 'x'.repeat(16) }));

    /* ---- commands ---- */

    async function command(room, text) {
        const [, name, argument] = /^\/(\S*)\s*([^]*)$/.exec(text);
        const known = Object.prototype.hasOwnProperty.call(COMMANDS, name) && COMMANDS[name];
        if (!known) problem(t('no command', { name: '/' + name }));
        else if (known.here && room.out) problem(t('you are out'));
        else if (known.usage.startsWith('<') && !argument.trim()) problem(t('needs more', { usage: Chat.usage(name) }));
        else {
            clear();
            try {
                await known.run(room, argument.trim());
            } catch (error) {
                if (room !== Chat.active) return;
                problem(Chat.errorText(error));
                if (!box.value) setText(text);
            }
        }
    }

    function join(text) {
        const [name, key] = word(text.replace(/^#/, ''));
        return Chat.enter(name, Chat.key(key));
    }

    function create(text) {
        const [name, title] = word(text.replace(/^#/, ''));
        return Chat.createAndEnter(name, title ? { title } : {});
    }

    /* The first word, or what stands in quotes, and the rest. */
    function word(text) {
        const [, quoted, bare, rest] = /^(?:"([^"]+)"|(\S+))\s*([^]*)$/.exec(text);
        return [quoted || bare, rest];
    }

    /* bob, @bob, mary ann when somebody is called so, or "a name in quotes": [name, rest] */
    function person(room, text) {
        const bare = text.replace(/^@/, '');
        for (let end = bare.length; end > 0; end = bare.lastIndexOf(' ', end - 1)) {
            if (room.called(bare.slice(0, end))) return [room.called(bare.slice(0, end)).username, bare.slice(end).trim()];
        }
        return word(bare);
    }

    /* 10m, 10min, 2 hours, 1 Woche, and what follows; what only looks like a time is not taken for "without end". */
    function timed(text) {
        const [, number, word, rest] = /^(\d{1,6}) *(\p{L}+)(?:\s+|$)([^]*)$/u.exec(text) || [];
        const unit = Number(number) && Object.keys(UNITS).find((one) => one.startsWith(word.toLowerCase()));
        if (unit) return { seconds: number * UNITS[unit], reason: rest };
        if (/^\d/.test(text)) throw new Error(t('no time'));
        return { reason: text };
    }

    function sanction(action) {
        return (room, text) => {
            const [name, rest] = person(room, text);
            const { seconds, reason } = action === 'ban' || action === 'mute' ? timed(rest) : { reason: rest };
            return Chat.hub[action](room.name, name, { ...(seconds ? { seconds } : {}), ...(reason ? { reason } : {}) });
        };
    }

    async function whisper(room, text) {
        const [name, content] = person(room, text);
        const known = Chat.talkWith((one) => one.username === name);
        if (known && (!content || Chat.talks.get(known).blocked)) return Chat.enter(known);
        return begin(name, content);
    }

    /* Whether somebody is here, away, or blocks us is not to be told from the refusal. */
    async function begin(to, content) {
        const said = await Chat.hub.dm(to, content).catch((error) => { throw error.code === 'unknown_user' ? new Error(t('not to be reached')) : error; });
        Chat.talks.set(said.room, said);
        return Chat.enter(said.room);
    }

    /* To where one writes to somebody alone; a first message begins it. */
    Chat.talkTo = function (person) {
        const known = Chat.talkOf(person);
        if (known) return Chat.enter(known);
        const { userId, username } = person;
        const first = el('input', { autocomplete: 'off', autofocus: true });
        return Chat.dialog({
            title: t('talk to'), content: Chat.field(t('message to', { room: Chat.plain(username) }), first), action: t('send'),
            onsubmit: (dialog) => first.value.trim() && Chat.attempt(dialog, () => begin(userId ? 'id:' + userId : username, first.value)),
        });
    };

    async function invite(room, text) {
        if (!text) {
            Chat.inviteDialog(room);
            return;
        }
        const [name] = person(room, text);
        await Chat.hub.invite(room.name, name);
        Chat.toast(t('invited', { name }));
    }

    /* ---- completion ---- */

    function complete() {
        const room = Chat.active;
        const before = box.value.slice(0, box.selectionEnd);
        const slash = /^\/(\w*)$/.exec(before);
        const at = /(^|\s)@(\S{0,40})$/.exec(before);
        options = [];
        if (slash) {
            options = Object.keys(COMMANDS).filter((name) => name.startsWith(slash[1].toLowerCase()) && room && room.may(COMMANDS[name].rank || 'guest'))
                .slice(0, SHOWN).map((name) => ({ insert: '/' + name + ' ', from: 0, show: [el('strong', {}, Chat.usage(name)), el('span', { class: 'hint' }, t('c ' + name))] }));
        } else if (at && room) {
            const start = at[2].toLowerCase();
            options = Array.from(room.members.values()).filter((row) => row.username.toLowerCase().startsWith(start))
                .sort((a, b) => a.username.localeCompare(b.username)).slice(0, SHOWN)
                .map((row) => ({ insert: '@' + row.username + ' ', from: before.length - at[2].length - 1, show: [Chat.avatar(row.username), bdi(row.username)] }));
            if (options.length === 1 && options[0].insert.trim() === '@' + at[2]) options = [];
        }
        chosen = 0;
        showOptions();
    }

    function showOptions() {
        const open = options.length > 0;
        $('suggestions').hidden = !open;
        $('suggestions').replaceChildren(...options.map((option, i) => el('li', {
            role: 'option', id: 'suggestion-' + i, 'aria-selected': String(i === chosen),
            onpointerdown: (event) => { // before the box loses the focus
                event.preventDefault();
                take(option);
            },
        }, option.show)));
        if (open) {
            box.setAttribute('aria-activedescendant', 'suggestion-' + chosen);
            $('suggestion-' + chosen).scrollIntoView({ block: 'nearest' });
        } else {
            box.removeAttribute('aria-activedescendant');
        }
    }

    function take(option) {
        box.setRangeText(option.insert, option.from, box.selectionEnd, 'end');
        options = [];
        showOptions();
        changed();
    }

    /* ---- keys and text ---- */

    function onKey(event) {
        if (event.isComposing) return;
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (options.length > 0) {
            if (step) chosen = (chosen + step + options.length) % options.length;
            else if (event.key === 'Escape') options = [];
            else if (event.key === 'Tab' || (event.key === 'Enter' && !event.shiftKey && !exact())) {
                take(options[chosen]);
                event.preventDefault();
                return;
            }
            if (step || event.key === 'Escape') {
                event.preventDefault();
                event.stopPropagation();
                showOptions();
                return;
            }
        }
        if (event.key === 'Escape' && Chat.active.answer) Chat.answer(Chat.active, null);
        else if (event.key === 'ArrowUp' && !box.value && !event.altKey && !event.shiftKey) Chat.editLast(Chat.active);
        else if (event.key === 'Enter' && !event.shiftKey) $('composer').requestSubmit();
        else return;
        event.preventDefault();
    }

    /* A command that is written out already and needs nothing more is done at once. */
    const exact = () => options[chosen].insert.trim() === box.value.trim() && !COMMANDS[box.value.trim().slice(1)].usage.startsWith('<');

    function onInput() {
        problem('');
        changed();
        complete();
        if (!Chat.active || !box.value || box.value.startsWith('/')) stopTyping();
        else startTyping(Chat.active);
    }

    function changed() {
        const room = Chat.active;
        box.style.height = 'auto';
        box.style.height = Math.min(box.scrollHeight + 2, innerHeight * 0.4) + 'px';
        if (!room) return;
        room.draft = box.value;
        Chat.drafts(room);
        const most = Chat.hub.limits.maxMessage;
        const used = box.value.length * 6 > most * COUNT_FROM ? frameBytes(room, box.value) : 0;
        $('counter').hidden = !(used > most * COUNT_FROM);
        $('counter').classList.toggle('over', used > most);
        $('counter').textContent = used > most ? t('bytes over', { n: used - most }) : t('bytes left', { n: most - used });
        $('send').disabled = used > most || !(box.value.trim() || Chat.files.ready(room)) || Chat.files.busy(room);
    }

    Chat.composerChanged = changed;

    function setText(text) {
        box.value = text;
        changed();
    }

    Chat.insertText = function (text) {
        box.setRangeText(text, box.selectionStart, box.selectionEnd, 'end');
        changed();
        box.focus();
    };

    Chat.focusComposer = function () {
        if (!$('composer').hidden && !box.disabled) box.focus();
        else $('log').focus();
    };

    /* The composer of another room: its draft, and whether one may write. */
    Chat.showComposer = function (room) {
        stopTyping();
        options = [];
        showOptions();
        problem('');
        box.value = room.draft;
        box.placeholder = t('message to', { room: room.place });
        changed();
        Chat.showHindrance(room);
        Chat.showAnswer(room);
        Chat.files.show(room);
    };

    /* ---- typing ---- */

    const typing = { room: '', sent: 0, timer: 0 };

    function startTyping(room) {
        if (Date.now() - typing.sent > TYPING_EVERY || typing.room !== room.name) {
            typing.sent = Date.now();
            typing.room = room.name;
            Chat.hub.typing(room.name, 'active');
        }
        clearTimeout(typing.timer);
        typing.timer = setTimeout(stopTyping, TYPING_PAUSE);
    }

    function stopTyping() {
        clearTimeout(typing.timer);
        if (typing.room) Chat.hub.typing(typing.room, 'paused');
        typing.room = '';
        typing.sent = 0;
    }

    Chat.startComposer = function () {
        box = $('box');
        $('composer').addEventListener('submit', submit);
        box.addEventListener('input', onInput);
        box.addEventListener('keydown', onKey);
        box.addEventListener('blur', () => {
            options = [];
            showOptions();
        });
    };
})();

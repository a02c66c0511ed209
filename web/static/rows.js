/*
 * rows.js: what the items of a room look like in the conversation, and what one does with a message
 * there: react to it, answer it, edit it.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, el, t, tn, bdi } = Chat;
    const LONG = 2500; // characters, or LINES lines: shown in part
    const LINES = 30;
    const EXCERPT = 120; // of what is quoted

    const USUAL = '👍 👎 ❤️ 😂 😊 😮 😢 😡 🎉 🙏 👏 🔥 💯 ✅ ❌ 🤔'.split(' ');
    Chat.PALETTE = ['👍', '❤️', '😂', '🎉', '😮', '👀'];

    Chat.rowOf = function (item) {
        if (item.node) return item.node;
        const row = ROWS[item.kind](item);
        if (item.firstNew) row.prepend(el('p', { class: 'new-line' }, t('new here')));
        row.item = item;
        item.node = row;
        return row;
    };

    const ROWS = {
        message(item) {
            return said(item, item.head, item.editor || (item.gone ? tombstone(item) : text(item)),
                item.gone || item.editor ? null : el('button', {
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
        hole({ missed, error }) {
            return el('div', { class: 'row notice hole' }, error || (missed ? t('you missed', { n: missed }) : '…'),
                error || missed ? el('button', { type: 'button', class: 'quiet load', 'data-key': 'load' }, t('load')) : null);
        },
    };

    Chat.dayRow = function (item) {
        item.dayNode = item.dayNode ||
            el('p', { class: 'row day' }, el('time', { datetime: new Date(item.ts).toISOString().slice(0, 10) }, Chat.day(item.ts)));
        return item.dayNode;
    };

    function said(item, head, content, menu) {
        const when = el('time', { datetime: new Date(item.ts).toISOString(), title: Chat.moment(item.ts) }, Chat.clock(item.ts));
        const mine = item.userId === Chat.hub.userId;
        return el('article', {
            class: 'row said' + (head ? ' head' : '') + (item.mention ? ' mention-row' : ''), tabindex: '-1', 'data-seq': item.seq,
            'aria-label': [Chat.plain(item.username), Chat.clock(item.ts), ...(item.handle ? [t(markOf(item.handle)[1])] : [])].join(', '),
        }, head ? Chat.avatar(item.username) : el('span', { class: 'gutter', 'aria-hidden': 'true' }, when),
        el('div', { class: 'body' }, head ? el('p', { class: 'heading' }, whoButton(item), badge(item, mine), when) : null,
            item.replyTo && !item.gone ? quote(item.replyTo) : null, content, reactions(item)), mark(item.handle), menu);
    }

    function whoButton(item) {
        const who = el('button', {
            type: 'button', class: 'plain who', tabindex: '-1', 'aria-haspopup': 'menu', 'aria-expanded': 'false',
        }, bdi(item.username));
        who.style.setProperty('--hue', Chat.hue(item.username));
        return who;
    }

    function badge(item, mine) {
        const row = Chat.active && Chat.active.members.get(item.userId);
        if (row && Chat.rank(row.role) >= Chat.rank('moderator')) return el('span', { class: 'badge-role' }, t(row.role));
        return mine ? el('span', { class: 'badge-role' }, t('you')) : null;
    }

    function text(item) {
        const room = Chat.active;
        const lines = item.content.split('\n', LINES + 1);
        const long = !item.open && (item.content.length > LONG || lines.length > LINES);
        const shown = long ? lines.slice(0, LINES).join('\n').slice(0, LONG) : item.content;
        const mine = (name) => name.toLowerCase() === Chat.hub.username.toLowerCase() || (item.all && name === 'room');
        const made = el('div', { class: 'text' }, Chat.markdown(shown, { known: (name) => mine(name) || Boolean(room.called(name)), mine }));
        const edited = item.editedTs ? el('small', { class: 'hint', title: Chat.moment(item.editedTs) }, t('edited')) : null;
        const files = Chat.files.of(item);
        if (!long) return [item.content ? made : null, files, edited];
        made.classList.add('long');
        return [made, el('button', { type: 'button', class: 'quiet open-text' }, t('show all')), files, edited];
    }

    function tombstone(item) {
        const { by, own, reason } = item.gone;
        return el('p', { class: 'gone' }, own ? t('message gone own') : by ? tn('message gone', { by: bdi(by) }) : t('message gone once'),
            reason ? [' – ', bdi(reason)] : null);
    }

    /* What somebody said, for where there is one line for it. */
    function excerpt(item) {
        return [bdi(item.username), ': ', bdi(item.gone ? '…' : Chat.gist(item).slice(0, EXCERPT))];
    }

    Chat.gist = ({ content, files = [] }) => content || files.map((one) => one.name).join(', ');

    function quote(seq) {
        const item = Chat.active.bySeq.get(seq);
        return el('button', { type: 'button', class: 'quote', tabindex: '-1', 'data-key': 'quote' },
            Chat.icon('undo'), el('span', {}, item ? excerpt(item) : t('earlier message')));
    }

    function reactions({ reactions: rows, names }) {
        if (!rows || !rows.length) return null;
        return el('div', { class: 'reactions' }, rows.map(({ emoji, count, mine }) => {
            const known = (names[emoji] || []).slice(0, count);
            if (mine && !known.includes(Chat.hub.username) && known.length < count) known.push(Chat.hub.username);
            const rest = count - known.length;
            return el('button', {
                type: 'button', class: 'reaction', tabindex: '-1', 'aria-pressed': String(Boolean(mine)), 'data-key': emoji,
                title: known.length ? known.map(Chat.plain).join(', ') + (rest ? ' ' + t('n more', { n: rest }) : '') : null,
            }, bdi(emoji), ' ' + count);
        }));
    }

    /* How far it came, of what was said here: to the others, and to the server's disk. */
    Chat.MARKS = [['✓', 'sent'], ['✓✓', 'stored'], ['!', 'not stored']];
    const markOf = ({ state, durable }) => Chat.MARKS[state === 'failed' ? 2 : durable ? 1 : 0];

    function mark(handle) {
        if (!handle) return null;
        const [sign, key] = markOf(handle);
        return el('span', { class: 'mark ' + handle.state, role: 'img', 'aria-label': t(key), title: t(key) }, sign);
    }

    /* What is said and not confirmed: rebuilt each time, there are few. */
    Chat.pendingRow = function (room, message, first) {
        const last = room.items[room.items.length - 1];
        const { replyTo } = message;
        const item = { userId: Chat.hub.userId, username: Chat.hub.username, content: message.text, files: message.shown, ts: message.since, replyTo };
        const head = first && !(last && last.kind === 'message' && last.userId === item.userId && !last.gone && !replyTo);
        const row = said(item, head, [...text(item), el('p', { class: 'fate' }, fate(message))]);
        row.classList.add('pending', message.state);
        row.message = message;
        return row;
    };

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

    Chat.hello = function (room) {
        if (!room.hello) room.hello = el('div', { class: 'row hello' });
        const first = room.items.find((item) => item.seq);
        room.hello.replaceChildren(el('p', {}, room.info.shownFrom ? t('past hidden') : first && first.seq > 1 ? t('past gone')
            : tn(room.with ? 'begins talk' : 'begins here', { room: el('strong', {}, bdi(room.with ? room.label : '#' + room.name)) })),
            room.info.topic ? el('p', { class: 'hint', dir: 'auto' }, room.info.topic) : '');
        return room.hello;
    };

    /* ---- reactions, answers, edits ---- */

    Chat.react = function (room, item, emoji) {
        const mine = item.reactions.some((one) => one.emoji === emoji && one.mine);
        return Chat.hub.react(room.name, item.seq, emoji, mine ? { remove: true } : {});
    };

    Chat.reactFrom = (room, item, emoji) => Chat.react(room, item, emoji).catch(Chat.toastError);

    Chat.askReaction = function (room, item) {
        const input = el('input', { maxlength: '32', autocomplete: 'off', autofocus: true });
        const choose = (emoji) => Chat.attempt(dialog, () => Chat.react(room, item, emoji));
        const dialog = Chat.dialog({
            title: t('react'),
            content: [el('div', { class: 'usual' }, USUAL.map((emoji) => el('button', { type: 'button', class: 'plain', onclick: () => choose(emoji) }, emoji))), Chat.field(t('emoji'), input)],
            action: t('react'),
            onsubmit: () => choose(input.value.trim()),
        });
    };

    Chat.answer = function (room, item) {
        room.answer = item;
        Chat.showAnswer(room);
        Chat.focusComposer();
    };

    Chat.showAnswer = function (room) {
        const { answer } = room;
        $('answer').hidden = !answer;
        if (answer) {
            $('answer').replaceChildren(el('p', {}, t('reply to'), ' ', excerpt(answer)),
                el('button', { type: 'button', class: 'plain', 'aria-label': t('cancel'), onclick: () => Chat.answer(room, null) }, Chat.icon('close')));
        }
    };

    /* In its place: the editor stays the same while the row around it is made anew. */
    Chat.edit = function (room, item) {
        const box = el('textarea', { 'aria-label': t('edit'), 'data-key': 'edit', rows: Math.min(9, item.content.split('\n').length + item.content.length / 60 | 0), value: item.content });
        const problem = el('p', { class: 'error', role: 'alert', hidden: true });
        const end = () => { // whoever went elsewhere meanwhile stays there
            const { activeElement: focus } = document;
            const back = focus === document.body || box.form.contains(focus);
            item.editor = null;
            Chat.timeline.redraw(room, item);
            if (back) Chat.focusComposer();
        };
        const save = async (event) => {
            event.preventDefault();
            if (!box.value.trim() || box.value === item.content) return end();
            try {
                await Chat.hub.edit(room.name, item.seq, box.value).catch(Chat.late('edit', item));
                end();
            } catch (error) {
                Chat.showError(problem, Chat.errorText(error));
                box.form.scrollIntoView({ block: 'nearest' });
            }
            return undefined;
        };
        item.editor = el('form', {
            class: 'editor', onsubmit: save, onkeydown: (event) => {
                if (event.key === 'Escape') end();
                else if (event.key === 'Enter' && event.target === box && !event.shiftKey && !event.isComposing) save(event);
            },
        }, box, problem, el('div', { class: 'buttons' }, el('button', { type: 'button', class: 'quiet', onclick: end }, t('cancel')), el('button', { class: 'primary' }, t('save'))));
        Chat.timeline.reveal(room, item);
        box.focus();
    };

    Chat.editLast = function (room) {
        const mine = room.items.filter((item) => item.userId === Chat.hub.userId && item.kind === 'message' && !item.gone).pop();
        if (mine) Chat.edit(room, mine);
        return Boolean(mine);
    };

    /* ---- what people write, as nodes -----
     * **bold**, *italics* or _italics_, `code`, blocks of code between lines of ```, [links](https://…) and bare
     * addresses, > quotes, and @mentions.
     *
     * Makes text nodes and elements, never HTML from text. Takes time in proportion to the length of the
     * text, whatever the text is: marks do not reach over a line, nor further than REACH. */

    const REACH = 2000;
    const DEEPEST = 4; // quotes in quotes, bold in italics
    const ADDRESS = /^https?:\/\/[^\s<>"'`]+/i;

    /* known(name): whether '@name' is somebody; mine(name): whether that is the reader. */
    Chat.markdown = function (text, people) {
        const whole = document.createDocumentFragment();
        whole.append(...blocks(text.split('\n'), people, 0));
        return whole;
    };

    function blocks(lines, people, depth) {
        const made = [];
        for (let i = 0; i < lines.length;) {
            let end = i + 1;
            if (/^\s{0,3}```/.test(lines[i])) {
                while (end < lines.length && !/^\s{0,3}```\s*$/.test(lines[end])) end++;
                made.push(el('pre', { dir: 'ltr', tabindex: '0' }, el('code', {}, lines.slice(i + 1, end).join('\n'))));
                i = end + 1;
            } else if (/^>/.test(lines[i]) && depth < DEEPEST) {
                while (end < lines.length && /^>/.test(lines[end])) end++;
                const inner = lines.slice(i, end).map((line) => line.replace(/^> ?/, ''));
                made.push(el('blockquote', {}, blocks(inner, people, depth + 1)));
                i = end;
            } else {
                while (end < lines.length && !/^(\s{0,3}```|>)/.test(lines[end])) end++;
                const paragraph = el('p', { dir: 'auto' });
                lines.slice(i, end).forEach((line, n) => {
                    if (n > 0) paragraph.append('\n');
                    paragraph.append(...inline(line, people, 0));
                });
                made.push(paragraph);
                i = end;
            }
        }
        return made;
    }

    function inline(text, people, depth) {
        const made = [];
        let plain = 0; // where the text begins that is not in `made` yet
        let i = 0;
        const take = (node, end) => {
            if (i > plain) made.push(text.slice(plain, i));
            made.push(node);
            i = plain = end;
        };
        while (i < text.length) {
            const found = depth < DEEPEST && special(text, i, people, depth);
            if (found) take(found.node, found.end);
            else i++;
        }
        if (plain < text.length) made.push(text.slice(plain));
        return made;
    }

    function special(text, i, people, depth) {
        switch (text[i]) {
        case '`': {
            const end = closing(text, '`', i + 1);
            return end > i + 1 ? { node: el('code', { dir: 'ltr' }, text.slice(i + 1, end)), end: end + 1 } : null;
        }
        case '*':
        case '_': {
            const mark = text[i + 1] === text[i] ? text[i] + text[i] : text[i];
            if (!opens(text, i, mark)) return null;
            const from = i + mark.length;
            let end = closing(text, mark, from);
            while (end > 0 && !closes(text, end, mark)) end = end - i > 200 ? -1 : closing(text, mark, end + 1);
            if (end <= from) return null;
            const kind = mark.length === 2 ? 'strong' : 'em';
            return { node: el(kind, {}, inline(text.slice(from, end), people, depth + 1)), end: end + mark.length };
        }
        case '[': {
            const middle = closing(text, '](', i + 1);
            const end = middle < 0 ? -1 : closing(text, ')', middle + 2);
            const label = text.slice(i + 1, middle);
            if (end < 0 || !label.trim()) return null;
            const node = link(text.slice(middle + 2, end), inlineText(label));
            return node && { node, end: end + 1 };
        }
        case 'h':
        case 'H': {
            if (/\w/.test(text[i - 1] || '')) return null;
            const match = ADDRESS.exec(text.slice(i, i + REACH));
            if (!match) return null;
            const address = withoutTail(match[0]);
            const node = link(address, address);
            return node && { node, end: i + address.length };
        }
        case '@': {
            if (/\w/.test(text[i - 1] || '')) return null;
            const name = mentioned(text.slice(i + 1, i + 65), people);
            return name && {
                node: el('span', { class: people.mine(name) ? 'mention mine' : 'mention' }, '@' + name), end: i + 1 + name.length,
            };
        }
        default:
            return null;
        }
    }

    function closing(text, mark, from) {
        const at = text.slice(from, from + REACH).indexOf(mark);
        return at < 0 ? -1 : from + at;
    }

    /* As in "2 * 3 * 4" and snake_case_names: marks count only where a word begins and ends. */
    const opens = (text, i, mark) => /\S/.test(text[i + mark.length] || '') && !/[\p{L}\p{N}]/u.test(text[i - 1] || '');
    const closes = (text, at, mark) => /\S/.test(text[at - 1] || '') && !/[\p{L}\p{N}]/u.test(text[at + mark.length] || '');

    /* "see https://x.org/a_(b)." ends before the full stop, and the bracket belongs to it. */
    function withoutTail(address) {
        let kept = address.replace(/[.,;:!?*_]+$/, '');
        while (kept.endsWith(')') && kept.split(')').length > kept.split('(').length) kept = kept.slice(0, -1);
        return kept;
    }

    const inlineText = (label) => label.replace(/[*_`]/g, '');

    /* Only http and https; where it leads is in the title, as the label may say anything. */
    function link(address, label) {
        let url;
        try { url = new URL(address.trim()); } catch (malformed) { return null; }
        if (url.protocol !== 'https:' && url.protocol !== 'http:') return null;
        return el('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow', title: url.href }, Chat.bdi(label));
    }

    /* The longest beginning of the text that is somebody's name: names may hold spaces. */
    function mentioned(text, people) {
        for (let end = text.length; end > 0; end--) {
            if (/[\p{L}\p{N}_-]/u.test(text[end] || '') && /[\p{L}\p{N}_-]/u.test(text[end - 1])) continue;
            if (people.known(text.slice(0, end))) return text.slice(0, end);
        }
        return null;
    }
})();

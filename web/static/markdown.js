/*
 * markdown.js: what people write, as nodes: **bold**, *italics* or _italics_, `code`, blocks of code
 * between lines of ```, [links](https://…) and bare addresses, > quotes, and @mentions.
 *
 * Makes text nodes and elements, never HTML from text. Takes time in proportion to the length of the
 * text, whatever the text is: marks do not reach over a line, nor further than REACH.
 */
(function () {
    'use strict';

    const { el } = window.Chat;
    const REACH = 2000;
    const DEEPEST = 4; // quotes in quotes, bold in italics
    const ADDRESS = /^https?:\/\/[^\s<>"'`]+/i;

    /* known(name): whether '@name' is somebody; mine(name): whether that is the reader. */
    window.Chat.markdown = function (text, people) {
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
        return el('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow', title: url.href }, window.Chat.bdi(label));
    }

    /* The longest beginning of the text that is somebody's name: names may hold spaces. */
    function mentioned(text, people) {
        for (let end = text.length; end > 0; end--) {
            if (/[\p{L}\p{N}_-]/u.test(text[end] || '') && /[\p{L}\p{N}_-]/u.test(text[end - 1])) continue;
            if (people.known(text.slice(0, end))) return text.slice(0, end);
        }
        return null;
    }

    /* Whether this text calls somebody by name. */
    window.Chat.mentions = function (text, name) {
        const wanted = name.toLowerCase();
        const people = { known: (word) => word.toLowerCase() === wanted };
        for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
            if (!/\w/.test(text[at - 1] || '') && mentioned(text.slice(at + 1, at + 66), people)) return true;
        }
        return false;
    };
})();

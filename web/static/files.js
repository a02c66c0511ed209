/*
 * files.js: what one shares beside words: chosen, pasted or dropped, uploaded while one writes, said with the
 * message; and what of it the conversation shows. Bytes are fetched with the session that may see them, so
 * pictures are blobs of this page; nothing else is ever opened here, only saved.
 */
(function () {
    'use strict';

    const { Chat } = window;
    const { $, el, t, bdi } = Chat;
    const MOST = 10; // of one message
    const AT_ONCE = 2;
    const SIDE = 320; // of a picture in the conversation
    const SHOWN_WHOLE = 1 << 20; // bytes of a picture without thumbnail
    const REMEMBERED = 100; // pictures
    const AGAIN = [1500, 6000]; // ms: when a picture that could not be had is asked for again
    const PICTURE = /^image\/(png|jpeg|gif|webp)$/;
    let line = []; // uploads that wait for their turn
    let under = 0; // how many are under way
    const trays = new WeakMap(); // room -> what is to be said with the next message

    const trayOf = (room) => trays.get(room) || trays.set(room, []).get(room);
    const address = (path) => {
        const url = new URL('files' + path, Chat.hub.url);
        url.protocol = url.protocol.replace('ws', 'http');
        url.search = url.hash = '';
        return url;
    };
    const size = (bytes) => bytes < 1024 ? t('n bytes', { n: bytes })
        : bytes < 1 << 20 ? t('n KB', { n: Math.round(bytes / 1024) }) : t('n MB', { n: (bytes / (1 << 20)).toFixed(1) });

    /* A page from elsewhere may speak to the chat, but not send it files. */
    const most = () => Chat.hub && Chat.hub.limits.maxFile && address('').origin === location.origin ? Chat.hub.limits.maxFile : 0;

    /* ---- on their way ---- */

    function add(list) {
        const room = Chat.active;
        if (!room || room.out || !most()) return;
        const wrong = new Set();
        for (const file of list) {
            const one = { name: file.name || 'file', size: file.size, part: 0 };
            const full = trayOf(room).length >= MOST;
            if (full) wrong.add(t('too many files', { n: MOST }));
            else if (file.size > most()) wrong.add(t('file too large', { name: one.name, size: size(most()) }));
            else if (file.size === 0) wrong.add(t('file empty', { name: one.name }));
            else send(room, one, file);
        }
        Chat.showError($('composer-error'), Array.from(wrong).join(' '));
    }

    function send(room, one, file) {
        one.request = new XMLHttpRequest();
        trayOf(room).push(one);
        line.push({ room, one, file });
        next();
        show(room);
    }

    /* A few at a time: the server takes no more of one user; and while one is in the room, as the server sees it. */
    function next() {
        line = line.filter(({ room, one, file }) => {
            if (!one.request || Chat.rooms.get(room.name) !== room) return false; // taken out meanwhile, or we left
            if (under >= AT_ONCE || !(Chat.hub.rooms.get(room.name) || {}).joined) return true;
            transmit(room, one, file);
            return false;
        });
    }

    function transmit(room, one, file) {
        const { request } = one;
        const url = address('');
        url.search = new URLSearchParams({ room: room.name, name: one.name });
        under++;
        request.open('POST', url);
        request.setRequestHeader('Authorization', 'Session ' + Chat.hub.session);
        request.setRequestHeader('Content-Type', 'application/octet-stream');
        request.upload.onprogress = ({ loaded, total }) => {
            one.part = loaded / total;
            if (one.bar) one.bar.value = one.part;
        };
        request.onloadend = () => {
            under--;
            next();
            if (!one.request) return; // taken out
            let reply = {};
            try {
                reply = JSON.parse(request.responseText);
            } catch { /* the line broke */ }
            one.request = null;
            if (reply.file) one.file = reply.file;
            else one.error = Chat.errorText(reply.error || { code: 'unavailable' });
            show(room);
        };
        request.send(file);
    }

    function drop(room, one) {
        trays.set(room, trayOf(room).filter((other) => other !== one));
        const { request } = one;
        one.request = null;
        if (request) request.abort();
        show(room);
    }

    function show(room) {
        if (room !== Chat.active) return;
        const tray = trayOf(room);
        $('attach').hidden = !most();
        $('tray').hidden = tray.length === 0;
        $('tray').replaceChildren(...tray.map((one) => {
            one.bar = one.request ? el('progress', { max: '1', value: one.part, 'aria-label': one.name }) : null;
            return el('li', { class: one.error ? 'failed' : null }, el('span', {}, bdi(one.name), ' ', el('small', {}, one.error || size(one.size))), one.bar,
                el('button', { type: 'button', class: 'plain', 'aria-label': t('remove file', { name: one.name }), onclick: () => drop(room, one) }, Chat.icon('close')));
        }));
        Chat.composerChanged();
    }

    /* ---- in the conversation ---- */

    const pictures = new Map(); // path -> promise of a blob's address

    async function fetchBlob(path) {
        if (Chat.hub.state !== 'online') throw new Error('offline');
        const reply = await fetch(address(path), { headers: { Authorization: 'Session ' + Chat.hub.session } });
        if (!reply.ok) throw new Error(reply.status);
        return reply.blob();
    }

    function picture(path) {
        const known = pictures.get(path);
        if (known) return known;
        const made = fetchBlob(path).then((blob) => {
            if (!PICTURE.test(blob.type)) throw new Error(blob.type);
            return URL.createObjectURL(blob);
        });
        made.catch(() => pictures.delete(path));
        pictures.set(path, made);
        if (pictures.size > REMEMBERED) {
            const [oldest, old] = pictures.entries().next().value;
            pictures.delete(oldest);
            old.then((url) => URL.revokeObjectURL(url), () => {});
        }
        return made;
    }

    const whole = (file) => '/' + file.id + '/' + encodeURIComponent(file.name);

    async function save(file) {
        try {
            const blob = new Blob([await fetchBlob(whole(file))], { type: 'application/octet-stream' });
            const url = URL.createObjectURL(blob);
            el('a', { href: url, download: file.name }).click();
            setTimeout(() => URL.revokeObjectURL(url), 60000);
        } catch {
            Chat.toast(t('no file', { name: Chat.plain(file.name) }));
        }
    }

    function enlarge(file) {
        const image = el('img', { class: 'picture-whole', alt: file.name });
        picture(whole(file)).then((url) => { image.src = url; }, () => Chat.toast(t('no file', { name: Chat.plain(file.name) })));
        Chat.dialog({
            title: Chat.plain(file.name), wide: 'picture-box', content: image,
            buttons: el('button', { class: 'primary' }, t('save')),
            onsubmit: () => save(file),
        });
    }

    function shown(file) {
        if (!PICTURE.test(file.type) || !(file.thumbnail || file.size <= SHOWN_WHOLE)) return link(file);
        const scale = file.width ? Math.min(1, SIDE / Math.max(file.width, file.height)) : 0;
        const image = el('img', {
            alt: file.name, width: scale ? Math.max(1, Math.round(file.width * scale)) : null, height: scale ? Math.max(1, Math.round(file.height * scale)) : null,
        });
        const button = el('button', { type: 'button', class: 'plain picture', 'aria-label': t('open picture', { name: file.name }), onclick: () => enlarge(file) }, image);
        const load = (tries) => picture(file.thumbnail ? '/' + file.id + '/thumbnail' : whole(file)).then((url) => { image.src = url; }, () => {
            if (Chat.hub && tries < AGAIN.length) setTimeout(() => load(tries + (Chat.hub.state === 'online' ? 1 : 0)), AGAIN[tries]);
            else button.replaceWith(link(file));
        });
        load(0);
        return button;
    }

    const link = (file) => el('button', { type: 'button', class: 'plain file', title: t('save'), onclick: () => save(file) },
        Chat.icon('down'), el('span', {}, bdi(file.name), ' ', el('small', { class: 'hint' }, size(file.size))));

    /* ---- for the other parts ---- */

    Chat.files = {
        show,
        next,
        of: (item) => item.files && item.files.length && !item.gone ? el('div', { class: 'files' }, item.files.map(shown)) : null,
        busy: (room) => trayOf(room).some((one) => one.request),
        ready: (room) => trayOf(room).some((one) => one.file),
        /* Those that are there; what failed stays in the tray. */
        take(room) {
            const files = trayOf(room).map((one) => one.file).filter(Boolean);
            trays.set(room, trayOf(room).filter((one) => one.error));
            show(room);
            return files;
        },
    };

    document.addEventListener('DOMContentLoaded', () => {
        const has = (event) => event.dataTransfer && Array.from(event.dataTransfer.types).includes('Files');
        $('attach').append(Chat.icon('plus'));
        $('attach').addEventListener('click', () => $('attach-file').click());
        $('attach-file').addEventListener('change', () => {
            add($('attach-file').files);
            $('attach-file').value = '';
            Chat.focusComposer();
        });
        $('box').addEventListener('paste', (event) => {
            const { files } = event.clipboardData;
            if (!files.length) return;
            event.preventDefault();
            add(files);
        });
        document.addEventListener('dragover', (event) => {
            if (!has(event)) return;
            event.preventDefault(); // else the page would be left for the file
            const may = most() && Chat.active && !Chat.active.out;
            event.dataTransfer.dropEffect = may ? 'copy' : 'none';
            if (may) document.body.dataset.drop = t('attach');
        });
        document.addEventListener('dragleave', ({ relatedTarget }) => { if (!relatedTarget) delete document.body.dataset.drop; }); // left the window
        document.addEventListener('drop', (event) => {
            if (!has(event)) return;
            event.preventDefault();
            delete document.body.dataset.drop;
            add(event.dataTransfer.files);
        });
    });
})();

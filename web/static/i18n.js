/*
 * i18n.js: the texts of the page, each in all languages, and dates and numbers in the chosen one.
 *
 *   Chat.t('people', {n: 3})                     "3 people": the part after | is for n other than 1
 *   Chat.tn('x joined', {who: Chat.bdi(name)})   the same as nodes: names stay elements of their own
 *   Chat.errorText(error)                        what went wrong and what to do, by the error's code
 *
 * Elements of index.html name their texts: data-t (content), data-t-label, data-t-title, data-t-placeholder.
 */
(function () {
    'use strict';

    const Chat = window.Chat;
    // A line a text: its key, then what it is in each language.
    const TEXTS = new Map(`
        lead = Pick a name, enter a room, start talking. = Name wählen, Raum betreten, losreden.
        your name = Your name = Dein Name
        room = Room = Raum
        server = Server = Server
        connect = Connect = Verbinden
        somebody new = Come as somebody new = Als jemand Neues kommen
        somebody new hint = You are known here as {name}. = Du bist hier als {name} bekannt.
        name taken = You are {name} here: {wanted} was taken. = Du bist hier {name}: {wanted} war vergeben.
        you are = You are {name} here. = Du bist hier {name}.
        signed in hint = You were signed in by the link that brought you here. = Du bist durch den Link angemeldet, der dich hergebracht hat.

        close = Close = Schließen
        cancel = Cancel = Abbrechen
        save = Save = Speichern
        saved = Saved. = Gespeichert.
        copy = Copy = Kopieren
        copied = Copied. = Kopiert.
        cannot copy = This browser does not let the page copy. Select it and copy it yourself. = Dieser Browser lässt die Seite nicht kopieren. Markiere es und kopiere selbst.
        more = More = Mehr
        you = you = du
        people = {n} person|{n} people = {n} Person|{n} Personen
        n online = Online: {n} = Online: {n}
        n offline = Away: {n} = Abwesend: {n}

        online = Online = Verbunden
        connecting = Connecting… = Verbinde …
        waiting = Reconnecting = Verbinde erneut
        offline = Offline = Getrennt
        trying in = {why} Trying again in {n} s. = {why} Neuer Versuch in {n} s.
        trying now = {why} Trying again… = {why} Neuer Versuch …
        try now = Try now = Jetzt versuchen
        back again = Connected again. = Wieder verbunden.
        missed = {n} message was said while you were away.|{n} messages were said while you were away. = In deiner Abwesenheit wurde {n} Nachricht geschrieben.|In deiner Abwesenheit wurden {n} Nachrichten geschrieben.
        room anew = This room began anew. What was said before is gone. = Dieser Raum hat neu begonnen. Was vorher gesagt wurde, ist weg.
        gap here = Messages that are missing here and not kept: {n} = Nachrichten, die hier fehlen und nicht aufbewahrt sind: {n}
        you missed = You missed {n} message.|You missed {n} messages. = Du hast {n} Nachricht verpasst.|Du hast {n} Nachrichten verpasst.
        load = Show = Zeigen
        server stops = The server is about to restart. You will be back by yourself. = Der Server startet gleich neu. Du kommst von selbst zurück.
        sign-in ends = Your sign-in ends in {n} s. What you say after that is not sent. = Deine Anmeldung endet in {n} s. Danach wird nichts mehr gesendet.

        rooms = Rooms = Räume
        your rooms = Your rooms = Deine Räume
        other rooms = All rooms = Alle Räume
        find room = Find or enter a room = Raum suchen oder betreten
        no rooms found = No room of this name yet. = Noch kein Raum dieses Namens.
        no other rooms = There is no other room. Create one! = Es gibt keinen weiteren Raum. Leg einen an!
        more rooms = Show more rooms = Mehr Räume zeigen
        create room = Create a room = Raum anlegen
        create = Create = Anlegen
        room name = Name of the room = Name des Raums
        room name hint = How it is addressed, like garden-party. It stays. = So wird er angesprochen, zum Beispiel gartenfest. Er bleibt.
        leave room = Leave room = Raum verlassen
        close talk = Close conversation = Gespräch schließen
        enter room = Enter {room} = {room} betreten
        enter = Enter = Betreten
        n unread = {n} unread = {n} ungelesen
        n mentions = {n} mention|{n} mentions = {n} Erwähnung|{n} Erwähnungen
        nowhere = You are in no room. Pick one at the left, or create your own. = Du bist in keinem Raum. Wähle links einen oder leg deinen eigenen an.
        show people = People in this room = Leute in diesem Raum
        room menu = More about this room = Mehr zu diesem Raum
        keep = Keep = Behalten
        asks password = This room asks for a password. = Dieser Raum fragt nach einem Passwort.
        key = Password or invitation code = Passwort oder Einladungscode
        bad invite = Or the invitation was used or is too old. = Oder die Einladung wurde benutzt oder ist zu alt.
        public = Public = Öffentlich
        restricted = Restricted = Eingeschränkt
        private = Private = Privat
        public hint = listed, everybody may enter = steht in der Liste, alle dürfen hinein
        restricted hint = listed, needs a password, an invitation or membership = steht in der Liste, braucht Passwort, Einladung oder Mitgliedschaft
        private hint = not listed, for members and the invited = steht in keiner Liste, für Mitglieder und Eingeladene
        open room = Open to all; roles and settings end when the last one leaves = Offen für alle; Rollen und Einstellungen enden, wenn der Letzte geht
        keep room = Keep this room… = Diesen Raum behalten …

        messages = Messages in {room} = Nachrichten in {room}
        begins here = This is where {room} begins. Say hello! = Hier beginnt {room}. Sag Hallo!
        begins talk = This is where your conversation with {room} begins. = Hier beginnt dein Gespräch mit {room}.
        past hidden = What was said before you came is hidden in this room. = Was vor dir gesagt wurde, ist in diesem Raum verborgen.
        past gone = What was said before is not kept any more. = Was vorher gesagt wurde, ist nicht mehr aufbewahrt.
        new here = New = Neu
        to newest = Newest messages = Neueste Nachrichten
        n new = {n} new message|{n} new messages = {n} neue Nachricht|{n} neue Nachrichten
        message actions = What to do with this message = Was mit dieser Nachricht tun
        copy text = Copy text = Text kopieren
        mention = Mention {name} = {name} erwähnen
        remove message = Remove message… = Nachricht entfernen …
        remove message text = It disappears for everybody. This can’t be taken back. = Sie verschwindet für alle. Das lässt sich nicht rückgängig machen.
        remove = Remove = Entfernen
        message gone = Message removed by {by} = Nachricht entfernt von {by}
        message gone own = Message taken back = Nachricht zurückgenommen
        message gone once = Message removed = Nachricht entfernt
        react = React = Reagieren
        emoji = Emoji = Emoji
        reply = Reply = Antworten
        reply to = Reply to = Antwort auf
        earlier message = an earlier message = eine frühere Nachricht
        edit = Edit = Bearbeiten
        edited = (edited) = (bearbeitet)
        sent = Sent = Gesendet
        stored = Sent and stored = Gesendet und gespeichert
        not stored = Sent, but not stored = Gesendet, aber nicht gespeichert
        show all = Show all of it = Ganz zeigen
        not confirmed = on its way… = unterwegs …
        goes out in = goes out in {n} s = wird in {n} s gesendet
        unsure = The line broke: nobody can tell whether this arrived. = Die Verbindung brach ab: Niemand weiß, ob das ankam.
        waits for line = waits for the connection = wartet auf die Verbindung
        not sent = Not sent. {why} = Nicht gesendet. {why}
        send again = Send again = Erneut senden
        discard = Discard = Verwerfen
        one types = {a} is typing… = {a} schreibt …
        two type = {a} and {b} are typing… = {a} und {b} schreiben …
        many type = Several people are typing… = Mehrere Leute schreiben …
        x joined = {who} joined the room = {who} ist jetzt im Raum
        x left = {who} left the room = {who} hat den Raum verlassen
        list and = {a} and {b} = {a} und {b}
        list more = {a} and {n} other|{a} and {n} others = {a} und {n} weitere Person|{a} und {n} weitere

        message = Message = Nachricht
        message to = Message to {room} = Nachricht an {room}
        you are out = You are not in this room. = Du bist nicht in diesem Raum.
        take off list = Take off the list = Aus der Liste nehmen
        enter again = Enter again = Wieder betreten
        send = Send = Senden
        bytes left = {n} left = noch {n}
        bytes over = {n} too long = {n} zu lang
        too long = This is {n} bytes too long. Shorten it, or send it in two parts. = Das ist {n} Bytes zu lang. Kürze es oder sende es in zwei Teilen.
        muted until = You may read here but not write until {until}. = Du darfst hier bis {until} lesen, aber nicht schreiben.
        muted forever = You may read here but not write: you were muted. = Du darfst hier lesen, aber nicht schreiben: Du wurdest stummgeschaltet.
        slow mode = Slow mode: one message every {time} = Langsam: eine Nachricht alle {time}
        suggestions = Suggestions = Vorschläge
        no command = There is no command {name}. /help shows those there are, and // at the start sends a slash. = Den Befehl {name} gibt es nicht. /help zeigt alle, und // am Anfang sendet einen Schrägstrich.
        needs more = Like this: {usage} = So geht es: {usage}
        no time = How long is that? Like this: 10m, 2 hours, 7d. A reason has no number first. = Wie lange ist das? So geht es: 10m, 2 Stunden, 7d. Ein Grund hat vorn keine Zahl.
        c join = enter a room = Raum betreten
        c leave = leave this room = diesen Raum verlassen
        c create = create a room that stays = bleibenden Raum anlegen
        c kick = throw somebody out = jemanden hinauswerfen
        c ban = keep somebody out, for 10m, 2h, 7d or without end = jemanden aussperren, für 10m, 2h, 7d oder ohne Ende
        c unban = let somebody in again = jemanden wieder hereinlassen
        c mute = let somebody read only = jemanden nur lesen lassen
        c unmute = let somebody write again = jemanden wieder schreiben lassen
        c msg = talk to somebody privately = jemandem privat schreiben
        c topic = show or change the topic = Thema zeigen oder ändern
        c invite = invite somebody, or make an invitation = jemanden einladen oder Einladung erzeugen
        c search = look for messages = Nachrichten suchen
        c help = commands, keys, formatting = Befehle, Tasten, Formatierung
        u name = name = Name
        u reason = reason = Grund
        u room = room = Raum
        u password = password or code = Passwort oder Code
        u time = time = Dauer
        u text = text = Text
        u title = title = Titel

        members = People = Leute
        find people = Find people = Leute finden
        n more = and {n} more = und {n} weitere
        operator = Operator = Betreiber
        owner = Owner = Eigentümer
        admin = Admin = Admin
        moderator = Moderator = Moderator
        member = Member = Mitglied
        guest = Guest = Gast
        admin hint = changes settings and roles = ändert Einstellungen und Rollen
        moderator hint = kicks, bans, mutes, removes messages = wirft hinaus, sperrt, entfernt Nachrichten
        member hint = may always enter = darf immer hinein
        guest hint = nothing special = nichts Besonderes
        owner hint = everything, also deleting the room = alles, auch den Raum löschen
        kick = Kick… = Hinauswerfen …
        ban = Ban… = Sperren …
        unban = Lift ban = Sperre aufheben
        mute = Mute… = Stummschalten …
        unmute = Unmute = Wieder schreiben lassen
        kick title = Kick {name} = {name} hinauswerfen
        kick text = Has to leave now, and may come back. = Muss jetzt gehen und darf wiederkommen.
        ban title = Ban {name} = {name} sperren
        ban text = Has to leave and can’t come back until the ban ends. = Muss gehen und kommt nicht zurück, bis die Sperre endet.
        mute title = Mute {name} = {name} stummschalten
        mute text = Can read but not write until it ends. = Darf lesen, aber nicht schreiben, bis es endet.
        reason = Reason = Grund
        reason hint = Everybody in the room sees it. = Alle im Raum sehen ihn.
        ends = Ends = Ende
        ends after = after {time} = nach {time}
        no end = never = nie
        role of = Role… = Rolle …
        role title = Role of {name} = Rolle von {name}
        role = Role = Rolle
        remove member = Remove from members… = Mitgliedschaft beenden …
        remove member text = {name} stops being a member and leaves the room if it is not public. = {name} ist kein Mitglied mehr und verlässt den Raum, wenn er nicht öffentlich ist.
        ban server = Ban from the server… = Vom Server sperren …
        ban address = Also ban the addresses of their connections = Auch die Adressen der Verbindungen sperren

        settings = Room settings = Raumeinstellungen
        settings of = Settings of {room} = Einstellungen von {room}
        general = General = Allgemein
        roster = Members = Mitglieder
        sanctions = Bans and mutes = Sperren
        ledger = Ledger = Protokoll
        invitations = Invitations = Einladungen
        notice = Notice = Mitteilung
        notice hint = Everybody on the server sees it. = Alle auf dem Server sehen sie.
        notice sent = Sent. = Gesendet.
        bans = Bans = Sperren
        ban whom = Ban from the server = Vom Server sperren
        title = Title = Titel
        title hint = What people read; the name stays {room}. = Was man liest; der Name bleibt {room}.
        topic = Topic = Thema
        no topic = There is none. = Es gibt keins.
        visibility = Who may enter = Wer hinein darf
        password = Password = Passwort
        password set = A password is set. Leave this empty to keep it. = Ein Passwort ist gesetzt. Leer lassen, um es zu behalten.
        password none = Empty: none. Members never need it. = Leer: keins. Mitglieder brauchen es nie.
        password off = Take the password away = Passwort entfernen
        size = Most people at a time = Höchstens gleichzeitig
        size hint = 0: as many as the server allows. = 0: so viele der Server erlaubt.
        hides past = Newcomers do not see what was said before they came = Neue sehen nicht, was vor ihnen gesagt wurde
        slow = Slow mode = Langsamer Modus
        slow hint = Moderators are not slowed down. = Gilt nicht für Moderatoren.
        off = off = aus
        every time = one message every {time} = eine Nachricht alle {time}
        add member = Add a member = Mitglied hinzufügen
        add member hint = The name of somebody who is online, or a user ID. = Name von jemandem, der verbunden ist, oder Benutzer-ID.
        add = Add = Hinzufügen
        no members = Nobody yet. = Noch niemand.
        no sanctions = Nobody is banned or muted. = Niemand ist gesperrt oder stummgeschaltet.
        no entries = Nothing has happened yet. = Noch ist nichts geschehen.
        lift = Lift = Aufheben
        banned = banned = gesperrt
        muted = muted = stumm
        ends at = It ends {until}. = Sie endet {until}.
        until x = until {until} = bis {until}
        without end = without end = ohne Ende
        by x = by {by} = von {by}
        undo = Undo = Rückgängig
        undone = taken back = zurückgenommen
        older entries = Older entries = Ältere Einträge
        invite hint = An invitation is a code for one person, good for 24 hours. = Eine Einladung ist ein Code für eine Person und gilt 24 Stunden.
        invite whom = For whom = Für wen
        invite whom hint = Leave empty for a code that anybody can use once. Somebody named is told at once. = Leer lassen für einen Code, den irgendwer einmal nutzen kann. Wer hier steht, erfährt es sofort.
        invite make = Make an invitation = Einladung erzeugen
        invite = Invite somebody… = Jemanden einladen …
        invite code = Code = Code
        invite link = Link = Link
        invite good = Good until {until}. = Gilt bis {until}.
        invites out = {n} invitation is not used yet.|{n} invitations are not used yet. = {n} Einladung ist noch offen.|{n} Einladungen sind noch offen.
        delete room = Delete room = Raum löschen
        delete room text = Everybody has to leave. All messages and files, members, roles, bans and settings are gone for good. = Alle müssen gehen. Alle Nachrichten und Dateien, Mitglieder, Rollen, Sperren und Einstellungen sind endgültig weg.
        delete room type = Type the name of the room, {room}, to confirm = Zum Bestätigen den Namen des Raums eingeben: {room}
        delete room wrong = That is not the name of this room. = Das ist nicht der Name dieses Raums.

        m kick = {by} threw {who} out = {by} hat {who} hinausgeworfen
        m ban = {by} banned {who} = {by} hat {who} gesperrt
        m unban = {by} lifted the ban on {who} = {by} hat die Sperre von {who} aufgehoben
        m mute = {by} muted {who} = {by} hat {who} stummgeschaltet
        m unmute = {by} lets {who} write again = {by} lässt {who} wieder schreiben
        m add = {by} made {who} a member = {by} hat {who} zum Mitglied gemacht
        m remove = {by} ended the membership of {who} = {by} hat die Mitgliedschaft von {who} beendet
        m role = {by} gave {who} the role {role} = {by} hat {who} die Rolle {role} gegeben
        m role changed = {by} changed the role of {who} = {by} hat die Rolle von {who} geändert
        m undo = {by} took back what was done to {who} = {by} hat eine Maßnahme gegen {who} zurückgenommen
        m delete = {by} removed a message of {who} = {by} hat eine Nachricht von {who} entfernt
        m update = {by} changed the settings = {by} hat die Einstellungen geändert
        m create = {by} created the room = {by} hat den Raum angelegt
        m destroy = {by} deleted the room = {by} hat den Raum gelöscht
        m invite = {by} invited {who} = {by} hat {who} eingeladen
        m topic = {by} set the topic: {topic} = {by} hat das Thema gesetzt: {topic}
        you kick = You were thrown out by {by}. = Du wurdest von {by} hinausgeworfen.
        you ban = You were banned from this room by {by}. = Du wurdest von {by} aus diesem Raum gesperrt.
        you remove = {by} ended your membership of this room. = {by} hat deine Mitgliedschaft in diesem Raum beendet.
        you destroyed = This room was deleted by {by}. = Dieser Raum wurde von {by} gelöscht.
        because = Reason: {reason} = Grund: {reason}
        invited by = {by} invites you to {room}. = {by} lädt dich in {room} ein.
        invited = {name} was invited. = {name} wurde eingeladen.
        not now = Not now = Jetzt nicht
        private talks = Private conversations = Private Gespräche
        talk to = Message privately = Privat schreiben
        not to be reached = Nobody of this name can be reached now. A conversation begins while both are here. = Niemand dieses Namens ist jetzt zu erreichen. Ein Gespräch beginnt, wenn beide da sind.
        block = Block = Blockieren
        unblock = Unblock = Blockierung aufheben
        e blocked = You have blocked this person. Nothing they say reaches you, and they are not told. = Du hast diese Person blockiert. Nichts von ihr erreicht dich, und sie erfährt es nicht.
        notice from = Notice from {by} = Mitteilung von {by}

        my menu = You and this page = Du und diese Seite
        theme = Theme = Farben
        theme auto = Colours as the system has them = Farben wie im System
        theme light = Light = Hell
        theme dark = Dark = Dunkel
        notify on = Notify me when I am mentioned = Bei Erwähnung benachrichtigen
        notify off = Do not notify me = Nicht benachrichtigen
        notify denied = The browser does not allow this page to notify you. Its site settings can change that. = Der Browser erlaubt dieser Seite keine Benachrichtigungen. Das ändern die Website-Einstellungen.
        disconnect = Disconnect = Trennen
        help = Help = Hilfe
        help keys = Keys = Tasten
        help commands = Commands = Befehle
        help format = Formatting = Formatierung
        search = Search messages = Nachrichten suchen
        mentions = Mentions of you = Erwähnungen
        only here = Only here: {room} = Nur hier: {room}
        no messages = Nothing found. = Nichts gefunden.
        k send = send = senden
        k break = new line = neue Zeile
        k complete = complete names and commands = Namen und Befehle ergänzen
        k rooms = previous, next room = voriger, nächster Raum
        k unread = next room with unread messages = nächster Raum mit Ungelesenem
        k find = find a room = Raum suchen
        k panes = rooms, messages, composer, people = Räume, Nachrichten, Eingabe, Leute
        k rows = walk through messages = durch Nachrichten gehen
        k actions = actions for a message = Aktionen zur Nachricht
        k parts = parts of a message = Teile einer Nachricht
        k edit = edit your last message = die letzte eigene Nachricht bearbeiten
        k newest = jump to the newest message = zur neuesten Nachricht
        k help = this help = diese Hilfe
        f bold = bold = fett
        f italic = italics = kursiv
        f code = code = Code
        f block = block of code = Codeblock
        f link = link = Link
        f quote = quote = Zitat

        name empty = Please enter a name. = Bitte gib einen Namen ein.
        name long = This name is too long: it may have at most 64 bytes (an é takes 2, an emoji 4). = Dieser Name ist zu lang: höchstens 64 Bytes (ein é braucht 2, ein Emoji 4).
        name control = A name has no control characters. = Ein Name hat keine Steuerzeichen.
        e not connected = Not connected. It works again when the connection is back. = Nicht verbunden. Es geht wieder, sobald die Verbindung steht.
        e timeout = The server did not answer. Try again. = Der Server hat nicht geantwortet. Versuch es noch einmal.
        e unreachable = The server cannot be reached. = Der Server ist nicht erreichbar.
        e address = This is not the address of a server. = Das ist keine Serveradresse.
        e lost = The connection was lost. = Die Verbindung ist abgebrochen.
        e restarting = The server is restarting. = Der Server startet neu.
        e too many = There are too many connections from here. = Es gibt zu viele Verbindungen von hier.
        e flooding = That was too much in a short time. = Das war zu viel auf einmal.
        e room_full = This room is full. Try again later, or pick another one. = Dieser Raum ist voll. Versuch es später oder nimm einen anderen.
        e room_limit = You are in as many rooms as this server allows. Leave one first. = Du bist in so vielen Räumen, wie der Server erlaubt. Verlass erst einen.
        e invalid_room = This is no name for a room: 1 to 64 bytes, something visible, no control characters. = So kann ein Raum nicht heißen: 1 bis 64 Bytes, etwas Sichtbares, keine Steuerzeichen.
        e invalid_username = This is no name: 1 to 64 bytes, something visible, no control characters. = So kann niemand heißen: 1 bis 64 Bytes, etwas Sichtbares, keine Steuerzeichen.
        e not_in_room = You are not in this room any more. Enter it again. = Du bist nicht mehr in diesem Raum. Betritt ihn erneut.
        e no_such_room = There is no such room. Check its name, or ask for an invitation. = Diesen Raum gibt es nicht. Prüf den Namen oder bitte um eine Einladung.
        e room_exists = There is already a room of this name. Pick another name. = Es gibt schon einen Raum dieses Namens. Nimm einen anderen.
        e wrong_password = This is not the password of this room. Try again, or ask who runs it. = Das ist nicht das Passwort dieses Raums. Versuch es noch einmal oder frag dort nach.
        e invite_required = This room needs an invitation that is still good. Ask somebody who runs it. = Dieser Raum braucht eine gültige Einladung. Frag jemanden, der ihn leitet.
        e not_member = Only members may enter. Ask somebody who runs it to add you. = Nur Mitglieder dürfen hinein. Bitte jemanden, der ihn leitet, dich aufzunehmen.
        e not_authenticated = You need a sign-in link that is still valid: ask whoever runs this server for a new one. = Du brauchst einen Anmeldelink, der noch gilt: Bitte den Betreiber um einen neuen.
        as guest = Where guests may enter, a name is enough. = Wo Gäste hinein dürfen, genügt ein Name.
        e banned = You are banned here. = Du bist hier gesperrt.
        e muted = You may not write here at the moment. = Du darfst hier zurzeit nicht schreiben.
        e slow_mode = This room is in slow mode. = Dieser Raum ist im langsamen Modus.
        e rate_limited = That was too fast. Wait a moment. = Das war zu schnell. Warte einen Moment.
        e forbidden = This is not allowed ({why}). = Das ist nicht erlaubt ({why}).
        e unknown_user = There is nobody of this name. Check the spelling. = Niemand heißt so. Prüf die Schreibweise.
        e unknown_message = It is gone already. = Das gibt es nicht mehr.
        e too_late = Too late: the time in which this can be changed is over. = Zu spät: Die Zeit, in der das geht, ist vorbei.
        e too_large = This is too long to be sent. Shorten it. = Das ist zu lang zum Senden. Kürze es.
        e unknown_file = This file is not there any more. = Diese Datei ist nicht mehr da.
        e quota_exceeded = Your files take as much room as they may. = Deine Dateien nehmen so viel Platz ein, wie sie dürfen.
        e disk_full = The server has no room for this file. = Der Server hat keinen Platz für diese Datei.
        files = Files = Dateien
        attach = Share files = Dateien teilen
        remove file = Remove {name} = {name} entfernen
        open picture = Open {name} = {name} öffnen
        no file = {name} cannot be had. = {name} ist nicht zu haben.
        too many files = At most {n} files with one message. = Höchstens {n} Dateien mit einer Nachricht.
        file too large = {name} is larger than {size}. = {name} ist größer als {size}.
        file empty = {name} is empty. = {name} ist leer.
        n bytes = {n} byte|{n} bytes = {n} Byte|{n} Bytes
        n KB = {n} KB = {n} KB
        n MB = {n} MB = {n} MB
        e unavailable = The server is full or about to stop. Try again in a moment. = Der Server ist voll oder hält gleich an. Versuch es gleich noch einmal.
        e internal = The server made a mistake. Try again. = Der Server hat einen Fehler gemacht. Versuch es noch einmal.
        again in = Again in {time}. = Wieder in {time}.
        seconds = {n} second|{n} seconds = {n} Sekunde|{n} Sekunden
        minutes = {n} minute|{n} minutes = {n} Minute|{n} Minuten
        hours = {n} hour|{n} hours = {n} Stunde|{n} Stunden
        days = {n} day|{n} days = {n} Tag|{n} Tage
    `.split('\n').map((line) => line.trim().split(' = ')).map(([key, ...texts]) => [key, texts]));

    const LANGUAGES = { en: 'English', de: 'Deutsch' };
    let column = 0;
    let format = {};

    Chat.LANGUAGES = LANGUAGES;

    /* The wish of this browser's user, or the first language of the browser that there is. */
    Chat.setLanguage = function (wish) {
        const names = Object.keys(LANGUAGES);
        const wishes = [wish, ...(navigator.languages || [navigator.language])].map((tag) => String(tag || '').slice(0, 2));
        Chat.language = wishes.find((tag) => names.includes(tag)) || 'en';
        column = names.indexOf(Chat.language);
        document.documentElement.lang = Chat.language;
        // The variant of the region, for the way times are written there.
        const locale = (navigator.languages || []).find((tag) => tag.startsWith(Chat.language)) || Chat.language;
        format = {
            clock: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }),
            day: new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' }),
            moment: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }),
        };
        for (const node of document.querySelectorAll('[data-t]')) node.textContent = Chat.t(node.dataset.t);
        for (const [mark, attribute] of [['label', 'aria-label'], ['title', 'title'], ['placeholder', 'placeholder']]) {
            for (const node of document.querySelectorAll(`[data-t-${mark}]`)) {
                node.setAttribute(attribute, Chat.t(node.getAttribute('data-t-' + mark)));
            }
        }
    };

    function text(key, values) {
        const row = TEXTS.get(key);
        if (!row) throw new Error('no text: ' + key);
        const [one, many] = row[column].split('|');
        return many !== undefined && values && values.n !== 1 ? many : one;
    }

    Chat.t = (key, values) => text(key, values).replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
    Chat.tn = (key, values) => text(key, values).split(/\{(\w+)\}/).map((part, i) => (i % 2 ? values[part] : part));
    Chat.hasText = (key) => TEXTS.has(key);

    Chat.clock = (ms) => format.clock.format(ms);
    Chat.day = (ms) => format.day.format(ms);
    Chat.moment = (ms) => format.moment.format(ms);

    /* "20 minutes", in the largest unit that says it well enough. */
    Chat.duration = function (seconds) {
        for (const [unit, length] of [['days', 86400], ['hours', 3600], ['minutes', 60]]) {
            if (seconds >= length) return Chat.t(unit, { n: Math.ceil(seconds / length - 0.05) });
        }
        return Chat.t('seconds', { n: Math.max(1, Math.ceil(seconds)) });
    };

    const SAME = { offline: 'not connected', token_expired: 'not_authenticated' };

    Chat.errorText = function (error) {
        const code = SAME[error.code] || error.code;
        return [code === 'bad_request' || !Chat.hasText('e ' + code) ? error.message : Chat.t('e ' + code, { why: error.message }),
            error.retryAfter && Chat.t('again in', { time: Chat.duration(error.retryAfter) }),
            error.reason && Chat.t('because', { reason: Chat.plain(error.reason) })].filter(Boolean).join(' ');
    };
})();

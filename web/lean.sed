# What is written for people goes over the wire without indentation and without comments: those on lines
# of their own, and those behind code, unless what follows // could be the end of a text. Lines stay where
# they are, so that what a browser says of line 40 is about line 40. Nor do spaces go along beside signs that no
# text has them beside; of a style sheet, as its first line says that it is, beside all.
1 {
    /^\/\* [a-z]*\.css:/ h
}
/^ *\/\*/ {
    :comment
    /\*\//! {
        s/.*//
        n
        b comment
    }
    s/^.*\*\/ *//
}
s/^ *<!--.*--> *$//
s/^ *\/\/ .*//
s/\([;,{([]\)  *\/\/ [^'"`]*$/\1/
s/^ *//
s/ {$/{/
s/ => /=>/g
s/ \([=!]==\) /\1/g
s/ \(&&\|||\) /\1/g
s/{ /{/g
s/ }/}/g
s/ ? /?/g
x
/./ {
    x
    s/\([:;,{]\) /\1/g
    s/ {/{/
    s/;}/}/
    x
}
x

# What is written for people goes over the wire without indentation and without comments: those on lines
# of their own, and those behind code, unless what follows // could be the end of a text. Lines stay where
# they are, so that what a browser says of line 40 is about line 40.
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

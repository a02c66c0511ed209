# What is written for people goes over the wire without indentation and without comments on lines of
# their own. Lines stay where they are, so that what a browser says of line 40 is about line 40.
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
s/^ *//

/* The error codes that functions return: 0 is success, errors are negative. */
#ifndef HUBBUB_ERR_H
#define HUBBUB_ERR_H

#define ERR_TABLE(X)                                            \
    X(ERR_FULL, "full: no room, and the caller would not wait") \
    X(ERR_TIMEOUT, "the deadline passed")                       \
    X(ERR_CLOSED, "closed")                                     \
    X(ERR_AGAIN, "would block")                                 \
    X(ERR_LIMIT, "a configured limit is reached")               \
    X(ERR_SYSTEM, "a system call failed, see errno")            \
    X(ERR_INVALID, "invalid argument")                          \
    X(ERR_DENIED, "not allowed")                                \
    X(ERR_NOTFOUND, "no such thing")

enum err {
    ERR_OK = 0,
    ERR_BASE_ = -1000, /* counts upwards, so that no code collides with -1 */
#define X(name, text) name,
    ERR_TABLE(X)
#undef X
};

/* A short English text for a code from the table; never NULL. */
const char *err_text(int err);

#endif

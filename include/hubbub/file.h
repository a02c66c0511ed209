/* A file that somebody shares: what is known of it, as it is kept and told. Its bytes are the business of files/.
 * Plain data; pure functions. */
#ifndef HUBBUB_FILE_H
#define HUBBUB_FILE_H

#include <hubbub/text.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FILE_ID_LEN = 32, /* hexadecimal digits, of 128 random bits */
    FILE_NAME_MAX = 120,
    FILE_TYPE_MAX = 80,
    FILES_PER_MESSAGE = 10,
    FILE_WAIT_MS = 60 * 60 * 1000, /* for a message to say it; then it goes */
};

struct file {
    char id[FILE_ID_LEN + 1];
    char room[NAME_MAX_BYTES + 1];
    char user_id[NAME_MAX_BYTES + 1]; /* who has uploaded it */
    char name[FILE_NAME_MAX + 1];     /* made safe by file_name() */
    char type[FILE_TYPE_MAX + 1];     /* what its bytes look like: "image/png" */
    uint64_t size;
    uint32_t width, height; /* 0: not known */
    bool thumbnail;         /* there is one */
    uint64_t seq;           /* of the message that it is part of; 0: of none yet */
    int64_t ts;             /* ms since 1970: when it came */
};

/* Writes what there is of a name, made safe: no path, no control, invisible or bidirectional characters, nothing that a
 * system or a shell takes for something else, at most FILE_NAME_MAX bytes with the ending kept. Never empty. */
void file_name(char out[FILE_NAME_MAX + 1], const char *wish, size_t n);

/* FILE_ID_LEN lower case digits, n bytes of them. */
bool file_is_id(const char *s, size_t n);

#endif

/* What is a valid text and a valid name. Pure functions. */
#ifndef HUBBUB_TEXT_H
#define HUBBUB_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { NAME_MAX_BYTES = 64 }; /* user and room names: 1 to 64 bytes (PROTOCOL) */

/* Well-formed UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool text_is_utf8(const char *s, size_t n);

/* A user or room name: 1 to 64 bytes of UTF-8, no control characters (C0, DEL, C1, line and paragraph separators,
 * overrides and isolates of the writing direction), no leading or trailing white space, not only invisible characters. */
bool text_is_name(const char *s, size_t n);

/* The same without white space anywhere. */
bool text_is_word(const char *s, size_t n);

/* The form of a guest's user id: g and 16 hexadecimal digits. */
bool text_is_guest_id(const char *s);

/* The name of a private conversation: "dm:" and 32 hexadecimal digits. The server alone gives such names. */
enum { PAIR_ROOM_LEN = 35 };
bool text_is_pair_room(const char *s);

/* Copies at most space-1 bytes of s, cut at a character boundary, NUL-terminated; returns the length. */
size_t text_copy(char *to, size_t space, const char *s, size_t n);

#endif

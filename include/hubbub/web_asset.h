/*
 * The files of web/static, embedded in the binary by the Makefile.
 *
 * Read-only for the whole life of the process; any thread, no lock.
 */
#ifndef HUBBUB_WEB_ASSET_H
#define HUBBUB_WEB_ASSET_H

struct web_asset {
    const char *name; /* path below web/static, "index.html" or "css/page.css" */
    const unsigned char *start;
    const unsigned char *end; /* one past the last byte; start == end for an empty file */
};

/* Sorted by name; ends with a row whose name is NULL. */
extern const struct web_asset web_assets[];

#endif

/* The bytes of shared files: taken from uploads piece by piece, looked at, kept on the disk, given out again.
 *
 * Any thread that may block for as long as the disk does. What is known of a file, and when it goes, is the store's
 * business; a file that was finished and that the store hears nothing of is removed at the next start. */
#ifndef HUBBUB_FILES_H
#define HUBBUB_FILES_H

#include <hubbub/file.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct files;
struct upload;

enum { UPLOADS_AT_ONCE = 32, UPLOADS_OF_ADDRESS = 8, UPLOADS_OF_USER = 3 };
/* Room on the disk that uploads leave for the database. */
#define FILES_RESERVE (UINT64_C(64) << 20)

struct files_config {
    const char *directory; /* made, 0700, when it isn't there; copied */
    uint64_t max_file;     /* bytes of one */
    uint64_t quota;        /* bytes of all of one user; 0: any number */
    int64_t wait;          /* ns in which an upload must bring something */
};

/* NULL with `why`, a whole line. */
struct files *files_open(const struct files_config *config, char *why, size_t space);
void files_free(struct files *f); /* no upload is under way */
const struct files_config *files_config(const struct files *f);

/* ---- uploads: each of one thread ----------------------------------------------------------------- */

enum upload_fault {
    UPLOAD_FINE,
    UPLOAD_TOO_MANY, /* at once, of this user, of this address, or of all */
    UPLOAD_QUOTA,
    UPLOAD_TOO_LARGE, /* more than was announced */
    UPLOAD_DISK_FULL,
    UPLOAD_FAILED, /* anything else about the disk; logged */
};

/* One of `size` bytes; its room is set aside until upload_end(). address: NULL: this machine, which may have all. */
enum upload_fault upload_begin(struct files *f, const char *user_id, const char *address,
                               uint64_t size, struct upload **out);
/* `used` are the bytes of all the user's files that are known, read after that: then nothing is missed, because the
 * uploads under way were added up before. */
enum upload_fault upload_allowed(const struct upload *u, uint64_t used);
enum upload_fault upload_write(struct upload *u, const void *bytes, size_t n);
/* All has come: brings it to the disk, looks at it, and makes a thumbnail of an image. Fills in id, name, type, size,
 * width, height, thumbnail and ts. */
enum upload_fault upload_finish(struct upload *u, const char *name, struct file *out);
/* keep: the store knows it now. Else nothing is left of it. */
void upload_end(struct upload *u, bool keep);

/* ---- downloads ----------------------------------------------------------------------------------- */

/* A descriptor for reading, to be closed, and how many bytes there are; -1: there is no such file. */
int files_get(struct files *f, const char *id, bool thumbnail, uint64_t *size);

/* Whether it can do no harm in the address space of a page: the images that get thumbnails. */
bool files_is_picture(const char *type);

/* ---- the child ----------------------------------------------------------------------------------- */

/* `hubbub thumbnail TYPE`: reads an image from descriptor 0, writes a smaller one to descriptor 3, and its size to
 * standard output. A process of its own, with limits, that opens what strangers have made. Its exit status. */
int thumbnail_main(int argc, char **argv);

#endif

/* What the files of files/ share. */
#ifndef FILES_PRIVATE_H
#define FILES_PRIVATE_H

#include <hubbub/address.h>
#include <hubbub/files.h>
#include <pthread.h>

struct magic_set;

struct upload {
    struct files *files;
    struct upload *next; /* of those under way, under files->mu */
    char user_id[NAME_MAX_BYTES + 1];
    char subject[ADDRESS_SUBJECT]; /* "": this machine */
    char id[FILE_ID_LEN + 1];
    uint64_t size, got;
    uint64_t coming; /* of the user, in all uploads when this one began */
    int fd;          /* of the file that is not whole; -1: it has its name */
    bool finished;
};

struct files {
    struct files_config config;
    char *directory;
    int at; /* the directory */

    pthread_mutex_t mu;
    /* under mu */
    struct upload *uploads;
    unsigned nuploads;
    unsigned nchildren;
    pthread_cond_t child_ended;

    pthread_mutex_t magic_mu;
    struct magic_set *magic; /* under magic_mu */
};

/* sniff.c */
struct magic_set *sniff_open(void); /* NULL: the library has no database */
void sniff_close(struct magic_set *m);
/* What the first n bytes look like. */
void sniff(struct files *f, const void *bytes, size_t n, char type[FILE_TYPE_MAX + 1]);

/* thumbnail.c: fills in what is found out about the image that is kept under this id. */
void make_thumbnail(struct files *f, struct file *file);

#endif

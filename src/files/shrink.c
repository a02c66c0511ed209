/* The child of thumbnail.c: `hubbub thumbnail TYPE`. Gives itself limits first, then loads libvips (from the system, at
 * run time: the server needs none of it), then opens the image with the one decoder that is meant, and nothing else.
 *
 * The process ends by _exit(): nothing of the library's is tidied up. */
#include "files/files_private.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SIDE = 480, /* pixels of the longer one, at most */
    QUALITY = 75,
    CPU_SECONDS = 5,
    OUTPUT_FD = 3,
    OUTPUT_MAX = 1 << 20,
    VIPS_SEQUENTIAL = 1, /* VIPS_ACCESS_SEQUENTIAL */
    VIPS_DOWN = 2,       /* VIPS_SIZE_DOWN */
};
#define MEMORY (UINT64_C(1) << 30)
#define PIXELS (UINT64_C(64) << 20) /* more are not even decoded */

enum { EXIT_GOOD, EXIT_USAGE = 2, EXIT_NO_LIBRARY, EXIT_NOT_DECODED, EXIT_NOT_WRITTEN };

static void limit(int what, rlim_t most)
{
    const struct rlimit r = {most, most};
    setrlimit(what, &r);
}

static void confine(void)
{
    syscall(SYS_close_range, OUTPUT_FD + 1, ~0U, 0); /* whatever was left open */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* which want terabytes */
    limit(RLIMIT_AS, MEMORY);
#endif
    limit(RLIMIT_CPU, CPU_SECONDS);
    limit(RLIMIT_FSIZE, OUTPUT_MAX);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, 64);
}

/* The few functions that are used, as vips/vips.h has them. VipsImage is never looked into. */
struct vips {
    int (*init)(const char *argv0);
    int (*load)(const char *name, void **out, ...);
    int (*thumbnail)(void *in, void **out, int width, ...);
    int (*save)(void *in, void **bytes, size_t *n, ...);
    int (*width)(void *image);
    int (*height)(void *image);
    int (*swapped)(void *image);
};

static void *find(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (found == NULL)
        _exit(EXIT_NO_LIBRARY);
    return found;
}

static void open_library(struct vips *v, const char *loader)
{
    void *library = dlopen("libvips.so.42", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        _exit(EXIT_NO_LIBRARY);
    *(void **)&v->init = find(library, "vips_init");
    *(void **)&v->load = find(library, loader);
    *(void **)&v->thumbnail = find(library, "vips_thumbnail_image");
    *(void **)&v->save = find(library, "vips_webpsave_buffer");
    *(void **)&v->width = find(library, "vips_image_get_width");
    *(void **)&v->height = find(library, "vips_image_get_height");
    *(void **)&v->swapped = find(library, "vips_image_get_orientation_swap");
    if (v->init("hubbub") != 0)
        _exit(EXIT_NO_LIBRARY);
}

/* Turned as the camera was held, which the thumbnail is, too. */
static void tell(const struct vips *v, void *image, bool made)
{
    int width = v->width(image), height = v->height(image);
    bool swapped = v->swapped(image) != 0;
    dprintf(1, "%d %d %d\n", swapped ? height : width, swapped ? width : height, made);
}

static bool write_all(const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(OUTPUT_FD, bytes, n);
        if (done <= 0)
            return false;
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

static int shrink(const struct vips *v)
{
    void *image = NULL, *small = NULL, *bytes = NULL;
    size_t n = 0;
    if (v->load("/proc/self/fd/0", &image, "access", VIPS_SEQUENTIAL, NULL) != 0)
        return EXIT_NOT_DECODED;
    if ((uint64_t)v->width(image) * (uint64_t)v->height(image) > PIXELS) {
        tell(v, image, false);
        return EXIT_NOT_DECODED;
    }
    if (v->thumbnail(image, &small, SIDE, "height", SIDE, "size", VIPS_DOWN, NULL) != 0 ||
        v->save(small, &bytes, &n, "Q", QUALITY, "strip", 1, NULL) != 0)
        return EXIT_NOT_DECODED;
    if (n > OUTPUT_MAX || !write_all(bytes, n))
        return EXIT_NOT_WRITTEN;
    tell(v, image, true);
    return EXIT_GOOD;
}

int thumbnail_main(int argc, char **argv)
{
    static const struct {
        const char *type, *loader;
    } loaders[] = {
        {"image/png", "vips_pngload"},
        {"image/jpeg", "vips_jpegload"},
        {"image/gif", "vips_gifload"},
        {"image/webp", "vips_webpload"},
    };
    struct vips v;
    for (size_t i = 0; argc == 2 && i < sizeof loaders / sizeof loaders[0]; i++) {
        if (strcmp(argv[1], loaders[i].type) != 0)
            continue;
        confine();
        if (nice(10) == -1)
            perror("nice"); /* then it is as urgent as the rest */
        open_library(&v, loaders[i].loader);
        _exit(shrink(&v));
    }
    fprintf(stderr, "hubbub thumbnail: this is for the server itself\n");
    return EXIT_USAGE;
}

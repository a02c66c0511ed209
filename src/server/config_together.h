/* What no single option can say: which of them fit together. Main thread; looks at the disk, so it blocks. */
#ifndef SERVER_CONFIG_TOGETHER_H
#define SERVER_CONFIG_TOGETHER_H

#include <hubbub/config.h>

/* Where a value comes from, weak to strong. */
enum config_source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_ARGUMENTS };

/* Of those options that may be given in vain. */
struct config_sources {
    enum config_source port, listen, store, disk;
    const char *disk_option; /* whose is `disk`: the strongest of no use with --store memory */
};

/* Returns NULL, or one line on what is wrong, static or written to `why`. */
const char *config_fits_together(const struct config *c, const struct config_sources *from,
                                 char *why, size_t space);

#endif

/** What is opened for a path once, and kept from one command to the next. One thread. */
#ifndef BENCH_KEEP_H
#define BENCH_KEEP_H

#include <stdbool.h>

/** How what is kept is closed and freed: also what kind of thing it is. */
typedef void (*keep_close)(void *kept);

/** What is kept for @path that is closed so; NULL: nothing is. */
void *keep_find(const char *path, keep_close close);

/** Keep it, in place of what there may be of the same kind. */
void keep_put(const char *path, keep_close close, void *kept);

/** Close all that is kept for @path. NULL: for any. */
void keep_drop(const char *path);

#endif

/** Changes faster than a subscriber takes them, for watches.c. */
#ifndef BENCH_WATCH_STALL_H
#define BENCH_WATCH_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/raw.h"

typedef struct {
    double rate;               /**< changes in a second: WATCH_STALL_RATE, or as many as could be made */
    uint64_t changes;          /**< made */
    uint64_t read;             /**< states that the client has read, */
    uint64_t delivered;        /**< ... and of which the subscriber was told */
    double heap_mb;            /**< in use in this process after a tenth of the time, */
    double heap_growth_mb;     /**< ... and by how much it was more, at most, later */
    double resident_growth_mb; /**< the same of its resident memory */
} watch_stalled;

enum { WATCH_STALL_RATE = 5000, WATCH_STALL_MS = 100, WATCH_STALL_BYTES = 1024 };

/**
 * Change the znode at @path, made with WATCH_STALL_BYTES, for @seconds. False: something
 * failed; or the states that were told do not go forward, do not account for all
 * changes, or did not end with the last one.
 */
bool watch_stall_run(const char *servers, raw *r, const char *path, double seconds,
                     watch_stalled *ret_stalled);

#endif

/**
 * What the workers and their driver share: how many of everything there are,
 * and where things are in the scratch directory.
 *
 *     bulletin       a bulletin per worker, which both map
 *     journal-W-L-T  what thread T of worker W did in its life L: record after record
 *
 * A worker that is killed is followed by another one of the same number, in its next life.
 */
#ifndef TORTURE_BULLETIN_H
#define TORTURE_BULLETIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

enum { WORKERS_MAX = 8, WORKERS_USUAL = 4, THREADS = 4, SESSION_MS = 2000, PATH_SIZE = 4096 };

/** What a worker tells while it runs, in all of its lives together; see corral_client_stats. */
typedef struct {
    atomic_uint_least64_t answered; /**< operations that a server has answered; counted after the rest */
    atomic_uint_least64_t sessions;
    atomic_uint_least64_t batches, lost_races;
    atomic_uint_least64_t resends, resends_applied, resends_not_applied;
    atomic_bool rest;    /**< set by the driver: to make no calls any more */
    atomic_uint resting; /**< threads that do not */
} bulletin;

static inline void bulletin_path(const char *directory, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/bulletin", directory);
}

static inline void journal_path(const char *directory, unsigned worker, unsigned life, unsigned thread,
                                char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/journal-%u-%u-%u", directory, worker, life, thread);
}

#endif

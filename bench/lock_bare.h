/** What locks are measured by: the same with plain calls of libzookeeper, without what makes them safe. */
#ifndef BENCH_LOCK_BARE_H
#define BENCH_LOCK_BARE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/raw.h"

/**
 * Create and delete an ephemeral sequential znode in @directory, for @seconds;
 * do not wait for the deletion if it is not @awaited. False, and a word about
 * it: something failed. So below.
 */
bool bench_bare_loop(raw *r, const char *directory, bool awaited, double seconds, uint64_t *ret_count,
                     double *ret_seconds);

/**
 * Two sessions: one deletes a znode, the other one hears of it by a watch and
 * deletes the next, and so on, all znodes being made and watched before. Each
 * waits @pause_ms before it deletes. @ret_seconds: from deletions to where the
 * thread that waited for it goes on, in all.
 */
bool bench_bare_pass(raw *const sessions[2], const char *directory, unsigned pause_ms, double seconds,
                     uint64_t *ret_count, double *ret_seconds);

#endif

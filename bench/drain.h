/** What it costs the servers when many who wait for a lock get it one after another. */
#ifndef BENCH_DRAIN_H
#define BENCH_DRAIN_H

#include <stdbool.h>

#include "lib/raw.h"

/** The processes that the sessions are spread over. Started when they are first needed. */
bool bench_drain_start(const char *servers);
bool bench_drain_stop(void);

/**
 * Have @waiters sessions wait for the lock at @path, let them have it one after
 * another, and tell how many requests each took, pings left out as far as can
 * be told, and how many had it per second. False: something failed, said on
 * standard error.
 */
bool bench_drain_once(raw *r, const char *servers, const char *path, unsigned waiters, double *ret_requests,
                      double *ret_rate);

#endif

/** What open counters cost that nobody uses. */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include <stdbool.h>

/**
 * Open @count counters below @root, add 1 to each, and tell how many bytes of
 * the heap each has taken beyond its path, before its add and after. False:
 * something failed, or a counter is not 1 afterwards; said on standard error.
 */
bool idle_measure(const char *root, unsigned count, double *ret_opened, double *ret_used);

#endif

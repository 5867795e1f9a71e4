/** Ways of counting: Corral's, and libzookeeper's alone. */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include "task.h"

/** Add 1, or read as the connected server has it: by threads, or asynchronously. */
bool counters_add(const task *t, outcome *ret_outcome);
bool counters_get(const task *t, outcome *ret_outcome);

/** Add 1 to the counter at @path, @times, by one thread. How many calls reported an error goes to
 * @ret_failed. */
bool counters_add_times(const char *path, unsigned times, unsigned *ret_failed);

/**
 * What Corral is measured by: one thread's loop of zoo_set2(), with the version that the last one left; or
 * zoo_aset(), of any version, if asynchronous. Nobody else may change the znodes. Tuned: as sessions_bare()
 * says.
 */
bool counters_bare_set(const task *t, outcome *ret_outcome);
bool counters_tuned_set(const task *t, outcome *ret_outcome);

/** zoo_get(). */
bool counters_bare_get(const task *t, outcome *ret_outcome);
bool counters_tuned_get(const task *t, outcome *ret_outcome);

#endif

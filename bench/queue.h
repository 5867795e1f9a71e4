/** Many sessions that queue up for one lock: what it costs when they get it one after another. One thread. */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include "task.h"

/** Have the first @count sessions acquire the lock at @path, and release it as soon as they have it. */
bool queue_up(const char *path, unsigned count);

/** Wait until all have done so. */
bool queue_drain(outcome *ret_outcome);

#endif

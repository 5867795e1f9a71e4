/** Many subscribers of one process to one znode, of Corral and of the peers. */
#ifndef BENCH_WATCH_CROWD_H
#define BENCH_WATCH_CROWD_H

#include "watch_latency.h"

enum { WATCH_CROWD_SUBSCRIBERS = 1000 };

/**
 * Measure for so many rounds, by turns, how long it takes from a change until the last subscriber has been
 * told of it. False: something failed.
 */
bool watch_crowd_run(const char *servers, raw *r, const char *root, const watch_settings *settings);

#endif

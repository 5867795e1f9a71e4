/**
 * Changes, and how long after each one it was told, for watches.c: from right before the request
 * that makes it, by another session in this process, until the last subscriber's callback has the data.
 */
#ifndef BENCH_WATCH_LATENCY_H
#define BENCH_WATCH_LATENCY_H

#include "watch_ways.h"

/** How long and how often is measured. */
typedef struct {
    unsigned rounds;
    double seconds;
    double stall_seconds;
} watch_settings;

/** Of the session that makes the changes. */
typedef struct {
    raw *raw;
    sem_t answered;
    int result;
} watch_changer;

/** Latencies in seconds. All zeros: none. */
typedef struct {
    double *latencies;
    size_t count, capacity;
} watch_sample;

/**
 * Have each of @count ways subscribe to a znode of its own below @root, call @run_round for each of @rounds
 * after a round 0 of at least @warm_up seconds, which is not to count, and close them. False: something
 * failed.
 */
bool watch_run_rounds(watch_way *ways, int count, const char *servers, raw *r, const char *root,
                      const watch_settings *settings, double warm_up,
                      bool (*run_round)(watch_changer *c, unsigned round, double seconds));

/**
 * Change @w's znode for @seconds, at least once, and note the latencies. The next change is made once
 * the one before is told and answered, and after a pause. False: something failed, or another state was told.
 */
bool watch_run_slice(watch_changer *c, watch_way *w, unsigned pause_ms, double seconds, watch_sample *s);

/** What so many percent of the latencies did not exceed. There is one at least. */
double watch_percentile(watch_sample *s, unsigned percent);

#endif

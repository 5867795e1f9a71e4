/** Calls that are kept under way by their own callbacks: each that ends asks again, until time is over. */
#ifndef BENCH_FLIGHT_H
#define BENCH_FLIGHT_H

#include "task.h"

/**
 * Makes one call, whose callback is to call flight_landed(). Returns 0, or what it failed with. Called by
 * one thread, and by the one that runs the callbacks, at the same time.
 */
typedef int (*flight_ask)(void *context);

/** Keep @t->outstanding of them under way for @t->seconds, and wait for the last ones. False: one failed. */
bool flight_run(const task *t, flight_ask ask, void *context, outcome *ret_outcome);

/** A call has ended with @status, 0 being success. Called by one thread only. */
void flight_landed(int status);

#endif

/** Programs, from their start to their end. */
#ifndef BENCH_SPAWN_H
#define BENCH_SPAWN_H

#include "task.h"

/**
 * Run @argv, ended by NULL, so many @times one after another, with an empty input
 * and its output thrown away. False, and a word about it: it ended otherwise than
 * with 0.
 */
bool spawn_times(unsigned times, char *const *argv, outcome *ret_outcome);

#endif

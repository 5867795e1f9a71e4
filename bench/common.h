/** What the benchmarks share. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stdint.h>

/** Seconds of CLOCK_MONOTONIC. */
double bench_now(void);
/** The same in nanoseconds. */
int64_t bench_now_ns(void);
/** 0: not at all. */
void bench_sleep(double seconds);

/** Say that @what, about @path, ended with @status. Returns false. */
bool bench_fail(const char *path, const char *what, int status);

/** Print a figure of a measured round, which counts from 1, as watches.c has it. */
void bench_figure(const char *way, const char *pace, const char *name, unsigned round, double value);

#endif

/** What the benchmarks share. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_ROUNDS_MAX = 100 };

/** Seconds of CLOCK_MONOTONIC. */
double bench_now(void);
/** The same in nanoseconds. */
int64_t bench_now_ns(void);
void bench_sleep(double seconds);

/** Say that @what, about @path, ended with @status. Returns false. */
bool bench_fail(const char *path, const char *what, int status);

/** Of at most BENCH_ROUNDS_MAX figures. */
double bench_median(const double *figures, unsigned count);

/**
 * Print the median, the least and the greatest of @figures, and what is wanted of
 * the median: to be at least, or @at_most, @wanted (0: nothing). False: it misses that.
 */
bool bench_judge(const char *what, const double *figures, unsigned count, double wanted, bool at_most);

/** How long and how often is measured, and whether a figure that misses what is wanted fails the run. */
typedef struct {
    double seconds;
    unsigned rounds;
    bool check;
    bool own_server; /* set by bench_run(): what is left there need not be removed */
} bench_settings;

/**
 * Read the settings from the arguments, which may be nothing else but the
 * number @other too, called --@other_name (NULL: no such option). What they do
 * not give stays as it is. 0; or the exit status plus one, when all is said.
 */
int bench_options(int argc, char **argv, bench_settings *settings, const char *other_name, unsigned *other);

/**
 * Run @run with the servers of $CORRAL_SERVERS or, without, one of its own.
 * Returns the exit status: @run returns 0; 1 when something failed or a total
 * was wrong; 2 when a figure misses what is wanted, which counts if @check.
 */
int bench_run(int (*run)(const char *servers, const bench_settings *settings),
              const bench_settings *settings);

#endif

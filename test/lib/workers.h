/**
 * Threads that add to counters with blocking calls, and what became of it all.
 */
#ifndef TEST_WORKERS_H
#define TEST_WORKERS_H

#include <corral/counter.h>

#include <stdbool.h>

/** The outcome of a number of adds of 1. */
typedef struct {
    unsigned succeeded;
    unsigned uncertain; /**< ended CORRAL_EUNCERTAIN */
    unsigned failed;    /**< ended in any other way */
    int failure;        /**< the status of one of those; else 0 */
    int64_t *values;    /**< results of those that succeeded, in ascending order */
} workers_result;

/** Let thread i of @threads add 1 to @counters[i] @adds times, and wait for all. Free with workers_free(). */
workers_result workers_add(corral_counter *const *counters, unsigned threads, unsigned adds);
void workers_free(workers_result *result);

/** Assert that every add succeeded, and that the results are exactly the numbers from @from + 1 on. */
#define ASSERT_EXACT(result, adds, from) workers_assert_exact((result), (adds), (from), __FILE__, __LINE__)
void workers_assert_exact(const workers_result *result, unsigned adds, int64_t from, const char *file,
                          unsigned line);

/** Sort @values; how many of them equal another one? */
unsigned workers_sort(int64_t *values, unsigned count);

#endif

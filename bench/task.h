/** What the worker is told to measure, and what has come of it. */
#ifndef BENCH_TASK_H
#define BENCH_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

enum { TASK_THREADS_MAX = 256, TASK_COUNTERS_MAX = 1000000, TASK_PATH_SIZE = 160 };

/** Options that a kind may take: a set of these. */
enum {
    TASK_OUTSTANDING = 1,
    TASK_COUNTERS = 2,
    TASK_SESSION = 4,
    TASK_LEASES = 8,
    TASK_PAUSE = 16,
};

typedef struct {
    const char *path;
    unsigned threads;
    double seconds;
    unsigned outstanding; /**< calls kept under way by callbacks; 0: threads */
    unsigned counters;    /**< at path/0, path/1 ...; 1: at path itself */
    bool apart;           /**< each thread has its own session */
    unsigned leases;      /**< of a semaphore */
    unsigned pause_ms;    /**< for which a holder keeps a lock */
} task;

typedef struct {
    uint64_t count;
    double seconds;
    uint64_t least, most; /**< of the slowest and of the fastest thread; most 0: not known */
    histogram latencies;  /**< empty: not known */
} outcome;

/**
 * Fill @ret_task with the @count words that follow a kind: PATH THREADS SECONDS [NAME=VALUE ...]. They must
 * stay. @options are those that may be given. False, and a word about it: they do not make sense.
 */
bool task_parse(char *const *words, unsigned count, unsigned options, task *ret_task);

/** A whole number up to @most. False, and a word about it, with its @name: it is none. */
bool task_parse_number(const char *name, const char *text, unsigned long most, unsigned *ret_number);

/** Answer "done COUNT 0 SECONDS", with what else is known. */
void task_answer(const outcome *o);

/** The path of the counter of that @number. */
void task_counter_path(const task *t, unsigned number, char path[TASK_PATH_SIZE]);

#endif

/** Threads that do the same until time is over. One team at a time. */
#ifndef BENCH_TEAM_H
#define BENCH_TEAM_H

#include <pthread.h>

#include "task.h"

typedef struct team_member team_member;

/** What a member does. False: it failed, and a word has been said. */
typedef bool (*team_work)(team_member *own);

struct team_member {
    const task *task;
    void *context;
    unsigned number; /**< from 0 */
    uint64_t count;  /**< what it has done so far; a loop sets it at its end */
    uint64_t last;   /**< the work's own */
    /* The team's own: */
    pthread_t thread;
    team_work step, loop; /* one of them is NULL */
    int64_t end_ns;
    histogram latencies;
};

/** Have @t->threads do @step after @step, each of which counts as one and is timed. False: one failed. */
bool team_run_steps(const task *t, team_work step, void *context, outcome *ret_outcome);

/**
 * The same with a loop of their own, for what is too fast to look at a clock each time: it returns when
 * team_is_over().
 */
bool team_run_loops(const task *t, team_work loop, void *context, outcome *ret_outcome);
bool team_is_over(void);

/**
 * Which of @places @own comes to next, if all members go round, each from another place, and the first
 * one from @first.
 */
unsigned team_place(const team_member *own, unsigned first, unsigned places);

#endif

/** The worker processes, seen from their driver. */
#ifndef TORTURE_CREW_H
#define TORTURE_CREW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bulletin.h"

/** What they are started with. */
typedef struct {
    const char *program, *workload, *directory, *servers; /**< not copied */
    unsigned workers, seed;
} crew_plan;

typedef struct {
    crew_plan plan;
    bulletin *told;              /**< of WORKERS_MAX */
    pid_t pids[WORKERS_MAX];     /**< 0: none */
    int inputs[WORKERS_MAX];     /**< closed, the worker ends */
    bool early[WORKERS_MAX];     /**< it ended before it was told to */
    unsigned lives[WORKERS_MAX]; /**< how often it was started */
} crew;

/**
 * Start all workers. False: it has been said why. Call crew_kill() either way. They
 * die with the calling thread.
 */
bool crew_start(crew *c, const crew_plan *plan);

void crew_pause(crew *c, unsigned worker);
void crew_resume(crew *c, unsigned worker);

/** Kill @worker, whatever it is at, unless it has ended itself; and start another one in its place. False:
 * said why. */
void crew_kill_one(crew *c, unsigned worker);
bool crew_replace(crew *c, unsigned worker);

/**
 * Wait until every worker has had an answer to something that it asked since
 * this was called: so it is connected, and has told what it had lost before.
 * False: one has not within a minute, or has ended itself; said.
 */
bool crew_goes_on(crew *c);

/** Have them make no more calls, of a workload that knows how. False: one still makes some after a minute, or
 * has ended itself; said. */
bool crew_rest(crew *c);

/** The sum of what they tell; @member is an offset in bulletin. */
uint64_t crew_sum(const crew *c, size_t member);

/** Have them end. False: one did not within a minute, or not well, or had ended before; said. */
bool crew_finish(crew *c);

/** Make sure that none is left. */
void crew_kill(crew *c);

#endif

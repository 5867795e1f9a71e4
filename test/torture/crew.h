/** The worker processes, seen from their driver. */
#ifndef TORTURE_CREW_H
#define TORTURE_CREW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bulletin.h"

typedef struct {
    const char *directory;
    bulletin *told;      /**< of WORKERS */
    pid_t pids[WORKERS]; /**< 0: none */
    int inputs[WORKERS]; /**< closed, the worker ends */
    bool early[WORKERS]; /**< it ended before it was told to */
} crew;

/**
 * Start @program for each worker, with @workload for the servers @servers. False: it has been
 * said why. Call crew_kill() either way. They die with the calling thread.
 */
bool crew_start(crew *c, const char *program, const char *workload, const char *directory,
                const char *servers, unsigned seed);

void crew_pause(crew *c, unsigned worker);
void crew_resume(crew *c, unsigned worker);

/**
 * Wait until every worker has had an answer to something that it asked since
 * this was called: so it is connected, and has told what it had lost before.
 * False: one has not within a minute, or has ended itself; said.
 */
bool crew_goes_on(crew *c);

/** The sum of what they tell; @member is an offset in bulletin. */
uint64_t crew_sum(const crew *c, size_t member);

/** Have them end. False: one did not within a minute, or not well, or had ended before; said. */
bool crew_finish(crew *c);

/** Make sure that none is left. */
void crew_kill(crew *c);

#endif

/**
 * What a workload does in a worker. The worker opens the client, has each of
 * its threads make one call after another at a steady pace, and tells how it
 * goes; the calls are the workload's.
 */
#ifndef TORTURE_WORK_H
#define TORTURE_WORK_H

#include <corral.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "workloads.h"

/** A thread of the worker. */
typedef struct {
    pthread_t thread;
    uint32_t worker;
    unsigned life;   /**< of the worker: how many there were before it */
    unsigned number; /**< in its worker */
    struct random_data random;
    char random_state[64];
    int journal;
    off_t noted; /**< bytes in it */
} hand;

/** How a call ended. */
typedef enum {
    CALL_ANSWERED,
    CALL_UNASKED,  /**< well, perhaps without a server */
    CALL_GIVEN_UP, /**< by its deadline: whether the servers can be reached is not known */
    CALL_WRONG     /**< as none may; said */
} call_end;

typedef struct {
    const char *name;
    /** Open all that is worked on. Returns a status. */
    int (*open)(corral_client *client);
    /** Make a call, wait for its end and note it down. Runs in all threads. */
    call_end (*call)(hand *h);
    /** In place of calls, at the same pace, once the driver wants no more of them. NULL: it never does. */
    void (*rest)(hand *h, bool first);
    /** Once all threads have ended. */
    void (*close)(void);
} work;

#define WORK_DECLARE(name) extern const work name##_work;
WORKLOAD_MAP(WORK_DECLARE)
#undef WORK_DECLARE

/** CLOCK_MONOTONIC in nanoseconds. */
int64_t hand_now(void);

/** One of the numbers from 0 on, so many as @sides. */
uint32_t hand_dice(hand *h, uint32_t sides);

/** Append a record to the journal. Once this returns it stays there, should the worker be killed. */
void hand_note(hand *h, const void *record, size_t size);

/** Put @record in the place of the last one, which is of the same size. */
void hand_amend(hand *h, const void *record, size_t size);

#endif

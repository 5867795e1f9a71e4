/** Condition variables with deadlines that no change of the calendar moves. */
#ifndef TEST_COND_H
#define TEST_COND_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/** Make @condition wait by CLOCK_MONOTONIC. */
void cond_init(pthread_cond_t *condition);

/** @timeout_ms from now, for pthread_cond_timedwait() with such a condition. */
struct timespec cond_deadline(int64_t timeout_ms);

#endif

/*
 * Deadlines of a client: a binary heap, so that setting and stopping one costs
 * O(log n) and the usual case, a later deadline than all others, O(1).
 */
#ifndef CORRALI_TIMER_H
#define CORRALI_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No deadline. */
#define CORRALI_NEVER INT64_MAX

typedef struct corrali_timer corrali_timer;
struct corrali_timer {
    int64_t when;                 /* ns of the backend's clock */
    size_t slot;                  /* place in the heap + 1; 0: not set */
    void (*fire)(corrali_timer *); /* called once, with the client's mutex held; the timer is not set then */
};

typedef struct {
    corrali_timer **heap;
    size_t count;
    size_t capacity;
} corrali_timers;

/* Let @timer fire at @when; it must not be set. Returns 0 or CORRAL_ENOMEM. */
int corrali_timers_set(corrali_timers *timers, corrali_timer *timer, int64_t when);

/* Harmless on a timer that is not set. */
void corrali_timers_stop(corrali_timers *timers, corrali_timer *timer);

/* When the earliest fires; CORRALI_NEVER when there is none. */
static inline int64_t corrali_timers_next(const corrali_timers *timers)
{
    return timers->count == 0 ? CORRALI_NEVER : timers->heap[0]->when;
}

/* Take out the earliest timer that is due at @now; NULL when there is none. */
corrali_timer *corrali_timers_take_due(corrali_timers *timers, int64_t now);

void corrali_timers_destroy(corrali_timers *timers);

#endif

/*
 * A latch: one event that happens once and that threads can wait for. It needs
 * no memory, no destruction, and no system call when nobody waits, so every
 * operation can afford one. Built on futex(2).
 *
 * Whoever owns the memory may reuse it as soon as corrali_latch_wait() has
 * returned 0: opening touches it no more after that.
 */
#ifndef CORRALI_LATCH_H
#define CORRALI_LATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct {
    _Atomic uint32_t word; /* closed, closed with waiters, open */
} corrali_latch;

void corrali_latch_init(corrali_latch *latch);
bool corrali_latch_is_open(const corrali_latch *latch);

/* Open it: everything done before is visible to who sees it open. */
void corrali_latch_open(corrali_latch *latch);

/* @timeout_ms (negative: 0; at most 300 years) from now, on CLOCK_MONOTONIC. */
struct timespec corrali_latch_deadline(int64_t timeout_ms);

/* Wait at most @timeout_ms (negative: for ever). Returns 0 or CORRAL_ETIMEDOUT. */
int corrali_latch_wait(corrali_latch *latch, int64_t timeout_ms);

#endif

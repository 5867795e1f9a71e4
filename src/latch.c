#include "latch.h"

#include <corral/status.h>

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CLOSED, AWAITED, OPEN };

static void futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *until)
{
    (void)syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, until, NULL,
                  FUTEX_BITSET_MATCH_ANY);
}

void corrali_latch_init(corrali_latch *latch)
{
    atomic_init(&latch->word, CLOSED);
}

bool corrali_latch_is_open(const corrali_latch *latch)
{
    return atomic_load_explicit(&latch->word, memory_order_acquire) == OPEN;
}

void corrali_latch_open(corrali_latch *latch)
{
    /* The exchange is the last access: the wake-up uses the address alone. A
     * thread woken by mistake at a reused address looks at its word again. */
    if (atomic_exchange_explicit(&latch->word, OPEN, memory_order_acq_rel) == AWAITED) {
        futex(&latch->word, FUTEX_WAKE, INT_MAX, NULL);
    }
}

struct timespec corrali_latch_deadline(int64_t timeout_ms)
{
    /* Some 300 years: a deadline that cannot overflow. */
    int64_t bounded = timeout_ms > INT64_MAX / 1000000 ? INT64_MAX / 1000000 : timeout_ms;
    struct timespec until;

    bounded = bounded < 0 ? 0 : bounded;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(bounded / 1000);
    until.tv_nsec += (long)(bounded % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

static bool passed(const struct timespec *until)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > until->tv_sec || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

int corrali_latch_wait(corrali_latch *latch, int64_t timeout_ms)
{
    struct timespec until;

    if (corrali_latch_is_open(latch)) {
        return CORRAL_OK;
    }
    if (timeout_ms == 0) {
        return CORRAL_ETIMEDOUT;
    }
    until = corrali_latch_deadline(timeout_ms);
    for (;;) {
        uint32_t seen = CLOSED;

        if (!atomic_compare_exchange_strong_explicit(&latch->word, &seen, AWAITED, memory_order_acquire,
                                                     memory_order_acquire) &&
            seen == OPEN) {
            return CORRAL_OK;
        }
        if (timeout_ms >= 0 && passed(&until)) {
            return CORRAL_ETIMEDOUT;
        }
        /* FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC deadline. */
        futex(&latch->word, FUTEX_WAIT_BITSET, AWAITED, timeout_ms < 0 ? NULL : &until);
    }
}

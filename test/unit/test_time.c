/* Timers and latches. */
#include <pthread.h>
#include <stdlib.h>

#include "alloc.h"
#include "latch.h"
#include "lib/testing.h"
#include "timer.h"

enum { TIMERS = 1000 };

/* A heap with many timers, some stopped, gives the others back in order. */
static void timers_come_in_order(void)
{
    corrali_timers timers = {0};
    corrali_timer all[TIMERS] = {0};
    unsigned taken = 0;
    int64_t before = -1;

    srand(1);
    CU_ASSERT_EQUAL(corrali_timers_next(&timers), CORRALI_NEVER);
    CU_ASSERT_PTR_NULL(corrali_timers_take_due(&timers, INT64_MAX));
    for (unsigned i = 0; i < TIMERS; i++) {
        ASSERT_STATUS(corrali_timers_set(&timers, &all[i], rand() % 500), CORRAL_OK);
    }
    for (unsigned i = 0; i < TIMERS; i += 3) {
        corrali_timers_stop(&timers, &all[i]);
        corrali_timers_stop(&timers, &all[i]); /* harmless */
    }
    for (int64_t now = 0; now < 500; now++) {
        corrali_timer *due;

        while ((due = corrali_timers_take_due(&timers, now)) != NULL) {
            CU_ASSERT_EQUAL(due->when, now);
            CU_ASSERT_TRUE(due->when >= before);
            CU_ASSERT_EQUAL(due->slot, 0);
            CU_ASSERT_NOT_EQUAL((due - all) % 3, 0);
            before = due->when;
            taken++;
        }
        CU_ASSERT_TRUE(corrali_timers_next(&timers) > now);
    }
    CU_ASSERT_EQUAL(taken, TIMERS - (TIMERS + 2) / 3);
    corrali_timers_destroy(&timers);
}

static void timer_without_memory_is_not_set(void)
{
    corrali_timers timers = {0};
    corrali_timer timer = {0};

    corrali_alloc_fail_from(1);
    ASSERT_STATUS(corrali_timers_set(&timers, &timer, 5), CORRAL_ENOMEM);
    corrali_alloc_fail_from(0);
    CU_ASSERT_EQUAL(timer.slot, 0);
    CU_ASSERT_EQUAL(corrali_timers_next(&timers), CORRALI_NEVER);
    corrali_timers_destroy(&timers);
}

static void *open_latch(void *arg)
{
    corrali_latch_open(arg);
    return NULL;
}

static void *await_latch(void *arg)
{
    return corrali_latch_wait(arg, CORRAL_FOREVER) == CORRAL_OK ? arg : NULL;
}

static void latch_wakes_all(void)
{
    corrali_latch latch;
    pthread_t threads[8];
    pthread_t opener;

    corrali_latch_init(&latch);
    CU_ASSERT_FALSE(corrali_latch_is_open(&latch));
    ASSERT_STATUS(corrali_latch_wait(&latch, 0), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corrali_latch_wait(&latch, 2), CORRAL_ETIMEDOUT);
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, await_latch, &latch), 0);
    }
    CU_ASSERT_EQUAL_FATAL(pthread_create(&opener, NULL, open_latch, &latch), 0);
    for (int i = 0; i < 8; i++) {
        void *woken = NULL;

        pthread_join(threads[i], &woken);
        CU_ASSERT_PTR_EQUAL(woken, &latch);
    }
    pthread_join(opener, NULL);
    CU_ASSERT_TRUE(corrali_latch_is_open(&latch));
    ASSERT_STATUS(corrali_latch_wait(&latch, 0), CORRAL_OK);
    ASSERT_STATUS(corrali_latch_wait(&latch, INT64_MAX), CORRAL_OK);
}

static CU_TestInfo tests[] = {
    {"timers come in order", timers_come_in_order},
    {"timer without memory is not set", timer_without_memory_is_not_set},
    {"latch wakes all", latch_wakes_all},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"time", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}

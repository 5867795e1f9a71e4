/**
 * Without memory: what cannot be begun is refused with ENOMEM, what was begun
 * goes on once there is memory again; nothing is lost or counted twice, and
 * every callback comes. And a small stack is enough for any number of counters.
 */
#include <corral/counter.h>

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "lib/fixture.h"

enum { OPERATIONS = 6 };

static recorder results;

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    fixture_close();
}

/* The deadline of the last of these passes when all earlier ones have. */
static void let_time_pass(int64_t ms)
{
    int64_t value;

    proxy_hold(through, PROXY_HOLD_REPLIES);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, ms, &value), CORRAL_ETIMEDOUT);
    proxy_hold(through, 0);
}

static void a_refused_read_leaves_no_deadline(void)
{
    int64_t value = -1;

    counter = fixture_counter("/memory/read");
    /* With a deadline, so that there is memory for those to come. */
    ASSERT_STATUS(corral_counter_set(counter, 5, TESTING_PATIENCE_MS, NULL), CORRAL_OK);
    corrali_alloc_fail_from(1);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, 20, &value), CORRAL_ENOMEM);
    ASSERT_STATUS(corral_counter_get_async(counter, CORRAL_READ_LOCAL, 20, NULL, NULL, NULL), CORRAL_ENOMEM);
    corrali_alloc_fail_from(0);
    let_time_pass(50);
    ASSERT_INT64(value, -1);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 6);
}

/*
 * Add 1 to one counter and destroy another, in turn, with no memory from the
 * @nth allocation on; then let there be memory, and count.
 */
static void run_short_of_memory(unsigned long nth, corral_counter *other, int64_t *sum)
{
    corral_op *ops[OPERATIONS] = {NULL};
    unsigned accepted = 0;

    recorder_open(&results, OPERATIONS);
    corrali_alloc_fail_from(nth);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        record *into = &results.records[accepted];
        int status =
            i % 3 == 2
                ? corral_counter_destroy_async(other, CORRAL_FOREVER, record_status, into, &ops[accepted])
                : corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, into, &ops[accepted]);

        if (status == CORRAL_OK) {
            accepted++;
        } else {
            ASSERT_STATUS(status, CORRAL_ENOMEM);
        }
    }
    /* What can end without memory does; the rest is given the time to try. */
    for (unsigned i = 0; i < accepted; i++) {
        (void)corral_op_wait(ops[i], 5);
    }
    corrali_alloc_fail_from(0);
    REQUIRE(recorder_wait(&results, accepted));
    for (unsigned i = 0; i < accepted; i++) {
        record result;

        ASSERT_STATUS(corral_op_wait(ops[i], TESTING_PATIENCE_MS), CORRAL_OK);
        result = recorder_get(&results, i);
        ASSERT_INT64(result.calls, 1);
        CU_ASSERT(result.status == CORRAL_OK || result.status == CORRAL_ENOMEM ||
                  result.status == CORRAL_ENOENT);
        *sum += result.status == CORRAL_OK && result.value != 0;
        corral_op_unref(ops[i]);
    }
    recorder_close(&results);
}

/* @prepare makes the client have to allocate. */
static void sweep(const char *path, void (*prepare)(void))
{
    corral_client_stats stats;
    corral_counter *other = fixture_counter("/memory/other");
    int64_t sum = 0;
    int64_t value = -1;

    counter = fixture_counter(path);
    ASSERT_STATUS(corral_counter_add(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    for (unsigned long nth = 1; nth <= 40; nth++) {
        prepare();
        run_short_of_memory(nth, other, &sum);
    }
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, sum);
    CU_ASSERT(sum > 0 && sum < 40 * OPERATIONS);
    ASSERT_STATUS(corral_client_get_stats(client, &stats), CORRAL_OK);
    ASSERT_INT64(stats.uncertain, 0);
    ASSERT_STATUS(corral_counter_close(other), CORRAL_OK);
}

static void nothing(void)
{
}

static void operations_survive(void)
{
    sweep("/memory/sweep", nothing);
}

static void delete_lanes(void)
{
    REQUIRE(raw_delete_below(server_raw(), "/corral/writers") == ZOK);
}

static void registration_survives(void)
{
    sweep("/memory/lanes", delete_lanes);
}

static void lose_the_connection(void)
{
    proxy_cut_all(through);
}

static void reconnecting_survives(void)
{
    sweep("/memory/reconnect", lose_the_connection);
}

static void expire(void)
{
    /* So that there is a session. */
    REQUIRE_STATUS(corral_counter_add(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    REQUIRE(server_expire(through));
}

static void a_new_session_survives(void)
{
    sweep("/memory/expiry", expire);
}

/* Each wants a lane, has no use for it, and passes it on to the next. */
static void many_wait_for_a_lane(void)
{
    unsigned count = testing_scaled(20000);
    corral_counter **counters = calloc(count, sizeof(corral_counter *));
    unsigned broken = 0;

    REQUIRE(counters != NULL);
    recorder_open(&results, count);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    for (unsigned i = 0; i < count; i++) {
        char path[64];

        snprintf(path, sizeof path, "/memory/many-%u", i);
        counters[i] = fixture_counter(path);
        REQUIRE_STATUS(corral_counter_compare_set_async(counters[i], 1, 2, CORRAL_FOREVER, record_int64,
                                                        &results.records[i], NULL),
                       CORRAL_OK);
    }
    /* All learn that they need a lane before the first one can be made. */
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, count));
    for (unsigned i = 0; i < count; i++) {
        broken += recorder_get(&results, i).status != CORRAL_ENOENT;
        broken += corral_counter_close(counters[i]) != CORRAL_OK;
    }
    ASSERT_INT64(broken, 0);
    recorder_close(&results);
    free(counters);
}

static CU_TestInfo memory[] = {
    {"a refused read leaves no deadline", a_refused_read_leaves_no_deadline},
    {"operations survive", operations_survive},
    {"registration survives", registration_survives},
    {"reconnecting survives", reconnecting_survives},
    {"a new session survives", a_new_session_survives},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo stack[] = {
    {"many wait for a lane", many_wait_for_a_lane},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"no memory", NULL, NULL, fixture_open, teardown, memory},
    {"small stack", NULL, NULL, fixture_open, teardown, stack},
    CU_SUITE_INFO_NULL,
};

/* Small stacks for all threads to come, libzookeeper's too. TSan keeps its own things there. */
static int shrink_stacks(void)
{
#ifdef __SANITIZE_THREAD__
    return 0;
#else
    pthread_attr_t attributes;

    return pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, 512 * 1024) == 0
               ? pthread_setattr_default_np(&attributes)
               : -1;
#endif
}

int main(int argc, char **argv)
{
    if (shrink_stacks() != 0) {
        fprintf(stderr, "cannot set the size of stacks\n");
        return 1;
    }
    return server_run_suites(1, argc, argv, suites);
}

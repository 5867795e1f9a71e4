/**
 * Updates by a function of the caller's.
 */
#include <corral/counter.h>

#include <stdatomic.h>

#include "lib/fixture.h"

static int twice(int64_t value, int64_t *ret_value, void *arg)
{
    if (arg != NULL) {
        atomic_fetch_add((atomic_uint *)arg, 1);
    }
    *ret_value = 2 * value + 1;
    return 0;
}

static int refuse(int64_t value, int64_t *ret_value, void *arg)
{
    (void)value;
    *ret_value = 77;
    return *(int *)arg;
}

static void an_update_counts(void)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
    int64_t value = -1;

    options.max = 20;
    REQUIRE_STATUS(corral_counter_open(client, "/update/counts", &options, &counter), CORRAL_OK);
    for (int64_t expected = 1; expected < 20; expected = 2 * expected + 1) {
        ASSERT_STATUS(corral_counter_update(counter, twice, NULL, CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, expected);
    }
    ASSERT_STATUS(corral_counter_update(counter, twice, NULL, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_INT64(value, 15);
    ASSERT_STATUS(corral_counter_update(counter, NULL, NULL, CORRAL_FOREVER, &value), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_update(NULL, twice, NULL, CORRAL_FOREVER, &value), CORRAL_EINVAL);
    ASSERT_ZNODE("/update/counts", "15");
}

static void a_function_may_refuse(void)
{
    static const struct {
        int answer, status;
    } answers[] = {
        {CORRAL_EBUSY, CORRAL_EBUSY}, {-1000, -1000}, {1, CORRAL_EINVAL}, {CORRAL_EUNCERTAIN, CORRAL_EINVAL}};
    int64_t value = -1;

    server_put("/update/refuse", "5");
    counter = fixture_counter("/update/refuse");
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        int answer = answers[i].answer;

        ASSERT_INT64(corral_counter_update(counter, refuse, &answer, CORRAL_FOREVER, &value),
                     answers[i].status);
    }
    ASSERT_INT64(value, -1);
    ASSERT_ZNODE("/update/refuse", "5");
}

/* One batch: each gets the result as if they had run one after another. */
static void updates_combine_with_the_rest(void)
{
    static const int64_t expected[] = {1, 3, 13, 27, 5, 11};
    corral_client_stats before, after;
    recorder results;

    counter = fixture_counter("/update/combine");
    ASSERT_STATUS(corral_counter_set(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    recorder_open(&results, 7);
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    ASSERT_STATUS(corral_client_get_stats(client, &before), CORRAL_OK);
    for (unsigned i = 0; i < 7; i++) {
        record *into = &results.records[i];

        ASSERT_STATUS(
            i == 0   ? corral_counter_add_async(counter, 0, CORRAL_FOREVER, record_int64, into, NULL)
            : i == 3 ? corral_counter_add_async(counter, 10, CORRAL_FOREVER, record_int64, into, NULL)
            : i == 5
                ? corral_counter_set_async(counter, 5, CORRAL_FOREVER, record_int64, into, NULL)
                : corral_counter_update_async(counter, twice, NULL, CORRAL_FOREVER, record_int64, into, NULL),
            CORRAL_OK);
    }
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, 7));
    ASSERT_STATUS(corral_client_get_stats(client, &after), CORRAL_OK);
    ASSERT_INT64(after.batches - before.batches, 2); /* the first one had left alone */
    for (unsigned i = 1; i < 7; i++) {
        record result = recorder_get(&results, i);

        ASSERT_STATUS(result.status, CORRAL_OK);
        /* A set tells the value before. */
        ASSERT_INT64(result.value, i == 5 ? 27 : expected[i - 1]);
        ASSERT_INT64(result.stamp.index, i - 1);
    }
    ASSERT_ZNODE("/update/combine", "11");
    recorder_close(&results);
}

static void a_lost_race_asks_again(void)
{
    corral_client *other = server_client(server_connect());
    corral_counter *theirs = NULL;
    unsigned updates = testing_scaled(300);
    int64_t value = -1;
    atomic_uint calls = 0;

    counter = fixture_counter("/update/race");
    REQUIRE_STATUS(corral_counter_open(other, "/update/race", NULL, &theirs), CORRAL_OK);
    for (unsigned i = 0; i < updates; i++) {
        REQUIRE_STATUS(corral_counter_set(theirs, i, CORRAL_FOREVER, NULL), CORRAL_OK);
        ASSERT_STATUS(corral_counter_update(counter, twice, &calls, CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, 2 * i + 1);
    }
    /* What it knew was never the state, but for what the first one had to read. */
    CU_ASSERT(atomic_load(&calls) > updates);
    ASSERT_STATUS(corral_counter_close(theirs), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(other), CORRAL_OK);
}

/* A function that runs until it is let go. */
struct slow {
    recorder entered;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool released;
    corral_counter *to_close;
};

static int be_slow(int64_t value, int64_t *ret_value, void *arg)
{
    struct slow *own = arg;

    record_status(0, &own->entered.records[0]);
    pthread_mutex_lock(&own->mutex);
    while (!own->released) {
        pthread_cond_wait(&own->wake, &own->mutex);
    }
    pthread_mutex_unlock(&own->mutex);
    *ret_value = value + 1;
    return 0;
}

static void let_go(struct slow *own)
{
    pthread_mutex_lock(&own->mutex);
    own->released = true;
    pthread_cond_signal(&own->wake);
    pthread_mutex_unlock(&own->mutex);
}

static void slow_open(struct slow *own)
{
    *own = (struct slow){.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    recorder_open(&own->entered, 1);
}

/* It may be running on somebody's memory, so the operation waits for it; then it has not been applied. */
static void a_cancel_waits_for_the_function(void)
{
    struct slow slow;
    corral_op *op = NULL;
    corral_op *neighbor = NULL;
    recorder results;

    server_put("/update/cancel", "5");
    counter = fixture_counter("/update/cancel");
    slow_open(&slow);
    recorder_open(&results, 3);
    REQUIRE_STATUS(corral_counter_update_async(counter, be_slow, &slow, CORRAL_FOREVER, record_int64,
                                               &results.records[0], &op),
                   CORRAL_OK);
    REQUIRE(recorder_wait(&slow.entered, 1));
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 10, CORRAL_FOREVER, record_int64, &results.records[1], &neighbor),
        CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, 0), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_op_status(op), CORRAL_EBUSY);
    let_go(&slow);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_ECANCELED);
    ASSERT_STATUS(corral_op_wait(neighbor, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_INT64(recorder_get(&results, 1).value, 15);
    ASSERT_ZNODE("/update/cancel", "15");
    corral_op_unref(op);
    corral_op_unref(neighbor);
    recorder_close(&results);
    recorder_close(&slow.entered);
}

static int close_it(int64_t value, int64_t *ret_value, void *arg)
{
    struct slow *own = arg;

    *ret_value = value + 1;
    return corral_counter_close(own->to_close);
}

static void a_function_may_close_its_counter(void)
{
    struct slow slow;
    int64_t value = -1;

    slow_open(&slow);
    counter = fixture_counter("/update/close");
    slow.to_close = counter;
    ASSERT_STATUS(corral_counter_update(counter, close_it, &slow, CORRAL_FOREVER, &value), CORRAL_ECLOSED);
    counter = NULL;
    ASSERT_INT64(value, -1);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/update/close", NULL), ZNONODE);
    recorder_close(&slow.entered);
}

static void *close_client(void *arg)
{
    return corral_client_close(arg) == CORRAL_OK ? arg : NULL;
}

static void closing_the_client_waits_for_the_function(void)
{
    struct slow slow;
    recorder results;
    pthread_t closer;
    void *closed;

    slow_open(&slow);
    recorder_open(&results, 1);
    counter = fixture_counter("/update/close-client");
    REQUIRE_STATUS(corral_counter_update_async(counter, be_slow, &slow, CORRAL_FOREVER, record_int64,
                                               &results.records[0], NULL),
                   CORRAL_OK);
    REQUIRE(recorder_wait(&slow.entered, 1));
    REQUIRE(pthread_create(&closer, NULL, close_client, client) == 0);
    while (corral_counter_add(counter, 1, CORRAL_FOREVER, NULL) != CORRAL_ECLOSED) {
    }
    ASSERT_INT64(recorder_calls(&results), 0);
    let_go(&slow);
    REQUIRE(pthread_join(closer, &closed) == 0);
    CU_ASSERT(closed == client);
    ASSERT_INT64(recorder_calls(&results), 1);
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_ECLOSED);
    client = server_client(server_connect());
    recorder_close(&results);
    recorder_close(&slow.entered);
}

static CU_TestInfo updates[] = {
    {"an update counts", an_update_counts},
    {"a function may refuse", a_function_may_refuse},
    {"updates combine with the rest", updates_combine_with_the_rest},
    {"a lost race asks again", a_lost_race_asks_again},
    {"a cancel waits for the function", a_cancel_waits_for_the_function},
    {"a function may close its counter", a_function_may_close_its_counter},
    {"closing the client waits for the function", closing_the_client_waits_for_the_function},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"updates", NULL, NULL, fixture_open, fixture_close, updates},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

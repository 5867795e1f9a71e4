/**
 * Encodings, bounds and updates by a function.
 */
#include <corral/counter.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/fixture.h"
#include "lib/workers.h"

static corral_counter *open_with(const char *path, corral_encoding encoding, int64_t min, int64_t max)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
    corral_counter *result = NULL;

    options.encoding = encoding;
    options.min = min;
    options.max = max;
    REQUIRE_STATUS(corral_counter_open(client, path, &options, &result), CORRAL_OK);
    return result;
}

static void begin(const char *path, corral_encoding encoding, int64_t min, int64_t max)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = open_with(path, encoding, min, max);
}

static void assert_bytes(const char *path, const char *bytes, int length)
{
    char found[64];
    struct Stat stat;

    REQUIRE(raw_get(server_raw(), path, found, sizeof found, &stat) == ZOK);
    ASSERT_INT64(stat.dataLength, length);
    CU_ASSERT(memcmp(found, bytes, (size_t)length) == 0);
}

static void assert_value(int64_t expected)
{
    int64_t value = ~expected;

    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

/* --- encodings --- */

static void int64_is_curators(void)
{
    begin("/forms/int64", CORRAL_ENCODING_INT64_BE, INT64_MIN, INT64_MAX);
    ASSERT_STATUS(corral_counter_set(counter, 0x0102030405060708, CORRAL_FOREVER, NULL), CORRAL_OK);
    assert_bytes("/forms/int64", "\1\2\3\4\5\6\7\10", 8);
    ASSERT_STATUS(corral_counter_set(counter, INT64_MIN, CORRAL_FOREVER, NULL), CORRAL_OK);
    assert_bytes("/forms/int64", "\200\0\0\0\0\0\0\0", 8);
    assert_value(INT64_MIN);
    ASSERT_STATUS(corral_counter_add(counter, -1, CORRAL_FOREVER, NULL), CORRAL_ERANGE);
    REQUIRE(raw_set(server_raw(), "/forms/int64", "\377\377\377\377\377\377\377\376", 8) == ZOK);
    assert_value(-2);
}

static void int32_is_curators(void)
{
    begin("/forms/int32", CORRAL_ENCODING_INT32_BE, INT64_MIN, INT64_MAX);
    ASSERT_STATUS(corral_counter_set(counter, 0x01020304, CORRAL_FOREVER, NULL), CORRAL_OK);
    assert_bytes("/forms/int32", "\1\2\3\4", 4);
    ASSERT_STATUS(corral_counter_set(counter, INT32_MAX, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_ERANGE);
    ASSERT_STATUS(corral_counter_set(counter, (int64_t)INT32_MAX + 1, CORRAL_FOREVER, NULL), CORRAL_ERANGE);
    assert_value(INT32_MAX);
    ASSERT_STATUS(corral_counter_set(counter, INT32_MIN, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, -1, CORRAL_FOREVER, NULL), CORRAL_ERANGE);
    REQUIRE(raw_set(server_raw(), "/forms/int32", "\377\377\377\376", 4) == ZOK);
    assert_value(-2);
}

static void assert_corrupt(const char *path, const char *bytes, int length)
{
    int64_t value = -1;

    REQUIRE(raw_set(server_raw(), path, bytes, length) == ZOK);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value),
                  CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_set(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_compare_set(counter, 1, 2, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_INT64(value, -1);
    assert_bytes(path, bytes, length);
}

static void other_lengths_are_corrupt(void)
{
    static const int lengths[] = {0, 1, 3, 4, 5, 7, 8, 9};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char path[64];

        for (int encoding = CORRAL_ENCODING_INT64_BE; encoding <= CORRAL_ENCODING_INT32_BE; encoding++) {
            if (lengths[i] == (encoding == CORRAL_ENCODING_INT64_BE ? 8 : 4)) {
                continue;
            }
            snprintf(path, sizeof path, "/forms/length-%d-%d", encoding, lengths[i]);
            REQUIRE(raw_create(server_raw(), path, "", 0) == ZOK);
            begin(path, (corral_encoding)encoding, INT64_MIN, INT64_MAX);
            assert_corrupt(path, "\0\0\0\0\0\0\0\0\1", lengths[i]);
        }
    }
}

/* On one client they do not share what they know, on one znode they do not agree. */
static void encodings_do_not_mix(void)
{
    corral_counter *decimal = open_with("/forms/mixed", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);

    begin("/forms/mixed", CORRAL_ENCODING_INT64_BE, INT64_MIN, INT64_MAX);
    ASSERT_STATUS(corral_counter_set(decimal, 5, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_add(decimal, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_ZNODE("/forms/mixed", "6");
    ASSERT_STATUS(corral_counter_close(decimal), CORRAL_OK);
}

/* --- bounds --- */

static void bounds_hold(void)
{
    int64_t value = -1;

    begin("/forms/bounds", CORRAL_ENCODING_DECIMAL, -2, 10);
    ASSERT_STATUS(corral_counter_add(counter, 11, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/forms/bounds", NULL), ZNONODE);
    ASSERT_STATUS(corral_counter_add(counter, 10, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 10);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_STATUS(corral_counter_add(counter, -13, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_STATUS(corral_counter_set(counter, -3, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_STATUS(corral_counter_compare_set(counter, 10, 11, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_INT64(value, 10);
    ASSERT_ZNODE("/forms/bounds", "10");
    ASSERT_STATUS(corral_counter_add(counter, -12, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, -2);
}

static void a_value_out_of_bounds_is_read_and_brought_back(void)
{
    int64_t value = -1;

    server_put("/forms/outside", "200");
    begin("/forms/outside", CORRAL_ENCODING_DECIMAL, 0, 100);
    assert_value(200);
    ASSERT_STATUS(corral_counter_add(counter, -10, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_ZNODE("/forms/outside", "200");
    ASSERT_STATUS(corral_counter_add(counter, -150, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 50);
}

/* Handles with other bounds take part in the same batches. */
static void bounds_are_a_handles_own(void)
{
    corral_counter *narrow = open_with("/forms/own", CORRAL_ENCODING_DECIMAL, 0, 10);
    recorder results;

    begin("/forms/own", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);
    ASSERT_STATUS(corral_counter_set(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    recorder_open(&results, 20);
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    for (unsigned i = 0; i < 20; i++) {
        REQUIRE_STATUS(corral_counter_add_async(i % 2 == 0 ? counter : narrow, 1, CORRAL_FOREVER,
                                                record_int64, &results.records[i], NULL),
                       CORRAL_OK);
    }
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, 20));
    for (unsigned i = 0; i < 20; i++) {
        /* The tenth brings it to 10; from then on only the wide handle counts. */
        ASSERT_STATUS(recorder_get(&results, i).status, i % 2 == 1 && i >= 10 ? CORRAL_ERANGE : CORRAL_OK);
    }
    assert_value(15);
    ASSERT_STATUS(corral_counter_close(narrow), CORRAL_OK);
    recorder_close(&results);
}

static void senseless_options_are_refused(void)
{
    static const struct {
        corral_encoding encoding;
        int64_t min, max;
    } senseless[] = {
        {CORRAL_ENCODING_DECIMAL, 1, 0},
        {CORRAL_ENCODING_DECIMAL, INT64_MAX, INT64_MIN},
        {CORRAL_ENCODING_INT32_BE, (int64_t)INT32_MIN - 1, 0},
        {CORRAL_ENCODING_INT32_BE, 0, (int64_t)INT32_MAX + 1},
        {CORRAL_ENCODING_INT32_BE, (int64_t)INT32_MAX + 1, INT64_MAX},
        {CORRAL_ENCODING_INT32_BE, INT64_MIN, (int64_t)INT32_MIN - 1},
        {(corral_encoding)3, INT64_MIN, INT64_MAX},
        {(corral_encoding)-1, INT64_MIN, INT64_MAX},
    };

    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
        corral_counter *unset = NULL;

        options.encoding = senseless[i].encoding;
        options.min = senseless[i].min;
        options.max = senseless[i].max;
        ASSERT_STATUS(corral_counter_open(client, "/forms/senseless", &options, &unset), CORRAL_EINVAL);
        CU_ASSERT_PTR_NULL(unset);
    }
}

/* --- updates --- */

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
    int64_t value = -1;

    begin("/forms/update", CORRAL_ENCODING_DECIMAL, INT64_MIN, 20);
    for (int64_t expected = 1; expected < 20; expected = 2 * expected + 1) {
        ASSERT_STATUS(corral_counter_update(counter, twice, NULL, CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, expected);
    }
    ASSERT_STATUS(corral_counter_update(counter, twice, NULL, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_INT64(value, 15);
    ASSERT_STATUS(corral_counter_update(counter, NULL, NULL, CORRAL_FOREVER, &value), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_update(NULL, twice, NULL, CORRAL_FOREVER, &value), CORRAL_EINVAL);
    ASSERT_ZNODE("/forms/update", "15");
}

static void a_function_may_refuse(void)
{
    static const struct {
        int answer, status;
    } answers[] = {
        {CORRAL_EBUSY, CORRAL_EBUSY}, {-1000, -1000}, {1, CORRAL_EINVAL}, {CORRAL_EUNCERTAIN, CORRAL_EINVAL}};
    int64_t value = -1;

    server_put("/forms/refuse", "5");
    begin("/forms/refuse", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        int answer = answers[i].answer;

        ASSERT_INT64(corral_counter_update(counter, refuse, &answer, CORRAL_FOREVER, &value),
                     answers[i].status);
    }
    ASSERT_INT64(value, -1);
    ASSERT_ZNODE("/forms/refuse", "5");
}

/* One batch: each gets the result as if they had run one after another. */
static void updates_combine_with_the_rest(void)
{
    static const int64_t expected[] = {1, 3, 13, 27, 5, 11};
    corral_client_stats before, after;
    recorder results;

    begin("/forms/combine", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);
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
    ASSERT_ZNODE("/forms/combine", "11");
    recorder_close(&results);
}

static void a_lost_race_asks_again(void)
{
    enum { UPDATES = 300 };
    corral_client *other = server_client(server_connect());
    corral_counter *theirs = NULL;
    unsigned updates = testing_scaled(UPDATES);
    recorder results;
    int64_t value = -1;
    atomic_uint calls = 0;

    begin("/forms/race", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);
    REQUIRE_STATUS(corral_counter_open(other, "/forms/race", NULL, &theirs), CORRAL_OK);
    recorder_open(&results, updates);
    for (unsigned i = 0; i < updates; i++) {
        int (*increment)(int64_t, int64_t *, void *) = twice;

        REQUIRE_STATUS(corral_counter_set(theirs, i, CORRAL_FOREVER, NULL), CORRAL_OK);
        ASSERT_STATUS(corral_counter_update(counter, increment, &calls, CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, 2 * i + 1);
    }
    /* What it knew was never the state, but for what the first one had to read. */
    CU_ASSERT(atomic_load(&calls) > updates);
    ASSERT_STATUS(corral_counter_close(theirs), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(other), CORRAL_OK);
    recorder_close(&results);
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

    server_put("/forms/cancel", "5");
    begin("/forms/cancel", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);
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
    ASSERT_ZNODE("/forms/cancel", "15");
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
    begin("/forms/close", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);
    slow.to_close = counter;
    ASSERT_STATUS(corral_counter_update(counter, close_it, &slow, CORRAL_FOREVER, &value), CORRAL_ECLOSED);
    counter = NULL;
    ASSERT_INT64(value, -1);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/forms/close", NULL), ZNONODE);
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
    begin("/forms/close-client", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);
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

static CU_TestInfo encodings[] = {
    {"int64 is Curator's", int64_is_curators},
    {"int32 is Curator's", int32_is_curators},
    {"other lengths are corrupt", other_lengths_are_corrupt},
    {"encodings do not mix", encodings_do_not_mix},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo bounds[] = {
    {"bounds hold", bounds_hold},
    {"a value out of bounds is read and brought back", a_value_out_of_bounds_is_read_and_brought_back},
    {"bounds are a handle's own", bounds_are_a_handles_own},
    {"senseless options are refused", senseless_options_are_refused},
    CU_TEST_INFO_NULL,
};

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
    {"encodings", NULL, NULL, fixture_open, fixture_close, encodings},
    {"bounds", NULL, NULL, fixture_open, fixture_close, bounds},
    {"updates", NULL, NULL, fixture_open, fixture_close, updates},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * Combining: operations that are under way at the same time leave together,
 * and each gets the result it would have got alone, in the order of the calls.
 */
#include <corral/counter.h>

#include <stdlib.h>

#include "lib/fixture.h"
#include "lib/workers.h"

static recorder results;

/* From here on nothing leaves, so that what is submitted meets in one batch. */
static void begin(const char *path, unsigned operations)
{
    int64_t value;

    counter = fixture_counter(path);
    REQUIRE_STATUS(corral_counter_add(counter, 0, CORRAL_FOREVER, &value), CORRAL_OK);
    recorder_open(&results, operations);
    proxy_hold(through, PROXY_HOLD_REQUESTS);
}

static void finish(void)
{
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, results.count));
}

static void submit_add(unsigned i, int64_t delta)
{
    REQUIRE_STATUS(
        corral_counter_add_async(counter, delta, CORRAL_FOREVER, record_int64, &results.records[i], NULL),
        CORRAL_OK);
}

static void submit_set(unsigned i, int64_t value)
{
    REQUIRE_STATUS(
        corral_counter_set_async(counter, value, CORRAL_FOREVER, record_int64, &results.records[i], NULL),
        CORRAL_OK);
}

static void submit_compare_set(unsigned i, int64_t expected, int64_t desired)
{
    REQUIRE_STATUS(corral_counter_compare_set_async(counter, expected, desired, CORRAL_FOREVER, record_int64,
                                                    &results.records[i], NULL),
                   CORRAL_OK);
}

static void submit_destroy(unsigned i)
{
    REQUIRE_STATUS(
        corral_counter_destroy_async(counter, CORRAL_FOREVER, record_status, &results.records[i], NULL),
        CORRAL_OK);
}

static void assert_result(unsigned i, int status, int64_t value)
{
    record result = recorder_get(&results, i);

    ASSERT_STATUS(result.status, status);
    ASSERT_INT64(result.value, value);
    ASSERT_INT64(result.calls, 1);
}

/* Whether @later took effect after @earlier. */
static bool is_later(const corral_stamp *later, const corral_stamp *earlier)
{
    return later->mzxid > earlier->mzxid || (later->mzxid == earlier->mzxid && later->index > earlier->index);
}

static corral_client_stats stats(void)
{
    corral_client_stats result = {0};

    ASSERT_STATUS(corral_client_get_stats(client, &result), CORRAL_OK);
    return result;
}

static void every_add_gets_its_own_result_in_order(void)
{
    unsigned count = testing_scaled(20000), broken = 0;
    corral_stamp last = {0};
    int64_t sum = 0;
    uint64_t batches, writes;

    begin("/batch/order", count);
    batches = stats().batches;
    writes = proxy_count(through, PROXY_WRITES);
    for (unsigned i = 0; i < count; i++) {
        submit_add(i, (int64_t)(i % 7) - 3);
    }
    finish();
    for (unsigned i = 0; i < count; i++) {
        record result = recorder_get(&results, i);

        sum += (int64_t)(i % 7) - 3;
        broken += result.status != CORRAL_OK || result.calls != 1 || result.order != i ||
                  result.value != sum || !is_later(&result.stamp, &last) || result.stamp.version <= 0;
        last = result.stamp;
    }
    ASSERT_INT64(broken, 0);
    batches = stats().batches - batches;
    writes = proxy_count(through, PROXY_WRITES) - writes;
    printf("%u adds in %llu batches ", count, (unsigned long long)batches);
    CU_ASSERT(batches > 0 && batches < count / 10 + 2);
    ASSERT_INT64(writes, batches);
    recorder_close(&results);
}

static void the_stamp_is_that_of_the_znode(void)
{
    struct Stat stat;
    record first, last;

    begin("/batch/stamp", 3);
    for (unsigned i = 0; i < 3; i++) {
        submit_add(i, 1);
    }
    finish();
    first = recorder_get(&results, 0);
    last = recorder_get(&results, 2);
    REQUIRE(raw_exists(server_raw(), "/batch/stamp", &stat) == ZOK);
    ASSERT_INT64(first.stamp.czxid, stat.czxid);
    ASSERT_INT64(last.stamp.czxid, stat.czxid);
    ASSERT_INT64(last.stamp.mzxid, stat.mzxid);
    ASSERT_INT64(last.stamp.version, stat.version);
    recorder_close(&results);
}

static void all_kinds_run_one_after_another(void)
{
    begin("/batch/kinds", 9);
    submit_add(0, 5);
    submit_set(1, 10);
    submit_compare_set(2, 10, 20);
    submit_compare_set(3, 10, 30);
    submit_add(4, 1);
    submit_destroy(5);
    submit_compare_set(6, 21, 1);
    submit_destroy(7);
    submit_add(8, 3);
    finish();
    assert_result(0, CORRAL_OK, 5);
    assert_result(1, CORRAL_OK, 5);
    assert_result(2, CORRAL_OK, 10);
    assert_result(3, CORRAL_ECONFLICT, 20);
    assert_result(4, CORRAL_OK, 21);
    assert_result(5, CORRAL_OK, 0);
    assert_result(6, CORRAL_ENOENT, 0);
    assert_result(7, CORRAL_ENOENT, 0);
    assert_result(8, CORRAL_OK, 3);
    ASSERT_ZNODE("/batch/kinds", "3");
    recorder_close(&results);
}

static void a_failure_does_not_touch_its_neighbours(void)
{
    begin("/batch/range", 8);
    submit_set(0, INT64_MAX - 1);
    submit_add(1, 1);
    submit_add(2, 1);
    submit_add(3, -2);
    submit_set(4, INT64_MIN);
    submit_add(5, -1);
    submit_add(6, INT64_MIN);
    submit_add(7, 4);
    finish();
    assert_result(0, CORRAL_OK, 0);
    assert_result(1, CORRAL_OK, INT64_MAX);
    ASSERT_STATUS(recorder_get(&results, 2).status, CORRAL_ERANGE);
    assert_result(3, CORRAL_OK, INT64_MAX - 2);
    assert_result(4, CORRAL_OK, INT64_MAX - 2);
    ASSERT_STATUS(recorder_get(&results, 5).status, CORRAL_ERANGE);
    ASSERT_STATUS(recorder_get(&results, 6).status, CORRAL_ERANGE);
    assert_result(7, CORRAL_OK, INT64_MIN + 4);
    ASSERT_ZNODE("/batch/range", "-9223372036854775804");
    recorder_close(&results);
}

/* The batch was computed from a state that is gone when it arrives. */
static void a_lost_race_is_computed_anew(void)
{
    begin("/batch/race", 4);
    submit_add(0, 1);
    submit_compare_set(1, 1, 50);
    submit_compare_set(2, 8, 60);
    submit_add(3, 1);
    server_put("/batch/race", "7");
    finish();
    assert_result(0, CORRAL_OK, 8);
    assert_result(1, CORRAL_ECONFLICT, 8);
    assert_result(2, CORRAL_OK, 8);
    assert_result(3, CORRAL_OK, 61);
    CU_ASSERT(stats().lost_races > 0);
    ASSERT_ZNODE("/batch/race", "61");
    recorder_close(&results);
}

static void a_corrupt_znode_fails_the_whole_batch(void)
{
    begin("/batch/corrupt", 20);
    for (unsigned i = 0; i < 20; i++) {
        submit_add(i, 1);
    }
    server_put("/batch/corrupt", "12abc");
    finish();
    for (unsigned i = 0; i < 20; i++) {
        ASSERT_STATUS(recorder_get(&results, i).status, CORRAL_ECORRUPT);
    }
    ASSERT_ZNODE("/batch/corrupt", "12abc");
    recorder_close(&results);
}

static void no_callback_is_needed(void)
{
    int64_t value = 0;

    begin("/batch/floating", 1);
    for (int i = 0; i < 100; i++) {
        REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, NULL, NULL, NULL), CORRAL_OK);
    }
    submit_add(0, 1);
    finish();
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 101);
    recorder_close(&results);
}

struct chain {
    recorder ends;
    unsigned left;
};

/* Submit the next one from the callback of the last. */
static void go_on(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct chain *chain = arg;

    if (status == CORRAL_OK && --chain->left > 0) {
        status = corral_counter_add_async(counter, 1, CORRAL_FOREVER, go_on, chain, NULL);
        if (status == CORRAL_OK) {
            return;
        }
    }
    record_int64(status, value, stamp, &chain->ends.records[0]);
}

static void a_callback_may_submit(void)
{
    struct chain chain = {.left = 500};

    begin("/batch/chain", 1);
    recorder_open(&chain.ends, 1);
    REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, go_on, &chain, NULL), CORRAL_OK);
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&chain.ends, 1));
    ASSERT_STATUS(recorder_get(&chain.ends, 0).status, CORRAL_OK);
    ASSERT_INT64(recorder_get(&chain.ends, 0).value, 500);
    ASSERT_ZNODE("/batch/chain", "500");
    recorder_close(&chain.ends);
    recorder_close(&results);
}

static void threads_share_a_handle(void)
{
    enum { THREADS = 16 };
    unsigned adds = testing_scaled(500);
    corral_counter *counters[THREADS];
    workers_result result;
    uint64_t batches;

    counter = fixture_counter("/batch/threads");
    for (int i = 0; i < THREADS; i++) {
        counters[i] = counter;
    }
    batches = stats().batches;
    result = workers_add(counters, THREADS, adds);
    ASSERT_EXACT(&result, THREADS * adds, 0);
    CU_ASSERT(stats().batches - batches < THREADS * adds);
    workers_free(&result);
}

/* Submit 2 * @each adds of 1, on the counter's first handle and on @second in turn. */
static void submit_in_turn(corral_counter *second, unsigned each)
{
    for (unsigned i = 0; i < 2 * each; i++) {
        REQUIRE_STATUS(corral_counter_add_async(i % 2 == 0 ? counter : second, 1, CORRAL_FOREVER,
                                                record_int64, &results.records[i], NULL),
                       CORRAL_OK);
    }
}

static void handles_of_a_client_share_batches(void)
{
    unsigned each = testing_scaled(5000), broken = 0;
    corral_client_stats before;
    corral_counter *second;

    begin("/batch/handles", 2 * each);
    second = fixture_counter("/batch/handles");
    before = stats();
    submit_in_turn(second, each);
    finish();
    for (unsigned i = 0; i < 2 * each; i++) {
        record result = recorder_get(&results, i);

        broken += result.status != CORRAL_OK || result.order != i || result.value != i + 1;
    }
    ASSERT_INT64(broken, 0);
    ASSERT_INT64(stats().lost_races, before.lost_races);
    CU_ASSERT(stats().batches - before.batches < each / 10 + 2);
    ASSERT_STATUS(corral_counter_close(second), CORRAL_OK);
    recorder_close(&results);
}

static void closing_a_handle_ends_its_own_operations_only(void)
{
    unsigned each = testing_scaled(5000), broken = 0;
    corral_counter *second;

    begin("/batch/close", 2 * each);
    second = fixture_counter("/batch/close");
    submit_in_turn(second, each);
    /* The first add is on its way, all others are queued. */
    ASSERT_STATUS(corral_counter_close(second), CORRAL_OK);
    for (unsigned i = 1; i < 2 * each; i += 2) {
        broken += recorder_get(&results, i).status != CORRAL_ECLOSED;
    }
    finish();
    for (unsigned i = 0; i < 2 * each; i += 2) {
        record result = recorder_get(&results, i);

        broken += result.status != CORRAL_OK || result.value != i / 2 + 1;
    }
    ASSERT_INT64(broken, 0);
    recorder_close(&results);
}

static void handles_and_clients_share_a_counter(void)
{
    enum { THREADS = 12 };
    unsigned adds = testing_scaled(500);
    corral_client *others[2] = {server_client(server_connect()), server_client(proxy_servers(through))};
    corral_counter *counters[THREADS];
    workers_result result;

    for (int i = 0; i < THREADS; i++) {
        corral_client *owner = i % 3 < 2 ? others[i % 3] : client;

        REQUIRE_STATUS(corral_counter_open(owner, "/batch/clients", NULL, &counters[i]), CORRAL_OK);
    }
    result = workers_add(counters, THREADS, adds);
    ASSERT_EXACT(&result, THREADS * adds, 0);
    workers_free(&result);
    for (int i = 0; i < THREADS; i++) {
        ASSERT_STATUS(corral_counter_close(counters[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_client_close(others[0]), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(others[1]), CORRAL_OK);
}

static void many_counters_are_independent(void)
{
    enum { COUNTERS = 300, ADDS = 20 };
    corral_counter *counters[COUNTERS];
    unsigned broken = 0;
    char path[64];

    begin("/batch/many/0", COUNTERS * ADDS);
    for (int i = 0; i < COUNTERS; i++) {
        snprintf(path, sizeof path, "/batch/many/counter-%d", i);
        counters[i] = fixture_counter(path);
    }
    for (unsigned i = 0; i < COUNTERS * ADDS; i++) {
        REQUIRE_STATUS(corral_counter_add_async(counters[i % COUNTERS], i % COUNTERS, CORRAL_FOREVER,
                                                record_int64, &results.records[i], NULL),
                       CORRAL_OK);
    }
    finish();
    for (unsigned i = 0; i < COUNTERS * ADDS; i++) {
        record result = recorder_get(&results, i);

        broken += result.status != CORRAL_OK || result.value != (int64_t)(i % COUNTERS) * (i / COUNTERS + 1);
    }
    ASSERT_INT64(broken, 0);
    for (int i = 0; i < COUNTERS; i++) {
        ASSERT_STATUS(corral_counter_close(counters[i]), CORRAL_OK);
    }
    recorder_close(&results);
}

/* A reader beside the writers never sees the value go back, at any level. */
static void reads_never_go_back(void)
{
    unsigned count = testing_scaled(2000), backwards = 0;
    int64_t last = 0, value = 0;

    begin("/batch/reads", count);
    proxy_hold(through, 0);
    for (unsigned i = 0; i < count; i++) {
        submit_add(i, 1);
        if (i % 10 == 0) {
            REQUIRE_STATUS(corral_counter_get(counter, (corral_read)(i / 10 % 3), CORRAL_FOREVER, &value),
                           CORRAL_OK);
            backwards += value < last;
            last = value;
        }
    }
    REQUIRE(recorder_wait(&results, count));
    ASSERT_INT64(backwards, 0);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, count);
    recorder_close(&results);
}

static CU_TestInfo tests[] = {
    {"every add gets its own result in order", every_add_gets_its_own_result_in_order},
    {"the stamp is that of the znode", the_stamp_is_that_of_the_znode},
    {"all kinds run one after another", all_kinds_run_one_after_another},
    {"a failure does not touch its neighbours", a_failure_does_not_touch_its_neighbours},
    {"a lost race is computed anew", a_lost_race_is_computed_anew},
    {"a corrupt znode fails the whole batch", a_corrupt_znode_fails_the_whole_batch},
    {"no callback is needed", no_callback_is_needed},
    {"a callback may submit", a_callback_may_submit},
    {"threads share a handle", threads_share_a_handle},
    {"handles of a client share batches", handles_of_a_client_share_batches},
    {"closing a handle ends its own operations only", closing_a_handle_ends_its_own_operations_only},
    {"handles and clients share a counter", handles_and_clients_share_a_counter},
    {"many counters are independent", many_counters_are_independent},
    {"reads never go back", reads_never_go_back},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"combining", NULL, NULL, fixture_open, fixture_close, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * One client that does a little of everything on a sound server, for
 * scripts/mutants: a mutant that cannot do this would be found by anybody. So
 * it looks at what a user sees first, and no closer.
 */
#include <corral/counter.h>
#include <corral/ids.h>
#include <corral/lock.h>

#include "lib/events.h"
#include "lib/server.h"

enum { ADDS = 200, IDS = 10 };

static corral_client *client;
static corral_counter *counter;

static void setup(void)
{
    client = server_client(server_connect());
}

static void teardown(void)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
}

static corral_counter *open_counter(const char *path)
{
    corral_counter *opened = NULL;

    REQUIRE_STATUS(corral_counter_open(client, path, NULL, &opened), CORRAL_OK);
    return opened;
}

static void assert_value(corral_counter *of, int64_t expected)
{
    static const corral_read levels[] = {CORRAL_READ_LOCAL, CORRAL_READ_SYNC, CORRAL_READ_LINEARIZABLE};

    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        int64_t value = -1;

        ASSERT_STATUS(corral_counter_get(of, levels[i], CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, expected);
    }
}

static void assert_add(corral_counter *to, int64_t delta, int64_t expected)
{
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_add(to, delta, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

static void one_of_each(void)
{
    int64_t value = -1;

    counter = open_counter("/smoke/each");
    assert_add(counter, 5, 5);
    assert_value(counter, 5);
    ASSERT_STATUS(corral_counter_set(counter, -3, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 5);
    ASSERT_STATUS(corral_counter_compare_set(counter, -3, 40, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_compare_set(counter, -3, 50, CORRAL_FOREVER, &value), CORRAL_ECONFLICT);
    ASSERT_INT64(value, 40);
    assert_value(counter, 40);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_OK);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_ENOENT);
    assert_add(counter, 2, 2);
    assert_value(counter, 2);
}

static int twice(int64_t value, int64_t *ret_value, void *arg)
{
    (void)arg;
    *ret_value = 2 * value;
    return CORRAL_OK;
}

static void an_update(void)
{
    int64_t value = -1;

    counter = open_counter("/smoke/update");
    assert_add(counter, 21, 21);
    ASSERT_STATUS(corral_counter_update(counter, twice, NULL, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 42);
}

static void two_counters(void)
{
    corral_counter *other = open_counter("/smoke/other");

    counter = open_counter("/smoke/one");
    for (int i = 1; i <= 10; i++) {
        assert_add(counter, 1, i);
        assert_add(other, 100, 100 * i);
    }
    assert_value(counter, 10);
    assert_value(other, 1000);
    ASSERT_STATUS(corral_counter_close(other), CORRAL_OK);
}

static void a_subscription(void)
{
    corral_watch *watch = NULL;
    events seen;

    events_open(&seen);
    counter = open_counter("/smoke/subscribed");
    assert_add(counter, 1, 1);
    REQUIRE_STATUS(corral_counter_subscribe(counter, events_note_counter, &seen, &watch), CORRAL_OK);
    REQUIRE(events_wait(&seen, 1));
    ASSERT_INT64(events_last(&seen).number, 1);
    assert_add(counter, 1, 2);
    REQUIRE(events_wait(&seen, 2));
    ASSERT_INT64(events_last(&seen).number, 2);
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    events_close(&seen);
}

static void a_lock(void)
{
    corral_lock *lock = NULL;
    corral_txn *txn = NULL;

    REQUIRE_STATUS(corral_lock_open(client, "/smoke/lock", NULL, &lock), CORRAL_OK);
    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_txn_check(txn, "/smoke", CORRAL_VERSION_ANY), CORRAL_OK);
    for (int i = 0; i < 3; i++) {
        corral_grant *grant = NULL;

        REQUIRE_STATUS(corral_lock_acquire(lock, CORRAL_FOREVER, &grant), CORRAL_OK);
        CU_ASSERT(corral_grant_valid_ms(grant) > 0);
        ASSERT_STATUS(corral_grant_multi(grant, txn, CORRAL_FOREVER), CORRAL_OK);
        ASSERT_STATUS(corral_lock_release_wait(grant, CORRAL_FOREVER), CORRAL_OK);
        corral_grant_free(grant);
    }
    corral_txn_free(txn);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

static void ids_of_each_kind(void)
{
    static const char *const paths[] = {[CORRAL_IDS_BLOCK] = "/smoke/block",
                                        [CORRAL_IDS_SEQUENCE] = "/smoke/sequence",
                                        [CORRAL_IDS_ZNODE] = "/smoke/znode",
                                        [CORRAL_IDS_SNOWFLAKE] = "/smoke/snowflake"};

    for (corral_ids_kind kind = CORRAL_IDS_BLOCK; kind <= CORRAL_IDS_SNOWFLAKE; kind++) {
        corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
        corral_ids *ids = NULL;
        uint64_t got[IDS + 1] = {0};

        options.kind = kind;
        REQUIRE_STATUS(corral_ids_open(client, paths[kind], &options, &ids), CORRAL_OK);
        ASSERT_STATUS(corral_ids_next(ids, CORRAL_FOREVER, &got[0]), CORRAL_OK);
        ASSERT_STATUS(corral_ids_next_many(ids, IDS, CORRAL_FOREVER, &got[1]), CORRAL_OK);
        for (size_t i = 0; i < IDS; i++) {
            CU_ASSERT(got[i + 1] > got[i]);
        }
        ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    }
}

static void many_adds(void)
{
    recorder ends;

    counter = open_counter("/smoke/many");
    recorder_open(&ends, ADDS);
    for (unsigned i = 0; i < ADDS; i++) {
        ASSERT_STATUS(
            corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &ends.records[i], NULL),
            CORRAL_OK);
    }
    REQUIRE(recorder_wait(&ends, ADDS));
    for (unsigned i = 0; i < ADDS; i++) {
        ASSERT_STATUS(recorder_get(&ends, i).status, CORRAL_OK);
    }
    assert_value(counter, ADDS);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    recorder_close(&ends);
}

static CU_TestInfo tests[] = {
    {"one of each", one_of_each},
    {"an update", an_update},
    {"two counters", two_counters},
    {"a subscription", a_subscription},
    {"a lock", a_lock},
    {"IDs of each kind", ids_of_each_kind},
    {"200 adds", many_adds},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"smoke", NULL, NULL, setup, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

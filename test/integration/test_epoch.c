/**
 * What a handle remembers of a counter is worth nothing once the counter was
 * destroyed and made again, even at the very same version.
 */
#include <corral/counter.h>
#include <corral/value.h>

#include <stdio.h>
#include <string.h>

#include "epoch.h"
#include "lib/server.h"

static corral_client *clients[2];
static corral_counter *counters[2];
static proxy *through;

static void setup(void)
{
    through = proxy_open(server_connect());
    REQUIRE(through != NULL);
    clients[0] = server_client(proxy_servers(through));
    clients[1] = server_client(server_connect());
}

static void teardown(void)
{
    for (int i = 0; i < 2; i++) {
        ASSERT_STATUS(corral_counter_close(counters[i]), CORRAL_OK);
        counters[i] = NULL;
        ASSERT_STATUS(corral_client_close(clients[i]), CORRAL_OK);
    }
    proxy_close(through);
}

static void open_counters(const char *path, uint32_t flags)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;

    options.flags = flags;
    for (int i = 0; i < 2; i++) {
        REQUIRE_STATUS(corral_counter_open(clients[i], path, &options, &counters[i]), CORRAL_OK);
    }
}

static void assert_version(const char *path, int32_t version)
{
    struct Stat stat;

    REQUIRE(raw_exists(server_raw(), path, &stat) == ZOK);
    ASSERT_INT64(stat.version, version);
}

/* The first one knows 5 at version 1; then it is another counter, with @value at that version. */
static void go_stale(const char *path, uint32_t flags, int64_t value)
{
    open_counters(path, flags);
    ASSERT_STATUS(corral_counter_set(counters[1], 4, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counters[0], 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    assert_version(path, flags == 0 ? 1 : 2);
    ASSERT_STATUS(corral_counter_destroy(counters[1], CORRAL_FOREVER), CORRAL_OK);
    ASSERT_STATUS(corral_counter_set(counters[1], 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_set(counters[1], value, CORRAL_FOREVER, NULL), CORRAL_OK);
    assert_version(path, flags == 0 ? 1 : 2);
}

static void an_add_is_right(void)
{
    int64_t result = -1;

    go_stale("/epoch/add", 0, 1000);
    ASSERT_STATUS(corral_counter_add(counters[0], 1, CORRAL_FOREVER, &result), CORRAL_OK);
    ASSERT_INT64(result, 1001);
    ASSERT_ZNODE("/epoch/add", "1001");
}

static void an_add_at_most_once_is_right(void)
{
    int64_t result = -1;

    go_stale("/epoch/at-most-once", CORRAL_COUNTER_AT_MOST_ONCE, 1000);
    ASSERT_STATUS(corral_counter_add(counters[0], 1, CORRAL_FOREVER, &result), CORRAL_OK);
    ASSERT_INT64(result, 1001);
    ASSERT_ZNODE("/epoch/at-most-once", "1001");
}

/* This changes nothing, and is right nevertheless. */
static void a_compare_set_is_right(void)
{
    int64_t actual = -1;

    go_stale("/epoch/compare-set", 0, 1000);
    ASSERT_STATUS(corral_counter_compare_set(counters[0], 6, 7, CORRAL_FOREVER, &actual), CORRAL_ECONFLICT);
    ASSERT_INT64(actual, 1000);
}

static void a_destroy_is_right(void)
{
    go_stale("/epoch/destroy", 0, 1000);
    ASSERT_STATUS(corral_counter_destroy(counters[0], CORRAL_FOREVER), CORRAL_OK);
    ASSERT_STATUS(corral_counter_destroy(counters[1], CORRAL_FOREVER), CORRAL_ENOENT);
}

/* The state that a read brings is of the new counter, what is known of the epoch is not. */
static void a_read_in_between_makes_no_difference(void)
{
    int64_t result = -1;

    go_stale("/epoch/read", 0, 1000);
    ASSERT_STATUS(corral_counter_get(counters[0], CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &result),
                  CORRAL_OK);
    ASSERT_INT64(result, 1000);
    ASSERT_STATUS(corral_counter_destroy(counters[1], CORRAL_FOREVER), CORRAL_OK);
    ASSERT_STATUS(corral_counter_set(counters[1], 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_set(counters[1], 2000, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counters[0], 1, CORRAL_FOREVER, &result), CORRAL_OK);
    ASSERT_INT64(result, 2001);
}

/* Counters that share an epoch disturb each other's memory, nothing else. */
static void destroying_many_disturbs_nobody(void)
{
    unsigned rounds = testing_scaled(300);
    int64_t result = -1;

    open_counters("/epoch/kept", 0);
    for (unsigned i = 1; i <= rounds; i++) {
        char path[64];
        corral_counter *passing = NULL;

        snprintf(path, sizeof path, "/epoch/passing-%u", i);
        REQUIRE_STATUS(corral_counter_open(clients[1], path, NULL, &passing), CORRAL_OK);
        ASSERT_STATUS(corral_counter_add(passing, 7, CORRAL_FOREVER, &result), CORRAL_OK);
        ASSERT_STATUS(corral_counter_destroy(passing, CORRAL_FOREVER), CORRAL_OK);
        ASSERT_STATUS(corral_counter_close(passing), CORRAL_OK);
        ASSERT_STATUS(corral_counter_add(counters[0], 1, CORRAL_FOREVER, &result), CORRAL_OK);
        ASSERT_INT64(result, i);
    }
}

/* Make the first client add to a counter that shares the epoch of @path, and to no other one. */
static void add_to_neighbor(const char *path)
{
    static unsigned number;
    corral_counter *neighbor = NULL;
    char name[64];

    do {
        snprintf(name, sizeof name, "/epoch/neighbor-%u", number++);
    } while (corrali_epoch_of(name).index != corrali_epoch_of(path).index);
    REQUIRE_STATUS(corral_counter_open(clients[0], name, NULL, &neighbor), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(neighbor, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_close(neighbor), CORRAL_OK);
}

/* Of counters that share an epoch, it is read for the first one. */
static void an_epoch_is_read_once(void)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    uint64_t before;

    do {
        /* Once more if it took longer than the second for which it is remembered. */
        add_to_neighbor("/epoch/shared");
        before = proxy_count(through, PROXY_REQUESTS);
        add_to_neighbor("/epoch/shared");
    } while (proxy_count(through, PROXY_REQUESTS) != before + 2 && testing_now_ms() < until);
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), before + 2); /* the counter's state, the add */
}

/* The first one has read 5 at version 1; then it is another counter, and the epoch becomes known. */
static void a_read_of_before_is_not_of_that_epoch(void)
{
    const char *path = "/epoch/before";
    int64_t result = -1;

    open_counters(path, 0);
    ASSERT_STATUS(corral_counter_set(counters[1], 4, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_set(counters[1], 5, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_get(counters[0], CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &result),
                  CORRAL_OK);
    ASSERT_STATUS(corral_counter_destroy(counters[1], CORRAL_FOREVER), CORRAL_OK);
    ASSERT_STATUS(corral_counter_set(counters[1], 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_set(counters[1], 1000, CORRAL_FOREVER, NULL), CORRAL_OK);
    add_to_neighbor(path);
    ASSERT_STATUS(corral_counter_add(counters[0], 1, CORRAL_FOREVER, &result), CORRAL_OK);
    ASSERT_INT64(result, 1001);
    ASSERT_ZNODE(path, "1001");
}

static void nor_is_a_value_read_before(void)
{
    const char *path = "/epoch/value";
    corral_stamp stamp = {0};
    corral_value *values[2] = {NULL, NULL};
    void *data = NULL;
    size_t length;

    for (int i = 0; i < 2; i++) {
        REQUIRE_STATUS(corral_value_open(clients[i], path, NULL, &values[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_value_set(values[1], "old", 3, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(
        corral_value_get(values[0], CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &data, &length, &stamp),
        CORRAL_OK);
    corral_value_free(data);
    ASSERT_STATUS(corral_value_destroy(values[1], CORRAL_FOREVER), CORRAL_OK);
    ASSERT_STATUS(corral_value_set(values[1], "new", 3, CORRAL_FOREVER, NULL), CORRAL_OK);
    add_to_neighbor(path);
    ASSERT_STATUS(corral_value_compare_set(values[0], &stamp, "mine", 4, CORRAL_FOREVER, NULL),
                  CORRAL_ECONFLICT);
    ASSERT_ZNODE(path, "new");
    for (int i = 0; i < 2; i++) {
        ASSERT_STATUS(corral_value_close(values[i]), CORRAL_OK);
    }
}

static void delete_and_make_again(const char *path, const char *text)
{
    REQUIRE(raw_delete(server_raw(), path) == ZOK);
    REQUIRE(raw_create(server_raw(), path, "x", 1) == ZOK);
    REQUIRE(raw_set(server_raw(), path, text, (int)strlen(text)) == ZOK);
}

/* Other programs do not set epochs. Within a second, the damage is done, and told. */
static void assert_told(const char *path, bool lose_the_reply)
{
    proxy_rule rule = {.count = 1};
    int status = CORRAL_OK;
    int64_t result = -1;

    open_counters(path, 0);
    while (status == CORRAL_OK) {
        ASSERT_STATUS(corral_counter_set(counters[0], 4, CORRAL_FOREVER, NULL), CORRAL_OK);
        ASSERT_STATUS(corral_counter_set(counters[0], 5, CORRAL_FOREVER, NULL), CORRAL_OK);
        assert_version(path, 1);
        delete_and_make_again(path, "1000");
        proxy_cut(through, PROXY_AFTER, lose_the_reply ? &rule : NULL);
        status = corral_counter_add(counters[0], 1, CORRAL_FOREVER, &result);
        if (status == CORRAL_OK) {
            /* This machine is so busy that it was more than a second. */
            REQUIRE(result == 1001 && raw_delete(server_raw(), path) == ZOK);
        }
    }
    ASSERT_STATUS(status, CORRAL_EUNCERTAIN);
    ASSERT_ZNODE(path, "6");
    /* From then on it is the counter that it knows. */
    ASSERT_STATUS(corral_counter_add(counters[0], 1, CORRAL_FOREVER, &result), CORRAL_OK);
    ASSERT_INT64(result, 7);
}

static void an_unannounced_change_is_told(void)
{
    assert_told("/epoch/unannounced", false);
}

/* It was the reply that would have told. */
static void it_is_found_out_without_the_reply(void)
{
    corral_client_stats stats;

    assert_told("/epoch/unannounced-lost", true);
    ASSERT_STATUS(corral_client_get_stats(clients[0], &stats), CORRAL_OK);
    CU_ASSERT(stats.resends_applied >= 1);
}

/* After a second nothing remembered is trusted. */
static void what_has_been_idle_is_read_again(void)
{
    int64_t result = -1;

    open_counters("/epoch/idle", 0);
    ASSERT_STATUS(corral_counter_set(counters[0], 4, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_set(counters[0], 5, CORRAL_FOREVER, NULL), CORRAL_OK);
    delete_and_make_again("/epoch/idle", "1000");
    /* Nothing but time: an answer that does not come, for longer than that second. */
    proxy_hold(through, PROXY_HOLD_REPLIES);
    ASSERT_STATUS(corral_counter_get(counters[0], CORRAL_READ_LOCAL, 1100, &result), CORRAL_ETIMEDOUT);
    proxy_hold(through, 0);
    ASSERT_STATUS(corral_counter_add(counters[0], 1, CORRAL_FOREVER, &result), CORRAL_OK);
    ASSERT_INT64(result, 1001);
}

static void a_deleted_epoch_is_made_again(void)
{
    int64_t result = -1;

    open_counters("/epoch/deleted", 0);
    ASSERT_STATUS(corral_counter_set(counters[0], 5, CORRAL_FOREVER, NULL), CORRAL_OK);
    REQUIRE(raw_delete_below(server_raw(), "/corral/epochs") == ZOK);
    ASSERT_STATUS(corral_counter_add(counters[0], 1, CORRAL_FOREVER, &result), CORRAL_OK);
    ASSERT_INT64(result, 6);
    ASSERT_INT64(raw_count_below(server_raw(), "/corral/epochs"), 1);
}

static CU_TestInfo announced[] = {
    {"an add is right", an_add_is_right},
    {"an add at most once is right", an_add_at_most_once_is_right},
    {"a compare_set is right", a_compare_set_is_right},
    {"a destroy is right", a_destroy_is_right},
    {"a read in between makes no difference", a_read_in_between_makes_no_difference},
    {"destroying many disturbs nobody", destroying_many_disturbs_nobody},
    {"a deleted epoch is made again", a_deleted_epoch_is_made_again},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo shared[] = {
    {"an epoch is read once", an_epoch_is_read_once},
    {"a read of before is not of that epoch", a_read_of_before_is_not_of_that_epoch},
    {"nor is a value read before", nor_is_a_value_read_before},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo unannounced[] = {
    {"an unannounced change is told", an_unannounced_change_is_told},
    {"it is found out without the reply", it_is_found_out_without_the_reply},
    {"what has been idle is read again", what_has_been_idle_is_read_again},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"destroyed by Corral", NULL, NULL, setup, teardown, announced},
    {"known from another counter", NULL, NULL, setup, teardown, shared},
    {"deleted by others", NULL, NULL, setup, teardown, unannounced},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

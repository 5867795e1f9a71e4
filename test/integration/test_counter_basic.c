/**
 * A counter's operations, one at a time: values, what is in the znode, what is
 * refused. Combining is test_counter_batch's, faults are test_exactly_once's.
 */
#include <corral/counter.h>

#include <stdio.h>
#include <string.h>

#include "lib/server.h"

static corral_client *client;
static corral_counter *counter;

static const corral_read levels[] = {CORRAL_READ_LOCAL, CORRAL_READ_SYNC, CORRAL_READ_LINEARIZABLE};
#define LEVELS (sizeof levels / sizeof *levels)

static void setup(void)
{
    client = server_client(server_connect());
}

/* All closed, nothing of the client's own may be left: not the lanes, not its directory. */
static void teardown(void)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    if (raw_exists(server_raw(), "/corral/writers", NULL) == ZOK) {
        ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 0);
    }
}

static corral_counter *open_counter(const char *path, uint32_t flags)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
    corral_counter *result = NULL;

    options.flags = flags;
    REQUIRE_STATUS(corral_counter_open(client, path, &options, &result), CORRAL_OK);
    return result;
}

static int64_t add(int64_t delta)
{
    int64_t value = INT64_MIN;

    ASSERT_STATUS(corral_counter_add(counter, delta, CORRAL_FOREVER, &value), CORRAL_OK);
    return value;
}

static void add_makes_the_counter_and_its_parents(void)
{
    counter = open_counter("/basic/made/as/deep/as/need/be", 0);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/basic/made", NULL), ZNONODE);
    ASSERT_INT64(add(5), 5);
    ASSERT_ZNODE("/basic/made/as/deep/as/need/be", "5");
    ASSERT_INT64(add(5), 10);
    ASSERT_INT64(add(-17), -7);
    ASSERT_ZNODE("/basic/made/as/deep/as/need/be", "-7");
    ASSERT_INT64(add(0), -7);
    ASSERT_STATUS(corral_counter_add(counter, 7, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_ZNODE("/basic/made/as/deep/as/need/be", "0");
    ASSERT_ZNODE("/basic/made", "");
}

static void add_at_most_once_needs_no_lane(void)
{
    counter = open_counter("/basic/at-most-once/made", CORRAL_COUNTER_AT_MOST_ONCE);
    ASSERT_INT64(add(5), 5);
    ASSERT_INT64(add(5), 10);
    ASSERT_ZNODE("/basic/at-most-once/made", "10");
    CU_ASSERT(raw_count_below(server_raw(), "/corral/writers") <= 0);
}

static void exactly_once_keeps_its_lane_under_home(void)
{
    counter = open_counter("/basic/lane", 0);
    add(1);
    /* The client's directory, the sign of life, and one lane. */
    ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 3);
    for (int i = 0; i < 10; i++) {
        add(1);
    }
    ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 3);
}

static void get_reads_at_every_level(void)
{
    counter = open_counter("/basic/get", 0);
    for (size_t i = 0; i < LEVELS; i++) {
        int64_t value = -1;

        ASSERT_STATUS(corral_counter_get(counter, levels[i], CORRAL_FOREVER, &value), CORRAL_ENOENT);
        ASSERT_INT64(value, -1);
    }
    add(3);
    for (size_t i = 0; i < LEVELS; i++) {
        int64_t value = -1;

        ASSERT_STATUS(corral_counter_get(counter, levels[i], CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, 3);
    }
}

static void get_sees_what_others_wrote(void)
{
    counter = open_counter("/basic/get-others", 0);
    add(3);
    for (size_t i = 0; i < LEVELS; i++) {
        char text[32];
        int64_t value = -1;

        snprintf(text, sizeof text, "-%zu00", i + 1);
        server_put("/basic/get-others", text);
        ASSERT_STATUS(corral_counter_get(counter, levels[i], CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, -100 * (int64_t)(i + 1));
    }
}

static void get_tells_the_place_in_history(void)
{
    struct Stat stat;
    recorder results;

    counter = open_counter("/basic/get-stamp", 0);
    add(1);
    add(1);
    REQUIRE(raw_exists(server_raw(), "/basic/get-stamp", &stat) == ZOK);
    recorder_open(&results, LEVELS);
    for (unsigned i = 0; i < LEVELS; i++) {
        REQUIRE_STATUS(corral_counter_get_async(counter, levels[i], CORRAL_FOREVER, record_int64,
                                                &results.records[i], NULL),
                       CORRAL_OK);
    }
    REQUIRE(recorder_wait(&results, LEVELS));
    for (unsigned i = 0; i < LEVELS; i++) {
        record result = recorder_get(&results, i);

        ASSERT_STATUS(result.status, CORRAL_OK);
        ASSERT_INT64(result.value, 2);
        ASSERT_INT64(result.stamp.czxid, stat.czxid);
        ASSERT_INT64(result.stamp.mzxid, stat.mzxid);
        ASSERT_INT64(result.stamp.version, stat.version);
    }
    recorder_close(&results);
}

static void set_tells_the_value_before(void)
{
    int64_t previous = -1;

    counter = open_counter("/basic/set/made", 0);
    ASSERT_STATUS(corral_counter_set(counter, 42, CORRAL_FOREVER, &previous), CORRAL_OK);
    ASSERT_INT64(previous, 0);
    ASSERT_ZNODE("/basic/set/made", "42");
    ASSERT_STATUS(corral_counter_set(counter, INT64_MIN, CORRAL_FOREVER, &previous), CORRAL_OK);
    ASSERT_INT64(previous, 42);
    ASSERT_ZNODE("/basic/set/made", "-9223372036854775808");
    ASSERT_STATUS(corral_counter_set(counter, INT64_MAX, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_ZNODE("/basic/set/made", "9223372036854775807");
}

static void compare_set_sets_only_what_was_expected(void)
{
    int64_t actual = -1;

    counter = open_counter("/basic/cas", 0);
    ASSERT_STATUS(corral_counter_compare_set(counter, 0, 1, CORRAL_FOREVER, &actual), CORRAL_ENOENT);
    ASSERT_INT64(actual, -1);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/basic/cas", NULL), ZNONODE);
    add(10);
    ASSERT_STATUS(corral_counter_compare_set(counter, 9, 1, CORRAL_FOREVER, &actual), CORRAL_ECONFLICT);
    ASSERT_INT64(actual, 10);
    ASSERT_ZNODE("/basic/cas", "10");
    ASSERT_STATUS(corral_counter_compare_set(counter, 9, 1, CORRAL_FOREVER, NULL), CORRAL_ECONFLICT);
    ASSERT_STATUS(corral_counter_compare_set(counter, 10, -1, CORRAL_FOREVER, &actual), CORRAL_OK);
    ASSERT_INT64(actual, 10);
    ASSERT_ZNODE("/basic/cas", "-1");
}

/* What the handle remembers must not decide: only what the znode holds. */
static void compare_set_asks_the_server(void)
{
    int64_t actual = -1;

    counter = open_counter("/basic/cas-others", 0);
    add(10);
    server_put("/basic/cas-others", "11");
    ASSERT_STATUS(corral_counter_compare_set(counter, 10, 1, CORRAL_FOREVER, &actual), CORRAL_ECONFLICT);
    ASSERT_INT64(actual, 11);
    server_put("/basic/cas-others", "12");
    ASSERT_STATUS(corral_counter_compare_set(counter, 12, 1, CORRAL_FOREVER, &actual), CORRAL_OK);
    ASSERT_INT64(actual, 12);
    REQUIRE(raw_delete(server_raw(), "/basic/cas-others") == ZOK);
    ASSERT_STATUS(corral_counter_compare_set(counter, 1, 2, CORRAL_FOREVER, &actual), CORRAL_ENOENT);
    server_put("/basic/cas-others", "13");
    ASSERT_STATUS(corral_counter_compare_set(counter, 13, 1, CORRAL_FOREVER, &actual), CORRAL_OK);
    ASSERT_ZNODE("/basic/cas-others", "1");
}

static void add_goes_on_from_what_others_wrote(void)
{
    counter = open_counter("/basic/others", 0);
    ASSERT_INT64(add(1), 1);
    server_put("/basic/others", "100");
    ASSERT_INT64(add(1), 101);
    ASSERT_ZNODE("/basic/others", "101");
}

static void destroy_deletes_and_the_handle_stays(void)
{
    int64_t value = -1;

    counter = open_counter("/basic/destroy", 0);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_ENOENT);
    add(9);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_OK);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/basic/destroy", NULL), ZNONODE);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_ENOENT);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_ENOENT);
    ASSERT_INT64(add(2), 2);
    ASSERT_ZNODE("/basic/destroy", "2");
}

static void destroy_spares_a_counter_with_children(void)
{
    counter = open_counter("/basic/parent", 0);
    add(9);
    server_put("/basic/parent/child", "1");
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_ECONFLICT);
    ASSERT_ZNODE("/basic/parent", "9");
    ASSERT_INT64(add(1), 10);
    REQUIRE(raw_delete(server_raw(), "/basic/parent/child") == ZOK);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_OK);
}

static void survives_deletion_under_the_handle(void)
{
    int64_t value = -1;

    counter = open_counter("/basic/under/handle", 0);
    add(9);
    REQUIRE(raw_delete(server_raw(), "/basic/under/handle") == ZOK);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_ENOENT);
    ASSERT_INT64(add(2), 2);

    REQUIRE(raw_delete(server_raw(), "/basic/under/handle") == ZOK);
    REQUIRE(raw_delete(server_raw(), "/basic/under") == ZOK);
    ASSERT_INT64(add(3), 3);

    REQUIRE(raw_delete(server_raw(), "/basic/under/handle") == ZOK);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_ENOENT);

    add(4);
    REQUIRE(raw_delete(server_raw(), "/basic/under/handle") == ZOK);
    ASSERT_STATUS(corral_counter_set(counter, 6, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 0);
    ASSERT_ZNODE("/basic/under/handle", "6");
}

static void never_leaves_64_bits(void)
{
    int64_t value = -1;

    counter = open_counter("/basic/range", 0);
    ASSERT_INT64(add(INT64_MAX), INT64_MAX);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_INT64(value, -1);
    ASSERT_ZNODE("/basic/range", "9223372036854775807");
    ASSERT_INT64(add(0), INT64_MAX);
    ASSERT_INT64(add(INT64_MIN), -1);
    ASSERT_INT64(add(-INT64_MAX), INT64_MIN);
    ASSERT_STATUS(corral_counter_add(counter, -1, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_STATUS(corral_counter_add(counter, INT64_MIN, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_ZNODE("/basic/range", "-9223372036854775808");
}

static void two_handles_share_a_counter(void)
{
    corral_counter *first = open_counter("/basic/shared", 0);
    int64_t value = -1;

    counter = open_counter("/basic/shared", CORRAL_COUNTER_AT_MOST_ONCE);
    for (int64_t i = 0; i < 20; i += 2) {
        ASSERT_STATUS(corral_counter_add(first, 1, CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, i + 1);
        ASSERT_INT64(add(1), i + 2);
    }
    ASSERT_STATUS(corral_counter_close(first), CORRAL_OK);
    ASSERT_INT64(add(1), 21);
}

/* What a znode may not hold, and that nothing of it is touched. */
static void assert_corrupt(const char *path, const char *data, int length)
{
    struct Stat before, after;
    int64_t value = -1;

    server_put(path, "");
    REQUIRE(raw_set(server_raw(), path, data, length) == ZOK);
    REQUIRE(raw_exists(server_raw(), path, &before) == ZOK);
    for (size_t i = 0; i < LEVELS; i++) {
        ASSERT_STATUS(corral_counter_get(counter, levels[i], CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    }
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_set(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_compare_set(counter, 0, 1, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_ECORRUPT);
    ASSERT_INT64(value, -1);
    REQUIRE(raw_exists(server_raw(), path, &after) == ZOK);
    ASSERT_INT64(after.mzxid, before.mzxid);
}

static void refuses_what_is_no_number(void)
{
    static const char *const payloads[] = {
        "12abc",
        "",
        "9223372036854775808",
        "-9223372036854775809",
        " 5",
        "5 ",
        "5\n",
        "-",
        "--5",
        "+5",
        "1.0",
        "0x1",
        "99999999999999999999",
        "1e3",
        "five",
        "5-",
    };

    counter = open_counter("/basic/corrupt", 0);
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        assert_corrupt("/basic/corrupt", payloads[i], (int)strlen(payloads[i]));
    }
    assert_corrupt("/basic/corrupt", "5\0", 2);
    assert_corrupt("/basic/corrupt", "\0\0\0\0\0\0\0\5", 8);
    assert_corrupt("/basic/corrupt", NULL, -1);
    server_put("/basic/corrupt", "5");
    ASSERT_INT64(add(1), 6);
}

/* The same when the handle believes to know the value, and has an operation to send. */
static void notices_corruption_under_the_handle(void)
{
    counter = open_counter("/basic/corrupted", 0);
    for (int i = 0; i < 3; i++) {
        server_put("/basic/corrupted", "7");
        ASSERT_INT64(add(1), 8);
        assert_corrupt("/basic/corrupted", "12abc", 5);
    }
}

static void understands_every_number(void)
{
    counter = open_counter("/basic/numbers", 0);
    server_put("/basic/numbers", "9223372036854775806");
    ASSERT_INT64(add(1), INT64_MAX);
    server_put("/basic/numbers", "-9223372036854775808");
    ASSERT_INT64(add(0), INT64_MIN);
    server_put("/basic/numbers", "0");
    ASSERT_INT64(add(0), 0);
}

static void unusual_paths_work(void)
{
    static const char *const paths[] = {"/a b", "/...", "/.a", "/a..", "/a,b:c?*", "/\xc3\xa9/\xe2\x82\xac"};
    char longest[1024] = "/";

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        counter = open_counter(paths[i], 0);
        ASSERT_INT64(add(1), 1);
        ASSERT_ZNODE(paths[i], "1");
        ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    }
    memset(longest + 1, 'x', sizeof longest - 2);
    counter = open_counter(longest, 0);
    ASSERT_INT64(add(1), 1);
    ASSERT_ZNODE(longest, "1");
}

static void asynchronous_forms_do_the_same(void)
{
    recorder results;
    enum { ADD, SET, EQUAL, OTHER, GET, DESTROY, ABSENT, COUNT };
    record *r;

    counter = open_counter("/basic/async", 0);
    recorder_open(&results, COUNT);
    r = results.records;
    ASSERT_STATUS(corral_counter_add_async(counter, 5, CORRAL_FOREVER, record_int64, &r[ADD], NULL),
                  CORRAL_OK);
    REQUIRE(recorder_wait(&results, 1));
    ASSERT_STATUS(corral_counter_set_async(counter, 7, CORRAL_FOREVER, record_int64, &r[SET], NULL),
                  CORRAL_OK);
    REQUIRE(recorder_wait(&results, 2));
    ASSERT_STATUS(
        corral_counter_compare_set_async(counter, 7, 8, CORRAL_FOREVER, record_int64, &r[EQUAL], NULL),
        CORRAL_OK);
    REQUIRE(recorder_wait(&results, 3));
    ASSERT_STATUS(
        corral_counter_compare_set_async(counter, 7, 9, CORRAL_FOREVER, record_int64, &r[OTHER], NULL),
        CORRAL_OK);
    REQUIRE(recorder_wait(&results, 4));
    ASSERT_STATUS(corral_counter_get_async(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, record_int64,
                                           &r[GET], NULL),
                  CORRAL_OK);
    REQUIRE(recorder_wait(&results, 5));
    ASSERT_STATUS(corral_counter_destroy_async(counter, CORRAL_FOREVER, record_status, &r[DESTROY], NULL),
                  CORRAL_OK);
    REQUIRE(recorder_wait(&results, 6));
    ASSERT_STATUS(corral_counter_destroy_async(counter, CORRAL_FOREVER, record_status, &r[ABSENT], NULL),
                  CORRAL_OK);
    REQUIRE(recorder_wait(&results, COUNT));

    static const struct {
        int status;
        int64_t value;
    } expected[COUNT] = {{CORRAL_OK, 5}, {CORRAL_OK, 5}, {CORRAL_OK, 7},    {CORRAL_ECONFLICT, 8},
                         {CORRAL_OK, 8}, {CORRAL_OK, 0}, {CORRAL_ENOENT, 0}};
    for (unsigned i = 0; i < COUNT; i++) {
        record result = recorder_get(&results, i);

        ASSERT_STATUS(result.status, expected[i].status);
        ASSERT_INT64(result.value, expected[i].value);
        ASSERT_INT64(result.calls, 1);
    }
    recorder_close(&results);
}

static CU_TestInfo values[] = {
    {"add makes the counter and its parents", add_makes_the_counter_and_its_parents},
    {"add at most once needs no lane", add_at_most_once_needs_no_lane},
    {"exactly once keeps its lane under home", exactly_once_keeps_its_lane_under_home},
    {"get reads at every level", get_reads_at_every_level},
    {"get sees what others wrote", get_sees_what_others_wrote},
    {"get tells the place in history", get_tells_the_place_in_history},
    {"set tells the value before", set_tells_the_value_before},
    {"compare_set sets only what was expected", compare_set_sets_only_what_was_expected},
    {"compare_set asks the server", compare_set_asks_the_server},
    {"add goes on from what others wrote", add_goes_on_from_what_others_wrote},
    {"two handles share a counter", two_handles_share_a_counter},
    {"unusual paths work", unusual_paths_work},
    {"asynchronous forms do the same", asynchronous_forms_do_the_same},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo limits[] = {
    {"destroy deletes and the handle stays", destroy_deletes_and_the_handle_stays},
    {"destroy spares a counter with children", destroy_spares_a_counter_with_children},
    {"survives deletion under the handle", survives_deletion_under_the_handle},
    {"never leaves 64 bits", never_leaves_64_bits},
    {"refuses what is no number", refuses_what_is_no_number},
    {"notices corruption under the handle", notices_corruption_under_the_handle},
    {"understands every number", understands_every_number},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"counter values", NULL, NULL, setup, teardown, values},
    {"counter limits", NULL, NULL, setup, teardown, limits},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

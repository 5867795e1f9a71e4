/**
 * Versions are 32 bits wide, and -1 matches any. Counters that have been
 * through years of use, made by putting versions into the data of a server at
 * rest.
 */
#include <corral/counter.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/aged.h"
#include "lib/events.h"
#include "lib/fixture.h"

/* The counters, all at 100, and the versions that they get. */
static const struct {
    const char *path;
    const char *version;
} prepared[] = {
    {"/wrap/sign", "2147483644"}, {"/wrap/minus-5", "-5"},      {"/wrap/at-most-once", "-4"},
    {"/wrap/minus-1", "-1"},      {"/wrap/children", "-2"},     {"/wrap/acl", "-2"},
    {"/wrap/reply-lost", "-2"},   {"/wrap/request-lost", "-2"}, {"/wrap/destroy", "-2"},
    {"/wrap/many", "-3"},         {"/wrap/masked", "-2"},
};

enum { PREPARED = sizeof prepared / sizeof *prepared };

static void prepare(void)
{
    static bool done;
    char changes[PREPARED][AGED_CHANGE_SIZE];

    if (done) {
        return;
    }
    done = true;
    for (size_t i = 0; i < PREPARED; i++) {
        server_put(prepared[i].path, "100");
        snprintf(changes[i], sizeof changes[i], "%s=%s", prepared[i].path, prepared[i].version);
    }
    REQUIRE(raw_create(server_raw(), "/wrap/children/child", "", 0) == ZOK);
    aged_make(changes, PREPARED);
}

static void setup(void)
{
    prepare();
    fixture_open();
}

static void begin(const char *path, uint32_t flags)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;

    options.flags = flags;
    REQUIRE_STATUS(corral_counter_open(client, path, &options, &counter), CORRAL_OK);
}

static struct Stat stat_of(const char *path)
{
    struct Stat stat = {0};

    REQUIRE(raw_exists(server_raw(), path, &stat) == ZOK);
    return stat;
}

static void assert_add(int64_t expected)
{
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

/* Four processes, four adds each. */
static void hammer(const char *path)
{
    char command[256];

    setenv("CORRAL_SERVERS", server_connect(), 1);
    snprintf(command, sizeof command, "examples/hammer --processes 4 --threads 1 --adds 4 %s >/dev/null",
             path);
    ASSERT_INT64(system(command), 0);
    unsetenv("CORRAL_SERVERS");
}

static void past_the_greatest(void)
{
    hammer("/wrap/sign");
    ASSERT_ZNODE("/wrap/sign", "116");
    ASSERT_INT64(stat_of("/wrap/sign").version, INT32_MIN + 12);
}

static void past_the_last(void)
{
    int64_t czxid = stat_of("/wrap/minus-5").czxid;

    begin("/wrap/minus-5", 0);
    REQUIRE_STATUS(corral_counter_subscribe(counter, events_note_counter, &noted, &watch), CORRAL_OK);
    hammer("/wrap/minus-5");
    REQUIRE(events_wait_value(&noted, "116"));
    ASSERT_FORWARD(&noted);
    ASSERT_ZNODE("/wrap/minus-5", "116");
    /* To -4, -3, -2; then made anew at 0, and 12 more. */
    ASSERT_INT64(stat_of("/wrap/minus-5").version, 12);
    CU_ASSERT(stat_of("/wrap/minus-5").czxid > czxid);
}

static void the_stamps_go_on(void)
{
    corral_stamp last = {0};
    recorder results;

    begin("/wrap/many", 0);
    REQUIRE_STATUS(corral_counter_subscribe(counter, events_note_counter, &noted, &watch), CORRAL_OK);
    REQUIRE(events_wait_value(&noted, "100"));
    for (unsigned i = 0; i < 4; i++) {
        record result;

        recorder_open(&results, 1);
        REQUIRE_STATUS(
            corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[0], NULL),
            CORRAL_OK);
        REQUIRE(recorder_wait(&results, 1));
        result = recorder_get(&results, 0);
        ASSERT_INT64(result.value, 101 + i);
        CU_ASSERT(result.stamp.mzxid > last.mzxid && result.stamp.czxid >= last.czxid);
        ASSERT_INT64(result.stamp.version, i == 0 ? -2 : (int)i - 1);
        last = result.stamp;
        ASSERT_INT64(last.mzxid, stat_of("/wrap/many").mzxid);
        ASSERT_INT64(last.czxid, stat_of("/wrap/many").czxid);
        recorder_close(&results);
        /* Each value that stays is seen, also that of the new znode, as one change. */
        REQUIRE(events_wait(&noted, i + 2));
        ASSERT_INT64(events_last(&noted).number, 101 + i);
        ASSERT_INT64(events_last(&noted).skipped, 0);
    }
    ASSERT_INT64(events_count(&noted), 5);
    ASSERT_FORWARD(&noted);
}

static void without_a_lane(void)
{
    begin("/wrap/at-most-once", CORRAL_COUNTER_AT_MOST_ONCE);
    for (int64_t value = 101; value <= 106; value++) {
        assert_add(value);
    }
    ASSERT_ZNODE("/wrap/at-most-once", "106");
    CU_ASSERT(stat_of("/wrap/at-most-once").version >= 0);
}

/* Whatever was tried there would be applied to any version. */
static void minus_1_is_refused(void)
{
    int64_t value = -1;

    begin("/wrap/minus-1", 0);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_EEXHAUSTED);
    ASSERT_STATUS(corral_counter_set(counter, 1, CORRAL_FOREVER, &value), CORRAL_EEXHAUSTED);
    ASSERT_STATUS(corral_counter_compare_set(counter, 100, 2, CORRAL_FOREVER, &value), CORRAL_EEXHAUSTED);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_EEXHAUSTED);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 100);
    ASSERT_ZNODE("/wrap/minus-1", "100");
    /* Whoever brings it on ends that. */
    REQUIRE(raw_set(server_raw(), "/wrap/minus-1", "100", 3) == ZOK);
    assert_add(101);
}

static void a_parent_cannot_be_replaced(void)
{
    begin("/wrap/children", 0);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_EEXHAUSTED);
    ASSERT_ZNODE("/wrap/children", "100");
    REQUIRE(raw_delete(server_raw(), "/wrap/children/child") == ZOK);
    assert_add(101);
    ASSERT_INT64(stat_of("/wrap/children").version, 0);
}

static void the_acl_is_kept(void)
{
    struct ACL entries[] = {{.perms = ZOO_PERM_READ, .id = {"ip", "10.1.2.3"}},
                            {.perms = ZOO_PERM_ALL, .id = {"world", "anyone"}}};
    struct ACL_vector acl = {.count = 2, .data = entries};
    struct ACL_vector found = {0};

    REQUIRE(raw_set_acl(server_raw(), "/wrap/acl", &acl) == ZOK);
    begin("/wrap/acl", 0);
    assert_add(101);
    ASSERT_INT64(stat_of("/wrap/acl").version, 0);
    REQUIRE(raw_get_acl(server_raw(), "/wrap/acl", &found) == ZOK);
    ASSERT_INT64(found.count, 2);
    for (int i = 0; i < 2 && i < found.count; i++) {
        CU_ASSERT_STRING_EQUAL(found.data[i].id.scheme, entries[i].id.scheme);
        CU_ASSERT_STRING_EQUAL(found.data[i].id.id, entries[i].id.id);
        ASSERT_INT64(found.data[i].perms, entries[i].perms);
    }
    deallocate_ACL_vector(&found);
}

/* Whoever may not administer it is not shown the digest, so cannot make it again. */
static void a_masked_acl_is_not_lost(void)
{
    struct ACL entries[] = {{.perms = ZOO_PERM_ALL, .id = {"digest", "ops:abcdefghijklmnopqrstuvwxyz0="}},
                            {.perms = ZOO_PERM_READ | ZOO_PERM_WRITE, .id = {"world", "anyone"}}};
    struct ACL_vector acl = {.count = 2, .data = entries};
    int64_t czxid = stat_of("/wrap/masked").czxid;

    REQUIRE(raw_set_acl(server_raw(), "/wrap/masked", &acl) == ZOK);
    begin("/wrap/masked", 0);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_EACCES);
    ASSERT_ZNODE("/wrap/masked", "100");
    ASSERT_INT64(stat_of("/wrap/masked").czxid, czxid);
}

static void lose(proxy_place place, const char *path)
{
    proxy_rule rule = {.count = 1};

    begin(path, 0);
    /* So that there are lane and epoch, and the next write is the replacement. */
    ASSERT_STATUS(corral_counter_compare_set(counter, 1, 2, CORRAL_FOREVER, NULL), CORRAL_ECONFLICT);
    proxy_cut(through, place, &rule);
    assert_add(101);
    ASSERT_INT64(proxy_count(through, place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE), 1);
    assert_add(102);
    ASSERT_ZNODE(path, "102");
    ASSERT_INT64(stat_of(path).version, 1);
}

static void a_lost_reply(void)
{
    lose(PROXY_AFTER, "/wrap/reply-lost");
}

static void a_lost_request(void)
{
    lose(PROXY_BEFORE, "/wrap/request-lost");
}

static void a_destroy(void)
{
    begin("/wrap/destroy", 0);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_OK);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/wrap/destroy", NULL), ZNONODE);
    assert_add(1);
}

static CU_TestInfo tests[] = {
    {"past the greatest", past_the_greatest},
    {"past the last", past_the_last},
    {"the stamps go on", the_stamps_go_on},
    {"without a lane", without_a_lane},
    {"-1 is refused", minus_1_is_refused},
    {"a parent cannot be replaced", a_parent_cannot_be_replaced},
    {"the ACL is kept", the_acl_is_kept},
    {"a masked ACL is not lost", a_masked_acl_is_not_lost},
    {"a lost reply", a_lost_reply},
    {"a lost request", a_lost_request},
    {"a destroy", a_destroy},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"version wrap", NULL, NULL, setup, fixture_close, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

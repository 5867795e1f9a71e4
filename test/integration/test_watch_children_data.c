/**
 * Subscriptions to a znode's children together with their data.
 */
#include <corral/watch.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "lib/events.h"
#include "lib/fixture.h"
#include "watch.h"

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    corrali_watched_check_ms = 30000;
    fixture_close();
}

static void delete_znode(const char *path)
{
    REQUIRE(raw_delete(server_raw(), path) == ZOK);
}

static void begin(const char *path, const char *children)
{
    watch = fixture_subscribe_children(path, CORRAL_WATCH_CHILDREN_DATA, &noted);
    REQUIRE(events_wait_value(&noted, children));
}

/* --- states --- */

static void names_come_with_data(void)
{
    event first;
    event second;

    server_put("/family/first/b", "2");
    server_put("/family/first/a", "1");
    server_put("/family/first/c", "");
    begin("/family/first", "a=1 b=2 c=");
    first = events_get(&noted, 0);
    ASSERT_INT64(events_count(&noted), 1);
    ASSERT_INT64(first.length, 3);
    ASSERT_INT64(first.stamp.version, 3);
    server_put("/family/first/b", "3");
    REQUIRE(events_wait_value(&noted, "a=1 b=3 c="));
    second = events_get(&noted, 1);
    ASSERT_INT64(second.stamp.mzxid, first.stamp.mzxid);
    ASSERT_INT64(second.skipped, 0);
    ASSERT_INT64(events_count(&noted), 2);
}

static void children_come_and_go(void)
{
    begin("/family/living", NULL);
    server_put("/family/living", "");
    REQUIRE(events_wait_value(&noted, ""));
    server_put("/family/living/a", "1");
    REQUIRE(events_wait_value(&noted, "a=1"));
    server_put("/family/living/b", "2");
    REQUIRE(events_wait_value(&noted, "a=1 b=2"));
    delete_znode("/family/living/a");
    REQUIRE(events_wait_value(&noted, "b=2"));
    server_put("/family/living/a", "3");
    REQUIRE(events_wait_value(&noted, "a=3 b=2"));
    /* What is a part of a state has not made one of its own. */
    ASSERT_INT64(events_count(&noted), 6);
    ASSERT_INT64(events_changes(&noted), 5);
    REQUIRE(raw_delete_below(server_raw(), "/family/living") == ZOK);
    delete_znode("/family/living");
    REQUIRE(events_wait_value(&noted, NULL));
}

/* A child's data are read once, whoever wants them. */
static void all_share_the_watches(void)
{
    corral_watch *others[2];
    events more[2];
    uint64_t requests;

    events_open(&more[0]);
    events_open(&more[1]);
    server_put("/family/shared/a", "1");
    server_put("/family/shared/b", "1");
    others[0] = fixture_subscribe("/family/shared/a", &more[0]);
    REQUIRE(events_wait_value(&more[0], "1"));
    requests = proxy_count(through, PROXY_REQUESTS);
    begin("/family/shared", "a=1 b=1");
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), requests + 2);
    others[1] = fixture_subscribe_children("/family/shared", CORRAL_WATCH_CHILDREN_DATA, &more[1]);
    REQUIRE(events_wait_value(&more[1], "a=1 b=1"));
    server_put("/family/shared/a", "2");
    REQUIRE(events_wait_value(&more[0], "2"));
    REQUIRE(events_wait_value(&more[1], "a=2 b=1"));
    REQUIRE(events_wait_value(&noted, "a=2 b=1"));
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), requests + 3);
    /* It lives on when the others do not. */
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    watch = NULL;
    ASSERT_STATUS(corral_watch_close(others[1]), CORRAL_OK);
    server_put("/family/shared/a", "3");
    REQUIRE(events_wait_value(&more[0], "3"));
    ASSERT_STATUS(corral_watch_close(others[0]), CORRAL_OK);
    events_close(&more[0]);
    events_close(&more[1]);
}

/* --- gaps --- */

enum { GET_DATA = 4 };

/* Once, before the client reads the data of a child, delete it. */
static bool delete_before(const wire_request *request, void *arg)
{
    int *result = arg;

    if (request->type == GET_DATA && *result == 1) {
        *result = raw_delete(server_raw(), "/family/gap/b");
    }
    return false;
}

static void what_goes_before_it_is_read_is_left_out(void)
{
    int result = 1;
    proxy_rule rule = {.match = delete_before, .match_arg = &result};

    server_put("/family/gap/a", "1");
    server_put("/family/gap/b", "2");
    proxy_cut(through, PROXY_BEFORE, &rule);
    begin("/family/gap", "a=1");
    proxy_cut(through, PROXY_BEFORE, NULL);
    ASSERT_INT64(result, ZOK);
    server_put("/family/gap/b", "3");
    REQUIRE(events_wait_value(&noted, "a=1 b=3"));
}

static void what_is_made_anew_is_another_one(void)
{
    server_put("/family/anew/a", "1");
    begin("/family/anew", "a=1");
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    delete_znode("/family/anew/a");
    server_put("/family/anew/a", "1");
    proxy_hold(through, 0);
    REQUIRE(events_wait(&noted, 2));
    server_put("/family/anew/a", "2");
    REQUIRE(events_wait_value(&noted, "a=2"));
}

/* --- faults --- */

static void cuts_and_sessions_are_survived(void)
{
    unsigned count = testing_scaled(60);
    char text[16];
    char last[64];

    server_put("/family/cuts/a", "0");
    server_put("/family/cuts/b", "0");
    begin("/family/cuts", "a=0 b=0");
    for (unsigned i = 1; i <= count; i++) {
        snprintf(text, sizeof text, "%u", i);
        server_put(i % 2 == 0 ? "/family/cuts/a" : "/family/cuts/b", text);
        if (i % 5 == 0) {
            proxy_cut_all(through);
        }
        if (i % 7 == 0) {
            server_put("/family/cuts/c", text);
            delete_znode("/family/cuts/c");
        }
        if (i % 20 == 0) {
            /* So that there is a session. */
            snprintf(last, sizeof last, "a=%u b=%u", i, i - 1);
            REQUIRE(events_wait_value(&noted, last));
            REQUIRE(server_expire(through));
        }
    }
    server_put("/family/cuts/a", "x");
    server_put("/family/cuts/b", "y");
    REQUIRE(events_wait_value(&noted, "a=x b=y"));
}

static void allow(const char *path, bool reading)
{
    struct ACL entry = {.perms = reading ? ZOO_PERM_ALL : ZOO_PERM_ALL & ~ZOO_PERM_READ,
                        .id = {.scheme = "world", .id = "anyone"}};
    const struct ACL_vector acl = {.count = 1, .data = &entry};

    REQUIRE(raw_set_acl(server_raw(), path, &acl) == ZOK);
}

static void a_child_that_may_not_be_read_says_so(void)
{
    corrali_watched_check_ms = 200;
    server_put("/family/secret/a", "1");
    server_put("/family/secret/b", "2");
    allow("/family/secret/b", false);
    begin("/family/secret", "a=1 b!EACCES");
    server_put("/family/secret/a", "3");
    REQUIRE(events_wait_value(&noted, "a=3 b!EACCES"));
    allow("/family/secret/b", true);
    REQUIRE(events_wait_value(&noted, "a=3 b=2"));
    allow("/family/secret", false);
    server_put("/family/secret/c", "4");
    REQUIRE(events_wait_status(&noted, CORRAL_EACCES));
    allow("/family/secret", true);
    REQUIRE(events_wait_value(&noted, "a=3 b=2 c=4"));
}

/* Names so long that their paths cannot all be watched. */
static void too_many_are_told_and_recovered_from(void)
{
    enum { NAME_BYTES = 800, MANY = 700 };
    char path[NAME_BYTES + 64];
    uint64_t requests;

    for (unsigned i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "/family/limit/%0*u", NAME_BYTES, i);
        server_put(path, "");
    }
    requests = proxy_count(through, PROXY_REQUESTS);
    watch = fixture_subscribe_children("/family/limit", CORRAL_WATCH_CHILDREN_DATA, &noted);
    REQUIRE(events_wait_status(&noted, CORRAL_EEXHAUSTED));
    /* The barrier, which may be behind this already, and the list; no data. */
    CU_ASSERT(proxy_count(through, PROXY_REQUESTS) <= requests + 2);
    /* Nothing is kept from others. */
    snprintf(path, sizeof path, "/family/%0*u", NAME_BYTES, 1);
    corral_watch *other = fixture_subscribe(path, &noted);
    REQUIRE(events_wait_value(&noted, NULL));
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    for (unsigned i = 1; i < MANY; i++) {
        snprintf(path, sizeof path, "/family/limit/%0*u", NAME_BYTES, i);
        delete_znode(path);
    }
    REQUIRE(events_wait_length(&noted, 1));
}

static void a_lack_of_memory_is_survived(void)
{
    char text[16];
    char last[64];

    server_put("/family/memory/a", "0");
    begin("/family/memory", "a=0");
    for (unsigned nth = 1; nth <= 40; nth++) {
        corrali_alloc_fail_from(nth);
        snprintf(text, sizeof text, "%u", nth);
        server_put("/family/memory/a", text);
        server_put("/family/memory/b", text);
        server_put("/family/memory/c", text);
        /* Time to fail in. */
        (void)proxy_wait(through, PROXY_CONNECTIONS, UINT64_MAX, 20);
        corrali_alloc_fail_from(0);
        snprintf(last, sizeof last, "a=%u b=%u c=%u", nth, nth, nth);
        REQUIRE(events_wait_value(&noted, last));
        delete_znode("/family/memory/b");
        snprintf(last, sizeof last, "a=%u c=%u", nth, nth);
        REQUIRE(events_wait_value(&noted, last));
    }
}

/* --- the end --- */

static corral_watch *closing;

static void *close_elsewhere(void *arg)
{
    *(int *)arg = corral_watch_close(closing);
    return NULL;
}

/* While its callback runs, and more is to be delivered: what it is told of stays as it is. */
static void it_closes_while_its_callback_runs(void)
{
    pthread_t thread;
    int status = 1;

    server_put("/family/closing/a", "1");
    begin("/family/closing", "a=1");
    events_block(&noted, true);
    server_put("/family/closing/a", "2");
    REQUIRE(events_wait_inside(&noted));
    server_put("/family/closing/b", "3");
    delete_znode("/family/closing/a");
    closing = watch;
    watch = NULL;
    REQUIRE(pthread_create(&thread, NULL, close_elsewhere, &status) == 0);
    events_block(&noted, false);
    REQUIRE(pthread_join(thread, NULL) == 0);
    ASSERT_STATUS(status, CORRAL_OK);
    REQUIRE(events_count(&noted) >= 2);
    ASSERT_VALUE(&noted, 1, "a=2");
}

/* Its last state comes before the end, which comes once, and last. */
static void the_client_may_be_closed_first(void)
{
    server_put("/family/left/a", "1");
    server_put("/family/left/b", "1");
    begin("/family/left", "a=1 b=1");
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_STATUS(events_last(&noted).status, CORRAL_ECLOSED);
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    watch = NULL;
}

static CU_TestInfo states[] = {
    {"names come with data", names_come_with_data},
    {"children come and go", children_come_and_go},
    {"all share the watches", all_share_the_watches},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo gaps[] = {
    {"what goes before it is read is left out", what_goes_before_it_is_read_is_left_out},
    {"what is made anew is another one", what_is_made_anew_is_another_one},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo faults[] = {
    {"cuts and sessions are survived", cuts_and_sessions_are_survived},
    {"a child that may not be read says so", a_child_that_may_not_be_read_says_so},
    {"too many are told and recovered from", too_many_are_told_and_recovered_from},
    {"a lack of memory is survived", a_lack_of_memory_is_survived},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo ends[] = {
    {"it closes while its callback runs", it_closes_while_its_callback_runs},
    {"the client may be closed first", the_client_may_be_closed_first},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"states", NULL, NULL, fixture_open, teardown, states},
    {"gaps", NULL, NULL, fixture_open, teardown, gaps},
    {"faults", NULL, NULL, fixture_open, teardown, faults},
    {"the end", NULL, NULL, fixture_open, teardown, ends},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

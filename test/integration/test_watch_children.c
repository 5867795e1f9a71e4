/**
 * Subscriptions to the names of a znode's children.
 */
#include <corral/watch.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/events.h"
#include "lib/fixture.h"
#include "watch.h"

static void delete_znode(const char *path)
{
    REQUIRE(raw_delete(server_raw(), path) == ZOK);
}

/* Subscribe to the children of @path, and see that they are @names (NULL: no znode). */
static void begin(const char *path, const char *names)
{
    watch = fixture_subscribe_children(path, CORRAL_WATCH_CHILDREN, &noted);
    REQUIRE(events_wait_value(&noted, names));
}

static void ends_with(const char *names)
{
    REQUIRE(events_wait_value(&noted, names));
    ASSERT_FORWARD(&noted);
}

/* --- states --- */

static void names_come_sorted_with_their_stamp(void)
{
    struct Stat stat;
    event first;

    server_put("/children/first/b", "");
    server_put("/children/first/a", "");
    server_put("/children/first/c", "");
    delete_znode("/children/first/c");
    begin("/children/first", "a b");
    first = events_get(&noted, 0);
    REQUIRE(raw_exists(server_raw(), "/children/first", &stat) == ZOK);
    ASSERT_INT64(first.length, 2);
    ASSERT_INT64(first.stamp.czxid, stat.czxid);
    ASSERT_INT64(first.stamp.mzxid, stat.pzxid);
    ASSERT_INT64(first.stamp.version, 4);
    ASSERT_INT64(first.skipped, 0);
    server_put("/children/first/c", "");
    REQUIRE(events_wait_value(&noted, "a b c"));
    delete_znode("/children/first/a");
    ends_with("b c");
    ASSERT_INT64(events_count(&noted), 3);
    ASSERT_INT64(events_changes(&noted), 2);
}

static void a_directory_may_come_later(void)
{
    begin("/children/later/still", NULL);
    server_put("/children/later/still", "");
    REQUIRE(events_wait(&noted, 2));
    ASSERT_VALUE(&noted, 1, "");
    ASSERT_INT64(events_get(&noted, 1).length, 0);
    ASSERT_INT64(events_get(&noted, 1).skipped, 0);
    server_put("/children/later/still/a", "");
    ends_with("a");
    ASSERT_INT64(events_count(&noted), 3);
}

static void a_directory_may_go_and_come(void)
{
    server_put("/children/renewed/a", "");
    begin("/children/renewed", "a");
    delete_znode("/children/renewed/a");
    REQUIRE(events_wait_value(&noted, ""));
    delete_znode("/children/renewed");
    REQUIRE(events_wait_value(&noted, NULL));
    server_put("/children/renewed", "");
    REQUIRE(events_wait_value(&noted, ""));
    server_put("/children/renewed/b", "");
    ends_with("b");
    ASSERT_INT64(events_changes(&noted), 4);
    ASSERT_INT64(events_count(&noted), 5);
    CU_ASSERT(events_last(&noted).stamp.version < events_get(&noted, 1).stamp.version);
}

/* Data and children of one znode are watched by themselves, and each only as long as it is wanted. */
static void data_are_something_else(void)
{
    corral_watch *other;
    events data;
    uint64_t requests;

    events_open(&data);
    server_put("/children/both", "1");
    begin("/children/both", "");
    other = fixture_subscribe("/children/both", &data);
    REQUIRE(events_wait_value(&data, "1"));
    requests = proxy_count(through, PROXY_REQUESTS);
    server_put("/children/both/a", "");
    REQUIRE(events_wait_value(&noted, "a"));
    server_put("/children/both", "2");
    REQUIRE(events_wait_value(&data, "2"));
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), requests + 2);
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    server_put("/children/both/b", "");
    ends_with("a b");
    ASSERT_INT64(events_count(&noted), 3);
    ASSERT_INT64(events_count(&data), 2);
    other = fixture_subscribe("/children/both", &data);
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    watch = NULL;
    server_put("/children/both", "3");
    REQUIRE(events_wait_value(&data, "3"));
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&data);
}

static void all_share_one_watch(void)
{
    corral_watch *others[3];
    events more[3];
    uint64_t requests;

    server_put("/children/shared/a", "");
    begin("/children/shared", "a");
    requests = proxy_count(through, PROXY_REQUESTS);
    for (unsigned i = 0; i < 3; i++) {
        events_open(&more[i]);
        others[i] = fixture_subscribe_children("/children/shared", CORRAL_WATCH_CHILDREN, &more[i]);
        REQUIRE(events_wait_value(&more[i], "a"));
    }
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), requests);
    server_put("/children/shared/b", "");
    for (unsigned i = 0; i < 3; i++) {
        REQUIRE(events_wait_value(&more[i], "a b"));
        ASSERT_STATUS(corral_watch_close(others[i]), CORRAL_OK);
        events_close(&more[i]);
    }
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), requests + 1);
    ends_with("a b");
}

/* --- skipping --- */

static void what_a_slow_callback_misses_is_counted(void)
{
    server_put("/children/slow", "");
    events_block(&noted, true);
    watch = fixture_subscribe_children("/children/slow", CORRAL_WATCH_CHILDREN, &noted);
    REQUIRE(events_wait_inside(&noted));
    for (char name = 'a'; name <= 'e'; name++) {
        char path[] = "/children/slow/?";

        *strchr(path, '?') = name;
        server_put(path, "");
        if (name % 2 == 0) {
            delete_znode(path);
        }
    }
    events_block(&noted, false);
    ends_with("a c e");
    ASSERT_INT64(events_changes(&noted), 7);
}

/* What comes and goes unseen leaves the same names, but is told. */
static void what_came_and_went_is_counted(void)
{
    server_put("/children/blip/a", "");
    begin("/children/blip", "a");
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    server_put("/children/blip/b", "");
    delete_znode("/children/blip/b");
    delete_znode("/children/blip/a");
    server_put("/children/blip/a", "");
    proxy_hold(through, 0);
    REQUIRE(events_wait(&noted, 2));
    ASSERT_VALUE(&noted, 1, "a");
    ASSERT_INT64(events_get(&noted, 1).skipped, 3);
    ASSERT_FORWARD(&noted);
}

/* --- faults --- */

static void cut_off(void)
{
    proxy_admit(through, PROXY_IGNORE);
    proxy_cut_all(through);
}

static void changes_while_disconnected_arrive(void)
{
    begin("/children/away", NULL);
    cut_off();
    server_put("/children/away/a", "");
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, "a"));
    cut_off();
    server_put("/children/away/b", "");
    server_put("/children/away/c", "");
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, "a b c"));
    ASSERT_INT64(events_last(&noted).skipped, 1);
    cut_off();
    REQUIRE(raw_delete_below(server_raw(), "/children/away") == ZOK);
    delete_znode("/children/away");
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, NULL));
    cut_off();
    server_put("/children/away/d", "");
    proxy_admit(through, PROXY_ACCEPT);
    ends_with("d");
}

static void a_new_session_reads_anew(void)
{
    server_put("/children/session/a", "");
    begin("/children/session", "a");
    REQUIRE(server_expire(through));
    server_put("/children/session/b", "");
    ends_with("a b");
    server_put("/children/session/c", "");
    ends_with("a b c");
    ASSERT_INT64(events_changes(&noted), 2);
}

/* Deleted and made anew, with fewer children, between two reads: what changed is told, though cversion
 * shrank. */
static void a_new_incarnation_between_two_reads_arrives(void)
{
    for (char name = 'a'; name <= 'd'; name++) {
        char path[] = "/children/reborn/?";

        *strchr(path, '?') = name;
        server_put(path, "");
    }
    begin("/children/reborn", "a b c d");
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    REQUIRE(raw_delete_below(server_raw(), "/children/reborn") == ZOK);
    delete_znode("/children/reborn");
    server_put("/children/reborn/a", "");
    proxy_hold(through, 0);
    ends_with("a");
    ASSERT_INT64(events_last(&noted).stamp.version, 1);
    /* One deletion, one creation, and then that of a child. */
    ASSERT_INT64(events_last(&noted).skipped, 2);
}

static void allow(const char *path, bool reading)
{
    struct ACL entry = {.perms = reading ? ZOO_PERM_ALL : ZOO_PERM_ALL & ~ZOO_PERM_READ,
                        .id = {.scheme = "world", .id = "anyone"}};
    const struct ACL_vector acl = {.count = 1, .data = &entry};

    REQUIRE(raw_set_acl(server_raw(), path, &acl) == ZOK);
}

static void what_may_not_be_listed_is_told_and_recovered_from(void)
{
    corrali_watched_check_ms = 200;
    server_put("/children/secret/a", "");
    begin("/children/secret", "a");
    allow("/children/secret", false);
    server_put("/children/secret/b", "");
    REQUIRE(events_wait_status(&noted, CORRAL_EACCES));
    ASSERT_INT64(events_last(&noted).length, 0);
    allow("/children/secret", true);
    ends_with("a b");
    ASSERT_INT64(events_count(&noted), 3);
    ASSERT_INT64(events_changes(&noted), 1);
    corrali_watched_check_ms = 30000;
}

/* --- many --- */

enum { MANY = 100000, AT_ONCE = 500 };

static void make_some(const char *path, unsigned first, unsigned count)
{
    static zoo_op_t operations[AT_ONCE];
    static zoo_op_result_t results[AT_ONCE];
    static char paths[AT_ONCE][64];

    for (unsigned i = 0; i < count; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%06u", path, first + i);
        zoo_create_op_init(&operations[i], paths[i], "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    }
    REQUIRE(zoo_multi(raw_handle(server_raw()), (int)count, operations, results) == ZOK);
}

/* The paths of so many are too long to be watched, which is told without a read of any. */
static void assert_too_many_for_data(const char *path)
{
    uint64_t requests = proxy_count(through, PROXY_REQUESTS);
    corral_watch *other;
    events family;

    events_open(&family);
    other = fixture_subscribe_children(path, CORRAL_WATCH_CHILDREN_DATA, &family);
    REQUIRE(events_wait_status(&family, CORRAL_EEXHAUSTED));
    CU_ASSERT(proxy_count(through, PROXY_REQUESTS) <= requests + 1);
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&family);
}

/* The answer is larger than the 1 MiB that a request may have. */
static void there_may_be_many(void)
{
    unsigned made = 0;

    server_put("/children/many", "");
    begin("/children/many", "");
    while (made < MANY) {
        make_some("/children/many", made, AT_ONCE);
        made += AT_ONCE;
    }
    REQUIRE(events_wait_length(&noted, MANY));
    ASSERT_INT64(events_last(&noted).length, MANY);
    ASSERT_INT64(events_changes(&noted), MANY);
    assert_too_many_for_data("/children/many");
    cut_off();
    server_put("/children/many/one more", "");
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_length(&noted, MANY + 1));
    REQUIRE(server_expire(through));
    server_put("/children/many/and another one", "");
    REQUIRE(events_wait_length(&noted, MANY + 2));
    ASSERT_INT64(events_changes(&noted), MANY + 2);
    ASSERT_FORWARD(&noted);
}

static CU_TestInfo states[] = {
    {"names come sorted with their stamp", names_come_sorted_with_their_stamp},
    {"a directory may come later", a_directory_may_come_later},
    {"a directory may go and come", a_directory_may_go_and_come},
    {"data are something else", data_are_something_else},
    {"all share one watch", all_share_one_watch},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo skipping[] = {
    {"what a slow callback misses is counted", what_a_slow_callback_misses_is_counted},
    {"what came and went is counted", what_came_and_went_is_counted},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo faults[] = {
    {"changes while disconnected arrive", changes_while_disconnected_arrive},
    {"a new session reads anew", a_new_session_reads_anew},
    {"a new incarnation between two reads arrives", a_new_incarnation_between_two_reads_arrives},
    {"what may not be listed is told and recovered from", what_may_not_be_listed_is_told_and_recovered_from},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo many[] = {
    {"there may be many", there_may_be_many},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"states", NULL, NULL, fixture_open, fixture_close, states},
    {"skipping", NULL, NULL, fixture_open, fixture_close, skipping},
    {"faults", NULL, NULL, fixture_open, fixture_close, faults},
    {"many", NULL, NULL, fixture_open, fixture_close, many},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * Subscriptions without faults: the current state first, then every later one
 * that is seen, forward only, with what was left out in between counted.
 */
#include <corral/counter.h>
#include <corral/watch.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/events.h"
#include "lib/fixture.h"

/* After this the client has taken all that the server had sent it before. */
static void catch_up(void)
{
    int64_t value;

    REQUIRE_STATUS(corral_counter_open(client, "/watch/none", NULL, &counter), CORRAL_OK);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_ENOENT);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
}

/* Put @text, and wait until the client has read it. */
static void put_and_see(const char *path, const char *text)
{
    uint64_t replies = proxy_count(through, PROXY_REPLIES);

    server_put(path, text);
    REQUIRE(proxy_wait(through, PROXY_REPLIES, replies + 1, TESTING_PATIENCE_MS));
    catch_up();
}

/* --- states --- */

static void the_current_state_comes_first(void)
{
    struct Stat stat;
    event first;

    server_put("/watch/first", "one");
    server_put("/watch/first", "hello");
    watch = fixture_subscribe("/watch/first", &noted);
    REQUIRE(events_wait(&noted, 1));
    first = events_get(&noted, 0);
    REQUIRE(raw_exists(server_raw(), "/watch/first", &stat) == ZOK);
    ASSERT_VALUE(&noted, 0, "hello");
    ASSERT_INT64(first.length, 5);
    ASSERT_INT64(first.stamp.czxid, stat.czxid);
    ASSERT_INT64(first.stamp.mzxid, stat.mzxid);
    ASSERT_INT64(first.stamp.version, 1);
    ASSERT_INT64(first.stamp.index, 0);
    ASSERT_INT64(first.skipped, 0);
    server_put("/watch/first", "again");
    REQUIRE(events_wait_value(&noted, "again"));
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_INT64(events_last(&noted).stamp.version, 2);
}

static void a_znode_may_come_later(void)
{
    event first;

    watch = fixture_subscribe("/watch/later/still", &noted);
    REQUIRE(events_wait(&noted, 1));
    first = events_get(&noted, 0);
    ASSERT_VALUE(&noted, 0, NULL);
    ASSERT_INT64(first.stamp.czxid, 0);
    ASSERT_INT64(first.stamp.mzxid, 0);
    ASSERT_INT64(first.length, 0);
    server_put("/watch/later/still", "here");
    REQUIRE(events_wait(&noted, 2));
    ASSERT_VALUE(&noted, 1, "here");
    ASSERT_INT64(events_get(&noted, 1).skipped, 0);
}

static atomic_int null_values;

static void note_null(const corral_watch_event *told, void *arg)
{
    atomic_fetch_add(&null_values, told->value == NULL && told->length == 0 && told->exists);
    events_note(told, arg);
}

static void a_znode_may_be_empty(void)
{
    atomic_store(&null_values, 0);
    server_put("/watch/empty", "");
    REQUIRE_STATUS(corral_watch_open(client, "/watch/empty", NULL, note_null, &noted, &watch), CORRAL_OK);
    REQUIRE(events_wait(&noted, 1));
    ASSERT_VALUE(&noted, 0, "");
    ASSERT_INT64(atomic_load(&null_values), 1);
}

static void deletion_and_creation_are_told(void)
{
    static const char *const values[] = {"a", NULL, "b", NULL, "c"};

    for (unsigned i = 0; i < 5; i++) {
        if (values[i] != NULL) {
            server_put("/watch/renewed", values[i]);
        } else {
            REQUIRE(raw_delete(server_raw(), "/watch/renewed") == ZOK);
        }
        if (i == 0) {
            watch = fixture_subscribe("/watch/renewed", &noted);
        }
        REQUIRE(events_wait(&noted, i + 1));
        ASSERT_VALUE(&noted, i, values[i]);
        ASSERT_INT64(events_get(&noted, i).skipped, 0);
    }
    ASSERT_FORWARD(&noted);
    CU_ASSERT(events_get(&noted, 2).stamp.czxid > events_get(&noted, 0).stamp.czxid);
}

/* --- skipping --- */

static void what_a_slow_callback_misses_is_counted(void)
{
    events fast;
    corral_watch *other;

    events_open(&fast);
    server_put("/watch/slow", "0");
    events_block(&noted, true);
    watch = fixture_subscribe("/watch/slow", &noted);
    REQUIRE(events_wait_inside(&noted));
    other = fixture_subscribe("/watch/slow", &fast);
    for (int i = 1; i <= 10; i++) {
        char text[8];

        snprintf(text, sizeof text, "%d", i);
        put_and_see("/watch/slow", text);
    }
    events_block(&noted, false);
    REQUIRE(events_wait_value(&noted, "10"));
    REQUIRE(events_wait_value(&fast, "10"));
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_VALUE(&noted, 0, "0");
    ASSERT_INT64(events_last(&noted).skipped, 9);
    /* It had nothing yet, so it has missed nothing: what came first is the current state. */
    ASSERT_INT64(events_count(&fast), 1);
    ASSERT_INT64(events_last(&fast).skipped, 0);
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&fast);
}

static void incarnations_are_counted_too(void)
{
    server_put("/watch/lives", "a");
    events_block(&noted, true);
    watch = fixture_subscribe("/watch/lives", &noted);
    REQUIRE(events_wait_inside(&noted));
    REQUIRE(raw_delete(server_raw(), "/watch/lives") == ZOK);
    server_put("/watch/lives", "b");
    server_put("/watch/lives", "c");
    put_and_see("/watch/lives", "d");
    events_block(&noted, false);
    REQUIRE(events_wait_value(&noted, "d"));
    ASSERT_INT64(events_changes(&noted), 4);
    ASSERT_FORWARD(&noted);
}

/* The client's read waits at the proxy while the znode comes and goes. */
static void what_came_and_went_is_not_told_twice(void)
{
    uint64_t replies;

    watch = fixture_subscribe("/watch/blip", &noted);
    REQUIRE(events_wait(&noted, 1));
    replies = proxy_count(through, PROXY_REPLIES);
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    server_put("/watch/blip", "short");
    REQUIRE(raw_delete(server_raw(), "/watch/blip") == ZOK);
    proxy_hold(through, 0);
    /* Get, and exists. */
    REQUIRE(proxy_wait(through, PROXY_REPLIES, replies + 2, TESTING_PATIENCE_MS));
    catch_up();
    server_put("/watch/blip", "long");
    REQUIRE(events_wait(&noted, 2));
    ASSERT_VALUE(&noted, 0, NULL);
    ASSERT_VALUE(&noted, 1, "long");
    ASSERT_INT64(events_get(&noted, 1).skipped, 2);
}

static void the_last_state_arrives_after_a_storm(void)
{
    unsigned count = testing_scaled(3000);
    char text[16];
    event last;

    server_put("/watch/storm", "start");
    watch = fixture_subscribe("/watch/storm", &noted);
    REQUIRE(events_wait(&noted, 1));
    for (unsigned i = 1; i <= count; i++) {
        snprintf(text, sizeof text, "%u", i);
        REQUIRE(raw_set(server_raw(), "/watch/storm", text, (int)strlen(text)) == ZOK);
    }
    REQUIRE(events_wait_value(&noted, text));
    last = events_last(&noted);
    ASSERT_INT64(last.stamp.version, count);
    ASSERT_INT64(events_changes(&noted), count);
    ASSERT_FORWARD(&noted);
    printf("%u of %u delivered ", events_count(&noted) - 1, count);
}

/* --- counters --- */

static unsigned wanted;

/* Each value asks for the next one. */
static void add_one(const event *e)
{
    if (e->number < wanted) {
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, NULL, NULL, NULL);
    }
}

static void every_value_that_settles_is_seen(void)
{
    unsigned wrong = 0;

    wanted = testing_scaled(500);
    events_hook(&noted, add_one);
    REQUIRE_STATUS(corral_counter_open(client, "/watch/settled", NULL, &counter), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_add(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_subscribe(counter, events_note_counter, &noted, &watch), CORRAL_OK);
    REQUIRE(events_wait(&noted, wanted + 1));
    for (unsigned i = 0; i <= wanted; i++) {
        event one = events_get(&noted, i);

        wrong += one.status != CORRAL_OK || !one.exists || one.number != i || one.skipped != 0;
    }
    ASSERT_INT64(wrong, 0);
    ASSERT_FORWARD(&noted);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
}

static void a_corrupt_counter_is_told_and_recovered_from(void)
{
    static const struct {
        const char *text;
        int status;
        int64_t number;
    } steps[] = {
        {"7", CORRAL_OK, 7}, {"seven", CORRAL_ECORRUPT, 0}, {"", CORRAL_ECORRUPT, 0}, {"-8", CORRAL_OK, -8}};

    server_put("/watch/corrupt", steps[0].text);
    REQUIRE_STATUS(corral_counter_open(client, "/watch/corrupt", NULL, &counter), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_subscribe(counter, events_note_counter, &noted, &watch), CORRAL_OK);
    /* It lives on without the counter's handle. */
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    for (unsigned i = 0; i < 4; i++) {
        event one;

        if (i > 0) {
            server_put("/watch/corrupt", steps[i].text);
        }
        REQUIRE(events_wait(&noted, i + 1));
        one = events_get(&noted, i);
        ASSERT_STATUS(one.status, steps[i].status);
        CU_ASSERT(one.exists);
        ASSERT_INT64(one.number, steps[i].number);
        ASSERT_INT64(one.stamp.version, i);
        ASSERT_INT64(one.skipped, 0);
    }
    REQUIRE(raw_delete(server_raw(), "/watch/corrupt") == ZOK);
    REQUIRE(events_wait(&noted, 5));
    ASSERT_STATUS(events_last(&noted).status, CORRAL_OK);
    CU_ASSERT(!events_last(&noted).exists);
}

static void the_counter_has_its_own_encoding(void)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;

    options.encoding = CORRAL_ENCODING_INT64_BE;
    REQUIRE_STATUS(corral_counter_open(client, "/watch/binary", &options, &counter), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_subscribe(counter, events_note_counter, &noted, &watch), CORRAL_OK);
    REQUIRE(events_wait(&noted, 1));
    ASSERT_VALUE(&noted, 0, NULL);
    ASSERT_STATUS(corral_counter_add(counter, -3, CORRAL_FOREVER, NULL), CORRAL_OK);
    REQUIRE(events_wait(&noted, 2));
    ASSERT_INT64(events_get(&noted, 1).number, -3);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
}

/* --- sharing --- */

static void all_share_one_watch(void)
{
    corral_watch *others[3];
    events more[3];
    uint64_t requests;

    server_put("/watch/shared", "1");
    watch = fixture_subscribe("/watch/shared", &noted);
    REQUIRE(events_wait(&noted, 1));
    requests = proxy_count(through, PROXY_REQUESTS);
    REQUIRE_STATUS(corral_counter_open(client, "/watch/shared", NULL, &counter), CORRAL_OK);
    for (unsigned i = 0; i < 3; i++) {
        events_open(&more[i]);
        if (i < 2) {
            others[i] = fixture_subscribe("/watch/shared", &more[i]);
        } else {
            REQUIRE_STATUS(corral_counter_subscribe(counter, events_note_counter, &more[i], &others[i]),
                           CORRAL_OK);
        }
        REQUIRE(events_wait_value(&more[i], "1"));
    }
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), requests);
    server_put("/watch/shared", "2");
    for (unsigned i = 0; i < 3; i++) {
        REQUIRE(events_wait_value(&more[i], "2"));
        ASSERT_INT64(events_count(&more[i]), 2);
    }
    REQUIRE(events_wait_value(&noted, "2"));
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), requests + 1);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    for (unsigned i = 0; i < 3; i++) {
        ASSERT_STATUS(corral_watch_close(others[i]), CORRAL_OK);
        events_close(&more[i]);
    }
}

static void what_nobody_wants_is_not_read(void)
{
    uint64_t requests;

    server_put("/watch/unwanted", "1");
    watch = fixture_subscribe("/watch/unwanted", &noted);
    REQUIRE(events_wait(&noted, 1));
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    watch = NULL;
    requests = proxy_count(through, PROXY_REQUESTS);
    server_put("/watch/unwanted", "2");
    catch_up();
    catch_up();
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), requests + 2);
    ASSERT_INT64(events_count(&noted), 1);
    /* It is not lost for later. */
    watch = fixture_subscribe("/watch/unwanted", &noted);
    REQUIRE(events_wait_value(&noted, "2"));
    server_put("/watch/unwanted", "3");
    REQUIRE(events_wait_value(&noted, "3"));
}

static void a_chroot_is_put_before(void)
{
    char servers[128];
    const char *end = strchr(proxy_servers(through), ',');
    corral_client *inner;

    snprintf(servers, sizeof servers, "%.*s/watch/root", (int)(end - proxy_servers(through)),
             proxy_servers(through));
    inner = server_client(servers);
    server_put("/watch/root/x", "inside");
    REQUIRE_STATUS(corral_watch_open(inner, "/x", NULL, events_note, &noted, &watch), CORRAL_OK);
    REQUIRE(events_wait_value(&noted, "inside"));
    server_put("/watch/root/x", "changed");
    REQUIRE(events_wait_value(&noted, "changed"));
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    watch = NULL;
    ASSERT_STATUS(corral_client_close(inner), CORRAL_OK);
}

static CU_TestInfo states[] = {
    {"the current state comes first", the_current_state_comes_first},
    {"a znode may come later", a_znode_may_come_later},
    {"a znode may be empty", a_znode_may_be_empty},
    {"deletion and creation are told", deletion_and_creation_are_told},
    {"a chroot is put before", a_chroot_is_put_before},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo skipping[] = {
    {"what a slow callback misses is counted", what_a_slow_callback_misses_is_counted},
    {"incarnations are counted too", incarnations_are_counted_too},
    {"what came and went is not told twice", what_came_and_went_is_not_told_twice},
    {"the last state arrives after a storm", the_last_state_arrives_after_a_storm},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo counters[] = {
    {"every value that settles is seen", every_value_that_settles_is_seen},
    {"a corrupt counter is told and recovered from", a_corrupt_counter_is_told_and_recovered_from},
    {"the counter has its own encoding", the_counter_has_its_own_encoding},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo sharing[] = {
    {"all share one watch", all_share_one_watch},
    {"what nobody wants is not read", what_nobody_wants_is_not_read},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"states", NULL, NULL, fixture_open, fixture_close, states},
    {"skipping", NULL, NULL, fixture_open, fixture_close, skipping},
    {"counters", NULL, NULL, fixture_open, fixture_close, counters},
    {"sharing", NULL, NULL, fixture_open, fixture_close, sharing},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

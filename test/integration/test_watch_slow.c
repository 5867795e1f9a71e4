/**
 * Subscribers that cannot keep up, and servers that must not be overrun: what
 * is held for the one, and what is asked of the other, is bounded.
 */
#include <corral/watch.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/events.h"
#include "lib/fixture.h"
#include "watch.h"

static events more[4];
static corral_watch *others[4];

/* --- subscribers --- */

/* So many references are there to the newest state of what @of watches, and to no other one that waits. */
static unsigned held_of_newest(const corral_watch *of, unsigned *ret_others)
{
    const corrali_snapshot *newest;
    unsigned refs;

    corrali_lock(client);
    newest = of->listener.watched->current;
    refs = newest->refs;
    *ret_others = of->pending != NULL && of->pending != newest;
    for (unsigned i = 0; i < 4; i++) {
        *ret_others += others[i]->pending != NULL && others[i]->pending != newest;
    }
    corrali_unlock(client);
    return refs;
}

/* Wait until the client has read this version: the last reply has passed the proxy already. */
static void await_version(int32_t wanted)
{
    int32_t version;

    do {
        corrali_lock(client);
        version = watch->listener.watched->last.version;
        corrali_unlock(client);
    } while (version != wanted);
}

/* Make @count changes, each seen by the client before the next one. */
static void change_and_see(const char *path, unsigned count)
{
    char text[16];

    for (unsigned i = 1; i <= count; i++) {
        uint64_t replies = proxy_count(through, PROXY_REPLIES);

        snprintf(text, sizeof text, "%u", i);
        server_put(path, text);
        REQUIRE(proxy_wait(through, PROXY_REPLIES, replies + 1, TESTING_PATIENCE_MS));
    }
}

static void the_newest_state_alone_is_held(void)
{
    unsigned count = testing_scaled(2000);
    unsigned stale = 0;
    char last[16];

    server_put("/slow/one", "0");
    watch = fixture_subscribe("/slow/one", &noted);
    REQUIRE(events_wait_value(&noted, "0"));
    for (unsigned i = 0; i < 4; i++) {
        events_open(&more[i]);
        others[i] = fixture_subscribe("/slow/one", &more[i]);
        REQUIRE(events_wait_value(&more[i], "0"));
    }
    events_block(&noted, true);
    server_put("/slow/one", "first");
    REQUIRE(events_wait_inside(&noted));
    change_and_see("/slow/one", count);
    await_version((int32_t)count + 1);
    /* Current, and pending with five. Whose callback runs holds the one it was given. */
    ASSERT_INT64(held_of_newest(watch, &stale), 6);
    ASSERT_INT64(stale, 0);
    events_block(&noted, false);
    snprintf(last, sizeof last, "%u", count);
    REQUIRE(events_wait_value(&noted, last));
    ASSERT_INT64(events_count(&noted), 3);
    ASSERT_INT64(events_last(&noted).skipped, count - 1);
    for (unsigned i = 0; i < 4; i++) {
        REQUIRE(events_wait_value(&more[i], last));
        CU_ASSERT(events_count(&more[i]) <= 3);
        ASSERT_INT64(events_changes(&more[i]), count + 1);
        ASSERT_STATUS(corral_watch_close(others[i]), CORRAL_OK);
        others[i] = NULL;
        events_close(&more[i]);
    }
    ASSERT_FORWARD(&noted);
}

/* A family's states take up nothing before they are delivered. */
static void the_newest_children_alone_are_held(void)
{
    unsigned count = testing_scaled(2000);
    char last[64];

    server_put("/slow/family/a", "0");
    server_put("/slow/family/b", "0");
    watch = fixture_subscribe_children("/slow/family", CORRAL_WATCH_CHILDREN_DATA, &noted);
    REQUIRE(events_wait_value(&noted, "a=0 b=0"));
    events_block(&noted, true);
    server_put("/slow/family/b", "1");
    REQUIRE(events_wait_inside(&noted));
    change_and_see("/slow/family/a", count);
    events_block(&noted, false);
    snprintf(last, sizeof last, "a=%u b=1", count);
    REQUIRE(events_wait_value(&noted, last));
    ASSERT_INT64(events_changes(&noted), count + 1);
    CU_ASSERT(events_count(&noted) <= 4);
}

static void large_values_arrive_whole(void)
{
    enum { LENGTH = 1024 * 1024 - 1024, TIMES = 20 };
    char *value = malloc(LENGTH);
    char start[64];

    REQUIRE(value != NULL);
    server_put("/slow/large", "");
    watch = fixture_subscribe("/slow/large", &noted);
    REQUIRE(events_wait_value(&noted, ""));
    events_block(&noted, true);
    for (unsigned i = 0; i < TIMES; i++) {
        memset(value, 'a' + (int)i, LENGTH);
        REQUIRE(raw_set(server_raw(), "/slow/large", value, LENGTH) == ZOK);
    }
    events_block(&noted, false);
    snprintf(start, sizeof start, "%.*s", (int)sizeof start - 1, value);
    REQUIRE(events_wait_value(&noted, start));
    ASSERT_INT64(events_last(&noted).length, LENGTH);
    ASSERT_INT64(events_changes(&noted), TIMES);
    free(value);
}

/* --- servers --- */

enum { PATHS = 10000, PATHS_MIN = 2500, READS_MAX = 1000 };

/* Reads that have passed the proxy, and the most that were without an answer, which is held back at first. */
static struct {
    atomic_uint reads, most;
    uint64_t replies; /* before the first one */
} seen;

static bool is_read(const wire_request *request, void *arg)
{
    (void)arg;
    if (request->type == WIRE_GET_DATA) {
        unsigned reads = atomic_fetch_add(&seen.reads, 1) + 1;
        if (reads == 1) {
            proxy_hold(through, PROXY_HOLD_REPLIES);
        }
        unsigned open = reads - (unsigned)(proxy_count(through, PROXY_REPLIES) - seen.replies);

        /* It may have had answers to others, and then be below zero. */
        if ((int)open > (int)atomic_load(&seen.most)) {
            atomic_store(&seen.most, open);
        }
    }
    return false;
}

static void a_new_session_does_not_read_all_at_once(void)
{
    static const proxy_rule rule = {.match = is_read};
    unsigned count = testing_scaled(PATHS) < PATHS_MIN ? PATHS_MIN : testing_scaled(PATHS);
    corral_watch **watches = calloc(count, sizeof(corral_watch *));
    corral_client_stats stats = {0};
    events all;
    uint64_t requests;
    char path[32];

    REQUIRE(watches != NULL);
    events_open(&all);
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/slow/many-%u", i);
        server_put(path, "0");
        watches[i] = fixture_subscribe(path, &all);
    }
    REQUIRE(events_wait(&all, count));
    seen.replies = proxy_count(through, PROXY_REPLIES);
    proxy_cut(through, PROXY_BEFORE, &rule);
    requests = proxy_count(through, PROXY_REQUESTS);
    REQUIRE(server_expire(through));
    /* The barrier, and as many reads as there may be; then their answers. */
    REQUIRE(proxy_wait(through, PROXY_REQUESTS, requests + 1 + READS_MAX, TESTING_PATIENCE_MS));
    proxy_hold(through, 0);
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/slow/many-%u", i);
        server_put(path, "1");
    }
    REQUIRE(events_wait(&all, 2 * count));
    proxy_cut(through, PROXY_BEFORE, NULL);
    ASSERT_STATUS(corral_client_get_stats(client, &stats), CORRAL_OK);
    ASSERT_INT64(stats.sessions, 2);
    ASSERT_INT64(events_count(&all), 2 * count);
    CU_ASSERT(atomic_load(&seen.reads) >= count);
    /* One answer, the barrier's, was to no read. */
    CU_ASSERT(atomic_load(&seen.most) == READS_MAX - 1 || atomic_load(&seen.most) == READS_MAX);
    printf("at most %u at once ", atomic_load(&seen.most));
    for (unsigned i = 0; i < count; i++) {
        ASSERT_STATUS(corral_watch_close(watches[i]), CORRAL_OK);
    }
    free(watches);
    events_close(&all);
}

static CU_TestInfo subscribers[] = {
    {"the newest state alone is held", the_newest_state_alone_is_held},
    {"the newest children alone are held", the_newest_children_alone_are_held},
    {"large values arrive whole", large_values_arrive_whole},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo servers[] = {
    {"a new session does not read all at once", a_new_session_does_not_read_all_at_once},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"subscribers", NULL, NULL, fixture_open, fixture_close, subscribers},
    {"servers", NULL, NULL, fixture_open, fixture_close, servers},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

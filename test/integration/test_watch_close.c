/**
 * The end of subscriptions: closing in every situation, and a client that goes
 * first.
 */
#include <corral/counter.h>
#include <corral/watch.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/events.h"
#include "lib/fixture.h"

static atomic_int close_status;

static void close_it(const event *e)
{
    (void)e;
    atomic_store(&close_status, corral_watch_close(watch));
    watch = NULL;
}

static void it_closes_in_its_own_callback(void)
{
    events other_seen;
    corral_watch *other;

    events_open(&other_seen);
    atomic_store(&close_status, 1);
    server_put("/close/own", "1");
    other = fixture_subscribe("/close/own", &other_seen);
    REQUIRE(events_wait(&other_seen, 1));
    watch = fixture_subscribe("/close/own", &noted);
    REQUIRE(events_wait(&noted, 1));
    events_hook(&noted, close_it);
    server_put("/close/own", "2");
    REQUIRE(events_wait_value(&noted, "2"));
    server_put("/close/own", "3");
    REQUIRE(events_wait_value(&other_seen, "3"));
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    ASSERT_STATUS(atomic_load(&close_status), CORRAL_OK);
    ASSERT_INT64(events_count(&noted), 2);
    CU_ASSERT_PTR_NULL(watch);
    events_close(&other_seen);
}

static void it_closes_with_a_state_pending(void)
{
    events_block(&noted, true);
    server_put("/close/pending", "1");
    watch = fixture_subscribe("/close/pending", &noted);
    REQUIRE(events_wait_inside(&noted));
    events_hook(&noted, close_it);
    for (int i = 0; i < 5; i++) {
        uint64_t replies = proxy_count(through, PROXY_REPLIES);

        server_put("/close/pending", "2");
        REQUIRE(proxy_wait(through, PROXY_REPLIES, replies + 1, TESTING_PATIENCE_MS));
    }
    events_block(&noted, false);
    REQUIRE(events_wait(&noted, 1));
    /* All callbacks have run when the client has been closed. */
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    ASSERT_INT64(events_count(&noted), 1);
    client = NULL;
}

static atomic_bool closed;

static void *close_elsewhere(void *arg)
{
    (void)arg;
    atomic_store(&close_status, corral_watch_close(watch));
    atomic_store(&closed, true);
    return NULL;
}

static void a_close_waits_for_a_running_callback(void)
{
    pthread_t thread;
    corral_watch *other;
    events other_seen;

    events_open(&other_seen);
    server_put("/close/running", "1");
    events_block(&noted, true);
    watch = fixture_subscribe("/close/running", &noted);
    REQUIRE(events_wait_inside(&noted));
    /* One whose callback does not run is closed at once, whatever else runs. */
    other = fixture_subscribe("/close/running", &other_seen);
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    atomic_store(&closed, false);
    REQUIRE(pthread_create(&thread, NULL, close_elsewhere, NULL) == 0);
    CU_ASSERT(!proxy_wait(through, PROXY_CONNECTIONS, 1000, 100)); /* time for it to be wrong */
    CU_ASSERT(!atomic_load(&closed));
    events_block(&noted, false);
    REQUIRE(pthread_join(thread, NULL) == 0);
    watch = NULL;
    ASSERT_STATUS(atomic_load(&close_status), CORRAL_OK);
    ASSERT_INT64(events_count(&noted), 1);
    ASSERT_INT64(events_count(&other_seen), 0);
    events_close(&other_seen);
}

/* What the callbacks write to is freed right after each close. */
static void no_callback_comes_after_a_close(void)
{
    unsigned rounds = testing_scaled(300);

    server_put("/close/churn", "0");
    for (unsigned i = 0; i < rounds; i++) {
        events *own = malloc(sizeof *own);
        corral_watch *one;
        char text[16];

        REQUIRE(own != NULL);
        events_open(own);
        one = fixture_subscribe("/close/churn", own);
        if (i % 3 > 0) {
            snprintf(text, sizeof text, "%u", i);
            server_put("/close/churn", text);
        }
        if (i % 3 > 1) {
            REQUIRE(events_wait(own, 1));
        }
        ASSERT_STATUS(corral_watch_close(one), CORRAL_OK);
        events_close(own);
        memset(own, 0xdb, sizeof *own);
        free(own);
    }
    watch = fixture_subscribe("/close/churn", &noted);
    server_put("/close/churn", "end");
    REQUIRE(events_wait_value(&noted, "end"));
}

static void the_client_may_be_closed_first(void)
{
    corral_watch *other = NULL;
    events other_seen;

    events_open(&other_seen);
    server_put("/close/orphan", "1");
    watch = fixture_subscribe("/close/orphan", &noted);
    REQUIRE(events_wait(&noted, 1));
    REQUIRE_STATUS(corral_counter_open(client, "/close/orphan", NULL, &counter), CORRAL_OK);
    /* One has a state pending when it ends, one is still being read for. */
    events_block(&noted, true);
    server_put("/close/orphan", "2");
    REQUIRE(events_wait_inside(&noted));
    proxy_hold(through, PROXY_HOLD_REPLIES);
    other = fixture_subscribe("/close/unread", &other_seen);
    events_block(&noted, false);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_INT64(events_count(&noted), 3);
    ASSERT_VALUE(&noted, 1, "2");
    ASSERT_STATUS(events_get(&noted, 2).status, CORRAL_ECLOSED);
    ASSERT_INT64(events_count(&other_seen), 1);
    ASSERT_STATUS(events_get(&other_seen, 0).status, CORRAL_ECLOSED);
    ASSERT_STATUS(corral_counter_subscribe(counter, events_note_counter, &noted, &watch), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&other_seen);
}

static void *close_the_client(void *arg)
{
    *(int *)arg = corral_client_close(client);
    atomic_store(&closed, true);
    return NULL;
}

static void the_client_waits_for_a_running_callback(void)
{
    pthread_t thread;
    int status = 1;

    atomic_store(&closed, false);
    server_put("/close/waited", "1");
    events_block(&noted, true);
    watch = fixture_subscribe("/close/waited", &noted);
    REQUIRE(events_wait_inside(&noted));
    REQUIRE(pthread_create(&thread, NULL, close_the_client, &status) == 0);
    CU_ASSERT(!proxy_wait(through, PROXY_CONNECTIONS, 1000, 100)); /* time for it to be wrong */
    CU_ASSERT(!atomic_load(&closed));
    events_block(&noted, false);
    REQUIRE(pthread_join(thread, NULL) == 0);
    client = NULL;
    ASSERT_STATUS(status, CORRAL_OK);
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_VALUE(&noted, 0, "1");
    ASSERT_STATUS(events_get(&noted, 1).status, CORRAL_ECLOSED);
}

static void it_closes_when_told_of_the_clients_end(void)
{
    watch = fixture_subscribe("/close/last", &noted);
    REQUIRE(events_wait(&noted, 1));
    events_hook(&noted, close_it);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_STATUS(events_get(&noted, 1).status, CORRAL_ECLOSED);
    CU_ASSERT_PTR_NULL(watch);
}

static corral_watch *closed_by_another;

static void close_the_other(const event *e)
{
    if (e->status == CORRAL_ECLOSED) {
        atomic_store(&close_status, corral_watch_close(closed_by_another));
    }
}

/* Both have been told to end when the first one's callback runs. */
static void it_is_closed_by_anothers_last_callback(void)
{
    events never;

    events_open(&never);
    atomic_store(&close_status, 1);
    watch = fixture_subscribe("/close/two", &noted);
    REQUIRE(events_wait(&noted, 1));
    closed_by_another = fixture_subscribe("/close/two", &never);
    REQUIRE(events_wait(&never, 1));
    events_hook(&noted, close_the_other);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_STATUS(atomic_load(&close_status), CORRAL_OK);
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_INT64(events_count(&never), 1);
    events_close(&never);
}

static CU_TestInfo closing[] = {
    {"it closes in its own callback", it_closes_in_its_own_callback},
    {"it closes with a state pending", it_closes_with_a_state_pending},
    {"a close waits for a running callback", a_close_waits_for_a_running_callback},
    {"no callback comes after a close", no_callback_comes_after_a_close},
    {"the client may be closed first", the_client_may_be_closed_first},
    {"the client waits for a running callback", the_client_waits_for_a_running_callback},
    {"it closes when told of the client's end", it_closes_when_told_of_the_clients_end},
    {"it is closed by another's last callback", it_is_closed_by_anothers_last_callback},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"closing", NULL, NULL, fixture_open, fixture_close, closing},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

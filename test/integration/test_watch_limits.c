/**
 * The life of subscriptions and its limits: closing in every situation, a
 * client that goes first, bad arguments, too many paths, no memory.
 */
#include <corral/counter.h>
#include <corral/watch.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "lib/events.h"
#include "lib/fixture.h"

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    fixture_close();
}

/* --- closing --- */

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
    server_put("/limits/own", "1");
    other = fixture_subscribe("/limits/own", &other_seen);
    REQUIRE(events_wait(&other_seen, 1));
    watch = fixture_subscribe("/limits/own", &noted);
    REQUIRE(events_wait(&noted, 1));
    events_hook(&noted, close_it);
    server_put("/limits/own", "2");
    REQUIRE(events_wait_value(&noted, "2"));
    server_put("/limits/own", "3");
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
    server_put("/limits/pending", "1");
    watch = fixture_subscribe("/limits/pending", &noted);
    REQUIRE(events_wait_inside(&noted));
    events_hook(&noted, close_it);
    for (int i = 0; i < 5; i++) {
        uint64_t replies = proxy_count(through, PROXY_REPLIES);

        server_put("/limits/pending", "2");
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
    server_put("/limits/running", "1");
    events_block(&noted, true);
    watch = fixture_subscribe("/limits/running", &noted);
    REQUIRE(events_wait_inside(&noted));
    /* One whose callback does not run is closed at once, whatever else runs. */
    other = fixture_subscribe("/limits/running", &other_seen);
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

    server_put("/limits/churn", "0");
    for (unsigned i = 0; i < rounds; i++) {
        events *own = malloc(sizeof *own);
        corral_watch *one;
        char text[16];

        REQUIRE(own != NULL);
        events_open(own);
        one = fixture_subscribe("/limits/churn", own);
        if (i % 3 > 0) {
            snprintf(text, sizeof text, "%u", i);
            server_put("/limits/churn", text);
        }
        if (i % 3 > 1) {
            REQUIRE(events_wait(own, 1));
        }
        ASSERT_STATUS(corral_watch_close(one), CORRAL_OK);
        events_close(own);
        memset(own, 0xdb, sizeof *own);
        free(own);
    }
    watch = fixture_subscribe("/limits/churn", &noted);
    server_put("/limits/churn", "end");
    REQUIRE(events_wait_value(&noted, "end"));
}

static void the_client_may_be_closed_first(void)
{
    corral_watch *other = NULL;
    events other_seen;

    events_open(&other_seen);
    server_put("/limits/orphan", "1");
    watch = fixture_subscribe("/limits/orphan", &noted);
    REQUIRE(events_wait(&noted, 1));
    REQUIRE_STATUS(corral_counter_open(client, "/limits/orphan", NULL, &counter), CORRAL_OK);
    /* One has a state pending when it ends, one is still being read for. */
    events_block(&noted, true);
    server_put("/limits/orphan", "2");
    REQUIRE(events_wait_inside(&noted));
    proxy_hold(through, PROXY_HOLD_REPLIES);
    other = fixture_subscribe("/limits/unread", &other_seen);
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

static void it_closes_when_told_of_the_clients_end(void)
{
    watch = fixture_subscribe("/limits/last", &noted);
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
    watch = fixture_subscribe("/limits/two", &noted);
    REQUIRE(events_wait(&noted, 1));
    closed_by_another = fixture_subscribe("/limits/two", &never);
    REQUIRE(events_wait(&never, 1));
    events_hook(&noted, close_the_other);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_STATUS(atomic_load(&close_status), CORRAL_OK);
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_INT64(events_count(&never), 1);
    events_close(&never);
}

/* --- arguments --- */

static void bad_arguments_are_refused(void)
{
    static const char *const paths[] = {"", "/", "x", "/x/", "//x", "/x/..", "/\x01"};
    corral_watch_options options = CORRAL_WATCH_OPTIONS_INIT;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ASSERT_STATUS(corral_watch_open(client, paths[i], NULL, events_note, &noted, &watch), CORRAL_EINVAL);
    }
    ASSERT_STATUS(corral_watch_open(NULL, "/x", NULL, events_note, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_watch_open(client, NULL, NULL, events_note, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_watch_open(client, "/x", NULL, NULL, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_watch_open(client, "/x", NULL, events_note, &noted, NULL), CORRAL_EINVAL);
    options.version = 2;
    ASSERT_STATUS(corral_watch_open(client, "/x", &options, events_note, &noted, &watch), CORRAL_EINVAL);
    REQUIRE_STATUS(corral_counter_open(client, "/x", NULL, &counter), CORRAL_OK);
    ASSERT_STATUS(corral_counter_subscribe(NULL, events_note_counter, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_subscribe(counter, NULL, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_subscribe(counter, events_note_counter, &noted, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_watch_close(NULL), CORRAL_OK);
    CU_ASSERT_PTR_NULL(watch);
    ASSERT_INT64(events_count(&noted), 0);
    options = (corral_watch_options)CORRAL_WATCH_OPTIONS_INIT;
    ASSERT_STATUS(corral_watch_open(client, "/x", &options, events_note, &noted, &watch), CORRAL_OK);
}

/* --- too many paths --- */

enum { PATH_BYTES = 1000, MANY = 700 };

static void long_path(char path[PATH_BYTES + 1], unsigned number)
{
    snprintf(path, PATH_BYTES + 1, "/limits/%0*u", PATH_BYTES - 8, number);
}

static void cut_and_see(const char *path, const char *text)
{
    uint64_t connections = proxy_count(through, PROXY_CONNECTIONS);

    proxy_admit(through, PROXY_IGNORE);
    proxy_cut_all(through);
    server_put(path, text);
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, text));
    /* libzookeeper, too, had its way at the first attempt: it was not thrown out by the server. */
    ASSERT_INT64(proxy_count(through, PROXY_CONNECTIONS), connections + 1);
}

static void there_is_a_limit_that_a_server_can_take(void)
{
    corral_watch *watches[MANY] = {NULL};
    events all;
    char path[PATH_BYTES + 1];
    unsigned count = 0;
    int status = CORRAL_OK;

    events_open(&all);
    watch = fixture_subscribe("/limits/one", &noted);
    while (count < MANY && status == CORRAL_OK) {
        long_path(path, count);
        status = corral_watch_open(client, path, NULL, events_note, &all, &watches[count]);
        count += status == CORRAL_OK;
    }
    ASSERT_STATUS(status, CORRAL_EEXHAUSTED);
    CU_ASSERT_PTR_NULL(watches[count]);
    CU_ASSERT(count > 500 && count < 530);
    REQUIRE(events_wait(&all, count));
    /* What is watched already costs nothing more; a shorter one fits; and what is closed makes room. */
    long_path(path, 0);
    REQUIRE_STATUS(corral_watch_open(client, path, NULL, events_note, &all, &watches[count]), CORRAL_OK);
    ASSERT_STATUS(corral_watch_close(watches[count]), CORRAL_OK);
    cut_and_see("/limits/one", "with many");
    ASSERT_STATUS(corral_watch_close(watches[1]), CORRAL_OK);
    long_path(path, MANY);
    REQUIRE_STATUS(corral_watch_open(client, path, NULL, events_note, &all, &watches[1]), CORRAL_OK);
    for (unsigned i = 0; i < count; i++) {
        ASSERT_STATUS(corral_watch_close(watches[i]), CORRAL_OK);
    }
    events_close(&all);
}

/* Three times what a server can take, but one after another. */
static void closed_ones_leave_nothing_behind(void)
{
    char path[PATH_BYTES + 1];

    watch = fixture_subscribe("/limits/steady", &noted);
    for (unsigned i = 0; i < 3000; i++) {
        events own;
        corral_watch *one;

        events_open(&own);
        long_path(path, i);
        one = fixture_subscribe(path, &own);
        REQUIRE(events_wait(&own, 1));
        ASSERT_STATUS(corral_watch_close(one), CORRAL_OK);
        events_close(&own);
    }
    cut_and_see("/limits/steady", "unburdened");
}

/* --- no memory --- */

static void nothing(void)
{
}

static void cut(void)
{
    proxy_cut_all(through);
}

static void expire(void)
{
    /* So that there is a session. */
    int64_t value;

    REQUIRE_STATUS(corral_counter_open(client, "/limits/none", NULL, &counter), CORRAL_OK);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_ENOENT);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    REQUIRE(server_expire(through));
}

/* Change the znode while there is no memory from the nth allocation on; what is refused is refused whole. */
static void sweep(const char *path, void (*prepare)(void))
{
    char text[16];
    unsigned refused = 0;

    watch = fixture_subscribe(path, &noted);
    REQUIRE(events_wait(&noted, 1));
    for (unsigned nth = 1; nth <= 30; nth++) {
        events extra;
        corral_watch *more = NULL;
        int status;

        events_open(&extra);
        prepare();
        corrali_alloc_fail_from(nth);
        snprintf(text, sizeof text, "%u", nth);
        server_put(path, text);
        status = corral_watch_open(client, nth % 2 == 0 ? path : "/limits/other", NULL, events_note, &extra,
                                   &more);
        CU_ASSERT(status == CORRAL_OK || status == CORRAL_ENOMEM);
        CU_ASSERT((status == CORRAL_OK) == (more != NULL));
        refused += status != CORRAL_OK;
        /* Time to fail in. */
        (void)proxy_wait(through, PROXY_CONNECTIONS, UINT64_MAX, 20);
        corrali_alloc_fail_from(0);
        REQUIRE(events_wait_value(&noted, text));
        if (more != NULL) {
            REQUIRE(events_wait_value(&extra, nth % 2 == 0 ? text : NULL));
        }
        ASSERT_STATUS(corral_watch_close(more), CORRAL_OK);
        events_close(&extra);
    }
    ASSERT_FORWARD(&noted);
    ASSERT_INT64(events_changes(&noted), 30);
    CU_ASSERT(refused > 0 && refused < 30);
}

static void changes_survive_a_lack_of_memory(void)
{
    sweep("/limits/memory", nothing);
}

static void reconnecting_survives_a_lack_of_memory(void)
{
    sweep("/limits/memory-cut", cut);
}

static void a_new_session_survives_a_lack_of_memory(void)
{
    sweep("/limits/memory-expiry", expire);
}

static CU_TestInfo closing[] = {
    {"it closes in its own callback", it_closes_in_its_own_callback},
    {"it closes with a state pending", it_closes_with_a_state_pending},
    {"a close waits for a running callback", a_close_waits_for_a_running_callback},
    {"no callback comes after a close", no_callback_comes_after_a_close},
    {"the client may be closed first", the_client_may_be_closed_first},
    {"it closes when told of the client's end", it_closes_when_told_of_the_clients_end},
    {"it is closed by another's last callback", it_is_closed_by_anothers_last_callback},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo limits[] = {
    {"bad arguments are refused", bad_arguments_are_refused},
    {"there is a limit that a server can take", there_is_a_limit_that_a_server_can_take},
    {"closed ones leave nothing behind", closed_ones_leave_nothing_behind},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo memory[] = {
    {"changes survive a lack of memory", changes_survive_a_lack_of_memory},
    {"reconnecting survives a lack of memory", reconnecting_survives_a_lack_of_memory},
    {"a new session survives a lack of memory", a_new_session_survives_a_lack_of_memory},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"closing", NULL, NULL, fixture_open, teardown, closing},
    {"limits", NULL, NULL, fixture_open, teardown, limits},
    {"no memory", NULL, NULL, fixture_open, teardown, memory},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * Subscriptions of a client with a descriptor: told where the program
 * dispatches, and closed while another thread does.
 */
#include <corral/watch.h>

#include <pthread.h>
#include <stdatomic.h>

#include "lib/events.h"
#include "lib/loop.h"

/* Dispatch on this thread until there are @count events. */
static void dispatch_until(events *e, unsigned count)
{
    while (events_count(e) < count) {
        loop_await_due();
        REQUIRE(corral_client_dispatch(client) >= 0);
    }
}

/* Change the znode, and wait until the client has asked for it and been answered. */
static void put_and_see(const char *path, const char *text)
{
    uint64_t replies = proxy_count(through, PROXY_REPLIES);

    server_put(path, text);
    REQUIRE(proxy_wait(through, PROXY_REPLIES, replies + 1, TESTING_PATIENCE_MS));
}

static void it_is_told_where_the_loop_dispatches(void)
{
    server_put("/loop/told", "1");
    watch = fixture_subscribe("/loop/told", &noted);
    loop_await_due();
    ASSERT_INT64(events_count(&noted), 0);
    ASSERT_INT64(corral_client_dispatch(client), 1);
    ASSERT_VALUE(&noted, 0, "1");
    ASSERT_INT64(corral_client_dispatch(client), 0);
    server_put("/loop/told", "2");
    dispatch_until(&noted, 2);
    ASSERT_VALUE(&noted, 1, "2");
    ASSERT_FORWARD(&noted);
}

/* A loop that is busy elsewhere is a slow subscriber like any other. */
static void what_a_busy_loop_misses_is_counted(void)
{
    int64_t value;

    server_put("/loop/busy", "0");
    watch = fixture_subscribe("/loop/busy", &noted);
    dispatch_until(&noted, 1);
    for (int i = 0; i < 3; i++) {
        put_and_see("/loop/busy", "between");
    }
    put_and_see("/loop/busy", "last");
    /* After this the client has taken all that the server had sent it before. */
    REQUIRE_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_OK);
    CU_ASSERT(loop_readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_VALUE(&noted, 1, "last");
    ASSERT_INT64(events_get(&noted, 1).skipped, 3);
    CU_ASSERT(!loop_readable(0));
}

static void nothing_is_told_after_a_close(void)
{
    server_put("/loop/closed", "1");
    watch = fixture_subscribe("/loop/closed", &noted);
    loop_await_due();
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    watch = NULL;
    REQUIRE(corral_client_dispatch(client) >= 0);
    ASSERT_INT64(events_count(&noted), 0);
    CU_ASSERT(!loop_readable(0));
}

static void the_end_is_told_by_the_clients_close(void)
{
    server_put("/loop/end", "1");
    watch = fixture_subscribe("/loop/end", &noted);
    loop_await_due();
    loop_close_client();
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_VALUE(&noted, 0, "1");
    ASSERT_STATUS(events_get(&noted, 1).status, CORRAL_ECLOSED);
}

/* --- threads --- */

static void *dispatch_once(void *arg)
{
    *(int *)arg = corral_client_dispatch(client);
    return NULL;
}

static atomic_bool closed;

static void *close_elsewhere(void *arg)
{
    *(int *)arg = corral_watch_close(watch);
    atomic_store(&closed, true);
    return NULL;
}

static void a_close_waits_for_a_callback_elsewhere(void)
{
    pthread_t dispatcher, closer;
    int count = -1, status = 1;

    atomic_store(&closed, false);
    server_put("/loop/running", "1");
    events_block(&noted, true);
    watch = fixture_subscribe("/loop/running", &noted);
    loop_await_due();
    REQUIRE(pthread_create(&dispatcher, NULL, dispatch_once, &count) == 0);
    REQUIRE(events_wait_inside(&noted));
    REQUIRE(pthread_create(&closer, NULL, close_elsewhere, &status) == 0);
    CU_ASSERT(!proxy_wait(through, PROXY_CONNECTIONS, 1000, 100)); /* time for it to be wrong */
    CU_ASSERT(!atomic_load(&closed));
    events_block(&noted, false);
    REQUIRE(pthread_join(closer, NULL) == 0);
    REQUIRE(pthread_join(dispatcher, NULL) == 0);
    watch = NULL;
    ASSERT_STATUS(status, CORRAL_OK);
    ASSERT_INT64(count, 1);
    ASSERT_INT64(events_count(&noted), 1);
}

static CU_TestInfo one_thread[] = {
    {"it is told where the loop dispatches", it_is_told_where_the_loop_dispatches},
    {"what a busy loop misses is counted", what_a_busy_loop_misses_is_counted},
    {"nothing is told after a close", nothing_is_told_after_a_close},
    {"the end is told by the client's close", the_end_is_told_by_the_clients_close},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo threads[] = {
    {"a close waits for a callback elsewhere", a_close_waits_for_a_callback_elsewhere},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"one thread", NULL, NULL, loop_open, fixture_close, one_thread},
    {"threads", NULL, NULL, loop_open, fixture_close, threads},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

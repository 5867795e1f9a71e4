/**
 * The lane sweep and the living: what belongs to a living client stays, whatever
 * happens in between, and one that was swept while it was away counts exactly.
 */
#include <corral/counter.h>

#include <stdio.h>
#include <unistd.h>

#include "lib/sweeping.h"
#include "sweep.h"

/* --- living clients --- */

/* One that does not sweep for now, with several lanes, on counters that hold 1. */
enum { LANES = 4 };

typedef struct {
    proxy *through;
    corral_client *client;
    corral_counter *counters[LANES];
    char directory[128];
    int znodes; /* in there */
} living;

static void open_living(living *own)
{
    recorder results;

    own->through = proxy_open(server_connect());
    REQUIRE(own->through != NULL);
    corrali_sweep_configure(1, HOUR_MS);
    own->client = server_client(proxy_servers(own->through));
    recorder_open(&results, LANES);
    for (int i = 0; i < LANES; i++) {
        char path[64];

        snprintf(path, sizeof path, "/sweep/living-%d", i);
        own->counters[i] = NULL;
        REQUIRE_STATUS(corral_counter_open(own->client, path, NULL, &own->counters[i]), CORRAL_OK);
        REQUIRE_STATUS(corral_counter_set(own->counters[i], 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    }
    for (int i = 0; i < LANES; i++) {
        REQUIRE_STATUS(corral_counter_add_async(own->counters[i], 1, CORRAL_FOREVER, record_int64,
                                                &results.records[i], NULL),
                       CORRAL_OK);
    }
    REQUIRE(recorder_wait(&results, LANES));
    recorder_close(&results);
    REQUIRE(sweeping_find_writer(own->directory, sizeof own->directory));
    own->znodes = raw_count_below(server_raw(), own->directory);
    CU_ASSERT(own->znodes >= 2);
}

static void assert_counts(living *own, int64_t next)
{
    for (int i = 0; i < LANES; i++) {
        sweeping_assert_add(own->counters[i], next);
    }
}

static void close_living(living *own)
{
    for (int i = 0; i < LANES; i++) {
        ASSERT_STATUS(corral_counter_close(own->counters[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_client_close(own->client), CORRAL_OK);
    proxy_close(own->through);
    CU_ASSERT(!sweeping_exists(own->directory));
}

static void a_living_client_is_left_alone(void)
{
    living own;

    open_living(&own);
    sweeping_begin(1, SOON_MS);
    sweeping_await_rounds(2);
    CU_ASSERT(raw_count_below(server_raw(), own.directory) >= own.znodes);
    assert_counts(&own, 2);
    ASSERT_INT64(sweeping_said(LEFT_ALONE), 0); /* it was not even tried */
    close_living(&own);
}

static void so_is_one_with_a_new_session(void)
{
    living own;

    open_living(&own);
    REQUIRE(server_expire(own.through));
    assert_counts(&own, 2);
    own.znodes = raw_count_below(server_raw(), own.directory);
    sweeping_begin(1, SOON_MS);
    sweeping_await_rounds(2);
    CU_ASSERT(raw_count_below(server_raw(), own.directory) >= own.znodes);
    assert_counts(&own, 3);
    close_living(&own);
}

/* Keep @own off, and end its session. */
static void send_away(living *own)
{
    int64_t session;
    char password[16];

    proxy_admit(own->through, PROXY_IGNORE);
    proxy_cut_all(own->through);
    REQUIRE(proxy_session(own->through, &session, password));
    REQUIRE(raw_expire(server_connect(), session, password));
}

static void one_that_was_swept_while_away_goes_on(void)
{
    corral_client_stats stats;
    char lane[160];
    living own;

    open_living(&own);
    sweeping_begin(1, SOON_MS);
    send_away(&own);
    sweeping_await_gone(own.directory);
    proxy_admit(own.through, PROXY_ACCEPT);
    assert_counts(&own, 2);
    assert_counts(&own, 3);
    CU_ASSERT(sweeping_exists(own.directory));
    /* Under new names. */
    snprintf(lane, sizeof lane, "%s/0", own.directory);
    CU_ASSERT(!sweeping_exists(lane));
    ASSERT_STATUS(corral_client_get_stats(own.client, &stats), CORRAL_OK);
    ASSERT_INT64(stats.uncertain, 0);
    sweeping_await_rounds(1);
    assert_counts(&own, 4);
    close_living(&own);
}

/* With a batch whose reply, or which itself, was lost. */
static void assert_uncertain(proxy_place place, int64_t after)
{
    living own;
    proxy_rule rule = {.count = 1};
    recorder results;
    int64_t session, value = -1;
    char password[16];

    open_living(&own);
    sweeping_begin(1, SOON_MS);
    rule.on_cut = sweeping_ignore_connections;
    rule.on_cut_arg = own.through;
    recorder_open(&results, 1);
    proxy_cut(own.through, place, &rule);
    REQUIRE_STATUS(
        corral_counter_add_async(own.counters[0], 1, CORRAL_FOREVER, record_int64, &results.records[0], NULL),
        CORRAL_OK);
    REQUIRE(proxy_wait(own.through, place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE, 1,
                       TESTING_PATIENCE_MS));
    REQUIRE(proxy_session(own.through, &session, password));
    REQUIRE(raw_expire(server_connect(), session, password));
    sweeping_await_gone(own.directory);
    proxy_cut(own.through, place, NULL);
    proxy_admit(own.through, PROXY_ACCEPT);
    REQUIRE(recorder_wait(&results, 1));
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_EUNCERTAIN);
    ASSERT_STATUS(corral_counter_get(own.counters[0], CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value),
                  CORRAL_OK);
    ASSERT_INT64(value, after);
    sweeping_assert_add(own.counters[0], after + 1);
    recorder_close(&results);
    close_living(&own);
}

static void what_it_repeats_then_is_not_done_twice(void)
{
    assert_uncertain(PROXY_AFTER, 2);
}

static void nor_done_late(void)
{
    assert_uncertain(PROXY_BEFORE, 1);
}

/* --- what happens in between: before the sweeper's request reaches the server --- */

/* Until the server's calendar has gone on by @ms. */
static void let_server_time_pass(int64_t ms)
{
    struct Stat before, now;

    server_put("/sweep-clock", "");
    REQUIRE(raw_exists(server_raw(), "/sweep-clock", &before) == ZOK);
    do {
        usleep(POLL_US);
        server_put("/sweep-clock", "");
        REQUIRE(raw_exists(server_raw(), "/sweep-clock", &now) == ZOK);
    } while (now.mtime < before.mtime + ms);
}

static void a_writer_that_comes_back_is_left(void)
{
    sweeping_make_crashed(CRASHED, 3);
    sweeping_interfere(CRASHED, NULL, CRASHED "/live");
    sweeping_begin(1, SOON_MS);
    sweeping_await(LEFT_ALONE, 1);
    sweeping_await_rounds(1);
    ASSERT_INT64(raw_count_below(server_raw(), CRASHED), 4);
    ASSERT_INT64(sweeping_interfered(), 1); /* after the first failure, and with LIVE there, nothing more */
    sweeping_stop_interfering();
    REQUIRE(raw_delete(server_raw(), CRASHED "/live") == ZOK);
    sweeping_await_gone(CRASHED);
}

static void a_lane_that_is_written_to_is_left(void)
{
    sweeping_make_crashed(CRASHED, 3);
    sweeping_interfere(CRASHED, CRASHED "/0", NULL);
    /* All are tried in the order in which the server tells of them. */
    sweeping_begin(1, SOON_MS);
    sweeping_await(LEFT_ALONE, 2);
    CU_ASSERT(sweeping_exists(CRASHED "/0"));
    sweeping_stop_interfering();
    sweeping_await_gone(CRASHED);
}

static void a_directory_that_is_renewed_is_left(void)
{
    sweeping_make_crashed(CRASHED, 0);
    sweeping_interfere(CRASHED, CRASHED, NULL);
    sweeping_begin(1, SOON_MS);
    sweeping_await(LEFT_ALONE, 2);
    CU_ASSERT(sweeping_exists(CRASHED));
    sweeping_stop_interfering();
    sweeping_await_gone(CRASHED);
}

static void a_lane_that_is_new_keeps_the_directory(void)
{
    sweeping_make_crashed(CRASHED, 1);
    sweeping_interfere(CRASHED, NULL, CRASHED "/7");
    sweeping_begin(1, SOON_MS);
    sweeping_await(LEFT_ALONE, 1);
    CU_ASSERT(sweeping_exists(CRASHED "/7"));
    CU_ASSERT(!sweeping_exists(CRASHED "/0"));
    sweeping_stop_interfering();
    sweeping_await_gone(CRASHED);
}

/* One of them is always young. */
static void assert_young_keeps_all(const char *path)
{
    enum { AGE_MS = 1500 };

    sweeping_make_crashed(CRASHED, 3);
    let_server_time_pass(AGE_MS);
    sweeping_interfere(NULL, path, NULL);
    sweeping_begin(AGE_MS, SOON_MS);
    sweeping_await_rounds(2);
    ASSERT_INT64(raw_count_below(server_raw(), CRASHED), 3);
    ASSERT_INT64(sweeping_said(LEFT_ALONE), 0);
    sweeping_stop_interfering();
    sweeping_await_gone(CRASHED);
}

static void a_young_lane_keeps_all(void)
{
    assert_young_keeps_all(CRASHED "/1");
}

static void a_young_directory_keeps_all(void)
{
    assert_young_keeps_all(CRASHED);
}

static CU_TestInfo living_tests[] = {
    {"a living client is left alone", a_living_client_is_left_alone},
    {"so is one with a new session", so_is_one_with_a_new_session},
    {"one that was swept while away goes on", one_that_was_swept_while_away_goes_on},
    {"what it repeats then is not done twice", what_it_repeats_then_is_not_done_twice},
    {"nor done late", nor_done_late},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo between_tests[] = {
    {"a writer that comes back is left", a_writer_that_comes_back_is_left},
    {"a lane that is written to is left", a_lane_that_is_written_to_is_left},
    {"a directory that is renewed is left", a_directory_that_is_renewed_is_left},
    {"a lane that is new keeps the directory", a_lane_that_is_new_keeps_the_directory},
    {"a young lane keeps all", a_young_lane_keeps_all},
    {"a young directory keeps all", a_young_directory_keeps_all},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"living", NULL, NULL, sweeping_open, sweeping_close, living_tests},
    {"in between", NULL, NULL, sweeping_open, sweeping_close, between_tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

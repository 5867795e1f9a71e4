/**
 * A client's life: its states, its place in the tree, what it rides out, and
 * that it leaves nothing behind.
 */
#include <corral/counter.h>

#include <stdlib.h>
#include <string.h>

#include "lib/fixture.h"
#include "lib/states.h"
#include "lib/workers.h"

static states seen;

static void setup(void)
{
    fixture_open_proxy();
    states_open(&seen);
}

static void teardown(void)
{
    fixture_close();
    states_close(&seen);
}

/* A client of @servers whose states are noted, with a counter at @path. */
static void open_client(const char *servers, const char *path)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.session_timeout_ms = SERVER_SESSION_MS;
    options.state_cb = states_note;
    options.state_arg = &seen;
    REQUIRE_STATUS(corral_client_open(servers, &options, &client), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_open(client, path, NULL, &counter), CORRAL_OK);
}

static void close_client(void)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
}

static void assert_add(int64_t expected)
{
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

static corral_client_stats stats(void)
{
    corral_client_stats result = {0};

    ASSERT_STATUS(corral_client_get_stats(client, &result), CORRAL_OK);
    return result;
}

static int writers_left(void)
{
    return raw_exists(server_raw(), "/corral/writers", NULL) == ZOK
               ? raw_count_below(server_raw(), "/corral/writers")
               : 0;
}

/* --- states --- */

static void connecting_connected_closed(void)
{
    open_client(proxy_servers(through), "/client/states");
    assert_add(1);
    CU_ASSERT_EQUAL(corral_client_state(client), CORRAL_STATE_CONNECTED);
    close_client();
    ASSERT_STATES(&seen, CORRAL_STATE_CONNECTING, CORRAL_STATE_CONNECTED, CORRAL_STATE_CLOSED);
}

static void suspended_and_reconnected(void)
{
    open_client(proxy_servers(through), "/client/suspended");
    assert_add(1);
    proxy_cut_all(through);
    REQUIRE(states_wait(&seen, 0, CORRAL_STATE_RECONNECTED));
    assert_add(2);
    ASSERT_INT64(stats().sessions, 1);
    close_client();
    ASSERT_STATES(&seen, CORRAL_STATE_CONNECTING, CORRAL_STATE_CONNECTED, CORRAL_STATE_SUSPENDED,
                  CORRAL_STATE_RECONNECTED, CORRAL_STATE_CLOSED);
}

static void lost_and_reconnected_in_a_new_session(void)
{
    open_client(proxy_servers(through), "/client/lost");
    assert_add(1);
    REQUIRE(server_expire(through));
    REQUIRE(states_wait(&seen, 0, CORRAL_STATE_RECONNECTED));
    CU_ASSERT_EQUAL(corral_client_state(client), CORRAL_STATE_RECONNECTED);
    assert_add(2);
    ASSERT_INT64(stats().sessions, 2);
    close_client();
    ASSERT_STATES(&seen, CORRAL_STATE_CONNECTING, CORRAL_STATE_CONNECTED, CORRAL_STATE_SUSPENDED,
                  CORRAL_STATE_LOST, CORRAL_STATE_RECONNECTED, CORRAL_STATE_CLOSED);
    ASSERT_INT64(writers_left(), 0);
}

static void closed_before_it_was_connected(void)
{
    proxy_admit(through, PROXY_IGNORE);
    open_client(proxy_servers(through), "/client/never");
    CU_ASSERT_EQUAL(corral_client_state(client), CORRAL_STATE_CONNECTING);
    close_client();
    ASSERT_STATES(&seen, CORRAL_STATE_CONNECTING, CORRAL_STATE_CLOSED);
}

/* --- the place in the tree --- */

static void assert_chroot(const char *chroot, const char *first_missing)
{
    char servers[128], path[128];

    snprintf(servers, sizeof servers, "%s%s", server_connect(), chroot);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), first_missing, NULL), ZNONODE);
    open_client(servers, "/in/there");
    assert_add(1);
    assert_add(2);
    snprintf(path, sizeof path, "%s/in/there", chroot);
    ASSERT_ZNODE(path, "2");
    snprintf(path, sizeof path, "%s/corral/writers", chroot);
    ASSERT_INT64(raw_count_below(server_raw(), path), 3);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/in", NULL), ZNONODE);
    close_client();
    ASSERT_INT64(raw_count_below(server_raw(), path), 0);
}

static void a_chroot_is_made_by_the_first_write(void)
{
    assert_chroot("/chroot", "/chroot");
}

static void a_deep_chroot_as_well(void)
{
    assert_chroot("/chroot/of/several/levels", "/chroot/of");
}

static void a_chroot_that_exists_is_used(void)
{
    REQUIRE(raw_create(server_raw(), "/chroot-there/in", "", 0) == ZOK);
    assert_chroot("/chroot-there", "/chroot-there/in/there");
}

static void reading_makes_no_chroot(void)
{
    char servers[128];
    int64_t value;

    snprintf(servers, sizeof servers, "%s/chroot-read", server_connect());
    open_client(servers, "/x");
    for (int level = CORRAL_READ_LOCAL; level <= CORRAL_READ_LINEARIZABLE; level++) {
        ASSERT_STATUS(corral_counter_get(counter, (corral_read)level, CORRAL_FOREVER, &value), CORRAL_ENOENT);
    }
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_ENOENT);
    close_client();
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/chroot-read/x", NULL), ZNONODE);
}

static void home_is_where_it_is_told(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    int before = writers_left();

    options.home = "/home/of/option";
    setenv("CORRAL_HOME", "/home/of/environment", 1);
    REQUIRE_STATUS(corral_client_open(server_connect(), &options, &client), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_open(client, "/client/home", NULL, &counter), CORRAL_OK);
    assert_add(1);
    ASSERT_INT64(raw_count_below(server_raw(), "/home/of/option/writers"), 3);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/home/of/environment", NULL), ZNONODE);
    close_client();

    open_client(server_connect(), "/client/home");
    unsetenv("CORRAL_HOME");
    assert_add(2);
    ASSERT_INT64(raw_count_below(server_raw(), "/home/of/environment/writers"), 3);
    ASSERT_INT64(writers_left(), before);
    close_client();
    ASSERT_INT64(raw_count_below(server_raw(), "/home/of/option/writers"), 0);
    ASSERT_INT64(raw_count_below(server_raw(), "/home/of/environment/writers"), 0);
}

static void servers_come_from_the_environment(void)
{
    setenv("CORRAL_SERVERS", server_connect(), 1);
    open_client(NULL, "/client/environment");
    unsetenv("CORRAL_SERVERS");
    assert_add(1);
    ASSERT_ZNODE("/client/environment", "1");
}

/* --- what it rides out --- */

static void a_server_restart_is_ridden_out(void)
{
    char error[256];

    open_client(server_connect(), "/client/restart");
    assert_add(1);
    for (int64_t i = 2; i < 4; i++) {
        recorder results;

        recorder_open(&results, 1);
        dev_kill(server_ensemble(), 0);
        REQUIRE_STATUS(
            corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[0], NULL),
            CORRAL_OK);
        REQUIRE(dev_restart(server_ensemble(), 0, error, sizeof error) == 0);
        REQUIRE(recorder_wait(&results, 1));
        ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_OK);
        ASSERT_INT64(recorder_get(&results, 0).value, i);
        recorder_close(&results);
    }
    ASSERT_ZNODE("/client/restart", "3");
}

static void a_server_that_comes_late_is_waited_for(void)
{
    recorder results;

    proxy_admit(through, PROXY_REFUSE);
    open_client(proxy_servers(through), "/client/late");
    recorder_open(&results, 2);
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[0], NULL),
        CORRAL_OK);
    REQUIRE_STATUS(corral_counter_get_async(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, record_int64,
                                            &results.records[1], NULL),
                   CORRAL_OK);
    REQUIRE(proxy_wait(through, PROXY_CONNECTIONS, 3, TESTING_PATIENCE_MS));
    ASSERT_INT64(recorder_calls(&results), 0);
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(recorder_wait(&results, 2));
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_OK);
    recorder_close(&results);
}

static void many_disconnections_are_ridden_out(void)
{
    enum { THREADS = 4 };
    unsigned adds = testing_scaled(300);
    proxy_rule rule = {.every = 50, .failed_too = true};
    corral_counter *counters[THREADS];
    workers_result result;

    open_client(proxy_servers(through), "/client/disconnections");
    for (int i = 0; i < THREADS; i++) {
        counters[i] = counter;
    }
    proxy_cut(through, PROXY_BEFORE, &rule);
    result = workers_add(counters, THREADS, adds);
    proxy_cut(through, PROXY_BEFORE, NULL);
    ASSERT_EXACT(&result, THREADS * adds, 0);
    CU_ASSERT(proxy_count(through, PROXY_CUT_BEFORE) >= adds / 50);
    workers_free(&result);
}

static void sessions_end_again_and_again(void)
{
    unsigned rounds = testing_scaled(10);

    open_client(proxy_servers(through), "/client/sessions");
    assert_add(1);
    for (unsigned i = 0; i < rounds; i++) {
        unsigned before = states_count(&seen);

        REQUIRE(server_expire(through));
        REQUIRE(states_wait(&seen, before, CORRAL_STATE_RECONNECTED));
        assert_add(i + 2);
    }
    ASSERT_INT64(stats().sessions, rounds + 1);
    /* Still one directory, one sign of life, one lane. */
    ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 3);
    close_client();
    ASSERT_INT64(writers_left(), 0);
}

/* --- what it leaves behind --- */

static void opening_and_closing_leaves_nothing(void)
{
    unsigned rounds = testing_scaled(40);

    for (unsigned i = 0; i < rounds; i++) {
        open_client(server_connect(), "/client/cycles");
        assert_add(i + 1);
        close_client();
    }
    ASSERT_INT64(writers_left(), 0);
}

static void closing_at_once_leaves_nothing(void)
{
    unsigned rounds = testing_scaled(40);

    for (unsigned i = 0; i < rounds; i++) {
        open_client(server_connect(), "/client/at-once");
        ASSERT_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, NULL, NULL, NULL), CORRAL_OK);
        close_client();
    }
    ASSERT_INT64(writers_left(), 0);
}

static void *live_and_add(void *arg)
{
    int64_t *value = arg;
    corral_client *own = NULL;
    corral_counter *mine = NULL;

    if (corral_client_open(server_connect(), NULL, &own) == CORRAL_OK &&
        corral_counter_open(own, "/client/crowd", NULL, &mine) == CORRAL_OK) {
        corral_counter_add(mine, 1, CORRAL_FOREVER, value);
    }
    corral_counter_close(mine);
    corral_client_close(own);
    return NULL;
}

static void many_clients_at_a_time_leave_nothing(void)
{
    enum { CLIENTS = 30 };
    pthread_t threads[CLIENTS];
    int64_t values[CLIENTS] = {0};

    for (int i = 0; i < CLIENTS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, live_and_add, &values[i]) == 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
    }
    ASSERT_INT64(workers_sort(values, CLIENTS), 0);
    ASSERT_INT64(values[0], 1);
    ASSERT_INT64(values[CLIENTS - 1], CLIENTS);
    ASSERT_INT64(writers_left(), 0);
}

static CU_TestInfo state_tests[] = {
    {"connecting, connected, closed", connecting_connected_closed},
    {"suspended and reconnected", suspended_and_reconnected},
    {"lost and reconnected in a new session", lost_and_reconnected_in_a_new_session},
    {"closed before it was connected", closed_before_it_was_connected},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo place_tests[] = {
    {"a chroot is made by the first write", a_chroot_is_made_by_the_first_write},
    {"a deep chroot as well", a_deep_chroot_as_well},
    {"a chroot that exists is used", a_chroot_that_exists_is_used},
    {"reading makes no chroot", reading_makes_no_chroot},
    {"home is where it is told", home_is_where_it_is_told},
    {"servers come from the environment", servers_come_from_the_environment},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo fault_tests[] = {
    {"a server restart is ridden out", a_server_restart_is_ridden_out},
    {"a server that comes late is waited for", a_server_that_comes_late_is_waited_for},
    {"many disconnections are ridden out", many_disconnections_are_ridden_out},
    {"sessions end again and again", sessions_end_again_and_again},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo trace_tests[] = {
    {"opening and closing leaves nothing", opening_and_closing_leaves_nothing},
    {"closing at once leaves nothing", closing_at_once_leaves_nothing},
    {"many clients at a time leave nothing", many_clients_at_a_time_leave_nothing},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"states", NULL, NULL, setup, teardown, state_tests},
    {"place", NULL, NULL, setup, teardown, place_tests},
    {"faults", NULL, NULL, setup, teardown, fault_tests},
    {"traces", NULL, NULL, setup, teardown, trace_tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

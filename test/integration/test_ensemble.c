/**
 * Three servers, of which one at a time is killed, hangs, or comes back: the
 * clients' sessions move from one to the next, and every add still counts
 * exactly once.
 */
#include <corral/counter.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/server.h"
#include "lib/workers.h"

enum { NODES = 3, CLIENTS = 3, THREADS = 6, ADDS_MAX = 100000, POLL_US = 10000 };

/* Threads that add until they are told to stop. */
static struct {
    corral_client *clients[CLIENTS];
    corral_counter *counters[CLIENTS];
    pthread_t threads[THREADS];
    atomic_bool stop;
    atomic_uint made; /* adds that reported success: so many of values */
    atomic_uint failed;
    int64_t *values;
} crowd;

static void *add_until_stopped(void *arg)
{
    corral_counter *counter = arg;
    int64_t value;

    while (!atomic_load(&crowd.stop) && atomic_load(&crowd.made) < ADDS_MAX - THREADS) {
        if (corral_counter_add(counter, 1, CORRAL_FOREVER, &value) == CORRAL_OK) {
            crowd.values[atomic_fetch_add(&crowd.made, 1)] = value;
        } else {
            atomic_fetch_add(&crowd.failed, 1);
        }
    }
    return NULL;
}

static void start_crowd(const char *path)
{
    atomic_store(&crowd.stop, false);
    atomic_store(&crowd.made, 0);
    atomic_store(&crowd.failed, 0);
    crowd.values = calloc(ADDS_MAX, sizeof *crowd.values);
    REQUIRE(crowd.values != NULL);
    for (int i = 0; i < CLIENTS; i++) {
        crowd.clients[i] = server_client(server_connect());
        REQUIRE_STATUS(corral_counter_open(crowd.clients[i], path, NULL, &crowd.counters[i]), CORRAL_OK);
    }
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&crowd.threads[i], NULL, add_until_stopped, crowd.counters[i % CLIENTS]) == 0);
    }
}

/* Wait until some more adds have been made; false: they do not come. */
static bool goes_on(void)
{
    unsigned from = atomic_load(&crowd.made), wanted = from + 20 * THREADS;
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;

    while (atomic_load(&crowd.made) < wanted && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    return atomic_load(&crowd.made) >= wanted;
}

static void stop_crowd(const char *path)
{
    corral_client_stats stats;
    uint64_t resends = 0, applied = 0;
    int64_t value = -1;
    raw *reader;

    atomic_store(&crowd.stop, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(crowd.threads[i], NULL);
    }
    for (int i = 0; i < CLIENTS; i++) {
        ASSERT_STATUS(corral_client_get_stats(crowd.clients[i], &stats), CORRAL_OK);
        resends += stats.resends;
        applied += stats.resends_applied;
        ASSERT_STATUS(corral_counter_close(crowd.counters[i]), CORRAL_OK);
        ASSERT_STATUS(corral_client_close(crowd.clients[i]), CORRAL_OK);
    }
    printf("%u adds, %llu resends, %llu of them found applied ", atomic_load(&crowd.made),
           (unsigned long long)resends, (unsigned long long)applied);
    ASSERT_INT64(atomic_load(&crowd.failed), 0);
    ASSERT_INT64(workers_sort(crowd.values, atomic_load(&crowd.made)), 0);
    reader = raw_open(server_connect()); /* the session of the one beside may have ended with all this */
    REQUIRE(reader != NULL);
    CU_ASSERT_EQUAL(raw_get_number(reader, path, &value), ZOK);
    raw_close(reader);
    ASSERT_INT64(value, atomic_load(&crowd.made));
    free(crowd.values);
}

/* The node that leads, once one does. */
static int leader(void)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    int node = -1;

    while ((node = dev_leader(server_ensemble())) < 0 && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    return node;
}

static void restart(int node)
{
    char error[256];

    CU_ASSERT_FATAL(dev_restart(server_ensemble(), node, error, sizeof error) == 0);
}

static void each_server_restarts_in_turn(void)
{
    start_crowd("/ensemble/turn");
    for (int node = 0; node < NODES; node++) {
        CU_ASSERT(goes_on());
        dev_kill(server_ensemble(), node);
        CU_ASSERT(goes_on());
        restart(node);
    }
    CU_ASSERT(goes_on());
    stop_crowd("/ensemble/turn");
}

static void the_leader_is_killed_again_and_again(void)
{
    start_crowd("/ensemble/leader");
    for (int i = 0; i < 2; i++) {
        int node = leader();

        REQUIRE(node >= 0);
        CU_ASSERT(goes_on());
        dev_kill(server_ensemble(), node);
        CU_ASSERT(goes_on());
        restart(node);
    }
    stop_crowd("/ensemble/leader");
}

/* It wakes up later and believes that it leads still, with what it had not passed on yet. */
static void the_leader_hangs_for_a_while(void)
{
    int node;

    start_crowd("/ensemble/hang");
    node = leader();
    REQUIRE(node >= 0);
    CU_ASSERT(goes_on());
    dev_pause(server_ensemble(), node);
    CU_ASSERT(goes_on());
    dev_resume(server_ensemble(), node);
    CU_ASSERT(goes_on());
    stop_crowd("/ensemble/hang");
}

static CU_TestInfo tests[] = {
    {"each server restarts in turn", each_server_restarts_in_turn},
    {"the leader is killed again and again", the_leader_is_killed_again_and_again},
    {"the leader hangs for a while", the_leader_hangs_for_a_while},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"ensemble", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(NODES, argc, argv, suites);
}

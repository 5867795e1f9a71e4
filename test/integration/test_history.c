/**
 * Linearizability: several clients add, set, compare and read at once while
 * replies and requests are lost; the results, put in the order of their
 * stamps, must be the history of one counter, and agree with the order in
 * which the calls were made and answered.
 */
#include <corral/counter.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/history.h"
#include "lib/server.h"

enum { CLIENTS = 4, BURST = 16, BURSTS = 60 };

struct event {
    struct history *history;
    history_op seen;
    unsigned calls;
};

struct history {
    pthread_t thread;
    corral_client *client;
    corral_counter *counter;
    unsigned seed;
    unsigned bursts;
    struct event *events;
    pthread_mutex_t mutex; /* guards left, and the results of events */
    pthread_cond_t all_ended;
    unsigned left;
};

static proxy *through;
static struct history histories[CLIENTS];
static atomic_int_least64_t ticks; /* moves on at every call and every answer */

static void on_end(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct event *e = arg;
    struct history *h = e->history;

    pthread_mutex_lock(&h->mutex);
    e->seen.returned = atomic_fetch_add(&ticks, 1);
    e->seen.status = status;
    e->seen.value = value;
    e->seen.stamp = *stamp;
    e->calls++;
    if (--h->left == 0) {
        pthread_cond_signal(&h->all_ended);
    }
    pthread_mutex_unlock(&h->mutex);
}

static int submit(struct event *e)
{
    corral_counter *counter = e->history->counter;
    history_op *seen = &e->seen;

    seen->invoked = atomic_fetch_add(&ticks, 1);
    switch (seen->kind) {
    case HISTORY_ADD:
        return corral_counter_add_async(counter, seen->argument, CORRAL_FOREVER, on_end, e, NULL);
    case HISTORY_SET:
        return corral_counter_set_async(counter, seen->argument, CORRAL_FOREVER, on_end, e, NULL);
    case HISTORY_COMPARE_SET:
        return corral_counter_compare_set_async(counter, seen->argument, seen->desired, CORRAL_FOREVER,
                                                on_end, e, NULL);
    default:
        return corral_counter_get_async(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, on_end, e, NULL);
    }
}

/* Mostly adds; compare_sets that have a chance since sets give known values now and then. */
static void choose(struct event *e, unsigned *seed)
{
    unsigned dice = (unsigned)rand_r(seed) % 20;

    e->seen.client = (uint32_t)(e->history - histories);
    e->seen.kind = dice < 12   ? HISTORY_ADD
                   : dice < 15 ? HISTORY_SET
                   : dice < 18 ? HISTORY_COMPARE_SET
                               : HISTORY_READ;
    e->seen.argument = e->seen.kind == HISTORY_ADD ? rand_r(seed) % 200 - 100 : rand_r(seed) % 5;
    e->seen.desired = rand_r(seed) % 5;
}

static void *live(void *arg)
{
    struct history *h = arg;

    for (unsigned b = 0; b < h->bursts; b++) {
        pthread_mutex_lock(&h->mutex);
        h->left = BURST;
        pthread_mutex_unlock(&h->mutex);
        for (unsigned i = 0; i < BURST; i++) {
            struct event *e = &h->events[b * BURST + i];

            e->history = h;
            choose(e, &h->seed);
            int status = submit(e);
            if (status != CORRAL_OK) {
                on_end(status, 0, &(corral_stamp){0}, e);
            }
        }
        pthread_mutex_lock(&h->mutex);
        while (h->left > 0) {
            pthread_cond_wait(&h->all_ended, &h->mutex);
        }
        pthread_mutex_unlock(&h->mutex);
    }
    return NULL;
}

static void open_histories(const char *path, unsigned bursts)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct history *h = &histories[i];

        *h = (struct history){.seed = i + 1, .bursts = bursts};
        h->events = calloc((size_t)bursts * BURST, sizeof *h->events);
        REQUIRE(h->events != NULL);
        pthread_mutex_init(&h->mutex, NULL);
        pthread_cond_init(&h->all_ended, NULL);
        h->client = server_client(proxy_servers(through));
        REQUIRE_STATUS(corral_counter_open(h->client, path, NULL, &h->counter), CORRAL_OK);
    }
}

static void close_histories(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct history *h = &histories[i];

        ASSERT_STATUS(corral_counter_close(h->counter), CORRAL_OK);
        ASSERT_STATUS(corral_client_close(h->client), CORRAL_OK);
        pthread_cond_destroy(&h->all_ended);
        pthread_mutex_destroy(&h->mutex);
        free(h->events);
    }
}

static void run_and_judge(const char *path, bool faults)
{
    proxy_rule replies = {.every = 17, .failed_too = true}, requests = {.every = 41};
    unsigned bursts = testing_scaled(BURSTS), count = 0, failed = 0, missed = 0, twice = 0;
    history_op *ops = calloc((size_t)CLIENTS * bursts * BURST, sizeof *ops);
    history_ends ends = {.present_at_start = true, .present_at_end = true};
    const char *wrong;

    REQUIRE(ops != NULL);
    open_histories(path, bursts);
    REQUIRE_STATUS(corral_counter_set(histories[0].counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    if (faults) {
        proxy_cut(through, PROXY_AFTER, &replies);
        proxy_cut(through, PROXY_BEFORE, &requests);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        REQUIRE(pthread_create(&histories[i].thread, NULL, live, &histories[i]) == 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(histories[i].thread, NULL);
        for (unsigned e = 0; e < bursts * BURST; e++) {
            struct event *event = &histories[i].events[e];

            twice += event->calls != 1;
            ops[count++] = event->seen;
            if (event->seen.kind == HISTORY_COMPARE_SET && event->seen.status == CORRAL_ECONFLICT) {
                missed++;
            } else if (event->seen.status != CORRAL_OK) {
                failed++;
            }
        }
    }
    proxy_cut(through, PROXY_AFTER, NULL);
    proxy_cut(through, PROXY_BEFORE, NULL);
    REQUIRE(raw_get_number(server_raw(), path, &ends.value_at_end) == ZOK);
    ASSERT_INT64(twice, 0);
    ASSERT_INT64(failed, 0);
    wrong = history_check(ops, count, &ends);
    if (wrong != NULL) {
        fprintf(stderr, "%s\n", wrong);
    }
    CU_ASSERT_PTR_NULL(wrong);
    printf("%u results, of them %u conflicts, %llu replies and %llu requests lost ", count, missed,
           (unsigned long long)proxy_count(through, PROXY_CUT_AFTER),
           (unsigned long long)proxy_count(through, PROXY_CUT_BEFORE));
    CU_ASSERT(!faults || proxy_count(through, PROXY_CUT_AFTER) > 0);
    close_histories();
    free(ops);
}

static void setup(void)
{
    through = proxy_open(server_connect());
    REQUIRE(through != NULL);
}

static void teardown(void)
{
    proxy_close(through);
}

static void one_history_in_peace(void)
{
    run_and_judge("/history/peace", false);
}

static void one_history_whatever_is_lost(void)
{
    run_and_judge("/history/faults", true);
}

static CU_TestInfo tests[] = {
    {"one history in peace", one_history_in_peace},
    {"one history whatever is lost", one_history_whatever_is_lost},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"history", NULL, NULL, setup, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

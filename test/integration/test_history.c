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

#include "lib/server.h"

enum { CLIENTS = 4, BURST = 16, BURSTS = 60 };

typedef enum { ADD, SET, COMPARE_SET, GET } kind;

struct event {
    struct history *history;
    kind what;
    int64_t argument, desired;
    uint64_t start, finish; /* on the history's clock */
    int status;
    int64_t value;
    corral_stamp stamp;
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
static atomic_uint_least64_t ticks; /* moves on at every call and every answer */

static void on_end(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct event *e = arg;
    struct history *h = e->history;

    pthread_mutex_lock(&h->mutex);
    e->finish = atomic_fetch_add(&ticks, 1);
    e->status = status;
    e->value = value;
    e->stamp = *stamp;
    e->calls++;
    if (--h->left == 0) {
        pthread_cond_signal(&h->all_ended);
    }
    pthread_mutex_unlock(&h->mutex);
}

static int submit(struct event *e)
{
    corral_counter *counter = e->history->counter;

    e->start = atomic_fetch_add(&ticks, 1);
    switch (e->what) {
    case ADD:
        return corral_counter_add_async(counter, e->argument, CORRAL_FOREVER, on_end, e, NULL);
    case SET:
        return corral_counter_set_async(counter, e->argument, CORRAL_FOREVER, on_end, e, NULL);
    case COMPARE_SET:
        return corral_counter_compare_set_async(counter, e->argument, e->desired, CORRAL_FOREVER, on_end, e,
                                                NULL);
    default:
        return corral_counter_get_async(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, on_end, e, NULL);
    }
}

/* Mostly adds; compare_sets that have a chance since sets give known values now and then. */
static void choose(struct event *e, unsigned *seed)
{
    unsigned dice = (unsigned)rand_r(seed) % 20;

    e->what = dice < 12 ? ADD : dice < 15 ? SET : dice < 18 ? COMPARE_SET : GET;
    e->argument = e->what == ADD ? rand_r(seed) % 200 - 100 : rand_r(seed) % 5;
    e->desired = rand_r(seed) % 5;
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

/* By place in history; a read comes after the change that it saw. */
static int compare(const void *left, const void *right)
{
    const struct event *a = *(struct event *const *)left, *b = *(struct event *const *)right;

    if (a->stamp.mzxid != b->stamp.mzxid) {
        return a->stamp.mzxid < b->stamp.mzxid ? -1 : 1;
    }
    if ((a->what == GET) != (b->what == GET)) {
        return a->what == GET ? 1 : -1;
    }
    return a->stamp.index < b->stamp.index ? -1 : a->stamp.index > b->stamp.index;
}

/* Whether @e says what it must when the counter holds *@value; carries it on. */
static bool replays(const struct event *e, int64_t *value)
{
    int64_t before = *value;

    switch (e->what) {
    case ADD:
        *value += e->argument;
        return e->value == *value;
    case SET:
        *value = e->argument;
        return e->value == before;
    case COMPARE_SET:
        *value = e->desired;
        return e->value == before && e->argument == before;
    default:
        return e->value == before;
    }
}

static void assert_one_history(struct event **events, unsigned count, int64_t last)
{
    unsigned wrong = 0, same_place = 0, not_in_time = 0, other_incarnation = 0;
    uint64_t started = 0,
             reads_started = 0; /* when the latest of those before did; of the reads since a change */
    int64_t value = 0;

    qsort(events, count, sizeof *events, compare);
    for (unsigned i = 0; i < count; i++) {
        const struct event *e = events[i];

        wrong += !replays(e, &value);
        same_place += i > 0 && e->what != GET && compare(&events[i - 1], &events[i]) == 0;
        other_incarnation += e->stamp.czxid != events[0]->stamp.czxid;
        /* None of those before it may have started only after it had finished; reads in a row have no order.
         */
        if (e->what == GET) {
            not_in_time += e->finish < started;
            reads_started = e->start > reads_started ? e->start : reads_started;
        } else {
            started = reads_started > started ? reads_started : started;
            not_in_time += e->finish < started;
            started = e->start > started ? e->start : started;
        }
    }
    ASSERT_INT64(wrong, 0);
    ASSERT_INT64(same_place, 0);
    ASSERT_INT64(other_incarnation, 0);
    ASSERT_INT64(not_in_time, 0);
    ASSERT_INT64(value, last);
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
    struct event **events = calloc((size_t)CLIENTS * bursts * BURST, sizeof(struct event *));
    int64_t last = 0;

    REQUIRE(events != NULL);
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
            if (event->status == CORRAL_OK) {
                events[count++] = event;
            } else if (event->what == COMPARE_SET && event->status == CORRAL_ECONFLICT) {
                missed++;
            } else {
                failed++;
            }
        }
    }
    proxy_cut(through, PROXY_AFTER, NULL);
    proxy_cut(through, PROXY_BEFORE, NULL);
    REQUIRE(raw_get_number(server_raw(), path, &last) == ZOK);
    ASSERT_INT64(twice, 0);
    ASSERT_INT64(failed, 0);
    assert_one_history(events, count, last);
    printf("%u results, %u conflicts, %llu replies and %llu requests lost ", count, missed,
           (unsigned long long)proxy_count(through, PROXY_CUT_AFTER),
           (unsigned long long)proxy_count(through, PROXY_CUT_BEFORE));
    CU_ASSERT(!faults || proxy_count(through, PROXY_CUT_AFTER) > 0);
    close_histories();
    free(events);
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

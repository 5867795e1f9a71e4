/**
 * How fast counters are, against a bare loop of zoo_set2() on libzookeeper.
 *
 * Each round measures, one after another: the bare loop; one thread that adds
 * and waits; 64 threads of one process that do; 10,000 asynchronous adds that
 * are kept outstanding. Rounds are repeated, so that what disturbs the machine
 * disturbs all alike, and medians are printed, with ratios to the bare loop of
 * the same round. Every total is read again by libzookeeper at the end: a
 * wrong one fails the run.
 *
 * Against $CORRAL_SERVERS, or a server of its own.
 */
#include <corral/counter.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "lib/raw.h"
#include "lib/testing.h"

enum { THREADS = 64, OUTSTANDING = 10000 };

typedef struct {
    raw *bare;
    corral_client *client;
    corral_counter *counter; /* the measured way's own */
    char path[128];
    double seconds;
    uint64_t total;   /* adds that reported success, to this way's counter */
    struct Stat stat; /* of the znode of the bare loop */
    atomic_bool stop;
    atomic_bool failed;
} bench;

/* A way of counting: adds 1 for b->seconds, returns how many a second, and keeps b->total. */
typedef struct {
    const char *name;
    double (*run)(bench *b);
    double wanted; /* ratio to the bare loop that --check asks for; 0: none */
    bench state;
    double rates[BENCH_ROUNDS_MAX], ratios[BENCH_ROUNDS_MAX];
} way;

static void fail(bench *b, const char *what, int status)
{
    if (!atomic_exchange(&b->failed, true)) {
        fprintf(stderr, "bench: %s: %s: %d\n", b->path, what, status);
    }
}

/* --- the ways --- */

static double run_bare(bench *b)
{
    double start = bench_now(), end = start;
    uint64_t count = 0;

    while (end - start < b->seconds) {
        char data[24];
        int length = snprintf(data, sizeof data, "%" PRIu64, b->total + 1);
        int result = zoo_set2(raw_handle(b->bare), b->path, data, length, b->stat.version, &b->stat);

        if (result != ZOK) {
            fail(b, "zoo_set2", result);
            return 0;
        }
        b->total++;
        count++;
        end = bench_now();
    }
    return (double)count / (end - start);
}

/* By default libzookeeper looks its hosts up at every request; Corral lets it do so when a connection is
 * lost. */
static double run_tuned(bench *b)
{
    (void)zoo_set_servers_resolution_delay(raw_handle(b->bare), -1);
    double rate = run_bare(b);
    (void)zoo_set_servers_resolution_delay(raw_handle(b->bare), 0);
    return rate;
}

static double run_blocking(bench *b)
{
    double start = bench_now(), end = start;
    uint64_t count = 0;

    while (end - start < b->seconds) {
        int status = corral_counter_add(b->counter, 1, CORRAL_FOREVER, NULL);

        if (status != CORRAL_OK) {
            fail(b, "add", status);
            return 0;
        }
        count++;
        end = bench_now();
    }
    b->total += count;
    return (double)count / (end - start);
}

typedef struct {
    pthread_t thread;
    bench *b;
    uint64_t count;
} adder;

static void *add_until_stopped(void *arg)
{
    adder *own = arg;

    while (!atomic_load_explicit(&own->b->stop, memory_order_relaxed)) {
        int status = corral_counter_add(own->b->counter, 1, CORRAL_FOREVER, NULL);

        if (status != CORRAL_OK) {
            fail(own->b, "add", status);
            break;
        }
        own->count++;
    }
    return NULL;
}

static double run_threads(bench *b)
{
    static adder adders[THREADS];
    double start = bench_now();
    uint64_t count = 0;

    atomic_store(&b->stop, false);
    for (int i = 0; i < THREADS; i++) {
        adders[i] = (adder){.b = b};
        if (pthread_create(&adders[i].thread, NULL, add_until_stopped, &adders[i]) != 0) {
            abort();
        }
    }
    bench_sleep(b->seconds);
    atomic_store(&b->stop, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(adders[i].thread, NULL);
        count += adders[i].count;
    }
    b->total += count;
    return (double)count / (bench_now() - start);
}

/* The asynchronous adds; all but `ended` is the dispatch thread's. */
static struct {
    bench *b;
    uint64_t count;
    unsigned outstanding;
    pthread_mutex_t mutex; /* guards ended */
    pthread_cond_t all_ended;
    bool ended;
} loop = {.mutex = PTHREAD_MUTEX_INITIALIZER, .all_ended = PTHREAD_COND_INITIALIZER};

static void on_added(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    (void)value;
    (void)stamp;
    (void)arg;
    loop.count += status == CORRAL_OK;
    if (status != CORRAL_OK) {
        fail(loop.b, "asynchronous add", status);
    } else if (!atomic_load_explicit(&loop.b->stop, memory_order_relaxed)) {
        status = corral_counter_add_async(loop.b->counter, 1, CORRAL_FOREVER, on_added, NULL, NULL);
        if (status == CORRAL_OK) {
            return;
        }
        fail(loop.b, "asynchronous add", status);
    }
    if (--loop.outstanding == 0) {
        pthread_mutex_lock(&loop.mutex);
        loop.ended = true;
        pthread_cond_signal(&loop.all_ended);
        pthread_mutex_unlock(&loop.mutex);
    }
}

static double run_asynchronous(bench *b)
{
    double start = bench_now();

    loop.b = b;
    loop.count = 0;
    loop.outstanding = OUTSTANDING;
    loop.ended = false;
    atomic_store(&b->stop, false);
    for (int i = 0; i < OUTSTANDING; i++) {
        int status = corral_counter_add_async(b->counter, 1, CORRAL_FOREVER, on_added, NULL, NULL);

        if (status != CORRAL_OK) {
            fail(b, "asynchronous add", status);
            abort(); /* fewer would never end */
        }
    }
    bench_sleep(b->seconds);
    atomic_store(&b->stop, true);
    pthread_mutex_lock(&loop.mutex);
    while (!loop.ended) {
        pthread_cond_wait(&loop.all_ended, &loop.mutex);
    }
    pthread_mutex_unlock(&loop.mutex);
    b->total += loop.count;
    return (double)loop.count / (bench_now() - start);
}

static way ways[] = {
    {.name = "bare zoo_set2 loop", .run = run_bare, .wanted = 1},
    {.name = "the same, hosts not looked up", .run = run_tuned, .wanted = 0},
    {.name = "one thread, blocking", .run = run_blocking, .wanted = 0.9},
    {.name = "64 threads, blocking", .run = run_threads, .wanted = 15},
    {.name = "10,000 outstanding, asynchronous", .run = run_asynchronous, .wanted = 300},
};
#define WAYS (sizeof ways / sizeof *ways)

/* --- rounds and figures --- */

/* Make the znodes and handles of all ways below @root. */
static bool prepare(const char *root, double seconds, raw *bare, corral_client *client)
{
    for (size_t i = 0; i < WAYS; i++) {
        bench *b = &ways[i].state;

        b->bare = bare;
        b->client = client;
        b->seconds = seconds;
        snprintf(b->path, sizeof b->path, "%s/%zu", root, i);
        if (raw_create(bare, b->path, "0", 1) != ZOK ||
            corral_counter_open(client, b->path, NULL, &b->counter) != CORRAL_OK) {
            fprintf(stderr, "bench: cannot make %s\n", b->path);
            return false;
        }
    }
    return true;
}

static bool run_round(unsigned number, bool measured)
{
    for (size_t i = 0; i < WAYS; i++) {
        double rate = ways[i].run(&ways[i].state);

        if (atomic_load(&ways[i].state.failed)) {
            return false;
        }
        if (measured) {
            ways[i].rates[number] = rate;
            ways[i].ratios[number] = rate / ways[0].rates[number];
            printf("round %u  %-34s %12.0f /s %9.2f x\n", number + 1, ways[i].name, rate,
                   ways[i].ratios[number]);
        }
    }
    return true;
}

static bool totals_are_right(raw *reader)
{
    bool right = true;

    for (size_t i = 0; i < WAYS; i++) {
        int64_t value = -1;
        int result = raw_get_number(reader, ways[i].state.path, &value);

        if (result != ZOK || value != (int64_t)ways[i].state.total) {
            fprintf(stderr,
                    "bench: %s: %" PRIu64 " adds reported success, but the znode holds %" PRId64 " (%d)\n",
                    ways[i].name, ways[i].state.total, value, result);
            right = false;
        }
    }
    return right;
}

static bool print_medians(unsigned rounds)
{
    bool good = true;

    printf("\nmedians of %u rounds\n", rounds);
    for (size_t i = 0; i < WAYS; i++) {
        double ratio = bench_median(ways[i].ratios, rounds);

        printf("%-34s %12.0f /s %9.2f x", ways[i].name, bench_median(ways[i].rates, rounds), ratio);
        if (i > 0 && ways[i].wanted > 0) {
            printf("   (at least %g)%s", ways[i].wanted, ratio < ways[i].wanted ? "  MISSED" : "");
            good = good && ratio >= ways[i].wanted;
        }
        putchar('\n');
    }
    return good;
}

/* 0; 1 when a total was wrong or something failed; 2 when a ratio was missed. */
static int run(const char *servers, const bench_settings *settings)
{
    raw *bare = raw_open(servers), *reader = raw_open(servers);
    corral_client *client = NULL;
    char root[64];
    bool good = false, fast = false;

    snprintf(root, sizeof root, "/corral-bench/%ld", (long)getpid());
    if (bare == NULL || reader == NULL || corral_client_open(servers, NULL, &client) != CORRAL_OK) {
        fprintf(stderr, "bench: no connection to %s\n", servers);
    } else if (prepare(root, settings->seconds, bare, client)) {
        good = run_round(0, false); /* warms up the server, too */
        for (unsigned r = 0; r < settings->rounds && good; r++) {
            good = run_round(r, true);
        }
        good = good && totals_are_right(reader);
        fast = good && print_medians(settings->rounds);
    }
    for (size_t i = 0; i < WAYS; i++) {
        corral_counter_close(ways[i].state.counter);
    }
    corral_client_close(client);
    if (reader != NULL && raw_delete_below(reader, root) == ZOK) {
        raw_delete(reader, root);
    }
    raw_close(reader);
    raw_close(bare);
    return !good ? 1 : fast ? 0 : 2;
}

int main(int argc, char **argv)
{
    bench_settings settings = {.seconds = 1.5, .rounds = 5};
    int said = bench_options(argc, argv, &settings, NULL, NULL);

    return said != 0 ? said - 1 : bench_run(run, &settings);
}

#include "worker.h"

#include <corral.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "lib/raw.h"

enum { THREADS_MAX = 256, PATHS_MAX = 16 };

/* A counter once it has been used. */
typedef struct {
    char path[128];
    corral_counter *counter; /* NULL: the bare loop's */
    int64_t value;           /* the bare loop's, as of stat */
    struct Stat stat;
} place;

static raw *bare;
static corral_client *client;
static place places[PATHS_MAX];
static unsigned place_count;

static bool report(const char *path, const char *what, int status)
{
    fprintf(stderr, "bench: %s: %s: %d\n", path, what, status);
    return false;
}

static place *find(const char *kind, const char *path)
{
    for (unsigned i = 0; i < place_count; i++) {
        if (strcmp(places[i].path, path) == 0) {
            return &places[i];
        }
    }
    if (place_count == PATHS_MAX) {
        report(path, "too many", PATHS_MAX);
        return NULL;
    }
    place *p = &places[place_count];
    snprintf(p->path, sizeof p->path, "%s", path);
    if (strcmp(kind, "corral") != 0) {
        char data[32];
        int result = raw_get(bare, path, data, sizeof data, &p->stat);

        if (result != ZOK) {
            report(path, "get", result);
            return NULL;
        }
        p->value = strtoll(data, NULL, 10);
    } else {
        int status = corral_counter_open(client, path, NULL, &p->counter);

        if (status != CORRAL_OK) {
            report(path, "open", status);
            return NULL;
        }
    }
    place_count++;
    return p;
}

/* --- the bare loop --- */

static bool run_bare(place *p, double seconds)
{
    double start = bench_now(), end = start;
    uint64_t count = 0;

    while (end - start < seconds) {
        char data[24];
        int length = snprintf(data, sizeof data, "%" PRId64, p->value + 1);
        int result = zoo_set2(raw_handle(bare), p->path, data, length, p->stat.version, &p->stat);

        if (result != ZOK) {
            return report(p->path, "zoo_set2", result);
        }
        p->value++;
        count++;
        end = bench_now();
    }
    printf("done %" PRIu64 " 0 %.6f\n", count, end - start);
    return true;
}

/* --- Corral --- */

typedef struct {
    pthread_t thread;
    corral_counter *counter;
    double end;
    uint64_t count;
    int status;
} adder;

static void *add(void *arg)
{
    adder *own = arg;

    while (own->status == CORRAL_OK && bench_now() < own->end) {
        own->status = corral_counter_add(own->counter, 1, CORRAL_FOREVER, NULL);
        own->count += own->status == CORRAL_OK;
    }
    return NULL;
}

static bool run_corral(place *p, unsigned threads, double seconds)
{
    static adder adders[THREADS_MAX];
    double start = bench_now();
    uint64_t count = 0;
    bool good = true;

    for (unsigned i = 0; i < threads; i++) {
        adders[i] = (adder){.counter = p->counter, .end = start + seconds};
        if (pthread_create(&adders[i].thread, NULL, add, &adders[i]) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(adders[i].thread, NULL);
        count += adders[i].count;
        good = good && (adders[i].status == CORRAL_OK || report(p->path, "add", adders[i].status));
    }
    printf("done %" PRIu64 " 0 %.6f\n", count, bench_now() - start);
    return good;
}

static bool obey(const char *line)
{
    char kind[16], path[128];
    unsigned threads;
    double seconds;

    if (sscanf(line, "run %15s %127s %u %lf", kind, path, &threads, &seconds) != 4 || threads < 1 ||
        threads > THREADS_MAX) {
        return report("", line, 0);
    }
    place *p = find(kind, path);
    if (p == NULL) {
        return false;
    }
    if (p->counter != NULL) {
        return run_corral(p, threads, seconds);
    }
    /* By default libzookeeper looks its hosts up at every request; Corral lets it do so when a connection is
     * lost. */
    (void)zoo_set_servers_resolution_delay(raw_handle(bare), strcmp(kind, "tuned") == 0 ? -1 : 0);
    return run_bare(p, seconds);
}

int bench_work(const char *servers)
{
    char line[512];
    int64_t value;
    bool good = false;

    setvbuf(stdout, NULL, _IOLBF, 0);
    bare = raw_open(servers);
    if (bare != NULL && corral_client_open(servers, NULL, &client) == CORRAL_OK) {
        corral_counter *any = NULL;

        /* A read comes back when the client is connected, if only to say that there is nothing. */
        good = corral_counter_open(client, "/corral-bench/none", NULL, &any) == CORRAL_OK &&
               corral_counter_get(any, CORRAL_READ_LOCAL, 60000, &value) == CORRAL_ENOENT;
        corral_counter_close(any);
    }
    if (good) {
        puts("ready");
    }
    while (good && fgets(line, sizeof line, stdin) != NULL) {
        good = obey(line);
    }
    for (unsigned i = 0; i < place_count; i++) {
        corral_counter_close(places[i].counter);
    }
    corral_client_close(client);
    raw_close(bare);
    return good ? 0 : 1;
}

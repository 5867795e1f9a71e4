#include "idle.h"

#include <corral.h>

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "lib/raw.h"
#include "sessions.h"

/* So many adds are under way at a time, and so many counters have one parent. */
enum { THREADS = 64, SIBLINGS = 1000 };

typedef struct {
    corral_client *client;
    const char *root;
    corral_counter **counters;
    unsigned count;
    size_t path_bytes;
} crowd;

typedef struct {
    pthread_t thread;
    crowd *crowd;
    unsigned first;
    int status;
} adder;

static void make_path(const crowd *c, unsigned i, char *path, size_t size)
{
    snprintf(path, size, "%s/%u/%u", c->root, i / SIBLINGS, i % SIBLINGS);
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static bool open_all(crowd *c)
{
    char path[128];

    for (unsigned i = 0; i < c->count; i++) {
        make_path(c, i, path, sizeof path);
        int status = corral_counter_open(c->client, path, NULL, &c->counters[i]);

        if (status != CORRAL_OK) {
            return bench_fail(path, "open", status);
        }
        c->path_bytes += strlen(path) + 1;
    }
    return true;
}

static void *add(void *arg)
{
    adder *own = arg;

    for (unsigned i = own->first; i < own->crowd->count && own->status == CORRAL_OK; i += THREADS) {
        own->status = corral_counter_add(own->crowd->counters[i], 1, CORRAL_FOREVER, NULL);
    }
    return NULL;
}

static bool add_to_all(crowd *c)
{
    static adder adders[THREADS];
    bool good = true;

    for (unsigned i = 0; i < THREADS; i++) {
        adders[i] = (adder){.crowd = c, .first = i};
        if (pthread_create(&adders[i].thread, NULL, add, &adders[i]) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(adders[i].thread, NULL);
        good = good && (adders[i].status == CORRAL_OK || bench_fail(c->root, "add", adders[i].status));
    }
    return good;
}

/* One in so many: to read all would take longer than to add to them did. */
static bool are_1(const crowd *c, raw *reader)
{
    char path[128];

    for (unsigned i = 0; i < c->count; i += 97) {
        int64_t value = -1;

        make_path(c, i, path, sizeof path);
        int result = raw_get_number(reader, path, &value);
        if (result != ZOK || value != 1) {
            return bench_fail(path, "holds something else than 1", result);
        }
    }
    return true;
}

/* So that what the client needs once and for all is there. */
static bool warm_up(const crowd *c)
{
    corral_counter *counters[THREADS] = {NULL};
    char root[96];
    crowd few = {.client = c->client, .root = root, .counters = counters, .count = THREADS};

    snprintf(root, sizeof root, "%s/warm-up", c->root);
    bool good = open_all(&few) && add_to_all(&few);
    for (unsigned i = 0; i < THREADS; i++) {
        corral_counter_close(counters[i]);
    }
    return good;
}

bool idle_measure(const char *root, unsigned count, double *ret_opened, double *ret_used)
{
    crowd c = {.root = root, .counters = calloc(count, sizeof(corral_counter *)), .count = count};
    raw *reader = raw_open(sessions_servers());
    bool good = c.counters != NULL && reader != NULL &&
                corral_client_open(sessions_servers(), NULL, &c.client) == CORRAL_OK && warm_up(&c);
    size_t before = heap_bytes(), opened = 0, used = 0;

    good = good && open_all(&c);
    opened = heap_bytes();
    good = good && add_to_all(&c);
    used = heap_bytes();
    good = good && are_1(&c, reader);
    for (unsigned i = 0; c.counters != NULL && i < count; i++) {
        corral_counter_close(c.counters[i]);
    }
    corral_client_close(c.client);
    raw_close(reader);
    free(c.counters);
    *ret_opened = ((double)(opened - before) - (double)c.path_bytes) / count;
    *ret_used = ((double)used - (double)before - (double)c.path_bytes) / count;
    return good;
}

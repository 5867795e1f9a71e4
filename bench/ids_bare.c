#include "ids_bare.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t ids_bare_count(ids_way *w)
{
    static struct {
        char before[64];
        _Atomic uint64_t number;
        char after[64];
    } shared;
    uint64_t count = 0, last = 0;

    while (!ids_draw_over()) {
        uint64_t number = atomic_fetch_add(&shared.number, 1) + 1;

        if (number <= last) {
            return ids_draw_failed(w, CORRAL_OK);
        }
        last = number;
        count++;
    }
    return count;
}

/* --- znodes --- */

/* All but `ended` is the thread's that runs completions, once the calls are under way. */
static struct {
    ids_way *way;
    char prefix[sizeof((ids_way *)0)->path + 8];
    uint64_t created;
    unsigned creating, deleting; /* calls under way */
    pthread_mutex_t mutex;       /* guards ended */
    pthread_cond_t all_ended;
    bool ended;
} loop = {.mutex = PTHREAD_MUTEX_INITIALIZER, .all_ended = PTHREAD_COND_INITIALIZER};

static void created(int result, const char *path, const void *data);
static void deleted(int result, const void *data);

static void check(int result)
{
    if (result != ZOK) {
        fprintf(stderr, "bench: libzookeeper: %s\n", zerror(result));
        ids_draw_failed(loop.way, CORRAL_ESERVER);
    }
}

static int create(void)
{
    return zoo_acreate(raw_handle(loop.way->raw), loop.prefix, "", 0, &ZOO_OPEN_ACL_UNSAFE,
                       ZOO_EPHEMERAL_SEQUENTIAL, created, NULL);
}

static int delete_behind(const char *path)
{
    int result = zoo_adelete(raw_handle(loop.way->raw), path, -1, deleted, NULL);

    loop.deleting += result == ZOK;
    return result;
}

static void end_if_last(void)
{
    if (loop.creating == 0 && loop.deleting == 0) {
        pthread_mutex_lock(&loop.mutex);
        loop.ended = true;
        pthread_cond_signal(&loop.all_ended);
        pthread_mutex_unlock(&loop.mutex);
    }
}

static void created(int result, const char *path, const void *data)
{
    (void)data;
    if (result == ZOK) {
        loop.created++;
        result = delete_behind(path);
        if (result == ZOK && !ids_draw_over() && (result = create()) == ZOK) {
            return;
        }
    }
    check(result);
    loop.creating--;
    end_if_last();
}

static void deleted(int result, const void *data)
{
    (void)data;
    check(result);
    loop.deleting--;
    end_if_last();
}

uint64_t ids_bare_znodes(ids_way *w)
{
    loop.way = w;
    loop.created = 0;
    loop.creating = w->outstanding;
    loop.ended = false;
    snprintf(loop.prefix, sizeof loop.prefix, "%s/n-", w->path);
    for (unsigned i = 0; i < w->outstanding; i++) {
        int result = create();

        if (result != ZOK) {
            check(result);
            abort(); /* fewer would never end */
        }
    }
    pthread_mutex_lock(&loop.mutex);
    while (!loop.ended) {
        pthread_cond_wait(&loop.all_ended, &loop.mutex);
    }
    pthread_mutex_unlock(&loop.mutex);
    return loop.created;
}

#include "ids_draw.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_bool over;
static atomic_bool failed;

bool ids_draw_over(void)
{
    return atomic_load_explicit(&over, memory_order_relaxed);
}

uint64_t ids_draw_failed(const ids_way *w, int status)
{
    if (!atomic_exchange(&failed, true)) {
        fprintf(stderr, "bench: %s: %s\n", w->name,
                status == CORRAL_OK ? "numbers do not increase" : corral_strerror(status));
    }
    return 0;
}

/* --- threads --- */

uint64_t ids_draw_next(ids_way *w)
{
    uint64_t count = 0, last = 0, id = 0;

    while (!ids_draw_over()) {
        int status = corral_ids_next(w->ids, CORRAL_FOREVER, &id);

        if (status != CORRAL_OK || id <= last) {
            return ids_draw_failed(w, status);
        }
        last = id;
        count++;
    }
    return count;
}

uint64_t ids_draw_counter(ids_way *w)
{
    uint64_t count = 0;
    int64_t last = 0, value = 0;

    while (!ids_draw_over()) {
        int status = corral_counter_add(w->counter, 1, CORRAL_FOREVER, &value);

        if (status != CORRAL_OK || value <= last) {
            return ids_draw_failed(w, status);
        }
        last = value;
        count++;
    }
    return count;
}

typedef struct {
    pthread_t thread;
    ids_way *way;
    uint64_t drawn;
} drawer;

static void *run_drawer(void *arg)
{
    drawer *own = arg;

    own->drawn = own->way->draw(own->way);
    return NULL;
}

static uint64_t draw_by_threads(ids_way *w, double seconds)
{
    static drawer drawers[IDS_THREADS_MAX];
    uint64_t drawn = 0;

    for (unsigned i = 0; i < w->threads; i++) {
        drawers[i] = (drawer){.way = w};
        if (pthread_create(&drawers[i].thread, NULL, run_drawer, &drawers[i]) != 0) {
            abort();
        }
    }
    bench_sleep(seconds);
    atomic_store(&over, true);
    for (unsigned i = 0; i < w->threads; i++) {
        pthread_join(drawers[i].thread, NULL);
        drawn += drawers[i].drawn;
    }
    return drawn;
}

/* --- callbacks --- */

/* All but `ended` is the dispatch thread's, once the calls are under way. */
static struct {
    ids_way *way;
    uint64_t drawn;
    unsigned outstanding;
    pthread_mutex_t mutex; /* guards ended */
    pthread_cond_t all_ended;
    bool ended;
} loop = {.mutex = PTHREAD_MUTEX_INITIALIZER, .all_ended = PTHREAD_COND_INITIALIZER};

static void on_counted(int status, int64_t value, const corral_stamp *stamp, void *arg);
static void on_drawn(int status, const uint64_t *ids, size_t count, void *arg);

static int ask(void)
{
    return loop.way->counts
               ? corral_counter_add_async(loop.way->counter, 1, CORRAL_FOREVER, on_counted, NULL, NULL)
               : corral_ids_next_async(loop.way->ids, CORRAL_FOREVER, on_drawn, NULL, NULL);
}

static void ended(int status)
{
    if (status == CORRAL_OK) {
        loop.drawn++;
        if (!ids_draw_over() && (status = ask()) == CORRAL_OK) {
            return;
        }
    }
    if (status != CORRAL_OK) {
        ids_draw_failed(loop.way, status);
    }
    if (--loop.outstanding == 0) {
        pthread_mutex_lock(&loop.mutex);
        loop.ended = true;
        pthread_cond_signal(&loop.all_ended);
        pthread_mutex_unlock(&loop.mutex);
    }
}

static void on_counted(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    (void)value;
    (void)stamp;
    (void)arg;
    ended(status);
}

static void on_drawn(int status, const uint64_t *ids, size_t count, void *arg)
{
    (void)ids;
    (void)count;
    (void)arg;
    ended(status);
}

static uint64_t draw_by_callbacks(ids_way *w, double seconds)
{
    loop.way = w;
    loop.drawn = 0;
    loop.outstanding = w->outstanding;
    loop.ended = false;
    for (unsigned i = 0; i < w->outstanding; i++) {
        int status = ask();

        if (status != CORRAL_OK) {
            ids_draw_failed(w, status);
            abort(); /* fewer would never end */
        }
    }
    bench_sleep(seconds);
    atomic_store(&over, true);
    pthread_mutex_lock(&loop.mutex);
    while (!loop.ended) {
        pthread_cond_wait(&loop.all_ended, &loop.mutex);
    }
    pthread_mutex_unlock(&loop.mutex);
    return loop.drawn;
}

/* The server does a session's requests in order: when this has been done, so has all that came before. */
static void await_rest(const ids_way *w)
{
    int status = w->behind == NULL ? CORRAL_OK : corral_counter_add(w->behind, 1, CORRAL_FOREVER, NULL);

    if (status != CORRAL_OK) {
        ids_draw_failed(w, status);
    }
}

bool ids_draw_slice(ids_way *w, double seconds)
{
    double start = bench_now();

    if (w->fixed > 0) {
        w->drawn += (uint64_t)(w->fixed * seconds);
        w->seconds += seconds;
        return true;
    }
    atomic_store(&over, false);
    w->drawn += w->draw != NULL ? draw_by_threads(w, seconds) : draw_by_callbacks(w, seconds);
    await_rest(w);
    w->seconds += bench_now() - start;
    return !atomic_load(&failed);
}

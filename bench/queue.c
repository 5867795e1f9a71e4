#include "queue.h"

#include <corral.h>

#include <pthread.h>
#include <stdlib.h>

#include "common.h"
#include "keep.h"
#include "sessions.h"

static struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    unsigned queued, drained, failed;
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* The handles for a path, of each session its own. */
typedef struct {
    unsigned count;
    corral_lock *locks[SESSIONS_MAX];
} row;

static void close_row(void *kept)
{
    row *own = kept;

    for (unsigned i = 0; i < own->count; i++) {
        corral_lock_close(own->locks[i]);
    }
    free(own);
}

static row *find_row(const char *path, unsigned count)
{
    row *own = keep_find(path, close_row);

    if (own == NULL) {
        own = calloc(1, sizeof *own);
        if (own == NULL) {
            abort();
        }
        keep_put(path, close_row, own);
    }
    for (; own->count < count; own->count++) {
        int status = corral_lock_open(sessions_client(own->count), path, NULL, &own->locks[own->count]);

        if (status != CORRAL_OK) {
            bench_fail(path, "open", status);
            return NULL;
        }
    }
    return own;
}

static void on_grant(int status, corral_grant *grant, void *arg)
{
    (void)arg;
    corral_grant_free(grant);
    pthread_mutex_lock(&queue.mutex);
    queue.drained++;
    queue.failed += status != CORRAL_OK;
    pthread_cond_signal(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
}

bool queue_up(const char *path, unsigned count)
{
    const row *own = sessions_connect(count) ? find_row(path, count) : NULL;

    if (own == NULL) {
        return false;
    }
    pthread_mutex_lock(&queue.mutex);
    queue.queued = count;
    queue.drained = queue.failed = 0;
    pthread_mutex_unlock(&queue.mutex);
    for (unsigned i = 0; i < count; i++) {
        int status = corral_lock_acquire_async(own->locks[i], CORRAL_FOREVER, on_grant, NULL, NULL);

        if (status != CORRAL_OK) {
            return bench_fail(path, "acquire", status);
        }
    }
    return true;
}

bool queue_drain(outcome *ret_outcome)
{
    double start = bench_now();

    pthread_mutex_lock(&queue.mutex);
    while (queue.drained < queue.queued) {
        pthread_cond_wait(&queue.changed, &queue.mutex);
    }
    ret_outcome->count = queue.drained;
    unsigned failed = queue.failed;
    pthread_mutex_unlock(&queue.mutex);
    ret_outcome->seconds = bench_now() - start;
    return failed == 0 || bench_fail("queue", "acquires that failed", (int)failed);
}

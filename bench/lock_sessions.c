#include "lock_sessions.h"

#include <pthread.h>
#include <stdio.h>

/* So long that pings are few. */
enum { SESSION_TIMEOUT_MS = 30000 };

static struct {
    corral_client *client;
    corral_lock *lock; /* NULL: it has not queued up yet */
} sessions[BENCH_SESSIONS_MAX];

static struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    unsigned queued, drained, failed;
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool report(const char *path, const char *what, int status)
{
    fprintf(stderr, "bench: %s: %s: %s\n", path, what, corral_strerror(status));
    return false;
}

corral_client *bench_session(const char *servers, unsigned number)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.session_timeout_ms = SESSION_TIMEOUT_MS;
    if (sessions[number].client == NULL) {
        int status = corral_client_open(servers, &options, &sessions[number].client);

        if (status != CORRAL_OK) {
            report(servers, "open", status);
        }
    }
    return sessions[number].client;
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

bool bench_queue_up(const char *servers, const char *path, unsigned count)
{
    pthread_mutex_lock(&queue.mutex);
    queue.queued = count;
    queue.drained = queue.failed = 0;
    pthread_mutex_unlock(&queue.mutex);
    for (unsigned i = 0; i < count; i++) {
        corral_client *client = bench_session(servers, i);
        int status = CORRAL_OK;

        if (client == NULL) {
            return false;
        }
        if (sessions[i].lock == NULL) {
            status = corral_lock_open(client, path, NULL, &sessions[i].lock);
        }
        if (status == CORRAL_OK) {
            status = corral_lock_acquire_async(sessions[i].lock, CORRAL_FOREVER, on_grant, NULL, NULL);
        }
        if (status != CORRAL_OK) {
            return report(path, "acquire", status);
        }
    }
    return true;
}

bool bench_drain(uint64_t *ret_count)
{
    pthread_mutex_lock(&queue.mutex);
    while (queue.drained < queue.queued) {
        pthread_cond_wait(&queue.changed, &queue.mutex);
    }
    *ret_count = queue.drained;
    bool good = queue.failed == 0;
    pthread_mutex_unlock(&queue.mutex);
    return good || report("queue", "acquire", CORRAL_ESERVER);
}

void bench_sessions_close(void)
{
    for (unsigned i = 0; i < BENCH_SESSIONS_MAX; i++) {
        corral_lock_close(sessions[i].lock);
        corral_client_close(sessions[i].client);
    }
}

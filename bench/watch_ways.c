#include "watch_ways.h"

#include <corral/status.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"

enum { NUMBER_SIZE = 32, PATIENCE_S = 60 };

static bool failed(const watch_way *w, const char *what, int result)
{
    fprintf(stderr, "bench: %s: %s: %d\n", w->name, what, result);
    return false;
}

raw *watch_raw_open(const char *servers)
{
    raw *r = raw_open(servers);

#ifdef HAVE_ZOO_SET_SERVERS_RESOLUTION_DELAY
    if (r != NULL) {
        (void)zoo_set_servers_resolution_delay(raw_handle(r), -1);
    }
#endif
    return r;
}

uint64_t watch_number(const void *data, size_t length)
{
    char text[NUMBER_SIZE];
    char *end;

    if (length == 0) {
        return UINT64_MAX;
    }
    snprintf(text, sizeof text, "%.*s", (int)(length < sizeof text ? length : sizeof text - 1),
             (const char *)data);
    uint64_t number = strtoull(text, &end, 10);
    return end == text ? UINT64_MAX : number;
}

bool watch_wait(sem_t *semaphore)
{
    struct timespec until;
    int result;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    do {
        result = sem_timedwait(semaphore, &until);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

/* --- those in this process --- */

/* The end of all of them: the data have arrived where a program would use them. */
static void tell(watch_way *w, const void *data, size_t length)
{
    w->told_at = bench_now();
    w->told_number = watch_number(data, length);
    sem_post(&w->told);
}

static bool hear_here(watch_way *w, uint64_t *ret_number, double *ret_at)
{
    if (!watch_wait(&w->told)) {
        return failed(w, "heard of no change", 0);
    }
    *ret_number = w->told_number;
    *ret_at = w->told_at;
    return true;
}

static void open_here(watch_way *w)
{
    sem_init(&w->told, 0, 0);
    sem_init(&w->changed, 0, 0);
}

/* --- libzookeeper --- */

static void bare_got(int result, const char *data, int length, const struct Stat *stat, const void *context)
{
    watch_way *w = (watch_way *)context;

    (void)stat;
    tell(w, data, result == ZOK && length > 0 ? (size_t)length : 0);
}

static void bare_read(watch_way *w);

static void bare_changed(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle;
    (void)state;
    (void)path;
    if (type == ZOO_CHANGED_EVENT) {
        bare_read(context);
    }
}

static void bare_read(watch_way *w)
{
    int result = zoo_awget(raw_handle(w->raw), w->path, bare_changed, w, bare_got, w);

    if (result != ZOK) {
        bare_got(result, NULL, 0, NULL, w);
    }
}

static bool bare_open(watch_way *w, const char *servers)
{
    open_here(w);
    w->raw = watch_raw_open(servers);
    if (w->raw == NULL) {
        return failed(w, "no connection", 0);
    }
    bare_read(w);
    return true;
}

static bool bare_close(watch_way *w)
{
    raw_close(w->raw);
    w->raw = NULL;
    return true;
}

const watch_manner watch_bare = {bare_open, hear_here, bare_close};

static void loop_changed(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    watch_way *w = context;

    (void)handle;
    (void)state;
    (void)path;
    if (type == ZOO_CHANGED_EVENT) {
        sem_post(&w->changed);
    }
}

static void *loop_main(void *arg)
{
    watch_way *w = arg;
    int result = ZOK;

    while (result == ZOK && w->running) {
        char data[NUMBER_SIZE];
        int length = sizeof data;

        result = zoo_wget(raw_handle(w->raw), w->path, loop_changed, w, data, &length, NULL);
        tell(w, data, result == ZOK && length > 0 ? (size_t)length : 0);
        while (sem_wait(&w->changed) != 0 && errno == EINTR) {
        }
    }
    return NULL;
}

static bool loop_open(watch_way *w, const char *servers)
{
    open_here(w);
    w->raw = watch_raw_open(servers);
    if (w->raw == NULL) {
        return failed(w, "no connection", 0);
    }
    w->running = true;
    if (pthread_create(&w->thread, NULL, loop_main, w) != 0) {
        abort();
    }
    return true;
}

static bool loop_close(watch_way *w)
{
    if (w->raw != NULL) {
        w->running = false;
        sem_post(&w->changed);
        pthread_join(w->thread, NULL);
    }
    return bare_close(w);
}

const watch_manner watch_bare_loop = {loop_open, hear_here, loop_close};

/* --- Corral --- */

/* It is told when the last subscriber has been called. */
static void on_event(const corral_watch_event *event, void *arg)
{
    watch_way *w = arg;
    uint64_t number = watch_number(event->value, event->length);

    if (number != w->called_number) {
        w->called_number = number;
        w->called = 0;
    }
    if (++w->called == w->subscribers) {
        tell(w, event->value, event->length);
    }
}

static bool corral_way_open(watch_way *w, const char *servers)
{
    open_here(w);
    w->watches = calloc(w->subscribers, sizeof *w->watches);
    if (w->watches == NULL) {
        abort();
    }
    int status = corral_client_open(servers, NULL, &w->client);
    for (unsigned i = 0; i < w->subscribers && status == CORRAL_OK; i++) {
        status = corral_watch_open(w->client, w->path, NULL, on_event, w, &w->watches[i]);
    }
    return status == CORRAL_OK || failed(w, corral_strerror(status), status);
}

static bool corral_way_close(watch_way *w)
{
    for (unsigned i = 0; w->watches != NULL && i < w->subscribers; i++) {
        corral_watch_close(w->watches[i]);
    }
    corral_client_close(w->client);
    free(w->watches);
    return true;
}

const watch_manner watch_corral = {corral_way_open, hear_here, corral_way_close};

/* --- other programs, whose clock is the same --- */

static bool hear_peer(watch_way *w, uint64_t *ret_number, double *ret_at)
{
    char line[128];
    uint64_t nanoseconds;

    if (!peer_hear(w->peer, line, sizeof line) ||
        sscanf(line, "told %" SCNu64 " %" SCNu64, ret_number, &nanoseconds) != 2) {
        return failed(w, "heard of no change", 0);
    }
    *ret_at = (double)nanoseconds / 1e9;
    return true;
}

static bool subscribe_peer(watch_way *w, peer *p)
{
    w->peer = p;
    return (p != NULL && peer_await(p) && peer_tell(p, "watch %s %s %u", w->kind, w->path, w->subscribers)) ||
           failed(w, "did not start", 0);
}

static bool curator_open(watch_way *w, const char *servers)
{
    return subscribe_peer(w, peer_start_curator_watches(servers));
}

static bool kazoo_open(watch_way *w, const char *servers)
{
    return subscribe_peer(w, peer_start_kazoo_watches(servers));
}

static bool stop_peer(watch_way *w)
{
    return peer_stop(w->peer) || failed(w, "did not end well", 0);
}

const watch_manner watch_curator = {curator_open, hear_peer, stop_peer};
const watch_manner watch_kazoo = {kazoo_open, hear_peer, stop_peer};

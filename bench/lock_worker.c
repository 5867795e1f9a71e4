#include "lock_worker.h"

#include <corral.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "lib/raw.h"
#include "lock_bare.h"
#include "lock_sessions.h"

enum { THREADS_MAX = 64, PAUSE_MS = 2 };

static const char *servers;
static raw *raws[2];

static bool report(const char *path, const char *what, int status)
{
    fprintf(stderr, "bench: %s: %s: %d\n", path, what, status);
    return false;
}

/* --- threads that acquire and release --- */

typedef struct {
    double end;
    unsigned pause_ms;
    atomic_uint holders;
    /* The holder's: */
    const void *last;
    double released;
} stage;

typedef struct {
    pthread_t thread;
    stage *stage;
    corral_lock *lock;
    uint64_t count;
    double waited; /* since it was released by others */
    uint64_t passed;
    int status;
} locker;

static locker lockers[THREADS_MAX];

static bool hold(locker *own)
{
    stage *s = own->stage;
    double now = bench_now();

    if (atomic_fetch_add(&s->holders, 1) != 0) {
        return report("", "two hold at once", 0);
    }
    if (s->last != own && s->last != NULL) {
        own->waited += now - s->released;
        own->passed++;
    }
    s->last = own;
    if (s->pause_ms > 0) {
        bench_sleep(s->pause_ms / 1e3);
    }
    s->released = bench_now();
    atomic_fetch_sub(&s->holders, 1);
    return true;
}

static void *lock_and_unlock(void *arg)
{
    locker *own = arg;
    corral_grant *grant;

    while (bench_now() < own->stage->end) {
        own->status = corral_lock_acquire(own->lock, CORRAL_FOREVER, &grant);
        if (own->status != CORRAL_OK) {
            break;
        }
        if (!hold(own)) {
            own->status = CORRAL_ECONFLICT;
            break;
        }
        corral_grant_free(grant);
        own->count++;
        if (own->stage->pause_ms > 0) {
            bench_sleep(own->stage->pause_ms / 2e3); /* let the other have the servers for itself */
        }
    }
    return NULL;
}

/* One handle for all, or a session and a handle for each. */
static bool open_locks(const char *path, bool apart, unsigned threads)
{
    for (unsigned i = 0; i < threads; i++) {
        corral_client *client = apart || i == 0 ? bench_session(servers, i) : NULL;

        if (!apart && i > 0) {
            lockers[i].lock = lockers[0].lock;
        } else if (client == NULL || corral_lock_open(client, path, NULL, &lockers[i].lock) != CORRAL_OK) {
            return report(path, "open", 0);
        }
    }
    return true;
}

static bool run_lockers(const char *path, bool apart, unsigned threads)
{
    bool good = true;

    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&lockers[i].thread, NULL, lock_and_unlock, &lockers[i]) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(lockers[i].thread, NULL);
        good = good && (lockers[i].status == CORRAL_OK || report(path, "acquire", lockers[i].status));
    }
    for (unsigned i = 0; i < (apart ? threads : 1); i++) {
        corral_lock_close(lockers[i].lock);
    }
    return good;
}

static bool run_corral(const char *kind, const char *path, unsigned threads, double seconds,
                       uint64_t *ret_count, double *ret_seconds)
{
    bool paused = strcmp(kind, "pass") == 0;
    bool apart = strcmp(kind, "handle") != 0;
    bool passing = paused || strcmp(kind, "race") == 0;
    double start = bench_now();
    stage s = {.end = start + seconds, .pause_ms = paused ? PAUSE_MS : 0};

    memset(lockers, 0, sizeof lockers);
    for (unsigned i = 0; i < threads; i++) {
        lockers[i].stage = &s;
    }
    if (!open_locks(path, apart, threads) || !run_lockers(path, apart, threads)) {
        return false;
    }
    *ret_count = 0;
    *ret_seconds = passing ? 0 : bench_now() - start;
    for (unsigned i = 0; i < threads; i++) {
        *ret_count += passing ? lockers[i].passed : lockers[i].count;
        *ret_seconds += passing ? lockers[i].waited : 0;
    }
    return true;
}

/* --- commands --- */

static bool run_bare(const char *kind, const char *path, double seconds, uint64_t *ret_count,
                     double *ret_seconds)
{
    if (strncmp(kind, "bare-", 5) == 0) {
        return bench_bare_pass(raws, path, strcmp(kind, "bare-pass") == 0 ? PAUSE_MS : 0, seconds, ret_count,
                               ret_seconds);
    }
    return bench_bare_loop(raws[0], path, strcmp(kind, "bare") == 0, seconds, ret_count, ret_seconds);
}

static bool obey(const char *line)
{
    char kind[16], path[128];
    unsigned number;
    double seconds = 0;
    uint64_t count = 0;
    bool good;

    if (sscanf(line, "run %15s %127s %u %lf", kind, path, &number, &seconds) == 4 && number >= 1 &&
        number <= THREADS_MAX) {
        bool bare = strncmp(kind, "bare", 4) == 0 || strcmp(kind, "ahead") == 0;

        good = bare ? run_bare(kind, path, seconds, &count, &seconds)
                    : run_corral(kind, path, number, seconds, &count, &seconds);
    } else if (sscanf(line, "queue %127s %u", path, &number) == 2 && number <= BENCH_SESSIONS_MAX) {
        good = bench_queue_up(servers, path, number);
    } else if (strcmp(line, "drain\n") == 0) {
        good = bench_drain(&count);
    } else {
        good = report("", line, 0);
    }
    if (good) {
        printf("done %" PRIu64 " 0 %.6f\n", count, seconds);
    }
    return good;
}

int bench_lock_work(const char *at)
{
    char line[512];
    bool good = true;

    setvbuf(stdout, NULL, _IOLBF, 0);
    servers = at;
    for (int i = 0; i < 2 && good; i++) {
        raws[i] = raw_open(servers);
        /* By default libzookeeper looks its hosts up at every request. */
        good = raws[i] != NULL && zoo_set_servers_resolution_delay(raw_handle(raws[i]), -1) == ZOK;
    }
    if (good) {
        puts("ready");
    }
    while (good && fgets(line, sizeof line, stdin) != NULL) {
        good = obey(line);
    }
    bench_sessions_close();
    for (int i = 0; i < 2; i++) {
        if (raws[i] != NULL) {
            raw_close(raws[i]);
        }
    }
    return good ? 0 : 1;
}

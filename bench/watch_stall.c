#include "watch_stall.h"

#include <corral/client.h>
#include <corral/status.h>
#include <corral/watch.h>

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "watch_ways.h"

/* So many changes are under way at once, at most: they count in the memory of this process, too. */
enum { OUTSTANDING_MAX = 250 };

#define TICK_SECONDS 0.001
#define LOOK_SECONDS 0.1
#define PATIENCE_SECONDS 60.0
#define MB (1024.0 * 1024.0)

static bool report(const char *path, const char *what, int status)
{
    fprintf(stderr, "bench: %s: %s: %d\n", path, what, status);
    return false;
}

/* --- the subscriber --- */

typedef struct {
    pthread_mutex_t mutex; /* guards the rest */
    uint64_t delivered, skipped;
    uint64_t number; /* of the last state */
    int64_t mzxid;
    bool wrong; /* one was not newer than the one before, or not whole */
} sleeper;

static void on_event(const corral_watch_event *event, void *arg)
{
    sleeper *s = arg;
    uint64_t number = watch_number(event->value, event->length);

    pthread_mutex_lock(&s->mutex);
    s->wrong = s->wrong || event->status != CORRAL_OK || !event->exists ||
               event->length != WATCH_STALL_BYTES || event->stamp.mzxid <= s->mzxid ||
               (s->delivered > 0 && number != s->number + event->skipped + 1);
    s->delivered++;
    s->skipped += event->skipped;
    s->number = number;
    s->mzxid = event->stamp.mzxid;
    pthread_mutex_unlock(&s->mutex);
    bench_sleep(WATCH_STALL_MS / 1e3);
}

static sleeper look_at(sleeper *s)
{
    pthread_mutex_lock(&s->mutex);
    sleeper copy = *s;
    pthread_mutex_unlock(&s->mutex);
    return copy;
}

/* --- memory --- */

typedef struct {
    double heap, resident; /* bytes */
} memory;

static memory memory_now(void)
{
    struct mallinfo2 info = mallinfo2();
    unsigned long total = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (statm != NULL) {
        (void)!fscanf(statm, "%lu %lu", &total, &resident);
        fclose(statm);
    }
    return (memory){.heap = (double)(info.uordblks + info.hblkhd),
                    .resident = (double)resident * (double)sysconf(_SC_PAGESIZE)};
}

static void note_growth(const memory *first, watch_stalled *stalled)
{
    memory now = memory_now();
    double heap = (now.heap - first->heap) / MB, resident = (now.resident - first->resident) / MB;

    stalled->heap_mb = first->heap / MB;
    stalled->heap_growth_mb = heap > stalled->heap_growth_mb ? heap : stalled->heap_growth_mb;
    stalled->resident_growth_mb =
        resident > stalled->resident_growth_mb ? resident : stalled->resident_growth_mb;
}

/* --- changes --- */

typedef struct {
    zhandle_t *handle;
    const char *path;
    uint64_t sent;
    atomic_uint outstanding;
    atomic_int result;
    _Atomic int64_t mzxid; /* of the last answered */
} changer;

static void on_set(int result, const struct Stat *stat, const void *context)
{
    changer *c = (changer *)context;

    if (result == ZOK) {
        atomic_store(&c->mzxid, stat->mzxid);
    } else {
        atomic_store(&c->result, result);
    }
    atomic_fetch_sub(&c->outstanding, 1);
}

static void make_value(char value[WATCH_STALL_BYTES + 1], uint64_t number)
{
    snprintf(value, WATCH_STALL_BYTES + 1, "%-*llu", WATCH_STALL_BYTES, (unsigned long long)number);
}

static void send_change(changer *c)
{
    char value[WATCH_STALL_BYTES + 1];

    make_value(value, ++c->sent);
    atomic_fetch_add(&c->outstanding, 1);
    int result = zoo_aset(c->handle, c->path, value, WATCH_STALL_BYTES, -1, on_set, c);
    if (result != ZOK) {
        on_set(result, NULL, c);
    }
}

/* At the rate, or below it when the server does not follow. Returns how long that was. */
static double change_paced(changer *c, double seconds, watch_stalled *ret_stalled)
{
    double start = bench_now(), now = start, look = start + seconds / 10;
    memory first = {0};

    while (now - start < seconds && atomic_load(&c->result) == ZOK) {
        while ((double)c->sent < (now - start) * WATCH_STALL_RATE &&
               atomic_load(&c->outstanding) < OUTSTANDING_MAX) {
            send_change(c);
        }
        if (now >= look && first.heap == 0) {
            first = memory_now();
        } else if (now >= look) {
            note_growth(&first, ret_stalled);
            look = now + LOOK_SECONDS;
        }
        bench_sleep(TICK_SECONDS);
        now = bench_now();
    }
    return now - start;
}

/* Wait until all is answered, and the subscriber has been told of the last. */
static bool await_last(changer *c, sleeper *s)
{
    double end = bench_now() + PATIENCE_SECONDS;

    while ((atomic_load(&c->outstanding) > 0 || look_at(s).number != c->sent) && bench_now() < end) {
        bench_sleep(TICK_SECONDS);
    }
    /* Nothing may follow. */
    bench_sleep(2 * WATCH_STALL_MS / 1e3);
    sleeper seen = look_at(s);
    if (atomic_load(&c->outstanding) > 0 || atomic_load(&c->result) != ZOK) {
        return report(c->path, "set", atomic_load(&c->result));
    }
    if (seen.wrong || seen.number != c->sent || seen.mzxid != atomic_load(&c->mzxid) ||
        seen.delivered + seen.skipped != c->sent + 1) {
        fprintf(stderr, "bench: %s: of %llu changes %llu were told and %llu left out, the last one %llu%s\n",
                c->path, (unsigned long long)c->sent, (unsigned long long)seen.delivered - 1,
                (unsigned long long)seen.skipped, (unsigned long long)seen.number,
                seen.wrong ? ", not in order" : "");
        return false;
    }
    return true;
}

static uint64_t requests_of(corral_client *client)
{
    corral_client_stats stats = {0};

    (void)corral_client_get_stats(client, &stats);
    return stats.requests;
}

static bool measure(corral_client *client, changer *c, sleeper *s, double seconds, watch_stalled *ret_stalled)
{
    double end = bench_now() + PATIENCE_SECONDS;

    while (look_at(s).delivered == 0 && bench_now() < end) {
        bench_sleep(TICK_SECONDS);
    }
    uint64_t requests = requests_of(client);
    *ret_stalled = (watch_stalled){0};
    double took = change_paced(c, seconds, ret_stalled);
    ret_stalled->rate = (double)c->sent / took;
    ret_stalled->changes = c->sent;
    bool good = await_last(c, s);
    ret_stalled->read = requests_of(client) - requests;
    ret_stalled->delivered = look_at(s).delivered - 1;
    return good;
}

bool watch_stall_run(const char *servers, raw *r, const char *path, double seconds,
                     watch_stalled *ret_stalled)
{
    changer c = {.handle = raw_handle(r), .path = path};
    sleeper s = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    corral_client *client = NULL;
    corral_watch *watch = NULL;
    char value[WATCH_STALL_BYTES + 1];

    make_value(value, 0);
    int result = raw_create(r, path, value, WATCH_STALL_BYTES);
    if (result != ZOK) {
        return report(path, "create", result);
    }
    int status = corral_client_open(servers, NULL, &client);
    if (status == CORRAL_OK) {
        status = corral_watch_open(client, path, NULL, on_event, &s, &watch);
    }
    bool good = status == CORRAL_OK ? measure(client, &c, &s, seconds, ret_stalled)
                                    : report(path, corral_strerror(status), status);
    corral_watch_close(watch);
    corral_client_close(client);
    return good;
}

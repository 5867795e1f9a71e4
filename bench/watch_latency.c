#include "watch_latency.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATA_SIZE = 32 };

static void changer_open(watch_changer *c, raw *r)
{
    c->raw = r;
    sem_init(&c->answered, 0, 0);
}

static void changer_close(watch_changer *c)
{
    sem_destroy(&c->answered);
}

static void on_set(int result, const struct Stat *stat, const void *context)
{
    watch_changer *c = (watch_changer *)context;

    (void)stat;
    c->result = result;
    sem_post(&c->answered);
}

static void note_latency(watch_sample *s, double seconds)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 4096 : 2 * s->capacity;
        s->latencies = realloc(s->latencies, s->capacity * sizeof *s->latencies);
        if (s->latencies == NULL) {
            abort();
        }
    }
    s->latencies[s->count++] = seconds;
}

/* The number that is there, as the way wants it. Returns the length. */
static int spell(const watch_way *w, char data[DATA_SIZE])
{
    uint32_t binary = htonl((uint32_t)w->number);

    if (w->binary) {
        memcpy(data, &binary, sizeof binary);
        return sizeof binary;
    }
    return snprintf(data, DATA_SIZE, "%llu", (unsigned long long)w->number);
}

/* Wait until @w is told of that number. */
static bool hear(watch_way *w, double *ret_at)
{
    uint64_t number = UINT64_MAX;

    if (!w->manner->hear(w, &number, ret_at)) {
        return false;
    }
    if (number != w->number) {
        fprintf(stderr, "bench: %s: was told of %llu, not %llu\n", w->name, (unsigned long long)number,
                (unsigned long long)w->number);
    }
    return number == w->number;
}

static bool open_all(watch_way *ways, int count, const char *servers, raw *r, const char *root)
{
    bool good = true;
    double at;

    for (int i = 0; i < count && good; i++) {
        watch_way *w = &ways[i];
        char data[DATA_SIZE];
        int length = spell(w, data);

        snprintf(w->path, sizeof w->path, "%s/%d", root, i);
        good = raw_create(r, w->path, data, length) == ZOK && w->manner->open(w, servers) && hear(w, &at);
    }
    return good;
}

static bool close_all(watch_way *ways, int count)
{
    bool good = true;

    for (int i = 0; i < count; i++) {
        good = ways[i].manner->close(&ways[i]) && good;
    }
    return good;
}

static bool change(watch_changer *c, watch_way *w, watch_sample *s)
{
    char data[DATA_SIZE];

    w->number++;
    int length = spell(w, data);
    double start = bench_now(), at;
    int result = zoo_aset(raw_handle(c->raw), w->path, data, length, -1, on_set, c);
    if (result == ZOK) {
        if (!hear(w, &at)) {
            return false;
        }
        while (sem_wait(&c->answered) != 0 && errno == EINTR) {
        }
        result = c->result;
    }
    if (result != ZOK) {
        return bench_fail(w->path, "set", result);
    }
    note_latency(s, at - start);
    return true;
}

bool watch_run_slice(watch_changer *c, watch_way *w, unsigned pause_ms, double seconds, watch_sample *s)
{
    double end = bench_now() + seconds;
    bool good = true;

    do {
        bench_sleep(pause_ms / 1e3);
        good = change(c, w, s);
    } while (good && bench_now() < end);
    return good;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

double watch_percentile(watch_sample *s, unsigned percent)
{
    qsort(s->latencies, s->count, sizeof *s->latencies, compare);
    return s->latencies[s->count * percent / 100];
}

bool watch_run_rounds(watch_way *ways, int count, const char *servers, raw *r, const char *root,
                      const watch_settings *settings, double warm_up,
                      bool (*run_round)(watch_changer *c, unsigned round, double seconds))
{
    watch_changer c;

    changer_open(&c, r);
    bool good = open_all(ways, count, servers, r, root) &&
                run_round(&c, 0, settings->seconds > warm_up ? settings->seconds : warm_up);
    for (unsigned round = 1; round <= settings->rounds && good; round++) {
        good = run_round(&c, round, settings->seconds);
    }
    good = close_all(ways, count) && good;
    changer_close(&c);
    return good;
}

/**
 * How fast a change of a znode is told, beside libzookeeper's own watches and
 * what Curator and Kazoo have for it; and what many subscribers, and slow ones,
 * cost.
 *
 * A change and its news are timed in one: from right before the request that makes the
 * change, by another session in this process, until the subscriber's callback has
 * the data. So a write's time is in all figures. The next change is made once the
 * one before is told and answered: at leisure, after a pause in which all come to rest,
 * or at once. The ways take turns in short slices, all sessions staying open, and a
 * round that is not measured comes first. Printed are the median and the 99th
 * percentile, and of their ratios within the rounds the median, the least and the
 * greatest.
 *
 * Then the requests and watches of many subscriptions are counted; and at the
 * end a subscriber sleeps at each of its events while the changes go on.
 *
 * Against $CORRAL_SERVERS, or a server of its own, whose data are below $TMPDIR.
 * The goals are meant for data in memory: TMPDIR=/dev/shm.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "watch_many.h"
#include "watch_stall.h"
#include "watch_ways.h"

enum { SLICES = 40, PAUSE_MS = 2 };
#define WARM_UP_SECONDS 2.0

enum { BARE, BARE_LOOP, CORRAL, CURATOR_NODE, CURATOR_CACHE, KAZOO, WAYS };
static watch_way ways[WAYS] = {
    [BARE] = {.name = "bare watch + read", .manner = &watch_bare},
    [BARE_LOOP] = {.name = "bare zoo_wget loop", .manner = &watch_bare_loop},
    [CORRAL] = {.name = "Corral", .manner = &watch_corral},
    [CURATOR_NODE] = {.name = "Curator's NodeCache", .manner = &watch_curator, .kind = "node"},
    [CURATOR_CACHE] = {.name = "CuratorCache", .manner = &watch_curator, .kind = "cache"},
    [KAZOO] = {.name = "Kazoo's DataWatch", .manner = &watch_kazoo, .kind = "data"},
};

enum { LEISURE, AT_ONCE, PACES };
static const char *const pace_names[PACES] = {"at leisure", "no pause"};
enum { MEDIAN, P99, FIGURES };
static const char *const figure_names[FIGURES] = {"median", "p99"};

/* What is wanted of Corral's figures beside the bare ones'. */
static const double latency_wanted[FIGURES] = {1.15, 1.3};

/* Of each way and pace: the latencies of a round, and the figures of the rounds. */
typedef struct {
    double *latencies;
    size_t count, capacity;
    double figures[FIGURES][BENCH_ROUNDS_MAX]; /* seconds */
} sample;
static sample samples[WAYS][PACES];

enum { SUBSCRIBERS = 1000, PATHS = 10000 };
static const double in_flight_wanted = 1000, growth_wanted_mb = 1;

/* --- latency --- */

/* Of the session that makes the changes. */
typedef struct {
    raw *raw;
    sem_t answered;
    int result;
} changer;

static void on_set(int result, const struct Stat *stat, const void *context)
{
    changer *c = (changer *)context;

    (void)stat;
    c->result = result;
    sem_post(&c->answered);
}

static void note_latency(sample *s, double seconds)
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

/* Wait until @w is told of the number that is there. */
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

static bool change(changer *c, watch_way *w, sample *s)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%llu", (unsigned long long)++w->number);
    double start = bench_now(), at;
    int result = zoo_aset(raw_handle(c->raw), w->path, text, length, -1, on_set, c);

    if (result == ZOK) {
        if (!hear(w, &at)) {
            return false;
        }
        while (sem_wait(&c->answered) != 0 && errno == EINTR) {
        }
        result = c->result;
    }
    if (result != ZOK) {
        fprintf(stderr, "bench: %s: set: %d\n", w->path, result);
        return false;
    }
    note_latency(s, at - start);
    return true;
}

static bool run_slice(changer *c, watch_way *w, int pace, double seconds)
{
    sample *s = &samples[w - ways][pace];
    double end = bench_now() + seconds;
    bool good = true;

    do {
        if (pace == LEISURE) {
            bench_sleep(PAUSE_MS / 1e3);
        }
        good = change(c, w, s);
    } while (good && bench_now() < end);
    return good;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

static void note_figures(int way, int pace, unsigned round)
{
    sample *s = &samples[way][pace];

    qsort(s->latencies, s->count, sizeof *s->latencies, compare);
    s->figures[MEDIAN][round] = s->latencies[s->count / 2];
    s->figures[P99][round] = s->latencies[s->count * 99 / 100];
    printf("round %u  %-20s %-10s %9.1f us, p99 %9.1f us\n", round + 1, ways[way].name, pace_names[pace],
           s->figures[MEDIAN][round] * 1e6, s->figures[P99][round] * 1e6);
}

static bool run_round(changer *c, unsigned round, double seconds, bool measured)
{
    for (int pace = 0; pace < PACES; pace++) {
        for (int i = 0; i < WAYS * SLICES; i++) {
            if (!run_slice(c, &ways[i % WAYS], pace, seconds / SLICES)) {
                return false;
            }
        }
        for (int i = 0; i < WAYS; i++) {
            if (measured) {
                note_figures(i, pace, round);
            }
            samples[i][pace].count = 0;
        }
    }
    return true;
}

static bool open_ways(const char *servers, raw *r, const char *root)
{
    bool good = true;
    double at;

    for (int i = 0; i < WAYS && good; i++) {
        snprintf(ways[i].path, sizeof ways[i].path, "%s/%d", root, i);
        good = raw_create(r, ways[i].path, "0", 1) == ZOK && ways[i].manner->open(&ways[i], servers) &&
               hear(&ways[i], &at);
    }
    return good;
}

static bool close_ways(void)
{
    bool good = true;

    for (int i = 0; i < WAYS; i++) {
        good = ways[i].manner->close(&ways[i]) && good;
    }
    return good;
}

static bool measure_latency(const char *servers, raw *r, const char *root, const bench_settings *settings)
{
    changer c = {.raw = r};
    bool good;

    sem_init(&c.answered, 0, 0);
    good = open_ways(servers, r, root) &&
           run_round(&c, 0, settings->seconds > WARM_UP_SECONDS ? settings->seconds : WARM_UP_SECONDS, false);
    for (unsigned round = 0; round < settings->rounds && good; round++) {
        good = run_round(&c, round, settings->seconds, true);
    }
    good = close_ways() && good;
    sem_destroy(&c.answered);
    return good;
}

/* --- many, and slow ones --- */

static watch_shared shared;
static watch_renewed renewed;
static watch_stalled stalled;

static bool measure_rest(const char *servers, raw *r, const char *root, double stall_seconds)
{
    char path[3][128];

    snprintf(path[0], sizeof *path, "%s/shared", root);
    snprintf(path[1], sizeof *path, "%s/many", root);
    snprintf(path[2], sizeof *path, "%s/stalled", root);
    return watch_many_share(servers, r, path[0], SUBSCRIBERS, &shared) &&
           watch_many_renew(servers, r, path[1], PATHS, &renewed) &&
           watch_stall_run(servers, r, path[2], stall_seconds, &stalled);
}

/* --- the outcome --- */

/* Corral's beside the way @to. */
static bool print_ratios(int to, int pace, unsigned rounds, bool wanted)
{
    double ratios[BENCH_ROUNDS_MAX];
    char what[128];
    bool good = true;

    for (int f = 0; f < FIGURES; f++) {
        for (unsigned r = 0; r < rounds; r++) {
            ratios[r] = samples[CORRAL][pace].figures[f][r] / samples[to][pace].figures[f][r];
        }
        snprintf(what, sizeof what, "change to callback, %s, %s: Corral / %s", pace_names[pace],
                 figure_names[f], ways[to].name);
        good = bench_judge(what, ratios, rounds, wanted ? latency_wanted[f] : 0, true) && good;
    }
    return good;
}

static bool print_latency(unsigned rounds)
{
    bool good = true;

    printf("\nmedians of %u rounds\n", rounds);
    for (int pace = 0; pace < PACES; pace++) {
        for (int i = 0; i < WAYS; i++) {
            printf("%-20s %-10s %9.1f us, p99 %9.1f us\n", ways[i].name, pace_names[pace],
                   bench_median(samples[i][pace].figures[MEDIAN], rounds) * 1e6,
                   bench_median(samples[i][pace].figures[P99], rounds) * 1e6);
        }
    }
    printf("\nratios within the rounds: their median, the least and the greatest\n");
    for (int to = 0; to < WAYS; to++) {
        for (int pace = 0; pace < PACES && to != CORRAL; pace++) {
            good = print_ratios(to, pace, rounds, to == BARE) && good;
        }
    }
    return good;
}

static bool print_rest(void)
{
    bool good = true;
    char what[128];

    printf("\n%d subscribers of one client to one path: %.1f us from a change until all have been called\n",
           SUBSCRIBERS, shared.told_s * 1e6);
    good = bench_judge("server watches (mntr)", &shared.watches, 1, 1, true) && good;
    good = bench_judge("requests per change (counted by a proxy)", &shared.requests, 1, 1, true) && good;
    printf("\n%d watched paths and a new session: told of changes made meanwhile after %.2f s\n", PATHS,
           renewed.seconds);
    good = bench_judge("most reads in flight (counted by a proxy that holds the replies)", &renewed.in_flight,
                       1, in_flight_wanted, true) &&
           good;
    good = bench_judge("server watches afterwards (mntr)", &renewed.watches, 1, 0, true) && good;
    printf(
        "\n%llu changes, %.0f /s%s, of %d bytes, of which the client has read %llu; a subscriber that sleeps "
        "%d ms at each event: %llu told, all others counted, the last one exact\n",
        (unsigned long long)stalled.changes, stalled.rate,
        stalled.rate < 0.99 * WATCH_STALL_RATE ? " (as fast as they could be made)" : "", WATCH_STALL_BYTES,
        (unsigned long long)stalled.read, WATCH_STALL_MS, (unsigned long long)stalled.delivered);
    snprintf(what, sizeof what, "heap in use, MiB: %.2f after a tenth of the time; then at most this more",
             stalled.heap_mb);
    good = bench_judge(what, &stalled.heap_growth_mb, 1, growth_wanted_mb, true) && good;
    return bench_judge("resident memory, MiB: then at most this more", &stalled.resident_growth_mb, 1,
                       growth_wanted_mb, true) &&
           good;
}

static unsigned stall_seconds = 5;

static int run(const char *servers, const bench_settings *settings)
{
    raw *r = watch_raw_open(servers);
    char root[64];
    bool good, fast = false;

    if (r == NULL) {
        fprintf(stderr, "bench: no connection to %s\n", servers);
        return 1;
    }
    snprintf(root, sizeof root, "/corral-bench/%ld", (long)getpid());
    good = measure_latency(servers, r, root, settings) && measure_rest(servers, r, root, stall_seconds);
    if (good) {
        fast = print_latency(settings->rounds);
        fast = print_rest() && fast;
    }
    if (!settings->own_server && raw_delete_below(r, root) == ZOK) {
        raw_delete(r, root);
    }
    raw_close(r);
    return !good ? 1 : fast ? 0 : 2;
}

int main(int argc, char **argv)
{
    bench_settings settings = {.seconds = 2, .rounds = 5};
    int said = bench_options(argc, argv, &settings, "stall-seconds", &stall_seconds);

    return said != 0 ? said - 1 : bench_run(run, &settings);
}

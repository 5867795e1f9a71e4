/**
 * How fast a change of a znode is told, by Corral, by libzookeeper's own watches
 * and by what Curator and Kazoo have for it; and what many subscribers, and slow
 * ones, cost:
 *
 *     watches SERVERS ROUNDS SECONDS STALL_SECONDS
 *
 * A change and its news are timed in one: from right before the request that makes the
 * change, by another session in this process, until the subscriber's callback has
 * the data. So a write's time is in all figures. The next change is made once the
 * one before is told and answered: at leisure, after a pause in which all come to rest,
 * or at once. The ways take turns in short slices, all sessions staying open, and a
 * round that is not measured comes first.
 *
 * Then many subscribe to the same znode, in each of these ways. The requests and
 * watches of many subscriptions of Corral's are counted; and at the end a
 * subscriber sleeps at each of its events while the changes go on, for STALL_SECONDS.
 *
 * Each figure is a line on standard output, between tabs: WAY PACE FIGURE ROUND
 * VALUE. ROUND counts from 1; what is measured once is of round 1. Exit status
 * 1, and a word on standard error, for anything unexpected.
 */
#include <stdio.h>
#include <stdlib.h>

#include "watch_crowd.h"
#include "watch_latency.h"
#include "watch_many.h"
#include "watch_stall.h"
#include "watch_ways.h"

enum { SLICES = 40, PAUSE_MS = 2 };
#define WARM_UP_SECONDS 2.0

enum { BARE, BARE_LOOP, CORRAL, CURATOR_NODE, CURATOR_CACHE, CURATOR_COUNT, KAZOO, WAYS };
#define BY(name_, id_, manner_) .name = (name_), .id = (id_), .manner = &(manner_), .subscribers = 1
static watch_way ways[WAYS] = {
    [BARE] = {BY("bare watch + read", "bare", watch_bare)},
    [BARE_LOOP] = {BY("bare zoo_wget loop", "bare-loop", watch_bare_loop)},
    [CORRAL] = {BY("Corral", "corral", watch_corral)},
    [CURATOR_NODE] = {BY("Curator's NodeCache", "curator-node", watch_curator), .kind = "node"},
    [CURATOR_CACHE] = {BY("CuratorCache", "curator-cache", watch_curator), .kind = "cache"},
    [CURATOR_COUNT] = {BY("Curator's SharedCount", "curator-count", watch_curator), .kind = "count",
                       .binary = true},
    [KAZOO] = {BY("Kazoo's DataWatch", "kazoo-data", watch_kazoo), .kind = "data"},
};

enum { LEISURE, AT_ONCE, PACES };
static const char *const pace_names[PACES] = {"leisure", "no-pause"};
enum { MEDIAN, P99, FIGURES };
static const char *const figure_names[FIGURES] = {"p50_us", "p99_us"};
static const unsigned figure_percents[FIGURES] = {50, 99};

/* Of a round. */
static watch_sample samples[WAYS][PACES];

enum { SUBSCRIBERS = 1000, PATHS = 10000 };

/* --- latency --- */

static void tell_figures(int way, int pace, unsigned round)
{
    for (int f = 0; f < FIGURES; f++) {
        bench_figure(ways[way].id, pace_names[pace], figure_names[f], round,
                     watch_percentile(&samples[way][pace], figure_percents[f]) * 1e6);
    }
}

static bool run_round(watch_changer *c, unsigned round, double seconds)
{
    for (int pace = 0; pace < PACES; pace++) {
        for (int i = 0; i < WAYS * SLICES; i++) {
            int way = (i + i / WAYS) % WAYS; /* another one is first each time */

            if (!watch_run_slice(c, &ways[way], pace == LEISURE ? PAUSE_MS : 0, seconds / SLICES,
                                 &samples[way][pace])) {
                return false;
            }
        }
        for (int i = 0; i < WAYS; i++) {
            if (round > 0) {
                tell_figures(i, pace, round);
            }
            samples[i][pace].count = 0;
        }
    }
    return true;
}

/* --- many, and slow ones --- */

static watch_shared shared;
static watch_renewed renewed;
static watch_stalled stalled;

static void tell_rest(void)
{
    const struct {
        const char *pace, *figure;
        double value;
    } rest[] = {
        {"shared", "watches", shared.watches},
        {"shared", "requests", shared.requests},
        {"renewed", "watches", renewed.watches},
        {"renewed", "in_flight", renewed.in_flight},
        {"renewed", "seconds", renewed.seconds},
        {"stalled", "rate", stalled.rate},
        {"stalled", "changes", (double)stalled.changes},
        {"stalled", "read", (double)stalled.read},
        {"stalled", "delivered", (double)stalled.delivered},
        {"stalled", "heap_mb", stalled.heap_mb},
        {"stalled", "heap_growth_mb", stalled.heap_growth_mb},
        {"stalled", "resident_growth_mb", stalled.resident_growth_mb},
    };

    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        bench_figure(ways[CORRAL].id, rest[i].pace, rest[i].figure, 1, rest[i].value);
    }
}

static bool measure_rest(const char *servers, raw *r, const char *root, const watch_settings *settings)
{
    char path[4][128];

    snprintf(path[0], sizeof *path, "%s/shared", root);
    snprintf(path[1], sizeof *path, "%s/many", root);
    snprintf(path[2], sizeof *path, "%s/stalled", root);
    snprintf(path[3], sizeof *path, "%s/crowd", root);
    return watch_crowd_run(servers, r, path[3], settings) &&
           watch_many_share(servers, r, path[0], SUBSCRIBERS, &shared) &&
           watch_many_renew(servers, r, path[1], PATHS, &renewed) &&
           watch_stall_run(servers, r, path[2], settings->stall_seconds, &stalled);
}

static bool parse(char **argv, watch_settings *ret_settings)
{
    char *rest[3];

    ret_settings->rounds = (unsigned)strtoul(argv[0], &rest[0], 10);
    ret_settings->seconds = strtod(argv[1], &rest[1]);
    ret_settings->stall_seconds = strtod(argv[2], &rest[2]);
    return *rest[0] == '\0' && *rest[1] == '\0' && *rest[2] == '\0' && ret_settings->rounds > 0 &&
           ret_settings->seconds > 0 && ret_settings->stall_seconds > 0;
}

int main(int argc, char **argv)
{
    static const char root[] = "/bench/watches";
    watch_settings settings;

    if (argc != 5 || !parse(argv + 2, &settings)) {
        fprintf(stderr, "usage: watches SERVERS ROUNDS SECONDS STALL_SECONDS\n");
        return 2;
    }
    raw *r = watch_raw_open(argv[1]);
    if (r == NULL) {
        fprintf(stderr, "bench: no connection to %s\n", argv[1]);
        return 1;
    }
    bool good = watch_run_rounds(ways, WAYS, argv[1], r, root, &settings, WARM_UP_SECONDS, run_round) &&
                measure_rest(argv[1], r, root, &settings);
    if (good) {
        tell_rest();
    }
    raw_close(r);
    return good && fflush(stdout) == 0 ? 0 : 1;
}

#include "watch_crowd.h"

#include <stdlib.h>

#include "watch_latency.h"

enum { PAUSE_MS = 2 };
/* Of all ways together: what they do is much, and Java's compiler comes to it late. */
#define WARM_UP_SECONDS 10.0

enum { CORRAL, CURATOR_CACHE, CURATOR_COUNT, KAZOO, WAYS };
#define CROWD .subscribers = WATCH_CROWD_SUBSCRIBERS
static watch_way ways[WAYS] = {
    [CORRAL] = {.name = "Corral", .id = "corral", .manner = &watch_corral, CROWD},
    [CURATOR_CACHE] =
        {.name = "CuratorCache", .id = "curator-cache", .manner = &watch_curator, .kind = "cache", CROWD},
    [CURATOR_COUNT] = {.name = "Curator's SharedCount",
                       .id = "curator-count",
                       .manner = &watch_curator,
                       .kind = "count",
                       .binary = true,
                       CROWD},
    [KAZOO] =
        {.name = "Kazoo's DataWatch", .id = "kazoo-data", .manner = &watch_kazoo, .kind = "data", CROWD},
};

static bool run_round(watch_changer *c, unsigned round, double seconds)
{
    bool good = true;

    for (int i = 0; i < WAYS && good; i++) {
        watch_sample s = {0};

        good = watch_run_slice(c, &ways[i], PAUSE_MS, seconds / WAYS, &s);
        if (good && round > 0) {
            bench_figure(ways[i].id, "crowd", "told_us", round, watch_percentile(&s, 50) * 1e6);
        }
        free(s.latencies);
    }
    return good;
}

bool watch_crowd_run(const char *servers, raw *r, const char *root, const watch_settings *settings)
{
    return watch_run_rounds(ways, WAYS, servers, r, root, settings, WARM_UP_SECONDS, run_round);
}

#include "stall.h"

#include <corral/ids.h>
#include <corral/status.h>

#include <stdio.h>
#include <time.h>

#include "common.h"
#include "lib/proxy.h"
#include "sessions.h"

#define TICK_SECONDS 0.001
#define WARM_UP_SECONDS 4.0
#define BEFORE_SECONDS 1.0
#define STALL_SECONDS 0.2
#define AFTER_SECONDS 1.8

/* Draw at that rate for @seconds. Returns how many; 0: a call failed. */
static double draw_paced(corral_ids *ids, double rate, double seconds)
{
    double start = bench_now(), drawn = 0, now = start;

    while (now - start < seconds) {
        for (double due = (now - start) * rate; drawn < due; drawn++) {
            uint64_t id;

            if (corral_ids_next(ids, CORRAL_FOREVER, &id) != CORRAL_OK) {
                return 0;
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = (long)(TICK_SECONDS * 1e9)}, NULL);
        now = bench_now();
    }
    return drawn;
}

static double awaited(corral_client *client)
{
    corral_client_stats stats = {0};

    (void)corral_client_get_stats(client, &stats);
    return (double)stats.ids_awaited;
}

static bool measure(proxy *through, corral_client *client, corral_ids *ids, double rate, double *ret_awaited,
                    double *ret_rate)
{
    bool good = draw_paced(ids, rate, WARM_UP_SECONDS) > 0;
    double before = awaited(client), start = bench_now(), drawn[3];

    drawn[0] = draw_paced(ids, rate, BEFORE_SECONDS);
    proxy_hold(through, PROXY_HOLD_REQUESTS | PROXY_HOLD_REPLIES);
    drawn[1] = draw_paced(ids, rate, STALL_SECONDS);
    proxy_hold(through, 0);
    drawn[2] = draw_paced(ids, rate, AFTER_SECONDS);
    *ret_rate = (drawn[0] + drawn[1] + drawn[2]) / (bench_now() - start);
    *ret_awaited = awaited(client) - before;
    return good && drawn[0] > 0 && drawn[1] > 0 && drawn[2] > 0;
}

bool stall_measure(const char *path, double rate, double *ret_awaited, double *ret_rate)
{
    proxy *through = proxy_open(sessions_servers());
    corral_client *client = NULL;
    corral_ids *ids = NULL;
    bool good = through != NULL && corral_client_open(proxy_servers(through), NULL, &client) == CORRAL_OK &&
                corral_ids_open(client, path, NULL, &ids) == CORRAL_OK &&
                measure(through, client, ids, rate, ret_awaited, ret_rate);

    if (!good) {
        fprintf(stderr, "bench: drawing at a steady rate failed\n");
    }
    corral_ids_close(ids);
    corral_client_close(client);
    proxy_close(through);
    return good;
}

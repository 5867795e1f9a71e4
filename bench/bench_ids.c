/**
 * How fast IDs are, each kind beside what it is made of: BLOCK beside a bare
 * atomic_fetch_add(), SEQUENCE beside a counter.
 *
 * The two of a pair take turns in short slices, and rounds are repeated, so
 * that what disturbs the machine disturbs both alike; a round that is not
 * measured comes first. Medians are printed of the rates, and of the ratios within
 * the rounds. That a thread's numbers do not increase fails the run.
 *
 * At the end of each round BLOCK IDs are drawn at a steady rate, and the server is cut off for a
 * moment: no call shall wait for it.
 *
 * It links the shared library, as users do. Against $CORRAL_SERVERS, or a server
 * of its own.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ids_draw.h"
#include "ids_stall.h"
#include "lib/raw.h"

enum { SLICES = 10 };
static const double stall_rate = 10e6, stall_awaited = 0;

enum {
    BARE_ONE,
    BLOCK_ONE,
    BARE_TWO,
    BLOCK_TWO,
    COUNTER_ONE,
    SEQUENCE_ONE,
    COUNTER_MANY,
    SEQUENCE_MANY,
    COUNTER_ASYNC,
    SEQUENCE_ASYNC,
    WAYS
};
#define BARE .draw = ids_draw_bare
#define COUNTER .draw = ids_draw_counter, .counts = true
#define NEXT(kind_) .draw = ids_draw_next, .generates = true, .kind = (kind_)
static ids_way ways[WAYS] = {
    [BARE_ONE] = {"bare atomic_fetch_add, 1 thread", 1, BARE},
    [BLOCK_ONE] = {"BLOCK, 1 thread", 1, NEXT(CORRAL_IDS_BLOCK)},
    [BARE_TWO] = {"bare atomic_fetch_add, 2 threads", 2, BARE},
    [BLOCK_TWO] = {"BLOCK, 2 threads", 2, NEXT(CORRAL_IDS_BLOCK)},
    [COUNTER_ONE] = {"counter, 1 thread", 1, COUNTER},
    [SEQUENCE_ONE] = {"SEQUENCE, 1 thread", 1, NEXT(CORRAL_IDS_SEQUENCE)},
    [COUNTER_MANY] = {"counter, 64 threads", 64, COUNTER},
    [SEQUENCE_MANY] = {"SEQUENCE, 64 threads", 64, NEXT(CORRAL_IDS_SEQUENCE)},
    [COUNTER_ASYNC] = {"counter, 10,000 outstanding", .counts = true},
    [SEQUENCE_ASYNC] = {"SEQUENCE, 10,000 outstanding", .generates = true, .kind = CORRAL_IDS_SEQUENCE},
};

/* Who is measured beside whom, by turns, and the least ratio wanted; 0: none. */
static const struct {
    int way, to;
    double wanted;
} pairs[] = {
    {BLOCK_ONE, BARE_ONE, 0.5},           {BLOCK_TWO, BARE_TWO, 0.5},
    {SEQUENCE_ONE, COUNTER_ONE, 0.9},     {SEQUENCE_MANY, COUNTER_MANY, 0.9},
    {SEQUENCE_ASYNC, COUNTER_ASYNC, 0.9},
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

static double stalls[BENCH_ROUNDS_MAX], stall_rates[BENCH_ROUNDS_MAX];

/* --- a round --- */

static bool run_pair(ids_way *own, ids_way *to, double seconds)
{
    bool good = true;

    own->drawn = to->drawn = 0;
    own->seconds = to->seconds = 0;
    for (int s = 0; s < SLICES && good; s++) {
        good = ids_draw_slice(to, seconds / SLICES) && ids_draw_slice(own, seconds / SLICES);
    }
    return good;
}

static void note_rate(ids_way *w, unsigned round)
{
    w->rates[round] = (double)w->drawn / w->seconds;
    printf("round %u  %-34s %12.0f /s\n", round + 1, w->name, w->rates[round]);
}

static bool run_pairs(unsigned round, double seconds, bool measured)
{
    for (int p = 0; p < PAIRS; p++) {
        ids_way *own = &ways[pairs[p].way], *to = &ways[pairs[p].to];

        if (!run_pair(own, to, seconds)) {
            return false;
        }
        if (measured) {
            note_rate(to, round);
            note_rate(own, round);
        }
    }
    return true;
}

static bool run_stall(const char *servers, const char *root, unsigned round)
{
    char path[128];

    snprintf(path, sizeof path, "%s/stall-%u", root, round);
    if (!ids_stall_run(servers, path, stall_rate, &stalls[round], &stall_rates[round])) {
        return false;
    }
    printf("round %u  BLOCK at %.0f /s, cut off for a moment: %.0f calls waited\n", round + 1,
           stall_rates[round], stalls[round]);
    return true;
}

/* --- before and after --- */

static bool prepare(corral_client *client, const char *root)
{
    bool good = true;

    for (int i = 0; i < WAYS && good; i++) {
        corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
        ids_way *w = &ways[i];

        options.kind = w->kind;
        snprintf(w->path, sizeof w->path, "%s/%d", root, i);
        good = (!w->counts || corral_counter_open(client, w->path, NULL, &w->counter) == CORRAL_OK) &&
               (!w->generates || corral_ids_open(client, w->path, &options, &w->ids) == CORRAL_OK);
    }
    return good;
}

static void clean_up(corral_client *client, raw *r, const char *root)
{
    for (int i = 0; i < WAYS; i++) {
        corral_counter_close(ways[i].counter);
        corral_ids_close(ways[i].ids);
    }
    corral_client_close(client);
    if (r != NULL && raw_delete_below(r, root) == ZOK) {
        raw_delete(r, root);
    }
    raw_close(r);
}

/* --- the outcome --- */

static bool print_ratio(int pair, unsigned rounds)
{
    const ids_way *own = &ways[pairs[pair].way], *to = &ways[pairs[pair].to];
    double ratios[BENCH_ROUNDS_MAX];
    char what[128];
    double median;
    bool good;

    for (unsigned r = 0; r < rounds; r++) {
        ratios[r] = own->rates[r] / to->rates[r];
    }
    median = bench_median(ratios, rounds);
    good = median >= pairs[pair].wanted;
    snprintf(what, sizeof what, "%s / %s", own->name, to->name);
    printf("%-62s %6.2f   (at least %g)%s\n", what, median, pairs[pair].wanted, good ? "" : "  MISSED");
    return good;
}

static bool print_medians(unsigned rounds)
{
    double awaited = bench_median(stalls, rounds);
    bool good = awaited <= stall_awaited;

    printf("\nmedians of %u rounds\n", rounds);
    for (int i = 0; i < WAYS; i++) {
        printf("%-62s %10.0f /s\n", ways[i].name, bench_median(ways[i].rates, rounds));
    }
    for (int p = 0; p < PAIRS; p++) {
        good = print_ratio(p, rounds) && good;
    }
    printf("BLOCK at %10.0f /s, cut off for a moment: calls that waited  %6.0f   (at most %g)%s\n",
           bench_median(stall_rates, rounds), awaited, stall_awaited,
           awaited <= stall_awaited ? "" : "  MISSED");
    return good;
}

static int run(const char *servers, const bench_settings *settings)
{
    raw *r = raw_open(servers);
    corral_client *client = NULL;
    char root[64];
    bool good = false, fast = false;

    snprintf(root, sizeof root, "/corral-bench/%ld", (long)getpid());
    if (r == NULL || corral_client_open(servers, NULL, &client) != CORRAL_OK || !prepare(client, root)) {
        fprintf(stderr, "bench: no connection to %s\n", servers);
    } else {
        good = run_pairs(0, settings->seconds, false);
        for (unsigned round = 0; round < settings->rounds && good; round++) {
            good = run_pairs(round, settings->seconds, true) && run_stall(servers, root, round);
        }
        fast = good && print_medians(settings->rounds);
    }
    clean_up(client, r, root);
    return !good ? 1 : fast ? 0 : 2;
}

int main(int argc, char **argv)
{
    bench_settings settings = {.seconds = 2, .rounds = 5};
    int end = bench_options(argc, argv, &settings, NULL, NULL);

    return end != 0 ? end - 1 : bench_run(run, &settings);
}

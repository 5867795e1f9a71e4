/**
 * How fast IDs are, each kind beside what it is made of: BLOCK beside a bare
 * atomic_fetch_add(), SEQUENCE beside a counter, ZNODE beside creations and
 * deletions by libzookeeper alone, SNOWFLAKE beside as many as its format has.
 *
 * The two of a pair take turns in short slices, and rounds are repeated, so
 * that what disturbs the machine disturbs both alike; a round that is not
 * measured comes first. Medians are printed of the rates, and of the ratios within
 * the rounds, with the least and the greatest. That a thread's numbers do not increase fails the run.
 *
 * At the end of each round BLOCK IDs are drawn at a steady rate, and the server is cut off for a
 * moment: no call shall wait for it. Then the tool prints some, beside seq(1).
 *
 * It links the shared library, as users do. Against $CORRAL_SERVERS, or a server
 * of its own, whose data are below $TMPDIR. The goals are meant for data in memory: TMPDIR=/dev/shm.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ids_bare.h"
#include "ids_draw.h"
#include "ids_stall.h"
#include "ids_tool.h"

/* 12 bits of a sequence in each ms. */
#define SNOWFLAKE_CEILING 4096e3

static const double stall_rate = 10e6, stall_awaited = 0;
static const double tool_wanted = 1;

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
    BARE_ZNODES,
    ZNODE_ASYNC,
    BARE_ZNODE,
    ZNODE_ALONE,
    CEILING,
    SNOWFLAKE_ONE,
    WAYS
};
#define BARE .draw = ids_bare_count
#define BARE_CREATE(outstanding_) 1, ids_bare_znodes, (outstanding_)
#define COUNTER .draw = ids_draw_counter, .counts = true
#define NEXT(kind_) .draw = ids_draw_next, .generates = true, .kind = (kind_)
#define ASYNC(outstanding_) .outstanding = (outstanding_)
#define NEXT_ASYNC(kind_, outstanding_) ASYNC(outstanding_), .generates = true, .kind = (kind_)
static ids_way ways[WAYS] = {
    [BARE_ONE] = {"bare atomic_fetch_add, 1 thread", 1, BARE},
    [BLOCK_ONE] = {"BLOCK, 1 thread", 1, NEXT(CORRAL_IDS_BLOCK)},
    [BARE_TWO] = {"bare atomic_fetch_add, 2 threads", 2, BARE},
    [BLOCK_TWO] = {"BLOCK, 2 threads", 2, NEXT(CORRAL_IDS_BLOCK)},
    [COUNTER_ONE] = {"counter, 1 thread", 1, COUNTER},
    [SEQUENCE_ONE] = {"SEQUENCE, 1 thread", 1, NEXT(CORRAL_IDS_SEQUENCE)},
    [COUNTER_MANY] = {"counter, 64 threads", 64, COUNTER},
    [SEQUENCE_MANY] = {"SEQUENCE, 64 threads", 64, NEXT(CORRAL_IDS_SEQUENCE)},
    [COUNTER_ASYNC] = {"counter, 10,000 outstanding", ASYNC(10000), .counts = true},
    [SEQUENCE_ASYNC] = {"SEQUENCE, 10,000 outstanding", NEXT_ASYNC(CORRAL_IDS_SEQUENCE, 10000)},
    [BARE_ZNODES] = {"bare create + delete, 1,000 outstanding", BARE_CREATE(1000)},
    [ZNODE_ASYNC] = {"ZNODE, 1,000 outstanding", NEXT_ASYNC(CORRAL_IDS_ZNODE, 1000)},
    [BARE_ZNODE] = {"bare create + delete, 1 outstanding", BARE_CREATE(1)},
    [ZNODE_ALONE] = {"ZNODE, 1 outstanding", NEXT_ASYNC(CORRAL_IDS_ZNODE, 1)},
    [CEILING] = {"the format's ceiling", .fixed = SNOWFLAKE_CEILING},
    [SNOWFLAKE_ONE] = {"SNOWFLAKE, 1 thread", 1, NEXT(CORRAL_IDS_SNOWFLAKE)},
};

/* Who is measured beside whom, in so many slices by turns, and the least ratio wanted; 0: none. */
static const struct {
    int way, to, slices;
    double wanted;
} pairs[] = {
    {BLOCK_ONE, BARE_ONE, 10, 0.5},           {BLOCK_TWO, BARE_TWO, 10, 0.5},
    {SEQUENCE_ONE, COUNTER_ONE, 10, 0.9},     {SEQUENCE_MANY, COUNTER_MANY, 10, 0.9},
    {SEQUENCE_ASYNC, COUNTER_ASYNC, 10, 0.9}, {ZNODE_ASYNC, BARE_ZNODES, 4, 0.8},
    {ZNODE_ALONE, BARE_ZNODE, 10, 0},         {SNOWFLAKE_ONE, CEILING, 1, 0.99},
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

static double stalls[BENCH_ROUNDS_MAX], stall_rates[BENCH_ROUNDS_MAX];
static double tool_times[IDS_TOOL_COMMANDS][BENCH_ROUNDS_MAX];

/* --- a round --- */

static bool run_pair(int pair, double seconds)
{
    ids_way *own = &ways[pairs[pair].way], *to = &ways[pairs[pair].to];
    double slice = seconds / pairs[pair].slices;
    bool good = true;

    own->drawn = to->drawn = 0;
    own->seconds = to->seconds = 0;
    for (int s = 0; s < pairs[pair].slices && good; s++) {
        good = ids_draw_slice(to, slice) && ids_draw_slice(own, slice);
    }
    return good;
}

static void note_rate(ids_way *w, unsigned round)
{
    w->rates[round] = (double)w->drawn / w->seconds;
    printf("round %u  %-40s %12.0f /s\n", round + 1, w->name, w->rates[round]);
}

static bool run_pairs(unsigned round, double seconds, bool measured)
{
    for (int p = 0; p < PAIRS; p++) {
        if (!run_pair(p, seconds)) {
            return false;
        }
        if (measured) {
            note_rate(&ways[pairs[p].to], round);
            note_rate(&ways[pairs[p].way], round);
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

static bool run_tool(const char *servers, const char *root, unsigned round)
{
    double seconds[IDS_TOOL_COMMANDS];
    char path[128];

    snprintf(path, sizeof path, "%s/tool-%u", root, round);
    if (!ids_tool_run(servers, ways[COUNTER_ONE].path, path, seconds)) {
        return false;
    }
    for (int c = 0; c < IDS_TOOL_COMMANDS; c++) {
        tool_times[c][round] = seconds[c];
        printf("round %u  %-40s %12.1f ms\n", round + 1, ids_tool_names[c], seconds[c] * 1e3);
    }
    return true;
}

/* --- before and after --- */

static bool prepare(corral_client *client, raw *r, const char *root)
{
    bool good = true;

    for (int i = 0; i < WAYS && good; i++) {
        corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
        ids_way *w = &ways[i];

        options.kind = w->kind;
        snprintf(w->path, sizeof w->path, "%s/%d", root, i);
        good = (!w->counts || corral_counter_open(client, w->path, NULL, &w->counter) == CORRAL_OK) &&
               (!w->generates || corral_ids_open(client, w->path, &options, &w->ids) == CORRAL_OK);
        if (!w->counts && !w->generates) {
            w->raw = r;
            good = raw_create(r, w->path, "", 0) == ZOK;
        } else if (w->generates && w->kind == CORRAL_IDS_ZNODE) {
            w->behind = ways[COUNTER_ONE].counter;
        }
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

    for (unsigned r = 0; r < rounds; r++) {
        ratios[r] = own->rates[r] / to->rates[r];
    }
    snprintf(what, sizeof what, "%s / %s", own->name, to->name);
    return bench_judge(what, ratios, rounds, pairs[pair].wanted, false);
}

static bool print_stalls(unsigned rounds)
{
    double awaited = bench_median(stalls, rounds);
    bool good = awaited <= stall_awaited;

    printf("BLOCK at %.0f /s, cut off for a moment: calls that waited %.0f   (at most %g)%s\n",
           bench_median(stall_rates, rounds), awaited, stall_awaited, good ? "" : "  MISSED");
    return good;
}

/* Twice seq's time, and the least that a client of ZooKeeper takes from its start to its end. */
static bool print_tool_ratio(unsigned rounds)
{
    double ratios[BENCH_ROUNDS_MAX];
    char what[128];

    for (unsigned r = 0; r < rounds; r++) {
        ratios[r] =
            tool_times[IDS_TOOL_NEXT][r] / (2 * tool_times[IDS_TOOL_SEQ][r] + tool_times[IDS_TOOL_GET][r]);
    }
    snprintf(what, sizeof what, "%s / (2 x seq + counter get)", ids_tool_names[IDS_TOOL_NEXT]);
    return bench_judge(what, ratios, rounds, tool_wanted, true);
}

static bool print_medians(unsigned rounds)
{
    bool good = true;

    printf("\nmedians of %u rounds\n", rounds);
    for (int i = 0; i < WAYS; i++) {
        printf("%-44s %12.0f /s\n", ways[i].name, bench_median(ways[i].rates, rounds));
    }
    for (int c = 0; c < IDS_TOOL_COMMANDS; c++) {
        printf("%-44s %12.1f ms\n", ids_tool_names[c], bench_median(tool_times[c], rounds) * 1e3);
    }
    printf("\nratios within the rounds: their median, the least and the greatest\n");
    for (int p = 0; p < PAIRS; p++) {
        good = print_ratio(p, rounds) && good;
    }
    good = print_tool_ratio(rounds) && good;
    return print_stalls(rounds) && good;
}

static int run(const char *servers, const bench_settings *settings)
{
    raw *r = raw_open(servers);
    corral_client *client = NULL;
    char root[64];
    bool good = false, fast = false;

    snprintf(root, sizeof root, "/corral-bench/%ld", (long)getpid());
    if (r == NULL || corral_client_open(servers, NULL, &client) != CORRAL_OK || !prepare(client, r, root)) {
        fprintf(stderr, "bench: no connection to %s\n", servers);
    } else {
        good = run_pairs(0, settings->seconds, false);
        for (unsigned round = 0; round < settings->rounds && good; round++) {
            good = run_pairs(round, settings->seconds, true) && run_stall(servers, root, round) &&
                   run_tool(servers, root, round);
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

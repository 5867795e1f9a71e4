/**
 * How fast locks are beside Curator's and Kazoo's, and beside plain calls of
 * libzookeeper that do the least of the same.
 *
 * As in bench_peers every way of locking has its turn in each round, on the same
 * server, those of few threads in short slices by turns; all the programs
 * run throughout, and a round that is not measured comes first. Medians are
 * printed of the rates, and of the ratios within the rounds, with the least and
 * the greatest. That two hold a lock at once fails the run.
 *
 * At the end many sessions wait for one lock, which passes through them all: the
 * requests that this takes are counted at the server.
 *
 * Against $CORRAL_SERVERS, or a server of its own, whose data are below $TMPDIR.
 * The goals are meant for data in memory: TMPDIR=/dev/shm.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "drain.h"
#include "lib/peer.h"
#include "lib/raw.h"
#include "lock_worker.h"

enum { SLICES = 10 };
#define WARM_UP_SECONDS 4.0

typedef enum { CORRAL, CURATOR, KAZOO, PROGRAMS } program;
static peer *peers[PROGRAMS];

/* A way of locking, of so many threads. */
typedef struct {
    const char *name;
    program program;
    const char *kind; /* for the program */
    unsigned threads;
    unsigned slices; /* ways one after another with the same number take turns */
    bool passes;     /* its figure is how long it takes from one to the next */
    char path[128];
    uint64_t acquired; /* in this round */
    double seconds;    /* in this round */
    double rates[BENCH_ROUNDS_MAX];
} way;

enum {
    BARE,
    AHEAD,
    ONE,
    ONE_CURATOR,
    ONE_KAZOO,
    PASS_BARE,
    PASS,
    RACE_BARE,
    RACE,
    SPREAD,
    SPREAD_CURATOR,
    MANY,
    MANY_SHARED,
    MANY_OWN,
    WAYS
};
static way ways[WAYS] = {
    [BARE] = {"bare create + delete", CORRAL, "bare", 1, SLICES},
    [AHEAD] = {"the same, deletion not awaited", CORRAL, "ahead", 1, SLICES},
    [ONE] = {"Corral, 1 thread", CORRAL, "handle", 1, SLICES},
    [ONE_CURATOR] = {"Curator, 1 thread", CURATOR, "shared", 1, SLICES},
    [ONE_KAZOO] = {"Kazoo, 1 thread", KAZOO, "lock", 1, SLICES},
    [PASS_BARE] = {"bare delete to event, at leisure", CORRAL, "bare-pass", 2, SLICES, true},
    [PASS] = {"Corral, release to acquire, at leisure", CORRAL, "pass", 2, SLICES, true},
    [RACE_BARE] = {"bare delete to event, no pause", CORRAL, "bare-race", 2, SLICES, true},
    [RACE] = {"Corral, release to acquire, no pause", CORRAL, "race", 2, SLICES, true},
    [SPREAD] = {"Corral, 8 sessions", CORRAL, "sessions", 8, 4},
    [SPREAD_CURATOR] = {"Curator, 8 sessions", CURATOR, "sessions", 8, 4},
    [MANY] = {"Corral, 64 threads", CORRAL, "handle", 64, 1},
    [MANY_SHARED] = {"Curator, 64 threads, 1 mutex", CURATOR, "shared", 64, 1},
    [MANY_OWN] = {"Curator, 64 threads, 64 mutexes", CURATOR, "own", 64, 1},
};

/* What is wanted of the medians of the rounds' ratios; 0: nothing. Of passes the ratio is that of the times.
 */
static const struct {
    int way, to;
    int or_to; /* or this one, if it is the better one; 0: none */
    double wanted;
} goals[] = {
    {ONE, BARE, 0, 1.0},
    {ONE, AHEAD, 0, 0},
    {ONE, ONE_CURATOR, 0, 1.5},
    {ONE, ONE_KAZOO, 0, 0},
    {PASS, PASS_BARE, 0, 1.5},
    {RACE, RACE_BARE, 0, 0},
    {SPREAD, SPREAD_CURATOR, 0, 2},
    {MANY, MANY_SHARED, MANY_OWN, 40},
};

/* How many wait at the end, and what is wanted of the ratio of the requests that each took. */
static unsigned waiters = 1000;
enum { FEWER = 4 };
static const double growth_wanted = 1.3;

/* --- a round --- */

static bool run_slice(way *w, double seconds)
{
    char line[128];
    uint64_t acquired;
    double took;

    if (!peer_tell(peers[w->program], "run %s %s %u %f", w->kind, w->path, w->threads, seconds) ||
        !peer_hear(peers[w->program], line, sizeof line) ||
        sscanf(line, "done %" SCNu64 " 0 %lf", &acquired, &took) != 2) {
        fprintf(stderr, "bench: %s: failed\n", w->name);
        return false;
    }
    w->acquired += acquired;
    w->seconds += took;
    return true;
}

/* The ways from @first to before @end, by turns. */
static bool run_group(way *first, const way *end, double seconds)
{
    for (way *w = first; w < end; w++) {
        w->acquired = 0;
        w->seconds = 0;
    }
    for (unsigned s = 0; s < first->slices; s++) {
        for (way *w = first; w < end; w++) {
            if (!run_slice(w, seconds / first->slices)) {
                return false;
            }
        }
    }
    return true;
}

static void print_rate(const way *w, double rate)
{
    if (w->passes) {
        printf("%-38s %10.1f us", w->name, 1e6 / rate);
    } else {
        printf("%-38s %10.0f /s", w->name, rate);
    }
}

static bool run_round(unsigned number, double seconds, bool measured)
{
    way *end;

    for (way *first = ways; first < ways + WAYS; first = end) {
        end = first + 1;
        while (end < ways + WAYS && end->slices == first->slices && first->slices > 1) {
            end++;
        }
        if (!run_group(first, end, seconds)) {
            return false;
        }
        for (way *w = first; w < end && measured; w++) {
            w->rates[number] = (double)w->acquired / w->seconds;
            printf("round %u  ", number + 1);
            print_rate(w, w->rates[number]);
            putchar('\n');
        }
    }
    return true;
}

/* --- before and after --- */

static bool start_programs(const char *servers)
{
    char *worker[] = {(char *)"/proc/self/exe", (char *)BENCH_LOCK_WORKER, (char *)servers, NULL};
    bool good = true;

    peers[CORRAL] = peer_start(worker);
    peers[CURATOR] = peer_start_curator_locks(servers);
    peers[KAZOO] = peer_start_kazoo_locks(servers);
    for (int p = 0; p < PROGRAMS && good; p++) {
        good = peers[p] != NULL && peer_await(peers[p]);
    }
    return good;
}

static bool stop_programs(void)
{
    bool good = true;

    for (int p = 0; p < PROGRAMS; p++) {
        good = peer_stop(peers[p]) && good;
    }
    if (!good) {
        fprintf(stderr, "bench: a program did not end well\n");
    }
    return good;
}

static bool prepare(raw *r, const char *root)
{
    bool good = true;

    for (int i = 0; i < WAYS && good; i++) {
        snprintf(ways[i].path, sizeof ways[i].path, "%s/%d", root, i);
        good = raw_create(r, ways[i].path, "", 0) == ZOK;
    }
    return good;
}

static bool measure(const char *servers, raw *r, const char *root, const bench_settings *settings)
{
    bool good = start_programs(servers) && prepare(r, root);

    good = good &&
           run_round(0, settings->seconds > WARM_UP_SECONDS ? settings->seconds : WARM_UP_SECONDS, false);
    for (unsigned round = 0; round < settings->rounds && good; round++) {
        good = run_round(round, settings->seconds, true);
    }
    return stop_programs() && good;
}

/* --- many waiters --- */

/* Of the fewer, and of all. */
static double requests[2][BENCH_ROUNDS_MAX], drains[2][BENCH_ROUNDS_MAX];

static bool measure_drains(const char *servers, raw *r, const char *root, unsigned rounds)
{
    unsigned counts[2] = {waiters / FEWER, waiters};
    char path[128];
    bool good = bench_drain_start(servers);

    snprintf(path, sizeof path, "%s/queue", root);
    good = good && raw_create(r, path, "", 0) == ZOK;
    for (unsigned round = 0; round < rounds && good; round++) {
        for (int i = 0; i < 2 && good; i++) {
            good = bench_drain_once(r, servers, path, counts[i], &requests[i][round], &drains[i][round]);
            if (good) {
                printf("round %u  %4u waiters  %6.2f requests each %10.0f /s\n", round + 1, counts[i],
                       requests[i][round], drains[i][round]);
            }
        }
    }
    return bench_drain_stop() && good;
}

/* --- the outcome --- */

static bool print_medians(unsigned rounds)
{
    double ratios[BENCH_ROUNDS_MAX];
    char what[160];
    bool good = true;

    printf("\nmedians of %u rounds\n", rounds);
    for (int i = 0; i < WAYS; i++) {
        print_rate(&ways[i], bench_median(ways[i].rates, rounds));
        putchar('\n');
    }
    printf("\nratios within the rounds: their median, the least and the greatest\n");
    for (size_t g = 0; g < sizeof goals / sizeof *goals; g++) {
        const way *own = &ways[goals[g].way], *to = &ways[goals[g].to], *or_to = &ways[goals[g].or_to];

        for (unsigned r = 0; r < rounds; r++) {
            double best =
                goals[g].or_to != 0 && or_to->rates[r] > to->rates[r] ? or_to->rates[r] : to->rates[r];

            ratios[r] = own->passes ? best / own->rates[r] : own->rates[r] / best;
        }
        snprintf(what, sizeof what, "%s / %s%s", own->name, to->name,
                 goals[g].or_to != 0 ? ", or the better one" : "");
        good = bench_judge(what, ratios, rounds, goals[g].wanted, own->passes) && good;
    }
    return good;
}

static bool print_drains(unsigned rounds)
{
    double growth[BENCH_ROUNDS_MAX];
    char what[96];
    bool good = true;

    for (unsigned r = 0; r < rounds; r++) {
        growth[r] = requests[1][r] / requests[0][r];
    }
    for (int i = 0; i < 2; i++) {
        snprintf(what, sizeof what, "requests per hand-off, %u waiters", i == 0 ? waiters / FEWER : waiters);
        good = bench_judge(what, requests[i], rounds, 0, true) && good;
    }
    return bench_judge("... growth", growth, rounds, growth_wanted, true) && good;
}

static int run(const char *servers, const bench_settings *settings)
{
    raw *r = raw_open(servers);
    char root[64];
    bool good = false, fast = false;

    if (r == NULL) {
        fprintf(stderr, "bench: no connection to %s\n", servers);
        return 1;
    }
    snprintf(root, sizeof root, "/corral-bench/%ld", (long)getpid());
    good = measure(servers, r, root, settings) && measure_drains(servers, r, root, settings->rounds);
    if (good) {
        fast = print_medians(settings->rounds);
        fast = print_drains(settings->rounds) && fast;
    }
    if (!settings->own_server && raw_delete_below(r, root) == ZOK) {
        raw_delete(r, root);
    }
    raw_close(r);
    return !good ? 1 : fast ? 0 : 2;
}

int main(int argc, char **argv)
{
    bench_settings settings = {.seconds = 1.5, .rounds = 5};

    if (argc == 3 && strcmp(argv[1], BENCH_LOCK_WORKER) == 0) {
        return bench_lock_work(argv[2]);
    }
    int said = bench_options(argc, argv, &settings, "waiters", &waiters);
    return said != 0 ? said - 1 : bench_run(run, &settings);
}

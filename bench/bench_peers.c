/**
 * How fast counters are beside Curator's and Kazoo's, and what one costs that
 * nobody uses.
 *
 * In each round every way of counting has its turn, on the same server; those
 * of one thread take theirs in short slices by turns, as their ratios are
 * close. So what disturbs the machine disturbs all alike. Medians are printed of
 * the rates, and of the ratios within the rounds. All the programs run
 * throughout; a round that is not measured comes first, for the sake of Java's
 * compiler. Every total is read again by libzookeeper at the end: a wrong one
 * fails the run.
 *
 * Curator's adds give up after some tries; only those that succeeded count, and
 * how many did not is printed.
 *
 * Against $CORRAL_SERVERS, or a server of its own, whose data are below $TMPDIR:
 * what a write waits for the disk is common to all ways, and hides what they
 * differ in. The goals are meant for data in memory: TMPDIR=/dev/shm.
 */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "idle.h"
#include "lib/peer.h"
#include "lib/raw.h"
#include "worker.h"

/*
 * How Curator waits between tries: as short as its policies can, so that adds of
 * many threads mostly collide; or so that hardly any give up, of which several
 * times as many succeed, mostly those of the thread that has just succeeded. The
 * goal for 64 threads is about the former; both ratios are printed.
 */
static const struct {
    unsigned first_ms, most_ms, retries;
} eager = {1, 1, 29}, patient = {2, 50, 29};

enum { PROCESSES = 4, SLICES = 10 };
enum { IDLE_BYTES = 512 };
#define WARM_UP_SECONDS 4.0

/* CURATOR is the patient one. Of others than CORRAL and CURATOR there is one process. */
typedef enum { CORRAL, CURATOR, CURATOR_EAGER, KAZOO, PROGRAMS } program;
static peer *peers[PROGRAMS][PROCESSES];

/* A way of counting, of so many threads in each of so many processes. */
typedef struct {
    const char *name;
    program program;
    const char *kind; /* of counter, for the program */
    unsigned processes;
    unsigned threads;
    unsigned slices; /* ways one after another with the same number take turns */
    char path[128];
    uint64_t added, failed, added_by[PROCESSES]; /* in this round */
    double seconds;                              /* in this round */
    uint64_t total, failed_total;                /* in all; of those that failed, in measured rounds */
    double rates[BENCH_ROUNDS_MAX];
    double fairness[BENCH_ROUNDS_MAX]; /* slowest process to fastest */
} way;

enum {
    BARE,
    BARE_TUNED,
    ONE,
    ONE_CURATOR,
    ONE_KAZOO,
    MANY,
    MANY_EAGER,
    MANY_CURATOR,
    SPREAD,
    SPREAD_CURATOR,
    WAYS
};
static way ways[WAYS] = {
    [BARE] = {"bare zoo_set2 loop", CORRAL, "bare", 1, 1, SLICES},
    [BARE_TUNED] = {"the same, hosts not looked up", CORRAL, "tuned", 1, 1, SLICES},
    [ONE] = {"Corral, 1 thread", CORRAL, "corral", 1, 1, SLICES},
    [ONE_CURATOR] = {"Curator, 1 thread", CURATOR, "long", 1, 1, SLICES},
    [ONE_KAZOO] = {"Kazoo, 1 thread", KAZOO, "decimal", 1, 1, SLICES},
    [MANY] = {"Corral, 64 threads", CORRAL, "corral", 1, 64, 1},
    [MANY_EAGER] = {"Curator, 64 eager threads", CURATOR_EAGER, "long", 1, 64, 1},
    [MANY_CURATOR] = {"Curator, 64 patient threads", CURATOR, "long", 1, 64, 1},
    [SPREAD] = {"Corral, 4 processes x 8 threads", CORRAL, "corral", PROCESSES, 8, 1},
    [SPREAD_CURATOR] = {"Curator, 4 x 8 patient threads", CURATOR, "long", PROCESSES, 8, 1},
};

/* What is wanted of the medians of the rounds' ratios; 0: nothing. */
static const struct {
    int way, to;
    double wanted;
} goals[] = {
    {ONE, BARE, 0.95},       {ONE, BARE_TUNED, 0},    {ONE, ONE_CURATOR, 1.6},      {ONE, ONE_KAZOO, 1.8},
    {MANY, MANY_EAGER, 100}, {MANY, MANY_CURATOR, 0}, {SPREAD, SPREAD_CURATOR, 10},
};
static const double fairness_wanted = 1.0 / 3;

static unsigned idle_count = 100000;

/* --- the programs --- */

static bool start_programs(const char *servers)
{
    char *worker[] = {(char *)"/proc/self/exe", (char *)BENCH_WORKER, (char *)servers, NULL};
    bool good = true;

    for (int i = 0; i < PROCESSES; i++) {
        peers[CORRAL][i] = peer_start(worker);
        peers[CURATOR][i] = peer_start_curator(servers, patient.first_ms, patient.most_ms, patient.retries);
    }
    peers[CURATOR_EAGER][0] = peer_start_curator(servers, eager.first_ms, eager.most_ms, eager.retries);
    peers[KAZOO][0] = peer_start_kazoo(servers, 0.1);
    for (int p = 0; p < PROGRAMS; p++) {
        for (int i = 0; i < (p == CORRAL || p == CURATOR ? PROCESSES : 1) && good; i++) {
            good = peers[p][i] != NULL && peer_await(peers[p][i]);
        }
    }
    return good;
}

static bool stop_programs(void)
{
    bool good = true;

    for (int p = 0; p < PROGRAMS; p++) {
        for (int i = 0; i < PROCESSES; i++) {
            good = peer_stop(peers[p][i]) && good;
        }
    }
    return good;
}

/* --- a round --- */

static bool run_slice(way *w, double seconds)
{
    double longest = 0;

    for (unsigned i = 0; i < w->processes; i++) {
        if (!peer_tell(peers[w->program][i], "run %s %s %u %f", w->kind, w->path, w->threads, seconds)) {
            return false;
        }
    }
    for (unsigned i = 0; i < w->processes; i++) {
        char line[128];
        uint64_t added, failed;
        double took;

        if (!peer_hear(peers[w->program][i], line, sizeof line) ||
            sscanf(line, "done %" SCNu64 " %" SCNu64 " %lf", &added, &failed, &took) != 3) {
            return false;
        }
        w->added += added;
        w->added_by[i] += added;
        w->failed += failed;
        longest = took > longest ? took : longest;
    }
    w->seconds += longest;
    return true;
}

static double fairness(const way *w)
{
    uint64_t least = UINT64_MAX, most = 1;

    for (unsigned i = 0; i < w->processes; i++) {
        least = w->added_by[i] < least ? w->added_by[i] : least;
        most = w->added_by[i] > most ? w->added_by[i] : most;
    }
    return (double)least / (double)most;
}

/* The ways from @first to before @end, by turns. */
static bool run_group(way *first, way *end, double seconds)
{
    for (way *w = first; w < end; w++) {
        w->added = w->failed = 0;
        w->seconds = 0;
        memset(w->added_by, 0, sizeof w->added_by);
    }
    for (unsigned s = 0; s < first->slices; s++) {
        for (way *w = first; w < end; w++) {
            if (!run_slice(w, seconds / first->slices)) {
                fprintf(stderr, "bench: %s: failed\n", w->name);
                return false;
            }
        }
    }
    return true;
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
        for (way *w = first; w < end; w++) {
            w->total += w->added;
            if (measured) {
                w->failed_total += w->failed;
                w->rates[number] = (double)w->added / w->seconds;
                w->fairness[number] = fairness(w);
                printf("round %u  %-34s %10.0f /s\n", number + 1, w->name, w->rates[number]);
            }
        }
    }
    return true;
}

/* --- before and after --- */

static bool is_binary(const way *w)
{
    return strcmp(w->kind, "long") == 0;
}

static bool prepare(raw *reader, const char *root)
{
    for (int i = 0; i < WAYS; i++) {
        way *w = &ways[i];

        snprintf(w->path, sizeof w->path, "%s/%d", root, i);
        if (raw_create(reader, w->path, is_binary(w) ? "\0\0\0\0\0\0\0" : "0", is_binary(w) ? 8 : 1) != ZOK) {
            fprintf(stderr, "bench: cannot make %s\n", w->path);
            return false;
        }
    }
    return true;
}

static int read_total(raw *reader, const way *w, uint64_t *ret_total)
{
    char data[16] = "";
    struct Stat stat;
    int64_t number = -1;

    if (!is_binary(w)) {
        int result = raw_get_number(reader, w->path, &number);

        *ret_total = (uint64_t)number;
        return result;
    }
    int result = raw_get(reader, w->path, data, sizeof data, &stat);
    memcpy(ret_total, data, sizeof *ret_total);
    *ret_total = be64toh(*ret_total);
    return result != ZOK ? result : stat.dataLength == sizeof *ret_total ? ZOK : ZMARSHALLINGERROR;
}

static bool totals_are_right(raw *reader)
{
    bool right = true;

    for (int i = 0; i < WAYS; i++) {
        uint64_t total = 0;
        int result = read_total(reader, &ways[i], &total);

        if (result != ZOK || total != ways[i].total) {
            fprintf(stderr, "bench: %s: %" PRIu64 " adds succeeded, but the znode holds %" PRIu64 " (%d)\n",
                    ways[i].name, ways[i].total, total, result);
            right = false;
        }
    }
    return right;
}

static bool judge(const char *what, double figure, double wanted, bool at_most)
{
    bool good = at_most ? figure <= wanted : figure >= wanted;

    printf("%-66s %8.2f", what, figure);
    if (wanted > 0) {
        printf("   (at %s %.4g)%s", at_most ? "most" : "least", wanted, good ? "" : "  MISSED");
    }
    putchar('\n');
    return good;
}

static bool print_medians(unsigned rounds, double idle_opened, double idle_used)
{
    double ratios[BENCH_ROUNDS_MAX];
    char what[128];
    bool good = true;

    printf("\nmedians of %u rounds; Curator retries eagerly %u times, %u ms apart; patiently %u times, %u to "
           "%u ms\n",
           rounds, eager.retries, eager.first_ms, patient.retries, patient.first_ms, patient.most_ms);
    for (int i = 0; i < WAYS; i++) {
        printf("%-34s %10.0f /s", ways[i].name, bench_median(ways[i].rates, rounds));
        if (ways[i].failed_total > 0) {
            printf("  (%" PRIu64 " adds gave up)", ways[i].failed_total);
        }
        putchar('\n');
    }
    putchar('\n');
    for (size_t g = 0; g < sizeof goals / sizeof *goals; g++) {
        for (unsigned r = 0; r < rounds; r++) {
            ratios[r] = ways[goals[g].way].rates[r] / ways[goals[g].to].rates[r];
        }
        snprintf(what, sizeof what, "%s / %s", ways[goals[g].way].name, ways[goals[g].to].name);
        good = judge(what, bench_median(ratios, rounds), goals[g].wanted, false) && good;
    }
    good = judge("... slowest process / fastest", bench_median(ways[SPREAD].fairness, rounds),
                 fairness_wanted, false) &&
           good;
    if (idle_count > 0) {
        printf("%u idle counters, each beyond its path: %.0f bytes when opened\n", idle_count, idle_opened);
        good = judge("... bytes after an add", idle_used, IDLE_BYTES, true) && good;
    }
    return good;
}

static bool measure(const char *servers, raw *reader, const char *root, const bench_settings *settings)
{
    bool good = start_programs(servers) && prepare(reader, root);

    good = good &&
           run_round(0, settings->seconds > WARM_UP_SECONDS ? settings->seconds : WARM_UP_SECONDS, false);
    for (unsigned r = 0; r < settings->rounds && good; r++) {
        good = run_round(r, settings->seconds, true);
    }
    if (!stop_programs()) {
        fprintf(stderr, "bench: a program did not end well\n");
        good = false;
    }
    return good && totals_are_right(reader);
}

static int run(const char *servers, const bench_settings *settings)
{
    raw *reader = raw_open(servers);
    char root[64], idle_root[80];
    double opened = 0, used = 0;
    bool good = false, fast = false;

    if (reader == NULL) {
        fprintf(stderr, "bench: no connection to %s\n", servers);
        return 1;
    }
    snprintf(root, sizeof root, "/corral-bench/%ld", (long)getpid());
    snprintf(idle_root, sizeof idle_root, "%s/idle", root);
    good = measure(servers, reader, root, settings) &&
           (idle_count == 0 || bench_idle(servers, idle_root, idle_count, &opened, &used));
    fast = good && print_medians(settings->rounds, opened, used);
    /* The idle counters are many. */
    if (!settings->own_server && raw_delete_below(reader, root) == ZOK) {
        raw_delete(reader, root);
    }
    raw_close(reader);
    return !good ? 1 : fast ? 0 : 2;
}

int main(int argc, char **argv)
{
    bench_settings settings = {.seconds = 1.5, .rounds = 5};

    if (argc == 3 && strcmp(argv[1], BENCH_WORKER) == 0) {
        return bench_work(argv[2]);
    }
    int said = bench_options(argc, argv, &settings, "idle", &idle_count);
    return said != 0 ? said - 1 : bench_run(run, &settings);
}

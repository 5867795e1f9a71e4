/*
 * Runs seeds of a workload and judges each. Prints how often what is rare has
 * happened, and for a seed that went wrong, how to see it again: also for one
 * that ends the program.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "ids.h"
#include "locks.h"
#include "watches.h"

/* Seeds that went wrong, until it is given up. */
enum { FAILURES_MAX = 10 };

/* A seed takes milliseconds; with all that slows a program down, not as long as this. */
enum { SEED_SECONDS = 20 };

/* What a seed must have to count. */
enum { COUNTED_LEAST = 95 }; /* of a hundred seeds */
enum { CLIENTS_LEAST = 5, OPERATIONS_LEAST = 200, FAULTS_LEAST = 3 };

static const struct {
    const char *name;
    void (*run)(uint64_t seed, bool tracing, sim_result *ret_result);
    int rare; /* which paths count */
} workloads[] = {{"counters", counters_run, OF_COUNTERS},
                 {"ids", ids_run, OF_IDS},
                 {"locks", locks_run, OF_LOCKS},
                 {"watches", watches_run, OF_WATCHES}};

enum { WORKLOADS = sizeof workloads / sizeof *workloads };

static struct {
    uint64_t seeds, from;
    int workload;
    bool trace, twice, all_paths, first;
} settings = {.seeds = 1000, .from = 1};

static struct {
    uint64_t failed, counted, unjudged, operations, faults;
    uint64_t rare[RARE_PATHS];
} totals;

static int usage(FILE *to)
{
    fprintf(to,
            "usage: sim [--seeds N] [--from S] [--workload W] [--twice] [--all-paths] [--first] [--trace]\n"
            "  --seeds N     how many seeds to run (default 1000)\n"
            "  --from S      the first of them (default 1)\n"
            "  --workload W  ");
    for (int i = 0; i < WORKLOADS; i++) {
        fprintf(to, "%s%s", i == 0 ? "" : ", ", workloads[i].name);
    }
    fprintf(to, "\n"
                "  --twice       run each seed two times, and compare\n"
                "  --all-paths   fail if something rare has not happened\n"
                "  --first       end with the first seed that goes wrong\n"
                "  --trace       print everything that happens\n");
    return to == stdout ? 0 : 2;
}

static bool parse_number(const char *text, uint64_t *ret_number)
{
    char *end;

    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static bool parse_workload(const char *name)
{
    for (int i = 0; i < WORKLOADS; i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            settings.workload = i;
            return true;
        }
    }
    return false;
}

/* Negative: go on; else the exit status. */
static int parse(int argc, char **argv)
{
    static const struct option options[] = {{"seeds", required_argument, NULL, 's'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"workload", required_argument, NULL, 'w'},
                                            {"twice", no_argument, NULL, '2'},
                                            {"all-paths", no_argument, NULL, 'a'},
                                            {"first", no_argument, NULL, '1'},
                                            {"trace", no_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool good = true;
    int option;

    while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            good = parse_number(optarg, &settings.seeds);
            break;
        case 'f':
            good = parse_number(optarg, &settings.from);
            break;
        case 'w':
            good = parse_workload(optarg);
            break;
        case '2':
            settings.twice = true;
            break;
        case 'a':
            settings.all_paths = true;
            break;
        case '1':
            settings.first = true;
            break;
        case 't':
            settings.trace = true;
            break;
        case 'h':
            return usage(stdout);
        default:
            good = false;
        }
    }
    return good && optind == argc ? -1 : usage(stderr);
}

/* --- seeds that end the program --- */

static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
enum { DEADLY = sizeof deadly / sizeof *deadly };
static struct sigaction before[DEADLY]; /* a sanitizer's */
static char last_words[256];

/* Say which seed it was, then let happen what would have happened without. */
static void dying(int number)
{
    for (int i = 0; i < DEADLY; i++) {
        (void)sigaction(deadly[i], &before[i], NULL);
    }
    (void)!write(STDOUT_FILENO, last_words, strlen(last_words));
    if (number == SIGALRM) {
        (void)raise(number); /* the others come again by themselves */
    }
}

static void expect_death(void)
{
    const struct sigaction action = {.sa_handler = dying};

    for (int i = 0; i < DEADLY; i++) {
        (void)sigaction(deadly[i], &action, &before[i]);
    }
}

/* From now on it is @seed's fault. */
static void blame(const char *name, uint64_t seed)
{
    (void)snprintf(last_words, sizeof last_words,
                   "not ok %s, seed %" PRIu64 ": it ends the program, or goes round in circles\n"
                   "    scripts/sim --workload %s --seeds 1 --from %" PRIu64 " --trace\n",
                   name, seed, name, seed);
    (void)alarm(SEED_SECONDS);
}

static void add(const sim_result *result)
{
    totals.unjudged += result->unjudged;
    totals.counted += !result->unjudged && result->clients >= CLIENTS_LEAST &&
                      result->operations >= OPERATIONS_LEAST && result->faults >= FAULTS_LEAST;
    totals.operations += result->operations;
    totals.faults += result->faults;
    for (int i = 0; i < RARE_PATHS; i++) {
        totals.rare[i] += result->rare[i];
    }
}

static void run_seed(uint64_t seed)
{
    const char *name = workloads[settings.workload].name;
    sim_result result, again;

    blame(name, seed);
    workloads[settings.workload].run(seed, settings.trace, &result);
    add(&result);
    if (settings.twice) {
        workloads[settings.workload].run(seed, false, &again);
        if (again.digest != result.digest && result.failure[0] == '\0') {
            (void)snprintf(result.failure, sizeof result.failure, "it does not do the same twice");
        }
    }
    if (settings.trace) {
        printf("digest %016" PRIx64 " of %" PRIu64 " steps\n", result.digest, result.steps);
    }
    if (result.failure[0] != '\0') {
        totals.failed++;
        printf("not ok %s, seed %" PRIu64 ": %s\n    scripts/sim --workload %s --seeds 1 --from %" PRIu64
               " --trace\n",
               name, seed, result.failure, name, seed);
    }
}

static bool print_totals(double seconds)
{
    bool good = totals.failed == 0;

    for (int i = 0; i < RARE_PATHS; i++) {
        if (rare_workloads[i] & workloads[settings.workload].rare) {
            printf("%10" PRIu64 "  %s\n", totals.rare[i], rare_names[i]);
        }
    }
    if (settings.all_paths) {
        if (totals.counted < settings.seeds * COUNTED_LEAST / 100) {
            printf("not ok %s: only %" PRIu64 " of %" PRIu64 " seeds count\n",
                   workloads[settings.workload].name, totals.counted, settings.seeds);
            good = false;
        }
        for (int i = 0; i < RARE_PATHS; i++) {
            if (totals.rare[i] == 0 && (rare_workloads[i] & workloads[settings.workload].rare)) {
                printf("not ok %s: never %s\n", workloads[settings.workload].name, rare_names[i]);
                good = false;
            }
        }
    }
    printf("%s: %" PRIu64 " seeds counted, %" PRIu64 " not judged, %" PRIu64 " operations, %" PRIu64
           " faults, %" PRIu64 " wrong, %.1f s\n",
           workloads[settings.workload].name, totals.counted, totals.unjudged, totals.operations,
           totals.faults, totals.failed, seconds);
    return good;
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    double start = seconds_now();
    int status = parse(argc, argv);

    if (status >= 0) {
        return status;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* all of the trace, if it ends here */
    expect_death();
    for (uint64_t i = 0; i < settings.seeds && totals.failed < (settings.first ? 1 : FAILURES_MAX); i++) {
        run_seed(settings.from + i);
    }
    (void)alarm(0);
    if (!print_totals(seconds_now() - start)) {
        return 1;
    }
    printf("ok %s\n", workloads[settings.workload].name);
    return 0;
}

/**
 * torture [--seconds S] [--workload W] [--workers N] [--faults LIST] [--seed N] [--report FILE]
 *         [--least AMOUNTS] [--dump DIRECTORY] WORKER DIRECTORY
 *
 * Run worker processes against three servers, make faults meanwhile, and judge
 * in the end what the workers were told. WORKER is their program; what is left
 * behind goes into DIRECTORY.
 *
 * The faults are the same for the same seed, in the same order; what they meet
 * is not. If a result is wrong all of them are in DIRECTORY/history. Exit status: 0 if all is right and every
 * kind of fault has bitten.
 */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "crew.h"
#include "faults.h"
#include "judge.h"
#include "report.h"

enum { REST_SECONDS = 3 };

typedef struct {
    unsigned seconds, seed, workers;
    bool chosen[FAULT_KINDS];
    const judge *workload;
    const char *report, *least, *dump, *program, *directory;
} settings;

static volatile sig_atomic_t signaled;

static void on_signal(int number)
{
    signaled = number;
}

static bool is_interrupted(void)
{
    return signaled != 0;
}

static void usage(void)
{
    fprintf(stderr, "usage: torture [--seconds S] [--workload W] [--workers N] [--faults LIST] [--seed N] "
                    "[--report FILE]\n               [--least AMOUNTS] [--dump DIRECTORY] WORKER DIRECTORY\n"
                    "workloads:\n");
    judge_list(stderr);
    fprintf(stderr, "faults:\n");
    for (fault_kind k = 0; k < FAULT_KINDS; k++) {
        fprintf(stderr, "  %-14s %s\n", fault_name(k), fault_text(k));
    }
}

static bool parse_number(const char *text, unsigned least, unsigned most, unsigned *ret_number)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    *ret_number = (unsigned)number;
    return *end == '\0' && number >= least && number <= most;
}

/* Does the workload know what is asked of it? Of the faults only those are left that it bears. */
static bool settle(settings *s)
{
    bool any = false;

    s->chosen[FAULT_KILL_WORKER] = s->chosen[FAULT_KILL_WORKER] && s->workload->bears_kills;
    for (fault_kind k = 0; k < FAULT_KINDS; k++) {
        any = any || s->chosen[k];
    }
    if (s->least != NULL &&
        (s->workload->enough == NULL || s->workload->enough(&(journal){0}, s->least) < 0)) {
        return false;
    }
    return any && (s->dump == NULL || s->workload->dump != NULL);
}

static bool parse(int argc, char **argv, settings *s)
{
    static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
                                            {"workload", required_argument, NULL, 'w'},
                                            {"workers", required_argument, NULL, 'p'},
                                            {"faults", required_argument, NULL, 'f'},
                                            {"seed", required_argument, NULL, 'n'},
                                            {"report", required_argument, NULL, 'r'},
                                            {"least", required_argument, NULL, 'l'},
                                            {"dump", required_argument, NULL, 'd'},
                                            {0}};
    bool well = fault_parse("all", s->chosen);
    int option;

    while (well && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            well = parse_number(optarg, 1, UINT_MAX, &s->seconds);
            break;
        case 'n':
            well = parse_number(optarg, 0, UINT_MAX, &s->seed);
            break;
        case 'p':
            well = parse_number(optarg, 1, WORKERS_MAX, &s->workers);
            break;
        case 'w':
            s->workload = judge_find(optarg);
            well = s->workload != NULL;
            break;
        case 'f':
            well = fault_parse(optarg, s->chosen);
            break;
        case 'r':
            s->report = optarg;
            break;
        case 'l':
            s->least = optarg;
            break;
        case 'd':
            s->dump = optarg;
            break;
        default:
            well = false;
        }
    }
    if (!well || argc - optind != 2 || !settle(s)) {
        return false;
    }
    s->program = argv[optind];
    s->directory = argv[optind + 1];
    return true;
}

static void print_faults(const faults *f, const bool chosen[FAULT_KINDS])
{
    printf("faults:\n");
    for (fault_kind k = 0; k < FAULT_KINDS; k++) {
        if (chosen[k]) {
            printf("  %-14s %3u, of which %u bit; %u more overlapped others\n", fault_name(k), f->made[k],
                   f->bitten[k], f->overlapped[k]);
        }
    }
}

static void print_crew(const crew *c, arena *a)
{
    printf("%" PRIu64 " transactions, %" PRIu64 " lost races, %" PRIu64 " sessions, %" PRIu64
           " connections, %" PRIu64 " replies lost\n",
           crew_sum(c, offsetof(bulletin, batches)), crew_sum(c, offsetof(bulletin, lost_races)),
           crew_sum(c, offsetof(bulletin, sessions)), arena_count(a, PROXY_CONNECTIONS),
           arena_count(a, PROXY_CUT_AFTER));
    printf("%" PRIu64 " resends: %" PRIu64 " found applied, %" PRIu64 " not applied\n",
           crew_sum(c, offsetof(bulletin, resends)), crew_sum(c, offsetof(bulletin, resends_applied)),
           crew_sum(c, offsetof(bulletin, resends_not_applied)));
}

/* Judge, if all workers @ended and so wrote down all, and tell. Returns whether all is well. */
static bool conclude(const settings *s, bool ran, bool ended, const faults *f, const crew *c, arena *a)
{
    const judge *by = s->workload;
    journal j;
    const char *verdict;

    if (!journal_read(&j, s->directory, c->lives, c->plan.workers, by->record_size)) {
        free(j.records);
        return false;
    }
    bool bit = faults_all_bit(f, s->chosen);
    judgement judged = ended ? by->judge(&j, a) : NOT_JUDGED;
    size_t succeeded, calls = judge_calls(by, &j, &succeeded);
    bool enough = s->least == NULL || by->enough(&j, s->least) > 0;
    printf("%zu operations, of which %zu succeeded:\n", calls, succeeded);
    by->print(&j);
    print_faults(f, s->chosen);
    print_crew(c, a);
    verdict = judged == JUDGED_WRONG ? "WRONG: that may not be"
              : !ended               ? "FAILED: a worker did not end, or not well"
              : judged == NOT_JUDGED ? "FAILED: it cannot be judged"
              : is_interrupted()     ? "clean until interrupted"
              : !ran                 ? "FAILED: not all recovered"
              : !enough              ? "clean, but less was done than had to be"
              : !bit                 ? "clean, but not every fault has bitten"
                                     : "clean";
    printf("seed %u: %s\n", s->seed, verdict);
    if (judged != JUDGED_RIGHT) {
        judge_dump(by, &j, s->directory);
    }
    report page = {verdict, s->seed, by, &j, f, c};
    bool told = s->report == NULL || report_write(&page, s->report, s->directory);
    told = (s->dump == NULL || by->dump(&j, s->dump)) && told;
    free(j.records);
    return judged == JUDGED_RIGHT && ran && bit && enough && told && !is_interrupted();
}

/* Let what is under way arrive. What does not by then is too late. */
static bool rest(crew *c)
{
    bool well = crew_rest(c);

    faults_wait_until(faults_now() + REST_SECONDS * FAULTS_SECOND);
    return well;
}

int main(int argc, char **argv)
{
    faults done = {0};
    settings s = {
        .seconds = 60, .seed = (unsigned)time(NULL), .workers = WORKERS_USUAL, .workload = &counter_judge};
    struct sigaction action = {.sa_handler = on_signal};
    arena a = {0};
    crew c = {0};

    if (!parse(argc, argv, &s)) {
        usage();
        return 2;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    printf("seed %u\n", s.seed);
    fflush(stdout);
    bool well = arena_open(&a, is_interrupted);
    crew_plan plan = {s.program, s.workload->name, s.directory, a.servers, s.workers, s.seed};
    well = well && crew_start(&c, &plan);
    if (well) {
        bool ran = crew_goes_on(&c) && faults_run(&done, &a, &c, s.chosen, s.seconds, s.seed, is_interrupted);

        ran = ran && (!s.workload->rests || rest(&c));
        bool ended = crew_finish(&c);
        well = conclude(&s, ran, ended, &done, &c, &a);
    }
    crew_kill(&c);
    arena_close(&a);
    free(done.list);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}

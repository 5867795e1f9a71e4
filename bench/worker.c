/**
 * A process that measures Corral, or libzookeeper alone, as it is told:
 *
 *     worker SERVERS
 *
 * says "ready" on standard output once it is connected, and then takes commands
 * from standard input, one a line:
 *
 *     run KIND PATH THREADS SECONDS [NAME=VALUE ...]  do that, with so many threads, for so long
 *     add KIND PATH N                add 1 so many times, one after another; KIND is add
 *     drop PATH                      close what is kept for PATH from one command to the next
 *     queue PATH SESSIONS            have so many sessions acquire a lock, and release it at once
 *     drain                          wait until all these have done so
 *     idle PATH COUNT                open so many counters below PATH, and add 1 to each
 *     stall PATH RATE                draw so many BLOCK IDs a second while the servers are away for a moment
 *     spawn N COMMAND [ARG ...]      run a program so many times
 *
 * Each is answered by a line: run, drain and spawn by "done COUNT 0 SECONDS",
 * with p50_us=, p99_us=, p999_us=, least= and most= as they are known; add by
 * "done N FAILED", FAILED being the calls that reported an error; idle by
 * "done COUNT 0 0 opened_bytes= used_bytes=", of each counter; stall by
 * "done AWAITED 0 0 rate=", AWAITED being the calls that waited for a server; the others by "done".
 *
 * The kinds of run, and the options that each takes, are below. Ends with its
 * input; exit status 1, and a word on standard error, for anything unexpected.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "counters.h"
#include "idle.h"
#include "ids.h"
#include "keep.h"
#include "locks.h"
#include "queue.h"
#include "sessions.h"
#include "spawn.h"
#include "stall.h"
#include "task.h"

enum { WORDS_MAX = 64 };

static const struct {
    const char *name;
    bool (*run)(const task *t, outcome *ret_outcome);
    unsigned threads_max;
    unsigned options;
} kinds[] = {
    {"add", counters_add, TASK_THREADS_MAX, TASK_OUTSTANDING | TASK_COUNTERS},
    {"get", counters_get, TASK_THREADS_MAX, TASK_OUTSTANDING | TASK_COUNTERS},
    {"bare-set", counters_bare_set, 1, TASK_OUTSTANDING | TASK_COUNTERS},
    {"tuned-set", counters_tuned_set, 1, TASK_OUTSTANDING | TASK_COUNTERS},
    {"bare-get", counters_bare_get, TASK_THREADS_MAX, TASK_COUNTERS},
    {"tuned-get", counters_tuned_get, TASK_THREADS_MAX, TASK_COUNTERS},
    {"lock", locks_exclusive, TASK_THREADS_MAX, TASK_SESSION},
    {"lock-shared", locks_shared, TASK_THREADS_MAX, TASK_SESSION},
    {"semaphore", locks_semaphore, TASK_THREADS_MAX, TASK_SESSION | TASK_LEASES},
    {"lock-pass", locks_pass, 2, TASK_PAUSE},
    {"bare-lock", locks_bare, TASK_THREADS_MAX, 0},
    {"ahead-lock", locks_ahead, TASK_THREADS_MAX, 0},
    {"bare-pass", locks_bare_pass, 2, TASK_PAUSE},
    {"ids-block", ids_block, TASK_THREADS_MAX, TASK_OUTSTANDING},
    {"ids-sequence", ids_sequence, TASK_THREADS_MAX, TASK_OUTSTANDING},
    {"ids-znode", ids_znode, TASK_THREADS_MAX, TASK_OUTSTANDING},
    {"ids-snowflake", ids_snowflake, TASK_THREADS_MAX, TASK_OUTSTANDING},
    {"bare-fetch-add", ids_bare_fetch_add, TASK_THREADS_MAX, 0},
    {"bare-znode", ids_bare_znode, 1, TASK_OUTSTANDING},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Large, as it has a histogram: filled with zeros before each command. */
static outcome result;

/* What comes after the name of a command. */
typedef struct {
    unsigned count;
    char *words[WORDS_MAX + 1]; /* with NULL behind them */
} arguments;

static bool run(const arguments *a)
{
    task t;
    size_t kind = 0;

    while (kind < KINDS && (a->count == 0 || strcmp(kinds[kind].name, a->words[0]) != 0)) {
        kind++;
    }
    if (kind == KINDS) {
        return bench_fail("no such kind", a->count > 0 ? a->words[0] : "", 0);
    }
    if (!task_parse(a->words + 1, a->count - 1, kinds[kind].options, &t)) {
        return false;
    }
    if (t.threads > kinds[kind].threads_max) {
        return bench_fail(kinds[kind].name, "too many threads", (int)t.threads);
    }
    if (!kinds[kind].run(&t, &result)) {
        return false;
    }
    task_answer(&result);
    return true;
}

static bool add(const arguments *a)
{
    unsigned times, failed;

    if (a->count != 3 || strcmp(a->words[0], "add") != 0 ||
        !task_parse_number("times", a->words[2], 1000000000, &times)) {
        return bench_fail("add", "not KIND PATH N", 0);
    }
    if (!counters_add_times(a->words[1], times, &failed)) {
        return false;
    }
    printf("done %u %u\n", times, failed);
    return true;
}

static bool drop(const arguments *a)
{
    if (a->count != 1) {
        return bench_fail("drop", "not PATH", 0);
    }
    keep_drop(a->words[0]);
    puts("done");
    return true;
}

static bool queue(const arguments *a)
{
    unsigned sessions;

    if (a->count != 2 || !task_parse_number("sessions", a->words[1], SESSIONS_MAX, &sessions)) {
        return bench_fail("queue", "not PATH SESSIONS", 0);
    }
    if (!queue_up(a->words[0], sessions)) {
        return false;
    }
    puts("done");
    return true;
}

static bool drain(const arguments *a)
{
    if (a->count != 0) {
        return bench_fail("drain", a->words[0], 0);
    }
    if (!queue_drain(&result)) {
        return false;
    }
    task_answer(&result);
    return true;
}

static bool idle(const arguments *a)
{
    double opened, used;
    unsigned count;

    if (a->count != 2 || !task_parse_number("counters", a->words[1], TASK_COUNTERS_MAX, &count) ||
        count == 0) {
        return bench_fail("idle", "not PATH COUNT", 0);
    }
    if (!idle_measure(a->words[0], count, &opened, &used)) {
        return false;
    }
    printf("done %u 0 0 opened_bytes=%.0f used_bytes=%.0f\n", count, opened, used);
    return true;
}

static bool stall(const arguments *a)
{
    double awaited, drawn;
    unsigned rate;

    if (a->count != 2 || !task_parse_number("rate", a->words[1], 1000000000, &rate) || rate == 0) {
        return bench_fail("stall", "not PATH RATE", 0);
    }
    if (!stall_measure(a->words[0], rate, &awaited, &drawn)) {
        return false;
    }
    printf("done %.0f 0 0 rate=%.0f\n", awaited, drawn);
    return true;
}

static bool spawn(const arguments *a)
{
    unsigned times;

    if (a->count < 2 || !task_parse_number("times", a->words[0], 1000000, &times)) {
        return bench_fail("spawn", "not N COMMAND [ARG ...]", 0);
    }
    if (!spawn_times(times, a->words + 1, &result)) {
        return false;
    }
    task_answer(&result);
    return true;
}

static const struct {
    const char *name;
    bool (*obey)(const arguments *a);
} commands[] = {
    {"run", run},     {"add", add},   {"drop", drop},   {"queue", queue},
    {"drain", drain}, {"idle", idle}, {"stall", stall}, {"spawn", spawn},
};

static bool obey(char *line)
{
    arguments a = {0};
    char *rest, *name = strtok_r(line, " \n", &rest);

    for (char *word; (word = strtok_r(NULL, " \n", &rest)) != NULL; a.words[a.count++] = word) {
        if (a.count == WORDS_MAX) {
            return bench_fail(name, "too many words", WORDS_MAX);
        }
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands && name != NULL; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            memset(&result, 0, sizeof result);
            return commands[i].obey(&a);
        }
    }
    return bench_fail("no such command", name != NULL ? name : "", 0);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: worker SERVERS\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    bool good = sessions_open(argv[1]);
    if (good) {
        puts("ready");
    }
    while (good && getline(&line, &size, stdin) > 0) {
        good = obey(line);
    }
    free(line);
    keep_drop(NULL);
    sessions_close();
    return good ? 0 : 1;
}

/**
 * Many processes on one counter: nothing lost, nothing counted twice, and the
 * lost races that this is about did happen. On one server and on three.
 */
#include <corral/counter.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/server.h"
#include "lib/workers.h"

enum { PROCESSES = 8, THREADS = 4, ADDS = 5000 };

#define WORKER "--worker"

/* What a worker process writes to its parent; its values follow. */
struct report {
    unsigned succeeded, uncertain, failed;
    int failure;
    corral_client_stats stats;
};

static bool write_all(int fd, const void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, (const char *)data + done, length - done);

        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

static bool read_all(int fd, void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = read(fd, (char *)data + done, length - done);

        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

/* --- the worker process: WORKER servers path adds; its report goes to stdout --- */

static int work(const char *servers, const char *path, unsigned adds)
{
    corral_counter *counters[THREADS] = {NULL};
    corral_client *client = NULL;
    workers_result result;
    struct report report;

    if (corral_client_open(servers, NULL, &client) != CORRAL_OK ||
        corral_counter_open(client, path, NULL, &counters[0]) != CORRAL_OK) {
        return 1;
    }
    for (int i = 1; i < THREADS; i++) {
        counters[i] = counters[0];
    }
    result = workers_add(counters, THREADS, adds);
    report = (struct report){.succeeded = result.succeeded,
                             .uncertain = result.uncertain,
                             .failed = result.failed,
                             .failure = result.failure};
    corral_client_get_stats(client, &report.stats);
    bool written = write_all(STDOUT_FILENO, &report, sizeof report) &&
                   write_all(STDOUT_FILENO, result.values, result.succeeded * sizeof *result.values);
    workers_free(&result);
    corral_counter_close(counters[0]);
    return corral_client_close(client) == CORRAL_OK && written ? 0 : 1;
}

/* --- the test --- */

struct process {
    pid_t pid;
    int output;
};

/* This program once more, as a worker. It starts afresh: libraries with threads do not survive a fork. */
static struct process start_worker(const char *path, unsigned adds)
{
    char count[16];
    char *const argv[] = {(char *)"worker", (char *)WORKER, (char *)server_connect(),
                          (char *)path,     count,          NULL};
    int ends[2];

    snprintf(count, sizeof count, "%u", adds);
    REQUIRE(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    REQUIRE(pid > 0);
    close(ends[1]);
    return (struct process){pid, ends[0]};
}

/* Read the report of @process, and its values to @values; adds it up in @sum. */
static void collect(struct process process, int64_t *values, unsigned adds, struct report *sum)
{
    struct report report = {0};
    int status = -1;

    REQUIRE(read_all(process.output, &report, sizeof report));
    ASSERT_STATUS(report.failure, CORRAL_OK);
    REQUIRE(report.succeeded <= adds);
    REQUIRE(read_all(process.output, values, report.succeeded * sizeof *values));
    close(process.output);
    REQUIRE(waitpid(process.pid, &status, 0) == process.pid);
    ASSERT_INT64(status, 0);
    sum->succeeded += report.succeeded;
    sum->uncertain += report.uncertain;
    sum->failed += report.failed;
    sum->stats.batches += report.stats.batches;
    sum->stats.lost_races += report.stats.lost_races;
}

static void all_adds_of_all_processes_count_once(void)
{
    static const char path[] = "/contention/counter";
    unsigned adds = testing_scaled(ADDS), all = PROCESSES * THREADS * adds;
    int64_t *values = calloc(all, sizeof *values), start = testing_now_ms();
    struct process processes[PROCESSES];
    struct report sum = {0};
    char expected[32];

    REQUIRE(values != NULL);
    for (int i = 0; i < PROCESSES; i++) {
        processes[i] = start_worker(path, adds);
    }
    for (int i = 0; i < PROCESSES; i++) {
        collect(processes[i], values + sum.succeeded, THREADS * adds, &sum);
    }
    ASSERT_INT64(sum.succeeded, all);
    ASSERT_INT64(sum.uncertain, 0);
    ASSERT_INT64(workers_sort(values, sum.succeeded), 0);
    ASSERT_INT64(values[0], 1);
    ASSERT_INT64(values[all - 1], all);
    snprintf(expected, sizeof expected, "%u", all);
    ASSERT_ZNODE(path, expected);
    ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 0);
    printf("%d server(s), %d processes x %d threads x %u adds: %llu batches, %llu lost races, %.1f s ",
           dev_nodes(server_ensemble()), PROCESSES, THREADS, adds, (unsigned long long)sum.stats.batches,
           (unsigned long long)sum.stats.lost_races, (double)(testing_now_ms() - start) / 1000);
    CU_ASSERT(sum.stats.lost_races > 0);
    free(values);
}

static CU_TestInfo tests[] = {
    {"all adds of all processes count once", all_adds_of_all_processes_count_once},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"contention", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], WORKER) == 0) {
        return work(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10));
    }
    int alone = server_run_suites(1, argc, argv, suites);
    int ensemble = server_run_suites(3, argc, argv, suites);
    return alone == 0 && ensemble == 0 ? 0 : 1;
}

/**
 * worker DIRECTORY NUMBER SERVERS SEED
 *
 * One client and some threads, which change a few counters at a steady pace
 * and note down every call and its result, until standard input ends. A
 * program of its own, as a user's would be: nothing of Corral but its API.
 *
 * Most calls wait for as long as it takes, so that their outcome must come to
 * be known. One thread's adds have short deadlines: some of them are given up
 * in the middle, with an outcome that nobody knows.
 */
#include <corral.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bulletin.h"
#include "lib/history.h"

enum { PACE_NS = 8000000, DEADLINE_LEAST_MS = 5, DEADLINE_MOST_MS = 600 };

typedef struct {
    pthread_t thread;
    unsigned number;
    struct random_data random;
    char random_state[64];
    FILE *journal;
    int64_t last[COUNTERS]; /* values seen */
    history_op op;          /* the call that is being made */
    bool limited;           /* ... has a deadline */
} hand;

static struct {
    const char *directory;
    uint32_t number;
    bulletin *told;
    pthread_mutex_t publishing; /* so that no thread tells what is older than what another told */
    corral_client *client;
    corral_counter *counters[COUNTERS];
    hand hands[THREADS];
    atomic_bool stop;
    atomic_bool wrong; /* a call has ended as none may */
} worker = {.publishing = PTHREAD_MUTEX_INITIALIZER};

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint32_t dice(hand *h, uint32_t sides)
{
    int32_t number;

    random_r(&h->random, &number);
    return (uint32_t)number % sides;
}

/* --- calls --- */

static void on_value(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    history_op *op = arg;

    op->returned = now();
    op->status = status;
    op->value = value;
    op->stamp = *stamp;
}

static void on_status(int status, void *arg)
{
    on_value(status, 0, &(corral_stamp){0}, arg);
}

/* Sums of few of these are told from each other: that keeps what is unknown afterwards easy to find. */
static int64_t a_delta(hand *h)
{
    return (INT64_C(1) << 30) + dice(h, 1u << 30);
}

static void choose(hand *h)
{
    history_op *op = &h->op;
    unsigned what = dice(h, 1000);

    *op = (history_op){.client = worker.number, .counter = dice(h, COUNTERS), .kind = HISTORY_ADD};
    if (what < 80) {
        op->kind = HISTORY_READ;
        op->stale = what < 20;
    } else if (what < 110) {
        op->kind = HISTORY_COMPARE_SET;
        op->argument = h->last[op->counter];
        op->desired = a_delta(h);
    } else if (what < 130) {
        op->kind = HISTORY_SET;
        op->argument = a_delta(h);
    } else if (what < 133) {
        op->kind = HISTORY_DESTROY;
    } else {
        op->argument = a_delta(h);
    }
}

/* Submit what was chosen. Like the blocking calls, but these do not tell a stamp. */
static int submit(hand *h, corral_op **ret_op)
{
    history_op *op = &h->op;
    corral_counter *counter = worker.counters[op->counter];
    int64_t timeout = CORRAL_FOREVER;

    h->limited = op->kind == HISTORY_ADD && h->number == 0;
    if (h->limited) {
        timeout = DEADLINE_LEAST_MS + dice(h, DEADLINE_MOST_MS - DEADLINE_LEAST_MS);
    }
    switch (op->kind) {
    case HISTORY_ADD:
        return corral_counter_add_async(counter, op->argument, timeout, on_value, op, ret_op);
    case HISTORY_SET:
        return corral_counter_set_async(counter, op->argument, timeout, on_value, op, ret_op);
    case HISTORY_COMPARE_SET:
        return corral_counter_compare_set_async(counter, op->argument, op->desired, timeout, on_value, op,
                                                ret_op);
    case HISTORY_READ:
        return corral_counter_get_async(counter, op->stale ? CORRAL_READ_LOCAL : CORRAL_READ_LINEARIZABLE,
                                        timeout, on_value, op, ret_op);
    case HISTORY_DESTROY:
        return corral_counter_destroy_async(counter, timeout, on_status, op, ret_op);
    }
    return CORRAL_EINVAL;
}

/* May it have ended like that? What nobody limits has to become known. */
static bool may_end(const hand *h)
{
    switch (h->op.status) {
    case CORRAL_OK:
        return true;
    case CORRAL_ENOENT:
        return h->op.kind == HISTORY_COMPARE_SET || h->op.kind == HISTORY_READ ||
               h->op.kind == HISTORY_DESTROY;
    case CORRAL_ECONFLICT:
        return h->op.kind == HISTORY_COMPARE_SET;
    case CORRAL_ETIMEDOUT:
    case CORRAL_EUNCERTAIN:
        return h->limited;
    default:
        return false;
    }
}

/* An operation that was given up says nothing about whether the servers can be reached. */
static bool is_answered(const hand *h)
{
    return h->op.status != CORRAL_ETIMEDOUT && h->op.status != CORRAL_EUNCERTAIN;
}

static void publish(const hand *h)
{
    corral_client_stats stats = {0};

    pthread_mutex_lock(&worker.publishing);
    corral_client_get_stats(worker.client, &stats);
    atomic_store(&worker.told->sessions, stats.sessions);
    atomic_store(&worker.told->batches, stats.batches);
    atomic_store(&worker.told->lost_races, stats.lost_races);
    atomic_store(&worker.told->resends, stats.resends);
    atomic_store(&worker.told->resends_applied, stats.resends_applied);
    atomic_store(&worker.told->resends_not_applied, stats.resends_not_applied);
    atomic_fetch_add(&worker.told->answered, is_answered(h));
    pthread_mutex_unlock(&worker.publishing);
}

static void call(hand *h)
{
    corral_op *op = NULL;

    choose(h);
    h->op.invoked = now();
    int status = submit(h, &op);
    if (status == CORRAL_OK) {
        corral_op_wait(op, CORRAL_FOREVER);
        corral_op_unref(op);
    } else {
        on_status(status, &h->op);
    }
    if (h->op.status == CORRAL_OK || h->op.status == CORRAL_ECONFLICT) {
        h->last[h->op.counter] = h->op.value;
    }
    if (!may_end(h)) {
        fprintf(stderr, "worker %u: a call of kind %d has ended %s\n", worker.number, (int)h->op.kind,
                corral_status_name(h->op.status));
        atomic_store(&worker.wrong, true);
    }
    if (fwrite(&h->op, sizeof h->op, 1, h->journal) != 1) {
        die("worker: journal");
    }
    publish(h);
}

static void *work(void *arg)
{
    hand *h = arg;
    int64_t next = now();

    while (!atomic_load(&worker.stop)) {
        call(h);
        next += PACE_NS;
        if (next < now()) {
            next = now(); /* what an outage has cost is not made up for */
        }
        struct timespec until = {next / 1000000000, next % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    return NULL;
}

/* --- the whole --- */

static void map_bulletin(void)
{
    char path[PATH_SIZE];

    bulletin_path(worker.directory, path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        die(path);
    }
    bulletin *all = mmap(NULL, WORKERS * sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (all == MAP_FAILED) {
        die(path);
    }
    close(fd);
    worker.told = &all[worker.number];
}

static void open_client(const char *servers)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    int status;

    options.session_timeout_ms = SESSION_MS;
    status = corral_client_open(servers, &options, &worker.client);
    for (unsigned i = 0; i < COUNTERS && status == CORRAL_OK; i++) {
        char path[PATH_SIZE];

        counter_path(i, path);
        status = corral_counter_open(worker.client, path, NULL, &worker.counters[i]);
    }
    if (status != CORRAL_OK) {
        fprintf(stderr, "worker: %s\n", corral_strerror(status));
        exit(EXIT_FAILURE);
    }
}

static void start_hand(hand *h, unsigned number, unsigned seed)
{
    char path[PATH_SIZE];

    h->number = number;
    journal_path(worker.directory, worker.number, number, path);
    h->journal = fopen(path, "we");
    if (h->journal == NULL) {
        die(path);
    }
    initstate_r(seed + worker.number * THREADS + number, h->random_state, sizeof h->random_state, &h->random);
    if (pthread_create(&h->thread, NULL, work, h) != 0) {
        die("worker: thread");
    }
}

int main(int argc, char **argv)
{
    char byte;

    if (argc != 5 || strtoul(argv[2], NULL, 10) >= WORKERS) {
        fprintf(stderr, "usage: worker DIRECTORY NUMBER SERVERS SEED\n");
        return 2;
    }
    worker.directory = argv[1];
    worker.number = (uint32_t)strtoul(argv[2], NULL, 10);
    map_bulletin();
    open_client(argv[3]);
    for (unsigned i = 0; i < THREADS; i++) {
        start_hand(&worker.hands[i], i, (unsigned)strtoul(argv[4], NULL, 10));
    }
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    atomic_store(&worker.stop, true);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(worker.hands[i].thread, NULL);
        if (fclose(worker.hands[i].journal) != 0) {
            die("worker: journal");
        }
    }
    for (unsigned i = 0; i < COUNTERS; i++) {
        corral_counter_close(worker.counters[i]);
    }
    return corral_client_close(worker.client) == CORRAL_OK && !atomic_load(&worker.wrong) ? EXIT_SUCCESS
                                                                                          : EXIT_FAILURE;
}

/**
 * worker DIRECTORY NUMBER LIFE SERVERS SEED WORKLOAD
 *
 * One client and some threads, which make the calls of a workload at a steady
 * pace and note down every one and its result, until standard input ends. A
 * program of its own, as a user's would be: nothing of Corral but its API.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bulletin.h"
#include "work.h"

enum { PACE_NS = 8000000 };

static const work *const works[] = {
#define WORK_POINTER(name) &name##_work,
    WORKLOAD_MAP(WORK_POINTER)
#undef WORK_POINTER
};

static struct {
    const char *directory;
    uint32_t number;
    unsigned life;
    const work *work;
    bulletin *told;
    pthread_mutex_t publishing; /* so that no thread tells what is older than what another told */
    corral_client_stats published;
    corral_client *client;
    hand hands[THREADS];
    atomic_bool stop;
    atomic_bool wrong; /* a call has ended as none may */
} worker = {.publishing = PTHREAD_MUTEX_INITIALIZER};

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

int64_t hand_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

uint32_t hand_dice(hand *h, uint32_t sides)
{
    int32_t number;

    random_r(&h->random, &number);
    return (uint32_t)number % sides;
}

/* By one call: a kill meets it before or after, unless the record is in two pages. */
static void write_at(const hand *h, off_t place, const void *record, size_t size)
{
    if (pwrite(h->journal, record, size, place) != (ssize_t)size) {
        die("worker: journal");
    }
}

void hand_note(hand *h, const void *record, size_t size)
{
    write_at(h, h->noted, record, size);
    h->noted += (off_t)size;
}

void hand_amend(hand *h, const void *record, size_t size)
{
    write_at(h, h->noted - (off_t)size, record, size);
}

/* --- calls --- */

/* Add what is new: what those before it told stays. */
static void publish(call_end end)
{
    corral_client_stats stats = {0};
    const corral_client_stats *last = &worker.published;
    bulletin *told = worker.told;

    pthread_mutex_lock(&worker.publishing);
    corral_client_get_stats(worker.client, &stats);
    atomic_fetch_add(&told->sessions, stats.sessions - last->sessions);
    atomic_fetch_add(&told->batches, stats.batches - last->batches);
    atomic_fetch_add(&told->lost_races, stats.lost_races - last->lost_races);
    atomic_fetch_add(&told->resends, stats.resends - last->resends);
    atomic_fetch_add(&told->resends_applied, stats.resends_applied - last->resends_applied);
    atomic_fetch_add(&told->resends_not_applied, stats.resends_not_applied - last->resends_not_applied);
    atomic_fetch_add(&told->answered, end == CALL_ANSWERED);
    worker.published = stats;
    pthread_mutex_unlock(&worker.publishing);
}

static void make_call(hand *h)
{
    call_end end = worker.work->call(h);

    if (end == CALL_WRONG) {
        atomic_store(&worker.wrong, true);
    }
    publish(end);
}

static void *run(void *arg)
{
    hand *h = arg;
    int64_t next = hand_now();
    bool resting = false;

    while (!atomic_load(&worker.stop)) {
        if (atomic_load(&worker.told->rest)) {
            worker.work->rest(h, !resting);
            atomic_fetch_add(&worker.told->resting, !resting);
            resting = true;
        } else {
            make_call(h);
        }
        next += PACE_NS;
        if (next < hand_now()) {
            next = hand_now(); /* what an outage has cost is not made up for */
        }
        struct timespec until = {next / 1000000000, next % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    return NULL;
}

/* --- the whole --- */

static const work *find_work(const char *name)
{
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        if (strcmp(works[i]->name, name) == 0) {
            return works[i];
        }
    }
    return NULL;
}

static void map_bulletin(void)
{
    char path[PATH_SIZE];

    bulletin_path(worker.directory, path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        die(path);
    }
    bulletin *all = mmap(NULL, WORKERS_MAX * sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
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
    if (status == CORRAL_OK) {
        status = worker.work->open(worker.client);
    }
    if (status != CORRAL_OK) {
        fprintf(stderr, "worker: %s\n", corral_strerror(status));
        exit(EXIT_FAILURE);
    }
}

static void start_hand(hand *h, unsigned number, unsigned seed)
{
    char path[PATH_SIZE];

    h->worker = worker.number;
    h->life = worker.life;
    h->number = number;
    journal_path(worker.directory, worker.number, worker.life, number, path);
    h->journal = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (h->journal < 0) {
        die(path);
    }
    seed += (worker.life * WORKERS_MAX + worker.number) * THREADS + number;
    initstate_r(seed, h->random_state, sizeof h->random_state, &h->random);
    if (pthread_create(&h->thread, NULL, run, h) != 0) {
        die("worker: thread");
    }
}

int main(int argc, char **argv)
{
    char byte;

    if (argc != 7 || strtoul(argv[2], NULL, 10) >= WORKERS_MAX ||
        (worker.work = find_work(argv[6])) == NULL) {
        fprintf(stderr, "usage: worker DIRECTORY NUMBER LIFE SERVERS SEED WORKLOAD\n");
        return 2;
    }
    worker.directory = argv[1];
    worker.number = (uint32_t)strtoul(argv[2], NULL, 10);
    worker.life = (unsigned)strtoul(argv[3], NULL, 10);
    map_bulletin();
    open_client(argv[4]);
    for (unsigned i = 0; i < THREADS; i++) {
        start_hand(&worker.hands[i], i, (unsigned)strtoul(argv[5], NULL, 10));
    }
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    atomic_store(&worker.stop, true);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(worker.hands[i].thread, NULL);
        if (close(worker.hands[i].journal) != 0) {
            die("worker: journal");
        }
    }
    worker.work->close();
    return corral_client_close(worker.client) == CORRAL_OK && !atomic_load(&worker.wrong) ? EXIT_SUCCESS
                                                                                          : EXIT_FAILURE;
}

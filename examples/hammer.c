/**
 * Many processes and threads add 1 to one counter, each as fast as it can,
 * while this one shows its value, as a subscription tells it; at the end it must
 * be exact.
 *
 *     hammer [--processes N] [--threads N] [--adds N] PATH
 *
 * Every thread of every process makes N adds. The servers are those of
 * $CORRAL_SERVERS, else 127.0.0.1:2181. A client cannot be used across fork(),
 * so the processes are forked first and open clients of their own.
 */
#include <corral.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIMEOUT_MS = 30000, MOST_PROCESSES = 256, MOST_THREADS = 256 };

typedef struct {
    unsigned processes;
    unsigned threads;
    unsigned adds;
    const char *path;
    const char *servers;
} settings;

/** What a process has to tell at its end, through a pipe. Small enough to be written at once. */
typedef struct {
    uint64_t added;
    uint64_t lost_races;
    int status; /* of the first thread that failed */
} report;

/* ---- a worker process ---- */

typedef struct {
    pthread_t thread;
    corral_counter *counter;
    unsigned adds;
    unsigned added;
    int status;
} worker;

static void *add(void *arg)
{
    worker *w = arg;
    while (w->added < w->adds && w->status == CORRAL_OK) {
        w->status = corral_counter_add(w->counter, 1, TIMEOUT_MS, NULL);
        w->added += w->status == CORRAL_OK;
    }
    return NULL;
}

/** Start the threads, wait for them, and sum up in @r. */
static void run_threads(const settings *s, corral_counter *counter, report *r)
{
    worker workers[MOST_THREADS];
    unsigned started = 0;
    for (; started < s->threads; started++) {
        workers[started] = (worker){.counter = counter, .adds = s->adds};
        if (pthread_create(&workers[started].thread, NULL, add, &workers[started]) != 0) {
            r->status = CORRAL_ENOMEM;
            break;
        }
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        r->added += workers[i].added;
        r->status = r->status != CORRAL_OK ? r->status : workers[i].status;
    }
}

static report work(const settings *s)
{
    report r = {0};
    corral_client *client = NULL;
    corral_counter *counter = NULL;
    r.status = corral_client_open(s->servers, NULL, &client);
    if (r.status == CORRAL_OK) {
        r.status = corral_counter_open(client, s->path, NULL, &counter);
    }
    if (r.status == CORRAL_OK) {
        corral_client_stats stats;
        run_threads(s, counter, &r);
        if (corral_client_get_stats(client, &stats) == CORRAL_OK) {
            r.lost_races = stats.lost_races;
        }
    }
    corral_counter_close(counter);
    corral_client_close(client);
    return r;
}

/**
 * Fork a worker, which begins when the other end of @gate is closed. Its report
 * will come from the pipe that this returns; -1 if it could not be made.
 */
static int start_worker(const settings *s, const int gate[2])
{
    int ends[2];
    if (pipe(ends) != 0) {
        return -1;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        char nothing;
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        close(gate[1]);
        if (getppid() != parent || read(gate[0], &nothing, 1) != 0) {
            _exit(EXIT_FAILURE);
        }
        report r = work(s);
        _exit(write(ends[1], &r, sizeof r) == sizeof r ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

/* ---- the parent ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/** What the subscription has told last. */
typedef struct {
    pthread_mutex_t mutex; /* guards the rest */
    corral_counter_event event;
    bool told;
} news;

/** On the client's own thread: only note it, for showing takes its time. */
static void note(const corral_counter_event *event, void *arg)
{
    news *n = arg;
    pthread_mutex_lock(&n->mutex);
    n->event = *event;
    n->told = true;
    pthread_mutex_unlock(&n->mutex);
}

/** False: nothing yet. */
static bool latest(news *n, corral_counter_event *ret_event)
{
    pthread_mutex_lock(&n->mutex);
    bool told = n->told;
    *ret_event = n->event;
    pthread_mutex_unlock(&n->mutex);
    return told;
}

/** Read the counter; one that does not exist yet counts as 0. */
static int read_counter(corral_counter *counter, int64_t *ret_value)
{
    int status = corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, TIMEOUT_MS, ret_value);
    if (status == CORRAL_ENOENT) {
        *ret_value = 0;
        status = CORRAL_OK;
    }
    return status;
}

/** The value and the rate since the last call: over one line on a terminal, else on lines of their own. */
static void show(int64_t value, bool terminal)
{
    static double last_time;
    static int64_t last_value;
    double time = now();
    double rate = last_time > 0 ? (double)(value - last_value) / (time - last_time) : 0;
    printf(terminal ? "\r%12" PRId64 "  %9.0f/s " : "%12" PRId64 "  %9.0f/s\n", value, rate);
    fflush(stdout);
    last_time = time;
    last_value = value;
}

/**
 * Show what @n tells until all of @pipes, one per process, have given their
 * report or ended without. Adds the reports up in @total.
 */
static int show_news(const settings *s, news *n, struct pollfd *pipes, report *total)
{
    bool terminal = isatty(STDOUT_FILENO);
    double interval = terminal ? 0.1 : 1;
    double next = now();
    for (unsigned open = s->processes; open > 0;) {
        corral_counter_event event;
        if (now() >= next) {
            if (latest(n, &event)) {
                if (event.status != CORRAL_OK) {
                    return event.status;
                }
                show(event.value, terminal);
            }
            next = now() + interval;
        }
        double left = next - now();
        if (poll(pipes, s->processes, left > 0 ? (int)(left * 1000) + 1 : 0) < 0) {
            continue;
        }
        for (unsigned i = 0; i < s->processes; i++) {
            report r = {.status = CORRAL_ESERVER};
            if (pipes[i].fd < 0 || pipes[i].revents == 0) {
                continue;
            }
            if (read(pipes[i].fd, &r, sizeof r) != sizeof r) {
                fprintf(stderr, "hammer: a process ended without a report\n");
            }
            total->added += r.added;
            total->lost_races += r.lost_races;
            total->status = total->status != CORRAL_OK ? total->status : r.status;
            close(pipes[i].fd);
            pipes[i].fd = -1; /* poll() passes over it */
            open--;
        }
    }
    if (terminal) {
        printf("\r\033[K");
    }
    return total->status;
}

/** The same, with a subscription to the counter to tell the news. */
static int watch(const settings *s, corral_counter *counter, struct pollfd *pipes, report *total)
{
    news n = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    corral_watch *subscription;
    int status = corral_counter_subscribe(counter, note, &n, &subscription);
    if (status == CORRAL_OK) {
        status = show_news(s, &n, pipes, total);
        corral_watch_close(subscription); /* no more calls of note() */
    }
    return status;
}

/** Returns the exit status. */
static int conclude(const settings *s, const report *total, int64_t before, int64_t after, double seconds)
{
    uint64_t expected = (uint64_t)s->processes * s->threads * s->adds;
    printf("%" PRIu64 " adds by %u processes of %u threads in %.1f s: %.0f adds/s, %" PRIu64 " lost races\n",
           total->added, s->processes, s->threads, seconds, (double)total->added / seconds,
           total->lost_races);
    printf("%s went from %" PRId64 " to %" PRId64 "\n", s->path, before, after);
    if (total->added != expected || (uint64_t)(after - before) != expected) {
        fprintf(stderr, "hammer: that is not %" PRIu64 " more\n", expected);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/** Open a client of our own, let the workers begin, and see them through. Returns the exit status. */
static int lead(const settings *s, int gate, struct pollfd *pipes)
{
    corral_client *client = NULL;
    corral_counter *counter = NULL;
    report total = {0};
    int64_t before = 0;
    int64_t after = 0;
    double start = 0;
    int status = corral_client_open(s->servers, NULL, &client);
    if (status != CORRAL_OK) {
        fprintf(stderr, "hammer: no client of the servers %s: %s\n", s->servers, corral_strerror(status));
        return EXIT_FAILURE;
    }
    status = corral_counter_open(client, s->path, NULL, &counter);
    if (status == CORRAL_OK) {
        status = read_counter(counter, &before);
    }
    if (status == CORRAL_OK) {
        start = now();
        close(gate);
        status = watch(s, counter, pipes, &total);
    }
    double seconds = now() - start;
    if (status == CORRAL_OK) {
        status = read_counter(counter, &after);
    }
    corral_counter_close(counter);
    corral_client_close(client);
    if (status != CORRAL_OK) {
        fprintf(stderr, "hammer: %s on %s: %s\n", s->path, s->servers, corral_strerror(status));
        return EXIT_FAILURE;
    }
    return conclude(s, &total, before, after, seconds);
}

static int run(const settings *s)
{
    struct pollfd pipes[MOST_PROCESSES];
    int gate[2];
    if (pipe(gate) != 0) {
        perror("hammer: pipe");
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < s->processes; i++) {
        pipes[i] = (struct pollfd){.fd = start_worker(s, gate), .events = POLLIN};
        if (pipes[i].fd < 0) {
            perror("hammer: no process");
            return EXIT_FAILURE; /* and with it those that were made */
        }
    }
    int status = lead(s, gate[1], pipes);
    if (status == EXIT_SUCCESS) {
        while (wait(NULL) > 0) {
        }
    }
    return status;
}

/** A number from 1 to @most, 0 for anything else. */
static unsigned parse(const char *text, unsigned most)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    return *end == '\0' && number <= most ? (unsigned)number : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"processes", required_argument, NULL, 'p'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"adds", required_argument, NULL, 'a'},
                                            {NULL, 0, NULL, 0}};
    settings s = {.processes = 4, .threads = 4, .adds = 5000};
    bool usage = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            s.processes = parse(optarg, MOST_PROCESSES);
            break;
        case 't':
            s.threads = parse(optarg, MOST_THREADS);
            break;
        case 'a':
            s.adds = parse(optarg, 1000000000);
            break;
        default:
            usage = true;
        }
    }
    if (usage || s.processes == 0 || s.threads == 0 || s.adds == 0 || argc - optind != 1) {
        fprintf(stderr, "usage: hammer [--processes N] [--threads N] [--adds N] PATH\n");
        return 2;
    }
    s.path = argv[optind];
    s.servers = getenv("CORRAL_SERVERS");
    s.servers = s.servers != NULL && *s.servers != '\0' ? s.servers : "127.0.0.1:2181";
    return run(&s);
}

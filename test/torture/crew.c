#include "crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/testing.h"

enum { POLL_MS = 5 };

static void wait_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
}

static bool map_bulletin(crew *c)
{
    char path[PATH_SIZE];

    bulletin_path(c->plan.directory, path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && ftruncate(fd, WORKERS_MAX * sizeof *c->told) == 0) {
        c->told = mmap(NULL, WORKERS_MAX * sizeof *c->told, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (c->told == NULL || c->told == MAP_FAILED) {
        c->told = NULL;
        perror(path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return c->told != NULL;
}

/* In the child. */
static void become_worker(char *const argv[], int input, pid_t parent) __attribute__((noreturn));

static void become_worker(char *const argv[], int input, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) {
        /* Ctrl-C is for the driver, which stops the workers in its own time. */
        setpgid(0, 0);
        dup2(input, STDIN_FILENO);
        execv(argv[0], argv);
    }
    _exit(127);
}

bool crew_replace(crew *c, unsigned worker)
{
    const crew_plan *plan = &c->plan;
    char number[16], life[16], seed[16];
    char *const argv[] = {(char *)plan->program,
                          (char *)plan->directory,
                          number,
                          life,
                          (char *)plan->servers,
                          seed,
                          (char *)plan->workload,
                          NULL};
    int ends[2];

    snprintf(number, sizeof number, "%u", worker);
    snprintf(life, sizeof life, "%u", c->lives[worker]);
    snprintf(seed, sizeof seed, "%u", plan->seed);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        perror("torture: pipe");
        return false;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become_worker(argv, ends[0], parent);
    }
    close(ends[0]);
    c->inputs[worker] = ends[1];
    if (pid < 0) {
        perror("torture: fork");
        return false;
    }
    c->pids[worker] = pid;
    c->lives[worker]++;
    return true;
}

bool crew_start(crew *c, const crew_plan *plan)
{
    *c = (crew){.plan = *plan};
    for (unsigned w = 0; w < WORKERS_MAX; w++) {
        c->inputs[w] = -1;
    }
    if (!map_bulletin(c)) {
        return false;
    }
    for (unsigned w = 0; w < plan->workers; w++) {
        if (!crew_replace(c, w)) {
            return false;
        }
    }
    return true;
}

static void signal_one(const crew *c, unsigned worker, int number)
{
    /* Process 0 would be this one with all of its group. */
    if (c->pids[worker] != 0) {
        kill(c->pids[worker], number);
    }
}

void crew_pause(crew *c, unsigned worker)
{
    signal_one(c, worker, SIGSTOP);
}

void crew_resume(crew *c, unsigned worker)
{
    signal_one(c, worker, SIGCONT);
}

/* Reap @worker if it has ended. */
static bool has_ended(crew *c, unsigned worker, int *ret_status)
{
    if (c->pids[worker] == 0 || waitpid(c->pids[worker], ret_status, WNOHANG) != c->pids[worker]) {
        return false;
    }
    c->pids[worker] = 0;
    return true;
}

static void say_how(unsigned worker, const char *when, int status)
{
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "torture: worker %u was killed by signal %d%s\n", worker, WTERMSIG(status), when);
    } else {
        fprintf(stderr, "torture: worker %u ended with status %d%s\n", worker, WEXITSTATUS(status), when);
    }
}

/* Has @worker ended without having been told to? Said once. */
static bool ended_early(crew *c, unsigned worker)
{
    int status;

    if (has_ended(c, worker, &status)) {
        say_how(worker, ", before it was told to end", status);
        c->early[worker] = true;
    }
    return c->early[worker];
}

bool crew_goes_on(crew *c)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    uint64_t before[WORKERS_MAX];

    for (unsigned w = 0; w < c->plan.workers; w++) {
        before[w] = atomic_load(&c->told[w].answered);
    }
    for (unsigned w = 0; w < c->plan.workers; w++) {
        /* A call per thread may have been under way. */
        while (atomic_load(&c->told[w].answered) <= before[w] + THREADS) {
            if (ended_early(c, w)) {
                return false;
            }
            if (testing_now_ms() >= until) {
                fprintf(stderr, "torture: worker %u has had no answer for %d s\n", w,
                        TESTING_PATIENCE_MS / 1000);
                return false;
            }
            wait_a_moment();
        }
    }
    return true;
}

bool crew_rest(crew *c)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;

    for (unsigned w = 0; w < c->plan.workers; w++) {
        atomic_store(&c->told[w].rest, true);
    }
    for (unsigned w = 0; w < c->plan.workers; w++) {
        while (atomic_load(&c->told[w].resting) < THREADS) {
            if (ended_early(c, w)) {
                return false;
            }
            if (testing_now_ms() >= until) {
                fprintf(stderr, "torture: worker %u does not rest\n", w);
                return false;
            }
            wait_a_moment();
        }
    }
    return true;
}

uint64_t crew_sum(const crew *c, size_t member)
{
    uint64_t sum = 0;

    for (unsigned w = 0; w < c->plan.workers; w++) {
        sum += atomic_load((atomic_uint_least64_t *)((char *)&c->told[w] + member));
    }
    return sum;
}

/* Has @worker, told to end, done so, and well? Else it is said. */
static bool finishes(crew *c, unsigned worker, int64_t until)
{
    int status;

    while (!has_ended(c, worker, &status)) {
        if (testing_now_ms() >= until) {
            fprintf(stderr, "torture: worker %u does not end\n", worker);
            return false;
        }
        wait_a_moment();
    }
    if (status != 0) {
        say_how(worker, "", status);
    }
    return status == 0;
}

bool crew_finish(crew *c)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    bool well = true;

    for (unsigned w = 0; w < c->plan.workers; w++) {
        well = !ended_early(c, w) && well;
    }
    for (unsigned w = 0; w < c->plan.workers; w++) {
        close(c->inputs[w]);
        c->inputs[w] = -1;
    }
    for (unsigned w = 0; w < c->plan.workers; w++) {
        well = (c->early[w] || finishes(c, w, until)) && well;
    }
    return well;
}

void crew_kill_one(crew *c, unsigned worker)
{
    if (!ended_early(c, worker) && c->pids[worker] != 0) {
        kill(c->pids[worker], SIGKILL);
        while (waitpid(c->pids[worker], NULL, 0) < 0 && errno == EINTR) {
        }
        c->pids[worker] = 0;
    }
    if (c->inputs[worker] >= 0) {
        close(c->inputs[worker]);
        c->inputs[worker] = -1;
    }
}

void crew_kill(crew *c)
{
    for (unsigned w = 0; w < c->plan.workers; w++) {
        crew_kill_one(c, w);
    }
    if (c->told != NULL) {
        munmap(c->told, WORKERS_MAX * sizeof *c->told);
    }
    *c = (crew){0};
}

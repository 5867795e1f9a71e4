/** Starting a child, passing signals on to it, and its end. */
#include "child_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"

enum { INHERITED_MAX = 1024 };

/** What a child is to find as we did. */
static struct {
    struct sigaction sigpipe;
    struct sigaction sigchld;
    int descriptors[INHERITED_MAX]; /**< those above the standard ones, in order */
    int descriptor_count;
} inherited;

/* ---- before the start ---- */

void cli_child_ignore_sigpipe(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, &inherited.sigpipe);
}

static void add_unless_ignored(sigset_t *signals, int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
        sigaddset(signals, number);
    }
}

void cli_child_fatal_signals(sigset_t *ret_signals)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGIO, SIGPWR};
    sigemptyset(ret_signals);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        add_unless_ignored(ret_signals, numbers[i]);
    }
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        add_unless_ignored(ret_signals, number);
    }
}

void cli_child_signals(sigset_t *ret_signals)
{
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGCHLD);
    sigaddset(ret_signals, SIGCONT);
    sigaddset(ret_signals, SIGTTOU);
    add_unless_ignored(ret_signals, SIGTSTP);
    add_unless_ignored(ret_signals, SIGWINCH);
}

static int compare_numbers(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

void cli_child_note_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    inherited.descriptor_count = directory != NULL ? 0 : -1;
    while (directory != NULL && inherited.descriptor_count >= 0 && (entry = readdir(directory)) != NULL) {
        int fd = atoi(entry->d_name);
        if (fd <= STDERR_FILENO || fd == dirfd(directory)) {
            continue;
        }
        if (inherited.descriptor_count == INHERITED_MAX) {
            inherited.descriptor_count = -1; /* Too many to tell apart. */
        } else {
            inherited.descriptors[inherited.descriptor_count++] = fd;
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    if (inherited.descriptor_count > 0) {
        qsort(inherited.descriptors, (size_t)inherited.descriptor_count, sizeof *inherited.descriptors,
              compare_numbers);
    }
}

/** Is @entry, "NAME=VALUE", about one of @ours, "NAME=VALUE" or "NAME"? */
static bool is_ours(const char *entry, char *const *ours)
{
    size_t length = strcspn(entry, "=");
    while (*ours != NULL && (strcspn(*ours, "=") != length || strncmp(entry, *ours, length) != 0)) {
        ours++;
    }
    return *ours != NULL;
}

char **cli_child_environment(char *const *ours)
{
    size_t count = 0;
    size_t kept = 0;
    for (size_t i = 0; environ[i] != NULL; i++) {
        count++;
    }
    for (size_t i = 0; ours[i] != NULL; i++) {
        count++;
    }
    char **made = calloc(count + 1, sizeof *made);
    for (size_t i = 0; made != NULL && environ[i] != NULL; i++) {
        if (!is_ours(environ[i], ours)) {
            made[kept++] = environ[i];
        }
    }
    for (size_t i = 0; made != NULL && ours[i] != NULL; i++) {
        if (strchr(ours[i], '=') != NULL) {
            made[kept++] = ours[i];
        }
    }
    return made;
}

/* ---- the start ---- */

/** What the new process needs. It shares nothing with our threads, and calls only what is safe there. */
typedef struct {
    char **argv;
    char **environment;
    const sigset_t *mask;
    pid_t parent;
    int terminal; /**< to be in front of; -1: none */
    int input;    /**< its standard input; -1: ours */
    int report;   /**< takes errno if the command cannot be run; closed by its start */
} launch;

/** Have libzookeeper's connection, and all else that we opened, closed by exec(). */
static void keep_inherited_descriptors(void)
{
    int next = STDERR_FILENO + 1;
    for (int i = 0; i < inherited.descriptor_count; i++) {
        if (inherited.descriptors[i] > next) {
            close_range((unsigned)next, (unsigned)inherited.descriptors[i] - 1, CLOSE_RANGE_CLOEXEC);
        }
        next = inherited.descriptors[i] + 1;
    }
    if (inherited.descriptor_count >= 0) {
        close_range((unsigned)next, ~0U, CLOSE_RANGE_CLOEXEC);
    }
}

static void become_command(const launch *l) __attribute__((noreturn));

static void become_command(const launch *l)
{
    /* The signal comes when the thread ends that forked us: the main one, which only the process's end ends.
     * It was too early for it if our parent is another one by now. A set-user-ID program does not get it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != l->parent) {
        _exit(CLI_NOT_EXECUTABLE);
    }
    setpgid(0, 0);
    if (l->terminal >= 0) {
        tcsetpgrp(l->terminal, getpid());
    }
    if (l->input >= 0) {
        dup2(l->input, STDIN_FILENO);
    }
    keep_inherited_descriptors();
    sigaction(SIGPIPE, &inherited.sigpipe, NULL);
    sigaction(SIGCHLD, &inherited.sigchld, NULL);
    sigprocmask(SIG_SETMASK, l->mask, NULL);
    execvpe(l->argv[0], l->argv, l->environment);
    int failure = errno;
    (void)!write(l->report, &failure, sizeof failure);
    _exit(CLI_NOT_EXECUTABLE);
}

/** Wait until the command runs. Returns 0, or an exit status that has been reported. */
static int await_command(cli_child *child, const char *name, int report)
{
    int failure;
    ssize_t length;
    do {
        length = read(report, &failure, sizeof failure);
    } while (length < 0 && errno == EINTR);
    close(report);
    if (length != (ssize_t)sizeof failure) {
        return 0;
    }
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    child_take_terminal(child);
    cli_error("%s: %s", name, strerror(failure));
    return failure == ENOENT || failure == ENOTDIR ? CLI_NOT_FOUND : CLI_NOT_EXECUTABLE;
}

int cli_child_start(cli_child *child, char **argv, char **environment, const sigset_t *mask, int input)
{
    struct sigaction told = {.sa_handler = SIG_DFL};
    int ends[2];
    *child = (cli_child){.terminal = -1};
    sigemptyset(&child->told);
    child_find_terminal(child);
    child->front = child->front && input < 0;
    /* Inherited as ignored, it would never come and the child could not be waited for. */
    sigaction(SIGCHLD, &told, &inherited.sigchld);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        cli_error("pipe: %s", strerror(errno));
        return CLI_UNREACHABLE;
    }
    const launch l = {.argv = argv,
                      .environment = environment,
                      .mask = mask,
                      .parent = getpid(),
                      .terminal = child->front ? child->terminal : -1,
                      .input = input,
                      .report = ends[1]};
    child->pid = fork();
    if (child->pid == 0) {
        become_command(&l);
    }
    int failure = errno;
    close(ends[1]);
    if (child->pid < 0) {
        close(ends[0]);
        cli_error("fork: %s", strerror(failure));
        return CLI_UNREACHABLE;
    }
    setpgid(child->pid, child->pid);
    return await_command(child, argv[0], ends[0]);
}

/* ---- signals, and the end ---- */

void cli_child_signal(const cli_child *child, int number)
{
    kill(-child->pid, number);
}

/** Something has become of the child. */
static void look(cli_child *child)
{
    siginfo_t info = {.si_pid = 0};
    /* Its end is left to be seen again, and its number taken. */
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
        child->ended = true;
        return;
    }
    info.si_pid = 0;
    if (waitid(P_PID, (id_t)child->pid, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid != 0) {
        child_stopped(child, info.si_status);
    }
}

void cli_child_hear(cli_child *child, int number)
{
    if (number == SIGCHLD) {
        look(child);
    } else if (number == SIGCONT) {
        cli_child_continue(child);
    } else if (number != SIGTTOU) {
        sigaddset(&child->told, number);
        cli_child_signal(child, number);
    }
}

int cli_child_finish(cli_child *child, int *ret_signal)
{
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (child_take_terminal(child) && (number == SIGINT || number == SIGQUIT)) {
        kill(0, number);
        sigaddset(&child->told, number);
    }
    if (child->terminal >= 0) {
        close(child->terminal);
    }
    *ret_signal = number != 0 && sigismember(&child->told, number) == 1 ? number : 0;
    return number != 0 ? CLI_SIGNAL + number : WEXITSTATUS(status);
}

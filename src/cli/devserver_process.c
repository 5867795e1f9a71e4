/**
 * The processes of a throw-away ensemble: their start and their end.
 *
 * Between fork() and exec() only async-signal-safe calls are made, since the
 * program may have threads (the tests do).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devserver_internal.h"

/** Does the list of paths @list, with colons between them, have none that depends on where we are? */
static bool all_absolute(const char *list)
{
    const char *colon = strchr(list, ':');
    return *list == '/' && (colon == NULL || all_absolute(colon + 1));
}

/** In the child. Ends it when the parent (thread) ends, and becomes the server. */
static void become_server(const struct dev_ensemble *e, char *const argv[], int directory_fd, int log_fd,
                          pid_t parent) __attribute__((noreturn));

static void become_server(const struct dev_ensemble *e, char *const argv[], int directory_fd, int log_fd,
                          pid_t parent)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127);
    }
    /* Of its own group: Ctrl-C is for the program in front, which stops the server in its own time. */
    setpgid(0, 0);
    for (int number = 1; number < NSIG; number++) {
        sigaction(number, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    dup2(directory_fd, STDIN_FILENO);
    close_range(3, ~0U, 0);
    /* Java fails in a directory whose name it cannot decode in this locale. */
    if (all_absolute(argv[0]) && all_absolute(e->classpath) && chdir("/") != 0) {
        _exit(127);
    }
    execv(argv[0], argv);
    _exit(127);
}

/** Open what a new process of @node needs. Returns 0, or -1 with errno. */
static int open_node(struct dev_node *node, int *ret_directory_fd, int *ret_log_fd)
{
    int directory_fd = open(node->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0) {
        return -1;
    }
    int log_fd = openat(directory_fd, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0) {
        close(directory_fd);
        return -1;
    }
    node->log_start = lseek(log_fd, 0, SEEK_END);
    *ret_directory_fd = directory_fd;
    *ret_log_fd = log_fd;
    return 0;
}

int dev_spawn(dev_ensemble *e, int n, char *error, size_t error_size)
{
    struct dev_node *node = &e->nodes[n];
    int directory_fd;
    int log_fd;
    dev_kill(e, n);
    if (open_node(node, &directory_fd, &log_fd) != 0) {
        return dev_fail(error, error_size, "%s: %s", node->directory, strerror(errno));
    }
    /* A small heap and the plain collector start fast; the compiler keeps all its tiers, for benchmarks. */
    char *const argv[] = {e->java,
                          (char *)"-Xshare:auto",
                          (char *)"-Xmx512m",
                          (char *)"-XX:+UseSerialGC",
                          (char *)"-XX:-UsePerfData",
                          (char *)"-Djava.net.preferIPv4Stack=true",
                          (char *)"-Dorg.slf4j.simpleLogger.showDateTime=true",
                          (char *)"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
                          (char *)"-cp",
                          (char *)e->classpath,
                          (char *)"org.apache.zookeeper.server.quorum.QuorumPeerMain",
                          (char *)DEV_SERVER_DIRECTORY "/zoo.cfg",
                          NULL};
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become_server(e, argv, directory_fd, log_fd, parent);
    }
    int failure = errno;
    close(directory_fd);
    close(log_fd);
    if (pid < 0) {
        return dev_fail(error, error_size, "fork: %s", strerror(failure));
    }
    node->pid = pid;
    node->paused = false;
    return 0;
}

void dev_kill(dev_ensemble *e, int n)
{
    struct dev_node *node = &e->nodes[n];
    if (node->pid == 0) {
        return;
    }
    kill(node->pid, SIGKILL);
    while (waitpid(node->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    node->pid = 0;
}

void dev_pause(dev_ensemble *e, int n)
{
    if (e->nodes[n].pid != 0) {
        kill(e->nodes[n].pid, SIGSTOP);
        e->nodes[n].paused = true;
    }
}

void dev_resume(dev_ensemble *e, int n)
{
    if (e->nodes[n].pid != 0) {
        kill(e->nodes[n].pid, SIGCONT);
        e->nodes[n].paused = false;
    }
}

/**
 * The most telling line of a server's log: the last that names an exception or
 * an error, else simply the last. Empty if there is none.
 */
static void telling_line(const struct dev_node *node, char *line, size_t size)
{
    char buffer[1024];
    bool found = false;
    char *path = dev_format("%s/log", node->directory);
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    free(path);
    *line = '\0';
    if (file == NULL) {
        return;
    }
    fseeko(file, node->log_start, SEEK_SET);
    while (fgets(buffer, sizeof buffer, file) != NULL) {
        buffer[strcspn(buffer, "\r\n")] = '\0';
        bool telling = strstr(buffer, "Exception") != NULL || strstr(buffer, "Error") != NULL;
        if (*buffer != '\0' && (telling || !found)) {
            snprintf(line, size, "%s", buffer + strspn(buffer, " \t"));
            found = found || telling;
        }
    }
    fclose(file);
}

int dev_ended(dev_ensemble *e, char *error, size_t error_size)
{
    for (int n = 0; n < e->options.nodes; n++) {
        struct dev_node *node = &e->nodes[n];
        int status;
        if (node->pid == 0 || waitpid(node->pid, &status, WNOHANG) != node->pid) {
            continue;
        }
        node->pid = 0;
        char line[512];
        telling_line(node, line, sizeof line);
        bool killed = WIFSIGNALED(status);
        dev_fail(error, error_size, "ZooKeeper server %d ended (%s %d)%s%s", n + 1,
                 killed ? "signal" : "status", killed ? WTERMSIG(status) : WEXITSTATUS(status),
                 *line != '\0' ? ": " : "", line);
        return n;
    }
    return -1;
}

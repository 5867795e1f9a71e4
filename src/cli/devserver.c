/**
 * The throw-away ensemble: ports, configuration, processes, readiness.
 *
 * Between fork() and exec() only async-signal-safe calls are made, since the
 * program may have threads (the tests do).
 */
#include "devserver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* slf4j-simple is ZooKeeper's voice; without a binding its log stays empty. */
#define DEV_CLASSPATH "/etc/zookeeper/conf:" DEV_ZOOKEEPER_JAR ":/usr/share/java/slf4j-simple.jar"
#define DEV_POLL_MS 50
#define DEV_ANSWER_MS 2000

enum { PORT_CLIENT, PORT_QUORUM, PORT_ELECTION, PORT_COUNT };

struct dev_node {
    pid_t pid; /* 0: dead */
    bool paused;
    int ports[PORT_COUNT];
    int holders[PORT_COUNT]; /* sockets that reserve the ports, -1: none */
    char *directory;
    off_t log_start; /* where the log of the present process begins */
};

struct dev_ensemble {
    dev_options options;
    struct dev_node nodes[DEV_MAX_NODES];
    char *directory;
    char *java;
    const char *classpath;
    char connect_string[DEV_MAX_NODES * sizeof("127.0.0.1:65535,")];
};

static int fail(char *error, size_t error_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(char *error, size_t error_size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, error_size, format, args);
    va_end(args);
    return -1;
}

static char *format_string(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *format_string(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        text = NULL;
    }
    va_end(args);
    return text;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- where things are ---- */

/** Find java as a shell would, $JAVA_HOME first. NULL: there is none. */
static char *find_java(void)
{
    const char *home = getenv("JAVA_HOME");
    if (home != NULL && *home != '\0') {
        char *java = format_string("%s/bin/java", home);
        if (java != NULL && access(java, X_OK) == 0) {
            return java;
        }
        free(java);
    }
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        char *java = format_string("%.*s/java", (int)length, path);
        if (java != NULL && access(java, X_OK) == 0) {
            return java;
        }
        free(java);
        path += length + (path[length] == ':');
    }
    return NULL;
}

static int locate_zookeeper(struct dev_ensemble *e, char *error, size_t error_size)
{
    e->java = find_java();
    if (e->java == NULL) {
        return fail(error, error_size, "no java found on PATH (Debian: apt install default-jre-headless)");
    }
    const char *classpath = getenv("CORRAL_DEV_CLASSPATH");
    if (classpath != NULL && *classpath != '\0') {
        e->classpath = classpath;
        return 0;
    }
    e->classpath = DEV_CLASSPATH;
    if (access(DEV_ZOOKEEPER_JAR, R_OK) != 0) {
        return fail(error, error_size,
                    "no ZooKeeper at " DEV_ZOOKEEPER_JAR " (Debian: apt install zookeeper)");
    }
    return 0;
}

static int make_directory(struct dev_ensemble *e, char *error, size_t error_size)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || *parent == '\0') {
        parent = "/tmp";
    }
    e->directory = format_string("%s/corral-dev-XXXXXX", parent);
    if (e->directory == NULL) {
        return fail(error, error_size, "out of memory");
    }
    if (mkdtemp(e->directory) == NULL) {
        fail(error, error_size, "no temporary directory under %s: %s", parent, strerror(errno));
        free(e->directory);
        e->directory = NULL;
        return -1;
    }
    return 0;
}

/* ---- ports ---- */

/**
 * Take a free port and keep it: a socket that is bound, but never listens, with
 * SO_REUSEADDR set after its bind. Only a server with that flag, as ZooKeeper
 * is one, can bind the port too. Nobody else is given it, not even as the near
 * end of a connection, so a client that retries a dead node can never end up
 * connected to itself.
 */
static int hold_port(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (bind(fd, (struct sockaddr *)&address, length) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) {
        close(fd);
        return -1;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int hold_ports(struct dev_ensemble *e, char *error, size_t error_size)
{
    char *end = e->connect_string;
    for (int n = 0; n < e->options.nodes; n++) {
        struct dev_node *node = &e->nodes[n];
        for (int p = 0; p < PORT_COUNT; p++) {
            node->holders[p] = hold_port(&node->ports[p]);
            if (node->holders[p] < 0) {
                return fail(error, error_size, "no free port on 127.0.0.1: %s", strerror(errno));
            }
        }
        end += sprintf(end, "%s127.0.0.1:%d", n > 0 ? "," : "", node->ports[PORT_CLIENT]);
    }
    return 0;
}

/* ---- configuration ---- */

static int write_myid(const struct dev_node *node, int id)
{
    char *path = format_string("%s/data/myid", node->directory);
    FILE *file = path != NULL ? fopen(path, "we") : NULL;
    free(path);
    if (file == NULL) {
        return -1;
    }
    fprintf(file, "%d\n", id);
    return fclose(file);
}

static int write_config(const struct dev_ensemble *e, const struct dev_node *node)
{
    char *path = format_string("%s/zoo.cfg", node->directory);
    FILE *file = path != NULL ? fopen(path, "we") : NULL;
    free(path);
    if (file == NULL) {
        return -1;
    }
    fprintf(file,
            "tickTime=%d\n"
            "minSessionTimeout=1000\n"
            "maxSessionTimeout=60000\n"
            "initLimit=20\n"
            "syncLimit=10\n"
            "dataDir=%s/data\n"
            "clientPort=%d\n"
            "clientPortAddress=127.0.0.1\n"
            "maxClientCnxns=0\n"
            "admin.enableServer=false\n"
            "4lw.commands.whitelist=*\n",
            e->options.tick_ms, node->directory, node->ports[PORT_CLIENT]);
    for (int n = 0; e->options.nodes > 1 && n < e->options.nodes; n++) {
        fprintf(file, "server.%d=127.0.0.1:%d:%d\n", n + 1, e->nodes[n].ports[PORT_QUORUM],
                e->nodes[n].ports[PORT_ELECTION]);
    }
    return fclose(file);
}

static int prepare_node(struct dev_ensemble *e, int n)
{
    struct dev_node *node = &e->nodes[n];
    node->directory = format_string("%s/%d", e->directory, n);
    char *data = node->directory != NULL ? format_string("%s/data", node->directory) : NULL;
    int result = -1;
    if (data != NULL && mkdir(node->directory, 0777) == 0 && mkdir(data, 0777) == 0 &&
        write_myid(node, n + 1) == 0) {
        result = write_config(e, node);
    }
    free(data);
    return result;
}

/* ---- processes ---- */

/** In the child. Ends it when the parent (thread) ends, and becomes the server. */
static void become_server(char *const argv[], int log_fd, pid_t parent) __attribute__((noreturn));

static void become_server(char *const argv[], int log_fd, pid_t parent)
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
    int null_fd = open("/dev/null", O_RDONLY);
    dup2(null_fd, STDIN_FILENO);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    close_range(3, ~0U, 0);
    execv(argv[0], argv);
    _exit(127);
}

int dev_spawn(dev_ensemble *e, int n, char *error, size_t error_size)
{
    struct dev_node *node = &e->nodes[n];
    dev_kill(e, n);
    char *log_path = format_string("%s/log", node->directory);
    char *config = format_string("%s/zoo.cfg", node->directory);
    int log_fd = log_path != NULL ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    int result = -1;
    if (log_fd < 0 || config == NULL) {
        fail(error, error_size, "%s: %s", node->directory, strerror(errno));
        goto done;
    }
    node->log_start = lseek(log_fd, 0, SEEK_END);
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
                          config,
                          NULL};
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become_server(argv, log_fd, parent);
    }
    if (pid < 0) {
        fail(error, error_size, "fork: %s", strerror(errno));
        goto done;
    }
    node->pid = pid;
    node->paused = false;
    result = 0;
done:
    if (log_fd >= 0) {
        close(log_fd);
    }
    free(config);
    free(log_path);
    return result;
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
    char *path = format_string("%s/log", node->directory);
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
        fail(error, error_size, "ZooKeeper server %d ended (%s %d)%s%s", n + 1, killed ? "signal" : "status",
             killed ? WTERMSIG(status) : WEXITSTATUS(status), *line != '\0' ? ": " : "", line);
        return n;
    }
    return -1;
}

/* ---- talking to them ---- */

/** Wait until @fd is ready for @events or @deadline_ms has passed. */
static bool wait_ready(int fd, short events, int64_t deadline_ms)
{
    struct pollfd ready = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = deadline_ms - now_ms();
        int count = poll(&ready, 1, left > 0 ? (int)left : 0);
        if (count >= 0 || errno != EINTR) {
            return count > 0;
        }
    }
}

static int connect_loopback(int port, int64_t deadline_ms)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int failure = 0;
    socklen_t length = sizeof failure;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        return fd;
    }
    if (errno == EINPROGRESS && wait_ready(fd, POLLOUT, deadline_ms) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 && failure == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

int dev_four_letter(int port, const char *word, char *buffer, size_t size)
{
    int64_t deadline_ms = now_ms() + DEV_ANSWER_MS;
    size_t used = 0;
    ssize_t count = -1;
    int fd = connect_loopback(port, deadline_ms);
    if (fd < 0) {
        return -1;
    }
    if (send(fd, word, strlen(word), MSG_NOSIGNAL) == (ssize_t)strlen(word)) {
        while (used + 1 < size && wait_ready(fd, POLLIN, deadline_ms)) {
            count = recv(fd, buffer + used, size - 1 - used, 0);
            if (count <= 0) {
                break;
            }
            used += (size_t)count;
        }
    }
    close(fd);
    /* The server closes after its answer; a full buffer is an answer as well. */
    if (used == 0 || (count != 0 && used + 1 < size)) {
        return -1;
    }
    buffer[used] = '\0';
    return (int)used;
}

/** The role that @node tells, empty while it does not serve. */
static void ask_mode(const struct dev_node *node, char *mode, size_t size)
{
    char answer[2048];
    *mode = '\0';
    if (node->pid == 0 || node->paused ||
        dev_four_letter(node->ports[PORT_CLIENT], "srvr", answer, sizeof answer) < 0) {
        return;
    }
    const char *line = strstr(answer, "Mode: ");
    if (line != NULL) {
        line += strlen("Mode: ");
        snprintf(mode, size, "%.*s", (int)strcspn(line, "\r\n"), line);
    }
}

int dev_leader(dev_ensemble *e)
{
    for (int n = 0; n < e->options.nodes; n++) {
        char mode[32];
        ask_mode(&e->nodes[n], mode, sizeof mode);
        if (strcmp(mode, "leader") == 0 || strcmp(mode, "standalone") == 0) {
            return n;
        }
    }
    return -1;
}

static bool all_serve(const struct dev_ensemble *e)
{
    for (int n = 0; n < e->options.nodes; n++) {
        char mode[32];
        ask_mode(&e->nodes[n], mode, sizeof mode);
        if (e->nodes[n].pid != 0 && !e->nodes[n].paused && *mode == '\0') {
            return false;
        }
    }
    return true;
}

int dev_wait_serving(dev_ensemble *e, char *error, size_t error_size)
{
    int64_t deadline_ms = now_ms() + e->options.start_timeout_ms;
    while (!all_serve(e)) {
        if (dev_ended(e, error, error_size) >= 0) {
            return -1;
        }
        if (e->options.canceled != NULL && e->options.canceled(e->options.canceled_arg)) {
            return fail(error, error_size, "interrupted while ZooKeeper was starting");
        }
        if (now_ms() >= deadline_ms) {
            return fail(error, error_size, "ZooKeeper did not serve within %d s",
                        e->options.start_timeout_ms / 1000);
        }
        poll(NULL, 0, DEV_POLL_MS);
    }
    return 0;
}

int dev_restart(dev_ensemble *e, int n, char *error, size_t error_size)
{
    if (dev_spawn(e, n, error, error_size) != 0) {
        return -1;
    }
    return dev_wait_serving(e, error, error_size);
}

/* ---- the whole ---- */

static int start_all(struct dev_ensemble *e, char *error, size_t error_size)
{
    if (locate_zookeeper(e, error, error_size) != 0 || make_directory(e, error, error_size) != 0 ||
        hold_ports(e, error, error_size) != 0) {
        return -1;
    }
    for (int n = 0; n < e->options.nodes; n++) {
        if (prepare_node(e, n) != 0) {
            return fail(error, error_size, "%s: %s", e->directory, strerror(errno));
        }
    }
    for (int n = 0; n < e->options.nodes; n++) {
        if (dev_spawn(e, n, error, error_size) != 0) {
            return -1;
        }
    }
    return dev_wait_serving(e, error, error_size);
}

int dev_start(const dev_options *options, dev_ensemble **ret_ensemble, char *error, size_t error_size)
{
    dev_options chosen = options != NULL ? *options : (dev_options){0};
    chosen.nodes = chosen.nodes != 0 ? chosen.nodes : 1;
    chosen.tick_ms = chosen.tick_ms != 0 ? chosen.tick_ms : 500;
    chosen.start_timeout_ms = chosen.start_timeout_ms != 0 ? chosen.start_timeout_ms : 60000;
    if (chosen.nodes < 1 || chosen.nodes > DEV_MAX_NODES) {
        return fail(error, error_size, "an ensemble has 1 to %d nodes", DEV_MAX_NODES);
    }
    struct dev_ensemble *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return fail(error, error_size, "out of memory");
    }
    e->options = chosen;
    for (int n = 0; n < DEV_MAX_NODES; n++) {
        for (int p = 0; p < PORT_COUNT; p++) {
            e->nodes[n].holders[p] = -1;
        }
    }
    if (start_all(e, error, error_size) != 0) {
        dev_stop(e);
        return -1;
    }
    *ret_ensemble = e;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    remove(path);
    return 0;
}

void dev_stop(dev_ensemble *e)
{
    if (e == NULL) {
        return;
    }
    /* All at once, so that none has time to elect anybody. */
    for (int n = 0; n < e->options.nodes; n++) {
        if (e->nodes[n].pid != 0) {
            kill(e->nodes[n].pid, SIGKILL);
        }
    }
    for (int n = 0; n < e->options.nodes; n++) {
        dev_kill(e, n);
        for (int p = 0; p < PORT_COUNT; p++) {
            if (e->nodes[n].holders[p] >= 0) {
                close(e->nodes[n].holders[p]);
            }
        }
        free(e->nodes[n].directory);
    }
    if (e->directory != NULL) {
        nftw(e->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
    free(e->directory);
    free(e->java);
    free(e);
}

const char *dev_connect_string(const dev_ensemble *e)
{
    return e->connect_string;
}

const char *dev_directory(const dev_ensemble *e)
{
    return e->directory;
}

int dev_nodes(const dev_ensemble *e)
{
    return e->options.nodes;
}

bool dev_alive(const dev_ensemble *e, int n)
{
    return e->nodes[n].pid != 0;
}

int dev_port(const dev_ensemble *e, int n)
{
    return e->nodes[n].ports[PORT_CLIENT];
}

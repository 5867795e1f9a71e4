/** The throw-away ensemble: its life from start to stop, readiness, questions to the servers. */
#include "devserver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "devserver_internal.h"

#define DEV_POLL_MS 50
#define DEV_ANSWER_MS 2000

int dev_fail(char *error, size_t error_size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, error_size, format, args);
    va_end(args);
    return -1;
}

char *dev_format(const char *format, ...)
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
            return dev_fail(error, error_size, "interrupted while ZooKeeper was starting");
        }
        if (now_ms() >= deadline_ms) {
            return dev_fail(error, error_size, "ZooKeeper did not serve within %d s",
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
    if (dev_set_up(e, error, error_size) != 0) {
        return -1;
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
        return dev_fail(error, error_size, "an ensemble has 1 to %d nodes", DEV_MAX_NODES);
    }
    struct dev_ensemble *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return dev_fail(error, error_size, "out of memory");
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
    }
    dev_clean_up(e);
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

/**
 * Count in an event loop: one thread, one epoll, with the client's descriptor
 * beside a signalfd. Each result that comes in is printed and followed by the
 * next add, until there were enough or SIGINT or SIGTERM comes.
 *
 *     epoll [PATH [ADDS]]
 *
 * The servers are those of $CORRAL_SERVERS, else 127.0.0.1:2181.
 */
#include <corral.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TIMEOUT_MS = 10000 };

struct loop {
    int epoll_fd, signal_fd;
    corral_client *client;
    corral_counter *counter;
    long wanted; /* adds still to be made */
    int status;  /* of the first one that failed */
    int running;
};

static void add(struct loop *loop);

/* Runs inside corral_client_dispatch(): on the loop's own thread, so nothing here needs a lock. */
static void print_sum(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct loop *loop = arg;

    (void)stamp;
    if (status != CORRAL_OK) {
        loop->status = status;
        loop->running = 0;
        return;
    }
    printf("%" PRId64 "\n", value);
    loop->wanted--;
    if (loop->wanted > 0) {
        add(loop);
    } else {
        loop->running = 0;
    }
}

static void add(struct loop *loop)
{
    int status = corral_counter_add_async(loop->counter, 1, TIMEOUT_MS, print_sum, loop, NULL);
    if (status != CORRAL_OK) {
        loop->status = status;
        loop->running = 0;
    }
}

static int watch(const struct loop *loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int open_descriptors(struct loop *loop)
{
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    loop->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return loop->signal_fd < 0 || loop->epoll_fd < 0 || watch(loop, loop->signal_fd) < 0 ? -1 : 0;
}

static void run(struct loop *loop)
{
    int client_fd = corral_client_fd(loop->client);

    if (client_fd < 0 || watch(loop, client_fd) < 0) {
        loop->status = CORRAL_ENOTSUP;
        return;
    }
    loop->running = 1;
    add(loop);
    while (loop->running) {
        struct epoll_event event;

        if (epoll_wait(loop->epoll_fd, &event, 1, -1) != 1) {
            continue; /* EINTR */
        }
        if (event.data.fd == client_fd) {
            corral_client_dispatch(loop->client);
        } else {
            fprintf(stderr, "epoll: a signal: stopping\n");
            loop->running = 0;
        }
    }
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, client_fd, NULL);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/example/hits";
    struct loop loop = {.wanted = argc > 2 ? strtol(argv[2], NULL, 10) : 10};
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (open_descriptors(&loop) < 0) {
        perror("epoll");
        return EXIT_FAILURE;
    }
    options.dispatch = CORRAL_DISPATCH_FD;
    loop.status = corral_client_open(NULL, &options, &loop.client);
    if (loop.status == CORRAL_OK) {
        loop.status = corral_counter_open(loop.client, path, NULL, &loop.counter);
    }
    if (loop.status == CORRAL_OK) {
        run(&loop);
    }
    if (loop.status != CORRAL_OK) {
        fprintf(stderr, "epoll: %s: %s\n", path, corral_strerror(loop.status));
    }
    int failed = loop.status != CORRAL_OK;

    /* An add that a signal has overtaken ends here: its callback runs inside this call, and finds ECLOSED. */
    corral_counter_close(loop.counter);
    corral_client_close(loop.client);
    close(loop.epoll_fd);
    close(loop.signal_fd);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

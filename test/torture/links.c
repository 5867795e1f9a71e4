#include "links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/wire.h"

enum { NODES_MAX = 5, PORTS_MAX = NODES_MAX * (NODES_MAX - 1) * 2, SIDES = 2 };

/* The head of what one says who dials for an election: the protocol's version, who it is, and how long the
 * address is that follows. */
enum { VERSION_SIZE = 8, ID_SIZE = 8, HEAD_SIZE = VERSION_SIZE + ID_SIZE + 4, ADDRESS_MAX = 1024 };

/* The port at which a node finds another. */
typedef struct {
    int listener;
    uint16_t port;
    int from, to;
    bool election;
    struct sockaddr_in target;
} gate;

/* A connection; side 0 is that of the node that dialed. */
typedef struct wire wire;
struct wire {
    const gate *gate;
    int fds[SIDES];
    net_stream to[SIDES]; /* bytes for that side */
    bool introduced;      /* the address has been replaced, or need not be */
    wire *next;
};

struct links {
    int wake;
    pthread_t thread;
    bool started;

    pthread_mutex_t mutex; /* guards the rest of this block */
    pthread_cond_t changed;
    gate gates[PORTS_MAX]; /* one that is there does not change */
    int gate_count;
    bool cut[NODES_MAX], stop;
    uint64_t wanted, in_force; /* changes asked for, changes the thread has seen */

    /* The thread's own. */
    wire *wires;
    int gates_now;
    bool cut_now[NODES_MAX];
    struct pollfd *polls;
    size_t polls_capacity;
};

links *links_open(void)
{
    links *l = calloc(1, sizeof *l);

    if (l == NULL) {
        return NULL;
    }
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->changed, NULL);
    return l;
}

/* --- connections --- */

static bool is_cut(const links *l, const gate *g)
{
    return l->cut_now[g->from] || l->cut_now[g->to];
}

static void hang_up(wire *w)
{
    for (int side = 0; side < SIDES; side++) {
        if (w->fds[side] >= 0) {
            close(w->fds[side]);
        }
        w->fds[side] = -1;
        net_stream_free(&w->to[side]);
    }
}

static void free_hung_up(links *l, bool all)
{
    for (wire **at = &l->wires; *at != NULL;) {
        wire *w = *at;

        if (all) {
            hang_up(w);
        }
        if (w->fds[0] >= 0) {
            at = &w->next;
        } else {
            *at = w->next;
            free(w);
        }
    }
}

/* Without waiting: of a server that hangs even the kernel stops answering at some time. */
static int dial(const struct sockaddr_in *target)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd >= 0 && (!net_prepare(fd) || (connect(fd, (const struct sockaddr *)target, sizeof *target) != 0 &&
                                         errno != EINPROGRESS))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void take_call(links *l, const gate *g)
{
    int caller = accept(g->listener, NULL, NULL);
    int called = caller >= 0 && net_prepare(caller) ? dial(&g->target) : -1;
    wire *w = called >= 0 ? calloc(1, sizeof *w) : NULL;

    if (w == NULL) {
        /* Nobody listens there: the caller is to see that, too. */
        if (called >= 0) {
            close(called);
        }
        if (caller >= 0) {
            close(caller);
        }
        return;
    }
    *w = (wire){.gate = g, .fds = {caller, called}, .introduced = !g->election, .next = l->wires};
    l->wires = w;
}

/* The way back from the one called to the caller. */
static uint16_t election_port_back(const links *l, const gate *g)
{
    for (int i = 0; i < l->gates_now; i++) {
        const gate *back = &l->gates[i];

        if (back->election && back->from == g->to && back->to == g->from) {
            return back->port;
        }
    }
    return 0;
}

/* Replace the address in what has come from the caller so far, if that is there. False: it makes no sense. */
static bool introduce(const links *l, wire *w)
{
    net_stream *s = &w->to[1];
    const uint8_t *bytes = s->data + s->begin;
    size_t have = net_stream_length(s);

    if (have < HEAD_SIZE) {
        return true;
    }
    int32_t length = wire_int32(bytes + VERSION_SIZE + ID_SIZE);
    if (length < 0 || length > ADDRESS_MAX) {
        return false;
    }
    if (have < HEAD_SIZE + (size_t)length) {
        return true;
    }
    char address[32];
    uint8_t size =
        (uint8_t)snprintf(address, sizeof address, "127.0.0.1:%hu", election_port_back(l, w->gate));
    net_stream changed = {0};
    net_stream_append(&changed, bytes, VERSION_SIZE + ID_SIZE);
    net_stream_append(&changed, (const uint8_t[]){0, 0, 0, size}, 4);
    net_stream_append(&changed, (const uint8_t *)address, size);
    net_stream_append(&changed, bytes + HEAD_SIZE + length, have - HEAD_SIZE - (size_t)length);
    net_stream_free(s);
    *s = changed;
    w->introduced = true;
    return true;
}

/* Move what can be moved to @side. False: the connection has ended. */
static bool move(const links *l, wire *w, int side)
{
    bool alive = net_stream_fill(&w->to[side], w->fds[1 - side]);

    if (side == 1 && !w->introduced && !introduce(l, w)) {
        return false;
    }
    if (side == 1 && !w->introduced) {
        return alive;
    }
    return net_stream_flush(&w->to[side], w->fds[side]) && alive;
}

/* --- the thread --- */

static void add_poll(links *l, size_t n, int fd, short events)
{
    if (n == l->polls_capacity) {
        l->polls_capacity = 2 * n + 64;
        l->polls = realloc(l->polls, l->polls_capacity * sizeof *l->polls);
        if (l->polls == NULL) {
            abort();
        }
    }
    l->polls[n] = (struct pollfd){.fd = fd, .events = events};
}

static size_t collect(links *l)
{
    size_t n = 0;

    add_poll(l, n++, l->wake, POLLIN);
    for (int i = 0; i < l->gates_now; i++) {
        add_poll(l, n++, is_cut(l, &l->gates[i]) ? -1 : l->gates[i].listener, POLLIN);
    }
    for (const wire *w = l->wires; w != NULL; w = w->next) {
        for (int side = 0; side < SIDES; side++) {
            bool waits = net_stream_length(&w->to[side]) > 0 && (side == 0 || w->introduced);
            /* What cannot be passed on is not taken, either. */
            bool full = net_stream_length(&w->to[1 - side]) > 0 && (side == 1 || w->introduced);
            short events = (short)((waits ? POLLOUT : 0) | (full ? 0 : POLLIN));

            add_poll(l, n++, is_cut(l, w->gate) || events == 0 ? -1 : w->fds[side], events);
        }
    }
    return n;
}

static void serve(links *l, wire *w, const struct pollfd polled[SIDES])
{
    for (int side = 0; side < SIDES && w->fds[side] >= 0; side++) {
        const struct pollfd *p = &polled[side];

        if (p->fd < 0 || p->revents == 0) {
            continue;
        }
        bool alive = (p->revents & POLLOUT) == 0 || net_stream_flush(&w->to[side], w->fds[side]);
        if ((p->events & POLLIN) != 0 && (p->revents & ~POLLOUT) != 0) {
            alive = alive && move(l, w, 1 - side);
        } else if ((p->revents & (POLLERR | POLLHUP)) != 0) {
            alive = false;
        }
        if (!alive) {
            hang_up(w);
        }
    }
}

static void turn(links *l)
{
    size_t n = collect(l);
    uint64_t drop;

    if (poll(l->polls, n, -1) <= 0) {
        return;
    }
    if (l->polls[0].revents != 0) {
        (void)!read(l->wake, &drop, sizeof drop);
        return; /* something was changed: first look at what */
    }
    n = 1 + (size_t)l->gates_now;
    for (wire *w = l->wires; w != NULL; w = w->next, n += SIDES) {
        serve(l, w, &l->polls[n]);
    }
    for (int i = 0; i < l->gates_now; i++) {
        if (l->polls[1 + i].revents != 0) {
            take_call(l, &l->gates[i]);
        }
    }
    free_hung_up(l, false);
}

static void *run(void *arg)
{
    links *l = arg;
    bool stop = false;

    while (!stop) {
        pthread_mutex_lock(&l->mutex);
        memcpy(l->cut_now, l->cut, sizeof l->cut_now);
        l->gates_now = l->gate_count;
        stop = l->stop;
        l->in_force = l->wanted;
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->mutex);
        if (!stop) {
            turn(l);
        }
    }
    free_hung_up(l, true);
    return NULL;
}

bool links_start(links *l)
{
    errno = pthread_create(&l->thread, NULL, run, l);
    l->started = errno == 0;
    return l->started;
}

/* After a change under the mutex: let the thread see it, and wait until it has. Unlocks. */
static void apply_and_unlock(links *l)
{
    uint64_t wanted = ++l->wanted, one = 1;

    (void)!write(l->wake, &one, sizeof one);
    while (l->in_force < wanted) {
        pthread_cond_wait(&l->changed, &l->mutex);
    }
    pthread_mutex_unlock(&l->mutex);
}

int links_add(int node, int peer, bool election, int port, void *arg)
{
    links *l = arg;
    gate g = {.from = node,
              .to = peer,
              .election = election,
              .target = {.sin_family = AF_INET,
                         .sin_port = htons((uint16_t)port),
                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};

    g.listener = net_listen(&g.port);
    if (g.listener < 0) {
        return -1;
    }
    pthread_mutex_lock(&l->mutex);
    if (l->gate_count == PORTS_MAX || node >= NODES_MAX || peer >= NODES_MAX) {
        abort();
    }
    l->gates[l->gate_count++] = g;
    apply_and_unlock(l);
    return g.port;
}

void links_cut(links *l, int node, bool cut)
{
    pthread_mutex_lock(&l->mutex);
    l->cut[node] = cut;
    apply_and_unlock(l);
}

void links_close(links *l)
{
    if (l == NULL) {
        return;
    }
    if (l->started) {
        pthread_mutex_lock(&l->mutex);
        l->stop = true;
        apply_and_unlock(l);
        pthread_join(l->thread, NULL);
    }
    for (int i = 0; i < l->gate_count; i++) {
        close(l->gates[i].listener);
    }
    close(l->wake);
    free(l->polls);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mutex);
    free(l);
}

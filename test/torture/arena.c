#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/testing.h"

/* Servers in trouble end by themselves at times, and it is for others to start them again. */
enum { POLL_MS = 20, DEATHS_MAX = 5 };

static void wait_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static bool open_fronts(arena *a)
{
    size_t length = 0;

    for (int n = 0; n < ARENA_NODES; n++) {
        char server[32];

        snprintf(server, sizeof server, "127.0.0.1:%d", dev_port(a->ensemble, n));
        a->fronts[n] = proxy_open(server);
        if (a->fronts[n] == NULL) {
            perror("torture: a proxy");
            return false;
        }
        const char *own = proxy_servers(a->fronts[n]);
        length += (size_t)snprintf(a->servers + length, sizeof a->servers - length, "%s%.*s",
                                   n > 0 ? "," : "", (int)strcspn(own, ","), own);
    }
    return true;
}

static bool is_canceled(void *arg)
{
    const arena *a = arg;

    return a->interrupted != NULL && a->interrupted();
}

bool arena_open(arena *a, bool (*interrupted)(void))
{
    char error[512];

    *a = (arena){.links = links_open(), .interrupted = interrupted};
    /* The network is there before the servers, which dial as soon as they are: their names are its ports. */
    dev_options options = {.nodes = ARENA_NODES,
                           .disk = true,
                           .tick_ms = ARENA_TICK_MS,
                           .peer_port = links_add,
                           .peer_port_arg = a->links,
                           .canceled = is_canceled,
                           .canceled_arg = a};
    if (a->links == NULL || !links_start(a->links)) {
        perror("torture: the network");
        return false;
    }
    if (dev_start(&options, &a->ensemble, error, sizeof error) != 0) {
        fprintf(stderr, "torture: %s\n", error);
        return false;
    }
    /* From now on servers are always waited for: without them the crew cannot end. */
    a->interrupted = NULL;
    return open_fronts(a);
}

void arena_close(arena *a)
{
    for (int n = 0; n < ARENA_NODES; n++) {
        proxy_close(a->fronts[n]);
    }
    dev_stop(a->ensemble);
    links_close(a->links);
}

int arena_leader(arena *a)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    int node;

    while ((node = dev_leader(a->ensemble)) < 0 && testing_now_ms() < until) {
        wait_ms(POLL_MS);
    }
    return node;
}

static int clients(const arena *a, int node)
{
    char told[4096];
    const char *line;

    if (dev_four_letter(dev_port(a->ensemble, node), "srvr", told, sizeof told) < 0 ||
        (line = strstr(told, "Connections: ")) == NULL) {
        return 0;
    }
    return atoi(line + strlen("Connections: ")) - 1; /* one is our question */
}

int arena_follower(arena *a, int leader, int *ret_clients)
{
    int found = -1;

    for (int n = 0; n < ARENA_NODES; n++) {
        int has = n != leader ? clients(a, n) : 0;

        if (n != leader && (found < 0 || has > *ret_clients)) {
            *ret_clients = has;
            found = n;
        }
    }
    return found;
}

void arena_shake(arena *a, int node)
{
    proxy_cut_all(a->fronts[node]);
}

void arena_cut(arena *a, int node, bool altogether)
{
    links_cut(a->links, node, true);
    if (altogether) {
        proxy_hold(a->fronts[node], PROXY_HOLD_REQUESTS | PROXY_HOLD_REPLIES);
        proxy_admit(a->fronts[node], PROXY_IGNORE);
    }
}

void arena_mend(arena *a, int node)
{
    links_cut(a->links, node, false);
    proxy_admit(a->fronts[node], PROXY_ACCEPT);
    proxy_hold(a->fronts[node], 0);
}

/* Start those that are dead, and wait. False: @error says why; *@ret_any: another one has died. */
static bool revive(arena *a, bool *ret_any, char *error, size_t size)
{
    *ret_any = false;
    for (int n = 0; n < ARENA_NODES; n++) {
        if (!dev_alive(a->ensemble, n) && dev_spawn(a->ensemble, n, error, size) != 0) {
            return false;
        }
    }
    bool serve = dev_wait_serving(a->ensemble, error, size) == 0;
    for (int n = 0; n < ARENA_NODES; n++) {
        *ret_any = *ret_any || !dev_alive(a->ensemble, n);
    }
    return serve;
}

bool arena_restore(arena *a)
{
    char error[512];
    bool any;

    for (int n = 0; n < ARENA_NODES; n++) {
        dev_resume(a->ensemble, n);
    }
    for (int i = 0; i < DEATHS_MAX; i++) {
        if (revive(a, &any, error, sizeof error)) {
            return true;
        }
        fprintf(stderr, "torture: %s\n", error);
        if (!any) {
            return false;
        }
    }
    return false;
}

void arena_lose_replies(arena *a, unsigned every)
{
    /* A failure is answered by a quorum, too, and what it says is as good to lose. */
    proxy_rule rule = {.every = every, .failed_too = true};

    for (int n = 0; n < ARENA_NODES; n++) {
        proxy_cut(a->fronts[n], PROXY_AFTER, every > 0 ? &rule : NULL);
    }
}

uint64_t arena_count(arena *a, proxy_counter counter)
{
    uint64_t sum = 0;

    for (int n = 0; n < ARENA_NODES; n++) {
        sum += proxy_count(a->fronts[n], counter);
    }
    return sum;
}

raw *arena_reader(arena *a)
{
    int leader = arena_leader(a);
    char server[32];

    snprintf(server, sizeof server, "127.0.0.1:%d", leader < 0 ? 0 : dev_port(a->ensemble, leader));
    raw *reader = raw_open(server);
    if (reader == NULL) {
        fprintf(stderr, "torture: cannot read from the leader\n");
    }
    return reader;
}

int arena_read(arena *a, const char *path, int64_t *ret_value)
{
    raw *reader = arena_reader(a);
    int status;

    if (reader == NULL) {
        return -1;
    }
    status = raw_get_number(reader, path, ret_value);
    raw_close(reader);
    if (status != ZOK && status != ZNONODE) {
        fprintf(stderr, "torture: reading %s: %s\n", path, zerror(status));
        return -1;
    }
    return status == ZOK ? 1 : 0;
}

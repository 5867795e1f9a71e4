#include "watch_many.h"

#include <corral/client.h>
#include <corral/status.h>
#include <corral/watch.h>

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/devserver.h"
#include "common.h"
#include "lib/proxy.h"
#include "watch_ways.h"

enum { CHANGES = 100, NUMBER_SIZE = 16 };

/* After the reads that may be under way, so long no other may come. */
#define STILL_SECONDS 0.3
#define PATIENCE_SECONDS 60.0

/* Subscriptions of one client behind a proxy, and how many still wait for a number. */
typedef struct {
    const char *servers; /* the server's own */
    proxy *through;
    corral_client *client;
    corral_watch **watches;
    unsigned count;
    _Atomic uint64_t awaited; /* number */
    atomic_uint missing;
    sem_t all_told;
    atomic_uint reads; /* in the new session */
} crowd;

static bool report(const char *path, const char *what, int status)
{
    fprintf(stderr, "bench: %s: %s: %d\n", path, what, status);
    return false;
}

/* --- a crowd --- */

static void on_event(const corral_watch_event *event, void *arg)
{
    crowd *c = arg;

    if (event->exists && watch_number(event->value, event->length) == atomic_load(&c->awaited) &&
        atomic_fetch_sub(&c->missing, 1) == 1) {
        sem_post(&c->all_told);
    }
}

static void await_number(crowd *c, uint64_t number)
{
    atomic_store(&c->missing, c->count);
    atomic_store(&c->awaited, number);
}

static bool are_all_told(crowd *c)
{
    return watch_wait(&c->all_told) || report("subscriptions", "not told", (int)atomic_load(&c->missing));
}

static bool open_crowd(crowd *c, const char *servers, unsigned count)
{
    *c = (crowd){.servers = servers, .count = count, .watches = calloc(count, sizeof *c->watches)};
    sem_init(&c->all_told, 0, 0);
    c->through = proxy_open(servers);
    if (c->watches == NULL || c->through == NULL) {
        return report(servers, "no proxy", errno);
    }
    int status = corral_client_open(proxy_servers(c->through), NULL, &c->client);
    return status == CORRAL_OK || report(servers, corral_strerror(status), status);
}

static void close_crowd(crowd *c)
{
    for (unsigned i = 0; c->watches != NULL && i < c->count; i++) {
        corral_watch_close(c->watches[i]);
    }
    corral_client_close(c->client);
    proxy_close(c->through);
    sem_destroy(&c->all_told);
    free(c->watches);
}

static bool subscribe(crowd *c, unsigned i, const char *path)
{
    int status = corral_watch_open(c->client, path, NULL, on_event, c, &c->watches[i]);

    return status == CORRAL_OK || report(path, corral_strerror(status), status);
}

/* How many watches the first server has, whosoever they are: the proxy leads there. */
static bool count_watches(const char *servers, double *ret_watches)
{
    static const char name[] = "zk_watch_count";
    const char *port = strchr(servers, ':');
    char answer[16384];
    const char *line = port != NULL && dev_four_letter(atoi(port + 1), "mntr", answer, sizeof answer) > 0
                           ? strstr(answer, name)
                           : NULL;

    if (line == NULL) {
        return report(servers, "does not tell how many watches it has", 0);
    }
    *ret_watches = strtod(line + strlen(name), NULL);
    return true;
}

/* --- one path --- */

static bool change(crowd *c, raw *r, const char *path, unsigned number)
{
    char text[NUMBER_SIZE];

    await_number(c, number);
    int result = raw_set(r, path, text, snprintf(text, sizeof text, "%u", number));
    if (result != ZOK) {
        return report(path, "set", result);
    }
    return are_all_told(c);
}

static bool share(crowd *c, raw *r, const char *path, watch_shared *ret_shared)
{
    double before = 0, after = 0;
    bool good = raw_create(r, path, "0", 1) == ZOK && count_watches(c->servers, &before);

    await_number(c, 0);
    for (unsigned i = 0; i < c->count && good; i++) {
        good = subscribe(c, i, path);
    }
    good = good && are_all_told(c) && count_watches(c->servers, &after);
    uint64_t requests = proxy_count(c->through, PROXY_REQUESTS);
    for (unsigned i = 0; i < CHANGES && good; i++) {
        good = change(c, r, path, i + 1);
    }
    if (good) {
        ret_shared->watches = after - before;
        ret_shared->requests = (double)(proxy_count(c->through, PROXY_REQUESTS) - requests) / CHANGES;
    }
    return good;
}

bool watch_many_share(const char *servers, raw *r, const char *path, unsigned subscribers,
                      watch_shared *ret_shared)
{
    crowd c;
    bool good = open_crowd(&c, servers, subscribers) && share(&c, r, path, ret_shared);

    close_crowd(&c);
    return good;
}

/* --- many paths --- */

static void make_path(const char *root, unsigned i, char *path, size_t size)
{
    snprintf(path, size, "%s/%u", root, i);
}

/* What has come of the requests that make, or change, all znodes. */
typedef struct {
    atomic_uint missing;
    atomic_int result;
    sem_t ended;
} batch;

static void batch_done(int result, batch *b)
{
    if (result != ZOK) {
        atomic_store(&b->result, result);
    }
    if (atomic_fetch_sub(&b->missing, 1) == 1) {
        sem_post(&b->ended);
    }
}

static void on_made(int result, const char *name, const void *context)
{
    (void)name;
    batch_done(result, (batch *)context);
}

static void on_set(int result, const struct Stat *stat, const void *context)
{
    (void)stat;
    batch_done(result, (batch *)context);
}

static bool write_all(raw *r, const char *root, unsigned count, bool make, const char *text)
{
    batch b = {.missing = count};
    char path[128];

    sem_init(&b.ended, 0, 0);
    for (unsigned i = 0; i < count; i++) {
        make_path(root, i, path, sizeof path);
        int result = make ? zoo_acreate(raw_handle(r), path, text, (int)strlen(text), &ZOO_OPEN_ACL_UNSAFE, 0,
                                        on_made, &b)
                          : zoo_aset(raw_handle(r), path, text, (int)strlen(text), -1, on_set, &b);

        if (result != ZOK) {
            batch_done(result, &b);
        }
    }
    while (sem_wait(&b.ended) != 0 && errno == EINTR) {
    }
    sem_destroy(&b.ended);
    return atomic_load(&b.result) == ZOK || report(root, "write", atomic_load(&b.result));
}

/* Cut the client off and end its session. */
static bool expire(crowd *c)
{
    int64_t session;
    char password[16];

    proxy_admit(c->through, PROXY_IGNORE);
    proxy_cut_all(c->through);
    return (proxy_session(c->through, &session, password) && raw_expire(c->servers, session, password)) ||
           report(c->servers, "cannot end a session", 0);
}

/* No reply passes from the first read on. Those before it are the new session's handshake and first request.
 */
static bool is_first_read(const wire_request *request, void *arg)
{
    crowd *c = arg;

    if (request->type == WIRE_GET_DATA && atomic_fetch_add(&c->reads, 1) == 0) {
        proxy_hold(c->through, PROXY_HOLD_REPLIES);
    }
    return false; /* it may pass */
}

/* Let the client come back, and count its reads until no more of them come. */
static bool count_in_flight(crowd *c, double *ret_in_flight)
{
    const proxy_rule rule = {.match = is_first_read, .match_arg = c};
    double start = bench_now();
    unsigned reads, before;

    proxy_cut(c->through, PROXY_BEFORE, &rule);
    proxy_admit(c->through, PROXY_ACCEPT);
    do {
        before = atomic_load(&c->reads);
        bench_sleep(STILL_SECONDS);
        reads = atomic_load(&c->reads);
    } while ((reads == 0 || reads > before) && bench_now() - start < PATIENCE_SECONDS);
    *ret_in_flight = reads;
    return reads > 0 || report(c->servers, "the client does not come back", 0);
}

static bool renew(crowd *c, raw *r, const char *root, watch_renewed *ret_renewed)
{
    double before = 0, after = 0;
    bool good = raw_create(r, root, "", 0) == ZOK && write_all(r, root, c->count, true, "0") &&
                count_watches(c->servers, &before);
    char path[128];

    await_number(c, 0);
    for (unsigned i = 0; i < c->count && good; i++) {
        make_path(root, i, path, sizeof path);
        good = subscribe(c, i, path);
    }
    good = good && are_all_told(c) && expire(c);
    await_number(c, 1);
    good = good && write_all(r, root, c->count, false, "1") && count_in_flight(c, &ret_renewed->in_flight);
    double start = bench_now();
    proxy_hold(c->through, 0);
    good = good && are_all_told(c);
    ret_renewed->seconds = bench_now() - start;
    good = good && count_watches(c->servers, &after);
    ret_renewed->watches = after - before;
    return good;
}

bool watch_many_renew(const char *servers, raw *r, const char *root, unsigned paths,
                      watch_renewed *ret_renewed)
{
    crowd c;
    bool good = open_crowd(&c, servers, paths) && renew(&c, r, root, ret_renewed);

    close_crowd(&c);
    return good;
}

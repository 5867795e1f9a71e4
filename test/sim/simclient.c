/*
 * Two halves, as in the real one: the I/O thread keeps a connection to some
 * server, and puts what it hears into a queue; the completion thread delivers
 * that to the library, one by one. Each may be late.
 */
#include "simclient.h"

#include <corral/status.h>

#include <stdlib.h>
#include <string.h>

#include "alloc.h"

typedef enum { CONNECTED, SUSPENDED, EXPIRED, REPLY, CHANGED, TIMER, CLOSED } event_kind;

typedef struct event event;
struct event {
    event *next;
    event_kind kind;
    call *reply;
    int64_t number; /* session, path */
};

/* A path that is watched, by the client's half. */
typedef struct {
    int path;
    bool existed;
} watched;

struct simclient {
    corrali_backend base;
    ensemble *ensemble;
    world *world;
    int number;
    void (*after)(void *arg);
    void *arg;
    const corrali_backend_events *events;
    void *owner;

    /* The I/O thread's. */
    connection *via;  /* made or being made; NULL: waiting to try again */
    uint32_t attempt; /* counts connections; timers of earlier ones are void */
    bool connected;
    int64_t session; /* 0: none */
    int64_t timeout;
    int64_t seen; /* zxid */
    int64_t heard_at;
    int64_t isolated_until;
    call *sent, *sent_last; /* not replied to; those not sent yet, at the end, too */
    call *unsent;           /* the first of these; NULL: all are sent */
    watched *watches;
    size_t watch_count, watch_capacity;
    bool closing;
    bool lost_writes; /* in the session: what became of some is not known */
    bool expired;     /* the library has not been told yet */
    bool buried;

    /* The completion thread's. */
    event *first, *last;
    bool delivering; /* a delivery is under way */
    bool ready;      /* the library has been told of the connection: requests are taken */
    int64_t wake_at;
    int64_t paused_until;
    bool crashed;
    unsigned long starve;
};

enum { RETRY_LEAST_MS = 1, RETRY_MOST_MS = 300 };

static void try_to_connect(simclient *c);

/* --- to the library --- */

static void resume(void *subject, int64_t argument);

static void deliver_soon(simclient *c)
{
    int64_t when = c->world->now + world_delay(c->world, SIM_US, 2 * SIM_MS);

    if (!c->delivering && c->first != NULL && !c->crashed) {
        c->delivering = true;
        world_at(c->world, when > c->paused_until ? when : c->paused_until, resume, c, 0);
    }
}

static void push(simclient *c, event_kind kind, call *reply, int64_t number)
{
    event *e = world_alloc(c->world, sizeof *e);

    *e = (event){.kind = kind, .reply = reply, .number = number};
    if (c->first == NULL) {
        c->first = e;
    } else {
        c->last->next = e;
    }
    c->last = e;
    deliver_soon(c);
}

static void fill_reply(call *reply)
{
    corrali_request *request = reply->request;

    request->status = reply->status;
    request->failed = reply->failed;
    request->stat = reply->stat;
    request->data = reply->data.bytes;
    request->length = reply->kind == CORRALI_CHILDREN ? reply->name_count : reply->data.length;
    request->names = reply->names;
    if (reply->kind == CORRALI_GET_ACL) {
        static const corral_acl open_acl = {.scheme = "world", .id = "anyone", .perms = CORRAL_PERM_ALL};

        request->acl = reply->acl == NULL ? &open_acl : reply->acl->entries;
        request->length = reply->acl == NULL ? 1 : reply->acl->count;
    }
    for (size_t i = 0; reply->status == CORRAL_OK && i < request->write_count; i++) {
        request->writes[i].stat = reply->txn.writes[i].stat;
    }
}

static int path_of(const call *reply)
{
    return reply->kind == CORRALI_MULTI
               ? reply->txn.writes[reply->status == CORRAL_OK ? reply->txn.count - 1 : reply->failed].path
               : reply->path;
}

static void count_reply(simclient *c, const call *reply)
{
    c->world->rare[RARE_EPOCH_MOVED] += reply->status == CORRAL_ECONFLICT &&
                                        reply->txn.writes[reply->failed].kind == CORRALI_CHECK &&
                                        strstr(world_path_text(c->world, path_of(reply)), "/epochs/") != NULL;
}

static void deliver(simclient *c, const event *e)
{
    switch (e->kind) {
    case CONNECTED:
        world_note(c->world, "client %d connected, session %ld", c->number, (long)e->number);
        c->ready = true;
        c->events->connected(c->owner, e->number);
        break;
    case SUSPENDED:
        world_note(c->world, "client %d suspended", c->number);
        c->events->suspended(c->owner);
        break;
    case EXPIRED:
        world_note(c->world, "client %d expired", c->number);
        c->ready = false;
        c->expired = false;
        c->events->expired(c->owner);
        break;
    case REPLY:
        world_note(c->world, "client %d %s about %s", c->number, corral_status_name(e->reply->status),
                   world_path_text(c->world, path_of(e->reply)));
        count_reply(c, e->reply);
        fill_reply(e->reply);
        c->events->reply(c->owner, e->reply->request);
        break;
    case CHANGED:
        world_note(c->world, "client %d changed %s", c->number, world_path_text(c->world, (int)e->number));
        c->events->changed(c->owner, world_path_text(c->world, (int)e->number));
        break;
    case TIMER:
        c->events->timer(c->owner);
        break;
    case CLOSED:
        world_note(c->world, "client %d closed", c->number);
        c->events->closed(c->owner);
        break;
    }
}

static void resume(void *subject, int64_t argument)
{
    simclient *c = subject;
    event *e = c->first;

    (void)argument;
    c->delivering = false;
    if (c->crashed || e == NULL) {
        return;
    }
    if (c->world->now < c->paused_until) {
        deliver_soon(c);
        return;
    }
    c->first = e->next;
    if (c->starve > 0) {
        (void)corrali_alloc_fail_from(c->starve);
        c->starve = 0;
    }
    deliver(c, e);
    c->world->rare[RARE_NO_MEMORY] += corrali_alloc_fail_from(0);
    deliver_soon(c);
    c->after(c->arg);
}

/* --- the connection --- */

static void lose_requests(simclient *c)
{
    call *next;

    for (call *lost = c->sent; lost != NULL; lost = next) {
        next = lost->next_sent;
        c->lost_writes = c->lost_writes || lost->kind == CORRALI_MULTI;
        lost->status = CORRAL_ELOST;
        lost->failed = 0;
        push(c, REPLY, lost, 0);
    }
    c->sent = c->sent_last = c->unsent = NULL;
}

static void tries_again(void *subject, int64_t attempt)
{
    simclient *c = subject;

    if (c->via == NULL && !c->closing && !c->crashed && !c->buried && c->attempt == (uint32_t)attempt) {
        if (c->world->now < c->paused_until || c->world->now < c->isolated_until) {
            world_at(c->world, c->paused_until > c->isolated_until ? c->paused_until : c->isolated_until,
                     tries_again, c, attempt);
            return;
        }
        try_to_connect(c);
    }
}

/* As libzookeeper's handle_error(): first the event, then the requests. */
static void lose_connection(simclient *c)
{
    if (c->connected) {
        push(c, SUSPENDED, NULL, 0);
    }
    if (c->via != NULL) {
        ensemble_disconnect(c->via);
    }
    c->via = NULL;
    c->connected = false;
    c->attempt++;
    lose_requests(c);
    world_at(c->world, c->world->now + world_delay(c->world, RETRY_LEAST_MS * SIM_MS, RETRY_MOST_MS * SIM_MS),
             tries_again, c, c->attempt);
}

/* The keeper of backend_zk.c: what is left gets no reply, and all begins anew. */
static void expire(simclient *c)
{
    c->world->rare[RARE_EXPIRED_IN_FLIGHT] += c->lost_writes;
    c->session = 0;
    c->seen = 0;
    c->watch_count = 0;
    c->expired = true;
    push(c, EXPIRED, NULL, 0);
    c->connected = false;
    lose_connection(c);
}

static void send_call(simclient *c, call *sent)
{
    ensemble_send(c->via, sent);
}

static void set_watches_again(simclient *c)
{
    int *paths = world_alloc(c->world, (2 * c->watch_count + 1) * sizeof *paths);
    int *exist = paths + c->watch_count;
    size_t data_count = 0, exist_count = 0;

    for (size_t i = 0; i < c->watch_count; i++) {
        if (c->watches[i].existed) {
            paths[data_count++] = c->watches[i].path;
        } else {
            exist[exist_count++] = c->watches[i].path;
        }
    }
    if (data_count + exist_count > 0) {
        ensemble_set_watches(c->via, c->seen, paths, data_count, exist, exist_count);
    }
}

static void on_established(void *client, connection *via, int64_t id)
{
    simclient *c = client;

    if (via != c->via || c->crashed) {
        return;
    }
    if (id == 0) {
        expire(c);
        return;
    }
    c->heard_at = c->world->now;
    c->session = id;
    c->connected = true;
    c->lost_writes = false;
    set_watches_again(c);
    push(c, CONNECTED, NULL, id);
    for (call *each = c->unsent; each != NULL; each = each->next_sent) {
        send_call(c, each);
    }
    c->unsent = NULL;
}

static void remember_watch(simclient *c, const call *reply)
{
    bool existed = reply->status == CORRAL_OK;

    if (!reply->watch || !(existed || (reply->kind == CORRALI_EXISTS && reply->status == CORRAL_ENOENT))) {
        return;
    }
    for (size_t i = 0; i < c->watch_count; i++) {
        if (c->watches[i].path == reply->path) {
            c->watches[i].existed = existed;
            return;
        }
    }
    if (c->watch_count == c->watch_capacity) {
        c->watch_capacity = c->watch_capacity == 0 ? 8 : 2 * c->watch_capacity;
        c->watches = realloc(c->watches, c->watch_capacity * sizeof *c->watches);
        if (c->watches == NULL) {
            abort();
        }
    }
    c->watches[c->watch_count++] = (watched){.path = reply->path, .existed = existed};
}

static void on_replied(void *client, connection *via, call *reply)
{
    simclient *c = client;

    if (via != c->via || c->crashed) {
        return;
    }
    c->heard_at = c->world->now;
    c->seen = reply->zxid > c->seen ? reply->zxid : c->seen;
    c->sent = reply->next_sent;
    if (c->sent == NULL) {
        c->sent_last = NULL;
    }
    remember_watch(c, reply);
    push(c, REPLY, reply, 0);
}

static bool forget_watch(simclient *c, int path)
{
    for (size_t i = 0; i < c->watch_count; i++) {
        if (c->watches[i].path == path) {
            c->watches[i] = c->watches[--c->watch_count];
            return true;
        }
    }
    return false;
}

static void on_watch_fired(void *client, connection *via, int path)
{
    simclient *c = client;

    if (via == c->via && !c->crashed) {
        c->heard_at = c->world->now;
        if (forget_watch(c, path)) {
            push(c, CHANGED, NULL, path);
        }
    }
}

static void on_ponged(void *client, connection *via)
{
    simclient *c = client;

    if (via == c->via) {
        c->heard_at = c->world->now;
    }
}

static void on_closed(void *client, connection *via)
{
    simclient *c = client;

    if (via == c->via && !c->crashed) {
        lose_connection(c);
    }
}

/* The client's part of keeping a connection: pings, and leaving a server that says nothing. */
static void tends(void *subject, int64_t attempt)
{
    simclient *c = subject;

    if (c->crashed || c->closing || c->via == NULL || c->attempt != (uint32_t)attempt) {
        return;
    }
    if (c->world->now < c->paused_until) {
        world_at(c->world, c->paused_until, tends, c, attempt);
    } else if (c->world->now - c->heard_at > c->timeout * 2 / 3) {
        lose_connection(c);
    } else {
        if (c->connected) {
            ensemble_ping(c->via);
        }
        world_at(c->world, c->world->now + c->timeout / 3, tends, c, attempt);
    }
}

static void try_to_connect(simclient *c)
{
    static const client_events events = {.established = on_established,
                                         .replied = on_replied,
                                         .ponged = on_ponged,
                                         .watch_fired = on_watch_fired,
                                         .closed = on_closed};

    c->heard_at = c->world->now;
    c->via = ensemble_connect(c->ensemble, (int)world_below(c->world, SERVERS), c->session, c->timeout,
                              c->seen, &events, c);
    tends(c, c->attempt);
}

/* --- the vtable --- */

static int start(corrali_backend *base, const corrali_backend_options *options,
                 const corrali_backend_events *events, void *owner)
{
    simclient *c = (simclient *)base;

    c->events = events;
    c->owner = owner;
    c->timeout = options->session_timeout_ms * SIM_MS;
    try_to_connect(c);
    return CORRAL_OK;
}

static const access_list *copy_acl(world *w, const corral_acl *entries, size_t count)
{
    access_list *copy;

    if (entries == NULL) {
        return NULL;
    }
    copy = world_alloc(w, sizeof *copy);
    copy->count = count;
    copy->entries = world_alloc(w, (count + 1) * sizeof *copy->entries);
    for (size_t i = 0; i < count; i++) {
        copy->entries[i] = (corral_acl){.scheme = world_copy(w, entries[i].scheme, strlen(entries[i].scheme)),
                                        .id = world_copy(w, entries[i].id, strlen(entries[i].id)),
                                        .perms = entries[i].perms};
    }
    return copy;
}

static call *make_call(simclient *c, corrali_request *request)
{
    world *w = c->world;
    call *made = world_alloc(w, sizeof *made);

    made->request = request;
    made->kind = request->kind;
    made->watch = request->watch && (request->kind == CORRALI_GET || request->kind == CORRALI_EXISTS);
    if (request->kind != CORRALI_MULTI) {
        made->path = world_path(w, request->path);
        return made;
    }
    made->txn.count = request->write_count;
    for (size_t i = 0; i < request->write_count; i++) {
        const corrali_write *write = &request->writes[i];
        size_t length = write->data == NULL ? 0 : write->length;

        made->txn.writes[i] = (tree_write){
            .kind = write->kind,
            .path = world_path(w, write->path),
            .data = {.bytes = world_copy(w, write->data, length), .length = length},
            .version = write->version,
            .ephemeral = write->ephemeral,
            .acl = copy_acl(w, write->acl, write->acl_count),
        };
    }
    return made;
}

static void enqueue(simclient *c, call *made)
{
    if (c->sent == NULL) {
        c->sent = made;
    } else {
        c->sent_last->next_sent = made;
    }
    c->sent_last = made;
    if (c->connected) {
        send_call(c, made);
    } else if (c->unsent == NULL) {
        c->unsent = made;
    }
}

static int submit(corrali_backend *base, corrali_request *request)
{
    simclient *c = (simclient *)base;

    if (!c->ready || c->expired || c->buried || c->closing) {
        return CORRAL_ELOST;
    }
    enqueue(c, make_call(c, request));
    return CORRAL_OK;
}

static void unwatch(corrali_backend *base, const char *path)
{
    simclient *c = (simclient *)base;

    (void)forget_watch(c, world_path(c->world, path));
}

static int64_t now(corrali_backend *base)
{
    return ((simclient *)base)->world->now;
}

static void wakes(void *subject, int64_t when)
{
    simclient *c = subject;

    if (c->wake_at == when && !c->closing) {
        c->wake_at = INT64_MAX;
        push(c, TIMER, NULL, 0);
    }
}

static void wake_at(corrali_backend *base, int64_t when)
{
    simclient *c = (simclient *)base;

    if (when < c->wake_at) {
        c->wake_at = when;
        world_at(c->world, when, wakes, c, when);
    }
}

static uint64_t randomness(corrali_backend *base)
{
    return world_random(((simclient *)base)->world);
}

static void end(corrali_backend *base)
{
    simclient *c = (simclient *)base;
    call *last = world_alloc(c->world, sizeof *last);

    if (c->connected) {
        last->kind = CORRALI_MULTI;
        last->closes = true;
        last->txn.closes = true;
        ensemble_send(c->via, last);
    }
    c->closing = true;
    if (c->via != NULL) {
        c->via->client_open = false; /* what is sent arrives; nothing is heard any more */
    }
    lose_requests(c);
    push(c, CLOSED, NULL, 0);
}

static void destroy(corrali_backend *base)
{
    simclient *c = (simclient *)base;

    free(c->watches);
    c->watches = NULL;
}

simclient *simclient_new(ensemble *e, int number, void (*after)(void *arg), void *arg)
{
    static const corrali_backend_vtable vtable = {.start = start,
                                                  .submit = submit,
                                                  .unwatch = unwatch,
                                                  .now = now,
                                                  .wake_at = wake_at,
                                                  .random = randomness,
                                                  .close = end,
                                                  .destroy = destroy};
    simclient *c = world_alloc(e->world, sizeof *c);

    c->base.vtable = &vtable;
    c->ensemble = e;
    c->world = e->world;
    c->number = number;
    c->after = after;
    c->arg = arg;
    c->wake_at = INT64_MAX;
    return c;
}

corrali_backend *simclient_backend(simclient *c)
{
    return &c->base;
}

bool simclient_connected(const simclient *c)
{
    return c->connected;
}

int64_t simclient_session(const simclient *c)
{
    return c->session;
}

/* --- faults --- */

void simclient_break(simclient *c)
{
    if (c->via != NULL && !c->closing) {
        lose_connection(c);
    }
}

void simclient_isolate(simclient *c, int64_t until)
{
    c->isolated_until = until;
    simclient_break(c);
}

void simclient_stall(simclient *c, int64_t delay, bool up, bool down)
{
    if (c->via != NULL) {
        int64_t when = c->world->now + delay;

        c->via->up = up && c->via->up < when ? when : c->via->up;
        c->via->down = down && c->via->down < when ? when : c->via->down;
    }
}

void simclient_pause(simclient *c, int64_t until)
{
    c->paused_until = until > c->paused_until ? until : c->paused_until;
}

bool simclient_paused(const simclient *c)
{
    return c->world->now < c->paused_until;
}

void simclient_crash(simclient *c)
{
    c->crashed = true;
    c->connected = false;
    c->first = c->last = NULL;
    if (c->via != NULL) {
        ensemble_disconnect(c->via);
        c->via = NULL;
    }
}

void simclient_bury(simclient *c)
{
    c->crashed = false;
    c->buried = true;
    c->paused_until = 0;
    lose_requests(c);
    push(c, TIMER, NULL, 0); /* in place of one that nobody heard of */
}

void simclient_starve(simclient *c, unsigned long nth)
{
    c->starve = nth;
}

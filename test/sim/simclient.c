/*
 * A backend in two halves, as the real one has them. This is the completion
 * thread: what the I/O thread has heard is delivered to the library, one by
 * one, each a little late. And the calls of the library.
 */
#include <corral/status.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "simclient_internal.h"

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

void simclient_push(simclient *c, event_kind kind, call *reply, int64_t number)
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
    for (size_t i = 0; reply->status == CORRAL_OK && i < reply->txn.count; i++) {
        corrali_writes(request)[i].stat = reply->txn.writes[i].stat;
        corrali_writes(request)[i].sequence = reply->txn.writes[i].sequence;
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

static void tell_changed(simclient *c, int path, corrali_change change)
{
    static const char *const texts[] = {"changed", "children of", "deleted"};

    world_note(c->world, "client %d %s %s", c->number, texts[change], world_path_text(c->world, path));
    c->events->changed(c->owner, world_path_text(c->world, path), change);
}

static void deliver(simclient *c, const event *e)
{
    switch (e->kind) {
    case CONNECTED:
        world_note(c->world, "client %d connected, session %ld", c->number, (long)e->number);
        c->ready = true;
        c->events->connected(c->owner, e->number, c->timeout / SIM_MS, c->asked_at);
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
        tell_changed(c, (int)e->number, CORRALI_CHANGED);
        break;
    case CHILDREN_CHANGED:
        tell_changed(c, (int)e->number, CORRALI_CHILDREN_CHANGED);
        break;
    case DELETED:
        tell_changed(c, (int)e->number, CORRALI_DELETED);
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

/* --- the vtable --- */

static int start(corrali_backend *base, const corrali_backend_options *options,
                 const corrali_backend_events *events, void *owner)
{
    simclient *c = (simclient *)base;

    c->events = events;
    c->owner = owner;
    c->timeout = options->session_timeout_ms * SIM_MS;
    simclient_try_to_connect(c);
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
    made->watch = request->watch && request->kind <= CORRALI_CHILDREN;
    if (request->kind != CORRALI_MULTI) {
        made->path = world_path(w, request->path);
        return made;
    }
    assert(request->write_count <= TREE_WRITES_MAX);
    made->txn.count = request->write_count;
    made->txn.writes = world_alloc(w, request->write_count * sizeof *made->txn.writes);
    for (size_t i = 0; i < request->write_count; i++) {
        const corrali_write *write = &corrali_writes(request)[i];
        size_t length = write->data == NULL ? 0 : write->length;

        made->txn.writes[i] = (tree_write){
            .kind = write->kind,
            .path = world_path(w, write->path),
            .data = {.bytes = world_copy(w, write->data, length), .length = length},
            .version = write->version,
            .ephemeral = write->ephemeral,
            .sequential = write->sequential,
            .container = write->container,
            .acl = copy_acl(w, write->acl, write->acl_count),
        };
    }
    return made;
}

/* What the real one must refuse. */
static bool has_container_among_others(const corrali_request *request)
{
    bool container = false;

    for (size_t i = 0; request->kind == CORRALI_MULTI && i < request->write_count; i++) {
        container = container || corrali_writes((corrali_request *)request)[i].container;
    }
    return container && request->write_count > 1;
}

static int submit(corrali_backend *base, corrali_request *request)
{
    simclient *c = (simclient *)base;

    if (!c->ready || c->expired || c->buried || c->closing) {
        return CORRAL_ELOST;
    }
    if (has_container_among_others(request)) {
        return CORRAL_EINVAL;
    }
    simclient_enqueue(c, make_call(c, request));
    return CORRAL_OK;
}

static void unwatch(corrali_backend *base, const char *path, bool children)
{
    simclient *c = (simclient *)base;

    (void)simclient_forget_watch(c, watch_of(world_path(c->world, path), children));
}

static int64_t now(corrali_backend *base)
{
    return ((simclient *)base)->world->now;
}

static int64_t calendar(corrali_backend *base)
{
    const simclient *c = (simclient *)base;

    return c->calendar + c->world->now;
}

static void wakes(void *subject, int64_t when)
{
    simclient *c = subject;

    if (c->wake_at == when && !c->closing) {
        c->wake_at = INT64_MAX;
        simclient_push(c, TIMER, NULL, 0);
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
    simclient_lose_requests(c);
    simclient_push(c, CLOSED, NULL, 0);
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
                                                  .calendar = calendar,
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
    c->calendar = SIM_CALENDAR_MS * SIM_MS;
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

const watch_again *simclient_watches(const simclient *c, size_t *ret_count)
{
    *ret_count = c->watch_count;
    return c->watches;
}

static bool same_watch(const call *a, const call *b)
{
    /* That there is no znode is asked for both, data and children. */
    return a->watch && b->watch && a->path == b->path && a->kind == b->kind && a->kind != CORRALI_EXISTS;
}

int simclient_watches_twice(const simclient *c)
{
    for (const call *one = c->sent; one != NULL; one = one->next_sent) {
        for (const call *other = one->next_sent; other != NULL; other = other->next_sent) {
            if (same_watch(one, other)) {
                return one->path;
            }
        }
    }
    return -1;
}

/*
 * The I/O thread: it keeps a connection to some server, and puts what it hears
 * into the queue of the completion thread.
 */
#include <corral/status.h>

#include <stdlib.h>
#include <string.h>

#include "simclient_internal.h"

enum { RETRY_LEAST_MS = 1, RETRY_MOST_MS = 300 };

/* --- the connection --- */

void simclient_lose_requests(simclient *c)
{
    call *next;

    for (call *lost = c->sent; lost != NULL; lost = next) {
        /* The servers may yet have the request itself, and put their answer into it. */
        call *told = world_alloc(c->world, sizeof *told);

        next = lost->next_sent;
        c->lost_writes = c->lost_writes || lost->kind == CORRALI_MULTI;
        *told = *lost;
        told->status = CORRAL_ELOST;
        told->failed = 0;
        simclient_push(c, REPLY, told, 0);
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
        simclient_try_to_connect(c);
    }
}

/* As libzookeeper's handle_error(): first the event, then the requests. */
static void lose_connection(simclient *c)
{
    if (c->connected) {
        simclient_push(c, SUSPENDED, NULL, 0);
    }
    if (c->via != NULL) {
        ensemble_disconnect(c->via);
    }
    c->via = NULL;
    c->connected = false;
    c->attempt++;
    simclient_lose_requests(c);
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
    simclient_push(c, EXPIRED, NULL, 0);
    c->connected = false;
    lose_connection(c);
}

static void send_call(simclient *c, call *sent)
{
    ensemble_send(c->via, sent);
}

void simclient_enqueue(simclient *c, call *made)
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

static void set_watches_again(simclient *c)
{
    if (c->watch_count > 0) {
        ensemble_set_watches(c->via, c->seen, c->watches, c->watch_count);
    }
}

static void hear_established(simclient *c, int64_t id)
{
    if (id == 0) {
        expire(c);
        return;
    }
    c->session = id;
    c->connected = true;
    c->lost_writes = false;
    set_watches_again(c);
    simclient_push(c, CONNECTED, NULL, id);
    for (call *each = c->unsent; each != NULL; each = each->next_sent) {
        send_call(c, each);
    }
    c->unsent = NULL;
}

static void remember_watch(simclient *c, const call *reply)
{
    bool existed = reply->status == CORRAL_OK;
    int watch = watch_of(reply->path, reply->kind == CORRALI_CHILDREN);

    if (!reply->watch || !(existed || (reply->kind == CORRALI_EXISTS && reply->status == CORRAL_ENOENT))) {
        return;
    }
    for (size_t i = 0; i < c->watch_count; i++) {
        if (c->watches[i].watch == watch) {
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
    c->watches[c->watch_count++] = (watch_again){.watch = watch, .existed = existed};
}

static void hear_reply(simclient *c, call *reply)
{
    c->seen = reply->zxid > c->seen ? reply->zxid : c->seen;
    c->sent = reply->next_sent;
    if (c->sent == NULL) {
        c->sent_last = NULL;
    }
    remember_watch(c, reply);
    simclient_push(c, REPLY, reply, 0);
}

bool simclient_forget_watch(simclient *c, int watch)
{
    for (size_t i = 0; i < c->watch_count; i++) {
        if (c->watches[i].watch == watch) {
            c->watches[i] = c->watches[--c->watch_count];
            return true;
        }
    }
    return false;
}

/* What comes from the server. */
typedef enum { ESTABLISHED, REPLIED, FIRED, FIRED_DELETED, PONGED, SHUT } arrival_kind;

struct arrival {
    arrival *next;
    connection *via;
    arrival_kind kind;
    call *reply;
    int64_t number; /* session, watch */
};

static void hear_watch(simclient *c, const arrival *heard)
{
    bool watched = simclient_forget_watch(c, (int)heard->number);
    int path = watch_path((int)heard->number);
    event_kind kind = heard->number == watch_of(path, true) ? CHILDREN_CHANGED : CHANGED;

    if (heard->kind == FIRED_DELETED) {
        kind = DELETED;
        watched = simclient_forget_watch(c, watch_of(path, false)) || watched;
        watched = simclient_forget_watch(c, watch_of(path, true)) || watched;
    }
    if (watched) {
        simclient_push(c, kind, NULL, path);
    }
}

static void hear(simclient *c, const arrival *heard)
{
    if (heard->via != c->via || c->crashed) {
        return;
    }
    c->heard_at = c->world->now;
    if (heard->kind == ESTABLISHED) {
        hear_established(c, heard->number);
    } else if (heard->kind == REPLIED) {
        hear_reply(c, heard->reply);
    } else if (heard->kind == FIRED || heard->kind == FIRED_DELETED) {
        hear_watch(c, heard);
    } else if (heard->kind == SHUT) {
        lose_connection(c);
    }
}

/* What has arrived, in that order; a process that stands still leaves it in the socket. */
static void hear_all(void *subject, int64_t argument)
{
    simclient *c = subject;

    if (simclient_paused(c)) {
        world_at(c->world, c->paused_until, hear_all, c, argument);
        return;
    }
    while (c->unheard != NULL) {
        const arrival *heard = c->unheard;

        c->unheard = heard->next;
        hear(c, heard);
    }
    c->hearing = false;
}

static void arrives(simclient *c, connection *via, arrival_kind kind, call *reply, int64_t number)
{
    arrival *heard = world_alloc(c->world, sizeof *heard);

    *heard = (arrival){.via = via, .kind = kind, .reply = reply, .number = number};
    if (c->unheard == NULL) {
        c->unheard = heard;
    } else {
        c->unheard_last->next = heard;
    }
    c->unheard_last = heard;
    if (!c->hearing) {
        c->hearing = true;
        hear_all(c, 0);
    }
}

static void on_established(void *client, connection *via, int64_t id)
{
    arrives(client, via, ESTABLISHED, NULL, id);
}

static void on_replied(void *client, connection *via, call *reply)
{
    arrives(client, via, REPLIED, reply, 0);
}

static void on_watch_fired(void *client, connection *via, int watch, bool deleted)
{
    arrives(client, via, deleted ? FIRED_DELETED : FIRED, NULL, watch);
}

static void on_ponged(void *client, connection *via)
{
    arrives(client, via, PONGED, NULL, 0);
}

static void on_closed(void *client, connection *via)
{
    arrives(client, via, SHUT, NULL, 0);
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

void simclient_try_to_connect(simclient *c)
{
    static const client_events events = {.established = on_established,
                                         .replied = on_replied,
                                         .ponged = on_ponged,
                                         .watch_fired = on_watch_fired,
                                         .closed = on_closed};

    c->heard_at = c->world->now;
    c->asked_at = c->session == 0 ? c->world->now : c->asked_at;
    c->via = ensemble_connect(c->ensemble, (int)world_below(c->world, SERVERS), c->session, c->timeout,
                              c->seen, &events, c);
    tends(c, c->attempt);
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

/* It may look at the clock first, and give the connection up with what it has not read. */
static void goes_on(void *subject, int64_t attempt)
{
    simclient *c = subject;

    if (!simclient_paused(c) && !c->crashed && !c->closing && c->via != NULL &&
        c->attempt == (uint32_t)attempt && c->world->now - c->heard_at > c->timeout * 2 / 3) {
        lose_connection(c);
    }
}

void simclient_pause(simclient *c, int64_t until)
{
    c->paused_until = until > c->paused_until ? until : c->paused_until;
    if (world_one_in(c->world, 2)) {
        world_at(c->world, c->paused_until, goes_on, c, c->attempt);
    }
}

bool simclient_paused(const simclient *c)
{
    return c->world->now < c->paused_until;
}

int64_t simclient_resumes(const simclient *c)
{
    return c->paused_until;
}

void simclient_crash(simclient *c)
{
    c->crashed = true;
    c->connected = false;
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
    simclient_lose_requests(c);
    simclient_push(c, TIMER, NULL, 0); /* in place of one that nobody heard of */
}

void simclient_step_clock(simclient *c, int64_t ms)
{
    world_note(c->world, "client %d: calendar set by %ld ms", c->number, (long)ms);
    c->calendar += ms * SIM_MS;
}

void simclient_starve(simclient *c, unsigned long nth)
{
    c->starve = nth;
}

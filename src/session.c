/*
 * The session of a client as the backend tells of it, and the requests that
 * wait for one.
 *
 *     CONNECTING --connected--> [barrier] --> ready <--> SUSPENDED
 *                                  ^                        |
 *                                  +---- new session ---- LOST
 *
 * A new session may land on a server that lags behind what the old one saw. So
 * its first request is a quorum operation, the barrier, and everything else is
 * held until its reply. A connection of the same session needs none: servers
 * refuse a client that has seen more than they have. Watches end with their
 * session: behind the barrier all watched znodes are read anew.
 */
#include <string.h>

#include "contender.h"
#include "internal.h"
#include "watch.h"
#include "wire.h"

/*
 * Requests given to libzookeeper and not answered yet; more are held. It wakes
 * its I/O thread by a byte in a pipe for each request, and closes the socket
 * when the pipe, of 64 KiB, is full.
 */
enum { IN_FLIGHT_MAX = 4096 };

/* When there was no memory to send a request, it is tried again. */
enum { MEMORY_RETRY_NS = 10000000 };

/* --- requests --- */

/* Have on_timer() called soon. Needs no memory. */
static void wake_soon_locked(corral_client *client, int64_t ns)
{
    client->backend->vtable->wake_at(client->backend, corrali_now_locked(client) + ns);
}

static void refuse_locked(corral_client *client, corrali_request *request, int status)
{
    request->status = status;
    request->failed = 0;
    corrali_list_append(&client->refused, &request->link);
    wake_soon_locked(client, 0);
}

static void tell_refused_locked(corral_client *client)
{
    corrali_link *link;

    while ((link = corrali_list_pop(&client->refused)) != NULL) {
        corrali_request *request = CORRALI_CONTAINER(link, corrali_request, link);

        request->done(request);
    }
}

static void hold_locked(corral_client *client, corrali_request *request)
{
    request->held = true;
    corrali_list_append(&client->held, &request->link);
}

/* Give @request to the backend; false: it is not sent, for now. */
static bool send_locked(corral_client *client, corrali_request *request)
{
    int64_t now = corrali_now_locked(client);
    int status = client->backend->vtable->submit(client->backend, request);

    request->sent_at = now;
    if (status == CORRAL_ELOST) {
        client->ready = false; /* the next connection's event comes here again */
        return false;
    }
    if (status == CORRAL_ENOMEM) {
        wake_soon_locked(client, MEMORY_RETRY_NS);
        return false;
    }
    if (status != CORRAL_OK) {
        refuse_locked(client, request, status);
        return true;
    }
    request->sent = true;
    client->in_flight++;
    client->stats.requests++;
    return true;
}

static void send_held_locked(corral_client *client)
{
    bool sent = true;

    while (sent && client->ready && client->in_flight < IN_FLIGHT_MAX && !corrali_list_empty(&client->held)) {
        corrali_request *request = CORRALI_CONTAINER(client->held.next, corrali_request, link);

        corrali_list_remove(&request->link);
        request->held = false;
        sent = send_locked(client, request);
        if (!sent) {
            request->held = true;
            corrali_list_insert_before(client->held.next, &request->link);
        }
    }
}

void corrali_submit_locked(corral_client *client, corrali_request *request)
{
    corrali_list_init(&request->link);
    if (client->shut) {
        refuse_locked(client, request, CORRAL_ECLOSED);
    } else {
        hold_locked(client, request);
        send_held_locked(client);
    }
}

bool corrali_withdraw_locked(corral_client *client, corrali_request *request)
{
    (void)client;
    if (!request->held) {
        return false;
    }
    request->held = false;
    corrali_list_remove(&request->link);
    return true;
}

void corrali_session_shut_locked(corral_client *client)
{
    corrali_link *link;

    client->shut = true;
    while ((link = corrali_list_pop(&client->held)) != NULL) {
        corrali_request *request = CORRALI_CONTAINER(link, corrali_request, link);

        request->held = false;
        refuse_locked(client, request, CORRAL_ECLOSED);
    }
    client->backend->vtable->close(client->backend);
}

void corrali_session_finish_locked(corral_client *client)
{
    tell_refused_locked(client);
    client->armed = 0; /* the backend is not to be asked for the time any more */
}

/* --- states --- */

static void announce(corrali_task *task)
{
    corrali_announcer *own = CORRALI_CONTAINER(task, corrali_announcer, task);
    corral_client *client = CORRALI_CONTAINER(own, corral_client, announcer);
    corral_state states[8];
    size_t count;

    corrali_lock(client);
    count = own->count;
    memcpy(states, own->states, sizeof states);
    own->count = 0;
    corrali_unlock(client);
    for (size_t i = 0; i < count; i++) {
        own->callback(client, states[i], own->arg);
    }
}

void corrali_announce_locked(corral_client *client, corral_state state)
{
    static const char *const names[] = {"connecting",  "connected",   "suspended", "lost",
                                        "reconnected", "auth failed", "closed"};
    corrali_announcer *own = &client->announcer;

    atomic_store(&client->state, state);
    corrali_log(&client->log, CORRAL_LOG_INFO, "corral: session %s", names[state]);
    if (own->callback == NULL) {
        return;
    }
    if (own->count == 0) {
        corrali_dispatch_add_locked(client, &own->task);
    }
    if (own->count == sizeof own->states / sizeof own->states[0]) {
        own->count--;
    }
    own->states[own->count++] = state;
}

/* --- the barrier --- */

static void ready_locked(corral_client *client)
{
    bool first = atomic_load(&client->state) == CORRAL_STATE_CONNECTING;

    client->ready = true;
    corrali_announce_locked(client, first ? CORRAL_STATE_CONNECTED : CORRAL_STATE_RECONNECTED);
    send_held_locked(client);
}

/* Whatever it does goes by way of a quorum; where it can, it renews LIVE. */
static void compose_barrier_locked(corral_client *client)
{
    corrali_request *barrier = &client->barrier;
    const char *live = client->writer.live;

    barrier->write_count = 0;
    if (!client->writer.touched) {
        barrier->writes[barrier->write_count++] =
            (corrali_write){.kind = CORRALI_CHECK, .path = "/", .version = CORRALI_VERSION_ANY};
        return;
    }
    if (client->barrier_replaces) {
        barrier->writes[barrier->write_count++] =
            (corrali_write){.kind = CORRALI_DELETE, .path = live, .version = CORRALI_VERSION_ANY};
    }
    barrier->writes[barrier->write_count++] =
        (corrali_write){.kind = CORRALI_CREATE, .path = live, .data = "", .ephemeral = true};
}

/*
 * Is LIVE, after that answer, still to be renewed? One that is there can be that
 * of a session which we were told has ended, and which has not: a leader that
 * is cut off says so, and nobody else comes to know. It will end later, and LIVE
 * with it, so ours takes its place.
 */
static bool must_renew_locked(corral_client *client, int status)
{
    bool replaced = client->barrier_replaces;

    client->barrier_replaces = client->writer.touched && !replaced && status == CORRAL_EEXIST;
    return client->barrier_replaces || (replaced && status == CORRAL_ENOENT);
}

/* If the session needs one, and it is not under way. It goes past the held requests. */
static void send_barrier_locked(corral_client *client)
{
    if (client->connected && !client->shut && !client->barrier.sent &&
        client->barrier_passed != client->session_id) {
        compose_barrier_locked(client);
        (void)send_locked(client, &client->barrier);
    }
}

static void barrier_done(corrali_request *request)
{
    corral_client *client = CORRALI_CONTAINER(request, corral_client, barrier);

    request->sent = false;
    if (request->status == CORRAL_ELOST) {
        send_barrier_locked(client);
        return;
    }
    if (must_renew_locked(client, request->status)) {
        send_barrier_locked(client);
        return;
    }
    /* Any answer of the server's means that it has caught up, also a refusal. */
    client->barrier_passed = client->session_id;
    corrali_watched_renew_locked(client);
    if (client->connected && !client->shut) {
        ready_locked(client);
    }
}

/* --- the backend's events --- */

static void on_connected(void *owner, int64_t session_id, int64_t timeout_ms, int64_t asked_at)
{
    corral_client *client = owner;

    corrali_lock(client);
    client->connected = true;
    client->session_timeout_ms = timeout_ms;
    if (session_id != client->session_id) {
        client->session_id = session_id;
        client->stats.sessions++;
        corrali_pulse_began_locked(client, asked_at);
    } else {
        corrali_pulse_resumed_locked(client);
    }
    if (client->barrier_passed == session_id) {
        ready_locked(client);
    } else {
        send_barrier_locked(client);
    }
    corrali_unlock(client);
}

static void on_suspended(void *owner)
{
    corral_client *client = owner;

    corrali_lock(client);
    client->connected = false;
    if (client->ready) {
        corrali_announce_locked(client, CORRAL_STATE_SUSPENDED);
    }
    client->ready = false;
    corrali_contenders_suspended_locked(client);
    corrali_watched_suspended_locked(client);
    corrali_unlock(client);
}

static void on_expired(void *owner)
{
    corral_client *client = owner;

    corrali_lock(client);
    client->connected = false;
    client->ready = false;
    client->session_id = 0;
    corrali_pulse_stop_locked(client);
    corrali_announce_locked(client, CORRAL_STATE_LOST);
    corrali_contenders_end_locked(client, CORRAL_ELOST);
    corrali_unlock(client);
}

static void on_auth_failed(void *owner)
{
    corral_client *client = owner;

    corrali_lock(client);
    client->connected = false;
    client->ready = false;
    client->auth_failed = true;
    corrali_announce_locked(client, CORRAL_STATE_AUTH_FAILED);
    corrali_client_abort_all_locked(client, CORRAL_EACCES);
    corrali_unlock(client);
}

/* A refused MULTI is agreed on by a quorum, too; but not when the server refused it by itself. */
static bool is_proof(const corrali_request *request)
{
    return request->kind == CORRALI_MULTI &&
           (request->status == CORRAL_OK || request->status == CORRAL_ENOENT ||
            request->status == CORRAL_EEXIST || request->status == CORRAL_ECONFLICT);
}

static void on_reply(void *owner, corrali_request *request)
{
    corral_client *client = owner;

    corrali_lock(client);
    client->in_flight--;
    if (request->status != CORRAL_ELOST && request->status != CORRAL_ECLOSED) {
        corrali_pulse_answered_locked(client, request->sent_at);
    }
    if (is_proof(request)) {
        corrali_pulse_proven_locked(client, request->sent_at);
    }
    request->done(request);
    send_held_locked(client);
    tell_refused_locked(client);
    corrali_unlock(client);
}

static void on_changed(void *owner, const char *path, corrali_change change)
{
    corral_client *client = owner;

    corrali_lock(client);
    corrali_watched_changed_locked(client, path, change);
    corrali_wires_changed_locked(client, path, change == CORRALI_DELETED);
    corrali_unlock(client);
}

static void on_timer(void *owner)
{
    corral_client *client = owner;
    corrali_timer *due;
    int64_t now;

    corrali_lock(client);
    client->armed = CORRALI_NEVER;
    now = corrali_now_locked(client);
    while ((due = corrali_timers_take_due(&client->timers, now)) != NULL) {
        due->fire(due);
    }
    send_barrier_locked(client);
    send_held_locked(client);
    tell_refused_locked(client);
    corrali_unlock(client);
}

static void on_closed(void *owner)
{
    corral_client *client = owner;

    corrali_lock(client);
    tell_refused_locked(client);
    corrali_unlock(client);
    corrali_latch_open(&client->closed);
}

const corrali_backend_events corrali_session_events = {.connected = on_connected,
                                                       .suspended = on_suspended,
                                                       .expired = on_expired,
                                                       .auth_failed = on_auth_failed,
                                                       .reply = on_reply,
                                                       .changed = on_changed,
                                                       .timer = on_timer,
                                                       .closed = on_closed};

void corrali_session_init(corral_client *client)
{
    corrali_list_init(&client->held);
    corrali_list_init(&client->refused);
    client->barrier.kind = CORRALI_MULTI;
    client->barrier.done = barrier_done;
    client->announcer.task.run = announce;
    corrali_list_init(&client->announcer.task.link);
}

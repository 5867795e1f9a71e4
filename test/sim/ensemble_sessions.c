/*
 * Sessions, which the leader opens and ends, and the way to the leader for all
 * that it has to say.
 */
#include <corral/status.h>

#include "ensemble_internal.h"

/* --- sessions --- */

session *ensemble_find_session(const ensemble *e, int64_t id)
{
    session *each = e->sessions;

    while (each != NULL && each->id != id) {
        each = each->next;
    }
    return each;
}

static bool is_open(const session *s)
{
    return s != NULL && s->opened != SIZE_MAX && s->closed == SIZE_MAX;
}

bool ensemble_session_lives(const ensemble *e, int64_t id)
{
    return is_open(ensemble_find_session(e, id));
}

void ensemble_touch(connection *via)
{
    const ensemble *e = via->ensemble;

    if (via->session == NULL) {
        return;
    }
    if (via->server == e->leader) {
        via->session->expires = e->world->now + via->session->timeout;
    } else {
        via->session->touched[via->server] = true;
    }
}

static void close_session(ensemble *e, session *s, call *asked)
{
    entry *proposal = world_alloc(e->world, sizeof *proposal);

    proposal->txn = (transaction){.session = s->id, .closes = true};
    proposal->call = asked;
    ensemble_propose(e, proposal);
    s->closed = e->length;
}

void ensemble_relay(ensemble *e)
{
    for (session *s = e->sessions; s != NULL; s = s->next) {
        for (int i = 0; i < SERVERS; i++) {
            if (s->touched[i] && e->servers[i].serves && ensemble_reaches_leader(e, i)) {
                s->touched[i] = false;
                s->expires = e->world->now + s->timeout;
            }
        }
    }
}

void ensemble_expire(ensemble *e)
{
    for (session *s = e->sessions; s != NULL && e->leader >= 0; s = s->next) {
        if (is_open(s) && e->world->now >= s->expires) {
            world_note(e->world, "session %ld expires", (long)s->id);
            e->world->rare[RARE_EXPIRED]++;
            close_session(e, s, NULL);
        }
    }
}

static void open_session(connection *via)
{
    ensemble *e = via->ensemble;
    entry *proposal = world_alloc(e->world, sizeof *proposal);
    session *s = via->session;

    s->id = ++e->last_session;
    s->next = e->sessions;
    s->owner = via->server;
    s->expires = e->world->now + s->timeout;
    s->closed = SIZE_MAX;
    e->sessions = s;
    proposal->txn = (transaction){.session = s->id, .opens = true};
    proposal->opens = via;
    ensemble_propose(e, proposal);
    s->opened = e->length;
}

/* --- to the leader, and back: in order with what it proposes --- */

typedef struct {
    connection *via;
    call *call; /* NULL: about the session */
    uint32_t life, leader_life;
    bool valid;
} to_leader;

static bool still_there(const to_leader *message)
{
    ensemble *e = message->via->ensemble;
    server *s = ensemble_server(message->via);

    return ensemble_reaches_leader(e, message->via->server) &&
           e->servers[e->leader].life == message->leader_life && s->life == message->life;
}

static void returns(void *subject, int64_t argument)
{
    to_leader *message = subject;
    connection *via = message->via;

    (void)argument;
    if (!still_there(message) || !via->server_open) {
        return;
    }
    if (message->call == NULL) {
        via->establishing = false;
        ensemble_tell_established(via, message->valid ? via->session->id : 0);
    } else {
        message->call->ready = true;
        ensemble_answer_all(via->ensemble, via->server);
    }
}

static void send_back(to_leader *message)
{
    ensemble *e = message->via->ensemble;

    if (message->via->server == e->leader) {
        returns(message, 0);
    } else {
        world_at(e->world, ensemble_arrival(e, &ensemble_server(message->via)->down_floor), returns, message,
                 0);
    }
}

static void leader_opens(to_leader *message)
{
    connection *via = message->via;

    if (via->session->id == 0) {
        open_session(via);
        return;
    }
    message->valid = is_open(via->session);
    if (message->valid) {
        via->session->owner = via->server;
        via->session->expires = via->ensemble->world->now + via->session->timeout;
    }
    send_back(message);
}

static void leader_takes(to_leader *message)
{
    connection *via = message->via;
    ensemble *e = via->ensemble;
    call *asked = message->call;

    if (asked->kind == CORRALI_SYNC) {
        asked->after = e->length;
        send_back(message);
    } else if (!is_open(via->session) || via->session->owner != via->server) {
        e->world->rare[RARE_MOVED_REFUSED] += is_open(via->session);
        world_note(e->world, "server %d: write of a session that is gone", via->server);
        ensemble_drop(via);
    } else if (asked->closes) {
        close_session(e, via->session, asked);
    } else {
        entry *proposal = world_alloc(e->world, sizeof *proposal);

        asked->txn.session = via->session->id;
        proposal->txn = asked->txn;
        tree_give_writes(e->world, &proposal->txn, asked->txn.writes, asked->txn.count);
        proposal->call = asked;
        ensemble_propose(e, proposal);
        e->world->rare[RARE_LATE_APPLIED] += !via->client_open && proposal->txn.status == CORRAL_OK;
    }
}

static void at_leader(void *subject, int64_t argument)
{
    to_leader *message = subject;

    (void)argument;
    if (!still_there(message)) {
        return;
    }
    if (message->call == NULL) {
        leader_opens(message);
    } else {
        leader_takes(message);
    }
}

void ensemble_ask_leader(connection *via, call *asked)
{
    ensemble *e = via->ensemble;
    server *s = ensemble_server(via);
    to_leader *message;

    if (!ensemble_reaches_leader(e, via->server)) {
        return; /* there is nobody to hear it */
    }
    message = world_alloc(e->world, sizeof *message);
    *message =
        (to_leader){.via = via, .call = asked, .life = s->life, .leader_life = e->servers[e->leader].life};
    if (via->server == e->leader) {
        at_leader(message, 0);
    } else {
        world_at(e->world, ensemble_arrival(e, &s->up_floor), at_leader, message, 0);
    }
}

void ensemble_applied(ensemble *e, int number, entry *applied)
{
    call *asked = applied->call;
    connection *next;

    if (asked != NULL && asked->via->server == number) {
        asked->ready = true;
        asked->status = applied->txn.status;
        asked->failed = applied->txn.failed;
        asked->txn = applied->txn;
    }
    if (applied->opens != NULL && applied->opens->server == number && applied->opens->server_open) {
        applied->opens->establishing = false;
        ensemble_tell_established(applied->opens, applied->txn.session);
    }
    if (applied->txn.closes) {
        ensemble_answer_all(e, number);
        for (connection *via = e->servers[number].connections; via != NULL; via = next) {
            next = via->next;
            if (via->session->id == applied->txn.session) {
                ensemble_drop(via);
            }
        }
    }
}

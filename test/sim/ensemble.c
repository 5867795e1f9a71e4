/*
 * The servers: what they say to each other. The times are those of machines
 * in one room, some of the messages late.
 */
#include "ensemble.h"

#include <corral/status.h>

#include <stdlib.h>
#include <string.h>

#include "ensemble_internal.h"

/* How often the leader looks for sessions to end, and hears which of them have spoken: half a tick, of which
 * the shortest session has two. */
#define LOOK (500 * SIM_MS)
#define RELAY (1 * SIM_S)

static int64_t hop(ensemble *e)
{
    return world_delay(e->world, 20 * SIM_US, 20 * SIM_MS);
}

/* When a message that leaves now arrives: not before one that left earlier. */
int64_t ensemble_arrival(ensemble *e, int64_t *floor)
{
    int64_t when = e->world->now + hop(e);

    *floor = when > *floor ? when : *floor;
    return *floor;
}

/* --- the log --- */

static void ignore(void *arg, int path, tree_change change, const access_list *acl)
{
    (void)arg;
    (void)path;
    (void)change;
    (void)acl;
}

typedef struct {
    ensemble *e;
    int number;
    uint32_t life;
    size_t length;
} to_server;

static void when_told(ensemble *e, int number, int64_t *floor, world_fire fire, size_t length)
{
    to_server *message = world_alloc(e->world, sizeof *message);

    *message = (to_server){.e = e, .number = number, .life = e->servers[number].life, .length = length};
    world_at(e->world, ensemble_arrival(e, floor), fire, message, 0);
}

/* Does the message arrive? */
static server *receiver(const to_server *message)
{
    server *s = &message->e->servers[message->number];

    return s->serves && s->life == message->life && ensemble_reaches_leader(message->e, message->number)
               ? s
               : NULL;
}

static void committed_at(void *subject, int64_t argument)
{
    to_server *message = subject;
    server *s = receiver(message);

    (void)argument;
    if (s != NULL && message->length > s->committed) {
        s->committed = message->length;
        ensemble_catch_up(message->e, message->number);
    }
}

void ensemble_commit(ensemble *e)
{
    size_t length = e->committed;

    for (int i = 0; i < SERVERS; i++) {
        size_t count = 0;
        size_t accepted = e->servers[i].accepted;

        for (int j = 0; j < SERVERS; j++) {
            count += e->servers[j].accepted >= accepted;
        }
        length = count > SERVERS / 2 && accepted > length ? accepted : length;
    }
    if (length == e->committed || e->leader < 0 || e->servers[e->leader].cut) {
        return;
    }
    e->committed = length;
    for (int i = 0; i < SERVERS; i++) {
        if (i == e->leader) {
            e->servers[i].committed = length;
            ensemble_catch_up(e, i);
        } else {
            when_told(e, i, &e->servers[i].down_floor, committed_at, length);
        }
    }
}

static void acknowledged(void *subject, int64_t argument)
{
    to_server *message = subject;
    server *s = receiver(message);

    (void)argument;
    if (s != NULL && message->length > s->accepted) {
        s->accepted = message->length;
        ensemble_commit(message->e);
    }
}

static void proposed_at(void *subject, int64_t argument)
{
    to_server *message = subject;
    server *s = receiver(message);

    (void)argument;
    if (s != NULL) {
        when_told(message->e, message->number, &s->up_floor, acknowledged, message->length);
    }
}

/* Deleted and made again: its version was used up. */
static bool replaces(const transaction *txn)
{
    const tree_write *last_two = txn->count > 1 ? &txn->writes[txn->count - 2] : NULL;

    return txn->status == CORRAL_OK && txn->session != 0 && last_two != NULL &&
           last_two[0].kind == CORRALI_DELETE && last_two[1].kind == CORRALI_CREATE &&
           last_two[0].path == last_two[1].path;
}

/* Something deleted of a client that is certainly not there. */
static bool sweeps(const transaction *txn)
{
    return txn->status == CORRAL_OK && txn->count == 3 && txn->writes[0].ephemeral &&
           txn->writes[1].kind == CORRALI_DELETE && txn->writes[1].path == txn->writes[0].path;
}

void ensemble_propose(ensemble *e, entry *proposal)
{
    world *w = e->world;

    proposal->alone = e->servers[e->leader].cut;
    proposal->txn.zxid = ++e->zxid;
    proposal->txn.time_ms = w->calendar_ms + w->now / SIM_MS;
    tree_try(&e->prepared, &proposal->txn);
    w->rare[RARE_WRAPPED] += replaces(&proposal->txn);
    w->rare[RARE_LANE_SWEPT] += sweeps(&proposal->txn);
    if (proposal->txn.status == CORRAL_OK && e->written != NULL) {
        e->written(e, &proposal->txn);
    }
    if (e->length == e->capacity) {
        e->capacity = e->capacity == 0 ? 256 : 2 * e->capacity;
        e->log = realloc(e->log, e->capacity * sizeof *e->log);
        if (e->log == NULL) {
            abort();
        }
    }
    e->log[e->length++] = proposal;
    e->servers[e->leader].accepted = e->length;
    for (int i = 0; i < SERVERS; i++) {
        if (i != e->leader) {
            when_told(e, i, &e->servers[i].down_floor, proposed_at, e->length);
        }
    }
}

/* --- life --- */

static void looks(void *subject, int64_t argument)
{
    ensemble *e = subject;

    (void)argument;
    ensemble_expire(e);
    world_at(e->world, e->world->now + LOOK, looks, e, 0);
}

static void hears(void *subject, int64_t argument)
{
    ensemble *e = subject;

    (void)argument;
    ensemble_relay(e);
    world_at(e->world, e->world->now + RELAY, hears, e, 0);
}

void ensemble_open(ensemble *e, world *w)
{
    *e = (ensemble){.world = w, .leader = -1};
    tree_open(&e->prepared, w);
    for (int i = 0; i < SERVERS; i++) {
        tree_open(&e->servers[i].tree, w);
        e->servers[i].up = true;
    }
    ensemble_lead(e, (int)world_below(w, SERVERS));
    for (int i = 0; i < SERVERS; i++) {
        ensemble_joins(e, i);
    }
    hears(e, 0); /* before it looks at the same time */
    looks(e, 0);
}

void ensemble_close(ensemble *e)
{
    for (int i = 0; i < SERVERS; i++) {
        while (e->servers[i].connections != NULL) {
            connection *via = e->servers[i].connections;

            e->servers[i].connections = via->next;
            free(via->watches);
        }
        tree_close(&e->servers[i].tree);
    }
    tree_close(&e->prepared);
    free(e->log);
}

const tree *ensemble_state(const ensemble *e)
{
    return e->leader < 0 ? NULL : &e->servers[e->leader].tree;
}

bool ensemble_meddle(ensemble *e, const tree_write *writes, size_t count)
{
    entry *proposal = world_alloc(e->world, sizeof *proposal);

    if (e->leader < 0 || e->servers[e->leader].cut) {
        return false;
    }
    world_note(e->world, "somebody meddles with %s", world_path_text(e->world, writes->path));
    tree_give_writes(e->world, &proposal->txn, writes, count);
    ensemble_propose(e, proposal);
    return true;
}

void ensemble_put(ensemble *e, const char *path, const char *data, size_t length, int32_t version)
{
    int number = world_path(e->world, path);
    blob copy = {.bytes = world_copy(e->world, data, length), .length = length};
    znode *node;

    e->zxid += 2;
    for (int i = -1; i < SERVERS; i++) {
        node = tree_force(i < 0 ? &e->prepared : &e->servers[i].tree, number);
        node->czxid = e->zxid - 1;
        node->mzxid = version == 0 ? node->czxid : e->zxid;
        node->pzxid = node->czxid;
        node->version = version;
        node->data = copy;
    }
}

void ensemble_put_worn(ensemble *e, const char *path, int32_t creations)
{
    ensemble_put(e, path, "", 0, 0);
    for (int i = -1; i < SERVERS; i++) {
        tree_force(i < 0 ? &e->prepared : &e->servers[i].tree, world_path(e->world, path))->creations =
            creations;
    }
}

/* --- applying --- */

typedef struct {
    ensemble *e;
    int number;
} watching;

static void changed(void *arg, int path, tree_change change, const access_list *acl)
{
    watching *own = arg;

    ensemble_fire_watches(own->e, own->number, path, change, acl);
}

static void unstuck(void *subject, int64_t number)
{
    ensemble_catch_up(subject, (int)number);
}

void ensemble_catch_up(ensemble *e, int number)
{
    server *s = &e->servers[number];
    watching here = {.e = e, .number = number};

    if (e->world->now < s->stuck_until) {
        if (s->applied < s->committed) {
            world_at(e->world, s->stuck_until, unstuck, e, number);
        }
        return;
    }
    while (s->applied < s->committed) {
        entry *applied = e->log[s->applied++];

        /* The results are the same on every server. */
        tree_apply(&s->tree, &applied->txn, s->serves ? changed : ignore, &here);
        ensemble_applied(e, number, applied);
        ensemble_answer_all(e, number);
    }
}

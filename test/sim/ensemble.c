/*
 * The servers: what they say to each other. The times are those of machines
 * in one room, some of the messages late.
 */
#include "ensemble.h"

#include <corral/status.h>

#include <stdlib.h>
#include <string.h>

#include "ensemble_internal.h"

/* How long until a dead leader is replaced, and a server that is alone stops serving. */
#define ELECTION_LEAST (200 * SIM_MS)
#define ELECTION_MOST (2 * SIM_S)
#define ALONE_LEAST (1 * SIM_S)
#define ALONE_MOST (5 * SIM_S)
#define TICK (500 * SIM_MS)

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

static void ignore(void *arg, int path)
{
    (void)arg;
    (void)path;
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

    return s->serves && !s->cut && s->life == message->life ? s : NULL;
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

static void commit(ensemble *e)
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
        commit(message->e);
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
    const tree_write *last = &txn->writes[txn->count - 1];

    return txn->status == CORRAL_OK && txn->count > 1 && last[0].kind == CORRALI_CREATE &&
           last[-1].kind == CORRALI_DELETE && last[-1].path == last[0].path;
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

    proposal->txn.zxid = ++e->zxid;
    proposal->txn.time_ms = w->calendar_ms + w->now / SIM_MS;
    tree_try(&e->prepared, &proposal->txn);
    w->rare[RARE_WRAPPED] += replaces(&proposal->txn);
    w->rare[RARE_LANE_SWEPT] += sweeps(&proposal->txn);
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

/* --- elections --- */

static void close_all(ensemble *e, int number)
{
    server *s = &e->servers[number];

    while (s->connections != NULL) {
        ensemble_drop(s->connections);
    }
}

static bool can_vote(const server *s)
{
    return s->up && !s->cut;
}

/* @number follows: it has what the leader has, and serves. */
static void join(ensemble *e, int number)
{
    server *s = &e->servers[number];

    s->serves = true;
    s->stuck_until = 0;
    s->life++;
    s->accepted = e->length;
    s->committed = e->committed;
    commit(e);
    s->committed = e->committed;
    ensemble_catch_up(e, number);
}

static void joins(void *subject, int64_t number)
{
    ensemble *e = subject;
    server *s = &e->servers[number];

    if (e->leader >= 0 && can_vote(s) && !s->serves && !e->servers[e->leader].cut) {
        world_note(e->world, "server %d follows", (int)number);
        join(e, (int)number);
    }
}

static void cut_off_log(ensemble *e, size_t length)
{
    if (length < e->length) {
        e->world->rare[RARE_DROPPED_COMMITS]++;
    }
    for (session *s = e->sessions; s != NULL; s = s->next) {
        s->opened = s->opened != SIZE_MAX && s->opened > length ? SIZE_MAX : s->opened;
        s->closed = s->closed != SIZE_MAX && s->closed > length ? SIZE_MAX : s->closed;
    }
    for (int i = 0; i < SERVERS; i++) {
        server *s = &e->servers[i];

        s->accepted = s->accepted > length ? length : s->accepted;
    }
    e->length = length;
}

static void lead(ensemble *e, int number)
{
    server *s = &e->servers[number];

    world_note(e->world, "server %d leads from %zu of %zu on", number, s->accepted, e->length);
    cut_off_log(e, s->accepted);
    e->leader = number;
    e->zxid = ((e->zxid >> 32) + 1) << 32;
    e->committed = e->length;
    /* It begins once a quorum has taken over all of it. */
    for (int i = 0; i < SERVERS; i++) {
        e->servers[i].accepted = can_vote(&e->servers[i]) ? e->length : e->servers[i].accepted;
    }
    join(e, number);
    tree_copy(&e->prepared, &s->tree);
    for (session *each = e->sessions; each != NULL; each = each->next) {
        each->expires = e->world->now + each->timeout;
    }
    for (int i = 0; i < SERVERS; i++) {
        if (i != number) {
            world_at(e->world, e->world->now + world_delay(e->world, SIM_MS, 300 * SIM_MS), joins, e, i);
        }
    }
}

static void elects(void *subject, int64_t argument)
{
    ensemble *e = subject;
    int best = -1, count = 0;

    (void)argument;
    e->electing = false;
    for (int i = 0; i < SERVERS; i++) {
        if (can_vote(&e->servers[i])) {
            count++;
            best = best < 0 || e->servers[i].accepted > e->servers[best].accepted ? i : best;
        }
    }
    if (count > SERVERS / 2) {
        /* All must be part of it: their connections went with the old leader. */
        lead(e, best);
    }
}

static void stop_serving(ensemble *e, int number)
{
    server *s = &e->servers[number];

    s->serves = false;
    s->life++;
    close_all(e, number);
}

/* There is no leader any more: nobody serves until there is. */
static void elect(ensemble *e)
{
    e->leader = -1;
    for (int i = 0; i < SERVERS; i++) {
        if (e->servers[i].serves && !e->servers[i].cut) {
            stop_serving(e, i);
        }
    }
    if (!e->electing) {
        e->electing = true;
        world_at(e->world, e->world->now + world_delay(e->world, ELECTION_LEAST, ELECTION_MOST), elects, e,
                 0);
    }
}

/* --- faults --- */

void ensemble_kill(ensemble *e, int number)
{
    world_note(e->world, "server %d is killed%s", number, e->leader == number ? ", the leader" : "");
    stop_serving(e, number);
    e->servers[number].up = false;
    if (e->leader == number) {
        elect(e);
    } else if (e->leader >= 0) {
        int others = 0;

        for (int i = 0; i < SERVERS; i++) {
            others += i != e->leader && e->servers[i].serves && !e->servers[i].cut;
        }
        if (others + 1 <= SERVERS / 2) {
            elect(e);
        }
    }
}

static void come_back(ensemble *e, int number)
{
    if (e->leader >= 0 && !e->servers[e->leader].cut) {
        world_at(e->world, e->world->now + world_delay(e->world, 10 * SIM_MS, SIM_S), joins, e, number);
    } else {
        elect(e);
    }
}

void ensemble_restart(ensemble *e, int number)
{
    world_note(e->world, "server %d starts", number);
    e->servers[number].up = true;
    come_back(e, number);
}

/* A server that has been alone for too long. */
static void stays_alone(void *subject, int64_t life_and_number)
{
    ensemble *e = subject;
    int number = (int)(life_and_number % SERVERS);
    server *s = &e->servers[number];

    if (s->cut && s->serves && (int64_t)s->life == life_and_number / SERVERS) {
        world_note(e->world, "server %d gives up serving alone", number);
        stop_serving(e, number);
    }
}

void ensemble_cut(ensemble *e, int number)
{
    server *s = &e->servers[number];

    world_note(e->world, "server %d is cut off%s", number, e->leader == number ? ", the leader" : "");
    s->cut = true;
    if (s->serves) {
        world_at(e->world, e->world->now + world_delay(e->world, ALONE_LEAST, ALONE_MOST), stays_alone, e,
                 (int64_t)s->life * SERVERS + number);
    }
    if (e->leader == number) {
        elect(e);
    } else {
        int others = 0;

        for (int i = 0; i < SERVERS; i++) {
            others += e->servers[i].serves && !e->servers[i].cut;
        }
        if (e->leader >= 0 && others <= SERVERS / 2) {
            elect(e);
        }
    }
}

void ensemble_heal(ensemble *e, int number)
{
    server *s = &e->servers[number];

    world_note(e->world, "server %d is reached again", number);
    s->cut = false;
    if (!s->up) {
        return;
    }
    if (s->serves) {
        stop_serving(e, number); /* to be taken in again */
    }
    come_back(e, number);
}

void ensemble_stick(ensemble *e, int number, int64_t until)
{
    world_note(e->world, "server %d sits on its commits", number);
    e->servers[number].stuck_until = until;
}

/* --- life --- */

static void tick(void *subject, int64_t argument)
{
    ensemble *e = subject;

    (void)argument;
    ensemble_expire(e);
    world_at(e->world, e->world->now + TICK, tick, e, 0);
}

void ensemble_open(ensemble *e, world *w)
{
    *e = (ensemble){.world = w, .leader = -1};
    tree_open(&e->prepared, w);
    for (int i = 0; i < SERVERS; i++) {
        tree_open(&e->servers[i].tree, w);
        e->servers[i].up = true;
    }
    lead(e, (int)world_below(w, SERVERS));
    for (int i = 0; i < SERVERS; i++) {
        joins(e, i);
    }
    tick(e, 0);
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

void ensemble_delete(ensemble *e, int path)
{
    entry *proposal = world_alloc(e->world, sizeof *proposal);

    if (e->leader >= 0 && !e->servers[e->leader].cut) {
        world_note(e->world, "somebody deletes %s", world_path_text(e->world, path));
        proposal->txn.count = 1;
        proposal->txn.writes[0] =
            (tree_write){.kind = CORRALI_DELETE, .path = path, .version = CORRALI_VERSION_ANY};
        ensemble_propose(e, proposal);
    }
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
        node->version = version;
        node->data = copy;
    }
}

/* --- applying --- */

typedef struct {
    ensemble *e;
    int number;
} watching;

static void changed(void *arg, int path)
{
    watching *own = arg;

    ensemble_fire_watches(own->e, own->number, path);
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
    }
    ensemble_answer_all(e, number);
}

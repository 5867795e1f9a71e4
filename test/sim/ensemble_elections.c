/*
 * Who leads, who follows, and what keeps them from it.
 */
#include "ensemble_internal.h"

/* How long until a dead leader is replaced, and a server that is alone stops serving. */
#define ELECTION_LEAST (200 * SIM_MS)
#define ELECTION_MOST (2 * SIM_S)
#define ALONE_LEAST (1 * SIM_S)
#define ALONE_MOST (10 * SIM_S)

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
    ensemble_commit(e);
    s->committed = e->committed;
    ensemble_catch_up(e, number);
}

void ensemble_joins(void *subject, int64_t number)
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

void ensemble_lead(ensemble *e, int number)
{
    server *s = &e->servers[number];

    world_note(e->world, "server %d leads from %zu of %zu on", number, s->accepted, e->length);
    cut_off_log(e, s->accepted);
    for (size_t i = e->committed; i < e->length; i++) {
        e->world->rare[RARE_TAIL_KEPT] += e->log[i]->alone;
    }
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
            world_at(e->world, e->world->now + world_delay(e->world, SIM_MS, 300 * SIM_MS), ensemble_joins, e,
                     i);
        }
    }
}

/* How many look for a leader. */
static int looking(const ensemble *e)
{
    int count = 0;

    for (int i = 0; i < SERVERS; i++) {
        count += can_vote(&e->servers[i]) && !e->servers[i].serves;
    }
    return count;
}

static void elects(void *subject, int64_t argument)
{
    ensemble *e = subject;
    int best = -1;

    (void)argument;
    e->electing = false;
    for (int i = 0; i < SERVERS; i++) {
        const server *s = &e->servers[i];

        if (can_vote(s) && !s->serves && (best < 0 || s->accepted > e->servers[best].accepted)) {
            best = i;
        }
    }
    if (looking(e) > SERVERS / 2) {
        /* All must be part of it: their connections went with the old leader. */
        ensemble_lead(e, best);
    }
}

/* Elect, if there are enough for that. */
static void consider(ensemble *e)
{
    if (!e->electing && looking(e) > SERVERS / 2) {
        e->electing = true;
        world_at(e->world, e->world->now + world_delay(e->world, ELECTION_LEAST, ELECTION_MOST), elects, e,
                 0);
    }
}

static void stop_serving(ensemble *e, int number)
{
    server *s = &e->servers[number];

    s->serves = false;
    s->life++;
    close_all(e, number);
    for (session *each = e->sessions; each != NULL; each = each->next) {
        each->touched[number] = false;
    }
}

/* The leader is gone for all to see: nobody serves until there is another. */
static void elect(ensemble *e)
{
    e->leader = -1;
    for (int i = 0; i < SERVERS; i++) {
        if (e->servers[i].serves && !e->servers[i].cut) {
            stop_serving(e, i);
        }
    }
    consider(e);
}

/* --- faults --- */

/* @number is out of reach for the others: can they go on? */
static void do_without(ensemble *e, int number)
{
    int left = 0;

    for (int i = 0; i < SERVERS; i++) {
        left += e->servers[i].serves && !e->servers[i].cut;
    }
    if (e->leader == number || (e->leader >= 0 && left <= SERVERS / 2)) {
        elect(e);
    }
}

void ensemble_kill(ensemble *e, int number)
{
    world_note(e->world, "server %d is killed%s", number, e->leader == number ? ", the leader" : "");
    stop_serving(e, number);
    e->servers[number].up = false;
    do_without(e, number);
}

static void come_back(ensemble *e, int number)
{
    if (e->leader >= 0 && !e->servers[e->leader].cut) {
        world_at(e->world, e->world->now + world_delay(e->world, 10 * SIM_MS, SIM_S), ensemble_joins, e,
                 number);
    } else {
        consider(e);
    }
}

void ensemble_restart(ensemble *e, int number)
{
    world_note(e->world, "server %d starts", number);
    e->servers[number].up = true;
    come_back(e, number);
}

/* A server that has heard nothing from the others, or from its leader, for too long. */
static void stays_alone(void *subject, int64_t life_and_number)
{
    ensemble *e = subject;
    int number = (int)(life_and_number % SERVERS);
    server *s = &e->servers[number];

    if (s->serves && (int64_t)s->life == life_and_number / SERVERS) {
        world_note(e->world, "server %d gives up serving alone", number);
        stop_serving(e, number);
        e->leader = e->leader == number ? -1 : e->leader;
        consider(e);
    }
}

/* @number hears nothing from now on. */
static void leave_alone(ensemble *e, int number)
{
    const server *s = &e->servers[number];
    int64_t patience =
        world_one_in(e->world, 2) ? ALONE_MOST : world_delay(e->world, ALONE_LEAST, ALONE_MOST);

    if (s->serves) {
        world_at(e->world, e->world->now + patience, stays_alone, e, (int64_t)s->life * SERVERS + number);
    }
}

/*
 * A leader goes on until it misses the others, and they until they miss it. It
 * takes what its clients write, though nothing of that can be committed.
 */
void ensemble_cut(ensemble *e, int number)
{
    server *s = &e->servers[number];

    world_note(e->world, "server %d is cut off%s", number, e->leader == number ? ", the leader" : "");
    s->cut = true;
    leave_alone(e, number);
    if (e->leader != number) {
        do_without(e, number);
        return;
    }
    for (int i = 0; i < SERVERS; i++) {
        if (i != number && !e->servers[i].cut) {
            leave_alone(e, i);
        }
    }
    consider(e);
}

void ensemble_heal(ensemble *e, int number)
{
    server *s = &e->servers[number];

    world_note(e->world, "server %d is reached again", number);
    s->cut = false;
    if (!s->up) {
        return;
    }
    if (e->leader == number || e->leader < 0) {
        elect(e); /* those that still follow hear of it now */
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

void ensemble_slow(ensemble *e, int number, int64_t until)
{
    world_note(e->world, "server %d is heard late", number);
    e->servers[number].slow_from = e->world->now;
    e->servers[number].slow_until = until;
}

#include "fleet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "internal.h"

void fleet_fail(fleet *f, const char *format, ...)
{
    va_list arguments;

    if (f->failure[0] == '\0') {
        va_start(arguments, format);
        (void)vsnprintf(f->failure, sizeof f->failure, format, arguments);
        va_end(arguments);
        world_note(&f->world, "WRONG: %s", f->failure);
    }
}

bool fleet_runs(const member *m)
{
    return !m->crashed && !m->closing && !simclient_paused(m->io);
}

/* --- members --- */

static void finish(void *subject, int64_t argument)
{
    member *m = subject;

    (void)argument;
    if (!m->finished) {
        m->finished = true;
        corrali_client_end_close(m->client);
        m->client = NULL;
    }
}

static void dispatch(void *subject, int64_t argument)
{
    member *m = subject;
    fleet *f = m->fleet;

    (void)argument;
    m->dispatching = false;
    if (m->crashed || m->finished) {
        return;
    }
    if (simclient_paused(m->io)) {
        m->dispatching = true;
        world_at(&f->world, f->world.now + 100 * SIM_MS, dispatch, m, 0);
        return;
    }
    if (corral_client_dispatch(m->client) < 0) {
        fleet_fail(f, "client %d: dispatch failed", m->number);
    }
    fleet_look(m); /* that may have made more due */
}

void fleet_look(member *m)
{
    world *w = &m->fleet->world;

    if (m->finished) {
        return;
    }
    if (m->fleet->looked != NULL) {
        m->fleet->looked(m);
    }
    if (m->closing && corrali_latch_is_open(&m->client->closed)) {
        world_at(w, w->now, finish, m, 0);
    } else if (!m->dispatching && !corrali_list_empty(&m->client->dispatch.tasks)) {
        m->dispatching = true;
        world_at(w, w->now + world_delay(w, 0, m->answers_after), dispatch, m, 0);
    }
}

static void look_after(void *subject)
{
    fleet_look(subject);
}

member *fleet_join(fleet *f)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    member *m = &f->members[f->member_count];

    *m = (member){.fleet = f, .number = f->member_count};
    m->io = simclient_new(&f->ensemble, m->number, look_after, m);
    m->answers_after = world_one_in(&f->world, 8) ? 500 * SIM_MS : SIM_MS;
    options.session_timeout_ms = 4000 + (int64_t)world_below(&f->world, 3) * 3000;
    options.dispatch = CORRAL_DISPATCH_FD;
    if (corrali_client_new("sim:1", &options, simclient_backend(m->io), &m->client) != CORRAL_OK) {
        fleet_fail(f, "client %d: cannot be made", m->number);
        m->finished = true;
        return m;
    }
    f->member_count++;
    f->joined(m);
    fleet_look(m);
    return m;
}

void fleet_leave(member *m)
{
    if (m->closing || m->finished) {
        return;
    }
    world_note(&m->fleet->world, "client %d closes", m->number);
    if (m->crashed) {
        simclient_bury(m->io);
    }
    m->fleet->leaving(m);
    m->closing = true;
    m->hurried = !m->fleet->calm;
    corrali_client_begin_close(m->client);
    fleet_look(m);
}

/* --- faults --- */

static member *any_member(fleet *f)
{
    member *m = &f->members[world_below(&f->world, (uint64_t)f->member_count)];

    return m->crashed || m->closing ? NULL : m;
}

static void mend_server(void *subject, int64_t number)
{
    fleet *f = subject;
    server *s = &f->ensemble.servers[number];

    if (!s->up) {
        ensemble_restart(&f->ensemble, (int)number);
    }
    if (s->cut) {
        ensemble_heal(&f->ensemble, (int)number);
    }
}

/* How many servers are as they should be. */
static int sound(const fleet *f)
{
    int count = 0;

    for (int i = 0; i < SERVERS; i++) {
        count += f->ensemble.servers[i].up && !f->ensemble.servers[i].cut;
    }
    return count;
}

/* How long a server is away. */
#define BROKEN_MOST (12 * SIM_S)

static void cut_server(void *subject, int64_t number)
{
    fleet *f = subject;
    const server *s = &f->ensemble.servers[number];

    if (!f->calm && s->up && !s->cut) {
        ensemble_cut(&f->ensemble, (int)number);
    }
}

/* Its network fails bit by bit: first its clients hear late of what it still does, then, at @cut_at, it is
 * cut off. */
static void fail_slowly(fleet *f, int number, int64_t cut_at)
{
    ensemble_slow(&f->ensemble, number, cut_at);
    world_at(&f->world, cut_at, cut_server, f, number);
}

static bool hurt_server(fleet *f)
{
    world *w = &f->world;
    int number =
        world_one_in(w, 2) && f->ensemble.leader >= 0 ? f->ensemble.leader : (int)world_below(w, SERVERS);
    server *s = &f->ensemble.servers[number];
    int64_t broken_at = w->now;

    /* Mostly a quorum is left. */
    if (!s->up || s->cut || (sound(f) < SERVERS && !world_one_in(w, 4))) {
        return false;
    }
    switch (world_below(w, 4)) {
    case 0:
        ensemble_kill(&f->ensemble, number);
        break;
    case 1:
        ensemble_cut(&f->ensemble, number);
        break;
    case 2:
        broken_at += (int64_t)world_below(w, SIM_S);
        fail_slowly(f, number, broken_at);
        break;
    default:
        ensemble_stick(&f->ensemble, number, w->now + world_delay(w, 100 * SIM_MS, 5 * SIM_S));
        return true;
    }
    world_at(w, broken_at + (world_one_in(w, 2) ? BROKEN_MOST : world_delay(w, 100 * SIM_MS, BROKEN_MOST)),
             mend_server, f, number);
    return true;
}

static bool hurt_connection(fleet *f, member *m)
{
    world *w = &f->world;
    bool up = world_one_in(w, 2);

    if (!simclient_connected(m->io)) {
        return false;
    }
    switch (world_below(w, 4)) {
    case 0:
        world_note(w, "client %d is disconnected", m->number);
        simclient_break(m->io);
        break;
    case 1:
        world_note(w, "client %d is isolated", m->number);
        simclient_isolate(m->io, w->now + world_delay(w, 100 * SIM_MS, 20 * SIM_S));
        break;
    case 2:
        /* What is sent now is under way while the connection breaks. */
        world_note(w, "client %d is stalled and disconnected", m->number);
        simclient_stall(m->io, world_delay(w, SIM_MS, 3 * SIM_S), up, !up);
        break;
    default:
        world_note(w, "client %d is stalled", m->number);
        simclient_stall(m->io, world_delay(w, SIM_MS, 5 * SIM_S), up, !up || world_one_in(w, 2));
        break;
    }
    return true;
}

static bool hurt_process(fleet *f, member *m)
{
    world *w = &f->world;

    switch (world_below(w, 6)) {
    case 0:
    case 1:
        world_note(w, "client %d stands still", m->number);
        simclient_pause(m->io, w->now + world_delay(w, 100 * SIM_MS, 25 * SIM_S));
        return true;
    case 2:
    case 3:
        m->starved = true;
        simclient_starve(m->io, 1 + world_below(w, 3));
        return true;
    case 4:
        if (f->member_count < MEMBERS_MAX && world_one_in(w, 2)) {
            world_note(w, "client %d dies", m->number);
            m->crashed = true;
            simclient_crash(m->io);
            fleet_join(f);
            return true;
        }
        return false;
    default:
        if (f->member_count < MEMBERS_MAX && world_one_in(w, 3) && !simclient_paused(m->io)) {
            fleet_leave(m);
            fleet_join(f);
            return true;
        }
        return false;
    }
}

/* Somebody deletes a lane. */
static bool delete_lane(fleet *f)
{
    world *w = &f->world;
    const tree *t = ensemble_state(&f->ensemble);
    int writers = world_path(w, "/corral/writers");

    if (t == NULL) {
        return false;
    }
    for (int writer = world_path_child(w, writers); writer >= 0; writer = world_path_sibling(w, writer)) {
        for (int lane = world_path_child(w, writer); lane >= 0; lane = world_path_sibling(w, lane)) {
            if (tree_find(t, lane) != NULL && tree_find(t, lane)->owner == 0 && world_one_in(w, 6)) {
                tree_write deletion = {.kind = CORRALI_DELETE, .path = lane, .version = CORRALI_VERSION_ANY};

                f->lanes_deleted = true;
                return ensemble_meddle(&f->ensemble, &deletion, 1);
            }
        }
    }
    return false;
}

static bool hurt(fleet *f)
{
    world *w = &f->world;
    member *m = any_member(f);

    switch (world_below(w, 12)) {
    case 0:
    case 1:
    case 2:
        return hurt_server(f);
    case 3:
        if (!f->clock_steps) {
            return false;
        }
        w->calendar_ms += (int64_t)world_below(w, 3) * 3600000 - 3600000;
        f->clock_stepped = true;
        return true;
    case 4:
        return world_one_in(w, 4) && delete_lane(f);
    case 5:
    case 6:
    case 7:
        return m != NULL && hurt_process(f, m);
    default:
        return m != NULL && hurt_connection(f, m);
    }
}

static void trouble(void *subject, int64_t argument)
{
    fleet *f = subject;

    (void)argument;
    if (!f->calm) {
        f->faults += hurt(f);
        world_at(&f->world, f->world.now + world_delay(&f->world, 10 * SIM_MS, 3 * SIM_S), trouble, f, 0);
    }
}

void fleet_trouble(fleet *f)
{
    trouble(f, 0);
}

void fleet_calm(fleet *f)
{
    world_note(&f->world, "faults end");
    f->calm = true;
    for (int i = 0; i < SERVERS; i++) {
        f->ensemble.servers[i].stuck_until = 0;
        mend_server(f, i);
        ensemble_stick(&f->ensemble, i, 0);
    }
}

/* --- life --- */

void fleet_open(fleet *f, uint64_t seed, bool tracing)
{
    world_open(&f->world, seed, tracing);
    ensemble_open(&f->ensemble, &f->world);
}

void fleet_close(fleet *f)
{
    ensemble_close(&f->ensemble);
    world_close(&f->world);
}

bool fleet_step_until(fleet *f, int64_t limit, bool (*done)(void *arg), void *arg)
{
    while (done == NULL || !done(arg)) {
        if (f->failure[0] != '\0' || f->world.now >= limit) {
            return false;
        }
        (void)world_step(&f->world, limit);
    }
    return true;
}

/*
 * The operations of the workload "counters".
 */
#include "counters_internal.h"

#include <inttypes.h>

#include "internal.h"

/* How long what is due may wait for its turn. */
#define LATENESS (150 * SIM_MS)

/* What a program does at once: ordinarily, and when it has been waiting for something. */
enum { BURST_MOST = 8, FLURRY_LEAST = 16, FLURRY_MOST = 64 };

/* What a function of the program says where it refuses. */
enum { REFUSAL = -4711 };

/* Its client may have stood still, and its program looks now and then. */
static bool is_late(const operation *own)
{
    int64_t resumed = simclient_resumes(own->member->io);
    int64_t from = own->due > resumed ? own->due : resumed;

    return own->run->fleet.world.now - from > LATENESS + own->member->answers_after;
}

/* The judge of histories knows no functions: what refuses a sum is a bound. */
static void note_bounds(operation *own)
{
    bool refused = own->seen.status == REFUSAL;

    own->seen.status = CORRAL_ERANGE;
    own->seen.min = refused ? INT64_MIN : own->through->min;
    own->seen.max = refused ? own->limit : own->through->max;
    own->run->fleet.world.rare[refused ? RARE_REFUSED : RARE_OUT_OF_BOUNDS]++;
}

static void ended(operation *own, int status, int64_t value, const corral_stamp *stamp)
{
    fleet *f = &own->run->fleet;

    if (own->ended) {
        fleet_fail(f, "operation %zu has ended twice", (size_t)(own - own->run->operations));
    }
    own->ended = true;
    world_note(&f->world, "client %d operation %zu ends %s %" PRId64, own->member->number,
               (size_t)(own - own->run->operations), corral_status_name(status), value);
    if (own->member->crashed) {
        return; /* nobody hears of it */
    }
    if (is_late(own)) {
        fleet_fail(f, "client %d operation %zu has ended too late", own->member->number,
                   (size_t)(own - own->run->operations));
    }
    own->seen.status = status;
    if (status == CORRAL_ERANGE || status == REFUSAL) {
        note_bounds(own);
    }
    own->seen.returned = f->world.now;
    own->seen.value = value;
    if (stamp != NULL) {
        own->seen.stamp = *stamp;
    }
    if (status == CORRAL_EUNCERTAIN) {
        f->world.rare[RARE_UNCERTAIN]++;
    }
}

static void on_value(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    ended(arg, status, value, stamp);
}

static void on_status(int status, void *arg)
{
    ended(arg, status, 0, NULL);
}

static int add_it(int64_t value, int64_t *ret_value, void *arg)
{
    const operation *own = arg;

    *ret_value = value + own->seen.argument;
    return *ret_value > own->limit ? REFUSAL : CORRAL_OK;
}

static void cancels(void *subject, int64_t argument)
{
    operation *own = subject;
    int64_t now = own->run->fleet.world.now;

    (void)argument;
    if (!own->ended && fleet_runs(own->member)) {
        own->cancelled = true;
        own->due = own->due < now ? own->due : now;
        (void)corral_op_cancel(own->op);
        fleet_look(own->member);
    }
}

static int64_t some_value(run *r, int counter)
{
    for (size_t i = r->count; i > 0; i--) {
        const history_op *seen = &r->operations[i - 1].seen;

        if (seen->counter == (uint32_t)counter && seen->kind == HISTORY_ADD && seen->status == CORRAL_OK) {
            return seen->value;
        }
    }
    return 0;
}

/* Submit it: a non-zero status means that nothing will come of it. */
static int submit(operation *own, int64_t timeout_ms)
{
    corral_counter *counter = own->through->counter;
    history_op *seen = &own->seen;

    switch (seen->kind) {
    case HISTORY_ADD:
        return own->updates
                   ? corral_counter_update_async(counter, add_it, own, timeout_ms, on_value, own, &own->op)
                   : corral_counter_add_async(counter, seen->argument, timeout_ms, on_value, own, &own->op);
    case HISTORY_SET:
        return corral_counter_set_async(counter, seen->argument, timeout_ms, on_value, own, &own->op);
    case HISTORY_COMPARE_SET:
        return corral_counter_compare_set_async(counter, seen->argument, seen->desired, timeout_ms, on_value,
                                                own, &own->op);
    case HISTORY_READ:
        return corral_counter_get_async(counter, own->level, timeout_ms, on_value, own, &own->op);
    case HISTORY_DESTROY:
        return corral_counter_destroy_async(counter, timeout_ms, on_status, own, &own->op);
    }
    return CORRAL_EINVAL;
}

static history_kind some_kind(world *w)
{
    uint64_t dice = world_below(w, 100);

    return dice < 74   ? HISTORY_ADD
           : dice < 80 ? HISTORY_SET
           : dice < 88 ? HISTORY_COMPARE_SET
           : dice < 97 ? HISTORY_READ
                       : HISTORY_DESTROY;
}

/* What to do, and with what. */
static void choose(operation *own)
{
    run *r = own->run;
    world *w = &r->fleet.world;
    size_t number = (size_t)(own - r->operations);
    history_op *seen = &own->seen;

    *seen = (history_op){.client = (uint32_t)own->member->number,
                         .counter = (uint32_t)world_below(w, (uint64_t)r->counter_count),
                         .kind = some_kind(w),
                         .invoked = w->now,
                         .returned = INT64_MAX,
                         .status = CORRAL_EUNCERTAIN,
                         .argument = 10000 + (int64_t)number};
    own->updates = seen->kind == HISTORY_ADD && world_one_in(w, 10);
    own->limit = own->updates && world_one_in(w, 2) ? (int64_t)world_below(w, 2000000) : INT64_MAX;
    own->through = &r->handles[own->member->number][seen->counter][world_below(w, HANDLES)];
    if (seen->kind == HISTORY_COMPARE_SET) {
        seen->argument = some_value(r, (int)seen->counter);
        seen->desired = 1000000 * (int64_t)(number + 1);
    } else if (seen->kind == HISTORY_SET) {
        seen->argument = -1000000 * (int64_t)(number + 1);
    } else if (seen->kind == HISTORY_READ) {
        own->level = (corral_read)world_below(w, 3);
        seen->stale = own->level != CORRAL_READ_LINEARIZABLE;
    }
}

/* False: nothing will come of it. */
static bool begin_one(run *r, member *m, int64_t timeout_ms)
{
    world *w = &r->fleet.world;
    operation *own = &r->operations[r->count];
    history_op *seen = &own->seen;
    int status;

    *own = (operation){.run = r, .member = m, .limited = timeout_ms >= 0, .deadline = INT64_MAX};
    if (own->limited) {
        own->deadline = w->now + SIM_MS * (timeout_ms == 0 ? m->client->request_timeout_ms : timeout_ms);
    }
    own->due = own->deadline;
    choose(own);
    world_note(w, "client %d operation %zu kind %d on %" PRIu32 " of %" PRId64 " for %" PRId64, m->number,
               r->count, (int)seen->kind, seen->counter, seen->argument, timeout_ms);
    r->count++;
    status = submit(own, timeout_ms);
    if (status != CORRAL_OK) {
        own->ended = true;
        seen->status = status;
        seen->returned = w->now;
    }
    return !own->ended;
}

static int64_t some_timeout(world *w)
{
    return world_delay(w, 0, 20 * SIM_S) / SIM_MS;
}

/* What has piled up: much of it will be given up, each at its own time. */
static void begin_flurry(run *r, member *m)
{
    world *w = &r->fleet.world;

    for (uint64_t n = FLURRY_LEAST + world_below(w, FLURRY_MOST - FLURRY_LEAST);
         n > 0 && r->count < OPERATIONS; n--) {
        if (begin_one(r, m, (int64_t)world_below(w, 20000)) && world_one_in(w, 3)) {
            world_at(w, w->now + (int64_t)world_below(w, 10 * SIM_S), cancels, &r->operations[r->count - 1],
                     0);
        }
    }
}

static void begin_few(run *r, member *m)
{
    world *w = &r->fleet.world;
    bool hasty = world_one_in(w, 9);

    for (uint64_t n = 1 + world_below(w, BURST_MOST); n > 0 && r->count < OPERATIONS; n--) {
        if (begin_one(r, m, hasty ? some_timeout(w) : CORRAL_FOREVER) && world_one_in(w, 15)) {
            world_at(w, w->now + world_delay(w, 0, 500 * SIM_MS), cancels, &r->operations[r->count - 1], 0);
        }
    }
}

void counters_work(void *subject, int64_t argument)
{
    run *r = subject;
    world *w = &r->fleet.world;
    member *m = &r->fleet.members[world_below(w, (uint64_t)r->fleet.member_count)];

    (void)argument;
    counters_judge_registrations(r);
    if (fleet_runs(m)) {
        if (world_one_in(w, simclient_connected(m->io) ? 60 : 3)) {
            begin_flurry(r, m);
        } else {
            begin_few(r, m);
        }
        fleet_look(m);
    }
    if (r->count < OPERATIONS && world_one_in(w, 10)) {
        counters_meddle(r);
    }
    if (r->count < OPERATIONS) {
        world_at(w, w->now + world_delay(w, SIM_MS, 4 * SIM_S), counters_work, r, 0);
    }
}

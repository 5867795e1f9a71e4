/*
 * The workload "counters": everybody adds to, sets, compares, updates, reads,
 * destroys and watches the same few counters.
 */
#include "counters_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "sweep.h"
#include "watch.h"

void counters_name(char *ret_path, size_t size, int counter)
{
    (void)snprintf(ret_path, size, counter == 0 ? "/count" : "/deep/er/count%d", counter);
}

int64_t counters_number_in(const znode *node)
{
    char text[32] = "";

    memcpy(text, node->data.bytes, node->data.length < sizeof text - 1 ? node->data.length : sizeof text - 1);
    return strtoll(text, NULL, 10);
}

static bool all_ended(run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (!r->operations[i].ended && !r->operations[i].member->crashed) {
            return false;
        }
    }
    return true;
}

/* Can the outcome be unknown? */
/* --- subscribers --- */

static void on_state(const corral_counter_event *event, void *arg)
{
    subscriber *own = arg;
    fleet *f = &own->run->fleet;

    if (event->status == CORRAL_ECLOSED) {
        return;
    }
    world_note(&f->world, "client %d sees %s %" PRId64, own->member->number,
               corral_status_name(event->status), event->value);
    if (event->status == CORRAL_OK && event->exists && event->stamp.mzxid <= own->newest) {
        fleet_fail(f, "client %d: a state that is not newer than those before", own->member->number);
    }
    if (event->status == CORRAL_OK && !event->exists && own->any && own->last.status == CORRAL_OK &&
        !own->last.exists) {
        fleet_fail(f, "client %d: absent twice", own->member->number);
    }
    if (event->status == CORRAL_OK && event->exists) {
        own->newest = event->stamp.mzxid;
    }
    own->last = *event;
    own->any = true;
}

/* --- members --- */

static void subscribe(run *r, member *m, int counter)
{
    subscriber *own = &r->subscribers[m->number][counter];

    *own = (subscriber){.run = r, .member = m, .counter = counter};
    if (corral_counter_subscribe(r->counters[m->number][counter], on_state, own, &own->watch) != CORRAL_OK) {
        fleet_fail(m->fleet, "client %d: cannot subscribe", m->number);
    }
}

static void joined(member *m)
{
    run *r = counters_run_of(m->fleet);
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;

    r->loose[m->number] = world_one_in(&m->fleet->world, 10);
    options.flags = r->loose[m->number] ? CORRAL_COUNTER_AT_MOST_ONCE : 0;
    for (int i = 0; i < r->counter_count; i++) {
        char path[64];

        counters_name(path, sizeof path, i);
        if (corral_counter_open(m->client, path, &options, &r->counters[m->number][i]) != CORRAL_OK) {
            fleet_fail(m->fleet, "client %d: cannot open %s", m->number, path);
        } else if (world_one_in(&m->fleet->world, 3)) {
            subscribe(r, m, i);
        }
    }
}

static void leaving(member *m)
{
    run *r = counters_run_of(m->fleet);

    /* Nobody is told of the end of a process that is dead. */
    for (size_t i = 0; i < r->count; i++) {
        if (r->operations[i].member == m && !r->operations[i].ended) {
            r->operations[i].cancelled = true;
        }
    }
    for (int i = 0; i < r->counter_count; i++) {
        (void)corral_watch_close(r->subscribers[m->number][i].watch);
        r->subscribers[m->number][i].watch = NULL;
        (void)corral_counter_close(r->counters[m->number][i]);
        r->counters[m->number][i] = NULL;
    }
}

/* --- operations --- */

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
    if (f->world.now > own->due + COUNTERS_LATENESS &&
        f->world.now > simclient_resumes(own->member->io) + COUNTERS_LATENESS) {
        fleet_fail(f, "client %d operation %zu has ended too late", own->member->number,
                   (size_t)(own - own->run->operations));
    }
    own->seen.status = status;
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
    *ret_value = value + ((operation *)arg)->seen.argument;
    return CORRAL_OK;
}

static void cancels(void *subject, int64_t argument)
{
    operation *own = subject;

    (void)argument;
    if (!own->ended && fleet_runs(own->member)) {
        own->cancelled = true;
        own->due = own->run->fleet.world.now;
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
static int submit(operation *own, corral_counter *counter, int64_t timeout_ms, bool update)
{
    history_op *seen = &own->seen;

    switch (seen->kind) {
    case HISTORY_ADD:
        return update
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

static void begin_one(run *r, member *m, bool hasty)
{
    world *w = &r->fleet.world;
    operation *own = &r->operations[r->count];
    int counter = (int)world_below(w, (uint64_t)r->counter_count);
    history_op *seen = &own->seen;
    int64_t timeout_ms = hasty ? world_delay(w, 0, 20 * SIM_S) / SIM_MS : CORRAL_FOREVER;
    bool update = world_one_in(w, 10);
    int status;

    *own =
        (operation){.run = r, .member = m, .limited = timeout_ms >= 0, .due = INT64_MAX - COUNTERS_LATENESS};
    if (own->limited) {
        own->due = w->now + SIM_MS * (timeout_ms == 0 ? m->client->request_timeout_ms : timeout_ms);
    }
    *seen = (history_op){.client = (uint32_t)m->number,
                         .counter = (uint32_t)counter,
                         .kind = some_kind(w),
                         .invoked = w->now,
                         .returned = INT64_MAX,
                         .status = CORRAL_EUNCERTAIN,
                         .argument = 10000 + (int64_t)r->count};
    if (seen->kind == HISTORY_COMPARE_SET) {
        seen->argument = some_value(r, counter);
        seen->desired = 1000000 * (int64_t)(r->count + 1);
    } else if (seen->kind == HISTORY_SET) {
        seen->argument = -1000000 * (int64_t)(r->count + 1);
    } else if (seen->kind == HISTORY_READ) {
        own->level = (corral_read)world_below(w, 3);
        seen->stale = own->level != CORRAL_READ_LINEARIZABLE;
    }
    world_note(w, "client %d operation %zu kind %d on %d of %" PRId64 " for %" PRId64, m->number, r->count,
               (int)seen->kind, counter, seen->argument, timeout_ms);
    r->count++;
    status = submit(own, r->counters[m->number][counter], timeout_ms, update);
    if (status != CORRAL_OK) {
        own->ended = true;
        seen->status = status;
        seen->returned = w->now;
    } else if (world_one_in(w, 15)) {
        world_at(w, w->now + world_delay(w, 0, 500 * SIM_MS), cancels, own, 0);
    }
}

/* Another program, with no lane, adds to a counter that is there; it is not heard of whether that came to be.
 */
static void meddle(run *r)
{
    world *w = &r->fleet.world;
    operation *own = &r->operations[r->count];
    int counter = (int)world_below(w, (uint64_t)r->counter_count);
    int64_t delta = 10000 + (int64_t)r->count;
    char path[64], text[32];
    const znode *node;

    counters_name(path, sizeof path, counter);
    node = tree_find(&r->fleet.ensemble.prepared, world_path(w, path));
    if (node == NULL || node->version == CORRALI_VERSION_LAST) {
        return; /* one more, and nobody may change the counter any more */
    }
    (void)snprintf(text, sizeof text, "%" PRId64, counters_number_in(node) + delta);
    if (ensemble_meddle(&r->fleet.ensemble, (tree_write){.kind = CORRALI_SET,
                                                         .path = world_path(w, path),
                                                         .data = {.bytes = world_copy(w, text, strlen(text)),
                                                                  .length = strlen(text)},
                                                         .version = node->version})) {
        *own = (operation){.run = r, .ended = true};
        own->seen = (history_op){.client = MEMBERS_MAX,
                                 .counter = (uint32_t)counter,
                                 .kind = HISTORY_ADD,
                                 .argument = delta,
                                 .invoked = w->now,
                                 .returned = INT64_MAX,
                                 .status = CORRAL_EUNCERTAIN};
        r->count++;
    }
}

/* A member's program: now and then a few at once. */
static void works(void *subject, int64_t argument)
{
    run *r = subject;
    world *w = &r->fleet.world;
    member *m = &r->fleet.members[world_below(w, (uint64_t)r->fleet.member_count)];

    (void)argument;
    counters_judge_registrations(r);
    if (fleet_runs(m)) {
        bool hasty = world_one_in(w, 9);

        for (uint64_t burst = 1 + world_below(w, 8); burst > 0 && r->count < OPERATIONS; burst--) {
            begin_one(r, m, hasty);
        }
        fleet_look(m);
    }
    if (r->count < OPERATIONS && world_one_in(w, 10)) {
        meddle(r);
    }
    if (r->count < OPERATIONS) {
        world_at(w, w->now + world_delay(w, SIM_MS, 4 * SIM_S), works, r, 0);
    }
}

/* --- the run --- */

static void begin(run *r)
{
    fleet *f = &r->fleet;
    static const int32_t versions[] = {0, INT32_MAX - 40, -60, -3};

    r->counter_count = 1 + (int)world_below(&f->world, COUNTERS_MAX);
    r->sweeping = world_one_in(&f->world, 3);
    f->clock_steps = world_one_in(&f->world, 3);
    /* What is read unasked must not be all that makes subscriptions work. */
    atomic_store(&corrali_watched_check_ms, world_one_in(&f->world, 2) ? 30000 : 24 * 3600 * 1000);
    corrali_sweep_configure(r->sweeping ? AGE_MS : 0, r->sweeping ? INTERVAL_MS : 0);
    f->ensemble.written = counters_judge_write;
    f->joined = joined;
    f->leaving = leaving;
    for (int i = 0; i < r->counter_count; i++) {
        char path[64];

        counters_name(path, sizeof path, i);
        if (world_one_in(&f->world, 2)) {
            ensemble_put(&f->ensemble, path, "7", 1, versions[world_below(&f->world, 4)]);
            r->ends[i] = (history_ends){.present_at_start = true, .value_at_start = 7};
        }
    }
    for (uint64_t n = MEMBERS_LEAST + world_below(&f->world, 3); n > 0; n--) {
        fleet_join(f);
    }
    works(r, 0);
    fleet_trouble(f);
}

static bool step_until(run *r, int64_t limit, bool (*done)(run *))
{
    while (!done(r)) {
        if (r->fleet.failure[0] != '\0' || r->fleet.world.now >= limit) {
            return false;
        }
        (void)world_step(&r->fleet.world, limit);
    }
    return true;
}

static bool all_begun(run *r)
{
    return r->count >= OPERATIONS;
}

static bool never(run *r)
{
    (void)r;
    return false;
}

static bool all_left(run *r)
{
    for (int i = 0; i < r->fleet.member_count; i++) {
        if (!r->fleet.members[i].finished) {
            return false;
        }
    }
    return true;
}

static void add_stats(run *r)
{
    world *w = &r->fleet.world;

    for (int i = 0; i < r->fleet.member_count; i++) {
        corral_client_stats stats;

        if (r->fleet.members[i].client != NULL &&
            corral_client_get_stats(r->fleet.members[i].client, &stats) == CORRAL_OK) {
            w->rare[RARE_RESEND_APPLIED] += stats.resends_applied;
            w->rare[RARE_RESEND_NOT_APPLIED] += stats.resends_not_applied;
            w->rare[RARE_LOST_RACE] += stats.lost_races;
        }
    }
}

static void count_causes(run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        operation *own = &r->operations[i];

        if (own->op != NULL && own->seen.status == CORRAL_EUNCERTAIN && own->ended) {
            r->fleet.world.rare[RARE_LANE_MISSING] += corral_op_cause(own->op) == CORRAL_ENOENT;
        }
        corral_op_unref(own->op);
        own->op = NULL;
    }
}

/* Everybody closes, and nothing is left. */
static void leave(run *r)
{
    fleet *f = &r->fleet;

    count_causes(r);
    for (int i = 0; i < f->member_count; i++) {
        fleet_leave(&f->members[i]);
    }
    if (!step_until(r, f->world.now + 60 * SIM_S, all_left)) {
        fleet_fail(f, "a client does not close");
    }
    (void)step_until(r, f->world.now + 30 * SIM_S, never);
    if (f->failure[0] == '\0') {
        counters_judge_leavings(r);
    }
}

void counters_run(uint64_t seed, bool tracing, sim_result *ret_result)
{
    run *r = calloc(1, sizeof *r);
    fleet *f = &r->fleet;

    fleet_open(f, seed, tracing);
    begin(r);
    (void)step_until(r, 3600 * SIM_S, all_begun);
    fleet_calm(f);
    (void)step_until(r, f->world.now + 120 * SIM_S, all_ended);
    /* Subscriptions read unasked every 15 to 30 seconds. */
    (void)step_until(r, f->world.now + 40 * SIM_S, never);
    if (f->failure[0] == '\0' && ensemble_state(&f->ensemble) == NULL) {
        fleet_fail(f, "the ensemble has no leader");
    }
    counters_judge_outcomes(r);
    if (f->failure[0] == '\0') {
        for (int i = 0; i < r->counter_count; i++) {
            counters_judge_counter(r, i);
        }
        counters_judge_stale_reads(r);
        counters_judge_subscribers(r);
    }
    add_stats(r);
    if (f->failure[0] == '\0') {
        leave(r); /* what is broken might not come to an end */
    }
    ret_result->digest = f->world.digest;
    ret_result->operations = r->count;
    ret_result->faults = f->faults;
    ret_result->unjudged = r->unjudged;
    ret_result->clients = f->member_count;
    ret_result->steps = f->world.steps;
    memcpy(ret_result->rare, f->world.rare, sizeof ret_result->rare);
    memcpy(ret_result->failure, f->failure, sizeof ret_result->failure);
    fleet_close(f);
    free(r);
}

/*
 * The workload "counters": everybody adds to, sets, compares, updates, reads,
 * destroys and watches the same few counters.
 */
#include "counters_internal.h"

#include <stdlib.h>
#include <string.h>

#include "sweep.h"
#include "watch.h"

static corral_encoding some_encoding(world *w)
{
    return world_one_in(w, 2)   ? CORRAL_ENCODING_DECIMAL
           : world_one_in(w, 2) ? CORRAL_ENCODING_INT64_BE
                                : CORRAL_ENCODING_INT32_BE;
}

/* One is there from the beginning, or not. */
static void begin_counter(run *r, int counter)
{
    static const int32_t versions[] = {0, INT32_MAX - 40, -60, -3};
    ensemble *e = &r->fleet.ensemble;
    world *w = &r->fleet.world;
    char path[64];

    r->encodings[counter] = some_encoding(w);
    if (world_one_in(w, 2)) {
        blob seven = counters_spell(r, counter, 7);

        counters_name(path, sizeof path, counter);
        ensemble_put(e, path, seven.bytes, seven.length, versions[world_below(w, 4)]);
        r->put_at[counter] = tree_find(&e->prepared, world_path(w, path))->mzxid;
        r->ends[counter] = (history_ends){.present_at_start = true, .value_at_start = 7};
    }
}

static void begin(run *r)
{
    fleet *f = &r->fleet;

    r->counter_count = 1 + (int)world_below(&f->world, COUNTERS_MAX);
    r->sweeping = world_one_in(&f->world, 3);
    f->clock_steps = world_one_in(&f->world, 3);
    /* What is read unasked must not be all that makes subscriptions work. */
    atomic_store(&corrali_watched_check_ms, world_one_in(&f->world, 2) ? 30000 : 24 * 3600 * 1000);
    corrali_sweep_configure(r->sweeping ? AGE_MS : 0, r->sweeping ? INTERVAL_MS : 0);
    f->ensemble.written = counters_judge_write;
    f->joined = counters_joined;
    f->leaving = counters_leaving;
    for (int i = 0; i < r->counter_count; i++) {
        begin_counter(r, i);
    }
    for (uint64_t n = MEMBERS_LEAST + world_below(&f->world, 3); n > 0; n--) {
        fleet_join(f);
    }
    counters_work(r, 0);
    fleet_trouble(f);
}

static bool all_ended(void *arg)
{
    const run *r = arg;

    for (size_t i = 0; i < r->count; i++) {
        if (!r->operations[i].ended && !r->operations[i].member->crashed) {
            return false;
        }
    }
    return true;
}

static bool all_begun(void *arg)
{
    const run *r = arg;

    return r->count >= OPERATIONS;
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
    fleet_leave_all(f);
    (void)fleet_step_until(f, f->world.now + 30 * SIM_S, NULL, r);
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
    (void)fleet_step_until(f, 3600 * SIM_S, all_begun, r);
    fleet_calm(f);
    (void)fleet_step_until(f, f->world.now + 120 * SIM_S, all_ended, r);
    /* Subscriptions read unasked every 15 to 30 seconds. */
    (void)fleet_step_until(f, f->world.now + 40 * SIM_S, NULL, r);
    if (f->failure[0] == '\0' && ensemble_state(&f->ensemble) == NULL) {
        fleet_fail(f, "the ensemble has no leader");
    }
    counters_judge_outcomes(r);
    if (f->failure[0] == '\0') {
        for (int i = 0; i < r->counter_count; i++) {
            counters_judge_counter(r, i);
            counters_judge_views(r, i);
        }
        counters_judge_subscribers(r);
    }
    fleet_count_paths(f);
    if (f->failure[0] == '\0') {
        leave(r); /* what is broken might not come to an end */
    }
    fleet_tell(f, r->count, ret_result);
    ret_result->unjudged = r->unjudged;
    fleet_close(f);
    free(r);
}

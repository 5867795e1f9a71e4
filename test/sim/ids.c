/*
 * The workload "ids": everybody takes numbers of the same few generators.
 */
#include "ids_internal.h"

#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "sweep.h"

/* How long calls may take to end once faults have, and what is left behind to be deleted. */
#define TO_END (120 * SIM_S)
#define TO_SETTLE (30 * SIM_S)

static void begin(run *r)
{
    fleet *f = &r->fleet;

    r->generator_count = 1 + (int)world_below(&f->world, GENERATORS_MAX);
    r->clocks_step = world_one_in(&f->world, 2);
    corrali_sweep_configure(0, 0);
    f->ensemble.written = ids_written;
    f->joined = ids_joined;
    f->leaving = ids_leaving;
    f->looked = ids_looked;
    for (int i = 0; i < r->generator_count; i++) {
        ids_begin_generator(r, i);
    }
    for (uint64_t n = MEMBERS_LEAST + world_below(&f->world, 3); n > 0; n--) {
        fleet_join(f);
    }
    ids_work(r, 0);
    fleet_trouble(f);
}

static bool all_ended(void *arg)
{
    const run *r = arg;

    for (size_t i = 0; i < r->count; i++) {
        if (!r->calls[i].ended && !r->calls[i].through->member->crashed) {
            return false;
        }
    }
    return true;
}

static bool all_begun(void *arg)
{
    const run *r = arg;

    return r->count >= CALLS;
}

static void forget_calls(run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        call_of_ids *own = &r->calls[i];

        if (own->op != NULL && own->ended && own->status == CORRAL_EUNCERTAIN) {
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

    forget_calls(r);
    fleet_leave_all(f);
    (void)fleet_step_until(f, f->world.now + TO_SETTLE, NULL, r);
    if (f->failure[0] == '\0') {
        ids_judge_leavings(r);
    }
}

void ids_run(uint64_t seed, bool tracing, sim_result *ret_result)
{
    run *r = calloc(1, sizeof *r);
    fleet *f = &r->fleet;

    fleet_open(f, seed, tracing);
    begin(r);
    (void)fleet_step_until(f, 3600 * SIM_S, all_begun, r);
    fleet_calm(f);
    (void)fleet_step_until(f, f->world.now + TO_END, all_ended, r);
    (void)fleet_step_until(f, f->world.now + TO_SETTLE, NULL, r);
    if (f->failure[0] == '\0' && ensemble_state(&f->ensemble) == NULL) {
        fleet_fail(f, "the ensemble has no leader");
    }
    if (f->failure[0] == '\0') {
        ids_judge_outcomes(r);
        ids_judge_history(r);
    }
    fleet_count_paths(f);
    if (f->failure[0] == '\0') {
        leave(r); /* what is broken might not come to an end */
    }
    fleet_tell(f, r->count, ret_result);
    fleet_close(f);
    free(r);
}

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

static bool all_left(void *arg)
{
    const run *r = arg;

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
        }
    }
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
    for (int i = 0; i < f->member_count; i++) {
        fleet_leave(&f->members[i]);
    }
    if (!fleet_step_until(f, f->world.now + 60 * SIM_S, all_left, r)) {
        fleet_fail(f, "a client does not close");
    }
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
    add_stats(r);
    if (f->failure[0] == '\0') {
        leave(r); /* what is broken might not come to an end */
    }
    *ret_result = (sim_result){.digest = f->world.digest,
                               .operations = r->count,
                               .faults = f->faults,
                               .clients = f->member_count,
                               .steps = f->world.steps};
    memcpy(ret_result->rare, f->world.rare, sizeof ret_result->rare);
    memcpy(ret_result->failure, f->failure, sizeof ret_result->failure);
    fleet_close(f);
    free(r);
}

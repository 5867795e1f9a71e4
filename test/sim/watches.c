/*
 * The workload "watches": everybody subscribes to the same few znodes, and to the
 * children of one, and changes them as values; so does another program, which
 * takes permissions, too.
 */
#include <stdlib.h>

#include "sweep.h"
#include "watch.h"
#include "watches_internal.h"

/* How often what is watched is read unasked: so often, or never while a run lasts. */
enum { CHECKS_MS = 30000, NO_CHECKS_MS = 24 * 3600 * 1000 };

/* How long calls may take to end once faults have, subscriptions to come to the last state, and what is
 * left behind to be deleted. */
#define TO_END (120 * SIM_S)
#define TO_ARRIVE (45 * SIM_S)
#define TO_SETTLE (30 * SIM_S)

static void begin(run *r)
{
    fleet *f = &r->fleet;
    world *w = &f->world;
    bool checked;

    f->ensemble.discreet = world_one_in(w, 2);
    r->restricts = world_one_in(w, 2);
    /* What is read unasked must not be all that makes subscriptions work; but where a server keeps a change
     * to itself, nothing else does. */
    checked = (f->ensemble.discreet && r->restricts) || world_one_in(w, 2);
    atomic_store(&corrali_watched_check_ms, checked ? CHECKS_MS : NO_CHECKS_MS);
    corrali_sweep_configure(0, 0);
    f->joined = watches_joined;
    f->leaving = watches_leaving;
    f->looked = watches_looked;
    watches_begin_places(r);
    for (uint64_t n = MEMBERS_LEAST + world_below(w, 3); n > 0; n--) {
        fleet_join(f);
    }
    watches_work(r, 0);
    fleet_trouble(f);
}

static bool all_ended(void *arg)
{
    const run *r = arg;

    for (size_t i = 0; i < r->count; i++) {
        if (!r->calls[i].ended && !r->calls[i].member->crashed) {
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

static void judge(run *r)
{
    watches_look_back(r);
    watches_judge_calls(r);
    if (r->fleet.failure[0] == '\0') {
        watches_judge_views(r);
    }
    if (r->fleet.failure[0] == '\0') {
        watches_judge_subscriptions(r);
    }
}

/* Everybody closes, and nothing is left. */
static void leave(run *r)
{
    fleet *f = &r->fleet;

    for (size_t i = 0; i < r->count; i++) {
        corral_op_unref(r->calls[i].op);
        r->calls[i].op = NULL;
    }
    fleet_leave_all(f);
    watches_close_all(r);
    (void)fleet_step_until(f, f->world.now + TO_SETTLE, NULL, r);
    if (f->failure[0] == '\0') {
        watches_judge_leavings(r);
    }
}

void watches_run(uint64_t seed, bool tracing, sim_result *ret_result)
{
    run *r = calloc(1, sizeof *r);
    fleet *f = &r->fleet;

    fleet_open(f, seed, tracing);
    begin(r);
    (void)fleet_step_until(f, 3600 * SIM_S, all_begun, r);
    fleet_calm(f);
    watches_restore(r, 0);
    (void)fleet_step_until(f, f->world.now + TO_END, all_ended, r);
    (void)fleet_step_until(f, f->world.now + TO_ARRIVE, NULL, r);
    if (f->failure[0] == '\0' && ensemble_state(&f->ensemble) == NULL) {
        fleet_fail(f, "the ensemble has no leader");
    }
    if (f->failure[0] == '\0') {
        judge(r);
    }
    fleet_count_paths(f);
    if (f->failure[0] == '\0') {
        leave(r); /* what is broken might not come to an end */
    }
    fleet_tell(f, r->count, ret_result);
    tree_close(&r->beginning);
    fleet_close(f);
    free(r);
}

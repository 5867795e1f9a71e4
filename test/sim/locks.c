/*
 * The workload "locks": everybody acquires the same few locks, holds them for a
 * while, changes znodes under their guard, and gives them back or does not.
 */
#include "locks_internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep.h"
#include "watch.h"

/* Where a directory's numbers are worn out: src/contender_directory.c. */
enum { WORN = 1 << 30 };

/* In virtual time, after faults have ended. */
#define TO_END (90 * SIM_S)
#define TO_SETTLE (20 * SIM_S)

void locks_name(char *ret_path, size_t size, int lock)
{
    (void)snprintf(ret_path, size, lock == 0 ? "/lock" : "/deep/er/lock%d", lock);
}

const char *locks_directory(const run *r, int lock, bool of_waiters, char *ret_path, size_t size)
{
    bool semaphore = r->schemes[lock] == SEMAPHORE;
    size_t length;

    locks_name(ret_path, size, lock);
    length = strlen(ret_path);
    if (semaphore) {
        (void)snprintf(ret_path + length, size - length, of_waiters ? "/locks" : "/leases");
    }
    return of_waiters && !semaphore ? NULL : ret_path;
}

/* Its directory is there from the beginning, near its limit, or not; what is changed under its guard is. */
static void begin_lock(run *r, int lock)
{
    ensemble *e = &r->fleet.ensemble;
    world *w = &r->fleet.world;
    char path[64];

    r->peer_seen[lock] = -3600 * SIM_S;
    r->schemes[lock] = (scheme)world_below(w, SCHEMES);
    r->permits[lock] = 1 + (uint32_t)world_below(w, 3);
    r->worn[lock] = r->schemes[lock] != SEMAPHORE && world_one_in(w, 3);
    if (r->worn[lock]) {
        locks_name(path, sizeof path, lock);
        ensemble_put_worn(e, path, WORN - (int32_t)world_below(w, 30));
    }
    for (int shared = 0; shared < 2; shared++) {
        (void)snprintf(path, sizeof path, shared ? "/ledger%d" : "/fence%d", lock);
        ensemble_put(e, path, "", 0, 0);
    }
}

static void begin(run *r)
{
    fleet *f = &r->fleet;

    r->lock_count = 1 + (int)world_below(&f->world, LOCKS_MAX);
    atomic_store(&corrali_watched_check_ms, 30000);
    corrali_sweep_configure(0, 0);
    f->ensemble.written = locks_judge_write;
    f->joined = locks_joined;
    f->leaving = locks_leaving;
    f->looked = locks_looked;
    ensemble_put(&f->ensemble, "/trail", "", 0, 0);
    for (int i = 0; i < r->lock_count; i++) {
        begin_lock(r, i);
    }
    for (uint64_t n = MEMBERS_LEAST + world_below(&f->world, 3); n > 0; n--) {
        fleet_join(f);
    }
    locks_work(r, 0);
    fleet_trouble(f);
}

static bool all_begun(void *arg)
{
    const run *r = arg;

    return r->count >= ATTEMPTS;
}

/* Nobody waits or holds any more, and all changes have ended. Who has closed is looked at when all have. */
static bool all_over(void *arg)
{
    const run *r = arg;

    for (int i = 0; i < r->fleet.member_count; i++) {
        if (r->open[i] != NULL && !r->fleet.members[i].crashed && !r->fleet.members[i].closing) {
            return false;
        }
    }
    for (int i = 0; i < r->change_count; i++) {
        if (!r->changes[i].ended && !r->changes[i].of->member->crashed) {
            return false;
        }
    }
    return !locks_lists(r);
}

static void clears(void *subject, int64_t argument)
{
    run *r = subject;

    if (!locks_clear(r)) {
        world_at(&r->fleet.world, r->fleet.world.now + 100 * SIM_MS, clears, r, argument);
    }
}

/* Everything must end by itself, and leave nothing. */
static void calm_down(run *r)
{
    fleet *f = &r->fleet;

    fleet_calm(f);
    clears(r, 0);
    if (!fleet_step_until(f, f->world.now + TO_END, all_over, r)) {
        fleet_fail(f, "somebody waits for a lock that nobody holds");
        locks_tell(r);
    }
    (void)fleet_step_until(f, f->world.now + TO_SETTLE, NULL, r);
    if (f->failure[0] == '\0' && ensemble_state(&f->ensemble) == NULL) {
        fleet_fail(f, "the ensemble has no leader");
    }
    if (f->failure[0] == '\0') {
        locks_judge_directories(r);
    }
    locks_last_round(r);
    if (!fleet_step_until(f, f->world.now + TO_END, all_over, r)) {
        fleet_fail(f, "somebody waits in the last round for a lock that nobody holds");
        locks_tell(r);
    }
}

/* Everybody closes, and nothing is left. */
static void leave(run *r)
{
    fleet *f = &r->fleet;

    fleet_leave_all(f);
    for (int i = 0; i < f->member_count; i++) {
        locks_tidy(r, i);
    }
    (void)fleet_step_until(f, f->world.now + 30 * SIM_S, NULL, r);
    if (f->failure[0] == '\0') {
        locks_judge_leavings(r);
    }
}

void locks_run(uint64_t seed, bool tracing, sim_result *ret_result)
{
    run *r = calloc(1, sizeof *r);
    fleet *f = &r->fleet;

    fleet_open(f, seed, tracing);
    begin(r);
    (void)fleet_step_until(f, 3600 * SIM_S, all_begun, r);
    calm_down(r);
    if (f->failure[0] == '\0') {
        locks_judge_outcomes(r);
        locks_judge_changes(r);
    }
    fleet_count_paths(f);
    if (f->failure[0] == '\0') {
        leave(r); /* what is broken might not come to an end */
    }
    fleet_tell(f, (uint64_t)(r->count + r->change_count), ret_result);
    fleet_close(f);
    free(r);
}

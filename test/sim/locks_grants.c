/*
 * What a program of the workload "locks" does with a grant: it holds it, changes
 * znodes under its guard, and gives it back, at once or not, or waits until that
 * is done.
 */
#include <inttypes.h>

#include "lock.h"
#include "locks_internal.h"

/* A recursive lock's: what was acquired again is given back, and the first time counts on. */
static void give_back_again(attempt *own)
{
    while (own->again > 0) {
        bool valid = locks_valid_ms(own) > 0;

        own->again--;
        if (world_one_in(&own->run->fleet.world, 2)) {
            (void)corral_lock_release(own->grant);
        }
        corral_grant_free(own->grant);
        if (valid && locks_valid_ms(own) <= 0) {
            fleet_fail(&own->run->fleet,
                       "client %d attempt %d is released once of several times, and not valid",
                       own->member->number, own->number);
        }
    }
}

/* Acquire it once more, by what this thread holds of the same handle. */
static void take_again(attempt *own)
{
    run *r = own->run;
    const corral_grant *held = own->grant;
    corral_grant *same = NULL;
    attempt *each = r->open[own->member->number];

    if (held->lock != own->through->open || held->seat == NULL || held->seat->grant != held ||
        held->depth == 0) {
        return; /* it would have to wait */
    }
    if (corral_lock_acquire(own->through->open, CORRAL_FOREVER, &same) == CORRAL_OK) {
        while (each != NULL && each->grant != same) {
            each = each->next_open;
        }
    }
    if (same == NULL || each == NULL) {
        fleet_fail(&r->fleet, "client %d does not get again what it holds by attempt %d", own->member->number,
                   own->number);
        return;
    }
    each->again++;
    r->fleet.world.rare[RARE_TAKEN_AGAIN]++;
}

void locks_free_grant(attempt *own)
{
    corral_grant *grant = own->grant;

    if (grant == NULL) {
        return;
    }
    give_back_again(own);
    if (!own->released) {
        own->good_when_released = locks_valid_ms(own) > 0;
        own->released = true;
    }
    world_note(&own->run->fleet.world, "client %d frees attempt %d", own->member->number, own->number);
    locks_forget(own);
    own->grant = NULL;
    corral_grant_free(grant);
    locks_looked(own->member);
}

/* --- waiting until it is gone --- */

/* Has another caller of its handle got it, be it for one of several locks? */
static bool is_handed_on(const attempt *own)
{
    const corrali_link *all = &own->member->client->contenders;

    for (const corrali_link *link = all->next; link != all; link = link->next) {
        const corrali_contender *each = CORRALI_CONTAINER(link, corrali_contender, link);

        if (each->czxid == own->token && each->made) {
            return CORRALI_CONTAINER(each, corrali_seat, contender)->turn > own->turn + 1;
        }
    }
    return false;
}

void locks_judge_going(attempt *own)
{
    fleet *f = &own->run->fleet;
    int status = own->going == NULL ? CORRAL_EBUSY : corral_op_status(own->going);
    const znode *node;

    if (status == CORRAL_EBUSY) {
        return; /* not yet */
    }
    corral_op_unref(own->going);
    own->going = NULL;
    node = tree_find(&f->ensemble.prepared, own->node);
    if (status == CORRAL_OK && node != NULL && node->czxid == own->token && !is_handed_on(own)) {
        fleet_fail(f, "client %d attempt %d is said to be gone, and is there", own->member->number,
                   own->number);
    } else if (status != CORRAL_OK && !own->member->closing &&
               (status != CORRAL_ETIMEDOUT || locks_is_late(own->member, own->going_due))) {
        fleet_fail(f, "client %d attempt %d is released, and that ends %s for no reason", own->member->number,
                   own->number, corral_status_name(status));
    }
    f->world.rare[RARE_WAITED_GONE] += status == CORRAL_OK;
}

/* As a thread that waits would; the program goes on with it once that has ended. */
static int release_and_wait(attempt *own)
{
    world *w = &own->run->fleet.world;
    corral_client *client = own->member->client;
    int64_t timeout_ms = world_one_in(w, 2) ? CORRAL_FOREVER : world_delay(w, 1, 5000);
    int status;

    own->going_due = timeout_ms < 0 ? INT64_MAX : w->now + timeout_ms * SIM_MS;
    own->node = own->grant->seat == NULL ? 0 : world_path(w, own->grant->seat->contender.node);
    corrali_lock(client);
    status = corrali_grant_release_submit_locked(own->grant, timeout_ms, NULL, &own->going);
    corrali_unlock(client);
    return status;
}

/* --- giving it back --- */

static void release(attempt *own)
{
    run *r = own->run;
    int status;

    if (world_one_in(&r->fleet.world, 2)) {
        locks_free_grant(own);
        return;
    }
    give_back_again(own);
    world_note(&r->fleet.world, "client %d releases attempt %d", own->member->number, own->number);
    own->good_when_released = locks_valid_ms(own) > 0;
    own->released = true;
    locks_let_go(own);
    status = world_one_in(&r->fleet.world, 3) ? release_and_wait(own) : corral_lock_release(own->grant);
    if (status != CORRAL_OK) {
        fleet_fail(&r->fleet, "client %d cannot release attempt %d", own->member->number, own->number);
    }
    if (own->grant->seat != NULL && own->grant->seat->vacated) {
        r->fleet.world.rare[RARE_DRAINED]++;
    }
    if (locks_valid_ms(own) > 0) {
        fleet_fail(&r->fleet, "client %d attempt %d is released and valid", own->member->number, own->number);
    }
    locks_looked(own->member);
}

/* It is certain that it may be lost: its program must hear of it. */
static void judge_told(const attempt *own)
{
    int64_t valid_ms = locks_valid_ms(own);

    if (!own->lost && !own->released && valid_ms <= 0 && valid_ms != INT64_MIN &&
        locks_is_late(own->member, own->run->fleet.world.now + valid_ms * SIM_MS)) {
        fleet_fail(&own->run->fleet, "client %d is not told that attempt %d is lost", own->member->number,
                   own->number);
    }
}

/* An event: the program goes on with what it does under the lock. */
static void holds(void *subject, int64_t argument)
{
    attempt *own = subject;
    run *r = own->run;
    world *w = &r->fleet.world;
    int64_t pause = world_delay(w, SIM_MS, SIM_S);

    if (own->grant == NULL || own->member->crashed || own->member->closing) {
        return;
    }
    if (!fleet_runs(own->member)) {
        world_at(w, w->now + 50 * SIM_MS, holds, own, argument);
        return;
    }
    if (own->going != NULL) {
        world_at(w, w->now + 20 * SIM_MS, holds, own, argument); /* a thread waits */
        return;
    }
    judge_told(own);
    if (r->fleet.calm && !own->last && own->release_at > w->now + SIM_S) {
        own->release_at = w->now + SIM_S;
    }
    if (own->released) {
        if (world_one_in(w, 3)) {
            locks_change(own);
        }
        locks_free_grant(own);
    } else if (w->now >= own->release_at || (own->lost && world_one_in(w, 2))) {
        if (world_one_in(w, 2)) {
            locks_change(own);
        }
        release(own);
    } else if (!own->still && world_one_in(w, 2)) {
        locks_change(own);
    } else if (own->through->recursive && world_one_in(w, 10)) {
        take_again(own);
    }
    fleet_look(own->member);
    if (own->grant != NULL) {
        world_at(w, own->released || w->now + pause < own->release_at ? w->now + pause : own->release_at,
                 holds, own, argument);
    }
}

static int64_t some_hold(const attempt *own)
{
    world *w = &own->run->fleet.world;

    if (own->last) {
        return world_one_in(w, 8) ? 12 * SIM_S : world_delay(w, 0, 50 * SIM_MS);
    }
    if (own->run->fleet.calm) {
        return world_delay(w, 0, 50 * SIM_MS);
    }
    return world_one_in(w, 10) ? world_delay(w, 0, 30 * SIM_S) : world_delay(w, 0, 2 * SIM_S);
}

/* Its program works on something for a while, and asks for nothing: so it is reads that are answered. */
static void hold_still(attempt *own)
{
    world *w = &own->run->fleet.world;

    own->still = true;
    own->release_at = w->now + 3 * SIM_S + (int64_t)world_below(w, 9 * SIM_S);
    own->run->still_until[own->member->number] = own->release_at;
}

void locks_ended(attempt *own, int status, corral_grant *grant)
{
    run *r = own->run;
    world *w = &r->fleet.world;

    world_note(w, "client %d attempt %d ends %s", own->member->number, own->number,
               corral_status_name(status));
    if (own->ended) {
        fleet_fail(&r->fleet, "attempt %d has ended twice", own->number);
        return;
    }
    own->ended = true;
    own->status = status;
    if ((grant != NULL) != (status == CORRAL_OK)) {
        fleet_fail(&r->fleet, "attempt %d ends %s and gives %s", own->number, corral_status_name(status),
                   grant == NULL ? "nothing" : "a grant");
    }
    if (!own->member->crashed && !own->member->closing && status != CORRAL_OK &&
        locks_is_late(own->member, own->due)) {
        fleet_fail(&r->fleet, "client %d attempt %d has ended too late", own->member->number, own->number);
    }
    if (status != CORRAL_OK) {
        own->there_until = w->now + 15 * SIM_S;
        locks_judge_busy(own);
        locks_forget(own);
        return;
    }
    if (!own->granted) {
        own->grant = grant;
        locks_granted(own);
    }
    own->delivered = true;
    w->rare[RARE_LOST_UNTOLD] += locks_valid_ms(own) == INT64_MIN;
    own->release_at = w->now + some_hold(own);
    if (!r->fleet.calm && world_one_in(w, 12)) {
        hold_still(own);
    }
    if (own->release_at == w->now && fleet_runs(own->member)) {
        release(own); /* in its callback */
    }
    if (own->grant != NULL) {
        world_at(w, w->now, holds, own, 0);
    }
}

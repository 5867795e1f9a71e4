/*
 * The acquires of the workload "locks", and what a program does with a grant.
 */
#include <inttypes.h>

#include "alloc.h"
#include "lock.h"
#include "locks_internal.h"

/* Acquires at once, and of all clients together. */
enum { BURST_MOST = 4, WAITING_MOST = 40 };

bool locks_is_late(const member *m, int64_t due)
{
    int64_t resumed = simclient_resumes(m->io);
    int64_t from = due > resumed ? due : resumed;

    return m->fleet->world.now - from > LATENESS + m->answers_after;
}

/* --- with a grant --- */

void locks_free_grant(attempt *own)
{
    corral_grant *grant = own->grant;

    if (grant == NULL) {
        return;
    }
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

static void release(attempt *own)
{
    run *r = own->run;

    if (world_one_in(&r->fleet.world, 2)) {
        locks_free_grant(own);
        return;
    }
    world_note(&r->fleet.world, "client %d releases attempt %d", own->member->number, own->number);
    own->good_when_released = locks_valid_ms(own) > 0;
    own->released = true;
    locks_let_go(own);
    if (corral_lock_release(own->grant) != CORRAL_OK) {
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

static void on_grant(int status, corral_grant *grant, void *arg)
{
    attempt *own = arg;
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

/* --- acquiring --- */

static void cancels(void *subject, int64_t argument)
{
    attempt *own = subject;
    world *w = &own->run->fleet.world;

    (void)argument;
    if (!own->ended && fleet_runs(own->member)) {
        const corral_op *op = own->op;

        w->rare[RARE_CANCELLED_ENTERING] += op->place != CORRALI_ENDED && own->member->client->ready &&
                                            op->lock.seat->contender.phase == CORRALI_CONTENDER_ENTERING;
        own->cancelled = true;
        own->due = own->due < w->now ? own->due : w->now;
        (void)corral_op_cancel(own->op);
        fleet_look(own->member);
    }
}

/* Sometimes there is no memory. */
static int submit(attempt *own, int64_t timeout_ms)
{
    world *w = &own->run->fleet.world;
    bool starves = !own->last && world_one_in(w, 50);
    int status;

    if (starves) {
        own->member->starved = true;
        (void)corrali_alloc_fail_from(1 + world_below(w, 4));
    }
    status = corral_lock_acquire_async(own->through->open, timeout_ms, on_grant, own, &own->op);
    if (starves) {
        w->rare[RARE_NO_MEMORY] += corrali_alloc_fail_from(0);
    }
    return status;
}

/* False: nothing will come of it. */
static bool acquire(run *r, handle *through, int64_t timeout_ms, bool last)
{
    world *w = &r->fleet.world;
    member *m = through->member;
    attempt *own = &r->attempts[r->count];
    int status;

    *own = (attempt){.run = r,
                     .member = m,
                     .through = through,
                     .number = r->count,
                     .lock = through->lock,
                     .shared = through->shared,
                     .last = last,
                     .invoked = w->now,
                     .limited = timeout_ms >= 0,
                     .deadline = INT64_MAX,
                     .there_until = INT64_MAX};
    r->count++;
    if (own->limited) {
        own->deadline = w->now + SIM_MS * (timeout_ms == 0 ? m->client->request_timeout_ms : timeout_ms);
    }
    own->due = own->deadline;
    own->next_open = r->open[m->number];
    r->open[m->number] = own;
    world_note(w, "client %d attempt %d of %s %d for %" PRId64, m->number, own->number,
               own->shared ? "shared" : "lock", own->lock, timeout_ms);
    status = submit(own, timeout_ms);
    if (status != CORRAL_OK) {
        own->op = NULL;
        own->ended = true;
        own->status = status;
        own->there_until = w->now;
        locks_judge_busy(own);
        locks_forget(own);
    }
    return !own->ended;
}

static int64_t some_timeout(world *w)
{
    return world_one_in(w, 2)   ? CORRAL_FOREVER
           : world_one_in(w, 4) ? 0
                                : world_delay(w, 1, 20 * SIM_S) / SIM_MS;
}

static int waiting(const run *r)
{
    int count = 0;

    for (int i = 0; i < r->fleet.member_count; i++) {
        for (const attempt *each = r->open[i]; each != NULL && !r->fleet.members[i].crashed;
             each = each->next_open) {
            count += !each->ended;
        }
    }
    return count;
}

static void acquire_few(run *r, member *m)
{
    world *w = &r->fleet.world;
    handle *through =
        &r->handles[m->number][world_below(w, (uint64_t)r->lock_count)][world_below(w, HANDLES)];

    for (uint64_t n = 1 + world_below(w, BURST_MOST); n > 0 && r->count < ATTEMPTS; n--) {
        if (acquire(r, through, some_timeout(w), false) && world_one_in(w, 8)) {
            world_at(w, w->now + world_delay(w, 0, 500 * SIM_MS), cancels, &r->attempts[r->count - 1], 0);
        }
    }
}

void locks_work(void *subject, int64_t argument)
{
    run *r = subject;
    world *w = &r->fleet.world;
    member *m = &r->fleet.members[world_below(w, (uint64_t)r->fleet.member_count)];

    (void)argument;
    if (fleet_runs(m) && waiting(r) < WAITING_MOST && w->now >= r->still_until[m->number]) {
        if (world_one_in(w, 30)) {
            locks_reopen(
                &r->handles[m->number][world_below(w, (uint64_t)r->lock_count)][world_below(w, HANDLES)]);
        } else {
            acquire_few(r, m);
        }
        fleet_look(m);
    }
    if (r->count < ATTEMPTS) {
        if (world_one_in(w, 4)) {
            locks_meddle(r);
        }
        world_at(w, w->now + world_delay(w, SIM_MS, 4 * SIM_S), locks_work, r, 0);
    }
}

void locks_last_round(run *r)
{
    r->last_round = true;
    for (int i = 0; i < r->fleet.member_count; i++) {
        member *m = &r->fleet.members[i];

        for (int j = 0; fleet_runs(m) && j < r->lock_count; j++) {
            (void)acquire(r, &r->handles[i][j][world_below(&r->fleet.world, HANDLES)], CORRAL_FOREVER, true);
            fleet_look(m);
        }
    }
}

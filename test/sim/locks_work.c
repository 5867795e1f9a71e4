/*
 * The acquires of the workload "locks".
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

static void on_grant(int status, corral_grant *grant, void *arg)
{
    locks_ended(arg, status, grant);
}

/* As a call that waits would. */
static int submit_recursive(attempt *own, int64_t timeout_ms)
{
    corral_client *client = own->member->client;
    int status;

    corrali_lock(client);
    status = corrali_lock_submit_locked(own->through->open, timeout_ms, on_grant, own, &own->op);
    corrali_unlock(client);
    return status;
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
    status = own->through->recursive
                 ? submit_recursive(own, timeout_ms)
                 : corral_lock_acquire_async(own->through->open, timeout_ms, on_grant, own, &own->op);
    if (starves) {
        w->rare[RARE_NO_MEMORY] += corrali_alloc_fail_from(0);
    }
    return status;
}

attempt *locks_attempt(run *r, handle *through, int64_t timeout_ms, bool last)
{
    world *w = &r->fleet.world;
    member *m = through->member;
    attempt *own = &r->attempts[r->count];

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
    return own;
}

void locks_refused(attempt *own, int status)
{
    own->op = NULL;
    own->ended = true;
    own->status = status;
    own->there_until = own->run->fleet.world.now;
    locks_judge_busy(own);
    locks_forget(own);
}

/* False: nothing will come of it. */
static bool acquire(run *r, handle *through, int64_t timeout_ms, bool last)
{
    attempt *own = locks_attempt(r, through, timeout_ms, last);
    int status = submit(own, timeout_ms);

    if (status != CORRAL_OK) {
        locks_refused(own, status);
    }
    return !own->ended;
}

int64_t locks_some_timeout(world *w)
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
        if (acquire(r, through, locks_some_timeout(w), false) && world_one_in(w, 8)) {
            world_at(w, w->now + world_delay(w, 0, 500 * SIM_MS), cancels, &r->attempts[r->count - 1], 0);
        }
    }
}

static void some_work(run *r, member *m)
{
    world *w = &r->fleet.world;
    int lock = (int)world_below(w, (uint64_t)r->lock_count);

    if (world_one_in(w, 8)) {
        locks_list(&r->handles[m->number][lock][world_below(w, HANDLES)]);
    } else if (world_one_in(w, 6) && r->lock_count > 1 && r->count + LOCKS_MAX <= ATTEMPTS) {
        locks_acquire_several(r, m, locks_some_timeout(w), false);
    } else {
        acquire_few(r, m);
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
            some_work(r, m);
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

        if (fleet_runs(m) && r->lock_count > 1 && world_one_in(&r->fleet.world, 3)) {
            locks_acquire_several(r, m, CORRAL_FOREVER, true);
            fleet_look(m);
            continue;
        }
        for (int j = 0; fleet_runs(m) && j < r->lock_count; j++) {
            (void)acquire(r, &r->handles[i][j][world_below(&r->fleet.world, HANDLES)], CORRAL_FOREVER, true);
            fleet_look(m);
        }
    }
}

/*
 * Acquires of several locks at once, of the workload "locks": all of them or
 * none, however many want the same ones.
 */
#include <inttypes.h>

#include "alloc.h"
#include "locks_internal.h"

static void on_grants(int status, corral_grant *const *grants, void *arg)
{
    several *own = arg;
    world *w = &own->attempts[0]->run->fleet.world;

    w->rare[RARE_SEVERAL] += status == CORRAL_OK;
    w->rare[RARE_SEVERAL_LOST] += status == CORRAL_ELOST;
    /* All are there before the program does anything with one. */
    for (int i = 0; status == CORRAL_OK && i < own->count; i++) {
        own->attempts[i]->grant = grants[i];
        locks_granted(own->attempts[i]);
    }
    for (int i = 0; i < own->count; i++) {
        locks_ended(own->attempts[i], status, own->attempts[i]->grant);
    }
}

static void cancels(void *subject, int64_t argument)
{
    several *own = subject;
    const attempt *first = own->attempts[0];
    int64_t now = first->run->fleet.world.now;

    (void)argument;
    if (!first->ended && fleet_runs(first->member)) {
        for (int i = 0; i < own->count; i++) {
            attempt *each = own->attempts[i];

            each->cancelled = true;
            each->due = each->due < now ? each->due : now;
        }
        (void)corral_op_cancel(own->op);
        fleet_look(first->member);
    }
}

/* One handle that may be used for that; NULL: it is recursive. */
static handle *choose(run *r, const member *m, int lock)
{
    handle *chosen = &r->handles[m->number][lock][world_below(&r->fleet.world, HANDLES)];

    return chosen->recursive ? NULL : chosen;
}

static void begin(run *r, several *own, handle *const *chosen, int64_t timeout_ms, bool last)
{
    for (int i = 0; i < own->count; i++) {
        attempt *each = locks_attempt(r, chosen[i], timeout_ms, last);

        own->attempts[i] = each;
        each->with = own;
        if (timeout_ms == 0) {
            each->due = each->invoked + own->count * (each->deadline - each->invoked); /* one after another */
        } else if (timeout_ms > 0) {
            each->deadline -= SIM_MS; /* the rest of it counts in whole ms */
        }
        if (timeout_ms >= 0) {
            each->due += own->count * each->member->answers_after; /* each calls back on its own */
        }
    }
}

static int submit(several *own, corral_lock *const *locks, int64_t timeout_ms)
{
    member *m = own->attempts[0]->member;
    world *w = &m->fleet->world;
    bool starves = !own->attempts[0]->last && world_one_in(w, 20);
    int status;

    if (starves) {
        m->starved = true;
        (void)corrali_alloc_fail_from(1 + world_below(w, 6));
    }
    status = corral_lock_acquire_all_async(locks, (size_t)own->count, timeout_ms, on_grants, own, &own->op);
    if (starves) {
        w->rare[RARE_NO_MEMORY] += corrali_alloc_fail_from(0);
    }
    return status;
}

void locks_acquire_several(run *r, member *m, int64_t timeout_ms, bool last)
{
    world *w = &r->fleet.world;
    several *own = &r->groups[r->group_count];
    handle *chosen[LOCKS_MAX];
    corral_lock *locks[LOCKS_MAX];
    int first = (int)world_below(w, (uint64_t)r->lock_count);
    int status;

    own->count = 0;
    for (int i = 0; i < r->lock_count; i++) {
        handle *next = choose(r, m, (first + i) % r->lock_count);

        if (next != NULL && (last || own->count < 2 || world_one_in(w, 2))) {
            locks[own->count] = next->open;
            chosen[own->count++] = next;
        }
    }
    if (own->count == 0) {
        return;
    }
    r->group_count++;
    begin(r, own, chosen, timeout_ms, last);
    status = submit(own, locks, timeout_ms);
    for (int i = 0; status != CORRAL_OK && i < own->count; i++) {
        locks_refused(own->attempts[i], status);
    }
    if (status == CORRAL_OK && !last && world_one_in(w, 6)) {
        world_at(w, w->now + world_delay(w, 0, SIM_S), cancels, own, 0);
    }
}

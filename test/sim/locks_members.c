/*
 * The clients of the workload "locks": the handles they open, what they hear of
 * grants that are lost, and what becomes of it all when they close.
 */
#include <inttypes.h>
#include <stddef.h>

#include "internal.h"
#include "locks_internal.h"

/* --- lost grants --- */

static attempt *find(const handle *own, const corral_grant *grant)
{
    attempt *each = own->run->open[own->number];

    while (each != NULL && each->grant != grant) {
        each = each->next_open;
    }
    return each;
}

static void count_loss(attempt *own, int status)
{
    uint64_t *rare = own->run->fleet.world.rare;

    if (status == CORRAL_ECLOSED) {
        rare[RARE_CLOSED_HOLDING]++;
    } else if (own->robbed) {
        rare[RARE_ROBBED_HOLDING]++;
    } else if (!ensemble_session_lives(&own->run->fleet.ensemble, own->session)) {
        rare[RARE_LOST_WITH_SESSION]++;
    } else {
        rare[RARE_LAPSED]++;
    }
}

static void judge_loss(attempt *own, int status)
{
    fleet *f = &own->run->fleet;

    if (!own->delivered) {
        fleet_fail(f, "client %d is told that attempt %d is lost before it is granted", own->member->number,
                   own->number);
    } else if (own->lost) {
        fleet_fail(f, "client %d is told twice that attempt %d is lost", own->member->number, own->number);
    } else if (own->released && own->good_when_released) {
        fleet_fail(f, "client %d is told that attempt %d is lost, which it has released", own->member->number,
                   own->number);
    } else if (status != CORRAL_ELOST && !(status == CORRAL_ECLOSED && own->member->closing)) {
        fleet_fail(f, "client %d attempt %d is lost as %s", own->member->number, own->number,
                   corral_status_name(status));
    } else if (locks_valid_ms(own) > 0) {
        fleet_fail(f, "client %d attempt %d is lost and valid", own->member->number, own->number);
    } else if (own->lost_at != 0 && !own->member->closing && locks_is_late(own->member, own->lost_at)) {
        fleet_fail(f, "client %d is told too late that attempt %d is lost", own->member->number, own->number);
    } else if (own->last && !own->member->starved) {
        fleet_fail(f, "client %d attempt %d is lost, and nothing is broken", own->member->number,
                   own->number);
    }
}

static void on_lost(corral_grant *grant, int status, void *arg)
{
    const handle *through = arg;
    fleet *f = &through->run->fleet;
    attempt *own = find(through, grant);

    world_note(&f->world, "client %d loses attempt %d: %s", through->number, own == NULL ? -1 : own->number,
               corral_status_name(status));
    if (own == NULL) {
        fleet_fail(f, "client %d is told that a grant is lost which it has not", through->number);
        return;
    }
    if (own->member->crashed) {
        return; /* nobody hears of it */
    }
    judge_loss(own, status);
    count_loss(own, status);
    own->lost = true;
    locks_let_go(own);
    if (own->going == NULL && world_one_in(&f->world, 3)) {
        locks_free_grant(own);
    }
}

/* --- handles --- */

static void open_handle(handle *own)
{
    run *r = own->run;
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    char path[64];

    options.mode = r->schemes[own->lock] == MUTEX       ? CORRAL_LOCK_MUTEX
                   : r->schemes[own->lock] == SEMAPHORE ? CORRAL_LOCK_SEMAPHORE
                   : own->shared                        ? CORRAL_LOCK_READ
                                                        : CORRAL_LOCK_WRITE;
    options.permits = r->schemes[own->lock] == SEMAPHORE ? r->permits[own->lock] : 0;
    options.naming = r->schemes[own->lock] == KAZOO ? CORRAL_NAMING_KAZOO : CORRAL_NAMING_CURATOR;
    options.handoffs = own->handoffs;
    options.on_lost = on_lost;
    options.on_lost_arg = own;
    options.label = "somebody";
    options.margin_ms = own->margin_ms;
    options.flags = own->recursive ? CORRAL_LOCK_RECURSIVE : 0;
    locks_name(path, sizeof path, own->lock);
    if (corral_lock_open(own->member->client, path, &options, &own->open) != CORRAL_OK) {
        fleet_fail(&r->fleet, "client %d: cannot open %s", own->number, path);
    }
}

void locks_joined(member *m)
{
    static const uint32_t handoffs[] = {0, 1, 3, 64};
    /* All clocks are alike here, so it need not be more; and as much as the shortest session allows. */
    static const int64_t margins_ms[] = {0, 1, 1, 1000};
    run *r = locks_run_of(m->fleet);

    for (int i = 0; i < r->lock_count; i++) {
        for (int j = 0; j < HANDLES; j++) {
            handle *own = &r->handles[m->number][i][j];

            *own = (handle){.run = r,
                            .member = m,
                            .number = m->number,
                            .lock = i,
                            .shared = r->schemes[i] == SEMAPHORE || (r->schemes[i] != MUTEX && j > 0),
                            .handoffs = handoffs[world_below(&m->fleet->world, 4)],
                            .margin_ms = margins_ms[world_below(&m->fleet->world, 4)],
                            .recursive = world_one_in(&m->fleet->world, 4)};
            open_handle(own);
        }
    }
}

/* It ends now; with others, once it is its turn. */
static void cancel(attempt *own)
{
    if (own->with == NULL) {
        own->cancelled = true;
        own->due = own->run->fleet.world.now;
        return;
    }
    for (int i = 0; i < own->with->count; i++) {
        own->with->attempts[i]->cancelled = true;
    }
}

/* All that wait for it end now. */
static void close_handle(handle *own)
{
    run *r = own->run;

    for (attempt *each = r->open[own->number]; each != NULL; each = each->next_open) {
        if (each->through == own && !each->ended) {
            r->fleet.world.rare[RARE_CLOSED_WAITING]++;
            cancel(each);
        }
    }
    locks_cancel_listings(r, own->member, own);
    (void)corral_lock_close(own->open);
    own->open = NULL;
    for (const attempt *each = r->open[own->number]; each != NULL; each = each->next_open) {
        if (each->through == own && !each->ended && each->with == NULL) {
            fleet_fail(&r->fleet, "client %d attempt %d outlives its handle", own->number, each->number);
        }
    }
}

void locks_reopen(handle *own)
{
    world_note(&own->run->fleet.world, "client %d closes lock %d", own->number, own->lock);
    close_handle(own);
    open_handle(own);
}

/* --- the end of a client --- */

/* Some give everything back before, some leave it to the end of the client. */
void locks_leaving(member *m)
{
    run *r = locks_run_of(m->fleet);
    bool tidily = m->fleet->calm || world_one_in(&m->fleet->world, 2);
    attempt *next;

    for (int i = 0; i < r->change_count; i++) {
        r->changes[i].cancelled = r->changes[i].cancelled || r->changes[i].of->member == m;
    }
    locks_cancel_listings(r, m, NULL);
    for (attempt *each = r->open[m->number]; each != NULL; each = next) {
        next = each->next_open;
        each->cancelled = each->cancelled || !each->ended;
        if (tidily && each->delivered && each->going == NULL) {
            locks_free_grant(each);
        }
    }
    for (int i = 0; tidily && i < r->lock_count; i++) {
        for (int j = 0; j < HANDLES; j++) {
            close_handle(&r->handles[m->number][i][j]);
        }
    }
}

void locks_tidy(run *r, int number)
{
    locks_drop_listings(r, number);
    while (r->open[number] != NULL) {
        attempt *own = r->open[number];

        corral_op_unref(own->going);
        own->going = NULL;
        if (!own->ended && !own->member->crashed) {
            fleet_fail(&r->fleet, "client %d attempt %d outlives its client", number, own->number);
        }
        if (own->delivered) {
            locks_free_grant(own);
        } else {
            locks_forget(own);
        }
    }
    for (int i = 0; i < r->lock_count; i++) {
        for (int j = 0; j < HANDLES; j++) {
            (void)corral_lock_close(r->handles[number][i][j].open);
            r->handles[number][i][j].open = NULL;
        }
    }
    for (int i = 0; i < r->count; i++) {
        if (r->attempts[i].member->number == number) {
            corral_op_unref(r->attempts[i].op);
            r->attempts[i].op = NULL;
            if (r->attempts[i].with != NULL) {
                corral_op_unref(r->attempts[i].with->op);
                r->attempts[i].with->op = NULL;
            }
        }
    }
    for (int i = 0; i < r->change_count; i++) {
        if (r->changes[i].of->member->number == number) {
            corral_op_unref(r->changes[i].op);
            r->changes[i].op = NULL;
        }
    }
}

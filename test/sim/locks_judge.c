/*
 * Judging a run of the workload "locks": who holds what, at every step; what
 * acquires ended with; what is left.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lock.h"
#include "locks_internal.h"

/* --- who holds what --- */

int64_t locks_valid_ms(const attempt *own)
{
    return own->grant == NULL ? INT64_MIN : corral_grant_valid_ms(own->grant);
}

/* By its own clock, as far as its program knows; a process that is dead does nothing. */
static bool is_valid(const attempt *own)
{
    return !own->member->crashed && !own->released && !own->robbed && locks_valid_ms(own) > 0;
}

static void judge_permits(run *r, int lock)
{
    uint32_t count = 0;

    for (const attempt *each = r->held[lock]; each != NULL; each = each->next_held) {
        count += is_valid(each);
    }
    if (count > r->permits[lock]) {
        fleet_fail(&r->fleet, "%" PRIu32 " hold semaphore %d of %" PRIu32 " at once", count, lock,
                   r->permits[lock]);
    }
}

static void judge_exclusion(run *r, int lock)
{
    const attempt *holder = NULL;

    if (r->schemes[lock] == SEMAPHORE) {
        judge_permits(r, lock);
        return;
    }
    if (r->held[lock] == NULL || r->held[lock]->next_held == NULL) {
        return;
    }
    for (const attempt *each = r->held[lock]; each != NULL; each = each->next_held) {
        if (!is_valid(each)) {
            continue;
        }
        if (holder != NULL && (!holder->shared || !each->shared)) {
            fleet_fail(&r->fleet, "clients %d and %d hold lock %d at once, by attempts %d and %d",
                       holder->member->number, each->member->number, lock, holder->number, each->number);
        }
        holder = holder == NULL || !each->shared ? each : holder;
    }
}

/* NULL: nobody has. */
static const robbery *robbery_of(const run *r, int64_t token)
{
    for (int i = 0; i < r->robbed_count; i++) {
        if (r->robbed[i].token == token) {
            return &r->robbed[i];
        }
    }
    return NULL;
}

/* Who is before it when its znode is deleted can never be first: it would have heard of that earlier. */
static void judge_robbed(attempt *own)
{
    run *r = own->run;
    const robbery *found = robbery_of(r, own->token);
    const tree *agreed = ensemble_state(&r->fleet.ensemble);

    own->robbed = found != NULL;
    if (own->turn == 0 && found != NULL && found->waiting && agreed != NULL && own->grant->seat != NULL &&
        tree_find(agreed, world_path(&r->fleet.world, own->grant->seat->contender.node)) == NULL) {
        fleet_fail(&r->fleet, "client %d attempt %d is granted, and its znode was deleted while it waited",
                   own->member->number, own->number);
    }
}

/* Tokens and turns only grow. Who does not know yet that its znode is gone may be late. */
static void judge_token(attempt *own)
{
    run *r = own->run;
    int lock = own->lock;

    if (own->shared || own->robbed || (own->with != NULL && locks_valid_ms(own) <= 0)) {
        return; /* one of several is told late */
    }
    if (own->token < r->newest[lock] || (own->token == r->newest[lock] && own->turn <= r->turns[lock])) {
        fleet_fail(&r->fleet,
                   "client %d attempt %d is granted %" PRId64 ".%" PRIu32 ", after %" PRId64 ".%" PRIu32,
                   own->member->number, own->number, own->token, own->turn, r->newest[lock], r->turns[lock]);
    }
    r->newest[lock] = own->token;
    r->turns[lock] = own->turn;
}

void locks_granted(attempt *own)
{
    run *r = own->run;
    world *w = &r->fleet.world;

    own->granted = true;
    own->session = own->member->client->session_id;
    own->token = corral_grant_token(own->grant);
    own->turn = corral_grant_turn(own->grant);
    judge_robbed(own);
    own->next_held = r->held[own->lock];
    r->held[own->lock] = own;
    w->rare[RARE_HANDED_ON] += own->turn > 0;
    world_note(w, "client %d is granted %s %d by attempt %d: %" PRId64 ".%" PRIu32 " for %" PRId64,
               own->member->number, own->shared ? "shared" : "lock", own->lock, own->number, own->token,
               own->turn, locks_valid_ms(own));
    if (own->turn > own->through->handoffs) {
        fleet_fail(&r->fleet, "client %d hands lock %d on too often", own->member->number, own->lock);
    }
    judge_token(own);
    judge_exclusion(r, own->lock);
}

void locks_let_go(attempt *own)
{
    for (attempt **at = &own->run->held[own->lock]; *at != NULL; at = &(*at)->next_held) {
        if (*at == own) {
            *at = own->next_held;
            break;
        }
    }
}

void locks_forget(attempt *own)
{
    run *r = own->run;
    int64_t until = r->fleet.world.now + 15 * SIM_S;

    locks_let_go(own);
    own->there_until = own->there_until < until ? own->there_until : until;
    for (attempt **at = &r->open[own->member->number]; *at != NULL; at = &(*at)->next_open) {
        if (*at == own) {
            *at = own->next_open;
            break;
        }
    }
}

void locks_looked(member *m)
{
    run *r = locks_run_of(m->fleet);

    if (m->crashed || m->client == NULL) {
        return;
    }
    locks_count(r, m);
    for (attempt *each = r->open[m->number]; each != NULL; each = each->next_open) {
        if (!each->granted && each->op != NULL && each->op->place == CORRALI_ENDED &&
            each->op->status == CORRAL_OK && each->op->lock.grant != NULL) {
            each->grant = each->op->lock.grant;
            locks_granted(each);
        }
        if (each->granted && each->lost_at == 0 && !each->released && locks_valid_ms(each) == INT64_MIN) {
            each->lost_at = r->fleet.world.now;
        }
        locks_judge_going(each);
    }
    locks_look_at_listings(r, m);
    for (int i = 0; i < r->lock_count; i++) {
        judge_exclusion(r, i);
    }
}

/* --- what is written --- */

static void judge_end_of_session(run *r, int64_t ended)
{
    for (int i = 0; i < r->lock_count; i++) {
        for (const attempt *each = r->held[i]; each != NULL; each = each->next_held) {
            if (each->session == ended && is_valid(each)) {
                fleet_fail(&r->fleet,
                           "client %d attempt %d is valid for %" PRId64 " ms more, and its session ends",
                           each->member->number, each->number, locks_valid_ms(each));
            }
        }
    }
}

/* Somebody has deleted it: whoever it is of. */
static void rob(run *r, int64_t token, bool waiting)
{
    if (r->robbed_count < ROBBED_MAX) {
        r->robbed[r->robbed_count++] = (robbery){.token = token, .waiting = waiting};
    }
    for (int i = 0; i < r->fleet.member_count; i++) {
        for (attempt *each = r->open[i]; each != NULL; each = each->next_open) {
            each->robbed = each->robbed || (each->granted && each->token == token);
        }
    }
}

static bool is_held(const run *r, int64_t token)
{
    for (int i = 0; i < r->lock_count; i++) {
        for (const attempt *each = r->held[i]; each != NULL; each = each->next_held) {
            if (each->token == token) {
                return true;
            }
        }
    }
    return false;
}

/* Is, or was, a contender of a lower number there that kept that at @path from the lock? */
static bool is_blocked(run *r, int path)
{
    world *w = &r->fleet.world;
    corrali_lock_name own;

    if (!corrali_lock_name_parse(strrchr(world_path_text(w, path), '/') + 1, &own) ||
        own.scheme == CORRALI_SCHEME_SEMAPHORE) {
        return false;
    }
    for (int other = world_path_child(w, world_path_parent(w, path)); other >= 0;
         other = world_path_sibling(w, other)) {
        corrali_lock_name before;

        if (tree_find(&r->fleet.ensemble.prepared, other) != NULL &&
            corrali_lock_name_parse(strrchr(world_path_text(w, other), '/') + 1, &before) &&
            before.sequence < own.sequence && (!own.shared || !before.shared)) {
            return true;
        }
    }
    return false;
}

static void judge_deletion(run *r, const transaction *txn, const tree_write *deletion)
{
    world *w = &r->fleet.world;

    if (txn->session == 0) {
        w->rare[RARE_ROBBED_WAITING] +=
            deletion->stat.ephemeral_owner != 0 && !is_held(r, deletion->stat.czxid);
        rob(r, deletion->stat.czxid, is_blocked(r, deletion->path));
        return;
    }
    for (int i = 0; i < r->lock_count; i++) {
        char path[64];

        locks_name(path, sizeof path, i);
        w->rare[RARE_ANEW] += deletion->path == world_path(w, path);
        for (const attempt *each = r->held[i]; each != NULL; each = each->next_held) {
            if (each->token == deletion->stat.czxid && is_valid(each)) {
                fleet_fail(&r->fleet, "client %d attempt %d is valid, and its znode is deleted",
                           each->member->number, each->number);
            }
        }
    }
}

void locks_judge_write(ensemble *e, const transaction *txn)
{
    run *r = (run *)((char *)e - offsetof(run, fleet.ensemble));

    if (txn->closes) {
        judge_end_of_session(r, txn->session);
    }
    for (size_t i = 0; i < txn->count; i++) {
        if (txn->writes[i].kind == CORRALI_DELETE) {
            judge_deletion(r, txn, &txn->writes[i]);
        }
    }
}

/* --- what acquires ended with --- */

static bool was_somebody_there(const attempt *own)
{
    const run *r = own->run;

    if (r->peer_seen[own->lock] + 15 * SIM_S > own->invoked) {
        return true;
    }
    for (int i = 0; i < r->count; i++) {
        const attempt *each = &r->attempts[i];

        if (each != own && each->lock == own->lock && each->there_until > own->invoked) {
            return true;
        }
    }
    return false;
}

static bool may_be_busy(const attempt *own)
{
    bool may = was_somebody_there(own);

    for (int i = 0; own->with != NULL && i < own->with->count; i++) {
        may = may || was_somebody_there(own->with->attempts[i]);
    }
    return may;
}

void locks_judge_busy(attempt *own)
{
    fleet *f = &own->run->fleet;

    f->world.rare[RARE_BUSY] += own->status == CORRAL_EBUSY && own->deadline <= f->world.now;
    f->world.rare[RARE_UNREACHABLE] += own->status == CORRAL_ETIMEDOUT;
    if (own->status == CORRAL_EBUSY && !own->member->crashed && !may_be_busy(own)) {
        fleet_fail(f, "client %d attempt %d is busy, and nobody is there", own->member->number, own->number);
    }
    if (own->status == CORRAL_ETIMEDOUT && !own->member->crashed && f->world.now < own->deadline) {
        fleet_fail(f, "client %d attempt %d has timed out too early", own->member->number, own->number);
    }
}

/* Can it have ended like that? */
static bool may_end(const attempt *own)
{
    switch (own->status) {
    case CORRAL_OK:
        return true;
    case CORRAL_EBUSY:
    case CORRAL_ETIMEDOUT:
        return own->limited;
    case CORRAL_ECANCELED:
    case CORRAL_ECLOSED:
        return own->cancelled;
    case CORRAL_ENOMEM:
        return own->member->starved;
    case CORRAL_ELOST:
        return own->with != NULL;
    default:
        return false;
    }
}

void locks_judge_outcomes(run *r)
{
    for (int i = 0; i < r->count; i++) {
        const attempt *own = &r->attempts[i];

        if (own->member->crashed) {
            continue;
        }
        if (!own->ended) {
            fleet_fail(&r->fleet, "client %d attempt %d has not ended", own->member->number, i);
        } else if (!may_end(own) || (own->last && own->status != CORRAL_OK && !own->member->starved)) {
            fleet_fail(&r->fleet, "client %d attempt %d has ended %s for no reason", own->member->number, i,
                       corral_status_name(own->status));
        }
    }
}

/* --- what is left --- */

static void judge_directory(run *r, const char *directory)
{
    world *w = &r->fleet.world;
    const tree *t = ensemble_state(&r->fleet.ensemble);

    for (int path = world_path_child(w, world_path(w, directory)); path >= 0;
         path = world_path_sibling(w, path)) {
        if (tree_find(t, path) != NULL) {
            fleet_fail(&r->fleet, "%s is left of session %ld, and nobody contends", world_path_text(w, path),
                       (long)tree_find(t, path)->owner);
        }
    }
}

void locks_judge_directories(run *r)
{
    for (int i = 0; i < 2 * r->lock_count; i++) {
        char path[64];
        const char *directory = locks_directory(r, i / 2, i % 2, path, sizeof path);

        if (directory != NULL) {
            judge_directory(r, directory);
        }
    }
}

void locks_judge_leavings(run *r)
{
    world *w = &r->fleet.world;
    const tree *t = ensemble_state(&r->fleet.ensemble);

    locks_judge_directories(r);
    for (int path = 0; path < t->capacity; path++) {
        if (tree_find(t, path) != NULL && tree_find(t, path)->owner != 0) {
            fleet_fail(&r->fleet, "%s is left, and its session is not", world_path_text(w, path));
        }
    }
}

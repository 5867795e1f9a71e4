/*
 * The guarded changes of the workload "locks". Each writes its number, and the
 * token and turn of its grant: the log tells afterwards what became of it, and
 * whether anybody wrote who had been overtaken.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "internal.h"
#include "locks_internal.h"

enum { TEXT_SIZE = 64 };

static void judge_end(change *own)
{
    attempt *of = own->of;
    fleet *f = &of->run->fleet;

    if (own->status != CORRAL_OK && own->due != INT64_MAX && locks_is_late(of->member, own->due)) {
        fleet_fail(f, "client %d change %d has ended too late", of->member->number, own->number);
    }
    /* The library may know before its program is told. */
    if (own->status == CORRAL_ELOST && !of->released && !of->robbed && !of->member->closing &&
        locks_valid_ms(of) != INT64_MIN) {
        fleet_fail(f, "client %d change %d is refused, and its grant is not lost", of->member->number,
                   own->number);
    }
    f->world.rare[RARE_GUARD_REFUSED] += own->status == CORRAL_ELOST && !own->late;
    f->world.rare[RARE_UNCERTAIN] += own->status == CORRAL_EUNCERTAIN;
}

static void change_with(attempt *of, flag_change flag);

/* What it was refused for is made possible, perhaps before an earlier attempt of it comes late. */
static void follow(const change *own)
{
    attempt *of = own->of;

    if ((own->status == CORRAL_EEXIST || own->status == CORRAL_ENOENT) && of->grant != NULL &&
        !of->released && !of->lost && fleet_runs(of->member)) {
        change_with(of, own->flag == PUT_UP ? TAKE_DOWN : PUT_UP);
    }
}

static void on_change(int status, void *arg)
{
    change *own = arg;
    fleet *f = &own->of->run->fleet;

    world_note(&f->world, "client %d change %d ends %s", own->of->member->number, own->number,
               corral_status_name(status));
    if (own->ended) {
        fleet_fail(f, "change %d has ended twice", own->number);
    }
    own->ended = true;
    own->status = own->of->member->crashed ? CORRAL_EUNCERTAIN : status;
    if (!own->of->member->crashed && !own->of->member->closing) {
        judge_end(own);
        follow(own);
    }
}

static void cancels(void *subject, int64_t argument)
{
    change *own = subject;
    world *w = &own->of->run->fleet.world;

    (void)argument;
    if (!own->ended && fleet_runs(own->of->member)) {
        own->cancelled = true;
        own->due = own->due < w->now ? own->due : w->now;
        (void)corral_op_cancel(own->op);
        fleet_look(own->of->member);
    }
}

/* --- making one --- */

static int add_flag(corral_txn *txn, const change *own)
{
    char path[TEXT_SIZE];

    (void)snprintf(path, sizeof path, "/flag%d", own->of->lock);
    return own->flag == PUT_UP      ? corral_txn_create(txn, path, "", 0)
           : own->flag == TAKE_DOWN ? corral_txn_delete(txn, path, CORRAL_VERSION_ANY)
                                    : CORRAL_OK;
}

static corral_txn *compose(const change *own)
{
    const attempt *of = own->of;
    char path[TEXT_SIZE];
    char text[TEXT_SIZE];
    corral_txn *txn;
    int length = snprintf(text, sizeof text, "%" PRId64 " %" PRIu32 " %d", corral_grant_token(of->grant),
                          corral_grant_turn(of->grant), own->number);

    (void)snprintf(path, sizeof path, of->shared ? "/ledger%d" : "/fence%d", of->lock);
    if (corral_txn_new(&txn) != CORRAL_OK ||
        corral_txn_set(txn, path, text, (size_t)length, CORRAL_VERSION_ANY) != CORRAL_OK) {
        abort();
    }
    (void)snprintf(path, sizeof path, "/trail/%d", own->number);
    if (own->number % 4 == 0 && corral_txn_create(txn, path, text, (size_t)length) != CORRAL_OK) {
        abort();
    }
    if (add_flag(txn, own) != CORRAL_OK) {
        abort();
    }
    return txn;
}

static int submit(change *own, int64_t timeout_ms)
{
    world *w = &own->of->run->fleet.world;
    bool starves = !own->of->last && world_one_in(w, 50);
    corral_txn *txn = compose(own);
    int status;

    if (starves) {
        own->of->member->starved = true;
        (void)corrali_alloc_fail_from(1 + world_below(w, 6));
    }
    status = corral_grant_multi_async(own->of->grant, txn, timeout_ms, on_change, own, &own->op);
    if (starves) {
        w->rare[RARE_NO_MEMORY] += corrali_alloc_fail_from(0);
    }
    corral_txn_free(txn);
    return status;
}

static void change_with(attempt *of, flag_change flag)
{
    run *r = of->run;
    world *w = &r->fleet.world;
    int64_t timeout_ms = world_one_in(w, 6) ? world_delay(w, 0, 5 * SIM_S) / SIM_MS : CORRAL_FOREVER;
    change *own = &r->changes[r->change_count];

    if (r->change_count == CHANGES) {
        return;
    }
    *own = (change){.of = of,
                    .number = r->change_count++,
                    .flag = flag,
                    .limited = timeout_ms >= 0,
                    .due = INT64_MAX,
                    .late = of->released || of->lost};
    if (own->limited) {
        own->due = w->now + SIM_MS * (timeout_ms == 0 ? of->member->client->request_timeout_ms : timeout_ms);
    }
    world_note(w, "client %d change %d under attempt %d", of->member->number, own->number, of->number);
    own->status = submit(own, timeout_ms);
    if (own->status != CORRAL_OK) {
        own->ended = true;
        own->op = NULL;
        judge_end(own);
    } else if (world_one_in(w, 10)) {
        world_at(w, w->now + world_delay(w, 0, 500 * SIM_MS), cancels, own, 0);
    }
}

static flag_change some_flag(world *w)
{
    return world_one_in(w, 2) ? NO_FLAG : world_one_in(w, 2) ? PUT_UP : TAKE_DOWN;
}

void locks_change(attempt *of)
{
    change_with(of, some_flag(&of->run->fleet.world));
}

/* --- judging --- */

/* Can it have ended like that? */
static bool may_end(const change *own)
{
    const member *m = own->of->member;

    switch (own->status) {
    case CORRAL_OK:
        return !own->late;
    case CORRAL_ELOST:
        return true; /* judged at its end */
    case CORRAL_EEXIST:
        return own->flag == PUT_UP;
    case CORRAL_ENOENT:
        return own->flag == TAKE_DOWN;
    case CORRAL_ETIMEDOUT:
        return own->limited;
    case CORRAL_ECANCELED:
    case CORRAL_ECLOSED:
        return own->cancelled;
    case CORRAL_ENOMEM:
        return m->starved;
    case CORRAL_EUNCERTAIN:
        return own->limited || own->cancelled || m->crashed ||
               (own->of->run->fleet.lanes_deleted && corral_op_cause(own->op) == CORRAL_ENOENT);
    default:
        return false;
    }
}

static void judge_change(const change *own)
{
    fleet *f = &own->of->run->fleet;
    bool lane_missing = own->ended && own->op != NULL && own->status == CORRAL_EUNCERTAIN &&
                        corral_op_cause(own->op) == CORRAL_ENOENT;
    bool may_be_there = own->status == CORRAL_OK || own->status == CORRAL_EUNCERTAIN;

    f->world.rare[RARE_LANE_MISSING] += lane_missing;
    if (!own->ended && own->of->member->crashed) {
        may_be_there = true; /* nobody hears of it */
    } else if (!own->ended) {
        fleet_fail(f, "change %d has not ended", own->number);
    } else if (!may_end(own)) {
        fleet_fail(f, "change %d has ended %s for no reason", own->number, corral_status_name(own->status));
    }
    if (own->entries > may_be_there || (own->status == CORRAL_OK && own->ended && own->entries == 0)) {
        fleet_fail(f, "change %d has ended %s, and was made %d times", own->number,
                   corral_status_name(own->status), own->entries);
    }
}

/* An entry of the log. */
typedef struct {
    int64_t token;
    unsigned turn;
    int number;
} line;

static bool read_line(const run *r, const tree_write *write, line *ret_line)
{
    const char *path = world_path_text(&r->fleet.world, write->path);

    return write->kind == CORRALI_SET &&
           (strncmp(path, "/fence", 6) == 0 || strncmp(path, "/ledger", 7) == 0) &&
           sscanf(write->data.bytes, "%" SCNd64 " %u %d", &ret_line->token, &ret_line->turn,
                  &ret_line->number) == 3;
}

/* Whoever has been overtaken writes no more. */
static void judge_order(run *r, const line *newest, const line *next)
{
    if (next->token < newest->token || (next->token == newest->token && next->turn < newest->turn)) {
        fleet_fail(&r->fleet, "change %d of %" PRId64 ".%u is behind change %d of %" PRId64 ".%u",
                   next->number, next->token, next->turn, newest->number, newest->token, newest->turn);
    }
}

void locks_judge_changes(run *r)
{
    const ensemble *e = &r->fleet.ensemble;
    line newest[LOCKS_MAX] = {0};
    line next;

    for (size_t i = 0; i < e->committed; i++) {
        const transaction *txn = &e->log[i]->txn;

        for (size_t j = 0; txn->status == CORRAL_OK && j < txn->count; j++) {
            if (!read_line(r, &txn->writes[j], &next) || next.number >= r->change_count) {
                continue;
            }
            r->changes[next.number].entries++;
            if (!r->changes[next.number].of->shared) {
                judge_order(r, &newest[r->changes[next.number].of->lock], &next);
                newest[r->changes[next.number].of->lock] = next;
            }
        }
    }
    for (int i = 0; i < r->change_count; i++) {
        judge_change(&r->changes[i]);
    }
}

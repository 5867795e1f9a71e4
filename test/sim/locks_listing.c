/*
 * Listings of who contends, of the workload "locks": what a directory held at some
 * moment between call and return, less who left while their data were read. The
 * log says what it held when.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lock.h"
#include "locks_internal.h"

/* --- who was there when --- */

static life *life_of(run *r, int path)
{
    if (path >= r->life_capacity) {
        int capacity = 2 * (path + 64);
        life *grown = world_alloc(&r->fleet.world, (size_t)capacity * sizeof *grown);

        if (r->life_capacity > 0) {
            memcpy(grown, r->lives, (size_t)r->life_capacity * sizeof *grown);
        }
        r->lives = grown;
        r->life_capacity = capacity;
    }
    return &r->lives[path];
}

static void end_lives(run *r, int64_t of, size_t place)
{
    for (int path = 0; path < r->life_capacity; path++) {
        if (r->lives[path].owner == of && r->lives[path].gone == SIZE_MAX) {
            r->lives[path].gone = place;
        }
    }
}

/* Take in what has been committed since. */
static void replay(run *r)
{
    const ensemble *e = &r->fleet.ensemble;

    while (r->replayed < e->committed) {
        const transaction *txn = &e->log[r->replayed++]->txn;

        if (txn->closes) {
            end_lives(r, txn->session, r->replayed);
        }
        for (size_t i = 0; txn->status == CORRAL_OK && i < txn->count; i++) {
            const tree_write *write = &txn->writes[i];
            life *own = life_of(r, write->path);

            if (write->kind == CORRALI_CREATE) {
                *own = (life){.czxid = txn->zxid,
                              .owner = write->ephemeral ? txn->session : 0,
                              .made = r->replayed,
                              .gone = SIZE_MAX};
            } else if (write->kind == CORRALI_DELETE) {
                own->gone = r->replayed;
            }
        }
    }
}

/* --- judging --- */

/* Was @one there, in @directory, which may be NULL? */
static bool was_there(run *r, const listing *own, const corral_lock_contender *one, const char *directory)
{
    char path[192];
    const life *was;

    if (directory == NULL) {
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/%s", directory, one->name);
    was = life_of(r, world_path(&r->fleet.world, path));
    if (was->made > own->from && was->czxid != one->token) {
        return true; /* another one has had that name since */
    }
    return was->made != 0 && was->gone > own->from && was->czxid == one->token && was->owner == one->session;
}

/* Returns whether it only waits, at the gate of a semaphore. */
static bool judge_entry(run *r, const listing *own, const corral_lock_contender *one, const char *directory,
                        const char *gate)
{
    const handle *through = own->through;
    bool inside = was_there(r, own, one, directory);

    if (!inside && !was_there(r, own, one, gate)) {
        fleet_fail(&r->fleet, "client %d lists %s of %s, session %" PRId64 ", which was not there",
                   through->number, one->name, directory, one->session);
    }
    if (one->session != 0 && one->length > 0 && strcmp(one->label, "somebody") != 0) {
        fleet_fail(&r->fleet, "client %d lists %s with the label %s", through->number, one->name, one->label);
    }
    return !inside;
}

static bool is_listed(const char *name, const corral_lock_contender *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Who was there all the time must be in it. Returns how many were only for a part. */
static int judge_missing(run *r, const listing *own, const corral_lock_contender *list, size_t count,
                         const char *directory)
{
    world *w = &r->fleet.world;
    corrali_lock_name parsed;
    int changing = 0;

    for (int path = world_path_child(w, world_path(w, directory)); path >= 0;
         path = world_path_sibling(w, path)) {
        const char *name = strrchr(world_path_text(w, path), '/') + 1;
        const life *was = life_of(r, path);

        if (was->made == 0 || was->gone <= own->from || !corrali_lock_name_parse(name, &parsed)) {
            continue;
        }
        if (was->made > own->from || was->gone != SIZE_MAX) {
            changing++;
        } else if (!is_listed(name, list, count)) {
            fleet_fail(&r->fleet, "client %d does not list %s", own->through->number,
                       world_path_text(w, path));
        }
    }
    return changing;
}

static void judge_list(run *r, const listing *own, const corral_lock_contender *list, size_t count)
{
    world *w = &r->fleet.world;
    char text[64];
    char other[64];
    const char *directory = locks_directory(r, own->through->lock, false, text, sizeof text);
    const char *gate = locks_directory(r, own->through->lock, true, other, sizeof other);
    bool outside = false;

    replay(r);
    for (size_t i = 0; i < count; i++) {
        bool waits = judge_entry(r, own, &list[i], directory, gate);

        if (i > 0 && (waits == outside ? list[i].sequence <= list[i - 1].sequence : outside)) {
            fleet_fail(&r->fleet, "client %d lists contenders out of order", own->through->number);
        }
        outside = waits;
        if (i == 0 && !outside && !list[0].holds) {
            fleet_fail(&r->fleet, "client %d lists contenders, and nobody holds", own->through->number);
        }
    }
    w->rare[RARE_LISTED_CHANGING] += judge_missing(r, own, list, count, directory) > 0;
    w->rare[RARE_LISTED] += count > 0;
}

static void judge_end(run *r, listing *own, int status)
{
    const handle *through = own->through;
    bool may = status == CORRAL_OK || (status == CORRAL_ETIMEDOUT && own->limited) ||
               (status == CORRAL_ECLOSED && own->cancelled) ||
               (status == CORRAL_ENOMEM && through->member->starved);

    world_note(&r->fleet.world, "client %d has listed lock %d: %s", through->number, through->lock,
               corral_status_name(status));
    if (!may) {
        fleet_fail(&r->fleet, "client %d: a listing ends %s for no reason", through->number,
                   corral_status_name(status));
    } else if (status != CORRAL_OK && locks_is_late(through->member, own->due)) {
        fleet_fail(&r->fleet, "client %d: a listing ends too late", through->number);
    } else if (status == CORRAL_OK) {
        judge_list(r, own, own->op->lock.contenders, own->op->lock.count);
        corral_lock_contenders_free(own->op->lock.contenders);
    }
}

/* --- life --- */

void locks_list(handle *through)
{
    run *r = through->run;
    world *w = &r->fleet.world;
    corral_client *client = through->member->client;
    int64_t timeout_ms = world_one_in(w, 2) ? CORRAL_FOREVER : world_delay(w, 1, 10000);
    listing *own = &r->listings[r->listing_count];
    int status;

    if (r->listing_count == LISTINGS) {
        return;
    }
    *own = (listing){.through = through,
                     .limited = timeout_ms >= 0,
                     .due = timeout_ms < 0 ? INT64_MAX : w->now + timeout_ms * SIM_MS,
                     .from = r->fleet.ensemble.committed};
    world_note(w, "client %d lists lock %d", through->number, through->lock);
    corrali_lock(client);
    status = corrali_lock_list_submit_locked(through->open, timeout_ms, NULL, &own->op);
    corrali_unlock(client);
    if (status == CORRAL_OK) {
        r->listing_count++;
    } else {
        fleet_fail(&r->fleet, "client %d: a listing is refused: %s", through->number,
                   corral_status_name(status));
    }
}

void locks_look_at_listings(run *r, const member *m)
{
    for (int i = 0; i < r->listing_count; i++) {
        listing *own = &r->listings[i];
        int status = own->op == NULL || own->through->member != m ? CORRAL_EBUSY : corral_op_status(own->op);

        if (status != CORRAL_EBUSY) {
            judge_end(r, own, status);
            corral_op_unref(own->op);
            own->op = NULL;
        }
    }
}

void locks_cancel_listings(run *r, const member *m, const handle *through)
{
    for (int i = 0; i < r->listing_count; i++) {
        listing *own = &r->listings[i];

        if (own->op != NULL && own->through->member == m && (through == NULL || own->through == through)) {
            own->cancelled = true;
        }
    }
}

bool locks_lists(const run *r)
{
    for (int i = 0; i < r->listing_count; i++) {
        const member *m = r->listings[i].through->member;

        if (r->listings[i].op != NULL && !m->crashed && !m->closing) {
            return true;
        }
    }
    return false;
}

void locks_drop_listings(run *r, int number)
{
    for (int i = 0; i < r->listing_count; i++) {
        listing *own = &r->listings[i];

        if (own->op != NULL && own->through->number == number) {
            if (corral_op_status(own->op) == CORRAL_OK) {
                corral_lock_contenders_free(own->op->lock.contenders);
            }
            corral_op_unref(own->op);
            own->op = NULL;
        }
    }
}

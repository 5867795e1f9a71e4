/*
 * Judging what each client comes to know against the past, and against what it
 * knew before: a read may show the past, but not what was before that.
 *
 * What a client has seen, be it a result, an absence or what a subscription
 * told, puts it at the beginning of that state at least; what it is shown
 * afterwards must be a state that had not ended by then. An absence has no stamp:
 * it is taken for the first one that it can be. What is read behind a quorum
 * operation must, besides, not have ended when somebody had been told of a later change.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "watches_internal.h"

/* Something that a client has come to know. */
typedef struct {
    uint64_t begins, ends; /* a delivery begins when it ends */
    bool exists;
    corral_stamp stamp;
    int64_t acked;
    delivery *told;         /* NULL: a call's result */
    call_of_value *call;    /* NULL: a delivery */
    const subscription *of; /* ... of this one */
    int64_t least;          /* zxid: the client has come as far as this */
} view;

typedef struct {
    view *views;
    size_t count;
} views;

static void add_view(views *all, view added)
{
    all->views[all->count++] = added;
}

static int compare_views(const void *left, const void *right)
{
    const view *a = left;
    const view *b = right;

    return a->ends < b->ends ? -1 : a->ends > b->ends;
}

/* --- gathering --- */

static size_t count_all(const run *r, int client)
{
    size_t count = r->count;

    for (const subscription *each = r->subscriptions[client]; each != NULL; each = each->next) {
        for (const delivery *one = each->first; one != NULL; one = one->next) {
            count++;
        }
    }
    return count;
}

static void add_deliveries(const run *r, int client, corral_watch_kind kind, int number, views *all)
{
    for (const subscription *each = r->subscriptions[client]; each != NULL; each = each->next) {
        if (each->kind != kind || each->place != number) {
            continue;
        }
        for (delivery *one = each->first; one != NULL; one = one->next) {
            if (one->status == CORRAL_OK) {
                add_view(all, (view){.begins = one->order,
                                     .ends = one->order,
                                     .exists = one->exists,
                                     .stamp = one->stamp,
                                     .told = one,
                                     .of = each});
            }
        }
    }
}

/* Does it tell of the place's state? */
static bool tells(const call_of_value *own)
{
    switch (own->status) {
    case CORRAL_OK:
        return true;
    case CORRAL_ENOENT:
        return own->kind != SET;
    case CORRAL_ECONFLICT:
        return own->kind == COMPARE_SET;
    default:
        return false;
    }
}

static void add_results(run *r, int client, int number, views *all)
{
    for (size_t i = 0; i < r->count; i++) {
        call_of_value *own = &r->calls[i];
        bool exists = own->status != CORRAL_ENOENT && own->kind != DESTROY;

        if (own->member->number != client || own->place != number || own->ends == 0 || !tells(own)) {
            continue;
        }
        add_view(all,
                 (view){.begins = own->begins,
                        .ends = own->ends,
                        .exists = exists,
                        .stamp = own->stamp,
                        .acked = own->kind == GET && own->level != CORRAL_READ_LINEARIZABLE ? 0 : own->acked,
                        .call = own});
    }
}

/* --- judging --- */

static void tell_wrong(run *r, int client, const view *seen, const char *wrong)
{
    if (seen->call == NULL) {
        fleet_fail(&r->fleet, "client %d: subscription %d, %" PRIx64 ": %s", client, seen->of->number,
                   seen->stamp.mzxid, wrong);
    } else {
        fleet_fail(&r->fleet, "client %d: call %zu, %" PRIx64 ": %s", client, (size_t)(seen->call - r->calls),
                   seen->stamp.mzxid, wrong);
    }
}

static bool same_data(blob a, blob b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static bool same_stamp(const corral_stamp *a, const corral_stamp *b)
{
    return a->czxid == b->czxid && a->mzxid == b->mzxid && a->version == b->version && a->index == b->index;
}

/* A change whose reply was lost may have been hidden by the next one. */
static bool hides(const view *seen)
{
    return seen->call != NULL && (seen->call->kind == SET || seen->call->kind == COMPARE_SET) &&
           seen->call->status == CORRAL_OK && seen->stamp.version == 0;
}

static bool same_names(const moment *was, const delivery *told)
{
    bool same = was->name_count == told->child_count;

    for (size_t i = 0; same && i < was->name_count; i++) {
        same = strcmp(was->names[i], told->children[i].name) == 0;
    }
    return same;
}

/* Does it say of the moment what was? */
static bool fits(const view *seen, const moment *was)
{
    if (hides(seen)) {
        return seen->stamp.czxid == 0 || seen->stamp.czxid == was->stamp.czxid;
    }
    if (was->exists && !same_stamp(&seen->stamp, &was->stamp)) {
        return false;
    }
    if (seen->call != NULL) {
        return seen->call->kind != GET || !was->exists || same_data(seen->call->got, was->data);
    }
    return seen->of->kind == CORRAL_WATCH_DATA       ? same_data(seen->told->data, was->data)
           : seen->of->kind == CORRAL_WATCH_CHILDREN ? same_names(was, seen->told)
                                                     : true;
}

static int64_t zxid_at(const run *r, size_t committed)
{
    return committed == 0 ? 0 : r->fleet.ensemble.log[committed - 1]->txn.zxid;
}

static void judge_view(run *r, const past *line, int client, view *seen, int64_t least)
{
    size_t committed = seen->call != NULL ? seen->call->committed : seen->told->committed;
    int64_t found = watches_find(line, seen->exists, seen->stamp.mzxid, least);
    const moment *was = found < 0 ? NULL : &line->moments[found];

    if (found < 0) {
        tell_wrong(r, client, seen, "before what it had seen, or never so");
    } else if (was->zxid > zxid_at(r, committed)) {
        tell_wrong(r, client, seen, "not committed yet");
    } else if (!fits(seen, was)) {
        tell_wrong(r, client, seen, "not what there was");
    } else {
        seen->least = was->zxid;
    }
    if (found >= 0 && seen->told != NULL) {
        seen->told->first = (size_t)found;
        seen->told->last = watches_find_last(r, line, (size_t)found, committed);
    }
}

static void judge_all(run *r, const past *line, int client, views *all)
{
    qsort(all->views, all->count, sizeof *all->views, compare_views);
    for (size_t i = 0; i < all->count && r->fleet.failure[0] == '\0'; i++) {
        view *seen = &all->views[i];
        int64_t least = seen->acked;

        for (size_t j = 0; j < i && all->views[j].ends < seen->begins; j++) {
            least = all->views[j].least > least ? all->views[j].least : least;
        }
        judge_view(r, line, client, seen, least);
    }
}

static void judge_client(run *r, int client)
{
    views all = {.views = world_alloc(&r->fleet.world, (count_all(r, client) + 1) * sizeof(view))};

    for (int i = 0; i < PLACES; i++) {
        all.count = 0;
        add_deliveries(r, client, CORRAL_WATCH_DATA, i, &all);
        if (watches_is_hidden(r, i)) {
            judge_all(r, &r->places[i].data, client, &all);
            all.count = 0;
        }
        add_results(r, client, i, &all);
        judge_all(r, &r->places[i].data, client, &all);
    }
    for (corral_watch_kind kind = CORRAL_WATCH_CHILDREN; kind <= CORRAL_WATCH_CHILDREN_DATA; kind++) {
        all.count = 0;
        add_deliveries(r, client, kind, HOUSE, &all);
        judge_all(r, &r->list, client, &all);
    }
}

void watches_judge_views(run *r)
{
    for (int i = 0; i < r->fleet.member_count; i++) {
        judge_client(r, i);
    }
}

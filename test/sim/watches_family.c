/*
 * Judging what a subscription to children with their data delivers of these.
 *
 * The list is that of one moment; the data of each child are of a moment that is
 * no earlier than what was delivered of it before. How many changes led from one
 * delivery to the next is known at least of the list, and of children that stayed.
 */
#include <inttypes.h>
#include <string.h>

#include "watches_internal.h"

static void tell_wrong(const subscription *own, const delivery *now, const char *name, const char *wrong)
{
    fleet_fail(&own->run->fleet, "client %d, subscription %d, list %" PRIx64 ", child %s: %s",
               own->member->number, own->number, now->stamp.mzxid, name, wrong);
}

static const place *place_of(const run *r, const char *name)
{
    for (int i = ROOM; i < PLACES; i++) {
        const char *path = world_path_text(&r->fleet.world, r->places[i].path);

        if (strcmp(strrchr(path, '/') + 1, name) == 0) {
            return &r->places[i];
        }
    }
    return NULL;
}

static const past *past_of(const run *r, const char *name)
{
    const place *at = place_of(r, name);

    return at == NULL ? NULL : &at->data;
}

static const corral_watch_child *find(const delivery *told, const char *name)
{
    for (size_t i = 0; told != NULL && i < told->child_count; i++) {
        if (strcmp(told->children[i].name, name) == 0) {
            return &told->children[i];
        }
    }
    return NULL;
}

static int64_t zxid_of(const run *r, const delivery *told)
{
    const ensemble *e = &r->fleet.ensemble;

    return told->committed == 0 ? 0 : e->log[told->committed - 1]->txn.zxid;
}

/* --- each child --- */

static bool is_in(const moment *list, const char *name)
{
    for (size_t i = 0; i < list->name_count; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void judge_child(const subscription *own, const delivery *now, const corral_watch_child *child,
                        const corral_watch_child *before)
{
    const past *line = past_of(own->run, child->name);
    int64_t least = before != NULL && before->status == CORRAL_OK ? before->stamp.mzxid : 0;
    int64_t found = line == NULL ? -1 : watches_find(line, true, child->stamp.mzxid, 0);
    const moment *was = found < 0 ? NULL : &line->moments[found];

    if (child->status == CORRAL_EACCES && child->stamp.mzxid == 0 && child->length == 0) {
        return;
    }
    if (child->status != CORRAL_OK || was == NULL || was->zxid > zxid_of(own->run, now) ||
        was->stamp.czxid != child->stamp.czxid || was->stamp.version != child->stamp.version ||
        was->data.length != child->length ||
        (child->length > 0 && memcmp(was->data.bytes, child->value, child->length) != 0)) {
        tell_wrong(own, now, child->name, "never so");
    } else if (child->stamp.mzxid < least) {
        tell_wrong(own, now, child->name, "older than before");
    }
}

/* One that is left out must have gone since the list was read. */
static void judge_missing(const subscription *own, const delivery *now, const moment *list, const char *name)
{
    const past *line = past_of(own->run, name);
    bool gone = false;

    for (size_t i = 0; line != NULL && i < line->count; i++) {
        const moment *each = &line->moments[i];

        gone = gone || (!each->exists && each->zxid > list->zxid && each->zxid <= zxid_of(own->run, now));
    }
    if (!gone && !watches_is_hidden(own->run, (int)(place_of(own->run, name) - own->run->places))) {
        tell_wrong(own, now, name, "left out");
    }
    own->run->fleet.world.rare[RARE_CHILD_GONE]++;
}

static void judge_each(const subscription *own, const delivery *before, const delivery *now)
{
    const moment *list = &own->run->list.moments[now->first];

    for (size_t i = 0; i < now->child_count; i++) {
        const corral_watch_child *child = &now->children[i];

        if (!is_in(list, child->name) || (i > 0 && strcmp(now->children[i - 1].name, child->name) >= 0)) {
            tell_wrong(own, now, child->name, "not in the list, or not in order");
        }
        judge_child(own, now, child, find(before, child->name));
    }
    for (size_t i = 0; i < list->name_count; i++) {
        if (find(now, list->names[i]) == NULL) {
            judge_missing(own, now, list, list->names[i]);
        }
    }
}

/* --- all of them --- */

/* Is it what was told before? */
static bool is_same(const delivery *before, const delivery *now)
{
    bool same = before->status == now->status && before->exists == now->exists &&
                before->stamp.mzxid == now->stamp.mzxid && before->child_count == now->child_count;

    for (size_t i = 0; same && i < now->child_count; i++) {
        same = strcmp(before->children[i].name, now->children[i].name) == 0 &&
               before->children[i].status == now->children[i].status &&
               before->children[i].stamp.mzxid == now->children[i].stamp.mzxid;
    }
    return same;
}

/* May it have been out of sight, for want of permission or memory? */
static bool was_lost(const subscription *own, const char *name)
{
    const run *r = own->run;

    return r->places[HOUSE].restricted || place_of(r, name)->restricted || own->member->starved;
}

/* How often the data of a child that stayed have changed, both of its states being known. */
static uint64_t changes_of(const run *r, const corral_watch_child *before, const corral_watch_child *now)
{
    const past *line = past_of(r, now->name);
    bool stayed = before != NULL && before->status == CORRAL_OK && now->status == CORRAL_OK &&
                  before->stamp.czxid == now->stamp.czxid;
    int64_t was = stayed ? watches_find(line, true, before->stamp.mzxid, 0) : -1;
    int64_t is = stayed ? watches_find(line, true, now->stamp.mzxid, 0) : -1;

    return was < 0 || is < 0 ? 0 : line->moments[is].changes - line->moments[was].changes;
}

/* How often anything of the children changed since what @before tells of. */
static uint64_t most_of_data(const run *r, const delivery *before, const delivery *now)
{
    uint64_t most = 0;

    for (int i = ROOM; i < PLACES; i++) {
        const char *name = strrchr(world_path_text(&r->fleet.world, r->places[i].path), '/') + 1;
        const corral_watch_child *child = find(before, name);
        const past *line = &r->places[i].data;
        int64_t from =
            child == NULL || child->status != CORRAL_OK ? 0 : watches_find(line, true, child->stamp.mzxid, 0);
        size_t until = from < 0 ? 0 : (size_t)from;
        uint64_t begin = line->moments[until].changes;

        while (until + 1 < line->count && line->moments[until + 1].zxid <= zxid_of(r, now)) {
            until++;
        }
        most += line->moments[until].changes - begin;
    }
    return most;
}

static void judge_skipped(const subscription *own, const delivery *before, const delivery *now,
                          uint64_t least_of_list, uint64_t most_of_list)
{
    uint64_t least = least_of_list;
    uint64_t most = most_of_list + most_of_data(own->run, before, now);

    for (size_t i = 0; i < now->child_count; i++) {
        const corral_watch_child *child = &now->children[i];

        least += was_lost(own, child->name) ? 0 : changes_of(own->run, find(before, child->name), child);
    }
    if (now->skipped + 1 < least || (now->skipped > 0 && now->skipped + 1 > most)) {
        fleet_fail(&own->run->fleet,
                   "client %d, subscription %d, list %" PRIx64 ": %" PRIu64 " are skipped, of %" PRIu64
                   " to %" PRIu64 " changes",
                   own->member->number, own->number, now->stamp.mzxid, now->skipped, least, most);
    }
}

void watches_judge_children(const subscription *own, const delivery *before, bool at_once,
                            const delivery *now, uint64_t least_of_list, uint64_t most_of_list)
{
    if (now->exists) {
        judge_each(own, before, now);
    }
    if (before == NULL) {
        if (now->skipped > 0) {
            tell_wrong(own, now, "-", "something is skipped before the first");
        }
        return;
    }
    if (at_once && is_same(before, now)) {
        tell_wrong(own, now, "-", "told twice");
    }
    own->run->fleet.world.rare[RARE_CHILD_CHANGED] +=
        before->exists && now->exists && before->stamp.mzxid == now->stamp.mzxid;
    judge_skipped(own, before, now, least_of_list, most_of_list);
}

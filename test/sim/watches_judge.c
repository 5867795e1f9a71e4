/*
 * Judging each subscription of the workload "watches": nothing twice, nothing
 * left out without being counted, and the last state in the end.
 */
#include <inttypes.h>
#include <string.h>

#include "watches_internal.h"

static const past *line_of(const subscription *own)
{
    return own->kind == CORRAL_WATCH_DATA ? &own->run->places[own->place].data : &own->run->list;
}

static void tell_wrong(const subscription *own, const delivery *told, const char *wrong)
{
    fleet_fail(&own->run->fleet, "client %d, subscription %d to %s, %s %" PRIx64 ": %s", own->member->number,
               own->number, world_path_text(&own->run->fleet.world, own->run->places[own->place].path),
               corral_status_name(told->status), told->stamp.mzxid, wrong);
}

/* --- nothing twice --- */

static bool may_follow(const subscription *own, const delivery *before, const delivery *now)
{
    bool data = own->kind == CORRAL_WATCH_CHILDREN_DATA;

    if (before == NULL || before->status != now->status) {
        return true;
    }
    if (now->status != CORRAL_OK || before->exists != now->exists) {
        return now->status == CORRAL_OK;
    }
    return now->exists &&
           (data ? now->stamp.mzxid >= before->stamp.mzxid : now->stamp.mzxid > before->stamp.mzxid);
}

/* What is not said of this state must be empty. */
static bool is_clean(const subscription *own, const delivery *told)
{
    bool exists = told->status == CORRAL_OK && told->exists;

    return (told->status == CORRAL_OK || (!told->exists && told->skipped == 0)) &&
           (exists || (told->stamp.mzxid == 0 && told->stamp.czxid == 0 && told->child_count == 0)) &&
           (own->kind == CORRAL_WATCH_DATA ? told->child_count == 0 : told->data.length == 0) &&
           (exists || told->data.length == 0);
}

/* --- nothing left out uncounted --- */

/* At least so many changes led from @before to @now that a client must know of. */
static uint64_t least_changes(const past *line, const delivery *before, const delivery *now)
{
    const moment *was = &line->moments[before->first];
    const moment *is = &line->moments[now->first];

    if (was->exists && is->exists && was->stamp.czxid == is->stamp.czxid) {
        return is->changes - was->changes;
    }
    if (!is->exists) {
        return was->exists;
    }
    /* It was made, and changed so often; one before it deleted, unless its versions had come to an end. */
    return 1 + (uint64_t)is->stamp.version + (was->exists && was->stamp.version >= 0);
}

static uint64_t most_changes(const past *line, const delivery *before, const delivery *now)
{
    return line->moments[now->last].changes - line->moments[before->first].changes;
}

static void judge_skipped(const subscription *own, const delivery *before, const delivery *now)
{
    const past *line = line_of(own);
    uint64_t least = before == NULL ? 0 : least_changes(line, before, now);
    uint64_t most = before == NULL ? 0 : most_changes(line, before, now);
    uint64_t counted = now->skipped + 1;

    if (before == NULL || most == 0) {
        if (now->skipped != 0) {
            tell_wrong(own, now, "something is skipped, and there was nothing");
        }
    } else if (counted < least || counted > most) {
        fleet_fail(&own->run->fleet,
                   "client %d, subscription %d, %" PRIx64 ": %" PRIu64 " are skipped, of %" PRIu64
                   " to %" PRIu64 " changes",
                   own->member->number, own->number, now->stamp.mzxid, now->skipped, least, most);
    }
    own->run->fleet.world.rare[RARE_UNSEEN] += counted < most;
}

static void judge_family(const subscription *own, const delivery *before, bool at_once, const delivery *now)
{
    const past *line = line_of(own);

    watches_judge_children(own, before, at_once, now, before == NULL ? 0 : least_changes(line, before, now),
                           before == NULL ? 0 : most_changes(line, before, now));
}

static void judge_deliveries(const subscription *own)
{
    const delivery *before = NULL;
    const delivery *good = NULL; /* the last that told of the znode */

    for (const delivery *now = own->first; now != NULL; now = now->next) {
        if (now->status != CORRAL_OK && now->status != CORRAL_EACCES) {
            tell_wrong(own, now, "there was no reason for that");
        } else if (!may_follow(own, before, now)) {
            tell_wrong(own, now, "is told twice, or too late");
        } else if (!is_clean(own, now)) {
            tell_wrong(own, now, "says what it should not");
        } else if (now->status == CORRAL_OK && own->kind != CORRAL_WATCH_CHILDREN_DATA) {
            judge_skipped(own, good, now);
        } else if (now->status == CORRAL_OK) {
            judge_family(own, good, before == good, now);
        }
        good = now->status == CORRAL_OK ? now : good;
        before = now;
    }
}

/* --- the last state --- */

static const moment *last_of(const past *line)
{
    return &line->moments[line->count - 1];
}

static bool has_last_data(const run *r, const corral_watch_child *child)
{
    for (int i = ROOM; i < PLACES; i++) {
        const char *path = world_path_text(&r->fleet.world, r->places[i].path);
        const moment *last = last_of(&r->places[i].data);

        if (strcmp(strrchr(path, '/') + 1, child->name) == 0) {
            return child->status == CORRAL_OK && last->exists && child->stamp.mzxid == last->stamp.mzxid;
        }
    }
    return false;
}

static void judge_last(const subscription *own)
{
    const moment *last = last_of(line_of(own));
    const delivery *told = own->last;

    if (told == NULL) {
        fleet_fail(&own->run->fleet, "client %d, subscription %d: it is told nothing", own->member->number,
                   own->number);
        return;
    }
    if (told->status != CORRAL_OK || told->exists != last->exists ||
        (last->exists && told->stamp.mzxid != last->stamp.mzxid) ||
        (own->kind != CORRAL_WATCH_DATA && told->child_count != last->name_count)) {
        tell_wrong(own, told, "is not the last state");
    }
    for (size_t i = 0; own->kind == CORRAL_WATCH_CHILDREN_DATA && i < told->child_count; i++) {
        if (!has_last_data(own->run, &told->children[i])) {
            tell_wrong(own, told, "has not the last data of all children");
        }
    }
}

/* --- what it costs --- */

static bool is_wanted(const run *r, int client, const watch_again *watch)
{
    for (const subscription *each = r->subscriptions[client]; each != NULL; each = each->next) {
        int path = r->places[each->place].path;
        bool family = each->kind == CORRAL_WATCH_CHILDREN_DATA;
        bool below = family && world_path_parent(&r->fleet.world, watch_path(watch->watch)) == path;

        if (!each->closed && (below || (watch_path(watch->watch) == path &&
                                        (each->kind != CORRAL_WATCH_DATA || watch->watch % 2 == 0)))) {
            return true;
        }
    }
    return false;
}

/* Nothing is watched that nobody has subscribed to. */
static void judge_watches(run *r, const member *m)
{
    size_t count;
    const watch_again *watches = simclient_watches(m->io, &count);

    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(r, m->number, &watches[i])) {
            fleet_fail(&r->fleet, "client %d watches %s, and nobody has subscribed to it", m->number,
                       world_path_text(&r->fleet.world, watch_path(watches[i].watch)));
        }
    }
}

void watches_judge_subscriptions(run *r)
{
    for (int i = 0; i < r->fleet.member_count; i++) {
        const member *m = &r->fleet.members[i];

        for (const subscription *each = r->subscriptions[i]; each != NULL; each = each->next) {
            judge_deliveries(each);
            if (fleet_runs(m) && !each->closed) {
                judge_last(each);
            }
        }
        if (fleet_runs(m)) {
            judge_watches(r, m);
        }
    }
}

/* --- what is left --- */

/* Only what is meant to stay. */
void watches_judge_leavings(run *r)
{
    fleet *f = &r->fleet;
    const tree *t = ensemble_state(&f->ensemble);
    int writers = world_path(&f->world, "/corral/writers");
    int crashed = 0; /* or closed while much was broken */

    for (int i = 0; i < f->member_count; i++) {
        crashed += f->members[i].crashed || f->members[i].hurried;
    }
    for (int path = 1; path < t->capacity; path++) {
        const znode *node = tree_find(t, path);

        if (node != NULL && node->owner != 0) {
            fleet_fail(f, "%s is left, and its session is not", world_path_text(&f->world, path));
        } else if (node != NULL && world_path_parent(&f->world, path) == writers && --crashed < 0) {
            fleet_fail(f, "%s is left", world_path_text(&f->world, path));
        }
    }
}

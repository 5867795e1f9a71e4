/*
 * Judging the calls of the workload "watches": that each ended as it may, and did
 * what it says, once.
 */
#include <inttypes.h>

#include "internal.h"
#include "watches_internal.h"

static size_t number_of(const call_of_value *own)
{
    return (size_t)(own - own->run->calls);
}

static void tell_wrong(const call_of_value *own, const char *wrong)
{
    fleet_fail(&own->run->fleet, "client %d call %zu (%s): %s", own->member->number, number_of(own),
               corral_status_name(own->status), wrong);
}

/* --- how it ended --- */

/* Was the znode that it was to find deleted, in the end, by another program? What Corral deletes it notices.
 */
static bool may_overwrite(const call_of_value *own)
{
    const past *line = &own->run->places[own->place].data;
    int64_t found = watches_find(line, true, own->expected.mzxid, 0);

    for (size_t i = found < 0 ? line->count : (size_t)found; i < line->count; i++) {
        const moment *each = &line->moments[i];

        if (!each->exists || each->stamp.czxid != line->moments[found].stamp.czxid) {
            return each->meddled;
        }
    }
    return false;
}

static bool may_be_uncertain(const call_of_value *own)
{
    bool overwrites = own->cause == CORRAL_ECONFLICT && own->kind == COMPARE_SET && own->expects;

    return own->kind != GET && (own->limited || own->cancelled || (overwrites && may_overwrite(own)) ||
                                (own->run->fleet.lanes_deleted && own->cause == CORRAL_ENOENT));
}

static bool was_uncomparable(const call_of_value *own)
{
    const past *line = &own->run->places[own->place].data;

    for (size_t i = 0; i < line->count; i++) {
        if (line->moments[i].exists && line->moments[i].stamp.version == CORRALI_VERSION_ANY) {
            return true;
        }
    }
    return false;
}

static bool may_be_refused(const call_of_value *own)
{
    const place *places = own->run->places;

    return places[own->place].restricted || (watches_is_child(own->place) && places[HOUSE].restricted);
}

/* Can it have ended like that? */
static bool may_end(const call_of_value *own)
{
    switch (own->status) {
    case CORRAL_OK:
        return true;
    case CORRAL_ENOENT:
        return own->kind == GET || own->kind == DESTROY || (own->kind == COMPARE_SET && own->expects);
    case CORRAL_ECONFLICT:
        return own->kind == COMPARE_SET || (own->kind == DESTROY && own->place == HOUSE);
    case CORRAL_EEXHAUSTED:
        return own->kind == COMPARE_SET && own->expects && was_uncomparable(own);
    case CORRAL_EACCES:
        return may_be_refused(own);
    case CORRAL_ETIMEDOUT:
        return own->limited;
    case CORRAL_ECANCELED:
    case CORRAL_ECLOSED:
        return own->cancelled;
    case CORRAL_ENOMEM:
        return own->member->starved;
    case CORRAL_EUNCERTAIN:
        return may_be_uncertain(own);
    default:
        return false;
    }
}

static void judge_end(const call_of_value *own)
{
    bool timed_out = own->status == CORRAL_ETIMEDOUT ||
                     (own->status == CORRAL_EUNCERTAIN && own->cause == CORRAL_ETIMEDOUT);

    if (!own->ended) {
        tell_wrong(own, "has not ended");
    } else if (!may_end(own)) {
        tell_wrong(own, "has ended so for no reason");
    } else if (timed_out && own->returned < own->deadline) {
        tell_wrong(own, "has timed out too early");
    }
}

/* --- what it did --- */

/* Which moment it made; NULL: none. */
static const moment *made_by(const call_of_value *own)
{
    const past *line = &own->run->places[own->place].data;

    for (size_t i = 1; own->applied > 0 && i < line->count; i++) {
        if (line->moments[i].zxid == own->applied_zxid) {
            return &line->moments[i];
        }
    }
    return NULL;
}

/* Was there, before it, what it was told to expect? */
static bool met_expected(const call_of_value *own, const moment *made)
{
    const moment *before = made - 1;

    if (!own->expects) {
        return !before->exists;
    }
    /* If the reply was lost, and the znode gone again before it was looked at, nothing tells of it. */
    return (before->exists && before->stamp.mzxid == own->expected.mzxid) ||
           (own->stamp.czxid == 0 && may_overwrite(own));
}

static void judge_change(const call_of_value *own)
{
    const moment *made = made_by(own);

    if (own->applied > 1) {
        tell_wrong(own, "was applied twice");
    } else if (own->status == CORRAL_OK && made == NULL) {
        tell_wrong(own, "was not applied");
    } else if (own->status != CORRAL_OK && own->status != CORRAL_EUNCERTAIN && made != NULL) {
        tell_wrong(own, "was applied");
    } else if (own->status == CORRAL_OK && own->stamp.mzxid != made->zxid) {
        tell_wrong(own, "has another change's stamp");
    } else if (own->status == CORRAL_OK && own->acked >= made->zxid) {
        tell_wrong(own, "was applied before it began");
    } else if (own->status == CORRAL_OK && own->kind == COMPARE_SET && !met_expected(own, made)) {
        tell_wrong(own, "did not find what it expected");
    } else if (made != NULL && own->kind == COMPARE_SET && made->stamp.version == CORRALI_VERSION_ANY) {
        tell_wrong(own, "has left a version that cannot be compared");
    }
}

static void count_overwritten(const call_of_value *own)
{
    own->run->fleet.world.rare[RARE_OVERWRITTEN] +=
        own->kind == COMPARE_SET && own->status == CORRAL_EUNCERTAIN && own->cause == CORRAL_ECONFLICT;
}

/* Those of one handle are applied in the order of their calls. */
static void judge_order(run *r, const call_of_value *own)
{
    for (size_t i = number_of(own) + 1; own->applied > 0 && i < r->count; i++) {
        const call_of_value *later = &r->calls[i];

        if (later->member == own->member && later->place == own->place && later->slot == own->slot &&
            later->applied > 0 && later->applied_zxid <= own->applied_zxid) {
            tell_wrong(later, "was applied before an earlier one of its handle");
        }
    }
}

/* They have no mark of their own: they are counted. */
static void judge_deletions(run *r, int number)
{
    int64_t certain = 0;
    int64_t possible = 0;

    for (size_t i = 0; i < r->count; i++) {
        const call_of_value *own = &r->calls[i];

        if (own->kind == DESTROY && own->place == number) {
            certain += own->ends != 0 && own->status == CORRAL_OK;
            possible += own->ends == 0 || own->status == CORRAL_OK || own->status == CORRAL_EUNCERTAIN;
        }
    }
    if (r->places[number].deleted < certain || r->places[number].deleted > possible) {
        fleet_fail(&r->fleet, "%s was deleted %" PRId64 " times instead of %" PRId64 " to %" PRId64,
                   world_path_text(&r->fleet.world, r->places[number].path), r->places[number].deleted,
                   certain, possible);
    }
}

void watches_judge_calls(run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        call_of_value *own = &r->calls[i];

        if (!own->member->crashed) {
            own->cause = own->op == NULL ? own->status : corral_op_cause(own->op);
            judge_end(own);
            count_overwritten(own);
            r->fleet.world.rare[RARE_LANE_MISSING] +=
                own->status == CORRAL_EUNCERTAIN && own->cause == CORRAL_ENOENT;
        }
        if (own->kind == SET || own->kind == COMPARE_SET) {
            judge_change(own);
        }
        judge_order(r, own);
    }
    for (int i = 0; i < GUEST; i++) {
        judge_deletions(r, i);
    }
}

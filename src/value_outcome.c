/* Outcomes: what became of the multi of a value's change, and what follows from it. */
#include "value.h"

/* --- applied --- */

/* Was the znode another one than that which was found as expected, by chance at the same version? */
static bool is_overwritten(const corrali_value_change *own, int64_t czxid)
{
    return own->kind == CORRALI_COMPARE_SET && !own->creates && czxid != own->czxid;
}

static void tell_overwritten(corrali_value_change *own)
{
    corral_client *client = own->value->object.client;

    corrali_log(&client->log, CORRAL_LOG_WARN,
                "corral: %s was deleted and made again by another program, and is overwritten",
                corrali_path_shown(client, own->value->path));
    own->stamp = (corral_stamp){.mzxid = 0};
    corrali_change_end(own, CORRAL_EUNCERTAIN, CORRAL_ECONFLICT, NULL);
}

/* This is what the change has made of the znode. */
static void succeed(corrali_value_change *own, const corrali_stat *stat)
{
    if (is_overwritten(own, stat->czxid)) {
        tell_overwritten(own);
        return;
    }
    corrali_value_saw_locked(own->value, stat);
    own->stamp = (corral_stamp){.czxid = stat->czxid, .mzxid = stat->mzxid, .version = stat->version};
    corrali_change_end(own, CORRAL_OK, CORRAL_OK, NULL);
}

static int learned(corrali_fetch *fetch)
{
    CORRALI_CONTAINER(fetch, corrali_value_change, fetch)->found = fetch->get.stat;
    return CORRAL_OK;
}

/* If there has been no later change the znode tells all; if it is still there, of which incarnation it was.
 */
static void stamp_looked_up(corrali_fetch *fetch)
{
    corrali_value_change *own = CORRALI_CONTAINER(fetch, corrali_value_change, fetch);
    bool exists = fetch->status == CORRAL_OK;

    if (exists && own->found.mzxid == own->stamp.mzxid) {
        succeed(own, &own->found);
    } else if (exists && own->found.czxid < own->stamp.mzxid && is_overwritten(own, own->found.czxid)) {
        tell_overwritten(own);
    } else {
        own->stamp.czxid = exists && own->found.czxid < own->stamp.mzxid ? own->found.czxid : 0;
        corrali_change_end(own, CORRAL_OK, CORRAL_OK, NULL);
    }
}

/* The reply that would have told is lost. */
static void look_up_stamp(corrali_value_change *own)
{
    own->phase = CORRALI_CHANGE_LEARNING;
    own->fetch = (corrali_fetch){.client = own->value->object.client,
                                 .path = own->value->path,
                                 .level = CORRAL_READ_LOCAL,
                                 .kind = CORRALI_EXISTS,
                                 .got_locked = learned,
                                 .done_locked = stamp_looked_up};
    corrali_fetch_start_locked(&own->fetch);
}

static void applied(corrali_value_change *own, const corrali_exact_outcome *outcome)
{
    corral_value *value = own->value;

    value->seen = (corrali_stat){.mzxid = 0};
    if (own->kind == CORRALI_DESTROY) {
        if (outcome->recovered) {
            corrali_epoch_forget_locked(value->object.client, &value->epoch);
        } else {
            corrali_epoch_learn_locked(value->object.client, &value->epoch,
                                       own->writes[CORRALI_EXACT_FIRST].stat.version);
        }
        corrali_change_end(own, CORRAL_OK, CORRAL_OK, NULL);
    } else if (own->creates) {
        succeed(own, &(corrali_stat){.czxid = outcome->zxid, .mzxid = outcome->zxid});
    } else if (!outcome->recovered) {
        succeed(own, &own->writes[own->exact.count - 1].stat);
    } else {
        own->stamp.mzxid = outcome->zxid;
        look_up_stamp(own);
    }
}

/* --- not applied --- */

/* Because of the epoch: a znode that shares it was destroyed, perhaps this one; or there is none yet. */
static void failed_at_epoch(corrali_value_change *own, const corrali_exact_outcome *outcome)
{
    corrali_epoch_forget_locked(own->value->object.client, &own->value->epoch);
    if (outcome->status == CORRAL_ECONFLICT && own->kind == CORRALI_COMPARE_SET) {
        corrali_change_advance(own);
    } else if (outcome->status == CORRAL_ENOENT && own->op != NULL) {
        corrali_change_make_epoch(own);
    } else {
        corrali_change_end(own, outcome->status, outcome->cause, outcome->path);
    }
}

/* Because of the znode itself. */
static void failed_at_value(corrali_value_change *own, const corrali_exact_outcome *outcome)
{
    int status = outcome->status;
    bool sets = own->kind == CORRALI_SET_VALUE;

    own->value->seen = (corrali_stat){.mzxid = 0};
    if (own->op == NULL) {
        corrali_change_end(own, status, status, NULL);
    } else if (sets && (status == CORRAL_ENOENT || status == CORRAL_EEXIST) &&
               own->creates == (status == CORRAL_EEXIST)) {
        own->creates = !own->creates; /* it has been made, or deleted */
        corrali_change_advance(own);
    } else if (own->creates && status == CORRAL_ENOENT) {
        corrali_change_make_parents(own);
    } else if (own->kind == CORRALI_COMPARE_SET && (status == CORRAL_ECONFLICT || status == CORRAL_EEXIST)) {
        corrali_change_look(own); /* by which stamp? */
    } else {
        status = status == CORRAL_EEXIST ? CORRAL_ECONFLICT : status; /* a deletion found children */
        corrali_change_end(own, status, status, outcome->path);
    }
}

void corrali_change_settled(corrali_exact *exact, const corrali_exact_outcome *outcome)
{
    corrali_value_change *own = CORRALI_CONTAINER(exact, corrali_value_change, exact);

    if (outcome->status == CORRAL_OK) {
        applied(own, outcome);
    } else if (outcome->status == CORRAL_EUNCERTAIN || outcome->failed == CORRALI_EXACT_LANE) {
        own->value->seen = (corrali_stat){.mzxid = 0};
        corrali_change_end(own, outcome->status, outcome->cause, outcome->path);
    } else if (own->checked && outcome->failed == CORRALI_EXACT_FIRST) {
        failed_at_epoch(own, outcome);
    } else {
        failed_at_value(own, outcome);
    }
}

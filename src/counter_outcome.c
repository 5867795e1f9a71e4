/*
 * Outcomes: what became of a batch's request, and what follows from it.
 */
#include <string.h>

#include "counter_batch.h"
#include "mkdirs.h"

/* The pause after a lost race is random, up to a bound that doubles with each loss and halves with each
 * success. */
enum { BACKOFF_MIN_NS = 250000, BACKOFF_MAX_NS = 8000000 };

/* One request that took longer, because of an outage say, tells nothing of the next one. */
enum { PACE_MAX_NS = 8000000 };

/* Those of the request that would have changed something end EUNCERTAIN; the others are tried again. */
static void end_uncertain(corrali_batch *own, int cause, const char *path)
{
    corrali_link again;
    corral_op *op;

    corrali_list_init(&again);
    while ((op = corrali_batch_pop(&own->ops)) != NULL) {
        if (op->status == CORRAL_OK) {
            corrali_op_end_at_locked(op, CORRAL_EUNCERTAIN, cause, path);
        } else {
            corrali_list_append(&again, &op->task.link);
        }
    }
    corrali_list_prepend_all(&own->ops, &again);
    corrali_batch_requeue(own);
    corrali_cell_forget(own->cell);
}

/* Applied: everybody gets their result. */
static void end_applied(corrali_batch *own)
{
    corral_op *op;

    own->cell->client->stats.batches++;
    while ((op = corrali_batch_pop(&own->ops)) != NULL) {
        if (op->status == CORRAL_OK) {
            op->stamp.czxid = own->after.czxid;
            op->stamp.mzxid = own->after.mzxid;
            op->stamp.version = own->after.version;
        }
        corrali_op_end_locked(op, op->status, op->status);
    }
}

/* What the znode is after a request that succeeded, as far as the reply tells. */
static void learn_state(corrali_batch *own)
{
    const corrali_write *writes = own->request.writes;
    const corrali_write *last = &writes[own->request.write_count - 1];

    if (own->kind == CORRALI_BATCH_DELETION) {
        corrali_epoch_learn_locked(own->cell->client, &own->cell->epoch,
                                   writes[own->lane_writes].stat.version);
    }
    if (own->kind != CORRALI_BATCH_CHANGE) {
        return;
    }
    if (last->kind == CORRALI_SET) {
        own->after.czxid = last->stat.czxid;
        own->after.mzxid = last->stat.mzxid;
        own->after.version = last->stat.version;
    } else {
        /* Created together with a change of the lane: at that zxid. */
        own->after.czxid = writes[own->lane_writes - 1].stat.mzxid;
        own->after.mzxid = own->after.czxid;
        own->after.version = 0;
    }
}

/* Was the znode another one than that whose state we knew, by chance at the same version? */
static bool overwritten(const corrali_batch *own)
{
    return own->kind == CORRALI_BATCH_CHANGE && !own->creates && own->after.czxid != own->cell->cache.czxid;
}

static void tell_overwritten(corrali_batch *own)
{
    corrali_cell *cell = own->cell;

    corrali_log(&cell->client->log, CORRAL_LOG_WARN,
                "corral: %s was deleted and made again by another program, and is overwritten",
                corrali_path_shown(cell->client, cell->path));
    end_uncertain(own, CORRAL_ECONFLICT, cell->path);
}

/* What the next request may expect: see corrali_batch_gather(). */
static void learn_pace(corrali_batch *own)
{
    corrali_cell *cell = own->cell;
    int64_t took = cell->confirmed_at - own->sent_at;

    cell->write_ns += ((took > PACE_MAX_NS ? PACE_MAX_NS : took) - cell->write_ns) / 8;
    cell->crowd = own->size + cell->arrived;
}

static void committed(corrali_batch *own)
{
    corrali_cell *cell = own->cell;

    if (own->lane != NULL) {
        own->lane->version = own->request.writes[own->lane_writes - 1].stat.version;
        own->lane->batches++;
        if (own->resent) {
            cell->client->stats.resends_not_applied++;
        }
    }
    learn_state(own);
    corrali_batch_forget_acl(own);
    if (own->kind == CORRALI_BATCH_CHECK && cell->cache.knowledge == CORRALI_ABSENT) {
        corrali_cell_forget(cell); /* it was absent, it is there now: compute again */
        corrali_batch_requeue(own);
    } else if (overwritten(own)) {
        tell_overwritten(own);
    } else {
        cell->cache = own->after;
        cell->confirmed_at = corrali_now_locked(cell->client);
        cell->backoff_ns /= 2;
        learn_pace(own);
        end_applied(own);
    }
    corrali_batch_return_lane(own);
    corrali_batch_gather(own);
}

/* Somebody else changed the counter first. While we pause, the next batch grows. */
static void lost_race(corrali_batch *own)
{
    corrali_cell *cell = own->cell;
    corral_client *client = cell->client;
    int64_t bound = cell->backoff_ns < BACKOFF_MIN_NS ? BACKOFF_MIN_NS : 2 * cell->backoff_ns;

    client->stats.lost_races++;
    corrali_batch_forget_acl(own);
    corrali_cell_forget(cell);
    corrali_batch_requeue(own);
    cell->backoff_ns = bound > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : bound;
    if (corrali_list_empty(&cell->queue)) {
        corrali_batch_advance(own); /* nobody is left to pause for */
        return;
    }
    corrali_batch_pause(own, (int64_t)(corrali_random_locked(client) % (uint64_t)cell->backoff_ns));
}

static void parents_made(void *arg, int status, const char *path)
{
    corrali_batch *own = arg;

    if (status == CORRAL_OK) {
        corrali_batch_advance(own);
    } else {
        corrali_batch_fail(own, status, path);
    }
}

static void make_parents(corrali_batch *own)
{
    corrali_cell *cell = own->cell;

    corrali_batch_requeue(own);
    own->phase = CORRALI_BATCH_PARENTS;
    if (corrali_mkdirs_locked(cell->client, cell->path, SIZE_MAX, parents_made, own) != CORRAL_OK) {
        corrali_batch_fail(own, CORRAL_ENOMEM, cell->path);
    }
}

/* Not applied, because of the epoch: a counter that shares it was destroyed, perhaps this one. */
static void failed_at_epoch(corrali_batch *own, int status)
{
    corrali_cell *cell = own->cell;

    if (own->resent) {
        cell->client->stats.resends_not_applied++;
    }
    corrali_batch_return_lane(own);
    corrali_epoch_forget_locked(cell->client, &cell->epoch);
    corrali_batch_forget_acl(own);
    if (status == CORRAL_ECONFLICT || status == CORRAL_ENOENT) {
        corrali_batch_requeue(own);
    } else {
        /* Refused as a whole, unless it is about permissions. */
        corrali_batch_end_ops(&own->ops, status, status,
                              status == CORRAL_EACCES ? corrali_epoch_path(cell->client, &cell->epoch)
                                                      : cell->path);
    }
    corrali_batch_advance(own);
}

/* Not applied, because of the counter's znode: the lane is as it was. */
static void failed_at_counter(corrali_batch *own, int status)
{
    corrali_cell *cell = own->cell;
    bool present = cell->cache.knowledge == CORRALI_PRESENT;

    if (own->resent) {
        cell->client->stats.resends_not_applied++;
    }
    corrali_batch_return_lane(own);
    if (status == CORRAL_EEXIST && own->creates && present) {
        /* It has children, so it cannot be replaced. */
        corrali_batch_end_ops(&own->ops, CORRAL_EEXHAUSTED, CORRAL_EEXHAUSTED, cell->path);
        corrali_batch_advance(own);
    } else if (status == CORRAL_ECONFLICT || (status == CORRAL_EEXIST && own->kind == CORRALI_BATCH_CHANGE)) {
        lost_race(own);
    } else if (status == CORRAL_ENOENT && present) {
        cell->cache = (corrali_counter_state){.knowledge = CORRALI_ABSENT};
        corrali_batch_requeue(own);
        corrali_batch_advance(own);
    } else if (status == CORRAL_ENOENT && own->kind == CORRALI_BATCH_CHANGE) {
        make_parents(own);
    } else if (status == CORRAL_ENOENT) {
        end_applied(own); /* a quorum has confirmed that there is no counter */
        corrali_batch_advance(own);
    } else {
        /* EEXIST: a deletion found children. */
        status = status == CORRAL_EEXIST ? CORRAL_ECONFLICT : status;
        corrali_batch_end_ops(&own->ops, status, status, cell->path);
        corrali_batch_advance(own);
    }
}

static void resolved(corrali_batch *own)
{
    corrali_cell *cell = own->cell;

    if (overwritten(own)) {
        tell_overwritten(own);
    } else {
        end_applied(own);
    }
    corrali_cell_forget(cell);
    if (own->kind == CORRALI_BATCH_DELETION) {
        corrali_epoch_forget_locked(cell->client, &cell->epoch);
    }
    corrali_batch_return_lane(own);
    corrali_batch_advance(own);
}

/* The reply that would have told which znode was changed was lost. If it is there still, it was that one. */
static void incarnation_seen(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, request);

    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(own->cell->client, request);
        return;
    }
    if (request->status == CORRAL_OK && request->stat.czxid < own->after.mzxid) {
        own->after.czxid = request->stat.czxid;
    }
    resolved(own);
}

static void lane_read(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, request);
    corrali_cell *cell = own->cell;

    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(cell->client, request);
        return;
    }
    if (request->status != CORRAL_OK || !corrali_reply_is(request, own->number)) {
        end_uncertain(own, request->status == CORRAL_OK ? CORRAL_ECONFLICT : request->status,
                      own->lane->path);
        corrali_batch_retire_lane(own);
        corrali_batch_advance(own);
        return;
    }
    cell->client->stats.resends_applied++;
    own->lane->version = request->stat.version;
    own->lane->batches++;
    own->after.mzxid = request->stat.mzxid;
    if (own->creates) {
        own->after.czxid = own->after.mzxid;
    }
    /* For the stamps alone; what the counter is now has to be read. */
    own->after.version = own->creates ? 0 : (int32_t)((uint32_t)cell->cache.version + 1);
    if (own->kind == CORRALI_BATCH_CHANGE && !own->creates) {
        own->request.kind = CORRALI_EXISTS;
        own->request.path = cell->path;
        own->request.done = incarnation_seen;
        corrali_submit_locked(cell->client, &own->request);
    } else {
        resolved(own);
    }
}

/* The first attempt has moved the lane on. Its number proves it, and its mzxid is that of the counter's
 * change. */
static void resolve_applied(corrali_batch *own)
{
    own->phase = CORRALI_BATCH_RESOLVING;
    own->request.kind = CORRALI_GET;
    own->request.path = own->lane->path;
    own->request.done = lane_read;
    corrali_submit_locked(own->cell->client, &own->request);
}

/* The lane is not as we left it. */
static void failed_at_lane(corrali_batch *own, int status)
{
    corral_client *client = own->cell->client;

    if (own->resent && status == CORRAL_ECONFLICT) {
        resolve_applied(own);
        return;
    }
    if (own->resent) {
        end_uncertain(own, status, own->lane->path);
    } else if (status == CORRAL_ENOENT || status == CORRAL_ECONFLICT) {
        corrali_batch_requeue(own); /* somebody meddled with it, nothing was applied: take another */
    } else {
        corrali_batch_end_ops(&own->ops, status, status, own->lane->path);
    }
    if (status == CORRAL_ENOENT) {
        corrali_writer_reset_locked(client);
    }
    corrali_batch_retire_lane(own);
    corrali_batch_advance(own);
}

/* No reply. */
static void lost_reply(corrali_batch *own)
{
    corrali_cell *cell = own->cell;

    if (own->kind == CORRALI_BATCH_CHECK) {
        corrali_batch_requeue(own);
        corrali_batch_advance(own);
    } else if (own->lane == NULL) {
        end_uncertain(own, CORRAL_ELOST, cell->path);
        corrali_batch_advance(own);
    } else if (corrali_list_empty(&own->ops)) {
        /* Nobody waits for the outcome any more. Without its lane no attempt can be applied late. */
        corrali_batch_retire_lane(own);
        corrali_cell_forget(cell);
        corrali_batch_advance(own);
    } else {
        own->resent = true;
        cell->client->stats.resends++;
        corrali_submit_locked(cell->client, &own->request);
    }
}

void corrali_batch_written(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, request);

    if (request->status == CORRAL_OK) {
        committed(own);
    } else if (request->status == CORRAL_ELOST) {
        lost_reply(own);
    } else if (request->failed < own->lane_writes) {
        failed_at_lane(own, request->status);
    } else if (request->failed == own->lane_writes) {
        failed_at_epoch(own, request->status);
    } else {
        failed_at_counter(own, request->status);
    }
}

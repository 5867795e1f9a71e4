/*
 * Batches: how the operations on a counter that change its value get done.
 *
 * A counter has at most one batch. It takes everything that is queued, computes
 * each operation's result from the cached state as if they ran one after
 * another, and sends the outcome as one compare-and-swap; what arrives
 * meanwhile waits for the next one.
 *
 *     (idle) --> READING --> BORROWING --> WRITING --> results, next batch
 *                   ^            ^            |
 *                   |            +-- PARENTS -+ a parent is missing
 *                   +----- PAUSING <----------+ somebody else was faster
 *                                             |
 *               RESOLVING <-------------------+ applied by an attempt whose reply was lost
 *
 * Exactly once: the multi first sets the borrowed lane to the batch's number,
 * at the lane's version, then the counter at its version. After a lost reply
 * the very same multi is sent again. If it succeeds, it is applied now. If it
 * fails at the counter, the lane was still at its old version, so the first
 * attempt was not applied; nor will it be, for it can come neither past the
 * counter's change that this one failed on, nor, from a session that has moved
 * or ended, past the leader. If it fails at the lane, the first attempt was
 * applied.
 *
 * A batch that would change nothing (a compare_set that does not match) only
 * checks that the state it was computed from is the present one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "counter_batch.h"
#include "epoch.h"
#include "mkdirs.h"

/* Operations in a batch, so that building one does not hold up the client for long. */
enum { OPS_MAX = 65536 };

/* --- ends of operations and batches --- */

static void free_batch(corrali_batch *own)
{
    corral_client *last;

    own->cell->batch = NULL;
    /* Never the client's last reference: its close keeps one until the backend has ended. */
    last = corrali_cell_unref_locked(own->cell);
    if (last != NULL) {
        corrali_client_unref(last);
    }
    corrali_batch_forget_acl(own);
    corrali_free(own);
}

void corrali_batch_end_ops(corrali_link *list, int status, int cause, const char *path)
{
    corral_op *op;

    while ((op = corrali_batch_pop(list)) != NULL) {
        corrali_op_end_at_locked(op, status, cause, path);
    }
}

/* Nothing can be done for anybody: everything that waits ends, and the batch. */
void corrali_batch_fail(corrali_batch *own, int status, const char *path)
{
    corrali_batch_end_ops(&own->cell->queue, status, status, path);
    free_batch(own);
}

/* The operations of the request, which was not applied, go back to where they came from. */
void corrali_batch_requeue(corrali_batch *own)
{
    for (corrali_link *link = own->ops.next; link != &own->ops; link = link->next) {
        CORRALI_CONTAINER(link, corral_op, task.link)->place = CORRALI_QUEUED;
    }
    corrali_list_prepend_all(&own->cell->queue, &own->ops);
}

void corrali_cell_forget(corrali_cell *cell)
{
    cell->cache = (corrali_counter_state){.knowledge = CORRALI_UNKNOWN};
}

void corrali_batch_return_lane(corrali_batch *own)
{
    corrali_lane *lane = own->lane;

    own->lane = NULL;
    if (lane != NULL) {
        corrali_lane_return_locked(lane);
    }
}

void corrali_batch_retire_lane(corrali_batch *own)
{
    corrali_lane *lane = own->lane;

    own->lane = NULL;
    if (lane != NULL) {
        corrali_lane_retire_locked(lane);
    }
}

/* --- composing a batch --- */

/* Compute the result of @op and carry @state on. Returns whether the state changes. */
static bool apply(corral_op *op, corrali_counter_state *state)
{
    bool present = state->knowledge == CORRALI_PRESENT;
    int64_t before = present ? state->value : 0;

    op->status = CORRAL_OK;
    op->value = before;
    switch (op->kind) {
    case CORRALI_ADD:
        if (__builtin_add_overflow(before, op->argument, &op->value) ||
            !corrali_counter_allows(op->counter, op->value)) {
            op->status = CORRAL_ERANGE;
            return false;
        }
        state->value = op->value;
        break;
    case CORRALI_SET_VALUE:
        state->value = op->argument;
        break;
    case CORRALI_COMPARE_SET:
        if (!present || before != op->argument) {
            op->status = present ? CORRAL_ECONFLICT : CORRAL_ENOENT;
            return false;
        }
        state->value = op->desired;
        break;
    case CORRALI_DESTROY:
        *state = (corrali_counter_state){.knowledge = CORRALI_ABSENT};
        op->status = present ? CORRAL_OK : CORRAL_ENOENT;
        return present;
    case CORRALI_READ:
        return false;
    }
    state->knowledge = CORRALI_PRESENT;
    return true;
}

/* Move what fits into one request from the queue. A destroy is alone in its batch. */
static void gather(corrali_batch *own)
{
    corrali_cell *cell = own->cell;
    uint32_t index = 0;

    own->after = cell->cache;
    own->kind = CORRALI_BATCH_CHECK;
    while (!corrali_list_empty(&cell->queue) && index < OPS_MAX) {
        corral_op *op = CORRALI_CONTAINER(cell->queue.next, corral_op, task.link);
        bool changes;

        if (op->kind == CORRALI_DESTROY && index > 0) {
            return;
        }
        corrali_list_remove(&op->task.link);
        corrali_list_append(&own->ops, &op->task.link);
        op->place = CORRALI_BATCHED;
        op->stamp.index = index++;
        changes = apply(op, &own->after);
        if (op->kind == CORRALI_DESTROY) {
            own->kind = changes ? CORRALI_BATCH_DELETION : CORRALI_BATCH_CHECK;
            return;
        }
        own->kind = changes ? CORRALI_BATCH_CHANGE : own->kind;
    }
}

static void add_write(corrali_batch *own, corrali_write write)
{
    own->request.writes[own->request.write_count++] = write;
}

static void compose_lane(corrali_batch *own)
{
    corrali_lane *lane = own->lane;
    int length = snprintf(own->number, sizeof own->number, "%" PRIu64, lane->batches + 1);

    add_write(own, (corrali_write){.kind = CORRALI_SET,
                                   .path = lane->path,
                                   .data = own->number,
                                   .length = (size_t)length,
                                   .version = lane->version});
}

/* A destroy sets the epoch, everything else checks it. */
static void compose_epoch(corrali_batch *own)
{
    const corrali_cell *cell = own->cell;

    add_write(own, (corrali_write){.kind = own->kind == CORRALI_BATCH_DELETION ? CORRALI_SET : CORRALI_CHECK,
                                   .path = corrali_epoch_path(cell->client, cell->epoch),
                                   .data = "",
                                   .version = cell->epoch_version});
}

/* The versions of the znode are used up: delete it, and make it again at version 0. */
static void compose_replacement(corrali_batch *own, corrali_write creation)
{
    creation.kind = CORRALI_DELETE;
    add_write(own, creation);
    creation.kind = CORRALI_CREATE;
    creation.acl = own->acl;
    creation.acl_count = own->acl_count;
    add_write(own, creation);
}

static void compose_counter(corrali_batch *own)
{
    const corrali_cell *cell = own->cell;
    bool present = cell->cache.knowledge == CORRALI_PRESENT;
    corrali_write write = {.path = cell->path,
                           .data = own->value,
                           .length = corrali_encoding_encode(cell->encoding, own->after.value, own->value),
                           .version = present ? cell->cache.version : -1};

    switch (own->kind) {
    case CORRALI_BATCH_CHANGE:
        write.kind = present ? CORRALI_SET : CORRALI_CREATE;
        break;
    case CORRALI_BATCH_CHECK:
        write.kind = CORRALI_CHECK;
        break;
    case CORRALI_BATCH_DELETION:
        write.kind = CORRALI_DELETE;
        break;
    }
    own->creates =
        write.kind == CORRALI_CREATE || (write.kind == CORRALI_SET && write.version == CORRALI_VERSION_LAST);
    if (own->creates && present) {
        compose_replacement(own, write);
    } else {
        add_write(own, write);
    }
    if (own->creates && own->lane == NULL) {
        /* A create tells no stat; a set does. With a lane, the lane's does. */
        write.kind = CORRALI_SET;
        write.version = 0;
        add_write(own, write);
    }
}

/* Send all that is queued as one request. */
static void write_batch(corrali_batch *own)
{
    corrali_cell *cell = own->cell;

    gather(own);
    if (own->kind == CORRALI_BATCH_CHECK) {
        corrali_batch_return_lane(own);
    }
    if (cell->cache.knowledge == CORRALI_PRESENT && cell->cache.version == -1) {
        /* It would match any version, and lose updates. */
        corrali_batch_return_lane(own);
        corrali_cell_forget(cell);
        corrali_batch_end_ops(&own->ops, CORRAL_EEXHAUSTED, CORRAL_EEXHAUSTED, cell->path);
        corrali_batch_advance(own);
        return;
    }
    own->phase = CORRALI_BATCH_WRITING;
    own->resent = false;
    own->request.kind = CORRALI_MULTI;
    own->request.done = corrali_batch_written;
    own->request.sent = false;
    own->request.write_count = 0;
    if (own->lane != NULL) {
        compose_lane(own);
    }
    own->lane_writes = own->request.write_count;
    compose_epoch(own);
    compose_counter(own);
    corrali_submit_locked(cell->client, &own->request);
}

/* --- progress --- */

static void pause_over(corrali_timer *timer)
{
    corrali_batch_advance(CORRALI_CONTAINER(timer, corrali_batch, pause));
}

void corrali_batch_pause(corrali_batch *own, int64_t ns)
{
    corral_client *client = own->cell->client;

    own->phase = CORRALI_BATCH_PAUSING;
    own->pause.fire = pause_over;
    if (corrali_timers_set(&client->timers, &own->pause, corrali_now_locked(client) + ns) != CORRAL_OK) {
        corrali_batch_advance(own);
    }
}

static void lane_lent(corrali_borrower *borrower, corrali_lane *lane, int status, const char *path)
{
    corrali_batch *own = CORRALI_CONTAINER(borrower, corrali_batch, borrower);

    if (lane == NULL) {
        corrali_batch_fail(own, status, path);
    } else {
        own->lane = lane;
        write_batch(own);
    }
}

/* Nothing is under way: do the next thing there is to do. */
void corrali_batch_advance(corrali_batch *own)
{
    corrali_cell *cell = own->cell;

    if (corrali_list_empty(&cell->queue)) {
        free_batch(own);
    } else if (!corrali_batch_prepare(own)) {
        return; /* comes here again */
    } else if ((cell->flags & CORRAL_COUNTER_AT_MOST_ONCE) != 0) {
        write_batch(own);
    } else {
        own->phase = CORRALI_BATCH_BORROWING;
        own->borrower.lent_locked = lane_lent;
        if (corrali_lane_borrow_locked(cell->client, &own->borrower, &own->lane) != CORRAL_OK) {
            corrali_batch_fail(own, CORRAL_ENOMEM, cell->path);
        } else if (own->lane != NULL) {
            write_batch(own);
        }
    }
}

void corrali_batch_wake_locked(corrali_cell *cell)
{
    corrali_batch *own;

    if (cell->batch != NULL) {
        return;
    }
    own = corrali_alloc(sizeof *own);
    if (own == NULL) {
        corrali_batch_end_ops(&cell->queue, CORRAL_ENOMEM, CORRAL_ENOMEM, cell->path);
        return;
    }
    own->cell = cell;
    corrali_list_init(&own->ops);
    corrali_list_init(&own->borrower.link);
    corrali_list_init(&own->request.link);
    corrali_list_init(&own->epoch_request.link);
    cell->batch = own;
    corrali_cell_ref_locked(cell);
    corrali_batch_advance(own);
}

corrali_link *corrali_batch_ops_locked(const corrali_cell *cell)
{
    return cell->batch == NULL ? NULL : &cell->batch->ops;
}

bool corrali_batch_leave_locked(corral_op *op)
{
    corrali_cell *cell = op->counter->cell;
    corrali_batch *own = cell->batch;
    corral_client *client = cell->client;
    bool exposed = own->phase == CORRALI_BATCH_RESOLVING || own->resent || own->request.sent;
    corrali_batch_kind kind = own->kind;

    corrali_list_remove(&op->task.link);
    if (!exposed && corrali_withdraw_locked(client, &own->request)) {
        /* Not sent, so it can be made anew without this operation. A moment
         * later, as others may be about to leave, too. */
        corrali_batch_return_lane(own);
        corrali_batch_requeue(own);
        corrali_batch_pause(own, 0);
        corrali_batch_starved_locked(cell);
        return false;
    }
    if (corrali_list_empty(&own->ops) && own->resent && corrali_withdraw_locked(client, &own->request)) {
        corrali_batch_retire_lane(own);
        corrali_cell_forget(cell);
        corrali_batch_advance(own);
    }
    return exposed && kind != CORRALI_BATCH_CHECK && op->status == CORRAL_OK;
}

void corrali_batch_starved_locked(corrali_cell *cell)
{
    corrali_batch *own = cell->batch;
    corral_client *client = cell->client;

    if (own == NULL || !corrali_list_empty(&cell->queue)) {
        return;
    }
    if (own->phase == CORRALI_BATCH_READING) {
        if (corrali_batch_stop_reading(own)) {
            free_batch(own);
        }
    } else if (own->phase == CORRALI_BATCH_BORROWING) {
        corrali_lane_forget_locked(client, &own->borrower);
        free_batch(own);
    } else if (own->phase == CORRALI_BATCH_PAUSING) {
        corrali_timers_stop(&client->timers, &own->pause);
        free_batch(own);
    }
}

/*
 * Batches: how the operations on a counter that change its value get done.
 *
 * A counter has at most one batch. It takes everything that is queued, computes
 * each operation's result from the cached state as if they ran one after
 * another, and sends the outcome as one compare-and-swap; what arrives
 * meanwhile waits for the next one.
 *
 *     (idle) --> READING --> BORROWING --> WRITING --> results, GATHERING, next batch
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

#include "counter_batch.h"
#include "alloc.h"

/* How long to wait for operations, as a fraction of a request's time. */
enum { GATHERING_DIVISOR = 4 };

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

/* --- progress --- */

static void pause_over(corrali_timer *timer)
{
    corrali_batch_advance(CORRALI_CONTAINER(timer, corrali_batch, pause));
}

static void pause_until(corrali_batch *own, corrali_batch_phase phase, int64_t when)
{
    own->phase = phase;
    own->pause.fire = pause_over;
    if (corrali_timers_set(&own->cell->client->timers, &own->pause, when) != CORRAL_OK) {
        corrali_batch_advance(own);
    }
}

void corrali_batch_pause(corrali_batch *own, int64_t ns)
{
    pause_until(own, CORRALI_BATCH_PAUSING, corrali_now_locked(own->cell->client) + ns);
}

/*
 * Threads that count in a loop come back a moment after they have got their
 * results. Were the first one's request sent at once, the others would wait for
 * two round trips. So wait for as many as last time, but not for longer than a
 * fraction of a round trip after the last one.
 *
 * The idea is that of PostgreSQL's commit_delay, with the delay measured and
 * the number of siblings known.
 */
void corrali_batch_gather(corrali_batch *own)
{
    corrali_cell *cell = own->cell;
    int64_t until = cell->confirmed_at + cell->write_ns / GATHERING_DIVISOR;

    if (corrali_list_empty(&cell->queue) || cell->arrived >= cell->crowd ||
        corrali_now_locked(cell->client) >= until) {
        corrali_batch_advance(own);
    } else {
        pause_until(own, CORRALI_BATCH_GATHERING, until);
    }
}

static void gather_one_more(corrali_batch *own)
{
    if (own->phase == CORRALI_BATCH_GATHERING && own->cell->arrived >= own->cell->crowd) {
        corrali_timers_stop(&own->cell->client->timers, &own->pause);
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
        if (corrali_batch_prepare(own)) {
            corrali_batch_write(own);
        } else {
            corrali_batch_return_lane(own); /* it took long */
        }
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
        corrali_batch_write(own);
    } else {
        own->phase = CORRALI_BATCH_BORROWING;
        own->borrower.lent_locked = lane_lent;
        if (corrali_lane_borrow_locked(cell->client, &own->borrower, &own->lane) != CORRAL_OK) {
            corrali_batch_fail(own, CORRAL_ENOMEM, cell->path);
        } else if (own->lane != NULL) {
            corrali_batch_write(own);
        }
    }
}

void corrali_batch_wake_locked(corrali_cell *cell)
{
    corrali_batch *own;

    cell->arrived++;
    if (cell->batch != NULL) {
        gather_one_more(cell->batch);
        return;
    }
    own = corrali_alloc(sizeof *own);
    if (own == NULL) {
        corrali_batch_end_ops(&cell->queue, CORRAL_ENOMEM, CORRAL_ENOMEM, cell->path);
        return;
    }
    own->cell = cell;
    corrali_list_init(&own->ops);
    cell->batch = own;
    corrali_cell_ref_locked(cell);
    corrali_batch_gather(own);
}

corrali_link *corrali_batch_ops_locked(const corrali_cell *cell)
{
    return cell->batch == NULL ? NULL : &cell->batch->ops;
}

bool corrali_batch_leave_locked(corral_op *op)
{
    corrali_cell *cell = corrali_counter_of(op)->cell;
    corrali_batch *own = cell->batch;
    corral_client *client = cell->client;
    bool exposed = own->phase == CORRALI_BATCH_RESOLVING || own->resent || own->request.sent;
    corrali_batch_kind kind = own->kind;

    corrali_list_remove(&op->task.link);
    own->disturbed = true;
    if (own->phase == CORRALI_BATCH_COMPUTING && corrali_list_empty(&own->ops)) {
        corrali_batch_return_lane(own); /* its functions may not be run for long */
    }
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
    } else if (own->phase == CORRALI_BATCH_PAUSING || own->phase == CORRALI_BATCH_GATHERING) {
        corrali_timers_stop(&client->timers, &own->pause);
        free_batch(own);
    }
}

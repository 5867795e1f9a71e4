#include <string.h>

#include "alloc.h"
#include "counter.h"
#include "internal.h"

/* Give the user's callback its result. */
static void run_callback(corrali_task *task)
{
    corral_op *op = CORRALI_CONTAINER(task, corral_op, task);

    if (op->kind == CORRALI_DESTROY) {
        if (op->callback.status != NULL) {
            op->callback.status(op->status, op->arg);
        }
    } else if (op->callback.int64 != NULL) {
        op->callback.int64(op->status, op->value, &op->stamp, op->arg);
    }
    corrali_latch_open(&op->ended);
}

/* Free an operation that nobody refers to; returns the client if this was its last reference, too. */
static corral_client *free_locked(corral_op *op)
{
    corral_counter *counter = op->counter;

    corrali_free(op->path);
    corrali_list_append(&counter->client->spare_ops, &op->task.link);
    return corrali_counter_unref_locked(counter);
}

static void release_locked(corrali_task *task)
{
    corral_op *op = CORRALI_CONTAINER(task, corral_op, task);

    corrali_counter_op_gone_locked(op->counter);
    if (atomic_fetch_sub(&op->refs, 1) == 1) {
        corral_client *last = free_locked(op);

        if (last != NULL) {
            /* Not its last reference: who will join the dispatch thread has one. */
            corrali_client_unref(last);
        }
    }
}

void corrali_op_init_locked(corral_op *op, corral_counter *counter, bool blocking)
{
    memset(op, 0, sizeof *op);
    corrali_list_init(&op->task.link);
    op->task.run = run_callback;
    op->task.release_locked = release_locked;
    op->counter = counter;
    op->blocking = blocking;
    corrali_latch_init(&op->ended);
    atomic_init(&op->refs, 1);
    corrali_counter_op_made_locked(counter);
}

corral_op *corrali_op_new_locked(corral_counter *counter)
{
    corrali_link *spare = corrali_list_pop(&counter->client->spare_ops);
    corral_op *op =
        spare == NULL ? corrali_alloc(sizeof *op) : CORRALI_CONTAINER(spare, corral_op, task.link);

    if (op != NULL) {
        corrali_op_init_locked(op, counter, false);
        corrali_counter_ref_locked(counter);
    }
    return op;
}

void corrali_op_discard_locked(corral_op *op)
{
    corrali_timers_stop(&op->counter->client->timers, &op->deadline);
    corrali_counter_op_gone_locked(op->counter);
    if (!op->blocking) {
        (void)free_locked(op); /* the caller's handle of the counter keeps the client */
    }
}

static void deadline_passed(corrali_timer *timer)
{
    corrali_counter_abort_locked(CORRALI_CONTAINER(timer, corral_op, deadline), CORRAL_ETIMEDOUT);
}

int corrali_op_set_deadline_locked(corral_op *op, int64_t timeout_ms)
{
    corral_client *client = op->counter->client;
    int64_t ms = timeout_ms == 0 ? client->request_timeout_ms : timeout_ms;

    if (timeout_ms == CORRAL_FOREVER) {
        return CORRAL_OK;
    }
    op->deadline.fire = deadline_passed;
    return corrali_timers_set(&client->timers, &op->deadline, corrali_time_after_locked(client, ms));
}

void corrali_op_end_locked(corral_op *op, int status, int cause)
{
    corral_client *client = op->counter->client;

    corrali_timers_stop(&client->timers, &op->deadline);
    op->place = CORRALI_ENDED;
    op->status = status;
    op->cause = cause;
    client->stats.operations++;
    if (status == CORRAL_EUNCERTAIN) {
        client->stats.uncertain++;
    }
    if (op->blocking) {
        corrali_counter_op_gone_locked(op->counter);
        corrali_list_append(&client->woken, &op->task.link);
    } else {
        corrali_dispatch_add_locked(client, &op->task);
    }
}

void corrali_op_end_at_locked(corral_op *op, int status, int cause, const char *path)
{
    if (!op->blocking && strcmp(path, op->counter->cell->path) != 0) {
        op->path = corrali_strdup(path); /* without memory it is the counter's */
    }
    corrali_op_end_locked(op, status, cause);
}

int corral_op_cancel(corral_op *op)
{
    corral_client *client;
    int status;

    if (op == NULL) {
        return CORRAL_EINVAL;
    }
    client = op->counter->client;
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    if (op->place != CORRALI_ENDED) {
        corrali_counter_abort_locked(op, CORRAL_ECANCELED);
    }
    corrali_unlock(client);
    return CORRAL_OK;
}

/* Nobody but this thread may be there to run the callback: so it runs what is due while it waits. */
static int wait_dispatching(corral_op *op, int64_t timeout_ms)
{
    corral_client *client = op->counter->client;
    struct timespec until = corrali_latch_deadline(timeout_ms);
    bool in_time = timeout_ms != 0;

    corrali_lock(client);
    while (in_time && !corrali_latch_is_open(&op->ended)) {
        in_time = corrali_dispatch_help_locked(client, timeout_ms == CORRAL_FOREVER ? NULL : &until);
    }
    corrali_unlock(client);
    return corrali_latch_is_open(&op->ended) ? CORRAL_OK : CORRAL_ETIMEDOUT;
}

int corral_op_wait(corral_op *op, int64_t timeout_ms)
{
    int status;

    if (op == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter_blocking(op->counter->client);
    if (status != CORRAL_OK) {
        return status;
    }
    return op->counter->client->dispatch.mode == CORRAL_DISPATCH_FD
               ? wait_dispatching(op, timeout_ms)
               : corrali_latch_wait(&op->ended, timeout_ms);
}

int corral_op_status(const corral_op *op)
{
    if (op == NULL) {
        return CORRAL_EINVAL;
    }
    return corrali_latch_is_open(&op->ended) ? op->status : CORRAL_EBUSY;
}

int corral_op_cause(const corral_op *op)
{
    if (op == NULL) {
        return CORRAL_EINVAL;
    }
    return corrali_latch_is_open(&op->ended) ? op->cause : CORRAL_EBUSY;
}

const char *corral_op_path(const corral_op *op)
{
    if (op == NULL || !corrali_latch_is_open(&op->ended)) {
        return "";
    }
    return corrali_path_shown(op->counter->client, op->path == NULL ? op->counter->cell->path : op->path);
}

void corral_op_unref(corral_op *op)
{
    corral_client *client;
    corral_client *last = NULL;

    if (op == NULL || corrali_enter(op->counter->client) != CORRAL_OK) {
        return;
    }
    client = op->counter->client;
    if (atomic_fetch_sub(&op->refs, 1) == 1) {
        corrali_lock(client);
        last = free_locked(op);
        corrali_unlock(client);
    }
    if (last != NULL) {
        corrali_client_unref(last);
    }
}

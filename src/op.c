#include <string.h>

#include "alloc.h"
#include "internal.h"

static const char *object_path(const corral_op *op)
{
    return op->object->class->path(op->object);
}

/* Has anybody else a reference? Nobody will who has none. */
static bool is_shared(const corral_op *op)
{
    return atomic_load_explicit(&op->refs, memory_order_acquire) > 1;
}

static void run_callback(corrali_task *task)
{
    corral_op *op = CORRALI_CONTAINER(task, corral_op, task);

    op->object->class->tell(op);
    if (is_shared(op)) {
        corrali_latch_open(&op->ended);
    }
}

/* Free an operation that nobody refers to; returns what the object's free_locked() does, or NULL. */
static corral_client *free_locked(corral_op *op)
{
    corrali_object *object = op->object;

    corrali_free(op->path);
    corrali_list_insert_before(object->client->spare_ops.next, &op->task.link);
    return corrali_object_unref_locked(object);
}

static void release_locked(corrali_task *task)
{
    corral_op *op = CORRALI_CONTAINER(task, corral_op, task);

    corrali_object_idle_locked(op->object);
    if (!is_shared(op) || atomic_fetch_sub(&op->refs, 1) == 1) {
        corral_client *last = free_locked(op);

        if (last != NULL) {
            /* Not its last reference: who will join the dispatch thread has one. */
            corrali_client_unref(last);
        }
    }
}

void corrali_op_init_locked(corral_op *op, corrali_object *object, bool blocking)
{
    corrali_clear(op, sizeof *op);
    corrali_list_init(&op->task.link);
    op->task.run = run_callback;
    op->task.release_locked = release_locked;
    op->object = object;
    op->blocking = blocking;
    corrali_latch_init(&op->ended);
    atomic_init(&op->refs, 1);
    corrali_object_busy_locked(object);
}

corral_op *corrali_op_new_locked(corrali_object *object)
{
    corrali_link *spare;
    corral_op *op;

    corrali_dispatch_release_locked(object->client);
    spare = corrali_list_pop(&object->client->spare_ops);
    op = spare == NULL ? corrali_alloc(sizeof *op) : CORRALI_CONTAINER(spare, corral_op, task.link);
    if (op != NULL) {
        corrali_op_init_locked(op, object, false);
        corrali_object_ref_locked(object);
    }
    return op;
}

corral_op *corrali_op_new_blocking_locked(corrali_object *object, corral_op *stack)
{
    corral_op *op = stack;

    if (object->client->dispatch.mode != CORRAL_DISPATCH_FD) {
        corrali_op_init_locked(op, object, true);
        return op;
    }
    op = corrali_op_new_locked(object);
    if (op != NULL) {
        atomic_store_explicit(&op->refs, 2, memory_order_relaxed);
    }
    return op;
}

void corrali_op_discard_locked(corral_op *op)
{
    corrali_timers_stop(&op->object->client->timers, &op->deadline);
    corrali_object_idle_locked(op->object);
    if (!op->blocking) {
        (void)free_locked(op); /* the caller's handle of the object keeps the client */
    }
}

static void deadline_passed(corrali_timer *timer)
{
    corral_op *op = CORRALI_CONTAINER(timer, corral_op, deadline);

    op->object->class->abort_locked(op, CORRAL_ETIMEDOUT);
}

int corrali_op_set_deadline_locked(corral_op *op, int64_t timeout_ms)
{
    corral_client *client = op->object->client;
    int64_t ms;

    if (timeout_ms == CORRAL_FOREVER) {
        return CORRAL_OK;
    }
    ms = timeout_ms == 0 ? client->request_timeout_ms : timeout_ms;
    op->deadline.fire = deadline_passed;
    return corrali_timers_set(&client->timers, &op->deadline, corrali_time_after_locked(client, ms));
}

void corrali_op_end_locked(corral_op *op, int status, int cause)
{
    corral_client *client = op->object->client;

    corrali_timers_stop(&client->timers, &op->deadline);
    op->place = CORRALI_ENDED;
    op->status = status;
    op->cause = cause;
    if (op->settled_locked == NULL) { /* it is a user's */
        client->stats.operations++;
        client->stats.uncertain += status == CORRAL_EUNCERTAIN;
    }
    if (op->blocking) {
        corrali_object_idle_locked(op->object);
        corrali_list_append(op->settled_locked != NULL ? &client->settled : &client->woken, &op->task.link);
    } else {
        corrali_dispatch_add_locked(client, &op->task);
    }
}

void corrali_op_end_at_locked(corral_op *op, int status, int cause, const char *path)
{
    bool asked_for = !op->blocking || op->settled_locked != NULL; /* nobody can ask a blocking call's */

    if (asked_for && strcmp(path, object_path(op)) != 0) {
        op->path = corrali_strdup(path); /* without memory it is the object's */
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
    client = op->object->client;
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    if (op->place != CORRALI_ENDED) {
        op->object->class->abort_locked(op, CORRAL_ECANCELED);
    }
    corrali_unlock(client);
    return CORRAL_OK;
}

/* Nobody but this thread may be there to run the callback: so it runs what is due while it waits. */
static int wait_dispatching(corral_op *op, int64_t timeout_ms)
{
    corral_client *client = op->object->client;
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
    status = corrali_enter_blocking(op->object->client);
    if (status != CORRAL_OK) {
        return status;
    }
    return op->object->client->dispatch.mode == CORRAL_DISPATCH_FD
               ? wait_dispatching(op, timeout_ms)
               : corrali_latch_wait(&op->ended, timeout_ms);
}

int corrali_op_await(corral_op *op)
{
    if (op->blocking) {
        (void)corrali_latch_wait(&op->ended, CORRAL_FOREVER); /* its object may be gone by then */
    } else {
        (void)corral_op_wait(op, CORRAL_FOREVER);
    }
    return op->status;
}

void corrali_op_forget(corral_op *op)
{
    if (!op->blocking) {
        corral_op_unref(op);
    }
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
    return corrali_path_shown(op->object->client, op->path == NULL ? object_path(op) : op->path);
}

void corral_op_unref(corral_op *op)
{
    corral_client *client;
    corral_client *last = NULL;

    if (op == NULL || corrali_enter(op->object->client) != CORRAL_OK) {
        return;
    }
    client = op->object->client;
    if (atomic_fetch_sub(&op->refs, 1) == 1) {
        corrali_lock(client);
        last = free_locked(op);
        corrali_unlock(client);
    }
    if (last != NULL) {
        corrali_client_unref(last);
    }
}

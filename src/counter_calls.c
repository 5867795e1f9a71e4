/* The calls on a counter, in their two forms: on an operation of the caller's stack, and asynchronous. */
#include "counter.h"

/* What a call asks for, whether it waits or not. */
typedef struct {
    corrali_op_kind kind;
    int64_t argument;
    int64_t desired;
    int64_t timeout_ms;
    corral_counter_fn function;
    void *function_arg;
} order;

static int place_order_locked(corral_op *op, const order *ordered)
{
    int status = corrali_op_set_deadline_locked(op, ordered->timeout_ms);

    if (status != CORRAL_OK) {
        return status;
    }
    op->kind = ordered->kind;
    op->argument = ordered->argument;
    op->desired = ordered->desired;
    op->function = ordered->function;
    op->function_arg = ordered->function_arg;
    if (op->kind == CORRALI_READ) {
        return corrali_read_start_locked(op);
    }
    op->place = CORRALI_QUEUED;
    corrali_list_append(&corrali_counter_of(op)->cell->queue, &op->task.link);
    corrali_batch_wake_locked(corrali_counter_of(op)->cell);
    return CORRAL_OK;
}

static int check_order(const corral_counter *counter, const order *ordered)
{
    if (counter == NULL || ordered->timeout_ms < CORRAL_FOREVER ||
        (ordered->kind == CORRALI_UPDATE && ordered->function == NULL)) {
        return CORRAL_EINVAL;
    }
    if (ordered->kind == CORRALI_READ &&
        (ordered->argument < CORRAL_READ_LOCAL || ordered->argument > CORRAL_READ_LINEARIZABLE)) {
        return CORRAL_EINVAL;
    }
    if ((ordered->kind == CORRALI_SET_VALUE && !corrali_counter_allows(counter, ordered->argument)) ||
        (ordered->kind == CORRALI_COMPARE_SET && !corrali_counter_allows(counter, ordered->desired))) {
        return CORRAL_ERANGE;
    }
    return CORRAL_OK;
}

/* The asynchronous form of all calls. */
static int submit(corral_counter *counter, const order *ordered, corrali_callback callback, void *arg,
                  corral_op **ret_op)
{
    int status = check_order(counter, ordered);
    corral_op *op;

    if (status == CORRAL_OK) {
        status = corrali_enter(counter->object.client);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(counter->object.client);
    status = corrali_object_accepts_locked(&counter->object);
    op = status == CORRAL_OK ? corrali_op_new_locked(&counter->object) : NULL;
    if (op != NULL) {
        op->callback = callback;
        op->arg = arg;
        atomic_store_explicit(&op->refs, ret_op == NULL ? 1 : 2, memory_order_relaxed);
        status = place_order_locked(op, ordered);
        if (status != CORRAL_OK) {
            corrali_op_discard_locked(op);
        } else if (ret_op != NULL) {
            *ret_op = op;
        }
    } else if (status == CORRAL_OK) {
        status = CORRAL_ENOMEM;
    }
    corrali_unlock(counter->object.client);
    return status;
}

static int submit_int64(corral_counter *counter, const order *ordered, corral_int64_cb cb, void *arg,
                        corral_op **ret_op)
{
    return submit(counter, ordered, (corrali_callback){.int64 = cb}, arg, ret_op);
}

/* Give the caller the value of an operation that has ended, if there is one. Returns its status. */
static int give_value(const corral_op *op, int64_t *ret_value)
{
    bool told =
        op->status == CORRAL_OK || (op->status == CORRAL_ECONFLICT && op->kind == CORRALI_COMPARE_SET);

    if (ret_value != NULL && told) {
        *ret_value = op->value;
    }
    return op->status;
}

/*
 * The blocking form on an operation of its own: of an update, because it has to
 * outlast a close of the counter by the function; and where callbacks run in
 * the program's own loop, because this thread may be the one that has to run a
 * function that others wait for.
 */
static int call_and_help(corral_counter *counter, const order *ordered, int64_t *ret_value)
{
    corral_op *op;
    int status = submit(counter, ordered, (corrali_callback){.int64 = NULL}, NULL, &op);

    if (status != CORRAL_OK) {
        return status;
    }
    (void)corral_op_wait(op, CORRAL_FOREVER);
    status = give_value(op, ret_value);
    corral_op_unref(op);
    return status;
}

/* The same on an operation of this stack. */
static int call_on_stack(corral_counter *counter, const order *ordered, int64_t *ret_value)
{
    corral_op op;
    int status;

    corrali_lock(counter->object.client);
    status = corrali_object_accepts_locked(&counter->object);
    if (status == CORRAL_OK) {
        corrali_op_init_locked(&op, &counter->object, true);
        status = place_order_locked(&op, ordered);
        if (status != CORRAL_OK) {
            corrali_op_discard_locked(&op);
        }
    }
    corrali_unlock(counter->object.client);
    if (status != CORRAL_OK) {
        return status;
    }
    (void)corrali_latch_wait(&op.ended, CORRAL_FOREVER);
    return give_value(&op, ret_value);
}

/* The blocking form of all calls. */
static int call(corral_counter *counter, const order *ordered, int64_t *ret_value)
{
    int status = check_order(counter, ordered);

    if (status == CORRAL_OK) {
        status = corrali_enter_blocking(counter->object.client);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    if (ordered->kind == CORRALI_UPDATE ||
        (counter->object.client->dispatch.mode == CORRAL_DISPATCH_FD && ordered->kind != CORRALI_READ)) {
        return call_and_help(counter, ordered, ret_value);
    }
    return call_on_stack(counter, ordered, ret_value);
}

int corral_counter_add(corral_counter *counter, int64_t delta, int64_t timeout_ms, int64_t *ret_value)
{
    return call(counter, &(order){.kind = CORRALI_ADD, .argument = delta, .timeout_ms = timeout_ms},
                ret_value);
}

int corral_counter_add_async(corral_counter *counter, int64_t delta, int64_t timeout_ms, corral_int64_cb cb,
                             void *arg, corral_op **ret_op)
{
    return submit_int64(counter, &(order){.kind = CORRALI_ADD, .argument = delta, .timeout_ms = timeout_ms},
                        cb, arg, ret_op);
}

int corral_counter_get(corral_counter *counter, corral_read level, int64_t timeout_ms, int64_t *ret_value)
{
    return ret_value == NULL
               ? CORRAL_EINVAL
               : call(counter, &(order){.kind = CORRALI_READ, .argument = level, .timeout_ms = timeout_ms},
                      ret_value);
}

int corral_counter_get_async(corral_counter *counter, corral_read level, int64_t timeout_ms,
                             corral_int64_cb cb, void *arg, corral_op **ret_op)
{
    return submit_int64(counter, &(order){.kind = CORRALI_READ, .argument = level, .timeout_ms = timeout_ms},
                        cb, arg, ret_op);
}

int corral_counter_set(corral_counter *counter, int64_t value, int64_t timeout_ms, int64_t *ret_previous)
{
    return call(counter, &(order){.kind = CORRALI_SET_VALUE, .argument = value, .timeout_ms = timeout_ms},
                ret_previous);
}

int corral_counter_set_async(corral_counter *counter, int64_t value, int64_t timeout_ms, corral_int64_cb cb,
                             void *arg, corral_op **ret_op)
{
    return submit_int64(counter,
                        &(order){.kind = CORRALI_SET_VALUE, .argument = value, .timeout_ms = timeout_ms}, cb,
                        arg, ret_op);
}

int corral_counter_compare_set(corral_counter *counter, int64_t expected, int64_t desired, int64_t timeout_ms,
                               int64_t *ret_actual)
{
    return call(
        counter,
        &(order){
            .kind = CORRALI_COMPARE_SET, .argument = expected, .desired = desired, .timeout_ms = timeout_ms},
        ret_actual);
}

int corral_counter_compare_set_async(corral_counter *counter, int64_t expected, int64_t desired,
                                     int64_t timeout_ms, corral_int64_cb cb, void *arg, corral_op **ret_op)
{
    return submit_int64(
        counter,
        &(order){
            .kind = CORRALI_COMPARE_SET, .argument = expected, .desired = desired, .timeout_ms = timeout_ms},
        cb, arg, ret_op);
}

int corral_counter_update(corral_counter *counter, corral_counter_fn fn, void *fn_arg, int64_t timeout_ms,
                          int64_t *ret_value)
{
    return call(
        counter,
        &(order){.kind = CORRALI_UPDATE, .function = fn, .function_arg = fn_arg, .timeout_ms = timeout_ms},
        ret_value);
}

int corral_counter_update_async(corral_counter *counter, corral_counter_fn fn, void *fn_arg,
                                int64_t timeout_ms, corral_int64_cb cb, void *arg, corral_op **ret_op)
{
    return submit_int64(
        counter,
        &(order){.kind = CORRALI_UPDATE, .function = fn, .function_arg = fn_arg, .timeout_ms = timeout_ms},
        cb, arg, ret_op);
}

int corral_counter_destroy(corral_counter *counter, int64_t timeout_ms)
{
    return call(counter, &(order){.kind = CORRALI_DESTROY, .timeout_ms = timeout_ms}, NULL);
}

int corral_counter_destroy_async(corral_counter *counter, int64_t timeout_ms, corral_status_cb cb, void *arg,
                                 corral_op **ret_op)
{
    return submit(counter, &(order){.kind = CORRALI_DESTROY, .timeout_ms = timeout_ms},
                  (corrali_callback){.status = cb}, arg, ret_op);
}

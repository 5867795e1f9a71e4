/* The calls on a value, in their two forms: waiting, and asynchronous. */
#include "alloc.h"
#include "value.h"

static int check_order(const corral_value *value, const corrali_value_order *order)
{
    if (value == NULL || order->timeout_ms < CORRAL_FOREVER || (order->data == NULL && order->length > 0) ||
        order->expected < 0 || order->level < CORRAL_READ_LOCAL || order->level > CORRAL_READ_LINEARIZABLE) {
        return CORRAL_EINVAL;
    }
    return order->length > CORRAL_VALUE_MAX ? CORRAL_ERANGE : CORRAL_OK;
}

/* The mzxid that a compare_set is to find: 0 for no znode; negative: that is no stamp. */
static int64_t expected_mzxid(const corral_stamp *expected)
{
    if (expected == NULL) {
        return 0;
    }
    return expected->mzxid > 0 ? expected->mzxid : -1;
}

static int place_order_locked(corral_op *op, const corrali_value_order *order)
{
    int status = corrali_op_set_deadline_locked(op, order->timeout_ms);

    if (status != CORRAL_OK) {
        return status;
    }
    return order->kind == CORRALI_READ ? corrali_value_read_locked(op, order->level)
                                       : corrali_change_start_locked(op, order);
}

/* Start it on an operation of its own or, for a blocking call, on @stack if that can be. */
static int submit_locked(corral_value *value, const corrali_value_order *order, const corral_op *prototype,
                         corral_op *stack, corral_op **ret_op)
{
    int status = corrali_object_accepts_locked(&value->object);
    corral_op *op;

    if (status != CORRAL_OK) {
        return status;
    }
    op = stack != NULL ? corrali_op_new_blocking_locked(&value->object, stack)
                       : corrali_op_new_locked(&value->object);
    if (op == NULL) {
        return CORRAL_ENOMEM;
    }
    op->kind = order->kind;
    op->callback = prototype->callback;
    op->arg = prototype->arg;
    op->bytes.kept = stack != NULL;
    status = place_order_locked(op, order);
    if (status != CORRAL_OK) {
        corrali_op_discard_locked(op);
    } else {
        *ret_op = op;
    }
    return status;
}

/* The asynchronous form of all calls. @prototype has the callback and its argument. */
static int submit(corral_value *value, const corrali_value_order *order, const corral_op *prototype,
                  corral_op **ret_op)
{
    corral_op *op = NULL;
    int status = check_order(value, order);

    if (status == CORRAL_OK) {
        status = corrali_enter(value->object.client);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(value->object.client);
    status = submit_locked(value, order, prototype, NULL, &op);
    if (op != NULL) {
        atomic_store_explicit(&op->refs, ret_op == NULL ? 1 : 2, memory_order_relaxed);
    }
    if (op != NULL && ret_op != NULL) {
        *ret_op = op;
    }
    corrali_unlock(value->object.client);
    return status;
}

/* The blocking form of all calls: the operation, to be forgotten, once it has ended. NULL: @ret_status. */
static corral_op *call(corral_value *value, const corrali_value_order *order, corral_op *stack,
                       int *ret_status)
{
    corral_op *op = NULL;

    *ret_status = check_order(value, order);
    if (*ret_status == CORRAL_OK) {
        *ret_status = corrali_enter_blocking(value->object.client);
    }
    if (*ret_status != CORRAL_OK) {
        return NULL;
    }
    corrali_lock(value->object.client);
    *ret_status = submit_locked(value, order, &(corral_op){.arg = NULL}, stack, &op);
    corrali_unlock(value->object.client);
    if (op != NULL) {
        *ret_status = corrali_op_await(op);
    }
    return op;
}

static int call_change(corral_value *value, const corrali_value_order *order, corral_stamp *ret_stamp)
{
    corral_op stack;
    int status;
    corral_op *op = call(value, order, &stack, &status);
    bool told = status == CORRAL_OK || (status == CORRAL_ECONFLICT && order->kind == CORRALI_COMPARE_SET);

    if (op != NULL) {
        if (told && ret_stamp != NULL) {
            *ret_stamp = op->stamp;
        }
        corrali_op_forget(op);
    }
    return status;
}

int corral_value_get(corral_value *value, corral_read level, int64_t timeout_ms, void **ret_data,
                     size_t *ret_length, corral_stamp *ret_stamp)
{
    const corrali_value_order order = {.kind = CORRALI_READ, .level = level, .timeout_ms = timeout_ms};
    corral_op stack;
    corral_op *op;
    int status;

    if (ret_data == NULL || ret_length == NULL) {
        return CORRAL_EINVAL;
    }
    op = call(value, &order, &stack, &status);
    if (op == NULL) {
        return status;
    }
    if (status == CORRAL_OK) {
        *ret_data = op->bytes.data;
        *ret_length = op->bytes.length;
    }
    if (status == CORRAL_OK && ret_stamp != NULL) {
        *ret_stamp = op->stamp;
    }
    corrali_op_forget(op);
    return status;
}

int corral_value_get_async(corral_value *value, corral_read level, int64_t timeout_ms, corral_value_cb cb,
                           void *arg, corral_op **ret_op)
{
    return submit(value,
                  &(corrali_value_order){.kind = CORRALI_READ, .level = level, .timeout_ms = timeout_ms},
                  &(corral_op){.callback.value = cb, .arg = arg}, ret_op);
}

void corral_value_free(void *data)
{
    corrali_free(data);
}

int corral_value_set(corral_value *value, const void *data, size_t length, int64_t timeout_ms,
                     corral_stamp *ret_stamp)
{
    return call_change(
        value,
        &(corrali_value_order){
            .kind = CORRALI_SET_VALUE, .data = data, .length = length, .timeout_ms = timeout_ms},
        ret_stamp);
}

int corral_value_set_async(corral_value *value, const void *data, size_t length, int64_t timeout_ms,
                           corral_stamp_cb cb, void *arg, corral_op **ret_op)
{
    return submit(value,
                  &(corrali_value_order){
                      .kind = CORRALI_SET_VALUE, .data = data, .length = length, .timeout_ms = timeout_ms},
                  &(corral_op){.callback.stamp = cb, .arg = arg}, ret_op);
}

int corral_value_compare_set(corral_value *value, const corral_stamp *expected, const void *data,
                             size_t length, int64_t timeout_ms, corral_stamp *ret_stamp)
{
    return call_change(value,
                       &(corrali_value_order){.kind = CORRALI_COMPARE_SET,
                                              .expected = expected_mzxid(expected),
                                              .data = data,
                                              .length = length,
                                              .timeout_ms = timeout_ms},
                       ret_stamp);
}

int corral_value_compare_set_async(corral_value *value, const corral_stamp *expected, const void *data,
                                   size_t length, int64_t timeout_ms, corral_stamp_cb cb, void *arg,
                                   corral_op **ret_op)
{
    return submit(value,
                  &(corrali_value_order){.kind = CORRALI_COMPARE_SET,
                                         .expected = expected_mzxid(expected),
                                         .data = data,
                                         .length = length,
                                         .timeout_ms = timeout_ms},
                  &(corral_op){.callback.stamp = cb, .arg = arg}, ret_op);
}

int corral_value_destroy(corral_value *value, int64_t timeout_ms)
{
    return call_change(value, &(corrali_value_order){.kind = CORRALI_DESTROY, .timeout_ms = timeout_ms},
                       NULL);
}

int corral_value_destroy_async(corral_value *value, int64_t timeout_ms, corral_status_cb cb, void *arg,
                               corral_op **ret_op)
{
    return submit(value, &(corrali_value_order){.kind = CORRALI_DESTROY, .timeout_ms = timeout_ms},
                  &(corral_op){.callback.status = cb, .arg = arg}, ret_op);
}

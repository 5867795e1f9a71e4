/* The calls on ID generators. */
#include "alloc.h"
#include "ids.h"

/* --- getting IDs --- */

static int place_locked(corral_op *op, int64_t timeout_ms)
{
    corral_ids *ids = corrali_ids_of(op);
    const corrali_ids_kind *kind = corrali_ids_kind_of(ids);
    int status = corrali_op_set_deadline_locked(op, timeout_ms);

    if (status != CORRAL_OK) {
        return status;
    }
    if (kind != NULL) {
        corrali_ids_submit_locked(kind, op);
        return CORRAL_OK;
    }
    op->place = CORRALI_WAITING;
    corrali_list_append(&ids->waiting, &op->task.link);
    if (ids->phase == CORRALI_IDS_UNKNOWN) {
        corrali_ids_find_locked(ids);
    }
    return CORRAL_OK;
}

/* Ask for @count numbers, or with 0 what the generator is, with @op, which is NULL if there was no memory for
 * it. */
static int start_locked(corral_op *op, size_t count, uint64_t *numbers, int64_t timeout_ms)
{
    int status;

    if (op == NULL) {
        return CORRAL_ENOMEM;
    }
    op->wanted = count;
    op->numbers = numbers;
    op->asks = count == 0;
    status = place_locked(op, timeout_ms);
    if (status != CORRAL_OK) {
        corrali_op_discard_locked(op);
    }
    return status;
}

/* The slow way of a blocking call: not a part of the quick one, which would have to make room for it. */
__attribute__((noinline)) static int wait_for(corral_ids *ids, size_t count, int64_t timeout_ms,
                                              uint64_t *ret_ids)
{
    corral_client *client = ids->counter.object.client;
    corral_op stack;
    corral_op *op = NULL;
    int status;

    corrali_lock(client);
    status = corrali_object_accepts_locked(&ids->counter.object);
    if (status == CORRAL_OK) {
        op = corrali_op_new_blocking_locked(&ids->counter.object, &stack);
        status = start_locked(op, count, ret_ids, timeout_ms);
    }
    corrali_unlock(client);
    if (status != CORRAL_OK) {
        return status;
    }
    status = corrali_op_await(op);
    if (op->blocking) {
        corrali_ids_settle(op); /* else tell() has */
    }
    corrali_op_forget(op);
    return status;
}

/* The quick way is to stay quick: what it takes is here, or inline. */
static inline int get(corral_ids *ids, size_t count, int64_t timeout_ms, uint64_t *ret_ids)
{
    const corrali_ids_kind *kind;
    int status;

    if (ids == NULL || ret_ids == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter_blocking(ids->counter.object.client);
    if (status != CORRAL_OK) {
        return status;
    }
    kind = corrali_ids_kind_of(ids);
    if (kind != NULL && kind->take != NULL && kind->take(ids, count, ret_ids)) {
        return CORRAL_OK;
    }
    return wait_for(ids, count, timeout_ms, ret_ids);
}

int corral_ids_next_many(corral_ids *ids, size_t count, int64_t timeout_ms, uint64_t *ret_ids)
{
    return count == 0 || count > CORRAL_IDS_MANY_MAX ? CORRAL_EINVAL : get(ids, count, timeout_ms, ret_ids);
}

int corral_ids_next(corral_ids *ids, int64_t timeout_ms, uint64_t *ret_id)
{
    return get(ids, 1, timeout_ms, ret_id);
}

static int submit_locked(corral_ids *ids, size_t count, uint64_t *numbers, int64_t timeout_ms,
                         corral_ids_cb cb, void *arg, corral_op **ret_op)
{
    int status = corrali_object_accepts_locked(&ids->counter.object);
    corral_op *op = status == CORRAL_OK ? corrali_op_new_locked(&ids->counter.object) : NULL;

    if (op == NULL) {
        return status == CORRAL_OK ? CORRAL_ENOMEM : status;
    }
    op->callback.ids = cb;
    op->arg = arg;
    op->numbers_owned = numbers != NULL;
    atomic_store_explicit(&op->refs, ret_op == NULL ? 1 : 2, memory_order_relaxed);
    status = start_locked(op, count, numbers != NULL ? numbers : (uint64_t *)&op->value, timeout_ms);
    if (status == CORRAL_OK && ret_op != NULL) {
        *ret_op = op;
    }
    return status;
}

int corral_ids_next_many_async(corral_ids *ids, size_t count, int64_t timeout_ms, corral_ids_cb cb, void *arg,
                               corral_op **ret_op)
{
    uint64_t *numbers = NULL;
    int status;

    if (ids == NULL || count == 0 || count > CORRAL_IDS_MANY_MAX || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(ids->counter.object.client);
    if (status != CORRAL_OK) {
        return status;
    }
    if (count > 1 && (numbers = corrali_alloc(count * sizeof *numbers)) == NULL) {
        return CORRAL_ENOMEM;
    }
    corrali_lock(ids->counter.object.client);
    status = submit_locked(ids, count, numbers, timeout_ms, cb, arg, ret_op);
    corrali_unlock(ids->counter.object.client);
    if (status != CORRAL_OK) {
        corrali_free(numbers);
    }
    return status;
}

int corral_ids_next_async(corral_ids *ids, int64_t timeout_ms, corral_ids_cb cb, void *arg,
                          corral_op **ret_op)
{
    return corral_ids_next_many_async(ids, 1, timeout_ms, cb, arg, ret_op);
}

/* --- what it is --- */

int corral_ids_info(corral_ids *ids, int64_t timeout_ms, corral_ids_options *ret_options)
{
    corral_ids_options told = CORRAL_IDS_OPTIONS_INIT;
    corral_client *client;
    int status;

    if (ids == NULL || ret_options == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    client = ids->counter.object.client;
    status = corrali_enter_blocking(client);
    if (status == CORRAL_OK) {
        status = wait_for(ids, 0, timeout_ms, NULL);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    corrali_ids_config_tell(&ids->config, &told);
    corrali_unlock(client);
    *ret_options = told;
    return CORRAL_OK;
}

/* --- who takes part --- */

/* The operation that lists the workers, for a thread that will wait for it. NULL: @ret_status says why. */
static corral_op *list_workers_locked(corral_ids *ids, int64_t timeout_ms, int *ret_status)
{
    corral_op *op;

    *ret_status = corrali_object_accepts_locked(&ids->counter.object);
    if (*ret_status != CORRAL_OK) {
        return NULL;
    }
    op = corrali_op_new_locked(&ids->counter.object);
    if (op == NULL) {
        *ret_status = CORRAL_ENOMEM;
        return NULL;
    }
    op->lists = true;
    atomic_store_explicit(&op->refs, 2, memory_order_relaxed);
    *ret_status = place_locked(op, timeout_ms);
    if (*ret_status != CORRAL_OK) {
        corrali_op_discard_locked(op);
        return NULL;
    }
    return op;
}

int corral_ids_workers(corral_ids *ids, int64_t timeout_ms, corral_ids_worker **ret_workers,
                       size_t *ret_count)
{
    corral_op *op;
    int status;

    if (ids == NULL || ret_workers == NULL || ret_count == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter_blocking(ids->counter.object.client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(ids->counter.object.client);
    op = list_workers_locked(ids, timeout_ms, &status);
    corrali_unlock(ids->counter.object.client);
    if (op == NULL) {
        return status;
    }
    status = corrali_op_await(op);
    if (status == CORRAL_OK) {
        *ret_workers = op->workers;
        *ret_count = op->wanted;
    }
    corrali_op_forget(op);
    return status;
}

void corral_ids_workers_free(corral_ids_worker *workers)
{
    corrali_free(workers);
}

/* The calls of guarded changes; see guard.c. */
#include "lock.h"

/* Start it on an operation of its own or, for a blocking call, on @stack if that can be. */
static int submit_locked(corral_grant *grant, const corral_txn *txn, int64_t timeout_ms, corral_op *stack,
                         corral_op **ret_op)
{
    int status = corrali_client_accepts_locked(grant->object.client);
    corral_op *op;

    if (status == CORRAL_OK && (grant->released || grant->lost != CORRAL_OK)) {
        status = CORRAL_ELOST;
    }
    if (status != CORRAL_OK) {
        return status;
    }
    op = stack != NULL ? corrali_op_new_blocking_locked(&grant->object, stack)
                       : corrali_op_new_locked(&grant->object);
    if (op == NULL) {
        return CORRAL_ENOMEM;
    }
    status = corrali_guard_start_locked(op, txn, timeout_ms);
    if (status != CORRAL_OK) {
        corrali_op_discard_locked(op);
    } else {
        *ret_op = op;
    }
    return status;
}

int corral_grant_multi_async(corral_grant *grant, const corral_txn *txn, int64_t timeout_ms,
                             corral_status_cb cb, void *arg, corral_op **ret_op)
{
    corral_client *client;
    corral_op *op = NULL;
    int status;

    if (grant == NULL || txn == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    client = grant->object.client;
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    status = submit_locked(grant, txn, timeout_ms, NULL, &op);
    if (op != NULL) {
        op->callback.status = cb;
        op->arg = arg;
        atomic_store_explicit(&op->refs, ret_op == NULL ? 1 : 2, memory_order_relaxed);
    }
    if (op != NULL && ret_op != NULL) {
        *ret_op = op;
    }
    corrali_unlock(client);
    return status;
}

int corral_grant_multi(corral_grant *grant, const corral_txn *txn, int64_t timeout_ms)
{
    corral_client *client;
    corral_op stack;
    corral_op *op = NULL;
    int status;

    if (grant == NULL || txn == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    client = grant->object.client;
    status = corrali_enter_blocking(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    status = submit_locked(grant, txn, timeout_ms, &stack, &op);
    corrali_unlock(client);
    if (op != NULL) {
        status = corrali_op_await(op);
        corrali_op_forget(op);
    }
    return status;
}

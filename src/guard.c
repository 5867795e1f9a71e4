/*
 * Guarded changes: a transaction that commits only while the lock is held. One
 * multi sets a borrowed lane, checks the lock's znode, and makes the changes;
 * exact.c sees to it that it does so once.
 *
 * What has been sent is followed to its end, also when nobody waits for it any
 * more: the lock is not handed on within the process before.
 */
#include <string.h>

#include "alloc.h"
#include "exact.h"
#include "lock.h"
#include "txn.h"

/* The writes before those of the transaction. */
enum { HELD = CORRALI_EXACT_FIRST, PREFACE };

typedef struct corrali_guard {
    corrali_exact exact;
    corral_op *op; /* NULL: it has ended */
    corral_grant *grant;
    char *node; /* the lock's */
    size_t count;
    corrali_write writes[];
} corrali_guard;

static void settled(corrali_exact *exact, const corrali_exact_outcome *outcome);

/* --- life --- */

static void free_guard(corrali_guard *own)
{
    for (size_t i = PREFACE; i < own->count; i++) {
        corrali_free((char *)own->writes[i].path);
        corrali_free((char *)own->writes[i].data);
    }
    corrali_free(own->node);
    corrali_free(own);
}

/* A copy of one of the transaction's, below the chroot. */
static int copy_write(const corral_client *client, corrali_write *copy, const corrali_write *write)
{
    char *data = corrali_alloc(write->length + 1);

    *copy = *write;
    copy->path = corrali_asprintf("%s%s", client->chroot, write->path);
    copy->data = data;
    if (copy->path == NULL || data == NULL) {
        return CORRAL_ENOMEM;
    }
    memcpy(data, write->data, write->length);
    return CORRAL_OK;
}

static corrali_guard *new_guard(corral_grant *grant, const corral_txn *txn)
{
    corrali_guard *own = corrali_alloc(sizeof *own + (PREFACE + txn->count) * sizeof *own->writes);
    int status = CORRAL_OK;

    if (own == NULL) {
        return NULL;
    }
    own->count = PREFACE + txn->count;
    own->node = corrali_strdup(grant->seat->contender.node);
    for (size_t i = 0; i < txn->count && status == CORRAL_OK; i++) {
        status = copy_write(grant->object.client, &own->writes[PREFACE + i], &txn->writes[i]);
    }
    if (own->node == NULL || status != CORRAL_OK) {
        free_guard(own);
        return NULL;
    }
    own->grant = grant;
    own->writes[HELD] =
        (corrali_write){.kind = CORRALI_CHECK, .path = own->node, .version = CORRALI_VERSION_ANY};
    own->exact.client = grant->object.client;
    own->exact.writes = own->writes;
    own->exact.count = own->count;
    own->exact.done_locked = settled;
    return own;
}

/* The outcome is known, or nobody needs it. */
static void finish(corrali_guard *own, int status, int cause, const char *path)
{
    corral_grant *grant = own->grant;
    corral_op *op = own->op;
    corral_client *last;

    if (op != NULL) {
        corrali_list_remove(&op->task.link);
        if (path != NULL) {
            corrali_op_end_at_locked(op, status, cause, path);
        } else {
            corrali_op_end_locked(op, status, cause);
        }
    }
    free_guard(own);
    if (grant->seat != NULL) {
        corrali_seat_guarded_locked(grant->seat);
    }
    last = corrali_object_unref_locked(&grant->object);
    if (last != NULL) {
        corrali_client_unref(
            last); /* not its last reference: it is not closed before all requests are answered */
    }
}

static void settled(corrali_exact *exact, const corrali_exact_outcome *outcome)
{
    corrali_guard *own = CORRALI_CONTAINER(exact, corrali_guard, exact);

    if (outcome->failed == HELD && outcome->status == CORRAL_ENOENT) {
        finish(own, CORRAL_ELOST, CORRAL_ELOST, NULL);
    } else {
        finish(own, outcome->status, outcome->cause, outcome->path);
    }
}

/* --- for the calls --- */

void corrali_guard_abort_locked(corral_op *op, int cause)
{
    corrali_guard *own = op->lock.guard;
    bool exposed = corrali_exact_exposed(&own->exact);

    corrali_list_remove(&op->task.link);
    corrali_op_end_locked(op, exposed ? CORRAL_EUNCERTAIN : cause, cause);
    own->op = NULL;
    if (corrali_exact_withdraw_locked(&own->exact)) {
        finish(own, cause, cause, NULL);
    }
}

int corrali_guard_start_locked(corral_op *op, const corral_txn *txn, int64_t timeout_ms)
{
    corral_grant *grant = corrali_grant_of(op);
    corrali_guard *own;
    int status = corrali_op_set_deadline_locked(op, timeout_ms);

    if (status != CORRAL_OK) {
        return status;
    }
    own = new_guard(grant, txn);
    if (own == NULL) {
        return CORRAL_ENOMEM;
    }
    own->op = op;
    op->lock.guard = own;
    grant->seat->guarded++;
    corrali_object_ref_locked(&grant->object);
    corrali_list_append(&grant->operations, &op->task.link);
    status = corrali_exact_start_locked(&own->exact);
    if (status != CORRAL_OK) {
        own->op = NULL;
        corrali_list_remove(&op->task.link);
        finish(own, status, status, NULL);
    }
    return status;
}

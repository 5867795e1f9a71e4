/*
 * Guarded changes: a transaction that commits only while the lock is held. One
 * multi sets a borrowed lane, checks the lock's znode, and makes the changes.
 * A lost reply is resolved as that of a counter's batch: the same multi is sent
 * again, and where it fails tells what became of the first attempt.
 *
 * One thing is different: what a transaction was refused for may change again. So
 * after a lost reply a refusal is no end yet: the first attempt may still come, by a
 * connection that was given up. The lane is moved on then, which settles it.
 *
 * What has been sent is followed to its end, also when nobody waits for it any
 * more: the lock is not handed on within the process before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "decimal.h"
#include "lock.h"
#include "txn.h"

/* The writes before those of the transaction. */
enum { LANE, HELD, PREFACE };

typedef struct corrali_guard {
    corral_op *op; /* NULL: it has ended */
    corral_grant *grant;
    corrali_borrower borrower;
    corrali_lane *lane; /* NULL: being waited for */
    corrali_request request;
    bool resent;                       /* an earlier attempt's outcome is not known */
    size_t failed;                     /* a resend's: the write that was refused, */
    int refusal;                       /* ... and why */
    char number[CORRALI_DECIMAL_SIZE]; /* put into the lane, */
    char seal[CORRALI_DECIMAL_SIZE];   /* ... and instead of it, so that it cannot be any more */
    char *node;                        /* the lock's */
    size_t count;
    corrali_write writes[];
} corrali_guard;

static void written(corrali_request *request);
static void lane_lent(corrali_borrower *borrower, corrali_lane *lane, int status, const char *path);

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
    own->request.kind = CORRALI_MULTI;
    own->request.done = written;
    own->request.more = own->writes;
    own->request.write_count = own->count;
    own->borrower.lent_locked = lane_lent;
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

/* --- lanes --- */

static void send_locked(corrali_guard *own)
{
    corrali_lane *lane = own->lane;
    int length = snprintf(own->number, sizeof own->number, "%" PRIu64, lane->batches + 1);

    own->writes[LANE] = (corrali_write){.kind = CORRALI_SET,
                                        .path = lane->path,
                                        .data = own->number,
                                        .length = (size_t)length,
                                        .version = lane->version};
    corrali_submit_locked(own->grant->object.client, &own->request);
}

static void lane_lent(corrali_borrower *borrower, corrali_lane *lane, int status, const char *path)
{
    corrali_guard *own = CORRALI_CONTAINER(borrower, corrali_guard, borrower);

    own->lane = lane;
    if (lane == NULL) {
        finish(own, status, status, path);
    } else {
        send_locked(own);
    }
}

/* Go on as soon as there is a lane. */
static int borrow_locked(corrali_guard *own)
{
    int status = corrali_lane_borrow_locked(own->grant->object.client, &own->borrower, &own->lane);

    if (own->lane != NULL) {
        send_locked(own);
    }
    return status;
}

static void return_lane(corrali_guard *own)
{
    corrali_lane_return_locked(own->lane);
    own->lane = NULL;
}

static void retire_lane(corrali_guard *own)
{
    corrali_lane_retire_locked(own->lane);
    own->lane = NULL;
}

/* --- outcomes --- */

static void applied(corrali_guard *own, int32_t lane_version)
{
    own->lane->version = lane_version;
    own->lane->batches++;
    return_lane(own);
    finish(own, CORRAL_OK, CORRAL_OK, NULL);
}

/* It cannot be told any more, because of the lane. */
static void uncertain(corrali_guard *own, int cause)
{
    char *path = corrali_strdup(own->lane->path);

    if (cause == CORRAL_ENOENT) {
        corrali_writer_reset_locked(own->grant->object.client);
    }
    retire_lane(own);
    finish(own, CORRAL_EUNCERTAIN, cause, path);
    corrali_free(path);
}

/* Not applied, because of the lock's znode or one of the transaction's. */
static void refused(corrali_guard *own, size_t failed, int status)
{
    char *path = corrali_strdup(own->writes[failed].path);

    return_lane(own);
    if (failed == HELD && status == CORRAL_ENOENT) {
        finish(own, CORRAL_ELOST, CORRAL_ELOST, NULL);
    } else {
        finish(own, status, status, path);
    }
    corrali_free(path);
}

static void sealed(corrali_guard *own, int32_t lane_version)
{
    own->grant->object.client->stats.resends_not_applied++;
    own->lane->version = lane_version;
    own->lane->batches += 2;
    refused(own, own->failed, own->refusal);
}

static void lane_read(corrali_request *request)
{
    corrali_guard *own = CORRALI_CONTAINER(request, corrali_guard, request);
    corral_client *client = own->grant->object.client;

    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(client, request);
    } else if (request->status != CORRAL_OK) {
        uncertain(own, request->status);
    } else if (corrali_reply_is(request, own->number)) {
        client->stats.resends_applied++;
        applied(own, request->stat.version);
    } else if (own->refusal != CORRAL_OK && corrali_reply_is(request, own->seal)) {
        sealed(own, request->stat.version);
    } else {
        uncertain(own, CORRAL_ECONFLICT);
    }
}

/* An attempt of which we did not hear has moved the lane on; the number there tells which. */
static void read_lane_locked(corrali_guard *own)
{
    own->request.kind = CORRALI_GET;
    own->request.path = own->lane->path;
    own->request.done = lane_read;
    corrali_submit_locked(own->grant->object.client, &own->request);
}

static void seal_written(corrali_request *request)
{
    corrali_guard *own = CORRALI_CONTAINER(request, corrali_guard, request);

    if (request->status == CORRAL_OK) {
        sealed(own, request->writes[0].stat.version);
    } else if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(own->grant->object.client, request);
    } else if (request->status == CORRAL_ECONFLICT) {
        read_lane_locked(own);
    } else {
        uncertain(own, request->status);
    }
}

/* The resend was refused: see to it that the first attempt will be, too. */
static void seal_locked(corrali_guard *own, size_t failed, int status)
{
    corrali_lane *lane = own->lane;
    int length = snprintf(own->seal, sizeof own->seal, "%" PRIu64, lane->batches + 2);

    own->failed = failed;
    own->refusal = status;
    own->request.more = NULL;
    own->request.write_count = 1;
    own->request.writes[0] = (corrali_write){.kind = CORRALI_SET,
                                             .path = lane->path,
                                             .data = own->seal,
                                             .length = (size_t)length,
                                             .version = lane->version};
    own->request.done = seal_written;
    corrali_submit_locked(own->grant->object.client, &own->request);
}

/* The lane is not as we left it. */
static void failed_at_lane(corrali_guard *own, int status)
{
    bool gone = status == CORRAL_ENOENT;

    if (own->resent && status == CORRAL_ECONFLICT) {
        read_lane_locked(own);
        return;
    }
    if (own->resent) {
        uncertain(own, status);
        return;
    }
    if (gone) {
        corrali_writer_reset_locked(own->grant->object.client);
    }
    retire_lane(own);
    own->request.sent = false; /* it was refused for good: by another lane it is another one */
    if (!gone && status != CORRAL_ECONFLICT) {
        finish(own, status, status, NULL);
    } else if (borrow_locked(own) != CORRAL_OK) {
        finish(own, CORRAL_ENOMEM, CORRAL_ENOMEM, NULL);
    }
}

static void written(corrali_request *request)
{
    corrali_guard *own = CORRALI_CONTAINER(request, corrali_guard, request);
    corral_client *client = own->grant->object.client;

    if (request->status == CORRAL_OK) {
        client->stats.resends_not_applied += own->resent;
        applied(own, own->writes[LANE].stat.version);
    } else if (request->status == CORRAL_ELOST) {
        own->resent = true;
        client->stats.resends++;
        corrali_submit_locked(client, request);
    } else if (request->failed == LANE) {
        failed_at_lane(own, request->status);
    } else if (own->resent) {
        seal_locked(own, request->failed, request->status);
    } else {
        refused(own, request->failed, request->status);
    }
}

/* --- for the calls --- */

void corrali_guard_abort_locked(corral_op *op, int cause)
{
    corrali_guard *own = op->lock.guard;
    corral_client *client = op->object->client;
    bool exposed = own->request.sent;

    corrali_list_remove(&op->task.link);
    corrali_op_end_locked(op, exposed ? CORRAL_EUNCERTAIN : cause, cause);
    own->op = NULL;
    if (exposed) {
        return;
    }
    if (own->lane == NULL) {
        corrali_lane_forget_locked(client, &own->borrower);
        finish(own, cause, cause, NULL);
    } else if (corrali_withdraw_locked(client, &own->request)) {
        return_lane(own);
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
    status = borrow_locked(own);
    if (status != CORRAL_OK) {
        own->op = NULL;
        corrali_list_remove(&op->task.link);
        finish(own, status, status, NULL);
    }
    return status;
}

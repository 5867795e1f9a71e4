/*
 * Changes of a value: one after another in the order of the calls, each as a
 * multi that is applied exactly once.
 *
 *     QUEUED --> WRITING --> result, the next change
 *       |         ^   |
 *       |         |   +-- LEARNING --> result    applied by an attempt whose reply was lost
 *       |         |   +-- MAKING                 ancestors are missing
 *       |         |   +-- EPOCH, LOOKING         a compare_set that was refused
 *       +-- EPOCH --> LOOKING                    a compare_set of what is not remembered
 *
 * A set takes the znode at any version, so it is one round trip whatever is known,
 * and loses no race. A compare_set is told the mzxid that it is to find. No write
 * can ask for that, so the znode is looked at for the version that goes with it,
 * unless it has just been seen with that mzxid; and the epoch (see epoch.h) is
 * checked, which every destroy moves, for the same version may come again in another
 * incarnation. The look is behind a quorum operation, so that a refusal is the truth.
 */
#include "value.h"

#include <string.h>

#include "alloc.h"
#include "mkdirs.h"

/* --- one after another --- */

static void next_locked(corral_value *value)
{
    if (value->advancing) {
        return;
    }
    value->advancing = true;
    while (!corrali_list_empty(&value->changes)) {
        corrali_value_change *first = CORRALI_CONTAINER(value->changes.next, corrali_value_change, link);

        if (first->phase != CORRALI_CHANGE_QUEUED) {
            break;
        }
        corrali_change_advance(first);
    }
    value->advancing = false;
}

void corrali_change_end(corrali_value_change *own, int status, int cause, const char *path)
{
    corral_value *value = own->value;
    corral_op *op = own->op;
    corral_client *last;

    if (op != NULL) {
        corrali_list_remove(&op->task.link);
        op->stamp = own->stamp;
        corrali_op_end_at_locked(op, status, cause, path == NULL ? value->path : path);
    }
    corrali_list_remove(&own->link);
    corrali_free(own);
    next_locked(value);
    last = corrali_object_unref_locked(&value->object);
    if (last != NULL) {
        corrali_client_unref(last); /* not its last reference: its close waits for all replies */
    }
}

int corrali_change_start_locked(corral_op *op, const corrali_value_order *order)
{
    corral_value *value = corrali_value_of(op);
    corrali_value_change *own = corrali_alloc(sizeof *own + order->length + 1);

    if (own == NULL) {
        return CORRAL_ENOMEM;
    }
    own->value = value;
    own->op = op;
    own->kind = order->kind;
    own->expected = order->expected;
    own->creates = order->kind == CORRALI_COMPARE_SET && order->expected == 0;
    own->checked = order->kind == CORRALI_DESTROY || (order->kind == CORRALI_COMPARE_SET && !own->creates);
    own->length = order->length;
    if (order->length > 0) {
        memcpy(own->data, order->data, order->length);
    }
    op->bytes.change = own;
    corrali_object_ref_locked(&value->object);
    corrali_list_append(&value->operations, &op->task.link);
    corrali_list_append(&value->changes, &own->link);
    next_locked(value);
    return CORRAL_OK;
}

/* Is nothing of it under way any more, after what was not sent has been taken back? */
static bool take_back(corrali_value_change *own)
{
    switch (own->phase) {
    case CORRALI_CHANGE_QUEUED:
        return true;
    case CORRALI_CHANGE_EPOCH:
        return corrali_withdraw_locked(own->value->object.client, &own->epoch_request);
    case CORRALI_CHANGE_LOOKING:
    case CORRALI_CHANGE_LEARNING:
        return corrali_fetch_stop_locked(&own->fetch);
    case CORRALI_CHANGE_WRITING:
        return corrali_exact_withdraw_locked(&own->exact);
    case CORRALI_CHANGE_MAKING:
        break;
    }
    return false;
}

void corrali_change_abort_locked(corral_op *op, int cause)
{
    corrali_value_change *own = op->bytes.change;
    int status = cause;

    if (own->phase == CORRALI_CHANGE_WRITING && corrali_exact_exposed(&own->exact)) {
        status = CORRAL_EUNCERTAIN;
    } else if (own->phase == CORRALI_CHANGE_LEARNING) {
        status = cause = CORRAL_OK; /* it was applied, which the rest of its stamp does not change */
    }
    corrali_list_remove(&op->task.link);
    op->stamp = own->stamp;
    corrali_op_end_locked(op, status, cause);
    own->op = NULL;
    if (take_back(own)) {
        corrali_change_end(own, status, cause, NULL);
    }
}

/* --- what has to be there --- */

static void made(void *arg, int status, const char *path)
{
    corrali_value_change *own = arg;

    if (status == CORRAL_OK) {
        corrali_change_advance(own);
    } else {
        corrali_change_end(own, status, status, path);
    }
}

void corrali_change_make_parents(corrali_value_change *own)
{
    const corral_value *value = own->value;

    own->phase = CORRALI_CHANGE_MAKING;
    if (corrali_mkdirs_locked(value->object.client, value->path, SIZE_MAX, made, own) != CORRAL_OK) {
        corrali_change_end(own, CORRAL_ENOMEM, CORRAL_ENOMEM, NULL);
    }
}

void corrali_change_make_epoch(corrali_value_change *own)
{
    const corral_value *value = own->value;

    own->phase = CORRALI_CHANGE_MAKING;
    if (corrali_epoch_make_locked(value->object.client, &value->epoch, made, own) != CORRAL_OK) {
        corrali_change_end(own, CORRAL_ENOMEM, CORRAL_ENOMEM, NULL);
    }
}

/* --- what has to be known --- */

static void epoch_replied(corrali_request *request)
{
    corrali_value_change *own = CORRALI_CONTAINER(request, corrali_value_change, epoch_request);
    corral_value *value = own->value;

    if (request->status == CORRAL_OK) {
        corrali_epoch_learn_locked(value->object.client, &value->epoch, request->stat.version);
        value->seen = (corrali_stat){.mzxid = 0}; /* it may be of an earlier epoch */
    }
    if (request->status == CORRAL_OK || request->status == CORRAL_ELOST) {
        corrali_change_advance(own);
    } else if (request->status == CORRAL_ENOENT && own->op != NULL) {
        corrali_change_make_epoch(own);
    } else {
        corrali_change_end(own, request->status, request->status, request->path);
    }
}

static void read_epoch(corrali_value_change *own)
{
    corral_client *client = own->value->object.client;

    own->phase = CORRALI_CHANGE_EPOCH;
    own->epoch_request.kind = CORRALI_GET;
    own->epoch_request.path = corrali_epoch_path(client, &own->value->epoch);
    own->epoch_request.done = epoch_replied;
    corrali_submit_locked(client, &own->epoch_request);
}

static int found(corrali_fetch *fetch)
{
    CORRALI_CONTAINER(fetch, corrali_value_change, fetch)->found = fetch->get.stat;
    return CORRAL_OK;
}

static void looked(corrali_fetch *fetch)
{
    corrali_value_change *own = CORRALI_CONTAINER(fetch, corrali_value_change, fetch);
    int status = fetch->status;

    if (status == CORRAL_OK) {
        corrali_value_saw_locked(own->value, &own->found);
    }
    if (status == CORRAL_OK && own->found.mzxid != own->expected) {
        own->stamp = (corral_stamp){
            .czxid = own->found.czxid, .mzxid = own->found.mzxid, .version = own->found.version};
        status = CORRAL_ECONFLICT;
    } else if (status == CORRAL_OK && own->found.version == CORRALI_VERSION_ANY) {
        status = CORRAL_EEXHAUSTED; /* it would match any version */
    }
    if (status == CORRAL_OK || (status == CORRAL_ENOENT && own->creates)) {
        corrali_change_advance(own);
    } else {
        corrali_change_end(own, status, status, NULL);
    }
}

void corrali_change_look(corrali_value_change *own)
{
    own->phase = CORRALI_CHANGE_LOOKING;
    own->fetch = (corrali_fetch){.client = own->value->object.client,
                                 .path = own->value->path,
                                 .level = CORRAL_READ_LINEARIZABLE,
                                 .kind = CORRALI_EXISTS,
                                 .got_locked = found,
                                 .done_locked = looked};
    corrali_fetch_start_locked(&own->fetch);
}

/* Is the version known that goes with the expected mzxid? If not, it is being found out. */
static bool prepare(corrali_value_change *own)
{
    corral_value *value = own->value;
    corral_client *client = value->object.client;

    if (own->kind != CORRALI_COMPARE_SET || own->creates) {
        return true;
    }
    if (!value->epoch.known) {
        value->seen = (corrali_stat){.mzxid = 0}; /* it may be of an earlier epoch */
        if (!corrali_epoch_recall_locked(client, &value->epoch)) {
            read_epoch(own);
            return false;
        }
    }
    if (!client->ready || corrali_now_locked(client) - value->seen_at > CORRALI_IDLE_NS ||
        value->seen.mzxid != own->expected || value->seen.version == CORRALI_VERSION_ANY) {
        corrali_change_look(own);
        return false;
    }
    return true;
}

/* --- the multi --- */

static void add_write(corrali_value_change *own, corrali_write_kind kind, const char *path, int32_t version)
{
    own->writes[own->exact.count++] =
        (corrali_write){.kind = kind, .path = path, .data = "", .version = version};
}

/* A destroy sets the epoch, a compare_set checks it. */
static void compose_epoch(corrali_value_change *own)
{
    const corral_value *value = own->value;
    const char *path = corrali_epoch_path(value->object.client, &value->epoch);

    if (own->kind == CORRALI_DESTROY) {
        add_write(own, CORRALI_SET, path, CORRALI_VERSION_ANY);
    } else {
        add_write(own, CORRALI_CHECK, path, value->epoch.version);
    }
}

static void compose_value(corrali_value_change *own)
{
    const corral_value *value = own->value;
    int32_t version = CORRALI_VERSION_ANY;

    if (own->kind == CORRALI_DESTROY) {
        add_write(own, CORRALI_DELETE, value->path, CORRALI_VERSION_ANY);
        return;
    }
    if (own->kind == CORRALI_COMPARE_SET && !own->creates) {
        own->czxid = value->seen.czxid;
        version = value->seen.version;
    }
    if (version == CORRALI_VERSION_LAST) {
        /* The next one cannot be told from "any": go past it, with nobody in between. */
        add_write(own, CORRALI_SET, value->path, version);
        version = CORRALI_VERSION_ANY;
    }
    add_write(own, own->creates ? CORRALI_CREATE : CORRALI_SET, value->path, version);
    own->writes[own->exact.count - 1].data = own->data;
    own->writes[own->exact.count - 1].length = own->length;
}

void corrali_change_advance(corrali_value_change *own)
{
    if (own->op == NULL) {
        corrali_change_end(own, CORRAL_OK, CORRAL_OK, NULL); /* nobody wants it any more */
        return;
    }
    if (!prepare(own)) {
        return; /* comes here again */
    }
    own->phase = CORRALI_CHANGE_WRITING;
    own->exact.client = own->value->object.client;
    own->exact.writes = own->writes;
    own->exact.count = CORRALI_EXACT_FIRST;
    own->exact.done_locked = corrali_change_settled;
    if (own->checked) {
        compose_epoch(own);
    }
    compose_value(own);
    if (corrali_exact_start_locked(&own->exact) != CORRAL_OK) {
        corrali_change_end(own, CORRAL_ENOMEM, CORRAL_ENOMEM, NULL);
    }
}

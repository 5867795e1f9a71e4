/*
 * Listing who has a worker's number: a sync, the leases' names, then their data, one
 * after another. What is gone by then has been given back.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "ids_snowflake.h"

/* A list being made. It outlives its operation while a request is under way. */
typedef struct corrali_workers_listing {
    corral_op *op; /* NULL: it has ended */
    corrali_snowflake *own;
    corrali_request request;
    char *path;                 /* of the request; NULL: it is the directory's */
    corral_ids_worker *workers; /* their labels are of their own memory */
    size_t count;
    size_t next; /* the first whose data have not come */
} listing;

static corral_client *client_of(const listing *roll)
{
    return corrali_snowflake_client(roll->own);
}

/* --- the result --- */

/* The workers and their labels, in one piece. NULL: no memory. */
static corral_ids_worker *pack(const listing *roll)
{
    size_t size = 1;
    corral_ids_worker *list;
    char *text;

    for (size_t i = 0; i < roll->count; i++) {
        size += sizeof *list + roll->workers[i].length + 1;
    }
    list = corrali_alloc(size);
    if (list == NULL) {
        return NULL;
    }
    text = (char *)(list + roll->count);
    for (size_t i = 0; i < roll->count; i++) {
        list[i] = roll->workers[i];
        list[i].label = text;
        if (list[i].length > 0) {
            memcpy(text, roll->workers[i].label, list[i].length);
        }
        text += list[i].length + 1; /* what is between is zeroed */
    }
    return list;
}

static void free_listing(listing *roll)
{
    for (size_t i = 0; i < roll->count; i++) {
        corrali_free((char *)roll->workers[i].label);
    }
    corrali_free(roll->workers);
    corrali_free(roll->path);
    corrali_free(roll);
}

static void end_locked(listing *roll, int status)
{
    corral_ids *ids = roll->own->ids;
    corral_op *op = roll->op;

    if (op != NULL) {
        if (status == CORRAL_OK) {
            op->workers = pack(roll);
            op->wanted = roll->count;
            status = op->workers == NULL ? CORRAL_ENOMEM : CORRAL_OK;
        }
        corrali_list_remove(&op->task.link);
        corrali_ids_end_locked(op, status, status, status == CORRAL_OK ? NULL : roll->own->worker.directory);
    }
    free_listing(roll);
    corrali_ids_drop_locked(ids);
}

/* --- the requests --- */

static void submit_locked(listing *roll, corrali_request_kind kind, void (*done)(corrali_request *))
{
    roll->request.kind = kind;
    roll->request.path = roll->path != NULL ? roll->path : roll->own->worker.directory;
    roll->request.done = done;
    corrali_submit_locked(client_of(roll), &roll->request);
}

static void lease_read(corrali_request *request);

/* Read the next one's data, if there is one. */
static void read_next_locked(listing *roll)
{
    if (roll->next == roll->count) {
        end_locked(roll, CORRAL_OK);
        return;
    }
    corrali_free(roll->path);
    roll->path = corrali_asprintf("%s/%" PRIu32 ".lease", roll->own->worker.directory,
                                  roll->workers[roll->next].worker);
    if (roll->path == NULL) {
        end_locked(roll, CORRAL_ENOMEM);
    } else {
        submit_locked(roll, CORRALI_GET, lease_read);
    }
}

/* The label stands behind the tag. False: there is no memory for it. */
static bool take_label(corral_ids_worker *worker, const corrali_request *reply)
{
    size_t length = reply->length > CORRALI_TAG_LENGTH ? reply->length - CORRALI_TAG_LENGTH : 0;
    char *label = corrali_alloc(length + 1);

    if (label == NULL) {
        return false;
    }
    if (length > 0) {
        memcpy(label, reply->data + CORRALI_TAG_LENGTH, length);
    }
    worker->label = label;
    worker->length = length;
    worker->session = reply->stat.ephemeral_owner;
    return true;
}

static void drop_next(listing *roll)
{
    roll->count--;
    memmove(&roll->workers[roll->next], &roll->workers[roll->next + 1],
            (roll->count - roll->next) * sizeof *roll->workers);
}

static void lease_read(corrali_request *request)
{
    listing *roll = CORRALI_CONTAINER(request, listing, request);
    int status = request->status;

    if (roll->op == NULL || status == CORRAL_ECLOSED) {
        end_locked(roll, CORRAL_ECLOSED);
    } else if (status == CORRAL_OK && !take_label(&roll->workers[roll->next], request)) {
        end_locked(roll, CORRAL_ENOMEM);
    } else {
        if (status == CORRAL_ENOENT) {
            drop_next(roll);
        } else if (status != CORRAL_ELOST) {
            roll->next++;
        }
        read_next_locked(roll);
    }
}

static int compare(const void *left, const void *right)
{
    const corral_ids_worker *a = left;
    const corral_ids_worker *b = right;

    return (a->worker > b->worker) - (a->worker < b->worker);
}

/* Note the leases among @names; false: no memory. */
static bool take_names(listing *roll, const char *const *names, size_t count)
{
    roll->workers = corrali_alloc((count + 1) * sizeof *roll->workers);
    if (roll->workers == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        roll->count += corrali_lease_name_parse(names[i], &roll->workers[roll->count].worker);
    }
    qsort(roll->workers, roll->count, sizeof *roll->workers, compare);
    return true;
}

static void names_read(corrali_request *request)
{
    listing *roll = CORRALI_CONTAINER(request, listing, request);

    if (roll->op == NULL) {
        end_locked(roll, CORRAL_ECLOSED);
    } else if (request->status == CORRAL_ELOST) {
        submit_locked(roll, CORRALI_CHILDREN, names_read);
    } else if (request->status == CORRAL_ENOENT) {
        end_locked(roll, CORRAL_OK); /* nobody yet */
    } else if (request->status != CORRAL_OK) {
        end_locked(roll, request->status);
    } else if (!take_names(roll, request->names, request->length)) {
        end_locked(roll, CORRAL_ENOMEM);
    } else {
        read_next_locked(roll);
    }
}

static void synced(corrali_request *request)
{
    listing *roll = CORRALI_CONTAINER(request, listing, request);

    if (roll->op == NULL) {
        end_locked(roll, CORRAL_ECLOSED);
    } else if (request->status == CORRAL_ELOST) {
        submit_locked(roll, CORRALI_SYNC, synced);
    } else if (request->status == CORRAL_OK || request->status == CORRAL_ENOENT) {
        submit_locked(roll, CORRALI_CHILDREN, names_read);
    } else {
        end_locked(roll, request->status);
    }
}

/* --- the operation --- */

void corrali_workers_abort_locked(corral_op *op, int cause)
{
    listing *roll = op->listing;

    roll->op = NULL; /* what is under way has to come back first */
    corrali_list_remove(&op->task.link);
    corrali_ids_end_locked(op, cause, cause, NULL);
    if (corrali_withdraw_locked(op->object->client, &roll->request)) {
        end_locked(roll, cause);
    }
}

void corrali_workers_list_locked(corral_op *op)
{
    corral_ids *ids = corrali_ids_of(op);
    corrali_snowflake *own = ids->state;
    listing *roll = corrali_alloc(sizeof *roll);

    if (roll == NULL) {
        corrali_ids_end_locked(op, CORRAL_ENOMEM, CORRAL_ENOMEM, NULL);
        return;
    }
    roll->op = op;
    roll->own = own;
    op->listing = roll;
    op->place = CORRALI_READING;
    corrali_object_ref_locked(&ids->counter.object);
    corrali_list_append(&own->listings, &op->task.link);
    submit_locked(roll, CORRALI_SYNC, synced);
}

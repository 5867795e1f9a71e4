/*
 * Listing contenders: a sync, the directory's names, then their data, one after
 * another. What is gone by then has left.
 *
 * A semaphore has two directories, and whoever is next to get a permit may be in
 * both. Who leaves the gate has a lease by then: so the gate's names and data
 * come before those of the leases, and nobody is overlooked.
 */
#include "alloc.h"
#include "lock.h"
#include "lock_entries.h"

/* A list being made. It outlives its operation while a request is under way. */
typedef struct corrali_lock_listing {
    corral_op *op; /* NULL: it has ended */
    corral_lock *lock;
    corrali_request request;
    char *path;                   /* of the request */
    const corrali_contest *place; /* whose directory is read */
    corrali_lock_entries entries;
    size_t next; /* the first of them whose data have not come */
} listing;

static void free_listing(listing *own)
{
    corrali_lock_entries_free(&own->entries);
    corrali_free(own->path);
    corrali_free(own);
}

static void end_locked(listing *own, int status, const char *path)
{
    corral_op *op = own->op;
    corral_lock *lock = own->lock;
    corral_client *last;

    if (op != NULL && status == CORRAL_OK) {
        op->lock.contenders = corrali_lock_entries_list(&own->entries, lock->contest.permits);
        op->lock.count = own->entries.count;
        status = op->lock.contenders == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    }
    if (op != NULL) {
        corrali_list_remove(&op->task.link);
        corrali_op_end_at_locked(op, status, status, path);
    }
    free_listing(own);
    last = corrali_object_unref_locked(&lock->object);
    if (last != NULL) {
        corrali_client_unref(
            last); /* not its last reference: it is not closed before all requests are answered */
    }
}

/* --- the requests --- */

static void next_locked(listing *own);

static void submit_locked(listing *own, corrali_request_kind kind, void (*done)(corrali_request *))
{
    own->request.kind = kind;
    own->request.path = own->path;
    own->request.done = done;
    corrali_submit_locked(own->lock->object.client, &own->request);
}

/*
 * Is the reply none to go on with: is it the end, or is the same asked once
 * more? Else it is there, or the znode is not (CORRAL_ENOENT).
 */
static bool is_settled_locked(listing *own)
{
    int status = own->request.status;

    if (own->op != NULL && status == CORRAL_ELOST) {
        corrali_submit_locked(own->lock->object.client, &own->request);
    } else if (own->op == NULL || (status != CORRAL_OK && status != CORRAL_ENOENT)) {
        end_locked(own, status, own->path);
    } else {
        return false;
    }
    return true;
}

static void data_read(corrali_request *request)
{
    listing *own = CORRALI_CONTAINER(request, listing, request);
    bool refused = request->status == CORRAL_EACCES && request->kind == CORRALI_GET;

    if (own->op == NULL ||
        (request->status == CORRAL_OK && !corrali_lock_entries_fill(&own->entries, own->next, request))) {
        end_locked(own, CORRAL_ENOMEM, own->lock->contest.directory);
    } else if (request->status == CORRAL_ECLOSED) {
        end_locked(own, CORRAL_ECLOSED, own->lock->contest.directory);
    } else if (refused) {
        /* Whose data we may not read; that it is there, and whose, anybody is told. */
        submit_locked(own, CORRALI_EXISTS, data_read);
    } else {
        if (request->status == CORRAL_ENOENT) {
            corrali_lock_entries_drop(&own->entries, own->next);
        } else if (request->status != CORRAL_ELOST) {
            own->next++;
        }
        next_locked(own);
    }
}

/* Have the request be about @name in the directory, or the directory itself. False: no memory, the end. */
static bool go_to_locked(listing *own, const char *name)
{
    corrali_free(own->path);
    own->path = name == NULL ? corrali_strdup(own->place->directory)
                             : corrali_asprintf("%s/%s", own->place->directory, name);
    if (own->path == NULL) {
        end_locked(own, CORRAL_ENOMEM, own->lock->contest.directory);
        return false;
    }
    return true;
}

static void names_read(corrali_request *request);

static void read_names_locked(listing *own, const corrali_contest *place)
{
    own->place = place;
    if (go_to_locked(own, NULL)) {
        submit_locked(own, CORRALI_CHILDREN, names_read);
    }
}

/* Read the next one's data, or those in the next directory, if there is one. */
static void next_locked(listing *own)
{
    if (own->next < own->entries.count) {
        if (go_to_locked(own, own->entries.all[own->next].told.name)) {
            submit_locked(own, CORRALI_GET, data_read);
        }
    } else if (own->place == &own->lock->gate) {
        read_names_locked(own, &own->lock->contest);
    } else {
        end_locked(own, CORRAL_OK, own->lock->contest.directory);
    }
}

static void names_read(corrali_request *request)
{
    listing *own = CORRALI_CONTAINER(request, listing, request);
    int status = CORRAL_OK;

    if (is_settled_locked(own)) {
        return;
    }
    if (request->status == CORRAL_OK) {
        status = corrali_lock_entries_add(&own->entries, request->names, request->length,
                                          own->place->kind->scheme, own->place == &own->lock->gate);
    }
    if (status == CORRAL_OK) {
        next_locked(own);
    } else {
        end_locked(own, status, own->path);
    }
}

/* A semaphore's root: are there names of another kind of lock? */
static void root_listed(corrali_request *request)
{
    listing *own = CORRALI_CONTAINER(request, listing, request);

    if (is_settled_locked(own)) {
        return;
    }
    if (request->status == CORRAL_OK && !corrali_contest_admits(&own->lock->contest, request)) {
        end_locked(own, CORRAL_ECONFLICT, own->path);
    } else {
        read_names_locked(own, &own->lock->gate);
    }
}

/* ... has it as many permits? */
static void root_read(corrali_request *request)
{
    listing *own = CORRALI_CONTAINER(request, listing, request);

    if (is_settled_locked(own)) {
        return;
    }
    if (request->status == CORRAL_OK && !corrali_contest_fits(&own->lock->contest, request)) {
        end_locked(own, CORRAL_ECONFLICT, own->path);
    } else {
        submit_locked(own, CORRALI_CHILDREN, root_listed);
    }
}

static void synced(corrali_request *request)
{
    listing *own = CORRALI_CONTAINER(request, listing, request);

    if (is_settled_locked(own)) {
        return;
    }
    if (own->lock->contest.permits > 0) {
        submit_locked(own, CORRALI_GET, root_read);
    } else {
        read_names_locked(own, &own->lock->contest);
    }
}

/* --- the call --- */

void corrali_listing_abort_locked(corral_op *op, int cause)
{
    listing *own = op->lock.listing;

    own->op = NULL; /* what is under way has to come back first */
    corrali_list_remove(&op->task.link);
    corrali_op_end_locked(op, cause, cause);
    if (corrali_withdraw_locked(op->object->client, &own->request)) {
        end_locked(own, cause, own->lock->contest.directory);
    }
}

static int start_locked(corral_op *op, int64_t timeout_ms)
{
    corral_lock *lock = corrali_lock_of(op);
    listing *own = corrali_alloc(sizeof *own);
    int status = own == NULL ? CORRAL_ENOMEM : corrali_op_set_deadline_locked(op, timeout_ms);

    if (status == CORRAL_OK) {
        own->path = corrali_strdup(lock->contest.root);
        status = own->path == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    }
    if (status != CORRAL_OK) {
        corrali_free(own);
        return status;
    }
    own->op = op;
    own->lock = lock;
    op->lock.listing = own;
    corrali_object_ref_locked(&lock->object);
    corrali_list_append(&lock->operations, &op->task.link);
    submit_locked(own, CORRALI_SYNC, synced);
    return CORRAL_OK;
}

int corrali_lock_list_submit_locked(corral_lock *lock, int64_t timeout_ms, corral_op *stack,
                                    corral_op **ret_op)
{
    int status = corrali_object_accepts_locked(&lock->object);
    corral_op *op = status == CORRAL_OK ? corrali_op_new_blocking_locked(&lock->object, stack) : NULL;

    if (op == NULL) {
        return status == CORRAL_OK ? CORRAL_ENOMEM : status;
    }
    status = start_locked(op, timeout_ms);
    if (status != CORRAL_OK) {
        corrali_op_discard_locked(op);
    } else {
        *ret_op = op;
    }
    return status;
}

int corral_lock_list(corral_lock *lock, int64_t timeout_ms, corral_lock_contender **ret_contenders,
                     size_t *ret_count)
{
    corral_client *client;
    corral_op stack;
    corral_op *op;
    int status;

    if (lock == NULL || ret_contenders == NULL || ret_count == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    client = lock->object.client;
    status = corrali_enter_blocking(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    status = corrali_lock_list_submit_locked(lock, timeout_ms, &stack, &op);
    corrali_unlock(client);
    if (status != CORRAL_OK) {
        return status;
    }
    status = corrali_op_await(op);
    if (status == CORRAL_OK) {
        *ret_contenders = op->lock.contenders;
        *ret_count = op->lock.count;
    }
    corrali_op_forget(op);
    return status;
}

void corral_lock_contenders_free(corral_lock_contender *contenders)
{
    corrali_free(contenders);
}

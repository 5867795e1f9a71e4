/*
 * Listing contenders: a sync, the directory's names, then their data, one after
 * another. What is gone by then has left.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "lock.h"

/* One of them, while the list is made. */
typedef struct {
    corrali_lock_name parsed;
    corral_lock_contender told; /* its strings are of their own memory */
} entry;

/* A list being made. It outlives its operation while a request is under way. */
typedef struct corrali_lock_listing {
    corral_op *op; /* NULL: it has ended */
    corral_lock *lock;
    corrali_request request;
    char *path; /* of the request */
    entry *entries;
    size_t count;
    size_t next;                 /* the first whose data have not come */
    corral_lock_contender *list; /* the result, in one piece of memory */
} listing;

static void free_entry(entry *each)
{
    corrali_free((char *)each->told.label);
    corrali_free((char *)each->told.name);
}

static void free_listing(listing *own)
{
    for (size_t i = 0; i < own->count; i++) {
        free_entry(&own->entries[i]);
    }
    corrali_free(own->entries);
    corrali_free(own->path);
    corrali_free(own->list);
    corrali_free(own);
}

/* --- the result --- */

static int compare(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;

    return (a->parsed.sequence > b->parsed.sequence) - (a->parsed.sequence < b->parsed.sequence);
}

/* The entries and all their strings, in one piece. NULL: no memory. */
static corral_lock_contender *pack(const listing *own)
{
    size_t size = 1;
    corral_lock_contender *list;
    char *text;

    for (size_t i = 0; i < own->count; i++) {
        size += sizeof *list + own->entries[i].told.length + 1 + strlen(own->entries[i].told.name) + 1;
    }
    list = corrali_alloc(size);
    if (list == NULL) {
        return NULL;
    }
    text = (char *)(list + own->count);
    for (size_t i = 0; i < own->count; i++) {
        const corral_lock_contender *told = &own->entries[i].told;

        list[i] = *told;
        list[i].label = memcpy(text, told->label == NULL ? "" : told->label, told->length + 1);
        text += told->length + 1;
        list[i].name = text;
        text = stpcpy(text, told->name) + 1;
    }
    return list;
}

/* Who holds: whoever nobody before them keeps from it. */
static void tell_holders(listing *own)
{
    uint32_t permits = own->lock->contest.permits;
    bool exclusive = false; /* there was one before */

    for (size_t i = 0; i < own->count; i++) {
        entry *each = &own->entries[i];

        each->told.holds = permits > 0 ? i < permits : each->told.shared ? !exclusive : i == 0;
        exclusive = exclusive || !each->told.shared;
    }
}

static void end_locked(listing *own, int status, const char *path)
{
    corral_op *op = own->op;
    corral_lock *lock = own->lock;
    corral_client *last;

    if (op != NULL && status == CORRAL_OK) {
        tell_holders(own);
        own->list = pack(own);
        status = own->list == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    }
    if (op != NULL) {
        op->lock.contenders = own->list;
        op->lock.count = own->count;
        own->list = NULL;
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

static void drop_next(listing *own)
{
    free_entry(&own->entries[own->next]);
    own->count--;
    memmove(&own->entries[own->next], &own->entries[own->next + 1],
            (own->count - own->next) * sizeof *own->entries);
}

/* The data have come; false: there is no memory for them. */
static bool take_data(entry *each, const corrali_request *reply)
{
    char *label = corrali_alloc(reply->length + 1);

    if (label == NULL) {
        return false;
    }
    if (reply->length > 0) {
        memcpy(label, reply->data, reply->length);
    }
    each->told.label = label;
    each->told.length = reply->length;
    each->told.token = reply->stat.czxid;
    each->told.session = reply->stat.ephemeral_owner;
    return true;
}

static void data_read(corrali_request *request)
{
    listing *own = CORRALI_CONTAINER(request, listing, request);
    entry *each = &own->entries[own->next];

    if (own->op == NULL || (request->status == CORRAL_OK && !take_data(each, request))) {
        end_locked(own, CORRAL_ENOMEM, own->lock->contest.directory);
        return;
    }
    if (request->status == CORRAL_ECLOSED) {
        end_locked(own, CORRAL_ECLOSED, own->lock->contest.directory);
        return;
    }
    if (request->status == CORRAL_ENOENT) {
        drop_next(own);
    } else if (request->status != CORRAL_ELOST) {
        own->next++;
    }
    next_locked(own);
}

/* Read the next one's data, if there is one. */
static void next_locked(listing *own)
{
    if (own->next == own->count) {
        end_locked(own, CORRAL_OK, own->lock->contest.directory);
        return;
    }
    corrali_free(own->path);
    own->path = corrali_asprintf("%s/%s", own->lock->contest.directory, own->entries[own->next].told.name);
    if (own->path == NULL) {
        end_locked(own, CORRAL_ENOMEM, own->lock->contest.directory);
    } else {
        submit_locked(own, CORRALI_GET, data_read);
    }
}

/* Note the contenders among @names. Returns 0, CORRAL_ECONFLICT or CORRAL_ENOMEM. */
static int take_names(listing *own, const char *const *names, size_t count)
{
    own->entries = corrali_alloc((count + 1) * sizeof *own->entries);
    for (size_t i = 0; i < count; i++) {
        entry *each;

        if (own->entries == NULL) {
            return CORRAL_ENOMEM;
        }
        each = &own->entries[own->count];
        if (!corrali_lock_name_parse(names[i], &each->parsed)) {
            continue;
        }
        if (each->parsed.scheme != own->lock->contest.kind->scheme) {
            return CORRAL_ECONFLICT;
        }
        each->told = (corral_lock_contender){.name = corrali_strdup(names[i]),
                                             .sequence = each->parsed.sequence,
                                             .shared = each->parsed.shared};
        own->count++;
        if (each->told.name == NULL) {
            return CORRAL_ENOMEM;
        }
    }
    qsort(own->entries, own->count, sizeof *own->entries, compare);
    return CORRAL_OK;
}

static void names_read(corrali_request *request)
{
    listing *own = CORRALI_CONTAINER(request, listing, request);
    int status = request->status;

    if (own->op == NULL) {
        end_locked(own, CORRAL_OK, own->lock->contest.directory);
        return;
    }
    if (status == CORRAL_ELOST) {
        submit_locked(own, CORRALI_CHILDREN, names_read);
        return;
    }
    if (status == CORRAL_OK) {
        status = take_names(own, request->names, request->length);
    } else if (status == CORRAL_ENOENT) {
        status = CORRAL_OK; /* nobody */
    }
    if (status == CORRAL_OK) {
        next_locked(own);
    } else {
        end_locked(own, status, own->lock->contest.directory);
    }
}

static void synced(corrali_request *request)
{
    listing *own = CORRALI_CONTAINER(request, listing, request);

    if (own->op == NULL) {
        end_locked(own, CORRAL_OK, own->lock->contest.directory);
    } else if (request->status == CORRAL_ELOST) {
        submit_locked(own, CORRALI_SYNC, synced);
    } else if (request->status == CORRAL_OK || request->status == CORRAL_ENOENT) {
        submit_locked(own, CORRALI_CHILDREN, names_read);
    } else {
        end_locked(own, request->status, own->lock->contest.directory);
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
        own->path = corrali_strdup(lock->contest.directory);
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

int corral_lock_list(corral_lock *lock, int64_t timeout_ms, corral_lock_contender **ret_contenders,
                     size_t *ret_count)
{
    corral_op *op;
    int status;

    if (lock == NULL || ret_contenders == NULL || ret_count == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter_blocking(lock->object.client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(lock->object.client);
    status = corrali_object_accepts_locked(&lock->object);
    op = status == CORRAL_OK ? corrali_op_new_locked(&lock->object) : NULL;
    if (op != NULL) {
        atomic_store_explicit(&op->refs, 2, memory_order_relaxed);
        status = start_locked(op, timeout_ms);
        if (status != CORRAL_OK) {
            corrali_op_discard_locked(op);
        }
    } else if (status == CORRAL_OK) {
        status = CORRAL_ENOMEM;
    }
    corrali_unlock(lock->object.client);
    if (status != CORRAL_OK) {
        return status;
    }
    (void)corral_op_wait(op, CORRAL_FOREVER);
    status = corral_op_status(op);
    if (status == CORRAL_OK) {
        *ret_contenders = op->lock.contenders;
        *ret_count = op->lock.count;
    }
    corral_op_unref(op);
    return status;
}

void corral_lock_contenders_free(corral_lock_contender *contenders)
{
    corrali_free(contenders);
}

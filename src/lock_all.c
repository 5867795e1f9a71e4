/*
 * Several locks at once: acquired one after another, in the order of their
 * paths, whatever order the caller names them in. So of two who want the same
 * locks none waits for the other while it holds what that one needs.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "lock.h"

typedef struct {
    corral_lock *lock;
    corral_grant *grant; /* NULL: not yet */
    size_t place;        /* in the caller's order */
} member;

/* It keeps its locks, until the last acquire has called back. */
typedef struct corrali_lock_all {
    corral_op *op;      /* NULL: it has ended */
    corral_op *acquire; /* under way */
    int64_t until;      /* ns; where @timeout_ms is a time */
    int64_t timeout_ms;
    size_t count;
    size_t held;             /* so many of them are */
    corral_grant **in_order; /* the result, behind the members */
    member members[];
} corrali_lock_all;

/* --- life --- */

static int by_path(const void *left, const void *right)
{
    return strcmp(((const member *)left)->lock->path, ((const member *)right)->lock->path);
}

static corrali_lock_all *new_all(corral_lock *const *locks, size_t count, int64_t timeout_ms)
{
    corrali_lock_all *own =
        corrali_alloc(sizeof *own + count * (sizeof *own->members + sizeof *own->in_order));

    if (own == NULL) {
        return NULL;
    }
    own->timeout_ms = timeout_ms;
    own->count = count;
    own->in_order = (corral_grant **)&own->members[count];
    for (size_t i = 0; i < count; i++) {
        own->members[i] = (member){.lock = locks[i], .place = i};
    }
    qsort(own->members, count, sizeof *own->members, by_path);
    return own;
}

static void ref_locks_locked(const corrali_lock_all *own)
{
    for (size_t i = 0; i < own->count; i++) {
        corrali_object_ref_locked(&own->members[i].lock->object);
    }
}

/* Returns a reference to the client that is the caller's to drop, or NULL. */
static corral_client *free_all_locked(corrali_lock_all *own)
{
    corral_client *last = NULL;

    for (size_t i = 0; i < own->count; i++) {
        corral_client *each = corrali_object_unref_locked(&own->members[i].lock->object);

        if (each != NULL && last != NULL) {
            corrali_client_unref(last); /* not the last one: @each has come after it */
        }
        last = each != NULL ? each : last;
    }
    corrali_free(own);
    return last;
}

/* --- its end --- */

/* What is held is given back. Without the mutex. */
static void give_back(corrali_lock_all *own)
{
    while (own->held > 0) {
        corral_grant_free(own->members[--own->held].grant);
    }
}

static void end_locked(corrali_lock_all *own, int status, const char *path)
{
    corral_op *op = own->op;

    own->op = NULL;
    op->lock.all = NULL;
    corrali_list_remove(&op->task.link);
    corrali_op_end_at_locked(op, status, status, path);
}

/* It was time: because of others, or of servers that cannot be reached? */
static int overdue_locked(const corrali_lock_all *own)
{
    const corral_op *acquire = own->acquire;
    bool busy = false;

    if (acquire != NULL && acquire->place == CORRALI_ENDED) {
        busy = acquire->status == CORRAL_EBUSY; /* its own deadline was at the same time */
    } else if (acquire != NULL) {
        busy = corrali_seat_busy_locked(acquire);
    }
    return busy ? CORRAL_EBUSY : CORRAL_ETIMEDOUT;
}

void corrali_lock_all_abort_locked(corral_op *op, int cause)
{
    corrali_lock_all *own = op->lock.all;
    int status = cause == CORRAL_ETIMEDOUT ? overdue_locked(own) : cause;

    /* Before the end: what it calls back gives back what is held, and only then is the caller told. */
    if (own->acquire != NULL && own->acquire->place != CORRALI_ENDED) {
        own->acquire->object->class->abort_locked(own->acquire, CORRAL_ECANCELED);
    }
    end_locked(own, status, op->object->class->path(op->object));
}

/* All are held: they are the caller's from now on. CORRAL_ELOST: the first ones have not lasted. */
static int hand_over_locked(corrali_lock_all *own)
{
    corral_op *op = own->op;

    for (size_t i = 0; i < own->count; i++) {
        if (own->members[i].grant->lost != CORRAL_OK) {
            return CORRAL_ELOST;
        }
        own->in_order[own->members[i].place] = own->members[i].grant;
    }
    own->held = 0;
    own->op = NULL;
    corrali_list_remove(&op->task.link);
    corrali_op_end_locked(op, CORRAL_OK, CORRAL_OK);
    return CORRAL_OK;
}

static void free_all(corral_client *client, corrali_lock_all *own)
{
    corral_client *last;

    corrali_lock(client);
    last = free_all_locked(own);
    corrali_unlock(client);
    if (last != NULL) {
        corrali_client_unref(last);
    }
}

static void give(corrali_lock_all *own)
{
    for (size_t i = 0; i < own->count; i++) {
        corrali_grant_given(own->in_order[i]);
    }
}

void corrali_lock_all_tell(corral_op *op)
{
    corrali_lock_all *own = op->lock.all;

    if (op->callback.grants == NULL) {
        return; /* a blocking call takes it */
    }
    if (own != NULL) {
        give(own);
    }
    op->callback.grants(op->status, own == NULL ? NULL : own->in_order, op->arg);
    if (own != NULL) {
        free_all(op->object->client, own);
    }
}

/* --- one after another --- */

static void acquired(int status, corral_grant *grant, void *arg);

static int next_locked(corrali_lock_all *own)
{
    corral_lock *lock = own->members[own->held].lock;
    int64_t ms = own->timeout_ms;
    int status;

    if (ms > 0) {
        ms = (own->until - corrali_now_locked(lock->object.client)) / 1000000;
        ms = ms > 0 ? ms : 1; /* 0 is something else */
    }
    status = corrali_lock_submit_locked(lock, ms, acquired, own, &own->acquire);
    if (status == CORRAL_OK) {
        own->acquire->lock.member = true;
    }
    return status;
}

/* Where callbacks run. */
static void fail(corrali_lock_all *own, int status, const char *path)
{
    corral_client *client = own->members[0].lock->object.client;

    give_back(own);
    corrali_lock(client);
    if (own->op != NULL) {
        end_locked(own, status, path);
    }
    corrali_unlock(client);
    free_all(client, own);
}

static void acquired(int status, corral_grant *grant, void *arg)
{
    corrali_lock_all *own = arg;
    corral_client *client = own->members[0].lock->object.client;
    corral_op *acquire;
    const char *path;

    corrali_lock(client);
    acquire = own->acquire;
    path = acquire->path != NULL ? acquire->path : own->members[own->held].lock->path;
    own->acquire = NULL;
    if (status == CORRAL_OK) {
        own->members[own->held++].grant = grant;
        status = own->op == NULL           ? CORRAL_ECANCELED
                 : own->held == own->count ? hand_over_locked(own)
                                           : next_locked(own);
    }
    corrali_unlock(client);
    if (status != CORRAL_OK) {
        fail(own, status, path);
    }
    corral_op_unref(acquire);
}

/* --- the calls --- */

static bool is_valid(corral_lock *const *locks, size_t count, int64_t timeout_ms)
{
    if (locks == NULL || count == 0 || count > CORRAL_LOCKS_MAX || timeout_ms < CORRAL_FOREVER) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (locks[i] == NULL || locks[i]->recursive || locks[i]->object.client != locks[0]->object.client) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(locks[i]->path, locks[j]->path) == 0) {
                return false;
            }
        }
    }
    return true;
}

static int start_locked(corrali_lock_all *own, corral_lock *first, corral_op *op)
{
    int status = corrali_op_set_deadline_locked(op, own->timeout_ms); /* also between two of them */

    if (status != CORRAL_OK) {
        return status;
    }
    if (own->timeout_ms > 0) {
        own->until = corrali_time_after_locked(first->object.client, own->timeout_ms);
    }
    own->op = op;
    op->lock.all = own;
    op->lock.several = true;
    op->place = CORRALI_QUEUED;
    corrali_list_append(&first->operations, &op->task.link);
    status = next_locked(own);
    if (status != CORRAL_OK) {
        corrali_list_remove(&op->task.link);
    }
    return status;
}

static int submit(corral_lock *const *locks, size_t count, int64_t timeout_ms, corral_grants_cb cb, void *arg,
                  corral_op **ret_op)
{
    corral_client *client = locks[0]->object.client;
    corrali_lock_all *own = new_all(locks, count, timeout_ms);
    corral_op *op = NULL;
    int status;

    if (own == NULL) {
        return CORRAL_ENOMEM;
    }
    corrali_lock(client);
    ref_locks_locked(own);
    status = corrali_object_accepts_locked(&locks[0]->object);
    if (status == CORRAL_OK) {
        op = corrali_op_new_locked(&locks[0]->object);
        status = op == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    }
    if (op != NULL) {
        op->callback.grants = cb;
        op->arg = arg;
        atomic_store_explicit(&op->refs, ret_op == NULL ? 1 : 2, memory_order_relaxed);
        status = start_locked(own, locks[0], op);
        if (status != CORRAL_OK) {
            corrali_op_discard_locked(op);
        } else if (ret_op != NULL) {
            *ret_op = op;
        }
    }
    if (status != CORRAL_OK) {
        (void)free_all_locked(own); /* the caller's handles keep the client */
    }
    corrali_unlock(client);
    return status;
}

int corral_lock_acquire_all_async(corral_lock *const *locks, size_t count, int64_t timeout_ms,
                                  corral_grants_cb cb, void *arg, corral_op **ret_op)
{
    int status;

    if (!is_valid(locks, count, timeout_ms) || cb == NULL) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(locks[0]->object.client);
    return status != CORRAL_OK ? status : submit(locks, count, timeout_ms, cb, arg, ret_op);
}

int corral_lock_acquire_all(corral_lock *const *locks, size_t count, int64_t timeout_ms,
                            corral_grant **ret_grants)
{
    corrali_lock_all *own;
    corral_op *op;
    int status;

    if (!is_valid(locks, count, timeout_ms) || ret_grants == NULL) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter_blocking(locks[0]->object.client);
    if (status == CORRAL_OK) {
        status = submit(locks, count, timeout_ms, NULL, NULL, &op);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    (void)corral_op_wait(op, CORRAL_FOREVER);
    status = corral_op_status(op);
    own = op->lock.all;
    if (own != NULL) {
        memcpy(ret_grants, own->in_order, count * sizeof *ret_grants);
        give(own);
        free_all(op->object->client, own);
    }
    corral_op_unref(op);
    return status;
}

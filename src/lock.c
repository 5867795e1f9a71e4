/* Handles of locks, and acquiring. */
#include "lock.h"
#include "thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "path.h"

enum { LABEL_MAX = 1023 };

/* --- the class --- */

static const char *path_of(const corrali_object *object)
{
    return CORRALI_CONTAINER(object, const corral_lock, object)->path;
}

static void tell(corral_op *op)
{
    corral_grant *grant = op->lock.grant;

    if (op->lock.several) {
        corrali_lock_all_tell(op);
    } else if (op->lock.listing == NULL && op->callback.grant != NULL) {
        op->lock.grant = NULL; /* the callback's from now on */
        if (grant != NULL && !op->lock.member) {
            corrali_grant_given(grant);
        }
        op->callback.grant(op->status, grant, op->arg);
    }
}

static void abort_locked(corral_op *op, int cause)
{
    corral_grant *grant = op->lock.grant;
    int status;

    if (op->lock.listing != NULL) {
        corrali_listing_abort_locked(op, cause);
        return;
    }
    if (op->lock.several) {
        corrali_lock_all_abort_locked(op, cause);
        return;
    }
    status = cause == CORRAL_ETIMEDOUT && corrali_seat_busy_locked(op) ? CORRAL_EBUSY : cause;

    op->lock.grant = NULL;
    corrali_seat_quit_locked(op);
    (void)corrali_object_unref_locked(&grant->object); /* the operation keeps the lock */
    corrali_op_end_locked(op, status, status);
}

static corral_op *waiting_locked(const corral_lock *lock)
{
    for (corrali_link *link = lock->seats.next; link != &lock->seats; link = link->next) {
        const corrali_seat *seat = CORRALI_CONTAINER(link, corrali_seat, link);

        if (!corrali_list_empty(&seat->acquires)) {
            return CORRALI_CONTAINER(seat->acquires.next, corral_op, task.link);
        }
    }
    return NULL;
}

static void abort_all_locked(corrali_object *object, int cause)
{
    const corral_lock *lock = CORRALI_CONTAINER(object, corral_lock, object);
    corral_op *op;

    while ((op = waiting_locked(lock)) != NULL) {
        abort_locked(op, cause);
    }
    while (!corrali_list_empty(&lock->operations)) {
        abort_locked(CORRALI_CONTAINER(lock->operations.next, corral_op, task.link), cause);
    }
}

static void free_lock(corral_lock *lock)
{
    corrali_free(lock->path);
    corrali_free(lock->label);
    corrali_free(lock->directories);
    corrali_contest_forget(&lock->contest);
    corrali_contest_forget(&lock->gate);
    corrali_free(lock);
}

static corral_client *free_locked(corrali_object *object)
{
    corral_lock *lock = CORRALI_CONTAINER(object, corral_lock, object);
    corral_client *client = object->client;

    corrali_list_remove(&object->link);
    corrali_pulse_drop_locked(client);
    free_lock(lock);
    return client;
}

static const corrali_object_class lock_class = {.tell = tell,
                                                .abort_locked = abort_locked,
                                                .abort_all_locked = abort_all_locked,
                                                .path = path_of,
                                                .free_locked = free_locked};

/* --- opening and closing --- */

static bool options_valid(const corral_lock_options *options)
{
    return options->version == CORRAL_LOCK_OPTIONS_VERSION &&
           (options->flags & ~CORRAL_LOCK_RECURSIVE) == 0 && options->mode >= CORRAL_LOCK_MUTEX &&
           options->mode <= CORRAL_LOCK_SEMAPHORE &&
           (options->mode == CORRAL_LOCK_SEMAPHORE) == (options->permits > 0) &&
           (options->mode != CORRAL_LOCK_SEMAPHORE || options->naming == CORRAL_NAMING_CURATOR) &&
           options->naming >= CORRAL_NAMING_CURATOR && options->naming <= CORRAL_NAMING_KAZOO &&
           (options->label == NULL || strnlen(options->label, LABEL_MAX + 1) <= LABEL_MAX) &&
           options->margin_ms >= 0 && options->margin_ms <= INT32_MAX;
}

/* Returns 0 or CORRAL_ENOMEM. */
static int set_contest(corral_lock *lock, const corral_lock_options *options)
{
    char *text;

    lock->contest = (corrali_contest){.kind = corrali_lock_kind_of(options->mode, options->naming),
                                      .directory = lock->path,
                                      .root = lock->path,
                                      .data = "",
                                      .label = lock->label,
                                      .permits = options->permits};
    if (options->permits == 0) {
        return CORRAL_OK;
    }
    text = corrali_alloc(2 * strlen(lock->path) + sizeof "/" CORRALI_LEASES + sizeof "/" CORRALI_GATE +
                         sizeof "permits 4294967295");
    if (text == NULL) {
        return CORRAL_ENOMEM;
    }
    lock->directories = text;
    lock->contest.directory = text;
    text = stpcpy(stpcpy(text, lock->path), "/" CORRALI_LEASES) + 1;
    lock->gate = lock->contest;
    lock->gate.kind = corrali_lock_kind_of(CORRAL_LOCK_MUTEX, CORRAL_NAMING_CURATOR);
    lock->gate.permits = 0;
    lock->gate.directory = text;
    text = stpcpy(stpcpy(text, lock->path), "/" CORRALI_GATE) + 1;
    (void)sprintf(text, "permits %" PRIu32, options->permits);
    lock->contest.data = text;
    lock->gate.data = text;
    return CORRAL_OK;
}

static corral_lock *new_lock(corral_client *client, const char *path, const corral_lock_options *options)
{
    corral_lock *lock = corrali_alloc(sizeof *lock);

    if (lock == NULL) {
        return NULL;
    }
    lock->path = corrali_asprintf("%s%s", client->chroot, path);
    lock->label = corrali_strdup(options->label == NULL ? "" : options->label);
    if (lock->path == NULL || lock->label == NULL || set_contest(lock, options) != CORRAL_OK) {
        free_lock(lock);
        return NULL;
    }
    lock->on_lost = options->on_lost;
    lock->on_lost_arg = options->on_lost_arg;
    lock->handoffs = options->handoffs;
    lock->contest.margin_ms = options->margin_ms;
    lock->recursive = (options->flags & CORRAL_LOCK_RECURSIVE) != 0;
    corrali_list_init(&lock->seats);
    corrali_list_init(&lock->operations);
    return lock;
}

int corral_lock_open(corral_client *client, const char *path, const corral_lock_options *options,
                     corral_lock **ret_lock)
{
    static const corral_lock_options defaults = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *lock;
    int status;

    options = options == NULL ? &defaults : options;
    if (client == NULL || path == NULL || ret_lock == NULL || !corrali_path_valid(path) ||
        !options_valid(options)) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    lock = new_lock(client, path, options);
    if (lock == NULL) {
        return CORRAL_ENOMEM;
    }
    corrali_lock(client);
    corrali_object_init_locked(&lock->object, &lock_class, client);
    corrali_client_ref(client);
    corrali_pulse_keep_locked(client);
    if (client->closing) {
        corrali_client_unref(
            corrali_object_unref_locked(&lock->object)); /* not the last: it is being closed */
        status = CORRAL_ECLOSED;
    } else {
        *ret_lock = lock;
    }
    corrali_unlock(client);
    return status;
}

int corral_lock_close(corral_lock *lock)
{
    return lock == NULL ? CORRAL_OK : corrali_object_close(&lock->object);
}

/* --- acquiring --- */

/* Does somebody of this process, by this handle, hold or want it already? */
static bool taken_locked(const corral_lock *lock)
{
    for (corrali_link *link = lock->seats.next; link != &lock->seats; link = link->next) {
        const corrali_seat *seat = CORRALI_CONTAINER(link, corrali_seat, link);

        if (seat->grant != NULL || !corrali_list_empty(&seat->acquires)) {
            return !lock->contest.kind->shared;
        }
    }
    return false;
}

static int start_locked(corral_lock *lock, corral_op *op, int64_t timeout_ms)
{
    int status = corrali_op_set_deadline_locked(op, timeout_ms);

    op->place = CORRALI_QUEUED;
    op->lock.immediate = timeout_ms == 0;
    if (status == CORRAL_OK) {
        op->lock.grant = corrali_grant_new_locked(lock);
        status = op->lock.grant == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    }
    if (status == CORRAL_OK && timeout_ms == 0 && taken_locked(lock)) {
        status = CORRAL_EBUSY;
    }
    if (status == CORRAL_OK) {
        status = corrali_seat_take_locked(lock, op);
    }
    if (status != CORRAL_OK && op->lock.grant != NULL) {
        (void)corrali_object_unref_locked(&op->lock.grant->object); /* the caller's handle keeps the lock */
    }
    return status;
}

int corrali_lock_submit_locked(corral_lock *lock, int64_t timeout_ms, corral_grant_cb cb, void *arg,
                               corral_op **ret_op)
{
    int status = corrali_object_accepts_locked(&lock->object);
    corral_op *op = status == CORRAL_OK ? corrali_op_new_locked(&lock->object) : NULL;

    if (op == NULL) {
        return status == CORRAL_OK ? CORRAL_ENOMEM : status;
    }
    op->callback.grant = cb;
    op->arg = arg;
    atomic_store_explicit(&op->refs, ret_op == NULL ? 1 : 2, memory_order_relaxed);
    status = start_locked(lock, op, timeout_ms);
    if (status != CORRAL_OK) {
        corrali_op_discard_locked(op);
    } else if (ret_op != NULL) {
        *ret_op = op;
    }
    return status;
}

/* The grant that this thread holds already, taken once more; NULL: none. */
static corral_grant *again_locked(corral_lock *lock)
{
    for (corrali_link *link = lock->seats.next; lock->recursive && link != &lock->seats; link = link->next) {
        corral_grant *grant = CORRALI_CONTAINER(link, corrali_seat, link)->grant;

        if (grant != NULL && grant->depth > 0 && grant->owner == corrali_thread_number()) {
            grant->depth++;
            grant->handles++;
            corrali_object_ref_locked(&grant->object);
            return grant;
        }
    }
    return NULL;
}

/* Start an operation for a blocking call, on @stack if that can be. */
static int start_blocking_locked(corral_lock *lock, int64_t timeout_ms, corral_op *stack, corral_op **ret_op)
{
    int status = corrali_object_accepts_locked(&lock->object);
    corral_op *op = status == CORRAL_OK ? corrali_op_new_blocking_locked(&lock->object, stack) : NULL;

    if (op == NULL) {
        return status == CORRAL_OK ? CORRAL_ENOMEM : status;
    }
    status = start_locked(lock, op, timeout_ms);
    if (status != CORRAL_OK) {
        corrali_op_discard_locked(op);
    } else {
        *ret_op = op;
    }
    return status;
}

int corral_lock_acquire(corral_lock *lock, int64_t timeout_ms, corral_grant **ret_grant)
{
    corral_client *client;
    corral_grant *grant;
    corral_op stack;
    corral_op *op = NULL;
    int status;

    if (lock == NULL || ret_grant == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    client = lock->object.client;
    status = corrali_enter_blocking(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    grant = again_locked(lock);
    if (grant == NULL) {
        status = start_blocking_locked(lock, timeout_ms, &stack, &op);
    }
    corrali_unlock(client);
    if (op != NULL) {
        status = corrali_op_await(op);
        grant = op->lock.grant;
        corrali_op_forget(op);
    }
    if (status == CORRAL_OK) {
        *ret_grant = grant;
        corrali_grant_given(grant);
    }
    return status;
}

int corral_lock_acquire_async(corral_lock *lock, int64_t timeout_ms, corral_grant_cb cb, void *arg,
                              corral_op **ret_op)
{
    int status;

    if (lock == NULL || cb == NULL || lock->recursive || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(lock->object.client);
    if (status == CORRAL_OK) {
        corrali_lock(lock->object.client);
        status = corrali_lock_submit_locked(lock, timeout_ms, cb, arg, ret_op);
        corrali_unlock(lock->object.client);
    }
    return status;
}

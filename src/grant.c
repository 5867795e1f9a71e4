/* Grants: what an acquire gives. */
#include "alloc.h"
#include "lock.h"
#include "thread.h"

/* --- life --- */

static void lapse_due(corrali_timer *timer);
static void tell_lost(corrali_task *task);

static const char *path_of(const corrali_object *object)
{
    return CORRALI_CONTAINER(object, const corral_grant, object)->lock->path;
}

static void tell(corral_op *op)
{
    if (op->callback.status != NULL) {
        op->callback.status(op->status, op->arg);
    }
}

static void abort_locked(corral_op *op, int cause)
{
    if (op->lock.guard != NULL) {
        corrali_guard_abort_locked(op, cause);
    } else {
        corrali_list_remove(&op->task.link);
        corrali_op_end_locked(op, cause, cause);
    }
}

static void abort_all_locked(corrali_object *object, int cause)
{
    corral_grant *grant = CORRALI_CONTAINER(object, corral_grant, object);

    while (!corrali_list_empty(&grant->operations)) {
        abort_locked(CORRALI_CONTAINER(grant->operations.next, corral_op, task.link), cause);
    }
}

static corral_client *free_locked(corrali_object *object)
{
    corral_grant *grant = CORRALI_CONTAINER(object, corral_grant, object);
    corral_lock *lock = grant->lock;

    corrali_timers_stop(&object->client->timers, &grant->lapse);
    corrali_list_remove(&object->link);
    corrali_free(grant);
    return corrali_object_unref_locked(&lock->object);
}

static const corrali_object_class grant_class = {.tell = tell,
                                                 .abort_locked = abort_locked,
                                                 .abort_all_locked = abort_all_locked,
                                                 .path = path_of,
                                                 .free_locked = free_locked};

corral_grant *corrali_grant_new_locked(corral_lock *lock)
{
    corral_client *client = lock->object.client;
    corral_grant *grant = corrali_alloc(sizeof *grant);

    if (grant == NULL) {
        return NULL;
    }
    grant->lapse.fire = lapse_due;
    /* The place in the heap is had now, so that it can only be moved later. */
    if (corrali_timers_set(&client->timers, &grant->lapse, CORRALI_NEVER) != CORRAL_OK) {
        corrali_free(grant);
        return NULL;
    }
    corrali_list_init(&grant->task.link);
    corrali_list_init(&grant->operations);
    grant->task.run = tell_lost;
    grant->lock = lock;
    grant->owner = corrali_thread_number();
    grant->handles = 1;
    grant->depth = 1;
    corrali_object_init_locked(&grant->object, &grant_class, client);
    corrali_object_ref_locked(&lock->object);
    return grant;
}

/* --- how long it is held --- */

int64_t corrali_grant_valid_until_locked(const corral_grant *grant)
{
    const corral_client *client = grant->object.client;
    if (grant->lost != CORRAL_OK || grant->seat == NULL) {
        return INT64_MIN;
    }
    return corrali_pulse_valid_until_locked(client, grant->lock->contest.margin_ms);
}

static void set_lapse_locked(corral_grant *grant)
{
    corrali_timers *timers = &grant->object.client->timers;

    corrali_timers_stop(timers, &grant->lapse);
    (void)corrali_timers_set(timers, &grant->lapse, corrali_grant_valid_until_locked(grant));
}

static void lapse_due(corrali_timer *timer)
{
    corral_grant *grant = CORRALI_CONTAINER(timer, corral_grant, lapse);

    if (corrali_grant_valid_until_locked(grant) <= corrali_now_locked(grant->object.client)) {
        corrali_grant_lose_locked(grant, CORRAL_ELOST);
    } else {
        set_lapse_locked(grant); /* the session has been proven since */
    }
}

void corrali_grant_begin_locked(corral_grant *grant, corrali_seat *seat)
{
    grant->seat = seat;
    grant->token = seat->contender.czxid;
    corrali_object_ref_locked(&grant->object); /* the seat's */
    set_lapse_locked(grant);
}

/* --- losing it --- */

/* Where callbacks run, before all others. */
static void tell_lost(corrali_task *task)
{
    corral_grant *grant = CORRALI_CONTAINER(task, corral_grant, task);
    corral_lock *lock = grant->lock;
    corral_client *client = grant->object.client;
    corral_client *last;

    corrali_lock(client);
    if (grant->handles > 0) {
        grant->telling = true;
        corrali_unlock(client);
        lock->on_lost(grant, grant->lost, lock->on_lost_arg);
        corrali_lock(client);
        grant->telling = false;
        pthread_cond_broadcast(&client->object_idle);
    }
    last = corrali_object_unref_locked(&grant->object);
    corrali_unlock(client);
    if (last != NULL) {
        /* Not its last reference: who will join the dispatch thread has one. */
        corrali_client_unref(last);
    }
}

static void have_told_locked(corral_grant *grant)
{
    if (grant->given && !grant->released && grant->lock->on_lost != NULL) {
        corrali_object_ref_locked(&grant->object);
        corrali_dispatch_add_first_locked(grant->object.client, &grant->task);
    }
}

void corrali_grant_lose_locked(corral_grant *grant, int status)
{
    grant->lost = status;
    corrali_timers_stop(&grant->object.client->timers, &grant->lapse);
    have_told_locked(grant);
    corrali_seat_lost_locked(grant->seat);
}

void corrali_grant_given(corral_grant *grant)
{
    corral_client *client = grant->object.client;

    corrali_lock(client);
    if (!grant->given) {
        grant->given = true;
        if (grant->lost != CORRAL_OK) {
            have_told_locked(grant); /* it was lost before anybody could know it */
        }
    }
    corrali_unlock(client);
}

/* --- giving it back --- */

void corrali_grant_release_locked(corral_grant *grant)
{
    if (grant->depth > 0) {
        grant->depth--;
    }
    if (grant->depth > 0 || grant->released) {
        return;
    }
    grant->released = true;
    corrali_timers_stop(&grant->object.client->timers, &grant->lapse);
    if (grant->lost == CORRAL_OK) {
        corrali_seat_vacate_locked(grant->seat);
    }
}

int corral_lock_release(corral_grant *grant)
{
    int status = grant == NULL ? CORRAL_EINVAL : corrali_enter(grant->object.client);

    if (status == CORRAL_OK) {
        corrali_lock(grant->object.client);
        corrali_grant_release_locked(grant);
        corrali_unlock(grant->object.client);
    }
    return status;
}

/* Wait for on_lost, if it is running elsewhere. */
static void wait_told_locked(corral_grant *grant)
{
    corral_client *client = grant->object.client;

    while (grant->telling && !corrali_dispatching(client)) {
        corrali_object_wait_locked(client);
    }
}

void corral_grant_free(corral_grant *grant)
{
    corral_client *client;
    corral_client *last;

    if (grant == NULL || corrali_enter(grant->object.client) != CORRAL_OK) {
        return;
    }
    client = grant->object.client;
    corrali_lock(client);
    grant->handles--;
    if (grant->depth > grant->handles) {
        corrali_grant_release_locked(grant);
    }
    if (grant->handles == 0) {
        wait_told_locked(grant);
    }
    last = corrali_object_unref_locked(&grant->object);
    corrali_unlock(client);
    if (last != NULL) {
        corrali_client_unref(last);
    }
}

/* --- waiting until it is gone --- */

void corrali_grant_gone_locked(corral_grant *grant, int status)
{
    corrali_link *next;

    grant->seat = NULL;
    grant->gone_status = status;
    for (corrali_link *link = grant->operations.next; link != &grant->operations; link = next) {
        corral_op *op = CORRALI_CONTAINER(link, corral_op, task.link);

        next = link->next;
        if (op->lock.guard == NULL) {
            corrali_list_remove(&op->task.link);
            corrali_op_end_locked(op, status, status);
        }
    }
    (void)corrali_object_unref_locked(&grant->object); /* the seat keeps the lock */
}

static int wait_gone_locked(corral_grant *grant, int64_t timeout_ms, corral_op *stack, corral_op **ret_op)
{
    corral_op *op = corrali_op_new_blocking_locked(&grant->object, stack);
    int status = op == NULL ? CORRAL_ENOMEM : corrali_op_set_deadline_locked(op, timeout_ms);

    if (status == CORRAL_OK) {
        corrali_list_append(&grant->operations, &op->task.link);
        *ret_op = op;
    } else if (op != NULL) {
        corrali_op_discard_locked(op);
    }
    return status;
}

int corrali_grant_release_submit_locked(corral_grant *grant, int64_t timeout_ms, corral_op *stack,
                                        corral_op **ret_op)
{
    int status = CORRAL_OK;

    corrali_grant_release_locked(grant);
    if (grant->depth == 0 && grant->seat == NULL) {
        status = grant->gone_status;
    } else if (grant->depth == 0) {
        status = corrali_client_accepts_locked(grant->object.client);
        status = status != CORRAL_OK ? status : wait_gone_locked(grant, timeout_ms, stack, ret_op);
    }
    return status;
}

int corral_lock_release_wait(corral_grant *grant, int64_t timeout_ms)
{
    corral_client *client;
    corral_op stack;
    corral_op *op = NULL;
    int status;

    if (grant == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    client = grant->object.client;
    status = corrali_enter_blocking(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    status = corrali_grant_release_submit_locked(grant, timeout_ms, &stack, &op);
    corrali_unlock(client);
    if (op != NULL) {
        status = corrali_op_await(op);
        corrali_op_forget(op);
    }
    return status;
}

/* --- questions --- */

int64_t corral_grant_token(const corral_grant *grant)
{
    return grant == NULL ? 0 : grant->token;
}

uint32_t corral_grant_turn(const corral_grant *grant)
{
    return grant == NULL ? 0 : grant->turn;
}

int64_t corral_grant_valid_ms(const corral_grant *grant)
{
    corral_client *client;
    int64_t ms = INT64_MIN;

    if (grant == NULL || corrali_enter(grant->object.client) != CORRAL_OK) {
        return INT64_MIN;
    }
    client = grant->object.client;
    corrali_lock(client);
    if (!grant->released && corrali_grant_valid_until_locked(grant) != INT64_MIN) {
        ms = (corrali_grant_valid_until_locked(grant) - corrali_now_locked(client)) / 1000000;
    }
    corrali_unlock(client);
    return ms;
}

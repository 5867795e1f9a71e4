#include "counter.h"

#include <string.h>

#include "alloc.h"
#include "path.h"

/* --- life --- */

void corrali_counter_ref_locked(corral_counter *counter)
{
    counter->refs++;
}

corral_client *corrali_counter_unref_locked(corral_counter *counter)
{
    corrali_cell *cell = counter->cell;

    if (--counter->refs > 0) {
        return NULL;
    }
    corrali_free(counter);
    return corrali_cell_unref_locked(cell);
}

void corrali_counter_op_made_locked(corral_counter *counter)
{
    counter->alive++;
}

void corrali_counter_op_gone_locked(corral_counter *counter)
{
    if (--counter->alive == 0 && counter->closed) {
        pthread_cond_broadcast(&counter->client->counter_idle);
    }
}

const char *corrali_counter_path_shown(const corral_counter *counter, const char *path)
{
    const char *full = path == NULL ? counter->cell->path : path;
    const corral_client *client = counter->client;

    /* An ancestor within the chroot itself has no other name than its own. */
    return strlen(full) > client->chroot_length && strncmp(full, client->chroot, client->chroot_length) == 0
               ? full + client->chroot_length
               : full;
}

static corral_counter *new_counter_locked(corral_client *client, const char *path, uint32_t flags)
{
    corral_counter *counter = corrali_alloc(sizeof *counter);

    if (counter == NULL) {
        return NULL;
    }
    counter->cell = corrali_cell_get_locked(client, path, flags);
    if (counter->cell == NULL) {
        corrali_free(counter);
        return NULL;
    }
    counter->client = client;
    counter->refs = 1;
    corrali_list_append(&client->counters, &counter->link);
    return counter;
}

int corral_counter_open(corral_client *client, const char *path, const corral_counter_options *options,
                        corral_counter **ret_counter)
{
    uint32_t flags = options == NULL ? 0 : options->flags;
    corral_counter *counter;
    int status;

    if (client == NULL || path == NULL || ret_counter == NULL || !corrali_path_valid(path) ||
        (options != NULL && options->version != CORRAL_COUNTER_OPTIONS_VERSION) ||
        (flags & ~CORRAL_COUNTER_AT_MOST_ONCE) != 0) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    counter = client->closing ? NULL : new_counter_locked(client, path, flags);
    if (counter != NULL) {
        *ret_counter = counter;
    } else {
        status = client->closing ? CORRAL_ECLOSED : CORRAL_ENOMEM;
    }
    corrali_unlock(client);
    return status;
}

int corral_counter_close(corral_counter *counter)
{
    corral_client *client;
    corral_client *last;

    if (counter == NULL) {
        return CORRAL_OK;
    }
    client = counter->client;
    if (corrali_enter(client) != CORRAL_OK) {
        return corrali_enter(client);
    }
    corrali_lock(client);
    counter->closed = true;
    corrali_counter_abort_all_locked(counter, CORRAL_ECLOSED);
    corrali_list_remove(&counter->link);
    corrali_unlock(client); /* wakes who waits in a call */
    corrali_lock(client);
    while (counter->alive > 0 && !corrali_dispatching(client)) {
        if (client->dispatch.mode == CORRAL_DISPATCH_FD) {
            (void)corrali_dispatch_help_locked(client, NULL);
        } else {
            pthread_cond_wait(&client->counter_idle, &client->mutex);
        }
    }
    last = corrali_counter_unref_locked(counter);
    corrali_unlock(client);
    if (last != NULL) {
        corrali_client_unref(last);
    }
    return CORRAL_OK;
}

/* --- ending early --- */

void corrali_counter_abort_locked(corral_op *op, int cause)
{
    corral_counter *counter = op->counter;
    int status = cause;

    switch (op->place) {
    case CORRALI_QUEUED:
        corrali_list_remove(&op->task.link);
        corrali_op_end_locked(op, status, cause);
        corrali_batch_starved_locked(counter->cell);
        break;
    case CORRALI_BATCHED:
        status = corrali_batch_leave_locked(op) ? CORRAL_EUNCERTAIN : cause;
        corrali_op_end_locked(op, status, cause);
        break;
    case CORRALI_READING:
        corrali_read_leave_locked(op);
        corrali_op_end_locked(op, status, cause);
        break;
    case CORRALI_ENDED:
        break;
    }
}

/* End the counter's operations of a list that are still at @place. */
static void abort_list_locked(corrali_link *list, corrali_op_place place, const corral_counter *counter,
                              int cause)
{
    corrali_link *next;

    for (corrali_link *link = list->next; link != list; link = next) {
        corral_op *op = CORRALI_CONTAINER(link, corral_op, task.link);

        if (op->place != place) {
            return; /* what was left of the list has moved elsewhere */
        }
        next = link->next;
        if (op->counter == counter) {
            corrali_counter_abort_locked(op, cause);
        }
    }
}

static bool has_op_of(const corrali_link *list, const corral_counter *counter)
{
    const corrali_link *link = list->next;

    while (link != list && CORRALI_CONTAINER(link, corral_op, task.link)->counter != counter) {
        link = link->next;
    }
    return link != list;
}

void corrali_counter_abort_all_locked(corral_counter *counter, int cause)
{
    corrali_cell *cell = counter->cell;
    corrali_link *batched;

    abort_list_locked(&cell->reads, CORRALI_READING, counter, cause);
    abort_list_locked(&cell->queue, CORRALI_QUEUED, counter, cause);
    /* What leaves a batch that was not sent sends its fellows back to the queue. */
    while ((batched = corrali_batch_ops_locked(cell)) != NULL && has_op_of(batched, counter)) {
        abort_list_locked(batched, CORRALI_BATCHED, counter, cause);
        abort_list_locked(&cell->queue, CORRALI_QUEUED, counter, cause);
    }
}

/* --- calls --- */

/* What a call asks for, whether it waits or not. */
typedef struct {
    corrali_op_kind kind;
    int64_t argument;
    int64_t desired;
    int64_t timeout_ms;
} order;

static int place_order_locked(corral_op *op, const order *ordered)
{
    int status = corrali_op_set_deadline_locked(op, ordered->timeout_ms);

    if (status != CORRAL_OK) {
        return status;
    }
    op->kind = ordered->kind;
    op->argument = ordered->argument;
    op->desired = ordered->desired;
    if (op->kind == CORRALI_READ) {
        return corrali_read_start_locked(op);
    }
    op->place = CORRALI_QUEUED;
    corrali_list_append(&op->counter->cell->queue, &op->task.link);
    corrali_batch_wake_locked(op->counter->cell);
    return CORRAL_OK;
}

static int check_order(const corral_counter *counter, const order *ordered)
{
    if (counter == NULL || ordered->timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    if (ordered->kind == CORRALI_READ &&
        (ordered->argument < CORRAL_READ_LOCAL || ordered->argument > CORRAL_READ_LINEARIZABLE)) {
        return CORRAL_EINVAL;
    }
    return CORRAL_OK;
}

static int accepts_locked(const corral_counter *counter)
{
    return counter->closed ? CORRAL_ECLOSED : corrali_client_accepts_locked(counter->client);
}

/* The asynchronous form of all calls. @prototype has the callback and its argument. */
static int submit(corral_counter *counter, const order *ordered, const corral_op *prototype,
                  corral_op **ret_op)
{
    int status = check_order(counter, ordered);
    corral_op *op;

    if (status == CORRAL_OK) {
        status = corrali_enter(counter->client);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(counter->client);
    status = accepts_locked(counter);
    op = status == CORRAL_OK ? corrali_op_new_locked(counter) : NULL;
    if (op != NULL) {
        op->callback = prototype->callback;
        op->arg = prototype->arg;
        atomic_store_explicit(&op->refs, ret_op == NULL ? 1 : 2, memory_order_relaxed);
        status = place_order_locked(op, ordered);
        if (status != CORRAL_OK) {
            corrali_op_discard_locked(op);
        } else if (ret_op != NULL) {
            *ret_op = op;
        }
    } else if (status == CORRAL_OK) {
        status = CORRAL_ENOMEM;
    }
    corrali_unlock(counter->client);
    return status;
}

static int submit_int64(corral_counter *counter, const order *ordered, corral_int64_cb cb, void *arg,
                        corral_op **ret_op)
{
    return submit(counter, ordered, &(corral_op){.callback.int64 = cb, .arg = arg}, ret_op);
}

/* The blocking form: an operation on this stack. */
static int call(corral_counter *counter, const order *ordered, int64_t *ret_value)
{
    int status = check_order(counter, ordered);
    corral_op op;

    if (status == CORRAL_OK) {
        status = corrali_enter_blocking(counter->client);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(counter->client);
    status = accepts_locked(counter);
    if (status == CORRAL_OK) {
        corrali_op_init_locked(&op, counter, true);
        status = place_order_locked(&op, ordered);
        if (status != CORRAL_OK) {
            corrali_op_discard_locked(&op);
        }
    }
    corrali_unlock(counter->client);
    if (status != CORRAL_OK) {
        return status;
    }
    (void)corrali_latch_wait(&op.ended, CORRAL_FOREVER);
    if (ret_value != NULL &&
        (op.status == CORRAL_OK || (op.status == CORRAL_ECONFLICT && ordered->kind == CORRALI_COMPARE_SET))) {
        *ret_value = op.value;
    }
    return op.status;
}

int corral_counter_add(corral_counter *counter, int64_t delta, int64_t timeout_ms, int64_t *ret_value)
{
    return call(counter, &(order){CORRALI_ADD, delta, 0, timeout_ms}, ret_value);
}

int corral_counter_add_async(corral_counter *counter, int64_t delta, int64_t timeout_ms, corral_int64_cb cb,
                             void *arg, corral_op **ret_op)
{
    return submit_int64(counter, &(order){CORRALI_ADD, delta, 0, timeout_ms}, cb, arg, ret_op);
}

int corral_counter_get(corral_counter *counter, corral_read level, int64_t timeout_ms, int64_t *ret_value)
{
    return ret_value == NULL ? CORRAL_EINVAL
                             : call(counter, &(order){CORRALI_READ, level, 0, timeout_ms}, ret_value);
}

int corral_counter_get_async(corral_counter *counter, corral_read level, int64_t timeout_ms,
                             corral_int64_cb cb, void *arg, corral_op **ret_op)
{
    return submit_int64(counter, &(order){CORRALI_READ, level, 0, timeout_ms}, cb, arg, ret_op);
}

int corral_counter_set(corral_counter *counter, int64_t value, int64_t timeout_ms, int64_t *ret_previous)
{
    return call(counter, &(order){CORRALI_SET_VALUE, value, 0, timeout_ms}, ret_previous);
}

int corral_counter_set_async(corral_counter *counter, int64_t value, int64_t timeout_ms, corral_int64_cb cb,
                             void *arg, corral_op **ret_op)
{
    return submit_int64(counter, &(order){CORRALI_SET_VALUE, value, 0, timeout_ms}, cb, arg, ret_op);
}

int corral_counter_compare_set(corral_counter *counter, int64_t expected, int64_t desired, int64_t timeout_ms,
                               int64_t *ret_actual)
{
    return call(counter, &(order){CORRALI_COMPARE_SET, expected, desired, timeout_ms}, ret_actual);
}

int corral_counter_compare_set_async(corral_counter *counter, int64_t expected, int64_t desired,
                                     int64_t timeout_ms, corral_int64_cb cb, void *arg, corral_op **ret_op)
{
    return submit_int64(counter, &(order){CORRALI_COMPARE_SET, expected, desired, timeout_ms}, cb, arg,
                        ret_op);
}

int corral_counter_destroy(corral_counter *counter, int64_t timeout_ms)
{
    return call(counter, &(order){CORRALI_DESTROY, 0, 0, timeout_ms}, NULL);
}

int corral_counter_destroy_async(corral_counter *counter, int64_t timeout_ms, corral_status_cb cb, void *arg,
                                 corral_op **ret_op)
{
    return submit(counter, &(order){CORRALI_DESTROY, 0, 0, timeout_ms},
                  &(corral_op){.callback.status = cb, .arg = arg}, ret_op);
}

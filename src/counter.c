#include "counter.h"

#include <string.h>

#include "alloc.h"
#include "encoding.h"
#include "path.h"

/* --- life --- */

static corral_client *free_locked(corrali_object *object)
{
    corral_counter *counter = CORRALI_CONTAINER(object, corral_counter, object);
    corrali_cell *cell = counter->cell;

    corrali_free(counter);
    return corrali_cell_unref_locked(cell);
}

static const char *path_of(const corrali_object *object)
{
    return CORRALI_CONTAINER(object, const corral_counter, object)->cell->path;
}

static void tell(corral_op *op)
{
    if (op->kind == CORRALI_DESTROY) {
        if (op->callback.status != NULL) {
            op->callback.status(op->status, op->arg);
        }
    } else if (op->callback.int64 != NULL) {
        op->callback.int64(op->status, op->value, &op->stamp, op->arg);
    }
}

static void abort_all_locked(corrali_object *object, int cause)
{
    corrali_counter_abort_all_locked(CORRALI_CONTAINER(object, corral_counter, object), cause);
}

static const corrali_object_class counter_class = {.tell = tell,
                                                   .abort_locked = corrali_counter_abort_locked,
                                                   .abort_all_locked = abort_all_locked,
                                                   .path = path_of,
                                                   .free_locked = free_locked};

static corral_counter *new_counter_locked(corral_client *client, const char *path,
                                          const corral_counter_options *options)
{
    corral_counter *counter = corrali_alloc(sizeof *counter);

    if (counter == NULL) {
        return NULL;
    }
    counter->cell = corrali_cell_get_locked(client, path, options->flags, options->encoding, NULL);
    if (counter->cell == NULL) {
        corrali_free(counter);
        return NULL;
    }
    counter->min = options->min == INT64_MIN ? corrali_encoding_min(options->encoding) : options->min;
    counter->max = options->max == INT64_MAX ? corrali_encoding_max(options->encoding) : options->max;
    corrali_object_init_locked(&counter->object, &counter_class, client);
    return counter;
}

static bool options_valid(const corral_counter_options *options)
{
    return options->version == CORRAL_COUNTER_OPTIONS_VERSION &&
           (options->flags & ~CORRAL_COUNTER_AT_MOST_ONCE) == 0 &&
           corrali_encoding_valid(options->encoding) && options->min <= options->max &&
           (options->min == INT64_MIN || options->min >= corrali_encoding_min(options->encoding)) &&
           (options->max == INT64_MAX || options->max <= corrali_encoding_max(options->encoding)) &&
           options->min <= corrali_encoding_max(options->encoding) &&
           options->max >= corrali_encoding_min(options->encoding);
}

int corral_counter_open(corral_client *client, const char *path, const corral_counter_options *options,
                        corral_counter **ret_counter)
{
    static const corral_counter_options defaults = CORRAL_COUNTER_OPTIONS_INIT;
    corral_counter *counter;
    int status;

    options = options == NULL ? &defaults : options;
    if (client == NULL || path == NULL || ret_counter == NULL || !corrali_path_valid(path) ||
        !options_valid(options)) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    counter = client->closing ? NULL : new_counter_locked(client, path, options);
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
    return counter == NULL ? CORRAL_OK : corrali_object_close(&counter->object);
}

/* --- ending early --- */

void corrali_counter_abort_locked(corral_op *op, int cause)
{
    corral_counter *counter = corrali_counter_of(op);
    int status = cause;

    switch (op->place) {
    case CORRALI_QUEUED:
        corrali_list_remove(&op->task.link);
        corrali_op_end_locked(op, status, cause);
        corrali_batch_starved_locked(counter->cell);
        break;
    case CORRALI_BATCHED:
        if (op->asking) {
            op->abandoned = op->abandoned == CORRAL_OK ? cause : op->abandoned;
            return;
        }
        status = corrali_batch_leave_locked(op) ? CORRAL_EUNCERTAIN : cause;
        corrali_op_end_locked(op, status, cause);
        break;
    case CORRALI_READING:
        corrali_read_leave_locked(op);
        corrali_op_end_locked(op, status, cause);
        break;
    case CORRALI_WAITING:
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
        if (corrali_counter_of(op) == counter) {
            corrali_counter_abort_locked(op, cause);
        }
    }
}

/* Has the batch an operation of the counter, but for those that end when their function has returned? */
static bool has_op_of(const corrali_link *list, const corral_counter *counter)
{
    for (const corrali_link *link = list->next; link != list; link = link->next) {
        const corral_op *op = CORRALI_CONTAINER(link, corral_op, task.link);

        if (corrali_counter_of(op) == counter && op->abandoned == CORRAL_OK) {
            return true;
        }
    }
    return false;
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

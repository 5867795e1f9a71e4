/* Handles of ID generators, and their calls. */
#include "ids.h"

#include <string.h>

#include "alloc.h"
#include "path.h"

/* --- the class --- */

static const corrali_ids_kind *kind_of(corral_ids *ids)
{
    return atomic_load_explicit(&ids->kind, memory_order_acquire);
}

static corral_ids *ids_of(corrali_object *object)
{
    return CORRALI_CONTAINER(object, corral_ids, counter.object);
}

static const char *path_of(const corrali_object *object)
{
    return CORRALI_CONTAINER(object, const corral_ids, counter.object)->path;
}

/* The numbers of an operation that has succeeded are to be in their place. Its handle may be gone. */
static void settle_numbers(corral_op *op)
{
    if (op->status == CORRAL_OK && op->spread != NULL) {
        op->spread(op);
    }
}

static void tell(corral_op *op)
{
    bool given = op->status == CORRAL_OK;

    settle_numbers(op);
    if (op->callback.ids != NULL) {
        op->callback.ids(op->status, given ? op->numbers : NULL, given ? op->wanted : 0, op->arg);
    }
    if (op->numbers_owned) {
        corrali_free(op->numbers);
    }
}

static void abort_locked(corral_op *op, int cause)
{
    if (op->place == CORRALI_WAITING) {
        corrali_list_remove(&op->task.link);
        corrali_op_end_locked(op, cause, cause);
    } else {
        kind_of(corrali_ids_of(op))->abort_locked(op, cause);
    }
}

static void abort_all_locked(corrali_object *object, int cause)
{
    corral_ids *ids = ids_of(object);
    const corrali_ids_kind *kind = kind_of(ids);

    while (!corrali_list_empty(&ids->waiting)) {
        abort_locked(CORRALI_CONTAINER(ids->waiting.next, corral_op, task.link), cause);
    }
    if (kind != NULL) {
        kind->abort_all_locked(ids, cause);
        if (kind->stop_locked != NULL) {
            kind->stop_locked(ids);
        }
    }
}

static void free_ids(corral_ids *ids)
{
    corrali_free(ids->path);
    corrali_free(ids->label);
    corrali_free(ids);
}

static corral_client *free_locked(corrali_object *object)
{
    corral_ids *ids = ids_of(object);
    const corrali_ids_kind *kind = kind_of(ids);
    corral_client *client = object->client;

    if (kind != NULL && kind->free_locked != NULL) {
        kind->free_locked(ids);
    }
    if (ids->counter.cell != NULL && corrali_cell_unref_locked(ids->counter.cell) != NULL) {
        corrali_client_unref(client); /* the cell's reference; there is our own */
    }
    corrali_list_remove(&object->link);
    free_ids(ids);
    return client;
}

static const corrali_object_class ids_class = {.tell = tell,
                                               .abort_locked = abort_locked,
                                               .abort_all_locked = abort_all_locked,
                                               .path = path_of,
                                               .free_locked = free_locked};

void corrali_ids_submit_locked(const corrali_ids_kind *kind, corral_op *op)
{
    if (op->asks) {
        corrali_ids_end_locked(op, CORRAL_OK, CORRAL_OK, NULL);
    } else if (!op->lists) {
        kind->submit_locked(op);
    } else if (kind->list_locked != NULL) {
        kind->list_locked(op);
    } else {
        corrali_ids_end_locked(op, CORRAL_ECONFLICT, CORRAL_ECONFLICT, NULL);
    }
}

void corrali_ids_end_locked(corral_op *op, int status, int cause, const char *path)
{
    if (path != NULL) {
        corrali_op_end_at_locked(op, status, cause, path);
    } else {
        corrali_op_end_locked(op, status, cause);
    }
}

/* --- opening and closing --- */

static corral_ids *new_ids(const corral_client *client, const char *path, const corral_ids_options *options)
{
    corral_ids *ids = corrali_alloc(sizeof *ids);

    if (ids == NULL) {
        return NULL;
    }
    ids->path = corrali_asprintf("%s%s", client->chroot, path);
    ids->label = corrali_strdup(options->label == NULL ? "" : options->label);
    if (ids->path == NULL || ids->label == NULL) {
        free_ids(ids);
        return NULL;
    }
    ids->options = *options;
    ids->options.label = ids->label;
    corrali_list_init(&ids->waiting);
    atomic_init(&ids->kind, NULL);
    return ids;
}

/* May there be a handle with these options? */
static int may_open_locked(const corral_client *client, const corral_ids_options *options)
{
    if (client->closing) {
        return CORRAL_ECLOSED;
    }
    return options->kind == CORRAL_IDS_SNOWFLAKE && options->epoch_ms > corrali_calendar_ms_locked(client)
               ? CORRAL_EINVAL
               : CORRAL_OK;
}

int corral_ids_open(corral_client *client, const char *path, const corral_ids_options *options,
                    corral_ids **ret_ids)
{
    static const corral_ids_options defaults = CORRAL_IDS_OPTIONS_INIT;
    corral_ids *ids;
    int status;

    options = options == NULL ? &defaults : options;
    if (client == NULL || path == NULL || ret_ids == NULL || !corrali_path_valid(path) ||
        !corrali_ids_options_valid(options)) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    ids = new_ids(client, path, options);
    if (ids == NULL) {
        return CORRAL_ENOMEM;
    }
    corrali_lock(client);
    corrali_object_init_locked(&ids->counter.object, &ids_class, client);
    corrali_client_ref(client);
    status = may_open_locked(client, options);
    if (status == CORRAL_OK) {
        *ret_ids = ids;
    } else {
        corrali_client_unref(
            corrali_object_unref_locked(&ids->counter.object)); /* not the last: the caller has one */
    }
    corrali_unlock(client);
    return status;
}

int corral_ids_close(corral_ids *ids)
{
    return ids == NULL ? CORRAL_OK : corrali_object_close(&ids->counter.object);
}

/* --- the calls --- */

static int place_locked(corral_op *op, int64_t timeout_ms)
{
    corral_ids *ids = corrali_ids_of(op);
    const corrali_ids_kind *kind = kind_of(ids);
    int status = corrali_op_set_deadline_locked(op, timeout_ms);

    if (status != CORRAL_OK) {
        return status;
    }
    if (kind != NULL) {
        corrali_ids_submit_locked(kind, op);
        return CORRAL_OK;
    }
    op->place = CORRALI_WAITING;
    corrali_list_append(&ids->waiting, &op->task.link);
    if (ids->phase == CORRALI_IDS_UNKNOWN) {
        corrali_ids_find_locked(ids);
    }
    return CORRAL_OK;
}

/* Ask for @count numbers, or with 0 what the generator is, with @op, which is NULL if there was no memory for
 * it. */
static int start_locked(corral_op *op, size_t count, uint64_t *numbers, int64_t timeout_ms)
{
    int status;

    if (op == NULL) {
        return CORRAL_ENOMEM;
    }
    op->wanted = count;
    op->numbers = numbers;
    op->asks = count == 0;
    status = place_locked(op, timeout_ms);
    if (status != CORRAL_OK) {
        corrali_op_discard_locked(op);
    }
    return status;
}

/* The slow way of a blocking call: not a part of the quick one, which would have to make room for it. */
__attribute__((noinline)) static int wait_for(corral_ids *ids, size_t count, int64_t timeout_ms,
                                              uint64_t *ret_ids)
{
    corral_client *client = ids->counter.object.client;
    corral_op stack;
    corral_op *op = NULL;
    int status;

    corrali_lock(client);
    status = corrali_object_accepts_locked(&ids->counter.object);
    if (status == CORRAL_OK) {
        op = corrali_op_new_blocking_locked(&ids->counter.object, &stack);
        status = start_locked(op, count, ret_ids, timeout_ms);
    }
    corrali_unlock(client);
    if (status != CORRAL_OK) {
        return status;
    }
    status = corrali_op_await(op);
    if (op->blocking) {
        settle_numbers(op); /* else tell() has */
    }
    corrali_op_forget(op);
    return status;
}

/* The quick way is to stay quick: what it takes is here, or inline. */
static inline int get(corral_ids *ids, size_t count, int64_t timeout_ms, uint64_t *ret_ids)
{
    const corrali_ids_kind *kind;
    int status;

    if (ids == NULL || ret_ids == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter_blocking(ids->counter.object.client);
    if (status != CORRAL_OK) {
        return status;
    }
    kind = kind_of(ids);
    if (kind != NULL && kind->take != NULL && kind->take(ids, count, ret_ids)) {
        return CORRAL_OK;
    }
    return wait_for(ids, count, timeout_ms, ret_ids);
}

int corral_ids_next_many(corral_ids *ids, size_t count, int64_t timeout_ms, uint64_t *ret_ids)
{
    return count == 0 || count > CORRAL_IDS_MANY_MAX ? CORRAL_EINVAL : get(ids, count, timeout_ms, ret_ids);
}

int corral_ids_next(corral_ids *ids, int64_t timeout_ms, uint64_t *ret_id)
{
    return get(ids, 1, timeout_ms, ret_id);
}

int corral_ids_next_many_async(corral_ids *ids, size_t count, int64_t timeout_ms, corral_ids_cb cb, void *arg,
                               corral_op **ret_op)
{
    uint64_t *numbers = NULL;
    corral_client *client;
    corral_op *op;
    int status;

    if (ids == NULL || count == 0 || count > CORRAL_IDS_MANY_MAX || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    client = ids->counter.object.client;
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    if (count > 1 && (numbers = corrali_alloc(count * sizeof *numbers)) == NULL) {
        return CORRAL_ENOMEM;
    }
    corrali_lock(client);
    status = corrali_object_accepts_locked(&ids->counter.object);
    if (status == CORRAL_OK) {
        op = corrali_op_new_locked(&ids->counter.object);
        if (op != NULL) {
            op->callback.ids = cb;
            op->arg = arg;
            op->numbers_owned = numbers != NULL;
            atomic_store_explicit(&op->refs, ret_op == NULL ? 1 : 2, memory_order_relaxed);
        }
        status = start_locked(op, count, numbers != NULL || op == NULL ? numbers : (uint64_t *)&op->value,
                              timeout_ms);
        if (status == CORRAL_OK && ret_op != NULL) {
            *ret_op = op;
        }
    }
    corrali_unlock(client);
    if (status != CORRAL_OK) {
        corrali_free(numbers);
    }
    return status;
}

int corral_ids_next_async(corral_ids *ids, int64_t timeout_ms, corral_ids_cb cb, void *arg,
                          corral_op **ret_op)
{
    return corral_ids_next_many_async(ids, 1, timeout_ms, cb, arg, ret_op);
}

/* --- what it is --- */

int corral_ids_info(corral_ids *ids, int64_t timeout_ms, corral_ids_options *ret_options)
{
    corral_ids_options told = CORRAL_IDS_OPTIONS_INIT;
    corral_client *client;
    int status;

    if (ids == NULL || ret_options == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    client = ids->counter.object.client;
    status = corrali_enter_blocking(client);
    if (status == CORRAL_OK) {
        status = wait_for(ids, 0, timeout_ms, NULL);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    corrali_ids_config_tell(&ids->config, &told);
    corrali_unlock(client);
    *ret_options = told;
    return CORRAL_OK;
}

/* --- who takes part --- */

/* The operation that lists the workers, for a thread that will wait for it. NULL: @ret_status says why. */
static corral_op *list_workers_locked(corral_ids *ids, int64_t timeout_ms, int *ret_status)
{
    corral_op *op;

    *ret_status = corrali_object_accepts_locked(&ids->counter.object);
    if (*ret_status != CORRAL_OK) {
        return NULL;
    }
    op = corrali_op_new_locked(&ids->counter.object);
    if (op == NULL) {
        *ret_status = CORRAL_ENOMEM;
        return NULL;
    }
    op->lists = true;
    atomic_store_explicit(&op->refs, 2, memory_order_relaxed);
    *ret_status = place_locked(op, timeout_ms);
    if (*ret_status != CORRAL_OK) {
        corrali_op_discard_locked(op);
        return NULL;
    }
    return op;
}

int corral_ids_workers(corral_ids *ids, int64_t timeout_ms, corral_ids_worker **ret_workers,
                       size_t *ret_count)
{
    corral_op *op;
    int status;

    if (ids == NULL || ret_workers == NULL || ret_count == NULL || timeout_ms < CORRAL_FOREVER) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter_blocking(ids->counter.object.client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(ids->counter.object.client);
    op = list_workers_locked(ids, timeout_ms, &status);
    corrali_unlock(ids->counter.object.client);
    if (op == NULL) {
        return status;
    }
    status = corrali_op_await(op);
    if (status == CORRAL_OK) {
        *ret_workers = op->workers;
        *ret_count = op->wanted;
    }
    corrali_op_forget(op);
    return status;
}

void corral_ids_workers_free(corral_ids_worker *workers)
{
    corrali_free(workers);
}

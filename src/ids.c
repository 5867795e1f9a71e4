/* Handles of ID generators. */
#include "ids.h"

#include <string.h>

#include "alloc.h"
#include "path.h"

/* --- the class --- */

static corral_ids *ids_of(corrali_object *object)
{
    return CORRALI_CONTAINER(object, corral_ids, counter.object);
}

static const char *path_of(const corrali_object *object)
{
    return CORRALI_CONTAINER(object, const corral_ids, counter.object)->path;
}

static void tell(corral_op *op)
{
    bool given = op->status == CORRAL_OK;

    corrali_ids_settle(op);
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
        corrali_ids_kind_of(corrali_ids_of(op))->abort_locked(op, cause);
    }
}

static void abort_all_locked(corrali_object *object, int cause)
{
    corral_ids *ids = ids_of(object);
    const corrali_ids_kind *kind = corrali_ids_kind_of(ids);

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
    const corrali_ids_kind *kind = corrali_ids_kind_of(ids);
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

void corrali_ids_drop_locked(corral_ids *ids)
{
    corral_client *last = corrali_object_unref_locked(&ids->counter.object);

    if (last != NULL) {
        corrali_client_unref(last); /* not its last reference: replies come only before it is closed */
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

#include "value.h"

#include "alloc.h"
#include "path.h"

/* --- life --- */

static corral_client *free_locked(corrali_object *object)
{
    corral_value *value = CORRALI_CONTAINER(object, corral_value, object);
    corral_client *client = object->client;

    corrali_free(value->path);
    corrali_free(value);
    return client;
}

static const char *path_of(const corrali_object *object)
{
    return CORRALI_CONTAINER(object, const corral_value, object)->path;
}

static void tell(corral_op *op)
{
    if (op->kind == CORRALI_READ) {
        if (op->callback.value != NULL) {
            op->callback.value(op->status, op->bytes.data, op->bytes.length, &op->stamp, op->arg);
        }
        if (!op->bytes.kept) {
            corrali_free(op->bytes.data);
        }
    } else if (op->kind == CORRALI_DESTROY) {
        if (op->callback.status != NULL) {
            op->callback.status(op->status, op->arg);
        }
    } else if (op->callback.stamp != NULL) {
        op->callback.stamp(op->status, &op->stamp, op->arg);
    }
}

static void abort_locked(corral_op *op, int cause)
{
    if (op->kind == CORRALI_READ) {
        corrali_value_read_abort_locked(op, cause);
    } else {
        corrali_change_abort_locked(op, cause);
    }
}

/* From the last one on, so that none is begun that is to be ended next. */
static void abort_all_locked(corrali_object *object, int cause)
{
    corral_value *value = CORRALI_CONTAINER(object, corral_value, object);

    while (!corrali_list_empty(&value->operations)) {
        abort_locked(CORRALI_CONTAINER(value->operations.previous, corral_op, task.link), cause);
    }
}

static const corrali_object_class value_class = {.tell = tell,
                                                 .abort_locked = abort_locked,
                                                 .abort_all_locked = abort_all_locked,
                                                 .path = path_of,
                                                 .free_locked = free_locked};

static corral_value *new_value_locked(corral_client *client, const char *path)
{
    corral_value *value = corrali_alloc(sizeof *value);

    if (value == NULL) {
        return NULL;
    }
    value->path = corrali_asprintf("%s%s", client->chroot, path);
    if (value->path == NULL) {
        corrali_free(value);
        return NULL;
    }
    value->epoch = corrali_epoch_of(value->path);
    corrali_list_init(&value->operations);
    corrali_list_init(&value->changes);
    corrali_object_init_locked(&value->object, &value_class, client);
    corrali_client_ref(client);
    return value;
}

int corral_value_open(corral_client *client, const char *path, const corral_value_options *options,
                      corral_value **ret_value)
{
    corral_value *value;
    int status;

    if (client == NULL || path == NULL || ret_value == NULL || !corrali_path_valid(path) ||
        (options != NULL && options->version != CORRAL_VALUE_OPTIONS_VERSION)) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    value = client->closing ? NULL : new_value_locked(client, path);
    if (value != NULL) {
        *ret_value = value;
    } else {
        status = client->closing ? CORRAL_ECLOSED : CORRAL_ENOMEM;
    }
    corrali_unlock(client);
    return status;
}

int corral_value_close(corral_value *value)
{
    return value == NULL ? CORRAL_OK : corrali_object_close(&value->object);
}

void corrali_value_saw_locked(corral_value *value, const corrali_stat *stat)
{
    value->seen = *stat;
    value->seen_at = corrali_now_locked(value->object.client);
}

/* --- subscriptions --- */

int corral_value_subscribe(corral_value *value, corral_watch_cb cb, void *arg, corral_watch **ret_watch)
{
    corral_client *client;

    if (value == NULL) {
        return CORRAL_EINVAL;
    }
    client = value->object.client;
    return corral_watch_open(client, value->path + client->chroot_length, NULL, cb, arg, ret_watch);
}

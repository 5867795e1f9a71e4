#include "object.h"

#include "internal.h"

void corrali_object_init_locked(corrali_object *object, const corrali_object_class *class,
                                corral_client *client)
{
    object->class = class;
    object->client = client;
    object->refs = 1;
    corrali_list_append(&client->objects, &object->link);
}

void corrali_object_ref_locked(corrali_object *object)
{
    object->refs++;
}

corral_client *corrali_object_unref_locked(corrali_object *object)
{
    return --object->refs > 0 ? NULL : object->class->free_locked(object);
}

void corrali_object_busy_locked(corrali_object *object)
{
    object->alive++;
}

void corrali_object_idle_locked(corrali_object *object)
{
    if (--object->alive == 0 && object->closed) {
        pthread_cond_broadcast(&object->client->object_idle);
    }
}

int corrali_object_accepts_locked(const corrali_object *object)
{
    return object->closed ? CORRAL_ECLOSED : corrali_client_accepts_locked(object->client);
}

void corrali_object_wait_locked(corral_client *client)
{
    if (client->dispatch.mode == CORRAL_DISPATCH_FD) {
        (void)corrali_dispatch_help_locked(client, NULL);
    } else {
        pthread_cond_wait(&client->object_idle, &client->mutex);
    }
}

int corrali_object_close(corrali_object *object)
{
    corral_client *client = object->client;
    corral_client *last;
    int status = corrali_enter(client);

    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    object->closed = true;
    object->class->abort_all_locked(object, CORRAL_ECLOSED);
    corrali_list_remove(&object->link);
    corrali_unlock(client); /* wakes who waits in a call */
    corrali_lock(client);
    while (object->alive > 0 && !corrali_dispatching(client)) {
        corrali_object_wait_locked(client);
    }
    last = corrali_object_unref_locked(object);
    corrali_unlock(client);
    if (last != NULL) {
        corrali_client_unref(last);
    }
    return CORRAL_OK;
}

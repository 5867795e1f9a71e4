/* Subscriptions to a counter: a watch of its znode that spells out the value. */
#include "counter.h"
#include "encoding.h"
#include "watch.h"

static void deliver(const corral_watch *watch, const corral_watch_event *event)
{
    corral_counter_event told = {
        .status = event->status, .exists = event->exists, .stamp = event->stamp, .skipped = event->skipped};

    if (event->exists &&
        !corrali_encoding_decode(watch->encoding, event->value, event->length, &told.value)) {
        told.status = CORRAL_ECORRUPT;
    }
    watch->callback.counter(&told, watch->arg);
}

int corral_counter_subscribe(corral_counter *counter, corral_counter_cb cb, void *arg,
                             corral_watch **ret_watch)
{
    corral_watch prototype = {.deliver = deliver, .callback.counter = cb, .arg = arg};
    corral_client *client;
    int status;

    if (counter == NULL || cb == NULL || ret_watch == NULL) {
        return CORRAL_EINVAL;
    }
    client = counter->object.client;
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    prototype.encoding = counter->cell->encoding;
    status = corrali_object_accepts_locked(&counter->object);
    if (status == CORRAL_OK) {
        status =
            corrali_watch_open_locked(client, counter->cell->path, CORRAL_WATCH_DATA, &prototype, ret_watch);
    }
    corrali_unlock(client);
    return status;
}

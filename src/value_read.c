/* Reads of a value. */
#include <string.h>

#include "alloc.h"
#include "value.h"

/* One read under way. */
typedef struct corrali_value_reading {
    corral_value *value;
    corral_op *op; /* NULL: it has ended early */
    corrali_fetch fetch;
    corrali_stat stat;
    char *data;
    size_t length;
} corrali_value_reading;

static void free_reading(corrali_value_reading *own)
{
    corral_client *last = corrali_object_unref_locked(&own->value->object);

    if (last != NULL) {
        corrali_client_unref(last); /* not its last reference: its close waits for all replies */
    }
    corrali_free(own->data);
    corrali_free(own);
}

static int got(corrali_fetch *fetch)
{
    corrali_value_reading *own = CORRALI_CONTAINER(fetch, corrali_value_reading, fetch);

    corrali_free(own->data);
    own->stat = fetch->get.stat;
    own->length = fetch->get.length;
    own->data = corrali_alloc(own->length + 1);
    if (own->data == NULL) {
        return CORRAL_ENOMEM;
    }
    if (own->length > 0) {
        memcpy(own->data, fetch->get.data, own->length);
    }
    return CORRAL_OK;
}

/* Spare the next compare_set a look, if this is news to it. */
static void remember(const corrali_value_reading *own)
{
    corral_value *value = own->value;

    if (corrali_list_empty(&value->changes) && own->stat.mzxid >= value->seen.mzxid) {
        corrali_value_saw_locked(value, &own->stat);
    }
}

static void done(corrali_fetch *fetch)
{
    corrali_value_reading *own = CORRALI_CONTAINER(fetch, corrali_value_reading, fetch);
    corral_op *op = own->op;

    if (op != NULL) {
        corrali_list_remove(&op->task.link);
        if (fetch->status == CORRAL_OK) {
            remember(own);
            op->bytes.data = own->data;
            op->bytes.length = own->length;
            own->data = NULL;
            op->stamp = (corral_stamp){
                .czxid = own->stat.czxid, .mzxid = own->stat.mzxid, .version = own->stat.version};
        }
        corrali_op_end_locked(op, fetch->status, fetch->status);
    }
    free_reading(own);
}

int corrali_value_read_locked(corral_op *op, corral_read level)
{
    corral_value *value = corrali_value_of(op);
    corrali_value_reading *own = corrali_alloc(sizeof *own);

    if (own == NULL) {
        return CORRAL_ENOMEM;
    }
    own->value = value;
    own->op = op;
    op->bytes.reading = own;
    corrali_object_ref_locked(&value->object);
    corrali_list_append(&value->operations, &op->task.link);
    own->fetch = (corrali_fetch){.client = value->object.client,
                                 .path = value->path,
                                 .level = level,
                                 .kind = CORRALI_GET,
                                 .got_locked = got,
                                 .done_locked = done};
    corrali_fetch_start_locked(&own->fetch);
    return CORRAL_OK;
}

void corrali_value_read_abort_locked(corral_op *op, int cause)
{
    corrali_value_reading *own = op->bytes.reading;

    corrali_list_remove(&op->task.link);
    own->op = NULL;
    corrali_op_end_locked(op, cause, cause);
    if (corrali_fetch_stop_locked(&own->fetch)) {
        free_reading(own);
    }
}

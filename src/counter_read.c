/* Reads of a counter. */
#include "alloc.h"
#include "counter.h"
#include "encoding.h"
#include "fetch.h"

/* One read under way. */
typedef struct corrali_reading {
    corrali_cell *cell;
    corral_op *op; /* NULL: it has ended early */
    corrali_fetch fetch;
    corrali_counter_state found;
} corrali_reading;

int corrali_counter_parse(const corrali_cell *cell, const corrali_request *get,
                          corrali_counter_state *ret_state)
{
    int64_t value;

    if (get->status == CORRAL_ENOENT) {
        *ret_state = (corrali_counter_state){.knowledge = CORRALI_ABSENT};
        return CORRAL_ENOENT;
    }
    if (get->status != CORRAL_OK) {
        return get->status;
    }
    if (!corrali_cell_decode(cell, get->data, get->length, &value)) {
        return CORRAL_ECORRUPT;
    }
    *ret_state = (corrali_counter_state){.knowledge = CORRALI_PRESENT,
                                         .version = get->stat.version,
                                         .value = value,
                                         .czxid = get->stat.czxid,
                                         .mzxid = get->stat.mzxid};
    return CORRAL_OK;
}

static void free_reading(corrali_reading *own)
{
    corral_client *last = corrali_cell_unref_locked(own->cell);

    if (last != NULL) {
        corrali_client_unref(last);
    }
    corrali_free(own);
}

/*
 * Spare the next batch a read, if this is news to it: of a later epoch than the
 * known one, or of the same. What it must refuse it is to read itself.
 */
static void remember_locked(corrali_cell *cell, const corrali_counter_state *found)
{
    if (cell->batch == NULL && found->mzxid > cell->cache.mzxid && found->version != CORRALI_VERSION_ANY) {
        cell->cache = *found;
        cell->confirmed_at = corrali_now_locked(cell->client);
    }
}

static int got(corrali_fetch *fetch)
{
    corrali_reading *own = CORRALI_CONTAINER(fetch, corrali_reading, fetch);

    return corrali_counter_parse(own->cell, &fetch->get, &own->found);
}

static void done(corrali_fetch *fetch)
{
    corrali_reading *own = CORRALI_CONTAINER(fetch, corrali_reading, fetch);
    corral_op *op = own->op;

    if (op != NULL) {
        corrali_list_remove(&op->task.link);
        if (fetch->status == CORRAL_OK) {
            remember_locked(own->cell, &own->found);
            op->value = own->found.value;
            op->stamp = (corral_stamp){
                .czxid = own->found.czxid, .mzxid = own->found.mzxid, .version = own->found.version};
        }
        corrali_op_end_locked(op, fetch->status, fetch->status);
    }
    free_reading(own);
}

int corrali_read_start_locked(corral_op *op)
{
    corrali_cell *cell = corrali_counter_of(op)->cell;
    corrali_reading *own = corrali_alloc(sizeof *own);

    if (own == NULL) {
        return CORRAL_ENOMEM;
    }
    own->cell = cell;
    own->op = op;
    own->fetch = (corrali_fetch){.client = cell->client,
                                 .path = cell->path,
                                 .level = (corral_read)op->argument,
                                 .kind = CORRALI_GET,
                                 .got_locked = got,
                                 .done_locked = done};
    corrali_cell_ref_locked(cell);
    op->place = CORRALI_READING;
    op->reading = own;
    corrali_list_append(&cell->reads, &op->task.link);
    corrali_fetch_start_locked(&own->fetch);
    return CORRAL_OK;
}

void corrali_read_leave_locked(corral_op *op)
{
    corrali_reading *own = op->reading;

    corrali_list_remove(&op->task.link);
    own->op = NULL;
    if (corrali_fetch_stop_locked(&own->fetch)) {
        free_reading(own);
    }
}

/*
 * Reads of a counter: a get, behind a sync or a quorum operation where the
 * caller asks for it. Both are sent at once; the server keeps their order.
 */
#include "alloc.h"
#include "counter.h"
#include "encoding.h"

/* One read under way. */
typedef struct corrali_reading {
    corrali_cell *cell;
    corral_op *op;         /* NULL: it has ended early */
    corrali_request first; /* SYNC and LINEARIZABLE */
    corrali_request get;
    bool has_first;
    unsigned awaited; /* replies */
    bool lost;        /* one of them was: both must be repeated */
    int refusal;      /* what the first one was refused with */
    corrali_counter_state found;
    int status;
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

static void send_locked(corrali_reading *own)
{
    corral_client *client = own->cell->client;

    own->lost = false;
    own->refusal = CORRAL_OK;
    own->awaited = own->has_first ? 2 : 1;
    if (own->has_first) {
        corrali_submit_locked(client, &own->first);
    }
    corrali_submit_locked(client, &own->get);
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

static void finish_locked(corrali_reading *own)
{
    corral_op *op = own->op;
    int status = own->refusal != CORRAL_OK ? own->refusal : own->status;

    corrali_list_remove(&op->task.link);
    if (status == CORRAL_OK) {
        remember_locked(own->cell, &own->found);
        op->value = own->found.value;
        op->stamp = (corral_stamp){
            .czxid = own->found.czxid, .mzxid = own->found.mzxid, .version = own->found.version};
    }
    corrali_op_end_locked(op, status, status);
    free_reading(own);
}

static void replied_locked(corrali_reading *own)
{
    if (--own->awaited > 0) {
        return;
    }
    if (own->op == NULL) {
        free_reading(own);
    } else if (own->lost) {
        send_locked(own);
    } else {
        finish_locked(own);
    }
}

static void first_done(corrali_request *request)
{
    corrali_reading *own = CORRALI_CONTAINER(request, corrali_reading, first);

    if (request->status == CORRAL_ELOST) {
        own->lost = true;
    } else if (request->status != CORRAL_OK && request->status != CORRAL_ENOENT) {
        own->refusal = request->status; /* of an absent znode the get tells */
    }
    replied_locked(own);
}

static void get_done(corrali_request *request)
{
    corrali_reading *own = CORRALI_CONTAINER(request, corrali_reading, get);

    if (request->status == CORRAL_ELOST) {
        own->lost = true;
    } else {
        own->status = corrali_counter_parse(own->cell, request, &own->found);
    }
    replied_locked(own);
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
    own->get.kind = CORRALI_GET;
    own->get.path = cell->path;
    own->get.done = get_done;
    own->has_first = op->argument != CORRAL_READ_LOCAL;
    own->first.kind = op->argument == CORRAL_READ_SYNC ? CORRALI_SYNC : CORRALI_MULTI;
    own->first.path = cell->path;
    own->first.done = first_done;
    own->first.write_count = 1;
    own->first.writes[0] =
        (corrali_write){.kind = CORRALI_CHECK, .path = cell->path, .version = CORRALI_VERSION_ANY};
    corrali_cell_ref_locked(cell);
    op->place = CORRALI_READING;
    op->reading = own;
    corrali_list_append(&cell->reads, &op->task.link);
    send_locked(own);
    return CORRAL_OK;
}

void corrali_read_leave_locked(corral_op *op)
{
    corrali_reading *own = op->reading;
    corral_client *client = own->cell->client;

    corrali_list_remove(&op->task.link);
    own->op = NULL;
    if (own->has_first && corrali_withdraw_locked(client, &own->first)) {
        own->awaited--;
    }
    if (corrali_withdraw_locked(client, &own->get)) {
        own->awaited--;
    }
    if (own->awaited == 0) {
        free_reading(own);
    }
}

/*
 * BLOCK: ranges of numbers, leased by adding their size to the generator's
 * counter. Calls take numbers from a range without the mutex (ids_range.h) until
 * it is used up; then the next one is put in its place.
 *
 *     counter --lease--> stock --its first piece--> range ----> calls
 *                          |
 *                          +--------> operations that wait, in order
 *
 * While operations wait, the range is closed: what is left of it is back in the
 * stock, and calls queue up behind them. So the numbers of a handle increase, and no
 * small call keeps a large one waiting.
 *
 * At most one lease is under way: because what waits wants more than there is,
 * or, unless the size of the ranges was given, because no piece is left behind
 * the one that is in the range. What has become of a lease may not be known in
 * the end; then its numbers are given to nobody.
 */
#include "alloc.h"
#include "ids.h"
#include "ids_pace.h"
#include "ids_range.h"
#include "ids_stock.h"

typedef struct {
    corral_ids *ids;
    corrali_ids_range range;
    corrali_ids_stock stock;
    corrali_ids_piece *open;   /* the piece that is in the range, and not in the stock; NULL: none */
    corrali_link waiting;      /* operations, */
    uint64_t wanted;           /* ... and how many numbers they want */
    corrali_ids_piece *leased; /* what the lease under way will be; NULL: there is none */
    corral_op lease;
    corrali_ids_pace pace;
    bool stopped;
} block;

static void lease_locked(block *own, uint64_t size);

/* --- giving --- */

static block *block_of(const corral_op *op)
{
    return corrali_ids_of(op)->state;
}

static corral_op *first_waiting(const block *own)
{
    return CORRALI_CONTAINER(own->waiting.next, corral_op, task.link);
}

static void leave_queue_locked(block *own, corral_op *op)
{
    corrali_list_remove(&op->task.link);
    own->wanted -= op->wanted;
}

/* End @op with the numbers from @first on, which whoever gets them writes down. */
static void give_row_locked(corral_op *op, uint64_t first)
{
    op->value = (int64_t)(first + (op->wanted - 1));
    op->spread = corrali_ids_spread;
    corrali_ids_end_locked(op, CORRAL_OK, CORRAL_OK, NULL);
}

/* End @op with the first numbers of the stock. */
static void give_locked(block *own, corral_op *op)
{
    uint64_t first;

    if (corrali_ids_stock_take_row(&own->stock, op->wanted, &first)) {
        give_row_locked(op, first);
    } else {
        corrali_ids_stock_take(&own->stock, op->wanted, op->numbers);
        corrali_ids_end_locked(op, CORRAL_OK, CORRAL_OK, NULL);
    }
}

/* When nobody waits: let calls take numbers of the next piece, unless they do of one. */
static void open_range_locked(block *own)
{
    if (own->open != NULL || !corrali_list_empty(&own->waiting)) {
        return;
    }
    own->open = corrali_ids_stock_pop(&own->stock);
    if (own->open != NULL) {
        corrali_ids_range_fill(&own->range, own->open->first, own->open->size);
    }
}

/* Put what is left of the range back into the stock. */
static void close_range_locked(block *own)
{
    corrali_ids_piece *piece = own->open;

    if (piece == NULL) {
        return;
    }
    own->open = NULL;
    piece->size = corrali_ids_range_drain(&own->range, &piece->first);
    if (piece->size > 0) {
        corrali_ids_stock_prepend(&own->stock, piece);
    } else {
        corrali_free(piece);
    }
}

/* Give those who wait what there is, until it is too little for the first one of them. */
static void give_all_locked(block *own)
{
    while (!corrali_list_empty(&own->waiting) && first_waiting(own)->wanted <= own->stock.count) {
        corral_op *op = first_waiting(own);

        leave_queue_locked(own, op);
        give_locked(own, op);
    }
}

/* --- leasing --- */

/* Lease what is wanted, if that is anything, and no lease is under way. */
static void refill_locked(block *own)
{
    uint64_t fixed = own->ids->options.block_size;
    uint64_t lacking = own->wanted > own->stock.count ? own->wanted - own->stock.count : 0;
    bool ahead = fixed == 0 && corrali_list_empty(&own->stock.pieces);
    uint64_t held = own->stock.count + (own->open != NULL ? own->open->size : 0);

    if (own->leased != NULL || own->stopped || (lacking == 0 && !ahead)) {
        return;
    }
    if (fixed > 0) {
        lease_locked(own, fixed > lacking ? fixed : lacking);
    } else {
        lease_locked(own,
                     corrali_ids_pace_next(&own->pace, corrali_now_locked(own->ids->counter.object.client),
                                           held, lacking));
    }
}

/* Give what there is, and see that there will be more. */
static void go_on_locked(block *own)
{
    give_all_locked(own);
    open_range_locked(own);
    refill_locked(own);
}

/* There will be no more now: those who cannot have what they want fail. */
static void fail_locked(block *own, int status, int cause, const char *path)
{
    give_all_locked(own);
    while (!corrali_list_empty(&own->waiting)) {
        corral_op *op = first_waiting(own);

        leave_queue_locked(own, op);
        corrali_ids_end_locked(op, status, cause, path);
        give_all_locked(own);
    }
    open_range_locked(own);
}

static void lease_succeeded_locked(block *own, corrali_ids_piece *piece)
{
    piece->first = (uint64_t)own->lease.value - piece->size + 1;
    own->pace.leased += piece->size;
    corrali_ids_stock_append(&own->stock, piece);
    go_on_locked(own);
}

static void lease_failed_locked(block *own, corrali_ids_piece *piece)
{
    int status = own->lease.status;
    uint64_t left = (uint64_t)INT64_MAX - (uint64_t)own->lease.value;
    uint64_t size = piece->size;

    corrali_free(piece);
    if (status == CORRAL_EUNCERTAIN) {
        refill_locked(own); /* these are wasted; others are as good */
    } else if (status == CORRAL_EEXHAUSTED && left > 0 && left < size) {
        lease_locked(own, left);
    } else {
        fail_locked(own, status, own->lease.cause, own->lease.path);
    }
}

static void lease_ended_locked(corral_op *op)
{
    block *own = CORRALI_CONTAINER(op, block, lease);
    corrali_object *object = op->object;
    corrali_ids_piece *piece = own->leased;
    char *path = op->path;

    own->leased = NULL;
    if (own->stopped) {
        corrali_free(piece);
    } else if (op->status == CORRAL_OK) {
        lease_succeeded_locked(own, piece);
    } else {
        lease_failed_locked(own, piece);
    }
    corrali_free(path);
    (void)corrali_object_unref_locked(object); /* not the last: a close ends the lease first */
}

static void lease_locked(block *own, uint64_t size)
{
    corrali_object *object = &own->ids->counter.object;
    corrali_ids_piece *piece = corrali_alloc(sizeof *piece);

    if (piece == NULL) {
        fail_locked(own, CORRAL_ENOMEM, CORRAL_ENOMEM, NULL);
        return;
    }
    piece->size = size < (uint64_t)INT64_MAX ? size : (uint64_t)INT64_MAX;
    own->leased = piece;
    corrali_object_ref_locked(object);
    corrali_op_init_locked(&own->lease, object, true);
    own->lease.settled_locked = lease_ended_locked;
    corrali_ids_add_locked(&own->lease, (int64_t)piece->size);
}

/* --- the kind --- */

static int start_locked(corral_ids *ids)
{
    block *own = corrali_alloc(sizeof *own);

    if (own == NULL || corrali_ids_count_locked(ids) != CORRAL_OK) {
        corrali_free(own);
        return CORRAL_ENOMEM;
    }
    own->ids = ids;
    corrali_ids_stock_init(&own->stock);
    corrali_list_init(&own->waiting);
    ids->state = own;
    return CORRAL_OK;
}

__attribute__((noinline)) static bool take_many(block *own, size_t count, uint64_t *ret_ids)
{
    uint64_t first;

    if (!corrali_ids_range_take_many(&own->range, count, &first)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        ret_ids[i] = first + i;
    }
    return true;
}

static bool take(corral_ids *ids, size_t count, uint64_t *ret_ids)
{
    block *own = ids->state;

    return count == 1 ? corrali_ids_range_take(&own->range, ret_ids) : take_many(own, count, ret_ids);
}

static void submit_locked(corral_op *op)
{
    block *own = block_of(op);
    uint64_t first;

    /* An asynchronous call has not tried yet. */
    if (corrali_list_empty(&own->waiting) && corrali_ids_range_take_many(&own->range, op->wanted, &first)) {
        give_row_locked(op, first);
        return;
    }
    op->place = CORRALI_QUEUED;
    corrali_list_append(&own->waiting, &op->task.link);
    own->wanted += op->wanted;
    close_range_locked(own);
    go_on_locked(own);
    if (op->place == CORRALI_QUEUED) {
        op->object->client->stats.ids_awaited++;
    }
}

static void abort_locked(corral_op *op, int cause)
{
    block *own = block_of(op);

    leave_queue_locked(own, op);
    corrali_ids_end_locked(op, cause, cause, NULL);
    go_on_locked(own); /* there may be enough for those behind it */
}

static void abort_all_locked(corral_ids *ids, int cause)
{
    block *own = ids->state;

    while (!corrali_list_empty(&own->waiting)) {
        corral_op *op = first_waiting(own);

        leave_queue_locked(own, op);
        corrali_ids_end_locked(op, cause, cause, NULL);
    }
    corrali_counter_abort_all_locked(&ids->counter, cause); /* the lease */
}

static void stop_locked(corral_ids *ids)
{
    block *own = ids->state;

    own->stopped = true;
    corrali_ids_range_stop(&own->range);
}

static void free_locked(corral_ids *ids)
{
    block *own = ids->state;

    corrali_ids_stock_clear(&own->stock);
    corrali_free(own->open);
    corrali_free(own);
}

const corrali_ids_kind corrali_ids_block = {.start_locked = start_locked,
                                            .submit_locked = submit_locked,
                                            .abort_locked = abort_locked,
                                            .abort_all_locked = abort_all_locked,
                                            .stop_locked = stop_locked,
                                            .free_locked = free_locked,
                                            .take = take};

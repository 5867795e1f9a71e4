/*
 * Composing a batch: the results of its operations, as if they ran one after
 * another, and the request that makes them true.
 */
#include <inttypes.h>
#include <stdio.h>

#include "counter_batch.h"

/* Operations in a batch, so that building one does not hold up the client for long. */
enum { OPS_MAX = 65536 };

/* --- results --- */

/* Compute the result of @op and carry @state on. Returns whether the state changes. */
static bool apply(corral_op *op, corrali_counter_state *state)
{
    bool present = state->knowledge == CORRALI_PRESENT;
    bool generates = corrali_counter_of(op)->cell->prefix != NULL;
    int64_t before = present ? state->value : 0;
    int64_t sum;

    op->status = CORRAL_OK;
    op->value = before; /* also of an add that is refused */
    switch (op->kind) {
    case CORRALI_ADD:
        if (!present && generates) {
            op->status = CORRAL_ECORRUPT; /* it was deleted; made anew, it would repeat itself */
            return false;
        }
        if (__builtin_add_overflow(before, op->argument, &sum) ||
            !corrali_counter_allows(corrali_counter_of(op), sum)) {
            op->status = generates ? CORRAL_EEXHAUSTED : CORRAL_ERANGE;
            return false;
        }
        op->value = state->value = sum;
        break;
    case CORRALI_SET_VALUE:
        state->value = op->argument;
        break;
    case CORRALI_COMPARE_SET:
        if (!present || before != op->argument) {
            op->status = present ? CORRAL_ECONFLICT : CORRAL_ENOENT;
            return false;
        }
        state->value = op->desired;
        break;
    case CORRALI_DESTROY:
        *state = (corrali_counter_state){.knowledge = CORRALI_ABSENT};
        op->status = present ? CORRAL_OK : CORRAL_ENOENT;
        return present;
    case CORRALI_UPDATE:
        op->value = op->desired;
        op->status = op->answer != CORRAL_OK                                     ? op->answer
                     : corrali_counter_allows(corrali_counter_of(op), op->value) ? CORRAL_OK
                                                                                 : CORRAL_ERANGE;
        if (op->status != CORRAL_OK) {
            return false;
        }
        state->value = op->value;
        break;
    case CORRALI_READ:
        return false;
    }
    state->knowledge = CORRALI_PRESENT;
    return true;
}

static void begin(corrali_batch *own)
{
    own->after = own->cell->cache;
    own->kind = CORRALI_BATCH_CHECK;
    own->disturbed = false;
}

/* Let @op, behind those before it, have its result. */
static void account(corrali_batch *own, corral_op *op)
{
    if (apply(op, &own->after)) {
        own->kind = op->kind == CORRALI_DESTROY ? CORRALI_BATCH_DELETION : CORRALI_BATCH_CHANGE;
    }
}

/*
 * Move what fits into one request from the queue. A destroy is alone in its
 * batch. Returns whether there are updates among them; if not, all results have
 * been computed on the way.
 */
static bool gather(corrali_batch *own)
{
    corrali_cell *cell = own->cell;
    uint32_t index = 0;
    bool asks = false;

    begin(own);
    while (!corrali_list_empty(&cell->queue) && index < OPS_MAX) {
        corral_op *op = CORRALI_CONTAINER(cell->queue.next, corral_op, task.link);

        if (op->kind == CORRALI_DESTROY && index > 0) {
            break;
        }
        corrali_list_remove(&op->task.link);
        corrali_list_append(&own->ops, &op->task.link);
        op->place = CORRALI_BATCHED;
        op->stamp.index = index++;
        asks = asks || op->kind == CORRALI_UPDATE;
        if (!asks) {
            account(own, op);
        }
        if (op->kind == CORRALI_DESTROY) {
            break;
        }
    }
    own->size = index;
    cell->arrived = 0;
    return asks;
}

/* Ask the user's function, without the mutex; meanwhile @op stays where it is. */
static void ask(corral_op *op, const corrali_counter_state *state)
{
    corral_client *client = corrali_counter_of(op)->object.client;
    int64_t before = state->knowledge == CORRALI_PRESENT ? state->value : 0;
    int64_t wanted = before;
    int answer;

    op->asking = true;
    corrali_unlock(client);
    answer = op->function(before, &wanted, op->function_arg);
    corrali_lock(client);
    op->asking = false;
    /* What only Corral can know is not for the function to say. */
    op->answer = answer > 0 || answer == CORRAL_EUNCERTAIN ? CORRAL_EINVAL : answer;
    op->desired = wanted;
}

/* Compute all results, from the first one on. False: somebody left in the middle, so they are worth nothing.
 */
static bool compute(corrali_batch *own)
{
    corrali_link *next;

    begin(own);
    for (corrali_link *link = own->ops.next; link != &own->ops && !own->disturbed; link = next) {
        corral_op *op = CORRALI_CONTAINER(link, corral_op, task.link);

        if (op->kind == CORRALI_UPDATE) {
            ask(op, &own->after);
        }
        next = link->next;
        if (op->abandoned != CORRAL_OK) {
            op->object->class->abort_locked(op, op->abandoned);
        } else {
            account(own, op);
        }
    }
    return !own->disturbed;
}

/* --- the request --- */

static void add_write(corrali_batch *own, corrali_write write)
{
    own->request.writes[own->request.write_count++] = write;
}

static void compose_lane(corrali_batch *own)
{
    corrali_lane *lane = own->lane;
    int length = snprintf(own->number, sizeof own->number, "%" PRIu64, lane->batches + 1);

    add_write(own, (corrali_write){.kind = CORRALI_SET,
                                   .path = lane->path,
                                   .data = own->number,
                                   .length = (size_t)length,
                                   .version = lane->version});
}

/* A destroy sets the epoch, everything else checks it. */
static void compose_epoch(corrali_batch *own)
{
    const corrali_cell *cell = own->cell;

    add_write(own, (corrali_write){.kind = own->kind == CORRALI_BATCH_DELETION ? CORRALI_SET : CORRALI_CHECK,
                                   .path = corrali_epoch_path(cell->client, &cell->epoch),
                                   .data = "",
                                   .version = cell->epoch.version});
}

/* The versions of the znode are used up: delete it, and make it again at version 0. */
static void compose_replacement(corrali_batch *own, corrali_write creation)
{
    creation.kind = CORRALI_DELETE;
    add_write(own, creation);
    creation.kind = CORRALI_CREATE;
    creation.acl = own->acl;
    creation.acl_count = own->acl_count;
    add_write(own, creation);
}

static void compose_counter(corrali_batch *own)
{
    const corrali_cell *cell = own->cell;
    bool present = cell->cache.knowledge == CORRALI_PRESENT;
    corrali_write write = {.path = cell->path,
                           .data = own->value,
                           .length = corrali_cell_encode(cell, own->after.value, own->value),
                           .version = present ? cell->cache.version : CORRALI_VERSION_ANY};

    switch (own->kind) {
    case CORRALI_BATCH_CHANGE:
        write.kind = present ? CORRALI_SET : CORRALI_CREATE;
        break;
    case CORRALI_BATCH_CHECK:
        write.kind = CORRALI_CHECK;
        break;
    case CORRALI_BATCH_DELETION:
        write.kind = CORRALI_DELETE;
        break;
    }
    own->creates =
        write.kind == CORRALI_CREATE || (write.kind == CORRALI_SET && write.version == CORRALI_VERSION_LAST);
    if (own->creates && present) {
        compose_replacement(own, write);
    } else {
        add_write(own, write);
    }
    if (own->creates && own->lane == NULL) {
        /* A create tells no stat; a set does. With a lane, the lane's does. */
        write.kind = CORRALI_SET;
        write.version = 0;
        add_write(own, write);
    }
}

static void send_batch(corrali_batch *own)
{
    corrali_cell *cell = own->cell;

    if (own->kind == CORRALI_BATCH_CHECK) {
        corrali_batch_return_lane(own);
    }
    if (cell->cache.knowledge == CORRALI_PRESENT && cell->cache.version == CORRALI_VERSION_ANY) {
        /* It would match any version, and lose updates. */
        corrali_batch_return_lane(own);
        corrali_cell_forget(cell);
        corrali_batch_end_ops(&own->ops, CORRAL_EEXHAUSTED, CORRAL_EEXHAUSTED, cell->path);
        corrali_batch_advance(own);
        return;
    }
    own->phase = CORRALI_BATCH_WRITING;
    own->request.kind = CORRALI_MULTI;
    own->request.done = corrali_batch_written;
    own->request.write_count = 0;
    if (own->lane != NULL) {
        compose_lane(own);
    }
    own->lane_writes = own->request.write_count;
    compose_epoch(own);
    compose_counter(own);
    own->sent_at = corrali_now_locked(cell->client);
    corrali_submit_locked(cell->client, &own->request);
}

/* Where functions of the user's run: with the callbacks. */
static void ask_and_send(corrali_task *task)
{
    corrali_batch *own = CORRALI_CONTAINER(task, corrali_batch, computation);
    corral_client *client = own->cell->client;

    corrali_lock(client);
    while (!corrali_list_empty(&own->ops) && !compute(own)) {
    }
    if (corrali_list_empty(&own->ops)) {
        corrali_batch_return_lane(own);
        corrali_batch_advance(own);
    } else {
        send_batch(own);
    }
    corrali_unlock(client);
}

void corrali_batch_write(corrali_batch *own)
{
    bool asks = gather(own);

    own->phase = CORRALI_BATCH_COMPUTING;
    own->resent = false;
    own->request.sent = false;
    if (asks) {
        own->computation.run = ask_and_send;
        corrali_dispatch_add_locked(own->cell->client, &own->computation);
    } else {
        send_batch(own);
    }
}

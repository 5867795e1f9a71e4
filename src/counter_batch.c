/*
 * Batches: how the operations on a counter that change its value get done.
 *
 * A counter has at most one batch. It takes everything that is queued, computes
 * each operation's result from the cached state as if they ran one after
 * another, and sends the outcome as one compare-and-swap; what arrives
 * meanwhile waits for the next one.
 *
 *     (idle) --> READING --> BORROWING --> WRITING --> results, next batch
 *                   ^            ^            |
 *                   |            +-- PARENTS -+ a parent is missing
 *                   +----- PAUSING <----------+ somebody else was faster
 *                                             |
 *               RESOLVING <-------------------+ applied by an attempt whose reply was lost
 *
 * Exactly once: the multi first sets the borrowed lane to the batch's number,
 * at the lane's version, then the counter at its version. After a lost reply
 * the very same multi is sent again. If it succeeds, it is applied now. If it
 * fails at the counter, the lane was still at its old version, so the first
 * attempt was not applied; nor will it be, for it can come neither past the
 * counter's change that this one failed on, nor, from a session that has moved
 * or ended, past the leader. If it fails at the lane, the first attempt was
 * applied.
 *
 * A batch that would change nothing (a compare_set that does not match) only
 * checks that the state it was computed from is the present one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "counter.h"
#include "decimal.h"
#include "mkdirs.h"

/* Operations in a batch, so that building one does not hold up the client for long. */
enum { OPS_MAX = 65536 };

/* The pause after a lost race is random, up to a bound that doubles with each loss and halves with each success. */
enum { BACKOFF_MIN_NS = 250000, BACKOFF_MAX_NS = 4000000 };

typedef enum { READING, BORROWING, WRITING, RESOLVING, PARENTS, PAUSING } batch_phase;

typedef enum { CHANGE, CHECK, DELETION } batch_kind;

typedef struct corrali_batch {
    corral_counter *counter;
    batch_phase phase;
    batch_kind kind;
    corrali_link ops; /* WRITING, RESOLVING: those in the request; else empty */
    corrali_request request;
    corrali_timer pause;
    corrali_borrower borrower;
    corrali_lane *lane;          /* lent to this batch; NULL: at most once, or nothing to change */
    size_t lane_writes;          /* the first writes of the multi that are the lane's */
    bool resent;                 /* an earlier attempt's outcome is not known */
    corrali_counter_state after; /* what the counter will be */
    char number[CORRALI_DECIMAL_SIZE];
    char value[CORRALI_DECIMAL_SIZE];
} corrali_batch;

static void advance(corrali_batch *own);

/* --- ends of operations and batches --- */

static void free_batch(corrali_batch *own)
{
    corral_client *last;

    own->counter->batch = NULL;
    /* Never the last reference: the counter's user, an operation or the client's close has another. */
    last = corrali_counter_unref_locked(own->counter);
    if (last != NULL) {
        corrali_client_unref(last);
    }
    corrali_free(own);
}

static corral_op *pop(corrali_link *list)
{
    corrali_link *link = corrali_list_pop(list);

    return link == NULL ? NULL : CORRALI_CONTAINER(link, corral_op, task.link);
}

static void end_all(corrali_link *list, int status, int cause, const char *path)
{
    corral_op *op;

    while ((op = pop(list)) != NULL) {
        corrali_op_end_at_locked(op, status, cause, path);
    }
}

/* Nothing can be done for anybody: everything that waits ends, and the batch. */
static void fail_queue(corrali_batch *own, int status, const char *path)
{
    end_all(&own->counter->queue, status, status, path);
    free_batch(own);
}

/* The operations of the request, which was not applied, go back to where they came from. */
static void requeue(corrali_batch *own)
{
    for (corrali_link *link = own->ops.next; link != &own->ops; link = link->next) {
        CORRALI_CONTAINER(link, corral_op, task.link)->place = CORRALI_QUEUED;
    }
    corrali_list_prepend_all(&own->counter->queue, &own->ops);
}

static void forget_state(corral_counter *counter)
{
    counter->cache = (corrali_counter_state){.knowledge = CORRALI_UNKNOWN};
}

static void give_back_lane(corrali_batch *own)
{
    corrali_lane *lane = own->lane;

    own->lane = NULL;
    if (lane != NULL) {
        corrali_lane_return_locked(own->counter->client, lane);
    }
}

static void retire_lane(corrali_batch *own)
{
    corrali_lane *lane = own->lane;

    own->lane = NULL;
    if (lane != NULL) {
        corrali_lane_retire_locked(own->counter->client, lane);
    }
}

/* Those of the request that would have changed something end EUNCERTAIN; the others are tried again. */
static void end_uncertain(corrali_batch *own, int cause, const char *path)
{
    corrali_link again;
    corral_op *op;

    corrali_list_init(&again);
    while ((op = pop(&own->ops)) != NULL) {
        if (op->status == CORRAL_OK) {
            corrali_op_end_at_locked(op, CORRAL_EUNCERTAIN, cause, path);
        } else {
            corrali_list_append(&again, &op->task.link);
        }
    }
    corrali_list_prepend_all(&own->ops, &again);
    requeue(own);
    forget_state(own->counter);
}

/* --- reading the state --- */

static void state_read(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, request);
    int status = request->status;

    if (status == CORRAL_OK || status == CORRAL_ENOENT) {
        status = corrali_counter_parse(request, &own->counter->cache);
    }
    if (status == CORRAL_OK || status == CORRAL_ENOENT || status == CORRAL_ELOST) {
        advance(own);
    } else {
        fail_queue(own, status, own->counter->path);
    }
}

static void read_state(corrali_batch *own)
{
    own->phase = READING;
    own->request.kind = CORRALI_GET;
    own->request.path = own->counter->path;
    own->request.done = state_read;
    corrali_submit_locked(own->counter->client, &own->request);
}

/* --- composing a batch --- */

/* Compute the result of @op and carry @state on. Returns whether the state changes. */
static bool apply(corral_op *op, corrali_counter_state *state)
{
    bool present = state->knowledge == CORRALI_PRESENT;
    int64_t before = present ? state->value : 0;

    op->status = CORRAL_OK;
    op->value = before;
    switch (op->kind) {
    case CORRALI_ADD:
        if (__builtin_add_overflow(before, op->argument, &op->value)) {
            op->status = CORRAL_ERANGE;
            return false;
        }
        state->value = op->value;
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
    case CORRALI_READ:
        return false;
    }
    state->knowledge = CORRALI_PRESENT;
    return true;
}

/* Move what fits into one request from the queue. A destroy is alone in its batch. */
static void gather(corrali_batch *own)
{
    corral_counter *counter = own->counter;
    uint32_t index = 0;

    own->after = counter->cache;
    own->kind = CHECK;
    while (!corrali_list_empty(&counter->queue) && index < OPS_MAX) {
        corral_op *op = CORRALI_CONTAINER(counter->queue.next, corral_op, task.link);
        bool changes;

        if (op->kind == CORRALI_DESTROY && index > 0) {
            return;
        }
        corrali_list_remove(&op->task.link);
        corrali_list_append(&own->ops, &op->task.link);
        op->place = CORRALI_BATCHED;
        op->stamp.index = index++;
        changes = apply(op, &own->after);
        if (op->kind == CORRALI_DESTROY) {
            own->kind = changes ? DELETION : CHECK;
            return;
        }
        own->kind = changes ? CHANGE : own->kind;
    }
}

static void add_write(corrali_batch *own, corrali_write write)
{
    own->request.writes[own->request.write_count++] = write;
}

static void compose_lane(corrali_batch *own)
{
    corrali_lane *lane = own->lane;
    int length = snprintf(own->number, sizeof own->number, "%" PRIu64, lane->batches + 1);

    if (!lane->exists) {
        add_write(own, (corrali_write){.kind = CORRALI_CREATE, .path = lane->path, .data = ""});
    }
    add_write(own, (corrali_write){.kind = CORRALI_SET,
                                   .path = lane->path,
                                   .data = own->number,
                                   .length = (size_t)length,
                                   .version = lane->exists ? lane->version : 0});
}

static void compose_counter(corrali_batch *own)
{
    const corral_counter *counter = own->counter;
    bool present = counter->cache.knowledge == CORRALI_PRESENT;
    corrali_write write = {.path = counter->path,
                           .data = own->value,
                           .length = corrali_decimal_encode(own->after.value, own->value),
                           .version = present ? counter->cache.version : -1};

    switch (own->kind) {
    case CHANGE:
        write.kind = present ? CORRALI_SET : CORRALI_CREATE;
        break;
    case CHECK:
        write.kind = CORRALI_CHECK;
        break;
    case DELETION:
        write.kind = CORRALI_DELETE;
        break;
    }
    add_write(own, write);
    if (write.kind == CORRALI_CREATE && own->lane == NULL) {
        /* A create tells no stat; a set does. With a lane, the lane's does. */
        write.kind = CORRALI_SET;
        write.version = 0;
        add_write(own, write);
    }
}

static void written(corrali_request *request);

/* Send all that is queued as one request. */
static void write_batch(corrali_batch *own)
{
    corral_counter *counter = own->counter;

    gather(own);
    if (own->kind == CHECK) {
        give_back_lane(own);
    }
    if (counter->cache.knowledge == CORRALI_PRESENT && counter->cache.version == -1) {
        /* It would match any version, and lose updates. */
        give_back_lane(own);
        forget_state(counter);
        end_all(&own->ops, CORRAL_EEXHAUSTED, CORRAL_EEXHAUSTED, counter->path);
        advance(own);
        return;
    }
    own->phase = WRITING;
    own->resent = false;
    own->request.kind = CORRALI_MULTI;
    own->request.done = written;
    own->request.sent = false;
    own->request.write_count = 0;
    if (own->lane != NULL) {
        compose_lane(own);
    }
    own->lane_writes = own->request.write_count;
    compose_counter(own);
    corrali_submit_locked(counter->client, &own->request);
}

/* --- outcomes --- */

/* Applied: everybody gets their result. */
static void end_applied(corrali_batch *own)
{
    corral_op *op;

    own->counter->client->stats.batches++;
    while ((op = pop(&own->ops)) != NULL) {
        if (op->status == CORRAL_OK) {
            op->stamp.czxid = own->after.czxid;
            op->stamp.mzxid = own->after.mzxid;
            op->stamp.version = own->after.version;
        }
        corrali_op_end_locked(op, op->status, op->status);
    }
}

/* What the znode is after a request that succeeded, as far as the reply tells. */
static void learn_state(corrali_batch *own)
{
    const corrali_write *writes = own->request.writes;
    const corrali_write *last = &writes[own->request.write_count - 1];

    if (own->kind != CHANGE) {
        return;
    }
    if (last->kind == CORRALI_SET) {
        own->after.czxid = last->stat.czxid;
        own->after.mzxid = last->stat.mzxid;
        own->after.version = last->stat.version;
    } else {
        /* Created together with a change of the lane: at that zxid. */
        own->after.czxid = writes[own->lane_writes - 1].stat.mzxid;
        own->after.mzxid = own->after.czxid;
        own->after.version = 0;
    }
}

static void committed(corrali_batch *own)
{
    corral_counter *counter = own->counter;

    if (own->lane != NULL) {
        own->lane->exists = true;
        own->lane->version = own->request.writes[own->lane_writes - 1].stat.version;
        own->lane->batches++;
        if (own->resent) {
            counter->client->stats.resends_not_applied++;
        }
    }
    learn_state(own);
    if (own->kind == CHECK && counter->cache.knowledge == CORRALI_ABSENT) {
        forget_state(counter); /* it was absent, it is there now: compute again */
        requeue(own);
    } else {
        counter->cache = own->after;
        counter->backoff_ns /= 2;
        end_applied(own);
    }
    give_back_lane(own);
    advance(own);
}

static void pause_over(corrali_timer *timer)
{
    advance(CORRALI_CONTAINER(timer, corrali_batch, pause));
}

static void pause_for(corrali_batch *own, int64_t ns)
{
    corral_client *client = own->counter->client;

    own->phase = PAUSING;
    own->pause.fire = pause_over;
    if (corrali_timers_set(&client->timers, &own->pause, corrali_now_locked(client) + ns) != CORRAL_OK) {
        advance(own);
    }
}

/* Somebody else changed the counter first. While we pause, the next batch grows. */
static void lost_race(corrali_batch *own)
{
    corral_counter *counter = own->counter;
    corral_client *client = counter->client;
    int64_t bound = counter->backoff_ns < BACKOFF_MIN_NS ? BACKOFF_MIN_NS : 2 * counter->backoff_ns;

    client->stats.lost_races++;
    forget_state(counter);
    requeue(own);
    counter->backoff_ns = bound > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : bound;
    if (corrali_list_empty(&counter->queue)) {
        advance(own); /* nobody is left to pause for */
        return;
    }
    pause_for(own, (int64_t)(corrali_random_locked(client) % (uint64_t)counter->backoff_ns));
}

static void parents_made(void *arg, int status, const char *path)
{
    corrali_batch *own = arg;

    if (status == CORRAL_OK) {
        advance(own);
    } else {
        fail_queue(own, status, path);
    }
}

static void make_parents(corrali_batch *own)
{
    corral_counter *counter = own->counter;

    requeue(own);
    own->phase = PARENTS;
    if (corrali_mkdirs_locked(counter->client, counter->path, SIZE_MAX, parents_made, own) != CORRAL_OK) {
        fail_queue(own, CORRAL_ENOMEM, counter->path);
    }
}

/* Not applied, because of the counter's znode: the lane is as it was. */
static void failed_at_counter(corrali_batch *own, int status)
{
    corral_counter *counter = own->counter;
    bool present = counter->cache.knowledge == CORRALI_PRESENT;

    if (own->resent) {
        counter->client->stats.resends_not_applied++;
    }
    give_back_lane(own);
    if (status == CORRAL_ECONFLICT || (status == CORRAL_EEXIST && own->kind == CHANGE)) {
        lost_race(own);
    } else if (status == CORRAL_ENOENT && present) {
        counter->cache = (corrali_counter_state){.knowledge = CORRALI_ABSENT};
        requeue(own);
        advance(own);
    } else if (status == CORRAL_ENOENT && own->kind == CHANGE) {
        make_parents(own);
    } else if (status == CORRAL_ENOENT) {
        end_applied(own); /* a quorum has confirmed that there is no counter */
        advance(own);
    } else {
        /* EEXIST: a deletion found children. */
        status = status == CORRAL_EEXIST ? CORRAL_ECONFLICT : status;
        end_all(&own->ops, status, status, counter->path);
        advance(own);
    }
}

static void lane_read(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, request);
    corral_counter *counter = own->counter;
    bool created = counter->cache.knowledge != CORRALI_PRESENT;

    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(counter->client, request);
        return;
    }
    if (request->status != CORRAL_OK || request->length != strlen(own->number) ||
        memcmp(request->data, own->number, request->length) != 0) {
        end_uncertain(own, request->status == CORRAL_OK ? CORRAL_ECONFLICT : request->status,
                      own->lane->path);
        retire_lane(own);
        advance(own);
        return;
    }
    counter->client->stats.resends_applied++;
    own->lane->exists = true;
    own->lane->version = request->stat.version;
    own->lane->batches++;
    own->after.mzxid = request->stat.mzxid;
    if (created) {
        own->after.czxid = own->after.mzxid;
    }
    /* For the stamps alone; what the counter is now has to be read. */
    own->after.version = created ? 0 : (int32_t)((uint32_t)counter->cache.version + 1);
    end_applied(own);
    forget_state(counter);
    give_back_lane(own);
    advance(own);
}

/* The first attempt has moved the lane on. Its number proves it, and its mzxid is that of the counter's change. */
static void resolve_applied(corrali_batch *own)
{
    own->phase = RESOLVING;
    own->request.kind = CORRALI_GET;
    own->request.path = own->lane->path;
    own->request.done = lane_read;
    corrali_submit_locked(own->counter->client, &own->request);
}

/* The lane is not as we left it. */
static void failed_at_lane(corrali_batch *own, int status)
{
    corral_client *client = own->counter->client;

    if (own->resent && (status == CORRAL_ECONFLICT || status == CORRAL_EEXIST)) {
        resolve_applied(own);
        return;
    }
    if (own->resent) {
        end_uncertain(own, status, own->lane->path);
    } else if (status == CORRAL_ENOENT || status == CORRAL_ECONFLICT || status == CORRAL_EEXIST) {
        requeue(own); /* somebody meddled with it, nothing was applied: take another */
    } else {
        end_all(&own->ops, status, status, own->lane->path);
    }
    if (status == CORRAL_ENOENT) {
        corrali_writer_reset_locked(client);
    }
    retire_lane(own);
    advance(own);
}

/* No reply. */
static void lost_reply(corrali_batch *own)
{
    corral_counter *counter = own->counter;

    if (own->kind == CHECK) {
        requeue(own);
        advance(own);
    } else if (own->lane == NULL) {
        end_uncertain(own, CORRAL_ELOST, counter->path);
        advance(own);
    } else if (corrali_list_empty(&own->ops)) {
        /* Nobody waits for the outcome any more. Without its lane no attempt can be applied late. */
        retire_lane(own);
        forget_state(counter);
        advance(own);
    } else {
        own->resent = true;
        counter->client->stats.resends++;
        corrali_submit_locked(counter->client, &own->request);
    }
}

static void written(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, request);

    if (request->status == CORRAL_OK) {
        committed(own);
    } else if (request->status == CORRAL_ELOST) {
        lost_reply(own);
    } else if (request->failed < own->lane_writes) {
        failed_at_lane(own, request->status);
    } else {
        failed_at_counter(own, request->status);
    }
}

/* --- progress --- */

static void lane_lent(corrali_borrower *borrower, corrali_lane *lane, int status, const char *path)
{
    corrali_batch *own = CORRALI_CONTAINER(borrower, corrali_batch, borrower);

    if (lane == NULL) {
        fail_queue(own, status, path);
    } else {
        own->lane = lane;
        write_batch(own);
    }
}

/* Nothing is under way: do the next thing there is to do. */
static void advance(corrali_batch *own)
{
    corral_counter *counter = own->counter;

    if (corrali_list_empty(&counter->queue)) {
        free_batch(own);
    } else if (counter->cache.knowledge == CORRALI_UNKNOWN) {
        read_state(own);
    } else if ((counter->flags & CORRAL_COUNTER_AT_MOST_ONCE) != 0) {
        write_batch(own);
    } else {
        own->phase = BORROWING;
        own->borrower.lent_locked = lane_lent;
        own->lane = corrali_lane_borrow_locked(counter->client, &own->borrower);
        if (own->lane != NULL) {
            write_batch(own);
        }
    }
}

void corrali_batch_wake_locked(corral_counter *counter)
{
    corrali_batch *own;

    if (counter->batch != NULL) {
        return;
    }
    own = corrali_alloc(sizeof *own);
    if (own == NULL) {
        end_all(&counter->queue, CORRAL_ENOMEM, CORRAL_ENOMEM, counter->path);
        return;
    }
    own->counter = counter;
    corrali_list_init(&own->ops);
    corrali_list_init(&own->borrower.link);
    corrali_list_init(&own->request.link);
    counter->batch = own;
    corrali_counter_ref_locked(counter);
    advance(own);
}

corral_op *corrali_batch_first_locked(const corral_counter *counter)
{
    const corrali_batch *own = counter->batch;

    return own == NULL || corrali_list_empty(&own->ops)
               ? NULL
               : CORRALI_CONTAINER(own->ops.next, corral_op, task.link);
}

bool corrali_batch_leave_locked(corral_op *op)
{
    corrali_batch *own = op->counter->batch;
    corral_client *client = op->counter->client;
    bool exposed = own->phase == RESOLVING || own->resent || own->request.sent;
    batch_kind kind = own->kind;

    corrali_list_remove(&op->task.link);
    if (!exposed && corrali_withdraw_locked(client, &own->request)) {
        /* Not sent, so it can be made anew without this operation. A moment
         * later, as others may be about to leave, too. */
        give_back_lane(own);
        requeue(own);
        pause_for(own, 0);
        corrali_batch_starved_locked(op->counter);
        return false;
    }
    if (corrali_list_empty(&own->ops) && own->resent && corrali_withdraw_locked(client, &own->request)) {
        retire_lane(own);
        forget_state(op->counter);
        advance(own);
    }
    return exposed && kind != CHECK && op->status == CORRAL_OK;
}

void corrali_batch_starved_locked(corral_counter *counter)
{
    corrali_batch *own = counter->batch;
    corral_client *client = counter->client;

    if (own == NULL || !corrali_list_empty(&counter->queue)) {
        return;
    }
    if (own->phase == READING && corrali_withdraw_locked(client, &own->request)) {
        free_batch(own);
    } else if (own->phase == BORROWING) {
        corrali_lane_forget_locked(&own->borrower);
        free_batch(own);
    } else if (own->phase == PAUSING) {
        corrali_timers_stop(&client->timers, &own->pause);
        free_batch(own);
    }
}

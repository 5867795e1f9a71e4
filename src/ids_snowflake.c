/*
 * SNOWFLAKE: giving numbers out. As long as the window of time lasts that the
 * worker has claimed, this is one compare-and-swap of the last number given
 * out, without the mutex. Whoever cannot be served so becomes an operation, and
 * waits for the next ms, for the clock, or for another window.
 */
#include "ids_snowflake.h"

#include <string.h>

#include "alloc.h"

enum { NS_IN_MS = 1000000, TIME_BITS = 63 };

static corrali_snowflake *snowflake_of(const corral_op *op)
{
    return corrali_ids_of(op)->state;
}

/* --- without the mutex --- */

static int64_t calendar_ns(const corrali_snowflake *own)
{
    return own->calendar(corrali_snowflake_client(own)->backend);
}

/* In ms; what is behind the end of all time that the bits can tell of is at that end. */
static int64_t usable_ms(const corrali_snowflake *own, int64_t ns)
{
    int64_t ms = ns / NS_IN_MS;

    return ms < own->end_ms ? ms : own->end_ms;
}

static int64_t time_of(const corrali_snowflake *own, uint64_t id)
{
    return own->epoch_ms + (int64_t)(id >> own->time_shift);
}

/* The first number of its worker at @ms, which is neither before the epoch nor behind the end. */
static uint64_t first_of(const corrali_snowflake *own, int64_t ms, uint64_t worker)
{
    return (uint64_t)(ms - own->epoch_ms) << own->time_shift | worker;
}

static bool used_up(const corrali_snowflake *own, uint64_t last)
{
    return (last & own->sequence_mask) == own->sequence_mask;
}

/*
 * Take between @least and @most numbers of one ms; how many, and the first of
 * them. 0: there are not so many now.
 *
 * The limit is read after the last number: if it is another window's by then, the last number is not what it
 * was, and never will be again.
 */
static size_t draw(corrali_snowflake *own, size_t least, size_t most, uint64_t *ret_first)
{
    uint64_t last = atomic_load_explicit(&own->last, memory_order_acquire);
    int64_t now_ms;

    if (last == CORRALI_SNOWFLAKE_NONE) {
        return 0;
    }
    now_ms = usable_ms(own, calendar_ns(own));
    while (last != CORRALI_SNOWFLAKE_NONE) {
        uint64_t limit = atomic_load_explicit(&own->limit, memory_order_acquire);
        uint64_t first = last + 1;
        size_t room;

        if (now_ms > time_of(own, last)) {
            first = first_of(own, now_ms, last & own->worker_mask);
        } else if (used_up(own, last)) {
            return 0;
        }
        room = (size_t)(own->sequence_mask - (first & own->sequence_mask)) + 1;
        room = room < most ? room : most;
        if (room < least || first >= limit) {
            return 0;
        }
        if (atomic_compare_exchange_weak_explicit(&own->last, &last, first + room - 1, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            *ret_first = first;
            return room;
        }
    }
    return 0;
}

static void spell(uint64_t *numbers, uint64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = first + i;
    }
}

static bool take(corral_ids *ids, size_t count, uint64_t *ret_ids)
{
    uint64_t first;

    if (draw(ids->state, count, count, &first) == 0) {
        return false;
    }
    spell(ret_ids, first, count);
    return true;
}

/* --- operations --- */

/* It is in no list any more. Numbers that it has got are wasted, unless it has got all. */
static void end_locked(corral_op *op, int status, const char *path)
{
    if (op->staged != op->numbers) {
        corrali_free(op->staged);
    }
    corrali_ids_end_locked(op, status, status, path);
}

void corrali_snowflake_fail_locked(corrali_snowflake *own, int status, const char *path)
{
    corrali_link failed;
    corrali_link *link;

    corrali_timers_stop(&corrali_snowflake_client(own)->timers, &own->tick);
    corrali_list_init(&failed);
    corrali_list_prepend_all(&failed, &own->waiting);
    while ((link = corrali_list_pop(&failed)) != NULL) {
        end_locked(CORRALI_CONTAINER(link, corral_op, task.link), status, path);
    }
}

/* Get @op what it still wants; false: there are no more now. */
static bool gather(corrali_snowflake *own, corral_op *op)
{
    while (op->taken < op->wanted) {
        uint64_t first;
        size_t count = draw(own, 1, op->wanted - op->taken, &first);

        if (count == 0) {
            return false;
        }
        spell(op->staged + op->taken, first, count);
        op->taken += count;
    }
    if (op->staged != op->numbers) {
        memcpy(op->numbers, op->staged, op->wanted * sizeof *op->numbers);
    }
    return true;
}

/* The calendar is to come to @ms. */
static void await_locked(corrali_snowflake *own, int64_t ms, int64_t now_ns)
{
    corral_client *client = corrali_snowflake_client(own);

    /* A ms that is used up, and one that a new window leaves out, are not the clock's fault. */
    if (ms - now_ns / NS_IN_MS > own->ids->options.clock_wait_ms + 2) {
        corrali_snowflake_fail_locked(own, CORRAL_ECLOCK, NULL);
        return;
    }
    if (corrali_timers_set(&client->timers, &own->tick,
                           corrali_now_locked(client) + ms * NS_IN_MS - now_ns) != CORRAL_OK) {
        corrali_snowflake_fail_locked(own, CORRAL_ENOMEM, NULL);
    }
}

/* See to it that there will be more numbers; false: there are already. */
static bool must_wait_locked(corrali_snowflake *own)
{
    uint64_t last = atomic_load(&own->last);
    int64_t now_ns = calendar_ns(own);
    int64_t now_ms = usable_ms(own, now_ns);
    int64_t ms;

    if (last == CORRALI_SNOWFLAKE_NONE) {
        corrali_worker_want_locked(own);
        return true;
    }
    ms = time_of(own, last) + used_up(own, last);
    if (ms > now_ms) {
        await_locked(own, ms, now_ns);
        return true;
    }
    if (first_of(own, now_ms, 0) < atomic_load(&own->limit)) {
        return false;
    }
    corrali_worker_want_locked(own);
    return true;
}

/* Let those who wait have what there is. */
static void serve_locked(corrali_snowflake *own)
{
    corrali_timers_stop(&corrali_snowflake_client(own)->timers, &own->tick);
    while (!corrali_list_empty(&own->waiting)) {
        corral_op *op = CORRALI_CONTAINER(own->waiting.next, corral_op, task.link);

        if (gather(own, op)) {
            corrali_list_remove(&op->task.link);
            end_locked(op, CORRAL_OK, NULL);
        } else if (must_wait_locked(own)) {
            return;
        }
    }
}

static void ticked(corrali_timer *timer)
{
    serve_locked(CORRALI_CONTAINER(timer, corrali_snowflake, tick));
}

static bool has_staging(corral_op *op)
{
    op->staged =
        op->numbers_owned || op->wanted == 1 ? op->numbers : corrali_alloc(op->wanted * sizeof *op->staged);
    return op->staged != NULL;
}

static void submit_locked(corral_op *op)
{
    corrali_snowflake *own = snowflake_of(op);

    if (!has_staging(op)) {
        corrali_ids_end_locked(op, CORRAL_ENOMEM, CORRAL_ENOMEM, NULL);
        return;
    }
    op->place = CORRALI_QUEUED;
    corrali_list_append(&own->waiting, &op->task.link);
    serve_locked(own);
}

static void abort_locked(corral_op *op, int cause)
{
    const corrali_snowflake *own = snowflake_of(op);
    bool crowded = cause == CORRAL_ETIMEDOUT && own->worker.crowded && corrali_snowflake_client(own)->ready;

    if (op->lists) {
        corrali_workers_abort_locked(op, cause);
        return;
    }
    corrali_list_remove(&op->task.link);
    end_locked(op, crowded ? CORRAL_EBUSY : cause, crowded ? own->worker.directory : NULL);
}

static void abort_all_locked(corral_ids *ids, int cause)
{
    corrali_snowflake *own = ids->state;

    corrali_snowflake_fail_locked(own, cause, NULL);
    while (!corrali_list_empty(&own->listings)) {
        corrali_workers_abort_locked(CORRALI_CONTAINER(own->listings.next, corral_op, task.link), cause);
    }
}

/* --- the window --- */

void corrali_snowflake_open_locked(corrali_snowflake *own, uint32_t number, int64_t from_ms, int64_t to_ms)
{
    /* From here on nobody takes numbers of the old window. */
    uint64_t last = atomic_exchange(&own->last, CORRALI_SNOWFLAKE_NONE);
    uint64_t worker = ((uint64_t)number * (own->sequence_mask + 1));

    /* Numbers of one handle increase; and the last one is never again what it was, for draw()'s sake. */
    if (last != CORRALI_SNOWFLAKE_NONE && from_ms < time_of(own, last) + used_up(own, last) + 1) {
        from_ms = time_of(own, last) + used_up(own, last) + 1;
    }
    atomic_store_explicit(&own->limit, first_of(own, to_ms, 0), memory_order_release);
    atomic_store_explicit(&own->last, first_of(own, from_ms - 1, worker) | own->sequence_mask,
                          memory_order_release);
    serve_locked(own);
}

void corrali_snowflake_extend_locked(corrali_snowflake *own, int64_t to_ms)
{
    atomic_store_explicit(&own->limit, first_of(own, to_ms, 0), memory_order_release);
    serve_locked(own);
}

/* --- the kind --- */

static void free_locked(corral_ids *ids)
{
    corrali_snowflake *own = ids->state;

    corrali_worker_clear(own);
    corrali_free(own);
    ids->state = NULL;
}

static int start_locked(corral_ids *ids)
{
    const corrali_ids_config *config = &ids->config;
    corrali_snowflake *own = corrali_alloc(sizeof *own);

    if (own == NULL) {
        return CORRAL_ENOMEM;
    }
    own->ids = ids;
    own->time_shift = config->worker_bits + config->sequence_bits;
    own->sequence_mask = (UINT64_C(1) << config->sequence_bits) - 1;
    own->worker_mask = ((UINT64_C(1) << config->worker_bits) - 1) << config->sequence_bits;
    own->epoch_ms = config->epoch_ms;
    if (__builtin_add_overflow(config->epoch_ms, INT64_C(1) << (TIME_BITS - own->time_shift), &own->end_ms)) {
        own->end_ms = INT64_MAX;
    }
    own->calendar = ids->counter.object.client->backend->vtable->calendar;
    atomic_init(&own->last, CORRALI_SNOWFLAKE_NONE);
    corrali_list_init(&own->waiting);
    corrali_list_init(&own->listings);
    own->tick.fire = ticked;
    ids->state = own;
    if (corrali_worker_init(own) != CORRAL_OK) {
        free_locked(ids);
        return CORRAL_ENOMEM;
    }
    return CORRAL_OK;
}

static void stop_locked(corral_ids *ids)
{
    corrali_snowflake *own = ids->state;
    uint64_t last = atomic_exchange(&own->last, CORRALI_SNOWFLAKE_NONE);

    corrali_worker_stop_locked(own, last == CORRALI_SNOWFLAKE_NONE ? 0 : time_of(own, last));
}

const corrali_ids_kind corrali_ids_snowflake = {.start_locked = start_locked,
                                                .submit_locked = submit_locked,
                                                .abort_locked = abort_locked,
                                                .abort_all_locked = abort_all_locked,
                                                .stop_locked = stop_locked,
                                                .free_locked = free_locked,
                                                .list_locked = corrali_workers_list_locked,
                                                .take = take};

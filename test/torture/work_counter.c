/*
 * Adds, sets, reads and the like on a few counters.
 *
 * Most calls wait for as long as it takes, so that their outcome must come to
 * be known. One thread's adds have short deadlines: some of them are given up
 * in the middle, with an outcome that nobody knows.
 */
#include <stdbool.h>

#include "counter.h"
#include "work.h"

enum { DEADLINE_LEAST_MS = 5, DEADLINE_MOST_MS = 600 };

/* A thread's. */
typedef struct {
    int64_t last[COUNTERS]; /* values seen */
    history_op op;          /* the call that is being made */
    bool limited;           /* ... has a deadline */
} call;

static corral_counter *counters[COUNTERS];
static call calls[THREADS];

static void on_value(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    history_op *op = arg;

    op->returned = hand_now();
    op->status = status;
    op->value = value;
    op->stamp = *stamp;
}

static void on_status(int status, void *arg)
{
    on_value(status, 0, &(corral_stamp){0}, arg);
}

/* Sums of few of these are told from each other: that keeps what is unknown afterwards easy to find. */
static int64_t a_delta(hand *h)
{
    return (INT64_C(1) << 30) + hand_dice(h, 1u << 30);
}

static void choose(hand *h, call *c)
{
    history_op *op = &c->op;
    unsigned what = hand_dice(h, 1000);

    *op = (history_op){.client = h->worker, .counter = hand_dice(h, COUNTERS), .kind = HISTORY_ADD};
    if (what < 80) {
        op->kind = HISTORY_READ;
        op->stale = what < 20;
    } else if (what < 110) {
        op->kind = HISTORY_COMPARE_SET;
        op->argument = c->last[op->counter];
        op->desired = a_delta(h);
    } else if (what < 130) {
        op->kind = HISTORY_SET;
        op->argument = a_delta(h);
    } else if (what < 133) {
        op->kind = HISTORY_DESTROY;
    } else {
        op->argument = a_delta(h);
    }
}

/* Submit what was chosen. Like the blocking calls, but these do not tell a stamp. */
static int submit(hand *h, call *c, corral_op **ret_op)
{
    history_op *op = &c->op;
    corral_counter *counter = counters[op->counter];
    int64_t timeout = CORRAL_FOREVER;

    c->limited = op->kind == HISTORY_ADD && h->number == 0;
    if (c->limited) {
        timeout = DEADLINE_LEAST_MS + hand_dice(h, DEADLINE_MOST_MS - DEADLINE_LEAST_MS);
    }
    switch (op->kind) {
    case HISTORY_ADD:
        return corral_counter_add_async(counter, op->argument, timeout, on_value, op, ret_op);
    case HISTORY_SET:
        return corral_counter_set_async(counter, op->argument, timeout, on_value, op, ret_op);
    case HISTORY_COMPARE_SET:
        return corral_counter_compare_set_async(counter, op->argument, op->desired, timeout, on_value, op,
                                                ret_op);
    case HISTORY_READ:
        return corral_counter_get_async(counter, op->stale ? CORRAL_READ_LOCAL : CORRAL_READ_LINEARIZABLE,
                                        timeout, on_value, op, ret_op);
    case HISTORY_DESTROY:
        return corral_counter_destroy_async(counter, timeout, on_status, op, ret_op);
    }
    return CORRAL_EINVAL;
}

/* May it have ended like that? What nobody limits has to become known. */
static bool may_end(const call *c)
{
    switch (c->op.status) {
    case CORRAL_OK:
        return true;
    case CORRAL_ENOENT:
        return c->op.kind == HISTORY_COMPARE_SET || c->op.kind == HISTORY_READ ||
               c->op.kind == HISTORY_DESTROY;
    case CORRAL_ECONFLICT:
        return c->op.kind == HISTORY_COMPARE_SET;
    case CORRAL_ETIMEDOUT:
    case CORRAL_EUNCERTAIN:
        return c->limited;
    default:
        return false;
    }
}

static call_end make_call(hand *h)
{
    call *c = &calls[h->number];
    corral_op *op = NULL;

    choose(h, c);
    c->op.invoked = hand_now();
    int status = submit(h, c, &op);
    if (status == CORRAL_OK) {
        corral_op_wait(op, CORRAL_FOREVER);
        corral_op_unref(op);
    } else {
        on_status(status, &c->op);
    }
    if (c->op.status == CORRAL_OK || c->op.status == CORRAL_ECONFLICT) {
        c->last[c->op.counter] = c->op.value;
    }
    hand_note(h, &c->op, sizeof c->op);
    if (!may_end(c)) {
        fprintf(stderr, "worker %u: a call of kind %d has ended %s\n", h->worker, (int)c->op.kind,
                corral_status_name(c->op.status));
        return CALL_WRONG;
    }
    return c->op.status == CORRAL_ETIMEDOUT || c->op.status == CORRAL_EUNCERTAIN ? CALL_GIVEN_UP
                                                                                 : CALL_ANSWERED;
}

static int open_all(corral_client *client)
{
    int status = CORRAL_OK;

    for (unsigned i = 0; i < COUNTERS && status == CORRAL_OK; i++) {
        char path[PATH_SIZE];

        counter_path(i, path);
        status = corral_counter_open(client, path, NULL, &counters[i]);
    }
    return status;
}

static void close_all(void)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        corral_counter_close(counters[i]);
    }
}

const work counter_work = {.name = "counter", .open = open_all, .call = make_call, .close = close_all};

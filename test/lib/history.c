/*
 * Judging a history: what the stamps say by themselves. They put most of the
 * operations in their only possible order, and history_search.c finds a place
 * in it for the rest.
 */
#include "lib/history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/history_search.h"

static _Thread_local char answer[1024];

static const char *wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(answer, sizeof answer, format, args);
    va_end(args);
    return answer;
}

bool history_is_unknown(const history_op *op)
{
    return op->status == CORRAL_EUNCERTAIN || op->returned == INT64_MAX;
}

int64_t history_earliest(const history_op *op)
{
    return op->kind == HISTORY_READ && op->stale ? INT64_MIN : op->invoked;
}

int64_t history_latest(const history_op *op)
{
    return history_is_unknown(op) ? INT64_MAX : op->returned;
}

static int format_call(const history_op *op, char *text, size_t size)
{
    switch (op->kind) {
    case HISTORY_ADD:
        return snprintf(text, size, "add(%" PRId64 ")", op->argument);
    case HISTORY_SET:
        return snprintf(text, size, "set(%" PRId64 ")", op->argument);
    case HISTORY_COMPARE_SET:
        return snprintf(text, size, "compare_set(%" PRId64 ", %" PRId64 ")", op->argument, op->desired);
    case HISTORY_READ:
        return snprintf(text, size, "%s", op->stale ? "read of the past" : "read");
    case HISTORY_DESTROY:
        return snprintf(text, size, "destroy");
    }
    return 0;
}

const char *history_describe(const history_op *op)
{
    static _Thread_local char texts[4][256];
    static _Thread_local unsigned next;
    char *text = texts[next++ % 4];
    size_t size = sizeof texts[0], length = (size_t)format_call(op, text, size);

    length += (size_t)snprintf(text + length, size - length, " by client %" PRIu32 " at %" PRId64 "..",
                               op->client, op->invoked);
    if (op->returned != INT64_MAX) {
        length += (size_t)snprintf(text + length, size - length, "%" PRId64, op->returned);
    }
    length += (size_t)snprintf(text + length, size - length, " -> ");
    if (op->status == CORRAL_OK && op->returned != INT64_MAX && op->kind != HISTORY_DESTROY) {
        snprintf(text + length, size - length,
                 "%" PRId64 " [czxid 0x%" PRIx64 " mzxid 0x%" PRIx64 " version %" PRId32 " index %" PRIu32
                 "]",
                 op->value, op->stamp.czxid, op->stamp.mzxid, op->stamp.version, op->stamp.index);
    } else if (op->status == CORRAL_ECONFLICT && op->kind == HISTORY_COMPARE_SET) {
        snprintf(text + length, size - length, "ECONFLICT with %" PRId64, op->value);
    } else {
        snprintf(text + length, size - length, "%s",
                 op->returned == INT64_MAX ? "nothing" : corral_status_name(op->status));
    }
    return text;
}

/* --- order --- */

typedef enum { CHAIN, OPEN, SEEN, MUTE } part;

/* In which part of the case it belongs. What failed and tells nothing of the counter is mute. */
static part part_of(const history_op *op)
{
    if (history_is_unknown(op)) {
        return op->kind == HISTORY_READ ? MUTE : OPEN;
    }
    if (op->status == CORRAL_OK) {
        return op->kind == HISTORY_DESTROY ? OPEN : CHAIN;
    }
    if (op->status == CORRAL_ENOENT) {
        return op->kind == HISTORY_ADD || op->kind == HISTORY_SET ? MUTE : SEEN;
    }
    if (op->status == CORRAL_ERANGE) {
        return op->kind == HISTORY_ADD ? SEEN : MUTE;
    }
    return op->status == CORRAL_ECONFLICT && op->kind == HISTORY_COMPARE_SET ? SEEN : MUTE;
}

static int compare_int64(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* Reads come after the changes of the same transaction; for reads of the same state any order will do. */
static int compare_places(const history_op *a, const history_op *b)
{
    bool a_reads = a->kind == HISTORY_READ, b_reads = b->kind == HISTORY_READ;

    if (a->stamp.mzxid != b->stamp.mzxid) {
        return compare_int64(a->stamp.mzxid, b->stamp.mzxid);
    }
    if (a_reads != b_reads) {
        return a_reads ? 1 : -1;
    }
    return a_reads ? compare_int64(history_earliest(a), history_earliest(b))
                   : compare_int64(a->stamp.index, b->stamp.index);
}

static int compare(const void *left, const void *right)
{
    const history_op *a = left, *b = right;
    part a_part = part_of(a), b_part = part_of(b);

    if (a_part != b_part) {
        return a_part < b_part ? -1 : 1;
    }
    return a_part == CHAIN ? compare_places(a, b) : compare_int64(history_earliest(a), history_earliest(b));
}

/* --- what each says by itself --- */

static const char *check_stamp(const history_op *op)
{
    const corral_stamp *stamp = &op->stamp;

    if (stamp->mzxid <= 0 || stamp->czxid <= 0 || stamp->czxid > stamp->mzxid) {
        return "has an impossible stamp";
    }
    /* A create leaves version 0; where its stat is wanted, a set follows in the same transaction. */
    if ((stamp->version == 0 && stamp->czxid != stamp->mzxid) ||
        (stamp->czxid == stamp->mzxid && stamp->version != 0 && stamp->version != 1)) {
        return "has a version that does not go with its zxids";
    }
    return stamp->version == -1 ? "has the version that matches any" : NULL;
}

static const char *check_alone(const history_op *op, uint32_t counter)
{
    const char *fault = NULL;

    if (op->counter != counter) {
        return wrong("%s is of another counter", history_describe(op));
    }
    if (op->returned < op->invoked) {
        return wrong("%s returned before it was invoked", history_describe(op));
    }
    if (part_of(op) == CHAIN) {
        fault = check_stamp(op);
        if (fault == NULL && op->kind == HISTORY_COMPARE_SET && op->value != op->argument) {
            fault = "succeeded where it must not";
        }
    } else if (op->status == CORRAL_ECONFLICT && op->kind == HISTORY_COMPARE_SET &&
               op->value == op->argument) {
        fault = "failed where it must not";
    }
    return fault == NULL ? NULL : wrong("%s %s", history_describe(op), fault);
}

/* --- neighbours in the chain --- */

/* Two of one transaction. */
static const char *compare_in_batch(const history_op *a, const history_op *b)
{
    if (a->stamp.czxid != b->stamp.czxid || a->stamp.version != b->stamp.version) {
        return "are of one transaction and of two states";
    }
    if (a->kind == HISTORY_READ || b->kind == HISTORY_READ) {
        return NULL;
    }
    if (a->stamp.index == b->stamp.index) {
        return "have the same place";
    }
    return a->client != b->client ? "are of one transaction and of two clients" : NULL;
}

static const char *compare_neighbours(const history_op *a, const history_op *b)
{
    const char *fault = NULL;

    if (a->stamp.mzxid == b->stamp.mzxid) {
        fault = compare_in_batch(a, b);
    } else if (a->stamp.czxid == b->stamp.czxid) {
        uint32_t steps = (uint32_t)b->stamp.version - (uint32_t)a->stamp.version;

        fault = steps == 0 || steps > INT32_MAX ? "are not in the order of their versions" : NULL;
    } else if (b->stamp.czxid <= a->stamp.mzxid) {
        fault = "are of two incarnations, of which the later was made too early";
    }
    return fault == NULL ? NULL : wrong("%s and %s %s", history_describe(a), history_describe(b), fault);
}

/* Does any come before one that had returned before it was invoked? */
static const char *check_real_time(const history_case *given)
{
    const history_op *first = NULL; /* of those after @op the one that returned first */

    for (size_t i = given->chain_count; i-- > 0;) {
        const history_op *op = &given->chain[i];

        if (first != NULL && first->returned < history_earliest(op)) {
            return wrong("%s comes before %s, which had returned before", history_describe(op),
                         history_describe(first));
        }
        if (first == NULL || op->returned < first->returned) {
            first = op;
        }
    }
    return NULL;
}

const char *history_check(history_op *ops, size_t count, const history_ends *ends)
{
    history_case given = {.chain = ops, .ends = ends};
    const char *fault = NULL;

    for (size_t i = 0; i < count && fault == NULL; i++) {
        part p = part_of(&ops[i]);

        given.chain_count += p == CHAIN;
        given.open_count += p == OPEN;
        given.seen_count += p == SEEN;
        fault = check_alone(&ops[i], ops[0].counter);
    }
    if (fault != NULL) {
        return fault;
    }
    qsort(ops, count, sizeof *ops, compare);
    given.open = ops + given.chain_count;
    given.seen = given.open + given.open_count;
    for (size_t i = 1; i < given.chain_count && fault == NULL; i++) {
        fault = compare_neighbours(&ops[i - 1], &ops[i]);
    }
    if (fault == NULL) {
        fault = check_real_time(&given);
    }
    return fault != NULL ? fault : history_search(&given, answer, sizeof answer);
}

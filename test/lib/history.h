/**
 * An exact judge of what clients saw of one counter: are all results those of
 * its operations run one after another, in the order of their stamps and in
 * keeping with real time?
 *
 * What is required, in the words of the design's first two invariants:
 *
 * - Acknowledged changes, ordered by (mzxid, index), are a chain: each finds
 *   the value that the one before it left. No two have the same place.
 * - If one operation returned before another was invoked, it comes first.
 * - A break in the chain is explained by operations of unknown outcome, each
 *   applied at most once and not before it was invoked, and not at all if that
 *   explains everything; versions tell how many transactions there were.
 * - What failed for certain changed nothing. What it told of the counter
 *   (another value than expected, no znode, no room for its sum) was so while it
 *   ran.
 * - A read is what the counter was at the stamp it gives; a linearizable one
 *   respects real time as well.
 * - A destroy, or an int32 version that ran out, ends an incarnation. The next
 *   has another czxid and begins again at version 0.
 * - The last value is what all of this leaves.
 *
 * Unknown outcomes are tried out. Distinct deltas, best of one sign and about
 * one size, keep that short; where it is not, the answer is a refusal to judge,
 * never a guess.
 */
#ifndef TEST_HISTORY_H
#define TEST_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <corral/op.h>
#include <corral/status.h>

typedef enum { HISTORY_ADD, HISTORY_SET, HISTORY_COMPARE_SET, HISTORY_READ, HISTORY_DESTROY } history_kind;

/** One call and what became of it. Zero what does not apply. */
typedef struct {
    uint32_t client;  /**< the Corral client: only operations of one client share a transaction */
    uint32_t counter; /**< the same in all operations of a history */
    history_kind kind;
    bool stale;       /**< READ: of a level that may show the past; else it is taken for LINEARIZABLE */
    int64_t argument; /**< ADD the delta, SET the value, COMPARE_SET the expected value */
    int64_t desired;  /**< COMPARE_SET */
    int64_t min, max; /**< ADD that ended ERANGE: what its sum may not leave */
    int64_t invoked;  /**< before the call, by a clock that all clients share */
    int64_t returned; /**< once the result was there; INT64_MAX: never */
    int status;       /**< EUNCERTAIN, or never returned: the outcome is unknown */
    int64_t value;    /**< ADD the sum, SET the previous value, COMPARE_SET the actual one, READ the value */
    corral_stamp stamp; /**< as the callback had it; a DESTROY has none */
} history_op;

/** How the counter was before the first operation and after the last. */
typedef struct {
    bool present_at_start;
    int64_t value_at_start;
    bool present_at_end;
    int64_t value_at_end;
} history_ends;

/**
 * Judge the @count operations of one counter; they are put into another order.
 * NULL: all is right. Else why it is not, naming the operations, or why that
 * cannot be told: such a text begins with HISTORY_REFUSED. It is valid until the
 * thread's next call.
 */
const char *history_check(history_op *ops, size_t count, const history_ends *ends);

/** What the answer to a history with too many possibilities begins with. */
#define HISTORY_REFUSED "not judged: "

#endif

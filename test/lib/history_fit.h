/**
 * The state of the judge's search, and what it asks before each move: which
 * operations may go into the gap that is being filled, and whether the chain
 * goes on after it. Nothing here changes anything but the count of steps.
 */
#ifndef TEST_HISTORY_FIT_H
#define TEST_HISTORY_FIT_H

#include "lib/history_search.h"

typedef struct {
    bool present;
    int64_t value;
} history_state;

/* A step, and what was before it. */
typedef struct {
    size_t choice; /* of the open operations; NEXT */
    history_state before;
    size_t observed; /* how long the trail was */
} history_move;

/* How a gap is being filled. */
typedef struct {
    uint32_t limit; /* operations that go into it in this round */
} history_gap;

typedef struct {
    const history_case *given;
    history_state now;
    size_t at;      /* the gap that is being filled; it precedes this member of the chain */
    uint32_t depth; /* operations in it so far */
    history_gap *gaps;
    int64_t *until; /* by gap: when the first of the chain's rest has returned */
    history_move *moves;
    size_t move_count;
    bool *open_placed, *seen_placed;
    size_t *trail; /* observations in the order of their placing */
    size_t trail_length;
    size_t open_low, seen_low;    /* all before these are placed */
    size_t due_low;               /* of the open ones: all before this are placed, or need not be */
    size_t furthest;              /* the last gap that was ever reached ... */
    history_state furthest_state; /* ... and how, at first */
    uint64_t steps;
    uint32_t excess; /* of this round */
    bool cut;        /* with a greater excess there would have been more to try */
} history_trial;

/* What candidates for this gap can do to the value. */
typedef struct {
    __int128 least, most;     /* of an add */
    __int128 lowest, highest; /* of what others leave */
    bool adds, others;
    uint32_t count;
} history_range;

/** Of a number of transactions: the versions do not tell it. */
#define HISTORY_UNTOLD INT64_MIN

/** The members of the chain before and after the gap. NULL: the beginning, the end. */
const history_op *history_previous(const history_trial *s);
const history_op *history_following(const history_trial *s);

/** The value that @op, of the chain, says it found, and the one it left. */
int64_t history_found(const history_op *op);
int64_t history_left_by(const history_op *op);

/** What @op makes of @now. False: it would have failed instead. */
bool history_apply(const history_op *op, history_state now, history_state *ret_after);

/** Must one that is not placed yet come before what was invoked at @moment? */
bool history_is_overdue(const history_trial *s, int64_t moment);

/** May @op take effect in this gap, as far as time is concerned? */
bool history_may_be_now(const history_trial *s, const history_op *op);

/** Do both sides of the gap belong to one incarnation of the counter? */
bool history_is_within_incarnation(const history_trial *s);

/**
 * How many transactions that nobody has acknowledged the versions tell of:
 * since the chain's previous member, or since the last destroy in the gap.
 * HISTORY_UNTOLD: they do not. @base is the version of a counter just made.
 */
int64_t history_silent_batches(const history_trial *s, bool destroyed, int32_t base);

/** Can @op go into this gap at all, as far as transactions are concerned? */
bool history_fits_gap(const history_trial *s, const history_op *op);

/** What those can do that may go into this gap. */
history_range history_look_at_candidates(history_trial *s);

/** Is @now what comes after this gap says it found? */
bool history_is_as_wanted(const history_trial *s, history_state now);

/** Can just @left of the candidates that @r sums up lead from here to the value that is wanted? */
bool history_is_within_reach(const history_trial *s, const history_range *r, uint32_t left);

/** Does what comes after this gap follow from what there is now? */
bool history_chain_goes_on(const history_trial *s);

#endif

/**
 * The part of the judge that tries out where operations without a place of
 * their own belong. history.c has put them in order, and found nothing wrong
 * with the stamps by themselves.
 */
#ifndef TEST_HISTORY_SEARCH_H
#define TEST_HISTORY_SEARCH_H

#include "lib/history.h"

typedef struct {
    const history_op *chain; /**< changes and reads whose stamps give their place, in that order */
    size_t chain_count;
    const history_op *open; /**< applied somewhere or, if the outcome is unknown, perhaps; by invocation */
    size_t open_count;
    const history_op *seen; /**< changed nothing but told something, at a time unknown; by invocation */
    size_t seen_count;
    const history_ends *ends;
} history_case;

/** Is nobody sure whether @op was applied? */
bool history_is_unknown(const history_op *op);

/** The span of time in which @op can have taken effect. */
int64_t history_earliest(const history_op *op);
int64_t history_latest(const history_op *op);

/** Put @op into words, at one of a few places that are used in turn. */
const char *history_describe(const history_op *op);

/** NULL: there is an order that explains everything. Else what is wrong, put into @text. */
const char *history_search(const history_case *given, char *text, size_t size);

#endif

/**
 * Histories for the tests of their judge. They come from a toy that is a
 * counter by construction and can be told to break a promise.
 */
#ifndef TEST_HISTORY_MAKE_H
#define TEST_HISTORY_MAKE_H

#include "lib/history.h"

/** How many of a recipe a test judges; the time from one transaction to the next; the room for operations. */
enum { HISTORY_SEEDS = 200, HISTORY_STEP = 100, HISTORY_MADE_MAX = 4096 };

/** What the toy does wrong, to one operation in the middle. */
typedef enum {
    HISTORY_NO_SIN,
    HISTORY_APPLIES_TWICE,
    HISTORY_LOSES_UPDATE,
    HISTORY_APPLIES_FAILED,
    HISTORY_APPLIES_UNKNOWN_TWICE,
    HISTORY_RESURRECTS,
    HISTORY_KEEPS_DESTROYED
} history_sin;

/** What a history is made of; in percent of operations or transactions. */
typedef struct {
    unsigned transactions, unknown, destroys, sets, reads, batches, bounded;
    bool present_at_start;
    int32_t version;
    history_sin sin;
} history_recipe;

/** All that there is; the same without unknown outcomes; mainly adds, a few of unknown outcome. */
extern const history_recipe history_rich, history_without_doubt, history_of_adds;

typedef struct {
    history_op ops[HISTORY_MADE_MAX]; /**< in the order in which they were carried out */
    size_t count;
    history_ends ends;
    bool sinned; /**< there was an occasion */
} history_made;

void history_make(const history_recipe *r, unsigned seed, history_made *ret_made);

/** Tampers with a right history. False: it has nothing to do that to. */
typedef bool (*history_tampering)(history_made *made);

/**
 * Assert that the judge rejects all of @r's histories that @tamper could tamper
 * with, or, where that is NULL, all in which the toy has sinned; and that these
 * are not few.
 */
void history_assert_found_out(const history_recipe *r, history_tampering tamper);

#endif

/**
 * A judge of IDs that are to increase in real time: a call that begins after
 * another one has ended gets a greater one.
 */
#ifndef TEST_ID_ORDER_H
#define TEST_ID_ORDER_H

#include <stddef.h>
#include <stdint.h>

/** A call that has got an ID, or several in a row; times of one clock. */
typedef struct {
    int64_t begin, end;
    uint64_t id;
    uint64_t more; /**< IDs that follow the first */
} id_call;

/** What is wrong with @calls, which are sorted by ID hereby; NULL: nothing. */
const char *id_order_judge(id_call *calls, size_t count);

/** The same, of IDs that may come in any order. */
const char *id_order_judge_unique(id_call *calls, size_t count);

#endif

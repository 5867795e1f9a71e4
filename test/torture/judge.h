/** The verdict: what the journals say, put to the judge of histories. */
#ifndef TORTURE_JUDGE_H
#define TORTURE_JUDGE_H

#include "arena.h"
#include "lib/history.h"

typedef struct {
    history_op *ops; /**< of all counters; in no order once judged */
    size_t count;
} history;

/** Read the journals in @directory. False: said why. Free ops. */
bool history_read(history *h, const char *directory);

typedef enum { JUDGED_RIGHT, NOT_JUDGED, JUDGED_WRONG } judgement;

/** Judge every counter, whose last values are read from @a, and say what is wrong. The worst of them. */
judgement history_judge(history *h, arena *a);

/** Write all operations to @directory/history, by counter and, once judged, in the order in which they took
 * effect. */
void history_dump(const history *h, const char *directory);

/** Print how many operations of each kind ended with which status. */
void history_print(const history *h);

/** How many adds succeeded. */
size_t history_adds(const history *h);

#endif

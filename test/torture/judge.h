/** The verdict on a workload: what its journals say, and whether that is right. */
#ifndef TORTURE_JUDGE_H
#define TORTURE_JUDGE_H

#include <stdint.h>
#include <stdio.h>

#include "arena.h"
#include "journal.h"
#include "workloads.h"

typedef enum { JUDGED_RIGHT, NOT_JUDGED, JUDGED_WRONG } judgement;

/** A call, for the page about the run. Times are CLOCK_MONOTONIC in nanoseconds. */
typedef struct {
    int64_t invoked, returned;
    bool succeeded;
    bool more; /**< not a call, but more of what another one was told */
} judge_call;

typedef struct {
    const char *name;
    size_t record_size;
    judge_call (*call)(const void *record);
    /** Judge all, with what the servers of @a have in the end, and say what is wrong. May change the order.
     */
    judgement (*judge)(journal *j, arena *a);
    /** Print how many there are of what. */
    void (*print)(const journal *j);
    /** A line about a record. */
    void (*describe)(const void *record, FILE *file);
    /** Do the journals of its workers say all that matters if these are killed? */
    bool bears_kills;
    /** Are there a few seconds without calls in the end, in which what is under way has to arrive? */
    bool rests;
    /* Of these there may be none: NULL. */
    /** Is there as much as @least says, in words of the workload's own? 1 or 0; -1: it makes no sense. */
    int (*enough)(const journal *j, const char *least);
    /** Write what was given to the workers into files in @directory. False: said why. */
    bool (*dump)(const journal *j, const char *directory);
    /** A table for the page. */
    void (*tabulate)(const journal *j, FILE *page);
} judge;

#define JUDGE_DECLARE(name) extern const judge name##_judge;
WORKLOAD_MAP(JUDGE_DECLARE)
#undef JUDGE_DECLARE

/** That of the workload @name; NULL: there is none. */
const judge *judge_find(const char *name);

/** The names of all workloads, one a line, to @file. */
void judge_list(FILE *file);

/** Write all records to @directory/history, in the order in which they are: once judged, the judge's. */
void judge_dump(const judge *by, const journal *j, const char *directory);

/** How many calls there are, and how many of them succeeded. */
size_t judge_calls(const judge *by, const journal *j, size_t *ret_succeeded);

#endif

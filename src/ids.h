/*
 * ID generators, as their files see them:
 *
 *     ids.c             handles
 *     ids_calls.c       the calls
 *     ids_find.c        reading the generator's znode, or making it
 *     ids_config.c      what it holds
 *     ids_text.c        IDs as text, and snowflakes taken apart
 *     ids_sequence.c    SEQUENCE: a counter
 *     ids_block.c       BLOCK: ranges leased from a counter
 *     ids_range.c       ... from which numbers are taken without a lock
 *     ids_stock.c       ... what is leased beyond that
 *     ids_pace.c        ... and how much is leased at a time
 *     ids_znode*.c      ZNODE: sequential znodes
 *     ids_snowflake.c   SNOWFLAKE: the numbers of a window of time,
 *     ids_worker*.c     ... the worker's number that they bear, and its mark,
 *     ids_roster.c      ... chosen among all,
 *     ids_workers.c     ... of which there is a list
 *
 * A handle is a counter's, too: SEQUENCE and BLOCK count in the generator's
 * znode, behind its configuration.
 */
#ifndef CORRALI_IDS_H
#define CORRALI_IDS_H

#include <corral/ids.h>

#include "counter.h"
#include "ids_config.h"

/* What kinds of generators do differently. */
typedef struct {
    /* The generator is known: make ids.state. Returns 0 or CORRAL_ENOMEM. */
    int (*start_locked)(corral_ids *ids);
    /* Get @op its numbers, and end it. */
    void (*submit_locked)(corral_op *op);
    /* End @op, which has been submitted and not ended, with @cause, or EUNCERTAIN where a number may be
     * wasted. */
    void (*abort_locked)(corral_op *op, int cause);
    /* The same for all operations of the handle. */
    void (*abort_all_locked)(corral_ids *ids, int cause);
    /* No operation is left, nor will there be: take() fails from now on. May be told twice. NULL: nothing to
     * do. */
    void (*stop_locked)(corral_ids *ids);
    /* Nobody refers to the handle: free ids.state. NULL: there is none. */
    void (*free_locked)(corral_ids *ids);
    /* End @op, which asks for the list of workers, with that. NULL: there are none. */
    void (*list_locked)(corral_op *op);
    /* Take @count numbers without asking anybody; false: that cannot be now. Without a lock. NULL: it never
     * can. */
    bool (*take)(corral_ids *ids, size_t count, uint64_t *ret_ids);
} corrali_ids_kind;

typedef enum {
    CORRALI_IDS_UNKNOWN, /* what the generator is */
    CORRALI_IDS_FINDING, /* being found out; it keeps the handle */
    CORRALI_IDS_KNOWN
} corrali_ids_phase;

/* A handle. */
struct corral_ids {
    corral_counter
        counter; /* its object is the handle's; its cell is NULL but for SEQUENCE and BLOCK, once known */
    char *path;  /* chroot included */
    char *label;
    corral_ids_options options;
    corrali_ids_phase phase;
    corrali_link waiting;                   /* operations, until it is known */
    corrali_request request;                /* FINDING */
    corrali_ids_config config;              /* what was found; FINDING: what is made if there is nothing */
    char text[CORRALI_IDS_CONFIG_SIZE];     /* ... as the znode has it, with the number */
    _Atomic(const corrali_ids_kind *) kind; /* NULL until it is known */
    void *state;                            /* the kind's */
};

static inline corral_ids *corrali_ids_of(const corral_op *op)
{
    return CORRALI_CONTAINER(op->object, corral_ids, counter.object);
}

/* NULL: it is not known yet. */
static inline const corrali_ids_kind *corrali_ids_kind_of(corral_ids *ids)
{
    return atomic_load_explicit(&ids->kind, memory_order_acquire);
}

/* The numbers of an operation that has succeeded are to be in their place. Its handle may be gone. */
static inline void corrali_ids_settle(corral_op *op)
{
    if (op->status == CORRAL_OK && op->spread != NULL) {
        op->spread(op);
    }
}

/* --- ids.c --- */

/* Let @op, of a handle whose kind is known, begin. */
void corrali_ids_submit_locked(const corrali_ids_kind *kind, corral_op *op);
/* @ids, which was kept for a reply, need not be any more: it may be gone. */
void corrali_ids_drop_locked(corral_ids *ids);
/* End @op: with its numbers in place, or a failure, which is about @path (NULL: the generator). */
void corrali_ids_end_locked(corral_op *op, int status, int cause, const char *path);

/* --- ids_find.c --- */

/* Find out what the generator is; then start it, and submit what waits. For operations
 * that only ask, it is neither made nor started. */
void corrali_ids_find_locked(corral_ids *ids);

/* --- ids_sequence.c --- */

/* Let the handle be one of a counter in the generator's znode. Returns 0 or CORRAL_ENOMEM. */
int corrali_ids_count_locked(corral_ids *ids);
/*
 * Let @op, of such a handle, add @count, and end as an add does; its value is the last number. With
 * CORRAL_EEXHAUSTED: the last one that there was before.
 */
void corrali_ids_add_locked(corral_op *op, int64_t count);
/* An op's spread(), when its numbers are in a row and its value is the last one. */
void corrali_ids_spread(corral_op *op);

/* --- the kinds --- */

extern const corrali_ids_kind corrali_ids_block;
extern const corrali_ids_kind corrali_ids_sequence;
extern const corrali_ids_kind corrali_ids_znode;
extern const corrali_ids_kind corrali_ids_snowflake;

#endif

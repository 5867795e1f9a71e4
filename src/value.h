/*
 * A value, as its parts see it:
 *
 *     value.c           a handle's life; ending operations early
 *     value_calls.c     the public calls
 *     value_read.c      reads
 *     value_change.c    changes: one after another, what each asks the server
 *     value_outcome.c   ... and what follows from the answers
 */
#ifndef CORRALI_VALUE_H
#define CORRALI_VALUE_H

#include <corral/value.h>

#include "epoch.h"
#include "exact.h"
#include "fetch.h"
#include "internal.h"

/* A handle. */
struct corral_value {
    corrali_object object;
    char *path;              /* chroot included */
    corrali_link operations; /* under way */
    corrali_link changes;    /* in order; the first one is under way */
    bool advancing;          /* ... or about to be */
    corrali_epoch epoch;     /* of @seen */
    corrali_stat seen;       /* the znode as it was last known to be; mzxid 0: nothing is known */
    int64_t seen_at;
};

static inline corral_value *corrali_value_of(const corral_op *op)
{
    return CORRALI_CONTAINER(op->object, corral_value, object);
}

/* That is what the znode was just now. */
void corrali_value_saw_locked(corral_value *value, const corrali_stat *stat);

/* --- value_read.c --- */

/* Start reading for @op. Returns 0 or CORRAL_ENOMEM. */
int corrali_value_read_locked(corral_op *op, corral_read level);
/* End it early. */
void corrali_value_read_abort_locked(corral_op *op, int cause);

/* --- value_change.c, value_outcome.c --- */

/* What it waits for. */
typedef enum {
    CORRALI_CHANGE_QUEUED,  /* those before it */
    CORRALI_CHANGE_EPOCH,   /* the epoch's version */
    CORRALI_CHANGE_LOOKING, /* what the znode is */
    CORRALI_CHANGE_WRITING, /* its multi */
    CORRALI_CHANGE_MAKING,  /* ancestors, or the epoch's znode */
    CORRALI_CHANGE_LEARNING /* its stamp: it was applied by an attempt whose reply was lost */
} corrali_change_phase;

/* The writes of a change, at most: the lane's, the epoch's, two of the znode. */
#define CORRALI_CHANGE_WRITES 4

typedef struct corrali_value_change {
    corrali_link link; /* in value.changes */
    corral_value *value;
    corral_op *op; /* NULL: it has ended; what is under way is followed to its end */
    corrali_op_kind kind;
    corrali_change_phase phase;
    int64_t expected; /* COMPARE_SET: the mzxid; 0: that there is no znode */
    bool creates;     /* the multi makes the znode */
    bool checked;     /* ... is about the epoch, too */
    int64_t czxid;    /* COMPARE_SET: of the znode that was found as expected */
    corral_stamp stamp;
    corrali_stat found; /* LOOKING, LEARNING */
    corrali_exact exact;
    corrali_write writes[CORRALI_CHANGE_WRITES];
    corrali_fetch fetch;
    corrali_request epoch_request;
    size_t length;
    char data[];
} corrali_value_change;

/* What a call asks for. */
typedef struct {
    corrali_op_kind kind; /* SET_VALUE, COMPARE_SET, DESTROY, or READ */
    corral_read level;    /* READ */
    int64_t expected;     /* as in corrali_value_change */
    const void *data;
    size_t length;
    int64_t timeout_ms;
} corrali_value_order;

/* Queue a change for @op. Returns 0 or CORRAL_ENOMEM. */
int corrali_change_start_locked(corral_op *op, const corrali_value_order *order);
/* End it early, with @cause or EUNCERTAIN. */
void corrali_change_abort_locked(corral_op *op, int cause);

/* Do the next thing there is to do. Ends the step: may free the change. */
void corrali_change_advance(corrali_value_change *own);
/* Find out what the znode is; advances or ends then. */
void corrali_change_look(corrali_value_change *own);
/* Make the ancestors of the znode, or the epoch's; advances or ends then. */
void corrali_change_make_parents(corrali_value_change *own);
void corrali_change_make_epoch(corrali_value_change *own);
/* It has this result: tell it, and go on with the next one. @path NULL: the value's. Frees the change. */
void corrali_change_end(corrali_value_change *own, int status, int cause, const char *path);

/* The done_locked() of a change's multi. */
void corrali_change_settled(corrali_exact *exact, const corrali_exact_outcome *outcome);

#endif

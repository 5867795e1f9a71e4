/*
 * The batch, as the four files that are about it see it. All functions expect
 * the client's mutex; those marked "ends the step" may free the batch.
 */
#ifndef CORRALI_COUNTER_BATCH_H
#define CORRALI_COUNTER_BATCH_H

#include "counter.h"
#include "encoding.h"

/* What it waits for. */
typedef enum {
    CORRALI_BATCH_READING,   /* the counter's state, or its ACL */
    CORRALI_BATCH_BORROWING, /* a lane */
    CORRALI_BATCH_COMPUTING, /* functions of the user's */
    CORRALI_BATCH_WRITING,   /* the reply to its request */
    CORRALI_BATCH_RESOLVING, /* what its lane says */
    CORRALI_BATCH_PARENTS,   /* ancestors of the counter or its epoch, or the latter */
    CORRALI_BATCH_PAUSING,   /* a while */
    CORRALI_BATCH_GATHERING  /* as many operations as last time, or a little while */
} corrali_batch_phase;

/* What its request does to the counter. */
typedef enum { CORRALI_BATCH_CHANGE, CORRALI_BATCH_CHECK, CORRALI_BATCH_DELETION } corrali_batch_kind;

typedef struct corrali_batch corrali_batch;
struct corrali_batch {
    corrali_cell *cell;
    corrali_batch_phase phase;
    corrali_batch_kind kind;
    corrali_link ops; /* COMPUTING, WRITING, RESOLVING: those in the request; else empty */
    bool disturbed;   /* one has left since they were computed */
    corrali_task computation;
    corrali_request request;
    corrali_request epoch_request; /* READING */
    unsigned awaited;              /* READING: replies */
    int read_status; /* READING: the first failure, about the znode @read_path; ENOENT: no epoch */
    const char *read_path;
    corral_acl *acl; /* of a counter at CORRALI_VERSION_LAST, for its next incarnation */
    size_t acl_count;
    corrali_timer pause; /* PAUSING, GATHERING */
    uint32_t size;       /* operations that the request was composed of */
    int64_t sent_at;
    corrali_borrower borrower;
    corrali_lane *lane;          /* lent to this batch; NULL: at most once, or nothing to change */
    size_t lane_writes;          /* the first writes of the multi that are the lane's */
    bool creates;                /* the request makes the counter's znode, perhaps in place of another */
    bool resent;                 /* an earlier attempt's outcome is not known */
    corrali_counter_state after; /* what the counter will be */
    char number[CORRALI_DECIMAL_SIZE];
    char value[CORRALI_CELL_SIZE];
};

/* --- counter_batch.c --- */

/* Nothing is under way: do the next thing there is to do. Ends the step. */
void corrali_batch_advance(corrali_batch *own);
/* Advance as soon as the operations are there that may be expected. Ends the step. */
void corrali_batch_gather(corrali_batch *own);
/* Advance after a pause. Ends the step. */
void corrali_batch_pause(corrali_batch *own, int64_t ns);
/* Nothing can be done for anybody: everything that waits ends, and the batch. Ends the step. */
void corrali_batch_fail(corrali_batch *own, int status, const char *path);
/* The operations of the request, which was not applied, go back to where they came from. */
void corrali_batch_requeue(corrali_batch *own);
/* Give back the lane, if there is one: as it was lent or with its version known; or else to be deleted. */
void corrali_batch_return_lane(corrali_batch *own);
void corrali_batch_retire_lane(corrali_batch *own);
/* The cell's state has to be read before it is used again. */
void corrali_cell_forget(corrali_cell *cell);
/* End all operations of @list, with a failure that is about the znode @path. */
void corrali_batch_end_ops(corrali_link *list, int status, int cause, const char *path);

/* The first operation, taken out; NULL: there is none. */
static inline corral_op *corrali_batch_pop(corrali_link *list)
{
    corrali_link *link = corrali_list_pop(list);

    return link == NULL ? NULL : CORRALI_CONTAINER(link, corral_op, task.link);
}

/* --- counter_compose.c --- */

/* Send all that is queued as one request. Ends the step. */
void corrali_batch_write(corrali_batch *own);

/* --- counter_state.c --- */

/* Is there all that a request is computed from? If not, it is being read, and the batch advances then. */
bool corrali_batch_prepare(corrali_batch *own);
/* READING: is nothing under way any more, after what was not sent has been taken back? */
bool corrali_batch_stop_reading(corrali_batch *own);
void corrali_batch_forget_acl(corrali_batch *own);

/* --- counter_outcome.c --- */

/* The request's done(). Ends the step. */
void corrali_batch_written(corrali_request *request);

#endif

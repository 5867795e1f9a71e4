/*
 * A counter, as its parts see it:
 *
 *     counter.c           a handle's life; ending operations early
 *     counter_calls.c     the public calls
 *     counter_cell.c      what all handles of a client on the same counter share
 *     counter_batch.c     operations that change the value: combining, exactly once
 *     counter_state.c     ... what it is computed from
 *     counter_compose.c   ... what it sends
 *     counter_outcome.c   ... what became of it
 *     counter_read.c      reads
 */
#ifndef CORRALI_COUNTER_H
#define CORRALI_COUNTER_H

#include <corral/counter.h>

#include <stdbool.h>

#include "backend.h"
#include "encoding.h"
#include "epoch.h"
#include "internal.h"
#include "list.h"

/* The longest prefix of a value. */
#define CORRALI_PREFIX_MAX 48

/* What is known of the znode. */
typedef enum { CORRALI_UNKNOWN, CORRALI_ABSENT, CORRALI_PRESENT } corrali_knowledge;

typedef struct {
    corrali_knowledge knowledge;
    int32_t version;
    int64_t value;
    int64_t czxid;
    int64_t mzxid;
} corrali_counter_state;

/*
 * A counter's znode as one client knows it. All handles with the same path,
 * flags and encoding share it, so that their operations are combined instead of racing.
 */
typedef struct {
    corral_client *client;
    char *path; /* chroot included */
    uint32_t flags;
    corral_encoding encoding;
    char *
        prefix; /* what stands before the value, in a generator of IDs, which is never made here; else NULL */
    size_t prefix_length;
    uint32_t refs; /* handles, batch, reads */

    corrali_link queue;          /* operations that wait for a batch, in order */
    corrali_link reads;          /* operations being read for */
    struct corrali_batch *batch; /* what is under way; NULL: idle, then queue is empty */
    corrali_counter_state cache;
    corrali_epoch epoch;  /* of cache */
    int64_t confirmed_at; /* when cache was last known to be the state */
    int64_t backoff_ns;   /* bound of the next pause after a lost race; 0: races are rare */
    int64_t write_ns;     /* how long a request takes, smoothed */
    uint32_t crowd;       /* operations in the last request, and those that came while it was under way */
    uint32_t arrived;     /* operations that came since the last request was composed */
} corrali_cell;

/* A handle. */
struct corral_counter {
    corrali_object object;
    corrali_cell *cell;
    int64_t min;
    int64_t max;
};

static inline corral_counter *corrali_counter_of(const corral_op *op)
{
    return CORRALI_CONTAINER(op->object, corral_counter, object);
}

/* Is @value within the handle's bounds? */
static inline bool corrali_counter_allows(const corral_counter *counter, int64_t value)
{
    return value >= counter->min && value <= counter->max;
}

/* --- counter_cell.c --- */

/*
 * The client's cell of that path, flags, encoding and prefix (NULL: none), made if need be: a reference to
 * it. NULL: no memory.
 */
corrali_cell *corrali_cell_get_locked(corral_client *client, const char *path, uint32_t flags,
                                      corral_encoding encoding, const char *prefix);
void corrali_cell_ref_locked(corrali_cell *cell);
/* The client, if the cell was freed: its reference is the caller's to drop. Else NULL. */
corral_client *corrali_cell_unref_locked(corrali_cell *cell);

/* Room for a value in any cell. */
#define CORRALI_CELL_SIZE (CORRALI_PREFIX_MAX + CORRALI_ENCODED_SIZE)
/* Write @value to @buffer as the znode spells it; returns the length. */
size_t corrali_cell_encode(const corrali_cell *cell, int64_t value, char buffer[CORRALI_CELL_SIZE]);
/* Is that what @data spells? Then it goes to @ret_value. */
bool corrali_cell_decode(const corrali_cell *cell, const char *data, size_t length, int64_t *ret_value);

/* --- counter.c --- */

/* End @op with @cause, or EUNCERTAIN where it may have been applied. */
void corrali_counter_abort_locked(corral_op *op, int cause);
/* The same for all operations of @counter. */
void corrali_counter_abort_all_locked(corral_counter *counter, int cause);

/* --- counter_batch.c --- */

/* There is an operation in the queue: see to it that it gets done. */
void corrali_batch_wake_locked(corrali_cell *cell);
/* The part of abort for an operation in the batch: take it out of there; may it have been applied? */
bool corrali_batch_leave_locked(corral_op *op);
/* The operations in the batch; NULL: there is none. */
corrali_link *corrali_batch_ops_locked(const corrali_cell *cell);
/* The queue has lost an operation: nothing may be left to do. */
void corrali_batch_starved_locked(corrali_cell *cell);

/* --- counter_read.c --- */

/* Start reading for @op. Returns 0 or CORRAL_ENOMEM. */
int corrali_read_start_locked(corral_op *op);
/* The part of abort for an operation being read for. */
void corrali_read_leave_locked(corral_op *op);
/* Take what a GET of the counter's znode says. 0, CORRAL_ECORRUPT, or CORRAL_ENOENT. */
int corrali_counter_parse(const corrali_cell *cell, const corrali_request *get,
                          corrali_counter_state *ret_state);

#endif

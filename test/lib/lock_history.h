/**
 * An exact judge of what processes saw of one exclusive lock, and of what they
 * wrote while they held it.
 *
 * The writes are guarded, and each makes the next slot of a log, so that the
 * log tells in which order they were committed. What is required, in the words
 * of the design's third invariant and of lock.h:
 *
 * - No two grants have the same (token, turn); a token belongs to one process,
 *   whose turns count from 0, and are no more than its handle allows.
 * - A grant that was there before another was asked for has the lower (token,
 *   turn).
 * - Until the moment for which corral_grant_valid_ms() promised it, nobody else
 *   gets a grant of a higher (token, turn), unless the holder gave it back, was
 *   told that it is lost, or was told that it may be lost.
 * - (token, turn) grows in the order of the log; and so does the number of the
 *   write within its grant.
 * - A write that was acknowledged is in the log, once, and where its writer
 *   meant it to be; one that failed for certain is not there; one of unknown
 *   outcome is there once or not at all.
 * - A write in the log was not begun after its grant was released or told to be
 *   lost, or after somebody had a later grant.
 * - No write met another one's: between a holder's read and its write there is none.
 */
#ifndef TEST_LOCK_HISTORY_H
#define TEST_LOCK_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include <corral/status.h>

typedef enum { LOCK_HOLD, LOCK_WRITE } lock_note_kind;

/** Who made a write, and which of its own. */
typedef struct {
    uint32_t worker; /**< the Corral client */
    uint32_t thread; /**< of the worker */
    uint32_t hold;   /**< of the thread: the number of its acquire */
    uint32_t write;  /**< of the hold, counting from 1; of a HOLD 0 */
} lock_writer;

/** A call and what became of it. Times are of a clock that all share; 0: never. Zero what does not apply. */
typedef struct {
    lock_note_kind kind;
    lock_writer by;
    int status;
    uint32_t turn;
    int64_t token;
    int64_t invoked, returned; /**< HOLD: of the acquire */
    /* Of a HOLD. */
    int64_t promised;  /**< until when nobody else would get the lock, as it was told last */
    int64_t doubted;   /**< before it was told, first, that it may be lost */
    int64_t lost;      /**< when on_lost was called */
    int64_t released;  /**< before it was given back */
    uint32_t handoffs; /**< of its handle */
    /* Of a WRITE. */
    int64_t place; /**< the slot that it was to make */
} lock_note;

/** A slot of the log; they count from 1. */
typedef struct {
    lock_writer by;
    uint32_t turn;
    int64_t token;
    int64_t czxid;
} lock_slot;

/**
 * Judge @notes, which are put into the order of their grants, with the holds of
 * no grant before them, and @slots, the whole log. NULL: all is right. Else why
 * it is not; valid until the thread's next call.
 */
const char *lock_history_check(lock_note *notes, size_t count, const lock_slot *slots, size_t slot_count);

/** Until when the holder of @hold was certainly alone. 0: not known that it ever was. */
int64_t lock_history_alone(const lock_note *hold);

/** A note as text; valid until the thread's next call but one. */
const char *lock_history_describe(const lock_note *note);

#endif

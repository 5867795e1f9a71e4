/**
 * A judge of what processes were told who watched some znodes, while they
 * changed them. What is required, in the words of watch.h and value.h:
 *
 * - Each state of a znode was written by one change, and that by none but this
 *   state: one that was acknowledged, and then with the stamp that it was told,
 *   or one whose outcome nobody knows. All who saw it saw the same.
 * - The states of a znode, in the order of their mzxid, respect real time; a
 *   change with an expectation follows just upon what it expected. No version is
 *   missing, and no incarnation has ended, but by changes of unknown outcome.
 * - All lists of children with one stamp are the same; from list to list no more
 *   has come and gone than their versions say; a child is in the list as long as
 *   it has been seen to exist, and not before.
 * - Of each subscription the mzxid grows from state to state, and none comes
 *   twice; of children with data the mzxid of the list or of a child grows, and
 *   none gets less. What was left out is counted right.
 * - A state does not stay a subscription's last one for long when it is known to
 *   have changed: not while its worker gets WATCH_LAG_MOST answers to changes of
 *   its own.
 * - In the end, when nobody changes anything any more, each subscription's last
 *   state is what the servers have.
 */
#ifndef TEST_WATCH_HISTORY_H
#define TEST_WATCH_HISTORY_H

#include <corral/status.h>
#include <corral/watch.h>

/** At the pace of one call in 8 ms these take a second. */
enum { WATCH_LAG_MOST = 125 };

/** The places: znodes with data, of which the later ones are the children of the directories; and these. */
enum {
    WATCH_ALONE = 6,
    WATCH_DIRECTORIES = 2,
    WATCH_CHILDREN = 5, /**< of each directory, at most */
    WATCH_ZNODES = WATCH_ALONE + WATCH_DIRECTORIES * WATCH_CHILDREN,
    WATCH_PLACES = WATCH_ZNODES + WATCH_DIRECTORIES
};

typedef enum {
    WATCH_CHANGE,
    WATCH_EVENT,
    WATCH_CLOSE, /**< the subscription is about to be closed */
    WATCH_REST   /**< its thread changes nothing any more; the subscription is its last one */
} watch_note_kind;

typedef enum { WATCH_SET, WATCH_COMPARE_SET, WATCH_CREATE, WATCH_DESTROY, WATCH_READ } watch_change;

/** Of a directory mzxid and version are those of its children, as in watch.h, and there is no payload. */
typedef struct {
    int64_t czxid; /**< 0: not known */
    int64_t mzxid;
    uint64_t payload; /**< of its data, which tells which change wrote them; 0: not known */
    int32_t version;  /**< not known, if it is 0 and the mzxid is not the czxid */
    uint32_t exists;  /**< else all is zero */
} watch_state;

/** Times are of a clock that all share. Zero what does not apply. */
typedef struct {
    watch_note_kind kind;
    uint16_t place;
    uint16_t worker, life, thread; /**< who it was; a worker that was killed goes on in its next life */
    int status;
    watch_change how;
    corral_watch_kind what; /**< EVENT, CLOSE, REST: of the subscription, */
    uint32_t subscription;  /**< ... of which the thread has had so many before */
    int64_t begin;          /**< EVENT: when it was delivered */
    int64_t end;            /**< CHANGE; 0: its process was killed meanwhile */
    int64_t expected;       /**< COMPARE_SET: the mzxid */
    uint64_t skipped;
    watch_state state; /**< that was made, found, or delivered; of a change without a result the payload */
    watch_state children[WATCH_CHILDREN]; /**< of CHILDREN @exists only */
} watch_note;

typedef struct {
    const watch_note *notes; /**< in any order, but each thread's in its own */
    size_t count;
    watch_state ends[WATCH_PLACES]; /**< what the servers have */
} watch_history;

/** How soon it was. */
typedef struct {
    size_t lag;  /**< the most answers that a worker got before a subscription of its was told of a change */
    size_t late; /**< so many subscriptions had their last state after the end of all changes, */
    int64_t latest_ns; /**< ... by so much at most */
} watch_measures;

/** What is wrong, until the next call; NULL: nothing. */
const char *watch_history_check(const watch_history *h, watch_measures *ret_measures);

/** A line about @note, until the next call. */
const char *watch_history_describe(const watch_note *note);

/** "set" and the like. */
const char *watch_history_change(watch_change how);

/** The directory (as a place) and the number in it of @place; false: it is no child. */
static inline bool watch_child_of(unsigned place, unsigned *ret_directory, unsigned *ret_child)
{
    if (place < WATCH_ALONE || place >= WATCH_ZNODES) {
        return false;
    }
    *ret_directory = WATCH_ZNODES + (place - WATCH_ALONE) / WATCH_CHILDREN;
    *ret_child = (place - WATCH_ALONE) % WATCH_CHILDREN;
    return true;
}

static inline unsigned watch_place_of(unsigned directory, unsigned child)
{
    return WATCH_ALONE + (directory - WATCH_ZNODES) * WATCH_CHILDREN + child;
}

#endif

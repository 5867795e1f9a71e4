/**
 * A judge of what processes were given by generators of IDs, one of each kind,
 * while some of them were killed. What is required, in the words of ids.h:
 *
 * - No ID is given twice by a generator.
 * - Those of SEQUENCE and ZNODE increase in real time; those of BLOCK and
 *   SNOWFLAKE do so within a handle.
 * - Of SEQUENCE none is missing but what calls have taken whose outcome nobody
 *   knows: they were uncertain, or their process was killed meanwhile. Such a
 *   call explains no more than it wanted, and nothing that others knew to be
 *   taken before it began.
 * - SEQUENCE and BLOCK give nothing out that the generator has not counted.
 */
#ifndef TEST_ID_HISTORY_H
#define TEST_ID_HISTORY_H

#include <corral/ids.h>
#include <corral/status.h>

enum { ID_KINDS = CORRAL_IDS_SNOWFLAKE + 1 };

/**
 * A call, and the first IDs in a row that it was given; each further row is a
 * note of its own. Times are of a clock that all share.
 */
typedef struct {
    int64_t begin, end; /**< end 0: its process was killed meanwhile */
    uint64_t first;
    uint64_t count;  /**< 0: none that is known */
    uint64_t wanted; /**< of a further row 0 */
    corral_ids_kind kind;
    int status;
    uint32_t worker, life, thread; /**< who it was; a worker that was killed goes on in its next life */
    uint32_t handle;               /**< of the worker */
} id_note;

/** In which order the notes are is all the same. */
typedef struct {
    const id_note *notes;
    size_t count;
    uint64_t counted[ID_KINDS]; /**< of SEQUENCE and BLOCK: the number in the generator's znode */
} id_history;

/** What is wrong, until the next call; NULL: nothing. */
const char *id_history_check(const id_history *h);

/** "block" and the like. */
const char *id_history_kind(corral_ids_kind kind);

/** A line about @note, until the next call. */
const char *id_history_describe(const id_note *note);

#endif

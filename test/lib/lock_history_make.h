/**
 * A history of a lock that is right, to be tampered with: three workers have it
 * in turn, with tokens 1000, 2000, ...; each odd one is handed on once. Each
 * grant has two writes. The second one of 3000 is of unknown outcome and in the
 * log, that of 5000 is not; 6000 was lost before its second one.
 */
#ifndef TEST_LOCK_HISTORY_MAKE_H
#define TEST_LOCK_HISTORY_MAKE_H

#include "lib/lock_history.h"

enum { LOCK_HISTORY_NOTES = 64, LOCK_HISTORY_SLOTS = 40 };

typedef struct {
    lock_note notes[LOCK_HISTORY_NOTES];
    size_t count;
    lock_slot slots[LOCK_HISTORY_SLOTS];
    size_t slot_count;
    int64_t now; /**< after all of it */
} lock_history_made;

void lock_history_make(lock_history_made *m);

/** A note; @write 0: of the grant. */
lock_note *lock_history_note(lock_history_made *m, int64_t token, uint32_t turn, uint32_t write);

/** The slot of a write. */
lock_slot *lock_history_slot(lock_history_made *m, int64_t token, uint32_t turn, uint32_t write);

/** Give a grant another token and turn, and its writes and slots, too. */
void lock_history_rename(lock_history_made *m, int64_t token, uint32_t turn, int64_t new_token,
                         uint32_t new_turn);

/** Take a slot out of the log, as if it never had been. */
void lock_history_drop(lock_history_made *m, int64_t token, uint32_t turn, uint32_t write);

/** Put one into the log behind that of @write, as if there had been another write. */
void lock_history_insert(lock_history_made *m, const lock_note *write, lock_slot slot);

/** Judge it. */
const char *lock_history_check_made(lock_history_made *m);

#endif

/** The states of the znodes that a watch_history tells of, found from all who saw them; and their judge. */
#ifndef TEST_WATCH_STATES_H
#define TEST_WATCH_STATES_H

#include <stdbool.h>

#include "lib/watch_history.h"

/** A state, and who is the first to show that it was there. */
typedef struct {
    watch_state state;
    uint32_t place;
    uint32_t mask;            /**< of a directory: which children it had; */
    bool whole;               /**< ... all of them are known */
    int64_t known;            /**< when it was there already; INT64_MAX: in the end */
    const watch_note *note;   /**< that shows it; NULL: the end */
    const watch_note *change; /**< that made it; NULL: not known */
} watch_seen;

/** Of one place, in the order of mzxid. */
typedef struct {
    watch_seen *seen;
    size_t count;
    size_t unknown; /**< changes of unknown outcome */
} watch_place;

typedef struct {
    watch_seen *all;
    watch_place places[WATCH_PLACES];
} watch_states;

/** Collect them. NULL, or what is wrong. Call watch_states_free() either way. */
const char *watch_states_collect(watch_states *s, const watch_history *h);
void watch_states_free(watch_states *s);

/** Judge the znodes' states, the lists of the directories, and what was told of them. NULL, or what is wrong.
 */
const char *watch_chain_judge(const watch_states *s, const watch_history *h);
const char *watch_lists_judge(const watch_states *s);
const char *watch_told_judge(const watch_states *s, const watch_history *h, watch_measures *ret_measures);

/** All events: those of a subscription together, in their order. */
typedef struct {
    const watch_note **events;
    size_t count;
} watch_told;

/** Put the notes of events into the order of their subscriptions, and of their delivery. */
int watch_told_order(const watch_note *a, const watch_note *b);

/** The first and the last event of the subscription of @note; NULL: there is none. */
const watch_note *watch_told_first(const watch_told *t, const watch_note *note);
const watch_note *watch_told_last(const watch_told *t, const watch_note *note);

/** Judge how soon it was. Adds to @measures. */
const char *watch_lag_judge(const watch_states *s, const watch_history *h, const watch_told *t,
                            watch_measures *measures);

/** Which children an event of a directory tells of: a bit for each. */
uint32_t watch_mask_of(const watch_note *note);

/** May the change have been applied or not, for all that is known? */
bool watch_is_unknown(const watch_note *note);

/** The first state of @p with a greater mzxid. */
size_t watch_states_after(const watch_place *p, int64_t mzxid);

/** "PLACE: WHAT: ...", with the notes that show it; NULL: none. Until the next call. */
const char *watch_say(unsigned place, const char *what, const watch_note *one, const watch_note *other);

void *watch_room(size_t count, size_t size);

#endif

/** Ways of locking: Corral's, and libzookeeper's alone, without what makes it safe. */
#ifndef BENCH_LOCKS_H
#define BENCH_LOCKS_H

#include "task.h"

/**
 * Acquire and release, by threads that share a handle, or have a session each. That more hold it at once than
 * may is a failure. Readers have no writer among them.
 */
bool locks_exclusive(const task *t, outcome *ret_outcome);
bool locks_shared(const task *t, outcome *ret_outcome);
bool locks_semaphore(const task *t, outcome *ret_outcome);

/**
 * Two threads with a session each: from the release by one to the acquisition by the other. What is counted
 * and timed is these; the seconds are their sum. Who holds the lock waits @t->pause_ms before it releases.
 */
bool locks_pass(const task *t, outcome *ret_outcome);

/**
 * Create and delete an ephemeral sequential znode in @t->path, which is made; the second one does
 * not wait for the deletion.
 */
bool locks_bare(const task *t, outcome *ret_outcome);
bool locks_ahead(const task *t, outcome *ret_outcome);

/**
 * As locks_pass(): one session deletes a znode, the other one hears of it by a watch and deletes the
 * next, and so on, all znodes being made and watched before.
 */
bool locks_bare_pass(const task *t, outcome *ret_outcome);

#endif

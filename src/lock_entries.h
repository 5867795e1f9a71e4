/*
 * Contenders as they are found one by one, and the list that is made of them.
 *
 * A semaphore has two directories, and the first at its gate may be in both:
 * with a lease, for which it waits until there are no more leases than permits.
 */
#ifndef CORRALI_LOCK_ENTRIES_H
#define CORRALI_LOCK_ENTRIES_H

#include <corral/lock.h>

#include "backend.h"
#include "lock_names.h"

typedef struct {
    bool at_gate;
    corral_lock_contender told; /* its strings are of their own memory */
} corrali_lock_entry;

/* All zero: none. */
typedef struct {
    corrali_lock_entry *all;
    size_t count;
} corrali_lock_entries;

/*
 * Note the contenders among @names: those of a directory of @scheme, which is a
 * semaphore's gate or not. Returns 0, CORRAL_ECONFLICT for names of another
 * scheme, or CORRAL_ENOMEM.
 */
int corrali_lock_entries_add(corrali_lock_entries *own, const char *const *names, size_t count,
                             corrali_lock_scheme scheme, bool at_gate);

/* Note what a GET or EXISTS says of entry @i. False: no memory. */
bool corrali_lock_entries_fill(corrali_lock_entries *own, size_t i, const corrali_request *reply);

/* Entry @i has left. */
void corrali_lock_entries_drop(corrali_lock_entries *own, size_t i);

/*
 * Put them in order, each contender once, and tell who holds; @permits as
 * corrali_contest has it. Returns the list, of so many as there are entries
 * then, in one piece of memory; NULL: there is none.
 */
corral_lock_contender *corrali_lock_entries_list(corrali_lock_entries *own, uint32_t permits);

void corrali_lock_entries_free(corrali_lock_entries *own);

#endif

/**
 * What the tests of locks share: handles, grants, what on_lost told, faults at
 * a contender's znode, and whether anything was left behind.
 */
#ifndef TEST_LOCKING_H
#define TEST_LOCKING_H

#include <corral/lock.h>

#include "lib/fixture.h"

/** What on_lost told, about any number of grants. */
typedef struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    unsigned calls;
    int status;          /* of the last call */
    corral_grant *grant; /* ... its grant */
    int64_t valid_ms;    /* ... what that said then */
    int64_t at_ms;       /* ... when it came, by testing_now_ms() */
    bool freeing;        /* free each grant in the call */
} losses;

void losses_open(losses *l);

/** Only when no call can come any more. */
void losses_close(losses *l);

/** An on_lost whose arg is a losses. */
void losses_note(corral_grant *grant, int status, void *arg);

/** Wait until there were @count calls. False: not in TESTING_PATIENCE_MS. */
bool losses_wait(losses *l, unsigned count);
unsigned losses_count(losses *l);

/** Assert that a loss is told, the first and only one, with this @status and about @grant. */
#define ASSERT_LOST(l, grant, status) losses_assert((l), (grant), (status), __FILE__, __LINE__)
void losses_assert(losses *l, const corral_grant *grant, int status, const char *file, unsigned line);

/** A handle of @path; its losses are noted in @into, which may be NULL. */
corral_lock *locking_open(corral_client *of, const char *path, corral_lock_mode mode, losses *into);

/** Acquire, or end the test. */
corral_grant *locking_acquire(corral_lock *lock);

/** Wait for one that others hold, as testing_wait_in_vain() does. Returns the last status. */
int locking_wait_in_vain(corral_lock *lock);

/** Acquire in the background: the callback's grant is kept until locking_await(). */
typedef struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t ended;
    unsigned calls;
    int status;
    corral_grant *grant;
    corral_op *op;
} waiter;

void locking_wait_for(waiter *w, corral_lock *lock, int64_t timeout_ms);

/** Has it been called back? */
bool locking_has_ended(waiter *w);

/** Wait for the callback, and let go of the operation. Returns its status; @ret_grant may be NULL. */
int locking_await(waiter *w, corral_grant **ret_grant);

/** Release and wait until that can be seen, and free. */
void locking_give_back(corral_grant *grant);

/** Assert that there soon are @count znodes in @path; none also when that is not there. */
#define ASSERT_BELOW_SOON(path, count) locking_assert_below((path), (count), __FILE__, __LINE__)
void locking_assert_below(const char *path, int count, const char *file, unsigned line);

/** Delete all contenders at @path whose label is @label, as an operator would. Returns how many. */
unsigned locking_delete_labeled(const char *path, const char *label);

/** A rule's match: a change of what is below match_arg, a path. */
bool locking_changes_below(const wire_request *request, void *path);

#endif

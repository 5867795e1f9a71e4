/**
 * Locks: exclusive, shared (read/write), and for so many at a time (semaphores).
 *
 * Who wants the lock makes an ephemeral sequential znode under the lock's path,
 * the directory; the lowest number holds it. An uncontended acquire is one round
 * trip. Who waits watches the nearest znode that blocks, so that a release wakes
 * one waiter. When nobody contends any more, servers remove the directory.
 *
 * What is acquired is a grant. It, not a thread, owns the lock, and may be used
 * and released from any thread, also after the handle is closed.
 *
 * A lock over a network can be lost: when its holder stands still or is cut off,
 * its session ends, and another gets the lock. So a grant says how long it is
 * certainly held (corral_grant_valid_ms()), tells when it is lost (on_lost), and
 * has a token that only grows, by which a resource can refuse a holder that has
 * been overtaken; corral_grant_multi() changes znodes only while it is held.
 * Only answers that a quorum of the servers stands behind count as signs of
 * life: a server that is cut off from the others goes on answering reads for
 * seconds after they have given the lock away.
 */
#ifndef CORRAL_LOCK_H
#define CORRAL_LOCK_H

#include <corral/client.h>
#include <corral/op.h>
#include <corral/txn.h>

#include <stdbool.h>

CORRAL_BEGIN_DECLS

typedef struct corral_lock corral_lock;
typedef struct corral_grant corral_grant;

/** What a handle acquires. */
typedef enum {
    CORRAL_LOCK_MUTEX, /**< one holder; the same lock as Curator's InterProcessMutex */
    CORRAL_LOCK_READ,  /**< any number of readers and no writer; as Curator's InterProcessReadWriteLock */
    CORRAL_LOCK_WRITE, /**< one writer and no reader; of the same lock as CORRAL_LOCK_READ */
    CORRAL_LOCK_SEMAPHORE /**< as many holders as @permits says; as Curator's InterProcessSemaphoreV2 */
} corral_lock_mode;

/** How contenders' znodes are named, and so who else respects them. */
typedef enum {
    CORRAL_NAMING_CURATOR, /**< also a Kazoo Lock with _NODE_NAME "-lock-" and that in _EXCLUDE_NAMES */
    CORRAL_NAMING_KAZOO    /**< Kazoo's stock Lock (MUTEX, and WRITE), ReadLock and WriteLock */
} corral_naming;

/**
 * A grant was lost before it was released: @status CORRAL_ELOST (its session
 * ended, or it cannot be told any more that it has not; or somebody deleted its
 * znode), CORRAL_EACCES (credentials refused) or CORRAL_ECLOSED (the client was
 * closed). Called once, before any other callback that is due, as of
 * corral/op.h, but not before the callback of the acquire that gave @grant; it
 * may call corral_grant_free(), if no other thread uses @grant.
 */
typedef void (*corral_lost_cb)(corral_grant *grant, int status, void *arg);

/** Flags of a lock. */
#define CORRAL_LOCK_RECURSIVE 1u /**< a thread that holds it gets the same grant again */

#define CORRAL_LOCK_OPTIONS_VERSION 1

/** Options of a lock. Everything is copied. A zero field means its default, but for @handoffs. */
typedef struct {
    uint32_t version; /**< CORRAL_LOCK_OPTIONS_VERSION */
    uint32_t flags;   /**< of CORRAL_LOCK_... */
    corral_lock_mode mode;
    corral_naming naming;
    const char *label;   /**< who we are, for others to see: the data of our znodes; at most 1,023 bytes */
    corral_lost_cb on_lost;
    void *on_lost_arg;
    uint32_t handoffs;   /**< how often in a row it may pass from one caller of this handle to the next before
                              contenders elsewhere get their turn: MUTEX and WRITE only */
    int64_t margin_ms;   /**< how long before the servers may end the session a grant counts as lost;
                              default: an eighth of the session timeout. At most a quarter of it */
    uint32_t permits;    /**< SEMAPHORE: how many may hold it, the same for all who use @path; else 0 */
} corral_lock_options;

#define CORRAL_LOCK_OPTIONS_INIT { CORRAL_LOCK_OPTIONS_VERSION, 0, CORRAL_LOCK_MUTEX, CORRAL_NAMING_CURATOR, \
    NULL, NULL, NULL, 64, 0, 0 }

/**
 * Make a handle for the lock at @path, which is as corral_counter_open() has
 * it. Sends nothing. @options may be NULL. Any thread.
 *
 * Returns 0; CORRAL_EINVAL (path, options, no permits); CORRAL_ECLOSED; CORRAL_ENOMEM; CORRAL_EFORK.
 */
CORRAL_API int corral_lock_open(corral_client *client, const char *path, const corral_lock_options *options,
                                corral_lock **ret_lock);

/**
 * End the acquires under way (CORRAL_ECLOSED) and free the handle; grants go
 * on. Waits for callbacks as corral_counter_close() does. NULL is harmless.
 * Returns 0 or CORRAL_EFORK.
 */
CORRAL_API int corral_lock_close(corral_lock *lock);

/**
 * Acquire. In the order of their znodes, first come, first served; callers of
 * one handle queue behind one znode. The grant is the caller's, to be given
 * back with corral_grant_free().
 *
 * @timeout_ms 0: only if nobody holds it or is before us. An acquire that ends
 * otherwise leaves nothing behind: its znode is deleted, as long as that takes.
 *
 * Returns 0; CORRAL_EBUSY: the deadline passed while somebody else held it;
 * CORRAL_ETIMEDOUT: the deadline passed while the servers could not be reached;
 * CORRAL_ECONFLICT: @path is no place for this lock: it holds data, or names of
 * another kind of lock, or a semaphore with another number of permits; for any
 * but a semaphore, also a child named leases or locks, which are a semaphore's;
 * CORRAL_ECANCELED; CORRAL_ECLOSED; CORRAL_EACCES (see
 * corral_op_path()); CORRAL_ENOTSUP (a parent is ephemeral); CORRAL_EEXHAUSTED
 * (clients of another kind keep a worn-out directory from being made anew; too
 * many paths are watched); CORRAL_EINVAL; CORRAL_ESERVER; CORRAL_ENOMEM;
 * CORRAL_EDEADLK; CORRAL_EFORK. Any thread.
 */
CORRAL_API int corral_lock_acquire(corral_lock *lock, int64_t timeout_ms, corral_grant **ret_grant);

/** @grant: the callback's, when @status is 0; else NULL. */
typedef void (*corral_grant_cb)(int status, corral_grant *grant, void *arg);

/** The same, asynchronous; @cb is needed. Not for a recursive lock: CORRAL_EINVAL. */
CORRAL_API int corral_lock_acquire_async(corral_lock *lock, int64_t timeout_ms, corral_grant_cb cb, void *arg,
                                         corral_op **ret_op);

/** How many locks can be acquired at once. */
#define CORRAL_LOCKS_MAX 64

/**
 * Acquire @count locks, all of one client and each of another path: all or none.
 * One after another, in the order of their paths, so that those who want some
 * of the same locks do not wait for each other in a circle, if all acquire them
 * so. @timeout_ms is for all together. The grants go to @ret_grants, in the
 * order of @locks; each is to be given back by itself.
 *
 * Returns as corral_lock_acquire() does; CORRAL_ELOST: one was lost before the
 * last one was there; CORRAL_EINVAL: also for recursive locks. With any error
 * none is held. Any thread.
 */
CORRAL_API int corral_lock_acquire_all(corral_lock *const *locks, size_t count, int64_t timeout_ms,
                                       corral_grant **ret_grants);

/** @grants: the callback's, in an array that is valid during the call, when @status is 0; else NULL. */
typedef void (*corral_grants_cb)(int status, corral_grant *const *grants, void *arg);

/** The same, asynchronous; @cb is needed. */
CORRAL_API int corral_lock_acquire_all_async(corral_lock *const *locks, size_t count, int64_t timeout_ms,
                                             corral_grants_cb cb, void *arg, corral_op **ret_op);

/**
 * Give the lock up, at once and for good: @grant is not valid any more. What
 * this takes at the servers is done in the background, however long they are
 * away. Harmless on a grant that was released or lost. Of a recursive lock the
 * last of as many releases as acquires counts. Returns 0, CORRAL_EINVAL for
 * NULL, or CORRAL_EFORK. Any thread.
 */
CORRAL_API int corral_lock_release(corral_grant *grant);

/**
 * The same, and wait until others can see it: the znode is gone, or the lock
 * was handed to another caller of the handle. Returns 0; CORRAL_ETIMEDOUT (it
 * will be gone later); CORRAL_ECLOSED; CORRAL_EACCES (we may not delete it: it
 * goes when the session ends); CORRAL_ENOMEM; CORRAL_EDEADLK; CORRAL_EINVAL; CORRAL_EFORK.
 */
CORRAL_API int corral_lock_release_wait(corral_grant *grant, int64_t timeout_ms);

/**
 * Release if need be, and give back the caller's reference. Waits for a running
 * on_lost, unless called from it. NULL is harmless.
 */
CORRAL_API void corral_grant_free(corral_grant *grant);

/**
 * The fencing token: greater than those of all earlier exclusive grants by
 * znode, and the same for grants handed on within the handle, which
 * corral_grant_turn() tells apart, counting from 0. Those of readers, and of a
 * semaphore, identify them, and have no order. (It is the zxid of the znode's creation.) Any thread.
 */
CORRAL_API int64_t corral_grant_token(const corral_grant *grant);
CORRAL_API uint32_t corral_grant_turn(const corral_grant *grant);

/**
 * For how many ms from now it is certain that nobody else gets the lock,
 * whatever becomes of the network: 0 or less if it may have been lost. Meant for
 * local decisions; it is measured on CLOCK_BOOTTIME, which a suspended
 * machine does not stop. INT64_MIN once it is released or lost. Any thread.
 */
CORRAL_API int64_t corral_grant_valid_ms(const corral_grant *grant);

/**
 * Change znodes as @txn says, all or nothing, and only if the lock is still
 * held then. Exactly once: a lost reply is resolved as that of a counter's
 * batch. @txn is copied.
 *
 * Returns 0; CORRAL_ELOST: the lock was lost or released, nothing changed;
 * CORRAL_ENOENT, CORRAL_EEXIST, CORRAL_ECONFLICT, CORRAL_EACCES, CORRAL_ENOTSUP,
 * CORRAL_EINVAL as the operation of @txn about corral_op_path() has it, nothing
 * changed; CORRAL_ETIMEDOUT, CORRAL_ECANCELED, CORRAL_ECLOSED: nothing changed;
 * CORRAL_EUNCERTAIN; CORRAL_ESERVER; CORRAL_ENOMEM; CORRAL_EDEADLK; CORRAL_EFORK. Any thread.
 */
CORRAL_API int corral_grant_multi(corral_grant *grant, const corral_txn *txn, int64_t timeout_ms);
CORRAL_API int corral_grant_multi_async(corral_grant *grant, const corral_txn *txn, int64_t timeout_ms,
                                        corral_status_cb cb, void *arg, corral_op **ret_op);

/** One who contends for a lock. */
typedef struct {
    const char *label;   /**< the data of its znode, with a zero behind; may hold anything */
    size_t length;       /**< of that, in bytes */
    const char *name;    /**< of its znode */
    int64_t token;       /**< as corral_grant_token() has it, once it holds the lock; who waits for a
                              semaphore may get another one by then */
    int64_t session;     /**< the ZooKeeper session that it lives and dies with */
    uint32_t sequence;   /**< its place: lower ones come first; of a semaphore, among those with a lease,
                              or those without */
    bool shared;         /**< it is a reader, or wants a semaphore */
    bool holds;          /**< nobody before it keeps it from the lock */
} corral_lock_contender;

/**
 * List who contends for the lock now, in the order of their places, as a
 * server that has caught up sees it. There is no telling whether it is still so
 * when this returns. Others' znodes whose data may not be read have no label.
 *
 * The list, in @ret_count entries, is the caller's, to be freed with
 * corral_lock_contenders_free(). It may be empty. Returns 0; CORRAL_ECONFLICT
 * (names of another kind of lock are there, or another number of permits);
 * CORRAL_ETIMEDOUT; CORRAL_ECLOSED; CORRAL_EACCES; CORRAL_ESERVER; CORRAL_ENOMEM;
 * CORRAL_EDEADLK; CORRAL_EINVAL; CORRAL_EFORK. Any thread.
 */
CORRAL_API int corral_lock_list(corral_lock *lock, int64_t timeout_ms, corral_lock_contender **ret_contenders,
                                size_t *ret_count);

/** Free a list. NULL is harmless. */
CORRAL_API void corral_lock_contenders_free(corral_lock_contender *contenders);

CORRAL_END_DECLS

#endif

/*
 * Locks, as their files see them:
 *
 *     lock.c            handles; acquiring
 *     lock_seat.c       who of this process sits behind a znode, and is next
 *     lock_all.c        several at once
 *     lock_list.c       who contends
 *     lock_entries.c    ... the list
 *     lock_names.c      whose names contenders bear
 *     contender*.c      the znodes
 *     grant.c           what was acquired
 *     guard.c           changes that commit only while it is held
 *     grant_multi.c     ... their calls
 *
 * An acquire of one handle sits down behind the newest of its contenders, as
 * long as that may still be handed on so often, or else behind a new one.
 */
#ifndef CORRALI_LOCK_H
#define CORRALI_LOCK_H

#include <corral/lock.h>

#include "contender.h"
#include "internal.h"

/* A handle. */
struct corral_lock {
    corrali_object object;
    corrali_contest contest;
    corrali_contest gate; /* SEMAPHORE: for being the next to contend */
    char *path;           /* chroot included */
    char *label;
    char *directories; /* SEMAPHORE: paths of its two, and the number of its permits */
    corral_lost_cb on_lost;
    void *on_lost_arg;
    uint32_t handoffs;
    bool recursive;
    corrali_link seats;      /* oldest first */
    corrali_link operations; /* other than acquires of one lock: listings, and acquires of several */
};

/*
 * A contender and who sits behind it. It keeps the lock.
 *
 * A semaphore's contends only while it is first at the gate, a mutex, so that
 * no two wait for the same permit; it goes away from there once it has one. That
 * is for progress alone: nobody holds while there are more than permits.
 */
typedef struct corrali_seat {
    corrali_contender contender;
    corrali_contender gate; /* of a semaphore */
    unsigned contending;    /* how many of these have been started and are not gone */
    bool leaving;
    corrali_link link; /* in lock.seats */
    corral_lock *lock;
    corrali_link acquires; /* operations waiting, in order */
    uint32_t taken;        /* how many have sat down */
    uint32_t turn;         /* of the next grant */
    corral_grant *grant;   /* that holds the lock; NULL: none does */
    uint32_t guarded;      /* its guarded changes whose outcome is not known */
    bool vacated;          /* it was released, and they are waited for */
    bool blocked;          /* behind others, when last seen */
    corral_grant *last;    /* the one with which it was left; NULL: none */
} corrali_seat;

/* Referred to by its user, once for each recursive acquire, its seat, on_lost, and its operations. It keeps
 * the lock. */
struct corral_grant {
    corrali_object object;
    corrali_task task; /* on_lost */
    corral_lock *lock;
    corrali_seat *seat; /* it holds, or leaves; NULL: handed on, or gone */
    corrali_timer lapse;
    int64_t token;
    uint32_t turn;
    uint64_t owner;   /* RECURSIVE: the thread that acquires it */
    uint32_t handles; /* acquires that have not been freed, */
    uint32_t depth;   /* ... or released */
    bool released;
    corrali_link operations; /* under way: guarded changes, and waiting until it is gone */
    bool given;              /* the user has it, or is just getting it: a loss may be told */
    int lost;                /* 0: it is not */
    int gone_status;         /* without a seat: why its znode may be there still; 0: it is not */
    bool telling;            /* on_lost is running */
};

static inline corral_lock *corrali_lock_of(const corral_op *op)
{
    return CORRALI_CONTAINER(op->object, corral_lock, object);
}

static inline corral_grant *corrali_grant_of(const corral_op *op)
{
    return CORRALI_CONTAINER(op->object, corral_grant, object);
}

/* --- lock_seat.c --- */

/* Let @op wait for its turn. Returns 0 or CORRAL_ENOMEM. */
int corrali_seat_take_locked(corral_lock *lock, corral_op *op);
/* @op waits no longer. */
void corrali_seat_quit_locked(corral_op *op);
/* Is somebody else before @op: would it be busy, rather than out of reach? */
bool corrali_seat_busy_locked(const corral_op *op);
/* Its grant was released. */
void corrali_seat_vacate_locked(corrali_seat *seat);
/* ... or lost. */
void corrali_seat_lost_locked(corrali_seat *seat);
/* The outcome of a guarded change is known. */
void corrali_seat_guarded_locked(corrali_seat *seat);

/* --- lock.c --- */

/* Acquire, asynchronously. */
int corrali_lock_submit_locked(corral_lock *lock, int64_t timeout_ms, corral_grant_cb cb, void *arg,
                               corral_op **ret_op);

/* --- lock_all.c --- */

void corrali_lock_all_abort_locked(corral_op *op, int cause);
/* Its class's tell(). */
void corrali_lock_all_tell(corral_op *op);

/* --- lock_list.c --- */

/* List, by an operation, perhaps on @stack: the list is in there, to be taken once it has ended. */
int corrali_lock_list_submit_locked(corral_lock *lock, int64_t timeout_ms, corral_op *stack,
                                    corral_op **ret_op);
void corrali_listing_abort_locked(corral_op *op, int cause);

/* --- grant.c --- */

/* A grant for an acquire to come, the user's. NULL: no memory. */
corral_grant *corrali_grant_new_locked(corral_lock *lock);
/* Let it hold, from now on. */
void corrali_grant_begin_locked(corral_grant *grant, corrali_seat *seat);
/* The user gets it now: from here on a loss may be told. Without the mutex. */
void corrali_grant_given(corral_grant *grant);
/* It has not been released: tell that it is lost. */
void corrali_grant_lose_locked(corral_grant *grant, int status);
/* Until when it is certainly held; INT64_MIN if it is not. */
int64_t corrali_grant_valid_until_locked(const corral_grant *grant);
/* Its seat has passed on, or its znode is gone; or @status says why that cannot be. */
void corrali_grant_gone_locked(corral_grant *grant, int status);
/* It is released by the user once, of perhaps several times. */
void corrali_grant_release_locked(corral_grant *grant);
/* The same, and an operation, perhaps on @stack, that ends once it is gone; @ret_op stays as it is if that is
 * so already, or it is held on. */
int corrali_grant_release_submit_locked(corral_grant *grant, int64_t timeout_ms, corral_op *stack,
                                        corral_op **ret_op);

/* --- guard.c --- */

/* Make @txn a guarded change, for @op. Returns 0 or CORRAL_ENOMEM. */
int corrali_guard_start_locked(corral_op *op, const corral_txn *txn, int64_t timeout_ms);

/* End a guarded change, with @cause or EUNCERTAIN. */
void corrali_guard_abort_locked(corral_op *op, int cause);

#endif

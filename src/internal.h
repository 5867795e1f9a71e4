/*
 * The client and the operation, as all parts of the library see them.
 *
 * Layers, calls going down only:
 *
 *     counter*.c lock*.c ...  recipes: state machines that never block
 *     exact.c fetch.c         requests that recipes share
 *     writer*.c mkdirs.c      house-keeping znodes that recipes share
 *     sweep.c                 ... and what clients that crashed have left of them
 *     client.c session.c      life of a client; session, held requests, timers
 *     op.c dispatch.c         operation handles; delivery of callbacks
 *     backend.h               ZooKeeper, clock and randomness
 *
 * Locking: one mutex per client guards the client and everything made from it:
 * all fields below unless they say otherwise. A function whose name ends in
 * _locked expects it held. No callback of the user's runs under it. What ends
 * under it is collected, and woken by corrali_unlock() once it is free. Order:
 * client's mutex, then the backend's, then the log's.
 *
 * References: an operation keeps its counter, a counter its cell, that its
 * client; a subscription keeps its client, too. So handles outlive
 * corral_client_close().
 */
#ifndef CORRALI_INTERNAL_H
#define CORRALI_INTERNAL_H

#include <corral/client.h>
#include <corral/counter.h>
#include <corral/ids.h>
#include <corral/lock.h>
#include <corral/op.h>
#include <corral/status.h>
#include <corral/value.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "backend.h"
#include "latch.h"
#include "list.h"
#include "log.h"
#include "object.h"
#include "pulse.h"
#include "sweep.h"
#include "timer.h"
#include "writer.h"

/* --- dispatch.c: delivery of callbacks --- */

/* Something to be delivered where callbacks run. */
typedef struct corrali_task corrali_task;
struct corrali_task {
    corrali_link link;
    void (*run)(corrali_task *);            /* without a lock */
    void (*release_locked)(corrali_task *); /* some time after run; may be NULL */
};

typedef struct {
    corral_dispatch mode; /* set when made */
    corrali_link tasks;   /* due, in order */
    atomic_uint urgent;   /* the first so many of them come also before what is left of a batch that runs;
                             changed under the mutex */
    bool idle;            /* somebody waits for wake */
    pthread_cond_t wake;  /* on CLOCK_MONOTONIC; tasks are due, or running has ended */

    /* CORRAL_DISPATCH_THREAD */
    pthread_t thread;
    bool stopping; /* it ends when no tasks are left */

    /* CORRAL_DISPATCH_FD */
    int fd;       /* an eventfd, readable while there are tasks; -1: none */
    bool running; /* a thread runs callbacks */
} corrali_dispatch;

/* Clients whose callbacks a thread runs: with descriptors, one's callback may dispatch another's. */
typedef struct corrali_frame corrali_frame;
struct corrali_frame {
    const corral_client *client;
    corrali_frame *outer;
    corrali_link done; /* tasks that have run and are to be released; this thread's alone */
};
extern _Thread_local corrali_frame *corrali_innermost CORRALI_THREAD_LOCAL;

/* Returns 0 or CORRAL_ENOMEM. */
int corrali_dispatch_start(corral_client *client);
void corrali_dispatch_add_locked(corral_client *client, corrali_task *task);
/* The same, before all that is due, also in a batch that is being run; but after earlier such ones. */
void corrali_dispatch_add_first_locked(corral_client *client, corrali_task *task);
/* If a callback of @client is what runs on this thread: release the tasks of its batch that have run. */
void corrali_dispatch_release_locked(const corral_client *client);
/* Run what is due, then end the thread or close the descriptor. */
void corrali_dispatch_stop(corral_client *client);
/* Is this thread running callbacks of @client? */
bool corrali_dispatching(const corral_client *client);
/*
 * CORRAL_DISPATCH_FD: get on with what somebody waits for who would otherwise
 * wait for a loop that may be themselves. Runs what is due here, or waits until
 * something is, or until another thread is done with its batch. False: @until
 * of CLOCK_MONOTONIC (NULL: never) has come first.
 */
bool corrali_dispatch_help_locked(corral_client *client, const struct timespec *until);

/* --- op.c: operations --- */

typedef enum {
    CORRALI_ADD,
    CORRALI_SET_VALUE,
    CORRALI_COMPARE_SET,
    CORRALI_UPDATE,
    CORRALI_DESTROY,
    CORRALI_READ
} corrali_op_kind;

/* Where an operation is. */
typedef enum {
    CORRALI_WAITING, /* in ids.waiting */
    CORRALI_QUEUED,  /* in counter.queue */
    CORRALI_BATCHED, /* in batch.ops */
    CORRALI_READING, /* in counter.reads; a read is under way for it */
    CORRALI_ENDED
} corrali_op_place;

/* What is told the result; NULL: nothing is. */
typedef union {
    corral_int64_cb int64;
    corral_status_cb status;
    corral_grant_cb grant;
    corral_grants_cb grants;
    corral_ids_cb ids;
    corral_stamp_cb stamp;
    corral_value_cb value;
} corrali_callback;

struct corral_op {
    corrali_task task; /* its link is in the list that @place says, then in those of delivery */
    corrali_timer deadline;
    corrali_object *object;
    corrali_op_kind kind;
    corrali_op_place place;
    int abandoned; /* UPDATE: it ends with this cause as soon as it can */
    bool asking;   /* UPDATE: ... but not now, as its function is running */
    bool blocking; /* in memory of somebody who waits for it: a thread, for @ended; or, if that is set, */
    void (*settled_locked)(corral_op *); /* ... a part of the library, whose corrali_unlock() calls it */
    union {
        struct {              /* of a counter, or of IDs, which may come from one */
            int64_t argument; /* delta, value, expected, read level */
            int64_t desired;
            union {
                struct { /* UPDATE */
                    corral_counter_fn function;
                    void *function_arg;
                    int answer; /* what it said */
                };
                struct corrali_reading *reading; /* READING: what works for it */
                struct {                         /* of IDs */
                    uint64_t *numbers;           /* where they go, */
                    size_t wanted;               /* ... how many, */
                    void (*spread)(corral_op *); /* ... and what puts them there once it has ended; NULL: they
                                                    are there */
                    bool numbers_owned;          /* to be freed with it */
                    bool asks;          /* it is not numbers that are wanted, but what the generator is */
                    bool lists;         /* ... but the workers; */
                    uint64_t *gathered; /* those that have come, until all have */
                    size_t taken;       /* so many of them are there already, */
                    uint64_t *staged;   /* ... here, until all are; NULL: none */
                    struct corrali_workers_listing *listing; /* what works for @lists, */
                    corral_ids_worker *workers;              /* ... and its result, @wanted of them */
                };
            };
        };
        struct {
            struct corrali_seat *seat;   /* an acquire: behind which it waits */
            corral_grant *grant;         /* ... and what it will give; NULL: it has not, and will not */
            bool immediate;              /* ... or not wait for anybody else */
            struct corrali_guard *guard; /* a guarded change's; NULL: it waits until the znode is gone */
            struct corrali_lock_listing *listing; /* a listing's, */
            corral_lock_contender *contenders;    /* and its result */
            size_t count;
            bool several;                 /* an acquire of several locks */
            bool member;                  /* an acquire that is a part of such */
            struct corrali_lock_all *all; /* ... : its state, then its result; NULL: it has failed */
        } lock;
        struct {                                   /* of a value */
            struct corrali_value_reading *reading; /* a read's; */
            void *data;                            /* ... its result, */
            size_t length;
            bool kept; /* ... to be freed by who waits for it */
            struct corrali_value_change *change;
        } bytes;
    };
    corrali_callback callback;
    void *arg;

    /* The result; BATCHED: what it will be when the batch commits. */
    int status;
    int cause;
    int64_t value;
    corral_stamp stamp;
    char *path; /* the failure's, chroot included; NULL: the object's. Of an op in the library's memory: to be
                   freed there */

    corrali_latch ended; /* its callback has returned; a blocking one: its result is there */
    atomic_uint refs;    /* the library's until then, and the caller's */
};

/* An operation of @object, or NULL. */
corral_op *corrali_op_new_locked(corrali_object *object);
/* The same in the caller's memory, for a blocking call. */
void corrali_op_init_locked(corral_op *op, corrali_object *object, bool blocking);
/*
 * An operation for a blocking call: on the caller's @stack; or one of its own,
 * NULL without memory, where callbacks run in the program's own loop, since this
 * thread may be the one that has to run a callback which others wait for.
 */
corral_op *corrali_op_new_blocking_locked(corrali_object *object, corral_op *stack);
/* Wait for its end; returns its status. Its result is there until it is forgotten. */
int corrali_op_await(corral_op *op);
void corrali_op_forget(corral_op *op);
/* Start the deadline. Returns 0 or CORRAL_ENOMEM. */
int corrali_op_set_deadline_locked(corral_op *op, int64_t timeout_ms);
/* Give it up before it was submitted. */
void corrali_op_discard_locked(corral_op *op);
/* End it with the result in it and this status; it must be in no list. */
void corrali_op_end_locked(corral_op *op, int status, int cause);
/* The same for a failure that is about another znode than the object's. */
void corrali_op_end_at_locked(corral_op *op, int status, int cause, const char *path);

/* --- client.c, session.c --- */

typedef struct {
    corrali_task task;
    corral_state states[8]; /* not yet told, oldest first; when full, the newest replaces the last */
    size_t count;
    corral_state_cb callback;
    void *arg;
} corrali_announcer;

struct corral_client {
    /* Set when made. */
    unsigned fork_generation;
    char *servers; /* chroot cut off */
    char *chroot;  /* "" or "/..."; put before every path here, so that it can be made, too */
    size_t chroot_length;
    char *home;                    /* chroot included */
    struct corrali_epochs *epochs; /* see epoch.h */
    int64_t request_timeout_ms;
    corral_auth *auth;
    corral_acl *acl_entries;
    corrali_backend_options backend_options;
    corrali_backend *backend;
    corrali_log_sink log;

    atomic_uint refs;
    _Atomic corral_state state;
    corrali_latch closed; /* the backend has ended */

    pthread_mutex_t mutex;
    pthread_cond_t object_idle; /* a closing object's last callback has returned */
    pthread_cond_t watch_idle;  /* a closing subscription's callback has returned */
    corrali_link woken;         /* blocking operations that have ended; emptied by corrali_unlock(), */
    corrali_link settled;       /* ... as are those of the library's own parts */
    corrali_dispatch dispatch;
    corrali_announcer announcer;
    corrali_timers timers;
    int64_t armed;                /* the backend will give a timer event by then */
    corrali_link objects;         /* handles that are open */
    void *cells;                  /* a tree; see counter_cell.c */
    corrali_link spare_ops;       /* the one used last first: the cache may still have it */
    corrali_link watched;         /* watched znodes, */
    void *watched_tree;           /* by path; see watched.c */
    size_t watched_bytes;         /* of their paths, and of those of wires */
    size_t watched_reads;         /* of them are under way, */
    corrali_link watched_waiting; /* ... and more are to follow */
    corrali_link families_due;    /* see watched_family.c */
    void *wire_tree;              /* by path; see wire.c */

    /* Session. */
    int64_t session_id;         /* of the last connection; 0: none, or it expired */
    int64_t session_timeout_ms; /* ... as its server has granted it */
    int64_t barrier_passed;     /* the session whose barrier was answered */
    bool connected;             /* there is a connection */
    bool ready;                 /* ... and its session has passed the barrier: requests may go */
    bool closing;               /* no new operations */
    bool shut;                  /* no new requests */
    bool auth_failed;
    corrali_request barrier; /* the first request of a session */
    bool barrier_replaces;   /* it puts a LIVE in the place of one that is there */
    corrali_link held;       /* requests waiting until ready */
    corrali_link refused;    /* requests that could not be sent; told so by the next event */
    corrali_timer farewell;  /* bounds the clean-up when closing, */
    size_t chores;           /* ... which waits for the recipes', so many of them, */
    bool leaving;            /* ... now */
    size_t in_flight;

    corrali_pulse pulse;
    corrali_link contenders; /* all that have not ended; see contender.c */
    corrali_writer writer;
    corrali_sweep sweep;
    corral_client_stats stats;
};

/* Counted in the child: objects made before belong to the parent. */
extern unsigned corrali_forks __attribute__((visibility("hidden")));

/* May the caller use @of here? 0, CORRAL_EFORK, or CORRAL_EDEADLK in a log callback. */
static inline int corrali_enter(const corral_client *of)
{
    if (of->fork_generation != corrali_forks) {
        return CORRAL_EFORK;
    }
    return corrali_log_running() ? CORRAL_EDEADLK : CORRAL_OK;
}

/* The same for a call that waits: CORRAL_EDEADLK also in a callback of @of. */
static inline int corrali_enter_blocking(const corral_client *of)
{
    int status = corrali_enter(of);

    return status == CORRAL_OK && corrali_innermost != NULL && corrali_dispatching(of) ? CORRAL_EDEADLK
                                                                                       : status;
}

/* May a new operation be submitted? 0, CORRAL_ECLOSED or CORRAL_EACCES (authentication failed). */
int corrali_client_accepts_locked(const corral_client *client);

void corrali_lock(corral_client *client);
void corrali_unlock(corral_client *client);
void corrali_client_ref(corral_client *client);
/* Not with the mutex held, unless another reference is certain. */
void corrali_client_unref(corral_client *client);

/* Get a reply to @request by way of its done(): never inline, and exactly once. */
void corrali_submit_locked(corral_client *client, corrali_request *request);
/* Take @request back if it has not been sent this time: true, and there will be no reply. */
bool corrali_withdraw_locked(corral_client *client, corrali_request *request);

/* @path, which has the chroot in front, as the user knows it: a part of it. */
const char *corrali_path_shown(const corral_client *client, const char *path);
int64_t corrali_now_locked(corral_client *client);
/* What the calendar says, in ms since 1970. */
int64_t corrali_calendar_ms_locked(const corral_client *client);
uint64_t corrali_random_locked(corral_client *client);
/* Something is being cleaned up, which the client, when it is closed, waits for; or has been. */
void corrali_chore_begin_locked(corral_client *client);
void corrali_chore_end_locked(corral_client *client);
/* Now plus @ms, without overflow. */
int64_t corrali_time_after_locked(corral_client *client, int64_t ms);

/* End all operations: with @cause, or EUNCERTAIN where one may have been applied; and all subscriptions. */
void corrali_client_abort_all_locked(corral_client *client, int cause);

extern const corrali_backend_events corrali_session_events;
void corrali_session_init(corral_client *client);
/* Tell the state callback. */
void corrali_announce_locked(corral_client *client, corral_state state);
/* Answer everything held with CORRAL_ECLOSED, take no more requests, and end the backend. */
void corrali_session_shut_locked(corral_client *client);
/* Afterwards, when no callback runs any more: answer what they have submitted still. */
void corrali_session_finish_locked(corral_client *client);

/* A client on @backend, which it owns from now on, also on failure. The seam for simulated ensembles. */
int corrali_client_new(const char *servers, const corral_client_options *options, corrali_backend *backend,
                       corral_client **ret_client);
/* The two halves of closing it, between which client.closed opens: a simulated world goes on meanwhile. */
void corrali_client_begin_close(corral_client *client);
void corrali_client_end_close(corral_client *client);

#endif

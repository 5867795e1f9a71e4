/*
 * What the files that talk to libzookeeper share; they alone include
 * <zookeeper.h>:
 *
 *     backend_zk.c         handles and their sessions, the threads
 *     backend_zk_call.c    requests and replies
 *     backend_zk_clock.c   the clock
 */
#ifndef CORRALI_BACKEND_ZK_H
#define CORRALI_BACKEND_ZK_H

#include "backend.h"

#include <pthread.h>

#ifndef THREADED
#define THREADED /* else the header hides zoo_remove_watches() */
#endif
#include <zookeeper/zookeeper.h>

typedef struct corrali_zk corrali_zk;

typedef struct {
    corrali_link calls; /* sent, not yet answered */
    corrali_zk *zk;
    zhandle_t *handle; /* NULL until its first event */
    int64_t asked_at;  /* before that */
    size_t auth_given; /* credentials that libzookeeper has taken, and sends at every connect */
    bool dead;         /* to be closed: expired, refused, or given up */
    bool given_up;     /* libzookeeper had no memory for it: what is in its queues is not known */
} corrali_zk_session;

/* What one write of a MULTI needs until its reply. */
typedef struct {
    struct Stat stat;
    struct ACL_vector acl; /* if it has its own */
    char *created;         /* of a sequential one: its path */
} corrali_zk_write;

typedef struct {
    corrali_link link; /* in session.calls */
    corrali_zk_session *owner;
    corrali_request *request;
    size_t count;             /* of its writes; the request may be gone before this is */
    zoo_op_t *ops;            /* of a MULTI: one for each write, behind @writes */
    zoo_op_result_t *results; /* the same */
    corrali_zk_write writes[];
} corrali_zk_call;

struct corrali_zk {
    corrali_backend base;
    const corrali_backend_options *options;
    const corrali_backend_events *events;
    void *owner;
    struct ACL_vector acl; /* the client's; its entries are ours unless it is a constant */
    struct ACL *acl_entries;
    bool started; /* the threads run */
    pthread_t keeper;
    pthread_t clock;
    int clock_fd; /* a timerfd that expires at @alarm */

    /* Guards everything below, and sessions and calls. Innermost but for libzookeeper's own. */
    pthread_mutex_t mutex;
    pthread_cond_t keeper_wake;
    corrali_zk_session *session; /* NULL: being made or closed */
    bool refused;                /* authentication failed: no more sessions */
    bool closing;
    bool stopped;  /* the clock thread is to end */
    int64_t alarm; /* when to give a timer event */
};

/* --- backend_zk.c --- */

/* libzookeeper had no memory: the session is closed, and another one made. */
void corrali_zk_give_up_locked(corrali_zk_session *own);

/* --- backend_zk_clock.c --- */

/* The vtable's now(). */
int64_t corrali_zk_now(corrali_backend *base);
/* The vtable's calendar(). */
int64_t corrali_zk_calendar(corrali_backend *base);
/* The vtable's wake_at(). */
void corrali_zk_wake_at(corrali_backend *base, int64_t when);
/* Returns 0 or CORRAL_ENOMEM. */
int corrali_zk_start_clock(corrali_zk *self);
void corrali_zk_stop_clock(corrali_zk *self);

/* --- backend_zk_call.c --- */

/* The vtable's submit(). */
int corrali_zk_submit(corrali_backend *base, corrali_request *request);
/* The vtable's unwatch(). */
void corrali_zk_unwatch(corrali_backend *base, const char *path, bool children);
/* Take @reply out of its session's list, hand its request up, and free it. */
void corrali_zk_answer(corrali_zk_call *reply, int status);
/* libzookeeper's form of @entries, whose strings it shares. Free its data. Returns 0 or CORRAL_ENOMEM. */
int corrali_zk_copy_acl(struct ACL_vector *ret_acl, const corral_acl *entries, size_t count);

#endif

/*
 * A contender: one ephemeral sequential znode in a lock's directory, from its
 * making to its deletion. It tells its owner when nobody is before it.
 *
 *                  +------------------ requeue ------------------+
 *                  v                                             |
 *   start --> ENTERING --+--> QUEUED <--> (watch nearest) --> FIRST --> LEAVING --> gone
 *             create,    |                                                ^
 *             list       +--> ADOPTING (a lost reply's znode)             |
 *                                    (from anywhere) ---------------------+
 *
 *     contender.c            its life, what follows from events, the session's end
 *     contender_enter.c      making the znode, and finding it again after a lost reply
 *     contender_wait.c       waiting, being first
 *     contender_list.c       reading the directory's names
 *     contender_leave.c      deleting what was made, however long that takes
 *     contender_directory.c  making the directory, and making a worn-out one anew
 *
 * What makes it safe:
 * - The listing travels behind the creation, in one pipeline, and so shows our
 *   znode; nobody can come before it later.
 * - After a lost reply our znode is looked for behind another creation, which a
 *   quorum answers: a server that lags could hide it.
 * - Even so a creation can come to a server later, by a connection that we have
 *   given up, as long as that server keeps it and the session goes on there. So
 *   the GUID stays the same within the session, and after leaving it is searched
 *   for until that cannot be any more.
 * - Who enters as its handle's last one leaves knows somebody to wait for, and
 *   does not list before that one is gone; see contender_enter.c.
 * - Who is first need not list again when the only one before is deleted, if
 *   our own znode is watched: had that been deleted earlier, we would know. Not so
 *   after another connection: what changed meanwhile is told in any order.
 * - Nothing is first without a fresh proof that the session lives; see pulse.h.
 * - A new session contends under a new GUID; what is left of the old one goes with it.
 */
#ifndef CORRALI_CONTENDER_H
#define CORRALI_CONTENDER_H

#include "internal.h"
#include "lock_names.h"
#include "wire.h"

typedef struct corrali_contender corrali_contender;

/* What its owner is told. Each may end with a call of corrali_contender_leave_locked(). */
typedef struct {
    /* Nobody is before it, and the session has just been proven. */
    void (*first_locked)(corrali_contender *);
    /* Somebody is before it; told again whenever that is somebody else. */
    void (*blocked_locked)(corrali_contender *);
    /* It was told to be first, and is not any more: CORRAL_ELOST, EACCES or ECLOSED. It must be left. */
    void (*lost_locked)(corrali_contender *, int status);
    /* It cannot contend, because of @path (valid during the call). It must be left. */
    void (*failed_locked)(corrali_contender *, int status, const char *path);
    /* It was left, and its znode is gone; or @status says why that cannot be. */
    void (*left_locked)(corrali_contender *, int status);
    /* Afterwards: nothing of ours can come late any more. It may be freed. */
    void (*gone_locked)(corrali_contender *);
} corrali_contender_class;

/* What it contends for; the owner's, until it is gone. */
typedef struct {
    const corrali_lock_kind *kind;
    const char *directory; /* chroot included */
    const char *root;      /* the same, or its parent: what holds @data, or nothing, and is made with it */
    const char *data;
    const char *label;
    uint32_t permits;  /* so many may be first; 0: one, and whom it does not block */
    int64_t margin_ms; /* of validity, for who is first; 0: the default */
    bool checked;      /* @root, which holds nothing, has been looked at */
    char *tail; /* the path of who was last when a listing made us first, until we have left, or NULL */
} corrali_contest;

typedef enum {
    CORRALI_CONTENDER_OUTSIDE, /* before entering: the directory is made, or stood back from */
    CORRALI_CONTENDER_ENTERING,
    CORRALI_CONTENDER_ADOPTING,
    CORRALI_CONTENDER_QUEUED,
    CORRALI_CONTENDER_FIRST,
    CORRALI_CONTENDER_LEAVING
} corrali_contender_phase;

/* Znodes of ours beside the one we contend with, at most: each a reply that was lost. When so many were, no
 * more are made. */
enum { CORRALI_EXTRAS_MAX = 8 };

struct corrali_contender {
    const corrali_contender_class *class;
    corral_client *client;
    corrali_contest *contest;
    corrali_link link; /* in client.contenders */
    corrali_contender_phase phase;

    char *prefix; /* the path of our znodes without their numbers */
    size_t prefix_length;
    char *node;       /* with it, when @made */
    char *extra_node; /* of an extra, while that is deleted */
    bool made;        /* there is @node, as far as we know */
    uint32_t sequence;
    int64_t czxid;
    bool doubtful;                       /* there may be others of ours */
    uint32_t doubts;                     /* ... at most so many, while entering */
    bool searching;                      /* ENTERING: for them, without making another one */
    int64_t haunted_until;               /* ... and more may come until then; 0: none may */
    bool void_creation;                  /* one is under way of a session that has ended */
    bool homeless;                       /* ENTERING: the directory is missing */
    bool listed;                         /* who else is there has been read since it entered */
    unsigned stood_back;                 /* so often, from this directory; see contender_directory.c */
    uint32_t extras[CORRALI_EXTRAS_MAX]; /* such others, to be deleted */
    size_t extra_count;

    corrali_request change; /* creations, deletions, */
    bool change_busy;       /* which is under way */
    corrali_request look;   /* at the directory, or at who is before us */
    bool look_busy;
    corrali_request own; /* at our znode; before there is one: at the root */
    bool own_busy;
    const char *making; /* the directory, or its root: what is being made */
    bool making_parents;
    bool in_event;
    bool restart; /* to enter anew, once all replies are in */
    int failure;  /* ... or to fail, with this */
    char *failure_path;

    char *blocker; /* QUEUED: the path of the nearest before us */
    bool heir;     /* QUEUED: it is the only one, so that its deletion makes us first */
    bool relook;   /* it has changed while it was looked at */
    corrali_wire blocker_wire;
    corrali_wire own_wire;
    bool own_armed; /* our znode is there, and its deletion will be told */
    corrali_pulse_user pulse;
    bool unproven;       /* FIRST: waiting for a proof, and not told yet */
    corrali_timer timer; /* FIRST: before our znode is watched; OUTSIDE: before the next attempt;
                            QUEUED: the same, or before the next look at who is before us;
                            LEAVING: before the next search */
    int leave_status;
    bool left; /* it has been told */
};

/* --- for owners --- */

/* Returns 0 or CORRAL_ENOMEM. */
int corrali_contender_init_locked(corrali_contender *own, const corrali_contender_class *class,
                                  corral_client *client, corrali_contest *contest);
/* Let it contend. */
void corrali_contender_start_locked(corrali_contender *own);
/* Let it go: nothing but left_locked() and gone_locked() will be called any more, perhaps at once. */
void corrali_contender_leave_locked(corrali_contender *own);
/* Once it is gone, or instead of starting it. */
void corrali_contender_destroy(corrali_contender *own);

/* --- for the client --- */

/* Its session, or all of it, has ended with @status. */
void corrali_contenders_end_locked(corral_client *client, int status);
/* The connection is lost. */
void corrali_contenders_suspended_locked(corral_client *client);

/* --- among its files --- */

/* contender.c */

/* Around all that is done upon an event: what the owner is told meanwhile may make it leave, but not be gone.
 */
void corrali_contender_begin_locked(corrali_contender *own);
void corrali_contender_end_locked(corrali_contender *own);
/* Enter anew, under another name, once all replies are in. */
void corrali_contender_requeue_locked(corrali_contender *own);
void corrali_contender_fail_locked(corrali_contender *own, int status, const char *path);
/* Send a change; a look; or one at our znode, or at the root. */
void corrali_contender_change_locked(corrali_contender *own, void (*done)(corrali_request *));
void corrali_contender_look_locked(corrali_contender *own, corrali_request_kind kind, const char *path,
                                   void (*done)(corrali_request *));
void corrali_contender_own_locked(corrali_contender *own, corrali_request_kind kind, const char *path,
                                  bool watch, void (*done)(corrali_request *));
/* Have a quorum answer, and change nothing. */
void corrali_contender_ask_quorum_locked(corrali_contender *own, void (*done)(corrali_request *));
/* Put the path of our znode with that number to @node, which is one of ours. */
void corrali_contender_spell(const corrali_contender *own, uint32_t sequence, char *node);
/* Let @node be ours with that number. */
void corrali_contender_name_locked(corrali_contender *own, uint32_t sequence);

/* contender_enter.c */

void corrali_contender_enter_locked(corrali_contender *own);
/* Look at @node, which came of a lost reply, before it is taken for ours. */
void corrali_contender_adopt_locked(corrali_contender *own);
/* Are none of another kind in the root? @reply: that of CHILDREN. */
bool corrali_contest_admits(const corrali_contest *contest, const corrali_request *reply);
/* Does it hold nothing, or what it must? @reply: that of a GET. */
bool corrali_contest_fits(const corrali_contest *contest, const corrali_request *reply);
/* Read the directory's names. */
void corrali_contender_list_locked(corrali_contender *own);
/* Who was last is not known any more. */
void corrali_contest_forget(corrali_contest *contest);

/* contender_wait.c */

void corrali_contender_init_wait(corrali_contender *own);
/* @node was deleted by somebody, or is not ours: there is nothing to hold on to. */
void corrali_contender_missing_locked(corrali_contender *own);
/* The listing says: nobody is before us; or @name is the nearest, and @only it is. */
void corrali_contender_is_first_locked(corrali_contender *own);
void corrali_contender_is_behind_locked(corrali_contender *own, const char *name, bool only);
/* @blocker is before us, and watched; who else is has not been looked at. */
void corrali_contender_is_behind_one_locked(corrali_contender *own);
/* There are more than there are permits. */
void corrali_contender_is_crowded_locked(corrali_contender *own);
/* The wire by which we hear of those who block us: lie at @path instead of where it does. */
int corrali_contender_lay_locked(corrali_contender *own, const char *path);

/* contender_list.c */

void corrali_contender_read_locked(corrali_contender *own, const char *const *names, size_t count);
/* @node is not ours: it is of a session that has ended, and goes with it. Take the next one. */
void corrali_contender_disown_locked(corrali_contender *own);
/* Note all our znodes among @names as extras, but for @node. */
void corrali_contender_collect_locked(corrali_contender *own, const char *const *names, size_t count);

/* contender_leave.c */

void corrali_contender_leave_step_locked(corrali_contender *own);
/* A creation's reply is lost, and its session goes on. */
void corrali_contender_haunt_locked(corrali_contender *own);
/* It is time to search again. */
void corrali_contender_search_again_locked(corrali_contender *own);
/* Delete one of the extras, if there are. */
void corrali_contender_drop_extra_locked(corrali_contender *own);

/* contender_directory.c */

void corrali_contender_make_directory_locked(corrali_contender *own);
/* OUTSIDE, standing back: try to delete the directory. */
void corrali_contender_try_directory_locked(corrali_contender *own);
/* Is the directory worn out? Then our znode is withdrawn, and entering tried again later; @others are there.
 */
bool corrali_contender_stand_back_locked(corrali_contender *own, bool others);

#endif

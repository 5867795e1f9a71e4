/** The workload "locks", as its files see it. */
#ifndef SIM_LOCKS_INTERNAL_H
#define SIM_LOCKS_INTERNAL_H

#include "locks.h"

enum { LOCKS_MAX = 3, HANDLES = 2, ATTEMPTS = 150, CHANGES = 400 };
/* With those of the last round, when all is calm. */
enum { ATTEMPTS_MAX = ATTEMPTS + MEMBERS_MAX * LOCKS_MAX };
/* Znodes of contenders that an operator has deleted. */
enum { ROBBED_MAX = 256 };
enum { LISTINGS = 40 };

/* How long what is due may wait for its turn. */
#define LATENESS (150 * SIM_MS)

typedef enum { MUTEX, READ_WRITE, KAZOO, SEMAPHORE, SCHEMES } scheme;

/* Of one of them. */
typedef struct {
    int64_t token;
    bool waiting; /* others were before it */
} robbery;

typedef struct run run;
typedef struct attempt attempt;

/* One of a client's handles of a lock. */
typedef struct {
    run *run;
    member *member;
    int number;
    int lock;
    corral_lock *open;
    bool shared; /* with others: a reader, or a semaphore */
    uint32_t handoffs;
    int64_t margin_ms; /* 0: the default */
    bool recursive;
} handle;

/* An acquire of several locks, each of which is an attempt. */
typedef struct {
    corral_op *op;
    attempt *attempts[LOCKS_MAX];
    int count;
} several;

/* A listing of who contends. */
typedef struct {
    handle *through;
    corral_op *op; /* NULL: it has ended */
    bool limited, cancelled;
    int64_t due;
    size_t from; /* what was committed when it began */
} listing;

/* When a contender's znode was there: behind such places of the log. */
typedef struct {
    int64_t czxid, owner;
    size_t made, gone; /* 0: never; SIZE_MAX: not yet */
} life;

/* An acquire, and the grant that came of it. */
struct attempt {
    attempt *next_open; /* of its member's; see run.open */
    attempt *next_held; /* of its lock's; see run.held */
    run *run;
    member *member;
    handle *through;
    int number;
    int lock;
    bool shared;
    corral_op *op;
    several *with; /* others; NULL: it is acquired by itself */
    int64_t invoked;
    bool limited;   /* by a deadline */
    bool cancelled; /* by its program, or its handle or client was closed */
    bool last;      /* of the last round */
    int64_t deadline;
    int64_t due;         /* by when it must have ended */
    int64_t there_until; /* INT64_MAX: it contends; then its znode may be there for a while */
    bool ended;
    int status;

    corral_grant *grant; /* once granted; NULL: freed */
    bool granted;        /* the library has decided so */
    bool delivered;
    bool released;
    bool good_when_released; /* it was valid then: nobody is to be told that it was lost */
    bool lost;               /* ... as the program was told */
    bool robbed;             /* somebody has deleted its znode */
    int64_t session, token;
    uint32_t turn;
    int again;        /* RECURSIVE: so many times more */
    corral_op *going; /* waits until it is gone, once it is released */
    int64_t going_due;
    int node; /* its path, then */
    int64_t release_at;
    bool still;      /* it is held, and nothing else is done */
    int64_t lost_at; /* the library knew; 0: not yet */
};

/* What a change does beside signing: it may be refused, because somebody else has done it. */
typedef enum { NO_FLAG, PUT_UP, TAKE_DOWN } flag_change;

/* A guarded change. */
typedef struct {
    attempt *of;
    int number;
    corral_op *op;
    bool limited, cancelled;
    int64_t due;
    bool ended;
    int status;
    flag_change flag;
    bool late;   /* begun after its grant was released, or was told to be lost */
    int entries; /* of the log */
} change;

struct run {
    fleet fleet;
    attempt attempts[ATTEMPTS_MAX];
    int count;
    change changes[CHANGES];
    int change_count;
    int lock_count;
    scheme schemes[LOCKS_MAX];
    uint32_t permits[LOCKS_MAX]; /* SEMAPHORE */
    bool worn[LOCKS_MAX];        /* the directory's numbers begin near their limit */
    handle handles[MEMBERS_MAX][LOCKS_MAX][HANDLES];
    attempt *open[MEMBERS_MAX];       /* that wait, or have a grant */
    attempt *held[LOCKS_MAX];         /* with a grant that is not known to be lost */
    int64_t newest[LOCKS_MAX];        /* of exclusive grants: token, */
    uint32_t turns[LOCKS_MAX];        /* ... and turn */
    int64_t still_until[MEMBERS_MAX]; /* their programs ask for nothing */
    int64_t peer_seen[LOCKS_MAX];     /* when another program last contended */
    several groups[ATTEMPTS_MAX];
    int group_count;
    listing listings[LISTINGS];
    int listing_count;
    life *lives; /* by path */
    int life_capacity;
    size_t replayed; /* so much of the log is in them */
    robbery robbed[ROBBED_MAX];
    int robbed_count;
    struct locks_shadow *shadows[MEMBERS_MAX];
    bool last_round;
};

void locks_name(char *ret_path, size_t size, int lock);
/* The directory of its contenders, or of a semaphore's that wait. NULL: it has none such. */
const char *locks_directory(const run *r, int lock, bool of_waiters, char *ret_path, size_t size);

/* --- locks_members.c --- */

void locks_joined(member *m);
void locks_leaving(member *m);
/* What its end could not: free what is left of a client that has closed. */
void locks_tidy(run *r, int number);
/* Close a handle, and open it anew. */
void locks_reopen(handle *own);

/* --- locks_work.c --- */

/* An event: one of the clients' programs does something, and this comes again. */
void locks_work(void *run, int64_t argument);
/* One that contends from now on, or would. */
attempt *locks_attempt(run *r, handle *through, int64_t timeout_ms, bool last);
/* ... but was refused at once. */
void locks_refused(attempt *own, int status);
int64_t locks_some_timeout(world *w);
/* When faults have ended: everybody wants everything once more. */
void locks_last_round(run *r);
/* Is what was due then late? */
bool locks_is_late(const member *m, int64_t due);

/* --- locks_grants.c --- */

/* An acquire has called back. */
void locks_ended(attempt *own, int status, corral_grant *grant);
/* Give the program's reference back. */
void locks_free_grant(attempt *own);
/* Who waits until a released grant is gone may have been told so. */
void locks_judge_going(attempt *own);

/* --- locks_several.c --- */

/* Two locks or more at once. */
void locks_acquire_several(run *r, member *m, int64_t timeout_ms, bool last);

/* --- locks_listing.c --- */

void locks_list(handle *through);
/* Those of @m that have ended are judged. */
void locks_look_at_listings(run *r, const member *m);
/* Those through @through, or NULL: all of @m, may end as if cancelled. */
void locks_cancel_listings(run *r, const member *m, const handle *through);
/* Do some of a client that lives go on? */
bool locks_lists(const run *r);
/* What the end of the client @number has left. */
void locks_drop_listings(run *r, int number);

/* --- locks_changes.c --- */

void locks_change(attempt *of);
/* At the end: what was reported is what was written. */
void locks_judge_changes(run *r);

/* --- locks_others.c --- */

/* Another program does something to a lock's directory. */
void locks_meddle(run *r);
/* It takes back what is in the way of others; false: not now. */
bool locks_clear(run *r);

/* --- locks_rare.c --- */

/* Count what is rare by how the library's contenders are now, and were. */
void locks_count(run *r, member *m);
/* For the trace: who is there, and what everybody waits for. */
void locks_tell(run *r);

/* --- locks_judge.c --- */

/* The fleet's: @m may have been granted something. */
void locks_looked(member *m);
void locks_granted(attempt *own);
/* No longer held. */
void locks_let_go(attempt *own);
/* Its program has nothing to do with it any more. */
void locks_forget(attempt *own);
int64_t locks_valid_ms(const attempt *own);
/* The ensemble's written(). */
void locks_judge_write(ensemble *e, const transaction *txn);
void locks_judge_busy(attempt *own);
/* At the end. */
void locks_judge_outcomes(run *r);
void locks_judge_directories(run *r);
void locks_judge_leavings(run *r);

static inline run *locks_run_of(fleet *f)
{
    return (run *)f; /* its first member */
}

#endif

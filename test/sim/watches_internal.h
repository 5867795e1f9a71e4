/** The workload "watches", as its files see it. */
#ifndef SIM_WATCHES_INTERNAL_H
#define SIM_WATCHES_INTERNAL_H

#include "watches.h"

/*
 * The places: znodes whose past is known. All are values of the clients', but for
 * the guests, which only another program makes. The house is the directory of
 * the rooms and guests; its children are watched, and its data, too.
 */
enum { SHED, HOUSE, ROOM, GUEST = ROOM + 4, PLACES = GUEST + 3 };

enum { CALLS = 300, HANDLES = 2, OPEN_MOST = 8 };

typedef struct run run;

/* A state of a place, or of the house's children, from the transaction @zxid on until the next one. */
typedef struct {
    int64_t zxid;
    bool exists;
    bool meddled; /* made so by another program */
    corral_stamp stamp;
    uint64_t changes; /* up to it, since the world began */
    blob data;
    const char **names; /* of children, sorted */
    size_t name_count;
} moment;

typedef struct {
    moment *moments;
    size_t count, capacity;
    uint64_t changes;
    bool touched; /* by the transaction that is looked at */
} past;

typedef struct {
    int path;
    past data;
    int64_t deleted; /* how often clients have deleted it */
    bool restricted; /* by somebody, at some time */
} place;

/* What a subscription has delivered. */
typedef struct delivery delivery;
struct delivery {
    delivery *next;   /* the next one of the subscription */
    uint64_t order;   /* among all that the clients come to know */
    size_t committed; /* so much of the log was, then */
    int status;
    bool exists;
    blob data;
    corral_stamp stamp;
    uint64_t skipped;
    corral_watch_child *children;
    size_t child_count;
    size_t first, last; /* status 0: which of the past's moments it can be of */
};

typedef struct subscription subscription;
struct subscription {
    subscription *next; /* of its client's, also those that are closed */
    run *run;
    member *member;
    int number;
    corral_watch_kind kind;
    int place;
    corral_watch *watch;
    bool closed;
    bool ended; /* it was told that there will be no more */
    delivery *first, *last;
};

typedef enum { GET, SET, COMPARE_SET, DESTROY } call_kind;

/* A call on a value. */
typedef struct {
    run *run;
    member *member;
    int place, slot; /* its handle */
    call_kind kind;
    corral_read level;     /* GET */
    bool expects;          /* COMPARE_SET: a znode, */
    corral_stamp expected; /* ... in this state */
    corral_op *op;
    bool limited;   /* by a deadline */
    bool cancelled; /* by its program, or orphaned by it */
    int64_t deadline;
    int64_t due;           /* by when it must have ended */
    int64_t acked;         /* zxid of what somebody had been told of before it began */
    uint64_t begins, ends; /* in that order; 0: not yet */
    bool ended;
    int status, cause;
    int64_t returned;
    corral_stamp stamp;
    blob got;
    size_t committed;     /* so much of the log was, when it ended */
    size_t applied;       /* how often it was, */
    int64_t applied_zxid; /* ... and when, last */
} call_of_value;

struct run {
    fleet fleet;
    place places[PLACES];
    past list; /* of the house's children */
    int room_count;
    tree beginning; /* what there was before the log */
    call_of_value calls[CALLS];
    size_t count;
    corral_value *handles[MEMBERS_MAX][GUEST][HANDLES];
    subscription *subscriptions[MEMBERS_MAX];
    int subscription_count;
    bool leaving[MEMBERS_MAX];  /* its program opens nothing any more */
    corral_stamp known[PLACES]; /* what somebody was told last */
    uint64_t order;
    uint64_t meddled;
    int64_t acked;
    bool restricts; /* somebody takes permissions, and gives them back */
};

static inline run *watches_run_of(fleet *f)
{
    return (run *)f; /* its first member */
}

static inline bool watches_is_child(int number)
{
    return number >= ROOM;
}

/* Is there nothing that tells a client of a change, it may be, for as long as it does not look? */
static inline bool watches_is_hidden(const run *r, int number)
{
    return r->fleet.ensemble.discreet && r->places[number].restricted;
}

/* --- watches_members.c --- */

/* The fleet's. */
void watches_joined(member *m);
void watches_leaving(member *m);
void watches_looked(member *m);
/* Open a subscription of the client's, or close one. */
void watches_subscribe(run *r, member *m);
void watches_unsubscribe(run *r, member *m);
/* Close what is left when all have left. */
void watches_close_all(run *r);

/* --- watches_work.c --- */

/* An event: one of the clients' programs does something, and this comes again. */
void watches_work(void *run, int64_t argument);

/* --- watches_others.c --- */

/* Choose what there is in the beginning. */
void watches_begin_places(run *r);
/* Somebody else changes a place, or what may be done with it. */
void watches_meddle(run *r);
/* An event: give all permissions back, and see to it that they stay. */
void watches_restore(void *run, int64_t argument);

/* --- watches_past.c --- */

/* Go through the log. */
void watches_look_back(run *r);
/* Of which moment of @line can a state be, that had not ended at @least? -1: none. */
int64_t watches_find(const past *line, bool exists, int64_t mzxid, int64_t least);
/* The last one that had begun when so much of the log was committed, and is as @line's @found. */
size_t watches_find_last(const run *r, const past *line, size_t found, size_t committed);

/* --- watches_views.c --- */

/* Nothing that a client comes to know is older than what it knew. */
void watches_judge_views(run *r);

/* --- watches_judge.c --- */

/* What each subscription has delivered, once faults have ended. */
void watches_judge_subscriptions(run *r);
/* Once everybody has left. */
void watches_judge_leavings(run *r);

/* --- watches_family.c --- */

/*
 * What @now says of the children, after @before, which told of them last (NULL: there was none), with nothing
 * else in between if @at_once. So many changes of the list led from one to the other.
 */
void watches_judge_children(const subscription *own, const delivery *before, bool at_once,
                            const delivery *now, uint64_t least_of_list, uint64_t most_of_list);

/* --- watches_calls.c --- */

/* What calls ended with, and what they did. */
void watches_judge_calls(run *r);

#endif

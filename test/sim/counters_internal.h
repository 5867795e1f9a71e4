/** The workload "counters", as its files see it. */
#ifndef SIM_COUNTERS_INTERNAL_H
#define SIM_COUNTERS_INTERNAL_H

#include "counters.h"
#include "lib/history.h"

/* Of lanes, and between sweeps, where there are any. */
enum { AGE_MS = 8000, INTERVAL_MS = 2000 };

enum { COUNTERS_MAX = 5, HANDLES = 2, OPERATIONS = 360 };
enum { OPERATIONS_MAX = OPERATIONS + 1 }; /* a deletion and a remake come together */

typedef struct run run;

/* One of a client's handles of a counter. */
typedef struct {
    corral_counter *counter;
    bool loose; /* it counts at most once */
    int64_t min, max;
} handle;

typedef struct {
    run *run;
    member *member;
    const handle *through;
    history_op seen;
    corral_read level;
    bool updates;  /* ADD: by a function of the program */
    int64_t limit; /* ... which refuses to go above this; INT64_MAX: nothing */
    corral_op *op;
    bool limited;   /* by a deadline */
    bool cancelled; /* by its program, or orphaned by it */
    int64_t deadline;
    int64_t due; /* by when it must have ended */
    bool ended;
} operation;

/* What a subscription told. */
typedef struct delivery delivery;
struct delivery {
    delivery *next;
    int64_t at;
    bool present;
    int64_t mzxid;
};

typedef struct {
    run *run;
    member *member;
    int counter;
    corral_watch *watch;
    corral_counter_event last;
    int64_t newest; /* mzxid of all states of a znode that was there */
    bool any;
    delivery *deliveries; /* the latest first */
    size_t delivered;
} subscriber;

struct run {
    fleet fleet;
    operation operations[OPERATIONS_MAX];
    size_t count;
    int counter_count;
    corral_encoding encodings[COUNTERS_MAX];
    handle handles[MEMBERS_MAX][COUNTERS_MAX][HANDLES];
    subscriber subscribers[MEMBERS_MAX][COUNTERS_MAX];
    history_ends ends[COUNTERS_MAX];
    int64_t put_at[COUNTERS_MAX]; /* the mzxid it began with; 0: it was not there */
    bool unjudged;                /* so much ended uncertain that no judgement is possible */
    bool sweeping;                /* lanes are old after seconds, by the servers' clock */
};

/* --- counters_members.c --- */

/* The fleet's. */
void counters_joined(member *m);
void counters_leaving(member *m);

/* --- counters_others.c --- */

void counters_name(char *ret_path, size_t size, int counter);
/* A znode's data for @value. */
blob counters_spell(run *r, int counter, int64_t value);
int64_t counters_number_in(const run *r, int counter, const znode *node);
/* Another program changes a counter. */
void counters_meddle(run *r);

/* --- counters_work.c --- */

/* An event: one of the clients' programs does something, and this comes again. */
void counters_work(void *run, int64_t argument);

/* --- counters_judge.c --- */

/* At any time: */
void counters_judge_registrations(run *r);
/* The ensemble's written(). */
void counters_judge_write(ensemble *e, const transaction *txn);

/* At the end, when faults have ended: */
void counters_judge_outcomes(run *r);
void counters_judge_counter(run *r, int counter);
void counters_judge_subscribers(run *r);
/* Once everybody has left. */
void counters_judge_leavings(run *r);

/* --- counters_views.c --- */

/* At the end, too. */
void counters_judge_views(run *r, int counter);

static inline run *counters_run_of(fleet *f)
{
    return (run *)f; /* its first member */
}

#endif

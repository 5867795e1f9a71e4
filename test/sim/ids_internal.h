/** The workload "ids", as its files see it. */
#ifndef SIM_IDS_INTERNAL_H
#define SIM_IDS_INTERNAL_H

#include "ids.h"
#include "ids_config.h"

enum { GENERATORS_MAX = 4, HANDLES = 2, CALLS = 380, INCARNATIONS_MAX = 64, BIRTHS_MAX = 128, MADE_MAX = 16 };

/* With fewer bits for workers' numbers there may be more handles than numbers. */
enum { ROOMY_BITS = 5 };

/* How far calendars are off, before somebody sets them. */
enum { SKEW_MS = 20 };

typedef struct run run;

/* A generator, which its tag tells from those that were at the same path before. */
typedef struct {
    int generator;
    corrali_ids_config config;
    int64_t begins; /* the number that it was found with */
} incarnation;

/* A znode that a generator was made, or made anew, as. */
typedef struct {
    int64_t czxid;
    uint64_t tag;
} birth;

/* A path. */
typedef struct {
    char path[32];
    corral_ids_options options; /* of most handles */
    bool deleted;               /* by somebody, at some time */
    bool ends;                  /* its numbers do, or may */
    bool ahead;                 /* a mark may be, of all clocks */
} generator;

/* What a handle was like when it was last looked at. */
typedef struct {
    bool resent, ticks, searches;
} sight;

typedef struct {
    member *member;
    int generator;
    corral_ids *ids; /* NULL: closed */
    corral_ids_options options;
    const incarnation *of; /* which it has begun with; NULL: none yet */
    bool broken;           /* it is of no use any more */
    sight seen;
} handle;

/* One call for numbers. */
typedef struct {
    run *run;
    handle *through;
    corral_op *op;
    size_t wanted;
    bool limited;   /* by a deadline */
    bool cancelled; /* by its program, or orphaned by it */
    int64_t deadline;
    int64_t due; /* by when it must have ended */
    bool ended;
    int status;
    int64_t returned;
    uint64_t begins_at, ends_at; /* in the order of all that the programs do; ends_at 0: not yet */
    int64_t begins_ms;           /* by its client's calendar, */
    int steps;                   /* ... which had been set so often then */
    uint64_t *numbers;           /* of those that have succeeded; @wanted of them */
} call_of_ids;

struct run {
    fleet fleet;
    call_of_ids calls[CALLS];
    size_t count;
    int generator_count;
    generator generators[GENERATORS_MAX];
    incarnation incarnations[INCARNATIONS_MAX];
    size_t incarnation_count;
    birth births[BIRTHS_MAX];
    size_t birth_count;
    handle *handles[MEMBERS_MAX][GENERATORS_MAX][HANDLES];
    int made[MADE_MAX]; /* directories of somebody's */
    int made_count;
    uint64_t order;               /* counts what programs do */
    bool clocks_step;             /* the clients' may, */
    bool clocks_differ;           /* ... and have */
    int steps[MEMBERS_MAX];       /* of the clients' calendars */
    int64_t peak_ms[MEMBERS_MAX]; /* the latest that one has ever shown */
};

/* --- ids_members.c --- */

/* The fleet's. */
void ids_joined(member *m);
void ids_leaving(member *m);
void ids_looked(member *m);
/* Close it, with all that is under way, or put another one in its place. */
void ids_close_handle(run *r, handle *own);
void ids_reopen(run *r, member *m, int number, int slot);
/* What a client's calendar says; and set it. */
int64_t ids_calendar_ms(run *r, const member *m);
void ids_step_clock(run *r, member *m);

/* --- ids_others.c --- */

/* Choose a generator's kind, and perhaps put it there. */
void ids_begin_generator(run *r, int number);
/* Somebody deletes, or makes, something of a generator's. */
void ids_meddle(run *r);

/* --- ids_work.c --- */

/* An event: one of the clients' programs does something, and this comes again. */
void ids_work(void *run, int64_t argument);

/* --- ids_past.c --- */

/* What is at the path of generator @number: false: no generator. */
bool ids_read(const run *r, const tree *t, int number, corrali_ids_config *ret_config, int64_t *ret_number);
/* The generator of this tag; NULL: there never was one. */
const incarnation *ids_find(const run *r, uint64_t tag);
/* One is made, at @czxid. */
void ids_note_incarnation(run *r, int number, const corrali_ids_config *config, int64_t begins,
                          int64_t czxid);
/* The ensemble's written(). */
void ids_written(ensemble *e, const transaction *txn);

/* --- ids_judge.c --- */

/* When a call has succeeded: can it have got these? */
void ids_judge_numbers(const call_of_ids *own);
/* At the end, when faults have ended: */
void ids_judge_outcomes(run *r);
/* Once everybody has left. */
void ids_judge_leavings(run *r);

/* --- ids_history.c --- */

/* At the end, too: of all numbers together. */
void ids_judge_history(run *r);

static inline run *ids_run_of(fleet *f)
{
    return (run *)f; /* its first member */
}

#endif

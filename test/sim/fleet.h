/**
 * Clients of the real library on a simulated ensemble, and the faults that
 * befall both.
 */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include <corral.h>

#include "simclient.h"

enum { MEMBERS_MAX = 12, MEMBERS_LEAST = 5 };

typedef struct fleet fleet;

/** One client of the library: a process. */
typedef struct {
    fleet *fleet;
    int number;
    simclient *io;
    corral_client *client;
    bool crashed;
    bool starved;          /* an allocation has failed, or will */
    bool closing;          /* or closed: it takes no more operations */
    bool hurried;          /* it closed while there were faults */
    bool finished;         /* nothing is left of it */
    bool dispatching;      /* that is on its way */
    int64_t answers_after; /* its event loop's pace */
} member;

struct fleet {
    world world;
    ensemble ensemble;
    member members[MEMBERS_MAX];
    int member_count;
    bool calm; /* no more faults */
    uint64_t faults;
    bool clock_steps; /* the servers' may, by hours */
    bool clock_stepped;
    bool lanes_deleted; /* by somebody: an outcome may be lost with one */
    char failure[4096]; /* what was found wrong first; "": nothing */
    void (*joined)(member *m);
    void (*leaving)(member *m); /* before it is closed, or freed after a crash */
    void (*looked)(member *m);  /* after the library may have done something; may be NULL */
};

/** What a workload's run was like. */
typedef struct {
    uint64_t digest;
    uint64_t operations, faults, steps;
    int clients;
    bool unjudged; /* so much ended uncertain that no judgement is possible */
    uint64_t rare[RARE_PATHS];
    char failure[4096]; /* "": all is right */
} sim_result;

void fleet_open(fleet *f, uint64_t seed, bool tracing);
void fleet_close(fleet *f);
member *fleet_join(fleet *f);
/** Can its program run now? */
bool fleet_runs(const member *m);
/** The program has called the library: its loop sees that something is due. */
void fleet_look(member *m);
/** Begin to break things. */
void fleet_trouble(fleet *f);
/** End it, and mend all. */
void fleet_calm(fleet *f);
/** Close it in good order, or free one that has crashed. Takes a while. */
void fleet_leave(member *m);
/** All of them, and wait until they have. */
void fleet_leave_all(fleet *f);
/** How often its clients have taken the rare paths that they count themselves. Before they leave. */
void fleet_count_paths(fleet *f);
/** What the run was like, in which there were @operations. */
void fleet_tell(const fleet *f, uint64_t operations, sim_result *ret_result);
void fleet_fail(fleet *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Let things happen until @done (NULL: never). False: a failure, or @limit of the world's time, has come
 * first. */
bool fleet_step_until(fleet *f, int64_t limit, bool (*done)(void *arg), void *arg);

#endif

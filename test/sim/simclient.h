/**
 * A backend on a simulated ensemble: what libzookeeper_mt and backend_zk.c do,
 * with connections that break and a process that stands still or dies.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "ensemble.h"

typedef struct simclient simclient;

/** @number is for the trace. @after is called each time the library may have something due. */
simclient *simclient_new(ensemble *e, int number, void (*after)(void *arg), void *arg);
corrali_backend *simclient_backend(simclient *c);

/** Has it a connection with a session? */
bool simclient_connected(const simclient *c);
int64_t simclient_session(const simclient *c);
/** The watches that it would set again after another connection: @ret_count of them. */
const watch_again *simclient_watches(const simclient *c, size_t *ret_count);
/** The path that two reads under way leave the same watch of, or -1. */
int simclient_watches_twice(const simclient *c);

/* --- faults --- */

void simclient_break(simclient *c);
/** No connection can be made until @until. */
void simclient_isolate(simclient *c, int64_t until);
/** What is sent from now on, one way or both, arrives later by @delay. */
void simclient_stall(simclient *c, int64_t delay, bool up, bool down);
/** The process stands still. */
void simclient_pause(simclient *c, int64_t until);
bool simclient_paused(const simclient *c);
/** When it last went on, or will. */
int64_t simclient_resumes(const simclient *c);
/** The process dies: nothing is sent or heard any more. */
void simclient_crash(simclient *c);
/** Then it can be closed, to free its memory. */
void simclient_bury(simclient *c);
/** Its calendar is set on, or back, by @ms. */
void simclient_step_clock(simclient *c, int64_t ms);
/** The @nth allocation fails while the next event is delivered. */
void simclient_starve(simclient *c, unsigned long nth);

#endif

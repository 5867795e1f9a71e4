/** The ensemble, as its files see it. */
#ifndef SIM_ENSEMBLE_INTERNAL_H
#define SIM_ENSEMBLE_INTERNAL_H

#include "ensemble.h"

/* --- ensemble.c --- */

int64_t ensemble_arrival(ensemble *e, int64_t *floor);
/* The leader orders it. */
void ensemble_propose(ensemble *e, entry *proposal);
/* What a quorum has accepted is committed. */
void ensemble_commit(ensemble *e);
/* Let @number apply what it knows to be committed. */
void ensemble_catch_up(ensemble *e, int number);

/* --- ensemble_elections.c --- */

/* @number leads from now on. */
void ensemble_lead(ensemble *e, int number);
/* An event: the server of that number follows, if there is a leader to follow. */
void ensemble_joins(void *ensemble, int64_t number);

/* --- ensemble_clients.c --- */

/* The server's end closes. */
void ensemble_drop(connection *via);
void ensemble_expire(ensemble *e);
void ensemble_fire_watches(ensemble *e, int number, int path);
/* @number has applied an entry of the log: is it one of its clients'? */
void ensemble_applied(ensemble *e, int number, entry *applied);
/* Reply to whatever @number can reply to now. */
void ensemble_answer_all(ensemble *e, int number);

#endif

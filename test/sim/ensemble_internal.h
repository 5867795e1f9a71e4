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

/* --- ensemble_sessions.c --- */

/* NULL: there never was one. */
session *ensemble_find_session(const ensemble *e, int64_t id);
/* Who is behind the connection lives. */
void ensemble_touch(connection *via);
/* Followers tell the leader which sessions have spoken. */
void ensemble_relay(ensemble *e);
/* The leader ends the sessions whose time is up. */
void ensemble_expire(ensemble *e);
/* Have the leader order @asked, or, if it is NULL, decide about the connection's session. */
void ensemble_ask_leader(connection *via, call *asked);
/* @number has applied an entry of the log: is it one of its clients'? */
void ensemble_applied(ensemble *e, int number, entry *applied);

/* --- ensemble_clients.c --- */

/* The server's end closes. */
void ensemble_drop(connection *via);
void ensemble_tell_established(connection *via, int64_t id);
void ensemble_tell_watch(connection *via, int watch, bool deleted);
/* Reply to whatever @number can reply to now. */
void ensemble_answer_all(ensemble *e, int number);

/* --- ensemble_watches.c --- */

void ensemble_leave_watch(connection *via, int watch);
void ensemble_fire_watches(ensemble *e, int number, int path, tree_change change, const access_list *acl);

static inline server *ensemble_server(const connection *via)
{
    return &via->ensemble->servers[via->server];
}

/* Can @number talk to the leader? That can talk to itself also when it is cut off. */
static inline bool ensemble_reaches_leader(const ensemble *e, int number)
{
    return e->leader >= 0 && e->servers[e->leader].serves &&
           (number == e->leader || (!e->servers[number].cut && !e->servers[e->leader].cut));
}

#endif

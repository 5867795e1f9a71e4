/**
 * Three simulated servers: a leader that orders what is written, followers that
 * take it over at their own pace, sessions that the leader ends, and what
 * breaks all that.
 *
 * There is one log. Its head is committed: a quorum has accepted it. A new
 * leader is the server, of those that can form a quorum, that has accepted
 * most; what it has not accepted is cut off the log. A leader that is cut off
 * goes on for a while with its clients, and its end of the log is kept if it is
 * reached again before there is another. Reads are answered from what a server
 * has applied.
 *
 * Modelled after QuorumPeer, Leader, LearnerHandler, CommitProcessor and
 * SessionTrackerImpl of ZooKeeper 3.8.
 */
#ifndef SIM_ENSEMBLE_H
#define SIM_ENSEMBLE_H

#include "tree.h"

enum { SERVERS = 3 };

typedef struct ensemble ensemble;
typedef struct connection connection;
typedef struct session session;

/** A request as it travels, and its reply. */
typedef struct call call;
struct call {
    call *next;      /* in its connection's queue */
    call *next_sent; /* in its client's */
    connection *via;
    corrali_request *request; /* the client's own */
    corrali_request_kind kind;
    int path;
    bool watch;
    bool closes;     /* the session */
    transaction txn; /* MULTI, closes */

    bool forwarded, ready; /* SYNC, writes: with the leader; its turn has come */
    size_t after;          /* SYNC: how much of the log must be applied */
    int status;
    size_t failed;
    blob data;
    corrali_stat stat;
    const char **names;
    size_t name_count;
    const access_list *acl;
    int64_t zxid; /* what the server had applied when it replied */
};

/** A watch of a path's data and existence, or of its children, as one number. */
static inline int watch_of(int path, bool children)
{
    return 2 * path + children;
}

static inline int watch_path(int watch)
{
    return watch / 2;
}

/** One that is to be set again; @existed: when it was set there was a znode. */
typedef struct {
    int watch;
    bool existed;
} watch_again;

/** What a client hears of its connection. */
typedef struct {
    /** There is a session: @id, or 0 if it is gone. */
    void (*established)(void *client, connection *via, int64_t id);
    void (*replied)(void *client, connection *via, call *reply);
    void (*ponged)(void *client, connection *via);
    void (*watch_fired)(void *client, connection *via, int watch, bool deleted);
    /** The server has closed it, or there was none to be had. */
    void (*closed)(void *client, connection *via);
} client_events;

struct connection {
    connection *next; /* of its server's */
    ensemble *ensemble;
    const client_events *events;
    void *client;
    int server;
    session *session;
    bool establishing;
    bool client_open, server_open; /* each end may find out late */
    int64_t up, down;              /* nothing arrives before what was sent before it */
    call *first, *last;            /* not replied to, in order */
    int *watches;
    size_t watch_count, watch_capacity;
};

struct session {
    session *next;
    int64_t id;
    int64_t timeout;
    size_t opened, closed; /* places in the log, behind it; SIZE_MAX: not there */
    int owner;             /* the server it is connected to, as the leader knows it */
    int64_t expires;       /* the leader's */
    bool touched[SERVERS]; /* since that server last told the leader */
};

typedef struct {
    bool up;
    bool cut;                 /* from the other servers */
    bool serves;              /* takes part: follows or leads */
    uint32_t life;            /* counts its restarts and elections; messages to an earlier one are lost */
    size_t accepted, applied; /* how much of the log */
    size_t committed;         /* ... it knows to be */
    int64_t stuck_until;      /* it sits on commits */
    int64_t slow_from, slow_until; /* its clients hear it late */
    int64_t up_floor, down_floor;  /* order of messages to, and from, the leader */
    tree tree;
    connection *connections;
} server;

typedef struct {
    transaction txn;
    call *call; /* whose it is; NULL: an expiry, or a new session's */
    connection *opens;
    bool alone; /* by a leader that was cut off */
} entry;

struct ensemble {
    world *world;
    server servers[SERVERS];
    int leader; /* also one cut off, until there is another; -1: none */
    bool electing;
    tree prepared; /* the leader's, with what is proposed */
    entry **log;
    size_t length, capacity, committed;
    int64_t zxid;
    session *sessions;
    int64_t last_session;
    bool discreet; /* what somebody may not read they are not told to have changed: from 3.8.4 on */
    void (*written)(ensemble *e, const transaction *txn); /* hears of what is proposed and can be done */
};

void ensemble_open(ensemble *e, world *w);
void ensemble_close(ensemble *e);

/* --- for clients --- */

/** Connect to @number as the session @id (0: a new one) that has seen @zxid. */
connection *ensemble_connect(ensemble *e, int number, int64_t id, int64_t timeout, int64_t zxid,
                             const client_events *events, void *client);
/** Set watches again, of a client that has seen @zxid. */
void ensemble_set_watches(connection *via, int64_t zxid, const watch_again *watches, size_t count);
void ensemble_send(connection *via, call *sent);
/** The client lives; hear that the server does. */
void ensemble_ping(connection *via);
/** The client's end is closed. What is under way to the server may still arrive. */
void ensemble_disconnect(connection *via);

/* --- faults --- */

void ensemble_kill(ensemble *e, int number);
void ensemble_restart(ensemble *e, int number);
void ensemble_cut(ensemble *e, int number);
void ensemble_heal(ensemble *e, int number);
/** Let @number sit on what is committed: ZOOKEEPER-4537. */
void ensemble_stick(ensemble *e, int number, int64_t until);
/** Let all that @number says to its clients until then fall behind, more and more. */
void ensemble_slow(ensemble *e, int number, int64_t until);

/** Somebody else writes, at once, if there is a leader: false if not. Whether it comes to be is not told. */
bool ensemble_meddle(ensemble *e, const tree_write *writes, size_t count);

/* --- for tests --- */

/** What all have agreed on: the leader's; NULL: there is none now. */
const tree *ensemble_state(const ensemble *e);
bool ensemble_session_lives(const ensemble *e, int64_t id);
/** Put a znode there before anything has begun. */
void ensemble_put(ensemble *e, const char *path, const char *data, size_t length, int32_t version);
/** ... in which so many znodes have been made. */
void ensemble_put_worn(ensemble *e, const char *path, int32_t creations);

#endif

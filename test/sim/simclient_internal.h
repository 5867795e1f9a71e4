/** The client's half of a simulated connection, as its two files see it. */
#ifndef SIM_CLIENT_INTERNAL_H
#define SIM_CLIENT_INTERNAL_H

#include "simclient.h"

typedef enum {
    CONNECTED,
    SUSPENDED,
    EXPIRED,
    REPLY,
    CHANGED,
    CHILDREN_CHANGED,
    DELETED,
    TIMER,
    CLOSED
} event_kind;

typedef struct event event;
struct event {
    event *next;
    event_kind kind;
    call *reply;
    int64_t number; /* session, path */
};

/* What comes from the server. */
typedef struct arrival arrival;

struct simclient {
    corrali_backend base;
    ensemble *ensemble;
    world *world;
    int number;
    void (*after)(void *arg);
    void *arg;
    const corrali_backend_events *events;
    void *owner;

    /* The I/O thread's. */
    connection *via;  /* made or being made; NULL: waiting to try again */
    uint32_t attempt; /* counts connections; timers of earlier ones are void */
    bool connected;
    int64_t session;  /* 0: none */
    int64_t asked_at; /* for it */
    int64_t timeout;
    int64_t seen; /* zxid */
    int64_t heard_at;
    int64_t isolated_until;
    call *sent, *sent_last; /* not replied to; those not sent yet, at the end, too */
    call *unsent;           /* the first of these; NULL: all are sent */
    watch_again *watches;
    size_t watch_count, watch_capacity;
    arrival *unheard, *unheard_last; /* in the socket */
    bool hearing;                    /* they are being taken out, or will be after a pause */
    bool closing;
    bool lost_writes; /* in the session: what became of some is not known */
    bool expired;     /* the library has not been told yet */
    bool buried;

    /* The completion thread's. */
    event *first, *last;
    bool delivering; /* a delivery is under way */
    bool ready;      /* the library has been told of the connection: requests are taken */
    int64_t wake_at;
    int64_t paused_until;
    int64_t calendar; /* what it said when the world began, in ns */
    bool crashed;
    unsigned long starve;
};

/* --- simclient.c: the completion thread --- */

/* Have the library told of it, after what was pushed before. */
void simclient_push(simclient *c, event_kind kind, call *reply, int64_t number);

/* --- simclient_io.c: the I/O thread --- */

void simclient_try_to_connect(simclient *c);
/* All requests that were not replied to get no reply. */
void simclient_lose_requests(simclient *c);
/* Send it, now or once there is a connection. */
void simclient_enqueue(simclient *c, call *made);
/* Was there such a watch? There is none any more. */
bool simclient_forget_watch(simclient *c, int watch);

#endif

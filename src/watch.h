/*
 * Watches, as their parts see them:
 *
 *     watch.c               subscriptions: the public calls, delivery
 *     watched.c             what all subscriptions of a client to one path share
 *     counter_subscribe.c   subscriptions to a counter's value
 */
#ifndef CORRALI_WATCH_H
#define CORRALI_WATCH_H

#include <corral/counter.h>
#include <corral/watch.h>

#include <stdbool.h>

#include "internal.h"

/* A state of a znode: shared by all who have not delivered it yet. */
typedef struct {
    unsigned refs;
    int status; /* why it could not be read; then the rest is zero, but for @changes */
    bool exists;
    corral_stamp stamp;
    uint64_t changes; /* of the znode that are known, this one included */
    size_t length;
    char value[];
} corrali_snapshot;

/* A znode that is watched, for as long as there are subscriptions or a read is under way. */
typedef struct {
    corral_client *client;
    char *path;                 /* chroot included */
    corrali_link link;          /* in client.watched */
    corrali_link subscriptions; /* by corral_watch.link */
    corrali_request request;    /* the read */
    corrali_timer pause;        /* before the next read */
    int64_t pause_ms;           /* length of the last one after a refusal; 0: none */
    bool reading;
    bool again; /* there was a change while reading */
    bool armed; /* @current is what the server has while there is a connection, and the next change will be
                   told */
    bool fired; /* a change was told since then */
    corrali_snapshot *current; /* NULL: nothing is known yet */

    /* Of the states that could be read: */
    bool known; /* there was one */
    bool exists;
    corral_stamp last; /* of the last that existed */
    uint64_t changes;
} corrali_watched;

typedef void (*corrali_watch_deliver)(const corral_watch *watch, const corral_watch_event *event);

/* A subscription. */
struct corral_watch {
    corrali_task task;
    corrali_link link; /* in watched.subscriptions; alone once closed */
    corral_client *client;
    corrali_watched *watched;
    uint32_t refs; /* the user's; its task's while that is queued or runs */
    bool queued;
    bool running; /* the callback */
    bool closed;

    corrali_watch_deliver deliver; /* gives the callback what it wants, without a lock */
    union {
        corral_watch_cb data;
        corral_counter_cb counter;
    } callback;
    void *arg;
    corral_encoding encoding; /* of a counter */

    corrali_snapshot *pending; /* to be delivered; NULL: none */
    int ending;                /* to be delivered after it, as the last; 0: not yet, or it has been */
    bool ended;                /* no more states */

    /* What was delivered last. */
    bool delivered;
    int status;
    bool exists;
    int64_t mzxid;
    bool counted;     /* there was one with status 0 */
    uint64_t changes; /* of that one */
};

/* --- watch.c --- */

/*
 * Subscribe to @path, chroot included. @prototype has @deliver and what that
 * needs. Returns 0, CORRAL_EEXHAUSTED or CORRAL_ENOMEM.
 */
int corrali_watch_open_locked(corral_client *client, const char *path, const corral_watch *prototype,
                              corral_watch **ret_watch);
/* Let @watch deliver @state unless it is what it has delivered last. */
void corrali_watch_offer_locked(corral_watch *watch, corrali_snapshot *state);
/* Let it deliver @status, for other reasons than its znode's, as the last. */
void corrali_watch_end_locked(corral_watch *watch, int status);

/* --- watched.c --- */

/* Have @watch told of the znode at @path. Returns 0, CORRAL_EEXHAUSTED or CORRAL_ENOMEM. */
int corrali_watched_join_locked(const char *path, corral_watch *watch);
void corrali_watched_leave_locked(corral_watch *watch);
/* The longest time after which a znode is read unasked, where few are watched. For tests. */
extern _Atomic int64_t corrali_watched_check_ms;

/* Count @path among those that are watched. Returns 0 or CORRAL_EEXHAUSTED. */
int corrali_watched_reserve_locked(corral_client *client, const char *path);
void corrali_watched_unreserve_locked(corral_client *client, const char *path);
/* One of those who watch @path does so no longer, and is still listed: forget the server's watch if it was the last. */
void corrali_unwatch_locked(corral_client *client, const char *path);

/* A watch has fired. */
void corrali_watched_changed_locked(corral_client *client, const char *path);
/* A new session can be used; the old one's watches have ended with it. */
void corrali_watched_renew_locked(corral_client *client);
/* Let all subscriptions deliver @status as their last. */
void corrali_watched_end_all_locked(corral_client *client, int status);

/* Harmless with NULL. */
void corrali_snapshot_unref_locked(corrali_snapshot *state);

#endif

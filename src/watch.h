/*
 * Watches, as their parts see them:
 *
 *     watch.c               subscriptions: the public calls, delivery
 *     watched_family.c      children together with their data
 *     watched.c             what all who watch one path share
 *     watched_read.c        ... and how it is read
 *     snapshot.c            states
 *     counter_subscribe.c   subscriptions to a counter's value
 */
#ifndef CORRALI_WATCH_H
#define CORRALI_WATCH_H

#include <corral/counter.h>
#include <corral/watch.h>

#include <stdbool.h>

#include "internal.h"

typedef struct corrali_family corrali_family;

/* A state: shared by all who have not delivered it yet. */
typedef struct corrali_snapshot corrali_snapshot;
struct corrali_snapshot {
    unsigned refs;
    int status; /* why it could not be read; then the rest is zero, but for @changes and @serial */
    bool exists;
    corral_stamp stamp;
    uint64_t changes; /* that are known, this one included */
    uint64_t serial;  /* of a family: its states have no other mark */

    corral_watch_child *children; /* sorted; in memory of their own, with the names of a list */
    size_t child_count;
    corrali_family *family;   /* not delivered yet: its children's data are to be filled in; else NULL */
    corrali_snapshot **parts; /* what @children borrow from; @part_count of them */
    size_t part_count;

    size_t length;
    char value[];
};

/* Who is told of the states of a watched znode, or of a family. */
typedef struct corrali_watched corrali_watched;
typedef struct corrali_listener corrali_listener;
struct corrali_listener {
    corrali_link link; /* in the listeners of what it listens to */
    corrali_watched *watched;
    bool listed; /* a list tells it of the znode's creation */
    /* May neither join nor leave. */
    void (*told_locked)(corrali_listener *, corrali_snapshot *state);
    /* There will be no more states, for this reason. */
    void (*ended_locked)(corrali_listener *, int status);
};

/* A znode whose data, or children, are watched, as long as there are listeners or a read is under way. */
struct corrali_watched {
    corral_client *client;
    char *path; /* chroot included */
    bool children;
    corrali_family *family;  /* @children: with their data; NULL: none */
    corrali_link link;       /* in client.watched */
    corrali_link listeners;  /* by corrali_listener.link */
    corrali_request request; /* the read */
    corrali_timer pause;     /* before the next read */
    int64_t pause_ms;        /* length of the last one after a refusal; 0: none */
    bool reading;            /* @request is under way, */
    bool waiting;            /* ... or, rather, in client.watched_waiting */
    bool again;              /* there was a change while reading */
    bool armed; /* @current is what the server has while there is a connection, and the next change will be
                   told */
    bool fired; /* one but a deletion was told since then, over this connection */
    corrali_snapshot *current; /* NULL: nothing is known yet */

    /* Of the states that could be read: */
    bool known; /* there was one */
    bool exists;
    corral_stamp last; /* of the last that existed */
    uint64_t changes;
};

typedef void (*corrali_watch_deliver)(const corral_watch *watch, const corral_watch_event *event);

/* A subscription. */
struct corral_watch {
    corrali_task task;
    corrali_listener listener; /* in no list once closed */
    corrali_family *family;    /* what it listens to; NULL: a watched znode */
    corral_client *client;
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
    uint64_t serial;
    corrali_snapshot *told; /* of a family: all of it; else NULL */
    bool counted;           /* there was one with status 0 */
    uint64_t changes;       /* of that one */
};

/* --- watch.c --- */

/*
 * Subscribe to what @kind says of @path, chroot included. @prototype has
 * @deliver and what that needs. Returns 0, CORRAL_EEXHAUSTED or CORRAL_ENOMEM.
 */
int corrali_watch_open_locked(corral_client *client, const char *path, corral_watch_kind kind,
                              const corral_watch *prototype, corral_watch **ret_watch);

/* --- snapshot.c --- */

/* States with one reference; NULL: no memory. What they are made of is copied. */
corrali_snapshot *corrali_snapshot_new(size_t length, const void *value);
corrali_snapshot *corrali_snapshot_of_names(size_t count, const char *const *names);
/* Room for @count children with the data of each. */
corrali_snapshot *corrali_snapshot_of_family(size_t count);
/* Harmless with NULL. */
void corrali_snapshot_unref_locked(corrali_snapshot *state);
/* Do both say the same of one znode? */
bool corrali_snapshot_same(const corrali_snapshot *a, const corrali_snapshot *b);
/* ... and of its children with their data? NULL: no. */
bool corrali_snapshot_same_children(const corrali_snapshot *a, const corrali_snapshot *b);

/* --- watched.c --- */

/* Have @listener told of the data, or the @children, of the znode at @path. Returns 0, CORRAL_EEXHAUSTED or
 * CORRAL_ENOMEM. */
int corrali_watched_join_locked(corral_client *client, const char *path, bool children,
                                corrali_listener *listener);
/* Harmless when it has not joined, or left. */
void corrali_watched_leave_locked(corrali_listener *listener);
corrali_watched *corrali_watched_find_locked(const corral_client *client, const char *path, bool children);
/* Nobody listens any more, and no read is under way. */
void corrali_watched_free_locked(corrali_watched *own);

/* Count @path among those that are watched. Returns 0 or CORRAL_EEXHAUSTED. */
int corrali_watched_reserve_locked(corral_client *client, const char *path);
void corrali_watched_unreserve_locked(corral_client *client, const char *path);
/* Is there room for @count more paths whose lengths add up to @length? */
bool corrali_watched_room_locked(const corral_client *client, size_t count, size_t length);
/* One of those who watch the znode at @path, or its @children, does so no longer, and is still listed: forget
 * the server's watch if it was the last. */
void corrali_unwatch_locked(corral_client *client, const char *path, bool children);

/* A watch has fired. */
void corrali_watched_changed_locked(corral_client *client, const char *path, corrali_change change);
/* The next server may lag behind what this one has told. */
void corrali_watched_suspended_locked(corral_client *client);
/* A new session can be used; the old one's watches have ended with it. */
void corrali_watched_renew_locked(corral_client *client);
/* Let all subscriptions deliver @status as their last. */
void corrali_watched_end_all_locked(corral_client *client, int status);

/* --- watched_read.c --- */

/* The longest time after which a znode is read unasked, where few are watched. For tests. */
extern _Atomic int64_t corrali_watched_check_ms;

void corrali_watched_init_reads(corrali_watched *own);
/* Read it, once more if that is under way. */
void corrali_watched_read_locked(corrali_watched *own);
/* ... after a random time. */
void corrali_watched_pause_locked(corrali_watched *own, int64_t least_ms, int64_t most_ms);
/* ... soon: there was no memory to make something of its state. */
void corrali_watched_repeat_locked(corrali_watched *own);
/* Take back a read that has not been sent. */
void corrali_watched_withdraw_locked(corrali_watched *own);

/* --- watched_family.c --- */

/* Have @listener told of the children of the znode at @path with their data. Returns 0, CORRAL_EEXHAUSTED or
 * CORRAL_ENOMEM. */
int corrali_family_join_locked(corral_client *client, const char *path, corrali_listener *listener,
                               corrali_family **ret_family);
void corrali_family_leave_locked(corrali_family *family, corrali_listener *listener);
/* Let families come to terms with what they were told: after each join and each read. */
void corrali_families_settle_locked(corral_client *client);
/* @state is to be delivered: give it the newest data that there are. */
void corrali_family_fill_locked(corrali_snapshot *state);

#endif

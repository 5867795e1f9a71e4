/** Ways of being told of the changes of a znode, for watches.c. */
#ifndef BENCH_WATCH_WAYS_H
#define BENCH_WATCH_WAYS_H

#include <corral/client.h>
#include <corral/watch.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "common.h"
#include "lib/peer.h"
#include "lib/raw.h"

typedef struct watch_way watch_way;

/** What is done with a way: each returns false, with a word about it, when it cannot. */
typedef struct {
    bool (*open)(watch_way *w, const char *servers); /**< begin to be told of w->path */
    /** Wait until told of a value, and say which number it is and when that was, as bench_now(). */
    bool (*hear)(watch_way *w, uint64_t *ret_number, double *ret_at);
    bool (*close)(watch_way *w);
} watch_manner;

struct watch_way {
    const char *name;
    const char *id; /**< its name for other programs */
    const watch_manner *manner;
    const char *kind;     /**< of a peer's */
    unsigned subscribers; /**< of Corral or a peer: it is told when so many have been called */
    bool binary;          /**< the znode's value is 4 bytes, big-endian; else decimal */
    char path[128];
    uint64_t number; /**< the znode's value */

    raw *raw; /**< of bare ones */
    pthread_t thread;
    atomic_bool running;
    corral_client *client; /**< of Corral's */
    corral_watch **watches;
    peer *peer;

    /* Of those in this process: what they were told. */
    sem_t told, changed;
    uint64_t told_number;
    double told_at;
    uint64_t called_number; /**< of which so many have been told until now */
    unsigned called;
};

/** libzookeeper's watch, and from its callback the read that fetches the data and watches anew; no thread
 * more. */
extern const watch_manner watch_bare;
/** The same by a thread that calls zoo_wget(), and waits for the watch's callback to tell it. */
extern const watch_manner watch_bare_loop;
extern const watch_manner watch_corral;
/** Curator's caches, and Kazoo's DataWatch. */
extern const watch_manner watch_curator;
extern const watch_manner watch_kazoo;

/** As raw_open(), without libzookeeper's habit of looking up its hosts twice for each request. */
raw *watch_raw_open(const char *servers);

/** Wait for @semaphore. False: not within a minute. */
bool watch_wait(sem_t *semaphore);

/** The number that @data spell; UINT64_MAX: none. */
uint64_t watch_number(const void *data, size_t length);

#endif

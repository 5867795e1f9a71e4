/**
 * What is tortured: three servers, the network between them, and a proxy
 * before each, through which the workers come.
 *
 * All of it is on the loopback, with proxies in place of cables: that needs no
 * privilege and is the same on every machine.
 */
#ifndef TORTURE_ARENA_H
#define TORTURE_ARENA_H

#include "cli/devserver.h"
#include "lib/proxy.h"
#include "lib/raw.h"
#include "links.h"

enum { ARENA_NODES = 3, ARENA_TICK_MS = 200 };

typedef struct {
    dev_ensemble *ensemble;
    links *links;
    proxy *fronts[ARENA_NODES];
    bool (*interrupted)(void);                             /**< while it is opened; then NULL */
    char servers[ARENA_NODES * sizeof "127.0.0.1:65535,"]; /**< for the workers */
} arena;

/**
 * @interrupted may ask to give up while the servers start. False: it has been
 * said why. Call arena_close() either way.
 */
bool arena_open(arena *a, bool (*interrupted)(void));
void arena_close(arena *a);

/** The leader. -1: there is none within a minute. */
int arena_leader(arena *a);

/** Which of the others than @leader has the most clients, and how many. */
int arena_follower(arena *a, int leader, int *ret_clients);

/** Cut the clients of @node, once: they connect anew, to any of the servers. */
void arena_shake(arena *a, int node);

/** Cut @node off from its peers, and from clients if @altogether; or mend that. */
void arena_cut(arena *a, int node, bool altogether);
void arena_mend(arena *a, int node);

/** Start those that are dead, wake those that are paused, and wait until all serve. Those that die meanwhile
 * are started again; that is said. False: said why. */
bool arena_restore(arena *a);

/** Lose every so-many-th reply to a change; 0: none. */
void arena_lose_replies(arena *a, unsigned every);

/** The sum of a counter of the fronts. */
uint64_t arena_count(arena *a, proxy_counter counter);

/** A client of the leader, to be closed. NULL: said why. */
raw *arena_reader(arena *a);

/** Read the decimal number in @path from the leader. 1: it is there; 0: there is no such znode; -1: said why.
 */
int arena_read(arena *a, const char *path, int64_t *ret_value);

#endif

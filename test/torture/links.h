/**
 * The network between the nodes of an ensemble: for every node, each of its
 * peers is at a port of its own here, from where all goes on to the peer. So
 * two nodes can be cut off from each other as by a broken switch: what is under
 * way stays under way, nothing is refused, nothing arrives, until the cut is
 * mended.
 *
 * A node that is dialed for an election by one with a lower number hangs up,
 * and dials the address that the other one gave as its own. That address is
 * replaced here, or the two would be connected past the cut.
 *
 * One thread moves the bytes. Functions may be called from any other.
 */
#ifndef TORTURE_LINKS_H
#define TORTURE_LINKS_H

#include <stdbool.h>

typedef struct links links;

/** A network without nodes; NULL: errno. */
links *links_open(void);

/** Let it work. False: errno. */
bool links_start(links *l);

/** Join nodes: the port at which @node finds @port of @peer; -1: errno. Any time; made for
 * dev_options.peer_port. */
int links_add(int node, int peer, bool election, int port, void *l);

/** End it. NULL is harmless. */
void links_close(links *l);

/** Cut @node off from all others, or mend that. In force when it returns. */
void links_cut(links *l, int node, bool cut);

#endif

/**
 * Three servers that can be cut off from each other, for tests of what a client
 * is told by one that does not know it yet.
 */
#ifndef TORTURE_SPLIT_H
#define TORTURE_SPLIT_H

#include <corral/client.h>

#include "cli/devserver.h"
#include "links.h"

enum { SPLIT_NODES = 3 };

extern dev_ensemble *ensemble;
extern links *network;

/** Start them. Returns 0, or 1: said why. Call split_close() either way. */
int split_open(int tick_ms);
void split_close(void);

/** Who leads; within TESTING_PATIENCE_MS, or the test ends. */
int split_leader(void);

/** A client of @node alone. */
corral_client *split_client(int node, int64_t session_ms);

#endif

/** The worker's sessions, opened when they are needed and then kept. One thread. */
#ifndef BENCH_SESSIONS_H
#define BENCH_SESSIONS_H

#include <corral.h>

#include <stdbool.h>

#include "lib/raw.h"

enum { SESSIONS_MAX = 1000, SESSIONS_BARE = 2 };

/** Set what servers they are of, and connect the first one. False, and a word about it: it cannot be. */
bool sessions_open(const char *servers);
void sessions_close(void);

const char *sessions_servers(void);

/** Have the first @count connected, at most SESSIONS_MAX. False, and a word about it: they cannot be. */
bool sessions_connect(unsigned count);

/** The client of that number, from 0, which has been connected. */
corral_client *sessions_client(unsigned number);

/** Read the znode at @path by the first one, to no other end than that it has been done. Returns the status.
 */
int sessions_read(const char *path, corral_read level);

/**
 * One of SESSIONS_BARE handles of libzookeeper. By default it looks its hosts up
 * at every request; Corral, and a @tuned one, let it do so when a connection is
 * lost. NULL, and a word about it: no connection.
 */
raw *sessions_bare(unsigned number, bool tuned);

/** Make a znode there, if there is none. False, and a word about it: it cannot be. */
bool sessions_bare_make(raw *r, const char *path);

#endif

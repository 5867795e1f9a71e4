/**
 * What the tests of the sweep share: a client that sweeps often, and what it
 * says of it; what clients that crashed left; and changes made just before a
 * request of the sweep reaches the server. On the fixture's proxy, client and
 * counter.
 */
#ifndef TEST_SWEEPING_H
#define TEST_SWEEPING_H

#include "lib/fixture.h"

#define WRITERS "/corral/writers"
#define MARK "/corral/sweep"
/** Of a client that never was: as one that crashed leaves it. */
#define CRASHED WRITERS "/0123456789abcdef0123456789abcdef"

enum { HOUR_MS = 3600000, SOON_MS = 64, POLL_US = 2000 };

/** The proxy alone, and nothing left of the tests before. */
void sweeping_open(void);

/** See that the client, where there is one, still counts exactly; close everything. */
void sweeping_close(void);

/** Sweep what is @age_ms old every @interval_ms: open the client and its counter, which holds 0. */
void sweeping_begin(int64_t age_ms, int64_t interval_ms);

/* --- what sweeping clients say of their rounds, since sweeping_open() --- */

typedef enum { SWEPT, NOT_DUE, LEFT_ALONE, GIVEN_UP, SAYINGS } saying;

/** Of a client that is listened to. */
corral_client_options sweeping_options(void);

unsigned sweeping_said(saying what);

/** Wait until it was said @count times. */
void sweeping_await(saying what, unsigned count);

/** Wait until @count whole rounds have been made from now on. */
void sweeping_await_rounds(unsigned count);

/* --- counters and znodes --- */

/** Add 1, and assert that this makes @expected. */
void sweeping_assert_add(corral_counter *to, int64_t expected);

bool sweeping_exists(const char *path);

/** Assert that the znode at @path goes soon. */
void sweeping_await_gone(const char *path);

/** What a client that crashed leaves: @directory, and in it lanes "0", "1" and so on. */
void sweeping_make_crashed(const char *directory, int lanes);

/** The directory of the one writer there is. False: there is none, or several. */
bool sweeping_find_writer(char *ret_path, size_t size);

/* --- on the proxy's thread --- */

/** A proxy's hook for cuts, whose arg is the proxy: let no client come back. */
void sweeping_ignore_connections(void *arg);

/**
 * Before each change that the client makes of @path, or of what is below it:
 * touch one znode, make another. NULL: none; @path NULL: before each request.
 */
void sweeping_interfere(const char *path, const char *touch, const char *make);

/** How often that has happened. */
unsigned sweeping_interfered(void);

void sweeping_stop_interfering(void);

#endif

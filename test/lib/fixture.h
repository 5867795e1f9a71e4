/**
 * What most tests of one client begin and end with: a proxy before the server,
 * the client behind it, and of the client a counter, a value, a watch and room for
 * what that tells. What a test does not open, or has closed and set to NULL, is left
 * out at the end.
 */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <corral/counter.h>
#include <corral/value.h>
#include <corral/watch.h>

#include "lib/events.h"
#include "lib/server.h"

extern proxy *through;
extern corral_client *client;
extern corral_counter *counter;
extern corral_value *setting;
extern corral_watch *watch;
extern events noted;

/** The proxy alone. */
void fixture_open_proxy(void);

/** The proxy, and a client with short sessions. */
void fixture_open(void);

/** Let through what is held, and close everything. */
void fixture_close(void);

/** A handle for the counter at @path, to be closed by the test unless it becomes @counter. */
corral_counter *fixture_counter(const char *path);

/** The same for the value there. */
corral_value *fixture_value(const char *path);

/** Note the states of the znode at @path in @into. */
corral_watch *fixture_subscribe(const char *path, events *into);

/** Note the states of its children. */
corral_watch *fixture_subscribe_children(const char *path, corral_watch_kind kind, events *into);

#endif

/** Many subscriptions: what they cost the server, for watches.c. */
#ifndef BENCH_WATCH_MANY_H
#define BENCH_WATCH_MANY_H

#include <stdbool.h>

#include "lib/raw.h"

/** What subscriptions of one client to one path cost. */
typedef struct {
    double watches;  /**< the server's, as it counts them itself */
    double requests; /**< per change, counted by a proxy between the two */
} watch_shared;

/** Have @subscribers in one client watch the znode at @path, and make some changes. False: something failed.
 */
bool watch_many_share(const char *servers, raw *r, const char *path, unsigned subscribers,
                      watch_shared *ret_shared);

/** How subscriptions of one client come back with a new session. */
typedef struct {
    double watches;   /**< the server's, afterwards */
    double in_flight; /**< the most requests without a reply, while a proxy lets none pass for a moment */
    double seconds;   /**< from when it lets them pass until all have been told of a change made meanwhile */
} watch_renewed;

/** Watch @paths znodes below @root, end the session, and change them all. False: something failed. */
bool watch_many_renew(const char *servers, raw *r, const char *root, unsigned paths,
                      watch_renewed *ret_renewed);

#endif

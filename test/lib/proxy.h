/**
 * A TCP proxy in front of one ZooKeeper server that makes a network's faults
 * on demand, at the one place where a test wants them: before a request
 * reaches the server, or after the server has answered it.
 *
 * It listens on a loopback port of its own and does its work in one thread,
 * which also runs the hooks. Every function may be called from any thread,
 * also from a hook. Changes are in force when the call that makes them
 * returns: from then on no byte is treated the old way.
 */
#ifndef TEST_PROXY_H
#define TEST_PROXY_H

#include "lib/wire.h"

typedef struct proxy proxy;

/** What is counted, since proxy_open(). */
typedef enum {
    PROXY_CONNECTIONS, /**< accepted, also those refused at once */
    PROXY_REQUESTS,    /**< from clients; no pings, no connection handshakes */
    PROXY_WRITES,      /**< of these, the ones that change something */
    PROXY_REPLIES,     /**< to these requests, passed on */
    PROXY_CUT_BEFORE,  /**< requests lost */
    PROXY_CUT_AFTER,   /**< replies lost */
    PROXY_COUNTS
} proxy_counter;

/** Where a connection is cut. */
typedef enum {
    PROXY_BEFORE, /**< instead of passing a request on: the server never sees it */
    PROXY_AFTER,  /**< instead of passing its reply on: the client cannot know that it was applied */
    PROXY_PLACES
} proxy_place;

/** A rule for cutting connections. Zero fields mean what their comment says. */
typedef struct {
    bool (*match)(const wire_request *request, void *arg); /**< NULL: requests that change something */
    void *match_arg;
    unsigned every;  /**< every so-many-th matching request; 0 or 1: each */
    unsigned count;  /**< so many times; 0: without limit */
    bool failed_too; /**< PROXY_AFTER: count replies that report a failure as well */
    /**
     * Called once both ends of the connection are closed and before anything
     * else is passed on or accepted: what happens here happens between the
     * loss and the client's next connection.
     */
    void (*on_cut)(void *arg);
    void *on_cut_arg;
} proxy_rule;

/** Directions that can be held. Bits, 1 << relay_side. */
#define PROXY_HOLD_REQUESTS 1u
#define PROXY_HOLD_REPLIES 2u

/** What becomes of new connections. */
typedef enum {
    PROXY_ACCEPT,
    PROXY_REFUSE, /**< closed at once */
    PROXY_IGNORE  /**< left in the backlog: the client is connected and gets no answer */
} proxy_admission;

/** Make a proxy for the first "address:port" of the connect string @servers, an IPv4 address. NULL: errno. */
proxy *proxy_open(const char *servers);

/** Cut all connections, stop the thread and free @p. NULL is harmless. Not from a hook. */
void proxy_close(proxy *p);

/**
 * The connect string of @p itself: "127.0.0.1:port", several times over, since
 * libzookeeper pauses before it connects anew only when it has tried them all.
 */
const char *proxy_servers(const proxy *p);

/** Cut at @place as @rule says, counting anew; NULL: no more. One rule for each place. */
void proxy_cut(proxy *p, proxy_place place, const proxy_rule *rule);

/** Cut all connections now. */
void proxy_cut_all(proxy *p);

/** Keep back the bytes of the given @directions (0: none), connections staying open; then pass them on. */
void proxy_hold(proxy *p, unsigned directions);

void proxy_admit(proxy *p, proxy_admission admission);

uint64_t proxy_count(proxy *p, proxy_counter counter);

/** Wait until @counter is at least @count. False: it was not in @timeout_ms. Not from a hook. */
bool proxy_wait(proxy *p, proxy_counter counter, uint64_t count, int64_t timeout_ms);

/** The session last established through @p. False: there has been none. */
bool proxy_session(proxy *p, int64_t *ret_id, char ret_password[16]);

#endif

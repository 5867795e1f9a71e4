/**
 * The ZooKeeper that a test program runs against: started once for all its
 * tests, on the loopback, with a client of libzookeeper's own beside it.
 */
#ifndef TEST_SERVER_H
#define TEST_SERVER_H

#include <corral/client.h>

#include "cli/devserver.h"
#include "lib/proxy.h"
#include "lib/raw.h"
#include "lib/testing.h"

/** Sessions of this length make libzookeeper reconnect fast: it waits a sixtieth of it between attempts. */
#define SERVER_SESSION_MS 6000

/** Start @nodes servers, run @suites as testing_run() does, stop the servers. For main(). */
int server_run_suites(int nodes, int argc, char **argv, const CU_SuiteInfo *suites);

dev_ensemble *server_ensemble(void);

/** The connect string of all nodes. */
const char *server_connect(void);

/** A client beside Corral's; for the test's own thread. */
raw *server_raw(void);

/** A Corral client of @servers with short sessions; a failure to make one ends the test. */
corral_client *server_client(const char *servers);

/** The same, with what else @options say. */
corral_client *server_client_with(const char *servers, corral_client_options options);

/** Cut the client behind @p off and end its session at the server. False: that could not be done. */
bool server_expire(proxy *p);

/** Assert that the znode at @path holds exactly @text. */
#define ASSERT_ZNODE(path, text) server_assert_znode((path), (text), __FILE__, __LINE__)
void server_assert_znode(const char *path, const char *text, const char *file, unsigned line);

/** The same, once it does: for what is under way and told by no reply. */
#define ASSERT_ZNODE_SOON(path, text) server_assert_znode_soon((path), (text), __FILE__, __LINE__)
void server_assert_znode_soon(const char *path, const char *text, const char *file, unsigned line);

/** Put @text into the znode at @path, made if need be. */
void server_put(const char *path, const char *text);

#endif

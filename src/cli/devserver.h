/**
 * A throw-away ZooKeeper ensemble on this machine's loopback interface, from
 * the packaged ZooKeeper (Debian's `zookeeper`): behind `corral dev`, and what
 * the tests run against. Needs nothing of Corral itself.
 *
 * Each node is a java process of its own with data, configuration and log under
 * one directory, made under $TMPDIR, and listens on 127.0.0.1 only. Its ports
 * stay reserved for it as long as the ensemble exists, also while it is dead.
 *
 * Nodes are counted from 0. Threads: no locking; one thread at a time per
 * ensemble. The servers are killed when the *thread* that started them ends
 * (PR_SET_PDEATHSIG), so that none outlives a killed program: call dev_start()
 * and dev_restart() from a thread that stays, best the main one.
 */
#ifndef CORRAL_DEVSERVER_H
#define CORRAL_DEVSERVER_H

#include <stdbool.h>
#include <stddef.h>

#define DEV_MAX_NODES 5

/** Where `dev_start` looks for ZooKeeper; $CORRAL_DEV_CLASSPATH wins. */
#define DEV_ZOOKEEPER_JAR "/usr/share/java/zookeeper.jar"

typedef struct dev_ensemble dev_ensemble;

/** Options of an ensemble. A zero field means its default. */
typedef struct {
    int nodes;                   /**< 1 (default) to DEV_MAX_NODES; 2 and more form a quorum */
    int tick_ms;                 /**< ZooKeeper's tickTime; default 500. Session timeouts: 1 s to 60 s */
    int start_timeout_ms;        /**< until every node serves; default 60,000 */
    bool disk;                   /**< a write waits for it, as those of lasting servers have to */
    bool (*canceled)(void *arg); /**< asked while waiting for the servers: true gives up */
    void *canceled_arg;
    /**
     * Asked, before any server is started, at which port @node shall look for
     * the quorum or election port @port of @peer: that of a proxy, perhaps.
     * Negative gives up. NULL: at @port itself.
     */
    int (*peer_port)(int node, int peer, bool election, int port, void *arg);
    void *peer_port_arg;
} dev_options;

/**
 * Start an ensemble and wait until every node serves. Returns 0; -1 after
 * taking everything down again, with one line of explanation in @error.
 */
int dev_start(const dev_options *options, dev_ensemble **ret_ensemble, char *error, size_t error_size);

/** Kill and reap every server, remove their directory. NULL is harmless. */
void dev_stop(dev_ensemble *ensemble);

/** All nodes as a ZooKeeper connect string. Valid until dev_stop(). */
const char *dev_connect_string(const dev_ensemble *ensemble);

/** The directory of the ensemble; node N keeps its log in DIR/N/log. */
const char *dev_directory(const dev_ensemble *ensemble);

int dev_nodes(const dev_ensemble *ensemble);

/** The client port of @node. It never changes. */
int dev_port(const dev_ensemble *ensemble, int node);

/** Does @node have a process that has not been seen to end? */
bool dev_alive(const dev_ensemble *ensemble, int node);

/** SIGKILL @node and reap it. Harmless on a dead one. */
void dev_kill(dev_ensemble *ensemble, int node);

/**
 * Start @node again, on its data and ports (killing it first if it runs), and
 * wait until it serves. Returns 0, or -1 with @error. Without a quorum of
 * others it cannot serve: to bring back several nodes use dev_spawn() for each
 * and then dev_wait_serving().
 */
int dev_restart(dev_ensemble *ensemble, int node, char *error, size_t error_size);

/** As dev_restart(), but without waiting. */
int dev_spawn(dev_ensemble *ensemble, int node, char *error, size_t error_size);

/** Wait until every node that is neither dead nor paused serves. Returns 0, or -1 with @error. */
int dev_wait_serving(dev_ensemble *ensemble, char *error, size_t error_size);

/** Freeze (SIGSTOP) and thaw (SIGCONT) @node: its connections stay open and silent. */
void dev_pause(dev_ensemble *ensemble, int node);
void dev_resume(dev_ensemble *ensemble, int node);

/** The node that leads (or the only one), -1 if none says so at the moment. */
int dev_leader(dev_ensemble *ensemble);

/**
 * Look, without waiting, for a server that ended by itself. Returns the node,
 * once per death, with a line about it in @error; -1 if there is none.
 */
int dev_ended(dev_ensemble *ensemble, char *error, size_t error_size);

/**
 * Ask the server at 127.0.0.1:@port the four-letter command @word ("mntr");
 * its answer goes to @buffer, terminated, cut to @size. Returns its length, or
 * -1 when there was none within 2 s.
 */
int dev_four_letter(int port, const char *word, char *buffer, size_t size);

#endif

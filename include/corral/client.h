/**
 * A client: one ZooKeeper session at a time, kept up in the background.
 *
 * Threads: every function may be called from any thread. All callbacks of a
 * client run one after another and with no lock held: on a dispatch thread of
 * its own or, with CORRAL_DISPATCH_FD, where the program's event loop calls
 * corral_client_dispatch(). So a callback may call anything that does not
 * wait. Blocking calls and corral_client_close() from a callback of the same
 * client return CORRAL_EDEADLK. After fork() the child may use no object of the parent:
 * every call returns CORRAL_EFORK and changes nothing. All signals are blocked
 * in the client's threads.
 *
 * The library never prints. ZooKeeper's own messages go to the log callbacks.
 */
#ifndef CORRAL_CLIENT_H
#define CORRAL_CLIENT_H

#include <corral/export.h>

CORRAL_BEGIN_DECLS

typedef struct corral_client corral_client;

/** What a state callback is told; also corral_client_state(). */
typedef enum {
    CORRAL_STATE_CONNECTING,  /**< no session yet */
    CORRAL_STATE_CONNECTED,   /**< first session established */
    CORRAL_STATE_SUSPENDED,   /**< connection lost, the session may live on */
    CORRAL_STATE_LOST,        /**< session expired; a new one is being made */
    CORRAL_STATE_RECONNECTED, /**< connected again, in the old or a new session */
    CORRAL_STATE_AUTH_FAILED, /**< the server refused the credentials: final but for CLOSED */
    CORRAL_STATE_CLOSED       /**< corral_client_close() was called: always the last */
} corral_state;

typedef void (*corral_state_cb)(corral_client *client, corral_state state, void *arg);

typedef enum {
    CORRAL_LOG_NONE,
    CORRAL_LOG_ERROR,
    CORRAL_LOG_WARN,
    CORRAL_LOG_INFO,
    CORRAL_LOG_DEBUG
} corral_log_level;

/**
 * One line of log, without newline; @message is valid during the call only.
 *
 * Called at once on whichever thread has something to say, possibly with
 * locks of the library held and from several threads at a time: it must be
 * short and call no corral_ function (those return CORRAL_EDEADLK there).
 * libzookeeper cannot tell which of its handles speaks, so its messages go to
 * every open client that has a log callback.
 */
typedef void (*corral_log_cb)(corral_log_level level, const char *message, void *arg);

/** Credentials: @scheme as "digest", @credential as "user:password". */
typedef struct {
    const char *scheme;
    const char *credential;
} corral_auth;

/** The access control list of the znodes that a client makes. */
typedef enum {
    CORRAL_ACL_OPEN,        /**< anybody may do everything (default) */
    CORRAL_ACL_CREATOR_ALL, /**< only who has this client's credentials; needs at least one */
    CORRAL_ACL_EXPLICIT     /**< acl_entries */
} corral_acl_kind;

#define CORRAL_PERM_READ 1
#define CORRAL_PERM_WRITE 2
#define CORRAL_PERM_CREATE 4
#define CORRAL_PERM_DELETE 8
#define CORRAL_PERM_ADMIN 16
#define CORRAL_PERM_ALL 31

/** One entry of an explicit list: @perms of CORRAL_PERM_..., for (@scheme, @id). */
typedef struct {
    int32_t perms;
    const char *scheme;
    const char *id;
} corral_acl;

/** Where the callbacks of a client run. The log callback alone has no such place. */
typedef enum {
    CORRAL_DISPATCH_THREAD, /**< on a thread that the client makes for them (default) */
    CORRAL_DISPATCH_FD      /**< on the program's threads: see corral_client_fd() */
} corral_dispatch;

#define CORRAL_CLIENT_OPTIONS_VERSION 1

/** Options of a client. Everything is copied. A zero field means its default. */
typedef struct {
    uint32_t version;               /**< CORRAL_CLIENT_OPTIONS_VERSION */
    corral_acl_kind acl;            /**< of the znodes made */
    int64_t session_timeout_ms;     /**< asked of the server; default 10,000, at most INT32_MAX */
    int64_t request_timeout_ms;     /**< for operations with timeout 0; default: session timeout */
    const char *home;               /**< house-keeping znodes; default $CORRAL_HOME, else "/corral" */
    const corral_auth *auth;        /**< default: $CORRAL_AUTH ("scheme:credential") if set */
    size_t auth_count;
    const corral_acl *acl_entries;  /**< for CORRAL_ACL_EXPLICIT */
    size_t acl_count;
    corral_state_cb state_cb;
    void *state_arg;
    corral_log_cb log_cb;
    void *log_arg;
    corral_log_level log_level;     /**< default CORRAL_LOG_WARN when log_cb is set */
    corral_dispatch dispatch;       /**< where callbacks run */
} corral_client_options;

#define CORRAL_CLIENT_OPTIONS_INIT { CORRAL_CLIENT_OPTIONS_VERSION, CORRAL_ACL_OPEN, 0, 0, NULL, \
    NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, CORRAL_LOG_NONE, CORRAL_DISPATCH_THREAD }

/**
 * Make a client of the ensemble @servers ("host:port,host:port/chroot"; NULL:
 * $CORRAL_SERVERS, else "127.0.0.1:2181"). Returns at once and connects in the
 * background; operations submitted meanwhile wait for the connection. A chroot
 * that does not exist is made by the first write. @options may be NULL. A
 * variable of the environment that is empty counts as unset.
 *
 * Returns 0; CORRAL_EINVAL for a malformed connect string, option or
 * credential; CORRAL_ENOMEM (also: no thread or descriptor could be made).
 */
CORRAL_API int corral_client_open(const char *servers, const corral_client_options *options,
                                  corral_client **ret_client);

/**
 * End all operations (CORRAL_ECLOSED, or CORRAL_EUNCERTAIN when one may have
 * been applied), run what callbacks are due, remove the client's house-keeping
 * znodes, end the session and free the client. May take some seconds when the
 * server does not answer. Objects made from the client may be closed before or
 * after; their calls then return CORRAL_ECLOSED. With CORRAL_DISPATCH_FD the
 * callbacks run on the calling thread, and the descriptor is closed.
 *
 * NULL is harmless and 0. CORRAL_EDEADLK from a callback, CORRAL_EFORK in a
 * forked child: nothing done. No other thread may use @client meanwhile or after.
 */
CORRAL_API int corral_client_close(corral_client *client);

/** The state of @client now. Any thread. */
CORRAL_API corral_state corral_client_state(const corral_client *client);

/**
 * The descriptor of a client with CORRAL_DISPATCH_FD, for poll(), epoll and
 * their like. It is readable (POLLIN) exactly while callbacks are due: call
 * corral_client_dispatch() then. The program neither reads, writes nor closes
 * it; it is the same one until corral_client_close(), which closes it, and
 * before which it must be taken out of a loop that goes on.
 *
 * In this mode the client has no dispatch thread, and callbacks run nowhere but
 * inside corral_client_dispatch(), and inside calls that may have to wait for a
 * callback, or for the function of an update: corral_client_close(), the close
 * of an object that has callbacks due, corral_op_wait() unless its timeout is 0,
 * and blocking calls that change a counter. These run whatever is due, in
 * order, also callbacks of other objects of the client, instead of waiting for
 * a loop that may be their own caller's. So a loop's thread may make them, too.
 *
 * Returns a descriptor, which is at least 0; CORRAL_ENOTSUP in the other mode,
 * CORRAL_EINVAL for NULL, CORRAL_EFORK. Any thread.
 */
CORRAL_API int corral_client_fd(corral_client *client);

/**
 * Run the callbacks that are due now, on this thread, without waiting for more.
 * What becomes due meanwhile is left for the next call, so that a callback that
 * submits operations does not keep the loop from its other work.
 *
 * Several threads may call this: one at a time runs callbacks, the others wait
 * until it is done and then run what is due by then.
 *
 * Returns how many operations and other events were delivered, 0 when nothing
 * was due. (An operation that was given no callback counts; several states for
 * one state callback count as one event.) CORRAL_EDEADLK from a callback of the
 * same client; CORRAL_ENOTSUP without CORRAL_DISPATCH_FD; CORRAL_EINVAL for
 * NULL; CORRAL_EFORK. Any thread.
 */
CORRAL_API int corral_client_dispatch(corral_client *client);

/** Figures of a client since it was opened; for monitoring and tests. */
typedef struct {
    uint64_t sessions;            /**< sessions established */
    uint64_t requests;            /**< requests handed to libzookeeper */
    uint64_t operations;          /**< operations ended */
    uint64_t batches;             /**< counter batches committed */
    uint64_t lost_races;          /**< batches that found the counter changed by others */
    uint64_t resends;             /**< batches sent again after a lost reply */
    uint64_t resends_applied;     /**< ... found applied by the first attempt */
    uint64_t resends_not_applied; /**< ... found not applied: committed by the resend, or made anew */
    uint64_t uncertain;           /**< operations that ended CORRAL_EUNCERTAIN */
    uint64_t ids_awaited;         /**< calls for IDs of a BLOCK that found too few leased, and waited */
} corral_client_stats;

/** Copy the figures of @client to @ret_stats. Returns 0, CORRAL_EINVAL or CORRAL_EFORK. Any thread. */
CORRAL_API int corral_client_get_stats(corral_client *client, corral_client_stats *ret_stats);

/** The version of the library that runs, as "0.1.0". */
CORRAL_API const char *corral_version(void);

CORRAL_END_DECLS

#endif

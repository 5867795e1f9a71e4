/**
 * Watches: a subscription to a znode's data.
 *
 * A subscription delivers the current state of the znode first, then every
 * later state that it sees: its value, or that it does not exist, or why it
 * cannot be read. A state is never older than one delivered before, and none
 * is delivered twice in a row. When changes follow each other faster than they
 * can be read or than the callback returns, those in between are left out and
 * counted; the last state always arrives, also when the znode is deleted and
 * made anew, the connection is lost, or the session expires.
 *
 * Any number of subscriptions of one client to one path cost the server one
 * watch, and each change one read.
 */
#ifndef CORRAL_WATCH_H
#define CORRAL_WATCH_H

#include <corral/client.h>
#include <corral/op.h>

#include <stdbool.h>

CORRAL_BEGIN_DECLS

typedef struct corral_watch corral_watch;

/**
 * A state of the znode. It and its @value are valid during the callback only.
 *
 * @status 0: @exists tells whether there is a znode. If so @value is its data,
 * @length bytes without a terminating zero (NULL when there are none), and
 * @stamp tells which change made it so, with index 0; else these are zero.
 *
 * Any other @status: the znode cannot be read, for instance CORRAL_EACCES, and
 * the other fields are zero. It is told once; reading is tried again every few
 * seconds, and when it works, or fails otherwise, that is the next state. Servers
 * do not tell of a lost permission, so that it may be noticed only after half a
 * minute, or more where many paths are watched. The last state is CORRAL_ECLOSED when the client is closed before the subscription,
 * and CORRAL_EACCES when the server refuses the client's credentials.
 *
 * @skipped: how many changes between the state with status 0 delivered before
 * and this one were left out. Of one incarnation of the znode each is counted;
 * of incarnations that came and went unseen, one deletion and one creation.
 */
typedef struct {
    int status;
    bool exists;
    const void *value;
    size_t length; /**< bytes */
    corral_stamp stamp;
    uint64_t skipped;
} corral_watch_event;

/** Called on the client's dispatch thread, with no lock held; as of corral/op.h, it may not wait. */
typedef void (*corral_watch_cb)(const corral_watch_event *event, void *arg);

#define CORRAL_WATCH_OPTIONS_VERSION 1

/** Options of a subscription: none so far. */
typedef struct {
    uint32_t version; /**< CORRAL_WATCH_OPTIONS_VERSION */
} corral_watch_options;

#define CORRAL_WATCH_OPTIONS_INIT { CORRAL_WATCH_OPTIONS_VERSION }

/**
 * Subscribe to the znode at @path, which need not exist; @path is as
 * corral_counter_open() has it. Returns at once; @cb, with @arg, is called from
 * then on, never from inside this call. @options may be NULL.
 *
 * Returns 0; CORRAL_EINVAL (path, options, no @cb); CORRAL_ECLOSED;
 * CORRAL_EACCES (the server refused the client's credentials);
 * CORRAL_EEXHAUSTED: the paths that this client watches, all together, would
 * be longer than 512 KiB, more than it could make known to a server after a lost
 * connection; CORRAL_ENOMEM; CORRAL_EFORK. Any thread, also from callbacks.
 * The subscription is the caller's, to be ended with corral_watch_close(),
 * before or after the client.
 */
CORRAL_API int corral_watch_open(corral_client *client, const char *path, const corral_watch_options *options,
                                 corral_watch_cb cb, void *arg, corral_watch **ret_watch);

/**
 * End the subscription and free @watch. Its callback is not called any more;
 * one that is running on another thread is waited for. From the callback itself it
 * works too: that call is then the last. So what the callback's arg points to
 * may be freed afterwards. NULL is harmless. Returns 0 or CORRAL_EFORK. Any thread.
 */
CORRAL_API int corral_watch_close(corral_watch *watch);

CORRAL_END_DECLS

#endif

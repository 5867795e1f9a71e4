/**
 * Watches: a subscription to a znode's data, or to its children.
 *
 * A subscription delivers the current state of the znode first, then every later
 * state that it sees: its value, or its children, or that it does not exist, or
 * why it cannot be read. A state is never older than one delivered before, and
 * none is delivered twice in a row. When changes follow each other faster than
 * they can be read or than the callback returns, those in between are left out and
 * counted; the last state always arrives, also when the znode is deleted and made
 * anew, the connection is lost, or the session expires. So a subscription never
 * holds more than the state delivered last and the newest one.
 *
 * Any number of subscriptions of one client to one path cost the server one watch,
 * and each change one read; those to data and those to children are apart. A
 * client has at most 1000 such reads under way.
 */
#ifndef CORRAL_WATCH_H
#define CORRAL_WATCH_H

#include <corral/client.h>
#include <corral/op.h>

#include <stdbool.h>

CORRAL_BEGIN_DECLS

typedef struct corral_watch corral_watch;

/** What to subscribe to. */
typedef enum {
    CORRAL_WATCH_DATA,
    CORRAL_WATCH_CHILDREN,     /**< the names of the children, not what is below them */
    CORRAL_WATCH_CHILDREN_DATA /**< ... and the data of each, which are watched as if subscribed to */
} corral_watch_kind;

/**
 * A child. All but @name is zero unless CORRAL_WATCH_CHILDREN_DATA was asked for;
 * then @value, @length and @stamp are as an event of its own would have them, and
 * @status tells why the child cannot be read, if it cannot.
 */
typedef struct {
    const char *name;
    int status;
    const void *value;
    size_t length; /**< bytes */
    corral_stamp stamp;
} corral_watch_child;

/**
 * A state of the znode. It and all that it points to are valid during the callback
 * only.
 *
 * @status 0: @exists tells whether there is a znode. If so @stamp tells which
 * change made it so, with index 0. Of a subscription to data @value is the
 * znode's, @length bytes without a terminating zero (NULL when there are none). Of
 * one to children @children are @child_count of them, sorted by name (NULL when
 * there are none), and what the stamp tells of are their creations and deletions:
 * its mzxid is the znode's pzxid, its version the cversion. All else is zero.
 *
 * Of children with data, an event follows also when the data of one have changed,
 * with the same stamp as before. The list is one state, as each child's data are,
 * but not all of them need have been so at one moment. A child that has gone since
 * the list was read is left out.
 *
 * Any other @status: the znode cannot be read, for instance CORRAL_EACCES, and the
 * other fields are zero. It is told once; reading is tried again every few
 * seconds, and when it works, or fails otherwise, that is the next state. Servers
 * do not tell of a lost permission, so that it may be noticed only after half a
 * minute, or more where many paths are watched. CORRAL_EEXHAUSTED: the paths of
 * children whose data are asked for are too long to be watched, as with
 * corral_watch_open(); when there are fewer, that is the next state. The last
 * state is CORRAL_ECLOSED when the client is closed before the subscription, and
 * CORRAL_EACCES when the server refuses the client's credentials.
 *
 * @skipped: how many changes between the state with status 0 delivered before and
 * this one were left out. Of one incarnation of the znode each is counted, but for
 * those that nothing was seen of before its deletion; of incarnations that came and
 * went unseen, one deletion and one creation. Of children with data it counts what
 * their list has left out and, of children that stayed, their own data.
 */
typedef struct {
    int status;
    bool exists;
    const void *value;
    size_t length; /**< bytes */
    corral_stamp stamp;
    uint64_t skipped;
    const corral_watch_child *children;
    size_t child_count;
} corral_watch_event;

/** Called on the client's dispatch thread, with no lock held; as of corral/op.h, it may not wait. */
typedef void (*corral_watch_cb)(const corral_watch_event *event, void *arg);

#define CORRAL_WATCH_OPTIONS_VERSION 1

/** Options of a subscription. */
typedef struct {
    uint32_t version; /**< CORRAL_WATCH_OPTIONS_VERSION */
    corral_watch_kind kind;
} corral_watch_options;

#define CORRAL_WATCH_OPTIONS_INIT                                                                            \
    {                                                                                                        \
        CORRAL_WATCH_OPTIONS_VERSION, CORRAL_WATCH_DATA                                                      \
    }

/**
 * Subscribe to the znode at @path, which need not exist; @path is as
 * corral_counter_open() has it. Returns at once; @cb, with @arg, is called from
 * then on, never from inside this call. @options may be NULL.
 *
 * Returns 0; CORRAL_EINVAL (path, options, no @cb); CORRAL_ECLOSED; CORRAL_EACCES
 * (the server refused the client's credentials); CORRAL_EEXHAUSTED: the paths that
 * this client watches, all together, would be longer than 512 KiB, more than it
 * could make known to a server after a lost connection (one whose children are
 * watched counts twice); CORRAL_ENOMEM; CORRAL_EFORK. Any thread, also from
 * callbacks. The subscription is the caller's, to be ended with
 * corral_watch_close(), before or after the client.
 *
 * A server with a jute.maxbuffer below 1 MiB may refuse fewer paths than that: it
 * closes each connection after a lost one, until fewer are watched.
 */
CORRAL_API int corral_watch_open(corral_client *client, const char *path, const corral_watch_options *options,
                                 corral_watch_cb cb, void *arg, corral_watch **ret_watch);

/**
 * End the subscription and free @watch. Its callback is not called any more; one
 * that is running on another thread is waited for. From the callback itself it
 * works too: that call is then the last. So what the callback's arg points to may
 * be freed afterwards. NULL is harmless. Returns 0 or CORRAL_EFORK. Any thread.
 *
 * Where it was the last one to a znode that is absent, the server keeps a watch
 * of that until it is created or the session ends.
 */
CORRAL_API int corral_watch_close(corral_watch *watch);

CORRAL_END_DECLS

#endif

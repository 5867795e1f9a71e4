/**
 * Counters: a signed 64-bit value in a persistent znode.
 *
 * The znode holds the value in ASCII decimal, as Kazoo's Counter writes it and
 * any tool can read it, or in one of the binary forms of Curator. All changes
 * are compare-and-swap on the znode's version, so clients of any kind can share
 * a counter.
 *
 * Operations of one client on one counter that are under way at the same time
 * are combined: they leave as one request, and each gets its own exact result,
 * as if they had run one after another in the order of their calls. Alone, an
 * operation is one round trip.
 *
 * By default every operation is applied exactly once, whatever replies are
 * lost: beside the counter each batch writes a marker of the client's own (a
 * "lane", under the client's home), in the same transaction, by which a lost
 * reply is resolved afterwards. Such an operation ends CORRAL_EUNCERTAIN only
 * if it was canceled, timed out or closed in between, or if somebody meddled
 * with the lane. With CORRAL_COUNTER_AT_MOST_ONCE there is no lane, and every lost
 * reply is CORRAL_EUNCERTAIN.
 */
#ifndef CORRAL_COUNTER_H
#define CORRAL_COUNTER_H

#include <corral/client.h>
#include <corral/op.h>
#include <corral/watch.h>

CORRAL_BEGIN_DECLS

typedef struct corral_counter corral_counter;

/** How fresh a read must be. */
typedef enum {
    CORRAL_READ_LOCAL,       /**< as the connected server has it; never older than what this client saw */
    CORRAL_READ_SYNC,        /**< after a sync() of that server with its leader */
    CORRAL_READ_LINEARIZABLE /**< after a quorum has agreed: sees every change acknowledged before the call */
} corral_read;

/** Flags of a counter. */
#define CORRAL_COUNTER_AT_MOST_ONCE 1u

/**
 * How the znode spells the value. An empty znode holds no value in any of them:
 * Kazoo's Counter makes one when it is first used, and until its first add
 * every operation is CORRAL_ECORRUPT.
 */
typedef enum {
    CORRAL_ENCODING_DECIMAL,  /**< ASCII; Kazoo's Counter */
    CORRAL_ENCODING_INT64_BE, /**< 8 bytes, big-endian; Curator's DistributedAtomicLong */
    CORRAL_ENCODING_INT32_BE  /**< 4 bytes; Curator's SharedCount and DistributedAtomicInteger */
} corral_encoding;

#define CORRAL_COUNTER_OPTIONS_VERSION 1

/**
 * Options of a counter. No operation through this handle brings the value below
 * @min or above @max; a value that somebody else has brought there can be read,
 * and brought back. INT64_MIN and INT64_MAX stand for what the encoding can
 * spell.
 */
typedef struct {
    uint32_t version; /**< CORRAL_COUNTER_OPTIONS_VERSION */
    uint32_t flags;   /**< of CORRAL_COUNTER_... */
    corral_encoding encoding;
    int64_t min;
    int64_t max;
} corral_counter_options;

#define CORRAL_COUNTER_OPTIONS_INIT { CORRAL_COUNTER_OPTIONS_VERSION, 0, CORRAL_ENCODING_DECIMAL, \
    INT64_MIN, INT64_MAX }

/**
 * Make a handle for the counter at @path, which need not exist. Sends nothing.
 * @path begins with a slash, is relative to the client's chroot, and has at
 * most 1,023 bytes of UTF-8: no empty, "." or ".." part, no slash at the end, no
 * control characters, nothing beyond U+FFFF. Handles of one client on
 * one counter share what is known of it, and are combined.
 *
 * Returns 0; CORRAL_EINVAL (path, options, bounds beyond the encoding or with
 * nothing between them); CORRAL_ECLOSED; CORRAL_ENOMEM;
 * CORRAL_EFORK. The handle keeps what it needs of the client; close it with
 * corral_counter_close(), before or after the client.
 */
CORRAL_API int corral_counter_open(corral_client *client, const char *path,
                                   const corral_counter_options *options, corral_counter **ret_counter);

/**
 * End the operations of @counter (as corral_client_close() does) and free it.
 * Outside a callback it returns after the last callback of those operations
 * has; from a callback they still run afterwards. NULL is harmless.
 * Returns 0 or CORRAL_EFORK.
 */
CORRAL_API int corral_counter_close(corral_counter *counter);

/*
 * Errors that all operations below share: CORRAL_EINVAL; CORRAL_ETIMEDOUT,
 * CORRAL_ECANCELED, CORRAL_ECLOSED (not applied); CORRAL_EUNCERTAIN;
 * CORRAL_ECORRUPT (the znode holds nothing of that encoding; it is left as it
 * is); CORRAL_EACCES (the znode, a parent or the client's home; see
 * corral_op_path()); CORRAL_ENOTSUP (a parent is ephemeral); CORRAL_EEXHAUSTED
 * (somebody else's writes have brought the znode to version -1); CORRAL_ESERVER;
 * CORRAL_ENOMEM; CORRAL_EDEADLK; CORRAL_EFORK.
 */

/**
 * Add @delta, which may be negative. A counter that does not exist is made,
 * with the parents it needs, and starts at 0. The sum goes to @ret_value
 * (NULL: not wanted). CORRAL_ERANGE: it would be out of bounds; nothing changed.
 */
CORRAL_API int corral_counter_add(corral_counter *counter, int64_t delta, int64_t timeout_ms,
                                  int64_t *ret_value);
CORRAL_API int corral_counter_add_async(corral_counter *counter, int64_t delta, int64_t timeout_ms,
                                        corral_int64_cb cb, void *arg, corral_op **ret_op);

/** Read the value to @ret_value. CORRAL_ENOENT: there is no such counter. */
CORRAL_API int corral_counter_get(corral_counter *counter, corral_read level, int64_t timeout_ms,
                                  int64_t *ret_value);
CORRAL_API int corral_counter_get_async(corral_counter *counter, corral_read level, int64_t timeout_ms,
                                        corral_int64_cb cb, void *arg, corral_op **ret_op);

/**
 * Set the value to @value; a counter that does not exist is made. The value
 * before (0 if it did not exist) goes to @ret_previous (NULL: not wanted).
 * CORRAL_ERANGE: @value is out of bounds; nothing sent.
 */
CORRAL_API int corral_counter_set(corral_counter *counter, int64_t value, int64_t timeout_ms,
                                  int64_t *ret_previous);
CORRAL_API int corral_counter_set_async(corral_counter *counter, int64_t value, int64_t timeout_ms,
                                        corral_int64_cb cb, void *arg, corral_op **ret_op);

/**
 * Set the value to @desired if it is @expected. Either way the value found
 * goes to @ret_actual (NULL: not wanted): @expected with 0, the other value
 * with CORRAL_ECONFLICT. CORRAL_ENOENT: there is no such counter. CORRAL_ERANGE:
 * @desired is out of bounds; nothing sent.
 */
CORRAL_API int corral_counter_compare_set(corral_counter *counter, int64_t expected, int64_t desired,
                                          int64_t timeout_ms, int64_t *ret_actual);
CORRAL_API int corral_counter_compare_set_async(corral_counter *counter, int64_t expected, int64_t desired,
                                                int64_t timeout_ms, corral_int64_cb cb, void *arg,
                                                corral_op **ret_op);

/**
 * What an update makes of @value: to be put to @ret_value, and 0 returned. Any
 * negative number instead ends the operation with that as its status, and
 * changes nothing. It must depend on nothing but its arguments: it may be
 * called several times until one of its answers is the one that counts.
 */
typedef int (*corral_counter_fn)(int64_t value, int64_t *ret_value, void *fn_arg);

/**
 * Set the value to what @fn makes of it (of 0 if there is no counter, which is
 * then made). The new value goes to @ret_value (NULL: not wanted). @fn runs
 * where callbacks run, with no lock held, and may not wait; the client's other
 * operations on this counter wait for it. While it runs the operation does not
 * end; @fn_arg is not used any more once it has ended. CORRAL_ERANGE: @fn asks
 * for a value out of bounds, nothing changed; CORRAL_EINVAL: also when @fn
 * returns a positive number or CORRAL_EUNCERTAIN.
 */
CORRAL_API int corral_counter_update(corral_counter *counter, corral_counter_fn fn, void *fn_arg,
                                     int64_t timeout_ms, int64_t *ret_value);
CORRAL_API int corral_counter_update_async(corral_counter *counter, corral_counter_fn fn, void *fn_arg,
                                           int64_t timeout_ms, corral_int64_cb cb, void *arg,
                                           corral_op **ret_op);

/**
 * Delete the znode. CORRAL_ENOENT: there was none; CORRAL_ECONFLICT: it has
 * children, nothing changed. Handles stay usable: an add makes it anew.
 */
CORRAL_API int corral_counter_destroy(corral_counter *counter, int64_t timeout_ms);
CORRAL_API int corral_counter_destroy_async(corral_counter *counter, int64_t timeout_ms, corral_status_cb cb,
                                            void *arg, corral_op **ret_op);

/**
 * A state of the counter: as corral_watch_event, with @value in place of data.
 * @status CORRAL_ECORRUPT: the znode holds nothing of the counter's encoding;
 * @exists and @stamp are set, and the next change tells what has become of it.
 */
typedef struct {
    int status;
    bool exists;
    int64_t value;
    corral_stamp stamp;
    uint64_t skipped;
} corral_counter_event;

/** Called on the client's dispatch thread, with no lock held; @event is valid during the call only. */
typedef void (*corral_counter_cb)(const corral_counter_event *event, void *arg);

/**
 * Subscribe to the value: @cb, with @arg, is called with the current one, then
 * with every later one that is seen, as corral/watch.h says. Shares the server's
 * watch with all other subscriptions of the client to this path.
 *
 * Returns as corral_watch_open() does. The subscription is the caller's, to be
 * ended with corral_watch_close(); it goes on when @counter is closed.
 */
CORRAL_API int corral_counter_subscribe(corral_counter *counter, corral_counter_cb cb, void *arg,
                                        corral_watch **ret_watch);

CORRAL_END_DECLS

#endif

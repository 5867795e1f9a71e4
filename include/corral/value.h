/**
 * Values: plain bytes in a persistent znode, such as a configuration.
 *
 * Every change is applied exactly once, whatever replies are lost: beside the
 * znode it writes a marker of the client's own (a "lane", as of
 * corral/counter.h), in the same transaction, by which a lost reply is resolved
 * afterwards. A change ends CORRAL_EUNCERTAIN only if it was canceled, timed
 * out or closed after it was sent, if somebody meddled with the lane, or if a
 * compare_set met a znode that another program had deleted and made again a
 * moment ago.
 *
 * Changes through one handle are applied one after another in the order of
 * their calls; a change that is given up while its outcome is not known holds up the
 * later ones until it is. Reads do not wait for them. None is left out: each has a
 * result and a stamp of its own.
 *
 * Subscribers of the znode, by corral_value_subscribe() or corral_watch_open(), are
 * told of every change; see corral/watch.h.
 */
#ifndef CORRAL_VALUE_H
#define CORRAL_VALUE_H

#include <corral/client.h>
#include <corral/counter.h>
#include <corral/op.h>
#include <corral/watch.h>

CORRAL_BEGIN_DECLS

typedef struct corral_value corral_value;

/**
 * The longest value, in bytes: ZooKeeper's limit of a request (1,048,575 unless
 * jute.maxbuffer says otherwise), less what else is in it. A server with a smaller
 * jute.maxbuffer closes the connection on a longer request, again and again.
 */
#define CORRAL_VALUE_MAX (1000 * 1024)

#define CORRAL_VALUE_OPTIONS_VERSION 1

/** Options of a value: none so far. */
typedef struct {
    uint32_t version; /**< CORRAL_VALUE_OPTIONS_VERSION */
} corral_value_options;

#define CORRAL_VALUE_OPTIONS_INIT { CORRAL_VALUE_OPTIONS_VERSION }

/**
 * Make a handle for the value at @path, which need not exist; @path is as
 * corral_counter_open() has it. Sends nothing. @options may be NULL.
 *
 * Returns 0; CORRAL_EINVAL (path, options); CORRAL_ECLOSED; CORRAL_ENOMEM;
 * CORRAL_EFORK. The handle keeps what it needs of the client; close it with
 * corral_value_close(), before or after the client.
 */
CORRAL_API int corral_value_open(corral_client *client, const char *path, const corral_value_options *options,
                                 corral_value **ret_value);

/**
 * End the operations of @value (as corral_client_close() does) and free it.
 * Outside a callback it returns after the last callback of those operations
 * has; from a callback they still run afterwards. NULL is harmless.
 * Returns 0 or CORRAL_EFORK.
 */
CORRAL_API int corral_value_close(corral_value *value);

/*
 * Errors that all operations below share: CORRAL_EINVAL; CORRAL_ETIMEDOUT,
 * CORRAL_ECANCELED, CORRAL_ECLOSED (not applied); CORRAL_EUNCERTAIN (changes);
 * CORRAL_EACCES (the znode, a parent or the client's home; see
 * corral_op_path()); CORRAL_ENOTSUP (a parent is ephemeral); CORRAL_ESERVER;
 * CORRAL_ENOMEM; CORRAL_EDEADLK; CORRAL_EFORK.
 */

/**
 * The result of a read. With @status 0, @data is the value, @length bytes and a
 * zero behind them, and @stamp tells which change made it so; else they are NULL,
 * 0 and zero. Valid during the call only; @stamp is never NULL.
 */
typedef void (*corral_value_cb)(int status, const void *data, size_t length, const corral_stamp *stamp,
                                void *arg);

/** The result of a change. @stamp is as @ret_stamp of the blocking form, valid during the call, never NULL. */
typedef void (*corral_stamp_cb)(int status, const corral_stamp *stamp, void *arg);

/**
 * Read the value: @ret_length bytes with a zero behind them go to @ret_data, to
 * be freed with corral_value_free(), and the change that made it so to @ret_stamp
 * (NULL: not wanted). CORRAL_ENOENT: there is no such znode.
 */
CORRAL_API int corral_value_get(corral_value *value, corral_read level, int64_t timeout_ms, void **ret_data,
                                size_t *ret_length, corral_stamp *ret_stamp);
CORRAL_API int corral_value_get_async(corral_value *value, corral_read level, int64_t timeout_ms,
                                      corral_value_cb cb, void *arg, corral_op **ret_op);

/** Free what corral_value_get() gave. NULL is harmless. Any thread. */
CORRAL_API void corral_value_free(void *data);

/**
 * Set the value to the @length bytes at @data, which are copied (NULL: there are
 * none). A znode that does not exist is made, with the parents it needs and the
 * client's ACL. Which change it was goes to @ret_stamp (NULL: not wanted); after a
 * lost reply a later change may hide its czxid and version, which are 0 then.
 * CORRAL_ERANGE: longer than CORRAL_VALUE_MAX; nothing sent.
 */
CORRAL_API int corral_value_set(corral_value *value, const void *data, size_t length, int64_t timeout_ms,
                                corral_stamp *ret_stamp);
CORRAL_API int corral_value_set_async(corral_value *value, const void *data, size_t length,
                                      int64_t timeout_ms, corral_stamp_cb cb, void *arg, corral_op **ret_op);

/**
 * The same if the znode is still as the change @expected has left it: that of an
 * earlier result or of an event, of which mzxid is what counts, and must be
 * greater than 0. NULL: if there is no znode. CORRAL_ECONFLICT: it is in another
 * state, the stamp of which goes to @ret_stamp; CORRAL_ENOENT: there is none.
 * Nothing has changed then.
 *
 * A znode that was destroyed and made again, by Corral, is another one also if its
 * version is the same. One that another program has deleted and made again, within
 * a second after this handle saw it last, may be taken for the expected one if it
 * has come to the same version: it is overwritten then, which is logged, and told
 * by CORRAL_EUNCERTAIN with the cause CORRAL_ECONFLICT; it cannot be told, and the
 * result is 0, if the reply was lost and that znode is gone, too, when it is looked at,
 * or the call is canceled, timed out or closed before it has been.
 *
 * Unlike a set it needs the permission to read the znode.
 *
 * CORRAL_EEXHAUSTED: the znode has come to version -1, which ZooKeeper cannot
 * compare. compare_set itself never brings it there; a corral_value_set() brings it on.
 */
CORRAL_API int corral_value_compare_set(corral_value *value, const corral_stamp *expected, const void *data,
                                        size_t length, int64_t timeout_ms, corral_stamp *ret_stamp);
CORRAL_API int corral_value_compare_set_async(corral_value *value, const corral_stamp *expected,
                                              const void *data, size_t length, int64_t timeout_ms,
                                              corral_stamp_cb cb, void *arg, corral_op **ret_op);

/**
 * Delete the znode. CORRAL_ENOENT: there was none; CORRAL_ECONFLICT: it has
 * children, nothing changed. Handles stay usable: a set makes it anew.
 */
CORRAL_API int corral_value_destroy(corral_value *value, int64_t timeout_ms);
CORRAL_API int corral_value_destroy_async(corral_value *value, int64_t timeout_ms, corral_status_cb cb,
                                          void *arg, corral_op **ret_op);

/**
 * Subscribe to the value, as corral_watch_open() does to its path. The
 * subscription is the caller's, to be ended with corral_watch_close(); it goes
 * on when @value is closed.
 */
CORRAL_API int corral_value_subscribe(corral_value *value, corral_watch_cb cb, void *arg,
                                      corral_watch **ret_watch);

CORRAL_END_DECLS

#endif

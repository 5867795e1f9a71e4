/**
 * Transactions: changes of znodes that are made together or not at all.
 *
 * A transaction is a list that the caller fills, for corral_grant_multi(). It
 * belongs to no client and to no thread: one at a time may use it.
 */
#ifndef CORRAL_TXN_H
#define CORRAL_TXN_H

#include <corral/export.h>

#include <stddef.h>
#include <stdint.h>

CORRAL_BEGIN_DECLS

typedef struct corral_txn corral_txn;

/** For corral_txn_set(), corral_txn_delete() and corral_txn_check(): whatever the znode's version is. */
#define CORRAL_VERSION_ANY (-1)

/** How many operations a transaction may have, and how many bytes of paths and data. */
#define CORRAL_TXN_MAX 128
#define CORRAL_TXN_BYTES_MAX (512 * 1024)

/** Make an empty transaction. Returns 0, CORRAL_EINVAL for NULL, or CORRAL_ENOMEM. */
CORRAL_API int corral_txn_new(corral_txn **ret_txn);

/** Free it. NULL is harmless. */
CORRAL_API void corral_txn_free(corral_txn *txn);

/*
 * Append an operation. @path is as corral_counter_open() has it; @data, @length
 * bytes of it, is copied and may be NULL if there are none.
 *
 * Return 0; CORRAL_EINVAL (path, version); CORRAL_ERANGE: there are too many, or
 * too many bytes; CORRAL_ENOMEM. Nothing is appended then.
 */

/** Make a persistent znode, with the client's ACL. Its parent must exist. */
CORRAL_API int corral_txn_create(corral_txn *txn, const char *path, const void *data, size_t length);
/** Set a znode's data, if its version is @version. */
CORRAL_API int corral_txn_set(corral_txn *txn, const char *path, const void *data, size_t length,
                              int32_t version);
/** Delete a znode, if its version is @version and it has no children. */
CORRAL_API int corral_txn_delete(corral_txn *txn, const char *path, int32_t version);
/** Go on only if the znode exists and its version is @version. */
CORRAL_API int corral_txn_check(corral_txn *txn, const char *path, int32_t version);

CORRAL_END_DECLS

#endif

/* Making a znode's missing ancestors. */
#ifndef CORRALI_MKDIRS_H
#define CORRALI_MKDIRS_H

#include <corral/client.h>

#include <stddef.h>

/* @status 0, or a failure about @path (valid during the call). */
typedef void (*corrali_mkdirs_cb)(void *arg, int status, const char *path);

/*
 * Make the ancestors of @path, not @path itself, as mkdir -p does. They get
 * the client's own ACL; those that lie below the first @open_from bytes are
 * open to everybody. Returns 0, or CORRAL_ENOMEM and @done is not called.
 */
int corrali_mkdirs_locked(corral_client *client, const char *path, size_t open_from, corrali_mkdirs_cb done,
                          void *arg);

#endif

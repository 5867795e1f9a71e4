/* Znode paths and connect strings: what is well formed, and how they are put together. */
#ifndef CORRALI_PATH_H
#define CORRALI_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* The longest path a caller may name. ZooKeeper itself has no limit below its request size. */
#define CORRALI_PATH_MAX 1023

/*
 * Is @path one that every ZooKeeper server takes: absolute, without empty, "."
 * or ".." components, trailing slash or control characters, valid UTF-8? The
 * root is no place for a recipe's znode and is refused too.
 */
bool corrali_path_valid(const char *path);

/*
 * Is @servers a connect string: "host:port" or "[v6]:port", separated by
 * commas, with an optional chroot that is a valid path (or "/")? Sets
 * @ret_chroot to where the chroot begins; to the end of @servers when there is
 * none.
 */
bool corrali_servers_valid(const char *servers, const char **ret_chroot);

/* The length of the first @count components of @path with their slashes: 2 of "/a/b/c" is 4. 0: has fewer. */
size_t corrali_path_prefix(const char *path, size_t count);

#endif

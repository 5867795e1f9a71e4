/*
 * The names of contenders: who they are of, and in what order they came. A name
 * is whatever its maker put before it, a marker that tells the kind, and the
 * number that the server gave it, in ten digits:
 *
 *     _c_9c0e8f4e-0d55-4ed1-ad49-2d84cd3a4b0a-lock-0000000007      Curator's InterProcessMutex
 *     _c_9c0e8f4e-0d55-4ed1-ad49-2d84cd3a4b0a-__WRIT__0000000008   ... InterProcessReadWriteLock
 *     _c_9c0e8f4e-0d55-4ed1-ad49-2d84cd3a4b0a-__READ__0000000009
 *     9c0e8f4e0d554ed1ad492d84cd3a4b0a__lock__0000000010           Kazoo's Lock and WriteLock
 *     9c0e8f4e0d554ed1ad492d84cd3a4b0a__rlock__0000000011          ... ReadLock
 *     _c_9c0e8f4e-0d55-4ed1-ad49-2d84cd3a4b0a-lease-0000000012     Curator's InterProcessSemaphoreV2
 */
#ifndef CORRALI_LOCK_NAMES_H
#define CORRALI_LOCK_NAMES_H

#include <corral/lock.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Locks of one scheme exclude each other; two schemes must not meet at one path. */
typedef enum {
    CORRALI_SCHEME_MUTEX,
    CORRALI_SCHEME_READ_WRITE,
    CORRALI_SCHEME_KAZOO,
    CORRALI_SCHEME_SEMAPHORE
} corrali_lock_scheme;

/* What a handle contends for. */
typedef struct {
    corrali_lock_scheme scheme;
    bool shared;        /* excluded by those that are not, only */
    const char *marker; /* with what comes before it in our own names, behind the GUID */
} corrali_lock_kind;

typedef struct {
    corrali_lock_scheme scheme;
    bool shared;
    uint32_t sequence;
} corrali_lock_name;

/* A semaphore's directories: of those who hold it, and of those who wait in line for it. */
#define CORRALI_LEASES "leases"
#define CORRALI_GATE "locks"

/* GUIDs as text: with and without dashes. */
enum { CORRALI_GUID_SIZE = sizeof "9c0e8f4e-0d55-4ed1-ad49-2d84cd3a4b0a" };

/* The kind of that mode and naming, which must be valid. Static. */
const corrali_lock_kind *corrali_lock_kind_of(corral_lock_mode mode, corral_naming naming);

/* What our own names begin with, before the number: at most this long. */
enum {
    CORRALI_LOCK_PREFIX_SIZE = sizeof "_c_-__WRIT__" + CORRALI_GUID_SIZE,
    CORRALI_SEQUENCE_SIZE = sizeof "0123456789"
};
void corrali_lock_prefix(const corrali_lock_kind *kind, uint64_t high, uint64_t low,
                         char prefix[CORRALI_LOCK_PREFIX_SIZE]);

/* Read @name; false: it is no contender's. */
bool corrali_lock_name_parse(const char *name, corrali_lock_name *ret_name);

/* Is no contender of another scheme among @names? */
bool corrali_lock_names_fit(const char *const *names, size_t count, corrali_lock_scheme scheme);

/* Does a contender of that name, before one of @kind, keep it from the lock? */
static inline bool corrali_lock_blocks(const corrali_lock_name *name, const corrali_lock_kind *kind)
{
    return !kind->shared || !name->shared;
}

#endif

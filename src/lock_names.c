#include "lock_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = CORRALI_SEQUENCE_SIZE - 1 };

const corrali_lock_kind *corrali_lock_kind_of(corral_lock_mode mode, corral_naming naming)
{
    static const corrali_lock_kind curator[] = {
        [CORRAL_LOCK_MUTEX] = {CORRALI_SCHEME_MUTEX, false, "-lock-"},
        [CORRAL_LOCK_READ] = {CORRALI_SCHEME_READ_WRITE, true, "-__READ__"},
        [CORRAL_LOCK_WRITE] = {CORRALI_SCHEME_READ_WRITE, false, "-__WRIT__"},
        [CORRAL_LOCK_SEMAPHORE] = {CORRALI_SCHEME_SEMAPHORE, true, "-lease-"},
    };
    static const corrali_lock_kind kazoo[] = {
        [CORRAL_LOCK_MUTEX] = {CORRALI_SCHEME_KAZOO, false, "__lock__"},
        [CORRAL_LOCK_READ] = {CORRALI_SCHEME_KAZOO, true, "__rlock__"},
        [CORRAL_LOCK_WRITE] = {CORRALI_SCHEME_KAZOO, false, "__lock__"},
    };

    return naming == CORRAL_NAMING_KAZOO ? &kazoo[mode] : &curator[mode];
}

void corrali_lock_prefix(const corrali_lock_kind *kind, uint64_t high, uint64_t low,
                         char prefix[CORRALI_LOCK_PREFIX_SIZE])
{
    bool kazoo = kind->scheme == CORRALI_SCHEME_KAZOO;
    const char *dash = kazoo ? "" : "-";

    /* A random UUID of RFC 9562: version 4, variant 2. */
    (void)snprintf(prefix, CORRALI_LOCK_PREFIX_SIZE,
                   "%s%08" PRIx32 "%s%04" PRIx32 "%s%04" PRIx32 "%s%04" PRIx32 "%s%012" PRIx64 "%s",
                   kazoo ? "" : "_c_", (uint32_t)(high >> 32), dash, (uint32_t)(high >> 16 & 0xffff), dash,
                   (uint32_t)(high & 0x0fff) | 0x4000, dash, (uint32_t)(low >> 48 & 0x3fff) | 0x8000, dash,
                   low & 0xffffffffffff, kind->marker);
}

static bool ends_in(const char *name, size_t length, const char *marker)
{
    size_t size = strlen(marker);

    return length >= size && memcmp(name + length - size, marker, size) == 0;
}

bool corrali_lock_name_parse(const char *name, corrali_lock_name *ret_name)
{
    /* Curator takes anything that ends so for a mutex's, with or without the dash before. */
    static const struct {
        const char *marker;
        corrali_lock_scheme scheme;
        bool shared;
    } kinds[] = {
        {"lock-", CORRALI_SCHEME_MUTEX, false},         {"__READ__", CORRALI_SCHEME_READ_WRITE, true},
        {"__WRIT__", CORRALI_SCHEME_READ_WRITE, false}, {"__rlock__", CORRALI_SCHEME_KAZOO, true},
        {"__lock__", CORRALI_SCHEME_KAZOO, false},      {"lease-", CORRALI_SCHEME_SEMAPHORE, true},
    };
    size_t length = strlen(name);
    unsigned long long sequence;

    if (strcmp(name, CORRALI_LEASES) == 0 || strcmp(name, CORRALI_GATE) == 0) {
        *ret_name = (corrali_lock_name){.scheme = CORRALI_SCHEME_SEMAPHORE}; /* the directories of one */
        return true;
    }
    if (length < DIGITS || strspn(name + length - DIGITS, "0123456789") != DIGITS) {
        return false;
    }
    sequence = strtoull(name + length - DIGITS, NULL, 10);
    if (sequence > INT32_MAX) {
        return false; /* no server's number */
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (ends_in(name, length - DIGITS, kinds[i].marker)) {
            *ret_name = (corrali_lock_name){
                .scheme = kinds[i].scheme,
                .shared = kinds[i].shared,
                .sequence = (uint32_t)sequence,
            };
            return true;
        }
    }
    return false;
}

bool corrali_lock_names_fit(const char *const *names, size_t count, corrali_lock_scheme scheme)
{
    corrali_lock_name parsed;

    for (size_t i = 0; i < count; i++) {
        if (corrali_lock_name_parse(names[i], &parsed) && parsed.scheme != scheme) {
            return false;
        }
    }
    return true;
}

/**
 * Status codes.
 *
 * Every function that can fail returns 0 or a negative corral_status. An
 * output parameter (ret_...) is written only when 0 is returned; the sole
 * exceptions are corral_counter_compare_set() and corral_value_compare_set().
 */
#ifndef CORRAL_STATUS_H
#define CORRAL_STATUS_H

#include <corral/export.h>

CORRAL_BEGIN_DECLS

/**
 * What a caller may conclude from a status.
 *
 * DEFINITE: the operation was not applied, and trying again as it stands gives
 * the same answer. RETRYABLE: it was not applied, and trying again later may
 * work. UNKNOWN: it may or may not have been applied; only EUNCERTAIN is so.
 */
typedef enum {
    CORRAL_CLASS_OK,
    CORRAL_CLASS_DEFINITE,
    CORRAL_CLASS_RETRYABLE,
    CORRAL_CLASS_UNKNOWN
} corral_class;

/** X(name, value, class, text): the one list of all codes. */
#define CORRAL_STATUS_MAP(X)                                                   \
    X(OK, 0, OK, "success")                                                    \
    X(EINVAL, -1, DEFINITE, "invalid argument")                                \
    X(ENOMEM, -2, RETRYABLE, "out of memory")                                  \
    X(ETIMEDOUT, -3, RETRYABLE, "timed out")                                   \
    X(ECANCELED, -4, RETRYABLE, "canceled")                                    \
    X(ECLOSED, -5, DEFINITE, "closed")                                         \
    X(EDEADLK, -6, DEFINITE, "would wait for itself: called from a callback")  \
    X(EFORK, -7, DEFINITE, "used in a forked child")                           \
    X(ENOENT, -8, DEFINITE, "no such znode")                                   \
    X(EEXIST, -9, DEFINITE, "znode exists")                                    \
    X(ECONFLICT, -10, DEFINITE, "conflicts with the current state")            \
    X(ERANGE, -11, DEFINITE, "out of range")                                   \
    X(ECORRUPT, -12, DEFINITE, "znode holds something else")                   \
    X(EACCES, -13, DEFINITE, "permission denied")                              \
    X(EEXPIRED, -14, RETRYABLE, "session expired")                             \
    X(ELOST, -15, RETRYABLE, "connection or grant lost")                       \
    X(EUNCERTAIN, -16, UNKNOWN, "may or may not have been applied")            \
    X(EEXHAUSTED, -17, DEFINITE, "number space exhausted")                     \
    X(EBUSY, -18, RETRYABLE, "busy")                                           \
    X(ENOTSUP, -19, DEFINITE, "not supported")                                 \
    X(ESERVER, -20, RETRYABLE, "unexpected answer from the server")                   \
    X(ECLOCK, -21, RETRYABLE, "the clock is behind what was given out")

#define CORRAL_STATUS_ENUM(name, value, class_, text) CORRAL_##name = (value),
typedef enum { CORRAL_STATUS_MAP(CORRAL_STATUS_ENUM) } corral_status;
#undef CORRAL_STATUS_ENUM

/** A short English text for @status, never NULL. Static; any thread. */
CORRAL_API const char *corral_strerror(int status);

/** The name of @status without prefix, as "ENOENT"; "UNKNOWN" for others. Static; any thread. */
CORRAL_API const char *corral_status_name(int status);

/** The class of @status; DEFINITE for a number that is no status. Any thread. */
CORRAL_API corral_class corral_status_class(int status);

CORRAL_END_DECLS

#endif

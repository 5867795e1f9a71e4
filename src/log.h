/*
 * Logging to the clients' callbacks. Usable with any lock held: the list of
 * sinks has a lock of its own that is innermost of all.
 */
#ifndef CORRALI_LOG_H
#define CORRALI_LOG_H

#include <corral/client.h>

#include <stdbool.h>

#include "list.h"
#include "thread.h"

typedef struct {
    corrali_link link; /* in the list of all sinks */
    corral_log_cb callback;
    void *arg;
    corral_log_level level;
} corrali_log_sink;

/* From now on @sink gets what libzookeeper says, too. */
void corrali_log_add(corrali_log_sink *sink);

/* Afterwards its callback does not run and will not run again. Harmless on one that was not added. */
void corrali_log_remove(corrali_log_sink *sink);

/* Say something to @sink alone. */
void corrali_log(corrali_log_sink *sink, corral_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Say a line of libzookeeper's, in its own format, to all sinks. */
void corrali_log_zookeeper(const char *message);

/* In a forked child: the parent's sinks, and a lock that one of its threads may hold, are gone. */
void corrali_log_forked(void);

/* Is this thread inside a log callback? */
extern _Thread_local bool corrali_logging CORRALI_THREAD_LOCAL;
static inline bool corrali_log_running(void)
{
    return corrali_logging;
}

#endif

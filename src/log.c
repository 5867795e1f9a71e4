#include "log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Guards the list of sinks, and is read-held while a callback runs. */
static pthread_rwlock_t sinks_lock = PTHREAD_RWLOCK_INITIALIZER;
static corrali_link sinks = {&sinks, &sinks};

_Thread_local bool corrali_logging;

void corrali_log_add(corrali_log_sink *sink)
{
    corrali_list_init(&sink->link);
    if (sink->callback != NULL) {
        pthread_rwlock_wrlock(&sinks_lock);
        corrali_list_append(&sinks, &sink->link);
        pthread_rwlock_unlock(&sinks_lock);
    }
}

void corrali_log_remove(corrali_log_sink *sink)
{
    if (sink->callback != NULL) {
        pthread_rwlock_wrlock(&sinks_lock);
        corrali_list_remove(&sink->link);
        pthread_rwlock_unlock(&sinks_lock);
    }
}

void corrali_log_forked(void)
{
    pthread_rwlock_init(&sinks_lock, NULL);
    corrali_list_init(&sinks);
    corrali_logging = false;
}

static void deliver(const corrali_log_sink *sink, corral_log_level level, const char *message)
{
    if (level <= sink->level) {
        corrali_logging = true;
        sink->callback(level, message, sink->arg);
        corrali_logging = false;
    }
}

void corrali_log(corrali_log_sink *sink, corral_log_level level, const char *format, ...)
{
    char message[1024];
    va_list arguments;

    if (sink->callback == NULL || level > sink->level || corrali_logging) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    deliver(sink, level, message);
}

/* libzookeeper writes "time:pid(thread):ZOO_LEVEL@function@line: text". */
static corral_log_level level_of(const char *message)
{
    static const struct {
        const char *mark;
        corral_log_level level;
    } levels[] = {
        {":ZOO_ERROR@", CORRAL_LOG_ERROR}, {":ZOO_WARN@", CORRAL_LOG_WARN}, {":ZOO_INFO@", CORRAL_LOG_INFO}};

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strstr(message, levels[i].mark) != NULL) {
            return levels[i].level;
        }
    }
    return CORRAL_LOG_DEBUG;
}

void corrali_log_zookeeper(const char *message)
{
    corral_log_level level = level_of(message);
    char line[4096]; /* libzookeeper's own limit */

    if (corrali_logging) {
        return;
    }
    /* Some of its messages have a trailing newline; ours are lines without one. */
    (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(message, "\n"), message);
    pthread_rwlock_rdlock(&sinks_lock);
    for (corrali_link *link = sinks.next; link != &sinks; link = link->next) {
        deliver(CORRALI_CONTAINER(link, corrali_log_sink, link), level, line);
    }
    pthread_rwlock_unlock(&sinks_lock);
}

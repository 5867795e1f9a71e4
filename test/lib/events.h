/**
 * What subscriptions have delivered, kept in order.
 */
#ifndef TEST_EVENTS_H
#define TEST_EVENTS_H

#include <corral/counter.h>
#include <corral/watch.h>

#include <pthread.h>
#include <stdbool.h>

/** A delivered state. */
typedef struct {
    int status;
    bool exists;
    char value[64]; /**< as a string, cut; of children their names in order, with "=data" or "!STATUS" */
    size_t length;  /**< of children how many */
    int64_t number; /**< of a counter */
    corral_stamp stamp;
    uint64_t skipped;
} event;

typedef struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    event *events;
    unsigned count, capacity;
    bool blocking; /* callbacks wait until it is false */
    bool inside;   /* a callback waits */
    void (*hook)(const event *e);
} events;

void events_open(events *e);

/** Only when no callback can come any more. */
void events_close(events *e);

/** The callbacks; their arg is an events. */
void events_note(const corral_watch_event *event, void *arg);
void events_note_children(const corral_watch_event *event, void *arg);
void events_note_counter(const corral_counter_event *event, void *arg);

/** Have @hook called in the callbacks to come, once their event is noted, without the mutex. NULL: no more.
 */
void events_hook(events *e, void (*hook)(const event *e));

/** Let every callback wait from now on, or let them go on. */
void events_block(events *e, bool blocking);

/** Wait until a callback waits. False: not in TESTING_PATIENCE_MS. */
bool events_wait_inside(events *e);

unsigned events_count(events *e);

/** Wait until there are @count events. False: not in TESTING_PATIENCE_MS. */
bool events_wait(events *e, unsigned count);

/** Wait until the last event has status 0 and this @value (NULL: no znode). False: not in
 * TESTING_PATIENCE_MS. */
bool events_wait_value(events *e, const char *value);

/** Wait until the last event has this @length. False: not in TESTING_PATIENCE_MS. */
bool events_wait_length(events *e, size_t length);

/** Wait until the last event has @status. False: not in TESTING_PATIENCE_MS. */
bool events_wait_status(events *e, int status);

/** A copy of event @i; one that there is not has status 1. */
event events_get(events *e, unsigned i);
event events_last(events *e);

/** The events with status 0 and what was skipped before them, the first one's aside. */
uint64_t events_changes(events *e);

/** Assert what all subscriptions promise: no state is older than the one before it, or the same. */
#define ASSERT_FORWARD(e) events_assert_forward((e), __FILE__, __LINE__)
void events_assert_forward(events *e, const char *file, unsigned line);

/** Assert that event @i tells of this @value (NULL: no znode). */
#define ASSERT_VALUE(e, i, value) events_assert_value((e), (i), (value), __FILE__, __LINE__)
void events_assert_value(events *e, unsigned i, const char *value, const char *file, unsigned line);

#endif

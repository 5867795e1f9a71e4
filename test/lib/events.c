#include "lib/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cond.h"
#include "lib/testing.h"

void events_open(events *e)
{
    *e = (events){.count = 0};
    pthread_mutex_init(&e->mutex, NULL);
    cond_init(&e->changed);
}

void events_close(events *e)
{
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->mutex);
    free(e->events);
    e->events = NULL;
}

static void append_locked(events *e, const event *one)
{
    if (e->count == e->capacity) {
        e->capacity = e->capacity == 0 ? 64 : 2 * e->capacity;
        e->events = realloc(e->events, e->capacity * sizeof *e->events);
        if (e->events == NULL) {
            abort();
        }
    }
    e->events[e->count++] = *one;
    pthread_cond_broadcast(&e->changed);
}

static void note(events *e, const event *one)
{
    void (*hook)(const event *);

    pthread_mutex_lock(&e->mutex);
    while (e->blocking) {
        e->inside = true;
        pthread_cond_broadcast(&e->changed);
        pthread_cond_wait(&e->changed, &e->mutex);
    }
    e->inside = false;
    append_locked(e, one);
    hook = e->hook;
    pthread_mutex_unlock(&e->mutex);
    if (hook != NULL) {
        hook(one);
    }
}

void events_note(const corral_watch_event *told, void *arg)
{
    event one = {.status = told->status,
                 .exists = told->exists,
                 .length = told->length,
                 .stamp = told->stamp,
                 .skipped = told->skipped};

    if (told->length > 0) {
        memcpy(one.value, told->value, told->length < sizeof one.value ? told->length : sizeof one.value - 1);
    }
    note(arg, &one);
}

/* Append what @child is to @text. */
static void describe(const corral_watch_child *child, char *text, size_t size)
{
    size_t length = strlen(text);

    if (child->status != CORRAL_OK) {
        snprintf(text + length, size - length, " %s!%s", child->name, corral_status_name(child->status));
    } else if (child->stamp.czxid != 0) {
        snprintf(text + length, size - length, " %s=%.*s", child->name, (int)child->length,
                 child->length == 0 ? "" : (const char *)child->value);
    } else {
        snprintf(text + length, size - length, " %s", child->name);
    }
}

void events_note_children(const corral_watch_event *told, void *arg)
{
    event one = {.status = told->status,
                 .exists = told->exists,
                 .length = told->child_count,
                 .stamp = told->stamp,
                 .skipped = told->skipped};
    char text[sizeof one.value + 1] = "";

    for (size_t i = 0; i < told->child_count && strlen(text) < sizeof text - 1; i++) {
        describe(&told->children[i], text, sizeof text);
    }
    if (told->child_count > 0) {
        snprintf(one.value, sizeof one.value, "%s", text + 1);
    }
    note(arg, &one);
}

void events_note_counter(const corral_counter_event *told, void *arg)
{
    event one = {.status = told->status,
                 .exists = told->exists,
                 .number = told->value,
                 .stamp = told->stamp,
                 .skipped = told->skipped};

    snprintf(one.value, sizeof one.value, "%lld", (long long)told->value);
    note(arg, &one);
}

void events_hook(events *e, void (*hook)(const event *e))
{
    pthread_mutex_lock(&e->mutex);
    e->hook = hook;
    pthread_mutex_unlock(&e->mutex);
}

void events_block(events *e, bool blocking)
{
    pthread_mutex_lock(&e->mutex);
    e->blocking = blocking;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->mutex);
}

/* --- waiting --- */

typedef struct {
    unsigned count;
    int status;
    const char *value;
    size_t length;
} condition;

static bool is_inside_locked(const events *e, const condition *wanted)
{
    (void)wanted;
    return e->inside;
}

static bool has_count_locked(const events *e, const condition *wanted)
{
    return e->count >= wanted->count;
}

static bool has_status_locked(const events *e, const condition *wanted)
{
    return e->count > 0 && e->events[e->count - 1].status == wanted->status;
}

static bool is_value(const event *one, const char *value)
{
    return one->status == CORRAL_OK && one->exists == (value != NULL) &&
           (value == NULL || strcmp(one->value, value) == 0);
}

static bool has_value_locked(const events *e, const condition *wanted)
{
    return e->count > 0 && is_value(&e->events[e->count - 1], wanted->value);
}

static bool has_length_locked(const events *e, const condition *wanted)
{
    return e->count > 0 && e->events[e->count - 1].length == wanted->length;
}

static bool wait_for(events *e, bool (*holds_locked)(const events *, const condition *), condition wanted)
{
    struct timespec until = cond_deadline(TESTING_PATIENCE_MS);
    int error = 0;

    pthread_mutex_lock(&e->mutex);
    while (!holds_locked(e, &wanted) && error == 0) {
        error = pthread_cond_timedwait(&e->changed, &e->mutex, &until);
    }
    bool held = holds_locked(e, &wanted);
    pthread_mutex_unlock(&e->mutex);
    return held;
}

bool events_wait_inside(events *e)
{
    return wait_for(e, is_inside_locked, (condition){0});
}

bool events_wait(events *e, unsigned count)
{
    return wait_for(e, has_count_locked, (condition){.count = count});
}

bool events_wait_status(events *e, int status)
{
    return wait_for(e, has_status_locked, (condition){.status = status});
}

bool events_wait_value(events *e, const char *value)
{
    return wait_for(e, has_value_locked, (condition){.value = value});
}

bool events_wait_length(events *e, size_t length)
{
    return wait_for(e, has_length_locked, (condition){.length = length});
}

/* --- looking --- */

unsigned events_count(events *e)
{
    pthread_mutex_lock(&e->mutex);
    unsigned count = e->count;
    pthread_mutex_unlock(&e->mutex);
    return count;
}

event events_get(events *e, unsigned i)
{
    event copy = {.status = 1};

    pthread_mutex_lock(&e->mutex);
    if (i < e->count) {
        copy = e->events[i];
    }
    pthread_mutex_unlock(&e->mutex);
    return copy;
}

event events_last(events *e)
{
    return events_get(e, events_count(e) - 1);
}

/* A corrupt counter is a state like others. */
static bool is_state(const event *one)
{
    return one->status == CORRAL_OK || one->status == CORRAL_ECORRUPT;
}

uint64_t events_changes(events *e)
{
    uint64_t changes = 0;
    bool first = true;

    pthread_mutex_lock(&e->mutex);
    for (unsigned i = 0; i < e->count; i++) {
        if (is_state(&e->events[i])) {
            changes += first ? 0 : 1 + e->events[i].skipped;
            first = false;
        }
    }
    pthread_mutex_unlock(&e->mutex);
    return changes;
}

static bool is_forward(const event *before, const event *after, int64_t newest)
{
    if (!is_state(after) || !is_state(before)) {
        return after->status != before->status && (!after->exists || after->stamp.mzxid >= newest);
    }
    return after->exists ? after->stamp.mzxid > newest : before->exists;
}

void events_assert_forward(events *e, const char *file, unsigned line)
{
    int64_t newest = 0;
    unsigned wrong = 0;
    char message[256];

    pthread_mutex_lock(&e->mutex);
    for (unsigned i = 0; i < e->count && wrong == 0; i++) {
        const event *one = &e->events[i];

        wrong = i > 0 && !is_forward(one - 1, one, newest) ? i : 0;
        newest = one->exists ? one->stamp.mzxid : newest;
    }
    snprintf(message, sizeof message, "event %u of %u is not newer than what came before", wrong, e->count);
    pthread_mutex_unlock(&e->mutex);
    CU_assertImplementation(wrong == 0 ? CU_TRUE : CU_FALSE, line, message, file, "", CU_FALSE);
}

void events_assert_value(events *e, unsigned i, const char *value, const char *file, unsigned line)
{
    event one = events_get(e, i);
    char message[256];

    snprintf(message, sizeof message, "event %u is %s \"%s\" (%s), expected \"%s\"", i,
             one.exists ? "of a znode" : "of no znode", one.value,
             one.status == 1 ? "missing" : corral_status_name(one.status), value == NULL ? "none" : value);
    CU_assertImplementation(is_value(&one, value) ? CU_TRUE : CU_FALSE, line, message, file, "", CU_FALSE);
}

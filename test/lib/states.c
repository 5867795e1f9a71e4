#include "lib/states.h"

#include <stdio.h>
#include <string.h>

#include "lib/cond.h"
#include "lib/testing.h"

static const char *const names[] = {"CONNECTING",  "CONNECTED",   "SUSPENDED", "LOST",
                                    "RECONNECTED", "AUTH_FAILED", "CLOSED"};

void states_open(states *s)
{
    *s = (states){.count = 0};
    pthread_mutex_init(&s->mutex, NULL);
    cond_init(&s->changed);
}

void states_close(states *s)
{
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
}

void states_note(corral_client *client, corral_state state, void *arg)
{
    states *s = arg;

    (void)client;
    pthread_mutex_lock(&s->mutex);
    if (s->count < STATES_MAX) {
        s->seen[s->count] = state;
    }
    s->count++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

static bool has_locked(const states *s, unsigned from, corral_state state)
{
    for (unsigned i = from; i < s->count && i < STATES_MAX; i++) {
        if (s->seen[i] == state) {
            return true;
        }
    }
    return false;
}

bool states_wait(states *s, unsigned from, corral_state state)
{
    struct timespec until = cond_deadline(TESTING_PATIENCE_MS);
    int error = 0;

    pthread_mutex_lock(&s->mutex);
    while (!has_locked(s, from, state) && error == 0) {
        error = pthread_cond_timedwait(&s->changed, &s->mutex, &until);
    }
    bool came = has_locked(s, from, state);
    pthread_mutex_unlock(&s->mutex);
    return came;
}

unsigned states_count(states *s)
{
    pthread_mutex_lock(&s->mutex);
    unsigned count = s->count;
    pthread_mutex_unlock(&s->mutex);
    return count;
}

void states_assert(states *s, const corral_state *expected, unsigned count, const char *file, unsigned line)
{
    char message[512] = "seen:";
    size_t length = strlen(message);

    pthread_mutex_lock(&s->mutex);
    bool equal = s->count == count;
    for (unsigned i = 0; i < s->count && i < STATES_MAX; i++) {
        equal = equal && s->seen[i] == expected[i];
        length += (size_t)snprintf(message + length, sizeof message - length, " %s", names[s->seen[i]]);
        length = length < sizeof message ? length : sizeof message - 1;
    }
    pthread_mutex_unlock(&s->mutex);
    CU_assertImplementation(equal ? CU_TRUE : CU_FALSE, line, message, file, "", CU_FALSE);
}

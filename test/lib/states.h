/**
 * What a client told its state callback.
 */
#ifndef TEST_STATES_H
#define TEST_STATES_H

#include <corral/client.h>

#include <pthread.h>
#include <stdbool.h>

#define STATES_MAX 64

typedef struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    corral_state seen[STATES_MAX]; /* those beyond are counted only */
    unsigned count;
} states;

void states_open(states *s);

/** Only when the client is closed. */
void states_close(states *s);

/** The state callback; its arg is a states. */
void states_note(corral_client *client, corral_state state, void *arg);

/** Wait until @state comes, not counting the first @from ones. False: not in TESTING_PATIENCE_MS. */
bool states_wait(states *s, unsigned from, corral_state state);

unsigned states_count(states *s);

/** Assert that what was seen is exactly @expected. */
#define ASSERT_STATES(s, ...)                                                                                \
    states_assert((s), (const corral_state[]){__VA_ARGS__},                                                  \
                  sizeof((const corral_state[]){__VA_ARGS__}) / sizeof(corral_state), __FILE__, __LINE__)
void states_assert(states *s, const corral_state *expected, unsigned count, const char *file, unsigned line);

#endif

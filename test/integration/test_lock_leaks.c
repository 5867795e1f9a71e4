/**
 * Thousands of acquires that end in every way there is leave no znode behind,
 * and, as AddressSanitizer sees it, no memory.
 */
#include <corral/lock.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/locking.h"

enum { CYCLES = 10000, THREADS = 4, CLIENTS = 2, UNDER_WAY = 16, KINDS = 6 };

static corral_client *clients[CLIENTS];

static void setup(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = server_client(server_connect());
    }
}

static void teardown(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        ASSERT_STATUS(corral_client_close(clients[i]), CORRAL_OK);
    }
}

static void free_it(int status, corral_grant *grant, void *arg)
{
    (void)status;
    (void)arg;
    corral_grant_free(grant);
}

/* One acquire, ended in one of the ways. False: it went as it must not. */
static bool cycle(corral_lock *lock, unsigned i)
{
    corral_grant *grant = NULL;
    corral_op *op = NULL;
    int status;

    switch (i % KINDS) {
    case 0: /* a try */
        status = corral_lock_acquire(lock, 0, &grant);
        break;
    case 1: /* a deadline that may pass at any time */
        status = corral_lock_acquire(lock, 1 + i % 5, &grant);
        break;
    case 2: /* a cancel at once */
        status = corral_lock_acquire_async(lock, CORRAL_FOREVER, free_it, NULL, &op);
        (void)corral_op_cancel(op);
        corral_op_unref(op);
        break;
    case 3: /* a cancel that may come at any time */
        status = corral_lock_acquire_async(lock, CORRAL_FOREVER, free_it, NULL, &op);
        (void)corral_op_wait(op, i % 3);
        (void)corral_op_cancel(op);
        corral_op_unref(op);
        break;
    case 4: /* freed without being released */
        status = corral_lock_acquire(lock, CORRAL_FOREVER, &grant);
        break;
    default:
        status = corral_lock_acquire(lock, CORRAL_FOREVER, &grant);
        status = status == CORRAL_OK ? corral_lock_release(grant) : status;
    }
    corral_grant_free(grant);
    return status == CORRAL_OK || status == CORRAL_EBUSY || status == CORRAL_ETIMEDOUT;
}

typedef struct {
    pthread_t thread;
    corral_lock *lock;
    unsigned seed, failures;
} cycler;

static void *run_cycles(void *arg)
{
    cycler *own = arg;

    for (unsigned i = 0; i < testing_scaled(CYCLES) / THREADS; i++) {
        own->failures += !cycle(own->lock, (unsigned)rand_r(&own->seed) % (KINDS * 60));
    }
    return NULL;
}

static void nothing_is_left(const char *path, corral_lock_mode first, corral_lock_mode second,
                            corral_naming naming)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *locks[CLIENTS] = {NULL};
    cycler all[THREADS];

    for (unsigned i = 0; i < CLIENTS; i++) {
        options.mode = i == 0 ? first : second;
        options.naming = naming;
        options.handoffs = i == 0 ? 64 : 0;
        REQUIRE_STATUS(corral_lock_open(clients[i], path, &options, &locks[i]), CORRAL_OK);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        all[i] = (cycler){.lock = locks[i % CLIENTS], .seed = i + 1};
        REQUIRE(pthread_create(&all[i].thread, NULL, run_cycles, &all[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(all[i].thread, NULL);
        ASSERT_INT64(all[i].failures, 0);
    }
    ASSERT_BELOW_SOON(path, 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        ASSERT_STATUS(corral_lock_close(locks[i]), CORRAL_OK);
    }
}

static void of_a_mutex(void)
{
    nothing_is_left("/leaks/mutex", CORRAL_LOCK_MUTEX, CORRAL_LOCK_MUTEX, CORRAL_NAMING_CURATOR);
}

static void of_readers_and_writers(void)
{
    nothing_is_left("/leaks/rw", CORRAL_LOCK_READ, CORRAL_LOCK_WRITE, CORRAL_NAMING_CURATOR);
}

static void of_kazoos_names(void)
{
    nothing_is_left("/leaks/kazoo", CORRAL_LOCK_READ, CORRAL_LOCK_WRITE, CORRAL_NAMING_KAZOO);
}

/* The client stays: closing it would clean up. */
static void of_handles_that_are_closed(void)
{
    for (unsigned i = 0; i < testing_scaled(CYCLES) / 10; i++) {
        corral_lock *lock = locking_open(clients[i % CLIENTS], "/leaks/handles", CORRAL_LOCK_MUTEX, NULL);

        for (unsigned n = 0; n < 1 + i % UNDER_WAY; n++) {
            ASSERT_STATUS(corral_lock_acquire_async(lock, CORRAL_FOREVER, free_it, NULL, NULL), CORRAL_OK);
        }
        ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
    }
    ASSERT_BELOW_SOON("/leaks/handles", 0);
}

/* With all that is under way then. */
static void of_clients_that_are_closed(void)
{
    for (unsigned i = 0; i < testing_scaled(CYCLES) / 200; i++) {
        corral_client *of = server_client(server_connect());
        corral_lock *lock = locking_open(of, "/leaks/clients", CORRAL_LOCK_MUTEX, NULL);
        corral_grant *grant = NULL;

        if (i % 3 > 0) {
            grant = locking_acquire(lock);
        }
        for (unsigned n = 0; n < i % UNDER_WAY; n++) {
            ASSERT_STATUS(corral_lock_acquire_async(lock, CORRAL_FOREVER, free_it, NULL, NULL), CORRAL_OK);
        }
        if (i % 3 == 2) {
            ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
        }
        ASSERT_STATUS(corral_client_close(of), CORRAL_OK);
        corral_grant_free(grant);
        ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
    }
    ASSERT_BELOW_SOON("/leaks/clients", 0);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {{"of a mutex", of_a_mutex},
                           {"of readers and writers", of_readers_and_writers},
                           {"of Kazoo's names", of_kazoos_names},
                           {"of handles that are closed", of_handles_that_are_closed},
                           {"of clients that are closed", of_clients_that_are_closed},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"lock leaks", NULL, NULL, setup, teardown, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

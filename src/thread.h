/* Threads and condition variables, as this library wants them. */
#ifndef CORRALI_THREAD_H
#define CORRALI_THREAD_H

#include <pthread.h>
#include <stdint.h>

/*
 * Start a thread with all signals blocked: they are the program's. Threads that
 * it starts inherit that, libzookeeper's too. Returns 0 or CORRAL_ENOMEM.
 */
int corrali_thread_start(pthread_t *ret_thread, void *(*main)(void *), void *context);

/* Of thread-local variables that every call looks at: without the function call that those of a library take.
 */
#define CORRALI_THREAD_LOCAL __attribute__((tls_model("initial-exec"), visibility("hidden")))

/* A number that is this thread's alone, also when it has ended: unlike a pthread_t. */
uint64_t corrali_thread_number(void);

/* Make @condition wait by CLOCK_MONOTONIC, as all deadlines here. */
void corrali_cond_init(pthread_cond_t *condition);

#endif

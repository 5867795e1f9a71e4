#include "thread.h"

#include <corral/status.h>

#include <signal.h>
#include <time.h>

int corrali_thread_start(pthread_t *ret_thread, void *(*main)(void *), void *context)
{
    sigset_t all;
    sigset_t before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(ret_thread, NULL, main, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? CORRAL_OK : CORRAL_ENOMEM;
}

uint64_t corrali_thread_number(void)
{
    static _Atomic uint64_t threads;
    static _Thread_local uint64_t number;

    if (number == 0) {
        number = ++threads;
    }
    return number;
}

void corrali_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

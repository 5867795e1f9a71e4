#include "flight.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common.h"

static struct {
    const task *task;
    flight_ask ask;
    void *context;
    atomic_bool over;
    /* The callbacks' thread's, once the calls are under way: */
    uint64_t count;
    unsigned outstanding;
    bool failed;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t all_ended;
    bool ended;
} flight = {.mutex = PTHREAD_MUTEX_INITIALIZER, .all_ended = PTHREAD_COND_INITIALIZER};

void flight_landed(int status)
{
    if (status == 0) {
        flight.count++;
        if (!atomic_load_explicit(&flight.over, memory_order_relaxed) &&
            (status = flight.ask(flight.context)) == 0) {
            return;
        }
    }
    if (status != 0 && !flight.failed) {
        flight.failed = true;
        bench_fail(flight.task->path, "asynchronous call", status);
    }
    if (--flight.outstanding == 0) {
        pthread_mutex_lock(&flight.mutex);
        flight.ended = true;
        pthread_cond_signal(&flight.all_ended);
        pthread_mutex_unlock(&flight.mutex);
    }
}

static void await_end(void)
{
    pthread_mutex_lock(&flight.mutex);
    while (!flight.ended) {
        pthread_cond_wait(&flight.all_ended, &flight.mutex);
    }
    pthread_mutex_unlock(&flight.mutex);
}

bool flight_run(const task *t, flight_ask ask, void *context, outcome *ret_outcome)
{
    double start = bench_now();

    flight.task = t;
    flight.ask = ask;
    flight.context = context;
    flight.count = 0;
    flight.outstanding = t->outstanding;
    flight.failed = flight.ended = false;
    atomic_store(&flight.over, false);
    for (unsigned i = 0; i < t->outstanding; i++) {
        int status = ask(context);

        if (status != 0) {
            bench_fail(t->path, "asynchronous call", status);
            abort(); /* fewer would never end */
        }
    }
    bench_sleep(t->seconds);
    atomic_store(&flight.over, true);
    await_end();
    ret_outcome->count = flight.count;
    ret_outcome->seconds = bench_now() - start;
    return !flight.failed;
}

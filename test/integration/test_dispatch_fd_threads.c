/**
 * CORRAL_DISPATCH_FD with several threads: one at a time runs callbacks, and
 * closing waits for those that run elsewhere.
 */
#include <corral/counter.h>

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/loop.h"

struct slow {
    atomic_bool entered, released, finished;
    heard told;
};

static void be_slow(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct slow *own = arg;

    atomic_store(&own->entered, true);
    while (!atomic_load(&own->released)) {
        sched_yield();
    }
    loop_hear(status, value, stamp, &own->told);
    atomic_store(&own->finished, true);
}

static void *dispatch_once(void *arg)
{
    *(int *)arg = corral_client_dispatch(client);
    return NULL;
}

static void *release(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        sched_yield(); /* let the other get as far as it would */
    }
    atomic_store(&((struct slow *)arg)->released, true);
    return NULL;
}

/* A callback that runs on another thread until it is released, which a third one does soon. */
static void begin_slow(struct slow *slow, pthread_t *dispatcher, pthread_t *releaser, int *ret_count)
{
    loop_make_due(be_slow, slow);
    REQUIRE(pthread_create(dispatcher, NULL, dispatch_once, ret_count) == 0);
    while (!atomic_load(&slow->entered)) {
        sched_yield();
    }
    REQUIRE(pthread_create(releaser, NULL, release, slow) == 0);
}

static void end_slow(const struct slow *slow, pthread_t dispatcher, pthread_t releaser, const int *count)
{
    pthread_join(releaser, NULL);
    pthread_join(dispatcher, NULL);
    ASSERT_INT64(*count, 1);
    ASSERT_INT64(atomic_load(&slow->told.calls), 1);
    CU_ASSERT(pthread_equal(slow->told.thread, dispatcher));
}

static void a_second_thread_waits_for_the_first(void)
{
    struct slow slow = {0};
    heard due = {0};
    pthread_t dispatcher, releaser;
    int count = -1;

    begin_slow(&slow, &dispatcher, &releaser, &count);
    CU_ASSERT(!loop_readable(0));
    loop_make_due(loop_hear, &due);
    CU_ASSERT(loop_readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    CU_ASSERT(atomic_load(&slow.finished));
    loop_assert_heard_here(&due, CORRAL_ECANCELED);
    CU_ASSERT(slow.told.order < due.order);
    end_slow(&slow, dispatcher, releaser, &count);
}

static void closing_waits_for_a_callback_elsewhere(void)
{
    struct slow slow = {0};
    heard due = {0};
    pthread_t dispatcher, releaser;
    int count = -1;

    begin_slow(&slow, &dispatcher, &releaser, &count);
    loop_make_due(loop_hear, &due);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    CU_ASSERT(atomic_load(&slow.finished));
    loop_assert_heard_here(&due, CORRAL_ECANCELED);
    end_slow(&slow, dispatcher, releaser, &count);
}

struct waiting {
    corral_op *op;
    int status;
    corral_client *client;
    struct slow *slow;
};

static void *wait_for_op(void *arg)
{
    struct waiting *own = arg;

    own->status = corral_op_wait(own->op, CORRAL_FOREVER);
    return NULL;
}

/* When the close has done all but deliver callbacks. */
static void *release_at_the_end(void *arg)
{
    struct waiting *own = arg;

    /* The operation keeps the client's memory. */
    while (corral_client_state(own->client) != CORRAL_STATE_CLOSED) {
        sched_yield();
    }
    usleep(20000);
    return release(own->slow);
}

static void closing_the_client_waits_for_a_callback_in_a_wait(void)
{
    struct slow slow = {0};
    struct waiting waiting = {.client = client, .slow = &slow};
    heard waited = {0};
    pthread_t waiter, releaser;

    proxy_hold(through, PROXY_HOLD_REPLIES);
    waiting.op = loop_add_async(&waited);
    REQUIRE(pthread_create(&waiter, NULL, wait_for_op, &waiting) == 0);
    loop_make_due(be_slow, &slow);
    while (!atomic_load(&slow.entered)) {
        sched_yield();
    }
    REQUIRE(pthread_create(&releaser, NULL, release_at_the_end, &waiting) == 0);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    CU_ASSERT(atomic_load(&slow.finished));
    ASSERT_INT64(atomic_load(&waited.calls), 1);
    pthread_join(releaser, NULL);
    pthread_join(waiter, NULL);
    ASSERT_STATUS(waiting.status, CORRAL_OK);
    corral_op_unref(waiting.op);
    proxy_hold(through, 0);
}

struct crowd {
    atomic_uint inside, overlaps, calls;
    atomic_bool stop;
};

static void note_overlap(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct crowd *own = arg;

    (void)status;
    (void)value;
    (void)stamp;
    if (atomic_fetch_add(&own->inside, 1) != 0) {
        atomic_fetch_add(&own->overlaps, 1);
    }
    sched_yield();
    atomic_fetch_sub(&own->inside, 1);
    atomic_fetch_add(&own->calls, 1);
}

static void *loop(void *arg)
{
    struct crowd *own = arg;

    while (!atomic_load(&own->stop)) {
        if (loop_readable(10) && corral_client_dispatch(client) < 0) {
            atomic_fetch_add(&own->overlaps, 1000);
        }
    }
    return NULL;
}

static void several_loops_share_the_work(void)
{
    enum { LOOPS = 3 };
    unsigned adds = testing_scaled(3000);
    struct crowd crowd = {0};
    pthread_t loops[LOOPS];
    corral_op *last = NULL;

    for (int i = 0; i < LOOPS; i++) {
        REQUIRE(pthread_create(&loops[i], NULL, loop, &crowd) == 0);
    }
    for (unsigned i = 0; i < adds; i++) {
        corral_op_unref(last);
        REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, note_overlap, &crowd, &last),
                       CORRAL_OK);
    }
    ASSERT_STATUS(corral_op_wait(last, TESTING_PATIENCE_MS), CORRAL_OK);
    corral_op_unref(last);
    atomic_store(&crowd.stop, true);
    for (int i = 0; i < LOOPS; i++) {
        pthread_join(loops[i], NULL);
    }
    ASSERT_INT64(atomic_load(&crowd.calls), adds);
    ASSERT_INT64(atomic_load(&crowd.overlaps), 0);
    CU_ASSERT(!loop_readable(0));
}

static CU_TestInfo several[] = {
    {"a second thread waits for the first", a_second_thread_waits_for_the_first},
    {"closing waits for a callback elsewhere", closing_waits_for_a_callback_elsewhere},
    {"closing the client waits for a callback in a wait", closing_the_client_waits_for_a_callback_in_a_wait},
    {"several loops share the work", several_loops_share_the_work},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"several threads", NULL, NULL, loop_open, fixture_close, several},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

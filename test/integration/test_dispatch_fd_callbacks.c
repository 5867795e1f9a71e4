/**
 * CORRAL_DISPATCH_FD: what may be called from callbacks, what dispatching leaves
 * for the next time, and that closing and waiting run what is due.
 */
#include <corral/counter.h>

#include <stdatomic.h>

#include "lib/loop.h"

/* --- inside a callback --- */

struct inside {
    heard told;
    corral_client *outer, *inner;
    int fd, dispatch, dispatch_inner, add, wait, close_client, add_after;
};

static void try_everything(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct inside *own = arg;
    corral_op *op = NULL;

    own->fd = corral_client_fd(own->outer);
    own->dispatch = corral_client_dispatch(own->outer);
    own->add = corral_counter_add(counter, 1, CORRAL_FOREVER, NULL);
    if (corral_counter_add_async(counter, 0, CORRAL_FOREVER, NULL, NULL, &op) == CORRAL_OK) {
        own->wait = corral_op_wait(op, CORRAL_FOREVER);
    }
    corral_op_unref(op);
    own->close_client = corral_client_close(own->outer);
    loop_hear(status, value, stamp, &own->told);
}

static void callbacks_may_not_wait(void)
{
    struct inside tried = {.outer = client};

    loop_make_due(try_everything, &tried);
    ASSERT_INT64(corral_client_dispatch(client), 1);
    loop_assert_heard_here(&tried.told, CORRAL_ECANCELED);
    ASSERT_INT64(tried.fd, loop_fd);
    ASSERT_STATUS(tried.dispatch, CORRAL_EDEADLK);
    ASSERT_STATUS(tried.add, CORRAL_EDEADLK);
    ASSERT_STATUS(tried.wait, CORRAL_EDEADLK);
    ASSERT_STATUS(tried.close_client, CORRAL_EDEADLK);
    /* Outside they may again. */
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
}

static void dispatch_another(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct inside *own = arg;

    own->dispatch_inner = corral_client_dispatch(own->inner);
    own->add_after = corral_counter_add(counter, 1, CORRAL_FOREVER, NULL);
    (void)status;
    (void)value;
    (void)stamp;
}

static void callbacks_may_dispatch_another_client(void)
{
    struct inside tried = {.outer = client, .inner = server_client_with(server_connect(), loop_options())};
    corral_counter *other = NULL;
    corral_op *op = NULL;

    REQUIRE_STATUS(corral_counter_open(tried.inner, "/descriptor", NULL, &other), CORRAL_OK);
    REQUIRE_STATUS(
        corral_counter_get_async(other, CORRAL_READ_LOCAL, CORRAL_FOREVER, try_everything, &tried, &op),
        CORRAL_OK);
    (void)corral_op_cancel(op);
    loop_make_due(dispatch_another, &tried);
    ASSERT_INT64(corral_client_dispatch(client), 1);
    ASSERT_INT64(tried.dispatch_inner, 1);
    ASSERT_INT64(atomic_load(&tried.told.calls), 1);
    ASSERT_STATUS(tried.dispatch, CORRAL_EDEADLK); /* in the inner one's callback, as for the rest */
    ASSERT_STATUS(tried.add, CORRAL_EDEADLK);
    ASSERT_STATUS(tried.add_after, CORRAL_EDEADLK);
    corral_op_unref(op);
    ASSERT_STATUS(corral_counter_close(other), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(tried.inner), CORRAL_OK);
}

struct chain {
    unsigned left, calls;
};

/* The next one is due before this one has returned. */
static void go_on(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct chain *own = arg;

    (void)status;
    (void)value;
    (void)stamp;
    own->calls++;
    if (--own->left > 0) {
        loop_make_due(go_on, own);
    }
}

static void what_becomes_due_meanwhile_is_left(void)
{
    struct chain chain = {.left = 4};

    loop_make_due(go_on, &chain);
    for (unsigned i = 1; i <= 4; i++) {
        CU_ASSERT(loop_readable(0));
        ASSERT_INT64(corral_client_dispatch(client), 1);
        ASSERT_INT64(chain.calls, i);
    }
    CU_ASSERT(!loop_readable(0));
}

struct states_heard {
    atomic_uint calls;
    atomic_bool elsewhere;
    pthread_t thread;
    corral_state last;
};

static void hear_state(corral_client *which, corral_state state, void *arg)
{
    struct states_heard *own = arg;

    (void)which;
    if (!pthread_equal(pthread_self(), own->thread)) {
        atomic_store(&own->elsewhere, true);
    }
    own->last = state;
    atomic_fetch_add(&own->calls, 1);
}

static void states_are_told_there_too(void)
{
    struct states_heard states = {.thread = pthread_self()};
    corral_client_options options = loop_options();
    int64_t value;

    loop_close_client();
    options.state_cb = hear_state;
    options.state_arg = &states;
    client = server_client_with(proxy_servers(through), options);
    loop_fd = corral_client_fd(client);
    REQUIRE_STATUS(corral_counter_open(client, "/descriptor", NULL, &counter), CORRAL_OK);
    /* A read, which runs no callback, to have a connection. */
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(atomic_load(&states.calls), 0);
    CU_ASSERT(loop_readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1); /* connecting and connected */
    ASSERT_INT64(atomic_load(&states.calls), 2);
    ASSERT_INT64(states.last, CORRAL_STATE_CONNECTED);
    CU_ASSERT(!loop_readable(0));
    proxy_cut_all(through);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_OK);
    loop_await_due();
    while (states.last != CORRAL_STATE_RECONNECTED) {
        loop_await_due();
        CU_ASSERT(corral_client_dispatch(client) > 0);
    }
    loop_close_client();
    ASSERT_INT64(states.last, CORRAL_STATE_CLOSED);
    CU_ASSERT(!atomic_load(&states.elsewhere));
}

/* --- closing and waiting --- */

enum { PENDING = 20 };

static void closing_a_counter_runs_its_callbacks(void)
{
    heard due = {0}, pending[PENDING] = {{0}};
    corral_counter *other = NULL, *used = counter;

    REQUIRE_STATUS(corral_counter_open(client, "/descriptor/other", NULL, &other), CORRAL_OK);
    counter = other;
    loop_make_due(loop_hear, &due); /* another counter's, and before them */
    counter = used;
    proxy_hold(through, PROXY_HOLD_REPLIES);
    for (int i = 0; i < PENDING; i++) {
        corral_op_unref(loop_add_async(&pending[i]));
    }
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    loop_assert_heard_here(&due, CORRAL_ECANCELED);
    for (int i = 0; i < PENDING; i++) {
        ASSERT_INT64(atomic_load(&pending[i].calls), 1);
        CU_ASSERT(pending[i].status == CORRAL_ECLOSED || pending[i].status == CORRAL_EUNCERTAIN);
        CU_ASSERT(pthread_equal(pending[i].thread, pthread_self()));
        CU_ASSERT(due.order < pending[i].order);
    }
    CU_ASSERT(!loop_readable(0));
    ASSERT_STATUS(corral_counter_close(other), CORRAL_OK);
    proxy_hold(through, 0);
}

static void close_it(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    loop_hear(status, value, stamp, arg);
    ((heard *)arg)->status = corral_counter_close(counter);
}

static void a_counter_may_be_closed_from_its_callback(void)
{
    heard closing = {0}, same_batch = {0}, later = {0};

    loop_make_due(close_it, &closing);
    loop_make_due(loop_hear, &same_batch);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    corral_op_unref(loop_add_async(&later));
    ASSERT_INT64(corral_client_dispatch(client), 2);
    counter = NULL;
    loop_assert_heard_here(&closing, CORRAL_OK);
    loop_assert_heard_here(&same_batch, CORRAL_ECANCELED);
    ASSERT_INT64(atomic_load(&later.calls), 0);
    CU_ASSERT(loop_readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    ASSERT_INT64(atomic_load(&later.calls), 1);
    CU_ASSERT(!loop_readable(0));
    proxy_hold(through, 0);
}

static void closing_the_client_runs_what_is_due(void)
{
    heard due = {0}, outstanding[PENDING] = {{0}};
    struct inside tried = {.outer = client, .wait = 1};
    corral_op *op;

    loop_make_due(loop_hear, &due);
    loop_make_due(try_everything, &tried);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    op = loop_add_async(&outstanding[0]);
    for (int i = 1; i < PENDING; i++) {
        corral_op_unref(loop_add_async(&outstanding[i]));
    }
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    loop_assert_heard_here(&due, CORRAL_ECANCELED);
    loop_assert_heard_here(&tried.told, CORRAL_ECANCELED);
    ASSERT_STATUS(tried.dispatch, CORRAL_EDEADLK);
    ASSERT_STATUS(tried.close_client, CORRAL_EDEADLK);
    ASSERT_INT64(tried.wait, 1); /* it had nothing to wait for: no operation was accepted */
    for (int i = 0; i < PENDING; i++) {
        ASSERT_INT64(atomic_load(&outstanding[i].calls), 1);
        CU_ASSERT(outstanding[i].status == CORRAL_ECLOSED || outstanding[i].status == CORRAL_EUNCERTAIN);
        CU_ASSERT(pthread_equal(outstanding[i].thread, pthread_self()));
    }
    ASSERT_STATUS(corral_op_wait(op, CORRAL_FOREVER), CORRAL_OK);
    corral_op_unref(op);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_ECLOSED);
    proxy_hold(through, 0);
}

static void an_operation_can_be_waited_for(void)
{
    heard other = {0}, waited = {0};
    corral_op *op;

    proxy_hold(through, PROXY_HOLD_REPLIES);
    op = loop_add_async(&waited);
    ASSERT_STATUS(corral_op_wait(op, 0), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_op_wait(op, 20), CORRAL_ETIMEDOUT);
    proxy_hold(through, 0);
    loop_await_due();
    ASSERT_STATUS(corral_op_wait(op, 0), CORRAL_ETIMEDOUT); /* only looks */
    ASSERT_INT64(atomic_load(&waited.calls), 0);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    loop_assert_heard_here(&waited, CORRAL_OK);
    corral_op_unref(op);
    /* Nothing is due yet when the wait begins; and it runs others' as well. */
    waited = (heard){0};
    loop_make_due(loop_hear, &other);
    op = loop_add_async(&waited);
    ASSERT_STATUS(corral_op_wait(op, CORRAL_FOREVER), CORRAL_OK);
    loop_assert_heard_here(&other, CORRAL_ECANCELED);
    loop_assert_heard_here(&waited, CORRAL_OK);
    ASSERT_INT64(waited.value, 2);
    ASSERT_STATUS(corral_op_wait(op, 0), CORRAL_OK);
    corral_op_unref(op);
    CU_ASSERT(!loop_readable(0));
}

static CU_TestInfo inside[] = {
    {"callbacks may not wait", callbacks_may_not_wait},
    {"callbacks may dispatch another client", callbacks_may_dispatch_another_client},
    {"what becomes due meanwhile is left", what_becomes_due_meanwhile_is_left},
    {"states are told there, too", states_are_told_there_too},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo waiting[] = {
    {"closing a counter runs its callbacks", closing_a_counter_runs_its_callbacks},
    {"a counter may be closed from its callback", a_counter_may_be_closed_from_its_callback},
    {"closing the client runs what is due", closing_the_client_runs_what_is_due},
    {"an operation can be waited for", an_operation_can_be_waited_for},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"inside", NULL, NULL, loop_open, fixture_close, inside},
    {"waiting", NULL, NULL, loop_open, fixture_close, waiting},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

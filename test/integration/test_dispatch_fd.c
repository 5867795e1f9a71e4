/**
 * CORRAL_DISPATCH_FD: the descriptor is readable when callbacks are due, they
 * run where the program dispatches and nowhere else, and no call waits for a
 * callback that only its own thread could run.
 */
#include <corral/counter.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/server.h"

static proxy *through;
static corral_client *client;
static corral_counter *counter;
static int fd;

/* A callback's story. */
typedef struct {
    atomic_uint calls;
    int status;
    int64_t value;
    unsigned order; /* among all */
    pthread_t thread;
} heard;

static atomic_uint all_heard;

static void hear(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    heard *own = arg;

    (void)stamp;
    own->status = status;
    own->value = value;
    own->thread = pthread_self();
    own->order = atomic_fetch_add(&all_heard, 1);
    atomic_fetch_add(&own->calls, 1);
}

static void assert_heard_here(const heard *own, int status)
{
    ASSERT_INT64(atomic_load(&own->calls), 1);
    ASSERT_STATUS(own->status, status);
    CU_ASSERT(pthread_equal(own->thread, pthread_self()));
}

static corral_client *open_client(const char *servers, corral_client_options options)
{
    corral_client *made = NULL;

    options.session_timeout_ms = SERVER_SESSION_MS;
    REQUIRE_STATUS(corral_client_open(servers, &options, &made), CORRAL_OK);
    return made;
}

static corral_client_options with_descriptor(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.dispatch = CORRAL_DISPATCH_FD;
    return options;
}

/* A client behind the proxy with a counter that holds 0. */
static void begin(corral_client_options options)
{
    client = open_client(proxy_servers(through), options);
    fd = corral_client_fd(client);
    CU_ASSERT(fd >= 0);
    REQUIRE_STATUS(corral_counter_open(client, "/descriptor", NULL, &counter), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_set(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
}

static void open_proxy(void)
{
    through = proxy_open(server_connect());
    REQUIRE(through != NULL);
}

static void setup(void)
{
    open_proxy();
    begin(with_descriptor());
}

static void close_all(void)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
}

static void teardown(void)
{
    close_all();
    proxy_close(through);
}

static bool readable(int timeout_ms)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return poll(&polled, 1, timeout_ms) == 1 && (polled.revents & POLLIN) != 0;
}

/* Wait for something to be due. */
static void await_due(void)
{
    REQUIRE(readable(TESTING_PATIENCE_MS));
}

static corral_op *add_async(heard *own)
{
    corral_op *op = NULL;

    REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, hear, own, &op), CORRAL_OK);
    return op;
}

/* Operations that are due at once, in this order, without a server. */
static void make_due(corral_int64_cb cb, void *arg)
{
    corral_op *op = NULL;

    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(corral_counter_get_async(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, cb, arg, &op),
                   CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    corral_op_unref(op);
    proxy_hold(through, 0);
}

/* --- the descriptor --- */

static void it_is_readable_when_something_is_due(void)
{
    heard first = {0}, second = {0};
    uint64_t replies;

    CU_ASSERT(!readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 0);
    for (int round = 0; round < 3; round++) {
        first = second = (heard){0};
        replies = proxy_count(through, PROXY_REPLIES);
        proxy_hold(through, PROXY_HOLD_REQUESTS);
        corral_op_unref(add_async(&first));
        CU_ASSERT(!readable(0));
        proxy_hold(through, 0);
        await_due();
        CU_ASSERT(proxy_count(through, PROXY_REPLIES) > replies);
        CU_ASSERT(readable(0)); /* it stays so */
        ASSERT_INT64(atomic_load(&first.calls), 0);
        make_due(hear, &second);
        ASSERT_INT64(corral_client_dispatch(client), 2);
        assert_heard_here(&first, CORRAL_OK);
        assert_heard_here(&second, CORRAL_ECANCELED);
        CU_ASSERT(first.order < second.order);
        CU_ASSERT(!readable(0));
        ASSERT_INT64(corral_client_dispatch(client), 0);
    }
}

static void blocking_reads_run_no_callback(void)
{
    heard due = {0};
    int64_t value = -1;

    make_due(hear, &due);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(atomic_load(&due.calls), 0);
    CU_ASSERT(readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    assert_heard_here(&due, CORRAL_ECANCELED);
}

static void blocking_changes_run_what_is_due(void)
{
    heard due = {0};
    int64_t value = -1;

    make_due(hear, &due);
    ASSERT_STATUS(corral_counter_add(counter, 5, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 5);
    assert_heard_here(&due, CORRAL_ECANCELED);
    value = -1;
    ASSERT_STATUS(corral_counter_compare_set(counter, 6, 7, CORRAL_FOREVER, &value), CORRAL_ECONFLICT);
    ASSERT_INT64(value, 5);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_OK);
}

static int one_more(int64_t value, int64_t *ret_value, void *arg)
{
    *(pthread_t *)arg = pthread_self();
    *ret_value = value + 1;
    return 0;
}

/* The function that they wait for is run by nobody else. */
static void blocking_changes_wait_for_no_update(void)
{
    heard first = {0};
    pthread_t where;
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_set(counter, 10, CORRAL_FOREVER, NULL), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_update_async(counter, one_more, &where, CORRAL_FOREVER, hear, &first, NULL),
                   CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 5, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 16);
    CU_ASSERT(pthread_equal(where, pthread_self()));
    ASSERT_STATUS(corral_counter_update(counter, one_more, &where, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 17);
    assert_heard_here(&first, CORRAL_OK);
}

/* Nobody has run its function, so there is a lane to be given back. */
static void closing_with_an_update_leaves_nothing(void)
{
    heard first = {0};
    pthread_t where;

    REQUIRE_STATUS(corral_counter_update_async(counter, one_more, &where, CORRAL_FOREVER, hear, &first, NULL),
                   CORRAL_OK);
    await_due();
    close_all();
    assert_heard_here(&first, CORRAL_ECLOSED);
    ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 0);
    begin(with_descriptor());
}

static void operations_without_callback_are_events_as_well(void)
{
    make_due(NULL, NULL);
    CU_ASSERT(readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    CU_ASSERT(!readable(0));
}

static unsigned threads_now(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;

    REQUIRE(tasks != NULL);
    while (readdir(tasks) != NULL) {
        count++;
    }
    closedir(tasks);
    return count;
}

static corral_client *open_and_connect(corral_client_options options)
{
    corral_client *made = open_client(server_connect(), options);
    corral_counter *used = NULL;

    REQUIRE_STATUS(corral_counter_open(made, "/descriptor", NULL, &used), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(used, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_close(used), CORRAL_OK);
    return made;
}

static void there_is_one_thread_less(void)
{
    corral_client_options threaded = CORRAL_CLIENT_OPTIONS_INIT;
    unsigned before = threads_now();
    corral_client *a = open_and_connect(with_descriptor());
    unsigned with_one = threads_now();
    corral_client *b = open_and_connect(threaded);
    unsigned with_both = threads_now();

    ASSERT_INT64(with_both - with_one, with_one - before + 1);
    ASSERT_STATUS(corral_client_close(a), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(b), CORRAL_OK);
}

static void it_is_closed_with_the_client(void)
{
    int it = fd;

    CU_ASSERT((fcntl(it, F_GETFD) & FD_CLOEXEC) != 0);
    CU_ASSERT((fcntl(it, F_GETFL) & O_NONBLOCK) != 0);
    close_all();
    CU_ASSERT(fcntl(it, F_GETFD) == -1 && errno == EBADF);
}

static void no_descriptor_is_no_memory(void)
{
    corral_client_options options = with_descriptor();
    corral_client *made = NULL;
    struct rlimit before, none;

    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    ASSERT_STATUS(corral_client_open(server_connect(), &options, &made), CORRAL_ENOMEM);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CU_ASSERT_PTR_NULL(made);
}

/* --- arguments --- */

static void the_other_mode_has_none(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    corral_client *threaded = open_client(server_connect(), options);
    corral_client *made = NULL;

    ASSERT_STATUS(corral_client_fd(threaded), CORRAL_ENOTSUP);
    ASSERT_STATUS(corral_client_dispatch(threaded), CORRAL_ENOTSUP);
    ASSERT_STATUS(corral_client_close(threaded), CORRAL_OK);
    ASSERT_STATUS(corral_client_fd(NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_client_dispatch(NULL), CORRAL_EINVAL);
    options.dispatch = (corral_dispatch)(CORRAL_DISPATCH_FD + 1);
    ASSERT_STATUS(corral_client_open(server_connect(), &options, &made), CORRAL_EINVAL);
    CU_ASSERT_PTR_NULL(made);
}

static void a_forked_child_is_refused(void)
{
    heard due = {0};
    int status = -1;
    pid_t child;

    make_due(hear, &due);
    child = fork();
    if (child == 0) {
        alarm(TESTING_PATIENCE_MS / 1000);
        _exit(corral_client_fd(client) != CORRAL_EFORK || corral_client_dispatch(client) != CORRAL_EFORK ||
              corral_counter_close(counter) != CORRAL_EFORK || corral_client_close(client) != CORRAL_EFORK);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CU_ASSERT(readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    assert_heard_here(&due, CORRAL_ECANCELED);
}

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
    hear(status, value, stamp, &own->told);
}

static void callbacks_may_not_wait(void)
{
    struct inside tried = {.outer = client};

    make_due(try_everything, &tried);
    ASSERT_INT64(corral_client_dispatch(client), 1);
    assert_heard_here(&tried.told, CORRAL_ECANCELED);
    ASSERT_INT64(tried.fd, fd);
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
    struct inside tried = {.outer = client, .inner = open_client(server_connect(), with_descriptor())};
    corral_counter *other = NULL;
    corral_op *op = NULL;

    REQUIRE_STATUS(corral_counter_open(tried.inner, "/descriptor", NULL, &other), CORRAL_OK);
    REQUIRE_STATUS(
        corral_counter_get_async(other, CORRAL_READ_LOCAL, CORRAL_FOREVER, try_everything, &tried, &op),
        CORRAL_OK);
    (void)corral_op_cancel(op);
    make_due(dispatch_another, &tried);
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
        make_due(go_on, own);
    }
}

static void what_becomes_due_meanwhile_is_left(void)
{
    struct chain chain = {.left = 4};

    make_due(go_on, &chain);
    for (unsigned i = 1; i <= 4; i++) {
        CU_ASSERT(readable(0));
        ASSERT_INT64(corral_client_dispatch(client), 1);
        ASSERT_INT64(chain.calls, i);
    }
    CU_ASSERT(!readable(0));
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
    corral_client_options options = with_descriptor();
    int64_t value;

    close_all();
    options.state_cb = hear_state;
    options.state_arg = &states;
    client = open_client(proxy_servers(through), options);
    fd = corral_client_fd(client);
    REQUIRE_STATUS(corral_counter_open(client, "/descriptor", NULL, &counter), CORRAL_OK);
    /* A read, which runs no callback, to have a connection. */
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(atomic_load(&states.calls), 0);
    CU_ASSERT(readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1); /* connecting and connected */
    ASSERT_INT64(atomic_load(&states.calls), 2);
    ASSERT_INT64(states.last, CORRAL_STATE_CONNECTED);
    CU_ASSERT(!readable(0));
    proxy_cut_all(through);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_OK);
    await_due();
    while (states.last != CORRAL_STATE_RECONNECTED) {
        await_due();
        CU_ASSERT(corral_client_dispatch(client) > 0);
    }
    close_all();
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
    make_due(hear, &due); /* another counter's, and before them */
    counter = used;
    proxy_hold(through, PROXY_HOLD_REPLIES);
    for (int i = 0; i < PENDING; i++) {
        corral_op_unref(add_async(&pending[i]));
    }
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    assert_heard_here(&due, CORRAL_ECANCELED);
    for (int i = 0; i < PENDING; i++) {
        ASSERT_INT64(atomic_load(&pending[i].calls), 1);
        CU_ASSERT(pending[i].status == CORRAL_ECLOSED || pending[i].status == CORRAL_EUNCERTAIN);
        CU_ASSERT(pthread_equal(pending[i].thread, pthread_self()));
        CU_ASSERT(due.order < pending[i].order);
    }
    CU_ASSERT(!readable(0));
    ASSERT_STATUS(corral_counter_close(other), CORRAL_OK);
    proxy_hold(through, 0);
}

static void close_it(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    hear(status, value, stamp, arg);
    ((heard *)arg)->status = corral_counter_close(counter);
}

static void a_counter_may_be_closed_from_its_callback(void)
{
    heard closing = {0}, same_batch = {0}, later = {0};

    make_due(close_it, &closing);
    make_due(hear, &same_batch);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    corral_op_unref(add_async(&later));
    ASSERT_INT64(corral_client_dispatch(client), 2);
    counter = NULL;
    assert_heard_here(&closing, CORRAL_OK);
    assert_heard_here(&same_batch, CORRAL_ECANCELED);
    ASSERT_INT64(atomic_load(&later.calls), 0);
    CU_ASSERT(readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    ASSERT_INT64(atomic_load(&later.calls), 1);
    CU_ASSERT(!readable(0));
    proxy_hold(through, 0);
}

static void closing_the_client_runs_what_is_due(void)
{
    heard due = {0}, outstanding[PENDING] = {{0}};
    struct inside tried = {.outer = client, .wait = 1};
    corral_op *op;

    make_due(hear, &due);
    make_due(try_everything, &tried);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    op = add_async(&outstanding[0]);
    for (int i = 1; i < PENDING; i++) {
        corral_op_unref(add_async(&outstanding[i]));
    }
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    assert_heard_here(&due, CORRAL_ECANCELED);
    assert_heard_here(&tried.told, CORRAL_ECANCELED);
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
    op = add_async(&waited);
    ASSERT_STATUS(corral_op_wait(op, 0), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_op_wait(op, 20), CORRAL_ETIMEDOUT);
    proxy_hold(through, 0);
    await_due();
    ASSERT_STATUS(corral_op_wait(op, 0), CORRAL_ETIMEDOUT); /* only looks */
    ASSERT_INT64(atomic_load(&waited.calls), 0);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    assert_heard_here(&waited, CORRAL_OK);
    corral_op_unref(op);
    /* Nothing is due yet when the wait begins; and it runs others' as well. */
    waited = (heard){0};
    make_due(hear, &other);
    op = add_async(&waited);
    ASSERT_STATUS(corral_op_wait(op, CORRAL_FOREVER), CORRAL_OK);
    assert_heard_here(&other, CORRAL_ECANCELED);
    assert_heard_here(&waited, CORRAL_OK);
    ASSERT_INT64(waited.value, 2);
    ASSERT_STATUS(corral_op_wait(op, 0), CORRAL_OK);
    corral_op_unref(op);
    CU_ASSERT(!readable(0));
}

/* --- several threads --- */

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
    hear(status, value, stamp, &own->told);
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
    make_due(be_slow, slow);
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
    CU_ASSERT(!readable(0));
    make_due(hear, &due);
    CU_ASSERT(readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    CU_ASSERT(atomic_load(&slow.finished));
    assert_heard_here(&due, CORRAL_ECANCELED);
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
    make_due(hear, &due);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    CU_ASSERT(atomic_load(&slow.finished));
    assert_heard_here(&due, CORRAL_ECANCELED);
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
    waiting.op = add_async(&waited);
    REQUIRE(pthread_create(&waiter, NULL, wait_for_op, &waiting) == 0);
    make_due(be_slow, &slow);
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
        if (readable(10) && corral_client_dispatch(client) < 0) {
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
    CU_ASSERT(!readable(0));
}

static CU_TestInfo descriptor[] = {
    {"it is readable when something is due", it_is_readable_when_something_is_due},
    {"blocking reads run no callback", blocking_reads_run_no_callback},
    {"blocking changes run what is due", blocking_changes_run_what_is_due},
    {"blocking changes wait for no update", blocking_changes_wait_for_no_update},
    {"closing with an update leaves nothing", closing_with_an_update_leaves_nothing},
    {"operations without callback are events as well", operations_without_callback_are_events_as_well},
    {"there is one thread less", there_is_one_thread_less},
    {"it is closed with the client", it_is_closed_with_the_client},
    {"no descriptor is no memory", no_descriptor_is_no_memory},
    {"the other mode has none", the_other_mode_has_none},
    {"a forked child is refused", a_forked_child_is_refused},
    CU_TEST_INFO_NULL,
};

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

static CU_TestInfo several[] = {
    {"a second thread waits for the first", a_second_thread_waits_for_the_first},
    {"closing waits for a callback elsewhere", closing_waits_for_a_callback_elsewhere},
    {"closing the client waits for a callback in a wait", closing_the_client_waits_for_a_callback_in_a_wait},
    {"several loops share the work", several_loops_share_the_work},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"descriptor", NULL, NULL, setup, teardown, descriptor},
    {"inside", NULL, NULL, setup, teardown, inside},
    {"waiting", NULL, NULL, setup, teardown, waiting},
    {"several threads", NULL, NULL, setup, teardown, several},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

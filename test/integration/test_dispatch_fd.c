/**
 * CORRAL_DISPATCH_FD: the descriptor is readable when callbacks are due, they
 * run where the program dispatches and nowhere else, and no call waits for a
 * callback that only its own thread could run.
 */
#include <corral/counter.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/loop.h"

/* --- the descriptor --- */

static void it_is_readable_when_something_is_due(void)
{
    heard first = {0}, second = {0};
    uint64_t replies;

    CU_ASSERT(!loop_readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 0);
    for (int round = 0; round < 3; round++) {
        first = second = (heard){0};
        replies = proxy_count(through, PROXY_REPLIES);
        proxy_hold(through, PROXY_HOLD_REQUESTS);
        corral_op_unref(loop_add_async(&first));
        CU_ASSERT(!loop_readable(0));
        proxy_hold(through, 0);
        loop_await_due();
        CU_ASSERT(proxy_count(through, PROXY_REPLIES) > replies);
        CU_ASSERT(loop_readable(0)); /* it stays so */
        ASSERT_INT64(atomic_load(&first.calls), 0);
        loop_make_due(loop_hear, &second);
        ASSERT_INT64(corral_client_dispatch(client), 2);
        loop_assert_heard_here(&first, CORRAL_OK);
        loop_assert_heard_here(&second, CORRAL_ECANCELED);
        CU_ASSERT(first.order < second.order);
        CU_ASSERT(!loop_readable(0));
        ASSERT_INT64(corral_client_dispatch(client), 0);
    }
}

static void blocking_reads_run_no_callback(void)
{
    heard due = {0};
    int64_t value = -1;

    loop_make_due(loop_hear, &due);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(atomic_load(&due.calls), 0);
    CU_ASSERT(loop_readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    loop_assert_heard_here(&due, CORRAL_ECANCELED);
}

static void blocking_changes_run_what_is_due(void)
{
    heard due = {0};
    int64_t value = -1;

    loop_make_due(loop_hear, &due);
    ASSERT_STATUS(corral_counter_add(counter, 5, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 5);
    loop_assert_heard_here(&due, CORRAL_ECANCELED);
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
    REQUIRE_STATUS(
        corral_counter_update_async(counter, one_more, &where, CORRAL_FOREVER, loop_hear, &first, NULL),
        CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 5, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 16);
    CU_ASSERT(pthread_equal(where, pthread_self()));
    ASSERT_STATUS(corral_counter_update(counter, one_more, &where, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 17);
    loop_assert_heard_here(&first, CORRAL_OK);
}

/* Nobody has run its function, so there is a lane to be given back. */
static void closing_with_an_update_leaves_nothing(void)
{
    heard first = {0};
    pthread_t where;

    REQUIRE_STATUS(
        corral_counter_update_async(counter, one_more, &where, CORRAL_FOREVER, loop_hear, &first, NULL),
        CORRAL_OK);
    loop_await_due();
    loop_close_client();
    loop_assert_heard_here(&first, CORRAL_ECLOSED);
    ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 0);
    loop_open_client();
}

static void operations_without_callback_are_events_as_well(void)
{
    loop_make_due(NULL, NULL);
    CU_ASSERT(loop_readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    CU_ASSERT(!loop_readable(0));
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
    corral_client *made = server_client_with(server_connect(), options);
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
    corral_client *a = open_and_connect(loop_options());
    unsigned with_one = threads_now();
    corral_client *b = open_and_connect(threaded);
    unsigned with_both = threads_now();

    ASSERT_INT64(with_both - with_one, with_one - before + 1);
    ASSERT_STATUS(corral_client_close(a), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(b), CORRAL_OK);
}

static void it_is_closed_with_the_client(void)
{
    int it = loop_fd;

    CU_ASSERT((fcntl(it, F_GETFD) & FD_CLOEXEC) != 0);
    CU_ASSERT((fcntl(it, F_GETFL) & O_NONBLOCK) != 0);
    loop_close_client();
    CU_ASSERT(fcntl(it, F_GETFD) == -1 && errno == EBADF);
}

static void no_descriptor_is_no_memory(void)
{
    corral_client_options options = loop_options();
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
    corral_client *threaded = server_client_with(server_connect(), options);
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

    loop_make_due(loop_hear, &due);
    child = fork();
    if (child == 0) {
        alarm(TESTING_PATIENCE_MS / 1000);
        _exit(corral_client_fd(client) != CORRAL_EFORK || corral_client_dispatch(client) != CORRAL_EFORK ||
              corral_counter_close(counter) != CORRAL_EFORK || corral_client_close(client) != CORRAL_EFORK);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CU_ASSERT(loop_readable(0));
    ASSERT_INT64(corral_client_dispatch(client), 1);
    loop_assert_heard_here(&due, CORRAL_ECANCELED);
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

static CU_SuiteInfo suites[] = {
    {"descriptor", NULL, NULL, loop_open, fixture_close, descriptor},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

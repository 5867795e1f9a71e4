/**
 * After fork() the child can do nothing with what its parent made, is told so
 * by every function, and does the parent no harm.
 */
#include <corral/counter.h>
#include <corral/watch.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/events.h"
#include "lib/server.h"

static corral_client *client;
static corral_counter *counter;
static corral_watch *watch;
static events seen;
static corral_op *op; /* one that has not ended */
static recorder results;
static proxy *through;

static void setup(void)
{
    through = proxy_open(server_connect());
    REQUIRE(through != NULL);
    client = server_client(proxy_servers(through));
    REQUIRE_STATUS(corral_counter_open(client, "/fork", NULL, &counter), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_set(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    recorder_open(&results, 1);
    events_open(&seen);
    REQUIRE_STATUS(corral_watch_open(client, "/fork", NULL, events_note, &seen, &watch), CORRAL_OK);
    REQUIRE(events_wait(&seen, 1));
    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[0], &op),
        CORRAL_OK);
}

static void teardown(void)
{
    proxy_hold(through, 0);
    corral_op_unref(op);
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    recorder_close(&results);
    events_close(&seen);
    proxy_close(through);
}

/* In the child, where CUnit's records are of no use: the number of the first call that was not refused. */
static int call_everything(void)
{
    corral_client_stats stats;
    corral_counter *made = NULL;
    corral_watch *subscribed = NULL;
    corral_op *submitted = NULL;
    int64_t value = -1;
    const int statuses[] = {
        corral_counter_open(client, "/fork/made", NULL, &made),
        corral_client_get_stats(client, &stats),
        corral_client_fd(client),
        corral_client_dispatch(client),
        corral_counter_add(counter, 1, CORRAL_FOREVER, &value),
        corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value),
        corral_counter_set(counter, 1, CORRAL_FOREVER, &value),
        corral_counter_compare_set(counter, 0, 1, CORRAL_FOREVER, &value),
        corral_counter_destroy(counter, CORRAL_FOREVER),
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[0], &submitted),
        corral_counter_get_async(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, record_int64,
                                 &results.records[0], &submitted),
        corral_counter_set_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[0], &submitted),
        corral_counter_compare_set_async(counter, 0, 1, CORRAL_FOREVER, record_int64, &results.records[0],
                                         &submitted),
        corral_counter_destroy_async(counter, CORRAL_FOREVER, record_status, &results.records[0], &submitted),
        corral_op_wait(op, CORRAL_FOREVER),
        corral_op_cancel(op),
        corral_watch_open(client, "/fork", NULL, events_note, &seen, &subscribed),
        corral_counter_subscribe(counter, events_note_counter, &seen, &subscribed),
        corral_watch_close(watch),
        corral_counter_close(counter),
        corral_client_close(client),
    };

    for (int i = 0; i < (int)(sizeof statuses / sizeof *statuses); i++) {
        if (statuses[i] != CORRAL_EFORK) {
            printf("call %d is %s ", i, corral_status_name(statuses[i]));
            return i + 1;
        }
    }
    corral_op_unref(op);
    return made != NULL || subscribed != NULL || submitted != NULL || value != -1 ? 100 : 0;
}

/* Run @what in a child; its exit status, or -1. */
static int in_child(int (*what)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        alarm(TESTING_PATIENCE_MS / 1000); /* a call that is not refused may wait for ever */
        _exit(what());
    }
    REQUIRE(child > 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void every_call_is_refused_in_the_child(void)
{
    ASSERT_INT64(in_child(call_everything), 0);
}

static void the_parent_goes_on(void)
{
    ASSERT_INT64(in_child(call_everything), 0);
    ASSERT_INT64(recorder_calls(&results), 0);
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, 1));
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_ZNODE("/fork", "2");
    /* Its subscription, too. */
    REQUIRE(events_wait_value(&seen, "2"));
}

static int call_in_grandchild(void)
{
    int status = -1;
    pid_t grandchild = fork();

    if (grandchild == 0) {
        alarm(TESTING_PATIENCE_MS / 1000);
        _exit(call_everything());
    }
    if (grandchild < 0 || waitpid(grandchild, &status, 0) != grandchild) {
        return 101;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 102;
}

static void in_the_grandchild_as_well(void)
{
    ASSERT_INT64(in_child(call_in_grandchild), 0);
}

static CU_TestInfo tests[] = {
    {"every call is refused in the child", every_call_is_refused_in_the_child},
    {"the parent goes on", the_parent_goes_on},
    {"in the grandchild as well", in_the_grandchild_as_well},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"fork", NULL, NULL, setup, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

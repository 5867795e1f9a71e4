/**
 * Operation handles: deadlines, cancel, wait, status, and references; also
 * where there is no server to answer.
 */
#include <corral/counter.h>

#include <stdatomic.h>

#include "lib/net.h"
#include "lib/server.h"
#include "lib/states.h"

static proxy *through;
static corral_client *client;
static corral_counter *counter;
static recorder results;
static states seen;

static void setup(void)
{
    states_open(&seen);
    through = proxy_open(server_connect());
    REQUIRE(through != NULL);
    recorder_open(&results, 8);
}

static void teardown(void)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    recorder_close(&results);
    states_close(&seen);
    proxy_close(through);
}

static void begin(const char *servers, int64_t request_timeout_ms, const char *path)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.session_timeout_ms = SERVER_SESSION_MS;
    options.request_timeout_ms = request_timeout_ms;
    options.state_cb = states_note;
    options.state_arg = &seen;
    REQUIRE_STATUS(corral_client_open(servers, &options, &client), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_open(client, path, NULL, &counter), CORRAL_OK);
}

/* The same, connected, with the counter at 0. */
static void begin_connected(const char *path)
{
    begin(proxy_servers(through), 0, path);
    REQUIRE_STATUS(corral_counter_add(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
}

static corral_op *submit_add(unsigned i, int64_t timeout_ms)
{
    corral_op *op = NULL;

    REQUIRE_STATUS(corral_counter_add_async(counter, 1, timeout_ms, record_int64, &results.records[i], &op),
                   CORRAL_OK);
    return op;
}

static corral_op *submit_get(unsigned i, int64_t timeout_ms)
{
    corral_op *op = NULL;

    REQUIRE_STATUS(corral_counter_get_async(counter, CORRAL_READ_LINEARIZABLE, timeout_ms, record_int64,
                                            &results.records[i], &op),
                   CORRAL_OK);
    return op;
}

/* @op has ended, by its callback and by its handle, in the same way. Gives it back. */
static void assert_ended(unsigned i, corral_op *op, int status, int cause)
{
    REQUIRE_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    record result = recorder_get(&results, i);
    ASSERT_INT64(result.calls, 1);
    ASSERT_STATUS(result.status, status);
    ASSERT_STATUS(corral_op_status(op), status);
    ASSERT_STATUS(corral_op_cause(op), cause);
    corral_op_unref(op);
}

/* --- nobody answers --- */

/* Every call ends when its time is over, not before, and so does the close. */
static void assert_times_out(const char *servers)
{
    enum { SHORT_MS = 300 };
    int64_t start, value = -1;

    begin(servers, SHORT_MS, "/operations/nowhere");
    start = testing_now_ms();
    ASSERT_STATUS(corral_counter_add(counter, 1, SHORT_MS, &value), CORRAL_ETIMEDOUT);
    CU_ASSERT(testing_now_ms() - start >= SHORT_MS);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_SYNC, SHORT_MS, &value), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_counter_destroy(counter, 0), CORRAL_ETIMEDOUT);
    CU_ASSERT(testing_now_ms() - start >= 3 * SHORT_MS);
    ASSERT_INT64(value, -1);
    assert_ended(0, submit_add(0, SHORT_MS), CORRAL_ETIMEDOUT, CORRAL_ETIMEDOUT);
    assert_ended(1, submit_get(1, 0), CORRAL_ETIMEDOUT, CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    CU_ASSERT(testing_now_ms() - start < TESTING_PATIENCE_MS);
}

static void assert_times_out_at(net_hole_kind kind)
{
    net_hole hole;

    REQUIRE(net_hole_open(&hole, kind));
    assert_times_out(hole.servers);
    net_hole_close(&hole);
}

static void nobody_listens(void)
{
    assert_times_out_at(NET_REFUSES);
}

static void nobody_answers(void)
{
    assert_times_out_at(NET_SILENT);
}

static void packets_are_swallowed(void)
{
    assert_times_out_at(NET_SWALLOWS);
}

static void the_name_is_unknown(void)
{
    assert_times_out("no-such-host.invalid:2181");
}

static void the_server_hangs(void)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS, value;
    int status;

    begin_connected("/operations/hang");
    dev_pause(server_ensemble(), 0);
    do { /* some of its threads may go on for a moment */
        status = corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, 200, &value);
    } while (status == CORRAL_OK && testing_now_ms() < until);
    ASSERT_STATUS(status, CORRAL_ETIMEDOUT);
    assert_ended(0, submit_get(0, 200), CORRAL_ETIMEDOUT, CORRAL_ETIMEDOUT);
    dev_resume(server_ensemble(), 0);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
}

/* --- deadlines and cancel --- */

static void no_time_is_enough_when_nobody_is_in_the_way(void)
{
    int64_t value = -1;

    begin_connected("/operations/zero");
    ASSERT_STATUS(corral_counter_add(counter, 3, 0, &value), CORRAL_OK);
    ASSERT_INT64(value, 3);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, 0, &value), CORRAL_OK);
    ASSERT_STATUS(corral_counter_destroy(counter, 0), CORRAL_OK);
}

static void the_longest_timeout_is_no_special_one(void)
{
    int64_t value = -1;

    begin_connected("/operations/long");
    ASSERT_STATUS(corral_counter_add(counter, 1, INT64_MAX, &value), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 1, INT64_MAX / 1000000, &value), CORRAL_OK);
    ASSERT_INT64(value, 2);
}

static void what_was_not_sent_times_out_for_certain(void)
{
    begin_connected("/operations/unsent");
    proxy_admit(through, PROXY_IGNORE);
    proxy_cut_all(through);
    REQUIRE(states_wait(&seen, 0, CORRAL_STATE_SUSPENDED)); /* until then it would be sent */
    assert_ended(0, submit_add(0, 200), CORRAL_ETIMEDOUT, CORRAL_ETIMEDOUT);
    assert_ended(1, submit_get(1, 200), CORRAL_ETIMEDOUT, CORRAL_ETIMEDOUT);
    proxy_admit(through, PROXY_ACCEPT);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_ZNODE("/operations/unsent", "1");
}

static void what_was_not_sent_is_canceled_for_certain(void)
{
    corral_op *add, *get, *last;

    proxy_admit(through, PROXY_IGNORE);
    begin(proxy_servers(through), 0, "/operations/canceled");
    add = submit_add(0, CORRAL_FOREVER);
    get = submit_get(1, CORRAL_FOREVER);
    last = submit_add(2, CORRAL_FOREVER);
    ASSERT_STATUS(corral_op_cancel(add), CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(get), CORRAL_OK);
    assert_ended(0, add, CORRAL_ECANCELED, CORRAL_ECANCELED);
    assert_ended(1, get, CORRAL_ECANCELED, CORRAL_ECANCELED);
    proxy_admit(through, PROXY_ACCEPT);
    assert_ended(2, last, CORRAL_OK, CORRAL_OK);
    ASSERT_ZNODE("/operations/canceled", "1");
}

static void a_read_under_way_is_canceled_for_certain(void)
{
    corral_op *get;
    uint64_t requests;

    begin_connected("/operations/read");
    proxy_hold(through, PROXY_HOLD_REPLIES);
    requests = proxy_count(through, PROXY_REQUESTS);
    get = submit_get(0, CORRAL_FOREVER);
    REQUIRE(proxy_wait(through, PROXY_REQUESTS, requests + 2, TESTING_PATIENCE_MS));
    ASSERT_STATUS(corral_op_status(get), CORRAL_EBUSY);
    ASSERT_STATUS(corral_op_cause(get), CORRAL_EBUSY);
    CU_ASSERT_STRING_EQUAL(corral_op_path(get), "");
    ASSERT_STATUS(corral_op_cancel(get), CORRAL_OK);
    assert_ended(0, get, CORRAL_ECANCELED, CORRAL_ECANCELED);
    assert_ended(1, submit_get(1, 100), CORRAL_ETIMEDOUT, CORRAL_ETIMEDOUT);
    proxy_hold(through, 0);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
}

static void cancel_after_the_end_changes_nothing(void)
{
    corral_op *op;

    begin_connected("/operations/late-cancel");
    op = submit_add(0, CORRAL_FOREVER);
    REQUIRE_STATUS(corral_op_wait(op, CORRAL_FOREVER), CORRAL_OK);
    for (int i = 0; i < 3; i++) {
        ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    }
    assert_ended(0, op, CORRAL_OK, CORRAL_OK);
    ASSERT_ZNODE("/operations/late-cancel", "1");
}

/* Those that wait for the batch before them leave; the others stay, in order. */
static void one_of_the_queue_may_leave(void)
{
    corral_op *ops[5];
    uint64_t requests;

    begin_connected("/operations/queue");
    requests = proxy_count(through, PROXY_REQUESTS);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    ops[0] = submit_add(0, CORRAL_FOREVER);
    REQUIRE(proxy_wait(through, PROXY_REQUESTS, requests + 1, TESTING_PATIENCE_MS));
    ops[1] = submit_add(1, CORRAL_FOREVER);
    ops[2] = submit_add(2, CORRAL_FOREVER);
    ops[3] = submit_add(3, 100);
    ops[4] = submit_add(4, CORRAL_FOREVER);
    ASSERT_STATUS(corral_op_cancel(ops[2]), CORRAL_OK);
    assert_ended(2, ops[2], CORRAL_ECANCELED, CORRAL_ECANCELED);
    assert_ended(3, ops[3], CORRAL_ETIMEDOUT, CORRAL_ETIMEDOUT);
    proxy_hold(through, 0);
    assert_ended(0, ops[0], CORRAL_OK, CORRAL_OK);
    assert_ended(1, ops[1], CORRAL_OK, CORRAL_OK);
    assert_ended(4, ops[4], CORRAL_OK, CORRAL_OK);
    ASSERT_INT64(recorder_get(&results, 4).value, 3);
    ASSERT_ZNODE("/operations/queue", "3");
}

/*
 * Cancels that race with the answers: of each pair one operation is under way
 * and the other waits for it. Each ends once, and the sum tells which way.
 */
static void cancel_may_come_at_any_moment(void)
{
    enum { MOMENTS = 40000 }; /* looks at the clock, more than an answer takes */
    unsigned count = 2 * testing_scaled(1500), applied = 0, uncertain = 0, canceled = 0;
    int64_t value = -1;
    recorder many;

    begin_connected("/operations/race");
    recorder_open(&many, count);
    for (unsigned i = 0; i < count; i += 2) {
        corral_op *pair[2] = {NULL};

        for (unsigned p = 0; p < 2; p++) {
            REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64,
                                                    &many.records[i + p], &pair[p]),
                           CORRAL_OK);
        }
        for (unsigned spin = 0; spin < i * 3701 % MOMENTS; spin++) {
            (void)testing_now_ms(); /* a sleep would be too long */
        }
        ASSERT_STATUS(corral_op_cancel(pair[i / 2 % 2]), CORRAL_OK);
        REQUIRE(recorder_wait(&many, i + 2));
        corral_op_unref(pair[0]);
        corral_op_unref(pair[1]);
    }
    REQUIRE_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value), CORRAL_OK);
    for (unsigned i = 0; i < count; i++) {
        record result = recorder_get(&many, i);

        ASSERT_INT64(result.calls, 1);
        applied += result.status == CORRAL_OK;
        uncertain += result.status == CORRAL_EUNCERTAIN;
        canceled += result.status == CORRAL_ECANCELED;
    }
    printf("%u applied, %u uncertain, %u canceled ", applied, uncertain, canceled);
    ASSERT_INT64(applied + uncertain + canceled, count);
    CU_ASSERT(applied >= count / 2);
    CU_ASSERT(value >= applied && value <= applied + uncertain);
    recorder_close(&many);
}

/* --- wait and references --- */

struct waiter {
    pthread_t thread;
    corral_op *op;
    int status;
};

static void *wait_for_op(void *arg)
{
    struct waiter *own = arg;

    own->status = corral_op_wait(own->op, TESTING_PATIENCE_MS);
    return NULL;
}

static void several_threads_may_wait(void)
{
    enum { WAITERS = 8 };
    struct waiter waiters[WAITERS];
    corral_op *op;

    begin_connected("/operations/wait");
    proxy_hold(through, PROXY_HOLD_REPLIES);
    op = submit_add(0, CORRAL_FOREVER);
    ASSERT_STATUS(corral_op_wait(op, 0), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_op_wait(op, 50), CORRAL_ETIMEDOUT);
    for (int i = 0; i < WAITERS; i++) {
        waiters[i].op = op;
        REQUIRE(pthread_create(&waiters[i].thread, NULL, wait_for_op, &waiters[i]) == 0);
    }
    proxy_hold(through, 0);
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        ASSERT_STATUS(waiters[i].status, CORRAL_OK);
    }
    ASSERT_STATUS(corral_op_wait(op, 0), CORRAL_OK);
    CU_ASSERT_STRING_EQUAL(corral_op_path(op), "/operations/wait");
    assert_ended(0, op, CORRAL_OK, CORRAL_OK);
}

static void the_handle_may_be_given_back_at_any_time(void)
{
    corral_op *after_counter, *after_client;

    begin_connected("/operations/unref");
    corral_op_unref(submit_add(0, CORRAL_FOREVER)); /* most likely before it has ended */
    REQUIRE(recorder_wait(&results, 1));
    after_counter = submit_add(1, CORRAL_FOREVER);
    after_client = submit_get(2, CORRAL_FOREVER);
    REQUIRE(recorder_wait(&results, 3));
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    assert_ended(1, after_counter, CORRAL_OK, CORRAL_OK);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    CU_ASSERT_STRING_EQUAL(corral_op_path(after_client), "/operations/unref");
    ASSERT_STATUS(corral_op_cancel(after_client), CORRAL_OK);
    assert_ended(2, after_client, CORRAL_OK, CORRAL_OK);
}

static corral_op *ended_before;

static void unref_inside(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    corral_op_unref(ended_before);
    record_int64(status, value, stamp, arg);
}

static void the_handle_may_be_given_back_in_a_callback(void)
{
    begin_connected("/operations/unref-inside");
    ended_before = submit_add(0, CORRAL_FOREVER);
    REQUIRE(recorder_wait(&results, 1));
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, unref_inside, &results.records[1], NULL),
        CORRAL_OK);
    REQUIRE(recorder_wait(&results, 2));
    ASSERT_STATUS(recorder_get(&results, 1).status, CORRAL_OK);
}

static CU_TestInfo nowhere_tests[] = {
    {"nobody listens", nobody_listens},
    {"nobody answers", nobody_answers},
    {"packets are swallowed", packets_are_swallowed},
    {"the name is unknown", the_name_is_unknown},
    {"the server hangs", the_server_hangs},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo end_tests[] = {
    {"no time is enough when nobody is in the way", no_time_is_enough_when_nobody_is_in_the_way},
    {"the longest timeout is no special one", the_longest_timeout_is_no_special_one},
    {"what was not sent times out for certain", what_was_not_sent_times_out_for_certain},
    {"what was not sent is canceled for certain", what_was_not_sent_is_canceled_for_certain},
    {"a read under way is canceled for certain", a_read_under_way_is_canceled_for_certain},
    {"cancel after the end changes nothing", cancel_after_the_end_changes_nothing},
    {"one of the queue may leave", one_of_the_queue_may_leave},
    {"cancel may come at any moment", cancel_may_come_at_any_moment},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo handle_tests[] = {
    {"several threads may wait", several_threads_may_wait},
    {"the handle may be given back at any time", the_handle_may_be_given_back_at_any_time},
    {"the handle may be given back in a callback", the_handle_may_be_given_back_in_a_callback},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"nobody there", NULL, NULL, setup, teardown, nowhere_tests},
    {"ends", NULL, NULL, setup, teardown, end_tests},
    {"handles", NULL, NULL, setup, teardown, handle_tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

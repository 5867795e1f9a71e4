/**
 * Callbacks: each runs exactly once, what may be called from there and what
 * would wait for itself, and that a close leaves none behind.
 */
#include <corral/counter.h>

#include <stdatomic.h>
#include <string.h>

#include "lib/fixture.h"
#include "lib/states.h"

static recorder results;

/* A client behind the proxy with a counter at @path that holds 0. */
static void begin(const corral_client_options *options, const char *path)
{
    corral_client_options used = *options;

    used.session_timeout_ms = SERVER_SESSION_MS;
    REQUIRE_STATUS(corral_client_open(proxy_servers(through), &used, &client), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_open(client, path, NULL, &counter), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_add(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
}

static const corral_client_options defaults = CORRAL_CLIENT_OPTIONS_INIT;

/* What came of calling everything from a place where waiting is forbidden. */
struct attempt {
    recorder done;
    corral_op *op; /* one that has not ended */
    int open_counter, add, get, set, compare_set, destroy, wait, close_client, stats, add_async, cancel;
    int64_t untouched;
};

static void attempt_open(struct attempt *own)
{
    memset(own, 0, sizeof *own);
    recorder_open(&own->done, 1);
    own->untouched = -1;
}

static void attempt_everything(struct attempt *own)
{
    corral_counter *made = NULL;
    corral_client_stats stats;

    own->open_counter = corral_counter_open(client, "/callbacks/inner", NULL, &made);
    own->add = corral_counter_add(counter, 1, CORRAL_FOREVER, &own->untouched);
    own->get = corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &own->untouched);
    own->set = corral_counter_set(counter, 1, CORRAL_FOREVER, &own->untouched);
    own->compare_set = corral_counter_compare_set(counter, 0, 1, CORRAL_FOREVER, &own->untouched);
    own->destroy = corral_counter_destroy(counter, CORRAL_FOREVER);
    own->wait = own->op != NULL ? corral_op_wait(own->op, CORRAL_FOREVER) : CORRAL_EDEADLK;
    own->close_client = corral_client_close(client);
    own->stats = corral_client_get_stats(client, &stats);
    own->add_async = corral_counter_add_async(counter, 0, CORRAL_FOREVER, NULL, NULL, NULL);
    own->cancel = own->op != NULL ? corral_op_cancel(own->op) : CORRAL_OK;
    corral_counter_close(made);
}

static void assert_waiting_is_refused(const struct attempt *own)
{
    ASSERT_STATUS(own->add, CORRAL_EDEADLK);
    ASSERT_STATUS(own->get, CORRAL_EDEADLK);
    ASSERT_STATUS(own->set, CORRAL_EDEADLK);
    ASSERT_STATUS(own->compare_set, CORRAL_EDEADLK);
    ASSERT_STATUS(own->destroy, CORRAL_EDEADLK);
    ASSERT_STATUS(own->wait, CORRAL_EDEADLK);
    ASSERT_STATUS(own->close_client, CORRAL_EDEADLK);
    ASSERT_INT64(own->untouched, -1);
}

static void assert_the_rest_works(const struct attempt *own, int expected)
{
    ASSERT_STATUS(own->open_counter, expected);
    ASSERT_STATUS(own->stats, expected);
    ASSERT_STATUS(own->add_async, expected);
    ASSERT_STATUS(own->cancel, expected);
}

static void try_in_callback(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct attempt *own = arg;

    attempt_everything(own);
    record_int64(status, value, stamp, &own->done.records[0]);
}

static void callbacks_of_operations_may_not_wait(void)
{
    struct attempt tried;

    begin(&defaults, "/callbacks/deadlock");
    attempt_open(&tried);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, NULL, NULL, &tried.op), CORRAL_OK);
    /* This one ends at once, on the dispatch thread like any other. */
    corral_op *canceled = NULL;
    REQUIRE_STATUS(corral_counter_get_async(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, try_in_callback,
                                            &tried, &canceled),
                   CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(canceled), CORRAL_OK);
    REQUIRE(recorder_wait(&tried.done, 1));
    proxy_hold(through, 0);
    assert_waiting_is_refused(&tried);
    assert_the_rest_works(&tried, CORRAL_OK);
    ASSERT_STATUS(recorder_get(&tried.done, 0).status, CORRAL_ECANCELED);
    corral_op_unref(canceled);
    corral_op_unref(tried.op);
    recorder_close(&tried.done);
}

static void try_in_state_callback(corral_client *which, corral_state state, void *arg)
{
    struct attempt *own = arg;

    if (state == CORRAL_STATE_SUSPENDED && which == client) {
        attempt_everything(own);
        record_status(CORRAL_OK, &own->done.records[0]);
    }
}

static void callbacks_of_states_may_not_wait(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    struct attempt tried;

    attempt_open(&tried);
    options.state_cb = try_in_state_callback;
    options.state_arg = &tried;
    begin(&options, "/callbacks/state");
    proxy_cut_all(through);
    REQUIRE(recorder_wait(&tried.done, 1));
    assert_waiting_is_refused(&tried);
    assert_the_rest_works(&tried, CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    fixture_close();
    fixture_open_proxy();
    recorder_close(&tried.done);
}

/* --- the log --- */

struct logged {
    struct attempt tried;
    atomic_uint lines;
    atomic_bool armed, attempted;
    atomic_bool bad; /* a line was empty or had a newline */
};

static void on_log(corral_log_level level, const char *message, void *arg)
{
    struct logged *own = arg;

    atomic_fetch_add(&own->lines, 1);
    if (level < CORRAL_LOG_ERROR || level > CORRAL_LOG_DEBUG || message[0] == '\0' ||
        strchr(message, '\n') != NULL) {
        atomic_store(&own->bad, true);
    }
    if (atomic_load(&own->armed) && !atomic_exchange(&own->attempted, true)) {
        attempt_everything(&own->tried);
        record_status(CORRAL_OK, &own->tried.done.records[0]);
    }
}

static void the_log_is_told_and_may_call_nothing(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    struct logged logged;

    memset(&logged, 0, sizeof logged);
    attempt_open(&logged.tried);
    options.log_cb = on_log;
    options.log_arg = &logged;
    options.log_level = CORRAL_LOG_DEBUG;
    begin(&options, "/callbacks/log");
    REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, NULL, NULL, &logged.tried.op),
                   CORRAL_OK);
    atomic_store(&logged.armed, true);
    proxy_cut_all(through);
    REQUIRE(recorder_wait(&logged.tried.done, 1));
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    corral_op_unref(logged.tried.op);
    fixture_close();
    fixture_open_proxy();
    CU_ASSERT(atomic_load(&logged.lines) > 1);
    CU_ASSERT(!atomic_load(&logged.bad));
    assert_waiting_is_refused(&logged.tried);
    assert_the_rest_works(&logged.tried, CORRAL_EDEADLK);
    recorder_close(&logged.tried.done);
}

static void the_log_level_is_obeyed(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    struct logged quiet;

    memset(&quiet, 0, sizeof quiet);
    options.log_cb = on_log;
    options.log_arg = &quiet;
    options.log_level = CORRAL_LOG_ERROR;
    begin(&options, "/callbacks/quiet");
    fixture_close();
    fixture_open_proxy();
    ASSERT_INT64(atomic_load(&quiet.lines), 0);
}

/* --- closing --- */

enum { OUTSTANDING = 60 };

/* Operations of all kinds on a connection that is held, so that none ends by itself. */
static void leave_outstanding(corral_op **ops)
{
    recorder_open(&results, OUTSTANDING);
    proxy_hold(through, PROXY_HOLD_REQUESTS | PROXY_HOLD_REPLIES);
    for (unsigned i = 0; i < OUTSTANDING; i++) {
        record *r = &results.records[i];

        switch (i % 5) {
        case 0:
            ASSERT_STATUS(corral_counter_add_async(counter, 1, 3600000, record_int64, r, &ops[i]), CORRAL_OK);
            break;
        case 1:
            ASSERT_STATUS(corral_counter_set_async(counter, 1, CORRAL_FOREVER, record_int64, r, &ops[i]),
                          CORRAL_OK);
            break;
        case 2:
            ASSERT_STATUS(
                corral_counter_compare_set_async(counter, 1, 2, CORRAL_FOREVER, record_int64, r, &ops[i]),
                CORRAL_OK);
            break;
        case 3:
            ASSERT_STATUS(corral_counter_destroy_async(counter, CORRAL_FOREVER, record_status, r, &ops[i]),
                          CORRAL_OK);
            break;
        default:
            ASSERT_STATUS(corral_counter_get_async(counter, (corral_read)(i / 5 % 3), CORRAL_FOREVER,
                                                   record_int64, r, &ops[i]),
                          CORRAL_OK);
            break;
        }
    }
}

/* Each has called back once: closed, or, for changes that were under way, uncertain because closed. */
static void assert_all_closed(corral_op **ops)
{
    unsigned uncertain = 0;

    ASSERT_INT64(recorder_calls(&results), OUTSTANDING);
    for (unsigned i = 0; i < OUTSTANDING; i++) {
        record result = recorder_get(&results, i);

        ASSERT_INT64(result.calls, 1);
        uncertain += result.status == CORRAL_EUNCERTAIN;
        if (i % 5 == 4 || result.status != CORRAL_EUNCERTAIN) {
            ASSERT_STATUS(result.status, CORRAL_ECLOSED);
        }
        ASSERT_STATUS(corral_op_status(ops[i]), result.status);
        ASSERT_STATUS(corral_op_cause(ops[i]), CORRAL_ECLOSED);
        corral_op_unref(ops[i]);
    }
    /* At least the first one was sent, and a batch with a destroy ends before it. */
    CU_ASSERT(uncertain > 0 && uncertain < OUTSTANDING / 5 * 4);
    recorder_close(&results);
}

static void assert_closed(void)
{
    corral_op *op = NULL;
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_counter_set(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_counter_compare_set(counter, 0, 1, CORRAL_FOREVER, &value), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_ECLOSED);
    ASSERT_INT64(value, -1);
    CU_ASSERT_PTR_NULL(op);
}

static void closing_the_client_ends_everything(void)
{
    corral_op *ops[OUTSTANDING] = {NULL};

    begin(&defaults, "/callbacks/close-client");
    leave_outstanding(ops);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    assert_all_closed(ops);
    assert_closed();
}

static void closing_the_counter_ends_its_own(void)
{
    corral_op *ops[OUTSTANDING] = {NULL};
    corral_counter *other = NULL;
    recorder others;

    begin(&defaults, "/callbacks/close-counter");
    REQUIRE_STATUS(corral_counter_open(client, "/callbacks/close-other", NULL, &other), CORRAL_OK);
    recorder_open(&others, 1);
    leave_outstanding(ops);
    ASSERT_STATUS(corral_counter_add_async(other, 3, CORRAL_FOREVER, record_int64, &others.records[0], NULL),
                  CORRAL_OK);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    assert_all_closed(ops);
    ASSERT_INT64(recorder_calls(&others), 0);
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&others, 1));
    ASSERT_STATUS(recorder_get(&others, 0).status, CORRAL_OK);
    ASSERT_INT64(recorder_get(&others, 0).value, 3);
    ASSERT_STATUS(corral_counter_close(other), CORRAL_OK);
    recorder_close(&others);
}

static void close_in_callback(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    (void)status;
    (void)value;
    record_int64(corral_counter_close(counter), 0, stamp, arg);
}

static void a_counter_may_be_closed_from_its_callback(void)
{
    begin(&defaults, "/callbacks/close-inside");
    recorder_open(&results, 3);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, close_in_callback, &results.records[0], NULL),
        CORRAL_OK);
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[1], NULL),
        CORRAL_OK);
    REQUIRE_STATUS(
        corral_counter_destroy_async(counter, CORRAL_FOREVER, record_status, &results.records[2], NULL),
        CORRAL_OK);
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, 3));
    counter = NULL;
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_OK);
    fixture_close();
    fixture_open_proxy();
    ASSERT_INT64(recorder_calls(&results), 3);
    recorder_close(&results);
}

/* Nothing but that operation keeps the counter, and the counter the client. */
static void a_counter_may_be_closed_from_its_last_callback(void)
{
    begin(&defaults, "/callbacks/close-last");
    recorder_open(&results, 1);
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, close_in_callback, &results.records[0], NULL),
        CORRAL_OK);
    REQUIRE(recorder_wait(&results, 1));
    counter = NULL;
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_OK);
    fixture_close();
    fixture_open_proxy();
    recorder_close(&results);
}

struct slow {
    recorder entered;
    atomic_bool released, finished;
};

static void be_slow(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    struct slow *own = arg;

    record_int64(status, value, stamp, &own->entered.records[0]);
    while (!atomic_load(&own->released)) {
        sched_yield();
    }
    atomic_store(&own->finished, true);
}

static void *release(void *arg)
{
    struct slow *own = arg;

    for (int i = 0; i < 1000; i++) {
        sched_yield(); /* let the close get as far as it would */
    }
    atomic_store(&own->released, true);
    return NULL;
}

static void closing_waits_for_a_running_callback(void)
{
    for (int which = 0; which < 2; which++) {
        pthread_t releaser;
        struct slow slow;

        begin(&defaults, "/callbacks/slow");
        memset(&slow, 0, sizeof slow);
        recorder_open(&slow.entered, 1);
        REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, be_slow, &slow, NULL), CORRAL_OK);
        REQUIRE(recorder_wait(&slow.entered, 1));
        REQUIRE(pthread_create(&releaser, NULL, release, &slow) == 0);
        if (which == 0) {
            ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
            counter = NULL;
        } else {
            ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
            client = NULL;
        }
        CU_ASSERT(atomic_load(&slow.finished));
        pthread_join(releaser, NULL);
        fixture_close();
        fixture_open_proxy();
        recorder_close(&slow.entered);
    }
}

static CU_TestInfo places[] = {
    {"callbacks of operations may not wait", callbacks_of_operations_may_not_wait},
    {"callbacks of states may not wait", callbacks_of_states_may_not_wait},
    {"the log is told and may call nothing", the_log_is_told_and_may_call_nothing},
    {"the log level is obeyed", the_log_level_is_obeyed},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo closing[] = {
    {"closing the client ends everything", closing_the_client_ends_everything},
    {"closing the counter ends its own", closing_the_counter_ends_its_own},
    {"a counter may be closed from its callback", a_counter_may_be_closed_from_its_callback},
    {"a counter may be closed from its last callback", a_counter_may_be_closed_from_its_last_callback},
    {"closing waits for a running callback", closing_waits_for_a_running_callback},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"callbacks", NULL, NULL, fixture_open_proxy, fixture_close, places},
    {"closing", NULL, NULL, fixture_open_proxy, fixture_close, closing},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

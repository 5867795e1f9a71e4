/**
 * EUNCERTAIN: told when, and only when, an operation may or may not have been
 * applied, with the cause; and what it says of the value is true.
 */
#include <corral/counter.h>

#include <stdatomic.h>
#include <stdio.h>

#include "lib/fixture.h"
#include "lib/workers.h"

static recorder results;

static void setup(void)
{
    fixture_open_proxy();
    recorder_open(&results, 8);
}

static void teardown(void)
{
    fixture_close();
    recorder_close(&results);
}

/* A counter at 0 behind the proxy; nothing of it is in flight. */
static void begin(const char *path, uint32_t flags)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;

    options.flags = flags;
    client = server_client(proxy_servers(through));
    REQUIRE_STATUS(corral_counter_open(client, path, &options, &counter), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_add(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
}

/* Submit an add whose request gets as far as the proxy, but whose reply does not come. */
static corral_op *send_add(unsigned i, int64_t timeout_ms, unsigned held)
{
    uint64_t writes = proxy_count(through, PROXY_WRITES);
    corral_op *op = NULL;

    proxy_hold(through, held);
    REQUIRE_STATUS(corral_counter_add_async(counter, 1, timeout_ms, record_int64, &results.records[i], &op),
                   CORRAL_OK);
    if ((held & PROXY_HOLD_REQUESTS) == 0) {
        REQUIRE(proxy_wait(through, PROXY_WRITES, writes + 1, TESTING_PATIENCE_MS));
    }
    return op;
}

static void assert_ended(unsigned i, corral_op *op, int status, int cause)
{
    REQUIRE_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(recorder_get(&results, i).status, status);
    ASSERT_INT64(recorder_get(&results, i).calls, 1);
    ASSERT_STATUS(corral_op_status(op), status);
    ASSERT_STATUS(corral_op_cause(op), cause);
    corral_op_unref(op);
}

static uint64_t uncertain(void)
{
    corral_client_stats stats = {0};

    ASSERT_STATUS(corral_client_get_stats(client, &stats), CORRAL_OK);
    return stats.uncertain;
}

/* Wait for the client to have settled what it knows, and read the value behind it all. */
static int64_t settled_value(const char *path)
{
    int64_t value = -1, found = -1;

    proxy_hold(through, 0);
    ASSERT_STATUS(corral_counter_add(counter, 0, CORRAL_FOREVER, &value), CORRAL_OK);
    REQUIRE(raw_get_number(server_raw(), path, &found) == ZOK);
    ASSERT_INT64(value, found);
    return found;
}

/* --- ended while under way --- */

static void a_deadline(void)
{
    corral_op *op;

    begin("/uncertain/deadline", 0);
    op = send_add(0, 200, PROXY_HOLD_REPLIES);
    assert_ended(0, op, CORRAL_EUNCERTAIN, CORRAL_ETIMEDOUT);
    ASSERT_INT64(settled_value("/uncertain/deadline"), 1);

    /* The same status when it had not reached the server yet: the client cannot tell the difference. */
    op = send_add(1, 200, PROXY_HOLD_REPLIES | PROXY_HOLD_REQUESTS);
    assert_ended(1, op, CORRAL_EUNCERTAIN, CORRAL_ETIMEDOUT);
    int64_t value = settled_value("/uncertain/deadline");
    CU_ASSERT(value == 1 || value == 2);
    ASSERT_INT64(uncertain(), 2);
}

static void a_blocking_deadline(void)
{
    int64_t value = -1;

    begin("/uncertain/blocking", 0);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    ASSERT_STATUS(corral_counter_add(counter, 1, 200, &value), CORRAL_EUNCERTAIN);
    ASSERT_INT64(value, -1);
    ASSERT_INT64(settled_value("/uncertain/blocking"), 1);
}

static void a_cancel(void)
{
    corral_op *op;

    begin("/uncertain/cancel", 0);
    op = send_add(0, CORRAL_FOREVER, PROXY_HOLD_REPLIES);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    assert_ended(0, op, CORRAL_EUNCERTAIN, CORRAL_ECANCELED);
    ASSERT_INT64(settled_value("/uncertain/cancel"), 1);
}

static void a_closed_counter(void)
{
    corral_op *op;

    begin("/uncertain/close-counter", 0);
    op = send_add(0, CORRAL_FOREVER, PROXY_HOLD_REPLIES);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    assert_ended(0, op, CORRAL_EUNCERTAIN, CORRAL_ECLOSED);
    ASSERT_ZNODE_SOON("/uncertain/close-counter", "1");
}

static void a_closed_client(void)
{
    corral_op *op;

    begin("/uncertain/close-client", 0);
    op = send_add(0, CORRAL_FOREVER, PROXY_HOLD_REPLIES);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    assert_ended(0, op, CORRAL_EUNCERTAIN, CORRAL_ECLOSED);
    ASSERT_ZNODE_SOON("/uncertain/close-client", "1");
}

/* Make one batch of what has been submitted behind @first, and lose its reply, with no way to connect anew.
 */
static void strand_batch_behind(corral_op *first)
{
    proxy_rule rule = {.count = 1, .failed_too = true};
    uint64_t writes = proxy_count(through, PROXY_WRITES);

    proxy_cut(through, PROXY_AFTER, &rule);
    proxy_admit(through, PROXY_IGNORE);
    proxy_hold(through, 0);
    assert_ended(0, first, CORRAL_OK, CORRAL_OK);
    REQUIRE(proxy_wait(through, PROXY_CUT_AFTER, 1, TESTING_PATIENCE_MS));
    ASSERT_INT64(proxy_count(through, PROXY_WRITES), writes + 1);
}

/* Of one batch some leave early; the others get what they would have got. */
static void a_part_of_a_batch(void)
{
    corral_op *ops[5];

    begin("/uncertain/part", 0);
    ops[0] = send_add(0, CORRAL_FOREVER, PROXY_HOLD_REPLIES);
    for (unsigned i = 1; i < 5; i++) {
        REQUIRE_STATUS(
            corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[i], &ops[i]),
            CORRAL_OK);
    }
    strand_batch_behind(ops[0]);
    ASSERT_STATUS(corral_op_cancel(ops[2]), CORRAL_OK);
    assert_ended(2, ops[2], CORRAL_EUNCERTAIN, CORRAL_ECANCELED);
    proxy_admit(through, PROXY_ACCEPT);
    assert_ended(1, ops[1], CORRAL_OK, CORRAL_OK);
    assert_ended(3, ops[3], CORRAL_OK, CORRAL_OK);
    assert_ended(4, ops[4], CORRAL_OK, CORRAL_OK);
    ASSERT_INT64(recorder_get(&results, 1).value, 2);
    ASSERT_INT64(recorder_get(&results, 3).value, 4);
    ASSERT_INT64(recorder_get(&results, 4).value, 5);
    ASSERT_INT64(settled_value("/uncertain/part"), 5);
}

/* An operation that would change nothing is certain, whatever becomes of the batch that it is in. */
static void what_changes_nothing_is_certain(void)
{
    corral_op *first, *conflict, *range, *add;

    begin("/uncertain/nothing", 0);
    REQUIRE_STATUS(corral_counter_set(counter, INT64_MAX - 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    first = send_add(0, CORRAL_FOREVER, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(corral_counter_compare_set_async(counter, 0, 1, CORRAL_FOREVER, record_int64,
                                                    &results.records[1], &conflict),
                   CORRAL_OK);
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[2], &range),
        CORRAL_OK);
    REQUIRE_STATUS(
        corral_counter_add_async(counter, -2, CORRAL_FOREVER, record_int64, &results.records[3], &add),
        CORRAL_OK);
    strand_batch_behind(first);
    ASSERT_STATUS(corral_op_cancel(conflict), CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(range), CORRAL_OK);
    assert_ended(1, conflict, CORRAL_ECANCELED, CORRAL_ECANCELED);
    assert_ended(2, range, CORRAL_ECANCELED, CORRAL_ECANCELED);
    proxy_admit(through, PROXY_ACCEPT);
    assert_ended(3, add, CORRAL_OK, CORRAL_OK);
    ASSERT_INT64(recorder_get(&results, 3).value, INT64_MAX - 2);
    ASSERT_INT64(uncertain(), 0);
}

/* The same for a request that as a whole only asks. */
static void a_question_under_way_is_certain(void)
{
    corral_op *conflict = NULL, *late = NULL;
    uint64_t requests;

    begin("/uncertain/question", 0);
    requests = proxy_count(through, PROXY_REQUESTS);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(corral_counter_compare_set_async(counter, 5, 6, CORRAL_FOREVER, record_int64,
                                                    &results.records[0], &conflict),
                   CORRAL_OK);
    REQUIRE_STATUS(
        corral_counter_compare_set_async(counter, 7, 8, 200, record_int64, &results.records[1], &late),
        CORRAL_OK);
    REQUIRE(proxy_wait(through, PROXY_REQUESTS, requests + 1, TESTING_PATIENCE_MS));
    ASSERT_STATUS(corral_op_cancel(conflict), CORRAL_OK);
    assert_ended(0, conflict, CORRAL_ECANCELED, CORRAL_ECANCELED);
    assert_ended(1, late, CORRAL_ETIMEDOUT, CORRAL_ETIMEDOUT);
    ASSERT_INT64(settled_value("/uncertain/question"), 0);
    ASSERT_INT64(uncertain(), 0);
}

/* After a loss, waiting for a server that does not come back. */
static void a_deadline_between_loss_and_resend(void)
{
    proxy_rule rule = {.count = 1};
    corral_op *op = NULL;

    begin("/uncertain/between", 0);
    proxy_cut(through, PROXY_AFTER, &rule);
    proxy_admit(through, PROXY_IGNORE);
    REQUIRE_STATUS(corral_counter_add_async(counter, 1, 300, record_int64, &results.records[0], &op),
                   CORRAL_OK);
    assert_ended(0, op, CORRAL_EUNCERTAIN, CORRAL_ETIMEDOUT);
    proxy_admit(through, PROXY_ACCEPT);
    ASSERT_INT64(settled_value("/uncertain/between"), 1);
}

/* --- the lane is gone --- */

static void delete_lanes(void *arg)
{
    raw *beside = raw_open(server_connect());

    if (beside == NULL || raw_delete_below(beside, "/corral/writers") != ZOK) {
        atomic_fetch_add((atomic_uint *)arg, 1);
    }
    raw_close(beside);
}

/* Do something to the znodes beside LIVE. */
static void meddle(atomic_uint *failures, int (*with)(raw *beside, const char *lane))
{
    raw *beside = raw_open(server_connect());
    struct String_vector writers = {0};
    unsigned done = 0;

    if (beside != NULL) {
        (void)raw_children(beside, "/corral/writers", &writers);
    }
    for (int i = 0; i < writers.count; i++) {
        for (unsigned lane = 0; lane < 10; lane++) {
            char path[128];

            snprintf(path, sizeof path, "/corral/writers/%s/%u", writers.data[i], lane);
            done += with(beside, path) == ZOK;
        }
    }
    if (done == 0) {
        atomic_fetch_add(failures, 1);
    }
    deallocate_String_vector(&writers);
    raw_close(beside);
}

static void delete_lanes_alone(void *arg)
{
    meddle(arg, raw_delete);
}

static int change(raw *beside, const char *lane)
{
    return raw_set(beside, lane, "1000", 4);
}

static void change_lanes(void *arg)
{
    meddle(arg, change);
}

static void meddled_with_in_between(const char *path, void (*hook)(void *), int cause)
{
    atomic_uint failures = 0;
    proxy_rule rule = {.count = 1, .on_cut = hook, .on_cut_arg = &failures};
    corral_op *op = NULL;
    int64_t value = -1;

    begin(path, 0);
    for (unsigned i = 0; i < 4; i++) {
        proxy_cut(through, i % 2 == 0 ? PROXY_AFTER : PROXY_BEFORE, &rule);
        REQUIRE_STATUS(
            corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[i], &op),
            CORRAL_OK);
        assert_ended(i, op, CORRAL_EUNCERTAIN, cause);
        /* It goes on with a new lane, exactly once again. */
        ASSERT_STATUS(corral_counter_add(counter, 10, CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, 10 * (i + 1) + i / 2 + 1);
    }
    ASSERT_INT64(atomic_load(&failures), 0);
    ASSERT_INT64(uncertain(), 4);
    ASSERT_ZNODE(path, "42");
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 0);
}

static void a_lane_deleted_in_between(void)
{
    meddled_with_in_between("/uncertain/lane", delete_lanes, CORRAL_ENOENT);
}

static void a_lane_alone_deleted_in_between(void)
{
    meddled_with_in_between("/uncertain/lane-alone", delete_lanes_alone, CORRAL_ENOENT);
}

/* Then it proves nothing. */
static void a_lane_changed_in_between(void)
{
    meddled_with_in_between("/uncertain/lane-changed", change_lanes, CORRAL_ECONFLICT);
}

static bool changes_fresh(const wire_request *request, void *arg)
{
    (void)arg;
    return wire_changes_below(request, "/uncertain/fresh");
}

/* Its first batch is the first to use a lane, which is not to be made a second time. */
static void a_fresh_lane_deleted_in_between(void)
{
    atomic_uint failures = 0;
    proxy_rule rule = {
        .count = 1, .match = changes_fresh, .on_cut = delete_lanes_alone, .on_cut_arg = &failures};
    corral_op *op = NULL;

    server_put("/uncertain/fresh", "100");
    client = server_client(proxy_servers(through));
    REQUIRE_STATUS(corral_counter_open(client, "/uncertain/fresh", NULL, &counter), CORRAL_OK);
    proxy_cut(through, PROXY_AFTER, &rule);
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[0], &op),
        CORRAL_OK);
    assert_ended(0, op, CORRAL_EUNCERTAIN, CORRAL_ENOENT);
    ASSERT_INT64(atomic_load(&failures), 0);
    ASSERT_ZNODE("/uncertain/fresh", "101");
}

/* Without a loss nobody is uncertain: nothing was applied, and a new lane is made. */
static void a_lane_deleted_at_rest(void)
{
    atomic_uint failures = 0;

    begin("/uncertain/rest", 0);
    for (int i = 1; i < 4; i++) {
        delete_lanes(&failures);
        ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    }
    ASSERT_INT64(atomic_load(&failures), 0);
    ASSERT_INT64(uncertain(), 0);
    ASSERT_ZNODE("/uncertain/rest", "3");
}

/* --- at most once --- */

static void every_lost_reply_is_uncertain(proxy_place place, const char *path, bool applied)
{
    unsigned adds = testing_scaled(400);
    proxy_rule rule = {.every = 20};
    workers_result result;
    uint64_t lost;

    begin(path, CORRAL_COUNTER_AT_MOST_ONCE);
    proxy_cut(through, place, &rule);
    result = workers_add(&counter, 1, adds);
    proxy_cut(through, place, NULL);
    lost = proxy_count(through, place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE);
    CU_ASSERT(lost > 0);
    ASSERT_INT64(result.uncertain, lost);
    ASSERT_INT64(result.succeeded, adds - lost);
    ASSERT_INT64(result.failed, 0);
    ASSERT_INT64(workers_sort(result.values, result.succeeded), 0);
    ASSERT_INT64(settled_value(path), applied ? adds : adds - lost);
    workers_free(&result);
}

static void every_lost_reply_of_one_thread(void)
{
    every_lost_reply_is_uncertain(PROXY_AFTER, "/uncertain/most-after", true);
}

static void every_lost_request_of_one_thread(void)
{
    every_lost_reply_is_uncertain(PROXY_BEFORE, "/uncertain/most-before", false);
}

static void the_value_stays_within_bounds(void)
{
    enum { THREADS = 8 };
    unsigned adds = testing_scaled(200);
    proxy_rule after = {.every = 20}, before = {.every = 23};
    corral_counter *counters[THREADS];
    workers_result result;
    int64_t value;

    begin("/uncertain/bounds", CORRAL_COUNTER_AT_MOST_ONCE);
    for (int i = 0; i < THREADS; i++) {
        counters[i] = counter;
    }
    proxy_cut(through, PROXY_AFTER, &after);
    proxy_cut(through, PROXY_BEFORE, &before);
    result = workers_add(counters, THREADS, adds);
    proxy_cut(through, PROXY_AFTER, NULL);
    proxy_cut(through, PROXY_BEFORE, NULL);
    value = settled_value("/uncertain/bounds");
    ASSERT_INT64(result.failed, 0);
    ASSERT_INT64(result.succeeded + result.uncertain, THREADS * adds);
    ASSERT_INT64(workers_sort(result.values, result.succeeded), 0);
    CU_ASSERT(result.uncertain > 0);
    CU_ASSERT(value >= result.succeeded && value <= result.succeeded + result.uncertain);
    printf("%u uncertain of %u ", result.uncertain, THREADS * adds);
    workers_free(&result);
}

static void the_cause_is_the_loss(void)
{
    proxy_rule rule = {.count = 1};
    corral_op *op = NULL;

    begin("/uncertain/most-cause", CORRAL_COUNTER_AT_MOST_ONCE);
    proxy_cut(through, PROXY_AFTER, &rule);
    REQUIRE_STATUS(
        corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, &results.records[0], &op),
        CORRAL_OK);
    assert_ended(0, op, CORRAL_EUNCERTAIN, CORRAL_ELOST);
    ASSERT_INT64(settled_value("/uncertain/most-cause"), 1);
}

static CU_TestInfo early_tests[] = {
    {"a deadline", a_deadline},
    {"a blocking deadline", a_blocking_deadline},
    {"a cancel", a_cancel},
    {"a closed counter", a_closed_counter},
    {"a closed client", a_closed_client},
    {"a part of a batch", a_part_of_a_batch},
    {"what changes nothing is certain", what_changes_nothing_is_certain},
    {"a question under way is certain", a_question_under_way_is_certain},
    {"a deadline between loss and resend", a_deadline_between_loss_and_resend},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo lane_tests[] = {
    {"a lane deleted in between", a_lane_deleted_in_between},
    {"a lane alone deleted in between", a_lane_alone_deleted_in_between},
    {"a lane changed in between", a_lane_changed_in_between},
    {"a fresh lane deleted in between", a_fresh_lane_deleted_in_between},
    {"a lane deleted at rest", a_lane_deleted_at_rest},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo at_most_once_tests[] = {
    {"every lost reply of one thread", every_lost_reply_of_one_thread},
    {"every lost request of one thread", every_lost_request_of_one_thread},
    {"the value stays within bounds", the_value_stays_within_bounds},
    {"the cause is the loss", the_cause_is_the_loss},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"ended early", NULL, NULL, setup, teardown, early_tests},
    {"lanes", NULL, NULL, setup, teardown, lane_tests},
    {"at most once", NULL, NULL, setup, teardown, at_most_once_tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

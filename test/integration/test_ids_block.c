/**
 * BLOCK: numbers come from ranges that were leased, in order and none of them
 * twice; the next range is there before it is needed; and so is the end.
 */
#include <corral/ids.h>

#include <stdlib.h>
#include <unistd.h>

#include "ids_pace.h"
#include "lib/loop.h"
#include "lib/numbering.h"

enum { MANY = 100000, WRITES_FOR_MANY = 1000, THREADS = 8, POLL_US = 2000 };

static recorder results;

static void setup(void)
{
    fixture_open();
    recorder_open(&results, 8);
}

static void teardown(void)
{
    fixture_close();
    recorder_close(&results);
}

/* Assert that @count of them come in a row from @first on. */
static void assert_row(corral_ids *ids, size_t count, uint64_t first)
{
    uint64_t *numbers = calloc(count, sizeof *numbers);
    unsigned wrong = 0;

    REQUIRE(numbers != NULL);
    ASSERT_STATUS(corral_ids_next_many(ids, count, TESTING_PATIENCE_MS, numbers), CORRAL_OK);
    for (size_t i = 0; i < count; i++) {
        wrong += numbers[i] != first + i;
    }
    ASSERT_INT64(wrong, 0);
    free(numbers);
}

/* --- of a given size --- */

static void a_range_is_leased_when_it_is_needed(void)
{
    corral_ids *ids = numbering_open(client, "/block/given", CORRAL_IDS_BLOCK, 100);
    uint64_t writes;

    ASSERT_NEXT(ids, 1);
    ASSERT_INT64(numbering_stored("/block/given"), 100);
    writes = proxy_count(through, PROXY_WRITES);
    for (uint64_t i = 2; i <= 100; i++) {
        ASSERT_NEXT(ids, i);
    }
    ASSERT_INT64(proxy_count(through, PROXY_WRITES), writes);
    ASSERT_INT64(numbering_stored("/block/given"), 100);
    ASSERT_NEXT(ids, 101);
    ASSERT_INT64(proxy_count(through, PROXY_WRITES), writes + 1);
    ASSERT_INT64(numbering_stored("/block/given"), 200);
    ASSERT_INT64(numbering_awaited(client), 2);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void more_than_a_range_can_be_had_at_once(void)
{
    corral_ids *ids = numbering_open(client, "/block/large", CORRAL_IDS_BLOCK, 10);

    ASSERT_NEXT(ids, 1);
    assert_row(ids, 25, 2); /* what was left, and just what lacked */
    ASSERT_INT64(numbering_stored("/block/large"), 26);
    assert_row(ids, 3, 27);
    ASSERT_INT64(numbering_stored("/block/large"), 36);
    assert_row(ids, CORRAL_IDS_MANY_MAX, 30);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void others_lease_in_between(void)
{
    corral_ids *ids = numbering_open(client, "/block/two", CORRAL_IDS_BLOCK, 10);
    corral_ids *other = numbering_open(client, "/block/two", CORRAL_IDS_BLOCK, 10);
    uint64_t numbers[12] = {0};

    ASSERT_NEXT(ids, 1);
    ASSERT_NEXT(other, 11);
    assert_row(ids, 4, 2);
    ASSERT_STATUS(corral_ids_next_many(ids, 12, TESTING_PATIENCE_MS, numbers), CORRAL_OK);
    for (size_t i = 0; i < 12; i++) {
        ASSERT_INT64(numbers[i], i < 5 ? 6 + i : 21 + i - 5);
    }
    assert_row(ids, 3, 28);
    assert_row(other, 9, 12);
    ASSERT_NEXT(other, 31);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ASSERT_STATUS(corral_ids_close(other), CORRAL_OK);
}

static void what_is_left_is_wasted_when_it_is_closed(void)
{
    corral_ids *ids = numbering_open(client, "/block/closed", CORRAL_IDS_BLOCK, 10);

    ASSERT_NEXT(ids, 1);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ids = numbering_open(client, "/block/closed", CORRAL_IDS_STORED, 10);
    ASSERT_NEXT(ids, 11);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* --- of a size that adapts --- */

/* Wait until more than @first is leased at @path, and the client knows. Returns how many are. */
static uint64_t await_spare(const char *path, uint64_t first)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    int64_t value;

    while (numbering_stored(path) <= (int64_t)first && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    CU_ASSERT(numbering_stored(path) > (int64_t)first);
    counter = fixture_counter("/block/nothing"); /* the reply to this read comes after the lease's */
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, TESTING_PATIENCE_MS, &value), CORRAL_ENOENT);
    return (uint64_t)numbering_stored(path);
}

static void the_next_range_is_there_in_time(void)
{
    corral_ids *ids = numbering_open(client, "/block/ahead", CORRAL_IDS_BLOCK, 0);
    uint64_t leased;

    ASSERT_NEXT(ids, 1);
    leased = await_spare("/block/ahead", CORRALI_IDS_LEASE_MIN);
    proxy_admit(through, PROXY_REFUSE);
    proxy_cut_all(through);
    for (uint64_t i = 2; i <= leased; i++) {
        ASSERT_NEXT(ids, i);
    }
    ASSERT_INT64(numbering_awaited(client), 1); /* the first one */
    /* The lease that is to follow is refused as yet: who comes now waits. */
    REQUIRE_STATUS(corral_ids_next_async(ids, TESTING_PATIENCE_MS, record_ids, &results.records[0], NULL),
                   CORRAL_OK);
    ASSERT_INT64(numbering_awaited(client), 2);
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(recorder_wait(&results, 1));
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_OK);
    ASSERT_INT64(recorder_get(&results, 0).value, (int64_t)leased + 1);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void ranges_become_as_large_as_it_takes(void)
{
    corral_ids *ids = numbering_open(client, "/block/grows", CORRAL_IDS_BLOCK, 0);
    uint64_t last = 0;
    unsigned wrong = 0;

    for (int i = 0; i < MANY; i++) {
        uint64_t id = 0;

        wrong += corral_ids_next(ids, TESTING_PATIENCE_MS, &id) != CORRAL_OK || id <= last;
        last = id;
    }
    ASSERT_INT64(wrong, 0);
    CU_ASSERT(proxy_count(through, PROXY_WRITES) < WRITES_FOR_MANY);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void draw_by_threads(const char *path, uint64_t block_size, unsigned each)
{
    corral_client *second = server_client(server_connect());
    corral_ids *handles[THREADS];
    corral_ids *own[3] = {numbering_open(client, path, CORRAL_IDS_BLOCK, block_size),
                          numbering_open(second, path, CORRAL_IDS_BLOCK, block_size),
                          numbering_open(second, path, CORRAL_IDS_BLOCK, block_size)};
    numbering_result result;

    for (unsigned i = 0; i < THREADS; i++) {
        handles[i] = own[i < THREADS / 2 ? 0 : 1 + i % 2];
    }
    result = numbering_draw(handles, THREADS, each);
    ASSERT_UNIQUE(&result);
    ASSERT_INT64(result.count, THREADS * each);
    CU_ASSERT(result.count == 0 || result.numbers[result.count - 1] <= numbering_stored(path));
    numbering_free(&result);
    for (int i = 0; i < 3; i++) {
        ASSERT_STATUS(corral_ids_close(own[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
}

static void no_two_get_the_same(void)
{
    draw_by_threads("/block/threads", 0, testing_scaled(100000));
}

static void no_two_get_the_same_of_small_ranges(void)
{
    draw_by_threads("/block/threads-small", 3, testing_scaled(2000));
}

/* --- the end --- */

static void all_numbers_to_the_last(uint64_t block_size)
{
    corral_ids *ids;
    uint64_t numbers[800] = {0};

    numbering_put("/block/end", "block", UINT64_C(9223372036854775000));
    ids = numbering_open(client, "/block/end", CORRAL_IDS_BLOCK, block_size);
    assert_row(ids, 400, UINT64_C(9223372036854775001));
    assert_row(ids, 400, UINT64_C(9223372036854775401));
    ASSERT_STATUS(corral_ids_next_many(ids, 8, TESTING_PATIENCE_MS, numbers), CORRAL_EEXHAUSTED);
    ASSERT_INT64(numbers[0], 0);
    assert_row(ids, 6, UINT64_C(9223372036854775801));
    ASSERT_NEXT(ids, INT64_MAX);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, numbers), CORRAL_EEXHAUSTED);
    ASSERT_STATUS(corral_ids_next_many(ids, 800, TESTING_PATIENCE_MS, numbers), CORRAL_EEXHAUSTED);
    ASSERT_INT64(numbers[0], 0);
    ASSERT_INT64(numbering_stored("/block/end"), INT64_MAX);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void the_end_of_ranges_that_adapt(void)
{
    all_numbers_to_the_last(0);
}

static void the_end_of_ranges_of_a_given_size(void)
{
    all_numbers_to_the_last(500);
    all_numbers_to_the_last(INT64_MAX);
}

static void those_who_want_less_still_get_it(void)
{
    corral_ids *ids;

    numbering_put("/block/less", "block", UINT64_C(9223372036854775800));
    ids = numbering_open(client, "/block/less", CORRAL_IDS_BLOCK, 5);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    for (size_t i = 0; i < 3; i++) {
        REQUIRE_STATUS(corral_ids_next_many_async(ids, i == 0 ? 100 : 3, CORRAL_FOREVER, record_ids,
                                                  &results.records[i], NULL),
                       CORRAL_OK);
    }
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, 3));
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_EEXHAUSTED);
    ASSERT_INT64(recorder_get(&results, 1).value, INT64_MAX - 6);
    ASSERT_INT64(recorder_get(&results, 2).stamp.czxid, INT64_MAX - 1);
    ASSERT_NEXT(ids, INT64_MAX);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* --- asynchronous calls --- */

static void callbacks_get_numbers(void)
{
    corral_ids *ids = numbering_open(client, "/block/async", CORRAL_IDS_BLOCK, 10);
    corral_op *op = NULL;

    REQUIRE_STATUS(corral_ids_next_async(ids, CORRAL_FOREVER, record_ids, &results.records[0], &op),
                   CORRAL_OK);
    REQUIRE_STATUS(corral_ids_next_many_async(ids, 7, CORRAL_FOREVER, record_ids, &results.records[1], NULL),
                   CORRAL_OK);
    REQUIRE(recorder_wait(&results, 2));
    REQUIRE_STATUS(corral_ids_next_many_async(ids, 4, CORRAL_FOREVER, record_ids, &results.records[2], NULL),
                   CORRAL_OK);
    REQUIRE_STATUS(corral_ids_next_async(ids, CORRAL_FOREVER, NULL, NULL, NULL), CORRAL_OK);
    REQUIRE(recorder_wait(&results, 3));
    for (unsigned i = 0; i < 3; i++) {
        record got = recorder_get(&results, i);

        ASSERT_STATUS(got.status, CORRAL_OK);
        ASSERT_INT64(got.order, i);
        ASSERT_INT64(got.value, ((const int[]){1, 2, 9})[i]);
        ASSERT_INT64(got.stamp.czxid, ((const int[]){1, 8, 12})[i]);
        ASSERT_INT64(got.stamp.index, ((const int[]){1, 7, 4})[i]);
    }
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_OK);
    corral_op_unref(op);
    ASSERT_NEXT(ids, 14);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* Who leaves has cost nothing, and those behind them go on with what there is. */
static void waiting_can_be_given_up(void)
{
    corral_ids *ids = numbering_open(client, "/block/left", CORRAL_IDS_BLOCK, 10);
    corral_op *op = NULL;
    uint64_t id = 0;

    ASSERT_NEXT(ids, 1);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(corral_ids_next_many_async(ids, 12, CORRAL_FOREVER, record_ids, &results.records[0], &op),
                   CORRAL_OK);
    REQUIRE_STATUS(corral_ids_next_async(ids, CORRAL_FOREVER, record_ids, &results.records[1], NULL),
                   CORRAL_OK);
    ASSERT_STATUS(corral_ids_next(ids, 50, &id), CORRAL_ETIMEDOUT); /* it is not its turn */
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    REQUIRE(recorder_wait(&results, 2));
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_ECANCELED);
    ASSERT_INT64(recorder_get(&results, 0).stamp.index, 0);
    ASSERT_INT64(recorder_get(&results, 1).value, 2);
    ASSERT_STATUS(corral_op_cause(op), CORRAL_ECANCELED);
    corral_op_unref(op);
    for (uint64_t i = 3; i <= 10; i++) {
        ASSERT_NEXT(ids, i);
    }
    ASSERT_STATUS(corral_ids_next(ids, 50, &id), CORRAL_ETIMEDOUT);
    ASSERT_INT64(id, 0);
    proxy_hold(through, 0);
    ASSERT_NEXT(ids, 11); /* of the lease that the first one caused */
    ASSERT_INT64(numbering_stored("/block/left"), 20);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void closing_ends_who_waits(void)
{
    corral_ids *ids = numbering_open(client, "/block/ended", CORRAL_IDS_BLOCK, 10);
    corral_ids *other = numbering_open(client, "/block/ended", CORRAL_IDS_BLOCK, 10);

    ASSERT_NEXT(ids, 1);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    for (unsigned i = 0; i < 3; i++) {
        REQUIRE_STATUS(corral_ids_next_many_async(i < 2 ? ids : other, 10, CORRAL_FOREVER, record_ids,
                                                  &results.records[i], NULL),
                       CORRAL_OK);
    }
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ASSERT_INT64(recorder_calls(&results), 2);
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, 3));
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_ECLOSED);
    ASSERT_STATUS(recorder_get(&results, 1).status, CORRAL_ECLOSED);
    ASSERT_STATUS(recorder_get(&results, 2).status, CORRAL_OK);
    ASSERT_STATUS(corral_ids_close(other), CORRAL_OK);
}

static void nothing_is_given_once_the_client_is_closed(void)
{
    corral_ids *ids = numbering_open(client, "/block/orphan", CORRAL_IDS_BLOCK, 100);
    uint64_t numbers[2] = {0};

    ASSERT_NEXT(ids, 1);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, numbers), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_ids_next_many(ids, 2, TESTING_PATIENCE_MS, numbers), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_ids_next_async(ids, CORRAL_FOREVER, NULL, NULL, NULL), CORRAL_ECLOSED);
    ASSERT_INT64(numbers[0], 0);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* --- in a loop of the program's own --- */

static void a_loop_is_told(void)
{
    corral_ids *ids = numbering_open(client, "/block/loop", CORRAL_IDS_BLOCK, 10);

    REQUIRE_STATUS(corral_ids_next_many_async(ids, 3, CORRAL_FOREVER, record_ids, &results.records[0], NULL),
                   CORRAL_OK);
    loop_await_due();
    ASSERT_INT64(recorder_calls(&results), 0);
    ASSERT_INT64(corral_client_dispatch(client), 1);
    ASSERT_INT64(recorder_get(&results, 0).stamp.czxid, 3);
    ASSERT_NEXT(ids, 4);
    assert_row(ids, 20, 5);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void open_loop(void)
{
    loop_open();
    recorder_open(&results, 8);
}

int main(int argc, char **argv)
{
    CU_TestInfo given[] = {
        {"a range is leased when it is needed", a_range_is_leased_when_it_is_needed},
        {"more than a range can be had at once", more_than_a_range_can_be_had_at_once},
        {"others lease in between", others_lease_in_between},
        {"what is left is wasted when it is closed", what_is_left_is_wasted_when_it_is_closed},
        CU_TEST_INFO_NULL};
    CU_TestInfo adapting[] = {{"the next range is there in time", the_next_range_is_there_in_time},
                              {"ranges become as large as it takes", ranges_become_as_large_as_it_takes},
                              {"no two get the same", no_two_get_the_same},
                              {"no two get the same of small ranges", no_two_get_the_same_of_small_ranges},
                              CU_TEST_INFO_NULL};
    CU_TestInfo end[] = {{"of ranges that adapt", the_end_of_ranges_that_adapt},
                         {"of ranges of a given size", the_end_of_ranges_of_a_given_size},
                         {"those who want less still get it", those_who_want_less_still_get_it},
                         CU_TEST_INFO_NULL};
    CU_TestInfo async[] = {
        {"callbacks get numbers", callbacks_get_numbers},
        {"waiting can be given up", waiting_can_be_given_up},
        {"closing ends who waits", closing_ends_who_waits},
        {"nothing is given once the client is closed", nothing_is_given_once_the_client_is_closed},
        CU_TEST_INFO_NULL};
    CU_TestInfo loop[] = {{"a loop is told", a_loop_is_told}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"given size", NULL, NULL, setup, teardown, given},
                             {"adapting size", NULL, NULL, setup, teardown, adapting},
                             {"end", NULL, NULL, setup, teardown, end},
                             {"async", NULL, NULL, setup, teardown, async},
                             {"loop", NULL, NULL, open_loop, teardown, loop},
                             CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

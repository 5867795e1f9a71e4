/**
 * SNOWFLAKE: what its numbers are made of, whose they are, and what becomes of
 * those who get none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fixture.h"
#include "lib/generator.h"
#include "lib/locking.h"
#include "lib/snowflakes.h"

static char path[64];    /* each test's own */
static char workers[80]; /* what is below it: marks and leases */
static corral_client *other;

static void setup(void)
{
    static unsigned number;

    snprintf(path, sizeof path, "/snowflake/%u", number++);
    snprintf(workers, sizeof workers, "%s/workers", path);
    fixture_open();
    other = server_client(server_connect());
}

static void teardown(void)
{
    ASSERT_STATUS(corral_client_close(other), CORRAL_OK);
    fixture_close();
}

/* --- the numbers --- */

enum { CLIENTS = 2, THREADS = 4, ALL = CLIENTS * THREADS, MANY = 50 };

typedef struct {
    pthread_t thread;
    corral_ids *ids;
    unsigned count;
    uint64_t *numbers;
    int status; /* the last call's */
    bool increasing;
} taker;

/* Half of them by twos and threes. */
static void *take(void *arg)
{
    taker *own = arg;
    unsigned taken = 0;

    own->increasing = true;
    while (taken < own->count && own->status == CORRAL_OK) {
        unsigned want = taken < own->count / 2 || own->count - taken < MANY ? 1 : MANY;

        own->status = corral_ids_next_many(own->ids, want, CORRAL_FOREVER, own->numbers + taken);
        for (unsigned i = taken == 0; i < want; i++) {
            own->increasing = own->increasing && own->numbers[taken + i] > own->numbers[taken + i - 1];
        }
        taken += want;
    }
    return NULL;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

static void they_are_unique(void)
{
    unsigned count = testing_scaled(30000);
    uint64_t *numbers = calloc((size_t)ALL * count, sizeof *numbers);
    corral_ids *ids[CLIENTS] = {generator_open_with(client, path, snowflakes_options(10, 12)),
                                generator_open_with(other, path, snowflakes_options(10, 12))};
    taker takers[ALL];
    unsigned repeated = 0;

    REQUIRE(numbers != NULL);
    for (unsigned i = 0; i < ALL; i++) {
        takers[i] = (taker){.ids = ids[i % CLIENTS], .count = count, .numbers = numbers + (size_t)i * count};
        REQUIRE(pthread_create(&takers[i].thread, NULL, take, &takers[i]) == 0);
    }
    for (unsigned i = 0; i < ALL; i++) {
        pthread_join(takers[i].thread, NULL);
        ASSERT_STATUS(takers[i].status, CORRAL_OK);
        CU_ASSERT_TRUE(takers[i].increasing);
    }
    qsort(numbers, (size_t)ALL * count, sizeof *numbers, compare);
    for (size_t i = 1; i < (size_t)ALL * count; i++) {
        repeated += numbers[i] == numbers[i - 1];
    }
    ASSERT_INT64(repeated, 0);
    free(numbers);
    snowflakes_close(ids[0]);
    snowflakes_close(ids[1]);
}

static void they_tell_when_and_by_whom(void)
{
    corral_ids_options options = snowflakes_options(5, 3);
    options.epoch_ms = INT64_C(1500000000000);
    corral_ids *first = generator_open_with(client, path, options);
    corral_ids *second = generator_open_with(client, path, options);

    for (unsigned i = 0; i < 100; i++) {
        int64_t before = snowflakes_calendar_ms();
        corral_snowflake parts = snowflakes_decode(generator_next(i % 2 == 0 ? first : second), options);

        CU_ASSERT(before <= parts.time_ms && parts.time_ms <= snowflakes_calendar_ms());
        ASSERT_INT64(parts.worker, i % 2); /* numbers are given out from the lowest on */
        CU_ASSERT(parts.sequence < 8);
    }
    snowflakes_close(first);
    snowflakes_close(second);
}

/* Two in a ms: 100 of them take 50, one by one or together. */
static void a_ms_that_is_used_up_is_waited_out(void)
{
    enum { COUNT = 100 };
    corral_ids_options options = snowflakes_options(10, 1);
    corral_ids *ids = generator_open_with(client, path, options);
    uint64_t numbers[2 * COUNT];

    ASSERT_STATUS(corral_ids_next_many(ids, COUNT, TESTING_PATIENCE_MS, numbers), CORRAL_OK);
    for (unsigned i = 0; i < COUNT; i++) {
        numbers[COUNT + i] = generator_next(ids);
    }
    for (unsigned i = 2; i < 2 * COUNT; i++) {
        CU_ASSERT(numbers[i] > numbers[i - 1]);
        CU_ASSERT(snowflakes_decode(numbers[i], options).time_ms >
                  snowflakes_decode(numbers[i - 2], options).time_ms);
    }
    snowflakes_close(ids);
}

/* --- the workers' numbers --- */

static corral_ids *open_labeled(corral_client *whose, const char *label)
{
    corral_ids_options options = snowflakes_options(1, 12);

    options.label = label;
    return generator_open_with(whose, path, options);
}

static void assert_workers(corral_ids *ids, size_t count, const char *const *labels)
{
    corral_ids_worker *list = NULL;
    size_t found = 99;

    REQUIRE_STATUS(corral_ids_workers(ids, TESTING_PATIENCE_MS, &list, &found), CORRAL_OK);
    ASSERT_INT64(found, count);
    for (size_t i = 0; i < found && i < count; i++) {
        ASSERT_INT64(list[i].worker, i);
        CU_ASSERT_STRING_EQUAL(list[i].label, labels[i]);
        ASSERT_INT64(list[i].length, strlen(labels[i]));
        CU_ASSERT(list[i].session != 0);
    }
    corral_ids_workers_free(list);
}

static int next_of(void *ids, int64_t timeout_ms)
{
    uint64_t id = 7;
    int status = corral_ids_next(ids, timeout_ms, &id);

    ASSERT_INT64(id, 7);
    return status;
}

static int next_later_of(void *ids, int64_t timeout_ms)
{
    corral_op *op = NULL;

    REQUIRE_STATUS(corral_ids_next_async(ids, timeout_ms, NULL, NULL, &op), CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    int status = corral_op_status(op);
    if (status == CORRAL_EBUSY) {
        CU_ASSERT_STRING_EQUAL(corral_op_path(op), workers);
    }
    corral_op_unref(op);
    return status;
}

static void a_third_of_two_waits_its_turn(void)
{
    static const char *const labels[] = {"one here", ""};
    corral_ids *first = open_labeled(client, labels[0]);
    corral_ids *second = open_labeled(other, NULL);
    corral_ids *third = open_labeled(client, "three");
    corral_op *op = NULL;

    (void)generator_next(first);
    (void)generator_next(second);
    ASSERT_STATUS(testing_wait_in_vain(next_of, third), CORRAL_EBUSY);
    ASSERT_STATUS(testing_wait_in_vain(next_later_of, third), CORRAL_EBUSY);
    assert_workers(third, 2, labels);

    REQUIRE_STATUS(corral_ids_next_async(third, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, 300), CORRAL_ETIMEDOUT);
    snowflakes_close(first);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_OK);
    corral_op_unref(op);
    assert_workers(second, 2, (const char *const[]){"three", ""});
    snowflakes_close(second);
    snowflakes_close(third);
}

static void who_waits_can_be_told_to_stop(void)
{
    corral_ids *first = open_labeled(client, NULL);
    corral_ids *second = open_labeled(client, NULL);
    corral_ids *third = open_labeled(client, NULL);
    corral_op *ops[2] = {NULL};

    (void)generator_next(first);
    (void)generator_next(second);
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE_STATUS(corral_ids_next_async(third, CORRAL_FOREVER, NULL, NULL, &ops[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_op_cancel(ops[0]), CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(ops[0], TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(ops[0]), CORRAL_ECANCELED);
    ASSERT_STATUS(corral_op_status(ops[1]), CORRAL_EBUSY); /* not ended */
    snowflakes_close(third);
    ASSERT_STATUS(corral_op_status(ops[1]), CORRAL_ECLOSED);
    corral_op_unref(ops[0]);
    corral_op_unref(ops[1]);
    snowflakes_close(first);
    snowflakes_close(second);
}

/* The next owner of the number need not wait, and nothing is left but what it needs. */
static void a_number_is_given_back(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    uint64_t last = 0;

    for (unsigned i = 0; i < 3; i++) {
        corral_ids *ids = generator_open_with(client, path, options);
        uint64_t id = generator_next(ids);

        CU_ASSERT(id > last);
        ASSERT_INT64(snowflakes_decode(id, options).worker, 0);
        CU_ASSERT(snowflakes_mark(path, 0) > snowflakes_decode(id, options).time_ms + 1000);
        last = id;
        snowflakes_close(ids);
        ASSERT_BELOW_SOON(workers, 1);
        ASSERT_INT64(raw_count_below(server_raw(), path), 2);
        ASSERT_INT64(snowflakes_mark(path, 0), snowflakes_decode(last, options).time_ms + 1);
    }
}

/* --- marks that others have left --- */

static void marks_in_the_future_give_nothing_out(void)
{
    enum { HOUR_MS = 3600000 };
    corral_ids *ids = generator_open_with(client, path, snowflakes_options(1, 12));
    corral_op *op = NULL;
    char mark[80];
    uint64_t id = 7;

    (void)generator_next(ids);
    snowflakes_close(ids);
    ASSERT_BELOW_SOON(workers, 1);
    int64_t nearest = snowflakes_put_mark(path, 0, HOUR_MS);
    (void)snowflakes_put_mark(path, 1, 2 * HOUR_MS);
    ids = generator_open_with(client, path, snowflakes_options(1, 12));
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECLOCK);
    ASSERT_INT64(id, 7);
    REQUIRE_STATUS(corral_ids_next_async(ids, TESTING_PATIENCE_MS, NULL, NULL, &op), CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_ECLOCK);
    snprintf(mark, sizeof mark, "%s/workers/0", path);
    CU_ASSERT_STRING_EQUAL(corral_op_path(op), mark);
    corral_op_unref(op);
    ASSERT_INT64(snowflakes_mark(path, 0), nearest);
    ASSERT_INT64(raw_count_below(server_raw(), workers), 2); /* no lease */
    /* One of the two would do. */
    (void)snowflakes_put_mark(path, 1, -1);
    ASSERT_INT64(snowflakes_decode(generator_next(ids), snowflakes_options(1, 12)).worker, 1);
    snowflakes_close(ids);
}

static void a_number_that_nobody_has_had_is_better(void)
{
    corral_ids *ids = generator_open_with(client, path, snowflakes_options(2, 12));

    (void)generator_next(ids);
    snowflakes_close(ids);
    ASSERT_BELOW_SOON(workers, 1);
    (void)snowflakes_put_mark(path, 0, TESTING_PATIENCE_MS);
    ids = generator_open_with(client, path, snowflakes_options(2, 12));
    ASSERT_INT64(snowflakes_decode(generator_next(ids), snowflakes_options(2, 12)).worker, 1);
    snowflakes_close(ids);
}

static void a_mark_that_is_near_is_waited_for(void)
{
    corral_ids_options options = snowflakes_options(1, 12);
    corral_ids *ids = generator_open_with(client, path, options);

    (void)generator_next(ids);
    snowflakes_close(ids);
    ASSERT_BELOW_SOON(workers, 1);
    options.clock_wait_ms = TESTING_PATIENCE_MS;
    int64_t mark = snowflakes_put_mark(path, 0, 700);
    (void)snowflakes_put_mark(path, 1, 10 * TESTING_PATIENCE_MS);
    ids = generator_open_with(client, path, options);
    corral_snowflake parts = snowflakes_decode(generator_next(ids), options);
    ASSERT_INT64(parts.worker, 0);
    CU_ASSERT(parts.time_ms >= mark && parts.time_ms <= snowflakes_calendar_ms());
    snowflakes_close(ids);
}

static void what_is_no_mark_is_refused(void)
{
    corral_ids *ids = generator_open_with(client, path, snowflakes_options(1, 12));
    char mark[80];
    uint64_t id;

    (void)generator_next(ids);
    snowflakes_close(ids);
    ASSERT_BELOW_SOON(workers, 1);
    snprintf(mark, sizeof mark, "%s/workers/0", path);
    server_put(mark, "-5 0123456789abcdef");
    ids = generator_open_with(client, path, snowflakes_options(1, 12));
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECORRUPT);
    ASSERT_ZNODE(mark, "-5 0123456789abcdef");
    snowflakes_close(ids);
}

/* --- generators --- */

static void others_options_are_refused(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    corral_ids *ids = generator_open_with(client, path, options);
    corral_ids_worker *list = NULL;
    size_t count = 0;
    uint64_t id;

    (void)generator_next(ids);
    snowflakes_close(ids);
    for (unsigned i = 0; i < 4; i++) {
        corral_ids_options refused = options;

        refused.worker_bits += i == 0;
        refused.sequence_bits -= i == 1;
        refused.epoch_ms += i == 2;
        refused.kind = i == 3 ? CORRAL_IDS_SEQUENCE : refused.kind;
        ids = generator_open_with(client, path, refused);
        ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECONFLICT);
        ASSERT_STATUS(corral_ids_workers(ids, TESTING_PATIENCE_MS, &list, &count), CORRAL_ECONFLICT);
        snowflakes_close(ids);
    }
    options.kind = CORRAL_IDS_STORED;
    ids = generator_open_with(client, path, options);
    (void)generator_next(ids);
    ASSERT_STATUS(corral_ids_workers(ids, TESTING_PATIENCE_MS, &list, &count), CORRAL_OK);
    ASSERT_INT64(count, 1);
    corral_ids_workers_free(list);
    snowflakes_close(ids);
}

static void a_sequence_has_no_workers(void)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corral_ids_worker *list = NULL;
    size_t count = 0;
    uint64_t id;

    options.kind = CORRAL_IDS_SEQUENCE;
    corral_ids *ids = generator_open_with(client, path, options);
    /* None is made for that. */
    ASSERT_STATUS(corral_ids_workers(ids, TESTING_PATIENCE_MS, &list, &count), CORRAL_ENOENT);
    ASSERT_STATUS(corral_ids_info(ids, TESTING_PATIENCE_MS, &options), CORRAL_ENOENT);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_OK);
    ASSERT_STATUS(corral_ids_workers(ids, TESTING_PATIENCE_MS, &list, &count), CORRAL_ECONFLICT);
    ASSERT_STATUS(corral_ids_workers(ids, TESTING_PATIENCE_MS, NULL, &count), CORRAL_EINVAL);
    ASSERT_STATUS(corral_ids_workers(ids, -2, &list, &count), CORRAL_EINVAL);
    CU_ASSERT_PTR_NULL(list);
    snowflakes_close(ids);
}

static void an_epoch_is_not_in_the_future(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    corral_ids *ids = NULL;

    options.epoch_ms = snowflakes_calendar_ms() + TESTING_PATIENCE_MS;
    ASSERT_STATUS(corral_ids_open(client, path, &options, &ids), CORRAL_EINVAL);
    CU_ASSERT_PTR_NULL(ids);
}

/* 32 bits of ms are 50 days. */
static void time_comes_to_an_end(void)
{
    corral_ids_options options = snowflakes_options(10, 21);
    uint64_t id;

    options.epoch_ms = 0;
    corral_ids *ids = generator_open_with(client, path, options);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_EEXHAUSTED);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_EEXHAUSTED);
    snowflakes_close(ids);
    ASSERT_BELOW_SOON(workers, 1);
}

int main(int argc, char **argv)
{
    CU_TestInfo numbers[] = {{"they are unique", they_are_unique},
                             {"they tell when, and by whom", they_tell_when_and_by_whom},
                             {"a ms that is used up is waited out", a_ms_that_is_used_up_is_waited_out},
                             CU_TEST_INFO_NULL};
    CU_TestInfo numbering[] = {{"a third of two waits its turn", a_third_of_two_waits_its_turn},
                               {"who waits can be told to stop", who_waits_can_be_told_to_stop},
                               {"a number is given back", a_number_is_given_back},
                               CU_TEST_INFO_NULL};
    CU_TestInfo marks[] = {{"marks in the future give nothing out", marks_in_the_future_give_nothing_out},
                           {"a number that nobody has had is better", a_number_that_nobody_has_had_is_better},
                           {"a mark that is near is waited for", a_mark_that_is_near_is_waited_for},
                           {"what is no mark is refused", what_is_no_mark_is_refused},
                           CU_TEST_INFO_NULL};
    CU_TestInfo generators[] = {{"others' options are refused", others_options_are_refused},
                                {"a sequence has no workers", a_sequence_has_no_workers},
                                {"an epoch is not in the future", an_epoch_is_not_in_the_future},
                                {"time comes to an end", time_comes_to_an_end},
                                CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"snowflakes: numbers", NULL, NULL, setup, teardown, numbers},
                             {"snowflakes: workers", NULL, NULL, setup, teardown, numbering},
                             {"snowflakes: marks", NULL, NULL, setup, teardown, marks},
                             {"snowflakes: generators", NULL, NULL, setup, teardown, generators},
                             CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

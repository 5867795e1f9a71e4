/*
 * What BLOCK is made of: ranges that threads take numbers from without a lock,
 * the stock behind them, and how much is leased at a time.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "alloc.h"
#include "ids_pace.h"
#include "ids_range.h"
#include "ids_stock.h"
#include "lib/testing.h"

/* --- ranges, alone --- */

static corrali_ids_range range;

static void reset(void)
{
    range = (corrali_ids_range){.cursor = 0};
}

/* Assert that the next number is @expected; 0: that there is none. */
static void assert_next(uint64_t expected)
{
    uint64_t number = 0;

    CU_ASSERT_EQUAL(corrali_ids_range_take(&range, &number), expected != 0);
    ASSERT_INT64(number, expected);
}

static void numbers_are_taken_in_order(void)
{
    uint64_t first = 0;

    assert_next(0);
    corrali_ids_range_fill(&range, 100, 6);
    assert_next(100);
    assert_next(101);
    CU_ASSERT(corrali_ids_range_take_many(&range, 3, &first));
    ASSERT_INT64(first, 102);
    assert_next(105);
    assert_next(0);
    assert_next(0);
    corrali_ids_range_fill(&range, 106, 1); /* what follows is not lost to those who came too early */
    assert_next(106);
    assert_next(0);
}

static void too_many_take_none(void)
{
    uint64_t first = 0;

    CU_ASSERT(!corrali_ids_range_take_many(&range, 1, &first));
    corrali_ids_range_fill(&range, 1, 3);
    CU_ASSERT(!corrali_ids_range_take_many(&range, 4, &first));
    CU_ASSERT(!corrali_ids_range_take_many(&range, UINT64_MAX, &first));
    ASSERT_INT64(first, 0);
    CU_ASSERT(corrali_ids_range_take_many(&range, 3, &first));
    ASSERT_INT64(first, 1);
}

static void what_is_left_can_be_drained(void)
{
    uint64_t first = 0;

    ASSERT_INT64(corrali_ids_range_drain(&range, &first), 0);
    corrali_ids_range_fill(&range, 50, 5);
    assert_next(50);
    ASSERT_INT64(corrali_ids_range_drain(&range, &first), 4);
    ASSERT_INT64(first, 51);
    ASSERT_INT64(corrali_ids_range_drain(&range, &first), 0);
    assert_next(0);
    corrali_ids_range_fill(&range, 7, 1); /* also one that is lower, if its owner thinks so */
    assert_next(7);
}

/* Whoever has got a position and comes back when its range was replaced. */
static void who_is_late_gets_nothing(void)
{
    uint64_t first = 0;

    corrali_ids_range_fill(&range, 100, 6);
    assert_next(100);
    ASSERT_INT64(corrali_ids_range_drain(&range, &first), 5);
    corrali_ids_range_fill(&range, 200, 6);
    for (uint64_t position = 0; position < 14; position++) {
        bool within = position >= 6 && position < 12;
        uint64_t number = 0;

        CU_ASSERT_EQUAL(corrali_ids_range_resolve(&range, position, 1, &number), within);
        ASSERT_INT64(number, within ? 200 + position - 6 : 0);
    }
}

static void the_greatest_numbers_fit(void)
{
    uint64_t first = 0;

    corrali_ids_range_fill(&range, 1, INT64_MAX);
    assert_next(1);
    ASSERT_INT64(corrali_ids_range_drain(&range, &first), INT64_MAX - 1);
    corrali_ids_range_fill(&range, INT64_MAX, 1);
    assert_next(INT64_MAX);
    assert_next(0);
}

static void a_stopped_range_gives_nothing(void)
{
    uint64_t first = 0;

    corrali_ids_range_fill(&range, 1, 10);
    assert_next(1);
    corrali_ids_range_stop(&range);
    assert_next(0);
    CU_ASSERT(!corrali_ids_range_take_many(&range, 2, &first));
}

/* --- ranges, by several threads --- */

enum { TAKERS = 4, NUMBERS = 1 << 22, SIZE_MAX_HERE = 300 };

/* What became of each number. */
typedef enum { NOT_OURS, LEASED, TAKEN } fate;
static _Atomic unsigned char fates[NUMBERS];
static atomic_bool over;
static atomic_uint faults;

/* @count numbers from @first on are somebody's now. */
static void note_taken(uint64_t first, uint64_t count)
{
    for (uint64_t n = first; n < first + count; n++) {
        if (n >= NUMBERS || atomic_exchange(&fates[n], TAKEN) != LEASED) {
            atomic_fetch_add(&faults, 1);
        }
    }
}

static void *take_numbers(void *arg)
{
    unsigned *taken = arg;
    uint64_t last = 0;

    for (unsigned i = 0; !atomic_load_explicit(&over, memory_order_relaxed); i++) {
        uint64_t first = 0;
        uint64_t count = i % 4 == 0 ? 1 + i % 7 : 1;

        if (count == 1 ? corrali_ids_range_take(&range, &first)
                       : corrali_ids_range_take_many(&range, count, &first)) {
            note_taken(first, count);
            if (first <= last) {
                atomic_fetch_add(&faults, 1);
            }
            last = first + count - 1;
            *taken += (unsigned)count;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

/* Replace range after range, some with much left, and with numbers of others in between. */
static void replace_ranges(unsigned short seed[3])
{
    uint64_t next = 1;

    while (next < NUMBERS - 2 * SIZE_MAX_HERE) {
        uint64_t size = 1 + (uint64_t)nrand48(seed) % SIZE_MAX_HERE;
        uint64_t left;
        uint64_t first = 0;

        for (uint64_t n = next; n < next + size; n++) {
            atomic_store(&fates[n], LEASED);
        }
        corrali_ids_range_fill(&range, next, size);
        next += size + (nrand48(seed) % 2 == 0 ? (uint64_t)nrand48(seed) % SIZE_MAX_HERE : 0);
        for (long i = nrand48(seed) % 4; i > 0; i--) {
            sched_yield();
        }
        left = corrali_ids_range_drain(&range, &first);
        note_taken(first, left);
    }
}

static void no_number_is_taken_twice(void)
{
    pthread_t threads[TAKERS];
    unsigned taken[TAKERS] = {0};
    unsigned short seed[3] = {1, 2, 3};

    for (int i = 0; i < TAKERS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, take_numbers, &taken[i]) == 0);
    }
    replace_ranges(seed);
    atomic_store(&over, true);
    for (int i = 0; i < TAKERS; i++) {
        CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
    }
    ASSERT_INT64(faults, 0);
    CU_ASSERT(taken[0] + taken[1] + taken[2] + taken[3] > 0);
}

/* --- the stock --- */

static corrali_ids_piece *piece(uint64_t first, uint64_t size)
{
    corrali_ids_piece *result = corrali_alloc(sizeof *result);

    REQUIRE(result != NULL);
    result->first = first;
    result->size = size;
    return result;
}

static void pieces_are_given_out_in_order(void)
{
    corrali_ids_stock stock;
    uint64_t numbers[8] = {0};
    uint64_t first = 0;

    corrali_ids_stock_init(&stock);
    corrali_ids_stock_append(&stock, piece(10, 3));
    corrali_ids_stock_append(&stock, piece(20, 1));
    corrali_ids_stock_append(&stock, piece(30, 9));
    corrali_ids_stock_prepend(&stock, piece(5, 2));
    ASSERT_INT64(stock.count, 15);
    CU_ASSERT(!corrali_ids_stock_take_row(&stock, 3, &first));
    corrali_ids_stock_take(&stock, 8, numbers);
    for (size_t i = 0; i < 8; i++) {
        ASSERT_INT64(numbers[i], ((const int[]){5, 6, 10, 11, 12, 20, 30, 31})[i]);
    }
    CU_ASSERT(corrali_ids_stock_take_row(&stock, 4, &first));
    ASSERT_INT64(first, 32);
    ASSERT_INT64(stock.count, 3);
    corrali_ids_stock_append(&stock, piece(50, 1));
    corrali_ids_stock_clear(&stock);
    ASSERT_INT64(stock.count, 0);
    CU_ASSERT(corrali_ids_stock_pop(&stock) == NULL);
}

/* --- how much --- */

static const int64_t second = 1000000000;

static void leases_last_a_second(void)
{
    corrali_ids_pace pace = {0};
    uint64_t size = corrali_ids_pace_next(&pace, 5 * second, 0, 1);
    int64_t now = 5 * second;

    ASSERT_INT64(size, CORRALI_IDS_LEASE_MIN);
    for (int i = 0; i < 12; i++) { /* a million a second, each lease used up before the next one */
        now += (int64_t)size * 1000;
        pace.leased += size;
        size = corrali_ids_pace_next(&pace, now, 0, 1);
    }
    CU_ASSERT(size > 990000 && size < 1010000);
    for (int i = 0; i < 20; i++) { /* a thousand a second */
        now += (int64_t)size * 1000000;
        pace.leased += size;
        size = corrali_ids_pace_next(&pace, now, 0, 1);
    }
    CU_ASSERT(size > 990 && size < 1010);
}

static void sizes_change_step_by_step(void)
{
    corrali_ids_pace pace = {0};

    (void)corrali_ids_pace_next(&pace, second, 0, 1);
    pace.leased = 64;
    ASSERT_INT64(corrali_ids_pace_next(&pace, second + 1, 0, 1), 8 * 64);
    pace.leased += 512;
    ASSERT_INT64(corrali_ids_pace_next(&pace, second + 1, 0, 1), 64 * 64); /* in no time at all */
    pace.leased += 4096;
    ASSERT_INT64(corrali_ids_pace_next(&pace, 900 * second, 0, 1), 2048); /* an age ago */
    pace.leased += 2048;
    ASSERT_INT64(corrali_ids_pace_next(&pace, 901 * second, 2048, 1), 1024);          /* none was used */
    ASSERT_INT64(corrali_ids_pace_next(&pace, 902 * second, 2048, 1000000), 1000000); /* but wanted now */
    pace.size = CORRALI_IDS_LEASE_MAX;
    pace.leased += UINT64_C(1) << 40;
    ASSERT_INT64(corrali_ids_pace_next(&pace, 903 * second, 2048, 1), CORRALI_IDS_LEASE_MAX);
    pace.size = CORRALI_IDS_LEASE_MIN;
    ASSERT_INT64(corrali_ids_pace_next(&pace, 999 * second, 2048, 0), CORRALI_IDS_LEASE_MIN);
}

int main(int argc, char **argv)
{
    CU_TestInfo ranges[] = {{"numbers are taken in order", numbers_are_taken_in_order},
                            {"too many take none", too_many_take_none},
                            {"what is left can be drained", what_is_left_can_be_drained},
                            {"who is late gets nothing", who_is_late_gets_nothing},
                            {"the greatest numbers fit", the_greatest_numbers_fit},
                            {"a stopped range gives nothing", a_stopped_range_gives_nothing},
                            {"no number is taken twice", no_number_is_taken_twice},
                            CU_TEST_INFO_NULL};
    CU_TestInfo stock[] = {{"pieces are given out in order", pieces_are_given_out_in_order},
                           CU_TEST_INFO_NULL};
    CU_TestInfo pace[] = {{"leases last a second", leases_last_a_second},
                          {"sizes change step by step", sizes_change_step_by_step},
                          CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"range", NULL, NULL, reset, NULL, ranges},
                             {"stock", NULL, NULL, NULL, NULL, stock},
                             {"pace", NULL, NULL, NULL, NULL, pace},
                             CU_SUITE_INFO_NULL};

    return testing_run(argc, argv, suites);
}

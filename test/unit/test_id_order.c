/** The judge of IDs: what it must let pass, and what it must not. */
#include "lib/id_order.h"
#include "lib/testing.h"

enum { CALLS = 100 };

static id_call calls[CALLS];

/* Each begins before the one before it ends, but after the one before that. */
static void make(void)
{
    for (size_t i = 0; i < CALLS; i++) {
        calls[i] = (id_call){.begin = 10 * (int64_t)i, .end = 10 * (int64_t)i + 15, .id = 7 * i + 1};
    }
}

static void swap(size_t i, size_t j)
{
    uint64_t id = calls[i].id;

    calls[i].id = calls[j].id;
    calls[j].id = id;
}

static void good_ones_pass(void)
{
    CU_ASSERT_PTR_NULL(id_order_judge(calls, 0));
    make();
    CU_ASSERT_PTR_NULL(id_order_judge(calls, CALLS));
    for (size_t i = 0; i + 1 < CALLS; i += 2) {
        make();
        swap(i, i + 1); /* at the same time, so in any order */
        CU_ASSERT_PTR_NULL(id_order_judge(calls, CALLS));
    }
}

static void a_swapped_pair_does_not(void)
{
    for (size_t i = 0; i + 2 < CALLS; i++) {
        make();
        swap(i, i + 2);
        CU_ASSERT_PTR_NOT_NULL(id_order_judge(calls, CALLS));
    }
}

static void one_given_twice_does_not(void)
{
    for (size_t i = 1; i < CALLS; i++) {
        make();
        calls[i].id = calls[i - 1].id;
        CU_ASSERT_PTR_NOT_NULL(id_order_judge(calls, CALLS));
    }
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {{"good ones pass", good_ones_pass},
                           {"a swapped pair does not", a_swapped_pair_does_not},
                           {"one given twice does not", one_given_twice_does_not},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"id order", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    return testing_run(argc, argv, suites);
}

/* The parts at the bottom: lists, statuses, allocation, decimal numbers. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <corral.h>

#include "alloc.h"
#include "decimal.h"
#include "lib/testing.h"
#include "list.h"

static void list_keeps_order(void)
{
    corrali_link list;
    corrali_link other;
    corrali_link links[4];

    corrali_list_init(&list);
    corrali_list_init(&other);
    CU_ASSERT_PTR_NULL(corrali_list_pop(&list));
    for (size_t i = 0; i < 4; i++) {
        corrali_list_append(i < 2 ? &other : &list, &links[i]);
    }
    corrali_list_prepend_all(&list, &other);
    CU_ASSERT_TRUE(corrali_list_empty(&other));
    corrali_list_prepend_all(&list, &other); /* of nothing */
    corrali_list_remove(&links[1]);
    corrali_list_remove(&links[1]); /* harmless */
    CU_ASSERT_PTR_EQUAL(corrali_list_pop(&list), &links[0]);
    CU_ASSERT_PTR_EQUAL(corrali_list_pop(&list), &links[2]);
    CU_ASSERT_PTR_EQUAL(corrali_list_pop(&list), &links[3]);
    CU_ASSERT_TRUE(corrali_list_empty(&list));
}

#define COUNT_STATUS(name, value, class_, text) +1

static void every_status_has_name_text_and_class(void)
{
    int count = CORRAL_STATUS_MAP(COUNT_STATUS);

    for (int status = 0; status > -count; status--) {
        CU_ASSERT_STRING_NOT_EQUAL(corral_status_name(status), "UNKNOWN");
        CU_ASSERT_STRING_NOT_EQUAL(corral_strerror(status), "unknown status");
        CU_ASSERT_EQUAL(corral_status_class(status) == CORRAL_CLASS_UNKNOWN, status == CORRAL_EUNCERTAIN);
        CU_ASSERT_EQUAL(corral_status_class(status) == CORRAL_CLASS_OK, status == CORRAL_OK);
    }
    CU_ASSERT_STRING_EQUAL(corral_status_name(CORRAL_ECORRUPT), "ECORRUPT");
    CU_ASSERT_EQUAL(corral_status_class(CORRAL_ETIMEDOUT), CORRAL_CLASS_RETRYABLE);
    CU_ASSERT_EQUAL(corral_status_class(CORRAL_EACCES), CORRAL_CLASS_DEFINITE);
    CU_ASSERT_STRING_EQUAL(corral_status_name(-count), "UNKNOWN");
    CU_ASSERT_STRING_EQUAL(corral_strerror(1), "unknown status");
    CU_ASSERT_EQUAL(corral_status_class(INT_MIN), CORRAL_CLASS_DEFINITE);
    CU_ASSERT_STRING_EQUAL(corral_version(), "0.1.0");
}

static void allocation_fails_on_demand(void)
{
    char *text = corrali_asprintf("%s-%d", "lane", 7);

    CU_ASSERT_STRING_EQUAL(text, "lane-7");
    corrali_free(text);
    corrali_alloc_fail_from(2);
    text = corrali_strdup("first");
    CU_ASSERT_PTR_NOT_NULL(text);
    CU_ASSERT_PTR_NULL(corrali_alloc(1));
    CU_ASSERT_PTR_NULL(corrali_strdup("again"));
    CU_ASSERT_PTR_NULL(corrali_asprintf("again"));
    corrali_alloc_fail_from(0);
    corrali_free(text);
    text = corrali_alloc(1);
    CU_ASSERT_PTR_NOT_NULL(text);
    corrali_free(text);
}

static void decimal_goes_there_and_back(void)
{
    static const int64_t values[] = {0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN, INT64_MAX - 1};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char buffer[CORRALI_DECIMAL_SIZE];
        char expected[CORRALI_DECIMAL_SIZE];
        size_t length = corrali_decimal_encode(values[i], buffer);
        int64_t back = ~values[i];

        snprintf(expected, sizeof expected, "%" PRId64, values[i]);
        CU_ASSERT_EQUAL(length, strlen(expected));
        CU_ASSERT_EQUAL(memcmp(buffer, expected, length), 0);
        CU_ASSERT_TRUE(corrali_decimal_decode(buffer, length, &back));
        ASSERT_INT64(back, values[i]);
    }
}

static void decimal_refuses_everything_else(void)
{
    static const char *const texts[] = {"",
                                        "-",
                                        "--1",
                                        "+1",
                                        " 5",
                                        "5 ",
                                        "5\n",
                                        "12abc",
                                        "0x10",
                                        "1.0",
                                        "1_000",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999999",
                                        "-"};
    int64_t value = 42;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CU_ASSERT_FALSE(corrali_decimal_decode(texts[i], strlen(texts[i]), &value));
    }
    CU_ASSERT_FALSE(corrali_decimal_decode("1\0", 2, &value));
    ASSERT_INT64(value, 42);
    /* Leading zeros are digits like others. */
    CU_ASSERT_TRUE(corrali_decimal_decode("-0012", 5, &value));
    ASSERT_INT64(value, -12);
}

static CU_TestInfo tests[] = {
    {"list keeps order", list_keeps_order},
    {"every status has name, text and class", every_status_has_name_text_and_class},
    {"allocation fails on demand", allocation_fails_on_demand},
    {"decimal goes there and back", decimal_goes_there_and_back},
    {"decimal refuses everything else", decimal_refuses_everything_else},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"base", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}

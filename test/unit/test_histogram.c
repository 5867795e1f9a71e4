/* What percentiles of a benchmark are read from. */
#include <math.h>

#include "histogram.h"
#include "lib/testing.h"

static histogram noted;

static void each_time_is_told_to_within_1_percent(void)
{
    for (int64_t ns = 0; ns < INT64_C(1) << 39; ns += 1 + ns / 100) {
        noted = (histogram){0};
        histogram_note(&noted, ns);
        double told = histogram_percentile(&noted, 0.5);

        if (fabs(told - (double)ns) > (double)ns / 100) {
            CU_FAIL("a time is told wrong");
            ASSERT_INT64(told, ns);
        }
    }
}

static void percentiles_are_those_of_all(void)
{
    static histogram other;

    noted = other = (histogram){0};
    for (int i = 1; i <= 500; i++) {
        histogram_note(&noted, i * 1000);
        histogram_note(&other, (500 + i) * 1000);
    }
    histogram_merge(&noted, &other);
    ASSERT_INT64(noted.count, 1000);
    CU_ASSERT_DOUBLE_EQUAL(histogram_percentile(&noted, 0.5), 500e3, 5e3);
    CU_ASSERT_DOUBLE_EQUAL(histogram_percentile(&noted, 0.99), 990e3, 10e3);
    CU_ASSERT_DOUBLE_EQUAL(histogram_percentile(&noted, 1), 1000e3, 10e3);
    CU_ASSERT_DOUBLE_EQUAL(histogram_percentile(&noted, 0), 1e3, 10);
}

static void strange_times_do_no_harm(void)
{
    noted = (histogram){0};
    CU_ASSERT_EQUAL(histogram_percentile(&noted, 0.5), 0);
    histogram_note(&noted, -1);
    CU_ASSERT_EQUAL(histogram_percentile(&noted, 1), 0);
    histogram_note(&noted, INT64_MAX);
    CU_ASSERT(histogram_percentile(&noted, 1) > 1e12);
}

static CU_TestInfo tests[] = {
    {"each time is told to within 1 percent", each_time_is_told_to_within_1_percent},
    {"percentiles are those of all", percentiles_are_those_of_all},
    {"strange times do no harm", strange_times_do_no_harm},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"histogram", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}

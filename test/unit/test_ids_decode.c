/** Snowflakes taken apart, at the limits of what a layout and a time can be. */
#include <corral/ids.h>
#include <corral/status.h>

#include "lib/testing.h"

static void assert_parts(uint64_t id, const corral_ids_options *options, int64_t time_ms, uint32_t worker,
                         uint32_t sequence)
{
    corral_snowflake parts = {-1, 0, 0};

    ASSERT_STATUS(corral_snowflake_decode(id, options, &parts), CORRAL_OK);
    ASSERT_INT64(parts.time_ms, time_ms);
    ASSERT_INT64(parts.worker, worker);
    ASSERT_INT64(parts.sequence, sequence);
}

static void layouts_may_be_lopsided(void)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;

    options.epoch_ms = 1000;
    options.worker_bits = 1;
    options.sequence_bits = 1;
    assert_parts(1000 << 2 | 1 << 1 | 1, &options, 2000, 1, 1);
    assert_parts(INT64_MAX, &options, 1000 + ((INT64_C(1) << 61) - 1), 1, 1);
    options.sequence_bits = 30;
    assert_parts(INT64_MAX, &options, 1000 + ((INT64_C(1) << 32) - 1), 1, (1 << 30) - 1);
    options.worker_bits = 30;
    options.sequence_bits = 1;
    assert_parts(INT64_MAX, &options, 1000 + ((INT64_C(1) << 32) - 1), (1 << 30) - 1, 1);
}

static void a_time_that_no_number_can_say_is_refused(void)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corral_snowflake parts = {-1, 2, 3};

    options.epoch_ms = INT64_MAX;
    ASSERT_STATUS(corral_snowflake_decode(UINT64_C(1) << 22, &options, &parts), CORRAL_EINVAL);
    CU_ASSERT(parts.time_ms == -1 && parts.worker == 2 && parts.sequence == 3);
    assert_parts(0, &options, INT64_MAX, 0, 0);
    options.epoch_ms--;
    assert_parts(UINT64_C(1) << 22, &options, INT64_MAX, 0, 0);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {
        {"layouts may be lopsided", layouts_may_be_lopsided},
        {"a time that no number can say is refused", a_time_that_no_number_can_say_is_refused},
        CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"ids: decode", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    return testing_run(argc, argv, suites);
}

/* Which names the sweep takes for those of writers and lanes. */
#include <string.h>

#include "alloc.h"
#include "lib/testing.h"
#include "sweep_names.h"

#define GUID "0123456789abcdef0123456789abcdef"

static void only_guids_are_writers(void)
{
    static const char *const others[] = {"", "sweep", "0123456789ABCDEF0123456789ABCDEF", GUID "0", &GUID[1]};
    corrali_sweep sweep = {.mark = NULL};

    REQUIRE_STATUS(corrali_sweep_make_paths(&sweep, "/home"), CORRAL_OK);
    CU_ASSERT_TRUE(corrali_sweep_name_writer(&sweep, GUID));
    CU_ASSERT_STRING_EQUAL(sweep.directory, "/home/writers/" GUID);
    CU_ASSERT_STRING_EQUAL(sweep.live, "/home/writers/" GUID "/live");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CU_ASSERT_FALSE(corrali_sweep_name_writer(&sweep, others[i]));
    }
    corrali_free(sweep.mark);
}

static void only_numbers_as_written_are_lanes(void)
{
    static const char *const lanes[] = {"0", "7", "10", "9999999999", "18446744073709551615"};
    static const char *const others[] = {
        "", "live", "-1", "+1", " 1", "1x", "00", "007", "18446744073709551616", "111111111111111111111"};

    for (size_t i = 0; i < sizeof lanes / sizeof lanes[0]; i++) {
        CU_ASSERT_TRUE(corrali_sweep_is_lane(lanes[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CU_ASSERT_FALSE(corrali_sweep_is_lane(others[i]));
    }
}

static CU_TestInfo tests[] = {
    {"only guids are writers", only_guids_are_writers},
    {"only numbers, as written, are lanes", only_numbers_as_written_are_lanes},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"sweep names", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}

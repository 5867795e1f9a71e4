/* Which workers' numbers are free, as the names of leases and marks say; and marks. */
#include <string.h>

#include "ids_snowflake.h"
#include "lib/testing.h"

static corrali_roster roster;

static void read_names(const char *const *names, size_t count, uint32_t bits, uint64_t random,
                       uint32_t spread)
{
    corrali_roster_clear(&roster);
    REQUIRE_STATUS(corrali_roster_read(&roster, names, count, bits, random, spread), CORRAL_OK);
}

static void nobody_has_been_there(void)
{
    read_names(NULL, 0, 1, 0, 1);
    ASSERT_INT64(roster.free_count, 0);
    CU_ASSERT_TRUE(roster.has_fresh);
    ASSERT_INT64(roster.fresh, 0);
    corrali_roster_clear(&roster);
}

static void the_free_ones_are_in_order(void)
{
    static const char *const names[] = {"10", "2", "3.lease", "3", "7", "4.lease", "7.lease", "0"};
    static const uint32_t expected[] = {0, 2, 10};

    read_names(names, sizeof names / sizeof *names, 4, 0, 1);
    ASSERT_INT64(roster.free_count, 3);
    for (size_t i = 0; i < 3 && i < roster.free_count; i++) {
        ASSERT_INT64(roster.free[i], expected[i]);
    }
    CU_ASSERT_TRUE(roster.has_fresh);
    ASSERT_INT64(roster.fresh, 1);
    corrali_roster_clear(&roster);
}

static void others_names_are_left_alone(void)
{
    static const char *const names[] = {"",           "00",       "-1",       "16",
                                        "4294967296", "1.leases", "01.lease", "16.lease",
                                        "x.lease",    ".lease",   "1x",       "99999999999999999999"};

    read_names(names, sizeof names / sizeof *names, 4, 0, 1);
    ASSERT_INT64(roster.free_count, 0);
    ASSERT_INT64(roster.fresh, 0);
    corrali_roster_clear(&roster);
}

/* Each choice is one of the absent numbers, and all are chosen in their turn. */
static void fresh_ones_are_spread(void)
{
    static const char *const names[] = {"1", "2.lease", "5"};
    static const uint32_t absent[] = {0, 3, 4, 6, 7};

    for (uint64_t random = 0; random < 20; random++) {
        read_names(names, 3, 3, random, 4);
        ASSERT_INT64(roster.fresh, absent[random % 4]);
        read_names(names, 3, 3, random, 4096); /* more than there are */
        ASSERT_INT64(roster.fresh, absent[random % 5]);
    }
    corrali_roster_clear(&roster);
}

static void all_are_taken(void)
{
    static const char *const names[] = {"1.lease", "0.lease", "0", "1"};

    read_names(names, 4, 1, 5, 8);
    ASSERT_INT64(roster.free_count, 0);
    CU_ASSERT_FALSE(roster.has_fresh);
    read_names(names, 3, 1, 5, 8);
    CU_ASSERT_FALSE(roster.has_fresh); /* a lease is a number that somebody has, with a mark or without */
    corrali_roster_clear(&roster);
}

static void marks_are_times(void)
{
    static const char *const refused[] = {
        "", "5", " 0123456789abcdef", "-1 0123456789abcdef", "x y", "9223372036854775808 0123456789abcdef"};
    char text[CORRALI_MARK_SIZE];
    int64_t ms = 0;

    size_t length = corrali_mark_spell(INT64_MAX, "0123456789abcdef", text);
    ASSERT_INT64(length, strlen(text));
    CU_ASSERT_TRUE(corrali_mark_parse(text, length, &ms));
    ASSERT_INT64(ms, INT64_MAX);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        CU_ASSERT_FALSE(corrali_mark_parse(refused[i], strlen(refused[i]), &ms));
    }
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {{"nobody has been there", nobody_has_been_there},
                           {"the free ones are in order", the_free_ones_are_in_order},
                           {"others' names are left alone", others_names_are_left_alone},
                           {"fresh ones are spread", fresh_ones_are_spread},
                           {"all are taken", all_are_taken},
                           {"marks are times", marks_are_times},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"roster", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    return testing_run(argc, argv, suites);
}

/* Which names are those of contenders, of which kind, and in what order they are. */
#include <string.h>

#include "lib/testing.h"
#include "lock_names.h"

#define GUID "9c0e8f4e-0d55-4ed1-ad49-2d84cd3a4b0a"

static void each_kind_is_told(void)
{
    static const struct {
        const char *name;
        corrali_lock_scheme scheme;
        bool shared;
        uint32_t sequence;
    } known[] = {
        {"_c_" GUID "-lock-0000000007", CORRALI_SCHEME_MUTEX, false, 7},
        {"lock-0000000000", CORRALI_SCHEME_MUTEX, false, 0},
        {"9c0e8f4e0d554ed1ad492d84cd3a4b0a-lock-0000000012", CORRALI_SCHEME_MUTEX, false, 12},
        {"_c_" GUID "-__WRIT__0000000008", CORRALI_SCHEME_READ_WRITE, false, 8},
        {"_c_" GUID "-__READ__2147483647", CORRALI_SCHEME_READ_WRITE, true, 2147483647},
        {"9c0e8f4e0d554ed1ad492d84cd3a4b0a__lock__0000000010", CORRALI_SCHEME_KAZOO, false, 10},
        {"9c0e8f4e0d554ed1ad492d84cd3a4b0a__rlock__0000000011", CORRALI_SCHEME_KAZOO, true, 11},
        {"_c_" GUID "-lease-0000000012", CORRALI_SCHEME_SEMAPHORE, true, 12},
        {"leases", CORRALI_SCHEME_SEMAPHORE, false, 0},
        {"locks", CORRALI_SCHEME_SEMAPHORE, false, 0},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        corrali_lock_name parsed = {.sequence = 99};

        CU_ASSERT_TRUE(corrali_lock_name_parse(known[i].name, &parsed));
        ASSERT_INT64(parsed.scheme, known[i].scheme);
        ASSERT_INT64(parsed.shared, known[i].shared);
        ASSERT_INT64(parsed.sequence, known[i].sequence);
    }
}

static void others_are_left_alone(void)
{
    static const char *const others[] = {"",
                                         "lock",
                                         "lock-",
                                         "lock-000000007",
                                         "lock-00000000007",
                                         "lock-00000x0007",
                                         "lock--000000001",
                                         "lock-2147483648",
                                         "lock-4294967296",
                                         "note-0000000001",
                                         "0000000001",
                                         "__LOCK__0000000001",
                                         "_c_" GUID "-lock-0000000007x",
                                         "lease"};
    corrali_lock_name parsed;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CU_ASSERT_FALSE(corrali_lock_name_parse(others[i], &parsed));
    }
}

static void our_own_names_are_understood(void)
{
    for (corral_naming naming = CORRAL_NAMING_CURATOR; naming <= CORRAL_NAMING_KAZOO; naming++) {
        corral_lock_mode last = naming == CORRAL_NAMING_KAZOO ? CORRAL_LOCK_WRITE : CORRAL_LOCK_SEMAPHORE;

        for (corral_lock_mode mode = CORRAL_LOCK_MUTEX; mode <= last; mode++) {
            const corrali_lock_kind *kind = corrali_lock_kind_of(mode, naming);
            char name[CORRALI_LOCK_PREFIX_SIZE + CORRALI_SEQUENCE_SIZE];
            corrali_lock_name parsed = {.sequence = 0};

            corrali_lock_prefix(kind, UINT64_MAX, UINT64_MAX, name);
            CU_ASSERT(strlen(name) < CORRALI_LOCK_PREFIX_SIZE);
            (void)strcat(name, "1073741824");
            CU_ASSERT_TRUE(corrali_lock_name_parse(name, &parsed));
            ASSERT_INT64(parsed.scheme, kind->scheme);
            ASSERT_INT64(parsed.shared, kind->shared);
            ASSERT_INT64(parsed.sequence, 1073741824);
        }
    }
}

static void guids_are_those_of_the_standard(void)
{
    char prefix[CORRALI_LOCK_PREFIX_SIZE];

    corrali_lock_prefix(corrali_lock_kind_of(CORRAL_LOCK_MUTEX, CORRAL_NAMING_CURATOR), 0x0123456789abcdef,
                        0xfedcba9876543210, prefix);
    CU_ASSERT_STRING_EQUAL(prefix, "_c_01234567-89ab-4def-bedc-ba9876543210-lock-");
    corrali_lock_prefix(corrali_lock_kind_of(CORRAL_LOCK_READ, CORRAL_NAMING_KAZOO), 0, 0, prefix);
    CU_ASSERT_STRING_EQUAL(prefix, "00000000000040008000000000000000__rlock__");
}

static void readers_are_blocked_by_writers_only(void)
{
    const corrali_lock_kind *reader = corrali_lock_kind_of(CORRAL_LOCK_READ, CORRAL_NAMING_CURATOR);
    const corrali_lock_kind *writer = corrali_lock_kind_of(CORRAL_LOCK_WRITE, CORRAL_NAMING_CURATOR);
    const corrali_lock_name before[] = {{.shared = true}, {.shared = false}};

    CU_ASSERT_FALSE(corrali_lock_blocks(&before[0], reader));
    CU_ASSERT_TRUE(corrali_lock_blocks(&before[1], reader));
    CU_ASSERT_TRUE(corrali_lock_blocks(&before[0], writer));
    CU_ASSERT_TRUE(corrali_lock_blocks(&before[1], writer));
}

static CU_TestInfo tests[] = {
    {"each kind is told", each_kind_is_told},
    {"others are left alone", others_are_left_alone},
    {"our own names are understood", our_own_names_are_understood},
    {"guids are those of the standard", guids_are_those_of_the_standard},
    {"readers are blocked by writers only", readers_are_blocked_by_writers_only},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"lock names", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}

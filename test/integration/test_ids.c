/**
 * ID generators, whatever their kind: what is made, who may use it, and that
 * SEQUENCE has no gaps.
 */
#include <corral/ids.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lib/fixture.h"

static corral_ids *open_ids(const char *path, corral_ids_kind kind)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corral_ids *ids = NULL;

    options.kind = kind;
    REQUIRE_STATUS(corral_ids_open(client, path, &options, &ids), CORRAL_OK);
    return ids;
}

static void a_sequence_has_no_gaps(void)
{
    corral_ids *ids = open_ids("/ids/sequence", CORRAL_IDS_SEQUENCE);
    uint64_t id = 0;
    uint64_t many[5];

    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_OK);
    ASSERT_INT64(id, 1);
    ASSERT_STATUS(corral_ids_next_many(ids, 5, TESTING_PATIENCE_MS, many), CORRAL_OK);
    for (size_t i = 0; i < 5; i++) {
        ASSERT_INT64(many[i], 2 + i);
    }
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_OK);
    ASSERT_INT64(id, 7);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {{"a sequence has no gaps", a_sequence_has_no_gaps}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"ids", NULL, NULL, fixture_open, fixture_close, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

/* Transactions: what is taken, what is refused, and that a refusal changes nothing. */
#include <corral/txn.h>

#include <stdlib.h>
#include <string.h>

#include "lib/testing.h"
#include "txn.h"

static corral_txn *txn;

static void open_txn(void)
{
    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
}

static void close_txn(void)
{
    corral_txn_free(txn);
}

static void operations_are_copied(void)
{
    char path[] = "/a/b";
    char data[] = "data";

    ASSERT_STATUS(corral_txn_create(txn, path, data, 4), CORRAL_OK);
    ASSERT_STATUS(corral_txn_set(txn, path, NULL, 0, 7), CORRAL_OK);
    ASSERT_STATUS(corral_txn_delete(txn, path, CORRAL_VERSION_ANY), CORRAL_OK);
    ASSERT_STATUS(corral_txn_check(txn, path, 0), CORRAL_OK);
    memset(path, 'x', 4);
    memset(data, 'x', 4);
    ASSERT_INT64(txn->count, 4);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_STRING_EQUAL(txn->writes[i].path, "/a/b");
    }
    CU_ASSERT(txn->writes[0].length == 4 && memcmp(txn->writes[0].data, "data", 4) == 0);
    ASSERT_INT64(txn->writes[1].length, 0);
    ASSERT_INT64(txn->writes[1].version, 7);
    ASSERT_INT64(txn->writes[2].version, CORRAL_VERSION_ANY);
}

static void bad_operations_are_refused(void)
{
    static const char *const paths[] = {NULL, "", "/", "a", "/a/", "/a//b", "/a/../b", "/a\nb"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        ASSERT_STATUS(corral_txn_create(txn, paths[i], "x", 1), CORRAL_EINVAL);
        ASSERT_STATUS(corral_txn_set(txn, paths[i], "x", 1, 0), CORRAL_EINVAL);
        ASSERT_STATUS(corral_txn_delete(txn, paths[i], 0), CORRAL_EINVAL);
        ASSERT_STATUS(corral_txn_check(txn, paths[i], 0), CORRAL_EINVAL);
    }
    ASSERT_STATUS(corral_txn_create(txn, "/a", NULL, 1), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_set(txn, "/a", NULL, 1, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_delete(NULL, "/a", 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_new(NULL), CORRAL_EINVAL);
    corral_txn_free(NULL);
    ASSERT_INT64(txn->count, 0);
}

static void there_are_limits(void)
{
    char *big = calloc(1, CORRAL_TXN_BYTES_MAX + 1);

    REQUIRE(big != NULL);
    ASSERT_STATUS(corral_txn_create(txn, "/a", big, CORRAL_TXN_BYTES_MAX + 1), CORRAL_ERANGE);
    ASSERT_STATUS(corral_txn_create(txn, "/a", big, CORRAL_TXN_BYTES_MAX), CORRAL_ERANGE); /* and a path */
    ASSERT_STATUS(corral_txn_create(txn, "/a", big, SIZE_MAX), CORRAL_ERANGE);
    ASSERT_STATUS(corral_txn_create(txn, "/a", big, CORRAL_TXN_BYTES_MAX / 2), CORRAL_OK);
    ASSERT_STATUS(corral_txn_create(txn, "/b", big, CORRAL_TXN_BYTES_MAX / 2), CORRAL_ERANGE);
    for (int i = 1; i < CORRAL_TXN_MAX; i++) {
        ASSERT_STATUS(corral_txn_check(txn, "/a", 0), CORRAL_OK);
    }
    ASSERT_STATUS(corral_txn_check(txn, "/a", 0), CORRAL_ERANGE);
    ASSERT_INT64(txn->count, CORRAL_TXN_MAX);
    free(big);
}

static CU_TestInfo tests[] = {
    {"operations are copied", operations_are_copied},
    {"bad operations are refused", bad_operations_are_refused},
    {"there are limits", there_are_limits},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"transactions", NULL, NULL, open_txn, close_txn, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}

/**
 * Values without faults: what is set is there, every change has its stamp, and a
 * compare_set finds the very state that it was told, or says which one is there.
 */
#include <corral/value.h>

#include <stdlib.h>
#include <string.h>

#include "lib/aged.h"
#include "lib/fixture.h"

static const char *const aged_paths[] = {"/value/aged/last", "/value/aged/any"};

/* Znodes with the last versions before "any", and at it. */
static void prepare(void)
{
    static bool done;
    char changes[2][AGED_CHANGE_SIZE] = {"/value/aged/last=-2", "/value/aged/any=-1"};

    if (!done) {
        done = true;
        server_put(aged_paths[0], "old");
        server_put(aged_paths[1], "old");
        aged_make(changes, 2);
    }
}

static void setup(void)
{
    prepare();
    fixture_open();
}

static void assert_stamp(const char *path, const corral_stamp *stamp)
{
    struct Stat stat = {0};

    REQUIRE(raw_exists(server_raw(), path, &stat) == ZOK);
    ASSERT_INT64(stamp->czxid, stat.czxid);
    ASSERT_INT64(stamp->mzxid, stat.mzxid);
    ASSERT_INT64(stamp->version, stat.version);
    ASSERT_INT64(stamp->index, 0);
}

static void assert_get(const char *expected, corral_stamp *ret_stamp)
{
    void *data = NULL;
    size_t length = 12345;

    REQUIRE_STATUS(
        corral_value_get(setting, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &data, &length, ret_stamp),
        CORRAL_OK);
    ASSERT_INT64(length, strlen(expected));
    CU_ASSERT(data != NULL && strcmp(data, expected) == 0); /* with a zero behind */
    corral_value_free(data);
}

static corral_stamp set(const char *text)
{
    corral_stamp stamp = {0};

    REQUIRE_STATUS(corral_value_set(setting, text, strlen(text), CORRAL_FOREVER, &stamp), CORRAL_OK);
    return stamp;
}

static int compare_set(const corral_stamp *expected, const char *text, corral_stamp *ret_stamp)
{
    return corral_value_compare_set(setting, expected, text, strlen(text), CORRAL_FOREVER, ret_stamp);
}

/* --- set and get --- */

static void a_set_makes_it_with_parents(void)
{
    corral_stamp first, second, seen;

    setting = fixture_value("/value/deep/er/set");
    first = set("one");
    assert_stamp("/value/deep/er/set", &first);
    ASSERT_INT64(first.czxid, first.mzxid);
    ASSERT_ZNODE("/value/deep/er/set", "one");
    second = set("two, longer");
    assert_stamp("/value/deep/er/set", &second);
    ASSERT_INT64(second.czxid, first.czxid);
    ASSERT_INT64(second.version, 1);
    CU_ASSERT(second.mzxid > first.mzxid);
    assert_get("two, longer", &seen);
    CU_ASSERT(memcmp(&seen, &second, sizeof seen) == 0);
}

static void what_is_not_there(void)
{
    void *data = &data;
    size_t length = 77;
    corral_stamp stamp = {.mzxid = 5};

    setting = fixture_value("/value/absent");
    for (corral_read level = CORRAL_READ_LOCAL; level <= CORRAL_READ_LINEARIZABLE; level++) {
        ASSERT_STATUS(corral_value_get(setting, level, CORRAL_FOREVER, &data, &length, &stamp),
                      CORRAL_ENOENT);
    }
    CU_ASSERT(data == &data);
    ASSERT_INT64(length, 77);
    ASSERT_STATUS(compare_set(&(corral_stamp){.mzxid = 5}, "x", &stamp), CORRAL_ENOENT);
    ASSERT_INT64(stamp.mzxid, 5);
    ASSERT_STATUS(corral_value_destroy(setting, CORRAL_FOREVER), CORRAL_ENOENT);
    ASSERT_INT64(raw_exists(server_raw(), "/value/absent", NULL), ZNONODE);
}

static void any_bytes_and_none(void)
{
    static const char bytes[] = {'\0', '\xff', '\n', '\0'};
    void *data = NULL;
    size_t length = 0;

    setting = fixture_value("/value/bytes");
    REQUIRE_STATUS(corral_value_set(setting, bytes, sizeof bytes, CORRAL_FOREVER, NULL), CORRAL_OK);
    for (corral_read level = CORRAL_READ_LOCAL; level <= CORRAL_READ_LINEARIZABLE; level++) {
        REQUIRE_STATUS(corral_value_get(setting, level, CORRAL_FOREVER, &data, &length, NULL), CORRAL_OK);
        ASSERT_INT64(length, sizeof bytes);
        CU_ASSERT(memcmp(data, bytes, sizeof bytes) == 0);
        corral_value_free(data);
    }
    REQUIRE_STATUS(corral_value_set(setting, NULL, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    assert_get("", NULL);
}

/* The longest of all, made, set and compared, comes back as it was. */
static void the_longest(void)
{
    char *bytes = malloc(CORRAL_VALUE_MAX + 1);
    void *data = NULL;
    size_t length = 0;
    corral_stamp stamp = {0};
    uint64_t requests = 0;

    REQUIRE(bytes != NULL);
    memset(bytes, 'x', CORRAL_VALUE_MAX + 1);
    setting = fixture_value("/value/longest");
    for (int i = 0; i < 2; i++) {
        REQUIRE_STATUS(corral_value_set(setting, bytes, CORRAL_VALUE_MAX, CORRAL_FOREVER, &stamp), CORRAL_OK);
    }
    bytes[CORRAL_VALUE_MAX - 1] = 'y';
    REQUIRE_STATUS(corral_value_compare_set(setting, &stamp, bytes, CORRAL_VALUE_MAX, CORRAL_FOREVER, &stamp),
                   CORRAL_OK);
    ASSERT_INT64(stamp.version, 2);
    REQUIRE_STATUS(corral_value_get(setting, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &data, &length, NULL),
                   CORRAL_OK);
    ASSERT_INT64(length, CORRAL_VALUE_MAX);
    CU_ASSERT(memcmp(data, bytes, length) == 0);
    corral_value_free(data);

    requests = proxy_count(through, PROXY_REQUESTS);
    ASSERT_STATUS(corral_value_set(setting, bytes, CORRAL_VALUE_MAX + 1, CORRAL_FOREVER, &stamp),
                  CORRAL_ERANGE);
    ASSERT_STATUS(
        corral_value_compare_set(setting, NULL, bytes, CORRAL_VALUE_MAX + 1, CORRAL_FOREVER, &stamp),
        CORRAL_ERANGE);
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), requests);
    ASSERT_INT64(stamp.version, 2);
    free(bytes);
}

/* --- compare_set --- */

static void the_first_one_makes_it(void)
{
    corral_stamp made = {0}, other = {0};

    setting = fixture_value("/value/first/made");
    REQUIRE_STATUS(compare_set(NULL, "mine", &made), CORRAL_OK);
    assert_stamp("/value/first/made", &made);
    ASSERT_STATUS(compare_set(NULL, "not mine", &other), CORRAL_ECONFLICT);
    CU_ASSERT(memcmp(&made, &other, sizeof made) == 0);
    ASSERT_ZNODE("/value/first/made", "mine");
}

static void only_the_expected_state(void)
{
    corral_stamp first, second, third = {0}, actual = {0};

    setting = fixture_value("/value/expected");
    first = set("one");
    REQUIRE_STATUS(compare_set(&first, "two", &second), CORRAL_OK);
    assert_stamp("/value/expected", &second);
    ASSERT_STATUS(compare_set(&first, "three", &actual), CORRAL_ECONFLICT);
    CU_ASSERT(memcmp(&actual, &second, sizeof actual) == 0);
    ASSERT_ZNODE("/value/expected", "two");
    /* What another program has done, also what looks the same. */
    REQUIRE(raw_set(server_raw(), "/value/expected", "two", 3) == ZOK);
    ASSERT_STATUS(compare_set(&second, "three", &actual), CORRAL_ECONFLICT);
    assert_stamp("/value/expected", &actual);
    REQUIRE_STATUS(compare_set(&actual, "three", &third), CORRAL_OK);
    ASSERT_INT64(third.version, 3);
    ASSERT_ZNODE("/value/expected", "three");
    /* The mzxid alone tells. */
    ASSERT_STATUS(compare_set(&(corral_stamp){.mzxid = third.mzxid}, "four", NULL), CORRAL_OK);
}

static void one_round_trip_where_it_is_known(void)
{
    corral_stamp stamp;
    uint64_t requests;

    setting = fixture_value("/value/trips");
    stamp = set("0");
    REQUIRE_STATUS(compare_set(&stamp, "1", &stamp), CORRAL_OK);
    requests = proxy_count(through, PROXY_REQUESTS);
    REQUIRE_STATUS(compare_set(&stamp, "2", &stamp), CORRAL_OK);
    stamp = set("3");
    REQUIRE_STATUS(compare_set(&stamp, "4", &stamp), CORRAL_OK);
    /* Each is looked at once more where this has taken a second. */
    CU_ASSERT(proxy_count(through, PROXY_REQUESTS) - requests <= 3 + 2 * 2);
    printf("%llu requests for 3 changes ",
           (unsigned long long)(proxy_count(through, PROXY_REQUESTS) - requests));
    ASSERT_ZNODE("/value/trips", "4");
}

/* Made anew, with the version that it had. */
static void another_incarnation(void)
{
    corral_client *elsewhere = server_client(server_connect());
    corral_value *theirs = NULL;
    corral_stamp stamp, actual = {0};

    setting = fixture_value("/value/incarnation");
    REQUIRE_STATUS(corral_value_open(elsewhere, "/value/incarnation", NULL, &theirs), CORRAL_OK);
    for (unsigned i = 0; i < testing_scaled(50); i++) {
        stamp = set("mine");
        REQUIRE_STATUS(compare_set(&stamp, "mine again", &stamp), CORRAL_OK);
        ASSERT_STATUS(corral_value_destroy(theirs, CORRAL_FOREVER), CORRAL_OK);
        while (actual.version != stamp.version || actual.mzxid < stamp.mzxid) {
            REQUIRE_STATUS(corral_value_set(theirs, "theirs", 6, CORRAL_FOREVER, &actual), CORRAL_OK);
        }
        ASSERT_STATUS(compare_set(&stamp, "lost", &actual), CORRAL_ECONFLICT);
        assert_stamp("/value/incarnation", &actual);
        ASSERT_ZNODE("/value/incarnation", "theirs");
        ASSERT_STATUS(corral_value_destroy(theirs, CORRAL_FOREVER), CORRAL_OK);
        ASSERT_STATUS(compare_set(&stamp, "lost", &actual), CORRAL_ENOENT);
    }
    ASSERT_STATUS(corral_value_close(theirs), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(elsewhere), CORRAL_OK);
}

static void past_the_last_version(void)
{
    corral_stamp stamp = {0};

    setting = fixture_value(aged_paths[0]);
    assert_get("old", &stamp);
    ASSERT_INT64(stamp.version, -2);
    REQUIRE_STATUS(compare_set(&stamp, "new", &stamp), CORRAL_OK);
    CU_ASSERT(stamp.version == 0 || stamp.version == 1);
    assert_stamp(aged_paths[0], &stamp);
    ASSERT_ZNODE(aged_paths[0], "new");
    REQUIRE_STATUS(compare_set(&stamp, "newer", &stamp), CORRAL_OK);
    ASSERT_ZNODE(aged_paths[0], "newer");
}

static void at_the_version_that_matches_any(void)
{
    corral_stamp stamp = {0}, other = {.mzxid = 1};

    setting = fixture_value(aged_paths[1]);
    assert_get("old", &stamp);
    ASSERT_INT64(stamp.version, -1);
    ASSERT_STATUS(compare_set(&stamp, "new", NULL), CORRAL_EEXHAUSTED);
    ASSERT_STATUS(compare_set(&other, "new", &other), CORRAL_ECONFLICT);
    ASSERT_INT64(other.mzxid, stamp.mzxid);
    ASSERT_ZNODE(aged_paths[1], "old");
    stamp = set("newer");
    REQUIRE_STATUS(compare_set(&stamp, "newest", NULL), CORRAL_OK);
}

/* --- destroy --- */

static void destroyed_and_made_anew(void)
{
    corral_stamp first, second;

    setting = fixture_value("/value/destroyed");
    first = set("one");
    ASSERT_STATUS(corral_value_destroy(setting, CORRAL_FOREVER), CORRAL_OK);
    ASSERT_INT64(raw_exists(server_raw(), "/value/destroyed", NULL), ZNONODE);
    second = set("two");
    CU_ASSERT(second.czxid > first.mzxid);
    ASSERT_INT64(second.version, 0);
    REQUIRE(raw_create(server_raw(), "/value/destroyed/child", "", 0) == ZOK);
    ASSERT_STATUS(corral_value_destroy(setting, CORRAL_FOREVER), CORRAL_ECONFLICT);
    assert_stamp("/value/destroyed", &second);
}

/* --- who may not --- */

static void access_refused(void)
{
    struct ACL read_only = {.perms = ZOO_PERM_READ | ZOO_PERM_ADMIN, .id = {"world", "anyone"}};
    const struct ACL_vector acl = {.count = 1, .data = &read_only};
    corral_op *op = NULL;

    server_put("/value/locked", "theirs");
    REQUIRE(raw_set_acl(server_raw(), "/value/locked", &acl) == ZOK);
    setting = fixture_value("/value/locked");
    REQUIRE_STATUS(corral_value_set_async(setting, "mine", 4, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_EACCES);
    CU_ASSERT_STRING_EQUAL(corral_op_path(op), "/value/locked");
    corral_op_unref(op);
    ASSERT_STATUS(corral_value_close(setting), CORRAL_OK);
    setting = fixture_value("/value/locked/child");
    ASSERT_STATUS(compare_set(NULL, "mine", NULL), CORRAL_EACCES);
    ASSERT_ZNODE("/value/locked", "theirs");
}

static void reading_refused(void)
{
    struct ACL entry = {.perms = ZOO_PERM_ALL & ~ZOO_PERM_READ, .id = {"world", "anyone"}};
    const struct ACL_vector acl = {.count = 1, .data = &entry};
    void *data = NULL;
    size_t length = 0;
    corral_stamp stamp;

    setting = fixture_value("/value/secret");
    stamp = set("one");
    REQUIRE(raw_set_acl(server_raw(), "/value/secret", &acl) == ZOK);
    for (corral_read level = CORRAL_READ_LOCAL; level <= CORRAL_READ_LINEARIZABLE; level++) {
        ASSERT_STATUS(corral_value_get(setting, level, CORRAL_FOREVER, &data, &length, NULL), CORRAL_EACCES);
    }
    CU_ASSERT_PTR_NULL(data);
    /* Who compares reads, who sets does not. */
    ASSERT_STATUS(compare_set(&stamp, "two", &stamp), CORRAL_EACCES);
    ASSERT_STATUS(compare_set(NULL, "two", &stamp), CORRAL_EACCES);
    stamp = set("two");
    REQUIRE(raw_set_acl(server_raw(), "/value/secret", &ZOO_OPEN_ACL_UNSAFE) == ZOK);
    assert_get("two", NULL);
    ASSERT_STATUS(compare_set(&stamp, "three", &stamp), CORRAL_OK);
    ASSERT_INT64(stamp.version, 2);
}

static void an_ephemeral_parent(void)
{
    REQUIRE(zoo_create(raw_handle(server_raw()), "/ephemeral", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL,
                       NULL, 0) == ZOK);
    setting = fixture_value("/ephemeral/value");
    ASSERT_STATUS(corral_value_set(setting, "x", 1, CORRAL_FOREVER, NULL), CORRAL_ENOTSUP);
}

static CU_TestInfo sets[] = {
    {"a set makes it, with parents", a_set_makes_it_with_parents},
    {"what is not there", what_is_not_there},
    {"any bytes, and none", any_bytes_and_none},
    {"the longest", the_longest},
    {"destroyed and made anew", destroyed_and_made_anew},
    {"access refused", access_refused},
    {"reading refused", reading_refused},
    {"an ephemeral parent", an_ephemeral_parent},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo compares[] = {
    {"the first one makes it", the_first_one_makes_it},
    {"only the expected state", only_the_expected_state},
    {"one round trip where it is known", one_round_trip_where_it_is_known},
    {"another incarnation", another_incarnation},
    {"past the last version", past_the_last_version},
    {"at the version that matches any", at_the_version_that_matches_any},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"set", NULL, NULL, setup, fixture_close, sets},
    {"compare_set", NULL, NULL, setup, fixture_close, compares},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

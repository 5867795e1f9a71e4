/**
 * What every public function makes of arguments that no correct program
 * passes. Needs no server: all of it is decided before anything is sent.
 */
#include <corral.h>

#include <stdlib.h>
#include <string.h>

#include "lib/net.h"
#include "lib/testing.h"

static net_hole nowhere;
static corral_client *client;
static corral_counter *counter;
static recorder results; /* of what must never call back */

static void setup(void)
{
    REQUIRE(net_hole_open(&nowhere, NET_REFUSES));
    REQUIRE_STATUS(corral_client_open(nowhere.servers, NULL, &client), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_open(client, "/arguments", NULL, &counter), CORRAL_OK);
    recorder_open(&results, 1);
}

static void teardown(void)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    ASSERT_INT64(recorder_calls(&results), 0);
    recorder_close(&results);
    net_hole_close(&nowhere);
}

static void status_functions_know_every_number(void)
{
#define CHECK_STATUS(name, value, class_, text)                                                              \
    CU_ASSERT_STRING_EQUAL(corral_status_name(CORRAL_##name), #name);                                        \
    CU_ASSERT_STRING_EQUAL(corral_strerror(CORRAL_##name), text);                                            \
    CU_ASSERT_EQUAL(corral_status_class(CORRAL_##name), CORRAL_CLASS_##class_);                              \
    ASSERT_INT64(CORRAL_##name, value);
    CORRAL_STATUS_MAP(CHECK_STATUS)
#undef CHECK_STATUS
    static const int unknown[] = {1, -1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        CU_ASSERT_STRING_EQUAL(corral_status_name(unknown[i]), "UNKNOWN");
        CU_ASSERT(corral_strerror(unknown[i]) != NULL);
        CU_ASSERT_EQUAL(corral_status_class(unknown[i]), CORRAL_CLASS_DEFINITE);
    }
}

static void null_is_harmless_to_close_and_unref(void)
{
    ASSERT_STATUS(corral_client_close(NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_close(NULL), CORRAL_OK);
    corral_op_unref(NULL);
}

static void client_functions_refuse_null(void)
{
    corral_client_stats stats;

    ASSERT_STATUS(corral_client_open(nowhere.servers, NULL, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_client_get_stats(NULL, &stats), CORRAL_EINVAL);
    ASSERT_STATUS(corral_client_get_stats(client, NULL), CORRAL_EINVAL);
    CU_ASSERT_EQUAL(corral_client_state(NULL), CORRAL_STATE_CLOSED);
}

static void op_functions_refuse_null(void)
{
    ASSERT_STATUS(corral_op_cancel(NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_op_wait(NULL, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_op_status(NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_op_cause(NULL), CORRAL_EINVAL);
    CU_ASSERT_STRING_EQUAL(corral_op_path(NULL), "");
}

static void counter_functions_refuse_null(void)
{
    corral_op *op = NULL;
    int64_t value = -1;
    record *r = &results.records[0];

    ASSERT_STATUS(corral_counter_open(NULL, "/x", NULL, &counter), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_open(client, NULL, NULL, &counter), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_open(client, "/x", NULL, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_add(NULL, 1, CORRAL_FOREVER, &value), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_get(NULL, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_set(NULL, 1, CORRAL_FOREVER, &value), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_compare_set(NULL, 1, 2, CORRAL_FOREVER, &value), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_destroy(NULL, CORRAL_FOREVER), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_add_async(NULL, 1, 0, record_int64, r, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_get_async(NULL, CORRAL_READ_LOCAL, 0, record_int64, r, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_set_async(NULL, 1, 0, record_int64, r, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_compare_set_async(NULL, 1, 2, 0, record_int64, r, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_destroy_async(NULL, 0, record_status, r, &op), CORRAL_EINVAL);
    ASSERT_INT64(value, -1);
    CU_ASSERT_PTR_NULL(op);
}

static void negative_timeouts_are_refused(void)
{
    static const int64_t timeouts[] = {-2, -1000, INT64_MIN};
    corral_op *op = NULL, *waiting = NULL;
    int64_t value = -1;
    record *r = &results.records[0];

    REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, NULL, NULL, &waiting), CORRAL_OK);
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        int64_t t = timeouts[i];

        ASSERT_STATUS(corral_counter_add(counter, 1, t, &value), CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, t, &value), CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_set(counter, 1, t, &value), CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_compare_set(counter, 1, 2, t, &value), CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_destroy(counter, t), CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_add_async(counter, 1, t, record_int64, r, &op), CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_get_async(counter, CORRAL_READ_LOCAL, t, record_int64, r, &op),
                      CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_set_async(counter, 1, t, record_int64, r, &op), CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_compare_set_async(counter, 1, 2, t, record_int64, r, &op),
                      CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_destroy_async(counter, t, record_status, r, &op), CORRAL_EINVAL);
        ASSERT_STATUS(corral_op_wait(waiting, t), CORRAL_EINVAL);
    }
    ASSERT_INT64(value, -1);
    CU_ASSERT_PTR_NULL(op);
    corral_op_unref(waiting);
}

static void unknown_read_levels_are_refused(void)
{
    static const int levels[] = {-1, 3, 1000};
    corral_op *op = NULL;
    int64_t value = -1;

    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        ASSERT_STATUS(corral_counter_get(counter, (corral_read)levels[i], 100, &value), CORRAL_EINVAL);
        ASSERT_STATUS(corral_counter_get_async(counter, (corral_read)levels[i], 100, record_int64,
                                               &results.records[0], &op),
                      CORRAL_EINVAL);
    }
    ASSERT_INT64(value, -1);
    CU_ASSERT_PTR_NULL(op);
}

/* "/x" and so on, of @length bytes in all. Static. */
static const char *long_path(size_t length)
{
    static char path[2048];

    memset(path, 'x', length);
    path[0] = '/';
    path[length] = '\0';
    return path;
}

static void bad_paths_are_refused(void)
{
    static const char *const bad[] = {
        "",
        "counter",
        "./counter",
        "/",
        "//",
        "//a",
        "/a//b",
        "/a/",
        "/a/b/",
        "/./a",
        "/a/./b",
        "/a/.",
        "/../a",
        "/a/../b",
        "/a/..",
        "/a\nb",
        "/a\tb",
        "/\x01",
        "/a\x1f/b",
        "/a\x7f",
        "/\xc2\x80",
        "/\xff",
        "/a\xc3",
        "/\xed\xa0\x80",
        "/\xef\xbf\xbf",
        "/\xc0\xaf",
        " /a",
        "/\xf0\x9f\x90\xb4",
        "/\xee\x80\x80",
    };
    corral_counter *unset = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!ASSERT_STATUS(corral_counter_open(client, bad[i], NULL, &unset), CORRAL_EINVAL)) {
            printf("path %zu \"%s\" ", i, bad[i]);
        }
    }
    ASSERT_STATUS(corral_counter_open(client, long_path(1024), NULL, &unset), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_open(client, long_path(2000), NULL, &unset), CORRAL_EINVAL);
    CU_ASSERT_PTR_NULL(unset);
}

static void unusual_paths_are_taken(void)
{
    static const char *const good[] = {
        "/a", "/a b", "/...", "/.a", "/a..", "/a,b:c?*", "/\xc3\xa9/\xe2\x82\xac",
    };
    corral_counter *made;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        made = NULL;
        if (!ASSERT_STATUS(corral_counter_open(client, good[i], NULL, &made), CORRAL_OK)) {
            printf("path \"%s\" ", good[i]);
        }
        corral_counter_close(made);
    }
    REQUIRE_STATUS(corral_counter_open(client, long_path(1023), NULL, &made), CORRAL_OK);
    corral_counter_close(made);
}

static void bad_counter_options_are_refused(void)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
    corral_counter *unset = NULL;

    options.version = 0;
    ASSERT_STATUS(corral_counter_open(client, "/x", &options, &unset), CORRAL_EINVAL);
    options.version = CORRAL_COUNTER_OPTIONS_VERSION + 1;
    ASSERT_STATUS(corral_counter_open(client, "/x", &options, &unset), CORRAL_EINVAL);
    options.version = CORRAL_COUNTER_OPTIONS_VERSION;
    options.flags = 0x80000000u;
    ASSERT_STATUS(corral_counter_open(client, "/x", &options, &unset), CORRAL_EINVAL);
    options.flags = CORRAL_COUNTER_AT_MOST_ONCE << 1;
    ASSERT_STATUS(corral_counter_open(client, "/x", &options, &unset), CORRAL_EINVAL);
    CU_ASSERT_PTR_NULL(unset);
}

static void bad_connect_strings_are_refused(void)
{
    static const char *const bad[] = {
        "",
        "host",
        "host:",
        ":2181",
        "host:0",
        "host:65536",
        "host:99999",
        "host:999999999999999999999",
        "host:-1",
        "host:+1",
        "host: 1",
        "host:1x",
        "host:port",
        ",",
        "host:1,",
        ",host:1",
        "host:1,,host:2",
        "host:1;host:2",
        "host:1 host:2",
        "ho st:1",
        "ho\tst:1",
        "/",
        "/chroot",
        "host/chroot",
        "host:2181//a",
        "host:2181/a/",
        "host:2181/a//b",
        "host:2181/a/../b",
        "host:2181/a\n",
        "::1:2181",
        "[]:2181",
        "[::1]",
        "[::1:2181",
    };
    corral_client *unset = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!ASSERT_STATUS(corral_client_open(bad[i], NULL, &unset), CORRAL_EINVAL)) {
            printf("servers \"%s\" ", bad[i]);
            corral_client_close(unset);
            unset = NULL;
        }
    }
}

/* Each of these changes one thing in good options. */
static void bad_client_options_are_refused(void)
{
    static const corral_auth no_scheme = {NULL, "u:p"}, empty_scheme = {"", "u:p"},
                             no_credential = {"digest", NULL};
    static const corral_acl entry = {CORRAL_PERM_ALL, "world", "anyone"};
    static const corral_acl no_perms = {0, "world", "anyone"}, odd_perms = {32, "world", "anyone"},
                            no_acl_scheme = {31, NULL, "anyone"}, no_id = {31, "world", NULL};
    const corral_client_options good = CORRAL_CLIENT_OPTIONS_INIT;
    corral_client_options bad[24];
    corral_client *unset = NULL;
    size_t n = 0;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bad[i] = good;
    }
    bad[n++].version = 0;
    bad[n++].version = CORRAL_CLIENT_OPTIONS_VERSION + 1;
    bad[n++].acl = (corral_acl_kind)17;
    bad[n++].acl = CORRAL_ACL_CREATOR_ALL; /* without credentials */
    bad[n++].acl = CORRAL_ACL_EXPLICIT;    /* without entries */
    bad[n].acl = CORRAL_ACL_EXPLICIT;
    bad[n++].acl_count = 1;
    bad[n].acl = CORRAL_ACL_EXPLICIT;
    bad[n++].acl_entries = &entry;
    static const corral_acl *const bad_entries[] = {&no_perms, &odd_perms, &no_acl_scheme, &no_id};
    for (size_t i = 0; i < sizeof bad_entries / sizeof *bad_entries; i++) {
        bad[n].acl = CORRAL_ACL_EXPLICIT;
        bad[n].acl_entries = bad_entries[i];
        bad[n++].acl_count = 1;
    }
    bad[n++].session_timeout_ms = -1;
    bad[n++].session_timeout_ms = (int64_t)INT32_MAX + 1;
    bad[n++].request_timeout_ms = -1;
    bad[n++].home = "corral";
    bad[n++].home = "";
    bad[n++].home = "/corral/";
    bad[n++].auth_count = 1;
    static const corral_auth *const bad_auth[] = {&no_scheme, &empty_scheme, &no_credential};
    for (size_t i = 0; i < sizeof bad_auth / sizeof *bad_auth; i++) {
        bad[n].auth = bad_auth[i];
        bad[n++].auth_count = 1;
    }
    bad[n++].log_level = (corral_log_level)17;

    for (size_t i = 0; i < n; i++) {
        if (!ASSERT_STATUS(corral_client_open(nowhere.servers, &bad[i], &unset), CORRAL_EINVAL)) {
            printf("options %zu ", i);
            corral_client_close(unset);
            unset = NULL;
        }
    }
}

static void the_environment_is_checked_as_well(void)
{
    corral_client *unset = NULL;

    setenv("CORRAL_SERVERS", "nonsense", 1);
    ASSERT_STATUS(corral_client_open(NULL, NULL, &unset), CORRAL_EINVAL);
    unsetenv("CORRAL_SERVERS");

    setenv("CORRAL_HOME", "nonsense", 1);
    ASSERT_STATUS(corral_client_open(nowhere.servers, NULL, &unset), CORRAL_EINVAL);
    unsetenv("CORRAL_HOME");

    setenv("CORRAL_AUTH", "nonsense", 1);
    ASSERT_STATUS(corral_client_open(nowhere.servers, NULL, &unset), CORRAL_EINVAL);
    setenv("CORRAL_AUTH", ":u:p", 1);
    ASSERT_STATUS(corral_client_open(nowhere.servers, NULL, &unset), CORRAL_EINVAL);
    unsetenv("CORRAL_AUTH");
    CU_ASSERT_PTR_NULL(unset);
}

static void an_empty_variable_is_an_unset_one(void)
{
    corral_client *opened = NULL;

    setenv("CORRAL_SERVERS", "", 1);
    setenv("CORRAL_HOME", "", 1);
    setenv("CORRAL_AUTH", "", 1);
    ASSERT_STATUS(corral_client_open(NULL, NULL, &opened), CORRAL_OK);
    corral_client_close(opened);
    unsetenv("CORRAL_SERVERS");
    unsetenv("CORRAL_HOME");
    unsetenv("CORRAL_AUTH");
}

static void the_version_is_told(void)
{
    int parts[3];

    CU_ASSERT_EQUAL(sscanf(corral_version(), "%d.%d.%d", &parts[0], &parts[1], &parts[2]), 3);
}

static CU_TestInfo tests[] = {
    {"status functions know every number", status_functions_know_every_number},
    {"NULL is harmless to close and unref", null_is_harmless_to_close_and_unref},
    {"client functions refuse NULL", client_functions_refuse_null},
    {"op functions refuse NULL", op_functions_refuse_null},
    {"counter functions refuse NULL", counter_functions_refuse_null},
    {"negative timeouts are refused", negative_timeouts_are_refused},
    {"unknown read levels are refused", unknown_read_levels_are_refused},
    {"bad paths are refused", bad_paths_are_refused},
    {"unusual paths are taken", unusual_paths_are_taken},
    {"bad counter options are refused", bad_counter_options_are_refused},
    {"bad connect strings are refused", bad_connect_strings_are_refused},
    {"bad client options are refused", bad_client_options_are_refused},
    {"the environment is checked as well", the_environment_is_checked_as_well},
    {"an empty variable is an unset one", an_empty_variable_is_an_unset_one},
    {"the version is told", the_version_is_told},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"arguments", NULL, NULL, setup, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}

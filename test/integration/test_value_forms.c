/**
 * The calls on values in all their forms: what they refuse, in which order they
 * are made and call back, from callbacks, with a descriptor, under a chroot, and
 * what subscribers see of them.
 */
#include <corral.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/loop.h"

enum { MANY = 300 };

static recorder results;

static void setup(void)
{
    fixture_open();
    recorder_open(&results, MANY);
}

static void teardown(void)
{
    fixture_close();
    recorder_close(&results);
}

/* --- arguments --- */

static void arguments_refused(void)
{
    corral_value_options wrong = {CORRAL_VALUE_OPTIONS_VERSION + 1};
    const corral_stamp none = {.mzxid = 0};
    corral_value *made = NULL;
    void *data = NULL;
    size_t length = 0;
    record *into = &results.records[0];

    ASSERT_STATUS(corral_value_open(NULL, "/a", NULL, &made), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_open(client, NULL, NULL, &made), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_open(client, "/a", NULL, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_open(client, "/a/", NULL, &made), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_open(client, "/a", &wrong, &made), CORRAL_EINVAL);
    CU_ASSERT_PTR_NULL(made);
    ASSERT_STATUS(corral_value_close(NULL), CORRAL_OK);
    corral_value_free(NULL);

    setting = fixture_value("/value-forms/arguments");
    ASSERT_STATUS(corral_value_get(NULL, CORRAL_READ_LOCAL, 0, &data, &length, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_get(setting, CORRAL_READ_LOCAL, 0, NULL, &length, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_get(setting, CORRAL_READ_LOCAL, 0, &data, NULL, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_get(setting, CORRAL_READ_LOCAL, -2, &data, &length, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_get(setting, (corral_read)3, 0, &data, &length, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_get_async(NULL, CORRAL_READ_LOCAL, 0, NULL, into, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_set(NULL, "", 0, 0, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_set(setting, NULL, 1, 0, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_set(setting, "", 0, -2, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_set_async(setting, NULL, 1, 0, record_stamp, into, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_compare_set(setting, &none, "", 0, 0, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_compare_set_async(setting, &none, "", 0, 0, record_stamp, into, NULL),
                  CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_destroy(NULL, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_destroy_async(setting, -2, record_status, into, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_subscribe(NULL, events_note, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_subscribe(setting, NULL, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_value_subscribe(setting, events_note, &noted, NULL), CORRAL_EINVAL);
    ASSERT_INT64(recorder_calls(&results), 0);
}

static void a_closed_client(void)
{
    corral_value *other = NULL;

    setting = fixture_value("/value-forms/closed");
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    ASSERT_STATUS(corral_value_set(setting, "x", 1, CORRAL_FOREVER, NULL), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_value_set_async(setting, "x", 1, 0, record_stamp, &results.records[0], NULL),
                  CORRAL_ECLOSED);
    ASSERT_STATUS(corral_value_subscribe(setting, events_note, &noted, &watch), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_value_close(setting), CORRAL_OK);
    setting = NULL;
    client = server_client(proxy_servers(through));
    REQUIRE_STATUS(corral_value_open(client, "/value-forms/closed", NULL, &other), CORRAL_OK);
    ASSERT_STATUS(corral_value_close(other), CORRAL_OK);
    ASSERT_INT64(recorder_calls(&results), 0);
}

/* --- order --- */

/* Changes of all kinds, all at once, are made in the order of their calls, and none is left out. */
static void changes_in_order(void)
{
    record last = {0};
    int32_t version = -1;

    setting = fixture_value("/value-forms/order");
    for (unsigned i = 0; i < MANY; i++) {
        record *into = &results.records[i];
        int status =
            i % 10 == 9 ? corral_value_destroy_async(setting, CORRAL_FOREVER, record_status, into, NULL)
            : i % 10 == 5
                ? corral_value_compare_set_async(setting, NULL, "no", 2, CORRAL_FOREVER, record_stamp, into,
                                                 NULL)
                : corral_value_set_async(setting, &i, sizeof i, CORRAL_FOREVER, record_stamp, into, NULL);

        REQUIRE_STATUS(status, CORRAL_OK);
    }
    REQUIRE(recorder_wait(&results, MANY));
    for (unsigned i = 0; i < MANY; i++) {
        record result = recorder_get(&results, i);

        ASSERT_INT64(result.order, i);
        if (i % 10 == 9) {
            ASSERT_STATUS(result.status, CORRAL_OK);
            version = -1;
        } else if (i % 10 == 5) {
            ASSERT_STATUS(result.status, CORRAL_ECONFLICT);
            CU_ASSERT(memcmp(&result.stamp, &last.stamp, sizeof last.stamp) == 0);
        } else {
            ASSERT_STATUS(result.status, CORRAL_OK);
            CU_ASSERT(result.stamp.mzxid > last.stamp.mzxid);
            ASSERT_INT64(result.stamp.version, ++version);
            last = result;
        }
    }
}

/* --- callbacks --- */

static struct {
    atomic_uint calls;
    int status, blocking, nested;
    char data[16];
    size_t length;
    corral_stamp stamp;
    record *into;
} told;

static void on_value(int status, const void *data, size_t length, const corral_stamp *stamp, void *arg)
{
    void *copy;
    size_t copied;

    told.status = status;
    told.length = length;
    told.stamp = *stamp;
    if (data != NULL && length < sizeof told.data) {
        memcpy(told.data, data, length + 1);
    }
    told.blocking = corral_value_get(arg, CORRAL_READ_LOCAL, CORRAL_FOREVER, &copy, &copied, NULL);
    told.nested =
        corral_value_set_async(arg, "from there", 10, CORRAL_FOREVER, record_stamp, told.into, NULL);
    atomic_fetch_add(&told.calls, 1);
}

static void reads_call_back(void)
{
    corral_stamp stamp = {0};
    corral_op *op = NULL;

    memset(&told, 0, sizeof told);
    told.into = &results.records[0];
    setting = fixture_value("/value-forms/callback");
    REQUIRE_STATUS(corral_value_set(setting, "here", 4, CORRAL_FOREVER, &stamp), CORRAL_OK);
    REQUIRE_STATUS(
        corral_value_get_async(setting, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, on_value, setting, &op),
        CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    corral_op_unref(op);
    ASSERT_INT64(atomic_load(&told.calls), 1);
    ASSERT_STATUS(told.status, CORRAL_OK);
    ASSERT_STATUS(told.blocking, CORRAL_EDEADLK);
    ASSERT_STATUS(told.nested, CORRAL_OK);
    ASSERT_INT64(told.length, 4);
    CU_ASSERT_STRING_EQUAL(told.data, "here");
    CU_ASSERT(memcmp(&told.stamp, &stamp, sizeof stamp) == 0);
    REQUIRE(recorder_wait(&results, 1));
    ASSERT_ZNODE("/value-forms/callback", "from there");
    /* Nobody to tell. */
    REQUIRE_STATUS(corral_value_get_async(setting, CORRAL_READ_LOCAL, CORRAL_FOREVER, NULL, NULL, &op),
                   CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_OK);
    corral_op_unref(op);
}

static void a_canceled_read(void)
{
    corral_op *op = NULL;

    memset(&told, 0, sizeof told);
    told.into = &results.records[0];
    setting = fixture_value("/value-forms/canceled");
    REQUIRE_STATUS(corral_value_set(setting, "here", 4, CORRAL_FOREVER, NULL), CORRAL_OK);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(
        corral_value_get_async(setting, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, on_value, setting, &op),
        CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    corral_op_unref(op);
    ASSERT_STATUS(told.status, CORRAL_ECANCELED);
    ASSERT_INT64(told.length, 0);
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, 1));
}

/* --- a descriptor --- */

static void with_a_descriptor(void)
{
    corral_stamp stamp = {0}, seen = {0};
    void *data = NULL;
    size_t length = 0;
    int status = 0;

    setting = fixture_value("/value-forms/descriptor");
    /* This thread waits, and it alone could run callbacks. */
    REQUIRE_STATUS(corral_value_set(setting, "one", 3, CORRAL_FOREVER, &stamp), CORRAL_OK);
    REQUIRE_STATUS(corral_value_compare_set(setting, &stamp, "two", 3, CORRAL_FOREVER, &stamp), CORRAL_OK);
    REQUIRE_STATUS(corral_value_get(setting, CORRAL_READ_SYNC, CORRAL_FOREVER, &data, &length, &seen),
                   CORRAL_OK);
    ASSERT_INT64(length, 3);
    CU_ASSERT_STRING_EQUAL(data, "two");
    CU_ASSERT(memcmp(&seen, &stamp, sizeof seen) == 0);
    corral_value_free(data);
    recorder_open(&results, 1);
    REQUIRE_STATUS(
        corral_value_set_async(setting, "three", 5, CORRAL_FOREVER, record_stamp, &results.records[0], NULL),
        CORRAL_OK);
    while (recorder_calls(&results) == 0) {
        loop_await_due();
        status = corral_client_dispatch(client);
        REQUIRE(status >= 0);
    }
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_OK);
    ASSERT_INT64(recorder_get(&results, 0).stamp.version, 2);
    ASSERT_STATUS(corral_value_destroy(setting, CORRAL_FOREVER), CORRAL_OK);
    recorder_close(&results);
}

/* --- subscribers --- */

static void subscribers_see_every_change(void)
{
    corral_stamp stamp = {0};

    setting = fixture_value("/value-forms/watched");
    REQUIRE_STATUS(corral_value_subscribe(setting, events_note, &noted, &watch), CORRAL_OK);
    REQUIRE(events_wait(&noted, 1));
    ASSERT_VALUE(&noted, 0, NULL);
    REQUIRE_STATUS(corral_value_set(setting, "one", 3, CORRAL_FOREVER, &stamp), CORRAL_OK);
    REQUIRE(events_wait_value(&noted, "one"));
    CU_ASSERT(events_last(&noted).stamp.mzxid == stamp.mzxid);
    REQUIRE_STATUS(corral_value_compare_set(setting, &stamp, "two", 3, CORRAL_FOREVER, &stamp), CORRAL_OK);
    REQUIRE(events_wait_value(&noted, "two"));
    /* The stamp of an event is one to expect. */
    stamp = events_last(&noted).stamp;
    REQUIRE_STATUS(corral_value_compare_set(setting, &stamp, "three", 5, CORRAL_FOREVER, NULL), CORRAL_OK);
    REQUIRE_STATUS(corral_value_destroy(setting, CORRAL_FOREVER), CORRAL_OK);
    /* It goes on without the handle. */
    ASSERT_STATUS(corral_value_close(setting), CORRAL_OK);
    setting = NULL;
    REQUIRE(events_wait_value(&noted, NULL));
    server_put("/value-forms/watched", "four");
    REQUIRE(events_wait_value(&noted, "four"));
    ASSERT_FORWARD(&noted);
    ASSERT_INT64(events_changes(&noted), 5);
}

/* --- a chroot --- */

static void under_a_chroot(void)
{
    char servers[300];
    corral_op *op = NULL;

    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    snprintf(servers, sizeof servers, "%s/value-forms-root/below", server_connect());
    client = server_client(servers);
    setting = fixture_value("/a/b");
    REQUIRE_STATUS(corral_value_set(setting, "rooted", 6, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_ZNODE("/value-forms-root/below/a/b", "rooted");
    REQUIRE_STATUS(corral_value_subscribe(setting, events_note, &noted, &watch), CORRAL_OK);
    REQUIRE(events_wait_value(&noted, "rooted"));
    REQUIRE(raw_create(server_raw(), "/value-forms-root/below/a/b/child", "", 0) == ZOK);
    REQUIRE_STATUS(corral_value_destroy_async(setting, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_ECONFLICT);
    CU_ASSERT_STRING_EQUAL(corral_op_path(op), "/a/b");
    corral_op_unref(op);
}

static CU_TestInfo forms[] = {
    {"arguments refused", arguments_refused}, {"a closed client", a_closed_client},
    {"changes in order", changes_in_order},   {"reads call back", reads_call_back},
    {"a canceled read", a_canceled_read},     {"subscribers see every change", subscribers_see_every_change},
    {"under a chroot", under_a_chroot},       CU_TEST_INFO_NULL,
};

static CU_TestInfo descriptor[] = {
    {"with a descriptor", with_a_descriptor},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"forms", NULL, NULL, setup, teardown, forms},
    {"descriptor", NULL, NULL, loop_open, fixture_close, descriptor},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

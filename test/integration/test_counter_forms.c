/**
 * Encodings and bounds.
 */
#include <corral/counter.h>

#include <stdio.h>
#include <string.h>

#include "lib/fixture.h"

static corral_counter *open_with(const char *path, corral_encoding encoding, int64_t min, int64_t max)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
    corral_counter *result = NULL;

    options.encoding = encoding;
    options.min = min;
    options.max = max;
    REQUIRE_STATUS(corral_counter_open(client, path, &options, &result), CORRAL_OK);
    return result;
}

static void begin(const char *path, corral_encoding encoding, int64_t min, int64_t max)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = open_with(path, encoding, min, max);
}

static void assert_bytes(const char *path, const char *bytes, int length)
{
    char found[64];
    struct Stat stat;

    REQUIRE(raw_get(server_raw(), path, found, sizeof found, &stat) == ZOK);
    ASSERT_INT64(stat.dataLength, length);
    CU_ASSERT(memcmp(found, bytes, (size_t)length) == 0);
}

static void assert_value(int64_t expected)
{
    int64_t value = ~expected;

    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

/* --- encodings --- */

static void int64_is_curators(void)
{
    begin("/forms/int64", CORRAL_ENCODING_INT64_BE, INT64_MIN, INT64_MAX);
    ASSERT_STATUS(corral_counter_set(counter, 0x0102030405060708, CORRAL_FOREVER, NULL), CORRAL_OK);
    assert_bytes("/forms/int64", "\1\2\3\4\5\6\7\10", 8);
    ASSERT_STATUS(corral_counter_set(counter, INT64_MIN, CORRAL_FOREVER, NULL), CORRAL_OK);
    assert_bytes("/forms/int64", "\200\0\0\0\0\0\0\0", 8);
    assert_value(INT64_MIN);
    ASSERT_STATUS(corral_counter_add(counter, -1, CORRAL_FOREVER, NULL), CORRAL_ERANGE);
    REQUIRE(raw_set(server_raw(), "/forms/int64", "\377\377\377\377\377\377\377\376", 8) == ZOK);
    assert_value(-2);
}

static void int32_is_curators(void)
{
    begin("/forms/int32", CORRAL_ENCODING_INT32_BE, INT64_MIN, INT64_MAX);
    ASSERT_STATUS(corral_counter_set(counter, 0x01020304, CORRAL_FOREVER, NULL), CORRAL_OK);
    assert_bytes("/forms/int32", "\1\2\3\4", 4);
    ASSERT_STATUS(corral_counter_set(counter, INT32_MAX, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_ERANGE);
    ASSERT_STATUS(corral_counter_set(counter, (int64_t)INT32_MAX + 1, CORRAL_FOREVER, NULL), CORRAL_ERANGE);
    assert_value(INT32_MAX);
    ASSERT_STATUS(corral_counter_set(counter, INT32_MIN, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, -1, CORRAL_FOREVER, NULL), CORRAL_ERANGE);
    REQUIRE(raw_set(server_raw(), "/forms/int32", "\377\377\377\376", 4) == ZOK);
    assert_value(-2);
}

static void assert_corrupt(const char *path, const char *bytes, int length)
{
    int64_t value = -1;

    REQUIRE(raw_set(server_raw(), path, bytes, length) == ZOK);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value),
                  CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_set(counter, 1, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_compare_set(counter, 1, 2, CORRAL_FOREVER, &value), CORRAL_ECORRUPT);
    ASSERT_INT64(value, -1);
    assert_bytes(path, bytes, length);
}

static void other_lengths_are_corrupt(void)
{
    static const int lengths[] = {0, 1, 3, 4, 5, 7, 8, 9};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char path[64];

        for (int encoding = CORRAL_ENCODING_INT64_BE; encoding <= CORRAL_ENCODING_INT32_BE; encoding++) {
            if (lengths[i] == (encoding == CORRAL_ENCODING_INT64_BE ? 8 : 4)) {
                continue;
            }
            snprintf(path, sizeof path, "/forms/length-%d-%d", encoding, lengths[i]);
            REQUIRE(raw_create(server_raw(), path, "", 0) == ZOK);
            begin(path, (corral_encoding)encoding, INT64_MIN, INT64_MAX);
            assert_corrupt(path, "\0\0\0\0\0\0\0\0\1", lengths[i]);
        }
    }
}

/* On one client they do not share what they know, on one znode they do not agree. */
static void encodings_do_not_mix(void)
{
    corral_counter *decimal = open_with("/forms/mixed", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);

    begin("/forms/mixed", CORRAL_ENCODING_INT64_BE, INT64_MIN, INT64_MAX);
    ASSERT_STATUS(corral_counter_set(decimal, 5, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_counter_add(decimal, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    ASSERT_ZNODE("/forms/mixed", "6");
    ASSERT_STATUS(corral_counter_close(decimal), CORRAL_OK);
}

/* --- bounds --- */

static void bounds_hold(void)
{
    int64_t value = -1;

    begin("/forms/bounds", CORRAL_ENCODING_DECIMAL, -2, 10);
    ASSERT_STATUS(corral_counter_add(counter, 11, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/forms/bounds", NULL), ZNONODE);
    ASSERT_STATUS(corral_counter_add(counter, 10, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 10);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_STATUS(corral_counter_add(counter, -13, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_STATUS(corral_counter_set(counter, -3, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_STATUS(corral_counter_compare_set(counter, 10, 11, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_INT64(value, 10);
    ASSERT_ZNODE("/forms/bounds", "10");
    ASSERT_STATUS(corral_counter_add(counter, -12, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, -2);
}

static void a_value_out_of_bounds_is_read_and_brought_back(void)
{
    int64_t value = -1;

    server_put("/forms/outside", "200");
    begin("/forms/outside", CORRAL_ENCODING_DECIMAL, 0, 100);
    assert_value(200);
    ASSERT_STATUS(corral_counter_add(counter, -10, CORRAL_FOREVER, &value), CORRAL_ERANGE);
    ASSERT_ZNODE("/forms/outside", "200");
    ASSERT_STATUS(corral_counter_add(counter, -150, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 50);
}

/* Handles with other bounds take part in the same batches. */
static void bounds_are_a_handles_own(void)
{
    corral_counter *narrow = open_with("/forms/own", CORRAL_ENCODING_DECIMAL, 0, 10);
    recorder results;

    begin("/forms/own", CORRAL_ENCODING_DECIMAL, INT64_MIN, INT64_MAX);
    ASSERT_STATUS(corral_counter_set(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    recorder_open(&results, 20);
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    for (unsigned i = 0; i < 20; i++) {
        REQUIRE_STATUS(corral_counter_add_async(i % 2 == 0 ? counter : narrow, 1, CORRAL_FOREVER,
                                                record_int64, &results.records[i], NULL),
                       CORRAL_OK);
    }
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, 20));
    for (unsigned i = 0; i < 20; i++) {
        /* The tenth brings it to 10; from then on only the wide handle counts. */
        ASSERT_STATUS(recorder_get(&results, i).status, i % 2 == 1 && i >= 10 ? CORRAL_ERANGE : CORRAL_OK);
    }
    assert_value(15);
    ASSERT_STATUS(corral_counter_close(narrow), CORRAL_OK);
    recorder_close(&results);
}

static void senseless_options_are_refused(void)
{
    static const struct {
        corral_encoding encoding;
        int64_t min, max;
    } senseless[] = {
        {CORRAL_ENCODING_DECIMAL, 1, 0},
        {CORRAL_ENCODING_DECIMAL, INT64_MAX, INT64_MIN},
        {CORRAL_ENCODING_INT32_BE, (int64_t)INT32_MIN - 1, 0},
        {CORRAL_ENCODING_INT32_BE, 0, (int64_t)INT32_MAX + 1},
        {CORRAL_ENCODING_INT32_BE, (int64_t)INT32_MAX + 1, INT64_MAX},
        {CORRAL_ENCODING_INT32_BE, INT64_MIN, (int64_t)INT32_MIN - 1},
        {(corral_encoding)3, INT64_MIN, INT64_MAX},
        {(corral_encoding)-1, INT64_MIN, INT64_MAX},
    };

    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
        corral_counter *unset = NULL;

        options.encoding = senseless[i].encoding;
        options.min = senseless[i].min;
        options.max = senseless[i].max;
        ASSERT_STATUS(corral_counter_open(client, "/forms/senseless", &options, &unset), CORRAL_EINVAL);
        CU_ASSERT_PTR_NULL(unset);
    }
}

static CU_TestInfo encodings[] = {
    {"int64 is Curator's", int64_is_curators},
    {"int32 is Curator's", int32_is_curators},
    {"other lengths are corrupt", other_lengths_are_corrupt},
    {"encodings do not mix", encodings_do_not_mix},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo bounds[] = {
    {"bounds hold", bounds_hold},
    {"a value out of bounds is read and brought back", a_value_out_of_bounds_is_read_and_brought_back},
    {"bounds are a handle's own", bounds_are_a_handles_own},
    {"senseless options are refused", senseless_options_are_refused},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"encodings", NULL, NULL, fixture_open, fixture_close, encodings},
    {"bounds", NULL, NULL, fixture_open, fixture_close, bounds},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * The test of the test. It is built with a copy of the library from which the
 * lane was left out, the way other libraries count: a lost reply is taken for
 * a lost race, and the add is made again. The very run that test_exactly_once
 * makes must then come out too high, with every add reporting success. If it
 * does not, the proxy loses nothing and that test proves nothing.
 */
#include <corral/counter.h>

#include <stdio.h>

#include "lib/server.h"
#include "lib/workers.h"

enum { ADDS = 2000, LOSE_EVERY = 20 };

static void without_the_lane_adds_are_counted_twice(void)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
    proxy *through = proxy_open(server_connect());
    proxy_rule rule = {.every = LOSE_EVERY};
    unsigned adds = testing_scaled(ADDS);
    corral_counter *counter = NULL;
    corral_client *client;
    workers_result result;
    int64_t value = -1;

    REQUIRE(through != NULL);
    client = server_client(proxy_servers(through));
    options.flags = CORRAL_COUNTER_AT_MOST_ONCE;
    REQUIRE_STATUS(corral_counter_open(client, "/toy", &options, &counter), CORRAL_OK);
    proxy_cut(through, PROXY_AFTER, &rule);
    result = workers_add(&counter, 1, adds);
    proxy_cut(through, PROXY_AFTER, NULL);
    ASSERT_STATUS(result.failure, CORRAL_OK);
    ASSERT_INT64(result.uncertain, 0);
    ASSERT_INT64(result.succeeded, adds);
    REQUIRE(raw_get_number(server_raw(), "/toy", &value) == ZOK);
    printf("%u adds made %lld of it, %llu replies lost ", adds, (long long)value,
           (unsigned long long)proxy_count(through, PROXY_CUT_AFTER));
    CU_ASSERT(value > adds);
    ASSERT_INT64(value, adds + proxy_count(through, PROXY_CUT_AFTER));
    workers_free(&result);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    proxy_close(through);
}

static CU_TestInfo tests[] = {
    {"without the lane adds are counted twice", without_the_lane_adds_are_counted_twice},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"toy", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

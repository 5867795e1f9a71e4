/**
 * Each request of a client's life, from its first to its last, lost once: the
 * same life is lived again and again, and the k-th time the k-th request, or
 * the reply to it, is lost. All results must be as if nothing had happened.
 */
#include <corral/counter.h>

#include <stdio.h>

#include "lib/server.h"

enum { STEPS_MAX = 200 };

static proxy *through;

static void setup(void)
{
    through = proxy_open(server_connect());
    REQUIRE(through != NULL);
}

static void teardown(void)
{
    proxy_close(through);
}

static bool match_any(const wire_request *request, void *arg)
{
    (void)request;
    (void)arg;
    return true;
}

/* All there is to do with a counter below @root, which does not exist yet. */
static void live(const char *root)
{
    char path[128];
    corral_client *client = server_client(proxy_servers(through));
    corral_counter *counter = NULL;
    int64_t value = -1;

    snprintf(path, sizeof path, "%s/deep/counter", root);
    REQUIRE_STATUS(corral_counter_open(client, path, NULL, &counter), CORRAL_OK);
    ASSERT_STATUS(corral_counter_compare_set(counter, 0, 1, CORRAL_FOREVER, &value), CORRAL_ENOENT);
    ASSERT_STATUS(corral_counter_add(counter, 5, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 5);
    ASSERT_STATUS(corral_counter_add(counter, 2, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 7);
    ASSERT_STATUS(corral_counter_set(counter, 20, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 7);
    ASSERT_STATUS(corral_counter_compare_set(counter, 20, 30, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 20);
    ASSERT_STATUS(corral_counter_compare_set(counter, 20, 40, CORRAL_FOREVER, &value), CORRAL_ECONFLICT);
    ASSERT_INT64(value, 30);
    for (int level = CORRAL_READ_LOCAL; level <= CORRAL_READ_LINEARIZABLE; level++) {
        ASSERT_STATUS(corral_counter_get(counter, (corral_read)level, CORRAL_FOREVER, &value), CORRAL_OK);
        ASSERT_INT64(value, 30);
    }
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_OK);
    ASSERT_STATUS(corral_counter_destroy(counter, CORRAL_FOREVER), CORRAL_ENOENT);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 1);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    ASSERT_ZNODE(path, "1");
}

/* Live once for each request there is, until the one to be lost is not reached. */
static void lose_each(proxy_place place, const char *name, void (*on_cut)(void *), void *on_cut_arg)
{
    proxy_counter counter = place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE;
    unsigned failures = CU_get_number_of_failures(), step = 0;
    uint64_t lost;

    do {
        proxy_rule rule = {.match = match_any,
                           .every = ++step,
                           .count = 1,
                           .failed_too = true,
                           .on_cut = on_cut,
                           .on_cut_arg = on_cut_arg};
        char root[64];

        lost = proxy_count(through, counter);
        snprintf(root, sizeof root, "/steps/%s-%u", name, step);
        proxy_cut(through, place, &rule);
        live(root);
        proxy_cut(through, place, NULL);
        lost = proxy_count(through, counter) - lost;
        ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 0);
        if (CU_get_number_of_failures() != failures) {
            printf("request %u of a life was lost ", step);
            failures = CU_get_number_of_failures();
        }
    } while (lost > 0 && step < STEPS_MAX);
    printf("%u steps ", step - 1);
    CU_ASSERT(step > 15 && step < STEPS_MAX);
}

static void each_request_lost(void)
{
    lose_each(PROXY_BEFORE, "before", NULL, NULL);
}

static void each_reply_lost(void)
{
    lose_each(PROXY_AFTER, "after", NULL, NULL);
}

static void end_session(void *arg)
{
    int64_t session;
    char password[16];

    (void)arg;
    /* It fails when the request was the end of the session itself. */
    if (proxy_session(through, &session, password)) {
        raw_expire(server_connect(), session, password);
    }
}

static void each_request_lost_and_the_session(void)
{
    lose_each(PROXY_BEFORE, "session-before", end_session, NULL);
}

static void each_reply_lost_and_the_session(void)
{
    lose_each(PROXY_AFTER, "session-after", end_session, NULL);
}

static CU_TestInfo tests[] = {
    {"each request lost", each_request_lost},
    {"each reply lost", each_reply_lost},
    {"each request lost and the session", each_request_lost_and_the_session},
    {"each reply lost and the session", each_reply_lost_and_the_session},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"steps", NULL, NULL, setup, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

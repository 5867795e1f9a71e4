/**
 * The lane sweep through faults: whatever is forbidden, lost or lacking does no
 * harm, a later round finishes the work, and no close waits for one.
 */
#include <corral/counter.h>

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "lib/sweeping.h"

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    sweeping_close();
}

static void set_acl(const char *path, const struct ACL_vector *acl)
{
    REQUIRE(raw_set_acl(server_raw(), path, acl) == ZOK);
}

static struct ACL_vector all_but(int32_t perms, struct ACL *entry)
{
    *entry = (struct ACL){.perms = ZOO_PERM_ALL & ~perms, .id = {.scheme = "world", .id = "anyone"}};
    return (struct ACL_vector){.count = 1, .data = entry};
}

static void what_is_forbidden_is_left(void)
{
    static const char other[] = WRITERS "/00000000000000000000000000000001";
    struct ACL entry;
    struct ACL_vector no_create = all_but(ZOO_PERM_CREATE, &entry);

    sweeping_make_crashed(CRASHED, 1);
    sweeping_make_crashed(other, 1);
    set_acl(CRASHED, &no_create);
    sweeping_begin(1, SOON_MS);
    sweeping_await_gone(other);
    sweeping_await(LEFT_ALONE, 1);
    CU_ASSERT(sweeping_exists(CRASHED "/0"));
    set_acl(CRASHED, &ZOO_OPEN_ACL_UNSAFE);
    sweeping_await_gone(CRASHED);
}

static void a_mark_that_cannot_be_set_ends_it(void)
{
    struct ACL entry;
    struct ACL_vector no_write = all_but(ZOO_PERM_WRITE, &entry);

    sweeping_make_crashed(CRASHED, 1);
    REQUIRE(raw_create(server_raw(), MARK, "", 0) == ZOK);
    set_acl(MARK, &no_write);
    sweeping_begin(1, SOON_MS);
    sweeping_await(GIVEN_UP, 2);
    CU_ASSERT(sweeping_exists(CRASHED "/0"));
    sweeping_assert_add(counter, 1);
    set_acl(MARK, &ZOO_OPEN_ACL_UNSAFE);
    sweeping_await_gone(CRASHED);
}

static bool sweeps(const wire_request *request, void *arg)
{
    (void)arg;
    return wire_changes_below(request, MARK) || wire_changes_below(request, CRASHED);
}

/* In any round one request is not answered: the round ends, and another finishes the work. */
static void lose(proxy_place place)
{
    proxy_rule rule = {.match = sweeps, .every = 3, .failed_too = true};

    sweeping_make_crashed(CRASHED, 6);
    proxy_cut(through, place, &rule);
    sweeping_begin(1, SOON_MS);
    sweeping_await_gone(CRASHED);
    CU_ASSERT(proxy_count(through, place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE) > 0);
    proxy_cut(through, place, NULL);
}

static void lost_requests_do_no_harm(void)
{
    lose(PROXY_BEFORE);
}

static void lost_replies_do_no_harm(void)
{
    lose(PROXY_AFTER);
}

static void new_sessions_do_no_harm(void)
{
    sweeping_make_crashed(CRASHED, 4);
    sweeping_begin(1, SOON_MS);
    for (int i = 0; i < 4; i++) {
        sweeping_assert_add(counter, i + 1);
        REQUIRE(server_expire(through));
    }
    sweeping_await_gone(CRASHED);
}

/* At whatever point of a round. */
static void closing_in_between_does_no_harm(void)
{
    enum { POINTS = 24 };
    char path[128];

    for (uint64_t i = 0; i < POINTS; i++) {
        uint64_t before;

        if (!sweeping_exists(CRASHED)) {
            sweeping_make_crashed(CRASHED, 3);
        }
        before = proxy_count(through, PROXY_REQUESTS);
        sweeping_begin(1, 16);
        REQUIRE(proxy_wait(through, PROXY_REQUESTS, before + 6 + i, TESTING_PATIENCE_MS));
        ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
        client = NULL;
        ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
        counter = NULL;
        CU_ASSERT(!sweeping_exists(CRASHED) ||
                  (sweeping_find_writer(path, sizeof path) && strcmp(path, CRASHED) == 0));
    }
}

/* On the proxy's thread: wait until the client is being closed. */
static bool wait_for_close(const wire_request *request, void *arg)
{
    if (!wire_changes_below(request, CRASHED)) {
        return false;
    }
    if (atomic_fetch_add((atomic_uint *)arg, 1) == 0) {
        while (corral_counter_get_async(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, NULL, NULL, NULL) ==
               CORRAL_OK) {
            usleep(POLL_US);
        }
    }
    return false;
}

static void closing_ends_a_round(void)
{
    atomic_uint changes = 0;
    proxy_rule rule = {.match = wait_for_close, .match_arg = &changes};
    uint64_t before;

    sweeping_make_crashed(CRASHED, 5);
    proxy_cut(through, PROXY_BEFORE, &rule);
    sweeping_begin(1, 16);
    while (atomic_load(&changes) == 0) {
        usleep(POLL_US);
    }
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    proxy_cut(through, PROXY_BEFORE, NULL);
    ASSERT_INT64(atomic_load(&changes), 1); /* what was under way */
    ASSERT_INT64(raw_count_below(server_raw(), CRASHED), 4);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    /* And none begins while it takes its leave, which it tries for two seconds. */
    sweeping_begin(1, 4000);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    before = proxy_count(through, PROXY_WRITES);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_INT64(proxy_count(through, PROXY_WRITES) - before, 1); /* its lane's deletion */
    proxy_hold(through, 0);
}

/* A request is under way that the server does not answer, or is held until there is a connection. */
static void closing_waits_for_no_sweep(void)
{
    proxy_rule rule = {.match = sweeps, .count = 1};

    sweeping_make_crashed(CRASHED, 3);
    sweeping_begin(HOUR_MS, 16);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE(
        proxy_wait(through, PROXY_REQUESTS, proxy_count(through, PROXY_REPLIES) + 1, TESTING_PATIENCE_MS));
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    proxy_hold(through, 0);
    rule.on_cut = sweeping_ignore_connections;
    rule.on_cut_arg = through;
    proxy_cut(through, PROXY_BEFORE, &rule);
    sweeping_begin(1, 16);
    REQUIRE(proxy_wait(through, PROXY_CUT_BEFORE, 1, TESTING_PATIENCE_MS));
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    CU_ASSERT(sweeping_exists(CRASHED "/0"));
}

static void no_memory_does_no_harm(void)
{
    sweeping_begin(1, 16);
    for (unsigned long nth = 1; nth <= 30; nth++) {
        sweeping_make_crashed(CRASHED, 2);
        corrali_alloc_fail_from(nth);
        usleep(10000); /* it tries what it can */
        corrali_alloc_fail_from(0);
        sweeping_await_gone(CRASHED);
    }
}

static CU_TestInfo failure_tests[] = {
    {"what is forbidden is left", what_is_forbidden_is_left},
    {"a mark that cannot be set ends it", a_mark_that_cannot_be_set_ends_it},
    {"lost requests do no harm", lost_requests_do_no_harm},
    {"lost replies do no harm", lost_replies_do_no_harm},
    {"new sessions do no harm", new_sessions_do_no_harm},
    {"closing in between does no harm", closing_in_between_does_no_harm},
    {"closing ends a round", closing_ends_a_round},
    {"closing waits for no sweep", closing_waits_for_no_sweep},
    {"no memory does no harm", no_memory_does_no_harm},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"failures", NULL, NULL, sweeping_open, teardown, failure_tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

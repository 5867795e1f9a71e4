/**
 * SNOWFLAKE when replies are lost, sessions end, znodes vanish and memory runs
 * out: no number twice, and no lease left behind.
 */
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "lib/fixture.h"
#include "lib/generator.h"
#include "lib/locking.h"
#include "lib/loop.h"
#include "lib/snowflakes.h"

static char path[64];    /* each test's own */
static char workers[80]; /* what is below it: marks and leases */
static corral_client *other;

static void new_path(void)
{
    static unsigned number;

    snprintf(path, sizeof path, "/snowfaults/%u", number++);
    snprintf(workers, sizeof workers, "%s/workers", path);
}

static void setup(void)
{
    new_path();
    fixture_open();
    other = server_client(server_connect());
}

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    proxy_admit(through, PROXY_ACCEPT);
    ASSERT_STATUS(corral_client_close(other), CORRAL_OK);
    fixture_close();
}

/* Nobody has a worker's number of the generator any more. */
static void assert_no_lease_soon(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    corral_ids_worker *list = NULL;
    size_t count = 1;

    options.kind = CORRAL_IDS_STORED;
    corral_ids *ids = generator_open_with(other, path, options);

    while (count > 0 && testing_now_ms() < until) {
        REQUIRE_STATUS(corral_ids_workers(ids, TESTING_PATIENCE_MS, &list, &count), CORRAL_OK);
        corral_ids_workers_free(list);
    }
    ASSERT_INT64(count, 0);
    snowflakes_close(ids);
}

/* --- lost replies --- */

/* What a handle changes in its life: the generator, PATH/workers, lease, mark, its moving; then giving back.
 */
enum { CHANGES = 6 };

/* Cut at the @nth change of the generator or below. */
static void live_through_a_cut(proxy_place place, unsigned nth)
{
    proxy_rule rule = {
        .match = locking_changes_below, .match_arg = path, .every = nth, .count = 1, .failed_too = true};
    proxy_counter which = place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE;
    uint64_t cuts = proxy_count(through, which);
    corral_ids_options options = snowflakes_options(10, 12);

    proxy_cut(through, place, &rule);
    corral_ids *ids = generator_open_with(client, path, options);
    uint64_t first = generator_next(ids);
    uint64_t second = generator_next(ids);
    CU_ASSERT(second > first);
    ASSERT_INT64(snowflakes_decode(first, options).worker, 0); /* nothing was given up */
    ASSERT_BELOW_SOON(workers, 2);
    snowflakes_close(ids);
    ASSERT_BELOW_SOON(workers, 1);
    CU_ASSERT_TRUE(proxy_wait(through, which, cuts + 1, TESTING_PATIENCE_MS));
    ASSERT_INT64(snowflakes_mark(path, 0), snowflakes_decode(second, options).time_ms + 1);
    proxy_cut(through, place, NULL);
    ids = generator_open_with(other, path, options);
    CU_ASSERT(generator_next(ids) > second);
    snowflakes_close(ids);
    new_path();
}

static void replies_are_lost(void)
{
    for (unsigned nth = 1; nth <= CHANGES; nth++) {
        live_through_a_cut(PROXY_AFTER, nth);
    }
}

static void requests_are_lost(void)
{
    for (unsigned nth = 1; nth <= CHANGES; nth++) {
        live_through_a_cut(PROXY_BEFORE, nth);
    }
}

/* Each change that is made is made again: the generator's, and five below. */
static void every_reply_is_lost(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    proxy_rule rule = {.match = locking_changes_below, .match_arg = path};

    proxy_cut(through, PROXY_AFTER, &rule);
    corral_ids *ids = generator_open_with(client, path, options);
    uint64_t id = generator_next(ids);
    ASSERT_INT64(snowflakes_decode(id, options).worker, 0);
    snowflakes_close(ids);
    ASSERT_BELOW_SOON(workers, 1);
    CU_ASSERT(proxy_count(through, PROXY_CUT_AFTER) >= 5);
    ASSERT_INT64(snowflakes_mark(path, 0), snowflakes_decode(id, options).time_ms + 1);
}

/* While the reply is lost somebody else moves the mark: it is not ours any more, whatever time it shows. */
static void move_the_mark(void *moved)
{
    raw *direct = raw_open(server_connect());
    char mark[96], data[64] = "";

    snprintf(mark, sizeof mark, "%s/0", workers);
    *(bool *)moved = direct != NULL && raw_get(direct, mark, data, sizeof data, NULL) == ZOK &&
                     raw_set(direct, mark, data, (int)strcspn(data, " ") + 1) == ZOK;
    raw_close(direct);
}

static void a_lost_move_is_overtaken(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    bool moved = false;
    proxy_rule rule = {.match = locking_changes_below,
                       .match_arg = path,
                       .every = 5, /* the mark's moving */
                       .count = 1,
                       .failed_too = true,
                       .on_cut = move_the_mark,
                       .on_cut_arg = &moved};

    proxy_cut(through, PROXY_AFTER, &rule);
    corral_ids *ids = generator_open_with(client, path, options);
    ASSERT_INT64(snowflakes_decode(generator_next(ids), options).worker, 1);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 1);
    CU_ASSERT_TRUE(moved);
    ASSERT_BELOW_SOON(workers, 3); /* the lease of 0 is given back */
    snowflakes_close(ids);
    ASSERT_BELOW_SOON(workers, 2);
}

/* --- the end of sessions --- */

/* The client is cut off, as a process that stands still is, and the server ends its session. */
static void let_the_session_end(void)
{
    int64_t session;
    char password[16];

    REQUIRE(proxy_session(through, &session, password));
    proxy_admit(through, PROXY_IGNORE);
    proxy_cut_all(through);
    REQUIRE(raw_expire(server_connect(), session, password));
}

/* Who has lost its session goes on to the end of its window, and the next one begins behind that. */
static void the_next_owner_begins_behind_the_mark(void)
{
    corral_ids_options options = snowflakes_options(1, 12);
    uint64_t id = 0, last = 0;

    options.clock_wait_ms = TESTING_PATIENCE_MS;
    corral_ids *ours = generator_open_with(client, path, options);
    ASSERT_INT64(snowflakes_decode(generator_next(ours), options).worker, 0);
    corral_ids *beside = generator_open_with(other, path, options); /* has the only other number */
    (void)generator_next(beside);
    corral_ids *theirs = generator_open_with(other, path, options);
    let_the_session_end();
    int64_t mark = snowflakes_mark(path, 0);
    while (corral_ids_next(ours, 1, &id) == CORRAL_OK) {
        last = id;
    }
    CU_ASSERT(last > 0 && snowflakes_decode(last, options).time_ms < mark);
    uint64_t first = generator_next(theirs);
    ASSERT_INT64(snowflakes_decode(first, options).worker, 0);
    CU_ASSERT(snowflakes_decode(first, options).time_ms >= mark);
    CU_ASSERT(first > last);
    /* We are back, and all numbers are taken. */
    proxy_admit(through, PROXY_ACCEPT);
    ASSERT_STATUS(corral_ids_next(ours, 20000, &id), CORRAL_EBUSY);
    snowflakes_close(theirs);
    CU_ASSERT(generator_next(ours) > last);
    snowflakes_close(ours);
    snowflakes_close(beside);
}

/* The session ends under somebody who does not stop asking: they get another number, with no break in the
 * order. */
static void a_new_session_brings_a_new_number(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    corral_ids *ids = generator_open_with(client, path, options);
    uint64_t last = generator_next(ids);
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    char lease[80];
    struct Stat before, after = {.ephemeralOwner = 0};

    snprintf(lease, sizeof lease, "%s/workers/0.lease", path);
    REQUIRE(raw_exists(server_raw(), lease, &before) == ZOK);
    REQUIRE(server_expire(through));
    bool increasing = true, renewed = false;
    while (!renewed && testing_now_ms() < until) {
        uint64_t id = generator_next(ids);

        increasing = increasing && id > last;
        last = id;
        snprintf(lease, sizeof lease, "%s/workers/%u.lease", path, snowflakes_decode(id, options).worker);
        renewed =
            raw_exists(server_raw(), lease, &after) == ZOK && after.ephemeralOwner != before.ephemeralOwner;
    }
    CU_ASSERT_TRUE(increasing);
    CU_ASSERT_TRUE(renewed);
    snowflakes_close(ids);
}

/* --- what others do --- */

static void a_lease_that_was_deleted_is_made_anew(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    corral_ids *ids = generator_open_with(client, path, options);
    uint64_t last = generator_next(ids);
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    char lease[80];

    snprintf(lease, sizeof lease, "%s/workers/0.lease", path);
    REQUIRE(raw_delete(server_raw(), lease) == ZOK);
    bool increasing = true, renewed = false;
    while (!renewed && testing_now_ms() < until) {
        corral_ids_worker *list = NULL;
        size_t count = 0;
        uint64_t id = generator_next(ids);

        increasing = increasing && id > last;
        last = id;
        REQUIRE_STATUS(corral_ids_workers(ids, TESTING_PATIENCE_MS, &list, &count), CORRAL_OK);
        renewed = count == 1;
        corral_ids_workers_free(list);
    }
    CU_ASSERT_TRUE(increasing);
    CU_ASSERT_TRUE(renewed);
    snowflakes_close(ids);
}

/* Another generator in the place of the first one is not ours. */
static void a_generator_made_anew_is_noticed(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    corral_ids *ids = generator_open_with(client, path, options);
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    int status = CORRAL_OK;
    uint64_t id = generator_next(ids);

    REQUIRE(raw_delete_below(server_raw(), path) == ZOK);
    REQUIRE(raw_delete(server_raw(), path) == ZOK);
    corral_ids *anew = generator_open_with(other, path, options);
    (void)generator_next(anew);
    while (status == CORRAL_OK && testing_now_ms() < until) {
        status = corral_ids_next(ids, TESTING_PATIENCE_MS, &id);
    }
    ASSERT_STATUS(status, CORRAL_ECORRUPT);
    (void)generator_next(anew);
    snowflakes_close(ids);
    snowflakes_close(anew);
    assert_no_lease_soon();
}

/* --- closing under way --- */

static void closing_leaves_no_lease(void)
{
    corral_ids_options options = snowflakes_options(10, 12);

    for (unsigned requests = 0; requests <= 9; requests++) {
        corral_ids *ids = generator_open_with(client, path, options);
        uint64_t before = proxy_count(through, PROXY_REPLIES);
        corral_op *op = NULL;

        REQUIRE_STATUS(corral_ids_next_async(ids, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_OK);
        (void)proxy_wait(through, PROXY_REPLIES, before + requests, 100);
        snowflakes_close(ids);
        CU_ASSERT(corral_op_status(op) == CORRAL_OK || corral_op_status(op) == CORRAL_ECLOSED);
        corral_op_unref(op);
    }
    assert_no_lease_soon();
}

/* The client is closed first, the handle later. */
static void a_client_is_closed_under_way(void)
{
    corral_ids_options options = snowflakes_options(10, 12);
    corral_ids *ids = generator_open_with(client, path, options);
    uint64_t id = generator_next(ids);
    int64_t time_ms = snowflakes_decode(id, options).time_ms;

    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECLOSED);
    snowflakes_close(ids);
    ASSERT_BELOW_SOON(workers, 1);
    ASSERT_INT64(snowflakes_mark(path, 0), time_ms + 1);
}

/* --- without memory --- */

static void memory_runs_out(void)
{
    corral_ids_options options = snowflakes_options(10, 2);
    unsigned refused = 0, succeeded = 0;
    uint64_t last = 0;

    for (unsigned long nth = 1; nth <= 60; nth++) {
        corral_ids *ids = NULL;
        corral_op *op = NULL;
        uint64_t few[9];
        int status;

        corrali_alloc_fail_from(nth);
        status = corral_ids_open(client, path, &options, &ids);
        if (status == CORRAL_OK) {
            status = corral_ids_next_many_async(ids, 9, CORRAL_FOREVER, NULL, NULL, &op);
        }
        if (status == CORRAL_OK) {
            (void)corral_op_wait(op, 5);
        }
        corrali_alloc_fail_from(0);
        if (op != NULL) {
            ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
            status = corral_op_status(op);
            corral_op_unref(op);
        }
        CU_ASSERT(status == CORRAL_OK || status == CORRAL_ENOMEM);
        refused += status == CORRAL_ENOMEM;
        succeeded += status == CORRAL_OK;
        if (ids != NULL) {
            ASSERT_STATUS(corral_ids_next_many(ids, 9, TESTING_PATIENCE_MS, few), CORRAL_OK);
            CU_ASSERT(few[0] > last);
            last = few[8];
            snowflakes_close(ids);
            assert_no_lease_soon(); /* another number may have been taken, if the session was given up */
        }
    }
    CU_ASSERT(refused > 5 && succeeded > 5);
}

/* --- callbacks in the program's own loop --- */

static void the_slow_way_with_a_descriptor(void)
{
    corral_ids_options options = snowflakes_options(10, 1);
    corral_client *own = server_client_with(server_connect(), loop_options());
    corral_ids *ids = generator_open_with(own, path, options);
    uint64_t many[20];

    ASSERT_STATUS(corral_ids_next_many(ids, 20, TESTING_PATIENCE_MS, many), CORRAL_OK);
    for (unsigned i = 1; i < 20; i++) {
        CU_ASSERT(many[i] > many[i - 1]);
    }
    CU_ASSERT(generator_next(ids) > many[19]);
    snowflakes_close(ids);
    ASSERT_STATUS(corral_client_close(own), CORRAL_OK);
}

int main(int argc, char **argv)
{
    CU_TestInfo replies[] = {{"replies are lost", replies_are_lost},
                             {"requests are lost", requests_are_lost},
                             {"every reply is lost", every_reply_is_lost},
                             {"a lost move is overtaken", a_lost_move_is_overtaken},
                             CU_TEST_INFO_NULL};
    CU_TestInfo sessions[] = {
        {"the next owner begins behind the mark", the_next_owner_begins_behind_the_mark},
        {"a new session brings a new number", a_new_session_brings_a_new_number},
        CU_TEST_INFO_NULL};
    CU_TestInfo others[] = {{"a lease that was deleted is made anew", a_lease_that_was_deleted_is_made_anew},
                            {"a generator made anew is noticed", a_generator_made_anew_is_noticed},
                            CU_TEST_INFO_NULL};
    CU_TestInfo closing[] = {{"closing leaves no lease", closing_leaves_no_lease},
                             {"a client is closed under way", a_client_is_closed_under_way},
                             CU_TEST_INFO_NULL};
    CU_TestInfo limits[] = {{"memory runs out", memory_runs_out},
                            {"the slow way with a descriptor", the_slow_way_with_a_descriptor},
                            CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"snowflakes: lost replies", NULL, NULL, setup, teardown, replies},
                             {"snowflakes: sessions", NULL, NULL, setup, teardown, sessions},
                             {"snowflakes: others", NULL, NULL, setup, teardown, others},
                             {"snowflakes: closing", NULL, NULL, setup, teardown, closing},
                             {"snowflakes: limits", NULL, NULL, setup, teardown, limits},
                             CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

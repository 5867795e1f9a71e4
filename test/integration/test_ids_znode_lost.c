/**
 * ZNODE when replies and requests are lost, sessions expire, or there is no
 * memory: no number is given twice, each call ends, and nothing stays behind.
 */
#include <corral/ids.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "lib/fixture.h"
#include "lib/generator.h"

enum { THREADS = 4, EACH = 50, MANY = 100, STEPS = 7, OPERATIONS = 6 };

static void finish(corral_ids *ids)
{
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
}

/* --- at each step --- */

/* From the generator's making to its last znode's end, with the @step-th change lost. False: there is none.
 */
static bool lose(proxy_place place, unsigned step)
{
    proxy_rule rule = {.every = step, .count = 1, .failed_too = true};
    proxy_counter which = place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE;
    uint64_t ids[MANY + 2] = {0};
    corral_ids *handle;
    char path[64];
    bool lost;

    fixture_open();
    snprintf(path, sizeof path, "/lost-%d/%u", place, step);
    handle = generator_open(client, path, CORRAL_IDS_ZNODE);
    proxy_cut(through, place, &rule);
    ids[0] = generator_next(handle);
    ASSERT_STATUS(corral_ids_next_many(handle, MANY, TESTING_PATIENCE_MS, &ids[1]), CORRAL_OK);
    ids[MANY + 1] = generator_next(handle);
    CU_ASSERT(ids[0] > 0);
    for (size_t i = 1; i < MANY + 2; i++) {
        CU_ASSERT(ids[i] > ids[i - 1]);
    }
    generator_await_empty(path); /* while the session lives */
    lost = proxy_count(through, which) == 1;
    finish(handle);
    ASSERT_LEFT(path, 1);
    fixture_close();
    return lost;
}

static void lose_each(proxy_place place)
{
    unsigned step = 1;

    while (lose(place, step)) {
        step++;
    }
    CU_ASSERT(step > STEPS);
}

static void a_reply_is_lost(void)
{
    lose_each(PROXY_AFTER);
}

static void a_request_is_lost(void)
{
    lose_each(PROXY_BEFORE);
}

/* --- again and again --- */

static void work(const char *path, proxy_place place)
{
    proxy_rule rule = {.every = 7};
    corral_ids *handle = generator_open(client, path, CORRAL_IDS_ZNODE);
    corral_ids *ids[THREADS] = {handle, handle, handle, handle};
    generator_result result;

    proxy_cut(through, place, &rule);
    result = generator_work(ids, THREADS, EACH);
    ASSERT_IN_ORDER(&result, (size_t)THREADS * EACH);
    CU_ASSERT(proxy_count(through, place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE) > 2);
    proxy_cut(through, place, NULL);
    generator_free(&result);
    generator_await_empty(path);
    finish(handle);
    ASSERT_LEFT(path, 1);
}

static void many_replies_are_lost(void)
{
    work("/lost/replies", PROXY_AFTER);
}

static void many_requests_are_lost(void)
{
    work("/lost/requests", PROXY_BEFORE);
}

/* --- sessions --- */

static void note_numbers(int status, const uint64_t *ids, size_t count, void *arg)
{
    record_int64(status, count == 1 ? (int64_t)ids[0] : -1, NULL, arg);
}

static void the_session_expires(void)
{
    corral_ids *handle = generator_open(client, "/lost/session", CORRAL_IDS_ZNODE);
    uint64_t before = generator_next(handle);
    recorder results;

    recorder_open(&results, MANY);
    proxy_hold(through, PROXY_HOLD_REPLIES); /* created, deleted perhaps, and nothing heard of it */
    for (unsigned i = 0; i < MANY; i++) {
        REQUIRE_STATUS(corral_ids_next_async(handle, CORRAL_FOREVER, note_numbers, &results.records[i], NULL),
                       CORRAL_OK);
    }
    REQUIRE(server_expire(through));
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, MANY));
    for (unsigned i = 0; i < MANY; i++) {
        record result = recorder_get(&results, i);

        ASSERT_STATUS(result.status, CORRAL_OK);
        CU_ASSERT(result.value > (int64_t)before);
        for (unsigned j = 0; j < i; j++) {
            CU_ASSERT(recorder_get(&results, j).value != result.value);
        }
    }
    recorder_close(&results);
    finish(handle);
    ASSERT_LEFT("/lost/session", 1);
}

/* --- without memory --- */

/* What can end without memory does; the rest is given the time to try. */
static void run_short_of_memory(corral_ids *handle, unsigned long nth, uint64_t *last, unsigned *given)
{
    recorder results;
    corral_op *ops[OPERATIONS] = {NULL};
    unsigned accepted = 0;

    recorder_open(&results, OPERATIONS);
    corrali_alloc_fail_from(nth);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        int status = corral_ids_next_async(handle, CORRAL_FOREVER, note_numbers, &results.records[accepted],
                                           &ops[accepted]);

        CU_ASSERT(status == CORRAL_OK || status == CORRAL_ENOMEM);
        accepted += status == CORRAL_OK;
    }
    for (unsigned i = 0; i < accepted; i++) {
        (void)corral_op_wait(ops[i], 5);
    }
    corrali_alloc_fail_from(0);
    REQUIRE(recorder_wait(&results, accepted));
    for (unsigned i = 0; i < accepted; i++) {
        record result = recorder_get(&results, i);

        CU_ASSERT(result.calls == 1 && (result.status == CORRAL_OK || result.status == CORRAL_ENOMEM));
        if (result.status == CORRAL_OK) {
            CU_ASSERT(result.value > (int64_t)*last);
            ++*given;
        }
        corral_op_unref(ops[i]);
    }
    for (unsigned i = 0; i < accepted; i++) {
        record result = recorder_get(&results, i);

        *last = result.status == CORRAL_OK && result.value > (int64_t)*last ? (uint64_t)result.value : *last;
    }
    recorder_close(&results);
}

static void several_without_memory(corral_ids *handle, unsigned long nth)
{
    uint64_t many[3] = {7, 7, 7};
    int status;

    corrali_alloc_fail_from(nth);
    status = corral_ids_next_many(handle, 3, 5, many);
    corrali_alloc_fail_from(0);
    CU_ASSERT(status == CORRAL_OK || status == CORRAL_ENOMEM || status == CORRAL_ETIMEDOUT);
    CU_ASSERT((status == CORRAL_OK) == (many[0] != 7));
    CU_ASSERT(status == CORRAL_OK || (many[1] == 7 && many[2] == 7));
}

static void without_memory(void)
{
    unsigned given = 0;
    uint64_t last = 0;
    corral_ids *handle = NULL;

    for (unsigned long nth = 1; nth <= 60; nth++) {
        if (nth % 20 == 1) { /* from the beginning, too */
            ASSERT_STATUS(corral_ids_close(handle), CORRAL_OK);
            handle = generator_open(client, "/lost/memory", CORRAL_IDS_ZNODE);
        }
        run_short_of_memory(handle, nth, &last, &given);
        several_without_memory(handle, nth % 20 + 1);
        last = generator_next(handle);
    }
    CU_ASSERT(given > 0 && given < 60 * OPERATIONS);
    generator_await_empty("/lost/memory");
    finish(handle);
}

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    fixture_close();
}

static CU_TestInfo steps[] = {
    {"a reply is lost", a_reply_is_lost},
    {"a request is lost", a_request_is_lost},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo tests[] = {
    {"many replies are lost", many_replies_are_lost},
    {"many requests are lost", many_requests_are_lost},
    {"the session expires", the_session_expires},
    {"without memory", without_memory},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"znode steps", NULL, NULL, NULL, NULL, steps},
    {"znode lost", NULL, NULL, fixture_open, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

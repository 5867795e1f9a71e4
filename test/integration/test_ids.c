/**
 * ID generators, whatever their kind: what is made, who may use it, what is
 * refused; and that SEQUENCE has no gaps.
 */
#include <corral/ids.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "lib/locking.h"
#include "lib/numbering.h"

enum { THREADS = 8, NOTHING = 77 };

static recorder results;

static void setup(void)
{
    fixture_open();
    recorder_open(&results, 16);
}

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    fixture_close();
    recorder_close(&results);
}

static void assert_refused(const char *path, corral_ids_kind kind, int status)
{
    corral_ids *ids = numbering_open(client, path, kind, 0);
    uint64_t id = NOTHING;

    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), status);
    ASSERT_INT64(id, NOTHING);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* --- bad arguments --- */

static void bad_options_are_refused(void)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corral_ids *ids = NULL;

    ASSERT_STATUS(corral_ids_open(NULL, "/ids/x", NULL, &ids), CORRAL_EINVAL);
    ASSERT_STATUS(corral_ids_open(client, NULL, NULL, &ids), CORRAL_EINVAL);
    ASSERT_STATUS(corral_ids_open(client, "", NULL, &ids), CORRAL_EINVAL);
    ASSERT_STATUS(corral_ids_open(client, "/", NULL, &ids), CORRAL_EINVAL);
    ASSERT_STATUS(corral_ids_open(client, "ids", NULL, &ids), CORRAL_EINVAL);
    ASSERT_STATUS(corral_ids_open(client, "/ids//x", NULL, &ids), CORRAL_EINVAL);
    ASSERT_STATUS(corral_ids_open(client, "/ids/x", NULL, NULL), CORRAL_EINVAL);
    options.version = 0; /* all others: test_ids_text.c */
    ASSERT_STATUS(corral_ids_open(client, "/ids/x", &options, &ids), CORRAL_EINVAL);
    options = (corral_ids_options)CORRAL_IDS_OPTIONS_INIT;
    options.kind = CORRAL_IDS_SNOWFLAKE;
    options.epoch_ms = ((int64_t)time(NULL) + 3600) * 1000;
    ASSERT_STATUS(corral_ids_open(client, "/ids/x", &options, &ids), CORRAL_EINVAL);
    CU_ASSERT(ids == NULL);
    ASSERT_STATUS(corral_ids_close(NULL), CORRAL_OK);
}

static void bad_calls_are_refused(void)
{
    corral_ids *ids = numbering_open(client, "/ids/bad", CORRAL_IDS_BLOCK, 0);
    corral_op *op = NULL;
    uint64_t id = NOTHING;

    for (int known = 0; known < 2; known++) {
        ASSERT_STATUS(corral_ids_next(NULL, CORRAL_FOREVER, &id), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next(ids, CORRAL_FOREVER, NULL), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next(ids, -2, &id), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_many(NULL, 1, CORRAL_FOREVER, &id), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_many(ids, 0, CORRAL_FOREVER, &id), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_many(ids, CORRAL_IDS_MANY_MAX + 1, CORRAL_FOREVER, &id), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_many(ids, SIZE_MAX, CORRAL_FOREVER, &id), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_many(ids, 1, CORRAL_FOREVER, NULL), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_many(ids, 1, INT64_MIN, &id), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_async(NULL, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_async(ids, -2, NULL, NULL, &op), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_many_async(NULL, 1, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_many_async(ids, 0, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_EINVAL);
        ASSERT_STATUS(
            corral_ids_next_many_async(ids, CORRAL_IDS_MANY_MAX + 1, CORRAL_FOREVER, NULL, NULL, &op),
            CORRAL_EINVAL);
        ASSERT_STATUS(corral_ids_next_many_async(ids, 1, -2, NULL, NULL, &op), CORRAL_EINVAL);
        ASSERT_INT64(id, NOTHING);
        CU_ASSERT(op == NULL);
        ASSERT_NEXT(ids, 1 + (uint64_t)known); /* none was taken by these */
    }
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* --- what is at the path --- */

static void parents_are_made(void)
{
    corral_ids *ids = numbering_open(client, "/ids/a/b/c", CORRAL_IDS_BLOCK, 10);

    ASSERT_NEXT(ids, 1);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void another_kind_is_a_conflict(void)
{
    numbering_put("/ids/kind-block", "block", 5);
    numbering_put("/ids/kind-sequence", "sequence", 5);
    assert_refused("/ids/kind-block", CORRAL_IDS_SEQUENCE, CORRAL_ECONFLICT);
    assert_refused("/ids/kind-block", CORRAL_IDS_ZNODE, CORRAL_ECONFLICT);
    assert_refused("/ids/kind-block", CORRAL_IDS_SNOWFLAKE, CORRAL_ECONFLICT);
    assert_refused("/ids/kind-sequence", CORRAL_IDS_BLOCK, CORRAL_ECONFLICT);
    ASSERT_INT64(numbering_stored("/ids/kind-block"), 5);
    ASSERT_INT64(numbering_stored("/ids/kind-sequence"), 5);
}

static void whatever_is_stored_will_do(void)
{
    corral_ids *block, *sequence, *fresh;

    numbering_put("/ids/stored-block", "block", 5);
    numbering_put("/ids/stored-sequence", "sequence", 5);
    block = numbering_open(client, "/ids/stored-block", CORRAL_IDS_STORED, 10);
    sequence = numbering_open(client, "/ids/stored-sequence", CORRAL_IDS_STORED, 10);
    fresh = numbering_open(client, "/ids/stored-fresh", CORRAL_IDS_STORED, 10);
    ASSERT_NEXT(block, 6);
    ASSERT_NEXT(sequence, 6);
    ASSERT_NEXT(fresh, 1);
    ASSERT_INT64(numbering_stored("/ids/stored-block"), 15);
    ASSERT_INT64(numbering_stored("/ids/stored-sequence"), 6);
    ASSERT_INT64(numbering_stored("/ids/stored-fresh"), 1);
    ASSERT_STATUS(corral_ids_close(block), CORRAL_OK);
    ASSERT_STATUS(corral_ids_close(sequence), CORRAL_OK);
    ASSERT_STATUS(corral_ids_close(fresh), CORRAL_OK);
}

static void assert_no_generator(const char *path)
{
    for (int kind = CORRAL_IDS_BLOCK; kind <= CORRAL_IDS_STORED; kind++) {
        assert_refused(path, (corral_ids_kind)kind, CORRAL_ECORRUPT);
    }
}

static void other_recipes_are_left_alone(void)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *lock = locking_open(client, "/ids/lock", CORRAL_LOCK_MUTEX, NULL);
    corral_lock *semaphore = NULL;
    corral_grant *held, *permit = NULL;

    counter = fixture_counter("/ids/counter");
    REQUIRE_STATUS(corral_counter_add(counter, 42, CORRAL_FOREVER, NULL), CORRAL_OK);
    held = locking_acquire(lock);
    options.mode = CORRAL_LOCK_SEMAPHORE;
    options.permits = 3;
    REQUIRE_STATUS(corral_lock_open(client, "/ids/semaphore", &options, &semaphore), CORRAL_OK);
    REQUIRE_STATUS(corral_lock_acquire(semaphore, TESTING_PATIENCE_MS, &permit), CORRAL_OK);
    assert_no_generator("/ids/counter");
    assert_no_generator("/ids/lock");
    assert_no_generator("/ids/semaphore");
    ASSERT_ZNODE("/ids/counter", "42");
    CU_ASSERT(corral_grant_valid_ms(held) > 0 && corral_grant_valid_ms(permit) > 0);
    corral_grant_free(held);
    corral_grant_free(permit);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(semaphore), CORRAL_OK);
}

/* A failure is not for ever: the next call looks again. */
static void it_may_become_a_generator_later(void)
{
    corral_ids *ids = numbering_open(client, "/ids/later", CORRAL_IDS_BLOCK, 10);
    uint64_t id;

    server_put("/ids/later", "what is this");
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECORRUPT);
    numbering_put("/ids/later", "block", 70);
    ASSERT_NEXT(ids, 71);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* --- making it --- */

static void all_agree_on_who_has_made_it(void)
{
    corral_client *second = server_client(server_connect());
    corral_ids *handles[THREADS];
    numbering_result result;

    for (unsigned i = 0; i < THREADS; i++) {
        handles[i] = numbering_open(i % 2 == 0 ? client : second, "/ids/race/made", CORRAL_IDS_SEQUENCE, 0);
    }
    result = numbering_draw(handles, THREADS, 50);
    ASSERT_UNIQUE(&result);
    ASSERT_INT64(result.numbers[0], 1);
    ASSERT_INT64(result.numbers[result.count - 1], THREADS * 50);
    numbering_free(&result);
    for (unsigned i = 0; i < THREADS; i++) {
        ASSERT_STATUS(corral_ids_close(handles[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
}

static bool is_of_the_generator(const wire_request *request, void *path)
{
    return wire_changes_below(request, path);
}

static void it_is_made_once_though_the_reply_is_lost(void)
{
    proxy_rule rule = {.match = is_of_the_generator, .match_arg = (void *)"/ids/lost", .count = 1};
    corral_ids *ids = numbering_open(client, "/ids/lost", CORRAL_IDS_BLOCK, 10);

    proxy_cut(through, PROXY_AFTER, &rule);
    ASSERT_NEXT(ids, 1);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 1);
    ASSERT_INT64(numbering_stored("/ids/lost"), 10);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void calls_that_wait_for_it_can_end(void)
{
    corral_ids *ids = numbering_open(client, "/ids/unknown", CORRAL_IDS_BLOCK, 10);
    corral_op *op = NULL;
    uint64_t id = NOTHING;

    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(corral_ids_next_async(ids, CORRAL_FOREVER, record_ids, &results.records[0], &op),
                   CORRAL_OK);
    REQUIRE_STATUS(corral_ids_next_many_async(ids, 3, CORRAL_FOREVER, record_ids, &results.records[1], NULL),
                   CORRAL_OK);
    ASSERT_STATUS(corral_ids_next(ids, 30, &id), CORRAL_ETIMEDOUT);
    ASSERT_INT64(id, NOTHING);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    corral_op_unref(op);
    REQUIRE(recorder_wait(&results, 1));
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_ECANCELED);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK); /* waits for the other callback */
    ASSERT_STATUS(recorder_get(&results, 1).status, CORRAL_ECLOSED);
}

/* --- where calls are made --- */

typedef struct {
    corral_ids *ids;
    int status;
    record *after;
} nested;

static void call_in_callback(int status, const uint64_t *ids, size_t count, void *arg)
{
    nested *own = arg;
    uint64_t id;

    own->status = corral_ids_next(own->ids, CORRAL_FOREVER, &id);
    record_ids(status, ids, count, own->after);
}

static void a_callback_must_not_wait(void)
{
    nested own = {.ids = numbering_open(client, "/ids/nested", CORRAL_IDS_BLOCK, 10),
                  .after = results.records};

    REQUIRE_STATUS(corral_ids_next_async(own.ids, CORRAL_FOREVER, call_in_callback, &own, NULL), CORRAL_OK);
    REQUIRE(recorder_wait(&results, 1));
    ASSERT_STATUS(own.status, CORRAL_EDEADLK);
    ASSERT_NEXT(own.ids, 2); /* there were numbers to be had */
    ASSERT_STATUS(corral_ids_close(own.ids), CORRAL_OK);
}

static void a_forked_child_gets_none(void)
{
    corral_ids *ids = numbering_open(client, "/ids/fork", CORRAL_IDS_BLOCK, 10);
    int status = -1;
    pid_t child;

    ASSERT_NEXT(ids, 1);
    child = fork();
    if (child == 0) {
        corral_ids *another = NULL;
        uint64_t id;

        _exit(corral_ids_next(ids, CORRAL_FOREVER, &id) == CORRAL_EFORK &&
                      corral_ids_next_many(ids, 1, CORRAL_FOREVER, &id) == CORRAL_EFORK &&
                      corral_ids_next_async(ids, CORRAL_FOREVER, NULL, NULL, NULL) == CORRAL_EFORK &&
                      corral_ids_open(client, "/ids/fork", NULL, &another) == CORRAL_EFORK &&
                      corral_ids_close(ids) == CORRAL_EFORK
                  ? 0
                  : 1);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    ASSERT_INT64(status, 0);
    ASSERT_NEXT(ids, 2);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void a_closed_client_gives_none(void)
{
    corral_ids *ids = numbering_open(client, "/ids/closed", CORRAL_IDS_SEQUENCE, 0);
    uint64_t id = NOTHING;

    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_STATUS(corral_ids_next(ids, CORRAL_FOREVER, &id), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_ids_next_many_async(ids, 2, CORRAL_FOREVER, NULL, NULL, NULL), CORRAL_ECLOSED);
    ASSERT_INT64(id, NOTHING);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void without_memory_nothing_is_begun(void)
{
    corral_ids *ids = numbering_open(client, "/ids/memory", CORRAL_IDS_SEQUENCE, 0);
    corral_ids *another = NULL;

    ASSERT_NEXT(ids, 1);
    for (unsigned long nth = 1; nth <= 3; nth++) {
        corrali_alloc_fail_from(nth);
        ASSERT_STATUS(corral_ids_open(client, "/ids/memory", NULL, &another), CORRAL_ENOMEM);
    }
    corrali_alloc_fail_from(1);
    ASSERT_STATUS(corral_ids_next_many_async(ids, 2, CORRAL_FOREVER, NULL, NULL, NULL), CORRAL_ENOMEM);
    corrali_alloc_fail_from(0);
    CU_ASSERT(another == NULL);
    ASSERT_NEXT(ids, 2);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* --- SEQUENCE --- */

static void a_sequence_has_no_gaps(void)
{
    corral_ids *ids = numbering_open(client, "/ids/sequence", CORRAL_IDS_SEQUENCE, 0);
    uint64_t many[5];

    ASSERT_NEXT(ids, 1);
    ASSERT_STATUS(corral_ids_next_many(ids, 5, TESTING_PATIENCE_MS, many), CORRAL_OK);
    for (size_t i = 0; i < 5; i++) {
        ASSERT_INT64(many[i], 2 + i);
    }
    ASSERT_NEXT(ids, 7);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void a_sequence_ends(void)
{
    corral_ids *ids;
    uint64_t many[3] = {NOTHING};

    numbering_put("/ids/end", "sequence", INT64_MAX - 2);
    ids = numbering_open(client, "/ids/end", CORRAL_IDS_SEQUENCE, 0);
    ASSERT_STATUS(corral_ids_next_many(ids, 3, TESTING_PATIENCE_MS, many), CORRAL_EEXHAUSTED);
    ASSERT_NEXT(ids, INT64_MAX - 1);
    ASSERT_NEXT(ids, INT64_MAX);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, many), CORRAL_EEXHAUSTED);
    ASSERT_INT64(many[0], NOTHING);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

int main(int argc, char **argv)
{
    CU_TestInfo arguments[] = {{"bad options are refused", bad_options_are_refused},
                               {"bad calls are refused", bad_calls_are_refused},
                               CU_TEST_INFO_NULL};
    CU_TestInfo znode[] = {
        {"parents are made", parents_are_made},
        {"another kind is a conflict", another_kind_is_a_conflict},
        {"whatever is stored will do", whatever_is_stored_will_do},
        {"other recipes are left alone", other_recipes_are_left_alone},
        {"it may become a generator later", it_may_become_a_generator_later},
        {"all agree on who has made it", all_agree_on_who_has_made_it},
        {"it is made once though the reply is lost", it_is_made_once_though_the_reply_is_lost},
        {"calls that wait for it can end", calls_that_wait_for_it_can_end},
        CU_TEST_INFO_NULL};
    CU_TestInfo calls[] = {{"a callback must not wait", a_callback_must_not_wait},
                           {"a forked child gets none", a_forked_child_gets_none},
                           {"a closed client gives none", a_closed_client_gives_none},
                           {"without memory nothing is begun", without_memory_nothing_is_begun},
                           CU_TEST_INFO_NULL};
    CU_TestInfo sequence[] = {
        {"has no gaps", a_sequence_has_no_gaps}, {"ends", a_sequence_ends}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"arguments", NULL, NULL, setup, teardown, arguments},
                             {"znode", NULL, NULL, setup, teardown, znode},
                             {"calls", NULL, NULL, setup, teardown, calls},
                             {"sequence", NULL, NULL, setup, teardown, sequence},
                             CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

/**
 * ZNODE: numbers of sequential znodes. They increase in real time whatever
 * others do to the generator; and when all is closed, its znode and one
 * directory are left.
 */
#include <corral/ids.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fixture.h"
#include "lib/generator.h"

enum { THREADS = 8, EACH = 200 };

static const uint64_t epoch_size = UINT64_C(1) << 31;

static void finish(corral_ids *ids)
{
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
}

/* --- alone --- */

static void they_begin_at_1(void)
{
    corral_ids *ids = generator_open(client, "/znode/first", CORRAL_IDS_ZNODE);
    uint64_t many[5];

    ASSERT_INT64(generator_next(ids), 1);
    ASSERT_STATUS(corral_ids_next_many(ids, 5, TESTING_PATIENCE_MS, many), CORRAL_OK);
    for (size_t i = 0; i < 5; i++) {
        ASSERT_INT64(many[i], 2 + i);
    }
    ASSERT_INT64(generator_next(ids), 7);
    finish(ids);
    ASSERT_LEFT("/znode/first", 1);
}

static void more_than_a_request_can_make(void)
{
    enum { MANY = 10000 };
    corral_ids *ids = generator_open(client, "/znode/many", CORRAL_IDS_ZNODE);
    uint64_t *many = calloc(MANY, sizeof *many);

    REQUIRE(many != NULL);
    ASSERT_STATUS(corral_ids_next_many(ids, MANY, TESTING_PATIENCE_MS, many), CORRAL_OK);
    for (size_t i = 0; i < MANY; i++) {
        REQUIRE(many[i] == i + 1);
    }
    free(many);
    finish(ids);
    ASSERT_LEFT("/znode/many", 1);
}

/* Where a blocking call has no thread but its own to get on with. */
static void in_the_programs_own_loop(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    corral_client *second;
    corral_ids *ids;
    uint64_t many[100];

    options.dispatch = CORRAL_DISPATCH_FD;
    second = server_client_with(server_connect(), options);
    ids = generator_open(second, "/znode/loop", CORRAL_IDS_ZNODE);
    ASSERT_INT64(generator_next(ids), 1);
    ASSERT_STATUS(corral_ids_next_many(ids, 100, TESTING_PATIENCE_MS, many), CORRAL_OK);
    for (size_t i = 0; i < 100; i++) {
        ASSERT_INT64(many[i], 2 + i);
    }
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
    ASSERT_LEFT("/znode/loop", 1);
}

/* --- with others --- */

static void they_increase_in_real_time(void)
{
    corral_client *second = server_client(server_connect());
    corral_ids *handles[2] = {generator_open(client, "/znode/order", CORRAL_IDS_ZNODE),
                              generator_open(second, "/znode/order", CORRAL_IDS_ZNODE)};
    corral_ids *ids[THREADS];
    generator_result result;
    unsigned each = testing_scaled(EACH);

    for (unsigned i = 0; i < THREADS; i++) {
        ids[i] = handles[i % 2];
    }
    result = generator_work(ids, THREADS, each);
    ASSERT_IN_ORDER(&result, (size_t)THREADS * each);
    generator_free(&result);
    ASSERT_STATUS(corral_ids_close(handles[1]), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
    finish(handles[0]);
    ASSERT_LEFT("/znode/order", 1);
}

/* The generator's only one, once it is empty; its path goes to @ret_directory. */
static void delete_directory(const char *path, char *ret_directory, size_t size)
{
    int count;

    generator_await_empty(path);
    REQUIRE(generator_directory(path, ret_directory, size, &count));
    REQUIRE(raw_delete(server_raw(), ret_directory) == ZOK);
}

/* Made again, it would begin at 0. */
static void a_directory_that_is_gone_is_not_made_again(void)
{
    corral_ids *ids = generator_open(client, "/znode/gone", CORRAL_IDS_ZNODE);
    char directory[256];

    ASSERT_INT64(generator_next(ids), 1);
    delete_directory("/znode/gone", directory, sizeof directory);
    ASSERT_INT64(generator_next(ids), epoch_size + 1);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), directory, NULL), ZNONODE);
    finish(ids);
    ASSERT_LEFT("/znode/gone", 2);
}

/* ... not even by who puts it there himself. */
static void a_directory_that_others_have_made_is_not_used(void)
{
    corral_ids *ids = generator_open(client, "/znode/taken", CORRAL_IDS_ZNODE);
    char directory[256], next[256];

    ASSERT_INT64(generator_next(ids), 1);
    delete_directory("/znode/taken", directory, sizeof directory);
    (void)snprintf(next, sizeof next, "%.*s2", (int)strlen(directory) - 1, directory);
    REQUIRE(raw_create(server_raw(), next, "", 0) == ZOK);
    ASSERT_INT64(generator_next(ids), 2 * epoch_size + 1);
    finish(ids);
    ASSERT_LEFT("/znode/taken", 3);
}

static void others_begin_an_epoch(void)
{
    corral_client *second = server_client(server_connect());
    corral_ids *ids = generator_open(client, "/znode/moved", CORRAL_IDS_ZNODE);
    corral_ids *others = generator_open(second, "/znode/moved", CORRAL_IDS_ZNODE);
    char directory[256];

    ASSERT_INT64(generator_next(ids), 1);
    delete_directory("/znode/moved", directory, sizeof directory);
    ASSERT_INT64(generator_next(others), epoch_size + 1);
    REQUIRE(raw_create(server_raw(), directory, "", 0) == ZOK);
    ASSERT_INT64(generator_next(ids), epoch_size + 2); /* though it is there again */
    ASSERT_INT64(generator_next(others), epoch_size + 3);
    ASSERT_STATUS(corral_ids_close(others), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
    finish(ids);
    ASSERT_LEFT("/znode/moved", 2);
}

/* Somebody has moved on while this handle, which was the last in there, does nothing. */
static void a_directory_goes_with_who_is_in_it(void)
{
    corral_ids *ids = generator_open(client, "/znode/idle", CORRAL_IDS_ZNODE);
    char data[64];
    char *epoch;

    ASSERT_INT64(generator_next(ids), 1);
    REQUIRE(raw_get(server_raw(), "/znode/idle", data, sizeof data, NULL) == ZOK);
    epoch = strrchr(data, ' ') + 1;
    epoch[0] = '9';
    REQUIRE(raw_set(server_raw(), "/znode/idle", data, (int)strlen(data)) == ZOK);
    finish(ids);
    ASSERT_INT64(raw_count_below(server_raw(), "/znode/idle"), 0);
}

/* --- not a generator any more --- */

static void delete_generator(const char *path)
{
    char directory[256];

    delete_directory(path, directory, sizeof directory);
    REQUIRE(raw_delete(server_raw(), path) == ZOK);
}

static void a_new_generator_is_another_one(void)
{
    corral_client *second = server_client(server_connect());
    corral_ids *ids = generator_open(client, "/znode/anew", CORRAL_IDS_ZNODE);
    corral_ids *others;
    uint64_t id = 77;

    ASSERT_INT64(generator_next(ids), 1);
    delete_generator("/znode/anew");
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECORRUPT);
    /* At the very version and epoch that the first one was at. */
    others = generator_open(second, "/znode/anew", CORRAL_IDS_ZNODE);
    ASSERT_INT64(generator_next(others), 1);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECORRUPT);
    ASSERT_INT64(id, 77);
    ASSERT_INT64(generator_next(others), 2);
    ASSERT_STATUS(corral_ids_close(others), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
    finish(ids);
    ASSERT_LEFT("/znode/anew", 1);
}

/* As @ids has found the generator: at the same version, too, so only the directory can tell it. */
static void a_generator_that_looks_the_same(void)
{
    corral_client *second = server_client(server_connect());
    corral_ids *ids = generator_open(client, "/znode/same", CORRAL_IDS_ZNODE);
    corral_ids *others = generator_open(second, "/znode/same", CORRAL_IDS_ZNODE);
    uint64_t id = 77;

    ASSERT_INT64(generator_next(ids), 1);
    delete_generator("/znode/same");
    ASSERT_INT64(generator_next(others), 1);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECORRUPT);
    ASSERT_INT64(id, 77);
    ASSERT_INT64(generator_next(others), 2);
    ASSERT_STATUS(corral_ids_close(others), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
    finish(ids);
}

static void what_is_none_is_left_alone(void)
{
    corral_ids *ids = generator_open(client, "/znode/spoilt", CORRAL_IDS_ZNODE);
    char data[64];
    uint64_t id = 77;

    ASSERT_INT64(generator_next(ids), 1);
    REQUIRE(raw_get(server_raw(), "/znode/spoilt", data, sizeof data, NULL) == ZOK);
    REQUIRE(raw_set(server_raw(), "/znode/spoilt", "what?", 5) == ZOK);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECORRUPT);
    strcpy(strrchr(data, ' ') + 1, "0"); /* back to where it began: once more the same numbers */
    REQUIRE(raw_set(server_raw(), "/znode/spoilt", data, (int)strlen(data)) == ZOK);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECORRUPT);
    ASSERT_INT64(id, 77);
    ASSERT_ZNODE("/znode/spoilt", data);
    strcpy(strrchr(data, ' ') + 1, "1");
    REQUIRE(raw_set(server_raw(), "/znode/spoilt", data, (int)strlen(data)) == ZOK);
    ASSERT_INT64(generator_next(ids), 2);
    finish(ids);
    ASSERT_LEFT("/znode/spoilt", 1);
}

static void no_epoch_is_left(void)
{
    corral_ids *ids = generator_open(client, "/znode/last", CORRAL_IDS_ZNODE);
    char data[64];
    uint64_t id = 77;

    ASSERT_INT64(generator_next(ids), 1);
    REQUIRE(raw_get(server_raw(), "/znode/last", data, sizeof data, NULL) == ZOK);
    strcpy(strrchr(data, ' ') + 1, "4294967295");
    REQUIRE(raw_set(server_raw(), "/znode/last", data, (int)strlen(data)) == ZOK);
    ASSERT_INT64(generator_next(ids), INT64_MAX - (INT64_C(1) << 31) + 2);
    strcpy(strrchr(data, ' ') + 1, "4294967297");
    REQUIRE(raw_set(server_raw(), "/znode/last", data, (int)strlen(data)) == ZOK);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_EEXHAUSTED);
    ASSERT_INT64(id, 77);
    finish(ids);
}

/* --- giving up --- */

static void cancelled_ones_are_wasted(void)
{
    corral_ids *ids = generator_open(client, "/znode/cancel", CORRAL_IDS_ZNODE);
    corral_op *op = NULL;
    uint64_t many[100];
    uint64_t id = 77;

    ASSERT_INT64(generator_next(ids), 1);
    memset(many, 7, sizeof many);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    ASSERT_STATUS(corral_ids_next_many_async(ids, 100, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_OK);
    ASSERT_STATUS(corral_ids_next_many(ids, 100, 50, many), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_ECANCELED);
    ASSERT_STATUS(corral_ids_next(ids, 50, &id), CORRAL_ETIMEDOUT);
    proxy_hold(through, 0);
    CU_ASSERT(id == 77 && many[0] == many[99]);
    CU_ASSERT(generator_next(ids) > 1);
    corral_op_unref(op);
    finish(ids);
    ASSERT_LEFT("/znode/cancel", 1);
}

static void closed_meanwhile(void)
{
    corral_ids *ids = generator_open(client, "/znode/close", CORRAL_IDS_ZNODE);
    corral_op *op = NULL;

    ASSERT_INT64(generator_next(ids), 1);
    ASSERT_STATUS(corral_ids_next_many_async(ids, 1000, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_OK);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    corral_op_unref(op);
    ASSERT_LEFT("/znode/close", 1);
}

static void not_allowed(void)
{
    corral_ids *ids = generator_open(client, "/znode/denied", CORRAL_IDS_ZNODE);
    struct ACL entry = {.perms = ZOO_PERM_READ | ZOO_PERM_DELETE | ZOO_PERM_ADMIN, .id = {"world", "anyone"}};
    struct ACL_vector acl = {.count = 1, .data = &entry};
    char directory[256];
    uint64_t id = 77;
    int count;

    ASSERT_INT64(generator_next(ids), 1);
    REQUIRE(generator_directory("/znode/denied", directory, sizeof directory, &count));
    REQUIRE(raw_set_acl(server_raw(), directory, &acl) == ZOK);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_EACCES);
    REQUIRE(raw_set_acl(server_raw(), "/znode/denied", &acl) == ZOK);
    delete_directory("/znode/denied", directory, sizeof directory);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_EACCES);
    ASSERT_INT64(id, 77);
    entry.perms = ZOO_PERM_ALL;
    REQUIRE(raw_set_acl(server_raw(), "/znode/denied", &acl) == ZOK);
    ASSERT_INT64(generator_next(ids), epoch_size + 1);
    finish(ids);
    ASSERT_LEFT("/znode/denied", 2);
}

static CU_TestInfo tests[] = {
    {"they begin at 1", they_begin_at_1},
    {"more than a request can make", more_than_a_request_can_make},
    {"in the program's own loop", in_the_programs_own_loop},
    {"they increase in real time", they_increase_in_real_time},
    {"a directory that is gone is not made again", a_directory_that_is_gone_is_not_made_again},
    {"a directory that others have made is not used", a_directory_that_others_have_made_is_not_used},
    {"others begin an epoch", others_begin_an_epoch},
    {"a directory goes with who is in it", a_directory_goes_with_who_is_in_it},
    {"a new generator is another one", a_new_generator_is_another_one},
    {"a generator that looks the same", a_generator_that_looks_the_same},
    {"what is none is left alone", what_is_none_is_left_alone},
    {"no epoch is left", no_epoch_is_left},
    {"cancelled ones are wasted", cancelled_ones_are_wasted},
    {"closed meanwhile", closed_meanwhile},
    {"not allowed", not_allowed},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"znode", NULL, NULL, fixture_open, fixture_close, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * ZNODE at the end of a directory's numbers: a server whose directories were
 * used for years, made by putting that into its data while it is at rest.
 */
#include <corral/ids.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/aged.h"
#include "lib/fixture.h"
#include "lib/generator.h"

enum { THREADS = 8, EACH = 100, CLIENTS = 2 };

/* Generators, and how many znodes were ever made in their directories. */
static const struct {
    const char *path;
    const char *creations;
} prepared[] = {
    {"/end/far", "2147483600"},     /* of their 2^31 - 1 numbers, 47 are left */
    {"/end/near", "2147483645"},    /* 2 */
    {"/end/last", "2147483646"},    /* 1 */
    {"/end/none", "2147483647"},    /* none; the server gives this for ever */
    {"/end/half", "1073741800"},    /* 2^30 is near: time for the next one */
    {"/end/many", "2147483000"},    /* 647 */
    {"/end/version", "2147483647"}, /* and none for the epoch */
};

enum { PREPARED = sizeof prepared / sizeof *prepared };

static const uint64_t epoch_size = UINT64_C(1) << 31;

static corral_client *clients[CLIENTS];
static corral_ids *handles[CLIENTS];

/* --- beginning and ending --- */

static void make_generators(void)
{
    char directory[256], changes[PREPARED + 1][AGED_CHANGE_SIZE];
    int count;

    fixture_open();
    for (size_t i = 0; i < PREPARED; i++) {
        corral_ids *ids = generator_open(client, prepared[i].path, CORRAL_IDS_ZNODE);

        ASSERT_INT64(generator_next(ids), 1);
        ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
        REQUIRE(generator_directory(prepared[i].path, directory, sizeof directory, &count));
        snprintf(changes[i], sizeof changes[i], "%s/=%s", directory, prepared[i].creations);
    }
    snprintf(changes[PREPARED], sizeof changes[PREPARED], "/end/version=-2");
    fixture_close();
    aged_make(changes, PREPARED + 1);
}

static void setup(void)
{
    static bool done;

    if (!done) {
        done = true;
        make_generators();
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = server_client(server_connect());
    }
}

static void open_handles(const char *path)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        handles[i] = generator_open(clients[i], path, CORRAL_IDS_ZNODE);
    }
}

static void teardown(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        ASSERT_STATUS(corral_ids_close(handles[i]), CORRAL_OK);
        ASSERT_STATUS(corral_client_close(clients[i]), CORRAL_OK);
        handles[i] = NULL;
    }
}

/* --- one after another --- */

static void assert_next(unsigned handle, uint64_t expected)
{
    ASSERT_INT64(generator_next(handles[handle]), expected);
}

/* From 2^30 on the next epoch is due; numbers under way are given all the same. */
static void one_after_another(void)
{
    open_handles("/end/near");
    assert_next(0, epoch_size - 2);
    assert_next(0, epoch_size + 1);
    assert_next(1, epoch_size + 2);
    assert_next(0, epoch_size + 3);
}

static void the_last_one(void)
{
    open_handles("/end/last");
    assert_next(0, epoch_size - 1);
    assert_next(0, epoch_size + 1);
}

/* Of the one that a server gives again and again nobody is told. */
static void nothing_left(void)
{
    open_handles("/end/none");
    assert_next(0, epoch_size + 1);
    assert_next(1, epoch_size + 2);
}

static void in_the_middle_of_a_call(void)
{
    uint64_t many[200];

    open_handles("/end/far");
    ASSERT_STATUS(corral_ids_next_many(handles[0], 200, TESTING_PATIENCE_MS, many), CORRAL_OK);
    for (size_t i = 1; i < 200; i++) {
        CU_ASSERT(many[i] > many[i - 1]);
    }
    CU_ASSERT(many[0] <= 2147483600 + 1 || many[0] > epoch_size);
    CU_ASSERT(many[199] > epoch_size);
}

static void the_epoch_cannot_be_moved(void)
{
    uint64_t id = 77;

    open_handles("/end/version");
    ASSERT_STATUS(corral_ids_next(handles[0], TESTING_PATIENCE_MS, &id), CORRAL_EEXHAUSTED);
    ASSERT_INT64(id, 77);
}

/* --- many at a time --- */

static void work(const char *path)
{
    corral_ids *ids[THREADS];
    generator_result result;

    open_handles(path);
    for (unsigned i = 0; i < THREADS; i++) {
        ids[i] = handles[i % CLIENTS];
    }
    result = generator_work(ids, THREADS, EACH);
    ASSERT_IN_ORDER(&result, (size_t)THREADS * EACH);
    CU_ASSERT(result.calls[result.count - 1].id > epoch_size);
    generator_free(&result);
}

static void from_half_of_them(void)
{
    generator_result result;
    uint64_t id;

    /* At the latest when each handle has come to its own bound. */
    open_handles("/end/half");
    result = generator_work(handles, CLIENTS, 1000);
    ASSERT_IN_ORDER(&result, (size_t)CLIENTS * 1000);
    id = result.calls[0].id;
    CU_ASSERT(id > 1073741800 && id < epoch_size / 2);
    CU_ASSERT(result.calls[result.count - 1].id > epoch_size);
    generator_free(&result);
}

static void by_many_at_a_time(void)
{
    work("/end/many");
}

/* What the tests before have left, all handles being closed. */
static void one_directory_is_left(void)
{
    open_handles("/end/many");
    for (size_t i = 0; i < PREPARED; i++) {
        ASSERT_LEFT(prepared[i].path, strcmp(prepared[i].path, "/end/version") == 0 ? 1 : 2);
    }
}

static CU_TestInfo tests[] = {
    {"one after another", one_after_another},
    {"the last one", the_last_one},
    {"nothing left", nothing_left},
    {"in the middle of a call", in_the_middle_of_a_call},
    {"the epoch cannot be moved", the_epoch_cannot_be_moved},
    {"from half of them", from_half_of_them},
    {"by many at a time", by_many_at_a_time},
    {"one directory is left", one_directory_is_left},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"end", NULL, NULL, setup, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

#include "lib/generator.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/server.h"

enum { POLL_US = 2000 };

corral_ids *generator_open(corral_client *of, const char *path, corral_ids_kind kind)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;

    options.kind = kind;
    return generator_open_with(of, path, options);
}

corral_ids *generator_open_with(corral_client *of, const char *path, corral_ids_options options)
{
    corral_ids *ids = NULL;

    REQUIRE_STATUS(corral_ids_open(of, path, &options, &ids), CORRAL_OK);
    return ids;
}

uint64_t generator_next(corral_ids *ids)
{
    uint64_t id = 0;

    REQUIRE_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_OK);
    return id;
}

/* --- threads --- */

typedef struct {
    corral_ids *ids;
    unsigned each;
    id_call *calls;
    unsigned succeeded;
    unsigned failed;
    int failure;
} worker;

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void *work(void *arg)
{
    worker *own = arg;

    for (unsigned i = 0; i < own->each; i++) {
        id_call *call = &own->calls[own->succeeded];
        int status;

        call->begin = now();
        status = corral_ids_next(own->ids, TESTING_PATIENCE_MS, &call->id);
        call->end = now();
        if (status == CORRAL_OK) {
            own->succeeded++;
        } else {
            own->failed++;
            own->failure = status;
        }
    }
    return NULL;
}

generator_result generator_work(corral_ids *const *ids, unsigned threads, unsigned each)
{
    worker *workers = calloc(threads, sizeof *workers);
    pthread_t *all = calloc(threads, sizeof *all);
    generator_result result = {.calls = calloc((size_t)threads * each, sizeof(id_call))};

    REQUIRE(workers != NULL && all != NULL && result.calls != NULL);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (worker){.ids = ids[i], .each = each, .calls = &result.calls[(size_t)i * each]};
        REQUIRE(pthread_create(&all[i], NULL, work, &workers[i]) == 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        REQUIRE(pthread_join(all[i], NULL) == 0);
        memmove(&result.calls[result.count], workers[i].calls, workers[i].succeeded * sizeof(id_call));
        result.count += workers[i].succeeded;
        result.failed += workers[i].failed;
        result.failure = workers[i].failed > 0 ? workers[i].failure : result.failure;
    }
    free(workers);
    free(all);
    return result;
}

void generator_free(generator_result *result)
{
    free(result->calls);
}

void generator_assert_in_order(generator_result *result, size_t calls, const char *file, unsigned line)
{
    const char *wrong = id_order_judge(result->calls, result->count);

    (void)testing_assert_status(result->failure, CORRAL_OK, "a call", file, line);
    (void)testing_assert_int64(result->failed, 0, "calls that failed", file, line);
    (void)testing_assert_int64((int64_t)result->count, (int64_t)calls, "calls", file, line);
    if (wrong != NULL) {
        fprintf(stderr, "%s:%u: %s\n", file, line, wrong);
    }
    CU_ASSERT_PTR_NULL(wrong);
}

/* --- what is left --- */

bool generator_directory(const char *path, char *ret_directory, size_t size, int *ret_count)
{
    struct String_vector children = {0};
    bool one;

    REQUIRE(raw_children(server_raw(), path, &children) == ZOK);
    one = children.count == 1;
    if (one) {
        (void)snprintf(ret_directory, size, "%s/%s", path, children.data[0]);
        *ret_count = raw_count_below(server_raw(), ret_directory);
    }
    deallocate_String_vector(&children);
    return one;
}

void generator_await_empty(const char *path)
{
    int64_t give_up = testing_now_ms() + TESTING_PATIENCE_MS;
    struct String_vector children = {0};
    int directories;

    do {
        REQUIRE(raw_children(server_raw(), path, &children) == ZOK);
        directories = children.count;
        deallocate_String_vector(&children);
        if (raw_count_below(server_raw(), path) == directories) {
            return;
        }
        usleep(POLL_US);
    } while (testing_now_ms() < give_up);
    CU_FAIL("there are znodes left");
}

void generator_assert_left(const char *path, int epoch, const char *file, unsigned line)
{
    char directory[256] = "";
    int count = -1;
    bool one = generator_directory(path, directory, sizeof directory, &count);
    const char *dash = strrchr(directory, '-');

    (void)testing_assert_int64(one, 1, "there is one directory", file, line);
    (void)testing_assert_int64(dash == NULL ? -1 : atoi(dash + 1), epoch, "its epoch", file, line);
    (void)testing_assert_int64(count, 0, "znodes in it", file, line);
}

#include "lib/numbering.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/workers.h"

enum { THREADS_MAX = 16, AT_ONCE_MAX = 7 };

corral_ids *numbering_open(corral_client *of, const char *path, corral_ids_kind kind, uint64_t block_size)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corral_ids *ids = NULL;

    options.kind = kind;
    options.block_size = block_size;
    REQUIRE_STATUS(corral_ids_open(of, path, &options, &ids), CORRAL_OK);
    return ids;
}

void numbering_put(const char *path, const char *kind, uint64_t number)
{
    static unsigned tag;
    char text[128];

    snprintf(text, sizeof text, "ids %s %016x %" PRIu64, kind, ++tag, number);
    server_put(path, text);
}

int64_t numbering_stored(const char *path)
{
    char text[128];
    const char *number = NULL;

    if (raw_get(server_raw(), path, text, sizeof text, NULL) == ZOK) {
        number = strrchr(text, ' ');
    }
    return number == NULL ? -1 : strtoll(number, NULL, 10);
}

void numbering_assert_next(corral_ids *ids, uint64_t expected, const char *file, unsigned line)
{
    uint64_t id = 0;
    int status = corral_ids_next(ids, TESTING_PATIENCE_MS, &id);

    if (testing_assert_status(status, CORRAL_OK, "the next number", file, line)) {
        testing_assert_int64((int64_t)id, (int64_t)expected, "the next number", file, line);
    }
}

uint64_t numbering_awaited(corral_client *of)
{
    corral_client_stats stats = {0};

    ASSERT_STATUS(corral_client_get_stats(of, &stats), CORRAL_OK);
    return stats.ids_awaited;
}

void record_ids(int status, const uint64_t *ids, size_t count, void *arg)
{
    corral_stamp stamp = {.czxid = -1, .index = (uint32_t)count};

    if (ids != NULL) {
        stamp.czxid = (int64_t)ids[count - 1];
    }
    record_int64(status, ids == NULL ? -1 : (int64_t)ids[0], &stamp, arg);
}

/* --- threads --- */

typedef struct {
    pthread_t thread;
    corral_ids *ids;
    int64_t *numbers; /* room for @wanted */
    unsigned wanted, count, disordered;
    int failure;
} drawer;

/* Note @count numbers, which are new. */
static void note(drawer *own, const uint64_t *ids, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int64_t number = (int64_t)ids[i];

        own->disordered += own->count > 0 && number <= own->numbers[own->count - 1];
        own->numbers[own->count++] = number;
    }
}

static void *draw(void *arg)
{
    drawer *own = arg;

    for (unsigned turn = 0; own->count < own->wanted; turn++) {
        uint64_t ids[AT_ONCE_MAX];
        unsigned left = own->wanted - own->count;
        unsigned count = turn % 3 == 0 ? 1 + turn % AT_ONCE_MAX : 1;

        count = count < left ? count : left;
        own->failure = count == 1 ? corral_ids_next(own->ids, TESTING_PATIENCE_MS, ids)
                                  : corral_ids_next_many(own->ids, count, TESTING_PATIENCE_MS, ids);
        if (own->failure != CORRAL_OK) {
            break;
        }
        note(own, ids, count);
    }
    return NULL;
}

numbering_result numbering_draw(corral_ids *const *handles, unsigned threads, unsigned each)
{
    numbering_result result = {.numbers = calloc((size_t)threads * each, sizeof(int64_t))};
    drawer drawers[THREADS_MAX];

    REQUIRE(threads <= THREADS_MAX && result.numbers != NULL);
    for (unsigned i = 0; i < threads; i++) {
        drawers[i] = (drawer){.ids = handles[i], .numbers = calloc(each, sizeof(int64_t)), .wanted = each};
        REQUIRE(drawers[i].numbers != NULL);
        REQUIRE(pthread_create(&drawers[i].thread, NULL, draw, &drawers[i]) == 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(drawers[i].thread, NULL);
        memcpy(result.numbers + result.count, drawers[i].numbers, drawers[i].count * sizeof(int64_t));
        result.count += drawers[i].count;
        result.disordered += drawers[i].disordered;
        if (drawers[i].failure != CORRAL_OK) {
            result.failed++;
            result.failure = drawers[i].failure;
        }
        free(drawers[i].numbers);
    }
    result.repeated = workers_sort(result.numbers, result.count);
    return result;
}

void numbering_free(numbering_result *result)
{
    free(result->numbers);
}

void numbering_assert_unique(const numbering_result *result, const char *file, unsigned line)
{
    testing_assert_status(result->failure, CORRAL_OK, "calls for numbers", file, line);
    testing_assert_int64(result->repeated, 0, "numbers given twice", file, line);
    testing_assert_int64(result->disordered, 0, "numbers that did not increase", file, line);
}

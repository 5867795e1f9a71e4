#include "lib/workers.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/testing.h"

struct worker {
    pthread_t thread;
    corral_counter *counter;
    unsigned adds;
    workers_result result;
};

static void *work(void *arg)
{
    struct worker *own = arg;
    workers_result *result = &own->result;

    for (unsigned i = 0; i < own->adds; i++) {
        int status = corral_counter_add(own->counter, 1, CORRAL_FOREVER, &result->values[result->succeeded]);

        if (status == CORRAL_OK) {
            result->succeeded++;
        } else if (status == CORRAL_EUNCERTAIN) {
            result->uncertain++;
        } else {
            result->failed++;
            result->failure = status;
        }
    }
    return NULL;
}

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return a < b ? -1 : a > b;
}

unsigned workers_sort(int64_t *values, unsigned count)
{
    unsigned repeated = 0;

    qsort(values, count, sizeof *values, compare);
    for (unsigned i = 1; i < count; i++) {
        repeated += values[i] == values[i - 1];
    }
    return repeated;
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

workers_result workers_add(corral_counter *const *counters, unsigned threads, unsigned adds)
{
    struct worker *workers = allocate(threads, sizeof *workers);
    workers_result all = {.values = allocate((size_t)threads * adds, sizeof *all.values)};

    for (unsigned i = 0; i < threads; i++) {
        workers[i].counter = counters[i];
        workers[i].adds = adds;
        workers[i].result.values = allocate(adds, sizeof *all.values);
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        workers_result *own = &workers[i].result;

        pthread_join(workers[i].thread, NULL);
        for (unsigned v = 0; v < own->succeeded; v++) {
            all.values[all.succeeded++] = own->values[v];
        }
        all.uncertain += own->uncertain;
        all.failed += own->failed;
        all.failure = own->failed > 0 ? own->failure : all.failure;
        free(own->values);
    }
    free(workers);
    workers_sort(all.values, all.succeeded);
    return all;
}

void workers_free(workers_result *result)
{
    free(result->values);
    *result = (workers_result){0};
}

void workers_assert_exact(const workers_result *result, unsigned adds, int64_t from, const char *file,
                          unsigned line)
{
    int64_t first_wrong = 0;

    testing_assert_status(result->failure, CORRAL_OK, "an add's status", file, line);
    testing_assert_int64(result->uncertain, 0, "number of uncertain adds", file, line);
    testing_assert_int64(result->succeeded, adds, "number of successful adds", file, line);
    for (unsigned i = 0; i < result->succeeded && first_wrong == 0; i++) {
        if (result->values[i] != from + 1 + i) {
            first_wrong = from + 1 + i;
        }
    }
    testing_assert_int64(first_wrong, 0, "the first result that is missing or repeated", file, line);
}

/**
 * What tests of ID generators share: handles, calls whose IDs are kept with
 * their times, and what is left in the end.
 */
#ifndef TEST_GENERATOR_H
#define TEST_GENERATOR_H

#include <corral/ids.h>

#include <stdbool.h>

#include "lib/id_order.h"

/** A handle for the generator at @path, to be closed by the test. */
corral_ids *generator_open(corral_client *of, const char *path, corral_ids_kind kind);

/** The same with these options. */
corral_ids *generator_open_with(corral_client *of, const char *path, corral_ids_options options);

/** Get an ID; a failure ends the test. */
uint64_t generator_next(corral_ids *ids);

/** Threads that get IDs with blocking calls. */
typedef struct {
    size_t count;    /**< of calls that succeeded */
    unsigned failed; /**< others */
    int failure;     /**< the status of one of those; else 0 */
    id_call *calls;
} generator_result;

/** Let thread i of @threads call @ids[i] @each times, and wait for all. Free with generator_free(). */
generator_result generator_work(corral_ids *const *ids, unsigned threads, unsigned each);
void generator_free(generator_result *result);

/** Assert that @calls calls succeeded, no other, and that the IDs increase in real time. */
#define ASSERT_IN_ORDER(result, calls) generator_assert_in_order((result), (calls), __FILE__, __LINE__)
void generator_assert_in_order(generator_result *result, size_t calls, const char *file, unsigned line);

/** Of a ZNODE generator: the path of its only directory, and how many znodes are in that. False: there are
 * others. */
bool generator_directory(const char *path, char *ret_directory, size_t size, int *ret_count);

/** Wait until its directories, however many there are, are empty; a failure in TESTING_PATIENCE_MS. */
void generator_await_empty(const char *path);

/** Assert that this is the directory of @epoch, and empty. */
#define ASSERT_LEFT(path, epoch) generator_assert_left((path), (epoch), __FILE__, __LINE__)
void generator_assert_left(const char *path, int epoch, const char *file, unsigned line);

#endif

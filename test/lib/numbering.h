/**
 * What the tests of IDs share: handles, generators made by hand, what
 * callbacks were given, and threads that draw numbers and look at them.
 */
#ifndef TEST_NUMBERING_H
#define TEST_NUMBERING_H

#include <corral/ids.h>

#include "lib/fixture.h"

/** A handle of @of; a @block_size of 0 is the default. */
corral_ids *numbering_open(corral_client *of, const char *path, corral_ids_kind kind, uint64_t block_size);

/** Make the generator at @path @kind ("block") with this @number, of a tag of its own. */
void numbering_put(const char *path, const char *kind, uint64_t number);

/** The number that the generator at @path holds; -1 if there is none. */
int64_t numbering_stored(const char *path);

/** Assert that the next number is @expected. */
#define ASSERT_NEXT(ids, expected) numbering_assert_next((ids), (expected), __FILE__, __LINE__)
void numbering_assert_next(corral_ids *ids, uint64_t expected, const char *file, unsigned line);

/** How often a call of @of had to wait for a lease. */
uint64_t numbering_awaited(corral_client *of);

/**
 * A callback whose arg is a record. The first number is its value; its stamp's
 * czxid is the last one, and its index how many there are.
 */
void record_ids(int status, const uint64_t *ids, size_t count, void *arg);

/** What threads drew. */
typedef struct {
    int64_t *numbers; /**< ascending */
    unsigned count;
    unsigned repeated;   /**< how many of them equal another one */
    unsigned disordered; /**< how often a thread got one that was not greater than its last */
    unsigned failed;     /**< calls */
    int failure;         /**< the status of one of those; else 0 */
} numbering_result;

/**
 * Let thread i of @threads draw @each numbers of @handles[i], one by one and
 * several at a time by turns, and wait for all. Free with numbering_free().
 */
numbering_result numbering_draw(corral_ids *const *handles, unsigned threads, unsigned each);
void numbering_free(numbering_result *result);

/** Assert that all calls succeeded, that nothing was repeated, and that each thread's numbers increased. */
#define ASSERT_UNIQUE(result) numbering_assert_unique((result), __FILE__, __LINE__)
void numbering_assert_unique(const numbering_result *result, const char *file, unsigned line);

#endif

/** Ways of drawing numbers: Corral's generators, and the least of the same, without what makes it safe. */
#ifndef BENCH_IDS_H
#define BENCH_IDS_H

#include "task.h"

/**
 * corral_ids_next() of the generator of that kind at @t->path: by threads, whose numbers must increase, or
 * asynchronously. Those of BLOCK and SNOWFLAKE are not timed one by one. What the calls leave to be done
 * counts in the time.
 */
bool ids_block(const task *t, outcome *ret_outcome);
bool ids_sequence(const task *t, outcome *ret_outcome);
bool ids_znode(const task *t, outcome *ret_outcome);
bool ids_snowflake(const task *t, outcome *ret_outcome);

/** atomic_fetch_add() on a number that all threads share. */
bool ids_bare_fetch_add(const task *t, outcome *ret_outcome);

/**
 * Asynchronous only: zoo_acreate(), each followed by zoo_adelete() of what it made, of ephemeral
 * sequential znodes in @t->path, which is made.
 */
bool ids_bare_znode(const task *t, outcome *ret_outcome);

#endif

/** What IDs are measured by: the least of the same, without what makes it safe. */
#ifndef BENCH_IDS_BARE_H
#define BENCH_IDS_BARE_H

#include "ids_draw.h"

/** An ids_draw: atomic_fetch_add() on a number that all threads share. */
uint64_t ids_bare_count(ids_way *w);

/**
 * An ids_draw, of one thread: so many of libzookeeper's zoo_acreate() as the way
 * has outstanding, each followed by zoo_adelete() of what it made and by the
 * next, of ephemeral sequential znodes in the way's path. Returns when the last
 * one has been deleted.
 */
uint64_t ids_bare_znodes(ids_way *w);

#endif

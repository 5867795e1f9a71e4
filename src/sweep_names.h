/* The sweep's names: which children are writers and lanes, and the paths that are made of them. */
#ifndef CORRALI_SWEEP_NAMES_H
#define CORRALI_SWEEP_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "sweep.h"

/* Keep copies of @items instead of what @names holds. CORRAL_ENOMEM: it holds none. */
int corrali_names_copy(corrali_names *names, const char *const *items, size_t count);
void corrali_names_free(corrali_names *names);

/* Is @name, a child of a writer, that of a lane: an unsigned 64-bit number, as printf() has it? */
bool corrali_sweep_is_lane(const char *name);

/* Get memory for the paths of @sweep, and make those that stay. On success @sweep->mark is to be freed. */
int corrali_sweep_make_paths(corrali_sweep *sweep, const char *home);

/* Make the paths of the writer @name; false: it is none. */
bool corrali_sweep_name_writer(corrali_sweep *sweep, const char *name);

/* Make the path of its lane at hand, the next of @sweep->lanes, all of which must be lanes. */
void corrali_sweep_name_lane(corrali_sweep *sweep);

#endif

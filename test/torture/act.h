/** One fault that is being made: whom it hits, for how long, and how one can tell that it bites. */
#ifndef TORTURE_ACT_H
#define TORTURE_ACT_H

#include "faults.h"

/** Where faults are made, and the chance that decides on them. */
typedef struct {
    arena *arena;
    crew *crew;
    unsigned seed;
} scene;

typedef struct {
    fault made;      /**< what is to be told of it */
    int node;        /**< the server that it is about ... */
    bool leads;      /**< ... and whether that one leads */
    unsigned worker; /**< ... or the worker */
    int64_t lasts, due;
    uint64_t before; /**< the sign by which one can tell that it bites */
} act;

/** One of the numbers from 0 on, so many as @sides. */
unsigned scene_dice(scene *s, unsigned sides);

/** Does a fault of @kind leave the servers alone? Two that do not would cost the quorum. */
bool act_spares_servers(fault_kind kind);

/** Choose whom a fault of @kind hits. May cut clients. False: said why. */
bool act_choose(act *a, scene *s, fault_kind kind);

void act_begin(act *a, scene *s);

/** Take back what it did. False: a server does not serve again; said. */
bool act_undo(act *a, scene *s);

/** Did it bite, and nothing else? For when the crew goes on. */
bool act_bit(const act *a, const scene *s);

#endif

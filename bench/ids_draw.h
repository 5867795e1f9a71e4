/** Ways of drawing numbers, for bench_ids: by threads, or by callbacks. */
#ifndef BENCH_IDS_DRAW_H
#define BENCH_IDS_DRAW_H

#include <corral/counter.h>
#include <corral/ids.h>
#include <corral/status.h>

#include "common.h"
#include "lib/raw.h"

typedef struct ids_way ids_way;

/** Draw until ids_draw_over(); returns how many. A call that fails is told of by ids_draw_failed(). */
typedef uint64_t (*ids_draw)(ids_way *w);

struct ids_way {
    const char *name;
    unsigned threads;     /**< that run draw */
    ids_draw draw;        /**< NULL: asynchronous */
    unsigned outstanding; /**< how many calls are kept under way, if asynchronous */
    bool counts;          /**< it counts with a counter */
    bool generates;       /**< it draws from a generator, of this kind */
    corral_ids_kind kind;
    corral_counter *counter;
    corral_ids *ids;
    raw *raw;               /**< libzookeeper's handle, if neither */
    corral_counter *behind; /**< of the same session, if calls leave something to be done; else NULL */
    char path[128];
    double fixed;   /**< a rate that is not measured; 0: it is */
    uint64_t drawn; /**< in this round */
    double seconds; /**< in this round */
    double rates[BENCH_ROUNDS_MAX];
};

enum { IDS_THREADS_MAX = 64 };

/** corral_counter_add() of 1. */
uint64_t ids_draw_counter(ids_way *w);
/** corral_ids_next(). */
uint64_t ids_draw_next(ids_way *w);

/** Is it time to stop? */
bool ids_draw_over(void);
/** Say once that @w did not get its number. Returns 0. */
uint64_t ids_draw_failed(const ids_way *w, int status);

/**
 * Let @w draw for @seconds, and add to its figures. What calls leave to be done
 * counts in its time. False: something failed.
 */
bool ids_draw_slice(ids_way *w, double seconds);

#endif

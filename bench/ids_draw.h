/** Ways of drawing numbers, for bench_ids: by threads, or by callbacks. */
#ifndef BENCH_IDS_DRAW_H
#define BENCH_IDS_DRAW_H

#include <corral/counter.h>
#include <corral/ids.h>
#include <corral/status.h>

#include "common.h"

typedef struct ids_way ids_way;

/** Draw until ids_draw_over(); returns how many. A call that fails is told of by ids_draw_failed(). */
typedef uint64_t (*ids_draw)(ids_way *w);

struct ids_way {
    const char *name;
    unsigned threads; /**< that run draw; 0: IDS_OUTSTANDING asynchronous calls are kept under way */
    ids_draw draw;    /**< NULL: asynchronous */
    bool counts;      /**< it counts with a counter */
    bool generates;   /**< it draws from a generator, of this kind */
    corral_ids_kind kind;
    corral_counter *counter;
    corral_ids *ids;
    char path[128];
    uint64_t drawn; /**< in this round */
    double seconds; /**< in this round */
    double rates[BENCH_ROUNDS_MAX];
};

enum { IDS_OUTSTANDING = 10000, IDS_THREADS_MAX = 64 };

/** atomic_fetch_add() on a number that all threads share. */
uint64_t ids_draw_bare(ids_way *w);
/** corral_counter_add() of 1. */
uint64_t ids_draw_counter(ids_way *w);
/** corral_ids_next(). */
uint64_t ids_draw_next(ids_way *w);

/** Is it time to stop? */
bool ids_draw_over(void);
/** Say once that @w did not get its number. Returns 0. */
uint64_t ids_draw_failed(const ids_way *w, int status);

/** Let @w draw for @seconds, and add to its figures. False: something failed. */
bool ids_draw_slice(ids_way *w, double seconds);

#endif

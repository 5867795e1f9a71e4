/** IDs drawn at a steady rate while no server answers for a while. */
#ifndef BENCH_STALL_H
#define BENCH_STALL_H

#include <stdbool.h>

/**
 * Draw @rate BLOCK IDs a second from a generator at @path, for some seconds in
 * the middle of which nothing comes from or gets to the servers for 200 ms. How many
 * calls have waited for the server then, but for those of the first seconds, when the
 * rate was not known, and how many a second it was. False: something failed.
 */
bool stall_measure(const char *path, double rate, double *ret_awaited, double *ret_rate);

#endif

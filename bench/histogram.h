/** How often which time was taken, to within 1 %: what percentiles are read from. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/*
 * Each power of two has as many buckets as HISTOGRAM_BITS can tell apart, so that a bucket's middle is off by
 * at most 1 / 2^(HISTOGRAM_BITS + 1). Times beyond 2^HISTOGRAM_RANGE ns, 18 minutes, count as that.
 */
enum { HISTOGRAM_BITS = 6, HISTOGRAM_RANGE = 40 };
enum { HISTOGRAM_BUCKETS = (HISTOGRAM_RANGE - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS };

/** All zeros: empty. */
typedef struct {
    uint64_t count;
    uint64_t buckets[HISTOGRAM_BUCKETS];
} histogram;

void histogram_note(histogram *h, int64_t ns);

/** Add what @other has noted. */
void histogram_merge(histogram *h, const histogram *other);

/** The time, in ns, that @share of all did not exceed; 0: none was noted. */
double histogram_percentile(const histogram *h, double share);

#endif

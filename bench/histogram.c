#include "histogram.h"

#include <stddef.h>

/* Numbers below 2^HISTOGRAM_BITS have a bucket each; of others the highest bits count. */
static size_t find_bucket(uint64_t ns)
{
    if (ns >> HISTOGRAM_BITS == 0) {
        return ns;
    }
    unsigned shift = (unsigned)(63 - __builtin_clzll(ns)) - HISTOGRAM_BITS;
    return ((size_t)shift << HISTOGRAM_BITS) + (ns >> shift);
}

static double middle(size_t bucket)
{
    size_t shift = bucket >> HISTOGRAM_BITS;

    if (shift <= 1) {
        return (double)bucket; /* one number only */
    }
    shift--;
    uint64_t first = (uint64_t)(bucket - (shift << HISTOGRAM_BITS)) << shift;
    return (double)first + (double)(UINT64_C(1) << shift) / 2;
}

void histogram_note(histogram *h, int64_t ns)
{
    size_t bucket = find_bucket(ns > 0 ? (uint64_t)ns : 0);

    h->count++;
    h->buckets[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1]++;
}

void histogram_merge(histogram *h, const histogram *other)
{
    h->count += other->count;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        h->buckets[i] += other->buckets[i];
    }
}

double histogram_percentile(const histogram *h, double share)
{
    double rank = share * (double)h->count;
    uint64_t passed = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS && h->count > 0; i++) {
        passed += h->buckets[i];
        if (passed > 0 && (double)passed >= rank) {
            return middle(i);
        }
    }
    return 0;
}

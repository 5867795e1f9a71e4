#include "ids_pace.h"

enum { GROWTH_MAX = 8 };
static const double second_ns = 1e9;

static uint64_t at_least(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What @used numbers in @ns come to in a second. */
static uint64_t per_second(uint64_t used, int64_t ns)
{
    double rate = (double)used * second_ns / (double)(ns > 0 ? ns : 1);

    return rate < (double)CORRALI_IDS_LEASE_MAX ? (uint64_t)rate : CORRALI_IDS_LEASE_MAX;
}

uint64_t corrali_ids_pace_next(corrali_ids_pace *pace, int64_t now, uint64_t held, uint64_t wanted)
{
    uint64_t used = pace->leased - held;
    uint64_t size = CORRALI_IDS_LEASE_MIN;

    if (pace->size > 0) {
        size = per_second(used - pace->used, now - pace->when);
        size = at_least(size, at_least(pace->size / 2, CORRALI_IDS_LEASE_MIN));
        size = at_most(size, at_most(pace->size, CORRALI_IDS_LEASE_MAX / GROWTH_MAX) * GROWTH_MAX);
    }
    size = at_least(size, wanted);
    *pace = (corrali_ids_pace){.size = size, .leased = pace->leased, .used = used, .when = now};
    return size;
}

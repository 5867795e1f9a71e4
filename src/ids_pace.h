/* How many numbers to lease at a time, so that they last for about a second at the rate at which they go. */
#ifndef CORRALI_IDS_PACE_H
#define CORRALI_IDS_PACE_H

#include <stdint.h>

#define CORRALI_IDS_LEASE_MIN UINT64_C(64)
#define CORRALI_IDS_LEASE_MAX (UINT64_C(1) << 32)

/* All of it zero: nothing was leased yet. */
typedef struct {
    uint64_t size;   /* of the last lease; 0: there was none */
    uint64_t leased; /* by all that have succeeded */
    uint64_t used;   /* ... and was used by the time of the last lease, */
    int64_t when;    /* ... which was then, in ns */
} corrali_ids_pace;

/*
 * How many to lease at @now, when @held are left and @wanted are waited for in
 * addition: at most 8 times as many as last time, and at least half as many,
 * but no fewer than are wanted.
 */
uint64_t corrali_ids_pace_next(corrali_ids_pace *pace, int64_t now, uint64_t held, uint64_t wanted);

#endif

#ifndef SIM_COUNTERS_H
#define SIM_COUNTERS_H

#include "fleet.h"

typedef struct {
    uint64_t digest;
    uint64_t operations, faults, steps;
    int clients;
    bool unjudged; /* so much ended uncertain that no judgement is possible */
    uint64_t rare[RARE_PATHS];
    char failure[4096]; /* "": all is right */
} sim_result;

/** Run the workload once. The same @seed gives the same result. */
void counters_run(uint64_t seed, bool tracing, sim_result *ret_result);

#endif

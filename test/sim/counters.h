#ifndef SIM_COUNTERS_H
#define SIM_COUNTERS_H

#include "fleet.h"

/** Run the workload once. The same @seed gives the same result. */
void counters_run(uint64_t seed, bool tracing, sim_result *ret_result);

#endif

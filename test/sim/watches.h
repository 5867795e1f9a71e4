#ifndef SIM_WATCHES_H
#define SIM_WATCHES_H

#include "fleet.h"

/** Run the workload once. The same @seed gives the same result. */
void watches_run(uint64_t seed, bool tracing, sim_result *ret_result);

#endif

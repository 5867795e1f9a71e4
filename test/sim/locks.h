#ifndef SIM_LOCKS_H
#define SIM_LOCKS_H

#include "fleet.h"

/** Run the workload once. The same @seed gives the same result. */
void locks_run(uint64_t seed, bool tracing, sim_result *ret_result);

#endif

#ifndef SIM_IDS_H
#define SIM_IDS_H

#include "fleet.h"

/** Run the workload once. The same @seed gives the same result. */
void ids_run(uint64_t seed, bool tracing, sim_result *ret_result);

#endif

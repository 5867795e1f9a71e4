/**
 * The workloads, by the names that --workload knows. NAME_work, in the worker,
 * is what its threads do; NAME_judge, in the driver, reads what they noted down.
 */
#ifndef TORTURE_WORKLOADS_H
#define TORTURE_WORKLOADS_H

#define WORKLOAD_MAP(X) X(counter) X(lock) X(ids) X(watch)

#endif

/**
 * Corral: exactly-once counters and values, unique IDs and fenced locks on Apache ZooKeeper.
 *
 * This is the umbrella header; each recipe has a header of its own.
 */
#ifndef CORRAL_H
#define CORRAL_H

#include <corral/client.h>
#include <corral/counter.h>
#include <corral/ids.h>
#include <corral/lock.h>
#include <corral/op.h>
#include <corral/status.h>
#include <corral/txn.h>
#include <corral/value.h>
#include <corral/watch.h>

#endif

/**
 * The faults: what they do to the arena and the crew, how one can tell that
 * they bit, and the schedule on which a seed puts them.
 */
#ifndef TORTURE_FAULTS_H
#define TORTURE_FAULTS_H

#include <stddef.h>

#include "arena.h"
#include "crew.h"

/** X(name in capitals, name, what it does) */
#define FAULT_MAP(X)                                                                                         \
    X(KILL_LEADER, "kill-leader", "the leader is killed, and started again")                                 \
    X(KILL_FOLLOWER, "kill-follower", "a follower is killed, and started again")                             \
    X(PAUSE_SERVER, "pause-server", "a server hangs (SIGSTOP), and goes on")                                 \
    X(PAUSE_WORKER, "pause-worker", "a worker hangs for longer than its session, and goes on")               \
    X(KILL_WORKER, "kill-worker", "a worker is killed, and another one takes its place")                     \
    X(CUT_PEERS, "cut-peers", "a server is cut off from its peers, but not from clients")                    \
    X(CUT_OFF, "cut-off", "a server is cut off from everybody")                                              \
    X(LOSE_REPLIES, "lose-replies", "replies to changes are lost, with their connections")                   \
    X(RESTART_ALL, "restart-all", "all servers are killed, and started again")

#define FAULT_ENUM(name, text, what) FAULT_##name,
typedef enum { FAULT_MAP(FAULT_ENUM) FAULT_KINDS } fault_kind;
#undef FAULT_ENUM

/** Its name; and what it does, as a sentence without end. */
const char *fault_name(fault_kind kind);
const char *fault_text(fault_kind kind);

/** Set @chosen to the kinds of the list @names ("kill-leader,cut-off"; "all"). False: one is unknown. */
bool fault_parse(const char *names, bool chosen[FAULT_KINDS]);

#define FAULTS_SECOND INT64_C(1000000000)
#define FAULTS_MS INT64_C(1000000)

/** Of two that overlap, which began first. */
typedef enum { FAULT_ALONE, FAULT_FIRST, FAULT_SECOND } fault_part;

/** One that has been. Times are CLOCK_MONOTONIC in nanoseconds. */
typedef struct {
    fault_kind kind;
    fault_part part;
    int64_t begin, end; /**< end: what it did is undone, and unless another one lasts longer every worker
                             gets answers */
    int node;           /**< the server that was meant; -1: none in particular */
    int led, leads;     /**< who led before and after */
    bool bit; /**< clients had to connect anew; of PAUSE_WORKER, KILL_WORKER: it has another session;
                   of LOSE_REPLIES: one of them was found applied by its repetition. Never of two that
                 overlap: who was it then? */
} fault;

typedef struct {
    fault *list; /**< to be freed */
    size_t count, capacity;
    unsigned made[FAULT_KINDS], bitten[FAULT_KINDS]; /**< alone */
    unsigned overlapped[FAULT_KINDS], pairs;
} faults;

/**
 * Make faults of the @chosen kinds for @seconds: in rounds of each kind once,
 * and of some pairs that overlap, in an order and with durations that @seed
 * gives. Goes on for as much again, or three minutes if that is more, if a kind has not
 * bitten until then, or no two have overlapped. False: something did not recover; it has been said what.
 * @interrupted may ask for an early end.
 */
bool faults_run(faults *f, arena *a, crew *c, const bool chosen[FAULT_KINDS], unsigned seconds, unsigned seed,
                bool (*interrupted)(void));

/** Has each of the @chosen kinds bitten? */
bool faults_all_bit(const faults *f, const bool chosen[FAULT_KINDS]);

void faults_append(faults *f, const fault *made);

int64_t faults_now(void);
void faults_wait_until(int64_t moment);

#endif

#include "drain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/devserver.h"
#include "common.h"
#include "lib/peer.h"
#include "lock_worker.h"

enum { PROCESSES = 4, PATH_SIZE = 192, QUIET_TRIES = 200 };
#define QUIET_SECONDS 0.5

static peer *workers[PROCESSES];

bool bench_drain_start(const char *servers)
{
    char *worker[] = {(char *)"/proc/self/exe", (char *)BENCH_LOCK_WORKER, (char *)servers, NULL};
    bool good = true;

    for (int i = 0; i < PROCESSES && good; i++) {
        workers[i] = peer_start(worker);
        good = workers[i] != NULL && peer_await(workers[i]);
    }
    return good;
}

bool bench_drain_stop(void)
{
    bool good = true;

    for (int i = 0; i < PROCESSES; i++) {
        good = peer_stop(workers[i]) && good;
        workers[i] = NULL;
    }
    return good;
}

/** How many packets the server has received. */
static bool read_received(const char *servers, double *ret_received)
{
    const char *port = strrchr(servers, ':');
    char answer[4096];
    const char *line = port != NULL && dev_four_letter(atoi(port + 1), "srvr", answer, sizeof answer) > 0
                           ? strstr(answer, "Received: ")
                           : NULL;

    if (line == NULL) {
        fprintf(stderr, "bench: %s: does not tell how many packets it has received\n", servers);
        return false;
    }
    *ret_received = strtod(line + strlen("Received: "), NULL);
    return true;
}

/** Wait until all wait and nobody sends anything but pings; tell how many of these there are in a second. */
static bool await_quiet(raw *r, const char *servers, const char *path, int waiters, double *ret_pings)
{
    double before, after;
    struct Stat stat = {0};

    for (int tries = 0; tries < QUIET_TRIES; tries++) {
        if (!read_received(servers, &before)) {
            return false;
        }
        bench_sleep(QUIET_SECONDS);
        if (!read_received(servers, &after)) {
            return false;
        }
        *ret_pings = (after - before) / QUIET_SECONDS;
        if (raw_exists(r, path, &stat) == ZOK && stat.numChildren == waiters + 1 &&
            *ret_pings < waiters / 4.0) {
            return true;
        }
    }
    fprintf(stderr, "bench: %s: %d znodes, %.0f requests/s: not quiet with %d waiters\n", path,
            stat.numChildren, *ret_pings, waiters);
    return false;
}

/** Tell all the workers to do something, or hear that they have. */
static bool tell_to_queue(const char *path, unsigned waiters)
{
    bool good = true;

    for (unsigned i = 0; i < PROCESSES && good; i++) {
        good = peer_tell(workers[i], "queue %s %u", path, (waiters + i) / PROCESSES);
    }
    return good;
}

static bool tell_to_drain(void)
{
    bool good = true;

    for (unsigned i = 0; i < PROCESSES && good; i++) {
        good = peer_tell(workers[i], "drain");
    }
    return good;
}

static bool hear_done(uint64_t wanted)
{
    uint64_t total = 0, count;
    char line[128];

    for (unsigned i = 0; i < PROCESSES; i++) {
        if (!peer_hear(workers[i], line, sizeof line) || sscanf(line, "done %" SCNu64, &count) != 1) {
            return false;
        }
        total += count;
    }
    return total == wanted;
}

bool bench_drain_once(raw *r, const char *servers, const char *path, unsigned waiters, double *ret_requests,
                      double *ret_rate)
{
    char first[PATH_SIZE], made[PATH_SIZE];
    double pings, before, after;

    /* The one before all of them is ours. */
    snprintf(first, sizeof first, "%s/_c_00000000-0000-0000-0000-000000000000-lock-", path);
    if (zoo_create(raw_handle(r), first, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, made,
                   sizeof made) != ZOK ||
        !tell_to_queue(path, waiters) || !hear_done(0) ||
        !await_quiet(r, servers, path, (int)waiters, &pings) || !read_received(servers, &before)) {
        fprintf(stderr, "bench: %u waiters: cannot queue up\n", waiters);
        return false;
    }
    double start = bench_now();
    if (raw_delete(r, made) != ZOK || !tell_to_drain() || !hear_done(waiters)) {
        fprintf(stderr, "bench: %u waiters: did not all get the lock\n", waiters);
        return false;
    }
    double seconds = bench_now() - start;
    if (!read_received(servers, &after)) {
        return false;
    }
    *ret_requests = (after - before - pings * seconds) / waiters;
    *ret_rate = waiters / seconds;
    return true;
}

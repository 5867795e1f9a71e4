#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"
#include "flight.h"
#include "ids.h"
#include "sessions.h"
#include "team.h"

static bool count_up(team_member *own)
{
    static struct {
        char before[64];
        _Atomic uint64_t number;
        char after[64];
    } shared;
    uint64_t count = 0, last = 0;

    while (!team_is_over()) {
        uint64_t number = atomic_fetch_add(&shared.number, 1) + 1;

        if (number <= last) {
            return bench_fail(own->task->path, "numbers do not increase", 0);
        }
        last = number;
        count++;
    }
    own->count = count;
    return true;
}

bool ids_bare_fetch_add(const task *t, outcome *ret_outcome)
{
    return team_run_loops(t, count_up, NULL, ret_outcome);
}

/* --- znodes --- */

typedef struct {
    zhandle_t *handle;
    char prefix[TASK_PATH_SIZE];
} loop;

static void deleted(int result, const void *data)
{
    (void)data;
    if (result != ZOK) {
        bench_fail("a znode of ours", "delete", result);
        abort();
    }
}

/* The next one does not wait for the deletion. */
static void created(int result, const char *path, const void *data)
{
    const loop *l = data;

    if (result == ZOK) {
        result = zoo_adelete(l->handle, path, -1, deleted, NULL);
    }
    flight_landed(result);
}

static int create(void *context)
{
    const loop *l = context;

    return zoo_acreate(l->handle, l->prefix, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, created,
                       l);
}

/* The server does a session's requests in order: when this has been answered, so have the deletions. */
static bool await_deletions(raw *r, const char *path, outcome *o)
{
    double start = bench_now();
    int result = raw_exists(r, path, NULL);

    o->seconds += bench_now() - start;
    return result == ZOK || bench_fail(path, "exists", result);
}

bool ids_bare_znode(const task *t, outcome *ret_outcome)
{
    raw *r = sessions_bare(0, true);
    loop l;

    if (t->outstanding == 0) {
        return bench_fail(t->path, "needs outstanding=N", 0);
    }
    if (r == NULL || !sessions_bare_make(r, t->path)) {
        return false;
    }
    l.handle = raw_handle(r);
    snprintf(l.prefix, sizeof l.prefix, "%s/n-", t->path);
    return flight_run(t, create, &l, ret_outcome) && await_deletions(r, t->path, ret_outcome);
}

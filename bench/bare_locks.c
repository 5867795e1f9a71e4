#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"
#include "locks.h"
#include "sessions.h"
#include "team.h"

enum { LINKS = 64 };

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0 && errno == EINTR) {
    }
}

/* --- one session --- */

static void deletion_ended(int result, const void *data)
{
    (void)data;
    if (result != ZOK) {
        bench_fail("a znode of ours", "delete", result);
        abort();
    }
}

static bool create_and_delete(const team_member *own, bool awaited)
{
    zhandle_t *handle = own->context;
    char prefix[TASK_PATH_SIZE], made[TASK_PATH_SIZE];

    snprintf(prefix, sizeof prefix, "%s/lock-", own->task->path);
    int result =
        zoo_create(handle, prefix, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, made, sizeof made);
    if (result == ZOK) {
        result = awaited ? zoo_delete(handle, made, -1) : zoo_adelete(handle, made, -1, deletion_ended, NULL);
    }
    return result == ZOK || bench_fail(prefix, "create, delete", result);
}

static bool wait_for_deletion(team_member *own)
{
    return create_and_delete(own, true);
}

static bool go_ahead(team_member *own)
{
    return create_and_delete(own, false);
}

static bool run(const task *t, team_work step, outcome *ret_outcome)
{
    raw *r = sessions_bare(0, true);

    return r != NULL && sessions_bare_make(r, t->path) && team_run_steps(t, step, raw_handle(r), ret_outcome);
}

bool locks_bare(const task *t, outcome *ret_outcome)
{
    return run(t, wait_for_deletion, ret_outcome);
}

bool locks_ahead(const task *t, outcome *ret_outcome)
{
    return run(t, go_ahead, ret_outcome);
}

/* --- two --- */

/* Znodes that the two delete by turns, and what tells that another one is gone. */
typedef struct {
    const task *task;
    zhandle_t *handles[2];
    sem_t heard;
} chain;

static void name_link(const chain *c, unsigned number, char path[TASK_PATH_SIZE])
{
    snprintf(path, TASK_PATH_SIZE, "%s/%02u", c->task->path, number);
}

static void on_event(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    chain *c = context;

    (void)handle;
    (void)state;
    (void)path;
    if (type == ZOO_DELETED_EVENT) {
        sem_post(&c->heard);
    }
}

static bool prepare(chain *c)
{
    char path[TASK_PATH_SIZE];
    struct Stat stat;

    for (unsigned i = 0; i < LINKS; i++) {
        name_link(c, i, path);
        int result = zoo_create(c->handles[i % 2], path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0);
        if (result == ZOK) {
            result = zoo_wexists(c->handles[(i + 1) % 2], path, on_event, c, &stat);
        }
        if (result != ZOK) {
            return bench_fail(path, "create, watch", result);
        }
    }
    return true;
}

static bool run_chain(chain *c, outcome *o)
{
    char path[TASK_PATH_SIZE];

    for (unsigned i = 0; i < LINKS; i++) {
        name_link(c, i, path);
        bench_sleep(c->task->pause_ms / 1e3);
        int64_t start = bench_now_ns();
        int result = zoo_adelete(c->handles[i % 2], path, -1, deletion_ended, NULL);
        if (result != ZOK) {
            return bench_fail(path, "delete", result);
        }
        wait_for(&c->heard);
        int64_t took = bench_now_ns() - start;
        histogram_note(&o->latencies, took);
        o->seconds += (double)took / 1e9;
        o->count++;
    }
    return true;
}

bool locks_bare_pass(const task *t, outcome *ret_outcome)
{
    raw *sessions[2] = {sessions_bare(0, true), sessions_bare(1, true)};
    double end = bench_now() + t->seconds;

    if (sessions[0] == NULL || sessions[1] == NULL || !sessions_bare_make(sessions[0], t->path)) {
        return false;
    }
    chain c = {.task = t, .handles = {raw_handle(sessions[0]), raw_handle(sessions[1])}};
    sem_init(&c.heard, 0, 0);
    bool good;
    do {
        good = prepare(&c) && run_chain(&c, ret_outcome);
    } while (good && bench_now() < end);
    sem_destroy(&c.heard);
    return good;
}

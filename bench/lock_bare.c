#include "lock_bare.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

enum { PATH_SIZE = 192, LINKS = 64 };

static bool report(const char *path, const char *what, int result)
{
    fprintf(stderr, "bench: %s: %s: %d\n", path, what, result);
    return false;
}

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
        report("a znode of ours", "delete", result);
        abort();
    }
}

bool bench_bare_loop(raw *r, const char *directory, bool awaited, double seconds, uint64_t *ret_count,
                     double *ret_seconds)
{
    zhandle_t *handle = raw_handle(r);
    double start = bench_now(), end = start;
    char prefix[PATH_SIZE], made[PATH_SIZE];

    snprintf(prefix, sizeof prefix, "%s/lock-", directory);
    for (*ret_count = 0; end - start < seconds; ++*ret_count) {
        int result = zoo_create(handle, prefix, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, made,
                                sizeof made);

        if (result == ZOK) {
            result =
                awaited ? zoo_delete(handle, made, -1) : zoo_adelete(handle, made, -1, deletion_ended, NULL);
        }
        if (result != ZOK) {
            return report(made, "create, delete", result);
        }
        end = bench_now();
    }
    *ret_seconds = end - start;
    return true;
}

/* --- two --- */

/* Znodes that the two delete by turns, and what tells that another one is gone. */
typedef struct {
    const char *directory;
    raw *const *sessions;
    sem_t heard;
} chain;

static void name_link(const chain *c, unsigned number, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%02u", c->directory, number);
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
    char path[PATH_SIZE];
    struct Stat stat;

    for (unsigned i = 0; i < LINKS; i++) {
        name_link(c, i, path);
        int result = zoo_create(raw_handle(c->sessions[i % 2]), path, "", 0, &ZOO_OPEN_ACL_UNSAFE,
                                ZOO_EPHEMERAL, NULL, 0);
        if (result == ZOK) {
            result = zoo_wexists(raw_handle(c->sessions[(i + 1) % 2]), path, on_event, c, &stat);
        }
        if (result != ZOK) {
            return report(path, "create, watch", result);
        }
    }
    return true;
}

static bool run_chain(chain *c, unsigned pause_ms, double *ret_seconds)
{
    char path[PATH_SIZE];

    for (unsigned i = 0; i < LINKS; i++) {
        name_link(c, i, path);
        bench_sleep(pause_ms / 1e3);
        double start = bench_now();
        int result = zoo_adelete(raw_handle(c->sessions[i % 2]), path, -1, deletion_ended, NULL);
        if (result != ZOK) {
            return report(path, "delete", result);
        }
        wait_for(&c->heard);
        *ret_seconds += bench_now() - start;
    }
    return true;
}

bool bench_bare_pass(raw *const sessions[2], const char *directory, unsigned pause_ms, double seconds,
                     uint64_t *ret_count, double *ret_seconds)
{
    chain c = {.directory = directory, .sessions = sessions};
    double end = bench_now() + seconds;
    bool good = true;

    sem_init(&c.heard, 0, 0);
    *ret_count = 0;
    *ret_seconds = 0;
    do {
        good = prepare(&c) && run_chain(&c, pause_ms, ret_seconds);
        *ret_count += LINKS;
    } while (good && bench_now() < end);
    sem_destroy(&c.heard);
    return good;
}

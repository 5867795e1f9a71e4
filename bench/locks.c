#include "locks.h"

#include <corral.h>

#include <stdatomic.h>

#include "common.h"
#include "sessions.h"
#include "team.h"

typedef struct {
    corral_lock *locks[TASK_THREADS_MAX];
    unsigned handles; /* one for all threads, or one for each */
    unsigned most;    /* may hold it at once */
    atomic_uint holders;
    /* The holder's, if it is passed on: */
    const team_member *last;
    int64_t released_ns;
    histogram passes;
    int64_t passes_ns;
} arena;

static void close_arena(arena *a)
{
    for (unsigned i = 0; i < a->handles; i++) {
        corral_lock_close(a->locks[i]);
    }
}

static bool open_arena(const task *t, const corral_lock_options *options, bool apart, arena *a)
{
    unsigned wanted = apart ? t->threads : 1;

    if (!sessions_connect(wanted)) {
        return false;
    }
    for (; a->handles < wanted; a->handles++) {
        int status = corral_lock_open(sessions_client(a->handles), t->path, options, &a->locks[a->handles]);

        if (status != CORRAL_OK) {
            close_arena(a);
            return bench_fail(t->path, "open", status);
        }
    }
    return true;
}

static corral_grant *acquire(const team_member *own)
{
    arena *a = own->context;
    corral_grant *grant = NULL;
    int status = corral_lock_acquire(a->locks[own->number % a->handles], CORRAL_FOREVER, &grant);

    if (status != CORRAL_OK) {
        bench_fail(own->task->path, "acquire", status);
    }
    return grant;
}

static bool enter(const team_member *own)
{
    arena *a = own->context;
    unsigned holders = atomic_fetch_add(&a->holders, 1) + 1;

    return holders <= a->most || bench_fail(own->task->path, "too many hold it", (int)holders);
}

static bool take_turn(team_member *own)
{
    arena *a = own->context;
    corral_grant *grant = acquire(own);

    if (grant == NULL) {
        return false;
    }
    bool good = enter(own);
    atomic_fetch_sub(&a->holders, 1);
    corral_grant_free(grant);
    return good;
}

static bool run(const task *t, corral_lock_mode mode, unsigned most, outcome *ret_outcome)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    arena a = {.most = most};

    options.mode = mode;
    options.permits = mode == CORRAL_LOCK_SEMAPHORE ? most : 0;
    if (!open_arena(t, &options, t->apart, &a)) {
        return false;
    }
    bool good = team_run_steps(t, take_turn, &a, ret_outcome);
    close_arena(&a);
    return good;
}

bool locks_exclusive(const task *t, outcome *ret_outcome)
{
    return run(t, CORRAL_LOCK_MUTEX, 1, ret_outcome);
}

bool locks_shared(const task *t, outcome *ret_outcome)
{
    return run(t, CORRAL_LOCK_READ, t->threads, ret_outcome);
}

bool locks_semaphore(const task *t, outcome *ret_outcome)
{
    return run(t, CORRAL_LOCK_SEMAPHORE, t->leases, ret_outcome);
}

/* --- from one to the other --- */

static void note_pass(arena *a, const team_member *own)
{
    int64_t took = bench_now_ns() - a->released_ns;

    if (a->last != own && a->last != NULL) {
        histogram_note(&a->passes, took);
        a->passes_ns += took;
    }
    a->last = own;
}

static bool pass(team_member *own)
{
    arena *a = own->context;
    corral_grant *grant = acquire(own);

    if (grant == NULL) {
        return false;
    }
    note_pass(a, own);
    bool good = enter(own);
    bench_sleep(own->task->pause_ms / 1e3);
    a->released_ns = bench_now_ns();
    atomic_fetch_sub(&a->holders, 1);
    corral_grant_free(grant);
    bench_sleep(own->task->pause_ms / 2e3); /* let the other have the servers for itself */
    return good;
}

bool locks_pass(const task *t, outcome *ret_outcome)
{
    arena a = {.most = 1};

    if (t->threads != 2) {
        return bench_fail(t->path, "a lock is passed on by 2 threads, not by", (int)t->threads);
    }
    if (!open_arena(t, NULL, true, &a)) {
        return false;
    }
    bool good = team_run_steps(t, pass, &a, ret_outcome);
    close_arena(&a);
    *ret_outcome =
        (outcome){.count = a.passes.count, .seconds = (double)a.passes_ns / 1e9, .latencies = a.passes};
    return good;
}

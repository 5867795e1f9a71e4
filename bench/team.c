#include "team.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common.h"

static atomic_bool over;
static atomic_bool failed;

bool team_is_over(void)
{
    return atomic_load_explicit(&over, memory_order_relaxed);
}

unsigned team_place(const team_member *own, unsigned first, unsigned places)
{
    uint64_t apart = (uint64_t)own->number * places / own->task->threads;

    return (unsigned)((first + apart + own->count) % places);
}

/* The end of one is the start of the next: the clock is looked at once for each. */
static bool take_steps(team_member *own)
{
    int64_t before = bench_now_ns();

    while (before < own->end_ns && !team_is_over()) {
        if (!own->step(own)) {
            return false;
        }
        int64_t after = bench_now_ns();
        histogram_note(&own->latencies, after - before);
        own->count++;
        before = after;
    }
    return true;
}

static void *run_member(void *arg)
{
    team_member *own = arg;

    if (!(own->step != NULL ? take_steps(own) : own->loop(own))) {
        atomic_store(&failed, true);
        atomic_store(&over, true);
    }
    return NULL;
}

static void note_member(const team_member *own, outcome *o)
{
    o->count += own->count;
    o->least = own->number == 0 || own->count < o->least ? own->count : o->least;
    o->most = own->count > o->most ? own->count : o->most;
    histogram_merge(&o->latencies, &own->latencies);
}

static bool run(const task *t, const team_member *like, outcome *ret_outcome)
{
    team_member *members = calloc(t->threads, sizeof *members);
    int64_t start = bench_now_ns(), end = start + (int64_t)(t->seconds * 1e9);

    if (members == NULL) {
        abort();
    }
    atomic_store(&over, false);
    atomic_store(&failed, false);
    for (unsigned i = 0; i < t->threads; i++) {
        members[i] = *like;
        members[i].number = i;
        members[i].end_ns = end;
        if (pthread_create(&members[i].thread, NULL, run_member, &members[i]) != 0) {
            abort();
        }
    }
    if (like->loop != NULL) {
        bench_sleep(t->seconds);
        atomic_store(&over, true);
    }
    for (unsigned i = 0; i < t->threads; i++) {
        pthread_join(members[i].thread, NULL);
    }
    ret_outcome->seconds = (double)(bench_now_ns() - start) / 1e9;
    for (unsigned i = 0; i < t->threads; i++) {
        note_member(&members[i], ret_outcome);
    }
    free(members);
    return !atomic_load(&failed);
}

bool team_run_steps(const task *t, team_work step, void *context, outcome *ret_outcome)
{
    return run(t, &(team_member){.task = t, .context = context, .step = step}, ret_outcome);
}

bool team_run_loops(const task *t, team_work loop, void *context, outcome *ret_outcome)
{
    return run(t, &(team_member){.task = t, .context = context, .loop = loop}, ret_outcome);
}

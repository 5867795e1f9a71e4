#include "counters.h"

#include <corral.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "common.h"
#include "flight.h"
#include "keep.h"
#include "sessions.h"
#include "team.h"

/* The counters of a path: they take their turns, also from one command to the next. */
typedef struct {
    unsigned count;
    atomic_uint turn;
    corral_counter *counters[];
} bank;

static void close_bank(void *kept)
{
    bank *b = kept;

    for (unsigned i = 0; i < b->count; i++) {
        corral_counter_close(b->counters[i]);
    }
    free(b);
}

static bank *open_bank(const task *t)
{
    bank *b = calloc(1, sizeof *b + t->counters * sizeof(corral_counter *));
    char path[TASK_PATH_SIZE];

    if (b == NULL) {
        abort();
    }
    for (; b->count < t->counters; b->count++) {
        task_counter_path(t, b->count, path);
        int status = corral_counter_open(sessions_client(0), path, NULL, &b->counters[b->count]);

        if (status != CORRAL_OK) {
            bench_fail(path, "open", status);
            close_bank(b);
            return NULL;
        }
    }
    keep_put(t->path, close_bank, b);
    return b;
}

static bank *find_bank(const task *t)
{
    bank *b = keep_find(t->path, close_bank);

    return b != NULL && b->count == t->counters ? b : open_bank(t);
}

/* --- threads --- */

static corral_counter *next_of_member(const team_member *own)
{
    bank *b = own->context;

    return b->counters[team_place(own, atomic_load_explicit(&b->turn, memory_order_relaxed), b->count)];
}

static bool add_once(team_member *own)
{
    int status = corral_counter_add(next_of_member(own), 1, CORRAL_FOREVER, NULL);

    return status == CORRAL_OK || bench_fail(own->task->path, "add", status);
}

static bool get_once(team_member *own)
{
    int64_t value;
    int status = corral_counter_get(next_of_member(own), CORRAL_READ_LOCAL, CORRAL_FOREVER, &value);

    return status == CORRAL_OK || bench_fail(own->task->path, "get", status);
}

static bool run_threads(const task *t, bank *b, team_work step, outcome *ret_outcome)
{
    bool good = team_run_steps(t, step, b, ret_outcome);

    atomic_fetch_add(&b->turn, (unsigned)(ret_outcome->count / t->threads));
    return good;
}

/* --- callbacks --- */

static corral_counter *next_of_flight(bank *b)
{
    if (b->count == 1) {
        return b->counters[0];
    }
    return b->counters[atomic_fetch_add_explicit(&b->turn, 1, memory_order_relaxed) % b->count];
}

static void on_ended(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    (void)value;
    (void)stamp;
    (void)arg;
    flight_landed(status);
}

static int ask_to_add(void *context)
{
    return corral_counter_add_async(next_of_flight(context), 1, CORRAL_FOREVER, on_ended, NULL, NULL);
}

static int ask_to_get(void *context)
{
    return corral_counter_get_async(next_of_flight(context), CORRAL_READ_LOCAL, CORRAL_FOREVER, on_ended,
                                    NULL, NULL);
}

/* --- both --- */

static bool run(const task *t, team_work step, flight_ask ask, outcome *ret_outcome)
{
    bank *b = find_bank(t);

    return b != NULL &&
           (t->outstanding > 0 ? flight_run(t, ask, b, ret_outcome) : run_threads(t, b, step, ret_outcome));
}

bool counters_add(const task *t, outcome *ret_outcome)
{
    return run(t, add_once, ask_to_add, ret_outcome);
}

bool counters_get(const task *t, outcome *ret_outcome)
{
    return run(t, get_once, ask_to_get, ret_outcome);
}

bool counters_add_times(const char *path, unsigned times, unsigned *ret_failed)
{
    const task t = {.path = path, .counters = 1};
    bank *b = find_bank(&t);

    *ret_failed = 0;
    for (unsigned i = 0; i < times && b != NULL; i++) {
        *ret_failed += corral_counter_add(b->counters[0], 1, CORRAL_FOREVER, NULL) != CORRAL_OK;
    }
    return b != NULL;
}

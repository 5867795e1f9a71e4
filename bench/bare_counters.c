#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "counters.h"
#include "flight.h"
#include "keep.h"
#include "sessions.h"
#include "team.h"

enum { NUMBER_SIZE = 24 };

/* A counter as we left it. */
typedef struct {
    char path[TASK_PATH_SIZE];
    int64_t value;
    struct Stat stat;
} place;

typedef struct {
    zhandle_t *handle;     /* of this run */
    pthread_mutex_t mutex; /* keeps asynchronous requests in the order of their numbers */
    unsigned turn;
    unsigned count;
    place places[];
} field;

static void close_field(void *kept)
{
    field *f = kept;

    pthread_mutex_destroy(&f->mutex);
    free(f);
}

static field *open_field(raw *r, const task *t)
{
    field *f = calloc(1, sizeof *f + t->counters * sizeof(place));

    if (f == NULL) {
        abort();
    }
    pthread_mutex_init(&f->mutex, NULL);
    for (; f->count < t->counters; f->count++) {
        place *p = &f->places[f->count];
        char data[NUMBER_SIZE];

        task_counter_path(t, f->count, p->path);
        int result = raw_get(r, p->path, data, sizeof data, &p->stat);
        if (result != ZOK) {
            bench_fail(p->path, "get", result);
            close_field(f);
            return NULL;
        }
        p->value = strtoll(data, NULL, 10);
    }
    keep_put(t->path, close_field, f);
    return f;
}

static field *find_field(const task *t, bool tuned)
{
    raw *r = sessions_bare(0, tuned);
    field *f = keep_find(t->path, close_field);

    if (r == NULL) {
        return NULL;
    }
    if (f == NULL || f->count != t->counters) {
        f = open_field(r, t);
    }
    if (f != NULL) {
        f->handle = raw_handle(r);
    }
    return f;
}

/* --- threads --- */

static bool set_once(team_member *own)
{
    field *f = own->context;
    place *p = &f->places[team_place(own, f->turn, f->count)];
    char data[NUMBER_SIZE];
    int length = snprintf(data, sizeof data, "%" PRId64, p->value + 1);
    int result = zoo_set2(f->handle, p->path, data, length, p->stat.version, &p->stat);

    if (result != ZOK) {
        return bench_fail(p->path, "zoo_set2", result);
    }
    p->value++;
    return true;
}

static bool get_once(team_member *own)
{
    const field *f = own->context;
    const place *p = &f->places[team_place(own, f->turn, f->count)];
    char data[NUMBER_SIZE];
    int length = sizeof data;
    int result = zoo_get(f->handle, p->path, 0, data, &length, NULL);

    return result == ZOK || bench_fail(p->path, "zoo_get", result);
}

static bool run_threads(const task *t, field *f, team_work step, outcome *ret_outcome)
{
    bool good = team_run_steps(t, step, f, ret_outcome);

    f->turn = (unsigned)((f->turn + ret_outcome->count / t->threads) % f->count);
    return good;
}

/* --- callbacks --- */

static void on_set(int result, const struct Stat *stat, const void *context)
{
    (void)stat;
    (void)context;
    flight_landed(result);
}

static int ask_to_set(void *context)
{
    field *f = context;
    char data[NUMBER_SIZE];

    pthread_mutex_lock(&f->mutex);
    place *p = &f->places[f->turn++ % f->count];
    int length = snprintf(data, sizeof data, "%" PRId64, ++p->value);
    int result = zoo_aset(f->handle, p->path, data, length, -1, on_set, NULL);
    pthread_mutex_unlock(&f->mutex);
    return result;
}

/* The next run by threads would need the versions. */
static bool run_callbacks(const task *t, field *f, outcome *ret_outcome)
{
    bool good = flight_run(t, ask_to_set, f, ret_outcome);

    keep_drop(t->path);
    return good;
}

/* --- both --- */

static bool set(const task *t, bool tuned, outcome *ret_outcome)
{
    field *f = find_field(t, tuned);

    return f != NULL &&
           (t->outstanding > 0 ? run_callbacks(t, f, ret_outcome) : run_threads(t, f, set_once, ret_outcome));
}

static bool get(const task *t, bool tuned, outcome *ret_outcome)
{
    field *f = find_field(t, tuned);

    return f != NULL && run_threads(t, f, get_once, ret_outcome);
}

bool counters_bare_set(const task *t, outcome *ret_outcome)
{
    return set(t, false, ret_outcome);
}

bool counters_tuned_set(const task *t, outcome *ret_outcome)
{
    return set(t, true, ret_outcome);
}

bool counters_bare_get(const task *t, outcome *ret_outcome)
{
    return get(t, false, ret_outcome);
}

bool counters_tuned_get(const task *t, outcome *ret_outcome)
{
    return get(t, true, ret_outcome);
}

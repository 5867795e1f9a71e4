#include "ids.h"

#include <corral.h>

#include "common.h"
#include "flight.h"
#include "keep.h"
#include "sessions.h"
#include "team.h"

static void close_generator(void *kept)
{
    corral_ids_close(kept);
}

static corral_ids *find_generator(const char *path, corral_ids_kind kind)
{
    corral_ids *ids = keep_find(path, close_generator);
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;

    options.kind = kind;
    if (ids == NULL) {
        int status = corral_ids_open(sessions_client(0), path, &options, &ids);

        if (status != CORRAL_OK) {
            bench_fail(path, "open", status);
            return NULL;
        }
        keep_put(path, close_generator, ids);
    }
    return ids;
}

/* --- threads --- */

static bool draw(const team_member *own, uint64_t *last)
{
    uint64_t id = 0;
    int status = corral_ids_next(own->context, CORRAL_FOREVER, &id);

    if (status != CORRAL_OK || id <= *last) {
        return bench_fail(own->task->path, status == CORRAL_OK ? "numbers do not increase" : "next", status);
    }
    *last = id;
    return true;
}

static bool draw_untimed(team_member *own)
{
    uint64_t count = 0, last = 0;

    while (!team_is_over()) {
        if (!draw(own, &last)) {
            return false;
        }
        count++;
    }
    own->count = count;
    return true;
}

static bool draw_timed(team_member *own)
{
    return draw(own, &own->last);
}

/* --- callbacks --- */

static void on_drawn(int status, const uint64_t *ids, size_t count, void *arg)
{
    (void)ids;
    (void)count;
    (void)arg;
    flight_landed(status);
}

static int ask(void *context)
{
    return corral_ids_next_async(context, CORRAL_FOREVER, on_drawn, NULL, NULL);
}

/* --- both --- */

static bool run(const task *t, corral_ids_kind kind, outcome *ret_outcome)
{
    corral_ids *ids = find_generator(t->path, kind);
    bool fast = kind == CORRAL_IDS_BLOCK || kind == CORRAL_IDS_SNOWFLAKE;

    if (ids == NULL) {
        return false;
    }
    if (t->outstanding > 0) {
        return flight_run(t, ask, ids, ret_outcome);
    }
    return fast ? team_run_loops(t, draw_untimed, ids, ret_outcome)
                : team_run_steps(t, draw_timed, ids, ret_outcome);
}

bool ids_block(const task *t, outcome *ret_outcome)
{
    return run(t, CORRAL_IDS_BLOCK, ret_outcome);
}

bool ids_sequence(const task *t, outcome *ret_outcome)
{
    return run(t, CORRAL_IDS_SEQUENCE, ret_outcome);
}

bool ids_snowflake(const task *t, outcome *ret_outcome)
{
    return run(t, CORRAL_IDS_SNOWFLAKE, ret_outcome);
}

/* Deletions are left to be done. The server does a session's requests in order: when this has been done, so
 * have they. */
bool ids_znode(const task *t, outcome *ret_outcome)
{
    bool good = run(t, CORRAL_IDS_ZNODE, ret_outcome);
    double start = bench_now();
    int status = good ? sessions_read(t->path, CORRAL_READ_SYNC) : CORRAL_OK;

    ret_outcome->seconds += bench_now() - start;
    return good && (status == CORRAL_OK || bench_fail(t->path, "read", status));
}

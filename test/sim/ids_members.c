/*
 * The clients of the workload "ids": the generators they open, and their
 * calendars.
 */
#include "ids_internal.h"

#include <string.h>

#include "ids_snowflake.h"
#include "ids_znode.h"

/* --- calendars --- */

int64_t ids_calendar_ms(run *r, const member *m)
{
    int64_t now_ms = corrali_calendar_ms_locked(m->client);
    int64_t *peak_ms = &r->peak_ms[m->number];

    *peak_ms = now_ms > *peak_ms ? now_ms : *peak_ms;
    return now_ms;
}

static void set_clock(run *r, member *m, int64_t ms)
{
    (void)ids_calendar_ms(r, m);
    simclient_step_clock(m->io, ms);
    (void)ids_calendar_ms(r, m);
    r->steps[m->number]++;
    r->clocks_differ = true;
}

void ids_step_clock(run *r, member *m)
{
    static const int64_t most_ms[] = {5, 1000, 20000, 3600000};
    world *w = &r->fleet.world;
    int64_t most = most_ms[world_below(w, 4)];

    set_clock(r, m, (int64_t)world_below(w, 2 * (uint64_t)most) - most);
    w->rare[RARE_CLOCK_SET]++;
}

/* --- handles --- */

/* Options that the generator, if it is there, was not made with. */
static void choose_others(world *w, corral_ids_options *options)
{
    if (options->kind == CORRAL_IDS_SNOWFLAKE && world_one_in(w, 2)) {
        options->sequence_bits++;
    } else {
        options->kind = (options->kind + 1 + world_below(w, 3)) % CORRAL_IDS_STORED;
    }
    options->worker_bits = options->worker_bits > 8 ? 8 : options->worker_bits;
    options->sequence_bits = options->sequence_bits > 20 ? 20 : options->sequence_bits;
}

static void choose_options(run *r, int number, corral_ids_options *options)
{
    static const uint64_t sizes[] = {0, 0, 1, 7, 40, 500};
    static const int64_t waits_ms[] = {0, 100, 1000, 6000};
    world *w = &r->fleet.world;
    corrali_ids_config config;
    int64_t at;

    *options = r->generators[number].options;
    options->block_size = sizes[world_below(w, 6)];
    options->clock_wait_ms = waits_ms[world_below(w, 4)];
    /* Not where they would make the generator, and be right. */
    if (world_one_in(w, 12) && ids_read(r, &r->fleet.ensemble.prepared, number, &config, &at)) {
        choose_others(w, options);
    } else if (world_one_in(w, 12)) {
        options->kind = CORRAL_IDS_STORED;
    }
}

void ids_reopen(run *r, member *m, int number, int slot)
{
    handle *own = world_alloc(&r->fleet.world, sizeof *own);
    int status;

    *own = (handle){.member = m, .generator = number};
    choose_options(r, number, &own->options);
    status = corral_ids_open(m->client, r->generators[number].path, &own->options, &own->ids);
    if (status == CORRAL_EINVAL && own->options.epoch_ms > ids_calendar_ms(r, m)) {
        own->ids = NULL; /* its calendar was set back to before there was anything */
    } else if (status != CORRAL_OK) {
        fleet_fail(m->fleet, "client %d: cannot open %s", m->number, r->generators[number].path);
    }
    r->handles[m->number][number][slot] = own;
}

void ids_close_handle(run *r, handle *own)
{
    bool busy = false;

    if (own->ids == NULL) {
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        call_of_ids *each = &r->calls[i];

        if (each->through == own && !each->ended) {
            int64_t now = r->fleet.world.now;

            /* Nobody is told of the end of a process that is dead. */
            each->cancelled = true;
            each->due = each->due < now ? each->due : now;
            busy = true;
        }
    }
    r->fleet.world.rare[RARE_CLOSED_IN_FLIGHT] += busy;
    (void)corral_ids_close(own->ids);
    own->ids = NULL;
}

/* --- members --- */

void ids_joined(member *m)
{
    run *r = ids_run_of(m->fleet);

    /* Calendars are never quite the same. */
    simclient_step_clock(m->io, (int64_t)world_below(&m->fleet->world, 2 * SKEW_MS) - SKEW_MS);
    for (int i = 0; i < r->generator_count; i++) {
        for (int j = 0; j < HANDLES; j++) {
            ids_reopen(r, m, i, j);
        }
    }
}

void ids_leaving(member *m)
{
    run *r = ids_run_of(m->fleet);

    for (int i = 0; i < r->generator_count; i++) {
        for (int j = 0; j < HANDLES; j++) {
            ids_close_handle(r, r->handles[m->number][i][j]);
        }
    }
}

/* --- what they come to --- */

static void look_at_snowflake(world *w, handle *own, const corrali_snowflake *state)
{
    const corrali_worker *worker = &state->worker;
    bool resent = worker->busy && worker->resent && worker->held && worker->request.kind == CORRALI_MULTI;
    bool ticks = state->tick.slot != 0;

    w->rare[RARE_CLAIM_RESENT] += resent && !own->seen.resent;
    w->rare[RARE_CLOCK_AWAITED] += ticks && !own->seen.ticks;
    own->seen.resent = resent;
    own->seen.ticks = ticks;
}

static void look_at_znodes(world *w, handle *own, const corrali_znodes *state)
{
    bool searches = state->current != NULL && state->current->searching;

    w->rare[RARE_SEARCHED] += searches && !own->seen.searches;
    own->seen.searches = searches;
}

static void look_at(run *r, handle *own)
{
    const corral_ids *ids = own->ids;

    if (ids == NULL || atomic_load(&ids->kind) == NULL) {
        return;
    }
    if (own->of == NULL) {
        own->of = ids_find(r, ids->config.tag);
    }
    if (own->of == NULL || own->of->config.kind != ids->config.kind) {
        fleet_fail(&r->fleet, "client %d has found a generator that there was not", own->member->number);
    } else if (ids->config.kind == CORRAL_IDS_SNOWFLAKE) {
        look_at_snowflake(&r->fleet.world, own, ids->state);
    } else if (ids->config.kind == CORRAL_IDS_ZNODE) {
        look_at_znodes(&r->fleet.world, own, ids->state);
    }
}

void ids_looked(member *m)
{
    run *r = ids_run_of(m->fleet);

    if (m->crashed || m->closing) {
        return;
    }
    for (int i = 0; i < r->generator_count; i++) {
        for (int j = 0; j < HANDLES; j++) {
            if (r->handles[m->number][i][j] != NULL) {
                look_at(r, r->handles[m->number][i][j]);
            }
        }
    }
}

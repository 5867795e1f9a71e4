/*
 * The calls of the workload "ids".
 */
#include "ids_internal.h"

#include <inttypes.h>

#include "ids_snowflake.h"

/* How long what is due may wait for its turn. */
#define LATENESS (150 * SIM_MS)

/* What a program does at once: ordinarily, and when it is in a hurry. */
enum { BURST_MOST = 8, FLURRY_MOST = 40 };

/* How many numbers it asks for. */
enum { FEW = 30, MANY = 700, MANY_ZNODES = 150 };

/* Its client may have stood still, and its program looks now and then. */
static bool is_late(const call_of_ids *own)
{
    const member *m = own->through->member;
    int64_t resumed = simclient_resumes(m->io);
    int64_t from = own->due > resumed ? own->due : resumed;

    return own->run->fleet.world.now - from > LATENESS + m->answers_after;
}

static size_t number_of(const call_of_ids *own)
{
    return (size_t)(own - own->run->calls);
}

/* --- its end --- */

static void count_status(world *w, int status)
{
    w->rare[RARE_UNCERTAIN] += status == CORRAL_EUNCERTAIN;
    w->rare[RARE_EXHAUSTED] += status == CORRAL_EEXHAUSTED;
    w->rare[RARE_CONFLICTING] += status == CORRAL_ECONFLICT;
    w->rare[RARE_REPLACED] += status == CORRAL_ECORRUPT;
    w->rare[RARE_CROWDED] += status == CORRAL_EBUSY;
    w->rare[RARE_CLOCK_BACK] += status == CORRAL_ECLOCK;
}

static void take_down(call_of_ids *own, const uint64_t *ids)
{
    world *w = &own->run->fleet.world;

    own->numbers = world_alloc(w, own->wanted * sizeof *own->numbers);
    for (size_t i = 0; i < own->wanted; i++) {
        own->numbers[i] = ids[i];
    }
    world_note(w, "client %d call %zu gets %" PRIu64 " to %" PRIu64, own->through->member->number,
               number_of(own), ids[0], ids[own->wanted - 1]);
    ids_judge_numbers(own);
}

static void end(call_of_ids *own, int status, const uint64_t *ids)
{
    run *r = own->run;

    own->ended = true;
    own->status = status;
    own->returned = r->fleet.world.now;
    own->ends_at = ++r->order;
    if (status == CORRAL_OK) {
        take_down(own, ids);
    }
    count_status(&r->fleet.world, status);
    own->through->broken = own->through->broken || status == CORRAL_ECORRUPT || status == CORRAL_ECONFLICT;
}

static void on_ids(int status, const uint64_t *ids, size_t count, void *arg)
{
    call_of_ids *own = arg;
    fleet *f = &own->run->fleet;
    int number = own->through->member->number;

    world_note(&f->world, "client %d call %zu ends %s", number, number_of(own), corral_status_name(status));
    if (own->through->member->crashed) {
        own->ended = true;
        return; /* nobody hears of it */
    }
    if (own->ended) {
        fleet_fail(f, "client %d call %zu has ended twice", number, number_of(own));
    } else if ((status == CORRAL_OK) != (ids != NULL) || count != (status == CORRAL_OK ? own->wanted : 0)) {
        fleet_fail(f, "client %d call %zu has got %zu numbers", number, number_of(own), count);
    } else if (is_late(own)) {
        fleet_fail(f, "client %d call %zu has ended too late", number, number_of(own));
    } else {
        end(own, status, ids);
    }
}

static void cancels(void *subject, int64_t argument)
{
    call_of_ids *own = subject;
    int64_t now = own->run->fleet.world.now;

    (void)argument;
    if (!own->ended && fleet_runs(own->through->member)) {
        own->cancelled = true;
        own->due = own->due < now ? own->due : now;
        (void)corral_op_cancel(own->op);
        fleet_look(own->through->member);
    }
}

/* --- its beginning --- */

static size_t some_count(world *w, corral_ids_kind kind)
{
    if (world_one_in(w, 2)) {
        return 1;
    }
    if (world_one_in(w, 12)) {
        return 1 + world_below(w, kind == CORRAL_IDS_ZNODE ? MANY_ZNODES : MANY);
    }
    return 1 + world_below(w, FEW);
}

static call_of_ids *new_call(run *r, handle *through, size_t count)
{
    call_of_ids *own = &r->calls[r->count++];

    *own = (call_of_ids){.run = r,
                         .through = through,
                         .wanted = count,
                         .deadline = INT64_MAX,
                         .due = INT64_MAX,
                         .begins_at = ++r->order,
                         .begins_ms = ids_calendar_ms(r, through->member),
                         .steps = r->steps[through->member->number]};
    return own;
}

/* What a blocking call does first: false if it would have to wait. */
static bool take(run *r, handle *through, size_t count)
{
    const corrali_ids_kind *kind = atomic_load(&through->ids->kind);
    world *w = &r->fleet.world;
    uint64_t numbers[MANY];
    call_of_ids *own;

    if (kind == NULL || kind->take == NULL || !kind->take(through->ids, count, numbers)) {
        return false;
    }
    own = new_call(r, through, count);
    w->rare[RARE_TAKEN_QUICKLY]++;
    w->rare[RARE_TAKEN_ALONE] +=
        through->ids->config.kind == CORRAL_IDS_SNOWFLAKE && !through->member->client->ready;
    end(own, CORRAL_OK, numbers);
    return true;
}

/* False: nothing will come of it. */
static bool submit(run *r, handle *through, size_t count, int64_t timeout_ms)
{
    world *w = &r->fleet.world;
    const corral_client *client = through->member->client;
    call_of_ids *own = new_call(r, through, count);
    int status;

    own->limited = timeout_ms >= 0;
    if (own->limited) {
        own->deadline = w->now + SIM_MS * (timeout_ms == 0 ? client->request_timeout_ms : timeout_ms);
    }
    own->due = own->deadline;
    world_note(w, "client %d call %zu for %zu of %s in %" PRId64, through->member->number, number_of(own),
               count, r->generators[through->generator].path, timeout_ms);
    status = corral_ids_next_many_async(through->ids, count, timeout_ms, on_ids, own, &own->op);
    if (status != CORRAL_OK) {
        end(own, status, NULL);
        own->op = NULL;
    }
    return !own->ended;
}

/* All workers' numbers may be taken, for ever. */
static bool may_wait_forever(const run *r, const handle *through)
{
    const generator *at = &r->generators[through->generator];

    return at->options.kind != CORRAL_IDS_SNOWFLAKE || at->options.worker_bits >= ROOMY_BITS;
}

static void call_once(run *r, handle *through, bool hasty)
{
    world *w = &r->fleet.world;
    size_t count = some_count(w, r->generators[through->generator].options.kind);
    int64_t timeout_ms = hasty ? world_delay(w, 0, 20 * SIM_S) / SIM_MS : CORRAL_FOREVER;

    if (timeout_ms < 0 && !may_wait_forever(r, through)) {
        timeout_ms = 1000 + (int64_t)world_below(w, 30000);
    }
    if (world_one_in(w, 3) && take(r, through, count)) {
        return;
    }
    if (submit(r, through, count, timeout_ms) && world_one_in(w, 15)) {
        world_at(w, w->now + world_delay(w, 0, 500 * SIM_MS), cancels, &r->calls[r->count - 1], 0);
    }
}

static void call_some(run *r, member *m)
{
    world *w = &r->fleet.world;
    int number = (int)world_below(w, (uint64_t)r->generator_count);
    int slot = (int)world_below(w, HANDLES);
    handle *own = r->handles[m->number][number][slot];
    bool hasty = world_one_in(w, 9);
    uint64_t most = world_one_in(w, 20) ? FLURRY_MOST : BURST_MOST;

    if (own->ids == NULL || (own->broken && world_one_in(w, 2)) || world_one_in(w, 40)) {
        ids_close_handle(r, own);
        ids_reopen(r, m, number, slot);
        own = r->handles[m->number][number][slot];
    }
    for (uint64_t n = 1 + world_below(w, most); own->ids != NULL && n > 0 && r->count < CALLS; n--) {
        call_once(r, own, hasty);
    }
}

void ids_work(void *subject, int64_t argument)
{
    run *r = subject;
    world *w = &r->fleet.world;
    member *m = &r->fleet.members[world_below(w, (uint64_t)r->fleet.member_count)];

    (void)argument;
    if (fleet_runs(m)) {
        if (r->clocks_step && world_one_in(w, 20)) {
            ids_step_clock(r, m);
        }
        call_some(r, m);
        fleet_look(m);
    }
    if (world_one_in(w, 12)) {
        ids_meddle(r);
    }
    if (r->count < CALLS) {
        world_at(w, w->now + world_delay(w, SIM_MS, 4 * SIM_S), ids_work, r, 0);
    }
}

/*
 * The clients of the workload "counters": the counters they open, and what they
 * hear of them unasked.
 */
#include "counters_internal.h"

#include <inttypes.h>

/* --- subscribers --- */

static void remember(subscriber *own, const corral_counter_event *event)
{
    world *w = &own->run->fleet.world;
    delivery *told = world_alloc(w, sizeof *told);

    *told = (delivery){
        .next = own->deliveries, .at = w->now, .present = event->exists, .mzxid = event->stamp.mzxid};
    own->deliveries = told;
    own->delivered++;
}

static void on_state(const corral_counter_event *event, void *arg)
{
    subscriber *own = arg;
    fleet *f = &own->run->fleet;

    if (event->status == CORRAL_ECLOSED) {
        return;
    }
    world_note(&f->world, "client %d sees %s %" PRId64, own->member->number,
               corral_status_name(event->status), event->value);
    if (event->status == CORRAL_OK && event->exists && event->stamp.mzxid <= own->newest) {
        fleet_fail(f, "client %d: a state that is not newer than those before", own->member->number);
    }
    if (event->status == CORRAL_OK && !event->exists && own->any && own->last.status == CORRAL_OK &&
        !own->last.exists) {
        fleet_fail(f, "client %d: absent twice", own->member->number);
    }
    if (event->status == CORRAL_OK && event->exists) {
        own->newest = event->stamp.mzxid;
    }
    if (event->status == CORRAL_OK) {
        remember(own, event);
    }
    own->last = *event;
    own->any = true;
}

/* --- members --- */

static void subscribe(run *r, member *m, int counter)
{
    subscriber *own = &r->subscribers[m->number][counter];

    *own = (subscriber){.run = r, .member = m, .counter = counter};
    if (corral_counter_subscribe(r->handles[m->number][counter][0].counter, on_state, own, &own->watch) !=
        CORRAL_OK) {
        fleet_fail(m->fleet, "client %d: cannot subscribe", m->number);
    }
}

/* Some go by bounds that values come to, sooner or later; what others set may be beyond. */
static void choose_bounds(world *w, corral_counter_options *options)
{
    if (world_one_in(w, 4)) {
        options->min = -(int64_t)world_below(w, 400000000);
        options->max = (int64_t)world_below(w, 4000000);
    }
}

static void open_handle(run *r, member *m, int counter, handle *opened)
{
    world *w = &r->fleet.world;
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
    char path[64];

    opened->loose = world_one_in(w, 10);
    options.flags = opened->loose ? CORRAL_COUNTER_AT_MOST_ONCE : 0;
    options.encoding = r->encodings[counter];
    choose_bounds(w, &options);
    opened->min = options.min;
    opened->max = options.max;
    counters_name(path, sizeof path, counter);
    if (corral_counter_open(m->client, path, &options, &opened->counter) != CORRAL_OK) {
        fleet_fail(m->fleet, "client %d: cannot open %s", m->number, path);
    }
}

void counters_joined(member *m)
{
    run *r = counters_run_of(m->fleet);

    for (int i = 0; i < r->counter_count; i++) {
        for (int j = 0; j < HANDLES; j++) {
            open_handle(r, m, i, &r->handles[m->number][i][j]);
        }
        if (world_one_in(&m->fleet->world, 3)) {
            subscribe(r, m, i);
        }
    }
}

void counters_leaving(member *m)
{
    run *r = counters_run_of(m->fleet);

    /* Nobody is told of the end of a process that is dead. */
    for (size_t i = 0; i < r->count; i++) {
        if (r->operations[i].member == m && !r->operations[i].ended) {
            r->operations[i].cancelled = true;
        }
    }
    for (int i = 0; i < r->counter_count; i++) {
        (void)corral_watch_close(r->subscribers[m->number][i].watch);
        r->subscribers[m->number][i].watch = NULL;
        for (int j = 0; j < HANDLES; j++) {
            (void)corral_counter_close(r->handles[m->number][i][j].counter);
            r->handles[m->number][i][j].counter = NULL;
        }
    }
}

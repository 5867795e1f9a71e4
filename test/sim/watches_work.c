/*
 * The calls of the workload "watches" on values, and when its programs subscribe.
 */
#include "watches_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* How long what is due may wait for its turn. */
#define LATENESS (150 * SIM_MS)

enum { BURST_MOST = 6, PADDING_MOST = 300 };

static size_t number_of(const call_of_value *own)
{
    return (size_t)(own - own->run->calls);
}

/* --- its end --- */

/* Its client may have stood still, and its program looks now and then. */
static bool is_late(const call_of_value *own)
{
    int64_t resumed = simclient_resumes(own->member->io);
    int64_t from = own->due > resumed ? own->due : resumed;

    return own->run->fleet.world.now - from > LATENESS + own->member->answers_after;
}

static void note_end(call_of_value *own, int status, const corral_stamp *stamp)
{
    run *r = own->run;
    world *w = &r->fleet.world;

    own->status = status;
    own->returned = w->now;
    own->ends = ++r->order;
    own->committed = r->fleet.ensemble.committed;
    if (stamp != NULL) {
        own->stamp = *stamp;
        r->known[own->place] = stamp->mzxid > 0 ? *stamp : r->known[own->place];
        r->acked = status == CORRAL_OK && stamp->mzxid > r->acked ? stamp->mzxid : r->acked;
    }
    w->rare[RARE_UNCERTAIN] += status == CORRAL_EUNCERTAIN;
    w->rare[RARE_NOT_EXPECTED] += status == CORRAL_ECONFLICT && own->kind == COMPARE_SET;
    w->rare[RARE_UNCOMPARABLE] += status == CORRAL_EEXHAUSTED;
    w->rare[RARE_STAMP_HIDDEN] += status == CORRAL_OK && own->kind == SET && own->stamp.czxid == 0;
}

/* Does anybody hear of it? */
static bool ends(call_of_value *own, int status)
{
    fleet *f = &own->run->fleet;

    world_note(&f->world, "client %d call %zu ends %s", own->member->number, number_of(own),
               corral_status_name(status));
    if (own->ended) {
        fleet_fail(f, "client %d call %zu has ended twice", own->member->number, number_of(own));
    }
    own->ended = true;
    if (own->member->crashed) {
        return false;
    }
    if (is_late(own)) {
        fleet_fail(f, "client %d call %zu has ended too late", own->member->number, number_of(own));
    }
    return true;
}

static void on_value(int status, const void *data, size_t length, const corral_stamp *stamp, void *arg)
{
    call_of_value *own = arg;

    if (ends(own, status)) {
        note_end(own, status, stamp);
        own->got = (blob){.bytes = world_copy(&own->run->fleet.world, data, length), .length = length};
    }
}

static void on_stamp(int status, const corral_stamp *stamp, void *arg)
{
    if (ends(arg, status)) {
        note_end(arg, status, stamp);
    }
}

static void on_status(int status, void *arg)
{
    if (ends(arg, status)) {
        note_end(arg, status, NULL);
    }
}

static void cancels(void *subject, int64_t argument)
{
    call_of_value *own = subject;
    int64_t now = own->run->fleet.world.now;

    (void)argument;
    if (!own->ended && fleet_runs(own->member)) {
        own->cancelled = true;
        own->due = own->due < now ? own->due : now;
        (void)corral_op_cancel(own->op);
        fleet_look(own->member);
    }
}

/* --- its beginning --- */

/* No other call ever has the same. */
static size_t compose(call_of_value *own, char *ret_text, size_t size)
{
    size_t length = (size_t)snprintf(ret_text, size, "c%zu.", number_of(own));
    size_t padding = world_below(&own->run->fleet.world, PADDING_MOST);

    memset(ret_text + length, 'x', padding);
    return length + padding;
}

/* Submit it: a non-zero status means that nothing will come of it. */
static int submit(call_of_value *own, int64_t timeout_ms)
{
    corral_value *value = own->run->handles[own->member->number][own->place][own->slot];
    char text[PADDING_MOST + 32];
    size_t length = compose(own, text, sizeof text);

    switch (own->kind) {
    case GET:
        return corral_value_get_async(value, own->level, timeout_ms, on_value, own, &own->op);
    case SET:
        return corral_value_set_async(value, text, length, timeout_ms, on_stamp, own, &own->op);
    case COMPARE_SET:
        return corral_value_compare_set_async(value, own->expects ? &own->expected : NULL, text, length,
                                              timeout_ms, on_stamp, own, &own->op);
    case DESTROY:
        return corral_value_destroy_async(value, timeout_ms, on_status, own, &own->op);
    }
    return CORRAL_EINVAL;
}

static call_kind some_kind(world *w)
{
    uint64_t dice = world_below(w, 100);

    return dice < 25 ? GET : dice < 60 ? SET : dice < 88 ? COMPARE_SET : DESTROY;
}

static void call_once(run *r, member *m, int64_t timeout_ms)
{
    world *w = &r->fleet.world;
    call_of_value *own = &r->calls[r->count++];
    int status;

    *own = (call_of_value){.run = r,
                           .member = m,
                           .place = (int)world_below(w, GUEST),
                           .slot = (int)world_below(w, HANDLES),
                           .kind = some_kind(w),
                           .level = (corral_read)world_below(w, 3),
                           .limited = timeout_ms >= 0,
                           .deadline = INT64_MAX,
                           .acked = r->acked,
                           .begins = ++r->order,
                           .status = CORRAL_EUNCERTAIN};
    own->expected = r->known[own->place];
    own->expects = own->expected.mzxid > 0 && !world_one_in(w, 8);
    if (own->limited) {
        own->deadline = w->now + SIM_MS * (timeout_ms == 0 ? m->client->request_timeout_ms : timeout_ms);
    }
    own->due = own->deadline;
    world_note(w, "client %d call %zu kind %d of %d for %" PRId64, m->number, number_of(own), own->kind,
               own->place, timeout_ms);
    status = submit(own, timeout_ms);
    if (status != CORRAL_OK) {
        own->ended = true;
        note_end(own, status, NULL);
    } else if (world_one_in(w, 15)) {
        world_at(w, w->now + world_delay(w, 0, 500 * SIM_MS), cancels, own, 0);
    }
}

static void call_some(run *r, member *m)
{
    world *w = &r->fleet.world;
    bool hasty = world_one_in(w, 9);

    for (uint64_t n = 1 + world_below(w, BURST_MOST); n > 0 && r->count < CALLS; n--) {
        call_once(r, m, hasty ? world_delay(w, 0, 20 * SIM_S) / SIM_MS : CORRAL_FOREVER);
    }
}

void watches_work(void *subject, int64_t argument)
{
    run *r = subject;
    world *w = &r->fleet.world;
    member *m = &r->fleet.members[world_below(w, (uint64_t)r->fleet.member_count)];

    (void)argument;
    if (fleet_runs(m)) {
        call_some(r, m);
        if (world_one_in(w, 6)) {
            watches_unsubscribe(r, m);
        }
        if (world_one_in(w, 4)) {
            watches_subscribe(r, m);
        }
        fleet_look(m);
    }
    if (world_one_in(w, 2)) {
        watches_meddle(r);
    }
    if (r->count < CALLS) {
        world_at(w, w->now + world_delay(w, SIM_MS, 4 * SIM_S), watches_work, r, 0);
    }
}

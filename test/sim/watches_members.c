/*
 * The clients of the workload "watches": the subscriptions they open and close,
 * and what these deliver.
 */
#include "watches_internal.h"

#include <inttypes.h>
#include <string.h>

/* The pace of some clients' loops: what is delivered there is the newest of much. */
#define SLOW (5 * SIM_S)

/* --- what is delivered --- */

static const char *copy_text(world *w, const char *text)
{
    return world_copy(w, text, strlen(text));
}

static delivery *take_down(run *r, const corral_watch_event *event)
{
    world *w = &r->fleet.world;
    delivery *told = world_alloc(w, sizeof *told);

    *told = (delivery){.order = ++r->order,
                       .committed = r->fleet.ensemble.committed,
                       .status = event->status,
                       .exists = event->exists,
                       .data = {.bytes = world_copy(w, event->value, event->length), .length = event->length},
                       .stamp = event->stamp,
                       .skipped = event->skipped,
                       .child_count = event->child_count};
    told->children = world_alloc(w, (event->child_count + 1) * sizeof *told->children);
    for (size_t i = 0; i < event->child_count; i++) {
        const corral_watch_child *child = &event->children[i];

        told->children[i] = *child;
        told->children[i].name = copy_text(w, child->name);
        told->children[i].value = world_copy(w, child->value, child->length);
    }
    return told;
}

static void count(world *w, const delivery *before, const delivery *now)
{
    bool good = now->status == CORRAL_OK;

    w->rare[RARE_LEFT_OUT] += now->skipped > 0;
    w->rare[RARE_REVOKED] += now->status == CORRAL_EACCES;
    w->rare[RARE_RESTORED] += good && before != NULL && before->status == CORRAL_EACCES;
    w->rare[RARE_APPEARED] +=
        good && now->exists && before != NULL && before->status == CORRAL_OK && !before->exists;
    w->rare[RARE_SMALLER] += good && now->exists && before != NULL && before->exists &&
                             before->stamp.czxid != now->stamp.czxid &&
                             before->stamp.version > now->stamp.version;
    for (size_t i = 0; i < now->child_count; i++) {
        w->rare[RARE_CHILD_REVOKED] += now->children[i].status == CORRAL_EACCES;
    }
}

/* What a program does with a subscription that it has just heard of. */
static void react(subscription *own)
{
    world *w = &own->run->fleet.world;

    if (world_one_in(w, 30)) {
        own->closed = true;
        (void)corral_watch_close(own->watch);
        w->rare[RARE_CLOSED_WITHIN]++;
    }
    if (world_one_in(w, 60)) {
        watches_subscribe(own->run, own->member);
        w->rare[RARE_OPENED_WITHIN]++;
    }
}

static void on_event(const corral_watch_event *event, void *arg)
{
    subscription *own = arg;
    fleet *f = &own->run->fleet;
    delivery *told;

    world_note(&f->world,
               "client %d, subscription %d to %d: %s %" PRIx64 ", version %" PRId32 ", %zu children",
               own->member->number, own->number, own->place, corral_status_name(event->status),
               event->stamp.mzxid, event->stamp.version, event->child_count);
    if (own->closed || own->ended) {
        fleet_fail(f, "client %d: subscription %d is told something after its end", own->member->number,
                   own->number);
        return;
    }
    own->ended = event->status == CORRAL_ECLOSED;
    if (own->ended || own->member->crashed) {
        return; /* nobody hears of it */
    }
    told = take_down(own->run, event);
    count(&f->world, own->last, told);
    if (own->first == NULL) {
        own->first = told;
    } else {
        own->last->next = told;
    }
    own->last = told;
    if (!own->run->leaving[own->member->number]) {
        react(own);
    }
}

/* --- subscriptions --- */

/* One of a client's that are open; NULL: none. */
static subscription *any_open(run *r, const member *m)
{
    subscription *chosen = NULL;
    uint64_t seen = 0;

    for (subscription *each = r->subscriptions[m->number]; each != NULL; each = each->next) {
        if (!each->closed && world_one_in(&r->fleet.world, ++seen)) {
            chosen = each;
        }
    }
    return chosen;
}

static int open_count(const run *r, const member *m)
{
    int open = 0;

    for (const subscription *each = r->subscriptions[m->number]; each != NULL; each = each->next) {
        open += !each->closed;
    }
    return open;
}

static int open_it(run *r, subscription *own)
{
    corral_watch_options options = CORRAL_WATCH_OPTIONS_INIT;
    const member *m = own->member;
    world *w = &r->fleet.world;

    options.kind = own->kind;
    return own->kind == CORRAL_WATCH_DATA && own->place < GUEST && world_one_in(w, 2)
               ? corral_value_subscribe(r->handles[m->number][own->place][0], on_event, own, &own->watch)
               : corral_watch_open(m->client, world_path_text(w, r->places[own->place].path), &options,
                                   on_event, own, &own->watch);
}

void watches_subscribe(run *r, member *m)
{
    world *w = &r->fleet.world;
    subscription *own;

    if (open_count(r, m) >= OPEN_MOST) {
        return;
    }
    own = world_alloc(w, sizeof *own);
    *own = (subscription){.next = r->subscriptions[m->number],
                          .run = r,
                          .member = m,
                          .number = r->subscription_count++,
                          .kind = world_one_in(w, 2)   ? CORRAL_WATCH_DATA
                                  : world_one_in(w, 2) ? CORRAL_WATCH_CHILDREN
                                                       : CORRAL_WATCH_CHILDREN_DATA};
    own->place = own->kind != CORRAL_WATCH_DATA ? HOUSE
                 : world_one_in(w, 2)           ? (int)world_below(w, 2)
                                                : (int)world_below(w, PLACES);
    r->subscriptions[m->number] = own;
    if (open_it(r, own) != CORRAL_OK) {
        own->closed = true;
        fleet_fail(&r->fleet, "client %d: cannot subscribe", m->number);
    }
}

static void close_it(subscription *own)
{
    own->closed = true;
    (void)corral_watch_close(own->watch);
}

void watches_unsubscribe(run *r, member *m)
{
    subscription *own = any_open(r, m);

    if (own != NULL) {
        close_it(own);
    }
}

void watches_close_all(run *r)
{
    for (int i = 0; i < r->fleet.member_count; i++) {
        for (subscription *each = r->subscriptions[i]; each != NULL; each = each->next) {
            if (each->closed) {
                continue;
            }
            if (!each->ended) {
                fleet_fail(&r->fleet, "client %d has closed, and does not tell subscription %d", i,
                           each->number);
            }
            close_it(each);
            r->fleet.world.rare[RARE_CLOSED_AFTER]++;
        }
    }
}

/* --- members --- */

void watches_joined(member *m)
{
    run *r = watches_run_of(m->fleet);
    world *w = &m->fleet->world;

    m->answers_after = world_one_in(w, 6) ? SLOW : m->answers_after;
    for (int i = 0; i < GUEST; i++) {
        for (int j = 0; j < HANDLES; j++) {
            if (corral_value_open(m->client, world_path_text(w, r->places[i].path), NULL,
                                  &r->handles[m->number][i][j]) != CORRAL_OK) {
                fleet_fail(m->fleet, "client %d: cannot open a value", m->number);
            }
        }
    }
    for (uint64_t n = 1 + world_below(w, OPEN_MOST); n > 0; n--) {
        watches_subscribe(r, m);
    }
}

void watches_leaving(member *m)
{
    run *r = watches_run_of(m->fleet);
    bool orderly = world_one_in(&m->fleet->world, 2);

    r->leaving[m->number] = true;
    /* Nobody is told of the end of a process that is dead. */
    for (size_t i = 0; i < r->count; i++) {
        if (r->calls[i].member == m && !r->calls[i].ended) {
            r->calls[i].cancelled = true;
        }
    }
    for (subscription *each = r->subscriptions[m->number]; each != NULL; each = each->next) {
        if (!each->closed && orderly) {
            close_it(each);
        }
    }
    for (int i = 0; i < GUEST; i++) {
        for (int j = 0; j < HANDLES; j++) {
            (void)corral_value_close(r->handles[m->number][i][j]);
        }
    }
}

void watches_looked(member *m)
{
    int path = simclient_watches_twice(m->io);

    if (path >= 0) {
        fleet_fail(m->fleet, "client %d reads %s, which it watches, twice at once", m->number,
                   world_path_text(&m->fleet->world, path));
    }
}

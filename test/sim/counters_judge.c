/*
 * Judging a run of the workload "counters".
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "counters_internal.h"
#include "internal.h"

static bool may_be_uncertain(const operation *own)
{
    const run *r = own->run;
    const corral_client *client = own->member->client;

    bool lane_lost = r->fleet.lanes_deleted ||
                     /* Swept while it was between two sessions. */
                     (r->sweeping && (client == NULL || client->stats.sessions > 1));

    return own->limited || own->cancelled || own->through->loose ||
           (lane_lost && corral_op_cause(own->op) == CORRAL_ENOENT);
}

static bool allows(const operation *own, int64_t value)
{
    return value >= own->through->min && value <= own->through->max;
}

/* Does it ask for what its handle forbids? Of a sum that is only known when it is made. */
static bool is_forbidden(const operation *own)
{
    const history_op *seen = &own->seen;

    return (seen->kind == HISTORY_SET && !allows(own, seen->argument)) ||
           (seen->kind == HISTORY_COMPARE_SET && !allows(own, seen->desired));
}

/* Can it have ended like that? */
static bool may_end(const operation *own)
{
    history_kind kind = own->seen.kind;

    if (is_forbidden(own)) {
        return own->seen.status == CORRAL_ERANGE;
    }
    switch (own->seen.status) {
    case CORRAL_OK:
        return kind != HISTORY_ADD || (allows(own, own->seen.value) && own->seen.value <= own->limit);
    case CORRAL_ERANGE:
        return kind == HISTORY_ADD; /* if there was no room: lib/history.c */
    case CORRAL_ENOENT:
        return kind == HISTORY_COMPARE_SET || kind == HISTORY_READ || kind == HISTORY_DESTROY;
    case CORRAL_ECONFLICT:
        return kind == HISTORY_COMPARE_SET;
    case CORRAL_ETIMEDOUT:
        return own->limited;
    case CORRAL_ECANCELED:
    case CORRAL_ECLOSED:
        return own->cancelled;
    case CORRAL_ENOMEM:
        return own->member->starved;
    case CORRAL_EUNCERTAIN:
        return may_be_uncertain(own);
    default:
        return false;
    }
}

static bool timed_out(const operation *own)
{
    return own->seen.status == CORRAL_ETIMEDOUT ||
           (own->seen.status == CORRAL_EUNCERTAIN && corral_op_cause(own->op) == CORRAL_ETIMEDOUT);
}

void counters_judge_outcomes(run *r)
{
    fleet *f = &r->fleet;

    for (size_t i = 0; i < r->count; i++) {
        const operation *own = &r->operations[i];

        if (own->member == NULL || own->member->crashed) {
            continue; /* another program; nobody hears of it */
        }
        if (!own->ended) {
            fleet_fail(f, "client %d operation %zu has not ended", own->member->number, i);
        } else if (!may_end(own)) {
            fleet_fail(f, "client %d operation %zu has ended %s for no reason", own->member->number, i,
                       corral_status_name(own->seen.status));
        } else if (timed_out(own) && own->seen.returned < own->deadline) {
            fleet_fail(f, "client %d operation %zu has timed out too early", own->member->number, i);
        }
    }
}

void counters_judge_counter(run *r, int counter)
{
    static history_op ops[OPERATIONS_MAX];
    fleet *f = &r->fleet;
    char path[64];
    const znode *node;
    const char *wrong;
    size_t count = 0;

    counters_name(path, sizeof path, counter);
    node = tree_find(ensemble_state(&f->ensemble), world_path(&f->world, path));
    r->ends[counter].present_at_end = node != NULL;
    r->ends[counter].value_at_end = node == NULL ? 0 : counters_number_in(r, counter, node);
    for (size_t i = 0; i < r->count; i++) {
        if (r->operations[i].seen.counter == (uint32_t)counter) {
            ops[count++] = r->operations[i].seen;
        }
    }
    wrong = history_check(ops, count, &r->ends[counter]);
    if (wrong != NULL && strncmp(wrong, HISTORY_REFUSED, strlen(HISTORY_REFUSED)) == 0) {
        r->unjudged = true;
    } else if (wrong != NULL) {
        fleet_fail(f, "%s: %s", path, wrong);
    }
}

static void judge_subscriber(run *r, const subscriber *own)
{
    fleet *f = &r->fleet;
    char path[64];
    const znode *node;

    counters_name(path, sizeof path, own->counter);
    node = tree_find(ensemble_state(&f->ensemble), world_path(&f->world, path));
    if (!own->any || own->last.status != CORRAL_OK || own->last.exists != (node != NULL) ||
        (node != NULL && (own->last.stamp.mzxid != node->mzxid ||
                          own->last.value != counters_number_in(r, own->counter, node)))) {
        fleet_fail(f, "client %d has not seen the last state of %s", own->member->number, path);
    }
}

void counters_judge_subscribers(run *r)
{
    for (int i = 0; i < r->fleet.member_count; i++) {
        for (int j = 0; fleet_runs(&r->fleet.members[i]) && j < r->counter_count; j++) {
            if (r->subscribers[i][j].watch != NULL) {
                judge_subscriber(r, &r->subscribers[i][j]);
            }
        }
    }
}

/* Only what is meant to stay is left. */
void counters_judge_leavings(run *r)
{
    fleet *f = &r->fleet;
    const tree *t = ensemble_state(&f->ensemble);
    int crashed = 0; /* or closed while much was broken */
    int writers = world_path(&f->world, "/corral/writers");

    for (int i = 0; i < f->member_count; i++) {
        crashed += (!r->sweeping || f->clock_stepped) && (f->members[i].crashed || f->members[i].hurried);
    }
    for (int path = 0; path < t->capacity; path++) {
        const znode *node = tree_find(t, path);

        if (node != NULL && node->owner != 0) {
            fleet_fail(f, "%s is left, and its session is not", world_path_text(&f->world, path));
        } else if (node != NULL && path > 0 && world_path_parent(&f->world, path) == writers &&
                   --crashed < 0) {
            fleet_fail(f, "%s is left", world_path_text(&f->world, path));
        }
    }
}

/* Who deletes another's lane must be sure that it is old, and its client not there. */
static void judge_deletion(run *r, const transaction *txn, const tree_write *deletion)
{
    fleet *f = &r->fleet;
    world *w = &f->world;
    int writer = world_path_parent(w, deletion->path);
    char live[128];
    const znode *node;

    if (writer <= 0 || world_path_parent(w, writer) != world_path(w, "/corral/writers")) {
        return;
    }
    (void)snprintf(live, sizeof live, "%s/live", world_path_text(w, writer));
    node = tree_find(&f->ensemble.prepared, world_path(w, live));
    if (node != NULL && node->owner != txn->session) {
        fleet_fail(f, "%s is deleted, and its client lives", world_path_text(w, deletion->path));
    }
    if (node == NULL && deletion->path != world_path(w, live) && !f->clock_stepped &&
        txn->time_ms - deletion->stat.mtime_ms < AGE_MS) {
        fleet_fail(f, "%s is swept, and is not old", world_path_text(w, deletion->path));
    }
}

void counters_judge_write(ensemble *e, const transaction *txn)
{
    run *r = (run *)((char *)e - offsetof(run, fleet.ensemble));

    for (size_t i = 0; txn->session != 0 && i < txn->count; i++) {
        if (txn->writes[i].kind == CORRALI_DELETE) {
            judge_deletion(r, txn, &txn->writes[i]);
        }
    }
}

/*
 * Who sweeps spares the lanes of those whose LIVE is there. So once a session
 * has begun, it must be, for as long as the session lives.
 */
void counters_judge_registrations(run *r)
{
    fleet *f = &r->fleet;
    const tree *t = &f->ensemble.prepared;

    for (int i = 0; f->ensemble.leader >= 0 && i < f->member_count; i++) {
        const corral_client *client = fleet_runs(&f->members[i]) ? f->members[i].client : NULL;
        const znode *live;

        if (client == NULL || !client->ready || client->writer.state != CORRALI_WRITER_REGISTERED ||
            tree_find(t, world_path(&f->world, client->writer.directory)) == NULL ||
            !ensemble_session_lives(&f->ensemble, client->session_id)) {
            continue;
        }
        live = tree_find(t, world_path(&f->world, client->writer.live));
        if (live == NULL || live->owner != client->session_id) {
            fleet_fail(f, "client %d lives, and no znode shows it", i);
        }
    }
}

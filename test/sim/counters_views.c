/*
 * Judging what each client sees against what it has seen before: a read may
 * show the past, but not what was before that.
 *
 * The log tells when the counter was in which state. What a client has seen,
 * be it a result, an absence or what a subscription told, puts it at the
 * beginning of that state at least; what it is shown afterwards must be a state
 * that had not ended by then. An absence has no stamp: it is taken for the
 * first one that it can be.
 */
#include "counters_internal.h"

/* A state of the counter, from @from on until the next one's. */
typedef struct {
    int64_t from;
    bool present;
} state;

typedef struct {
    state *states;
    size_t count;
} timeline;

/* Something that a client has seen. */
typedef struct {
    int64_t invoked, returned;
    bool present;
    int64_t mzxid;
    const operation *told_by; /* NULL: a subscription */
    int64_t least;            /* zxid: the client has come as far as this */
} view;

enum { NOWHERE = -1 };

/* --- the counter's past --- */

static void add_state(timeline *line, int64_t from, bool present)
{
    if (line->count > 0 && line->states[line->count - 1].from == from) {
        line->count--; /* of one transaction only the last is ever seen */
    }
    line->states[line->count++] = (state){.from = from, .present = present};
}

static timeline past_of(run *r, int counter)
{
    const ensemble *e = &r->fleet.ensemble;
    timeline line = {.states = world_alloc(&r->fleet.world, (e->committed + 2) * sizeof(state))};
    char path[64];
    int number;

    counters_name(path, sizeof path, counter);
    number = world_path(&r->fleet.world, path);
    add_state(&line, 0, false);
    if (r->put_at[counter] != 0) {
        add_state(&line, r->put_at[counter], true);
    }
    for (size_t i = 0; i < e->committed; i++) {
        const transaction *txn = &e->log[i]->txn;

        for (size_t j = 0; txn->status == CORRAL_OK && j < txn->count; j++) {
            if (txn->writes[j].path == number && txn->writes[j].kind != CORRALI_CHECK) {
                add_state(&line, txn->zxid, txn->writes[j].kind != CORRALI_DELETE);
            }
        }
    }
    return line;
}

/* When the first state has begun that @seen can be of and that had not ended at @least; NOWHERE: none. */
static int64_t place(const timeline *line, const view *seen, int64_t least)
{
    for (size_t i = 0; i < line->count; i++) {
        int64_t until = i + 1 < line->count ? line->states[i + 1].from : INT64_MAX;

        if (until > least && line->states[i].present == seen->present &&
            (!seen->present || line->states[i].from == seen->mzxid)) {
            return line->states[i].from;
        }
    }
    return NOWHERE;
}

/* --- what a client has seen of it --- */

/* Does it tell of the counter's state? */
static bool tells(const history_op *seen)
{
    return seen->returned != INT64_MAX &&
           (seen->status == CORRAL_OK ||
            (seen->status == CORRAL_ENOENT && seen->kind != HISTORY_ADD && seen->kind != HISTORY_SET));
}

/* In the order of their ends: there are not many. */
static void add_view(view *views, size_t *count, view added)
{
    size_t at = (*count)++;

    while (at > 0 && views[at - 1].returned > added.returned) {
        views[at] = views[at - 1];
        at--;
    }
    views[at] = added;
}

static size_t gather(const run *r, int client, int counter, view *views)
{
    size_t count = 0;

    for (size_t i = 0; i < r->count; i++) {
        const history_op *op = &r->operations[i].seen;

        if (op->client == (uint32_t)client && op->counter == (uint32_t)counter && tells(op)) {
            add_view(views, &count,
                     (view){.invoked = op->invoked,
                            .returned = op->returned,
                            .present = op->status == CORRAL_OK && op->kind != HISTORY_DESTROY,
                            .mzxid = op->stamp.mzxid,
                            .told_by = &r->operations[i]});
        }
    }
    for (const delivery *each = r->subscribers[client][counter].deliveries; each != NULL; each = each->next) {
        add_view(
            views, &count,
            (view){
                .invoked = each->at, .returned = each->at, .present = each->present, .mzxid = each->mzxid});
    }
    return count;
}

static void tell_wrong(run *r, int client, const view *seen)
{
    if (seen->told_by == NULL) {
        fleet_fail(&r->fleet, "client %d is told of a state before what it had seen", client);
    } else {
        fleet_fail(&r->fleet, "client %d operation %zu is of a state before what it had seen", client,
                   (size_t)(seen->told_by - r->operations));
    }
}

static void judge_client(run *r, const timeline *line, int client, view *views, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t least = 0;

        for (size_t j = 0; j < i && views[j].returned < views[i].invoked; j++) {
            least = views[j].least > least ? views[j].least : least;
        }
        views[i].least = place(line, &views[i], least);
        if (views[i].least == NOWHERE) {
            tell_wrong(r, client, &views[i]);
            return;
        }
    }
}

void counters_judge_views(run *r, int counter)
{
    timeline line = past_of(r, counter);
    world *w = &r->fleet.world;

    for (int client = 0; client < r->fleet.member_count; client++) {
        size_t most = r->count + r->subscribers[client][counter].delivered;
        view *views = world_alloc(w, most * sizeof *views);

        judge_client(r, &line, client, views, gather(r, client, counter, views));
    }
}

/* What each subscription was told, one state after another, and the last. */
#include <stdlib.h>

#include "lib/watch_states.h"

/* What a subscription was told so far. */
typedef struct {
    const watch_states *states;
    const watch_note *last;                       /* NULL: nothing yet */
    watch_state existed;                          /* the last state in which it did; else zero */
    watch_state children_existed[WATCH_CHILDREN]; /* ... and each of its children */
} listener;

int watch_told_order(const watch_note *a, const watch_note *b)
{
    const uint32_t keys[][2] = {{a->worker, b->worker},
                                {a->life, b->life},
                                {a->thread, b->thread},
                                {a->subscription, b->subscription}};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

/* Of a thread they are in their order already. */
static int by_order(const void *left, const void *right)
{
    const watch_note *a = *(const watch_note *const *)left, *b = *(const watch_note *const *)right;
    int order = watch_told_order(a, b);

    return order != 0 ? order : a < b ? -1 : a > b;
}

static watch_told sort_events(const watch_history *h)
{
    watch_told t = {.events = watch_room(h->count, sizeof *t.events)};

    for (size_t i = 0; i < h->count; i++) {
        if (h->notes[i].kind == WATCH_EVENT) {
            t.events[t.count++] = &h->notes[i];
        }
    }
    qsort(t.events, t.count, sizeof *t.events, by_order);
    return t;
}

/* How many events are of subscriptions before that of @note; or of that one, too. */
static size_t count_before(const watch_told *t, const watch_note *note, bool too)
{
    size_t low = 0, high = t->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = watch_told_order(t->events[middle], note);

        if (order < 0 || (order == 0 && too)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const watch_note *watch_told_first(const watch_told *t, const watch_note *note)
{
    size_t before = count_before(t, note, false);

    return before < count_before(t, note, true) ? t->events[before] : NULL;
}

const watch_note *watch_told_last(const watch_told *t, const watch_note *note)
{
    size_t end = count_before(t, note, true);

    return end > count_before(t, note, false) ? t->events[end - 1] : NULL;
}

/* --- one state after another --- */

static bool stayed(const watch_state *a, const watch_state *b)
{
    return a->exists && b->exists && a->czxid == b->czxid;
}

/* May @state come after @before, when it existed last, if it has been @gone meanwhile? */
static bool follows(const watch_state *before, const watch_state *state, bool gone)
{
    return state->mzxid >= before->mzxid && state->czxid >= before->czxid &&
           (state->czxid == before->czxid ? !gone && state->version >= before->version
                                          : state->czxid > before->mzxid);
}

static bool is_same(const watch_note *a, const watch_note *b)
{
    bool same = a->state.exists == b->state.exists && a->state.mzxid == b->state.mzxid;

    for (unsigned i = 0; i < WATCH_CHILDREN && b->what == CORRAL_WATCH_CHILDREN_DATA; i++) {
        same = same && a->children[i].exists == b->children[i].exists &&
               a->children[i].mzxid == b->children[i].mzxid;
    }
    return same;
}

static const char *judge_children(const listener *l, const watch_note *event)
{
    for (unsigned i = 0; i < WATCH_CHILDREN; i++) {
        const watch_state *child = &event->children[i];

        if (child->exists &&
            !follows(&l->children_existed[i], child, l->last == NULL || !l->last->children[i].exists)) {
            return "a child's state is older than one delivered before";
        }
    }
    return NULL;
}

static const char *judge_growth(const listener *l, const watch_note *event)
{
    bool with_data = event->what == CORRAL_WATCH_CHILDREN_DATA;

    if (event->status != CORRAL_OK) {
        return "it could not be read";
    }
    if (l->last != NULL && is_same(l->last, event)) {
        return "the same state was delivered twice";
    }
    if (event->state.exists &&
        !follows(&l->existed, &event->state, l->last != NULL && !l->last->state.exists)) {
        return "a state is older than one delivered before";
    }
    return with_data ? judge_children(l, event) : NULL;
}

/* --- what was left out --- */

typedef struct {
    uint64_t least, most;
} range;

/* So many changes led to @to from the one before it, if that was not of the same incarnation. */
static uint64_t least_changes(const watch_state *from, const watch_state *to)
{
    if (stayed(from, to)) {
        return (uint64_t)((int64_t)to->version - from->version);
    }
    return (uint64_t)(from->exists != 0) + (to->exists ? (uint64_t)to->version + 1 : 0);
}

/* So many can have led from what existed last to the @event: those that are known, and what nobody knows. */
static uint64_t most_changes(const listener *l, const watch_note *event)
{
    const watch_place *p = &l->states->places[event->place];
    uint64_t changes = 1 + 2 * p->unknown; /* at last, a deletion */
    int64_t incarnation = l->existed.czxid;

    for (size_t i = watch_states_after(p, l->existed.mzxid); i < p->count; i++) {
        const watch_seen *seen = &p->seen[i];

        if ((event->state.exists && seen->state.mzxid > event->state.mzxid) ||
            (seen->change != NULL && seen->change->begin > event->begin)) {
            break;
        }
        changes += 1 + (uint64_t)(seen->state.czxid != incarnation); /* a deletion before it */
        incarnation = seen->state.czxid;
    }
    return changes;
}

/* Does @event tell of all children that are in the list with its stamp? */
static bool is_whole(const listener *l, const watch_note *event)
{
    const watch_place *p = &l->states->places[event->place];
    size_t after = watch_states_after(p, event->state.mzxid);

    return after > 0 && p->seen[after - 1].whole && p->seen[after - 1].mask == watch_mask_of(event);
}

/* Of children with data; only of those that stayed it is known what they have left out. */
static range family_changes(const listener *l, const watch_note *event)
{
    uint64_t changes = least_changes(&l->last->state, &event->state);
    bool all_stayed =
        l->last->state.mzxid == event->state.mzxid && is_whole(l, l->last) && is_whole(l, event);

    for (unsigned i = 0; i < WATCH_CHILDREN; i++) {
        const watch_state *before = &l->last->children[i], *child = &event->children[i];

        if (stayed(before, child)) {
            changes += (uint64_t)((int64_t)child->version - before->version);
        } else {
            all_stayed = all_stayed && !before->exists && !child->exists;
        }
    }
    return (range){changes, all_stayed ? changes : UINT64_MAX};
}

static range changes_to(const listener *l, const watch_note *event)
{
    const watch_state *from = &l->last->state, *to = &event->state;
    uint64_t least = least_changes(from, to);

    if (event->what == CORRAL_WATCH_CHILDREN_DATA) {
        return family_changes(l, event);
    }
    if (stayed(from, to)) {
        return (range){least, least};
    }
    return (range){least, event->what == CORRAL_WATCH_DATA ? most_changes(l, event) : UINT64_MAX};
}

/* Of the changes to @event one is not left out. */
static bool is_counted_right(const listener *l, const watch_note *event)
{
    if (l->last == NULL) {
        return event->skipped == 0;
    }
    range changes = changes_to(l, event);
    return event->skipped + 1 >= changes.least && (event->skipped == 0 || event->skipped + 1 <= changes.most);
}

/* --- all --- */

static void keep(listener *l, const watch_note *event)
{
    l->last = event;
    l->existed = event->state.exists ? event->state : l->existed;
    for (unsigned i = 0; i < WATCH_CHILDREN; i++) {
        l->children_existed[i] = event->children[i].exists ? event->children[i] : l->children_existed[i];
    }
}

static const char *judge_events(const watch_states *s, const watch_told *t)
{
    listener l = {.states = s};

    for (size_t i = 0; i < t->count; i++) {
        const watch_note *event = t->events[i];

        if (l.last != NULL && watch_told_order(l.last, event) != 0) {
            l = (listener){.states = s};
        }
        const char *wrong = judge_growth(&l, event);
        if (wrong == NULL && !is_counted_right(&l, event)) {
            wrong = "what was left out is not counted right";
        }
        if (wrong != NULL) {
            return watch_say(event->place, wrong, l.last, event);
        }
        keep(&l, event);
    }
    return NULL;
}

/* Is the last event what there is in the end? */
static bool is_final(const watch_history *h, const watch_note *last)
{
    const watch_state *end = &h->ends[last->place];
    bool right = last->state.exists == end->exists && last->state.mzxid == end->mzxid;

    for (unsigned i = 0; i < WATCH_CHILDREN && last->what != CORRAL_WATCH_DATA; i++) {
        const watch_state *child = &h->ends[watch_place_of(last->place, i)];

        right = right && last->children[i].exists == child->exists &&
                (last->what == CORRAL_WATCH_CHILDREN || last->children[i].mzxid == child->mzxid);
    }
    return right;
}

static const char *judge_rest(const watch_history *h, const watch_told *t, const watch_note *rest)
{
    const watch_note *last = watch_told_last(t, rest);

    if (last == NULL) {
        return watch_say(rest->place, "a subscription was told nothing", rest, NULL);
    }
    return is_final(h, last) ? NULL : watch_say(rest->place, "the last state was not delivered", last, rest);
}

/* How long after the end of all changes the last states were told. */
static void measure_rest(const watch_history *h, const watch_told *t, watch_measures *measures)
{
    int64_t end = INT64_MIN;

    for (size_t i = 0; i < h->count; i++) {
        if (h->notes[i].kind == WATCH_REST && h->notes[i].begin > end) {
            end = h->notes[i].begin;
        }
    }
    for (size_t i = 0; i < h->count; i++) {
        const watch_note *last = h->notes[i].kind == WATCH_REST ? watch_told_last(t, &h->notes[i]) : NULL;

        if (last != NULL && last->begin > end) {
            int64_t late = last->begin - end;

            measures->latest_ns = late > measures->latest_ns ? late : measures->latest_ns;
            measures->late++;
        }
    }
}

const char *watch_told_judge(const watch_states *s, const watch_history *h, watch_measures *ret_measures)
{
    watch_told t = sort_events(h);
    const char *wrong = judge_events(s, &t);

    wrong = wrong != NULL ? wrong : watch_lag_judge(s, h, &t, ret_measures);
    for (size_t i = 0; i < h->count && wrong == NULL; i++) {
        if (h->notes[i].kind == WATCH_REST) {
            wrong = judge_rest(h, &t, &h->notes[i]);
        }
    }
    measure_rest(h, &t, ret_measures);
    free(t.events);
    return wrong;
}

/*
 * How soon subscriptions were told. No clock decides that, which says little of
 * a process that stands still, or has no connection; but its own changes, which
 * make no progress then either.
 */
#include <stdlib.h>

#include "lib/watch_states.h"

/* Of all workers, those answered: one's together, in the order in which they were made. */
typedef struct {
    const watch_note **calls;
    size_t count;
} answers;

static int by_caller(const watch_note *a, const watch_note *b)
{
    if (a->worker != b->worker) {
        return a->worker < b->worker ? -1 : 1;
    }
    return a->life < b->life ? -1 : a->life > b->life;
}

static int by_call(const void *left, const void *right)
{
    const watch_note *a = *(const watch_note *const *)left, *b = *(const watch_note *const *)right;
    int order = by_caller(a, b);

    return order != 0 ? order : a->begin < b->begin ? -1 : a->begin > b->begin;
}

static bool is_answered(const watch_note *n)
{
    return n->kind == WATCH_CHANGE && n->end != 0 && n->status != CORRAL_ETIMEDOUT &&
           n->status != CORRAL_EUNCERTAIN;
}

static answers collect(const watch_history *h)
{
    answers a = {.calls = watch_room(h->count, sizeof *a.calls)};

    for (size_t i = 0; i < h->count; i++) {
        if (is_answered(&h->notes[i])) {
            a.calls[a.count++] = &h->notes[i];
        }
    }
    qsort(a.calls, a.count, sizeof *a.calls, by_call);
    return a;
}

/* The first of the calls of the worker of @note that began after @moment, or what follows the worker's. */
static size_t find_call(const answers *a, const watch_note *note, int64_t moment)
{
    const watch_note wanted = {.worker = note->worker, .life = note->life, .begin = moment}, *key = &wanted;
    size_t low = 0, high = a->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_call(&a->calls[middle], &key) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* When @state of a place with @states was known not to be the last one any more; INT64_MAX: never. */
static int64_t outdated(const watch_place *states, const watch_state *state)
{
    int64_t known = INT64_MAX;

    /* It is enough that a later one is known; but who looks at all of them looks for long. */
    for (size_t i = watch_states_after(states, state->mzxid), n = 0; i < states->count && n < 8; i++, n++) {
        known = states->seen[i].known < known ? states->seen[i].known : known;
    }
    return known;
}

/* ... or any of what @event tells of. Of what is not there it is not known when it was. */
static int64_t event_outdated(const watch_states *s, const watch_note *event)
{
    int64_t first = event->state.exists ? outdated(&s->places[event->place], &event->state) : INT64_MAX;

    for (unsigned i = 0; i < WATCH_CHILDREN && event->what == CORRAL_WATCH_CHILDREN_DATA; i++) {
        if (event->children[i].exists) {
            int64_t child = outdated(&s->places[watch_place_of(event->place, i)], &event->children[i]);

            first = child < first ? child : first;
        }
    }
    return first;
}

/* Who is told what. */
typedef struct {
    const watch_states *states;
    const watch_told *told;
    answers answers;
    watch_measures *measures;
} audience;

/* @event was the last one delivered until @next, of the same subscription. How many answers did its worker
 * get meanwhile, since the subscription had begun and the event was out of date? */
static const char *judge_one(const audience *a, const watch_note *event, const watch_note *next)
{
    int64_t since = event_outdated(a->states, event), first = watch_told_first(a->told, event)->begin;

    since = since > first ? since : first;
    if (since >= next->begin) {
        return NULL;
    }
    size_t lag = find_call(&a->answers, event, next->begin) - find_call(&a->answers, event, since);
    a->measures->lag = lag > a->measures->lag ? lag : a->measures->lag;
    return lag > WATCH_LAG_MOST ? watch_say(event->place, "this was out of date for long", event, next)
                                : NULL;
}

const char *watch_lag_judge(const watch_states *s, const watch_history *h, const watch_told *t,
                            watch_measures *measures)
{
    audience a = {.states = s, .told = t, .answers = collect(h), .measures = measures};
    const char *wrong = NULL;

    for (size_t i = 1; i < t->count && wrong == NULL; i++) {
        if (watch_told_order(t->events[i - 1], t->events[i]) == 0) {
            wrong = judge_one(&a, t->events[i - 1], t->events[i]);
        }
    }
    for (size_t i = 0; i < h->count && wrong == NULL; i++) {
        const watch_note *end = &h->notes[i];
        bool ends = end->kind == WATCH_CLOSE || end->kind == WATCH_REST;
        const watch_note *last = ends ? watch_told_last(t, end) : NULL;

        wrong = last != NULL ? judge_one(&a, last, end) : NULL;
    }
    free(a.answers.calls);
    return wrong;
}

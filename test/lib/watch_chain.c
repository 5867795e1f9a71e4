/* The states of one znode after another: is it what its changes can have made, each of them once? */
#include <stdlib.h>

#include "lib/watch_states.h"

/* What is known of a znode, and what explains that something is missing. */
typedef struct {
    unsigned place;
    const watch_place *states;
    const watch_state *end;
    int64_t *known; /* of each state: when it, or a later one, was there already */
    const watch_note *
        *unknown; /* changes that nobody has seen, but which may have been, in the order of begin */
    size_t unknown_count;
    uint64_t deleted, perhaps_deleted; /* so often */
} chain;

static int by_begin(const void *left, const void *right)
{
    const watch_note *a = *(const watch_note *const *)left, *b = *(const watch_note *const *)right;

    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

static bool is_seen(const watch_place *p, const watch_note *change)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->seen[i].change == change) {
            return true;
        }
    }
    return false;
}

static chain make(const watch_states *s, const watch_history *h, unsigned place)
{
    const watch_place *p = &s->places[place];
    chain c = {.place = place,
               .states = p,
               .end = &h->ends[place],
               .known = watch_room(p->count, sizeof *c.known),
               .unknown = watch_room(p->unknown, sizeof *c.unknown)};

    c.known[p->count] = INT64_MAX;
    for (size_t i = p->count; i-- > 0;) {
        c.known[i] = p->seen[i].known < c.known[i + 1] ? p->seen[i].known : c.known[i + 1];
    }
    for (size_t i = 0; i < h->count; i++) {
        const watch_note *n = &h->notes[i];
        bool deletes = n->kind == WATCH_CHANGE && n->how == WATCH_DESTROY;

        if (n->place != place) {
            continue;
        }
        c.deleted += deletes && n->end != 0 && n->status == CORRAL_OK;
        c.perhaps_deleted += deletes && watch_is_unknown(n);
        if (!deletes && watch_is_unknown(n) && !is_seen(p, n)) {
            c.unknown[c.unknown_count++] = n;
        }
    }
    qsort(c.unknown, c.unknown_count, sizeof *c.unknown, by_begin);
    return c;
}

/* --- one after another --- */

/* It was there, and so was all before it, when somebody saw it, or what came after it. */
static const char *judge_time(const chain *c)
{
    const watch_place *p = c->states;

    for (size_t i = 0; i < p->count; i++) {
        const watch_note *change = p->seen[i].change;

        if (change != NULL && c->known[i] < change->begin) {
            return watch_say(c->place, "this, or what came after it, was seen before it was written", change,
                             p->seen[i].note);
        }
    }
    return NULL;
}

/* Did the change of @seen, after the state @before (NULL: none), meet what it expected? */
static bool meets(const watch_seen *before, const watch_seen *seen)
{
    const watch_state *b = before != NULL ? &before->state : NULL, *s = &seen->state;

    if (seen->change == NULL || seen->change->how == WATCH_SET) {
        return true;
    }
    if (seen->change->how == WATCH_CREATE) {
        return s->czxid == 0 || s->czxid == s->mzxid;
    }
    return b != NULL && b->mzxid == seen->change->expected &&
           (b->czxid == 0 || s->czxid == 0 || b->czxid == s->czxid);
}

static const char *judge_expectations(const chain *c)
{
    const watch_place *p = c->states;

    for (size_t i = 0; i < p->count; i++) {
        if (!meets(i > 0 ? &p->seen[i - 1] : NULL, &p->seen[i])) {
            return watch_say(c->place, "that is not what was expected", p->seen[i].change,
                             i > 0 ? p->seen[i - 1].note : NULL);
        }
    }
    return NULL;
}

/* --- versions --- */

/* A walk through the states. */
typedef struct {
    int64_t incarnation; /* its czxid */
    uint64_t incarnations;
    int64_t next;     /* the version of the next change, if none is missing */
    uint64_t missing; /* so many have been */
    size_t hidden;    /* so many states, the last ones, have a version that is not known */
} walk;

/* A state of another incarnation. Those before it whose own is not known may be of this one. */
static bool begin_incarnation(walk *w, const watch_place *p, size_t i)
{
    const watch_state *s = &p->seen[i].state;
    size_t own = 0;

    while (own < w->hidden && p->seen[i - own - 1].state.mzxid > s->czxid) {
        own++;
    }
    if (s->czxid < w->incarnation || (i > own && s->czxid <= p->seen[i - own - 1].state.mzxid)) {
        return false;
    }
    w->incarnation = s->czxid;
    w->incarnations++;
    w->next = (int64_t)own;
    return true;
}

static const char *step(walk *w, const watch_place *p, size_t i)
{
    const watch_state *s = &p->seen[i].state;
    bool has_version = s->version != 0 || s->mzxid == s->czxid;

    if (s->czxid != 0 && s->czxid != w->incarnation && !begin_incarnation(w, p, i)) {
        return "an incarnation began before the one before it had ended";
    }
    if (has_version && s->version < w->next) {
        return "there were more changes than versions";
    }
    w->missing += (has_version ? (uint64_t)(s->version - w->next) : 0) + (s->payload == 0);
    w->next = (has_version ? s->version : w->next) + 1;
    w->hidden = s->czxid == 0 ? w->hidden + 1 : 0;
    return NULL;
}

/* An incarnation has ended by one deletion, and no deletion has ended none. */
static const char *judge_ends(const chain *c, const walk *w)
{
    uint64_t ended = w->incarnations - (c->end->exists && w->incarnations > 0);

    if (ended > c->deleted + c->perhaps_deleted) {
        return watch_say(c->place, "it has gone, and nobody has deleted it", NULL, NULL);
    }
    if (c->deleted > ended + c->unknown_count) {
        return watch_say(c->place, "it was deleted more often than it was made", NULL, NULL);
    }
    return NULL;
}

static const char *judge_versions(const chain *c)
{
    const watch_place *p = c->states;
    size_t explained = 0;
    walk w = {0};

    for (size_t i = 0; i < p->count; i++) {
        const char *wrong = step(&w, p, i);

        while (explained < c->unknown_count && c->unknown[explained]->begin <= c->known[i]) {
            explained++;
        }
        if (wrong == NULL && w.missing > explained) {
            wrong = "there was a change before this that nobody has made";
        }
        if (wrong != NULL) {
            return watch_say(c->place, wrong, p->seen[i].note, p->seen[i].change);
        }
    }
    return judge_ends(c, &w);
}

static const char *judge_last(const chain *c)
{
    const watch_place *p = c->states;
    const watch_seen *last = p->count > 0 ? &p->seen[p->count - 1] : NULL;

    if (c->end->exists && last->state.mzxid != c->end->mzxid) {
        return watch_say(c->place, "this came after what is there in the end", last->note, NULL);
    }
    return NULL;
}

const char *watch_chain_judge(const watch_states *s, const watch_history *h)
{
    const char *wrong = NULL;

    for (unsigned place = 0; place < WATCH_ZNODES && wrong == NULL; place++) {
        chain c = make(s, h, place);

        wrong = judge_time(&c);
        wrong = wrong != NULL ? wrong : judge_expectations(&c);
        wrong = wrong != NULL ? wrong : judge_versions(&c);
        wrong = wrong != NULL ? wrong : judge_last(&c);
        free(c.known);
        free(c.unknown);
    }
    return wrong;
}

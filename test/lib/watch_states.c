#include "lib/watch_states.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void *watch_room(size_t count, size_t size)
{
    void *made = calloc(count + 1, size);

    if (made == NULL) {
        abort();
    }
    return made;
}

const char *watch_say(unsigned place, const char *what, const watch_note *one, const watch_note *other)
{
    static char text[1024];
    int length = snprintf(text, sizeof text, "place %u: %s", place, what);

    for (int i = 0; i < 2; i++) {
        const watch_note *note = i == 0 ? one : other;

        if (note != NULL) {
            length += snprintf(text + length, sizeof text - (size_t)length, "\n    %s",
                               watch_history_describe(note));
        }
    }
    return text;
}

bool watch_is_unknown(const watch_note *note)
{
    return note->kind == WATCH_CHANGE && note->how != WATCH_READ &&
           (note->end == 0 || note->status == CORRAL_EUNCERTAIN);
}

size_t watch_states_after(const watch_place *p, int64_t mzxid)
{
    size_t low = 0, high = p->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (p->seen[middle].state.mzxid <= mzxid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* --- what was seen --- */

typedef struct {
    watch_seen *seen;
    size_t count;
} collection;

static void add(collection *c, watch_seen one)
{
    if (one.state.exists) {
        c->seen[c->count++] = one;
    }
}

uint32_t watch_mask_of(const watch_note *note)
{
    uint32_t mask = 0;

    for (unsigned i = 0; i < WATCH_CHILDREN; i++) {
        mask |= (uint32_t)(note->children[i].exists != 0) << i;
    }
    return mask;
}

/* Of children with data those that have gone since are left out, so that the list may have been longer. */
static void add_note(collection *c, const watch_note *note)
{
    bool lists = note->kind == WATCH_EVENT && note->what != CORRAL_WATCH_DATA;

    if (note->kind == WATCH_REST || (note->kind == WATCH_CHANGE && note->end == 0)) {
        return;
    }
    add(c, (watch_seen){.state = note->state,
                        .place = note->place,
                        .mask = lists ? watch_mask_of(note) : 0,
                        .whole = lists && note->what == CORRAL_WATCH_CHILDREN,
                        .known = note->kind == WATCH_EVENT ? note->begin : note->end,
                        .note = note});
    for (unsigned i = 0; i < WATCH_CHILDREN && lists && note->what == CORRAL_WATCH_CHILDREN_DATA; i++) {
        add(c, (watch_seen){.state = note->children[i],
                            .place = watch_place_of(note->place, i),
                            .known = note->begin,
                            .note = note});
    }
}

static collection collect(const watch_history *h)
{
    collection c = {.seen = watch_room(h->count * (1 + WATCH_CHILDREN) + WATCH_PLACES, sizeof *c.seen)};

    for (size_t i = 0; i < h->count; i++) {
        add_note(&c, &h->notes[i]);
    }
    for (unsigned p = 0; p < WATCH_PLACES; p++) {
        add(&c, (watch_seen){.state = h->ends[p], .place = p, .known = INT64_MAX});
    }
    return c;
}

/* --- one of those who saw the same --- */

static int by_mzxid(const void *left, const void *right)
{
    const watch_seen *a = left, *b = right;

    if (a->place != b->place) {
        return a->place < b->place ? -1 : 1;
    }
    return a->state.mzxid < b->state.mzxid ? -1 : a->state.mzxid > b->state.mzxid;
}

static bool has_version(const watch_state *state)
{
    return state->version != 0 || state->mzxid == state->czxid;
}

static bool agree_on_list(const watch_seen *a, const watch_seen *b)
{
    uint32_t more_a = a->mask & ~b->mask, more_b = b->mask & ~a->mask;

    return !(b->whole && more_a != 0) && !(a->whole && more_b != 0);
}

/* Add to @a what @b knows. False: they contradict each other. */
static bool merge(watch_seen *a, const watch_seen *b)
{
    bool version_a = has_version(&a->state), version_b = has_version(&b->state);

    if ((a->state.czxid != 0 && b->state.czxid != 0 && a->state.czxid != b->state.czxid) ||
        (a->state.payload != 0 && b->state.payload != 0 && a->state.payload != b->state.payload) ||
        (version_a && version_b && a->state.version != b->state.version) || !agree_on_list(a, b)) {
        return false;
    }
    a->state.czxid = a->state.czxid != 0 ? a->state.czxid : b->state.czxid;
    a->state.payload = a->state.payload != 0 ? a->state.payload : b->state.payload;
    a->state.version = version_a ? a->state.version : b->state.version;
    a->mask |= b->mask;
    a->whole = a->whole || b->whole;
    if (b->known < a->known) {
        a->known = b->known;
        a->note = b->note;
    }
    return true;
}

static const char *merge_all(collection *c)
{
    size_t kept = 0;

    qsort(c->seen, c->count, sizeof *c->seen, by_mzxid);
    for (size_t i = 0; i < c->count; i++) {
        watch_seen *last = kept > 0 ? &c->seen[kept - 1] : NULL;

        if (last == NULL || by_mzxid(last, &c->seen[i]) != 0) {
            c->seen[kept++] = c->seen[i];
        } else if (!merge(last, &c->seen[i])) {
            return watch_say(last->place, "one change, seen in two ways", last->note, c->seen[i].note);
        }
    }
    c->count = kept;
    return NULL;
}

/* --- who made them --- */

static int by_payload(const void *left, const void *right)
{
    const watch_note *a = *(const watch_note *const *)left, *b = *(const watch_note *const *)right;

    return a->state.payload < b->state.payload ? -1 : a->state.payload > b->state.payload;
}

static int by_made(const void *left, const void *right)
{
    const watch_seen *a = *(const watch_seen *const *)left, *b = *(const watch_seen *const *)right;

    return a->state.payload < b->state.payload ? -1 : a->state.payload > b->state.payload;
}

/* May it have written something? Then its payload is what it wrote. */
static bool may_have_written(const watch_note *note)
{
    return note->kind == WATCH_CHANGE &&
           (note->how == WATCH_SET || note->how == WATCH_COMPARE_SET || note->how == WATCH_CREATE) &&
           (watch_is_unknown(note) || note->status == CORRAL_OK);
}

static const char *attribute(watch_seen *seen, const watch_note **writes, size_t count)
{
    const watch_note wanted = {.state.payload = seen->state.payload}, *key = &wanted;
    const watch_note **found = bsearch(&key, writes, count, sizeof *writes, by_payload);

    if (found == NULL || (*found)->place != seen->place) {
        return watch_say(seen->place, "nobody has written that", seen->note, found == NULL ? NULL : *found);
    }
    if (!watch_is_unknown(*found) && (*found)->state.mzxid != seen->state.mzxid) {
        return watch_say(seen->place, "its writer was told another stamp", seen->note, *found);
    }
    seen->change = *found;
    return NULL;
}

/* Find the change of each state of a znode whose payload is known, and that none has made two. */
static const char *attribute_all(collection *c, const watch_history *h)
{
    const watch_note **writes = watch_room(h->count, sizeof *writes);
    watch_seen **made = watch_room(c->count, sizeof *made);
    size_t write_count = 0, made_count = 0;
    const char *wrong = NULL;

    for (size_t i = 0; i < h->count; i++) {
        if (may_have_written(&h->notes[i])) {
            writes[write_count++] = &h->notes[i];
        }
    }
    qsort(writes, write_count, sizeof *writes, by_payload);
    for (size_t i = 0; i < c->count && wrong == NULL; i++) {
        if (c->seen[i].state.payload != 0) {
            wrong = attribute(&c->seen[i], writes, write_count);
            made[made_count++] = &c->seen[i];
        }
    }
    qsort(made, made_count, sizeof *made, by_made);
    for (size_t i = 1; i < made_count && wrong == NULL; i++) {
        if (by_made(&made[i - 1], &made[i]) == 0) {
            wrong = watch_say(made[i]->place, "one change, applied twice", made[i - 1]->note, made[i]->note);
        }
    }
    free(writes);
    free(made);
    return wrong;
}

/* --- all --- */

static void divide(watch_states *s, const collection *c, const watch_history *h)
{
    s->all = c->seen;
    for (size_t i = 0; i < c->count; i++) {
        watch_place *p = &s->places[c->seen[i].place];

        p->seen = p->count++ == 0 ? &c->seen[i] : p->seen;
    }
    for (size_t i = 0; i < h->count; i++) {
        s->places[h->notes[i].place].unknown += watch_is_unknown(&h->notes[i]);
    }
}

const char *watch_states_collect(watch_states *s, const watch_history *h)
{
    collection c = collect(h);
    const char *wrong = merge_all(&c);

    wrong = wrong != NULL ? wrong : attribute_all(&c, h);
    *s = (watch_states){.all = c.seen};
    divide(s, &c, h);
    return wrong;
}

void watch_states_free(watch_states *s)
{
    free(s->all);
}

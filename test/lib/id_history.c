#include "lib/id_history.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/id_order.h"

/* The calls of one kind, as id_order.h has them; and those that nobody knows the outcome of. */
typedef struct {
    id_call *calls;
    size_t count;
    const id_note **unknown;
    size_t unknown_count;
} kind_calls;

static void *room(size_t count, size_t size)
{
    void *made = calloc(count + 1, size);

    if (made == NULL) {
        abort();
    }
    return made;
}

static id_call call_of(const id_note *n)
{
    return (id_call){.begin = n->begin, .end = n->end, .id = n->first, .more = n->count - 1};
}

static kind_calls collect(const id_history *h, corral_ids_kind kind)
{
    kind_calls k = {.calls = room(h->count, sizeof *k.calls), .unknown = room(h->count, sizeof *k.unknown)};

    for (size_t i = 0; i < h->count; i++) {
        const id_note *n = &h->notes[i];

        if (n->kind == kind && n->count > 0) {
            k.calls[k.count++] = call_of(n);
        } else if (n->kind == kind && (n->end == 0 || n->status == CORRAL_EUNCERTAIN)) {
            k.unknown[k.unknown_count++] = n;
        }
    }
    return k;
}

/* --- within a handle --- */

static int by_handle(const void *left, const void *right)
{
    const id_note *a = *(const id_note *const *)left, *b = *(const id_note *const *)right;

    if (a->worker != b->worker) {
        return a->worker < b->worker ? -1 : 1;
    }
    if (a->life != b->life) {
        return a->life < b->life ? -1 : 1;
    }
    return a->handle < b->handle ? -1 : a->handle > b->handle;
}

static const char *judge_handles(const id_history *h, corral_ids_kind kind)
{
    const id_note **notes = room(h->count, sizeof *notes);
    id_call *calls = room(h->count, sizeof *calls);
    const char *wrong = NULL;
    size_t count = 0;

    for (size_t i = 0; i < h->count; i++) {
        if (h->notes[i].kind == kind && h->notes[i].count > 0) {
            notes[count++] = &h->notes[i];
        }
    }
    qsort(notes, count, sizeof *notes, by_handle);
    for (size_t begin = 0; begin < count && wrong == NULL;) {
        size_t end = begin;

        while (end < count && by_handle(&notes[begin], &notes[end]) == 0) {
            calls[end - begin] = call_of(notes[end]);
            end++;
        }
        wrong = id_order_judge(calls, end - begin);
        begin = end;
    }
    free(notes);
    free(calls);
    return wrong;
}

/* --- gaps --- */

static int by_begin(const void *left, const void *right)
{
    const id_note *a = *(const id_note *const *)left, *b = *(const id_note *const *)right;

    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

/*
 * Of calls in the order of their IDs. What is missing before one of them was
 * taken by a call that began before that one had ended, or one with greater IDs
 * had: the later the gap, the later that may be.
 */
static const char *judge_gaps(const kind_calls *k, uint64_t counted)
{
    int64_t *known = room(k->count, sizeof *known); /* when the first of those has ended; behind all: never */
    uint64_t missing = 0, explained = 0, next = 1;
    const char *wrong = NULL;

    known[k->count] = INT64_MAX;
    for (size_t i = k->count; i-- > 0;) {
        known[i] = k->calls[i].end < known[i + 1] ? k->calls[i].end : known[i + 1];
    }
    qsort(k->unknown, k->unknown_count, sizeof *k->unknown, by_begin);
    for (size_t i = 0, u = 0; i <= k->count && wrong == NULL; i++) {
        uint64_t id = i < k->count ? k->calls[i].id : counted + 1;

        missing += id - next;
        for (; u < k->unknown_count && k->unknown[u]->begin <= known[i]; u++) {
            explained += k->unknown[u]->wanted;
        }
        wrong = missing > explained ? "an ID is missing, and no call can have taken it" : NULL;
        next = i < k->count ? id + k->calls[i].more + 1 : next;
    }
    free(known);
    return wrong;
}

/* Of calls in the order of their IDs. */
static const char *judge_counted(const kind_calls *k, uint64_t counted)
{
    const id_call *last = k->count > 0 ? &k->calls[k->count - 1] : NULL;

    if (last != NULL && k->calls[0].id == 0) {
        return "0 was given out";
    }
    return last != NULL && last->id + last->more > counted ? "an ID was given that has not been counted"
                                                           : NULL;
}

/* --- all --- */

static const char *judge_kind(const id_history *h, corral_ids_kind kind)
{
    bool in_real_time = kind == CORRAL_IDS_SEQUENCE || kind == CORRAL_IDS_ZNODE;
    bool counts = kind == CORRAL_IDS_SEQUENCE || kind == CORRAL_IDS_BLOCK;
    kind_calls k = collect(h, kind);
    const char *wrong =
        in_real_time ? id_order_judge(k.calls, k.count) : id_order_judge_unique(k.calls, k.count);

    if (wrong == NULL && !in_real_time) {
        wrong = judge_handles(h, kind);
    }
    if (wrong == NULL && counts) {
        wrong = judge_counted(&k, h->counted[kind]);
    }
    if (wrong == NULL && kind == CORRAL_IDS_SEQUENCE) {
        wrong = judge_gaps(&k, h->counted[kind]);
    }
    free(k.calls);
    free(k.unknown);
    return wrong;
}

const char *id_history_check(const id_history *h)
{
    static char text[128];

    for (unsigned kind = 0; kind < ID_KINDS; kind++) {
        const char *wrong = judge_kind(h, (corral_ids_kind)kind);

        if (wrong != NULL) {
            snprintf(text, sizeof text, "%s: %s", id_history_kind((corral_ids_kind)kind), wrong);
            return text;
        }
    }
    return NULL;
}

const char *id_history_kind(corral_ids_kind kind)
{
    static const char *const names[ID_KINDS] = {[CORRAL_IDS_BLOCK] = "block",
                                                [CORRAL_IDS_SEQUENCE] = "sequence",
                                                [CORRAL_IDS_ZNODE] = "znode",
                                                [CORRAL_IDS_SNOWFLAKE] = "snowflake"};

    return names[kind];
}

const char *id_history_describe(const id_note *n)
{
    static char text[256];
    int length = snprintf(text, sizeof text,
                          "%s worker %" PRIu32 ".%" PRIu32 " thread %" PRIu32 " handle %" PRIu32 " %" PRId64
                          "..%" PRId64 " wanted %" PRIu64 ": ",
                          id_history_kind(n->kind), n->worker, n->life, n->thread, n->handle, n->begin,
                          n->end, n->wanted);

    if (n->count > 0) {
        snprintf(text + length, sizeof text - (size_t)length, "%" PRIu64 "..%" PRIu64, n->first,
                 n->first + n->count - 1);
    } else {
        snprintf(text + length, sizeof text - (size_t)length, "%s",
                 n->end == 0 ? "killed" : corral_status_name(n->status));
    }
    return text;
}

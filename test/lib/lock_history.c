/*
 * Each requirement is a pass over the grants, or over the slots, in their order.
 * What must not be before another by real time is compared with the latest of
 * all that a pass has met: if that one is not wrong, none is.
 */
#include "lib/lock_history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A grant, with what is to be known of all later ones. */
typedef struct {
    const lock_note *hold;
    int64_t overtaken; /* the first moment at which a later one was there */
} grant;

typedef struct {
    const lock_note *notes;
    size_t count;
    grant *grants; /* in the order of (token, turn) */
    size_t grant_count;
    const lock_note **writes; /* in the order of who made them */
    size_t *found;            /* ... the slot of each; 0: none */
    size_t write_count;
    const lock_slot *slots;
    size_t slot_count;
} ledger;

static _Thread_local char fault[1024];

__attribute__((format(printf, 1, 2))) static const char *say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fault, sizeof fault, format, arguments);
    va_end(arguments);
    return fault;
}

const char *lock_history_describe(const lock_note *n)
{
    static _Thread_local char texts[2][400]; /* two can be in one message */
    static _Thread_local unsigned next;
    char *text = texts[next++ % 2];
    int length =
        snprintf(text, sizeof texts[0],
                 "worker %u thread %u hold %u: token %" PRId64 " turn %u, %" PRId64 " to %" PRId64 ": ",
                 n->by.worker, n->by.thread, n->by.hold, n->token, n->turn, n->invoked, n->returned);
    size_t room = sizeof texts[0] - (size_t)length;

    if (n->kind == LOCK_WRITE) {
        snprintf(text + length, room, "write %u to slot %" PRId64 " %s", n->by.write, n->place,
                 corral_status_name(n->status));
    } else {
        snprintf(text + length, room,
                 "acquire %s; promised %" PRId64 ", doubted %" PRId64 ", lost %" PRId64 ", released %" PRId64,
                 corral_status_name(n->status), n->promised, n->doubted, n->lost, n->released);
    }
    return text;
}

/* --- orders --- */

static int compare(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_grant(int64_t token, uint32_t turn, int64_t other_token, uint32_t other_turn)
{
    return token != other_token ? compare(token, other_token) : compare(turn, other_turn);
}

static int compare_writer(const lock_writer *a, const lock_writer *b)
{
    return memcmp(a, b, sizeof *a); /* any order will do */
}

static int by_grant(const void *left, const void *right)
{
    const lock_note *a = left, *b = right;
    int order = compare_grant(a->token, a->turn, b->token, b->turn);

    if (order == 0) {
        order = compare(a->kind, b->kind);
    }
    if (order == 0) {
        order = compare(a->by.write, b->by.write);
    }
    return order != 0 ? order : compare(a->invoked, b->invoked);
}

static int by_writer(const void *left, const void *right)
{
    const lock_note *const *a = left, *const *b = right;

    return compare_writer(&(*a)->by, &(*b)->by);
}

static int writer_of(const void *key, const void *element)
{
    const lock_note *const *note = element;

    return compare_writer(key, &(*note)->by);
}

static int grant_of(const void *key, const void *element)
{
    const lock_note *note = key, *hold = ((const grant *)element)->hold;

    return compare_grant(note->token, note->turn, hold->token, hold->turn);
}

static const grant *find_grant(const ledger *l, const lock_note *write)
{
    return bsearch(write, l->grants, l->grant_count, sizeof *l->grants, grant_of);
}

/* --- grants --- */

int64_t lock_history_alone(const lock_note *hold)
{
    const int64_t ends[] = {hold->doubted, hold->lost, hold->released};
    int64_t alone = hold->promised;

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        alone = ends[i] != 0 && ends[i] < alone ? ends[i] : alone;
    }
    return alone;
}

/* Of @b, the next one after @a, which is NULL for the first. */
static const char *check_turn(const lock_note *a, const lock_note *b)
{
    bool handed_on = a != NULL && a->token == b->token;

    if (b->token <= 0) {
        return say("a grant without a token: %s", lock_history_describe(b));
    }
    if (handed_on && a->turn == b->turn) {
        return say("two grants of one token and turn: %s; %s", lock_history_describe(a),
                   lock_history_describe(b));
    }
    if (handed_on && a->by.worker != b->by.worker) {
        return say("one token in two processes: %s; %s", lock_history_describe(a), lock_history_describe(b));
    }
    if (b->turn != (handed_on ? a->turn + 1 : 0)) {
        return say("a turn before it is missing: %s", lock_history_describe(b));
    }
    if (b->turn > b->handoffs) {
        return say("handed on more than %u times: %s", b->handoffs, lock_history_describe(b));
    }
    return NULL;
}

static const char *check_grants(const ledger *l)
{
    const lock_note *asked = NULL; /* the last to be asked for */
    const lock_note *alone = NULL; /* the one that was alone for longest */
    const char *wrong = NULL;

    for (size_t i = 0; i < l->grant_count && wrong == NULL; i++) {
        const lock_note *hold = l->grants[i].hold;

        wrong = check_turn(i > 0 ? l->grants[i - 1].hold : NULL, hold);
        if (wrong == NULL && asked != NULL && hold->returned < asked->invoked) {
            wrong = say("a later grant has a lower token or turn: %s; %s", lock_history_describe(asked),
                        lock_history_describe(hold));
        }
        if (wrong == NULL && alone != NULL && hold->returned < lock_history_alone(alone)) {
            wrong = say("two holders at a time: %s; %s", lock_history_describe(alone),
                        lock_history_describe(hold));
        }
        asked = asked == NULL || hold->invoked > asked->invoked ? hold : asked;
        alone = alone == NULL || lock_history_alone(hold) > lock_history_alone(alone) ? hold : alone;
    }
    return wrong;
}

static void mark_overtaken(const ledger *l)
{
    int64_t first = INT64_MAX;

    for (size_t i = l->grant_count; i-- > 0;) {
        l->grants[i].overtaken = first;
        first = l->grants[i].hold->returned < first ? l->grants[i].hold->returned : first;
    }
}

/* --- writes --- */

/* All but the log: do they belong to grants, and has each ended as it may there? */
static const char *check_writes(const ledger *l)
{
    for (size_t i = 0; i < l->write_count; i++) {
        const lock_note *write = l->writes[i];
        const grant *g = find_grant(l, write);

        if (g == NULL || g->hold->by.worker != write->by.worker || g->hold->by.thread != write->by.thread ||
            g->hold->by.hold != write->by.hold) {
            return say("a write of no grant: %s", lock_history_describe(write));
        }
        if (i > 0 && compare_writer(&l->writes[i - 1]->by, &write->by) == 0) {
            return say("two writes of one number: %s", lock_history_describe(write));
        }
        if (write->status != CORRAL_OK && write->status != CORRAL_ELOST &&
            write->status != CORRAL_ETIMEDOUT && write->status != CORRAL_EUNCERTAIN) {
            /* Nobody else may write between a holder's read and its write. */
            return say("a write that met others': %s", lock_history_describe(write));
        }
    }
    return NULL;
}

/* May @write, which is in the log, be there? */
static const char *check_committed(const ledger *l, const lock_note *write)
{
    const grant *g = find_grant(l, write);

    if (g->hold->lost != 0 && write->invoked > g->hold->lost) {
        return say("a write of a lost holder: %s; %s", lock_history_describe(write),
                   lock_history_describe(g->hold));
    }
    if (g->hold->released != 0 && write->invoked > g->hold->released) {
        return say("a write of one who had released: %s; %s", lock_history_describe(write),
                   lock_history_describe(g->hold));
    }
    if (write->invoked > g->overtaken) {
        return say("a write of an overtaken holder, whose successor was there at %" PRId64 ": %s",
                   g->overtaken, lock_history_describe(write));
    }
    return NULL;
}

/* Find who wrote slot number @place; NULL: it is well. */
static const char *check_slot(ledger *l, size_t place, const lock_note **ret_write)
{
    const lock_slot *slot = &l->slots[place - 1];
    const lock_note **at =
        bsearch(&slot->by, l->writes, l->write_count, sizeof(const lock_note *), writer_of);
    size_t *found = at == NULL ? NULL : &l->found[at - l->writes];

    if (at == NULL) {
        return say("slot %zu was written by nobody", place);
    }
    *ret_write = *at;
    if (*found != 0) {
        return say("written twice, to slots %zu and %zu: %s", *found, place, lock_history_describe(*at));
    }
    *found = place;
    if ((*at)->status != CORRAL_OK && (*at)->status != CORRAL_EUNCERTAIN) {
        return say("it failed, but slot %zu has it: %s", place, lock_history_describe(*at));
    }
    if (slot->token != (*at)->token || slot->turn != (*at)->turn || (*at)->place != (int64_t)place) {
        return say("slot %zu, of token %" PRId64 " turn %u, is not as it was written: %s", place, slot->token,
                   slot->turn, lock_history_describe(*at));
    }
    return check_committed(l, *at);
}

/* Of two that follow each other in the log. */
static const char *check_step(const ledger *l, size_t place)
{
    const lock_slot *a = &l->slots[place - 2], *b = &l->slots[place - 1];
    int order = compare_grant(a->token, a->turn, b->token, b->turn);

    if (order > 0 || (order == 0 && a->by.write >= b->by.write)) {
        return say("token %" PRId64 " turn %u write %u in slot %zu comes after token %" PRId64
                   " turn %u write %u",
                   b->token, b->turn, b->by.write, place, a->token, a->turn, a->by.write);
    }
    if (a->czxid >= b->czxid) {
        return say("slot %zu was committed before the one before it", place);
    }
    return NULL;
}

static const char *check_log(ledger *l)
{
    const lock_note *asked = NULL; /* the last to be asked for */
    const lock_note *write = NULL;
    const char *wrong = NULL;

    for (size_t place = 1; place <= l->slot_count && wrong == NULL; place++) {
        wrong = place > 1 ? check_step(l, place) : NULL;
        wrong = wrong == NULL ? check_slot(l, place, &write) : wrong;
        if (wrong == NULL && asked != NULL && write->status == CORRAL_OK &&
            write->returned < asked->invoked) {
            wrong = say("in the log before what had been written before: %s; %s",
                        lock_history_describe(asked), lock_history_describe(write));
        }
        if (wrong == NULL && (asked == NULL || write->invoked > asked->invoked)) {
            asked = write;
        }
    }
    for (size_t i = 0; i < l->write_count && wrong == NULL; i++) {
        if (l->writes[i]->status == CORRAL_OK && l->found[i] == 0) {
            wrong = say("lost: %s", lock_history_describe(l->writes[i]));
        }
    }
    return wrong;
}

/* --- the whole --- */

static void collect(ledger *l)
{
    l->grants = calloc(l->count + 1, sizeof *l->grants);
    l->writes = calloc(l->count + 1, sizeof(const lock_note *));
    l->found = calloc(l->count + 1, sizeof *l->found);
    if (l->grants == NULL || l->writes == NULL || l->found == NULL) {
        abort();
    }
    for (size_t i = 0; i < l->count; i++) {
        const lock_note *note = &l->notes[i];

        if (note->kind == LOCK_WRITE) {
            l->writes[l->write_count++] = note;
        } else if (note->status == CORRAL_OK) {
            l->grants[l->grant_count++].hold = note;
        }
    }
    qsort(l->writes, l->write_count, sizeof(const lock_note *), by_writer);
}

const char *lock_history_check(lock_note *notes, size_t count, const lock_slot *slots, size_t slot_count)
{
    ledger l = {.notes = notes, .count = count, .slots = slots, .slot_count = slot_count};

    if (count > 0) {
        qsort(notes, count, sizeof *notes, by_grant);
    }
    collect(&l);
    const char *wrong = check_grants(&l);
    mark_overtaken(&l);
    wrong = wrong == NULL ? check_writes(&l) : wrong;
    wrong = wrong == NULL ? check_log(&l) : wrong;
    free(l.grants);
    free(l.writes);
    free(l.found);
    return wrong;
}

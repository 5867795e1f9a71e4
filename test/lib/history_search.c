/*
 * A depth-first search. Before each member of the chain there is a gap, and one
 * after the last; into a gap go operations that have no place of their own. A
 * gap is tried with none of them, then with one, with two, and so on; the gaps
 * are filled from the first to the last, and when one cannot be, the search
 * goes back. All of this is on a stack of moves rather than in recursion, as
 * chains are long.
 *
 * What changes nothing, an observation, is placed wherever it fits first: that
 * never stands in the way of anything else.
 */
#include "lib/history_search.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/history_fit.h"

/* Candidates looked at before a round gives up: a matter of a second. */
#define STEPS_MAX 50000000u

/*
 * How many operations more than the versions ask for may go into a gap: in the
 * first round, the second, and so on. A wrong guess is mostly found out soon,
 * while there are not many others to be tried in vain before it is mended.
 */
static const uint32_t rounds[] = {1, 4, UINT32_MAX};

#define NEXT SIZE_MAX /* in a move: on to the next gap */

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* --- observations --- */

static bool was_so(const history_op *op, history_state now)
{
    if (op->status == CORRAL_ERANGE) {
        __int128 sum = (__int128)(now.present ? now.value : 0) + op->argument;

        return sum < op->min || sum > op->max;
    }
    return op->status == CORRAL_ENOENT ? !now.present : now.present && now.value == op->value;
}

static void observe(history_trial *s)
{
    const history_case *g = s->given;

    for (size_t i = s->seen_low; i < g->seen_count && history_earliest(&g->seen[i]) <= s->until[s->at]; i++) {
        if (!s->seen_placed[i] && was_so(&g->seen[i], s->now) && history_may_be_now(s, &g->seen[i])) {
            s->seen_placed[i] = true;
            s->trail[s->trail_length++] = i;
        }
    }
    while (s->seen_low < g->seen_count && s->seen_placed[s->seen_low]) {
        s->seen_low++;
    }
}

static void forget_observations(history_trial *s, size_t length)
{
    while (s->trail_length > length) {
        size_t i = s->trail[--s->trail_length];

        s->seen_placed[i] = false;
        s->seen_low = i < s->seen_low ? i : s->seen_low;
    }
}

/* Is there one that waits for a state to come? Then the order of adds matters. */
static bool is_watched(const history_trial *s)
{
    return s->seen_low < s->given->seen_count &&
           history_earliest(&s->given->seen[s->seen_low]) <= s->until[s->at];
}

/* --- moves --- */

static void note_progress(history_trial *s)
{
    if (s->at > s->furthest || s->move_count == 0) {
        s->furthest = s->at;
        s->furthest_state = s->now;
    }
}

/* The fewest operations that can make up for the versions. */
static uint32_t least(const history_trial *s)
{
    int64_t silent = history_is_within_incarnation(s) ? history_silent_batches(s, false, 0) : 0;

    return silent > (int64_t)s->given->open_count ? (uint32_t)s->given->open_count : (uint32_t)silent;
}

static void enter_gap(history_trial *s)
{
    s->depth = 0;
    s->gaps[s->at] = (history_gap){.limit = least(s)};
    note_progress(s);
    observe(s);
}

static void go_on(history_trial *s)
{
    const history_op *b = history_following(s);

    s->moves[s->move_count++] = (history_move){NEXT, s->now, s->trail_length};
    s->now = (history_state){true, history_left_by(b)};
    s->at++;
    enter_gap(s);
}

/* Step over what is placed, and over what need not be. */
static void raise_lows(history_trial *s)
{
    const history_case *g = s->given;

    while (s->open_low < g->open_count && s->open_placed[s->open_low]) {
        s->open_low++;
    }
    while (s->due_low < g->open_count &&
           (s->open_placed[s->due_low] || history_is_unknown(&g->open[s->due_low]))) {
        s->due_low++;
    }
}

static void place(history_trial *s, size_t choice, history_state after)
{
    s->moves[s->move_count++] = (history_move){choice, s->now, s->trail_length};
    s->open_placed[choice] = true;
    raise_lows(s);
    s->now = after;
    s->depth++;
    observe(s);
}

/* Take back the last move, and return its choice. */
static size_t take_back(history_trial *s)
{
    history_move last = s->moves[--s->move_count];

    forget_observations(s, last.observed);
    s->now = last.before;
    if (last.choice == NEXT) {
        s->at--;
        s->depth = s->gaps[s->at].limit;
    } else {
        s->open_placed[last.choice] = false;
        s->open_low = last.choice < s->open_low ? last.choice : s->open_low;
        s->due_low = last.choice < s->due_low ? last.choice : s->due_low;
        s->depth--;
    }
    return last.choice;
}

/*
 * Does @choice, after the last one in this gap, make an order that need not be
 * tried? Of adds that follow each other the latest goes first. And what is
 * undone at once had better not been applied, unless to make up for a version.
 */
static bool is_pointless(const history_trial *s, size_t choice)
{
    if (s->depth == 0) {
        return false;
    }
    const history_move *last = &s->moves[s->move_count - 1];
    const history_op *before = &s->given->open[last->choice], *op = &s->given->open[choice];
    if (is_watched(s) || s->trail_length != last->observed) {
        return false; /* somebody has to see what is in between, or did */
    }
    switch (op->kind) {
    case HISTORY_ADD:
        /* Without transactions of their own those of the previous one's client must come first. */
        return before->kind == HISTORY_ADD && last->choice < choice &&
               (before->client == op->client || least(s) > 0);
    case HISTORY_SET:
        return before->kind != HISTORY_DESTROY &&
               (history_following(s) == NULL ||
                (history_is_within_incarnation(s) && s->gaps[s->at].limit > least(s)));
    case HISTORY_DESTROY:
        return history_is_unknown(before) && last->before.present;
    default:
        return false;
    }
}

/* The next candidate for this gap that is older than @before. False: there is none. */
static bool find_candidate(history_trial *s, size_t before, size_t *ret_choice, history_state *ret_after)
{
    const history_case *g = s->given;
    bool is_last = s->depth + 1 == s->gaps[s->at].limit;

    for (size_t i = before; i-- > s->open_low;) {
        s->steps++;
        if (!s->open_placed[i] && history_apply(&g->open[i], s->now, ret_after) &&
            (!is_last || history_is_as_wanted(s, *ret_after)) && history_fits_gap(s, &g->open[i]) &&
            history_may_be_now(s, &g->open[i]) && !is_pointless(s, i)) {
            *ret_choice = i;
            return true;
        }
    }
    return false;
}

/* --- the search --- */

/* With how many operations in it is this gap worth trying, @from being the fewest? 0: it is not. */
static uint32_t find_limit(history_trial *s, uint32_t from)
{
    history_range r = history_look_at_candidates(s);

    for (uint32_t limit = from; limit <= r.count; limit++) {
        if (history_is_within_reach(s, &r, limit)) {
            bool in_round = limit - least(s) <= s->excess;

            s->cut = s->cut || !in_round;
            return in_round ? limit : 0;
        }
    }
    return 0;
}

/* Put another operation, older than @before, into the gap. False: none fits. */
static bool fill(history_trial *s, size_t before)
{
    history_range r = history_look_at_candidates(s);
    size_t choice;
    history_state after;

    if (!history_is_within_reach(s, &r, s->gaps[s->at].limit - s->depth) ||
        !find_candidate(s, before, &choice, &after)) {
        return false;
    }
    place(s, choice, after);
    return true;
}

/* No way leads on from here: go back to where there is another one. False: there is none. */
static bool retreat(history_trial *s)
{
    size_t before = s->given->open_count;

    while (s->steps <= STEPS_MAX) {
        history_gap *here = &s->gaps[s->at];

        if (s->depth < here->limit && fill(s, before)) {
            return true;
        }
        if (s->depth == 0) {
            uint32_t limit = find_limit(s, here->limit + 1);

            if (limit > 0) {
                here->limit = limit;
                before = s->given->open_count;
                continue;
            }
        }
        if (s->move_count == 0) {
            return false;
        }
        size_t taken = take_back(s);
        before = taken == NEXT ? s->given->open_count : taken;
    }
    return false;
}

/* Find an order. False: there is none, or it takes too long. */
static bool find_order(history_trial *s)
{
    raise_lows(s);
    enter_gap(s);
    for (;;) {
        if (s->depth == s->gaps[s->at].limit && history_chain_goes_on(s)) {
            if (history_following(s) == NULL) {
                return true;
            }
            go_on(s);
        } else if (!retreat(s)) {
            return false;
        }
    }
}

/* --- the answer --- */

static const char *show(history_state now, char text[32])
{
    if (now.present) {
        snprintf(text, 32, "%" PRId64, now.value);
    } else {
        snprintf(text, 32, "absent");
    }
    return text;
}

/* An observation that can have no place after gap @at; NULL: there is none. */
static const history_op *find_unseen(history_trial *s)
{
    const history_case *g = s->given;
    int64_t moment = history_following(s) != NULL ? history_earliest(history_following(s)) : INT64_MAX;

    for (size_t i = s->seen_low; i < g->seen_count; i++) {
        if (!s->seen_placed[i] && g->seen[i].returned < moment) {
            return &g->seen[i];
        }
    }
    return NULL;
}

/* Tell where the search has come to at most; a wrong guess may have led it there. */
static const char *explain(history_trial *s, char *text, size_t size)
{
    const history_case *g = s->given;
    const history_op *a, *b, *unseen;
    history_state expected = {g->ends->present_at_end, g->ends->value_at_end};
    char now[32], wanted[32];

    s->at = s->furthest;
    s->now = s->furthest_state;
    a = history_previous(s);
    b = history_following(s);
    if (b != NULL) {
        expected = (history_state){true, history_found(b)};
    }
    bool same = s->now.present == expected.present && (!s->now.present || s->now.value == expected.value);
    unseen = same ? find_unseen(s) : NULL;
    if (unseen != NULL) {
        snprintf(text, size, "%s tells what the counter was not while that ran", history_describe(unseen));
        return text;
    }
    snprintf(text, size,
             "after %s the counter is %s, but %s %s %s, and no use of %zu operations without a place "
             "explains that",
             a != NULL ? history_describe(a) : "the beginning", show(s->now, now),
             b != NULL ? history_describe(b) : "the end",
             same ? "has a stamp that does not follow from" : "tells of", show(expected, wanted),
             g->open_count);
    return text;
}

static void prepare(history_trial *s, const history_case *given)
{
    s->given = given;
    s->gaps = allocate(given->chain_count + 1, sizeof *s->gaps);
    s->until = allocate(given->chain_count + 1, sizeof *s->until);
    s->moves = allocate(given->chain_count + given->open_count, sizeof *s->moves);
    s->open_placed = allocate(given->open_count, sizeof *s->open_placed);
    s->seen_placed = allocate(given->seen_count, sizeof *s->seen_placed);
    s->trail = allocate(given->seen_count, sizeof *s->trail);
    s->until[given->chain_count] = INT64_MAX;
    for (size_t i = given->chain_count; i-- > 0;) {
        int64_t returned = given->chain[i].returned;

        s->until[i] = returned < s->until[i + 1] ? returned : s->until[i + 1];
    }
    s->now = (history_state){given->ends->present_at_start,
                             given->ends->present_at_start ? given->ends->value_at_start : 0};
}

static void free_search(history_trial *s)
{
    free(s->gaps);
    free(s->until);
    free(s->moves);
    free(s->open_placed);
    free(s->seen_placed);
    free(s->trail);
}

const char *history_search(const history_case *given, char *text, size_t size)
{
    const char *answer = text;

    for (size_t round = 0; answer == text && round < sizeof rounds / sizeof *rounds; round++) {
        history_trial s = {.excess = rounds[round]};

        prepare(&s, given);
        if (find_order(&s)) {
            answer = NULL;
        } else if (s.steps > STEPS_MAX) {
            snprintf(text, size,
                     HISTORY_REFUSED "%zu operations without a place leave too many possibilities",
                     given->open_count);
        } else {
            explain(&s, text, size);
            round = s.cut ? round : sizeof rounds;
        }
        free_search(&s);
    }
    return answer;
}

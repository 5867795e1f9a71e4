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

/* Candidates looked at before a round gives up: a matter of a second. */
#define STEPS_MAX 50000000u

/*
 * How many operations more than the versions ask for may go into a gap: in the
 * first round, the second, and so on. A wrong guess is mostly found out soon,
 * while there are not many others to be tried in vain before it is mended.
 */
static const uint32_t rounds[] = {1, 4, UINT32_MAX};

#define NEXT SIZE_MAX /* in a move: on to the next gap */

#define UNTOLD INT64_MIN /* of a number of transactions */

typedef struct {
    bool present;
    int64_t value;
} state;

/* A step, and what was before it. */
typedef struct {
    size_t choice; /* of the open operations; NEXT */
    state before;
    size_t observed; /* how long the trail was */
} move;

/* How a gap is being filled. */
typedef struct {
    uint32_t limit; /* operations that go into it in this round */
} gap;

typedef struct {
    const history_case *given;
    state now;
    size_t at;      /* the gap that is being filled; it precedes this member of the chain */
    uint32_t depth; /* operations in it so far */
    gap *gaps;
    int64_t *until; /* by gap: when the first of the chain's rest has returned */
    move *moves;
    size_t move_count;
    bool *open_placed, *seen_placed;
    size_t *trail; /* observations in the order of their placing */
    size_t trail_length;
    size_t open_low, seen_low; /* all before these are placed */
    size_t due_low;            /* of the open ones: all before this are placed, or need not be */
    size_t furthest;           /* the last gap that was ever reached ... */
    state furthest_state;      /* ... and how, at first */
    uint64_t steps;
    uint32_t excess; /* of this round */
    bool cut;        /* with a greater excess there would have been more to try */
} search;

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* --- time --- */

/* Must one that is not placed yet come before what was invoked at @moment? */
static bool is_overdue(const search *s, int64_t moment)
{
    const history_case *g = s->given;

    for (size_t i = s->seen_low; i < g->seen_count && history_earliest(&g->seen[i]) < moment; i++) {
        if (!s->seen_placed[i] && g->seen[i].returned < moment) {
            return true;
        }
    }
    for (size_t i = s->due_low; i < g->open_count && g->open[i].invoked < moment; i++) {
        if (!s->open_placed[i] && history_latest(&g->open[i]) < moment) {
            return true;
        }
    }
    return false;
}

static bool may_be_now(const search *s, const history_op *op)
{
    return history_earliest(op) <= s->until[s->at] && !is_overdue(s, history_earliest(op));
}

/* --- observations --- */

static bool was_so(const history_op *op, state now)
{
    return op->status == CORRAL_ENOENT ? !now.present : now.present && now.value == op->value;
}

static void observe(search *s)
{
    const history_case *g = s->given;

    for (size_t i = s->seen_low; i < g->seen_count && history_earliest(&g->seen[i]) <= s->until[s->at]; i++) {
        if (!s->seen_placed[i] && was_so(&g->seen[i], s->now) && may_be_now(s, &g->seen[i])) {
            s->seen_placed[i] = true;
            s->trail[s->trail_length++] = i;
        }
    }
    while (s->seen_low < g->seen_count && s->seen_placed[s->seen_low]) {
        s->seen_low++;
    }
}

static void forget_observations(search *s, size_t length)
{
    while (s->trail_length > length) {
        size_t i = s->trail[--s->trail_length];

        s->seen_placed[i] = false;
        s->seen_low = i < s->seen_low ? i : s->seen_low;
    }
}

/* Is there one that waits for a state to come? Then the order of adds matters. */
static bool is_watched(const search *s)
{
    return s->seen_low < s->given->seen_count &&
           history_earliest(&s->given->seen[s->seen_low]) <= s->until[s->at];
}

/* --- what operations do --- */

/* What @op makes of @now. False: it would have failed instead. */
static bool apply(const history_op *op, state now, state *ret_after)
{
    *ret_after = (state){.present = true};
    switch (op->kind) {
    case HISTORY_ADD:
        return !__builtin_add_overflow(now.present ? now.value : 0, op->argument, &ret_after->value);
    case HISTORY_SET:
        ret_after->value = op->argument;
        return true;
    case HISTORY_COMPARE_SET:
        ret_after->value = op->desired;
        return now.present && now.value == op->argument;
    case HISTORY_DESTROY:
        *ret_after = (state){.present = false};
        return now.present;
    case HISTORY_READ:
        *ret_after = now;
        return now.present;
    }
    return false;
}

/* The value that @op, of the chain, says it found. */
static int64_t found(const history_op *op)
{
    return op->kind == HISTORY_ADD ? (int64_t)((uint64_t)op->value - (uint64_t)op->argument) : op->value;
}

static int64_t left_by(const history_op *op)
{
    return op->kind == HISTORY_SET ? op->argument : op->kind == HISTORY_COMPARE_SET ? op->desired : op->value;
}

/* --- the gaps --- */

static const history_op *previous(const search *s)
{
    return s->at > 0 ? &s->given->chain[s->at - 1] : NULL;
}

/* NULL: it is the end. */
static const history_op *following(const search *s)
{
    return s->at < s->given->chain_count ? &s->given->chain[s->at] : NULL;
}

/* Do both sides of the gap belong to one incarnation of the counter? */
static bool is_within_incarnation(const search *s)
{
    const history_op *a = previous(s), *b = following(s);

    return a != NULL && b != NULL && a->stamp.czxid == b->stamp.czxid;
}

static bool is_within_batch(const search *s)
{
    const history_op *a = previous(s), *b = following(s);

    return a != NULL && b != NULL && a->stamp.mzxid == b->stamp.mzxid;
}

/*
 * How many transactions that nobody has acknowledged the versions tell of:
 * since the chain's previous member, or since the last destroy in the gap.
 * UNTOLD: they do not. @base is the version of a counter just made.
 */
static int64_t silent_batches(const search *s, bool destroyed, int32_t base)
{
    const history_op *a = previous(s), *b = following(s);

    if (b == NULL || (a == NULL && s->given->ends->present_at_start && !destroyed)) {
        return UNTOLD;
    }
    /* A read may be the first that tells of its transaction. */
    int64_t own = b->kind == HISTORY_READ ? 1 : 0;
    if (is_within_batch(s)) {
        return 0;
    }
    if (is_within_incarnation(s)) {
        return (int64_t)((uint32_t)b->stamp.version - (uint32_t)a->stamp.version) - 1 + own;
    }
    if (a == NULL || destroyed) {
        return (int64_t)b->stamp.version - base + own;
    }
    /* The versions have run out: at -2 a new znode takes the place of the old one. */
    return (int64_t)(uint32_t)(-2 - (int64_t)a->stamp.version) + b->stamp.version - base + own;
}

/* Without a transaction of its own @op can have been only in that of a neighbour, unseen since it has not
 * returned. */
static bool fits_neighbour(const search *s, const history_op *op, bool destroyed)
{
    const history_op *a = previous(s), *b = following(s);

    return (a != NULL && !destroyed && a->kind != HISTORY_READ && a->client == op->client) ||
           (b != NULL && b->kind != HISTORY_READ && b->client == op->client && b->stamp.index > 0);
}

/* Can @op go into this gap at all, as far as transactions are concerned? */
static bool fits_gap(const search *s, const history_op *op)
{
    if (is_within_incarnation(s)) {
        return op->kind != HISTORY_DESTROY &&
               (silent_batches(s, false, 0) > 0 || fits_neighbour(s, op, false));
    }
    return true;
}

/* Operations in the gap since its last destroy; of these the ones that need a transaction of their own. */
typedef struct {
    bool destroyed;
    uint32_t count, homeless, only_in_next;
} filling;

static filling look_into_gap(const search *s)
{
    filling f = {0};

    for (size_t m = s->move_count - s->depth; m < s->move_count; m++) {
        if (s->given->open[s->moves[m].choice].kind == HISTORY_DESTROY) {
            f = (filling){.destroyed = true};
        }
    }
    for (size_t m = s->move_count; m > s->move_count - s->depth; m--) {
        const history_op *op = &s->given->open[s->moves[m - 1].choice], *a = previous(s);

        if (op->kind == HISTORY_DESTROY) {
            break;
        }
        f.count++;
        if (!fits_neighbour(s, op, f.destroyed)) {
            f.homeless++;
        } else if (a == NULL || f.destroyed || a->kind == HISTORY_READ || a->client != op->client) {
            f.only_in_next++;
        }
    }
    return f;
}

/* Do the versions, and the places within transactions, allow just those operations in this gap? */
static bool transactions_add_up(const search *s)
{
    const history_op *a = previous(s), *b = following(s);
    filling f = look_into_gap(s);

    if (b == NULL) {
        return true;
    }
    if (is_within_batch(s)) {
        /* Places in between are of operations that failed, or of those that we look for. */
        uint32_t room = b->kind == HISTORY_READ ? UINT32_MAX : b->stamp.index - a->stamp.index - 1;

        return f.count <= room && f.homeless == 0;
    }
    for (int32_t base = 0; base <= 1; base++) {
        int64_t silent = silent_batches(s, f.destroyed, base);

        if (silent == UNTOLD || (silent > 0 && f.count >= silent) ||
            (silent == 0 && f.homeless == 0 && f.only_in_next <= b->stamp.index)) {
            return true;
        }
    }
    return false;
}

/* --- bounds --- */

/* What candidates for this gap can do to the value. */
typedef struct {
    __int128 least, most;     /* of an add */
    __int128 lowest, highest; /* of what others leave */
    bool adds, others;
    uint32_t count;
} range;

static range look_at_candidates(search *s)
{
    const history_case *g = s->given;
    range r = {0};

    for (size_t i = s->open_low; i < g->open_count && g->open[i].invoked <= s->until[s->at]; i++) {
        const history_op *op = &g->open[i];

        s->steps++;
        if (s->open_placed[i] || !fits_gap(s, op)) {
            continue;
        }
        r.count++;
        if (op->kind == HISTORY_ADD) {
            r.least = !r.adds || op->argument < r.least ? op->argument : r.least;
            r.most = !r.adds || op->argument > r.most ? op->argument : r.most;
            r.adds = true;
        } else {
            int64_t value = op->kind == HISTORY_DESTROY ? 0 : left_by(op);

            r.lowest = !r.others || value < r.lowest ? value : r.lowest;
            r.highest = !r.others || value > r.highest ? value : r.highest;
            r.others = true;
        }
    }
    return r;
}

/* Is the counter what comes after this gap says it found? */
static bool is_as_wanted(const search *s, state now)
{
    const history_op *b = following(s);
    const history_ends *ends = s->given->ends;

    if (b == NULL && !ends->present_at_end) {
        return !now.present;
    }
    return (b != NULL || now.present) &&
           (now.present ? now.value : 0) == (b != NULL ? found(b) : ends->value_at_end);
}

/* Can just @left of the candidates that @r sums up lead from here to the value that is wanted? */
static bool is_within_reach(const search *s, const range *r, uint32_t left)
{
    const history_op *b = following(s);
    __int128 target = b != NULL ? found(b) : s->given->ends->value_at_end;
    __int128 value = s->now.present ? s->now.value : 0;

    if (b == NULL && !s->given->ends->present_at_end) {
        return r->others;
    }
    if (r->adds && value + left * r->least <= target && target <= value + left * r->most) {
        return true;
    }
    /* After the last of the others come adds, fewer than @left. */
    __int128 down = r->adds && r->least < 0 ? (left - 1) * r->least : 0;
    __int128 up = r->adds && r->most > 0 ? (left - 1) * r->most : 0;
    return r->others && r->lowest + down <= target && target <= r->highest + up;
}

/* Does what comes after this gap follow from what there is now? */
static bool chain_goes_on(const search *s)
{
    const history_op *b = following(s);

    if (!is_as_wanted(s, s->now)) {
        return false;
    }
    if (b == NULL) {
        return !is_overdue(s, INT64_MAX);
    }
    if (!s->now.present &&
        (b->stamp.czxid != b->stamp.mzxid || b->kind == HISTORY_READ || b->kind == HISTORY_COMPARE_SET)) {
        return false;
    }
    return !is_overdue(s, history_earliest(b)) && transactions_add_up(s);
}

/* --- moves --- */

static void note_progress(search *s)
{
    if (s->at > s->furthest || s->move_count == 0) {
        s->furthest = s->at;
        s->furthest_state = s->now;
    }
}

/* The fewest operations that can make up for the versions. */
static uint32_t least(const search *s)
{
    int64_t silent = is_within_incarnation(s) ? silent_batches(s, false, 0) : 0;

    return silent > (int64_t)s->given->open_count ? (uint32_t)s->given->open_count : (uint32_t)silent;
}

static void enter_gap(search *s)
{
    s->depth = 0;
    s->gaps[s->at] = (gap){.limit = least(s)};
    note_progress(s);
    observe(s);
}

static void go_on(search *s)
{
    const history_op *b = following(s);

    s->moves[s->move_count++] = (move){NEXT, s->now, s->trail_length};
    s->now = (state){true, left_by(b)};
    s->at++;
    enter_gap(s);
}

/* Step over what is placed, and over what need not be. */
static void raise_lows(search *s)
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

static void place(search *s, size_t choice, state after)
{
    s->moves[s->move_count++] = (move){choice, s->now, s->trail_length};
    s->open_placed[choice] = true;
    raise_lows(s);
    s->now = after;
    s->depth++;
    observe(s);
}

/* Take back the last move, and return its choice. */
static size_t take_back(search *s)
{
    move last = s->moves[--s->move_count];

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
static bool is_pointless(const search *s, size_t choice)
{
    if (s->depth == 0) {
        return false;
    }
    const move *last = &s->moves[s->move_count - 1];
    const history_op *before = &s->given->open[last->choice], *op = &s->given->open[choice];
    if (is_watched(s) || s->trail_length != last->observed) {
        return false; /* somebody has to see what is in between, or did */
    }
    switch (op->kind) {
    case HISTORY_ADD:
        return before->kind == HISTORY_ADD && last->choice < choice;
    case HISTORY_SET:
        return before->kind != HISTORY_DESTROY &&
               (following(s) == NULL || (is_within_incarnation(s) && s->gaps[s->at].limit > least(s)));
    case HISTORY_DESTROY:
        return history_is_unknown(before) && last->before.present;
    default:
        return false;
    }
}

/* The next candidate for this gap that is older than @before. False: there is none. */
static bool find_candidate(search *s, size_t before, size_t *ret_choice, state *ret_after)
{
    const history_case *g = s->given;
    bool is_last = s->depth + 1 == s->gaps[s->at].limit;

    for (size_t i = before; i-- > s->open_low;) {
        s->steps++;
        if (!s->open_placed[i] && apply(&g->open[i], s->now, ret_after) &&
            (!is_last || is_as_wanted(s, *ret_after)) && fits_gap(s, &g->open[i]) &&
            may_be_now(s, &g->open[i]) && !is_pointless(s, i)) {
            *ret_choice = i;
            return true;
        }
    }
    return false;
}

/* --- the search --- */

/* With how many operations in it is this gap worth trying, @from being the fewest? 0: it is not. */
static uint32_t find_limit(search *s, uint32_t from)
{
    range r = look_at_candidates(s);

    for (uint32_t limit = from; limit <= r.count; limit++) {
        if (is_within_reach(s, &r, limit)) {
            bool in_round = limit - least(s) <= s->excess;

            s->cut = s->cut || !in_round;
            return in_round ? limit : 0;
        }
    }
    return 0;
}

/* Put another operation, older than @before, into the gap. False: none fits. */
static bool fill(search *s, size_t before)
{
    range r = look_at_candidates(s);
    size_t choice;
    state after;

    if (!is_within_reach(s, &r, s->gaps[s->at].limit - s->depth) ||
        !find_candidate(s, before, &choice, &after)) {
        return false;
    }
    place(s, choice, after);
    return true;
}

/* No way leads on from here: go back to where there is another one. False: there is none. */
static bool retreat(search *s)
{
    size_t before = s->given->open_count;

    while (s->steps <= STEPS_MAX) {
        gap *here = &s->gaps[s->at];

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
static bool find_order(search *s)
{
    raise_lows(s);
    enter_gap(s);
    for (;;) {
        if (s->depth == s->gaps[s->at].limit && chain_goes_on(s)) {
            if (following(s) == NULL) {
                return true;
            }
            go_on(s);
        } else if (!retreat(s)) {
            return false;
        }
    }
}

/* --- the answer --- */

static const char *show(state now, char text[32])
{
    if (now.present) {
        snprintf(text, 32, "%" PRId64, now.value);
    } else {
        snprintf(text, 32, "absent");
    }
    return text;
}

/* An observation that can have no place after gap @at; NULL: there is none. */
static const history_op *find_unseen(search *s)
{
    const history_case *g = s->given;
    int64_t moment = following(s) != NULL ? history_earliest(following(s)) : INT64_MAX;

    for (size_t i = s->seen_low; i < g->seen_count; i++) {
        if (!s->seen_placed[i] && g->seen[i].returned < moment) {
            return &g->seen[i];
        }
    }
    return NULL;
}

/* Tell where the search has come to at most; a wrong guess may have led it there. */
static const char *explain(search *s, char *text, size_t size)
{
    const history_case *g = s->given;
    const history_op *a, *b, *unseen;
    state expected = {g->ends->present_at_end, g->ends->value_at_end};
    char now[32], wanted[32];

    s->at = s->furthest;
    s->now = s->furthest_state;
    a = previous(s);
    b = following(s);
    if (b != NULL) {
        expected = (state){true, found(b)};
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

static void prepare(search *s, const history_case *given)
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
    s->now = (state){given->ends->present_at_start,
                     given->ends->present_at_start ? given->ends->value_at_start : 0};
}

static void free_search(search *s)
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
        search s = {.excess = rounds[round]};

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

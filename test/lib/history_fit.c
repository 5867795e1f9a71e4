#include "lib/history_fit.h"

/* --- time --- */

bool history_is_overdue(const history_trial *s, int64_t moment)
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

bool history_may_be_now(const history_trial *s, const history_op *op)
{
    return history_earliest(op) <= s->until[s->at] && !history_is_overdue(s, history_earliest(op));
}

/* --- what operations do --- */

bool history_apply(const history_op *op, history_state now, history_state *ret_after)
{
    *ret_after = (history_state){.present = true};
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
        *ret_after = (history_state){.present = false};
        return now.present;
    case HISTORY_READ:
        *ret_after = now;
        return now.present;
    }
    return false;
}

int64_t history_found(const history_op *op)
{
    return op->kind == HISTORY_ADD ? (int64_t)((uint64_t)op->value - (uint64_t)op->argument) : op->value;
}

int64_t history_left_by(const history_op *op)
{
    return op->kind == HISTORY_SET ? op->argument : op->kind == HISTORY_COMPARE_SET ? op->desired : op->value;
}

/* --- the gaps --- */

const history_op *history_previous(const history_trial *s)
{
    return s->at > 0 ? &s->given->chain[s->at - 1] : NULL;
}

const history_op *history_following(const history_trial *s)
{
    return s->at < s->given->chain_count ? &s->given->chain[s->at] : NULL;
}

bool history_is_within_incarnation(const history_trial *s)
{
    const history_op *a = history_previous(s), *b = history_following(s);

    return a != NULL && b != NULL && a->stamp.czxid == b->stamp.czxid;
}

static bool is_within_batch(const history_trial *s)
{
    const history_op *a = history_previous(s), *b = history_following(s);

    return a != NULL && b != NULL && a->stamp.mzxid == b->stamp.mzxid;
}

int64_t history_silent_batches(const history_trial *s, bool destroyed, int32_t base)
{
    const history_op *a = history_previous(s), *b = history_following(s);

    if (b == NULL || (a == NULL && s->given->ends->present_at_start && !destroyed)) {
        return HISTORY_UNTOLD;
    }
    /* A read may be the first that tells of its transaction. */
    int64_t own = b->kind == HISTORY_READ ? 1 : 0;
    if (is_within_batch(s)) {
        return 0;
    }
    if (history_is_within_incarnation(s)) {
        return (int64_t)((uint32_t)b->stamp.version - (uint32_t)a->stamp.version) - 1 + own;
    }
    if (a == NULL || destroyed) {
        return (int64_t)b->stamp.version - base + own;
    }
    /* The versions have run out: at -2 a new znode takes the place of the old one. */
    return (int64_t)(uint32_t)(-2 - (int64_t)a->stamp.version) + b->stamp.version - base + own;
}

/* Can @op have been in the transaction before the gap, or in that after it, unseen as its result is? */
static bool fits_previous(const history_trial *s, const history_op *op)
{
    const history_op *a = history_previous(s);

    return a != NULL && a->kind != HISTORY_READ && a->client == op->client;
}

static bool fits_following(const history_trial *s, const history_op *op)
{
    const history_op *b = history_following(s);

    return b != NULL && b->kind != HISTORY_READ && b->client == op->client && b->stamp.index > 0;
}

bool history_fits_gap(const history_trial *s, const history_op *op)
{
    if (history_is_within_incarnation(s)) {
        return op->kind != HISTORY_DESTROY &&
               (history_silent_batches(s, false, 0) > 0 || fits_previous(s, op) || fits_following(s, op));
    }
    return true;
}

/* Operations in the gap since its last destroy, and how they can do without transactions of their own. */
typedef struct {
    bool destroyed, homeless; /* homeless: they cannot */
    uint32_t count;
    uint32_t in_following; /* the others are in the previous one, as these cannot be */
} filling;

static filling look_into_gap(const history_trial *s)
{
    filling f = {0};

    for (size_t m = s->move_count - s->depth; m < s->move_count; m++) {
        const history_op *op = &s->given->open[s->moves[m].choice];

        if (op->kind == HISTORY_DESTROY) {
            f = (filling){.destroyed = true};
            continue;
        }
        f.count++;
        if (f.destroyed || f.in_following > 0 || !fits_previous(s, op)) {
            f.in_following++;
            f.homeless = f.homeless || !fits_following(s, op);
        }
    }
    return f;
}

/* Do the versions, and the places within transactions, allow just those operations in this gap? */
static bool transactions_add_up(const history_trial *s)
{
    const history_op *a = history_previous(s), *b = history_following(s);
    filling f = look_into_gap(s);

    if (b == NULL) {
        return true;
    }
    if (is_within_batch(s)) {
        /* Places in between are of operations that failed, or of those that we look for. */
        uint32_t room = b->kind == HISTORY_READ ? UINT32_MAX : b->stamp.index - a->stamp.index - 1;

        return f.count <= room && !f.homeless;
    }
    for (int32_t base = 0; base <= 1; base++) {
        int64_t silent = history_silent_batches(s, f.destroyed, base);
        bool is_first = b->stamp.czxid == b->stamp.mzxid;

        if (!history_is_within_incarnation(s) && silent != HISTORY_UNTOLD &&
            is_first != (b->stamp.version == base)) {
            continue;
        }
        if (silent == HISTORY_UNTOLD || (silent > 0 && f.count >= silent) ||
            (silent == 0 && !f.homeless && f.in_following <= b->stamp.index)) {
            return true;
        }
    }
    return false;
}

/* --- bounds --- */

history_range history_look_at_candidates(history_trial *s)
{
    const history_case *g = s->given;
    history_range r = {0};

    for (size_t i = s->open_low; i < g->open_count && g->open[i].invoked <= s->until[s->at]; i++) {
        const history_op *op = &g->open[i];

        s->steps++;
        if (s->open_placed[i] || !history_fits_gap(s, op)) {
            continue;
        }
        r.count++;
        if (op->kind == HISTORY_ADD) {
            r.least = !r.adds || op->argument < r.least ? op->argument : r.least;
            r.most = !r.adds || op->argument > r.most ? op->argument : r.most;
            r.adds = true;
        } else {
            int64_t value = op->kind == HISTORY_DESTROY ? 0 : history_left_by(op);

            r.lowest = !r.others || value < r.lowest ? value : r.lowest;
            r.highest = !r.others || value > r.highest ? value : r.highest;
            r.others = true;
        }
    }
    return r;
}

bool history_is_as_wanted(const history_trial *s, history_state now)
{
    const history_op *b = history_following(s);
    const history_ends *ends = s->given->ends;

    if (b == NULL && !ends->present_at_end) {
        return !now.present;
    }
    return (b != NULL || now.present) &&
           (now.present ? now.value : 0) == (b != NULL ? history_found(b) : ends->value_at_end);
}

bool history_is_within_reach(const history_trial *s, const history_range *r, uint32_t left)
{
    const history_op *b = history_following(s);
    __int128 target = b != NULL ? history_found(b) : s->given->ends->value_at_end;
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

bool history_chain_goes_on(const history_trial *s)
{
    const history_op *b = history_following(s);

    if (!history_is_as_wanted(s, s->now)) {
        return false;
    }
    if (b == NULL) {
        return !history_is_overdue(s, INT64_MAX);
    }
    if (!s->now.present &&
        (b->stamp.czxid != b->stamp.mzxid || b->kind == HISTORY_READ || b->kind == HISTORY_COMPARE_SET)) {
        return false;
    }
    return !history_is_overdue(s, history_earliest(b)) && transactions_add_up(s);
}

/*
 * Judging all numbers of a run of the workload "ids" together: nobody is given
 * one twice; they increase; and gaps are explained.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "ids_internal.h"

/* --- nobody is given one twice --- */

typedef struct {
    uint64_t id;
    const call_of_ids *by;
} given;

static int compare(const void *left, const void *right)
{
    const given *a = left;
    const given *b = right;

    if (a->by->through->of != b->by->through->of) {
        return a->by->through->of < b->by->through->of ? -1 : 1;
    }
    return a->id != b->id ? (a->id > b->id) - (a->id < b->id) : (a->by > b->by) - (a->by < b->by);
}

/* All of them, in the arena, in order. */
static given *gather(run *r, size_t *ret_count)
{
    given *all;
    size_t count = 0;

    for (size_t i = 0; i < r->count; i++) {
        count += r->calls[i].numbers == NULL ? 0 : r->calls[i].wanted;
    }
    all = world_alloc(&r->fleet.world, (count + 1) * sizeof *all);
    count = 0;
    for (size_t i = 0; i < r->count; i++) {
        const call_of_ids *by = &r->calls[i];

        for (size_t j = 0; by->numbers != NULL && j < by->wanted; j++) {
            all[count++] = (given){.id = by->numbers[j], .by = by};
        }
    }
    qsort(all, count, sizeof *all, compare);
    *ret_count = count;
    return all;
}

static void judge_unique(run *r)
{
    size_t count;
    const given *all = gather(r, &count);

    for (size_t i = 1; i < count; i++) {
        if (all[i].id == all[i - 1].id && all[i].by->through->of == all[i - 1].by->through->of) {
            fleet_fail(&r->fleet,
                       "%" PRIu64 " was given twice: to call %zu of client %d, and to call %zu of client %d",
                       all[i].id, (size_t)(all[i - 1].by - r->calls), all[i - 1].by->through->member->number,
                       (size_t)(all[i].by - r->calls), all[i].by->through->member->number);
            return;
        }
    }
}

/* --- they increase --- */

/* Are the numbers of both in one order? */
static bool comparable(const call_of_ids *a, const call_of_ids *b)
{
    corral_ids_kind kind = a->through->of->config.kind;

    return kind == CORRAL_IDS_SEQUENCE || kind == CORRAL_IDS_ZNODE ? a->through->of == b->through->of
                                                                   : a->through == b->through;
}

static void judge_order(run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const call_of_ids *later = &r->calls[i];

        /* Calls are in the order in which they have begun. */
        for (size_t j = 0; later->numbers != NULL && j < i; j++) {
            const call_of_ids *earlier = &r->calls[j];

            if (earlier->numbers != NULL && earlier->ends_at < later->begins_at &&
                comparable(earlier, later) && earlier->numbers[earlier->wanted - 1] >= later->numbers[0]) {
                fleet_fail(&r->fleet,
                           "call %zu has got %" PRIu64 ", and call %zu, which began later, %" PRIu64, j,
                           earlier->numbers[earlier->wanted - 1], i, later->numbers[0]);
                return;
            }
        }
    }
}

/* --- gaps are explained --- */

/* May it have taken numbers that nobody has got? */
static bool may_have_wasted(const call_of_ids *own, const incarnation *of)
{
    return own->numbers == NULL && own->through->of == of &&
           (!own->ended || own->status == CORRAL_EUNCERTAIN || own->through->member->crashed);
}

/* Is @missing the sum of what some of the calls that may have wasted theirs wanted? */
static bool explained(run *r, const incarnation *of, size_t missing)
{
    bool *sums = world_alloc(&r->fleet.world, (missing + 1) * sizeof *sums);

    sums[0] = true;
    for (size_t i = 0; i < r->count; i++) {
        size_t wanted = r->calls[i].wanted;

        if (may_have_wasted(&r->calls[i], of)) {
            for (size_t sum = missing; sum >= wanted; sum--) {
                sums[sum] = sums[sum] || sums[sum - wanted];
            }
        }
    }
    return sums[missing];
}

static void judge_gaps(run *r, int number)
{
    corrali_ids_config config;
    const incarnation *of;
    int64_t at;
    int64_t missing;

    if (!ids_read(r, ensemble_state(&r->fleet.ensemble), number, &config, &at) ||
        config.kind != CORRAL_IDS_SEQUENCE) {
        return;
    }
    of = ids_find(r, config.tag);
    missing = at - of->begins;
    for (size_t i = 0; i < r->count; i++) {
        const call_of_ids *own = &r->calls[i];

        missing -= own->numbers != NULL && own->through->of == of ? (int64_t)own->wanted : 0;
    }
    if (missing < 0 || missing > (int64_t)CALLS * 1000 || !explained(r, of, (size_t)missing)) {
        fleet_fail(&r->fleet, "%s: %" PRId64 " numbers are missing, for no reason",
                   r->generators[number].path, missing);
    }
}

void ids_judge_history(run *r)
{
    judge_unique(r);
    judge_order(r);
    for (int i = 0; i < r->generator_count; i++) {
        judge_gaps(r, i);
    }
}

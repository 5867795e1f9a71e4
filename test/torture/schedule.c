/* When which faults are made: in rounds, of each kind once by itself, and a few pairs. */
#include <stdio.h>

#include "act.h"

#define MORE_AT_LEAST (180 * FAULTS_SECOND)

enum { CALM_MS = 300, PAIRS_A_ROUND = 2, SLOTS = FAULT_KINDS + PAIRS_A_ROUND };

typedef struct {
    scene scene;
    int64_t start, enough, most; /* how long it has to go on, and may to complete it */
    const bool *chosen;
    fault_kind pairs[FAULT_KINDS * FAULT_KINDS][2]; /* those that may overlap, the earlier first */
    unsigned pair_count;
    unsigned order[SLOTS]; /* of a round: kinds; FAULT_KINDS and more: a pair */
} schedule;

/* One of the two has to spare the servers: so no more of them are away than the other one means to be. */
static void collect_pairs(schedule *p)
{
    for (fault_kind a = 0; a < FAULT_KINDS; a++) {
        for (fault_kind b = 0; b < FAULT_KINDS; b++) {
            if (a != b && p->chosen[a] && p->chosen[b] && (act_spares_servers(a) || act_spares_servers(b))) {
                p->pairs[p->pair_count][0] = a;
                p->pairs[p->pair_count++][1] = b;
            }
        }
    }
}

static void shuffle(schedule *p)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned other = scene_dice(&p->scene, i + 1);

        p->order[i] = p->order[other];
        p->order[other] = i;
    }
}

/* --- making them --- */

static void print(const fault *f, int64_t start)
{
    printf("%6.1f s  %-14s %4.1f s", (double)(f->begin - start) / FAULTS_SECOND, fault_name(f->kind),
           (double)(f->end - f->begin) / FAULTS_SECOND);
    if (f->node >= 0) {
        printf("  server %d%s", f->node + 1, f->node == f->led ? ", the leader" : "");
    }
    if (f->leads != f->led) {
        printf("%s server %d leads", f->node >= 0 ? "; now" : "  now", f->leads + 1);
    }
    if (f->part != FAULT_ALONE) {
        printf("  (overlaps the %s)", f->part == FAULT_FIRST ? "next" : "one before");
    } else if (!f->bit) {
        printf("  (nobody noticed)");
    }
    printf("\n");
    fflush(stdout);
}

/* Begin the faults, the second while the first is in force; take each back when it is due, and wait until the
 * crew goes on. False: it does not, or something else has not recovered; said. */
static bool play(schedule *p, act *acts, unsigned count)
{
    scene *s = &p->scene;
    act *order[2] = {&acts[0], &acts[1]};
    bool well = true;

    act_begin(&acts[0], s);
    if (count == 2) {
        faults_wait_until(acts[0].made.begin + acts[0].lasts / 100 * scene_dice(s, 100));
        act_begin(&acts[1], s);
        if (acts[1].due < acts[0].due) {
            order[0] = &acts[1];
            order[1] = &acts[0];
        }
    }
    for (unsigned i = 0; i < count; i++) {
        faults_wait_until(order[i]->due);
        well = act_undo(order[i], s) && well;
        order[i]->made.end = faults_now();
    }
    fault *last = &order[count - 1]->made;
    last->leads = arena_leader(s->arena);
    well = well && last->leads >= 0 && crew_goes_on(s->crew);
    last->end = faults_now();
    return well;
}

/* Make a fault of each of the @kinds. */
static bool make(schedule *p, faults *f, const fault_kind *kinds, unsigned count)
{
    scene *s = &p->scene;
    act acts[2];

    for (unsigned i = 0; i < count; i++) {
        if (!act_choose(&acts[i], s, kinds[i])) {
            return false;
        }
    }
    /* Until nothing is left of what the choice or an earlier fault has done to the crew. */
    if (!crew_goes_on(s->crew)) {
        return false;
    }
    bool well = play(p, acts, count);
    for (unsigned i = 0; i < count; i++) {
        fault *made = &acts[i].made;

        if (count == 2) {
            made->part = i == 0 ? FAULT_FIRST : FAULT_SECOND;
        } else {
            made->bit = act_bit(&acts[i], s);
        }
        faults_append(f, made);
        print(made, p->start);
    }
    return well;
}

/* --- the whole --- */

static bool is_complete(const schedule *p, const faults *f)
{
    return faults_all_bit(f, p->chosen) && (f->pairs > 0 || p->pair_count == 0);
}

/* When time runs out only for some, the others have had theirs. */
static bool is_due(const schedule *p, const faults *f, unsigned slot, bool late)
{
    if (slot >= FAULT_KINDS) {
        return p->pair_count > 0 && !(late && f->pairs > 0);
    }
    return p->chosen[slot] && !(late && f->bitten[slot] > 0);
}

static bool make_next(schedule *p, faults *f, unsigned slot)
{
    unsigned calm_ms = CALM_MS + scene_dice(&p->scene, CALM_MS);

    faults_wait_until(faults_now() + calm_ms * FAULTS_MS);
    return slot < FAULT_KINDS ? make(p, f, &(fault_kind){slot}, 1)
                              : make(p, f, p->pairs[scene_dice(&p->scene, p->pair_count)], 2);
}

bool faults_run(faults *f, arena *a, crew *c, const bool chosen[FAULT_KINDS], unsigned seconds, unsigned seed,
                bool (*interrupted)(void))
{
    schedule p = {.scene = {.arena = a, .crew = c, .seed = seed},
                  .start = faults_now(),
                  .enough = seconds * FAULTS_SECOND,
                  .chosen = chosen};

    p.most = p.enough + (p.enough > MORE_AT_LEAST ? p.enough : MORE_AT_LEAST);
    collect_pairs(&p);
    for (unsigned i = 0; !interrupted(); i++) {
        int64_t passed = faults_now() - p.start;
        bool late = passed >= p.enough;

        if (passed >= p.most || (late && is_complete(&p, f))) {
            break;
        }
        if (i % SLOTS == 0) {
            shuffle(&p);
        }
        unsigned slot = p.order[i % SLOTS];
        if (is_due(&p, f, slot, late) && !make_next(&p, f, slot)) {
            return false;
        }
    }
    return true;
}

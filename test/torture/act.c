#include "act.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Servers give each other up after their syncLimit of 10 ticks. A leader is
 * away for long enough for the others to elect another, and to serve; a worker
 * for longer than its session, which the leader ends within two more ticks.
 */
enum {
    SHORT_MS = 500,
    AWAY_MS = 15 * ARENA_TICK_MS,
    LEADER_AWAY_MS = 28 * ARENA_TICK_MS,
    WORKER_PAUSE_MS = SESSION_MS + 5 * ARENA_TICK_MS,
    EXTRA_MS = 1500,
    LOSE_EVERY = 60,
    SIGN_MS = 5000,
    LOST_MS = 30000,
    SHAKES_MAX = 10,
    POLL_MS = 10
};

unsigned scene_dice(scene *s, unsigned sides)
{
    return (unsigned)rand_r(&s->seed) % sides;
}

bool act_spares_servers(fault_kind kind)
{
    return kind == FAULT_PAUSE_WORKER || kind == FAULT_KILL_WORKER || kind == FAULT_LOSE_REPLIES;
}

/* --- whom it hits --- */

/* The busiest follower. After some faults all clients are with the leader, and would stay there. */
static bool find_follower(act *a, scene *s, int leader)
{
    int clients;

    a->node = arena_follower(s->arena, leader, &clients);
    for (int i = 0; i < SHAKES_MAX && clients == 0; i++) {
        arena_shake(s->arena, leader);
        if (!crew_goes_on(s->crew)) {
            return false;
        }
        a->node = arena_follower(s->arena, leader, &clients);
    }
    return true;
}

static unsigned duration_ms(scene *s, fault_kind kind, bool leads)
{
    unsigned extra = scene_dice(s, EXTRA_MS);

    switch (kind) {
    case FAULT_PAUSE_WORKER:
        return WORKER_PAUSE_MS + extra;
    case FAULT_PAUSE_SERVER:
    case FAULT_CUT_PEERS:
    case FAULT_CUT_OFF:
        return (leads ? LEADER_AWAY_MS : AWAY_MS) + extra;
    case FAULT_LOSE_REPLIES:
        return 2 * EXTRA_MS;
    default:
        return SHORT_MS + extra;
    }
}

bool act_choose(act *a, scene *s, fault_kind kind)
{
    bool is_about_one = !act_spares_servers(kind) && kind != FAULT_RESTART_ALL;
    int leader = arena_leader(s->arena);

    *a = (act){.node = leader};
    a->leads = kind == FAULT_KILL_LEADER || (kind != FAULT_KILL_FOLLOWER && scene_dice(s, 2) == 0);
    a->worker = scene_dice(s, s->crew->plan.workers);
    a->lasts = duration_ms(s, kind, a->leads) * FAULTS_MS;
    if (leader < 0) {
        fprintf(stderr, "torture: nobody leads\n");
        return false;
    }
    if (is_about_one && !a->leads && !find_follower(a, s, leader)) {
        return false;
    }
    a->made = (fault){.kind = kind, .led = leader, .leads = leader, .node = is_about_one ? a->node : -1};
    return true;
}

/* --- what it does --- */

/* By what one can tell that a fault bites: it grows. */
static uint64_t sign(const act *a, const scene *s)
{
    switch (a->made.kind) {
    case FAULT_PAUSE_WORKER:
    case FAULT_KILL_WORKER:
        return atomic_load(&s->crew->told[a->worker].sessions);
    case FAULT_LOSE_REPLIES:
        return crew_sum(s->crew, offsetof(bulletin, resends_applied));
    default:
        return arena_count(s->arena, PROXY_CONNECTIONS);
    }
}

void act_begin(act *a, scene *s)
{
    dev_ensemble *e = s->arena->ensemble;

    a->before = sign(a, s);
    a->made.begin = faults_now();
    a->due = a->made.begin + a->lasts;
    switch (a->made.kind) {
    case FAULT_KILL_LEADER:
    case FAULT_KILL_FOLLOWER:
        dev_kill(e, a->node);
        break;
    case FAULT_PAUSE_SERVER:
        dev_pause(e, a->node);
        break;
    case FAULT_PAUSE_WORKER:
        crew_pause(s->crew, a->worker);
        break;
    case FAULT_KILL_WORKER:
        crew_kill_one(s->crew, a->worker);
        break;
    case FAULT_CUT_PEERS:
        arena_cut(s->arena, a->node, false);
        break;
    case FAULT_CUT_OFF:
        arena_cut(s->arena, a->node, true);
        break;
    case FAULT_LOSE_REPLIES:
        arena_lose_replies(s->arena, LOSE_EVERY);
        break;
    case FAULT_RESTART_ALL:
        for (int n = 0; n < ARENA_NODES; n++) {
            dev_kill(e, n);
        }
        break;
    case FAULT_KINDS:
        break;
    }
}

/* Does it come to be seen that @a bites? A worker may get answers to what it had asked before it finds out
 * what it has lost. */
static bool shows(const act *a, const scene *s, int64_t ms)
{
    int64_t now = faults_now(), until = now + ms * FAULTS_MS;

    while (sign(a, s) <= a->before && now < until) {
        faults_wait_until(now + POLL_MS * FAULTS_MS);
        now = faults_now();
    }
    return sign(a, s) > a->before;
}

bool act_undo(act *a, scene *s)
{
    switch (a->made.kind) {
    case FAULT_PAUSE_WORKER:
        crew_resume(s->crew, a->worker);
        return true;
    case FAULT_KILL_WORKER:
        return crew_replace(s->crew, a->worker);
    case FAULT_LOSE_REPLIES:
        (void)shows(a, s, LOST_MS); /* how soon depends on how many there are */
        arena_lose_replies(s->arena, 0);
        return true;
    case FAULT_CUT_PEERS:
    case FAULT_CUT_OFF:
        arena_mend(s->arena, a->node);
        break;
    default:
        break;
    }
    return arena_restore(s->arena);
}

bool act_bit(const act *a, const scene *s)
{
    return shows(a, s, act_spares_servers(a->made.kind) ? SIGN_MS : 0);
}

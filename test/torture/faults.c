#include "faults.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    CALM_MS = 300,
    LOSE_EVERY = 60,
    SIGN_MS = 5000,
    SHAKES_MAX = 10,
    POLL_MS = 10
};

static const char *const names[] = {
#define FAULT_NAME(name, text, what) text,
    FAULT_MAP(FAULT_NAME)
#undef FAULT_NAME
};

static const char *const texts[] = {
#define FAULT_TEXT(name, text, what) what,
    FAULT_MAP(FAULT_TEXT)
#undef FAULT_TEXT
};

const char *fault_name(fault_kind kind)
{
    return names[kind];
}

const char *fault_text(fault_kind kind)
{
    return texts[kind];
}

bool fault_parse(const char *list, bool chosen[FAULT_KINDS])
{
    bool any = false;

    memset(chosen, 0, FAULT_KINDS * sizeof *chosen);
    for (const char *at = list; *at != '\0'; at += *at == ',') {
        size_t length = strcspn(at, ",");
        bool known = false;

        for (fault_kind k = 0; k < FAULT_KINDS; k++) {
            bool meant = (length == strlen(names[k]) && strncmp(at, names[k], length) == 0) ||
                         (length == 3 && strncmp(at, "all", length) == 0);

            chosen[k] = chosen[k] || meant;
            known = known || meant;
        }
        if (!known) {
            return false;
        }
        any = true;
        at += length;
    }
    return any;
}

int64_t faults_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void wait_ms(unsigned ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

    while (nanosleep(&time, &time) != 0) {
    }
}

/* --- one fault --- */

typedef struct {
    arena *arena;
    crew *crew;
    unsigned seed;
    int node;        /* the server that it is about ... */
    bool leads;      /* ... and whether that one leads */
    unsigned worker; /* ... or the worker */
} scene;

static unsigned dice(scene *s, unsigned sides)
{
    return (unsigned)rand_r(&s->seed) % sides;
}

static void begin(scene *s, fault_kind kind)
{
    dev_ensemble *e = s->arena->ensemble;

    switch (kind) {
    case FAULT_KILL_LEADER:
    case FAULT_KILL_FOLLOWER:
        dev_kill(e, s->node);
        break;
    case FAULT_PAUSE_SERVER:
        dev_pause(e, s->node);
        break;
    case FAULT_PAUSE_WORKER:
        crew_pause(s->crew, s->worker);
        break;
    case FAULT_CUT_PEERS:
        arena_cut(s->arena, s->node, false);
        break;
    case FAULT_CUT_OFF:
        arena_cut(s->arena, s->node, true);
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

static unsigned duration(scene *s, fault_kind kind)
{
    unsigned extra = dice(s, EXTRA_MS);

    switch (kind) {
    case FAULT_PAUSE_WORKER:
        return WORKER_PAUSE_MS + extra;
    case FAULT_PAUSE_SERVER:
    case FAULT_CUT_PEERS:
    case FAULT_CUT_OFF:
        return (s->leads ? LEADER_AWAY_MS : AWAY_MS) + extra;
    case FAULT_LOSE_REPLIES:
        return 2 * EXTRA_MS;
    default:
        return SHORT_MS + extra;
    }
}

/* Whoever was meant, all is as before. */
static bool end(scene *s)
{
    for (unsigned w = 0; w < WORKERS; w++) {
        crew_resume(s->crew, w);
    }
    for (int n = 0; n < ARENA_NODES; n++) {
        arena_mend(s->arena, n);
    }
    arena_lose_replies(s->arena, 0);
    return arena_restore(s->arena) && arena_leader(s->arena) >= 0 && crew_goes_on(s->crew);
}

/* By what one can tell that a fault of @kind bites: it grows. */
static uint64_t sign(const scene *s, fault_kind kind)
{
    switch (kind) {
    case FAULT_PAUSE_WORKER:
        return atomic_load(&s->crew->told[s->worker].sessions);
    case FAULT_LOSE_REPLIES:
        return crew_sum(s->crew, offsetof(bulletin, resends_applied));
    default:
        return arena_count(s->arena, PROXY_CONNECTIONS);
    }
}

/* A worker may get answers to what it had asked before it finds out what it has lost. */
static bool await_sign(const scene *s, fault_kind kind, uint64_t before)
{
    bool is_at_once = kind != FAULT_PAUSE_WORKER && kind != FAULT_LOSE_REPLIES;
    int64_t until = faults_now() + (is_at_once ? 0 : SIGN_MS * INT64_C(1000000));

    while (sign(s, kind) <= before && faults_now() < until) {
        wait_ms(POLL_MS);
    }
    return sign(s, kind) > before;
}

static bool is_about_server(fault_kind kind)
{
    return kind != FAULT_PAUSE_WORKER && kind != FAULT_LOSE_REPLIES && kind != FAULT_RESTART_ALL;
}

/* The busiest follower. After some faults all clients are with the leader, and would stay there. */
static bool find_follower(scene *s, int leader)
{
    int clients;

    s->node = arena_follower(s->arena, leader, &clients);
    for (int i = 0; i < SHAKES_MAX && clients == 0; i++) {
        arena_shake(s->arena, leader);
        if (!crew_goes_on(s->crew)) {
            return false;
        }
        s->node = arena_follower(s->arena, leader, &clients);
    }
    return true;
}

/* Choose whom the fault is about, and wait until nothing is left of what that or an earlier one has done to
 * the crew. False: said why. */
static bool prepare(scene *s, fault_kind kind, fault *ret_fault)
{
    int leader = arena_leader(s->arena);

    s->leads = kind == FAULT_KILL_LEADER || (kind != FAULT_KILL_FOLLOWER && dice(s, 2) == 0);
    s->worker = dice(s, WORKERS);
    s->node = leader;
    if (leader < 0) {
        fprintf(stderr, "torture: nobody leads\n");
        return false;
    }
    if (is_about_server(kind) && !s->leads && !find_follower(s, leader)) {
        return false;
    }
    *ret_fault = (fault){.kind = kind, .led = leader, .node = is_about_server(kind) ? s->node : -1};
    return crew_goes_on(s->crew);
}

/* Make a fault, and wait until it is over. False: it is not. */
static bool make(scene *s, fault_kind kind, fault *ret_fault)
{
    uint64_t before = sign(s, kind);

    ret_fault->begin = faults_now();
    begin(s, kind);
    wait_ms(duration(s, kind));
    bool well = end(s);
    ret_fault->end = faults_now();
    ret_fault->bit = await_sign(s, kind, before);
    ret_fault->leads = arena_leader(s->arena);
    return well;
}

/* --- the schedule --- */

bool faults_all_bit(const faults *f, const bool chosen[FAULT_KINDS])
{
    for (fault_kind k = 0; k < FAULT_KINDS; k++) {
        if (chosen[k] && f->bitten[k] == 0) {
            return false;
        }
    }
    return true;
}

static void shuffle(scene *s, fault_kind order[FAULT_KINDS])
{
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        unsigned other = dice(s, i + 1);

        order[i] = order[other];
        order[other] = (fault_kind)i;
    }
}

static void print(const fault *f, int64_t start)
{
    printf("%6.1f s  %-14s %4.1f s", (double)(f->begin - start) / 1e9, fault_name(f->kind),
           (double)(f->end - f->begin) / 1e9);
    if (f->node >= 0) {
        printf("  server %d%s", f->node + 1, f->node == f->led ? ", the leader" : "");
    }
    if (f->leads != f->led) {
        printf("%s server %d leads", f->node >= 0 ? "; now" : "  now", f->leads + 1);
    }
    printf("%s\n", f->bit ? "" : "  (nobody noticed)");
    fflush(stdout);
}

static void append(faults *f, const fault *made)
{
    if (f->count == f->capacity) {
        f->capacity = 2 * f->capacity + 64;
        f->list = realloc(f->list, f->capacity * sizeof *f->list);
        if (f->list == NULL) {
            abort();
        }
    }
    f->list[f->count++] = *made;
    f->made[made->kind]++;
    f->bitten[made->kind] += made->bit;
}

bool faults_run(faults *f, arena *a, crew *c, const bool chosen[FAULT_KINDS], unsigned seconds, unsigned seed,
                bool (*interrupted)(void))
{
    scene s = {.arena = a, .crew = c, .seed = seed};
    int64_t start = faults_now(), enough = (int64_t)seconds * 1000000000;
    fault_kind order[FAULT_KINDS];

    for (unsigned i = 0; !interrupted(); i++) {
        int64_t passed = faults_now() - start;

        if (passed >= 2 * enough || (passed >= enough && faults_all_bit(f, chosen))) {
            break;
        }
        if (i % FAULT_KINDS == 0) {
            shuffle(&s, order);
        }
        fault_kind kind = order[i % FAULT_KINDS];
        /* When time runs out only for some, the others have had theirs. */
        if (!chosen[kind] || (passed >= enough && f->bitten[kind] > 0)) {
            continue;
        }
        wait_ms(CALM_MS + dice(&s, CALM_MS));
        fault made;
        if (!prepare(&s, kind, &made)) {
            return false;
        }
        bool well = make(&s, kind, &made);
        append(f, &made);
        print(&made, start);
        if (!well) {
            return false;
        }
    }
    return true;
}

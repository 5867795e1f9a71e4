/*
 * Judging a run of the workload "ids": each call by itself, and what is left.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ids_internal.h"
#include "internal.h"

static const member *member_of(const call_of_ids *own)
{
    return own->through->member;
}

/* --- numbers --- */

static bool increase(const call_of_ids *own)
{
    for (size_t i = 1; i < own->wanted; i++) {
        if (own->numbers[i] <= own->numbers[i - 1]) {
            return false;
        }
    }
    return true;
}

/* Is the generator still there? Then its number goes to @ret_number. */
static bool is_there(const run *r, const incarnation *of, int64_t *ret_number)
{
    corrali_ids_config config;

    return ids_read(r, &r->fleet.ensemble.prepared, of->generator, &config, ret_number) &&
           config.tag == of->config.tag;
}

/* What @worker's mark says; negative: there is none. */
static int64_t mark_of(run *r, const incarnation *of, uint32_t worker)
{
    char path[96];
    const znode *node;

    (void)snprintf(path, sizeof path, "%s/workers/%" PRIu32, r->generators[of->generator].path, worker);
    node = tree_find(&r->fleet.ensemble.prepared, world_path(&r->fleet.world, path));
    return node == NULL ? -1 : strtoll(node->data.bytes, NULL, 10);
}

/* Once given, an ID stays below its worker's mark: whoever has the number next begins there. */
static void judge_mark(const call_of_ids *own, const corral_snowflake *parts)
{
    run *r = own->run;
    const incarnation *of = own->through->of;
    int64_t at;

    if (is_there(r, of, &at) && parts->time_ms >= mark_of(r, of, parts->worker)) {
        fleet_fail(&r->fleet, "client %d call %zu: its worker's mark is not above its ID of %" PRId64,
                   member_of(own)->number, (size_t)(own - r->calls), parts->time_ms);
    }
}

static corral_snowflake decode(const call_of_ids *own, uint64_t id)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corral_snowflake parts = {.time_ms = INT64_MAX};

    corrali_ids_config_tell(&own->through->of->config, &options);
    (void)corral_snowflake_decode(id, &options, &parts);
    return parts;
}

/* Is its time one that the client's calendar has shown, and not before the call? */
static void judge_snowflake(const call_of_ids *own, uint64_t id)
{
    run *r = own->run;
    int number = member_of(own)->number;
    corral_snowflake parts = decode(own, id);

    (void)ids_calendar_ms(r, member_of(own));
    if (parts.time_ms > r->peak_ms[number]) {
        fleet_fail(&r->fleet, "client %d has got %" PRIu64 ", which is of the future", number, id);
    }
    if (parts.time_ms < own->begins_ms && r->steps[number] == own->steps) {
        fleet_fail(&r->fleet, "client %d has got %" PRIu64 ", which is of the past", number, id);
    }
    judge_mark(own, &parts);
}

/* @at: the generator's number, which is there. */
static void judge_number(const call_of_ids *own, uint64_t id, corral_ids_kind kind, int64_t at)
{
    fleet *f = &own->run->fleet;
    bool right = kind == CORRAL_IDS_ZNODE ? (int64_t)((id - 1) >> 31) < at : id <= (uint64_t)at;

    if (id == 0 || id > INT64_MAX || !right) {
        fleet_fail(f, "client %d has got %" PRIu64 ", and the generator says %" PRId64,
                   member_of(own)->number, id, at);
    }
}

void ids_judge_numbers(const call_of_ids *own)
{
    run *r = own->run;
    const incarnation *of = own->through->of;
    uint64_t last = own->numbers[own->wanted - 1];
    int64_t at = 0;

    if (of == NULL || !increase(own)) {
        fleet_fail(&r->fleet, "client %d: numbers of no generator, or in no order", member_of(own)->number);
    } else if (of->config.kind == CORRAL_IDS_SNOWFLAKE) {
        judge_snowflake(own, own->numbers[0]);
        judge_snowflake(own, last);
    } else if (is_there(r, of, &at)) {
        judge_number(own, last, of->config.kind, at);
    }
}

/* --- outcomes --- */

static corral_ids_kind kind_of(const call_of_ids *own)
{
    return own->through->of == NULL ? own->through->options.kind : own->through->of->config.kind;
}

/* Has there been a generator that is not what the handle asks for? */
static bool may_conflict(const call_of_ids *own)
{
    const run *r = own->run;

    for (size_t i = 0; i < r->incarnation_count; i++) {
        if (r->incarnations[i].generator == own->through->generator &&
            !corrali_ids_config_fits(&r->incarnations[i].config, &own->through->options)) {
            return true;
        }
    }
    return false;
}

static bool may_be_uncertain(const call_of_ids *own)
{
    int cause = corral_op_cause(own->op);

    return kind_of(own) == CORRAL_IDS_SEQUENCE &&
           (own->limited || own->cancelled || (own->run->fleet.lanes_deleted && cause == CORRAL_ENOENT));
}

static bool may_be_crowded(const call_of_ids *own)
{
    const incarnation *of = own->through->of;

    return own->limited && of != NULL && of->config.kind == CORRAL_IDS_SNOWFLAKE &&
           of->config.worker_bits < ROOMY_BITS;
}

/* Was a number free whose mark was ahead of the clock by more than it waits? Who does not know yet that
 * somebody has deleted their lease moves the mark on, and whoever has the number next finds it there. */
static bool may_be_behind(const call_of_ids *own)
{
    return own->run->clocks_differ || own->run->generators[own->through->generator].ahead ||
           own->through->options.clock_wait_ms < 2 * SKEW_MS;
}

/* Can it have ended like that? */
static bool may_end(const call_of_ids *own)
{
    const generator *at = &own->run->generators[own->through->generator];

    switch (own->status) {
    case CORRAL_OK:
        return true;
    case CORRAL_ECONFLICT:
        return may_conflict(own);
    case CORRAL_ECORRUPT:
        return at->deleted;
    case CORRAL_EEXHAUSTED:
        return at->ends;
    case CORRAL_EBUSY:
        return may_be_crowded(own);
    case CORRAL_ECLOCK:
        return kind_of(own) == CORRAL_IDS_SNOWFLAKE && may_be_behind(own);
    case CORRAL_ETIMEDOUT:
        return own->limited;
    case CORRAL_ECANCELED:
    case CORRAL_ECLOSED:
        return own->cancelled;
    case CORRAL_ENOMEM:
        return member_of(own)->starved;
    case CORRAL_EUNCERTAIN:
        return may_be_uncertain(own);
    default:
        return false;
    }
}

static bool timed_out(const call_of_ids *own)
{
    return own->status == CORRAL_ETIMEDOUT || own->status == CORRAL_EBUSY ||
           (own->status == CORRAL_EUNCERTAIN && corral_op_cause(own->op) == CORRAL_ETIMEDOUT);
}

void ids_judge_outcomes(run *r)
{
    fleet *f = &r->fleet;

    for (size_t i = 0; i < r->count; i++) {
        const call_of_ids *own = &r->calls[i];
        int number = member_of(own)->number;

        if (member_of(own)->crashed) {
            continue; /* nobody hears of it */
        }
        if (!own->ended) {
            fleet_fail(f, "client %d call %zu has not ended", number, i);
        } else if (!may_end(own)) {
            fleet_fail(f, "client %d call %zu has ended %s for no reason", number, i,
                       corral_status_name(own->status));
        } else if (timed_out(own) && own->returned < own->deadline) {
            fleet_fail(f, "client %d call %zu has timed out too early", number, i);
        }
    }
}

/* --- what is left --- */

/* Is @path, which is below a generator, meant to stay? */
static bool stays(run *r, int number, int path)
{
    world *w = &r->fleet.world;
    const tree *t = ensemble_state(&r->fleet.ensemble);
    const generator *own = &r->generators[number];
    const char *name = world_path_text(w, path) + strlen(own->path) + 1;
    char current[64];
    corrali_ids_config config;
    int64_t at;

    for (int i = 0; i < r->made_count; i++) {
        if (r->made[i] == path) {
            return true;
        }
    }
    if (own->deleted && strcmp(name, "workers") == 0) {
        return true; /* whatever there is now: made by who has not noticed */
    }
    if (!ids_read(r, t, number, &config, &at)) {
        return false;
    }
    if (config.kind == CORRAL_IDS_SNOWFLAKE) {
        return strcmp(name, "workers") == 0 ||
               (strncmp(name, "workers/", 8) == 0 && strspn(name + 8, "0123456789") == strlen(name + 8));
    }
    (void)snprintf(current, sizeof current, "%016" PRIx64 "-%" PRId64, config.tag, at);
    return config.kind == CORRAL_IDS_ZNODE && strcmp(name, current) == 0;
}

/* Of numbers that were given back, too. */
static void judge_marks(run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const call_of_ids *own = &r->calls[i];

        if (own->numbers != NULL && own->through->of->config.kind == CORRAL_IDS_SNOWFLAKE) {
            corral_snowflake parts = decode(own, own->numbers[own->wanted - 1]);

            judge_mark(own, &parts);
        }
    }
}

static void judge_leaving(run *r, int path, const znode *node)
{
    fleet *f = &r->fleet;
    const char *text = world_path_text(&f->world, path);

    if (node->owner != 0) {
        fleet_fail(f, "%s is left, and its session is not", text);
    }
    for (int i = 0; i < r->generator_count; i++) {
        size_t length = strlen(r->generators[i].path);

        if (strncmp(text, r->generators[i].path, length) == 0 && text[length] == '/' && !stays(r, i, path)) {
            fleet_fail(f, "%s is left", text);
        }
    }
}

void ids_judge_leavings(run *r)
{
    const tree *t = ensemble_state(&r->fleet.ensemble);

    judge_marks(r);
    for (int path = 0; path < t->capacity; path++) {
        const znode *node = tree_find(t, path);

        if (node != NULL) {
            judge_leaving(r, path, node);
        }
    }
}

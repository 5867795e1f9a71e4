/*
 * Which worker's number to take: the lowest of those whose mark is in the past;
 * else one that nobody has had yet; else the one whose mark is the nearest, if
 * the calendar comes there soon. When all are leased, look again after a while.
 */
#include "ids_worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"

enum { AGAIN_LEAST_MS = 250, AGAIN_SPREAD_MS = 250 };

/* --- paths --- */

int corrali_worker_make_room(corrali_worker *worker)
{
    worker->room = strlen(worker->directory) + sizeof "/4294967295.lease";
    worker->mark_path = corrali_alloc(worker->room);
    worker->lease_path = corrali_alloc(worker->room);
    return worker->mark_path == NULL || worker->lease_path == NULL ? CORRAL_ENOMEM : CORRAL_OK;
}

void corrali_worker_name(corrali_snowflake *own, uint32_t number)
{
    corrali_worker *worker = &own->worker;

    worker->number = number;
    (void)snprintf(worker->mark_path, worker->room, "%s/%" PRIu32, worker->directory, number);
    (void)snprintf(worker->lease_path, worker->room, "%s.lease", worker->mark_path);
}

/* --- all are leased --- */

void corrali_worker_looks_again(corrali_timer *timer)
{
    corrali_worker *worker = CORRALI_CONTAINER(timer, corrali_worker, again);
    corrali_snowflake *own = CORRALI_CONTAINER(worker, corrali_snowflake, worker);

    worker->busy = false;
    if (!corrali_list_empty(&own->waiting)) {
        corrali_worker_choose_locked(own);
    }
}

static void look_again_later_locked(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;
    corral_client *client = corrali_snowflake_client(own);
    int64_t ms = AGAIN_LEAST_MS + (int64_t)(corrali_random_locked(client) % AGAIN_SPREAD_MS);

    worker->busy = true;
    if (corrali_timers_set(&client->timers, &worker->again, corrali_time_after_locked(client, ms)) !=
        CORRAL_OK) {
        worker->busy = false;
        corrali_snowflake_fail_locked(own, CORRAL_ENOMEM, NULL);
    }
}

/* --- some are free --- */

/*
 * All that are free have their marks in the future. By less than a window that is
 * how those leave them who crash, and the numbers are as good as taken until then.
 * Else, is the clock behind? Or has somebody taken the number since it was listed as
 * free, and moved its mark on? If the mark is still there when it has been listed as
 * free once more, nobody has.
 */
static void take_nearest_locked(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;
    bool seen_before = worker->nearest == worker->ahead && worker->nearest_ms == worker->ahead_ms;
    int64_t ms = worker->nearest_ms - corrali_calendar_ms_locked(corrali_snowflake_client(own));

    if (ms <= own->ids->options.clock_wait_ms) {
        corrali_worker_lease_locked(own, worker->nearest);
    } else if (ms <= CORRALI_WINDOW_MS) {
        look_again_later_locked(own);
    } else if (seen_before) {
        corrali_worker_name(own, worker->nearest);
        corrali_snowflake_fail_locked(own, CORRAL_ECLOCK, worker->mark_path);
    } else {
        worker->ahead = worker->nearest;
        worker->ahead_ms = worker->nearest_ms;
        corrali_worker_choose_locked(own);
    }
}

static void mark_read(corrali_snowflake *own, int status);

/* Look at the next one that is free. */
static void consider_locked(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;
    const corrali_roster *roster = &worker->roster;

    if (worker->next < roster->free_count) {
        corrali_worker_name(own, roster->free[(worker->start + worker->next++) % roster->free_count]);
        corrali_worker_read_locked(own, CORRALI_GET, worker->mark_path, mark_read);
    } else if (roster->has_fresh) {
        corrali_worker_lease_locked(own, roster->fresh);
    } else if (worker->has_nearest) {
        take_nearest_locked(own);
    } else {
        look_again_later_locked(own);
    }
}

static void mark_read(corrali_snowflake *own, int status)
{
    corrali_worker *worker = &own->worker;
    const corrali_request *reply = &worker->request;
    int64_t mark_ms = 0;

    if (worker->stopped) {
        return;
    }
    if (status == CORRAL_OK && !corrali_mark_parse(reply->data, reply->length, &mark_ms)) {
        status = CORRAL_ECORRUPT;
    }
    if (status != CORRAL_OK && status != CORRAL_ENOENT) {
        corrali_snowflake_fail_locked(own, status, worker->mark_path);
    } else if (mark_ms <= corrali_calendar_ms_locked(corrali_snowflake_client(own))) {
        corrali_worker_lease_locked(own, worker->number);
    } else {
        if (!worker->has_nearest || mark_ms < worker->nearest_ms) {
            worker->has_nearest = true;
            worker->nearest = worker->number;
            worker->nearest_ms = mark_ms;
        }
        consider_locked(own);
    }
}

/* --- the list --- */

static void directory_made(corrali_snowflake *own, int status)
{
    if (own->worker.stopped) {
        return;
    }
    if (status == CORRAL_OK || status == CORRAL_EEXIST) {
        corrali_worker_choose_locked(own);
    } else if (status == CORRAL_ENOENT) {
        corrali_snowflake_fail_locked(own, CORRAL_ECORRUPT, NULL); /* there is no generator any more */
    } else {
        corrali_snowflake_fail_locked(own, status, own->worker.directory);
    }
}

static void make_directory_locked(corrali_snowflake *own)
{
    corrali_worker_write_locked(
        own, &(corrali_write){.kind = CORRALI_CREATE, .path = own->worker.directory, .data = ""}, 1,
        directory_made);
}

/* @names are what is in the directory. */
static void choose_among_locked(corrali_snowflake *own, const char *const *names, size_t count)
{
    corrali_worker *worker = &own->worker;
    uint64_t random = corrali_random_locked(corrali_snowflake_client(own));

    corrali_roster_clear(&worker->roster);
    if (corrali_roster_read(&worker->roster, names, count, own->ids->config.worker_bits, random,
                            worker->spread) != CORRAL_OK) {
        corrali_snowflake_fail_locked(own, CORRAL_ENOMEM, worker->directory);
        return;
    }
    worker->crowded = worker->roster.free_count == 0 && !worker->roster.has_fresh;
    worker->start = random % worker->spread;
    worker->next = 0;
    worker->has_nearest = false;
    consider_locked(own);
}

static void listed(corrali_snowflake *own, int status)
{
    const corrali_request *reply = &own->worker.request;

    if (own->worker.stopped) {
        return;
    }
    if (status == CORRAL_OK) {
        choose_among_locked(own, reply->names, reply->length);
    } else if (status == CORRAL_ENOENT) {
        make_directory_locked(own);
    } else {
        corrali_snowflake_fail_locked(own, status, own->worker.directory);
    }
}

void corrali_worker_choose_locked(corrali_snowflake *own)
{
    corrali_worker_read_locked(own, CORRALI_CHILDREN, own->worker.directory, listed);
}

/*
 * A worker's number, once it is chosen: its lease is made, and its mark moved on.
 *
 * The tag in the lease, or in the mark, tells whether it was ours when the reply has been lost. Where that is
 * in doubt the number is given up, and another one is taken.
 */
#include "ids_worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* When the mark is moved on. */
enum { RENEW_MS = CORRALI_WINDOW_MS / 2 };

static void read_mark_locked(corrali_snowflake *own);

/* --- moving the mark --- */

/* It is where we wanted it to be. */
static void moved_locked(corrali_snowflake *own, const corrali_stat *stat)
{
    corrali_worker *worker = &own->worker;
    corral_client *client = corrali_snowflake_client(own);
    bool first = !worker->claimed;

    if (stat->czxid != worker->czxid) {
        corrali_worker_drop_locked(own, CORRAL_OK,
                                   NULL); /* somebody has made another one, of the same version */
        return;
    }
    worker->claimed = true;
    worker->mark_ms = worker->next_ms;
    worker->version = stat->version;
    if (corrali_worker_leave_locked(own)) {
        return;
    }
    corrali_timers_stop(&client->timers, &worker->renew);
    (void)corrali_timers_set(&client->timers, &worker->renew, corrali_time_after_locked(client, RENEW_MS));
    worker->seen = atomic_load(&own->last);
    if (first) {
        corrali_snowflake_open_locked(own, worker->number, worker->found_ms, worker->mark_ms);
    } else {
        corrali_snowflake_extend_locked(own, worker->mark_ms);
    }
}

static void mark_found(corrali_snowflake *own, int status)
{
    corrali_worker *worker = &own->worker;
    const corrali_request *reply = &worker->request;

    if (status == CORRAL_OK && corrali_reply_is(reply, worker->text)) {
        moved_locked(own, &reply->stat);
    } else {
        corrali_worker_drop_locked(own, CORRAL_OK, NULL);
    }
}

static void claimed(corrali_snowflake *own, int status)
{
    enum { LEASE, MARK };
    corrali_worker *worker = &own->worker;
    size_t failed = worker->request.failed;

    if (status == CORRAL_OK) {
        moved_locked(own, &worker->request.writes[MARK].stat);
    } else if (status == CORRAL_ECONFLICT && failed == MARK && worker->resent) {
        corrali_worker_read_locked(own, CORRALI_GET, worker->mark_path, mark_found);
    } else if (status == CORRAL_ENOENT || status == CORRAL_ECONFLICT) {
        corrali_worker_drop_locked(own, CORRAL_OK, NULL);
    } else {
        corrali_worker_drop_locked(own, status, worker->mark_path);
    }
}

void corrali_worker_claim_locked(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;
    int64_t now_ms = corrali_calendar_ms_locked(corrali_snowflake_client(own));
    int64_t from_ms = worker->claimed ? worker->mark_ms : worker->found_ms;

    if (from_ms >= own->end_ms || now_ms >= own->end_ms || worker->version == CORRALI_VERSION_ANY) {
        corrali_worker_drop_locked(own, CORRAL_EEXHAUSTED, worker->mark_path);
        return;
    }
    if (!worker->claimed && from_ms - now_ms > own->ids->options.clock_wait_ms) {
        /* The clock is before the epoch; or the mark was moved since it was chosen: then do so anew. */
        corrali_worker_drop_locked(own, from_ms == own->epoch_ms + 1 ? CORRAL_ECLOCK : CORRAL_OK,
                                   worker->mark_path);
        return;
    }
    worker->next_ms = (from_ms > now_ms ? from_ms : now_ms) + CORRALI_WINDOW_MS;
    worker->next_ms = worker->next_ms < own->end_ms ? worker->next_ms : own->end_ms;
    corrali_write writes[] = {
        {.kind = CORRALI_CHECK, .path = worker->lease_path, .version = CORRALI_VERSION_ANY},
        {.kind = CORRALI_SET,
         .path = worker->mark_path,
         .data = worker->text,
         .length = corrali_mark_spell(worker->next_ms, worker->tag, worker->text),
         .version = worker->version},
    };
    corrali_worker_write_locked(own, writes, 2, claimed);
}

/* --- the lease is made --- */

static void mark_made(corrali_snowflake *own, int status)
{
    if (corrali_worker_leave_locked(own)) {
        return;
    }
    if (status == CORRAL_OK || status == CORRAL_EEXIST) {
        read_mark_locked(own);
    } else {
        corrali_worker_drop_locked(own, status == CORRAL_ENOENT ? CORRAL_OK : status, own->worker.mark_path);
    }
}

static void make_mark_locked(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;

    corrali_worker_write_locked(own,
                                &(corrali_write){.kind = CORRALI_CREATE,
                                                 .path = worker->mark_path,
                                                 .data = worker->text,
                                                 .length = corrali_mark_spell(0, worker->tag, worker->text)},
                                1, mark_made);
}

static void mark_read(corrali_snowflake *own, int status)
{
    corrali_worker *worker = &own->worker;
    const corrali_request *reply = &worker->request;
    int64_t mark_ms = 0;

    if (corrali_worker_leave_locked(own)) {
        return;
    }
    if (status == CORRAL_ENOENT) {
        make_mark_locked(own);
    } else if (status != CORRAL_OK) {
        corrali_worker_drop_locked(own, status, worker->mark_path);
    } else if (!corrali_mark_parse(reply->data, reply->length, &mark_ms)) {
        corrali_worker_drop_locked(own, CORRAL_ECORRUPT, worker->mark_path);
    } else {
        /* The ms of the epoch stands for what was given out before there was anything. */
        worker->found_ms = mark_ms > own->epoch_ms ? mark_ms : own->epoch_ms + 1;
        worker->version = reply->stat.version;
        worker->czxid = reply->stat.czxid;
        corrali_worker_claim_locked(own);
    }
}

static void read_mark_locked(corrali_snowflake *own)
{
    corrali_worker_read_locked(own, CORRALI_GET, own->worker.mark_path, mark_read);
}

static void generator_read(corrali_snowflake *own, int status)
{
    const corrali_request *reply = &own->worker.request;
    corrali_ids_config config;
    int64_t number;

    if (corrali_worker_leave_locked(own)) {
        return;
    }
    if (status == CORRAL_OK && corrali_ids_config_parse(reply->data, reply->length, &config, &number) &&
        config.tag == own->ids->config.tag) {
        read_mark_locked(own);
    } else {
        corrali_worker_drop_locked(
            own, status == CORRAL_OK || status == CORRAL_ENOENT ? CORRAL_ECORRUPT : status, NULL);
    }
}

static void hold_locked(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;

    worker->held = true;
    worker->session = corrali_snowflake_client(own)->session_id;
    worker->spread = 1;
    if (!corrali_worker_leave_locked(own)) {
        /* Somebody may have made another generator since; one that is made from now on has no such lease. */
        corrali_worker_read_locked(own, CORRALI_GET, own->ids->path, generator_read);
    }
}

static void race_lost_locked(corrali_snowflake *own)
{
    enum { SPREAD_FACTOR = 8, SPREAD_MAX = 4096 };
    corrali_worker *worker = &own->worker;

    if (!worker->stopped) {
        worker->spread = worker->spread < SPREAD_MAX ? worker->spread * SPREAD_FACTOR : SPREAD_MAX;
        corrali_worker_choose_locked(own);
    }
}

static void lease_read(corrali_snowflake *own, int status)
{
    (void)status;
    if (corrali_worker_is_our_lease(own)) {
        hold_locked(own);
    } else {
        race_lost_locked(own);
    }
}

static void lease_made(corrali_snowflake *own, int status)
{
    corrali_worker *worker = &own->worker;

    if (status == CORRAL_OK) {
        hold_locked(own);
    } else if (status == CORRAL_EEXIST && worker->resent) {
        corrali_worker_read_locked(own, CORRALI_GET, worker->lease_path, lease_read);
    } else if (status == CORRAL_EEXIST || status == CORRAL_ENOENT) {
        race_lost_locked(own);
    } else {
        corrali_snowflake_fail_locked(own, status, worker->lease_path);
    }
}

void corrali_worker_lease_locked(corrali_snowflake *own, uint32_t number)
{
    corrali_worker *worker = &own->worker;

    corrali_worker_name(own, number);
    (void)snprintf(worker->tag, sizeof worker->tag, "%016" PRIx64,
                   corrali_random_locked(corrali_snowflake_client(own)));
    memcpy(worker->lease_text, worker->tag, strlen(worker->tag));
    corrali_worker_write_locked(own,
                                &(corrali_write){.kind = CORRALI_CREATE,
                                                 .path = worker->lease_path,
                                                 .data = worker->lease_text,
                                                 .length = strlen(worker->lease_text),
                                                 .ephemeral = true},
                                1, lease_made);
}

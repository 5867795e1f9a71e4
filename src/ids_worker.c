/*
 * The worker's number of a handle, from its choice on:
 *
 *     choose --> lease --> generator still the same? --> read the mark --> move it on --> ... --> give back
 *     (ids_worker_choose.c)                       (ids_worker_hold.c)                             (here)
 *
 * A request whose reply is lost is sent again until there is an answer.
 */
#include "ids_worker.h"

#include <string.h>

#include "alloc.h"

/* --- requests --- */

static void replied(corrali_request *request)
{
    corrali_worker *worker = CORRALI_CONTAINER(request, corrali_worker, request);
    corrali_snowflake *own = CORRALI_CONTAINER(worker, corrali_snowflake, worker);

    if (request->status == CORRAL_ELOST) {
        worker->resent = true;
        corrali_submit_locked(corrali_snowflake_client(own), request);
        return;
    }
    worker->busy = false;
    worker->step_locked(own, request->status);
    corrali_ids_drop_locked(own->ids);
}

static void submit_locked(corrali_snowflake *own, corrali_worker_step step_locked)
{
    corrali_worker *worker = &own->worker;

    worker->busy = true;
    worker->resent = false;
    worker->step_locked = step_locked;
    worker->request.done = replied;
    corrali_object_ref_locked(&own->ids->counter.object);
    corrali_submit_locked(corrali_snowflake_client(own), &worker->request);
}

void corrali_worker_read_locked(corrali_snowflake *own, corrali_request_kind kind, const char *path,
                                corrali_worker_step step_locked)
{
    own->worker.request.kind = kind;
    own->worker.request.path = path;
    submit_locked(own, step_locked);
}

void corrali_worker_write_locked(corrali_snowflake *own, const corrali_write *writes, size_t count,
                                 corrali_worker_step step_locked)
{
    corrali_request *request = &own->worker.request;

    request->kind = CORRALI_MULTI;
    request->write_count = count;
    memcpy(request->writes, writes, count * sizeof *writes);
    submit_locked(own, step_locked);
}

/* --- giving the number back --- */

static void yielded(corrali_snowflake *own, int status)
{
    corrali_worker *worker = &own->worker;

    (void)status; /* the session's end does it, too */
    worker->held = false;
    if (worker->stopped) {
        return;
    }
    if (worker->afterwards == CORRAL_OK) {
        corrali_worker_choose_locked(own);
    } else {
        corrali_snowflake_fail_locked(own, worker->afterwards, worker->about);
    }
}

bool corrali_worker_is_our_lease(const corrali_snowflake *own)
{
    const corrali_worker *worker = &own->worker;
    const corrali_request *reply = &worker->request;

    return reply->status == CORRAL_OK &&
           reply->stat.ephemeral_owner == corrali_snowflake_client(own)->session_id &&
           corrali_reply_is(reply, worker->lease_text);
}

static void yielding(corrali_snowflake *own, int status)
{
    if (!corrali_worker_is_our_lease(own)) {
        yielded(own, status);
        return;
    }
    corrali_worker_write_locked(own,
                                &(corrali_write){.kind = CORRALI_DELETE,
                                                 .path = own->worker.lease_path,
                                                 .version = CORRALI_VERSION_ANY},
                                1, yielded);
}

void corrali_worker_drop_locked(corrali_snowflake *own, int status, const char *about)
{
    own->worker.claimed = false;
    own->worker.afterwards = status;
    own->worker.about = about;
    corrali_worker_read_locked(own, CORRALI_GET, own->worker.lease_path, yielding);
}

static void released(corrali_snowflake *own, int status)
{
    if (status == CORRAL_OK) {
        own->worker.held = false;
    } else {
        corrali_worker_drop_locked(own, status, NULL);
    }
}

/* Let the next one begin where we have ended. */
static void release_locked(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;
    int64_t mark = worker->last_ms + 1 > worker->found_ms ? worker->last_ms + 1 : worker->found_ms;
    corrali_write writes[] = {
        {.kind = CORRALI_SET,
         .path = worker->mark_path,
         .data = worker->text,
         .length = corrali_mark_spell(mark, worker->tag, worker->text),
         .version = worker->version},
        {.kind = CORRALI_DELETE, .path = worker->lease_path, .version = CORRALI_VERSION_ANY},
    };

    corrali_worker_write_locked(own, writes, 2, released);
}

bool corrali_worker_leave_locked(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;

    if (!worker->stopped) {
        return false;
    }
    if (worker->held && worker->session == corrali_snowflake_client(own)->session_id) {
        if (worker->claimed) {
            release_locked(own);
        } else {
            corrali_worker_drop_locked(own, CORRAL_ECLOSED, NULL);
        }
    }
    return true;
}

/* --- for those who give numbers out --- */

void corrali_worker_want_locked(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;

    if (worker->busy || worker->stopped) {
        return;
    }
    if (worker->held && worker->session == corrali_snowflake_client(own)->session_id) {
        corrali_worker_claim_locked(own);
    } else {
        worker->held = false;
        worker->claimed = false;
        corrali_worker_choose_locked(own);
    }
}

/* Only who has used the window needs another one; nor is one needed while the clock has been set back. */
static void renews(corrali_timer *timer)
{
    corrali_worker *worker = CORRALI_CONTAINER(timer, corrali_worker, renew);
    corrali_snowflake *own = CORRALI_CONTAINER(worker, corrali_snowflake, worker);

    if (atomic_load(&own->last) != worker->seen &&
        worker->mark_ms - corrali_calendar_ms_locked(corrali_snowflake_client(own)) < CORRALI_WINDOW_MS) {
        corrali_worker_want_locked(own);
    }
}

void corrali_worker_stop_locked(corrali_snowflake *own, int64_t last_ms)
{
    corrali_worker *worker = &own->worker;
    corral_client *client = corrali_snowflake_client(own);

    if (worker->stopped) {
        return;
    }
    worker->stopped = true;
    worker->last_ms = last_ms;
    corrali_timers_stop(&client->timers, &worker->renew);
    if (worker->again.slot != 0) {
        corrali_timers_stop(&client->timers, &worker->again);
        worker->busy = false;
    }
    if (!worker->busy) {
        (void)corrali_worker_leave_locked(own);
    }
}

int corrali_worker_init(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;

    worker->spread = 1;
    worker->renew.fire = renews;
    worker->again.fire = corrali_worker_looks_again;
    worker->directory = corrali_asprintf("%s/workers", own->ids->path);
    worker->lease_text = corrali_asprintf("%0*d %s", CORRALI_TAG_LENGTH - 1, 0, own->ids->label);
    if (worker->directory == NULL || worker->lease_text == NULL) {
        return CORRAL_ENOMEM;
    }
    return corrali_worker_make_room(worker);
}

void corrali_worker_clear(corrali_snowflake *own)
{
    corrali_worker *worker = &own->worker;

    corrali_roster_clear(&worker->roster);
    corrali_free(worker->directory);
    corrali_free(worker->mark_path);
    corrali_free(worker->lease_path);
    corrali_free(worker->lease_text);
}

/* Waiting, and being first: what a contender watches. */
#include "alloc.h"
#include "contender.h"

/* A lock held, or waited for behind several, for less than this is not worth a watch on its znode. */
enum { OWN_WATCH_MS = 50 };

/* How often to look whether who is before us has gone, when its deletion may not be told to us. */
enum { LOOK_MS = 200 };

/* --- our own znode --- */

/* It was deleted by somebody, or is not ours: there is nothing to hold on to. */
void corrali_contender_missing_locked(corrali_contender *own)
{
    bool told = own->phase == CORRALI_CONTENDER_FIRST && !own->unproven;

    own->made = false;
    if (own->phase == CORRALI_CONTENDER_LEAVING) {
        return;
    }
    if (told) {
        own->class->lost_locked(own, CORRAL_ELOST);
    } else {
        corrali_contender_requeue_locked(own);
    }
}

static void watch_own_locked(corrali_contender *own);

static void own_looked(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, own);
    bool ours = request->status == CORRAL_OK && request->stat.ephemeral_owner == own->client->session_id;

    corrali_contender_begin_locked(own);
    own->own_busy = false;
    if (own->phase != CORRALI_CONTENDER_LEAVING && !own->restart) {
        if (request->status == CORRAL_ELOST) {
            watch_own_locked(own);
        } else if (ours) {
            own->own_armed = own->own_wire.site != NULL;
            if (!own->own_armed) {
                watch_own_locked(own); /* it has changed meanwhile */
            }
        } else if (request->status == CORRAL_OK || request->status == CORRAL_ENOENT) {
            corrali_contender_missing_locked(own);
        } else {
            corrali_contender_fail_locked(own, request->status, own->node);
        }
    }
    corrali_contender_end_locked(own);
}

static void watch_own_locked(corrali_contender *own)
{
    int status = own->own_wire.site != NULL ? CORRAL_OK
                                            : corrali_wire_lay_locked(own->client, &own->own_wire, own->node);

    if (status != CORRAL_OK && own->phase == CORRALI_CONTENDER_FIRST && !own->unproven) {
        return; /* what is held stays so: the pulse looks at it, too */
    }
    if (status != CORRAL_OK) {
        corrali_contender_fail_locked(own, status, own->node);
        return;
    }
    corrali_contender_own_locked(own, CORRALI_EXISTS, own->node, true, own_looked);
}

/* The same in a while, if we are still there then. */
static void watch_own_later_locked(corrali_contender *own)
{
    corral_client *client = own->client;

    corrali_timers_stop(&client->timers, &own->timer);
    if (!own->own_armed && !own->own_busy &&
        corrali_timers_set(&client->timers, &own->timer, corrali_time_after_locked(client, OWN_WATCH_MS)) !=
            CORRAL_OK) {
        watch_own_locked(own);
    }
}

static void own_tripped_locked(corrali_wire *wire, bool deleted)
{
    corrali_contender *own = CORRALI_CONTAINER(wire, corrali_contender, own_wire);

    corrali_contender_begin_locked(own);
    own->own_armed = false;
    if (deleted) {
        corrali_contender_missing_locked(own);
    } else if (!own->own_busy) {
        watch_own_locked(own);
    }
    corrali_contender_end_locked(own);
}

/* --- being first --- */

static void tell_first_locked(corrali_contender *own)
{
    int64_t margin_ms = own->contest->margin_ms;

    own->unproven = !corrali_pulse_fresh_locked(own->client, margin_ms);
    if (margin_ms > corrali_pulse_margin_max_ms(own->client)) {
        corrali_contender_fail_locked(own, CORRAL_EINVAL, own->contest->directory);
    } else if (own->unproven) {
        corrali_pulse_hurry_locked(own->client);
    } else {
        own->class->first_locked(own);
    }
}

static void proven_locked(corrali_pulse_user *user)
{
    corrali_contender *own = CORRALI_CONTAINER(user, corrali_contender, pulse);

    if (own->unproven) {
        corrali_contender_begin_locked(own);
        tell_first_locked(own);
        corrali_contender_end_locked(own);
    }
}

static void missing_locked(corrali_pulse_user *user)
{
    corrali_contender *own = CORRALI_CONTAINER(user, corrali_contender, pulse);

    corrali_contender_begin_locked(own);
    corrali_contender_missing_locked(own);
    corrali_contender_end_locked(own);
}

static void join_pulse_locked(corrali_contender *own)
{
    if (corrali_list_empty(&own->pulse.link)) {
        own->pulse.node = own->node;
        corrali_pulse_join_locked(own->client, &own->pulse);
    }
}

void corrali_contender_is_first_locked(corrali_contender *own)
{
    corrali_wire_cut_locked(&own->blocker_wire);
    own->phase = CORRALI_CONTENDER_FIRST;
    own->unproven = true;
    join_pulse_locked(own);
    watch_own_later_locked(own);
    tell_first_locked(own);
}

static void waited_locked(corrali_contender *own);

static void timer_fired(corrali_timer *timer)
{
    corrali_contender *own = CORRALI_CONTAINER(timer, corrali_contender, timer);

    corrali_contender_begin_locked(own);
    if (own->phase == CORRALI_CONTENDER_FIRST && !own->own_armed && !own->own_busy) {
        watch_own_locked(own);
    } else if (own->phase == CORRALI_CONTENDER_OUTSIDE) {
        corrali_contender_try_directory_locked(own);
    } else if (own->phase == CORRALI_CONTENDER_QUEUED) {
        waited_locked(own);
    } else if (own->phase == CORRALI_CONTENDER_LEAVING) {
        corrali_contender_search_again_locked(own);
    }
    corrali_contender_end_locked(own);
}

/* --- being behind --- */

static void blocker_gone_locked(corrali_contender *own)
{
    if (own->heir && own->own_armed) {
        corrali_contender_is_first_locked(own);
    } else {
        corrali_contender_list_locked(own);
    }
}

/*
 * A znode whose data we may not read: servers from 3.8.4 on, and older ones with
 * that fix, keep its watches' events from us. Its existence they tell to anybody
 * who asks, and so we ask now and then.
 */
static void look_later_locked(corrali_contender *own)
{
    corral_client *client = own->client;

    corrali_timers_stop(&client->timers, &own->timer);
    if (corrali_timers_set(&client->timers, &own->timer, corrali_time_after_locked(client, LOOK_MS)) !=
        CORRAL_OK) {
        corrali_contender_fail_locked(own, CORRAL_ENOMEM, own->blocker);
    }
}

static void blocker_looked(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, look);
    bool relook = own->relook;

    corrali_contender_begin_locked(own);
    own->look_busy = false;
    own->relook = false;
    if (own->phase == CORRALI_CONTENDER_QUEUED && !own->restart) {
        if (relook) {
            corrali_contender_list_locked(own); /* the wire that was laid for this look has gone */
        } else if (request->status == CORRAL_ELOST) {
            corrali_contender_look_locked(own, request->kind, own->blocker, blocker_looked);
        } else if (request->status == CORRAL_EACCES && request->kind == CORRALI_GET) {
            /* Whose data we may not read; its existence we may. It is not the first choice because where
             * the znode is gone already it leaves a watch that never fires. */
            corrali_contender_look_locked(own, CORRALI_EXISTS, own->blocker, blocker_looked);
        } else if (request->status == CORRAL_ENOENT) {
            corrali_wire_cut_locked(&own->blocker_wire);
            blocker_gone_locked(own);
        } else if (request->status != CORRAL_OK) {
            corrali_contender_fail_locked(own, request->status, own->blocker);
        } else {
            if (request->kind == CORRALI_EXISTS) {
                look_later_locked(own);
            }
            own->class->blocked_locked(own);
        }
    }
    corrali_contender_end_locked(own);
}

/* It is time for what was put off; what is under way sees to the rest. */
static void waited_locked(corrali_contender *own)
{
    if (!own->own_armed && !own->own_busy) {
        watch_own_locked(own);
    }
    if (own->look.kind == CORRALI_EXISTS && !own->look_busy) {
        corrali_contender_look_locked(own, CORRALI_EXISTS, own->blocker, blocker_looked);
    }
}

static void blocker_tripped_locked(corrali_wire *wire, bool deleted)
{
    corrali_contender *own = CORRALI_CONTAINER(wire, corrali_contender, blocker_wire);

    corrali_contender_begin_locked(own);
    if (own->look_busy) {
        own->relook = true;
    } else if (own->phase != CORRALI_CONTENDER_QUEUED) {
        /* A semaphore's directory, while we adopt a znode or stand back: it is listed later anyway. */
    } else if (deleted) {
        blocker_gone_locked(own);
    } else {
        corrali_contender_list_locked(own);
    }
    corrali_contender_end_locked(own);
}

int corrali_contender_lay_locked(corrali_contender *own, const char *path)
{
    corrali_wire_cut_locked(&own->blocker_wire);
    return corrali_wire_lay_locked(own->client, &own->blocker_wire, path);
}

void corrali_contender_is_behind_one_locked(corrali_contender *own)
{
    own->phase = CORRALI_CONTENDER_QUEUED;
    own->heir = false;
    watch_own_later_locked(own);
    own->class->blocked_locked(own);
}

void corrali_contender_is_crowded_locked(corrali_contender *own)
{
    own->phase = CORRALI_CONTENDER_QUEUED; /* and the listing has left a watch */
    if (!own->own_armed && !own->own_busy) {
        watch_own_locked(own);
    }
    own->class->blocked_locked(own);
}

void corrali_contender_is_behind_locked(corrali_contender *own, const char *name, bool only)
{
    int status = CORRAL_ENOMEM;

    own->phase = CORRALI_CONTENDER_QUEUED;
    corrali_timers_stop(&own->client->timers, &own->timer);
    corrali_free(own->blocker);
    own->blocker = corrali_asprintf("%s/%s", own->contest->directory, name);
    if (own->blocker != NULL) {
        status = corrali_contender_lay_locked(own, own->blocker);
    }
    if (status != CORRAL_OK) {
        corrali_contender_fail_locked(own, status, own->contest->directory);
        return;
    }
    /* Curator's writers turn into readers of the same number: in a read/write lock it is always listed again.
     */
    own->heir = only && own->contest->kind->scheme != CORRALI_SCHEME_READ_WRITE;
    if (own->heir) {
        if (!own->own_armed && !own->own_busy) {
            watch_own_locked(own); /* before the other: its events come first, too */
        }
        join_pulse_locked(own);
    } else {
        watch_own_later_locked(own);
    }
    corrali_contender_look_locked(own, CORRALI_GET, own->blocker, blocker_looked);
}

void corrali_contender_init_wait(corrali_contender *own)
{
    own->timer.fire = timer_fired;
    own->pulse.proven_locked = proven_locked;
    own->pulse.missing_locked = missing_locked;
    corrali_list_init(&own->pulse.link);
    corrali_wire_init(&own->blocker_wire, blocker_tripped_locked);
    corrali_wire_init(&own->own_wire, own_tripped_locked);
}

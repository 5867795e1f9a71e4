/* Leaving: what was made is deleted, in whatever session, until a server says that it is gone. */
#include "contender.h"

/*
 * How long a server keeps a connection on which it hears nothing, beyond the
 * session timeout: it looks at intervals of as much. And how often we search
 * meanwhile.
 */
enum { LINGER_MS = 10000, SEARCHES = 4 };

static void delete_locked(corrali_contender *own, const char *path, void (*done)(corrali_request *))
{
    own->change.write_count = 1;
    own->change.writes[0] =
        (corrali_write){.kind = CORRALI_DELETE, .path = path, .version = CORRALI_VERSION_ANY};
    corrali_contender_change_locked(own, done);
}

/* Whether a deletion has come to an end, as it is or not. */
static bool deletion_ended(corrali_contender *own, int status)
{
    if (status == CORRAL_ELOST) {
        return false;
    }
    if (status != CORRAL_OK && status != CORRAL_ENOENT) {
        own->leave_status = status; /* it goes when the session ends */
    }
    return true;
}

/* --- a lost reply's --- */

static void extra_deleted(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, change);

    corrali_contender_begin_locked(own);
    own->change_busy = false;
    if (own->extra_count > 0 && deletion_ended(own, request->status)) {
        own->extra_count--;
    }
    corrali_contender_end_locked(own);
}

void corrali_contender_drop_extra_locked(corrali_contender *own)
{
    if (own->extra_count == 0) {
        return;
    }
    corrali_contender_spell(own, own->extras[own->extra_count - 1], own->extra_node);
    delete_locked(own, own->extra_node, extra_deleted);
}

/* --- was there one? --- */

static void found(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, look);

    corrali_contender_begin_locked(own);
    own->look_busy = false;
    if (request->status != CORRAL_ELOST) {
        corrali_contender_collect_locked(own, request->names,
                                         request->status == CORRAL_OK ? request->length : 0);
        own->doubtful = own->extra_count == CORRALI_EXTRAS_MAX; /* there may be more */
    }
    corrali_contender_end_locked(own);
}

static void agreed(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, change);

    corrali_contender_begin_locked(own);
    own->change_busy = false;
    if (request->status == CORRAL_ECLOSED) {
        own->doubtful = false; /* with the session goes the znode */
        own->haunted_until = 0;
    } else if (request->status != CORRAL_ELOST && own->doubtful && !own->look_busy) {
        corrali_contender_look_locked(own, CORRALI_CHILDREN, own->contest->directory, found);
    }
    corrali_contender_end_locked(own);
}

/* A quorum first: a server that lags could hide it. */
static void search_locked(corrali_contender *own)
{
    if (own->haunted_until <= corrali_now_locked(own->client)) {
        own->haunted_until = 0; /* this is the last one */
    }
    corrali_contender_ask_quorum_locked(own, agreed);
}

/* --- ours --- */

static void deleted(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, change);

    corrali_contender_begin_locked(own);
    own->change_busy = false;
    if (deletion_ended(own, request->status)) {
        own->made = false;
    }
    corrali_contender_end_locked(own);
}

/* --- one that comes later --- */

void corrali_contender_haunt_locked(corrali_contender *own)
{
    corral_client *client = own->client;

    own->doubtful = true;
    if (!client->closing) { /* then the session is next */
        own->haunted_until = corrali_time_after_locked(client, client->session_timeout_ms + LINGER_MS);
    }
}

void corrali_contender_search_again_locked(corrali_contender *own)
{
    own->doubtful = true;
}

static void wait_locked(corrali_contender *own)
{
    corral_client *client = own->client;
    int64_t when = corrali_time_after_locked(client, client->session_timeout_ms / SEARCHES);

    when = when < own->haunted_until ? when : own->haunted_until;
    if (own->timer.slot == 0 && corrali_timers_set(&client->timers, &own->timer, when) != CORRAL_OK) {
        search_locked(own); /* too often is safe */
    }
}

void corrali_contender_leave_step_locked(corrali_contender *own)
{
    if (own->change_busy) {
        return;
    }
    if (own->made) {
        delete_locked(own, own->node, deleted);
    } else if (own->extra_count > 0) {
        corrali_contender_drop_extra_locked(own);
    } else if (own->doubtful && !own->look_busy) {
        search_locked(own);
    } else if (own->haunted_until != 0 && !own->look_busy) {
        wait_locked(own);
    }
}

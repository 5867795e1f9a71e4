#include "contender.h"

#include <stdio.h>
#include <string.h>

#include "alloc.h"

/* --- outstanding requests --- */

static bool quiet(const corrali_contender *own)
{
    return !own->change_busy && !own->look_busy && !own->own_busy && !own->making_parents;
}

void corrali_contender_change_locked(corrali_contender *own, void (*done)(corrali_request *))
{
    own->change.done = done;
    own->change_busy = true;
    corrali_submit_locked(own->client, &own->change);
}

void corrali_contender_look_locked(corrali_contender *own, corrali_request_kind kind, const char *path,
                                   void (*done)(corrali_request *))
{
    own->look.kind = kind;
    own->look.path = path;
    own->look.watch = own->blocker_wire.site != NULL;
    own->look.done = done;
    own->look_busy = true;
    corrali_submit_locked(own->client, &own->look);
}

void corrali_contender_own_locked(corrali_contender *own, corrali_request_kind kind, const char *path,
                                  bool watch, void (*done)(corrali_request *))
{
    own->own.kind = kind;
    own->own.path = path;
    own->own.watch = watch;
    own->own.done = done;
    own->own_busy = true;
    corrali_submit_locked(own->client, &own->own);
}

static void withdraw_locked(corrali_contender *own, corrali_request *request, bool *busy)
{
    if (*busy && corrali_withdraw_locked(own->client, request)) {
        *busy = false;
    }
}

/* Forget what was known of who is before us, and of our own znode. */
static void disarm_locked(corrali_contender *own)
{
    corrali_wire_cut_locked(&own->blocker_wire);
    corrali_wire_cut_locked(&own->own_wire);
    corrali_pulse_leave_locked(own->client, &own->pulse);
    corrali_timers_stop(&own->client->timers, &own->timer);
    own->own_armed = false;
    own->heir = false;
    own->relook = false;
    own->unproven = false;
    withdraw_locked(own, &own->change, &own->change_busy);
    withdraw_locked(own, &own->look, &own->look_busy);
    withdraw_locked(own, &own->own, &own->own_busy);
}

void corrali_contender_fail_locked(corrali_contender *own, int status, const char *path)
{
    if (own->phase != CORRALI_CONTENDER_LEAVING && own->failure == CORRAL_OK) {
        own->failure = status;
        own->failure_path = corrali_strdup(path); /* without memory it is the directory's */
    }
}

void corrali_contender_requeue_locked(corrali_contender *own)
{
    disarm_locked(own);
    own->restart = true;
}

static void progress_locked(corrali_contender *own)
{
    if (own->phase == CORRALI_CONTENDER_LEAVING) {
        corrali_contender_leave_step_locked(own);
    } else if (own->failure != CORRAL_OK) {
        own->class->failed_locked(own, own->failure,
                                  own->failure_path == NULL ? own->contest->directory : own->failure_path);
    } else if (own->restart && quiet(own) && own->extra_count > 0) {
        corrali_contender_drop_extra_locked(own); /* under another name they would not be found any more */
    } else if (own->restart && quiet(own)) {
        own->restart = false;
        own->made = false;
        corrali_contender_enter_locked(own);
    } else if (own->phase == CORRALI_CONTENDER_ENTERING && quiet(own) && !own->made) {
        if (own->homeless) {
            corrali_contender_make_directory_locked(own);
        } else {
            corrali_contender_enter_locked(own); /* the reply was lost */
        }
    } else if (!own->restart && own->phase >= CORRALI_CONTENDER_QUEUED && !own->change_busy) {
        corrali_contender_drop_extra_locked(own);
    }
}

void corrali_contender_begin_locked(corrali_contender *own)
{
    own->in_event = true;
}

void corrali_contender_end_locked(corrali_contender *own)
{
    progress_locked(own);
    if (own->phase == CORRALI_CONTENDER_LEAVING) {
        corrali_contender_leave_step_locked(own); /* what was just told has made it so */
    }
    own->in_event = false;
    if (own->phase != CORRALI_CONTENDER_LEAVING || own->change_busy || own->made || own->doubtful ||
        own->extra_count > 0) {
        return;
    }
    if (!own->left) {
        own->left = true;
        corrali_contest_forget(own->contest);
        own->class->left_locked(own, own->leave_status);
    }
    if (quiet(own) && own->haunted_until == 0) {
        corrali_list_remove(&own->link);
        own->class->gone_locked(own); /* and @own may be freed */
    }
}

void corrali_contender_spell(const corrali_contender *own, uint32_t sequence, char *node)
{
    memcpy(node, own->prefix, own->prefix_length);
    (void)snprintf(node + own->prefix_length, CORRALI_SEQUENCE_SIZE, "%010u", (unsigned)sequence);
}

void corrali_contender_name_locked(corrali_contender *own, uint32_t sequence)
{
    own->sequence = sequence;
    corrali_contender_spell(own, sequence, own->node);
    own->made = true;
}

void corrali_contender_ask_quorum_locked(corrali_contender *own, void (*done)(corrali_request *))
{
    own->change.write_count = 1;
    own->change.writes[0] =
        (corrali_write){.kind = CORRALI_CHECK, .path = "/", .version = CORRALI_VERSION_ANY};
    corrali_contender_change_locked(own, done);
}

/* --- life --- */

int corrali_contender_init_locked(corrali_contender *own, const corrali_contender_class *class,
                                  corral_client *client, corrali_contest *contest)
{
    size_t directory = strlen(contest->directory);
    size_t size = directory + 1 + CORRALI_LOCK_PREFIX_SIZE + CORRALI_SEQUENCE_SIZE;

    memset(own, 0, sizeof *own);
    own->prefix = corrali_alloc(3 * size);
    if (own->prefix == NULL) {
        return CORRAL_ENOMEM;
    }
    own->node = own->prefix + size;
    own->extra_node = own->node + size;
    memcpy(own->prefix, contest->directory, directory);
    own->prefix[directory] = '/';
    own->class = class;
    own->client = client;
    own->contest = contest;
    own->change.kind = CORRALI_MULTI;
    corrali_list_init(&own->link);
    corrali_contender_init_wait(own);
    return CORRAL_OK;
}

void corrali_contender_start_locked(corrali_contender *own)
{
    corrali_list_append(&own->client->contenders, &own->link);
    corrali_contender_enter_locked(own);
}

void corrali_contender_leave_locked(corrali_contender *own)
{
    bool nested = own->in_event;

    if (own->phase == CORRALI_CONTENDER_LEAVING) {
        return;
    }
    own->phase = CORRALI_CONTENDER_LEAVING;
    disarm_locked(own);
    if (!nested) {
        corrali_contender_begin_locked(own);
        corrali_contender_end_locked(own);
    }
}

void corrali_contender_destroy(corrali_contender *own)
{
    corrali_free(own->prefix);
    corrali_free(own->blocker);
    corrali_free(own->failure_path);
}

/* --- the session's end --- */

/* A session that has ended leaves nothing. */
static void exorcise_locked(corrali_contender *own)
{
    own->doubtful = false;
    own->extra_count = 0;
    own->void_creation = own->change_busy && !own->change.held;
}

static void end_locked(corrali_contender *own, int status)
{
    corrali_contender_begin_locked(own);
    if (status == CORRAL_ELOST) {
        exorcise_locked(own);
    }
    own->haunted_until = 0; /* also of a client that closes: its session is next */
    if (own->phase == CORRALI_CONTENDER_LEAVING) {
        corrali_timers_stop(&own->client->timers, &own->timer);
    } else if (own->phase == CORRALI_CONTENDER_FIRST && !own->unproven) {
        own->class->lost_locked(own, status);
    } else if (status == CORRAL_ELOST) {
        corrali_contender_requeue_locked(own);
    } else {
        corrali_contender_fail_locked(own, status, own->contest->directory);
    }
    corrali_contender_end_locked(own);
}

void corrali_contenders_end_locked(corral_client *client, int status)
{
    corrali_link all;
    corrali_link *link;

    corrali_list_init(&all);
    corrali_list_prepend_all(&all, &client->contenders);
    while ((link = corrali_list_pop(&all)) != NULL) {
        corrali_list_append(&client->contenders, link);
        end_locked(CORRALI_CONTAINER(link, corrali_contender, link), status);
    }
}

void corrali_contenders_suspended_locked(corral_client *client)
{
    for (corrali_link *link = client->contenders.next; link != &client->contenders; link = link->next) {
        CORRALI_CONTAINER(link, corrali_contender, link)->heir = false; /* it is to list again */
    }
}

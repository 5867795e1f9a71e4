/* Entering: making the znode, finding it again after a lost reply, and reading who is there. */
#include <string.h>

#include "alloc.h"
#include "contender.h"

/* --- the listing --- */

static void listed(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, look);
    bool relook = own->relook;
    bool wanted = (own->made || own->searching) && !own->restart && own->failure == CORRAL_OK &&
                  (own->phase == CORRALI_CONTENDER_ENTERING || own->phase == CORRALI_CONTENDER_QUEUED);

    corrali_contender_begin_locked(own);
    own->look_busy = false;
    own->relook = false;
    if (!wanted) {
        /* Entering, it is for the creation's reply to say how to go on; else there is no need any more. */
    } else if (request->status == CORRAL_OK) {
        corrali_contender_read_locked(own, request->names, request->length);
        if (relook && own->phase == CORRALI_CONTENDER_QUEUED && !own->look_busy && !own->restart) {
            corrali_contender_list_locked(own);
        }
    } else if (request->status == CORRAL_ENOENT) {
        corrali_contender_missing_locked(own);
    } else if (request->status == CORRAL_ELOST) {
        corrali_contender_list_locked(own);
    } else {
        corrali_contender_fail_locked(own, request->status, own->contest->directory);
    }
    corrali_contender_end_locked(own);
}

/* --- a lost reply's znode --- */

static void adopted(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, own);
    bool ours = request->status == CORRAL_OK && request->stat.ephemeral_owner == own->client->session_id;

    corrali_contender_begin_locked(own);
    own->own_busy = false;
    if (own->phase != CORRALI_CONTENDER_ADOPTING || own->restart) {
        /* Left, or to be entered anew. */
    } else if (request->status == CORRAL_ELOST) {
        corrali_contender_adopt_locked(own);
    } else if (ours) {
        own->czxid = request->stat.czxid;
        own->phase = CORRALI_CONTENDER_ENTERING; /* who else is there has not been looked at yet */
        corrali_contender_list_locked(own);
    } else {
        corrali_contender_disown_locked(own);
    }
    corrali_contender_end_locked(own);
}

void corrali_contender_adopt_locked(corrali_contender *own)
{
    own->phase = CORRALI_CONTENDER_ADOPTING;
    corrali_contender_own_locked(own, CORRALI_EXISTS, own->node, false, adopted);
}

/* --- entering --- */

/* A quorum has answered: the listing behind it shows what lost replies have made. */
static void searched(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, change);

    corrali_contender_begin_locked(own);
    own->change_busy = false;
    own->searching = request->status != CORRAL_ELOST;
    corrali_contender_end_locked(own);
}

static void created(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, change);
    const corrali_write *made = &request->writes[0];

    corrali_contender_begin_locked(own);
    own->change_busy = false;
    if (request->status == CORRAL_OK) {
        corrali_contender_name_locked(own, (uint32_t)made->sequence);
        own->czxid = made->stat.czxid;
    } else if (request->status == CORRAL_ELOST) {
        if (!own->void_creation) {
            corrali_contender_haunt_locked(own);
        }
        own->doubts++;
    } else if (request->status == CORRAL_ENOENT) {
        own->homeless = true;
    } else if (request->status == CORRAL_EEXIST) {
        /* The directory's numbers have run out. */
        corrali_contender_fail_locked(own, CORRAL_EEXHAUSTED, own->contest->directory);
    } else {
        corrali_contender_fail_locked(own, request->status, own->contest->directory);
    }
    corrali_contender_end_locked(own);
}

bool corrali_contest_admits(const corrali_contest *contest, const corrali_request *reply)
{
    corrali_lock_scheme scheme =
        contest->directory == contest->root ? contest->kind->scheme : CORRALI_SCHEME_SEMAPHORE;

    return corrali_lock_names_fit(reply->names, reply->length, scheme);
}

bool corrali_contest_fits(const corrali_contest *contest, const corrali_request *reply)
{
    return reply->length == 0 || corrali_reply_is(reply, contest->data);
}

/* A directory of locks holds no data; a counter does, and a semaphore of ours. */
static void root_looked(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, own);

    corrali_contender_begin_locked(own);
    own->own_busy = false;
    if (request->status == CORRAL_OK && !corrali_contest_fits(own->contest, request)) {
        corrali_contender_fail_locked(own, CORRAL_ECONFLICT, own->contest->root);
    } else if (request->status == CORRAL_OK) {
        own->contest->checked = own->contest->data[0] == '\0';
    }
    corrali_contender_end_locked(own);
}

/*
 * A semaphore's root, with our lease below it: who has come there for another
 * kind of lock since we looked, and before the directories were made, is in this
 * listing. Whoever comes later sees them.
 */
static void neighbours_listed(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, own);

    corrali_contender_begin_locked(own);
    own->own_busy = false;
    if (request->status == CORRAL_OK && !corrali_contest_admits(own->contest, request)) {
        corrali_contender_fail_locked(own, CORRAL_ECONFLICT, own->contest->root);
    }
    corrali_contender_end_locked(own);
}

/* Of a semaphore, the gate has looked at the data already. */
static void check_root_locked(corrali_contender *own)
{
    if (own->contest->permits > 0) {
        corrali_contender_own_locked(own, CORRALI_CHILDREN, own->contest->root, false, neighbours_listed);
    } else {
        corrali_contender_own_locked(own, CORRALI_GET, own->contest->root, false, root_looked);
    }
}

void corrali_contender_list_locked(corrali_contender *own)
{
    corrali_wire_cut_locked(&own->blocker_wire);
    if (own->contest->permits > 0) {
        int status = corrali_contender_lay_locked(own, own->contest->directory);

        if (status != CORRAL_OK) {
            corrali_contender_fail_locked(own, status, own->contest->directory);
            return;
        }
    }
    if (!own->contest->checked && !own->own_busy && own->phase == CORRALI_CONTENDER_ENTERING) {
        check_root_locked(own);
    }
    corrali_contender_look_locked(own, CORRALI_CHILDREN, own->contest->directory, listed);
}

static void create_locked(corrali_contender *own)
{
    own->change.write_count = 1;
    own->change.writes[0] = (corrali_write){.kind = CORRALI_CREATE,
                                            .path = own->prefix,
                                            .data = own->contest->label,
                                            .length = strlen(own->contest->label),
                                            .ephemeral = true,
                                            .sequential = true};
    corrali_contender_change_locked(own, created);
}

/* --- behind one who is known already --- */

static void glanced(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, look);
    /* In a directory that was made anew meanwhile it may have come back, behind us. */
    bool ahead = request->status == CORRAL_OK && request->stat.czxid < own->czxid && !own->relook;

    corrali_contender_begin_locked(own);
    own->look_busy = false;
    own->relook = false;
    if (own->phase != CORRALI_CONTENDER_ENTERING || !own->made || own->restart || own->failure != CORRAL_OK) {
        /* As of a listing. */
    } else if (!ahead) {
        corrali_contender_list_locked(own);
    } else if (!corrali_contender_stand_back_locked(own, true)) {
        corrali_contender_is_behind_one_locked(own);
    }
    corrali_contender_end_locked(own);
}

/*
 * Who was last when we were first is before us now, if it is there still. Then
 * who else is need not be known until it is gone. It is the nearest as long as
 * nobody came between, so this is for who enters before the znode from then
 * has gone: whoever was first after us has seen us enter, as a rule, and watches
 * another one later. False: it is to be listed.
 */
static bool glance_locked(corrali_contender *own)
{
    if (own->contest->tail == NULL || own->doubtful ||
        corrali_contender_lay_locked(own, own->contest->tail) != CORRAL_OK) {
        return false;
    }
    corrali_free(own->blocker);
    own->blocker = own->contest->tail;
    own->contest->tail = NULL;
    corrali_contender_look_locked(own, CORRALI_GET, own->blocker, glanced);
    return true;
}

void corrali_contest_forget(corrali_contest *contest)
{
    corrali_free(contest->tail);
    contest->tail = NULL;
}

void corrali_contender_enter_locked(corrali_contender *own)
{
    corral_client *client = own->client;
    size_t directory = strlen(own->contest->directory);

    /* Others of ours, made or still to come, are found again by the same GUID. */
    own->doubtful = own->doubtful || own->haunted_until != 0;
    if (!own->doubtful) {
        uint64_t high = corrali_random_locked(client);
        uint64_t low = corrali_random_locked(client);

        corrali_lock_prefix(own->contest->kind, high, low, own->prefix + directory + 1);
        own->prefix_length = strlen(own->prefix);
        own->doubts = 0;
    }
    own->phase = CORRALI_CONTENDER_ENTERING;
    own->homeless = false;
    own->searching = false;
    own->listed = false;
    own->void_creation = false;
    if (own->doubts < CORRALI_EXTRAS_MAX) {
        create_locked(own);
    } else {
        corrali_contender_ask_quorum_locked(own, searched);
    }
    if (!glance_locked(own)) {
        corrali_contender_list_locked(own);
    }
}

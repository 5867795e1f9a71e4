/*
 * The directory: a container, so that it goes away when nobody contends. Its
 * numbers are a signed int32, and when they have run out no znode can be made
 * in it any more. So from the middle on contenders stand back: they withdraw
 * their znodes, and try to delete the directory instead, until those in it have
 * left. The next one begins at 0.
 */
#include <string.h>

#include "contender.h"
#include "mkdirs.h"

/* Numbers from here on are not used; from there on it is too late. */
enum { WORN = 1 << 30 };
#define SPENT (UINT32_C(0x7fffffff) - (1 << 20))

/* Before it is tried again to delete it: longer each time, so many times. */
enum { STAND_BACK_MIN_MS = 20, STAND_BACK_MAX_MS = 100, STAND_BACK_DOUBLED = 4 };

/* --- making it --- */

static void directory_made(corrali_request *request);

static void make_locked(corrali_contender *own, const char *path)
{
    const char *data = path == own->contest->root ? own->contest->data : "";

    own->making = path;
    own->change.write_count = 1;
    own->change.writes[0] = (corrali_write){
        .kind = CORRALI_CREATE, .path = path, .data = data, .length = strlen(data), .container = true};
    corrali_contender_change_locked(own, directory_made);
}

static void parents_made(void *arg, int status, const char *path)
{
    corrali_contender *own = arg;

    corrali_contender_begin_locked(own);
    own->making_parents = false;
    if (status != CORRAL_OK) {
        corrali_contender_fail_locked(own, status, path);
    } else if (own->phase == CORRALI_CONTENDER_OUTSIDE) {
        make_locked(own, own->making);
    }
    corrali_contender_end_locked(own);
}

static void make_parents_locked(corrali_contender *own)
{
    if (own->making != own->contest->root) {
        make_locked(own, own->contest->root);
        return;
    }
    own->making_parents = true;
    if (corrali_mkdirs_locked(own->client, own->making, SIZE_MAX, parents_made, own) != CORRAL_OK) {
        own->making_parents = false;
        corrali_contender_fail_locked(own, CORRAL_ENOMEM, own->making);
    }
}

static void directory_made(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, change);

    corrali_contender_begin_locked(own);
    own->change_busy = false;
    if (own->phase != CORRALI_CONTENDER_OUTSIDE || own->restart) {
        /* Left, or to be entered anew. */
    } else if (request->status == CORRAL_ELOST) {
        make_locked(own, own->making);
    } else if (request->status == CORRAL_ENOENT) {
        make_parents_locked(own);
    } else if (request->status != CORRAL_OK && request->status != CORRAL_EEXIST) {
        corrali_contender_fail_locked(own, request->status, own->making);
    } else if (own->making != own->contest->directory) {
        make_locked(own, own->contest->directory);
    } else {
        corrali_contender_enter_locked(own);
    }
    corrali_contender_end_locked(own);
}

/* A semaphore's directories: not beside the znodes of another kind of lock, which they would keep others
 * from. */
static void root_listed(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, own);

    corrali_contender_begin_locked(own);
    own->own_busy = false;
    if (own->phase != CORRALI_CONTENDER_OUTSIDE || own->restart) {
        /* Left, or to be entered anew. */
    } else if (request->status == CORRAL_ELOST) {
        corrali_contender_make_directory_locked(own);
    } else if (request->status == CORRAL_OK && !corrali_contest_admits(own->contest, request)) {
        corrali_contender_fail_locked(own, CORRAL_ECONFLICT, own->contest->root);
    } else {
        make_locked(own, own->contest->directory);
    }
    corrali_contender_end_locked(own);
}

void corrali_contender_make_directory_locked(corrali_contender *own)
{
    own->phase = CORRALI_CONTENDER_OUTSIDE;
    if (own->contest->directory == own->contest->root) {
        make_locked(own, own->contest->directory);
    } else {
        corrali_contender_own_locked(own, CORRALI_CHILDREN, own->contest->root, false, root_listed);
    }
}

/* --- making it anew --- */

static void withdraw_locked(corrali_contender *own, bool directory_too);

static void pause_locked(corrali_contender *own)
{
    corral_client *client = own->client;
    uint64_t range = (uint64_t)(STAND_BACK_MAX_MS - STAND_BACK_MIN_MS) << own->stood_back;
    int64_t ms = STAND_BACK_MIN_MS + (int64_t)(corrali_random_locked(client) % range);

    own->stood_back += own->stood_back < STAND_BACK_DOUBLED;
    if (corrali_timers_set(&client->timers, &own->timer, corrali_time_after_locked(client, ms)) !=
        CORRAL_OK) {
        corrali_contender_try_directory_locked(own);
    }
}

/* It could not be deleted. Has somebody else done so since, and made it anew? */
static void directory_looked(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, look);

    corrali_contender_begin_locked(own);
    own->look_busy = false;
    if (own->phase != CORRALI_CONTENDER_OUTSIDE || own->restart) {
        /* Left, or to be entered anew. */
    } else if (request->status == CORRAL_ENOENT ||
               (request->status == CORRAL_OK && request->stat.czxid > own->czxid)) {
        corrali_contender_enter_locked(own);
    } else {
        pause_locked(own);
    }
    corrali_contender_end_locked(own);
}

/* Is a znode of ours in it, of a creation that was lost and came after we had withdrawn? It has to go, too.
 */
static void orphans_looked(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, look);

    corrali_contender_begin_locked(own);
    own->look_busy = false;
    if (own->phase != CORRALI_CONTENDER_OUTSIDE || own->restart) {
        /* Left, or to be entered anew. */
    } else {
        corrali_contender_collect_locked(own, request->names,
                                         request->status == CORRAL_OK ? request->length : 0);
        if (own->extra_count > 0) {
            corrali_contender_name_locked(own, own->extras[--own->extra_count]);
            withdraw_locked(own, true);
        } else {
            corrali_contender_look_locked(own, CORRALI_EXISTS, own->contest->directory, directory_looked);
        }
    }
    corrali_contender_end_locked(own);
}

static void directory_tried(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, change);

    corrali_contender_begin_locked(own);
    own->change_busy = false;
    if (own->phase != CORRALI_CONTENDER_OUTSIDE || own->restart) {
        /* Left, or to be entered anew. */
    } else if (request->status == CORRAL_OK || request->status == CORRAL_ENOENT) {
        corrali_contender_enter_locked(own);
    } else if (request->status == CORRAL_ELOST) {
        corrali_contender_try_directory_locked(own);
    } else if (own->haunted_until != 0) {
        corrali_contender_look_locked(own, CORRALI_CHILDREN, own->contest->directory, orphans_looked);
    } else {
        corrali_contender_look_locked(own, CORRALI_EXISTS, own->contest->directory, directory_looked);
    }
    corrali_contender_end_locked(own);
}

void corrali_contender_try_directory_locked(corrali_contender *own)
{
    own->change.write_count = 1;
    own->change.writes[0] = (corrali_write){
        .kind = CORRALI_DELETE, .path = own->contest->directory, .version = CORRALI_VERSION_ANY};
    corrali_contender_change_locked(own, directory_tried);
}

static void withdrawn(corrali_request *request)
{
    corrali_contender *own = CORRALI_CONTAINER(request, corrali_contender, change);
    bool directory_too = request->write_count == 2;
    bool gone = request->status == CORRAL_OK || (request->status == CORRAL_ENOENT && request->failed == 0);

    corrali_contender_begin_locked(own);
    own->change_busy = false;
    if (gone) {
        own->made = false;
    }
    if (gone && own->extra_count > 0) {
        corrali_contender_name_locked(own, own->extras[--own->extra_count]); /* it has to go, too */
    }
    if (own->phase != CORRALI_CONTENDER_OUTSIDE || own->restart) {
        /* Left, or to be entered anew. */
    } else if (!own->made && directory_too) {
        corrali_contender_enter_locked(own);
    } else if (!own->made) {
        pause_locked(own);
    } else if (gone || request->status == CORRAL_ELOST) {
        withdraw_locked(own, directory_too);
    } else if (directory_too) {
        withdraw_locked(own, false); /* there are others in it, or we may not delete it */
    } else {
        corrali_contender_fail_locked(own, request->status, own->node);
    }
    corrali_contender_end_locked(own);
}

/* Delete our znode, and the directory in one with it, if it is the only one. */
static void withdraw_locked(corrali_contender *own, bool directory_too)
{
    own->change.write_count = directory_too ? 2 : 1;
    own->change.writes[0] =
        (corrali_write){.kind = CORRALI_DELETE, .path = own->node, .version = CORRALI_VERSION_ANY};
    own->change.writes[1] = (corrali_write){
        .kind = CORRALI_DELETE, .path = own->contest->directory, .version = CORRALI_VERSION_ANY};
    corrali_contender_change_locked(own, withdrawn);
}

bool corrali_contender_stand_back_locked(corrali_contender *own, bool others)
{
    if (own->sequence < WORN) {
        own->stood_back = 0;
        return false;
    }
    if (own->sequence >= SPENT) {
        corrali_contender_fail_locked(own, CORRAL_EEXHAUSTED, own->contest->directory);
        return true;
    }
    own->phase = CORRALI_CONTENDER_OUTSIDE;
    if (others) {
        own->class->blocked_locked(own);
    }
    if (own->phase == CORRALI_CONTENDER_OUTSIDE) {
        withdraw_locked(own, true);
    }
    return true;
}

#include "writer.h"

#include <inttypes.h>
#include <string.h>

#include "alloc.h"
#include "internal.h"
#include "mkdirs.h"

/* A lane's version must stay far from the end of its int32. */
enum { LANE_VERSION_MAX = 1 << 30 };

int corrali_writer_init(corral_client *client)
{
    corrali_writer *own = &client->writer;
    uint64_t high = corrali_random_locked(client);
    uint64_t low = corrali_random_locked(client);

    corrali_list_init(&own->free_lanes);
    corrali_list_init(&own->waiting);
    own->directory = corrali_asprintf("%s/writers/%016" PRIx64 "%016" PRIx64, client->home, high, low);
    own->live = own->directory == NULL ? NULL : corrali_asprintf("%s/live", own->directory);
    return own->live == NULL ? CORRAL_ENOMEM : CORRAL_OK;
}

static void free_lane(corrali_lane *lane)
{
    corrali_free(lane->path);
    corrali_free(lane);
}

void corrali_writer_destroy(corral_client *client)
{
    corrali_writer *own = &client->writer;

    /* A client that failed to open has not come to the lists. */
    while (own->free_lanes.next != NULL && !corrali_list_empty(&own->free_lanes)) {
        free_lane(CORRALI_CONTAINER(corrali_list_pop(&own->free_lanes), corrali_lane, link));
    }
    corrali_free(own->directory);
    corrali_free(own->live);
}

static void lend_locked(corral_client *client);
static void farewell_check_locked(corral_client *client);

/* --- borrowers --- */

static corrali_borrower *next_borrower_locked(corrali_writer *own)
{
    corrali_link *link = corrali_list_pop(&own->waiting);

    if (link == NULL) {
        return NULL;
    }
    own->waiting_count--;
    return CORRALI_CONTAINER(link, corrali_borrower, link);
}

static void refuse_all_locked(corral_client *client, int status, const char *path)
{
    corrali_borrower *borrower;

    while ((borrower = next_borrower_locked(&client->writer)) != NULL) {
        borrower->lent_locked(borrower, NULL, status, path);
    }
}

/* --- lanes --- */

static corrali_lane *new_lane(corral_client *client)
{
    corrali_writer *own = &client->writer;
    corrali_lane *lane = corrali_alloc(sizeof *lane);

    if (lane == NULL) {
        return NULL;
    }
    corrali_list_init(&lane->link);
    lane->client = client;
    lane->path = corrali_asprintf("%s/%" PRIu64, own->directory, own->next_lane);
    if (lane->path == NULL) {
        corrali_free(lane);
        return NULL;
    }
    own->next_lane++;
    own->lanes++;
    return lane;
}

/* There is no such znode, or we are not to delete it. */
static void drop_lane_locked(corrali_lane *lane)
{
    lane->client->writer.lanes--;
    free_lane(lane);
}

static corrali_write creation_of(const corrali_lane *lane)
{
    return (corrali_write){.kind = CORRALI_CREATE, .path = lane->path, .data = ""};
}

static void submit_lane_locked(corrali_lane *lane, corrali_write write, void (*done)(corrali_request *))
{
    lane->request.kind = CORRALI_MULTI;
    lane->request.done = done;
    lane->request.write_count = 1;
    lane->request.writes[0] = write;
    corrali_submit_locked(lane->client, &lane->request);
}

static void lane_deleted(corrali_request *request)
{
    corrali_lane *lane = CORRALI_CONTAINER(request, corrali_lane, request);
    corral_client *client = lane->client;

    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(client, request);
        return;
    }
    drop_lane_locked(lane);
    lend_locked(client);
    farewell_check_locked(client);
}

void corrali_lane_retire_locked(corrali_lane *lane)
{
    submit_lane_locked(
        lane, (corrali_write){.kind = CORRALI_DELETE, .path = lane->path, .version = CORRALI_VERSION_ANY},
        lane_deleted);
}

void corrali_lane_return_locked(corrali_lane *lane)
{
    corral_client *client = lane->client;

    if (client->closing || lane->version >= LANE_VERSION_MAX) {
        corrali_lane_retire_locked(lane);
        return;
    }
    /* The one used last first: the fewest lanes stay in use. */
    corrali_list_insert_before(client->writer.free_lanes.next, &lane->link);
    lend_locked(client);
}

static void lane_made(corrali_request *request)
{
    corrali_lane *lane = CORRALI_CONTAINER(request, corrali_lane, request);
    corral_client *client = lane->client;
    corrali_writer *own = &client->writer;

    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(client, request);
        return;
    }
    own->making--;
    if (request->status == CORRAL_OK || request->status == CORRAL_EEXIST) {
        /* EEXIST: our name is random, so an earlier attempt of ours was applied. */
        corrali_lane_return_locked(lane);
        return;
    }
    if (request->status == CORRAL_ENOENT) {
        corrali_writer_reset_locked(client);
        drop_lane_locked(lane);
        lend_locked(client);
    } else {
        refuse_all_locked(client, request->status, lane->path);
        drop_lane_locked(lane);
    }
    farewell_check_locked(client);
}

static void make_lane_locked(corrali_lane *lane)
{
    lane->client->writer.making++;
    submit_lane_locked(lane, creation_of(lane), lane_made);
}

/* --- registration: the directory, LIVE and a first lane --- */

static void registered_locked(corral_client *client, int status, const char *path)
{
    corrali_writer *own = &client->writer;
    corrali_lane *lane = own->first;

    own->first = NULL;
    own->state = CORRALI_WRITER_REGISTERED;
    if (status == CORRAL_OK) {
        corrali_lane_return_locked(lane);
    } else if (status == CORRAL_EEXIST) {
        /* Our name is random, so an earlier attempt of ours was applied: now
         * or long ago. If its session is gone, the barrier has renewed LIVE. */
        make_lane_locked(lane);
    } else {
        own->state = CORRALI_WRITER_NONE;
        drop_lane_locked(lane);
        refuse_all_locked(client, status, path);
    }
    if (own->state == CORRALI_WRITER_REGISTERED) {
        corrali_sweep_start_locked(client);
    }
    farewell_check_locked(client);
}

static void send_registration_locked(corral_client *client)
{
    corrali_writer *own = &client->writer;

    own->touched = true;
    corrali_submit_locked(client, &own->request);
}

static void parents_made(void *arg, int status, const char *path)
{
    corral_client *client = arg;

    if (status == CORRAL_OK) {
        send_registration_locked(client);
    } else {
        registered_locked(client, status, path);
    }
}

static void registration_done(corrali_request *request)
{
    corral_client *client = CORRALI_CONTAINER(request, corral_client, writer.request);
    corrali_writer *own = &client->writer;

    if (request->status == CORRAL_ELOST) {
        send_registration_locked(client);
    } else if (request->status != CORRAL_ENOENT) {
        registered_locked(client, request->status, own->directory);
    } else if (corrali_mkdirs_locked(client, own->directory, client->chroot_length, parents_made, client) !=
               CORRAL_OK) {
        registered_locked(client, CORRAL_ENOMEM, own->directory);
    }
}

static void register_locked(corral_client *client, corrali_lane *lane)
{
    corrali_writer *own = &client->writer;

    own->state = CORRALI_WRITER_REGISTERING;
    own->first = lane;
    own->request.kind = CORRALI_MULTI;
    own->request.done = registration_done;
    own->request.write_count = 3;
    own->request.writes[0] = (corrali_write){.kind = CORRALI_CREATE, .path = own->directory, .data = ""};
    own->request.writes[1] =
        (corrali_write){.kind = CORRALI_CREATE, .path = own->live, .data = "", .ephemeral = true};
    own->request.writes[2] = creation_of(lane);
    send_registration_locked(client);
}

void corrali_writer_reset_locked(corral_client *client)
{
    if (client->writer.state == CORRALI_WRITER_REGISTERED) {
        client->writer.state = CORRALI_WRITER_NONE;
    }
}

void corrali_writer_barrier_locked(corral_client *client)
{
    corrali_request *barrier = &client->barrier;

    barrier->write_count = 1;
    if (client->writer.touched) {
        barrier->writes[0] = (corrali_write){
            .kind = CORRALI_CREATE, .path = client->writer.live, .data = "", .ephemeral = true};
    } else {
        barrier->writes[0] =
            (corrali_write){.kind = CORRALI_CHECK, .path = "/", .version = CORRALI_VERSION_ANY};
    }
}

/* --- lending --- */

/* See to it that whoever waits will get a lane. CORRAL_ENOMEM: none will ever come. */
static int provide_locked(corral_client *client)
{
    corrali_writer *own = &client->writer;

    while (own->state != CORRALI_WRITER_REGISTERING && own->making < own->waiting_count &&
           own->lanes < CORRALI_LANES_MAX) {
        corrali_lane *lane = new_lane(client);

        if (lane == NULL) {
            return own->lanes == 0 ? CORRAL_ENOMEM : CORRAL_OK;
        }
        if (own->state == CORRALI_WRITER_NONE) {
            register_locked(client, lane);
        } else {
            make_lane_locked(lane);
        }
    }
    return CORRAL_OK;
}

/*
 * Lend to who waits, first come, first served. A borrower who gives its lane
 * back at once comes here again; the loop goes on then, not a recursion.
 */
static void lend_locked(corral_client *client)
{
    corrali_writer *own = &client->writer;

    if (own->lending) {
        return;
    }
    own->lending = true;
    while (!corrali_list_empty(&own->waiting) && !corrali_list_empty(&own->free_lanes)) {
        corrali_borrower *borrower = next_borrower_locked(own);
        corrali_link *link = corrali_list_pop(&own->free_lanes);

        borrower->lent_locked(borrower, CORRALI_CONTAINER(link, corrali_lane, link), CORRAL_OK, NULL);
    }
    own->lending = false;
    if (provide_locked(client) != CORRAL_OK) {
        refuse_all_locked(client, CORRAL_ENOMEM, own->directory);
    }
}

int corrali_lane_borrow_locked(corral_client *client, corrali_borrower *borrower, corrali_lane **ret_lane)
{
    corrali_writer *own = &client->writer;
    int status;

    *ret_lane = NULL;
    if (corrali_list_empty(&own->waiting) && !corrali_list_empty(&own->free_lanes)) {
        *ret_lane = CORRALI_CONTAINER(corrali_list_pop(&own->free_lanes), corrali_lane, link);
        return CORRAL_OK;
    }
    corrali_list_append(&own->waiting, &borrower->link);
    own->waiting_count++;
    status = provide_locked(client);
    if (status != CORRAL_OK) {
        corrali_lane_forget_locked(client, borrower);
    }
    return status;
}

void corrali_lane_forget_locked(corral_client *client, corrali_borrower *borrower)
{
    client->writer.waiting_count--;
    corrali_list_remove(&borrower->link);
}

/* --- farewell --- */

static void ask_to_delete_locked(corral_client *client, bool live_too)
{
    corrali_writer *own = &client->writer;
    size_t count = 0;

    if (live_too) {
        own->request.writes[count++] =
            (corrali_write){.kind = CORRALI_DELETE, .path = own->live, .version = CORRALI_VERSION_ANY};
    }
    own->request.writes[count++] =
        (corrali_write){.kind = CORRALI_DELETE, .path = own->directory, .version = CORRALI_VERSION_ANY};
    own->request.write_count = count;
    corrali_submit_locked(client, &own->request);
}

static void farewell_sent(corrali_request *request)
{
    corral_client *client = CORRALI_CONTAINER(request, corral_client, writer.request);
    bool live_too = request->write_count == 2;

    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(client, request);
    } else if (live_too && request->status == CORRAL_ENOENT && request->failed == 0) {
        /* LIVE is missing: an earlier attempt was applied, or its session had ended. */
        ask_to_delete_locked(client, false);
    } else if (!live_too && request->status == CORRAL_EEXIST) {
        /* A child: a new session has made LIVE again. */
        ask_to_delete_locked(client, true);
    } else {
        client->writer.farewell_done_locked(client);
    }
}

/* When the last lane is gone, and no registration is under way: delete the directory. */
static void farewell_check_locked(corral_client *client)
{
    corrali_writer *own = &client->writer;

    if (own->farewell_done_locked == NULL || own->lanes > 0 || client->shut) {
        return;
    }
    own->request.done = farewell_sent;
    ask_to_delete_locked(client, true);
}

void corrali_writer_farewell_locked(corral_client *client, void (*done_locked)(corral_client *))
{
    corrali_writer *own = &client->writer;
    corrali_link *link;

    own->farewell_done_locked = done_locked;
    if (!own->touched) {
        done_locked(client);
        return;
    }
    while ((link = corrali_list_pop(&own->free_lanes)) != NULL) {
        corrali_lane_retire_locked(CORRALI_CONTAINER(link, corrali_lane, link));
    }
    farewell_check_locked(client);
}

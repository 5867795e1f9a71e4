#include "writer_internal.h"

#include <inttypes.h>

#include "alloc.h"
#include "internal.h"

/* A lane's version must stay far from the end of its int32. */
enum { LANE_VERSION_MAX = 1 << 30 };

static void lend_locked(corral_client *client);

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

void corrali_lanes_refuse_locked(corral_client *client, int status, const char *path)
{
    corrali_borrower *borrower;

    while ((borrower = next_borrower_locked(&client->writer)) != NULL) {
        borrower->lent_locked(borrower, NULL, status, path);
    }
}

/* --- lanes --- */

void corrali_lane_free(corrali_lane *lane)
{
    corrali_free(lane->path);
    corrali_free(lane);
}

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

void corrali_lane_drop_locked(corrali_lane *lane)
{
    lane->client->writer.lanes--;
    corrali_lane_free(lane);
}

corrali_write corrali_lane_creation(const corrali_lane *lane)
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
    corrali_lane_drop_locked(lane);
    lend_locked(client);
    corrali_writer_farewell_check_locked(client);
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
        corrali_lane_drop_locked(lane);
        lend_locked(client);
    } else {
        corrali_lanes_refuse_locked(client, request->status, lane->path);
        corrali_lane_drop_locked(lane);
    }
    corrali_writer_farewell_check_locked(client);
}

void corrali_lane_make_locked(corrali_lane *lane)
{
    lane->client->writer.making++;
    submit_lane_locked(lane, corrali_lane_creation(lane), lane_made);
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
            corrali_writer_register_locked(client, lane);
        } else {
            corrali_lane_make_locked(lane);
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
        corrali_lanes_refuse_locked(client, CORRAL_ENOMEM, own->directory);
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

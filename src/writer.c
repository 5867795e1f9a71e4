#include "writer_internal.h"

#include <inttypes.h>

#include "alloc.h"
#include "internal.h"
#include "mkdirs.h"

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

void corrali_writer_destroy(corral_client *client)
{
    corrali_writer *own = &client->writer;

    /* A client that failed to open has not come to the lists. */
    while (own->free_lanes.next != NULL && !corrali_list_empty(&own->free_lanes)) {
        corrali_lane_free(CORRALI_CONTAINER(corrali_list_pop(&own->free_lanes), corrali_lane, link));
    }
    corrali_free(own->directory);
    corrali_free(own->live);
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
        corrali_lane_make_locked(lane);
    } else {
        own->state = CORRALI_WRITER_NONE;
        corrali_lane_drop_locked(lane);
        corrali_lanes_refuse_locked(client, status, path);
    }
    if (own->state == CORRALI_WRITER_REGISTERED) {
        corrali_sweep_start_locked(client);
    }
    corrali_writer_farewell_check_locked(client);
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

void corrali_writer_register_locked(corral_client *client, corrali_lane *lane)
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
    own->request.writes[2] = corrali_lane_creation(lane);
    send_registration_locked(client);
}

void corrali_writer_reset_locked(corral_client *client)
{
    if (client->writer.state == CORRALI_WRITER_REGISTERED) {
        client->writer.state = CORRALI_WRITER_NONE;
    }
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

void corrali_writer_farewell_check_locked(corral_client *client)
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
    corrali_writer_farewell_check_locked(client);
}

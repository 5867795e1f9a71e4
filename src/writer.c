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

/* --- registration: the directory and LIVE --- */

static void lend_locked(corral_client *client);
static void farewell_check_locked(corral_client *client);

static void refuse_all_locked(corral_client *client, int status, const char *path)
{
    corrali_link refused;
    corrali_link *link;

    corrali_list_init(&refused);
    corrali_list_prepend_all(&refused, &client->writer.waiting);
    while ((link = corrali_list_pop(&refused)) != NULL) {
        corrali_borrower *borrower = CORRALI_CONTAINER(link, corrali_borrower, link);

        borrower->lent_locked(borrower, NULL, status, path);
    }
}

static void registered_locked(corral_client *client, int status, const char *path)
{
    corrali_writer *own = &client->writer;

    if (status == CORRAL_OK) {
        own->state = CORRALI_WRITER_REGISTERED;
        lend_locked(client);
    } else {
        own->state = CORRALI_WRITER_NONE;
        refuse_all_locked(client, status, path);
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

    switch (request->status) {
    case CORRAL_OK:
    case CORRAL_EEXIST:
        /* EEXIST: our name is random, so an earlier attempt of ours was
         * applied. If its session is gone, the barrier has renewed LIVE. */
        registered_locked(client, CORRAL_OK, own->directory);
        break;
    case CORRAL_ELOST:
        send_registration_locked(client);
        break;
    case CORRAL_ENOENT:
        if (corrali_mkdirs_locked(client, own->directory, client->chroot_length, parents_made, client) !=
            CORRAL_OK) {
            registered_locked(client, CORRAL_ENOMEM, own->directory);
        }
        break;
    default:
        registered_locked(client, request->status, own->directory);
        break;
    }
}

static void register_locked(corral_client *client)
{
    corrali_writer *own = &client->writer;

    own->state = CORRALI_WRITER_REGISTERING;
    own->request.kind = CORRALI_MULTI;
    own->request.done = registration_done;
    own->request.write_count = 2;
    own->request.writes[0] = (corrali_write){.kind = CORRALI_CREATE, .path = own->directory, .data = ""};
    own->request.writes[1] =
        (corrali_write){.kind = CORRALI_CREATE, .path = own->live, .data = "", .ephemeral = true};
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
        barrier->writes[0] = (corrali_write){.kind = CORRALI_CHECK, .path = "/", .version = -1};
    }
}

/* --- lanes --- */

static corrali_lane *new_lane(corrali_writer *own)
{
    corrali_lane *lane = corrali_alloc(sizeof *lane);

    if (lane == NULL) {
        return NULL;
    }
    corrali_list_init(&lane->link);
    lane->path = corrali_asprintf("%s/%" PRIu64, own->directory, own->next_lane);
    if (lane->path == NULL) {
        corrali_free(lane);
        return NULL;
    }
    own->next_lane++;
    own->lanes++;
    return lane;
}

/* A free lane, a new one if need be; NULL: all are lent, or no memory (*ret_status). */
static corrali_lane *take_locked(corrali_writer *own, int *ret_status)
{
    corrali_link *link = corrali_list_pop(&own->free_lanes);
    corrali_lane *lane;

    *ret_status = CORRAL_OK;
    if (link != NULL) {
        return CORRALI_CONTAINER(link, corrali_lane, link);
    }
    if (own->lanes >= CORRALI_LANES_MAX) {
        return NULL;
    }
    lane = new_lane(own);
    *ret_status = lane == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    return lane;
}

/* Lend to who waits, first come, first served. */
static void lend_locked(corral_client *client)
{
    corrali_writer *own = &client->writer;

    if (own->state == CORRALI_WRITER_NONE && !corrali_list_empty(&own->waiting)) {
        register_locked(client);
        return;
    }
    while (own->state == CORRALI_WRITER_REGISTERED && !corrali_list_empty(&own->waiting)) {
        int status;
        corrali_lane *lane = take_locked(own, &status);
        corrali_borrower *borrower;

        if (lane == NULL && status == CORRAL_OK) {
            return;
        }
        borrower = CORRALI_CONTAINER(corrali_list_pop(&own->waiting), corrali_borrower, link);
        borrower->lent_locked(borrower, lane, status, own->directory);
    }
}

corrali_lane *corrali_lane_borrow_locked(corral_client *client, corrali_borrower *borrower)
{
    corrali_writer *own = &client->writer;
    corrali_lane *lane;
    int status;

    if (own->state == CORRALI_WRITER_REGISTERED && corrali_list_empty(&own->waiting)) {
        lane = take_locked(own, &status);
        if (lane != NULL) {
            return lane;
        }
    }
    corrali_list_append(&own->waiting, &borrower->link);
    if (own->state == CORRALI_WRITER_NONE) {
        register_locked(client);
    }
    return NULL;
}

void corrali_lane_forget_locked(corrali_borrower *borrower)
{
    corrali_list_remove(&borrower->link);
}

void corrali_lane_return_locked(corral_client *client, corrali_lane *lane)
{
    if (client->closing || lane->version >= LANE_VERSION_MAX) {
        corrali_lane_retire_locked(client, lane);
        return;
    }
    /* The one used last first: the fewest lanes stay in use. */
    corrali_list_insert_before(client->writer.free_lanes.next, &lane->link);
    lend_locked(client);
}

/* --- deletion --- */

typedef struct {
    corrali_request request;
    corral_client *client;
    corrali_lane *lane;
} retirement;

static void retired(corrali_request *request)
{
    retirement *own = CORRALI_CONTAINER(request, retirement, request);
    corral_client *client = own->client;

    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(client, request);
        return;
    }
    /* Deleted, or not to be deleted by us: the sweep of crashed clients' lanes is there for the rest. */
    client->writer.retiring--;
    free_lane(own->lane);
    corrali_free(own);
    farewell_check_locked(client);
}

void corrali_lane_retire_locked(corral_client *client, corrali_lane *lane)
{
    retirement *own = corrali_alloc(sizeof *own);

    client->writer.lanes--;
    if (own == NULL) {
        free_lane(lane);
    } else {
        own->client = client;
        own->lane = lane;
        own->request.kind = CORRALI_MULTI;
        own->request.done = retired;
        own->request.write_count = 1;
        own->request.writes[0] =
            (corrali_write){.kind = CORRALI_DELETE, .path = lane->path, .version = -1};
        client->writer.retiring++;
        corrali_submit_locked(client, &own->request);
    }
    lend_locked(client);
}

static void farewell_sent(corrali_request *request)
{
    corral_client *client = CORRALI_CONTAINER(request, corral_client, writer.request);

    if (request->status == CORRAL_ENOENT && request->failed == 0 && request->write_count == 2) {
        /* LIVE is missing: an earlier attempt was applied, or its session had ended. */
        request->write_count = 1;
        request->writes[0] = request->writes[1];
        request->status = CORRAL_ELOST;
    }
    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(client, request);
        return;
    }
    client->writer.farewell_done_locked(client);
}

/* When the last lane is gone, and no registration is under way: delete the directory. */
static void farewell_check_locked(corral_client *client)
{
    corrali_writer *own = &client->writer;

    if (own->farewell_done_locked == NULL || own->retiring > 0 || own->lanes > 0 ||
        own->state == CORRALI_WRITER_REGISTERING || client->shut) {
        return;
    }
    own->request.done = farewell_sent;
    own->request.write_count = 2;
    own->request.writes[0] = (corrali_write){.kind = CORRALI_DELETE, .path = own->live, .version = -1};
    own->request.writes[1] = (corrali_write){.kind = CORRALI_DELETE, .path = own->directory, .version = -1};
    corrali_submit_locked(client, &own->request);
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
        corrali_lane *lane = CORRALI_CONTAINER(link, corrali_lane, link);

        if (lane->exists) {
            corrali_lane_retire_locked(client, lane);
        } else {
            own->lanes--;
            free_lane(lane);
        }
    }
    farewell_check_locked(client);
}

#include "exact.h"

#include <inttypes.h>
#include <stdio.h>

#include "internal.h"

static void written(corrali_request *request);

/* --- lanes --- */

static void return_lane(corrali_exact *own)
{
    corrali_lane_return_locked(own->lane);
    own->lane = NULL;
}

static void retire_lane(corrali_exact *own)
{
    corrali_lane_retire_locked(own->lane);
    own->lane = NULL;
}

static void send_locked(corrali_exact *own)
{
    corrali_lane *lane = own->lane;
    int length = snprintf(own->number, sizeof own->number, "%" PRIu64, lane->batches + 1);

    own->writes[CORRALI_EXACT_LANE] = (corrali_write){.kind = CORRALI_SET,
                                                      .path = lane->path,
                                                      .data = own->number,
                                                      .length = (size_t)length,
                                                      .version = lane->version};
    own->request.kind = CORRALI_MULTI;
    own->request.done = written;
    own->request.more = own->writes;
    own->request.write_count = own->count;
    corrali_submit_locked(own->client, &own->request);
}

/* --- outcomes --- */

static void tell(corrali_exact *own, corrali_exact_outcome outcome)
{
    own->done_locked(own, &outcome);
}

/* Not applied, because of the writer's own znodes, or of nothing that is known. */
static void failed(corrali_exact *own, int status, const char *path)
{
    tell(own, (corrali_exact_outcome){.status = status, .cause = status, .path = path});
}

static void lane_lent(corrali_borrower *borrower, corrali_lane *lane, int status, const char *path)
{
    corrali_exact *own = CORRALI_CONTAINER(borrower, corrali_exact, borrower);

    own->lane = lane;
    if (lane == NULL) {
        failed(own, status, path);
    } else {
        send_locked(own);
    }
}

/* Go on as soon as there is a lane. */
static int borrow_locked(corrali_exact *own)
{
    int status;

    own->request.sent = false; /* not any more: an earlier attempt was refused */
    status = corrali_lane_borrow_locked(own->client, &own->borrower, &own->lane);
    if (own->lane != NULL) {
        send_locked(own);
    }
    return status;
}

static void applied(corrali_exact *own, const corrali_stat *lane, bool recovered)
{
    own->lane->version = lane->version;
    own->lane->batches++;
    return_lane(own);
    tell(own, (corrali_exact_outcome){.recovered = recovered, .zxid = lane->mzxid});
}

/* It cannot be told any more, because of the lane. */
static void uncertain(corrali_exact *own, int cause)
{
    corrali_lane *lane = own->lane;

    if (cause == CORRAL_ENOENT) {
        corrali_writer_reset_locked(own->client);
    }
    own->lane = NULL;
    tell(own, (corrali_exact_outcome){.status = CORRAL_EUNCERTAIN, .cause = cause, .path = lane->path});
    corrali_lane_retire_locked(lane);
}

/* Not applied, because of one of the owner's. */
static void refused(corrali_exact *own, size_t write, int status)
{
    return_lane(own);
    tell(own, (corrali_exact_outcome){
                  .status = status, .cause = status, .failed = write, .path = own->writes[write].path});
}

static void sealed(corrali_exact *own, int32_t lane_version)
{
    own->client->stats.resends_not_applied++;
    own->lane->version = lane_version;
    own->lane->batches += 2;
    refused(own, own->failed, own->refusal);
}

static void lane_read(corrali_request *request)
{
    corrali_exact *own = CORRALI_CONTAINER(request, corrali_exact, request);

    if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(own->client, request);
    } else if (request->status != CORRAL_OK) {
        uncertain(own, request->status);
    } else if (corrali_reply_is(request, own->number)) {
        own->client->stats.resends_applied++;
        applied(own, &request->stat, true);
    } else if (own->refusal != CORRAL_OK && corrali_reply_is(request, own->seal)) {
        sealed(own, request->stat.version);
    } else {
        uncertain(own, CORRAL_ECONFLICT);
    }
}

/* An attempt of which we did not hear has moved the lane on; the number there tells which. */
static void read_lane_locked(corrali_exact *own)
{
    own->request.kind = CORRALI_GET;
    own->request.path = own->lane->path;
    own->request.done = lane_read;
    corrali_submit_locked(own->client, &own->request);
}

static void seal_written(corrali_request *request)
{
    corrali_exact *own = CORRALI_CONTAINER(request, corrali_exact, request);

    if (request->status == CORRAL_OK) {
        sealed(own, request->writes[0].stat.version);
    } else if (request->status == CORRAL_ELOST) {
        corrali_submit_locked(own->client, request);
    } else if (request->status == CORRAL_ECONFLICT) {
        read_lane_locked(own);
    } else {
        uncertain(own, request->status);
    }
}

/* The resend was refused: see to it that the first attempt will be, too. */
static void seal_locked(corrali_exact *own, size_t write, int status)
{
    corrali_lane *lane = own->lane;
    int length = snprintf(own->seal, sizeof own->seal, "%" PRIu64, lane->batches + 2);

    own->failed = write;
    own->refusal = status;
    own->request.more = NULL;
    own->request.write_count = 1;
    own->request.writes[0] = (corrali_write){.kind = CORRALI_SET,
                                             .path = lane->path,
                                             .data = own->seal,
                                             .length = (size_t)length,
                                             .version = lane->version};
    own->request.done = seal_written;
    corrali_submit_locked(own->client, &own->request);
}

/* The lane is not as we left it. */
static void failed_at_lane(corrali_exact *own, int status)
{
    bool gone = status == CORRAL_ENOENT;

    if (own->resent && status == CORRAL_ECONFLICT) {
        read_lane_locked(own);
        return;
    }
    if (own->resent) {
        uncertain(own, status);
        return;
    }
    if (gone) {
        corrali_writer_reset_locked(own->client);
    }
    retire_lane(own);
    if (!gone && status != CORRAL_ECONFLICT) {
        failed(own, status, NULL);
    } else if (borrow_locked(own) != CORRAL_OK) {
        failed(own, CORRAL_ENOMEM, NULL);
    }
}

static void written(corrali_request *request)
{
    corrali_exact *own = CORRALI_CONTAINER(request, corrali_exact, request);

    if (request->status == CORRAL_OK) {
        own->client->stats.resends_not_applied += own->resent;
        applied(own, &own->writes[CORRALI_EXACT_LANE].stat, false);
    } else if (request->status == CORRAL_ELOST) {
        own->resent = true;
        own->client->stats.resends++;
        corrali_submit_locked(own->client, request);
    } else if (request->failed == CORRALI_EXACT_LANE) {
        failed_at_lane(own, request->status);
    } else if (own->resent) {
        seal_locked(own, request->failed, request->status);
    } else {
        refused(own, request->failed, request->status);
    }
}

/* --- for the owner --- */

int corrali_exact_start_locked(corrali_exact *own)
{
    own->borrower.lent_locked = lane_lent;
    own->resent = false;
    own->refusal = CORRAL_OK;
    return borrow_locked(own);
}

bool corrali_exact_exposed(const corrali_exact *own)
{
    return own->request.sent;
}

bool corrali_exact_withdraw_locked(corrali_exact *own)
{
    if (own->request.sent) {
        return false;
    }
    if (own->lane == NULL) {
        corrali_lane_forget_locked(own->client, &own->borrower);
        return true;
    }
    if (corrali_withdraw_locked(own->client, &own->request)) {
        return_lane(own);
        return true;
    }
    return false;
}

/*
 * What a batch is computed from: the state of the counter's znode, with its
 * epoch (see epoch.h), and for a counter whose versions run out, its ACL.
 */
#include <string.h>

#include "acl.h"
#include "counter_batch.h"
#include "mkdirs.h"

/* --- the epoch's znode, when there is none --- */

static void make_epoch(corrali_batch *own);

static void epoch_parents_made(void *arg, int status, const char *path)
{
    corrali_batch *own = arg;

    if (status == CORRAL_OK) {
        make_epoch(own);
    } else {
        corrali_batch_fail(own, status, path);
    }
}

static void epoch_made(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, request);
    corral_client *client = own->cell->client;
    const char *path = corrali_epoch_path(client, &own->cell->epoch);

    switch (request->status) {
    case CORRAL_OK:
    case CORRAL_EEXIST:
    case CORRAL_ELOST:
        corrali_batch_advance(own);
        break;
    case CORRAL_ENOENT:
        if (corrali_mkdirs_locked(client, path, client->chroot_length, epoch_parents_made, own) !=
            CORRAL_OK) {
            corrali_batch_fail(own, CORRAL_ENOMEM, path);
        }
        break;
    default:
        corrali_batch_fail(own, request->status, path);
        break;
    }
}

static void make_epoch(corrali_batch *own)
{
    own->phase = CORRALI_BATCH_PARENTS;
    own->request.kind = CORRALI_MULTI;
    own->request.done = epoch_made;
    own->request.write_count = 1;
    own->request.writes[0] = (corrali_write){.kind = CORRALI_CREATE,
                                             .path = corrali_epoch_path(own->cell->client, &own->cell->epoch),
                                             .data = "",
                                             .open = true};
    corrali_submit_locked(own->cell->client, &own->request);
}

/* --- reading --- */

/* Both have been answered, or taken back. */
static void state_read(corrali_batch *own)
{
    int status = own->read_status;

    if (status == CORRAL_OK) {
        corrali_batch_advance(own);
    } else if (status == CORRAL_ENOENT) {
        make_epoch(own); /* an absent counter is no failure */
    } else {
        corrali_batch_fail(own, status, own->read_path);
    }
}

static void reading_failed(corrali_batch *own, int status, const char *path)
{
    if (own->read_status == CORRAL_OK) {
        own->read_status = status;
        own->read_path = path;
    }
}

static void epoch_replied(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, epoch_request);
    corrali_cell *cell = own->cell;

    if (request->status == CORRAL_OK) {
        corrali_epoch_learn_locked(cell->client, &cell->epoch, request->stat.version);
    } else if (request->status != CORRAL_ELOST) {
        reading_failed(own, request->status, request->path);
    }
    if (--own->awaited == 0) {
        state_read(own);
    }
}

static void counter_replied(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, request);
    corrali_cell *cell = own->cell;
    int status = corrali_counter_parse(cell, request, &cell->cache);

    cell->confirmed_at = corrali_now_locked(cell->client);
    if (status != CORRAL_OK && status != CORRAL_ENOENT && status != CORRAL_ELOST) {
        reading_failed(own, status, cell->path);
    }
    if (--own->awaited == 0) {
        state_read(own);
    }
}

static void read_state(corrali_batch *own)
{
    corrali_cell *cell = own->cell;

    own->phase = CORRALI_BATCH_READING;
    own->read_status = CORRAL_OK;
    own->awaited = 1;
    if (!corrali_epoch_recall_locked(cell->client, &cell->epoch)) {
        /* Before the state, which would else be of an earlier epoch. */
        own->awaited++;
        own->epoch_request.kind = CORRALI_GET;
        own->epoch_request.path = corrali_epoch_path(cell->client, &cell->epoch);
        own->epoch_request.done = epoch_replied;
        corrali_submit_locked(cell->client, &own->epoch_request);
    }
    own->request.kind = CORRALI_GET;
    own->request.path = cell->path;
    own->request.done = counter_replied;
    corrali_submit_locked(cell->client, &own->request);
}

/* --- the ACL --- */

void corrali_batch_forget_acl(corrali_batch *own)
{
    corrali_acl_free(own->acl, own->acl_count);
    own->acl = NULL;
}

/*
 * Servers show who may not administer a znode "x" in place of all digests. Made
 * with that ACL, it would be nobody's.
 */
static bool is_masked(const corral_acl *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(entries[i].id);

        if (strcmp(entries[i].scheme, "digest") == 0 && length >= 2 &&
            strcmp(entries[i].id + length - 2, ":x") == 0) {
            return true;
        }
    }
    return false;
}

static void acl_replied(corrali_request *request)
{
    corrali_batch *own = CORRALI_CONTAINER(request, corrali_batch, request);
    corrali_cell *cell = own->cell;

    own->awaited = 0;
    if (request->status == CORRAL_OK && is_masked(request->acl, request->length)) {
        corrali_batch_fail(own, CORRAL_EACCES, cell->path);
        return;
    }
    if (request->status == CORRAL_OK) {
        own->acl = corrali_acl_copy(request->acl, request->length);
        own->acl_count = request->length;
        request->status = own->acl == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    }
    if (request->status == CORRAL_ENOENT) {
        corrali_cell_forget(cell);
    }
    if (request->status == CORRAL_OK || request->status == CORRAL_ELOST || request->status == CORRAL_ENOENT) {
        corrali_batch_advance(own);
    } else {
        corrali_batch_fail(own, request->status, cell->path);
    }
}

static void read_acl(corrali_batch *own)
{
    own->phase = CORRALI_BATCH_READING;
    own->awaited = 1;
    own->request.kind = CORRALI_GET_ACL;
    own->request.path = own->cell->path;
    own->request.done = acl_replied;
    corrali_submit_locked(own->cell->client, &own->request);
}

/* --- what others see --- */

bool corrali_batch_prepare(corrali_batch *own)
{
    corrali_cell *cell = own->cell;
    bool present = cell->cache.knowledge == CORRALI_PRESENT;

    /* Nor is it relied on without a connection, which takes who knows how long. */
    if (present &&
        (!cell->client->ready || corrali_now_locked(cell->client) - cell->confirmed_at > CORRALI_IDLE_NS)) {
        corrali_cell_forget(cell);
        present = false;
    }
    if (!cell->epoch.known) {
        corrali_cell_forget(cell);
    }
    if (cell->cache.knowledge == CORRALI_UNKNOWN) {
        read_state(own);
        return false;
    }
    if (present && cell->cache.version == CORRALI_VERSION_LAST && own->acl == NULL) {
        read_acl(own);
        return false;
    }
    return true;
}

bool corrali_batch_stop_reading(corrali_batch *own)
{
    corral_client *client = own->cell->client;

    if (corrali_withdraw_locked(client, &own->epoch_request)) {
        own->awaited--;
    }
    if (corrali_withdraw_locked(client, &own->request)) {
        own->awaited--;
    }
    return own->awaited == 0;
}

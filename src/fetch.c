#include "fetch.h"

#include "internal.h"

static void send_locked(corrali_fetch *own)
{
    own->lost = false;
    own->refusal = CORRAL_OK;
    own->awaited = 1;
    if (own->level != CORRAL_READ_LOCAL) {
        own->awaited++;
        corrali_submit_locked(own->client, &own->first);
    }
    corrali_submit_locked(own->client, &own->get);
}

static void replied_locked(corrali_fetch *own)
{
    if (--own->awaited > 0) {
        return;
    }
    if (own->lost && !own->stopped) {
        send_locked(own);
        return;
    }
    if (own->refusal != CORRAL_OK) {
        own->status = own->refusal;
    }
    own->done_locked(own);
}

static void first_done(corrali_request *request)
{
    corrali_fetch *own = CORRALI_CONTAINER(request, corrali_fetch, first);

    if (request->status == CORRAL_ELOST) {
        own->lost = true;
    } else if (request->status != CORRAL_OK && request->status != CORRAL_ENOENT) {
        own->refusal = request->status; /* of an absent znode the get tells */
    }
    replied_locked(own);
}

static void get_done(corrali_request *request)
{
    corrali_fetch *own = CORRALI_CONTAINER(request, corrali_fetch, get);

    if (request->status == CORRAL_ELOST) {
        own->lost = true;
    } else {
        own->status = request->status == CORRAL_OK ? own->got_locked(own) : request->status;
    }
    replied_locked(own);
}

void corrali_fetch_start_locked(corrali_fetch *own)
{
    own->stopped = false;
    own->get.kind = own->kind;
    own->get.path = own->path;
    own->get.done = get_done;
    own->first.kind = own->level == CORRAL_READ_SYNC ? CORRALI_SYNC : CORRALI_MULTI;
    own->first.path = own->path;
    own->first.done = first_done;
    own->first.write_count = 1;
    own->first.writes[0] =
        (corrali_write){.kind = CORRALI_CHECK, .path = own->path, .version = CORRALI_VERSION_ANY};
    send_locked(own);
}

bool corrali_fetch_stop_locked(corrali_fetch *own)
{
    own->stopped = true;
    own->status = CORRAL_ECANCELED; /* until the get is answered: that may be lost now, or never sent */
    if (own->level != CORRAL_READ_LOCAL && corrali_withdraw_locked(own->client, &own->first)) {
        own->awaited--;
    }
    if (corrali_withdraw_locked(own->client, &own->get)) {
        own->awaited--;
    }
    return own->awaited == 0;
}

/* ZNODE: the generator's znode, which says which epoch it is. */
#include <string.h>

#include "alloc.h"
#include "decimal.h"
#include "ids_znode.h"

/* The last number of the last epoch is 2^63 - 1. */
static const int64_t epoch_max = INT64_C(1) << 32;

/* The writes that begin an epoch. */
enum { POINTER, DIRECTORY, WRITES };

static void ask_locked(corrali_znodes *own, void (*done)(corrali_request *))
{
    own->asking = true;
    own->request.done = done;
    corrali_znodes_keep_locked(own);
    corrali_submit_locked(corrali_znodes_client(own), &own->request);
}

static void answered_locked(corrali_znodes *own)
{
    own->asking = false;
    corrali_znodes_wake_locked(own);
    corrali_znodes_drop_locked(own);
}

/* --- reading it --- */

/*
 * Is this still the generator that we began with? An epoch that is earlier than
 * one that we know of would give out its numbers once more.
 */
static int understand_locked(corrali_znodes *own, const corrali_request *get)
{
    corrali_ids_config config;
    int64_t epoch;

    if (!corrali_ids_config_parse(get->data, get->length, &config, &epoch) ||
        config.kind != CORRAL_IDS_ZNODE || config.tag != own->ids->config.tag || epoch < own->epoch) {
        return CORRAL_ECORRUPT;
    }
    if (get->stat.version == CORRALI_VERSION_ANY) {
        return CORRAL_EEXHAUSTED; /* a check of it would let any epoch pass */
    }
    if (epoch != own->epoch) {
        corrali_znodes_replace_locked(own, NULL);
    }
    own->epoch = epoch;
    own->version = get->stat.version;
    own->known = true;
    return CORRAL_OK;
}

static void was_read(corrali_request *request)
{
    corrali_znodes *own = CORRALI_CONTAINER(request, corrali_znodes, request);
    int status = request->status == CORRAL_OK       ? understand_locked(own, request)
                 : request->status == CORRAL_ENOENT ? CORRAL_ECORRUPT
                                                    : request->status;

    if (status != CORRAL_OK && status != CORRAL_ELOST) {
        corrali_znodes_fail_locked(own, status, NULL);
    }
    answered_locked(own);
}

int corrali_znodes_look_locked(corrali_znodes *own)
{
    own->request.kind = CORRALI_GET;
    own->request.path = own->ids->path;
    ask_locked(own, was_read);
    return CORRAL_OK;
}

/* --- moving it on --- */

static void moved_locked(corrali_znodes *own)
{
    own->epoch = own->coming->epoch;
    own->version = own->request.writes[POINTER].stat.version;
    corrali_znodes_replace_locked(own, own->coming);
    if (own->stopped) {
        corrali_znodes_replace_locked(own, NULL);
    }
    corrali_znodes_clear_locked(own);
}

/* It may have been moved, by us or others, or not be there any more. */
static bool in_doubt(const corrali_request *request)
{
    return request->status == CORRAL_ELOST ||
           (request->failed == POINTER &&
            (request->status == CORRAL_ECONFLICT || request->status == CORRAL_ENOENT));
}

static void was_moved(corrali_request *request)
{
    corrali_znodes *own = CORRALI_CONTAINER(request, corrali_znodes, request);

    if (request->status == CORRAL_OK) {
        moved_locked(own);
        own->coming = NULL;
        answered_locked(own);
        return;
    }
    if (in_doubt(request)) {
        own->known = false;
    } else if (request->failed == DIRECTORY && request->status == CORRAL_EEXIST) {
        own->next =
            own->coming->epoch + 1; /* somebody else's doing: who knows what its numbers were used for */
    } else {
        corrali_znodes_fail_locked(own, request->status, NULL);
    }
    corrali_ids_directory_free(own->coming);
    own->coming = NULL;
    answered_locked(own);
}

static void spell(corrali_znodes *own, int64_t epoch)
{
    size_t length = corrali_ids_config_spell(&own->ids->config, own->text);

    (void)corrali_decimal_encode(epoch, own->text + length);
}

int corrali_znodes_move_on_locked(corrali_znodes *own)
{
    int64_t epoch = own->next > own->epoch ? own->next : own->epoch + 1;

    if (own->version == CORRALI_VERSION_LAST || epoch > epoch_max) {
        return CORRAL_EEXHAUSTED;
    }
    own->coming = corrali_ids_directory_new(own, epoch);
    if (own->coming == NULL) {
        return CORRAL_ENOMEM;
    }
    spell(own, epoch);
    own->request.kind = CORRALI_MULTI;
    own->request.write_count = WRITES;
    own->request.writes[POINTER] = (corrali_write){.kind = CORRALI_SET,
                                                   .path = own->ids->path,
                                                   .data = own->text,
                                                   .length = strlen(own->text),
                                                   .version = own->version};
    own->request.writes[DIRECTORY] =
        (corrali_write){.kind = CORRALI_CREATE, .path = own->coming->path, .data = ""};
    ask_locked(own, was_moved);
    return CORRAL_OK;
}

void corrali_znodes_withdraw_locked(corrali_znodes *own)
{
    if (own->asking && corrali_withdraw_locked(corrali_znodes_client(own), &own->request)) {
        own->asking = false;
        if (own->coming != NULL) {
            corrali_ids_directory_free(own->coming);
            own->coming = NULL;
        }
        corrali_znodes_drop_locked(own);
    }
}

/* ZNODE: operations, and the waves of creations that get them their numbers. */
#include "ids_znode.h"

#include "alloc.h"

/* The writes before a wave's creations. */
enum { CURRENT, PREFACE };

/* From this number on a new directory is wanted; or a little later, so that not everybody tries at once. */
enum { NUMBERS_WANTED = 1 << 30, JITTER = 1 << 10 };

void corrali_znodes_keep_locked(corrali_znodes *own)
{
    corrali_object_ref_locked(&own->ids->counter.object);
    corrali_chore_begin_locked(corrali_znodes_client(own));
}

void corrali_znodes_drop_locked(corrali_znodes *own)
{
    corral_client *client = corrali_znodes_client(own);

    corrali_ids_drop_locked(own->ids);
    corrali_chore_end_locked(client);
}

void corrali_znodes_fail_locked(corrali_znodes *own, int status, const char *path)
{
    while (!corrali_list_empty(&own->queue)) {
        corrali_numbers_fail_locked(CORRALI_CONTAINER(own->queue.next, corral_op, task.link), status, path);
    }
}

/* --- what comes of a wave --- */

/*
 * A directory's numbers end at 2^31 - 2. The next one is given, and would be given
 * again once its znode is deleted: the server's counter stays there.
 */
static bool usable(int32_t sequence)
{
    return sequence >= 0 && sequence < INT32_MAX;
}

static void spend(corrali_znodes *own, int64_t epoch)
{
    own->spent = own->spent > epoch ? own->spent : epoch;
}

/* Those of epoch 1 begin at 1. */
static uint64_t number_of(int64_t epoch, int32_t sequence)
{
    return (uint64_t)(epoch - 1) * ((uint64_t)1 << 31) + (uint64_t)sequence + 1;
}

static void ask_all_again_locked(corrali_znodes *own, const corrali_wave *wave)
{
    for (size_t i = wave->count; i-- > 0;) {
        if (wave->owners[i] != NULL) {
            corrali_numbers_ask_again_locked(own, wave->owners[i]);
        }
    }
}

static void give_all_locked(corrali_znodes *own, corrali_wave *wave)
{
    const corrali_write *creations = &wave->writes[PREFACE];

    for (size_t i = wave->count; i-- > 0;) {
        if (creations[i].sequence >= own->last_wanted || !usable(creations[i].sequence)) {
            spend(own, wave->directory->epoch);
        }
        if (wave->owners[i] != NULL && !usable(creations[i].sequence)) {
            corrali_numbers_ask_again_locked(own, wave->owners[i]);
            wave->owners[i] = NULL;
        }
    }
    for (size_t i = 0; i < wave->count; i++) {
        if (wave->owners[i] != NULL) {
            corrali_numbers_give_locked(wave->owners[i],
                                        number_of(wave->directory->epoch, creations[i].sequence));
        }
    }
}

/* Nothing that another attempt could change. Who has failed is not an owner any more, of no znode. */
static void fail_all_locked(const corrali_wave *wave, int status, const char *path)
{
    for (size_t i = 0; i < wave->count; i++) {
        if (wave->owners[i] != NULL) {
            corrali_numbers_fail_locked(wave->owners[i], status, path);
        }
    }
}

/* The epoch has passed, or its directory is used up, or gone; and with it, perhaps, the generator. */
static void refused_locked(corrali_znodes *own, corrali_wave *wave)
{
    const corrali_request *request = &wave->request;
    bool passed = request->failed == CURRENT;

    if (request->status == CORRAL_ECONFLICT || request->status == CORRAL_ENOENT) {
        own->known = own->known && wave->writes[CURRENT].version != own->version;
    } else if (passed || request->status != CORRAL_EEXIST) {
        fail_all_locked(wave, request->status, passed ? NULL : wave->directory->path);
        return;
    }
    if (!passed) {
        spend(own, wave->directory->epoch);
    }
    ask_all_again_locked(own, wave);
}

static void created(corrali_request *request)
{
    corrali_wave *wave = CORRALI_CONTAINER(request, corrali_wave, request);
    corrali_znodes *own = wave->directory->owner;

    if (request->status == CORRAL_OK) {
        give_all_locked(own, wave);
    } else if (request->status == CORRAL_ELOST) {
        ask_all_again_locked(own, wave);
    } else {
        refused_locked(own, wave);
    }
    wave->creating = false;
    own->creating--;
    corrali_znodes_wake_locked(own); /* first, since somebody waits for that */
    if (request->status == CORRAL_OK) {
        corrali_wave_delete_locked(wave, PREFACE);
        return;
    }
    if (request->status == CORRAL_ELOST) {
        corrali_ids_directory_search_locked(wave->directory);
    }
    corrali_wave_end_locked(wave);
}

/* --- a wave begins --- */

static size_t wanted(const corrali_znodes *own)
{
    int64_t count = 0;

    for (corrali_link *link = own->queue.next; link != &own->queue && count < CORRALI_WAVE_MAX;
         link = link->next) {
        count += CORRALI_CONTAINER(link, corral_op, task.link)->argument;
    }
    return count < CORRALI_WAVE_MAX ? (size_t)count : CORRALI_WAVE_MAX;
}

/* Whose number is asked for next. */
static corral_op *take_next_locked(corrali_znodes *own)
{
    corral_op *op = CORRALI_CONTAINER(own->queue.next, corral_op, task.link);

    op->argument--;
    if (op->argument == 0) {
        corrali_list_remove(&op->task.link);
        corrali_list_append(&own->asked, &op->task.link);
        op->place = CORRALI_BATCHED;
    }
    return op;
}

static int create_locked(corrali_znodes *own)
{
    size_t count = wanted(own);
    corrali_wave *wave;

    if (own->current == NULL) {
        own->current = corrali_ids_directory_new(own, own->epoch);
    }
    wave = own->current == NULL ? NULL : corrali_wave_new_locked(own->current, count, PREFACE);
    if (wave == NULL) {
        return CORRAL_ENOMEM;
    }
    wave->creating = true;
    wave->writes[CURRENT] =
        (corrali_write){.kind = CORRALI_CHECK, .path = own->ids->path, .version = own->version};
    for (size_t i = 0; i < count; i++) {
        wave->owners[i] = take_next_locked(own);
        wave->writes[PREFACE + i] = (corrali_write){.kind = CORRALI_CREATE,
                                                    .path = wave->directory->prefix,
                                                    .data = "",
                                                    .ephemeral = true,
                                                    .sequential = true};
    }
    own->creating++;
    wave->request.write_count = PREFACE + count;
    wave->request.done = created;
    corrali_submit_locked(corrali_znodes_client(own), &wave->request);
    return CORRAL_OK;
}

void corrali_znodes_wake_locked(corrali_znodes *own)
{
    while (!corrali_list_empty(&own->queue) && !own->asking && own->creating < CORRALI_WAVES_MAX) {
        int status = !own->known                ? corrali_znodes_look_locked(own)
                     : own->epoch <= own->spent ? corrali_znodes_move_on_locked(own)
                                                : create_locked(own);

        if (status != CORRAL_OK) {
            corrali_znodes_fail_locked(own, status, NULL);
        }
    }
}

/* --- the kind --- */

static int start_locked(corral_ids *ids)
{
    corral_client *client = ids->counter.object.client;
    corrali_znodes *own = corrali_alloc(sizeof *own);

    if (own == NULL) {
        return CORRAL_ENOMEM;
    }
    own->ids = ids;
    own->guid = corrali_random_locked(client);
    own->last_wanted = NUMBERS_WANTED + (int32_t)(corrali_random_locked(client) % JITTER);
    corrali_list_init(&own->queue);
    corrali_list_init(&own->asked);
    corrali_list_init(&own->waves);
    ids->state = own;
    return CORRAL_OK;
}

static void submit_locked(corral_op *op)
{
    corrali_znodes *own = corrali_znodes_of(op);

    if (corrali_numbers_gather(op) != CORRAL_OK) {
        corrali_ids_end_locked(op, CORRAL_ENOMEM, CORRAL_ENOMEM, NULL);
        return;
    }
    op->place = CORRALI_QUEUED;
    corrali_list_append(&own->queue, &op->task.link);
    corrali_znodes_wake_locked(own);
}

/* What has been sent cannot be told from what was not: a number that is wasted leaves no trace. */
static void abort_locked(corral_op *op, int cause)
{
    corrali_numbers_fail_locked(op, cause, NULL);
}

static void abort_all_locked(corral_ids *ids, int cause)
{
    corrali_znodes *own = ids->state;

    corrali_znodes_fail_locked(own, cause, NULL);
    while (!corrali_list_empty(&own->asked)) {
        abort_locked(CORRALI_CONTAINER(own->asked.next, corral_op, task.link), cause);
    }
}

/* Take back what has not been sent. */
static void withdraw_waves_locked(corrali_znodes *own)
{
    corrali_link *next;

    for (corrali_link *link = own->waves.next; link != &own->waves; link = next) {
        corrali_wave *wave = CORRALI_CONTAINER(link, corrali_wave, link);

        next = link->next;
        if (wave->creating && corrali_withdraw_locked(corrali_znodes_client(own), &wave->request)) {
            own->creating--;
            corrali_wave_end_locked(wave);
        }
    }
}

/* What is left is deleted as the replies come in. */
static void stop_locked(corral_ids *ids)
{
    corrali_znodes *own = ids->state;

    own->stopped = true;
    withdraw_waves_locked(own);
    corrali_znodes_withdraw_locked(own);
    corrali_znodes_replace_locked(own, NULL);
}

static void free_locked(corral_ids *ids)
{
    corrali_free(ids->state);
}

const corrali_ids_kind corrali_ids_znode = {.start_locked = start_locked,
                                            .submit_locked = submit_locked,
                                            .abort_locked = abort_locked,
                                            .abort_all_locked = abort_all_locked,
                                            .stop_locked = stop_locked,
                                            .free_locked = free_locked};

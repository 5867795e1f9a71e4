/* What a generator is: its znode is read, or made when it is not there and numbers are wanted. */
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "ids.h"
#include "mkdirs.h"

static void read_locked(corral_ids *ids);
static void make_locked(corral_ids *ids);

/* --- the end --- */

/* Nobody is to wait any more. */
static void fail_locked(corral_ids *ids, int status, const char *path)
{
    corrali_link failed;
    corrali_link *link;

    ids->phase = CORRALI_IDS_UNKNOWN;
    corrali_list_init(&failed);
    corrali_list_prepend_all(&failed, &ids->waiting);
    while ((link = corrali_list_pop(&failed)) != NULL) {
        corrali_ids_end_locked(CORRALI_CONTAINER(link, corral_op, task.link), status, status, path);
    }
}

/* Tell those who only ask what it is; and who wants the workers of one that is not there, which are none.
 * If nobody else waits, that is all for now: returns false. */
static bool answer_locked(corral_ids *ids, int status)
{
    corrali_link *next;

    for (corrali_link *link = ids->waiting.next; link != &ids->waiting; link = next) {
        corral_op *op = CORRALI_CONTAINER(link, corral_op, task.link);

        next = link->next;
        if (op->asks || (op->lists && status != CORRAL_OK)) {
            corrali_list_remove(link);
            corrali_ids_end_locked(op, status, status, NULL);
        }
    }
    if (corrali_list_empty(&ids->waiting)) {
        ids->phase = CORRALI_IDS_UNKNOWN;
        return false;
    }
    return true;
}

static void start_locked(corral_ids *ids, const corrali_ids_kind *kind)
{
    corrali_link *link;

    if (kind->start_locked(ids) != CORRAL_OK) {
        fail_locked(ids, CORRAL_ENOMEM, NULL);
        return;
    }
    ids->phase = CORRALI_IDS_KNOWN;
    atomic_store_explicit(&ids->kind, kind, memory_order_release);
    while ((link = corrali_list_pop(&ids->waiting)) != NULL) {
        corrali_ids_submit_locked(kind, CORRALI_CONTAINER(link, corral_op, task.link));
    }
}

static const corrali_ids_kind *kind_of(const corrali_ids_config *config)
{
    switch (config->kind) {
    case CORRAL_IDS_BLOCK:
        return &corrali_ids_block;
    case CORRAL_IDS_SEQUENCE:
        return &corrali_ids_sequence;
    case CORRAL_IDS_ZNODE:
        return &corrali_ids_znode;
    case CORRAL_IDS_SNOWFLAKE:
        return &corrali_ids_snowflake;
    default:
        return NULL;
    }
}

/* @data is what the znode holds. */
static void found_locked(corral_ids *ids, const char *data, size_t length)
{
    corrali_ids_config config;
    int64_t number;

    if (!corrali_ids_config_parse(data, length, &config, &number)) {
        fail_locked(ids, CORRAL_ECORRUPT, NULL);
    } else if (!corrali_ids_config_fits(&config, &ids->options)) {
        fail_locked(ids, CORRAL_ECONFLICT, NULL);
    } else {
        ids->config = config;
        if (answer_locked(ids, CORRAL_OK)) {
            start_locked(ids, kind_of(&config));
        }
    }
}

/* Go on, unless it was closed meanwhile. */
static void go_on_locked(corral_ids *ids, void (*step_locked)(corral_ids *ids))
{
    if (!ids->counter.object.closed) {
        step_locked(ids);
    }
}

/* --- making it --- */

static void parents_made(void *arg, int status, const char *path)
{
    corral_ids *ids = arg;

    if (status != CORRAL_OK) {
        fail_locked(ids, status, path);
    } else {
        go_on_locked(ids, make_locked);
    }
    corrali_ids_drop_locked(ids);
}

static void make_parents_locked(corral_ids *ids)
{
    corrali_object_ref_locked(&ids->counter.object);
    if (corrali_mkdirs_locked(ids->counter.object.client, ids->path, SIZE_MAX, parents_made, ids) !=
        CORRAL_OK) {
        (void)corrali_object_unref_locked(&ids->counter.object); /* the reply's keeps it */
        fail_locked(ids, CORRAL_ENOMEM, NULL);
    }
}

static void made(corrali_request *request)
{
    corral_ids *ids = CORRALI_CONTAINER(request, corral_ids, request);

    if (request->status == CORRAL_OK) {
        found_locked(ids, ids->text, strlen(ids->text));
    } else if (request->status == CORRAL_EEXIST || request->status == CORRAL_ELOST) {
        go_on_locked(ids, read_locked); /* whoever has made it; its tag tells */
    } else if (request->status == CORRAL_ENOENT) {
        go_on_locked(ids, make_parents_locked);
    } else {
        fail_locked(ids, request->status, NULL);
    }
    corrali_ids_drop_locked(ids);
}

static void submit_locked(corral_ids *ids, void (*done)(corrali_request *))
{
    ids->request.done = done;
    corrali_object_ref_locked(&ids->counter.object);
    corrali_submit_locked(ids->counter.object.client, &ids->request);
}

static void make_locked(corral_ids *ids)
{
    corrali_ids_config config =
        corrali_ids_config_of(&ids->options, corrali_random_locked(ids->counter.object.client));
    size_t length = corrali_ids_config_spell(&config, ids->text);

    memcpy(ids->text + length, "0", sizeof "0");
    ids->request.kind = CORRALI_MULTI;
    ids->request.write_count = 1;
    ids->request.writes[0] =
        (corrali_write){.kind = CORRALI_CREATE, .path = ids->path, .data = ids->text, .length = length + 1};
    submit_locked(ids, made);
}

/* --- reading it --- */

static void was_read(corrali_request *request)
{
    corral_ids *ids = CORRALI_CONTAINER(request, corral_ids, request);

    if (request->status == CORRAL_OK) {
        found_locked(ids, request->data, request->length);
    } else if (request->status == CORRAL_ENOENT) {
        if (answer_locked(ids, CORRAL_ENOENT)) {
            go_on_locked(ids, make_locked);
        }
    } else if (request->status == CORRAL_ELOST) {
        go_on_locked(ids, read_locked);
    } else {
        fail_locked(ids, request->status, NULL);
    }
    corrali_ids_drop_locked(ids);
}

static void read_locked(corral_ids *ids)
{
    ids->request.kind = CORRALI_GET;
    ids->request.path = ids->path;
    submit_locked(ids, was_read);
}

void corrali_ids_find_locked(corral_ids *ids)
{
    ids->phase = CORRALI_IDS_FINDING;
    read_locked(ids);
}

/*
 * ZNODE: the directories of epochs. Those of epochs that have passed are deleted
 * by whoever leaves them last, by whoever begins the next epoch, and by whoever
 * closes a handle. Those that others are still in are left to these.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "decimal.h"
#include "ids_znode.h"

/* Room for what a directory's path has more than the generator's, and a znode's more than that. */
enum { NAME_SIZE = 48, PREFIX_SIZE = 24 };

/* Something to be cleaned up. */
typedef struct {
    corrali_request request;
    corrali_znodes *owner;
    char path[];
} errand;

static void remove_now_locked(errand *own);

/* --- errands --- */

/* NULL: no memory; then what it is about is left to others. */
static errand *begin_locked(corrali_znodes *owner, const char *path)
{
    size_t size = strlen(path) + 1;
    errand *own = corrali_alloc(sizeof *own + size);

    if (own != NULL) {
        own->owner = owner;
        memcpy(own->path, path, size);
        corrali_znodes_keep_locked(owner);
    }
    return own;
}

static void end_locked(errand *own)
{
    corrali_znodes *owner = own->owner;

    corrali_free(own);
    corrali_znodes_drop_locked(owner);
}

static void send_locked(errand *own, corrali_request_kind kind, const char *path,
                        void (*done)(corrali_request *))
{
    own->request.kind = kind;
    own->request.path = path;
    own->request.done = done;
    corrali_submit_locked(corrali_znodes_client(own->owner), &own->request);
}

static void removed(corrali_request *request)
{
    errand *own = CORRALI_CONTAINER(request, errand, request);

    if (request->status == CORRAL_ELOST) {
        remove_now_locked(own);
    } else {
        end_locked(own); /* EEXIST: others are in it */
    }
}

static void remove_now_locked(errand *own)
{
    own->request.write_count = 1;
    own->request.writes[0] =
        (corrali_write){.kind = CORRALI_DELETE, .path = own->path, .version = CORRALI_VERSION_ANY};
    send_locked(own, CORRALI_MULTI, NULL, removed);
}

/* --- those of epochs that have passed --- */

/* @name is that of an epoch that has passed. */
static bool has_passed(const corrali_znodes *own, const char *name)
{
    char tag[NAME_SIZE];
    size_t length = (size_t)snprintf(tag, sizeof tag, "%016" PRIx64 "-", own->ids->config.tag);
    int64_t epoch;

    return strncmp(name, tag, length) == 0 &&
           corrali_decimal_decode(name + length, strlen(name + length), &epoch) && epoch > 0 &&
           epoch < own->epoch;
}

static void remove_child_locked(corrali_znodes *own, const char *name)
{
    char *path = corrali_asprintf("%s/%s", own->ids->path, name);
    errand *removal = path == NULL ? NULL : begin_locked(own, path);

    if (removal != NULL) {
        remove_now_locked(removal);
    }
    corrali_free(path);
}

static void listed(corrali_request *request)
{
    errand *own = CORRALI_CONTAINER(request, errand, request);

    if (request->status == CORRAL_ELOST) {
        send_locked(own, CORRALI_CHILDREN, own->path, listed);
        return;
    }
    for (size_t i = 0; request->status == CORRAL_OK && i < request->length; i++) {
        if (has_passed(own->owner, request->names[i])) {
            remove_child_locked(own->owner, request->names[i]);
        }
    }
    end_locked(own);
}

void corrali_znodes_clear_locked(corrali_znodes *own)
{
    errand *listing = begin_locked(own, own->ids->path);

    if (listing != NULL) {
        send_locked(listing, CORRALI_CHILDREN, listing->path, listed);
    }
}

/* --- when a handle is closed --- */

static void looked(corrali_request *request)
{
    errand *own = CORRALI_CONTAINER(request, errand, request);
    corrali_znodes *owner = own->owner;
    corrali_ids_config config;
    int64_t epoch;

    if (request->status == CORRAL_ELOST) {
        send_locked(own, CORRALI_GET, owner->ids->path, looked);
        return;
    }
    if (request->status == CORRAL_OK &&
        corrali_ids_config_parse(request->data, request->length, &config, &epoch) &&
        config.tag == owner->ids->config.tag && epoch >= owner->epoch) {
        owner->epoch = epoch;
        corrali_znodes_clear_locked(owner);
    }
    end_locked(own);
}

/* --- directories --- */

corrali_ids_directory *corrali_ids_directory_new(corrali_znodes *own, int64_t epoch)
{
    size_t size = strlen(own->ids->path) + NAME_SIZE;
    corrali_ids_directory *directory = corrali_alloc(sizeof *directory + 2 * size + PREFIX_SIZE);

    if (directory == NULL) {
        return NULL;
    }
    directory->owner = own;
    directory->epoch = epoch;
    directory->uses = 1;
    directory->prefix = directory->path + size;
    (void)snprintf(directory->path, size, "%s/%016" PRIx64 "-%" PRId64, own->ids->path, own->ids->config.tag,
                   epoch);
    (void)snprintf(directory->prefix, size + PREFIX_SIZE, "%s/%016" PRIx64 "-", directory->path, own->guid);
    return directory;
}

void corrali_ids_directory_free(corrali_ids_directory *directory)
{
    corrali_free(directory);
}

void corrali_ids_directory_leave_locked(corrali_ids_directory *directory)
{
    corrali_znodes *own = directory->owner;
    errand *last;

    directory->uses--;
    if (directory->uses > 0) {
        return;
    }
    last = begin_locked(own, directory->path);
    if (last != NULL && directory->superseded) {
        remove_now_locked(last);
    } else if (last != NULL) {
        /* Who has begun a later epoch meanwhile has found us in this one, or, in others, who has crashed. */
        send_locked(last, CORRALI_GET, own->ids->path, looked);
    }
    corrali_ids_directory_free(directory);
}

void corrali_znodes_replace_locked(corrali_znodes *own, corrali_ids_directory *directory)
{
    corrali_ids_directory *until_now = own->current;

    own->current = directory;
    if (until_now != NULL) {
        until_now->superseded = !own->stopped;
        corrali_ids_directory_leave_locked(until_now);
    }
}

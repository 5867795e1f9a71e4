#include "mkdirs.h"

#include <string.h>

#include "alloc.h"
#include "internal.h"
#include "path.h"

/* One making under way: from the top down, one component a request. */
typedef struct {
    corrali_request request;
    corral_client *client;
    size_t depth; /* components of the ancestor being made */
    size_t open_from;
    char *denied; /* the first ancestor that we may not make, if it is not known to exist */
    corrali_mkdirs_cb done;
    void *arg;
    char *ancestor; /* behind this struct, in one piece of memory */
    char path[];
} making;

static void finish(making *own, int status, const char *path)
{
    own->done(own->arg, status, path);
    corrali_free(own->denied);
    corrali_free(own);
}

/* Make the next ancestor; false: there is none left. */
static bool next(making *own)
{
    size_t length = corrali_path_prefix(own->path, own->depth + 1);

    if (length == 0 || own->path[length] == '\0') {
        return false;
    }
    own->depth++;
    memcpy(own->ancestor, own->path, length);
    own->ancestor[length] = '\0';
    own->request.writes[0] = (corrali_write){
        .kind = CORRALI_CREATE, .path = own->ancestor, .data = "", .open = length > own->open_from};
    corrali_submit_locked(own->client, &own->request);
    return true;
}

static void on_made(corrali_request *request)
{
    making *own = CORRALI_CONTAINER(request, making, request);
    int status = request->status;

    if (status == CORRAL_ELOST) {
        corrali_submit_locked(own->client, request);
        return;
    }
    if (status == CORRAL_EACCES) {
        /* A server refuses before it looks whether the znode exists, so this
         * is no failure yet. It does look for the parent first. */
        corrali_free(own->denied);
        own->denied = corrali_strdup(own->ancestor);
    } else if (status == CORRAL_ENOENT && own->denied != NULL) {
        finish(own, CORRAL_EACCES, own->denied);
        return;
    } else if (status == CORRAL_OK || status == CORRAL_EEXIST) {
        corrali_free(own->denied);
        own->denied = NULL;
    } else if (status != CORRAL_ENOENT) {
        finish(own, status, own->ancestor);
        return;
    }
    if (next(own)) {
        return;
    }
    if (status == CORRAL_EACCES) {
        finish(own, CORRAL_EACCES, own->denied == NULL ? own->ancestor : own->denied);
    } else {
        finish(own, CORRAL_OK, own->ancestor);
    }
}

int corrali_mkdirs_locked(corral_client *client, const char *path, size_t open_from, corrali_mkdirs_cb done,
                          void *arg)
{
    size_t size = strlen(path) + 1;
    making *own = corrali_alloc(sizeof *own + 2 * size);

    if (own == NULL) {
        return CORRAL_ENOMEM;
    }
    memcpy(own->path, path, size);
    own->ancestor = own->path + size;
    own->client = client;
    own->open_from = open_from;
    own->done = done;
    own->arg = arg;
    own->request.kind = CORRALI_MULTI;
    own->request.write_count = 1;
    own->request.done = on_made;
    if (!next(own)) {
        finish(own, CORRAL_OK, own->path);
    }
    return CORRAL_OK;
}

/* Requests to libzookeeper, and their replies. */
#include <corral/status.h>

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "backend_zk.h"

/* ZooKeeper's codes end here. */
static int status_of(int code)
{
    switch (code) {
    case ZOK:
        return CORRAL_OK;
    case ZNONODE:
        return CORRAL_ENOENT;
    case ZNODEEXISTS:
    case ZNOTEMPTY:
        return CORRAL_EEXIST;
    case ZBADVERSION:
        return CORRAL_ECONFLICT;
    case ZNOAUTH:
        return CORRAL_EACCES;
    case ZBADARGUMENTS:
    case ZINVALIDACL:
        return CORRAL_EINVAL;
    case ZNOCHILDRENFOREPHEMERALS:
    case ZUNIMPLEMENTED:
        return CORRAL_ENOTSUP;
    /* No reply, or one that says no more than that: of a moved session an
     * earlier attempt may yet be under way, so the request must be repeated. */
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZSESSIONMOVED:
    case ZAUTHFAILED:
    case ZCLOSING:
    case ZINVALIDSTATE:
    case ZSYSTEMERROR:
    case ZRUNTIMEINCONSISTENCY:
    case ZTHROTTLEDOP:
        return CORRAL_ELOST;
    default:
        return CORRAL_ESERVER;
    }
}

static corrali_stat stat_of(const struct Stat *stat)
{
    return (corrali_stat){.czxid = stat->czxid,
                          .mzxid = stat->mzxid,
                          .mtime_ms = stat->mtime,
                          .version = stat->version,
                          .child_count = stat->numChildren,
                          .ephemeral_owner = stat->ephemeralOwner,
                          .pzxid = stat->pzxid,
                          .cversion = stat->cversion};
}

/* --- ACLs and calls --- */

int corrali_zk_copy_acl(struct ACL_vector *ret_acl, const corral_acl *entries, size_t count)
{
    struct ACL *data = corrali_alloc((count + 1) * sizeof *data);

    if (data == NULL) {
        return CORRAL_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        /* libzookeeper's structs have no const; it only reads these. */
        data[i] = (struct ACL){.perms = entries[i].perms,
                               .id = {.scheme = (char *)entries[i].scheme, .id = (char *)entries[i].id}};
    }
    *ret_acl = (struct ACL_vector){.count = (int32_t)count, .data = data};
    return CORRAL_OK;
}

static void free_call(corrali_zk_call *own)
{
    for (size_t i = 0; i < own->count; i++) {
        corrali_free(own->writes[i].acl.data);
        corrali_free(own->writes[i].created);
    }
    corrali_free(own);
}

/* Room for a path and its number, which has a sign after 2^31 of them. */
static size_t created_size(const corrali_write *write)
{
    return strlen(write->path) + sizeof "-2147483648";
}

/* What @write needs beside the request. */
static int prepare_write(corrali_zk_call *own, size_t i)
{
    const corrali_write *write = &corrali_writes(own->request)[i];

    if (write->acl != NULL &&
        corrali_zk_copy_acl(&own->writes[i].acl, write->acl, write->acl_count) != CORRAL_OK) {
        return CORRAL_ENOMEM;
    }
    if (write->kind == CORRALI_CREATE && write->sequential) {
        own->writes[i].created = corrali_alloc(created_size(write));
        return own->writes[i].created == NULL ? CORRAL_ENOMEM : CORRAL_OK;
    }
    return CORRAL_OK;
}

static corrali_zk_call *new_call(corrali_request *request)
{
    size_t count = request->kind == CORRALI_MULTI ? request->write_count : 0;
    corrali_zk_call *own =
        corrali_alloc(sizeof *own + count * (sizeof *own->writes + sizeof *own->ops + sizeof *own->results));

    if (own == NULL) {
        return NULL;
    }
    own->request = request;
    own->count = count;
    own->ops = (zoo_op_t *)&own->writes[count];
    own->results = (zoo_op_result_t *)&own->ops[count];
    for (size_t i = 0; i < count; i++) {
        if (prepare_write(own, i) != CORRAL_OK) {
            free_call(own);
            return NULL;
        }
    }
    return own;
}

/* --- replies: on the completion thread of a handle --- */

void corrali_zk_answer(corrali_zk_call *reply, int status)
{
    corrali_zk *self = reply->owner->zk;
    corrali_request *request = reply->request;

    pthread_mutex_lock(&self->mutex);
    corrali_list_remove(&reply->link);
    pthread_mutex_unlock(&self->mutex);
    request->status = status;
    self->events->reply(self->owner, request);
    free_call(reply);
}

static void on_data(int code, const char *data, int length, const struct Stat *stat, const void *context)
{
    corrali_zk_call *reply = (corrali_zk_call *)context;

    if (code == ZOK) {
        reply->request->data = data;
        reply->request->length = length < 0 ? 0 : (size_t)length; /* -1: a znode without data */
        reply->request->stat = stat_of(stat);
    }
    corrali_zk_answer(reply, status_of(code));
}

static void on_stat(int code, const struct Stat *stat, const void *context)
{
    corrali_zk_call *reply = (corrali_zk_call *)context;

    if (code == ZOK) {
        reply->request->stat = stat_of(stat);
    }
    corrali_zk_answer(reply, status_of(code));
}

static void on_children(int code, const struct String_vector *names, const struct Stat *stat,
                        const void *context)
{
    corrali_zk_call *reply = (corrali_zk_call *)context;

    if (code == ZOK) {
        reply->request->names = (const char *const *)names->data;
        reply->request->length = (size_t)names->count;
        reply->request->stat = stat_of(stat);
    }
    corrali_zk_answer(reply, status_of(code));
}

static void on_acl(int code, struct ACL_vector *acl, struct Stat *stat, const void *context)
{
    corrali_zk_call *reply = (corrali_zk_call *)context;
    size_t count = code == ZOK ? (size_t)acl->count : 0;
    corral_acl *entries = corrali_alloc((count + 1) * sizeof *entries);

    (void)stat;
    for (size_t i = 0; i < count && entries != NULL; i++) {
        entries[i] = (corral_acl){
            .scheme = acl->data[i].id.scheme, .id = acl->data[i].id.id, .perms = acl->data[i].perms};
    }
    reply->request->acl = entries;
    reply->request->length = count;
    corrali_zk_answer(reply, code == ZOK && entries == NULL ? CORRAL_ELOST
                                                            : status_of(code)); /* ELOST: asked again */
    corrali_free(entries);
}

/* SYNC */
static void on_path(int code, const char *path, const void *context)
{
    corrali_zk_call *reply = (corrali_zk_call *)context;

    (void)path;
    corrali_zk_answer(reply, status_of(code));
}

static int32_t sequence_of(const corrali_write *write, const char *created)
{
    return (int32_t)strtol(created + strlen(write->path), NULL, 10);
}

/* The only write of a MULTI. */
static void on_created(int code, const char *path, const struct Stat *stat, const void *context)
{
    corrali_zk_call *reply = (corrali_zk_call *)context;
    corrali_write *write = corrali_writes(reply->request);

    if (code == ZOK) {
        write->stat = stat_of(stat);
        write->sequence = write->sequential ? sequence_of(write, path) : 0;
    }
    reply->request->failed = 0;
    corrali_zk_answer(reply, status_of(code));
}

/* The same. */
static void on_set(int code, const struct Stat *stat, const void *context)
{
    corrali_zk_call *reply = (corrali_zk_call *)context;

    if (code == ZOK) {
        corrali_writes(reply->request)->stat = stat_of(stat);
    }
    reply->request->failed = 0;
    corrali_zk_answer(reply, status_of(code));
}

static void on_deleted(int code, const void *context)
{
    corrali_zk_call *reply = (corrali_zk_call *)context;

    reply->request->failed = 0;
    corrali_zk_answer(reply, status_of(code));
}

/*
 * libzookeeper fills results[i].err: 0 before the write that failed, its code
 * there, ZRUNTIMEINCONSISTENCY behind it. Where the whole request failed, all
 * have the request's code.
 */
static void on_multi(int code, const void *context)
{
    corrali_zk_call *reply = (corrali_zk_call *)context;
    corrali_request *request = reply->request;

    for (size_t i = 0; code == ZOK && i < request->write_count; i++) {
        corrali_write *write = &corrali_writes(request)[i];

        if (write->kind == CORRALI_SET) {
            write->stat = stat_of(&reply->writes[i].stat);
        } else if (reply->writes[i].created != NULL) {
            write->sequence = sequence_of(write, reply->writes[i].created);
        }
    }
    request->failed = 0;
    while (code != ZOK && request->failed + 1 < request->write_count &&
           reply->results[request->failed].err == ZOK) {
        request->failed++;
    }
    corrali_zk_answer(reply, status_of(code == ZOK ? ZOK : reply->results[request->failed].err));
}

/* --- watches: on the completion thread of a handle --- */

static corrali_change change_of(int type)
{
    return type == ZOO_DELETED_EVENT ? CORRALI_DELETED
           : type == ZOO_CHILD_EVENT ? CORRALI_CHILDREN_CHANGED
                                     : CORRALI_CHANGED;
}

/* Watches of all paths have this one function and their session as context, so none has anything to free. */
static void on_change(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    corrali_zk_session *own = context;

    (void)handle;
    (void)state;
    if (type != ZOO_SESSION_EVENT && type != ZOO_NOTWATCHING_EVENT) {
        own->zk->events->changed(own->zk->owner, path, change_of(type));
    }
}

/*
 * Of libzookeeper's tables only, which neither sends nor waits: what matters is
 * that the path is no longer among those that are set again, in one packet,
 * after a connection is lost. The server's watch is one-shot, and its event
 * finds nobody.
 */
void corrali_zk_unwatch(corrali_backend *base, const char *path, bool children)
{
    corrali_zk *self = (corrali_zk *)base;

    pthread_mutex_lock(&self->mutex);
    if (self->session != NULL && self->session->handle != NULL) {
        (void)zoo_remove_watches(self->session->handle, path, children ? ZWATCHTYPE_CHILD : ZWATCHTYPE_DATA,
                                 on_change, self->session, 1);
    }
    pthread_mutex_unlock(&self->mutex);
}

/* --- requests: on any thread --- */

static int mode_of(const corrali_write *write)
{
    if (write->container) {
        return ZOO_CONTAINER;
    }
    return (write->ephemeral ? ZOO_EPHEMERAL : ZOO_PERSISTENT) | (write->sequential ? ZOO_SEQUENCE : 0);
}

static zoo_op_t write_of(corrali_zk *self, corrali_zk_call *sent, size_t i)
{
    corrali_write *write = &corrali_writes(sent->request)[i];
    corrali_zk_write *own = &sent->writes[i];
    zoo_op_t op;

    switch (write->kind) {
    case CORRALI_CREATE:
        zoo_create_op_init(&op, write->path, write->data, (int)write->length,
                           write->open ? &ZOO_OPEN_ACL_UNSAFE : &self->acl, mode_of(write), own->created,
                           own->created == NULL ? 0 : (int)created_size(write));
        break;
    case CORRALI_SET:
        zoo_set_op_init(&op, write->path, write->data, (int)write->length, write->version, &own->stat);
        break;
    case CORRALI_DELETE:
        zoo_delete_op_init(&op, write->path, write->version);
        break;
    case CORRALI_CHECK:
        zoo_check_op_init(&op, write->path, write->version);
        break;
    }
    if (write->acl != NULL) {
        op.create_op.acl = &own->acl;
    }
    return op;
}

/*
 * The only write of a MULTI, which costs less by itself. A creation is answered
 * with its stat then. In a multi it is so for a container only, and libzookeeper
 * 3.8 does not expect it there: nothing behind it would be understood.
 */
static int send_single(zhandle_t *handle, corrali_zk_call *sent, const zoo_op_t *op)
{
    const corrali_write *write = corrali_writes(sent->request);

    switch (write->kind) {
    case CORRALI_CREATE:
        return zoo_acreate2(handle, write->path, write->data, (int)write->length, op->create_op.acl,
                            mode_of(write), on_created, sent);
    case CORRALI_SET:
        return zoo_aset(handle, write->path, write->data, (int)write->length, write->version, on_set, sent);
    case CORRALI_DELETE:
        return zoo_adelete(handle, write->path, write->version, on_deleted, sent);
    case CORRALI_CHECK:
        break; /* there is none */
    }
    return zoo_amulti(handle, 1, sent->ops, sent->results, on_multi, sent);
}

static int send_multi(corrali_zk *self, zhandle_t *handle, corrali_zk_call *sent)
{
    corrali_request *request = sent->request;
    const corrali_write *writes = corrali_writes(request);
    bool container = false;

    for (size_t i = 0; i < request->write_count; i++) {
        sent->ops[i] = write_of(self, sent, i);
        container = container || writes[i].container;
    }
    if (request->write_count == 1) {
        return send_single(handle, sent, sent->ops);
    }
    if (container) {
        return ZBADARGUMENTS;
    }
    return zoo_amulti(handle, (int)request->write_count, sent->ops, sent->results, on_multi, sent);
}

static int send_call(corrali_zk *self, zhandle_t *handle, corrali_zk_call *sent)
{
    corrali_request *request = sent->request;
    watcher_fn watcher = request->watch ? on_change : NULL;

    switch (request->kind) {
    case CORRALI_GET:
        return zoo_awget(handle, request->path, watcher, sent->owner, on_data, sent);
    case CORRALI_EXISTS:
        return zoo_awexists(handle, request->path, watcher, sent->owner, on_stat, sent);
    case CORRALI_CHILDREN:
        return zoo_awget_children2(handle, request->path, watcher, sent->owner, on_children, sent);
    case CORRALI_GET_ACL:
        return zoo_aget_acl(handle, request->path, on_acl, sent);
    case CORRALI_SYNC:
        return zoo_async(handle, request->path, on_path, sent);
    case CORRALI_MULTI:
        return send_multi(self, handle, sent);
    }
    return ZUNIMPLEMENTED;
}

int corrali_zk_submit(corrali_backend *base, corrali_request *request)
{
    corrali_zk *self = (corrali_zk *)base;
    corrali_zk_call *sent = new_call(request);
    int code;

    if (sent == NULL) {
        return CORRAL_ENOMEM;
    }
    pthread_mutex_lock(&self->mutex);
    if (self->session == NULL || self->session->handle == NULL || self->session->dead) {
        pthread_mutex_unlock(&self->mutex);
        free_call(sent);
        return CORRAL_ELOST;
    }
    /* Under the mutex, so that the keeper cannot close the handle meanwhile,
     * and the reply finds the call listed. */
    sent->owner = self->session;
    corrali_list_append(&sent->owner->calls, &sent->link);
    code = send_call(self, sent->owner->handle, sent);
    if (code == ZINVALIDSTATE || code == ZBADARGUMENTS) {
        corrali_list_remove(&sent->link);
    } else if (code != ZOK && is_unrecoverable(sent->owner->handle) == ZOK) {
        /* It may be queued or not. It is answered once the handle is closed. The event of a session
         * that has ended, which a multi may meet on its way, comes by itself, and says why. */
        corrali_zk_give_up_locked(sent->owner);
    }
    pthread_mutex_unlock(&self->mutex);
    if (code == ZINVALIDSTATE || code == ZBADARGUMENTS) {
        free_call(sent);
        return status_of(code);
    }
    return CORRAL_OK;
}

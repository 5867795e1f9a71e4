/*
 * Subscriptions. Each holds at most one state that has not been delivered: a
 * newer one replaces it, so a slow callback holds up nothing but itself.
 */
#include "watch.h"

#include "alloc.h"
#include "path.h"

/* --- delivery --- */

/* Whether @state is nothing new to who was told last what @watch was. */
static bool is_same(const corral_watch *watch, const corrali_snapshot *state)
{
    return watch->delivered && watch->status == state->status && watch->exists == state->exists &&
           watch->mzxid == state->stamp.mzxid &&
           (watch->serial == state->serial ||
            (state->family == NULL && corrali_snapshot_same_children(watch->told, state)));
}

static void queue_locked(corral_watch *watch)
{
    if (!watch->queued) {
        watch->queued = true;
        watch->refs++;
        corrali_dispatch_add_locked(watch->client, &watch->task);
    }
}

/* Deliver @state unless it is what has been delivered last. */
static void offer_locked(corrali_listener *listener, corrali_snapshot *state)
{
    corral_watch *watch = CORRALI_CONTAINER(listener, corral_watch, listener);

    if (watch->ended || (watch->pending == NULL && is_same(watch, state))) {
        return;
    }
    state->refs++;
    corrali_snapshot_unref_locked(watch->pending);
    watch->pending = state;
    queue_locked(watch);
}

/* Deliver @status, for other reasons than the znode's, as the last. */
static void end_locked(corrali_listener *listener, int status)
{
    corral_watch *watch = CORRALI_CONTAINER(listener, corral_watch, listener);

    if (watch->ended) {
        return;
    }
    watch->ended = true;
    watch->ending = status;
    queue_locked(watch);
}

/* Note that @state is delivered. Returns what of it the event has to tell. */
static corral_watch_event tell_locked(corral_watch *watch, corrali_snapshot *state)
{
    corral_watch_event event = {.status = state->status,
                                .exists = state->exists,
                                .value = state->length > 0 ? state->value : NULL,
                                .length = state->length,
                                .stamp = state->stamp};

    event.children = state->child_count > 0 ? state->children : NULL;
    event.child_count = state->child_count;
    watch->delivered = true;
    watch->status = state->status;
    watch->exists = state->exists;
    watch->mzxid = state->stamp.mzxid;
    watch->serial = state->serial;
    if (state->serial > 0) {
        state->refs++;
        corrali_snapshot_unref_locked(watch->told);
        watch->told = state;
    }
    if (state->status == CORRAL_OK) {
        if (watch->counted && state->changes > watch->changes) {
            event.skipped = state->changes - watch->changes - 1;
        }
        watch->counted = true;
        watch->changes = state->changes;
    }
    return event;
}

/* The next event, and the state it borrows from (NULL: none), which is the caller's to drop. False: there is
 * none. */
static bool take_locked(corral_watch *watch, corral_watch_event *ret_event, corrali_snapshot **ret_state)
{
    corrali_snapshot *state = watch->pending;

    watch->pending = NULL;
    if (state != NULL) {
        corrali_family_fill_locked(state);
    }
    if (state != NULL && is_same(watch, state)) {
        corrali_snapshot_unref_locked(state);
        state = NULL;
    }
    if (state == NULL && watch->ending == CORRAL_OK) {
        return false;
    }
    if (state != NULL) {
        *ret_event = tell_locked(watch, state);
    } else {
        *ret_event = (corral_watch_event){.status = watch->ending};
        watch->ending = CORRAL_OK;
    }
    *ret_state = state;
    return true;
}

/* The client, if @watch was freed: its reference is the caller's to drop. Else NULL. */
static corral_client *unref_locked(corral_watch *watch)
{
    corral_client *client = watch->client;

    if (--watch->refs > 0) {
        return NULL;
    }
    corrali_free(watch);
    return client;
}

/* On the dispatch thread. */
static void run_callback(corrali_task *task)
{
    corral_watch *watch = CORRALI_CONTAINER(task, corral_watch, task);
    corral_client *client = watch->client;
    corral_client *last;
    corral_watch_event event;
    corrali_snapshot *state;

    corrali_lock(client);
    watch->queued = false;
    if (!watch->closed && take_locked(watch, &event, &state)) {
        watch->running = true;
        corrali_unlock(client);
        watch->deliver(watch, &event);
        corrali_lock(client);
        watch->running = false;
        corrali_snapshot_unref_locked(state);
        if (watch->closed) {
            pthread_cond_broadcast(&client->watch_idle);
        } else if (watch->pending != NULL || watch->ending != CORRAL_OK) {
            queue_locked(watch);
        }
    }
    last = unref_locked(watch);
    corrali_unlock(client);
    if (last != NULL) {
        /* Not its last reference: who will join the dispatch thread has one. */
        corrali_client_unref(last);
    }
}

/* --- the public calls --- */

static void deliver(const corral_watch *watch, const corral_watch_event *event)
{
    watch->callback.data(event, watch->arg);
}

static int join_locked(corral_watch *watch, const char *path, corral_watch_kind kind)
{
    corral_client *client = watch->client;
    bool children = kind == CORRAL_WATCH_CHILDREN;

    return kind == CORRAL_WATCH_CHILDREN_DATA
               ? corrali_family_join_locked(client, path, &watch->listener, &watch->family)
               : corrali_watched_join_locked(client, path, children, &watch->listener);
}

static void leave_locked(corral_watch *watch)
{
    if (watch->family != NULL) {
        corrali_family_leave_locked(watch->family, &watch->listener);
    } else {
        corrali_watched_leave_locked(&watch->listener);
    }
}

int corrali_watch_open_locked(corral_client *client, const char *path, corral_watch_kind kind,
                              const corral_watch *prototype, corral_watch **ret_watch)
{
    corral_watch *watch = corrali_alloc(sizeof *watch);
    int status;

    if (watch == NULL) {
        return CORRAL_ENOMEM;
    }
    *watch = *prototype;
    watch->task.run = run_callback;
    watch->client = client;
    watch->refs = 1;
    corrali_list_init(&watch->task.link);
    corrali_list_init(&watch->listener.link);
    watch->listener.told_locked = offer_locked;
    watch->listener.ended_locked = end_locked;
    status = join_locked(watch, path, kind);
    if (status != CORRAL_OK) {
        corrali_free(watch);
        return status;
    }
    corrali_client_ref(client);
    *ret_watch = watch;
    return CORRAL_OK;
}

static int open_locked(corral_client *client, const char *path, corral_watch_kind kind,
                       const corral_watch *prototype, corral_watch **ret_watch)
{
    char *full = corrali_asprintf("%s%s", client->chroot, path);
    int status =
        full == NULL ? CORRAL_ENOMEM : corrali_watch_open_locked(client, full, kind, prototype, ret_watch);

    corrali_free(full);
    return status;
}

int corral_watch_open(corral_client *client, const char *path, const corral_watch_options *options,
                      corral_watch_cb cb, void *arg, corral_watch **ret_watch)
{
    const corral_watch prototype = {.deliver = deliver, .callback.data = cb, .arg = arg};
    corral_watch_kind kind = options != NULL ? options->kind : CORRAL_WATCH_DATA;
    int status;

    if (client == NULL || path == NULL || cb == NULL || ret_watch == NULL || !corrali_path_valid(path) ||
        (options != NULL && options->version != CORRAL_WATCH_OPTIONS_VERSION) ||
        (unsigned)kind > CORRAL_WATCH_CHILDREN_DATA) {
        return CORRAL_EINVAL;
    }
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    status = corrali_client_accepts_locked(client);
    if (status == CORRAL_OK) {
        status = open_locked(client, path, kind, &prototype, ret_watch);
    }
    corrali_unlock(client);
    return status;
}

int corral_watch_close(corral_watch *watch)
{
    corral_client *client;
    corral_client *last;
    int status;

    if (watch == NULL) {
        return CORRAL_OK;
    }
    client = watch->client;
    status = corrali_enter(client);
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    watch->closed = true;
    leave_locked(watch);
    corrali_snapshot_unref_locked(watch->pending);
    watch->pending = NULL;
    corrali_snapshot_unref_locked(watch->told);
    watch->told = NULL;
    /* On the dispatch thread there is no other callback running but the one that calls. */
    while (watch->running && !corrali_dispatching(client)) {
        pthread_cond_wait(&client->watch_idle, &client->mutex);
    }
    last = unref_locked(watch);
    corrali_unlock(client);
    if (last != NULL) {
        corrali_client_unref(last);
    }
    return CORRAL_OK;
}

/*
 * Watched znodes, found by path in a tree of the client's. ZooKeeper's watches
 * tell of one change, and not what it was; so each is answered by a read that
 * fetches the data and leaves the next watch, in one:
 *
 *      (first subscription)
 *              |      +---- changed, session lost ----+
 *              v      v                               |
 *             GET --------------- found ----------> armed
 *              | ^                                    ^
 *       absent | | found                              |
 *              v |                                    |
 *           EXISTS -------------- absent -------------+
 *
 * A read that was refused, for which there was no memory, or which found a
 * state older than what is known, is made again after a pause. One whose reply
 * was lost is made again at once: it waits for the next connection. After
 * another connection of the same session libzookeeper sets the watches again,
 * and the server tells of those whose znode has changed meanwhile.
 *
 * A server drops a watch without telling when it fires while the watcher may not
 * read the znode. So each znode is also read every now and then, unasked.
 *
 * Where a pause needs memory that is not there, the read itself is the pause:
 * it cannot be sent then, and that is tried again at intervals.
 */
#include "watch.h"

#include <search.h>
#include <string.h>

#include "alloc.h"
#include "wire.h"

/* The bytes of all paths of a client: a server refuses the request that sets them again if it is above 1 MiB.
 */
enum { PATHS_MAX = 512 * 1024, PATH_OVERHEAD = 4 };

/* When all is read anew because the session is a new one, others do it too. */
enum { RENEWAL_JITTER_MS = 100 };

/* Pauses: without memory; the first and the longest one after a refusal. Each is a random part shorter. */
enum { MEMORY_PAUSE_MS = 10, REFUSED_MIN_MS = 250, REFUSED_MAX_MS = 8000 };

/* Reads unasked: the interval, once more for every so many bytes of paths, so that there are not too many. */
enum { CHECK_BYTES = 16 * 1024 };
_Atomic int64_t corrali_watched_check_ms = 30000;

static void read_locked(corrali_watched *own);

/* --- states --- */

void corrali_snapshot_unref_locked(corrali_snapshot *state)
{
    if (state != NULL && --state->refs == 0) {
        corrali_free(state);
    }
}

/* Let @state, which is owned from now on, be the current one. */
static void publish_locked(corrali_watched *own, corrali_snapshot *state)
{
    corrali_snapshot_unref_locked(own->current);
    own->current = state;
    for (corrali_link *link = own->subscriptions.next; link != &own->subscriptions; link = link->next) {
        corrali_watch_offer_locked(CORRALI_CONTAINER(link, corral_watch, link), state);
    }
}

/* --- pauses and reads --- */

static void pause_passed(corrali_timer *timer)
{
    read_locked(CORRALI_CONTAINER(timer, corrali_watched, pause));
}

/* Read after a random time from @least_ms to @most_ms. Returns 0 or CORRAL_ENOMEM. */
static int set_pause_locked(corrali_watched *own, int64_t least_ms, int64_t most_ms)
{
    corral_client *client = own->client;
    uint64_t range = (uint64_t)(most_ms - least_ms) + 1;
    int64_t ms = least_ms + (int64_t)(corrali_random_locked(client) % range);

    corrali_timers_stop(&client->timers, &own->pause);
    return corrali_timers_set(&client->timers, &own->pause, corrali_time_after_locked(client, ms));
}

static void pause_locked(corrali_watched *own, int64_t least_ms, int64_t most_ms)
{
    if (set_pause_locked(own, least_ms, most_ms) != CORRAL_OK) {
        read_locked(own);
    }
}

/* Without memory there will be no check this time. */
static void check_later_locked(corrali_watched *own)
{
    int64_t ms =
        atomic_load(&corrali_watched_check_ms) * (1 + (int64_t)(own->client->watched_bytes / CHECK_BYTES));

    (void)set_pause_locked(own, ms / 2, ms);
}

static void send_locked(corrali_watched *own, corrali_request_kind kind)
{
    own->request.kind = kind;
    own->reading = true;
    corrali_submit_locked(own->client, &own->request);
}

static void read_locked(corrali_watched *own)
{
    corrali_timers_stop(&own->client->timers, &own->pause);
    if (own->reading) {
        own->again = true;
    } else if (corrali_client_accepts_locked(own->client) == CORRAL_OK) {
        own->armed = false;
        own->again = false;
        send_locked(own, CORRALI_GET);
    }
}

/* --- replies --- */

/* Whether a znode with @stat was there before the state that is known: the server lags behind. */
static bool is_older(const corrali_watched *own, const corrali_stat *stat)
{
    return own->known && (stat->mzxid < own->last.mzxid || (!own->exists && stat->mzxid == own->last.mzxid));
}

/* How many changes at least led from the state that is known to @stat; NULL: to none. */
static uint64_t count_changes(const corrali_watched *own, const corrali_stat *stat)
{
    uint64_t own_changes = stat == NULL ? 0 : (uint64_t)(uint32_t)stat->version + 1; /* its creation, too */

    if (!own->known) {
        return 1;
    }
    if (!own->exists) {
        /* What was told while it was absent was its creation; then it was deleted, too. */
        return stat != NULL ? own_changes : own->fired ? 2 : 0;
    }
    if (stat == NULL) {
        return 1;
    }
    if (stat->czxid == own->last.czxid) {
        return (uint32_t)stat->version - (uint32_t)own->last.version;
    }
    /* A counter at its last version is made anew in one step with its deletion. */
    return own->last.version == CORRALI_VERSION_LAST ? own_changes : own_changes + 1;
}

/* A read has found @data with @stat; NULL: no znode. */
static void found_locked(corrali_watched *own, const corrali_request *reply, const corrali_stat *stat)
{
    size_t length = stat == NULL ? 0 : reply->length;
    corrali_snapshot *state;

    if (stat != NULL && is_older(own, stat)) {
        pause_locked(own, 0, REFUSED_MIN_MS);
        return;
    }
    state = corrali_alloc(sizeof *state + length);
    if (state == NULL) {
        pause_locked(own, MEMORY_PAUSE_MS, MEMORY_PAUSE_MS);
        return;
    }
    own->changes += count_changes(own, stat);
    own->known = true;
    own->exists = stat != NULL;
    own->armed = true;
    own->fired = false;
    own->pause_ms = 0;
    state->refs = 1;
    state->changes = own->changes;
    if (stat != NULL) {
        own->last =
            (corral_stamp){.czxid = stat->czxid, .mzxid = stat->mzxid, .version = stat->version, .index = 0};
        state->exists = true;
        state->stamp = own->last;
        state->length = length;
        if (length > 0) {
            memcpy(state->value, reply->data, length);
        }
    }
    publish_locked(own, state);
    check_later_locked(own);
}

/* The znode may not be read, or the server has another answer than expected. No watch tells when that ends.
 */
static void refused_locked(corrali_watched *own, int status)
{
    corrali_snapshot *state = corrali_alloc(sizeof *state);

    if (state == NULL) {
        pause_locked(own, MEMORY_PAUSE_MS, MEMORY_PAUSE_MS);
        return;
    }
    state->refs = 1;
    state->status = status;
    state->changes = own->changes;
    publish_locked(own, state);
    own->pause_ms = own->pause_ms == 0 ? REFUSED_MIN_MS : 2 * own->pause_ms;
    own->pause_ms = own->pause_ms > REFUSED_MAX_MS ? REFUSED_MAX_MS : own->pause_ms;
    pause_locked(own, own->pause_ms / 2, own->pause_ms);
}

static void free_watched_locked(corrali_watched *own);

static void read_done(corrali_request *request)
{
    corrali_watched *own = CORRALI_CONTAINER(request, corrali_watched, request);
    bool get = request->kind == CORRALI_GET;

    own->reading = false;
    if (corrali_list_empty(&own->subscriptions)) {
        free_watched_locked(own);
        return;
    }
    if (request->status == CORRAL_ECLOSED) {
        return;
    }
    if (request->status == CORRAL_ELOST) {
        read_locked(own);
    } else if (request->status == CORRAL_ENOENT && get) {
        send_locked(own, CORRALI_EXISTS);
    } else if (request->status == CORRAL_ENOENT) {
        found_locked(own, request, NULL);
    } else if (request->status != CORRAL_OK) {
        refused_locked(own, request->status);
    } else if (get) {
        found_locked(own, request, &request->stat);
    } else {
        send_locked(own, CORRALI_GET);
    }
    if (own->again && !own->reading) {
        read_locked(own);
    }
}

/* --- the tree --- */

static int compare(const void *left, const void *right)
{
    return strcmp(((const corrali_watched *)left)->path, ((const corrali_watched *)right)->path);
}

static corrali_watched *find_locked(const corral_client *client, const char *path)
{
    const corrali_watched wanted = {.path = (char *)path};
    corrali_watched *const *found = tfind(&wanted, &client->watched_tree, compare);

    return found == NULL ? NULL : *found;
}

int corrali_watched_reserve_locked(corral_client *client, const char *path)
{
    size_t bytes = strlen(path) + PATH_OVERHEAD;

    if (client->watched_bytes + bytes > PATHS_MAX) {
        return CORRAL_EEXHAUSTED;
    }
    client->watched_bytes += bytes;
    return CORRAL_OK;
}

void corrali_watched_unreserve_locked(corral_client *client, const char *path)
{
    client->watched_bytes -= strlen(path) + PATH_OVERHEAD;
}

void corrali_unwatch_locked(corral_client *client, const char *path)
{
    if (!client->shut && !(find_locked(client, path) != NULL && corrali_wired_locked(client, path))) {
        client->backend->vtable->unwatch(client->backend, path);
    }
}

static corrali_watched *new_watched_locked(corral_client *client, const char *path)
{
    corrali_watched *own = corrali_alloc(sizeof *own);

    if (own == NULL) {
        return NULL;
    }
    own->client = client;
    own->path = corrali_strdup(path);
    if (own->path == NULL || tsearch(own, &client->watched_tree, compare) == NULL) {
        corrali_free(own->path);
        corrali_free(own);
        return NULL;
    }
    own->request.path = own->path;
    own->request.watch = true;
    own->request.done = read_done;
    own->pause.fire = pause_passed;
    corrali_list_init(&own->subscriptions);
    corrali_list_append(&client->watched, &own->link);
    return own;
}

/* Nobody wants it any more, and no read is under way. */
static void free_watched_locked(corrali_watched *own)
{
    corral_client *client = own->client;

    corrali_unwatch_locked(client, own->path);
    corrali_timers_stop(&client->timers, &own->pause);
    (void)tdelete(own, &client->watched_tree, compare);
    corrali_list_remove(&own->link);
    corrali_watched_unreserve_locked(client, own->path);
    corrali_snapshot_unref_locked(own->current);
    corrali_free(own->path);
    corrali_free(own);
}

int corrali_watched_join_locked(const char *path, corral_watch *watch)
{
    corral_client *client = watch->client;
    corrali_watched *own = find_locked(client, path);

    if (own == NULL) {
        int status = corrali_watched_reserve_locked(client, path);

        if (status != CORRAL_OK) {
            return status;
        }
        own = new_watched_locked(client, path);
        if (own == NULL) {
            corrali_watched_unreserve_locked(client, path);
            return CORRAL_ENOMEM;
        }
    }
    watch->watched = own;
    corrali_list_append(&own->subscriptions, &watch->link);
    if (own->armed && client->ready) {
        corrali_watch_offer_locked(watch, own->current);
    } else if (!own->reading) {
        read_locked(own);
    }
    return CORRAL_OK;
}

void corrali_watched_leave_locked(corral_watch *watch)
{
    corrali_watched *own = watch->watched;

    corrali_list_remove(&watch->link);
    if (!corrali_list_empty(&own->subscriptions)) {
        return;
    }
    if (own->reading && corrali_withdraw_locked(own->client, &own->request)) {
        own->reading = false;
    }
    if (!own->reading) {
        free_watched_locked(own);
    }
}

/* --- events --- */

void corrali_watched_changed_locked(corral_client *client, const char *path)
{
    corrali_watched *own = find_locked(client, path);

    if (own != NULL) {
        own->fired = own->fired || own->armed;
        read_locked(own);
    }
}

void corrali_watched_renew_locked(corral_client *client)
{
    for (corrali_link *link = client->watched.next; link != &client->watched; link = link->next) {
        corrali_watched *own = CORRALI_CONTAINER(link, corrali_watched, link);

        own->armed = false;
        own->fired = false;
        if (!own->reading) {
            pause_locked(own, 0, RENEWAL_JITTER_MS);
        }
    }
}

void corrali_watched_end_all_locked(corral_client *client, int status)
{
    for (corrali_link *link = client->watched.next; link != &client->watched; link = link->next) {
        corrali_watched *own = CORRALI_CONTAINER(link, corrali_watched, link);

        corrali_timers_stop(&client->timers, &own->pause);
        for (corrali_link *each = own->subscriptions.next; each != &own->subscriptions; each = each->next) {
            corrali_watch_end_locked(CORRALI_CONTAINER(each, corral_watch, link), status);
        }
    }
}

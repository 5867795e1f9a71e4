/*
 * How a watched znode is read. ZooKeeper's watches tell of one change, and not
 * what it was; so each is answered by a read that fetches the data, or the names
 * of the children, and leaves the next watch, in one:
 *
 *      (first listener)
 *              |      +---- changed, session lost ----+
 *              v      v                               |
 *      GET or CHILDREN --------- found ----------> armed
 *              | ^                                    ^
 *       absent | | found                              |
 *              v |                                    |
 *           EXISTS -------------- absent -------------+
 *
 * Where all who listen have a list that tells of the creation, what is absent is
 * left at that: a watch of it would stay with the server for ever, one for each
 * child that there ever was.
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
 *
 * Of the children, the changes that are known are the creations and deletions,
 * so what their stamp has for mzxid and version is the znode's pzxid and cversion.
 */
#include "watch.h"

/* So many reads are under way at once; what is more comes after them, one for one. */
enum { READS_MAX = 1000 };

/* Pauses: without memory; the first and the longest one after a refusal. Each is a random part shorter. */
enum { MEMORY_PAUSE_MS = 10, REFUSED_MIN_MS = 250, REFUSED_MAX_MS = 8000 };

/* Reads unasked: the interval, once more for every so many bytes of paths, so that there are not too many. */
enum { CHECK_BYTES = 16 * 1024 };
_Atomic int64_t corrali_watched_check_ms = 30000;

/* Let @state, which is owned from now on, be the current one. */
static void publish_locked(corrali_watched *own, corrali_snapshot *state)
{
    corrali_snapshot_unref_locked(own->current);
    own->current = state;
    for (corrali_link *link = own->listeners.next; link != &own->listeners; link = link->next) {
        corrali_listener *listener = CORRALI_CONTAINER(link, corrali_listener, link);

        listener->told_locked(listener, state);
    }
}

/* --- pauses and reads --- */

static void pause_passed(corrali_timer *timer)
{
    corrali_watched_read_locked(CORRALI_CONTAINER(timer, corrali_watched, pause));
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

void corrali_watched_pause_locked(corrali_watched *own, int64_t least_ms, int64_t most_ms)
{
    if (set_pause_locked(own, least_ms, most_ms) != CORRAL_OK) {
        corrali_watched_read_locked(own);
    }
}

void corrali_watched_repeat_locked(corrali_watched *own)
{
    corrali_watched_pause_locked(own, MEMORY_PAUSE_MS, MEMORY_PAUSE_MS);
}

/* Without memory there will be no check this time. */
static void check_later_locked(corrali_watched *own)
{
    int64_t ms =
        atomic_load(&corrali_watched_check_ms) * (1 + (int64_t)(own->client->watched_bytes / CHECK_BYTES));

    (void)set_pause_locked(own, ms / 2, ms);
}

/* Send what waits, as far as it may be. */
static void send_waiting_locked(corral_client *client)
{
    corrali_link *link;

    while (client->watched_reads < READS_MAX && (link = corrali_list_pop(&client->watched_waiting)) != NULL) {
        corrali_watched *own = CORRALI_CONTAINER(link, corrali_watched, request.link);

        own->waiting = false;
        client->watched_reads++;
        corrali_submit_locked(client, &own->request);
    }
}

static void send_locked(corrali_watched *own, corrali_request_kind kind)
{
    own->request.kind = kind;
    own->reading = true;
    own->waiting = true;
    corrali_list_append(&own->client->watched_waiting, &own->request.link);
    send_waiting_locked(own->client);
}

void corrali_watched_read_locked(corrali_watched *own)
{
    corrali_timers_stop(&own->client->timers, &own->pause);
    if (own->reading) {
        own->again = true;
    } else if (corrali_client_accepts_locked(own->client) == CORRAL_OK) {
        own->armed = false;
        own->again = false;
        send_locked(own, own->children ? CORRALI_CHILDREN : CORRALI_GET);
    }
}

void corrali_watched_withdraw_locked(corrali_watched *own)
{
    if (own->waiting) {
        corrali_list_remove(&own->request.link);
        own->waiting = own->reading = false;
    } else if (own->reading && corrali_withdraw_locked(own->client, &own->request)) {
        own->reading = false;
        own->client->watched_reads--;
        send_waiting_locked(own->client);
    }
}

/* --- replies --- */

/* Whether a znode with @stamp was there before the state that is known: the server lags behind. */
static bool is_older(const corrali_watched *own, const corral_stamp *stamp)
{
    return own->known &&
           (stamp->mzxid < own->last.mzxid || (!own->exists && stamp->mzxid == own->last.mzxid));
}

/* How many changes of one incarnation led from @before to @after. */
static uint64_t count_versions(const corrali_watched *own, const corral_stamp *before,
                               const corral_stamp *after)
{
    uint32_t versions = (uint32_t)after->version - (uint32_t)before->version;

    /* A server counts creations of children up to 2^31 only; from then on deletions count backwards. */
    return own->children && (int32_t)versions <= 0 ? after->mzxid != before->mzxid : versions;
}

/* How many changes at least led from the state that is known to @stamp; NULL: to none. */
static uint64_t count_changes(const corrali_watched *own, const corral_stamp *stamp)
{
    uint64_t own_changes = stamp == NULL ? 0 : (uint64_t)(uint32_t)stamp->version + 1; /* its creation, too */

    if (!own->known) {
        return 1;
    }
    if (!own->exists) {
        /* What was told while it was absent was its creation; then it was deleted, too. */
        return stamp != NULL ? own_changes : own->fired ? 2 : 0;
    }
    if (stamp == NULL) {
        return 1;
    }
    if (stamp->czxid == own->last.czxid) {
        return count_versions(own, &own->last, stamp);
    }
    /* A counter at its last version is made anew in one step with its deletion. */
    return !own->children && own->last.version == CORRALI_VERSION_LAST ? own_changes : own_changes + 1;
}

static corral_stamp stamp_of(const corrali_watched *own, const corrali_stat *stat)
{
    return (corral_stamp){.czxid = stat->czxid,
                          .mzxid = own->children ? stat->pzxid : stat->mzxid,
                          .version = own->children ? stat->cversion : stat->version,
                          .index = 0};
}

/* What the read has found with @stamp; NULL: no znode. NULL: no memory. */
static corrali_snapshot *new_state(const corrali_watched *own, const corral_stamp *stamp)
{
    const corrali_request *reply = &own->request;
    corrali_snapshot *state = stamp == NULL   ? corrali_snapshot_new(0, NULL)
                              : own->children ? corrali_snapshot_of_names(reply->length, reply->names)
                                              : corrali_snapshot_new(reply->length, reply->data);

    if (state != NULL && stamp != NULL) {
        state->exists = true;
        state->stamp = *stamp;
    }
    return state;
}

/* The read has found a znode with @stamp; NULL: none. */
static void found_locked(corrali_watched *own, const corral_stamp *stamp)
{
    corrali_snapshot *state;

    if (stamp != NULL && is_older(own, stamp)) {
        corrali_watched_pause_locked(own, 0, REFUSED_MIN_MS);
        return;
    }
    state = new_state(own, stamp);
    if (state == NULL) {
        corrali_watched_repeat_locked(own);
        return;
    }
    own->changes += count_changes(own, stamp);
    own->known = true;
    own->exists = stamp != NULL;
    own->armed = own->exists || own->request.kind == CORRALI_EXISTS;
    own->fired = false;
    own->pause_ms = 0;
    own->last = stamp != NULL ? *stamp : own->last;
    state->changes = own->changes;
    check_later_locked(own);
    publish_locked(own, state);
}

/* The znode may not be read, or the server has another answer than expected. No watch tells when that ends.
 */
static void refused_locked(corrali_watched *own, int status)
{
    corrali_snapshot *state = corrali_snapshot_new(0, NULL);

    if (state == NULL) {
        corrali_watched_repeat_locked(own);
        return;
    }
    state->status = status;
    state->changes = own->changes;
    publish_locked(own, state);
    own->pause_ms = own->pause_ms == 0 ? REFUSED_MIN_MS : 2 * own->pause_ms;
    own->pause_ms = own->pause_ms > REFUSED_MAX_MS ? REFUSED_MAX_MS : own->pause_ms;
    corrali_watched_pause_locked(own, own->pause_ms / 2, own->pause_ms);
}

/* Must its own watch tell of its creation? */
static bool awaits_creation_locked(const corrali_watched *own)
{
    const corrali_link *link = own->listeners.next;

    while (link != &own->listeners && CORRALI_CONTAINER(link, corrali_listener, link)->listed) {
        link = link->next;
    }
    return link != &own->listeners;
}

static void answered_locked(corrali_watched *own)
{
    const corrali_request *reply = &own->request;
    corral_stamp stamp = stamp_of(own, &reply->stat);
    bool exists = reply->kind == CORRALI_EXISTS;

    if (reply->status == CORRAL_ELOST) {
        corrali_watched_read_locked(own);
    } else if (reply->status == CORRAL_ENOENT && !exists && awaits_creation_locked(own)) {
        send_locked(own, CORRALI_EXISTS);
    } else if (reply->status == CORRAL_ENOENT) {
        found_locked(own, NULL);
    } else if (reply->status != CORRAL_OK) {
        refused_locked(own, reply->status);
    } else if (!exists) {
        found_locked(own, &stamp);
    } else {
        send_locked(own, own->children ? CORRALI_CHILDREN : CORRALI_GET);
    }
    if (own->again && !own->reading) {
        corrali_watched_read_locked(own);
    }
}

static void read_done(corrali_request *request)
{
    corrali_watched *own = CORRALI_CONTAINER(request, corrali_watched, request);
    corral_client *client = own->client;

    own->reading = false;
    client->watched_reads--;
    if (corrali_list_empty(&own->listeners)) {
        corrali_watched_free_locked(own);
    } else if (request->status != CORRAL_ECLOSED) {
        answered_locked(own);
    }
    send_waiting_locked(client);
    corrali_families_settle_locked(client);
}

void corrali_watched_init_reads(corrali_watched *own)
{
    own->request.path = own->path;
    own->request.watch = true;
    own->request.done = read_done;
    own->pause.fire = pause_passed;
}

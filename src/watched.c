/*
 * Watched znodes, found by path in a tree of the client's: of each the data or
 * the children, for any number of listeners. They are read as watched_read.c
 * has it.
 */
#include <search.h>
#include <string.h>

#include "alloc.h"
#include "watch.h"
#include "wire.h"

/* The bytes of all paths of a client: a server refuses the request that sets them again if it is above 1 MiB.
 */
enum { PATHS_MAX = 512 * 1024, PATH_OVERHEAD = 4 };

/* When all is read anew because the session is a new one, others do it too. */
enum { RENEWAL_JITTER_MS = 100 };

/* --- the tree --- */

static int compare(const void *left, const void *right)
{
    const corrali_watched *a = left;
    const corrali_watched *b = right;
    int order = strcmp(a->path, b->path);

    return order != 0 ? order : (int)a->children - (int)b->children;
}

corrali_watched *corrali_watched_find_locked(const corral_client *client, const char *path, bool children)
{
    const corrali_watched wanted = {.path = (char *)path, .children = children};
    corrali_watched *const *found = tfind(&wanted, &client->watched_tree, compare);

    return found == NULL ? NULL : *found;
}

/* Of children that are not there the znode is watched; both are, when it is made meanwhile. */
static size_t bytes_of(const char *path, bool children)
{
    return (strlen(path) + PATH_OVERHEAD) * (children ? 2 : 1);
}

bool corrali_watched_room_locked(const corral_client *client, size_t count, size_t length)
{
    return client->watched_bytes + length + count * PATH_OVERHEAD <= PATHS_MAX;
}

static int reserve_locked(corral_client *client, size_t bytes)
{
    if (client->watched_bytes + bytes > PATHS_MAX) {
        return CORRAL_EEXHAUSTED;
    }
    client->watched_bytes += bytes;
    return CORRAL_OK;
}

int corrali_watched_reserve_locked(corral_client *client, const char *path)
{
    return reserve_locked(client, bytes_of(path, false));
}

void corrali_watched_unreserve_locked(corral_client *client, const char *path)
{
    client->watched_bytes -= bytes_of(path, false);
}

void corrali_unwatch_locked(corral_client *client, const char *path, bool children)
{
    int users = (!children && corrali_watched_find_locked(client, path, false) != NULL) +
                (corrali_watched_find_locked(client, path, true) != NULL) +
                corrali_wired_locked(client, path);

    if (!client->shut && users <= 1) {
        client->backend->vtable->unwatch(client->backend, path, children);
    }
}

static corrali_watched *new_watched_locked(corral_client *client, const char *path, bool children)
{
    corrali_watched *own = corrali_alloc(sizeof *own);

    if (own == NULL) {
        return NULL;
    }
    own->client = client;
    own->children = children;
    own->path = corrali_strdup(path);
    if (own->path == NULL || tsearch(own, &client->watched_tree, compare) == NULL) {
        corrali_free(own->path);
        corrali_free(own);
        return NULL;
    }
    corrali_watched_init_reads(own);
    corrali_list_init(&own->listeners);
    corrali_list_append(&client->watched, &own->link);
    return own;
}

void corrali_watched_free_locked(corrali_watched *own)
{
    corral_client *client = own->client;

    if (own->children) {
        corrali_unwatch_locked(client, own->path, true);
    }
    corrali_unwatch_locked(client, own->path, false);
    corrali_timers_stop(&client->timers, &own->pause);
    (void)tdelete(own, &client->watched_tree, compare);
    corrali_list_remove(&own->link);
    client->watched_bytes -= bytes_of(own->path, own->children);
    corrali_snapshot_unref_locked(own->current);
    corrali_free(own->path);
    corrali_free(own);
}

static int make_locked(corral_client *client, const char *path, bool children, corrali_watched **ret_watched)
{
    size_t bytes = bytes_of(path, children);
    int status = reserve_locked(client, bytes);

    if (status != CORRAL_OK) {
        return status;
    }
    *ret_watched = new_watched_locked(client, path, children);
    if (*ret_watched == NULL) {
        client->watched_bytes -= bytes;
        return CORRAL_ENOMEM;
    }
    return CORRAL_OK;
}

int corrali_watched_join_locked(corral_client *client, const char *path, bool children,
                                corrali_listener *listener)
{
    corrali_watched *own = corrali_watched_find_locked(client, path, children);
    int status = own != NULL ? CORRAL_OK : make_locked(client, path, children, &own);

    if (status != CORRAL_OK) {
        return status;
    }
    listener->watched = own;
    corrali_list_append(&own->listeners, &listener->link);
    if (own->armed && client->ready) {
        listener->told_locked(listener, own->current);
    } else if (!own->reading) {
        corrali_watched_read_locked(own);
    }
    return CORRAL_OK;
}

void corrali_watched_leave_locked(corrali_listener *listener)
{
    corrali_watched *own = listener->watched;

    if (own == NULL) {
        return;
    }
    listener->watched = NULL;
    corrali_list_remove(&listener->link);
    if (!corrali_list_empty(&own->listeners)) {
        return;
    }
    corrali_watched_withdraw_locked(own);
    if (!own->reading) {
        corrali_watched_free_locked(own);
    }
}

/* --- events --- */

static void changed_locked(corrali_watched *own, corrali_change change)
{
    if (own != NULL) {
        /* A deletion is no news of what is absent: its watch is of an earlier time, when it was read. */
        own->fired = own->fired || (own->armed && change != CORRALI_DELETED);
        corrali_watched_read_locked(own);
    }
}

void corrali_watched_changed_locked(corral_client *client, const char *path, corrali_change change)
{
    corrali_watched *children = corrali_watched_find_locked(client, path, true);

    if (change != CORRALI_CHILDREN_CHANGED) {
        changed_locked(corrali_watched_find_locked(client, path, false), change);
    }
    /* Data matter as long as there may be no znode: then they tell of its creation. */
    if (children != NULL && (change != CORRALI_CHANGED || !children->armed || !children->exists)) {
        changed_locked(children, change);
    }
}

void corrali_watched_suspended_locked(corral_client *client)
{
    for (corrali_link *link = client->watched.next; link != &client->watched; link = link->next) {
        CORRALI_CONTAINER(link, corrali_watched, link)->fired = false;
    }
}

void corrali_watched_renew_locked(corral_client *client)
{
    for (corrali_link *link = client->watched.next; link != &client->watched; link = link->next) {
        corrali_watched *own = CORRALI_CONTAINER(link, corrali_watched, link);

        own->armed = false;
        own->fired = false;
        if (!own->reading) {
            corrali_watched_pause_locked(own, 0, RENEWAL_JITTER_MS);
        }
    }
}

void corrali_watched_end_all_locked(corral_client *client, int status)
{
    for (corrali_link *link = client->watched.next; link != &client->watched; link = link->next) {
        corrali_watched *own = CORRALI_CONTAINER(link, corrali_watched, link);

        corrali_timers_stop(&client->timers, &own->pause);
        for (corrali_link *each = own->listeners.next; each != &own->listeners; each = each->next) {
            corrali_listener *listener = CORRALI_CONTAINER(each, corrali_listener, link);

            listener->ended_locked(listener, status);
        }
    }
}

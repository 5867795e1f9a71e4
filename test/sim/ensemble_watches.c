/*
 * The watches that clients leave with their servers: left, fired, and set again
 * by another connection.
 */
#include <stdlib.h>
#include <string.h>

#include "ensemble_internal.h"

void ensemble_leave_watch(connection *via, int watch)
{
    for (size_t i = 0; i < via->watch_count; i++) {
        if (via->watches[i] == watch) {
            return;
        }
    }
    if (via->watch_count == via->watch_capacity) {
        via->watch_capacity = via->watch_capacity == 0 ? 8 : 2 * via->watch_capacity;
        via->watches = realloc(via->watches, via->watch_capacity * sizeof *via->watches);
        if (via->watches == NULL) {
            abort();
        }
    }
    via->watches[via->watch_count++] = watch;
}

/* Was there such a watch? There is none any more. */
static bool take_watch(connection *via, int watch)
{
    for (size_t i = 0; i < via->watch_count; i++) {
        if (via->watches[i] == watch) {
            via->watches[i] = via->watches[--via->watch_count];
            return true;
        }
    }
    return false;
}

/* Tell of it, if they may know. */
static void tell_watch(connection *via, int watch, bool deleted, const access_list *acl)
{
    if (via->ensemble->discreet && !tree_allows(acl, CORRAL_PERM_READ)) {
        via->ensemble->world->rare[RARE_UNTOLD]++;
    } else {
        ensemble_tell_watch(via, watch, deleted);
    }
}

void ensemble_fire_watches(ensemble *e, int number, int path, tree_change change, const access_list *acl)
{
    int parent = world_path_parent(e->world, path);
    const znode *directory = tree_find(&e->servers[number].tree, parent);

    for (connection *via = e->servers[number].connections; via != NULL; via = via->next) {
        bool watched = take_watch(via, watch_of(path, false));

        /* A deletion is told once to who watches both. */
        watched = (change == TREE_DELETED && take_watch(via, watch_of(path, true))) || watched;
        if (watched) {
            tell_watch(via, watch_of(path, false), change == TREE_DELETED, acl);
        }
        if (change != TREE_SET && take_watch(via, watch_of(parent, true))) {
            tell_watch(via, watch_of(parent, true), false, directory == NULL ? NULL : directory->acl);
        }
    }
}

typedef struct {
    connection *via;
    int64_t zxid;
    size_t count;
    watch_again watches[];
} watches_message;

/* Has it changed since the client saw @zxid? */
static bool has_fired(const watch_again *again, const znode *node, int64_t zxid)
{
    if (!again->existed) {
        return node != NULL;
    }
    if (node == NULL) {
        return true;
    }
    return (again->watch % 2 == 0 ? node->mzxid : node->pzxid) > zxid;
}

/* The next one after @done of them: a client sends them as they lie in its tables. */
static const watch_again *draw_watch(world *w, watches_message *message, size_t done)
{
    size_t drawn = done + world_below(w, message->count - done);
    watch_again next = message->watches[drawn];

    message->watches[drawn] = message->watches[done];
    message->watches[done] = next;
    return &message->watches[done];
}

static void watches_arrive(void *subject, int64_t argument)
{
    watches_message *message = subject;
    connection *via = message->via;

    (void)argument;
    if (!via->server_open) {
        return;
    }
    for (size_t i = 0; i < message->count; i++) {
        const watch_again *again = draw_watch(via->ensemble->world, message, i);
        const znode *node = tree_find(&ensemble_server(via)->tree, watch_path(again->watch));

        if (has_fired(again, node, message->zxid)) {
            via->ensemble->world->rare[RARE_SET_WATCH_FIRED]++;
            ensemble_tell_watch(via, again->watch, node == NULL);
        } else {
            ensemble_leave_watch(via, again->watch);
        }
    }
}

void ensemble_set_watches(connection *via, int64_t zxid, const watch_again *watches, size_t count)
{
    watches_message *message =
        world_alloc(via->ensemble->world, sizeof *message + count * sizeof *message->watches);

    message->via = via;
    message->zxid = zxid;
    message->count = count;
    memcpy(message->watches, watches, count * sizeof *watches);
    world_at(via->ensemble->world, ensemble_arrival(via->ensemble, &via->up), watches_arrive, message, 0);
}

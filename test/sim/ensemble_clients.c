/*
 * The servers and their clients: connections, requests and answers, watches.
 */
#include <corral/status.h>

#include <stdlib.h>
#include <string.h>

#include "ensemble_internal.h"

/* How long what a client has sent may be under way after it has closed its end. */
#define STRAGGLE_MOST (3 * SIM_S)

static int64_t seen_by(const ensemble *e, const server *s)
{
    return s->applied == 0 ? 0 : e->log[s->applied - 1]->txn.zxid;
}

/* --- to the client: in order --- */

typedef struct {
    connection *via;
    void (*tell)(connection *via, void *what, int64_t number);
    void *what;
} to_client;

static void arrives_there(void *subject, int64_t number)
{
    to_client *message = subject;

    if (message->via->client_open) {
        message->tell(message->via, message->what, number);
    }
}

static void tell(connection *via, void (*how)(connection *, void *, int64_t), void *what, int64_t number)
{
    to_client *message = world_alloc(via->ensemble->world, sizeof *message);

    *message = (to_client){.via = via, .tell = how, .what = what};
    world_at(via->ensemble->world, ensemble_arrival(via->ensemble, &via->down), arrives_there, message,
             number);
}

static void tell_closed(connection *via, void *what, int64_t number)
{
    (void)what;
    (void)number;
    via->client_open = false;
    via->events->closed(via->client, via);
}

static void tell_established(connection *via, void *what, int64_t id)
{
    (void)what;
    via->events->established(via->client, via, id);
}

static void tell_reply(connection *via, void *reply, int64_t number)
{
    (void)number;
    via->events->replied(via->client, via, reply);
}

static void tell_changed(connection *via, void *what, int64_t watch)
{
    (void)what;
    via->events->watch_fired(via->client, via, (int)watch, false);
}

static void tell_deleted(connection *via, void *what, int64_t watch)
{
    (void)what;
    via->events->watch_fired(via->client, via, (int)watch, true);
}

static void tell_pong(connection *via, void *what, int64_t number)
{
    (void)what;
    (void)number;
    via->events->ponged(via->client, via);
}

void ensemble_tell_established(connection *via, int64_t id)
{
    tell(via, tell_established, NULL, id);
}

void ensemble_drop(connection *via)
{
    connection **at = &ensemble_server(via)->connections;

    if (!via->server_open) {
        return;
    }
    via->server_open = false;
    while (*at != via) {
        at = &(*at)->next;
    }
    *at = via->next;
    free(via->watches);
    via->watches = NULL;
    tell(via, tell_closed, NULL, 0);
}

/* --- answers --- */

static void read_names(ensemble *e, const tree *t, call *asked)
{
    size_t count = 0;

    for (int path = world_path_child(e->world, asked->path); path >= 0;
         path = world_path_sibling(e->world, path)) {
        count += tree_find(t, path) != NULL;
    }
    asked->names = world_alloc(e->world, (count + 1) * sizeof *asked->names);
    for (int path = world_path_child(e->world, asked->path); path >= 0;
         path = world_path_sibling(e->world, path)) {
        if (tree_find(t, path) != NULL) {
            asked->names[asked->name_count++] = strrchr(world_path_text(e->world, path), '/') + 1;
        }
    }
}

static void set_watch(connection *via, int watch)
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

static void read_node(connection *via, call *asked)
{
    ensemble *e = via->ensemble;
    const tree *t = &ensemble_server(via)->tree;
    const znode *node = tree_find(t, asked->path);

    e->world->rare[RARE_STALE_READ] += ensemble_server(via)->cut;
    asked->status = node == NULL ? CORRAL_ENOENT
                    : asked->kind != CORRALI_EXISTS && asked->kind != CORRALI_GET_ACL &&
                            !tree_allows(node->acl, CORRAL_PERM_READ)
                        ? CORRAL_EACCES
                        : CORRAL_OK;
    if (asked->status == CORRAL_OK) {
        asked->stat = tree_stat(node);
        asked->data = node->data;
        asked->acl = node->acl;
        if (asked->kind == CORRALI_CHILDREN) {
            read_names(e, t, asked);
        }
    }
    if (asked->watch &&
        (asked->status == CORRAL_OK || (asked->kind == CORRALI_EXISTS && asked->status == CORRAL_ENOENT))) {
        set_watch(via, watch_of(asked->path, asked->kind == CORRALI_CHILDREN));
    }
}

/* Can it be answered? A session's requests are, in order. */
static bool answer(connection *via, call *asked)
{
    if (asked->kind == CORRALI_MULTI) {
        return asked->ready;
    }
    if (asked->kind == CORRALI_SYNC) {
        return asked->ready && ensemble_server(via)->applied >= asked->after;
    }
    read_node(via, asked);
    return true;
}

static void answer_connection(connection *via)
{
    while (via->first != NULL && answer(via, via->first)) {
        call *answered = via->first;

        via->first = answered->next;
        answered->zxid = seen_by(via->ensemble, ensemble_server(via));
        tell(via, tell_reply, answered, 0);
    }
}

void ensemble_answer_all(ensemble *e, int number)
{
    for (connection *via = e->servers[number].connections; via != NULL; via = via->next) {
        answer_connection(via);
    }
}

/* --- watches --- */

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

void ensemble_fire_watches(ensemble *e, int number, int path, tree_change change)
{
    int parent = world_path_parent(e->world, path);

    for (connection *via = e->servers[number].connections; via != NULL; via = via->next) {
        bool watched = take_watch(via, watch_of(path, false));

        /* A deletion is told once to who watches both. */
        watched = (change == TREE_DELETED && take_watch(via, watch_of(path, true))) || watched;
        if (watched) {
            tell(via, change == TREE_DELETED ? tell_deleted : tell_changed, NULL, watch_of(path, false));
        }
        if (change != TREE_SET && take_watch(via, watch_of(parent, true))) {
            tell(via, tell_changed, NULL, watch_of(parent, true));
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

static void watches_arrive(void *subject, int64_t argument)
{
    watches_message *message = subject;
    connection *via = message->via;

    (void)argument;
    if (!via->server_open) {
        return;
    }
    for (size_t i = 0; i < message->count; i++) {
        const watch_again *again = &message->watches[i];
        const znode *node = tree_find(&ensemble_server(via)->tree, watch_path(again->watch));

        if (has_fired(again, node, message->zxid)) {
            via->ensemble->world->rare[RARE_SET_WATCH_FIRED]++;
            tell(via, node == NULL ? tell_deleted : tell_changed, NULL, again->watch);
        } else {
            set_watch(via, again->watch);
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

/* --- from the client --- */

static void arrives(void *subject, int64_t argument)
{
    call *asked = subject;
    connection *via = asked->via;

    (void)argument;
    if (!via->server_open) {
        return;
    }
    ensemble_touch(via);
    if (via->first == NULL) {
        via->first = asked;
    } else {
        via->last->next = asked;
    }
    via->last = asked;
    if (asked->kind == CORRALI_MULTI || asked->kind == CORRALI_SYNC) {
        ensemble_ask_leader(via, asked);
    }
    if (via->server_open) {
        answer_connection(via);
    }
}

void ensemble_send(connection *via, call *sent)
{
    sent->via = via;
    world_at(via->ensemble->world, ensemble_arrival(via->ensemble, &via->up), arrives, sent, 0);
}

static void ping_arrives(void *subject, int64_t argument)
{
    connection *via = subject;

    (void)argument;
    if (via->server_open) {
        ensemble_touch(via);
        tell(via, tell_pong, NULL, 0);
    }
}

void ensemble_ping(connection *via)
{
    world_at(via->ensemble->world, ensemble_arrival(via->ensemble, &via->up), ping_arrives, via, 0);
}

static void connects(void *subject, int64_t zxid)
{
    connection *via = subject;
    ensemble *e = via->ensemble;
    server *s = ensemble_server(via);

    via->server_open = true;
    via->next = s->connections;
    s->connections = via;
    if (!s->serves || !via->client_open) {
        ensemble_drop(via);
    } else if (zxid > seen_by(e, s)) {
        e->world->rare[RARE_LAGGING_REFUSED]++;
        ensemble_drop(via);
    } else {
        ensemble_ask_leader(via, NULL);
    }
}

connection *ensemble_connect(ensemble *e, int number, int64_t id, int64_t timeout, int64_t zxid,
                             const client_events *events, void *client)
{
    connection *via = world_alloc(e->world, sizeof *via);

    via->ensemble = e;
    via->server = number;
    via->events = events;
    via->client = client;
    via->client_open = true;
    via->establishing = true;
    via->session = id == 0 ? NULL : ensemble_find_session(e, id);
    if (via->session == NULL) {
        via->session = world_alloc(e->world, sizeof *via->session);
        via->session->timeout = timeout;
    }
    world_at(e->world, ensemble_arrival(e, &via->up), connects, via, zxid);
    return via;
}

static void hears_of_end(void *subject, int64_t argument)
{
    (void)argument;
    ensemble_drop(subject);
}

void ensemble_disconnect(connection *via)
{
    ensemble *e = via->ensemble;

    via->client_open = false;
    if (world_one_in(e->world, 2)) {
        ensemble_drop(via); /* what is under way is lost */
    } else {
        via->up += world_delay(e->world, 0, STRAGGLE_MOST);
        world_at(e->world, ensemble_arrival(e, &via->up), hears_of_end, via, 0);
    }
}

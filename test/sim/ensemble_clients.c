/*
 * The servers and their clients: connections, requests and answers.
 */
#include <corral/status.h>

#include <stdlib.h>
#include <string.h>

#include "ensemble_internal.h"

/* How long what a client has sent may be under way after it has closed its end. */
#define STRAGGLE_MOST (3 * SIM_S)

/* How much less than is said a slow line carries. */
enum { SLOWER = 4 };

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

/* On a line that is slow what is said piles up. */
static int64_t arrival_there(connection *via)
{
    const server *s = ensemble_server(via);
    int64_t now = via->ensemble->world->now;
    int64_t earliest = now < s->slow_until ? s->slow_from + SLOWER * (now - s->slow_from) : 0;

    via->down = via->down < earliest ? earliest : via->down;
    return ensemble_arrival(via->ensemble, &via->down);
}

static void tell(connection *via, void (*how)(connection *, void *, int64_t), void *what, int64_t number)
{
    to_client *message = world_alloc(via->ensemble->world, sizeof *message);

    *message = (to_client){.via = via, .tell = how, .what = what};
    world_at(via->ensemble->world, arrival_there(via), arrives_there, message, number);
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

void ensemble_tell_watch(connection *via, int watch, bool deleted)
{
    tell(via, deleted ? tell_deleted : tell_changed, NULL, watch);
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
        ensemble_leave_watch(via, watch_of(asked->path, asked->kind == CORRALI_CHILDREN));
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

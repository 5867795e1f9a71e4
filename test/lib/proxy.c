/**
 * The proxy's one thread owns all connections; `mutex` guards what others may
 * look at or change: rules, holds, admission, counts. The thread takes a copy
 * of these at the top of every turn, and whoever changes one waits until it
 * has. A turn ends early after a hook, so that a hook's changes hold at once.
 */
#include "lib/proxy.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cond.h"
#include "lib/relay.h"

#define SERVER_REPEATS 16

struct rule_state {
    proxy_rule rule;
    uint64_t serial; /* 0: none */
    uint64_t matched;
    unsigned cuts;
};

struct config {
    struct rule_state rules[PROXY_PLACES];
    unsigned hold;
    proxy_admission admission;
    bool cut_all, stop;
};

struct proxy {
    pthread_t thread;
    int listener, wake;
    char server[64], own[SERVER_REPEATS * sizeof "127.0.0.1:65535,"];

    pthread_mutex_t mutex; /* guards the rest of this block */
    pthread_cond_t changed;
    struct config config;
    uint64_t serial;           /* of the last rule */
    uint64_t wanted, in_force; /* changes asked for, changes the thread has seen */
    uint64_t counts[PROXY_COUNTS];
    bool has_session;
    int64_t session;
    char password[16];

    /* The thread's own. */
    relay *relays;
    struct pollfd *polls;
    size_t polls_capacity;
    unsigned hold;
    proxy_admission admission;
    bool turn_over; /* a hook ran: look at the configuration again first */
};

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void count(proxy *p, proxy_counter counter)
{
    pthread_mutex_lock(&p->mutex);
    p->counts[counter]++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

/* Cut @r as the rule for @place says and let the test do its part. */
static void cut_by_rule(proxy *p, relay *r, proxy_place place, const proxy_rule *rule)
{
    /* What came before the loss has not been lost. */
    for (relay_side side = 0; side < RELAY_SIDES; side++) {
        if ((p->hold & 1u << side) == 0) {
            relay_drain(r, side);
        }
    }
    relay_cut(r);
    if (rule->on_cut != NULL) {
        rule->on_cut(rule->on_cut_arg);
    }
    p->turn_over = true;
    /* Last, so that who waits for the count finds the hook's work done. */
    count(p, place == PROXY_BEFORE ? PROXY_CUT_BEFORE : PROXY_CUT_AFTER);
}

/* Whether @request matches the rule for @place; its serial or 0. */
static uint64_t match(proxy *p, proxy_place place, const wire_request *request)
{
    pthread_mutex_lock(&p->mutex);
    struct rule_state state = p->config.rules[place];
    pthread_mutex_unlock(&p->mutex);

    if (state.serial == 0) {
        return 0;
    }
    bool matches =
        state.rule.match != NULL ? state.rule.match(request, state.rule.match_arg) : request->changes > 0;
    return matches ? state.serial : 0;
}

/* Count one match of the rule @serial for @place; true, with the rule, when it is one to cut at. */
static bool is_due(proxy *p, proxy_place place, uint64_t serial, proxy_rule *ret_rule)
{
    bool due = false;

    pthread_mutex_lock(&p->mutex);
    struct rule_state *state = &p->config.rules[place];
    if (serial != 0 && state->serial == serial) {
        unsigned every = state->rule.every > 0 ? state->rule.every : 1;

        due = ++state->matched % every == 0 && (state->rule.count == 0 || state->cuts < state->rule.count);
        state->cuts += due;
        *ret_rule = state->rule;
    }
    pthread_mutex_unlock(&p->mutex);
    return due;
}

/* Whether the request in @frame may be passed on. */
static bool on_request(proxy *p, relay *r, const uint8_t *frame, size_t length)
{
    wire_request request;
    proxy_rule rule;

    /* Pings, credentials and watches being set again have negative numbers. */
    if (!wire_parse_request(frame, length, &request) || request.xid < 0) {
        return true;
    }
    uint64_t before = match(p, PROXY_BEFORE, &request), after = match(p, PROXY_AFTER, &request);
    /* Only now, so that a rule made by who has waited for this count does not apply to this request. */
    count(p, PROXY_REQUESTS);
    if (request.changes > 0) {
        count(p, PROXY_WRITES);
    }
    if (is_due(p, PROXY_BEFORE, before, &rule)) {
        cut_by_rule(p, r, PROXY_BEFORE, &rule);
        return false;
    }
    relay_remember(r, &(relay_request){request.xid, request.type, after});
    return true;
}

static void note_session(proxy *p, const uint8_t *frame, size_t length)
{
    if (length < 4 + 4 + 8 + 4 + sizeof p->password || wire_int64(frame + 8) == 0) {
        return;
    }
    pthread_mutex_lock(&p->mutex);
    p->has_session = true;
    p->session = wire_int64(frame + 8);
    memcpy(p->password, frame + 20, sizeof p->password);
    pthread_mutex_unlock(&p->mutex);
}

/* Whether the reply in @frame may be passed on. */
static bool on_reply(proxy *p, relay *r, const uint8_t *frame, size_t length)
{
    relay_request pending;
    proxy_rule rule;

    if (length < 16 || wire_int32(frame) < 0 || !relay_recall(r, wire_int32(frame), &pending)) {
        return true;
    }
    pthread_mutex_lock(&p->mutex);
    bool counts = pending.rule != 0 && (p->config.rules[PROXY_AFTER].rule.failed_too ||
                                        wire_reply_succeeded(frame, length, pending.type));
    pthread_mutex_unlock(&p->mutex);
    if (counts && is_due(p, PROXY_AFTER, pending.rule, &rule)) {
        cut_by_rule(p, r, PROXY_AFTER, &rule);
        return false;
    }
    count(p, PROXY_REPLIES);
    return true;
}

static bool may_pass(relay *r, relay_side side, bool handshake, const uint8_t *frame, size_t length,
                     void *arg)
{
    proxy *p = arg;

    if (!handshake) {
        return side == RELAY_TO_SERVER ? on_request(p, r, frame, length) : on_reply(p, r, frame, length);
    }
    if (side == RELAY_TO_CLIENT) {
        note_session(p, frame, length);
    }
    return true;
}

static void accept_one(proxy *p)
{
    int client = accept(p->listener, NULL, NULL);
    int server = -1;

    if (client < 0) {
        return;
    }
    if (p->admission == PROXY_ACCEPT && net_prepare(client)) {
        server = net_connect(p->server);
    }
    if (server >= 0) {
        relay *r = relay_new(client, server);

        r->next = p->relays;
        p->relays = r;
    } else {
        close(client);
    }
    count(p, PROXY_CONNECTIONS);
}

static void free_closed(proxy *p)
{
    for (relay **at = &p->relays; *at != NULL;) {
        relay *r = *at;

        if (relay_is_open(r)) {
            at = &r->next;
        } else {
            *at = r->next;
            relay_free(r);
        }
    }
}

static size_t collect(proxy *p)
{
    size_t needed = 2, n = 2;

    for (relay *r = p->relays; r != NULL; r = r->next) {
        needed += RELAY_SIDES;
    }
    if (needed > p->polls_capacity) {
        p->polls_capacity = 2 * needed;
        p->polls = must(realloc(p->polls, p->polls_capacity * sizeof *p->polls));
    }
    p->polls[0] = (struct pollfd){.fd = p->wake, .events = POLLIN};
    p->polls[1] = (struct pollfd){.fd = p->admission == PROXY_IGNORE ? -1 : p->listener, .events = POLLIN};
    for (relay *r = p->relays; r != NULL; r = r->next) {
        p->polls[n++] = relay_interest(r, RELAY_TO_SERVER, p->hold);
        p->polls[n++] = relay_interest(r, RELAY_TO_CLIENT, p->hold);
    }
    return n;
}

/* One look at all sockets. */
static void turn(proxy *p)
{
    size_t n = collect(p);

    if (poll(p->polls, n, -1) <= 0) {
        return;
    }
    p->turn_over = false;
    if (p->polls[0].revents != 0) {
        uint64_t drop;

        (void)!read(p->wake, &drop, sizeof drop);
        return; /* something was changed: first look at what */
    }
    n = 2;
    for (relay *r = p->relays; r != NULL; r = r->next) {
        for (relay_side side = 0; side < RELAY_SIDES && !p->turn_over; side++) {
            relay_serve(r, side, &p->polls[n + side], may_pass, p);
        }
        n += RELAY_SIDES;
    }
    if (p->polls[1].revents != 0 && !p->turn_over) {
        accept_one(p);
    }
    free_closed(p);
}

static void cut_relays(proxy *p)
{
    for (relay *r = p->relays; r != NULL; r = r->next) {
        relay_cut(r);
    }
    free_closed(p);
}

static void *run(void *arg)
{
    proxy *p = arg;
    bool stop = false;

    while (!stop) {
        pthread_mutex_lock(&p->mutex);
        bool cut_all = p->config.cut_all;
        stop = p->config.stop;
        p->hold = p->config.hold;
        p->admission = p->config.admission;
        p->config.cut_all = false;
        uint64_t wanted = p->wanted;
        pthread_mutex_unlock(&p->mutex);
        if (cut_all || stop) {
            cut_relays(p);
        }
        pthread_mutex_lock(&p->mutex);
        p->in_force = wanted;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->mutex);
        if (!stop) {
            turn(p);
        }
    }
    return NULL;
}

/* After a change under the mutex: let the thread see it, and wait until it has. Unlocks. */
static void apply_and_unlock(proxy *p)
{
    uint64_t wanted = ++p->wanted;
    uint64_t one = 1;

    (void)!write(p->wake, &one, sizeof one);
    while (!pthread_equal(pthread_self(), p->thread) && p->in_force < wanted) {
        pthread_cond_wait(&p->changed, &p->mutex);
    }
    pthread_mutex_unlock(&p->mutex);
}

proxy *proxy_open(const char *servers)
{
    proxy *p = must(calloc(1, sizeof *p));
    uint16_t port;

    snprintf(p->server, sizeof p->server, "%.*s", (int)strcspn(servers, ",/"), servers);
    p->listener = net_listen(&port);
    p->wake = eventfd(0, EFD_CLOEXEC);
    if (p->listener < 0 || p->wake < 0) {
        goto failed;
    }
    for (int i = 0; i < SERVER_REPEATS; i++) {
        size_t length = strlen(p->own);

        snprintf(p->own + length, sizeof p->own - length, "%s127.0.0.1:%hu", i > 0 ? "," : "", port);
    }
    pthread_mutex_init(&p->mutex, NULL);
    cond_init(&p->changed);
    errno = pthread_create(&p->thread, NULL, run, p);
    if (errno == 0) {
        return p;
    }
failed:
    close(p->listener);
    close(p->wake);
    free(p);
    return NULL;
}

void proxy_close(proxy *p)
{
    if (p == NULL) {
        return;
    }
    pthread_mutex_lock(&p->mutex);
    p->config.stop = true;
    apply_and_unlock(p);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    close(p->listener);
    close(p->wake);
    free(p->polls);
    free(p);
}

const char *proxy_servers(const proxy *p)
{
    return p->own;
}

void proxy_cut(proxy *p, proxy_place place, const proxy_rule *rule)
{
    pthread_mutex_lock(&p->mutex);
    p->config.rules[place] = (struct rule_state){0};
    if (rule != NULL) {
        p->config.rules[place].rule = *rule;
        p->config.rules[place].serial = ++p->serial;
    }
    apply_and_unlock(p);
}

void proxy_cut_all(proxy *p)
{
    pthread_mutex_lock(&p->mutex);
    p->config.cut_all = true;
    apply_and_unlock(p);
}

void proxy_hold(proxy *p, unsigned directions)
{
    pthread_mutex_lock(&p->mutex);
    p->config.hold = directions;
    apply_and_unlock(p);
}

void proxy_admit(proxy *p, proxy_admission admission)
{
    pthread_mutex_lock(&p->mutex);
    p->config.admission = admission;
    apply_and_unlock(p);
}

uint64_t proxy_count(proxy *p, proxy_counter counter)
{
    pthread_mutex_lock(&p->mutex);
    uint64_t result = p->counts[counter];
    pthread_mutex_unlock(&p->mutex);
    return result;
}

bool proxy_wait(proxy *p, proxy_counter counter, uint64_t wanted, int64_t timeout_ms)
{
    struct timespec until = cond_deadline(timeout_ms);
    int error = 0;

    pthread_mutex_lock(&p->mutex);
    while (p->counts[counter] < wanted && error == 0) {
        error = pthread_cond_timedwait(&p->changed, &p->mutex, &until);
    }
    bool reached = p->counts[counter] >= wanted;
    pthread_mutex_unlock(&p->mutex);
    return reached;
}

bool proxy_session(proxy *p, int64_t *ret_id, char ret_password[16])
{
    pthread_mutex_lock(&p->mutex);
    bool known = p->has_session;
    if (known) {
        *ret_id = p->session;
        memcpy(ret_password, p->password, sizeof p->password);
    }
    pthread_mutex_unlock(&p->mutex);
    return known;
}

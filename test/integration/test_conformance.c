/**
 * The simulated ensemble against a real server: the same requests of two
 * clients, and every reply and watch event must be the same, but for zxids,
 * which must be in the same order.
 */
#include <corral/status.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/server.h"
#include "sim/simclient.h"

enum {
    SEQUENCES = 500,
    REQUESTS = 50,
    CLIENTS = 2,
    MANY_MAX = 12,
    NAMES_MAX = 512,
    ZXIDS_MAX = 6 * REQUESTS,
    TEXT_MAX = 262144
};

/* What one sequence of requests has led to: a text in which zxids are numbers of places in a list. */
typedef struct {
    char text[TEXT_MAX];
    size_t length;
    int64_t zxids[ZXIDS_MAX];
    size_t zxid_count;
} story;

static void tell(story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(story *s, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(s->text + s->length, sizeof s->text - s->length, format, arguments);
    va_end(arguments);
    REQUIRE(length >= 0 && s->length + (size_t)length < sizeof s->text);
    s->length += (size_t)length;
}

/* One side's client. */
typedef struct {
    corrali_backend *backend;
    world *world; /* NULL: a real one */
    int number;

    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    bool connected, replied, closed;
    int64_t session;
    char reply[16384]; /* of the last request, without its stat */
    corrali_stat stat;
    bool has_stat;
    char events[4096]; /* since the last request but one */
} endpoint;

static corrali_backend_options options = {.session_timeout_ms = SERVER_SESSION_MS, .acl = CORRAL_ACL_OPEN};

/* --- events: on a thread of the backend's --- */

static void wake(endpoint *own)
{
    pthread_cond_broadcast(&own->changed);
    pthread_mutex_unlock(&own->mutex);
}

static void on_connected(void *owner, int64_t id, int64_t timeout_ms, int64_t asked_at)
{
    endpoint *own = owner;

    (void)asked_at;
    CU_ASSERT_EQUAL(timeout_ms, SERVER_SESSION_MS);
    pthread_mutex_lock(&own->mutex);
    own->connected = true;
    own->session = id;
    wake(own);
}

static void on_nothing(void *owner)
{
    (void)owner;
}

static void append(char *text, size_t size, const char *more)
{
    size_t length = strlen(text);

    (void)snprintf(text + length, size - length, "%s ", more);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void describe_names(endpoint *own, const corrali_request *request)
{
    const char *sorted[NAMES_MAX];
    size_t count = request->length < NAMES_MAX ? request->length : NAMES_MAX;

    memcpy(sorted, request->names, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < count; i++) {
        append(own->reply, sizeof own->reply, sorted[i]);
    }
}

static void describe(endpoint *own, corrali_request *request)
{
    (void)snprintf(own->reply, sizeof own->reply, "%s ", corral_status_name(request->status));
    own->has_stat = false;
    if (request->kind == CORRALI_MULTI && request->status != CORRAL_OK) {
        append(own->reply, sizeof own->reply,
               request->failed == 0   ? "at 0"
               : request->failed == 1 ? "at 1"
                                      : "at 2");
    }
    if (request->status != CORRAL_OK) {
        return;
    }
    if (request->kind <= CORRALI_CHILDREN) {
        own->has_stat = true;
        own->stat = request->stat;
    }
    if (request->kind == CORRALI_GET && request->length > 0) {
        (void)snprintf(own->reply, sizeof own->reply, "OK '%.*s' ", (int)request->length, request->data);
    } else if (request->kind == CORRALI_CHILDREN) {
        describe_names(own, request);
    } else if (request->kind == CORRALI_GET_ACL) {
        for (size_t i = 0; i < request->length; i++) {
            char text[128];

            (void)snprintf(text, sizeof text, "%s:%s:%d", request->acl[i].scheme, request->acl[i].id,
                           (int)request->acl[i].perms);
            append(own->reply, sizeof own->reply, text);
        }
    }
    for (size_t i = 0; request->kind == CORRALI_MULTI && i < request->write_count; i++) {
        const corrali_write *write = &corrali_writes(request)[i];

        if (write->kind == CORRALI_SET || (write->kind == CORRALI_CREATE && request->write_count == 1)) {
            own->has_stat = true;
            own->stat = write->stat;
        }
        if (write->sequential) {
            char text[32];

            (void)snprintf(text, sizeof text, "number %d", write->sequence);
            append(own->reply, sizeof own->reply, text);
        }
    }
}

static void on_reply(void *owner, corrali_request *request)
{
    endpoint *own = owner;

    pthread_mutex_lock(&own->mutex);
    describe(own, request);
    own->replied = true;
    wake(own);
}

static void on_changed(void *owner, const char *path, corrali_change change)
{
    static const char *const texts[] = {"changed", "children", "deleted"};
    endpoint *own = owner;

    pthread_mutex_lock(&own->mutex);
    append(own->events, sizeof own->events, path);
    append(own->events, sizeof own->events, texts[change]);
    wake(own);
}

static void on_closed(void *owner)
{
    endpoint *own = owner;

    pthread_mutex_lock(&own->mutex);
    own->closed = true;
    wake(own);
}

static const corrali_backend_events events = {.connected = on_connected,
                                              .suspended = on_nothing,
                                              .expired = on_nothing,
                                              .auth_failed = on_nothing,
                                              .reply = on_reply,
                                              .changed = on_changed,
                                              .timer = on_nothing,
                                              .closed = on_closed};

/* Until *@flag; false: it was never so. */
static bool await(endpoint *own, const bool *flag)
{
    int64_t deadline = testing_now_ms() + TESTING_PATIENCE_MS;
    bool good = true;

    if (own->world != NULL) {
        while (!*flag && own->world->now < 3600 * SIM_S) {
            (void)world_step(own->world, 3600 * SIM_S);
        }
        return *flag;
    }
    pthread_mutex_lock(&own->mutex);
    while (!*flag && good) {
        struct timespec until = {.tv_sec = (time_t)(deadline / 1000)};

        good = pthread_cond_clockwait(&own->changed, &own->mutex, CLOCK_MONOTONIC, &until) == 0;
    }
    good = *flag;
    pthread_mutex_unlock(&own->mutex);
    return good;
}

static void open_endpoint(endpoint *own, int number, world *w, corrali_backend *backend)
{
    memset(own, 0, sizeof *own);
    own->number = number;
    own->world = w;
    own->backend = backend;
    pthread_mutex_init(&own->mutex, NULL);
    pthread_cond_init(&own->changed, NULL);
    REQUIRE(backend->vtable->start(backend, &options, &events, own) == CORRAL_OK);
    REQUIRE(await(own, &own->connected));
}

static void close_endpoint(endpoint *own)
{
    own->backend->vtable->close(own->backend);
    REQUIRE(await(own, &own->closed));
    own->backend->vtable->destroy(own->backend);
    pthread_cond_destroy(&own->changed);
    pthread_mutex_destroy(&own->mutex);
}

static void ask(endpoint *own, corrali_request *request)
{
    own->replied = false;
    REQUIRE(own->backend->vtable->submit(own->backend, request) == CORRAL_OK);
    REQUIRE(await(own, &own->replied));
}

/* --- generated requests --- */

typedef struct {
    world dice; /* for its numbers alone */
    char directory[32];
    char paths[CORRALI_WRITES_MAX][64];
    char data[CORRALI_WRITES_MAX][16];
    corrali_write many[MANY_MAX];
    corrali_request request;
} generator;

static const corral_acl readable = {.scheme = "world", .id = "anyone", .perms = CORRAL_PERM_READ};

static const char *some_path(generator *g, size_t slot)
{
    static const char *const names[] = {"/a", "/b", "/c", "/a/x", "/a/y", "/b/x", "/a/x/deep"};

    (void)snprintf(g->paths[slot], sizeof g->paths[slot], "%s%s", g->directory,
                   names[world_below(&g->dice, 7)]);
    return g->paths[slot];
}

static void some_write(generator *g, size_t slot)
{
    corrali_write *write = &g->request.writes[slot];
    uint64_t dice = world_below(&g->dice, 10);
    static const int32_t versions[] = {CORRALI_VERSION_ANY, CORRALI_VERSION_ANY, 0, 1, 2};

    (void)snprintf(g->data[slot], sizeof g->data[slot], "%.*s", (int)world_below(&g->dice, 9), "payload!");
    *write = (corrali_write){.kind = dice < 4   ? CORRALI_CREATE
                                     : dice < 7 ? CORRALI_SET
                                     : dice < 9 ? CORRALI_DELETE
                                                : CORRALI_CHECK,
                             .path = some_path(g, slot),
                             .data = g->data[slot],
                             .length = strlen(g->data[slot]),
                             .version = versions[world_below(&g->dice, 5)]};
    if (write->kind == CORRALI_CREATE) {
        write->ephemeral = world_one_in(&g->dice, 4);
        write->sequential = world_one_in(&g->dice, 5);
        write->open = world_one_in(&g->dice, 2);
        if (world_one_in(&g->dice, 6)) {
            write->acl = &readable;
            write->acl_count = 1;
        }
    }
}

/* Sequential znodes beside each other, and behind them something that may be refused. */
static void many_creations(generator *g)
{
    size_t count = 4 + world_below(&g->dice, MANY_MAX - 4);

    some_write(g, 0);
    g->many[count - 1] = g->request.writes[0];
    for (size_t i = 0; i < count - 1; i++) {
        g->many[i] = (corrali_write){
            .kind = CORRALI_CREATE, .path = g->paths[0], .data = "", .ephemeral = true, .sequential = true};
    }
    g->request.more = g->many;
    g->request.write_count = count;
}

static void some_request(generator *g)
{
    static const corrali_request_kind reads[] = {CORRALI_GET,    CORRALI_GET,      CORRALI_EXISTS,
                                                 CORRALI_EXISTS, CORRALI_CHILDREN, CORRALI_GET_ACL};

    memset(&g->request, 0, sizeof g->request);
    if (world_one_in(&g->dice, 2)) {
        g->request.kind = CORRALI_MULTI;
        g->request.write_count = world_one_in(&g->dice, 2) ? 1 : 2 + world_below(&g->dice, 2);
        for (size_t i = 0; i < g->request.write_count; i++) {
            some_write(g, i);
        }
        if (world_one_in(&g->dice, 8)) {
            many_creations(g);
        } else if (g->request.write_count == 1 && g->request.writes[0].kind == CORRALI_CREATE &&
                   world_one_in(&g->dice, 4)) {
            g->request.writes[0].container = true;
            g->request.writes[0].ephemeral = g->request.writes[0].sequential = false;
        }
    } else {
        g->request.kind = reads[world_below(&g->dice, sizeof reads / sizeof *reads)];
        g->request.path = some_path(g, 0);
        g->request.watch = g->request.kind <= CORRALI_CHILDREN && world_one_in(&g->dice, 2);
    }
}

/* --- a sequence --- */

static void tell_stat(story *s, const endpoint *own, const endpoint *all)
{
    const corrali_stat *stat = &own->stat;
    int owner = stat->ephemeral_owner == 0 ? 0 : stat->ephemeral_owner == all[0].session ? 1 : 2;

    REQUIRE(s->zxid_count + 3 <= ZXIDS_MAX);
    tell(s, "version %d, %d children, %d changes of them, owner %d, zxids %zu %zu %zu ", stat->version,
         stat->child_count, stat->cversion, owner, s->zxid_count, s->zxid_count + 1, s->zxid_count + 2);
    s->zxids[s->zxid_count++] = stat->czxid;
    s->zxids[s->zxid_count++] = stat->mzxid;
    s->zxids[s->zxid_count++] = stat->pzxid;
}

/* What was there before is told: events come before the reply to what is asked after the change. */
static void catch_up(generator *g, endpoint *all)
{
    for (int i = 0; i < CLIENTS; i++) {
        corrali_request sync = {.kind = CORRALI_SYNC, .path = g->directory};

        ask(&all[i], &sync);
    }
}

static void tell_request(story *s, generator *g, int client)
{
    static const char *const kinds[] = {"get", "exists", "children", "acl", "sync", "multi"};
    static const char *const writes[] = {"create", "set", "delete", "check"};

    tell(s, "%d: %s%s %s", client, kinds[g->request.kind], g->request.watch ? " and watch" : "",
         g->request.kind == CORRALI_MULTI ? "" : g->request.path);
    for (size_t i = 0; i < g->request.write_count; i++) {
        const corrali_write *write = &corrali_writes(&g->request)[i];

        tell(s, "%s %s at %d%s%s, ", writes[write->kind], write->path, write->version,
             write->ephemeral    ? ", ephemeral"
             : write->container  ? ", container"
             : write->sequential ? ", sequential"
                                 : "",
             write->acl != NULL ? ", read-only" : "");
    }
    tell(s, " -> ");
}

static void run_sequence(uint64_t seed, endpoint *all, story *s)
{
    static generator g;

    memset(s, 0, sizeof *s);
    memset(&g, 0, sizeof g);
    g.dice.random = seed;
    (void)snprintf(g.directory, sizeof g.directory, "/conformance-%u", (unsigned)seed);
    g.request = (corrali_request){.kind = CORRALI_MULTI,
                                  .write_count = 1,
                                  .writes = {{.kind = CORRALI_CREATE, .path = g.directory, .data = ""}}};
    ask(&all[0], &g.request);
    catch_up(&g, all);
    for (int i = 0; i < REQUESTS; i++) {
        endpoint *own = &all[world_below(&g.dice, CLIENTS)];

        some_request(&g);
        tell_request(s, &g, own->number);
        ask(own, &g.request);
        tell(s, "%s", own->reply);
        if (own->has_stat) {
            tell_stat(s, own, all);
        }
        catch_up(&g, all);
        for (int j = 0; j < CLIENTS; j++) {
            tell(s, "| %s", all[j].events);
            all[j].events[0] = '\0';
        }
        tell(s, "\n");
    }
}

static void run_real(uint64_t seed, story *s)
{
    endpoint all[CLIENTS];

    for (int i = 0; i < CLIENTS; i++) {
        open_endpoint(&all[i], i, NULL, corrali_backend_zk_new());
    }
    run_sequence(seed, all, s);
    for (int i = 0; i < CLIENTS; i++) {
        close_endpoint(&all[i]);
    }
}

static void ignore(void *arg)
{
    (void)arg;
}

static void run_simulated(uint64_t seed, story *s)
{
    static endpoint all[CLIENTS];
    static world w;
    static ensemble e;

    world_open(&w, seed, false);
    ensemble_open(&e, &w);
    for (int i = 0; i < CLIENTS; i++) {
        open_endpoint(&all[i], i, &w, simclient_backend(simclient_new(&e, i, ignore, NULL)));
    }
    run_sequence(seed, all, s);
    for (int i = 0; i < CLIENTS; i++) {
        close_endpoint(&all[i]);
    }
    ensemble_close(&e);
    world_close(&w);
}

static bool same_order(const story *a, const story *b)
{
    for (size_t i = 0; i < a->zxid_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if ((a->zxids[i] < a->zxids[j]) != (b->zxids[i] < b->zxids[j]) ||
                (a->zxids[i] == a->zxids[j]) != (b->zxids[i] == b->zxids[j])) {
                return false;
            }
        }
    }
    return true;
}

static void show_difference(uint64_t seed, const story *real, const story *simulated)
{
    size_t at = 0, line = 0;

    while (real->text[at] == simulated->text[at] && real->text[at] != '\0') {
        line = real->text[at] == '\n' ? at + 1 : line;
        at++;
    }
    fprintf(stderr, "sequence %u: after\n%.*sreal:      %.*s\nsimulated: %.*s\n", (unsigned)seed, (int)line,
            real->text, (int)strcspn(real->text + line, "\n"), real->text + line,
            (int)strcspn(simulated->text + line, "\n"), simulated->text + line);
}

static void both_do_the_same(void)
{
    static story real, simulated;

    options.servers = server_connect();
    for (unsigned seed = 1; seed <= testing_scaled(SEQUENCES); seed++) {
        run_real(seed, &real);
        run_simulated(seed, &simulated);
        if (strcmp(real.text, simulated.text) != 0) {
            show_difference(seed, &real, &simulated);
            CU_FAIL_FATAL("the simulated ensemble does something else");
        }
        REQUIRE(same_order(&real, &simulated));
    }
}

static CU_TestInfo conformance_tests[] = {
    {"both do the same", both_do_the_same},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"conformance", NULL, NULL, NULL, NULL, conformance_tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * Watched znodes on a backend whose replies are the test's own: a server that
 * lags behind, which a real one is never seen to do, and time.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "internal.h"
#include "lib/events.h"
#include "lib/testing.h"
#include "watch.h"

enum { SENT_MAX = 16 };

typedef struct {
    corrali_backend base;
    const corrali_backend_events *events;
    void *owner;
    pthread_t closer;
    bool closing;
    int64_t now;
    corrali_request *sent[SENT_MAX]; /* and not answered, oldest first */
    size_t count;
    unsigned forgotten;          /* watches of data */
    unsigned forgotten_children; /* ... and of children */
} fake;

static int fake_start(corrali_backend *base, const corrali_backend_options *options,
                      const corrali_backend_events *told, void *owner)
{
    fake *self = (fake *)base;

    (void)options;
    self->events = told;
    self->owner = owner;
    return CORRAL_OK;
}

static int fake_submit(corrali_backend *base, corrali_request *request)
{
    fake *self = (fake *)base;

    if (self->count == SENT_MAX) {
        return CORRAL_ENOMEM;
    }
    self->sent[self->count++] = request;
    return CORRAL_OK;
}

static void fake_unwatch(corrali_backend *base, const char *path, bool children)
{
    fake *self = (fake *)base;

    (void)path;
    self->forgotten += !children;
    self->forgotten_children += children;
}

static int64_t fake_now(corrali_backend *base)
{
    return ((fake *)base)->now;
}

static void fake_wake_at(corrali_backend *base, int64_t when)
{
    (void)base;
    (void)when;
}

static uint64_t fake_random(corrali_backend *base)
{
    (void)base;
    return 0; /* the shortest pause */
}

/* Reply with @status to the oldest request. */
static void reply(fake *self, int status)
{
    corrali_request *request = self->sent[0];

    REQUIRE(self->count > 0);
    memmove(self->sent, self->sent + 1, --self->count * sizeof *self->sent);
    request->status = status;
    self->events->reply(self->owner, request);
}

static void *close_main(void *context)
{
    fake *self = context;

    while (self->count > 0) {
        reply(self, CORRAL_ELOST);
    }
    self->events->closed(self->owner);
    return NULL;
}

static void fake_close(corrali_backend *base)
{
    fake *self = (fake *)base;

    self->closing = pthread_create(&self->closer, NULL, close_main, self) == 0;
}

static void fake_destroy(corrali_backend *base)
{
    fake *self = (fake *)base;

    if (self->closing) {
        pthread_join(self->closer, NULL);
    }
}

static const corrali_backend_vtable vtable = {.start = fake_start,
                                              .submit = fake_submit,
                                              .unwatch = fake_unwatch,
                                              .now = fake_now,
                                              .wake_at = fake_wake_at,
                                              .random = fake_random,
                                              .close = fake_close,
                                              .destroy = fake_destroy};

static fake server;
static corral_client *client;
static corral_watch *watch;
static events seen;

/* --- what the server says --- */

static bool awaits(corrali_request_kind kind)
{
    return server.count == 1 && server.sent[0]->kind == kind;
}

static void connect(int64_t session)
{
    server.events->connected(server.owner, session, 10000, 0);
    REQUIRE(awaits(CORRALI_MULTI)); /* the barrier */
    reply(&server, CORRAL_OK);
}

static void answer(const char *value, corrali_stat stat)
{
    REQUIRE(awaits(CORRALI_GET));
    CU_ASSERT(server.sent[0]->watch);
    server.sent[0]->data = value;
    server.sent[0]->length = strlen(value);
    server.sent[0]->stat = stat;
    reply(&server, CORRAL_OK);
}

static void answer_absent(void)
{
    REQUIRE(awaits(CORRALI_GET));
    reply(&server, CORRAL_ENOENT);
    REQUIRE(awaits(CORRALI_EXISTS));
    CU_ASSERT(server.sent[0]->watch);
    reply(&server, CORRAL_ENOENT);
}

static void change(void)
{
    server.events->changed(server.owner, "/x", CORRALI_CHANGED);
}

static void pass_time(int64_t ms)
{
    server.now += ms * 1000000;
    server.events->timer(server.owner);
}

static corrali_stat stat(int64_t czxid, int64_t mzxid, int32_t version)
{
    return (corrali_stat){.czxid = czxid, .mzxid = mzxid, .version = version};
}

static void open_client(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    server = (fake){.base.vtable = &vtable};
    events_open(&seen);
    REQUIRE_STATUS(corrali_client_new("127.0.0.1:1", &options, &server.base, &client), CORRAL_OK);
    connect(1);
}

static void setup(void)
{
    open_client();
    REQUIRE_STATUS(corral_watch_open(client, "/x", NULL, events_note, &seen, &watch), CORRAL_OK);
}

static void subscribe_children(corral_watch_kind kind)
{
    corral_watch_options options = CORRAL_WATCH_OPTIONS_INIT;

    options.kind = kind;
    REQUIRE_STATUS(corral_watch_open(client, "/x", &options, events_note_children, &seen, &watch), CORRAL_OK);
}

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    /* So that nothing is asked of it when the client is closed. */
    server.events->suspended(server.owner);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    events_close(&seen);
}

/* --- tests --- */

static void an_older_state_is_read_again(void)
{
    answer("5", stat(10, 50, 5));
    REQUIRE(events_wait(&seen, 1));
    change();
    answer("4", stat(10, 40, 4));
    REQUIRE(server.count == 0);
    pass_time(1000);
    answer("7", stat(10, 70, 7));
    REQUIRE(events_wait(&seen, 2));
    ASSERT_VALUE(&seen, 0, "5");
    ASSERT_VALUE(&seen, 1, "7");
    ASSERT_INT64(events_last(&seen).skipped, 1);
}

static void a_deleted_one_does_not_rise(void)
{
    answer("5", stat(10, 50, 5));
    REQUIRE(events_wait(&seen, 1));
    change();
    answer_absent();
    REQUIRE(events_wait(&seen, 2));
    change();
    answer("5", stat(10, 50, 5));
    REQUIRE(server.count == 0);
    change(); /* also while it pauses */
    answer("0", stat(70, 70, 0));
    REQUIRE(events_wait(&seen, 3));
    ASSERT_VALUE(&seen, 2, "0");
    ASSERT_INT64(events_changes(&seen), 2);
    ASSERT_FORWARD(&seen);
}

/* While the callback that tells of no znode runs, one comes and goes: that is nothing new, but counted. */
static void what_came_and_went_during_a_callback_is_not_told_twice(void)
{
    corral_watch *other = NULL;
    events after;

    events_open(&after);
    events_block(&seen, true);
    answer_absent();
    REQUIRE(events_wait_inside(&seen));
    change();
    answer("1", stat(10, 10, 0));
    change();
    answer_absent();
    /* Called after what is due by now. */
    REQUIRE_STATUS(corral_watch_open(client, "/y", NULL, events_note, &after, &other), CORRAL_OK);
    answer_absent();
    events_block(&seen, false);
    REQUIRE(events_wait(&after, 1));
    ASSERT_INT64(events_count(&seen), 1);
    change();
    answer("2", stat(30, 30, 0));
    REQUIRE(events_wait_value(&seen, "2"));
    ASSERT_INT64(events_last(&seen).skipped, 2);
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&after);
}

/* A server that lags behind the one that told of it: it came once. */
static void what_has_not_come_yet_elsewhere_is_not_counted(void)
{
    answer_absent();
    REQUIRE(events_wait(&seen, 1));
    change();
    server.events->suspended(server.owner);
    reply(&server, CORRAL_ELOST);
    server.events->connected(server.owner, 1, 10000, 0);
    answer_absent();
    change();
    answer("1", stat(30, 30, 0));
    REQUIRE(events_wait_value(&seen, "1"));
    ASSERT_INT64(events_last(&seen).skipped, 0);
}

/* A watch from when there was a znode, which could not be read when that went, is set again. */
static void a_deletion_that_is_known_is_not_counted(void)
{
    answer_absent();
    REQUIRE(events_wait(&seen, 1));
    server.events->changed(server.owner, "/x", CORRALI_DELETED);
    answer_absent();
    change();
    answer("1", stat(30, 30, 0));
    REQUIRE(events_wait_value(&seen, "1"));
    ASSERT_INT64(events_last(&seen).skipped, 0);
}

static void the_renewal_of_versions_is_one_change(void)
{
    answer("1", stat(10, 50, -2));
    REQUIRE(events_wait(&seen, 1));
    change();
    answer("2", stat(60, 60, 0));
    REQUIRE(events_wait(&seen, 2));
    ASSERT_INT64(events_last(&seen).skipped, 0);
    change();
    answer("3", stat(80, 80, 0));
    REQUIRE(events_wait(&seen, 3));
    ASSERT_INT64(events_last(&seen).skipped, 1);
}

static void versions_may_wrap(void)
{
    answer("1", stat(10, 50, INT32_MAX));
    REQUIRE(events_wait(&seen, 1));
    change();
    answer("2", stat(10, 60, INT32_MIN + 1));
    REQUIRE(events_wait(&seen, 2));
    ASSERT_INT64(events_last(&seen).skipped, 1);
}

static void a_new_session_is_read_in_behind_its_barrier(void)
{
    answer("1", stat(10, 50, 1));
    REQUIRE(events_wait(&seen, 1));
    server.events->expired(server.owner);
    server.events->connected(server.owner, 2, 10000, 0);
    REQUIRE(awaits(CORRALI_MULTI));
    change(); /* none of the new session's: it has no watch yet */
    REQUIRE(awaits(CORRALI_MULTI));
    reply(&server, CORRAL_OK);
    answer("2", stat(10, 60, 2));
    REQUIRE(events_wait(&seen, 2));
    ASSERT_VALUE(&seen, 1, "2");
}

static void a_new_session_reads_after_a_pause(void)
{
    answer("1", stat(10, 50, 1));
    server.events->expired(server.owner);
    connect(2);
    REQUIRE(server.count == 0);
    pass_time(0);
    answer("2", stat(10, 60, 2));
    REQUIRE(events_wait_value(&seen, "2"));
}

static void it_is_read_unasked_now_and_then(void)
{
    answer("1", stat(10, 50, 1));
    pass_time(14999);
    REQUIRE(server.count == 0);
    pass_time(1);
    answer("1", stat(10, 50, 1));
    pass_time(14999);
    REQUIRE(server.count == 0);
    change();
    answer("2", stat(10, 60, 2));
    REQUIRE(events_wait_value(&seen, "2"));
    pass_time(1);
    REQUIRE(server.count == 0);
    CU_ASSERT(events_count(&seen) <= 2);
}

static void refusals_are_followed_by_longer_pauses(void)
{
    static const int64_t pauses[] = {125, 250, 500, 1000, 2000, 4000, 4000};

    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        REQUIRE(awaits(CORRALI_GET));
        reply(&server, CORRAL_EACCES);
        pass_time(pauses[i] - 1);
        REQUIRE(server.count == 0);
        pass_time(1);
    }
    answer("1", stat(10, 50, 1));
    REQUIRE(events_wait_value(&seen, "1"));
    CU_ASSERT(events_count(&seen) <= 2);
}

/* There is no memory for a state, nor for the first of all timers. */
static void without_memory_to_pause_it_is_read_at_once(void)
{
    corrali_alloc_fail_from(1);
    answer("1", stat(10, 50, 1));
    answer("2", stat(10, 60, 2));
    corrali_alloc_fail_from(2);
    REQUIRE(awaits(CORRALI_GET));
    reply(&server, CORRAL_EACCES);
    corrali_alloc_fail_from(0);
    answer("3", stat(10, 70, 3));
    REQUIRE(events_wait_value(&seen, "3"));
    REQUIRE(server.count == 0);
}

static void a_change_while_reading_is_read_again(void)
{
    REQUIRE(awaits(CORRALI_GET));
    change();
    answer("1", stat(10, 50, 1));
    answer("2", stat(10, 60, 2));
    REQUIRE(events_wait_value(&seen, "2"));
    REQUIRE(server.count == 0);
}

static void the_last_state_comes_before_the_end(void)
{
    events_block(&seen, true);
    answer("1", stat(10, 50, 1));
    REQUIRE(events_wait_inside(&seen));
    change();
    answer("2", stat(10, 60, 2));
    server.events->auth_failed(server.owner);
    events_block(&seen, false);
    REQUIRE(events_wait(&seen, 3));
    ASSERT_VALUE(&seen, 0, "1");
    ASSERT_VALUE(&seen, 1, "2");
    ASSERT_STATUS(events_get(&seen, 2).status, CORRAL_EACCES);
}

static void what_nobody_wants_is_forgotten(void)
{
    answer("1", stat(10, 50, 1));
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    ASSERT_INT64(server.forgotten, 1);
    REQUIRE_STATUS(corral_watch_open(client, "/x", NULL, events_note, &seen, &watch), CORRAL_OK);
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    /* Its read is on its way, and leaves a watch. */
    ASSERT_INT64(server.forgotten, 1);
    answer("1", stat(10, 50, 1));
    ASSERT_INT64(server.forgotten, 2);
    change();
    REQUIRE(server.count == 0);
    watch = NULL;
}

/* --- children --- */

/* Answer the oldest request, for the children of /x, with the first @count letters. */
static void answer_letters(size_t count, int64_t pzxid, int32_t cversion)
{
    static const char *const letters[] = {"a", "b", "c"};

    REQUIRE(server.count > 0 && server.sent[0]->kind == CORRALI_CHILDREN);
    CU_ASSERT(server.sent[0]->watch);
    server.sent[0]->names = letters;
    server.sent[0]->length = count;
    server.sent[0]->stat = (corrali_stat){.czxid = 10, .mzxid = 10, .pzxid = pzxid, .cversion = cversion};
    reply(&server, CORRAL_OK);
}

static void answer_no_children(void)
{
    REQUIRE(awaits(CORRALI_CHILDREN));
    reply(&server, CORRAL_ENOENT);
    REQUIRE(awaits(CORRALI_EXISTS));
    reply(&server, CORRAL_ENOENT);
}

/* Answer the oldest request, for the data of @path. */
static void answer_data(const char *path, const char *value, int64_t mzxid)
{
    REQUIRE(server.count > 0 && server.sent[0]->kind == CORRALI_GET);
    CU_ASSERT_STRING_EQUAL(server.sent[0]->path, path);
    server.sent[0]->data = value;
    server.sent[0]->length = strlen(value);
    server.sent[0]->stat = stat(5, mzxid, 0);
    reply(&server, CORRAL_OK);
}

static void change_children(void)
{
    server.events->changed(server.owner, "/x", CORRALI_CHILDREN_CHANGED);
}

/* No watch is left of where it was. */
static void delete_child(const char *path)
{
    server.events->changed(server.owner, path, CORRALI_DELETED);
    REQUIRE(awaits(CORRALI_GET));
    reply(&server, CORRAL_ENOENT);
    REQUIRE(server.count == 0);
}

static void an_older_list_is_read_again(void)
{
    subscribe_children(CORRAL_WATCH_CHILDREN);
    answer_letters(2, 50, 2);
    REQUIRE(events_wait(&seen, 1));
    change_children();
    answer_letters(1, 40, 1);
    REQUIRE(server.count == 0);
    pass_time(1000);
    answer_letters(3, 70, 5);
    REQUIRE(events_wait(&seen, 2));
    ASSERT_VALUE(&seen, 0, "a b");
    ASSERT_VALUE(&seen, 1, "a b c");
    ASSERT_INT64(events_last(&seen).skipped, 2);
}

static void data_matter_only_where_nothing_is(void)
{
    subscribe_children(CORRAL_WATCH_CHILDREN);
    answer_no_children();
    change();
    answer_letters(1, 20, 1);
    change();
    REQUIRE(server.count == 0);
    server.events->changed(server.owner, "/x", CORRALI_DELETED);
    answer_no_children();
    REQUIRE(events_wait_value(&seen, NULL));
}

/* After 2^31 creations a server counts no more of them, but deletions. */
static void what_a_server_does_not_count_is_one_change(void)
{
    subscribe_children(CORRAL_WATCH_CHILDREN);
    answer_letters(1, 20, -3);
    REQUIRE(events_wait(&seen, 1));
    change_children();
    answer_letters(2, 30, -4);
    REQUIRE(events_wait(&seen, 2));
    ASSERT_INT64(events_last(&seen).skipped, 0);
}

/* Else children that come faster than they can be read would put off every state. */
static void a_list_waits_for_the_data_of_the_one_before(void)
{
    subscribe_children(CORRAL_WATCH_CHILDREN_DATA);
    answer_letters(2, 20, 2);
    REQUIRE(server.count == 2);
    answer_data("/x/a", "1", 5);
    change_children();
    REQUIRE(server.count == 2);
    answer_data("/x/b", "2", 6);
    REQUIRE(events_wait(&seen, 1));
    ASSERT_VALUE(&seen, 0, "a=1 b=2");
    answer_letters(3, 30, 3);
    answer_data("/x/c", "3", 30);
    REQUIRE(events_wait(&seen, 2));
    ASSERT_VALUE(&seen, 1, "a=1 b=2 c=3");
    ASSERT_INT64(server.count, 0);
}

static void a_list_that_came_meanwhile_is_taken_up(void)
{
    subscribe_children(CORRAL_WATCH_CHILDREN_DATA);
    answer_letters(1, 20, 1);
    change_children();
    REQUIRE(server.count == 2 && server.sent[1]->kind == CORRALI_CHILDREN);
    /* The younger one is answered first. */
    corrali_request *data = server.sent[0];
    server.sent[0] = server.sent[1];
    server.sent[1] = data;
    answer_letters(2, 30, 2);
    REQUIRE(server.count == 1);
    answer_data("/x/a", "1", 5);
    answer_data("/x/b", "2", 30);
    REQUIRE(events_wait_value(&seen, "a=1 b=2"));
    ASSERT_INT64(events_changes(&seen), events_count(&seen) - 1);
}

/* The list tells it, and with that it is one change. */
static void a_child_that_goes_is_told_by_the_list(void)
{
    corral_watch *other = NULL;
    events after;

    events_open(&after);
    subscribe_children(CORRAL_WATCH_CHILDREN_DATA);
    answer_letters(2, 20, 2);
    answer_data("/x/a", "1", 5);
    answer_data("/x/b", "2", 6);
    REQUIRE(events_wait(&seen, 1));
    delete_child("/x/b");
    /* Called after what is due by now. */
    REQUIRE_STATUS(corral_watch_open(client, "/y", NULL, events_note, &after, &other), CORRAL_OK);
    answer_absent();
    REQUIRE(events_wait(&after, 1));
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    ASSERT_INT64(server.forgotten, 1);
    events_close(&after);
    ASSERT_INT64(events_count(&seen), 1);
    change_children();
    answer_letters(1, 30, 3);
    REQUIRE(events_wait_value(&seen, "a=1"));
    ASSERT_INT64(events_count(&seen), 2);
    ASSERT_INT64(events_last(&seen).skipped, 0);
    /* Its path is watched no more. */
    ASSERT_INT64(server.forgotten, 2);
}

/* While the callback that tells of none runs, some come and go with their directory. */
static void children_that_came_and_went_are_not_told_of(void)
{
    corral_watch *other = NULL;
    events after;

    events_open(&after);
    events_block(&seen, true);
    subscribe_children(CORRAL_WATCH_CHILDREN_DATA);
    answer_no_children();
    REQUIRE(events_wait_inside(&seen));
    change();
    answer_letters(1, 20, 1);
    answer_data("/x/a", "1", 20);
    delete_child("/x/a");
    server.events->changed(server.owner, "/x", CORRALI_DELETED);
    answer_no_children();
    /* Called after what is due by now. */
    REQUIRE_STATUS(corral_watch_open(client, "/y", NULL, events_note, &after, &other), CORRAL_OK);
    answer_absent();
    events_block(&seen, false);
    REQUIRE(events_wait(&after, 1));
    ASSERT_INT64(events_count(&seen), 1);
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&after);
}

/* While the callback that leaves it out runs, before there is a list that says so. */
static void a_child_that_came_and_went_is_not_told_of(void)
{
    corral_watch *other = NULL;
    events after;

    events_open(&after);
    subscribe_children(CORRAL_WATCH_CHILDREN_DATA);
    answer_letters(2, 20, 2);
    answer_data("/x/a", "1", 5);
    answer_data("/x/b", "2", 6);
    REQUIRE(events_wait_value(&seen, "a=1 b=2"));
    delete_child("/x/b");
    events_block(&seen, true);
    server.events->changed(server.owner, "/x/a", CORRALI_CHANGED);
    answer_data("/x/a", "3", 30);
    REQUIRE(events_wait_inside(&seen));
    server.events->changed(server.owner, "/x/b", CORRALI_CHANGED);
    answer_data("/x/b", "4", 40);
    delete_child("/x/b");
    /* Called after what is due by now. */
    REQUIRE_STATUS(corral_watch_open(client, "/x/a", NULL, events_note, &after, &other), CORRAL_OK);
    events_block(&seen, false);
    REQUIRE(events_wait(&after, 1));
    ASSERT_VALUE(&seen, 1, "a=3");
    ASSERT_INT64(events_count(&seen), 2);
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&after);
}

/* It is in the list again, and what is known of its data is that it was gone, from before. */
static void a_child_that_comes_again_is_not_left_out(void)
{
    corral_watch *other = NULL;
    events after;

    events_open(&after);
    subscribe_children(CORRAL_WATCH_CHILDREN_DATA);
    answer_letters(2, 20, 2);
    answer_data("/x/a", "1", 5);
    answer_data("/x/b", "2", 6);
    REQUIRE(events_wait(&seen, 1));
    delete_child("/x/b");
    change_children();
    answer_letters(2, 40, 4);
    /* Called after what is due by now. */
    REQUIRE_STATUS(corral_watch_open(client, "/x/a", NULL, events_note, &after, &other), CORRAL_OK);
    REQUIRE(events_wait(&after, 1));
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&after);
    ASSERT_INT64(events_count(&seen), 1);
    answer_data("/x/b", "3", 40);
    REQUIRE(events_wait_value(&seen, "a=1 b=3"));
    ASSERT_INT64(events_count(&seen), 2);
    ASSERT_INT64(events_last(&seen).skipped, 1);
}

/* It was told that the data have changed, if not yet what they are. */
static void who_comes_later_is_told_nothing_old(void)
{
    corral_watch_options options = CORRAL_WATCH_OPTIONS_INIT;
    corral_watch *other = NULL;
    events later;

    options.kind = CORRAL_WATCH_CHILDREN_DATA;
    events_open(&later);
    subscribe_children(CORRAL_WATCH_CHILDREN_DATA);
    answer_letters(1, 20, 1);
    answer_data("/x/a", "1", 5);
    REQUIRE(events_wait(&seen, 1));
    server.events->changed(server.owner, "/x/a", CORRALI_CHANGED);
    REQUIRE_STATUS(corral_watch_open(client, "/x", &options, events_note_children, &later, &other),
                   CORRAL_OK);
    answer_data("/x/a", "2", 30);
    REQUIRE(events_wait(&later, 1));
    ASSERT_VALUE(&later, 0, "a=2");
    REQUIRE(events_wait(&seen, 2));
    ASSERT_VALUE(&seen, 1, "a=2");
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&later);
}

/* Who has no list of them does leave a watch of a child that is not there. */
static void a_child_that_is_gone_is_watched_for_others(void)
{
    corral_watch *other = NULL;
    events values;

    events_open(&values);
    subscribe_children(CORRAL_WATCH_CHILDREN_DATA);
    answer_letters(1, 20, 1);
    answer_data("/x/a", "1", 5);
    delete_child("/x/a");
    REQUIRE_STATUS(corral_watch_open(client, "/x/a", NULL, events_note, &values, &other), CORRAL_OK);
    answer_absent();
    server.events->changed(server.owner, "/x/a", CORRALI_CHANGED);
    answer_data("/x/a", "2", 30);
    REQUIRE(events_wait_value(&values, "2"));
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&values);
}

/* Of one path the data, as wanted by others, or as a sign of the children's znode, are forgotten last. */
static void children_are_forgotten_by_themselves(void)
{
    corral_watch *data = NULL;
    events values;

    events_open(&values);
    subscribe_children(CORRAL_WATCH_CHILDREN);
    answer_letters(1, 20, 1);
    REQUIRE_STATUS(corral_watch_open(client, "/x", NULL, events_note, &values, &data), CORRAL_OK);
    answer("1", stat(10, 10, 0));
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    ASSERT_INT64(server.forgotten_children, 1);
    ASSERT_INT64(server.forgotten, 0);
    subscribe_children(CORRAL_WATCH_CHILDREN);
    answer_letters(1, 20, 1);
    ASSERT_STATUS(corral_watch_close(data), CORRAL_OK);
    ASSERT_INT64(server.forgotten, 0);
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    ASSERT_INT64(server.forgotten_children, 2);
    ASSERT_INT64(server.forgotten, 1);
    watch = NULL;
    events_close(&values);
}

static CU_TestInfo children[] = {
    {"an older list is read again", an_older_list_is_read_again},
    {"data matter only where nothing is", data_matter_only_where_nothing_is},
    {"what a server does not count is one change", what_a_server_does_not_count_is_one_change},
    {"a list waits for the data of the one before", a_list_waits_for_the_data_of_the_one_before},
    {"a list that came meanwhile is taken up", a_list_that_came_meanwhile_is_taken_up},
    {"a child that goes is told by the list", a_child_that_goes_is_told_by_the_list},
    {"children that came and went are not told of", children_that_came_and_went_are_not_told_of},
    {"a child that came and went is not told of", a_child_that_came_and_went_is_not_told_of},
    {"a child that comes again is not left out", a_child_that_comes_again_is_not_left_out},
    {"who comes later is told nothing old", who_comes_later_is_told_nothing_old},
    {"a child that is gone is watched for others", a_child_that_is_gone_is_watched_for_others},
    {"children are forgotten by themselves", children_are_forgotten_by_themselves},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo tests[] = {
    {"an older state is read again", an_older_state_is_read_again},
    {"a deleted one does not rise", a_deleted_one_does_not_rise},
    {"what came and went during a callback is not told twice",
     what_came_and_went_during_a_callback_is_not_told_twice},
    {"what has not come yet elsewhere is not counted", what_has_not_come_yet_elsewhere_is_not_counted},
    {"a deletion that is known is not counted", a_deletion_that_is_known_is_not_counted},
    {"the renewal of versions is one change", the_renewal_of_versions_is_one_change},
    {"versions may wrap", versions_may_wrap},
    {"a new session is read in behind its barrier", a_new_session_is_read_in_behind_its_barrier},
    {"a new session reads after a pause", a_new_session_reads_after_a_pause},
    {"it is read unasked now and then", it_is_read_unasked_now_and_then},
    {"refusals are followed by longer pauses", refusals_are_followed_by_longer_pauses},
    {"without memory to pause it is read at once", without_memory_to_pause_it_is_read_at_once},
    {"a change while reading is read again", a_change_while_reading_is_read_again},
    {"the last state comes before the end", the_last_state_comes_before_the_end},
    {"what nobody wants is forgotten", what_nobody_wants_is_forgotten},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"watched", NULL, NULL, setup, teardown, tests},
    {"children", NULL, NULL, open_client, teardown, children},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}

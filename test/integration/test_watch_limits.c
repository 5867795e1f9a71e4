/**
 * The limits of subscriptions: bad arguments, too many paths, no memory.
 */
#include <corral/counter.h>
#include <corral/watch.h>

#include <stdio.h>

#include "alloc.h"
#include "lib/events.h"
#include "lib/fixture.h"

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    fixture_close();
}

/* --- arguments --- */

static void bad_arguments_are_refused(void)
{
    static const char *const paths[] = {"", "/", "x", "/x/", "//x", "/x/..", "/\x01"};
    corral_watch_options options = CORRAL_WATCH_OPTIONS_INIT;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ASSERT_STATUS(corral_watch_open(client, paths[i], NULL, events_note, &noted, &watch), CORRAL_EINVAL);
    }
    ASSERT_STATUS(corral_watch_open(NULL, "/x", NULL, events_note, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_watch_open(client, NULL, NULL, events_note, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_watch_open(client, "/x", NULL, NULL, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_watch_open(client, "/x", NULL, events_note, &noted, NULL), CORRAL_EINVAL);
    options.version = 2;
    ASSERT_STATUS(corral_watch_open(client, "/x", &options, events_note, &noted, &watch), CORRAL_EINVAL);
    REQUIRE_STATUS(corral_counter_open(client, "/x", NULL, &counter), CORRAL_OK);
    ASSERT_STATUS(corral_counter_subscribe(NULL, events_note_counter, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_subscribe(counter, NULL, &noted, &watch), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_subscribe(counter, events_note_counter, &noted, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_watch_close(NULL), CORRAL_OK);
    CU_ASSERT_PTR_NULL(watch);
    ASSERT_INT64(events_count(&noted), 0);
    options = (corral_watch_options)CORRAL_WATCH_OPTIONS_INIT;
    options.kind = CORRAL_WATCH_CHILDREN_DATA + 1;
    ASSERT_STATUS(corral_watch_open(client, "/x", &options, events_note, &noted, &watch), CORRAL_EINVAL);
    options.kind = CORRAL_WATCH_DATA;
    ASSERT_STATUS(corral_watch_open(client, "/x", &options, events_note, &noted, &watch), CORRAL_OK);
}

/* --- too many paths --- */

enum { PATH_BYTES = 1000, MANY = 700 };

static void long_path(char path[PATH_BYTES + 1], unsigned number)
{
    snprintf(path, PATH_BYTES + 1, "/limits/%0*u", PATH_BYTES - 8, number);
}

static void cut_and_see(const char *path, const char *text)
{
    uint64_t connections = proxy_count(through, PROXY_CONNECTIONS);

    proxy_admit(through, PROXY_IGNORE);
    proxy_cut_all(through);
    server_put(path, text);
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, text));
    /* libzookeeper, too, had its way at the first attempt: it was not thrown out by the server. */
    ASSERT_INT64(proxy_count(through, PROXY_CONNECTIONS), connections + 1);
}

static void there_is_a_limit_that_a_server_can_take(void)
{
    corral_watch *watches[MANY] = {NULL};
    events all;
    char path[PATH_BYTES + 1];
    unsigned count = 0;
    int status = CORRAL_OK;

    events_open(&all);
    watch = fixture_subscribe("/limits/one", &noted);
    while (count < MANY && status == CORRAL_OK) {
        long_path(path, count);
        status = corral_watch_open(client, path, NULL, events_note, &all, &watches[count]);
        count += status == CORRAL_OK;
    }
    ASSERT_STATUS(status, CORRAL_EEXHAUSTED);
    CU_ASSERT_PTR_NULL(watches[count]);
    CU_ASSERT(count > 500 && count < 530);
    REQUIRE(events_wait(&all, count));
    /* What is watched already costs nothing more; a shorter one fits; and what is closed makes room. */
    long_path(path, 0);
    REQUIRE_STATUS(corral_watch_open(client, path, NULL, events_note, &all, &watches[count]), CORRAL_OK);
    ASSERT_STATUS(corral_watch_close(watches[count]), CORRAL_OK);
    cut_and_see("/limits/one", "with many");
    ASSERT_STATUS(corral_watch_close(watches[1]), CORRAL_OK);
    long_path(path, MANY);
    REQUIRE_STATUS(corral_watch_open(client, path, NULL, events_note, &all, &watches[1]), CORRAL_OK);
    for (unsigned i = 0; i < count; i++) {
        ASSERT_STATUS(corral_watch_close(watches[i]), CORRAL_OK);
    }
    events_close(&all);
}

/* Each of children may be known to libzookeeper twice, as one that is not there and one that is. */
static void children_count_twice(void)
{
    corral_watch *watches[MANY] = {NULL};
    corral_watch_options options = CORRAL_WATCH_OPTIONS_INIT;
    events all;
    char path[PATH_BYTES + 1];
    unsigned count = 0;
    int status = CORRAL_OK;

    options.kind = CORRAL_WATCH_CHILDREN;
    events_open(&all);
    watch = fixture_subscribe("/limits/beside", &noted);
    while (count < MANY && status == CORRAL_OK) {
        long_path(path, count);
        status = corral_watch_open(client, path, &options, events_note, &all, &watches[count]);
        count += status == CORRAL_OK;
    }
    ASSERT_STATUS(status, CORRAL_EEXHAUSTED);
    CU_ASSERT(count > 250 && count < 265);
    REQUIRE(events_wait(&all, count));
    for (unsigned i = 0; i < count; i++) {
        long_path(path, i);
        server_put(path, "");
    }
    REQUIRE(events_wait(&all, 2 * count));
    cut_and_see("/limits/beside", "with children");
    for (unsigned i = 0; i < count; i++) {
        ASSERT_STATUS(corral_watch_close(watches[i]), CORRAL_OK);
    }
    /* All that room is there again. */
    for (unsigned i = 0; i < count; i++) {
        long_path(path, MANY + i);
        REQUIRE_STATUS(corral_watch_open(client, path, &options, events_note, &all, &watches[i]), CORRAL_OK);
    }
    for (unsigned i = 0; i < count; i++) {
        ASSERT_STATUS(corral_watch_close(watches[i]), CORRAL_OK);
    }
    events_close(&all);
}

/* Three times what a server can take, but one after another. */
static void closed_ones_leave_nothing_behind(void)
{
    char path[PATH_BYTES + 1];

    watch = fixture_subscribe("/limits/steady", &noted);
    for (unsigned i = 0; i < 3000; i++) {
        events own;
        corral_watch *one;

        events_open(&own);
        long_path(path, i);
        one = fixture_subscribe(path, &own);
        REQUIRE(events_wait(&own, 1));
        ASSERT_STATUS(corral_watch_close(one), CORRAL_OK);
        events_close(&own);
    }
    cut_and_see("/limits/steady", "unburdened");
}

/* --- no memory --- */

static void nothing(void)
{
}

static void cut(void)
{
    proxy_cut_all(through);
}

static void expire(void)
{
    /* So that there is a session. */
    int64_t value;

    REQUIRE_STATUS(corral_counter_open(client, "/limits/none", NULL, &counter), CORRAL_OK);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_ENOENT);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    REQUIRE(server_expire(through));
}

/* Change the znode while there is no memory from the nth allocation on; what is refused is refused whole. */
static void sweep(const char *path, void (*prepare)(void))
{
    char text[16];
    unsigned refused = 0;

    watch = fixture_subscribe(path, &noted);
    REQUIRE(events_wait(&noted, 1));
    for (unsigned nth = 1; nth <= 30; nth++) {
        events extra;
        corral_watch *more = NULL;
        int status;

        events_open(&extra);
        prepare();
        corrali_alloc_fail_from(nth);
        snprintf(text, sizeof text, "%u", nth);
        server_put(path, text);
        status = corral_watch_open(client, nth % 2 == 0 ? path : "/limits/other", NULL, events_note, &extra,
                                   &more);
        CU_ASSERT(status == CORRAL_OK || status == CORRAL_ENOMEM);
        CU_ASSERT((status == CORRAL_OK) == (more != NULL));
        refused += status != CORRAL_OK;
        /* Time to fail in. */
        (void)proxy_wait(through, PROXY_CONNECTIONS, UINT64_MAX, 20);
        corrali_alloc_fail_from(0);
        REQUIRE(events_wait_value(&noted, text));
        if (more != NULL) {
            REQUIRE(events_wait_value(&extra, nth % 2 == 0 ? text : NULL));
        }
        ASSERT_STATUS(corral_watch_close(more), CORRAL_OK);
        events_close(&extra);
    }
    ASSERT_FORWARD(&noted);
    ASSERT_INT64(events_changes(&noted), 30);
    CU_ASSERT(refused > 0 && refused < 30);
}

static void changes_survive_a_lack_of_memory(void)
{
    sweep("/limits/memory", nothing);
}

static void reconnecting_survives_a_lack_of_memory(void)
{
    sweep("/limits/memory-cut", cut);
}

static void a_new_session_survives_a_lack_of_memory(void)
{
    sweep("/limits/memory-expiry", expire);
}

static CU_TestInfo limits[] = {
    {"bad arguments are refused", bad_arguments_are_refused},
    {"there is a limit that a server can take", there_is_a_limit_that_a_server_can_take},
    {"children count twice", children_count_twice},
    {"closed ones leave nothing behind", closed_ones_leave_nothing_behind},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo memory[] = {
    {"changes survive a lack of memory", changes_survive_a_lack_of_memory},
    {"reconnecting survives a lack of memory", reconnecting_survives_a_lack_of_memory},
    {"a new session survives a lack of memory", a_new_session_survives_a_lack_of_memory},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"limits", NULL, NULL, fixture_open, teardown, limits},
    {"no memory", NULL, NULL, fixture_open, teardown, memory},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * Values as long as they may be, through faults: changed once each, and told
 * whole or not at all.
 */
#include <corral/value.h>
#include <corral/watch.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fixture.h"

/* By libzookeeper a value may be a little longer than by Corral. */
enum { LENGTH = CORRAL_VALUE_MAX, LONGER = 1024 * 1024 - 1024 };

static char *bytes;
static atomic_uint mixed; /* states that were not one letter all over, as long as it has to be */

static void setup(void)
{
    fixture_open();
    bytes = malloc(LONGER);
    REQUIRE(bytes != NULL);
    atomic_store(&mixed, 0);
}

static void teardown(void)
{
    proxy_cut(through, PROXY_BEFORE, NULL);
    proxy_cut(through, PROXY_AFTER, NULL);
    free(bytes);
    fixture_close();
}

static const char *all(char letter)
{
    memset(bytes, letter, LONGER);
    return bytes;
}

static bool is_whole(const void *value, size_t length, size_t wanted)
{
    const char *text = value;

    return length == wanted && memcmp(text, text + 1, length - 1) == 0;
}

/* What an event keeps of a value of that letter. */
static const char *start_of(char letter)
{
    static char start[sizeof((event *)0)->value];

    snprintf(start, sizeof start, "%.*s", (int)sizeof start - 1, all(letter));
    return start;
}

/* --- changes --- */

/* Of every three writes one is lost before it is made, and one of every four afterwards. */
static void each_change_is_made_once(void)
{
    proxy_rule requests = {.every = 3}, replies = {.every = 4};
    corral_stamp stamp = {0};
    corral_client_stats stats = {0};
    unsigned count = testing_scaled(20) < 8 ? 8 : testing_scaled(20);

    setting = fixture_value("/large/changed");
    proxy_cut(through, PROXY_BEFORE, &requests);
    proxy_cut(through, PROXY_AFTER, &replies);
    for (unsigned i = 0; i < count; i++) {
        const char *data = all((char)('a' + i % 26));

        if (i % 2 == 0) {
            REQUIRE_STATUS(corral_value_set(setting, data, LENGTH, TESTING_PATIENCE_MS, &stamp), CORRAL_OK);
        } else {
            REQUIRE_STATUS(
                corral_value_compare_set(setting, &stamp, data, LENGTH, TESTING_PATIENCE_MS, &stamp),
                CORRAL_OK);
        }
        ASSERT_INT64(stamp.version, i);
    }
    ASSERT_STATUS(corral_client_get_stats(client, &stats), CORRAL_OK);
    CU_ASSERT(stats.resends_applied > 0 && stats.resends_not_applied > 0);
    ASSERT_INT64(stats.uncertain, 0);
}

/* The lost reply is the one that carries the value. */
static bool is_read(const wire_request *request, void *arg)
{
    (void)arg;
    return request->type == WIRE_GET_DATA;
}

static void a_read_is_repeated_until_it_is_whole(void)
{
    proxy_rule rule = {.match = is_read, .count = 3};
    void *data = NULL;
    size_t length = 0;

    setting = fixture_value("/large/read");
    REQUIRE_STATUS(corral_value_set(setting, all('r'), LENGTH, TESTING_PATIENCE_MS, NULL), CORRAL_OK);
    proxy_cut(through, PROXY_AFTER, &rule);
    for (corral_read level = CORRAL_READ_LOCAL; level <= CORRAL_READ_LINEARIZABLE; level++) {
        REQUIRE_STATUS(corral_value_get(setting, level, TESTING_PATIENCE_MS, &data, &length, NULL),
                       CORRAL_OK);
        CU_ASSERT(is_whole(data, length, LENGTH));
        corral_value_free(data);
    }
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 3);
}

/* --- subscribers --- */

static void note_whole(const corral_watch_event *told, void *arg)
{
    if (told->status != CORRAL_OK || !is_whole(told->value, told->length, LONGER)) {
        atomic_fetch_add(&mixed, 1);
    }
    events_note(told, arg);
}

static void put(const char *path, char letter)
{
    REQUIRE(raw_set(server_raw(), path, all(letter), LONGER) == ZOK);
}

static void put_while_cut_off(const char *path, char letter)
{
    proxy_admit(through, PROXY_IGNORE);
    proxy_cut_all(through);
    put(path, letter);
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, start_of(letter)));
}

static void states_are_whole_through_faults(void)
{
    static const char path[] = "/large/watched";
    proxy_rule rule = {.match = is_read, .count = 3};
    char error[256];
    struct Stat stat;

    REQUIRE(raw_create(server_raw(), path, all('a'), LONGER) == ZOK);
    REQUIRE_STATUS(corral_watch_open(client, path, NULL, note_whole, &noted, &watch), CORRAL_OK);
    REQUIRE(events_wait_value(&noted, start_of('a')));
    proxy_cut(through, PROXY_AFTER, &rule);
    put(path, 'b');
    REQUIRE(events_wait_value(&noted, start_of('b')));
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 3);
    put_while_cut_off(path, 'c');
    REQUIRE(server_expire(through));
    put(path, 'd');
    REQUIRE(events_wait_value(&noted, start_of('d')));
    dev_kill(server_ensemble(), 0);
    REQUIRE(dev_restart(server_ensemble(), 0, error, sizeof error) == 0);
    REQUIRE(raw_exists(server_raw(), path, &stat) == ZOK); /* once this is answered, so are writes */
    put(path, 'e');
    REQUIRE(events_wait_value(&noted, start_of('e')));
    ASSERT_INT64(atomic_load(&mixed), 0);
    ASSERT_INT64(events_changes(&noted), 4);
    ASSERT_FORWARD(&noted);
}

/* --- children --- */

enum { CHILDREN = 4 };

static void note_whole_children(const corral_watch_event *told, void *arg)
{
    for (size_t i = 0; i < told->child_count; i++) {
        const corral_watch_child *child = &told->children[i];

        if (child->status != CORRAL_OK || !is_whole(child->value, child->length, LONGER)) {
            atomic_fetch_add(&mixed, 1);
        }
    }
    events_note_children(told, arg);
}

/* As an event has it when the first child is of that letter. */
static const char *first_of(char letter)
{
    static char text[sizeof((event *)0)->value];

    snprintf(text, sizeof text, "0=%.*s", (int)sizeof text - 3, all(letter));
    return text;
}

static void childrens_data_are_whole(void)
{
    corral_watch_options options = CORRAL_WATCH_OPTIONS_INIT;
    char path[32];

    for (int i = 0; i < CHILDREN; i++) {
        snprintf(path, sizeof path, "/large/family/%d", i);
        REQUIRE(raw_create(server_raw(), path, all('a'), LONGER) == ZOK);
    }
    options.kind = CORRAL_WATCH_CHILDREN_DATA;
    REQUIRE_STATUS(corral_watch_open(client, "/large/family", &options, note_whole_children, &noted, &watch),
                   CORRAL_OK);
    REQUIRE(events_wait_value(&noted, first_of('a')));
    ASSERT_INT64(events_get(&noted, 0).length, CHILDREN);
    for (int i = CHILDREN - 1; i >= 0; i--) {
        snprintf(path, sizeof path, "/large/family/%d", i);
        put(path, 'b');
    }
    REQUIRE(events_wait_value(&noted, first_of('b')));
    ASSERT_INT64(events_changes(&noted), CHILDREN);
    REQUIRE(server_expire(through));
    put("/large/family/0", 'c');
    REQUIRE(events_wait_value(&noted, first_of('c')));
    ASSERT_INT64(events_changes(&noted), CHILDREN + 1);
    ASSERT_INT64(atomic_load(&mixed), 0);
}

static CU_TestInfo values[] = {
    {"each change is made once", each_change_is_made_once},
    {"a read is repeated until it is whole", a_read_is_repeated_until_it_is_whole},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo subscribers[] = {
    {"states are whole through faults", states_are_whole_through_faults},
    {"children's data are whole", childrens_data_are_whole},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"values", NULL, NULL, setup, teardown, values},
    {"subscribers", NULL, NULL, setup, teardown, subscribers},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

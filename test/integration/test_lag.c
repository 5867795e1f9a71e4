/**
 * A client whose server hears nothing of the others for a while, and so lags
 * behind: what it is told may be the past, but nothing is decided by that, and
 * nobody is told of the past after the present.
 */
#include <corral/value.h>
#include <corral/watch.h>

#include <stdio.h>
#include <string.h>

#include "lib/events.h"
#include "lib/server.h"
#include "torture/split.h"

/* A server that hears nothing of its leader goes on answering for ten ticks; no session ends meanwhile. */
enum { TICK_MS = 2000, SESSION_MS = 20000 };

static int behind; /* the node that lags, if it is cut off */

static corral_client *client, *elsewhere; /* of that node, and of the leader */
static corral_value *setting, *theirs;
static corral_op *op;
static recorder results;
static events noted;

/* --- the ensemble --- */

static void setup(void)
{
    int leader = split_leader();

    behind = (leader + 1) % SPLIT_NODES;
    client = split_client(behind, SESSION_MS);
    elsewhere = split_client(leader, SESSION_MS);
    recorder_open(&results, 1);
    events_open(&noted);
}

static void teardown(void)
{
    links_cut(network, behind, false);
    corral_op_unref(op);
    op = NULL;
    ASSERT_STATUS(corral_value_close(setting), CORRAL_OK);
    ASSERT_STATUS(corral_value_close(theirs), CORRAL_OK);
    setting = theirs = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(elsewhere), CORRAL_OK);
    recorder_close(&results);
    events_close(&noted);
}

/* --- values --- */

static corral_stamp set(corral_value *value, const char *text)
{
    corral_stamp stamp = {0};

    REQUIRE_STATUS(corral_value_set(value, text, strlen(text), TESTING_PATIENCE_MS, &stamp), CORRAL_OK);
    return stamp;
}

/* What the client's server says there is; NULL: nothing. */
static void assert_local(const char *expected)
{
    void *data = NULL;
    size_t length;
    int status = corral_value_get(setting, CORRAL_READ_LOCAL, TESTING_PATIENCE_MS, &data, &length, NULL);

    ASSERT_STATUS(status, expected == NULL ? CORRAL_ENOENT : CORRAL_OK);
    CU_ASSERT((data == NULL) == (expected == NULL) && (data == NULL || strcmp(data, expected) == 0));
    corral_value_free(data);
}

/* Both have made a compare_set, so that all is there which a further one needs; its stamp. */
static corral_stamp begin(const char *path)
{
    corral_stamp stamp;

    REQUIRE_STATUS(corral_value_open(client, path, NULL, &setting), CORRAL_OK);
    REQUIRE_STATUS(corral_value_open(elsewhere, path, NULL, &theirs), CORRAL_OK);
    stamp = set(theirs, "zero");
    REQUIRE_STATUS(corral_value_compare_set(theirs, &stamp, "0", 1, TESTING_PATIENCE_MS, &stamp), CORRAL_OK);
    REQUIRE_STATUS(corral_value_compare_set(setting, &stamp, "1", 1, TESTING_PATIENCE_MS, &stamp), CORRAL_OK);
    return stamp;
}

static void compare_set_meanwhile(const corral_stamp *expected, const char *text)
{
    REQUIRE_STATUS(corral_value_compare_set_async(setting, expected, text, strlen(text), TESTING_PATIENCE_MS,
                                                  record_stamp, &results.records[0], &op),
                   CORRAL_OK);
}

/* What has come of it, once the server is one of them again. */
static record outcome(void)
{
    links_cut(network, behind, false);
    REQUIRE(recorder_wait(&results, 1));
    return recorder_get(&results, 0);
}

static void what_others_have_made_of_it_is_found(void)
{
    corral_stamp stamp = begin("/lag/found"), new = {0};
    record result;

    links_cut(network, behind, true);
    REQUIRE_STATUS(corral_value_compare_set(theirs, &stamp, "2", 1, TESTING_PATIENCE_MS, &new), CORRAL_OK);
    assert_local("1");
    compare_set_meanwhile(&new, "3");
    result = outcome();
    ASSERT_STATUS(result.status, CORRAL_OK);
    ASSERT_INT64(result.stamp.version, new.version + 1);
    assert_local("3");
}

static void what_was_there_before_is_refused(void)
{
    corral_stamp stamp = begin("/lag/refused"), new;
    record result;

    links_cut(network, behind, true);
    new = set(theirs, "2");
    assert_local("1");
    compare_set_meanwhile(&stamp, "3");
    result = outcome();
    ASSERT_STATUS(result.status, CORRAL_ECONFLICT);
    ASSERT_INT64(result.stamp.mzxid, new.mzxid);
    ASSERT_INT64(result.stamp.version, new.version);
    assert_local("2");
}

static void what_has_been_deleted_is_not_there(void)
{
    corral_stamp stamp = begin("/lag/deleted");

    links_cut(network, behind, true);
    REQUIRE_STATUS(corral_value_destroy(theirs, TESTING_PATIENCE_MS), CORRAL_OK);
    assert_local("1");
    compare_set_meanwhile(&stamp, "2");
    ASSERT_STATUS(outcome().status, CORRAL_ENOENT);
    assert_local(NULL);
}

static void what_has_been_made_is_there(void)
{
    corral_stamp new;
    record result;

    begin("/lag/made");
    REQUIRE_STATUS(corral_value_destroy(setting, TESTING_PATIENCE_MS), CORRAL_OK);
    links_cut(network, behind, true);
    new = set(theirs, "2");
    assert_local(NULL);
    compare_set_meanwhile(NULL, "3");
    result = outcome();
    ASSERT_STATUS(result.status, CORRAL_ECONFLICT);
    ASSERT_INT64(result.stamp.mzxid, new.mzxid);
    assert_local("2");
}

static char got[16];

static void note_value(int status, const void *data, size_t length, const corral_stamp *stamp, void *arg)
{
    snprintf(got, sizeof got, "%.*s", (int)length, (const char *)data);
    record_stamp(status, stamp, arg);
}

static void get_meanwhile(const char *path, corral_read level)
{
    begin(path);
    links_cut(network, behind, true);
    set(theirs, "2");
    assert_local("1");
    REQUIRE_STATUS(
        corral_value_get_async(setting, level, TESTING_PATIENCE_MS, note_value, &results.records[0], &op),
        CORRAL_OK);
    ASSERT_STATUS(outcome().status, CORRAL_OK);
    CU_ASSERT_STRING_EQUAL(got, "2");
}

static void a_linearizable_get_waits_for_it(void)
{
    get_meanwhile("/lag/linearizable", CORRAL_READ_LINEARIZABLE);
}

static void a_get_after_sync_waits_for_it(void)
{
    get_meanwhile("/lag/sync", CORRAL_READ_SYNC);
}

/* --- watches --- */

static void subscribers_go_forward(void)
{
    events second, third;
    corral_watch *watches[3] = {NULL};
    corral_client *late;

    begin("/lag/watched");
    events_open(&second);
    events_open(&third);
    REQUIRE_STATUS(corral_watch_open(client, "/lag/watched", NULL, events_note, &noted, &watches[0]),
                   CORRAL_OK);
    REQUIRE(events_wait_value(&noted, "1"));
    links_cut(network, behind, true);
    set(theirs, "2");
    set(theirs, "3");
    /* Who joins is told what the others of its client know. */
    REQUIRE_STATUS(corral_watch_open(client, "/lag/watched", NULL, events_note, &second, &watches[1]),
                   CORRAL_OK);
    REQUIRE(events_wait_value(&second, "1"));
    /* A new session's first look is not at the past. */
    late = split_client(behind, SESSION_MS);
    REQUIRE_STATUS(corral_watch_open(late, "/lag/watched", NULL, events_note, &third, &watches[2]),
                   CORRAL_OK);
    links_cut(network, behind, false);
    REQUIRE(events_wait_value(&noted, "3"));
    REQUIRE(events_wait_value(&second, "3"));
    REQUIRE(events_wait_value(&third, "3"));
    ASSERT_INT64(events_changes(&noted), 2);
    ASSERT_INT64(events_changes(&second), 2);
    ASSERT_INT64(events_count(&third), 1);
    ASSERT_FORWARD(&noted);
    ASSERT_FORWARD(&second);
    for (int i = 0; i < 3; i++) {
        ASSERT_STATUS(corral_watch_close(watches[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_client_close(late), CORRAL_OK);
    events_close(&second);
    events_close(&third);
}

/* --- the program --- */

static CU_TestInfo values[] = {
    {"what others have made of it is found", what_others_have_made_of_it_is_found},
    {"what was there before is refused", what_was_there_before_is_refused},
    {"what has been deleted is not there", what_has_been_deleted_is_not_there},
    {"what has been made is there", what_has_been_made_is_there},
    {"a linearizable get waits for it", a_linearizable_get_waits_for_it},
    {"a get after sync waits for it", a_get_after_sync_waits_for_it},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo watches[] = {
    {"subscribers go forward", subscribers_go_forward},
    CU_TEST_INFO_NULL,
};

int main(int argc, char **argv)
{
    CU_SuiteInfo suites[] = {
        {"values", NULL, NULL, setup, teardown, values},
        {"watches", NULL, NULL, setup, teardown, watches},
        CU_SUITE_INFO_NULL,
    };
    int status = split_open(TICK_MS);

    status = status == 0 ? testing_run(argc, argv, suites) : status;
    split_close();
    return status;
}

/**
 * Subscriptions through faults: whatever happens to connections, sessions and
 * permissions, what is delivered goes forward only, and the last state arrives.
 */
#include <corral/counter.h>
#include <corral/watch.h>

#include <stdio.h>
#include <string.h>

#include "lib/events.h"
#include "lib/fixture.h"
#include "watch.h"

/* Subscribe to @path, which holds @text (NULL: nothing is there), and see that. */
static void begin(const char *path, const char *text)
{
    if (text != NULL) {
        server_put(path, text);
    }
    watch = fixture_subscribe(path, &noted);
    REQUIRE(events_wait_value(&noted, text));
}

/* See that the watch is still alive, and that all was in order. */
static void conclude(const char *path)
{
    server_put(path, "the end");
    REQUIRE(events_wait_value(&noted, "the end"));
    ASSERT_FORWARD(&noted);
}

static void delete_znode(const char *path)
{
    REQUIRE(raw_delete(server_raw(), path) == ZOK);
}

static void cut_off(void)
{
    proxy_admit(through, PROXY_IGNORE);
    proxy_cut_all(through);
}

/* --- connections --- */

static void a_change_while_disconnected_arrives(void)
{
    begin("/faults/away", "before");
    cut_off();
    server_put("/faults/away", "meanwhile");
    server_put("/faults/away", "after");
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, "after"));
    ASSERT_INT64(events_last(&noted).skipped, 1);
    conclude("/faults/away");
    ASSERT_INT64(events_changes(&noted), 3);
}

static void all_kinds_of_change_while_disconnected_arrive(void)
{
    begin("/faults/kinds", NULL);
    cut_off();
    server_put("/faults/kinds", "made");
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, "made"));
    cut_off();
    delete_znode("/faults/kinds");
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, NULL));
    server_put("/faults/kinds", "again");
    REQUIRE(events_wait_value(&noted, "again"));
    cut_off();
    delete_znode("/faults/kinds");
    server_put("/faults/kinds", "anew");
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&noted, "anew"));
    ASSERT_INT64(events_last(&noted).skipped, 1);
    conclude("/faults/kinds");
}

static void a_disconnection_without_a_change_is_silent(void)
{
    begin("/faults/silent", "same");
    cut_off();
    proxy_admit(through, PROXY_ACCEPT);
    conclude("/faults/silent");
    ASSERT_INT64(events_count(&noted), 2);
}

static void cuts_amid_changes_lose_nothing(void)
{
    unsigned count = testing_scaled(100);
    char text[16];

    begin("/faults/cuts", "start");
    for (unsigned i = 1; i <= count; i++) {
        snprintf(text, sizeof text, "%u", i);
        server_put("/faults/cuts", text);
        if (i % 5 == 0) {
            proxy_cut_all(through);
        }
    }
    REQUIRE(events_wait_value(&noted, text));
    ASSERT_INT64(events_changes(&noted), count);
    ASSERT_FORWARD(&noted);
}

static void subscribing_while_disconnected_tells_the_state_after(void)
{
    events second;
    corral_watch *other = NULL;

    events_open(&second);
    begin("/faults/joined", "old");
    cut_off();
    server_put("/faults/joined", "new");
    while (corral_client_state(client) != CORRAL_STATE_SUSPENDED) {
    }
    REQUIRE_STATUS(corral_watch_open(client, "/faults/joined", NULL, events_note, &second, &other),
                   CORRAL_OK);
    proxy_admit(through, PROXY_ACCEPT);
    REQUIRE(events_wait_value(&second, "new"));
    ASSERT_INT64(events_count(&second), 1);
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&second);
}

/* --- requests lost, and changes in the gaps between them --- */

enum { GET_DATA = 4, EXISTS = 3 };

/* What to do when the client's @nth request of @type passes the proxy. */
static struct gap {
    int32_t type;
    unsigned nth;
    unsigned met;
    const char *path;
    const char *text; /* to put there; NULL: delete it */
    int result;
} gap;

static bool change_in_the_gap(const wire_request *request, void *arg)
{
    struct gap *own = arg;

    if (request->type == own->type && ++own->met == own->nth) {
        if (own->text == NULL) {
            own->result = raw_delete(server_raw(), own->path);
        } else {
            own->result = raw_set(server_raw(), own->path, own->text, (int)strlen(own->text));
            if (own->result == ZNONODE) {
                own->result = raw_create(server_raw(), own->path, own->text, (int)strlen(own->text));
            }
        }
    }
    return false;
}

/* This thread may not touch its own client before the change is done. */
static void arm_gap(int32_t type, const char *path, const char *text)
{
    static const proxy_rule rule = {.match = change_in_the_gap, .match_arg = &gap};

    gap = (struct gap){.type = type, .nth = 1, .path = path, .text = text, .result = 1};
    proxy_cut(through, PROXY_BEFORE, &rule);
}

static void disarm_gap(void)
{
    proxy_cut(through, PROXY_BEFORE, NULL);
    ASSERT_INT64(gap.met > 0, 1);
    ASSERT_INT64(gap.result, ZOK);
}

static void it_is_made_between_get_and_exists(void)
{
    arm_gap(EXISTS, "/faults/made", "made");
    watch = fixture_subscribe("/faults/made", &noted);
    REQUIRE(events_wait(&noted, 1));
    disarm_gap();
    ASSERT_VALUE(&noted, 0, "made");
    conclude("/faults/made");
}

/* Deleted before the get, made before the exists, deleted before the second get. */
static bool flicker(const wire_request *request, void *arg)
{
    unsigned *met = arg;

    if (request->type == GET_DATA && (*met == 0 || *met == 2)) {
        ++*met;
        (void)raw_delete(server_raw(), "/faults/flicker");
    } else if (request->type == EXISTS && *met == 1) {
        ++*met;
        (void)raw_create(server_raw(), "/faults/flicker", "x", 1);
    }
    return false;
}

static void it_flickers_between_requests(void)
{
    unsigned met = 0;
    proxy_rule rule = {.match = flicker, .match_arg = &met};

    server_put("/faults/flicker", "x");
    proxy_cut(through, PROXY_BEFORE, &rule);
    watch = fixture_subscribe("/faults/flicker", &noted);
    REQUIRE(events_wait(&noted, 1));
    proxy_cut(through, PROXY_BEFORE, NULL);
    ASSERT_INT64(met, 3);
    ASSERT_VALUE(&noted, 0, NULL);
    conclude("/faults/flicker");
}

static void it_changes_before_the_read_that_arms_again(void)
{
    begin("/faults/before", "1");
    arm_gap(GET_DATA, "/faults/before", "3");
    server_put("/faults/before", "2");
    REQUIRE(events_wait_value(&noted, "3"));
    disarm_gap();
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_INT64(events_last(&noted).skipped, 1);
    conclude("/faults/before");
}

/* Its version is smaller than the one before, and its data are the same. */
static void it_is_made_anew_before_the_read_that_arms_again(void)
{
    server_put("/faults/anew", "0");
    begin("/faults/anew", "1");
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    delete_znode("/faults/anew");
    server_put("/faults/anew", "1");
    proxy_hold(through, 0);
    REQUIRE(events_wait(&noted, 2));
    ASSERT_VALUE(&noted, 1, "1");
    CU_ASSERT(events_get(&noted, 1).stamp.version < events_get(&noted, 0).stamp.version);
    ASSERT_INT64(events_get(&noted, 1).skipped, 1);
    conclude("/faults/anew");
}

static void it_changes_behind_the_read_that_arms_again(void)
{
    uint64_t requests;

    begin("/faults/behind", "1");
    requests = proxy_count(through, PROXY_REQUESTS);
    server_put("/faults/behind", "2");
    REQUIRE(proxy_wait(through, PROXY_REQUESTS, requests + 1, TESTING_PATIENCE_MS));
    proxy_hold(through, PROXY_HOLD_REPLIES);
    server_put("/faults/behind", "3");
    proxy_hold(through, 0);
    REQUIRE(events_wait_value(&noted, "3"));
    ASSERT_INT64(events_changes(&noted), 2);
    conclude("/faults/behind");
}

static bool is_read(const wire_request *request, void *arg)
{
    (void)arg;
    return request->type == GET_DATA || request->type == EXISTS;
}

static void a_lost_read_is_repeated(void)
{
    proxy_rule rule = {.match = is_read, .count = 3, .failed_too = true};

    proxy_cut(through, PROXY_AFTER, &rule);
    begin("/faults/lost", NULL);
    proxy_cut(through, PROXY_BEFORE, &rule);
    proxy_cut(through, PROXY_AFTER, &rule);
    server_put("/faults/lost", "found");
    REQUIRE(events_wait_value(&noted, "found"));
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 6);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_BEFORE), 3);
    conclude("/faults/lost");
}

/* --- sessions --- */

static uint64_t sessions(void)
{
    corral_client_stats stats = {0};

    ASSERT_STATUS(corral_client_get_stats(client, &stats), CORRAL_OK);
    return stats.sessions;
}

static bool end_session_and_change(const char *path, const char *text, bool delete)
{
    int64_t session;
    char password[16];
    bool expired;

    cut_off();
    expired = proxy_session(through, &session, password) && raw_expire(server_connect(), session, password);
    if (delete) {
        delete_znode(path);
    }
    if (text != NULL) {
        server_put(path, text);
    }
    proxy_admit(through, PROXY_ACCEPT);
    return expired;
}

static void a_change_between_sessions_arrives(void)
{
    begin("/faults/expiry", "old session");
    REQUIRE(end_session_and_change("/faults/expiry", "new session", false));
    REQUIRE(events_wait_value(&noted, "new session"));
    ASSERT_INT64(sessions(), 2);
    conclude("/faults/expiry");
    ASSERT_INT64(events_changes(&noted), 2);
}

static void a_new_incarnation_between_sessions_arrives(void)
{
    begin("/faults/reborn", "same text");
    REQUIRE(end_session_and_change("/faults/reborn", "same text", true));
    REQUIRE(events_wait(&noted, 2));
    ASSERT_VALUE(&noted, 1, "same text");
    ASSERT_INT64(events_get(&noted, 1).stamp.version, 0);
    ASSERT_INT64(events_get(&noted, 1).skipped, 1);
    REQUIRE(end_session_and_change("/faults/reborn", NULL, true));
    REQUIRE(events_wait_value(&noted, NULL));
    REQUIRE(end_session_and_change("/faults/reborn", "created", false));
    REQUIRE(events_wait_value(&noted, "created"));
    ASSERT_INT64(sessions(), 4);
    conclude("/faults/reborn");
}

static void a_new_session_without_a_change_is_silent(void)
{
    uint64_t requests;

    begin("/faults/renewed", "same");
    requests = proxy_count(through, PROXY_REPLIES);
    REQUIRE(server_expire(through));
    /* The barrier, and the read. */
    REQUIRE(proxy_wait(through, PROXY_REPLIES, requests + 2, TESTING_PATIENCE_MS));
    conclude("/faults/renewed");
    ASSERT_INT64(events_count(&noted), 2);
}

/* --- the server --- */

static void a_server_restart_is_ridden_out(void)
{
    corral_watch *other;
    events family;
    struct Stat stat;
    char error[256];

    events_open(&family);
    begin("/faults/restart", "before");
    other = fixture_subscribe_children("/faults/restart", CORRAL_WATCH_CHILDREN_DATA, &family);
    REQUIRE(events_wait_value(&family, ""));
    for (char name = 'a'; name <= 'c'; name++) {
        char path[] = "/faults/restart/?";
        char value[] = "?";

        dev_kill(server_ensemble(), 0);
        REQUIRE(dev_restart(server_ensemble(), 0, error, sizeof error) == 0);
        /* Once this is answered, so are writes. */
        REQUIRE(raw_exists(server_raw(), "/faults/restart", &stat) == ZOK);
        *strchr(path, '?') = *value = name;
        server_put(path, value);
        server_put("/faults/restart", value);
        REQUIRE(events_wait_value(&noted, value));
    }
    REQUIRE(events_wait_value(&family, "a=a b=b c=c"));
    ASSERT_INT64(events_changes(&noted), 3);
    ASSERT_INT64(events_changes(&family), 3);
    conclude("/faults/restart");
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&family);
}

/* --- refusals --- */

static void allow(const char *path, bool reading)
{
    struct ACL entry = {.perms = reading ? ZOO_PERM_ALL : ZOO_PERM_ALL & ~ZOO_PERM_READ,
                        .id = {.scheme = "world", .id = "anyone"}};
    const struct ACL_vector acl = {.count = 1, .data = &entry};

    REQUIRE(raw_set_acl(server_raw(), path, &acl) == ZOK);
}

/* Servers do not tell of it, and forget the watch. */
static void check_often(bool often)
{
    corrali_watched_check_ms = often ? 200 : 30000;
}

static void what_may_not_be_read_is_told_and_recovered_from(void)
{
    check_often(true);
    begin("/faults/secret", "1");
    allow("/faults/secret", false);
    server_put("/faults/secret", "2");
    REQUIRE(events_wait_status(&noted, CORRAL_EACCES));
    ASSERT_INT64(events_count(&noted), 2);
    CU_ASSERT(!events_last(&noted).exists);
    server_put("/faults/secret", "3");
    allow("/faults/secret", true);
    REQUIRE(events_wait_value(&noted, "3"));
    ASSERT_INT64(events_count(&noted), 3);
    ASSERT_INT64(events_last(&noted).skipped, 1);
    check_often(false);
    conclude("/faults/secret");
}

static void a_refusal_is_told_once(void)
{
    events second;
    corral_watch *other = NULL;
    uint64_t replies;

    events_open(&second);
    server_put("/faults/hidden", "1");
    allow("/faults/hidden", false);
    watch = fixture_subscribe("/faults/hidden", &noted);
    REQUIRE(events_wait_status(&noted, CORRAL_EACCES));
    replies = proxy_count(through, PROXY_REPLIES);
    REQUIRE(proxy_wait(through, PROXY_REPLIES, replies + 2, TESTING_PATIENCE_MS));
    /* Who comes later is told as well. */
    REQUIRE_STATUS(corral_watch_open(client, "/faults/hidden", NULL, events_note, &second, &other),
                   CORRAL_OK);
    REQUIRE(events_wait_status(&second, CORRAL_EACCES));
    allow("/faults/hidden", true);
    REQUIRE(events_wait_value(&noted, "1"));
    REQUIRE(events_wait_value(&second, "1"));
    ASSERT_INT64(events_count(&noted), 2);
    ASSERT_INT64(events_count(&second), 2);
    ASSERT_INT64(events_last(&noted).skipped, 0);
    ASSERT_STATUS(corral_watch_close(other), CORRAL_OK);
    events_close(&second);
}

static void refused_credentials_are_told(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    const corral_auth unknown = {"no-such-scheme", "whatever"};
    corral_client *stranger = NULL;
    corral_watch *other = NULL;

    options.auth = &unknown;
    options.auth_count = 1;
    REQUIRE_STATUS(corral_client_open(server_connect(), &options, &stranger), CORRAL_OK);
    /* It may have been refused already. */
    if (corral_watch_open(stranger, "/faults/any", NULL, events_note, &noted, &watch) == CORRAL_OK) {
        REQUIRE(events_wait_status(&noted, CORRAL_EACCES));
        ASSERT_INT64(events_count(&noted), 1);
    }
    while (corral_client_state(stranger) != CORRAL_STATE_AUTH_FAILED) {
    }
    ASSERT_STATUS(corral_watch_open(stranger, "/faults/any", NULL, events_note, &noted, &other),
                  CORRAL_EACCES);
    CU_ASSERT_PTR_NULL(other);
    ASSERT_STATUS(corral_client_close(stranger), CORRAL_OK);
}

static CU_TestInfo connections[] = {
    {"a change while disconnected arrives", a_change_while_disconnected_arrives},
    {"all kinds of change while disconnected arrive", all_kinds_of_change_while_disconnected_arrive},
    {"a disconnection without a change is silent", a_disconnection_without_a_change_is_silent},
    {"cuts amid changes lose nothing", cuts_amid_changes_lose_nothing},
    {"subscribing while disconnected tells the state after",
     subscribing_while_disconnected_tells_the_state_after},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo gaps[] = {
    {"it is made between get and exists", it_is_made_between_get_and_exists},
    {"it flickers between requests", it_flickers_between_requests},
    {"it changes before the read that arms again", it_changes_before_the_read_that_arms_again},
    {"it is made anew before the read that arms again", it_is_made_anew_before_the_read_that_arms_again},
    {"it changes behind the read that arms again", it_changes_behind_the_read_that_arms_again},
    {"a lost read is repeated", a_lost_read_is_repeated},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo expiry[] = {
    {"a change between sessions arrives", a_change_between_sessions_arrives},
    {"a new incarnation between sessions arrives", a_new_incarnation_between_sessions_arrives},
    {"a new session without a change is silent", a_new_session_without_a_change_is_silent},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo restarts[] = {
    {"a server restart is ridden out", a_server_restart_is_ridden_out},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo refusals[] = {
    {"what may not be read is told and recovered from", what_may_not_be_read_is_told_and_recovered_from},
    {"a refusal is told once", a_refusal_is_told_once},
    {"refused credentials are told", refused_credentials_are_told},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"connections", NULL, NULL, fixture_open, fixture_close, connections},
    {"gaps", NULL, NULL, fixture_open, fixture_close, gaps},
    {"sessions", NULL, NULL, fixture_open, fixture_close, expiry},
    {"the server", NULL, NULL, fixture_open, fixture_close, restarts},
    {"refusals", NULL, NULL, fixture_open, fixture_close, refusals},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * Credentials and access control lists: whose znodes these are, and that what
 * is forbidden is told with the znode that forbade it, and changes nothing.
 */
#include <corral/counter.h>

#include <stdlib.h>
#include <string.h>

#include "lib/server.h"
#include "lib/states.h"

static states seen;
static corral_client *client;
static corral_counter *counter;

static void setup(void)
{
    int made = raw_create(server_raw(), "/access", "", 0); /* else its first user would own it */

    REQUIRE(made == ZOK || made == ZNODEEXISTS);
    states_open(&seen);
}

static void teardown(void)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    states_close(&seen);
}

static void open_with(const corral_client_options *options, const char *path)
{
    corral_client_options noted = *options;

    noted.state_cb = states_note;
    noted.state_arg = &seen;
    noted.session_timeout_ms = SERVER_SESSION_MS;
    REQUIRE_STATUS(corral_client_open(server_connect(), &noted, &client), CORRAL_OK);
    REQUIRE_STATUS(corral_counter_open(client, path, NULL, &counter), CORRAL_OK);
}

static void open_as(const corral_auth *auth, corral_acl_kind acl, const char *path)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.acl = acl;
    options.auth = auth;
    options.auth_count = auth != NULL;
    open_with(&options, path);
}

static void close_client(void)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
}

static const corral_auth alice = {"digest", "alice:secret"};
static const corral_auth mallory = {"digest", "alice:guessed"};

typedef enum { ADD, GET, SET, COMPARE_SET, DESTROY, KINDS } kind;

static int submit(kind what, record *result, corral_op **ret_op)
{
    switch (what) {
    case ADD:
        return corral_counter_add_async(counter, 1, CORRAL_FOREVER, record_int64, result, ret_op);
    case GET:
        return corral_counter_get_async(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, record_int64,
                                        result, ret_op);
    case SET:
        return corral_counter_set_async(counter, 1, CORRAL_FOREVER, record_int64, result, ret_op);
    case COMPARE_SET:
        return corral_counter_compare_set_async(counter, 1, 2, CORRAL_FOREVER, record_int64, result, ret_op);
    default:
        return corral_counter_destroy_async(counter, CORRAL_FOREVER, record_status, result, ret_op);
    }
}

/* @what must be denied because of @path, or of what is below it when it ends in a slash. */
static void assert_denied(kind what, const char *path)
{
    corral_op *op = NULL;
    recorder results;
    size_t length = strlen(path);

    recorder_open(&results, 1);
    REQUIRE_STATUS(submit(what, &results.records[0], &op), CORRAL_OK);
    REQUIRE(recorder_wait(&results, 1));
    REQUIRE_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_EACCES);
    ASSERT_STATUS(corral_op_status(op), CORRAL_EACCES);
    ASSERT_STATUS(corral_op_cause(op), CORRAL_EACCES);
    bool named = path[length - 1] == '/' ? strncmp(corral_op_path(op), path, length) == 0
                                         : strcmp(corral_op_path(op), path) == 0;
    if (!named) {
        printf("the path is %s, not %s ", corral_op_path(op), path);
    }
    CU_ASSERT(named);
    corral_op_unref(op);
    recorder_close(&results);
}

static void assert_add(int64_t expected)
{
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

/* Assert that the list of @path has one entry, of this scheme, and all permissions. */
static void assert_acl(raw *reader, const char *path, const char *scheme, const char *id_prefix)
{
    struct ACL_vector acl;

    REQUIRE(raw_get_acl(reader, path, &acl) == ZOK);
    ASSERT_INT64(acl.count, 1);
    CU_ASSERT_STRING_EQUAL(acl.data[0].id.scheme, scheme);
    CU_ASSERT(strncmp(acl.data[0].id.id, id_prefix, strlen(id_prefix)) == 0);
    ASSERT_INT64(acl.data[0].perms, ZOO_PERM_ALL);
    deallocate_ACL_vector(&acl);
}

/* Replace the list of @path by one entry for everybody. */
static void allow(const char *path, int perms)
{
    struct ACL entry = {perms, ZOO_ANYONE_ID_UNSAFE};
    struct ACL_vector acl = {1, &entry};

    REQUIRE(raw_set_acl(server_raw(), path, &acl) == ZOK);
}

/* --- credentials --- */

static void the_creator_owns_what_he_makes(void)
{
    raw *reader = raw_open(server_connect());
    struct String_vector writers;
    char path[256];

    REQUIRE(reader != NULL);
    REQUIRE(raw_auth(reader, "digest", alice.credential) == ZOK);
    open_as(&alice, CORRAL_ACL_CREATOR_ALL, "/access/owned/counter");
    assert_add(1);
    assert_acl(reader, "/access/owned/counter", "digest", "alice:");
    assert_acl(reader, "/access/owned", "digest", "alice:");
    REQUIRE(raw_children(reader, "/corral/writers", &writers) == ZOK);
    ASSERT_INT64(writers.count, 1);
    snprintf(path, sizeof path, "/corral/writers/%s", writers.data[0]);
    assert_acl(reader, path, "digest", "alice:");
    /* Others must be able to join in there. */
    assert_acl(reader, "/corral", "world", "anyone");
    assert_acl(reader, "/corral/writers", "world", "anyone");
    deallocate_String_vector(&writers);
    close_client();
    ASSERT_INT64(raw_count_below(reader, "/corral/writers"), 0);

    open_as(&alice, CORRAL_ACL_CREATOR_ALL, "/access/owned/counter");
    assert_add(2);
    raw_close(reader);
}

static void strangers_are_denied(void)
{
    static const corral_auth *const strangers[] = {NULL, &mallory};
    struct Stat before, after;

    open_as(&alice, CORRAL_ACL_CREATOR_ALL, "/access/private");
    assert_add(1);
    close_client();
    REQUIRE(raw_exists(server_raw(), "/access/private", &before) == ZOK);
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        open_as(strangers[i], CORRAL_ACL_OPEN, "/access/private");
        for (kind what = ADD; what < DESTROY; what++) {
            assert_denied(what, "/access/private");
        }
        close_client();
    }
    REQUIRE(raw_exists(server_raw(), "/access/private", &after) == ZOK);
    ASSERT_INT64(after.mzxid, before.mzxid);
}

static void a_denied_handle_works_once_it_may(void)
{
    struct ACL_vector open_acl = ZOO_OPEN_ACL_UNSAFE;
    raw *owner = raw_open(server_connect());

    REQUIRE(owner != NULL);
    REQUIRE(raw_auth(owner, "digest", alice.credential) == ZOK);
    REQUIRE(raw_create(owner, "/access/opened", "7", 1) == ZOK);
    REQUIRE(raw_set_acl(owner, "/access/opened", &ZOO_CREATOR_ALL_ACL) == ZOK);
    open_as(NULL, CORRAL_ACL_OPEN, "/access/opened");
    assert_denied(ADD, "/access/opened");
    REQUIRE(raw_set_acl(owner, "/access/opened", &open_acl) == ZOK);
    assert_add(8);
    raw_close(owner);
}

static void credentials_come_from_the_environment(void)
{
    open_as(&alice, CORRAL_ACL_CREATOR_ALL, "/access/environment");
    assert_add(1);
    close_client();
    setenv("CORRAL_AUTH", "digest:alice:secret", 1);
    open_as(NULL, CORRAL_ACL_CREATOR_ALL, "/access/environment");
    unsetenv("CORRAL_AUTH");
    assert_add(2);
}

static void an_explicit_list_is_used_as_it_is(void)
{
    static const corral_acl entries[] = {
        {CORRAL_PERM_READ | CORRAL_PERM_WRITE | CORRAL_PERM_DELETE, "world", "anyone"},
        {CORRAL_PERM_ALL, "ip", "127.0.0.1"}};
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    struct ACL_vector acl;

    options.acl = CORRAL_ACL_EXPLICIT;
    options.acl_entries = entries;
    options.acl_count = 2;
    open_with(&options, "/access/explicit");
    assert_add(1);
    REQUIRE(raw_get_acl(server_raw(), "/access/explicit", &acl) == ZOK);
    ASSERT_INT64(acl.count, 2);
    ASSERT_INT64(acl.data[0].perms, entries[0].perms);
    CU_ASSERT_STRING_EQUAL(acl.data[0].id.scheme, "world");
    ASSERT_INT64(acl.data[1].perms, entries[1].perms);
    CU_ASSERT_STRING_EQUAL(acl.data[1].id.id, "127.0.0.1");
    deallocate_ACL_vector(&acl);
    assert_add(2);
}

static void refused_credentials_are_final(void)
{
    static const corral_auth unknown = {"no-such-scheme", "whatever"};
    recorder results;
    int64_t value = -1;
    record early;

    recorder_open(&results, 1);
    open_as(&unknown, CORRAL_ACL_OPEN, "/access/refused");
    int submitted = submit(ADD, &results.records[0], NULL);
    REQUIRE(states_wait(&seen, 0, CORRAL_STATE_AUTH_FAILED));
    CU_ASSERT_EQUAL(corral_client_state(client), CORRAL_STATE_AUTH_FAILED);
    if (submitted == CORRAL_OK) { /* it may have failed as soon as that */
        REQUIRE(recorder_wait(&results, 1));
        early = recorder_get(&results, 0);
        ASSERT_STATUS(early.status, CORRAL_EACCES);
    } else {
        ASSERT_STATUS(submitted, CORRAL_EACCES);
    }
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_EACCES);
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, &value), CORRAL_EACCES);
    ASSERT_INT64(value, -1);
    close_client();
    ASSERT_STATES(&seen, CORRAL_STATE_CONNECTING, CORRAL_STATE_AUTH_FAILED, CORRAL_STATE_CLOSED);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/access/refused", NULL), ZNONODE);
    recorder_close(&results);
}

/* Whatever is under way when the session learns of it. */
static void they_are_no_lost_session(void)
{
    static const corral_auth unknown = {"no-such-scheme", "whatever"};
    unsigned rounds = testing_scaled(500);

    for (unsigned i = 0; i < rounds; i++) {
        states_close(&seen);
        states_open(&seen);
        open_as(&unknown, CORRAL_ACL_OPEN, "/access/refused");
        (void)corral_counter_add_async(counter, 1, CORRAL_FOREVER, NULL, NULL, NULL);
        REQUIRE(states_wait(&seen, 0, CORRAL_STATE_AUTH_FAILED));
        close_client();
        ASSERT_STATES(&seen, CORRAL_STATE_CONNECTING, CORRAL_STATE_AUTH_FAILED, CORRAL_STATE_CLOSED);
    }
}

/* --- permissions missing --- */

static void a_parent_may_forbid_the_counter(void)
{
    REQUIRE(raw_create(server_raw(), "/forbids/children", "", 0) == ZOK);
    allow("/forbids/children", ZOO_PERM_READ | ZOO_PERM_ADMIN);
    open_as(NULL, CORRAL_ACL_OPEN, "/forbids/children/counter");
    assert_denied(ADD, "/forbids/children/counter");
    assert_denied(SET, "/forbids/children/counter");
    close_client();

    open_as(NULL, CORRAL_ACL_OPEN, "/forbids/children/of/any/depth");
    assert_denied(ADD, "/forbids/children/of");
    ASSERT_INT64(raw_count_below(server_raw(), "/forbids/children"), 0);
    allow("/forbids/children", ZOO_PERM_ALL);
    assert_add(1);
}

/* A server says the same of a znode that it refuses to make and of one that is there. */
static void the_one_that_forbids_is_named(void)
{
    REQUIRE(raw_create(server_raw(), "/forbids-twice/there/and-there", "", 0) == ZOK);
    allow("/forbids-twice", ZOO_PERM_READ | ZOO_PERM_ADMIN);
    allow("/forbids-twice/there/and-there", ZOO_PERM_READ | ZOO_PERM_ADMIN);
    open_as(NULL, CORRAL_ACL_OPEN, "/forbids-twice/there/and-there/but-not/this");
    assert_denied(ADD, "/forbids-twice/there/and-there/but-not");
    allow("/forbids-twice/there", ZOO_PERM_READ | ZOO_PERM_ADMIN);
    assert_denied(ADD, "/forbids-twice/there/and-there/but-not");
    close_client();

    open_as(NULL, CORRAL_ACL_OPEN, "/forbids-twice/neither/this");
    assert_denied(ADD, "/forbids-twice/neither");
}

static void a_znode_may_forbid_writing(void)
{
    int64_t value = -1;

    server_put("/forbids-write", "5");
    allow("/forbids-write", ZOO_PERM_READ | ZOO_PERM_ADMIN);
    open_as(NULL, CORRAL_ACL_OPEN, "/forbids-write");
    assert_denied(ADD, "/forbids-write");
    assert_denied(SET, "/forbids-write");
    ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 5);
    ASSERT_ZNODE("/forbids-write", "5");
}

static void a_znode_may_forbid_reading(void)
{
    server_put("/forbids-read", "5");
    allow("/forbids-read", ZOO_PERM_WRITE | ZOO_PERM_ADMIN);
    open_as(NULL, CORRAL_ACL_OPEN, "/forbids-read");
    assert_denied(GET, "/forbids-read");
    assert_denied(ADD, "/forbids-read");
    allow("/forbids-read", ZOO_PERM_ALL);
    ASSERT_ZNODE("/forbids-read", "5");
}

static void a_parent_may_forbid_deletion(void)
{
    server_put("/forbids-deletion/counter", "5");
    allow("/forbids-deletion", ZOO_PERM_ALL & ~ZOO_PERM_DELETE);
    open_as(NULL, CORRAL_ACL_OPEN, "/forbids-deletion/counter");
    assert_denied(DESTROY, "/forbids-deletion/counter");
    ASSERT_ZNODE("/forbids-deletion/counter", "5");
    assert_add(6);
}

static void open_with_home(const char *home, const char *path)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.home = home;
    open_with(&options, path);
}

static void home_may_be_forbidden(void)
{
    corral_counter_options at_most_once = CORRAL_COUNTER_OPTIONS_INIT;
    int64_t value = -1;

    REQUIRE(raw_create(server_raw(), "/closed", "", 0) == ZOK);
    allow("/closed", ZOO_PERM_READ | ZOO_PERM_ADMIN);
    open_with_home("/closed/home", "/access/homeless");
    assert_denied(ADD, "/closed/home");
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/access/homeless", NULL), ZNONODE);
    close_client();

    open_with_home("/closed", "/access/homeless");
    assert_denied(ADD, "/closed/epochs");
    close_client();

    REQUIRE(raw_create(server_raw(), "/closed-to-writers", "", 0) == ZOK);
    open_with_home("/closed-to-writers", "/access/homeless");
    ASSERT_STATUS(corral_counter_compare_set(counter, 1, 2, CORRAL_FOREVER, NULL), CORRAL_ENOENT);
    close_client();
    REQUIRE(raw_delete_below(server_raw(), "/closed-to-writers/writers") == ZOK);
    REQUIRE(raw_delete(server_raw(), "/closed-to-writers/writers") == ZOK);
    allow("/closed-to-writers", ZOO_PERM_READ | ZOO_PERM_ADMIN);
    open_with_home("/closed-to-writers", "/access/homeless");
    assert_denied(ADD, "/closed-to-writers/writers");

    /* Never a silent downgrade; but who asks for it needs no lane. */
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    at_most_once.flags = CORRAL_COUNTER_AT_MOST_ONCE;
    REQUIRE_STATUS(corral_counter_open(client, "/access/homeless", &at_most_once, &counter), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, 1);
}

static void a_handle_works_once_home_is_open(void)
{
    REQUIRE(raw_create(server_raw(), "/closed-writers/writers", "", 0) == ZOK);
    allow("/closed-writers/writers", ZOO_PERM_READ | ZOO_PERM_ADMIN);
    open_with_home("/closed-writers", "/access/home-opened");
    assert_denied(ADD, "/closed-writers/writers/");
    assert_denied(ADD, "/closed-writers/writers/");
    allow("/closed-writers/writers", ZOO_PERM_ALL);
    assert_add(1);
    close_client();
    ASSERT_INT64(raw_count_below(server_raw(), "/closed-writers/writers"), 0);
}

static void a_lane_may_be_forbidden(void)
{
    struct String_vector writers;
    char lane[256];

    open_as(NULL, CORRAL_ACL_OPEN, "/access/lane");
    assert_add(1);
    REQUIRE(raw_children(server_raw(), "/corral/writers", &writers) == ZOK);
    REQUIRE(writers.count == 1);
    snprintf(lane, sizeof lane, "/corral/writers/%s/0", writers.data[0]);
    deallocate_String_vector(&writers);
    allow(lane, ZOO_PERM_READ | ZOO_PERM_ADMIN);
    assert_denied(ADD, lane);
    ASSERT_ZNODE("/access/lane", "1");
    assert_add(2); /* with another lane */
    close_client();
    ASSERT_INT64(raw_count_below(server_raw(), "/corral/writers"), 0);
}

static CU_TestInfo credentials[] = {
    {"the creator owns what he makes", the_creator_owns_what_he_makes},
    {"strangers are denied", strangers_are_denied},
    {"a denied handle works once it may", a_denied_handle_works_once_it_may},
    {"credentials come from the environment", credentials_come_from_the_environment},
    {"an explicit list is used as it is", an_explicit_list_is_used_as_it_is},
    {"refused credentials are final", refused_credentials_are_final},
    {"they are no lost session", they_are_no_lost_session},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo permissions[] = {
    {"a parent may forbid the counter", a_parent_may_forbid_the_counter},
    {"the one that forbids is named", the_one_that_forbids_is_named},
    {"a znode may forbid writing", a_znode_may_forbid_writing},
    {"a znode may forbid reading", a_znode_may_forbid_reading},
    {"a parent may forbid deletion", a_parent_may_forbid_deletion},
    {"home may be forbidden", home_may_be_forbidden},
    {"a handle works once home is open", a_handle_works_once_home_is_open},
    {"a lane may be forbidden", a_lane_may_be_forbidden},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"credentials", NULL, NULL, setup, teardown, credentials},
    {"permissions", NULL, NULL, setup, teardown, permissions},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * Locks that are refused: what makes no sense, and what access control lists
 * forbid. And what these must not keep from working.
 */
#include <corral/lock.h>

#include <stdio.h>
#include <string.h>

#include "lib/locking.h"

static corral_lock *lock;

static void setup(void)
{
    fixture_open();
    lock = locking_open(client, "/refused/lock", CORRAL_LOCK_MUTEX, NULL);
}

static void teardown(void)
{
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
    fixture_close();
}

/* --- bad arguments --- */

static void assert_refused_options(corral_lock_options options)
{
    corral_lock *made = NULL;

    ASSERT_STATUS(corral_lock_open(client, "/refused/options", &options, &made), CORRAL_EINVAL);
    CU_ASSERT_PTR_NULL(made);
}

static void options_that_make_no_sense(void)
{
    static const corral_lock_options init = CORRAL_LOCK_OPTIONS_INIT;
    char label[1025];
    corral_lock_options options = init;
    corral_lock *made = NULL;

    options.version = 0;
    assert_refused_options(options);
    options.version = CORRAL_LOCK_OPTIONS_VERSION + 1;
    assert_refused_options(options);
    options = init, options.flags = 2;
    assert_refused_options(options);
    options = init, options.mode = (corral_lock_mode)4;
    assert_refused_options(options);
    options = init, options.mode = (corral_lock_mode)-1;
    assert_refused_options(options);
    options = init, options.naming = (corral_naming)2;
    assert_refused_options(options);
    options = init, options.margin_ms = -1;
    assert_refused_options(options);
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    options = init, options.label = label;
    assert_refused_options(options);
    label[1023] = '\0';
    ASSERT_STATUS(corral_lock_open(client, "/refused/options", &options, &made), CORRAL_OK);
    locking_give_back(locking_acquire(made));
    ASSERT_STATUS(corral_lock_close(made), CORRAL_OK);
}

static void paths_that_make_no_sense(void)
{
    static const char *const paths[] = {"",      "/",      "relative", "/ends/",
                                        "/a//b", "/a/./b", "/a/../b",  "/a\x01"};
    corral_lock *made = NULL;
    corral_txn *txn;

    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ASSERT_STATUS(corral_lock_open(client, paths[i], NULL, &made), CORRAL_EINVAL);
        ASSERT_STATUS(corral_txn_create(txn, paths[i], NULL, 0), CORRAL_EINVAL);
        ASSERT_STATUS(corral_txn_set(txn, paths[i], NULL, 0, 0), CORRAL_EINVAL);
        ASSERT_STATUS(corral_txn_delete(txn, paths[i], 0), CORRAL_EINVAL);
        ASSERT_STATUS(corral_txn_check(txn, paths[i], 0), CORRAL_EINVAL);
    }
    CU_ASSERT_PTR_NULL(made);
    corral_txn_free(txn);
}

static void ignore(int status, corral_grant *grant, void *arg)
{
    (void)status;
    (void)arg;
    corral_grant_free(grant);
}

static void arguments_that_make_no_sense(void)
{
    corral_grant *grant = NULL, *held = locking_acquire(lock);
    corral_lock_contender *list = NULL;
    corral_lock *made = NULL;
    corral_op *op = NULL;
    corral_txn *txn;
    size_t count = 7;

    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_lock_open(NULL, "/refused/x", NULL, &made), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_open(client, NULL, NULL, &made), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_open(client, "/refused/x", NULL, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_close(NULL), CORRAL_OK);
    ASSERT_STATUS(corral_lock_acquire(NULL, 0, &grant), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire(lock, 0, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire(lock, -2, &grant), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire_async(NULL, 0, ignore, NULL, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire_async(lock, 0, NULL, NULL, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire_async(lock, -2, ignore, NULL, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire_async(lock, 0, ignore, NULL, &op), CORRAL_EBUSY);
    ASSERT_STATUS(corral_lock_release(NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_release_wait(NULL, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_release_wait(held, -2), CORRAL_EINVAL);
    CU_ASSERT(corral_grant_valid_ms(held) > 0);
    corral_grant_free(NULL);
    ASSERT_INT64(corral_grant_valid_ms(NULL), INT64_MIN);
    ASSERT_INT64(corral_grant_token(NULL), 0);
    ASSERT_INT64(corral_grant_turn(NULL), 0);
    ASSERT_STATUS(corral_grant_multi(NULL, txn, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_grant_multi(held, NULL, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_grant_multi(held, txn, -2), CORRAL_EINVAL);
    ASSERT_STATUS(corral_grant_multi_async(NULL, txn, 0, NULL, NULL, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_grant_multi_async(held, NULL, 0, NULL, NULL, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_grant_multi_async(held, txn, -2, NULL, NULL, &op), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_list(NULL, 0, &list, &count), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_list(lock, 0, NULL, &count), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_list(lock, 0, &list, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_list(lock, -2, &list, &count), CORRAL_EINVAL);
    corral_lock_contenders_free(NULL);
    CU_ASSERT(grant == NULL && list == NULL && made == NULL && op == NULL && count == 7);
    ASSERT_STATUS(corral_grant_multi(held, txn, CORRAL_FOREVER), CORRAL_OK); /* an empty one: is it held? */
    locking_give_back(held);
    corral_txn_free(txn);
}

static void a_recursive_lock_is_no_asynchronous_one(void)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *made = NULL;

    options.flags = CORRAL_LOCK_RECURSIVE;
    REQUIRE_STATUS(corral_lock_open(client, "/refused/recursive", &options, &made), CORRAL_OK);
    ASSERT_STATUS(corral_lock_acquire_async(made, 0, ignore, NULL, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_close(made), CORRAL_OK);
}

static void transactions_have_limits(void)
{
    static const char data[CORRAL_TXN_BYTES_MAX + 1];
    const size_t path_length = sizeof "/refused/t" - 1;
    corral_txn *txn;

    ASSERT_STATUS(corral_txn_new(NULL), CORRAL_EINVAL);
    corral_txn_free(NULL);
    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_txn_create(NULL, "/refused/t", NULL, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_set(NULL, "/refused/t", NULL, 0, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_delete(NULL, "/refused/t", 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_check(NULL, "/refused/t", 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_create(txn, NULL, NULL, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_create(txn, "/refused/t", NULL, 1), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_set(txn, "/refused/t", NULL, 1, 0), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_set(txn, "/refused/t", NULL, 0, -2), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_delete(txn, "/refused/t", -2), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_check(txn, "/refused/t", -2), CORRAL_EINVAL);
    ASSERT_STATUS(corral_txn_create(txn, "/refused/t", data, CORRAL_TXN_BYTES_MAX - path_length + 1),
                  CORRAL_ERANGE);
    ASSERT_STATUS(corral_txn_create(txn, "/refused/t", data, SIZE_MAX), CORRAL_ERANGE);
    ASSERT_STATUS(corral_txn_create(txn, "/refused/t", data, CORRAL_TXN_BYTES_MAX - path_length), CORRAL_OK);
    ASSERT_STATUS(corral_txn_check(txn, "/x", 0), CORRAL_ERANGE);
    corral_txn_free(txn);
    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    for (int i = 0; i < CORRAL_TXN_MAX; i++) {
        ASSERT_STATUS(corral_txn_check(txn, "/refused", CORRAL_VERSION_ANY), CORRAL_OK);
    }
    ASSERT_STATUS(corral_txn_check(txn, "/refused", CORRAL_VERSION_ANY), CORRAL_ERANGE);
    corral_grant *grant = locking_acquire(lock);
    ASSERT_STATUS(corral_grant_multi(grant, txn, TESTING_PATIENCE_MS), CORRAL_OK);
    locking_give_back(grant);
    corral_txn_free(txn);
}

/* --- what a guarded change is refused for --- */

static void refused_change(int (*append)(corral_txn *), int expected, const char *path)
{
    corral_grant *grant = locking_acquire(lock);
    corral_op *op = NULL;
    corral_txn *txn;

    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_txn_set(txn, "/refused/first", "changed", 7, CORRAL_VERSION_ANY), CORRAL_OK);
    ASSERT_STATUS(append(txn), CORRAL_OK);
    REQUIRE_STATUS(corral_grant_multi_async(grant, txn, CORRAL_FOREVER, NULL, NULL, &op), CORRAL_OK);
    REQUIRE_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), expected);
    CU_ASSERT_STRING_EQUAL(corral_op_path(op), path);
    ASSERT_ZNODE("/refused/first", "untouched");
    CU_ASSERT(corral_grant_valid_ms(grant) > 0);
    corral_op_unref(op);
    corral_txn_free(txn);
    locking_give_back(grant);
}

static int append_missing(corral_txn *txn)
{
    return corral_txn_set(txn, "/refused/missing", "x", 1, CORRAL_VERSION_ANY);
}

static int append_existing(corral_txn *txn)
{
    return corral_txn_create(txn, "/refused/second", "x", 1);
}

static int append_stale(corral_txn *txn)
{
    return corral_txn_check(txn, "/refused/second", 7);
}

static int append_forbidden(corral_txn *txn)
{
    return corral_txn_set(txn, "/refused/forbidden", "x", 1, CORRAL_VERSION_ANY);
}

static void allow(const char *path, int perms)
{
    struct ACL entry = {perms, ZOO_ANYONE_ID_UNSAFE};
    struct ACL_vector acl = {1, &entry};

    REQUIRE(raw_set_acl(server_raw(), path, &acl) == ZOK);
}

static void a_refused_change_names_its_path(void)
{
    locking_give_back(locking_acquire(lock));
    server_put("/refused/first", "untouched");
    server_put("/refused/second", "");
    server_put("/refused/forbidden", "");
    allow("/refused/forbidden", ZOO_PERM_READ);
    refused_change(append_missing, CORRAL_ENOENT, "/refused/missing");
    refused_change(append_existing, CORRAL_EEXIST, "/refused/second");
    refused_change(append_stale, CORRAL_ECONFLICT, "/refused/second");
    refused_change(append_forbidden, CORRAL_EACCES, "/refused/forbidden");
}

/* --- access --- */

static corral_client *client_of(const char *credential)
{
    corral_auth auth = {"digest", credential};
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.acl = CORRAL_ACL_CREATOR_ALL;
    options.auth = &auth;
    options.auth_count = 1;
    return server_client_with(server_connect(), options);
}

/* Of the other's znodes they may read nothing: whether they exist is enough. */
static void identities_contend(void)
{
    static const char path[] = "/refused/shared";
    corral_client *alice = client_of("alice:secret"), *bob = client_of("bob:hidden");
    corral_lock *hers = locking_open(alice, path, CORRAL_LOCK_MUTEX, NULL);
    corral_lock *his = locking_open(bob, path, CORRAL_LOCK_MUTEX, NULL);
    corral_lock_contender *list;
    size_t count = 0;

    REQUIRE(raw_create(server_raw(), path, "", 0) == ZOK);
    for (unsigned i = 0; i < 10; i++) {
        corral_grant *grant = locking_acquire(i % 2 == 0 ? hers : his), *next, *refused = NULL;
        corral_lock *waits = i % 2 == 0 ? his : hers;
        waiter w;

        ASSERT_STATUS(corral_lock_acquire(waits, 0, &refused), CORRAL_EBUSY);
        locking_wait_for(&w, waits, CORRAL_FOREVER);
        ASSERT_BELOW_SOON(path, 2);
        REQUIRE_STATUS(corral_lock_list(waits, TESTING_PATIENCE_MS, &list, &count), CORRAL_OK);
        ASSERT_INT64(count, 2);
        CU_ASSERT_STRING_EQUAL(list[0].label, "");
        CU_ASSERT_STRING_EQUAL(list[1].label, "ours");
        CU_ASSERT(list[0].holds && !list[1].holds);
        ASSERT_INT64(list[0].token, corral_grant_token(grant));
        CU_ASSERT(list[0].session != 0 && list[0].session != list[1].session);
        corral_lock_contenders_free(list);
        locking_give_back(grant);
        ASSERT_STATUS(locking_await(&w, &next), CORRAL_OK);
        CU_ASSERT(corral_grant_valid_ms(next) > 0);
        locking_give_back(next);
    }
    ASSERT_STATUS(corral_lock_close(hers), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(his), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(alice), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(bob), CORRAL_OK);
}

static void note(int status, corral_grant *const *grants, void *arg)
{
    (void)grants;
    record_status(status, arg);
}

/* Acquiring at @path must be denied because of @denied; also with others. */
static void assert_denied(const char *path, const char *denied)
{
    corral_lock *there = locking_open(client, path, CORRAL_LOCK_MUTEX, NULL);
    corral_op *op;
    recorder r;
    waiter w;

    locking_wait_for(&w, there, CORRAL_FOREVER);
    REQUIRE_STATUS(corral_op_wait(w.op, TESTING_PATIENCE_MS), CORRAL_OK);
    CU_ASSERT_STRING_EQUAL(corral_op_path(w.op), denied);
    ASSERT_STATUS(locking_await(&w, NULL), CORRAL_EACCES);
    recorder_open(&r, 1);
    REQUIRE_STATUS(corral_lock_acquire_all_async(&there, 1, CORRAL_FOREVER, note, &r.records[0], &op),
                   CORRAL_OK);
    REQUIRE_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    CU_ASSERT_STRING_EQUAL(corral_op_path(op), denied);
    ASSERT_STATUS(recorder_get(&r, 0).status, CORRAL_EACCES);
    corral_op_unref(op);
    recorder_close(&r);
    ASSERT_STATUS(corral_lock_close(there), CORRAL_OK);
}

static void who_may_not_create_is_told_where(void)
{
    REQUIRE(raw_create(server_raw(), "/refused/closed", "", 0) == ZOK);
    allow("/refused/closed", ZOO_PERM_ALL & ~ZOO_PERM_CREATE);
    assert_denied("/refused/closed", "/refused/closed");
    assert_denied("/refused/closed/below", "/refused/closed/below");
    assert_denied("/refused/closed/far/below", "/refused/closed/far");
    ASSERT_INT64(raw_count_below(server_raw(), "/refused/closed"), 0);
}

static void who_may_not_list_leaves_nothing(void)
{
    REQUIRE(raw_create(server_raw(), "/refused/blind", "", 0) == ZOK);
    allow("/refused/blind", ZOO_PERM_ALL & ~ZOO_PERM_READ);
    assert_denied("/refused/blind", "/refused/blind");
    allow("/refused/blind", ZOO_PERM_ALL);
    ASSERT_BELOW_SOON("/refused/blind", 0);
}

/* Then the znode goes with the session; until then nobody else gets the lock. */
static void who_may_not_delete_is_told(void)
{
    corral_lock *there = locking_open(client, "/refused/kept", CORRAL_LOCK_MUTEX, NULL);

    REQUIRE(raw_create(server_raw(), "/refused/kept", "", 0) == ZOK);
    allow("/refused/kept", ZOO_PERM_ALL & ~ZOO_PERM_DELETE);
    corral_grant *grant = locking_acquire(there);
    ASSERT_STATUS(corral_lock_release_wait(grant, TESTING_PATIENCE_MS), CORRAL_EACCES);
    ASSERT_INT64(corral_grant_valid_ms(grant), INT64_MIN);
    ASSERT_STATUS(corral_lock_release_wait(grant, TESTING_PATIENCE_MS), CORRAL_EACCES);
    corral_grant_free(grant);
    ASSERT_INT64(raw_count_below(server_raw(), "/refused/kept"), 1);
    ASSERT_STATUS(locking_wait_in_vain(there), CORRAL_EBUSY);
    ASSERT_STATUS(corral_lock_close(there), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_BELOW_SOON("/refused/kept", 0);
}

/* With more nothing would ever be valid; how much that is, only the servers can tell. */
static void a_margin_is_a_quarter_of_the_session_at_most(void)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *there;
    corral_grant *grant = NULL;

    options.margin_ms = SERVER_SESSION_MS / 4 + 1;
    REQUIRE_STATUS(corral_lock_open(client, "/refused/margin", &options, &there), CORRAL_OK);
    ASSERT_STATUS(corral_lock_acquire(there, TESTING_PATIENCE_MS, &grant), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_close(there), CORRAL_OK);
    ASSERT_BELOW_SOON("/refused/margin", 0);
    options.margin_ms = SERVER_SESSION_MS / 4;
    REQUIRE_STATUS(corral_lock_open(client, "/refused/margin", &options, &there), CORRAL_OK);
    grant = locking_acquire(there);
    CU_ASSERT(corral_grant_valid_ms(grant) <= SERVER_SESSION_MS - SERVER_SESSION_MS / 4);
    locking_give_back(grant);
    ASSERT_STATUS(corral_lock_close(there), CORRAL_OK);
}

static void no_lock_is_below_an_ephemeral(void)
{
    corral_grant *grant = locking_acquire(lock), *refused = NULL;
    struct String_vector names;
    char path[512];

    REQUIRE(raw_children(server_raw(), "/refused/lock", &names) == ZOK && names.count == 1);
    snprintf(path, sizeof path, "/refused/lock/%s/below", names.data[0]);
    deallocate_String_vector(&names);
    corral_lock *there = locking_open(client, path, CORRAL_LOCK_MUTEX, NULL);
    ASSERT_STATUS(corral_lock_acquire(there, TESTING_PATIENCE_MS, &refused), CORRAL_ENOTSUP);
    ASSERT_STATUS(corral_lock_close(there), CORRAL_OK);
    locking_give_back(grant);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {
        {"options that make no sense", options_that_make_no_sense},
        {"paths that make no sense", paths_that_make_no_sense},
        {"arguments that make no sense", arguments_that_make_no_sense},
        {"a recursive lock is no asynchronous one", a_recursive_lock_is_no_asynchronous_one},
        {"transactions have limits", transactions_have_limits},
        {"a refused change names its path", a_refused_change_names_its_path},
        {"identities contend", identities_contend},
        {"who may not create is told where", who_may_not_create_is_told_where},
        {"who may not list leaves nothing", who_may_not_list_leaves_nothing},
        {"who may not delete is told", who_may_not_delete_is_told},
        {"a margin is a quarter of the session at most", a_margin_is_a_quarter_of_the_session_at_most},
        {"no lock is below an ephemeral", no_lock_is_below_an_ephemeral},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"lock refused", NULL, NULL, setup, teardown, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

/**
 * Locks whose session ends, whose znode is deleted by somebody, whose connection
 * is cut, and whose handle or client is closed: while they are held, and while
 * they are waited for.
 */
#include <corral/lock.h>

#include <stdio.h>
#include <unistd.h>

#include "lib/locking.h"

static corral_client *other;
static corral_lock *ours, *theirs;
static losses lost;
static char path[64]; /* each test's own */

static void setup(void)
{
    static unsigned number;

    snprintf(path, sizeof path, "/lost/%u", number++);
    fixture_open();
    other = server_client(server_connect());
    losses_open(&lost);
    ours = locking_open(client, path, CORRAL_LOCK_MUTEX, &lost);
    theirs = locking_open(other, path, CORRAL_LOCK_MUTEX, NULL);
}

static void teardown(void)
{
    ASSERT_STATUS(corral_lock_close(ours), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(theirs), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(other), CORRAL_OK);
    fixture_close();
    losses_close(&lost);
    ASSERT_BELOW_SOON(path, 0);
}

/* A change of nothing: only whether it would be made matters. */
static int guarded_change(corral_grant *grant)
{
    corral_txn *txn;

    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_txn_check(txn, "/lost", CORRAL_VERSION_ANY), CORRAL_OK);
    int status = corral_grant_multi(grant, txn, TESTING_PATIENCE_MS);
    corral_txn_free(txn);
    return status;
}

static void assert_is_lost(corral_grant *grant, int status)
{
    ASSERT_LOST(&lost, grant, status);
    ASSERT_INT64(corral_grant_valid_ms(grant), INT64_MIN);
    ASSERT_STATUS(guarded_change(grant), CORRAL_ELOST);
    ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
    ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
    ASSERT_STATUS(corral_lock_release_wait(grant, TESTING_PATIENCE_MS), CORRAL_OK);
    corral_grant_free(grant);
    ASSERT_INT64(losses_count(&lost), 1);
}

/* --- the session ends --- */

static void it_ends_while_holding(void)
{
    corral_grant *grant = locking_acquire(ours);
    int64_t token = corral_grant_token(grant);

    ASSERT_STATUS(guarded_change(grant), CORRAL_OK);
    REQUIRE(server_expire(through));
    assert_is_lost(grant, CORRAL_ELOST);
    grant = locking_acquire(ours);
    CU_ASSERT(corral_grant_token(grant) > token);
    locking_give_back(grant);
}

static void it_ends_while_waiting(void)
{
    corral_grant *grant = locking_acquire(theirs);
    int64_t token = corral_grant_token(grant);
    waiter w;

    locking_wait_for(&w, ours, CORRAL_FOREVER);
    ASSERT_BELOW_SOON(path, 2);
    REQUIRE(server_expire(through));
    ASSERT_BELOW_SOON(path, 2); /* it has queued again */
    CU_ASSERT_FALSE(locking_has_ended(&w));
    locking_give_back(grant);
    ASSERT_STATUS(locking_await(&w, &grant), CORRAL_OK);
    CU_ASSERT(corral_grant_token(grant) > token);
    CU_ASSERT(corral_grant_valid_ms(grant) > 0);
    ASSERT_STATUS(guarded_change(grant), CORRAL_OK);
    ASSERT_INT64(losses_count(&lost), 0);
    locking_give_back(grant);
}

/* Who waits in the process behind a holder whose session ends gets its turn in the next session. */
static void it_ends_with_others_behind(void)
{
    corral_grant *grant = locking_acquire(ours), *next;
    waiter w[3];

    for (unsigned i = 0; i < 3; i++) {
        locking_wait_for(&w[i], ours, CORRAL_FOREVER);
    }
    REQUIRE(server_expire(through));
    assert_is_lost(grant, CORRAL_ELOST);
    for (unsigned i = 0; i < 3; i++) {
        ASSERT_STATUS(locking_await(&w[i], &next), CORRAL_OK);
        CU_ASSERT(corral_grant_valid_ms(next) > 0);
        corral_grant_free(next);
    }
    ASSERT_INT64(losses_count(&lost), 1);
}

/* --- an operator deletes the znode --- */

static void it_is_deleted_while_holding(void)
{
    corral_grant *grant = locking_acquire(ours);

    ASSERT_INT64(locking_delete_labeled(path, "ours"), 1);
    assert_is_lost(grant, CORRAL_ELOST);
}

/* Also when it is deleted as soon as it is there, and nobody watches it yet. */
static void it_is_deleted_at_once(void)
{
    for (unsigned i = 0; i < testing_scaled(50); i++) {
        corral_grant *grant = locking_acquire(ours);

        ASSERT_INT64(locking_delete_labeled(path, "ours"), 1);
        REQUIRE(losses_wait(&lost, i + 1));
        ASSERT_STATUS(guarded_change(grant), CORRAL_ELOST);
        corral_grant_free(grant);
    }
}

static void it_is_deleted_while_waiting(void)
{
    corral_grant *grant = locking_acquire(theirs);
    waiter w;

    locking_wait_for(&w, ours, CORRAL_FOREVER);
    for (unsigned i = 0; i < 3; i++) {
        struct String_vector names;

        ASSERT_BELOW_SOON(path, 2);
        REQUIRE(raw_children(server_raw(), path, &names) == ZOK);
        for (int n = 0; n < names.count; n++) {
            char node[512];
            struct Stat stat;

            snprintf(node, sizeof node, "%s/%s", path, names.data[n]);
            if (raw_exists(server_raw(), node, &stat) == ZOK && stat.czxid > corral_grant_token(grant)) {
                CU_ASSERT_EQUAL(raw_delete(server_raw(), node), ZOK);
            }
        }
        deallocate_String_vector(&names);
    }
    ASSERT_BELOW_SOON(path, 2);
    CU_ASSERT_FALSE(locking_has_ended(&w));
    locking_give_back(grant);
    ASSERT_STATUS(locking_await(&w, &grant), CORRAL_OK);
    ASSERT_STATUS(guarded_change(grant), CORRAL_OK);
    locking_give_back(grant);
}

/* --- the connection is cut --- */

/* No server can have ended the session before its timeout has passed since the last that it can have heard.
 */
static void it_is_cut_off_while_holding(void)
{
    corral_grant *grant = locking_acquire(ours);

    usleep(100000);
    proxy_hold(through, PROXY_HOLD_REQUESTS | PROXY_HOLD_REPLIES);
    int64_t cut_at = testing_now_ms();
    ASSERT_LOST(&lost, grant, CORRAL_ELOST);
    printf("told after %lld of %d ms ", (long long)(lost.at_ms - cut_at), SERVER_SESSION_MS);
    CU_ASSERT(lost.at_ms - cut_at < SERVER_SESSION_MS);
    ASSERT_INT64(corral_grant_valid_ms(grant), INT64_MIN);
    proxy_hold(through, 0);
    ASSERT_STATUS(guarded_change(grant), CORRAL_ELOST);
    locking_give_back(grant);
    grant = locking_acquire(ours);
    CU_ASSERT(corral_grant_valid_ms(grant) > 0);
    locking_give_back(grant);
}

/* A connection that comes back in time is no loss. */
static void short_cuts_are_ridden_out(void)
{
    corral_grant *grant = locking_acquire(ours);

    for (unsigned i = 0; i < 5; i++) {
        proxy_cut_all(through);
        ASSERT_STATUS(guarded_change(grant), CORRAL_OK);
        CU_ASSERT(corral_grant_valid_ms(grant) > 0);
    }
    ASSERT_INT64(losses_count(&lost), 0);
    locking_give_back(grant);
}

/* Held for longer than any validity without a heartbeat. */
static void it_is_held_for_long(void)
{
    corral_grant *grant = locking_acquire(ours);
    int64_t until = testing_now_ms() + SERVER_SESSION_MS * 3 / 2;
    int64_t least = INT64_MAX;

    while (testing_now_ms() < until) {
        int64_t valid = corral_grant_valid_ms(grant);

        least = valid < least ? valid : least;
        usleep(20000);
    }
    printf("always for %lld ms more ", (long long)least);
    ASSERT_INT64(losses_count(&lost), 0);
    ASSERT_STATUS(guarded_change(grant), CORRAL_OK);
    locking_give_back(grant);
}

/* --- the server comes back --- */

enum { WAITERS = 20 };

static void the_server_restarts_while_many_wait(void)
{
    corral_lock *locks[2] = {ours, theirs};
    corral_grant *grant = locking_acquire(ours), *next;
    waiter w[WAITERS];
    char error[256] = "";
    bool done[WAITERS] = {false};
    unsigned got = 0;

    for (unsigned i = 0; i < WAITERS; i++) {
        locking_wait_for(&w[i], locks[i % 2], CORRAL_FOREVER);
    }
    ASSERT_BELOW_SOON(path, 2);
    dev_kill(server_ensemble(), 0);
    REQUIRE(dev_restart(server_ensemble(), 0, error, sizeof error) == 0);
    /* Slow servers may let sessions end meanwhile: the lock is lost then, but nobody's turn is. */
    corral_grant_free(grant);
    for (unsigned left = WAITERS; left > 0;) {
        for (unsigned i = 0; i < WAITERS; i++) {
            if (!done[i] && locking_has_ended(&w[i])) {
                got += locking_await(&w[i], &next) == CORRAL_OK;
                corral_grant_free(next);
                done[i] = true;
                left--;
            }
        }
        usleep(1000);
    }
    ASSERT_INT64(got, WAITERS);
}

/* --- closing --- */

static void the_client_is_closed_while_holding(void)
{
    corral_grant *grant = locking_acquire(ours);
    waiter w;

    locking_wait_for(&w, theirs, CORRAL_FOREVER);
    ASSERT_BELOW_SOON(path, 2);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_LOST(&lost, grant, CORRAL_ECLOSED);
    ASSERT_INT64(corral_grant_valid_ms(grant), INT64_MIN);
    CU_ASSERT(corral_grant_token(grant) > 0);
    ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
    corral_grant_free(grant);
    ASSERT_STATUS(corral_lock_acquire(ours, CORRAL_FOREVER, &grant), CORRAL_ECLOSED);
    ASSERT_STATUS(corral_lock_acquire_async(ours, CORRAL_FOREVER, NULL, NULL, NULL), CORRAL_EINVAL);
    ASSERT_STATUS(locking_await(&w, &grant), CORRAL_OK);
    locking_give_back(grant);
}

static void a_grant_outlives_its_client_and_handle(void)
{
    corral_grant *grant = locking_acquire(ours);
    corral_txn *txn;

    ASSERT_STATUS(corral_lock_close(ours), CORRAL_OK);
    ours = NULL;
    CU_ASSERT(corral_grant_valid_ms(grant) > 0);
    ASSERT_STATUS(guarded_change(grant), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_LOST(&lost, grant, CORRAL_ECLOSED);
    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_grant_multi(grant, txn, CORRAL_FOREVER), CORRAL_ECLOSED);
    corral_txn_free(txn);
    ASSERT_STATUS(corral_lock_release_wait(grant, CORRAL_FOREVER), CORRAL_OK);
    corral_grant_free(grant);
}

static void the_client_is_closed_while_waiting(void)
{
    corral_grant *grant = locking_acquire(theirs);
    waiter first, second;

    locking_wait_for(&first, ours, CORRAL_FOREVER);
    locking_wait_for(&second, ours, CORRAL_FOREVER);
    ASSERT_BELOW_SOON(path, 2);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_STATUS(locking_await(&first, NULL), CORRAL_ECLOSED);
    ASSERT_STATUS(locking_await(&second, NULL), CORRAL_ECLOSED);
    ASSERT_BELOW_SOON(path, 1);
    locking_give_back(grant);
}

static void a_handle_is_closed_while_waiting(void)
{
    corral_grant *grant = locking_acquire(theirs);
    waiter w;

    locking_wait_for(&w, ours, CORRAL_FOREVER);
    ASSERT_BELOW_SOON(path, 2);
    ASSERT_STATUS(corral_lock_close(ours), CORRAL_OK);
    ours = NULL;
    ASSERT_STATUS(locking_await(&w, NULL), CORRAL_ECLOSED);
    ASSERT_BELOW_SOON(path, 1);
    locking_give_back(grant);
}

/* --- on_lost --- */

static void a_grant_is_freed_in_on_lost(void)
{
    for (unsigned i = 0; i < testing_scaled(20); i++) {
        lost.freeing = true;
        (void)locking_acquire(ours);
        ASSERT_INT64(locking_delete_labeled(path, "ours"), 1);
        REQUIRE(losses_wait(&lost, i + 1));
    }
    (void)locking_acquire(ours);
    REQUIRE(server_expire(through));
    REQUIRE(losses_wait(&lost, testing_scaled(20) + 1));
    (void)locking_acquire(ours);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    ASSERT_INT64(losses_count(&lost), testing_scaled(20) + 2);
}

/* Whose grant it is free to release or free while the loss is told; and what was released is not lost. */
static void a_release_races_with_the_loss(void)
{
    for (unsigned i = 0; i < testing_scaled(50); i++) {
        corral_grant *grant = locking_acquire(ours);

        (void)locking_delete_labeled(path, "ours");
        usleep(i * 37 % 1000);
        corral_grant_free(grant);
    }
    CU_ASSERT(losses_count(&lost) <= testing_scaled(50));
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {
        {"it ends while holding", it_ends_while_holding},
        {"it ends while waiting", it_ends_while_waiting},
        {"it ends with others behind", it_ends_with_others_behind},
        {"it is deleted while holding", it_is_deleted_while_holding},
        {"it is deleted at once", it_is_deleted_at_once},
        {"it is deleted while waiting", it_is_deleted_while_waiting},
        {"it is cut off while holding", it_is_cut_off_while_holding},
        {"short cuts are ridden out", short_cuts_are_ridden_out},
        {"it is held for long", it_is_held_for_long},
        {"the server restarts while many wait", the_server_restarts_while_many_wait},
        {"the client is closed while holding", the_client_is_closed_while_holding},
        {"a grant outlives its client and handle", a_grant_outlives_its_client_and_handle},
        {"the client is closed while waiting", the_client_is_closed_while_waiting},
        {"a handle is closed while waiting", a_handle_is_closed_while_waiting},
        {"a grant is freed in on_lost", a_grant_is_freed_in_on_lost},
        {"a release races with the loss", a_release_races_with_the_loss},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"lock lost", NULL, NULL, setup, teardown, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

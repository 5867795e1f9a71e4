/**
 * Locks when requests and replies are lost: one znode per contender, the lock
 * in the end, guarded changes exactly once, and nothing left behind.
 */
#include <corral/lock.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/locking.h"

static corral_client *other;
static losses lost;
static char path[64]; /* each test's own */

static void setup(void)
{
    static unsigned number;

    snprintf(path, sizeof path, "/faults/%u", number++);
    fixture_open();
    other = server_client(server_connect());
    losses_open(&lost);
    /* The directory is there: the first change below it is a contender's. */
    int made = raw_create(server_raw(), path, "", 0);
    REQUIRE(made == ZOK);
}

static void teardown(void)
{
    ASSERT_STATUS(corral_client_close(other), CORRAL_OK);
    fixture_close();
    losses_close(&lost);
    ASSERT_BELOW_SOON(path, 0);
}

/* Cut the client's connection at the next @count changes below the path. */
static void cut_at_changes(proxy_place place, unsigned count)
{
    proxy_rule rule = {.match = locking_changes_below, .match_arg = path, .count = count, .failed_too = true};

    proxy_cut(through, place, &rule);
}

static void assert_cuts(proxy_counter which, uint64_t count)
{
    ASSERT_INT64(proxy_count(through, which), count);
}

/* --- at the creation --- */

static void acquire_through(proxy_place place, unsigned count)
{
    corral_lock *lock = locking_open(client, path, CORRAL_LOCK_MUTEX, &lost);

    cut_at_changes(place, count);
    corral_grant *grant = locking_acquire(lock);
    assert_cuts(place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE, count);
    CU_ASSERT(corral_grant_valid_ms(grant) > 0);
    CU_ASSERT(corral_grant_token(grant) > 0);
    ASSERT_BELOW_SOON(path, 1);
    locking_give_back(grant);
    ASSERT_INT64(raw_count_below(server_raw(), path), 0);
    ASSERT_INT64(losses_count(&lost), 0);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

static void a_creations_reply_is_lost(void)
{
    acquire_through(PROXY_AFTER, 1);
}

static void a_creations_request_is_lost(void)
{
    acquire_through(PROXY_BEFORE, 1);
}

static void many_replies_are_lost(void)
{
    acquire_through(PROXY_AFTER, 5);
}

/* Then no more znodes are made, but the lowest is found; and deletions' replies are lost, too. */
static void more_replies_are_lost_than_are_kept_in_mind(void)
{
    corral_lock *lock = locking_open(client, path, CORRAL_LOCK_MUTEX, &lost);

    cut_at_changes(PROXY_AFTER, 12);
    corral_grant *grant = locking_acquire(lock);
    ASSERT_BELOW_SOON(path, 1);
    assert_cuts(PROXY_CUT_AFTER, 12);
    locking_give_back(grant);
    ASSERT_INT64(raw_count_below(server_raw(), path), 0);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

/* Who had to look for its own znode keeps its place in the queue. */
static void a_waiters_reply_is_lost(void)
{
    corral_lock *theirs = locking_open(other, path, CORRAL_LOCK_MUTEX, NULL);
    corral_lock *ours = locking_open(client, path, CORRAL_LOCK_MUTEX, &lost);
    corral_grant *grant = locking_acquire(theirs);
    int64_t token = corral_grant_token(grant);
    waiter first, second;

    cut_at_changes(PROXY_AFTER, 2);
    locking_wait_for(&first, ours, CORRAL_FOREVER);
    REQUIRE(proxy_wait(through, PROXY_CUT_AFTER, 2, TESTING_PATIENCE_MS));
    ASSERT_BELOW_SOON(path, 2);
    locking_wait_for(&second, theirs, CORRAL_FOREVER); /* sits behind the first one's znode, or after us */
    CU_ASSERT_FALSE(locking_has_ended(&first));
    ASSERT_STATUS(corral_lock_close(theirs), CORRAL_OK);
    ASSERT_STATUS(locking_await(&second, NULL), CORRAL_ECLOSED);
    locking_give_back(grant);
    ASSERT_STATUS(locking_await(&first, &grant), CORRAL_OK);
    CU_ASSERT(corral_grant_token(grant) > token);
    ASSERT_BELOW_SOON(path, 1);
    locking_give_back(grant);
    ASSERT_STATUS(corral_lock_close(ours), CORRAL_OK);
}

/* What is found after a lost reply is no reason to forget who else is there. */
static void a_reply_is_lost_among_others_names(void)
{
    corral_lock *theirs = locking_open(other, path, CORRAL_LOCK_WRITE, NULL);
    corral_lock *ours = locking_open(client, path, CORRAL_LOCK_MUTEX, &lost);
    corral_grant *grant = locking_acquire(theirs), *refused = NULL;

    cut_at_changes(PROXY_AFTER, 1);
    ASSERT_STATUS(corral_lock_acquire(ours, TESTING_PATIENCE_MS, &refused), CORRAL_ECONFLICT);
    corral_grant_free(refused);
    assert_cuts(PROXY_CUT_AFTER, 1);
    ASSERT_BELOW_SOON(path, 1);
    locking_give_back(grant);
    ASSERT_STATUS(corral_lock_close(ours), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(theirs), CORRAL_OK);
}

/* --- given up meanwhile --- */

static void stay_away(void *arg)
{
    proxy_admit(arg, PROXY_IGNORE);
}

typedef enum { BY_DEADLINE, BY_CANCEL, BY_CLOSE } ending;

/* The znode is made, and before its maker can know it gives up. */
static void give_up(ending how, int expected)
{
    corral_lock *lock = locking_open(client, path, CORRAL_LOCK_MUTEX, &lost);
    proxy_rule rule = {.match = locking_changes_below,
                       .match_arg = path,
                       .count = 1,
                       .on_cut = stay_away,
                       .on_cut_arg = through};
    corral_grant *grant = locking_acquire(lock); /* connected from now on */
    waiter w;

    locking_give_back(grant);
    proxy_cut(through, PROXY_AFTER, &rule);
    locking_wait_for(&w, lock, how == BY_DEADLINE ? 200 : CORRAL_FOREVER);
    REQUIRE(proxy_wait(through, PROXY_CUT_AFTER, 1, TESTING_PATIENCE_MS));
    ASSERT_INT64(raw_count_below(server_raw(), path), 1);
    if (how == BY_CANCEL) {
        ASSERT_STATUS(corral_op_cancel(w.op), CORRAL_OK);
    } else if (how == BY_CLOSE) {
        ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
        lock = NULL;
    }
    ASSERT_STATUS(locking_await(&w, NULL), expected);
    ASSERT_INT64(raw_count_below(server_raw(), path), 1);
    proxy_admit(through, PROXY_ACCEPT);
    ASSERT_BELOW_SOON(path, 0);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

static void a_deadline_passes_before_the_reply(void)
{
    give_up(BY_DEADLINE, CORRAL_ETIMEDOUT);
}

static void it_is_canceled_before_the_reply(void)
{
    give_up(BY_CANCEL, CORRAL_ECANCELED);
}

static void it_is_closed_before_the_reply(void)
{
    give_up(BY_CLOSE, CORRAL_ECLOSED);
}

/* --- at the release --- */

static void release_through(proxy_place place)
{
    corral_lock *lock = locking_open(client, path, CORRAL_LOCK_MUTEX, &lost);

    for (unsigned i = 1; i <= 3; i++) {
        corral_grant *grant = locking_acquire(lock);

        cut_at_changes(place, 1);
        locking_give_back(grant);
        ASSERT_INT64(raw_count_below(server_raw(), path), 0);
        assert_cuts(place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE, i);
    }
    ASSERT_INT64(losses_count(&lost), 0);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

static void a_deletions_reply_is_lost(void)
{
    release_through(PROXY_AFTER);
}

static void a_deletions_request_is_lost(void)
{
    release_through(PROXY_BEFORE);
}

/* --- guarded changes --- */

static char node[80]; /* what is changed, beside the lock */

static bool changes_node(const wire_request *request, void *arg)
{
    (void)arg;
    return wire_changes_below(request, node);
}

/* A transaction that counts up a version, so that twice is seen. */
static corral_txn *counting_txn(int32_t version)
{
    corral_txn *txn;

    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_txn_set(txn, node, "new", 3, version), CORRAL_OK);
    return txn;
}

/* Change the znode with a reply or request lost, and @on_cut done between that and the resending. */
static int change_through(proxy_place place, void (*on_cut)(void *), corral_grant *grant, int32_t version)
{
    proxy_rule rule = {.match = changes_node, .count = 1, .on_cut = on_cut};
    corral_txn *txn = counting_txn(version);

    proxy_cut(through, place, &rule);
    int status = corral_grant_multi(grant, txn, TESTING_PATIENCE_MS);
    assert_cuts(place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE, 1);
    corral_txn_free(txn);
    return status;
}

static int32_t version_of_node(void)
{
    struct Stat stat = {.version = -1};

    CU_ASSERT_EQUAL(raw_exists(server_raw(), node, &stat), ZOK);
    return stat.version;
}

/* The hook runs on the proxy's thread, where the raw client of the tests is not to be used. */
static void delete_lock_znodes(void *arg)
{
    raw *beside = raw_open(server_connect());

    (void)arg;
    raw_delete_below(beside, path);
    raw_close(beside);
}

static void touch_node(void *arg)
{
    raw *beside = raw_open(server_connect());

    (void)arg;
    raw_set(beside, node, "theirs", 6);
    raw_close(beside);
}

static void guard(proxy_place place, void (*on_cut)(void *), int expected, int32_t expected_version)
{
    corral_lock *lock = locking_open(client, path, CORRAL_LOCK_MUTEX, NULL);
    corral_grant *grant = locking_acquire(lock);

    snprintf(node, sizeof node, "/faults/guarded%s", strrchr(path, '/') + 1);
    server_put(node, "old");
    ASSERT_STATUS(change_through(place, on_cut, grant, 0), expected);
    ASSERT_INT64(version_of_node(), expected_version);
    corral_grant_free(grant);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

static void a_guarded_changes_reply_is_lost(void)
{
    guard(PROXY_AFTER, NULL, CORRAL_OK, 1);
}

static void a_guarded_changes_request_is_lost(void)
{
    guard(PROXY_BEFORE, NULL, CORRAL_OK, 1);
}

static void the_lock_goes_after_a_guarded_change(void)
{
    guard(PROXY_AFTER, delete_lock_znodes, CORRAL_OK, 1);
}

static void the_lock_goes_before_a_guarded_change(void)
{
    guard(PROXY_BEFORE, delete_lock_znodes, CORRAL_ELOST, 0);
}

static void others_are_faster_than_a_guarded_change(void)
{
    guard(PROXY_BEFORE, touch_node, CORRAL_ECONFLICT, 1);
}

static void others_come_after_a_guarded_change(void)
{
    guard(PROXY_AFTER, touch_node, CORRAL_OK, 2);
}

/* --- anything, all the time --- */

enum { CLIENTS = 2, THREADS = 3, ROUNDS = 60, LOSE_EVERY = 9 };

static bool anything(const wire_request *request, void *arg)
{
    (void)request;
    (void)arg;
    return true;
}

static unsigned unprotected; /* but by the lock */

static void *contend(void *arg)
{
    intptr_t failures = 0;

    for (unsigned i = 0; i < testing_scaled(ROUNDS); i++) {
        corral_grant *grant = NULL;

        if (corral_lock_acquire(arg, i % 3 == 0 ? 20 : CORRAL_FOREVER, &grant) == CORRAL_OK) {
            unprotected++;
            corral_grant_free(grant);
        } else {
            failures++;
        }
    }
    return (void *)failures;
}

static void anything_is_lost_all_the_time(void)
{
    proxy_rule after = {.match = anything, .every = LOSE_EVERY, .failed_too = true},
               before = {.match = anything, .every = LOSE_EVERY + 2};
    corral_lock *locks[CLIENTS] = {locking_open(client, path, CORRAL_LOCK_MUTEX, &lost),
                                   locking_open(other, path, CORRAL_LOCK_MUTEX, &lost)};
    pthread_t threads[CLIENTS * THREADS];
    unsigned failures = 0;

    unprotected = 0;
    proxy_cut(through, PROXY_AFTER, &after);
    proxy_cut(through, PROXY_BEFORE, &before);
    for (unsigned i = 0; i < CLIENTS * THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, contend, locks[i % CLIENTS]) == 0);
    }
    for (unsigned i = 0; i < CLIENTS * THREADS; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        failures += (unsigned)(intptr_t)failed;
    }
    proxy_cut(through, PROXY_AFTER, NULL);
    proxy_cut(through, PROXY_BEFORE, NULL);
    ASSERT_INT64(unprotected + failures, CLIENTS * THREADS * testing_scaled(ROUNDS));
    ASSERT_BELOW_SOON(path, 0);
    printf(
        "%u of %u acquired, %llu connections lost ", unprotected, unprotected + failures,
        (unsigned long long)(proxy_count(through, PROXY_CUT_AFTER) + proxy_count(through, PROXY_CUT_BEFORE)));
    ASSERT_STATUS(corral_lock_close(locks[0]), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(locks[1]), CORRAL_OK);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {
        {"a creation's reply is lost", a_creations_reply_is_lost},
        {"a creation's request is lost", a_creations_request_is_lost},
        {"many replies are lost", many_replies_are_lost},
        {"more replies are lost than are kept in mind", more_replies_are_lost_than_are_kept_in_mind},
        {"a waiter's reply is lost", a_waiters_reply_is_lost},
        {"a reply is lost among others' names", a_reply_is_lost_among_others_names},
        {"a deadline passes before the reply", a_deadline_passes_before_the_reply},
        {"it is canceled before the reply", it_is_canceled_before_the_reply},
        {"it is closed before the reply", it_is_closed_before_the_reply},
        {"a deletion's reply is lost", a_deletions_reply_is_lost},
        {"a deletion's request is lost", a_deletions_request_is_lost},
        {"a guarded change's reply is lost", a_guarded_changes_reply_is_lost},
        {"a guarded change's request is lost", a_guarded_changes_request_is_lost},
        {"the lock goes after a guarded change", the_lock_goes_after_a_guarded_change},
        {"the lock goes before a guarded change", the_lock_goes_before_a_guarded_change},
        {"others are faster than a guarded change", others_are_faster_than_a_guarded_change},
        {"others come after a guarded change", others_come_after_a_guarded_change},
        {"anything is lost all the time", anything_is_lost_all_the_time},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"lock faults", NULL, NULL, setup, teardown, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

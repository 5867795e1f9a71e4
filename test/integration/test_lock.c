/** Locks: acquiring, waiting, releasing; tokens; what is left behind. */
#include <corral/lock.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/locking.h"

static corral_client *other;

static void open_both(void)
{
    fixture_open();
    other = server_client(server_connect());
}

static void close_both(void)
{
    ASSERT_STATUS(corral_client_close(other), CORRAL_OK);
    fixture_close();
}

static corral_lock *open_named(corral_client *of, const char *path, corral_lock_mode mode,
                               corral_naming naming)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *lock;

    options.mode = mode;
    options.naming = naming;
    options.label = "tester";
    REQUIRE_STATUS(corral_lock_open(of, path, &options, &lock), CORRAL_OK);
    return lock;
}

static corral_lock *open_lock(corral_client *of, const char *path, corral_lock_mode mode)
{
    return open_named(of, path, mode, CORRAL_NAMING_CURATOR);
}

static void it_is_acquired_and_released(void)
{
    corral_lock *lock = open_lock(client, "/lock/one", CORRAL_LOCK_MUTEX);
    corral_grant *grant = locking_acquire(lock);
    int64_t first = corral_grant_token(grant);

    CU_ASSERT(first > 0);
    ASSERT_INT64(corral_grant_turn(grant), 0);
    CU_ASSERT(corral_grant_valid_ms(grant) > 0);
    ASSERT_INT64(raw_count_below(server_raw(), "/lock/one"), 1);
    locking_give_back(grant);
    ASSERT_INT64(raw_count_below(server_raw(), "/lock/one"), 0);
    grant = locking_acquire(lock);
    CU_ASSERT(corral_grant_token(grant) > first);
    locking_give_back(grant);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

static void nobody_else_gets_it_meanwhile(void)
{
    corral_lock *ours = open_lock(client, "/lock/two", CORRAL_LOCK_MUTEX);
    corral_lock *theirs = open_lock(other, "/lock/two", CORRAL_LOCK_MUTEX);
    corral_grant *grant = locking_acquire(ours);
    corral_grant *refused = NULL;
    int64_t token = corral_grant_token(grant);

    ASSERT_STATUS(corral_lock_acquire(theirs, 0, &refused), CORRAL_EBUSY);
    ASSERT_STATUS(locking_wait_in_vain(theirs), CORRAL_EBUSY);
    ASSERT_STATUS(corral_lock_acquire(ours, 0, &refused), CORRAL_EBUSY);
    ASSERT_STATUS(locking_wait_in_vain(ours), CORRAL_EBUSY);
    CU_ASSERT_PTR_NULL(refused);
    ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
    ASSERT_INT64(corral_grant_valid_ms(grant), INT64_MIN);
    ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
    corral_grant_free(grant);
    grant = locking_acquire(theirs);
    CU_ASSERT(corral_grant_token(grant) > token);
    locking_give_back(grant);
    ASSERT_INT64(raw_count_below(server_raw(), "/lock/two"), 0);
    ASSERT_STATUS(corral_lock_close(ours), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(theirs), CORRAL_OK);
}

/* --- many at once --- */

enum { THREADS = 8 };

typedef struct {
    pthread_t thread;
    corral_lock *lock;
    unsigned rounds;
    int failure;
} contestant;

static unsigned unprotected; /* but by the lock */
static int64_t last_token;
static uint32_t last_turn;
static unsigned disorders;

static void *contend(void *arg)
{
    contestant *own = arg;

    for (unsigned i = 0; i < own->rounds && own->failure == 0; i++) {
        corral_grant *grant;

        own->failure = corral_lock_acquire(own->lock, CORRAL_FOREVER, &grant);
        if (own->failure == 0) {
            int64_t token = corral_grant_token(grant);
            uint32_t turn = corral_grant_turn(grant);

            disorders += token < last_token || (token == last_token && turn <= last_turn);
            last_token = token;
            last_turn = turn;
            unprotected++;
            corral_grant_free(grant);
        }
    }
    return NULL;
}

static void it_goes_around(corral_lock *locks[], unsigned count, unsigned rounds)
{
    contestant all[THREADS];

    unprotected = 0;
    disorders = 0;
    last_token = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        all[i] = (contestant){.lock = locks[i % count], .rounds = rounds};
        REQUIRE(pthread_create(&all[i].thread, NULL, contend, &all[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(all[i].thread, NULL);
        ASSERT_STATUS(all[i].failure, CORRAL_OK);
    }
    ASSERT_INT64(unprotected, THREADS * rounds);
    ASSERT_INT64(disorders, 0);
}

static void threads_of_one_handle_take_turns(void)
{
    corral_lock *lock = open_lock(client, "/lock/threads", CORRAL_LOCK_MUTEX);

    it_goes_around(&lock, 1, testing_scaled(500));
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

static void clients_take_turns(void)
{
    corral_lock *locks[] = {open_lock(client, "/lock/clients", CORRAL_LOCK_MUTEX),
                            open_lock(other, "/lock/clients", CORRAL_LOCK_MUTEX)};

    it_goes_around(locks, 2, testing_scaled(500));
    ASSERT_STATUS(corral_lock_close(locks[0]), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(locks[1]), CORRAL_OK);
}

static void handles_without_handoffs_take_turns(void)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *lock;

    options.handoffs = 0;
    REQUIRE_STATUS(corral_lock_open(client, "/lock/alone", &options, &lock), CORRAL_OK);
    it_goes_around(&lock, 1, testing_scaled(50));
    ASSERT_INT64(last_turn, 0);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

/*
 * Who has held it is at once behind two others again, of which the last gives
 * up, if @gives_up, while it is held. Two were before it, so that it has listed.
 */
static void it_is_wanted_again(const char *path, bool gives_up)
{
    enum { OTHERS = 4 };
    corral_lock *lock = open_lock(client, path, CORRAL_LOCK_MUTEX);
    corral_lock *others[OTHERS];
    waiter before, own, again, behind[2];
    corral_grant *grant;
    int64_t last;

    for (int i = 0; i < OTHERS; i++) {
        others[i] = open_lock(other, path, CORRAL_LOCK_MUTEX);
    }
    grant = locking_acquire(others[0]);
    locking_wait_for(&before, others[1], CORRAL_FOREVER);
    ASSERT_BELOW_SOON(path, 2);
    locking_wait_for(&own, lock, CORRAL_FOREVER);
    ASSERT_BELOW_SOON(path, 3);
    for (int i = 0; i < 2; i++) {
        locking_wait_for(&behind[i], others[2 + i], CORRAL_FOREVER);
        ASSERT_BELOW_SOON(path, 4 + i);
    }
    locking_give_back(grant);
    REQUIRE_STATUS(locking_await(&before, &grant), CORRAL_OK);
    locking_give_back(grant);
    REQUIRE_STATUS(locking_await(&own, &grant), CORRAL_OK);
    if (gives_up) {
        ASSERT_STATUS(corral_op_cancel(behind[1].op), CORRAL_OK);
        ASSERT_BELOW_SOON(path, 2);
    }
    last = corral_grant_token(grant);
    ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
    locking_wait_for(&again, lock, TESTING_PATIENCE_MS);
    corral_grant_free(grant);
    for (int i = 0; i < 3; i++) {
        int wanted = i == 1 && gives_up ? CORRAL_ECANCELED : CORRAL_OK;

        REQUIRE_STATUS(locking_await(i < 2 ? &behind[i] : &again, &grant), wanted);
        if (wanted == CORRAL_OK) {
            CU_ASSERT(corral_grant_token(grant) > last);
            last = corral_grant_token(grant);
            locking_give_back(grant);
        }
    }
    for (int i = 0; i < OTHERS; i++) {
        ASSERT_STATUS(corral_lock_close(others[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

static void who_wants_it_again_is_last(void)
{
    it_is_wanted_again("/lock/again", false);
    it_is_wanted_again("/lock/again-alone", true);
}

/* --- readers and writers --- */

static void readers_share_and_writers_do_not(void)
{
    corral_lock *reader = open_lock(client, "/lock/rw", CORRAL_LOCK_READ);
    corral_lock *other_reader = open_lock(other, "/lock/rw", CORRAL_LOCK_READ);
    corral_lock *writer = open_lock(other, "/lock/rw", CORRAL_LOCK_WRITE);
    corral_grant *one = locking_acquire(reader);
    corral_grant *two = locking_acquire(reader);
    corral_grant *three = locking_acquire(other_reader);
    corral_grant *refused = NULL;

    CU_ASSERT(corral_grant_token(one) != corral_grant_token(two));
    ASSERT_STATUS(corral_lock_acquire(writer, 0, &refused), CORRAL_EBUSY);
    locking_give_back(one);
    locking_give_back(two);
    ASSERT_STATUS(locking_wait_in_vain(writer), CORRAL_EBUSY);
    locking_give_back(three);
    one = locking_acquire(writer);
    ASSERT_STATUS(corral_lock_acquire(reader, 0, &refused), CORRAL_EBUSY);
    locking_give_back(one);
    two = locking_acquire(reader);
    locking_give_back(two);
    ASSERT_STATUS(corral_lock_close(reader), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(other_reader), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(writer), CORRAL_OK);
}

/* A reader whose handle has one already is not behind other readers, though they came before it. */
static void a_reader_comes_in_among_others(corral_naming naming, const char *path)
{
    corral_lock *reader = open_named(client, path, CORRAL_LOCK_READ, naming);
    corral_lock *others = open_named(other, path, CORRAL_LOCK_READ, naming);
    corral_grant *grants[] = {locking_acquire(others), locking_acquire(others), locking_acquire(reader),
                              NULL};

    ASSERT_STATUS(corral_lock_acquire(reader, 0, &grants[3]), CORRAL_OK);
    for (int i = 0; i < 4; i++) {
        locking_give_back(grants[i]);
    }
    ASSERT_STATUS(corral_lock_close(reader), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(others), CORRAL_OK);
}

static void readers_come_in_among_others(void)
{
    a_reader_comes_in_among_others(CORRAL_NAMING_CURATOR, "/lock/readers");
    a_reader_comes_in_among_others(CORRAL_NAMING_KAZOO, "/lock/kazoo-readers");
}

static void kinds_do_not_mix(void)
{
    corral_lock *mutex = open_lock(client, "/lock/mixed", CORRAL_LOCK_MUTEX);
    corral_lock *writer = open_lock(other, "/lock/mixed", CORRAL_LOCK_WRITE);
    corral_grant *grant = locking_acquire(mutex);
    corral_grant *refused = NULL;

    ASSERT_STATUS(corral_lock_acquire(writer, TESTING_PATIENCE_MS, &refused), CORRAL_ECONFLICT);
    locking_give_back(grant);
    server_put("/lock/counter", "42");
    ASSERT_STATUS(corral_lock_close(mutex), CORRAL_OK);
    mutex = open_lock(client, "/lock/counter", CORRAL_LOCK_MUTEX);
    ASSERT_STATUS(corral_lock_acquire(mutex, TESTING_PATIENCE_MS, &refused), CORRAL_ECONFLICT);
    CU_ASSERT_PTR_NULL(refused);
    ASSERT_STATUS(corral_lock_close(mutex), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(writer), CORRAL_OK);
}

/* --- who contends --- */

static void ignored(int status, corral_grant *grant, void *arg)
{
    (void)status;
    (void)arg;
    corral_grant_free(grant);
}

static void contenders_are_listed_in_order(void)
{
    corral_lock *lock = open_lock(client, "/lock/list", CORRAL_LOCK_WRITE);
    corral_lock *reader = open_lock(other, "/lock/list", CORRAL_LOCK_READ);
    corral_lock_contender *all;
    corral_grant *grants[2];
    size_t count;

    REQUIRE_STATUS(corral_lock_list(lock, TESTING_PATIENCE_MS, &all, &count), CORRAL_OK);
    ASSERT_INT64(count, 0);
    corral_lock_contenders_free(all);
    grants[0] = locking_acquire(reader);
    grants[1] = locking_acquire(reader);
    ASSERT_STATUS(corral_lock_acquire_async(lock, CORRAL_FOREVER, ignored, NULL, NULL), CORRAL_OK);
    do {
        REQUIRE_STATUS(corral_lock_list(lock, TESTING_PATIENCE_MS, &all, &count), CORRAL_OK);
        if (count < 3) {
            corral_lock_contenders_free(all);
        }
    } while (count < 3);
    ASSERT_INT64(all[0].token, corral_grant_token(grants[0]));
    ASSERT_INT64(all[1].token, corral_grant_token(grants[1]));
    CU_ASSERT(all[0].holds && all[1].holds && !all[2].holds);
    CU_ASSERT(all[0].shared && all[1].shared && !all[2].shared);
    CU_ASSERT(all[0].sequence < all[1].sequence && all[1].sequence < all[2].sequence);
    CU_ASSERT_STRING_EQUAL(all[2].label, "tester");
    CU_ASSERT(all[0].session == all[1].session && all[1].session != all[2].session);
    corral_lock_contenders_free(all);
    locking_give_back(grants[0]);
    locking_give_back(grants[1]);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(reader), CORRAL_OK);
}

/* --- guarded changes --- */

static void guarded_changes_need_the_lock(void)
{
    corral_lock *lock = open_lock(client, "/lock/guard", CORRAL_LOCK_MUTEX);
    corral_grant *grant = locking_acquire(lock);
    corral_txn *txn;

    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_txn_create(txn, "/lock/guarded", "one", 3), CORRAL_OK);
    ASSERT_STATUS(corral_txn_check(txn, "/lock", CORRAL_VERSION_ANY), CORRAL_OK);
    ASSERT_STATUS(corral_txn_set(txn, "/lock/guarded", "two", 3, 0), CORRAL_OK);
    ASSERT_STATUS(corral_grant_multi(grant, txn, TESTING_PATIENCE_MS), CORRAL_OK);
    server_assert_znode("/lock/guarded", "two", __FILE__, __LINE__);
    ASSERT_STATUS(corral_grant_multi(grant, txn, TESTING_PATIENCE_MS), CORRAL_EEXIST);
    ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
    ASSERT_STATUS(corral_grant_multi(grant, txn, TESTING_PATIENCE_MS), CORRAL_ELOST);
    corral_grant_free(grant);
    corral_txn_free(txn);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {{"it is acquired and released", it_is_acquired_and_released},
                           {"nobody else gets it meanwhile", nobody_else_gets_it_meanwhile},
                           {"threads of one handle take turns", threads_of_one_handle_take_turns},
                           {"clients take turns", clients_take_turns},
                           {"handles without hand-offs take turns", handles_without_handoffs_take_turns},
                           {"who wants it again is last", who_wants_it_again_is_last},
                           {"readers share and writers do not", readers_share_and_writers_do_not},
                           {"readers come in among others", readers_come_in_among_others},
                           {"kinds do not mix", kinds_do_not_mix},
                           {"contenders are listed in order", contenders_are_listed_in_order},
                           {"guarded changes need the lock", guarded_changes_need_the_lock},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"lock", NULL, NULL, open_both, close_both, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

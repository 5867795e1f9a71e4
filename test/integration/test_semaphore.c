/** Semaphores: as many holders as there are permits, and nothing left behind. */
#include <corral/lock.h>

#include <pthread.h>
#include <stdatomic.h>
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

static corral_lock *open_semaphore(corral_client *of, const char *path, uint32_t permits, losses *into)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *lock = NULL;

    options.mode = CORRAL_LOCK_SEMAPHORE;
    options.permits = permits;
    options.on_lost = into != NULL ? losses_note : NULL;
    options.on_lost_arg = into;
    REQUIRE_STATUS(corral_lock_open(of, path, &options, &lock), CORRAL_OK);
    return lock;
}

static void there_are_as_many_as_permits(void)
{
    corral_lock *ours = open_semaphore(client, "/semaphore/two", 2, NULL);
    corral_lock *theirs = open_semaphore(other, "/semaphore/two", 2, NULL);
    corral_grant *one = locking_acquire(ours);
    corral_grant *two = locking_acquire(theirs);
    corral_grant *refused = NULL;

    CU_ASSERT(corral_grant_token(one) != corral_grant_token(two));
    CU_ASSERT(corral_grant_valid_ms(one) > 0 && corral_grant_valid_ms(two) > 0);
    ASSERT_STATUS(corral_lock_acquire(ours, 0, &refused), CORRAL_EBUSY);
    ASSERT_STATUS(locking_wait_in_vain(theirs), CORRAL_EBUSY);
    CU_ASSERT_PTR_NULL(refused);
    locking_give_back(one);
    one = locking_acquire(theirs);
    locking_give_back(one);
    locking_give_back(two);
    ASSERT_INT64(raw_count_below(server_raw(), "/semaphore/two/leases"), 0);
    ASSERT_STATUS(corral_lock_close(ours), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(theirs), CORRAL_OK);
}

static void permits_must_be_the_same_for_all(void)
{
    corral_lock *two = open_semaphore(client, "/semaphore/same", 2, NULL);
    corral_lock *three = open_semaphore(other, "/semaphore/same", 3, NULL);
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *mutex;
    corral_grant *grant = locking_acquire(two);
    corral_grant *refused = NULL;

    ASSERT_STATUS(corral_lock_acquire(three, TESTING_PATIENCE_MS, &refused), CORRAL_ECONFLICT);
    REQUIRE_STATUS(corral_lock_open(other, "/semaphore/same", &options, &mutex), CORRAL_OK);
    ASSERT_STATUS(corral_lock_acquire(mutex, TESTING_PATIENCE_MS, &refused), CORRAL_ECONFLICT);
    ASSERT_STATUS(corral_lock_close(mutex), CORRAL_OK);
    locking_give_back(grant);
    options.mode = CORRAL_LOCK_SEMAPHORE;
    ASSERT_STATUS(corral_lock_open(client, "/semaphore/same", &options, &mutex), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_close(two), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(three), CORRAL_OK);
}

/* Deleted by an operator, it may become another's, also for those who have used it before. */
static void permits_are_looked_at_each_time(void)
{
    corral_lock *two = open_semaphore(client, "/semaphore/anew", 2, NULL);
    corral_lock *three = open_semaphore(other, "/semaphore/anew", 3, NULL);
    corral_grant *refused = NULL;

    locking_give_back(locking_acquire(two));
    locking_give_back(locking_acquire(two));
    raw_delete_below(server_raw(), "/semaphore");
    locking_give_back(locking_acquire(three));
    ASSERT_STATUS(corral_lock_acquire(two, TESTING_PATIENCE_MS, &refused), CORRAL_ECONFLICT);
    ASSERT_STATUS(corral_lock_close(two), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(three), CORRAL_OK);
}

static void it_does_not_mix_with_other_locks(void)
{
    corral_lock *mutex = locking_open(client, "/semaphore/mixed", CORRAL_LOCK_MUTEX, NULL);
    corral_lock *semaphore = open_semaphore(other, "/semaphore/mixed", 2, NULL);
    corral_grant *grant = locking_acquire(mutex);
    corral_grant *refused = NULL;
    corral_lock_contender *list = NULL;
    size_t count;

    ASSERT_STATUS(corral_lock_acquire(semaphore, TESTING_PATIENCE_MS, &refused), CORRAL_ECONFLICT);
    ASSERT_STATUS(corral_lock_list(semaphore, TESTING_PATIENCE_MS, &list, &count), CORRAL_ECONFLICT);
    ASSERT_INT64(raw_count_below(server_raw(), "/semaphore/mixed"), 1); /* nothing that bothers others */
    locking_give_back(grant);
    grant = locking_acquire(mutex);
    locking_give_back(grant);
    ASSERT_STATUS(corral_lock_close(mutex), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(semaphore), CORRAL_OK);
}

/* --- who contends --- */

static corral_lock *open_labeled(corral_client *of, const char *path, const char *label)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *lock = NULL;

    options.mode = CORRAL_LOCK_SEMAPHORE;
    options.permits = 2;
    options.label = label;
    REQUIRE_STATUS(corral_lock_open(of, path, &options, &lock), CORRAL_OK);
    return lock;
}

enum { CONTENDERS = 6 };

/* Two hold, one waits with a lease, three stand behind it at the gate, two of them of sessions that hold. */
static void those_who_hold_and_those_who_wait_are_listed(void)
{
    static const char path[] = "/semaphore/listed";
    static const char *const labels[CONTENDERS] = {"one", "two", "three", "four", "five", "six"};
    corral_client *third = server_client(server_connect());
    corral_client *const clients[CONTENDERS] = {client, other, other, third, client, third};
    corral_lock *locks[CONTENDERS];
    corral_grant *grants[2];
    waiter waiters[CONTENDERS];
    corral_lock_contender *list;
    size_t count = 0;

    for (unsigned i = 0; i < CONTENDERS; i++) {
        locks[i] = open_labeled(clients[i], path, labels[i]);
    }
    REQUIRE_STATUS(corral_lock_list(locks[0], TESTING_PATIENCE_MS, &list, &count), CORRAL_OK);
    ASSERT_INT64(count, 0);
    corral_lock_contenders_free(list);
    grants[0] = locking_acquire(locks[0]);
    grants[1] = locking_acquire(locks[1]);
    ASSERT_BELOW_SOON("/semaphore/listed/locks", 0);
    for (int i = 2; i < CONTENDERS; i++) {
        locking_wait_for(&waiters[i], locks[i], CORRAL_FOREVER);
        ASSERT_BELOW_SOON("/semaphore/listed/locks", i - 1);
    }
    ASSERT_BELOW_SOON("/semaphore/listed/leases", 3);

    REQUIRE_STATUS(corral_lock_list(locks[5], TESTING_PATIENCE_MS, &list, &count), CORRAL_OK);
    REQUIRE(count == CONTENDERS);
    for (unsigned i = 0; i < CONTENDERS; i++) {
        CU_ASSERT_STRING_EQUAL(list[i].label, labels[i]);
        CU_ASSERT(list[i].shared);
        CU_ASSERT(list[i].holds == (i < 2));
    }
    ASSERT_INT64(list[0].token, corral_grant_token(grants[0]));
    ASSERT_INT64(list[1].token, corral_grant_token(grants[1]));
    CU_ASSERT(list[0].session == list[4].session && list[1].session == list[2].session &&
              list[3].session == list[5].session && list[3].session != list[4].session);
    corral_lock_contenders_free(list);

    for (unsigned i = 0; i < CONTENDERS; i++) {
        corral_grant *grant;

        if (i >= 2) {
            ASSERT_STATUS(locking_await(&waiters[i], &grant), CORRAL_OK);
        }
        locking_give_back(i < 2 ? grants[i] : grant);
    }
    for (unsigned i = 0; i < CONTENDERS; i++) {
        ASSERT_STATUS(corral_lock_close(locks[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_client_close(third), CORRAL_OK);
}

static void the_list_needs_the_right_number_of_permits(void)
{
    corral_lock *two = open_semaphore(client, "/semaphore/number", 2, NULL);
    corral_lock *three = open_semaphore(other, "/semaphore/number", 3, NULL);
    corral_lock *mutex = locking_open(other, "/semaphore/number", CORRAL_LOCK_MUTEX, NULL);
    corral_grant *grant = locking_acquire(two);
    corral_lock_contender *list = NULL;
    size_t count = 0;

    ASSERT_STATUS(corral_lock_list(three, TESTING_PATIENCE_MS, &list, &count), CORRAL_ECONFLICT);
    ASSERT_STATUS(corral_lock_list(mutex, TESTING_PATIENCE_MS, &list, &count), CORRAL_ECONFLICT);
    CU_ASSERT_PTR_NULL(list);
    ASSERT_STATUS(corral_lock_list(two, TESTING_PATIENCE_MS, &list, &count), CORRAL_OK);
    ASSERT_INT64(count, 1);
    corral_lock_contenders_free(list);
    locking_give_back(grant);
    ASSERT_STATUS(corral_lock_close(two), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(three), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(mutex), CORRAL_OK);
}

/* --- many --- */

enum { THREADS = 8, PERMITS = 3 };

static atomic_int inside;
static atomic_int most;
static atomic_int rounds;

static void *go_in_and_out(void *arg)
{
    corral_lock *lock = arg;
    corral_grant *grant;

    while (atomic_fetch_sub(&rounds, 1) > 0 &&
           corral_lock_acquire(lock, CORRAL_FOREVER, &grant) == CORRAL_OK) {
        int now = atomic_fetch_add(&inside, 1) + 1;
        int before = atomic_load(&most);

        while (now > before && !atomic_compare_exchange_weak(&most, &before, now)) {
        }
        atomic_fetch_sub(&inside, 1);
        corral_grant_free(grant);
    }
    return NULL;
}

static void never_more_than_permits_are_inside(void)
{
    corral_lock *locks[] = {open_semaphore(client, "/semaphore/many", PERMITS, NULL),
                            open_semaphore(other, "/semaphore/many", PERMITS, NULL)};
    pthread_t threads[THREADS];

    atomic_store(&rounds, (int)testing_scaled(400));
    for (unsigned i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, go_in_and_out, locks[i % 2]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    CU_ASSERT(atomic_load(&rounds) <= 0);
    CU_ASSERT(atomic_load(&most) >= 1 && atomic_load(&most) <= PERMITS);
    ASSERT_STATUS(corral_lock_close(locks[0]), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(locks[1]), CORRAL_OK);
}

static void who_is_cut_off_gives_its_permit_up(void)
{
    losses told;
    losses_open(&told);
    corral_lock *ours = open_semaphore(client, "/semaphore/expired", 1, &told);
    corral_lock *theirs = open_semaphore(other, "/semaphore/expired", 1, NULL);
    corral_grant *lost = locking_acquire(ours);
    corral_grant *grant;

    REQUIRE(server_expire(through));
    grant = locking_acquire(theirs);
    ASSERT_LOST(&told, lost, CORRAL_ELOST); /* its session was ended by others, so perhaps only now */
    CU_ASSERT(corral_grant_valid_ms(lost) <= 0);
    locking_give_back(grant);
    corral_grant_free(lost);
    ASSERT_STATUS(corral_lock_close(ours), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(theirs), CORRAL_OK);
    losses_close(&told);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {
        {"there are as many as permits", there_are_as_many_as_permits},
        {"permits must be the same for all", permits_must_be_the_same_for_all},
        {"permits are looked at each time", permits_are_looked_at_each_time},
        {"it does not mix with other locks", it_does_not_mix_with_other_locks},
        {"those who hold and those who wait are listed", those_who_hold_and_those_who_wait_are_listed},
        {"the list needs the right number of permits", the_list_needs_the_right_number_of_permits},
        {"never more than permits are inside", never_more_than_permits_are_inside},
        {"who is cut off gives its permit up", who_is_cut_off_gives_its_permit_up},
        CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"semaphore", NULL, NULL, open_both, close_both, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

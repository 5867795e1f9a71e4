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
    ASSERT_STATUS(corral_lock_acquire(theirs, 2000, &refused), CORRAL_EBUSY);
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

    ASSERT_STATUS(corral_lock_acquire(three, 1000, &refused), CORRAL_ECONFLICT);
    REQUIRE_STATUS(corral_lock_open(other, "/semaphore/same", &options, &mutex), CORRAL_OK);
    ASSERT_STATUS(corral_lock_acquire(mutex, 1000, &refused), CORRAL_ECONFLICT);
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
    CU_TestInfo tests[] = {{"there are as many as permits", there_are_as_many_as_permits},
                           {"permits must be the same for all", permits_must_be_the_same_for_all},
                           {"permits are looked at each time", permits_are_looked_at_each_time},
                           {"never more than permits are inside", never_more_than_permits_are_inside},
                           {"who is cut off gives its permit up", who_is_cut_off_gives_its_permit_up},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"semaphore", NULL, NULL, open_both, close_both, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

/** Several locks at once: all or none, and no circles. */
#include <corral/lock.h>

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "lib/locking.h"

enum { LOCKS = 3, THREADS = 4 };

static corral_client *other;
static corral_lock *ours[LOCKS];
static corral_lock *theirs[LOCKS];

static corral_lock *open_lock(corral_client *of, const char *path)
{
    corral_lock *lock = NULL;

    REQUIRE_STATUS(corral_lock_open(of, path, NULL, &lock), CORRAL_OK);
    return lock;
}

static void open_all(void)
{
    static const char *const paths[LOCKS] = {"/all/c", "/all/a", "/all/b"};

    fixture_open();
    other = server_client(server_connect());
    for (int i = 0; i < LOCKS; i++) {
        ours[i] = open_lock(client, paths[i]);
        theirs[i] = open_lock(other, paths[LOCKS - 1 - i]);
    }
}

static void close_all(void)
{
    for (int i = 0; i < LOCKS; i++) {
        ASSERT_STATUS(corral_lock_close(ours[i]), CORRAL_OK);
        ASSERT_STATUS(corral_lock_close(theirs[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_client_close(other), CORRAL_OK);
    fixture_close();
}

static void assert_nothing_is_left(void)
{
    /* What was given up is on its way. */
    for (int64_t until = testing_now_ms() + TESTING_PATIENCE_MS; testing_now_ms() < until;) {
        if (raw_count_below(server_raw(), "/all") == LOCKS) {
            return;
        }
    }
    CU_FAIL("a znode is left");
}

static void all_are_held_in_the_callers_order(void)
{
    corral_grant *grants[LOCKS];
    corral_grant *refused = NULL;

    REQUIRE_STATUS(corral_lock_acquire_all(ours, LOCKS, TESTING_PATIENCE_MS, grants), CORRAL_OK);
    for (int i = 0; i < LOCKS; i++) {
        corral_lock_contender *all = NULL;
        size_t count = 0;

        CU_ASSERT(corral_grant_valid_ms(grants[i]) > 0);
        ASSERT_STATUS(corral_lock_acquire(theirs[i], 0, &refused), CORRAL_EBUSY);
        REQUIRE_STATUS(corral_lock_list(ours[i], TESTING_PATIENCE_MS, &all, &count), CORRAL_OK);
        CU_ASSERT(count >= 1 && all[0].token == corral_grant_token(grants[i]));
        corral_lock_contenders_free(all);
    }
    for (int i = 0; i < LOCKS; i++) {
        locking_give_back(grants[i]);
    }
    assert_nothing_is_left();
}

static int acquire_all(void *locks, int64_t timeout_ms)
{
    corral_grant *grants[LOCKS] = {NULL};
    int status = corral_lock_acquire_all(locks, LOCKS, timeout_ms, grants);

    CU_ASSERT_PTR_NULL(grants[0]);
    return status;
}

static void none_is_held_if_one_is_not(void)
{
    corral_grant *one = NULL;

    REQUIRE_STATUS(corral_lock_acquire(theirs[0], TESTING_PATIENCE_MS, &one), CORRAL_OK);
    ASSERT_STATUS(acquire_all(ours, 0), CORRAL_EBUSY);
    ASSERT_STATUS(testing_wait_in_vain(acquire_all, ours), CORRAL_EBUSY);
    locking_give_back(one);
    assert_nothing_is_left();
}

static void bad_lists_are_refused(void)
{
    corral_lock *twice[] = {ours[0], ours[1], ours[0]};
    corral_lock *mixed[] = {ours[0], theirs[1]};
    corral_grant *grants[LOCKS];

    ASSERT_STATUS(corral_lock_acquire_all(twice, 3, 0, grants), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire_all(mixed, 2, 0, grants), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire_all(ours, 0, 0, grants), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire_all(NULL, 1, 0, grants), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire_all(ours, LOCKS, -2, grants), CORRAL_EINVAL);
    ASSERT_STATUS(corral_lock_acquire_all_async(ours, LOCKS, 0, NULL, NULL, NULL), CORRAL_EINVAL);
}

static unsigned unprotected[LOCKS];
static unsigned rounds;

static void *go_around(void *arg)
{
    corral_lock **locks = arg;
    int failure = CORRAL_OK;

    for (unsigned i = 0; i < rounds && failure == CORRAL_OK; i++) {
        corral_grant *grants[LOCKS];

        failure = corral_lock_acquire_all(locks, LOCKS, CORRAL_FOREVER, grants);
        for (int j = 0; j < LOCKS && failure == CORRAL_OK; j++) {
            unprotected[j]++;
            corral_grant_free(grants[j]);
        }
    }
    return failure == CORRAL_OK ? NULL : arg;
}

static void opposite_orders_do_not_deadlock(void)
{
    pthread_t threads[THREADS];

    rounds = testing_scaled(50);
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, go_around, i % 2 == 0 ? ours : theirs) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        CU_ASSERT_PTR_NULL(failed);
    }
    for (int i = 0; i < LOCKS; i++) {
        ASSERT_INT64(unprotected[i], THREADS * rounds);
    }
    assert_nothing_is_left();
}

static void note(int status, corral_grant *const *grants, void *arg)
{
    (void)grants;
    record_status(status, arg);
}

static void it_can_be_canceled(void)
{
    corral_grant *one = NULL;
    corral_op *op;
    recorder r;

    recorder_open(&r, 2);
    REQUIRE_STATUS(corral_lock_acquire(theirs[0], TESTING_PATIENCE_MS, &one), CORRAL_OK);
    REQUIRE_STATUS(corral_lock_acquire_all_async(ours, LOCKS, CORRAL_FOREVER, note, &r.records[0], &op),
                   CORRAL_OK);
    REQUIRE_STATUS(corral_lock_acquire_all_async(ours, LOCKS, CORRAL_FOREVER, note, &r.records[1], NULL),
                   CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    corral_op_unref(op);
    REQUIRE(recorder_wait(&r, 1));
    ASSERT_STATUS(recorder_get(&r, 0).status, CORRAL_ECANCELED);
    ASSERT_STATUS(corral_lock_close(ours[0]), CORRAL_OK);
    ours[0] = NULL;
    REQUIRE(recorder_wait(&r, 2));
    ASSERT_STATUS(recorder_get(&r, 1).status, CORRAL_ECLOSED);
    locking_give_back(one);
    assert_nothing_is_left();
    recorder_close(&r);
}

/* Until somebody waits for that lock, which is held. */
static void await_queue(corral_lock *lock)
{
    size_t count = 0;

    for (int64_t until = testing_now_ms() + TESTING_PATIENCE_MS; count < 2 && testing_now_ms() < until;) {
        corral_lock_contender *all = NULL;

        REQUIRE_STATUS(corral_lock_list(lock, TESTING_PATIENCE_MS, &all, &count), CORRAL_OK);
        corral_lock_contenders_free(all);
    }
    REQUIRE(count == 2);
}

static void drop(int status, corral_grant *grant, void *arg)
{
    (void)status;
    (void)arg;
    corral_grant_free(grant);
}

static void try_first(int status, corral_grant *const *grants, void *arg)
{
    /* In the order of their paths it is the first; nothing of this process is to be in its way. */
    int again = corral_lock_acquire_async(ours[1], 0, drop, NULL, NULL);

    (void)grants;
    record_status(status == CORRAL_ECANCELED ? again : status, arg);
}

static void none_is_held_when_its_end_is_told(void)
{
    corral_grant *one = NULL;
    corral_op *op;
    recorder r;

    recorder_open(&r, 1);
    REQUIRE_STATUS(corral_lock_acquire(theirs[0], TESTING_PATIENCE_MS, &one), CORRAL_OK);
    REQUIRE_STATUS(corral_lock_acquire_all_async(ours, LOCKS, CORRAL_FOREVER, try_first, &r.records[0], &op),
                   CORRAL_OK);
    await_queue(theirs[0]);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    corral_op_unref(op);
    REQUIRE(recorder_wait(&r, 1));
    ASSERT_STATUS(recorder_get(&r, 0).status, CORRAL_OK);
    locking_give_back(one);
    assert_nothing_is_left();
    recorder_close(&r);
}

static uint64_t operations(corral_client *of)
{
    corral_client_stats stats = {0};

    ASSERT_STATUS(corral_client_get_stats(of, &stats), CORRAL_OK);
    return stats.operations;
}

static void await_due(corral_client *of)
{
    struct pollfd polled = {.fd = corral_client_fd(of), .events = POLLIN};

    REQUIRE(poll(&polled, 1, TESTING_PATIENCE_MS) == 1);
}

static corral_client *late; /* its callbacks run in the test's loop, which is so */

/* Both deadlines have passed by the time that the last acquire's is told. */
static int acquire_late(void *both, int64_t timeout_ms)
{
    uint64_t before = operations(late);
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    int status;
    recorder r;

    recorder_open(&r, 1);
    REQUIRE_STATUS(corral_lock_acquire_all_async(both, 2, timeout_ms, note, &r.records[0], NULL), CORRAL_OK);
    await_due(late);
    CU_ASSERT(corral_client_dispatch(late) > 0); /* the first one is held, if that was soon enough */
    if (recorder_calls(&r) == 0) {
        await_due(late);
        while (operations(late) < before + 3 && testing_now_ms() < until) {
        }
        ASSERT_INT64(operations(late), before + 3);
        CU_ASSERT(corral_client_dispatch(late) > 0);
    }
    REQUIRE(recorder_wait(&r, 1));
    status = recorder_get(&r, 0).status;
    recorder_close(&r);
    return status;
}

static void a_late_loop_is_busy_still(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    corral_lock *locks[2];
    corral_grant *one = NULL;

    options.dispatch = CORRAL_DISPATCH_FD;
    late = server_client_with(server_connect(), options);
    locks[0] = open_lock(late, "/all/a");
    locks[1] = open_lock(late, "/all/b");
    REQUIRE_STATUS(corral_lock_acquire(theirs[0], TESTING_PATIENCE_MS, &one), CORRAL_OK);
    ASSERT_STATUS(testing_wait_in_vain(acquire_late, locks), CORRAL_EBUSY);
    ASSERT_STATUS(corral_lock_close(locks[0]), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(locks[1]), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(late), CORRAL_OK);
    locking_give_back(one);
    assert_nothing_is_left();
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {{"all are held in the caller's order", all_are_held_in_the_callers_order},
                           {"none is held if one is not", none_is_held_if_one_is_not},
                           {"bad lists are refused", bad_lists_are_refused},
                           {"opposite orders do not deadlock", opposite_orders_do_not_deadlock},
                           {"none is held when its end is told", none_is_held_when_its_end_is_told},
                           {"a late loop is busy still", a_late_loop_is_busy_still},
                           {"it can be canceled", it_can_be_canceled},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"lock all", NULL, NULL, open_all, close_all, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

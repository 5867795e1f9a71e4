/**
 * Locks as they are called: recursively, from callbacks, and after fork(); and
 * in what order their callbacks come.
 */
#include <corral/lock.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cond.h"
#include "lib/locking.h"

static corral_lock *lock;
static losses lost;
static char path[64]; /* each test's own */

static void setup(void)
{
    static unsigned number;

    snprintf(path, sizeof path, "/calls/%u", number++);
    fixture_open();
    losses_open(&lost);
    lock = locking_open(client, path, CORRAL_LOCK_MUTEX, &lost);
}

static void teardown(void)
{
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK);
    fixture_close();
    losses_close(&lost);
    ASSERT_BELOW_SOON(path, 0);
}

/* --- recursive --- */

static corral_lock *open_recursive(void)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *made = NULL;

    options.flags = CORRAL_LOCK_RECURSIVE;
    REQUIRE_STATUS(corral_lock_open(client, path, &options, &made), CORRAL_OK);
    return made;
}

static void *try_it(void *arg)
{
    corral_grant *grant = NULL;
    intptr_t status = corral_lock_acquire(arg, 0, &grant);

    corral_grant_free(grant);
    return (void *)status;
}

/* What a try of another thread comes to. */
static int elsewhere(corral_lock *of)
{
    pthread_t thread;
    void *status;

    REQUIRE(pthread_create(&thread, NULL, try_it, of) == 0);
    pthread_join(thread, &status);
    return (int)(intptr_t)status;
}

static void one_thread_gets_the_same_grant_again(void)
{
    corral_lock *again = open_recursive();
    corral_grant *first = locking_acquire(again), *second = NULL, *third = NULL;

    REQUIRE_STATUS(corral_lock_acquire(again, 0, &second), CORRAL_OK);
    REQUIRE_STATUS(corral_lock_acquire(again, CORRAL_FOREVER, &third), CORRAL_OK);
    CU_ASSERT(first == second && second == third);
    ASSERT_INT64(raw_count_below(server_raw(), path), 1);
    ASSERT_STATUS(elsewhere(again), CORRAL_EBUSY);
    ASSERT_STATUS(corral_lock_release(third), CORRAL_OK);
    corral_grant_free(third);
    corral_grant_free(second);
    CU_ASSERT(corral_grant_valid_ms(first) > 0);
    ASSERT_STATUS(elsewhere(again), CORRAL_EBUSY);
    ASSERT_STATUS(corral_lock_release_wait(first, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_INT64(raw_count_below(server_raw(), path), 0);
    ASSERT_INT64(corral_grant_valid_ms(first), INT64_MIN);
    ASSERT_STATUS(elsewhere(again), CORRAL_OK);
    second = locking_acquire(again);
    CU_ASSERT(second != first);
    locking_give_back(second);
    corral_grant_free(first);
    ASSERT_STATUS(corral_lock_close(again), CORRAL_OK);
}

/* A release_wait() that is not the last has nothing to wait for. */
static void releases_count_as_acquires_do(void)
{
    corral_lock *again = open_recursive();
    corral_grant *grant = locking_acquire(again), *same = NULL;

    REQUIRE_STATUS(corral_lock_acquire(again, 0, &same), CORRAL_OK);
    ASSERT_STATUS(corral_lock_release_wait(grant, TESTING_PATIENCE_MS), CORRAL_OK);
    CU_ASSERT(corral_grant_valid_ms(grant) > 0);
    ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
    ASSERT_INT64(corral_grant_valid_ms(grant), INT64_MIN);
    ASSERT_STATUS(corral_lock_release(grant), CORRAL_OK);
    corral_grant_free(grant);
    ASSERT_INT64(corral_grant_valid_ms(same), INT64_MIN);
    corral_grant_free(same);
    ASSERT_STATUS(corral_lock_close(again), CORRAL_OK);
}

enum { THREADS = 4, ROUNDS = 100 };

static unsigned unprotected; /* but by the lock */

static void *recur(void *arg)
{
    intptr_t failures = 0;

    for (unsigned i = 0; i < testing_scaled(ROUNDS); i++) {
        corral_grant *outer = NULL, *inner = NULL;

        failures += corral_lock_acquire(arg, CORRAL_FOREVER, &outer) != CORRAL_OK;
        failures += corral_lock_acquire(arg, 0, &inner) != CORRAL_OK || inner != outer;
        unprotected++;
        corral_grant_free(inner);
        unprotected++;
        corral_grant_free(outer);
    }
    return (void *)failures;
}

static void threads_recur(void)
{
    corral_lock *again = open_recursive();
    pthread_t threads[THREADS];

    unprotected = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, recur, again) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *failures;

        pthread_join(threads[i], &failures);
        ASSERT_INT64((intptr_t)failures, 0);
    }
    ASSERT_INT64(unprotected, 2 * THREADS * testing_scaled(ROUNDS));
    ASSERT_STATUS(corral_lock_close(again), CORRAL_OK);
}

/* --- from callbacks --- */

static struct {
    int statuses[6];
} said;

/* What waits is refused; what does not, works. */
static void call_from_callback(int status, corral_grant *grant, void *arg)
{
    corral_grant *another = NULL;
    corral_lock_contender *list = NULL;
    corral_txn *txn = arg;
    size_t count;

    said.statuses[0] = status;
    said.statuses[1] = corral_lock_acquire(lock, 0, &another);
    said.statuses[2] = corral_lock_release_wait(grant, CORRAL_FOREVER);
    said.statuses[3] = corral_grant_multi(grant, txn, CORRAL_FOREVER);
    said.statuses[4] = corral_lock_list(lock, CORRAL_FOREVER, &list, &count);
    said.statuses[5] = corral_grant_valid_ms(grant) > 0 ? CORRAL_OK : CORRAL_ELOST;
    corral_grant_free(grant);
}

static void callbacks_may_not_wait(void)
{
    corral_op *op = NULL;
    corral_txn *txn;

    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_txn_check(txn, "/calls", CORRAL_VERSION_ANY), CORRAL_OK);
    REQUIRE_STATUS(corral_lock_acquire_async(lock, CORRAL_FOREVER, call_from_callback, txn, &op), CORRAL_OK);
    REQUIRE_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    corral_op_unref(op);
    ASSERT_STATUS(said.statuses[0], CORRAL_OK);
    for (int i = 1; i <= 4; i++) {
        ASSERT_STATUS(said.statuses[i], CORRAL_EDEADLK);
    }
    ASSERT_STATUS(said.statuses[5], CORRAL_OK);
    corral_txn_free(txn);
}

/* --- the order of callbacks --- */

static struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    char entered[64]; /* a letter for each call, */
    char gates[8];    /* of which these wait */
} order = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int64_t valid_when_told; /* of the grant that was told last */

static void enter(const char *letter)
{
    pthread_mutex_lock(&order.mutex);
    order.entered[strlen(order.entered)] = *letter;
    pthread_cond_broadcast(&order.changed);
    while (strchr(order.gates, *letter) != NULL) {
        pthread_cond_wait(&order.changed, &order.mutex);
    }
    pthread_mutex_unlock(&order.mutex);
}

static void close_gates(const char *letters)
{
    pthread_mutex_lock(&order.mutex);
    memset(order.entered, 0, sizeof order.entered);
    snprintf(order.gates, sizeof order.gates, "%s", letters);
    pthread_mutex_unlock(&order.mutex);
}

/* The one of @letter, and those before it in the list. */
static void open_gate(char letter)
{
    pthread_mutex_lock(&order.mutex);
    char *rest = strchr(order.gates, letter);
    memmove(order.gates, rest + 1, strlen(rest));
    pthread_cond_broadcast(&order.changed);
    pthread_mutex_unlock(&order.mutex);
}

static void await_entered(char letter)
{
    pthread_mutex_lock(&order.mutex);
    while (strchr(order.entered, letter) == NULL) {
        pthread_cond_wait(&order.changed, &order.mutex);
    }
    pthread_mutex_unlock(&order.mutex);
}

static void told_end(int status, corral_grant *grant, void *letter)
{
    (void)status;
    corral_grant_free(grant);
    enter(letter);
}

static void told_grant(int status, corral_grant *grant, void *letter)
{
    (void)status;
    valid_when_told = corral_grant_valid_ms(grant);
    enter(letter);
}

static void told_loss(corral_grant *grant, int status, void *letter)
{
    (void)status;
    corral_grant_free(grant);
    enter(letter);
}

/* Have a callback come due that enters @letter. */
static void make_due(const char *letter)
{
    corral_op *op = NULL;

    REQUIRE_STATUS(corral_lock_acquire_async(lock, CORRAL_FOREVER, told_end, (void *)letter, &op), CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    corral_op_unref(op);
}

/* A handle of another lock, whose loss enters L. */
static corral_lock *open_losing(const char *where)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *made = NULL;

    options.label = "losing";
    options.on_lost = told_loss;
    options.on_lost_arg = (void *)"L";
    REQUIRE_STATUS(corral_lock_open(client, where, &options, &made), CORRAL_OK);
    return made;
}

/* Also before those callbacks that are due already, and taken together with one that runs. */
static void a_loss_is_told_before_all_that_is_due(void)
{
    corral_lock *losing = open_losing("/calls/losing");
    corral_grant *held = locking_acquire(lock), *grant = locking_acquire(losing);

    close_gates("ab");
    make_due("a");
    await_entered('a');
    make_due("b");
    make_due("c");
    open_gate('a');
    await_entered('b');
    ASSERT_INT64(locking_delete_labeled("/calls/losing", "losing"), 1);
    while (corral_grant_valid_ms(grant) != INT64_MIN) {
        usleep(1000);
    }
    open_gate('b');
    await_entered('c');
    await_entered('L');
    CU_ASSERT_STRING_EQUAL(order.entered, "abLc");
    locking_give_back(held);
    ASSERT_STATUS(corral_lock_close(losing), CORRAL_OK);
}

static uint64_t operations(void)
{
    corral_client_stats stats = {0};

    ASSERT_STATUS(corral_client_get_stats(client, &stats), CORRAL_OK);
    return stats.operations;
}

/* Who frees the grant in on_lost must have been given it: what is lost before is given, then lost. */
static void a_loss_is_told_after_the_grant(void)
{
    corral_lock *losing = open_losing("/calls/early");
    corral_grant *held = locking_acquire(lock);

    locking_give_back(locking_acquire(losing)); /* the directory is there */
    close_gates("a");
    make_due("a");
    await_entered('a');
    uint64_t before = operations();
    ASSERT_STATUS(corral_lock_acquire_async(losing, CORRAL_FOREVER, told_grant, (void *)"G", NULL),
                  CORRAL_OK);
    while (operations() == before) {
        usleep(1000);
    }
    ASSERT_STATUS(corral_lock_acquire_async(losing, CORRAL_FOREVER, told_end, (void *)"w", NULL), CORRAL_OK);
    ASSERT_INT64(locking_delete_labeled("/calls/early", "losing"), 1);
    ASSERT_BELOW_SOON("/calls/early", 1); /* the second one's: so the first knows */
    while (operations() < before + 2) {
        usleep(1000);
    }
    open_gate('a');
    await_entered('w');
    await_entered('L');
    CU_ASSERT_STRING_EQUAL(order.entered, "aGLw");
    ASSERT_INT64(valid_when_told, INT64_MIN);
    locking_give_back(held);
    ASSERT_STATUS(corral_lock_close(losing), CORRAL_OK);
}

/* --- after fork() --- */

/* In the child: the number of the first call that was not refused. */
static int call_everything(corral_grant *grant, const corral_txn *txn, corral_op *op)
{
    corral_lock *made = NULL;
    corral_grant *got = NULL;
    corral_op *submitted = NULL;
    corral_lock_contender *list = NULL;
    size_t count;
    const int statuses[] = {
        corral_lock_open(client, path, NULL, &made),
        corral_lock_acquire(lock, CORRAL_FOREVER, &got),
        corral_lock_acquire_async(lock, CORRAL_FOREVER, told_end, (void *)"f", &submitted),
        corral_lock_list(lock, CORRAL_FOREVER, &list, &count),
        corral_grant_multi(grant, txn, CORRAL_FOREVER),
        corral_grant_multi_async(grant, txn, CORRAL_FOREVER, NULL, NULL, &submitted),
        corral_op_cancel(op),
        corral_lock_release(grant),
        corral_lock_release_wait(grant, CORRAL_FOREVER),
        corral_lock_close(lock),
    };

    for (int i = 0; i < (int)(sizeof statuses / sizeof *statuses); i++) {
        if (statuses[i] != CORRAL_EFORK) {
            printf("call %d is %s ", i, corral_status_name(statuses[i]));
            return i + 1;
        }
    }
    if (corral_grant_valid_ms(grant) != INT64_MIN) {
        return 100;
    }
    corral_grant_free(grant);
    return 0;
}

static void a_child_can_do_nothing(void)
{
    corral_grant *grant = locking_acquire(lock);
    corral_txn *txn;
    waiter w;
    int status = -1;

    REQUIRE_STATUS(corral_txn_new(&txn), CORRAL_OK);
    ASSERT_STATUS(corral_txn_check(txn, "/calls", CORRAL_VERSION_ANY), CORRAL_OK);
    locking_wait_for(&w, lock, CORRAL_FOREVER);
    pid_t child = fork();
    if (child == 0) {
        _exit(call_everything(grant, txn, w.op));
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CU_ASSERT(WIFEXITED(status));
    ASSERT_INT64(WEXITSTATUS(status), 0);
    CU_ASSERT_FALSE(locking_has_ended(&w));
    CU_ASSERT(corral_grant_valid_ms(grant) > 0);
    ASSERT_STATUS(corral_grant_multi(grant, txn, TESTING_PATIENCE_MS), CORRAL_OK);
    corral_grant_free(grant);
    ASSERT_STATUS(locking_await(&w, &grant), CORRAL_OK);
    locking_give_back(grant);
    corral_txn_free(txn);
}

/* A callback that goes on until a call of another thread has returned. */
typedef struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    bool running;
    bool returned;
    bool in_time;
} long_callback;

static void go_on(int status, corral_grant *grant, void *arg)
{
    long_callback *own = arg;
    struct timespec until = cond_deadline(TESTING_PATIENCE_MS);

    (void)status;
    corral_grant_free(grant);
    pthread_mutex_lock(&own->mutex);
    own->running = true;
    pthread_cond_broadcast(&own->changed);
    while (!own->returned && pthread_cond_timedwait(&own->changed, &own->mutex, &until) == 0) {
    }
    own->in_time = own->returned;
    pthread_mutex_unlock(&own->mutex);
}

static void a_list_waits_for_no_callback(void)
{
    long_callback own = {.running = false};
    corral_lock_contender *all = NULL;
    size_t count = 0;

    pthread_mutex_init(&own.mutex, NULL);
    cond_init(&own.changed);
    REQUIRE_STATUS(corral_lock_acquire_async(lock, CORRAL_FOREVER, go_on, &own, NULL), CORRAL_OK);
    pthread_mutex_lock(&own.mutex);
    while (!own.running) {
        pthread_cond_wait(&own.changed, &own.mutex);
    }
    pthread_mutex_unlock(&own.mutex);
    ASSERT_STATUS(corral_lock_list(lock, CORRAL_FOREVER, &all, &count), CORRAL_OK);
    corral_lock_contenders_free(all);
    pthread_mutex_lock(&own.mutex);
    own.returned = true;
    pthread_cond_broadcast(&own.changed);
    pthread_mutex_unlock(&own.mutex);
    ASSERT_STATUS(corral_lock_close(lock), CORRAL_OK); /* waits for the callback */
    lock = NULL;
    CU_ASSERT(own.in_time);
    pthread_cond_destroy(&own.changed);
    pthread_mutex_destroy(&own.mutex);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {
        {"one thread gets the same grant again", one_thread_gets_the_same_grant_again},
        {"releases count as acquires do", releases_count_as_acquires_do},
        {"threads recur", threads_recur},
        {"callbacks may not wait", callbacks_may_not_wait},
        {"a loss is told before all that is due", a_loss_is_told_before_all_that_is_due},
        {"a loss is told after the grant", a_loss_is_told_after_the_grant},
        {"a list waits for no callback", a_list_waits_for_no_callback},
        {"a child can do nothing", a_child_can_do_nothing},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"lock calls", NULL, NULL, setup, teardown, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

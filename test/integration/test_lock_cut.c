/**
 * A holder whose server is cut off from the others, and does not know: it goes
 * on answering the holder, while the others end its session and give the lock
 * away. The holder must know before, by its own clock.
 *
 * CORRAL_TEST_CUTS says how often; all is measured on one clock.
 */
#include <corral/lock.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/locking.h"
#include "torture/split.h"

/* A server that hears nothing of its leader gives up after ten ticks: long after the session has ended. */
enum { TICK_MS = 2000, SESSION_MS = 4000, CUTS = 3, POLL_US = 1000 };
enum { SURELY_ANSWERS_MS = 5 * TICK_MS };

#define PATH "/cut/lock"

/* The holder's validity, as it says itself. */
static struct {
    corral_grant *grant;
    atomic_bool stop;
    atomic_llong invalid_at; /* 0: not yet */
} watched;

static void *watch_validity(void *arg)
{
    while (!atomic_load(&watched.stop)) {
        int64_t before = testing_now_ms();

        if (corral_grant_valid_ms(watched.grant) <= 0 && atomic_load(&watched.invalid_at) == 0) {
            atomic_store(&watched.invalid_at, before);
        }
        usleep(POLL_US);
    }
    return arg;
}

/* Until the cut-off one is one of them again. */
static void mend(int node)
{
    char error[256] = "";

    links_cut(network, node, false);
    CU_ASSERT(dev_wait_serving(ensemble, error, sizeof error) == 0);
}

/* The times of one cut, since it was made. */
typedef struct {
    int64_t invalid, told, taken;
    bool answered; /* even then the holder's server answered reads */
} times;

static void note_answer(int code, const struct Stat *stat, const void *answer)
{
    (void)stat;
    atomic_store((atomic_int *)answer, code == ZOK || code == ZNONODE ? 1 : -1);
}

/* Does the server answer a read of @r, who asks for nothing else? Behind a change it would wait for that. */
static bool answers(raw *r)
{
    static atomic_int answer; /* static: it may come later */
    int64_t until = testing_now_ms() + SESSION_MS / 4;

    atomic_store(&answer, 0);
    if (zoo_aexists(raw_handle(r), PATH, 0, note_answer, &answer) != ZOK) {
        return false;
    }
    while (atomic_load(&answer) == 0 && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    return atomic_load(&answer) == 1;
}

static times cut_off(raw *beside, corral_lock *ours, corral_lock *theirs, losses *lost, int node)
{
    corral_grant *next = NULL;
    pthread_t watcher;
    times result;

    watched.grant = locking_acquire(ours);
    atomic_store(&watched.stop, false);
    atomic_store(&watched.invalid_at, 0);
    REQUIRE(pthread_create(&watcher, NULL, watch_validity, NULL) == 0);
    links_cut(network, node, true);
    int64_t start = testing_now_ms();
    REQUIRE_STATUS(corral_lock_acquire(theirs, TESTING_PATIENCE_MS, &next), CORRAL_OK);
    result.taken = testing_now_ms() - start;
    result.answered = answers(beside);
    CU_ASSERT(corral_grant_token(next) > corral_grant_token(watched.grant));
    ASSERT_LOST(lost, watched.grant, CORRAL_ELOST);
    result.told = lost->at_ms - start;
    atomic_store(&watched.stop, true);
    pthread_join(watcher, NULL);
    result.invalid = atomic_load(&watched.invalid_at) - start;
    corral_grant_free(watched.grant);
    corral_grant_free(next);
    return result;
}

/* One cut. Returns how long before the other got the lock the holder knew. */
static int64_t cut_once(void)
{
    int node = (split_leader() + 1) % SPLIT_NODES;
    corral_client *holder = split_client(node, SESSION_MS),
                  *contender = split_client(split_leader(), SESSION_MS);
    char server[32];
    losses lost;

    losses_open(&lost);
    corral_lock *ours = locking_open(holder, PATH, CORRAL_LOCK_MUTEX, &lost);
    corral_lock *theirs = locking_open(contender, PATH, CORRAL_LOCK_MUTEX, NULL);
    locking_give_back(locking_acquire(theirs)); /* it is connected */
    snprintf(server, sizeof server, "127.0.0.1:%d", dev_port(ensemble, node));
    raw *beside = raw_open(server);
    REQUIRE(beside != NULL);
    times seen = cut_off(beside, ours, theirs, &lost, node);
    CU_ASSERT(seen.invalid < seen.taken);
    CU_ASSERT(seen.told < seen.taken);
    CU_ASSERT(seen.answered || seen.taken > SURELY_ANSWERS_MS); /* else it was another fault */
    mend(node);
    raw_close(beside);
    ASSERT_STATUS(corral_lock_close(ours), CORRAL_OK);
    ASSERT_STATUS(corral_lock_close(theirs), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(holder), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(contender), CORRAL_OK);
    losses_close(&lost);
    int64_t knew = seen.invalid > seen.told ? seen.invalid : seen.told;
    printf(
        "\n    invalid after %lld ms, told after %lld, the other's after %lld: margin %lld; its server %s ",
        (long long)seen.invalid, (long long)seen.told, (long long)seen.taken, (long long)(seen.taken - knew),
        seen.answered ? "still answered" : "was silent");
    return seen.taken - knew;
}

static void the_holder_knows_first(void)
{
    const char *text = getenv("CORRAL_TEST_CUTS");
    int cuts = text == NULL ? CUTS : atoi(text);
    int64_t least = INT64_MAX;

    for (int i = 0; i < cuts; i++) {
        int64_t margin = cut_once();

        least = margin < least ? margin : least;
    }
    printf("\n    least margin of %d: %lld ms ", cuts, (long long)least);
}

static int start(void)
{
    return split_open(TICK_MS);
}

static int stop(void)
{
    split_close();
    return 0;
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {{"the holder knows first", the_holder_knows_first}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"lock cut", start, stop, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    return testing_run(argc, argv, suites);
}

#include "lib/locking.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cond.h"

#define POLL_US 2000

/* --- losses --- */

void losses_open(losses *l)
{
    *l = (losses){.status = 1};
    pthread_mutex_init(&l->mutex, NULL);
    cond_init(&l->changed);
}

void losses_close(losses *l)
{
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mutex);
}

void losses_note(corral_grant *grant, int status, void *arg)
{
    losses *l = arg;
    int64_t valid_ms = corral_grant_valid_ms(grant);

    pthread_mutex_lock(&l->mutex);
    bool freeing = l->freeing;
    pthread_mutex_unlock(&l->mutex);
    if (freeing) {
        corral_grant_free(grant);
    }
    pthread_mutex_lock(&l->mutex);
    l->calls++;
    l->status = status;
    l->grant = grant;
    l->valid_ms = valid_ms;
    l->at_ms = testing_now_ms();
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
}

bool losses_wait(losses *l, unsigned count)
{
    struct timespec until = cond_deadline(TESTING_PATIENCE_MS);
    bool in_time = true;

    pthread_mutex_lock(&l->mutex);
    while (in_time && l->calls < count) {
        in_time = pthread_cond_timedwait(&l->changed, &l->mutex, &until) == 0;
    }
    bool reached = l->calls >= count;
    pthread_mutex_unlock(&l->mutex);
    return reached;
}

unsigned losses_count(losses *l)
{
    pthread_mutex_lock(&l->mutex);
    unsigned calls = l->calls;
    pthread_mutex_unlock(&l->mutex);
    return calls;
}

void losses_assert(losses *l, const corral_grant *grant, int status, const char *file, unsigned line)
{
    bool told = losses_wait(l, 1);

    CU_assertImplementation(told ? CU_TRUE : CU_FALSE, line, "on_lost is called", file, "", CU_FALSE);
    pthread_mutex_lock(&l->mutex);
    testing_assert_int64(l->calls, 1, "calls of on_lost", file, line);
    testing_assert_status(l->status, status, "on_lost's status", file, line);
    testing_assert_int64(l->valid_ms, INT64_MIN, "valid_ms in on_lost", file, line);
    CU_assertImplementation(l->grant == grant ? CU_TRUE : CU_FALSE, line, "on_lost's grant", file, "",
                            CU_FALSE);
    pthread_mutex_unlock(&l->mutex);
}

/* --- handles and grants --- */

corral_lock *locking_open(corral_client *of, const char *path, corral_lock_mode mode, losses *into)
{
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    corral_lock *lock = NULL;

    options.mode = mode;
    options.label = "ours";
    options.on_lost = into == NULL ? NULL : losses_note;
    options.on_lost_arg = into;
    REQUIRE_STATUS(corral_lock_open(of, path, &options, &lock), CORRAL_OK);
    return lock;
}

corral_grant *locking_acquire(corral_lock *lock)
{
    corral_grant *grant = NULL;

    REQUIRE_STATUS(corral_lock_acquire(lock, TESTING_PATIENCE_MS, &grant), CORRAL_OK);
    return grant;
}

static int acquire(void *lock, int64_t timeout_ms)
{
    corral_grant *grant = NULL;
    int status = corral_lock_acquire(lock, timeout_ms, &grant);

    CU_ASSERT_EQUAL(grant != NULL, status == CORRAL_OK);
    corral_grant_free(grant);
    return status;
}

int locking_wait_in_vain(corral_lock *lock)
{
    return testing_wait_in_vain(acquire, lock);
}

void locking_give_back(corral_grant *grant)
{
    ASSERT_STATUS(corral_lock_release_wait(grant, TESTING_PATIENCE_MS), CORRAL_OK);
    corral_grant_free(grant);
}

/* --- in the background --- */

static void acquired(int status, corral_grant *grant, void *arg)
{
    waiter *w = arg;

    pthread_mutex_lock(&w->mutex);
    w->calls++;
    w->status = status;
    w->grant = grant;
    pthread_cond_broadcast(&w->ended);
    pthread_mutex_unlock(&w->mutex);
}

void locking_wait_for(waiter *w, corral_lock *lock, int64_t timeout_ms)
{
    *w = (waiter){.status = 1};
    pthread_mutex_init(&w->mutex, NULL);
    cond_init(&w->ended);
    REQUIRE_STATUS(corral_lock_acquire_async(lock, timeout_ms, acquired, w, &w->op), CORRAL_OK);
}

bool locking_has_ended(waiter *w)
{
    pthread_mutex_lock(&w->mutex);
    bool ended = w->calls > 0;
    pthread_mutex_unlock(&w->mutex);
    return ended;
}

int locking_await(waiter *w, corral_grant **ret_grant)
{
    REQUIRE_STATUS(corral_op_wait(w->op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_INT64(w->calls, 1);
    ASSERT_STATUS(corral_op_status(w->op), w->status);
    CU_ASSERT((w->grant != NULL) == (w->status == CORRAL_OK));
    if (ret_grant != NULL) {
        *ret_grant = w->grant;
    }
    corral_op_unref(w->op);
    pthread_cond_destroy(&w->ended);
    pthread_mutex_destroy(&w->mutex);
    return w->status;
}

/* --- what is at the server --- */

/* Without looking at them: they may be unreadable. -1: not even the directory can be read. */
static int count_below(const char *path)
{
    struct String_vector names;
    int result = raw_children(server_raw(), path, &names);
    int count = result == ZOK ? names.count : -1;

    if (result == ZOK) {
        deallocate_String_vector(&names);
    }
    return result == ZNONODE ? 0 : count;
}

void locking_assert_below(const char *path, int count, const char *file, unsigned line)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    int found;

    while ((found = count_below(path)) != count && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    testing_assert_int64(found, count, path, file, line);
}

unsigned locking_delete_labeled(const char *path, const char *label)
{
    struct String_vector names;
    unsigned deleted = 0;

    REQUIRE(raw_children(server_raw(), path, &names) == ZOK);
    for (int i = 0; i < names.count; i++) {
        char node[512], data[64] = "";

        snprintf(node, sizeof node, "%s/%s", path, names.data[i]);
        if (raw_get(server_raw(), node, data, sizeof data, NULL) == ZOK && strcmp(data, label) == 0) {
            deleted += raw_delete(server_raw(), node) == ZOK;
        }
    }
    deallocate_String_vector(&names);
    return deleted;
}

bool locking_changes_below(const wire_request *request, void *path)
{
    return wire_changes_below(request, path);
}

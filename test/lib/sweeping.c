#include "lib/sweeping.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sweep.h"

/* --- what sweeping clients say of their rounds --- */

static struct {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    unsigned counts[SAYINGS];
} said = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void note(corral_log_level level, const char *message, void *arg)
{
    static const char *const words[] = {"sweep: deleted", "sweep: not due", "is left alone", "given up"};

    (void)level;
    (void)arg;
    if (strstr(message, "corral: sweep: ") == NULL) {
        return;
    }
    pthread_mutex_lock(&said.mutex);
    for (int i = 0; i < SAYINGS; i++) {
        said.counts[i] += strstr(message, words[i]) != NULL;
    }
    pthread_cond_broadcast(&said.changed);
    pthread_mutex_unlock(&said.mutex);
}

unsigned sweeping_said(saying what)
{
    pthread_mutex_lock(&said.mutex);
    unsigned count = said.counts[what];
    pthread_mutex_unlock(&said.mutex);
    return count;
}

void sweeping_await(saying what, unsigned count)
{
    struct timespec until;
    int error = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TESTING_PATIENCE_MS / 1000;
    pthread_mutex_lock(&said.mutex);
    while (said.counts[what] < count && error == 0) {
        error = pthread_cond_timedwait(&said.changed, &said.mutex, &until);
    }
    pthread_mutex_unlock(&said.mutex);
    REQUIRE(error == 0);
}

/* The one under way may have begun before. */
void sweeping_await_rounds(unsigned count)
{
    sweeping_await(SWEPT, sweeping_said(SWEPT) + count + 1);
}

corral_client_options sweeping_options(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.log_cb = note;
    options.log_level = CORRAL_LOG_DEBUG;
    return options;
}

/* --- the client --- */

void sweeping_open(void)
{
    fixture_open_proxy();
    memset(said.counts, 0, sizeof said.counts);
    if (raw_exists(server_raw(), "/corral", NULL) == ZOK) {
        REQUIRE(raw_delete_below(server_raw(), "/corral") == ZOK);
    }
}

void sweeping_close(void)
{
    int64_t value = -1;

    if (client != NULL) {
        ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value),
                      CORRAL_OK);
        sweeping_assert_add(counter, value + 1);
    }
    fixture_close();
    corrali_sweep_configure(0, 0);
}

void sweeping_begin(int64_t age_ms, int64_t interval_ms)
{
    corrali_sweep_configure(age_ms, interval_ms);
    client = server_client_with(proxy_servers(through), sweeping_options());
    counter = fixture_counter("/sweep/own");
    REQUIRE_STATUS(corral_counter_set(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
}

/* --- counters and znodes --- */

void sweeping_assert_add(corral_counter *to, int64_t expected)
{
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_add(to, 1, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

bool sweeping_exists(const char *path)
{
    return raw_exists(server_raw(), path, NULL) == ZOK;
}

void sweeping_await_gone(const char *path)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;

    while (raw_exists(server_raw(), path, NULL) == ZOK && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    CU_ASSERT_EQUAL(raw_exists(server_raw(), path, NULL), ZNONODE);
}

void sweeping_make_crashed(const char *directory, int lanes)
{
    char path[128];

    REQUIRE(raw_create(server_raw(), directory, "", 0) == ZOK);
    for (int i = 0; i < lanes; i++) {
        snprintf(path, sizeof path, "%s/%d", directory, i);
        REQUIRE(raw_create(server_raw(), path, "1", 1) == ZOK);
    }
}

bool sweeping_find_writer(char *ret_path, size_t size)
{
    struct String_vector names = {0};
    bool found = raw_children(server_raw(), WRITERS, &names) == ZOK && names.count == 1;

    if (found) {
        snprintf(ret_path, size, WRITERS "/%s", names.data[0]);
    }
    deallocate_String_vector(&names);
    return found;
}

/* --- on the proxy's thread --- */

void sweeping_ignore_connections(void *arg)
{
    proxy_admit(arg, PROXY_IGNORE);
}

static const char *spied; /* the request must change this, or what is below */
static const char *touched;
static const char *made;
static atomic_uint seen;
static raw *hooks; /* for the proxy's thread */

static bool spy(const wire_request *request, void *arg)
{
    (void)arg;
    if (spied != NULL && !wire_changes_below(request, spied)) {
        return false;
    }
    if (touched != NULL) {
        (void)raw_set(hooks, touched, "x", 1);
    }
    if (made != NULL) {
        (void)raw_create(hooks, made, "", 0);
    }
    atomic_fetch_add(&seen, 1);
    return false; /* nothing is cut */
}

void sweeping_interfere(const char *path, const char *touch, const char *make)
{
    proxy_rule rule = {.match = spy};

    hooks = hooks == NULL ? raw_open(server_connect()) : hooks;
    REQUIRE(hooks != NULL);
    spied = path;
    touched = touch;
    made = make;
    atomic_store(&seen, 0);
    proxy_cut(through, PROXY_BEFORE, &rule);
}

unsigned sweeping_interfered(void)
{
    return atomic_load(&seen);
}

void sweeping_stop_interfering(void)
{
    proxy_cut(through, PROXY_BEFORE, NULL);
    raw_close(hooks);
    hooks = NULL;
}

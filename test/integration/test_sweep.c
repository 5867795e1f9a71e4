/**
 * The lane sweep: what crashed clients left goes when it is old, by one client
 * for all; what belongs to a living one stays, whatever happens in between.
 */
#include <corral/counter.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "lib/server.h"
#include "sweep.h"

#define WRITERS "/corral/writers"
#define MARK "/corral/sweep"
/* Of a client that never was: as one that crashed leaves it. */
#define CRASHED WRITERS "/0123456789abcdef0123456789abcdef"

enum { HOUR_MS = 3600000, SOON_MS = 64, POLL_US = 2000 };

static proxy *through;
static corral_client *sweeper;
static corral_counter *counter;
static raw *hooks; /* the proxy thread's */

/* --- what a sweeping client says of its rounds --- */

typedef enum { SWEPT, NOT_DUE, LEFT_ALONE, GIVEN_UP, SAYINGS } saying;

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

static unsigned times_said(saying what)
{
    pthread_mutex_lock(&said.mutex);
    unsigned count = said.counts[what];
    pthread_mutex_unlock(&said.mutex);
    return count;
}

static void await(saying what, unsigned count)
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

/* Until @count whole rounds have been made from now on. The one under way may have begun before. */
static void await_rounds(unsigned count)
{
    await(SWEPT, times_said(SWEPT) + count + 1);
}

/* --- clients --- */

static corral_client *open_client(const char *servers, corral_client_options options)
{
    corral_client *made = NULL;

    options.session_timeout_ms = SERVER_SESSION_MS;
    REQUIRE_STATUS(corral_client_open(servers, &options, &made), CORRAL_OK);
    return made;
}

static corral_client_options heard(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.log_cb = note;
    options.log_level = CORRAL_LOG_DEBUG;
    return options;
}

static corral_counter *open_counter(corral_client *client, const char *path)
{
    corral_counter *made = NULL;

    REQUIRE_STATUS(corral_counter_open(client, path, NULL, &made), CORRAL_OK);
    return made;
}

static void assert_add(corral_counter *to, int64_t expected)
{
    int64_t value = -1;

    ASSERT_STATUS(corral_counter_add(to, 1, CORRAL_FOREVER, &value), CORRAL_OK);
    ASSERT_INT64(value, expected);
}

/* Begin sweeping what is @age_ms old every @interval_ms, behind the proxy. */
static void begin(int64_t age_ms, int64_t interval_ms)
{
    corrali_sweep_configure(age_ms, interval_ms);
    sweeper = open_client(proxy_servers(through), heard());
    counter = open_counter(sweeper, "/sweep/own");
    REQUIRE_STATUS(corral_counter_set(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
}

static void setup(void)
{
    through = proxy_open(server_connect());
    REQUIRE(through != NULL);
    memset(said.counts, 0, sizeof said.counts);
    if (raw_exists(server_raw(), "/corral", NULL) == ZOK) {
        REQUIRE(raw_delete_below(server_raw(), "/corral") == ZOK);
    }
}

/* The sweeper has counted exactly, as a client does. */
static void close_sweeper(void)
{
    int64_t value = -1;

    if (sweeper != NULL) {
        ASSERT_STATUS(corral_counter_get(counter, CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value),
                      CORRAL_OK);
        assert_add(counter, value + 1);
    }
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(sweeper), CORRAL_OK);
    sweeper = NULL;
}

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    close_sweeper();
    corrali_sweep_configure(0, 0);
    proxy_close(through);
}

/* --- znodes --- */

static void await_gone(const char *path)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;

    while (raw_exists(server_raw(), path, NULL) == ZOK && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    CU_ASSERT_EQUAL(raw_exists(server_raw(), path, NULL), ZNONODE);
}

static void make_crashed(const char *directory, int lanes)
{
    char path[128];

    REQUIRE(raw_create(server_raw(), directory, "", 0) == ZOK);
    for (int i = 0; i < lanes; i++) {
        snprintf(path, sizeof path, "%s/%d", directory, i);
        REQUIRE(raw_create(server_raw(), path, "1", 1) == ZOK);
    }
}

static bool exists(const char *path)
{
    return raw_exists(server_raw(), path, NULL) == ZOK;
}

/* The directory of the one writer there is; false: there is none, or several. */
static bool find_writer(char *ret_path, size_t size)
{
    struct String_vector names = {0};
    bool found = raw_children(server_raw(), WRITERS, &names) == ZOK && names.count == 1;

    if (found) {
        snprintf(ret_path, size, WRITERS "/%s", names.data[0]);
    }
    deallocate_String_vector(&names);
    return found;
}

/* Until the server's calendar has gone on by @ms. */
static void let_server_time_pass(int64_t ms)
{
    struct Stat before, now;

    server_put("/sweep-clock", "");
    REQUIRE(raw_exists(server_raw(), "/sweep-clock", &before) == ZOK);
    do {
        usleep(POLL_US);
        server_put("/sweep-clock", "");
        REQUIRE(raw_exists(server_raw(), "/sweep-clock", &now) == ZOK);
    } while (now.mtime < before.mtime + ms);
}

/* --- crashed clients --- */

enum { VICTIM_LANES = 5 };

/* The other process: takes some lanes, says so, and waits to be killed. */
static int be_victim(const char *servers)
{
    corral_client *client = NULL;
    corral_op *ops[VICTIM_LANES] = {NULL};

    if (corral_client_open(servers, NULL, &client) != CORRAL_OK) {
        return 1;
    }
    for (int i = 0; i < VICTIM_LANES; i++) {
        corral_counter *each = NULL;
        char path[64];

        snprintf(path, sizeof path, "/victim-%d", i);
        if (corral_counter_open(client, path, NULL, &each) != CORRAL_OK ||
            corral_counter_add_async(each, 1, CORRAL_FOREVER, NULL, NULL, &ops[i]) != CORRAL_OK) {
            return 1;
        }
    }
    for (int i = 0; i < VICTIM_LANES; i++) {
        if (corral_op_wait(ops[i], TESTING_PATIENCE_MS) != CORRAL_OK) {
            return 1;
        }
    }
    if (write(STDOUT_FILENO, "r", 1) != 1) {
        return 1;
    }
    for (;;) {
        pause();
    }
}

/* Start it behind @victims, and kill it when it has its lanes. */
static void kill_a_client(proxy *victims)
{
    int ends[2];
    char letter = 0;
    pid_t child;

    REQUIRE(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        alarm(TESTING_PATIENCE_MS / 1000);
        execl("/proc/self/exe", "victim", "--victim", proxy_servers(victims), (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    REQUIRE(child > 0 && read(ends[0], &letter, 1) == 1);
    close(ends[0]);
    REQUIRE(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
}

static void what_a_killed_client_left_is_swept(void)
{
    proxy *victims = proxy_open(server_connect());
    char path[128];

    REQUIRE(victims != NULL);
    kill_a_client(victims);
    REQUIRE(find_writer(path, sizeof path));
    CU_ASSERT(raw_count_below(server_raw(), path) >= 2); /* LIVE and lanes */
    begin(1, SOON_MS);
    await_rounds(2);
    CU_ASSERT(exists(path)); /* its session still lives */
    REQUIRE(server_expire(victims));
    await_gone(path);
    proxy_close(victims);
    /* The sweeper is the one that is left, with its sign of life and its lane. */
    REQUIRE(find_writer(path, sizeof path));
    ASSERT_INT64(raw_count_below(server_raw(), path), 2);
    assert_add(counter, 1);
}

static void an_empty_directory_is_swept_too(void)
{
    make_crashed(CRASHED, 0);
    begin(1, SOON_MS);
    await_gone(CRASHED);
}

static void many_are_swept_in_one_round(void)
{
    enum { MANY = 30 };

    for (int i = 0; i < MANY; i++) {
        char path[128];

        snprintf(path, sizeof path, WRITERS "/%032x", i);
        make_crashed(path, i % 4);
    }
    begin(1, SOON_MS);
    await(SWEPT, 1);
    ASSERT_INT64(raw_count_below(server_raw(), WRITERS), 3);
}

static void what_is_young_is_left(void)
{
    make_crashed(CRASHED, 2);
    begin(HOUR_MS, SOON_MS);
    await_rounds(1);
    ASSERT_INT64(raw_count_below(server_raw(), CRASHED), 2);
    ASSERT_INT64(times_said(LEFT_ALONE), 0);
    corrali_sweep_configure(1, SOON_MS);
    await_gone(CRASHED);
}

static void what_is_not_ours_is_left(void)
{
    make_crashed(CRASHED, 1);
    make_crashed(WRITERS "/nobody", 1);
    make_crashed(WRITERS "/0123456789abcdef0123456789abcdeg", 1);
    make_crashed(WRITERS "/00000000000000000000000000000001", 1);
    server_put(WRITERS "/00000000000000000000000000000001/note", "");
    make_crashed(WRITERS "/00000000000000000000000000000002", 1);
    server_put(WRITERS "/00000000000000000000000000000002/0/below", "");
    begin(1, SOON_MS);
    await_rounds(1);
    CU_ASSERT(!exists(CRASHED));
    CU_ASSERT(exists(WRITERS "/nobody/0"));
    CU_ASSERT(exists(WRITERS "/0123456789abcdef0123456789abcdeg/0"));
    CU_ASSERT(exists(WRITERS "/00000000000000000000000000000001/0"));
    CU_ASSERT(exists(WRITERS "/00000000000000000000000000000002/0/below"));
}

static void a_chroot_has_its_own(void)
{
    static const char directory[] = "/sweep-chroot" CRASHED;
    char servers[128];

    make_crashed(CRASHED, 1);
    make_crashed(directory, 1);
    corrali_sweep_configure(1, SOON_MS);
    snprintf(servers, sizeof servers, "%s/sweep-chroot", server_connect());
    sweeper = open_client(servers, heard());
    counter = open_counter(sweeper, "/own");
    assert_add(counter, 1);
    await_gone(directory);
    CU_ASSERT(exists("/sweep-chroot" MARK));
    CU_ASSERT(exists(CRASHED "/0"));
    CU_ASSERT(!exists(MARK));
}

/* --- living clients --- */

/* One that does not sweep for now, with several lanes, on counters that hold 1. */
enum { LANES = 4 };

typedef struct {
    proxy *through;
    corral_client *client;
    corral_counter *counters[LANES];
    char directory[128];
    int znodes; /* in there */
} living;

static void open_living(living *own)
{
    recorder results;

    own->through = proxy_open(server_connect());
    REQUIRE(own->through != NULL);
    corrali_sweep_configure(1, HOUR_MS);
    own->client = open_client(proxy_servers(own->through), (corral_client_options)CORRAL_CLIENT_OPTIONS_INIT);
    recorder_open(&results, LANES);
    for (int i = 0; i < LANES; i++) {
        char path[64];

        snprintf(path, sizeof path, "/sweep/living-%d", i);
        own->counters[i] = open_counter(own->client, path);
        REQUIRE_STATUS(corral_counter_set(own->counters[i], 0, CORRAL_FOREVER, NULL), CORRAL_OK);
    }
    for (int i = 0; i < LANES; i++) {
        REQUIRE_STATUS(corral_counter_add_async(own->counters[i], 1, CORRAL_FOREVER, record_int64,
                                                &results.records[i], NULL),
                       CORRAL_OK);
    }
    REQUIRE(recorder_wait(&results, LANES));
    recorder_close(&results);
    REQUIRE(find_writer(own->directory, sizeof own->directory));
    own->znodes = raw_count_below(server_raw(), own->directory);
    CU_ASSERT(own->znodes >= 2);
}

static void assert_counts(living *own, int64_t next)
{
    for (int i = 0; i < LANES; i++) {
        assert_add(own->counters[i], next);
    }
}

static void close_living(living *own)
{
    for (int i = 0; i < LANES; i++) {
        ASSERT_STATUS(corral_counter_close(own->counters[i]), CORRAL_OK);
    }
    ASSERT_STATUS(corral_client_close(own->client), CORRAL_OK);
    proxy_close(own->through);
    CU_ASSERT(!exists(own->directory));
}

static void a_living_client_is_left_alone(void)
{
    living own;

    open_living(&own);
    begin(1, SOON_MS);
    await_rounds(2);
    CU_ASSERT(raw_count_below(server_raw(), own.directory) >= own.znodes);
    assert_counts(&own, 2);
    ASSERT_INT64(times_said(LEFT_ALONE), 0); /* it was not even tried */
    close_living(&own);
}

static void so_is_one_with_a_new_session(void)
{
    living own;

    open_living(&own);
    REQUIRE(server_expire(own.through));
    assert_counts(&own, 2);
    own.znodes = raw_count_below(server_raw(), own.directory);
    begin(1, SOON_MS);
    await_rounds(2);
    CU_ASSERT(raw_count_below(server_raw(), own.directory) >= own.znodes);
    assert_counts(&own, 3);
    close_living(&own);
}

/* Keep @own off, and end its session. */
static void send_away(living *own)
{
    int64_t session;
    char password[16];

    proxy_admit(own->through, PROXY_IGNORE);
    proxy_cut_all(own->through);
    REQUIRE(proxy_session(own->through, &session, password));
    REQUIRE(raw_expire(server_connect(), session, password));
}

static void one_that_was_swept_while_away_goes_on(void)
{
    corral_client_stats stats;
    char lane[160];
    living own;

    open_living(&own);
    begin(1, SOON_MS);
    send_away(&own);
    await_gone(own.directory);
    proxy_admit(own.through, PROXY_ACCEPT);
    assert_counts(&own, 2);
    assert_counts(&own, 3);
    CU_ASSERT(exists(own.directory));
    /* Under new names. */
    snprintf(lane, sizeof lane, "%s/0", own.directory);
    CU_ASSERT(!exists(lane));
    ASSERT_STATUS(corral_client_get_stats(own.client, &stats), CORRAL_OK);
    ASSERT_INT64(stats.uncertain, 0);
    await_rounds(1);
    assert_counts(&own, 4);
    close_living(&own);
}

static void ignore_connections(void *arg)
{
    proxy_admit(arg, PROXY_IGNORE);
}

/* With a batch whose reply, or which itself, was lost. */
static void assert_uncertain(proxy_place place, int64_t after)
{
    living own;
    proxy_rule rule = {.count = 1};
    recorder results;
    int64_t session, value = -1;
    char password[16];

    open_living(&own);
    begin(1, SOON_MS);
    rule.on_cut = ignore_connections;
    rule.on_cut_arg = own.through;
    recorder_open(&results, 1);
    proxy_cut(own.through, place, &rule);
    REQUIRE_STATUS(
        corral_counter_add_async(own.counters[0], 1, CORRAL_FOREVER, record_int64, &results.records[0], NULL),
        CORRAL_OK);
    REQUIRE(proxy_wait(own.through, place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE, 1,
                       TESTING_PATIENCE_MS));
    REQUIRE(proxy_session(own.through, &session, password));
    REQUIRE(raw_expire(server_connect(), session, password));
    await_gone(own.directory);
    proxy_cut(own.through, place, NULL);
    proxy_admit(own.through, PROXY_ACCEPT);
    REQUIRE(recorder_wait(&results, 1));
    ASSERT_STATUS(recorder_get(&results, 0).status, CORRAL_EUNCERTAIN);
    ASSERT_STATUS(corral_counter_get(own.counters[0], CORRAL_READ_LINEARIZABLE, CORRAL_FOREVER, &value),
                  CORRAL_OK);
    ASSERT_INT64(value, after);
    assert_add(own.counters[0], after + 1);
    recorder_close(&results);
    close_living(&own);
}

static void what_it_repeats_then_is_not_done_twice(void)
{
    assert_uncertain(PROXY_AFTER, 2);
}

static void nor_done_late(void)
{
    assert_uncertain(PROXY_BEFORE, 1);
}

/* --- what happens in between: before the sweeper's request reaches the server --- */

static const char *spied; /* the request must change this, or what is below */
static const char *touched;
static const char *made;
static atomic_uint seen;

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

/* Before each change of @path: touch one znode, make another. NULL: none; @path NULL: before each request. */
static void interfere(const char *path, const char *touch, const char *make)
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

static void stop_interfering(void)
{
    proxy_cut(through, PROXY_BEFORE, NULL);
    raw_close(hooks);
    hooks = NULL;
}

static void a_writer_that_comes_back_is_left(void)
{
    make_crashed(CRASHED, 3);
    interfere(CRASHED, NULL, CRASHED "/live");
    begin(1, SOON_MS);
    await(LEFT_ALONE, 1);
    await_rounds(1);
    ASSERT_INT64(raw_count_below(server_raw(), CRASHED), 4);
    ASSERT_INT64(atomic_load(&seen), 1); /* after the first failure, and with LIVE there, nothing more */
    stop_interfering();
    REQUIRE(raw_delete(server_raw(), CRASHED "/live") == ZOK);
    await_gone(CRASHED);
}

static void a_lane_that_is_written_to_is_left(void)
{
    make_crashed(CRASHED, 3);
    interfere(CRASHED, CRASHED "/0", NULL);
    /* All are tried in the order in which the server tells of them. */
    begin(1, SOON_MS);
    await(LEFT_ALONE, 2);
    CU_ASSERT(exists(CRASHED "/0"));
    stop_interfering();
    await_gone(CRASHED);
}

static void a_directory_that_is_renewed_is_left(void)
{
    make_crashed(CRASHED, 0);
    interfere(CRASHED, CRASHED, NULL);
    begin(1, SOON_MS);
    await(LEFT_ALONE, 2);
    CU_ASSERT(exists(CRASHED));
    stop_interfering();
    await_gone(CRASHED);
}

static void a_lane_that_is_new_keeps_the_directory(void)
{
    make_crashed(CRASHED, 1);
    interfere(CRASHED, NULL, CRASHED "/7");
    begin(1, SOON_MS);
    await(LEFT_ALONE, 1);
    CU_ASSERT(exists(CRASHED "/7"));
    CU_ASSERT(!exists(CRASHED "/0"));
    stop_interfering();
    await_gone(CRASHED);
}

/* One of them is always young. */
static void assert_young_keeps_all(const char *path)
{
    enum { AGE_MS = 1500 };

    make_crashed(CRASHED, 3);
    let_server_time_pass(AGE_MS);
    interfere(NULL, path, NULL);
    begin(AGE_MS, SOON_MS);
    await_rounds(2);
    ASSERT_INT64(raw_count_below(server_raw(), CRASHED), 3);
    ASSERT_INT64(times_said(LEFT_ALONE), 0);
    stop_interfering();
    await_gone(CRASHED);
}

static void a_young_lane_keeps_all(void)
{
    assert_young_keeps_all(CRASHED "/1");
}

static void a_young_directory_keeps_all(void)
{
    assert_young_keeps_all(CRASHED);
}

/* --- one for all --- */

static void two_clients_sweep_once(void)
{
    enum { INTERVAL_MS = 4000 };
    corral_client *second;
    corral_counter *other;
    struct Stat mark;
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;

    make_crashed(CRASHED, 1);
    begin(1, INTERVAL_MS);
    second = open_client(server_connect(), heard());
    other = open_counter(second, "/sweep/second");
    ASSERT_STATUS(corral_counter_add(other, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    while (times_said(SWEPT) + times_said(NOT_DUE) < 2 && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    ASSERT_INT64(times_said(SWEPT), 1);
    ASSERT_INT64(times_said(NOT_DUE), 1);
    REQUIRE(raw_exists(server_raw(), MARK, &mark) == ZOK);
    ASSERT_INT64(mark.version, 0);
    CU_ASSERT(!exists(CRASHED));
    /* And once in the next interval: whoever it is. */
    await(SWEPT, 2);
    REQUIRE(raw_exists(server_raw(), MARK, &mark) == ZOK);
    ASSERT_INT64(mark.version, 1);
    CU_ASSERT(mark.mtime - mark.ctime >= INTERVAL_MS);
    ASSERT_STATUS(corral_counter_close(other), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
}

static void who_is_second_does_not_sweep(void)
{
    make_crashed(CRASHED, 1);
    interfere(MARK, MARK, MARK);
    begin(1, SOON_MS);
    await(NOT_DUE, 3); /* once it found the mark made, then changed, and too young in between */
    CU_ASSERT(atomic_load(&seen) >= 2);
    ASSERT_INT64(times_said(SWEPT), 0);
    CU_ASSERT(exists(CRASHED "/0"));
    stop_interfering();
    await_gone(CRASHED);
}

static void a_mark_of_a_moment_ago_is_respected(void)
{
    make_crashed(CRASHED, 1);
    REQUIRE(raw_create(server_raw(), MARK, "", 0) == ZOK);
    begin(1, 1000);
    /* Before its first look, whenever that is. */
    interfere(WRITERS, MARK, NULL);
    await(NOT_DUE, 2);
    ASSERT_INT64(times_said(SWEPT), 0);
    CU_ASSERT(exists(CRASHED "/0"));
    stop_interfering();
    await_gone(CRASHED);
}

static void the_mark_is_everybodys(void)
{
    corral_client_options options = heard();
    corral_auth auth = {.scheme = "digest", .credential = "sweep:secret"};
    struct ACL_vector acl = {0};

    options.acl = CORRAL_ACL_CREATOR_ALL;
    options.auth = &auth;
    options.auth_count = 1;
    corrali_sweep_configure(1, SOON_MS);
    make_crashed(CRASHED, 1);
    sweeper = open_client(server_connect(), options);
    counter = open_counter(sweeper, "/sweep-private");
    assert_add(counter, 1);
    await_gone(CRASHED);
    REQUIRE(raw_get_acl(server_raw(), MARK, &acl) == ZOK);
    CU_ASSERT(acl.count == 1 && acl.data[0].perms == ZOO_PERM_ALL &&
              strcmp(acl.data[0].id.scheme, "world") == 0);
    deallocate_ACL_vector(&acl);
    await_rounds(1); /* it can set the mark as well as make it */
}

/* --- failures --- */

static void set_acl(const char *path, const struct ACL_vector *acl)
{
    REQUIRE(raw_set_acl(server_raw(), path, acl) == ZOK);
}

static struct ACL_vector all_but(int32_t perms, struct ACL *entry)
{
    *entry = (struct ACL){.perms = ZOO_PERM_ALL & ~perms, .id = {.scheme = "world", .id = "anyone"}};
    return (struct ACL_vector){.count = 1, .data = entry};
}

static void what_is_forbidden_is_left(void)
{
    static const char other[] = WRITERS "/00000000000000000000000000000001";
    struct ACL entry;
    struct ACL_vector no_create = all_but(ZOO_PERM_CREATE, &entry);

    make_crashed(CRASHED, 1);
    make_crashed(other, 1);
    set_acl(CRASHED, &no_create);
    begin(1, SOON_MS);
    await_gone(other);
    await(LEFT_ALONE, 1);
    CU_ASSERT(exists(CRASHED "/0"));
    set_acl(CRASHED, &ZOO_OPEN_ACL_UNSAFE);
    await_gone(CRASHED);
}

static void a_mark_that_cannot_be_set_ends_it(void)
{
    struct ACL entry;
    struct ACL_vector no_write = all_but(ZOO_PERM_WRITE, &entry);

    make_crashed(CRASHED, 1);
    REQUIRE(raw_create(server_raw(), MARK, "", 0) == ZOK);
    set_acl(MARK, &no_write);
    begin(1, SOON_MS);
    await(GIVEN_UP, 2);
    CU_ASSERT(exists(CRASHED "/0"));
    assert_add(counter, 1);
    set_acl(MARK, &ZOO_OPEN_ACL_UNSAFE);
    await_gone(CRASHED);
}

static bool sweeps(const wire_request *request, void *arg)
{
    (void)arg;
    return wire_changes_below(request, MARK) || wire_changes_below(request, CRASHED);
}

/* In any round one request is not answered: the round ends, and another finishes the work. */
static void lose(proxy_place place)
{
    proxy_rule rule = {.match = sweeps, .every = 3, .failed_too = true};

    make_crashed(CRASHED, 6);
    proxy_cut(through, place, &rule);
    begin(1, SOON_MS);
    await_gone(CRASHED);
    CU_ASSERT(proxy_count(through, place == PROXY_AFTER ? PROXY_CUT_AFTER : PROXY_CUT_BEFORE) > 0);
    proxy_cut(through, place, NULL);
}

static void lost_requests_do_no_harm(void)
{
    lose(PROXY_BEFORE);
}

static void lost_replies_do_no_harm(void)
{
    lose(PROXY_AFTER);
}

static void new_sessions_do_no_harm(void)
{
    make_crashed(CRASHED, 4);
    begin(1, SOON_MS);
    for (int i = 0; i < 4; i++) {
        assert_add(counter, i + 1);
        REQUIRE(server_expire(through));
    }
    await_gone(CRASHED);
}

/* At whatever point of a round. */
static void closing_in_between_does_no_harm(void)
{
    enum { POINTS = 24 };
    char path[128];

    for (uint64_t i = 0; i < POINTS; i++) {
        uint64_t before;

        if (!exists(CRASHED)) {
            make_crashed(CRASHED, 3);
        }
        before = proxy_count(through, PROXY_REQUESTS);
        begin(1, 16);
        REQUIRE(proxy_wait(through, PROXY_REQUESTS, before + 6 + i, TESTING_PATIENCE_MS));
        ASSERT_STATUS(corral_client_close(sweeper), CORRAL_OK);
        sweeper = NULL;
        ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
        counter = NULL;
        CU_ASSERT(!exists(CRASHED) || (find_writer(path, sizeof path) && strcmp(path, CRASHED) == 0));
    }
}

/* On the proxy's thread: wait until the client is being closed. */
static bool wait_for_close(const wire_request *request, void *arg)
{
    if (!wire_changes_below(request, CRASHED)) {
        return false;
    }
    if (atomic_fetch_add((atomic_uint *)arg, 1) == 0) {
        while (corral_counter_get_async(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, NULL, NULL, NULL) ==
               CORRAL_OK) {
            usleep(POLL_US);
        }
    }
    return false;
}

static void closing_ends_a_round(void)
{
    atomic_uint changes = 0;
    proxy_rule rule = {.match = wait_for_close, .match_arg = &changes};
    uint64_t before;

    make_crashed(CRASHED, 5);
    proxy_cut(through, PROXY_BEFORE, &rule);
    begin(1, 16);
    while (atomic_load(&changes) == 0) {
        usleep(POLL_US);
    }
    ASSERT_STATUS(corral_client_close(sweeper), CORRAL_OK);
    sweeper = NULL;
    proxy_cut(through, PROXY_BEFORE, NULL);
    ASSERT_INT64(atomic_load(&changes), 1); /* what was under way */
    ASSERT_INT64(raw_count_below(server_raw(), CRASHED), 4);
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    /* And none begins while it takes its leave, which it tries for two seconds. */
    begin(1, 4000);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    before = proxy_count(through, PROXY_WRITES);
    ASSERT_STATUS(corral_client_close(sweeper), CORRAL_OK);
    sweeper = NULL;
    ASSERT_INT64(proxy_count(through, PROXY_WRITES) - before, 1); /* its lane's deletion */
    proxy_hold(through, 0);
}

/* A request is under way that the server does not answer, or is held until there is a connection. */
static void closing_waits_for_no_sweep(void)
{
    proxy_rule rule = {.match = sweeps, .count = 1};

    make_crashed(CRASHED, 3);
    begin(HOUR_MS, 16);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE(
        proxy_wait(through, PROXY_REQUESTS, proxy_count(through, PROXY_REPLIES) + 1, TESTING_PATIENCE_MS));
    ASSERT_STATUS(corral_client_close(sweeper), CORRAL_OK);
    sweeper = NULL;
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    proxy_hold(through, 0);
    rule.on_cut = ignore_connections;
    rule.on_cut_arg = through;
    proxy_cut(through, PROXY_BEFORE, &rule);
    begin(1, 16);
    REQUIRE(proxy_wait(through, PROXY_CUT_BEFORE, 1, TESTING_PATIENCE_MS));
    ASSERT_STATUS(corral_client_close(sweeper), CORRAL_OK);
    sweeper = NULL;
    CU_ASSERT(exists(CRASHED "/0"));
}

static void no_memory_does_no_harm(void)
{
    begin(1, 16);
    for (unsigned long nth = 1; nth <= 30; nth++) {
        make_crashed(CRASHED, 2);
        corrali_alloc_fail_from(nth);
        usleep(10000); /* it tries what it can */
        corrali_alloc_fail_from(0);
        await_gone(CRASHED);
    }
}

static CU_TestInfo crashed_tests[] = {
    {"what a killed client left is swept", what_a_killed_client_left_is_swept},
    {"an empty directory is swept, too", an_empty_directory_is_swept_too},
    {"many are swept in one round", many_are_swept_in_one_round},
    {"what is young is left", what_is_young_is_left},
    {"what is not ours is left", what_is_not_ours_is_left},
    {"a chroot has its own", a_chroot_has_its_own},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo living_tests[] = {
    {"a living client is left alone", a_living_client_is_left_alone},
    {"so is one with a new session", so_is_one_with_a_new_session},
    {"one that was swept while away goes on", one_that_was_swept_while_away_goes_on},
    {"what it repeats then is not done twice", what_it_repeats_then_is_not_done_twice},
    {"nor done late", nor_done_late},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo between_tests[] = {
    {"a writer that comes back is left", a_writer_that_comes_back_is_left},
    {"a lane that is written to is left", a_lane_that_is_written_to_is_left},
    {"a directory that is renewed is left", a_directory_that_is_renewed_is_left},
    {"a lane that is new keeps the directory", a_lane_that_is_new_keeps_the_directory},
    {"a young lane keeps all", a_young_lane_keeps_all},
    {"a young directory keeps all", a_young_directory_keeps_all},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo one_tests[] = {
    {"two clients sweep once", two_clients_sweep_once},
    {"who is second does not sweep", who_is_second_does_not_sweep},
    {"a mark of a moment ago is respected", a_mark_of_a_moment_ago_is_respected},
    {"the mark is everybody's", the_mark_is_everybodys},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo failure_tests[] = {
    {"what is forbidden is left", what_is_forbidden_is_left},
    {"a mark that cannot be set ends it", a_mark_that_cannot_be_set_ends_it},
    {"lost requests do no harm", lost_requests_do_no_harm},
    {"lost replies do no harm", lost_replies_do_no_harm},
    {"new sessions do no harm", new_sessions_do_no_harm},
    {"closing in between does no harm", closing_in_between_does_no_harm},
    {"closing ends a round", closing_ends_a_round},
    {"closing waits for no sweep", closing_waits_for_no_sweep},
    {"no memory does no harm", no_memory_does_no_harm},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"crashed", NULL, NULL, setup, teardown, crashed_tests},
    {"living", NULL, NULL, setup, teardown, living_tests},
    {"in between", NULL, NULL, setup, teardown, between_tests},
    {"one for all", NULL, NULL, setup, teardown, one_tests},
    {"failures", NULL, NULL, setup, teardown, failure_tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--victim") == 0) {
        return be_victim(argv[2]);
    }
    return server_run_suites(1, argc, argv, suites);
}

/**
 * The lane sweep: what crashed clients left goes when it is old, by one client
 * for all.
 */
#include <corral/counter.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sweeping.h"
#include "sweep.h"

/* --- crashed clients --- */

enum { VICTIM_LANES = 5 };

/* The other process: takes some lanes, says so, and waits to be killed. */
static int be_victim(const char *servers)
{
    corral_client *victim = NULL;
    corral_op *ops[VICTIM_LANES] = {NULL};

    if (corral_client_open(servers, NULL, &victim) != CORRAL_OK) {
        return 1;
    }
    for (int i = 0; i < VICTIM_LANES; i++) {
        corral_counter *each = NULL;
        char path[64];

        snprintf(path, sizeof path, "/victim-%d", i);
        if (corral_counter_open(victim, path, NULL, &each) != CORRAL_OK ||
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
    REQUIRE(sweeping_find_writer(path, sizeof path));
    CU_ASSERT(raw_count_below(server_raw(), path) >= 2); /* LIVE and lanes */
    sweeping_begin(1, SOON_MS);
    sweeping_await_rounds(2);
    CU_ASSERT(sweeping_exists(path)); /* its session still lives */
    REQUIRE(server_expire(victims));
    sweeping_await_gone(path);
    proxy_close(victims);
    /* The sweeper is the one that is left, with its sign of life and its lane. */
    REQUIRE(sweeping_find_writer(path, sizeof path));
    ASSERT_INT64(raw_count_below(server_raw(), path), 2);
    sweeping_assert_add(counter, 1);
}

static void an_empty_directory_is_swept_too(void)
{
    sweeping_make_crashed(CRASHED, 0);
    sweeping_begin(1, SOON_MS);
    sweeping_await_gone(CRASHED);
}

static void many_are_swept_in_one_round(void)
{
    enum { MANY = 30 };

    for (int i = 0; i < MANY; i++) {
        char path[128];

        snprintf(path, sizeof path, WRITERS "/%032x", i);
        sweeping_make_crashed(path, i % 4);
    }
    sweeping_begin(1, SOON_MS);
    sweeping_await(SWEPT, 1);
    ASSERT_INT64(raw_count_below(server_raw(), WRITERS), 3);
}

static void what_is_young_is_left(void)
{
    sweeping_make_crashed(CRASHED, 2);
    sweeping_begin(HOUR_MS, SOON_MS);
    sweeping_await_rounds(1);
    ASSERT_INT64(raw_count_below(server_raw(), CRASHED), 2);
    ASSERT_INT64(sweeping_said(LEFT_ALONE), 0);
    corrali_sweep_configure(1, SOON_MS);
    sweeping_await_gone(CRASHED);
}

static void what_is_not_ours_is_left(void)
{
    sweeping_make_crashed(CRASHED, 1);
    sweeping_make_crashed(WRITERS "/nobody", 1);
    sweeping_make_crashed(WRITERS "/0123456789abcdef0123456789abcdeg", 1);
    sweeping_make_crashed(WRITERS "/00000000000000000000000000000001", 1);
    server_put(WRITERS "/00000000000000000000000000000001/note", "");
    sweeping_make_crashed(WRITERS "/00000000000000000000000000000002", 1);
    server_put(WRITERS "/00000000000000000000000000000002/0/below", "");
    sweeping_begin(1, SOON_MS);
    sweeping_await_rounds(1);
    CU_ASSERT(!sweeping_exists(CRASHED));
    CU_ASSERT(sweeping_exists(WRITERS "/nobody/0"));
    CU_ASSERT(sweeping_exists(WRITERS "/0123456789abcdef0123456789abcdeg/0"));
    CU_ASSERT(sweeping_exists(WRITERS "/00000000000000000000000000000001/0"));
    CU_ASSERT(sweeping_exists(WRITERS "/00000000000000000000000000000002/0/below"));
}

static void a_chroot_has_its_own(void)
{
    static const char directory[] = "/sweep-chroot" CRASHED;
    char servers[128];

    sweeping_make_crashed(CRASHED, 1);
    sweeping_make_crashed(directory, 1);
    corrali_sweep_configure(1, SOON_MS);
    snprintf(servers, sizeof servers, "%s/sweep-chroot", server_connect());
    client = server_client_with(servers, sweeping_options());
    counter = fixture_counter("/own");
    sweeping_assert_add(counter, 1);
    sweeping_await_gone(directory);
    CU_ASSERT(sweeping_exists("/sweep-chroot" MARK));
    CU_ASSERT(sweeping_exists(CRASHED "/0"));
    CU_ASSERT(!sweeping_exists(MARK));
}

/* --- one for all --- */

static void two_clients_sweep_once(void)
{
    enum { INTERVAL_MS = 4000 };
    corral_client *second;
    corral_counter *other = NULL;
    struct Stat mark;
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;

    sweeping_make_crashed(CRASHED, 1);
    sweeping_begin(1, INTERVAL_MS);
    second = server_client_with(server_connect(), sweeping_options());
    REQUIRE_STATUS(corral_counter_open(second, "/sweep/second", NULL, &other), CORRAL_OK);
    ASSERT_STATUS(corral_counter_add(other, 1, CORRAL_FOREVER, NULL), CORRAL_OK);
    while (sweeping_said(SWEPT) + sweeping_said(NOT_DUE) < 2 && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    ASSERT_INT64(sweeping_said(SWEPT), 1);
    ASSERT_INT64(sweeping_said(NOT_DUE), 1);
    REQUIRE(raw_exists(server_raw(), MARK, &mark) == ZOK);
    ASSERT_INT64(mark.version, 0);
    CU_ASSERT(!sweeping_exists(CRASHED));
    /* And once in the next interval: whoever it is. */
    sweeping_await(SWEPT, 2);
    REQUIRE(raw_exists(server_raw(), MARK, &mark) == ZOK);
    ASSERT_INT64(mark.version, 1);
    CU_ASSERT(mark.mtime - mark.ctime >= INTERVAL_MS);
    ASSERT_STATUS(corral_counter_close(other), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
}

static void who_is_second_does_not_sweep(void)
{
    sweeping_make_crashed(CRASHED, 1);
    sweeping_interfere(MARK, MARK, MARK);
    sweeping_begin(1, SOON_MS);
    sweeping_await(NOT_DUE, 3); /* once it found the mark made, then changed, and too young in between */
    CU_ASSERT(sweeping_interfered() >= 2);
    ASSERT_INT64(sweeping_said(SWEPT), 0);
    CU_ASSERT(sweeping_exists(CRASHED "/0"));
    sweeping_stop_interfering();
    sweeping_await_gone(CRASHED);
}

static void a_mark_of_a_moment_ago_is_respected(void)
{
    sweeping_make_crashed(CRASHED, 1);
    REQUIRE(raw_create(server_raw(), MARK, "", 0) == ZOK);
    sweeping_begin(1, 1000);
    /* Before its first look, whenever that is. */
    sweeping_interfere(WRITERS, MARK, NULL);
    sweeping_await(NOT_DUE, 2);
    ASSERT_INT64(sweeping_said(SWEPT), 0);
    CU_ASSERT(sweeping_exists(CRASHED "/0"));
    sweeping_stop_interfering();
    sweeping_await_gone(CRASHED);
}

static void the_mark_is_everybodys(void)
{
    corral_client_options options = sweeping_options();
    corral_auth auth = {.scheme = "digest", .credential = "sweep:secret"};
    struct ACL_vector acl = {0};

    options.acl = CORRAL_ACL_CREATOR_ALL;
    options.auth = &auth;
    options.auth_count = 1;
    corrali_sweep_configure(1, SOON_MS);
    sweeping_make_crashed(CRASHED, 1);
    client = server_client_with(server_connect(), options);
    counter = fixture_counter("/sweep-private");
    sweeping_assert_add(counter, 1);
    sweeping_await_gone(CRASHED);
    REQUIRE(raw_get_acl(server_raw(), MARK, &acl) == ZOK);
    CU_ASSERT(acl.count == 1 && acl.data[0].perms == ZOO_PERM_ALL &&
              strcmp(acl.data[0].id.scheme, "world") == 0);
    deallocate_ACL_vector(&acl);
    sweeping_await_rounds(1); /* it can set the mark as well as make it */
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

static CU_TestInfo one_tests[] = {
    {"two clients sweep once", two_clients_sweep_once},
    {"who is second does not sweep", who_is_second_does_not_sweep},
    {"a mark of a moment ago is respected", a_mark_of_a_moment_ago_is_respected},
    {"the mark is everybody's", the_mark_is_everybodys},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"crashed", NULL, NULL, sweeping_open, sweeping_close, crashed_tests},
    {"one for all", NULL, NULL, sweeping_open, sweeping_close, one_tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--victim") == 0) {
        return be_victim(argv[2]);
    }
    return server_run_suites(1, argc, argv, suites);
}

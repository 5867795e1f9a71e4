/**
 * Changes of a value are made exactly once and in order, whatever is lost in
 * between: the version of the znode counts them.
 */
#include <corral/value.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "lib/fixture.h"

static corral_client *elsewhere; /* not behind the proxy */
static corral_value *theirs;     /* its handle */
static atomic_uint meddlings, failures;
static recorder results;
static atomic_uint warnings;

static void count_warning(corral_log_level level, const char *message, void *arg)
{
    (void)level;
    (void)arg;
    atomic_fetch_add(&warnings, strstr(message, "is overwritten") != NULL);
}

/* The client of the fixture, which tells us what it logs. */
static void setup(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    fixture_open_proxy();
    options.log_cb = count_warning;
    client = server_client_with(proxy_servers(through), options);
    atomic_store(&warnings, 0);
    elsewhere = server_client(server_connect());
    atomic_store(&meddlings, 0);
    atomic_store(&failures, 0);
    recorder_open(&results, 3);
}

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    proxy_admit(through, PROXY_ACCEPT);
    ASSERT_STATUS(corral_value_close(theirs), CORRAL_OK);
    theirs = NULL;
    ASSERT_STATUS(corral_client_close(elsewhere), CORRAL_OK);
    fixture_close();
    recorder_close(&results);
}

static void begin(const char *path)
{
    setting = fixture_value(path);
    REQUIRE_STATUS(corral_value_open(elsewhere, path, NULL, &theirs), CORRAL_OK);
}

static corral_client_stats stats(void)
{
    corral_client_stats result = {0};

    ASSERT_STATUS(corral_client_get_stats(client, &result), CORRAL_OK);
    return result;
}

static struct Stat stat_of(const char *path)
{
    struct Stat stat = {0};

    REQUIRE(raw_exists(server_raw(), path, &stat) == ZOK);
    return stat;
}

static corral_stamp set(const char *text)
{
    corral_stamp stamp = {0};

    REQUIRE_STATUS(corral_value_set(setting, text, strlen(text), CORRAL_FOREVER, &stamp), CORRAL_OK);
    return stamp;
}

static int compare_set(const corral_stamp *expected, const char *text, corral_stamp *ret_stamp)
{
    return corral_value_compare_set(setting, expected, text, strlen(text), CORRAL_FOREVER, ret_stamp);
}

/* Set it, at version 0, with all there that a change needs: the next one is a single request. */
static corral_stamp set_anew(const char *text)
{
    corral_stamp stamp = set(text);

    REQUIRE_STATUS(compare_set(&stamp, text, NULL), CORRAL_OK);
    REQUIRE_STATUS(corral_value_destroy(setting, CORRAL_FOREVER), CORRAL_OK);
    stamp = set(text);
    ASSERT_INT64(stamp.version, 0);
    return stamp;
}

/* --- losses --- */

static const proxy_place places[] = {PROXY_AFTER, PROXY_BEFORE};

/* Whatever was lost was found out about. */
static void assert_resent(proxy_place place, uint64_t at_least)
{
    corral_client_stats now = stats();

    CU_ASSERT((place == PROXY_AFTER ? now.resends_applied : now.resends_not_applied) >= at_least);
    ASSERT_INT64(now.uncertain, 0);
}

static void sets(void)
{
    static const char *const paths[] = {"/value-faults/set-after", "/value-faults/set-before"};
    unsigned count = testing_scaled(200);

    for (int i = 0; i < 2; i++) {
        proxy_rule rule = {.every = 5};
        corral_stamp stamp, last = {0};
        char text[32];

        begin(paths[i]);
        proxy_cut(through, places[i], &rule);
        for (unsigned n = 0; n < count; n++) {
            snprintf(text, sizeof text, "%u", n);
            stamp = set(text);
            ASSERT_INT64(stamp.version, n);
            CU_ASSERT(stamp.mzxid > last.mzxid);
            CU_ASSERT(n == 0 || stamp.czxid == last.czxid);
            last = stamp;
        }
        proxy_cut(through, places[i], NULL);
        ASSERT_INT64(stat_of(paths[i]).version, count - 1);
        ASSERT_INT64(stat_of(paths[i]).mzxid, last.mzxid);
        ASSERT_ZNODE(paths[i], text);
        assert_resent(places[i], count / 10);
        ASSERT_STATUS(corral_value_close(setting), CORRAL_OK);
        setting = NULL;
        ASSERT_STATUS(corral_value_close(theirs), CORRAL_OK);
        theirs = NULL;
    }
}

/* A chain in which each change expects the one before: none may meet itself. */
static void compare_sets(void)
{
    unsigned count = testing_scaled(200);
    proxy_rule replies = {.every = 5, .failed_too = true}, requests = {.every = 7};
    corral_stamp stamp = {0};

    begin("/value-faults/chain");
    proxy_cut(through, PROXY_AFTER, &replies);
    proxy_cut(through, PROXY_BEFORE, &requests);
    REQUIRE_STATUS(compare_set(NULL, "0", &stamp), CORRAL_OK);
    for (unsigned n = 1; n <= count; n++) {
        REQUIRE_STATUS(compare_set(&stamp, "on", &stamp), CORRAL_OK);
        ASSERT_INT64(stamp.version, n);
    }
    proxy_cut(through, PROXY_AFTER, NULL);
    proxy_cut(through, PROXY_BEFORE, NULL);
    ASSERT_INT64(stat_of("/value-faults/chain").version, count);
    assert_resent(PROXY_AFTER, count / 20);
    assert_resent(PROXY_BEFORE, count / 20);
}

static void creations_and_destructions(void)
{
    unsigned count = testing_scaled(50);
    proxy_rule replies = {.every = 2}, requests = {.every = 3};
    corral_stamp stamp = {0};
    struct Stat stat;

    begin("/value-faults/made");
    proxy_cut(through, PROXY_AFTER, &replies);
    proxy_cut(through, PROXY_BEFORE, &requests);
    for (unsigned i = 0; i < count; i++) {
        REQUIRE_STATUS(compare_set(NULL, "made", &stamp), CORRAL_OK);
        stat = stat_of("/value-faults/made");
        ASSERT_INT64(stamp.czxid, stat.czxid);
        ASSERT_INT64(stamp.mzxid, stat.mzxid);
        ASSERT_INT64(stat.version, 0);
        ASSERT_STATUS(corral_value_destroy(setting, CORRAL_FOREVER), CORRAL_OK);
    }
    proxy_cut(through, PROXY_AFTER, NULL);
    proxy_cut(through, PROXY_BEFORE, NULL);
    assert_resent(PROXY_AFTER, count / 4);
    assert_resent(PROXY_BEFORE, count / 4);
}

/* What is asked while there is no server waits for it, and is made once. */
static void the_server_restarts(void)
{
    const char *path = "/value-faults/restart";
    corral_stamp stamp = {0};
    char error[256];

    begin(path);
    stamp = set("0");
    for (int i = 1; i <= 3; i++) {
        corral_op *op = NULL;

        dev_kill(server_ensemble(), 0);
        REQUIRE_STATUS(
            corral_value_compare_set_async(setting, &stamp, "on", 2, TESTING_PATIENCE_MS, NULL, NULL, &op),
            CORRAL_OK);
        REQUIRE(dev_restart(server_ensemble(), 0, error, sizeof error) == 0);
        ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
        ASSERT_STATUS(corral_op_status(op), CORRAL_OK);
        corral_op_unref(op);
        ASSERT_INT64(stat_of(path).version, i);
        stamp.mzxid = stat_of(path).mzxid;
    }
    ASSERT_INT64(stats().uncertain, 0);
}

/* --- between the loss and the resend --- */

static void count_meddling(bool done)
{
    atomic_fetch_add(&meddlings, 1);
    atomic_fetch_add(&failures, !done);
}

static void set_theirs(void *arg)
{
    (void)arg;
    count_meddling(corral_value_set(theirs, "theirs", 6, TESTING_PATIENCE_MS, NULL) == CORRAL_OK);
}

static void destroy_and_make(void *arg)
{
    (void)arg;
    count_meddling(corral_value_destroy(theirs, TESTING_PATIENCE_MS) == CORRAL_OK &&
                   corral_value_set(theirs, "theirs", 6, TESTING_PATIENCE_MS, NULL) == CORRAL_OK);
}

/* The same by libzookeeper, behind Corral's back. */
static void recreate(void *arg)
{
    raw *direct = raw_open(server_connect());

    count_meddling(direct != NULL && raw_delete(direct, arg) == ZOK &&
                   raw_create(direct, arg, "theirs", 6) == ZOK);
    raw_close(direct);
}

static void expire(void *arg)
{
    int64_t session;
    char password[16];

    (void)arg;
    count_meddling(proxy_session(through, &session, password) &&
                   raw_expire(server_connect(), session, password));
}

static void delete_lanes(void *arg)
{
    raw *direct = raw_open(server_connect());

    (void)arg;
    count_meddling(direct != NULL && raw_delete_below(direct, "/corral/writers") == ZOK);
    raw_close(direct);
}

/* Lose one change at @place, and let @meddle. */
static void meddle_at(proxy_place place, void (*meddle)(void *), const char *path)
{
    proxy_rule rule = {.count = 1, .on_cut = meddle, .on_cut_arg = (void *)path};

    proxy_cut(through, place, &rule);
}

static void assert_meddled(unsigned times)
{
    ASSERT_INT64(atomic_load(&meddlings), times);
    ASSERT_INT64(atomic_load(&failures), 0);
}

static void somebody_elses_set(void)
{
    const char *path = "/value-faults/theirs";
    corral_stamp first, mine = {0}, actual = {0};

    begin(path);
    first = set_anew("first");
    /* Ours was applied, and theirs after it. */
    meddle_at(PROXY_AFTER, set_theirs, path);
    ASSERT_STATUS(compare_set(&first, "mine", &mine), CORRAL_OK);
    CU_ASSERT(mine.mzxid > first.mzxid && mine.mzxid < stat_of(path).mzxid);
    ASSERT_INT64(mine.czxid, first.czxid);
    ASSERT_INT64(mine.version, 0); /* hidden */
    ASSERT_ZNODE(path, "theirs");
    /* Ours was not, and is refused because of theirs. */
    first = set("first");
    meddle_at(PROXY_BEFORE, set_theirs, path);
    ASSERT_STATUS(compare_set(&first, "mine", &actual), CORRAL_ECONFLICT);
    ASSERT_INT64(actual.mzxid, stat_of(path).mzxid);
    ASSERT_ZNODE(path, "theirs");
    /* A set comes after theirs if it is made again. */
    meddle_at(PROXY_BEFORE, set_theirs, path);
    (void)set("mine");
    ASSERT_ZNODE(path, "mine");
    meddle_at(PROXY_AFTER, set_theirs, path);
    (void)set("mine");
    ASSERT_ZNODE(path, "theirs");
    assert_meddled(4);
    ASSERT_INT64(stats().uncertain, 0);
}

static void somebody_elses_creation(void)
{
    const char *path = "/value-faults/their-creation";
    corral_stamp actual = {0};

    begin(path);
    server_put("/value-faults", "");
    ASSERT_STATUS(corral_value_destroy(setting, CORRAL_FOREVER), CORRAL_ENOENT); /* there is a lane */
    meddle_at(PROXY_BEFORE, set_theirs, path);
    ASSERT_STATUS(compare_set(NULL, "mine", &actual), CORRAL_ECONFLICT);
    ASSERT_INT64(actual.mzxid, stat_of(path).mzxid);
    ASSERT_ZNODE(path, "theirs");
    assert_meddled(1);
    ASSERT_INT64(stats().resends_not_applied, 1);
}

/* The incarnation that the resend finds has the version that it expects. */
static void another_incarnation(void)
{
    const char *path = "/value-faults/incarnation";
    corral_stamp stamp;

    begin(path);
    stamp = set_anew("mine");
    meddle_at(PROXY_BEFORE, destroy_and_make, path);
    ASSERT_STATUS(compare_set(&stamp, "lost", &stamp), CORRAL_ECONFLICT);
    ASSERT_INT64(stamp.mzxid, stat_of(path).mzxid);
    ASSERT_INT64(stamp.version, 0);
    ASSERT_ZNODE(path, "theirs");
    meddle_at(PROXY_AFTER, destroy_and_make, path);
    ASSERT_STATUS(compare_set(&stamp, "was there", &stamp), CORRAL_OK);
    ASSERT_ZNODE(path, "theirs");
    assert_meddled(2);
}

/* No epoch tells of it, so it is overwritten, and that is told. */
static void another_incarnation_unannounced(void)
{
    const char *path = "/value-faults/unannounced";
    corral_stamp stamp;
    corral_op *op = NULL;

    begin(path);
    stamp = set_anew("mine");
    meddle_at(PROXY_BEFORE, recreate, path);
    REQUIRE_STATUS(corral_value_compare_set_async(setting, &stamp, "over", 4, CORRAL_FOREVER, record_stamp,
                                                  &results.records[0], &op),
                   CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    assert_meddled(1);
    ASSERT_STATUS(corral_op_status(op), CORRAL_EUNCERTAIN);
    ASSERT_STATUS(corral_op_cause(op), CORRAL_ECONFLICT);
    CU_ASSERT_STRING_EQUAL(corral_op_path(op), path);
    corral_op_unref(op);
    ASSERT_ZNODE(path, "over");
    ASSERT_INT64(atomic_load(&warnings), 1);
}

static void expired_in_between(void)
{
    const char *path = "/value-faults/expired";
    corral_stamp stamp;

    begin(path);
    stamp = set_anew("0");
    for (unsigned i = 0; i < 4; i++) {
        meddle_at(places[i % 2], expire, path);
        REQUIRE_STATUS(compare_set(&stamp, "on", &stamp), CORRAL_OK);
        ASSERT_INT64(stamp.version, i + 1);
    }
    assert_meddled(4);
    ASSERT_INT64(stats().sessions, 5);
    ASSERT_INT64(stats().uncertain, 0);
}

static void without_its_lane(void)
{
    const char *path = "/value-faults/lane";
    corral_op *op = NULL;

    begin(path);
    (void)set("0");
    meddle_at(PROXY_AFTER, delete_lanes, path);
    REQUIRE_STATUS(
        corral_value_set_async(setting, "1", 1, CORRAL_FOREVER, record_stamp, &results.records[0], &op),
        CORRAL_OK);
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    assert_meddled(1);
    ASSERT_STATUS(corral_op_status(op), CORRAL_EUNCERTAIN);
    ASSERT_STATUS(corral_op_cause(op), CORRAL_ENOENT);
    corral_op_unref(op);
    ASSERT_INT64(set("2").version, 2);
}

/* --- ended early --- */

/* Send a set that the server makes, but whose reply is held back. */
static corral_op *send_set(unsigned i, const char *text, int64_t timeout_ms)
{
    uint64_t writes = proxy_count(through, PROXY_WRITES);
    corral_op *op = NULL;

    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(corral_value_set_async(setting, text, strlen(text), timeout_ms, record_stamp,
                                          &results.records[i], &op),
                   CORRAL_OK);
    REQUIRE(proxy_wait(through, PROXY_WRITES, writes + 1, TESTING_PATIENCE_MS));
    return op;
}

static void assert_ended(corral_op *op, int status, int cause)
{
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), status);
    ASSERT_STATUS(corral_op_cause(op), cause);
    corral_op_unref(op);
}

/* What comes behind it waits until its outcome is known, and comes after it. */
static void a_cancel_keeps_the_order(void)
{
    const char *path = "/value-faults/cancel";
    corral_op *first, *second = NULL, *third = NULL;
    corral_stamp stamp;
    uint64_t writes;

    begin(path);
    (void)set("0");
    first = send_set(0, "1", CORRAL_FOREVER);
    writes = proxy_count(through, PROXY_WRITES);
    REQUIRE_STATUS(
        corral_value_set_async(setting, "2", 1, CORRAL_FOREVER, record_stamp, &results.records[1], &second),
        CORRAL_OK);
    REQUIRE_STATUS(
        corral_value_set_async(setting, "3", 1, CORRAL_FOREVER, record_stamp, &results.records[2], &third),
        CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(first), CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(second), CORRAL_OK);
    assert_ended(first, CORRAL_EUNCERTAIN, CORRAL_ECANCELED);
    assert_ended(second, CORRAL_ECANCELED, CORRAL_ECANCELED);
    ASSERT_INT64(proxy_count(through, PROXY_WRITES), writes);
    proxy_hold(through, 0);
    assert_ended(third, CORRAL_OK, CORRAL_OK);
    stamp = recorder_get(&results, 2).stamp;
    ASSERT_INT64(stamp.version, 2);
    ASSERT_ZNODE(path, "3");
}

static corral_op *looks_up; /* the operation that is to be canceled when it does */

static bool cancel_looking(const wire_request *request, void *arg)
{
    (void)arg;
    if (request->type != WIRE_EXISTS) {
        return false;
    }
    count_meddling(corral_op_cancel(looks_up) == CORRAL_OK);
    return true;
}

/* It was applied, and is canceled while its stamp is looked up, which is lost as well: that says nothing. */
static void a_cancel_of_what_was_applied(void)
{
    const char *path = "/value-faults/applied";
    proxy_rule reply = {.count = 1}, look = {.match = cancel_looking, .count = 1};
    corral_stamp stamp;

    begin(path);
    stamp = set_anew("0");
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    REQUIRE_STATUS(
        corral_value_compare_set_async(setting, &stamp, "1", 1, CORRAL_FOREVER, NULL, NULL, &looks_up),
        CORRAL_OK);
    proxy_cut(through, PROXY_AFTER, &reply);
    proxy_cut(through, PROXY_BEFORE, &look);
    proxy_hold(through, 0);
    assert_ended(looks_up, CORRAL_OK, CORRAL_OK);
    looks_up = NULL;
    ASSERT_INT64(set("2").version, 2);
    assert_meddled(1);
    ASSERT_INT64(atomic_load(&warnings), 0);
}

static void a_deadline(void)
{
    const char *path = "/value-faults/deadline";

    begin(path);
    (void)set("0");
    assert_ended(send_set(0, "1", 200), CORRAL_EUNCERTAIN, CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_value_set(setting, "2", 1, 20, NULL), CORRAL_ETIMEDOUT);
    proxy_hold(through, 0);
    ASSERT_INT64(set("3").version, 2);
}

static void a_deadline_without_a_server(void)
{
    void *data;
    size_t length;

    ASSERT_STATUS(corral_client_close(client), CORRAL_OK); /* it may have connected already */
    proxy_admit(through, PROXY_IGNORE);
    client = server_client(proxy_servers(through));
    setting = fixture_value("/value-faults/nowhere");
    ASSERT_STATUS(corral_value_set(setting, "1", 1, 50, NULL), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_value_compare_set(setting, NULL, "1", 1, 50, NULL), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_value_compare_set(setting, &(corral_stamp){.mzxid = 7}, "1", 1, 50, NULL),
                  CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_value_get(setting, CORRAL_READ_SYNC, 50, &data, &length, NULL), CORRAL_ETIMEDOUT);
    ASSERT_STATUS(corral_value_destroy(setting, 50), CORRAL_ETIMEDOUT);
}

/* The handle and the client may go while its outcome is not known. */
static void a_close(void)
{
    const char *path = "/value-faults/close";
    corral_op *first, *second = NULL;

    begin(path);
    (void)set("0");
    first = send_set(0, "1", CORRAL_FOREVER);
    REQUIRE_STATUS(
        corral_value_set_async(setting, "2", 1, CORRAL_FOREVER, record_stamp, &results.records[1], &second),
        CORRAL_OK);
    ASSERT_STATUS(corral_value_close(setting), CORRAL_OK);
    setting = NULL;
    assert_ended(first, CORRAL_EUNCERTAIN, CORRAL_ECLOSED);
    assert_ended(second, CORRAL_ECLOSED, CORRAL_ECLOSED);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    proxy_hold(through, 0);
    ASSERT_ZNODE(path, "1");
}

/* --- no memory --- */

static void without_memory(void)
{
    const char *path = "/value-faults/memory";
    int32_t version = 0;
    corral_stamp stamp = {0}, last = {0};
    unsigned refused = 0;

    begin(path);
    last = set("0");
    for (unsigned long nth = 1; nth <= 40; nth++) {
        corral_op *ops[3] = {NULL};
        int statuses[3];

        if (nth % 4 == 0) {
            proxy_cut_all(through);
        }
        corrali_alloc_fail_from(nth % 10 + 1);
        for (unsigned i = 0; i < 3; i++) {
            statuses[i] = corral_value_set_async(setting, "x", 1, CORRAL_FOREVER, NULL, NULL, &ops[i]);
        }
        for (unsigned i = 0; i < 3; i++) {
            (void)corral_op_wait(ops[i], 5); /* what can end without memory does */
        }
        corrali_alloc_fail_from(0);
        for (unsigned i = 0; i < 3; i++) {
            if (ops[i] != NULL) {
                ASSERT_STATUS(corral_op_wait(ops[i], TESTING_PATIENCE_MS), CORRAL_OK);
                statuses[i] = corral_op_status(ops[i]);
                corral_op_unref(ops[i]);
            }
            CU_ASSERT(statuses[i] == CORRAL_OK || statuses[i] == CORRAL_ENOMEM);
            version += statuses[i] == CORRAL_OK;
            refused += statuses[i] != CORRAL_OK;
        }
    }
    ASSERT_INT64(stat_of(path).version, version);
    CU_ASSERT(refused > 0 && version > 0);
    REQUIRE_STATUS(compare_set(&last, "y", &stamp), CORRAL_ECONFLICT);
    ASSERT_INT64(stamp.version, version);
    ASSERT_INT64(stats().uncertain, 0);
}

static CU_TestInfo losses[] = {
    {"sets", sets},
    {"compare_sets", compare_sets},
    {"creations and destructions", creations_and_destructions},
    {"the server restarts", the_server_restarts},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo meddling[] = {
    {"somebody else's set", somebody_elses_set},
    {"somebody else's creation", somebody_elses_creation},
    {"another incarnation", another_incarnation},
    {"another incarnation, unannounced", another_incarnation_unannounced},
    {"expired in between", expired_in_between},
    {"without its lane", without_its_lane},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo ends[] = {
    {"a cancel keeps the order", a_cancel_keeps_the_order},
    {"a cancel of what was applied", a_cancel_of_what_was_applied},
    {"a deadline", a_deadline},
    {"a deadline without a server", a_deadline_without_a_server},
    {"a close", a_close},
    {"without memory", without_memory},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"losses", NULL, NULL, setup, teardown, losses},
    {"meddling", NULL, NULL, setup, teardown, meddling},
    {"ends", NULL, NULL, setup, teardown, ends},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

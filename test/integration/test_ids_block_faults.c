/**
 * BLOCK when things go wrong: whatever becomes of a lease, its numbers are given
 * once or never, and what is leased already can be had.
 */
#include <corral/ids.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "lib/numbering.h"
#include "lib/peer.h"

enum { THREADS = 8, LOSE_EVERY = 3, CRASHES = 5, CRASH_NUMBERS = 7, ASKED = 6 };

static recorder results;

static void setup(void)
{
    fixture_open();
    recorder_open(&results, 8);
}

static void teardown(void)
{
    corrali_alloc_fail_from(0);
    fixture_close();
    recorder_close(&results);
}

/* --- lost replies --- */

static corral_client_stats stats(void)
{
    corral_client_stats result = {0};

    ASSERT_STATUS(corral_client_get_stats(client, &result), CORRAL_OK);
    return result;
}

/* Draw numbers with every third lease lost at @place, while others draw undisturbed. */
static void draw_through(const char *path, proxy_place place)
{
    proxy_rule rule = {.every = LOSE_EVERY};
    corral_client *second = server_client(server_connect());
    corral_ids *ids = numbering_open(client, path, CORRAL_IDS_BLOCK, 5);
    corral_ids *other = numbering_open(second, path, CORRAL_IDS_BLOCK, 5);
    corral_ids *handles[THREADS];
    numbering_result result;

    for (unsigned i = 0; i < THREADS; i++) {
        handles[i] = i < THREADS / 2 ? ids : other;
    }
    proxy_cut(through, place, &rule);
    result = numbering_draw(handles, THREADS, testing_scaled(200));
    proxy_cut(through, place, NULL);
    ASSERT_UNIQUE(&result);
    numbering_free(&result);
    CU_ASSERT(stats().resends > 0);
    ASSERT_INT64(stats().uncertain, 0);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ASSERT_STATUS(corral_ids_close(other), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(second), CORRAL_OK);
}

static void replies_to_leases_are_lost(void)
{
    draw_through("/faults/replies", PROXY_AFTER);
    CU_ASSERT(stats().resends_applied > 0);
}

static void leases_are_lost(void)
{
    draw_through("/faults/requests", PROXY_BEFORE);
}

static atomic_int failures;

/* On the proxy's thread. */
static void delete_lanes(void *arg)
{
    raw *beside = raw_open(server_connect());

    (void)arg;
    if (beside == NULL || raw_delete_below(beside, "/corral/writers") != ZOK) {
        atomic_fetch_add(&failures, 1);
    }
    raw_close(beside);
}

static bool leases(const wire_request *request, void *path)
{
    return wire_changes_below(request, path);
}

/* Nobody knows what has become of it: another one is taken in its place, and who waits knows nothing of it.
 */
static void the_outcome_of_a_lease_stays_unknown(void)
{
    proxy_rule rule = {
        .match = leases, .match_arg = (void *)"/faults/unknown", .count = 1, .on_cut = delete_lanes};
    corral_ids *ids = numbering_open(client, "/faults/unknown", CORRAL_IDS_BLOCK, 10);

    for (uint64_t i = 1; i <= 10; i++) {
        ASSERT_NEXT(ids, i);
    }
    proxy_cut(through, PROXY_AFTER, &rule);
    ASSERT_NEXT(ids, 21);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 1);
    ASSERT_INT64(atomic_load(&failures), 0);
    ASSERT_INT64(stats().uncertain, 0); /* no call's outcome is */
    ASSERT_INT64(numbering_stored("/faults/unknown"), 30);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* --- sessions --- */

static void numbers_can_be_had_while_the_session_expires(void)
{
    corral_ids *ids = numbering_open(client, "/faults/expiry", CORRAL_IDS_BLOCK, 10);

    counter = fixture_counter("/faults/expiry-count");
    for (uint64_t next = 1; next <= 35;) {
        ASSERT_NEXT(ids, next++);
        REQUIRE_STATUS(corral_counter_add(counter, 1, CORRAL_FOREVER, NULL),
                       CORRAL_OK); /* it is there again */
        REQUIRE(server_expire(through));
        for (int i = 0; i < 4; i++) {
            ASSERT_NEXT(ids, next++);
        }
    }
    CU_ASSERT(stats().sessions > 1);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void who_waits_survives_the_session(void)
{
    corral_ids *ids = numbering_open(client, "/faults/waiting", CORRAL_IDS_BLOCK, 10);

    ASSERT_NEXT(ids, 1);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    for (unsigned i = 0; i < 3; i++) {
        REQUIRE_STATUS(
            corral_ids_next_many_async(ids, 5, CORRAL_FOREVER, record_ids, &results.records[i], NULL),
            CORRAL_OK);
    }
    REQUIRE(server_expire(through));
    proxy_hold(through, 0);
    REQUIRE(recorder_wait(&results, 3));
    for (unsigned i = 0; i < 3; i++) {
        ASSERT_STATUS(recorder_get(&results, i).status, CORRAL_OK);
        CU_ASSERT(recorder_get(&results, i).value > (i == 0 ? 1 : recorder_get(&results, i - 1).stamp.czxid));
    }
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* --- crashes --- */

static const char crash_word[] = "crash";

/* The program that crashes: it draws some numbers, says them, and is gone. */
static int draw_and_crash(const char *servers)
{
    corral_client *own = NULL;
    corral_ids *ids = NULL;
    uint64_t id;

    if (corral_client_open(servers, NULL, &own) != CORRAL_OK ||
        corral_ids_open(own, "/faults/crash", NULL, &ids) != CORRAL_OK) {
        _Exit(1);
    }
    puts("ready");
    for (int i = 0; i < CRASH_NUMBERS; i++) {
        if (corral_ids_next(ids, TESTING_PATIENCE_MS, &id) != CORRAL_OK) {
            _Exit(1);
        }
        printf("%" PRIu64 "\n", id);
    }
    fflush(stdout);
    _Exit(0);
}

static void a_crash_wastes_what_was_leased(void)
{
    char *program[] = {(char *)"/proc/self/exe", (char *)crash_word, (char *)server_connect(), NULL};
    int64_t last = 0;

    for (int i = 0; i < CRASHES; i++) {
        peer *crashing = peer_start(program);
        int64_t leased = numbering_stored("/faults/crash");

        REQUIRE(crashing != NULL && peer_await(crashing));
        for (int k = 0; k < CRASH_NUMBERS; k++) {
            char line[32] = "";
            int64_t number;

            CU_ASSERT(peer_hear(crashing, line, sizeof line));
            number = strtoll(line, NULL, 10);
            CU_ASSERT(number > last && number > leased);
            last = number;
        }
        CU_ASSERT(peer_stop(crashing));
    }
}

/* --- others meddle --- */

static void assert_corrupt(corral_ids *ids)
{
    uint64_t id = 0;

    for (uint64_t i = 2; i <= 10; i++) {
        ASSERT_NEXT(ids, i);
    }
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECORRUPT);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_ECORRUPT);
    ASSERT_INT64(id, 0);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

static void a_generator_that_is_destroyed_has_its_range_left(void)
{
    corral_ids *ids = numbering_open(client, "/faults/destroyed", CORRAL_IDS_BLOCK, 10);

    ASSERT_NEXT(ids, 1);
    REQUIRE(raw_delete(server_raw(), "/faults/destroyed") == ZOK);
    assert_corrupt(ids);
    CU_ASSERT(raw_exists(server_raw(), "/faults/destroyed", NULL) == ZNONODE);
}

static void one_made_anew_is_another_one(void)
{
    corral_ids *ids = numbering_open(client, "/faults/anew", CORRAL_IDS_BLOCK, 10);
    corral_ids *later;

    ASSERT_NEXT(ids, 1);
    REQUIRE(raw_delete(server_raw(), "/faults/anew") == ZOK);
    later = numbering_open(client, "/faults/anew", CORRAL_IDS_BLOCK, 10);
    for (uint64_t i = 1; i <= 11; i++) {
        ASSERT_NEXT(later, i); /* it repeats them, as is documented */
    }
    assert_corrupt(ids);
    ASSERT_NEXT(later, 12);
    ASSERT_STATUS(corral_ids_close(later), CORRAL_OK);
}

static void a_lease_that_is_not_allowed_says_where(void)
{
    struct ACL entry = {ZOO_PERM_READ | ZOO_PERM_ADMIN, ZOO_ANYONE_ID_UNSAFE};
    struct ACL_vector acl = {1, &entry};
    corral_ids *ids = numbering_open(client, "/faults/access", CORRAL_IDS_BLOCK, 10);
    corral_op *op = NULL;

    numbering_put("/faults/access", "block", 0);
    REQUIRE(raw_set_acl(server_raw(), "/faults/access", &acl) == ZOK);
    REQUIRE_STATUS(corral_ids_next_async(ids, CORRAL_FOREVER, record_ids, &results.records[0], &op),
                   CORRAL_OK);
    REQUIRE_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_EACCES);
    CU_ASSERT_STRING_EQUAL(corral_op_path(op), "/faults/access");
    corral_op_unref(op);
    entry.perms = ZOO_PERM_ALL;
    REQUIRE(raw_set_acl(server_raw(), "/faults/access", &acl) == ZOK);
    ASSERT_NEXT(ids, 1);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
}

/* ... also when that is not the generator's own znode. */
static void nor_is_house_keeping(void)
{
    struct ACL entry = {ZOO_PERM_READ, ZOO_ANYONE_ID_UNSAFE};
    struct ACL_vector acl = {1, &entry};
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    corral_client *own;
    corral_ids *ids;
    corral_op *op = NULL;

    REQUIRE(raw_create(server_raw(), "/closed-house", "", 0) == ZOK);
    REQUIRE(raw_create(server_raw(), "/closed-house/epochs", "", 0) == ZOK);
    REQUIRE(raw_create(server_raw(), "/closed-house/writers", "", 0) == ZOK);
    REQUIRE(raw_set_acl(server_raw(), "/closed-house/writers", &acl) == ZOK);
    options.home = "/closed-house";
    own = server_client_with(server_connect(), options);
    ids = numbering_open(own, "/faults/house", CORRAL_IDS_BLOCK, 10);
    REQUIRE_STATUS(corral_ids_next_async(ids, CORRAL_FOREVER, record_ids, &results.records[0], &op),
                   CORRAL_OK);
    REQUIRE_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_EACCES);
    CU_ASSERT(strncmp(corral_op_path(op), "/closed-house/writers/", 22) == 0);
    corral_op_unref(op);
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ASSERT_STATUS(corral_client_close(own), CORRAL_OK);
}

/* --- no memory --- */

/*
 * Ask for numbers with no memory from the @nth allocation on, then let there be
 * memory. Numbers must be greater than @last; returns the last one.
 */
static int64_t draw_short_of_memory(corral_ids *ids, unsigned long nth, int64_t last, unsigned *refused)
{
    corral_op *ops[ASKED] = {NULL};
    unsigned accepted = 0;

    recorder_close(&results);
    recorder_open(&results, ASKED);
    corrali_alloc_fail_from(nth);
    for (unsigned i = 0; i < ASKED; i++) {
        int status = corral_ids_next_many_async(ids, 1 + i % 3, CORRAL_FOREVER, record_ids,
                                                &results.records[accepted], &ops[accepted]);

        if (status == CORRAL_OK) {
            accepted++;
        } else {
            ASSERT_STATUS(status, CORRAL_ENOMEM);
            (*refused)++;
        }
    }
    /* What can end without memory does; the rest is given the time to try. */
    for (unsigned i = 0; i < accepted; i++) {
        (void)corral_op_wait(ops[i], 2);
    }
    corrali_alloc_fail_from(0);
    REQUIRE(recorder_wait(&results, accepted));
    for (unsigned i = 0; i < accepted; i++) {
        record got = recorder_get(&results, i);

        ASSERT_INT64(got.calls, 1);
        if (got.status == CORRAL_OK) {
            CU_ASSERT(got.value > last);
            last = got.stamp.czxid;
        } else {
            ASSERT_STATUS(got.status, CORRAL_ENOMEM);
            (*refused)++;
        }
        corral_op_unref(ops[i]);
    }
    return last;
}

static void numbers_survive(uint64_t block_size)
{
    int64_t last = numbering_stored("/faults/memory");
    unsigned refused = 0;
    uint64_t id = 0;

    for (unsigned long nth = 1; nth <= 12; nth++) {
        corral_ids *ids = numbering_open(client, "/faults/memory", CORRAL_IDS_BLOCK, block_size);

        last = draw_short_of_memory(ids, nth, last, &refused);
        last = draw_short_of_memory(ids, nth, last, &refused);
        ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_OK);
        CU_ASSERT((int64_t)id > last);
        last = (int64_t)id;
        ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    }
    CU_ASSERT(refused > 0);
    ASSERT_INT64(stats().uncertain, 0);
}

static void numbers_survive_without_memory(void)
{
    numbers_survive(2);
    numbers_survive(0);
}

int main(int argc, char **argv)
{
    CU_TestInfo lost[] = {
        {"replies to leases are lost", replies_to_leases_are_lost},
        {"leases are lost", leases_are_lost},
        {"the outcome of a lease stays unknown", the_outcome_of_a_lease_stays_unknown},
        {"numbers can be had while the session expires", numbers_can_be_had_while_the_session_expires},
        {"who waits survives the session", who_waits_survives_the_session},
        {"a crash wastes what was leased", a_crash_wastes_what_was_leased},
        CU_TEST_INFO_NULL};
    CU_TestInfo meddled[] = {
        {"a generator that is destroyed has its range left",
         a_generator_that_is_destroyed_has_its_range_left},
        {"one made anew is another one", one_made_anew_is_another_one},
        {"a lease that is not allowed says where", a_lease_that_is_not_allowed_says_where},
        {"nor is house-keeping", nor_is_house_keeping},
        {"numbers survive without memory", numbers_survive_without_memory},
        CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"lost", NULL, NULL, setup, teardown, lost},
                             {"meddled with", NULL, NULL, setup, teardown, meddled},
                             CU_SUITE_INFO_NULL};

    return argc == 3 && strcmp(argv[1], crash_word) == 0 ? draw_and_crash(argv[2])
                                                         : server_run_suites(1, argc, argv, suites);
}

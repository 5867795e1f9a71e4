/**
 * Asking what a generator is: any kind's, without making one or taking a number.
 */
#include <corral/ids.h>

#include <string.h>

#include "lib/fixture.h"

static corral_ids *ids;

static void open_as(corral_client *of, const char *path, corral_ids_kind kind)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;

    options.kind = kind;
    REQUIRE_STATUS(corral_ids_open(of, path, &options, &ids), CORRAL_OK);
}

static void close_it(void)
{
    ASSERT_STATUS(corral_ids_close(ids), CORRAL_OK);
    ids = NULL;
}

static void teardown(void)
{
    close_it();
    fixture_close();
}

/* Options that nobody has filled in. */
static corral_ids_options blank(void)
{
    corral_ids_options options;

    memset(&options, 0x55, sizeof options);
    return options;
}

static void assert_told(corral_ids_kind kind, int64_t epoch_ms, uint32_t worker_bits, uint32_t sequence_bits)
{
    static const corral_ids_options init = CORRAL_IDS_OPTIONS_INIT;
    corral_ids_options told = blank();

    ASSERT_STATUS(corral_ids_info(ids, TESTING_PATIENCE_MS, &told), CORRAL_OK);
    ASSERT_INT64(told.version, CORRAL_IDS_OPTIONS_VERSION);
    ASSERT_INT64(told.kind, kind);
    ASSERT_INT64(told.epoch_ms, epoch_ms);
    ASSERT_INT64(told.worker_bits, worker_bits);
    ASSERT_INT64(told.sequence_bits, sequence_bits);
    ASSERT_INT64(told.flags, init.flags);
    ASSERT_INT64(told.block_size, init.block_size);
    ASSERT_INT64(told.clock_wait_ms, init.clock_wait_ms);
    CU_ASSERT_PTR_NULL(told.label);
}

static void assert_refused(int64_t timeout_ms, int status)
{
    corral_ids_options told = blank(), before = blank();

    ASSERT_STATUS(corral_ids_info(ids, timeout_ms, &told), status);
    CU_ASSERT_EQUAL(memcmp(&told, &before, sizeof told), 0);
}

static void every_kind_is_told(void)
{
    static const struct {
        const char *path, *data;
        corral_ids_kind kind;
        int64_t epoch_ms;
        uint32_t worker_bits, sequence_bits;
    } cases[] = {
        {"/info/sequence", "ids sequence 6f1d0c2be1a94d7e 42", CORRAL_IDS_SEQUENCE, 1704067200000, 10, 12},
        {"/info/block", "ids block 6f1d0c2be1a94d7e 5000", CORRAL_IDS_BLOCK, 1704067200000, 10, 12},
        {"/info/znode", "ids znode 6f1d0c2be1a94d7e 3", CORRAL_IDS_ZNODE, 1704067200000, 10, 12},
        {"/info/snowflake", "ids snowflake 6f1d0c2be1a94d7e 1600000000000 5 8 0", CORRAL_IDS_SNOWFLAKE,
         1600000000000, 5, 8}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        server_put(cases[i].path, cases[i].data);
        open_as(client, cases[i].path, CORRAL_IDS_STORED);
        assert_told(cases[i].kind, cases[i].epoch_ms, cases[i].worker_bits, cases[i].sequence_bits);
        ASSERT_ZNODE(cases[i].path, cases[i].data);
        close_it();
    }
}

static void what_is_not_there_is_not_made(void)
{
    uint64_t id = 0;

    open_as(client, "/info/absent/one", CORRAL_IDS_SEQUENCE);
    assert_refused(TESTING_PATIENCE_MS, CORRAL_ENOENT);
    ASSERT_INT64(raw_exists(server_raw(), "/info/absent", NULL), ZNONODE);
    /* The handle is as good as new. */
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_OK);
    ASSERT_INT64(id, 1);
    assert_told(CORRAL_IDS_SEQUENCE, 1704067200000, 10, 12);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_OK);
    ASSERT_INT64(id, 2);
}

static void what_was_begun_with_needs_no_request(void)
{
    uint64_t id = 0;

    open_as(client, "/info/begun", CORRAL_IDS_STORED);
    ASSERT_STATUS(corral_ids_next(ids, TESTING_PATIENCE_MS, &id), CORRAL_OK);
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    assert_told(CORRAL_IDS_SEQUENCE, 1704067200000, 10, 12);
    proxy_hold(through, 0);
}

/* While it is being made for somebody else, the answer is what it will be. */
static void an_asker_waits_with_the_others(void)
{
    corral_op *op = NULL;

    open_as(client, "/info/together", CORRAL_IDS_STORED);
    REQUIRE_STATUS(corral_ids_next_async(ids, TESTING_PATIENCE_MS, NULL, NULL, &op), CORRAL_OK);
    for (int status = CORRAL_ENOENT; status == CORRAL_ENOENT;) {
        corral_ids_options told;

        status = corral_ids_info(ids, TESTING_PATIENCE_MS, &told);
        CU_ASSERT(status == CORRAL_ENOENT || (status == CORRAL_OK && told.kind == CORRAL_IDS_SEQUENCE));
    }
    ASSERT_STATUS(corral_op_wait(op, TESTING_PATIENCE_MS), CORRAL_OK);
    ASSERT_STATUS(corral_op_status(op), CORRAL_OK);
    corral_op_unref(op);
}

static void what_does_not_fit_is_refused(void)
{
    server_put("/info/other", "ids block 6f1d0c2be1a94d7e 5000");
    open_as(client, "/info/other", CORRAL_IDS_SEQUENCE);
    assert_refused(TESTING_PATIENCE_MS, CORRAL_ECONFLICT);
    close_it();
    server_put("/info/counter", "5");
    open_as(client, "/info/counter", CORRAL_IDS_STORED);
    assert_refused(TESTING_PATIENCE_MS, CORRAL_ECORRUPT);
    /* What has become one is told: nothing is remembered of a failure. */
    server_put("/info/counter", "ids block 6f1d0c2be1a94d7e 5000");
    assert_told(CORRAL_IDS_BLOCK, 1704067200000, 10, 12);
}

static void a_deadline_ends_it(void)
{
    open_as(client, "/info/late", CORRAL_IDS_STORED);
    proxy_hold(through, PROXY_HOLD_REQUESTS);
    assert_refused(50, CORRAL_ETIMEDOUT);
    proxy_hold(through, 0);
    assert_refused(TESTING_PATIENCE_MS, CORRAL_ENOENT);
}

static bool reads_data(const wire_request *request, void *arg)
{
    (void)arg;
    return request->type == WIRE_GET_DATA;
}

static void a_lost_reply_is_asked_for_again(void)
{
    static const proxy_rule lost = {.match = reads_data, .count = 1};

    server_put("/info/lost", "ids znode 6f1d0c2be1a94d7e 3");
    open_as(client, "/info/lost", CORRAL_IDS_STORED);
    proxy_cut(through, PROXY_AFTER, &lost);
    assert_told(CORRAL_IDS_ZNODE, 1704067200000, 10, 12);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 1);
}

static void callbacks_of_the_callers_own_do_not_matter(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    corral_client *looping;

    server_put("/info/fd", "ids znode 6f1d0c2be1a94d7e 3");
    options.dispatch = CORRAL_DISPATCH_FD;
    looping = server_client_with(server_connect(), options);
    open_as(looping, "/info/fd", CORRAL_IDS_STORED);
    assert_told(CORRAL_IDS_ZNODE, 1704067200000, 10, 12);
    close_it();
    ASSERT_STATUS(corral_client_close(looping), CORRAL_OK);
}

static void what_makes_no_sense_is_refused(void)
{
    corral_ids_options told = blank();

    ASSERT_STATUS(corral_ids_info(NULL, 0, &told), CORRAL_EINVAL);
    open_as(client, "/info/arguments", CORRAL_IDS_STORED);
    ASSERT_STATUS(corral_ids_info(ids, 0, NULL), CORRAL_EINVAL);
    assert_refused(-2, CORRAL_EINVAL);
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    assert_refused(TESTING_PATIENCE_MS, CORRAL_ECLOSED);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {
        {"every kind is told", every_kind_is_told},
        {"what is not there is not made", what_is_not_there_is_not_made},
        {"what was begun with needs no request", what_was_begun_with_needs_no_request},
        {"an asker waits with the others", an_asker_waits_with_the_others},
        {"what does not fit is refused", what_does_not_fit_is_refused},
        {"a deadline ends it", a_deadline_ends_it},
        {"a lost reply is asked for again", a_lost_reply_is_asked_for_again},
        {"callbacks of the caller's own do not matter", callbacks_of_the_callers_own_do_not_matter},
        {"what makes no sense is refused", what_makes_no_sense_is_refused},
        CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"ids: info", NULL, NULL, fixture_open, teardown, tests}, CU_SUITE_INFO_NULL};

    return server_run_suites(1, argc, argv, suites);
}

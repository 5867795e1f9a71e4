/**
 * The fault-making proxy itself, with nothing but libzookeeper on either side:
 * what the other tests conclude rests on it.
 */
#include "lib/server.h"

static proxy *through;
static raw *client; /* by way of the proxy */

static void setup(void)
{
    through = proxy_open(server_connect());
    REQUIRE(through != NULL);
    client = raw_open(proxy_servers(through));
    REQUIRE(client != NULL);
}

static void teardown(void)
{
    raw_close(client);
    proxy_close(through);
}

static void passes_everything_on(void)
{
    char data[32];

    server_put("/proxy/plain", "a");
    CU_ASSERT_EQUAL(raw_get(client, "/proxy/plain", data, sizeof data, NULL), ZOK);
    CU_ASSERT_STRING_EQUAL(data, "a");
    CU_ASSERT_EQUAL(raw_set(client, "/proxy/plain", "bc", 2), ZOK);
    ASSERT_ZNODE("/proxy/plain", "bc");
    CU_ASSERT_EQUAL(raw_count_below(client, "/proxy/plain"), 0);
    CU_ASSERT_EQUAL(raw_delete(client, "/proxy/plain/absent"), ZNONODE);
    ASSERT_INT64(proxy_count(through, PROXY_CONNECTIONS), 1);
    ASSERT_INT64(proxy_count(through, PROXY_REQUESTS), 4);
    ASSERT_INT64(proxy_count(through, PROXY_WRITES), 2);
    ASSERT_INT64(proxy_count(through, PROXY_REPLIES), 4);
}

static void passes_large_frames_on(void)
{
    enum { LARGE = 900000 };
    static char sent[LARGE], received[LARGE + 1];

    memset(sent, 'x', sizeof sent);
    server_put("/proxy/large", "");
    CU_ASSERT_EQUAL(raw_set(client, "/proxy/large", sent, LARGE), ZOK);
    CU_ASSERT_EQUAL(raw_get(client, "/proxy/large", received, sizeof received, NULL), ZOK);
    CU_ASSERT(memcmp(sent, received, LARGE) == 0);
}

static void loses_the_reply_of_an_applied_write(void)
{
    proxy_rule rule = {.count = 1};

    server_put("/proxy/after", "old");
    proxy_cut(through, PROXY_AFTER, &rule);
    CU_ASSERT_EQUAL(raw_set(client, "/proxy/after", "new", 3), ZCONNECTIONLOSS);
    ASSERT_ZNODE("/proxy/after", "new");
    CU_ASSERT_EQUAL(raw_exists(client, "/proxy/after", NULL), ZOK);
    CU_ASSERT_EQUAL(raw_set(client, "/proxy/after", "newer", 5), ZOK);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 1);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_BEFORE), 0);
    ASSERT_INT64(proxy_count(through, PROXY_CONNECTIONS), 2);
}

static void loses_a_request_before_the_server(void)
{
    proxy_rule rule = {.count = 1};

    server_put("/proxy/before", "old");
    proxy_cut(through, PROXY_BEFORE, &rule);
    CU_ASSERT_EQUAL(raw_set(client, "/proxy/before", "new", 3), ZCONNECTIONLOSS);
    ASSERT_ZNODE("/proxy/before", "old");
    CU_ASSERT_EQUAL(raw_exists(client, "/proxy/before", NULL), ZOK);
    CU_ASSERT_EQUAL(raw_set(client, "/proxy/before", "new", 3), ZOK);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 0);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_BEFORE), 1);
}

static void cuts_every_third_of_those_that_match(void)
{
    proxy_rule rule = {.every = 3};
    unsigned lost = 0;

    server_put("/proxy/third", "");
    proxy_cut(through, PROXY_AFTER, &rule);
    for (int i = 0; i < 10; i++) {
        lost += raw_set(client, "/proxy/third", "x", 1) == ZCONNECTIONLOSS;
        CU_ASSERT_EQUAL(raw_exists(client, "/proxy/third", NULL), ZOK);
        CU_ASSERT_EQUAL(raw_set(client, "/proxy/third/absent", "x", 1), ZNONODE);
    }
    ASSERT_INT64(lost, 3);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 3);
    proxy_cut(through, PROXY_AFTER, NULL);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(raw_set(client, "/proxy/third", "y", 1), ZOK);
    }
}

static void loses_replies_of_failures_when_told_to(void)
{
    proxy_rule rule = {.failed_too = true, .count = 1};

    proxy_cut(through, PROXY_AFTER, &rule);
    CU_ASSERT_EQUAL(raw_set(client, "/proxy-absent", "x", 1), ZCONNECTIONLOSS);
    CU_ASSERT_EQUAL(raw_exists(client, "/proxy-absent", NULL), ZNONODE);
}

static bool changes_chosen(const wire_request *request, void *arg)
{
    return wire_changes_below(request, arg);
}

static void understands_multis(void)
{
    proxy_rule rule = {.match = changes_chosen, .match_arg = (void *)"/proxy/multi/chosen"};
    zoo_op_result_t results[3];
    zoo_op_t ops[3];

    server_put("/proxy/multi/chosen", "1");
    server_put("/proxy/multi/chosenx", "1");
    proxy_cut(through, PROXY_AFTER, &rule);

    zoo_check_op_init(&ops[0], "/proxy/multi/chosen", -1);
    CU_ASSERT_EQUAL(zoo_multi(raw_handle(client), 1, ops, results), ZOK);
    ASSERT_INT64(proxy_count(through, PROXY_WRITES), 0);

    zoo_create_op_init(&ops[0], "/proxy/multi/made", "", 0, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0);
    ops[0].create_op.acl = &ZOO_OPEN_ACL_UNSAFE;
    zoo_set_op_init(&ops[1], "/proxy/multi/chosenx", "2", 1, 0, NULL);
    CU_ASSERT_EQUAL(zoo_multi(raw_handle(client), 2, ops, results), ZOK);

    zoo_delete_op_init(&ops[0], "/proxy/multi/made", 0);
    zoo_set_op_init(&ops[1], "/proxy/multi/chosen", "2", 1, 9, NULL);
    CU_ASSERT_EQUAL(zoo_multi(raw_handle(client), 2, ops, results), ZBADVERSION);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 0);

    zoo_set_op_init(&ops[1], "/proxy/multi/chosen", "2", 1, 0, NULL);
    CU_ASSERT_EQUAL(zoo_multi(raw_handle(client), 2, ops, results), ZCONNECTIONLOSS);
    ASSERT_ZNODE("/proxy/multi/chosen", "2");
    CU_ASSERT_EQUAL(raw_exists(server_raw(), "/proxy/multi/made", NULL), ZNONODE);
    ASSERT_INT64(proxy_count(through, PROXY_WRITES), 3);
    ASSERT_INT64(proxy_count(through, PROXY_CUT_AFTER), 1);
}

struct hook {
    raw *other;
    int result;
    uint64_t connections;
};

static void act_in_between(void *arg)
{
    struct hook *hook = arg;

    hook->result = raw_set(hook->other, "/proxy/hook", "between", 7);
    hook->connections = proxy_count(through, PROXY_CONNECTIONS);
    proxy_cut(through, PROXY_AFTER, NULL);
}

static void runs_the_hook_before_the_next_connection(void)
{
    struct hook hook = {.other = server_raw()};
    proxy_rule rule = {.on_cut = act_in_between, .on_cut_arg = &hook};
    char data[32];

    server_put("/proxy/hook", "old");
    proxy_cut(through, PROXY_AFTER, &rule);
    CU_ASSERT_EQUAL(raw_set(client, "/proxy/hook", "lost", 4), ZCONNECTIONLOSS);
    CU_ASSERT_EQUAL(raw_get(client, "/proxy/hook", data, sizeof data, NULL), ZOK);
    CU_ASSERT_STRING_EQUAL(data, "between");
    CU_ASSERT(proxy_wait(through, PROXY_CUT_AFTER, 1, TESTING_PATIENCE_MS));
    CU_ASSERT_EQUAL(hook.result, ZOK);
    ASSERT_INT64(hook.connections, 1);
    CU_ASSERT_EQUAL(raw_set(client, "/proxy/hook", "x", 1), ZOK);
}

static void on_set(int result, const struct Stat *stat, const void *data)
{
    (void)stat;
    record_status(result, (void *)data);
}

static void keeps_back_what_is_held(void)
{
    recorder results;
    uint64_t replies;

    recorder_open(&results, 2);
    server_put("/proxy/held", "old");
    replies = proxy_count(through, PROXY_REPLIES);
    proxy_hold(through, PROXY_HOLD_REPLIES);
    CU_ASSERT_EQUAL(zoo_aset(raw_handle(client), "/proxy/held", "one", 3, 0, on_set, &results.records[0]),
                    ZOK);
    CU_ASSERT(proxy_wait(through, PROXY_WRITES, 1, TESTING_PATIENCE_MS));
    proxy_hold(through, PROXY_HOLD_REPLIES | PROXY_HOLD_REQUESTS);
    CU_ASSERT_EQUAL(zoo_aset(raw_handle(client), "/proxy/held", "two", 3, 1, on_set, &results.records[1]),
                    ZOK);
    ASSERT_INT64(recorder_calls(&results), 0);
    ASSERT_INT64(proxy_count(through, PROXY_WRITES), 1);
    ASSERT_INT64(proxy_count(through, PROXY_REPLIES), replies);

    proxy_hold(through, 0);
    CU_ASSERT(recorder_wait(&results, 2));
    CU_ASSERT_EQUAL(recorder_get(&results, 0).status, ZOK);
    CU_ASSERT_EQUAL(recorder_get(&results, 1).status, ZOK);
    ASSERT_ZNODE("/proxy/held", "two");
    recorder_close(&results);
}

static void turns_connections_away(void)
{
    static const proxy_admission ways[] = {PROXY_REFUSE, PROXY_IGNORE};

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        uint64_t before = proxy_count(through, PROXY_CONNECTIONS);

        proxy_admit(through, ways[i]);
        proxy_cut_all(through);
        int result = raw_set(client, "/proxy", "x", 1);
        CU_ASSERT(result == ZCONNECTIONLOSS || result == ZOPERATIONTIMEOUT);
        if (ways[i] == PROXY_REFUSE) {
            CU_ASSERT(proxy_wait(through, PROXY_CONNECTIONS, before + 2, TESTING_PATIENCE_MS));
        } else {
            ASSERT_INT64(proxy_count(through, PROXY_CONNECTIONS), before);
        }
        proxy_admit(through, PROXY_ACCEPT);
        CU_ASSERT_EQUAL(raw_exists(client, "/", NULL), ZOK);
    }
}

static void tells_the_session_so_that_it_can_be_ended(void)
{
    int64_t session = 0;
    char password[16];

    REQUIRE(proxy_session(through, &session, password));
    ASSERT_INT64(session, zoo_client_id(raw_handle(client))->client_id);
    CU_ASSERT(server_expire(through));
    CU_ASSERT_EQUAL(raw_exists(client, "/", NULL), ZSESSIONEXPIRED);
    CU_ASSERT(!raw_expire(server_connect(), session, password));
}

static void rides_out_a_server_that_is_away(void)
{
    char error[256];

    dev_kill(server_ensemble(), 0);
    CU_ASSERT_EQUAL(raw_set(client, "/proxy", "x", 1), ZCONNECTIONLOSS);
    CU_ASSERT_EQUAL(dev_restart(server_ensemble(), 0, error, sizeof error), 0);
    CU_ASSERT_EQUAL(raw_exists(client, "/", NULL), ZOK);
}

static CU_TestInfo tests[] = {
    {"passes everything on", passes_everything_on},
    {"passes large frames on", passes_large_frames_on},
    {"loses the reply of an applied write", loses_the_reply_of_an_applied_write},
    {"loses a request before the server", loses_a_request_before_the_server},
    {"cuts every third of those that match", cuts_every_third_of_those_that_match},
    {"loses replies of failures when told to", loses_replies_of_failures_when_told_to},
    {"understands multis", understands_multis},
    {"runs the hook before the next connection", runs_the_hook_before_the_next_connection},
    {"keeps back what is held", keeps_back_what_is_held},
    {"turns connections away", turns_connections_away},
    {"tells the session so that it can be ended", tells_the_session_so_that_it_can_be_ended},
    {"rides out a server that is away", rides_out_a_server_that_is_away},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"proxy", NULL, NULL, setup, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

/**
 * Requests that no recipe makes, given to the real backend: their answer is
 * defined all the same.
 */
#include "internal.h"
#include "lib/server.h"

static corral_client *client;
static recorder results;

/* One request, and where its status goes. */
typedef struct {
    corrali_request request;
    record *result;
} question;

static void setup(void)
{
    client = server_client(server_connect());
    recorder_open(&results, 1);
}

static void teardown(void)
{
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    recorder_close(&results);
}

static void answered(corrali_request *request)
{
    record_status(request->status, CORRALI_CONTAINER(request, question, request)->result);
}

/* The status of the reply to these @count writes. */
static int ask(const corrali_write *writes, size_t count)
{
    static question own;

    own = (question){.request = {.kind = CORRALI_MULTI, .write_count = count, .done = answered},
                     .result = &results.records[0]};
    unsigned before = recorder_calls(&results);

    for (size_t i = 0; i < count; i++) {
        own.request.writes[i] = writes[i];
    }
    pthread_mutex_lock(&client->mutex);
    corrali_submit_locked(client, &own.request);
    pthread_mutex_unlock(&client->mutex);
    REQUIRE(recorder_wait(&results, before + 1));
    return recorder_get(&results, 0).status;
}

/* Sent, the others would be left out, or the container be a plain znode. */
static void a_container_among_other_writes_is_refused(void)
{
    const corrali_write container = {
        .kind = CORRALI_CREATE, .path = "/backend-container", .data = "", .container = true};
    const corrali_write other = {.kind = CORRALI_CREATE, .path = "/backend-other", .data = ""};

    ASSERT_STATUS(ask((corrali_write[]){container, other}, 2), CORRAL_EINVAL);
    ASSERT_STATUS(ask((corrali_write[]){other, container}, 2), CORRAL_EINVAL);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), container.path, NULL), ZNONODE);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), other.path, NULL), ZNONODE);
    ASSERT_STATUS(ask(&container, 1), CORRAL_OK);
    CU_ASSERT_EQUAL(raw_exists(server_raw(), container.path, NULL), ZOK);
}

static CU_TestInfo tests[] = {
    {"a container among other writes is refused", a_container_among_other_writes_is_refused},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"backend", NULL, NULL, setup, teardown, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return server_run_suites(1, argc, argv, suites);
}

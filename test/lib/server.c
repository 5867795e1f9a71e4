#include "lib/server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLL_US 5000

static dev_ensemble *ensemble;
static raw *beside;

int server_run_suites(int nodes, int argc, char **argv, const CU_SuiteInfo *suites)
{
    dev_options options = {.nodes = nodes};
    char error[512];
    int status = 1;

    if (dev_start(&options, &ensemble, error, sizeof error) != 0) {
        fprintf(stderr, "%s: %s\n", argv[0], error);
        return 1;
    }
    beside = raw_open(server_connect());
    if (beside != NULL) {
        status = testing_run(argc, argv, suites);
    } else {
        fprintf(stderr, "%s: no connection to %s\n", argv[0], server_connect());
    }
    raw_close(beside);
    dev_stop(ensemble);
    return status;
}

dev_ensemble *server_ensemble(void)
{
    return ensemble;
}

const char *server_connect(void)
{
    return dev_connect_string(ensemble);
}

raw *server_raw(void)
{
    return beside;
}

corral_client *server_client(const char *servers)
{
    return server_client_with(servers, (corral_client_options)CORRAL_CLIENT_OPTIONS_INIT);
}

corral_client *server_client_with(const char *servers, corral_client_options options)
{
    corral_client *client = NULL;

    options.session_timeout_ms = SERVER_SESSION_MS;
    REQUIRE_STATUS(corral_client_open(servers, &options, &client), CORRAL_OK);
    return client;
}

bool server_expire(proxy *p)
{
    int64_t session;
    char password[16];

    proxy_admit(p, PROXY_IGNORE);
    proxy_cut_all(p);
    bool expired = proxy_session(p, &session, password) && raw_expire(server_connect(), session, password);
    proxy_admit(p, PROXY_ACCEPT);
    return expired;
}

void server_assert_znode(const char *path, const char *text, const char *file, unsigned line)
{
    char data[128] = "", message[512];
    int result = raw_get(beside, path, data, sizeof data, NULL);

    snprintf(message, sizeof message, "%s holds \"%s\" (%s), expected \"%s\"", path, data, zerror(result),
             text);
    CU_assertImplementation(result == ZOK && strcmp(data, text) == 0 ? CU_TRUE : CU_FALSE, line, message,
                            file, "", CU_FALSE);
}

void server_assert_znode_soon(const char *path, const char *text, const char *file, unsigned line)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    char data[128];

    while ((raw_get(beside, path, data, sizeof data, NULL) != ZOK || strcmp(data, text) != 0) &&
           testing_now_ms() < until) {
        usleep(POLL_US);
    }
    server_assert_znode(path, text, file, line);
}

void server_put(const char *path, const char *text)
{
    int length = (int)strlen(text);
    int result = raw_set(beside, path, text, length);

    if (result == ZNONODE) {
        result = raw_create(beside, path, text, length);
    }
    REQUIRE(result == ZOK);
}

#include "split.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/testing.h"

enum { POLL_US = 20000 };

dev_ensemble *ensemble;
links *network;

int split_open(int tick_ms)
{
    dev_options options = {.nodes = SPLIT_NODES, .tick_ms = tick_ms, .peer_port = links_add};
    char error[512] = "";

    network = links_open();
    options.peer_port_arg = network;
    if (network == NULL || !links_start(network) ||
        dev_start(&options, &ensemble, error, sizeof error) != 0) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    return 0;
}

void split_close(void)
{
    dev_stop(ensemble);
    links_close(network);
}

int split_leader(void)
{
    int64_t until = testing_now_ms() + TESTING_PATIENCE_MS;
    int node;

    while ((node = dev_leader(ensemble)) < 0 && testing_now_ms() < until) {
        usleep(POLL_US);
    }
    REQUIRE(node >= 0);
    return node;
}

corral_client *split_client(int node, int64_t session_ms)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    corral_client *made = NULL;
    char server[32];

    options.session_timeout_ms = session_ms;
    snprintf(server, sizeof server, "127.0.0.1:%d", dev_port(ensemble, node));
    REQUIRE_STATUS(corral_client_open(server, &options, &made), CORRAL_OK);
    return made;
}

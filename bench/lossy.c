/**
 * A proxy that loses replies:
 *
 *     lossy SERVERS EVERY
 *
 * says "ready ADDRESS:PORT" on standard output, which leads to the first of
 * SERVERS. Of the requests there that set data, or are a multi, and that the
 * server has done, every so-many-th one's reply is lost, with the connection. Each line
 * "lost" on standard input is answered by "lost N", how many these were until now. Ends with its input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proxy.h"

static bool is_change(const wire_request *request, void *arg)
{
    (void)arg;
    return request->type == WIRE_SET_DATA || request->type == WIRE_MULTI;
}

int main(int argc, char **argv)
{
    const proxy_rule rule = {.match = is_change, .every = argc == 3 ? (unsigned)atoi(argv[2]) : 0};
    proxy *p = rule.every > 0 ? proxy_open(argv[1]) : NULL;
    char line[16];
    int status = 0;

    if (p == NULL) {
        fprintf(stderr, "usage: lossy SERVERS EVERY, the first one an IPv4 address:port\n");
        return 2;
    }
    proxy_cut(p, PROXY_AFTER, &rule);
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* It says the same several times over. */
    printf("ready %.*s\n", (int)strcspn(proxy_servers(p), ","), proxy_servers(p));
    while (status == 0 && fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "lost\n") == 0) {
            printf("lost %llu\n", (unsigned long long)proxy_count(p, PROXY_CUT_AFTER));
        } else {
            fprintf(stderr, "lossy: %s", line);
            status = 1;
        }
    }
    proxy_close(p);
    return status;
}

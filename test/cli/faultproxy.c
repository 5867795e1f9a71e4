/**
 * faultproxy FAULT PATH COMMAND [ARG...]
 *
 * Runs COMMAND with CORRAL_SERVERS leading through the tests' proxy, which does
 * one FAULT to the first request that changes PATH, and exits with COMMAND's
 * status:
 *
 *   before   the connection is cut, the request never reaches the server
 *   after    the server does it, the connection is cut and the reply lost
 *   silence  the server does it, and from then on no reply comes through
 *   deaf     connections are taken and never answered, whatever PATH
 */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/proxy.h"

static const char *target;
static proxy *relay;

static bool changes_target(const wire_request *request, void *arg)
{
    (void)arg;
    return wire_changes_below(request, target);
}

/** The request itself still goes through: only replies are held. */
static bool silence(const wire_request *request, void *arg)
{
    if (changes_target(request, arg)) {
        proxy_hold(relay, PROXY_HOLD_REPLIES);
    }
    return false;
}

static bool arrange(const char *fault)
{
    proxy_rule rule = {.match = changes_target, .count = 1};
    if (strcmp(fault, "before") == 0) {
        proxy_cut(relay, PROXY_BEFORE, &rule);
    } else if (strcmp(fault, "after") == 0) {
        proxy_cut(relay, PROXY_AFTER, &rule);
    } else if (strcmp(fault, "silence") == 0) {
        rule.match = silence;
        proxy_cut(relay, PROXY_BEFORE, &rule);
    } else if (strcmp(fault, "deaf") == 0) {
        proxy_admit(relay, PROXY_IGNORE);
    } else {
        return false;
    }
    return true;
}

static int run(char **argv)
{
    extern char **environ;
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid) {
        perror(argv[0]);
        return 125;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    const char *servers = getenv("CORRAL_SERVERS");
    if (argc < 4 || servers == NULL) {
        fprintf(stderr, "usage: CORRAL_SERVERS=... faultproxy FAULT PATH COMMAND [ARG...]\n");
        return 125;
    }
    target = argv[2];
    relay = proxy_open(servers);
    if (relay == NULL || !arrange(argv[1]) || setenv("CORRAL_SERVERS", proxy_servers(relay), 1) != 0) {
        fprintf(stderr, "faultproxy: no proxy for %s, or no such fault: %s\n", servers, argv[1]);
        return 125;
    }
    int status = run(argv + 3);
    proxy_close(relay);
    return status;
}

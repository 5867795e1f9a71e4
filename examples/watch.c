/**
 * Follow a configuration: print the bytes of a znode now and at every change,
 * until SIGINT or SIGTERM comes.
 *
 *     watch [PATH]
 *
 * The servers are those of $CORRAL_SERVERS, else 127.0.0.1:2181.
 */
#include <corral.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs on the client's dispatch thread; the event is valid during the call only. */
static void show(const corral_watch_event *event, void *arg)
{
    (void)arg;
    if (event->skipped > 0) {
        printf("(%" PRIu64 " skipped) ", event->skipped);
    }
    if (event->status != CORRAL_OK) {
        printf("cannot be read: %s\n",
               corral_strerror(event->status)); /* what comes next tells when it can */
    } else if (!event->exists) {
        printf("absent\n");
    } else {
        printf("change %" PRId64 ": %.*s\n", event->stamp.mzxid, (int)event->length,
               event->length > 0 ? (const char *)event->value : "");
    }
}

/* As long as the connection is away, what was shown last may be outdated. */
static void tell(corral_client *client, corral_state state, void *arg)
{
    (void)client;
    (void)arg;
    if (state == CORRAL_STATE_SUSPENDED) {
        fprintf(stderr, "watch: disconnected\n");
    } else if (state == CORRAL_STATE_RECONNECTED) {
        fprintf(stderr, "watch: connected again\n");
    }
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/example/config";
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    corral_client *client = NULL;
    corral_value *value = NULL;
    corral_watch *watch = NULL;
    sigset_t ends;
    int number;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    options.state_cb = tell;
    int status = corral_client_open(NULL, &options, &client);
    if (status == CORRAL_OK) {
        status = corral_value_open(client, path, NULL, &value);
    }
    if (status == CORRAL_OK) {
        status = corral_value_subscribe(value, show, NULL, &watch);
    }
    if (status == CORRAL_OK) {
        sigwait(&ends, &number); /* here a program would do its work */
    } else {
        fprintf(stderr, "watch: %s: %s\n", path, corral_strerror(status));
    }
    /* Once this returns, show() does not run any more: what its arg points to might be freed. */
    corral_watch_close(watch);
    corral_value_close(value);
    corral_client_close(client);
    return status == CORRAL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

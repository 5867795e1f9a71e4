/**
 * Follow a znode in a loop of libuv: one thread, with the client's descriptor
 * beside the signals. The data are printed now and at every change, until
 * SIGINT or SIGTERM comes.
 *
 *     libuv [PATH]
 *
 * The servers are those of $CORRAL_SERVERS, else 127.0.0.1:2181.
 */
#include <corral.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum { SIGNALS = 2 };

struct follower {
    corral_client *client;
    corral_watch *watch;
    uv_poll_t poll;
    uv_signal_t signals[SIGNALS];
};

/* Runs inside corral_client_dispatch(): on the loop's own thread, so nothing here needs a lock. */
static void show(const corral_watch_event *event, void *arg)
{
    (void)arg;
    if (event->status != CORRAL_OK) {
        printf("cannot be read: %s\n", corral_strerror(event->status));
    } else if (!event->exists) {
        printf("absent\n");
    } else {
        printf("%.*s\n", (int)event->length, event->length > 0 ? (const char *)event->value : "");
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct follower *follower = poll->data;

    (void)status;
    (void)events;
    corral_client_dispatch(follower->client);
}

/* With its handles closed, the loop has nothing left to wait for: uv_run() returns. */
static void on_signal(uv_signal_t *signal, int number)
{
    struct follower *follower = signal->data;

    fprintf(stderr, "libuv: signal %d: stopping\n", number);
    uv_close((uv_handle_t *)&follower->poll, NULL); /* before the client closes the descriptor */
    for (int i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&follower->signals[i], NULL);
    }
}

static int join_loop(struct follower *follower, uv_loop_t *loop)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM};
    int error = uv_poll_init(loop, &follower->poll, corral_client_fd(follower->client));

    follower->poll.data = follower;
    if (error == 0) {
        error = uv_poll_start(&follower->poll, UV_READABLE, on_readable);
    }
    for (int i = 0; error == 0 && i < SIGNALS; i++) {
        follower->signals[i].data = follower;
        error = uv_signal_init(loop, &follower->signals[i]);
        if (error == 0) {
            error = uv_signal_start(&follower->signals[i], on_signal, numbers[i]);
        }
    }
    return error;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/example/config";
    struct follower follower = {.client = NULL};
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    uv_loop_t *loop = uv_default_loop();
    int error = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    options.dispatch = CORRAL_DISPATCH_FD;
    int status = corral_client_open(NULL, &options, &follower.client);
    if (status == CORRAL_OK) {
        status = corral_watch_open(follower.client, path, NULL, show, &follower, &follower.watch);
    }
    if (status != CORRAL_OK) {
        fprintf(stderr, "libuv: %s: %s\n", path, corral_strerror(status));
    } else if ((error = join_loop(&follower, loop)) != 0) {
        fprintf(stderr, "libuv: %s\n", uv_strerror(error));
    } else {
        uv_run(loop, UV_RUN_DEFAULT);
        uv_loop_close(loop);
    }
    corral_watch_close(follower.watch);
    corral_client_close(follower.client);
    return status == CORRAL_OK && error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/**
 * Count to two: add 1 to a counter and wait for the result, then add 1 and have
 * it told to a callback.
 *
 *     counter [PATH]
 *
 * The servers are those of $CORRAL_SERVERS, else 127.0.0.1:2181. Against an
 * installed Corral it is built by
 *
 *     cc counter.c $(pkg-config --cflags --libs corral)
 */
#include <corral.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 10000 };

/* Runs on the client's dispatch thread: it may print, but not wait for another operation. */
static void print_sum(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    (void)stamp;
    (void)arg;
    if (status == CORRAL_OK) {
        printf("asynchronous: %" PRId64 "\n", value);
    }
}

static int count(corral_counter *counter)
{
    int64_t value;
    int status = corral_counter_add(counter, 1, TIMEOUT_MS, &value);
    if (status != CORRAL_OK) {
        return status;
    }
    printf("blocking: %" PRId64 "\n", value);

    corral_op *op;
    status = corral_counter_add_async(counter, 1, TIMEOUT_MS, print_sum, NULL, &op);
    if (status != CORRAL_OK) {
        return status;
    }
    /* Here a program would do something else. The operation ends by itself within its timeout. */
    corral_op_wait(op, CORRAL_FOREVER);
    status = corral_op_status(op);
    corral_op_unref(op);
    return status;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/example/hits";
    corral_client *client = NULL;
    corral_counter *counter = NULL;

    int status = corral_client_open(NULL, NULL, &client);
    if (status == CORRAL_OK) {
        status = corral_counter_open(client, path, NULL, &counter);
    }
    if (status == CORRAL_OK) {
        status = count(counter);
    }
    corral_counter_close(counter);
    corral_client_close(client);

    if (corral_status_class(status) == CORRAL_CLASS_UNKNOWN) {
        /* The one case that must not simply be tried again: the add may have been applied. */
        fprintf(stderr, "counter: %s: outcome unknown\n", path);
    } else if (status != CORRAL_OK) {
        fprintf(stderr, "counter: %s: %s\n", path, corral_strerror(status));
    }
    return status == CORRAL_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

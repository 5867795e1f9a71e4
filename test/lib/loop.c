#include "lib/loop.h"

#include <poll.h>

int loop_fd;
static atomic_uint all_heard;

void loop_hear(int status, int64_t value, const corral_stamp *stamp, void *arg)
{
    heard *own = arg;

    (void)stamp;
    own->status = status;
    own->value = value;
    own->thread = pthread_self();
    own->order = atomic_fetch_add(&all_heard, 1);
    atomic_fetch_add(&own->calls, 1);
}

void loop_assert_heard_here(const heard *own, int status)
{
    ASSERT_INT64(atomic_load(&own->calls), 1);
    ASSERT_STATUS(own->status, status);
    CU_ASSERT(pthread_equal(own->thread, pthread_self()));
}

corral_client_options loop_options(void)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;

    options.dispatch = CORRAL_DISPATCH_FD;
    return options;
}

void loop_open(void)
{
    fixture_open_proxy();
    loop_open_client();
}

void loop_open_client(void)
{
    client = server_client_with(proxy_servers(through), loop_options());
    loop_fd = corral_client_fd(client);
    CU_ASSERT(loop_fd >= 0);
    counter = fixture_counter("/descriptor");
    REQUIRE_STATUS(corral_counter_set(counter, 0, CORRAL_FOREVER, NULL), CORRAL_OK);
}

void loop_close_client(void)
{
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
}

bool loop_readable(int timeout_ms)
{
    struct pollfd polled = {.fd = loop_fd, .events = POLLIN};

    return poll(&polled, 1, timeout_ms) == 1 && (polled.revents & POLLIN) != 0;
}

void loop_await_due(void)
{
    REQUIRE(loop_readable(TESTING_PATIENCE_MS));
}

corral_op *loop_add_async(heard *own)
{
    corral_op *op = NULL;

    REQUIRE_STATUS(corral_counter_add_async(counter, 1, CORRAL_FOREVER, loop_hear, own, &op), CORRAL_OK);
    return op;
}

void loop_make_due(corral_int64_cb cb, void *arg)
{
    corral_op *op = NULL;

    proxy_hold(through, PROXY_HOLD_REPLIES);
    REQUIRE_STATUS(corral_counter_get_async(counter, CORRAL_READ_LOCAL, CORRAL_FOREVER, cb, arg, &op),
                   CORRAL_OK);
    ASSERT_STATUS(corral_op_cancel(op), CORRAL_OK);
    corral_op_unref(op);
    proxy_hold(through, 0);
}

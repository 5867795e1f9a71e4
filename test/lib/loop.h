/**
 * A client that the test serves as a program's loop would: opened with
 * CORRAL_DISPATCH_FD, its callbacks run where the test dispatches. It is the
 * fixture's, behind the fixture's proxy.
 */
#ifndef TEST_LOOP_H
#define TEST_LOOP_H

#include <stdatomic.h>

#include "lib/fixture.h"

/** The client's descriptor. */
extern int loop_fd;

/** A callback's story. */
typedef struct {
    atomic_uint calls;
    int status;
    int64_t value;
    unsigned order; /**< among all */
    pthread_t thread;
} heard;

/** The callback; its arg is a heard. */
void loop_hear(int status, int64_t value, const corral_stamp *stamp, void *arg);

/** Assert that it was called once, on this thread, with @status. */
void loop_assert_heard_here(const heard *own, int status);

/** Those of a client with a descriptor. */
corral_client_options loop_options(void);

/** The proxy, and the client with a counter that holds 0. */
void loop_open(void);

/** The client and its counter alone, on the proxy there is. */
void loop_open_client(void);
void loop_close_client(void);

bool loop_readable(int timeout_ms);

/** Wait for something to be due. */
void loop_await_due(void);

/** Add 1, to be told to @own. Unref what is returned. */
corral_op *loop_add_async(heard *own);

/** Have an operation end at once, as canceled and without a server: its callback is due then. */
void loop_make_due(corral_int64_cb cb, void *arg);

#endif

/** Waiting for a lock, in a way that signals can end. */
#include "lock.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "output.h"

/* ---- callbacks: they run inside lock_poll() ---- */

static void on_state(corral_client *client, corral_state state, void *arg)
{
    lock_call *l = arg;
    (void)client;
    if (state == CORRAL_STATE_CONNECTED || state == CORRAL_STATE_RECONNECTED) {
        l->unreached_at = -1;
    } else if (l->unreached_at < 0 && l->call->settings->timeout_given) {
        l->unreached_at = cli_now_ms() + l->call->settings->timeout_ms;
    }
}

static void on_grant(int status, corral_grant *grant, void *arg)
{
    lock_call *l = arg;
    (void)status; /* The operation has it, too. */
    l->answered = true;
    l->grant = grant;
}

/* ---- waiting ---- */

static int time_left(int64_t deadline)
{
    if (deadline < 0) {
        return -1;
    }
    int64_t left = deadline - cli_now_ms();
    return left <= 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

int lock_poll(lock_call *l, int64_t deadline)
{
    struct signalfd_siginfo info;
    struct pollfd waits[] = {{.fd = l->session.signal_fd, .events = POLLIN},
                             {.fd = corral_client_fd(l->session.client), .events = POLLIN}};
    if (poll(waits, 2, time_left(deadline)) <= 0) {
        return 0;
    }
    if (waits[1].revents != 0) {
        corral_client_dispatch(l->session.client);
    }
    if (waits[0].revents != 0 && read(waits[0].fd, &info, sizeof info) == (ssize_t)sizeof info) {
        return (int)info.ssi_signo;
    }
    return 0;
}

/** Until the acquire has ended: by itself, by a signal, or since no server has been in reach for --timeout.
 */
static void await_grant(lock_call *l, corral_op *op)
{
    while (!l->answered) {
        int number = lock_poll(l, l->unreached ? -1 : l->unreached_at);
        if (number != 0 && l->session.interrupted == 0) {
            l->session.interrupted = number;
            corral_op_cancel(op);
        }
        if (!l->unreached && l->unreached_at >= 0 && cli_now_ms() >= l->unreached_at) {
            l->unreached = true;
            corral_op_cancel(op);
        }
    }
}

/* ---- the outcome ---- */

/** No grant. Returns the exit status, which has been reported; that somebody else has the lock goes without
 * saying. */
static int report(lock_call *l, corral_op *op)
{
    int status = corral_op_status(op);
    const char *reason = NULL;
    if (status == CORRAL_EBUSY) {
        return l->busy_status;
    }
    if (status == CORRAL_ECANCELED && l->session.interrupted != 0) {
        return CLI_SIGNAL + l->session.interrupted;
    }
    if (status == CORRAL_ECANCELED && l->unreached) {
        bool connecting = corral_client_state(l->session.client) == CORRAL_STATE_CONNECTING;
        cli_error("%s: timed out: %s %s", l->path, connecting ? "cannot reach" : "lost the connection to",
                  l->call->settings->servers);
        return CLI_LOCK_UNREACHABLE;
    }
    if (status == CORRAL_ECONFLICT) {
        reason = cli_lock_conflict(&l->options);
    } else if (status == CORRAL_EEXHAUSTED) {
        reason = "clients of another kind have used up its numbers";
    }
    return cli_wrapper_status(cli_session_report(&l->session, op, l->path, reason));
}

static int open_all(lock_call *l)
{
    corral_client_options base = CORRAL_CLIENT_OPTIONS_INIT;
    const cli_settings *settings = l->call->settings;
    sigset_t signals;
    base.dispatch = CORRAL_DISPATCH_FD;
    base.state_cb = on_state;
    base.state_arg = l;
    l->unreached_at = -1;
    if (settings->timeout_given) {
        base.request_timeout_ms = settings->timeout_ms;
        l->unreached_at = cli_now_ms() + settings->timeout_ms;
    }
    int status = cli_session_open(&l->session, settings, &base);
    if (status != 0) {
        return status;
    }
    cli_child_fatal_signals(&signals);
    status = cli_session_hold(&l->session, &signals);
    if (status == 0) {
        status =
            cli_open_failed(l->path, corral_lock_open(l->session.client, l->path, &l->options, &l->lock));
    }
    return status;
}

int lock_acquire(lock_call *l)
{
    corral_op *op;
    int status = open_all(l);
    if (status != 0) {
        return cli_wrapper_status(status);
    }
    int failure = corral_lock_acquire_async(l->lock, l->wait_ms, on_grant, l, &op);
    if (failure != 0) {
        cli_error("%s: %s", l->path, corral_strerror(failure));
        return cli_wrapper_status(cli_exit_status(failure));
    }
    await_grant(l, op);
    if (l->grant == NULL) {
        status = report(l, op);
    } else if (l->session.interrupted != 0) {
        status = CLI_SIGNAL + l->session.interrupted;
    }
    corral_op_unref(op);
    return status;
}

int lock_close(lock_call *l, int status)
{
    corral_grant_free(l->grant);
    corral_lock_close(l->lock);
    if (l->session.client == NULL) {
        return status;
    }
    /* It takes our znode away, which an interrupted acquire may have left. Out of reach that is in vain. */
    corral_state state = corral_client_state(l->session.client);
    if (state == CORRAL_STATE_CONNECTED || state == CORRAL_STATE_RECONNECTED) {
        corral_client_close(l->session.client);
        l->session.client = NULL;
    } else {
        l->session.unanswered = true;
    }
    return cli_session_close(&l->session, status);
}

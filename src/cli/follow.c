#include "follow.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "output.h"

void cli_follow_ends_by(cli_follower *follower, int number)
{
    follower->session.interrupted = number;
    follower->status = CLI_SIGNAL + number;
}

void cli_follow_end_line(cli_follower *follower)
{
    struct pollfd terminal = {.fd = STDOUT_FILENO, .events = POLLOUT};
    /* Not on one that is stopped: it would stop us, too. */
    if (follower->line_open && poll(&terminal, 1, 0) > 0) {
        putchar('\n');
        cli_flush_output();
    }
    follower->line_open = false;
}

/* ---- callbacks ---- */

static void on_state(corral_client *client, corral_state state, void *arg)
{
    cli_follower *follower = arg;
    (void)client;
    if (state == CORRAL_STATE_SUSPENDED) {
        cli_follow_end_line(follower);
        cli_error("%s: lost the connection to %s", follower->path, follower->settings->servers);
    } else if (state == CORRAL_STATE_LOST) {
        cli_follow_end_line(follower);
        cli_error("%s: the session has expired", follower->path);
    } else if (state == CORRAL_STATE_RECONNECTED) {
        cli_follow_end_line(follower);
        cli_error("%s: connected again", follower->path);
    }
}

bool cli_follow_heard(cli_follower *follower, int status)
{
    follower->answered = true;
    if (status == CORRAL_EACCES &&
        corral_client_state(follower->session.client) == CORRAL_STATE_AUTH_FAILED) {
        cli_follow_end_line(follower);
        cli_error("%s: the server refused the credentials", follower->path);
        follower->status = CLI_REFUSED;
    }
    return follower->status == 0;
}

void cli_follow_printed(cli_follower *follower)
{
    if (cli_flush_output()) {
        return;
    }
    /* A reader that has seen enough is no error. Of others cli_finish_output() tells. */
    if (errno == EPIPE) {
        cli_follow_ends_by(follower, SIGPIPE);
    } else {
        follower->status = CLI_OUTPUT;
    }
}

/* ---- the loop ---- */

int cli_follow_open(cli_follower *follower, const cli_call *call)
{
    corral_client_options base = CORRAL_CLIENT_OPTIONS_INIT;
    base.dispatch = CORRAL_DISPATCH_FD;
    base.state_cb = on_state;
    base.state_arg = follower;
    follower->settings = call->settings;
    return cli_session_open(&follower->session, call->settings, &base);
}

static void end_unreached(cli_follower *follower)
{
    bool connecting = corral_client_state(follower->session.client) == CORRAL_STATE_CONNECTING;
    follower->session.unanswered = true;
    cli_error("%s: timed out: %s %s", follower->path, connecting ? "cannot reach" : "no answer from",
              follower->settings->servers);
    follower->status = CLI_UNREACHABLE;
}

/** How long poll() may wait: until the first answer, what is left until @deadline (-1: none). */
static int time_left(const cli_follower *follower, int64_t deadline)
{
    if (follower->answered || deadline < 0) {
        return -1;
    }
    int64_t left = deadline - cli_now_ms();
    return left <= 0 ? 0 : left > 1000000 ? 1000000 : (int)left;
}

int cli_follow(cli_follower *follower)
{
    const cli_settings *settings = follower->settings;
    int64_t deadline = settings->timeout_given ? cli_now_ms() + settings->timeout_ms : -1;
    bool due = false; /* callbacks are, and wait for standard output */
    while (follower->status == 0) {
        struct signalfd_siginfo info;
        struct pollfd waits[] = {
            {.fd = follower->session.signal_fd, .events = POLLIN},
            {.fd = follower->silent ? -1 : STDOUT_FILENO, .events = due ? POLLOUT : 0},
            {.fd = corral_client_fd(follower->session.client), .events = due ? 0 : POLLIN}};
        int ready = poll(waits, 3, time_left(follower, deadline));
        if (ready == 0 && time_left(follower, deadline) == 0) {
            end_unreached(follower);
        } else if (ready <= 0) {
            continue;
        } else if (waits[0].revents != 0 && read(waits[0].fd, &info, sizeof info) == (ssize_t)sizeof info) {
            cli_follow_ends_by(follower, (int)info.ssi_signo);
        } else if ((waits[1].revents & (POLLERR | POLLHUP)) != 0) {
            cli_follow_ends_by(follower, SIGPIPE);
        } else if (waits[1].revents != 0 || (follower->silent && waits[2].revents != 0)) {
            due = false;
            corral_client_dispatch(follower->session.client);
        } else if (waits[2].revents != 0) {
            due = true;
        }
    }
    return follower->status;
}

#include "session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "output.h"

int64_t cli_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cli_termination_signals(sigset_t *ret_signals)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(ret_signals);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            sigaddset(ret_signals, numbers[i]);
        }
    }
}

int cli_wrapper_status(int status)
{
    static const int statuses[] = {[CLI_USAGE] = CLI_LOCK_USAGE,
                                   [CLI_UNREACHABLE] = CLI_LOCK_UNREACHABLE,
                                   [CLI_REFUSED] = CLI_LOCK_REFUSED};
    bool listed = status > 0 && (size_t)status < sizeof statuses / sizeof *statuses && statuses[status] != 0;
    return listed ? statuses[status] : status;
}

int cli_exit_status(int status)
{
    if (status == CORRAL_ENOENT) {
        return CLI_NO;
    }
    if (status == CORRAL_EINVAL) {
        return CLI_USAGE;
    }
    switch (corral_status_class(status)) {
    case CORRAL_CLASS_OK:
        return CLI_DONE;
    case CORRAL_CLASS_RETRYABLE:
        return CLI_UNREACHABLE;
    case CORRAL_CLASS_UNKNOWN:
        return CLI_UNKNOWN;
    case CORRAL_CLASS_DEFINITE:
        break;
    }
    return CLI_REFUSED;
}

/** What to tell somebody whose path is none. */
#define PATH_RULE                                                                                            \
    "needs a / in front, none at the end, no empty, . or .. part, at most 1023 bytes, "                      \
    "UTF-8 up to U+FFFF without control and private-use characters"

int cli_open_failed(const char *path, int status)
{
    if (status == CORRAL_EINVAL) {
        cli_error("%.100s%s: not a znode path: " PATH_RULE, path, strlen(path) > 100 ? "..." : "");
    } else if (status != 0) {
        cli_error("%s: %s", path, corral_strerror(status));
    }
    return cli_exit_status(status);
}

/** Told that something is malformed: is it the servers, and not the home? */
static bool servers_malformed(const char *servers)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    corral_client *client;
    options.home = "/corral";
    int status = corral_client_open(servers, &options, &client);
    if (status == 0) {
        corral_client_close(client);
    }
    return status == CORRAL_EINVAL;
}

static int open_client(cli_session *session, const corral_client_options *base)
{
    static const corral_client_options defaults = CORRAL_CLIENT_OPTIONS_INIT;
    const cli_settings *settings = session->settings;
    corral_client_options options = base != NULL ? *base : defaults;
    corral_auth auth = {.scheme = settings->auth_scheme, .credential = settings->auth_credential};
    options.home = settings->home;
    if (settings->auth_credential != NULL) {
        options.auth = &auth;
        options.auth_count = 1;
    }
    int status = corral_client_open(settings->servers, &options, &session->client);
    if (status == CORRAL_EINVAL && settings->home != NULL && !servers_malformed(settings->servers)) {
        cli_error("--home or CORRAL_HOME is not a znode path: %s", settings->home);
    } else if (status == CORRAL_EINVAL) {
        cli_error("not a ZooKeeper connect string: %s", settings->servers);
    } else if (status != 0) {
        cli_error("%s: %s", settings->servers, corral_strerror(status));
    }
    return cli_exit_status(status);
}

int cli_session_open(cli_session *session, const cli_settings *settings, const corral_client_options *base)
{
    *session = (cli_session){.settings = settings};
    cli_termination_signals(&session->signals);
    session->signal_fd = signalfd(-1, &session->signals, SFD_CLOEXEC);
    session->done_fd = eventfd(0, EFD_CLOEXEC);
    if (session->signal_fd < 0 || session->done_fd < 0) {
        cli_error("no file descriptors: %s", strerror(errno));
        return CLI_REFUSED;
    }
    sigprocmask(SIG_BLOCK, &session->signals, &session->old_mask);
    return open_client(session, base);
}

int cli_session_hold(cli_session *session, const sigset_t *signals)
{
    sigorset(&session->signals, &session->signals, signals);
    sigprocmask(SIG_BLOCK, signals, NULL);
    if (signalfd(session->signal_fd, &session->signals, SFD_CLOEXEC) < 0) {
        cli_error("signalfd: %s", strerror(errno));
        return CLI_REFUSED;
    }
    return 0;
}

void cli_session_wake(cli_session *session)
{
    eventfd_write(session->done_fd, 1);
}

/** Take the signal that came, and cancel the operation. A wrapper may pass on what we were given before. */
static void interrupt(cli_session *session, corral_op *op)
{
    struct signalfd_siginfo info;
    if (read(session->signal_fd, &info, sizeof info) == (ssize_t)sizeof info && session->interrupted == 0) {
        session->interrupted = (int)info.ssi_signo;
        corral_op_cancel(op);
    }
}

void cli_session_wait(cli_session *session, corral_op *op)
{
    struct pollfd waits[] = {{.fd = session->done_fd, .events = POLLIN},
                             {.fd = session->signal_fd, .events = POLLIN}};
    eventfd_t count;
    while (waits[0].revents == 0) {
        if (poll(waits, 2, -1) > 0 && waits[1].revents != 0) {
            interrupt(session, op);
        }
    }
    eventfd_read(session->done_fd, &count);
    corral_op_wait(op, CORRAL_FOREVER);
}

/** Why a wait ended, in the words of somebody at the keyboard. */
static const char *explain_cause(const cli_session *session, int cause, char *buffer, size_t size)
{
    corral_state state = corral_client_state(session->client);
    if (cause == CORRAL_ECANCELED && session->interrupted != 0) {
        return "interrupted";
    }
    if (cause == CORRAL_ETIMEDOUT && state == CORRAL_STATE_CONNECTING) {
        snprintf(buffer, size, "timed out: cannot reach %s", session->settings->servers);
        return buffer;
    }
    if (cause == CORRAL_ETIMEDOUT && (state == CORRAL_STATE_SUSPENDED || state == CORRAL_STATE_LOST)) {
        snprintf(buffer, size, "timed out: lost the connection to %s", session->settings->servers);
        return buffer;
    }
    if (cause == CORRAL_ELOST) {
        return "the connection was lost";
    }
    if (cause == CORRAL_EACCES && state == CORRAL_STATE_AUTH_FAILED) {
        return "the server refused the credentials";
    }
    return corral_strerror(cause);
}

/** @repeatable: see cli_session_report_repeatable(). */
static int report(cli_session *session, const corral_op *op, const char *path, const char *reason,
                  bool repeatable)
{
    char buffer[512];
    int status = corral_op_status(op);
    const char *cause = explain_cause(session, corral_op_cause(op), buffer, sizeof buffer);
    const char *about = corral_op_path(op);
    about = *about != '\0' ? about : path;
    session->unanswered = corral_op_cause(op) == CORRAL_ETIMEDOUT;
    if (status == CORRAL_EUNCERTAIN && !repeatable) {
        cli_error("%s: %s: %s", about, corral_strerror(status), cause);
        return CLI_UNKNOWN;
    }
    if (corral_op_cause(op) == CORRAL_ECANCELED && session->interrupted != 0) {
        cli_error("%s: interrupted%s", about,
                  status == CORRAL_ECANCELED && !repeatable ? " before anything was changed" : "");
        return CLI_SIGNAL + session->interrupted;
    }
    cli_error("%s: %s", about, reason != NULL ? reason : cause);
    return status == CORRAL_EUNCERTAIN ? CLI_UNREACHABLE : cli_exit_status(status);
}

int cli_session_report(cli_session *session, const corral_op *op, const char *path, const char *reason)
{
    return report(session, op, path, reason, false);
}

int cli_session_report_repeatable(cli_session *session, const corral_op *op, const char *path,
                                  const char *reason)
{
    return report(session, op, path, reason, true);
}

int cli_session_report_call(const cli_session *session, const char *path, int status, const char *reason)
{
    corral_state state = corral_client_state(session->client);
    if (status == CORRAL_ETIMEDOUT) {
        cli_error("%s: timed out: %s %s", path,
                  state == CORRAL_STATE_CONNECTING ? "cannot reach" : "no answer from",
                  session->settings->servers);
    } else if (state == CORRAL_STATE_AUTH_FAILED) {
        cli_error("%s: the server refused the credentials", path);
    } else {
        cli_error("%s: %s", path, reason != NULL ? reason : corral_strerror(status));
    }
    return cli_exit_status(status);
}

/** Die of the signal: not exit(), since a calling shell that got it too looks at how we ended. */
static void die_of_signal(int number)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
}

int cli_session_close(cli_session *session, int status)
{
    if (session->interrupted == 0) {
        /* The outcome has been told: from here on a signal may end us. */
        sigprocmask(SIG_SETMASK, &session->old_mask, NULL);
    }
    if (session->interrupted == 0 && !session->unanswered) {
        corral_client_close(session->client);
    }
    close(session->signal_fd);
    close(session->done_fd);
    if (session->interrupted != 0 && status > CLI_SIGNAL) {
        die_of_signal(session->interrupted);
    }
    return status;
}

/**
 * One command's session with the ensemble: a client, and waiting for one
 * operation in a way that a signal can end.
 *
 * From session_open() on, SIGINT, SIGTERM, SIGHUP are held back until the
 * outcome has been reported, so that no operation is left without a word about
 * it: the first one cancels the operation that is waited for, which ends it at
 * once, and the exit status is that of the outcome, however many follow. After
 * the report of an operation that was not interrupted they have their usual
 * effect.
 */
#ifndef CORRAL_CLI_SESSION_H
#define CORRAL_CLI_SESSION_H

#include <signal.h>

#include "cli.h"

typedef struct {
    const cli_settings *settings;
    corral_client *client;
    sigset_t signals; /**< those held back */
    sigset_t old_mask;
    int signal_fd;
    int done_fd;     /**< readable once an operation has ended */
    int interrupted; /**< the signal that ended the wait, 0: none */
    bool unanswered; /**< the operation timed out */
} cli_session;

/** The termination signals that this process was not told to ignore (nohup, a shell's background). */
void cli_termination_signals(sigset_t *ret_signals);

/**
 * Start connecting, with what @base says beyond the settings (NULL: nothing).
 * Returns 0, or an exit status that has been reported; then there is nothing to close.
 */
int cli_session_open(cli_session *session, const cli_settings *settings, const corral_client_options *base);

/** Hold back these signals as well. Returns 0, or an exit status that has been reported. */
int cli_session_hold(cli_session *session, const sigset_t *signals);

/** Tell session_wait() that the operation has ended: for its callback. */
void cli_session_wake(cli_session *session);

/** Wait until @op has ended and its callback, which called session_wake(), has returned. */
void cli_session_wait(cli_session *session, corral_op *op);

/**
 * Report the failure of @op, which is about @path. @reason explains its status,
 * NULL: the library's words. Returns the exit status.
 */
int cli_session_report(cli_session *session, const corral_op *op, const char *path, const char *reason);

/**
 * The same of an operation that may be repeated whatever has become of it: that it may have been done is told
 * as that it was not, and an interruption without a word on what was changed.
 */
int cli_session_report_repeatable(cli_session *session, const corral_op *op, const char *path,
                                  const char *reason);

/**
 * Report why a blocking call about @path has failed: with @status, which is said as
 * @reason where it is about neither the servers nor the credentials; NULL: the library's
 * words. Returns the exit status.
 */
int cli_session_report_call(const cli_session *session, const char *path, int status, const char *reason);

/**
 * End the session, unless the operation was interrupted or timed out: that could
 * make somebody wait who does not want to, or beyond the timeout for a server
 * that is silent, and the session expires on its own. If it was interrupted and
 * @status says so, the process dies of that signal here.
 */
int cli_session_close(cli_session *session, int status);

/** Milliseconds of a clock that nobody sets, for durations. */
int64_t cli_now_ms(void);

/** The exit status for a corral_status. */
int cli_exit_status(int status);

/** Report why a handle for @path could not be made. Returns the exit status; 0 of 0. */
int cli_open_failed(const char *path, int status);

#endif

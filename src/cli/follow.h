/**
 * Following a znode until a signal comes or nobody reads any more: what `watch`
 * and `counter watch` share.
 *
 * The client's callbacks run on the main thread, inside cli_follow(), and not
 * before standard output takes more. So a reader that is slow makes the library
 * leave out what is outdated, and a signal is heeded also while the output is stuck.
 */
#ifndef CORRAL_CLI_FOLLOW_H
#define CORRAL_CLI_FOLLOW_H

#include "session.h"

typedef struct {
    const char *path;
    const cli_settings *settings;
    bool silent;    /**< nothing is printed, so nobody need read it */
    bool line_open; /**< the line on the terminal is one that the next state replaces */

    cli_session session;
    bool answered; /**< there was a state */
    int status;    /**< to end with; 0: go on */
} cli_follower;

/**
 * Start connecting; from then on what becomes of the connection is told on standard error. Signals are held
 * back until the end. Returns 0, or an exit status that has been reported; then there is nothing to close.
 */
int cli_follow_open(cli_follower *follower, const cli_call *call);

/** Run callbacks until one of them, a signal or --timeout sets the status, which is returned. */
int cli_follow(cli_follower *follower);

/** For the callback: a state has come, with this status. False: there is no going on. */
bool cli_follow_heard(cli_follower *follower, int status);

/** For the callback: it has printed the state; see to it that it is read. */
void cli_follow_printed(cli_follower *follower);

/** Have what follows begin on a line of its own. */
void cli_follow_end_line(cli_follower *follower);

/** The signal @number is what it ends by, as who started us expects. */
void cli_follow_ends_by(cli_follower *follower, int number);

#endif

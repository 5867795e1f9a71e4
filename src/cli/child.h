/**
 * A command that the tool runs and answers for: in a process group of its own,
 * with what we inherited, in front of the terminal where we were, and killed
 * if we are.
 *
 * Its group is what signals are passed on to. When it stops (Ctrl-Z), so do we,
 * and who waits for us; when we go on, it goes on.
 *
 * The caller holds back the signals of cli_child_signals() before the start,
 * takes them one by one, and gives them to cli_child_hear().
 */
#ifndef CORRAL_CLI_CHILD_H
#define CORRAL_CLI_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct {
    pid_t pid;     /**< and its process group */
    bool ended;    /**< but not reaped: its number is nobody else's yet */
    bool paused;   /**< it stopped, we too, and now both may go on: see cli_child_continue() */
    bool front;    /**< it is to be in front of the terminal when we are */
    int terminal;  /**< -1: none */
    sigset_t told; /**< what was passed on */
} cli_child;

/** Ignore SIGPIPE, but not for a child. */
void cli_child_ignore_sigpipe(void);

/** The signals to be held back while there is a child, but for those that would end us. */
void cli_child_signals(sigset_t *ret_signals);

/** The signals that end us if nobody holds them back, and that we were not told to ignore. */
void cli_child_fatal_signals(sigset_t *ret_signals);

/** Note which descriptors we inherited, and so does a child. Before any other is opened. */
void cli_child_note_descriptors(void);

/**
 * Our environment with the variables @ours, which end with NULL, in the place of those that are called so:
 * "NAME=VALUE", or "NAME" for one that is not to be there. NULL: no memory. To be freed, but not the strings.
 */
char **cli_child_environment(char *const *ours);

/**
 * Run @argv, looked up in PATH, with @environment, the signal mask @mask and @input, which the caller closes,
 * as standard input (-1: ours). Returns 0, or an exit status that has been reported: CLI_NOT_FOUND,
 * CLI_NOT_EXECUTABLE, CLI_UNREACHABLE.
 */
int cli_child_start(cli_child *child, char **argv, char **environment, const sigset_t *mask, int input);

/** The signal @number has come to us. */
void cli_child_hear(cli_child *child, int number);

/** Have the child go on that stopped with us. */
void cli_child_continue(cli_child *child);

/** Send @number to the child's group. Also to one whose first process has ended. */
void cli_child_signal(const cli_child *child, int number);

/**
 * The child has ended: reap it, and take the terminal back. Returns its exit
 * status. *ret_signal: the signal that ended it, after it had come to us, or
 * would have if the child had not been in front of the terminal; 0: none.
 */
int cli_child_finish(cli_child *child, int *ret_signal);

#endif

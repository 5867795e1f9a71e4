/** What the files of child.h share. */
#ifndef CORRAL_CLI_CHILD_INTERNAL_H
#define CORRAL_CLI_CHILD_INTERNAL_H

#include "child.h"

/** Find our terminal, and whether a child belongs in front of it. */
void child_find_terminal(cli_child *child);

/** Is our process group in front? */
bool child_we_are_in_front(const cli_child *child);

/** Bring @group to the front. SIGTTOU is held back. */
void child_bring_to_front(const cli_child *child, pid_t group);

/** The child has been stopped by @number. */
void child_stopped(cli_child *child, int number);

/** Take the terminal back. Returns whether the child had it. */
bool child_take_terminal(cli_child *child);

#endif

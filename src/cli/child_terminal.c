/**
 * A child and the terminal.
 *
 * If our standard input is the terminal and we are in front of it, the child
 * takes our place. Else it could take it from somebody who types into our
 * pipeline; so it gets it only when it asks, by which it is stopped (SIGTTIN,
 * SIGTTOU).
 *
 * A key that sends a signal reaches all of the group in front: the whole of a
 * pipeline, a script and what it runs. With the child in front it reaches the
 * child alone. So what it did to the child is then done to our own group.
 */
#include "child_internal.h"

#include <fcntl.h>
#include <unistd.h>

bool child_we_are_in_front(const cli_child *child)
{
    return child->terminal >= 0 && tcgetpgrp(child->terminal) == getpgrp();
}

void child_bring_to_front(const cli_child *child, pid_t group)
{
    (void)tcsetpgrp(child->terminal, group);
}

void child_find_terminal(cli_child *child)
{
    child->terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    /* It fails unless it is that terminal. */
    child->front = child->terminal >= 0 && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

bool child_take_terminal(cli_child *child)
{
    bool had = child->terminal >= 0 && tcgetpgrp(child->terminal) == child->pid;
    if (had) {
        child_bring_to_front(child, getpgrp());
    }
    return had;
}

/**
 * Stop, by @number, all of our @group or us alone, as if nobody held it back. If nobody could continue us,
 * the system does not let it stop us.
 */
static void stop_ourselves(int number, bool group)
{
    sigset_t only;
    sigset_t before;
    sigemptyset(&only);
    sigaddset(&only, number);
    kill(group ? 0 : getpid(), number);
    sigprocmask(SIG_UNBLOCK, &only, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

void child_stopped(cli_child *child, int number)
{
    bool asks = number == SIGTTIN || number == SIGTTOU;
    if (asks && child_we_are_in_front(child)) {
        child->front = true;
        cli_child_continue(child);
    } else if (child->terminal >= 0 && number != SIGSTOP) {
        /* SIGSTOP is for the child alone, and for whoever sent it to undo. */
        child->front = child->front || asks;
        stop_ourselves(number, child_take_terminal(child) || asks);
        child->paused = true;
    }
}

void cli_child_continue(cli_child *child)
{
    child->paused = false;
    if (child->front && child_we_are_in_front(child)) {
        child_bring_to_front(child, child->pid);
    }
    cli_child_signal(child, SIGCONT);
}

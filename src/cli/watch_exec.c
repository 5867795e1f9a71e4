/**
 * `watch --exec`: a command at each state.
 *
 * While it runs, what would end us or stop us is passed on to it; between two
 * commands signals have their usual effect.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "child.h"
#include "output.h"
#include "watch.h"

/* ---- what it is given ---- */

enum { PATH_VARIABLE, EVENT, MZXID, CZXID, VERSION, SKIPPED, ERROR, VARIABLES };

/** "NAME=VALUE" of each, or "NAME" for one that it is not to have; text[VARIABLES] is NULL. */
typedef struct {
    char *text[VARIABLES + 1];
} command_variables;

static bool set_variable(char **variable, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool set_variable(char **variable, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vasprintf(variable, format, args);
    va_end(args);
    if (length < 0) {
        *variable = NULL;
    }
    return length >= 0;
}

static void free_variables(command_variables *variables)
{
    for (size_t i = 0; i < VARIABLES; i++) {
        free(variables->text[i]);
    }
}

/** False: no memory. */
static bool make_variables(const watch_call *w, const watch_state *state, command_variables *variables)
{
    const corral_watch_event *event = state->event;
    char **text = variables->text;
    bool made = set_variable(&text[PATH_VARIABLE], "CORRAL_PATH=%s", w->follower.path) &&
                set_variable(&text[EVENT], "CORRAL_EVENT=%s", state->name) &&
                set_variable(&text[SKIPPED], "CORRAL_SKIPPED=%" PRIu64, event->skipped);
    if (watch_has_znode(state)) {
        made = made && set_variable(&text[MZXID], "CORRAL_MZXID=%" PRId64, event->stamp.mzxid) &&
               set_variable(&text[CZXID], "CORRAL_CZXID=%" PRId64, event->stamp.czxid) &&
               set_variable(&text[VERSION], "CORRAL_VERSION=%" PRId32, event->stamp.version);
    } else {
        made = made && set_variable(&text[MZXID], "CORRAL_MZXID") &&
               set_variable(&text[CZXID], "CORRAL_CZXID") && set_variable(&text[VERSION], "CORRAL_VERSION");
    }
    return made && (event->status != CORRAL_OK
                        ? set_variable(&text[ERROR], "CORRAL_ERROR=%s", corral_status_name(event->status))
                        : set_variable(&text[ERROR], "CORRAL_ERROR"));
}

/** Is all of it in @file, which is closed? errno says why not. */
static bool finish_file(FILE *file)
{
    bool whole = fflush(file) == 0 && !ferror(file);
    int failure = errno;
    bool closed = fclose(file) == 0;
    errno = whole ? errno : failure;
    return whole && closed;
}

/** A file without a name, to be read from its beginning; -1: none, which has been reported. */
static int make_input(const watch_call *w, const watch_state *state)
{
    int fd = memfd_create("corral-watch", MFD_CLOEXEC);
    int copy = fd >= 0 ? dup(fd) : -1;
    FILE *file = copy >= 0 ? fdopen(copy, "w") : NULL;
    if (file != NULL) {
        watch_print_input(w, state, file);
    }
    if (file == NULL || !finish_file(file) || lseek(fd, 0, SEEK_SET) < 0) {
        cli_error("%s: no file for the command to read: %s", w->follower.path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* ---- signals ---- */

/** Hold back what is for the command. *ret_fatal: of these, what would end us. False: reported. */
static bool hold_signals(watch_call *w, sigset_t *ret_fatal)
{
    sigset_t all;
    sigset_t others;
    cli_child_fatal_signals(ret_fatal);
    cli_child_signals(&others);
    sigorset(&all, ret_fatal, &others);
    return cli_session_hold(&w->follower.session, &all) == 0;
}

/* ---- it runs ---- */

static int start(watch_call *w, const watch_state *state, cli_child *child)
{
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)w->command, NULL};
    command_variables variables = {{NULL}};
    char **environment = NULL;
    int status = CLI_UNREACHABLE;
    int input = make_input(w, state);
    if (make_variables(w, state, &variables)) {
        environment = cli_child_environment(variables.text);
    }
    if (environment == NULL) {
        cli_error("out of memory");
    } else if (input >= 0) {
        status = cli_child_start(child, argv, environment, &w->follower.session.old_mask, input);
    }
    if (input >= 0) {
        close(input);
    }
    free(environment);
    free_variables(&variables);
    return status;
}

/** Until it has ended. A signal of @fatal that comes meanwhile is for the command, and then for us. */
static void supervise(watch_call *w, cli_child *child, const sigset_t *fatal)
{
    struct signalfd_siginfo info;
    while (!child->ended) {
        if (read(w->follower.session.signal_fd, &info, sizeof info) != (ssize_t)sizeof info) {
            continue;
        }
        int number = (int)info.ssi_signo;
        if (sigismember(fatal, number) == 1 && w->follower.status == 0) {
            cli_follow_ends_by(&w->follower, number);
        }
        cli_child_hear(child, number);
        if (child->paused) {
            cli_child_continue(child);
        }
    }
}

static void finish(watch_call *w, cli_child *child)
{
    int number;
    int status = cli_child_finish(child, &number);
    /* A shell tells so, too, of what it has run; but no signal is beyond the last one. */
    if (status > CLI_SIGNAL && status <= CLI_SIGNAL + SIGRTMAX && w->follower.status == 0) {
        cli_error("%s: the command was ended by signal %d", w->follower.path, status - CLI_SIGNAL);
    } else if (status != 0 && w->follower.status == 0) {
        cli_error("%s: the command failed with status %d", w->follower.path, status);
    }
}

void watch_run_command(watch_call *w, const watch_state *state)
{
    cli_child child;
    sigset_t fatal;
    if (!hold_signals(w, &fatal)) {
        w->follower.status = CLI_REFUSED;
        return;
    }
    int status = start(w, state, &child);
    if (status == 0) {
        supervise(w, &child, &fatal);
        finish(w, &child);
    } else {
        w->follower.status = status == CLI_UNREACHABLE ? CLI_UNREACHABLE : CLI_REFUSED;
    }
    sigprocmask(SIG_SETMASK, &w->follower.session.old_mask, NULL);
}

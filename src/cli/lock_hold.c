/** Running the command while the lock is held. */
#include "lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "output.h"

enum { RELEASE_MS = 5000 };

/* ---- a lost lock ---- */

void lock_on_lost(corral_grant *grant, int status, void *arg)
{
    lock_call *l = arg;
    (void)grant;
    (void)status;
    l->lost = true;
}

/** Can nobody tell that it is still held? After a stop, that may not have been noted yet. */
static bool lost(lock_call *l)
{
    l->lost = l->lost || corral_grant_valid_ms(l->grant) <= 0;
    return l->lost;
}

/** The lock is lost: the command must end. */
static void end_command(lock_call *l)
{
    cli_error("%s: the lock was lost: ending %s", l->path, l->command[0]);
    cli_child_signal(&l->child, SIGTERM);
    cli_child_signal(&l->child, SIGCONT);
    l->kill_at = cli_now_ms() + l->grace_ms;
}

/* ---- the command runs ---- */

static int start(lock_call *l)
{
    char token[64];
    char *path = NULL;
    char **environment = NULL;
    int status = CLI_LOCK_UNREACHABLE;
    snprintf(token, sizeof token, "CORRAL_LOCK_TOKEN=%" PRId64, corral_grant_token(l->grant));
    if (asprintf(&path, "CORRAL_LOCK_PATH=%s", l->path) < 0) {
        path = NULL;
    } else {
        environment = cli_child_environment((char *[]){path, token, NULL});
    }
    if (environment == NULL) {
        cli_error("out of memory");
    } else if (lost(l)) {
        /* As late as can be: we may have been stopped since it was acquired. */
        cli_error("%s: the lock was lost before %s was started", l->path, l->command[0]);
        status = CLI_LOCK_LOST;
    } else {
        status =
            cli_wrapper_status(cli_child_start(&l->child, l->command, environment, &l->session.old_mask, -1));
    }
    free(environment);
    free(path);
    return status;
}

static void supervise(lock_call *l)
{
    bool told = false;
    l->kill_at = -1;
    while (!l->child.ended) {
        int number = lock_poll(l, l->kill_at);
        if (number != 0) {
            cli_child_hear(&l->child, number);
        }
        if (!told && !l->child.ended && (l->lost || (l->child.paused && lost(l)))) {
            told = true;
            end_command(l);
        }
        if (l->child.paused) {
            cli_child_continue(&l->child);
        }
        if (l->kill_at >= 0 && cli_now_ms() >= l->kill_at) {
            l->kill_at = -1;
            cli_child_signal(&l->child, SIGKILL);
        }
    }
}

/** The command has ended, but maybe not all of its group. */
static int finish_command(lock_call *l)
{
    bool was_lost = lost(l);
    if (was_lost) {
        cli_child_signal(&l->child, SIGKILL);
    }
    int number;
    int status = cli_child_finish(&l->child, &number);
    if (was_lost) {
        cli_error("%s: the lock was lost while %s ran", l->path, l->command[0]);
        return CLI_LOCK_LOST;
    }
    /* As if it had come to us alone: who started us and has had it, too, looks at how we end. */
    l->session.interrupted = number;
    return status;
}

static void release(lock_call *l)
{
    const cli_settings *settings = l->call->settings;
    int status =
        corral_lock_release_wait(l->grant, settings->timeout_given ? settings->timeout_ms : RELEASE_MS);
    if (status != 0 && status != CORRAL_ELOST) {
        cli_error("%s: others may have to wait until our session has ended: %s", l->path,
                  corral_strerror(status));
    }
}

int lock_hold(lock_call *l)
{
    sigset_t signals;
    cli_child_signals(&signals);
    int status = cli_wrapper_status(cli_session_hold(&l->session, &signals));
    if (status == 0) {
        status = start(l);
        if (status == 0) {
            supervise(l);
            status = finish_command(l);
        }
    }
    if (!l->lost) {
        release(l);
    }
    return status;
}

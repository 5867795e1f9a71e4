/** `corral lock`: what its files share. */
#ifndef CORRAL_CLI_LOCK_H
#define CORRAL_CLI_LOCK_H

#include "child.h"
#include "cli.h"
#include "session.h"

typedef struct {
    const cli_call *call;
    const char *path;
    corral_lock_options options;
    int64_t wait_ms; /**< for the lock */
    int64_t grace_ms;
    int busy_status;
    char **command;
    char *shell[4]; /**< ... which may be this */
    char label[CLI_LABEL_MAX + 1];

    cli_session session;
    corral_lock *lock;
    bool answered;       /**< the acquire has ended */
    corral_grant *grant; /**< ... with this; NULL: not */
    int64_t
        unreached_at; /**< when --timeout ends, since no server is in reach; -1: one is, or there is none */
    bool unreached;   /**< it has ended */

    cli_child child;
    bool lost;       /**< while it was held */
    int64_t kill_at; /**< when the child, told to end since it was lost, is killed; -1: no such plan */
} lock_call;

/**
 * Read what --naming and --permits say. Returns 0, or a CLI_USAGE error that
 * has been reported: one is that there is no such lock to share, or not to share.
 */
int cli_lock_kind(const cli_option_set *given, corral_lock_options *ret_options);

/** What to tell somebody whose lock gave CORRAL_ECONFLICT. */
const char *cli_lock_conflict(const corral_lock_options *options);

/** Wait for signals and for what is due at the client, until @deadline (-1: none). Callbacks run meanwhile.
 * Returns the signal that came, 0: none. */
int lock_poll(lock_call *l, int64_t deadline);

/**
 * Open a session and the lock, and acquire. Returns 0 with a grant, or without
 * one an exit status that has been reported, which -E may have made 0. In all
 * cases lock_close() is to follow.
 */
int lock_acquire(lock_call *l);

/** Close what lock_acquire() has opened. Returns @status, or ends the process by the signal that it is about.
 */
int lock_close(lock_call *l, int status);

/** Run the command while the lock is held, and release it. Returns the exit status. */
int lock_hold(lock_call *l);

/** The callback of a grant that was lost. */
void lock_on_lost(corral_grant *grant, int status, void *arg);

int cli_lock_ls(const cli_call *call);

#endif

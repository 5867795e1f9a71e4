/** One operation of the library, which is all that a command does: from its submission to the exit status. */
#ifndef CORRAL_CLI_OPERATION_H
#define CORRAL_CLI_OPERATION_H

#include <stdbool.h>

#include "cli.h"
#include "session.h"

/** The first member of what a command works with, which its functions may cast it to. */
typedef struct cli_operation {
    const cli_call *call;
    const char *path;
    bool conflict_is_answer; /**< ECONFLICT is a "no" that says something, not an error */

    int (*submit)(struct cli_operation *operation, corral_op **ret_op);
    void (*print)(
        const struct cli_operation *operation); /**< with status 0, or ECONFLICT if it is an answer */
    /** Words for @status that say more than the library's; NULL: there are none. */
    const char *(*explain)(const struct cli_operation *operation, int status);

    cli_session session;
    int status; /**< how it ended */
    corral_stamp stamp;
} cli_operation;

/**
 * Submit it in its session, which is open, wait, and print or report what comes
 * of it. Returns the exit status.
 */
int cli_operation_run(cli_operation *operation);

/** For callbacks, with the operation as their arg: it has ended. @stamp may be NULL. */
void cli_operation_end(cli_operation *operation, int status, const corral_stamp *stamp);
void cli_operation_on_status(int status, void *operation);
void cli_operation_on_stamp(int status, const corral_stamp *stamp, void *operation);

/** What a deletion prints. */
void cli_operation_print_removed(const cli_operation *operation);

#endif

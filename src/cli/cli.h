/**
 * What the parts of the corral tool share: settings, commands, exit statuses.
 *
 * The tool uses the public headers of the library only.
 */
#ifndef CORRAL_CLI_H
#define CORRAL_CLI_H

#include <corral.h>
#include <stdbool.h>

#include "options.h"

/** Exit statuses. `dev` and `lock` with a command give that command's own. */
enum {
    CLI_DONE = 0,
    CLI_NO = 1,          /**< the answer is no */
    CLI_USAGE = 2,       /**< the command line or the environment is wrong */
    CLI_UNREACHABLE = 3, /**< timed out or unreachable: not done, try later */
    CLI_REFUSED = 4,     /**< bad data, bounds, access: not done, and would not be later */
    CLI_UNKNOWN = 5,     /**< may or may not have been done */
    CLI_OUTPUT = 6,      /**< done, but the result could not be written */
    CLI_LOCK_LOST = 120, /**< these are those of `lock`, which leaves the low ones to its command */
    CLI_LOCK_REFUSED = 122,
    CLI_LOCK_UNREACHABLE = 123,
    CLI_LOCK_USAGE = 125,
    CLI_NOT_EXECUTABLE = 126,
    CLI_NOT_FOUND = 127,
    CLI_SIGNAL = 128 /**< plus the number of the signal */
};

/** What the global options and the environment say. Strings live as long as the process. */
typedef struct {
    const char *servers; /**< never NULL */
    const char *home;    /**< NULL: the library's default */
    char auth_scheme[64];
    const char *auth_credential; /**< NULL: none */
    int64_t timeout_ms;
    bool timeout_given; /**< else timeout_ms is the default */
    bool json;
} cli_settings;

/** A command line, taken apart. */
typedef struct {
    const cli_settings *settings;
    const cli_option_set *options; /**< the command's own */
    char **operands;               /**< NULL at the end */
    int operand_count;
    char **rest;       /**< the command to run, for commands that take one; NULL: there was no "--" */
    bool rest_literal; /**< a "--" stood before it */
} cli_call;

/** A command of the tool. */
typedef struct {
    const char *name;          /**< "counter add" */
    const char *synopsis;      /**< what follows the name in a usage line */
    const char *summary;       /**< half a line */
    const char *help;          /**< paragraphs for --help */
    const cli_option *options; /**< its own; ends with a NULL name */
    int min_operands;
    int max_operands;
    bool takes_command; /**< "--" begins a command to run */
    bool wraps;         /**< what follows the operands is a command to run; see cli_wrapper_status() */
    int (*run)(const cli_call *call);
} cli_command;

/** The commands of each file; arrays end with a NULL name. */
extern const cli_command cli_counter_commands[];
extern const cli_command cli_counter_watch_commands[];
extern const cli_command cli_value_commands[];
extern const cli_command cli_watch_commands[];
extern const cli_command cli_id_commands[];
extern const cli_command cli_lock_commands[];
extern const cli_command cli_dev_commands[];

/**
 * Read the options that are about a counter itself, all but --read. Returns 0, or an exit status that has
 * been reported.
 */
int cli_counter_options(const cli_option_set *given, corral_counter_options *ret_options);

/** What --read says, by default the strictest. Returns 0, or CLI_USAGE, which has been reported. */
int cli_read_level(const cli_option_set *given, corral_read *ret_level);

/** A label has at most that many bytes. */
enum { CLI_LABEL_MAX = 1023 };

/**
 * Who we are, for others to see: --label, else USER@HOST PID. Returns 0, or an exit status that has been
 * reported.
 */
int cli_read_label(const cli_option_set *given, char ret_label[CLI_LABEL_MAX + 1]);

/** The exit status that a command which wraps another has in the place of @status, below 120 and not CLI_NO.
 */
int cli_wrapper_status(int status);

#endif

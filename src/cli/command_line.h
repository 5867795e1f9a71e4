/** A whole command line: finds the command, reads its options, the global ones and the environment. */
#ifndef CORRAL_CLI_COMMAND_LINE_H
#define CORRAL_CLI_COMMAND_LINE_H

#include "cli.h"

/** What a command line asks for. It points into itself: not to be moved. */
typedef struct {
    const cli_command *command; /**< to be run with @call; NULL: --help or --version was answered instead */
    cli_call call;
    cli_settings settings;
    cli_option_set globals;
    cli_option_set own; /**< the command's */
} cli_command_line;

/**
 * Take @argv apart. Returns 0, or an exit status that has been reported; in
 * both cases @ret_line is to be freed.
 */
int cli_command_line_read(int argc, char **argv, cli_command_line *ret_line);

void cli_command_line_free(cli_command_line *line);

#endif

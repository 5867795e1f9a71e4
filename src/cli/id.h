/** `corral id`: what its files share. */
#ifndef CORRAL_CLI_ID_H
#define CORRAL_CLI_ID_H

#include "cli.h"

enum { CLI_ID_DIGITS = 20, CLI_ID_LINE = CLI_ID_DIGITS + 1, CLI_ID_BUFFER = 64 * 1024 };

/**
 * IDs on their way to standard output. Most follow each other, so the digits of the last one are counted
 * on rather than computed; and the very last digit is kept apart, since a processor waits for bytes that it
 * copies right after one of them was written.
 */
typedef struct {
    uint64_t last;
    char digit;                 /**< its last one */
    size_t start;               /**< where in the line its digits begin, before which there are zeros */
    char line[2 * CLI_ID_LINE]; /**< up to the newline; as much again may be read behind it */
    char buffer[CLI_ID_BUFFER];
    size_t used;
} cli_id_printer;

void cli_id_printer_init(cli_id_printer *printer);

/**
 * Write @count IDs to standard output, one a line, in decimal or as text. False: it could not be;
 * cli_finish_output() tells, and errno.
 */
bool cli_id_print(cli_id_printer *printer, const uint64_t *ids, size_t count, bool text);

/**
 * Read the layout of snowflakes from --epoch, --worker-bits and --sequence-bits. *ret_given: there was any of
 * them. Returns 0, or an exit status that has been reported.
 */
int cli_id_layout(const cli_option_set *given, corral_ids_options *options, bool *ret_given);

/** Make a handle of the generator at @path. Returns 0, or an exit status that has been reported. */
int cli_id_open(corral_client *client, const char *path, const corral_ids_options *options,
                corral_ids **ret_ids);

/** `id decode`. */
int cli_id_decode(const cli_call *call);

#endif

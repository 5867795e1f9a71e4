/**
 * Taking a command line apart. Options may stand anywhere, "--" ends them, and
 * what looks like a negative number is an operand. Options of one letter can be
 * joined, and joined with the value of the last: -nE5.
 */
#ifndef CORRAL_CLI_OPTIONS_H
#define CORRAL_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_MAX_OPTIONS 16

/** An option. An array of them ends with a NULL name. */
typedef struct {
    const char *name;    /**< without dashes */
    const char *value;   /**< what its value is called in help; NULL: it takes none */
    const char *help;    /**< NULL: it is not shown */
    const char *letters; /**< each alone, behind one dash, means the same; NULL: none */
    const char *unsets;  /**< the option that it takes the place of; NULL: none */
} cli_option;

/** Options and what the command line says of each. */
typedef struct {
    const cli_option *options;
    const char *values[CLI_MAX_OPTIONS]; /**< NULL: not given; "" for one that takes no value */
} cli_option_set;

/** The value of the option @name. NULL: not given, or not one of @set. */
const char *cli_option_value(const cli_option_set *set, const char *name);

/** Have @to, another command's, hold what is given in @from. Returns 0, or a CLI_USAGE error that has been
 * reported. */
int cli_move_options(const cli_option_set *from, cli_option_set *to);

/** Where we are in a command line. */
typedef struct {
    char **next;  /**< ends with NULL */
    bool literal; /**< "--" was met: no more options */
    bool stopped; /**< at a "--" that was an end, see cli_next_operand() */
} cli_reader;

/**
 * Read up to the next operand, noting options in @sets (NULL-terminated). The
 * operand goes to @ret_operand, NULL at the end. With @stop_at_dashes "--" is
 * an end too, even if one was met before, and reader->next is then what follows it. Returns 0, or a
 * CLI_USAGE error that has been reported.
 */
int cli_next_operand(cli_reader *reader, cli_option_set *const *sets, bool stop_at_dashes,
                     char **ret_operand);

/** Read a signed 64-bit number called @what. Returns 0, or a CLI_USAGE error that has been reported. */
int cli_parse_int64(const char *what, const char *text, int64_t *ret_value);

/** Read decimal seconds, rounded up to milliseconds. As cli_parse_int64(). */
int cli_parse_duration(const char *what, const char *text, int64_t *ret_ms);

/** The same, and it must be more than 0. */
int cli_parse_seconds(const char *what, const char *text, int64_t *ret_ms);

/** Print @options to standard output, as --help shows them. */
void cli_print_options(const cli_option *options);

#endif

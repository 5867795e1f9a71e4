#include "command_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

#define DEFAULT_SERVERS "127.0.0.1:2181"
#define DEFAULT_TIMEOUT_MS 10000

static const cli_command *const command_groups[] = {
    cli_counter_commands, cli_counter_watch_commands, cli_value_commands, cli_watch_commands,
    cli_id_commands,      cli_lock_commands,          cli_dev_commands};

#define GROUP_COUNT (sizeof command_groups / sizeof *command_groups)

static const cli_option global_options[] = {
    {.name = "servers", .value = "SERVERS", .help = "ZooKeeper connect string ($CORRAL_SERVERS)"},
    {.name = "timeout", .value = "SECONDS", .help = "for the whole operation, as 2.5 ($CORRAL_TIMEOUT, 10)"},
    {.name = "auth", .value = "SCHEME:CREDENTIAL", .help = "as digest:user:password (better: $CORRAL_AUTH)"},
    {.name = "home", .value = "PATH", .help = "house-keeping znodes ($CORRAL_HOME, /corral)"},
    {.name = "json", .help = "print JSON, one object a line"},
    {.name = "help", .help = "print this, or the help of the command"},
    {.name = "version", .help = "print the version"},
    {.name = NULL}};

/* ---- help ---- */

static void print_commands(const char *prefix)
{
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        for (const cli_command *command = command_groups[g]; command->name != NULL; command++) {
            if (strncmp(command->name, prefix, strlen(prefix)) == 0) {
                int width = printf("  %s %s", command->name, command->synopsis);
                printf("%*s%s\n", width < 40 ? 40 - width : 1, "", command->summary);
            }
        }
    }
}

static void print_tool_help(const char *prefix)
{
    printf("Usage: corral [OPTION...] COMMAND [ARG...]\n\n"
           "Coordination on Apache ZooKeeper: counters that count exactly once, values, watches,\n"
           "unique IDs, and locks.\n\n"
           "Commands:\n");
    print_commands(prefix);
    printf("\nOptions, before or after the command:\n");
    cli_print_options(global_options);
    printf("\nExit status: 0 done; 1 the answer is no; 2 usage; 3 timed out or unreachable;\n"
           "4 refused; 5 may or may not have been done; 6 done, but output failed.\n"
           "Those of lock: see corral lock --help.\n"
           "See corral(1).\n");
}

static void print_command_help(const cli_command *command)
{
    printf("Usage: corral %s [OPTION...] %s\n\n%c%s.\n\n%s\nOptions:\n", command->name, command->synopsis,
           command->summary[0] - 'a' + 'A', command->summary + 1, command->help);
    cli_print_options(command->options);
    printf("\nOptions of every command:\n");
    cli_print_options(global_options);
}

/* ---- finding the command ---- */

/** The command called @name. NULL: none; then *ret_group tells whether commands begin with these words. */
static const cli_command *find_command(const char *name, bool *ret_group)
{
    size_t length = strlen(name);
    *ret_group = false;
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        for (const cli_command *command = command_groups[g]; command->name != NULL; command++) {
            if (strcmp(command->name, name) == 0) {
                *ret_group = false;
                return command;
            }
            if (strncmp(command->name, name, length) == 0 && command->name[length] == ' ') {
                *ret_group = true;
            }
        }
    }
    return NULL;
}

/** What --help and --version, met so far, ask for. True: it has been printed. */
static bool answer_at_once(const cli_option_set *globals, const cli_command *command, const char *words)
{
    if (cli_option_value(globals, "help") != NULL) {
        if (command != NULL) {
            print_command_help(command);
        } else {
            print_tool_help(words);
        }
        return true;
    }
    if (cli_option_value(globals, "version") != NULL) {
        printf("corral %s\n", corral_version());
        return true;
    }
    return false;
}

/**
 * Read the words that name the command, and the global options among them.
 * *ret_command is NULL if --help or --version was answered instead.
 */
static int read_command(cli_reader *reader, cli_option_set *globals, const cli_command **ret_command)
{
    cli_option_set *sets[] = {globals, NULL};
    char words[64] = "";
    bool group = true;
    *ret_command = NULL;
    while (group) {
        char *word;
        int status = cli_next_operand(reader, sets, false, &word);
        if (status != 0) {
            return status;
        }
        if (answer_at_once(globals, NULL, words)) {
            return 0;
        }
        if (word == NULL) {
            cli_error("no command%s%s (see corral --help)", *words != '\0' ? " after " : "", words);
            return CLI_USAGE;
        }
        size_t used = strlen(words);
        snprintf(words + used, sizeof words - used, "%s%s", used > 0 ? " " : "", word);
        *ret_command = find_command(words, &group);
    }
    if (*ret_command == NULL) {
        cli_error("no such command: %s (see corral --help)", words);
        return CLI_USAGE;
    }
    return 0;
}

/* ---- settings ---- */

/** A global option, else the variable. An empty variable counts as unset, and is unset for the library. */
static const char *setting(const cli_option_set *globals, const char *option, const char *variable)
{
    const char *value = getenv(variable);
    if (value != NULL && *value == '\0') {
        unsetenv(variable);
        value = NULL;
    }
    const char *given = cli_option_value(globals, option);
    return given != NULL ? given : value;
}

/** Split "scheme:credential". */
static int parse_auth(const char *text, cli_settings *settings)
{
    size_t length = strcspn(text, ":");
    if (length == 0 || length >= sizeof settings->auth_scheme || text[length] == '\0' ||
        text[length + 1] == '\0') {
        /* It is a secret: it is not repeated. */
        cli_error("--auth or CORRAL_AUTH is not of the form SCHEME:CREDENTIAL");
        return CLI_USAGE;
    }
    memcpy(settings->auth_scheme, text, length);
    settings->auth_credential = text + length + 1;
    return 0;
}

static int read_settings(const cli_option_set *globals, cli_settings *ret_settings)
{
    const char *servers = setting(globals, "servers", "CORRAL_SERVERS");
    const char *auth = setting(globals, "auth", "CORRAL_AUTH");
    const char *timeout = setting(globals, "timeout", "CORRAL_TIMEOUT");
    bool timeout_option = cli_option_value(globals, "timeout") != NULL;
    int status = 0;
    *ret_settings = (cli_settings){.servers = servers != NULL ? servers : DEFAULT_SERVERS,
                                   .home = setting(globals, "home", "CORRAL_HOME"),
                                   .timeout_ms = DEFAULT_TIMEOUT_MS,
                                   .timeout_given = timeout != NULL,
                                   .json = cli_option_value(globals, "json") != NULL};
    if (timeout != NULL) {
        status = cli_parse_seconds(timeout_option ? "--timeout" : "CORRAL_TIMEOUT", timeout,
                                   &ret_settings->timeout_ms);
    }
    if (status == 0 && auth != NULL) {
        status = parse_auth(auth, ret_settings);
    }
    return status;
}

/* ---- all of it ---- */

static int check_operands(const cli_command *command, const cli_call *call)
{
    if (call->operand_count > command->max_operands) {
        cli_error("%s: one argument too many: %.100s (usage: corral %s %s)", command->name,
                  call->operands[command->max_operands], command->name, command->synopsis);
        return CLI_USAGE;
    }
    if (call->operand_count < command->min_operands) {
        cli_error("%s: argument missing (usage: corral %s %s)", command->name, command->name,
                  command->synopsis);
        return CLI_USAGE;
    }
    return 0;
}

/**
 * `lock ls` begins as `lock` does, and what stands in between are options of either: if @word is the rest of
 * a longer name, have @line be about that command. Returns 0, or an exit status that has been reported.
 */
static int lengthen_command(cli_command_line *line, const char *word, bool *ret_taken)
{
    char words[64];
    bool group;
    snprintf(words, sizeof words, "%s %s", line->command->name, word);
    const cli_command *longer = find_command(words, &group);
    *ret_taken = longer != NULL;
    if (longer == NULL) {
        return 0;
    }
    cli_option_set own = {.options = longer->options};
    int status = cli_move_options(&line->own, &own);
    line->command = longer;
    line->own = own;
    return status;
}

/**
 * Of a command that wraps another: are we where that begins? Then go there. Literal is what follows a "--"
 * that stands right there: one before the operands is about them.
 */
static bool at_wrapped(cli_reader *reader, const cli_command_line *line)
{
    if (!line->command->wraps || line->call.operand_count < line->command->max_operands) {
        return false;
    }
    reader->literal = *reader->next != NULL && strcmp(*reader->next, "--") == 0;
    reader->next += reader->literal;
    reader->stopped = true;
    return true;
}

static int read_operands(cli_reader *reader, cli_command_line *line)
{
    cli_option_set *sets[] = {&line->globals, &line->own, NULL};
    cli_call *call = &line->call;
    char *word = NULL;
    do {
        bool taken = false;
        int status = cli_next_operand(reader, sets, line->command->takes_command, &word);
        if (status == 0 && word != NULL && !reader->literal && call->operand_count == 0) {
            status = lengthen_command(line, word, &taken);
        }
        if (status != 0) {
            return status;
        }
        if (!taken && word != NULL) {
            call->operands[call->operand_count++] = word;
        }
    } while (word != NULL && !at_wrapped(reader, line));
    return 0;
}

/** Read what follows the command. If --help or --version was answered, there is no command any more. */
static int read_call(cli_reader *reader, cli_command_line *line)
{
    int status = read_operands(reader, line);
    if (status != 0) {
        return status;
    }
    if (answer_at_once(&line->globals, line->command, NULL)) {
        line->command = NULL;
        return 0;
    }
    if (reader->stopped) {
        line->call.rest = reader->next;
        line->call.rest_literal = reader->literal;
    }
    status = check_operands(line->command, &line->call);
    return status != 0 ? status : read_settings(&line->globals, &line->settings);
}

int cli_command_line_read(int argc, char **argv, cli_command_line *ret_line)
{
    cli_reader reader = {.next = argv + (argc > 0)};
    *ret_line = (cli_command_line){.globals = {.options = global_options}};
    int status = read_command(&reader, &ret_line->globals, &ret_line->command);
    if (status != 0 || ret_line->command == NULL) {
        return status;
    }
    char **operands = calloc((size_t)argc + 1, sizeof *operands);
    if (operands == NULL) {
        cli_error("out of memory");
        return ret_line->command->wraps ? cli_wrapper_status(CLI_UNREACHABLE) : CLI_UNREACHABLE;
    }
    ret_line->own.options = ret_line->command->options;
    ret_line->call =
        (cli_call){.settings = &ret_line->settings, .options = &ret_line->own, .operands = operands};
    status = read_call(&reader, ret_line);
    return ret_line->command != NULL && ret_line->command->wraps ? cli_wrapper_status(status) : status;
}

void cli_command_line_free(cli_command_line *line)
{
    free(line->call.operands);
}

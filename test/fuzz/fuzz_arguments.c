/**
 * The tool's command line and environment, up to where a session would begin.
 * The input is one word a line; \x01 stands for a newline within a word. Words
 * at the beginning that set one of the tool's variables are its environment.
 */
#include "cli/command_line.h"
#include "cli/session.h"
#include "fuzz.h"
#include "said.h"

enum { WORDS_MAX = 40 };

static const char *const variables[] = {"CORRAL_SERVERS", "CORRAL_TIMEOUT", "CORRAL_AUTH", "CORRAL_HOME"};

#define VARIABLE_COUNT (sizeof variables / sizeof *variables)

/** The linker has cli_session_open() lead here: nothing is connected to. */
int __wrap_cli_session_open(cli_session *session, const cli_settings *settings,
                            const corral_client_options *base);

static bool opened;

int __wrap_cli_session_open(cli_session *session, const cli_settings *settings,
                            const corral_client_options *base)
{
    (void)session;
    (void)settings;
    (void)base;
    opened = true;
    return CLI_UNREACHABLE;
}

/* ---- the input ---- */

static void clear_environment(void)
{
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        unsetenv(variables[i]);
    }
}

static bool sets_variable(const char *word)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (word[length] == '=' && strlen(variables[i]) == length &&
            strncmp(word, variables[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/** Cut @text into words at its newlines, behind a name for the tool; NULL at the end. */
static int split(char *text, char *words[WORDS_MAX + 2])
{
    static char name[] = "corral";
    int count = 1;
    words[0] = name;
    for (char *word; count <= WORDS_MAX && (word = strsep(&text, "\n")) != NULL;) {
        for (char *c = word; *c != '\0'; c++) {
            *c = *c == '\x01' ? '\n' : *c;
        }
        if (count == 1 && sets_variable(word)) {
            putenv(word);
        } else {
            words[count++] = word;
        }
    }
    words[count] = NULL;
    return count;
}

/* ---- what must hold ---- */

/** The operands are words of the command line, in their order; --help would have been answered. */
static void check_call(const cli_command_line *line, char **words)
{
    const cli_call *call = &line->call;
    FUZZ_CHECK(call->operand_count >= line->command->min_operands);
    FUZZ_CHECK(call->operand_count <= line->command->max_operands);
    FUZZ_CHECK(call->operands[call->operand_count] == NULL);
    char **word = words + 1;
    for (int i = 0; i < call->operand_count; i++) {
        while (*word != NULL && *word != call->operands[i]) {
            word++;
        }
        FUZZ_CHECK(*word != NULL);
        word++;
    }
    if (line->command->wraps) {
        FUZZ_CHECK(call->rest > word || (call->rest == word && !call->rest_literal));
    } else if (call->rest != NULL) {
        FUZZ_CHECK(line->command->takes_command && call->rest > word && strcmp(call->rest[-1], "--") == 0);
    }
    FUZZ_CHECK(cli_option_value(&line->globals, "help") == NULL);
    FUZZ_CHECK(cli_option_value(&line->globals, "version") == NULL);
}

static const char *given(const cli_command_line *line, const char *option, const char *variable)
{
    const char *value = cli_option_value(&line->globals, option);
    return value != NULL ? value : getenv(variable);
}

/** An option wins over its variable, which wins over the default. */
static void check_settings(const cli_command_line *line)
{
    const cli_settings *settings = &line->settings;
    const char *servers = given(line, "servers", "CORRAL_SERVERS");
    const char *auth = given(line, "auth", "CORRAL_AUTH");
    size_t scheme = strlen(settings->auth_scheme);
    FUZZ_CHECK(settings->servers == servers ||
               (servers == NULL && strcmp(settings->servers, "127.0.0.1:2181") == 0));
    FUZZ_CHECK(settings->home == given(line, "home", "CORRAL_HOME"));
    FUZZ_CHECK(settings->timeout_ms > 0);
    FUZZ_CHECK(settings->timeout_given == (given(line, "timeout", "CORRAL_TIMEOUT") != NULL));
    if (auth == NULL) {
        FUZZ_CHECK(settings->auth_credential == NULL && scheme == 0);
    } else {
        FUZZ_CHECK(scheme > 0 && strncmp(auth, settings->auth_scheme, scheme) == 0 && auth[scheme] == ':');
        FUZZ_CHECK(settings->auth_credential == auth + scheme + 1 && *settings->auth_credential != '\0');
    }
}

/** The options of a command on a counter, once more: those that are taken make sense together. */
static void check_counter_options(const cli_command_line *line)
{
    corral_counter_options options = CORRAL_COUNTER_OPTIONS_INIT;
    FUZZ_CHECK(cli_counter_options(&line->own, &options) == 0);
    FUZZ_CHECK(options.encoding <= CORRAL_ENCODING_INT32_BE && options.min <= options.max);
    if (options.encoding == CORRAL_ENCODING_INT32_BE) {
        FUZZ_CHECK(options.min == INT64_MIN || options.min >= INT32_MIN);
        FUZZ_CHECK(options.max == INT64_MAX || options.max <= INT32_MAX);
    }
}

/** Run the command, but for those that do something without a session. */
static void run(const cli_command_line *line)
{
    if (line->command->takes_command) {
        return;
    }
    opened = false;
    said_begin();
    int status = line->command->run(&line->call);
    /* `id decode` alone gets by without one. */
    bool answered = status == CLI_DONE && !opened && strcmp(line->command->name, "id decode") == 0;
    said_end(!opened && !answered);
    int expected = opened ? CLI_UNREACHABLE : answered ? CLI_DONE : CLI_USAGE;
    FUZZ_CHECK(status == (line->command->wraps ? cli_wrapper_status(expected) : expected));
    if (opened && strncmp(line->command->name, "counter ", 8) == 0) {
        check_counter_options(line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words[WORDS_MAX + 2];
    cli_command_line line;
    char *text = fuzz_string(data, size);
    clear_environment();
    int count = split(text, words);
    said_begin();
    int status = cli_command_line_read(count, words, &line);
    said_end(status != 0);
    FUZZ_CHECK(status == 0 || status == CLI_USAGE || status == CLI_LOCK_USAGE);
    if (status == 0 && line.command != NULL) {
        check_call(&line, words);
        check_settings(&line);
        run(&line);
    }
    cli_command_line_free(&line);
    clear_environment();
    free(text);
    return 0;
}

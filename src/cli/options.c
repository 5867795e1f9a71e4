#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"

static size_t find_option(const cli_option_set *set, const char *name, size_t length)
{
    size_t i = 0;
    while (set->options[i].name != NULL &&
           (strlen(set->options[i].name) != length || strncmp(set->options[i].name, name, length) != 0)) {
        i++;
    }
    return i;
}

const char *cli_option_value(const cli_option_set *set, const char *name)
{
    return set->values[find_option(set, name, strlen(name))];
}

/** Note the option @text, "--name" or "--name=value"; its value may be the next argument. */
static int read_option(cli_reader *reader, cli_option_set *const *sets, const char *text)
{
    const char *name = text + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    for (; strncmp(text, "--", 2) == 0 && *sets != NULL; sets++) {
        size_t i = find_option(*sets, name, length);
        if ((*sets)->options[i].name == NULL) {
            continue;
        }
        bool wants_value = (*sets)->options[i].value != NULL;
        if (!wants_value && value != NULL) {
            cli_error("option --%s takes no value", (*sets)->options[i].name);
            return CLI_USAGE;
        }
        if (wants_value && value == NULL) {
            value = *reader->next;
            if (value == NULL) {
                cli_error("option %s needs a value: %s", text, (*sets)->options[i].value);
                return CLI_USAGE;
            }
            reader->next++;
        }
        (*sets)->values[i] = wants_value ? value : "";
        return 0;
    }
    cli_error("unknown option: %s", text);
    return CLI_USAGE;
}

static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] != '\0' && (text[1] < '0' || text[1] > '9');
}

int cli_next_operand(cli_reader *reader, cli_option_set *const *sets, bool stop_at_dashes, char **ret_operand)
{
    while (*reader->next != NULL) {
        char *text = *reader->next++;
        if ((!reader->literal || stop_at_dashes) && strcmp(text, "--") == 0) {
            reader->literal = true;
            if (stop_at_dashes) {
                reader->stopped = true;
                break;
            }
        } else if (!reader->literal && is_option(text)) {
            int status = read_option(reader, sets, text);
            if (status != 0) {
                return status;
            }
        } else {
            *ret_operand = text;
            return 0;
        }
    }
    *ret_operand = NULL;
    return 0;
}

int cli_parse_int64(const char *what, const char *text, int64_t *ret_value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
        cli_error("%s is not a whole number: %.100s", what, text);
        return CLI_USAGE;
    }
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno != 0) {
        cli_error("%s is out of the range of a signed 64-bit integer: %.100s", what, text);
        return CLI_USAGE;
    }
    *ret_value = value;
    return 0;
}

int cli_parse_seconds(const char *what, const char *text, int64_t *ret_ms)
{
    static const char digits[] = "0123456789";
    size_t whole = strspn(text, digits);
    const char *fraction = text + whole + (text[whole] == '.');
    size_t decimals = strspn(fraction, digits);
    if (whole + decimals == 0 || fraction[decimals] != '\0' || whole > 9) {
        cli_error("%s is not a number of seconds: %.100s", what, text);
        return CLI_USAGE;
    }
    int64_t ms = (whole > 0 ? atoll(text) : 0) * 1000;
    for (size_t i = 0, weight = 100; i < 3 && i < decimals; i++, weight /= 10) {
        ms += (int64_t)weight * (fraction[i] - '0');
    }
    ms += decimals > 3 && strspn(fraction + 3, "0") < decimals - 3;
    if (ms == 0) {
        cli_error("%s must be more than 0 seconds: %.100s", what, text);
        return CLI_USAGE;
    }
    *ret_ms = ms;
    return 0;
}

void cli_print_options(const cli_option *options)
{
    for (; options->name != NULL; options++) {
        int width = printf("  --%s%s%s", options->name, options->value != NULL ? " " : "",
                           options->value != NULL ? options->value : "");
        /* The name fits its column everywhere but in the longest cases, which get a line of their own. */
        if (width > 24) {
            putchar('\n');
            width = 0;
        }
        printf("%*s%s\n", 26 - width, "", options->help);
    }
}

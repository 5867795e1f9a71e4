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

/** Option @i of @set, which is written @shown. Its value is @value, or NULL: if it wants one, the next
 * argument. */
static int note_option(cli_reader *reader, cli_option_set *set, size_t i, const char *shown,
                       const char *value)
{
    const cli_option *option = &set->options[i];
    if (option->value != NULL && value == NULL) {
        value = *reader->next;
        if (value == NULL) {
            cli_error("option %s needs a value: %s", shown, option->value);
            return CLI_USAGE;
        }
        reader->next++;
    }
    if (option->unsets != NULL) {
        set->values[find_option(set, option->unsets, strlen(option->unsets))] = NULL;
    }
    set->values[i] = option->value != NULL ? value : "";
    return 0;
}

/** Note the option @text, "--name" or "--name=value"; its value may be the next argument. */
static int read_long_option(cli_reader *reader, cli_option_set *const *sets, const char *text)
{
    const char *name = text + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    for (; *sets != NULL; sets++) {
        size_t i = find_option(*sets, name, length);
        if ((*sets)->options[i].name == NULL) {
            continue;
        }
        if ((*sets)->options[i].value == NULL && value != NULL) {
            cli_error("option --%s takes no value", (*sets)->options[i].name);
            return CLI_USAGE;
        }
        return note_option(reader, *sets, i, text, value);
    }
    cli_error("unknown option: %s", text);
    return CLI_USAGE;
}

/** Note the option of one letter at @text, of the argument @whole. *ret_ended: the rest was its value. */
static int read_letter(cli_reader *reader, cli_option_set *const *sets, const char *whole, const char *text,
                       bool *ret_ended)
{
    for (; *sets != NULL; sets++) {
        size_t i = 0;
        while ((*sets)->options[i].name != NULL &&
               ((*sets)->options[i].letters == NULL || strchr((*sets)->options[i].letters, *text) == NULL)) {
            i++;
        }
        if ((*sets)->options[i].name != NULL) {
            const char shown[] = {'-', *text, '\0'};
            *ret_ended = (*sets)->options[i].value != NULL;
            return note_option(reader, *sets, i, shown, *ret_ended && text[1] != '\0' ? text + 1 : NULL);
        }
    }
    cli_error("unknown option: %s", whole);
    return CLI_USAGE;
}

static int read_option(cli_reader *reader, cli_option_set *const *sets, const char *text)
{
    if (text[1] == '-') {
        return read_long_option(reader, sets, text);
    }
    int status = 0;
    bool ended = false;
    for (const char *letter = text + 1; status == 0 && !ended && *letter != '\0'; letter++) {
        status = read_letter(reader, sets, text, letter, &ended);
    }
    return status;
}

int cli_move_options(const cli_option_set *from, cli_option_set *to)
{
    for (size_t i = 0; from->options[i].name != NULL; i++) {
        const char *name = from->options[i].name;
        size_t place = find_option(to, name, strlen(name));
        if (from->values[i] != NULL && to->options[place].name == NULL) {
            cli_error("unknown option: --%s", name);
            return CLI_USAGE;
        }
        if (from->values[i] != NULL) {
            to->values[place] = from->values[i];
        }
    }
    return 0;
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

int cli_parse_duration(const char *what, const char *text, int64_t *ret_ms)
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
    *ret_ms = ms;
    return 0;
}

int cli_parse_seconds(const char *what, const char *text, int64_t *ret_ms)
{
    int64_t ms;
    int status = cli_parse_duration(what, text, &ms);
    if (status == 0 && ms == 0) {
        cli_error("%s must be more than 0 seconds: %.100s", what, text);
        status = CLI_USAGE;
    }
    if (status == 0) {
        *ret_ms = ms;
    }
    return status;
}

void cli_print_options(const cli_option *options)
{
    for (; options->name != NULL; options++) {
        if (options->help == NULL) {
            continue;
        }
        int width = options->letters != NULL ? printf("  -%c, ", *options->letters) : printf("  ");
        width += printf("--%s%s%s", options->name, options->value != NULL ? " " : "",
                        options->value != NULL ? options->value : "");
        /* The name fits its column everywhere but in the longest cases, which get a line of their own. */
        if (width > 24) {
            putchar('\n');
            width = 0;
        }
        printf("%*s%s\n", 26 - width, "", options->help);
    }
}

#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/** Between two members of an object. The tool prints one object at a time, on one thread. */
static const char *json_separator;

/** The errno of the first write that failed, 0: none. */
static int write_error;

void cli_error(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        fputs("corral: out of memory\n", stderr);
        return;
    }
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    fprintf(stderr, "corral: %s\n", text);
    free(text);
}

static void print_json_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            printf("\\%c", *text);
        } else if ((unsigned char)*text < ' ') {
            printf("\\u%04x", (unsigned)*text);
        } else {
            putchar(*text);
        }
    }
    putchar('"');
}

static void print_json_key(const char *key)
{
    fputs(json_separator, stdout);
    json_separator = ",";
    print_json_string(key);
    putchar(':');
}

void cli_json_begin(void)
{
    putchar('{');
    json_separator = "";
}

void cli_json_end(void)
{
    fputs("}\n", stdout);
}

void cli_json_string(const char *key, const char *value)
{
    print_json_key(key);
    print_json_string(value);
}

void cli_json_bool(const char *key, bool value)
{
    print_json_key(key);
    fputs(value ? "true" : "false", stdout);
}

void cli_json_number(const char *key, int64_t value)
{
    print_json_key(key);
    printf("%" PRId64, value);
}

void cli_json_int64(const char *key, int64_t value)
{
    print_json_key(key);
    printf("\"%" PRId64 "\"", value);
}

bool cli_flush_output(void)
{
    if (fflush(stdout) != 0 && write_error == 0) {
        write_error = errno;
    }
    return write_error == 0;
}

int cli_finish_output(int status)
{
    /* Some file systems tell of a full disk only at the close; without output a closed stream is no error. */
    if (cli_flush_output() && close(STDOUT_FILENO) != 0 && errno != EBADF) {
        write_error = errno;
    }
    if (write_error != 0) {
        cli_error("cannot write to standard output: %s", strerror(write_error));
        return CLI_OUTPUT;
    }
    return status;
}

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

/** How many bytes the character of UTF-8 at @bytes has, of at most @length. 0: none is there. */
static size_t character_length(const char *bytes, size_t length)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms && i < length; i++) {
        uint32_t character = (unsigned char)bytes[0] & (unsigned char)~forms[i].mask;
        bool whole = ((unsigned char)bytes[0] & forms[i].mask) == forms[i].lead;
        for (size_t next = 1; whole && next <= i; next++) {
            whole = ((unsigned char)bytes[next] & 0xc0) == 0x80;
            character = character << 6 | ((unsigned char)bytes[next] & 0x3f);
        }
        if (whole && character >= forms[i].least && character <= 0x10ffff &&
            (character < 0xd800 || character > 0xdfff)) {
            return i + 1;
        }
    }
    return 0;
}

/** Also those beyond ASCII. */
static bool is_control(const char *bytes, size_t length)
{
    unsigned char first = (unsigned char)bytes[0];
    return first < ' ' || first == 0x7f || (length > 1 && first == 0xc2 && (unsigned char)bytes[1] < 0xa0);
}

void cli_print_bytes(const char *bytes, size_t length)
{
    while (length > 0) {
        size_t taken = character_length(bytes, length);
        if (taken == 0 || is_control(bytes, taken)) {
            putchar('?');
        } else {
            fwrite(bytes, 1, taken, stdout);
        }
        taken = taken > 0 ? taken : 1;
        bytes += taken;
        length -= taken;
    }
}

static void print_json_text(const char *text, size_t length)
{
    putchar('"');
    while (length > 0) {
        size_t taken = character_length(text, length);
        if (taken == 0) {
            fputs("\\ufffd", stdout);
            taken = 1;
        } else if (*text == '"' || *text == '\\') {
            printf("\\%c", *text);
        } else if ((unsigned char)*text < ' ') {
            printf("\\u%04x", (unsigned)*text);
        } else {
            fwrite(text, 1, taken, stdout);
        }
        text += taken;
        length -= taken;
    }
    putchar('"');
}

static void print_json_string(const char *text)
{
    print_json_text(text, strlen(text));
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

void cli_json_bytes(const char *key, const char *bytes, size_t length)
{
    print_json_key(key);
    print_json_text(bytes, length);
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

bool cli_write_output(const char *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, stdout) < length && write_error == 0) {
        write_error = errno;
    }
    return cli_flush_output();
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

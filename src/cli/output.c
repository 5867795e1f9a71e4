#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "cli.h"

/** Between two members of an object. The tool prints one object at a time, on one thread. */
static const char *json_separator;

/** Where JSON goes to; NULL: standard output. */
static FILE *redirected;

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

void cli_output_to(FILE *stream)
{
    redirected = stream;
}

static FILE *output(void)
{
    return redirected != NULL ? redirected : stdout;
}

static void print_json_text(const char *text, size_t length)
{
    FILE *to = output();
    putc('"', to);
    while (length > 0) {
        size_t taken = cli_character_length(text, length);
        if (taken == 0) {
            fputs("\\ufffd", to);
            taken = 1;
        } else if (*text == '"' || *text == '\\') {
            fprintf(to, "\\%c", *text);
        } else if ((unsigned char)*text < ' ') {
            fprintf(to, "\\u%04x", (unsigned)*text);
        } else {
            fwrite(text, 1, taken, to);
        }
        text += taken;
        length -= taken;
    }
    putc('"', to);
}

static void print_json_string(const char *text)
{
    print_json_text(text, strlen(text));
}

/** What stands before a member, or before an element when @key is NULL. */
static void begin_json_item(const char *key)
{
    fputs(json_separator, output());
    json_separator = ",";
    if (key != NULL) {
        print_json_string(key);
        putc(':', output());
    }
}

void cli_json_begin(void)
{
    putc('{', output());
    json_separator = "";
}

void cli_json_end(void)
{
    fputs("}\n", output());
}

void cli_json_begin_array(const char *key)
{
    begin_json_item(key);
    putc('[', output());
    json_separator = "";
}

void cli_json_end_array(void)
{
    putc(']', output());
    json_separator = ",";
}

void cli_json_begin_element(void)
{
    begin_json_item(NULL);
    cli_json_begin();
}

void cli_json_end_element(void)
{
    putc('}', output());
    json_separator = ",";
}

void cli_json_string(const char *key, const char *value)
{
    begin_json_item(key);
    print_json_string(value);
}

void cli_json_bytes(const char *key, const char *bytes, size_t length)
{
    begin_json_item(key);
    print_json_text(bytes, length);
}

void cli_json_data(const void *data, size_t length)
{
    if (cli_is_utf8(data, length)) {
        cli_json_bytes("value", data, length);
    } else {
        begin_json_item("value_base64");
        putc('"', output());
        cli_print_base64(output(), data, length);
        putc('"', output());
    }
    cli_json_number("length", (int64_t)length);
}

void cli_json_bool(const char *key, bool value)
{
    begin_json_item(key);
    fputs(value ? "true" : "false", output());
}

void cli_json_number(const char *key, int64_t value)
{
    begin_json_item(key);
    fprintf(output(), "%" PRId64, value);
}

void cli_json_int64(const char *key, int64_t value)
{
    begin_json_item(key);
    fprintf(output(), "\"%" PRId64 "\"", value);
}

void cli_json_stamp(const corral_stamp *stamp)
{
    cli_json_int64("czxid", stamp->czxid);
    cli_json_int64("mzxid", stamp->mzxid);
    cli_json_number("version", stamp->version);
    cli_json_number("index", stamp->index);
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

/**
 * Output: results on standard output, plain or as one JSON object a line;
 * diagnostics on standard error, one line each.
 */
#ifndef CORRAL_CLI_OUTPUT_H
#define CORRAL_CLI_OUTPUT_H

#include <corral.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Print "corral: ..." to standard error: one line, whatever the arguments hold. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Begin and end an object; the members between go to standard output in order. */
void cli_json_begin(void);
void cli_json_end(void);

void cli_json_string(const char *key, const char *value);
/** An array of objects, or of strings when their key is NULL. */
void cli_json_begin_array(const char *key);
void cli_json_end_array(void);
void cli_json_begin_element(void);
void cli_json_end_element(void);

/** A string of bytes that others wrote; what is no UTF-8 of them becomes U+FFFD. */
void cli_json_bytes(const char *key, const char *bytes, size_t length);

/** A znode's data: as the string "value" if they are UTF-8, else as "value_base64"; and their "length". */
void cli_json_data(const void *data, size_t length);

void cli_json_bool(const char *key, bool value);

/** A number that fits a double, as a JSON number. */
void cli_json_number(const char *key, int64_t value);

/** A 64-bit number, as a JSON string: readers such as jq round above 2^53. */
void cli_json_int64(const char *key, int64_t value);

/** Which change it was: members of its own. */
void cli_json_stamp(const corral_stamp *stamp);

/** From now on JSON goes to @stream; NULL: to standard output again. */
void cli_output_to(FILE *stream);

/** Write these bytes, after what is buffered, and at once. As cli_flush_output(). */
bool cli_write_output(const char *bytes, size_t length);

/** Write out what is buffered, for a reader that waits. False: it could not be; cli_finish_output() tells,
 * and errno. */
bool cli_flush_output(void);

/** At the end: write out what is buffered. Returns @status, or CLI_OUTPUT (reported) if anything could not be
 * written. */
int cli_finish_output(int status);

#endif

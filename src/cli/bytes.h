/** Bytes that others wrote, for people, scripts and readers of JSON. */
#ifndef CORRAL_CLI_BYTES_H
#define CORRAL_CLI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** How many bytes the character of UTF-8 at @bytes has, of at most @length. 0: none is there. */
size_t cli_character_length(const char *bytes, size_t length);

/** Are they UTF-8, all of them? */
bool cli_is_utf8(const char *bytes, size_t length);

/** Print them for people: what is no UTF-8, or a control character, becomes a question mark. */
void cli_print_shown(FILE *to, const char *bytes, size_t length);

/**
 * Print them on one line, as printf(1) takes them back with %b: \\, \n, \r, \t,
 * and \0ooo, in octal, for what else is no UTF-8 or a control character, and for
 * the characters of ASCII in @also.
 */
void cli_print_escaped(FILE *to, const char *bytes, size_t length, const char *also);

void cli_print_base64(FILE *to, const unsigned char *bytes, size_t length);

#endif

#include "bytes.h"

#include <stdint.h>
#include <string.h>

size_t cli_character_length(const char *bytes, size_t length)
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

bool cli_is_utf8(const char *bytes, size_t length)
{
    while (length > 0) {
        size_t taken = cli_character_length(bytes, length);
        if (taken == 0) {
            return false;
        }
        bytes += taken;
        length -= taken;
    }
    return true;
}

/** Also those beyond ASCII. */
static bool is_control(const char *bytes, size_t length)
{
    unsigned char first = (unsigned char)bytes[0];
    return first < ' ' || first == 0x7f || (length > 1 && first == 0xc2 && (unsigned char)bytes[1] < 0xa0);
}

void cli_print_shown(FILE *to, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t taken = cli_character_length(bytes, length);
        if (taken == 0 || is_control(bytes, taken)) {
            putc('?', to);
        } else {
            fwrite(bytes, 1, taken, to);
        }
        taken = taken > 0 ? taken : 1;
        bytes += taken;
        length -= taken;
    }
}

/** What stands behind the backslash for @byte. '\0': nothing does. */
static char letter_of(char byte)
{
    static const char bytes[] = "\\\n\r\t";
    static const char letters[] = "\\nrt";
    const char *place = byte != '\0' ? strchr(bytes, byte) : NULL;
    return place != NULL ? letters[place - bytes] : '\0';
}

void cli_print_escaped(FILE *to, const char *bytes, size_t length, const char *also)
{
    while (length > 0) {
        size_t taken = cli_character_length(bytes, length);
        char letter = letter_of(*bytes);
        if (letter != '\0') {
            fprintf(to, "\\%c", letter);
        } else if (taken == 0 || is_control(bytes, taken) || strchr(also, *bytes) != NULL) {
            taken = taken > 0 ? taken : 1;
            for (size_t i = 0; i < taken; i++) {
                fprintf(to, "\\0%03o", (unsigned)(unsigned char)bytes[i]);
            }
        } else {
            fwrite(bytes, 1, taken, to);
        }
        bytes += taken;
        length -= taken;
    }
}

void cli_print_base64(FILE *to, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        size_t count = length - i < 3 ? length - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= count > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= count > 2 ? (uint32_t)bytes[i + 2] : 0;
        for (size_t digit = 0; digit < 4; digit++) {
            putc(digit <= count ? digits[group >> (18 - 6 * digit) & 0x3f] : '=', to);
        }
    }
}

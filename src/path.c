#include "path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * The length of the UTF-8 character at @text; 0 if it is none, or one that
 * servers refuse: controls, surrogates (so everything beyond the basic plane),
 * private use and specials.
 */
static size_t character(const unsigned char *text)
{
    uint32_t code = text[0];
    size_t length = code >= 0xe0 ? 3 : 2;

    if (code < 0x80) {
        return code > 0x1f && code != 0x7f ? 1 : 0;
    }
    if (code < 0xc2 || code >= 0xf0) {
        return 0;
    }
    code &= 0x7fu >> length;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (text[i] & 0x3f);
    }
    if (length == 3 && code < 0x800) {
        return 0; /* an overlong form */
    }
    return code <= 0x9f || (code >= 0xd800 && code <= 0xf8ff) || code >= 0xfff0 ? 0 : length;
}

static bool component_valid(const char *text, size_t length)
{
    if (length == 0 || (length == 1 && text[0] == '.') ||
        (length == 2 && text[0] == '.' && text[1] == '.')) {
        return false;
    }
    for (size_t i = 0; i < length;) {
        size_t step = character((const unsigned char *)text + i);

        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

bool corrali_path_valid(const char *path)
{
    if (path[0] != '/' || strnlen(path, CORRALI_PATH_MAX + 1) > CORRALI_PATH_MAX) {
        return false;
    }
    do {
        size_t length = strcspn(path + 1, "/");

        if (!component_valid(path + 1, length)) {
            return false;
        }
        path += 1 + length;
    } while (*path != '\0');
    return true;
}

/* Is it "host:port", without a character that would mean something else to libzookeeper? */
static bool endpoint_valid(const char *text, size_t length)
{
    const char *colon = memrchr(text, ':', length);
    size_t host = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracketed = text[0] == '[';
    char port[6];
    size_t digits;

    if (host == 0 || host > 255) {
        return false;
    }
    if (bracketed ? text[host - 1] != ']' || host < 4 : memchr(text, ':', host) != NULL) {
        return false;
    }
    for (size_t i = bracketed ? 1 : 0; i < (bracketed ? host - 1 : host); i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f || text[i] == '[' || text[i] == ']') {
            return false;
        }
    }
    digits = length - host - 1;
    if (digits == 0 || digits > 5) {
        return false;
    }
    memcpy(port, colon + 1, digits);
    port[digits] = '\0';
    return strspn(port, "0123456789") == digits && port[0] != '0' && atoi(port) <= 65535;
}

bool corrali_servers_valid(const char *servers, const char **ret_chroot)
{
    size_t hosts = strcspn(servers, "/");
    const char *chroot = servers + hosts;

    if (*chroot != '\0' && strcmp(chroot, "/") != 0 && !corrali_path_valid(chroot)) {
        return false;
    }
    for (size_t at = 0;; at++) {
        size_t length = strcspn(servers + at, ",/");

        if (!endpoint_valid(servers + at, length)) {
            return false;
        }
        at += length;
        if (at == hosts) {
            *ret_chroot = chroot;
            return true;
        }
    }
}

size_t corrali_path_prefix(const char *path, size_t count)
{
    size_t at = 0;

    while (count-- > 0) {
        if (path[at] == '\0') {
            return 0;
        }
        at += 1 + strcspn(path + at + 1, "/");
    }
    return at;
}

/**
 * What the fuzz targets share. A target is one file, fuzz_NAME.c, with one
 * function, LLVMFuzzerTestOneInput(), that libFuzzer calls with inputs of its
 * making; it says with FUZZ_CHECK() what must hold for any of them. Inputs
 * worth starting from are in corpus/fuzz_NAME.
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** End with a message unless @condition holds. Unlike assert() it is never compiled out. */
#define FUZZ_CHECK(condition)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                   \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/** A string of @size bytes at @data: up to the first NUL, in memory of just that size. To be freed. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
    char *text = size == 0 ? strdup("") : strndup((const char *)data, size);
    FUZZ_CHECK(text != NULL);
    return text;
}

#endif

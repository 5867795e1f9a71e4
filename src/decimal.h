/* The DECIMAL encoding of a counter: ASCII, an optional '-', digits. */
#ifndef CORRALI_DECIMAL_H
#define CORRALI_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any encoded value, with a terminating NUL. */
#define CORRALI_DECIMAL_SIZE 24

/* Write @value to @buffer; returns the length. */
size_t corrali_decimal_encode(int64_t value, char buffer[CORRALI_DECIMAL_SIZE]);

/* Is all of @data a number that fits? Then it goes to @ret_value. */
bool corrali_decimal_decode(const char *data, size_t length, int64_t *ret_value);

#endif

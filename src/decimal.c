#include "decimal.h"

#include <inttypes.h>
#include <stdio.h>

size_t corrali_decimal_encode(int64_t value, char buffer[CORRALI_DECIMAL_SIZE])
{
    return (size_t)snprintf(buffer, CORRALI_DECIMAL_SIZE, "%" PRId64, value);
}

bool corrali_decimal_decode(const char *data, size_t length, int64_t *ret_value)
{
    bool negative = length > 0 && data[0] == '-';
    int64_t value = 0;

    if (length == (negative ? 1 : 0)) {
        return false;
    }
    for (size_t i = negative ? 1 : 0; i < length; i++) {
        int digit = data[i] - '0';

        if (digit < 0 || digit > 9) {
            return false;
        }
        /* Counted downwards, for INT64_MIN has no positive counterpart. */
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (!negative && __builtin_sub_overflow(0, value, &value)) {
        return false;
    }
    *ret_value = value;
    return true;
}

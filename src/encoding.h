/* How a counter's znode spells its value. */
#ifndef CORRALI_ENCODING_H
#define CORRALI_ENCODING_H

#include <corral/counter.h>

#include <stdbool.h>

#include "decimal.h"

/* Room for any value in any encoding. */
#define CORRALI_ENCODED_SIZE CORRALI_DECIMAL_SIZE

bool corrali_encoding_valid(corral_encoding encoding);

/* The least and the greatest value that it can spell. */
int64_t corrali_encoding_min(corral_encoding encoding);
int64_t corrali_encoding_max(corral_encoding encoding);

/* Write @value, which must be within these, to @buffer; returns the length. */
size_t corrali_encoding_encode(corral_encoding encoding, int64_t value, char buffer[CORRALI_ENCODED_SIZE]);

/* Does all of @data spell a value? Then it goes to @ret_value. */
bool corrali_encoding_decode(corral_encoding encoding, const char *data, size_t length, int64_t *ret_value);

#endif

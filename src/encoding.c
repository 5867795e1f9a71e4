#include "encoding.h"

#include <endian.h>
#include <string.h>

bool corrali_encoding_valid(corral_encoding encoding)
{
    return encoding == CORRAL_ENCODING_DECIMAL || encoding == CORRAL_ENCODING_INT64_BE ||
           encoding == CORRAL_ENCODING_INT32_BE;
}

int64_t corrali_encoding_min(corral_encoding encoding)
{
    return encoding == CORRAL_ENCODING_INT32_BE ? INT32_MIN : INT64_MIN;
}

int64_t corrali_encoding_max(corral_encoding encoding)
{
    return encoding == CORRAL_ENCODING_INT32_BE ? INT32_MAX : INT64_MAX;
}

static size_t encode_int64(int64_t value, char *buffer)
{
    uint64_t bits = htobe64((uint64_t)value);

    memcpy(buffer, &bits, sizeof bits);
    return sizeof bits;
}

static size_t encode_int32(int32_t value, char *buffer)
{
    uint32_t bits = htobe32((uint32_t)value);

    memcpy(buffer, &bits, sizeof bits);
    return sizeof bits;
}

size_t corrali_encoding_encode(corral_encoding encoding, int64_t value, char buffer[CORRALI_ENCODED_SIZE])
{
    switch (encoding) {
    case CORRAL_ENCODING_INT64_BE:
        return encode_int64(value, buffer);
    case CORRAL_ENCODING_INT32_BE:
        return encode_int32((int32_t)value, buffer);
    case CORRAL_ENCODING_DECIMAL:
        break;
    }
    return corrali_decimal_encode(value, buffer);
}

static bool decode_int64(const char *data, size_t length, int64_t *ret_value)
{
    uint64_t bits;

    if (length != sizeof bits) {
        return false;
    }
    memcpy(&bits, data, sizeof bits);
    *ret_value = (int64_t)be64toh(bits);
    return true;
}

static bool decode_int32(const char *data, size_t length, int64_t *ret_value)
{
    uint32_t bits;

    if (length != sizeof bits) {
        return false;
    }
    memcpy(&bits, data, sizeof bits);
    *ret_value = (int32_t)be32toh(bits);
    return true;
}

bool corrali_encoding_decode(corral_encoding encoding, const char *data, size_t length, int64_t *ret_value)
{
    switch (encoding) {
    case CORRAL_ENCODING_INT64_BE:
        return decode_int64(data, length, ret_value);
    case CORRAL_ENCODING_INT32_BE:
        return decode_int32(data, length, ret_value);
    case CORRAL_ENCODING_DECIMAL:
        break;
    }
    return corrali_decimal_decode(data, length, ret_value);
}

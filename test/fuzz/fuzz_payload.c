/**
 * The data of counters' znodes. The first byte chooses the encoding, the rest
 * is the data; its first 8 bytes are a value to write, too.
 */
#include <errno.h>

#include "encoding.h"
#include "fuzz.h"

/** What is written reads as it was. */
static void check_write(corral_encoding encoding, int64_t value)
{
    char buffer[CORRALI_ENCODED_SIZE];
    int64_t read;
    size_t size = corrali_encoding_encode(encoding, value, buffer);
    FUZZ_CHECK(size > 0 && size <= sizeof buffer);
    char *exact = malloc(size);
    FUZZ_CHECK(exact != NULL);
    memcpy(exact, buffer, size);
    FUZZ_CHECK(corrali_encoding_decode(encoding, exact, size, &read) && read == value);
    FUZZ_CHECK(!corrali_encoding_decode(encoding, exact, size - 1, &read) ||
               encoding == CORRAL_ENCODING_DECIMAL);
    free(exact);
}

/** What is read is in range, and reads the same when written; a binary one is the same bytes, too. */
static void check_read(corral_encoding encoding, const char *data, size_t length)
{
    char written[CORRALI_ENCODED_SIZE];
    int64_t value = 12345;
    if (!corrali_encoding_decode(encoding, data, length, &value)) {
        FUZZ_CHECK(value == 12345);
        return;
    }
    FUZZ_CHECK(value >= corrali_encoding_min(encoding) && value <= corrali_encoding_max(encoding));
    check_write(encoding, value);
    if (encoding != CORRAL_ENCODING_DECIMAL) {
        FUZZ_CHECK(corrali_encoding_encode(encoding, value, written) == length);
        FUZZ_CHECK(memcmp(data, written, length) == 0);
    }
}

/** DECIMAL takes just what strtoll() does, less blanks and '+'. */
static void check_decimal(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    const char *digits = text + (text[0] == '-');
    bool number = strlen(text) == size && *digits != '\0' && strspn(digits, "0123456789") == strlen(digits);
    int64_t value;
    errno = 0;
    long long expected = number ? strtoll(text, NULL, 10) : 0;
    bool taken = corrali_encoding_decode(CORRAL_ENCODING_DECIMAL, (const char *)data, size, &value);
    FUZZ_CHECK(taken == (number && errno == 0));
    FUZZ_CHECK(!taken || value == expected);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const corral_encoding encodings[] = {CORRAL_ENCODING_DECIMAL, CORRAL_ENCODING_INT64_BE,
                                                CORRAL_ENCODING_INT32_BE};
    int64_t value;
    if (size == 0) {
        return 0;
    }
    corral_encoding encoding = encodings[data[0] % 3];
    check_read(encoding, (const char *)data + 1, size - 1);
    check_decimal(data + 1, size - 1);
    if (size > sizeof value) {
        memcpy(&value, data + 1, sizeof value);
        check_write(encoding, encoding == CORRAL_ENCODING_INT32_BE ? (int32_t)value : value);
    }
    return 0;
}

/** Numbers on the tool's command line. The first byte chooses the kind, the rest is the text. */
#include <inttypes.h>
#include <stdbool.h>

#include "cli/options.h"
#include "fuzz.h"
#include "said.h"

/** The first that has too many digits to be taken; what is just below is rounded up to it. */
#define SECONDS_END_MS INT64_C(1000000000000)

/** Skip the leading zeros of @digits, but not the last one. */
static const char *significant(const char *digits)
{
    while (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') {
        digits++;
    }
    return digits;
}

/** What is taken prints as it was written, but for a plus and leading zeros. */
static void check_int64(const char *text)
{
    int64_t value = 12345;
    char again[24];
    said_begin();
    int status = cli_parse_int64("N", text, &value);
    said_end(status != 0);
    if (status != 0) {
        FUZZ_CHECK(value == 12345);
        return;
    }
    snprintf(again, sizeof again, "%" PRId64, value);
    const char *digits = significant(text + (text[0] == '-' || text[0] == '+'));
    FUZZ_CHECK(strcmp(again + (value < 0), digits) == 0);
    FUZZ_CHECK(value == 0 || (value < 0) == (text[0] == '-'));
}

/** What is taken is rounded up to the next millisecond, and reads the same when printed. */
static void check_seconds(const char *text)
{
    int64_t ms = 12345;
    char again[32];
    int64_t ms_again;
    said_begin();
    int status = cli_parse_seconds("T", text, &ms);
    said_end(status != 0);
    if (status != 0) {
        FUZZ_CHECK(ms == 12345);
        return;
    }
    long double exact = strtold(text, NULL) * 1000;
    FUZZ_CHECK(ms > 0 && exact > 0 && exact <= (long double)ms + 1e-6L &&
               exact > (long double)ms - 1 - 1e-6L);
    snprintf(again, sizeof again, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
    if (ms < SECONDS_END_MS) {
        FUZZ_CHECK(cli_parse_seconds("T", again, &ms_again) == 0 && ms_again == ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    char *text = fuzz_string(data + 1, size - 1);
    if (data[0] % 2 == 0) {
        check_int64(text);
    } else {
        check_seconds(text);
    }
    free(text);
    return 0;
}

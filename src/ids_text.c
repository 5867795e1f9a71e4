/* IDs as text, and snowflakes taken apart. */
#include <corral/ids.h>
#include <corral/status.h>

#include <string.h>

#include "ids_config.h"

/* https://www.crockford.com/base32.html */
static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { DIGITS = CORRAL_ID_TEXT_SIZE - 1, DIGIT_BITS = 5, DIGIT_MASK = (1 << DIGIT_BITS) - 1 };

void corral_id_format(uint64_t id, char ret_text[CORRAL_ID_TEXT_SIZE])
{
    if (ret_text == NULL) {
        return;
    }
    ret_text[DIGITS] = '\0';
    for (int i = DIGITS; i-- > 0; id >>= DIGIT_BITS) {
        ret_text[i] = digits[id & DIGIT_MASK];
    }
}

/* Which digit @character stands for, or -1. */
static int digit_of(char character)
{
    char upper = character >= 'a' && character <= 'z' ? (char)(character - 'a' + 'A') : character;
    char meant = upper == 'O' ? '0' : upper == 'I' || upper == 'L' ? '1' : upper;
    const char *found = meant == '\0' ? NULL : strchr(digits, meant);

    return found == NULL ? -1 : (int)(found - digits);
}

int corral_id_parse(const char *text, uint64_t *ret_id)
{
    uint64_t id = 0;

    if (text == NULL || ret_id == NULL || strnlen(text, DIGITS + 1) != DIGITS || digit_of(text[0]) > 0xf) {
        return CORRAL_EINVAL; /* the first digit has four bits only */
    }
    for (int i = 0; i < DIGITS; i++) {
        int digit = digit_of(text[i]);

        if (digit < 0) {
            return CORRAL_EINVAL;
        }
        id = id << DIGIT_BITS | (unsigned)digit;
    }
    *ret_id = id;
    return CORRAL_OK;
}

int corral_snowflake_decode(uint64_t id, const corral_ids_options *options, corral_snowflake *ret_parts)
{
    static const corral_ids_options defaults = CORRAL_IDS_OPTIONS_INIT;
    int64_t ms;

    options = options == NULL ? &defaults : options;
    if (ret_parts == NULL || !corrali_ids_options_valid(options) || id > (uint64_t)INT64_MAX) {
        return CORRAL_EINVAL;
    }
    ms = (int64_t)(id >> (options->worker_bits + options->sequence_bits));
    if (options->epoch_ms > INT64_MAX - ms) {
        return CORRAL_EINVAL;
    }
    *ret_parts = (corral_snowflake){
        .time_ms = options->epoch_ms + ms,
        .worker = (uint32_t)(id >> options->sequence_bits & ((UINT64_C(1) << options->worker_bits) - 1)),
        .sequence = (uint32_t)(id & ((UINT64_C(1) << options->sequence_bits) - 1))};
    return CORRAL_OK;
}
